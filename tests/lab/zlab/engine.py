# SPDX-License-Identifier: Apache-2.0
"""The SOAP engine of one node: who asks, which node answers, what the handler said.

Order of things for one request: targetServer (another server: passed on without it; this one:
nothing is proxied any more), the token, the account's home (proxied there), the account's
status, the handler.
"""

import contextlib
import sys
import traceback

from . import soap
from .costs import pay
from .faultcodes import Fault, auth_expired, denied, invalid, no_such_account
from .httpd import Hangup
from .ldapclient import LdapError
from .peers import MAX_HOPS
from .soap import ADMIN, MAIL, ZIMBRA, Xml, el
from .errors import MailError

REQUEST_MAX = 15360000      # zimbraSoapRequestMaxSize
CONTENT_TYPE = "application/soap+xml; charset=utf-8"
HANDLERS = {}               # (namespace, request name) -> Handler


class Handler:
    def __init__(self, function, needs_token, home_of, habit):
        self.function, self.needs_token, self.home_of = function, needs_token, home_of
        self.habit = habit


def handles(ns, *names, needs_token=True, home_of=None, habit=None):
    """Enters a handler. `home_of(request)` of an administrator's request gives (by, key) of the
    account whose home server carries it out, if `habit` is on."""
    def enter(function):
        for name in names:
            HANDLERS[(ns, name)] = Handler(function, needs_token, home_of, habit)
        return function
    return enter


class Context:
    """One request's surroundings. Handlers use `account` (the one asked about), `use()` (its
    mailbox, held), `id()` (an id as this caller sees it)."""

    def __init__(self, node, port):
        self.node, self.port = node, port
        self.accounts, self.habits = node.accounts, node.habits
        self.token = self.auth = self.account = self.token_text = self.target_host = None
        self.requested = None        # (by, key) of the header's account
        self.target = None
        self.pinned = False
        self.hops = 0
        self.change = None
        self.session = None

    @property
    def on_behalf(self):
        return self.auth is not None and self.account is not None \
            and self.auth.id != self.account.id

    @property
    def is_admin(self):
        return self.token is not None and self.token.is_admin

    def id(self, item_id):
        return "%s:%s" % (self.account.id, item_id) if self.on_behalf else str(item_id)

    @contextlib.contextmanager
    def use(self, create=True):
        with self.node.mailboxes.use(self.account, create=create) as mailbox:
            try:
                yield mailbox
            finally:
                self.change = mailbox.change

    def session_of(self, context, account_id):
        """The session that the header asks for, made if need be."""
        wanted = context.find("session")
        if wanted is None or context.find("nosession") is not None:
            return None
        key = wanted.get("id") or (wanted.text or "").strip()
        return self.node.sessions.use(key, account_id,
                                      "admin" if self.port == "admin" else "soap")


