# SPDX-License-Identifier: Apache-2.0
"""Which server answers: proxying, hop count, targetServer, pinned work on a second copy."""

from ..zclient import el, message, request, MAIL
from .exports import ids
from .imports import archive_of
from . import tarball
from .rig import ALL, check, equal, expect, faults, grant, mbox, one_of, texts


@check("REST to another server before the switch reads and writes the home copy",
       "zimbra 2.1", hosts=2)
def rest_proxied(rig):
    user = rig.user()
    item = user.add(2, message("a"))
    status, data = user.export(server=rig.target, query="is:anywhere")
    equal((status, ids(tarball.read(data))), (200, [item]), "export by the other server")
    equal(user.load(tarball.write(archive_of(rig, 1)), server=rig.target)[0], 200, "import")
    equal(len(user.ids()), 2, "messages in the home copy")
    equal(rig.z.row(rig.target, user), None, "row on the other server")


@check("X-Zimbra-Hopcount: 3 refuses to proxy, and is no matter at home", "zimbra 2.3", hosts=2)
def hop_count(rig):
    user = rig.user()
    user.add(2, message("a"))
    hops = {"X-Zimbra-Hopcount": "3"}
    equal(user.export(headers=hops, query="is:anywhere")[0], 200, "status at home")
    status = user.export(server=rig.target, headers=hops, query="is:anywhere")[0]
    expect(status >= 400, "status %d at the other server", status)


@check("after the switch the old server shows the new home's content", "zimbra 2.2", hosts=2)
def rest_after(rig):
    user = rig.user()
    user.add(2, message("old"))
    rig.switch(user, rig.target)
    user.add(2, message("new"))
    status, data = user.export(server=rig.source, query="is:anywhere")
    equal((status, [e.meta["subject"] for e in tarball.read(data)]), (200, ["new"]), "export")


@check("an old session's id hits another message after a plain move", "move-protocol 2.4",
       hosts=2)
def stale_id(rig):
    user = rig.user()
    item = user.add(2, message("the old one"))
    session = user.login()
    rig.switch(user, rig.target)
    user.add(2, message("another"))
    found = user.msg(item, token=session, server=rig.source)
    equal(found.findtext("su"), "another", "subject under the old id")


@check("targetServer wants an id; a host name is account.NO_SUCH_SERVER", "move-protocol 3")
def target_by_name(rig):
    with faults("account.NO_SUCH_SERVER", what="a host name"):
        rig.z.admin(rig.source, "GetAllMailboxesRequest", target=rig.source.host)


@check("targetServer forwards an administrator's request to that server", "move-protocol 3",
       hosts=2)
def target_forwards(rig):
    here, there = rig.user(), rig.user(rig.target)
    expect(rig.z.row(rig.source, there, target=rig.target), "mailbox of the other server missing")
    equal(rig.z.row(rig.source, here, target=rig.target), None, "own mailbox in that list")
    equal(rig.z.row(rig.source, there), None, "other server's mailbox in the own list")


@check("a mail request for another server's account is proxied to its home", "zimbra 2.1",
       hosts=2)
def soap_proxied(rig):
    user = rig.user(rig.target)
    item = user.add(2, message("a"), server=rig.source)
    equal(user.ids(), [item], "messages at home")
    equal(rig.z.row(rig.source, user), None, "row on the server asked")


@check("a login on a server that is not the home looks the status up, whatever is remembered there",
       "zimbra 4.1", hosts=2)
def login_elsewhere(rig):
    user = rig.user()
    rig.z.modify(user, zimbraAccountStatus="locked")
    rig.z.flush(user)
    with faults("account.AUTH_FAILED", what="a login there while locked"):
        user.login(rig.target)
    rig.z.modify(user, zimbraAccountStatus="active")
    rig.z.flush(user, rig.source)
    user.change(token=user.login(rig.target), server=rig.target)


