/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All moves: found by number, loaded, begun, taken up again after a restart; and what
 * people, jobs and agents wish of one. Nothing here changes a state by itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/journal.h"
#include "controller/move_private.h"
#include "proto/base/secret.h"
#include "proto/base/xalloc.h"

const struct world *
moves_world(struct moves *all)
{
	return all->world;
}

struct journal *
moves_journal(struct moves *all)
{
	return all->journal;
}

const struct moves_host *
moves_host(struct moves *all)
{
	return &all->host;
}

struct move *
moves_find(struct moves *all, uint32_t number)
{
	return number < all->count ? all->by_number[number] : NULL;
}

void
moves_each(struct moves *all, moves_each_fn fn, void *ctx)
{
	for (uint32_t i = 1; i < all->count; i++) {
		if (all->by_number[i] != NULL)
			fn(all->by_number[i], ctx);
	}
}

static void
moves_keep(struct moves *all, struct move *m)
{
	while (m->number >= all->capacity) {
		uint32_t old = all->capacity;

		all->capacity = old == 0 ? 64 : old * 2;
		all->by_number = xrealloc_array(
		    all->by_number, all->capacity, sizeof(*all->by_number));
		memset(all->by_number + old, 0,
		    (all->capacity - old) * sizeof(*all->by_number));
	}
	m->wish = MOVE_EVENT_COUNT;
	all->by_number[m->number] = m;
	if (m->number >= all->count)
		all->count = m->number + 1;
}

void
moves_wake(struct moves *all)
{
	all->purges_full = false;
	for (uint32_t i = 1; i < all->count; i++) {
		struct move *m = all->by_number[i];

		if (m != NULL && m->waiting) {
			m->waiting = false;
			move_run(all, m);
		}
	}
}

/* --- wishes --- */

bool
move_wish(
    struct moves *all, struct move *m, enum move_event ev, const char *why, struct err *e)
{
	char before[LIMIT_TEXT];

	snprintf(before, sizeof(before), "%s", m->error);
	snprintf(m->error, sizeof(m->error), "%s", why);
	all->world->stop(all->world->ctx, m->source, m->target, m->id, m->step_no);
	if (move_must_wait(m)) {
		m->wish = ev;
		return true;
	}
	if (move_apply(all, m, ev, why, e))
		return true;
	snprintf(m->error, sizeof(m->error), "%s", before);
	return false;
}

bool
moves_cancel(struct moves *all, uint32_t number, struct err *e)
{
	struct move *m = moves_find(all, number);

	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if ((move_states[m->state].holds & MAY_CANCEL) == 0)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): cannot be cancelled while %s; it goes on to its end",
		    m->id, m->account_name, move_states[m->state].name);
	if (m->wish == EV_CANCEL)
		return true;
	return move_wish(all, m, EV_CANCEL, "cancelled", e);
}

void
moves_on_lease_expired(
    struct moves *all, const char *node, const char *move_id, const char *text)
{
	for (uint32_t i = 1; i < all->count; i++) {
		struct move *m = all->by_number[i];
		struct err why;
		struct err e;

		if (m == NULL || strcmp(m->id, move_id) != 0)
			continue;
		if (strcasecmp(move_lease_host(m), node) != 0) {
			log_warn(NULL,
			    "move %s: node %s says that its lease ran out, but the "
			    "lease is %s's",
			    m->id, node, move_lease_host(m));
			return;
		}
		if (all->stopping || journal_is_read_only(all->journal))
			return;
		journal_note(all->journal, m, "lease", text);
		/* In switching the directory decides, not the lease. */
		if (!move_holds_lease(m) || m->state == MOVE_SWITCHING ||
		    m->wish != MOVE_EVENT_COUNT)
			return;
		err_set(&why, ERR_RETRY, "the lock's lease ran out: %s", text);
		if (!move_wish(all, m, EV_FAILED, why.text, &e))
			log_error(NULL, "%s",
			    e.text); /* its next effect finds the lease gone */
		return;
	}
}

/* A new attempt knows nothing of the old one but what it left behind. */
static void
move_begin_anew(struct move *m)
{
	const struct move_data left = m->data;

	memset(&m->data, 0, sizeof(m->data));
	m->data.target_row_made = left.target_row_made;
	/* The spool is there still, as it was. */
	m->data.in_step_ms = left.in_step_ms;
	m->data.listed = left.listed;
	m->data.staged = left.staged;
	m->data.last_item_id = left.last_item_id;
	m->data.change = left.change;
	m->data.tracking_imap = left.tracking_imap;
	m->started = false;
	m->tries++;
}

