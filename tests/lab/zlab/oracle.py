# SPDX-License-Identifier: Apache-2.0
"""The oracle: is everything of BEFORE, and all mail accepted since, where it should be?

It looks at each account's home copy (home by LDAP) on disk and compares it with what must be
there (expect.py). What Zimbra is known to change in a move is in KNOWN, with the reason; it is
counted apart and never silent. Everything else is a difference, named with its account.
"""

import json
import os
import sys
from collections import Counter, defaultdict

from zlab import expect, snapshot
from zlab.expect import home_copy

# What stock Zimbra cannot carry over. A difference is only excused by the exact test that goes
# with its name in this file.
KNOWN = {
    "lf-mail": "AddMsg turns bare LF into CRLF: digest and size of an LF mail change, "
               "its text does not (move-protocol.md 4)",
    "calendar-blob": "an imported appointment or task gets its MIME part written anew: digest "
                     "and size change, invites and replies do not (zimbra.md 1.9)",
    "revision-date": "the dates of a document's later revisions become the time of the import; "
                     "the base revision gets the 'versioned' flag (move-protocol.md 4)",
    "metadata-section": "mailbox metadata can only be read section by section by name: one that "
                        "nobody knows the name of stays behind (zimbra.md 5.3)",
    "trash-age": "purge policies count from the change date: what lies in Trash or Junk starts "
                 "its time anew (zimbra.md 12)",
    "new-item-id": "an item got a new id and IMAP UID above all old ones: clients fetch it "
                   "again, never wrongly (identity.md 7, level safe)",
    "delivered-twice": "the answer to a mail was lost, the sender sent it again: two copies "
                       "are what any server does",
}
# Sections that can be asked for by name.
NAMED_SECTIONS = ("zwc:implicit",)
CALENDAR = ("appointment", "task")
CONTAINERS = ("folder", "search", "link", "tag")
# Parts of an item's metadata that say where or when, not what.
VOLATILE_META = frozenset((
    "uuid", "remoteUuid", "ruuid", "nextAlarm", "next_alarm", "mailItemId", "mail_item_id",
    "invId", "inv_id", "calItemId", "cal_item_id", "conv", "conv_id", "convId", "i4next",
    "lastSync", "synced", "parent_id", "created", "modified"))
USER_FOLDER = 256


class Report:
    def __init__(self):
        self.differences, self.known, self.accounts = [], Counter(), 0
        self.known_lines = []

    def add(self, account, kind, text):
        self.differences.append({"account": account, "kind": kind, "text": text})

    def excuse(self, account, name, text):
        assert name in KNOWN
        self.known[name] += 1
        self.known_lines.append("known-loss %s %s: %s" % (name, account, text))


class Case:
    """One account: what was, what should be, what is."""

    def __init__(self, account_id, before, after, expected, report):
        self.id, self.report, self.expected = account_id, report, expected
        self.before_account = before["accounts"][account_id]
        self.after_account = after["accounts"].get(account_id)
        self.name = self.before_account["name"]
        self.old = home_copy(before, account_id, self.before_account)
        self.new = home_copy(after, account_id, self.after_account)
        self.after = after
        # Back on its old host it is another mailbox, with a number of its own.
        self.moved = bool(self.after_account) \
            and (self.after_account["host"] != self.before_account["host"]
                 or bool(self.old and self.new) and self.old["mailbox_id"] != self.new["mailbox_id"])

    def add(self, kind, text):
        self.report.add(self.name, kind, text)

    def excuse(self, name, text):
        self.report.excuse(self.name, name, text)

    def of(self, copy, *types):
        return [i for i in (copy or {"items": []})["items"] if i["type"] in types]

    def elsewhere(self, test):
        """The names of other nodes with a message for which test(item) holds."""
        host = self.after_account["host"]
        return [name for name, node in self.after["nodes"].items() if node["host"] != host
                and any(test(i) for i in self.of(node["mailboxes"].get(self.id), "message"))]


