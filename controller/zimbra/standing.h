/* SPDX-License-Identifier: Apache-2.0 */
/* What a mailbox server is to others, as Zimbra's directory tells it (references.h reads it). */
#ifndef CONTROLLER_STANDING_H
#define CONTROLLER_STANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server_reference {
	const char *attr;
	char owner[256]; /* name of the server that has it; "" = global configuration */
	char owner_id[40];
	char value[512];
	bool others; /* other values stay when this one goes */
	bool cured;  /* it can be taken away without a person's choice */
};

struct server_group { /* a distribution list whose home it is */
	char id[40];
	char name[256];
};

struct server_standing {
	bool found; /* false: the directory does not know it (any more) */
	char id[40];
	char services[200]; /* that others need of it: "mta, proxy"; "" = none */
	uint64_t accounts;  /* that live there */
	char account[256];  /* one of them */
	uint64_t others;    /* mailbox servers besides it */
	char other[256];    /* one of them */
	char other_id[40];
	bool is_lookup_target;	       /* proxies ask it where somebody lives */
	bool provisions;	       /* it makes accounts from an outside directory */
	struct server_reference *refs; /* owned, as are the groups */
	size_t ref_count;
	struct server_group *groups;
	size_t group_count;
};

void server_standing_fini(struct server_standing *s);

#endif
