# SPDX-License-Identifier: Apache-2.0
"""The words of the store: types, flags, colours, system folders; folders, tags and items as
objects. See mailbox.py for what is done with them.
"""

import functools
import json
import re

from zlab.errors import MailError

# MailItem.Type by name, as in archives; tar group names are the same names.
TYPES = {"folder": 1, "search": 2, "tag": 3, "conversation": 4, "message": 5, "contact": 6,
         "document": 8, "note": 9, "appointment": 11, "link": 13, "task": 15, "chat": 16}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
TYPE_NAMES[14] = "document"      # wiki
# What other texts call them: SOAP's types= and archives' types=.
TYPE_WORDS = {"searchfolder": "search", "mountpoint": "link", "wiki": "document",
              "mail": "message", "appt": "appointment"}
FOLDERS = ("folder", "search", "link")
# Names of the lists in a Sync answer.
SYNC_NAMES = {"message": "m", "contact": "c", "appointment": "appt", "task": "task",
              "document": "doc", "note": "notes", "chat": "chat"}

ROOT, INBOX, TRASH, JUNK, SENT, DRAFTS, CONTACTS = 1, 2, 3, 4, 5, 6, 7
TAGS_ROOT, CONVERSATIONS, CALENDAR, HIDDEN_ROOT, EMAILED = 8, 9, 10, 11, 13
CHATS, TASKS, BRIEFCASE, COMMENTS = 14, 15, 16, 17
FIRST_USER_ID = 256      # the counter of a fresh mailbox; the first id given is one more

# id, parent, name, view, flags
SYSTEM_FOLDERS = (
    (ROOT, HIDDEN_ROOT, "USER_ROOT", "", ""), (INBOX, ROOT, "Inbox", "message", ""),
    (TRASH, ROOT, "Trash", "", ""), (JUNK, ROOT, "Junk", "message", ""),
    (SENT, ROOT, "Sent", "message", ""), (DRAFTS, ROOT, "Drafts", "message", ""),
    (CONTACTS, ROOT, "Contacts", "contact", ""), (TAGS_ROOT, HIDDEN_ROOT, "Tags", "tag", ""),
    (CONVERSATIONS, HIDDEN_ROOT, "Conversations", "conversation", ""),
    (CALENDAR, ROOT, "Calendar", "appointment", "#"), (HIDDEN_ROOT, HIDDEN_ROOT, "ROOT", "", ""),
    (EMAILED, ROOT, "Emailed Contacts", "contact", ""), (CHATS, ROOT, "Chats", "message", ""),
    (TASKS, ROOT, "Tasks", "task", "#"), (BRIEFCASE, ROOT, "Briefcase", "document", ""),
    (COMMENTS, HIDDEN_ROOT, "Comments", "comment", ""))

# --- flags ---------------------------------------------------------------------------------------

FLAGS = {"s": 1, "a": 2, "r": 4, "w": 8, "2": 16, "f": 32, "d": 64, "x": 128, "n": 256, "u": 512,
         "!": 1024, "?": 2048, "/": 4096, "@": 8192, "p": 16384, "t": 32768, "+": 65536,
         "^": 1 << 17, "(": 1 << 18, "*": 1 << 20, "b": 1 << 21, "#": 1 << 22, "v": 1 << 23,
         "i": 1 << 24, "~": 1 << 25, "o": 1 << 26}
FROM_ME, ATTACHED, REPLIED, FORWARDED = FLAGS["s"], FLAGS["a"], FLAGS["r"], FLAGS["w"]
FLAGGED, DRAFT, DELETED, UNREAD = FLAGS["f"], FLAGS["d"], FLAGS["x"], FLAGS["u"]
VERSIONED, CHECKED, INVITE, EXCLUDED = FLAGS["/"], FLAGS["#"], FLAGS["v"], FLAGS["b"]
# What a client may not set by f=: it follows from the content.
COMPUTED = ATTACHED | INVITE | VERSIONED


def flag_bits(text):
    bits = 0
    for char in text or "":
        bits |= FLAGS.get(char, 0)
    return bits


@functools.lru_cache(4096)
def flag_string(bits):
    return "".join(char for char, bit in FLAGS.items() if bits & bit)


# --- colours -------------------------------------------------------------------------------------

STANDARD = ("#000000", "#5b9bf2", "#43eded", "#6acb9e", "#ba86e5", "#f66666", "#f8fa33",
            "#fe98d3", "#bebebe", "#fdbc55")
ORANGE = 9
_RGB = re.compile(r"#[0-9a-fA-F]{6}")


def mapped_color(rgb):
    """What an archive makes of an RGB colour."""
    return STANDARD.index(rgb.lower()) if rgb.lower() in STANDARD else ORANGE


def color_pair(color, rgb):
    """(color, rgb) to be stored: one of them or none."""
    if rgb:
        if not _RGB.fullmatch(rgb):
            raise MailError("service.INVALID_REQUEST", "invalid request: rgb %s" % rgb)
        return None, rgb.lower()
    return (int(color) or None) if color not in (None, "") else None, None


# --- names ---------------------------------------------------------------------------------------

def checked_name(name, kind="folder"):
    """The name as stored; MailError for what Zimbra refuses."""
    bad = ':/"' if kind != "tag" else ':\\'
    stored = name.rstrip() if isinstance(name, str) else ""
    if not stored.strip() or stored in (".", "..") or len(stored) > 128 or \
            any(c in bad or (c < " ") or c > "\uffff" for c in stored):
        raise MailError("mail.INVALID_NAME", "invalid name: %s" % name, name=str(name))
    return stored


