/* SPDX-License-Identifier: Apache-2.0 */
/* Pools with cordoned servers: what is written, what is remembered, what is undone. */
#include <string.h>

#include "controller/pools.h"
#include "tests/unit/check.h"

static struct pool
of(const char *text)
{
	struct pool p;

	CHECK(pool_read(text, &p));
	return p;
}

static void
check_pool(const struct pool *p, const char *expected)
{
	struct pool wanted = of(expected);

	if (!pool_equal(p, &wanted)) {
		char text[400];

		pool_write(p, text, sizeof(text));
		fail_msg("is \"%s\", not \"%s\"", text, expected);
	}
}

static const char *const all_text = "a b c";

/* Makes what pool_plan says true, as the cordon does. */
static void
apply(struct pool *now, struct pool_record *record, bool *have, const char *cordoned_text,
    struct pool_change *change)
{
	struct pool cordoned = of(cordoned_text);
	struct pool all = of(all_text);
	struct pool_record next = *record;

	CHECK(pool_plan(now, *have ? record : NULL, &cordoned, &all, &next, change));
	if (change->write)
		*now = next.wanted;
	*record = next;
	*have = change->remember;
}

static void
test_an_empty_pool_is_filled_and_emptied_again(void **state)
{
	struct pool now = of("");
	struct pool_record record = {.cos_id = "x"};
	struct pool_change change;
	bool have = false;

	(void)state;
	apply(&now, &record, &have, "a", &change);
	CHECK(change.write && have);
	check_pool(&now, "b c");
	apply(&now, &record, &have, "a", &change);
	CHECK(!change.write);
	apply(&now, &record, &have, "", &change);
	CHECK(change.write && !have && !change.by_others);
	check_pool(&now, "");
}

static void
test_cordons_overlap_and_end_in_any_order(void **state)
{
	static const char *const bases[] = {"", "a b", "a", "b c"};
	static const char *const one[] = {"b c", "b", "b c", "b c"};
	static const char *const both[] = {"c", "c", "c", "c"};
	static const char *const other[] = {"a c", "a", "a", "c"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		struct pool now = of(bases[i]);
		struct pool_record record = {.cos_id = "x"};
		struct pool_change change;
		bool have = false;

		apply(&now, &record, &have, "a", &change);
		check_pool(&now, one[i]);
		apply(&now, &record, &have, "a b", &change);
		check_pool(&now, both[i]);
		apply(&now, &record, &have, "b", &change);
		check_pool(&now, other[i]);
		apply(&now, &record, &have, "", &change);
		check_pool(&now, bases[i]);
	}
}

static void
test_what_an_administrator_changed_meanwhile_stays(void **state)
{
	struct pool now = of("a b");
	struct pool_record record = {.cos_id = "x"};
	struct pool_change change;
	bool have = false;

	(void)state;
	apply(&now, &record, &have, "a", &change);
	check_pool(&now, "b");
	now = of("b c");
	apply(&now, &record, &have, "", &change);
	CHECK(change.by_others && !change.write);
	check_pool(&now, "b c");
}

/* Journaled, and died before or after it was written: both are our own doing. */
static void
test_a_crash_over_the_change_loses_nothing(void **state)
{
	struct pool now = of("");
	struct pool_record record = {.cos_id = "x"};
	struct pool_record again;
	struct pool_change change;
	struct pool cordoned = of("a");
	struct pool all = of(all_text);

	(void)state;
	CHECK(pool_plan(&now, NULL, &cordoned, &all, &record, &change));
	CHECK(pool_plan(&now, &record, &cordoned, &all, &again, &change));
	CHECK(change.write && !change.by_others);
	check_pool(&again.base, "");
	now = record.wanted;
	CHECK(pool_plan(&now, &record, &cordoned, &all, &again, &change));
	CHECK(!change.write && !change.by_others);
	check_pool(&again.base, "");
}

static void
test_the_last_server_is_not_cordoned(void **state)
{
	struct pool now = of("a");
	struct pool_record record;
	struct pool_change change;
	struct pool cordoned = of("a b c");
	struct pool all = of(all_text);

	(void)state;
	CHECK(!pool_plan(&now, NULL, &cordoned, &all, &record, &change));
}

static void
test_texts_are_read_back_or_refused(void **state)
{
	struct pool p;

	(void)state;
	CHECK(pool_read("", &p));
	CHECK_INT(p.count, 0);
	CHECK(!pool_read("a  b", &p));
	CHECK(!pool_read("0123456789012345678901234567890123456789", &p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_an_empty_pool_is_filled_and_emptied_again),
	    TEST(test_cordons_overlap_and_end_in_any_order),
	    TEST(test_what_an_administrator_changed_meanwhile_stays),
	    TEST(test_a_crash_over_the_change_loses_nothing),
	    TEST(test_the_last_server_is_not_cordoned),
	    TEST(test_texts_are_read_back_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
