/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of one move, case by case. The matrices beside this take the same cases apart. */
#include <stdio.h>
#include <string.h>

#include "controller/move_prepare.h"
#include "tests/sim/sim.h"
#include "tests/unit/check.h"

static void
test_each_scenario_ends_as_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sim_scenario_count; i++) {
		const struct sim_scenario *x = &sim_scenarios[i];
		struct sim *s = sim_scenario_new(x, 3);

		snprintf(s->doing, sizeof(s->doing), "%s, ", x->name);
		sim_scenario_begin(s);
		sim_run(s, 2 * DAY_MS);
		sim_must_be_well(s);
		if (sim_move_of(s, 0)->state != x->move_end ||
		    jobs_find(s->jobs, 1)->state != x->job_end)
			fail_msg("%s: the move is %s (%s), the job %s (%s)", x->name,
			    move_states[sim_move_of(s, 0)->state].name,
			    sim_move_of(s, 0)->error,
			    job_states[jobs_find(s->jobs, 1)->state].name,
			    jobs_find(s->jobs, 1)->reason);
		sim_done(s);
	}
}

static struct sim *
one_account(size_t items)
{
	struct sim *s = sim_new(5);

	sim_add_account(s, "anna", 0, items);
	return s;
}

static struct sim *
one_account_starts(size_t items)
{
	struct sim *s = one_account(items);

	sim_start(s);
	sim_evacuate(s, 0);
	return s;
}

/* Whatever the target believed of the account before: the first attempt is enough. */
static void
test_a_plain_move_needs_one_attempt(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct sim *s = sim_new(seed);

		sim_add_account(s, "anna", 0, 10);
		sim_start(s);
		sim_evacuate(s, 0);
		sim_run(s, HOUR_MS);
		CHECK_INT(sim_move_of(s, 0)->tries, 0);
		CHECK(sim_move_of(s, 0)->data.lock_ms < 5000);
		sim_done(s);
	}
}

/* Somebody logged in, and away during the lock, must not go on with the ids he knows. */
static void
test_a_session_from_before_ends(void **state)
{
	struct sim *s = one_account(20);

	(void)state;
	sim_act(s, 0);
	CHECK(s->accounts[0].session);
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_VERIFYING, HOUR_MS));
	for (int i = 0; i < 20; i++)
		sim_act(s, 0);
	sim_run(s, HOUR_MS);
	CHECK(s->accounts[0].session);
	CHECK(s->accounts[0].session_host != 0);
	sim_done(s);
}

/* --- servers that die for good --- */

static void
test_a_dead_source_behind_the_fence_does_not_matter(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	s->accounts[0].watched = false;
	CHECK(sim_run_to_state(s, 0, MOVE_SWITCHING, HOUR_MS));
	sim_crash_node(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	CHECK_INT(s->accounts[0].host != 0, 1);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	/* Nobody waits for what cannot be had from it. */
	CHECK(sim_move_of(s, 0)->data.lock_ms < 3 * MINUTE_MS);
	sim_done(s);
}

static void
test_a_dead_target_before_the_opening_leads_back(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	s->accounts[0].watched = false;
	CHECK(sim_run_to_state(s, 0, MOVE_STEERING, HOUR_MS));
	sim_crash_node(s, sim_node_find(s, sim_move_of(s, 0)->target));
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, DAY_MS));
	CHECK_INT(s->accounts[0].host, 0);
	CHECK_STR(s->accounts[0].now.status, "active");
	sim_done(s);
}

static void
test_a_dead_target_after_the_opening_is_a_persons(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	s->accounts[0].watched = false;
	CHECK(sim_run_to_state(s, 0, MOVE_OPENING, HOUR_MS));
	sim_crash_node(s, sim_node_find(s, sim_move_of(s, 0)->target));
	sim_run_for(s, 10 * MINUTE_MS);
	CHECK(sim_has_alert(s, "m1", "is locked while opening"));
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, 2 * DAY_MS));
	CHECK(sim_has_alert(s, "m1", "stuck while opening"));
	sim_run(s, HOUR_MS);
	CHECK_INT(jobs_find(s->jobs, 1)->state, JOB_DONE_WITH_FAILURES);
	sim_restart_node(s, sim_node_find(s, sim_move_of(s, 0)->target));
	sim_heal(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK(!sim_has_alert(s, "m1", ""));
	sim_done(s);
}

