# SPDX-License-Identifier: Apache-2.0
"""One node's disk: mailbox.db and the blobs, and the mailboxes that are cached in memory.

Durable against kill -9 of the process: a change is committed (SQLite, WAL) before it is
answered, and a blob is written before the row that names it. What a mailbox row shows to
GetAllMailboxes lags behind as Zimbra's does; the columns item_id_checkpoint and
change_checkpoint are exact, for the oracle.
"""

import os
import sqlite3
import threading
import time

from zlab.costs import Costs
from zlab.errors import MailError
from zlab.habits import Habits
from zlab.mailbox import Mailbox

__all__ = ["Store", "MailError"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS mailbox(
 id INTEGER PRIMARY KEY AUTOINCREMENT, account_id TEXT UNIQUE NOT NULL,
 item_id_checkpoint INTEGER NOT NULL, change_checkpoint INTEGER NOT NULL,
 size INTEGER NOT NULL DEFAULT 0, contact_count INTEGER NOT NULL DEFAULT 0,
 new_messages INTEGER NOT NULL DEFAULT 0, tracking_sync INTEGER NOT NULL DEFAULT 0,
 tracking_imap INTEGER NOT NULL DEFAULT 0, last_soap_access INTEGER NOT NULL DEFAULT 0,
 row_item_id INTEGER NOT NULL, row_change INTEGER NOT NULL, row_size INTEGER NOT NULL DEFAULT 0,
 row_contacts INTEGER NOT NULL DEFAULT 0, row_new INTEGER NOT NULL DEFAULT 0,
 deleted INTEGER);
CREATE TABLE IF NOT EXISTS item(
 mailbox_id INTEGER NOT NULL, id INTEGER NOT NULL, type TEXT NOT NULL, parent_id INTEGER,
 folder_id INTEGER, imap_id INTEGER, date INTEGER NOT NULL, size INTEGER NOT NULL DEFAULT 0,
 blob_digest TEXT, blob_path TEXT, unread INTEGER NOT NULL DEFAULT 0,
 flags INTEGER NOT NULL DEFAULT 0, name TEXT, subject TEXT, tags TEXT NOT NULL DEFAULT '[]',
 color INTEGER, rgb TEXT, metadata TEXT NOT NULL DEFAULT '{}', mod_metadata INTEGER NOT NULL,
 mod_content INTEGER NOT NULL, change_date INTEGER NOT NULL, uuid TEXT NOT NULL,
 PRIMARY KEY(mailbox_id, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS item_folder ON item(mailbox_id, folder_id);
CREATE INDEX IF NOT EXISTS item_counts ON item(mailbox_id, folder_id, type, unread, size, mod_metadata);
CREATE INDEX IF NOT EXISTS item_parent ON item(mailbox_id, parent_id);
CREATE INDEX IF NOT EXISTS item_change ON item(mailbox_id, mod_metadata);
CREATE INDEX IF NOT EXISTS item_name ON item(mailbox_id, name) WHERE name IS NOT NULL;
CREATE TABLE IF NOT EXISTS revision(
 mailbox_id INTEGER NOT NULL, item_id INTEGER NOT NULL, version INTEGER NOT NULL,
 date INTEGER, size INTEGER, blob_digest TEXT, blob_path TEXT, mod_content INTEGER,
 PRIMARY KEY(mailbox_id, item_id, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstone(
 mailbox_id INTEGER NOT NULL, change INTEGER NOT NULL, type TEXT NOT NULL, item_id INTEGER NOT NULL,
 PRIMARY KEY(mailbox_id, change, item_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open_conversation(
 mailbox_id INTEGER NOT NULL, hash TEXT NOT NULL, conv_id INTEGER NOT NULL,
 PRIMARY KEY(mailbox_id, hash)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_conv ON open_conversation(mailbox_id, conv_id);
CREATE TABLE IF NOT EXISTS mailbox_metadata(
 mailbox_id INTEGER NOT NULL, section TEXT NOT NULL, body TEXT NOT NULL,
 PRIMARY KEY(mailbox_id, section)) WITHOUT ROWID;
"""
TABLES = ("item", "revision", "tombstone", "open_conversation", "mailbox_metadata")


class Store:
    """Thread-safe. `limits` and `listener` are the server's to set; see mailbox.py."""

    def __init__(self, node_dir, habits=None, costs=None, unsafe=False):
        """`unsafe`: for seeding only; nothing is certain to be on disk before close()."""
        self.dir = node_dir
        self.blob_root = os.path.join(node_dir, "store")
        self.habits = habits if habits is not None else Habits()
        self.costs = costs if costs is not None else Costs()
        self.lock = threading.RLock()
        self.limits = lambda account_id: (0, 0)
        self.listener = None
        # What archive imports of this server share, by format (identity 3.3).
        self.shared_contacts = {}
        self.unsafe = unsafe
        self._cache, self._made = {}, set()
        os.makedirs(self.blob_root, exist_ok=True)
        self.db = sqlite3.connect(os.path.join(node_dir, "mailbox.db"), timeout=60,
                                  isolation_level=None, check_same_thread=False,
                                  cached_statements=512)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=%s" % ("OFF" if unsafe else "NORMAL"))
        self.db.execute("PRAGMA cache_size=-65536")
        self.db.execute("PRAGMA wal_autocheckpoint=4000")
        self.db.executescript(SCHEMA)

    def close(self):
        with self.lock:
            self._cache.clear()
            self.db.close()

    # -- rows --

    def rows(self):
        with self.lock:
            return [_shown(r) for r in self.db.execute("SELECT * FROM mailbox ORDER BY id")]

    def row(self, account_id):
        with self.lock:
            found = self._row(account_id)
        return None if found is None else _shown(found)

    def _row(self, account_id):
        return self.db.execute("SELECT * FROM mailbox WHERE account_id=?",
                               (account_id,)).fetchone()

    # -- mailboxes --

    def cached(self, account_id):
        return account_id in self._cache

    def get(self, account_id):
        found = self._cache.get(account_id)
        if found is not None:
            return found
        with self.lock:
            if account_id not in self._cache:
                row = self._row(account_id)
                if row is None:
                    return None
                self._cache[account_id] = Mailbox(self, row)
            return self._cache[account_id]

    def create(self, account_id):
        with self.lock:
            found = self.get(account_id)
            if found is None:
                found = self._cache[account_id] = Mailbox.create(self, account_id)
            return found

    def evict(self, account_id):
        found = self._cache.get(account_id)
        if found is not None:
            with found.lock, self.lock:     # no second one may be loaded while this one writes
                found.closed = True
                if self._cache.get(account_id) is found:
                    del self._cache[account_id]

    def delete(self, account_id):
        """Row, items and blobs; True if there was a row."""
        mailbox = self.get(account_id)
        if mailbox is None:
            return False
        with mailbox.lock, self.lock:
            row = self._row(account_id)
            if row is None:
                return False
            self.db.execute("BEGIN IMMEDIATE")
            try:
                for table in TABLES:
                    self.db.execute("DELETE FROM %s WHERE mailbox_id=?" % table, (row["id"],))
                self.db.execute("DELETE FROM mailbox WHERE id=?", (row["id"],))
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")
            for gone in (mailbox, self._cache.pop(account_id, None)):
                if gone is not None:
                    gone.closed = True
        self._remove_tree(os.path.join(self.blob_root, blob_dir(row["id"])))
        self._made.clear()
        return True

    @staticmethod
    def _remove_tree(path):
        for base, dirs, files in os.walk(path, topdown=False):
            for name in files:
                os.unlink(os.path.join(base, name))
            for name in dirs:
                os.rmdir(os.path.join(base, name))
        if os.path.isdir(path):
            os.rmdir(path)

    # -- blobs --

    def write_blob(self, mailbox_id, item_id, mod_content, data):
        """Returns the path to be stored: below store/."""
        folder = "%s/msg/%d" % (blob_dir(mailbox_id), item_id >> 12)
        path = "%s/%d-%d.msg" % (folder, item_id, mod_content)
        if folder not in self._made:
            os.makedirs(os.path.join(self.blob_root, folder), exist_ok=True)
            self._made.add(folder)
        handle = os.open("%s/%s" % (self.blob_root, path),
                         os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view):]
        finally:
            os.close(handle)
        return path

    def blob_file(self, path):
        return os.path.join(self.blob_root, path)

    def remove_blobs(self, paths):
        for path in paths:
            try:
                os.unlink(os.path.join(self.blob_root, path))
            except FileNotFoundError:
                pass


def blob_dir(mailbox_id):
    return "%d/%d" % (mailbox_id >> 12, mailbox_id)


def now():
    return int(time.time())


def _shown(row):
    """A row as GetAllMailboxes gives it."""
    return {"id": str(row["id"]), "groupId": str((row["id"] - 1) % 100 + 1),
            "accountId": row["account_id"], "indexVolumeId": "2",
            "itemIdCheckPoint": str(row["row_item_id"]), "contactCount": str(row["row_contacts"]),
            "sizeCheckPoint": str(row["row_size"]), "changeCheckPoint": str(row["row_change"]),
            "trackingSync": str(row["tracking_sync"]), "trackingImap": str(row["tracking_imap"]),
            "lastBackupAt": "-1", "lastSoapAccess": str(row["last_soap_access"]),
            "newMessages": str(row["row_new"]), "idxDeferredCount": "0"}
