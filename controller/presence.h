/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose owner is away: who has a session at which node, asked of each node's agent once for
 * all who wait there, and when a mailbox was changed last. What cannot be told is never
 * "away". Loop thread only; time is the caller's.
 */
#ifndef CONTROLLER_PRESENCE_H
#define CONTROLLER_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/limits.h"

struct presence;

struct presence_host {
	void *ctx;
	/* Asks the node's agent; its answer carries look. False with e: it cannot be asked. */
	bool (*ask)(void *ctx, const char *node, uint64_t look, struct err *e);
};

struct presence_row {
	char account_id[LIMIT_ID];
	char kind[LIMIT_SESSION_KIND]; /* "imap" */
	uint64_t idle_ms;	       /* since the session was used last */
};

struct presence_page {
	uint64_t look;
	uint32_t page; /* from 0 */
	bool last;
	const char *why_not; /* it cannot be told; NULL: rows say it */
	const struct presence_row *rows;
	size_t count;
};

/* How old a list may be: a minute, or as it was just now. */
enum presence_age { PRESENCE_RECENT, PRESENCE_FRESH };

struct presence_question {
	const char *node;
	const char *account_id;
	uint64_t
	    wrote_ms; /* monotonic, of the last change that may be its owner's; 0: none */
	uint64_t idle_ms; /* how long the owner must have done nothing */
	uint64_t now_ms;
	enum presence_age age;
};

/* first_look: more than any that an earlier controller asked with, as the wall clock's ms. */
struct presence *presence_new(const struct presence_host *host, uint64_t first_look);
void presence_free(struct presence **p);
/* What an agent answers; of another look than the last one it is passed over. Who was seen
   in an earlier one stays seen. True: who was waited for may be known now. */
bool presence_take(struct presence *p, const char *node, const struct presence_page *page,
    uint64_t now_ms);
/* False: why says what is known of the owner, or why nothing is. Asks when what is known is
   too old, never twice at once and not more often than every two seconds. */
bool presence_is_away(
    struct presence *p, const struct presence_question *q, char *why, size_t size);

#endif
