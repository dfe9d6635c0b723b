# SPDX-License-Identifier: Apache-2.0
"""What FETCH and SEARCH may name: parts of a mail, tests of one."""

import time

from . import mime
from .imapparse import Bad, in_set
from .model import DELETED, DRAFT, FLAGGED, REPLIED

MACROS = {"FAST": ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]}
SEARCH_FLAGS = {"DELETED": DELETED, "DRAFT": DRAFT, "FLAGGED": FLAGGED, "ANSWERED": REPLIED}
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
KNOWN = {"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "BODY", "BODY.PEEK", "RFC822",
         "RFC822.HEADER", "RFC822.TEXT"}


class Part:
    """BODY[...]<...> as it was asked for."""

    def __init__(self, text):
        upper = text.upper()
        name, _, rest = upper.partition("[")
        if name not in ("BODY", "BODY.PEEK") and not name.startswith("RFC822"):
            raise Bad("not played here: %s" % text)
        self.section, _, partial = rest.rpartition("]")
        self.reads = name in ("BODY", "RFC822", "RFC822.TEXT")
        self.label = "BODY[%s]" % self.section
        if name.startswith("RFC822"):
            self.section, self.label = name[7:], name
        if self.section not in ("", "HEADER", "TEXT") and not self.section.startswith("HEADER.FIELDS"):
            raise Bad("not played here: %s" % text)
        self.start, self.count = 0, None
        if partial:
            try:
                self.start, self.count = map(int, partial.strip("<>").split("."))
            except ValueError:
                raise Bad("no partial: %s" % partial) from None
            self.label += "<%d>" % self.start

    def cut(self, raw):
        end = mime.head_length(raw)
        if self.section == "HEADER":
            raw = raw[:end]
        elif self.section == "TEXT":
            raw = raw[end:]
        elif self.section:
            raw = _fields(raw[:end], self.section)
        return raw[self.start:] if self.count is None else raw[self.start:self.start + self.count]


def _fields(head, section):
    names = section[section.find("("):].strip("() ").split()
    unwanted, found, keeping = ".NOT" in section, [], False
    for line in head.splitlines(True):
        if line[:1] not in (b" ", b"\t"):
            keeping = (line.partition(b":")[0].strip().upper().decode("latin-1") in names) != unwanted
        if keeping and line.strip():
            found.append(line)
    return b"".join(found) + b"\r\n"


def modifier(words, name):
    words = list(words)
    if not words:
        return None
    if len(words) != 2 or str(words[0]).upper() != name or not str(words[1]).isdigit():
        raise Bad("not played here: %s" % " ".join(map(str, words)))
    return int(words[1])


def search_test(words, last_uid, count):
    word = str(words.pop(0)).upper()
    if word == "ALL":
        return lambda n, item: True
    if word in ("SEEN", "UNSEEN"):
        return lambda n, item: item.unread == (word == "UNSEEN")
    name = word[2:] if word.startswith("UN") else word
    if name in SEARCH_FLAGS:
        return lambda n, item: bool(item.flags & SEARCH_FLAGS[name]) == (name == word)
    if word == "UID" and words:
        fits = in_set(words.pop(0), last_uid)
        return lambda n, item: fits(item.imap_id)
    if word == "MODSEQ" and words and words[0].isdigit():
        least = int(words.pop(0))
        return lambda n, item: item.modseq >= least
    if word[:1].isdigit() or word[:1] == "*":
        fits = in_set(word, count)
        return lambda n, item: fits(n)
    raise Bad("not played here: SEARCH %s" % word)


def imap_date(seconds):
    t = time.gmtime(seconds)
    return "%02d-%s-%d %02d:%02d:%02d +0000" % (t.tm_mday, MONTHS[t.tm_mon - 1], t.tm_year, t.tm_hour,
                                                t.tm_min, t.tm_sec)
