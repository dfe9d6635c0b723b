# SPDX-License-Identifier: Apache-2.0
"""Zimbra's query language, as much of it as is evaluated in the database; made into SQL.

Words: in: inid: under: is: item:{..} modseq: subject: from: tag: before: after: date: larger:
smaller: has:attachment; AND (or nothing), OR, NOT or -, parentheses. Plain words match subjects.
"""

import calendar
import re
import time

from zlab import model
from zlab.errors import MailError
from zlab.model import ITEM_SELECT, JUNK, TRASH, Item

_TOKEN = re.compile(r'\s*(?:(\()|(\))|(-(?=\S)|NOT\b|!)|(OR\b|\|\|)|(AND\b|&&)|'
                    r'([A-Za-z_]+):\s*(\{[^}]*\}|"(?:[^"\\]|\\.)*"|\([^)]*\)|[^\s()]+)|'
                    r'("(?:[^"\\]|\\.)*"|[^\s()]+))', re.I)
IS_FLAGS = {"flagged": model.FLAGGED, "replied": model.REPLIED, "forwarded": model.FORWARDED,
            "draft": model.DRAFT, "sent": model.FROM_ME, "fromme": model.FROM_ME,
            "invite": model.INVITE}


class Query:
    """One parsed query of one mailbox: `sql` and its `values`, and what it says of folders."""

    def __init__(self, mailbox, text):
        self.mailbox, self.values = mailbox, []
        self.anywhere = self.names_trash = self.names_junk = False
        self.remote = None        # a mountpoint that the query names
        self._tokens, self._at = self._split(text), 0
        self.sql = self._or() if self._tokens else "1"
        if self._at != len(self._tokens):
            raise self._error("unexpected )")

    @staticmethod
    def _error(text):
        return MailError("mail.QUERY_PARSE_ERROR", "Couldn't parse query: " + text)

    def _split(self, text):
        tokens, at = [], 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if not match:
                raise self._error(text)
            tokens.append(match)
            at = match.end()
        return tokens

    def _peek(self, group):
        return self._at < len(self._tokens) and self._tokens[self._at].group(group)

    def _or(self):
        parts = [self._and()]
        while self._peek(4):
            self._at += 1
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else "(%s)" % " OR ".join(parts)

    def _and(self):
        parts = [self._not()]
        while self._at < len(self._tokens) and not self._peek(4) and not self._peek(2):
            if self._peek(5):
                self._at += 1
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else "(%s)" % " AND ".join(parts)

    def _not(self):
        if self._peek(3):
            self._at += 1
            return "(NOT %s)" % self._not()
        if self._peek(1):
            self._at += 1
            inner = self._or()
            if not self._peek(2):
                raise self._error("missing )")
            self._at += 1
            return "(%s)" % inner
        if self._at >= len(self._tokens):
            raise self._error("ends too early")
        token = self._tokens[self._at]
        self._at += 1
        if token.group(6):
            return self._field(token.group(6).lower(), _unquoted(token.group(7)))
        if not token.group(8):
            raise self._error("unexpected " + token.group(0).strip())
        return self._like("subject", _unquoted(token.group(8)))

    # -- words --

    def _put(self, sql, *values):
        self.values += values
        return sql

    def _like(self, column, text):
        return self._put("instr(lower(coalesce(%s,'')), ?)" % column, text.lower().strip("*"))

    def _field(self, name, value):
        make = getattr(self, "_is_" + name, None)
        if make is None:
            raise self._error("%s:%s" % (name, value))
        return make(value)

    def _is_is(self, value):
        value = value.lower()
        if value == "anywhere":
            self.anywhere = True
            return "1"
        if value == "local":
            return "1"
        if value in ("unread", "read"):
            return "unread=%d" % (value == "unread")
        if value == "unflagged":
            return "(flags & %d)=0" % model.FLAGGED
        if value in IS_FLAGS:
            return "(flags & %d)<>0" % IS_FLAGS[value]
        raise self._error("is:" + value)

    def _is_in(self, value):
        return self._folder(self.mailbox.folder_by_path(value), value, False)

    def _is_under(self, value):
        return self._folder(self.mailbox.folder_by_path(value), value, True)

    def _is_inid(self, value):
        text = value.rpartition(":")[2]
        if ":" in value and value.partition(":")[0] != self.mailbox.account_id:
            return "0"
        found = self.mailbox.folders_by_id.get(int(text)) if text.isdigit() else None
        return self._folder(found, value, False)

    def _is_underid(self, value):
        found = self.mailbox.folders_by_id.get(int(value)) if value.isdigit() else None
        return self._folder(found, value, True)

    def _folder(self, folder, value, below):
        if folder is None:
            link = self.mailbox.find_remote(value)[0]
            if link is not None:
                self.remote = link
            return "0"
        if folder.type == "link":
            self.remote = folder
            return "0"
        if folder.type == "search":
            inner = Query(self.mailbox, folder.query)
            self.values += inner.values
            return inner.sql
        ids = [f.id for f in (folder.below() if below else [folder])]
        self.names_trash |= bool(set(ids) & _ids_below(self.mailbox, TRASH))
        self.names_junk |= JUNK in ids
        return "folder_id IN (%s)" % ",".join(map(str, ids))

    def _is_item(self, value):
        parts = []
        for one in value.strip("{}").replace(" ", "").split(","):
            low, dashes, high = one.partition("--")
            low = low.rpartition(":")[2]
            if one in ("all", "none"):
                parts.append("1" if one == "all" else "0")
            elif dashes and low.isdigit() and high.isdigit():
                parts.append("id BETWEEN %d AND %d" % (int(low), int(high)))
            elif low.isdigit():
                parts.append("id=%d" % int(low))
            else:
                raise self._error("item:" + value)
        return "(%s)" % " OR ".join(parts)

    def _is_modseq(self, value):
        return self._number("mod_metadata", value, "modseq")

    def _number(self, column, value, name):
        match = re.fullmatch(r"(<=|>=|<|>|=)?(\d+)", value)
        if not match:
            raise self._error("%s:%s" % (name, value))
        return "%s%s%d" % (column, match.group(1) or "=", int(match.group(2)))

    def _is_subject(self, value):
        return self._like("subject", value)

    def _is_from(self, value):
        return self._like("json_extract(metadata, '$.sender')", value)

    def _is_content(self, value):
        return self._like("subject", value)

    def _is_tag(self, value):
        return self._put("instr(lower(tags), ?)", '"%s"' % value.lower())

    def _is_has(self, value):
        return "(flags & %d)<>0" % model.ATTACHED if value == "attachment" else "0"

    def _is_larger(self, value):
        return "size>%d" % _bytes(value)

    def _is_smaller(self, value):
        return "size<%d" % _bytes(value)

    def _is_after(self, value):
        return "date>%d" % (self._date(value) if "/" not in value
                            else self._date(value) + 86399)

    def _is_before(self, value):
        return "date<%d" % self._date(value)

    def _is_date(self, value):
        start = self._date(value.lstrip("<>="))
        if value[:1] in "<>":
            return "date%s%d" % (value[0], start)
        return "date BETWEEN %d AND %d" % (start, start + 86399)

    def _date(self, value):
        """Milliseconds, or month/day/year."""
        if value.isdigit():
            return int(value) // 1000
        for shape in ("%m/%d/%Y", "%m/%d/%y", "%Y/%m/%d"):
            try:
                return calendar.timegm(time.strptime(value, shape))
            except ValueError:
                pass
        raise self._error("date " + value)

    def where(self, include_trash, include_junk):
        """The whole condition, Trash and Junk left out where they must be."""
        hidden = set()
        if not self.anywhere and not (include_trash or self.names_trash):
            hidden |= _ids_below(self.mailbox, TRASH)
        if not self.anywhere and not (include_junk or self.names_junk):
            hidden.add(JUNK)
        if not hidden:
            return self.sql
        return "(%s) AND folder_id NOT IN (%s)" % (self.sql, ",".join(map(str, sorted(hidden))))


