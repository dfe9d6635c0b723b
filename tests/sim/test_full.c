/* SPDX-License-Identifier: Apache-2.0 */
/* Full disks: where the mail waits on its way, and where the journal is. */
#include <stdio.h>
#include <string.h>

#include "controller/journal_private.h"
#include "tests/sim/sim.h"
#include "tests/unit/check.h"

static struct sim *
accounts(int count)
{
	struct sim *s = sim_new(5);

	for (int i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "u%d", i);
		sim_add_account(s, name, 0, 20);
	}
	return s;
}

/* --- the spool's --- */

static void
fill_targets(struct sim *s, bool full)
{
	for (int n = 1; n < SIM_NODES; n++)
		s->disk_full[n] = full;
}

static void
test_before_the_lock_a_full_disk_is_waited_for(void **state)
{
	struct sim *s = accounts(1);

	(void)state;
	sim_start(s);
	fill_targets(s, true);
	sim_evacuate(s, 0);
	sim_run_for(s, 3 * DAY_MS); /* no state's time ends it */
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_STAGING);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	CHECK(strstr(sim_move_of(s, 0)->doing, "the disk is full") != NULL);
	CHECK(sim_has_alert(s, "m1", "the disk is full"));
	fill_targets(s, false);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	CHECK_INT(sim_move_of(s, 0)->tries, 0);
	CHECK(!sim_has_alert(s, "m1", ""));
	sim_done(s);
}

static void
test_who_does_not_want_to_wait_for_room_cancels(void **state)
{
	struct sim *s = accounts(1);
	struct err e;

	(void)state;
	sim_start(s);
	fill_targets(s, true);
	sim_evacuate(s, 0);
	sim_run_for(s, HOUR_MS);
	CHECK(sim_has_alert(s, "m1", "the disk is full"));
	CHECK(jobs_change(s->jobs, 1, JOB_EV_CANCEL, &e));
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_ABANDONED);
	CHECK(!sim_has_alert(s, "m1", ""));
	sim_done(s);
}

/* Nobody is locked out until somebody has made room; then it begins anew, and waits. */
static void
test_under_the_lock_a_full_disk_leads_back(void **state)
{
	struct sim *s = accounts(1);

	(void)state;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_CATCHING_UP, HOUR_MS));
	fill_targets(s, true);
	CHECK(sim_run_to_state(s, 0, MOVE_ABANDONED, MINUTE_MS));
	CHECK_STR(s->accounts[0].now.status, "active");
	CHECK_INT(s->accounts[0].host, 0);
	CHECK(sim_move_of(s, 0)->data.lock_ms < 5000);
	sim_run_for(s, DAY_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_STAGING);
	CHECK_INT(sim_move_of(s, 0)->tries, 1);
	fill_targets(s, false);
	sim_run(s, HOUR_MS);
	CHECK_INT(sim_move_of(s, 0)->state, MOVE_SETTLED);
	sim_done(s);
}

/* --- the journal's --- */

static uint32_t
count_in(struct sim *s, enum move_state from, enum move_state to)
{
	uint32_t count = 0;

	for (int i = 0; i < s->account_count; i++) {
		const struct move *m = sim_move_of(s, i);

		count += m != NULL && m->state >= from && m->state <= to;
	}
	return count;
}

static void
test_on_the_reserve_locks_end_and_none_begins(void **state)
{
	struct sim *s = accounts(12);
	struct job_progress p;
	uint32_t arrived;

	(void)state;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_CATCHING_UP, HOUR_MS));
	s->journal->is_short = true;
	sim_run_for(s, HOUR_MS);
	CHECK_INT(count_in(s, MOVE_LOCKING, MOVE_MENDING), 0);
	arrived = count_in(s, MOVE_VERIFYING, MOVE_DONE);
	CHECK(arrived >= 1 && arrived < 12);
	CHECK_INT(arrived + count_in(s, MOVE_PLANNED, MOVE_FOLLOWING), 12);
	jobs_progress(s->jobs, 1, &p);
	CHECK_STR(p.stall, JOURNAL_SHORT);
	CHECK_INT(sim_evacuate_to(s, 1, ""), 0); /* nothing new */
	s->journal->is_short = false;
	sim_run(s, HOUR_MS);
	CHECK_INT(count_in(s, MOVE_SETTLED, MOVE_DONE), 12);
	sim_done(s);
}

/* It would be a second lock for a head start; a rehearsal's move must not count as tried. */
static void
test_on_the_reserve_nobody_is_seeded_and_it_is_said(void **state)
{
	struct sim *s = accounts(1);
	const struct move *m;

	(void)state;
	s->seeding = true;
	sim_start(s);
	sim_evacuate(s, 0);
	CHECK(sim_run_to_state(s, 0, MOVE_STAGING, HOUR_MS));
	s->journal->is_short = true;
	CHECK(sim_run_to_state(s, 0, MOVE_FOLLOWING, HOUR_MS));
	m = sim_move_of(s, 0);
	CHECK(!m->data.seeding && !m->data.prepared);
	CHECK_STR(m->data.seeding_why, "it was to be, but " JOURNAL_SHORT);
	s->journal->is_short = false;
	sim_run(s, HOUR_MS);
	CHECK_STR(sim_move_of(s, 0)->data.verdict, "clean");
	sim_done(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_before_the_lock_a_full_disk_is_waited_for),
	    TEST(test_who_does_not_want_to_wait_for_room_cancels),
	    TEST(test_under_the_lock_a_full_disk_leads_back),
	    TEST(test_on_the_reserve_locks_end_and_none_begins),
	    TEST(test_on_the_reserve_nobody_is_seeded_and_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
