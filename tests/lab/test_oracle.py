#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The oracle must find every kind of damage: a check that cannot fail is a defect.

Two stores are built on disk by hand, one mailbox is "moved" between them as a perfect mover
would, and then one thing is spoilt at a time.
"""

import copy
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from zlab import oracle, snapshot  # noqa: E402

SCHEMA = """
CREATE TABLE mailbox(id INTEGER PRIMARY KEY, account_id TEXT UNIQUE, item_id_checkpoint,
 change_checkpoint, deleted);
CREATE TABLE item(mailbox_id, id, type TEXT, parent_id, folder_id, imap_id, date, size,
 blob_digest, blob_path, unread, flags INTEGER, name, subject, tags TEXT, color, rgb,
 metadata TEXT, mod_metadata, mod_content, change_date, uuid, PRIMARY KEY(mailbox_id, id));
CREATE TABLE mailbox_metadata(mailbox_id, section, body);
CREATE TABLE revision(mailbox_id, item_id, version, date, size, blob_digest, blob_path);
"""
A, B = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
FLAGGED, DELETED = 32, 128
STORM_MID = "<storm.1@mta1>"
STORM_RAW = b"Subject: storm 1f 1 x\r\nMessage-ID: <storm.1@mta1>\r\n\r\nhello\r\n"


class Store:
    """Writes one node's mailbox.db and blobs, as plainly as can be."""

    def __init__(self, node_dir):
        self.dir = node_dir
        os.makedirs(os.path.join(node_dir, "store"), exist_ok=True)
        self.db = sqlite3.connect(os.path.join(node_dir, "mailbox.db"))
        if not self.db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self.db.executescript(SCHEMA)

    def mailbox(self, number, account_id, item_id=400, change=900):
        self.db.execute("INSERT INTO mailbox VALUES(?,?,?,?,NULL)",
                        (number, account_id, item_id, change))

    def item(self, number, item_id, kind, folder, raw=None, **columns):
        row = {"mailbox_id": number, "id": item_id, "type": kind, "folder_id": folder,
               "parent_id": folder, "imap_id": item_id, "date": 1700000000, "unread": 0,
               "flags": 0, "tags": "[]", "metadata": "{}", "mod_metadata": 5, "mod_content": 5,
               "size": 0}
        if raw is not None:
            row.update(size=len(raw), **self.blob(number, item_id, raw))
        row.update(columns)
        self.db.execute("INSERT INTO item(%s) VALUES(%s)" % (
            ",".join(row), ",".join("?" * len(row))), list(row.values()))

    def blob(self, number, name, raw):
        path = "%d-%s.msg" % (number, name)
        with open(os.path.join(self.dir, "store", path), "wb") as f:
            f.write(raw)
        return {"blob_digest": hashlib.sha256(raw).hexdigest(), "blob_path": path}

    def revision(self, number, item_id, version, raw, date):
        blob = self.blob(number, "%d.%d" % (item_id, version), raw)
        self.db.execute("INSERT INTO revision VALUES(?,?,?,?,?,?,?)", (
            number, item_id, version, date, len(raw), blob["blob_digest"], blob["blob_path"]))

    def done(self):
        self.db.commit()
        self.db.close()


def raw(subject, body="text", eol=b"\r\n"):
    lines = [b"Subject: " + subject.encode(), b"Message-ID: <" + subject.encode() + b"@x>", b"",
             body.encode(), b""]
    return eol.join(lines)


