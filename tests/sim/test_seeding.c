/* SPDX-License-Identifier: Apache-2.0 */
/* The target's mailbox is filled before the lock, and goes with its move. */
#include <string.h>

#include "tests/sim/sim.h"
#include "tests/unit/check.h"

static struct sim_box *
target_box(struct sim *s)
{
	return &s->nodes[sim_node_find(s, sim_move_of(s, 0)->target)].box[0];
}

static struct sim *
one_account_is_seeded(size_t items)
{
	struct sim *s = sim_new(5);

	sim_add_account(s, "anna", 0, items);
	s->seeding = true;
	s->limits.moves.early_ms = 0;
	sim_start(s);
	sim_evacuate(s, 0);
	return s;
}

/* Most of it is there before anybody is locked, and is not put in again. */
static void
test_the_mailbox_is_filled_before_the_lock(void **state)
{
	struct sim *s = one_account_is_seeded(40);
	size_t before;

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_LOCKING, HOUR_MS));
	before = target_box(s)->count;
	CHECK(before > 20 && before < 40);
	CHECK_INT(s->accounts[0].host, 0);
	CHECK_INT(sim_move_of(s, 0)->data.seeded, before);
	CHECK_STR(sim_move_of(s, 0)->data.seeding_why, "the simulation's");
	CHECK(sim_run_to_state(s, 0, MOVE_OPENING, HOUR_MS));
	CHECK_INT(target_box(s)->count, before);
	sim_run(s, HOUR_MS);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	CHECK_INT(target_box(s)->count, 40);
	sim_done(s);
}

/* What happens on the source meanwhile happens there, too. */
static void
test_what_is_filled_follows_the_source(void **state)
{
	struct sim *s = one_account_is_seeded(40);

	(void)state;
	s->mail_every_ms = 400;
	s->act_every_ms = 300;
	sim_begin_life(s);
	CHECK(sim_run_to_state(s, 0, MOVE_LOCKING, HOUR_MS));
	CHECK(target_box(s)->count > 20);
	s->world_quiet = true;
	sim_run(s, HOUR_MS);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

/* Messages of the source that its copy lacks; of those that the model's agent takes. */
static size_t
left_to_fill(struct sim *s)
{
	const struct sim_box *source = &s->nodes[0].box[0];
	size_t left = 0;

	for (size_t i = 0; i < source->count; i++) {
		uint32_t serial = source->items[i].serial;

		if (serial % 5 != 0 && serial % 7 != 0)
			left += sim_box_find(target_box(s), serial) == NULL;
	}
	return left;
}

static void
ends_clean(struct sim *s)
{
	s->world_quiet = true;
	sim_run(s, HOUR_MS);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

/* Filling took long and much came meanwhile: that goes in before the lock, too. */
static void
test_little_is_left_to_be_filled_under_the_lock(void **state)
{
	struct sim *s = one_account_is_seeded(40);

	(void)state;
	s->slow_ms[ASK_SEED] = 8000;
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	s->mail_every_ms = 400;
	sim_begin_life(s);
	sim_run_for(s, 2000);
	s->slow_ms[ASK_SEED] = 0;
	CHECK(sim_run_to_state(s, 0, MOVE_LOCKING, HOUR_MS));
	CHECK(s->nodes[0].box[0].count > 50);
	CHECK(left_to_fill(s) <= 5);
	ends_clean(s);
}

/* So it is after hours of waiting, in which it had more passes than a move makes in a row. */
static void
test_little_is_left_after_a_long_wait(void **state)
{
	struct sim *s = sim_new(5);
	struct err e;

	(void)state;
	sim_add_account(s, "anna", 0, 40);
	s->seeding = true;
	s->cutover = "go";
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run_for(s, 8 * HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_FOLLOWING);
	CHECK(sim_move_of(s, 0)->data.passes > 20);
	s->mail_every_ms = 400;
	sim_begin_life(s);
	sim_run_for(s, 6000);
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CONTINUE, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_LOCKING, HOUR_MS));
	CHECK(s->nodes[0].box[0].count > 50);
	CHECK(left_to_fill(s) <= 5);
	ends_clean(s);
}

/* It goes with the move: nothing of it is nowhere else. */
static void
test_what_is_filled_goes_with_the_move(void **state)
{
	struct sim *s = one_account_is_seeded(40);
	struct err e;

	(void)state;
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	sim_run_for(s, 1000);
	CHECK(moves_cancel(jobs_moves(s->jobs), 1, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS));
	CHECK(!target_box(s)->present);
	CHECK_INT(s->row_drops, 1);
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	sim_free(&s);
}

/* No longer loaded it cannot be filled; what is in it follows the source under the lock. */
static void
test_what_is_filled_may_be_unloaded(void **state)
{
	struct sim *s = one_account_is_seeded(40);

	(void)state;
	s->act_every_ms = 300;
	s->slow_ms[ASK_STAGE] = 4000;
	sim_begin_life(s);
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	sim_run_for(s, 2000);
	CHECK(target_box(s)->count > 20);
	target_box(s)->loaded = false;
	CHECK(sim_run_to_state(s, 0, MOVE_OPENING, HOUR_MS));
	s->world_quiet = true;
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

/* The agent there refuses it: the move goes on as one without. */
static void
test_what_cannot_be_filled_is_imported(void **state)
{
	struct sim *s = one_account_is_seeded(40);

	(void)state;
	s->refuse[ASK_SEED] = 1000;
	CHECK(sim_run_to_state(s, 0, MOVE_OPENING, HOUR_MS));
	CHECK_INT(target_box(s)->count, 0);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

/* Mail in the copy that nobody put there is nowhere else: neither filled nor deleted. */
static void
test_a_copy_with_strange_mail_is_not_filled(void **state)
{
	struct sim *s = one_account_is_seeded(40);
	struct err e;

	(void)state;
	s->accounts[0].watched = false;
	s->slow_ms[ASK_STAGE] = 4000;
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	sim_box_add(s, target_box(s), ++s->next_serial, 0);
	sim_run_for(s, 2000);
	CHECK(moves_cancel(jobs_moves(s->jobs), 1, &e));
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, HOUR_MS));
	CHECK(target_box(s)->present);
	CHECK_INT(s->row_drops, 0);
	sim_run(s, HOUR_MS);
	sim_must_be_well(s);
	sim_free(&s);
}

/* A mail that was under way to the copy: its owner finds it after the switch. */
static void
test_mail_that_comes_into_what_is_filled_is_kept(void **state)
{
	struct sim *s = one_account_is_seeded(40);

	(void)state;
	s->accounts[0].watched = false;
	s->slow_ms[ASK_STAGE] = 4000;
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	sim_run_for(s, 2000);
	sim_sneak_mail(s, sim_node_find(s, sim_move_of(s, 0)->target), 0);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	CHECK_INT(target_box(s)->count, 41);
	sim_done(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_mailbox_is_filled_before_the_lock),
	    TEST(test_what_is_filled_follows_the_source),
	    TEST(test_little_is_left_to_be_filled_under_the_lock),
	    TEST(test_little_is_left_after_a_long_wait),
	    TEST(test_what_is_filled_goes_with_the_move),
	    TEST(test_what_is_filled_may_be_unloaded),
	    TEST(test_what_cannot_be_filled_is_imported),
	    TEST(test_a_copy_with_strange_mail_is_not_filled),
	    TEST(test_mail_that_comes_into_what_is_filled_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