static void
test_an_alert_ends_when_the_move_gets_on(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	s->accounts[0].watched = false;
	CHECK(sim_run_to_state(s, 0, MOVE_OPENING, HOUR_MS));
	s->nodes[sim_node_find(s, sim_move_of(s, 0)->target)].mailboxd = false;
	sim_run_for(s, 5 * MINUTE_MS);
	CHECK(sim_has_alert(s, "m1", "is locked while opening"));
	s->nodes[sim_node_find(s, sim_move_of(s, 0)->target)].mailboxd = true;
	sim_run(s, HOUR_MS);
	CHECK(!sim_has_alert(s, "m1", ""));
	sim_done(s);
}

/* The answer "not now" is an answer: the question is put anew, not answered from memory. */
static void
test_a_sick_node_is_asked_anew(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	s->accounts[0].watched = false;
	s->nodes[0].mailboxd = false;
	sim_run_for(s, MINUTE_MS);
	s->nodes[0].mailboxd = true;
	CHECK(sim_run_to_state(s, 0, MOVE_STAGING, 20000));
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	sim_run(s, HOUR_MS);
	sim_done(s);
}

/* --- made early --- */

static void
hook_count_locks(struct sim *s, const struct ask *a, enum move_state state)
{
	(void)state;
	s->hook_count += a->kind == ASK_LOCK;
}

/* A lock of its own, values read afresh for the second, counters raised between the two. */
static void
test_the_mailbox_is_made_before_the_lock(void **state)
{
	struct sim *s = one_account(40);
	const struct sim_box *box;

	(void)state;
	s->on_ask = hook_count_locks;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_PREPARE_MAKING, HOUR_MS));
	CHECK_STR(s->accounts[0].now.status, "locked");
	CHECK(sim_run_to_state(s, 0, MOVE_LOCKING, HOUR_MS));
	box = &s->nodes[sim_node_find(s, sim_move_of(s, 0)->target)].box[0];
	CHECK(box->present);
	CHECK(box->change >= sim_move_of(s, 0)->data.change);
	CHECK_INT(box->count, 0);
	CHECK_INT(s->accounts[0].host, 0);
	CHECK(!sim_move_of(s, 0)->data.have_saved);
	sim_run(s, HOUR_MS);
	CHECK_INT(s->hook_count, 2);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	sim_done(s);
}

static void
test_where_it_is_not_worth_it_nothing_is_made_early(void **state)
{
	struct sim *s = one_account(40);

	(void)state;
	s->on_ask = hook_count_locks;
	s->limits.moves.early_ms = 60 * 1000;
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run(s, HOUR_MS);
	CHECK_INT(s->hook_count, 1);
	sim_done(s);
}

/* What was made early is deleted again when the move is taken back. */
static void
test_a_mailbox_made_early_goes_with_the_move(void **state)
{
	struct sim *s = one_account_starts(40);
	struct err e;

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	CHECK(moves_cancel(jobs_moves(s->jobs), 1, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS));
	CHECK_INT(s->row_drops, 1);
	CHECK(!sim_move_of(s, 0)->data.target_row_made);
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	sim_free(&s);
}

/* The target's mailboxd is started again in between: what is left is done under the lock. */
static void
test_a_mailbox_made_early_may_be_unloaded(void **state)
{
	struct sim *s = one_account_starts(40);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_PREPARE_OPENING, HOUR_MS));
	s->nodes[sim_node_find(s, sim_move_of(s, 0)->target)].box[0].loaded = false;
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	sim_done(s);
}

static struct sim_box *
target_box(struct sim *s)
{
	return &s->nodes[sim_node_find(s, sim_move_of(s, 0)->target)].box[0];
}

