# SPDX-License-Identifier: Apache-2.0
"""IMAP4rev1 as Zimbra speaks it, as much as a mail program needs that keeps a copy of everything:
LOGIN, LIST, STATUS, SELECT, SEARCH, FETCH with CHANGEDSINCE, STORE, COPY, EXPUNGE.

Not played: search folders and mountpoints, IDLE, APPEND, folders made or renamed by IMAP,
\\Recent, VANISHED, the structure of mails. MOVE is not there at Zimbra either.
"""

import inspect
import urllib.parse

from .errors import MailError
from .faultcodes import Fault
from .imapfetch import KNOWN, MACROS, Part, imap_date, modifier, search_test
from .imapparse import (Bad, as_set, folder_name, from_utf7, in_set, name_test, quoted, read_command,
                        to_utf7)
from .mailport import MailSession
from .model import DELETED

CAPABILITIES = "CHILDREN CONDSTORE ENABLE LITERAL+ LOGIN-REFERRALS UIDPLUS UNSELECT"
FLAG_LIST = "\\Answered \\Deleted \\Draft \\Flagged \\Seen $Forwarded $MDNSent Forwarded"
# The faults after which Zimbra ends the connection (canContinue).
FINAL = ("mail.MAINTENANCE", "service.TEMPORARILY_UNAVAILABLE")


class Selected:
    """The selected folder as the client has been told of it."""

    def __init__(self, folder, items, writable):
        self.id, self.items, self.writable = folder.id, items, writable
        self.told = {i.imap_id: i.modseq for i in items}

    def last_uid(self):
        return self.items[-1].imap_id if self.items else 0


