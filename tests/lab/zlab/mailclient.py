# SPDX-License-Identifier: Apache-2.0
"""Mail programs, by Python's own imaplib and poplib: on a real cluster and on the lab.

    imap = Imap(server, z.tls, "anna@example.test", "password")   # Refused: the server's answer
    imap.select("INBOX")                                          # -> State
    imap.fetch("(FLAGS BODY.PEEK[])")                             # -> {uid: Fetched}
"""

import imaplib
import poplib
import re
from collections import namedtuple

TIMEOUT_S = 60
poplib._MAXLINE = 1 << 20       # 2048 is less than mails have

State = namedtuple("State", "count validity uidnext modseq")
Fetched = namedtuple("Fetched", "flags body size modseq")

REFERRAL = re.compile(r"\[REFERRAL imap://[^@/]*@([^/\]]+)/\]")
NAME = re.compile(r'\((?P<flags>[^)]*)\) "/" (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>\S+))$')
_FLAGS, _UID, _SIZE, _MODSEQ = (re.compile(p) for p in (
    rb"FLAGS \(([^)]*)\)", rb"UID (\d+)", rb"RFC822\.SIZE (\d+)", rb"MODSEQ \((\d+)\)"))


class Refused(Exception):
    """NO, BAD or -ERR; `host` is the server that a referral names."""

    def __init__(self, text):
        super().__init__(text)
        found = REFERRAL.search(text)
        self.host = found.group(1) if found else None


def _said(error):
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


class Imap:
    """A session of one account."""

    def __init__(self, server, tls, name, password):
        self.session = imaplib.IMAP4_SSL(server.address, server.ports["imaps"], ssl_context=tls,
                                         timeout=TIMEOUT_S)
        try:
            self.session.login(name, password)
        except imaplib.IMAP4.error as e:
            self.session.shutdown()
            raise Refused(_said(e)) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session.logout()
        except (OSError, imaplib.IMAP4.error):
            self.session.shutdown()

    def ask(self, command, *words):
        """The answer's untagged data of that name; Refused if it is not OK."""
        try:
            kind, data = getattr(self.session, command)(*words)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as e:
            raise Refused(_said(e)) from None
        if kind != "OK":
            raise Refused("%s: %s" % (command, data))
        return data

    def folders(self):
        """Names as the server writes them."""
        found = []
        for row in self.ask("list"):
            match = NAME.search(row.decode() if isinstance(row, bytes) else "")
            if match:
                name = match.group("atom") or re.sub(r"\\(.)", r"\1", match.group("quoted"))
                if "\\noselect" not in match.group("flags").lower():
                    found.append(name)
        return found

    def select(self, name, writable=False):
        quoted = '"%s"' % name.replace("\\", "\\\\").replace('"', '\\"')
        count = int(self.ask("select", quoted, not writable)[0])

        def number(code):
            data = self.session.response(code)[1]
            return int(data[0]) if data and data[0] else None
        return State(count, number("UIDVALIDITY"), number("UIDNEXT"), number("HIGHESTMODSEQ"))

    def uids(self, *criteria):
        data = self.ask("uid", "SEARCH", *(criteria or ("ALL",)))
        return [int(n) for n in (data[-1] or b"").split()] if data else []

    def fetch(self, what="(FLAGS)", uids="1:*", since=None):
        """{uid: Fetched}. `since`: only what has a later modseq."""
        modifier = () if since is None else ("(CHANGEDSINCE %d)" % since,)
        return _fetched(self.ask("uid", "FETCH", uids, what, *modifier))

    def store(self, uids, how, *flags):
        """how: "+FLAGS", "-FLAGS", "FLAGS"."""
        self.ask("uid", "STORE", uids, how, "(%s)" % " ".join(flags))

    def copy(self, uids, name):
        self.ask("uid", "COPY", uids, '"%s"' % name)

    def noop(self):
        self.ask("noop")


def _fetched(data):
    """What imaplib makes of FETCH: pairs of text and literal, and text that ends a message."""
    found, text, body = {}, b"", None
    for part in data:
        if isinstance(part, tuple):
            text, body = text + part[0], part[1]
            continue
        text += part or b""
        uid = _UID.search(text)
        if uid:
            flags, size, modseq = (p.search(text) for p in (_FLAGS, _SIZE, _MODSEQ))
            # An unasked FETCH of the same message has flags alone.
            old = found.get(int(uid.group(1)), Fetched(None, None, None, None))
            found[int(uid.group(1))] = Fetched(
                frozenset(flags.group(1).decode().split()) if flags else old.flags,
                body if body is not None else old.body,
                int(size.group(1)) if size else old.size,
                int(modseq.group(1)) if modseq else old.modseq)
        text, body = b"", None
    return found


class Pop:
    """A session of one account."""

    def __init__(self, server, tls, name, password):
        self.session = poplib.POP3_SSL(server.address, server.ports["pops"], context=tls,
                                       timeout=TIMEOUT_S)
        try:
            self.session.user(name)
            self.session.pass_(password)
        except poplib.error_proto as e:
            self.session.close()
            raise Refused(_said(e)) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session.quit()
        except (OSError, poplib.error_proto):
            self.session.close()

    def uidls(self):
        """{UIDL: number}"""
        rows = [row.decode().split(" ", 1) for row in self.session.uidl()[1]]
        return {uidl: int(number) for number, uidl in rows}

    def retr(self, number):
        try:
            return b"".join(line + b"\r\n" for line in self.session.retr(number)[1])
        except poplib.error_proto as e:
            raise Refused(_said(e)) from None
