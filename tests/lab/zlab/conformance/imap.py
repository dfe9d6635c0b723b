# SPDX-License-Identifier: Apache-2.0
"""What a mail program sees by IMAP: numbers of folders and messages, flags, who gets in."""

import contextlib
import imaplib
import poplib

from ..mailcache import ImapCache
from ..mailclient import Imap, Refused
from ..zclient import el, message
from .imports import archive_of
from .labonly import switched
from .rig import Failed, check, equal, expect, one_of, texts
from .sessions import of_user
from .status import set_status
from . import tarball


def imap(rig, user, server=None):
    return Imap(server or user.home, rig.z.tls, user.name, user.password)


@contextlib.contextmanager
def refused(what):
    """The block must be answered with NO; yields what is then known of it."""
    seen = {}
    try:
        yield seen
    except Refused as error:
        seen.update(text=str(error), host=error.host)
        return
    raise Failed("%s went through" % what)


def dropped(action):
    """True if the connection ended instead of an answer."""
    try:
        action()
    except (OSError, imaplib.IMAP4.abort):
        return True
    except Refused:
        pass
    return False


@check("a UID is the message's id, UIDVALIDITY of Inbox 1, the mail comes as it is", "identity 2")
def numbers(rig):
    user = rig.user()
    mails = texts(3)
    ids = user.add_many(2, mails)
    with imap(rig, user) as session:
        state = session.select("INBOX")
        equal((state.count, state.validity), (3, 1), "EXISTS, UIDVALIDITY")
        expect(state.uidnext > ids[-1], "UIDNEXT %s", state.uidnext)
        equal(session.uids(), ids, "UIDs by SEARCH")
        found = session.fetch("(FLAGS RFC822.SIZE BODY.PEEK[])")
        equal([found[i].body for i in ids], [m.encode() for m in mails], "mails")
        equal([found[i].size for i in ids], [len(m) for m in mails], "RFC822.SIZE")
        heads = session.fetch("(BODY.PEEK[HEADER])")
        equal([heads[i].body for i in ids], [m.partition("\r\n\r\n")[0].encode() + b"\r\n\r\n"
                                             for m in mails], "headers")
        equal(session.select("INBOX"), state, "the same when it is opened again")


@check("rev, i4next and i4ms of GetFolder are UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ",
       "identity 2")
def told_by_soap(rig):
    user = rig.user()
    plans = user.create_folder("plans", view="message")
    user.add_many(plans, texts(3))
    with imap(rig, user) as session:
        for name, folder in (("INBOX", "2"), ("plans", str(plans))):
            found = user.folders()[folder]
            state = session.select(name)
            equal((state.validity, state.uidnext, state.modseq),
                  tuple(int(found.get(a)) for a in ("rev", "i4next", "i4ms")), name)


@check("UIDVALIDITY of a user folder: the change that made it, renamed or moved it last",
       "identity 2")
def validity(rig):
    user = rig.user()
    parent, plans = user.create_folder("parent"), user.create_folder("plans")
    with imap(rig, user) as session:
        equal(session.select("plans").validity, user.change(), "after its creation")
        user.folder_action(plans, "color", color=3)
        made = session.select("plans").validity
        equal(made, user.change() - 1, "after its colour changed")
        user.folder_action(plans, "rename", name="plans anew")
        equal(session.select("plans anew").validity, user.change(), "after a rename")
        user.folder_action(plans, "move", l=parent)
        equal(session.select("parent/plans anew").validity, user.change(), "after a move")


@check("the first login turns IMAP tracking on: a moved message has no UID until IMAP opens its "
       "folder, and then the next number", "identity 3.8")
def tracking(rig):
    user = rig.user()
    a, b = user.add_many(2, texts(2))
    user.action(a, "move", l=5)
    with imap(rig, user) as session:
        session.select("Sent")
        equal(session.uids(), [a], "UID of one moved before the first login")
        user.action(b, "move", l=5)
        one_of(uid_by_soap(rig, user)[b], (0, None), "UID by SOAP after a move")
        last = user.last_id()
        state = session.select("Sent")
        found = session.uids()
        expect(len(found) == 2 and found[0] == a and found[1] > last, "UIDs %s, last id %d", found, last)
        expect(state.uidnext > found[1], "UIDNEXT %d", state.uidnext)
        equal(uid_by_soap(rig, user)[b], found[1], "UID by SOAP")


def uid_by_soap(rig, user):
    return {e.id: e.meta["imap_id"] for e in rig.export(user, query="is:anywhere", body="0")}


