/* SPDX-License-Identifier: Apache-2.0 */
/* Taken back after the switch, case by case: what it brings, what it refuses, what stays behind. */
#include <stdio.h>
#include <string.h>

#include "controller/move_revert.h"
#include "controller/moves_copies.h"
#include "tests/sim/sim.h"
#include "tests/unit/check.h"

static struct sim *
anna_moves(size_t items)
{
	struct sim *s = sim_new(5);

	s->earlier_agents =
	    true; /* what is refused or dies while it mends does so by itself */
	sim_add_account(s, "anna", 0, items);
	return s;
}

static void
begin(struct sim *s)
{
	sim_begin_life(s);
	sim_start(s);
	sim_evacuate(s, 0);
}

static int
copy_of(struct sim *s)
{
	return sim_node_find(s, sim_move_of(s, 0)->source);
}

/* Every scenario's account is where it was, with what arrived, and its copy is an old copy. */
static void
test_what_arrived_comes_back(void **state)
{
	int seen = 0;

	(void)state;
	for (size_t i = 0; i < sim_scenario_count; i++) {
		const struct sim_scenario *x = &sim_scenarios[i];
		struct sim *s;
		const struct move *m;
		struct err e;
		int copy;

		if (strstr(x->name, "taken back") == NULL)
			continue;
		seen++;
		s = sim_scenario_new(x, 11);
		sim_scenario_begin(s);
		sim_run(s, 2 * DAY_MS);
		sim_must_be_well(s);
		m = sim_move_of(s, 0);
		copy = copy_of(s);
		CHECK(m->data.reverted && !m->data.left_behind);
		CHECK_STR(m->data.verdict, "clean");
		CHECK_STR(m->target, s->nodes[0].name);
		CHECK_INT(s->accounts[0].host, 0);
		if (strstr(x->name, "mail gets in") != NULL)
			CHECK(m->data.listed > 0);
		CHECK(s->nodes[copy].box[0].present && s->nodes[copy].box[0].lockout);
		CHECK(!s->nodes[copy].spool[0].present && !s->nodes[0].spool[0].present);
		CHECK(moves_purge(jobs_moves(s->jobs), m->number, false, &e));
		sim_run(s, HOUR_MS);
		CHECK_INT(sim_move_of(s, 0)->state, MOVE_DONE);
		CHECK(!s->nodes[copy].box[0].present);
		sim_done(s);
	}
	CHECK_INT(seen, 7);
}

static void
test_only_where_nobody_has_worked_yet(void **state)
{
	static const struct {
		enum move_state at;
		const char *why, *way;
	} cases[] = {
	    {MOVE_STAGING, "still has the mailbox", "job cancel j1"},
	    {MOVE_FENCING, "still has the mailbox", "job cancel j1"},
	    {MOVE_BACKFILLING, "people work on", "--to"},
	    {MOVE_VERIFYING, "people work on", "--to"},
	    {MOVE_SETTLED, "is settled", "--to"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sim *s = anna_moves(20);
		struct err e = {0};

		begin(s);
		CHECK(sim_run_to_state(s, 0, cases[i].at, HOUR_MS));
		CHECK(!moves_revert(jobs_moves(s->jobs), 1, false, &e));
		CHECK_INT(e.kind, ERR_REFUSED);
		if (strstr(e.text, cases[i].why) == NULL ||
		    strstr(e.text, cases[i].way) == NULL)
			fail_msg("%s: %s", move_states[cases[i].at].name, e.text);
		sim_run(s, HOUR_MS);
		CHECK(!sim_move_of(s, 0)->data.reverted);
		sim_done(s);
	}
}

static void
test_a_move_that_is_not_there(void **state)
{
	struct sim *s = anna_moves(3);
	struct err e;

	(void)state;
	begin(s);
	sim_run(s, HOUR_MS);
	CHECK(!moves_revert(jobs_moves(s->jobs), 99, false, &e));
	CHECK(strstr(e.text, "no such move") != NULL);
	sim_done(s);
}

static void
hook_target_dies(struct sim *s, const struct ask *a, enum move_state now)
{
	if (s->hook_count > 0 || a->kind != ASK_MEND || now != MOVE_OPENING)
		return;
	s->hook_count++;
	sim_sneak_mail(s, sim_node_find(s, a->in.target), 0);
	sim_crash_node(s, sim_node_find(s, a->in.target));
}

static struct sim *
target_is_dead(void)
{
	struct sim *s = anna_moves(20);

	s->accounts[0].watched = false;
	s->on_ask = hook_target_dies;
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_OPENING, HOUR_MS));
	sim_run_for(s, 6 * MINUTE_MS);
	CHECK_INT(s->hook_count, 1);
	/* The dead say nothing; a person is told all the same, and what to do. */
	CHECK(sim_has_alert(s, "m1", "is locked while opening"));
	return s;
}

