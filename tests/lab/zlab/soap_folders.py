# SPDX-License-Identifier: Apache-2.0
"""Requests about folders, search folders, mountpoints and tags."""

from . import render
from .engine import handles
from .errors import no_such
from .faultcodes import Fault, invalid
from .render import need, number
from .soap import MAIL, answer, el, flag

ACL_OPS = ("grant", "!grant", "revokeorphangrants")
# Names of what an action's attributes are for the action itself, not for its effect.
NOT_EFFECT = ("id", "op", "xmlns")


# --- reading ------------------------------------------------------------------------------------

@handles(MAIL, "GetFolderRequest")
def get_folder(context, request):
    deep = request.get("depth") != "0"
    with context.use() as mailbox:
        folder = _wanted(context, mailbox, request.find("folder"))
        need(context, mailbox, folder.id, "r")
        links = _links(folder) if flag(request.get("tr")) else []
        if not links:
            return answer(request, None, render.folder_xml(
                context, mailbox, folder, mailbox.folder_counts(), deep))
    # Other mailboxes are asked without holding this one.
    seen = {link.id: _expand(context, link) for link in links}
    with context.use() as mailbox:
        folder = _wanted(context, mailbox, request.find("folder"))
        return answer(request, None, render.folder_xml(
            context, mailbox, folder, mailbox.folder_counts(), deep, None, seen))


def _wanted(context, mailbox, node):
    if node is None:
        return mailbox.root()
    if node.get("path"):
        folder = mailbox.folder_by_path(node.get("path"))
        if folder is None:
            raise no_such("folder", node.get("path"))
        return folder
    for name in ("l", "id"):
        if node.get(name):
            return mailbox.folder(number(context, node.get(name)))
    if node.get("uuid"):
        for folder in _all(mailbox.root()):
            if folder.uuid == node.get("uuid"):
                return folder
        raise no_such("folder", node.get("uuid"))
    return mailbox.root()


def _all(folder):
    yield folder
    for child in folder.children:
        yield from _all(child)


def _links(folder):
    return [f for f in _all(folder) if f.type == "link"]


def _expand(context, link):
    """What the owner's server says of a mountpoint's folder. Any failure makes it broken."""
    asked = el("GetFolderRequest", {"xmlns": MAIL, "depth": "0"},
               el("folder", {"l": link.remote_id}))
    try:
        found = context.node.engine.call_as(context, link.owner, asked)[0]
    except (Fault, IndexError):
        return {"broken": "1"}
    return {"n": found.get("n"), "u": found.get("u"), "s": found.get("s"),
            "ruuid": found.get("uuid"), "perm": found.get("perm"),
            "oname": found.get("absFolderPath")}


@handles(MAIL, "GetTagRequest")
def get_tag(context, request):
    with context.use() as mailbox:
        return answer(request, None, *[render.tag_xml(context, t) for t in mailbox.tags()])


# --- making -------------------------------------------------------------------------------------

def _looks(node):
    """The attributes of looks that everything which is made may have."""
    color = node.get("color")
    return {"flags": node.get("f") or "", "rgb": node.get("rgb"),
            "color": int(color) if color not in (None, "") else None}


@handles(MAIL, "CreateFolderRequest")
def create_folder(context, request):
    node = request.find("folder")
    acl = node.find("acl")
    grants = render.grants(acl.findall("grant")) if acl is not None else None
    with context.use() as mailbox:
        parent, name = _parent(context, mailbox, node)
        need(context, mailbox, parent, "c")
        folder = mailbox.create_folder(
            name, parent, view=node.get("view") or "", url=node.get("url") or None,
            grants=grants, fie=flag(node.get("fie")), **_looks(node))
        if node.get("url") and node.get("sync") not in ("0", "false") \
                and context.habits["feed_is_fetched_at_once"]:
            mailbox.folder_action([folder.id], "delete")
            raise Fault("service.RESOURCE_UNREACHABLE",
                        "resource unreachable: unable to fetch %s" % node.get("url"))
        return answer(request, None, render.folder_xml(context, mailbox,
                                                       mailbox.folder(folder.id)))


def _parent(context, mailbox, node):
    """(parent id, name) by l= and name=, or by a whole path as the name."""
    name = node.get("name") or ""
    if node.get("l") is None and name.startswith("/"):
        above, _, name = name.rpartition("/")
        folder = mailbox.folder_by_path(above or "/")
        if folder is None:
            raise no_such("folder", above)
        return folder.id, name
    return number(context, node.get("l") or "1"), name


