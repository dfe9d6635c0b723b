# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over TLS, one thread per connection: keep-alive, bodies read and written as streams.

A handler gets a Request and answers with `reply` (a whole answer) or with `begin`, `write`,
`finish` (a stream, chunked). What it leaves of a request's body is read away if that is little,
else the connection ends. `Hangup` raised by a handler ends the connection without an answer.
"""

import socket
import ssl
import sys
import threading
import traceback
from urllib.parse import parse_qsl, unquote

HEADER_MAX = 8192          # zimbraHttpRequestHeaderSize, of the request line as decoded
RAW_HEADER_MAX = 65536
CHUNK = 65536
DRAIN_MAX = 4 << 20
STATUS_TEXT = {200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized",
               403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
               411: "Length Required", 413: "Payload Too Large", 414: "URI Too Long",
               431: "Request Header Fields Too Large", 500: "Internal Server Error",
               502: "Bad Gateway", 503: "Service Unavailable"}


class Hangup(Exception):
    """End this connection now."""


class BadBody(Exception):
    """The body broke off or is no chunked coding."""


class Request:
    """One request; `body` is read by read(n), b"" at its end."""

    def __init__(self, connection, method, target, version, headers):
        self.connection, self.method, self.target = connection, method, target
        self.version, self.headers = version, headers
        self.port, self.client = connection.port, connection.client
        path, _, query = target.partition("?")
        self.path, self.query = unquote(path), query
        self._params = None
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        self._left = None if self._chunked else int(headers.get("content-length") or 0)
        self._chunk_left, self._body_done = 0, not self._chunked and self._left == 0
        self._continue = headers.get("expect", "").lower() == "100-continue"
        self.keep_alive = "close" not in headers.get("connection", "").lower() \
            and version == "HTTP/1.1"
        self.started = False
        self._streaming = False
        self._pending = []
        self._pending_size = 0

    @property
    def params(self):
        if self._params is None:
            self._params = dict(parse_qsl(self.query, keep_blank_values=True))
        return self._params

    def cookie(self, name):
        for part in self.headers.get("cookie", "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name and value:
                return value.strip('"')
        return None

    # -- body --

    def read(self, n=CHUNK):
        """Up to n bytes of the body, b"" at the end; n < 0 for all of it."""
        if n is None or n < 0:
            parts = []
            while True:
                part = self.read(CHUNK)
                if not part:
                    return b"".join(parts)
                parts.append(part)
        if self._body_done or n == 0:
            return b""
        if self._continue:
            self._continue = False
            self.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._chunked:
            return self._read_chunk(n)
        data = self.connection.recv(min(n, self._left))
        if not data:
            self._body_done = True
            self.keep_alive = False
            raise BadBody("the request's body ended early")
        self._left -= len(data)
        self._body_done = self._left == 0
        return data

    def _read_chunk(self, n):
        connection = self.connection
        if self._chunk_left == 0:
            line = connection.line()
            try:
                self._chunk_left = int(line.split(b";")[0], 16)
            except ValueError:
                self._body_done, self.keep_alive = True, False
                raise BadBody("no chunk size: %r" % line[:40]) from None
            if self._chunk_left == 0:
                while connection.line():
                    pass
                self._body_done = True
                return b""
        data = connection.recv(min(n, self._chunk_left))
        if not data:
            self._body_done, self.keep_alive = True, False
            raise BadBody("the request's body ended early")
        self._chunk_left -= len(data)
        if self._chunk_left == 0:
            connection.line()
        return data

    def drain(self):
        """Reads what is left of the body away; without success the connection must end."""
        if self._body_done:
            return
        if self._continue:      # the client still waits to be asked for it
            self.keep_alive = False
            return
        left = DRAIN_MAX
        try:
            while left > 0:
                data = self.read(CHUNK)
                if not data:
                    return
                left -= len(data)
        except BadBody:
            pass
        self.keep_alive = False

    # -- answer --

    def reply(self, status, body=b"", content_type="text/html; charset=utf-8", headers=()):
        if isinstance(body, str):
            body = body.encode("utf-8")
        self.drain()
        self.started = True
        head = self._head(status, content_type, headers)
        if status != 204:
            head += "Content-Length: %d\r\n" % len(body)
        self.connection.send((head + "\r\n").encode("latin-1") + body)

    def begin(self, status, content_type, headers=()):
        """Starts a streamed answer; the body of the request must have been read."""
        self.started = True
        self._streaming = self.version == "HTTP/1.1"
        if not self._streaming:
            self.keep_alive = False
        head = self._head(status, content_type, headers)
        if self._streaming:
            head += "Transfer-Encoding: chunked\r\n"
        self._put((head + "\r\n").encode("latin-1"))

    def _head(self, status, content_type, headers):
        head = "HTTP/1.1 %d %s\r\n" % (status, STATUS_TEXT.get(status, "Status"))
        if content_type and status != 204:
            head += "Content-Type: %s\r\n" % content_type
        for name, value in headers:
            head += "%s: %s\r\n" % (name, value)
        if not self.keep_alive:
            head += "Connection: close\r\n"
        return head

    def write(self, data):
        if not data:
            return
        if self._streaming:
            self._put(b"%x\r\n" % len(data))
            self._put(data)
            self._put(b"\r\n")
        else:
            self._put(data)

    def _put(self, data):
        self._pending.append(data)
        self._pending_size += len(data)
        if self._pending_size >= CHUNK:
            self.flush()

    def flush(self):
        if self._pending:
            data, self._pending, self._pending_size = b"".join(self._pending), [], 0
            self.connection.send(data)

    def finish(self):
        if self._streaming:
            self._put(b"0\r\n\r\n")
        self.flush()


class Connection:
    def __init__(self, sock, client, port):
        self.sock, self.client, self.port = sock, client, port
        self._buffer = bytearray()

    def send(self, data):
        self.sock.sendall(data)

    def recv(self, n):
        if self._buffer:
            data = bytes(self._buffer[:n])
            del self._buffer[:n]
            return data
        return self.sock.recv(n)

    def _fill(self):
        data = self.sock.recv(CHUNK)
        if not data:
            raise Hangup()
        self._buffer += data

    def line(self):
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                data = bytes(self._buffer[:end]).rstrip(b"\r")
                del self._buffer[:end + 1]
                return data
            if len(self._buffer) > RAW_HEADER_MAX:
                raise Hangup()
            self._fill()

    def head(self):
        """The bytes of the next request's head; Hangup if there is none."""
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end >= 0:
                data = bytes(self._buffer[:end])
                del self._buffer[:end + 4]
                return data
            if len(self._buffer) > RAW_HEADER_MAX:
                return None
            self._fill()


