/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a state is entered, its effects run in the order of the table,
 * the last one's success is the event OK. What can go wrong: an effect fails; it is
 * tried again while that may help and the state's time is not over, then the event is
 * FAILED. Late answers are recognised by step and number and dropped.
 * Not here: what an effect asks and takes (move_steps.c), all moves together (moves.c).
 */
#include "controller/move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/journal.h"
#include "controller/move_private.h"
#include "controller/move_revert.h"
#include "controller/move_spool.h"
#include "controller/moves_copies.h"
#include "controller/seeding.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define JOURNAL_AGAIN_MS 5000
#define SOFT_DEADLINE_S \
	10 /* while people wait, what can be done without waits no longer */
#define IN_STEP_MS \
	(15 *      \
	    60000) /* who waits for its turn fetches so often: little is left for the lock */
#define RENEW_MS 15000
#define LANE_STALE_MS \
	5000 /* who waited longer for its turn fetches once more before the lock */

void
move_log(struct log *l, const struct move *m)
{
	log_child(l, NULL, "move=%s account=%.60s", m->id, m->account_name);
}

/* --- state changes --- */

static bool
move_save(struct moves *all, const struct move *m, const struct journal_move_event *event,
    struct err *e)
{
	if (!journal_move_save(all->journal, m, event, e))
		return err_wrap(e, "move %s", m->id);
	if (all->journal_alerted) {
		all->journal_alerted = false;
		alert_clear(all->host.alerts, "journal");
	}
	return true;
}

/*
 * The time under lock ends when people can work on the target, or on the source again;
 * later everything is in.
 */
static void
move_note_times(struct moves *all, struct move *m, enum move_state to)
{
	int64_t since = all->world->wall_ms(all->world->ctx) - m->data.locked_at_ms;
	uint64_t took = since > 0 ? (uint64_t)since : 1;

	if (m->data.locked_at_ms == 0)
		return;
	if (m->data.lock_ms == 0 && (to == MOVE_BACKFILLING || to == MOVE_ABANDONED))
		m->data.lock_ms = took;
	if (m->data.fill_ms == 0 && to == MOVE_MENDING)
		m->data.fill_ms = took;
}

/* What an edge means beside the state: a wish is taken, a way back turns, a lane is free. */
static void
move_take_edge(struct move *m, const struct move_edge *edge)
{
	m->data.revert_wanted = m->data.spool_wanted = false; /* taken, or too late */
	if (edge->event == EV_REVERT && m->data.from_spool)
		spool_begin_fetch(m);
	else if (edge->event == EV_REVERT && !m->data.reverted)
		move_turn(m);
	if (edge->event == EV_FROM_SPOOL)
		spool_begin(m);
	if (edge->from == MOVE_VERIFYING && m->data.from_spool && m->data.left_behind)
		spool_why_not_fetched(m);
	if (edge->to == MOVE_ABANDONED)
		m->data.from_spool = false;
	if (edge->to != MOVE_STUCK)
		return;
	m->stuck_from = m->state;
	if (m->state == MOVE_REVERT_RETURNING) {
		if (m->data.reverted)
			move_turn(m);
		m->stuck_from = MOVE_OPENING;
	}
	m->data.contacts_begun = false;
}

bool
move_apply(struct moves *all, struct move *m, enum move_event ev, const char *detail,
    struct err *e)
{
	const struct move_edge *edge = move_edge_find(m->state, ev, m->stuck_from);
	struct move before = *m;
	struct log log;

	if (edge == NULL)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): cannot take \"%s\" while %s", m->id, m->account_name,
		    move_event_name(ev), move_states[m->state].name);
	struct journal_move_event event = {
	    .from = m->state,
	    .to = edge->to,
	    .event = ev,
	    .why = edge->why,
	    .detail = detail,
	};

	move_note_times(all, m, edge->to);
	move_take_edge(m, edge);
	m->data.cancelled = m->data.cancelled || ev == EV_CANCEL;
	m->state = edge->to;
	m->step_no++;
	m->since_ms = all->world->wall_ms(all->world->ctx);
	if (!move_save(all, m, &event, e)) { /* on disk first: nothing happened */
		*m = before;
		return false;
	}
	move_log(&log, m);
	log_info(&log, "%s -> %s: %s%s%s", move_states[edge->from].name,
	    move_states[edge->to].name, edge->why, detail[0] == '\0' ? "" : ": ", detail);
	if (m->state == MOVE_ABANDONED &&
	    m->data.cancelled) /* what held it up is no matter now */
		move_calm(all, m);
	all->host.changed(all->host.ctx, m, before.state);
	if (all->host.seeding != NULL)
		all->host.seeding->changed(all->host.seeding->ctx, m, before.state);
	move_enter(all, m);
	return true;
}