@handles(MAIL, "CreateSearchFolderRequest")
def create_search(context, request):
    node = request.find("search")
    with context.use() as mailbox:
        parent, name = _parent(context, mailbox, node)
        need(context, mailbox, parent, "c")
        folder = mailbox.create_search(
            name, parent, node.get("query") or "", types=node.get("types") or "",
            sort_by=node.get("sortBy") or "", **_looks(node))
        return answer(request, None, render.folder_xml(context, mailbox, folder))


@handles(MAIL, "CreateMountpointRequest")
def create_mountpoint(context, request):
    node = request.find("link")
    owner = context.accounts.find(node.get("zid") or node.get("owner") or "")
    if owner is None:
        raise Fault("account.NO_SUCH_ACCOUNT", "no such account: %s"
                    % (node.get("zid") or node.get("owner")))
    remote = _remote(context, owner, node)
    remote_id = int((node.get("rid") or remote.get("id", "")).rpartition(":")[2] or 0)
    if not remote_id:
        raise invalid("which folder to mount is not said")
    with context.use() as mailbox:
        parent, name = _parent(context, mailbox, node)
        need(context, mailbox, parent, "c")
        folder = mailbox.create_mountpoint(
            name, parent, owner.id, remote_id, remote_uuid=remote.get("uuid"),
            view=node.get("view") or remote.get("view") or "",
            reminder=flag(node.get("reminder")), fie=flag(node.get("fie")), **_looks(node))
        return answer(request, None, render.folder_xml(context, mailbox, folder))


def _remote(context, owner, node):
    """Attributes of the folder that is to be mounted, as this caller may see it. An
    administrator may also mount what is not there."""
    where = {"path": node.get("path")} if node.get("path") else {"l": node.get("rid")}
    asked = el("GetFolderRequest", {"xmlns": MAIL, "depth": "0"}, el("folder", where))
    try:
        return dict(context.node.engine.call_as(context, owner.id, asked)[0].attrib)
    except Fault:
        if not context.is_admin:
            raise
        return {}


@handles(MAIL, "CreateTagRequest")
def create_tag(context, request):
    node = request.find("tag")
    looks = _looks(node)
    with context.use() as mailbox:
        tag = mailbox.create_tag(node.get("name") or "", color=looks["color"], rgb=looks["rgb"])
        return answer(request, None, render.tag_xml(context, tag))


# --- acting -------------------------------------------------------------------------------------

@handles(MAIL, "FolderActionRequest")
def folder_action(context, request):
    node = request.find("action")
    op, ids = node.get("op") or "", render.numbers(context, node.get("id") or "")
    attrs = {n: v for n, v in node.attrib.items() if n not in NOT_EFFECT}
    if "l" in attrs:
        attrs["l"] = str(number(context, attrs["l"]))
    if context.habits["mountpoint_update_is_ignored"]:
        for name in ("rid", "ruuid") if op == "update" else ():
            attrs.pop(name, None)
        if op == "update":
            attrs.pop("zid", None)
    grants = _action_grants(context, op, node)
    retention = _retention(node) if op == "retentionpolicy" else None
    with context.use() as mailbox:
        for folder_id in ids:
            need(context, mailbox, folder_id, "a" if op in ACL_OPS else "w")
        mailbox.folder_action(ids, op, grants=grants, retention=retention, **attrs)
    extra = {"zid": grants[0].get("zid"), "d": grants[0].get("d")} \
        if op == "grant" and grants else {}
    return answer(request, None, el("action", {
        "id": node.get("id"), "op": op, **extra}))


def _action_grants(context, op, node):
    if op == "grant":
        found = [render.resolve_grantee(context, g)
                 for g in render.grants(node.findall("grant"))]
        if not found:
            raise invalid("no <grant>")
        return found
    acl = node.find("acl")
    return render.grants(acl.findall("grant")) if acl is not None else None


def _retention(node):
    found = []
    policy = node.find("retentionPolicy")
    for kind in ("keep", "purge"):
        part = policy.find(kind) if policy is not None else None
        for row in part if part is not None else ():
            found.append({"kind": kind, "lifetime": row.get("lifetime") or "",
                          "type": row.get("type") or "user"})
    return found


@handles(MAIL, "TagActionRequest")
def tag_action(context, request):
    node = request.find("action")
    attrs = {n: v for n, v in node.attrib.items() if n not in NOT_EFFECT and n not in ("tn",)}
    with context.use() as mailbox:
        ids = render.numbers(context, node.get("id")) if node.get("id") \
            else render.tag_names(mailbox, node) or []
        mailbox.tag_action(ids, node.get("op") or "", **attrs)
    return answer(request, None, el("action", {"id": node.get("id"), "op": node.get("op"),
                                               "tn": node.get("tn")}))
