# SPDX-License-Identifier: Apache-2.0
"""REST export: an archive as a stream of bytes, with all that a real one leaves out in silence."""

import os
import re
import time
import zlib

from zlab import archive_meta, calendar, mime, model, tarstream
from zlab.contents import file_as
from zlab.errors import MailError, invalid
from zlab.model import FOLDERS, ITEM_SELECT, TYPES, Item
from zlab.search import Query

DEFAULT_TYPES = ("message", "contact", "document", "appointment", "task", "chat", "note")
EXTENSIONS = {"message": ".eml", "appointment": ".appt", "task": ".task", "chat": ".chat",
              "note": ".note"}
PER_FOLDER = 500
PAGE = 500       # ids of a list= at a time
FIRST_PAGE, NEXT_PAGE = 1000, 2000
CHUNK = 65536
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def content_type(params):
    return {"tgz": "application/x-compressed-tar", "tar": "application/x-tar",
            "zip": "application/zip"}.get(params.get("fmt", "tgz"), "application/octet-stream")


def export(mailbox, params, prefs=None, folder=model.ROOT):
    """None (nothing matched: 204), or an iterator of bytes. MailError before the first byte."""
    form = params.get("fmt") or "tgz"
    if form not in ("tgz", "tar"):
        raise MailError("formatter.INVALID_FORMAT", "unsupported format: %s" % form)
    entries = _Entries(mailbox, params, prefs or {}, folder).all()
    first = next(entries, None)
    if first is None:
        return None
    return _packed(mailbox, form, first, entries)


