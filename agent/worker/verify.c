/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict: everything of record against what is here. People go on working meanwhile; what
 * they do between one look and the next must not pass for a loss, so it is looked again.
 */
#include "agent/mailbox/verify.h"

#include "agent/worker/worker.h"

#define ROUNDS_MAX 4

bool
worker_verify(struct worker *w, struct err *e)
{
	static Wire__Verdict verdict;
	struct target t;
	bool moved = true;
	bool ok;

	wire__verdict__init(&verdict);
	worker_target(w, &t);
	ok = target_open(&t, e);
	for (int round = 0; ok && moved && round < ROUNDS_MAX; round++) {
		/* The texts of the round before live until the process ends. */
		wire__verdict__init(&verdict);
		ok = verify_run(&t, &verdict, &moved, e);
	}
	target_close(&t);
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_VERDICT;
	w->result->verdict = &verdict;
	return ok;
}
