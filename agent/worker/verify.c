/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict: everything of record against what is here. */
#include "agent/mailbox/verify.h"

#include "agent/worker/worker.h"

bool
worker_verify(struct worker *w, struct err *e)
{
	static Wire__Verdict verdict;
	struct target t;
	bool ok;

	wire__verdict__init(&verdict);
	worker_target(w, &t);
	ok = target_open(&t, e) && verify_run(&t, &verdict, e);
	target_close(&t);
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_VERDICT;
	w->result->verdict = &verdict;
	return ok;
}