def fill(store, number, shift=0, eol=b"\r\n"):
    """Account A's mailbox. `shift`: what a move adds to the ids of items (not of folders)."""
    def item(item_id, *args, **columns):
        store.item(number, item_id + shift, *args, **columns)
    for fid, name in ((1, "USER_ROOT"), (2, "Inbox"), (3, "Trash"), (6, "Drafts"),
                      (7, "Contacts"), (10, "Calendar"), (16, "Briefcase")):
        store.item(number, fid, "folder", 1, name=name, mod_content=1)
    grants = {"grants": [{"grantee": B, "rights": "r"}]}
    store.item(number, 257, "folder", 1, name="Work", rgb="#112233", metadata=json.dumps(grants))
    store.item(number, 258, "tag", 8, name="urgent", color=3)
    store.item(number, 259, "search", 1, name="s", metadata=json.dumps({"query": "is:unread"}))
    item(300, "message", 2, raw("one [a-1]"), subject="one [a-1]", unread=1)
    item(301, "message", 257, raw("two [a-2]"), subject="two [a-2]", flags=FLAGGED,
         tags='["urgent"]')
    item(302, "message", 2, raw("twin"), subject="twin", unread=1)
    item(303, "message", 2, raw("twin"), subject="twin", tags='["urgent"]')
    item(304, "message", 3, raw("binned [a-4]"), subject="binned [a-4]", flags=DELETED)
    item(305, "message", 2, raw("unix [a-5]", eol=eol), subject="unix [a-5]")
    item(310, "contact", 7, metadata=json.dumps({"fields": {"email": "c@x"}}))
    item(311, "contact", 7, metadata=json.dumps({"fields": {"fileAs": "G"}, "members": [
        ["C", str(310 + shift)], ["I", "i@x"]]}))
    item(320, "appointment", 10, b"ics%d" % shift, metadata=json.dumps({"uid": "u1", "invites": [
        {"summary": "m", "replies": [{"who": "g@x", "partStat": "AC"}]}]}))
    item(321, "task", 10, b"tsk", metadata=json.dumps({"uid": "t1", "percent": 50}))
    item(330, "document", 16, b"v2", name="d.txt")
    store.revision(number, 330 + shift, 1, b"v1", 100 + shift)
    store.revision(number, 330 + shift, 2, b"v2", 200 + shift)
    for section in ("zwc:implicit", "odd"):
        if not shift or section != "odd":
            store.db.execute("INSERT INTO mailbox_metadata VALUES(?,?,'{}')", (number, section))


def fill_reader(store, number):
    """Account B's mailbox: it mounts A's folder."""
    store.item(number, 2, "folder", 1, name="Inbox")
    store.item(number, 257, "link", 1, name="A's work",
               metadata=json.dumps({"owner": A, "remote_id": 257}))


def account(name, host):
    return {"name": name, "host": host, "transport": "lmtp:%s:7025" % host, "status": "active",
            "attributes": {"zimbraAccountStatus": ["active"]}, "shared": ["folderId:257;r"],
            "sources": {"pop": {"zimbraDataSourceEnabled": ["TRUE"]}}}


class OracleCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="oracle-test-")
        before = cls.lay("before", {"mbs1": [A], "mbs2": [B]})
        after = cls.lay("after", {"mbs1": [], "mbs2": [A, B]})
        before["accounts"][A]["host"] = "mbs1"
        cls.before = cls.settle(before, "mbs1", 100.0)
        cls.after = cls.settle(after, "mbs2", 900.0)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    @classmethod
    def lay(cls, label, layout):
        nodes, moved = {}, label == "after"
        for name, accounts in layout.items():
            path = os.path.join(cls.dir, label, name)
            store = Store(path)
            for number, account_id in enumerate(accounts, 1):
                store.mailbox(number, account_id, 400 + 200 * moved, 900 + moved)
                if account_id == A:
                    fill(store, number, 200 if moved else 0, b"\r\n" if moved else b"\n")
                else:
                    fill_reader(store, number)
            store.done()
            nodes[name] = {"host": name, "mailboxes": snapshot.read_node(path)}
        return {"domain": "x", "accounts": {A: account("a@x", "mbs1"), B: account("b@x", "mbs2")},
                "nodes": nodes}

    @staticmethod
    def settle(taken, host, when):
        taken["accounts"][A] = account("a@x", host)
        taken["time"] = when
        return taken

    def setUp(self):
        self.old, self.new = copy.deepcopy(self.before), copy.deepcopy(self.after)
        self.mail, self.acts = [], []

    # -- helpers --

    @property
    def box(self):
        return self.new["nodes"]["mbs2"]["mailboxes"][A]

    def item(self, item_id):
        return next(i for i in self.box["items"] if i["id"] == item_id)

    def drop(self, item_id):
        self.box["items"].remove(self.item(item_id))

    def clone(self, item_id, new_id, **changes):
        twin = dict(copy.deepcopy(self.item(item_id)), id=new_id, imap=new_id, **changes)
        self.box["items"].append(twin)
        return twin

    def run_oracle(self):
        return oracle.compare(self.old, self.new, self.mail, self.acts)

    def clean(self):
        report = self.run_oracle()
        self.assertEqual([], report.differences)
        return report

    def finds(self, kind, text=""):
        report = self.run_oracle()
        hits = [d for d in report.differences if d["kind"] == kind and text in d["text"]]
        self.assertTrue(hits, "no '%s' with '%s' in %s" % (kind, text, report.differences))
        return report

    def storm(self, stored=True, **changes):
        self.mail.append({"ev": "250", "time": 500.0, "queued": 499.0, "rcpt": "a@x",
                          "account": A, "mid": STORM_MID, "subject": "storm 1f 1 x",
                          "body": hashlib.sha256(b"hello\r\n").hexdigest(), "node": "mbs1",
                          "unclear": 0, **changes})
        if stored:
            blob = {"size": len(STORM_RAW), "sha256": "s", "text": "s", "bare_lf": False,
                    "mid": STORM_MID, "body": hashlib.sha256(b"hello\r\n").hexdigest()}
            self.box["items"].append({
                "id": 650, "type": "message", "folder": 2, "parent": 2, "date": 500,
                "size": len(STORM_RAW), "digest": "s", "unread": True, "flags": 0, "tags": [],
                "subject": "storm 1f 1 x", "name": None, "meta": {}, "imap": 650, "modseq": 1,
                "content_change": 1, "color": [None, None], "blob": blob})

    def act(self, op, ack=True, t0=600.0, **more):
        self.acts.append({"op": op, "ack": ack, "account": A, "user": "a@x", "t0": t0,
                          "t1": t0 + 1, **more})


class CleanMove(OracleCase):
    def test_nothing_is_wrong_with_a_perfect_move(self):
        report = self.clean()
        self.assertEqual(2, report.accounts)

    def test_known_losses_are_counted(self):
        known = self.run_oracle().known
        for name in ("lf-mail", "calendar-blob", "revision-date", "metadata-section",
                     "trash-age", "new-item-id"):
            self.assertGreater(known[name], 0, name)

    def test_nothing_moved(self):
        self.new = copy.deepcopy(self.before)
        self.assertEqual({}, dict(self.clean().known))


