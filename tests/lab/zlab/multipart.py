# SPDX-License-Identifier: Apache-2.0
"""The one file of a multipart/form-data body, as it comes: what zmmailbox posts (zimbra 8.2)."""

import re

from .errors import MailError

CHUNK = 65536
HEAD_MAX = 8192


def boundary_of(content_type):
    """None if it is no multipart body."""
    kind, _, rest = (content_type or "").partition(";")
    if kind.strip().lower() != "multipart/form-data":
        return None
    match = re.search(r'boundary="?([^";\s]+)', rest)
    return match.group(1).encode("latin-1") if match else None


class FilePart:
    """read(n) of the body's first part; b"" at its end, what follows is left alone."""

    def __init__(self, stream, boundary):
        self.stream, self.end = stream, b"\r\n--" + boundary
        self._buffer, self._begun, self._done = b"", False, False

    def _more(self):
        data = self.stream.read(CHUNK)
        if not data:
            raise MailError("service.INVALID_REQUEST", "the multipart body ended early", True)
        self._buffer += data

    def _begin(self):
        while b"\r\n\r\n" not in self._buffer and len(self._buffer) < HEAD_MAX:
            self._more()
        self._buffer = self._buffer.partition(b"\r\n\r\n")[2]
        self._begun = True

    def read(self, n=CHUNK):
        if not self._begun:
            self._begin()
        while not self._done:
            at = self._buffer.find(self.end)
            if at >= 0:
                self._buffer, self._done = self._buffer[:at], True
            elif len(self._buffer) > len(self.end):
                break
            else:
                self._more()
        ready = len(self._buffer) if self._done else len(self._buffer) - len(self.end)
        ready = ready if n is None or n < 0 else min(n, ready)
        data, self._buffer = self._buffer[:ready], self._buffer[ready:]
        return data
