/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this installation fit to move mailboxes? Facts are collected once (doctor_collect.c:
 * directory, every mailbox server, the fleet) and judged by a table of checks (doctor.c),
 * which is pure. Nothing is changed anywhere.
 */
#ifndef CONTROLLER_DOCTOR_H
#define CONTROLLER_DOCTOR_H

#include "controller/seeding.h"
#include "controller/world.h"
#include "proto/zimbra/version.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_LEVEL_COUNT };

struct doctor_server { /* one that Zimbra's directory says holds mailboxes */
	char host[WORLD_NAME];
	char soap_error[LIMIT_TEXT];	   /* "" = logged in and was answered */
	char version[ZIMBRA_VERSION_SIZE]; /* Zimbra's */
	char lmtp_error[LIMIT_TEXT];	   /* "" = greeted with 220 */
	bool lmtp_permanent_when_over_quota;
	uint64_t accounts, refused; /* homed there; of these a move would refuse */
	char refused_example[LIMIT_TEXT];
	uint64_t
	    frozen; /* locked with the quota of a freeze, and no move of ours holds them */
	char frozen_example[WORLD_NAME];
	/* from the fleet */
	bool has_agent; /* connected, with an inventory */
	bool healthy;
	char note[LIMIT_TEXT];
	char agent_version[32];
	bool spool_is_persistent;
	uint64_t mailbox_bytes;
	uint64_t room_bytes; /* below the fill limit */
};

struct doctor_facts {
	char directory_error[LIMIT_TEXT]; /* "" = read */
	char admin[WORLD_NAME];
	bool admin_found, admin_is_global;
	struct doctor_server *servers; /* owned */
	size_t server_count;
	char (*strangers)
	    [WORLD_NAME]; /* agents of nodes that are no mailbox servers; owned */
	size_t stranger_count;
	bool journal_read_only;
	int64_t now_s,
	    identity_expires_s; /* wall clock, UTC; of the controller's own certificate */
	uint32_t fill_limit;	/* percent */
	enum seeding_mode seeding;
	struct seeding_proofs rehearsed; /* what rehearsals said of it */
	bool has_https;
	int64_t https_expires_s; /* of the certificate that it shows */
	char https_error
	    [LIMIT_TEXT]; /* why that in its files is another; "" = it is not */
};

struct doctor_finding {
	const char *check; /* name in the table */
	enum doctor_level level;
	char subject[WORLD_NAME];  /* a node, or "" */
	char text[2 * LIMIT_TEXT]; /* what is so */
	char next[LIMIT_TEXT]; /* what to run or to change; never "" unless level is OK */
};

struct doctor_report {
	struct doctor_finding *findings; /* owned; in the order of the table */
	size_t count;
	size_t by_level[DOCTOR_LEVEL_COUNT];
};

extern const char *const doctor_level_names[DOCTOR_LEVEL_COUNT];

void doctor_judge(const struct doctor_facts *f, struct doctor_report *out);
void doctor_report_free(struct doctor_report *r);
void doctor_facts_free(struct doctor_facts *f);
struct doctor_server *doctor_add_server(struct doctor_facts *f, const char *host);

struct controller;
/* Collects on the pool, judges on the loop; done comes later, exactly once. */
void doctor_start(struct controller *c,
    void (*done)(void *owner, const struct doctor_report *report), void *owner);

#endif
