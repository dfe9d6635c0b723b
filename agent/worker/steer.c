/* SPDX-License-Identifier: Apache-2.0 */
/* Folders, search folders, mountpoints and tags at their old ids; counters; first Sync. */
#include "agent/mailbox/filters.h"
#include "agent/mailbox/seed.h"
#include "agent/mailbox/steer.h"

#include "agent/worker/worker.h"

/* What was put in before the switch becomes what the source's mailbox was in the end. */
static bool
steer_seeded(struct target *t, const Wire__OpSteer *op, struct err *e)
{
	Wire__SeedFacts ignored = WIRE__SEED_FACTS__INIT; /* nothing when nothing was */
	const struct seed_options options = {.last_item_id = op->source_last_item_id,
	    .change = op->source_change,
	    .change_limit = op->change_limit,
	    .when = SEED_AFTER};

	return seed_run(t, &options, &ignored, e);
}

bool
worker_steer(struct worker *w, struct err *e)
{
	static Wire__SteerFacts facts;
	const Wire__OpSteer *op = w->step->steer;
	const struct steer_limits limits = {
	    .last_item_id = op->source_last_item_id,
	    .change = op->source_change,
	    .change_limit = op->change_limit,
	    .early = op->early,
	};
	struct target t;
	bool ok;

	wire__steer_facts__init(&facts);
	worker_target(w, &t);
	t.lives_elsewhere = op->early;
	ok = (!op->early || worker_pin(w, e)) && target_open(&t, e) &&
	     (op->early || (filters_keep(&t, e) && steer_seeded(&t, op, e))) &&
	     steer_run(&t, &limits, &facts, e) && (op->early || filters_give_back(&t, e));
	target_close(&t);
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_STEER;
	w->result->steer = &facts;
	return ok;
}
