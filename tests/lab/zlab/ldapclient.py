# SPDX-License-Identifier: Apache-2.0
"""A minimal LDAPv3 client: simple bind, search, add, modify, delete.

    ldap = Ldap("ldap://127.0.1.100:3389", "uid=zimbra,cn=admins,cn=zimbra", "secret")
    for dn, attrs in ldap.search("", "sub", "(zimbraMailHost=mbs1.example.test)", ["zimbraId"]):
        print(dn, attrs["zimbraId"][0])
    ldap.modify(dn, [("replace", "zimbraMailQuota", ["1"]), ("delete", "zimbraACE", [])])

One object may be used from any number of threads: a lock lets one request at a time onto its
connection. A broken connection is opened again and the request is sent once more; a change
whose answer was lost can therefore be applied twice, which every caller here can bear.
Values are str (UTF-8, bytes that are no UTF-8 survive as surrogates).
"""

import select
import socket
import ssl
import threading
from urllib.parse import urlsplit

SCOPES = {"base": 0, "one": 1, "sub": 2, 0: 0, 1: 1, 2: 2}
CHANGES = {"add": 0, "delete": 1, "replace": 2}
PAGED_RESULTS = "1.2.840.113556.1.4.319"

SUCCESS = 0
SIZE_LIMIT_EXCEEDED = 4
NO_SUCH_ATTRIBUTE = 16
VALUE_EXISTS = 20
NO_SUCH_OBJECT = 32
INVALID_CREDENTIALS = 49
ENTRY_EXISTS = 68

_MAX_MESSAGE = 64 << 20


class LdapError(Exception):
    """The server said no. `code` is the LDAP result code."""

    def __init__(self, code, message, what):
        super().__init__("%s: LDAP result %d%s" % (what, code, ": " + message if message else ""))
        self.code = code


# --- BER: just the part of it that LDAP uses -----------------------------------------------

