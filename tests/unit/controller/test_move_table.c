/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a move are walked as tables: a wrong row cannot pass unseen. */
#include <stdio.h>

#include "controller/move.h"
#include "tests/unit/check.h"
#include "tests/unit/controller/drawing.h"

static bool
holds(enum move_state state, unsigned what)
{
	return (move_states[state].holds & what) != 0;
}

static size_t
edges_from(enum move_state from, enum move_event ev)
{
	size_t count = 0;

	for (size_t i = 0; i < move_edge_count; i++)
		count += move_edges[i].from == from && move_edges[i].event == ev;
	return count;
}

static size_t
effects_of(enum move_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < move_effect_count; i++)
		count += move_effects[i].state == state;
	return count;
}

/* Marks what can be reached from a state; stuck leads back only to where it got stuck. */
static void
reach(enum move_state from, bool seen[MOVE_STATE_COUNT])
{
	seen[from] = true;
	for (size_t i = 0; i < move_edge_count; i++) {
		enum move_state to = move_edges[i].to;

		if (move_edges[i].from == from && from != MOVE_STUCK && !seen[to])
			reach(to, seen);
	}
}

static void
test_every_state_is_named_and_says_what_holds(void **state)
{
	enum move_state parsed;

	(void)state;
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		CHECK(move_states[s].name != NULL && move_states[s].sentence[0] != '\0');
		CHECK(move_state_parse(move_states[s].name, &parsed));
		CHECK_INT(parsed, s);
	}
	CHECK(!move_state_parse("nowhere", &parsed));
}

static void
test_every_state_is_reachable(void **state)
{
	bool seen[MOVE_STATE_COUNT] = {false};

	(void)state;
	reach(MOVE_PLANNED, seen);
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		if (!seen[s])
			fail_msg("no way leads to %s", move_states[s].name);
	}
}

static void
test_never_two_writable_sides(void **state)
{
	(void)state;
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		enum move_state x = (enum move_state)s;

		CHECK(!(holds(x, SOURCE_WRITES) && holds(x, TARGET_WRITES)));
		CHECK(!(holds(x, SOURCE_WRITES) && holds(x, LOCKED)));
		/* Nobody writes only while it is said to be locked. */
		CHECK(holds(x, SOURCE_WRITES | TARGET_WRITES | LOCKED));
	}
}

/* The sides change hands only through a state where nobody writes. */
static void
test_no_edge_from_one_writable_side_to_the_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < move_edge_count; i++) {
		enum move_state from = move_edges[i].from;
		enum move_state to = move_edges[i].to;

		if ((holds(from, SOURCE_WRITES) && holds(to, TARGET_WRITES)) ||
		    (holds(from, TARGET_WRITES) && holds(to, SOURCE_WRITES)))
			fail_msg(
			    "%s -> %s", move_states[from].name, move_states[to].name);
	}
}

static void
test_every_way_is_complete(void **state)
{
	(void)state;
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		enum move_state x = (enum move_state)s;

		if (holds(x, MOVE_END) || x == MOVE_STUCK) {
			CHECK_INT(edges_from(x, EV_OK) + edges_from(x, EV_FAILED), 0);
			CHECK_INT(move_states[s].give_up_s, 0);
			continue;
		}
		CHECK_INT(edges_from(x, EV_OK), 1);
		CHECK_INT(edges_from(x, EV_FAILED), 1);
		CHECK(move_states[s].give_up_s > 0);
		/* Passed over in this version, and the only one. */
		if (x != MOVE_PREPARING && effects_of(x) == 0)
			fail_msg("%s does nothing", move_states[s].name);
	}
}

static void
test_every_end_is_on_one_side(void **state)
{
	(void)state;
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		enum move_state x = (enum move_state)s;

		if (holds(x, MOVE_END))
			CHECK(holds(x, SOURCE_WRITES) != holds(x, TARGET_WRITES));
	}
}

