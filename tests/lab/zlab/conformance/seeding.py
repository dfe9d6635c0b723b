# SPDX-License-Identifier: Apache-2.0
"""What filling a mailbox on the target rests on while the account is at home on the source: every
request goes to the target's admin port, by the administrator's token, for the account's id.
"""

import random

from ..zclient import ACCOUNT, MAIL, Fault, User, el, message, request
from . import tarball
from .hosts import pin, second_copy
from .imports import archive_of
from .rig import ALL, check, equal, expect, faults, grant, mbox, save_document, texts, until


class Copy:
    """The copy on the target of an account that is at home on the source."""

    def __init__(self, rig, user):
        self.rig, self.user, self.z = rig, user, rig.z
        self.how = {"target": rig.target, "port": "admin", "account": user.id, "by": "id"}

    def call(self, tag, attrs=None, *children):
        return self.z.call(self.rig.target, request(tag, MAIL, attrs, *children), **self.how)

    def batch(self, *bodies):
        return self.z.batch(self.rig.target, bodies, **self.how)

    def add(self, content, folder=2, **attrs):
        """The <m> of the answer."""
        body = self.user.add_request(folder, content, **attrs)
        return self.z.call(self.rig.target, body, **self.how).find("m")

    def action(self, ids, op, **attrs):
        return self.call("ItemActionRequest", None, el("action", {
            "id": ",".join(map(str, ids)), "op": op, **attrs}))

    def burn_to(self, last):
        self.action([2] * (last - self.last_id()), "resetimapuid")

    def last_id(self):
        return int(self.call("GetLastItemIdInMailboxRequest").get("id"))

    def item(self, item_id):
        """What GetItem answers with."""
        return self.call("GetItemRequest", None, el("item", {"id": item_id})).body[0]

    def row(self):
        return self.z.row(self.rig.target, self.user)


def number(text):
    """An id: with the administrator's token it is qualified by the account's."""
    return int(text.rpartition(":")[2])


def seeded(rig, **attrs):
    """(user with one message at home, its Copy, what must not change at home)"""
    user = rig.user(**attrs)
    user.add(2, message("mine"))
    user.sync()     # the first one turns tracking on, which the row shows
    second_copy(rig, user)
    return user, Copy(rig, user), at_home(rig, user)


def at_home(rig, user):
    return rig.z.row(rig.source, user), user.last_id(), user.listing()


@check("AddMsg to the copy: id, l, cid with the account's id before them, s, d, f, tn; home has "
       "nothing of it", "live-preseed 4", hosts=2)
def add_answer(rig):
    user, copy, before = seeded(rig)
    copy.call("CreateTagRequest", None, el("tag", {"name": "work"}))
    copy.burn_to(400)
    text = message("m")
    m = copy.add(text, d=1600000000999, f="uf", tn="work", noICal="1")
    equal([m.get(n) for n in ("id", "l", "cid")],
          ["%s:%s" % (user.id, n) for n in ("401", "2", "-401")], "id, l, cid")
    equal((m.get("s"), m.get("d"), set(m.get("f")), m.get("tn")),
          (str(len(text)), "1600000000000", set("uf"), "work"), "s, d, f, tn")
    equal(copy.last_id(), 401, "last id")
    equal(at_home(rig, user), before, "home copy")


@check("AddMsg by aid to the copy: the size it had; an upload is used up by it", "live-preseed 4",
       hosts=2)
def add_upload(rig):
    user, copy, before = seeded(rig)
    data = message("m", body="caf\xe9\x01\r\n",
                   Content_Type="text/plain; charset=iso-8859-1").encode("latin-1")
    for port in ("admin", "mail"):
        aid = user.upload(data, token="admin", port=port, server=rig.target)
        equal(copy.add(None, aid=aid).get("s"), str(len(data)), "s, uploaded on port " + port)
    with faults("mail.NO_SUCH_UPLOAD", what="the same upload again"):
        copy.add(None, aid=aid)
    with faults("mail.NO_SUCH_UPLOAD", what="the user's upload, administrator's AddMsg"):
        copy.add(None, aid=user.upload(data, server=rig.target))
    equal(at_home(rig, user), before, "home copy")