class Engine:
    def __init__(self, node):
        self.node = node

    # -- HTTP --

    def serve(self, http):
        """Answers one POST to a SOAP path."""
        if http.path.startswith("/service/admin/") != (http.port == "admin"):
            http.reply(403, "Request not allowed on port %d" % self.node.ports[http.port])
            return
        data = self._body(http)
        context = Context(self.node, http.port)
        status = 200
        try:
            if data is None:
                raise invalid("request exceeds maximum size of %d bytes" % REQUEST_MAX)
            head, request, parts = soap.parse(data)
            self.read_header(context, head)
            if MAIL in (request.ns, *(p.ns for p in parts[:1])):
                pay(self.node.costs["request_ms"])
            if request.name == "BatchRequest":
                body = self.batch(context, request, parts, head)
            else:
                body = self.dispatch(context, request, head)
        except Fault as fault:
            status, body = 500, soap.fault_element(fault)
        http.reply(status, soap.envelope(self._header(context), body), CONTENT_TYPE)

    @staticmethod
    def _body(http):
        parts, size = [], 0
        while True:
            part = http.read(262144)
            if not part:
                return b"".join(parts)
            size += len(part)
            if size > REQUEST_MAX:
                return None
            parts.append(part)

    @staticmethod
    def _header(context):
        parts = []
        if context.session is not None:
            parts.append(el("session", {"id": context.session.id, "type": context.session.kind},
                            context.session.id))
        if context.change is not None:
            parts.append(el("change", {"token": context.change}))
        return Xml("".join(parts))

    def read_header(self, context, head):
        if head is None:
            return
        context.hops = int(head.get("hops") or 0)
        text = head.findtext("authToken")
        if text and text.strip():
            context.token_text = text.strip()
            context.token = self.node.mint.read(text)
        account = head.find("account")
        if account is not None and (account.text or "").strip():
            context.requested = (account.get("by") or "name", account.text.strip())
        target = head.findtext("targetServer")
        if target and target.strip():
            context.target = target.strip()
            server = self.node.accounts.other("server", context.target)
            if server is None or server.id != context.target:
                raise Fault("account.NO_SUCH_SERVER", "no such server: %s" % context.target)
            context.pinned = server.get("zimbraServiceHostname") == self.node.host
            context.target_host = server.get("zimbraServiceHostname")

    # -- dispatching --

    def batch(self, context, request, parts, head):
        stop = request.get("onerror", "continue") == "stop"
        answers = []
        for part in parts:
            try:
                answers.append(self.dispatch(context, part, head))
            except Fault as fault:
                answers.append(soap.fault_element(fault, in_batch=True))
                if stop:
                    break
        return el("BatchResponse", {"xmlns": ZIMBRA}, *answers)

    def dispatch(self, context, request, head=None):
        """The response element as Xml; every failure becomes a Fault."""
        try:
            return self._dispatch(context, request, head)
        except MailError as e:
            arguments = {n: ("STR", str(v)) for n, v in (getattr(e, "args_", None) or {}).items()}
            raise Fault(e.code, e.text, arguments, e.sender) from e
        except (Fault, Hangup):
            raise
        except (LdapError, OSError) as e:
            raise Fault("service.FAILURE", "system failure: %s" % e) from e
        except Exception as e:
            traceback.print_exc(file=sys.stderr)
            raise Fault("service.FAILURE", "system failure: %s: %s"
                        % (type(e).__name__, e)) from e

    def _dispatch(self, context, request, head):
        handler = HANDLERS.get((request.ns, request.name))
        if context.target and not context.pinned:
            return self._forward(context, request)
        if handler is None or (request.ns == ADMIN and context.port != "admin"):
            raise Fault("service.UNKNOWN_DOCUMENT", "unknown document: %s" % request.name)
        if handler.needs_token:
            self.check_token(context)
            if head is not None and context.session is None:
                context.session = context.session_of(head, context.auth.id)
        if request.ns == ADMIN:
            return self._admin(context, request, handler)
        return self._mail(context, request, handler)

    def _forward(self, context, request):
        """To the server that targetServer names, which then sees an ordinary request."""
        if context.token is None:
            raise Fault("service.AUTH_REQUIRED", "no valid authtoken present")
        account = None
        if context.requested:
            account = self.node.accounts.get(*context.requested).id
        target = None if self.node.habits["target_is_dropped_on_the_way"] else context.target
        return self._pass_on(context, request, context.target_host, account, target)

    def _pass_on(self, context, request, host, account_id, target=None):
        if context.hops >= MAX_HOPS:
            raise Fault("service.TOO_MANY_HOPS", "mountpoint or proxy loop detected")
        found = self.node.peers.soap(host, context.port, context.token_text, request.xml(),
                                     account_id, context.hops + 1, target)
        context.change = found.change
        return found.xml()

    def at_server(self, context, request, host):
        """The answer of that server, or None: it is for this one (facts 7.5, AdminDocumentHandler)."""
        if host == self.node.host or context.pinned:
            return None
        try:
            return self._pass_on(context, request, host, None)
        except Fault as fault:
            if fault.code != "service.PROXY_ERROR" or not self.node.habits["proxy_error_runs_here"]:
                raise
            return None

    def _admin(self, context, request, handler):
        if handler.needs_token and not context.token.is_admin:
            raise denied("need adequate admin token")
        if handler.home_of and not context.pinned \
                and (handler.habit is None or self.node.habits[handler.habit]):
            account = self._subject(handler.home_of(request))
            if account is not None and account.home and account.home != self.node.host:
                try:
                    return self._pass_on(context, request, account.home, None)
                except Fault as fault:
                    if fault.code != "service.PROXY_ERROR" \
                            or not self.node.habits["proxy_error_runs_here"]:
                        raise
        return self._run(context, request, handler)

    def _subject(self, key):
        if key is None:
            return None
        if not key[1]:
            raise invalid("no account is named")
        return self.node.accounts.get(*key)

    def _mail(self, context, request, handler):
        if handler.needs_token:
            context.account = context.auth
            if context.requested:
                context.account = self.node.accounts.get(*context.requested)
            home = context.account.home
            if home and home != self.node.host and not context.pinned:
                return self._pass_on(context, request, home, context.account.id)
            self.check_status(context)
        return self._run(context, request, handler)

    def _run(self, context, request, handler):
        order = self.node.orders.begin("soap:" + request.name)
        result = handler.function(context, request)
        self.node.orders.end(order)
        return result

    # -- who asks --

    def check_token(self, context):
        if context.token is None:
            raise Fault("service.AUTH_REQUIRED", "no valid authtoken present")
        if context.auth is None:
            context.auth = self.validate(context.token)

    def validate(self, token):
        """The Account that the token is of; service.AUTH_EXPIRED if it is good no more."""
        accounts = self.node.accounts
        account = accounts.by_id(token.account_id)
        if account is None:
            raise auth_expired()
        status = accounts.status(account)
        if token.is_delegated:
            admin = accounts.by_id(token.admin_id)
            if admin is None or accounts.status(admin) != "active" or status == "maintenance":
                raise auth_expired()
        elif status != "active":
            raise auth_expired()
        wanted = accounts.validity(account)
        if wanted is not None and token.validity is not None and token.validity != wanted:
            raise auth_expired()
        return account

    def check_status(self, context):
        status = self.node.accounts.status(context.account)
        if not context.on_behalf:
            return
        if status == "maintenance" or (status != "active" and not context.is_admin):
            raise Fault("account.ACCOUNT_INACTIVE", "account is not active: %s"
                        % context.account.name, {"account": ("STR", context.account.name)})

    # -- calling for another handler --

    def call_as(self, context, account_id, request_xml):
        """A mail request of this caller to another account, wherever it is at home: an element
        with plain tags. No mailbox may be held meanwhile."""
        account = self.node.accounts.by_id(account_id)
        if account is None:
            raise no_such_account(account_id)
        if account.home != self.node.host:
            if context.hops >= MAX_HOPS:
                raise Fault("service.TOO_MANY_HOPS", "mountpoint or proxy loop detected")
            return self.node.peers.soap(account.home, context.port, context.token_text,
                                        request_xml, account_id, context.hops + 1).element
        inner = Context(self.node, context.port)
        inner.token, inner.token_text = context.token, context.token_text
        inner.auth, inner.hops = context.auth, context.hops + 1
        inner.requested = ("id", account_id)
        _, request, _ = soap.parse(soap.envelope(Xml(""), request_xml).encode("utf-8"))
        text = self.dispatch(inner, request)
        element, _, _ = soap.parse_answer(soap.envelope(Xml(""), text).encode("utf-8"))
        return element
