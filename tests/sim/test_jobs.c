/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a job: lanes, pauses, cancelling, retrying, the gate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/retention.h"
#include "controller/journal_private.h"
#include "tests/sim/sim.h"
#include "tests/unit/check.h"
#include "controller/moves_copies.h"

static struct sim *
with_accounts(int count, size_t items)
{
	struct sim *s = sim_new(9);
	char name[16];

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		sim_add_account(s, name, 0, items);
	}
	return s;
}

static uint32_t
starts(struct sim *s)
{
	sim_start(s);
	return sim_evacuate(s, 0);
}

static enum job_state
job_state(struct sim *s)
{
	return jobs_find(s->jobs, 1)->state;
}

struct states {
	int count[MOVE_STATE_COUNT];
};

static void
count_state(struct move *m, void *ctx)
{
	struct states *c = ctx;

	c->count[m->state]++;
}

static struct states
states_of(struct sim *s)
{
	struct states c = {{0}};

	moves_each(jobs_moves(s->jobs), count_state, &c);
	return c;
}

static void
test_no_more_at_once_than_the_lanes_allow(void **state)
{
	struct sim *s = with_accounts(14, 10);

	(void)state;
	s->limits = (struct jobs_limits){.moves_per_source = 3, .moves_per_target = 2};
	starts(s);
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	CHECK(s->nodes[0].most_exports <= 3);
	CHECK(s->nodes[0].most_exports >= 2);
	CHECK(s->nodes[1].most_imports <= 3 && s->nodes[2].most_imports <= 3);
	sim_done(s);
}