@check("ids in a copy: burnt to the one before, each is exact; a conversation takes the next",
       "live-preseed 5", hosts=2)
def exact_ids(rig):
    user, copy, _ = seeded(rig)
    found = []
    for wanted in (300, 301, 350):
        copy.burn_to(wanted - 1)
        found.append(number(copy.add(message("m%d" % wanted)).get("id")))
    equal(found, [300, 301, 350], "ids")
    first = message("talk", Message_ID="<one.%s>" % user.name)
    again = message("Re: talk", In_Reply_To="<one.%s>" % user.name)
    parts = copy.batch(user.add_request(2, first), user.add_request(2, again),
                       request("GetLastItemIdInMailboxRequest", MAIL))
    equal([number(parts[0].find("m").get("cid")), number(parts[1].find("m").get("id")),
           number(parts[1].find("m").get("cid")), parts[2].get("id")],
          [-351, 352, 353, "353"], "cid, then id and cid of the reply, last id")
    equal(number(copy.item(351).get("cid")), 353, "cid of the first, now")
    equal(number(copy.add(again).get("id")), 354, "id of a third")


@check("in a copy: Junk threads nothing, who is from me is found as a reply only", "identity 4",
       hosts=2)
def unthreaded(rig):
    user, copy, _ = seeded(rig)
    head = "<one.%s>" % user.name
    copy.add(message("talk", Message_ID=head))
    for folder, flags, subject in ((4, "", "Re: talk"), (2, "s", "talk")):
        m = copy.add(message(subject, References=head), folder, f=flags)
        equal(number(m.get("cid")), -number(m.get("id")), "cid in %d with f='%s'" % (folder, flags))
    last = copy.last_id()
    equal(number(copy.add(message("Re: talk", References=head), f="s").get("cid")), last + 2, "cid")


@check("GetItem in a copy: a message, folder, tag, conversation, by its own element; else "
       "mail.NO_SUCH_ITEM", "live-preseed 4", hosts=2)
def get_item(rig):
    user, copy, _ = seeded(rig)
    made = copy.call("CreateFolderRequest", None, el("folder", {
        "name": "plans", "l": 1, "view": "message", "rgb": "#123456"})).find("folder")
    tag = copy.call("CreateTagRequest", None, el("tag", {"name": "a, b", "rgb": "#654321"})).find("tag")
    search = copy.call("CreateSearchFolderRequest", None, el("search", {
        "name": "find", "query": "in:inbox", "types": "message", "l": 1})).find("search")
    item = number(copy.add(message("m", Message_ID="<one.%s>" % user.name)).get("id"))
    copy.add(message("Re: m", In_Reply_To="<one.%s>" % user.name))
    wanted = {257: "folder", 258: "tag", 259: "search", 260: "m", 262: "c"}
    equal([number(n.get("id")) for n in (made, tag, search)] + [item], [257, 258, 259, 260], "ids")
    found = {i: copy.item(i) for i in wanted}
    equal({i: n.tag for i, n in found.items()}, wanted, "elements")
    equal({number(n.get("id")) for n in found.values()}, set(wanted), "ids")
    equal((found[257].get("rgb"), found[258].get("rgb"), found[258].get("name")),
          ("#123456", "#654321", "a, b"), "colours, the tag's name")
    with faults("mail.NO_SUCH_ITEM", what="an id that nothing has"):
        copy.item(256 + 100)
    parts = copy.batch(*[request("GetItemRequest", MAIL, None, el("item", {"id": i}))
                         for i in (260, 999, 257)])
    expect(isinstance(parts[1], Fault) and parts[1].code == "mail.NO_SUCH_ITEM",
           "second part %r", parts[1])
    equal([parts[i][0].tag for i in (0, 2)], ["m", "folder"], "the others of that batch")


@check("ItemAction in a copy: update with l, f and tn at once, a comma in a tag's name, delete",
       "live-preseed 4", hosts=2)
