# SPDX-License-Identifier: Apache-2.0
"""What a seeded mailbox holds: the history of a year, played in order, so that ids, UIDs and
change numbers come out as a used mailbox has them.

`box` is a seed.Box: one mailbox of the store, written offline.
"""

from zlab import seedtext
from zlab.seedtext import EPOCH, YEAR_S, words

SCALES = {          # messages: (fewest, most), sizes of texts, share and size of attachments
    "small": ((12, 40), (300, 4000), (0.08, 20000)),
    "mixed": ((21, 49), (300, 12000), (0.16, 200000)),
    "large": ((300, 5000), (300, 8000), (0.10, 60000)),
    "medium": ((12, 40), (300, 4000), (0.08, 20000)),
    "locks": ((12, 40), (300, 4000), (0.08, 20000)),
    "huge": ((12, 40), (300, 1500), (0.0, 0)),
}
# The first node's first mailboxes: with 24 on it, the evacuation that was measured on real servers.
FIRST = {
    "mixed": (8400, 500, 500, 500, 500, 500), "medium": (1500,), "locks": (5000,) * 4 + (200,) * 8,
    "huge": (100000,)}
INBOX, TRASH, JUNK, SENT, DRAFTS, CONTACTS, CALENDAR = 2, 3, 4, 5, 6, 7, 10
EMAILED, TASKS, BRIEFCASE = 13, 15, 16


