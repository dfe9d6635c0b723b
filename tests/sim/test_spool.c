/* SPDX-License-Identifier: Apache-2.0 */
/* A source that is dead, case by case: what lives on from the spool, and what is refused. */
#include <stdio.h>
#include <string.h>

#include "controller/move_revert.h"
#include "controller/move_spool.h"
#include "controller/moves_copies.h"
#include "tests/sim/sim.h"
#include "tests/unit/check.h"

static struct sim *
anna_moves(size_t items)
{
	struct sim *s = sim_new(5);

	sim_add_account(s, "anna", 0, items);
	sim_begin_life(s);
	return s;
}

static void
begin(struct sim *s)
{
	sim_start(s);
	sim_evacuate(s, 0);
}

static bool
from_spool(struct sim *s, struct err *e)
{
	return moves_from_spool(jobs_moves(s->jobs), sim_move_of(s, 0)->number, e);
}

/* Copied, in step, and not to be locked yet; then its node dies, with one mail more. */
static struct sim *
held_on_a_dead_node(void)
{
	struct sim *s = anna_moves(20);

	s->accounts[0].watched = false;
	s->cutover = "go";
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	sim_run_for(s, 5 * MINUTE_MS);
	CHECK(sim_move_of(s, 0)->waiting);
	sim_sneak_mail(s, 0, 0);
	sim_crash_node(s, 0);
	sim_run_for(s, MINUTE_MS);
	return s;
}

static struct sim *
lives_on_and_its_node_is_back(void)
{
	struct sim *s = held_on_a_dead_node();
	struct err e;

	CHECK(from_spool(s, &e));
	sim_run(s, HOUR_MS);
	sim_restart_node(s, 0);
	return s;
}

static void
check_lives_from_the_spool(struct sim *s)
{
	const struct move *m = sim_move_of(s, 0);
	int target = sim_node_find(s, m->target);
	struct err e;

	sim_must_be_well(s);
	CHECK_INT(m->state, MOVE_SETTLED);
	CHECK(m->data.from_spool && m->data.restored);
	CHECK_INT(s->accounts[0].host, target);
	CHECK_STR(m->data.verdict, "not clean");
	CHECK(sim_has_alert(s, "m1", "with what had been copied"));
	CHECK(sim_has_alert(s, "m1", "is there only"));
	/* What nobody has compared is never deleted in passing. */
	CHECK(s->nodes[0].box[0].present);
	CHECK(s->nodes[target].spool[0].present);
	CHECK(!moves_purge(jobs_moves(s->jobs), 1, false, &e));
	CHECK(s->nodes[target].box[0].item_id > m->data.last_item_id);
}

static void
test_a_dead_nodes_mailbox_lives_on(void **state)
{
	struct sim *s = held_on_a_dead_node();
	struct err e;

	(void)state;
	if (!from_spool(s, &e))
		fail_msg("%s", e.text);
	CHECK(from_spool(s, &e)); /* said twice is said once */
	sim_run(s, HOUR_MS);
	check_lives_from_the_spool(s);
	CHECK_INT(jobs_find(s->jobs, 1)->state, JOB_DONE_WITH_FAILURES);
	/* Started again it serves nobody: everything is as it was. */
	sim_restart_node(s, 0);
	sim_run_for(s, HOUR_MS);
	check_lives_from_the_spool(s);
	sim_done(s);
}