def actions(rig):
    user, copy, before = seeded(rig)
    for name in ("work", "a, b"):
        copy.call("CreateTagRequest", None, el("tag", {"name": name}))
    a, b = (number(copy.add(message("m"), f="u").get("id")) for _ in range(2))
    copy.action([a, b], "update", l=5, f="f", tn="work,a\\, b")
    shown = lambda m: (number(m.get("l")), m.get("f") or "", m.get("tn") or "")
    equal([shown(copy.item(i)) for i in (a, b)], [(5, "f", "work,a\\, b")] * 2, "l, f, tn")
    copy.action([a], "update", f="", tn="")
    copy.action([a], "tag", tn="a, b")
    equal(shown(copy.item(a)), (5, "", "a\\, b"), "l, f, tn after emptying and a tag")
    last = copy.last_id()
    copy.action([b], "resetimapuid")
    equal(copy.last_id(), last + 1, "last id after a new UID")
    copy.action([a, b, 999], "delete")      # one that is not there is no matter
    for gone in (a, b):
        with faults("mail.NO_SUCH_ITEM", what="a deleted message"):
            copy.item(gone)
    with faults("mail.NO_SUCH_ITEM", what="update of a deleted message"):
        copy.action([a], "update", f="f")
    equal((copy.last_id(), at_home(rig, user)), (last + 1, before), "last id, home copy")


@check("folders in a copy: move and rename; a mountpoint by the administrator", "live-preseed 4",
       hosts=2)
def folders(rig):
    user, copy, before = seeded(rig)
    owner = rig.user()
    make = lambda name, parent=1: number(copy.call("CreateFolderRequest", None, el(
        "folder", {"name": name, "l": parent})).find("folder").get("id"))
    child, parent = make("temporary"), make("parent")
    for attrs in ({"op": "move", "l": parent}, {"op": "rename", "name": "child"}):
        copy.call("FolderActionRequest", None, el("action", {"id": child, **attrs}))
    node = copy.item(child)
    equal((number(node.get("l")), node.get("name")), (parent, "child"), "parent, name")
    link = lambda name: el("link", {"l": 1, "name": name, "zid": owner.id, "rid": 2})
    made = copy.call("CreateMountpointRequest", None, link("theirs")).find("link")
    equal(made.get("rid"), "2", "rid")
    with faults(what="a mountpoint by the user, who has no right there"):
        user.call("CreateMountpointRequest", None, link("again"), **pin(rig))
    equal(at_home(rig, user), before, "home copy")


@check("the other types in a copy: contact, document, appointment, metadata, Sync, search",
       "live-preseed 4", hosts=2)
def other_types(rig):
    user, copy, before = seeded(rig)
    copy.call("CreateContactRequest", None, el("cn", {"l": 7}, el("a", {"n": "email"}, "a@b.test")))
    aid = user.upload(b"text", token="admin", port="admin", server=rig.target)
    copy.call("SaveDocumentRequest", None, el("doc", {"name": "a.txt", "l": 16},
                                              el("upload", {"id": aid})))
    copy.call("ImportAppointmentsRequest", {"l": 10, "ct": "text/calendar"}, el("content", None, (
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nMETHOD:PUBLISH\nBEGIN:VEVENT\nUID:u1\n"
        "SUMMARY:s\nDTSTAMP:20240101T000000Z\nDTSTART:20240101T100000Z\nDTEND:20240101T110000Z\n"
        "END:VEVENT\nEND:VCALENDAR\n")))
    copy.call("SetMailboxMetadataRequest", None, el("meta", {"section": "zwc:check"},
                                                    el("a", {"n": "k"}, "v")))
    start = copy.call("SyncRequest")
    held = sorted(n.tag for f in start.iter("folder") for n in f if n.get("ids"))
    equal(held, ["appt", "cn", "doc"], "kinds of items by Sync")
    item = copy.add(message("found"))
    delta = copy.call("SyncRequest", {"token": start.get("token")})
    equal([n.get("id") for n in delta.findall("m")], [item.get("id")], "Sync delta")
    hits = copy.call("SearchRequest", {"types": "message"}, el("query", None, "inid:2"))
    equal([n.get("id") for n in hits.findall("m")], [item.get("id")], "search")
    equal(at_home(rig, user), before, "home copy")
    save_document(user, "b.txt", b"text")
    equal(len(user.ids("doc")), 1, "documents at home, after one there")