class Messages(OracleCase):
    def test_lost(self):
        self.drop(500)
        self.finds("lost", "one [a-1]")

    def test_lost_twin(self):
        self.drop(503)
        self.finds("lost", "twin")

    def test_doubled(self):
        self.clone(500, 660)
        self.finds("doubled", "one [a-1]")

    def test_unexpected(self):
        twin = self.clone(500, 660, subject="what")
        twin["blob"].update(text="other", mid="<other>")
        self.finds("unexpected", "what")

    def test_folder(self):
        self.item(500)["folder"] = 257
        self.finds("wrong-folder", "folder 257, expected 2")

    def test_unread(self):
        self.item(500)["unread"] = False
        self.finds("flags", "unread")

    def test_flagged(self):
        self.item(501)["flags"] = 0
        self.finds("flags", "flagged is False")

    def test_deleted_flag(self):
        self.item(504)["flags"] = 0
        self.finds("flags", "deleted is False")

    def test_tag_lost(self):
        self.item(501)["tags"] = []
        self.finds("tags", "lost tag urgent")

    def test_tag_added(self):
        self.item(500)["tags"] = ["urgent"]
        self.finds("tags", "unexpected tag urgent")

    def test_twins_swap_nothing(self):
        self.item(502)["unread"] = False
        self.finds("flags", "unread")

    def test_date(self):
        self.item(500)["date"] += 1
        self.finds("date", "one [a-1]")

    def test_digest(self):
        self.item(500)["digest"] = "other"
        self.finds("content", "one [a-1]")

    def test_size(self):
        self.item(500)["size"] += 1
        self.finds("blob", "row says")

    def test_blob_bytes(self):
        self.item(500)["blob"]["sha256"] = "other"
        self.finds("content", "one [a-1]")

    def test_blob_missing(self):
        self.item(500)["blob"] = {"missing": True}
        self.finds("blob", "no content")

    def test_lf_mail_with_another_text(self):
        self.item(505)["blob"]["text"] = "other"
        self.finds("lost", "unix [a-5]")

    def test_crlf_mail_rewritten_is_no_known_loss(self):
        self.old["nodes"]["mbs1"]["mailboxes"][A]["items"] = [
            dict(i, blob=dict(i["blob"], bare_lf=False)) if i["id"] == 305 else i
            for i in self.old["nodes"]["mbs1"]["mailboxes"][A]["items"]]
        self.finds("content", "unix [a-5]")


class Structure(OracleCase):
    def test_folder_gone(self):
        self.drop(257)
        self.finds("container", "folder 257 'Work' is gone")

    def test_folder_id(self):
        self.item(257)["id"] = 640
        self.finds("container", "is now 640")

    def test_folder_name(self):
        self.item(257)["name"] = "Wörk"
        self.finds("container", "now called")

    def test_folder_parent(self):
        self.item(257)["folder"] = 2
        self.finds("container", "lies in 2")

    def test_folder_colour(self):
        self.item(257)["color"] = [None, "#112234"]
        self.finds("container", "colour")

    def test_folder_flags(self):
        self.item(257)["flags"] = 1
        self.finds("container", "flags")

    def test_grants(self):
        self.item(257)["meta"] = {}
        self.finds("container", "grants")

    def test_grant_rights(self):
        self.item(257)["meta"]["grants"][0]["rights"] = "rw"
        self.finds("container", "grants")

    def test_search_query(self):
        self.item(259)["meta"]["query"] = "is:read"
        self.finds("container", "query")

    def test_tag_colour(self):
        self.item(258)["color"] = [4, None]
        self.finds("container", "tag 258")

    def test_tag_id(self):
        self.item(258)["id"] = 641
        self.finds("container", "is now 641")

    def test_extra_folder(self):
        self.clone(257, 642, name="Comments")
        self.finds("container", "unexpected folder 642")

    def test_mountpoint_target(self):
        self.item(257)["name"] = "other"
        self.finds("share", "A's work")

    def test_mountpoint_gone(self):
        box = self.new["nodes"]["mbs2"]["mailboxes"][B]
        box["items"] = [i for i in box["items"] if i["type"] != "link"]
        self.finds("container", "link 257")

    def test_metadata_section(self):
        self.box["sections"]["zwc:implicit"] = None
        self.finds("metadata", "zwc:implicit")

    def test_mailbox_gone(self):
        del self.new["nodes"]["mbs2"]["mailboxes"][A]
        self.finds("mailbox", "no mailbox")

    def test_home_without_copy(self):
        self.new["accounts"][A] = account("a@x", "mbs1")
        self.finds("mailbox", "no mailbox")

    def test_account_gone(self):
        del self.new["accounts"][A]
        self.finds("account")