/* A call that was given up made it afterwards: nothing ever happened in it. */
static void
test_a_mailbox_that_was_made_late_is_cleared(void **state)
{
	struct sim *s = one_account(20);

	(void)state;
	s->refuse[ASK_STAGE] = 1;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS));
	*target_box(s) = (struct sim_box){.present = true,
	    .loaded = true,
	    .mailbox_id = ++s->next_serial,
	    .item_id = 256,
	    .change = 1};
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_INT(sim_move_of(s, 0)->tries, 1);
	CHECK_INT(s->row_drops, 1);
	sim_done(s);
}

/* One in which something happened is somebody's. */
static void
test_a_mailbox_that_was_used_is_not_cleared(void **state)
{
	struct sim *s = one_account(20);

	(void)state;
	s->refuse[ASK_STAGE] = 1;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS));
	*target_box(s) = (struct sim_box){.present = true,
	    .loaded = true,
	    .mailbox_id = ++s->next_serial,
	    .item_id = 257,
	    .change = 2};
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	CHECK(target_box(s)->present);
	CHECK_HAS(sim_move_of(s, 0)->error, "still holds an old copy");
	sim_must_be_well(s);
	sim_free(&s);
}

static void
test_what_counters_take(void **state)
{
	(void)state;
	CHECK_INT(prepare_counters_ms(0, 0), 0);
	CHECK_INT(prepare_counters_ms(25200, 50400), 2520 + 63000);
}

/* --- what imports refuse --- */

static void
hook_mends_while_locked(struct sim *s, const struct ask *a, enum move_state now)
{
	s->hook_count += a->kind == ASK_MEND && now == MOVE_OPENING;
}

/* One worker does both while people wait; an agent of before is asked for the second. */
static void
test_an_import_under_the_lock_mends_as_well(void **state)
{
	(void)state;
	for (int earlier = 0; earlier < 2; earlier++) {
		struct sim *s = one_account(40);

		s->limits.moves.hot_ms = 0;
		s->earlier_agents = earlier == 1;
		s->on_ask = hook_mends_while_locked;
		sim_start(s);
		sim_evacuate(s, 0);
		CHECK(sim_run_to_state(s, 0, MOVE_BACKFILLING, HOUR_MS));
		CHECK_INT(s->hook_count, (uint32_t)earlier);
		CHECK_INT(target_box(s)->count, 40);
		sim_run(s, HOUR_MS);
		CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
		sim_done(s);
	}
}

/* --- hot first --- */

/* People are let in with their newest mail; until the rest is in, no quota stops it. */
static void
test_the_older_half_goes_in_while_people_work(void **state)
{
	struct sim *s = one_account_starts(40);
	const struct sim_box *box;
	size_t before;

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_BACKFILLING, HOUR_MS));
	box = &s->nodes[sim_node_find(s, sim_move_of(s, 0)->target)].box[0];
	before = box->count;
	CHECK(before > 0 && before < 40);
	CHECK(sim_move_of(s, 0)->data.left > 0);
	CHECK_STR(s->accounts[0].now.status, "active");
	CHECK_STR(s->accounts[0].now.quota, "0");
	CHECK(sim_run_to_state(s, 0, MOVE_VERIFYING, HOUR_MS));
	CHECK(box->count >= 40);
	CHECK_INT(sim_move_of(s, 0)->data.left, 0);
	CHECK_STR(s->accounts[0].now.quota, s->accounts[0].before.quota);
	sim_run(s, HOUR_MS);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

static void
test_without_a_hot_time_everything_is_in_before_people_are(void **state)
{
	struct sim *s = one_account(40);

	(void)state;
	s->limits.moves.hot_ms = 0;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_BACKFILLING, HOUR_MS));
	CHECK_INT(sim_move_of(s, 0)->data.left, 0);
	CHECK_STR(s->accounts[0].now.quota, s->accounts[0].before.quota);
	sim_run(s, HOUR_MS);
	sim_done(s);
}

