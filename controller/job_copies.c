/* SPDX-License-Identifier: Apache-2.0 */
/* Old copies as jobs meet them: one in the way of a mailbox that comes home, one that stays. */
#include <stdio.h>
#include <string.h>

#include "controller/job_private.h"
#include "controller/journal.h"
#include "controller/moves_copies.h"
#include "proto/base/log.h"

/* What is only there would be lost with it. */
static bool
job_copy_holds_more(struct jobs *all, struct move *m, const struct move *copy)
{
	struct err e;

	if (!copy->data.from_spool)
		return false;
	snprintf(m->error, sizeof(m->error),
	    "account %.150s: its copy on %.150s was never fetched and holds what is "
	    "nowhere "
	    "else; first: zmferry move fetch %s",
	    m->account_name, m->target, copy->id);
	if (!move_apply(all->moves, m, EV_FAILED, m->error, &e))
		log_error(NULL, "%s", e.text);
	return true;
}

/* One whose job is over goes on when a person says so: what it puts in must be in before. */
static bool
job_other_is_busy(struct jobs *all, struct move *m)
{
	const struct move *other = moves_busy(all->moves, m);
	struct err e;

	if (other == NULL)
		return false;
	if (other->state != MOVE_STUCK) {
		snprintf(m->doing, sizeof(m->doing),
		    "waits until %s of the same mailbox has ended", other->id);
		return true;
	}
	snprintf(m->error, sizeof(m->error),
	    "an earlier move of it is stuck, and may hold what is not in the mailbox "
	    "yet: "
	    "zmferry explain %s",
	    other->id);
	if (!move_apply(all->moves, m, EV_FAILED, m->error, &e))
		log_error(NULL, "%s", e.text);
	return true;
}

/*
 * Zimbra would re-attach a copy that an earlier move left on the target, and importing would
 * bring deleted mail back. What cannot be deleted is refused by the move itself, by name.
 */
bool
job_copy_is_in_the_way(struct jobs *all, struct move *m)
{
	struct move *copy = moves_left_copy(all->moves, m->account_id, m->target);
	struct err e;

	if (copy != NULL && job_copy_holds_more(all, m, copy))
		return true;
	if (copy != NULL && !m->copy_asked) {
		m->copy_asked = true;
		if (!moves_purge(all->moves, copy->number, false, &e))
			log_warn(NULL, "%s", e.text);
	}
	copy = moves_tidying(all->moves, m->account_id);
	if (copy == NULL)
		return job_other_is_busy(all, m);
	if (copy->state == MOVE_STUCK) {
		snprintf(m->error, sizeof(m->error),
		    "its old copy is being deleted by %s, which is stuck: zmferry "
		    "explain %s",
		    copy->id, copy->id);
		if (!move_apply(all->moves, m, EV_FAILED, m->error, &e))
			log_error(NULL, "%s", e.text);
		return true;
	}
	snprintf(m->doing, sizeof(m->doing),
	    "waits until the old copy on %.200s is deleted", m->target);
	return true;
}