def compare(before, after, deliveries, acts):
    report = Report()
    boxes, problems = expect.build(before, deliveries, acts)
    for account_id, kind, text in problems:
        report.add(before["accounts"][account_id]["name"], kind, text)
    for account_id in sorted(before["accounts"], key=lambda a: before["accounts"][a]["name"]):
        report.accounts += 1
        case = Case(account_id, before, after, boxes[account_id], report)
        if case.after_account is None:
            case.add("account", "is no longer in the directory")
            continue
        check_directory(case)
        if case.new is None:
            wanted = [m for m in case.expected.messages if m.exists == {True}]
            if case.old is not None or wanted:
                case.add("mailbox", "%s has no mailbox; %d messages should be there"
                         % (case.after_account["host"], len(wanted)))
            continue
        check_containers(case)
        check_messages(case)
        check_items(case)
        check_sections(case)
        check_identity(case)
    check_links(before, after, boxes, report)
    return report


# --- directory -----------------------------------------------------------------------------------------

def check_directory(case):
    old, new = case.before_account, case.after_account
    for name in sorted(set(old["attributes"]) | set(new["attributes"])):
        was, now = old["attributes"].get(name), new["attributes"].get(name)
        if was != now:
            case.add("directory", "%s is %s, was %s" % (name, _values(now), _values(was)))
    computed = old["transport"].startswith("lmtp:%s:" % old["host"])
    wanted = old["transport"].replace(old["host"], new["host"]) if computed else old["transport"]
    if new["transport"] != wanted:
        case.add("directory", "zimbraMailTransport is %s, expected %s"
                 % (new["transport"], wanted))
    for value in sorted(set(old["shared"]) ^ set(new["shared"])):
        if not _from_act(case, value):
            case.add("share", "zimbraSharedItem %s: %s"
                     % ("lost" if value in old["shared"] else "is new", value))
    for name in sorted(set(old["sources"]) | set(new["sources"])):
        was, now = old["sources"].get(name), new["sources"].get(name)
        if was is None or now is None:
            case.add("data-source", "%s %s" % (name, "is gone" if now is None else "is new"))
        elif was != now:
            keys = sorted(k for k in set(was) | set(now) if was.get(k) != now.get(k))
            case.add("data-source", "%s: %s changed" % (name, ", ".join(keys)))


def _from_act(case, value):
    """A shared folder that somebody renamed has another path."""
    return any(";folderId:%s;" % f in ";" + value + ";" for f in case.expected.renamed)


def _values(values):
    return "not set" if not values else ", ".join(values)


# --- folders, search folders, mountpoints, tags ----------------------------------------------------------

def check_containers(case):
    old = {i["id"]: i for i in case.of(case.old, *CONTAINERS)}
    new = {i["id"]: i for i in case.of(case.new, *CONTAINERS)}
    claimed = set(old)
    for item_id, was in old.items():
        now = new.get(item_id)
        if now is None or now["type"] != was["type"]:
            twin = [i for i, n in new.items() if n["type"] == was["type"]
                    and n["name"] == was["name"] and i not in old]
            claimed.update(twin)
            case.add("container", "%s %d '%s' %s" % (
                was["type"], item_id, was["name"],
                "is now %d" % twin[0] if twin else "is gone" if now is None
                else "is now a %s '%s'" % (now["type"], now["name"])))
            continue
        check_container(case, was, now)
    claimed |= check_new_folders(case, new)
    for item_id, now in new.items():
        if item_id not in claimed and case.old is not None:
            case.add("container", "unexpected %s %d '%s' in %s"
                     % (now["type"], item_id, now["name"], now["folder"]))


def check_container(case, was, now):
    what = "%s %d '%s'" % (was["type"], was["id"], was["name"])
    names = case.expected.renamed.get(was["id"], {was["name"]})
    if now["name"] not in names:
        case.add("container", "%s is now called '%s'" % (what, now["name"]))
    if was["id"] >= USER_FOLDER and was["type"] != "tag" and now["folder"] != was["folder"]:
        case.add("container", "%s lies in %s, was in %s" % (what, now["folder"], was["folder"]))
    if now["color"] != was["color"]:
        case.add("container", "%s: colour %s, was %s" % (what, now["color"], was["color"]))
    if now["flags"] != was["flags"]:
        case.add("container", "%s: flags %s, were %s" % (what, now["flags"], was["flags"]))
    for key in meta_changes(was["meta"], now["meta"]):
        case.add("container", "%s: %s is %s, was %s" % (
            what, key, _short(now["meta"].get(key)), _short(was["meta"].get(key))))


