# SPDX-License-Identifier: Apache-2.0
"""One mailbox: its counters, its transactions, and what is kept of it in memory.

Every public method of this class and its parts (folders, items, contents, calendar, syncing) is
one transaction with one change number, taken when the first thing really changes. Folders and
tags live in memory as long as the mailbox is cached; items are read from disk.
"""

import contextlib
import json
import threading
import time
import uuid

from zlab.calendar import CalendarPart
from zlab.contents import ContentsPart
from zlab.costs import pay
from zlab.errors import MailError, no_such
from zlab.folderpart import FolderPart
from zlab.imappart import ImapPart
from zlab.itempart import ItemPart
from zlab.model import (FIRST_USER_ID, FOLDERS, ITEM_COLUMNS, SYSTEM_FOLDERS, Folder, Tag,
                        flag_bits)
from zlab.search import SearchPart
from zlab.syncing import SyncPart

ITEM_STEP, CHANGE_STEP = 20, 100
INSERT = "INSERT INTO item(mailbox_id, %s) VALUES(%s)" % (
    ", ".join(ITEM_COLUMNS), ", ".join("?" * (len(ITEM_COLUMNS) + 1)))


class Changes:
    """What one transaction does: its change number, taken late, and what is to be done after."""

    __slots__ = ("mailbox", "number", "row_exact", "doomed_blobs", "events", "new_blobs",
                 "structure")

    def __init__(self, mailbox):
        self.mailbox, self.number, self.row_exact = mailbox, None, False
        self.doomed_blobs, self.new_blobs, self.events = [], [], []
        self.structure = False    # folders or tags changed in memory

    @property
    def change(self):
        if self.number is None:
            self.mailbox.change += 1
            self.number = self.mailbox.change
        return self.number


