/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: neither the source's agent nor its mailboxd answers, the target itself
 * locks the account and makes itself its home, and from there on it is a move like any other,
 * whose source says nothing any more. What can go wrong: the source is not dead after all.
 * Then nothing was switched yet, and the account is given back to it.
 */
#include "controller/move_spool.h"

#include <stdio.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/journal.h"
#include "controller/move_private.h"
#include "controller/move_revert.h"
#include "controller/moves_copies.h"
#include "proto/base/clock.h"

/*
 * Nobody knows how many ids the source gave out after the spool was in step. Mail programs
 * remember them: what is given out from now on must be none of these (facts: identity 3).
 */
#define UNSEEN_IDS \
	10000 /* in every day begun: of an attempt that was given up it may be many */
#define UNSEEN_IDS_MAX 200000 /* ten thousand take a second under the lock */
#define DAY_MS (24 * 3600 * (int64_t)1000)
#define UNSEEN_CHANGES 10000

/* --- the wish --- */

static bool
spool_is_possible_in(const struct move *m)
{
	enum move_state at = m->state == MOVE_STUCK ? m->stuck_from : m->state;

	return move_edge_find(at, EV_FROM_SPOOL, at) != NULL;
}

static bool
spool_is_late(const struct move *m, struct err *e)
{
	enum move_state at = m->state == MOVE_STUCK ? m->stuck_from : m->state;

	if ((move_states[at].holds & FORWARD_ONLY) != 0 || at == MOVE_STEERING)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): is %s; what the spool holds is on %s already, or goes "
		    "in there; follow it: zmferry explain %s",
		    m->id, m->account_name, move_states[m->state].name, m->target, m->id);
	return err_set(e, ERR_REFUSED,
	    "move %s (%s): is %s; if %s is dead that is given up within minutes by "
	    "itself, "
	    "then: zmferry move %s --from-spool",
	    m->id, m->account_name, move_states[m->state].name, m->source, m->id);
}

bool
move_may_from_spool(struct moves *all, uint32_t number, struct err *e)
{
	struct move *m = moves_find(all, number);
	const struct move *busy;

	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if (m->data.gone)
		return err_set(e, ERR_REFUSED, "move %s (%s): the account was deleted",
		    m->id, m->account_name);
	if (!spool_is_possible_in(m))
		return spool_is_late(m, e);
	if (m->data.no_mailbox)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): had no mailbox on %s when it was looked at, so "
		    "nothing "
		    "was copied; it lives elsewhere at once with: zmprov -l ma %s "
		    "zimbraMailHost %s",
		    m->id, m->account_name, m->source, m->account_name, m->target);
	if (m->data.in_step_ms == 0)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): its mailbox was not copied to the end even once, what "
		    "the spool on %s holds is a part of it; what helps is the node's "
		    "volume or its backup: zmferry explain %s",
		    m->id, m->account_name, m->target, m->id);
	busy = moves_busy(all, m);
	return busy == NULL ||
	       err_set(e, ERR_REFUSED,
		   "move %s (%s): the mailbox is being moved by %s; that one's spool is "
		   "newer: zmferry move %s --from-spool",
		   m->id, m->account_name, busy->id, busy->id);
}

bool
moves_from_spool(struct moves *all, uint32_t number, struct err *e)
{
	struct move *m = moves_find(all, number);

	if (m == NULL)
		return move_may_from_spool(all, number, e); /* it says why not */
	if (m->wish == EV_FROM_SPOOL || m->state == MOVE_SPOOL_LOCKING ||
	    m->state == MOVE_SPOOL_SWITCHING)
		return true;
	if (!move_may_from_spool(all, number, e))
		return false;
	/* Journaled if it has to wait: the controller may die meanwhile. */
	m->data.spool_wanted = move_must_wait(m);
	if ((m->data.spool_wanted && !journal_move_save(all->journal, m, NULL, e)) ||
	    !move_wish(all, m, EV_FROM_SPOOL, "its node was given up for dead", e)) {
		m->data.spool_wanted = false;
		return false;
	}
	alert_clear(all->host.alerts, m->id);
	all->world->let_go(all->world->ctx, m->source, m->id);
	return true;
}

