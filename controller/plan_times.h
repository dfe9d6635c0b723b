/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a plan will take, and how long mailboxes will be locked: by what earlier moves took
 * on these machines, else by what was measured on a small one. An estimate, and called one. Pure.
 */
#ifndef CONTROLLER_PLAN_TIMES_H
#define CONTROLLER_PLAN_TIMES_H

#include "controller/plan.h"

struct plan_rates {
	bool measured;	 /* here, by enough moves */
	double fixed_ms; /* of each mailbox, from its lock until all of it is in */
	double per_item_ms;
	uint32_t hot_ms; /* people are let in after about so long; 0: when all is in */
};

struct plan_times {
	bool measured;
	uint64_t seconds; /* the whole */
	uint64_t lock_median_ms, lock_longest_ms;
	char longest[WORLD_NAME]; /* whose; "" = nobody moves */
};

/* What was seen of moves that arrived: how many, their items, from the lock until all was in. */
void plan_rates_from(uint64_t moves, uint64_t items, uint64_t fill_ms, uint32_t hot_ms,
    struct plan_rates *out);
void
plan_times(const struct plan *p, const struct plan_rates *rates, struct plan_times *out);

#endif
