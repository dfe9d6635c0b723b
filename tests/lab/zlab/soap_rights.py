# SPDX-License-Identifier: Apache-2.0
"""What an external service asks about administrators: who is this, what may he, and the
console's own zimlets. Delegated administrators get in here, and nowhere else in the lab: of
their many rights the lab plays those on servers, which are granted as zimbraACE values
"ID usr RIGHT" (a leading "-" denies).

Zimlets are what zmzimletctl put into the directory; the lab keeps them as files:
LABDIR/zimlets/NAME.xml holds the <zimletConfig> of an enabled extension.
"""

import glob
import os
from xml.etree import ElementTree

from . import soap_account, soap_admin, tokens
from .accounts import seconds
from .attributes import check_login
from .engine import HANDLERS, handles
from .faultcodes import Fault, denied, invalid
from .soap import ACCOUNT, ADMIN, Xml, answer, el, serialize

# Of the rights on target type server in rights.xml and zimbra-rights.xml, some.
SERVER_RIGHTS = ("deployZimlet", "flushCache", "getServer", "getServiceStatus",
                 "manageVolume", "modifyServer", "moveMailboxFromServer", "moveMailboxToServer")


def is_delegated(account):
    return account is not None and account.get("zimbraIsDelegatedAdminAccount") == "TRUE"


def require_admin(context):
    """The administrator who asks, global or delegated."""
    context.node.engine.check_token(context)
    if context.token.is_delegated or not (context.token.is_admin or is_delegated(context.auth)):
        raise denied("need adequate admin token")
    return context.auth


def _server(context, request):
    node = request.find("target")
    if node is None or node.get("type") != "server":
        raise invalid("the lab knows rights on targets of type server")
    context.accounts.forget_others("server")
    found = context.accounts.other("server", (node.text or "").strip())
    if found is None:
        raise Fault("account.NO_SUCH_SERVER", "no such server: %s" % (node.text or "").strip())
    return found


def rights_of(account, server):
    """Names of the rights the account has on the server."""
    if account.get("zimbraAccountStatus", "active") != "active":
        return []
    if account.is_admin:
        return list(SERVER_RIGHTS)
    if not is_delegated(account):
        return []
    granted, refused = set(), set()
    for ace in server.all("zimbraACE"):
        grantee, kind, right = (ace.split() + ["", "", ""])[:3]
        if grantee == account.id and kind == "usr":
            (refused if right.startswith("-") else granted).add(right.lstrip("-+"))
    return [r for r in SERVER_RIGHTS if r in granted - refused]


# --- coming in: delegated administrators, too -----------------------------------------------------

_global_auth = HANDLERS[(ADMIN, "AuthRequest")].function


@handles(ADMIN, "AuthRequest", needs_token=False)
def auth(context, request):
    accounts = context.accounts
    given = request.findtext("authToken")
    if given:
        token = context.node.mint.read(given)
        account = context.node.engine.validate(token)
        if is_delegated(account) and not token.is_delegated:
            return answer(request, None, el("authToken", None, given),
                          el("lifetime", None, token.expires_ms))
        return _global_auth(context, request)
    key = (request.findtext("name") or "").strip()
    account = accounts.by_name(key) if key else None
    if account is not None and not account.is_admin and is_delegated(account):
        if not accounts.check_password(account, request.findtext("password")):
            raise Fault("account.AUTH_FAILED", "authentication failed for [%s]" % key)
        account = check_login(context.node, account)
        lifetime = seconds(account.effective("zimbraAdminAuthTokenLifetime"))
        text = context.node.mint.make(account.id, lifetime, validity=accounts.validity(account))
        context.auth, context.token = account, tokens.Token(account.id, 0, False)
        return answer(request, None, el("authToken", None, text),
                      el("lifetime", None, lifetime * 1000))
    return _global_auth(context, request)


_account_auth = HANDLERS[(ACCOUNT, "AuthRequest")].function


@handles(ACCOUNT, "AuthRequest", needs_token=False)
def account_auth(context, request):
    """With verifyAccount="1" the token must be of the account that is named (Auth.java)."""
    given = request.find("authToken")
    named = request.find("account")
    if given is not None and named is not None and given.get("verifyAccount") in ("1", "true"):
        token = context.node.mint.read(given.text or "")
        context.node.engine.validate(token)
        account = context.accounts.get(named.get("by") or "name", (named.text or "").strip())
        if token.account_id != account.id:
            raise Fault("account.AUTH_FAILED", "authentication failed for [%s]: auth token "
                        "doesn't match the named account" % account.name)
    return _account_auth(context, request)