/* An administrator's own quota, set while the rest goes in, stays and is named. */
static void
test_a_quota_set_meanwhile_stays(void **state)
{
	struct sim *s = one_account_starts(40);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_BACKFILLING, HOUR_MS));
	snprintf(s->accounts[0].now.quota, sizeof(s->accounts[0].now.quota), "7000");
	snprintf(
	    s->accounts[0].before.quota, sizeof(s->accounts[0].before.quota), "7000");
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_STR(s->accounts[0].now.quota, "7000");
	sim_done(s);
}

/* --- other hands --- */

static void
home_elsewhere(struct sim *s, int node)
{
	for (int n = 0; n < SIM_NODES; n++)
		s->nodes[n].cache[0].known = false;
	s->accounts[0].host = node;
	s->accounts[0].watched = false;
}

/* Its mail is where it was; the values are given back wherever it lives. */
static void
check_hands_off(struct sim *s, enum move_state end, int home, uint32_t row_drops)
{
	struct sim_account *a = &s->accounts[0];

	sim_run(s, 2 * DAY_MS);
	sim_must_be_well(s);
	CHECK_INT(sim_move_of(s, 0)->state, end);
	CHECK_INT(a->host, home);
	CHECK_STR(a->now.status, "active");
	CHECK_STR(a->now.quota, a->before.quota);
	CHECK_INT(s->row_drops, row_drops); /* only what was made early and is empty */
	sim_check_nothing_lost(s, 0);
	a->exists = false; /* its home is not ours: nothing to compare there */
	sim_done(s);
}

static void
test_homed_elsewhere_before_the_lock(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	home_elsewhere(s, 2);
	check_hands_off(s, MOVE_ABANDONED, 2, 1);
}

static void
test_homed_elsewhere_under_the_lock(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_CATCHING_UP, HOUR_MS));
	home_elsewhere(s, 2);
	check_hands_off(s, MOVE_ABANDONED, 2, 1);
}

static void
test_homed_elsewhere_after_the_switch(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_STEERING, HOUR_MS));
	s->refuse[ASK_STEER] = 1;
	home_elsewhere(s, 2 - (sim_node_find(s, sim_move_of(s, 0)->target) == 2));
	check_hands_off(s, MOVE_STUCK, s->accounts[0].host, 0);
}

static void
test_a_deleted_account_is_named_and_left(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_CATCHING_UP, HOUR_MS));
	s->accounts[0].exists = false;
	for (int n = 0; n < SIM_NODES; n++)
		s->nodes[n].cache[0].known = false;
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	CHECK(sim_has_alert(s, "m1", "is an orphan"));
	sim_done(s);
}

/* A purge of routes starts a JVM: nobody waits for it behind a lock. */
static void
hook_routes_when_open(struct sim *s, const struct ask *a, enum move_state now)
{
	const struct sim_values *account = &s->accounts[0].now;

	if (a->kind != ASK_ROUTES)
		return;
	CHECK(now == MOVE_BACKFILLING || now == MOVE_PREPARE_OPENING);
	CHECK_STR(account->status, "active");
	s->hook_count++;
}

static void
test_a_renamed_account_goes_by_its_new_name(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_STAGING, HOUR_MS));
	snprintf(
	    s->accounts[0].name, sizeof(s->accounts[0].name), "anna.maria@example.org");
	s->on_ask = hook_routes_when_open;
	sim_run(s, HOUR_MS);
	CHECK_INT(s->hook_count, 2);
	CHECK_STR(sim_move_of(s, 0)->account_name, "anna.maria@example.org");
	CHECK_INT(s->routes_names, 4); /* it and its alias, for both changes of home */
	sim_done(s);
}

/* --- fence and lease --- */

static void
hook_first_mail(struct sim *s, const struct ask *a, enum move_state state)
{
	if (a->kind == ASK_FREEZE_READ && state == MOVE_LOCKING && s->hook_count++ == 0)
		sim_sneak_mail(s, 0, 0);
}

