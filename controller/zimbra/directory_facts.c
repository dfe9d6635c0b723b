/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the values of an entry mean. Inherited values are worked out here: the defaults
 * of COS, domain and global config are read once per listing, so that listing 10,000
 * accounts costs three searches more and not 20,000.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/zimbra/directory.h"
#include "controller/zimbra/directory_private.h"
#include "proto/base/xalloc.h"
#include "proto/zimbra/ports.h"

static const char *const account_attrs[] = {"zimbraId", "zimbraMailDeliveryAddress",
    "uid", "mail", "zimbraMailHost", "zimbraMailTransport", "zimbraAccountStatus",
    "zimbraMailStatus", "zimbraMailQuota", "zimbraExportMaxDays",
    "zimbraAuthTokenValidityValueEnabled", "zimbraInterceptAddress",
    "zimbraIsAdminAccount", "zimbraIsDelegatedAdminAccount", "zimbraIsSystemResource",
    "zimbraIsSystemAccount", "zimbraIsExternalVirtualAccount", "zimbraMailAlias",
    "zimbraCOSId", "objectClass", "zimbraMailAllowReceiveButNotSendWhenOverQuota", NULL};

static const char *const default_attrs[] = {"zimbraId", "zimbraDomainName",
    "zimbraMailQuota", "zimbraExportMaxDays", "zimbraDomainStatus",
    "zimbraAuthTokenValidityValueEnabled", "zimbraInterceptAddress",
    "zimbraDomainDefaultCOSId", "zimbraGalAccountId", "cn", NULL};

static const char *const server_attrs[] = {"zimbraId", "zimbraServiceHostname",
    "zimbraServiceEnabled", "zimbraLmtpPermanentFailureWhenOverQuota",
    "zimbraLmtpBindPort", "zimbraAdminPort", NULL};

/* --- values --- */

void
directory_value(
    struct directory *d, LDAPMessage *entry, const char *attr, char *out, size_t size)
{
	struct berval **values = ldap_get_values_len(d->ldap, entry, attr);

	out[0] = '\0';
	if (values != NULL && values[0] != NULL && values[0]->bv_len < size &&
	    memchr(values[0]->bv_val, '\0', values[0]->bv_len) == NULL) {
		memcpy(out, values[0]->bv_val, values[0]->bv_len);
		out[values[0]->bv_len] = '\0';
	}
	ldap_value_free_len(values);
}

/* All values with a space between, as many as fit whole. */
static void
directory_values(
    struct directory *d, LDAPMessage *entry, const char *attr, char *out, size_t size)
{
	struct berval **values = ldap_get_values_len(d->ldap, entry, attr);
	size_t length = 0;

	out[0] = '\0';
	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		if (length + values[i]->bv_len + 2 > size)
			break;
		length += (size_t)snprintf(out + length, size - length, "%s%.*s",
		    length == 0 ? "" : " ", (int)values[i]->bv_len, values[i]->bv_val);
	}
	ldap_value_free_len(values);
}

bool
directory_value_has(
    struct directory *d, LDAPMessage *entry, const char *attr, const char *wanted)
{
	struct berval **values = ldap_get_values_len(d->ldap, entry, attr);
	bool found = false;

	for (size_t i = 0; values != NULL && values[i] != NULL && !found; i++) {
		found = wanted == NULL || (values[i]->bv_len == strlen(wanted) &&
					      strncasecmp(values[i]->bv_val, wanted,
						  values[i]->bv_len) == 0);
	}
	ldap_value_free_len(values);
	return found;
}

static int64_t
effective_number(const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (texts[i][0] != '\0')
			return strtoll(texts[i], NULL, 10);
	}
	return 0;
}

/* --- defaults --- */

static void
defaults_take(
    struct directory *d, LDAPMessage *entry, const char *key_attr, struct defaults *out)
{
	memset(out, 0, sizeof(*out));
	directory_value(d, entry, key_attr, out->key, sizeof(out->key));
	directory_value(d, entry, "zimbraMailQuota", out->quota, sizeof(out->quota));
	directory_value(d, entry, "zimbraExportMaxDays", out->export_max_days,
	    sizeof(out->export_max_days));
	directory_value(d, entry, "zimbraDomainStatus", out->status, sizeof(out->status));
	directory_value(d, entry, "zimbraAuthTokenValidityValueEnabled",
	    out->token_validity, sizeof(out->token_validity));
	directory_value(d, entry, "zimbraDomainDefaultCOSId", out->default_cos,
	    sizeof(out->default_cos));
	out->intercepted = directory_value_has(d, entry, "zimbraInterceptAddress", NULL);
	directory_values(
	    d, entry, "zimbraGalAccountId", out->gal_accounts, sizeof(out->gal_accounts));
}