class Content:
    def __init__(self, box, rng, account, scale, rich, count=None):
        """count: messages; None: by the scale."""
        self.count = count
        self.box, self.rng, self.account, self.rich = box, rng, account, rich
        self.count_range, self.sizes, self.attachments = SCALES[scale]
        self.serial, self.when = 0, EPOCH
        self.folders, self.tags, self.threads = [], [], []
        self.named = {}      # folder name -> id, for shares
        self.messages = []   # (id, folder) of ordinary ones

    # -- the year --

    def play(self):
        count = self.count or self.random_count()
        self.make_tags()
        self.make_folders()
        self.box.link_later("calendar")
        steps = [self.child_before_parent, self.contacts, self.calendar, self.tasks,
                 self.documents, self.oddities, self.searches, self.feed] if self.rich else []
        every = max(1, count // (len(steps) + 1))
        for i in range(count):
            self.when = EPOCH + YEAR_S * i // count + self.rng.randint(0, 3600)
            self.message()
            if self.rng.random() < 0.15 and self.messages:
                self.tidy()
            if steps and i % every == every - 1:
                steps.pop(0)()
        for step in steps:
            step()
        self.drafts()
        self.trash_and_junk()
        self.box.metadata("zwc:implicit", {"d": "%s-color" % self.account.local, "n": "7"})
        if self.rich:
            self.duplicates()
            self.deleted_messages()

    def random_count(self):
        """Most mailboxes are small, a few are big."""
        low, high = self.count_range
        count = low + int((high - low) * self.rng.random() ** 3 * self.account.size)
        return max(3, int(count * min(1.0, self.account.size)))

    def subject(self):
        self.serial += 1
        prefix = "Re: " if self.rng.random() < 0.2 else ""
        return "%s%s [%s-%04d]" % (prefix, words(self.rng, self.rng.randint(2, 9)),
                                   self.account.local, self.serial)

    def mid(self):
        return "<%04d.%08x@%s>" % (self.serial, self.rng.getrandbits(32), self.account.local)

    # -- structure --

    def make_tags(self):
        names = ["urgent", "Größe", "private & family", "q1/2024 (draft)", "later..."]
        for i, name in enumerate(names[:5 if self.rich else 2]):
            self.tags.append(name)
            if i % 2:
                self.box.tag(name, rgb="#%06x" % self.rng.getrandbits(24))
            else:
                self.box.tag(name, color=i + 1)

    def folder(self, name, parent=1, **more):
        folder_id = self.box.folder(name, parent, **more)
        if more.get("view", "message") == "message" and not more.get("url"):
            self.folders.append(folder_id)
        self.named[name] = folder_id
        return folder_id

    def make_folders(self):
        projects = self.folder("Projects", rgb="#3366cc")
        year = self.folder("2024", projects)
        self.folder("Q1 & Q2", year, color=3)
        if not self.rich:
            return
        for name in self.rng.sample(seedtext.ODD_FOLDERS, 7):
            parent = 1 if name == "Inbox" else self.rng.choice([1, projects, INBOX])
            if name == "Inbox":
                parent = projects      # a user folder may be called as a system folder is
            self.folder(name, parent)
        self.folder("Old things", TRASH)
        self.folder("Team calendar", 1, view="appointment", rgb="#aa11bb", flags="#")
        self.folder("Suppliers", 1, view="contact", color=5)
        self.folder("Manuals", BRIEFCASE, view="document")
        self.box.set_folder(INBOX, color=4)
        self.box.set_folder(CALENDAR, rgb="#00aa66")

    def child_before_parent(self):
        child = self.folder("Child first")
        grandchild = self.folder("Grandchild", child)
        parent = self.folder("Parent later", rgb="#123456")
        self.box.move(child, parent)
        self.box.rename(grandchild, "Grandchild renamed")
        self.box.retention(parent, "keep", "30d")

    # -- mail --

    def place(self):
        roll = self.rng.random()
        if roll < 0.55 or not self.folders:
            return INBOX
        if roll < 0.70:
            return SENT
        return self.rng.choice(self.folders)

    def message(self, folder=None):
        folder = folder or self.place()
        rng, refs = self.rng, ()
        subject, mid = self.subject(), self.mid()
        if self.threads and rng.random() < 0.35:
            thread = rng.choice(self.threads[-12:])
            # Of a thread the subject stays, but for the serial number, which must be unique.
            refs, subject = tuple(thread[1]), "Re: %s [%s-%04d]" % (
                thread[0], self.account.local, self.serial)
            thread[1].append(mid)
        else:
            self.threads.append((subject.rsplit(" [", 1)[0], [mid]))
        share, most = self.attachments
        size = rng.randint(200, most) if rng.random() < share else 0
        raw = seedtext.mail(rng, self.account.name, subject, self.when,
                            rng.randint(*self.sizes), mid, refs, attachment=size)
        flags = "".join(f for f, p in (("u", 0.25), ("f", 0.1), ("r", 0.15), ("w", 0.05),
                                       ("!", 0.03), ("?", 0.02)) if rng.random() < p)
        if folder == SENT:
            flags = flags.replace("u", "") + "s"
        tags = rng.sample(self.tags, rng.choice((0, 0, 0, 0, 1, 1, 2, min(3, len(self.tags))))
                          if len(self.tags) > 1 else 0)
        item = self.box.message(folder, raw, self.when, flags + ("a" if size else ""), tags)
        self.messages.append(item)
        return item

    def tidy(self):
        """What people do with a mail later on: ids and UIDs part ways."""
        item = self.rng.choice(self.messages[-15:])
        roll = self.rng.random()
        if roll < 0.45 and self.folders:
            self.box.move(item, self.rng.choice(self.folders))
        elif roll < 0.6:
            self.box.flags(item, "f")
        elif roll < 0.8 and len(self.messages) > 5:
            self.messages.remove(item)
            self.box.delete(item)
        else:
            self.box.move(item, INBOX)

    def drafts(self):
        for _ in range(1 if not self.rich else 3):
            subject, mid = self.subject(), self.mid()
            raw = seedtext.mail(self.rng, "someone@partner.test", subject, self.when, 200, mid,
                                sender=self.account.name)
            self.box.message(DRAFTS, raw, self.when, "ds", [])

    def trash_and_junk(self):
        old = self.named.get("Old things", TRASH)
        for folder in (TRASH, TRASH, old, JUNK):
            raw = seedtext.mail(self.rng, self.account.name, self.subject(), self.when, 400,
                                self.mid())
            self.box.message(folder, raw, self.when, "u" if folder == JUNK else "", [])

    def duplicates(self):
        """Byte-identical mails in one folder: a sender who pressed the button twice."""
        raw = seedtext.mail(self.rng, self.account.name, "sent twice", self.when, 300, self.mid())
        first = self.box.message(INBOX, raw, self.when, "u", [])
        self.box.message(INBOX, raw, self.when, "", self.tags[:1])
        self.box.message(self.folders[0], raw, self.when, "", [])
        twin = seedtext.mail(self.rng, self.account.name, "equal in all", self.when, 300,
                             self.mid())
        for _ in range(2):
            self.box.message(self.folders[0], twin, self.when, "", [])
        return first

    def deleted_messages(self):
        """An IMAP client marked them \\Deleted and has not expunged yet."""
        for flags in ("x", "xu", "xf"):
            raw = seedtext.mail(self.rng, self.account.name, self.subject(), self.when, 250,
                                self.mid())
            self.box.message(INBOX, raw, self.when, flags, [])

    def oddities(self):
        rng, to, add = self.rng, self.account.name, self.box.message
        add(INBOX, seedtext.headless(rng), self.when, "", [])
        add(INBOX, seedtext.mail(rng, to, "", self.when, 100, self.mid()), self.when, "u", [])
        add(INBOX, seedtext.mail(rng, to, None, self.when, 100, self.mid()), self.when, "", [])
        self.serial += 1
        add(INBOX, seedtext.long_line(to, "long line [%s-%04d]" % (
            self.account.local, self.serial), self.when, self.mid()), self.when, "f",
            self.tags[:2])
        add(self.folders[0], seedtext.mail(rng, to, self.subject(), self.when, 300, self.mid(),
                                           eol="\n"), self.when, "", [])
        add(BRIEFCASE, seedtext.mail(rng, to, self.subject(), self.when, 300, self.mid()),
            self.when, "", self.tags[:1])   # dragged there: a folder of another view
        add(INBOX, seedtext.mail(rng, to, "../../etc " + "x" * 150, self.when, 100, self.mid()),
            self.when, "u", [])
        add(INBOX, seedtext.mail(rng, to, self.subject(), self.when, 100, self.mid()),
            self.when, "u!", list(self.tags))

    # -- the other types --

    def contacts(self):
        box, rng, ids = self.box, self.rng, []
        for i in range(rng.randint(4, 9)):
            fields = {"firstName": "Contact", "lastName": "Nr %d" % i,
                      "email": "contact%d@%s" % (i, rng.choice(seedtext.DOMAINS))}
            if i == 2:
                fields["notes"] = "line one\nline two; \"quoted\", Größe"
            folder = self.named["Suppliers"] if i == 3 else EMAILED if i == 4 else CONTACTS
            ids.append(box.contact(folder, fields, self.tags[:1] if i % 3 == 0 else []))
        same = {"firstName": "Equal", "lastName": "Twin", "email": "twin@partner.test"}
        box.contact(CONTACTS, same, [])
        box.contact(CONTACTS, same, [])
        box.group(CONTACTS, "Everybody", [("C", ids[0]), ("C", ids[1]),
                                          ("I", "inline@partner.test"),
                                          ("G", "uid=user001,ou=people,dc=example,dc=test")])

    def calendar(self):
        box, rng, me = self.box, self.rng, self.account.name
        for i in range(rng.randint(2, 4)):
            uid = "appt-%d-%08x@%s" % (i, rng.getrandbits(32), self.account.local)
            start = EPOCH + rng.randint(30, 330) * 86400 + 36000
            others = ["guest%d@partner.test" % i]
            box.appointment(CALENDAR if i % 3 else self.named["Team calendar"], uid,
                            "Meeting %d %s" % (i, words(rng, 2)), start, 60, me, others,
                            self.tags[:1] if i == 1 else [])
        start = EPOCH + 100 * 86400 + 32400
        uid = "series-%08x@%s" % (rng.getrandbits(32), self.account.local)
        series = box.appointment(CALENDAR, uid, "Weekly round", start, 45, me,
                                 ["guest1@partner.test", "guest2@partner.test"], [],
                                 rrule="FREQ=WEEKLY;COUNT=10")
        box.exception(series, "Weekly round (later)", start + 14 * 86400,
                      start + 14 * 86400 + 7200, 30)
        box.reply(series, "guest1@partner.test", "AC", start - 86400)
        uid = "invited-%08x@partner.test" % rng.getrandbits(32)
        box.invitation(INBOX, uid, "Invitation %s" % self.subject(), start + 3 * 86400, 30,
                       "organizer@partner.test", me, self.when, self.mid())

    def tasks(self):
        for i in range(2):
            uid = "task-%d-%08x@%s" % (i, self.rng.getrandbits(32), self.account.local)
            self.box.task(TASKS, uid, "Task %d %s" % (i, words(self.rng, 3)),
                          EPOCH + 200 * 86400, self.account.name, percent=50 * i)

    def documents(self):
        rng = self.rng
        manuals = self.named["Manuals"]
        for folder, name, count in ((BRIEFCASE, "notes Größe.txt", 1),
                                    (manuals, "manual (final).bin", 3),
                                    (BRIEFCASE, "table.csv", 2)):
            self.box.document(folder, name, [rng.randbytes(rng.randint(50, 5000))
                                             for _ in range(count)], self.when,
                              self.tags[1:2])

    def searches(self):
        self.box.search("unread mail", 1, "is:unread in:inbox", "message")
        self.box.search("project mail", 1, "inid:%d" % self.named["Projects"], "message")

    def feed(self):
        self.box.feed("News feed", "http://127.0.0.1:9/feed.xml")
