# SPDX-License-Identifier: Apache-2.0
"""Account status and tokens: who gets in, at LMTP, SOAP and REST."""

from ..zclient import Fault, Lmtp, message
from .rig import check, equal, expect, mbox, one_of

STATES = ("active", "maintenance", "locked", "closed", "pending", "lockout")


def set_status(rig, user, state):
    rig.z.modify(user, zimbraAccountStatus=state)
    rig.z.flush(user)


def code_of(action):
    try:
        action()
    except Fault as fault:
        return fault.code
    return "ok"


@check("LMTP by status: 250; maintenance 450; closed and pending 550", "zimbra 4.1")
def lmtp(rig):
    user = rig.user()
    got = {}
    for state in STATES:
        set_status(rig, user, state)
        got[state] = user.deliver(message(state))[0]
    equal(got, {"active": 250, "maintenance": 450, "locked": 250, "closed": 550,
                "pending": 550, "lockout": 250}, "LMTP")
    set_status(rig, user, "active")
    equal(len(user.ids()), 3, "messages delivered")


@check("LMTP: an unknown recipient is 550", "zimbra 4.1")
def lmtp_unknown(rig):
    with Lmtp(rig.source) as session:
        equal(session.rcpt("zmferry-check-nobody@" + rig.z.domain)[0], 550, "RCPT")


@check("SOAP by status: own token, delegated token, administrator on behalf", "zimbra 4.1")
def soap(rig):
    user = rig.user()
    own, delegated = user.login(), user.token()
    for state in STATES:
        set_status(rig, user, state)
        active, shut = state == "active", state == "maintenance"
        equal(code_of(lambda: user.change(token=own)),
              "ok" if active else "service.AUTH_EXPIRED", "own token in " + state)
        equal(code_of(lambda: user.change(token=delegated)),
              "service.AUTH_EXPIRED" if shut else "ok", "delegated token in " + state)
        equal(code_of(lambda: user.sync(token="admin")),
              "account.ACCOUNT_INACTIVE" if shut else "ok", "administrator in " + state)
        login = code_of(user.login)
        expect((login == "ok") == active, "login in %s: %s", state, login)
        if shut:
            equal(login, "account.MAINTENANCE_MODE", "login in maintenance")
        rig.z.admin(rig.source, "GetMailboxRequest", None, mbox(user))
    equal(user.z.row(rig.source, user) is not None, True, "row is listed")


@check("REST by status: open to the administrator but in maintenance, seen as 404", "zimbra 4.1")
def rest(rig):
    user = rig.user()
    user.add(2, message("a"))
    got = {}
    for state in STATES:
        set_status(rig, user, state)
        got[state] = user.export(query="is:anywhere")[0]
    equal(got, {s: 404 if s == "maintenance" else 200 for s in STATES}, "REST")


@check("the administrator's token on the mail port is refused: 404", "zimbra 2.4")
def mail_port(rig):
    user = rig.user()
    user.add(2, message("a"))
    one_of(user.export(port="mail", query="is:anywhere")[0], (401, 403, 404), "status")


@check("the user's own token exports his mailbox on the mail port", "zimbra 2.4")
def own_rest(rig):
    user = rig.user()
    user.add(2, message("a"))
    equal(user.export(port="mail", token=user.login(), query="is:anywhere")[0], 200, "status")


@check("a status change sets zimbraMailStatus: closed disables, anything else enables",
       "zimbra 4.1")
def mail_status(rig):
    user = rig.user()
    read = lambda: rig.z.attributes(user, "zimbraMailStatus").get("zimbraMailStatus")
    rig.z.modify(user, zimbraMailStatus="disabled")
    equal(read(), ["disabled"], "after setting it")
    set_status(rig, user, "locked")
    equal(read(), ["enabled"], "after status locked")
    set_status(rig, user, "closed")
    equal(read(), ["disabled"], "after status closed")
    rig.z.modify(user, zimbraAccountStatus="active", zimbraMailStatus="disabled")
    equal(read(), ["disabled"], "when both are given")


@check("a new zimbraAuthTokenValidityValue ends all of the user's tokens, on every server",
       "move-protocol 2.4")
def validity(rig):
    user = rig.user()
    own, delegated = user.login(), user.token()
    user.change(token=own)
    rig.z.modify(user, zimbraAuthTokenValidityValue="12345")
    rig.z.flush(user)
    for server in rig.z.servers:
        for name, old in (("own", own), ("delegated", delegated)):
            equal(code_of(lambda: user.change(token=old, server=server)),
                  "service.AUTH_EXPIRED", "%s token on %s" % (name, server))
    user.change(token=user.login())
    user.change(token=user.token(fresh=True))


@check("quota 1 freezes mail, 452, while the administrator works on", "move-protocol 2.2")
def quota_freeze(rig):
    user = rig.user()
    item = user.add(2, message("a"))
    rig.z.modify(user, zimbraAccountStatus="locked", zimbraMailQuota="1",
                 zimbraMailAllowReceiveButNotSendWhenOverQuota="FALSE")
    rig.z.flush(user)
    code, text = user.deliver(message("frozen"))
    equal(code, 452, "LMTP (%s)" % text)
    equal(user.ids(), [item], "messages by Sync")
    equal(user.export(query="is:anywhere")[0], 200, "export")
    last = user.last_id()
    user.burn(10)
    equal(user.create_folder("plans"), last + 11, "folder id")
    if rig.target:
        rig.switch(user, rig.target)
        user.burn(10)
        equal(user.deliver(message("frozen"))[0], 452, "LMTP at the new home")
    rig.z.modify(user, zimbraAccountStatus="active", zimbraMailQuota="",
                 zimbraMailAllowReceiveButNotSendWhenOverQuota="")
    rig.z.flush(user)
    equal(user.deliver(message("thawed"))[0], 250, "LMTP afterwards")


@check("with AllowReceiveButNotSend set, mail over quota is taken", "move-protocol 2.2")
def over_quota_receive(rig):
    user = rig.user(zimbraMailQuota="1", zimbraMailAllowReceiveButNotSendWhenOverQuota="TRUE")
    equal(user.deliver(message("a"))[0], 250, "LMTP")


@check("GetQuotaUsage lists the accounts homed here, with use and limit", "zimbra 3.4")
def quota_usage(rig):
    user = rig.user(zimbraMailQuota="1000000")
    text = message("a")
    user.add(2, text)
    answer = rig.z.admin(rig.source, "GetQuotaUsageRequest", {"refresh": "1"},
                         target=rig.source)
    found = [a for a in answer.findall("account") if a.get("id") == user.id]
    equal([(a.get("used"), a.get("limit")) for a in found], [(str(len(text)), "1000000")],
          "used, limit")


@check("ModifyAccount: +attr and -attr add and remove one value", "zimbra 9.2")
def plus_minus(rig):
    user = rig.user()
    read = lambda: sorted(rig.z.attributes(user, "zimbraPrefWhenInFolderIds").get(
        "zimbraPrefWhenInFolderIds", []))
    for change, wanted in ((("+", "3"), ["3"]), (("+", "4"), ["3", "4"]), (("-", "3"), ["4"])):
        rig.z.modify(user, **{change[0] + "zimbraPrefWhenInFolderIds": change[1]})
        equal(read(), wanted, "after %s%s" % change)
    rig.z.modify(user, zimbraPrefWhenInFolderIds="")
    equal(read(), [], "after an empty value")
