# SPDX-License-Identifier: Apache-2.0
"""A small black-box client for Zimbra: SOAP, REST, LMTP. Works on a real cluster and on the lab.

    z = Zimbra.from_cluster("LABDIR/cluster.json")        # or Zimbra([Server("mbs1.host"), ...])
    z.login("admin@example.test", "password")
    user = z.create_account("anna@example.test", home=z.servers[0])
    user.add(2, message("hello"))
    status, data = user.export(query="is:anywhere")
    z.delete_account(user)

A request is built with el() and answered with an Answer (an element whose namespaces are
gone) or a Fault (parse `code`, never the text). Every call names the server it is posted to:
which server answers is half of what this client is there to find out.
One object may be used by several threads; connections are kept per thread.
"""

import http.client
import json
import re
import select
import socket
import ssl
import threading
import time
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

ADMIN, ACCOUNT, MAIL, ZIMBRA = ("urn:zimbra" + x for x in ("Admin", "Account", "Mail", ""))
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
TIMEOUT_S = 60


class Fault(Exception):
    """A SOAP fault. `code` is Zimbra's, `sender` tells a Sender fault from a Receiver fault."""

    def __init__(self, code, reason, sender, status, trace=None, arguments=None):
        super().__init__("%s: %s" % (code, reason))
        self.code, self.reason, self.sender = code, reason, sender
        self.status, self.trace, self.arguments = status, trace, arguments or {}


class Server:
    """One mailbox server. `address` is where it listens when its name is not in the DNS."""

    def __init__(self, host, address=None, ports=None, zimbra_id=None):
        self.host, self.address, self.id = host, address or host, zimbra_id
        self.ports = {"admin": 7071, "mail": 8443, "lmtp": 7025, "imap": 7143, "imaps": 7993,
                      "pop": 7110, "pops": 7995, **(ports or {})}

    def __repr__(self):
        return self.host


# --- XML -----------------------------------------------------------------------------------

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


def _escape(text):
    # CR LF survives a parser's line-end rules well enough (the server makes LF into CR LF
    # again); a bare CR would become LF, so it goes as a character reference.
    return re.sub('[&<>"]|\r(?!\n)', lambda m: _ESCAPES[m.group()], str(text))


class Element(str):
    """XML text that needs no escaping any more."""


def el(tag, attrs=None, *children):
    """One XML element as text. Children are texts (escaped) or other el() results."""
    named = "".join(' %s="%s"' % (k, _escape(v)) for k, v in (attrs or {}).items()
                    if v is not None)
    body = "".join(c if isinstance(c, Element) else _escape(c) for c in children)
    return Element("<%s%s>%s</%s>" % (tag, named, body, tag))


def request(tag, namespace, attrs=None, *children):
    return el(tag, {"xmlns": namespace, **(attrs or {})}, *children)


def _parse(data):
    root = ElementTree.fromstring(data)
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def _fault(node, status):
    error = node.find("Detail/Error")
    arguments = {} if error is None else {a.get("n"): a.text for a in error.iter("a")}
    return Fault(node.findtext("Detail/Error/Code") or "?", node.findtext("Reason/Text") or "",
                 "Sender" in (node.findtext("Code/Value") or ""), status,
                 node.findtext("Detail/Error/Trace"), arguments)


class Answer:
    """The response element, and what its header said: `change` = the mailbox's change token."""

    def __init__(self, root, status):
        body = root.find("Body")
        if body is None or not len(body):
            raise Fault("?", "answer without a body", False, status)
        self.body = body[0]
        if self.body.tag == "Fault":
            raise _fault(self.body, status)
        change = root.find("Header/context/change")
        self.change = None if change is None else int(change.get("token"))
        self.session = root.findtext("Header/context/session")
        self.status = status
        self.find, self.findall, self.get = self.body.find, self.body.findall, self.body.get
        self.findtext, self.iter = self.body.findtext, self.body.iter

    def parts(self):
        """What a BatchRequest was answered with: elements, and Faults that were not raised."""
        return [_fault(n, self.status) if n.tag == "Fault" else n for n in self.body]


# --- HTTP ----------------------------------------------------------------------------------

