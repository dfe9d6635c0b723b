# SPDX-License-Identifier: Apache-2.0
"""LMTP as Zimbra answers it. What an account's status says, and where its home is, is looked at
when RCPT comes; a mail that has passed goes where that was, whatever happens until DATA.
"""

import collections
import email.utils
import socket
import ssl
import sys
import threading
import traceback

from . import mime
from .errors import MailError
from .faultcodes import Fault
from .httpd import Hangup, listen

LINE_MAX = 1 << 16
MESSAGE_MAX = 100 << 20
DEDUPE_MAX = 3000       # zimbraMessageIdDedupeCacheSize
RELAY_TIMEOUT_S = 30
TEMPORARY = "451 4.0.0 Temporary message delivery failure try again"


class Recipient:
    def __init__(self, address, account, home):
        self.address, self.account, self.home = address, account, home


class Lmtp:
    """The listener, and what its sessions share."""

    def __init__(self, node):
        self.node = node
        self.sock = listen(node.address, node.ports["lmtp"])
        self._lock = threading.Lock()
        self._seen = collections.OrderedDict()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(node.cert_file, node.key_file)
        self.thread = threading.Thread(target=self._accept, name="lmtp-accept", daemon=True)

    def start(self):
        self.thread.start()

    def close(self):
        self.sock.close()

    def _accept(self):
        while True:
            try:
                sock, client = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock, client), daemon=True,
                             name="lmtp-%s:%d" % client[:2]).start()

    def _serve(self, sock, client):
        session = Session(self, sock, client)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(300)
            session.run()
        except (Hangup, OSError):
            pass
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            session.sock.close()

    # -- recipients --

    def address(self, text):
        """(reply, Recipient or None) to RCPT."""
        accounts = self.node.accounts
        account = accounts.by_name(text)
        if account is None:
            return "550 5.1.1 No such user here: <%s>" % text, None
        status = accounts.status(account)
        if status == "maintenance":
            return "450 4.2.1 Mailbox disabled: <%s>" % text, None
        if status in ("closed", "pending"):
            return "550 5.1.1 No such user here: <%s>" % text, None
        if not account.home or accounts.other("server", account.home) is None:
            return "450 4.2.0 Mailbox busy or its server unknown: <%s>" % text, None
        return "250 2.1.5 Recipient OK", Recipient(text, account, account.home)

    # -- delivery --

    def deliver(self, sender, lhlo, client, recipient, data):
        """The reply for one recipient."""
        node = self.node
        account, home = recipient.account, recipient.home
        if not node.habits["lmtp_place_is_found_at_rcpt"]:
            account = node.accounts.by_id(account.id) or account
            home = account.home
        try:
            if home != node.host:
                if not node.habits["lmtp_relays"]:
                    return TEMPORARY
                return self._relay(sender, recipient, home, data)
            return self._store(sender, lhlo, client, account, data)
        except MailError as e:
            return self._refusal(e.code, e.sender)
        except Fault as fault:
            return self._refusal(fault.code, fault.sender)
        except (Hangup, OSError):
            raise
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return TEMPORARY

    def _store(self, sender, lhlo, client, account, data):
        node = self.node
        order = node.orders.begin("lmtp:data")
        with node.mailboxes.use(account) as mailbox:
            key = self._key(account, data)
            if key is not None and key in self._seen:
                node.orders.end(order)
                return "250 2.1.5 Delivery OK"
            raw = self._trace(sender, lhlo, client, data) + data
            now = node.accounts.by_id(account.id) or account
            mailbox.deliver(raw, attendee=account.name,
                            **({"check_quota": False} if now.receives_over_quota else {}))
            self._remember(key)
        node.orders.end(order)
        return "250 2.1.5 Delivery OK"

    def _refusal(self, code, sender):
        if code in ("mail.QUOTA_EXCEEDED", "mail.DOMAIN_QUOTA_EXCEEDED"):
            if self.node.accounts.server_value(
                    self.node.host, "zimbraLmtpPermanentFailureWhenOverQuota") == "TRUE":
                return "552 5.2.2 Over quota"
            return "452 4.2.2 Over quota"
        if code == "service.WRONG_HOST" and not self.node.habits["lmtp_wrong_host_bounces"]:
            return TEMPORARY
        return "554 5.0.0 Permanent message delivery failure" if sender else TEMPORARY

    def _trace(self, sender, lhlo, client, data):
        """The headers that a delivery puts before the mail."""
        if not _has_header(data):
            return b""
        head = "Return-Path: %s\r\nReceived: from %s (LHLO %s) (%s) by %s with LMTP; %s\r\n" % (
            sender or "<>", lhlo, lhlo, client[0], self.node.host,
            email.utils.formatdate(localtime=False))
        return head.encode("utf-8", "replace")

    def _key(self, account, data):
        if not self.node.habits["lmtp_drops_repeats"]:
            return None
        mid = mime.Headers(data).get("Message-ID")
        return (account.id, str(mid)) if mid else None

    def _remember(self, key):
        if key is None:
            return
        with self._lock:
            self._seen[key] = True
            while len(self._seen) > DEDUPE_MAX:
                self._seen.popitem(last=False)

    def _relay(self, sender, recipient, home, data):
        """To the home server by LMTP; whatever goes wrong there is temporary."""
        peers = self.node.peers
        try:
            with socket.create_connection((peers.addresses[home], peers.ports["lmtp"]),
                                          RELAY_TIMEOUT_S) as sock, sock.makefile("rb") as file:
                for line, good in ((None, b"220"), (b"LHLO " + self.node.host.encode(), b"250"),
                                   (b"MAIL FROM:" + (sender or "<>").encode(), b"250"),
                                   (b"RCPT TO:<" + recipient.address.encode() + b">", b"250"),
                                   (b"DATA", b"354")):
                    if line is not None:
                        sock.sendall(line + b"\r\n")
                    reply = _read_reply(file)
                    if not reply.startswith(good):
                        return reply.decode("utf-8", "replace") \
                            if reply[:1] in (b"4", b"5") else TEMPORARY
                stuffed = (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:]
                sock.sendall(stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n")
                return _read_reply(file).decode("utf-8", "replace")
        except (OSError, KeyError):
            return TEMPORARY


def _has_header(data):
    line = data[:1000].split(b"\r\n", 1)[0]
    name = line.partition(b":")[0]
    return b":" in line and name and not any(c <= 32 or c > 126 for c in name)


def _read_reply(file):
    while True:
        line = file.readline(LINE_MAX)
        if not line.endswith(b"\n"):
            raise ConnectionError("LMTP: the connection was closed")
        if line[3:4] != b"-":
            return line.rstrip(b"\r\n")


class Session:
    def __init__(self, lmtp, sock, client):
        self.lmtp, self.node, self.sock, self.client = lmtp, lmtp.node, sock, client
        self.file = sock.makefile("rb")
        self.lhlo, self.secure = None, False
        self.reset()

    def reset(self):
        self.sender, self.recipients = None, []

    def reply(self, *lines):
        text = "".join("%s%s%s\r\n" % (line[:3], " " if i == len(lines) - 1 else "-", line[4:])
                       for i, line in enumerate(lines))
        self.sock.sendall(text.encode("utf-8", "replace"))

    def run(self):
        if self.node.habits["lmtp_is_busy"]:
            self.file.read(1)       # until whoever called has had enough
            return
        self.reply("220 %s Zimbra LMTP server ready" % self.node.host)
        while True:
            line = self.file.readline(LINE_MAX)
            if not line.endswith(b"\n"):
                return
            text = line.decode("utf-8", "replace").strip()
            verb = text.split(" ", 1)[0].upper()
            if verb == "QUIT":
                self.reply("221 2.0.0 %s closing connection" % self.node.host)
                return
            command = getattr(self, "do_" + verb.lower(), None)
            if command is None:
                self.reply("500 5.5.2 Unknown command")
            else:
                command(text)

    # -- commands --

    def do_lhlo(self, text):
        self.lhlo = text[4:].strip() or "unknown"
        self.reset()
        lines = ["250 %s" % self.node.host, "250 8BITMIME", "250 ENHANCEDSTATUSCODES",
                 "250 SIZE", "250 PIPELINING"]
        self.reply(*lines + ([] if self.secure else ["250 STARTTLS"]))

    def do_starttls(self, _):
        if self.secure:
            self.reply("503 5.5.1 TLS is on already")
            return
        self.reply("220 Ready to start TLS")
        self.file.close()
        self.sock = self.lmtp.context.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")
        self.secure, self.lhlo = True, None
        self.reset()

    def do_noop(self, _):
        self.reply("250 2.0.0 OK")

    def do_rset(self, _):
        self.reset()
        self.reply("250 2.0.0 OK")

    def do_vrfy(self, _):
        self.reply("252 2.1.5 Cannot VRFY")

    def do_mail(self, text):
        if self.lhlo is None:
            self.reply("503 5.5.1 LHLO first")
            return
        accounts = self.node.accounts
        if accounts.server_value(self.node.host, "zimbraUserServicesEnabled", "TRUE") == "FALSE":
            self.reply("421 4.3.2 Service not available, closing transmission channel")
            raise Hangup()
        start, end = text.find("<"), text.find(">")
        if not text.upper().startswith("MAIL FROM:") or start < 0 or end < start:
            self.reply("501 5.5.4 Syntax: MAIL FROM:<address>")
            return
        self.reset()
        self.sender = text[start:end + 1]
        self.reply("250 2.0.0 Sender OK")

    def do_rcpt(self, text):
        if self.sender is None:
            self.reply("503 5.5.1 MAIL first")
            return
        start, end = text.find("<"), text.find(">")
        if not text.upper().startswith("RCPT TO:") or start < 0 or end < start:
            self.reply("501 5.5.4 Syntax: RCPT TO:<address>")
            return
        reply, recipient = self.lmtp.address(text[start + 1:end])
        if recipient is not None:
            self.recipients.append(recipient)
        self.reply(reply)

    def do_data(self, _):
        if not self.recipients:
            self.reply("503 5.5.1 No recipients")
            return
        self.reply("354 End data with <CR><LF>.<CR><LF>")
        data = self._read_data()
        if mime.has_long_line(data):
            replies = ["501 5.6.0 Message content is invalid"] * len(self.recipients)
        else:
            replies = [self.lmtp.deliver(self.sender, self.lhlo, self.client, r, data)
                       for r in self.recipients]
        self.reset()
        for reply in replies:
            self.reply(reply)

    def _read_data(self):
        lines, size = [], 0
        while True:
            line = self.file.readline(LINE_MAX)
            if not line:
                raise Hangup()
            if line in (b".\r\n", b".\n"):
                return b"".join(lines)
            if line.startswith(b".") and (not lines or lines[-1].endswith(b"\n")):
                line = line[1:]
            size += len(line)
            if size > MESSAGE_MAX:
                raise Hangup()
            lines.append(line)