/* One goes on; the others wait, say why, and go when people there wait no longer. */
static void
test_fewer_at_once_where_people_wait(void **state)
{
	struct sim *s = with_accounts(12, 10);
	bool said = false;

	(void)state;
	s->limits = (struct jobs_limits){
	    .moves_per_source = 12, .moves_per_target = 4, .adaptive = true};
	s->strained[1] = s->strained[2] = true;
	s->slow_ms[ASK_IMPORT] = 30000;
	starts(s);
	sim_run_for(s, 2 * MINUTE_MS);
	for (int a = 0; a < 12; a++) {
		const struct move *m = sim_move_of(s, a);

		said = said ||
		       strstr(m->doing, "1 at a time: mailboxd answers late") != NULL;
	}
	CHECK(said);
	/* Halved at once, and once more when that did not help. */
	CHECK(s->nodes[1].most_imports <= 3 && s->nodes[2].most_imports <= 3);
	CHECK(s->nodes[1].imports <= 2 && s->nodes[2].imports <= 2);
	s->strained[1] = s->strained[2] = false;
	sim_run(s, 2 * HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

/* For ever strained, it takes longer and ends all the same. */
static void
test_strain_stops_nobody(void **state)
{
	struct sim *s = with_accounts(8, 5);

	(void)state;
	s->limits = (struct jobs_limits){
	    .moves_per_source = 8, .moves_per_target = 4, .adaptive = true};
	s->strained[1] = s->strained[2] = true;
	starts(s);
	sim_run(s, 2 * HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

/* Also while the nodes are slow to answer the first questions, and when all are tried again. */
static void
test_lanes_hold_while_nobody_answers(void **state)
{
	struct sim *s = with_accounts(14, 10);
	struct job_progress p;

	(void)state;
	s->limits = (struct jobs_limits){.moves_per_source = 3, .moves_per_target = 3};
	starts(s);
	s->link_cut[0] = true;
	sim_run_for(s, 60000);
	jobs_progress(s->jobs, 1, &p);
	CHECK_INT(p.running, 3);
	s->link_cut[0] = false;
	s->refuse[ASK_RESERVE] = 14 * 3;
	sim_run(s, DAY_MS);
	CHECK_INT(job_state(s), JOB_DONE_WITH_FAILURES);
	s->nodes[0].most_exports = 0;
	sim_heal(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	CHECK(s->nodes[0].most_exports <= 3);
	sim_done(s);
}

/* --- cut-over --- */

static uint32_t
waiting_in_step(struct sim *s)
{
	struct states c = states_of(s);

	return (uint32_t)c.count[MOVE_FOLLOWING];
}

/* All are copied, lanes or not, and kept in step; none is locked before somebody says so. */
static void
test_a_cutover_waits_for_a_person(void **state)
{
	struct sim *s = with_accounts(14, 10);
	struct job_progress p;
	uint32_t passes;
	struct err e;

	(void)state;
	s->limits = (struct jobs_limits){
	    .moves_per_source = 3, .moves_per_target = 2, .moves = {.hot_ms = 3000}};
	s->cutover = "go";
	starts(s);
	sim_run_for(s, 10 * MINUTE_MS);
	CHECK_INT(waiting_in_step(s), 14);
	CHECK(s->nodes[0].most_exports <= 3);
	passes = sim_move_of(s, 0)->data.passes;
	sim_run_for(s, 2 * HOUR_MS);
	CHECK_INT(waiting_in_step(s), 14);
	CHECK(sim_move_of(s, 0)->data.passes >= passes + 7);
	jobs_progress(s->jobs, 1, &p);
	CHECK_HAS(p.stall, "zmferry job continue j1");
	CHECK_HAS(sim_move_of(s, 0)->doing, "until you say so");
	sim_stop(s, false);
	sim_start(s); /* another life: it waits on */
	sim_run_for(s, 10 * MINUTE_MS);
	CHECK_INT(waiting_in_step(s), 14);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CONTINUE, &e));
	CHECK(!jobs_change(
	    s->jobs, 1, JOB_EV_CONTINUE, &e)); /* it does not wait any more */
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	CHECK(s->nodes[1].most_imports <= 3 && s->nodes[2].most_imports <= 3);
	sim_done(s);
}

static void
test_a_cutover_has_its_window(void **state)
{
	struct sim *s = with_accounts(4, 10);

	(void)state;
	setenv("TZ", "UTC", 1); /* the simulated wall clock begins at 22:13 */
	tzset();
	s->cutover = "23:00-01:00";
	starts(s);
	sim_run_for(s, 40 * MINUTE_MS);
	CHECK_INT(waiting_in_step(s), 4);
	CHECK_HAS(sim_move_of(s, 0)->doing, "until 23:00");
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

/* Who works is not locked, others are; when he stops it is his turn. Nobody is idle on a guess. */
static void
test_a_cutover_waits_for_its_owner(void **state)
{
	struct sim *s = with_accounts(6, 10);
	uint64_t stopped_ms;

	(void)state;
	s->cutover = "idle:10m";
	starts(s);
	for (int i = 0; i < 40; i++) { /* the first works, all the time */
		sim_act(s, 0);
		sim_send_mail(s, 1); /* the others get mail */
		sim_run_for(s, MINUTE_MS);
	}
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_FOLLOWING);
	CHECK_HAS(sim_move_of(s, 0)->doing, "waits until its owner is idle for 10m");
	CHECK_HAS(sim_move_of(s, 0)->doing, "zmferry job continue j1");
	CHECK_INT(waiting_in_step(s), 1);
	CHECK_INT(sim_move_of(s, 1)->state, MOVE_SETTLED);
	CHECK(s->looks < 80); /* once a minute, not for each mailbox */
	stopped_ms = s->now_ms;
	sim_run_for(s, 7 * MINUTE_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_FOLLOWING);
	CHECK_HAS(sim_move_of(s, 0)->doing, "last seen 7 min ago by imap");
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	CHECK(sim_move_of(s, 0)->data.locked_at_ms >=
	      s->wall_base_ms + (int64_t)(stopped_ms + 9 * MINUTE_MS));
	sim_done(s);
}

/* Somebody who comes back while the last changes are fetched is not locked. */
static void
comes_back(struct sim *s, const struct ask *a, enum move_state state)
{
	const struct move *m = sim_move_of(s, 0);

	if (s->hook_count > 0 || a->kind != ASK_STAGE || state != MOVE_FOLLOWING ||
	    !m->has_turn || strcmp(a->move_id, m->id) != 0)
		return;
	s->hook_count++;
	sim_act(s, 0);
}

static void
test_who_comes_back_in_the_last_moment_is_not_locked(void **state)
{
	struct sim *s = with_accounts(1, 10);

	(void)state;
	s->cutover = "idle:10m";
	s->on_ask = comes_back;
	starts(s);
	sim_run_for(s, 15 * MINUTE_MS);
	CHECK_INT(s->hook_count, 1);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_FOLLOWING);
	CHECK(sim_move_of(s, 0)->data.locked_at_ms == 0);
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

static void
test_an_answer_that_cannot_be_read_is_nobodys_absence(void **state)
{
	struct sim *s = with_accounts(2, 10);
	struct err e;

	(void)state;
	s->cutover = "idle:5m";
	s->look_fails = "DumpSessions: 1 sessions are listed of 2";
	starts(s);
	sim_run_for(s, HOUR_MS + 3 * MINUTE_MS);
	CHECK_INT(waiting_in_step(s), 2);
	CHECK_HAS(sim_move_of(s, 0)->doing, "cannot be told");
	CHECK_HAS(sim_move_of(s, 0)->doing, "1 sessions are listed of 2");
	s->link_cut[0] = true;
	sim_run_for(s, 5 * MINUTE_MS);
	CHECK_HAS(sim_move_of(s, 0)->doing, "not connected");
	s->link_cut[0] = false;
	sim_stop(s, false);
	sim_start(s); /* another life: it waits on */
	sim_run_for(s, 2 * MINUTE_MS);
	CHECK_INT(waiting_in_step(s), 2);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CONTINUE, &e)); /* at once all the same */
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

static void
test_a_waiting_cutover_can_be_cancelled(void **state)
{
	struct sim *s = with_accounts(3, 10);
	struct err e;

	(void)state;
	s->cutover = "go";
	starts(s);
	sim_run_for(s, 10 * MINUTE_MS);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CANCEL, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_CANCELLED);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	sim_done(s);
}

/* Who waits for a turn waits while the source serves, and fetches once more after. */
static void
test_turns_are_waited_for_unlocked(void **state)
{
	struct sim *s = with_accounts(16, 10);
	int most = 0;

	(void)state;
	s->limits.moves_per_source = s->limits.moves_per_target = 20;
	starts(s);
	for (int i = 0; i < 4000 && job_state(s) == JOB_MOVING; i++) {
		struct states c;
		int locked = 0;

		sim_run_for(s, 20);
		sim_must_be_well(s);
		c = states_of(s);
		for (int n = MOVE_LOCKING; n < MOVE_OPENING; n++)
			locked += c.count[n];
		CHECK(locked <= 2 * 3); /* three a target */
		most = locked > most ? locked : most;
	}
	CHECK(most > 2);
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

static void
test_a_paused_job_locks_nobody_and_goes_on(void **state)
{
	struct sim *s = with_accounts(6, 10);
	struct states c;
	struct err e;

	(void)state;
	starts(s);
	CHECK(sim_run_to_state(s, 0, MOVE_LOCKING, HOUR_MS) || true);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_PAUSE, &e));
	sim_run_for(s, 10 * MINUTE_MS);
	c = states_of(s);
	for (int n = MOVE_LOCKING; n <= MOVE_VERIFYING; n++)
		CHECK_INT(c.count[n], 0);
	CHECK(c.count[MOVE_FOLLOWING] + c.count[MOVE_PLANNED] > 0);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_RESUME, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

/* What failed while the job stood has its attempts left. */
static void
test_a_failure_during_a_pause_is_taken_up_again(void **state)
{
	struct sim *s = with_accounts(1, 10);
	struct err e;

	(void)state;
	s->refuse[ASK_STAGE] = 1;
	starts(s);
	CHECK(sim_run_to_state(s, 0, MOVE_STAGING, HOUR_MS));
	CHECK(jobs_change(s->jobs, 1, JOB_EV_PAUSE, &e));
	sim_run_for(s, MINUTE_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_RESUME, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	CHECK_INT(sim_move_of(s, 0)->tries, 1);
	sim_done(s);
}

static void
test_three_failures_set_a_mailbox_aside(void **state)
{
	struct sim *s = with_accounts(2, 10);
	struct err e;

	(void)state;
	s->refuse[ASK_STEER] = 8; /* the early ones of both, and three tries each */
	starts(s);
	sim_run(s, DAY_MS);
	CHECK_INT(job_state(s), JOB_DONE_WITH_FAILURES);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	CHECK_INT(sim_move_of(s, 0)->tries, 2);
	CHECK(sim_has_alert(s, "m1", "set aside"));
	CHECK_HAS(jobs_find(s->jobs, 1)->reason, "2 accounts are left");
	CHECK(jobs_change(s->jobs, 1, JOB_EV_RETRY, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	CHECK(!sim_has_alert(s, "m1", ""));
	sim_done(s);
}

/* A person is faster than the next attempt's timer. */
static void
test_a_retry_by_hand_before_the_timer(void **state)
{
	struct sim *s = with_accounts(1, 10);
	struct err e;

	(void)state;
	s->refuse[ASK_STAGE] = 1;
	starts(s);
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS));
	CHECK(jobs_change(s->jobs, 1, JOB_EV_RETRY, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

static void
test_cancelling_in_each_state(void **state)
{
	(void)state;
	for (int at = MOVE_PLANNED; at <= MOVE_VERIFYING; at++) {
		struct sim *s = with_accounts(1, 10);
		bool may = (move_states[at].holds & MAY_CANCEL) != 0;
		struct err e;

		starts(s);
		if (!sim_run_to_state(s, 0, (enum move_state)at, HOUR_MS)) {
			sim_run(s, HOUR_MS);
			sim_done(s);
			continue;
		}
		CHECK(jobs_change(s->jobs, 1, JOB_EV_CANCEL, &e));
		sim_run(s, HOUR_MS);
		sim_must_be_well(s);
		/* Under the short lock that prepares it is taken when that is over. */
		may = may || at < MOVE_LOCKING;
		if (sim_move_of(s, 0)->state != (may ? MOVE_ABANDONED : MOVE_SETTLED))
			fail_msg("cancelled while %s: %s", move_states[at].name,
			    move_states[sim_move_of(s, 0)->state].name);
		CHECK_INT(job_state(s), JOB_CANCELLED);
		CHECK(!sim_has_alert(s, "m1", "set aside"));
		sim_done(s);
	}
}

/* At each of its effects, and while a slow lock is under way: that ends before it is undone. */
static void
test_cancelling_at_any_moment(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 2400; ms += 7 * SIM_STEP) {
		struct sim *s = with_accounts(2, 10);
		struct err e;

		s->slow_ms[ASK_LOCK] = 400;
		starts(s);
		sim_run_for(s, ms);
		if (!job_states[job_state(s)].is_end)
			CHECK(jobs_change(s->jobs, 1, JOB_EV_CANCEL, &e));
		snprintf(s->doing, sizeof(s->doing), "cancelled after %llu ms, ",
		    (unsigned long long)ms);
		sim_run(s, HOUR_MS);
		sim_done(s);
	}
}

static void
test_a_cancelled_job_can_be_taken_up_again(void **state)
{
	struct sim *s = with_accounts(3, 10);
	struct err e;

	(void)state;
	starts(s);
	sim_run_for(s, 300);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CANCEL, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_CANCELLED);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_RETRY, &e));
	s->world_quiet = false;
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

/* --- the gate --- */

static void
test_who_cannot_go_is_left_and_said(void **state)
{
	struct sim *s = with_accounts(2, 10);

	(void)state;
	snprintf(s->accounts[1].transport, sizeof(s->accounts[1].transport),
	    "smtp:archive.example.org");
	s->accounts[1].watched = false;
	starts(s);
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE_WITH_FAILURES);
	CHECK_HAS(jobs_find(s->jobs, 1)->reason, "1 accounts are left");
	sim_done(s);
}

static void
test_a_stuck_move_is_no_clean_end(void **state)
{
	struct sim *s = with_accounts(1, 10);

	(void)state;
	s->refuse[ASK_IMPORT] = 1;
	s->accounts[0].watched = false;
	starts(s);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_STUCK);
	CHECK_INT(job_state(s), JOB_DONE_WITH_FAILURES);
	CHECK_HAS(jobs_find(s->jobs, 1)->reason, "stuck");
	sim_heal(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	sim_done(s);
}

/* The controller dies between writing down the newcomers' moves and the job's return. */
static void
hook_newcomer(struct sim *s, const struct ask *a, enum move_state state)
{
	(void)state;
	if (a->kind == ASK_VERIFY && s->hook_count++ == 0)
		sim_add_account(s, "newcomer", 0, 5);
}

static void
test_newcomers_survive_a_crash_at_the_gate(void **state)
{
	struct sim *s = with_accounts(1, 10);
	struct move m = {.job_number = 1};
	uint32_t number;
	struct err e;

	(void)state;
	s->on_ask = hook_newcomer;
	starts(s);
	while (job_state(s) != JOB_GATE)
		sim_run_for(s, 1);
	snprintf(m.account_id, sizeof(m.account_id), "%s", s->accounts[1].id);
	snprintf(m.account_name, sizeof(m.account_name), "%s", s->accounts[1].name);
	snprintf(m.source, sizeof(m.source), "%s", s->nodes[0].name);
	snprintf(m.target, sizeof(m.target), "%s", s->nodes[1].name);
	CHECK(moves_add(jobs_moves(s->jobs), &m, &number, &e));
	sim_stop(s, false);
	sim_start(s);
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_DONE);
	CHECK_INT(s->accounts[1].host != 0, 1);
	sim_done(s);
}

