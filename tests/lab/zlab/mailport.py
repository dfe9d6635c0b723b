# SPDX-License-Identifier: Apache-2.0
"""What IMAP and POP3 have in common: a port, a connection of lines, who comes in.

Each has a plain port, on which TLS can be begun, and one of TLS. A session is told nothing when
its account is locked or its server closed for users: it is dropped at its next command.
"""

import socket
import sys
import threading
import traceback

from . import attributes
from .faultcodes import Fault
from .httpd import Hangup, listen, server_context

LINE_MAX = 1 << 16
IDLE_S = 1800       # imap_authenticated_max_idle_time


class Wire:
    """Lines from a mail client, bytes to it."""

    def __init__(self, sock, secure):
        self.sock, self.secure = sock, secure
        self.file = sock.makefile("rb")

    def line(self):
        """Without its end; Hangup when there is none any more."""
        line = self.file.readline(LINE_MAX)
        if not line.endswith(b"\n"):
            raise Hangup()
        return line.rstrip(b"\r\n")

    def read(self, count):
        data = self.file.read(count)
        if len(data) < count:
            raise Hangup()
        return data

    def send(self, *parts):
        self.sock.sendall(b"".join(p if isinstance(p, bytes) else p.encode("utf-8") for p in parts))

    def begin_tls(self, context):
        self.file.close()
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.file, self.secure = self.sock.makefile("rb"), True

    def close(self):
        self.file.close()
        self.sock.close()


class MailPort:
    """Listens on one port; `make(node, wire)` gives a session, whose run() talks."""

    def __init__(self, node, port, make, tls=False):
        self.node, self.name, self.make, self.tls = node, port, make, tls
        self.context = server_context(node.cert_file, node.key_file)
        self.sock = listen(node.address, node.ports[port])
        self.thread = threading.Thread(target=self._accept, name=port + "-accept", daemon=True)

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
            threading.Thread(target=self._serve, args=(sock,), daemon=True,
                             name="%s-%s:%d" % (self.name, *client[:2])).start()

    def _serve(self, sock):
        wire = None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(IDLE_S)
            wire = Wire(self.context.wrap_socket(sock, server_side=True) if self.tls else sock, self.tls)
            session = self.make(self.node, wire)
            session.context = self.context
            session.run()
        except (Hangup, OSError):
            pass
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            if wire is not None:
                wire.close()
            sock.close()


class MailSession:
    """One client, and who he is once he has come in."""

    context = None      # for TLS that begins later

    def __init__(self, node, wire):
        self.node, self.wire = node, wire
        self.account = None

    def is_open(self):
        """False: the connection ends without a word (zimbra 4.1, 4.3)."""
        accounts = self.node.accounts
        if accounts.server_value(self.node.host, "zimbraUserServicesEnabled", "TRUE") == "FALSE":
            return False
        if self.account is None:
            return True
        account = accounts.by_id(self.account.id)
        return account is not None and accounts.status(account) == "active"

    def known(self, name, password, protocol):
        """The Account that comes in with this password; a Fault says why not."""
        accounts = self.node.accounts
        account = accounts.by_name(name)
        if account is None or not accounts.check_password(account, password):
            raise Fault("account.AUTH_FAILED", "authentication failed for [%s]" % name)
        account = attributes.check_login(self.node, account)
        for switch in ("zimbra%sEnabled", "zimbraPref%sEnabled"):
            if account.effective(switch % protocol, "TRUE") == "FALSE":
                raise Fault("service.PERM_DENIED", "%s is not enabled" % protocol)
        return account

    def open(self):
        """The account's mailbox, held."""
        return self.node.mailboxes.use(self.account)