_delegate_auth = HANDLERS[(ADMIN, "DelegateAuthRequest")].function


@handles(ADMIN, "DelegateAuthRequest", needs_token=False)
def delegate_auth(context, request):
    """adminLoginAs: global administrators only, HardRules; no short cut for oneself."""
    if not require_admin(context).is_admin:
        raise denied("need adminLoginAs right")
    return _delegate_auth(context, request)


# --- rights -----------------------------------------------------------------------------------

@handles(ADMIN, "GetEffectiveRightsRequest", needs_token=False)
def get_effective_rights(context, request):
    """Without a grantee: of the one who asks. Needs no right, is not passed to the home server."""
    me = require_admin(context)
    grantee = request.find("grantee")
    if grantee is not None and (grantee.text or "").strip():
        if not me.is_admin:
            raise denied("need right to view grants of others")
        me = context.accounts.get(grantee.get("by") or "name", grantee.text.strip())
    server = _server(context, request)
    rights = rights_of(me, server)
    everything = "1" if me.is_admin else None
    return answer(
        request, None, el("grantee", {"id": me.id, "name": me.name}),
        el("target", {"type": "server", "id": server.id, "name": server.get("cn")},
           *[el("right", {"n": r}) for r in rights],
           el("setAttrs", {"all": everything}), el("getAttrs", {"all": everything})))


@handles(ADMIN, "CheckRightRequest", needs_token=False)
def check_right(context, request):
    me = require_admin(context)
    if not me.is_admin:
        raise denied("need right checkRightUsr")
    grantee = request.find("grantee")
    account = context.accounts.get(grantee.get("by") or "name", (grantee.text or "").strip())
    account = context.accounts.reread(account.id)
    right = (request.findtext("right") or "").strip()
    if right not in SERVER_RIGHTS:
        raise Fault("account.NO_SUCH_RIGHT", "no such right: %s" % right)
    server = _server(context, request)
    return answer(request, {"allow": "1" if right in rights_of(account, server) else "0"})


def _grant(context, request, sign):
    me = require_admin(context)
    if not me.is_admin:
        raise denied("need right to grant")
    grantee = request.find("grantee")
    account = context.accounts.get(grantee.get("by") or "name", (grantee.text or "").strip())
    if sign == "+" and not (account.is_admin or is_delegated(account)):
        raise invalid("grantee for admin right must be a delegated admin account or admin group")
    node = request.find("right")
    right = (node.text or "").strip()
    if right not in SERVER_RIGHTS:
        raise Fault("account.NO_SUCH_RIGHT", "no such right: %s" % right)
    if node.get("deny") in ("1", "true"):
        right = "-" + right
    server = _server(context, request)
    ace = "%s usr %s" % (account.id, right)
    if (sign == "+") != (ace in server.all("zimbraACE")):
        context.accounts.modify(server, [("add" if sign == "+" else "delete", "zimbraACE", [ace])])
        context.accounts.forget_others("server")
    return answer(request)


@handles(ADMIN, "GrantRightRequest", needs_token=False)
def grant_right(context, request):
    return _grant(context, request, "+")


@handles(ADMIN, "RevokeRightRequest", needs_token=False)
def revoke_right(context, request):
    return _grant(context, request, "-")


# --- the console's own zimlets --------------------------------------------------------------------

@handles(ADMIN, "GetAdminExtensionZimletsRequest", needs_token=False)
def get_admin_extension_zimlets(context, request):
    require_admin(context)
    found = []
    for path in sorted(glob.glob(os.path.join(context.node.cluster["dir"], "zimlets", "*.xml"))):
        config = ElementTree.parse(path).getroot()
        name = config.get("name")
        found.append(el(
            "zimlet", None,
            el("zimletContext", {"baseUrl": "/service/zimlet/%s/" % name, "priority": "1",
                                 "presence": "enabled"}),
            el("zimlet", {"name": name, "version": config.get("version"), "extension": "true"}),
            Xml(serialize(config))))
    return answer(request, None, el("zimlets", None, *found))


assert soap_account and soap_admin  # their handlers are wrapped above, so they come first