def _parse(connection):
    """The next Request, or the status that a bad one is answered with."""
    head = connection.head()
    if head is None:
        return 414
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        return 400
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            return 400
        headers[name.strip().lower()] = value.strip()
    if len(parts[1]) > HEADER_MAX and len(unquote(parts[1])) > HEADER_MAX:
        return 414
    try:
        return Request(connection, parts[0], parts[1], parts[2], headers)
    except ValueError:
        return 400


class Server:
    """Listens on one address and port; `handle(request)` answers."""

    def __init__(self, address, port, name, context, handle, idle_s=None):
        self.name, self.context, self.handle, self.idle_s = name, context, handle, idle_s
        self.sock = listen(address, port)
        self.thread = threading.Thread(target=self._accept, name="%s-accept" % name, daemon=True)

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
                             name="%s-%s:%d" % (self.name, client[0], client[1])).start()

    def _serve(self, plain, client):
        sock = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(30)
            sock = self.context.wrap_socket(plain, server_side=True)
            sock.settimeout(self.idle_s)
            connection = Connection(sock, client, self.name)
            while self._one(connection):
                pass
        except (Hangup, OSError):
            pass
        finally:
            sock.close()

    def _one(self, connection):
        request = _parse(connection)
        if isinstance(request, int):
            text = STATUS_TEXT[request]
            connection.send(("HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                             % (request, text)).encode())
            return False
        try:
            self.handle(request)
        except (Hangup, OSError, BadBody):
            return False
        except Exception:  # the lab's own mistake: seen in the log, and by the client as 500
            traceback.print_exc(file=sys.stderr)
            if request.started:
                return False
            request.reply(500, "internal error")
        if request.keep_alive:
            request.drain()
        return request.keep_alive


def listen(address, port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen(256)
    return sock


def server_context(cert_file, key_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return context