/* The node is back: what it alone had goes in, and its copy is an old copy as any other. */
static void
test_what_the_dead_node_had_is_fetched(void **state)
{
	struct sim *s = held_on_a_dead_node();
	struct err e;

	(void)state;
	CHECK(!moves_fetch(jobs_moves(s->jobs), 1, &e));
	CHECK(strstr(e.text, "nothing of it was left") != NULL);
	CHECK(from_spool(s, &e));
	sim_run(s, HOUR_MS);
	/* Still dead: it is not locked for that. */
	CHECK(moves_fetch(jobs_moves(s->jobs), 1, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	check_lives_from_the_spool(s);
	/* What is on the target is compared once more all the same. */
	CHECK(moves_retry(jobs_moves(s->jobs), 1, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_VERIFYING, HOUR_MS));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	check_lives_from_the_spool(s);
	sim_restart_node(s, 0);
	CHECK(moves_fetch(jobs_moves(s->jobs), 1, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	CHECK(!sim_has_alert(s, "m1", ""));
	CHECK(moves_purge(jobs_moves(s->jobs), 1, false, &e));
	sim_run(s, HOUR_MS);
	CHECK(!s->nodes[0].box[0].present);
	sim_done(s);
}

/* What changed on it in the spool's back is named, and not thrown away with its copy. */
static void
test_what_changed_in_the_spools_back_is_named(void **state)
{
	struct sim *s = held_on_a_dead_node();
	struct err e;

	(void)state;
	s->nodes[0].box[0].items[3].rev++;
	s->nodes[0].box[0].items[3].change = ++s->nodes[0].box[0].change;
	CHECK(from_spool(s, &e));
	sim_run(s, HOUR_MS);
	sim_restart_node(s, 0);
	CHECK(moves_fetch(jobs_moves(s->jobs), 1, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "not clean");
	CHECK_INT(sim_move_of(s, 0)->data.lacking_count, 1);
	CHECK(!moves_purge(jobs_moves(s->jobs), 1, false, &e));
	sim_done(s);
}

static void
test_its_owner_is_in_within_a_minute(void **state)
{
	struct sim *s = held_on_a_dead_node();
	struct err e;

	(void)state;
	CHECK(from_spool(s, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_BACKFILLING, MINUTE_MS));
	CHECK(!moves_fetch(jobs_moves(s->jobs), 1, &e));
	CHECK(strstr(e.text, "is fetched when it is settled") != NULL);
	CHECK_STR(s->accounts[0].now.status, "active");
	sim_run(s, HOUR_MS);
	sim_done(s);
}

/* Dead under the lock the account stays locked: nobody can give it back there. */
static void
hook_dies_under_the_lock(struct sim *s, const struct ask *a, enum move_state now)
{
	(void)now;
	if (s->hook_count > 0 || a->kind != ASK_STAGE || a->in.pass != STAGE_FINAL)
		return;
	s->hook_count++;
	sim_crash_node(s, 0);
}

static struct sim *
dies_under_the_lock(void)
{
	struct sim *s = anna_moves(20);

	s->accounts[0].watched = false;
	s->on_done = hook_dies_under_the_lock;
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_CATCHING_UP, HOUR_MS));
	return s;
}

static void
test_dead_under_the_lock(void **state)
{
	static const enum move_state from[] = {MOVE_UNLOCKING, MOVE_STUCK};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		struct sim *s = dies_under_the_lock();
		struct err e;

		CHECK(sim_run_to_state(s, 0, from[i], HOUR_MS));
		CHECK_STR(s->accounts[0].now.status, "locked");
		if (from[i] == MOVE_STUCK)
			CHECK(sim_has_alert(s, "m1", "stuck while unlocking"));
		CHECK(from_spool(s, &e));
		sim_run(s, HOUR_MS);
		check_lives_from_the_spool(s);
		sim_done(s);
	}
}

/* What the node gave out in days that nobody saw is not given out again. */
static void
test_of_an_old_spool_more_ids_are_left_out(void **state)
{
	struct sim *s = anna_moves(20);
	struct err e;
	int target;

	(void)state;
	s->accounts[0].watched = false;
	s->cutover = "go";
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	sim_run_for(s, 5 * MINUTE_MS);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CANCEL, &e));
	sim_run_for(s, 3 * DAY_MS + HOUR_MS);
	s->nodes[0].box[0].item_id += 25000;
	sim_sneak_mail(s, 0, 0);
	sim_crash_node(s, 0);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	CHECK(from_spool(s, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_SETTLED, HOUR_MS));
	target = s->accounts[0].host;
	CHECK(s->nodes[target].box[0].item_id > s->nodes[0].box[0].item_id);
	sim_run(s, HOUR_MS);
	sim_done(s);
}

/* Said while a call was under way it is not forgotten with the controller. */
static void
test_the_wish_outlives_the_controller(void **state)
{
	struct sim *s = dies_under_the_lock();
	struct err e;

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_UNLOCKING, HOUR_MS));
	while (!sim_move_of(s, 0)->asking)
		sim_run_for(s, 10);
	CHECK(from_spool(s, &e));
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_UNLOCKING);
	sim_stop(s, false);
	sim_start(s);
	sim_run(s, HOUR_MS);
	check_lives_from_the_spool(s);
	sim_done(s);
}