static void
test_a_cancelled_job_ends_after_a_crash(void **state)
{
	struct sim *s = with_accounts(8, 10);
	struct job job;
	struct err e;

	(void)state;
	starts(s);
	sim_run_for(s, 200);
	job = *jobs_find(
	    s->jobs, 1); /* the job is written down as cancelled, no move is yet */
	job.state = JOB_CANCELLING;
	CHECK(journal_job_save(s->journal, &job, &e));
	sim_stop(s, false);
	sim_start(s);
	sim_run(s, HOUR_MS);
	CHECK_INT(job_state(s), JOB_CANCELLED);
	sim_done(s);
}

static void
test_one_job_at_a_time(void **state)
{
	struct sim *s = with_accounts(2, 10);
	struct plan *p = plan_new(PLAN_EVACUATE, "mbs2.example.org");
	uint32_t number;
	struct err e;

	(void)state;
	starts(s);
	/* The same once more is a mistake; another waits until its turn has come. */
	CHECK(jobs_create(s->jobs, p, "uid 0", &number, &e));
	CHECK_INT(jobs_find(s->jobs, number)->state, JOB_QUEUED);
	CHECK(!jobs_create(s->jobs, p, "uid 0", &number, &e));
	CHECK_HAS(e.text, "is not over");
	CHECK_INT(s->jobs_begun, 1);
	plan_free(&p);
	sim_run(s, HOUR_MS);
	CHECK_INT(s->jobs_begun, 2);
	CHECK_INT(jobs_find(s->jobs, 2)->state, JOB_DONE);
	sim_done(s);
}

