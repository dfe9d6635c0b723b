# SPDX-License-Identifier: Apache-2.0
"""What stands in the lab's directory: the tree of a Zimbra LDAP, small but with every kind of
entry that matters to someone who moves mailboxes.

`content(plan)` gives the entries for slapd; `Plan` says who exists, where, and which accounts
get a mailbox. Ids are derived from the seed, so two labs of one seed have the same zimbraIds.
"""

import uuid

ADMINS_DN = "cn=admins,cn=zimbra"
BIND_DN = "uid=zimbra," + ADMINS_DN
SECOND_DOMAIN = "second.test"
USER_PASSWORD = "lab-user"
ADMIN_PASSWORD = "lab-admin"
LDAP_PASSWORD = "lab-ldap"
NODE_SERVICES = ["service", "zimbra", "zimbraAdmin", "zimlet", "mailbox", "stats"]
SERVER_VERSION = "10.1.0_GA_4655"
CREATED = "20240101000000Z"


def lab_uuid(seed, *names):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "zmferry-lab:%s:%s" % (seed, ":".join(names))))


class Account:
    """One account. `extra` are attributes beyond the usual ones; `mailbox` False = never used."""

    def __init__(self, name, node, kind="user", cos="default", mailbox=True, size=1.0, **extra):
        self.name, self.node, self.kind, self.cos = name, node, kind, cos
        self.mailbox, self.size, self.extra = mailbox, size, extra
        self.local, self.domain = name.split("@")
        self.id = None

    @property
    def dn(self):
        return "uid=%s,%s" % (self.local, people_dn(self.domain))


class Plan:
    """Everything that is decided before the first byte is written."""

    def __init__(self, domain, nodes, seed, mailboxes, specials=True):
        """`nodes`: the node records of cluster.json."""
        self.domain, self.nodes, self.seed = domain, nodes, seed
        self.accounts = []
        self._users(mailboxes)
        self._admin()
        if specials:
            self._specials()
        for account in self.accounts:
            account.id = lab_uuid(seed, "account", account.name)

    def _node(self, i):
        return self.nodes[i % len(self.nodes)]

    def _users(self, count):
        for i in range(1, count + 1):
            domain = SECOND_DOMAIN if i % 5 == 0 else self.domain
            self.accounts.append(Account("user%03d@%s" % (i, domain), self._node(i - 1),
                                         cos="pooled" if i % 3 == 0 else "default"))

    def _admin(self):
        # On the last node, so that emptying the first does not meet the mover's own admin.
        self.accounts.append(Account("admin@" + self.domain, self._node(-1), kind="admin",
                                     size=0.2, zimbraIsAdminAccount="TRUE"))

    def _specials(self):
        first, second, d = self._node(0), self._node(1), self.domain
        system = {"zimbraIsSystemResource": "TRUE", "zimbraIsSystemAccount": "TRUE",
                  "zimbraHideInGal": "TRUE"}
        add = self.accounts.append
        add(Account("spam.q7xk2@" + d, first, "system", size=0.3, **system))
        add(Account("ham.m4tz9@" + d, second, "system", size=0.3, **system))
        add(Account("virus-quarantine.b2ws5@" + d, first, "system", size=0.2, **system))
        add(Account("galsync.hr3p8@" + d, first, "galsync", size=0.3, **system))
        add(Account("room1@" + d, first, "resource", size=0.2, zimbraCalResType="Location"))
        add(Account("beamer1@" + d, second, "resource", size=0.2, zimbraCalResType="Equipment"))
        add(Account("guest.partner.test@" + d, first, "external", size=0.1,
                    zimbraIsExternalVirtualAccount="TRUE", zimbraHideInGal="TRUE",
                    zimbraExternalUserMailAddress="guest@partner.test"))
        add(Account("overquota@" + d, first, size=0.5, zimbraMailQuota="2000"))
        add(Account("locked@" + d, first, size=0.3, zimbraAccountStatus="locked"))
        add(Account("closed@" + d, first, size=0.3, zimbraAccountStatus="closed",
                    zimbraMailStatus="disabled"))
        add(Account("nomail@" + d, first, size=0.3, zimbraMailStatus="disabled"))
        add(Account("ownlimits@" + d, first, size=0.3, zimbraMailQuota="5000000000",
                    zimbraMailAllowReceiveButNotSendWhenOverQuota="TRUE",
                    zimbraAuthTokenValidityValue="41"))
        add(Account("neverused@" + d, first, mailbox=False))
        # These two cannot be moved as they are; off the first node, which most tests empty.
        add(Account("smarthost@" + d, second, size=0.2,
                    zimbraMailTransport="smtp:relay.partner.test:25"))
        add(Account("intercepted@" + d, second, size=0.2,
                    zimbraInterceptAddress="legal@" + d))

    def by_name(self, name):
        return next((a for a in self.accounts if a.name == name), None)

    def of_kind(self, kind):
        return [a for a in self.accounts if a.kind == kind]


