#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The storage half of a node: what is kept, what an archive carries, and every bad habit on and
off. One test moves a whole seeded mailbox as a perfect mover would and asks the oracle.
"""

import copy
import gzip
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from zlab import (archive_in, archive_out, bencode, calendar, costs, directory,  # noqa: E402
                  habits, mime, model, oracle, seed, seedtext, snapshot)
from zlab.conformance import tarball  # noqa: E402
from zlab.store import MailError, Store  # noqa: E402


def mail(subject, body="text\r\n", **headers):
    headers.setdefault("Message_ID", "<%s.%d@x>" % (subject.replace(" ", "."),
                                                    random.getrandbits(40)))
    lines = ["From: a@example.net", "Subject: " + subject]
    lines += ["%s: %s" % (k.replace("_", "-"), v) for k, v in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def invite(uid, method="REQUEST", **more):
    return calendar.parse(seedtext.ics(uid, method, "Meeting " + uid, 1900000000, 30, "boss@x",
                                       ["me@x"], **more))


class StoreCase(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="store-test-")
        self.stores = []
        self.store = self.open("one")
        self.box = self.store.create("account-a")

    def tearDown(self):
        for store in self.stores:
            store.close()
        shutil.rmtree(self.dir)

    def open(self, name):
        store = Store(os.path.join(self.dir, name))
        self.stores.append(store)
        return store

    def other(self):
        """A mailbox on another node."""
        return self.open("two-%d" % len(self.stores)).create("account-b")

    def out(self, box=None, **params):
        chunks = archive_out.export(box or self.box, {"fmt": "tar", **params})
        return tarball.read(b"".join(chunks) if chunks is not None else b"")

    def ids(self, box=None, **params):
        return [e.id for e in self.out(box, **{"query": "is:anywhere", **params})]

    def load(self, box, entries, **params):
        data = entries if isinstance(entries, bytes) else tarball.write(entries, pack=False)
        return archive_in.load(box, io.BytesIO(data), {"fmt": "tar", "callback": "x", **params})

    def must(self, box, entries, **params):
        result = self.load(box, entries, **params)
        self.assertEqual(("success", []), (result.verdict, result.faults))

    def refused(self, code, function, *args, **named):
        with self.assertRaises(MailError) as caught:
            function(*args, **named)
        self.assertEqual(code, caught.exception.code)

    def set(self, **values):
        for store in self.stores:
            store.habits.set(values)

    def subjects(self, box):
        return sorted(i.subject for i in box.items_of("message"))


class Basics(StoreCase):
    def test_ids_and_changes(self):
        first = self.box.add_message(2, mail("one"), "uf", ["t"])
        self.assertEqual((258, 2), (first.id, self.box.change))
        self.box.item_action([2] * 5, "resetimapuid")
        self.assertEqual((263, 3), (self.box.last_item_id, self.box.change))
        self.box.item_action([first.id], "flag")     # is flagged already: no change
        self.assertEqual(3, self.box.change)

    def test_a_failed_change_leaves_no_trace(self):
        before = (self.box.last_item_id, self.box.change, self.box.size)
        self.refused("mail.NO_SUCH_FOLDER", self.box.add_message, 999, mail("x"))
        self.store.limits = lambda account: (10, 0)
        self.refused("mail.QUOTA_EXCEEDED", self.box.add_message, 2, mail("x"), "", ["new"])
        self.assertEqual(before, (self.box.last_item_id, self.box.change, self.box.size))
        self.assertEqual([], self.box.tags())
        self.assertEqual([], [f for _, _, f in os.walk(self.store.blob_root) if f])

    def test_kill_loses_nothing_acknowledged(self):
        script = ("import sys; sys.path.insert(0, %r)\nfrom zlab.store import Store\n"
                  "box = Store(%r).create('killed')\n"
                  "for n in range(100000): print(box.add_message(2, b'Subject: %%d\\r\\n\\r\\nx' "
                  "%% n).id, flush=True)\n" % (sys.path[0], os.path.join(self.dir, "k")))
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        lines = [child.stdout.readline() for _ in range(60)]
        child.kill()
        lines += child.stdout.read().splitlines()
        child.stdout.close()
        child.wait()
        box = self.open("k").get("killed")
        found = {i.id: box.blob(i) for i in box.items_of("message")}
        told = [int(line) for line in lines if line.strip()]
        self.assertLessEqual(set(told), set(found))
        self.assertLess(max(found), box.add_message(2, mail("next")).id)

    def test_conversations(self):
        a = self.box.add_message(2, mail("talk", Message_ID="<a@x>"))
        b = self.box.add_message(2, mail("Re: talk", In_Reply_To="<a@x>"))
        self.assertEqual(b.id + 1, self.box.item(a.id).parent_id)
        self.box.item_action([a.id, b.id], "delete")
        self.assertEqual([], self.box.items_of("conversation"))

    def test_conversation_by_subject(self):
        day = 86400
        first, second, other = (self.box.add_message(2, mail("plans"), date=n * day).id
                                for n in (1, 2, 3))
        reply = self.box.add_message(2, mail("Re: plans"), date=33 * day).id
        self.assertEqual([-first, -second, reply + 1, reply + 1],
                         [self.box.item(i).parent_id for i in (first, second, other, reply)])
        self.box.add_message(2, mail("dreams"), date=day)
        late = self.box.add_message(2, mail("Re: dreams"), date=33 * day).id
        self.assertEqual(-late, self.box.item(late).parent_id)
        answer = self.box.add_message(2, mail("Re: plans", In_Reply_To="<gone@x>"), date=34 * day)
        self.assertEqual(-answer.id, answer.parent_id)

    def test_conversation_of_one_from_me(self):
        self.box.add_message(2, mail("talk", Message_ID="<a@x>"), date=1)
        again = mail("talk", References="<a@x>")
        mine = self.box.add_message(2, again, flags="s", date=2)
        self.assertEqual(-mine.id, mine.parent_id)
        self.assertEqual(self.box.last_item_id, mine.id)
        self.assertGreater(self.box.add_message(5, again, date=3).parent_id, 0)

    def test_conversation_and_junk(self):
        a = self.box.add_message(2, mail("talk", Message_ID="<a@x>"))
        self.box.item_action([a.id], "spam")
        b = self.box.add_message(2, mail("Re: talk", In_Reply_To="<a@x>"))
        self.assertEqual(b.id + 1, self.box.item(a.id).parent_id)   # Junk hides it from nobody
        self.box.item_action([b.id], "spam")
        self.assertEqual(-b.id, self.box.item(b.id).parent_id)
        self.box.item_action([a.id, b.id], "!spam")
        self.assertEqual([b.id + 1, -b.id], [self.box.item(i.id).parent_id for i in (a, b)])
        self.assertEqual(-self.box.last_item_id - 1, self.box.add_message(
            4, mail("Re: talk", In_Reply_To="<a@x>")).parent_id)

    def test_draft_keeps_its_id(self):
        a = self.box.save_draft(mail("one"))
        b = self.box.save_draft(mail("two"), a.id)
        self.assertEqual((a.id, "two", a.id + 1), (b.id, b.subject, b.imap_id))
        self.assertIn(b"two", self.box.blob(b))

    def test_bencode_counts_utf16(self):
        value = {"b": ["x", 3], "a": "\U0001f600\u00e4", "n": None}
        self.assertEqual("d1:a3:\U0001f600\u00e41:bl1:xi3eee", bencode.encode(value))
        self.assertEqual({"a": "\U0001f600\u00e4", "b": ["x", 3]},
                         bencode.decode(bencode.encode(value)))

    def test_long_lines(self):
        for length, wanted in ((10240, False), (10241, True)):
            for eol in (b"\r\n", b"\n", b""):
                raw = b"a: b\r\n\r\n" + b"x" * length + eol + b"y" * 20000 * (not eol)
                self.assertEqual(wanted or not eol, mime.has_long_line(raw), (length, eol))

    def test_quota_and_contacts_limit(self):
        self.store.limits = lambda account: (0, 1)
        self.box.create_contact(7, {"email": "a@b"})
        self.refused("mail.TOO_MANY_CONTACTS", self.box.create_contact, 7, {"email": "c@d"})

    def test_switches_refuse_what_is_unknown(self):
        with self.assertRaises(ValueError):
            habits.Habits({"no_such_habit": True})
        with self.assertRaises(ValueError):
            costs.Costs({"import_item_ms": "much"})
        table = habits.Habits()
        table.set({"export_truncates_after": 20})
        self.assertEqual(20, table["export_truncates_after"])


class Searching(StoreCase):
    def test_words(self):
        box = self.box
        folder = box.create_folder("plans").id
        a, b, c, d = (box.add_message(f, mail(s), flags).id for f, s, flags in (
            (2, "green tea", "u"), (folder, "black tea", "f"), (3, "old tea", ""),
            (4, "spam", "")))
        for query, wanted in (("tea", [a, b]), ("is:anywhere", [a, b, c, d]), ("in:trash", [c]),
                              ("in:plans or is:unread", [a, b]), ("tea -black", [a]),
                              ("is:anywhere not (tea)", [d]), ("inid:%d" % folder, [b]),
                              ("item:{%d--%d}" % (a, b), [a, b]), ("subject:green", [a]),
                              ('under:"/" is:anywhere', [a, b, c, d]), ("is:flagged", [b]),
                              ("is:anywhere modseq:>%d" % box.item(b).modseq, [c, d])):
            self.assertEqual(wanted, sorted(i.id for i in box.search(query)), query)
        self.refused("mail.QUERY_PARSE_ERROR", box.search, "nosuch:thing")
        link = box.create_mountpoint("theirs", 1, "someone", 2)
        self.assertEqual(link, box.query_remote("in:theirs"))


class Deltas(StoreCase):
    def test_delta(self):
        a, b, c = (self.box.add_message(2, mail("m%d" % n)).id for n in range(3))
        token = self.box.sync().token
        self.box.item_action([a], "flag")
        self.box.item_action([b], "delete")
        self.box.item_action([c], "move", l=5)
        new = self.box.add_message(2, mail("new"), "u").id
        folder = self.box.create_folder("f").id
        delta = self.box.sync(token)
        self.assertEqual([(a, False), (c, False), (new, True)],
                         [(i.id, is_new) for i, is_new in delta.items])
        self.assertEqual(([("message", b)], [folder]),
                         (delta.deleted, [f.id for f in delta.folders]))
        self.assertEqual([], self.box.sync(delta.token).items)

    def test_pages(self):
        token = self.box.sync().token
        ids = [self.box.add_message(2, mail("m%d" % n)).id for n in range(25)]
        found, more = [], True
        while more:
            delta = self.box.sync(token, change_limit=10)
            token, more = delta.token, delta.more
            found += [i.id for i, _ in delta.items]
        self.assertEqual(ids, found)
        self.assertEqual([], self.box.sync(token).items)

    def test_folder_delete_leaves_all_tombstones(self):
        top = self.box.create_folder("top").id
        below = self.box.create_folder("below", top).id
        item = self.box.add_message(below, mail("m")).id
        token = self.box.sync().token
        self.box.folder_action([top], "delete")
        self.assertEqual({top, below, item}, {i for _, i in self.box.sync(token).deleted})


class Archives(StoreCase):
    def test_round_trip(self):
        box, other = self.box, self.other()
        folder = box.create_folder("a & b!1", rgb="#112233").id
        box.add_message(folder, mail("tagged"), "uf!", ["x", "\u00e4 y"], 1600000000)
        twin = mail("twin")
        box.add_message(2, twin), box.add_message(2, twin, "u")
        box.create_contact(7, {"firstName": "A", "lastName": "B", "email": "a@b"},
                           date=1600000001)
        series = box.set_calendar(10, invite("u1", rrule="FREQ=DAILY"), date=1600000002)
        box.add_exception(series.id, invite("u1", recurrence_id=1900086400, sequence=1)[0])
        box.add_reply(series.id, "me@x", "AC", 1600000003)
        doc = box.save_document(16, "d.txt", b"one", date=1600000004)
        box.save_document(None, "d.txt", b"two", item=doc.id)
        self.must(other, self.out(query="is:anywhere"))
        for kind in ("message", "contact", "appointment"):
            self.assertEqual([self.facts(box, i) for i in box.items_of(kind)],
                             [self.facts(other, i) for i in other.items_of(kind)])
        copied, = other.items_of("document")
        self.assertEqual([(1, b"one"), (2, b"two")],
                         [(v, other.blob(r)) for v, r in other.revisions(copied)])

    @staticmethod
    def facts(box, item):
        return (box.path(item.folder_id), item.subject, item.unread, item.tags, item.date,
                item.meta, item.size if item.type == "message" else 0, item.flags)

    def test_tgz_streams_in_small_pieces(self):
        class Trickle(io.BytesIO):
            def read(self, size=-1):
                return super().read(min(size, 97))
        ids = [self.box.add_message(2, mail("m%d" % n, "x" * 5000)).id for n in range(30)]
        data = b"".join(archive_out.export(self.box, {"query": "is:anywhere"}))
        self.assertEqual(gzip.decompress(data)[257:262], b"ustar")
        other = self.other()
        result = archive_in.load(other, Trickle(data), {"fmt": "tgz"})
        self.assertEqual(("success", len(ids)), (result.verdict, len(other.items_of("message"))))

    def test_cut_anywhere(self):
        for n in range(4):
            self.box.add_message(2, mail("m%d" % n))
        data = b"".join(archive_out.export(self.box, {"fmt": "tar", "query": "is:anywhere"}))
        for cut in range(1, len(data) - 1024, 333):
            result = self.load(self.other(), data[:cut])
            self.assertIn(result.verdict, ("warn", "fail", "success"))
            self.assertTrue(result.verdict != "success" or cut % 512 == 0)

    def test_verdicts(self):
        result = self.load(self.box, b"rubbish" * 1000)
        self.assertEqual(("fail", 200), (result.verdict, result.status))
        self.assertIn(b"window.parent.x('fail'", result.body)
        self.assertGreaterEqual(self.load(self.box, b"no" * 500, callback="").status, 400)

    def test_resolve_modes(self):
        raw = mail("m")
        self.box.add_message(2, raw, "f")
        entries = self.out(query="is:anywhere")
        for mode, flags in (("skip", 0), ("modify", model.FLAGGED), ("replace", model.FLAGGED),
                            ("reset", model.FLAGGED)):
            other = self.other()
            mine = other.add_message(2, raw).id
            other.add_message(2, mail("later"))
            self.must(other, entries, resolve=mode)
            found = {i.subject: i for i in other.items_of("message")}
            self.assertEqual(mode != "reset", "later" in found, mode)
            self.assertEqual((flags, mode in ("skip", "modify")),
                             (found["m"].flags, found["m"].id == mine), mode)

    def test_listener_hears_of_folders(self):
        heard = []
        self.store.listener = lambda box, event, folder, before=None: heard.append((event, before))
        folder = self.box.create_folder("f", grants=[{"zid": "z", "gt": "usr", "perm": "r"}])
        self.box.folder_action([folder.id], "rename", name="g")
        self.box.folder_action([folder.id], "delete")
        self.assertEqual([("created", None), ("acl", None), ("named", "/f"), ("deleted", "/g")], heard)


class BadHabits(StoreCase):
    """test_NAME for each habit of the store: what it does, and what happens without it."""

    def test_each_habit_has_a_test(self):
        named = {n[5:] for n in dir(self) if n.startswith("test_")}
        self.assertEqual(set(), {name for name, _, _ in habits.STORAGE} - named)

    def test_export_omits_trash_junk(self):
        for folder in (2, 3, 4):
            self.box.add_message(folder, mail("m"))
        self.assertEqual(1, len(self.ids(query="", types="message")))
        self.set(export_omits_trash_junk=False)
        self.assertEqual(3, len(self.ids(query="", types="message")))

    def test_export_omits_deleted(self):
        item = self.box.add_message(2, mail("m"), "x").id
        self.assertEqual(([], [item]), (self.ids(), self.ids(query="", list=str(item))))
        self.set(export_omits_deleted=False)
        self.assertEqual([item], self.ids())

    def test_export_omits_structure(self):
        self.box.add_message(2, mail("m"))
        self.assertEqual({5}, {e.type for e in self.out(query="is:anywhere")})
        self.set(export_omits_structure=False)
        self.assertIn(1, {e.type for e in self.out(query="is:anywhere")})

    def test_export_list_stops(self):
        a, b = (self.box.add_message(2, mail("m")).id for _ in range(2))
        self.assertEqual([a], self.ids(query="", list="%d,999,%d" % (a, b)))
        self.set(export_list_stops=False)
        self.assertEqual([a, b], self.ids(query="", list="%d,999,%d" % (a, b)))

    def test_export_skips_missing_blob(self):
        a, b = (self.box.add_message(2, mail("m")) for _ in range(2))
        os.unlink(self.box.blob_path(a))
        self.assertEqual([b.id], self.ids())
        self.set(export_skips_missing_blob=False)
        self.refused("mail.NO_SUCH_BLOB", self.ids)

    def test_export_skips_empty(self):
        item = self.box.add_message(2, mail("m"))
        self.store.db.execute("UPDATE item SET size=0 WHERE id=?", (item.id,))
        self.assertEqual([], self.ids())
        self.set(export_skips_empty=False)
        self.assertEqual([item.id], self.ids())

    def test_export_pads_short_blob(self):
        item = self.box.add_message(2, mail("m"))
        os.truncate(self.box.blob_path(item), 20)
        padded = self.out(query="is:anywhere")
        self.assertEqual((item.size, True), (len(padded[0].data), padded[-1].name.endswith(
            ".err")))
        self.set(export_pads_short_blob=False)
        self.assertEqual(20, len(self.out(query="is:anywhere")[0].data))

    def test_export_truncates_after(self):
        ids = [self.box.add_message(2, mail("m")).id for _ in range(5)]
        self.assertEqual(ids, self.ids())
        self.set(export_truncates_after=3)
        self.assertEqual(ids[:3], self.ids())
        self.assertEqual(ids[:3], self.ids(query="", list=",".join(map(str, ids))))

    def test_export_pages_by_offset(self):
        for skips in (True, False):
            self.set(export_pages_by_offset=skips)
            for n in range(1010):
                self.box.add_message(2, b"Subject: m\r\n\r\n" + b"x" * 400)
            ids = [i.id for i in self.box.items_of("message")]
            chunks = archive_out.export(self.box, {"fmt": "tar", "query": "is:anywhere"})
            data = [next(chunks)]
            self.box.item_action(ids[:5], "delete")
            found = [e.id for e in tarball.read(b"".join(data + list(chunks)))]
            self.assertEqual(5 if skips else 0, len(set(ids) - set(found)))
            self.box.folder_action([2], "empty")

    def test_import_hides_errors(self):
        self.box.add_message(2, mail("m", "x" * 11000))
        entries, other = self.out(query="is:anywhere"), self.other()
        result = self.load(other, entries, callback="")
        self.assertEqual((200, b"", "warn"), (result.status, result.body, result.verdict))
        self.set(import_hides_errors=False)
        self.assertGreaterEqual(self.load(other, entries, callback="").status, 400)

    def test_import_shares_contact_cache(self):
        for n in range(5):
            self.box.create_contact(7, {"email": "c%d@x" % n})
        people = self.out(query="is:anywhere")
        node = self.open("shared")
        for shares, arrived in ((True, 0), (False, 5)):
            node.habits.set({"import_shares_contact_cache": shares})
            full, fresh = node.create("full-%s" % shares), node.create("fresh-%s" % shares)
            self.must(full, people)
            seen = []

            class Meanwhile(io.BytesIO):
                def read(self, size=-1, _test=self):
                    data = super().read(min(size, 512))
                    if not seen and full.store.shared_contacts.get("tar") or not data:
                        seen.append(_test.load(fresh, people).verdict) if not seen else None
                    return data
            result = archive_in.load(full, Meanwhile(tarball.write(people, pack=False)),
                                     {"fmt": "tar"})
            self.assertEqual(("success", ["success"]), (result.verdict, seen))
            self.assertEqual(arrived, len(fresh.items_of("contact")), shares)

    def test_import_keeps_group_ids(self):
        person = self.box.create_contact(7, {"email": "a@b"}).id
        self.box.create_contact(7, {"nickname": "g", "fileAs": "8:g", "type": "group"},
                                [("C", person)])
        entries = self.out(query="is:anywhere")
        for keeps in (True, False):
            other = self.other()
            self.set(import_keeps_group_ids=keeps)
            other.item_action([2] * 50, "resetimapuid")
            self.must(other, entries)
            a, group = other.items_of("contact")
            self.assertEqual([["C", str(person if keeps else a.id)]], group.meta["members"])

    def invited(self):
        text = seedtext.ics("uid-1", "REQUEST", "Meeting", 1900000000, 30, "boss@x", ["me@x"])
        raw = seedtext.invite_mail(random.Random(1), "me@x", "Meeting", 1600000000, "<i@x>",
                                   text, "REQUEST")
        return self.box.add_message(2, raw, no_ical=False)

    def test_import_breaks_invites(self):
        self.assertTrue(self.invited().flags & model.INVITE)
        entries = self.out(query="is:anywhere")
        for breaks in (True, False):
            other = self.other()
            self.set(import_breaks_invites=breaks)
            self.must(other, entries)
            item, = other.items_of("message")
            self.assertEqual(breaks, not item.flags & model.INVITE)
            if breaks:
                self.refused("mail.NO_SUCH_CALITEM", other.invite_reply, item.id, "ACCEPT", "me@x")
            else:
                replied = other.invite_reply(item.id, "ACCEPT", "me@x")
                self.assertEqual("AC", replied.meta["invites"][0]["attendees"][0]["partStat"])

    def test_import_refuses_long_lines(self):
        self.box.add_message(2, mail("m", "x" * 11000))
        entries, other = self.out(query="is:anywhere"), self.other()
        self.assertEqual("warn", self.load(other, entries).verdict)
        self.set(import_refuses_long_lines=False)
        self.must(other, entries)

    def test_import_refuses_wrong_view(self):
        self.box.add_message(16, mail("m"))
        entries, other = self.out(query="is:anywhere"), self.other()
        self.assertEqual(["formatter.INVALID_TYPE"],
                         [f.code for f in self.load(other, entries).faults])
        self.set(import_refuses_wrong_view=False)
        self.must(other, entries)

    def test_import_loses_rgb(self):
        folder = self.box.create_folder("pink", rgb="#ff00aa")
        entries = self.out(list=str(folder.id))
        for loses, wanted in ((True, (9, None)), (False, (None, "#ff00aa"))):
            other = self.other()
            self.set(import_loses_rgb=loses)
            self.must(other, entries)
            found = other.folder_by_path("/pink")
            self.assertEqual(wanted, (found.color, found.rgb))

    def test_import_search_exists(self):
        search = self.box.create_search("find", 1, "in:inbox", "message")
        entries, other = self.out(list=str(search.id)), self.other()
        self.must(other, entries)
        self.must(other, entries)
        self.assertEqual(["mail.ALREADY_EXISTS"],
                         [f.code for f in self.load(other, entries, resolve="modify").faults])
        self.set(import_search_exists=False)
        self.must(other, entries, resolve="modify")

    def test_import_digest_folders(self):
        twin = mail("twin")
        folders = [self.box.create_folder("f%02d" % n).id for n in range(18)]
        for folder in [folders[0]] + folders[1:] + [folders[0]]:
            self.box.add_message(folder, twin)
        entries, few, many = self.out(query="is:anywhere"), self.other(), self.other()
        many.habits.set({"import_digest_folders": 0})
        self.must(few, entries)
        self.must(many, entries)
        self.assertEqual((18, 19), (len(few.items_of("message")), len(many.items_of("message"))))

    def test_import_rewrites_calendar(self):
        item = self.box.set_calendar(10, invite("u1"))
        entries = self.out(query="is:anywhere")
        for rewrites in (True, False):
            other = self.other()
            other.item_action([2] * 9, "resetimapuid")
            self.set(import_rewrites_calendar=rewrites)
            self.must(other, entries)
            copied, = other.items_of("appointment")
            self.assertEqual(rewrites, copied.digest != item.digest)
            self.assertEqual(item.meta, copied.meta)

    def test_import_drops_other_methods(self):
        self.box.set_calendar(10, invite("u1", "COUNTER"))
        entries, other = self.out(query="is:anywhere"), self.other()
        self.must(other, entries)
        self.assertEqual([], other.items_of("appointment"))
        self.set(import_drops_other_methods=False)
        self.must(other, entries)
        self.assertEqual(1, len(other.items_of("appointment")))

    def test_import_changes_revisions(self):
        doc = self.box.save_document(16, "d", b"1", date=1600000000)
        self.box.save_document(None, "d", b"2", item=doc.id, date=1600000500)
        entries = self.out(query="is:anywhere")
        for changes in (True, False):
            other = self.other()
            self.set(import_changes_revisions=changes)
            self.must(other, entries)
            copied, = other.items_of("document")
            self.assertEqual((changes, changes), (copied.date != 1600000500,
                                                  bool(copied.flags & model.VERSIONED)))

    def test_import_stops_at_quota(self):
        for size in (100, 5000, 100):
            self.box.add_message(2, mail("m%d" % size, "x\r\n" * size))
        entries = self.out(query="is:anywhere")
        for stops, count in ((True, 1), (False, 2)):
            other = self.other()
            other.store.limits = lambda account: (3000, 0)
            self.set(import_stops_at_quota=stops)
            self.assertEqual("warn", self.load(other, entries).verdict)
            self.assertEqual(count, len(other.items_of("message")))

    def test_sync_new_without_flags(self):
        token = self.box.sync().token
        self.box.add_message(2, mail("m"), "u")
        self.assertTrue(self.box.sync(token).hide_flags(True))
        self.set(sync_new_without_flags=False)
        self.assertFalse(self.box.sync(token).hide_flags(True))

    def test_sync_repeats_new(self):
        self.box.sync()
        a = self.box.add_message(2, mail("a"))
        token = str(self.box.change)
        b = self.box.add_message(2, mail("b"))
        self.assertEqual([b.id], [i.id for i, _ in self.box.sync(token).items])
        self.set(sync_repeats_new=True)
        self.assertEqual([(a.id, True), (b.id, True)],
                         [(i.id, new) for i, new in self.box.sync(token).items])
        self.assertEqual([], self.box.sync(str(self.box.change)).items)

    def test_sync_future_token(self):
        self.box.sync()
        self.assertEqual([], self.box.sync("500").items)
        self.set(sync_future_token=False)
        self.refused("mail.MUST_RESYNC", self.box.sync, "500")

    def test_sync_must_resync(self):
        self.box.add_message(2, mail("m"))
        self.box.sync()
        self.refused("mail.MUST_RESYNC", self.box.sync, "1")
        self.set(sync_must_resync=False)
        self.box.sync("1")

    def test_addmsg_makes_crlf(self):
        self.assertEqual(b"a: b\r\n\r\nx\r\n", mime.addmsg_inline("a: b\n\nx\n"))
        self.assertEqual(b"a: b\n\nx\n", mime.addmsg_inline("a: b\n\nx\n", crlf=False))
        self.assertEqual(b"a: b\r\n\r\nx\n", mime.addmsg_upload(b"a: b\r\n\r\nx\n"))

    def test_addmsg_rewrites_headers(self):
        for raw in ("a: \u00e4\r\n\r\nx".encode(), b"\r\nno header"):
            self.assertNotEqual(raw, mime.addmsg_upload(raw))
            self.assertEqual(raw, mime.addmsg_upload(raw, headers=False))

    def test_reload_rounds_counters(self):
        for n in range(4):
            self.box.add_message(2, mail("m"))
        last = self.box.last_item_id
        self.store.evict("account-a")
        self.refused("mail.MAINTENANCE", self.box.add_message, 2, mail("late"))
        self.assertEqual(last // 20 * 20 + 19, self.store.get("account-a").last_item_id)
        self.set(reload_rounds_counters=False)
        self.store.evict("account-a")
        self.assertEqual(last, self.store.get("account-a").last_item_id)

    def test_row_lags(self):
        item = self.box.add_message(2, mail("m")).id
        row = self.store.row("account-a")
        self.box.item_action([item], "flag")
        self.assertEqual(row, self.store.row("account-a"))
        self.set(row_lags=False)
        self.box.item_action([item], "!flag")
        self.assertEqual(str(self.box.change), self.store.row("account-a")["changeCheckPoint"])

    def test_move_zeroes_uid(self):
        item = self.box.add_message(2, mail("m")).id
        self.box.begin_tracking_imap()
        self.set(move_zeroes_uid=False)
        self.box.item_action([item], "move", l=5)
        self.assertEqual(item, self.box.item(item).imap_id)
        self.set(move_zeroes_uid=True)
        self.box.item_action([item], "move", l=2)
        self.assertEqual(0, self.box.item(item).imap_id)

    def test_trash_marks_read(self):
        a, b = (self.box.add_message(2, mail("m"), "u").id for _ in range(2))
        self.box.item_action([a], "trash")
        self.set(trash_marks_read=False)
        self.box.item_action([b], "trash")
        self.assertEqual((False, True), (self.box.item(a).unread, self.box.item(b).unread))


class Costs(StoreCase):
    def test_what_is_paid(self):
        for n in range(10):
            self.box.add_message(2, mail("m%d" % n, "x\r\n" * 30000))
        data = b"".join(archive_out.export(self.box, {"fmt": "tar", "query": "is:anywhere"}))
        other = self.other()
        for store in self.stores:
            store.costs.set({"tar_export_mb_s": 10, "import_item_ms": 10, "burn_id_ms": 0.1})
        for least, what in ((0.07, lambda: list(archive_out.export(
                self.box, {"fmt": "tar", "query": "is:anywhere"}))),
                            (0.09, lambda: self.load(other, data)),
                            (0.09, lambda: other.item_action([2] * 1000, "resetimapuid"))):
            begun = time.monotonic()
            what()
            self.assertGreater(time.monotonic() - begun, least)


class Seeded(StoreCase):
    """Whole mailboxes as seeded, and one of them moved by a mover that makes no mistake."""

    def setUp(self):
        self.dir, self.stores = tempfile.mkdtemp(prefix="store-test-"), []
        self.nodes = [{"name": n, "host": n + ".example.test", "dir": os.path.join(self.dir, n),
                       "id": n} for n in ("mbs1", "mbs2")]
        self.plan = directory.Plan("example.test", self.nodes, 1, 6, specials=False)
        self.boxes = self.seeded(self.nodes)
        self.one, self.two = self.open("mbs1"), self.open("mbs2")
        self.account = self.plan.accounts[0]

    def seeded(self, nodes):
        stores = {n["name"]: Store(n["dir"], unsafe=True) for n in nodes}
        boxes = seed.play(self.plan, stores, "small")
        for store in stores.values():
            store.close()
        return boxes

    def snapshot(self, homes, when):
        accounts = {a.id: {"name": a.name, "host": homes.get(a.id, a.node["host"]),
                           "transport": "smtp:x", "status": "active", "attributes": {},
                           "shared": [], "sources": {}} for a in self.plan.accounts}
        return {"time": when, "domain": "example.test", "accounts": accounts,
                "nodes": {n["name"]: {"host": n["host"], "mailboxes": snapshot.read_node(n["dir"])}
                          for n in self.nodes}}

    def test_same_seed_same_content(self):
        again = [dict(n, dir=n["dir"] + "-again") for n in self.nodes]
        self.seeded(again)
        for node, twin in zip(self.nodes, again):
            a, b = (snapshot.read_node(n["dir"]) for n in (node, twin))
            self.assertEqual(json.dumps(a, sort_keys=True), json.dumps(b, sort_keys=True))

    def test_everything_is_in_it(self):
        box = self.one.get(self.account.id)
        kinds = {i.type for i in box.items_of()} | {f.type for f in box.folders_by_id.values()}
        self.assertLessEqual({"message", "contact", "appointment", "task", "document", "folder",
                              "search", "link"}, kinds)
        self.assertTrue(any(i.imap_id != i.id for i in box.items_of("message")) or
                        box.last_item_id > len(box.items_of()) + 260)
        links = [f for f in box.folders_by_id.values() if f.type == "link"]
        self.assertEqual(2, len(links))
        for link in links:
            owner = self.boxes[link.owner].mailbox
            self.assertTrue(owner.rights(link.remote_id, self.account.id))

    def test_aged(self):
        nodes = [dict(n, dir=n["dir"] + "-aged") for n in self.nodes]
        stores = {n["name"]: Store(n["dir"], unsafe=True) for n in nodes}
        box = seed.play(self.plan, stores, "small", aged=True)[self.account.id]
        self.assertGreaterEqual(box.mailbox.change, 6 * box.content.serial)
        for store in stores.values():
            store.close()

    def test_perfect_move(self):
        before = self.snapshot({}, 100.0)
        source, target = self.one.get(self.account.id), self.two.create(self.account.id)
        target.item_action([2] * 40, "resetimapuid")     # whatever came before
        self.two.delete(self.account.id)
        target = self.two.create(self.account.id)
        Mover(self, source, target).move()
        self.one.delete(self.account.id)
        after = self.snapshot({self.account.id: self.nodes[1]["host"]}, 900.0)
        report = oracle.compare(before, after, [], [])
        self.assertEqual([], report.differences)
        self.assertEqual(0, report.known["delivered-twice"])

    def test_naive_move_is_found_out(self):
        before = self.snapshot({}, 100.0)
        source, target = self.one.get(self.account.id), self.two.create(self.account.id)
        self.load(target, self.out(source))
        after = self.snapshot({self.account.id: self.nodes[1]["host"]}, 900.0)
        kinds = {d["kind"] for d in oracle.compare(before, after, [], []).differences}
        self.assertLessEqual({"lost", "container", "share", "identity"}, kinds)


class Mover:
    """Moves a mailbox as move-protocol.md says, straight on the stores."""

    def __init__(self, test, source, target):
        self.test, self.source, self.target = test, source, target

    def move(self):
        self.steer()
        self.burn_to(self.source.last_item_id)
        listed = sorted(i.id for i in self.source.items_of())
        entries = []
        for start in range(0, len(listed), 300):
            entries += self.test.out(self.source, list=",".join(
                map(str, listed[start:start + 300])))
        self.test.assertEqual(set(listed), {e.id for e in entries})
        entries.sort(key=lambda e: e.meta["folder_id"])
        mails = [e for e in entries if e.type == 5]
        rest = [e for e in entries if e.type != 5]
        self.test.must(self.target, [e for e in rest if not self.is_group(e)])
        self.test.must(self.target, [self.regrouped(e) for e in rest if self.is_group(e)])
        by_hand = [e for e in mails if "calendar=" in e.meta["ExtraStr"]]
        result = self.test.load(self.target, [e for e in mails if e not in by_hand])
        refused = {int(f.args_["itemId"]) for f in result.faults}
        self.test.assertEqual(2, len(refused))
        by_hand += [e for e in mails if e.id in refused]
        for entry in by_hand:
            meta = entry.meta
            self.target.add_message(
                meta["folder_id"], mime.addmsg_upload(entry.data), meta["FlagStr"],
                model.split_tags(meta["TagNames"]), meta["date"],
                no_ical="calendar=" not in meta["ExtraStr"])
        for name in ("zwc:implicit",):
            self.target.set_metadata(name, self.source.get_metadata(name))
        on = False
        while self.target.change <= self.source.change:
            on = not on
            self.target.folder_action([10], "fb", excludeFreeBusy="1" if on else "0")
        self.target.folder_action([10], "update", f=self.source.folder(10).flag_string)

    def burn_to(self, last):
        count = last - self.target.last_item_id
        if count > 0:
            self.target.item_action([2] * count, "resetimapuid")

    def steer(self):
        source, target = self.source, self.target
        things = sorted([f for f in source.folders_by_id.values() if not f.is_system]
                        + source.tags(), key=lambda t: t.id)
        for thing in things:
            self.burn_to(thing.id - 1)
            looks = {"color": thing.color, "rgb": thing.rgb}
            name = "steer-%d" % thing.id
            if thing.type == "tag":
                made = target.create_tag(thing.name, **looks)
            elif thing.type == "search":
                made = target.create_search(name, 1, thing.query, thing.types, thing.sort_by,
                                            thing.flag_string, **looks)
            elif thing.type == "link":
                made = target.create_mountpoint(name, 1, thing.owner, thing.remote_id,
                                                thing.remote_uuid, thing.view, thing.flag_string,
                                                **looks)
            else:
                made = target.create_folder(name, 1, thing.view, thing.flag_string, url=thing.url,
                                            grants=thing.grants, **looks)
            self.test.assertEqual(thing.id, made.id)
        for thing in things:
            if thing.type != "tag":
                target.folder_action([thing.id], "move", l=thing.parent_id)
        for thing in things:
            if thing.type != "tag":
                target.folder_action([thing.id], "rename", name=thing.name)
                if thing.retention:
                    target.folder_action([thing.id], "retentionpolicy",
                                         retention=copy.deepcopy(thing.retention))
        for folder in source.folders_by_id.values():
            if folder.is_system:
                target.folder_action([folder.id], "update", grants=folder.grants,
                                     color=folder.color or 0, rgb=folder.rgb)

    @staticmethod
    def is_group(entry):
        return "groupMember" in bencode.decode(entry.meta["metadata"]).get("fld", {})

    def regrouped(self, entry):
        """The group with the members' new ids, found by what they are."""
        data = bencode.decode(entry.meta["metadata"])
        group = bencode.decode(data["fld"]["groupMember"])
        new = {json.dumps(i.meta, sort_keys=True): i.id for i in self.target.items_of("contact")}
        for member in group["m"]:
            if member["t"] == "C":
                old = self.source.item(int(member["v"]))
                member["v"] = str(new[json.dumps(old.meta, sort_keys=True)])
        data["fld"]["groupMember"] = bencode.encode(group)
        return entry.copy(metadata=bencode.encode(data))


if __name__ == "__main__":
    unittest.main()
