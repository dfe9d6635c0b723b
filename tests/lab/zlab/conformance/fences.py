# SPDX-License-Identifier: Apache-2.0
"""LockoutMailbox, the switch of zimbraMailHost, and mail in flight between the two."""

from ..zclient import Lmtp, message
from .rig import check, equal, expect, faults, mbox, one_of


@check("lockout: LMTP 451, SOAP mail.MAINTENANCE, REST 404; the row is still listed",
       "move-protocol 4.5")
def lockout(rig):
    user = rig.user()
    user.add(2, message("a"))
    own = user.login()
    rig.z.lockout(rig.source, user, "start")
    equal(user.deliver(message("b"))[0], 451, "LMTP")
    for name, how in (("own token", {"token": own}), ("delegated token", {}),
                      ("administrator", {"token": "admin"})):
        with faults("mail.MAINTENANCE", what="Sync with " + name):
            user.sync(**how)
    with faults("mail.MAINTENANCE", what="GetMailbox"):
        rig.z.admin(rig.source, "GetMailboxRequest", None, mbox(user))
    equal(user.export(query="is:anywhere")[0], 404, "REST")
    expect(rig.z.row(rig.source, user), "GetAllMailboxes does not list the mailbox")
    rig.z.lockout(rig.source, user, "end")
    equal(user.deliver(message("c"))[0], 250, "LMTP after the end")
    equal(len(user.ids()), 2, "messages after the end")


@check("lockout: second start mail.MAINTENANCE, second end service.NOT_FOUND",
       "move-protocol 4.5")
def lockout_twice(rig):
    user = rig.user()
    rig.z.lockout(rig.source, user, "start")
    with faults("mail.MAINTENANCE", what="a second start"):
        rig.z.lockout(rig.source, user, "start")
    rig.z.lockout(rig.source, user, "end")
    with faults("service.NOT_FOUND", what="a second end"):
        rig.z.lockout(rig.source, user, "end")


@check("lockout start on the wrong server: service.WRONG_HOST", "move-protocol 4.5", hosts=2)
def lockout_elsewhere(rig):
    user = rig.user()
    with faults("service.WRONG_HOST", what="start on the other server"):
        rig.z.lockout(rig.target, user, "start")


@check("lockout end works after the switch", "move-protocol 4.5", hosts=2)
def lockout_end(rig):
    user = rig.user()
    rig.z.lockout(rig.source, user, "start")
    rig.switch(user, rig.target)
    rig.z.lockout(rig.source, user, "end")
    rig.z.delete_mailbox(rig.source, user, target=rig.source)
    equal(rig.z.row(rig.source, user), None, "row on the old server")


@check("the switch: ModifyAccount zimbraMailHost sets zimbraMailTransport with it",
       "zimbra 3.1", hosts=2)
def switch(rig):
    user = rig.user()
    rig.switch(user, rig.target)
    found = rig.z.attributes(user, "zimbraMailHost", "zimbraMailTransport")
    equal(found["zimbraMailHost"], [rig.target.host], "zimbraMailHost")
    equal(found["zimbraMailTransport"],
          ["lmtp:%s:%d" % (rig.target.host, rig.target.ports["lmtp"])], "zimbraMailTransport")
    equal(rig.z.row(rig.target, user), None, "row on the new server before any access")
    equal(user.last_id(), 256, "last id of the new mailbox, made at the first access")
    expect(rig.z.row(rig.source, user), "the old row is gone")


@check("the switch may be sent to either server", "move-protocol 4.6", hosts=2)
def switch_by_target(rig):
    user = rig.user()
    user.add(2, message("old"))
    rig.z.modify(user, server=rig.target, zimbraMailHost=rig.target.host)
    # No flush: the request was carried out at the old home, which therefore knows.
    user.home = rig.target
    equal(user.deliver(message("new"))[0], 250, "LMTP at the new server")
    equal([user.msg(i).findtext("su") for i in user.ids()], ["new"], "messages at home")
    equal([user.msg(i, server=rig.source).findtext("su") for i in user.ids()], ["new"],
          "messages when the old server is asked")


@check("the switch is refused: unknown server, custom transport, both attributes at once",
       "zimbra 3.1", hosts=2)
def switch_refused(rig):
    user = rig.user()
    with faults(what="an unknown server"):
        rig.z.modify(user, zimbraMailHost="nowhere.example.invalid")
    with faults("service.INVALID_REQUEST", what="host and transport in one request"):
        rig.z.modify(user, zimbraMailHost=rig.target.host,
                     zimbraMailTransport="lmtp:%s:7025" % rig.target.host)
    rig.z.modify(user, zimbraMailTransport="smtp:elsewhere.example.invalid")
    with faults("service.INVALID_REQUEST", what="a custom transport"):
        rig.z.modify(user, zimbraMailHost=rig.target.host)
    equal(rig.z.attributes(user, "zimbraMailHost")["zimbraMailHost"], [rig.source.host], "host")


def past_rcpt(rig, user):
    """An LMTP transaction that has its RCPT accepted and waits."""
    session = Lmtp(rig.source)
    equal(session.rcpt(user.name)[0], 250, "RCPT")
    return session


@check("mail in flight at the switch, lockout on: 451 and the old copy unchanged",
       "move-protocol 2.1", hosts=2)
def in_flight_fenced(rig):
    user = rig.user()
    user.add(2, message("a"))
    with past_rcpt(rig, user) as session:
        rig.z.lockout(rig.source, user, "start")
        before = rig.z.row(rig.source, user)
        rig.switch(user, rig.target)
        equal(session.data(message("in flight"))[0], 451, "DATA")
    equal(rig.z.row(rig.source, user), before, "row on the old server")


@check("mail in flight at the switch, no lockout: 250 into the orphan, lost",
       "move-protocol 2.1", hosts=2)
def in_flight_lost(rig):
    user = rig.user()
    user.add(2, message("a"))
    before = rig.z.row(rig.source, user)
    with past_rcpt(rig, user) as session:
        rig.switch(user, rig.target)
        equal(session.data(message("in flight"))[0], 250, "DATA")
    after = rig.z.row(rig.source, user)
    expect(int(after["sizeCheckPoint"]) > int(before["sizeCheckPoint"]),
           "the old copy did not grow: %r", after)
    equal(user.ids(), [], "messages at the new home")


@check("LMTP at the wrong server: relayed home or 451, never kept", "zimbra 6.4", hosts=2)
def relay(rig):
    user = rig.user()
    code, _ = user.deliver(message("a"), server=rig.target)
    one_of(code, (250, 451), "LMTP")
    equal(len(user.ids()), 1 if code == 250 else 0, "messages at home")
    equal(rig.z.row(rig.target, user), None, "row on the wrong server")


@check("a stale cache: the old server goes on serving its copy until FlushCache",
       "live-preseed 3", hosts=2)
def stale_cache(rig):
    user = rig.user()
    user.add(2, message("a"))
    user.token()
    # Carried out on the new server alone, so the old one is not told.
    rig.z.modify(user, server=rig.target, target=rig.target, zimbraMailHost=rig.target.host)
    equal(user.deliver(message("stale"))[0], 250, "LMTP at the old server")
    equal(len(user.ids()), 2, "messages the old server shows")
    rig.z.flush(user, rig.source)
    equal(user.ids(), [], "messages it shows after FlushCache (those of the new home)")
    one_of(user.deliver(message("new"))[0], (250, 451), "LMTP after FlushCache")
    user.home = rig.target
    expect(len(user.ids()) <= 1, "messages at the new home: %r", user.ids())
