# SPDX-License-Identifier: Apache-2.0
"""Requests about contacts, calendars and documents."""

from . import calendar, render
from .engine import handles
from .faultcodes import Fault, invalid
from .render import need, number, tag_names
from .soap import MAIL, answer, el, flag


# --- contacts -----------------------------------------------------------------------------------

def _fields(node):
    return [(a.get("n"), a.text or "") for a in node.findall("a") if a.get("n")]


def _members(node):
    return [(m.get("type") or "I", m.get("value") or "") for m in node.findall("m")]


def contact_xml(context, mailbox, item):
    return el("cn", {**render.item_attrs(context, mailbox, item), "fileAsStr": item.subject},
              *render.contact_children(item))


@handles(MAIL, "CreateContactRequest")
def create_contact(context, request):
    node = request.find("cn")
    folder = number(context, node.get("l") or "7")
    with context.use() as mailbox:
        need(context, mailbox, folder, "i")
        item = mailbox.create_contact(folder, _fields(node), members=_members(node),
                                      tags=tag_names(mailbox, node) or ())
        return answer(request, None, contact_xml(context, mailbox, item))


@handles(MAIL, "ModifyContactRequest")
def modify_contact(context, request):
    node = request.find("cn")
    item_id = number(context, node.get("id"))
    replace = flag(request.get("replace"))
    with context.use() as mailbox:
        members = _members(node) or ([] if replace else None)
        item = mailbox.modify_contact(item_id, _fields(node), replace=replace, members=members)
        item = item or mailbox.item(item_id, "contact")
        return answer(request, None, contact_xml(context, mailbox, item))


@handles(MAIL, "GetContactsRequest")
def get_contacts(context, request):
    wanted = [number(context, i) for node in request.findall("cn")
              for i in (node.get("id") or "").split(",") if i]
    folder = number(context, request.get("l")) if request.get("l") else None
    with context.use() as mailbox:
        items = [mailbox.item(i, "contact") for i in wanted] if wanted \
            else mailbox.items_of("contact", folder)
        return answer(request, None, *[contact_xml(context, mailbox, i) for i in items])


# --- calendar -----------------------------------------------------------------------------------

def _texts(request):
    """iCalendar texts in a request: <content> of <m>, <default>, <except>, or its own."""
    found = []
    for place in [request.element] + request.findall("default") + request.findall("except"):
        for node in [place, place.find("m")]:
            content = node.findtext("content") if node is not None else None
            if content:
                found.append(content)
    return found


@handles(MAIL, "ImportAppointmentsRequest", "SetAppointmentRequest", "SetTaskRequest")
def set_calendar(context, request):
    """Calendar items given as iCalendar text; <inv> made of elements is not known here."""
    kind = "task" if request.name == "SetTaskRequest" else "appointment"
    folder = number(context, request.get("l") or ("15" if kind == "task" else "10"))
    texts = _texts(request)
    if not texts:
        raise invalid("the lab takes calendar items as <content> in iCalendar only")
    by_uid = {}
    for text in texts:
        for invite in calendar.parse(text):
            by_uid.setdefault(invite["uid"], []).append(invite)
    with context.use() as mailbox:
        need(context, mailbox, folder, "i")
        items = [mailbox.set_calendar(folder, invites, kind=kind,
                                      tags=tag_names(mailbox, request) or (),
                                      flags=request.get("f") or "")
                 for invites in by_uid.values()]
        ids = [context.id(i.id) for i in items]
    if request.name == "ImportAppointmentsRequest":
        return answer(request, {"ids": ",".join(ids), "n": len(ids)})
    return answer(request, {"calItemId": ids[0], "apptId": ids[0]})


@handles(MAIL, "GetAppointmentRequest", "GetTaskRequest")
def get_appointment(context, request):
    with context.use() as mailbox:
        if request.get("uid"):
            item = mailbox.calendar_item(request.get("uid"))
            if item is None:
                raise Fault("mail.NO_SUCH_CALITEM", "no such calendar item: %s"
                            % request.get("uid"))
        else:
            item = mailbox.item(number(context, request.get("id")))
        need(context, mailbox, item.folder_id, "r")
        invites = [el("inv", {"type": "task" if item.type == "task" else "appt"}, el("comp", {
            "uid": i.get("uid"), "name": i.get("summary"), "seq": i.get("sequence"),
            "status": i.get("status"), "method": i.get("method")}))
            for i in (item.meta or {}).get("invites") or ()]
        return answer(request, None, el(render.ITEM_TAGS.get(item.type, "appt"),
                                        render.item_attrs(context, mailbox, item), *invites))


@handles(MAIL, "SendInviteReplyRequest")
def invite_reply(context, request):
    with context.use() as mailbox:
        item = mailbox.invite_reply(number(context, request.get("id")),
                                    (request.get("verb") or "").upper(), context.account.name)
        return answer(request, {"calItemId": context.id(item.id)} if item is not None else None)


# --- documents ----------------------------------------------------------------------------------

@handles(MAIL, "SaveDocumentRequest")
def save_document(context, request):
    node = request.find("doc")
    folder = number(context, node.get("l") or "16")
    item_id = number(context, node.get("id")) if node.get("id") else None
    version = int(node.get("ver")) if node.get("ver") else None
    upload = node.find("upload")
    if upload is not None:
        taken = context.node.uploads.take(upload.get("id"), context.auth.id)
        data, kind, name = taken.data(), taken.content_type, taken.filename
    else:
        data, kind, name = (node.get("content") or "").encode("utf-8"), "text/plain", ""
    with context.use() as mailbox:
        need(context, mailbox, folder, "i")
        item = mailbox.save_document(
            folder, node.get("name") or name, data, content_type=node.get("ct") or kind,
            description=node.get("desc") or "", creator=context.auth.name, item=item_id,
            version=version, tags=tag_names(mailbox, node) or ())
        if upload is not None:
            context.node.uploads.used(upload.get("id"))
        return answer(request, None, el("doc", {
            "id": context.id(item.id), "name": item.name,
            "ver": (item.meta or {}).get("version"), "l": context.id(item.folder_id)}))


@handles(MAIL, "ListDocumentRevisionsRequest")
def list_revisions(context, request):
    with context.use() as mailbox:
        item = mailbox.item(number(context, request.find("doc").get("id")), "document")
        need(context, mailbox, item.folder_id, "r")
        return answer(request, None, *[
            el("doc", {"id": context.id(item.id), "name": item.name, "ver": version,
                       "s": revision.size, "d": revision.date * 1000})
            for version, revision in mailbox.revisions(item)])
