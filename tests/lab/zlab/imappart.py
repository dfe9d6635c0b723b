# SPDX-License-Identifier: Apache-2.0
"""A folder as IMAP and POP3 see it: numbers of its messages, flags, copies."""

import json

from zlab import model
from zlab.imapparse import OWN_KEYWORDS, keyword
from zlab.model import DELETED, FLAGS, ITEM_SELECT, Item

TYPES = ("message", "chat", "contact")
HIDDEN_VIEWS = ("appointment", "task", "wiki", "document", "contact", "chat")
# In the order in which Zimbra tells them. \Seen is the absence of UNREAD.
FLAG_WORDS = ((DELETED, "\\Deleted"), (model.DRAFT, "\\Draft"), (model.FLAGGED, "\\Flagged"),
              (model.REPLIED, "\\Answered"), (FLAGS["n"], "$MDNSent"),
              (model.FORWARDED, "$Forwarded"), (model.FORWARDED, "Forwarded"))
SETTABLE = {word.lower(): bit for bit, word in FLAG_WORDS}
POPPED = FLAGS["p"]


class ImapPart:
    def imap_folders(self):
        """[(Folder, path)] that are shown: no views of other kinds, no search folders or links."""
        with self.lock:
            return [(f, self.path(f.id)) for f in self.root().below()
                    if f.type == "folder" and f.id != model.ROOT and f.view not in HIDDEN_VIEWS]

    def imap_numbers(self, folder):
        """(UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ) as GetFolder's rev, i4next and i4ms have them."""
        with self.lock, self.store.lock:
            highest = self.db.execute(
                "SELECT MAX(mod_metadata) FROM item WHERE mailbox_id=? AND folder_id=? AND type "
                "NOT IN ('folder','search','link','tag','conversation')",
                (self.id, folder.id)).fetchone()[0]
        return max(folder.rev, 1), self.last_item_id + 1, max(folder.modseq, highest or 0)

    def imap_items(self, folder_id, known=(), last=0):
        """The folder's items in the order of their UIDs. Those that have none get the next
        numbers, and so do those that came in below `last` when others had been told already."""
        def late(item):
            return not item.imap_id or (item.imap_id <= last and item.imap_id not in known)
        with self.lock:
            found = self._imap_rows(folder_id)
            ids = [i.id for i in found if late(i)]
            if ids:
                self.item_action(ids, "resetimapuid")
                found = self._imap_rows(folder_id)
            return found

    def _imap_rows(self, folder_id):
        with self.store.lock:
            rows = self.db.execute(
                ITEM_SELECT + "WHERE mailbox_id=? AND folder_id=? AND type IN (?,?,?) "
                "ORDER BY imap_id, id", (self.id, folder_id, *TYPES)).fetchall()
        return [Item(row) for row in rows]

    def imap_flags(self, item):
        """The words of FLAGS."""
        words = [word for bit, word in FLAG_WORDS if item.flags & bit]
        if not item.unread:
            words.append("\\Seen")
        for name in item.tags:
            tag = self._tag_named(name)
            word = keyword(name, tag.id) if tag is not None else None
            if word and word.lower() not in OWN_KEYWORDS:
                words.append(word)
        return words

    def imap_content(self, item):
        """The bytes; of a contact something like its card."""
        if item.type != "contact":
            return self.blob(item)
        fields = item.meta.get("fields") or {}
        pairs = fields.items() if isinstance(fields, dict) else fields
        lines = ["Subject: %d" % item.id, "Content-Type: text/x-vcard", "", "BEGIN:VCARD"] \
            + ["%s:%s" % pair for pair in sorted(pairs)] + ["END:VCARD", ""]
        return "\r\n".join(lines).encode("utf-8")

    def imap_store(self, ids, how, words):
        """how: "+" adds the words, "-" takes them away, "" leaves no others."""
        tags = {keyword(t.name, t.id).lower(): t.name for t in self.tags()}
        with self.changing() as changes:
            bits, names, seen = 0, [], False
            for word in words:
                low = word.lower()
                seen = seen or low == "\\seen"
                bits |= SETTABLE.get(low, 0)
                if low not in SETTABLE and low not in OWN_KEYWORDS and not word.startswith("\\"):
                    names += self._tag_names(changes, [tags.get(low, word)])
            for item in self.items(ids).values():
                self._imap_store_one(changes, item, how, bits, seen, names)
        self.bumped(changes)

    def _imap_store_one(self, changes, item, how, bits, seen, names):
        every = sum({bit for bit, _ in FLAG_WORDS})
        if how == "+":
            flags, unread = item.flags | bits, item.unread and not seen
            tags = item.tags + [n for n in names if n not in item.tags]
        elif how == "-":
            flags, unread = item.flags & ~bits, item.unread or seen
            tags = [n for n in item.tags if n not in names]
        else:
            flags, unread, tags = item.flags & ~every | bits, not seen, names
        columns = {}
        if flags != item.flags:
            columns["flags"] = flags
        if unread != item.unread:
            columns["unread"] = int(unread)
        if sorted(tags) != sorted(item.tags):
            columns["tags"] = json.dumps(tags, ensure_ascii=False)
        if columns:
            self.update(changes, item.id, **columns)

    def imap_copy(self, ids, target):
        """{id: new id}. The copy takes the original's place in the conversation."""
        made = {}
        with self.changing() as changes:
            target = self.folder(target)
            for item in self.items(ids).values():
                self.check_quota(item.size)
                new = made[item.id] = self.next_id()
                path = self._put_blob(changes, new, self.blob(item)) if item.path else None
                parent = item.parent_id if item.parent_id and item.parent_id > 0 else -new
                self.insert(changes, new, item.type, parent, target.id, date=item.date,
                            size=item.size, digest=item.digest, path=path, unread=item.unread,
                            flags=item.flags, subject=item.subject, color=item.color, rgb=item.rgb,
                            tags=json.dumps(item.tags, ensure_ascii=False),
                            meta=json.dumps(item.meta, ensure_ascii=False))
                if item.type == "message":
                    if parent > 0:
                        self.update(changes, item.id, parent_id=-item.id)
                    self.db.execute("UPDATE OR REPLACE open_conversation SET conv_id=? WHERE "
                                    "mailbox_id=? AND conv_id=?", (-new, self.id, -item.id))
                self._grown(changes, item.size)
        return made

    def pop_items(self):
        """Inbox as POP3 has it: neither \\Deleted nor taken already."""
        return [i for i in self.items_of("message", model.INBOX)
                if not i.flags & (DELETED | POPPED)]

    def pop_delete(self, ids):
        with self.changing() as changes:
            self._delete_items(changes, ids)