static bool
turn_has_come(struct sim *s, uint32_t job)
{
	return s->jobs != NULL && jobs_find(s->jobs, job) != NULL &&
	       jobs_find(s->jobs, job)->state != JOB_QUEUED;
}

/* Who was moved onto a node by the first job is moved on by the second: its plan is of then. */
static void
test_a_queued_job_is_planned_when_its_turn_comes(void **state)
{
	struct sim *s = with_accounts(3, 10);
	struct plan *p = plan_new(PLAN_EVACUATE, "mbs2.example.org");
	uint32_t number;
	struct err e;

	(void)state;
	starts(s);
	CHECK(jobs_create(s->jobs, p, "uid 0", &number, &e));
	CHECK_INT(number, 2);
	plan_free(&p);
	while (!turn_has_come(s, 2) && !s->failed)
		sim_run_for(s, 1000);
	/* The controller dies over it, too. */
	sim_stop(s, false);
	sim_start(s);
	sim_run(s, HOUR_MS);
	CHECK_INT(jobs_find(s->jobs, 2)->state, JOB_DONE);
	for (int a = 0; a < s->account_count; a++)
		CHECK(s->accounts[a].host != 1);
	sim_done(s);
}

static void
test_a_queued_job_can_be_taken_back(void **state)
{
	struct sim *s = with_accounts(2, 10);
	struct plan *p = plan_new(PLAN_EVACUATE, "mbs2.example.org");
	uint32_t number;
	struct err e;

	(void)state;
	starts(s);
	CHECK(jobs_create(s->jobs, p, "uid 0", &number, &e));
	plan_free(&p);
	CHECK(jobs_change(s->jobs, 2, JOB_EV_CANCEL, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(jobs_find(s->jobs, 2)->state, JOB_CANCELLED);
	CHECK_INT(s->jobs_begun, 1);
	sim_done(s);
}

static void
test_a_read_only_journal_asks_for_nothing(void **state)
{
	struct sim *s = with_accounts(8, 10);

	(void)state;
	starts(s);
	sim_run_for(s, 300);
	sim_stop(s, false);
	s->journal->read_only = true;
	s->limits.moves_per_source = s->limits.moves_per_target = 20; /* room to start */
	s->effects = 0;
	s->life++;
	s->jobs = jobs_new(s->journal, &s->world, &s->limits,
	    &(struct jobs_host){.own_admin_id = "own-admin", .alerts = sim_alerts(s)});
	struct err e;

	CHECK(jobs_load(s->jobs, &e));
	jobs_poke(s->jobs);
	moves_on_lease_expired(
	    jobs_moves(s->jobs), s->nodes[0].name, "m1", "the account was given back");
	sim_run_for(s, MINUTE_MS);
	CHECK_INT(s->effects, 0);
	CHECK(!jobs_change(s->jobs, 1, JOB_EV_CANCEL, &e));
	CHECK_HAS(e.text, "--adopt");
	jobs_free(&s->jobs);
	s->journal->read_only = false;
	sim_start(s);
	sim_run(s, HOUR_MS);
	sim_done(s);
}

/* What is not imported yet lies in a spool: such an account is not moved on by the next job. */
static void
test_a_stuck_account_is_left_by_other_jobs(void **state)
{
	struct sim *s = with_accounts(1, 20);
	int target;

	(void)state;
	s->accounts[0].watched = false;
	starts(s);
	CHECK(sim_run_to_state(s, 0, MOVE_OPENING, HOUR_MS));
	target = sim_node_find(s, sim_move_of(s, 0)->target);
	sim_crash_node(s, target);
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, 2 * DAY_MS));
	sim_run(s, HOUR_MS);
	sim_restart_node(s, target);
	sim_evacuate(s, target);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->number, 1);
	CHECK_INT(jobs_find(s->jobs, 2)->state, JOB_DONE_WITH_FAILURES);
	sim_heal(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	sim_done(s);
}

