/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a state is entered, its effects run in the order of the table,
 * the last one's success is the event OK. What can go wrong: an effect fails; it is
 * tried again while that may help and the state's time is not over, then the event is
 * FAILED. Late answers are recognised by step and effect and dropped.
 * Not here: what an effect asks and takes, see move_steps.c.
 */
#include "controller/move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/journal.h"
#include "proto/base/log.h"
#include "proto/base/secret.h"
#include "proto/base/xalloc.h"

#define RETRY_BASE_MS 200
#define RETRY_CAP_MS 15000
#define SOFT_TRIES 2
#define STAY_ALERT_AFTER 3
#define RENEW_MS 15000
#define TURN_POLL_MS 5000 /* in case a wake-up was missed */

struct moves {
	struct journal *journal;
	const struct world *world;
	struct moves_host host;
	struct move **by_number; /* index: number; 0 unused */
	uint32_t count;          /* highest number + 1 */
	uint32_t capacity;
};

static void move_run(struct moves *all, struct move *m);
static void move_enter(struct moves *all, struct move *m);

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
		all->by_number =
		    xrealloc_array(all->by_number, all->capacity, sizeof(*all->by_number));
		memset(all->by_number + old, 0, (all->capacity - old) * sizeof(*all->by_number));
	}
	all->by_number[m->number] = m;
	if (m->number >= all->count)
		all->count = m->number + 1;
}

static void
move_log(struct log *l, const struct move *m)
{
	log_child(l, NULL, "move=%s account=%.60s", m->id, m->account_name);
}

/* --- state changes --- */

static bool
move_save(struct moves *all, const struct move *m, const struct journal_move_event *event,
    struct err *e)
{
	return journal_move_save(all->journal, m, event, e) || err_wrap(e, "move %s", m->id);
}

/* The time under lock ends when people can work on the target, or on the source again. */
static void
move_note_lock_time(struct moves *all, struct move *m, enum move_state to)
{
	int64_t now = all->world->wall_ms(all->world->ctx);

	if (m->data.locked_at_ms == 0 || m->data.lock_ms != 0)
		return;
	if (to == MOVE_BACKFILLING || to == MOVE_ABANDONED)
		m->data.lock_ms = now > m->data.locked_at_ms ? (uint64_t)(now - m->data.locked_at_ms) : 1;
}

bool
move_apply(struct moves *all, struct move *m, enum move_event ev, const char *detail,
    struct err *e)
{
	const struct move_edge *edge = move_edge_find(m->state, ev, m->stuck_from);
	struct move before = *m;
	struct log log;

	if (edge == NULL)
		return err_set(e, ERR_REFUSED, "move %s (%s): cannot take \"%s\" while %s", m->id,
		    m->account_name, move_event_name(ev), move_states[m->state].name);
	struct journal_move_event event = {
		.from = m->state, .to = edge->to, .event = ev, .why = edge->why, .detail = detail,
	};

	move_note_lock_time(all, m, edge->to);
	if (edge->to == MOVE_STUCK)
		m->stuck_from = m->state;
	m->state = edge->to;
	m->step_no++;
	m->since_ms = all->world->wall_ms(all->world->ctx);
	if (!move_save(all, m, &event, e)) { /* on disk first: nothing happened */
		*m = before;
		return false;
	}
	move_log(&log, m);
	log_info(&log, "%s -> %s: %s%s%s", move_states[edge->from].name, move_states[edge->to].name,
	    edge->why, detail[0] == '\0' ? "" : ": ", detail);
	all->host.changed(all->host.ctx, m, before.state);
	move_enter(all, m);
	return true;
}

static void
move_on_again(void *owner, uint32_t number, uint32_t step_no)
{
	struct moves *all = owner;
	struct move *m = moves_find(all, number);

	if (m != NULL && m->step_no == step_no && !m->waiting)
		move_run(all, m);
}