/* From opening on only forward: to other such states, or stuck and back to where it was. */
static void
test_no_way_back_from_forward_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < move_edge_count; i++) {
		const struct move_edge *e = &move_edges[i];

		if (holds(e->from, FORWARD_ONLY) && !holds(e->to, FORWARD_ONLY))
			CHECK_INT(e->to, MOVE_STUCK);
	}
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		const struct move_edge *e =
		    move_edge_find(MOVE_STUCK, EV_RETRY, (enum move_state)s);

		if (e != NULL)
			CHECK_INT(e->to, s);
		/* Whatever can get stuck has its way on; a way back that is undone is where it was. */
		if (s != MOVE_REVERT_RETURNING &&
		    move_edge_find((enum move_state)s, EV_FAILED, 0) != NULL &&
		    move_edge_find((enum move_state)s, EV_FAILED, 0)->to == MOVE_STUCK)
			CHECK(e != NULL);
	}
}

static void
test_cancelling_is_possible_exactly_where_it_is_said(void **state)
{
	(void)state;
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		enum move_state x = (enum move_state)s;

		CHECK_INT(edges_from(x, EV_CANCEL), holds(x, MAY_CANCEL) ? 1 : 0);
		CHECK(!(holds(x, MAY_CANCEL) && holds(x, FORWARD_ONLY)));
		/* What has locked somebody is undone, not left; so is what was made early. */
		if (holds(x, MAY_CANCEL))
			CHECK_INT(move_edge_find(x, EV_CANCEL, 0)->to,
			    holds(x, LOCKED)	  ? MOVE_UNLOCKING
			    : x >= MOVE_PREPARING ? MOVE_UNPREPARING
						  : MOVE_ABANDONED);
	}
}

static void
test_a_failure_leads_to_an_undo_before_the_opening(void **state)
{
	(void)state;
	for (int s = MOVE_LOCKING; s < MOVE_OPENING; s++)
		CHECK_INT(
		    move_edge_find((enum move_state)s, EV_FAILED, 0)->to, MOVE_UNLOCKING);
}

/* No event has two ways, and no two rows say the same. */
static void
test_every_way_is_clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < move_edge_count; i++) {
		CHECK(move_edges[i].why[0] != '\0');
		for (size_t k = i + 1; k < move_edge_count; k++) {
			if (move_edges[i].from == move_edges[k].from &&
			    move_edges[i].event == move_edges[k].event &&
			    move_edges[i].from != MOVE_STUCK)
				fail_msg("%s has two ways for \"%s\"",
				    move_states[move_edges[i].from].name,
				    move_event_name(move_edges[i].event));
		}
	}
}

/* --- effects --- */

static int
effect_place(enum move_state state, enum ask_kind kind)
{
	int place = 0;

	for (size_t i = 0; i < move_effect_count; i++) {
		if (move_effects[i].state != state)
			continue;
		if (move_effects[i].kind == kind)
			return place;
		place++;
	}
	return -1;
}

static void
test_what_must_come_first_comes_first(void **state)
{
	(void)state;
	/* values are read and the lease runs before anybody is locked out */
	CHECK(effect_place(MOVE_LOCKING, ASK_FREEZE_READ) >= 0);
	CHECK(effect_place(MOVE_LOCKING, ASK_FREEZE_READ) <
	      effect_place(MOVE_LOCKING, ASK_LEASE));
	CHECK(
	    effect_place(MOVE_LOCKING, ASK_LEASE) < effect_place(MOVE_LOCKING, ASK_LOCK));
	/* the master is read after the switch, whatever came out of it */
	CHECK(effect_place(MOVE_SWITCHING, ASK_SET_HOME) <
	      effect_place(MOVE_SWITCHING, ASK_READ_ACCOUNT));
	/* old sessions end before people are let in */
	CHECK(effect_place(MOVE_STEERING, ASK_SESSIONS) >= 0);
	/* contacts before the rest, and the account is given back after all of it */
	CHECK(effect_place(MOVE_OPENING, ASK_MEND) <
	      effect_place(MOVE_OPENING, ASK_RESTORE));
	/* the quota comes back when nothing goes in any more */
	CHECK(
	    effect_place(MOVE_MENDING, ASK_MEND) < effect_place(MOVE_MENDING, ASK_QUOTA));
	/* the home is looked at before anything is undone, and the fence goes before people come */
	CHECK_INT(effect_place(MOVE_UNLOCKING, ASK_READ_ACCOUNT), 0);
	CHECK(effect_place(MOVE_UNLOCKING, ASK_SET_HOME) <
	      effect_place(MOVE_UNLOCKING, ASK_UNFENCE));
	CHECK(effect_place(MOVE_UNLOCKING, ASK_SET_HOME) <
	      effect_place(MOVE_UNLOCKING, ASK_DROP_ROW));
	CHECK(effect_place(MOVE_UNLOCKING, ASK_UNFENCE) <
	      effect_place(MOVE_UNLOCKING, ASK_RESTORE));
	CHECK(effect_place(MOVE_UNLOCKING, ASK_RESTORE) <
	      effect_place(MOVE_UNLOCKING, ASK_UNLEASE));
}

