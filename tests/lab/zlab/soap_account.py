# SPDX-License-Identifier: Apache-2.0
"""A user's own requests: coming in, what the account is, preferences, data sources."""

from . import attributes
from .accounts import seconds
from .engine import handles
from .faultcodes import Fault
from .soap import ACCOUNT, MAIL, answer, el

SOURCE_TAGS = {"pop3": "pop3", "imap": "imap", "rss": "rss", "cal": "cal"}


@handles(ACCOUNT, "AuthRequest", needs_token=False)
def auth(context, request):
    accounts, node = context.accounts, context.node
    given = request.findtext("authToken")
    if given:
        token = node.mint.read(given)
        account = node.engine.validate(token)
        return answer(request, None, el("authToken", None, given),
                      el("lifetime", None, token.expires_ms))
    named = request.find("account")
    key = (named.text or "").strip() if named is not None else ""
    account = None
    if key:
        by_id = named.get("by") == "id"
        account = accounts.by_id(key) if by_id else accounts.by_name(key)
    if account is None or not accounts.check_password(account, request.findtext("password")):
        raise Fault("account.AUTH_FAILED", "authentication failed for [%s]" % key)
    account = attributes.check_login(node, account)
    if context.habits["login_rereads_account"]:
        account = accounts.reread(account.id)
    lifetime = seconds(account.effective("zimbraAuthTokenLifetime"))
    text = node.mint.make(account.id, lifetime, validity=accounts.validity(account))
    return answer(request, None, el("authToken", None, text),
                  el("lifetime", None, lifetime * 1000), el("skin", None, "harmony"))


@handles(ACCOUNT, "EndSessionRequest")
def end_session(context, request):
    if context.session is not None:
        context.node.sessions.end(context.session.id)
        context.session = None
    return answer(request)


@handles(ACCOUNT, "GetInfoRequest")
def get_info(context, request):
    account, ports = context.account, context.node.ports
    wanted = [s for s in (request.get("sections") or "").split(",") if s]
    with context.use() as mailbox:
        used, tracking = mailbox.size, mailbox.tracking_imap
    base = "https://%s:%d" % (account.home, ports["mail"])
    parts = [el("version", None, "10.1.0_GA_4655"), el("id", None, account.id),
             el("name", None, account.name), el("lifetime", None, "172800000"),
             el("rest", None, "%s/home/%s" % (base, account.name)), el("used", None, used),
             el("isTrackingIMAP", None, "1" if tracking else "0"),
             el("soapURL", None, base + "/service/soap/"),
             el("publicURL", None, base)]
    if account.cos is not None:
        parts.append(el("cos", {"id": account.cos.id, "name": account.cos.get("cn")}))
    if not wanted or "prefs" in wanted:
        parts.append(el("prefs", None, *[
            el("pref", {"name": n}, v) for n, values in account.attrs.items()
            if n.startswith("zimbraPref") for v in values]))
    if not wanted or "attrs" in wanted:
        parts.append(el("attrs", None, *[
            el("attr", {"name": n}, v) for n in ("zimbraMailQuota", "zimbraFeatureMailEnabled")
            for v in [account.effective(n)] if v is not None]))
    return answer(request, {"attachmentSizeLimit": "10240000"}, *parts)


@handles(ACCOUNT, "GetPrefsRequest")
def get_prefs(context, request):
    return answer(request, None, *[
        el("pref", {"name": n}, v) for n, values in context.account.attrs.items()
        if n.startswith("zimbraPref") for v in values])


@handles(ACCOUNT, "ModifyPrefsRequest")
def modify_prefs(context, request):
    wanted = {}
    for pref in request.findall("pref"):
        name = pref.get("name") or ""
        if not name.lstrip("+-").startswith("zimbraPref"):
            raise Fault("service.PERM_DENIED", "permission denied: %s is no preference" % name)
        wanted.setdefault(name, []).append(pref.text or "")
    attributes.modify(context.node, context.account, wanted)
    return answer(request)


# --- data sources -------------------------------------------------------------------------------

def _source_xml(source):
    kind = source.get("zimbraDataSourceType") or "unknown"
    return el(SOURCE_TAGS.get(kind, "unknown"), {
        "id": source.get("zimbraDataSourceId"), "name": source.get("zimbraDataSourceName"),
        "l": source.get("zimbraDataSourceFolderId"), "host": source.get("zimbraDataSourceHost"),
        "port": source.get("zimbraDataSourcePort"),
        "username": source.get("zimbraDataSourceUsername"),
        "connectionType": source.get("zimbraDataSourceConnectionType"),
        "isEnabled": "1" if source.get("zimbraDataSourceEnabled") == "TRUE" else "0",
        "leaveOnServer": "1" if source.get("zimbraDataSourceLeaveOnServer") == "TRUE" else "0"})


@handles(MAIL, "GetDataSourcesRequest")
def get_data_sources(context, request):
    return answer(request, None, *map(_source_xml, context.accounts.sources(context.account)))


@handles(MAIL, "ModifyDataSourceRequest")
def modify_data_source(context, request):
    names = {"isEnabled": "zimbraDataSourceEnabled", "l": "zimbraDataSourceFolderId"}
    for node in request.element:
        for source in context.accounts.sources(context.account):
            if source.get("zimbraDataSourceId") != node.get("id"):
                continue
            rows = []
            for attr, name in names.items():
                if node.get(attr) is not None:
                    value = node.get(attr)
                    if attr == "isEnabled":
                        value = "TRUE" if value in ("1", "true") else "FALSE"
                    rows.append(("replace", name, [value]))
            if rows:
                context.accounts.modify(source, rows)
    return answer(request)


@handles(MAIL, "DeleteDataSourceRequest")
def delete_data_source(context, request):
    wanted = {node.get("id") for node in request.element}
    for source in context.accounts.sources(context.account):
        if source.get("zimbraDataSourceId") in wanted:
            context.accounts.ldap.delete(source.dn)
    return answer(request)