/* An event that must not be lost: when the journal cannot be written, it is tried again. */
static void
move_event(struct moves *all, struct move *m, enum move_event ev, const char *detail)
{
	struct err e;

	if (move_apply(all, m, ev, detail, &e))
		return;
	log_error(NULL, "%s; trying again in 5 s", e.text);
	all->host.alert(all->host.ctx, "journal", e.text,
	    "free space in the state directory, then look at: zmferry status");
	snprintf(m->doing, sizeof(m->doing), "waits for the journal: %.400s", e.text);
	m->attempts = 0;
	all->world->after(all->world->ctx, 5000, move_on_again, all, m->number, m->step_no);
}

/* --- effects --- */

static const struct move_effect *
move_effect_at(enum move_state state, uint32_t number)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < move_effect_count; i++) {
		if (move_effects[i].state == state && seen++ == number)
			return &move_effects[i];
	}
	return NULL;
}

static void
move_fail(struct moves *all, struct move *m, const struct err *why)
{
	snprintf(m->error, sizeof(m->error), "%s", why->text);
	move_event(all, m, EV_FAILED, why->text);
}

static void
move_on_retry(void *owner, uint32_t number, uint32_t step_no)
{
	move_on_again(owner, number, step_no);
}

static uint64_t
move_backoff_ms(const struct move *m)
{
	uint64_t ms = RETRY_BASE_MS;

	for (uint32_t i = 1; i < m->attempts && ms < RETRY_CAP_MS; i++)
		ms *= 2;
	/* Jitter from the number: spread, and the same in every simulation. */
	return (ms > RETRY_CAP_MS ? RETRY_CAP_MS : ms) + (m->number * 37u + m->attempts * 101u) % 100;
}

static void
move_effect_failed(struct moves *all, struct move *m, const struct move_effect *effect,
    const struct err *why)
{
	uint64_t now = all->world->mono_ms(all->world->ctx);
	bool may_work_later = why->kind == ERR_RETRY;
	bool time_left = m->deadline_ms == 0 || now < m->deadline_ms;
	struct log log;

	move_log(&log, m);
	m->attempts++;
	snprintf(m->doing, sizeof(m->doing), "%s: %.400s", effect->name, why->text);
	if (effect->on_failure == EFFECT_SOFT && (!may_work_later || m->attempts >= SOFT_TRIES)) {
		log_warn(&log, "%s: %s; going on without it", effect->name, why->text);
		journal_note(all->journal, m, effect->name, why->text);
		m->effect_no++;
		m->attempts = 0;
		move_run(all, m);
		return;
	}
	if (effect->on_failure == EFFECT_STAY || (may_work_later && time_left)) {
		if (m->attempts == 1)
			log_warn(&log, "%s: %s; trying again", effect->name, why->text);
		if (effect->on_failure == EFFECT_STAY && m->attempts == STAY_ALERT_AFTER) {
			char text[LIMIT_TEXT];

			snprintf(text, sizeof(text), "%.200s stays locked: %.200s", m->account_name,
			    why->text);
			all->host.alert(all->host.ctx, m->id, text, "zmferry doctor; the move goes on by itself");
		}
		all->world->after(all->world->ctx, move_backoff_ms(m), move_on_retry, all, m->number,
		    m->step_no);
		return;
	}
	move_fail(all, m, why);
}

static void
move_on_answer(struct ask *a)
{
	struct moves *all = a->owner;
	struct move *m = moves_find(all, a->move_number);
	enum move_event ev = MOVE_EVENT_COUNT;
	const struct move_effect *effect;
	struct err e;

	if (m == NULL || m->step_no != a->step_no || m->effect_no != a->effect_no) {
		log_debug(NULL, "move %s: late answer to \"%s\" dropped", a->move_id, ask_name(a->kind));
		ask_free(&a);
		return;
	}
	effect = move_effect_at(m->state, m->effect_no);
	if (!a->ok) {
		move_effect_failed(all, m, effect, &a->err);
		ask_free(&a);
		return;
	}
	if (effect->take != NULL && !effect->take(all, m, a, &ev, &e)) {
		ask_free(&a);
		move_effect_failed(all, m, effect, &e);
		return;
	}
	ask_free(&a);
	m->attempts = 0;
	m->effect_no++;
	if (!move_save(all, m, NULL, &e)) { /* what was learned is needed after a restart */
		m->effect_no--;
		move_effect_failed(all, m, effect, &e);
		return;
	}
	if (ev != MOVE_EVENT_COUNT)
		move_event(all, m, ev, "");
	else
		move_run(all, m);
}