# --- entries ------------------------------------------------------------------------------------

def domain_dn(domain):
    return ",".join("dc=" + part for part in domain.split("."))


def people_dn(domain):
    return "ou=people," + domain_dn(domain)


def cos_dn(name):
    return "cn=%s,cn=cos,cn=zimbra" % name


def server_dn(host):
    return "cn=%s,cn=servers,cn=zimbra" % host


def _role(dn):
    name = dn.split(",")[0].split("=")[1]
    attrs = {"objectClass": ["organizationalRole"], "cn": [name]}
    if dn.startswith("ou="):
        attrs["ou"] = [name]
    return dn, attrs


def content(plan, cluster):
    """All entries, parents first."""
    entries = [_role("cn=zimbra")]
    entries += [_role("cn=%s,cn=zimbra" % name) for name in
                ("admins", "appaccts", "globalgrant", "cos", "servers", "groups", "zimlets",
                 "alwaysOnClusters", "ucservices", "xmppcomponents", "sharelocators")]
    entries += [_config(plan, cluster), _role("cn=mime,cn=config,cn=zimbra")]
    entries += _service_accounts(plan, cluster)
    entries += _coses(plan)
    entries += _servers(plan, cluster)
    domains = [plan.domain, SECOND_DOMAIN]
    for top in sorted({d.split(".")[-1] for d in domains}):
        entries.append(("dc=" + top, {"objectClass": ["dcObject", "organization"],
                                      "dc": [top], "o": [top]}))
    for domain in domains:
        entries += _domain(plan, domain)
    entries += [account_entry(plan, a, cluster) for a in plan.accounts]
    entries += _aliases_and_lists(plan)
    entries += _data_sources(plan)
    return entries


def _bind_ports(ports):
    names = {"lmtp": "zimbraLmtpBindPort", "imap": "zimbraImapBindPort",
             "imaps": "zimbraImapSSLBindPort", "pop": "zimbraPop3BindPort",
             "pops": "zimbraPop3SSLBindPort"}
    return {name: [ports[key]] for key, name in names.items()}


def _config(plan, cluster):
    def special(prefix):
        return [a.name for a in plan.accounts if a.name.startswith(prefix)]
    ports = cluster["ports"]
    return "cn=config,cn=zimbra", {
        "objectClass": ["organizationalRole", "zimbraGlobalConfig"], "cn": ["config"],
        "zimbraAdminPort": [ports["admin"]], "zimbraMailSSLPort": [ports["mail"]],
        "zimbraMailMode": ["https"], **_bind_ports(ports),
        "zimbraLmtpPermanentFailureWhenOverQuota": ["FALSE"],
        "zimbraMtaMaxMessageSize": ["10240000"], "zimbraFileUploadMaxSize": ["10485760"],
        "zimbraHttpRequestHeaderSize": ["8192"], "zimbraSoapRequestMaxSize": ["15360000"],
        "zimbraReverseProxyCacheEntryTTL": ["1h"],
        "zimbraAuthTokenValidityValueEnabled": ["TRUE"],
        "zimbraSharingUpdatePublishInterval": ["15m"],
        "zimbraReverseProxyAvailableLookupTargets": [n["host"] for n in plan.nodes],
        "zimbraSpamIsSpamAccount": special("spam."),
        "zimbraSpamIsNotSpamAccount": special("ham."),
        "zimbraAmavisQuarantineAccount": special("virus-quarantine."),
        "zimbraLogHostname": ["mta1." + plan.domain],
        "zimbraVersionCheckServer": [plan.nodes[0]["id"]],
    }