static void
move_on_again(void *owner, uint32_t number, uint32_t step_no)
{
	struct moves *all = owner;
	struct move *m = moves_find(all, number);

	if (m != NULL && m->step_no == step_no && !m->waiting && !m->asking)
		move_run(all, m);
}

static void
move_again_after(struct moves *all, const struct move *m, uint64_t ms)
{
	all->world->after(all->world->ctx, ms, move_on_again, all, m->number, m->step_no);
}

void
move_event(struct moves *all, struct move *m, enum move_event ev, const char *detail)
{
	struct err e;

	if (move_apply(all, m, ev, detail, &e))
		return;
	log_error(NULL, "%s; trying again in 5 s", e.text);
	all->journal_alerted = true;
	alert_raise(
	    all->host.alerts, ALERT_JOURNAL, "journal", ALERT_FACTS("why", e.text));
	snprintf(m->doing, sizeof(m->doing), "waits for the journal: %.400s", e.text);
	m->attempts = 0;
	move_again_after(all, m, JOURNAL_AGAIN_MS);
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

bool
move_is_being_given_back(const struct move *m)
{
	const struct move_effect *effect = move_effect_at(m->state, m->effect_no);

	return m->asking && effect != NULL && effect->kind == ASK_RESTORE;
}

/* An agent answers a number twice with one outcome, so each effect has one of its own. */
static void
move_next_effect(struct move *m)
{
	m->effect_no++;
	m->ask_no++;
	m->attempts = 0;
}

static void
move_effect_failed(struct moves *all, struct move *m, const struct move_effect *effect,
    const struct err *why)
{
	bool may_work_later = move_may_work_later(m, why);
	struct log log;

	move_log(&log, m);
	m->attempts++;
	snprintf(m->doing, sizeof(m->doing), "%s: %.400s", effect->name, why->text);
	if (effect->on_failure == EFFECT_SOFT &&
	    (!may_work_later || m->attempts >= move_soft_tries(m))) {
		log_warn(&log, "%s: %s; going on without it", effect->name, why->text);
		journal_note(all->journal, m, effect->name, why->text);
		move_alert_mail_aside(all, m, effect, why);
		move_next_effect(m);
		move_run(all, m);
		return;
	}
	if (effect->on_failure != EFFECT_STAY &&
	    (!may_work_later || !move_has_time_left(all, m, why))) {
		snprintf(m->error, sizeof(m->error), "%s", why->text);
		move_event(all, m, EV_FAILED, why->text);
		return;
	}
	if (m->attempts == 1)
		log_warn(&log, "%s: %s; trying again", effect->name, why->text);
	move_alert_if_it_lasts(all, m, effect, why);
	move_again_after(all, m, move_backoff_ms(m));
}

/* What a good answer means for the move; false with e: it is none. */
static bool
move_take(struct moves *all, struct move *m, const struct move_effect *effect,
    const struct ask *a, struct err *e)
{
	enum move_event ev = MOVE_EVENT_COUNT;

	if (effect->take != NULL && !effect->take(all, m, a, &ev, e))
		return false;
	move_calm(all, m);
	m->attempts = 0;
	/* The effect stays the present one until the event is journaled: asked again it says the same. */
	if (ev != MOVE_EVENT_COUNT) {
		move_event(all, m, ev, ev == EV_FAILED ? m->error : "");
		return true;
	}
	if (!move_save(all, m, NULL, e)) /* what was learned is needed after a restart */
		return false;
	move_next_effect(m);
	move_run(all, m);
	return true;
}

static void
move_on_answer(struct ask *a)
{
	struct moves *all = a->owner;
	struct move *m = moves_find(all, a->move_number);
	const struct move_effect *effect;
	struct err e;

	if (all->stopping || m == NULL || m->step_no != a->step_no ||
	    m->ask_no != a->effect_no) {
		log_debug(NULL, "move %s: late answer to \"%s\" dropped", a->move_id,
		    ask_name(a->kind));
		ask_free(&a);
		return;
	}
	effect = move_effect_at(m->state, m->effect_no);
	m->asking = false;
	if (m->wish != MOVE_EVENT_COUNT) {
		move_run(all, m);
	} else if (!a->ok) {
		move_effect_failed(all, m, effect, &a->err);
	} else {
		m->ask_no++;
		if (!move_take(all, m, effect, a, &e))
			move_effect_failed(all, m, effect, &e);
	}
	ask_free(&a);
}

static struct ask *
move_ask(struct moves *all, const struct move *m, const struct move_effect *effect)
{
	bool people_wait = (move_states[m->state].holds & LOCKED) != 0;
	struct ask *a = ask_new(effect->kind);

	a->move_number = m->number;
	a->step_no = m->step_no;
	a->effect_no = m->ask_no;
	a->deadline_s =
	    move_states[m->state].give_up_s == 0 ? 3600 : move_states[m->state].give_up_s;
	if (effect->on_failure == EFFECT_SOFT && people_wait)
		a->deadline_s = SOFT_DEADLINE_S;
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

/* It may wait for days: once more through the state's effects, without an event. */
static void
move_on_in_step(void *owner, uint32_t number, uint32_t step_no)
{
	struct moves *all = owner;
	struct move *m = moves_find(all, number);

	if (m == NULL || m->step_no != step_no || m->state != MOVE_FOLLOWING ||
	    !m->waiting || all->stopping)
		return;
	m->waiting = false;
	m->waiting_since_ms = 0;
	m->effect_no = 0;
	m->ask_no++;
	m->attempts = 0;
	m->deadline_ms = all->world->mono_ms(all->world->ctx) +
			 (uint64_t)move_states[MOVE_FOLLOWING].give_up_s * 1000;
	move_run(all, m);
}

/* Following has done its work: is it this mailbox's turn to be locked? */
static bool
move_has_turn(struct moves *all, struct move *m)
{
	uint64_t now = all->world->mono_ms(all->world->ctx);

	if (m->state != MOVE_FOLLOWING)
		return true;
	/* Asked again after a last pass: its owner may have come back meanwhile. */
	m->has_turn = all->host.take_turn(all->host.ctx, m, m->doing, sizeof(m->doing));
	if (m->has_turn)
		return true;
	m->waiting = true;
	m->passes_in_row = 0;
	if (m->waiting_since_ms != 0)
		return false;
	m->waiting_since_ms = now;
	all->world->after(
	    all->world->ctx, IN_STEP_MS, move_on_in_step, all, m->number, m->step_no);
	return false;
}

/*
 * Zimbra mixes up the contacts of two imports on one server. Who has the lane is journaled
 * before the import begins, so that nobody else begins one after a crash.
 */
static bool
move_has_contact_lane(struct moves *all, struct move *m, const struct move_effect *effect)
{
	struct err e;

	if (m->data.contacts_begun)
		return true;
	if (!all->host.take_contact_lane(all->host.ctx, m)) {
		m->waiting = true;
		snprintf(m->doing, sizeof(m->doing),
		    "waits until another mailbox's contacts are in at %.200s", m->target);
		return false;
	}
	m->data.contacts_begun = true;
	if (move_save(all, m, NULL, &e))
		return true;
	m->data.contacts_begun = false;
	move_effect_failed(all, m, effect, &e);
	return false;
}

/* Everything that the state does is done. */
static void
move_state_done(struct moves *all, struct move *m)
{
	uint64_t now = all->world->mono_ms(all->world->ctx);

	if ((move_states[m->state].holds & MOVE_END) != 0 || m->state == MOVE_STUCK ||
	    !move_has_turn(all, m))
		return;
	if (m->waiting_since_ms != 0 && now - m->waiting_since_ms > LANE_STALE_MS)
		move_event(all, m, EV_AGAIN, "");
	else
		move_event(all, m, EV_OK, "");
}

/*
 * A delivery whose recipient was accepted before the switch may still end at the old copy, where
 * the lockout turns it away (facts: move-protocol 1). Without a copy it would make a mailbox
 * there, and be lost.
 */
static bool
move_may_be_delivered_to(struct moves *all, const struct move *m)
{
	int64_t since = all->world->wall_ms(all->world->ctx) - m->data.switched_at_ms;

	return m->data.switched_at_ms != 0 &&
	       since < (int64_t)all->host.limits.delivery_ms && !seeding_is_rehearsal(m);
}

bool
move_set_turn(struct moves *all, struct move *m, bool has_turn)
{
	m->has_turn = has_turn;
	m->waiting = !has_turn;
	if (has_turn)
		m->deadline_ms = all->world->mono_ms(all->world->ctx) +
				 (uint64_t)move_states[m->state].give_up_s * 1000;
	return has_turn;
}

/* A node full of old copies is purged a few at a time: the detour locks people out. */
static bool
move_has_purge_turn(struct moves *all, struct move *m)
{
	if (m->state != MOVE_PURGING || m->has_turn || m->data.detoured)
		return true;
	if (move_may_be_delivered_to(all, m)) {
		m->waiting = true;
		snprintf(m->doing, sizeof(m->doing),
		    "waits until no delivery to the old copy can be under way any more "
		    "(delivery_wait)");
		return false;
	}
	if (!move_set_turn(
		all, m, moves_purge_is_free(all, m) && !journal_is_short(all->journal)))
		snprintf(m->doing, sizeof(m->doing),
		    "waits until other old copies are deleted");
	return m->has_turn;
}

void
move_run(struct moves *all, struct move *m)
{
	const struct move_effect *effect;
	struct ask *a;
	struct err e;

	if (m->wish != MOVE_EVENT_COUNT) {
		move_event(all, m, m->wish, m->error);
		return;
	}
	if (!move_has_purge_turn(all, m) || !spool_has_turn(all, m))
		return;
	while ((effect = move_effect_at(m->state, m->effect_no)) != NULL) {
		if (effect->wanted == NULL || effect->wanted(m))
			break;
		move_next_effect(m);
	}
	if (effect == NULL) {
		move_state_done(all, m);
		return;
	}
	a = move_ask(all, m, effect);
	snprintf(m->doing, sizeof(m->doing), "%s", effect->name);
	if (effect->build != NULL && !effect->build(all, m, a, &e)) {
		ask_free(&a);
		move_effect_failed(all, m, effect, &e);
		return;
	}
	if (a->in.contacts_only && !move_has_contact_lane(all, m, effect)) {
		ask_free(&a);
		return;
	}
	m->asking = true;
	all->world->ask(all->world->ctx, a);
}

bool
move_must_wait(const struct move *m)
{
	return m->asking && (move_states[m->state].holds & LOCKED) != 0;
}

/* --- lease --- */

bool
move_holds_lease(const struct move *m)
{
	return m->state == MOVE_PREPARE_LOCKING || m->state == MOVE_PREPARE_MAKING ||
	       m->state == MOVE_LOCKING || m->state == MOVE_CATCHING_UP ||
	       m->state == MOVE_FENCING || m->state == MOVE_SWITCHING ||
	       m->state == MOVE_PURGE_LOCKING || m->state == MOVE_PURGE_LOADING ||
	       m->state == MOVE_REVERT_LOCKING || m->state == MOVE_REVERT_HOMING;
}

const char *
move_lease_host(const struct move *m)
{
	enum move_state state = m->state == MOVE_STUCK ? m->stuck_from : m->state;
	unsigned holds = move_states[state].holds;

	return (holds & LOCKED) != 0 && (holds & (ARRIVED | TURNS_BACK)) != 0
		   ? m->data.home
		   : m->source;
}

static void
move_on_renew(void *owner, uint32_t number, uint32_t step_no)
{
	struct moves *all = owner;
	struct move *m = moves_find(all, number);

	if (m == NULL || m->step_no != step_no || !move_holds_lease(m))
		return;
	all->world->renew(all->world->ctx, move_lease_host(m), m->id);
	all->world->after(all->world->ctx, RENEW_MS, move_on_renew, all, number, step_no);
}

/* --- entering --- */

void
move_enter(struct moves *all, struct move *m)
{
	uint64_t now = all->world->mono_ms(all->world->ctx);
	uint32_t give_up_s = move_states[m->state].give_up_s;

	m->effect_no = 0;
	m->ask_no = 0;
	m->attempts = 0;
	m->asking = false;
	m->wish = m->data.revert_wanted	 ? EV_REVERT
		  : m->data.spool_wanted ? EV_FROM_SPOOL
					 : MOVE_EVENT_COUNT;
	m->waiting = false;
	m->waiting_since_ms = 0;
	m->mended = false;
	m->doing[0] = '\0';
	m->deadline_ms = give_up_s == 0 ? 0 : now + (uint64_t)give_up_s * 1000;
	if (m->state < MOVE_FOLLOWING || m->state > MOVE_OPENING)
		m->has_turn = false;
	if (m->state == MOVE_LOCKING)
		m->fence_rounds = 0;
	if (m->state != MOVE_PREPARE_RETURNING && m->state != MOVE_PREPARE_OPENING &&
	    m->state != MOVE_REVERT_SWITCHING)
		xfree(&m->names);
	if (m->state == MOVE_PLANNED && !m->started)
		return;
	if (m->state == MOVE_STUCK) {
		m->alerted = false;
		move_alert(all->host.alerts, m);
		return;
	}
	if (m->state == MOVE_SETTLED && (m->data.left_behind || m->data.from_spool))
		move_alert(all->host.alerts, m);
	if ((move_states[m->state].holds & LOCKED) != 0)
		all->world->after(all->world->ctx, LOCKED_LONG_MS, move_on_locked_long,
		    all, m->number, m->step_no);
	if (move_holds_lease(m))
		all->world->after(
		    all->world->ctx, RENEW_MS, move_on_renew, all, m->number, m->step_no);
	move_run(all, m);
}
