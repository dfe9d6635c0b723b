# SPDX-License-Identifier: Apache-2.0
"""SyncRequest: the list of everything, and what changed since a token (zimbra 5.1)."""

import re

from zlab import model
from zlab.errors import MailError, invalid
from zlab.model import ITEM_SELECT, SYNC_NAMES, Item

CHANGES_MOST = 3990


class Sync:
    """An answer. Initial: `root`, `ids`, `tags`. Delta: `deleted`, `folders`, `tags`, `items`."""

    def __init__(self, token, initial, hide_new):
        self.token, self.initial, self.more = token, initial, False
        self.root, self.ids, self.tags = None, {}, []
        self.deleted, self.folders, self.items = [], [], []
        self._hide_new = hide_new

    def hide_flags(self, new):
        """A new item's entry has neither f nor tn nor t."""
        return new and self._hide_new


class SyncPart:
    def sync(self, token=None, folder=model.ROOT, change_limit=CHANGES_MOST, visible=None):
        """`visible`: ids of folders that the caller may read, None = all."""
        if token is None or token == "":
            return self._sync_all(self.folder(folder), visible)
        return self._sync_since(str(token), change_limit, visible)

    def _sync_all(self, root, visible):
        """The first one turns the tracking of deletions on."""
        with self.lock:
            if not self.sync_since:
                with self.changing() as changes:
                    changes.mailbox.sync_since = self.change
            with self.store.lock:
                answer = Sync(str(self.change), True, False)
                answer.root, answer.tags = root, self.tags()
                inside = {f.id for f in root.below()} if root.id != model.ROOT else None
                for item_id, kind, fid in self.db.execute(
                        "SELECT id, type, folder_id FROM item WHERE mailbox_id=? ORDER BY id",
                        (self.id,)):
                    name = SYNC_NAMES.get(kind)
                    if name is None or (inside is not None and fid not in inside) \
                            or (visible is not None and fid not in visible):
                        continue
                    answer.ids.setdefault(fid, {}).setdefault(name, []).append(item_id)
            return answer

    def _sync_since(self, token, limit, visible):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?(?::d?\d+(?:-\d+)?)?", token)
        if not match:
            raise invalid("malformed sync token: " + token)
        since, passed = int(match.group(1)), int(match.group(2) or 0)
        with self.lock, self.store.lock:
            if self.habits["sync_must_resync"] and (not self.sync_since
                                                    or since < self.sync_since):
                raise MailError("mail.MUST_RESYNC", "sync token is too old: " + token)
            if since > self.change and not self.habits["sync_future_token"]:
                raise MailError("mail.MUST_RESYNC", "sync token is not ours: " + token)
            answer = Sync(str(max(self.change, since)), False,
                          self.habits["sync_new_without_flags"])
            if since >= self.change:
                return answer
            if not passed:
                self._sync_structure(answer, since)
            self._sync_items(answer, since, passed, limit, visible)
            return answer

    def _sync_structure(self, answer, since):
        for kind, item_id in self.db.execute(
                "SELECT type, item_id FROM tombstone WHERE mailbox_id=? AND change>? "
                "ORDER BY change, item_id", (self.id, since)):
            if kind != "conversation":
                answer.deleted.append((kind, item_id))
        answer.folders = sorted((f for f in self.folders_by_id.values() if f.modseq > since),
                                key=lambda f: f.id)
        answer.tags = [t for t in self.tags() if t.modseq > since]

    def _sync_items(self, answer, since, passed, limit, visible):
        limit = min(int(limit or CHANGES_MOST), CHANGES_MOST)
        after = since - int(self.habits["sync_repeats_new"])    # what came with the last change
        rows = self.db.execute(
            ITEM_SELECT + "WHERE mailbox_id=? AND mod_metadata>? AND id>? AND type NOT IN "
            "('folder','search','link','tag','conversation') ORDER BY id LIMIT ?",
            (self.id, after, passed, limit + 1)).fetchall()
        for row in rows[:limit]:
            item = Item(row)
            if visible is None or item.folder_id in visible:
                answer.items.append((item, item.mod_content > after))
            else:
                answer.deleted.append((item.type, item.id))
        if len(rows) > limit:
            answer.more = True
            answer.token = "%d-%d" % (since, rows[limit - 1]["id"])
