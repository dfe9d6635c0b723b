# SPDX-License-Identifier: Apache-2.0
"""Requests about messages and items: Sync, reading, searching, adding, acting."""

import email.message
import email.utils

from . import mime, render
from .costs import pay
from .engine import handles
from .errors import no_such
from .faultcodes import Fault, invalid
from .render import item_xml, need, need_items, number, numbers, tag_names
from .soap import ACCOUNT, MAIL, ZIMBRA, Xml, answer, el, flag, serialize

PAGE = 1000


# --- Sync ---------------------------------------------------------------------------------------

@handles(MAIL, "SyncRequest")
def sync(context, request):
    token = request.get("token") or None
    limit = min(int(request.get("changeLimit") or 3990), 3990)
    with context.use() as mailbox:
        folder = number(context, request.get("l") or "1")
        need(context, mailbox, folder, "r")
        found = mailbox.sync(token, folder, change_limit=limit)
        if token is None:
            return _initial(context, request, mailbox, found)
        return _delta(context, request, mailbox, found)


def _initial(context, request, mailbox, found):
    counts = mailbox.folder_counts()

    def lists(folder):
        ids = found.ids.get(folder.id) or {}
        return [render.id_list("cn" if kind == "c" else kind, ids[kind]) for kind in ids]

    root = render.folder_xml(context, mailbox, found.root, counts, True, lists)
    return answer(request, {"token": found.token, "md": mailbox.change, "s": mailbox.size}, root,
                  *[render.tag_xml(context, t) for t in found.tags])


def _delta(context, request, mailbox, found):
    parts = []
    if found.deleted:
        parts.append(el("deleted", {"ids": ",".join(str(i) for _, i in found.deleted)},
                        *(_typed(found.deleted) if flag(request.get("typed")) else [])))
    counts = mailbox.folder_counts() if found.folders else None
    parts += [render.folder_xml(context, mailbox, f, counts, deep=False) for f in found.folders]
    parts += [render.tag_xml(context, t) for t in found.tags]
    parts += [item_xml(context, mailbox, item, flags=not found.hide_flags(new))
              for item, new in found.items]
    return answer(request, {"token": found.token, "md": mailbox.change,
                            "more": "1" if found.more else None}, *parts)


def _typed(deleted):
    kinds = {}
    for kind, item_id in deleted:
        kinds.setdefault(render.ITEM_TAGS.get(kind, kind), []).append(item_id)
    return [render.id_list(kind, ids) for kind, ids in kinds.items()]


# --- counters and small things ------------------------------------------------------------------

@handles(MAIL, "NoOpRequest")
def no_op(context, request):
    with context.use():
        return answer(request)


@handles(MAIL, "GetLastItemIdInMailboxRequest")
def last_item_id(context, request):
    with context.use() as mailbox:
        return answer(request, {"id": mailbox.last_item_id})


@handles(MAIL, "BeginTrackingIMAPRequest")
def begin_tracking_imap(context, request):
    with context.use() as mailbox:
        mailbox.begin_tracking_imap()
        return answer(request)


@handles(MAIL, "GetMailboxMetadataRequest")
def get_metadata(context, request):
    section = request.find("meta").get("section")
    with context.use() as mailbox:
        found = mailbox.get_metadata(section) or {}
    return answer(request, None, el("meta", {"section": section},
                                    *[el("a", {"n": n}, v) for n, v in found.items()]))


@handles(MAIL, "SetMailboxMetadataRequest")
def set_metadata(context, request):
    meta = request.find("meta")
    values = {a.get("n"): a.text or "" for a in meta.findall("a")}
    with context.use() as mailbox:
        mailbox.set_metadata(meta.get("section"), values)
    return answer(request)


# --- reading ------------------------------------------------------------------------------------

@handles(MAIL, "GetMsgRequest")
def get_msg(context, request):
    node = request.find("m")
    owner, item_id = render.split_id(context, node.get("id"))
    if owner is not None:
        return _elsewhere(context, request, owner)
    with context.use() as mailbox:
        item = mailbox.item(item_id, "message")
        need(context, mailbox, item.folder_id, "r")
        raw = mailbox.blob(item)
        if flag(node.get("read")) and item.unread:
            mailbox.item_action([item_id], "read")
            item = mailbox.item(item_id, "message")
        return answer(request, None, message_xml(context, mailbox, item, raw,
                                                 flag(node.get("raw"))))


def message_xml(context, mailbox, item, raw, whole=False):
    head = mime.Headers(raw)
    parts = [el("e", {"t": kind, "a": address, "p": name or None})
             for kind, field in (("f", "From"), ("t", "To"), ("c", "Cc"))
             for name, address in email.utils.getaddresses([str(head.get(field) or "")]) if address]
    parts += [el("fr", None, mime.fragment(raw)), el("su", None, item.subject or ""),
              el("mid", None, str(head.get("Message-ID") or ""))]
    kind = str(head.get("Content-Type") or "text/plain").split(";")[0].strip()
    if whole:
        parts.append(el("content", None, raw.decode("utf-8", "replace")))
    else:
        parts.append(el("mp", {"part": "1", "ct": kind, "s": item.size, "body": "1"}))
    return el("m", render.item_attrs(context, mailbox, item), *parts)


