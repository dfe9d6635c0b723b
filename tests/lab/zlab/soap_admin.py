# SPDX-License-Identifier: Apache-2.0
"""The administrator's requests about accounts and their mailboxes."""

from . import attributes, tokens
from .accounts import seconds
from .engine import handles
from .faultcodes import Fault, denied, invalid
from .soap import ADMIN, answer, el, flag

DELEGATE_DEFAULT_S = 3600
PAGE_ALL = 1 << 30


def account_key(request):
    """(by, key) of <account by="">, or of <id>, or of <mbox id="">."""
    node = request.find("account")
    if node is not None:
        return node.get("by") or "name", (node.text or "").strip()
    mbox = request.find("mbox")
    if mbox is not None:
        return "id", mbox.get("id")
    return "id", (request.findtext("id") or "").strip()


def account_xml(account, names=None, with_cos=False):
    attrs = dict(account.attrs)
    if with_cos and account.cos is not None:
        for name, values in account.cos.attrs.items():
            if name.startswith("zimbra") and name not in ("zimbraId", "zimbraMailHostPool"):
                attrs.setdefault(name, values)
    return el("account", {"name": account.name, "id": account.id}, *attributes.xml(attrs, names))


# --- coming in ----------------------------------------------------------------------------------

@handles(ADMIN, "AuthRequest", needs_token=False)
def auth(context, request):
    accounts = context.accounts
    given = request.findtext("authToken")
    if given:
        token = context.node.mint.read(given)
        account = context.node.engine.validate(token)
        if not token.is_admin:
            raise denied("not an admin account")
        return answer(request, None, el("authToken", None, given),
                      el("lifetime", None, token.expires_ms))
    key = (request.findtext("name") or "").strip()
    by = "name"
    node = request.find("account")
    if node is not None:
        by, key = node.get("by") or "name", (node.text or "").strip()
    account = accounts.by_id(key) if by == "id" else accounts.by_name(key)
    if account is None or not accounts.check_password(account, request.findtext("password")):
        raise Fault("account.AUTH_FAILED", "authentication failed for [%s]" % key)
    account = attributes.check_login(context.node, account)
    if not account.is_admin:
        raise denied("not an admin account")
    lifetime = seconds(account.effective("zimbraAdminAuthTokenLifetime"))
    text = context.node.mint.make(account.id, lifetime, is_admin=True,
                                  validity=accounts.validity(account))
    context.auth, context.token = account, tokens.Token(account.id, 0, True)
    return answer(request, None, el("authToken", None, text),
                  el("lifetime", None, lifetime * 1000),
                  el("a", {"n": "zimbraIsDomainAdminAccount"}, "false"))


@handles(ADMIN, "DelegateAuthRequest")
def delegate_auth(context, request):
    account = context.accounts.get(*account_key(request))
    lifetime = min(int(request.get("duration") or DELEGATE_DEFAULT_S),
                   seconds(account.effective("zimbraAuthTokenLifetime")))
    text = context.node.mint.make(account.id, lifetime, admin_id=context.auth.id,
                                  validity=context.accounts.validity(account))
    return answer(request, None, el("authToken", None, text),
                  el("lifetime", None, lifetime * 1000))


# --- accounts -----------------------------------------------------------------------------------

@handles(ADMIN, "GetAccountRequest", home_of=account_key)
def get_account(context, request):
    account = context.accounts.get(*account_key(request))
    names = [n for n in (request.get("attrs") or "").split(",") if n] or None
    return answer(request, None, account_xml(account, names,
                                             request.get("applyCos", "1") not in ("0", "false")))


@handles(ADMIN, "GetAccountInfoRequest")
def get_account_info(context, request):
    account = context.accounts.get(*account_key(request))
    parts = [el("name", None, account.name)]
    parts += attributes.xml(account.attrs, ["zimbraId", "zimbraMailHost"])
    if account.cos is not None:
        parts.append(el("cos", {"id": account.cos.id, "name": account.cos.get("cn")}))
    if account.home:
        mail, admin = context.node.ports["mail"], context.node.ports["admin"]
        parts += [el("soapURL", None, "https://%s:%d/service/soap/" % (account.home, mail)),
                  el("adminSoapURL", None,
                     "https://%s:%d/service/admin/soap/" % (account.home, admin)),
                  el("publicMailURL", None, "https://%s:%d/" % (account.home, mail))]
    return answer(request, None, *parts)