class OtherItems(OracleCase):
    def test_contact_lost(self):
        self.drop(510)
        self.finds("lost", "contact 310")

    def test_contact_doubled(self):
        self.clone(510, 660)
        self.finds("doubled", "contact 660")

    def test_contact_field(self):
        self.item(510)["meta"]["fields"]["email"] = "d@x"
        self.finds("lost", "contact 310")

    def test_group_member_points_elsewhere(self):
        self.item(511)["meta"]["members"][0][1] = "310"
        self.finds("contact", "members")

    def test_group_member_lost(self):
        self.item(511)["meta"]["members"].pop()
        self.finds("contact", "members")

    def test_appointment_reply(self):
        self.item(520)["meta"]["invites"][0]["replies"] = []
        self.finds("lost", "appointment 320")

    def test_appointment_exception_lost(self):
        self.item(520)["meta"]["invites"] = []
        self.finds("lost", "appointment 320")

    def test_task(self):
        self.item(521)["meta"]["percent"] = 0
        self.finds("lost", "task 321")

    def test_document_content(self):
        self.item(530)["blob"]["sha256"] = "other"
        self.finds("document", "d.txt")

    def test_document_revision_lost(self):
        self.item(530)["revisions"].pop(0)
        self.finds("document", "1 revisions, were 2")

    def test_item_date(self):
        self.item(510)["date"] += 5
        self.finds("date", "contact")

    def test_item_flags(self):
        self.item(510)["flags"] = FLAGGED
        self.finds("flags", "contact")

    def test_item_folder(self):
        self.item(510)["folder"] = 2
        self.finds("contact", "folder is 2, was 7")


class Directory(OracleCase):
    def test_status(self):
        self.new["accounts"][A]["attributes"]["zimbraAccountStatus"] = ["locked"]
        self.finds("directory", "zimbraAccountStatus is locked, was active")

    def test_quota_left_behind(self):
        self.new["accounts"][A]["attributes"]["zimbraMailQuota"] = ["1"]
        self.finds("directory", "zimbraMailQuota is 1, was not set")

    def test_transport(self):
        self.new["accounts"][A]["transport"] = "lmtp:mbs1:7025"
        self.finds("directory", "zimbraMailTransport")

    def test_shared_item(self):
        self.new["accounts"][A]["shared"] = []
        self.finds("share", "lost")

    def test_shared_item_stale(self):
        self.new["accounts"][A]["shared"].append("folderId:999;r")
        self.finds("share", "is new")

    def test_data_source_off(self):
        self.new["accounts"][A]["sources"]["pop"]["zimbraDataSourceEnabled"] = ["FALSE"]
        self.finds("data-source", "zimbraDataSourceEnabled")

    def test_data_source_gone(self):
        self.new["accounts"][A]["sources"] = {}
        self.finds("data-source", "is gone")


class Identity(OracleCase):
    def test_counters(self):
        for key, text in (("item_id", "item id counter"), ("change", "change counter")):
            with self.subTest(key):
                self.setUp()
                self.box[key] = 10
                self.finds("identity", text)

    def test_old_id_means_another_message(self):
        self.item(501)["id"] = 300
        self.finds("identity", "id 300")

    def test_old_uid_means_another_message(self):
        self.item(505)["imap"] = 300
        self.finds("identity", "IMAP UID 300 of folder 2")

    def test_other_uidvalidity_is_safe(self):
        self.item(257)["content_change"] = 77
        self.item(501)["imap"] = 301
        self.clean()


