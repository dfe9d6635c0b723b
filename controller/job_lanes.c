/* SPDX-License-Identifier: Apache-2.0 */
/* How many moves work at a source and at a target, and whose turn it is to be locked. */
#include <stdio.h>
#include <string.h>

#include "controller/cutover.h"
#include "controller/job_private.h"
#include "controller/journal.h"

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

/* Copied, in step, and not to be locked yet: thousands may wait so, and hold no lane. */
static bool
move_is_held(struct jobs *all, const struct move *m)
{
	const struct job *job = jobs_at(all, m->job_number);

	return m->state == MOVE_FOLLOWING && m->waiting && job != NULL &&
	       job->cutover[0] != '\0';
}

static void
lane_on_move(struct move *m, void *ctx)
{
	struct lane_count *c = ctx;

	if (!move_is_running(m) || move_is_held(c->all, m))
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
	    .all = all, .source = m->source, .target = m->target, .number = m->number};

	moves_each(all->moves, lane_on_move, &c);
	return c;
}

uint32_t
lane_limit(struct jobs *all, const char *target, char *why, size_t size)
{
	uint32_t most = all->limits.moves_per_target;
	char strain[LIMIT_TEXT] = "";
	bool strained;
	uint32_t lanes;

	why[0] = '\0';
	if (!all->limits.adaptive || all->host.is_strained == NULL)
		return most;
	strained = all->host.is_strained(all->host.ctx, target, strain, sizeof(strain));
	lanes = lane_limits_at(all->lane_limits, target, most, strained,
	    all->world->mono_ms(all->world->ctx));
	if (lanes < most)
		snprintf(why, size, "%u at a time: %.300s", lanes,
		    strained ? strain : "people there had to wait until just now");
	return lanes;
}

void
lane_look(struct jobs *all, struct move *m, bool *source_full_out, bool *target_full_out)
{
	struct lane_count c = lane_count(all, m);
	char strain[LIMIT_TEXT];
	uint32_t lanes = lane_limit(all, m->target, strain, sizeof(strain));

	*source_full_out = c.at_source >= all->limits.moves_per_source;
	/* One more for the target: it is staged while the others are imported. */
	*target_full_out = c.at_target >= lanes + 1;
	if (*target_full_out && strain[0] != '\0')
		snprintf(m->doing, sizeof(m->doing),
		    "waits for its turn to go to %.100s; %.340s", m->target, strain);
}

/* Who waits is looked at again and again: the lanes of a target once in a round. */
static bool
turns_are_full(struct jobs *all, const struct move *m, uint32_t lanes)
{
	struct lane_count c;

	for (size_t i = 0; all->waking && i < all->full_count; i++) {
		if (strcmp(all->full_targets[i], m->target) == 0)
			return true;
	}
	c = lane_count(all, m);
	/* Who waited held no lane. This one is counted: it does not wait just now. */
	/* Of those that are begun one may always go on, however few lanes there are. */
	if (c.locked_at_target < LOCKED_PER_TARGET && c.locked_at_target < lanes &&
	    c.at_target <= all->limits.moves_per_target + 1)
		return false;
	if (all->waking && all->full_count < FULL_TARGETS)
		all->full_targets[all->full_count++] = m->target;
	return true;
}

/* What a pass saw and what the source's agent says of sessions there. */
static bool
owner_is_away(struct jobs *all, const struct job *job, const struct move *m,
    enum presence_age age, char *why, size_t size)
{
	const struct presence_question q = {
	    .node = m->source,
	    .account_id = m->account_id,
	    .wrote_ms = m->data.no_mailbox ? 0 : m->wrote_ms,
	    .idle_ms = cutover_idle_ms(job->cutover),
	    .now_ms = all->world->mono_ms(all->world->ctx),
	    .age = age,
	};
	char seen[LIMIT_TEXT];

	if (q.idle_ms == 0 || presence_is_away(all->presence, &q, seen, sizeof(seen)))
		return true;
	cutover_idle_why(job->cutover, job->id, seen, why, size);
	return false;
}

void
jobs_wake_moves(struct jobs *all)
{
	all->waking = true;
	all->full_count = 0;
	moves_wake(all->moves);
	all->waking = false;
}

void
jobs_take_sessions(struct jobs *all, const char *node, const struct presence_page *page)
{
	if (!all->stopping && presence_take(all->presence, node, page,
				  all->world->mono_ms(all->world->ctx)))
		jobs_wake_soon(all);
}

bool
jobs_take_turn(void *ctx, const struct move *m, char *why, size_t size)
{
	struct jobs *all = ctx;
	struct job *job = jobs_at(all, m->job_number);
	char strain[LIMIT_TEXT];
	uint32_t lanes;

	if (journal_is_short(all->journal)) {
		snprintf(why, size, "nobody is locked now: " JOURNAL_SHORT);
		return false;
	}
	if (m->has_turn) /* and fetched once more: is its owner still away? */
		return job == NULL ||
		       owner_is_away(all, job, m, PRESENCE_FRESH, why, size);
	lanes = lane_limit(all, m->target, strain, sizeof(strain));
	snprintf(why, size, "waits for its turn to be locked at %.100s%s%.340s",
	    m->target, strain[0] == '\0' ? "" : "; ", strain);
	if (job == NULL)
		return !turns_are_full(all, m, lanes);
	if (job->state == JOB_PAUSED)
		return false;
	if (cutover_idle_ms(job->cutover) == 0 &&
	    !cutover_is_open(job->cutover, all->world->wall_ms(all->world->ctx))) {
		cutover_why(job->cutover, job->id, why, size);
		return false;
	}
	return owner_is_away(all, job, m, PRESENCE_RECENT, why, size) &&
	       !turns_are_full(all, m, lanes) &&
	       owner_is_away(all, job, m, PRESENCE_FRESH, why, size);
}

bool
jobs_take_contact_lane(void *ctx, const struct move *m)
{
	return lane_count(ctx, m).contacts_at_target == 0;
}

/* The text stays: those that wait go on holding no lane until it is their turn. */
bool
job_cut_over(struct jobs *all, struct job *job, bool *done_out, struct err *e)
{
	char before[CUTOVER_TEXT];

	*done_out = job->state == JOB_MOVING && job->cutover[0] != '\0' &&
		    strcmp(job->cutover, CUTOVER_NOW) != 0;
	if (!*done_out)
		return true;
	memcpy(before, job->cutover, sizeof(before));
	snprintf(job->cutover, sizeof(job->cutover), CUTOVER_NOW);
	if (!journal_job_save(all->journal, job, e)) {
		memcpy(job->cutover, before, sizeof(before));
		return err_wrap(e, "job %s", job->id);
	}
	journal_event(
	    all->journal, "info", job->id, "its mailboxes are locked from now on");
	return true;
}
