# SPDX-License-Identifier: Apache-2.0
"""The directory as one node sees it: entries read from LDAP and kept in a cache until they are
too old or FlushCache names them. A node that is not told goes on with what it knows.
"""

import threading
import time

from .faultcodes import no_such_account
from .ldapclient import Ldap, LdapError, NO_SUCH_OBJECT, escape

COS_INHERITED_DEFAULTS = {"zimbraMailQuota": "0", "zimbraContactMaxNumEntries": "10000",
                          "zimbraAuthTokenLifetime": "2d", "zimbraAdminAuthTokenLifetime": "12h",
                          "zimbraExportMaxDays": "0"}
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Entry:
    """One LDAP entry. Attribute names are compared as they are written."""

    def __init__(self, dn, attrs):
        self.dn, self.attrs, self.read_at = dn, attrs, time.monotonic()

    def get(self, name, default=None):
        values = self.attrs.get(name)
        return values[0] if values else default

    def all(self, name):
        return list(self.attrs.get(name) or [])

    @property
    def id(self):
        return self.get("zimbraId")


class Account(Entry):
    def __init__(self, dn, attrs, cos):
        super().__init__(dn, attrs)
        self.cos = cos

    @property
    def name(self):
        return self.get("zimbraMailDeliveryAddress") or self.get("mail") or self.get("uid")

    @property
    def home(self):
        return self.get("zimbraMailHost")

    def effective(self, name, default=None):
        """The account's own value, else its class of service's, else Zimbra's default."""
        value = self.get(name)
        if value is None and self.cos is not None:
            value = self.cos.get(name)
        return COS_INHERITED_DEFAULTS.get(name, default) if value is None else value

    @property
    def is_admin(self):
        return self.get("zimbraIsAdminAccount") == "TRUE"

    @property
    def quota(self):
        return int(self.effective("zimbraMailQuota") or 0)

    @property
    def receives_over_quota(self):
        return self.effective("zimbraMailAllowReceiveButNotSendWhenOverQuota") == "TRUE"


def seconds(text):
    """'12h', '30' or '2d' in seconds."""
    text = text.strip()
    if text and text[-1] in UNITS_S:
        return int(text[:-1] or 0) * UNITS_S[text[-1]]
    return int(text or 0)


