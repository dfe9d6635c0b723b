/* SPDX-License-Identifier: Apache-2.0 */
/* Folders, search folders, mountpoints and tags at their old ids; counters; first Sync. */
#include "agent/mailbox/steer.h"

#include "agent/worker/worker.h"

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
	     steer_run(&t, &limits, &facts, e);
	target_close(&t);
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_STEER;
	w->result->steer = &facts;
	return ok;
}