def check_new_folders(case, new):
    """What acting people made. Returns the ids that are accounted for."""
    claimed = set()
    for folder in case.expected.new_folders:
        found = [i for i, n in new.items() if n["type"] == "folder"
                 and (i == folder["id"] or n["name"] in folder["name"])]
        claimed.update(found)
        names = " or ".join(sorted(folder["name"]))
        if not found and folder["exists"] == {True}:
            case.add("container", "folder '%s' (made meanwhile) is gone" % names)
        elif len(found) > 1:
            case.add("container", "folder '%s' (made meanwhile) is there %d times"
                     % (names, len(found)))
        for i in found:
            if new[i]["name"] not in folder["name"]:
                case.add("container", "folder %d '%s' should be called '%s'"
                         % (i, new[i]["name"], names))
            if folder["id"] is not None and i != folder["id"]:
                case.add("container", "folder '%s' has id %d, was %d" % (names, i, folder["id"]))
            if new[i]["folder"] != folder["parent"]:
                case.add("container", "folder '%s' lies in %s, was in %s"
                         % (names, new[i]["folder"], folder["parent"]))
    return claimed


def meta_changes(was, now):
    """Keys whose values differ, order of lists of grants aside."""
    return sorted(k for k in set(was) | set(now)
                  if k not in VOLATILE_META and canonical(was.get(k)) != canonical(now.get(k)))


