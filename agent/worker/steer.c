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

static bool
steer_early(struct worker *w, struct target *t, const struct steer_limits *limits,
    Wire__SteerFacts *facts, struct err *e)
{
	return worker_open_early(w, t, e) && steer_run(t, limits, facts, e);
}

static bool
steer_at_home(struct worker *w, struct target *t, const struct steer_limits *limits,
    Wire__SteerFacts *facts, struct err *e)
{
	return target_open(t, e) && filters_keep(t, e) &&
	       steer_seeded(t, w->step->steer, e) && steer_run(t, limits, facts, e) &&
	       filters_give_back(t, e);
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

	do {
		wire__steer_facts__init(&facts);
		worker_target(w, &t);
		ok = op->early ? steer_early(w, &t, &limits, &facts, e)
			       : steer_at_home(w, &t, &limits, &facts, e);
		target_close(&t);
	} while (!ok && op->early && worker_bring_back(w, e));
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_STEER;
	w->result->steer = &facts;
	return ok;
}
