# SPDX-License-Identifier: Apache-2.0
"""Conversations by Zimbra's algorithm "references" (identity 4): a message that matches one single,
not yet threaded message makes the conversation real, and that takes the id after its own.
"""

from zlab import mime
from zlab.model import CONVERSATIONS, JUNK, SENT

MONTH_S = 31 * 86400


def _hashes(head, extra=()):
    found = list(extra)
    for name in ("Message-ID", "In-Reply-To", "References", "Resent-Message-ID"):
        raw = head.raw(name)
        if raw:
            found += mime.message_ids(raw.decode("latin-1"))
    return list(dict.fromkeys(found))


def place(mailbox, changes, item_id, head, subject, folder_id, draft):
    """Finds or makes the conversation of a new message; returns its parent_id."""
    if folder_id == JUNK:
        return -item_id
    base, is_reply = mime.base_subject(subject)
    hashes = _hashes(head)
    conv = None
    if "In-Reply-To" in head or is_reply or (folder_id != SENT and base):
        matches = _lookup(mailbox, hashes)
        if not matches and is_reply and base and len(hashes) <= 1:
            matches = _lookup(mailbox, ["s:" + base.lower()], mailbox.now() - MONTH_S)
        if matches:
            conv = _join(mailbox, changes, item_id, matches)
    if not draft:
        recorded = hashes + (["s:" + base.lower()] if base else [])
        conv_id = conv if conv is not None else -item_id
        now = mailbox.now()
        mailbox.db.executemany("INSERT OR REPLACE INTO open_conversation VALUES(?,?,?,?)",
                               [(mailbox.id, h, conv_id, now) for h in recorded])
    return conv if conv is not None else -item_id


def _lookup(mailbox, hashes, since=0):
    """Conversation ids, the one with most matches first."""
    counts = {}
    for value in hashes[:40]:
        for (conv,) in mailbox.db.execute(
                "SELECT conv_id FROM open_conversation WHERE mailbox_id=? AND hash=? AND date>=?",
                (mailbox.id, value, since)):
            counts[conv] = counts.get(conv, 0) + 1
    sizes = {c: _size(mailbox, c) for c in counts} if len(counts) > 1 else counts
    return sorted(counts, key=lambda c: (-sizes[c], c < 0, abs(c)))


def _size(mailbox, conv):
    if conv < 0:
        return 1
    return mailbox.db.execute("SELECT COUNT(*) FROM item WHERE mailbox_id=? AND parent_id=? AND "
                              "type='message'", (mailbox.id, conv)).fetchone()[0]


def _join(mailbox, changes, item_id, matches):
    target = matches[0]
    if target < 0:
        target = _make_real(mailbox, changes, -target)
    for other in matches[1:]:
        if other < 0:
            mailbox.update(changes, -other, parent_id=target)
        else:
            for (child,) in mailbox.db.execute(
                    "SELECT id FROM item WHERE mailbox_id=? AND parent_id=? AND type='message'",
                    (mailbox.id, other)).fetchall():
                mailbox.update(changes, child, parent_id=target)
            _end(mailbox, changes, other)
        _reopen(mailbox, other, target)
    return target


def _make_real(mailbox, changes, message_id):
    """The message's virtual conversation gets a row, and an id: the one after the new message."""
    conv = mailbox.next_id()
    row = mailbox.db.execute("SELECT subject, date FROM item WHERE mailbox_id=? AND id=?",
                             (mailbox.id, message_id)).fetchone()
    base = mime.base_subject((row["subject"] if row else "") or "")[0]
    mailbox.insert(changes, conv, "conversation", None, CONVERSATIONS, imap_id=None,
                   date=row["date"] if row else mailbox.now(), subject=base)
    if row:
        mailbox.update(changes, message_id, parent_id=conv)
    _reopen(mailbox, -message_id, conv)
    return conv


def _reopen(mailbox, old, new):
    mailbox.db.execute("UPDATE OR REPLACE open_conversation SET conv_id=? WHERE mailbox_id=? AND "
                       "conv_id=?", (new, mailbox.id, old))


def _end(mailbox, changes, conv):
    mailbox.db.execute("DELETE FROM item WHERE mailbox_id=? AND id=? AND type='conversation'",
                       (mailbox.id, conv))
    mailbox.bury(changes, "conversation", conv)


def leave(mailbox, changes, item):
    """A message goes, or goes to Junk: what is left of its conversation."""
    conv = item.parent_id
    if conv is None or conv < 0:
        mailbox.db.execute("DELETE FROM open_conversation WHERE mailbox_id=? AND conv_id=?",
                           (mailbox.id, -item.id))
        return
    left = mailbox.db.execute("SELECT COUNT(*) FROM item WHERE mailbox_id=? AND parent_id=? AND "
                              "type='message' AND id<>?", (mailbox.id, conv, item.id)).fetchone()[0]
    if not left:
        _end(mailbox, changes, conv)
        mailbox.db.execute("DELETE FROM open_conversation WHERE mailbox_id=? AND conv_id=?",
                           (mailbox.id, conv))