/* A mailbox that comes into being under the lock is fetched in the same attempt. */
static void
test_the_first_mail_ever_is_fetched_under_the_lock(void **state)
{
	struct sim *s = one_account(0);

	(void)state;
	s->on_ask = hook_first_mail;
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	CHECK_INT(sim_move_of(s, 0)->data.listed, 1);
	sim_done(s);
}

/* The list of mailboxes was read while others were deleted: this one was passed over. */
static void
hook_row_unseen(struct sim *s, const struct ask *a, enum move_state state)
{
	if (a->kind == ASK_PREFLIGHT && state == MOVE_LOCKING && s->hook_count++ == 0)
		s->nodes[0].box[0].present = false;
}

static void
hook_row_seen(struct sim *s, const struct ask *a, enum move_state state)
{
	(void)a;
	(void)state;
	s->nodes[0].box[0].present = true;
}

/* A mailbox that was copied is not taken for one that never was. */
static void
test_a_mailbox_that_is_not_listed_once_is_looked_for_again(void **state)
{
	struct sim *s = one_account(20);

	(void)state;
	s->on_ask = hook_row_unseen;
	s->on_done = hook_row_seen;
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_INT(sim_move_of(s, 0)->data.no_mailbox, false);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

static void
hook_always_mail(struct sim *s, const struct ask *a, enum move_state state)
{
	if (a->kind == ASK_FENCE && state == MOVE_FENCING)
		sim_sneak_mail(s, 0, 0);
}

static void
test_a_source_that_never_rests_is_not_locked_for_ever(void **state)
{
	struct sim *s = one_account(20);

	(void)state;
	s->on_ask = hook_always_mail;
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run(s, DAY_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	CHECK_HAS(sim_move_of(s, 0)->error, "does not come to rest");
	sim_done(s);
}

static void
test_a_lock_ends_with_its_lease(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_CATCHING_UP, HOUR_MS));
	s->link_cut[0] = true;
	sim_run_for(s, 65000);
	sim_must_be_well(s);
	CHECK_STR(s->accounts[0].now.status, "active"); /* the agent did it alone */
	CHECK(!s->nodes[0].box[0].lockout);
	s->link_cut[0] = false;
	sim_leases_tick(s);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_INT(sim_move_of(s, 0)->tries, 1);
	sim_done(s);
}

/* Cut off right after the fence: its lease may not count as renewed. */
static void
hook_cut_at_switch(struct sim *s, const struct ask *a, enum move_state state)
{
	(void)a;
	if (state != MOVE_SWITCHING || s->hook_count++ > 0)
		return;
	s->link_cut[0] = true;
	s->nodes[0].lease[0].until_ms = s->now_ms + 8000; /* as after a long fence */
	sim_move_of(s, 0)->lease_until_ms = s->now_ms + 8000;
}

static void
test_only_the_source_says_that_a_lease_ended(void **state)
{
	struct sim *s = one_account_starts(20);

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_CATCHING_UP, HOUR_MS));
	moves_on_lease_expired(
	    jobs_moves(s->jobs), s->nodes[1].name, sim_move_of(s, 0)->id, "a lie");
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	sim_done(s);
}

static void
test_no_switch_without_enough_lease(void **state)
{
	struct sim *s = one_account(20);

	(void)state;
	s->on_ask = hook_cut_at_switch;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_UNLOCKING, HOUR_MS));
	CHECK_INT(s->accounts[0].host, 0);
	s->link_cut[0] = false;
	sim_leases_tick(s);
	sim_run(s, HOUR_MS);
	sim_done(s);
}

static void
hook_much_mail(struct sim *s, const struct ask *a, enum move_state state)
{
	if (a->kind != ASK_STAGE || state != MOVE_FOLLOWING || s->hook_count++ > 2)
		return;
	for (int i = 0; i < 60; i++)
		sim_sneak_mail(s, 0, 0);
}