class Accounts:
    """LDAP with a cache, of one node. Safe for any number of threads."""

    CONNECTIONS = 3

    def __init__(self, cluster, habits):
        c = cluster["ldap"]
        self.habits, self.domain = habits, cluster["domain"]
        self._ldaps = [Ldap(c["uri"], c["bind_dn"], c["password"])
                       for _ in range(self.CONNECTIONS)]
        self._next = 0
        self._lock = threading.Lock()
        self._accounts, self._names = {}, {}     # id -> Account, name -> id
        self._others = {}                        # (kind, key) -> Entry or list, with its age

    @property
    def ldap(self):
        # Round robin: one slow search must not hold up every other thread.
        self._next += 1
        return self._ldaps[self._next % self.CONNECTIONS]

    def _fresh(self, entry):
        return time.monotonic() - entry.read_at < self.habits["account_cache_s"]

    # -- accounts --

    def by_id(self, account_id):
        """The Account, possibly as it was some time ago; None if there is none."""
        with self._lock:
            found = self._accounts.get(account_id)
        if found is not None and self._fresh(found):
            return found
        return self._read("(&(objectClass=zimbraAccount)(zimbraId=%s))" % escape(account_id))

    def by_name(self, name):
        key = name.lower()
        with self._lock:
            found = self._accounts.get(self._names.get(key))
        if found is not None and self._fresh(found):
            return found
        text = escape(key)
        if "@" not in key:
            local = self._read("(&(objectClass=zimbraAccount)(uid=%s)(!(zimbraMailHost=*)))" % text)
            if local is not None:
                return local
            text = "%s@%s" % (text, self.domain)
        return self._read("(&(objectClass=zimbraAccount)(|(zimbraMailDeliveryAddress=%s)"
                          "(zimbraMailAlias=%s)))" % (text, text), key)

    def get(self, by, key):
        """By `id` or `name`; account.NO_SUCH_ACCOUNT if there is none."""
        found = self.by_id(key) if by == "id" else self.by_name(key)
        if found is None and by not in ("id", "name"):
            found = self.by_id(key)
        if found is None:
            raise no_such_account(key)
        return found

    def find(self, key):
        """By a name or an id, whichever it is."""
        found = None if "@" in key else self.by_id(key)
        return found if found is not None else self.by_name(key)

    def _read(self, filter, name=None):
        rows = self.ldap.search("", "sub", filter, page=0)
        if not rows:
            return None
        dn, attrs = rows[0]
        account = Account(dn, attrs, self._cos_of(attrs))
        with self._lock:
            self._accounts[account.id] = account
            for known in [account.name] + account.all("zimbraMailAlias") + [name or ""]:
                if known:
                    self._names[known.lower()] = account.id
        return account

    def homed_on(self, host):
        """Accounts, not resources, whose home the host is, as LDAP has them now."""
        rows = self.ldap.search("", "sub", "(&(objectClass=zimbraAccount)(zimbraMailHost=%s)"
                                "(!(objectClass=zimbraCalendarResource)))" % escape(host))
        return [Account(dn, attrs, self._cos_of(attrs)) for dn, attrs in rows]

    def reread(self, account_id):
        """The Account as LDAP has it now; the cache knows it, too, from now on."""
        return self._read("(&(objectClass=zimbraAccount)(zimbraId=%s))" % escape(account_id))

    def forget(self, account_id=None):
        """Of one account, or of all."""
        with self._lock:
            if account_id is None:
                self._accounts.clear()
                self._names.clear()
            else:
                self._accounts.pop(account_id, None)

    def _cos_of(self, attrs):
        cos_id = (attrs.get("zimbraCOSId") or [None])[0]
        return self.other("cos", cos_id) if cos_id else self.other("cos", "default")

    # -- everything else --

    def other(self, kind, key):
        """A class of service, domain or server by name or id; config by any key. Or None."""
        key = key.lower()
        with self._lock:
            found = self._others.get((kind, key))
        if found is not None and self._fresh(found):
            return found
        filters = {"cos": "(&(objectClass=zimbraCOS)(|(zimbraId=%s)(cn=%s)))",
                   "domain": "(&(objectClass=zimbraDomain)(|(zimbraId=%s)(zimbraDomainName=%s)))",
                   "server": "(&(objectClass=zimbraServer)(|(zimbraId=%s)"
                             "(zimbraServiceHostname=%s)))",
                   "config": "(&(objectClass=zimbraGlobalConfig)(|(cn=%s)(cn=%s)))"}
        text = escape(key)
        rows = self.ldap.search("cn=zimbra" if kind != "domain" else "", "sub",
                                filters[kind] % (text, text), page=0)
        if not rows:
            return None
        entry = Entry(*rows[0])
        with self._lock:
            self._others[(kind, key)] = entry
        return entry

    def config(self, name, default=None):
        return self.other("config", "config").get(name, default)

    def server_value(self, host, name, default=None):
        """A server's attribute, inherited from the global configuration."""
        server = self.other("server", host)
        value = server.get(name) if server is not None else None
        return self.config(name, default) if value is None else value

    def servers(self):
        return [Entry(dn, attrs) for dn, attrs in self.ldap.search(
            "cn=servers,cn=zimbra", "sub", "(objectClass=zimbraServer)")]

    def forget_others(self, kind=None):
        with self._lock:
            for key in [k for k in self._others if kind in (None, k[0])]:
                del self._others[key]

    def groups_of(self, account):
        """Ids of the distribution lists the account is a direct member of."""
        rows = self.ldap.search("", "sub", "(&(objectClass=zimbraDistributionList)"
                                "(zimbraMailForwardingAddress=%s))" % escape(account.name or ""),
                                ["zimbraId"], page=0)
        return [attrs["zimbraId"][0] for _, attrs in rows if "zimbraId" in attrs]

    def group_name(self, group_id):
        rows = self.ldap.search("", "sub", "(&(objectClass=zimbraDistributionList)(zimbraId=%s))"
                                % escape(group_id), ["mail"], page=0)
        return rows[0][1].get("mail", [None])[0] if rows else None

    def grantee_name(self, kind, zid):
        """What a grantee is called; "" when there is no name."""
        if kind == "usr":
            account = self.by_id(zid)
            return account.name if account is not None else ""
        if kind == "grp":
            return self.group_name(zid) or ""
        return zid if kind in ("guest", "key") else ""

    @staticmethod
    def search_prefs(account):
        """(Trash, Junk): does a search of this account look into them unasked?"""
        return tuple(account.effective("zimbraPrefInclude%sInSearch" % what) == "TRUE"
                     for what in ("Trash", "Spam"))

    # -- status --

    def status(self, account):
        """The account's status, as its domain's overrides it."""
        own = account.get("zimbraAccountStatus", "active")
        name = account.name or ""
        domain = self.other("domain", name.rpartition("@")[2]) if "@" in name else None
        over = domain.get("zimbraDomainStatus") if domain is not None else None
        if over in (None, "active") or own == "closed":
            return own
        return {"suspended": "closed", "shutdown": "closed"}.get(over, over)

    def validity(self, account):
        """What a token made now carries, and every good token must carry; None: not checked."""
        if self.config("zimbraAuthTokenValidityValueEnabled", "TRUE") != "TRUE":
            return None
        return account.get("zimbraAuthTokenValidityValue") or "-1"

    def check_password(self, account, password):
        return self.ldap.check_password(account.dn, password)

    # -- changes --

    def modify(self, entry, changes):
        self.ldap.modify(entry.dn, changes)

    def sources(self, account):
        """The account's data sources: [Entry]."""
        try:
            rows = self.ldap.search(account.dn, "one", "(objectClass=zimbraDataSource)", page=0)
        except LdapError as e:
            if e.code == NO_SUCH_OBJECT:
                return []
            raise
        return [Entry(dn, attrs) for dn, attrs in rows]

    def remove(self, account):
        """Takes the account and what hangs below it out of the directory."""
        for dn, _ in sorted(self.ldap.search(account.dn, "sub", page=0),
                            key=lambda row: -len(row[0])):
            self.ldap.delete(dn)
        self.forget(account.id)

