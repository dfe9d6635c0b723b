/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a job, walked as a table. */
#include "controller/job.h"
#include "tests/unit/check.h"
#include "tests/unit/controller/drawing.h"

static void
reach(enum job_state from, bool seen[JOB_STATE_COUNT])
{
	seen[from] = true;
	for (size_t i = 0; i < job_edge_count; i++) {
		if (job_edges[i].from == from && !seen[job_edges[i].to])
			reach(job_edges[i].to, seen);
	}
}

static void
test_every_state_is_reachable_and_named(void **state)
{
	bool seen[JOB_STATE_COUNT] = {false};
	enum job_state parsed;

	(void)state;
	reach(JOB_MOVING, seen);
	for (int s = 0; s < JOB_STATE_COUNT; s++) {
		if (!seen[s])
			fail_msg("no way leads to %s", job_states[s].name);
		CHECK(job_state_parse(job_states[s].name, &parsed));
		CHECK_INT(parsed, s);
	}
	CHECK(!job_state_parse("nowhere", &parsed));
}

static void
test_an_end_is_left_only_by_a_person(void **state)
{
	(void)state;
	for (size_t i = 0; i < job_edge_count; i++) {
		if (job_states[job_edges[i].from].is_end) {
			CHECK_INT(job_edges[i].event, JOB_EV_RETRY);
			CHECK_INT(job_edges[i].to, JOB_MOVING);
		}
	}
}

static void
test_every_state_has_a_way_to_an_end(void **state)
{
	(void)state;
	for (int s = 0; s < JOB_STATE_COUNT; s++) {
		bool seen[JOB_STATE_COUNT] = {false};
		bool ends = false;

		reach((enum job_state)s, seen);
		for (int x = 0; x < JOB_STATE_COUNT; x++)
			ends = ends || (seen[x] && job_states[x].is_end);
		CHECK(ends);
	}
}

/* Done is said by the gate alone, and nothing is started but while moving. */
static void
test_only_the_gate_says_done(void **state)
{
	(void)state;
	for (size_t i = 0; i < job_edge_count; i++) {
		if (job_edges[i].to == JOB_DONE ||
		    job_edges[i].to == JOB_DONE_WITH_FAILURES)
			CHECK_INT(job_edges[i].from, JOB_GATE);
	}
	for (int s = 0; s < JOB_STATE_COUNT; s++)
		CHECK_INT(job_states[s].starts_moves, s == JOB_MOVING);
}

static void
test_every_unfinished_job_can_be_cancelled(void **state)
{
	(void)state;
	for (int s = 0; s < JOB_STATE_COUNT; s++) {
		if (!job_states[s].is_end && s != JOB_CANCELLING)
			CHECK(job_edge_find((enum job_state)s, JOB_EV_CANCEL) != NULL);
	}
}

static void
test_every_way_is_clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < job_edge_count; i++) {
		CHECK(job_edges[i].why[0] != '\0');
		CHECK(job_edge_find(job_edges[i].from, job_edges[i].event) ==
		      &job_edges[i]);
	}
}

static void
test_the_picture_is_true(void **state)
{
	(void)state;
	check_drawn("job.dot", "tests/golden/job.dot");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_every_state_is_reachable_and_named),
	    TEST(test_an_end_is_left_only_by_a_person),
	    TEST(test_every_state_has_a_way_to_an_end),
	    TEST(test_only_the_gate_says_done),
	    TEST(test_every_unfinished_job_can_be_cancelled),
	    TEST(test_every_way_is_clear),
	    TEST(test_the_picture_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