def _packed(mailbox, form, first, entries):
    """Chunks of the archive, no faster than the costs allow."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31) if form == "tgz" else None
    begun, raw, parts, waiting = time.monotonic(), 0, [first], len(first)
    try:
        while True:
            entry = next(entries, None)
            if entry is not None:
                parts.append(entry)
                waiting += len(entry)
                if waiting < CHUNK:
                    continue
            else:
                parts.append(tarstream.END)
            data = b"".join(parts)
            raw += len(data)
            parts, waiting = [], 0
            rate = mailbox.costs[form + "_export_mb_s"]
            if rate:
                ahead = raw / (rate * 1e6) - (time.monotonic() - begun)
                if ahead > 0.002:
                    time.sleep(ahead)
            packed = deflate.compress(data) if deflate else data
            if entry is None and deflate:
                packed += deflate.flush()
            if packed:
                yield packed
            if entry is None:
                return
    finally:
        entries.close()


class _Entries:
    """What goes into the archive, in order, as tar headers and padded bodies."""

    def __init__(self, mailbox, params, prefs, folder):
        self.mailbox, self.params, self.prefs, self.folder = mailbox, params, prefs, folder
        self.habits = mailbox.habits
        self.with_meta, self.with_body = params.get("meta") != "0", params.get("body") != "0"
        self.types = self._types(params.get("types"))
        self.ids = self._ids(params.get("list") or params.get("id"))
        self.query = params.get("query") or ""
        self.counts, self.contact_names, self.paths = {}, {}, {}
        self._check_dates()
        self.where = None if self.ids is not None else self._where()

    @staticmethod
    def _types(text):
        if not text:
            return None
        names = [model.TYPE_WORDS.get(t.strip().lower(), t.strip().lower())
                 for t in text.split(",") if t.strip()]
        for name in names:
            if name not in TYPES:
                raise invalid("unknown type: " + name)
        return [n for n in names if n != "conversation"]

    @staticmethod
    def _ids(text):
        if not text:
            return None
        ids = []
        for one in text.split(","):
            one = one.rpartition(":")[2].partition(".")[0].strip()
            if not one.isdigit():
                raise invalid("malformed item ID: " + one)
            ids.append(int(one))
        return ids

    def _check_dates(self):
        most = int(self.prefs.get("max_days") or 0)
        if not most or self.ids is not None:
            return
        start, end = int(self.params.get("start") or -1), int(self.params.get("end") or 0)
        if start < 0 or end <= 0:
            raise MailError("mail.EXPORT_PERIOD_NOT_SPECIFIED", "export period is not specified",
                            limit=str(most))
        if end - start > most * 86400000:
            raise MailError("mail.EXPORT_PERIOD_TOO_LONG", "export period is longer than %d days"
                            % most, limit=str(most))

    def _where(self):
        """(condition, values) of the items."""
        text = self.query or "is:local"
        with self.mailbox.lock:
            if self.folder != model.ROOT:
                text = '(%s) under:"%s"' % (text, self.mailbox.path(self.folder))
            query = Query(self.mailbox, text)
            hide = self.habits["export_omits_trash_junk"]
            where = query.where(self.prefs.get("include_trash") or not hide,
                                self.prefs.get("include_junk") or not hide)
        where = "(%s)" % where
        if self.habits["export_omits_deleted"]:
            where += " AND (flags & %d)=0" % model.DELETED
        for name, sign in (("start", ">="), ("end", "<")):
            if self.params.get(name):
                where += " AND date%s%d" % (sign, int(self.params[name]) // 1000)
        return where, query.values

    def all(self):
        if self.ids is not None:
            yield from self._listed()
            return
        plain = not (self.query or self.types or self.params.get("start")
                     or self.params.get("end"))
        if self.with_meta and (plain or not self.habits["export_omits_structure"]):
            yield from self._structure()
        yield from self._limited(self._found())

    def _limited(self, items):
        most, count = self.habits["export_truncates_after"], 0
        for item in items:
            if most and count >= most:
                return
            parts = self._item(item)
            if parts is not None:
                count += 1
                yield from parts

    def _found(self):
        wanted = [t for t in self.types or DEFAULT_TYPES if t not in FOLDERS and t != "tag"]
        where, values = self.where
        sql = ITEM_SELECT + "WHERE mailbox_id=? AND type IN (%s) AND %s AND id>? ORDER BY id " \
            "LIMIT ? OFFSET ?" % (",".join("'%s'" % t for t in wanted), where)
        by_offset = self.habits["export_pages_by_offset"]
        last = offset = 0
        size, box = FIRST_PAGE, self.mailbox
        while True:
            with box.lock, box.store.lock:
                rows = box.db.execute(sql, (box.id, *values, last, size, offset)).fetchall()
            for row in rows:
                yield Item(row)
            if len(rows) < size:
                return
            if by_offset:       # what is deleted meanwhile shifts what comes
                offset += size
            else:
                last = rows[-1]["id"]
            size = NEXT_PAGE

    def _listed(self):
        """In the order of the list; one id that is not there ends it (move-protocol 4.2)."""
        box, most, count = self.mailbox, self.habits["export_truncates_after"], 0
        for start in range(0, len(self.ids), PAGE):
            part = self.ids[start:start + PAGE]
            found = box.items(part)
            for item_id in part:
                thing = found.get(item_id) or box.folders_by_id.get(item_id) \
                    or box.tags_by_id.get(item_id)
                if thing is None or (most and count >= most):
                    if thing is None and not self.habits["export_list_stops"]:
                        continue
                    return
                if thing.type in FOLDERS or thing.type == "tag":
                    yield self._container(thing)
                    continue
                if thing.type == "conversation":
                    continue
                parts = self._item(thing)
                if parts is not None:
                    count += 1
                    yield from parts

    # -- entries --

    def _path(self, folder_id):
        path = self.paths.get(folder_id)
        if path is None:
            try:
                path = self.mailbox.path(folder_id)
            except MailError:
                path = "/"
            self.paths[folder_id] = path
        return path

    def _structure(self):
        with self.mailbox.lock:
            folders = list(self.mailbox.folder(self.folder).below())
            tags = self.mailbox.tags() if self.folder == model.ROOT else []
        for thing in folders + tags:
            yield self._container(thing)

    def _container(self, thing):
        path = "/Tags/" + thing.name if thing.type == "tag" else self.mailbox.path(thing.id)
        body = archive_meta.folder_meta(thing, path).encode("utf-8")
        name = path.lstrip("/") or "USER_ROOT"
        return tarstream.header(name + ".meta", len(body), thing.date, False, thing.type,
                                TYPES[thing.type]) + tarstream.padded(body)

    def _item(self, item):
        """The parts of an item's entries, or None when it is left out."""
        if item.type == "document":
            return self._document(item)
        if item.type == "contact":
            if not self.with_meta:
                return self._write(item, self._name(item, ".vcf"), _vcard(item))
            return self._write(item, self._name(item, ""), None)
        body, broken = self._body(item)
        if body is None:
            return None
        if not self.with_meta and item.type in ("appointment", "task"):
            body = "".join(calendar.to_ics(i) for i in item.meta["invites"]).encode("utf-8")
            return self._write(item, self._name(item, ".ics"), body)
        return self._write(item, self._name(item, EXTENSIONS[item.type]), body, broken)

    def _write(self, item, name, body, broken=False):
        parts, number = [], TYPES[item.type]
        if self.with_meta:
            meta = archive_meta.item_meta(item, self._path(item.folder_id)).encode("utf-8")
            parts.append(tarstream.header(name + ".meta", len(meta), item.date, item.unread,
                                          item.type, number) + tarstream.padded(meta))
        if body is not None:
            parts.append(tarstream.header(name, len(body), item.date, item.unread, item.type,
                                          number) + tarstream.padded(body))
        if broken:
            parts.append(tarstream.header(name + ".err", 0, item.date, item.unread, item.type,
                                          number))
        return parts

    def _body(self, item):
        """(bytes, whether they were padded); (None, False): the item is left out."""
        if item.digest and not item.size and self.habits["export_skips_empty"]:
            return None, False
        if not self.with_body and item.type == "message":
            head = self._head_of(item)
            return head, False
        try:
            body = self.mailbox.blob(item)
        except MailError:
            # It may have been written anew, under another name, since its row was read.
            body = self._blob_now(item)
        if body is None:
            if not self.habits["export_skips_missing_blob"]:
                raise MailError("mail.NO_SUCH_BLOB", "no such blob: %d" % item.id)
            return None, False
        if len(body) < item.size and self.habits["export_pads_short_blob"]:
            return body + b" " * (item.size - len(body)), True
        return body, False

    def _blob_now(self, item):
        try:
            return self.mailbox.blob(self.mailbox.item(item.id))
        except MailError:
            return None

    def _head_of(self, item):
        """The headers of a message, without reading all of it."""
        try:
            handle = os.open(self.mailbox.blob_path(item), os.O_RDONLY)
        except (OSError, TypeError):
            body = self._blob_now(item)
            return None if body is None else body[:mime.head_length(body)]
        try:
            start = os.read(handle, 4096)
            length = mime.head_length(start)
            while length == len(start) and len(start) < item.size:
                more = os.read(handle, 1 << 20)
                if not more:
                    break
                start += more
                length = mime.head_length(start)
        finally:
            os.close(handle)
        return start[:length]

    def _document(self, item):
        parts = []
        for version, old in self.mailbox.revisions(item):
            try:
                body = self.mailbox.blob(old)
            except MailError:
                if not self.habits["export_skips_missing_blob"]:
                    raise
                continue
            current = version == item.meta.get("version", 1)
            old.meta["version"] = version
            parts += self._write(old, self._name(item, "", None if current else version),
                                 body if self.with_body else b"")
        return parts or None

    def _name(self, item, extension, version=None):
        """Path and name of an entry; every 500 items the folder's part gets !1, !2."""
        count = self.counts.get(item.folder_id, 0)
        self.counts[item.folder_id] = count + 1
        folder = self._path(item.folder_id).lstrip("/")
        if count >= PER_FOLDER:
            folder += "!%d" % (count // PER_FOLDER)
        if item.type == "contact":
            base = self._contact_name(item)
        elif item.type == "document":
            base = _UNSAFE.sub("_", item.name)
            if version is not None:
                stem, dot, rest = base.rpartition(".")
                base = "%s-%05d.%s" % (stem, version, rest) if dot and stem \
                    else "%s-%05d" % (base, version)
        else:
            subject = _UNSAFE.sub("_", item.subject or "")[:121]
            base = "%010d-%s" % (item.id, subject) if subject else "%010d" % item.id
        return "%s/%s%s" % (folder, base, extension) if folder else base + extension

    def _contact_name(self, item):
        base = _UNSAFE.sub("_", file_as(item.meta.get("fields", {})))[:120]
        names = self.contact_names.setdefault(item.folder_id, {})
        count = names[base.lower()] = names.get(base.lower(), -1) + 1
        return "%s-%02d" % (base, count) if count else base


def _vcard(item):
    fields = item.meta.get("fields", {})
    lines = ["BEGIN:VCARD", "VERSION:3.0", "FN:" + file_as(fields)]
    lines.append("N:%s;%s" % (fields.get("lastName", ""), fields.get("firstName", "")))
    if fields.get("email"):
        lines.append("EMAIL;TYPE=internet:" + fields["email"])
    return "\r\n".join(lines + ["UID:" + item.uuid, "END:VCARD", ""]).encode("utf-8")