bool
moves_retry(struct moves *all, uint32_t number, struct err *e)
{
	struct move *m = moves_find(all, number);
	struct move before;

	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if (move_edge_find(m->state, EV_RETRY, m->stuck_from) == NULL ||
	    (m->state == MOVE_SETTLED &&
		(m->data.no_mailbox || (m->data.left_behind && !m->data.from_spool) ||
		    strcmp(m->data.verdict, "clean") == 0)))
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): is %s, there is nothing to try again", m->id,
		    m->account_name, move_states[m->state].name);
	before = *m;
	if (m->state == MOVE_ABANDONED)
		move_begin_anew(m);
	if (m->data.from_spool) /* what the spool holds can be mended all the same */
		m->data.left_behind = false;
	m->error[0] = '\0';
	if (!move_apply(all, m, EV_RETRY, "", e)) {
		*m = before;
		return false;
	}
	if (before.state == MOVE_ABANDONED) {
		free(before.data.verdict_json);
		free(before.data.lacking_json);
	}
	if (m->state != MOVE_STUCK)
		alert_clear(all->host.alerts, m->id);
	return true;
}

/* --- life --- */

struct moves *
moves_new(
    struct journal *journal, const struct world *world, const struct moves_host *host)
{
	struct moves *all = XNEW(struct moves);

	all->journal = journal;
	all->world = world;
	all->host = *host;
	return all;
}

void
moves_free(struct moves **all)
{
	if (*all == NULL)
		return;
	for (uint32_t i = 1; i < (*all)->count; i++) {
		struct move *m = (*all)->by_number[i];

		if (m == NULL)
			continue;
		free(m->data.verdict_json);
		free(m->data.lacking_json);
		free(m->names);
		free(m);
	}
	free((*all)->by_number);
	xfree(all);
}

void
moves_stop(struct moves *all)
{
	all->stopping = true;
}

static bool
moves_on_row(const struct move *row, void *ctx)
{
	struct move *m = XNEW(struct move);

	*m = *row; /* the strings of row->data are given to us */
	moves_keep(ctx, m);
	return true;
}

bool
moves_load(struct moves *all, struct err *e)
{
	return journal_moves_load(all->journal, moves_on_row, all, e);
}

void
moves_recover(struct moves *all)
{
	for (uint32_t i = 1; i < all->count; i++) {
		struct move *m = all->by_number[i];

		if (m == NULL || m->state == MOVE_PLANNED || m->state == MOVE_ABANDONED)
			continue;
		/* A new step number: what an agent still answers to the old one is late. */
		m->step_no++;
		/* An alert of the life before is taken back when it gets on. */
		m->alerted = (move_states[m->state].holds & MOVE_END) == 0;
		move_enter(all, m);
	}
}

uint32_t
moves_next_number(const struct moves *all)
{
	return all->count == 0 ? 1 : all->count;
}

void
moves_drop_from(struct moves *all, uint32_t number)
{
	while (all->count > number) {
		free(all->by_number[--all->count]);
		all->by_number[all->count] = NULL;
	}
}

bool
moves_add(
    struct moves *all, const struct move *fields, uint32_t *number_out, struct err *e)
{
	struct move *m = XNEW(struct move);
	struct secret *ticket = secret_random(sizeof(m->ticket));

	*m = *fields;
	memcpy(m->ticket, secret_reveal(ticket), sizeof(m->ticket));
	secret_free(&ticket);
	m->number = moves_next_number(all);
	snprintf(m->id, sizeof(m->id), "m%u", m->number);
	m->state = MOVE_PLANNED;
	m->since_ms = all->world->wall_ms(all->world->ctx);
	if (!journal_move_save(all->journal, m, NULL, e)) {
		free(m);
		return false;
	}
	moves_keep(all, m);
	*number_out = m->number;
	return true;
}

void
moves_start(struct moves *all, uint32_t number)
{
	struct move *m = moves_find(all, number);

	if (m == NULL || m->state != MOVE_PLANNED || m->started)
		BUG("move m%u does not wait to be started", number);
	m->started = true;
	move_enter(all, m);
}
