/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that an archive import takes, in its order; contacts when they have the lane. */
#include "agent/mailbox/import.h"
#include "agent/mailbox/mend.h"

#include "agent/worker/worker.h"

/* People wait for both, and the second would open again all that is open here. */
static bool
import_mend(struct target *t, bool imap_tracking, Wire__ImportFacts *facts, struct err *e)
{
	const struct mend_options options = {
	    .messages_to_come = facts->left > 0, .imap_tracking = imap_tracking};
	Wire__ImportFacts mended = WIRE__IMPORT_FACTS__INIT;

	if (!mend_run(t, &options, &mended, e))
		return false;
	mended.left = facts->left;
	mended.withheld = facts->withheld;
	mended.mended = true;
	*facts = mended;
	return true;
}

bool
worker_import(struct worker *w, struct err *e)
{
	static Wire__ImportFacts facts;
	const struct import_options options = {
	    .folder_limit = w->step->import->folder_limit,
	    .contacts_only = w->step->import->contacts_only,
	    .messages_ms = w->step->import->messages_ms,
	    .release = w->step->import->release,
	};
	struct target t;
	bool ok;

	wire__import_facts__init(&facts);
	worker_target(w, &t);
	ok = target_open(&t, e) && import_run(&t, &options, &facts, e) &&
	     (!w->step->import->mend ||
		 import_mend(&t, w->step->import->imap_tracking, &facts, e));
	target_close(&t);
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_IMPORT;
	w->result->import = &facts;
	return ok;
}