@check("resetimapuid is what a client sees: old UIDs gone, new ones in their order", "identity 2")
def renumbered(rig):
    user = rig.user()
    a, b = user.add_many(2, texts(2))
    with imap(rig, user) as session:
        before = ImapCache.take(session)
        last = user.last_id()
        user.action([b, a], "resetimapuid")
        state = session.select("INBOX")
        equal((state.validity, session.uids()), (1, [last + 1, last + 2]), "UIDVALIDITY, UIDs")
        outcome = before.compare(session)
        equal((outcome.wrong, outcome.missed, outcome.redownloaded), (0, 0, 2), "of a copy of it")


@check("CHANGEDSINCE names what changed later, and nothing beyond the change counter",
       "identity 3.1")
def condstore(rig):
    user = rig.user()
    a, b = user.add_many(2, texts(2))
    with imap(rig, user) as session:
        before = session.select("INBOX")
        beyond = before.modseq + 1000
        user.action(a, "flag")
        after = session.select("INBOX")
        equal(after.modseq, user.change(), "HIGHESTMODSEQ after a change")
        found = session.fetch("(FLAGS)", since=before.modseq)
        equal(sorted(found), [a], "UIDs told")
        expect("\\Flagged" in found[a].flags, "its flags: %s", found[a].flags)
        equal(found[a].modseq, after.modseq, "MODSEQ")
        equal(session.fetch("(FLAGS)", since=beyond), {}, "beyond the counter")


@check("a plain move: UIDVALIDITY of Inbox stays 1, known UIDs are other messages, changes are "
       "not told", "identity 3.2", hosts=2)
def plain_move(rig):
    user = rig.user()
    ids = user.add_many(2, texts(6))
    user.action(ids[:2], "delete")
    for _ in range(20):
        user.action(ids[2], "flag")
        user.action(ids[2], "!flag")
    with imap(rig, user) as session:
        cache = ImapCache.take(session)
    data = tarball.write(rig.export(user, query="is:anywhere"))
    rig.switch(user, rig.target)
    user.load(data)
    with imap(rig, user) as session:
        outcome = cache.compare(session)
    expect(outcome.wrong > 0, "no wrong UID: %s", outcome)
    old = cache.boxes["INBOX"]
    new = outcome.now.boxes["INBOX"]
    equal((old.validity, new.validity), (1, 1), "UIDVALIDITY before and after")
    expect(new.modseq < old.modseq, "HIGHESTMODSEQ %d, was %d", new.modseq, old.modseq)


@check("STORE: flags and keywords are what SOAP calls flags and tags", "identity 3.5")
def stored(rig):
    user = rig.user()
    item = user.add(2, message("a"), f="u")
    tag = user.create_tag("two words")
    with imap(rig, user) as session:
        session.select("INBOX", writable=True)
        session.store(str(item), "+FLAGS", "\\Seen", "\\Flagged", "\\Deleted")
        user.action(item, "tag", tn="two words")
        session.select("INBOX")
        flags = session.fetch("(FLAGS)")[item].flags
        word, = flags - {"\\Seen", "\\Flagged", "\\Deleted", "\\Recent"}
        one_of(word, ["twowords:FLAG%d" % (tag - n) for n in (64, 0)], "keyword of the tag")
        entry, = rig.export(user, list=str(item), body="0")
        equal(sorted(entry.meta["FlagStr"]), ["f", "x"], "flags by SOAP")
        equal([e.id for e in rig.export(user, query="is:anywhere")], [], "an export's items")


@check("COPY makes another message, EXPUNGE removes what is \\Deleted", "identity 2")
def copied(rig):
    user = rig.user()
    item = user.add(2, message("a"))
    user.create_folder("plans")
    with imap(rig, user) as session:
        session.select("INBOX", writable=True)
        session.copy(str(item), "plans")
        session.store(str(item), "+FLAGS", "\\Deleted")
        session.ask("expunge")
        equal(session.uids(), [], "UIDs left")
        session.select("plans")
        copy, = session.uids()
        expect(copy > item, "UID of the copy %d", copy)
    equal(user.ids(), [copy], "messages")


@check("an open folder tells of what others do at the next NOOP", "zimbra 3.3")
def told(rig):
    user = rig.user()
    a, b = user.add_many(2, texts(2))
    with imap(rig, user) as session:
        session.select("INBOX")
        user.action(a, "delete")
        c = user.add(2, message("c"))
        session.noop()
        equal(session.uids(), [b, c], "UIDs")


