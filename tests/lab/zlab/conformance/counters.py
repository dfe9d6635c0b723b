# SPDX-License-Identifier: Apache-2.0
"""Item ids, IMAP UIDs, change numbers, UIDVALIDITY, the mailbox row."""

from ..zclient import el, message, request, MAIL
from .rig import Skip, check, equal, expect, grant, one_of, texts


@check("a fresh mailbox: last id 256, first new id 257", "identity 2")
def fresh(rig):
    user = rig.user()
    equal(user.last_id(), 256, "last id")
    equal(user.add(2, message("first")), 257, "first id")


@check("resetimapuid advances the counter by exactly the ids given, one change per request",
       "identity 2")
def burn(rig):
    user = rig.user()
    last, change = user.last_id(), user.change()
    user.burn(1)
    user.burn(137)
    equal(user.last_id(), last + 138, "last id")
    equal(user.change(), change + 2, "change counter")
    equal(user.add(2, message("next")), last + 139, "next id")
    rev = user.folders()["2"].get("rev")
    equal(rev, "1", "UIDVALIDITY of Inbox afterwards")


@check("10,000 ids in one request", "move-protocol 2.3")
def burn_many(rig):
    user = rig.user()
    last = user.last_id()
    user.burn(10000)
    equal(user.last_id(), last + 10000, "last id")


@check("resetimapuid on messages gives consecutive UIDs in the order asked", "identity 2")
def set_uids(rig):
    user = rig.user()
    a, b = user.add_many(2, texts(2))
    equal(uids(rig, user), {a: a, b: b}, "UIDs before")
    last = user.last_id()
    user.action([b, a], "resetimapuid")
    equal(uids(rig, user), {b: last + 1, a: last + 2}, "UIDs after")


def uids(rig, user):
    return {e.id: e.meta["imap_id"] for e in rig.export(user, query="is:anywhere", body="0")}


@check("a move keeps the UID until IMAP tracking is on, then zeroes it", "identity 3.8")
def moved_uid(rig):
    user = rig.user()
    a, b = user.add_many(2, texts(2))
    user.action(a, "move", l=5)
    equal(uids(rig, user)[a], a, "UID after a move without tracking")
    user.call("BeginTrackingIMAPRequest")
    user.action(b, "move", l=5)
    one_of(uids(rig, user)[b], (0, None), "UID after a move with tracking")


@check("folder, search folder, mountpoint, tag, contact take exactly one id", "identity 2")
def one_id_each(rig):
    user, other = rig.user(), rig.user()
    other.folder_action(2, "grant", grant(user.id))
    last = user.last_id()
    search = lambda: int(user.call("CreateSearchFolderRequest", None, el("search", {
        "name": "find", "query": "in:inbox", "types": "message", "l": 1})).find("search").get("id"))
    made = [user.create_folder("plans"), search(),
            int(user.create_mountpoint("theirs", other, 2).get("id")), user.create_tag("work"),
            user.create_contact(email="ann@example.net"), user.add(2, message("a"))]
    equal(made, list(range(last + 1, last + 7)), "ids")
    equal(user.last_id(), last + 6, "last id")


@check("a reply makes the conversation real: one more id", "identity 4")
def conversation(rig):
    user = rig.user()
    last = user.last_id()
    first = user.add(2, message("talk", Message_ID="<one.%s>" % user.name))
    reply = user.add(2, message("Re: talk", In_Reply_To="<one.%s>" % user.name))
    third = user.add(2, message("Re: talk", In_Reply_To="<one.%s>" % user.name))
    equal((first, reply, third), (last + 1, last + 2, last + 4), "message ids")
    equal(user.msg(first).get("cid"), str(last + 3), "conversation id")


@check("ids can be steered: folders get the ids they had", "move-protocol 2.3")
def steering(rig):
    user = rig.user()
    for wanted in (300, 301, 444):
        user.burn(wanted - 1 - user.last_id())
        equal(user.create_folder("f%d" % wanted), wanted, "folder id")
    child = user.create_folder("temporary", 1)
    user.burn(20)
    parent = user.create_folder("late parent")
    user.folder_action(child, "move", l=parent)
    user.folder_action(child, "rename", name="child")
    found = user.folders()[str(child)]
    equal((found.get("l"), found.get("name")), (str(parent), "child"), "parent, name")