@check("GetMailbox is proxied to the home server and creates the mailbox there", "zimbra 3.4",
       hosts=2)
def get_mailbox(rig):
    user = rig.bare_user()
    equal(rig.z.row(rig.source, user), None, "row of a new account")
    answer = rig.z.admin(rig.target, "GetMailboxRequest", None, mbox(user))
    found = rig.z.row(rig.source, user)
    equal((answer.find("mbox").get("mbxid"), rig.z.row(rig.target, user)),
          (found and found["id"], None), "mailbox id at home, row elsewhere")


@check("pinned, without a mailbox there: service.WRONG_HOST", "live-preseed 7", hosts=2)
def pinned_without(rig):
    user = rig.user()
    with faults("service.WRONG_HOST", what="GetFolder pinned to the other server"):
        user.folders(server=rig.target, target=rig.target)


def second_copy(rig, user):
    """A mailbox on the target while the account stays at the source: a flip there alone."""
    flip = pin(rig)
    rig.z.modify(user, zimbraMailHost=rig.target.host, **flip)
    rig.z.admin(rig.target, "GetMailboxRequest", None, mbox(user), target=rig.target)
    rig.z.modify(user, zimbraMailHost=rig.source.host, **flip)
    rig.z.flush(user)


def pin(rig):
    return {"server": rig.target, "target": rig.target}


@check("a second copy can be made and filled while the account is at home elsewhere",
       "live-preseed 1", hosts=2)
def preseed(rig):
    user = rig.user()
    mine = user.add(2, message("mine"))
    second_copy(rig, user)
    row = rig.z.row(rig.target, user)
    equal([row[k] for k in ("itemIdCheckPoint", "newMessages", "sizeCheckPoint")],
          ["256", "0", "0"], "row of the fresh copy")
    expect(int(row["changeCheckPoint"]) <= 1, "change counter %s", row["changeCheckPoint"])
    user.sync()     # the first one turns tracking on, which the row shows
    before = rig.z.row(rig.source, user)
    user.burn(100, **pin(rig))
    seeded = user.add(2, message("seeded"), f="u", **pin(rig))
    equal(seeded, 357, "id in the second copy")
    equal(user.ids(**pin(rig)), [seeded], "messages of the second copy")
    equal(user.create_folder("plans", **pin(rig)), 358, "folder id in the second copy")
    user.action(seeded, "update", l=358, f="f", **pin(rig))
    equal(user.ids(folder=358, **pin(rig)), [seeded], "messages in that folder")
    equal((user.ids(), rig.z.row(rig.source, user)), ([mine], before), "home copy, its row")


@check("pinned works with the administrator's token too, and by the user's own", "live-preseed 4",
       hosts=2)
def pinned_tokens(rig):
    user = rig.user()
    second_copy(rig, user)
    item = user.add(2, message("a"), token="admin", **pin(rig))
    equal(user.ids(**pin(rig)), [item], "by delegated token")
    own = user.login()
    equal(user.ids(token=own, **pin(rig)), [item], "by the user's own token")
    rig.z.modify(user, zimbraAccountStatus="locked")
    rig.z.flush(user)
    equal(user.ids(**pin(rig)), [item], "by delegated token while locked")


@check("targetServer posted to the home server ends at home, silently", "live-preseed 2", hosts=2)
def pinned_at_home(rig):
    user = rig.user()
    mine = user.add(2, message("mine"))
    second_copy(rig, user)
    user.add(3, message("seeded"), **pin(rig))
    equal(user.ids(server=rig.source, target=rig.target), [mine], "messages")


@check("uploads for pinned AddMsg go to that server", "live-preseed 4", hosts=2)
def pinned_upload(rig):
    user = rig.user()
    second_copy(rig, user)
    data = message("up").encode()
    item = user.add(2, None, aid=user.upload(data, server=rig.target), **pin(rig))
    equal(user.ids(**pin(rig)), [item], "messages of the second copy")
    with faults("mail.NO_SUCH_UPLOAD", what="an upload of the home server"):
        user.add(2, None, aid=user.upload(data), **pin(rig))