class Imap(MailSession):
    def __init__(self, node, wire):
        super().__init__(node, wire)
        self.selected, self.key, self.condstore, self.over = None, None, False, False

    def say(self, text, *more):
        self.wire.send("* ", text, *more, "\r\n")

    def run(self):
        if not self.is_open():
            return
        self.say("OK %s Zimbra IMAP4rev1 server ready" % self.node.host)
        while True:
            try:
                tag, name, words = read_command(self.wire)
            except Bad as bad:
                self.wire.send("* BAD %s\r\n" % bad)
                continue
            if not self.is_open():
                return
            answer = self.answer(name, words)
            self.wire.send(tag, " ", answer, "\r\n")
            if self.over or name == "LOGOUT":
                return
            if name == "STARTTLS" and answer.startswith("OK "):
                self.wire.begin_tls(self.context)

    def answer(self, name, words):
        """The tagged line, without its tag."""
        command = getattr(self, "do_" + name.lower(), None) if name.isalpha() else None
        try:
            if command is None:
                raise Bad("unknown command %s" % name)
            if name not in ("CAPABILITY", "NOOP", "LOGOUT", "LOGIN", "STARTTLS") \
                    and self.account is None:
                return "NO must be in AUTHENTICATED or SELECTED state"
            if self.key is not None:
                self.key = self.node.sessions.use(self.key, self.account.id, "imap").id
            _fitting(command, name, words)
            text = command(*words) or "%s completed" % name
            return text if text.startswith("NO ") else "OK " + text
        except Bad as bad:
            return "BAD %s" % bad
        except (Fault, MailError) as e:
            self.over = e.code in FINAL
            return "NO %s failed" % name

    # -- coming in and going --

    def do_capability(self):
        self.say(self.capability())

    def capability(self):
        return "CAPABILITY IMAP4rev1 %s%s" % (CAPABILITIES, "" if self.wire.secure else " STARTTLS")

    def do_noop(self):
        if self.selected is not None:
            self.tell_changes()

    do_check = do_noop

    def do_logout(self):
        self.say("BYE Zimbra IMAP server closing connection")

    def do_starttls(self):
        if self.wire.secure:
            raise Bad("TLS already started")
        return "Begin TLS negotiation now"

    def do_enable(self, *extensions):
        if "CONDSTORE" in map(str.upper, extensions):
            self.condstore = True
            self.say("ENABLED CONDSTORE")

    def do_login(self, name, password):
        if self.account is not None:
            return "NO must be in NOT AUTHENTICATED state"
        try:
            account = self.known(name, password, "Imap")
        except Fault as fault:
            if fault.code == "service.PERM_DENIED":
                return "NO account does not have IMAP access enabled"
            if fault.code == "account.MAINTENANCE_MODE":
                return "NO [ALERT] account undergoing maintenance; please try again later"
            return "NO LOGIN failed"
        if account.home != self.node.host:
            return "NO [REFERRAL imap://%s@%s/] LOGIN failed" % (
                urllib.parse.quote(account.name, safe=""), account.home)
        with self.node.mailboxes.use(account) as mailbox:
            mailbox.begin_tracking_imap()
        self.account = account
        return "[%s] LOGIN completed" % self.capability()

    # -- folders --

    def folder(self, mailbox, name):
        """mail.NO_SUCH_FOLDER if it is not shown."""
        wanted = from_utf7(name).strip("/").lower()
        for folder, path in mailbox.imap_folders():
            if path.strip("/").lower() == wanted:
                return folder
        raise MailError("mail.NO_SUCH_FOLDER", "no such folder: %s" % name)

    def do_list(self, reference, pattern):
        if pattern == "":
            self.say('LIST (\\NoSelect) "/" ""')
            return None
        fits = name_test(from_utf7(reference + pattern))
        with self.open() as mailbox:
            rows = [(folder_name(path), any(f.type == "folder" for f in folder.children))
                    for folder, path in mailbox.imap_folders()]
        for name, parent in sorted(rows):
            if fits(name):
                self.say("LIST (\\%s) \"/\" %s" % ("HasChildren" if parent else "HasNoChildren",
                                                   quoted(to_utf7(name))))
        return None

    def do_status(self, name, wanted):
        with self.open() as mailbox:
            folder = self.folder(mailbox, name)
            items = mailbox.imap_items(folder.id)
            numbers = mailbox.imap_numbers(folder)
        known = dict(zip(("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"), numbers))
        known.update(MESSAGES=len(items), RECENT=0, UNSEEN=sum(i.unread for i in items))
        words = [w.upper() for w in wanted]
        if not set(words) <= set(known):
            raise Bad("unknown STATUS item")
        self.say("STATUS %s (%s)" % (quoted(name), " ".join("%s %d" % (w, known[w]) for w in words)))

    def do_select(self, name, options=()):
        return self.select(name, options, True)

    def do_examine(self, name, options=()):
        return self.select(name, options, False)

    def select(self, name, options, writable):
        self.selected = None
        self.condstore = self.condstore or "CONDSTORE" in [str(o).upper() for o in options]
        with self.open() as mailbox:
            folder = self.folder(mailbox, name)
            items = mailbox.imap_items(folder.id)
            validity, uidnext, modseq = mailbox.imap_numbers(folder)
        session = self.node.sessions.use(self.key, self.account.id, "imap")
        self.selected, self.key = Selected(folder, items, writable), session.id
        self.say("%d EXISTS" % len(items))
        self.say("0 RECENT")
        unseen = [n for n, i in enumerate(items, 1) if i.unread]
        if unseen:
            self.say("OK [UNSEEN %d] mailbox contains unseen messages" % unseen[0])
        self.say("OK [UIDVALIDITY %d] UIDs are valid for this mailbox" % validity)
        self.say("OK [UIDNEXT %d] next expected UID is %d" % (uidnext, uidnext))
        self.say("FLAGS (%s)" % FLAG_LIST)
        self.say("OK [PERMANENTFLAGS (%s)] junk-related flags are not permanent"
                 % (FLAG_LIST + " \\*" if writable else ""))
        self.say("OK [HIGHESTMODSEQ %d] modseq tracked on this mailbox" % modseq)
        return "[READ-%s] %s completed" % (("WRITE", "SELECT") if writable else ("ONLY", "EXAMINE"))

    def chosen(self, writing=False):
        if self.selected is None:
            raise Bad("must be in SELECTED state")
        if writing and not self.selected.writable:
            raise MailError("service.PERM_DENIED", "mailbox selected READ-ONLY")
        return self.selected

    def do_unselect(self):
        self.chosen()
        self.selected = None

    def do_close(self):
        if self.chosen().writable:
            self.expunge(lambda uid: True)
        self.selected = None

    # -- what others did --

    def tell_changes(self):
        """EXPUNGE, EXISTS and FETCH of everything since the last time."""
        selected = self.selected
        with self.open() as mailbox:
            items = mailbox.imap_items(selected.id, selected.told, selected.last_uid())
            flags = {i.imap_id: mailbox.imap_flags(i) for i in items
                     if selected.told.get(i.imap_id, i.modseq) != i.modseq}
        left = {i.imap_id for i in items}
        for number in range(len(selected.items), 0, -1):
            if selected.items[number - 1].imap_id not in left:
                self.say("%d EXPUNGE" % number)
        if left - set(selected.told):
            self.say("%d EXISTS" % len(items))
            self.say("0 RECENT")
        for number, item in enumerate(items, 1):
            if item.imap_id in flags:
                self.say("%d FETCH (UID %d FLAGS (%s)%s)" % (
                    number, item.imap_id, " ".join(flags[item.imap_id]),
                    " MODSEQ (%d)" % item.modseq if self.condstore else ""))
        selected.items, selected.told = items, {i.imap_id: i.modseq for i in items}

    # -- messages --

    def do_uid(self, name, *words):
        command = {"FETCH": self.fetch, "STORE": self.store, "COPY": self.copy,
                   "SEARCH": self.search, "EXPUNGE": self.uid_expunge}.get(name.upper())
        if command is None:
            raise Bad("unknown command UID %s" % name)
        words = words if name.upper() == "EXPUNGE" else (True, *words)
        _fitting(command, name, words)
        return command(*words) or "UID %s completed" % name.upper()

    def do_fetch(self, *words):
        return self.fetch(False, *words)

    def do_store(self, *words):
        return self.store(False, *words)

    def do_copy(self, *words):
        return self.copy(False, *words)

    def do_search(self, *words):
        return self.search(False, *words)

    def among(self, text, by_uid):
        """[(number, item as the client knows it)] of a set."""
        items = self.chosen().items
        fits = in_set(text, self.selected.last_uid() if by_uid else len(items))
        return [(n, i) for n, i in enumerate(items, 1) if fits(i.imap_id if by_uid else n)]

    def is_same(self, item, known):
        """False: it has gone from the folder, or has another UID, and the client does not know yet."""
        return item.folder_id == self.selected.id and item.imap_id == known.imap_id

    def fetch(self, by_uid, numbers, what, modifiers=()):
        rows = self.among(numbers, by_uid)
        names = [what] if isinstance(what, str) else list(what)
        names = MACROS.get(names[0].upper(), names) if len(names) == 1 else names
        wanted = {n.partition("[")[0].upper() for n in names}
        since = modifier(modifiers, "CHANGEDSINCE")
        self.condstore = self.condstore or since is not None or "MODSEQ" in wanted
        if by_uid:
            wanted.add("UID")
        if since is not None:
            wanted.add("MODSEQ")
        parts = [Part(n) for n in names if "[" in n or n.upper().startswith("RFC822")
                 and n.upper() != "RFC822.SIZE"]
        if not wanted <= KNOWN:
            raise Bad("not played here: %s" % " ".join(sorted(wanted - KNOWN)))
        for number, known in rows:
            with self.open() as mailbox:
                item = mailbox.items([known.id]).get(known.id)
                if item is None or not self.is_same(item, known) \
                        or (since is not None and item.modseq <= since):
                    continue
                if self.selected.writable and item.unread and any(p.reads for p in parts):
                    mailbox.imap_store([item.id], "+", ["\\Seen"])
                    item, wanted = mailbox.item(item.id), wanted | {"FLAGS"}
                text = self.rendered(mailbox, item, wanted, parts)
            self.say("%d FETCH (" % number, *text, ")")
        if by_uid:
            self.tell_changes()

    def rendered(self, mailbox, item, wanted, parts):
        """In Zimbra's order; what cannot be read ends the list there (zimbra 1.5)."""
        words = []
        if "UID" in wanted:
            words.append(b"UID %d" % item.imap_id)
        if "INTERNALDATE" in wanted:
            words.append(('INTERNALDATE "%s"' % imap_date(item.date)).encode())
        if "RFC822.SIZE" in wanted:
            words.append(b"RFC822.SIZE %d" % item.size)
        try:
            content = mailbox.imap_content(item) if parts else b""
        except MailError:
            return [b" ".join(words)]
        for part in parts:
            data = part.cut(content)
            words.append(b"%s {%d}\r\n%s" % (part.label.encode(), len(data), data))
        if "FLAGS" in wanted:
            words.append(("FLAGS (%s)" % " ".join(mailbox.imap_flags(item))).encode())
            self.selected.told[item.imap_id] = item.modseq
        if "MODSEQ" in wanted:
            words.append(b"MODSEQ (%d)" % item.modseq)
        return [b" ".join(words)]

    def store(self, by_uid, numbers, *words):
        self.chosen(writing=True)
        rows, unchanged, words = self.among(numbers, by_uid), None, list(words)
        if words and isinstance(words[0], list):
            unchanged = modifier(words.pop(0), "UNCHANGEDSINCE")
        if len(words) != 2 or words[0].upper().lstrip("+-") not in ("FLAGS", "FLAGS.SILENT"):
            raise Bad("STORE wants FLAGS and a list")
        how = words[0][0] if words[0][0] in "+-" else ""
        flags = words[1] if isinstance(words[1], list) else [words[1]]
        with self.open() as mailbox:
            now = mailbox.items([i.id for _, i in rows])
            late = [i.imap_id if by_uid else n for n, i in rows
                    if unchanged is not None and i.id in now and now[i.id].modseq > unchanged]
            mailbox.imap_store([i.id for n, i in rows if i.id in now
                                and (i.imap_id if by_uid else n) not in late], how, flags)
        if words[0].upper().endswith(".SILENT"):
            with self.open() as mailbox:
                for item in mailbox.items([i.id for _, i in rows]).values():
                    self.selected.told[item.imap_id] = item.modseq
        self.tell_changes()
        return "[MODIFIED %s] STORE completed" % as_set(late) if late else None

    def copy(self, by_uid, numbers, name):
        rows = self.among(numbers, by_uid)
        with self.open() as mailbox:
            try:
                target = self.folder(mailbox, name)
            except MailError:
                return "NO [TRYCREATE] COPY failed"
            made = mailbox.imap_copy([i.id for _, i in rows], target.id)
        there = [i for _, i in rows if i.id in made]
        self.tell_changes()
        return "[COPYUID %d %s %s] COPY completed" % (
            max(target.rev, 1), as_set(i.imap_id for i in there),
            as_set(made[i.id] for i in there)) if made else None

    def do_expunge(self):
        self.chosen(writing=True)
        self.expunge(lambda uid: True)
        self.tell_changes()

    def uid_expunge(self, numbers):
        self.chosen(writing=True)
        self.expunge(in_set(numbers, self.selected.last_uid()))
        self.tell_changes()
        return "UID EXPUNGE completed"

    def expunge(self, fits):
        with self.open() as mailbox:
            doomed = [i.id for i in mailbox.imap_items(self.selected.id)
                      if i.flags & DELETED and fits(i.imap_id)]
            if doomed:
                mailbox.item_action(doomed, "delete")

    def search(self, by_uid, *words):
        words = list(words)
        if words and str(words[0]).upper() == "CHARSET":
            words = words[2:]
        last = self.chosen().last_uid()
        with self.open() as mailbox:
            now = mailbox.items([i.id for i in self.selected.items])
        tests = []
        while words:
            tests.append(search_test(words, last, len(self.selected.items)))
        found = [i.imap_id if by_uid else n for n, i in enumerate(self.selected.items, 1)
                 if i.id in now and self.is_same(now[i.id], i)
                 and all(test(n, now[i.id]) for test in tests)]
        self.say("SEARCH" + "".join(" %d" % n for n in found))
        if by_uid:
            self.tell_changes()


def _fitting(command, name, words):
    try:
        inspect.signature(command).bind(*words)
    except TypeError:
        raise Bad("%s: wrong number of arguments" % name) from None
