# SPDX-License-Identifier: Apache-2.0
"""Mail programs that keep a copy of an account, and what a move would make of their copies.

    cache = ImapCache.take(imap)          # before: every folder, every message
    outcome = cache.compare(imap)         # after, at the new home: what the program would show
    outcome.wrong, outcome.missed         # must be 0; outcome.now is the copy it has then

A program believes a folder's copy as long as UIDVALIDITY is the same: of a UID that it has it never
asks for the message again, below the old UIDNEXT it looks for nothing new, and of flags it asks for
what changed since its HIGHESTMODSEQ alone, and for nothing when that has not risen.
"""

import contextlib
import hashlib
from collections import Counter, namedtuple

from zlab.mailclient import Refused

Box = namedtuple("Box", "validity uidnext modseq messages")   # messages: {uid: (digest, flags)}

EXAMPLES = 10
SESSION_FLAGS = frozenset(("\\Recent",))


def digest_of(body):
    return hashlib.sha256(body).hexdigest() if body is not None else None


class Outcome:
    """Counts of messages as the program sees them now.

    same          shown as they are, nothing was downloaded
    wrong         another message under a known UID, or one that it will never look for
    missed        flags that differ, and it will never ask
    redownloaded  downloaded though a copy of it was there
    fresh         downloaded for the first time
    exact of present  of the messages still in their folder: how many under their old UID,
                  whatever UIDVALIDITY says
    """

    def __init__(self):
        self.same = self.wrong = self.missed = self.redownloaded = self.fresh = 0
        self.exact = self.present = 0
        self.examples, self.now = [], None

    def example(self, text):
        if len(self.examples) < EXAMPLES:
            self.examples.append(text)

    def add(self, other):
        for name in ("same", "wrong", "missed", "redownloaded", "fresh", "exact", "present"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for text in other.examples:
            self.example(text)
        return self

    @property
    def share(self):
        """Of messages that are still there, how many kept their UID; 1 when none is there."""
        return self.exact / self.present if self.present else 1.0

    def __str__(self):
        return "%d same, %d wrong, %d missed, %d downloaded again, %d new; %.1f %% under their old UID" % (
            self.same, self.wrong, self.missed, self.redownloaded, self.fresh, self.share * 100)


def judge(old, new, reported):
    """The Outcome of two {folder: Box}; `reported`: {folder: UIDs that CHANGEDSINCE names}, None
    where HIGHESTMODSEQ has not risen, so that nobody asks."""
    outcome = Outcome()
    known = {digest for box in old.values() for digest, _ in box.messages.values()}
    for name, box in new.items():
        was = old.get(name)
        if was is None:
            for digest, _ in box.messages.values():
                _download(outcome, digest, known)
            continue
        _judge_folder(outcome, name, was, box, reported.get(name), known)
        _count_exact(outcome, was, box)
    return outcome


def _download(outcome, digest, known):
    if digest in known:
        outcome.redownloaded += 1
    else:
        outcome.fresh += 1


def _judge_folder(outcome, name, old, new, reported, known):
    believes = old.validity == new.validity
    for uid, (digest, flags) in sorted(new.messages.items()):
        had = old.messages.get(uid) if believes else None
        if had is None and believes and uid < old.uidnext:
            outcome.wrong += 1
            outcome.example("%s: UID %d is new and below UIDNEXT %d: never looked for"
                            % (name, uid, old.uidnext))
        elif had is None:
            _download(outcome, digest, known)
        elif had[0] != digest:
            outcome.wrong += 1
            outcome.example("%s: UID %d is another message now" % (name, uid))
        elif had[1] != flags and uid not in (reported or ()):
            outcome.missed += 1
            outcome.example("%s: UID %d has %s, the copy %s, and %s %d" % (
                name, uid, _words(flags), _words(had[1]), "HIGHESTMODSEQ is not past"
                if reported is None else "it is not told since", old.modseq))
        else:
            outcome.same += 1


def _words(flags):
    return "(%s)" % " ".join(sorted(flags))


def _count_exact(outcome, old, new):
    had = Counter(digest for digest, _ in old.messages.values())
    has = Counter(digest for digest, _ in new.messages.values())
    outcome.present += (had & has).total()
    outcome.exact += sum(old.messages.get(uid, (None,))[0] == digest is not None
                         for uid, (digest, _) in new.messages.items())


def _asked(imap, name, modseq):
    """(UIDs told since then, None if HIGHESTMODSEQ is no higher; all that are there by now: of what
    has gone since the download nobody need be told). Asked after it: a later change is told as well."""
    state = imap.select(name)
    told = set(imap.fetch("(FLAGS)", since=modseq)) if state.modseq > modseq and state.count else None
    return told, set(imap.uids())


def _downloaded(imap, name, was):
    """(Box, UIDs told since what `was` there or None)"""
    state, told = imap.select(name), None
    rows = imap.fetch("(FLAGS BODY.PEEK[])") if state.count else {}
    if was is not None and was.validity == state.validity and rows:
        told, left = _asked(imap, name, was.modseq)
        rows = {uid: row for uid, row in rows.items() if uid in left}
    return Box(state.validity, state.uidnext, state.modseq, {
        uid: (digest_of(row.body), row.flags - SESSION_FLAGS)
        for uid, row in rows.items() if row.flags is not None}), told


class ImapCache:
    """Everything of an account: {folder: Box}."""

    def __init__(self, boxes):
        self.boxes = boxes

    def __len__(self):
        return sum(len(box.messages) for box in self.boxes.values())

    @classmethod
    def take(cls, imap):
        return cls(cls._download(imap, {})[0])

    def compare(self, imap):
        """What a program with this copy sees at that session."""
        boxes, reported = self._download(imap, self.boxes)
        outcome = judge(self.boxes, boxes, reported)
        outcome.now = ImapCache(boxes)
        return outcome

    @staticmethod
    def _download(imap, old):
        """({folder: Box}, {folder: UIDs told since the old modseq}). What changes meanwhile changes
        after SELECT: the numbers are those from before."""
        boxes, reported = {}, {}
        for name in imap.folders():
            with contextlib.suppress(Refused):      # renamed or deleted since it was listed
                boxes[name], reported[name] = _downloaded(imap, name, old.get(name))
        return boxes, reported


class PopOutcome:
    """kept: not downloaded again; wrong: another message under a known UIDL; twice: downloaded again
    under a new UIDL; fresh: new; missing: gone from Inbox."""

    def __init__(self, kept, wrong, twice, fresh, missing):
        self.kept, self.wrong, self.twice = kept, wrong, twice
        self.fresh, self.missing, self.now = fresh, missing, None

    def __str__(self):
        return "%d kept, %d wrong, %d downloaded twice, %d new, %d missing" % (
            self.kept, self.wrong, self.twice, self.fresh, self.missing)


def judge_pop(old, new):
    """The PopOutcome of two {UIDL: digest}."""
    had, has = Counter(old.values()), Counter(new.values())
    both = [uidl for uidl in new if uidl in old]
    fresh = [uidl for uidl in new if uidl not in old]
    twice = sum(new[uidl] in had for uidl in fresh)
    return PopOutcome(sum(old[u] == new[u] for u in both), sum(old[u] != new[u] for u in both),
                      twice, len(fresh) - twice, (had - has).total())


class PopCache:
    """Inbox: {UIDL: digest}."""

    def __init__(self, messages):
        self.messages = messages

    @classmethod
    def take(cls, pop):
        messages = {}
        for uidl, number in pop.uidls().items():
            with contextlib.suppress(Refused):      # deleted since it was listed
                messages[uidl] = digest_of(pop.retr(number))
        return cls(messages)

    def compare(self, pop):
        now = PopCache.take(pop)
        outcome = judge_pop(self.messages, now.messages)
        outcome.now = now
        return outcome
