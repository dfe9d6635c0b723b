# SPDX-License-Identifier: Apache-2.0
"""The words of IMAP: a command's arguments, sets of numbers, names of folders, keywords of tags."""

import base64
import re

_LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")
_SPECIAL = ' ()"{'
LITERAL_MAX = 1 << 20
# What ImapFlagCache has by itself: a tag of such a name cannot be told from it.
OWN_KEYWORDS = frozenset(("$forwarded", "forwarded", "$mdnsent", "$junk", "junk", "junkrecorded",
                          "$notjunk", "notjunk", "nonjunk"))


class Bad(Exception):
    """The command is answered with BAD and this text."""


class Text(str):
    """A string that came quoted or as a literal."""


def read_command(wire):
    """One command: (tag, NAME, arguments), lists nested; literals are asked for."""
    parts = []
    while True:
        line = wire.line()
        match = _LITERAL.search(line)
        if not match:
            parts.append(line.decode("utf-8", "replace"))
            break
        parts.append(line[:match.start()].decode("utf-8", "replace"))
        if int(match.group(1)) > LITERAL_MAX:
            raise Bad("literal too long")
        if not match.group(2):
            wire.send("+ send literal data\r\n")
        parts.append(Text(wire.read(int(match.group(1))).decode("utf-8", "replace")))
    words = _words(parts)
    if len(words) < 2 or not all(isinstance(w, str) for w in words[:2]):
        raise Bad("no command")
    return words[0], words[1].upper(), words[2:]


def _words(parts):
    stack = [[]]
    for part in parts:
        if isinstance(part, Text):
            stack[-1].append(part)
            continue
        at = 0
        while at < len(part):
            char = part[at]
            if char == " ":
                at += 1
            elif char == "(":
                stack.append([])
                at += 1
            elif char == ")":
                if len(stack) == 1:
                    raise Bad("unexpected )")
                done = stack.pop()
                stack[-1].append(done)
                at += 1
            elif char == '"':
                text, at = _quoted(part, at + 1)
                stack[-1].append(text)
            else:
                word, at = _atom(part, at)
                stack[-1].append(word)
    if len(stack) > 1:
        raise Bad("a parenthesis is not closed")
    return stack[0]


def _quoted(text, at):
    chars = []
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            chars.append(text[at + 1])
            at += 2
        elif text[at] == '"':
            return Text("".join(chars)), at + 1
        else:
            chars.append(text[at])
            at += 1
    raise Bad("a quote is not closed")


def _atom(text, at):
    """With everything between brackets: BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.10>."""
    start, depth = at, 0
    while at < len(text) and (depth or text[at] not in _SPECIAL + ")"):
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        at += 1
    if at == start:
        raise Bad("unexpected %s" % text[at])
    return text[start:at], at


# --- sets --------------------------------------------------------------------------------------------

def in_set(text, last):
    """A test for the numbers of "1:4,7,9:*"; `last` is what * means."""
    ranges = []
    for part in str(text).split(","):
        ends = [last if end == "*" else int(end) if end.isdigit() else None
                for end in part.split(":")]
        if None in ends or not 1 <= len(ends) <= 2:
            raise Bad("no sequence set: %s" % text)
        ranges.append((min(ends), max(ends)))
    return lambda number: any(low <= number <= high for low, high in ranges)


def as_set(numbers):
    return ",".join(map(str, numbers))


# --- names -------------------------------------------------------------------------------------------

def to_utf7(name):
    """Modified UTF-7 (RFC 3501 5.1.3)."""
    found, run = [], ""
    for char in name + "\0":
        if char == "\0" or " " <= char <= "~":
            if run:
                packed = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=")
                found.append("&%s-" % packed.replace("/", ","))
                run = ""
            found.append("&-" if char == "&" else char)
        else:
            run += char
    return "".join(found)[:-1]


def from_utf7(name):
    def unpack(match):
        packed = match.group(1).replace(",", "/")
        if not packed:
            return "&"
        return base64.b64decode(packed + "=" * (-len(packed) % 4)).decode("utf-16-be")
    try:
        return re.sub(r"&([^-]*)-", unpack, name)
    except ValueError:
        raise Bad("no folder name: %s" % name) from None


def folder_name(path):
    """/Inbox/x as IMAP has it: INBOX/x."""
    name = path.lstrip("/")
    head, slash, rest = name.partition("/")
    return ("INBOX" if head.lower() == "inbox" else head) + slash + rest


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def name_test(pattern):
    """A test for the names that a pattern of LIST means."""
    text = "".join({"*": ".*", "%": "[^/]*"}.get(c) or re.escape(c) for c in pattern)
    return lambda name: re.fullmatch(text, name, re.I | re.S) is not None


def keyword(name, tag_id):
    """A tag as a keyword: with the tag's number if its name is no atom (identity 3.5)."""
    kept = "".join(c for i, c in enumerate(name)
                   if " " < c < "\x7f" and c not in '(){%*"]' and (i == 0 or c != "\\"))
    # 64: where Zimbra's numbers of tags once began (ImapFlagCache).
    return kept if kept == name else "%s:FLAG%d" % (kept, tag_id - 64)
