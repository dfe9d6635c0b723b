# SPDX-License-Identifier: Apache-2.0
"""SyncRequest: the authoritative list, deltas, tombstones, tokens."""

from ..zclient import el, message
from .rig import check, equal, expect, faults, grant, texts


def token(user):
    return user.sync().get("token")


def deleted(answer):
    node = answer.find("deleted")
    found = node.get("ids") if node is not None else None
    return sorted(map(int, found.split(","))) if found else []


def changed(answer, tag):
    return sorted(int(n.get("id")) for n in answer.body if n.tag == tag)


@check("the initial Sync lists every item, with Trash, Junk and \\Deleted", "zimbra 5.1")
def initial(rig):
    user = rig.user()
    folder = user.create_folder("plans")
    items = [user.add(f, message("m%d" % f)) for f in (2, 3, 4, folder)]
    user.action(items[0], "update", f="x")
    person = user.create_contact(email="ann@example.net")
    wanted = {("m", i): f for i, f in zip(items, (2, 3, 4, folder))}
    equal(user.listing(), {**wanted, ("c", person): 7}, "items")
    answer = user.sync()
    expect(answer.get("token"), "no token")
    expect(str(folder) in [f.get("id") for f in answer.iter("folder")], "folder not in tree")


@check("a delta names new, changed and deleted items; an empty one keeps quiet", "zimbra 5.1")
def delta(rig):
    user = rig.user()
    a, b = user.add_many(2, texts(2))
    start = token(user)
    equal((changed(user.sync(start), "m"), deleted(user.sync(start))), ([], []), "empty delta")
    user.action(a, "flag")
    user.action(b, "delete")
    new = user.add(2, message("new"))
    answer = user.sync(start)
    equal((changed(answer, "m"), deleted(answer)), ([a, new], [b]), "changed, deleted")
    node = [n for n in answer.findall("m") if n.get("id") == str(a)][0]
    expect("f" in node.get("f", ""), "changed flag not in the delta: %r", node.attrib)
    after = answer.get("token")
    expect(after != start, "the token did not move")
    equal((changed(user.sync(after), "m"), deleted(user.sync(after))), ([], []), "next delta")


@check("a new message in a delta carries no f and no tn", "live-preseed 6.3")
def new_without_flags(rig):
    user = rig.user()
    user.create_tag("work")
    start = token(user)
    new = user.add(2, message("new"), f="uf", tn="work")
    node, = user.sync(start).findall("m")
    equal(node.get("id"), str(new), "id")
    equal((node.get("f"), node.get("tn"), node.get("t")), (None, None, None), "f, tn, t")
    expect(node.get("l") == "2" and node.get("d"), "no l or d: %r", node.attrib)


@check("folder rename or grant: the folder alone; tag rename: tag and items; tag delete: id",
       "move-protocol 4.2")
def folders_and_tags(rig):
    user, friend = rig.user(), rig.user()
    folder, tag = user.create_folder("plans"), user.create_tag("work")
    item = user.add(folder, message("a"), tn="work")
    start = token(user)
    user.folder_action(folder, "rename", name="dreams")
    user.folder_action(folder, "grant", grant(friend.id))
    answer = user.sync(start)
    equal((changed(answer, "folder"), changed(answer, "m")), ([folder], []), "after rename")
    start = answer.get("token")
    user.call("TagActionRequest", None, tag_action(tag, "rename", name="play"))
    answer = user.sync(start)
    equal((changed(answer, "tag"), changed(answer, "m")), ([tag], [item]), "after tag rename")
    start = answer.get("token")
    user.call("TagActionRequest", None, tag_action(tag, "delete"))
    answer = user.sync(start)
    equal((deleted(answer), changed(answer, "m")), ([tag], [item]), "after tag delete")


def tag_action(tag, op, **attrs):
    return el("action", {"id": tag, "op": op, **attrs})


@check("mark folder read: every item; empty with sub-folders: every id", "move-protocol 4.2")
def bulk(rig):
    user = rig.user()
    below = user.create_folder("below", 3)
    items = [user.add(f, message("m"), f="u") for f in (3, 3, below)]
    start = token(user)
    user.folder_action(3, "read", recursive="1")
    equal(changed(user.sync(start), "m"), items, "items after read")
    user.folder_action(3, "empty", recursive="1")
    gone = deleted(user.sync(start))
    expect(set(items) | {below} <= set(gone), "deleted %r, items %r, folder %d",
           gone, items, below)


@check("a move keeps the id and shows the new folder", "zimbra 5.1")
def moved(rig):
    user = rig.user()
    item = user.add(2, message("a"))
    start = token(user)
    user.action(item, "move", l=5)
    node, = user.sync(start).findall("m")
    equal((node.get("id"), node.get("l")), (str(item), "5"), "id, folder")


@check("a token from before the first Sync is refused: mail.MUST_RESYNC", "move-protocol 6")
def must_resync(rig):
    user = rig.user()
    user.add_many(2, texts(3))
    before = user.change()
    user.add_many(2, texts(3))
    user.sync()
    with faults("mail.MUST_RESYNC", what="Sync with a token from before tracking"):
        user.sync(str(before - 1))


@check("a token from after the first Sync is good, though later ones were given", "identity 3.1")
def any_token(rig):
    user = rig.user()
    first = int(token(user))
    user.add_many(2, texts(10))
    user.sync()
    equal(len(changed(user.sync(str(first + 5)), "m")) > 0, True, "items since the middle")


@check("a token beyond the change counter: an empty answer, no fault, also later",
       "identity 3.1")
def token_from_the_future(rig):
    user = rig.user()
    user.sync()
    future = str(user.change() + 1000)
    for _ in range(2):
        answer = user.sync(future)
        equal((changed(answer, "m"), deleted(answer)), ([], []), "items")
        user.add(2, message("not seen"))


@check("a first Sync after the bump answers the source's token with MUST_RESYNC", "identity 3.1")
def bump_before_sync(rig):
    source, user = rig.user(), rig.user()
    source.add_many(2, texts(20))
    old = token(source)
    item = user.add(2, message("a"))
    while user.change() <= int(old):
        user.action(item, "flag")
        user.action(item, "!flag")
    user.sync()
    with faults("mail.MUST_RESYNC", what="the source's token"):
        user.sync(old)


@check("the administrator's Sync on behalf sees the same changes; ids then name the account",
       "move-protocol 3")
def on_behalf(rig):
    user = rig.user()
    start = token(user)
    item = user.add(2, message("a"))
    found = [n.get("id") for n in user.sync(start, token="admin").findall("m")]
    equal(found, ["%s:%d" % (user.id, item)], "ids with the admin token")
    equal(changed(user.sync(start), "m"), [item], "ids with a delegated token")
