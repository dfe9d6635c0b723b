/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back after a switch. At the copy that is left: which of its items arrived there and
 * were not brought by the move. Where the mailbox was all along: what came in such a spool goes
 * in while people work, into the folders that are there.
 */
#ifndef AGENT_BACK_H
#define AGENT_BACK_H

#include "agent/mailbox/target.h"

/*
 * Leaves in record only items with ids higher than above that the move of t's spool did not put
 * in, in the source's folders; settles an import whose answer is
 * missing first. above: the last id that the source had given out when it was fenced.
 */
MUST_USE bool back_keep_arrived(
    struct target *t, uint64_t above, struct spool_record_list *record, struct err *e);

/* Is the spool one of a way back? */
bool back_is(const struct target *t);
/*
 * Before the first import: a folder that is not here has its items go to Inbox, Calendar or
 * Tasks; what changes from now on is the person's. Idempotent.
 */
MUST_USE bool back_begin(struct target *t, struct err *e);

#endif
