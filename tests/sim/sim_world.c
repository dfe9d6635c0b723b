/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct world over the model: an ask leaves, is done some milliseconds later, is
 * answered some later still; a dead agent's asks wait for their deadline. Here errors
 * are put in, and here the controller dies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/journal_private.h"
#include "proto/base/xalloc.h"
#include "tests/sim/sim.h"

struct sim_flight {
	struct sim_flight *next;
	struct ask *ask;
	uint32_t life;
	uint64_t deadline_ms;
	enum sim_fault_kind fault;
	bool stopped;
	bool counted_contacts, counted_import, counted_export;
};

static void
flight_free(struct sim *s, struct sim_flight *f)
{
	for (struct sim_flight **at = &s->flights; *at != NULL; at = &(*at)->next) {
		if (*at == f) {
			*at = f->next;
			break;
		}
	}
	s->asks_open--;
	ask_free(&f->ask);
	free(f);
}

static void
flight_drop(struct sim *s, void *arg)
{
	flight_free(s, arg);
}

static void
flight_answer(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	struct sim_flight *f = arg;
	struct ask *ask = f->ask;

	(void)a;
	(void)b;
	f->ask = NULL;
	flight_free(s, f);
	s->answering = ask;
	ask->done(ask);
	s->answering = NULL;
}

static void
flight_answer_in(struct sim *s, struct sim_flight *f, uint64_t ms)
{
	if (f->life == s->life && s->jobs != NULL)
		sim_at(s, ms, f->life, flight_answer, f, 0, 0, flight_drop);
	else
		flight_free(s, f);
}

/* --- how many at once --- */

static void
flight_count(struct sim *s, struct sim_flight *f, enum move_state state)
{
	struct sim_node *n = &s->nodes[f->ask->kind == ASK_READ_ACCOUNT
					   ? 0
					   : sim_node_find(s, f->ask->in.host)];

	f->counted_contacts = f->ask->kind == ASK_IMPORT && f->ask->in.contacts_only;
	f->counted_import = f->ask->kind == ASK_IMPORT;
	f->counted_export = f->ask->kind == ASK_STAGE && state == MOVE_STAGING;
	n->contact_imports += f->counted_contacts;
	n->imports += f->counted_import;
	n->exports += f->counted_export;
	if (n->imports > n->most_imports)
		n->most_imports = n->imports;
	if (n->exports > n->most_exports)
		n->most_exports = n->exports;
	if (n->contact_imports > 1)
		sim_fail(
		    s, "two imports of contacts run on %s at the same time", n->name);
}

static void
flight_uncount(struct sim *s, struct sim_flight *f)
{
	struct sim_node *n;

	if (!f->counted_contacts && !f->counted_import && !f->counted_export)
		return;
	n = &s->nodes[sim_node_find(s, f->ask->in.host)];
	n->contact_imports -= f->counted_contacts;
	n->imports -= f->counted_import;
	n->exports -= f->counted_export;
	f->counted_contacts = f->counted_import = f->counted_export = false;
}

/* --- doing --- */

static uint64_t
latency_ms(const struct ask *a)
{
	if (a->kind == ASK_STAGE)
		return a->in.pass == STAGE_BASE ? 500 : 150;
	if (a->kind == ASK_IMPORT || a->kind == ASK_SEED)
		return 300;
	return a->kind == ASK_MEND || a->kind == ASK_VERIFY || a->kind == ASK_STEER ? 100
										    : 20;
}

static void
flight_perform(struct sim *s, void *arg, uint32_t unused_a, uint32_t unused_b)
{
	struct sim_flight *f = arg;
	struct ask *a = f->ask;
	bool agents = ask_is_agents(a->kind);
	int node = a->kind == ASK_READ_ACCOUNT ? -1 : sim_node_find(s, a->in.host);

	(void)unused_a;
	(void)unused_b;
	if (agents && (!s->nodes[node].agent || s->link_cut[node]) && !f->stopped) {
		if (s->now_ms < f->deadline_ms && f->life == s->life) {
			uint64_t left = f->deadline_ms - s->now_ms;

			sim_at(s, left < 2000 ? left : 2000, 0, flight_perform, f, 0, 0,
			    flight_drop);
			return;
		}
		flight_uncount(s, f);
		a->ok = err_set(&a->err, ERR_RETRY, "node %s: its agent is not connected",
		    a->in.host);
		flight_answer_in(s, f, 1);
		return;
	}
	flight_uncount(s, f);
	if (f->stopped)
		a->ok = err_set(&a->err, ERR_RETRY, "the worker was stopped");
	else if (f->fault == FAULT_HALF)
		a->ok = sim_perform_half(s, a);
	else if (f->fault != FAULT_ERROR && f->fault != FAULT_DEAF &&
		 f->fault != FAULT_LATE) {
		a->ok = sim_perform(s, a);
		if (s->on_done != NULL)
			s->on_done(s, a, MOVE_STATE_COUNT);
	}
	if (f->fault == FAULT_LOST || f->fault == FAULT_DEAF || f->fault == FAULT_LATE) {
		uint64_t limit = agents || a->deadline_s < 30 ? a->deadline_s : 30;

		a->ok = err_set(&a->err, ERR_RETRY, "%s: no answer in time", a->in.host);
		flight_answer_in(s, f, limit * 1000);
		return;
	}
	flight_answer_in(s, f,
	    !agents && node >= 0 && !s->nodes[node].mailboxd ? WAIT_CONNECT_MS
							     : latency_ms(a) / 2 + 1);
}

