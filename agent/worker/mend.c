/* SPDX-License-Identifier: Apache-2.0 */
/* What archive imports leave behind; ends with everything in that can be in. */
#include "agent/mailbox/mend.h"

#include "agent/worker/worker.h"

bool
worker_mend(struct worker *w, struct err *e)
{
	static Wire__ImportFacts facts;
	const struct mend_options options = {
	    .imap_tracking = w->step->mend->imap_tracking,
	    .messages_to_come = w->step->mend->messages_to_come,
	};
	struct target t;
	bool ok;

	wire__import_facts__init(&facts);
	worker_target(w, &t);
	ok = target_open(&t, e) && mend_run(&t, &options, &facts, e);
	target_close(&t);
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_IMPORT;
	w->result->import = &facts;
	return ok;
}
