# SPDX-License-Identifier: Apache-2.0
"""How an import adds messages, contacts, calendar items and documents, by resolve mode."""

import json

from zlab import calendar, mime, model
from zlab.contents import contact_key
from zlab.errors import MailError
from zlab.model import VERSIONED


class ItemsIn:
    """The part of archive_in.Import that knows the types of items."""

    # -- messages --

    def _add_message(self, meta, body):
        folder = self._folder_for(meta.path, "message")
        box, twins = self.mailbox, self.digests.of(folder.id).get(meta.digest)
        if twins and self.resolve in ("skip", "modify"):
            if self.resolve == "modify":
                twins.append(twins.pop(0))
                self._set_again(meta, twins[-1])
            return
        if self.habits["import_refuses_long_lines"] and mime.has_long_line(body):
            raise MailError("mail.MESSAGE_PARSE_ERROR", "Message content is invalid")
        with box.changing() as changes:
            if twins and self.resolve == "replace":
                old = twins.pop(0)
                box._delete_items(changes, [old])
            cal = None
            if meta.flags & model.INVITE and not self.habits["import_breaks_invites"]:
                cal = box.process_calendar(changes, body)
            names = box._tag_names(changes, meta.tags) if meta.tags else []
            color, rgb = meta.color(not self.habits["import_loses_rgb"])
            item_id = box.store_message(
                changes, folder, body, meta.flags | (model.UNREAD if meta.unread else 0), names,
                meta.date, digest=meta.digest, cal=cal)
            if color or rgb:
                box.update(changes, item_id, color=color, rgb=rgb)

    def _set_again(self, meta, item_id):
        """modify: flags, tags and colour of the archive."""
        box = self.mailbox
        color, rgb = meta.color(not self.habits["import_loses_rgb"])
        with box.changing() as changes:
            item = box.items([item_id]).get(item_id)
            if item is None:
                return
            names = box._tag_names(changes, meta.tags)
            flags = (meta.flags & ~model.COMPUTED) | (item.flags & model.COMPUTED)
            columns = {}
            if item.type == "message" and item.unread != meta.unread:
                columns["unread"] = int(meta.unread)
            if flags != item.flags:
                columns["flags"] = flags
            if sorted(names) != sorted(item.tags):
                columns["tags"] = json.dumps(names, ensure_ascii=False)
            if (color, rgb) != (item.color, item.rgb):
                columns.update(color=color, rgb=rgb)
            if columns:
                box.update(changes, item_id, **columns)

    # -- contacts --

    def _known_contacts(self, folder_id):
        """{what makes a contact the same: its id}, as the folder was when it was first met. With
        the bad habit "the folder" is whichever mailbox's was met first (identity 3.3)."""
        known = self.contacts.get(folder_id)
        if known is None:
            known = {contact_key(i.meta.get("fields", {})): i.id
                     for i in self.mailbox.items_of("contact", folder_id)}
            self.contacts[folder_id] = known
        return known

    def _add_contact(self, meta):
        folder = self._folder_for(meta.path, "contact")
        fields, members = meta.contact()
        if not fields and not members:
            raise MailError("formatter.MISSING_VCARD_FIELDS", "no fields in contact %d" % meta.id)
        box, old = self.mailbox, self._known_contacts(folder.id).get(contact_key(fields))
        if old is not None:
            if self.resolve == "skip":
                return
            if self.resolve == "modify":
                box.modify_contact(old, fields, members=members or None)
                self._set_again(meta, old)
                self.contacts_made[meta.id] = old
                return
            if self.resolve == "replace":
                box.item_action([old], "delete")
        if not self.habits["import_keeps_group_ids"]:
            members = [(t, str(self.contacts_made.get(int(v), v)) if t == "C" and v.isdigit()
                        else v) for t, v in members]
        color, rgb = meta.color(not self.habits["import_loses_rgb"])
        made = box.create_contact(folder.id, fields, members, meta.tags, meta.date,
                                  model.flag_string(meta.flags), color, rgb)
        self.contacts_made[meta.id] = made.id

    # -- calendar --

    def _add_calendar(self, meta, body):
        folder = self._folder_for(meta.path, meta.type)
        invites, data = meta.metadata.get("inv") or [], meta.metadata
        if not invites:
            return
        if self.habits["import_drops_other_methods"] \
                and invites[0].get("method", "PUBLISH") not in ("REQUEST", "PUBLISH"):
            return
        box = self.mailbox
        old = box.calendar_item(invites[0]["uid"])
        if old is not None and self.resolve == "skip":
            return
        with box.changing() as changes:
            if old is not None and self.resolve != "modify":
                box._delete_items(changes, [old.id])
                old = None
            if meta.type == "task" and data.get("pct"):
                invites[0]["percent"] = data["pct"]
            color, rgb = meta.color(not self.habits["import_loses_rgb"])
            made = box.set_calendar(
                folder.id, invites, meta.type, meta.tags, model.flag_string(meta.flags),
                meta.date, data.get("replies"), color, rgb, item=old)
            if not self.habits["import_rewrites_calendar"]:
                box.put_calendar_text(changes, made, body)

    # -- documents --

    def _add_document(self, meta, body):
        folder = self._folder_for(meta.path, "document")
        box, data = self.mailbox, meta.metadata
        here = self.documents.get(meta.id)
        old = None if here is not None else box.document_named(folder.id, meta.name)
        if old is not None:
            if self.resolve == "skip" and data.get("v", 1) <= old.meta.get("version", 1):
                return
            if self.resolve in ("skip", "modify"):
                here = old.id
                if self.resolve == "modify":
                    self.documents[meta.id] = here
            else:
                box.item_action([old.id], "delete")
        more = {"content_type": data.get("ct") or "", "description": data.get("desc") or "",
                "creator": data.get("cr") or ""}
        if here is None:
            made = box.save_document(folder.id, meta.name, body, tags=meta.tags, date=meta.date,
                                     flags=model.flag_string(meta.flags), **more)
            self.documents[meta.id] = made.id
            return
        changed = self.habits["import_changes_revisions"]
        with box.changing() as changes:
            made = box.save_document(None, meta.name, body, item=here,
                                     date=None if changed else meta.date, **more)
            if changed:
                box.update(changes, here, flags=made.flags | VERSIONED)

    # -- entries without metadata --

    def _add_without_meta(self, kind, path, name, body, date, unread):
        box, folder = self.mailbox, self._folder_for(path, kind)
        if kind == "message":
            if self.habits["import_refuses_long_lines"] and mime.has_long_line(body):
                raise MailError("mail.MESSAGE_PARSE_ERROR", "Message content is invalid")
            with box.changing() as changes:
                box.store_message(changes, folder, body, model.UNREAD if unread else 0, [], date)
        elif kind == "appointment":
            invites = calendar.parse(body.decode("utf-8", "replace"))
            if invites and box.calendar_item(invites[0]["uid"]) is None:
                box.set_calendar(folder.id, invites)
        elif kind == "contact":
            self._add_vcard(folder, body.decode("utf-8", "replace"))
        elif box.document_named(folder.id, name) is None:
            box.save_document(folder.id, name, body, date=date)

    def _add_vcard(self, folder, text):
        fields = {}
        for line in text.replace("\r\n", "\n").split("\n"):
            key, _, value = line.partition(":")
            if key == "N":
                fields["lastName"], _, rest = value.partition(";")
                fields["firstName"] = rest.split(";")[0]
            elif key.split(";")[0] == "EMAIL":
                fields.setdefault("email", value)
        if not fields:
            raise MailError("formatter.MISSING_VCARD_FIELDS", "no fields in vCard")
        self.mailbox.create_contact(folder.id, fields)