static bool
on_global(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	(void)e;
	defaults_take(d, entry, "cn", ctx);
	return true;
}

struct defaults_list {
	struct defaults *rows;
	size_t count;
	const char *key_attr;
};

static bool
on_defaults(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct defaults_list *list = ctx;

	if (list->count == DEFAULTS_MAX)
		return err_set(e, ERR_REFUSED, "LDAP %s: more than %d COS or domains",
		    d->url, DEFAULTS_MAX);
	list->rows = xrealloc_array(list->rows, list->count + 1, sizeof(*list->rows));
	defaults_take(d, entry, list->key_attr, &list->rows[list->count]);
	list->count++;
	return true;
}

static bool
directory_load_defaults(struct directory *d, struct err *e)
{
	struct defaults_list cos = {.key_attr = "zimbraId"};
	struct defaults_list domains = {.key_attr = "zimbraDomainName"};
	bool ok;

	memset(&d->global, 0, sizeof(d->global));
	ok = directory_search(d, "cn=config," DIRECTORY_BASE,
		 "(objectClass=zimbraGlobalConfig)", default_attrs, on_global, &d->global,
		 e) &&
	     directory_search(d, DIRECTORY_BASE, "(objectClass=zimbraCOS)", default_attrs,
		 on_defaults, &cos, e) &&
	     directory_search(d, "", "(objectClass=zimbraDomain)", default_attrs,
		 on_defaults, &domains, e);
	xfree(&d->cos);
	xfree(&d->domains);
	d->cos = cos.rows;
	d->cos_count = cos.count;
	d->domains = domains.rows;
	d->domain_count = domains.count;
	return ok;
}

static const struct defaults *
defaults_find(const struct defaults *rows, size_t count, const char *key)
{
	static const struct defaults none;

	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(rows[i].key, key) == 0)
			return &rows[i];
	}
	return &none;
}

/* --- accounts --- */

static void
account_take_aliases(struct directory *d, LDAPMessage *entry, struct account_facts *out)
{
	struct berval **values = ldap_get_values_len(d->ldap, entry, "zimbraMailAlias");
	size_t count = values == NULL ? 0 : (size_t)ldap_count_values_len(values);

	if (count > DIRECTORY_ALIASES_MAX)
		count = DIRECTORY_ALIASES_MAX;
	out->aliases = xcalloc(count, sizeof(*out->aliases));
	for (size_t i = 0; i < count; i++)
		out->aliases[out->alias_count++] =
		    xstrndup(values[i]->bv_val, values[i]->bv_len);
	ldap_value_free_len(values);
}

static void
account_take_inherited(struct directory *d, LDAPMessage *entry, struct account_facts *out)
{
	const char *at = strchr(out->name, '@');
	const struct defaults *domain =
	    defaults_find(d->domains, d->domain_count, at == NULL ? "" : at + 1);
	char cos_id[40];
	char quota[24];
	char days[24];
	char validity[8];

	directory_value(d, entry, "zimbraCOSId", cos_id, sizeof(cos_id));
	if (cos_id[0] == '\0')
		snprintf(cos_id, sizeof(cos_id), "%s", domain->default_cos);
	const struct defaults *cos = defaults_find(d->cos, d->cos_count, cos_id);

	directory_value(d, entry, "zimbraMailQuota", quota, sizeof(quota));
	directory_value(d, entry, "zimbraExportMaxDays", days, sizeof(days));
	directory_value(
	    d, entry, "zimbraAuthTokenValidityValueEnabled", validity, sizeof(validity));
	const char *quotas[] = {quota, cos->quota};
	const char *limits[] = {days, cos->export_max_days, domain->export_max_days,
	    d->global.export_max_days};
	const char *enabled = validity[0] != '\0'	       ? validity
			      : cos->token_validity[0] != '\0' ? cos->token_validity
			      : domain->token_validity[0] != '\0'
				  ? domain->token_validity
				  : d->global.token_validity;

	out->quota = effective_number(quotas, ARRAY_LEN(quotas));
	out->export_max_days = effective_number(limits, ARRAY_LEN(limits));
	out->token_validity_enabled =
	    strcasecmp(enabled, "FALSE") != 0; /* Zimbra's default: TRUE */
	out->intercepted = cos->intercepted ||
			   directory_value_has(d, entry, "zimbraInterceptAddress", NULL);
	out->is_gal_sync =
	    out->id[0] != '\0' && strstr(domain->gal_accounts, out->id) != NULL;
	snprintf(out->domain_status, sizeof(out->domain_status), "%s", domain->status);
}

/* As proto/zimbra/freeze.h sets it: quota 1, or 0 while content goes in. */
static bool
account_looks_frozen(
    struct directory *d, LDAPMessage *entry, const struct account_facts *a)
{
	char quota[24];

