# SPDX-License-Identifier: Apache-2.0
"""An archive's .meta entries (ItemData): items to them, and them to what an import needs."""

import json

from zlab import bencode, model
from zlab.model import TYPES, UNREAD

VERSION = 10
_quoted = json.encoder.encode_basestring
_ITEM = ('{"id":%d,"uuid":"%s","type":%d,"parent_id":%d,"folder_id":%d,"index_id":0,"imap_id":%d,'
         '"date":%d,"size":%d,"volume_id":0,"blob_digest":%s,"unread":%d,"flags":%d,"subject":%s,'
         '"name":%s,"metadata":%s,"mod_metadata":%d,"change_date":%d,"mod_content":%d,"sender":%s,'
         '"ExtraStr":"%s","FlagStr":"%s","Path":%s,"TagStr":"","TagNames":%s,"Ver":%d}')
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


# --- out -----------------------------------------------------------------------------------------

def item_meta(item, path):
    """The .meta of an item as text: JSON, put together by hand, for there are thousands."""
    tags = item.tags
    message = item.type == "message"
    return _ITEM % (
        item.id, item.uuid, TYPES[item.type], item.parent_id or 0, item.folder_id,
        item.imap_id or 0, item.date, item.size, _quoted(item.digest or ""),
        1 if item.unread else 0, item.flags, _quoted(item.subject or ""),
        _quoted(item.name) if item.type == "document" else '""', _quoted(_item_metadata(item)),
        item.modseq, item.change_date, item.mod_content,
        _quoted(item.sender) if message else '""', _extra(item), item.flag_string,
        _quoted(path), _quoted(model.join_tags(tags)) if tags else '""', VERSION)


def _extra(item):
    if item.type == "message" and item.meta.get("calItemId"):
        return "calendar=%d-0;" % item.meta["calItemId"]
    return ""


def _color(thing):
    """A standard colour by number, another one as 0x1rrggbb."""
    if thing.rgb:
        return 0x1000000 | int(thing.rgb[1:], 16)
    return thing.color or None


def _item_metadata(item):
    meta = item.meta
    if item.type == "message":
        sender = meta.get("sender") or ""
        if sender.isascii() and not item.color and not item.rgb:
            return "d1:s%d:%se" % (len(sender), sender) if sender else "de"
        return bencode.encode({"c": _color(item), "s": sender or None})
    if item.type == "contact":
        fields = dict(meta.get("fields", {}))
        if meta.get("members"):
            fields["groupMember"] = bencode.encode(
                {"m": [{"t": t, "v": v} for t, v in meta["members"]]})
        return bencode.encode({"c": _color(item), "fld": fields})
    if item.type in ("appointment", "task"):
        return bencode.encode({"c": _color(item), "u": meta["uid"], "inv": meta["invites"],
                               "replies": meta.get("replies"), "pct": meta.get("percent")})
    return bencode.encode({"c": _color(item), "v": meta.get("version"),
                           "ct": meta.get("contentType"), "cr": meta.get("creator"),
                           "desc": meta.get("description")})


def folder_meta(folder, path):
    """The .meta of a folder, search folder, mountpoint or tag."""
    name = "" if folder.type == "tag" else folder.name
    return _dumps({
        "id": folder.id, "uuid": folder.uuid, "type": TYPES[folder.type],
        "parent_id": folder.parent_id, "folder_id": folder.parent_id, "index_id": 0,
        "imap_id": folder.imap_id or 0, "date": folder.date, "size": 0, "volume_id": 0,
        "blob_digest": "", "unread": 0, "flags": folder.flags or 0, "subject": folder.name,
        "name": name or folder.name, "metadata": bencode.encode(_folder_metadata(folder)),
        "mod_metadata": folder.modseq, "change_date": folder.change_date,
        "mod_content": folder.rev, "sender": "", "ExtraStr": "",
        "FlagStr": model.flag_string(folder.flags or 0), "Path": path, "TagStr": "",
        "TagNames": "", "Ver": VERSION})


def _folder_metadata(folder):
    found = {"c": _color(folder)}
    if folder.type == "tag":
        return found
    found["vt"] = folder.view or None
    if folder.grants:
        found["acl"] = [{"g": g["zid"], "gt": g["gt"], "r": g["perm"], "e": g.get("expiry"),
                         "p": g.get("pw")} for g in folder.grants]
    if folder.type == "folder":
        found["url"] = folder.url
    elif folder.type == "search":
        found.update(q=folder.query, t=folder.types or None, sort=folder.sort_by or None)
    else:
        found.update(aid=folder.owner, rid=folder.remote_id, ruuid=folder.remote_uuid,
                     rem=1 if folder.reminder else None)
    return found


# --- in ------------------------------------------------------------------------------------------

class Meta:
    """A .meta entry that was read. ValueError if it is none."""

    def __init__(self, text):
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("no object")
        number = int(found["type"])
        if number not in model.TYPE_NAMES:
            raise ValueError("type %d" % number)
        self.type, self.id = model.TYPE_NAMES[number], int(found.get("id", 0))
        self.path, self.date = str(found.get("Path", "")), int(found.get("date", 0))
        self.size, self.digest = int(found.get("size", 0)), found.get("blob_digest") or None
        bits = int(found.get("flags", 0)) if "flags" in found \
            else model.flag_bits(found.get("FlagStr"))
        self.unread = bool(found.get("unread")) or bool(bits & UNREAD)
        self.flags = bits & ~UNREAD
        self.name, self.subject = found.get("name") or "", found.get("subject") or ""
        self.tags = model.split_tags(found.get("TagNames"))
        self._text, self._metadata = found.get("metadata") or "", None

    @property
    def metadata(self):
        if self._metadata is None:
            try:
                self._metadata = bencode.decode(self._text) if self._text else {}
            except (ValueError, RecursionError):
                self._metadata = {}
            if not isinstance(self._metadata, dict):
                self._metadata = {}
        return self._metadata

    def color(self, keep_rgb):
        """(color, rgb); an archive's RGB colour becomes a standard one unless keep_rgb."""
        value = self.metadata.get("c")
        if not isinstance(value, int) or value <= 0:
            return None, None
        if value < 0x1000000:
            return value, None
        rgb = "#%06x" % (value & 0xffffff)
        return (None, rgb) if keep_rgb else (model.mapped_color(rgb), None)

    def grants(self):
        return [{"zid": g.get("g"), "gt": g.get("gt"), "perm": g.get("r", ""),
                 "expiry": g.get("e"), "pw": g.get("p")} for g in self.metadata.get("acl", [])]

    def contact(self):
        """(fields, members)"""
        fields = dict(self.metadata.get("fld", {}))
        members, group = [], fields.pop("groupMember", None)
        if group:
            members = [(m.get("t"), m.get("v")) for m in bencode.decode(group).get("m", [])]
        return fields, members