@handles(MAIL, "GetItemRequest")
def get_item(context, request):
    node = request.find("item")
    with context.use() as mailbox:
        if node.get("id") is None:
            folder = mailbox.folder_by_path(node.get("path") or "/")
            if folder is None:
                raise no_such(None, node.get("path"))
            return answer(request, None, render.folder_xml(context, mailbox, folder, deep=False))
        item_id = number(context, node.get("id"))
        try:
            folder = mailbox.folder(item_id)
        except Exception:
            folder = None
        if folder is not None:
            return answer(request, None, render.folder_xml(context, mailbox, folder, deep=False))
        if item_id in mailbox.tags_by_id:
            return answer(request, None, render.tag_xml(context, mailbox.tags_by_id[item_id]))
        item = mailbox.item(item_id)
        need(context, mailbox, item.folder_id, "r")
        if item.type == "conversation":
            return answer(request, None, render.conversation_xml(
                context, item, mailbox.conversation(item_id)))
        return answer(request, None, item_xml(context, mailbox, item, full=True))


@handles(MAIL, "GetConvRequest")
def get_conv(context, request):
    conversation = number(context, request.find("c").get("id"))
    with context.use() as mailbox:
        items = [mailbox.item(-conversation, "message")] if conversation < 0 \
            else mailbox.conversation(conversation)
        if not items:
            raise no_such("conversation", conversation)
        return answer(request, None, el(
            "c", {"id": context.id(conversation), "n": len(items)},
            *[item_xml(context, mailbox, m, full=True) for m in items]))


@handles(MAIL, "SearchRequest")
def search(context, request):
    query = request.findtext("query") or request.get("query") or ""
    kinds = [t.strip() for t in (request.get("types") or "conversation").split(",")]
    node = context.node
    if context.on_behalf and not context.is_admin \
            and context.habits["search_loads_own_mailbox"]:
        node.mailboxes.load_any(context.auth)
    with context.use() as mailbox:
        link = mailbox.query_remote(query)
        if link is None:
            return _search_here(context, request, mailbox, query, kinds)
        owner, remote = link.owner, link.remote_id
    return _search_there(context, request, owner, remote)


def _search_here(context, request, mailbox, query, kinds):
    prefs = context.accounts.search_prefs(context.auth)
    by_conversation = "conversation" in kinds
    types = tuple("message" if k == "conversation" else k for k in kinds)
    offset, limit = int(request.get("offset") or 0), int(request.get("limit") or 10)
    limit = min(limit, PAGE)
    found = mailbox.search(query, types, include_trash=prefs[0], include_junk=prefs[1])
    if context.on_behalf and not context.is_admin:
        found = _readable(context, mailbox, found, query)
    page, more = found[offset:offset + limit], len(found) > offset + limit
    if by_conversation:
        parts = _conversations(context, page)
    else:
        parts = [item_xml(context, mailbox, item, full=True) for item in page]
    return answer(request, {"more": "1" if more else "0", "offset": offset,
                            "sortBy": request.get("sortBy") or "dateDesc"}, *parts)


def _readable(context, mailbox, items, query):
    """What a grantee sees; nothing shared with him at all is service.PERM_DENIED."""
    seen = {f: "r" in render.rights(context, mailbox, f) for f in {i.folder_id for i in items}}
    if not any(seen.values()) and not any(
            "r" in render.rights(context, mailbox, f.id) for f in _all(mailbox.root())):
        raise render.denied("you do not have sufficient permissions on mailbox of %s"
                            % context.account.name)
    return [i for i in items if seen[i.folder_id]]


def _all(folder):
    yield folder
    for child in folder.children:
        yield from _all(child)


def _conversations(context, items):
    threads = {}
    for item in items:
        threads.setdefault(item.parent_id or -item.id, []).append(item)
    return [el("c", {"id": context.id(key), "n": len(group), "d": group[0].date * 1000},
               el("su", None, group[0].subject or ""),
               *[el("m", {"id": context.id(m.id)}) for m in group])
            for key, group in threads.items()]


def _search_there(context, request, owner, remote):
    """In a mountpoint: the owner's server is asked. What cannot be had is no hit, no fault."""
    asked = el("SearchRequest", {
        "xmlns": MAIL, "types": request.get("types"), "limit": request.get("limit"),
        "offset": request.get("offset")}, el("query", None, "inid:%d" % remote))
    try:
        found = context.node.engine.call_as(context, owner, asked)
    except Fault:
        return answer(request, {"more": "0", "offset": "0", "sortBy": "dateDesc"})
    return answer(request, {"more": found.get("more"), "offset": found.get("offset"),
                            "sortBy": found.get("sortBy")}, *map(serialize, found))