	directory_value(d, entry, "zimbraMailQuota", quota, sizeof(quota));
	return strcmp(a->status, "locked") == 0 &&
	       (strcmp(quota, "1") == 0 || strcmp(quota, "0") == 0) &&
	       directory_value_has(
		   d, entry, "zimbraMailAllowReceiveButNotSendWhenOverQuota", "FALSE");
}

static void
account_take(struct directory *d, LDAPMessage *entry, struct account_facts *out)
{
	memset(out, 0, sizeof(*out));
	directory_value(d, entry, "zimbraId", out->id, sizeof(out->id));
	directory_value(
	    d, entry, "zimbraMailDeliveryAddress", out->name, sizeof(out->name));
	if (out->name[0] == '\0')
		directory_value(d, entry, "mail", out->name, sizeof(out->name));
	directory_value(
	    d, entry, "zimbraMailHost", out->mail_host, sizeof(out->mail_host));
	directory_value(
	    d, entry, "zimbraMailTransport", out->transport, sizeof(out->transport));
	directory_value(
	    d, entry, "zimbraAccountStatus", out->status, sizeof(out->status));
	directory_value(
	    d, entry, "zimbraMailStatus", out->mail_status, sizeof(out->mail_status));
	out->looks_frozen = account_looks_frozen(d, entry, out);
	out->is_admin = directory_value_has(d, entry, "zimbraIsAdminAccount", "TRUE");
	out->is_resource =
	    directory_value_has(d, entry, "objectClass", "zimbraCalendarResource");
	out->is_system =
	    directory_value_has(d, entry, "zimbraIsSystemResource", "TRUE") ||
	    directory_value_has(d, entry, "zimbraIsSystemAccount", "TRUE");
	out->is_external_virtual =
	    directory_value_has(d, entry, "zimbraIsExternalVirtualAccount", "TRUE");
	account_take_inherited(d, entry, out);
	account_take_aliases(d, entry, out);
}

void
account_facts_fini(struct account_facts *a)
{
	for (size_t i = 0; i < a->alias_count; i++)
		free(a->aliases[i]);
	xfree(&a->aliases);
	a->alias_count = 0;
}

struct account_search {
	struct account_facts *one; /* NULL: hand each to fn */
	bool found;
	directory_account_fn fn;
	void *ctx;
};

static bool
on_account(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct account_search *search = ctx;
	struct account_facts facts;
	bool go_on;

	if (search->one != NULL) {
		if (search->found)
			return err_set(e, ERR_REFUSED,
			    "LDAP %s: two entries for one account", d->url);
		account_take(d, entry, search->one);
		search->found = true;
		return true;
	}
	account_take(d, entry, &facts);
	go_on = search->fn(&facts, search->ctx);
	account_facts_fini(&facts);
	return go_on || err_set(e, ERR_CANCELLED, "listing stopped");
}

static bool
directory_one(struct directory *d, const char *filter, bool *found_out,
    struct account_facts *out, struct err *e)
{
	struct account_search search = {.one = out};

	memset(out, 0, sizeof(*out));
	*found_out = false;
	if (!directory_load_defaults(d, e) ||
	    !directory_search(d, "", filter, account_attrs, on_account, &search, e)) {
		account_facts_fini(out);
		return false;
	}
	*found_out = search.found;
	return true;
}

bool
directory_read_account(struct directory *d, const char *id, bool *found_out,
    struct account_facts *out, struct err *e)
{
	char escaped[200];
	char filter[300];

	if (!directory_escape(id, escaped, sizeof(escaped)))
		return err_set(
		    e, ERR_REFUSED, "account id \"%.60s...\": is too long", id);
	snprintf(filter, sizeof(filter), "(&(objectClass=zimbraAccount)(zimbraId=%s))",
	    escaped);
	return directory_one(d, filter, found_out, out, e);
}

bool
directory_find_account(struct directory *d, const char *name, bool *found_out,
    struct account_facts *out, struct err *e)
{
	char escaped[800];
	char filter[2000];

	if (!directory_escape(name, escaped, sizeof(escaped)))
		return err_set(
		    e, ERR_REFUSED, "account \"%.60s...\": the name is too long", name);
	snprintf(filter, sizeof(filter),
	    "(&(objectClass=zimbraAccount)(|(zimbraMailDeliveryAddress=%s)("
	    "zimbraMailAlias=%s)))",
	    escaped, escaped);
	return directory_one(d, filter, found_out, out, e);
}

bool
directory_list_accounts(struct directory *d, const char *host, directory_account_fn fn,
    void *ctx, struct err *e)
{
	struct account_search search = {.fn = fn, .ctx = ctx};
	char escaped[800];
	char filter[1000];

	if (!directory_escape(host, escaped, sizeof(escaped)))
		return err_set(
		    e, ERR_REFUSED, "node \"%.60s...\": the name is too long", host);
	snprintf(filter, sizeof(filter),
	    "(&(objectClass=zimbraAccount)(zimbraMailHost=%s))", escaped);
	return directory_load_defaults(d, e) &&
	       directory_search(d, "", filter, account_attrs, on_account, &search, e);
}