def split_tags(text):
    """TagNames of an archive: colon-separated, backslash escapes."""
    names, one, chars = [], [], iter(text or "")
    for char in chars:
        if char == "\\":
            one.append(next(chars, ""))
        elif char == ":":
            names.append("".join(one))
            one = []
        else:
            one.append(char)
    names.append("".join(one))
    return [n for n in names if n]


def listed_tags(text):
    """The names of a tn= (TagUtil.decodeTags): separated by commas, backslash escapes."""
    names, one, chars = [], [], iter(text or "")
    for char in chars:
        if char == "\\":
            one.append(next(chars, ""))
        elif char == ",":
            names.append("".join(one))
            one = []
        else:
            one.append(char)
    names.append("".join(one))
    return [n.strip() for n in names if n.strip()]


def join_tags(names):
    return ":".join(n.replace("\\", "\\\\").replace(":", "\\:") for n in names)


# --- objects -------------------------------------------------------------------------------------

class Folder:
    """A folder, search folder or mountpoint; lives as long as its mailbox is cached."""

    __slots__ = ("id", "type", "parent_id", "name", "flags", "color", "rgb", "meta", "rev",
                 "modseq", "uuid", "imap_id", "date", "change_date", "children", "mailbox")

    def __init__(self, mailbox, row):
        self.mailbox, self.children = mailbox, []
        self.id, self.type, self.parent_id = row["id"], row["type"], row["folder_id"]
        self.name, self.flags = row["name"], row["flags"]
        self.color, self.rgb = row["color"], row["rgb"]
        self.meta = json.loads(row["metadata"] or "{}")
        self.rev, self.modseq, self.uuid = row["mod_content"], row["mod_metadata"], row["uuid"]
        self.imap_id, self.date, self.change_date = (row["imap_id"], row["date"],
                                                     row["change_date"])

    view = property(lambda self: self.meta.get("view", ""))
    url = property(lambda self: self.meta.get("url"))
    query = property(lambda self: self.meta.get("query"))
    types = property(lambda self: self.meta.get("types", ""))
    sort_by = property(lambda self: self.meta.get("sort", ""))
    owner = property(lambda self: self.meta.get("owner"))
    remote_id = property(lambda self: self.meta.get("remote_id"))
    remote_uuid = property(lambda self: self.meta.get("remoteUuid"))
    reminder = property(lambda self: bool(self.meta.get("reminder")))
    grants = property(lambda self: self.meta.get("grants", []))
    retention = property(lambda self: self.meta.get("retention", []))
    offline_days = property(lambda self: self.meta.get("offlineDays", 0))
    no_activesync = property(lambda self: bool(self.meta.get("noActiveSync")))
    flag_string = property(lambda self: flag_string(self.flags))
    is_system = property(lambda self: self.id <= FIRST_USER_ID)

    def below(self):
        """Itself and everything under it, parents first."""
        yield self
        for child in self.children:
            yield from child.below()

    def __repr__(self):
        return "<%s %d %s>" % (self.type, self.id, self.name)


class Tag:
    __slots__ = ("id", "name", "color", "rgb", "modseq", "rev", "uuid", "meta", "date",
                 "change_date", "imap_id", "flags")
    type, parent_id, folder_id = "tag", TAGS_ROOT, TAGS_ROOT

    def __init__(self, row):
        self.id, self.name, self.color, self.rgb = row["id"], row["name"], row["color"], row["rgb"]
        self.modseq, self.rev, self.uuid = row["mod_metadata"], row["mod_content"], row["uuid"]
        self.meta = json.loads(row["metadata"] or "{}")
        self.date, self.change_date = row["date"], row["change_date"]
        self.imap_id, self.flags = row["imap_id"], row["flags"]

    retention = property(lambda self: self.meta.get("retention", []))


ITEM_COLUMNS = ("id", "type", "parent_id", "folder_id", "imap_id", "date", "size", "blob_digest",
                "blob_path", "unread", "flags", "name", "subject", "tags", "color", "rgb",
                "metadata", "mod_metadata", "mod_content", "change_date", "uuid")
ITEM_SELECT = "SELECT " + ", ".join(ITEM_COLUMNS) + " FROM item "


@functools.lru_cache(4096)
def _tags_of(text):
    return tuple(json.loads(text))


class Item:
    """A row of the item table, as it was when it was read."""

    __slots__ = ("id", "type", "parent_id", "folder_id", "imap_id", "date", "size", "digest",
                 "path", "unread", "flags", "name", "subject", "_tags", "color", "rgb", "_meta",
                 "modseq", "mod_content", "change_date", "uuid")

    def __init__(self, row):
        (self.id, self.type, self.parent_id, self.folder_id, self.imap_id, self.date, self.size,
         self.digest, self.path, unread, self.flags, self.name, self.subject, self._tags,
         self.color, self.rgb, self._meta, self.modseq, self.mod_content, self.change_date,
         self.uuid) = row
        self.unread = bool(unread)

    @property
    def tags(self):
        if isinstance(self._tags, str):
            self._tags = list(_tags_of(self._tags)) if self._tags != "[]" else []
        return self._tags

    @property
    def meta(self):
        if isinstance(self._meta, str):
            self._meta = json.loads(self._meta)
        return self._meta

    sender = property(lambda self: self.meta.get("sender", ""))

    @property
    def flag_string(self):
        bits = self.flags | (UNREAD if self.unread else 0)
        return flag_string(bits) if bits else ""

    def __repr__(self):
        return "<%s %d>" % (self.type, self.id)