def _tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 0x80:
        return bytes((tag, n)) + body
    length = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _int(value, tag=0x02):
    return _tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _bytes(value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def _str(value, tag=0x04):
    return _tlv(tag, _bytes(value))


def _text(raw):
    return raw.decode("utf-8", "surrogateescape")


class _Reader:
    """Walks the elements of one BER body."""

    def __init__(self, data):
        self.data, self.pos = data, 0

    def more(self):
        return self.pos < len(self.data)

    def next(self):
        """(tag, body) of the next element."""
        data, pos = self.data, self.pos
        tag, n = data[pos], data[pos + 1]
        pos += 2
        if n & 0x80:
            size = n & 0x7F
            n = int.from_bytes(data[pos:pos + size], "big")
            pos += size
        self.pos = pos + n
        if self.pos > len(data):
            raise ConnectionError("LDAP: an element is longer than its message")
        return tag, data[pos:self.pos]

    def int(self):
        return int.from_bytes(self.next()[1], "big", signed=True)

    def str(self):
        return _text(self.next()[1])


# --- filters (RFC 4515) ----------------------------------------------------------------------

def escape(value):
    """`value` made safe to stand in a filter."""
    return "".join("\\%02x" % ord(c) if c in "\\*()\0" else c for c in value)


def _unescape(text):
    out, i = bytearray(), 0
    while i < len(text):
        if text[i] == "\\":
            out.append(int(text[i + 1:i + 3], 16))
            i += 3
        else:
            out += _bytes(text[i])
            i += 1
    return bytes(out)


def _filter_list(text, pos):
    parts = []
    while text[pos] == "(":
        part, pos = _filter(text, pos)
        parts.append(part)
    return parts, pos


def _filter_simple(item):
    attr, _, value = item.partition("=")
    if not attr or "=" not in item:
        raise ValueError("LDAP filter: cannot read '(%s)'" % item)
    for mark, tag in ((">", 0xA5), ("<", 0xA6), ("~", 0xA8)):
        if attr.endswith(mark):
            return _tlv(tag, _str(attr[:-1]), _str(_unescape(value)))
    if value == "*":
        return _str(attr, 0x87)
    if "*" not in value:
        return _tlv(0xA3, _str(attr), _str(_unescape(value)))
    pieces = value.split("*")
    subs = []
    for i, piece in enumerate(pieces):
        if piece:
            tag = 0x80 if i == 0 else 0x82 if i == len(pieces) - 1 else 0x81
            subs.append(_str(_unescape(piece), tag))
    return _tlv(0xA4, _str(attr), _tlv(0x30, *subs))


def _filter(text, pos):
    """The filter that starts at text[pos] == '(' and the position after it."""
    kind = text[pos + 1]
    if kind in "&|":
        parts, pos = _filter_list(text, pos + 2)
        result = _tlv(0xA0 if kind == "&" else 0xA1, *parts)
    elif kind == "!":
        part, pos = _filter(text, pos + 2)
        result = _tlv(0xA2, part)
    else:
        end = text.index(")", pos)
        return _filter_simple(text[pos + 1:end]), end + 1
    if text[pos] != ")":
        raise ValueError("LDAP filter: ')' missing in '%s'" % text)
    return result, pos + 1


def encode_filter(text):
    text = text.strip()
    if not text.startswith("("):
        text = "(%s)" % text
    try:
        result, end = _filter(text, 0)
    except (IndexError, ValueError) as e:
        raise ValueError("LDAP filter: cannot read '%s'" % text) from e
    if end != len(text):
        raise ValueError("LDAP filter: something follows the end of '%s'" % text)
    return result


# --- the client --------------------------------------------------------------------------------

class Ldap:
    def __init__(self, uri, bind_dn="", password="", ca_file=None, timeout=15, address=None):
        """Connects with the first request. `address` overrides the host part of `uri`, for
        names that are in no DNS; TLS still checks the name."""
        parts = urlsplit(uri)
        self.uri, self.tls = uri, parts.scheme == "ldaps"
        self.host, self.port = parts.hostname, parts.port or (636 if self.tls else 389)
        self.address = address or self.host
        self.bind_dn, self.password = bind_dn, password
        self.ca_file, self.timeout = ca_file, timeout
        self._lock = threading.RLock()
        self._sock, self._buffer, self._message_id = None, bytearray(), 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with self._lock:
            if self._sock is not None:
                try:
                    self._sock.sendall(_tlv(0x30, _int(self._message_id + 1), _tlv(0x42)))
                except OSError:
                    pass
                self._drop()

    def search(self, base="", scope="sub", filter="(objectClass=*)", attrs=None, page=500):
        """[(dn, {attribute: [values]})]. A base that does not exist gives LdapError(32).
        `page` > 0 asks for that many entries at a time, so no size limit applies."""
        found, cookie = [], b""
        while True:
            controls = b""
            if page:
                value = _tlv(0x30, _int(page), _tlv(0x04, cookie))
                controls = _tlv(0xA0, _tlv(0x30, _str(PAGED_RESULTS), _tlv(0x04, value)))
            request = _tlv(
                0x63, _str(base), _int(SCOPES[scope], 0x0A), _int(0, 0x0A), _int(0), _int(0),
                _tlv(0x01, b"\0"), encode_filter(filter),
                _tlv(0x30, *[_str(a) for a in attrs or []]))
            # A cookie is only good on the connection that gave it.
            entries, cookie = self._call(request, controls, "search %s under '%s'" % (filter, base),
                                         again=not cookie)
            found += entries
            if not cookie:
                return found

    def get(self, dn, attrs=None):
        """The attributes of one entry, or None if there is no such entry."""
        try:
            found = self.search(dn, "base", attrs=attrs, page=0)
        except LdapError as e:
            if e.code == NO_SUCH_OBJECT:
                return None
            raise
        return found[0][1] if found else None

    def add(self, dn, attrs):
        rows = [_tlv(0x30, _str(name), _tlv(0x31, *[_str(v) for v in _values(values)]))
                for name, values in attrs.items() if values not in (None, [], ())]
        self._call(_tlv(0x68, _str(dn), _tlv(0x30, *rows)), b"", "add '%s'" % dn)

    def modify(self, dn, changes):
        """`changes`: [("add"|"delete"|"replace", attribute, [values])], applied all or none.
        "delete" with no values removes the attribute, "replace" with none as well."""
        rows = [_tlv(0x30, _int(CHANGES[op], 0x0A),
                     _tlv(0x30, _str(name), _tlv(0x31, *[_str(v) for v in _values(values)])))
                for op, name, values in changes]
        self._call(_tlv(0x66, _str(dn), _tlv(0x30, *rows)), b"", "modify '%s'" % dn)

    def delete(self, dn):
        self._call(_str(dn, 0x4A), b"", "delete '%s'" % dn)

    def check_password(self, dn, password):
        """True if `dn` may bind with `password`; on a connection of its own."""
        if not password:
            return False  # an empty password would be an anonymous bind, which succeeds
        probe = Ldap(self.uri, dn, password, self.ca_file, self.timeout, self.address)
        try:
            with probe._lock:
                probe._connect()
            return True
        except LdapError as e:
            if e.code in (INVALID_CREDENTIALS, NO_SUCH_OBJECT):
                return False
            raise
        finally:
            probe.close()

    # -- inside --

    def _call(self, request, controls, what, again=True):
        with self._lock:
            fresh = self._sock is None
            if not fresh and select.select([self._sock], [], [], 0)[0] and not self._pending():
                self._drop()  # closed by the server while idle
                fresh = True
            try:
                if self._sock is None:
                    self._connect()
                return self._exchange(request, controls, what)
            except OSError:
                self._drop()
                if fresh or not again:
                    raise
            try:
                self._connect()
                return self._exchange(request, controls, what)
            except OSError:
                self._drop()
                raise

    def _pending(self):
        return self.tls and self._sock.pending() > 0

    def _connect(self):
        sock = socket.create_connection((self.address, self.port), self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            context = ssl.create_default_context(cafile=self.ca_file)
            sock = context.wrap_socket(sock, server_hostname=self.host)
        self._sock, self._buffer, self._message_id = sock, bytearray(), 0
        bind = _tlv(0x60, _int(3), _str(self.bind_dn), _str(self.password, 0x80))
        try:
            self._exchange(bind, b"", "bind as '%s'" % self.bind_dn)
        except LdapError:
            self._drop()
            raise

    def _drop(self):
        if self._sock is not None:
            self._sock.close()
        self._sock = None

    def _exchange(self, request, controls, what):
        """Sends one request and reads up to its result: (entries, next page's cookie)."""
        self._message_id += 1
        self._sock.sendall(_tlv(0x30, _int(self._message_id), request, controls))
        entries = []
        while True:
            message = _Reader(self._read_message())
            if message.int() != self._message_id:
                raise ConnectionError("LDAP: %s closed the session" % self.uri)
            tag, body = message.next()
            if tag == 0x64:
                entries.append(_entry(body))
            elif tag != 0x73:  # a referral says nothing here
                return entries, self._result(body, message, what)

    def _result(self, body, message, what):
        result = _Reader(body)
        code, _dn, text = result.int(), result.str(), result.str()
        if code != SUCCESS:
            raise LdapError(code, text, what)
        if not message.more():
            return b""
        controls = _Reader(message.next()[1])
        while controls.more():
            control = _Reader(controls.next()[1])
            if control.str() != PAGED_RESULTS:
                continue
            value = b""
            while control.more():
                tag, value = control.next()
                if tag == 0x04:
                    break
            page = _Reader(_Reader(value).next()[1])
            page.int()
            return page.next()[1]
        return b""

    def _read_message(self):
        header = self._need(2)
        size, skip = header[1], 2
        if size & 0x80:
            skip = 2 + (size & 0x7F)
            size = int.from_bytes(self._need(skip)[2:skip], "big")
        if size > _MAX_MESSAGE:
            raise ConnectionError("LDAP: a message of %d bytes" % size)
        self._need(skip + size)
        body = bytes(self._buffer[skip:skip + size])
        del self._buffer[:skip + size]
        return body

    def _need(self, n):
        while len(self._buffer) < n:
            data = self._sock.recv(262144)
            if not data:
                raise ConnectionError("LDAP: %s closed the connection" % self.uri)
            self._buffer += data
        return self._buffer


def _values(values):
    return [values] if isinstance(values, (str, bytes, int)) else values


def _entry(body):
    reader = _Reader(body)
    dn, attrs = reader.str(), {}
    rows = _Reader(reader.next()[1])
    while rows.more():
        row = _Reader(rows.next()[1])
        name = row.str()
        values, held = _Reader(row.next()[1]), []
        while values.more():
            held.append(values.str())
        attrs[name] = held
    return dn, attrs