struct copied {
	const char *node;
	uint32_t count;
};

static void
copied_on_move(struct move *m, void *ctx)
{
	struct copied *c = ctx;

	c->count += m->state != MOVE_ABANDONED && spool_is_possible_in(m) &&
		    m->data.in_step_ms != 0 && !m->data.gone &&
		    strcasecmp(m->source, c->node) == 0;
}

uint32_t
moves_copied_from(struct moves *all, const char *node)
{
	struct copied c = {.node = node};

	moves_each(all, copied_on_move, &c);
	return c.count;
}

struct spool_turns {
	const struct move *m;
	uint32_t count;
};

/* Before anything is locked: out of the spool, and later what was left behind. */
static bool
spool_waits_in(const struct move *m)
{
	return m->state == MOVE_SPOOL_LOCKING ||
	       (m->state == MOVE_REVERT_LOCKING && m->data.from_spool);
}

static void
turns_on_move(struct move *m, void *ctx)
{
	struct spool_turns *t = ctx;
	unsigned holds = move_states[m->state].holds;
	bool begun = spool_waits_in(m) ? m->has_turn
				       : (holds & (MOVE_END | SOURCE_WRITES)) == 0 &&
					     m->state != MOVE_STUCK;

	/* Once fenced it is from the spool no more. */
	t->count += m != t->m && (m->data.from_spool || m->data.again) && begun &&
		    strcasecmp(m->target, t->m->target) == 0;
}

bool
spool_has_turn(struct moves *all, struct move *m)
{
	struct spool_turns t = {.m = m};

	if (!spool_waits_in(m) || m->has_turn)
		return true;
	moves_each(all, turns_on_move, &t);
	if (!move_set_turn(all, m, t.count < SPOOLS_AT_ONCE))
		snprintf(m->doing, sizeof(m->doing),
		    "waits until other mailboxes of %.200s are done at %.200s", m->source,
		    m->target);
	return m->has_turn;
}

void
spool_begin(struct move *m)
{
	struct move_data *d = &m->data;

	d->from_spool = true;
	m->has_turn = false;
	m->started = true;
	if (!d->restored && m->state != MOVE_ABANDONED)
		return; /* locked still: what is to be given back is known */
	d->have_saved = d->restored = false;
	d->locked_at_ms = 0;
	d->lock_ms = d->fill_ms = 0;
}

bool
moves_fetch(struct moves *all, uint32_t number, struct err *e)
{
	struct move *m = moves_find(all, number);

	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if (m->state != MOVE_SETTLED || !m->data.from_spool) {
		if (m->data.from_spool &&
		    (move_states[m->state].holds & (TURNS_BACK | MOVE_END)) == 0)
			return err_set(e, ERR_REFUSED,
			    "move %s (%s): is %s; what is on %s is fetched when it is "
			    "settled: zmferry explain %s",
			    m->id, m->account_name, move_states[m->state].name, m->source,
			    m->id);
		if (m->data.left_behind ||
		    (move_states[m->state].holds & TURNS_BACK) != 0)
			return moves_revert(all, number, false, e);
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): is %s, and nothing of it was left on %s: zmferry "
		    "explain %s",
		    m->id, m->account_name, move_states[m->state].name, m->source, m->id);
	}
	return revert_is_alone(all, m, e) && move_apply(all, m, EV_REVERT, "", e);
}

void
spool_begin_fetch(struct move *m)
{
	snprintf(m->data.home, sizeof(m->data.home), "%s", m->target);
	m->data.copy_fenced = false;
	m->data.left_behind = true; /* until it is fetched and fenced */
	m->fence_rounds = 0;
}

void
spool_as_of(const struct move *m, char *out, size_t size)
{
	clock_format(m->data.in_step_ms, out, size);
}