/* Nobody has to say it twice: it waits for the dead agent's answer, and the controller dies. */
static void
test_a_wish_outlives_the_controller(void **state)
{
	struct sim *s = target_is_dead();
	struct err e;

	(void)state;
	CHECK(moves_revert(jobs_moves(s->jobs), 1, true, &e));
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_OPENING);
	sim_stop(s, false);
	sim_start(s);
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, MINUTE_MS));
	CHECK(sim_move_of(s, 0)->data.left_behind);
	CHECK_INT(s->accounts[0].host, 0);
	sim_restart_node(s, copy_of(s));
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	sim_run(s, HOUR_MS);
	sim_done(s);
}

/* With its mail it cannot be done while the target is dead: then everything is as before. */
static void
test_a_dead_target_gives_nothing_back(void **state)
{
	struct sim *s = target_is_dead();
	struct err e;
	int target = sim_node_find(s, sim_move_of(s, 0)->target);

	(void)state;
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	if (!sim_run_to_state(s, 0, MOVE_STUCK, 2 * HOUR_MS))
		fail_msg("%s %s", move_states[sim_move_of(s, 0)->state].name,
		    sim_move_of(s, 0)->doing);
	CHECK(!sim_move_of(s, 0)->data.reverted);
	CHECK_INT(sim_move_of(s, 0)->stuck_from, MOVE_OPENING);
	CHECK_STR(sim_move_of(s, 0)->source, s->nodes[0].name);
	CHECK_INT(s->accounts[0].host, target);
	CHECK(sim_has_alert(s, "m1", "stuck while opening"));
	/* And it can go forward as if nothing had been. */
	sim_restart_node(s, target);
	CHECK(moves_retry(jobs_moves(s->jobs), 1, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	CHECK_INT(s->accounts[0].host, target);
	sim_done(s);
}

/* Without it people are in within a minute; what is left is named, and comes when it can. */
static void
test_people_are_in_without_the_dead_targets_mail(void **state)
{
	struct sim *s = target_is_dead();
	struct err e;
	int copy;

	(void)state;
	CHECK(moves_revert(jobs_moves(s->jobs), 1, true, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, MINUTE_MS));
	copy = copy_of(s);
	CHECK_INT(s->accounts[0].host, 0);
	CHECK_STR(s->accounts[0].now.status, s->accounts[0].before.status);
	CHECK_STR(s->accounts[0].now.quota, s->accounts[0].before.quota);
	CHECK(sim_has_alert(s, "m1", "is still there"));
	sim_check_nothing_lost(s, 0);
	/* It is no old copy that could be deleted, and nothing to try again by itself. */
	CHECK(!moves_purge(jobs_moves(s->jobs), 1, false, &e));
	CHECK(!moves_retry(jobs_moves(s->jobs), 1, &e));
	CHECK(!moves_revert(jobs_moves(s->jobs), 1, true, &e));
	/* Still dead: nobody is locked out for it. */
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	CHECK(sim_move_of(s, 0)->data.left_behind);
	CHECK_STR(s->accounts[0].now.status, s->accounts[0].before.status);
	sim_restart_node(s, copy);
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	CHECK_INT((int)sim_move_of(s, 0)->data.listed, 1);
	CHECK(!sim_has_alert(s, "m1", "is still there"));
	sim_done(s);
}

/* A delivery may be under way to the copy: it stays for as long as that may take. */
static void
test_the_copy_outlives_deliveries(void **state)
{
	struct sim *s = anna_moves(20);
	struct err e;
	int copy;

	(void)state;
	s->limits.moves.delivery_ms = 15 * MINUTE_MS;
	s->refuse[ASK_MEND] = 1;
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, HOUR_MS));
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	copy = copy_of(s);
	CHECK(moves_purge(jobs_moves(s->jobs), 1, false, &e));
	sim_run_for(s, 14 * MINUTE_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_PURGING);
	CHECK(s->nodes[copy].box[0].present && s->nodes[copy].box[0].lockout);
	CHECK(strstr(sim_move_of(s, 0)->doing, "delivery_wait") != NULL);
	sim_run_for(s, 3 * MINUTE_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_DONE);
	CHECK(!s->nodes[copy].box[0].present);
	sim_done(s);
}

