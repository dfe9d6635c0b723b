#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hostile histories: the same from the same seed, and hostile indeed to one who makes the
mailbox anew from what is left of it.
"""

import json
import os
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from zlab import directory, seed, snapshot  # noqa: E402
from zlab.model import INBOX, JUNK, SENT  # noqa: E402
from zlab.store import Store  # noqa: E402

COUNT = 400


class Histories(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="histories-test-")
        cls.boxes, cls.stores = cls.played("one")
        cls.box = next(iter(cls.boxes.values())).mailbox

    @classmethod
    def tearDownClass(cls):
        for store in cls.stores.values():
            store.close()
        shutil.rmtree(cls.dir)

    @classmethod
    def played(cls, name, histories=(COUNT,), mailboxes=2):
        nodes = [{"name": "mbs1", "host": "mbs1.example.test", "dir": os.path.join(cls.dir, name),
                  "id": "mbs1"}]
        plan = directory.Plan("example.test", nodes, 1, mailboxes, specials=False)
        stores = {"mbs1": Store(nodes[0]["dir"], unsafe=True)}
        return seed.play(plan, stores, "small", histories=histories), stores

    def test_same_seed_same_content(self):
        _, again = self.played("two")
        again["mbs1"].close()
        a, b = (snapshot.read_node(os.path.join(self.dir, name)) for name in ("one", "two"))
        self.assertEqual(json.dumps(a, sort_keys=True), json.dumps(b, sort_keys=True))

    def test_too_many_sizes(self):
        with self.assertRaisesRegex(RuntimeError, "3 sizes for the 2 users"):
            self.played("three", (100, 100, 100))

    def test_everything_is_in_it(self):
        box, items = self.box, self.box.items_of()
        self.assertLess(abs(len(items) - COUNT), COUNT // 10)
        self.assertLessEqual({"message", "contact", "appointment", "task", "document"},
                             {i.type for i in items})
        self.assertTrue(any("," in t.name for t in box.tags()))
        folders = [f for f in box.folders_by_id.values() if f.id > 256 and f.type == "folder"]
        self.assertTrue(any(f.parent_id > f.id for f in folders), "no parent is newer")
        self.assertTrue(any(256 < f.parent_id < f.id for f in folders), "no parent is older")
        mails = box.items_of("message")
        self.assertTrue(any(i.imap_id not in (0, i.id) for i in mails), "every UID is the id")
        self.assertTrue(any(i.tags and i.id < box.tag(i.tags[0]).id for i in mails),
                        "no tag is newer than what it is on")
        twins = [(i.folder_id, i.digest) for i in mails]
        self.assertLess(len(set(twins)), len(twins), "no twins")
        self.assertLess({JUNK, SENT}, {i.folder_id for i in mails})
        ids = sorted(i.id for i in items)
        self.assertGreater(max(b - a for a, b in zip(ids, ids[1:])), 20, "no large gap")

    def test_hostile(self):
        """Mails added in the order of their ids, each at its own: some ids are taken already, by
        a conversation that another mail made real before."""
        again = Store(os.path.join(self.dir, "anew"), unsafe=True)
        new = again.create("anew")
        taken, parents = 0, 0
        for item in self.box.items_of():
            if item.id <= new.last_item_id:
                taken += 1
                continue
            new.item_action([INBOX] * (item.id - 1 - new.last_item_id), "resetimapuid")
            if item.type != "message":
                new.next_id()
                continue
            folder = JUNK if item.folder_id == JUNK else INBOX
            made = new.add_message(folder, self.box.blob(item), item.flag_string, (), item.date)
            self.assertEqual(item.id, made.id)
            parents += made.parent_id != item.parent_id
        again.close()
        self.assertGreater(taken, COUNT // 50)
        self.assertLess(taken, COUNT // 8)
        self.assertGreater(parents, taken)


if __name__ == "__main__":
    unittest.main()