static struct ask *
move_ask(struct moves *all, const struct move *m, const struct move_effect *effect)
{
	struct ask *a = ask_new(effect->kind);

	a->move_number = m->number;
	a->step_no = m->step_no;
	a->effect_no = m->effect_no;
	a->deadline_s = move_states[m->state].give_up_s == 0 ? 3600 : move_states[m->state].give_up_s;
	snprintf(a->move_id, sizeof(a->move_id), "%s", m->id);
	snprintf(a->account_id, sizeof(a->account_id), "%s", m->account_id);
	snprintf(a->account_name, sizeof(a->account_name), "%s", m->account_name);
	snprintf(a->in.source, sizeof(a->in.source), "%s", m->source);
	snprintf(a->in.target, sizeof(a->in.target), "%s", m->target);
	a->in.saved = m->data.saved;
	memcpy(a->in.ticket, m->ticket, sizeof(a->in.ticket));
	a->owner = all;
	a->done = move_on_answer;
	return a;
}

/* Runs the effect that is next, or ends the state. */
static void
move_run(struct moves *all, struct move *m)
{
	const struct move_effect *effect;
	struct ask *a;
	struct err e;

	while ((effect = move_effect_at(m->state, m->effect_no)) != NULL) {
		if (effect->wanted == NULL || effect->wanted(m))
			break;
		m->effect_no++;
	}
	if (effect == NULL) {
		if ((move_states[m->state].holds & MOVE_END) == 0 && m->state != MOVE_STUCK)
			move_event(all, m, EV_OK, "");
		return;
	}
	if (m->state == MOVE_LOCKING && m->effect_no == 0 &&
	    !all->host.take_turn(all->host.ctx, m)) {
		m->waiting = true;
		m->deadline_ms = all->world->mono_ms(all->world->ctx) +
		    (uint64_t)move_states[m->state].give_up_s * 1000;
		snprintf(m->doing, sizeof(m->doing), "waits for its turn to be locked at %.200s", m->target);
		return;
	}
	a = move_ask(all, m, effect);
	snprintf(m->doing, sizeof(m->doing), "%s", effect->name);
	if (effect->build != NULL && !effect->build(all, m, a, &e)) {
		ask_free(&a);
		move_effect_failed(all, m, effect, &e);
		return;
	}
	all->world->ask(all->world->ctx, a);
}

void
moves_wake(struct moves *all)
{
	for (uint32_t i = 1; i < all->count; i++) {
		struct move *m = all->by_number[i];

		if (m != NULL && m->waiting) {
			m->waiting = false;
			move_run(all, m);
		}
	}
}

/* --- lease --- */

static bool
move_holds_lease(const struct move *m)
{
	return m->state == MOVE_LOCKING || m->state == MOVE_CATCHING_UP ||
	    m->state == MOVE_FENCING || m->state == MOVE_SWITCHING;
}

static void
move_on_renew(void *owner, uint32_t number, uint32_t step_no)
{
	struct moves *all = owner;
	struct move *m = moves_find(all, number);

	if (m == NULL || m->step_no != step_no || !move_holds_lease(m))
		return;
	all->world->renew(all->world->ctx, m->source, m->id);
	all->world->after(all->world->ctx, RENEW_MS, move_on_renew, all, number, step_no);
}

void
moves_on_lease_expired(struct moves *all, const char *move_id, const char *text)
{
	for (uint32_t i = 1; i < all->count; i++) {
		struct move *m = all->by_number[i];
		struct err e;

		if (m == NULL || strcmp(m->id, move_id) != 0)
			continue;
		journal_note(all->journal, m, "lease", text);
		/* In switching the directory decides, not the lease. */
		if (!move_holds_lease(m) || m->state == MOVE_SWITCHING)
			return;
		err_set(&e, ERR_REFUSED, "the lock's lease ran out and the source's agent gave the account back: %s", text);
		move_fail(all, m, &e);
		return;
	}
}