/* A change of home that comes behind its time-out. */
static void
late_home(struct sim *s, void *arg, uint32_t account, uint32_t home)
{
	(void)arg;
	sim_set_home(s, s->accounts[account].host, (int)account, (int)home);
}

/* --- what must be true when something is asked --- */

struct look {
	const struct ask *ask;
	struct move row;
	bool found;
};

static bool
on_row(const struct move *row, void *ctx)
{
	struct look *look = ctx;

	if (row->number == look->ask->move_number) {
		look->row = *row;
		look->found = true;
	}
	free(row->data.verdict_json);
	free(row->data.lacking_json);
	return true;
}

/* Before what cannot be taken back the whole row is read, and its values compared. */
static void
check_journaled_values(struct sim *s, const struct ask *a)
{
	struct look look = {.ask = a};
	const struct freeze_saved *saved = &look.row.data.saved;
	struct err e;

	if (!journal_moves_load(s->journal, on_row, &look, &e) || !look.found) {
		sim_fail(s, "move %s acts and is not in the journal", a->move_id);
		return;
	}
	if (a->kind == ASK_LOCK &&
	    (!look.row.data.have_saved || strcmp(saved->quota, a->in.saved.quota) != 0 ||
		strcmp(saved->status, a->in.saved.status) != 0 ||
		saved->source_count != a->in.saved.source_count))
		sim_fail(s, "move %s locks before the old values are in the journal",
		    a->move_id);
	if (a->kind == ASK_DROP && strcmp(look.row.data.verdict, "clean") != 0)
		sim_fail(
		    s, "move %s drops its spool without a clean verdict", a->move_id);
}

static void
check_journaled(struct sim *s, const struct ask *a, const struct move *m)
{
	const char *state = "(no row)";

	if (s->journaled_state == NULL &&
	    sqlite3_prepare_v2(s->journal->db, "SELECT state FROM move WHERE number = ?",
		-1, &s->journaled_state, NULL) != SQLITE_OK)
		BUG("%s", sqlite3_errmsg(s->journal->db));
	sqlite3_bind_int64(s->journaled_state, 1, m->number);
	if (sqlite3_step(s->journaled_state) == SQLITE_ROW)
		state = column_text(s->journaled_state, 0);
	if (strcmp(state, move_states[m->state].name) != 0)
		sim_fail(s, "move %s acts as %s, the journal says %s", a->move_id,
		    move_states[m->state].name, state);
	sqlite3_reset(s->journaled_state);
	if (a->kind == ASK_LOCK || a->kind == ASK_DROP)
		check_journaled_values(s, a);
}

/* --- the controller's side --- */

static void
world_die(struct sim *s)
{
	s->deaths++;
	s->death = DIE_NEVER;
	longjmp(s->on_death, 1);
}

static bool
fault_hits(struct sim *s, const struct ask *a, enum move_state state)
{
	struct sim_fault *f = &s->fault;

	if (s->fault_permille > 0 && sim_random(s, 1000) < s->fault_permille) {
		static const enum err_kind errors[] = {
		    ERR_RETRY, ERR_RETRY, ERR_REFUSED, ERR_PEER};

		f->kind = 1 + sim_random(s, FAULT_KIND_COUNT - 1);
		f->error = errors[sim_random(s, ARRAY_LEN(errors))];
		return true;
	}
	if (f->kind == FAULT_NONE || f->at_effect == 0)
		return false;
	if (s->effects == f->at_effect) {
		f->begun = true;
		f->ask = a->kind;
		f->state = state;
		snprintf(f->host, sizeof(f->host), "%s", a->in.host);
		return true;
	}
	return f->begun && f->always && f->ask == a->kind && f->state == state &&
	       strcmp(f->host, a->in.host) == 0;
}

static void
flight_set_fault(struct sim *s, struct sim_flight *f, enum move_state state)
{
	struct ask *a = f->ask;

	if (!fault_hits(s, a, state))
		return;
	f->fault = s->fault.kind;
	if (f->fault == FAULT_ERROR || f->fault == FAULT_HALF)
		a->ok = err_set(&a->err, s->fault.error, "put in by the simulation");
	if (f->fault == FAULT_LATE) {
		if (a->kind == ASK_SET_HOME)
			sim_at(s, a->deadline_s * 1000ull + 25, 0, late_home, NULL,
			    (uint32_t)sim_account_find(s, a->account_id),
			    (uint32_t)sim_node_find(s, a->in.new_home), NULL);
		else
			f->fault = FAULT_DEAF;
	}
}

static void
journal_works(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	(void)arg;
	(void)a;
	(void)b;
	sqlite3_exec(s->journal->db, "PRAGMA query_only = 0", NULL, NULL, NULL);
}