/* --- old copies --- */

static void
test_old_copies_go_when_their_time_is_over(void **state)
{
	struct sim *s = sim_new(3);
	struct retention r = {.days = 14};
	struct jobs *jobs;
	int64_t now;

	(void)state;
	sim_add_account(s, "anna", 0, 5);
	sim_add_account(s, "new", 0, 0); /* never logged in: leaves nothing */
	sim_begin_life(s);
	sim_start(s);
	sim_evacuate(s, 0);
	jobs = s->jobs;
	now = s->world.wall_ms(s->world.ctx);
	CHECK_INT(retention_look(&r, jobs, now + 15 * (int64_t)DAY_MS, 1),
	    0); /* a job is open */
	sim_run(s, DAY_MS);
	now = s->world.wall_ms(s->world.ctx);
	r.looked = false;
	CHECK_INT(retention_look(&r, jobs, now + 13 * (int64_t)DAY_MS, 13 * DAY_MS), 0);
	/* The clock jumps by a month: nothing for a day. */
	CHECK_INT(
	    retention_look(&r, jobs, now + 43 * (int64_t)DAY_MS, 13 * DAY_MS + 1000), 0);
	CHECK_INT(retention_look(&r, jobs, now + 43 * (int64_t)DAY_MS + (int64_t)HOUR_MS,
		      13 * DAY_MS + 1000 + HOUR_MS),
	    0);
	CHECK_INT(
	    retention_look(&r, jobs, now + 45 * (int64_t)DAY_MS, 15 * DAY_MS + 1000), 1);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_PURGING);
	CHECK_INT(sim_move_of(s, 1)->state, MOVE_SETTLED);
	sim_run(s, DAY_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_DONE);
	CHECK_INT(s->purges, 1);
	sim_done(s);
}

