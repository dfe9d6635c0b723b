# SPDX-License-Identifier: Apache-2.0
"""Mailbox objects as SOAP elements, and ids, tags, grants as requests carry them."""

from .faultcodes import denied
from .model import listed_tags
from .soap import Xml, el

ITEM_TAGS = {"message": "m", "contact": "cn", "appointment": "appt", "task": "task",
             "document": "doc", "note": "note", "chat": "chat"}


def flag01(value):
    return "1" if value else "0"


# --- reading ids, tags, grants ------------------------------------------------------------------

def split_id(context, text):
    """(account id or None when it is this account's, number) of "zid:257" or "257"."""
    owner, _, number = str(text).strip().rpartition(":")
    if owner == context.account.id:
        owner = ""
    return owner or None, int(number)


def number(context, text):
    return split_id(context, text)[1]


def numbers(context, text):
    """The ids of a list, duplicates and order kept."""
    if ":" not in text:
        return [int(i) for i in text.split(",") if i.strip()]
    return [number(context, i) for i in text.split(",") if i.strip()]


def tag_names(mailbox, node):
    """Tag names of tn= or t= (ids); None if the element has neither."""
    text = node.get("tn")
    if text is not None:
        return listed_tags(text)
    text = node.get("t")
    if text is not None:
        return [mailbox.tag(int(i)).name for i in text.split(",") if i.strip()]
    return None


def join_tags(names):
    return ",".join(n.replace("\\", "\\\\").replace(",", "\\,") for n in names)


def grants(nodes):
    """<grant> elements as the mailbox wants them."""
    found = []
    for node in nodes:
        grant = {"gt": node.get("gt"), "perm": node.get("perm") or "", "zid": node.get("zid"),
                 "d": node.get("d")}
        if node.get("expiry") not in (None, "", "0"):
            grant["expiry"] = int(node.get("expiry"))
        secret = node.get("pw") or node.get("args") or node.get("key")
        if secret:
            grant["pw"] = secret
        found.append({k: v for k, v in grant.items() if v is not None})
    return found


def resolve_grantee(context, grant):
    """FolderAction grant may name the grantee by d= alone."""
    if grant.get("zid"):
        return grant
    if grant["gt"] == "pub":
        grant["zid"] = "99999999-9999-9999-9999-999999999999"
    elif grant["gt"] == "all":
        grant["zid"] = "00000000-0000-0000-0000-000000000000"
    elif grant["gt"] in ("guest", "key"):
        grant["zid"] = grant.get("d")
    elif grant["gt"] == "usr" and grant.get("d"):
        account = context.accounts.get("name", grant["d"])
        grant["zid"], grant["d"] = account.id, account.name
    return grant


# --- rights -------------------------------------------------------------------------------------

def rights(context, mailbox, folder_id):
    """What this caller may do there; None: everything."""
    if not context.on_behalf or context.is_admin:
        return None
    return mailbox.rights(folder_id, context.auth.id,
                          context.accounts.groups_of(context.auth))


def need(context, mailbox, folder_id, right):
    have = rights(context, mailbox, folder_id)
    if have is not None and right not in have:
        raise denied("you do not have sufficient permissions on folder %s of %s"
                     % (folder_id, context.account.name))


def need_items(context, mailbox, ids, right):
    if context.on_behalf and not context.is_admin:
        for item_id in set(ids):
            folder = mailbox.item(item_id).folder_id if item_id >= 256 else item_id
            need(context, mailbox, folder, right)


# --- folders ------------------------------------------------------------------------------------

def grant_xml(context, grant):
    name = context.accounts.grantee_name(grant.get("gt"), grant.get("zid"))
    return el("grant", {"zid": grant.get("zid"), "gt": grant.get("gt"),
                        "perm": grant.get("perm"), "d": name or None,
                        "pw": grant.get("pw"), "expiry": grant.get("expiry")})


def folder_attrs(context, mailbox, folder, counts=None):
    attrs = {"id": context.id(folder.id), "uuid": folder.uuid,
             "deletable": flag01(folder.id >= 256), "name": folder.name,
             "absFolderPath": mailbox.path(folder.id), "l": context.id(folder.parent_id),
             "luuid": None, "f": folder.flag_string or None,
             "color": folder.color if not folder.rgb else None, "rgb": folder.rgb or None,
             "rev": folder.rev, "ms": folder.modseq, "md": folder.change_date,
             "i4ms": folder.modseq, "i4next": mailbox.last_item_id + 1,
             "url": folder.url or None,
             "activesyncdisabled": flag01(folder.no_activesync),
             "webOfflineSyncDays": folder.offline_days or "0",
             "view": folder.view or None}
    if folder.type == "search":
        attrs.update(query=folder.query, types=folder.types or None,
                     sortBy=folder.sort_by or None)
    elif folder.type == "link":
        owner = context.accounts.by_id(folder.owner)
        attrs.update(zid=folder.owner, rid=folder.remote_id, ruuid=folder.remote_uuid or None,
                     owner=owner.name if owner is not None else None,
                     reminder=flag01(folder.reminder))
    elif counts is not None:
        n, unread, size, highest = counts.get(folder.id, (0, 0, 0, 0))
        attrs.update(n=n, s=size, u=unread or None, i4ms=max(folder.modseq, highest))
    return attrs