def canonical(value):
    """The same text for the same content: no volatile keys, lists of objects sorted, and no
    difference between an empty value and none."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value):
    if isinstance(value, dict):
        plain = {k: _plain(v) for k, v in value.items() if k not in VOLATILE_META}
        return {k: v for k, v in plain.items() if v is not None} or None
    if isinstance(value, list):
        plain = [_plain(v) for v in value]
        if any(isinstance(v, dict) for v in plain):
            plain.sort(key=lambda v: json.dumps(v, sort_keys=True))
        return plain or None
    return None if value in ("", False, 0) else value


def _short(value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) < 120 else text[:117] + "..."


# --- messages ----------------------------------------------------------------------------------------------

def check_messages(case):
    wanted = defaultdict(list)
    for message in case.expected.messages:
        wanted[message.key].append(message)
    groups = defaultdict(list)
    for item in case.of(case.new, "message"):
        check_blob(case, item)
        groups[recognise(item, wanted)].append(item)
    for key, messages in wanted.items():
        match_group(case, messages, groups.pop(key, []))
    for items in groups.values():
        for item in items:
            case.add("unexpected", "message %d '%s' in folder %s comes from nowhere"
                     % (item["id"], (item["subject"] or "")[:70], item["folder"]))


def recognise(item, wanted):
    blob = item.get("blob") or {}
    text = ("text", blob.get("text") or "missing blob of item %d" % item["id"])
    for key in (text, ("mid", blob.get("mid")), ("subject", item["subject"])):
        if key in wanted:
            return key
    return text


def check_blob(case, item):
    blob = item.get("blob")
    if not blob or blob.get("missing"):
        case.add("blob", "message %d '%s' has no content on disk"
                 % (item["id"], (item["subject"] or "")[:70]))
    elif blob["size"] != item["size"]:
        case.add("blob", "message %d '%s': the row says %s bytes, the file has %d"
                 % (item["id"], (item["subject"] or "")[:70], item["size"], blob["size"]))


def match_group(case, messages, items):
    """`messages` and `items` have one identity; byte-identical ones are told apart by state."""
    left = list(items)
    pending = []
    for message in messages:      # first those that fit exactly
        fit = next((i for i in left if True in message.exists and not message.state_errors(i)),
                   None)
        if fit is None:
            pending.append(message)
        else:
            left.remove(fit)
            check_content(case, message, fit)
    for message in pending:
        if True not in message.exists:
            continue
        if left:
            item = left.pop(0)
            for kind, text in message.state_errors(item):
                case.add(kind, "message %s %s" % (message.title(), text))
            check_content(case, message, item)
        elif False not in message.exists:
            report_lost(case, message)
    allowed = sum(m.copies - 1 for m in messages)
    for item in left:
        dead = [m for m in messages if True not in m.exists]
        if dead:
            case.add("resurrected", "message %s is back, in folder %s"
                     % (dead[0].title(), item["folder"]))
        elif allowed:
            allowed -= 1
            case.excuse("delivered-twice", messages[0].title())
        else:
            case.add("doubled", "message %s is there once too often, in folder %s"
                     % (messages[0].title(), item["folder"]))


def report_lost(case, message):
    kind, wanted = message.key
    where = case.elsewhere(lambda i: recognise(i, {message.key: 1}) == message.key)
    case.add("lost", "message %s%s" % (message.title(), "; a copy lies in the store of %s, "
             "which is not the account's home" % ", ".join(where) if where else ""))


def check_content(case, message, item):
    was, blob = message.item, item.get("blob") or {}
    if case.moved and was is not None and was["id"] != item["id"]:
        case.excuse("new-item-id", "message %s is %d" % (message.title(), item["id"]))
    if case.moved and was is not None and item["folder"] in (3, 4) and not message.acted:
        case.excuse("trash-age", message.title())
    if message.body is not None and blob.get("body") != message.body:
        case.add("content", "message %s: the body is not what was sent" % message.title())
    if was is None or not was.get("blob") or was["blob"].get("missing"):
        return
    if (item["digest"], item["size"]) != (was["digest"], was["size"]) \
            or blob.get("sha256") != was["blob"]["sha256"]:
        if was["blob"]["bare_lf"] and blob.get("text") == was["blob"]["text"]:
            case.excuse("lf-mail", message.title())
        else:
            case.add("content", "message %s: digest or size changed (%s %s, was %s %s)" % (
                message.title(), item["digest"], item["size"], was["digest"], was["size"]))


# --- contacts, appointments, tasks, documents -----------------------------------------------------------------

def check_items(case):
    for kind in ("contact", "appointment", "task", "document"):
        old, new = case.of(case.old, kind), case.of(case.new, kind)
        old_by, new_by = _by_content(case.old, old), _by_content(case.new, new)
        for key in list(old_by):
            while old_by[key] and new_by.get(key):
                was = _take_best(old_by[key], new_by[key])
                check_item_rest(case, kind, *was)
        lost = [i for items in old_by.values() for i in items]
        extra = [i for items in new_by.values() for i in items]
        for was, now in _pairs_by_name(lost, extra):
            case.add(kind, "'%s': %s" % (_title(was), _why(case, was, now)))
        for was in lost:
            case.add("lost", "%s %d '%s' of folder %s" % (kind, was["id"], _title(was),
                                                        was["folder"]))
        for now in extra:
            twin = any(content_key(case.new, now) == content_key(case.old, i) for i in old)
            case.add("doubled" if twin else "unexpected", "%s %d '%s' in folder %s"
                     % (kind, now["id"], _title(now), now["folder"]))


def _by_content(copy, items):
    groups = defaultdict(list)
    for item in items:
        groups[content_key(copy, item)].append(item)
    return groups


def _take_best(olds, news):
    """A pair of the same content; one with the same id if there is one."""
    ids = {n["id"]: n for n in news}
    was = next((o for o in olds if o["id"] in ids), olds[0])
    now = ids.get(was["id"], news[0])
    olds.remove(was)
    news.remove(now)
    return was, now


def content_key(copy, item):
    """All that an item of a type other than message is, ids aside."""
    parts = [item["folder"], sorted(item["tags"]), item["color"], item["name"]]
    if item["type"] == "contact":
        parts += [_members_resolved(copy, item["meta"]), _sha(item)]
    elif item["type"] in CALENDAR:
        parts += [item["meta"], item["subject"]]
    else:
        parts += [[(r["version"], r["blob"].get("sha256")) for r in item.get("revisions", [])],
                  _sha(item), {k: v for k, v in item["meta"].items() if k != "revisions"}]
    return canonical(parts)


def _sha(item):
    return (item.get("blob") or {}).get("sha256")


def _members_resolved(copy, meta):
    """A group's metadata with each member of type C replaced by the contact it points at."""
    members = meta.get("members")
    if not members:
        return meta
    contacts = {i["id"]: i for i in copy["items"] if i["type"] == "contact"}
    resolved = []
    for member in members:
        kind, value = _member(member)
        if kind == "C":
            target = contacts.get(int(value)) if str(value).isdigit() else None
            value = "nobody" if target is None else {
                k: v for k, v in target["meta"].items() if k != "members"}
        resolved.append([kind, value])
    return dict(meta, members=resolved)