static void
test_a_rehearsal_waits_for_no_delivery(void **state)
{
	struct sim *s = sim_new(5);
	struct err e;

	(void)state;
	sim_add_account(s, REHEARSAL_PREFIX "7", 0, 5);
	s->limits.moves.delivery_ms = 15 * MINUTE_MS;
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	CHECK(moves_purge(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_DONE, MINUTE_MS));
	sim_done(s);
}

/* --- what a fresh eye found --- */

/* Stuck in opening with everything in but what an import refuses, and one that arrived. */
static struct sim *
is_stuck(bool watched)
{
	struct sim *s = anna_moves(20);

	s->accounts[0].watched = watched;
	s->refuse[ASK_MEND] = 1;
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, HOUR_MS));
	if (!watched)
		sim_sneak_mail(s, sim_node_find(s, sim_move_of(s, 0)->target), 0);
	return s;
}

/* Back without the mail of a target that is alive again. */
static struct sim *
is_left_behind(void)
{
	struct sim *s = target_is_dead();
	struct err e;

	CHECK(moves_revert(jobs_moves(s->jobs), 1, true, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, MINUTE_MS));
	sim_restart_node(s, copy_of(s));
	sim_run_for(s, 5 * MINUTE_MS);
	return s;
}

static void
test_what_was_left_is_not_fetched_under_another_move(void **state)
{
	static const enum move_state moments[] = {
	    MOVE_FOLLOWING, MOVE_CATCHING_UP, MOVE_FENCING, MOVE_OPENING};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
		struct sim *s = is_left_behind();
		const char *other = s->nodes[3 - copy_of(s)].name;
		struct err e = {0};

		CHECK(sim_evacuate_to(s, 0, other) != 0);
		s->ended_ms = 0;
		CHECK(sim_run_to_state(s, 0, moments[i], HOUR_MS));
		CHECK(!moves_revert(jobs_moves(s->jobs), 1, false, &e));
		CHECK(strstr(e.text, "being moved just now (m2)") != NULL);
		sim_run(s, HOUR_MS);
		sim_must_be_well(s);
		/* It lives elsewhere now: the fence of that move stays, and the way is told. */
		CHECK(s->nodes[0].box[0].lockout);
		CHECK(!moves_revert(jobs_moves(s->jobs), 1, false, &e));
		CHECK(strstr(e.text, "zmferry move") != NULL &&
		      strstr(e.text, "--to") != NULL);
		CHECK(s->nodes[0].box[0].lockout);
		CHECK_INT(moves_find(jobs_moves(s->jobs), 1)->state, MOVE_SETTLED);
		CHECK_STR(s->accounts[0].now.status, s->accounts[0].before.status);
		sim_stop(s, false);
		sim_free(&s);
	}
}

