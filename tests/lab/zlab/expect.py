# SPDX-License-Identifier: Apache-2.0
"""What each mailbox should hold: BEFORE, plus what the storm was told 250 for, plus what the
acting people were told was done, applied in their order.

Where an answer was lost, both outcomes are right, so a state is a set of allowed values:
`Message.exists` is {True}, {False} or both; the same for folder, unread, the flags and tags.
"""

import json
import os

# Bits of item.flags (Zimbra's) that a message must keep; unread is a column of its own.
FLAG_BITS = {"from_me": 1, "attachment": 2, "replied": 4, "forwarded": 8, "flagged": 32,
             "draft": 64, "deleted": 128, "notified": 256, "high": 1024, "low": 2048,
             "popped": 16384, "note": 32768, "priority": 65536, "invite": 1 << 23}
INBOX, TRASH, DRAFTS = 2, 3, 6
# A 250 may be noted this much later than the message was stored, and clocks are one.
DATE_SLACK_S = 60


def flag_names(bits):
    return frozenset(name for name, bit in FLAG_BITS.items() if bits & bit)


class Message:
    """One expected message. `key` says how it is recognised in a store: ("text", sha256) for
    what was there before, ("mid", Message-ID) for a delivery, ("subject", s) for a draft."""

    def __init__(self, key, subject, folder, unread, flags, tags, date, origin, item=None):
        self.key, self.subject, self.origin, self.item = key, subject, origin, item
        self.exists, self.copies = {True}, 1
        self.folder, self.unread, self.date = {folder}, {unread}, date
        self.flags = {name: {name in flags} for name in FLAG_BITS}
        self.tags = {tag: {True} for tag in tags}
        self.body = None
        self.acted = False

    def state_errors(self, found):
        """What is wrong with the stored message `found`: [(kind, text)]."""
        errors = []
        if found["folder"] not in self.folder:
            errors.append(("wrong-folder", "lies in folder %s, expected %s"
                           % (found["folder"], _set(self.folder))))
        if found["unread"] not in self.unread:
            errors.append(("flags", "unread is %s" % found["unread"]))
        have = flag_names(found["flags"])
        bad = [n for n, allowed in self.flags.items() if (n in have) not in allowed]
        if bad:
            errors.append(("flags", ", ".join("%s is %s" % (n, n in have) for n in bad)))
        tags = set(found["tags"])
        bad = [t for t in tags | set(self.tags) if (t in tags) not in self.tags.get(t, {False})]
        if bad:
            errors.append(("tags", ", ".join("%s tag %s" % ("unexpected" if t in tags else "lost",
                                                           t) for t in sorted(bad))))
        low, high = self.date
        if not low <= found["date"] <= high:
            errors.append(("date", "date is %s, expected %s" % (
                found["date"], low if low == high else "%d to %d" % (low, high))))
        return errors

    def title(self):
        return "'%s' (%s)" % ((self.subject or "no subject")[:70], self.origin)


def _set(values):
    return " or ".join(str(v) for v in sorted(values, key=str))


class Mailbox:
    """The expected content of one account's home copy."""

    def __init__(self, account_id, before):
        self.account_id, self.before = account_id, before
        self.messages, self.by_subject = [], {}
        self.renamed = {}    # folder id -> allowed names
        self.new_folders = []  # {"id" or None, "name": {names}, "parent", "exists"}
        self.had_mailbox = before is not None
        for item in (before or {"items": []})["items"]:
            if item["type"] == "message":
                self._add_before(item)

    def _add_before(self, item):
        blob = item.get("blob") or {}
        key = ("text", blob.get("text") or "missing blob of item %d" % item["id"])
        message = Message(key, item["subject"], item["folder"], item["unread"],
                          flag_names(item["flags"]), item["tags"], (item["date"], item["date"]),
                          "was item %d" % item["id"], item)
        self.add(message)

    def add(self, message):
        self.messages.append(message)
        self.by_subject.setdefault(message.subject, []).append(message)

    def unique(self, subject):
        found = self.by_subject.get(subject, [])
        return found[0] if len(found) == 1 else None


# --- the logs ----------------------------------------------------------------------------------------

def read_log(path):
    """Whole lines only: the writer may have been killed in the middle of one."""
    rows = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    pass
    return rows


def build(before, deliveries, acts):
    """({account id: Mailbox}, [problems with the logs themselves])."""
    boxes, problems = {}, []
    for account_id, account in before["accounts"].items():
        boxes[account_id] = Mailbox(account_id, home_copy(before, account_id, account))
    since = before["time"]
    _apply_deliveries(boxes, deliveries, since, problems)
    for row in acts:
        if row.get("t0", 0) >= since and row.get("account") in boxes:
            apply_act(boxes[row["account"]], row, problems)
    return boxes, problems