class Mailbox(FolderPart, ItemPart, ContentsPart, CalendarPart, SearchPart, SyncPart, ImapPart):
    def __init__(self, store, row):
        self.store, self.habits, self.costs, self.db = store, store.habits, store.costs, store.db
        self.lock = threading.RLock()
        self.id, self.account_id = row["id"], row["account_id"]
        self.closed = False
        self._changes = None
        self.clock = None      # seeding plays in the past
        self.ids = uuid.uuid4  # seeding has its own
        self._take_row(row)
        if self.habits["reload_rounds_counters"]:
            self.last_item_id = row["row_item_id"] // ITEM_STEP * ITEM_STEP + ITEM_STEP - 1
            self.change = row["row_change"] // CHANGE_STEP * CHANGE_STEP + CHANGE_STEP - 1
        with store.lock:
            self._load_structure()

    @classmethod
    def create(cls, store, account_id, when=None, ids=uuid.uuid4):
        """A fresh mailbox: system folders, change 1, item counter 256."""
        when = int(time.time()) if when is None else when
        with store.lock:
            joined = store.db.in_transaction
            if not joined:
                store.db.execute("BEGIN IMMEDIATE")
            try:
                number = store.db.execute(
                    "INSERT INTO mailbox(account_id, item_id_checkpoint, change_checkpoint, "
                    "row_item_id, row_change, last_soap_access) VALUES(?,?,1,?,1,0)",
                    (account_id, FIRST_USER_ID, FIRST_USER_ID)).lastrowid
                for fid, parent, name, view, flags in SYSTEM_FOLDERS:
                    store.db.execute(INSERT, (
                        number, fid, "folder", parent, parent, None, when, 0, None, None, 0,
                        flag_bits(flags), name, None, "[]", None, None,
                        json.dumps({"view": view}) if view else "{}", 1, 1, when,
                        str(ids())))
            except BaseException:
                store.db.execute("ROLLBACK")
                raise
            if not joined:
                store.db.execute("COMMIT")
            row = store.db.execute("SELECT * FROM mailbox WHERE id=?", (number,)).fetchone()
            made = cls(store, row)
        made.last_item_id, made.change = FIRST_USER_ID, 1
        return made

    def _take_row(self, row):
        self.last_item_id, self.change = row["item_id_checkpoint"], row["change_checkpoint"]
        self.size, self.contact_count = row["size"], row["contact_count"]
        self.new_messages = row["new_messages"]
        self.sync_since, self.tracking_imap = row["tracking_sync"], bool(row["tracking_imap"])
        self._row_item, self._row_change = row["row_item_id"], row["row_change"]
        self.last_access = row["last_soap_access"]

    tracking_sync = property(lambda self: self.sync_since > 0)

    def _load_structure(self):
        self.folders_by_id, self.tags_by_id = {}, {}
        for row in self.db.execute(
                "SELECT * FROM item WHERE mailbox_id=? AND type IN ('folder','search','link') "
                "ORDER BY id", (self.id,)):
            self.folders_by_id[row["id"]] = Folder(self, row)
        for folder in self.folders_by_id.values():
            parent = self.folders_by_id.get(folder.parent_id)
            if parent is not None and parent is not folder:
                parent.children.append(folder)
        for row in self.db.execute("SELECT * FROM item WHERE mailbox_id=? AND type='tag' "
                                   "ORDER BY id", (self.id,)):
            self.tags_by_id[row["id"]] = Tag(row)

    # -- transactions --

    def now(self):
        return int(time.time()) if self.clock is None else self.clock

    @contextlib.contextmanager
    def changing(self):
        """One transaction; inner ones join the outer. Yields its Changes."""
        with self.lock:
            if self._changes is not None:
                yield self._changes
                return
            if self.closed:
                raise MailError("mail.MAINTENANCE", "mailbox in maintenance mode: %s"
                                % self.account_id, sender=False)
            changes = Changes(self)
            kept = (self.last_item_id, self.change, self.size, self.contact_count,
                    self.new_messages, self.sync_since, self.tracking_imap)
            with self.store.lock:
                joined = self.db.in_transaction   # seeding: one big transaction around all
                if not joined:
                    self.db.execute("BEGIN IMMEDIATE")
                self._changes = changes
                try:
                    yield changes
                    self._write_row(changes)
                except BaseException:
                    self.db.execute("ROLLBACK")
                    (self.last_item_id, self.change, self.size, self.contact_count,
                     self.new_messages, self.sync_since, self.tracking_imap) = kept
                    self._load_structure()
                    self.store.remove_blobs(changes.new_blobs)
                    raise
                finally:
                    self._changes = None
                if not joined:
                    self.db.execute("COMMIT")
            self.store.remove_blobs(changes.doomed_blobs)
            if self.store.listener is not None:
                for event in changes.events:
                    self.store.listener(self, *event)

    def _write_row(self, changes):
        crossed = (self.last_item_id // ITEM_STEP != self._row_item // ITEM_STEP
                   or self.change // CHANGE_STEP != self._row_change // CHANGE_STEP)
        if changes.row_exact or crossed or not self.habits["row_lags"]:
            self._row_item, self._row_change = self.last_item_id, self.change
            self.db.execute(
                "UPDATE mailbox SET item_id_checkpoint=?, change_checkpoint=?, size=?, "
                "contact_count=?, new_messages=?, row_item_id=?, row_change=?, row_size=?, "
                "row_contacts=?, row_new=?, tracking_sync=?, tracking_imap=? WHERE id=?",
                (self.last_item_id, self.change, self.size, self.contact_count,
                 self.new_messages, self.last_item_id, self.change, self.size,
                 self.contact_count, self.new_messages, self.sync_since,
                 int(self.tracking_imap), self.id))
        else:
            self.db.execute(
                "UPDATE mailbox SET item_id_checkpoint=?, change_checkpoint=?, size=?, "
                "contact_count=?, new_messages=?, tracking_sync=?, tracking_imap=? WHERE id=?",
                (self.last_item_id, self.change, self.size, self.contact_count,
                 self.new_messages, self.sync_since, int(self.tracking_imap), self.id))

    def next_id(self):
        self.last_item_id += 1
        return self.last_item_id

    def bumped(self, changes):
        """What a change of flags, tags or colours costs, paid outside the store's lock."""
        if changes.number is not None and self.costs["bump_change_ms"]:
            pay(self.costs["bump_change_ms"])

    # -- rows of items --

    def insert(self, changes, item_id, kind, parent_id, folder_id, **columns):
        """Writes a new row. Not given: imap_id = id, date now, the rest empty."""
        get, when = columns.get, self.now()
        self.db.execute(INSERT, (
            self.id, item_id, kind, parent_id, folder_id, get("imap_id", item_id),
            get("date", when), get("size", 0), get("digest"), get("path"),
            int(get("unread", 0)), get("flags", 0), get("name"), get("subject"),
            get("tags", "[]"), get("color"), get("rgb"), get("meta", "{}"), changes.change,
            changes.change, when, get("uuid") or str(self.ids())))

    def update(self, changes, item_id, content=False, **columns):
        """Changes columns of one row; its change numbers follow."""
        columns["mod_metadata"] = changes.change
        columns["change_date"] = self.now()
        if content:
            columns["mod_content"] = changes.change
        self.db.execute("UPDATE item SET %s WHERE mailbox_id=? AND id=?" % ", ".join(
            name + "=?" for name in columns), (*columns.values(), self.id, item_id))

    def bury(self, changes, kind, item_id):
        """A tombstone, once Sync is tracked."""
        if self.sync_since:
            self.db.execute("INSERT OR REPLACE INTO tombstone VALUES(?,?,?,?)",
                            (self.id, changes.change, kind, item_id))

    # -- small things --

    def get_metadata(self, section):
        with self.lock, self.store.lock:
            row = self.db.execute("SELECT body FROM mailbox_metadata WHERE mailbox_id=? AND "
                                  "section=?", (self.id, section)).fetchone()
        return None if row is None else json.loads(row["body"])

    def set_metadata(self, section, values):
        with self.changing() as changes:
            _ = changes.change
            if values:
                self.db.execute("INSERT OR REPLACE INTO mailbox_metadata VALUES(?,?,?)", (
                    self.id, section, json.dumps(values, ensure_ascii=False, sort_keys=True)))
            else:
                self.db.execute("DELETE FROM mailbox_metadata WHERE mailbox_id=? AND section=?",
                                (self.id, section))

    def begin_tracking_imap(self):
        if not self.tracking_imap:
            with self.changing() as changes:
                changes.mailbox.tracking_imap = True

    def touch_soap(self):
        """lastSoapAccess, at most once in a minute."""
        when = int(time.time())
        if when - self.last_access > 60:
            self.last_access = when
            with self.store.lock:
                self.db.execute("UPDATE mailbox SET last_soap_access=? WHERE id=?",
                                (when, self.id))

    def check_quota(self, more):
        """mail.QUOTA_EXCEEDED if `more` bytes are too many."""
        if more <= 0:
            return
        quota = self.store.limits(self.account_id)[0]
        if quota and self.size + more > quota:
            raise MailError("mail.QUOTA_EXCEEDED", "mailbox exceeded quota (limit=%d)" % quota,
                            limit=str(quota))

    def kind_of(self, item_id):
        """The type of whatever has this id; mail.NO_SUCH_ITEM."""
        if item_id in self.folders_by_id:
            return self.folders_by_id[item_id].type
        if item_id in self.tags_by_id:
            return "tag"
        with self.store.lock:
            row = self.db.execute("SELECT type FROM item WHERE mailbox_id=? AND id=?",
                                  (self.id, item_id)).fetchone()
        if row is None:
            raise no_such(None, item_id)
        return row["type"]

    def is_folder(self, item_id):
        return item_id in self.folders_by_id

    @staticmethod
    def is_folder_type(kind):
        return kind in FOLDERS