/* Given up, tried again while the node is dead, given up again: the spool is there still. */
static void
test_after_attempts_that_failed(void **state)
{
	struct sim *s = dies_under_the_lock();
	struct err e;

	(void)state;
	/* Once it cannot be locked: then it is not from the spool, either. */
	CHECK(sim_run_to_state(s, 0, MOVE_UNLOCKING, HOUR_MS));
	s->refuse[ASK_SESSIONS] = 1;
	CHECK(from_spool(s, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS));
	CHECK(!sim_move_of(s, 0)->data.from_spool);
	sim_done(s);
	s = dies_under_the_lock();
	CHECK(sim_run_to_state(s, 0, MOVE_STUCK, HOUR_MS));
	sim_restart_node(s, 0);
	CHECK(moves_retry(jobs_moves(s->jobs), 1, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS));
	sim_crash_node(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_PLANNED, HOUR_MS));
	sim_run_for(s, MINUTE_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_PLANNED);
	CHECK(from_spool(s, &e));
	sim_run(s, HOUR_MS);
	check_lives_from_the_spool(s);
	sim_done(s);
}

static void
test_refused_where_it_makes_no_sense(void **state)
{
	static const struct {
		enum move_state at;
		const char *why, *way;
	} cases[] = {
	    {MOVE_STAGING, "not copied to the end", "backup"},
	    {MOVE_CATCHING_UP, "is given up within minutes", "--from-spool"},
	    {MOVE_STEERING, "goes in there", "zmferry explain m1"},
	    {MOVE_BACKFILLING, "goes in there", "zmferry explain m1"},
	    {MOVE_SETTLED, "goes in there", "zmferry explain m1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sim *s = anna_moves(20);
		struct err e = {0};

		begin(s);
		CHECK(sim_run_to_state(s, 0, cases[i].at, HOUR_MS));
		CHECK(!from_spool(s, &e));
		CHECK_INT(e.kind, ERR_REFUSED);
		if (strstr(e.text, cases[i].why) == NULL ||
		    strstr(e.text, cases[i].way) == NULL)
			fail_msg("%s: %s", move_states[cases[i].at].name, e.text);
		CHECK(!moves_from_spool(jobs_moves(s->jobs), 99, &e));
		CHECK(strstr(e.text, "no such move") != NULL);
		sim_run(s, HOUR_MS);
		CHECK(!sim_move_of(s, 0)->data.from_spool);
		sim_done(s);
	}
}

/* Whoever answers has everything: nothing is switched, and the move goes its ordinary way. */
static void
test_a_source_that_answers_keeps_its_mailbox(void **state)
{
	(void)state;
	for (int cut = 0; cut < 2; cut++) {
		struct sim *s = anna_moves(20);
		struct err e;

		s->cutover = "go";
		begin(s);
		CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
		sim_run_for(s, MINUTE_MS);
		s->link_cut[0] = cut == 1; /* its agent alone is away */
		CHECK(from_spool(s, &e));
		if (!sim_run_to_state(s, 0, MOVE_ABANDONED, 5 * MINUTE_MS))
			fail_msg("%s: %s (%s)",
			    move_states[sim_move_of(s, 0)->state].name,
			    sim_move_of(s, 0)->doing, s->why);
		CHECK(
		    strstr(sim_move_of(s, 0)->error,
			cut == 1 ? "its mailboxd answers" : "its agent answers") != NULL);
		CHECK_INT(s->accounts[0].host, 0);
		CHECK_STR(s->accounts[0].now.status, s->accounts[0].before.status);
		s->link_cut[0] = false;
		CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
		sim_run_for(s, MINUTE_MS);
		CHECK(jobs_change(s->jobs, 1, JOB_EV_CONTINUE, &e));
		sim_run(s, HOUR_MS);
		sim_must_be_well(s);
		CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
		sim_done(s);
	}
}

/* An agent that lives beside a mailboxd that does not. */
static void
test_mailboxd_alone_is_dead(void **state)
{
	struct sim *s = held_on_a_dead_node();
	struct err e;

	(void)state;
	s->nodes[0].agent = true;
	CHECK(from_spool(s, &e));
	sim_run(s, HOUR_MS);
	check_lives_from_the_spool(s);
	sim_done(s);
}

/* Nothing was ever in it: there is nothing to copy, and one command moves it. */
static void
test_one_without_a_mailbox(void **state)
{
	struct sim *s = sim_new(5);
	struct err e;

	(void)state;
	s->cutover = "go";
	sim_add_account(s, "new", 0, 0);
	begin(s);
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	sim_run_for(s, MINUTE_MS);
	CHECK(!from_spool(s, &e));
	CHECK(strstr(e.text, "zmprov -l ma new@example.org zimbraMailHost") != NULL);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CONTINUE, &e));
	sim_run(s, HOUR_MS);
	sim_done(s);
}

