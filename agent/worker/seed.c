/* SPDX-License-Identifier: Apache-2.0 */
/* The target's mailbox becomes what the spool is, while the account lives elsewhere. */
#include "agent/mailbox/seed.h"

#include "agent/worker/worker.h"

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
	struct target t;
	bool ok;

	wire__seed_facts__init(&facts);
	worker_target(w, &t);
	t.lives_elsewhere = true;
	ok = worker_pin(w, e) && target_open(&t, e) && seed_run(&t, &options, &facts, e);
	target_close(&t);
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_SEED;
	w->result->seed = &facts;
	return ok;
}
