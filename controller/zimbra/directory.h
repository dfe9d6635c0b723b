/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who lives where, read from Zimbra's LDAP master. Blocking: for the thread pool only.
 * One directory belongs to one thread at a time; it reconnects by itself. Read-only:
 * every change goes through SOAP, so that Zimbra's callbacks run.
 * Source of names and filters: facts of Zimbra's LDAP tree (DIT, zimbra-attrs.xml).
 */
#ifndef CONTROLLER_DIRECTORY_H
#define CONTROLLER_DIRECTORY_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/secret.h"

#define DIRECTORY_ALIASES_MAX 255

struct directory;

struct directory_options {
	const char *url; /* ldap:// or ldaps:// */
	const char *bind_dn;
	const struct secret *password;
	const char *ca_file; /* NULL: the system's */
	bool start_tls;
	unsigned timeout_s; /* of connect and of one answer; 0: 15 */
};

/* One account, effective values where Zimbra inherits (account, COS, domain, global). */
struct account_facts {
	char id[40];
	char name[256]; /* uid@domain of the entry */
	char mail_host[256];
	char transport[330];
	char status[20];	/* the account's own */
	char domain_status[20]; /* "" = active */
	char mail_status[20];
	int64_t quota;		 /* effective bytes, 0 = none */
	int64_t export_max_days; /* effective, 0 = no limit */
	bool token_validity_enabled;
	bool intercepted;  /* zimbraInterceptAddress, effective */
	bool looks_frozen; /* locked, with the quota and the refusal of mail of a move */
	bool is_admin;
	bool is_resource;
	bool is_system;
	bool is_external_virtual;
	bool is_gal_sync; /* a domain keeps its address list in it */
	size_t alias_count;
	char **aliases; /* owned; account_facts_fini */
};

struct server_facts {
	char id[40];
	char host[256];	  /* zimbraServiceHostname */
	bool has_mailbox; /* "service" or "mailbox" enabled: may hold mailboxes */
	bool lmtp_permanent_when_over_quota; /* effective */
	unsigned lmtp_port;
	unsigned admin_port;
};

struct directory *directory_new(const struct directory_options *options);
void directory_free(struct directory **d);

/* Reads one account by zimbraId; *found_out false when it does not exist (any more). */
MUST_USE bool directory_read_account(struct directory *d, const char *id, bool *found_out,
    struct account_facts *out, struct err *e);
/* Same by name or alias. */
MUST_USE bool directory_find_account(struct directory *d, const char *name,
    bool *found_out, struct account_facts *out, struct err *e);
void account_facts_fini(struct account_facts *a);

/* Every account homed on host, calendar resources and system accounts too, paged. The
   facts are borrowed for the call; false from the callback stops with ERR_CANCELLED. */
typedef bool (*directory_account_fn)(const struct account_facts *a, void *ctx);
MUST_USE bool directory_list_accounts(struct directory *d, const char *host,
    directory_account_fn fn, void *ctx, struct err *e);
/* Groups that name host as their home: listed as what stays behind. */
MUST_USE bool directory_count_groups(
    struct directory *d, const char *host, size_t *count_out, struct err *e);

typedef bool (*directory_server_fn)(const struct server_facts *s, void *ctx);
MUST_USE bool directory_list_servers(
    struct directory *d, directory_server_fn fn, void *ctx, struct err *e);

struct cos_facts {
	char id[40];
	char name[256];
	size_t pool_count;
	char (*pool)[40]; /* zimbraIds of servers; borrowed for the call */
};
typedef bool (*directory_cos_fn)(const struct cos_facts *c, void *ctx);
/* Every class of service with its zimbraMailHostPool. */
MUST_USE bool
directory_list_cos(struct directory *d, directory_cos_fn fn, void *ctx, struct err *e);

/* Appends text with everything LDAP filters treat specially escaped (RFC 4515). */
MUST_USE bool directory_escape(const char *text, char *out, size_t out_size);

#endif