/* Until all of them are settled. */
static size_t
most_locked(struct sim *s, int accounts)
{
	uint64_t until_ms = s->now_ms + HOUR_MS;
	size_t most = 0;
	int settled = 0;

	while (settled < accounts && s->now_ms < until_ms) {
		size_t locked = 0;

		sim_run_for(s, 50);
		settled = 0;
		for (int i = 0; i < accounts; i++) {
			locked += strcmp(s->accounts[i].now.status, "locked") == 0;
			settled += sim_move_of(s, i)->state == MOVE_SETTLED;
		}
		most = locked > most ? locked : most;
	}
	return most;
}

/* Nobody's target is flooded, whatever a person wishes at once. */
static void
test_a_few_at_a_time(void **state)
{
	struct sim *s = sim_new(5);
	struct err e;
	size_t most;

	(void)state;
	s->cutover = "go";
	for (int i = 0; i < 12; i++) {
		char name[16];

		snprintf(name, sizeof(name), "u%d", i);
		s->accounts[sim_add_account(s, name, 0, 6)].watched = false;
	}
	sim_start(s);
	sim_evacuate_to(s, 0, s->nodes[1].name);
	sim_run_for(s, 10 * MINUTE_MS);
	sim_crash_node(s, 0);
	for (uint32_t i = 1; i <= 12; i++)
		CHECK(moves_from_spool(jobs_moves(s->jobs), i, &e));
	most = most_locked(s, 12);
	CHECK(most > 0 && most <= SPOOLS_AT_ONCE);
	sim_run(s, HOUR_MS);
	for (int i = 0; i < 12; i++)
		CHECK_INT(s->accounts[i].host, 1);
	/* And so is what was left. */
	sim_restart_node(s, 0);
	for (uint32_t i = 1; i <= 12; i++)
		CHECK(moves_fetch(jobs_moves(s->jobs), i, &e));
	CHECK(most_locked(s, 12) <= SPOOLS_AT_ONCE);
	sim_run(s, HOUR_MS);
	for (int i = 0; i < 12; i++)
		CHECK_STR(sim_move_of(s, i)->data.verdict, "clean");
	sim_done(s);
}

static void
test_what_is_copied_is_counted(void **state)
{
	struct sim *s = anna_moves(20);
	struct err e;

	(void)state;
	s->cutover = "go";
	sim_add_account(s, "bert", 0, 5);
	begin(s);
	CHECK_INT(moves_copied_from(jobs_moves(s->jobs), s->nodes[0].name), 0);
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	sim_run_for(s, MINUTE_MS);
	CHECK_INT(moves_copied_from(jobs_moves(s->jobs), s->nodes[0].name), 2);
	CHECK_INT(moves_copied_from(jobs_moves(s->jobs), s->nodes[1].name), 0);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CONTINUE, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(moves_copied_from(jobs_moves(s->jobs), s->nodes[0].name), 0);
	sim_done(s);
}