/* All of a node at once: a few are under way, the others wait, and every one goes. */
static void
test_old_copies_go_a_few_at_a_time(void **state)
{
	struct sim *s = sim_new(5);
	uint32_t begun = 0;
	struct err e;

	(void)state;
	for (int i = 0; i < 12; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user%d", i);
		sim_add_account(s, name, 0, 4);
	}
	sim_begin_life(s);
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run(s, DAY_MS);
	sim_crash_node(s, 0);
	sim_restart_node(s, 0);
	for (uint32_t i = 1; i <= 12; i++)
		CHECK(moves_purge(jobs_moves(s->jobs), i, false, &e));
	for (uint32_t i = 1; i <= 12; i++)
		begun += !moves_find(jobs_moves(s->jobs), i)->waiting;
	CHECK_INT(begun, PURGES_AT_ONCE);
	sim_run(s, DAY_MS);
	for (uint32_t i = 1; i <= 12; i++)
		CHECK_INT(moves_find(jobs_moves(s->jobs), i)->state, MOVE_DONE);
	CHECK_INT(s->purges, 12);
	sim_done(s);
}

static void
test_what_is_not_clean_is_purged_by_name_only(void **state)
{
	struct sim *s = sim_new(4);
	int anna = sim_add_account(s, "anna", 0, 20);
	struct retention r = {.days = 1};
	struct err e;

	(void)state;
	s->accounts[anna].missing_blobs = 2;
	s->accounts[anna].watched = false;
	sim_begin_life(s);
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run(s, DAY_MS);
	CHECK_STR(sim_move_of(s, anna)->data.verdict, "not clean");
	CHECK_INT(retention_look(&r, s->jobs,
		      s->world.wall_ms(s->world.ctx) + 99 * (int64_t)DAY_MS, 99 * DAY_MS),
	    0);
	CHECK(!moves_purge(jobs_moves(s->jobs), 1, false, &e));
	CHECK_HAS(e.text, "zmferry explain m1");
	CHECK_INT(sim_move_of(s, anna)->state, MOVE_SETTLED);
	CHECK(moves_may_purge(jobs_moves(s->jobs), 1, true, &e));
	sim_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_no_more_at_once_than_the_lanes_allow),
	    TEST(test_fewer_at_once_where_people_wait),
	    TEST(test_strain_stops_nobody),
	    TEST(test_lanes_hold_while_nobody_answers),
	    TEST(test_a_cutover_waits_for_a_person),
	    TEST(test_a_cutover_has_its_window),
	    TEST(test_a_cutover_waits_for_its_owner),
	    TEST(test_who_comes_back_in_the_last_moment_is_not_locked),
	    TEST(test_an_answer_that_cannot_be_read_is_nobodys_absence),
	    TEST(test_a_waiting_cutover_can_be_cancelled),
	    TEST(test_turns_are_waited_for_unlocked),
	    TEST(test_a_paused_job_locks_nobody_and_goes_on),
	    TEST(test_a_failure_during_a_pause_is_taken_up_again),
	    TEST(test_three_failures_set_a_mailbox_aside),
	    TEST(test_a_retry_by_hand_before_the_timer),
	    TEST(test_cancelling_in_each_state),
	    TEST(test_cancelling_at_any_moment),
	    TEST(test_a_cancelled_job_can_be_taken_up_again),
	    TEST(test_who_cannot_go_is_left_and_said),
	    TEST(test_a_stuck_move_is_no_clean_end),
	    TEST(test_newcomers_survive_a_crash_at_the_gate),
	    TEST(test_a_cancelled_job_ends_after_a_crash),
	    TEST(test_one_job_at_a_time),
	    TEST(test_a_queued_job_is_planned_when_its_turn_comes),
	    TEST(test_a_queued_job_can_be_taken_back),
	    TEST(test_a_read_only_journal_asks_for_nothing),
	    TEST(test_a_stuck_account_is_left_by_other_jobs),
	    TEST(test_old_copies_go_when_their_time_is_over),
	    TEST(test_old_copies_go_a_few_at_a_time),
	    TEST(test_what_is_not_clean_is_purged_by_name_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
