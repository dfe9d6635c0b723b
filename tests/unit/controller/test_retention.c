/* SPDX-License-Identifier: Apache-2.0 */
/* When old copies may go by themselves. What a purge does is tests/sim. */
#include <string.h>

#include "controller/retention.h"
#include "tests/unit/check.h"

static struct err e;

static void
test_windows_are_read_or_refused(void **state)
{
	static const char *const bad[] = {"1", "01:00", "01:00-", "25:00-26:00",
	    "01:60-02:00", "01:00-05:00 ", "a:b-c:d", "-1:00-05:00"};
	int from, until;

	(void)state;
	CHECK(retention_window("01:00-05:30", &from, &until, &e));
	CHECK_INT(from, 60);
	CHECK_INT(until, 330);
	CHECK(retention_window("", &from, &until, &e));
	CHECK_INT(from, until);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (retention_window(bad[i], &from, &until, &e))
			fail_msg("\"%s\" was taken", bad[i]);
		CHECK_HAS(e.text, "01:00-05:00");
	}
}

static void
test_a_window_may_go_over_midnight(void **state)
{
	struct retention day = {.from_m = 60, .until_m = 300};
	struct retention night = {.from_m = 22 * 60, .until_m = 4 * 60};
	struct retention always = {0};

	(void)state;
	CHECK(!retention_is_open(&day, 59) && retention_is_open(&day, 60));
	CHECK(retention_is_open(&day, 299) && !retention_is_open(&day, 300));
	CHECK(retention_is_open(&night, 23 * 60) && retention_is_open(&night, 0));
	CHECK(!retention_is_open(&night, 4 * 60) && !retention_is_open(&night, 12 * 60));
	CHECK(retention_is_open(&always, 0) && retention_is_open(&always, 1439));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_windows_are_read_or_refused),
	    TEST(test_a_window_may_go_over_midnight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