/* Contacts that only the dead node had are no less wanted than mail. */
static void
test_contacts_that_were_left_are_fetched(void **state)
{
	struct sim *s = held_on_a_dead_node();
	struct err e;

	(void)state;
	for (int i = 0; i < 6; i++)
		sim_sneak_mail(s, 0, 0);
	CHECK(from_spool(s, &e));
	sim_run(s, HOUR_MS);
	sim_restart_node(s, 0);
	CHECK(moves_fetch(jobs_moves(s->jobs), 1, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

/* There is no way back to the dead: what the spool holds goes in all the same. */
static void
test_it_is_not_taken_back(void **state)
{
	static const enum move_state at[] = {MOVE_OPENING, MOVE_STUCK};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct sim *s = held_on_a_dead_node();
		struct err e;

		if (at[i] == MOVE_STUCK)
			s->refuse[ASK_IMPORT] = 1;
		CHECK(from_spool(s, &e));
		CHECK(sim_run_to_state(s, 0, at[i], HOUR_MS));
		CHECK(!moves_revert(jobs_moves(s->jobs), 1, false, &e));
		CHECK(strstr(e.text, "given up for dead") != NULL);
		CHECK(!moves_revert(jobs_moves(s->jobs), 1, true, &e));
		if (at[i] == MOVE_STUCK)
			CHECK(moves_retry(jobs_moves(s->jobs), 1, &e));
		sim_run(s, HOUR_MS);
		check_lives_from_the_spool(s);
		sim_done(s);
	}
}

/* Under the short lock that prepares the target nothing gives the account back either. */
static void
hook_dies_while_it_prepares(struct sim *s, const struct ask *a, enum move_state now)
{
	(void)a;
	if (s->hook_count > 0 || (int)now != s->hook_data)
		return;
	s->hook_count++;
	sim_crash_node(s, 0);
}

static void
test_dead_while_the_target_is_prepared(void **state)
{
	static const enum move_state at[] = {
	    MOVE_PREPARE_MAKING, MOVE_PREPARE_RETURNING, MOVE_PREPARE_OPENING};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct sim *s = anna_moves(20);
		struct err e;

		s->accounts[0].watched = false;
		s->hook_data = (int)at[i];
		s->seeding = true;
		s->on_ask = hook_dies_while_it_prepares;
		begin(s);
		sim_run_for(s, HOUR_MS);
		CHECK_INT(s->hook_count, 1);
		CHECK_STR(s->accounts[0].now.status, "locked");
		if (!from_spool(s, &e))
			fail_msg("%s: %s", move_states[at[i]].name, e.text);
		sim_run(s, HOUR_MS);
		check_lives_from_the_spool(s);
		sim_done(s);
	}
}

/* Back before the switch it has everything: there it stays, and is let in. */
static void
hook_is_back(struct sim *s, const struct ask *a, enum move_state now)
{
	(void)a;
	if (s->hook_count > 1 || now != MOVE_SPOOL_SWITCHING)
		return;
	s->hook_count = 2;
	sim_restart_node(s, 0);
}

static void
test_the_dead_node_is_back_before_the_switch(void **state)
{
	struct sim *s = dies_under_the_lock();
	struct err e;

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_UNLOCKING, HOUR_MS));
	sim_run_for(s, MINUTE_MS);
	s->on_ask = hook_is_back;
	s->slow_ms[ASK_SET_HOME] = 9000;
	CHECK(from_spool(s, &e));
	if (!sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS))
		fail_msg("%s: %s (%s)", move_states[sim_move_of(s, 0)->state].name,
		    sim_move_of(s, 0)->doing, s->why);
	CHECK_INT(s->hook_count, 2);
	CHECK(strstr(sim_move_of(s, 0)->error, "its mailboxd answers") != NULL);
	CHECK_INT(s->accounts[0].host, 0);
	CHECK_STR(s->accounts[0].now.status, s->accounts[0].before.status);
	s->slow_ms[ASK_SET_HOME] = 0;
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