@check("an archive posted to the target goes home", "live-preseed 4", hosts=2)
def rest_goes_home(rig):
    user, copy, _ = seeded(rig)
    row = copy.row()
    equal(user.load(tarball.write(archive_of(rig, 2)), server=rig.target)[0], 200, "import")
    equal((len(user.ids()), copy.row()), (3, row), "messages at home, row of the copy")
    equal(user.deliver(message("x"), server=rig.target)[0] in (250, 451), True, "LMTP there")
    equal(copy.row(), row, "row of the copy after LMTP")


@check("a fresh copy's row is untouched: 256, change 1, nothing new; one more flip makes nothing",
       "live-preseed 3", hosts=2)
def fresh_row(rig):
    user, copy, before = seeded(rig)
    wanted = ("256", "1", "0", "0")
    names = ("itemIdCheckPoint", "changeCheckPoint", "newMessages", "sizeCheckPoint")
    row = copy.row()
    equal(tuple(row[n] for n in names), wanted, "row")
    second_copy(rig, user)
    equal((copy.row(), copy.last_id(), at_home(rig, user)), (row, 256, before),
          "row, last id, home copy after another flip")


@check("the flip with quota 1: the target takes no mail meanwhile, and AddMsg after it; a quota "
       "that the target hears of later stops AddMsg", "live-preseed 3", hosts=2)
def quota(rig):
    user, how = rig.user(), pin(rig)
    freeze = {"zimbraMailQuota": "1", "zimbraMailAllowReceiveButNotSendWhenOverQuota": "FALSE"}
    rig.z.modify(user, zimbraMailHost=rig.target.host, **freeze, **how)
    rig.z.admin(rig.target, "GetMailboxRequest", None, mbox(user), target=rig.target)
    equal(user.deliver(message("m"), server=rig.target)[0], 452, "LMTP at the target")
    rig.z.modify(user, zimbraMailHost=rig.source.host, **dict.fromkeys(freeze, ""), **how)
    rig.z.flush(user)
    copy = Copy(rig, user)
    equal(number(copy.add(message("a")).get("id")), 257, "id")
    rig.z.modify(user, **freeze)
    rig.z.flush(user, rig.source)
    equal(number(copy.add(message("b")).get("id")), 258, "id while only the source knows")
    rig.z.flush(user, rig.target)
    with faults("mail.QUOTA_EXCEEDED", what="AddMsg when the target knows"):
        copy.add(message("c"))
    equal(copy.last_id(), 258, "last id after it")
    rig.z.modify(user, **dict.fromkeys(freeze, ""))
    rig.z.flush(user)
    equal(number(copy.add(message("c")).get("id")), 259, "id without the quota")


@check("a login on the source during the flip: it shows the target's empty copy, until FlushCache",
       "live-preseed 3", hosts=2)
def seen_flip(rig):
    user, how = rig.user(), pin(rig)
    mine = user.add(2, message("mine"))
    rig.z.modify(user, zimbraMailHost=rig.target.host, **how)
    rig.z.admin(rig.target, "GetMailboxRequest", None, mbox(user), target=rig.target)
    equal(user.ids(), [mine], "messages by the source, which knows nothing")
    own = user.login()
    equal(user.ids(token=own), [], "messages by the source after a login")
    rig.z.modify(user, zimbraMailHost=rig.source.host, **how)
    rig.z.flush(user, rig.source)
    equal(user.ids(token=own), [mine], "messages after FlushCache")


@check("FlushCache of the account and of everything leaves the copy loaded", "live-preseed 7",
       hosts=2)