/* --- entering --- */

static void
move_enter(struct moves *all, struct move *m)
{
	uint64_t now = all->world->mono_ms(all->world->ctx);
	uint32_t give_up_s = move_states[m->state].give_up_s;

	m->effect_no = 0;
	m->attempts = 0;
	m->waiting = false;
	m->doing[0] = '\0';
	m->deadline_ms = give_up_s == 0 ? 0 : now + (uint64_t)give_up_s * 1000;
	if (m->state == MOVE_STUCK) {
		char next[200];
		char text[LIMIT_TEXT];

		move_next_step(m, next, sizeof(next));
		snprintf(text, sizeof(text), "%.200s: stuck while %s: %.200s", m->account_name,
		    move_states[m->stuck_from].name, m->error);
		all->host.alert(all->host.ctx, m->id, text, next);
		return;
	}
	if (move_holds_lease(m))
		all->world->after(all->world->ctx, RENEW_MS, move_on_renew, all, m->number, m->step_no);
	move_run(all, m);
}

/* --- wishes --- */

bool
moves_cancel(struct moves *all, uint32_t number, struct err *e)
{
	struct move *m = moves_find(all, number);

	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if ((move_states[m->state].holds & MAY_CANCEL) == 0)
		return err_set(e, ERR_REFUSED, "move %s (%s): cannot be cancelled while %s; it goes on to its end",
		    m->id, m->account_name, move_states[m->state].name);
	snprintf(m->error, sizeof(m->error), "cancelled");
	all->world->stop(all->world->ctx, m->source, m->target, m->id, m->step_no);
	return move_apply(all, m, EV_CANCEL, "", e);
}

bool
moves_retry(struct moves *all, uint32_t number, struct err *e)
{
	struct move *m = moves_find(all, number);

	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if (move_edge_find(m->state, EV_RETRY, m->stuck_from) == NULL)
		return err_set(e, ERR_REFUSED, "move %s (%s): is %s, there is nothing to try again",
		    m->id, m->account_name, move_states[m->state].name);
	if (m->state == MOVE_ABANDONED) {
		char *lacking = m->data.lacking_json;
		char *verdict = m->data.verdict_json;

		memset(&m->data, 0, sizeof(m->data));
		free(lacking);
		free(verdict);
		m->tries++;
	}
	m->error[0] = '\0';
	all->host.calm(all->host.ctx, m->id);
	return move_apply(all, m, EV_RETRY, "", e);
}

void
move_next_step(const struct move *m, char *out, size_t size)
{
	if (m->state == MOVE_STUCK || m->state == MOVE_ABANDONED)
		snprintf(out, size, "zmferry explain %s; when the cause is gone: zmferry job retry j%u", m->id,
		    m->job_number);
	else if (m->state == MOVE_SETTLED && strcmp(m->data.verdict, "clean") != 0)
		snprintf(out, size, "zmferry explain %s; the old copy is kept on %s, the spool on %s",
		    m->id, m->source, m->target);
	else
		snprintf(out, size, "%s", "");
}

/* --- life --- */

struct moves *
moves_new(struct journal *journal, const struct world *world, const struct moves_host *host)
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
		if ((*all)->by_number[i] == NULL)
			continue;
		free((*all)->by_number[i]->data.verdict_json);
		free((*all)->by_number[i]->data.lacking_json);
		free((*all)->by_number[i]);
	}
	free((*all)->by_number);
	xfree(all);
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
		move_enter(all, m);
	}
}

bool
moves_add(struct moves *all, const struct move *fields, uint32_t *number_out, struct err *e)
{
	struct move *m = XNEW(struct move);
	struct secret *ticket = secret_random(sizeof(m->ticket));

	*m = *fields;
	memcpy(m->ticket, secret_reveal(ticket), sizeof(m->ticket));
	secret_free(&ticket);
	m->number = all->count == 0 ? 1 : all->count;
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

	if (m == NULL || m->state != MOVE_PLANNED)
		BUG("move m%u is not planned", number);
	move_enter(all, m);
}