static int
spool_why(struct move *m)
{
	char as_of[40];

	spool_as_of(m, as_of, sizeof(as_of));
	return snprintf(m->error, sizeof(m->error),
	    "%.200s was dead, so the mailbox is what the spool held, as of %s; what "
	    "changed there since is there only",
	    m->source, as_of);
}

void
spool_why_not_fetched(struct move *m)
{
	char why[LIMIT_TEXT];
	int len;

	snprintf(why, sizeof(why), "%s", m->error);
	len = spool_why(m);
	snprintf(m->error + len, sizeof(m->error) - (size_t)len,
	    "; it could not be fetched: %.200s", why);
}

void
spool_why_unclean(struct move *m, const struct ask_verdict *v)
{
	int len = spool_why(m);

	if (v->missing + v->differing + m->data.lacking_count > 0)
		snprintf(m->error + len, sizeof(m->error) - (size_t)len,
		    "; of what the spool held %llu of %llu items are missing, %llu "
		    "differ, "
		    "%llu could not be exported",
		    (unsigned long long)v->missing, (unsigned long long)v->listed,
		    (unsigned long long)v->differing,
		    (unsigned long long)m->data.lacking_count);
}

const char *
spool_way_on(const struct move *m, char *out, size_t size)
{
	if (m->state == MOVE_SETTLED)
		snprintf(out, size, "move fetch %s", m->id);
	else if (m->state == MOVE_STUCK)
		snprintf(out, size, "job retry j%u", m->job_number);
	else
		snprintf(out, size, "explain %s", m->id);
	return out;
}

uint64_t
spool_unseen_ids(const struct move *m, int64_t now_ms)
{
	int64_t age_ms = now_ms - m->data.in_step_ms;
	uint64_t ids = UNSEEN_IDS * (1 + (uint64_t)(age_ms < 0 ? 0 : age_ms / DAY_MS));

	if (!m->data.from_spool)
		return 0;
	return ids > UNSEEN_IDS_MAX ? UNSEEN_IDS_MAX : ids;
}

uint64_t
spool_unseen_changes(const struct move *m)
{
	return m->data.from_spool ? UNSEEN_CHANGES : 0;
}

/* --- wanted --- */

bool
spool_is_source(const struct move *m)
{
	return m->data.from_spool;
}

bool
source_is_there(const struct move *m)
{
	return !m->data.from_spool;
}

/* --- build --- */

/* The dead do not answer, and people wait: a few seconds must do. */
bool
build_is_source_dead(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	a->deadline_s = WAIT_CONNECT_MS / 1000;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->source);
	return true;
}

/* Not pinned it would be passed on to the home, which is dead. */
bool
build_pinned_at_target(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->target);
	snprintf(a->in.pin_id, sizeof(a->in.pin_id), "%s", m->data.target_id);
	return true;
}

bool
build_spool_home(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	snprintf(a->in.new_home, sizeof(a->in.new_home), "%s", m->target);
	a->deadline_s = WAIT_SWITCH_MS / 1000;
	return build_pinned_at_target(all, m, a, e);
}

/* --- take --- */

static bool
spool_not_needed(struct move *m, enum move_event *ev_out, const char *who)
{
	struct err why;

	m->data.from_spool = false;
	err_set(&why, ERR_REFUSED,
	    "node %.200s: %s answers, so its mailbox is there and is moved as it is, "
	    "with "
	    "everything in it; if it cannot be read there, stop the node first: zmferry "
	    "stop %.200s",
	    m->source, who, m->source);
	if (!take_no(m, ev_out, &why))
		return false;
	if (!m->data.have_saved)
		*ev_out = EV_AGAIN;
	return true;
}

/* Its agent may live where mailboxd does not. */
bool
take_source_is_dead(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)e;
	return !a->out.preflight.healthy || spool_not_needed(m, ev_out, "its agent");
}

bool
take_source_answers(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)a;
	(void)e;
	return spool_not_needed(m, ev_out, "its mailboxd");
}