def _elsewhere(context, request, owner):
    """The request itself, carried out in another account's mailbox."""
    found = context.node.engine.call_as(context, owner, request.xml())
    return serialize(found, MAIL)


# --- adding -------------------------------------------------------------------------------------

@handles(MAIL, "AddMsgRequest")
def add_msg(context, request):
    node = request.find("m")
    if node is None or not node.get("l"):
        raise invalid("no message or no folder")
    owner, folder_id = render.split_id(context, node.get("l"))
    if owner is not None:
        return _elsewhere(context, request, owner)
    with context.use() as mailbox:
        link = _link(mailbox, folder_id)
        if link is None:
            return _add_here(context, request, mailbox, node, folder_id)
        owner, remote = link.owner, link.remote_id
    node.set("l", str(remote))
    return _elsewhere(context, request, owner)


def _link(mailbox, folder_id):
    """The mountpoint of that id, or None."""
    try:
        folder = mailbox.folder(folder_id)
    except Exception:
        return None
    return folder if folder is not None and folder.type == "link" else None


def _add_here(context, request, mailbox, node, folder_id):
    need(context, mailbox, folder_id, "i")
    upload = node.get("aid")
    how = {"crlf": context.habits["addmsg_makes_crlf"],
           "headers": context.habits["addmsg_rewrites_headers"]}
    if upload:
        raw = mime.addmsg_upload(context.node.uploads.take(upload, context.auth.id).data(), **how)
    else:
        raw = mime.addmsg_inline(node.findtext("content") or "", **how)
    date = node.get("d")
    item = mailbox.add_message(
        folder_id, raw, flags=node.get("f") or "", tags=tag_names(mailbox, node) or (),
        date=int(date) // 1000 if date and int(date) >= 0 else None,
        no_ical=flag(node.get("noICal")), attendee=context.account.name)
    pay(mailbox.costs["add_message_ms"])     # the mailbox is held, the store is not
    if upload:
        context.node.uploads.used(upload)
    return answer(request, None, render.added_xml(context, mailbox, item))


@handles(MAIL, "SaveDraftRequest")
def save_draft(context, request):
    node = request.find("m")
    draft = number(context, node.get("id")) if node.get("id") else None
    folder = number(context, node.get("l")) if node.get("l") else 6
    with context.use() as mailbox:
        need(context, mailbox, folder, "i")
        item = mailbox.save_draft(_draft(context, node), draft, flags=node.get("f") or "",
                                  tags=tag_names(mailbox, node), folder=folder)
        return answer(request, None, item_xml(context, mailbox, item, full=True))


def _draft(context, node):
    """The message that a composed <m> is."""
    m = email.message.EmailMessage()
    m["From"] = context.account.name
    fields = {"t": "To", "c": "Cc", "b": "Bcc"}
    for e in node.findall("e"):
        field = fields.get(e.get("t"))
        if field:
            text = email.utils.formataddr((e.get("p") or "", e.get("a") or ""))
            if m[field]:
                m.replace_header(field, m[field] + ", " + text)
            else:
                m[field] = text
    m["Subject"] = (node.findtext("su") or "").replace("\n", " ").replace("\r", " ")
    m["Date"] = email.utils.formatdate(localtime=False)
    m["Message-ID"] = "<%d.draft@%s>" % (context.node.serial(), context.node.host)
    part = node.find("mp")
    m.set_content((part.findtext("content") or "") if part is not None else "", cte="8bit")
    return m.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


# --- acting -------------------------------------------------------------------------------------

KINDS = {"MsgActionRequest": "message", "ConvActionRequest": "conversation",
         "ContactActionRequest": "contact", "ItemActionRequest": None}
# What an action carries besides the ids and op.
ACTION_ATTRS = ("l", "f", "color", "rgb", "name", "recursive")


@handles(MAIL, *KINDS)
def item_action(context, request):
    node = request.find("action")
    if node is None or not node.get("op"):
        raise invalid("no action")
    ids = numbers(context, node.get("id") or "")
    kind, op = KINDS[request.name], node.get("op")
    attrs = {n: node.get(n) for n in ACTION_ATTRS if node.get(n) is not None}
    if "l" in attrs:
        attrs["l"] = str(number(context, attrs["l"]))
    for name in ("tn", "t", "tag"):
        if node.get(name) is not None:
            attrs[name] = node.get(name)
    if kind is not None:
        attrs["kind"] = kind
    with context.use() as mailbox:
        need_items(context, mailbox, ids, "d" if op == "delete" else "w")
        done = mailbox.item_action(ids, op, **attrs)
    return answer(request, None, el("action", {
        "id": ",".join(context.id(i) for i in done), "op": op}))


# --- the account's own view ---------------------------------------------------------------------

@handles(ZIMBRA, "NoOpRequest")
@handles(ACCOUNT, "NoOpRequest")
def no_op_anywhere(context, request):
    return Xml(answer(request))