static void
test_nothing_is_destroyed_but_where_it_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < move_effect_count; i++) {
		const struct move_effect *x = &move_effects[i];

		if (x->kind == ASK_DROP) {
			CHECK(x->state == MOVE_SETTLED || x->state == MOVE_DONE);
			CHECK(x->wanted != NULL);
		}
		if (x->kind == ASK_PURGE) {
			CHECK(
			    x->state == MOVE_PURGING || x->state == MOVE_PURGE_DELETING);
			CHECK(effect_place(x->state, ASK_PURGE) > 0 ||
			      x->state == MOVE_PURGE_DELETING);
		}
		if (x->kind == ASK_DROP_ROW) {
			CHECK(!holds(x->state, FORWARD_ONLY));
			CHECK(x->wanted != NULL);
		}
	}
}

static void
test_the_spool_goes_only_with_a_clean_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < move_effect_count; i++) {
		struct move m = {
		    .state = move_effects[i].state, .data.revert_tried = true};

		if (move_effects[i].kind != ASK_DROP)
			continue;
		CHECK(!move_effects[i].wanted(&m));
		snprintf(m.data.verdict, sizeof(m.data.verdict), "not clean");
		CHECK(!move_effects[i].wanted(&m));
		snprintf(m.data.verdict, sizeof(m.data.verdict), "clean");
		CHECK(move_effects[i].wanted(&m));
		/* what was withheld lies in it, and goes with the old copy */
		m.data.withheld = 1;
		CHECK(move_effects[i].wanted(&m) == (m.state == MOVE_DONE));
		m.data.withheld = 0;
		m.data.spool_dropped = true;
		CHECK(!move_effects[i].wanted(&m));
	}
}

/* Opened twice, as after a crash: who was given back his quota keeps it. */
static void
test_the_quota_is_lifted_only_under_the_lock(void **state)
{
	(void)state;
	for (size_t i = 0; i < move_effect_count; i++) {
		struct move m = {.state = move_effects[i].state};

		if (move_effects[i].kind != ASK_ALLOW_IMPORT)
			continue;
		CHECK(holds(m.state, LOCKED));
		CHECK(move_effects[i].wanted(&m));
		m.data.restored = true;
		CHECK(!move_effects[i].wanted(&m));
	}
}

static void
test_the_pictures_are_true(void **state)
{
	(void)state;
	check_drawn("move.dot", "tests/golden/move.dot");
	check_drawn("state-names.txt", "tests/golden/state-names.txt");
	check_drawn("state-machine.md", "docs/state-machine.md");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_every_state_is_named_and_says_what_holds),
	    TEST(test_every_state_is_reachable),
	    TEST(test_never_two_writable_sides),
	    TEST(test_no_edge_from_one_writable_side_to_the_other),
	    TEST(test_every_way_is_complete),
	    TEST(test_every_end_is_on_one_side),
	    TEST(test_no_way_back_from_forward_only),
	    TEST(test_cancelling_is_possible_exactly_where_it_is_said),
	    TEST(test_a_failure_leads_to_an_undo_before_the_opening),
	    TEST(test_every_way_is_clear),
	    TEST(test_what_must_come_first_comes_first),
	    TEST(test_nothing_is_destroyed_but_where_it_is_said),
	    TEST(test_the_spool_goes_only_with_a_clean_verdict),
	    TEST(test_the_quota_is_lifted_only_under_the_lock),
	    TEST(test_the_pictures_are_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
