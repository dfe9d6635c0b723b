/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan will take, by what was seen. */
#include <stdio.h>

#include "controller/plan_times.h"
#include "tests/unit/check.h"

static struct plan *
plan_with(const uint64_t *items, size_t count)
{
	struct plan *p = plan_new(PLAN_EVACUATE, "mbs1");

	for (int i = 1; i <= 3; i++)
		snprintf(plan_add_node(p)->name, WORLD_NAME, "mbs%d", i);
	for (size_t i = 0; i < count; i++) {
		struct plan_account *a = plan_add_account(p);

		snprintf(a->name, sizeof(a->name), "user%zu", i);
		a->items = items[i];
		a->target = 1 + (int)(i % 2);
	}
	return p;
}

static void
test_few_moves_say_nothing(void **state)
{
	struct plan_rates r;

	(void)state;
	plan_rates_from(3, 100, 90000, 0, &r);
	CHECK(!r.measured);
	CHECK(r.per_item_ms > 8 && r.per_item_ms < 10);
	plan_rates_from(0, 0, 0, 0, &r);
	CHECK(!r.measured);
}

static void
test_what_was_seen_is_the_rate(void **state)
{
	struct plan_rates r;

	(void)state;
	plan_rates_from(10, 2000, 10 * 500 + 2000 * 4, 0, &r);
	CHECK(r.measured);
	CHECK(r.per_item_ms > 3.9 && r.per_item_ms < 4.1);
	/* Never below nothing, however quick small ones were. */
	plan_rates_from(1000, 2000, 1000, 0, &r);
	CHECK(r.per_item_ms > 0);
}

static void
test_the_longest_is_named(void **state)
{
	static const uint64_t items[] = {100, 200, 8400, 300, 100};
	struct plan *p = plan_with(items, 5);
	struct plan_rates r = {.measured = true, .fixed_ms = 500, .per_item_ms = 10};
	struct plan_times t;

	(void)state;
	plan_times(p, &r, &t);
	CHECK(t.measured);
	CHECK_STR(t.longest, "user2");
	CHECK_INT(t.lock_longest_ms, 84500);
	CHECK_INT(t.lock_median_ms, 2500);
	CHECK(t.seconds >= 84); /* never shorter than its longest */
	CHECK(t.seconds < 100);
	plan_free(&p);
}

/* People wait for the hot time, or as long as the counters and the newest mail take. */
static void
test_the_lock_does_not_grow_with_the_mailbox(void **state)
{
	static const uint64_t items[] = {100, 1000, 8400, 1000};
	struct plan *p = plan_with(items, 4);
	struct plan_rates r = {.fixed_ms = 500, .per_item_ms = 8, .hot_ms = 3000};
	struct plan_times t;

	(void)state;
	plan_times(p, &r, &t);
	CHECK_INT(t.lock_median_ms, 3500);
	CHECK_INT(t.lock_longest_ms, 500 + 8400 * 2 + 100 * 6);
	CHECK(t.seconds >= 67); /* and the rest follows while they work */
	plan_free(&p);
}

static void
test_nodes_work_side_by_side(void **state)
{
	uint64_t items[40];
	struct plan *p;
	struct plan_rates r = {.fixed_ms = 500, .per_item_ms = 10};
	struct plan_times all, half;

	(void)state;
	for (size_t i = 0; i < 40; i++)
		items[i] = 1000;
	p = plan_with(items, 40);
	plan_times(p, &r, &all);
	for (size_t i = 0; i < 40; i++)
		p->accounts[i].target = i % 2 == 0 ? 1 : -1;
	plan_times(p, &r, &half);
	CHECK_INT(all.seconds, half.seconds);
	plan_free(&p);
	p = plan_with(items, 0);
	plan_times(p, &r, &all);
	CHECK_INT(all.seconds, 0);
	CHECK_STR(all.longest, "");
	plan_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_few_moves_say_nothing),
	    TEST(test_what_was_seen_is_the_rate),
	    TEST(test_the_longest_is_named),
	    TEST(test_the_lock_does_not_grow_with_the_mailbox),
	    TEST(test_nodes_work_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
