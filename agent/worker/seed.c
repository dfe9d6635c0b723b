/* SPDX-License-Identifier: Apache-2.0 */
/* The target's mailbox becomes what the spool is, while the account lives elsewhere. */
#include "agent/mailbox/seed.h"

#include "agent/worker/worker.h"

static bool
seed_once(struct worker *w, const struct seed_options *options, Wire__SeedFacts *facts,
    struct err *e)
{
	struct target t;
	bool ok;

	wire__seed_facts__init(facts);
	worker_target(w, &t);
	ok = worker_open_early(w, &t, e) && seed_run(&t, options, facts, e);
	target_close(&t);
	return ok;
}

bool
worker_seed(struct worker *w, struct err *e)
{
	static Wire__SeedFacts facts;
	const Wire__OpSeed *op = w->step->seed;
	const struct seed_options options = {
	    .last_item_id = op->source_last_item_id,
	    .change = op->source_change,
	    .change_limit = op->change_limit,
	    .when = op->locked ? SEED_LOCKED : SEED_EARLY,
	};
	bool ok;

	do
		ok = seed_once(w, &options, &facts, e);
	while (!ok && worker_bring_back(w, e));
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_SEED;
	w->result->seed = &facts;
	return ok;
}
