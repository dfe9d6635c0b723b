/* SPDX-License-Identifier: Apache-2.0 */
/* Halved while people wait, one more at a time when they do not. */
#include "controller/lane_limits.h"

#include "proto/base/err.h"
#include "tests/unit/check.h"

static void
test_one_step(void **state)
{
	static const struct {
		uint32_t now, most;
		bool strained;
		uint32_t next;
	} rows[] = {
	    {8, 8, true, 4},
	    {4, 8, true, 2},
	    {1, 8, true, 1}, /* one always goes on */
	    {3, 8, true, 1},
	    {1, 8, false, 2},
	    {7, 8, false, 8},
	    {8, 8, false, 8},
	    {9, 4, false, 4}, /* a reload made it less */
	    {9, 4, true, 2},
	    {1, 1, true, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(lane_limits_next(rows[i].now, rows[i].most, rows[i].strained),
		    rows[i].next);
}

static void
test_down_at_once_and_up_slowly(void **state)
{
	struct lane_limits *l = lane_limits_new();
	uint64_t t = 1000;

	(void)state;
	CHECK_INT(lane_limits_at(l, "mbs2", 8, false, t), 8);
	CHECK_INT(lane_limits_at(l, "mbs2", 8, true, t), 4);
	/* a step shows its effect before the next */
	CHECK_INT(lane_limits_at(l, "mbs2", 8, true, t + LANES_DOWN_MS - 1), 4);
	CHECK_INT(lane_limits_at(l, "MBS2", 8, true, t + LANES_DOWN_MS), 2);
	CHECK_INT(lane_limits_at(l, "mbs3", 8, false, t + LANES_DOWN_MS), 8);
	t += LANES_DOWN_MS;
	CHECK_INT(lane_limits_at(l, "mbs2", 8, false, t + LANES_UP_MS - 1), 2);
	CHECK_INT(lane_limits_at(l, "mbs2", 8, false, t + LANES_UP_MS), 3);
	/* asked rarely */
	CHECK_INT(lane_limits_at(l, "mbs2", 8, false, t + 3 * LANES_UP_MS), 5);
	CHECK_INT(lane_limits_at(l, "mbs2", 8, false, t + 30 * LANES_UP_MS), 8);
	CHECK_INT(lane_limits_at(l, "mbs2", 8, true, t + 30 * LANES_UP_MS), 4);
	lane_limits_free(&l);
	CHECK(l == NULL);
	lane_limits_free(&l);
}

static void
test_strain_that_comes_and_goes_holds_it_down(void **state)
{
	struct lane_limits *l = lane_limits_new();
	uint32_t lanes = 8;

	(void)state;
	/* Strained a third of the time: it never rests half a minute, so it never goes up. */
	for (uint64_t t = 0; t < 600000; t += 5000) {
		uint32_t now = lane_limits_at(l, "mbs2", 8, t % 15000 == 0, 1000 + t);

		CHECK(now <= lanes);
		lanes = now;
	}
	CHECK_INT(lanes, 1);
	lane_limits_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_one_step),
	    TEST(test_down_at_once_and_up_slowly),
	    TEST(test_strain_that_comes_and_goes_holds_it_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