def flushed(rig):
    user, copy, _ = seeded(rig)
    copy.add(message("a"))
    rig.z.flush(user, rig.target)
    rig.z.admin(rig.target, "FlushCacheRequest", None, el("cache", {"type": "all"}),
                target=rig.target)
    equal((copy.last_id(), number(copy.add(message("b")).get("id"))), (257, 258), "last id, id")


def evict(rig, user):
    """The copy leaves the target's memory: an exclusive export, home for its length."""
    rig.z.modify(user, zimbraMailHost=rig.target.host, **pin(rig))
    rig.z.flush(user)
    equal(user.export(server=rig.target, query="is:anywhere", lock="1")[0], 200, "lock=1 export")
    rig.z.modify(user, zimbraMailHost=rig.source.host, **pin(rig))
    rig.z.flush(user)


def keeper_at(rig):
    """An account of the target with a folder that everybody may read."""
    keeper = rig.user(rig.target)
    keeper.folder_action(2, "grant", grant(ALL, "r", "all"))
    return keeper


def bring_back(rig, user, keeper):
    """The search there, by the user, that loads his own copy."""
    user.call("SearchRequest", {"types": "message", "limit": 1}, el("query", None, "inid:2"),
              server=rig.target, account=keeper.name)


@check("evicted: WRONG_HOST for every request; a search in a keeper's folder brings it back, the "
       "counter at 20k+19", "live-preseed 7", hosts=2)
def evicted(rig):
    user, copy, before = seeded(rig)
    keeper = keeper_at(rig)
    copy.call("CreateFolderRequest", None, el("folder", {"name": "plans", "l": 1}))
    bodies = texts(4)
    kept = [number(copy.add(t).get("id")) for t in bodies]
    last = copy.last_id()
    evict(rig, user)
    row = copy.row()
    for tag, children in (("AddMsgRequest", [el("m", {"l": 2}, el("content", None, message("x")))]),
                          ("GetLastItemIdInMailboxRequest", []), ("SyncRequest", [])):
        with faults("service.WRONG_HOST", what=tag + " to the evicted copy"):
            copy.call(tag, None, *children)
    parts = copy.batch(*[user.add_request(2, t) for t in bodies])
    equal([getattr(p, "code", p) for p in parts], ["service.WRONG_HOST"] * 4, "a batch")
    equal(int(row["itemIdCheckPoint"]), last, "item id in the row")
    bring_back(rig, user, keeper)
    rounded = last // 20 * 20 + 19
    equal(copy.last_id(), rounded, "last id after the reload of %d" % last)
    equal(int(copy.row()["itemIdCheckPoint"]), last, "item id in the row after it")
    equal([copy.item(i).get("s") for i in kept], [str(len(t)) for t in bodies], "sizes")
    equal(copy.item(257).get("name"), "plans", "folder")
    equal(number(copy.add(message("next")).get("id")), rounded + 1, "next id")
    equal(at_home(rig, user), before, "home copy")


@check("an account made pinned and without a password is a keeper, too: shown by an administrator, searched "
       "through the admin port; DeleteAccount takes its row along", "live-preseed 3", hosts=2)
def made_for_it(rig):
    user, copy, before = seeded(rig)
    kept = number(copy.add(message("a")).get("id"))
    evict(rig, user)
    name = "zmferry-check-%012x@%s" % (random.getrandbits(48), rig.z.domain)
    made = rig.z.admin(rig.target, "CreateAccountRequest", None, el("name", None, name),
                       *[el("a", {"n": n}, v) for n, v in (("zimbraMailHost", rig.target.host), (
                           "zimbraHideInGal", "TRUE"), ("zimbraIsSystemResource", "TRUE"))],
                       target=rig.target)
    keeper = User(rig.z, made.find("account").get("id"), name, rig.target, None)
    try:
        rig.z.call(rig.target, request("FolderActionRequest", MAIL, None, el(
            "action", {"id": 2, "op": "grant"}, grant(ALL, "r", "all"))), account=keeper.id, by="id",
            target=rig.target)
        user.call("SearchRequest", {"types": "message", "limit": 1}, el("query", None, "inid:2"),
                  server=rig.target, account=keeper.id, by="id", port="admin")
        expect(str(copy.item(kept).get("id")).endswith(str(kept)), "the copy holds %r", copy.item(kept))
        with faults("account.AUTH_FAILED", what="a login without a password"):
            rig.z.call(rig.target, request("AuthRequest", ACCOUNT, None, el(
                "account", {"by": "name"}, name), el("password", None, "")), token=None, port="mail")
    finally:
        rig.z.admin(rig.target, "DeleteAccountRequest", None, el("id", None, keeper.id),
                    target=rig.target)
    equal(rig.z.row(rig.target, keeper), None, "the keeper's row")
    equal(at_home(rig, user), before, "home copy")