static void
test_what_changed_much_is_followed_again(void **state)
{
	struct sim *s = one_account(20);

	(void)state;
	s->on_ask = hook_much_mail;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_LOCKING, HOUR_MS));
	CHECK_INT(s->hook_count, 4); /* each pass really ran */
	CHECK_INT(
	    sim_move_of(s, 0)->data.staged, 20 + 180); /* and brought what had come */
	sim_run(s, HOUR_MS);
	sim_done(s);
}

/* --- the end of the process --- */

static void
test_a_stopped_controller_leaves_moves_as_they_are(void **state)
{
	(void)state;
	for (int at = MOVE_STAGING; at <= MOVE_VERIFYING; at++) {
		struct sim *s = one_account_starts(20);
		json_t *history;

		if (at == MOVE_PREPARING ||
		    !sim_run_to_state(s, 0, (enum move_state)at, HOUR_MS)) {
			sim_run(s, HOUR_MS);
			sim_done(s);
			continue;
		}
		uint32_t effects = s->effects;

		sim_stop(s, true);
		CHECK_INT(s->effects, effects); /* nothing is begun any more */
		sim_start(s);
		sim_run(s, HOUR_MS);
		sim_must_be_well(s);
		CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
		CHECK_INT(sim_move_of(s, 0)->tries, 0);
		history = journal_move_history(s->journal, 1);
		for (size_t i = 0; i < json_array_size(history); i++)
			CHECK(strcmp(json_string_value(json_object_get(
					 json_array_get(history, i), "event")),
				  "failed") != 0);
		json_decref(history);
		sim_done(s);
	}
}

static void
test_an_unclean_verdict_keeps_everything(void **state)
{
	struct sim *s = one_account(20);

	(void)state;
	s->accounts[0].missing_blobs = 3;
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run(s, HOUR_MS);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "not clean");
	CHECK_INT(s->drops, 0);
	CHECK(sim_has_alert(s, "m1", "3 could not be exported"));
	sim_done(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_each_scenario_ends_as_it_should),
	    TEST(test_a_plain_move_needs_one_attempt),
	    TEST(test_a_session_from_before_ends),
	    TEST(test_a_dead_source_behind_the_fence_does_not_matter),
	    TEST(test_a_dead_target_before_the_opening_leads_back),
	    TEST(test_a_dead_target_after_the_opening_is_a_persons),
	    TEST(test_an_alert_ends_when_the_move_gets_on),
	    TEST(test_a_sick_node_is_asked_anew),
	    TEST(test_the_mailbox_is_made_before_the_lock),
	    TEST(test_where_it_is_not_worth_it_nothing_is_made_early),
	    TEST(test_a_mailbox_made_early_goes_with_the_move),
	    TEST(test_a_mailbox_made_early_may_be_unloaded),
	    TEST(test_a_mailbox_that_was_made_late_is_cleared),
	    TEST(test_a_mailbox_that_was_used_is_not_cleared),
	    TEST(test_what_counters_take),
	    TEST(test_an_import_under_the_lock_mends_as_well),
	    TEST(test_the_older_half_goes_in_while_people_work),
	    TEST(test_without_a_hot_time_everything_is_in_before_people_are),
	    TEST(test_a_quota_set_meanwhile_stays),
	    TEST(test_homed_elsewhere_before_the_lock),
	    TEST(test_homed_elsewhere_under_the_lock),
	    TEST(test_homed_elsewhere_after_the_switch),
	    TEST(test_a_deleted_account_is_named_and_left),
	    TEST(test_a_renamed_account_goes_by_its_new_name),
	    TEST(test_a_source_that_never_rests_is_not_locked_for_ever),
	    TEST(test_the_first_mail_ever_is_fetched_under_the_lock),
	    TEST(test_a_mailbox_that_is_not_listed_once_is_looked_for_again),
	    TEST(test_a_lock_ends_with_its_lease),
	    TEST(test_only_the_source_says_that_a_lease_ended),
	    TEST(test_no_switch_without_enough_lease),
	    TEST(test_what_changed_much_is_followed_again),
	    TEST(test_a_stopped_controller_leaves_moves_as_they_are),
	    TEST(test_an_unclean_verdict_keeps_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