@check("the second copy stays cached through FlushCache; LMTP and REST do not reach it",
       "live-preseed 7", hosts=2)
def preseed_alone(rig):
    user = rig.user()
    mine = user.add(2, message("mine"))
    second_copy(rig, user)
    seeded = [user.add(2, message("s%d" % n), **pin(rig)) for n in range(2)]
    rig.z.flush(user, rig.target)
    equal(user.ids(**pin(rig)), seeded, "second copy after FlushCache")
    before = rig.z.row(rig.target, user)
    one_of(user.deliver(message("mail"), server=rig.target)[0], (250, 451), "LMTP there")
    equal(rig.z.row(rig.target, user), before, "row of the second copy")
    status, data = user.export(server=rig.target, query="is:anywhere")
    expect(status == 200 and mine in ids(tarball.read(data)), "REST there showed %r",
           tarball.read(data))
    equal([e.meta["subject"] for e in tarball.read(data)][0], "mine", "first message by REST")


@check("lockout of the second copy alone: home stays open", "live-preseed 4", hosts=2)
def preseed_lockout(rig):
    user = rig.user()
    second_copy(rig, user)
    rig.z.lockout(rig.target, user, "start")
    with faults("mail.MAINTENANCE", what="the second copy"):
        user.ids(**pin(rig))
    equal(user.deliver(message("mail"))[0], 250, "LMTP at home")
    rig.z.lockout(rig.target, user, "end")
    equal(user.ids(**pin(rig)), [], "second copy afterwards")


@check("an evicted copy: WRONG_HOST; a search in a local account's folder brings it back",
       "live-preseed 7", hosts=2)
def eviction(rig):
    user, keeper = rig.user(), rig.user(rig.target)
    keeper.folder_action(2, "grant", grant(ALL, "r", "all"))
    second_copy(rig, user)
    seeded = user.add_many(2, texts(3), **pin(rig))
    rig.z.modify(user, zimbraMailHost=rig.target.host, **pin(rig))
    rig.z.flush(user)
    equal(user.export(server=rig.target, query="is:anywhere", lock="1")[0], 200, "lock=1 export")
    rig.z.modify(user, zimbraMailHost=rig.source.host, **pin(rig))
    rig.z.flush(user)
    with faults("service.WRONG_HOST", what="the evicted copy"):
        user.ids(**pin(rig))
    user.call("SearchRequest", {"types": "message", "limit": 1}, el("query", None, "inid:2"),
              server=rig.target, account=keeper.name)
    equal(user.ids(**pin(rig)), seeded, "second copy after the search")


@check("the search does not make a mailbox that is not there", "live-preseed 3", hosts=2)
def keeper_makes_nothing(rig):
    user, keeper = rig.user(), rig.user(rig.target)
    keeper.folder_action(2, "grant", grant(ALL, "r", "all"))
    user.call("SearchRequest", {"types": "message", "limit": 1}, el("query", None, "inid:2"),
              server=rig.target, account=keeper.name)
    equal(rig.z.row(rig.target, user), None, "row")


@check("a pinned batch: burn and AddMsg in order give the source's ids", "live-preseed 5", hosts=2)
def pinned_batch(rig):
    user = rig.user()
    second_copy(rig, user)
    bodies = [request("ItemActionRequest", MAIL, None,
                      el("action", {"id": "2,2,2", "op": "resetimapuid"})),
              user.add_request(2, message("a")), user.add_request(2, message("b")),
              request("GetLastItemIdInMailboxRequest", MAIL)]
    parts = user.batch(bodies, **pin(rig))
    equal([parts[1].find("m").get("id"), parts[2].find("m").get("id"), parts[3].get("id")],
          ["260", "261", "261"], "ids")