/* The home was set back by somebody else: what was not fetched is left behind, and comes. */
static void
test_nothing_fetched_is_not_everything_fetched(void **state)
{
	struct sim *s = is_stuck(false);
	struct err e;

	(void)state;
	s->refuse[ASK_STAGE] = 1;
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	sim_run_for(s, 20 * MINUTE_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_STUCK);
	sim_set_home(s, 0, 0, 0);
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	sim_run_for(s, 20 * MINUTE_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK(sim_move_of(s, 0)->data.left_behind);
	CHECK(sim_has_alert(s, "m1", "is still there"));
	CHECK(!moves_purge(jobs_moves(s->jobs), 1, false, &e));
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	CHECK_INT((int)sim_move_of(s, 0)->data.listed, 1);
	sim_done(s);
}

static void
lose_the_answers_of_the_fence(struct sim *s)
{
	s->fault = (struct sim_fault){.kind = FAULT_LOST,
	    .at_effect = 1,
	    .always = true,
	    .begun = true,
	    .ask = ASK_FENCE,
	    .state = MOVE_REVERT_FENCING};
	snprintf(s->fault.host, sizeof(s->fault.host), "%s",
	    s->nodes[s->accounts[0].host].name);
}

/* A fence that held unheard must not stand in the way of the next try. */
static void
test_a_fence_nobody_heard_of_is_lifted(void **state)
{
	struct sim *s = is_stuck(false);
	struct err e;

	(void)state;
	lose_the_answers_of_the_fence(s);
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_REVERT_FENCING, MINUTE_MS));
	sim_run_for(s, 30000);
	CHECK(moves_revert(jobs_moves(s->jobs), 1, true, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	CHECK(sim_move_of(s, 0)->data.left_behind);
	s->fault.kind = FAULT_NONE;
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_BACKFILLING, MINUTE_MS));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK(!sim_move_of(s, 0)->data.left_behind);
	sim_done(s);
}

/* Nor of the way forward, if that is taken in the end. */
static void
test_after_a_failed_way_back_it_goes_forward(void **state)
{
	struct sim *s = is_stuck(true);
	int target = s->accounts[0].host;
	struct err e;

	(void)state;
	lose_the_answers_of_the_fence(s);
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_REVERT_FENCING, MINUTE_MS));
	s->refuse[ASK_UNFENCE] = 1; /* the undo fails, too */
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, HOUR_MS));
	CHECK(s->nodes[target].box[0].lockout);
	/* Mail arrives there again, as before the way back. */
	CHECK_STR(s->accounts[0].now.quota, "0");
	s->fault.kind = FAULT_NONE;
	CHECK(moves_retry(jobs_moves(s->jobs), 1, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_INT(s->accounts[0].host, target);
	CHECK(!s->nodes[0].spool[0].present && !s->nodes[target].spool[0].present);
	sim_done(s);
}

static void
hook_routes_are_purged(struct sim *s, const struct ask *a, enum move_state now)
{
	hook_target_dies(s, a, now);
	if (a->kind == ASK_ROUTES && now == MOVE_REVERT_SWITCHING)
		s->hook_data = strcmp(a->in.host, s->nodes[0].name) == 0 ? 1 : -1;
}

static void
test_the_proxies_are_told_by_the_living(void **state)
{
	struct sim *s = anna_moves(20);
	struct err e;

	(void)state;
	s->accounts[0].watched = false;
	s->on_ask = hook_routes_are_purged;
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_OPENING, HOUR_MS));
	sim_run_for(s, MINUTE_MS);
	CHECK(moves_revert(jobs_moves(s->jobs), 1, true, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, MINUTE_MS));
	CHECK_INT(s->hook_data, 1);
	sim_stop(s, false);
	sim_free(&s);
}

static void
hook_deleted(struct sim *s, const struct ask *a, enum move_state now)
{
	if (s->hook_count > 0 || a->kind != ASK_STAGE || now != MOVE_REVERT_FETCHING)
		return;
	s->hook_count++;
	s->refuse[ASK_STAGE] = 1;
	s->accounts[0].exists = false;
}