@handles(ADMIN, "CreateAccountRequest")
def create_account(context, request):
    account = attributes.create(context.node, request.findtext("name") or "",
                                request.findtext("password") or "",
                                attributes.wanted(request))
    return answer(request, None, account_xml(account))


@handles(ADMIN, "ModifyAccountRequest", home_of=account_key)
def modify_account(context, request):
    account = context.accounts.get(*account_key(request))
    now = attributes.modify(context.node, account, attributes.wanted(request))
    if now.home and now.home != account.home and now.home != context.node.host:
        context.node.tell_to_flush(now.home, context.token_text, now.id)
    return answer(request, None, account_xml(now))


@handles(ADMIN, "SetPasswordRequest", home_of=account_key)
def set_password(context, request):
    account = context.accounts.get(*account_key(request))
    context.accounts.modify(account, [("replace", "userPassword",
                                       [request.findtext("newPassword") or ""])])
    context.accounts.reread(account.id)
    return answer(request)


@handles(ADMIN, "DeleteAccountRequest", home_of=account_key)
def delete_account(context, request):
    account = context.accounts.get(*account_key(request))
    context.node.mailboxes.delete(account)
    context.accounts.remove(account)
    return answer(request)


@handles(ADMIN, "GetDataSourcesRequest")
def get_data_sources(context, request):
    account = context.accounts.get(*account_key(request))
    return answer(request, None, *[
        el("dataSource", {"id": s.get("zimbraDataSourceId"), "name": s.get("zimbraDataSourceName"),
                          "type": s.get("zimbraDataSourceType")}, *attributes.xml(s.attrs))
        for s in context.accounts.sources(account)])


@handles(ADMIN, "ModifyDataSourceRequest", home_of=account_key)
def modify_data_source(context, request):
    account = context.accounts.get(*account_key(request))
    node = request.find("dataSource")
    wanted = node.get("id") if node is not None else None
    for source in context.accounts.sources(account):
        if source.get("zimbraDataSourceId") == wanted:
            context.accounts.modify(source, attributes.changes(attributes.wanted(node)))
            return answer(request)
    raise Fault("account.NO_SUCH_DATA_SOURCE", "no such data source: %s" % wanted)


# --- mailboxes ----------------------------------------------------------------------------------

@handles(ADMIN, "GetMailboxRequest", home_of=account_key)
def get_mailbox(context, request):
    account = context.accounts.get(*account_key(request))
    with context.node.mailboxes.use(account) as mailbox:
        return answer(request, None, el("mbox", {"mbxid": mailbox.id, "s": mailbox.size}))


@handles(ADMIN, "GetAllMailboxesRequest")
def get_all_mailboxes(context, request):
    rows = None
    keep = context.session is not None and context.habits["rows_are_kept_in_session"]
    if keep:
        rows = context.session.kept.get("rows")
    if rows is None:
        rows = context.node.store.rows()
        if keep:
            context.session.kept["rows"] = rows
    offset = int(request.get("offset") or 0)
    limit = int(request.get("limit") or 0) or PAGE_ALL
    page = rows[offset:offset + limit]
    more = len(rows) > offset + limit
    return answer(request, {"more": "1" if more else "0", "searchTotal": len(rows)},
                  *[el("mbox", row) for row in page])


@handles(ADMIN, "GetMailboxStatsRequest")
def get_mailbox_stats(context, request):
    rows = context.node.store.rows()
    return answer(request, None, el("stats", {
        "numMboxes": len(rows), "totalSize": sum(int(r["sizeCheckPoint"]) for r in rows)}))


