# SPDX-License-Identifier: Apache-2.0
"""REST import: reads an archive as it comes and adds what is in it, item by item, each in a
transaction of its own; and reports as Zimbra does, which is: hardly.
"""

import json
import re
import time
from collections import OrderedDict

from zlab import archive_items, model, tarstream
from zlab.archive_meta import Meta
from zlab.costs import Debt
from zlab.errors import MailError, exists
from zlab.model import ROOT, TYPE_WORDS
from zlab.tarstream import NotAnArchive, Truncated

SUFFIX = re.compile(r"!\d+$")
# The types of items that a folder of each view takes; a folder without a view takes all.
VIEWS = {"message": ("message", "chat"), "chat": ("message", "chat"), "contact": ("contact",),
         "appointment": ("appointment",), "task": ("task",), "document": ("document",),
         "wiki": ("document",)}
BY_EXTENSION = {".eml": "message", ".vcf": "contact", ".ics": "appointment"}
MODES = ("skip", "modify", "replace", "reset")
ABORTS = ("mail.MAINTENANCE", "account.MAINTENANCE_MODE")


class Result:
    """What to answer: `status`, `content_type`, `body`; and `verdict`, `faults`."""

    def __init__(self, verdict, faults, callback, hide):
        self.verdict, self.faults = verdict, faults
        self.status, self.content_type, self.body = 200, "text/html; charset=utf-8", b""
        if callback:
            self.body = _page(callback, verdict, faults)
        elif verdict == "fail" or (faults and not hide):
            self.status = 400 if faults[0].sender else 500
            self.body = ("<html><body>HTTP ERROR %d: %s</body></html>"
                         % (self.status, faults[0])).encode("utf-8")


def _page(callback, verdict, faults):
    words = ["'%s'" % verdict] + [_fault_js(f) for f in faults]
    return ("<html>\n<head>\n</head>\n<body onload='onLoad()'>\n<script>\nfunction onLoad() {\n"
            "    window.parent.%s(%s);\n}\n</script>\n</body>\n</html>\n"
            % (callback, ",\n".join(words))).encode("utf-8")