def home_copy(snapshot, account_id, account=None):
    """The copy that LDAP says is the mailbox, or None."""
    account = account or snapshot["accounts"].get(account_id)
    for node in snapshot["nodes"].values():
        if account and node["host"] == account["host"]:
            return node["mailboxes"].get(account_id)
    return None


def _apply_deliveries(boxes, rows, since, problems):
    unclear = {}
    for row in rows:
        if row.get("time", 0) < since or row.get("account") not in boxes:
            continue
        box = boxes[row["account"]]
        if row["ev"] == "250":
            unclear.pop(row["mid"], None)
            box.add(_delivery(row))
        elif row["ev"] == "unclear":
            unclear[row["mid"]] = row
        elif row["ev"] == "5xx":
            problems.append((row["account"], "bounced", "mail %s was refused for good by %s: %s"
                             % (row["mid"], row.get("node"), row.get("reply"))))
    for row in unclear.values():
        message = _delivery(row)
        message.exists = {True, False}
        boxes[row["account"]].add(message)


def _delivery(row):
    low = row.get("queued", row["time"] - DATE_SLACK_S) - DATE_SLACK_S
    message = Message(("mid", row["mid"]), row["subject"], INBOX, True, frozenset(), [],
                      (int(low), int(row["time"]) + DATE_SLACK_S),
                      "250 from %s" % row.get("node"))
    message.copies += row.get("unclear", 0)
    message.body = row.get("body")
    return message


# --- the acting people -------------------------------------------------------------------------------

def apply_act(box, row, problems):
    ack, op = row.get("ack"), row["op"]
    if ack is False:
        return
    sure = ack is True
    if op in ("folder", "rename"):
        _apply_folder(box, row, sure)
    elif op in ("draft", "edit"):
        _apply_draft(box, row, sure)
    else:
        message = box.unique(row["subject"])
        if message is None:
            problems.append((row["account"], "log", "an operation on '%s', which is no one "
                             "known message" % row["subject"]))
            return
        message.acted = True
        if op != "delete" and sure and True in message.exists:
            message.exists = {True}  # it was there to be acted upon
        _apply_message(message, op, row, sure)


def _put(allowed, value, sure):
    return {value} if sure else allowed | {value}


def _apply_message(m, op, row, sure):
    if op == "delete":
        m.exists = _put(m.exists, False, sure)
    elif op == "move":
        m.folder = _put(m.folder, row["folder"], sure)
    elif op == "trash":
        # Zimbra marks read what comes into Trash, but not what is there already.
        if m.folder != {TRASH}:
            m.unread = _put(m.unread, False, sure and TRASH not in m.folder)
        m.folder = _put(m.folder, TRASH, sure)
    elif op in ("read", "!read"):
        m.unread = _put(m.unread, op == "!read", sure)
    elif op in ("flag", "!flag"):
        m.flags["flagged"] = _put(m.flags["flagged"], op == "flag", sure)
    elif op in ("tag", "!tag"):
        m.tags[row["tag"]] = _put(m.tags.get(row["tag"], {False}), op == "tag", sure)


def _apply_draft(box, row, sure):
    if row["op"] == "edit":
        old = box.unique(row["old"])
        if old is not None:
            old.exists = _put(old.exists, False, sure)
    draft = Message(("subject", row["subject"]), row["subject"], DRAFTS, False,
                    frozenset(("draft", "from_me")), [],
                    (int(row["t0"]) - DATE_SLACK_S, int(row["t1"]) + DATE_SLACK_S), "draft")
    draft.flags["from_me"] = {True, False}
    draft.flags["attachment"] = {False}
    if not sure:
        draft.exists = {True, False}
    box.add(draft)


def _apply_folder(box, row, sure):
    if row["op"] == "folder":
        box.new_folders.append({"id": row.get("folder"), "name": {row["name"]},
                                "parent": row["parent"], "exists": {True} if sure
                                else {True, False}})
        return
    for folder in box.new_folders:
        if row["folder"] == folder["id"] or row["old"] in folder["name"]:
            folder["id"] = folder["id"] or row["folder"]
            folder["name"] = _put(folder["name"], row["name"], sure)
            return
    allowed = box.renamed.get(row["folder"], {row["old"]})
    box.renamed[row["folder"]] = _put(allowed, row["name"], sure)
