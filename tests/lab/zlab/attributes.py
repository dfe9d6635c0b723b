# SPDX-License-Identifier: Apache-2.0
"""Attributes of accounts as requests carry them, and what a change of one drags along: the
transport of the host, the mail status of the account's status.
"""

import random
import uuid

from .directory import people_dn
from .faultcodes import Fault, invalid
from .ldapclient import ENTRY_EXISTS, NO_SUCH_ATTRIBUTE, VALUE_EXISTS, LdapError, escape
from .soap import el

HIDDEN = ("userPassword", "zimbraDataSourcePassword")
UNDEFINED_TYPE, INVALID_SYNTAX = 17, 21


def xml(attrs, names=None):
    """<a n="">value</a> of each value."""
    return [el("a", {"n": name}, "VALUE-BLOCKED" if name in HIDDEN else value)
            for name, values in attrs.items() if names is None or name in names
            for value in values]


def wanted(element):
    """{name, maybe with + or -: [values]} of the <a> children, in their order."""
    found = {}
    for a in element.findall("a"):
        found.setdefault(a.get("n") or "", []).append(a.text or "")
    return found


def changes(attrs):
    """As LDAP changes. No value or an empty one removes the attribute."""
    rows = []
    for name, values in attrs.items():
        values = [v for v in values if v != ""]
        if name[:1] in "+-":
            if values:
                rows.append(("add" if name[0] == "+" else "delete", name[1:], values))
        else:
            rows.append(("replace", name, values))
    return rows


def check_login(node, account):
    """The Account that comes in; a Fault if its status lets nobody in. A server that is not its home
    reads it anew for that (LdapProvisioning.checkAccountStatus), the home believes what it knows."""
    accounts = node.accounts
    if account.home != node.host:
        account = accounts.reread(account.id) or account
    status = accounts.status(account)
    if status == "maintenance":
        raise Fault("account.MAINTENANCE_MODE", "account is in maintenance mode")
    if status != "active":
        raise Fault("account.AUTH_FAILED", "authentication failed for [%s]: account(or domain) "
                    "status is %s" % (account.name, status))
    return account


# --- changing -----------------------------------------------------------------------------------

def modify(node, account, attrs):
    """Carries a ModifyAccount out here; the Account as it is now, which this node knows."""
    attrs = dict(attrs)
    _host(node, account, attrs)
    _status(node, account, attrs)
    _apply(node.accounts, account, changes(attrs))
    return node.accounts.reread(account.id)


def _apply(accounts, entry, rows):
    """Several changes at once; adding what is there and removing what is not does no harm."""
    try:
        if rows:
            accounts.modify(entry, rows)
        return
    except LdapError as e:
        if e.code in (UNDEFINED_TYPE, INVALID_SYNTAX):
            raise Fault("account.INVALID_ATTR_%s" % ("NAME" if e.code == UNDEFINED_TYPE
                                                     else "VALUE"), str(e)) from None
        if e.code not in (VALUE_EXISTS, NO_SUCH_ATTRIBUTE):
            raise
    for row in rows:
        for value in row[2] if row[0] in ("add", "delete") else [None]:
            one = (row[0], row[1], row[2] if value is None else [value])
            try:
                accounts.modify(entry, [one])
            except LdapError as e:
                if e.code not in (VALUE_EXISTS, NO_SUCH_ATTRIBUTE):
                    raise


def _host(node, account, attrs):
    """MailHost.java: the host must be a mail server, and the transport follows it."""
    host = (attrs.get("zimbraMailHost") or [""])[0]
    if not host:
        return
    if any(name.lstrip("+-") == "zimbraMailTransport" for name in attrs):
        raise invalid("setting zimbraMailHost and zimbraMailTransport in the same request is "
                      "not allowed")
    attrs["zimbraMailTransport"] = [transport(node, host)]
    now = account.get("zimbraMailTransport", "") if account is not None else ""
    if now and not now.startswith("lmtp:%s:" % account.home):
        raise invalid("current value of zimbraMailTransport does not match computed value: %s"
                      % now)


def transport(node, host):
    server = node.accounts.other("server", host)
    if server is None or server.get("zimbraServiceHostname") != host:
        raise invalid("specified zimbraMailHost does not correspond to a valid server: %s" % host)
    if not {"service", "mailbox"} & set(server.all("zimbraServiceEnabled")):
        raise invalid("specified zimbraMailHost is not a mail server: %s" % host)
    return "lmtp:%s:%s" % (host, server.get("zimbraLmtpBindPort")
                           or node.accounts.config("zimbraLmtpBindPort", "7025"))


def _status(node, account, attrs):
    """AccountStatus.java: closed takes mail and lists away, anything else gives mail back."""
    status = (attrs.get("zimbraAccountStatus") or [""])[0]
    if not status:
        return
    if "zimbraMailStatus" not in attrs:
        if status in ("closed", "pending"):
            attrs["zimbraMailStatus"] = ["disabled"]
        elif node.habits["status_change_enables_mail"]:
            attrs["zimbraMailStatus"] = ["enabled"]
    if status == "closed":
        for dn, _ in node.accounts.ldap.search(
                "", "sub", "(&(objectClass=zimbraDistributionList)"
                "(zimbraMailForwardingAddress=%s))" % escape(account.name), ["cn"]):
            node.accounts.ldap.modify(dn, [("delete", "zimbraMailForwardingAddress",
                                            [account.name])])


# --- making -------------------------------------------------------------------------------------

def create(node, name, password, attrs):
    """A new account in LDAP; its mailbox comes with the first access."""
    accounts = node.accounts
    local, at, domain_name = name.lower().partition("@")
    domain = accounts.other("domain", domain_name) if at else None
    if domain is None:
        raise Fault("account.NO_SUCH_DOMAIN", "no such domain: %s" % domain_name)
    cos_id = (attrs.get("zimbraCOSId") or [domain.get("zimbraDomainDefaultCOSId", "")])[0]
    host = (attrs.get("zimbraMailHost") or [_from_pool(node, cos_id)])[0]
    entry = {"objectClass": ["inetOrgPerson", "zimbraAccount"], "uid": [local], "cn": [local],
             "sn": [local], "mail": [name.lower()], "zimbraId": [str(uuid.uuid4())],
             "userPassword": [password], "zimbraAccountStatus": ["active"],
             "zimbraMailStatus": ["enabled"], "zimbraMailDeliveryAddress": [name.lower()],
             "zimbraMailHost": [host], "zimbraMailTransport": [transport(node, host)]}
    if cos_id:
        entry["zimbraCOSId"] = [cos_id]
    entry.update({n: v for n, v in attrs.items() if [x for x in v if x]})
    if not password:
        del entry["userPassword"]
    try:
        accounts.ldap.add("uid=%s,%s" % (local, people_dn(domain_name)), entry)
    except LdapError as e:
        if e.code == ENTRY_EXISTS:
            raise Fault("account.ACCOUNT_EXISTS", "email address already exists: %s" % name) \
                from None
        if e.code in (UNDEFINED_TYPE, INVALID_SYNTAX):
            raise Fault("account.INVALID_ATTR_NAME", str(e)) from None
        raise
    return accounts.reread(entry["zimbraId"][0])


def _from_pool(node, cos_id):
    """The host that the class of service's pool gives, or this one."""
    cos = node.accounts.other("cos", cos_id or "default")
    hosts = [s.get("zimbraServiceHostname") for s in
             (node.accounts.other("server", i) for i in cos.all("zimbraMailHostPool"))
             if s is not None] if cos is not None else []
    return random.choice(hosts) if hosts else node.host