def folder_xml(context, mailbox, folder, counts=None, deep=True, extra=None, links=None):
    """A folder, search folder or mountpoint. `extra(folder)` gives more children; `links` maps
    a mountpoint's id to attributes found out about it."""
    attrs = folder_attrs(context, mailbox, folder, counts)
    if links and folder.id in links:
        attrs.update(links[folder.id])
    children = []
    if folder.grants and rights(context, mailbox, folder.id) is None:
        children.append(el("acl", None, *[grant_xml(context, g) for g in folder.grants]))
    if folder.retention:
        children.append(_retention(folder.retention))
    if extra is not None:
        children += extra(folder)
    if deep:
        for child in folder.children:
            may = rights(context, mailbox, child.id)
            if may is None or "r" in may:
                children.append(folder_xml(context, mailbox, child, counts, True, extra, links))
    return el(folder.type, attrs, *children)


def _retention(rows):
    def of(kind):
        return el(kind, None, *[el("policy", {"type": r.get("type", "user"),
                                              "lifetime": r.get("lifetime")}) for r in rows
                                if r.get("kind") == kind])
    return el("retentionPolicy", None, of("keep"), of("purge"))


def tag_xml(context, tag):
    return el("tag", {"id": context.id(tag.id), "name": tag.name, "md": getattr(tag, "change_date", None),
                      "ms": getattr(tag, "modseq", None),
                      "color": tag.color if not tag.rgb else None, "rgb": tag.rgb or None})


# --- items --------------------------------------------------------------------------------------

def item_attrs(context, mailbox, item, flags=True):
    attrs = {"id": context.id(item.id), "l": context.id(item.folder_id), "d": item.date * 1000,
             "s": item.size, "md": item.change_date, "ms": item.modseq, "rev": item.mod_content,
             "uuid": item.uuid}
    if flags:
        names = item.tags
        attrs["f"] = item.flag_string or None
        attrs["tn"] = join_tags(names) or None
        attrs["t"] = ",".join(str(mailbox.tag(n).id) for n in names) or None
    if item.type == "message":
        attrs["cid"] = context.id(item.parent_id) if item.parent_id else "-%d" % item.id
        attrs["i4uid"] = item.imap_id
    elif item.type == "document":
        attrs.update(name=item.name, ver=(item.meta or {}).get("version"))
    elif item.type in ("appointment", "task"):
        attrs["uid"] = (item.meta or {}).get("uid")
    return attrs


def added_xml(context, mailbox, item):
    """What AddMsg tells of a new message (GetMsgMetadata.SUMMARY_FIELDS)."""
    attrs = item_attrs(context, mailbox, item)
    return el("m", {n: v for n, v in attrs.items() if n not in ("uuid", "i4uid")})


def conversation_xml(context, conversation, messages):
    return el("c", {"id": context.id(conversation.id), "n": len(messages),
                    "d": conversation.date * 1000, "md": conversation.change_date,
                    "ms": conversation.modseq}, el("su", None, conversation.subject or ""),
              *[el("m", {"id": context.id(m.id)}) for m in messages])


def item_xml(context, mailbox, item, flags=True, full=False):
    children = []
    if full:
        if item.type == "message":
            children = [el("su", None, item.subject or ""), el("e", {"t": "f", "a": item.sender})]
        elif item.type == "contact":
            children = contact_children(item)
    return el(ITEM_TAGS.get(item.type, "item"), item_attrs(context, mailbox, item, flags),
              *children)


def contact_children(item):
    meta = item.meta or {}
    fields = meta.get("fields") or {}
    pairs = fields.items() if isinstance(fields, dict) else fields
    return [el("a", {"n": n}, v) for n, v in pairs] \
        + [el("m", {"type": t, "value": v}) for t, v in meta.get("members") or ()]


def id_list(tag, ids):
    return el(tag, {"ids": ",".join(map(str, ids))}) if ids else Xml("")
