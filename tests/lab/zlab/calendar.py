# SPDX-License-Identifier: Apache-2.0
"""Appointments and tasks: invites, exceptions, replies; invitations by mail.

An item's metadata holds all that matters: {"uid", "invites": [{...}], "percent"}. Its blob is
a MIME text made of them and of the item's id, so it is another one in every mailbox.
"""

import calendar as clock
import json
import re
import time

from zlab import mime, model
from zlab.errors import MailError, invalid, no_such
from zlab.itempart import NO_TAGS, digest_of
from zlab.model import CALENDAR, TASKS, Item

VERBS = {"ACCEPT": "AC", "DECLINE": "DE", "TENTATIVE": "TE", "COMPLETED": "CO",
         "DELEGATED": "DG"}
PART_STATS = {"NEEDS-ACTION": "NE", "ACCEPTED": "AC", "DECLINED": "DE", "TENTATIVE": "TE",
              "DELEGATED": "DG", "COMPLETED": "CO", "IN-PROCESS": "IN"}
PART_NAMES = {short: name for name, short in PART_STATS.items()}


# --- iCalendar -----------------------------------------------------------------------------------

def ics_seconds(text):
    """20240701T100000Z or 20240701 in seconds; None if it is neither."""
    match = re.fullmatch(r"(\d{8})(?:T(\d{6})Z?)?", text.strip())
    if not match:
        return None
    return clock.timegm(time.strptime(match.group(1) + (match.group(2) or "000000"),
                                      "%Y%m%d%H%M%S"))