def _member(member):
    if isinstance(member, dict):
        return member.get("type"), member.get("value")
    return member[0], member[1]


def _pairs_by_name(lost, extra):
    """Takes out of both lists the pairs that are plainly the same item, changed."""
    pairs = []
    for was in list(lost):
        now = next((e for e in extra if e["id"] == was["id"] or _title(e) == _title(was)), None)
        if now is not None:
            lost.remove(was)
            extra.remove(now)
            pairs.append((was, now))
    return pairs


def _title(item):
    meta = item["meta"]
    fields = meta.get("fields") or meta
    return str(item["name"] or item["subject"] or fields.get("fileAs") or fields.get("email")
               or fields.get("lastName") or "item %d" % item["id"])


def _why(case, was, now):
    reasons = []
    for name in ("folder", "tags", "color", "name", "subject"):
        if was[name] != now[name]:
            reasons.append("%s is %s, was %s" % (name, _short(now[name]), _short(was[name])))
    old_meta, new_meta = (_members_resolved(c, i["meta"]) for c, i in
                          ((case.old, was), (case.new, now)))
    reasons += ["%s is %s, was %s" % (k, _short(new_meta.get(k)), _short(old_meta.get(k)))
                for k in meta_changes(old_meta, new_meta)]
    if was["type"] not in CALENDAR and _sha(was) != _sha(now):
        reasons.append("content changed")
    if [r["version"] for r in was.get("revisions", [])] \
            != [r["version"] for r in now.get("revisions", [])]:
        reasons.append("%d revisions, were %d" % (len(now.get("revisions", [])),
                                                  len(was.get("revisions", []))))
    return "; ".join(reasons) or "changed"


def check_item_rest(case, kind, was, now):
    """What is not part of the content key."""
    if was["flags"] != now["flags"] and kind != "document":
        case.add("flags", "%s '%s': flags %s, were %s" % (kind, _title(was), now["flags"],
                                                          was["flags"]))
    if was["date"] != now["date"] and kind != "document":
        case.add("date", "%s '%s': date %s, was %s" % (kind, _title(was), now["date"],
                                                       was["date"]))
    blob = now.get("blob")
    if blob and blob.get("missing"):
        case.add("blob", "%s '%s' has no content on disk" % (kind, _title(was)))
    if kind in CALENDAR and (was["digest"] != now["digest"] or was["size"] != now["size"]):
        case.excuse("calendar-blob", _title(was))
    if kind == "document" and case.moved and len(was.get("revisions", [])) > 1:
        dates = [[r["date"] for r in i["revisions"]] for i in (was, now)]
        if dates[0] != dates[1] or was["flags"] != now["flags"]:
            case.excuse("revision-date", _title(was))
    elif kind == "document" and was["date"] != now["date"]:
        case.add("date", "document '%s': date %s, was %s" % (_title(was), now["date"],
                                                             was["date"]))
    if case.moved and was["id"] != now["id"]:
        case.excuse("new-item-id", "%s %s is %d" % (kind, _title(was), now["id"]))


# --- the rest ------------------------------------------------------------------------------------------------

def check_sections(case):
    old = (case.old or {}).get("sections", {})
    for name in sorted(set(old) | set(case.new["sections"])):
        was, now = old.get(name), case.new["sections"].get(name)
        if was == now:
            continue
        if now is None and case.moved and name not in NAMED_SECTIONS:
            case.excuse("metadata-section", name)
        else:
            case.add("metadata", "section %s is %s, was %s" % (name, _short(now), _short(was)))


