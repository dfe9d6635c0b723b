# SPDX-License-Identifier: Apache-2.0
"""Messages, and what is done to items of any type: flags, tags, moves, deletion, UIDs."""

import base64
import hashlib
import json

from zlab import mime, model, threads
from zlab.costs import pay
from zlab.errors import MailError, invalid, no_such
from zlab.model import (COMPUTED, DRAFTS, FLAGGED, INBOX, INVITE, ITEM_SELECT, JUNK, TRASH, UNREAD,
                        Item, color_pair, flag_bits)

CHUNK = 400
NO_TAGS = "[]"
NOT_NEW = (TRASH, JUNK, model.SENT, DRAFTS)


def digest_of(raw):
    return base64.b64encode(hashlib.sha256(raw).digest()).decode("ascii").replace("/", ",")


class ItemPart:
    # -- reading --

    def item(self, item_id, kind=None):
        with self.lock, self.store.lock:
            row = self.db.execute(ITEM_SELECT + "WHERE mailbox_id=? AND id=?",
                                  (self.id, item_id)).fetchone()
        if row is None or row["type"] in ("folder", "search", "link", "tag") \
                or (kind is not None and row["type"] != kind):
            raise no_such(kind, item_id)
        return Item(row)

    def items(self, ids):
        """{id: Item} of those that there are."""
        found, ids = {}, list(dict.fromkeys(ids))
        with self.lock, self.store.lock:
            for start in range(0, len(ids), CHUNK):
                part = ids[start:start + CHUNK]
                for row in self.db.execute(ITEM_SELECT + "WHERE mailbox_id=? AND id IN (%s)"
                                           % ",".join("?" * len(part)), (self.id, *part)):
                    if row["type"] not in ("folder", "search", "link", "tag"):
                        found[row["id"]] = Item(row)
        return found

    def items_of(self, kind=None, folder=None):
        where, values = "", [self.id]
        if kind is not None:
            where, values = " AND type=?", values + [kind]
        else:
            where = " AND type NOT IN ('folder','search','link','tag','conversation')"
        if folder is not None:
            where, values = where + " AND folder_id=?", values + [folder]
        with self.lock, self.store.lock:
            return [Item(r) for r in self.db.execute(
                ITEM_SELECT + "WHERE mailbox_id=?" + where + " ORDER BY id", values)]

    def blob(self, item):
        """The bytes; mail.NO_SUCH_BLOB if the file is not there."""
        try:
            with open(self.blob_path(item), "rb") as f:
                return f.read()
        except (OSError, TypeError):
            raise no_such("blob", item.id) from None

    def blob_path(self, item):
        return self.store.blob_file(item.path) if item.path else None

    def conversation(self, conv_id):
        """Its messages; a virtual one (negative id) has one."""
        if conv_id < 0:
            return [self.item(-conv_id, "message")]
        with self.lock, self.store.lock:
            found = [Item(r) for r in self.db.execute(
                ITEM_SELECT + "WHERE mailbox_id=? AND parent_id=? AND type='message' ORDER BY id",
                (self.id, conv_id))]
        if not found:
            raise no_such("conversation", conv_id)
        return found

    # -- messages --

    def add_message(self, folder, raw, flags="", tags=(), date=None, no_ical=True, attendee=None,
                    check_quota=True):
        with self.changing() as changes:
            item_id = self._add_message(changes, folder, raw, flag_bits(flags), tags, date,
                                        no_ical, attendee, check_quota)
            return self.item(item_id)

    def deliver(self, raw, folder=INBOX, attendee=None, check_quota=True):
        """What LMTP does: unread, calendar parts acted upon."""
        with self.changing() as changes:
            item_id = self._add_message(changes, folder, raw, UNREAD, (), None, False, attendee,
                                        check_quota)
            return self.item(item_id)

    def _add_message(self, changes, folder, raw, flags, tags, date, no_ical, attendee,
                     check_quota):
        folder = self.folder(folder)
        if folder.type != "folder":
            raise MailError("mail.CANNOT_CONTAIN", "cannot put object in that folder: %s"
                            % folder.name)
        names = self._tag_names(changes, tags) if tags else []
        cal = None
        if not no_ical:
            cal = self.process_calendar(changes, raw, attendee)
        return self.store_message(changes, folder, raw, flags, names, date, cal=cal,
                                  check_quota=check_quota)

    def store_message(self, changes, folder, raw, flags, tag_names, date, digest=None, cal=None,
                      check_quota=True):
        """The one place where a message comes into being. Returns its id."""
        if check_quota:
            self.check_quota(len(raw))
        now = self.now()
        head = mime.Headers(raw)
        subject = head.get("Subject")
        item_id = self.next_id()
        bits = flags & ~(COMPUTED | UNREAD)
        if mime.has_attachment(raw):
            bits |= model.ATTACHED
        meta = {"sender": head.get("From")}
        if cal is not None:
            bits |= INVITE
            meta["calItemId"] = cal
        date = min(date, now) if date is not None else now
        parent = threads.place(self, changes, item_id, head, subject, folder.id,
                               bool(bits & model.DRAFT), bool(bits & model.FROM_ME), date)
        path = self._put_blob(changes, item_id, raw)
        self.insert(changes, item_id, "message", parent, folder.id,
                    date=date, size=len(raw), digest=digest or digest_of(raw), path=path,
                    unread=bool(flags & UNREAD),
                    flags=bits, subject=subject,
                    tags=json.dumps(tag_names, ensure_ascii=False) if tag_names else NO_TAGS,
                    meta=json.dumps(meta, ensure_ascii=False))
        if flags & UNREAD and folder.id not in NOT_NEW:
            self.new_messages += 1
        self._grown(changes, len(raw))
        return item_id

    def _put_blob(self, changes, item_id, raw):
        path = self.store.write_blob(self.id, item_id, changes.change, raw)
        changes.new_blobs.append(path)
        return path

    def _grown(self, changes, size):
        self.size += size
        changes.row_exact = True

    def save_draft(self, raw, draft_id=None, flags="", tags=None, folder=DRAFTS):
        """A new draft, or the same one with another text: same id, a new UID."""
        if draft_id is None:
            bits = (flag_bits(flags) | model.DRAFT | model.FROM_ME) & ~UNREAD
            return self.add_message(folder, raw, model.flag_string(bits), tags or ())
        with self.changing() as changes:
            old = self.item(draft_id, "message")
            if not old.flags & model.DRAFT:
                raise MailError("mail.IMMUTABLE_OBJECT", "not a draft: %d" % draft_id)
            self.check_quota(len(raw) - old.size)
            path = self._put_blob(changes, old.id, raw)
            if old.path and old.path != path:
                changes.doomed_blobs.append(old.path)
            bits = (flag_bits(flags) & ~COMPUTED) | model.DRAFT | model.FROM_ME
            if mime.has_attachment(raw):
                bits |= model.ATTACHED
            names = old.tags if tags is None else self._tag_names(changes, tags)
            self.update(changes, old.id, content=True, size=len(raw), blob_digest=digest_of(raw),
                        blob_path=path, date=self.now(), subject=mime.subject(raw),
                        flags=bits & ~UNREAD, imap_id=self.next_id(),
                        tags=json.dumps(names, ensure_ascii=False),
                        metadata=json.dumps({"sender": mime.sender(raw)}, ensure_ascii=False))
            self._grown(changes, len(raw) - old.size)
            return self.item(old.id)

    # -- actions --

    def item_action(self, ids, op, kind=None, **attrs):
        """`ids` in order, with duplicates. Returns those acted upon."""
        with self.changing() as changes:
            if op == "resetimapuid":
                done = self._reset_uids(changes, ids)
            else:
                done = self._act(changes, ids, op, kind, attrs)
        if op == "resetimapuid":
            pay(self.costs["burn_id_ms"] * len(ids))
        else:
            self.bumped(changes)
        return done

    def _reset_uids(self, changes, ids):
        """Each id listed takes the next number from the counter (identity 2)."""
        known = set(self.folders_by_id) | set(self.tags_by_id)
        others = [i for i in dict.fromkeys(ids) if i not in known]
        found = self.items(others)
        missing = [i for i in others if i not in found]
        if missing:
            raise no_such(None, missing[0])
        uids = {}
        for item_id in ids:
            self.last_item_id += 1
            uids[item_id] = self.last_item_id
        for item_id, uid in uids.items():
            self.update(changes, item_id, imap_id=uid)
            if item_id in known:
                self._reread(item_id)
        return list(ids)

    def _act(self, changes, ids, op, kind, attrs):
        ids = list(dict.fromkeys(ids))
        folders = [i for i in ids if i in self.folders_by_id]
        for folder_id in folders:
            self._folder_action(changes, self.folder(folder_id), op, None, None, attrs)
        tags = [i for i in ids if i in self.tags_by_id]
        for tag_id in tags:
            self._tag_action(changes, self.tag(tag_id), op, None, attrs)
        rest = [i for i in ids if i not in self.folders_by_id and i not in self.tags_by_id
                and i not in folders and i not in tags]
        if kind == "conversation":
            rest = [m.id for c in rest for m in self.conversation(c)]
            kind = "message"
        found = self.items(rest)
        missing = [i for i in rest if i not in found
                   or (kind is not None and found[i].type != kind)]
        if missing and op != "delete":
            raise no_such(kind, missing[0])
        items = [found[i] for i in rest if i not in missing]
        conversations = [i for i in items if i.type == "conversation"]
        items = [i for i in items if i.type != "conversation"] \
            + [m for c in conversations for m in self.conversation(c.id)]
        self._act_on(changes, items, op, attrs)
        return ids

    def _act_on(self, changes, items, op, attrs):
        get = attrs.get
        if op in ("read", "!read"):
            self._set_unread(changes, items, op == "!read")
        elif op in ("flag", "!flag"):
            for item in items:
                self._set_flags(changes, item, item.flags | FLAGGED if op == "flag"
                                else item.flags & ~FLAGGED)
        elif op in ("tag", "!tag"):
            self._tag_items(changes, items, op, get("tn"), get("tag") or get("t"))
        elif op == "move":
            self._move_items(changes, items, get("l"))
        elif op == "trash":
            self._move_items(changes, items, TRASH)
        elif op in ("spam", "!spam"):
            self._move_items(changes, items, get("l") or (JUNK if op == "spam" else INBOX))
        elif op == "delete":
            self._delete_items(changes, [i.id for i in items], items)
        elif op == "color":
            self._color_items(changes, items, get("color"), get("rgb"))
        elif op == "rename":
            self._rename_items(changes, items, get("name"), get("l"))
        elif op == "update":
            self._update_items(changes, items, attrs)
        elif op not in ("lock", "unlock", "recover"):
            raise invalid("unknown operation: " + op)

    def _update_items(self, changes, items, attrs):
        get = attrs.get
        if get("l"):
            self._move_items(changes, items, get("l"))
            items = list(self.items([i.id for i in items]).values())
        if get("name"):
            self._rename_items(changes, items, get("name"), None)
        if get("color") is not None or get("rgb") is not None:
            self._color_items(changes, items, get("color"), get("rgb"))
        if get("f") is not None:
            bits = flag_bits(get("f"))
            self._set_unread(changes, items, bool(bits & UNREAD))
            for item in items:
                self._set_flags(changes, item, (bits & ~COMPUTED & ~UNREAD)
                                | (item.flags & COMPUTED))
        if get("tn") is not None or get("t") is not None:
            names = model.listed_tags(get("tn")) if get("tn") is not None \
                else [self.tag(t).name for t in get("t").split(",") if t]
            names = self._tag_names(changes, names)
            for item in items:
                if sorted(item.tags) != sorted(names):
                    self.update(changes, item.id, tags=json.dumps(names, ensure_ascii=False))

    def _set_unread(self, changes, items, unread):
        for item in items:
            if item.unread != unread and item.type == "message":
                self.update(changes, item.id, unread=int(unread))

    def _set_flags(self, changes, item, flags):
        if flags != item.flags:
            self.update(changes, item.id, flags=flags)

    def _tag_items(self, changes, items, op, name, tag_id):
        if op == "!tag":
            name = self.tag(name or tag_id).name
        else:
            name = self._tag_names(changes, [name])[0] if name else self.tag(tag_id).name
        for item in items:
            tags = [t for t in item.tags if t != name] + ([name] if op == "tag" else [])
            if set(tags) != set(item.tags):
                self.update(changes, item.id, tags=json.dumps(tags, ensure_ascii=False))

    def _color_items(self, changes, items, color, rgb):
        pair = color_pair(color, rgb)
        for item in items:
            if (item.color, item.rgb) != pair:
                self.update(changes, item.id, color=pair[0], rgb=pair[1])

    def _move_items(self, changes, items, target):
        target = self.folder(target)
        if target.type != "folder" or target.id in (model.TAGS_ROOT, model.CONVERSATIONS):
            raise MailError("mail.CANNOT_CONTAIN", "cannot put object in that folder: %s"
                            % target.name)
        for item in items:
            if item.folder_id == target.id:
                continue
            columns = {"folder_id": target.id}
            if self.tracking_imap and self.habits["move_zeroes_uid"]:
                columns["imap_id"] = 0
            if target.id == TRASH and item.unread and self.habits["trash_marks_read"]:
                columns["unread"] = 0
            if item.type == "message":
                if self.in_junk(target):
                    columns["parent_id"] = threads.to_junk(self, item)
            else:
                columns["parent_id"] = target.id
                if item.type == "document":
                    self._check_free(target, item.name)
            self.update(changes, item.id, **columns)

    def _rename_items(self, changes, items, name, target):
        for item in items:
            if item.type != "document":
                raise MailError("mail.CANNOT_RENAME", "cannot rename item: %d" % item.id)
            if target:
                self._move_items(changes, [item], target)
            folder = self.folder(target or item.folder_id)
            name = model.checked_name(name)
            if name != item.name:
                self._check_free(folder, name, item.id)
                self.update(changes, item.id, content=True, name=name, subject=name)

    def _delete_items(self, changes, ids, items=None):
        """Hard. Conversations without a message end as well."""
        items = list(self.items(ids).values()) if items is None else items
        freed = contacts = 0
        for item in items:
            if item.type == "conversation":
                continue
            self.db.execute("DELETE FROM item WHERE mailbox_id=? AND id=?", (self.id, item.id))
            self.bury(changes, item.type, item.id)
            _ = changes.change
            if item.path:
                changes.doomed_blobs.append(item.path)
            freed += item.size
            if item.type == "message":
                threads.leave(self, changes, item)
            elif item.type == "contact":
                contacts += 1
            elif item.type == "document":
                freed += self._delete_revisions(changes, item)
        if items:
            self.contact_count -= contacts
            self._grown(changes, -freed)
