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
	reach(JOB_QUEUED, seen); /* where a job begins while another is open */
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

/* Of mailboxes done is said by the gate alone, and nothing is started but while moving. */
static void
test_only_the_gate_says_done(void **state)
{
	(void)state;
	for (size_t i = 0; i < job_edge_count; i++) {
		enum job_state from = job_edges[i].from;

		if (job_edges[i].to == JOB_DONE_WITH_FAILURES)
			CHECK_INT(from, JOB_GATE);
		if (job_edges[i].to == JOB_DONE)
			CHECK(from == JOB_GATE || from == JOB_JOINING ||
			      from == JOB_DISMANTLING || from == JOB_BY_HAND);
	}
	for (int s = 0; s < JOB_STATE_COUNT; s++)
		CHECK_INT(job_states[s].starts_moves, s == JOB_MOVING);
}

static void
test_every_unfinished_job_can_be_cancelled(void **state)
{
	(void)state;
	for (int s = 0; s < JOB_STATE_COUNT; s++) {
		/* A node that is half out must go all the way. */
		if (!job_states[s].is_end && s != JOB_CANCELLING && s != JOB_UNLISTING &&
		    s != JOB_DISMANTLING && s != JOB_BY_HAND)
			CHECK(job_edge_find((enum job_state)s, JOB_EV_CANCEL) != NULL);
	}
}

/* Nothing is taken away but through the question whether it is safe. */
static void
test_a_node_goes_only_through_the_safety_question(void **state)
{
	(void)state;
	for (size_t i = 0; i < job_edge_count; i++) {
		const struct job_edge *edge = &job_edges[i];

		if (edge->to == JOB_UNLISTING)
			CHECK_INT(edge->from, JOB_SAFETY);
		if (edge->to == JOB_DISMANTLING)
			CHECK_INT(edge->from, JOB_UNLISTING);
		if (edge->to == JOB_SAFETY)
			CHECK(edge->from == JOB_GATE || edge->from == JOB_REMOVE_HELD);
	}
}

static void
test_who_waits_for_a_person_goes_on_by_a_word(void **state)
{
	(void)state;
	for (int s = 0; s < JOB_STATE_COUNT; s++) {
		if (job_states[s].waits)
			CHECK(job_edge_find((enum job_state)s, JOB_EV_CONTINUE) != NULL);
	}
}

/* While a person is waited for, a node that fails must not have to wait for him too. */
static void
test_who_waits_holds_no_turn(void **state)
{
	(void)state;
	for (int s = 0; s < JOB_STATE_COUNT; s++) {
		if (job_states[s].waits || job_states[s].is_end)
			CHECK(!job_states[s].holds_turn);
		if (job_states[s].starts_moves)
			CHECK(job_states[s].holds_turn);
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
	    TEST(test_a_node_goes_only_through_the_safety_question),
	    TEST(test_who_waits_for_a_person_goes_on_by_a_word),
	    TEST(test_who_waits_holds_no_turn),
	    TEST(test_every_way_is_clear),
	    TEST(test_the_picture_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
