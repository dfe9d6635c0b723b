# SPDX-License-Identifier: Apache-2.0
"""The administrator's requests about servers, classes of service, domains, the configuration."""

from . import attributes
from .accounts import Entry
from .engine import handles
from .faultcodes import Fault, invalid
from .ldapclient import escape
from .soap import ADMIN, answer, el
from .soap_admin import account_xml

PAGE_ALL = 1 << 30
# Lists of servers by name that DeleteServer cleans (LdapProvisioning.deleteServer).
CLEANED = ("zimbraReverseProxyAvailableLookupTargets", "zimbraReverseProxyUpstreamEwsServers",
           "zimbraReverseProxyUpstreamLoginServers")


def _named(context, request, tag, kind):
    """The entry that <tag by="">key</tag>, or <id>, names, read anew."""
    node = request.find(tag)
    key = (node.text or "").strip() if node is not None else (request.findtext("id") or "")
    context.accounts.forget_others(kind)
    found = context.accounts.other(kind, key) if key else None
    if found is None:
        raise Fault("account.NO_SUCH_%s" % kind.upper(), "no such %s: %s" % (kind, key))
    return found


def _names(request):
    return [n for n in (request.get("attrs") or "").split(",") if n] or None


def _server_xml(context, server, names=None, with_config=True):
    attrs = dict(server.attrs)
    if with_config:
        for name, values in context.accounts.other("config", "config").attrs.items():
            if name.startswith("zimbra"):
                attrs.setdefault(name, values)
    return el("server", {"name": server.get("cn"), "id": server.id},
              *attributes.xml(attrs, names))


@handles(ADMIN, "GetAllServersRequest")
def get_all_servers(context, request):
    service = request.get("service")
    found = [s for s in context.accounts.servers()
             if not service or service in s.all("zimbraServiceEnabled")]
    apply = request.get("applyConfig", "1") not in ("0", "false")
    return answer(request, None, *[_server_xml(context, s, _names(request), apply)
                                   for s in found])


@handles(ADMIN, "GetServerRequest")
def get_server(context, request):
    server = _named(context, request, "server", "server")
    return answer(request, None, _server_xml(
        context, server, _names(request), request.get("applyConfig", "1") not in ("0", "false")))


@handles(ADMIN, "ModifyServerRequest")
def modify_server(context, request):
    server = _named(context, request, "server", "server")
    context.accounts.modify(server, attributes.changes(attributes.wanted(request)))
    server = _named(context, request, "server", "server")
    return answer(request, None, _server_xml(context, server, with_config=False))


@handles(ADMIN, "DeleteServerRequest")
def delete_server(context, request):
    server = _named(context, request, "server", "server")
    host, ldap = server.get("zimbraServiceHostname"), context.accounts.ldap
    elsewhere = context.node.engine.at_server(context, request, host)
    if elsewhere is not None:
        context.accounts.forget_others()
        return elsewhere
    if ldap.search("", "sub", "(&(objectClass=zimbraAccount)(zimbraMailHost=%s))"
                   % escape(host), ["zimbraId"]):
        raise invalid("there are still mailboxes on this server")
    if host in context.accounts.other("config", "config").all("zimbraLogHostname"):
        raise invalid("this is the log host")
    for dn, attrs in ldap.search("cn=zimbra", "sub", "(objectClass=*)", list(CLEANED)):
        for name in CLEANED:
            if host in attrs.get(name, ()):
                ldap.modify(dn, [("delete", name, [host])])
    for dn, attrs in ldap.search("cn=zimbra", "sub", "(zimbraMailHostPool=%s)"
                                 % escape(server.id), ["cn"]):
        ldap.modify(dn, [("delete", "zimbraMailHostPool", [server.id])])
    ldap.delete(server.dn)
    context.accounts.forget_others()
    return answer(request)


@handles(ADMIN, "GetCosRequest")
def get_cos(context, request):
    cos = _named(context, request, "cos", "cos")
    return answer(request, None, _cos_xml(cos, _names(request)))


@handles(ADMIN, "GetAllCosRequest")
def get_all_cos(context, request):
    return answer(request, None, *[_cos_xml(e) for e in _search(context, "cn=cos,cn=zimbra",
                                                                "(objectClass=zimbraCOS)")])


@handles(ADMIN, "ModifyCosRequest")
def modify_cos(context, request):
    cos = _named(context, request, "cos", "cos")
    context.accounts.modify(cos, attributes.changes(attributes.wanted(request)))
    context.accounts.forget()
    return answer(request, None, _cos_xml(_named(context, request, "cos", "cos")))


