/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by directory.c (connection, searching) and directory_facts.c (what values mean). */
#ifndef CONTROLLER_DIRECTORY_PRIVATE_H
#define CONTROLLER_DIRECTORY_PRIVATE_H

#include <ldap.h>

#include "controller/zimbra/directory.h"

#define DIRECTORY_BASE "cn=zimbra"
#define DEFAULTS_MAX 4096 /* COS and domains together */

/* What an account may inherit; "" = not set here. */
struct defaults {
	char key[256]; /* zimbraId of a COS, or the name of a domain */
	char quota[24];
	char export_max_days[24];
	char status[20];
	char token_validity[8];
	char default_cos[40];
	char gal_accounts[400]; /* zimbraIds, space-separated; of a domain */
	bool intercepted;
};

struct directory {
	char *url;
	char *bind_dn;
	struct secret *password;
	char *ca_file;
	bool start_tls;
	unsigned timeout_s;
	LDAP *ldap;
	struct defaults global;
	struct defaults *cos; /* count cos_count, then domains */
	size_t cos_count;
	struct defaults *domains;
	size_t domain_count;
};

/* Called for each entry of a search; false (e set) stops it. */
typedef bool (*entry_fn)(
    struct directory *d, LDAPMessage *entry, void *ctx, struct err *e);

/* Subtree search with paged results; reconnects once when the connection was lost. */
MUST_USE bool directory_search(struct directory *d, const char *base, const char *filter,
    const char *const *attrs, entry_fn fn, void *ctx, struct err *e);

/* First value into out; too long or absent = "". A value with a NUL is refused as absent. */
void directory_value(
    struct directory *d, LDAPMessage *entry, const char *attr, char *out, size_t size);
/* Is wanted among the values, in any case? NULL: is there any value? */
bool directory_value_has(
    struct directory *d, LDAPMessage *entry, const char *attr, const char *wanted);

#endif
