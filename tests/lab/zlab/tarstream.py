# SPDX-License-Identifier: Apache-2.0
"""Tar as Zimbra writes and reads it, streaming: GNU long names, an item's type in the group name
and in the device number.
"""

import functools
import zlib

BLOCK = 512
NAME_MAX = 99
END = b"\0" * 1024
NOBODY = b"0000000\x00" * 2     # owner and group by number
LONG_NAME = b"././@LongLink"
CHUNK = 65536
# The longest name and the longest .meta that are taken.
NAME_LIMIT, META_LIMIT = 65536, 64 << 20


@functools.lru_cache(256)
def _tail(kind, group, major):
    """What follows the checksum, and its share of it."""
    tail = kind + b"\0" * 100 + b"ustar  \0" + b"\0" * 32 + group + b"\0" * (32 - len(group)) \
        + b"%07o\0%07o\0" % (major, 0)
    return tail + b"\0" * 167, sum(tail) + 256


def _head(name, mode, size, mtime, kind, group, major):
    head = b"%s%s%07o\0%s%011o\0%011o\0" % (
        name, b"\0" * (100 - len(name)), mode, NOBODY, size, mtime if mtime > 0 else 0)
    tail, part = _tail(kind, group, major)
    return b"%s%06o\0 %s" % (head, sum(head) + part, tail)


def header(name, size, mtime, unread, type_name, type_number):
    """The header block(s) of an entry; unread: the owner may not write."""
    raw = name.encode("utf-8", "replace")
    group, mode = type_name.encode(), 0o444 if unread else 0o644
    if len(raw) <= NAME_MAX:
        return _head(raw, mode, size, mtime, b"0", group, type_number)
    return _head(LONG_NAME, mode, len(raw) + 1, 0, b"L", group, type_number) \
        + padded(raw + b"\0") + _head(raw[:100], mode, size, mtime, b"0", group, type_number)


def padded(data):
    return data + b"\0" * (-len(data) % BLOCK)


# --- reading -------------------------------------------------------------------------------------

class NotAnArchive(Exception):
    """What comes is neither gzip nor tar."""


class Truncated(Exception):
    """The archive ends within something."""


class Gunzip:
    """read(n) of the unpacked bytes of a stream."""

    def __init__(self, stream):
        self._stream, self._begun = stream, False
        self._zip, self._ready = zlib.decompressobj(31), b""
        self._waiting = b""

    def read(self, size):
        while not self._ready:
            data = self._waiting or self._stream.read(CHUNK)
            self._waiting = b""
            if not data:
                if not self._begun:
                    raise NotAnArchive("Not in GZIP format")
                if not self._zip.eof:
                    raise Truncated("Unexpected end of ZLIB input stream")
                return b""
            if self._zip.eof:
                if data[:2] != b"\x1f\x8b":
                    return b""       # padding behind the end
                self._zip = zlib.decompressobj(31)
            try:
                self._ready = self._zip.decompress(data, 4 * CHUNK)
            except zlib.error as error:
                if not self._begun:
                    raise NotAnArchive("Not in GZIP format") from None
                raise Truncated(str(error)) from None
            self._begun = True
            self._waiting = self._zip.unconsumed_tail or self._zip.unused_data
        part, self._ready = self._ready[:size], self._ready[size:]
        return part


class Entry:
    __slots__ = ("name", "size", "mtime", "mode", "group", "major")

    def __init__(self, name, block, size):
        self.name, self.size = name, size
        self.mode, self.mtime = _octal(block[100:108]), _octal(block[136:148])
        self.group = block[297:329].rstrip(b"\0").decode("latin-1")
        self.major = _octal(block[329:337])

    unread = property(lambda self: not self.mode & 0o200)


def _octal(field):
    if field[:1] in (b"\x80", b"\xff"):
        return int.from_bytes(field[1:], "big")
    text = field.split(b"\0")[0].strip()
    return int(text, 8) if text else 0


class Reader:
    """entries(): each Entry in turn; data(): the bytes of the one just given."""

    def __init__(self, stream):
        self._stream, self._left, self._pad, self._first = stream, 0, 0, True
        self._buffer, self._at = b"", 0

    def _take(self, size):
        """Exactly `size` bytes, or what there is before the end."""
        have = len(self._buffer) - self._at
        if have >= size:
            part = self._buffer[self._at:self._at + size]
            self._at += size
            return part
        parts = [self._buffer[self._at:]]
        self._buffer, self._at = b"", 0
        while have < size:
            more = self._stream.read(max(CHUNK, size - have))
            if not more:
                break
            parts.append(more)
            have += len(more)
        whole = b"".join(parts)
        self._buffer, self._at = whole, min(size, len(whole))
        return whole[:size]

    def data(self):
        body = self._take(self._left)
        if len(body) < self._left:
            raise Truncated("unexpected EOF with %d bytes unread" % (self._left - len(body)))
        self._left = 0
        self._skip()
        return body

    def _skip(self):
        while self._left:
            part = self._take(min(self._left, CHUNK))
            if not part:
                raise Truncated("unexpected EOF with %d bytes unread" % self._left)
            self._left -= len(part)
        if len(self._take(self._pad)) < self._pad:
            raise Truncated("unexpected EOF with %d bytes unread" % self._pad)
        self._pad = 0

    def entries(self):
        long_name = None
        while True:
            self._skip()
            block = self._take(BLOCK)
            if not block and not self._first:
                return
            if len(block) < BLOCK:
                if self._first:
                    raise NotAnArchive("not a tar archive")
                raise Truncated("unexpected EOF with %d bytes unread" % (BLOCK - len(block)))
            if not block.strip(b"\0"):
                self._drain()
                return
            size = self._checked(block)
            self._first = False
            self._left, self._pad = size, -size % BLOCK
            kind = block[156:157]
            if kind == b"L":
                if size > NAME_LIMIT:
                    raise Truncated("a name of %d bytes" % size)
                long_name = self.data().rstrip(b"\0").decode("utf-8", "replace")
                continue
            if kind in (b"x", b"g", b"K"):
                continue
            name = long_name if long_name is not None else \
                block[:100].split(b"\0")[0].decode("utf-8", "replace")
            long_name = None
            if kind in (b"0", b"\0", b"7"):
                yield Entry(name, block, size)

    def _checked(self, block):
        try:
            stored, size = _octal(block[148:156]), _octal(block[124:136])
        except ValueError:
            stored, size = -1, 0
        if stored != sum(block[:148]) + 256 + sum(block[156:]):
            if self._first:
                raise NotAnArchive("not a tar archive")
            raise Truncated("a tar header that is none")
        return size

    def _drain(self):
        """What follows the end: a sender must be able to finish sending."""
        try:
            while self._stream.read(CHUNK):
                pass
        except Truncated:
            pass
