/* SPDX-License-Identifier: Apache-2.0 */
/* How many moves work at a source and at a target, and whose turn it is to be locked. */
#include <string.h>

#include "controller/job_private.h"

#define LOCKED_PER_TARGET 3

static bool
move_is_running(const struct move *m)
{
	return (m->state != MOVE_PLANNED || m->started) && m->state != MOVE_STUCK &&
	       (move_states[m->state].holds & (MOVE_END | ARRIVED)) == 0;
}

/*
 * Contacts of two imports on one server get mixed up, so they go in one after another; few
 * mailboxes are locked at a time, so that nobody waits long for that under the lock. A turn
 * ends when the contacts are in; after a restart the states say who has one.
 */
static bool
move_holds_turn(const struct move *m)
{
	return (m->has_turn || (m->state >= MOVE_LOCKING && m->state <= MOVE_OPENING)) &&
	       !m->data.contacts_done;
}

static void
lane_on_move(struct move *m, void *ctx)
{
	struct lane_count *c = ctx;

	if (!move_is_running(m))
		return;
	c->at_source += strcasecmp(m->source, c->source) == 0;
	if (strcasecmp(m->target, c->target) != 0)
		return;
	c->at_target++;
	c->locked_at_target += move_holds_turn(m);
	c->contacts_at_target +=
	    m->number != c->number && m->data.contacts_begun && !m->data.contacts_done;
}

struct lane_count
lane_count(struct jobs *all, const struct move *m)
{
	struct lane_count c = {
	    .source = m->source, .target = m->target, .number = m->number};

	moves_each(all->moves, lane_on_move, &c);
	return c;
}

bool
jobs_take_turn(void *ctx, const struct move *m)
{
	struct jobs *all = ctx;
	struct job *job = jobs_at(all, m->job_number);

	if (job != NULL && job->state == JOB_PAUSED)
		return false;
	return lane_count(all, m).locked_at_target < LOCKED_PER_TARGET;
}

bool
jobs_take_contact_lane(void *ctx, const struct move *m)
{
	return lane_count(ctx, m).contacts_at_target == 0;
}