def _fault_js(fault):
    trace = "import:%d:%08x" % (time.time() * 1000, hash(fault.text) & 0xffffffff)
    return json.dumps({
        "Code": {"Value": "soap:Sender" if fault.sender else "soap:Receiver"},
        "Reason": {"Text": fault.text},
        "Detail": {"Error": {"Code": fault.code, "Trace": trace, "_jsns": "urn:zimbra",
                             "a": [{"n": n, "t": "STR", "_content": str(v)}
                                   for n, v in fault.args_.items()]}}},
        ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def load(mailbox, stream, params, folder=ROOT):
    """Imports the archive; never raises for what is in it."""
    callback = params.get("callback") or ""
    if callback and not re.fullmatch(r"[A-Za-z0-9_.-]+", callback):
        callback = ""
    hide = mailbox.habits["import_hides_errors"]
    try:
        job = Import(mailbox, params, folder)
    except MailError as error:
        return Result("fail", [error], callback, hide)
    verdict = job.run(stream)
    return Result(verdict, job.faults, callback, hide)


class Digests:
    """Which messages a folder held when it was first met: {digest: [ids]}, of few folders."""

    def __init__(self, mailbox):
        self.mailbox, self.known = mailbox, OrderedDict()

    def of(self, folder_id):
        found = self.known.get(folder_id)
        if found is None:
            box, found = self.mailbox, {}
            with box.lock, box.store.lock:
                for item_id, digest in box.db.execute(
                        "SELECT id, blob_digest FROM item WHERE mailbox_id=? AND folder_id=? AND "
                        "type='message' ORDER BY id", (box.id, folder_id)):
                    found.setdefault(digest, []).append(item_id)
            self.known[folder_id] = found
            most = box.habits["import_digest_folders"]
            while most and len(self.known) > most:
                self.known.popitem(last=False)
        return found


class Import(archive_items.ItemsIn):
    """One import. `faults`: what went wrong, in order."""

    def __init__(self, mailbox, params, folder):
        self.mailbox, self.habits, self.costs = mailbox, mailbox.habits, mailbox.costs
        self.form = params.get("fmt") or "tgz"
        if self.form not in ("tgz", "tar"):
            raise MailError("formatter.INVALID_FORMAT", "unsupported format: %s" % self.form)
        self.resolve = (params.get("resolve") or "skip").lower()
        if self.resolve not in MODES:
            raise MailError("service.INVALID_REQUEST", "invalid request: resolve=%s"
                            % self.resolve)
        self.with_meta, self.with_acl = params.get("meta") != "0", params.get("acl") != "0"
        self.with_date = params.get("timestamp") != "0"
        self.types = {TYPE_WORDS.get(t.strip(), t.strip())
                      for t in (params.get("types") or "").lower().split(",") if t.strip()}
        self.only = {int(i) for i in re.findall(r"\d+", params.get("list") or "")}
        self.base = mailbox.path(folder).rstrip("/")
        if params.get("subfolder"):
            self.base += "/" + params["subfolder"].strip("/")
        self.target = folder
        self.faults, self.count = [], 0
        self.digests = Digests(mailbox)
        self.documents = {}     # source id -> id here, of documents made by this import
        self.contacts_made = {}
        self.contacts = {} if not self.habits["import_shares_contact_cache"] \
            else mailbox.store.shared_contacts.setdefault(self.form, {})
        self.debt = Debt()

    # -- running --

    def run(self, stream):
        try:
            reader = tarstream.Reader(tarstream.Gunzip(stream) if self.form == "tgz" else stream)
            entries = self._pairs(reader)
            if self.resolve == "reset":
                first = next(entries, None)   # an archive that cannot be read deletes nothing
                self._reset()
                if first is not None and not self._one(*first):
                    self._drain(stream)
                    return "warn"
            for pair in entries:
                if not self._one(*pair):
                    self._drain(stream)
                    return "warn"
        except NotAnArchive as error:
            self._drain(stream)
            return self._failed("formatter.INVALID_FORMAT", "invalid file format: %s" % error)
        except Truncated as error:
            self.faults.append(MailError("service.FAILURE", "system failure: %s" % error, False))
        except MailError as error:
            self._drain(stream)
            self.faults.append(error)
            return "fail"
        except (OSError, ValueError, EOFError) as error:
            self.faults.append(MailError("service.FAILURE", "system failure: %s" % error, False))
        finally:
            self.contacts.clear()
        return "warn" if self.faults else "success"

    def _failed(self, code, text):
        self.faults.append(MailError(code, text))
        return "fail"

    @staticmethod
    def _drain(stream):
        """A sender must be able to finish sending before it is answered."""
        try:
            while stream.read(65536):
                pass
        except (OSError, ValueError, EOFError):
            pass

    def _pairs(self, reader):
        """(Meta or None, entry name, bytes or None, entry), a .meta joined to what follows it."""
        meta = None             # (Meta, name, entry) still waiting for its body
        for entry in reader.entries():
            if entry.name.endswith(".meta") and self.with_meta:
                if meta is not None:
                    yield meta[0], meta[1], None, meta[2]
                    meta = None
                body = reader.data() if entry.size <= tarstream.META_LIMIT else b""
                try:
                    meta = Meta(body.decode("utf-8", "replace")), entry.name[:-5], entry
                except (ValueError, KeyError, TypeError) as error:
                    self.faults.append(MailError("formatter.MISSING_META", "cannot read %s: %s"
                                                 % (entry.name, error), path=entry.name))
                continue
            if entry.name.endswith(".err") and entry.size == 0:
                continue
            body = reader.data()
            if meta is not None and meta[1] == entry.name:
                yield meta[0], entry.name, body, entry
                meta = None
                continue
            if meta is not None:
                yield meta[0], meta[1], None, meta[2]
                meta = None
            yield None, entry.name, body, entry
        if meta is not None:
            yield meta[0], meta[1], None, meta[2]

    def _one(self, meta, name, body, entry):
        """Adds one item; False: nothing more is to be imported."""
        try:
            if meta is None:
                self._add_bare(name, body, entry)
            elif not (self.types and meta.type not in self.types) \
                    and not (self.only and meta.id not in self.only):
                self._add(meta, name, body)
        except MailError as error:
            error.args_.setdefault("path", name)
            if meta is not None:
                error.args_.setdefault("itemId", str(meta.id))
            self.faults.append(error)
            if error.code in ABORTS:
                raise MailError(error.code, error.text, error.sender) from None
            if error.code == "mail.QUOTA_EXCEEDED" and self.habits["import_stops_at_quota"]:
                return False
        if self.costs["import_item_ms"]:
            self.debt.add(self.costs["import_item_ms"])
        return True

    def _add(self, meta, name, body):
        if meta.type in ("folder", "search", "link"):
            self._add_container(meta)
        elif meta.type == "tag":
            self._add_tag(meta)
        elif meta.type == "contact":
            self._add_contact(meta)
        elif meta.type in ("message", "chat", "document", "appointment", "task", "note"):
            if body is None:
                raise MailError("formatter.MISSING_BLOB", "missing blob for %s" % name)
            if len(body) != meta.size:
                raise MailError("formatter.MISMATCHED_SIZE", "mismatched size: %s: %d, not %d"
                                % (name, len(body), meta.size))
            if meta.type == "document":
                self._add_document(meta, body)
            elif meta.type in ("appointment", "task"):
                self._add_calendar(meta, body)
            else:
                self._add_message(meta, body)

    def _reset(self):
        """Deletes all items of users below the target, mail delivered since as well."""
        box = self.mailbox
        with box.changing() as changes:
            for folder in list(box.folder(self.target).below()):
                items = [i for i in box.items_of(folder=folder.id) if i.id >= 256]
                box._delete_items(changes, [i.id for i in items], items)

    # -- places --

    def _folder_for(self, path, kind):
        """The folder of an item's Path; made when it is missing, which takes ids."""
        box = self.mailbox
        folder = box.root()
        for name in filter(None, (self.base + "/" + path.strip("/")).split("/")):
            child = box.child_of(folder, name)
            if child is None:
                child = box.create_folder(name, folder.id, view=kind)
            elif child.type != "folder":
                raise MailError("formatter.INVALID_TYPE", "%s is a %s, not a folder"
                                % (child.name, child.type))
            folder = child
        view = folder.view
        if view and kind not in VIEWS.get(view, ()) \
                and self.habits["import_refuses_wrong_view"]:
            raise MailError("formatter.INVALID_TYPE", "folder cannot contain item type %s: %s"
                            % (kind, box.path(folder.id)))
        return folder

    def _add_container(self, meta):
        box, path = self.mailbox, (self.base + "/" + meta.path.strip("/")).rstrip("/")
        parent_path, _, name = path.rpartition("/")
        found = box.folder_by_path(path)
        if found is not None and found.type == "folder" and meta.type == "folder":
            self._update_folder(meta, found)
            return
        if found is not None and found.type == meta.type \
                and not self.habits["import_search_exists"]:
            return
        if found is not None:
            if self.resolve == "skip":
                return
            if found.type == meta.type or found.is_system:
                raise exists(name, found.id)
            # The inverted test: a folder of another type is deleted for it (zimbra 1.8).
            box.folder_action([found.id], "delete")
        parent = box.folder_by_path(parent_path) if parent_path else box.root()
        if parent is None:
            parent = self._folder_for(parent_path[len(self.base):], meta.metadata.get("vt") or "")
        self._make_container(meta, parent.id, name)

    def _make_container(self, meta, parent, name):
        box, data = self.mailbox, meta.metadata
        color, rgb = meta.color(not self.habits["import_loses_rgb"])
        looks = {"flags": model.flag_string(meta.flags), "color": color, "rgb": rgb}
        if meta.type == "search":
            box.create_search(name, parent, data.get("q"), data.get("t") or "",
                              data.get("sort") or "", **looks)
        elif meta.type == "link":
            box.create_mountpoint(name, parent, data.get("aid"), data.get("rid"),
                                  data.get("ruuid"), data.get("vt") or "",
                                  reminder=bool(data.get("rem")), **looks)
        else:
            box.create_folder(name, parent, data.get("vt") or "", url=data.get("url"),
                              grants=meta.grants() if self.with_acl else None, **looks)

    def _update_folder(self, meta, folder):
        """What becomes of a folder that is there already (zimbra 1.8)."""
        if self.resolve == "skip":
            return
        box = self.mailbox
        if self.with_acl and (meta.grants() or folder.grants):
            box.folder_action([folder.id], "update", grants=meta.grants())
        if meta.metadata.get("url") and meta.metadata["url"] != folder.url:
            box.folder_action([folder.id], "url", url=meta.metadata["url"])
        if self.resolve == "modify":
            color, rgb = meta.color(not self.habits["import_loses_rgb"])
            if (color, rgb) != (folder.color, folder.rgb):
                box.folder_action([folder.id], "color", color=color or 0, rgb=rgb)
            if meta.flags != folder.flags:
                box.folder_action([folder.id], "update", f=model.flag_string(meta.flags))

    def _add_tag(self, meta):
        box = self.mailbox
        name = meta.name or meta.path.rpartition("/")[2]
        color, rgb = meta.color(not self.habits["import_loses_rgb"])
        found = box._tag_named(name)
        if found is None:
            box.create_tag(name, color, rgb)
        elif self.resolve == "modify" and (color, rgb) != (found.color, found.rgb):
            box.tag_action([found.id], "color", color=color or 0, rgb=rgb)

    def _add_bare(self, name, body, entry):
        """An entry without metadata: a mail by its extension, else a document."""
        folder, _, base = name.rpartition("/")
        stem, dot, extension = base.rpartition(".")
        kind = BY_EXTENSION.get((dot + extension).lower(), "document")
        if self.types and kind not in self.types:
            return
        path = "/".join(SUFFIX.sub("", part) for part in folder.split("/"))
        date = entry.mtime if self.with_date and entry.mtime else None
        self._add_without_meta(kind, path, base, body, date, entry.unread)
