# SPDX-License-Identifier: Apache-2.0
"""UserServlet: /service/home/NAME/FOLDER?fmt=... reads archives of a mailbox and takes them in.

Order of things: the token, the account's status, its home (passed on there), the mailbox. What
cannot be opened is "no such item", 404, whatever the reason.
"""

import base64
import binascii

from . import archive_in, archive_out
from .errors import MailError
from .faultcodes import Fault, auth_expired
from .httpd import BadBody, Hangup
from .multipart import FilePart, boundary_of
from .peers import LOST
from .tokens import Token

MAX_PROXY_HOPS = 3
HOPS = "x-zimbra-hopcount"
# Headers of a request that go on to the home server, besides x-* and content-*.
PASSED = ("cookie", "authorization")
ARCHIVES = ("tgz", "tar", "zip")
UNSENT = ("connection", "transfer-encoding", "content-length", "keep-alive", "date", "server")


class Rest:
    def __init__(self, node):
        self.node = node

    # -- who asks --

    def caller(self, http):
        """(Token, Account) of cookie, query token or basic authorization; Fault if none."""
        text = http.cookie("ZM_ADMIN_AUTH_TOKEN" if http.port == "admin" else "ZM_AUTH_TOKEN")
        if text is None and http.port == "admin":
            text = http.cookie("ZM_AUTH_TOKEN")
        text = text or http.params.get("zauthtoken")
        if text:
            token = self.node.mint.read(text)
            return token, self.node.engine.validate(token)
        return self._basic(http)

    def _basic(self, http):
        kind, _, coded = http.headers.get("authorization", "").partition(" ")
        accounts = self.node.accounts
        if kind.lower() == "basic":
            try:
                name, _, password = base64.b64decode(coded).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise auth_expired() from None
            account = accounts.by_name(name)
            if account is not None and accounts.status(account) == "active" \
                    and accounts.check_password(account, password):
                return Token(account.id, 0, account.is_admin and http.port == "admin"), account
        raise Fault("service.AUTH_REQUIRED", "must authenticate")

    # -- one request --

    def serve(self, http):
        name, _, path = http.path.split("/", 3)[3].partition("/")
        try:
            token, auth = self.caller(http)
        except Fault as fault:
            self._error(http, 401, fault)
            return
        account = auth if name == "~" else self.node.accounts.find(name)
        if account is None:
            self._error(http, 404, Fault("mail.NO_SUCH_ITEM", "no such item"))
            return
        try:
            self._served(http, token, auth, account, path)
        except (Hangup, BadBody, OSError):
            raise
        except MailError as e:
            self._error(http, 500, Fault(e.code, e.text, None, e.sender))
        except Fault as fault:
            self._error(http, 500, fault)

    def _served(self, http, token, auth, account, path):
        privileged = token.is_delegated or (token.is_admin and http.port == "admin")
        status = self.node.accounts.status(account)
        if status == "maintenance" or (status != "active" and not privileged):
            self._closed(http, Fault("account.ACCOUNT_INACTIVE", "account is %s" % status))
            return
        home = account.home
        if home and home != self.node.host and self.node.habits["rest_goes_home"]:
            self._pass_on(http, home)
            return
        admin = token.is_admin and http.port == "admin"
        asker = None if admin or auth.id == account.id else auth
        try:
            if http.method == "GET":
                self._export(http, account, auth, asker, path)
            elif http.method in ("POST", "PUT"):
                self._import(http, account, asker, path)
            else:
                http.reply(405)
        except Fault as fault:
            if fault.code not in ("mail.MAINTENANCE", "service.WRONG_HOST", "mail.NO_SUCH_MBOX",
                                  "service.PERM_DENIED"):
                raise
            self._closed(http, fault)

    def _closed(self, http, fault):
        if not self.node.habits["rest_hides_reasons"]:
            self._error(http, 503, fault)
        else:
            self._error(http, 404 if http.method == "GET" or "cookie" not in http.headers
                        else 401, Fault("mail.NO_SUCH_ITEM", "no such item"))

    @staticmethod
    def _error(http, status, fault):
        if http.started:
            raise Hangup()
        http.keep_alive = http.keep_alive and http.method == "GET"
        http.reply(status, "<html>\n<head>\n<title>Error %d %s</title>\n</head>\n<body><h2>HTTP "
                   "ERROR %d</h2><p>Problem accessing %s. Reason:\n<pre>    %s: %s</pre></p>"
                   "</body>\n</html>\n" % (status, fault.code, status, _html(http.path),
                                           fault.code, _html(fault.reason)))

    # -- the folder --

    def _folder(self, mailbox, path, asker, right):
        folder = mailbox.folder_by_path("/" + path.strip("/"))
        if folder is None:
            raise Fault("service.PERM_DENIED", "no such folder: %s" % path)
        if asker is not None and right not in mailbox.rights(
                folder.id, asker.id, self.node.accounts.groups_of(asker)):
            raise Fault("service.PERM_DENIED", "permission denied")
        return folder

    # -- export --

    def _export(self, http, account, auth, asker, path):
        params, boxes = http.params, self.node.mailboxes
        if params.get("fmt") not in ARCHIVES:
            self._one(http, account, asker, params)
            return
        order = self.node.orders.begin("rest:export")
        locked = params.get("lock") in ("1", "t", "true")
        owner = object() if locked else None
        if locked:
            with boxes.use(account) as mailbox:
                self._folder(mailbox, path, asker, "r")
            boxes.begin_exclusive(account, owner)
        try:
            with boxes.use(account, owner=owner) as mailbox:
                folder = self._folder(mailbox, path, asker, "r")
            prefs = self.node.accounts.search_prefs(auth)
            found = archive_out.export(mailbox, params, {
                "include_trash": prefs[0], "include_junk": prefs[1],
                "max_days": int(account.effective("zimbraExportMaxDays") or 0)},
                folder=folder.id)
            self._send(http, account, found, params, owner, order)
        finally:
            if locked:
                boxes.end_exclusive(account.id)

    def _send(self, http, account, found, params, owner, order):
        if found is None:
            self.node.orders.end(order)
            http.reply(204)
            return
        try:
            name = params.get("filename") or account.name
            http.drain()
            http.begin(200, archive_out.content_type(params), [
                ("Content-Disposition", 'attachment; filename="%s.%s"'
                 % (name.replace('"', ""), params["fmt"]))])
            for data in found:
                self.node.mailboxes.check_open(account.id, owner)
                http.write(data)
            if order is not None:
                http.flush()
                self.node.orders.end(order)
            http.finish()
        except Fault:
            raise Hangup() from None    # too late for another status
        finally:
            if hasattr(found, "close"):
                found.close()

    def _one(self, http, account, asker, params):
        """?id=N: one item's content."""
        if not params.get("id", "").isdigit():
            self._error(http, 400, Fault("service.INVALID_REQUEST", "unsupported format"))
            return
        with self.node.mailboxes.use(account) as mailbox:
            item = mailbox.item(int(params["id"]))
            if asker is not None:
                perms = mailbox.rights(item.folder_id, asker.id,
                                       self.node.accounts.groups_of(asker))
                if "r" not in perms:
                    raise Fault("service.PERM_DENIED", "permission denied")
            data = mailbox.blob(item)
        http.reply(200, data, "message/rfc822" if item.type == "message"
                   else "application/octet-stream")

    # -- import --

    def _import(self, http, account, asker, path):
        params, boxes = http.params, self.node.mailboxes
        if params.get("fmt") not in ARCHIVES:
            self._error(http, 400, Fault("service.INVALID_REQUEST", "unsupported format"))
            return
        order = self.node.orders.begin("rest:import")
        with boxes.use(account) as mailbox:
            folder = self._folder(mailbox, path, asker, "w")
        stream = _Body(http, boxes, account.id)
        boundary = boundary_of(http.headers.get("content-type"))
        if boundary is not None:
            stream = FilePart(stream, boundary)
        result = archive_in.load(mailbox, stream, params, folder=folder.id)
        self.node.orders.end(order)
        http.reply(result.status, result.body, result.content_type or "text/html; charset=utf-8")

    # -- home --

    def _pass_on(self, http, home):
        hops = int(http.headers.get(HOPS) or 0)
        if hops >= MAX_PROXY_HOPS:
            self._error(http, 400, Fault("service.TOO_MANY_HOPS",
                                         "mountpoint or proxy loop detected"))
            return
        headers = {n: v for n, v in http.headers.items()
                   if n.startswith(("x-", "content-")) or n in PASSED}
        headers[HOPS] = str(hops + 1)
        length = headers.pop("content-length", None)
        body = None
        if http.method in ("POST", "PUT"):
            if length is not None:
                headers["Content-Length"] = length
            body = iter(lambda: http.read(65536), b"")
        peers = self.node.peers
        connection = peers.take(home, http.port)
        try:
            connection.request(http.method, http.target, body, headers,
                               encode_chunked=length is None)
            response = connection.getresponse()
            self._relay(http, response)
        except LOST as e:
            connection.close()
            if http.started:
                raise Hangup() from e
            self._error(http, 502, Fault("service.PROXY_ERROR", "error while proxying: %s" % e))
            return
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            peers.give(home, http.port, connection)

    @staticmethod
    def _relay(http, response):
        headers = [(n, v) for n, v in response.getheaders()
                   if n.lower() not in UNSENT and n.lower() != "content-type"]
        kind = response.getheader("Content-Type") or "text/html"
        if response.status == 204:
            response.read()
            http.reply(204)
            return
        http.drain()
        http.begin(response.status, kind, headers)
        while True:
            data = response.read(65536)
            if not data:
                break
            http.write(data)
        http.finish()


class _Body:
    """An import's body, until the mailbox is locked out."""

    def __init__(self, http, mailboxes, account_id):
        self.http, self.mailboxes, self.account_id = http, mailboxes, account_id

    def read(self, n=65536):
        try:
            self.mailboxes.check_open(self.account_id)
        except Fault as fault:
            raise MailError(fault.code, fault.reason, fault.sender) from None
        return self.http.read(n)


def _html(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


