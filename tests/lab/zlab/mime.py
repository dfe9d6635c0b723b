# SPDX-License-Identifier: Apache-2.0
"""What the store has to know of a mail: a few headers, line lengths, what AddMsg does to it."""

import base64
import email.header
import re

LINE_MAX = 10240
_BARE_LF = re.compile(rb"(?<!\r)\n")
_ENDS = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")
_ATTACHED = re.compile(rb"^content-disposition:[ \t]*attachment", re.I | re.M)
_REPLY = re.compile(r"^(?:(?:re|aw|fw|fwd|wg)(?:\[\d+\])?:\s*)+", re.I)
_IDS = re.compile(r"<[^<>\s]+>")
_ADDRESS = re.compile(r"<([^<>]+)>")


def head_length(raw):
    """Where the headers end, their blank line included."""
    if raw[:2] == b"\r\n":
        return 2
    if raw[:1] == b"\n":
        return 1
    match = _ENDS.search(raw)
    return match.end() if match else len(raw)


class Headers:
    """The headers of a raw message, decoded; the first of each name counts."""

    def __init__(self, raw):
        self._lines = {}
        head = _FOLD.sub(b" ", raw[:head_length(raw)])
        for line in head.split(b"\n"):
            name, colon, value = line.partition(b":")
            if colon:
                self._lines.setdefault(name.strip().lower(), value.strip())

    def raw(self, name):
        return self._lines.get(name.lower().encode(), b"")

    def get(self, name, default=""):
        value = self._lines.get(name.lower().encode())
        return default if value is None else decoded(value)

    def __contains__(self, name):
        return name.lower().encode() in self._lines


def decoded(value):
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if "=?" not in text:
        return text
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except (ValueError, LookupError):
        return text


def subject(raw):
    return Headers(raw).get("Subject")


def sender(raw):
    return Headers(raw).get("From")


def address(text):
    """The bare address of "Name <address>"."""
    match = _ADDRESS.search(text)
    return (match.group(1) if match else text).strip()


def base_subject(text):
    """(the subject without Re: and the like, whether there was any)."""
    base = _REPLY.sub("", text).strip()
    return base, base != text.strip()


def message_ids(text):
    return _IDS.findall(text)


def has_attachment(raw):
    return b"ttachment" in raw and bool(_ATTACHED.search(raw.replace(b"\r", b"")))


def has_long_line(raw, most=LINE_MAX):
    if len(raw) <= most:
        return False
    start = 0
    while len(raw) - start > most:
        end = raw.rfind(b"\n", start, start + most + 1)
        if end < 0:
            following = raw.find(b"\n", start)
            length = (len(raw) if following < 0 else following) - start
            if raw[start + length - 1:start + length] == b"\r":
                length -= 1
            return length > most
        start = end + 1
    return False


def fragment(raw, most=140):
    body = raw[head_length(raw):head_length(raw) + 2000].decode("utf-8", "replace")
    return " ".join(body.split())[:most]


def calendar_part(raw):
    """The text of a calendar part, or None. Knows 7bit, 8bit and base64."""
    if b"BEGIN:VCALENDAR" in raw:
        start = raw.index(b"BEGIN:VCALENDAR")
        end = raw.find(b"END:VCALENDAR", start)
        return None if end < 0 else raw[start:end + 13].decode("utf-8", "replace")
    match = re.search(rb"text/calendar.*?\r?\n\r?\n([A-Za-z0-9+/=\r\n]+)", raw, re.S)
    if match and b"base64" in match.group(0)[:800].lower():
        try:
            text = base64.b64decode(match.group(1)).decode("utf-8", "replace")
        except ValueError:
            return None
        return text if "BEGIN:VCALENDAR" in text else None
    return None


# --- AddMsg --------------------------------------------------------------------------------------

def addmsg_inline(text, crlf=True, headers=True):
    """What AddMsg stores of the text of <content>, as an XML parser gave it (live-preseed 5)."""
    raw = text.encode("utf-8")
    if crlf:
        raw = _BARE_LF.sub(b"\r\n", raw)
    return _headers_rewritten(raw) if headers else raw


def addmsg_upload(raw, crlf=True, headers=True):
    """The same of an upload: only a mail without any CR is changed."""
    if crlf and b"\r" not in raw:
        raw = raw.replace(b"\n", b"\r\n")
    return _headers_rewritten(raw) if headers else raw


def _headers_rewritten(raw):
    """JavaMail writes such headers anew: 8-bit ones encoded, and none at all is not left so."""
    length = head_length(raw)
    head = raw[:length]
    if not _HEADER.match(head):
        return b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" + raw.lstrip(b"\r\n")
    if head.isascii():
        return raw
    lines = []
    for line in head.split(b"\n"):
        if not line.isascii():
            name, colon, value = line.partition(b":")
            end = b"\r" if value.endswith(b"\r") else b""
            try:
                word = email.header.Header(decoded(value.strip()), "utf-8", 900).encode()
            except UnicodeError:
                word = "?"
            line = name + colon + b" " + word.encode("ascii", "replace") + end
        lines.append(line)
    return b"\n".join(lines) + raw[length:]