@check("the folders shown: Inbox is INBOX, names in modified UTF-7, no calendars", "zimbra 1.10")
def listed(rig):
    user = rig.user()
    user.create_folder("Entwürfe & mehr")
    user.create_folder("below", 2)
    user.create_folder("dates", view="appointment")
    with imap(rig, user) as session:
        found = session.folders()
    expect({"INBOX", "INBOX/below", "Trash", "Sent", "Drafts",
            "Entw&APw-rfe &- mehr"} <= set(found), "folders: %s", found)
    expect(not {"Calendar", "Tasks", "Briefcase", "dates"} & set(found), "folders: %s", found)


@check("IMAP by status: no login but in active, an open session is dropped at its next command",
       "zimbra 4.1")
def by_status(rig):
    user = rig.user()
    user.add(2, message("a"))
    for state in ("locked", "closed", "maintenance", "pending", "lockout"):
        with imap(rig, user) as session:
            session.select("INBOX")
            set_status(rig, user, state)
            expect(dropped(session.noop), "in %s the session goes on", state)
        with refused("a login in " + state):
            imap(rig, user)
        set_status(rig, user, "active")


@check("a wrong password is refused", "zimbra 4.1")
def password(rig):
    user = rig.user()
    with refused("a wrong password"):
        Imap(user.home, rig.z.tls, user.name, "wrong")


@check("the plain ports greet at once, and TLS can be begun on them", "zimbra 11")
def plain_ports(rig):
    server, ports = rig.source, rig.source.ports
    with imaplib.IMAP4(server.address, ports["imap"], 30) as session:
        expect(session.welcome.startswith(b"* OK"), "IMAP greets with %r", session.welcome)
        session.starttls(rig.z.tls)
        equal(session.noop()[0], "OK", "NOOP over TLS")
    session = poplib.POP3(server.address, ports["pop"], 30)
    expect(session.getwelcome().startswith(b"+OK"), "POP3 greets with %r", session.getwelcome())
    session.stls(rig.z.tls)
    session.quit()


@check("IMAP at another server than the home: a referral to the home", "live-preseed 4", hosts=2)
def referral(rig):
    user = rig.user()
    with refused("a login there") as seen:
        imap(rig, user, rig.target)
    equal(seen["host"], rig.source.host, "host of the referral (%s)" % seen["text"])
    equal(rig.z.row(rig.target, user), None, "row there")


@check("a session on the old server goes on there after the switch; a new login is referred",
       "zimbra 3.3", hosts=2)
def after_switch(rig):
    user = rig.user()
    item = user.add(2, message("a"))
    with imap(rig, user) as session:
        session.select("INBOX")
        rig.switch(user, rig.target)
        equal(session.uids(), [item], "UIDs by the old session")
    with refused("a login on the old server") as seen:
        imap(rig, user, rig.source)
    equal(seen["host"], rig.target.host, "host of the referral")


@check("under lockout a session is dropped and a login refused", "zimbra 4.4")
def lockout(rig):
    user = rig.user()
    user.add(2, message("a"))
    with imap(rig, user) as session:
        session.select("INBOX")
        rig.z.lockout(rig.source, user, "start")
        expect(dropped(session.uids) or dropped(session.noop), "the session goes on")
    expect(dropped(lambda: imap(rig, user)) or no_login(rig, user), "a login went through")
    rig.z.lockout(rig.source, user, "end")
    with imap(rig, user) as session:
        equal(session.select("INBOX").count, 1, "messages afterwards")


def no_login(rig, user):
    with contextlib.suppress(Refused):
        with imap(rig, user):
            return False
    return True


@check("an archive's second import takes no number from a client's copy away", "identity 3.4")
def twice(rig):
    user = rig.user()
    data = tarball.write(archive_of(rig, 5))
    user.load(data)
    with imap(rig, user) as session:
        cache = ImapCache.take(session)
        user.load(data)
        outcome = cache.compare(session)
        equal((outcome.same, outcome.wrong, outcome.missed), (len(cache), 0, 0), str(outcome))


@check("a folder selected by IMAP is a session that DumpSessions lists, after the client has gone too",
       "zimbra 9.2", lab_only=True)
def session_listed(rig):
    user = rig.user()
    equal(len(of_user(rig, user, "imap")), 0, "sessions before")
    with imap(rig, user) as session:
        session.select("INBOX")
        equal(len(of_user(rig, user, "imap")), 1, "sessions")
    equal(len(of_user(rig, user, "imap")), 1, "sessions after LOGOUT")


@check("without the habit a move keeps its UID though IMAP is tracked", "identity 3.8", lab_only=True)
def kept_by_habit(rig):
    user = rig.user()
    item = user.add(2, message("a"))
    with imap(rig, user) as session, switched(rig, "habits", move_zeroes_uid=False):
        user.call("MsgActionRequest", None, el("action", {"id": item, "op": "move", "l": 5}))
        session.select("Sent")
        equal(session.uids(), [item], "UID")
