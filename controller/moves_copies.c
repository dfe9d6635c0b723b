/* SPDX-License-Identifier: Apache-2.0 */
/* Old copies: who left one where, and whether it may be deleted. How it is, is move_purge.c. */
#include "controller/moves_copies.h"

#include "controller/move_private.h"
#include "controller/plan.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/log.h"

struct copy_search {
	const char *account_id, *node;
	const struct move *not_this;
	struct moves *all;
	struct move *found;
};

static bool
copy_is_busy(const struct move *m)
{
	unsigned holds = move_states[m->state].holds;

	return (holds & MOVE_END) == 0 && (m->state != MOVE_PLANNED || m->started);
}

static void
copy_on_move(struct move *m, void *ctx)
{
	struct copy_search *s = ctx;

	if (m->state == MOVE_SETTLED && m->data.row.present && !m->data.no_mailbox &&
	    strcmp(m->account_id, s->account_id) == 0 &&
	    strcasecmp(m->source, s->node) == 0)
		s->found = m; /* the newest stays */
}

struct move *
moves_left_copy(struct moves *all, const char *account_id, const char *node)
{
	struct copy_search s = {.account_id = account_id, .node = node};

	moves_each(all, copy_on_move, &s);
	return s.found;
}

static void
tidying_on_move(struct move *m, void *ctx)
{
	struct copy_search *s = ctx;
	unsigned holds =
	    move_states[m->state == MOVE_STUCK ? m->stuck_from : m->state].holds;

	if ((holds & (ARRIVED | TURNS_BACK)) != 0 && (holds & MOVE_END) == 0 &&
	    strcmp(m->account_id, s->account_id) == 0)
		s->found = m;
}

struct move *
moves_tidying(struct moves *all, const char *account_id)
{
	struct copy_search s = {.account_id = account_id};

	moves_each(all, tidying_on_move, &s);
	return s.found;
}

struct purge_count {
	const struct move *not_this;
	uint32_t count;
};

/* Under way, and not waiting for its turn. */
static void
purge_on_move(struct move *m, void *ctx)
{
	struct purge_count *c = ctx;
	unsigned holds = move_states[m->state].holds;

	c->count += m != c->not_this && (holds & ARRIVED) != 0 &&
		    (holds & MOVE_END) == 0 &&
		    (m->state != MOVE_PURGING || m->has_turn || m->data.detoured);
}

bool
moves_purge_is_free(struct moves *all, const struct move *m)
{
	struct purge_count c = {.not_this = m};

	if (all->purges_full)
		return false;
	moves_each(all, purge_on_move, &c);
	all->purges_full = c.count >= PURGES_AT_ONCE;
	return !all->purges_full;
}

static void
busy_on_move(struct move *m, void *ctx)
{
	struct copy_search *s = ctx;

	if (m != s->not_this && copy_is_busy(m) &&
	    strcmp(m->account_id, s->account_id) == 0)
		s->found = m;
}

struct move *
moves_busy(struct moves *all, const struct move *m)
{
	struct copy_search s = {.account_id = m->account_id, .not_this = m};

	moves_each(all, busy_on_move, &s);
	return s.found;
}

static void
arrived_on_move(struct move *m, void *ctx)
{
	struct copy_search *s = ctx;

	if ((move_states[m->state].holds & ARRIVED) != 0 &&
	    strcmp(m->account_id, s->account_id) == 0)
		s->found = m; /* the newest stays */
}

struct move *
moves_arrived_last(struct moves *all, const char *account_id)
{
	struct copy_search s = {.account_id = account_id};

	moves_each(all, arrived_on_move, &s);
	return s.found;
}

bool
moves_may_purge(struct moves *all, uint32_t number, bool unclean, struct err *e)
{
	struct move *m = moves_find(all, number);
	const struct move *other;

	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if (m->state == MOVE_DONE || m->data.no_mailbox)
		return err_set(e, ERR_REFUSED, "move %s (%s): left no old copy on %s",
		    m->id, m->account_name, m->source);
	if (m->state == MOVE_STUCK && (move_states[m->stuck_from].holds & ARRIVED) != 0)
		return true; /* once more */
	if (m->state != MOVE_SETTLED)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): is %s; an old copy is deleted when its move is "
		    "settled",
		    m->id, m->account_name, move_states[m->state].name);
	if (!unclean && strcmp(m->data.verdict, "clean") != 0)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): the verdict is not clean, the old copy may hold what "
		    "is "
		    "nowhere else; see: zmferry explain %s",
		    m->id, m->account_name, m->id);
	other = moves_busy(all, m);
	return other == NULL || err_set(e, ERR_REFUSED,
				    "move %s (%s): the mailbox is being moved just "
				    "now (%s); when that is over: "
				    "zmferry purge %s",
				    m->id, m->account_name, other->id, m->id);
}

bool
moves_purge(struct moves *all, uint32_t number, bool unclean, struct err *e)
{
	struct move *m = moves_find(all, number);
	char before[LIMIT_TEXT];

	if (!moves_may_purge(all, number, unclean, e))
		return false;
	if (m->state == MOVE_STUCK)
		return moves_retry(all, number, e);
	snprintf(before, sizeof(before), "%s", m->error);
	m->error[0] = '\0';
	m->data.detoured = false;
	if (move_apply(
		all, m, EV_PURGE, unclean ? "although the verdict is not clean" : "", e))
		return true;
	snprintf(m->error, sizeof(m->error), "%s", before);
	return false;
}

bool
moves_release(struct moves *all, uint32_t number, uint64_t *count_out, struct err *e)
{
	struct move *m = moves_find(all, number);

	*count_out = 0;
	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if (m->state == MOVE_RELEASING)
		return true;
	if (m->data.withheld == 0 || m->data.spool_dropped)
		return err_set(e, ERR_REFUSED, "move %s (%s): nothing is withheld%s",
		    m->id, m->account_name,
		    m->data.withheld > 0 ? " any more: it went with the old copy" : "");
	if (m->state != MOVE_SETTLED)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): is %s; what is withheld is put in when it is settled",
		    m->id, m->account_name, move_states[m->state].name);
	*count_out = m->data.withheld;
	return move_apply(all, m, EV_RELEASE, "", e);
}

static void
gone_on_move(struct move *m, void *ctx)
{
	const struct copy_search *s = ctx;
	struct err e;

	if (m->state == MOVE_SETTLED && strcasecmp(m->source, s->node) == 0 &&
	    !move_apply(s->all, m, EV_NODE_GONE, "", &e))
		log_error(NULL, "%s", e.text); /* it stays settled; nothing is lost */
}

void
moves_node_gone(struct moves *all, const char *node)
{
	struct copy_search s = {.node = node, .all = all};

	moves_each(all, gone_on_move, &s);
}

static void
left_on_move(struct move *m, void *ctx)
{
	struct plan_request *rq = ctx;
	size_t length = strlen(rq->node);

	/* The survey says whether a short name is the right one. */
	if ((move_states[m->state].holds & ARRIVED) != 0 && !m->data.reverted &&
	    strncasecmp(m->source, rq->node, length) == 0 &&
	    (m->source[length] == '\0' || m->source[length] == '.'))
		plan_request_add(rq, m->account_id);
}

void
moves_left_from(struct moves *all, struct plan_request *rq)
{
	moves_each(all, left_on_move, rq);
}