@handles(ADMIN, "DeleteMailboxRequest", home_of=account_key, habit="delete_mailbox_goes_home")
def delete_mailbox(context, request):
    account = context.accounts.get(*account_key(request))
    number = context.node.mailboxes.delete(account)
    return answer(request, None, *([el("mbox", {"mbxid": number})] if number else []))


@handles(ADMIN, "LockoutMailboxRequest")
def lockout_mailbox(context, request):
    account = context.accounts.get(*account_key(request))
    op = request.get("op") or "start"
    if op == "start":
        context.node.mailboxes.lockout(account)
    elif op == "end":
        context.node.mailboxes.end_lockout(account.id)
    else:
        raise invalid("unknown op %s" % op)
    return answer(request)


@handles(ADMIN, "GetQuotaUsageRequest")
def get_quota_usage(context, request):
    keep = context.session is not None and context.habits["quota_usage_is_kept_in_session"]
    found = context.session.kept.get("quota") if keep and not flag(request.get("refresh")) \
        else None
    if found is None:
        found = _quota_usage(context)
        if keep:
            context.session.kept["quota"] = found
    domain = request.get("domain")
    if domain:
        found = [a for a in found if a["name"].endswith("@" + domain)]
    key = {"totalUsed": "used", "quotaLimit": "limit"}.get(request.get("sortBy"), "name")
    found = sorted(found, key=lambda a: a[key], reverse=not flag(request.get("sortAscending")))
    offset = int(request.get("offset") or 0)
    limit = int(request.get("limit") or 0) or PAGE_ALL
    return answer(request, {"more": "1" if len(found) > offset + limit else "0",
                            "searchTotal": len(found)},
                  *[el("account", a) for a in found[offset:offset + limit]])


def _quota_usage(context):
    """Accounts at home here, by LDAP; what they use, by the rows here."""
    used = {row["accountId"]: int(row["sizeCheckPoint"]) for row in context.node.store.rows()}
    return [{"name": account.name, "id": account.id, "used": used.get(account.id, 0),
             "limit": account.quota}
            for account in context.accounts.homed_on(context.node.host)]


@handles(ADMIN, "PurgeMessagesRequest", "RecalculateMailboxCountsRequest",
         home_of=lambda request: account_key(request) if request.find("mbox") is not None else None)
def purge_messages(context, request):
    if request.find("mbox") is None:
        return answer(request)
    account = context.accounts.get(*account_key(request))
    with context.node.mailboxes.use(account, create=False) as mailbox:
        return answer(request, None, el("mbox", {"id": account.id, "mbxid": mailbox.id,
                                                 "s": mailbox.size, "used": mailbox.size}))


# --- caches -------------------------------------------------------------------------------------

@handles(ADMIN, "FlushCacheRequest")
def flush_cache(context, request):
    cache = request.find("cache")
    if cache is None:
        raise invalid("no <cache>")
    for kind in (cache.get("type") or "").split(","):
        _flush(context, kind.strip(), cache.findall("entry"))
    if flag(cache.get("allServers")):
        _flush_others(context, cache)
    return answer(request)


def _flush(context, kind, entries):
    accounts = context.accounts
    if kind == "account":
        for entry in entries:
            key = (entry.text or "").strip()
            if entry.get("by") == "name":
                known = accounts.by_name(key)
                key = known.id if known is not None else key
            accounts.forget(key)
        if not entries:
            accounts.forget()
    elif kind == "all":
        accounts.forget()
        accounts.forget_others()
    elif kind in ("cos", "domain", "server", "config"):
        accounts.forget_others(kind)
        if kind == "cos":
            accounts.forget()


def _flush_others(context, cache):
    xml = el("FlushCacheRequest", {"xmlns": ADMIN}, el(
        "cache", {"type": cache.get("type"), "allServers": "0"},
        *[el("entry", {"by": e.get("by")}, e.text) for e in cache.findall("entry")]))
    for host in context.node.peers.addresses:
        if host == context.node.host:
            continue
        try:
            context.node.peers.soap(host, "admin", context.token_text, xml, None,
                                    context.hops + 1)
        except Fault:
            if not context.habits["flush_hides_unreachable"]:
                raise