def _cos_xml(cos, names=None):
    return el("cos", {"id": cos.id, "name": cos.get("cn")}, *attributes.xml(cos.attrs, names))


@handles(ADMIN, "ModifyDistributionListRequest")
def modify_list(context, request):
    key = request.findtext("id") or ""
    found = _search(context, "", "(&(|(objectClass=zimbraDistributionList)"
                    "(objectClass=zimbraGroup))(zimbraId=%s))" % escape(key))
    if not found:
        raise Fault("account.NO_SUCH_DISTRIBUTION_LIST", "no such distribution list: %s" % key)
    context.accounts.modify(found[0], attributes.changes(attributes.wanted(request)))
    entry = _search(context, "", "(zimbraId=%s)" % escape(key))[0]
    return answer(request, None, el("dl", {"id": entry.id, "name": entry.get("mail")},
                                    *attributes.xml(entry.attrs)))


@handles(ADMIN, "GetDomainRequest")
def get_domain(context, request):
    domain = _named(context, request, "domain", "domain")
    return answer(request, None, _domain_xml(domain, _names(request)))


@handles(ADMIN, "GetAllDomainsRequest")
def get_all_domains(context, request):
    return answer(request, None, *[_domain_xml(e) for e in _search(
        context, "", "(objectClass=zimbraDomain)")])


@handles(ADMIN, "ModifyDomainRequest")
def modify_domain(context, request):
    domain = _named(context, request, "domain", "domain")
    context.accounts.modify(domain, attributes.changes(attributes.wanted(request)))
    return answer(request, None, _domain_xml(_named(context, request, "domain", "domain")))


def _domain_xml(domain, names=None):
    return el("domain", {"id": domain.id, "name": domain.get("zimbraDomainName")},
              *attributes.xml(domain.attrs, names))


@handles(ADMIN, "GetAllConfigRequest", "GetConfigRequest")
def get_config(context, request):
    context.accounts.forget_others("config")
    names = [a.get("n") for a in request.findall("a")] or None
    return answer(request, None,
                  *attributes.xml(context.accounts.other("config", "config").attrs, names))


@handles(ADMIN, "ModifyConfigRequest")
def modify_config(context, request):
    config = context.accounts.other("config", "config")
    context.accounts.modify(config, attributes.changes(attributes.wanted(request)))
    context.accounts.forget_others("config")
    return answer(request)


def _search(context, base, filter):
    return [Entry(dn, attrs) for dn, attrs in context.accounts.ldap.search(base, "sub", filter)]


@handles(ADMIN, "SearchDirectoryRequest", "GetAllAccountsRequest")
def search_directory(context, request):
    query = request.get("query") or request.findtext("query") or "(objectClass=*)"
    if not query.startswith("("):
        query = "(%s)" % query
    domain = request.get("domain")
    base = ",".join("dc=" + part for part in domain.split(".")) if domain else ""
    found = [context.accounts.by_id(attrs["zimbraId"][0]) for _, attrs in
             context.accounts.ldap.search(base, "sub", "(&(objectClass=zimbraAccount)%s)"
                                          % query, ["zimbraId"]) if "zimbraId" in attrs]
    offset, limit = int(request.get("offset") or 0), int(request.get("limit") or 0) or PAGE_ALL
    page = [a for a in found if a is not None][offset:offset + limit]
    return answer(request, {"more": "1" if len(found) > offset + limit else "0",
                            "searchTotal": len(found)},
                  *[account_xml(a, _names(request)) for a in page])


# --- how it does --------------------------------------------------------------------------------

@handles(ADMIN, "CheckHealthRequest", needs_token=False)
def check_health(context, request):
    context.accounts.forget_others("config")
    context.accounts.other("config", "config")
    context.node.store.rows()
    return answer(request, {"healthy": "1"})


@handles(ADMIN, "GetServiceStatusRequest")
def get_service_status(context, request):
    status = [el("status", {"server": s.get("zimbraServiceHostname"), "service": service,
                            "t": "0"}, "1")
              for s in context.accounts.servers() for service in s.all("zimbraServiceEnabled")]
    return answer(request, None, el("timezone", {"id": "UTC"}), *status)


@handles(ADMIN, "GetVersionInfoRequest")
def get_version_info(context, request):
    server = context.accounts.other("server", context.node.host)
    return answer(request, None, el("info", {
        "type": "FOSS", "version": server.get("zimbraServerVersion"), "host": context.node.host}))


@handles(ADMIN, "NoOpRequest")
def no_op(context, request):
    return answer(request)