class _Connection(http.client.HTTPSConnection):
    def __init__(self, server, port, tls):
        super().__init__(server.host, port, timeout=TIMEOUT_S, context=tls)
        self.address, self.tls = server.address, tls

    def connect(self):
        plain = socket.create_connection((self.address, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)

    def is_stale(self):
        # A kept connection that has something to read was closed by the server.
        return self.sock is not None and bool(select.select([self.sock], [], [], 0)[0])


class Zimbra:
    """A cluster: its servers, the administrator's token, and ways to talk to them."""

    def __init__(self, servers, ca=None, domain=None):
        self.servers, self.domain, self.token = servers, domain, None
        self.cluster = None
        self.tls = ssl.create_default_context(cafile=ca) if ca else ssl.create_default_context()
        if not ca:
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self._local = threading.local()

    @classmethod
    def from_cluster(cls, path):
        """The lab that wrote this cluster.json, logged in."""
        with open(path, encoding="utf-8") as file:
            cluster = json.load(file)
        servers = [Server(n["host"], n["address"], cluster["ports"], n["id"])
                   for n in cluster["nodes"]]
        z = cls(servers, cluster["ca_file"], cluster["domain"])
        z.cluster = cluster
        return z.login(cluster["admin"]["name"], cluster["admin"]["password"])

    def login(self, name, password):
        answer = self.call(self.servers[0], request(
            "AuthRequest", ADMIN, None, el("name", None, name), el("password", None, password)),
            token=None)
        self.token = answer.findtext("authToken")
        self.domain = self.domain or name.rpartition("@")[2]
        return self

    def discover(self):
        """Fills in each server's zimbraId and ports from the directory."""
        answer = self.call(self.servers[0], request("GetAllServersRequest", ADMIN))
        for node in answer.findall("server"):
            attrs = {a.get("n"): a.text for a in node.findall("a")}
            for server in self.servers:
                if server.host != attrs.get("zimbraServiceHostname", node.get("name")):
                    continue
                server.id = node.get("id")
                for key, attr in (("admin", "zimbraAdminPort"), ("mail", "zimbraMailSSLPort"),
                                  ("lmtp", "zimbraLmtpBindPort"),
                                  ("imap", "zimbraImapBindPort"),
                                  ("imaps", "zimbraImapSSLBindPort"),
                                  ("pop", "zimbraPop3BindPort"),
                                  ("pops", "zimbraPop3SSLBindPort")):
                    server.ports[key] = int(attrs.get(attr) or 0) or server.ports[key]
        return self

    def http(self, server, port, method, path, body=None, headers=None, read=True):
        """Returns (status, headers, bytes). `body` may be bytes or an iterable (chunked)."""
        pool = self._local.__dict__.setdefault("pool", {})
        key = (server.host, server.ports[port])
        connection = pool.pop(key, None)
        if connection is None or connection.is_stale():
            connection = _Connection(server, server.ports[port], self.tls)
        chunked = body is not None and not isinstance(body, bytes)
        connection.request(method, path, body, headers or {}, encode_chunked=chunked)
        response = connection.getresponse()
        data = response.read()
        if not response.will_close:
            pool[key] = connection
        return response.status, response.headers, data

    # --- SOAP --------------------------------------------------------------------------

    def call(self, server, body, token="admin", account=None, target=None, port="admin",
             path=None, session=False, by="name"):
        """Posts one request. `target` is a Server (or a raw string) for <targetServer>;
        `session` is True (ask for one), or the id of one."""
        context = [el("authToken", None, self.token if token == "admin" else token)] if token \
            else []
        if session is False:
            context.append(el("nosession"))
        else:
            context.append(el("session", {"id": session} if isinstance(session, str) else {}))
        if account:
            context.append(el("account", {"by": by}, account))
        if target:
            context.append(el("targetServer", None,
                              target.id if isinstance(target, Server) else target))
        context.append(el("format", {"type": "xml"}))
        envelope = el("soap:Envelope", {"xmlns:soap": SOAP12},
                      el("soap:Header", None, request("context", ZIMBRA, None, *context)),
                      el("soap:Body", None, body))
        path = path or ("/service/admin/soap/" if port == "admin" else "/service/soap/")
        status, _, data = self.http(server, port, "POST", path, envelope.encode("utf-8"),
                                    {"Content-Type": "application/soap+xml; charset=utf-8"})
        try:
            root = _parse(data)
        except ElementTree.ParseError:
            raise Fault("?", "HTTP %d, no SOAP: %r" % (status, data[:200]), False, status)
        return Answer(root, status)

    def admin(self, server, tag, attrs=None, *children, **how):
        return self.call(server, request(tag, ADMIN, attrs, *children), **how)

    def batch(self, server, bodies, **how):
        return self.call(server, request("BatchRequest", ZIMBRA, {"onerror": "continue"},
                                         *bodies), **how).parts()

    # --- accounts and mailboxes, by the administrator ----------------------------------

    def create_account(self, name, home, password="Test-pass-123", **attrs):
        attrs = {"zimbraMailHost": home.host, **attrs}
        answer = self.admin(home, "CreateAccountRequest", None,
                            el("name", None, name), el("password", None, password),
                            *[el("a", {"n": k}, v) for k, v in attrs.items()])
        return User(self, answer.find("account").get("id"), name, home, password)

    def delete_account(self, user):
        self.admin(user.home, "DeleteAccountRequest", None, el("id", None, user.id))

    def modify(self, user, server=None, target=None, **attrs):
        """ModifyAccount; an empty value removes the attribute."""
        return self.admin(server or user.home, "ModifyAccountRequest", None,
                          el("id", None, user.id),
                          *[el("a", {"n": k}, v) for k, v in attrs.items()], target=target)

    def attributes(self, user, *names, server=None):
        answer = self.admin(server or user.home, "GetAccountRequest",
                            {"applyCos": "0", "attrs": ",".join(names) or None},
                            el("account", {"by": "id"}, user.id))
        found = {}
        for a in answer.find("account").findall("a"):
            found.setdefault(a.get("n"), []).append(a.text or "")
        return found

    def flush(self, user, *servers):
        for server in servers or self.servers:
            self.admin(server, "FlushCacheRequest", None,
                       el("cache", {"type": "account"}, el("entry", {"by": "id"}, user.id)),
                       target=server)

    def row(self, server, user, **how):
        """The mailbox row that this very server has for the account, or None."""
        answer = self.admin(server, "GetAllMailboxesRequest", **how)
        for mbox in answer.findall("mbox"):
            if mbox.get("accountId") == user.id:
                return dict(mbox.attrib)
        return None

    def lockout(self, server, user, op):
        return self.admin(server, "LockoutMailboxRequest", {"op": op},
                          el("account", {"by": "name"}, user.name))

    def delete_mailbox(self, server, user, target=None):
        return self.admin(server, "DeleteMailboxRequest", None, el("mbox", {"id": user.id}),
                          target=target)

    def delegate(self, user):
        return self.admin(user.home, "DelegateAuthRequest", {"duration": 3600},
                          el("account", {"by": "id"}, user.id)).findtext("authToken")

    def rest(self, server, user, method="GET", data=None, token=None, port="admin", path="",
             headers=None, **params):
        """REST on /service/home/NAME/; `params` (body= among them) make the query string.
        Returns (status, bytes)."""
        cookie = "ZM_ADMIN_AUTH_TOKEN" if port == "admin" else "ZM_AUTH_TOKEN"
        headers = {"Cookie": "%s=%s" % (cookie, token or self.token), **(headers or {})}
        if method == "POST":
            headers.setdefault("Content-Type", "application/x-compressed-tar")
        url = "/service/home/%s/%s?%s" % (quote(user.name), quote(path), urlencode(params))
        status, _, answer = self.http(server, port, method, url, data, headers)
        return status, answer


# --- one account ---------------------------------------------------------------------------

class User:
    """An account and its mailbox. Acts as the user by a delegated token unless told otherwise."""

    def __init__(self, zimbra, zimbra_id, name, home, password=None):
        self.z, self.id, self.name, self.home = zimbra, zimbra_id, name, home
        self.password, self._token = password, None

    def token(self, fresh=False):
        if fresh or not self._token:
            self._token = self.z.delegate(self)
        return self._token

    def login(self, server=None):
        """A token of the user's own, by password."""
        return self.z.call(server or self.home, request(
            "AuthRequest", ACCOUNT, None, el("account", {"by": "name"}, self.name),
            el("password", None, self.password)), token=None, port="mail").findtext("authToken")

    def call(self, tag, attrs=None, *children, server=None, token=None, **how):
        """One request of the mail namespace; token="admin" acts for the user with that token."""
        if token == "admin":
            how.setdefault("account", self.name)
        how.setdefault("port", "mail")
        return self.z.call(server or self.home, request(tag, MAIL, attrs, *children),
                           token=token or self.token(), **how)

    def batch(self, bodies, server=None, **how):
        return self.z.batch(server or self.home, bodies, token=self.token(), port="mail", **how)

    # --- reading -----------------------------------------------------------------------

    def last_id(self, **how):
        return int(self.call("GetLastItemIdInMailboxRequest", **how).get("id"))

    def change(self, **how):
        return self.call("NoOpRequest", **how).change

    def sync(self, since=None, **how):
        """`since` is a Sync token; token= says who asks, as everywhere."""
        return self.call("SyncRequest", {"token": since} if since else None, **how)

    def folders(self, **how):
        """Every folder, search folder and mountpoint: {id: element}."""
        tree = self.call("GetFolderRequest", **how)
        return {n.get("id"): n for tag in ("folder", "search", "link") for n in tree.iter(tag)}

    def listing(self, **how):
        """The authoritative list by an initial Sync: {(type, id): folder id}. The type of
        contacts, `cn` in Sync, is given as `c`."""
        found = {}
        for folder in self.sync(**how).iter("folder"):
            for node in folder:
                kind = "c" if node.tag == "cn" else node.tag
                if kind in ("m", "c", "appt", "task", "doc", "w", "chat") and node.get("ids"):
                    found.update({(kind, int(i)): int(folder.get("id").rpartition(":")[2])
                                  for i in node.get("ids").split(",")})
        return found

    def ids(self, kind="m", folder=None, **how):
        return sorted(i for (tag, i), parent in self.listing(**how).items()
                      if tag == kind and folder in (None, parent))

    def msg(self, item_id, **how):
        return self.call("GetMsgRequest", None, el("m", {"id": item_id}), **how).find("m")

    def search(self, query, types="message", **how):
        return list(self.call("SearchRequest", {"types": types, "limit": 1000},
                              el("query", None, query), **how).body)

    # --- writing -----------------------------------------------------------------------

    def add_request(self, folder, content=None, **attrs):
        """AddMsg: `content` is text given inline; f, tn, d (ms), aid, noICal as attributes."""
        inner = [el("content", None, content)] if content is not None else []
        return request("AddMsgRequest", MAIL, None, el("m", {"l": folder, **attrs}, *inner))

    def add(self, folder, content=None, server=None, target=None, token=None, **attrs):
        how = {"account": self.name} if token == "admin" else {}
        answer = self.z.call(server or self.home, self.add_request(folder, content, **attrs),
                             token=token or self.token(), target=target, port="mail", **how)
        return int(answer.find("m").get("id").rpartition(":")[2])

    def add_many(self, folder, contents, **how):
        ids = []
        for start in range(0, len(contents), 100):
            parts = self.batch([self.add_request(folder, c)
                                for c in contents[start:start + 100]], **how)
            for part in parts:
                if isinstance(part, Fault):
                    raise part
                ids.append(int(part.find("m").get("id")))
        return ids

    def upload(self, data, token=None, port="mail", server=None, content_type="message/rfc822"):
        """Returns the upload id, good for a request with the same kind of token."""
        cookie = "ZM_ADMIN_AUTH_TOKEN" if port == "admin" else "ZM_AUTH_TOKEN"
        use = self.z.token if token == "admin" else token or self.token()
        status, _, answer = self.z.http(
            server or self.home, port, "POST", "/service/upload?fmt=raw", data,
            {"Cookie": "%s=%s" % (cookie, use), "Content-Type": content_type,
             "Content-Disposition": 'attachment; filename="upload.eml"'})
        match = re.search(rb"200\s*,\s*['\"][^'\"]*['\"]\s*,\s*['\"]([^'\"]+)['\"]", answer)
        if status != 200 or not match:
            raise Fault("upload", "HTTP %d: %r" % (status, answer[:200]), True, status)
        return match.group(1).decode()

    def action(self, ids, op, **attrs):
        how = {k: attrs.pop(k) for k in ("server", "target", "token") if k in attrs}
        ids = ids if isinstance(ids, (list, tuple)) else [ids]
        return self.call("ItemActionRequest", None, el(
            "action", {"id": ",".join(map(str, ids)), "op": op, **attrs}), **how)

    def burn(self, count, **how):
        """Advances the item-id counter by `count`."""
        return self.action([2] * count, "resetimapuid", **how)

    def folder_action(self, folder, op, *children, **attrs):
        return self.call("FolderActionRequest", None, el(
            "action", {"id": folder, "op": op, **attrs}, *children))

    def create_folder(self, name, parent=1, *children, server=None, target=None, **attrs):
        answer = self.call("CreateFolderRequest", None, el(
            "folder", {"name": name, "l": parent, **attrs}, *children),
            server=server, target=target)
        return int(answer.find("folder").get("id"))

    def create_tag(self, name, **attrs):
        return int(self.call("CreateTagRequest", None, el(
            "tag", {"name": name, **attrs})).find("tag").get("id"))

    def create_contact(self, folder=7, *children, **fields):
        answer = self.call("CreateContactRequest", None, el(
            "cn", {"l": folder}, *[el("a", {"n": k}, v) for k, v in fields.items()], *children))
        return int(answer.find("cn").get("id"))

    def create_mountpoint(self, name, owner, remote, parent=1, **attrs):
        """Returns the new link's element."""
        return self.call("CreateMountpointRequest", None, el(
            "link", {"l": parent, "name": name, "zid": owner.id, "rid": remote,
                     **attrs})).find("link")

    # --- REST and LMTP -----------------------------------------------------------------

    def export(self, server=None, **params):
        params = {"fmt": "tgz", **params}
        return self.z.rest(server or self.home, self, **params)

    def load(self, data, server=None, **params):
        """Imports an archive. With callback= use callback_verdict() on the answer."""
        params = {"fmt": "tgz", "resolve": "skip", **params}
        return self.z.rest(server or self.home, self, "POST", data, **params)

    def deliver(self, content, server=None):
        """One LMTP transaction to this account alone; returns (code, text)."""
        with Lmtp(server or self.home) as lmtp:
            code, text = lmtp.rcpt(self.name)
            return lmtp.data(content) if code == 250 else (code, text)


def callback_verdict(page):
    """('success'|'warn'|'fail', the rest of the script's call) of an import with callback=."""
    match = re.search(rb"\(\s*['\"](success|warn|fail)['\"](.*)", page, re.S)
    return (match.group(1).decode(), match.group(2).decode("utf-8", "replace")) if match \
        else (None, page.decode("utf-8", "replace"))


# --- LMTP ----------------------------------------------------------------------------------

class Lmtp:
    """One LMTP connection, MAIL FROM already sent, so that a test can stop at any point."""

    def __init__(self, server, sender="sender@example.net"):
        self.sock = socket.create_connection((server.address, server.ports["lmtp"]), TIMEOUT_S)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()
        self.say("LHLO client.example.net")
        self.mail = self.say("MAIL FROM:<%s>" % sender)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode("utf-8", "replace").rstrip()
            if not line:
                return 0, "connection closed"
            lines.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), " ".join(lines)

    def say(self, line):
        self.sock.sendall(line.encode() + b"\r\n")
        return self.reply()

    def rcpt(self, name):
        return self.say("RCPT TO:<%s>" % name)

    def data(self, content):
        """Sends the message and returns the (one) recipient's answer."""
        code, text = self.say("DATA")
        if code != 354:
            return code, text
        raw = content if isinstance(content, bytes) else content.encode("utf-8")
        raw = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r?\n", b"\r\n", raw))
        self.sock.sendall(raw + (b"" if raw.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        return self.reply()


# --- messages ------------------------------------------------------------------------------

def message(subject, body="text\r\n", **headers):
    """A plain message, CR LF. Header names: In_Reply_To -> In-Reply-To."""
    named = {"Message_ID": "<%s.%d@example.net>" % (re.sub(r"\W", "-", subject)[:60],
                                                   time.monotonic_ns()),
             "From": "Sender <sender@example.net>", "To": "someone@example.net",
             "Date": "Mon, 01 Jul 2024 10:00:00 +0000", "Subject": subject,
             "MIME_Version": "1.0", "Content_Type": "text/plain; charset=utf-8", **headers}
    return "".join("%s: %s\r\n" % (k.replace("_", "-"), v)
                   for k, v in named.items() if v is not None) + "\r\n" + body
