# SPDX-License-Identifier: Apache-2.0
"""Conversations by Zimbra's algorithm "references" (identity 4): a message that matches one single,
not yet threaded message makes the conversation real, and that takes the id after its own.

A hash leads to one conversation, the last that recorded it. Who has the flag "from me" is found
as a reply only; Junk neither looks up nor records; a draft does not record. What identity 4
leaves open is as in Zimbra's source: Threader.java, Message.detach, Mailbox.addMessageInternal.
"""

from zlab import mime
from zlab.model import CONVERSATIONS, JUNK

MONTH_S = 31 * 86400


def _hashes(head):
    found = []
    for name in ("Message-ID", "In-Reply-To", "References", "Resent-Message-ID"):
        raw = head.raw(name)
        if raw:
            found += mime.message_ids(raw.decode("latin-1"))
    return list(dict.fromkeys(found))


def place(mailbox, changes, item_id, head, subject, folder_id, draft, sent, date):
    """Finds or makes the conversation of a new message; returns its parent_id."""
    if folder_id == JUNK:
        return -item_id
    base, is_reply = mime.base_subject(subject)
    hashes = _hashes(head)
    conv = None
    if "In-Reply-To" in head or is_reply or (base and not sent):
        matches = _lookup(mailbox, hashes)
        if not matches and is_reply and base and not _refers(head):
            matches = _by_subject(mailbox, base, date)
        if matches:
            conv = _join(mailbox, changes, item_id, date, matches)
    if not draft:
        recorded = hashes + ([_of_subject(base)] if base else [])
        conv_id = conv if conv is not None else -item_id
        mailbox.db.executemany("INSERT OR REPLACE INTO open_conversation VALUES(?,?,?)",
                               [(mailbox.id, h, conv_id) for h in recorded])
    return conv if conv is not None else -item_id


def _of_subject(base):
    return "s:" + base.lower()


def _refers(head):
    return any(mime.message_ids(head.raw(name).decode("latin-1"))
               for name in ("In-Reply-To", "References"))


def _lookup(mailbox, hashes):
    """Conversation ids, the largest first."""
    found = set()
    for value in hashes:
        row = _open(mailbox, value)
        if row is not None:
            found.add(row)
    if len(found) < 2:
        return list(found)
    sizes = {c: _size(mailbox, c) for c in found}
    return sorted(found, key=lambda c: (-sizes[c], c < 0, abs(c)))


def _open(mailbox, value):
    """The conversation that recorded this hash last."""
    row = mailbox.db.execute("SELECT conv_id FROM open_conversation WHERE mailbox_id=? AND hash=?",
                             (mailbox.id, value)).fetchone()
    return None if row is None else row[0]


def _by_subject(mailbox, base, date):
    """The conversation of that subject, unless its last message is a month older."""
    conv = _open(mailbox, _of_subject(base))
    if conv is None:
        return []
    row = mailbox.db.execute("SELECT date FROM item WHERE mailbox_id=? AND id=?",
                             (mailbox.id, abs(conv))).fetchone()
    return [conv] if row is not None and date <= row[0] + MONTH_S else []


def _size(mailbox, conv):
    if conv < 0:
        return 1
    return mailbox.db.execute("SELECT COUNT(*) FROM item WHERE mailbox_id=? AND parent_id=? AND "
                              "type='message'", (mailbox.id, conv)).fetchone()[0]


def _join(mailbox, changes, item_id, date, matches):
    target = matches[0]
    if target < 0:
        target = _make_real(mailbox, changes, -target, date)
    else:       # the conversation's date, which only the look-up by subject asks for
        mailbox.db.execute("UPDATE item SET date=? WHERE mailbox_id=? AND id=?",
                           (mailbox.now(), mailbox.id, target))
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


def _make_real(mailbox, changes, message_id, date):
    """The message's virtual conversation gets a row, and an id: the one after the new message."""
    conv = mailbox.next_id()
    row = mailbox.db.execute("SELECT subject, date FROM item WHERE mailbox_id=? AND id=?",
                             (mailbox.id, message_id)).fetchone()
    base = mime.base_subject((row["subject"] if row else "") or "")[0]
    mailbox.insert(changes, conv, "conversation", None, CONVERSATIONS, imap_id=None,
                   date=max(date, row["date"]) if row else date, subject=base)
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
    """A message is deleted: what is left of its conversation."""
    conv = item.parent_id
    if conv is None or conv < 0:
        conv = -item.id
    elif _size_without(mailbox, conv, item.id):
        return
    else:
        _end(mailbox, changes, conv)
    mailbox.db.execute("DELETE FROM open_conversation WHERE mailbox_id=? AND conv_id=?",
                       (mailbox.id, conv))


def to_junk(mailbox, item):
    """A message goes to Junk: the parent_id it has from now on. One of several leaves its
    conversation; one that is alone stays what it is, and is no longer found by its subject."""
    conv = item.parent_id if item.parent_id is not None else -item.id
    if conv > 0 and _size_without(mailbox, conv, item.id):
        return -item.id
    base = mime.base_subject(item.subject or "")[0]
    mailbox.db.execute("DELETE FROM open_conversation WHERE mailbox_id=? AND conv_id=? AND hash=?",
                       (mailbox.id, conv, _of_subject(base)))
    return conv


def _size_without(mailbox, conv, item_id):
    return mailbox.db.execute("SELECT COUNT(*) FROM item WHERE mailbox_id=? AND parent_id=? AND "
                              "type='message' AND id<>?", (mailbox.id, conv, item_id)).fetchone()[0]
