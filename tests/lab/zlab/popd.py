# SPDX-License-Identifier: Apache-2.0
"""POP3 as Zimbra speaks it: Inbox alone, as it was when the client came in. A loaded mailbox is
served whoever's home it is; else the login is refused there (zimbra 3.3).
"""

import re

from .errors import MailError
from .faultcodes import Fault
from .mailport import MailSession

FREE = ("USER", "PASS", "CAPA", "STLS", "QUIT", "NOOP")


class Refused(Exception):
    """-ERR with this text."""


class Pop(MailSession):
    def __init__(self, node, wire):
        super().__init__(node, wire)
        self.name, self.items, self.deleted = None, [], set()

    def run(self):
        if not self.is_open():
            return
        self.wire.send("+OK %s Zimbra POP3 server ready\r\n" % self.node.host)
        while True:
            name, _, argument = self.wire.line().decode("utf-8", "replace").partition(" ")
            if not self.is_open():
                return
            name = name.upper()
            self.wire.send(*self.answer(name, argument), "\r\n")
            if name == "QUIT":
                return
            if name == "STLS" and not self.wire.secure:
                self.wire.begin_tls(self.context)

    def answer(self, name, argument):
        command = getattr(self, "do_" + name.lower(), None) if name.isalpha() else None
        try:
            if command is None:
                raise Refused("unknown command")
            if name not in FREE and self.account is None:
                raise Refused("this command is only valid after a login")
            return ("+OK ", *command(argument))
        except Refused as e:
            return ("-ERR ", str(e))
        except Fault as fault:
            return ("-ERR ", fault.reason)
        except MailError as e:
            return ("-ERR ", e.text)

    # -- coming in and going --

    def do_capa(self, _):
        return ("Capability list follows\r\nTOP\r\nUSER\r\nUIDL\r\n",
                "" if self.wire.secure else "STLS\r\n", "EXPIRE NEVER\r\nXOIP\r\n.")

    def do_stls(self, _):
        if self.wire.secure:
            raise Refused("command not valid while in TLS mode")
        return ("Begin TLS negotiation",)

    def do_user(self, name):
        if not name.strip():
            raise Refused("please specify a user")
        self.name = name.strip()
        return ("hello %s, please enter your password" % self.name,)

    def do_pass(self, password):
        if self.account is not None:
            raise Refused("this command is only valid in authorization state")
        if self.name is None:
            raise Refused("please specify username first with the USER command")
        try:
            account = self.known(self.name, password, "Pop3")
        except Fault as fault:
            if fault.code == "service.PERM_DENIED":
                raise Refused("pop access not enabled for account") from None
            if fault.code == "account.MAINTENANCE_MODE":
                raise Refused("your account is having maintenance peformed. please try again "
                              "later") from None
            raise Refused("LOGIN failed") from None
        with self.node.mailboxes.use(account) as mailbox:
            self.items = mailbox.pop_items()
        self.account = account
        return ("server ready",)

    def do_quit(self, _):
        if self.account is not None and self.deleted:
            with self.open() as mailbox:
                mailbox.pop_delete(sorted(self.deleted))
            return ("deleted %d message(s)" % len(self.deleted),)
        return ("%s Zimbra POP3 server closing connection" % self.node.host,)

    def do_noop(self, _):
        return ("yawn",)

    # -- messages --

    def message(self, argument):
        if not argument.strip().isdigit():
            raise Refused("unable to parse msg")
        number = int(argument)
        if not 1 <= number <= len(self.items):
            raise Refused("invalid message")
        item = self.items[number - 1]
        if item.id in self.deleted:
            raise Refused("message is deleted")
        return item

    def left(self):
        return [(n, i) for n, i in enumerate(self.items, 1) if i.id not in self.deleted]

    def listed(self, argument, show):
        if argument:
            return ("%s %s" % (argument.strip(), show(self.message(argument))),)
        rows = self.left()
        return ("%d messages\r\n" % len(rows), *("%d %s\r\n" % (n, show(i)) for n, i in rows), ".")

    def do_stat(self, _):
        rows = self.left()
        return ("%d %d" % (len(rows), sum(i.size for _, i in rows)),)

    def do_list(self, argument):
        return self.listed(argument, lambda item: item.size)

    def do_uidl(self, argument):
        return self.listed(argument, lambda item: "%d.%s" % (item.id, item.digest))

    def do_retr(self, argument):
        with self.open() as mailbox:
            raw = mailbox.blob(mailbox.item(self.message(argument).id, "message"))
        return ("message follows\r\n", dotted(raw), ".")

    def do_top(self, argument):
        number, _, lines = argument.partition(" ")
        if not lines.strip().isdigit():
            raise Refused("please specify a message and number of lines")
        with self.open() as mailbox:
            raw = mailbox.blob(mailbox.item(self.message(number).id, "message"))
        head, blank, body = dotted(raw).partition(b"\r\n\r\n")
        kept = b"".join(line + b"\r\n" for line in body.split(b"\r\n")[:int(lines)])
        return ("message top follows\r\n", head, blank, kept, ".")

    def do_dele(self, argument):
        self.deleted.add(self.message(argument).id)
        return ("message %s marked for deletion" % argument.strip(),)

    def do_rset(self, _):
        count = len(self.deleted)
        self.deleted.clear()
        return ("%d message(s) undeleted" % count,)


def dotted(raw):
    """Every line end is CR LF, a dot at a line's beginning is doubled."""
    lines = re.split(rb"\r\n|\r|\n", raw)
    if lines[-1] == b"":
        lines.pop()
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
