# SPDX-License-Identifier: Apache-2.0
"""Who has a session: DumpSessions, GetSessions; and who wrote, as Sync dates it."""

from ..zclient import Fault, message
from .labonly import lab, switched
from .rig import check, equal, expect


def dump(rig, **attrs):
    return rig.z.admin(rig.source, "DumpSessionsRequest", {"listSessions": "1", **attrs})


def of_user(rig, user, kind="soap"):
    """The user's sessions of that kind, as DumpSessions lists them."""
    node = dump(rig).find(kind)
    return [] if node is None else [s for s in node.findall("s") if s.get("zid") == user.id]


@check("DumpSessions lists each session with account and last use, and their whole number",
       "zimbra 9.2")
def listed(rig):
    user = rig.user()
    session = user.call("NoOpRequest", session=True).session
    expect(session, "no session was given")
    first, = of_user(rig, user)
    equal((first.get("name"), first.get("sid")), (user.name, session), "name, sid")
    created, used = int(first.get("cd")), int(first.get("ld"))
    expect(1 << 40 < created <= used, "cd %d, ld %d are no milliseconds", created, used)
    for _ in range(50):     # both may fall into one millisecond
        user.call("NoOpRequest", session=session)
        again, = of_user(rig, user)
        if int(again.get("ld")) > used:
            break
    expect(int(again.get("ld")) > used, "the last use did not move: %s", again.get("ld"))
    answer = dump(rig)
    counted = sum(len(kind.findall("s")) for kind in answer.body)
    equal(int(answer.get("activeSessions")), counted, "activeSessions")
    grouped = [z for z in dump(rig, groupByAccount="1").find("soap").findall("zid")
               if z.get("id") == user.id]
    equal([s.get("zid") for z in grouped for s in z.findall("s")], [None], "grouped sessions")


@check("a request without a session leaves none", "zimbra 9.2")
def without(rig):
    user = rig.user()
    user.call("NoOpRequest")
    equal(of_user(rig, user), [], "sessions")


@check("GetSessions answers from an administrator's session unless refresh=1", "zimbra 9.2")
def kept(rig):
    user = rig.user()

    def ask(session, **attrs):
        answer = rig.z.admin(rig.source, "GetSessionsRequest", {"type": "soap", **attrs},
                             session=session)
        return answer, [s.get("zid") for s in answer.findall("s")].count(user.id)
    answer, before = ask(True)
    user.call("NoOpRequest", session=True)
    equal((before, ask(answer.session)[1]), (0, 0), "sessions, before and from the cache")
    equal(ask(answer.session, refresh="1")[1], 1, "sessions with refresh=1")
    equal(ask(False)[1], 1, "sessions asked without a session")
    try:
        ask(False, type="carrier-pigeon")
        expect(False, "a type that is none was taken")
    except Fault as fault:
        equal(fault.code, "service.INVALID_REQUEST", "a type that is none")


@check("an IMAP session lingers when nobody uses it, and is swept later", "zimbra 9.2",
       lab_only=True)
def lingering(rig):
    user = rig.user()
    lab(rig, "sessions", {"account": user.id, "kind": "imap"})
    with switched(rig, "habits", imap_session_lingers_s=0.0):
        found, = of_user(rig, user, "imap")
        expect(found.find("imap") is not None, "no state of the selected folder")
    with switched(rig, "habits", session_list_is_short=True):
        answer = dump(rig)
        counted = sum(len(kind.findall("s")) for kind in answer.body)
        expect(int(answer.get("activeSessions")) > counted, "the list is whole")


@check("a delta dates each change; a mail that came in is saved and not touched since",
       "zimbra 5.1")
def dated(rig):
    user = rig.user()
    old = user.add(2, message("old"))
    start = user.sync().get("token")
    user.action(old, "flag")
    new = user.add(2, message("new"))
    found = {int(n.get("id")): n for n in user.sync(start).findall("m")}
    equal(sorted(found), sorted([old, new]), "changed")
    for node in found.values():
        expect(1 << 30 < int(node.get("md")) < 1 << 32, "md is no second: %r", node.attrib)
    equal(found[new].get("rev"), found[new].get("ms"), "rev and ms of the new one")
    expect(int(found[old].get("rev")) < int(found[old].get("ms")), "the flagged one: %r",
           found[old].attrib)


@check("a mail that joins a thread touches the first one, in its own change", "zimbra 5.1")
def threads(rig):
    user = rig.user()
    first = user.add(2, message("plans", Message_ID="<first@example.net>"))
    start = user.sync().get("token")
    reply = user.add(2, message("Re: plans", In_Reply_To="<first@example.net>",
                                References="<first@example.net>"))
    found = {int(n.get("id")): n for n in user.sync(start).findall("m")}
    equal(found[reply].get("rev"), found[reply].get("ms"), "rev and ms of the reply")
    if first in found:
        equal(found[first].get("ms"), found[reply].get("ms"), "the change of both")
