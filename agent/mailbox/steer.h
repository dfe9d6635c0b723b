/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steering: folders, search folders, mountpoints and tags come into being on the target
 * at the ids that they had, because each takes the counter's next id. The plan is pure:
 * two trees and a counter in, steps out (facts: identity 2, 5; zimbra 1.12).
 */
#ifndef AGENT_STEER_H
#define AGENT_STEER_H

#include "agent/mailbox/target.h"
#include "agent/mailbox/tree.h"
#include "proto/messages.pb-c.h"

#define STEER_FRESH 256	 /* last id of a mailbox just made (facts: identity 2) */
#define STEER_RESERVE 40 /* ids below the source's last that are not given out early */
#define STEER_TEMPORARY "zmferry-" /* and the id: a name until the parent is there */

enum steer_op {
	STEER_BURN,   /* count ids are given out to nobody */
	STEER_CREATE, /* the next id is the folder's */
	STEER_PLACE,  /* to its parent, and its own name */
};

struct steer_step {
	enum steer_op op;
	const Wire__Folder *folder; /* of the source; NULL when burning */
	uint64_t count;
	bool
	    temporary; /* create: at the root under a temporary name, its parent is not there */
	bool late; /* create: its id was passed already, any other must do */
};

struct steer_plan {
	struct steer_step *steps;
	size_t count;
	size_t cap;
};

/* Ids that creation refused for good: a new plan leaves them out. Ascending. */
struct steer_refused {
	uint64_t *ids;
	size_t count;
};
bool steer_is_refused(const struct steer_refused *refused, uint64_t id);
/* Where it is, or would be. */
size_t steer_refused_place(const struct steer_refused *refused, uint64_t id);

/*
 * What is to be done when the last id given out is counter and here stands what here
 * says. last: the source's last id, which is passed in the end. Nothing to do: no steps.
 */
void steer_plan_make(const struct tree *source, const struct tree *here, uint64_t counter,
    uint64_t last, const struct steer_refused *refused, struct steer_plan *out);
void steer_plan_free(struct steer_plan *p);
/* The first folder, of those not refused, that has nothing here and whose id was given out already; NULL: none.
   What a fresh mailbox has given out itself does not count. */
const Wire__Folder *steer_passed(const struct tree *source, const struct tree *here,
    uint64_t counter, const struct steer_refused *refused);

/*
 * How far folders may be made while the account still lives on the source: a feed whose
 * data source is in LDAP (its number is among the ids, ascending) finds it, and nothing is
 * written; another one would be written into LDAP from here (facts: zimbra 1.11).
 */
uint64_t steer_feed_last(
    const struct tree *source, uint64_t last, const uint32_t *fed, size_t fed_count);
/*
 * How far ids may be given out: a reserve below that, for folders that come meanwhile and
 * for a mailbox that is loaded anew and rounds its counter up (facts: live-preseed 7).
 */
uint64_t steer_early_last(
    const struct tree *source, uint64_t last, const uint32_t *fed, size_t fed_count);

/* Id here of a folder of the source; 0: it is not there. */
uint64_t steer_counterpart(
    const struct tree *source, const struct tree *here, const Wire__Folder *f);
void steer_temporary_name(const Wire__Folder *f, char out[40]);

/* What a folder here has unlike; bits. */
enum {
	STEER_COLOR = 1,
	STEER_FLAGS = 2,
	STEER_GRANTS = 4,
	STEER_POLICIES = 8,
	STEER_OFFLINE = 16,
	STEER_ACTIVESYNC = 32,
	STEER_CONTENT =
	    64, /* view, url, query, owner: only a new creation would change it */
	STEER_PLACED = 128, /* name or parent */
};
unsigned steer_unlike(const struct tree *source, const struct tree *here,
    const Wire__Folder *want, const Wire__Folder *have);
/* "colour, grants": appended to out. */
void steer_explain(unsigned bits, struct buf *out);

/* --- doing it --- */

struct steer_limits {
	uint64_t last_item_id; /* of the source */
	uint64_t change;       /* of the source */
	uint64_t change_limit; /* most changes to make for their own sake */
	bool
	    early; /* the account lives elsewhere: only what can be done before its switch */
};

/* Steers the open target. facts' strings and lists live until the process ends. */
MUST_USE bool steer_run(struct target *t, const struct steer_limits *limits,
    Wire__SteerFacts *facts, struct err *e);

#endif