/* What could not be fetched leaves everything as it was, also where it lives elsewhere by now. */
static void
test_one_that_lives_elsewhere_is_not_fetched(void **state)
{
	struct sim *s = lives_on_and_its_node_is_back();
	int target = s->accounts[0].host;
	struct err e;

	(void)state;
	sim_set_home(s, target, 0, 3 - target);
	CHECK(moves_fetch(jobs_moves(s->jobs), 1, &e));
	sim_run_for(s, HOUR_MS);
	if (sim_move_of(s, 0)->state != MOVE_SETTLED)
		fail_msg("%s: %s", move_states[sim_move_of(s, 0)->state].name,
		    sim_move_of(s, 0)->error);
	sim_set_home(s, target, 0, target);
	s->nodes[3 - target].box[0].present = false;
	CHECK(moves_fetch(jobs_moves(s->jobs), 1, &e));
	sim_run(s, HOUR_MS);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

/* Coming home over it would bring deleted mail back, and what is only there would be lost. */
static void
test_it_does_not_come_home_before(void **state)
{
	struct sim *s = lives_on_and_its_node_is_back();
	int target = s->accounts[0].host;
	struct err e;

	(void)state;
	s->cutover = NULL;
	CHECK_INT(sim_evacuate_to(s, target, s->nodes[0].name), 2);
	sim_run_for(s, HOUR_MS);
	CHECK_INT(s->accounts[0].host, target);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	if (strstr(sim_move_of(s, 0)->error, "zmferry move fetch m1") == NULL)
		fail_msg("%s", sim_move_of(s, 0)->error);
	CHECK(moves_fetch(jobs_moves(s->jobs), 1, &e));
	sim_run_for(s, HOUR_MS);
	CHECK_STR(moves_find(jobs_moves(s->jobs), 1)->data.verdict, "clean");
	sim_run(s, 24 * HOUR_MS);
	CHECK(jobs_change(s->jobs, 2, JOB_EV_RETRY, &e));
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	CHECK_INT(s->accounts[0].host, 0);
	sim_done(s);
}

/* Its job is over, and content still goes in: nobody moves it on meanwhile. */
static void
test_it_is_not_moved_on_while_it_fills(void **state)
{
	struct sim *s = held_on_a_dead_node();
	const struct move *first = sim_move_of(s, 0);
	struct err e;
	int target;

	(void)state;
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CANCEL, &e));
	sim_run_for(s, HOUR_MS);
	CHECK_INT(first->state, MOVE_ABANDONED);
	CHECK(job_states[jobs_find(s->jobs, 1)->state].is_end);
	s->slow_ms[ASK_IMPORT] = 5 * MINUTE_MS;
	CHECK(from_spool(s, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_BACKFILLING, HOUR_MS));
	target = s->accounts[0].host;
	s->cutover = NULL;
	CHECK_INT(sim_evacuate_to(s, target, s->nodes[3 - target].name), 2);
	while (first->state != MOVE_SETTLED) {
		CHECK_INT(first->state == MOVE_STUCK, 0);
		CHECK_INT(sim_move_of(s, 0)->started, 0);
		sim_run_for(s, 1000);
	}
	sim_run(s, HOUR_MS);
	CHECK_INT(s->accounts[0].host, 3 - target);
	sim_must_be_well(s);
	/* What the dead node alone has is told of still. */
	CHECK(sim_has_alert(s, "m1", "with what had been copied"));
	sim_free(&s);
}

/* Taken out of the cluster it holds nothing any more, and nobody is told to bring it back. */
static void
test_a_node_that_is_gone_for_good(void **state)
{
	struct sim *s = held_on_a_dead_node();
	struct err e;

	(void)state;
	CHECK(from_spool(s, &e));
	sim_run(s, HOUR_MS);
	check_lives_from_the_spool(s);
	moves_node_gone(jobs_moves(s->jobs), s->nodes[0].name);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_DONE);
	CHECK(!sim_has_alert(s, "m1", ""));
	CHECK(!moves_fetch(jobs_moves(s->jobs), 1, &e));
	sim_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_dead_nodes_mailbox_lives_on),
	    TEST(test_what_the_dead_node_had_is_fetched),
	    TEST(test_what_changed_in_the_spools_back_is_named),
	    TEST(test_its_owner_is_in_within_a_minute),
	    TEST(test_dead_under_the_lock),
	    TEST(test_the_wish_outlives_the_controller),
	    TEST(test_after_attempts_that_failed),
	    TEST(test_of_an_old_spool_more_ids_are_left_out),
	    TEST(test_refused_where_it_makes_no_sense),
	    TEST(test_a_source_that_answers_keeps_its_mailbox),
	    TEST(test_mailboxd_alone_is_dead),
	    TEST(test_one_without_a_mailbox),
	    TEST(test_a_few_at_a_time),
	    TEST(test_what_is_copied_is_counted),
	    TEST(test_contacts_that_were_left_are_fetched),
	    TEST(test_it_is_not_taken_back),
	    TEST(test_dead_while_the_target_is_prepared),
	    TEST(test_the_dead_node_is_back_before_the_switch),
	    TEST(test_one_that_lives_elsewhere_is_not_fetched),
	    TEST(test_it_does_not_come_home_before),
	    TEST(test_it_is_not_moved_on_while_it_fills),
	    TEST(test_a_node_that_is_gone_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
