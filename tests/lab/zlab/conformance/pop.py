# SPDX-License-Identifier: Apache-2.0
"""What a mail program sees by POP3: Inbox, and what UIDL calls its mails."""

import base64
import hashlib

from ..mailcache import PopCache
from ..mailclient import Pop
from ..zclient import message
from .imap import refused
from .rig import check, equal, expect, texts
from .status import set_status
from . import tarball


def pop(rig, user, server=None):
    return Pop(server or user.home, rig.z.tls, user.name, user.password)


def uidl(item, text):
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode().replace("/", ",")
    return "%d.%s" % (item, digest)


@check("UIDL is id.digest; Inbox alone is shown, without what is \\Deleted", "zimbra 1.9")
def uidls(rig):
    user = rig.user()
    mails = texts(4)
    ids = user.add_many(2, mails)
    user.action(ids[3], "update", f="x")
    user.add(5, message("sent"))
    with pop(rig, user) as session:
        equal(sorted(session.uidls()), sorted(uidl(i, m) for i, m in zip(ids[:3], mails)), "UIDLs")
        bodies = {session.retr(n) for n in session.uidls().values()}
        equal(bodies, {m.encode() for m in mails[:3]}, "mails")


@check("a deleted one is gone after QUIT", "zimbra 1.9")
def deleted(rig):
    user = rig.user()
    a, b = user.add_many(2, texts(2))
    with pop(rig, user) as session:
        number, = [n for name, n in session.uidls().items() if name.startswith("%d." % a)]
        session.session.dele(number)
    equal(user.ids(), [b], "messages")


@check("a plain move gives every mail another UIDL: all is downloaded twice", "zimbra 1.9", hosts=2)
def plain_move(rig):
    user = rig.user()
    ids = user.add_many(2, texts(4))
    user.action(ids[0], "delete")
    with pop(rig, user) as session:
        cache = PopCache.take(session)
    data = tarball.write(rig.export(user, query="is:anywhere"))
    rig.switch(user, rig.target)
    user.load(data)
    with pop(rig, user) as session:
        outcome = cache.compare(session)
    equal((outcome.kept, outcome.twice, outcome.missing), (0, 3, 0), str(outcome))


@check("POP3 by status: no login but in active", "zimbra 4.1")
def by_status(rig):
    user = rig.user()
    user.add(2, message("a"))
    for state in ("locked", "closed", "maintenance", "pending", "lockout"):
        set_status(rig, user, state)
        with refused("a login in " + state):
            pop(rig, user)
    set_status(rig, user, "active")
    with pop(rig, user) as session:
        equal(len(session.uidls()), 1, "mails")


@check("POP3 on another server: refused where no mailbox is loaded, the old copy where one is",
       "zimbra 3.3", hosts=2)
def elsewhere(rig):
    user = rig.user()
    item = user.add(2, message("old"))
    with refused("a login there"):
        pop(rig, user, rig.target)
    rig.switch(user, rig.target)
    user.add(2, message("new"))
    with pop(rig, user, rig.source) as session:
        names = list(session.uidls())
    expect(len(names) == 1 and names[0].startswith("%d." % item), "UIDLs on the old server: %s", names)