static void
hook_rehomed(struct sim *s, const struct ask *a, enum move_state now)
{
	if (s->hook_count > 0 || a->kind != ASK_STAGE || now != MOVE_REVERT_FETCHING)
		return;
	s->hook_count++;
	s->refuse[ASK_STAGE] = 1;
	sim_set_home(s, 0, 0, 3 - sim_node_find(s, a->in.source));
}

static void
test_a_deleted_account_ends_it(void **state)
{
	struct sim *s = is_left_behind();
	struct err e;

	(void)state;
	s->hook_count = 0;
	s->on_ask = hook_deleted;
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, HOUR_MS));
	CHECK(strstr(sim_move_of(s, 0)->error, "was deleted") != NULL);
	sim_stop(s, false);
	sim_free(&s);
}

static void
test_somebody_elses_home_stays(void **state)
{
	struct sim *s = is_left_behind();
	int third = 3 - copy_of(s);
	struct err e;

	(void)state;
	s->hook_count = 0;
	s->on_ask = hook_rehomed;
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	CHECK_INT(s->accounts[0].host, third);
	CHECK_STR(s->accounts[0].now.status, s->accounts[0].before.status);
	CHECK_STR(s->accounts[0].now.quota, s->accounts[0].before.quota);
	CHECK(sim_move_of(s, 0)->data.left_behind);
	sim_stop(s, false);
	sim_free(&s);
}

static void
test_stuck_where_it_came_from_is_told_apart(void **state)
{
	struct sim *s = is_stuck(true);
	char next[LIMIT_TEXT];
	struct err e;

	(void)state;
	move_next_step(sim_move_of(s, 0), next, sizeof(next));
	CHECK(strstr(next, "zmferry move revert m1") != NULL);
	s->refuse[ASK_RESTORE] = 1;
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, HOUR_MS));
	CHECK_INT(sim_move_of(s, 0)->stuck_from, MOVE_REVERT_OPENING);
	move_next_step(sim_move_of(s, 0), next, sizeof(next));
	CHECK(strstr(next, "move revert") == NULL);
	CHECK(!moves_revert(jobs_moves(s->jobs), 1, false, &e));
	CHECK(strstr(e.text, "zmferry job retry j1") != NULL);
	CHECK(moves_retry(jobs_moves(s->jobs), 1, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

/* The next evacuation goes over the copy that the way back left. */
static void
test_it_can_be_moved_again(void **state)
{
	struct sim *s = anna_moves(20);
	char target[WORLD_NAME];
	struct err e;

	(void)state;
	s->mail_every_ms = 400;
	s->refuse[ASK_MEND] = 1;
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, HOUR_MS));
	CHECK(moves_revert(jobs_moves(s->jobs), 1, false, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	snprintf(target, sizeof(target), "%s", sim_move_of(s, 0)->source);
	CHECK(sim_evacuate_to(s, 0, target) != 0);
	s->ended_ms = 0;
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_INT(sim_move_of(s, 0)->number, 2);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_STR(s->nodes[s->accounts[0].host].name, target);
	CHECK_INT(moves_find(jobs_moves(s->jobs), 1)->state, MOVE_DONE);
	sim_done(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_what_arrived_comes_back),
	    TEST(test_only_where_nobody_has_worked_yet),
	    TEST(test_a_move_that_is_not_there),
	    TEST(test_a_wish_outlives_the_controller),
	    TEST(test_a_dead_target_gives_nothing_back),
	    TEST(test_people_are_in_without_the_dead_targets_mail),
	    TEST(test_it_can_be_moved_again),
	    TEST(test_a_rehearsal_waits_for_no_delivery),
	    TEST(test_the_copy_outlives_deliveries),
	    TEST(test_what_was_left_is_not_fetched_under_another_move),
	    TEST(test_nothing_fetched_is_not_everything_fetched),
	    TEST(test_a_fence_nobody_heard_of_is_lifted),
	    TEST(test_after_a_failed_way_back_it_goes_forward),
	    TEST(test_the_proxies_are_told_by_the_living),
	    TEST(test_a_deleted_account_ends_it),
	    TEST(test_somebody_elses_home_stays),
	    TEST(test_stuck_where_it_came_from_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
