# SPDX-License-Identifier: Apache-2.0
"""Grants and mountpoints, and what a move of the owner does to them."""

from ..zclient import el, message
from . import tarball
from .imports import must_load
from .rig import ALL, PUB, check, equal, expect, faults, grant


def link(user, link_id):
    """The mountpoint as GetFolder tr=1 shows it."""
    answer = user.call("GetFolderRequest", {"tr": "1"})
    found = [n for n in answer.iter() if n.tag in ("link", "folder")
             and n.get("id") == str(link_id)]
    expect(found, "mountpoint %s is not listed", link_id)
    return found[0]


def shared(rig, home=None):
    """(owner, friend, folder, link): a folder of owner with one message, mounted by friend."""
    owner, friend = rig.user(home), rig.user()
    owner.burn(50)
    folder = owner.create_folder("plans", 1, el("acl", None, grant(friend.id)))
    owner.add(folder, message("shared"))
    node = friend.create_mountpoint("theirs", owner, folder)
    return owner, friend, folder, node


@check("CreateFolder's grants need zid, also for pub and all", "identity 3.9")
def grant_zid(rig):
    user = rig.user()
    with faults(what="a pub grant without zid"):
        user.create_folder("a", 1, el("acl", None, el("grant", {"gt": "pub", "perm": "r"})))
    folder = user.create_folder("b", 1, el("acl", None, grant(PUB, "r", "pub"),
                                           grant(ALL, "rw", "all")))
    found = {g.get("gt"): g.get("perm") for g in user.folders()[str(folder)].iter("grant")}
    equal(found, {"pub": "r", "all": "rw"}, "grants")


@check("a mountpoint: zid, rid, rest; read through it works; not broken", "zimbra 10.3")
def mountpoint(rig):
    owner, friend, folder, node = shared(rig)
    equal((node.get("zid"), node.get("rid"), node.get("name")), (owner.id, str(folder), "theirs"),
          "zid, rid, name")
    equal(link(friend, node.get("id")).get("broken"), None, "broken")
    equal(len(friend.search("in:theirs")), 1, "messages seen through the mountpoint")


@check("no right on the folder: no mountpoint, no search", "zimbra 10.1")
def no_right(rig):
    owner, friend = rig.user(), rig.user()
    with faults("service.PERM_DENIED", "mail.NO_SUCH_FOLDER", what="reading another's mailbox"):
        friend.call("SearchRequest", {"types": "message"}, el("query", None, "inid:2"),
                    account=owner.name)
    folder = owner.create_folder("mine")
    with faults(what="a mountpoint to a folder without grant"):
        friend.create_mountpoint("theirs", owner, folder)


@check("FolderAction update with rid is taken and ignored; CreateMountpoint fie=1 changes nothing",
       "move-protocol 4.10")
def cannot_repoint(rig):
    owner, friend, folder, node = shared(rig)
    other = owner.create_folder("other", 1, el("acl", None, grant(friend.id)))
    friend.folder_action(node.get("id"), "update", rid=other, zid=owner.id)
    rid = lambda: friend.folders()[node.get("id")].get("rid")
    equal(rid(), str(folder), "rid after FolderAction update")
    friend.create_mountpoint("theirs", owner, other, fie="1")
    equal(rid(), str(folder), "rid after CreateMountpoint fie=1")
    friend.folder_action(node.get("id"), "delete")
    new = friend.create_mountpoint("theirs", owner, other)
    equal((new.get("rid"), new.get("id") != node.get("id")), (str(other), True),
          "rid, new id after delete and CreateMountpoint")


@check("owner moved by tgz alone: the mountpoint breaks, and finds nothing without a fault",
       "move-protocol 4.10", hosts=2)
def naive(rig):
    owner, friend, folder, node = shared(rig)
    structure = rig.export(owner, list=str(folder))
    content = rig.export(owner, query="is:anywhere")
    rig.switch(owner, rig.target)
    must_load(owner, structure, resolve="modify")
    must_load(owner, content)
    new = [f for f in owner.folders().values() if f.get("name") == "plans"][0]
    expect(new.get("id") != str(folder), "the folder kept its id %d by chance", folder)
    equal([g.get("zid") for g in new.iter("grant")], [friend.id], "grants after tgz")
    equal(link(friend, node.get("id")).get("broken"), "1", "broken")
    equal(len(friend.search("in:theirs")), 0, "messages seen through the mountpoint")


@check("owner moved with steered ids: the mountpoint works as before", "move-protocol 2.3",
       hosts=2)
def steered(rig):
    owner, friend, folder, node = shared(rig)
    content = rig.export(owner, query="is:anywhere")
    rig.switch(owner, rig.target)
    owner.burn(folder - 1 - owner.last_id())
    equal(owner.create_folder("plans", 1, el("acl", None, grant(friend.id))), folder, "id")
    must_load(owner, content)
    equal(link(friend, node.get("id")).get("broken"), None, "broken")
    equal(len(friend.search("in:theirs")), 1, "messages seen through the mountpoint")
    equal(friend.folders()[node.get("id")].get("rid"), str(folder), "rid")


@check("grantee moved: the imported mountpoint points at the same owner and folder",
       "zimbra 10.2", hosts=2)
def grantee_moved(rig):
    owner, friend, folder, node = shared(rig)
    archive = rig.export(friend, list=node.get("id"))
    equal([e.type for e in archive], [tarball.TYPES["link"]], "entry types")
    rig.switch(friend, rig.target)
    must_load(friend, archive)
    new = [f for f in friend.folders().values() if f.get("name") == "theirs"][0]
    equal((new.get("zid"), new.get("rid")), (owner.id, str(folder)), "zid, rid")
    equal(len(friend.search("in:theirs")), 1, "messages seen through the mountpoint")