class Deliveries(OracleCase):
    def test_arrived(self):
        self.storm()
        self.clean()

    def test_lost(self):
        self.storm(stored=False)
        self.finds("lost", "250 from mbs1")

    def test_lost_in_the_orphan_is_said(self):
        self.storm()
        item = self.item(650)
        self.drop(650)
        orphan = copy.deepcopy(self.box)
        orphan["items"].append(item)
        self.new["nodes"]["mbs1"]["mailboxes"][A] = orphan
        self.finds("lost", "store of mbs1")

    def test_doubled(self):
        self.storm()
        self.clone(650, 651)
        self.finds("doubled", "storm")

    def test_resent_after_a_lost_answer(self):
        self.storm(unclear=1)
        self.clone(650, 651)
        self.assertEqual(1, self.clean().known["delivered-twice"])

    def test_body(self):
        self.storm()
        self.item(650)["blob"]["body"] = "other"
        self.finds("content", "not what was sent")

    def test_bounced(self):
        self.storm(stored=False, ev="5xx", reply="554")
        self.finds("bounced", "554")

    def test_before_the_inventory_is_ignored(self):
        self.storm(stored=False, time=50.0)
        self.clean()

    def test_unclear_may_be_there_or_not(self):
        self.storm(ev="unclear")
        self.clean()
        self.drop(650)
        self.clean()

    def test_never_used_account_gets_mail(self):
        del self.old["nodes"]["mbs1"]["mailboxes"][A]
        del self.new["nodes"]["mbs2"]["mailboxes"][A]
        self.new["nodes"]["mbs2"]["mailboxes"][B]["items"] = \
            self.old["nodes"]["mbs2"]["mailboxes"][B]["items"]
        self.clean()
        self.storm(stored=False)
        self.finds("mailbox", "1 messages")


class Acts(OracleCase):
    def test_each_message_operation(self):
        cases = (("flag", {}, ("flags", FLAGGED)), ("read", {}, ("unread", False)),
                 ("tag", {"tag": "urgent"}, ("tags", ["urgent"])),
                 ("move", {"folder": 257}, ("folder", 257)))
        for op, more, (key, value) in cases:
            with self.subTest(op):
                self.setUp()
                self.act(op, subject="one [a-1]", **more)
                self.assertTrue(self.run_oracle().differences)
                self.item(500)[key] = value
                self.clean()

    def test_trash_marks_read(self):
        self.act("trash", subject="one [a-1]")
        self.item(500)["folder"] = 3
        self.finds("flags", "unread")
        self.item(500)["unread"] = False
        self.clean()

    def test_resurrected(self):
        self.act("delete", subject="one [a-1]")
        self.finds("resurrected", "one [a-1]")
        self.drop(500)
        self.clean()

    def test_refused_operation_has_no_effect(self):
        self.act("delete", ack=False, subject="one [a-1]")
        self.clean()
        self.drop(500)
        self.finds("lost")

    def test_unclear_operation_may_have_happened(self):
        self.act("delete", ack=None, subject="one [a-1]")
        self.clean()
        self.drop(500)
        self.clean()

    def test_last_operation_wins(self):
        self.act("move", subject="one [a-1]", folder=257)
        self.act("move", subject="one [a-1]", folder=2, t0=700.0)
        self.clean()

    def test_draft(self):
        self.act("draft", subject="act 1 d 1", id=660)
        self.finds("lost", "act 1 d 1")
        draft = self.clone(500, 660, subject="act 1 d 1", folder=6, unread=False, flags=64,
                           date=600)
        draft["blob"].update(text="d", mid=None)
        self.clean()
        self.act("edit", subject="act 1 d 2", old="act 1 d 1", t0=700.0)
        self.finds("resurrected", "act 1 d 1")
        self.finds("lost", "act 1 d 2")
        draft.update(subject="act 1 d 2", date=700)
        self.clean()

    def test_new_folder(self):
        self.act("folder", name="act 1 f", folder=660, parent=1)
        self.finds("container", "made meanwhile")
        folder = self.clone(257, 660, name="act 1 f")
        self.clean()
        folder["id"] = 661
        self.finds("container", "has id 661, was 660")

    def test_rename(self):
        self.act("rename", folder=257, old="Work", name="act 1 g")
        self.finds("container", "now called 'Work'")
        self.item(257)["name"] = "act 1 g"
        self.clean()


if __name__ == "__main__":
    unittest.main()
