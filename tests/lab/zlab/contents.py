# SPDX-License-Identifier: Apache-2.0
"""Contacts, contact groups and documents with their revisions."""

import json

from zlab import model
from zlab.errors import MailError, exists, invalid, no_such
from zlab.itempart import NO_TAGS, digest_of
from zlab.model import Item


def file_as(fields):
    """What a contact is listed under, and called in an archive."""
    explicit = fields.get("fileAs", "")
    if explicit.startswith("8:"):
        return explicit[2:]
    first, last = fields.get("firstName", ""), fields.get("lastName", "")
    if last and first:
        return "%s, %s" % (last, first)
    return last or first or fields.get("company") or fields.get("nickname") \
        or fields.get("email") or fields.get("fullName") or "no name"


def contact_key(fields):
    """What makes two contacts the same one to an import (zimbra 1.8)."""
    return (fields.get("email", "").lower(), fields.get("firstName", ""),
            fields.get("lastName", ""), fields.get("fullName", ""),
            file_as(fields) if fields.get("type") == "group" else "")


class ContentsPart:
    # -- contacts --

    def create_contact(self, folder, fields, members=(), tags=(), date=None, flags="", color=None,
                       rgb=None):
        with self.changing() as changes:
            folder = self.folder(folder)
            fields = {n: v for n, v in dict(fields).items() if v not in (None, "")}
            if not fields and not members:
                raise invalid("contact must have fields")
            most = self.store.limits(self.account_id)[1]
            if most and self.contact_count >= most:
                raise MailError("mail.TOO_MANY_CONTACTS", "too many contacts: %d" % most)
            names = self._tag_names(changes, tags) if tags else []
            color, rgb = color_pair_or_none(color, rgb)
            item_id = self.next_id()
            meta = {"fields": fields}
            if members:
                meta["members"] = [[str(t), str(v)] for t, v in members]
            self.insert(changes, item_id, "contact", folder.id, folder.id,
                        date=date if date is not None else self.now(),
                        subject=file_as(fields), flags=model.flag_bits(flags),
                        tags=json.dumps(names, ensure_ascii=False) if names else NO_TAGS,
                        color=color, rgb=rgb, meta=json.dumps(meta, ensure_ascii=False))
            self.contact_count += 1
            changes.row_exact = True
            return self.item(item_id)

    def modify_contact(self, item_id, fields, replace=False, members=None):
        """An empty value removes a field. `members`: the new list, or None to keep it."""
        with self.changing() as changes:
            item = self.item(item_id, "contact")
            kept = {} if replace else dict(item.meta.get("fields", {}))
            kept.update(dict(fields))
            kept = {n: v for n, v in kept.items() if v not in (None, "")}
            meta = dict(item.meta, fields=kept)
            if members is not None:
                meta["members"] = [[str(t), str(v)] for t, v in members]
            self.update(changes, item_id, content=True, subject=file_as(kept), date=self.now(),
                        metadata=json.dumps(meta, ensure_ascii=False))
            return self.item(item_id)

    # -- documents --

    def _check_free(self, folder, name, but=None):
        if self.child_of(folder, name) is not None:
            raise exists(name, self.child_of(folder, name).id)
        found = self.document_named(folder.id, name)
        if found is not None and found.id != but:
            raise exists(name, found.id)

    def document_named(self, folder_id, name):
        with self.lock, self.store.lock:
            row = self.db.execute(
                model.ITEM_SELECT + "WHERE mailbox_id=? AND folder_id=? AND type='document' AND "
                "name=? COLLATE NOCASE", (self.id, folder_id, name)).fetchone()
        return None if row is None else Item(row)

    def save_document(self, folder, name, data, content_type="", description="", creator="",
                      item=None, version=None, tags=(), date=None, flags=""):
        """A new document, or with `item` a new revision of it."""
        with self.changing() as changes:
            self.check_quota(len(data))
            if item is not None:
                return self._new_revision(changes, item, name, data, content_type, description,
                                          creator, version, date)
            folder = self.folder(folder)
            name = model.checked_name(name)
            self._check_free(folder, name)
            names = self._tag_names(changes, tags) if tags else []
            item_id, when = self.next_id(), self.now() if date is None else date
            path, digest = self._put_blob(changes, item_id, data), digest_of(data)
            meta = {"version": 1, "contentType": content_type, "creator": creator}
            if description:
                meta["description"] = description
            self.insert(changes, item_id, "document", folder.id, folder.id, date=when,
                        size=len(data), digest=digest, path=path, name=name, subject=name,
                        flags=model.flag_bits(flags) & ~model.UNREAD,
                        tags=json.dumps(names, ensure_ascii=False) if names else NO_TAGS,
                        meta=json.dumps(meta, ensure_ascii=False))
            self._put_revision(changes, item_id, 1, when, len(data), digest, path)
            self._grown(changes, len(data))
            return self.item(item_id)

    def _new_revision(self, changes, item_id, name, data, content_type, description, creator,
                      version, date):
        """The first one is free of charge, each later one takes an id (identity 2)."""
        old = self.item(item_id, "document")
        meta = dict(old.meta)
        if version is not None and int(version) != meta.get("version", 1):
            raise MailError("mail.MODIFY_CONFLICT", "document %d has version %d, not %s"
                            % (item_id, meta.get("version", 1), version))
        meta["version"] = meta.get("version", 1) + 1
        for key, value in (("contentType", content_type), ("creator", creator),
                           ("description", description)):
            if value:
                meta[key] = value
        when, revision_id = self.now() if date is None else date, self.next_id()
        path, digest = self._put_blob(changes, revision_id, data), digest_of(data)
        self._put_revision(changes, item_id, meta["version"], when, len(data), digest, path)
        columns = {"name": model.checked_name(name), "subject": name} if name else {}
        self.update(changes, item_id, content=True, size=len(data), blob_digest=digest,
                    blob_path=path, date=when, metadata=json.dumps(meta, ensure_ascii=False),
                    **columns)
        self._grown(changes, len(data))
        return self.item(item_id)

    def _put_revision(self, changes, item_id, version, date, size, digest, path):
        self.db.execute("INSERT OR REPLACE INTO revision VALUES(?,?,?,?,?,?,?,?)", (
            self.id, item_id, version, date, size, digest, path, changes.change))

    def revisions(self, item):
        """[(version, the Item as it was then)], oldest first, the current one last."""
        with self.lock, self.store.lock:
            rows = self.db.execute("SELECT * FROM revision WHERE mailbox_id=? AND item_id=? "
                                   "ORDER BY version", (self.id, item.id)).fetchall()
        found = []
        for row in rows:
            meta = dict(item.meta, version=row["version"])
            old = Item((item.id, item.type, item.parent_id, item.folder_id, item.imap_id,
                        row["date"], row["size"], row["blob_digest"], row["blob_path"],
                        item.unread, item.flags, item.name, item.subject, item.tags, item.color,
                        item.rgb, meta, item.modseq, row["mod_content"] or item.mod_content,
                        item.change_date, item.uuid))
            found.append((row["version"], old))
        return found or [(item.meta.get("version", 1), item)]

    def _delete_revisions(self, changes, item):
        """Bytes freed beyond the current revision's."""
        freed = 0
        for version, old in self.revisions(item):
            if old.path and old.path != item.path:
                changes.doomed_blobs.append(old.path)
                freed += old.size
        self.db.execute("DELETE FROM revision WHERE mailbox_id=? AND item_id=?",
                        (self.id, item.id))
        return freed

    def document_by_id(self, item_id):
        found = self.item(item_id)
        if found.type != "document":
            raise no_such("document", item_id)
        return found


def color_pair_or_none(color, rgb):
    return model.color_pair(color, rgb) if color or rgb else (None, None)
