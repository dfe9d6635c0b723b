#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The judge of mail programs' copies: what they would show, from two looks at an account."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from zlab.mailcache import Box, judge, judge_pop  # noqa: E402
from zlab.mailclient import Refused, _fetched  # noqa: E402

SEEN, NONE = frozenset(("\\Seen",)), frozenset()


def box(messages, validity=1, uidnext=100, modseq=50):
    """`messages`: {uid: digest} or {uid: (digest, flags)}."""
    return Box(validity, uidnext, modseq, {
        uid: m if isinstance(m, tuple) else (m, NONE) for uid, m in messages.items()})


class JudgeTest(unittest.TestCase):
    def judged(self, old, new, told=(), **counts):
        outcome = judge({"INBOX": old}, {"INBOX": new}, {"INBOX": told})
        wanted = dict.fromkeys(("same", "wrong", "missed", "redownloaded", "fresh"), 0)
        wanted.update(counts)
        self.assertEqual(wanted, {name: getattr(outcome, name) for name in wanted}, outcome.examples)
        return outcome

    def test_nothing_changed(self):
        old = box({10: "a", 11: "b"})
        self.assertEqual(1.0, self.judged(old, old, same=2).share)

    def test_another_message_under_a_known_uid(self):
        outcome = self.judged(box({10: "a", 11: "b"}), box({10: "b", 11: "b"}), same=1, wrong=1)
        self.assertIn("UID 10 is another message", outcome.examples[0])

    def test_a_new_message_below_uidnext_is_never_looked_for(self):
        outcome = self.judged(box({10: "a"}), box({10: "a", 99: "b", 100: "c"}), same=1, wrong=1, fresh=1)
        self.assertIn("UID 99", outcome.examples[0])

    def test_gone_is_gone(self):
        self.judged(box({10: "a", 11: "b"}), box({11: "b"}), same=1)

    def test_all_uids_are_new_and_high(self):
        outcome = self.judged(box({10: "a", 11: "b"}), box({100: "a", 101: "b", 102: "c"}, modseq=60),
                              redownloaded=2, fresh=1)
        self.assertEqual((0, 2, 0.0), (outcome.exact, outcome.present, outcome.share))

    def test_another_uidvalidity_is_a_fresh_start(self):
        outcome = self.judged(box({10: "a", 11: "b"}), box({10: "a", 11: "x"}, validity=2, modseq=3),
                              redownloaded=1, fresh=1)
        self.assertEqual((1, 1), (outcome.exact, outcome.present))

    def test_a_change_that_is_told(self):
        self.judged(box({10: "a"}), box({10: ("a", SEEN)}, modseq=51), told=[10], same=1)

    def test_a_change_that_is_not_told(self):
        outcome = self.judged(box({10: "a"}), box({10: ("a", SEEN)}, modseq=51), missed=1)
        self.assertIn("not told since 50", outcome.examples[0])

    def test_nobody_asks_when_highestmodseq_has_not_risen(self):
        outcome = self.judged(box({10: "a"}), box({10: ("a", SEEN)}), told=None, missed=1)
        self.assertIn("HIGHESTMODSEQ is not past 50", outcome.examples[0])

    def test_keywords_are_flags(self):
        was, now = frozenset(("twowords:FLAG236",)), frozenset(("twowords:FLAG240",))
        self.judged(box({10: ("a", was)}), box({10: ("a", now)}, modseq=51), missed=1)

    def test_twins(self):
        outcome = self.judged(box({10: "a", 11: "a"}), box({11: "a", 100: "a"}), same=1, redownloaded=1)
        self.assertEqual((1, 2), (outcome.exact, outcome.present))

    def test_a_message_without_content_is_no_exact_one(self):
        self.assertEqual(0, self.judged(box({10: None}), box({10: None}), same=1).exact)

    def test_another_folder_is_downloaded(self):
        outcome = judge({"INBOX": box({10: "a"})}, {"Trash": box({100: "a", 101: "b"})}, {})
        self.assertEqual((1, 1, 0), (outcome.redownloaded, outcome.fresh, outcome.present))

    def test_outcomes_add_up(self):
        one = self.judged(box({10: "a"}), box({10: "b"}), wrong=1)
        total = one.add(self.judged(box({10: "a"}), box({10: "a"}), same=1))
        self.assertEqual((1, 1, 1, 1), (total.same, total.wrong, len(total.examples), total.exact))


class PopTest(unittest.TestCase):
    def judged(self, old, new):
        found = judge_pop(old, new)
        return found.kept, found.wrong, found.twice, found.fresh, found.missing

    def test_each_count(self):
        self.assertEqual((1, 0, 0, 0, 0), self.judged({"1.a": "a"}, {"1.a": "a"}))
        self.assertEqual((0, 1, 0, 0, 1), self.judged({"1.a": "a"}, {"1.a": "b"}))
        self.assertEqual((0, 0, 1, 1, 0), self.judged({"1.a": "a"}, {"9.a": "a", "10.b": "b"}))
        self.assertEqual((0, 0, 0, 0, 2), self.judged({"1.a": "a", "2.a": "a"}, {}))


class ReadingTest(unittest.TestCase):
    def test_fetch(self):
        found = _fetched([(b"1 (UID 257 RFC822.SIZE 4 BODY[] {4}", b"UID "), b" FLAGS (\\Seen) MODSEQ (7))",
                          b"2 (UID 258 FLAGS ())", b"1 (UID 257 FLAGS (\\Flagged))"])
        self.assertEqual((frozenset(("\\Flagged",)), b"UID ", 4, 7), tuple(found[257]))
        self.assertEqual((NONE, None), (found[258].flags, found[258].body))
        self.assertEqual({}, _fetched([None]))

    def test_referral(self):
        text = "[REFERRAL imap://anna%40example.test@mbs2.example.test/] LOGIN failed"
        self.assertEqual("mbs2.example.test", Refused(text).host)
        self.assertIsNone(Refused("LOGIN failed").host)


if __name__ == "__main__":
    unittest.main()
