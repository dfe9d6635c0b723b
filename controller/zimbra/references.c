/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table says which attributes name servers and how: by host name, alone or inside a URL
 * or "host:port", or by zimbraId. What DeleteServer itself cleans (pools, available lookup
 * targets, EWS and login upstreams) is not in it.
 */
#include "controller/zimbra/references.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/zimbra/admin.h"
#include "controller/zimbra/directory_private.h"
#include "proto/base/xalloc.h"

/* What a value means when it is the only one, or cannot be several. */
enum cure {
	CURE_DROP,  /* one of several goes; the last one is for a person */
	CURE_OTHER, /* any other server does as well: its id takes the place */
	CURE_NONE   /* always for a person */
};

/* clang-format off */
static const struct {
	const char *attr;
	enum cure cure;
} naming[] = {
	{ "zimbraLogHostname",                     CURE_NONE },
	{ "zimbraReverseProxyUpstreamImapServers", CURE_DROP },
	{ "zimbraReverseProxyUpstreamServers",     CURE_DROP },
	{ "zimbraMtaAuthHost",                     CURE_DROP },
	{ "zimbraMtaAuthURL",                      CURE_DROP },
	{ "zimbraSpellCheckURL",                   CURE_DROP },
	{ "zimbraConvertdURL",                     CURE_DROP },
	{ "zimbraSmtpHostname",                    CURE_DROP },
	{ "zimbraMemcachedClientServerList",       CURE_DROP },
	{ "zimbraDocumentServerHost",              CURE_NONE },
	{ "zimbraVersionCheckServer",              CURE_OTHER },
};

/* Others lose something when these go with it. */
static const char *const needed_services[] = { "ldap", "mta", "proxy", "memcached", "logger", "imapd" };
/* clang-format on */

#define NAMING ARRAY_LEN(naming)

/* --- reading --- */

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

/* Does the value name the host: alone, in a URL, in front of a port? */
static bool
names_host(const char *value, const char *host)
{
	size_t length = strlen(host);

	for (const char *at = value; (at = strcasestr(at, host)) != NULL; at++) {
		if ((at == value || !is_name_char(at[-1])) && !is_name_char(at[length]))
			return true;
	}
	return false;
}

struct standing_search {
	struct server_standing *out;
	const char *host;
};

static void
take_reference(struct server_standing *s, size_t at, const char *owner,
    const char *owner_id, const char *value, bool others)
{
	struct server_reference *r;

	s->refs = xrealloc_array(s->refs, s->ref_count + 1, sizeof(*s->refs));
	r = &s->refs[s->ref_count++];
	memset(r, 0, sizeof(*r));
	r->attr = naming[at].attr;
	r->others = others;
	r->cured =
	    naming[at].cure == CURE_OTHER || (naming[at].cure == CURE_DROP && others);
	snprintf(r->owner, sizeof(r->owner), "%s", owner);
	snprintf(r->owner_id, sizeof(r->owner_id), "%s", owner_id);
	snprintf(r->value, sizeof(r->value), "%s", value);
}

/* Whatever in this entry names the server. */
static void
take_references(struct directory *d, LDAPMessage *entry,
    const struct standing_search *search, const char *owner, const char *owner_id)
{
	struct server_standing *s = search->out;

	for (size_t i = 0; i < NAMING; i++) {
		struct berval **values =
		    ldap_get_values_len(d->ldap, entry, naming[i].attr);
		int count = values == NULL ? 0 : ldap_count_values_len(values);

		for (int v = 0; v < count; v++) {
			char value[512];

			if (values[v]->bv_len >= sizeof(value) ||
			    memchr(values[v]->bv_val, '\0', values[v]->bv_len) != NULL)
				continue;
			memcpy(value, values[v]->bv_val, values[v]->bv_len);
			value[values[v]->bv_len] = '\0';
			if (names_host(value, search->host) ||
			    (s->id[0] != '\0' && strcmp(value, s->id) == 0))
				take_reference(s, i, owner, owner_id, value, count > 1);
		}
		ldap_value_free_len(values);
	}
}

static bool
has_service(struct directory *d, LDAPMessage *entry, const char *service)
{
	return directory_value_has(d, entry, "zimbraServiceEnabled", service);
}

static void
take_itself(struct directory *d, LDAPMessage *entry, struct server_standing *s)
{
	size_t length = 0;

	s->found = true;
	directory_value(d, entry, "zimbraId", s->id, sizeof(s->id));
	s->is_lookup_target =
	    directory_value_has(d, entry, "zimbraReverseProxyLookupTarget", "TRUE");
	s->provisions =
	    directory_value_has(d, entry, "zimbraAutoProvScheduledDomains", NULL);
	for (size_t i = 0; i < ARRAY_LEN(needed_services); i++) {
		if (has_service(d, entry, needed_services[i]))
			length += (size_t)snprintf(s->services + length,
			    sizeof(s->services) - length, "%s%s", length == 0 ? "" : ", ",
			    needed_services[i]);
	}
}

static bool
on_itself(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct standing_search *search = ctx;
	char host[256];

	(void)e;
	directory_value(d, entry, "zimbraServiceHostname", host, sizeof(host));
	if (strcasecmp(host, search->host) == 0)
		take_itself(d, entry, search->out);
	return true;
}

