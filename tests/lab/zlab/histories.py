# SPDX-License-Identifier: Apache-2.0
"""A hostile history: a year in which ids, UIDs and conversations come out as a client finds them
who has to make them anew and knows only what is left.

It is really played against the mailbox, step by step, and follows from the rng alone. Everything
that is remembered here is what a person would remember; the mailbox knows the rest.
"""

import heapq

from zlab import seedtext
from zlab.model import (BRIEFCASE, CALENDAR, CONTACTS, DRAFTS, EMAILED, INBOX, JUNK, ROOT, SENT,
                        TASKS, TRASH)
from zlab.plots import PLOTS
from zlab.seedtext import EPOCH, YEAR_S, words

COMMA_TAGS = ("bills, paid", "Köln,Bonn", "a, b, c", "ends with,")
LATE_TAGS = ("todo", "Größe", "private & family", "q1/2024 (draft)", "later...", "x\"y'z")
# What a step is: (name of the method, weight).
STEPS = (("arrive", 30), ("reply", 10), ("write", 8), ("plot", 4), ("twins", 2), ("spam", 3),
         ("draft", 4), ("save_again", 4), ("send_draft", 2), ("file", 9), ("mark", 9), ("label", 6),
         ("trash", 5), ("delete", 5), ("to_junk", 2), ("from_junk", 2), ("new_uid", 3),
         ("imap_move", 3), ("flood", 0.4), ("empty_trash", 0.4), ("contact", 2), ("event", 1),
         ("paper", 1), ("revise", 1), ("drop_other", 1), ("make_folder", 1.2),
         ("shift_folder", 0.8), ("drop_folder", 0.1), ("make_tag", 0.5), ("rename_tag", 0.1),
         ("track_imap", 0.1))
# What no mailbox may be without, however small: (method, how often, from which part of the year on).
MUST = (("make_folder", 5, 0.05), ("shift_folder", 3, 0.3), ("make_tag", 5, 0.2), ("gap", 3, 0.1),
        ("flood", 2, 0.1), ("new_uid", 5, 0.3), ("contact", 2, 0), ("event", 3, 0), ("paper", 2, 0),
        ("revise", 1, 0.5), ("plot", len(PLOTS), 0), ("twins", 2, 0.9))
MOST_FOLDERS, MOST_TAGS = 40, 9


class Thread:
    """What was said under one subject, and what of it is known to be there."""

    def __init__(self, subject):
        self.subject, self.mids, self.items = subject, [], []