def ics_text(seconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def _unescaped(text):
    return re.sub(r"\\(.)", lambda m: "\n" if m.group(1) in "nN" else m.group(1), text)


def _escaped(text):
    return re.sub(r"([\\;,])", r"\\\1", text).replace("\n", "\\n")


def parse(text):
    """The invites of a calendar text, one per VEVENT or VTODO."""
    lines = re.sub(r"\r?\n[ \t]", "", text).replace("\r\n", "\n").split("\n")
    found, one, method, nested = [], None, "PUBLISH", 0
    for line in lines:
        name, _, value = _property(line)
        if name == "BEGIN" and value.upper() in ("VEVENT", "VTODO"):
            one = {"component": value.upper(), "attendees": [], "sequence": 0}
        elif name == "BEGIN" and one is not None:
            nested += 1
        elif name == "END" and nested:
            nested -= 1
        elif name == "END" and one is not None and value.upper() == one["component"]:
            found.append(one)
            one = None
        elif name == "METHOD":
            method = value.strip().upper()
        elif one is not None and not nested:
            _take(one, line)
    for one in found:
        one["method"] = method
        if not one.get("uid"):
            raise invalid("calendar text without UID")
    return found


def _property(line):
    match = re.match(r'([A-Za-z0-9-]+)((?:;[^":]*(?:"[^"]*")?[^":]*)*):(.*)$', line)
    if not match:
        return "", "", ""
    return match.group(1).upper(), match.group(2), match.group(3)


def _take(one, line):
    name, params, value = _property(line)
    keys = {"UID": "uid", "SUMMARY": "summary", "LOCATION": "location", "STATUS": "status",
            "DESCRIPTION": "description", "RRULE": "rrule"}
    times = {"DTSTART": "start", "DTEND": "end", "DUE": "due", "DTSTAMP": "dtstamp",
             "RECURRENCE-ID": "recurrence_id"}
    if name in keys:
        one[keys[name]] = _unescaped(value) if name != "RRULE" else value
    elif name in times:
        one[times[name]] = ics_seconds(value) if ics_seconds(value) is not None else value
    elif name == "SEQUENCE":
        one["sequence"] = int(value or 0)
    elif name == "PERCENT-COMPLETE":
        one["percent"] = int(value or 0)
    elif name == "ORGANIZER":
        one["organizer"] = re.sub("(?i)^mailto:", "", value)
    elif name == "ATTENDEE":
        stat = re.search(r"(?i)PARTSTAT=([A-Z-]+)", params)
        one["attendees"].append({
            "address": re.sub("(?i)^mailto:", "", value),
            "partStat": PART_STATS.get(stat.group(1).upper() if stat else "NEEDS-ACTION", "NE")})


def to_ics(invite):
    lines = ["BEGIN:VCALENDAR", "PRODID:Zimbra-Calendar-Provider", "VERSION:2.0",
             "METHOD:" + invite.get("method", "PUBLISH"), "BEGIN:" + invite["component"],
             "UID:" + invite["uid"], "SUMMARY:" + _escaped(invite.get("summary") or "")]
    for key, name in (("location", "LOCATION"), ("description", "DESCRIPTION"),
                      ("status", "STATUS")):
        if invite.get(key):
            lines.append("%s:%s" % (name, _escaped(invite[key])))
    if invite.get("organizer"):
        lines.append("ORGANIZER:mailto:" + invite["organizer"])
    for one in invite.get("attendees", []):
        lines.append("ATTENDEE;PARTSTAT=%s:mailto:%s" % (
            PART_NAMES.get(one["partStat"], "NEEDS-ACTION"), one["address"]))
    for key, name in (("start", "DTSTART"), ("end", "DTEND"), ("due", "DUE"),
                      ("dtstamp", "DTSTAMP"), ("recurrence_id", "RECURRENCE-ID")):
        if isinstance(invite.get(key), int):
            lines.append("%s:%s" % (name, ics_text(invite[key])))
    if invite.get("rrule"):
        lines.append("RRULE:" + invite["rrule"])
    if "percent" in invite:
        lines.append("PERCENT-COMPLETE:%d" % invite["percent"])
    lines += ["SEQUENCE:%d" % invite.get("sequence", 0), "END:" + invite["component"],
              "END:VCALENDAR", ""]
    return "\r\n".join(lines)


def blob_of(item_id, invites):
    """The MIME text of a calendar item."""
    mark = "=_calitem_%d" % item_id
    parts = ["Content-Type: multipart/digest; boundary=\"%s\"\r\n" % mark]
    for number, invite in enumerate(invites):
        parts.append("--%s\r\ninvId: %d\r\nContent-Type: text/calendar; charset=utf-8; "
                     "method=%s\r\n\r\n%s" % (mark, number, invite.get("method", "PUBLISH"),
                                              to_ics(invite)))
    return ("\r\n".join(parts) + "\r\n--%s--\r\n" % mark).encode("utf-8")


# --- the mailbox's part --------------------------------------------------------------------------

class CalendarPart:
    def calendar_item(self, uid):
        with self.lock, self.store.lock:
            row = self.db.execute(
                model.ITEM_SELECT + "WHERE mailbox_id=? AND type IN ('appointment','task') AND "
                "name=? ORDER BY id", (self.id, "uid:" + uid)).fetchone()
        return None if row is None else Item(row)

    def set_calendar(self, folder, invites, kind="appointment", tags=(), flags="", date=None,
                     replies=None, color=None, rgb=None, item=None):
        """Makes or sets again the item of the invites' UID: the series first, then exceptions."""
        if not invites:
            raise invalid("no invite")
        with self.changing() as changes:
            uid = invites[0]["uid"]
            meta = {"uid": uid, "invites": [_stored(i) for i in invites]}
            if kind == "task":
                meta["percent"] = invites[0].get("percent", 0)
            if replies:
                meta["replies"] = replies
            old = item if item is not None else self.calendar_item(uid)
            if old is not None:
                self._calendar_write(changes, old, meta)
                return self.item(old.id)
            folder = self.folder(folder)
            names = self._tag_names(changes, tags) if tags else []
            item_id = self.next_id()
            raw = blob_of(item_id, meta["invites"])
            self.check_quota(len(raw))
            path, pair = self._put_blob(changes, item_id, raw), (None, None)
            if color or rgb:
                pair = model.color_pair(color, rgb)
            self.insert(changes, item_id, kind, folder.id, folder.id, size=len(raw),
                        date=self.now() if date is None else date, digest=digest_of(raw),
                        path=path, name="uid:" + uid, subject=invites[0].get("summary"),
                        flags=model.flag_bits(flags) & ~model.UNREAD, color=pair[0], rgb=pair[1],
                        tags=json.dumps(names, ensure_ascii=False) if names else NO_TAGS,
                        meta=json.dumps(meta, ensure_ascii=False))
            self._grown(changes, len(raw))
            return self.item(item_id)

    def _calendar_write(self, changes, item, meta, **columns):
        raw = blob_of(item.id, meta["invites"])
        path = self._put_blob(changes, item.id, raw)
        if item.path and item.path != path:
            changes.doomed_blobs.append(item.path)
        self.update(changes, item.id, content=True, size=len(raw), blob_digest=digest_of(raw),
                    blob_path=path, subject=meta["invites"][0].get("summary"),
                    metadata=json.dumps(meta, ensure_ascii=False), **columns)
        self._grown(changes, len(raw) - item.size)

    def put_calendar_text(self, changes, item, raw):
        """Another blob for a calendar item: these bytes, as they are."""
        path = self._put_blob(changes, item.id, raw)
        self.update(changes, item.id, size=len(raw), blob_digest=digest_of(raw), blob_path=path)
        self._grown(changes, len(raw) - item.size)

    def add_exception(self, item_id, invite):
        with self.changing() as changes:
            item = self.item(item_id)
            meta = dict(item.meta)
            meta["invites"] = [i for i in meta["invites"]
                               if i.get("recurrence_id") != invite.get("recurrence_id")
                               or not invite.get("recurrence_id")] + [_stored(invite)]
            self._calendar_write(changes, item, meta)
            return self.item(item_id)

    def add_reply(self, item_id, who, part_stat, when):
        """An attendee's answer arrived."""
        with self.changing() as changes:
            item = self.item(item_id)
            meta = json.loads(json.dumps(item.meta))
            for invite in meta["invites"]:
                for one in invite.get("attendees", []):
                    if one["address"].lower() == who.lower():
                        one["partStat"] = part_stat
            meta["replies"] = [r for r in meta.get("replies", []) if r["who"] != who] + [
                {"who": who, "partStat": part_stat, "date": when}]
            self._calendar_write(changes, item, meta)
            return self.item(item_id)

    def process_calendar(self, changes, raw, attendee=None):
        """What a mail with a calendar part does to the calendar. Returns the calendar item's id
        for a request, else None; an invite that is there already is kept as it stands."""
        text = mime.calendar_part(raw)
        if text is None:
            return None
        try:
            invites = parse(text)
        except MailError:
            return None
        if not invites:
            return None
        first = invites[0]
        old = self.calendar_item(first["uid"])
        if first["method"] == "REPLY":
            if old is not None:
                for one in first["attendees"]:
                    self.add_reply(old.id, one["address"], one["partStat"],
                                   first.get("dtstamp", self.now()))
            return None
        if first["method"] == "CANCEL":
            if old is not None and not first.get("recurrence_id"):
                self._delete_items(changes, [old.id])
            return None
        if first["method"] != "REQUEST":
            return None
        if old is None:
            task = first["component"] == "VTODO"
            made = self.set_calendar(TASKS if task else CALENDAR, invites,
                                     "task" if task else "appointment")
            return made.id
        known = {i.get("recurrence_id"): i.get("sequence", 0) for i in old.meta["invites"]}
        for invite in invites:
            place = invite.get("recurrence_id")
            if place not in known and place is not None:
                self.add_exception(old.id, invite)
            elif place in known and invite["sequence"] > known[place]:
                kept = [i for i in old.meta["invites"] if i.get("recurrence_id") != place]
                meta = dict(old.meta, invites=[_stored(invite)] + kept)
                self._calendar_write(changes, old, meta)
        return old.id

    def invite_reply(self, message_id, verb, attendee):
        """The user answers an invitation; mail.NO_SUCH_CALITEM if the mail has no link."""
        with self.changing() as changes:
            item = self.item(message_id)
            if item.type in ("appointment", "task"):
                target = item
            else:
                number = item.meta.get("calItemId")
                if not number:
                    raise MailError("mail.NO_SUCH_CALITEM", "no such calendar item: %s"
                                    % message_id, itemId=str(message_id))
                try:
                    target = self.item(number)
                except MailError:
                    raise MailError("mail.NO_SUCH_CALITEM", "no such calendar item: %s"
                                    % number, itemId=str(number)) from None
                if not item.flags & model.REPLIED:
                    self.update(changes, item.id, flags=item.flags | model.REPLIED)
            stat = VERBS.get(verb.upper())
            if stat is None:
                raise invalid("unknown verb: " + verb)
            meta = json.loads(json.dumps(target.meta))
            for invite in meta["invites"]:
                for one in invite.get("attendees", []):
                    if one["address"].lower() == (attendee or "").lower():
                        one["partStat"] = stat
            self._calendar_write(changes, target, meta)
            return self.item(target.id)


def _stored(invite):
    """An invite without empty values: what was never there and what is empty are the same."""
    return {k: v for k, v in invite.items() if v not in (None, "", [])}


def check_kind(item):
    if item.type not in ("appointment", "task"):
        raise no_such("appointment", item.id)
    return item