def check_identity(case):
    """What mail clients remember: a UID or id must never mean another message than before."""
    if case.old is None:
        return
    for what in ("item_id", "change"):
        if case.new[what] < case.old[what]:
            case.add("identity", "the %s counter ran backwards: %s, was %s" % (
                what.replace("_", " "), case.new[what], case.old[what]))
    old = {i["id"]: i for i in case.of(case.old, "message")}
    validity = {i["id"]: i["content_change"] for i in case.of(case.old, "folder")}
    uids = {(i["folder"], i["imap"]): i for i in old.values()}
    for folder in case.of(case.new, "folder"):
        if folder["id"] >= USER_FOLDER and validity.get(folder["id"]) != folder["content_change"]:
            validity.pop(folder["id"], None)  # another UIDVALIDITY: clients start afresh
    for item in case.of(case.new, "message"):
        was = old.get(item["id"])
        if was is not None and not _same_message(was, item):
            case.add("identity", "id %d was '%s' and is now '%s'" % (
                item["id"], (was["subject"] or "")[:50], (item["subject"] or "")[:50]))
        was = uids.get((item["folder"], item["imap"]))
        if item["folder"] in validity and item["imap"] and was is not None \
                and not _same_message(was, item):
            case.add("identity", "IMAP UID %d of folder %d was '%s' and is now '%s'" % (
                item["imap"], item["folder"], (was["subject"] or "")[:50],
                (item["subject"] or "")[:50]))


def _same_message(a, b):
    """A re-saved draft keeps its id and changes its text."""
    draft = expect.FLAG_BITS["draft"]
    return (a.get("blob") or {}).get("text") == (b.get("blob") or {}).get("text") \
        or bool(a["flags"] & draft and b["flags"] & draft)


def check_links(before, after, boxes, report):
    """Every mountpoint must still lead to the folder it led to."""
    for account_id, account in before["accounts"].items():
        now = after["accounts"].get(account_id)
        copy = now and home_copy(after, account_id, now)
        for link in [i for i in (copy or {"items": []})["items"] if i["type"] == "link"]:
            owner, remote = _link_target(link)
            if owner not in before["accounts"]:
                continue
            was = _folder(home_copy(before, owner), remote)
            target = _folder(home_copy(after, owner), remote)
            allowed = boxes[owner].renamed.get(remote, {was["name"]} if was else set())
            if was is not None and (target is None or target["name"] not in allowed):
                report.add(account["name"], "share", "mountpoint '%s' led to folder %s '%s' of %s "
                           "and now leads to %s" % (
                               link["name"], remote, was["name"],
                               before["accounts"][owner]["name"],
                               "nothing" if target is None else "'%s'" % target["name"]))


def _link_target(link):
    meta = link["meta"]
    owner = meta.get("owner") or meta.get("zid")
    remote = meta.get("remote_id", meta.get("rid", meta.get("remoteId")))
    return owner, int(remote) if remote is not None else None


def _folder(copy, folder_id):
    return next((i for i in (copy or {"items": []})["items"]
                 if i["id"] == folder_id and i["type"] == "folder"), None)


# --- command line ------------------------------------------------------------------------------------------

def inventory_main(lab, out):
    taken = snapshot.take(lab)
    text = json.dumps(taken, ensure_ascii=False, sort_keys=True)
    if out == "-":
        print(text)
        return 0
    with open(out + ".new", "w", encoding="utf-8") as f:
        f.write(text + "\n")
    os.replace(out + ".new", out)
    boxes = [m for node in taken["nodes"].values() for m in node["mailboxes"].values()]
    print("inventory %s: %d accounts, %d mailboxes, %d items" % (
        out, len(taken["accounts"]), len(boxes), sum(len(m["items"]) for m in boxes)))
    return 0


def diff_main(lab, args):
    with open(args.before, encoding="utf-8") as f:
        before = json.load(f)
    if args.after and not args.now:
        with open(args.after, encoding="utf-8") as f:
            after = json.load(f)
    else:
        after = snapshot.take(lab)
    report = compare(before, after, expect.read_log(os.path.join(lab.dir, "deliver.jsonl")),
                     expect.read_log(os.path.join(lab.dir, "act.jsonl")))
    if args.json:
        json.dump({"accounts": report.accounts, "differences": report.differences,
                   "known": dict(report.known)}, sys.stdout, ensure_ascii=False, indent=1)
        print()
        return 1 if report.differences else 0
    for row in report.differences[:args.lines]:
        print("%s %s: %s" % (row["kind"], row["account"], row["text"]))
    if len(report.differences) > args.lines:
        print("... and %d more (--lines N)" % (len(report.differences) - args.lines))
    if args.known:
        print("\n".join(report.known_lines))
    for name, count in sorted(report.known.items()):
        print("known loss %s: %d (%s)" % (name, count, KNOWN[name]))
    print("%d accounts compared, %d differences" % (report.accounts, len(report.differences)))
    return 1 if report.differences else 0
