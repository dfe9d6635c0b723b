/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was sent and whether it arrived. Items are noted on disk before they are posted
 * and stay noted until it has been looked where they are; so nothing is ever sent twice
 * for want of an answer, whoever died meanwhile.
 */
#ifndef AGENT_ARRIVE_H
#define AGENT_ARRIVE_H

#include "agent/mailbox/match.h"
#include "agent/mailbox/target.h"

struct arrivals {
	struct target *t;
	uint32_t *ids; /* of the source, in the order of posting */
	size_t count, cap;
	uint64_t last_id; /* the target's counters before the first of them was posted */
	uint64_t change;
	uint32_t folder; /* where all of them went; 0: each into its own */
	bool loose;	 /* AddMsg may change bytes: folder and date alone tell */
	bool unclear;	 /* an answer is missing: the server may still be at it */
	/* filled by arrivals_settle: what is not there, in the order of posting */
	uint32_t *missing;
	size_t missing_count;
};

void arrivals_init(struct arrivals *a, struct target *t);
void arrivals_fini(struct arrivals *a);
/* Takes up what a dead worker had posted; nothing noted: nothing to do. */
MUST_USE bool arrivals_recover(struct arrivals *a, struct err *e);
/* Notes these before they are posted. */
MUST_USE bool
arrivals_note(struct arrivals *a, const uint32_t *ids, size_t count, struct err *e);
/* Looks: what arrived is marked as applied with its new id, the rest is in missing. */
MUST_USE bool arrivals_settle(struct arrivals *a, struct err *e);

/* One id of the target's whose contents are no longer what was put in. */
struct arrivals_gone {
	uint32_t id;
	bool saved_anew; /* a draft with another text; otherwise deleted */
};

/*
 * After the opening a missing item may have arrived and been deleted by its owner, or, a
 * draft, been saved with another text: Zimbra keeps the id then. here: new ids in the order of
 * posting, 0 = missing; new ids ascend as posted. is_draft: of the same items. gone:
 * ascending. Writes into here the id that was the item's, where that is certain. all_sent:
 * the server said of every request that it was done; otherwise the last ones may never have
 * come, and an id behind those that did may be of a mail that arrived meanwhile. Pure.
 */
void
arrivals_find_gone(uint32_t *here, const bool *is_draft, size_t count, uint32_t first_id,
    const struct arrivals_gone *gone, size_t gone_count, bool all_sent);

/* What an import that broke off put in of a document: an unclaimed one there with the name and
   bytes of an earlier revision. *id_out: its id, and it is claimed; 0: there is none. */
MUST_USE bool arrivals_find_partial(struct spool *s, const struct spool_item *item,
    uint32_t folder, struct match_set *set, uint32_t *id_out, struct err *e);

#endif