static bool
on_group(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	(void)d;
	(void)entry;
	(void)e;
	++*(size_t *)ctx;
	return true;
}

bool
directory_count_groups(
    struct directory *d, const char *host, size_t *count_out, struct err *e)
{
	static const char *const attrs[] = {"1.1", NULL};
	char escaped[800];
	char filter[1000];

	*count_out = 0;
	if (!directory_escape(host, escaped, sizeof(escaped)))
		return err_set(
		    e, ERR_REFUSED, "node \"%.60s...\": the name is too long", host);
	snprintf(filter, sizeof(filter),
	    "(&(|(objectClass=zimbraDistributionList)(objectClass=zimbraGroup))("
	    "zimbraMailHost=%s))",
	    escaped);
	return directory_search(d, "", filter, attrs, on_group, count_out, e);
}

/* --- servers --- */

struct server_search {
	directory_server_fn fn;
	void *ctx;
	bool global_permanent;
};

static bool
on_global_server(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct server_search *search = ctx;

	(void)e;
	search->global_permanent = directory_value_has(
	    d, entry, "zimbraLmtpPermanentFailureWhenOverQuota", "TRUE");
	return true;
}

static bool
on_server(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct server_search *search = ctx;
	struct server_facts s = {0};
	char text[16];

	directory_value(d, entry, "zimbraId", s.id, sizeof(s.id));
	directory_value(d, entry, "zimbraServiceHostname", s.host, sizeof(s.host));
	s.has_mailbox =
	    directory_value_has(d, entry, "zimbraServiceEnabled", "mailbox") ||
	    directory_value_has(d, entry, "zimbraServiceEnabled", "service");
	directory_value(
	    d, entry, "zimbraLmtpPermanentFailureWhenOverQuota", text, sizeof(text));
	s.lmtp_permanent_when_over_quota =
	    text[0] == '\0' ? search->global_permanent : strcasecmp(text, "TRUE") == 0;
	directory_value(d, entry, "zimbraLmtpBindPort", text, sizeof(text));
	s.lmtp_port =
	    text[0] == '\0' ? ZIMBRA_LMTP_PORT : (unsigned)strtoul(text, NULL, 10);
	directory_value(d, entry, "zimbraAdminPort", text, sizeof(text));
	s.admin_port = text[0] == '\0' ? 7071 : (unsigned)strtoul(text, NULL, 10);
	return search->fn(&s, search->ctx) ||
	       err_set(e, ERR_CANCELLED, "listing stopped");
}

bool
directory_list_servers(
    struct directory *d, directory_server_fn fn, void *ctx, struct err *e)
{
	struct server_search search = {.fn = fn, .ctx = ctx};

	return directory_search(d, "cn=config," DIRECTORY_BASE,
		   "(objectClass=zimbraGlobalConfig)", server_attrs, on_global_server,
		   &search, e) &&
	       directory_search(d, "cn=servers," DIRECTORY_BASE,
		   "(objectClass=zimbraServer)", server_attrs, on_server, &search, e);
}

/* --- classes of service --- */

static const char *const cos_attrs[] = {"zimbraId", "cn", "zimbraMailHostPool", NULL};

struct cos_search {
	directory_cos_fn fn;
	void *ctx;
};

static bool
on_cos(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct berval **values =
	    ldap_get_values_len(d->ldap, entry, "zimbraMailHostPool");
	size_t count = values == NULL ? 0 : (size_t)ldap_count_values_len(values);
	struct cos_search *search = ctx;
	struct cos_facts c = {0};
	bool go_on;

	directory_value(d, entry, "zimbraId", c.id, sizeof(c.id));
	directory_value(d, entry, "cn", c.name, sizeof(c.name));
	c.pool = xcalloc(count + 1, sizeof(*c.pool));
	for (size_t i = 0; i < count; i++) {
		if (values[i]->bv_len < sizeof(*c.pool))
			memcpy(
			    c.pool[c.pool_count++], values[i]->bv_val, values[i]->bv_len);
	}
	ldap_value_free_len(values);
	go_on = search->fn(&c, search->ctx);
	free(c.pool);
	return go_on || err_set(e, ERR_CANCELLED, "listing stopped");
}

bool
directory_list_cos(struct directory *d, directory_cos_fn fn, void *ctx, struct err *e)
{
	struct cos_search search = {.fn = fn, .ctx = ctx};

	return directory_search(
	    d, DIRECTORY_BASE, "(objectClass=zimbraCOS)", cos_attrs, on_cos, &search, e);
}