static bool
on_other(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct standing_search *search = ctx;
	struct server_standing *s = search->out;
	char host[256];
	char id[40];

	(void)e;
	directory_value(d, entry, "zimbraServiceHostname", host, sizeof(host));
	if (host[0] == '\0' || strcasecmp(host, search->host) == 0)
		return true;
	directory_value(d, entry, "zimbraId", id, sizeof(id));
	take_references(d, entry, search, host, id);
	if (!has_service(d, entry, "mailbox") && !has_service(d, entry, "service"))
		return true;
	if (s->others++ == 0) {
		snprintf(s->other, sizeof(s->other), "%s", host);
		snprintf(s->other_id, sizeof(s->other_id), "%s", id);
	}
	return true;
}

static bool
on_config(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	(void)e;
	take_references(d, entry, ctx, "", "");
	return true;
}

static bool
on_group(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct server_standing *s = ((struct standing_search *)ctx)->out;
	struct server_group *g;

	(void)e;
	s->groups = xrealloc_array(s->groups, s->group_count + 1, sizeof(*s->groups));
	g = &s->groups[s->group_count++];
	memset(g, 0, sizeof(*g));
	directory_value(d, entry, "zimbraId", g->id, sizeof(g->id));
	directory_value(d, entry, "mail", g->name, sizeof(g->name));
	return true;
}

static bool
on_account(struct directory *d, LDAPMessage *entry, void *ctx, struct err *e)
{
	struct server_standing *s = ((struct standing_search *)ctx)->out;

	(void)e;
	if (s->accounts++ == 0)
		directory_value(d, entry, "zimbraMailDeliveryAddress", s->account,
		    sizeof(s->account));
	return true;
}

static bool
search_homed(struct standing_search *search, struct directory *d, struct err *e)
{
	static const char *const account_attrs[] = {"zimbraMailDeliveryAddress", NULL};
	static const char *const group_attrs[] = {"zimbraId", "mail", NULL};
	char escaped[800];
	char filter[1000];

	if (!directory_escape(search->host, escaped, sizeof(escaped)))
		return err_set(e, ERR_REFUSED, "node \"%.60s...\": the name is too long",
		    search->host);
	snprintf(filter, sizeof(filter),
	    "(&(objectClass=zimbraAccount)(zimbraMailHost=%s))", escaped);
	if (!directory_search(d, "", filter, account_attrs, on_account, search, e))
		return false;
	snprintf(filter, sizeof(filter),
	    "(&(|(objectClass=zimbraDistributionList)(objectClass=zimbraGroup))("
	    "zimbraMailHost=%s))",
	    escaped);
	return directory_search(d, "", filter, group_attrs, on_group, search, e);
}

bool
directory_server_standing(
    struct directory *d, const char *host, struct server_standing *out, struct err *e)
{
	const char *attrs[NAMING + 6] = {"zimbraId", "zimbraServiceHostname",
	    "zimbraServiceEnabled", "zimbraReverseProxyLookupTarget",
	    "zimbraAutoProvScheduledDomains"};
	struct standing_search search = {.out = out, .host = host};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < NAMING; i++)
		attrs[5 + i] = naming[i].attr;
	/* Itself first: its id is looked for in the others. */
	if (directory_search(d, "cn=servers," DIRECTORY_BASE,
		"(objectClass=zimbraServer)", attrs, on_itself, &search, e) &&
	    directory_search(d, "cn=servers," DIRECTORY_BASE,
		"(objectClass=zimbraServer)", attrs, on_other, &search, e) &&
	    directory_search(d, "cn=config," DIRECTORY_BASE,
		"(objectClass=zimbraGlobalConfig)", attrs, on_config, &search, e) &&
	    search_homed(&search, d, e))
		return true;
	server_standing_fini(out);
	return false;
}

/* --- taking out --- */

static bool
cure(struct soap_client *c, const char *other_id, const struct server_reference *r,
    struct err *e)
{
	char minus[80];
	const char *attr = r->attr;
	const char *value = other_id;

	/* One of several goes; of a single one another server takes the place. */
	if (r->others) {
		snprintf(minus, sizeof(minus), "-%s", r->attr);
		attr = minus;
		value = r->value;
	}
	return (r->owner[0] == '\0' ? admin_set_config(c, attr, value, e)
				    : admin_set_server(c, r->owner_id, attr, value, e)) ||
	       err_wrap(e, "%s of %s", r->attr,
		   r->owner[0] == '\0' ? "the global configuration" : r->owner);
}

bool
unlist_server(struct soap_client *c, const char *host, const char *id,
    const struct server_standing *s, struct err *e)
{
	if (!s->found)
		return true;
	if (s->accounts > 0)
		return err_set(e, ERR_REFUSED, "%.200s lives on it (and %llu others)",
		    s->account, (unsigned long long)s->accounts - 1);
	for (size_t i = 0; i < s->group_count; i++) {
		if (!admin_set_group_home(c, s->groups[i].id, host, e))
			return err_wrap(e, "group %s", s->groups[i].name);
	}
	for (size_t i = 0; i < s->ref_count; i++) {
		if (s->refs[i].cured && !cure(c, id, &s->refs[i], e))
			return false;
	}
	return admin_delete_server(c, s->id, e);
}
