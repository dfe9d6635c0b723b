# SPDX-License-Identifier: Apache-2.0
"""Reads and writes Zimbra's archives: tar headers with an item's type in the group name and
in the device number, `.meta` entries before their items. Shares no code with the lab's own.
"""

import gzip
import io
import json
import tarfile

TYPES = {"folder": 1, "search": 2, "tag": 3, "conversation": 4, "message": 5, "contact": 6,
         "document": 8, "appointment": 11, "link": 13, "task": 15, "chat": 16}


class Entry:
    """One item: its name, its `.meta` as a dict (or None), its bytes (None: meta only)."""

    def __init__(self, name, meta, data, header):
        self.name, self.meta, self.data, self.header = name, meta, data, header

    def __repr__(self):
        return "<%s>" % self.name

    @property
    def id(self):
        return int(self.meta["id"])

    @property
    def type(self):
        return self.header.devmajor

    def copy(self, **changes):
        """The same entry with other meta values."""
        return Entry(self.name, {**self.meta, **changes}, self.data, self.header)


def members(data):
    """Every tar member in order: [(TarInfo, bytes)]."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        return [(info, tar.extractfile(info).read()) for info in tar]


def read(data):
    """The entries of an archive, metas joined to their items. Empty data (204) is no entry."""
    found, open_meta = [], None
    for info, body in members(data) if data else []:
        if info.name.endswith(".meta"):
            open_meta = Entry(info.name[:-5], json.loads(body), None, info)
            found.append(open_meta)
        elif open_meta and open_meta.name == info.name and open_meta.data is None:
            open_meta.data, open_meta.header = body, info
        else:
            found.append(Entry(info.name, None, body, info))
    return found


def _header(name, size, info, kind=b"0"):
    field = lambda text, width: text.encode()[:width].ljust(width, b"\0")
    octal = lambda value, width: b"%0*o\0" % (width - 1, value)
    head = b"".join((
        name[:100].ljust(100, b"\0"), octal(info.mode, 8), octal(0, 8), octal(0, 8),
        octal(size, 12), octal(int(info.mtime), 12), b" " * 8, kind, b"\0" * 100,
        b"ustar  \0", field(info.uname, 32), field(info.gname, 32),
        octal(info.devmajor, 8), octal(info.devminor, 8), b"\0" * 167))
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def _member(name, body, info):
    raw = name.encode("utf-8")
    parts = []
    if len(raw) >= 100:
        parts += [_header(b"././@LongLink", len(raw) + 1, info, b"L"), _padded(raw + b"\0")]
    parts += [_header(raw, len(body), info), _padded(body)]
    return b"".join(parts)


def _padded(body):
    return body + b"\0" * (-len(body) % 512)


def write(entries, pack=True):
    """An archive of the entries: tgz, or tar with pack=False."""
    parts = []
    for entry in entries:
        if entry.meta is not None:
            meta = json.dumps(entry.meta).encode("utf-8")
            parts.append(_member(entry.name + ".meta", meta, entry.header))
        if entry.data is not None:
            parts.append(_member(entry.name, entry.data, entry.header))
    tar = b"".join(parts) + b"\0" * 1024
    return gzip.compress(tar, 1) if pack else tar


def moved(entry, old, new):
    """The entry with the folder part of its Path changed; the form of Path is kept."""
    path = entry.meta["Path"]
    slash = "/" if path.startswith("/") else ""
    rest = path.strip("/")[len(old):]
    tail = "/" if path.endswith("/") else ""
    changed = entry.copy(Path=slash + new + rest + tail)
    changed.name = new + entry.name[len(old):]
    return changed