def _ids_below(mailbox, folder_id):
    return {f.id for f in mailbox.folders_by_id[folder_id].below()}


def _unquoted(text):
    if len(text) > 1 and text[0] == '"' and text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if len(text) > 1 and text[0] == "(" and text[-1] == ")":
        return text[1:-1].strip()
    return text


def _bytes(value):
    match = re.fullmatch(r"(?i)(\d+)\s*(kb?|mb?)?", value)
    if not match:
        return 0
    unit = (match.group(2) or " ").lower()[0]
    return int(match.group(1)) * {"k": 1024, "m": 1024 * 1024}.get(unit, 1)


class SearchPart:
    def query(self, text):
        with self.lock:
            return Query(self, text or "")

    def query_remote(self, text):
        """The mountpoint that a query names, or None."""
        return self.query(text).remote

    def search(self, text, types=("message",), include_trash=False, include_junk=False,
               limit=None, offset=0):
        """Items, newest first."""
        with self.lock:
            query = Query(self, text or "")
            sql = ITEM_SELECT + "WHERE mailbox_id=? AND type IN (%s) AND %s ORDER BY date DESC, " \
                "id DESC LIMIT ? OFFSET ?" % (",".join("'%s'" % t for t in types
                                                       if t in model.TYPES),
                                              "(%s)" % query.where(include_trash, include_junk))
            with self.store.lock:
                return [Item(r) for r in self.db.execute(
                    sql, (self.id, *query.values, -1 if limit is None else limit, offset))]
