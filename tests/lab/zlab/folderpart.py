# SPDX-License-Identifier: Apache-2.0
"""Folders, search folders, mountpoints and tags of a mailbox."""

import json

from zlab import model
from zlab.errors import MailError, exists, invalid, no_such
from zlab.model import HIDDEN_ROOT, JUNK, ROOT, TAGS_ROOT, TRASH, Folder, Tag, color_pair, flag_bits

RECURSIVE = ("1", "true", True)


class FolderPart:
    # -- reading --

    def root(self):
        return self.folders_by_id[ROOT]

    def folder(self, folder_id):
        with self.lock:
            try:
                return self.folders_by_id[int(folder_id)]
            except (KeyError, TypeError, ValueError):
                raise no_such("folder", folder_id) from None

    def path(self, folder_id):
        """"/Inbox/x"; "/" for the root."""
        parts, folder = [], self.folder(folder_id)
        while folder.id not in (ROOT, HIDDEN_ROOT):
            parts.append(folder.name)
            folder = self.folders_by_id[folder.parent_id]
        return "/" + "/".join(reversed(parts))

    def in_junk(self, folder):
        """Junk itself, or somewhere below it."""
        while folder.id not in (ROOT, HIDDEN_ROOT, JUNK):
            folder = self.folders_by_id[folder.parent_id]
        return folder.id == JUNK

    @staticmethod
    def child_of(folder, name):
        low = name.lower()
        return next((c for c in folder.children if c.name.lower() == low), None)

    def folder_by_path(self, path):
        folder = self.root()
        for name in filter(None, path.split("/")):
            folder = self.child_of(folder, name)
            if folder is None:
                return None
        return folder

    def find_remote(self, path):
        """(the mountpoint on the way, the rest of the path) or (None, "")."""
        folder, names = self.root(), [n for n in path.split("/") if n]
        for at, name in enumerate(names):
            folder = self.child_of(folder, name)
            if folder is None:
                break
            if folder.type == "link":
                return folder, "/".join(names[at + 1:])
        return None, ""

    def folder_counts(self):
        """{folder id: (items, unread, bytes, highest change number)}"""
        with self.lock, self.store.lock:
            return {r[0]: (r[1], r[2], r[3], r[4]) for r in self.db.execute(
                "SELECT folder_id, COUNT(*), SUM(unread), SUM(size), MAX(mod_metadata) FROM item "
                "WHERE mailbox_id=? AND type NOT IN ('folder','search','link','tag',"
                "'conversation') GROUP BY folder_id", (self.id,))}

    def rights(self, folder_id, account_id, groups=()):
        """What the nearest folder with grants gives this account; "" = nothing."""
        if account_id == self.account_id:
            return "rwidxap"
        folder = self.folder(folder_id)
        while True:
            if folder.grants:
                found = set()
                for grant in folder.grants:
                    kind, zid = grant["gt"], grant["zid"]
                    if kind in ("pub", "all") or (kind in ("usr", "guest") and zid == account_id) \
                            or (kind in ("grp", "dom", "cos") and zid in groups):
                        found.update(grant["perm"])
                return "".join(c for c in "rwidxap" if c in found)
            if folder.id in (ROOT, HIDDEN_ROOT) or folder.flags & model.FLAGS["i"]:
                return ""
            folder = self.folders_by_id[folder.parent_id]

    def shared_items(self):
        """One entry per grant: what zimbraSharedItem is made of."""
        found = []
        with self.lock:
            for folder in self.folders_by_id.values():
                for grant in folder.grants if folder.type != "link" else ():
                    found.append({
                        "granteeId": grant["zid"], "granteeName": grant.get("d") or "",
                        "granteeType": grant["gt"], "folderId": folder.id,
                        "folderUuid": folder.uuid, "folderPath": self.path(folder.id),
                        "folderDefaultView": folder.view or "unknown", "rights": grant["perm"],
                        "type": folder.type, "expiry": grant.get("expiry")})
        return found

    # -- making --

    def _place(self, parent, name, kind="folder"):
        """(parent Folder, checked name); MailError if nothing can be made there."""
        parent = self.folder(parent)
        if parent.type != "folder" or parent.id in (TAGS_ROOT, model.CONVERSATIONS):
            raise MailError("mail.CANNOT_CONTAIN", "cannot put object in that folder: %s"
                            % parent.name)
        return parent, model.checked_name(name, kind)

    def _make(self, changes, kind, parent, name, meta, flags, color, rgb):
        if self.child_of(parent, name) is not None:
            raise exists(name, self.child_of(parent, name).id)
        color, rgb = color_pair(color, rgb)
        item_id = self.next_id()
        self.insert(changes, item_id, kind, parent.id, parent.id, name=name, imap_id=None,
                    flags=flag_bits(flags), color=color, rgb=rgb,
                    meta=json.dumps({k: v for k, v in meta.items() if v not in (None, "", [])},
                                    ensure_ascii=False))
        folder = self._reread(item_id)
        parent.children.append(folder)
        changes.events.append(("created", folder))
        if folder.grants:
            changes.events.append(("acl", folder))
        return folder

    def _reread(self, item_id):
        row = self.db.execute("SELECT * FROM item WHERE mailbox_id=? AND id=?",
                              (self.id, item_id)).fetchone()
        if row["type"] == "tag":
            self.tags_by_id[item_id] = Tag(row)
            return self.tags_by_id[item_id]
        fresh, old = Folder(self, row), self.folders_by_id.get(item_id)
        if old is not None:     # same object: others hold it
            for name in ("name", "parent_id", "flags", "color", "rgb", "meta", "rev", "modseq",
                         "imap_id", "date", "change_date"):
                setattr(old, name, getattr(fresh, name))
            return old
        self.folders_by_id[item_id] = fresh
        return fresh

    def create_folder(self, name, parent=ROOT, view="", flags="", color=None, rgb=None, url=None,
                      grants=None, fie=False):
        with self.changing() as changes:
            parent, name = self._place(parent, name)
            found = self.child_of(parent, name)
            if found is not None and fie and found.type == "folder":
                return found
            meta = {"view": view or "", "url": url, "grants": checked_grants(grants)}
            return self._make(changes, "folder", parent, name, meta, flags, color, rgb)

    def create_search(self, name, parent, query, types="", sort_by="", flags="", color=None,
                      rgb=None):
        with self.changing() as changes:
            parent, name = self._place(parent, name)
            if not query:
                raise invalid("search folder without a query")
            return self._make(changes, "search", parent, name,
                              {"query": query, "types": types or "", "sort": sort_by or ""},
                              flags, color, rgb)

    def create_mountpoint(self, name, parent, owner, remote_id, remote_uuid=None, view="",
                          flags="", color=None, rgb=None, reminder=False, fie=False):
        with self.changing() as changes:
            parent, name = self._place(parent, name)
            found = self.child_of(parent, name)
            if found is not None and fie and found.type == "link":
                return found
            return self._make(changes, "link", parent, name, {
                "owner": owner, "remote_id": int(remote_id), "remoteUuid": remote_uuid,
                "view": view or "", "reminder": 1 if reminder else None}, flags, color, rgb)

    # -- changing --

    def folder_action(self, ids, op, grants=None, retention=None, **attrs):
        with self.changing() as changes:
            for folder in [self.folder(i) for i in ids]:
                self._folder_action(changes, folder, op, grants, retention, attrs)
        self.bumped(changes)
        return list(ids)

    def _folder_action(self, changes, folder, op, grants, retention, attrs):
        get = attrs.get
        if op in ("delete", "trash", "empty", "read"):
            recursive = get("recursive") in RECURSIVE or (get("recursive") is None
                                                          and op != "read")
            getattr(self, "_folder_" + op)(changes, folder, recursive)
        elif op in ("rename", "move"):
            self._folder_place(changes, folder, get("name") if op == "rename" or get("name")
                               else None, get("l"))
        elif op == "color":
            self._folder_color(changes, folder, get("color"), get("rgb"))
        elif op in ("grant", "!grant"):
            self._folder_grant(changes, folder, op, grants, get("zid"))
        elif op in ("check", "!check", "syncon", "!syncon"):
            bit = model.CHECKED if "check" in op else model.FLAGS["~"]
            self._folder_flags(changes, folder, folder.flags & ~bit if op[0] == "!"
                               else folder.flags | bit)
        elif op == "fb":
            on = get("excludeFreeBusy") in RECURSIVE
            self._folder_flags(changes, folder, folder.flags | model.EXCLUDED if on
                               else folder.flags & ~model.EXCLUDED)
        elif op == "url":
            self._folder_meta(changes, folder, url=get("url") or None)
            changes.events.append(("url", folder))
        elif op == "retentionpolicy":
            self._folder_meta(changes, folder, retention=retention or None)
        elif op in ("disableactivesync", "!disableactivesync"):
            self._folder_meta(changes, folder, noActiveSync=None if op[0] == "!" else 1)
        elif op == "webofflinesyncdays":
            self._folder_meta(changes, folder, offlineDays=int(get("numDays") or 0) or None)
        elif op == "update":
            self._folder_update(changes, folder, grants, attrs)
        elif op not in ("import", "sync", "revokeorphangrants"):
            raise invalid("unknown operation: " + op)

    def _folder_update(self, changes, folder, grants, attrs):
        """Whatever else is given, a remote id above all, is taken and ignored."""
        get = attrs.get
        if get("name") or get("l"):
            self._folder_place(changes, folder, get("name"), get("l"))
        if get("color") is not None or get("rgb") is not None:
            self._folder_color(changes, folder, get("color"), get("rgb"))
        if get("f") is not None:
            self._folder_flags(changes, folder, flag_bits(get("f")))
        if grants is not None:
            self._folder_meta(changes, folder, grants=checked_grants(grants) or None)
            changes.events.append(("acl", folder))

    def _folder_write(self, changes, folder, content=False, **columns):
        self.update(changes, folder.id, content, **columns)
        self._reread(folder.id)

    def _folder_meta(self, changes, folder, **values):
        meta = dict(folder.meta, **values)
        meta = {k: v for k, v in meta.items() if v is not None}
        if meta != folder.meta:
            self._folder_write(changes, folder, metadata=json.dumps(meta, ensure_ascii=False))

    def _folder_flags(self, changes, folder, flags):
        if flags != folder.flags:
            self._folder_write(changes, folder, flags=flags)

    def _folder_color(self, changes, folder, color, rgb):
        pair = color_pair(color, rgb)
        if pair != (folder.color, folder.rgb):
            self._folder_write(changes, folder, color=pair[0], rgb=pair[1])

    def _folder_place(self, changes, folder, name, parent):
        """Renames and moves; both change the UIDVALIDITY."""
        parent = self.folder(folder.parent_id if parent in (None, "") else parent)
        name = folder.name if name in (None, "") else model.checked_name(name)
        if (name, parent.id) == (folder.name, folder.parent_id):
            return
        if folder.is_system:
            raise MailError("mail.IMMUTABLE_OBJECT", "cannot modify immutable object: %d"
                            % folder.id, itemId=str(folder.id))
        if parent.type != "folder" or any(f is parent for f in folder.below()):
            raise MailError("mail.CANNOT_CONTAIN", "cannot put object in that folder: %s"
                            % parent.name)
        twin = self.child_of(parent, name)
        if twin is not None and twin is not folder:
            raise exists(name, twin.id)
        old, before = self.folders_by_id[folder.parent_id], self.path(folder.id)
        self._folder_write(changes, folder, True, name=name, folder_id=parent.id,
                           parent_id=parent.id)
        if old is not parent:
            old.children.remove(folder)
            parent.children.append(folder)
        changes.events.append(("named", folder, before))

    def _folder_grant(self, changes, folder, op, grants, zid):
        kept = list(folder.grants)
        if op == "grant":
            new = checked_grants(grants)
            if not new:
                raise invalid("no grant")
            kept = [g for g in kept if g["zid"] not in {n["zid"] for n in new}] + new
        else:
            kept = [g for g in kept if g["zid"] != zid]
        self._folder_meta(changes, folder, grants=kept or None)
        changes.events.append(("acl", folder))

    # -- content --

    def _folder_ids(self, folder, recursive):
        folders = [f.id for f in (folder.below() if recursive else [folder])
                   if f.type == "folder"]
        return folders, [r[0] for f in folders for r in self.db.execute(
            "SELECT id FROM item WHERE mailbox_id=? AND folder_id=? AND type NOT IN "
            "('folder','search','link','tag','conversation') ORDER BY id", (self.id, f))]

    def _folder_read(self, changes, folder, recursive):
        unread = []
        for fid in self._folder_ids(folder, recursive)[0]:
            unread += [r[0] for r in self.db.execute(
                "SELECT id FROM item WHERE mailbox_id=? AND folder_id=? AND unread<>0 "
                "AND type='message'", (self.id, fid))]
        for item_id in unread:
            self.update(changes, item_id, unread=0)

    def _folder_empty(self, changes, folder, recursive):
        self._delete_items(changes, self._folder_ids(folder, recursive)[1])
        if recursive:
            for child in list(folder.children):
                self._drop_folder(changes, child)

    def _folder_delete(self, changes, folder, _recursive):
        if folder.is_system:
            raise MailError("mail.IMMUTABLE_OBJECT", "cannot modify immutable object: %d"
                            % folder.id, itemId=str(folder.id))
        self._delete_items(changes, self._folder_ids(folder, True)[1])
        self._drop_folder(changes, folder)

    def _drop_folder(self, changes, folder):
        before = self.path(folder.id)
        for child in list(folder.children):
            self._drop_folder(changes, child)
        self.db.execute("DELETE FROM item WHERE mailbox_id=? AND id=?", (self.id, folder.id))
        self.bury(changes, folder.type, folder.id)
        _ = changes.change
        del self.folders_by_id[folder.id]
        self.folders_by_id[folder.parent_id].children.remove(folder)
        changes.events.append(("deleted", folder, before))

    def _folder_trash(self, changes, folder, _recursive):
        trash, name, count = self.folders_by_id[TRASH], folder.name, 1
        if folder.parent_id == TRASH:
            return
        while self.child_of(trash, name) is not None:
            count += 1
            name = "%s (%d)" % (folder.name[:110], count)
        self._folder_place(changes, folder, name, TRASH)

    # -- tags --

    def tags(self):
        with self.lock:
            return sorted(self.tags_by_id.values(), key=lambda t: t.id)

    def tag(self, key):
        """By id or by name."""
        with self.lock:
            if isinstance(key, int) or str(key).isdigit():
                found = self.tags_by_id.get(int(key))
                if found is not None:
                    return found
            found = self._tag_named(str(key))
            if found is None:
                raise no_such("tag", key)
            return found

    def _tag_named(self, name):
        low = name.lower()
        return next((t for t in self.tags_by_id.values() if t.name.lower() == low), None)

    def create_tag(self, name, color=None, rgb=None):
        with self.changing() as changes:
            return self._new_tag(changes, model.checked_name(name, "tag"), color, rgb)

    def _new_tag(self, changes, name, color=None, rgb=None):
        twin = self._tag_named(name)
        if twin is not None:
            raise exists(name, twin.id)
        color, rgb = color_pair(color, rgb)
        item_id = self.next_id()
        self.insert(changes, item_id, "tag", TAGS_ROOT, TAGS_ROOT, name=name, imap_id=None,
                    color=color, rgb=rgb)
        return self._reread(item_id)

    def _tag_names(self, changes, names):
        """The names as their tags are spelt; tags that are missing are made."""
        found = []
        for name in names:
            tag = self._tag_named(name) or self._new_tag(
                changes, model.checked_name(name, "tag"))
            if tag.name not in found:
                found.append(tag.name)
        return found

    def tag_action(self, ids, op, retention=None, **attrs):
        with self.changing() as changes:
            for tag in [self.tag(i) for i in ids]:
                self._tag_action(changes, tag, op, retention, attrs)
        self.bumped(changes)
        return list(ids)

    def _tag_action(self, changes, tag, op, retention, attrs):
        get = attrs.get
        if op == "delete":
            self._retag(changes, tag.name, None)
            self.db.execute("DELETE FROM item WHERE mailbox_id=? AND id=?", (self.id, tag.id))
            self.bury(changes, "tag", tag.id)
            del self.tags_by_id[tag.id]
            changes.events.append(("tag_deleted", tag, tag.name))
            return
        if op in ("read", "!read"):
            for item_id, _ in self._tagged(tag.name):
                self.update(changes, item_id, unread=int(op == "!read"))
            return
        if op == "retentionpolicy":
            meta = {k: v for k, v in tag.meta.items() if k != "retention"}
            if retention:
                meta["retention"] = retention
            self.update(changes, tag.id, metadata=json.dumps(meta))
        elif op not in ("rename", "color", "update"):
            raise invalid("unknown operation: " + op)
        if op in ("color", "update") and (get("color") is not None or get("rgb") is not None):
            pair = color_pair(get("color"), get("rgb"))
            if pair != (tag.color, tag.rgb):
                self.update(changes, tag.id, color=pair[0], rgb=pair[1])
        if op in ("rename", "update") and get("name") and get("name") != tag.name:
            name = model.checked_name(get("name"), "tag")
            twin = self._tag_named(name)
            if twin is not None and twin is not tag:
                raise exists(name, twin.id)
            self._retag(changes, tag.name, name)
            changes.events.append(("tag_named", tag, tag.name))
            self.update(changes, tag.id, content=True, name=name)
        self._reread(tag.id)

    def _tagged(self, name):
        """[(item id, its tags)] of a tag."""
        sought = json.dumps(name, ensure_ascii=False)
        rows = self.db.execute("SELECT id, tags FROM item WHERE mailbox_id=? AND tags<>'[]' AND "
                               "instr(tags, ?)", (self.id, sought)).fetchall()
        return [(r[0], json.loads(r[1])) for r in rows]

    def _retag(self, changes, old, new):
        for item_id, tags in self._tagged(old):
            changed = [new if t == old else t for t in tags if new is not None or t != old]
            self.update(changes, item_id, tags=json.dumps(changed, ensure_ascii=False))


def checked_grants(grants):
    """Grants as they are stored. Zimbra wants zid= even of public ones (identity 3.9)."""
    checked = []
    for grant in grants or []:
        if not grant.get("zid") or not grant.get("gt"):
            raise invalid("grant without zid or gt")
        one = {"zid": grant["zid"], "gt": grant["gt"], "perm": grant.get("perm") or ""}
        if grant.get("expiry"):
            one["expiry"] = int(grant["expiry"])
        if grant.get("pw") or grant.get("key"):
            one["pw"] = grant.get("pw") or grant.get("key")
        checked.append(one)
    return checked