def _service_accounts(plan, cluster):
    entries = [(BIND_DN, {
        "objectClass": ["organizationalPerson", "zimbraAccount"], "uid": ["zimbra"],
        "cn": ["zimbra"], "sn": ["zimbra"], "userPassword": [cluster["ldap"]["password"]],
        "zimbraId": [lab_uuid(plan.seed, "appacct", "zimbra")], "zimbraAccountStatus": ["active"],
        "zimbraIsAdminAccount": ["TRUE"], "description": ["The master LDAP user"]})]
    for name in ("zmpostfix", "zmamavis", "zmnginx"):
        entries.append(("uid=%s,cn=appaccts,cn=zimbra" % name, {
            "objectClass": ["organizationalPerson", "zimbraAccount"], "uid": [name],
            "cn": [name], "sn": [name], "userPassword": [cluster["ldap"]["password"]],
            "zimbraId": [lab_uuid(plan.seed, "appacct", name)],
            "zimbraAccountStatus": ["active"]}))
    return entries


def cos_id(plan, name):
    return lab_uuid(plan.seed, "cos", name)


def _coses(plan):
    common = {"zimbraMailQuota": ["0"], "zimbraExportMaxDays": ["0"],
              "zimbraContactMaxNumEntries": ["10000"], "zimbraAuthTokenLifetime": ["2d"],
              "zimbraAdminAuthTokenLifetime": ["12h"],
              "zimbraPrefIncludeSpamInSearch": ["FALSE"],
              "zimbraPrefIncludeTrashInSearch": ["FALSE"],
              "zimbraMailAllowReceiveButNotSendWhenOverQuota": ["FALSE"]}
    # An empty pool means: any server. The other one names the nodes.
    pools = {"default": [], "pooled": [n["id"] for n in plan.nodes]}
    return [(cos_dn(name), {"objectClass": ["zimbraCOS"], "cn": [name],
                            "zimbraId": [cos_id(plan, name)],
                            **({"zimbraMailHostPool": pool} if pool else {}), **common})
            for name, pool in pools.items()]


def node_server(node, ports):
    """The server entry that a mailbox node's set-up makes."""
    return server_dn(node["host"]), {
        "objectClass": ["zimbraServer"], "cn": [node["host"]], "zimbraId": [node["id"]],
        "zimbraServiceHostname": [node["host"]], "zimbraServiceEnabled": NODE_SERVICES,
        "zimbraServiceInstalled": NODE_SERVICES, "zimbraServerVersion": [SERVER_VERSION],
        "zimbraAdminPort": [ports["admin"]], "zimbraMailSSLPort": [ports["mail"]],
        "zimbraMailMode": ["https"], **_bind_ports(ports),
        "zimbraReverseProxyLookupTarget": ["TRUE"]}


def _servers(plan, cluster):
    entries = [node_server(node, cluster["ports"]) for node in plan.nodes]
    for name, services in (("mta1", ["mta", "amavis", "antispam", "logger", "stats"]),
                           ("proxy1", ["proxy", "memcached", "stats"])):
        host = "%s.%s" % (name, plan.domain)
        attrs = {"objectClass": ["zimbraServer"], "cn": [host],
                 "zimbraId": [lab_uuid(plan.seed, "server", host)],
                 "zimbraServiceHostname": [host], "zimbraServiceEnabled": services,
                 "zimbraServiceInstalled": services, "zimbraServerVersion": [SERVER_VERSION]}
        if name == "mta1":
            attrs["zimbraMtaAuthHost"] = [n["host"] for n in plan.nodes]
        else:
            attrs["zimbraReverseProxyAvailableLookupTargets"] = [n["host"] for n in plan.nodes]
        entries.append((server_dn(host), attrs))
    return entries