class History:
    """Plays until the mailbox has about `count` items. `box` is a seed.Box."""

    rich = False

    def __init__(self, box, rng, account, count):
        self.box, self.mailbox, self.rng, self.account, self.count = (
            box, box.mailbox, rng, account, count)
        self.serial = self.step = 0
        self.when, self.progress = EPOCH, 0.0
        self.mails, self.there = [], set()      # ids of messages; the ones that still are
        self.others, self.drafts, self.junk, self.threads = [], [], [], []
        self.folders, self.tags, self.named = [], [], {}
        self.plots = []                         # those that have not had their turn
        self.due = []                           # what plots have still to do: (step, n, function)

    # -- the year --

    def play(self):
        self.mailbox.tracking_imap = False
        self.named["Projects"] = self.folder("Projects")
        self.box.link_later("calendar")
        names, weights = zip(*STEPS)
        must = sorted((start + (0.95 - start) * self.rng.random(), name)
                      for name, times, start in MUST for _ in range(times))
        while self.size() < self.count:
            self.step += 1
            self.progress = max(self.progress, self.size() / self.count)
            self.when = max(self.when, EPOCH + int(YEAR_S * self.progress)) \
                + self.rng.randint(0, 30)
            self.box.at(self.when)
            while self.due and self.due[0][0] <= self.step:
                heapq.heappop(self.due)[2]()
            while must and must[0][0] <= self.progress:
                getattr(self, must.pop(0)[1])()
            getattr(self, self.rng.choices(names, weights)[0])()
        for _, _, act in sorted(self.due, key=lambda d: d[:2]):
            act()
        self.box.metadata("zwc:implicit", {"d": "%s-history" % self.account.local})

    def size(self):
        return len(self.there) + len(self.others)

    def later(self, steps, act):
        """A plot goes on so many steps from now."""
        heapq.heappush(self.due, (self.step + steps, len(self.due) + self.serial, act))
        self.serial += 1

    # -- messages --

    def mid(self):
        self.serial += 1
        return "<h%06d.%08x@%s>" % (self.serial, self.rng.getrandbits(32), self.account.local)

    def subject(self, unique=True):
        """A subject; `unique` ones occur once in the mailbox, others may be answered by them."""
        self.serial += 1
        return "%s %s%s-%04d%s" % (words(self.rng, self.rng.randint(1, 6)), "[" if unique else "(",
                                   self.account.local, self.serial, "]" if unique else ")")

    def text(self, subject, mid, refs=(), mine=False, extra=""):
        rng = self.rng
        size = rng.randint(200, 15000) if rng.random() < 0.05 else 0
        return seedtext.mail(rng, "partner%d@partner.test" % rng.randint(1, 40) if mine
                             else self.account.name, subject, self.when,
                             int(200 + 1800 * rng.random() ** 2), mid, refs,
                             self.account.name if mine else None, size, extra)

    def put(self, raw, folder=INBOX, flags=None, tags=(), date=None):
        """flags None: as LMTP delivers it."""
        if flags is None:
            item = self.mailbox.deliver(raw, folder).id
        else:
            item = self.mailbox.add_message(folder, raw, flags, tags, date or self.when).id
        return self.noted(item)

    def noted(self, item):
        self.mails.append(item)
        self.there.add(item)
        return item

    def say(self, thread, by="refs", mine=False, folder=None):
        """One message of a thread. by: how it names those before it, "refs", "last" (only
        In-Reply-To), "subject" (Re: and nothing else)."""
        mid, refs, subject = self.mid(), (), thread.subject
        if thread.mids:
            subject = "Re: " + subject
            refs = () if by == "subject" else tuple(thread.mids)
        extra = ""
        if by == "last" and refs:
            refs, extra = (), "In-Reply-To: " + refs[-1]
        raw = self.text(subject, mid, refs, mine, extra)
        thread.mids.append(mid)
        item = self.put(raw, folder or (SENT if mine else INBOX), "s" if mine else None)
        thread.items.append(item)
        return item

    def some(self, kind=None):
        """Ids of messages that are there: mostly of late, now and then from long ago."""
        recent = self.mails[-60:] if self.rng.random() < 0.7 else self.mails
        pool = [i for i in self.rng.sample(recent, min(len(recent), 12)) if i in self.there]
        return pool[:kind or 1]

    def act(self, items, op, **attrs):
        items = [i for i in items if i in self.there]
        if items:
            self.mailbox.item_action(items, op, **attrs)
            if op == "delete":
                self.there.difference_update(items)
        return items

    # -- steps: what comes --

    def arrive(self):
        self.put(self.text(self.subject(), self.mid()))

    def reply(self):
        if not self.threads or self.rng.random() < 0.3:
            self.threads.append(Thread(self.subject(False)))
        recent = self.threads[-12:] if self.rng.random() < 0.8 else self.threads
        self.say(self.rng.choice(recent), self.rng.choice(("refs", "refs", "last", "subject")))

    def write(self):
        if self.threads and self.rng.random() < 0.6:
            self.say(self.rng.choice(self.threads[-12:]), mine=True)
        else:
            self.put(self.text(self.subject(), self.mid(), mine=True), SENT, "s")

    def plot(self):
        """Threads that lose members at the worst time."""
        thread = Thread(self.subject(False))
        self.threads.append(thread)
        if not self.plots:
            self.plots = self.rng.sample(PLOTS, len(PLOTS))
        self.plots.pop()(self, thread)

    def twins(self):
        """Byte-identical mails in one folder."""
        raw = self.text(self.subject(False), self.mid())
        folder = self.rng.choice(self.folders) if self.rng.random() < 0.5 else INBOX
        for _ in range(self.rng.choice((2, 2, 3))):
            self.put(raw, folder, self.rng.choice(("u", "", "f")))
            if self.rng.random() < 0.5:
                self.arrive()

    def spam(self):
        self.junk.append(self.put(self.text(self.subject(), self.mid()), JUNK))

    def flood(self):
        """Newsletters, deleted unread: a gap that was full once."""
        items = [self.put(self.text(self.subject(), self.mid()))
                 for _ in range(self.rng.randint(5, max(10, self.count // 60)))]
        self.act(items[:1] + items[2:], "delete")

    def gap(self):
        """Ids that nobody remembers the use of."""
        self.mailbox.item_action([INBOX] * self.rng.randint(20, self.count), "resetimapuid")

    # -- steps: drafts --

    def draft(self):
        thread = self.rng.choice(self.threads) if self.threads and self.rng.random() < 0.5 else None
        refs = tuple(thread.mids) if thread else ()
        subject = "Re: " + thread.subject if refs else self.subject()
        item = self.mailbox.save_draft(self.text(subject, self.mid(), refs, True)).id
        self.drafts.append((item, subject, refs))
        self.there.add(item)

    def save_again(self):
        """The same id, another UID."""
        if self.drafts:
            item, subject, refs = self.rng.choice(self.drafts[-8:])
            for _ in range(self.rng.randint(1, 3)):
                self.mailbox.save_draft(self.text(subject, self.mid(), refs, True), item)

    def send_draft(self):
        if self.drafts:
            item, subject, refs = self.drafts.pop(self.rng.randrange(len(self.drafts)))
            self.act([item], "delete")
            self.put(self.text(subject, self.mid(), refs, True), SENT, "s")

    # -- steps: what is done to it --

    def file(self):
        self.act(self.some(self.rng.randint(1, 3)), "move", l=self.rng.choice(self.folders))

    def mark(self):
        op = self.rng.choice(("read", "read", "!read", "flag", "!flag", "update"))
        more = {"f": self.rng.choice(("", "f", "r", "w", "fr", "u", "x"))} if op == "update" else {}
        items = [i for i in self.some(self.rng.randint(1, 4)) if op != "update"
                 or not self.mailbox.item(i).flags & 1]    # who wrote it stays as it is
        self.act(items, op, **more)

    def label(self):
        if self.tags:
            self.act(self.some(self.rng.randint(1, 4)), self.rng.choice(("tag", "tag", "tag", "!tag")),
                     tn=self.mailbox.tag(self.rng.choice(self.tags)).name)

    def trash(self):
        self.act(self.some(self.rng.randint(1, 3)), "trash")

    def delete(self):
        self.act(self.some(self.rng.randint(1, 4)), "delete")

    def empty_trash(self):
        self.forget(i.id for i in self.mailbox.items_of(folder=TRASH))
        self.mailbox.folder_action([TRASH], "empty", recursive="0")

    def to_junk(self):
        self.junk += self.act(self.some(2), "spam")

    def from_junk(self):
        if self.junk:
            item = self.junk.pop(self.rng.randrange(len(self.junk)))
            self.act([item], "!spam" if self.rng.random() < 0.8 else "delete")

    def new_uid(self):
        """What IMAP does to a message it moves within the store: another UID, the same id."""
        items = self.some(self.rng.randint(1, 4))
        self.rng.shuffle(items)
        self.act(items, "move", l=self.rng.choice(self.folders))
        self.act(items, "resetimapuid")

    def imap_move(self):
        """COPY and EXPUNGE: another id for the same bytes."""
        for item in self.some(2):
            old = self.mailbox.item(item)
            if old.folder_id not in (DRAFTS, JUNK):
                self.put(self.mailbox.blob(old), self.rng.choice(self.folders), old.flag_string,
                         old.tags, old.date)
                self.act([item], "delete")

    def track_imap(self):
        self.mailbox.begin_tracking_imap()

    def forget(self, ids):
        gone = set(ids)
        self.there -= gone
        self.others = [i for i in self.others if i not in gone]
        self.drafts = [d for d in self.drafts if d[0] not in gone]

    # -- steps: folders and tags --

    def folder(self, name, parent=ROOT, **looks):
        self.folders.append(self.box.folder(name, parent, **looks))
        return self.folders[-1]

    def make_folder(self):
        """In another, beside the others, or above one that is older."""
        if len(self.folders) >= min(MOST_FOLDERS, 4 + self.count // 60):
            return
        self.serial += 1
        if self.rng.random() < 0.1:
            self.box.search("find %d" % self.serial, ROOT, "inid:%d" % self.rng.choice(self.folders),
                            "message")
            return
        looks = {"rgb": "#%06x" % self.rng.getrandbits(24)} if self.rng.random() < 0.3 else {}
        made = self.folder("%s %d" % (words(self.rng, 2), self.serial),
                           self.rng.choice([ROOT, ROOT, INBOX] + self.folders), **looks)
        if self.rng.random() < 0.7:
            self.below(self.rng.choice(self.folders), made)

    def below(self, folder, parent):
        """Moves a folder, unless that is not possible."""
        inside = {f.id for f in self.mailbox.folder(folder).below()}
        if parent not in inside and folder != self.named["Projects"]:
            self.box.move(folder, parent)

    def shift_folder(self):
        folder = self.rng.choice(self.folders)
        if self.rng.random() < 0.5:
            self.below(folder, self.rng.choice([ROOT, INBOX] + self.folders))
        elif folder != self.named["Projects"]:
            self.serial += 1
            self.box.rename(folder, "%s %d" % (words(self.rng, 2), self.serial))

    def drop_folder(self):
        folder = self.mailbox.folder(self.rng.choice(self.folders))
        inside = {f.id for f in folder.below()}
        if self.named["Projects"] in inside or len(inside) > 2:
            return
        self.forget(i.id for f in inside for i in self.mailbox.items_of(folder=f))
        self.mailbox.folder_action([folder.id], "delete")
        self.folders = [f for f in self.folders if f not in inside]

    def make_tag(self):
        if len(self.tags) < MOST_TAGS:
            name = (COMMA_TAGS + LATE_TAGS)[(len(self.tags) * 7 + len(COMMA_TAGS)) % 10]
            self.tags.append(self.box.tag(name, rgb="#%06x" % self.rng.getrandbits(24)))
            older = [i for i in self.rng.sample(self.mails, min(len(self.mails), 6))]
            self.act(older, "tag", tn=name)

    def rename_tag(self):
        if self.tags:
            tag = self.mailbox.tag(self.rng.choice(self.tags))
            self.serial += 1
            self.mailbox.tag_action([tag.id], "rename", name="%s, %d" % (
                tag.name.split(",")[0], self.serial))

    # -- steps: the other types --

    def contact(self):
        self.serial += 1
        self.others.append(self.box.contact(
            self.rng.choice((CONTACTS, CONTACTS, EMAILED)),
            {"firstName": words(self.rng, 1), "lastName": "Nr %d" % self.serial,
             "email": "h%d@%s" % (self.serial, self.rng.choice(seedtext.DOMAINS))}, ()))

    def event(self):
        uid = "h-%08x@%s" % (self.rng.getrandbits(32), self.account.local)
        start = EPOCH + self.rng.randint(1, 364) * 86400 + 36000
        kind = self.rng.random()
        if kind < 0.2:      # by mail: two items at once
            self.noted(self.box.invitation(INBOX, uid, self.subject(), start, 30,
                                           "organizer@partner.test", self.account.name, self.when,
                                           self.mid()))
        elif kind < 0.5:
            self.others.append(self.box.task(TASKS, uid, words(self.rng, 3), start,
                                             self.account.name, 50))
        else:
            self.others.append(self.box.appointment(
                CALENDAR, uid, words(self.rng, 3), start, 30, self.account.name,
                ["guest@partner.test"], ()))

    def paper(self):
        self.serial += 1
        self.others.append(self.box.document(
            BRIEFCASE, "paper %d.txt" % self.serial, [self.rng.randbytes(self.rng.randint(20, 900))],
            self.when, ()))

    def revise(self):
        for item in self.rng.sample(self.others, min(len(self.others), 5)):
            if self.mailbox.kind_of(item) == "document":
                self.mailbox.save_document(None, None, self.rng.randbytes(300), item=item,
                                           creator=self.account.name, date=self.when)
                return

    def drop_other(self):
        if len(self.others) > 3:
            self.mailbox.item_action([self.others.pop(self.rng.randrange(len(self.others)))],
                                     "delete")
