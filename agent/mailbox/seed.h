/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeding: the target's mailbox is filled while the person works on the source, message by
 * message at the old ids, by calls pinned to the target (facts: live-preseed). Each run
 * makes the target what the spool is by now: adds, changes, deletes. What cannot be put in
 * so is left to the imports after the switch. No grants, no feeds, no calendar, no Sync.
 */
#ifndef AGENT_SEED_H
#define AGENT_SEED_H

#include "agent/mailbox/target.h"
#include "proto/messages.pb-c.h"

enum seed_when {
	SEED_EARLY,  /* people work on the source; every call is pinned here */
	SEED_LOCKED, /* the same, and people wait: only what does not take long */
	SEED_AFTER, /* the account lives here: nothing is added, the quota does not let it; and
		       nothing is done in a mailbox that was not filled before */
};

struct seed_options {
	uint64_t last_item_id; /* of the source */
	uint64_t change;       /* of the source */
	uint64_t change_limit; /* most changes to make for their own sake */
	enum seed_when when;
};

/* Runs on the open target. The text in facts lives until the process ends. */
MUST_USE bool seed_run(struct target *t, const struct seed_options *options,
    Wire__SeedFacts *facts, struct err *e);

/* Only looks what became of messages whose answer is not known: before it is judged what the
   mailbox holds. */
MUST_USE bool seed_take_up(struct target *t, struct err *e);

/* --- after the switch --- */

struct seed_index;
/* Has this move filled a mailbox? Which one its index says. */
bool seed_was_begun(const struct target *t);
/*
 * Marks in the spool what the seeding put in and what is there: the imports leave it
 * alone. From here on there is no way back to another mailbox. Once; a second call does
 * nothing.
 */
MUST_USE bool seed_settle(struct target *t, struct err *e);
/* What was seeded into this very mailbox; nothing: an empty index. */
MUST_USE bool seed_index_of(struct target *t, struct seed_index *out, struct err *e);

#endif