def _domain(plan, domain):
    attrs = {"objectClass": ["dcObject", "organization", "zimbraDomain"],
             "dc": [domain.split(".")[0]], "o": [domain], "zimbraDomainName": [domain],
             "zimbraDomainType": ["local"], "zimbraDomainStatus": ["active"],
             "zimbraMailStatus": ["enabled"], "zimbraId": [lab_uuid(plan.seed, "domain", domain)],
             "zimbraDomainDefaultCOSId": [cos_id(plan, "default")]}
    gal = [a.id for a in plan.of_kind("galsync") if a.domain == domain]
    if gal:
        attrs["zimbraGalAccountId"] = gal
    return [(domain_dn(domain), attrs), _role(people_dn(domain)),
            _role("cn=groups," + domain_dn(domain))]


def account_entry(plan, account, cluster):
    classes = ["inetOrgPerson", "zimbraAccount"]
    if account.kind == "resource":
        classes.append("zimbraCalendarResource")
    attrs = {"objectClass": classes, "uid": [account.local], "cn": [account.local],
             "sn": [account.local], "displayName": [account.local], "mail": [account.name],
             "userPassword": [cluster["admin"]["password"] if account.kind == "admin"
                              else USER_PASSWORD],
             "zimbraId": [account.id], "zimbraAccountStatus": ["active"],
             "zimbraMailStatus": ["enabled"], "zimbraMailDeliveryAddress": [account.name],
             "zimbraCOSId": [cos_id(plan, account.cos)],
             "zimbraMailHost": [account.node["host"]],
             "zimbraMailTransport": ["lmtp:%s:%d" % (account.node["host"],
                                                     cluster["ports"]["lmtp"])],
             "zimbraCreateTimestamp": [CREATED]}
    for name, value in account.extra.items():
        attrs[name] = [value]
    if account.kind == "user" and account.local in ("user001", "user002"):
        attrs["zimbraMailAlias"] = ["alias.%s@%s" % (account.local, account.domain)]
        attrs["mail"] = attrs["mail"] + attrs["zimbraMailAlias"]
    return account.dn, attrs


def _aliases_and_lists(plan):
    entries = []
    for account in plan.accounts:
        if account.kind == "user" and account.local in ("user001", "user002"):
            alias = "alias." + account.local
            entries.append(("uid=%s,%s" % (alias, people_dn(account.domain)), {
                "objectClass": ["zimbraAlias"], "uid": [alias],
                "zimbraId": [lab_uuid(plan.seed, "alias", alias)],
                "zimbraAliasTargetId": [account.id]}))
    users = plan.of_kind("user")
    if users:
        name = "team@" + plan.domain
        entries.append(("uid=team," + people_dn(plan.domain), {
            "objectClass": ["zimbraDistributionList", "zimbraMailRecipient"], "uid": ["team"],
            "cn": ["team"], "mail": [name], "zimbraMailAlias": [name],
            "zimbraMailStatus": ["enabled"],
            "zimbraId": [list_id(plan)], "zimbraMailHost": [plan.nodes[0]["host"]],
            "zimbraMailForwardingAddress": [a.name for a in users[:10]]}))
    return entries


def list_id(plan):
    return lab_uuid(plan.seed, "list", "team")


def _data_sources(plan):
    """An external mailbox that is polled; the feed's data source comes with its folder."""
    entries = []
    for account in plan.of_kind("user")[:2]:
        name = "old-provider"
        entries.append(("zimbraDataSourceName=%s,%s" % (name, account.dn), {
            "objectClass": ["zimbraPop3DataSource"], "zimbraDataSourceName": [name],
            "zimbraDataSourceId": [lab_uuid(plan.seed, "datasource", account.name, name)],
            "zimbraDataSourceEnabled": ["TRUE"], "zimbraDataSourceHost": ["pop.partner.test"],
            "zimbraDataSourcePort": ["995"], "zimbraDataSourceConnectionType": ["ssl"],
            "zimbraDataSourceUsername": [account.local], "zimbraDataSourceType": ["pop3"],
            "zimbraDataSourceFolderId": ["2"], "zimbraDataSourceLeaveOnServer": ["TRUE"],
            "zimbraDataSourcePassword": ["lab"]}))
    return entries