@check("the change counter rises by one per change; every answer's header has it", "identity 2")
def changes(rig):
    user = rig.user()
    item, start = user.add(2, message("a"), f=""), user.change()
    steps = [("flag", {}), ("!flag", {}), ("move", {"l": 5})]
    seen = [user.action(item, op, **attrs).change for op, attrs in steps]
    equal(seen, [start + 1, start + 2, start + 3], "change tokens")
    equal(user.change(), start + 3, "change counter")


@check("a BatchRequest changes the counter once per part, in order", "identity 2")
def batched(rig):
    user = rig.user()
    tag, start = user.create_tag("bump"), None
    start = user.change()
    user.batch([request("TagActionRequest", MAIL, None, el(
        "action", {"id": tag, "op": "color", "color": n % 7 + 1})) for n in range(40)])
    equal(user.change(), start + 40, "change counter")


@check("UIDVALIDITY: system folders 1; others the change of creation or last rename, move",
       "identity 2")
def uidvalidity(rig):
    user = rig.user()
    for folder in ("2", "3", "4", "5", "6"):
        equal(user.folders()[folder].get("rev"), "1", "rev of folder " + folder)
    folder = user.create_folder("plans")
    rev = lambda: int(user.folders()[str(folder)].get("rev"))
    equal(rev(), user.change(), "rev after creation")
    created = rev()
    user.folder_action(folder, "color", color=3)
    user.add(folder, message("a"))
    equal(rev(), created, "rev after a colour and a message")
    equal(user.folder_action(folder, "rename", name="dreams").change, rev(), "after rename")
    other = user.create_folder("other")
    equal(user.folder_action(folder, "move", l=other).change, rev(), "after move")


@check("the row follows a delivery at once, and flags and moves not at all", "move-protocol 4.5")
def row(rig):
    user = rig.user()
    get = lambda: rig.z.row(rig.source, user)
    first = user.add(2, message("zero"))
    before = get()
    equal(user.deliver(message("one"))[0], 250, "LMTP")
    after = get()
    for key in ("sizeCheckPoint", "newMessages", "changeCheckPoint", "itemIdCheckPoint"):
        expect(int(after[key]) > int(before[key]), "%s: %s, then %s", key, before[key],
               after[key])
    if user.change() % 100 > 90:
        raise Skip("near a round change number")
    user.action(first, "flag")
    user.action(first, "move", l=5)
    equal(get(), after, "row after a flag and a move")


@check("the row's counters are exact after a delivery", "zimbra 3.4")
def exact_row(rig):
    user = rig.user()
    user.deliver(message("one"))
    found = rig.z.row(rig.source, user)
    equal((int(found["itemIdCheckPoint"]), int(found["changeCheckPoint"])),
          (user.last_id(), user.change()), "item and change counter")
    user.create_contact(email="ann@example.net")
    equal(rig.z.row(rig.source, user)["contactCount"], "1", "contactCount")


@check("after a reload the id counter stands at 20k+19, the row keeps the old value",
       "live-preseed 7")
def reload(rig):
    user = rig.user()
    user.add_many(2, texts(4))
    last, change = user.last_id(), user.change()
    equal(user.export(query="is:anywhere", lock="1")[0], 200, "lock=1 export")
    stored = rig.z.row(rig.source, user)
    equal(user.last_id(), last // 20 * 20 + 19, "last id after the reload of %d" % last)
    one_of(user.change(), range(change, change + 101), "change counter")
    equal(int(stored["itemIdCheckPoint"]), last, "item id in the row")


@check("GetAllMailboxes answers from a session's cache for ever", "zimbra 3.4")
def session_cache(rig):
    user = rig.user()
    session = rig.z.admin(rig.source, "GetAllMailboxesRequest", session=True).session
    expect(session, "no session was given")
    before = rig.z.row(rig.source, user, session=session)
    expect(before, "the mailbox is not listed")
    user.deliver(message("one"))
    equal(rig.z.row(rig.source, user, session=session), before, "row in the same session")
    expect(rig.z.row(rig.source, user) != before, "row without a session is as old")