/* As on a full disk: what is written from now on is refused, for a while. */
static void
journal_fails(struct sim *s)
{
	sqlite3_exec(s->journal->db, "PRAGMA query_only = 1", NULL, NULL, NULL);
	sim_at(s, s->journal_fails_for_ms, 0, journal_works, NULL, 0, 0, NULL);
}

static void
world_ask(void *ctx, struct ask *a)
{
	struct sim *s = ctx;
	const struct move *m = moves_find(jobs_moves(s->jobs), a->move_number);
	struct sim_flight *f = XNEW(struct sim_flight);
	enum move_state state = m->state;

	f->ask = a;
	f->life = s->life;
	f->deadline_ms = s->now_ms + a->deadline_s * 1000ull;
	f->next = s->flights;
	s->flights = f;
	s->asks_open++;
	s->effects++;
	check_journaled(s, a, m);
	if (s->on_ask != NULL)
		s->on_ask(s, a, state);
	if (s->journal_fails_at == s->effects)
		journal_fails(s);
	if (s->death_permille > 0 && sim_random(s, 1000) < s->death_permille) {
		s->death = sim_random(s, 2) == 0 ? DIE_BEFORE : DIE_AFTER;
		s->death_at = s->effects;
		s->restart_after_ms =
		    sim_random(s, 4) == 0 ? sim_random(s, 300000) : sim_random(s, 5000);
	}
	if (s->death != DIE_NEVER && s->effects == s->death_at) {
		if (s->death == DIE_AFTER)
			(void)!sim_perform(s, a);
		flight_free(s, f);
		world_die(s);
	}
	flight_set_fault(s, f, state);
	flight_count(s, f, state);
	sim_at(s, latency_ms(a) / 2 + s->slow_ms[a->kind], 0, flight_perform, f, 0, 0,
	    flight_drop);
}

static uint64_t
world_mono_ms(void *ctx)
{
	struct sim *s = ctx;

	return s->now_ms;
}

static int64_t
world_wall_ms(void *ctx)
{
	struct sim *s = ctx;

	return s->wall_base_ms + (int64_t)s->now_ms;
}

struct sim_timer {
	void (*fn)(void *owner, uint32_t number, uint32_t step_no);
	void *owner;
};

static void
timer_fire(struct sim *s, void *arg, uint32_t number, uint32_t step_no)
{
	struct sim_timer t = *(struct sim_timer *)arg;

	(void)s;
	free(arg);
	t.fn(t.owner, number, step_no);
}

static void
timer_drop(struct sim *s, void *arg)
{
	(void)s;
	free(arg);
}

static void
world_after(void *ctx, uint64_t ms,
    void (*fn)(void *owner, uint32_t number, uint32_t step_no), void *owner,
    uint32_t number, uint32_t step_no)
{
	struct sim *s = ctx;
	struct sim_timer *t = XNEW(struct sim_timer);

	*t = (struct sim_timer){fn, owner};
	sim_at(s, ms, s->life, timer_fire, t, number, step_no, timer_drop);
}

static void
world_renew(void *ctx, const char *host, const char *move_id)
{
	struct sim *s = ctx;
	int node = sim_node_find(s, host);

	if (!s->nodes[node].agent || s->link_cut[node])
		return;
	for (int a = 0; a < SIM_ACCOUNTS; a++) {
		struct sim_lease *l = &s->nodes[node].lease[a];

		if (l->armed && !l->given_back && strcmp(l->move_id, move_id) == 0 &&
		    s->now_ms < l->until_ms)
			l->until_ms = s->now_ms + LEASE_MS;
	}
}

static void
world_stop(void *ctx, const char *source, const char *target, const char *move_id,
    uint32_t step_no)
{
	struct sim *s = ctx;

	(void)source;
	(void)target;
	for (struct sim_flight *f = s->flights; f != NULL; f = f->next) {
		if (f->ask == NULL || !ask_is_agents(f->ask->kind))
			continue;
		int node = sim_node_find(s, f->ask->in.host);

		if (strcmp(f->ask->move_id, move_id) == 0 && f->ask->step_no <= step_no &&
		    s->nodes[node].agent && !s->link_cut[node])
			f->stopped = true;
	}
}

static void
world_let_go(void *ctx, const char *host, const char *move_id)
{
	struct sim *s = ctx;
	int node = sim_node_find(s, host);

	for (struct sim_flight *f = s->flights; f != NULL; f = f->next) {
		if (f->ask != NULL && ask_is_agents(f->ask->kind) &&
		    strcmp(f->ask->move_id, move_id) == 0 &&
		    sim_node_find(s, f->ask->in.host) == node &&
		    (!s->nodes[node].agent || s->link_cut[node]))
			f->deadline_ms = 0;
	}
}

void
sim_world_init(struct sim *s)
{
	s->world = (struct world){
	    .ctx = s,
	    .ask = world_ask,
	    .mono_ms = world_mono_ms,
	    .wall_ms = world_wall_ms,
	    .after = world_after,
	    .renew = world_renew,
	    .stop = world_stop,
	    .let_go = world_let_go,
	};
}