@check("DeleteMailbox of the copy: home keeps all; the next copy begins anew", "live-preseed 4",
       hosts=2)
def begun_anew(rig):
    user, copy, before = seeded(rig)
    copy.burn_to(500)
    copy.add(message("a"))
    rig.z.delete_mailbox(rig.target, user, target=rig.target)
    equal((copy.row(), at_home(rig, user)), (None, before), "row, home copy")
    with faults("service.WRONG_HOST", what="AddMsg without a copy"):
        copy.add(message("b"))
    second_copy(rig, user)
    equal((copy.last_id(), number(copy.add(message("b")).get("id"))), (256, 257), "last id, id")


@check("a grant in the copy overwrites the shares that home wrote meanwhile", "live-preseed 7",
       hosts=2)
def grant_overwrites(rig):
    user, copy, _ = seeded(rig)
    friend = rig.user()
    made = number(copy.call("CreateFolderRequest", None, el(
        "folder", {"name": "plans", "l": 1})).find("folder").get("id"))

    def shared(folder):
        rig.z.flush(user, rig.source)
        found = rig.z.attributes(user, "zimbraSharedItem").get("zimbraSharedItem", [])
        return found if any("folderId:%d;" % folder in v for v in found) else None
    user.folder_action(2, "grant", grant(friend.id))
    until(lambda: shared(2), "the share of home in LDAP", 30)
    copy.call("FolderActionRequest", None, el("action", {"id": made, "op": "grant"},
                                              grant(friend.id)))
    found = until(lambda: shared(made), "the share of the copy in LDAP", 30)
    equal(len(found), 1, "shares in LDAP")


def filtered(rig, user, *paths):
    """Mail filters of the account, one a path, as both servers know them."""
    script = "".join('# r%d\nif anyof (header :contains "subject" "x%d") {\n    fileinto "%s";\n    stop;\n}\n'
                     % (n, n, path) for n, path in enumerate(paths))
    rig.z.modify(user, zimbraMailSieveScript='require ["fileinto"];\n' + script)
    rig.z.flush(user, rig.source)
    rig.z.flush(user, rig.target)


def filters_of(rig, user):
    rig.z.flush(user, rig.source)
    return rig.z.attributes(user, "zimbraMailSieveScript").get("zimbraMailSieveScript", [""])[0]


@check("folders renamed and deleted in the copy rewrite and disable the account's mail filters", "zimbra-src filter",
       hosts=2)
def folders_rewrite_filters(rig):
    user, copy, _ = seeded(rig)
    ids = {name: number(copy.call("CreateFolderRequest", None, el(
        "folder", {"name": name, "l": 1})).find("folder").get("id")) for name in ("a1", "b1")}
    filtered(rig, user, "/a1", "/a12", "/b1")
    copy.call("FolderActionRequest", None, el("action", {"id": ids["a1"], "op": "rename", "name": "c1"}))
    until(lambda: '"/c12"' in filters_of(rig, user) and '"/c1"' in filters_of(rig, user), "the new paths in LDAP", 30)
    copy.call("FolderActionRequest", None, el("action", {"id": ids["b1"], "op": "delete"}))
    until(lambda: "disabled_if" in filters_of(rig, user), "the disabled rule in LDAP", 30)
    equal(filters_of(rig, user).count("disabled_if"), 1, "rules that are disabled")
