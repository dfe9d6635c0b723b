/* SPDX-License-Identifier: Apache-2.0 */
/* Time as people read it, and a monotonic clock that does not go back. */
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/err.h"
#include "tests/unit/check.h"

static void
test_clock_format(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
	    {0, "1970-01-01T00:00:00.000Z"},
	    {1769774401123, "2026-01-30T12:00:01.123Z"},
	    {951782400007, "2000-02-29T00:00:00.007Z"},
	    {-1, "1969-12-31T23:59:59.999Z"},
	    {-1000, "1969-12-31T23:59:59.000Z"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		clock_format(rows[i].ms, text, sizeof(text));
		CHECK_STR(text, rows[i].text);
	}
}

/* Times come from other machines: any number must be harmless. */
static void
test_clock_format_of_absurd_times_fits(void **state)
{
	static const int64_t times[] = {
	    INT64_MAX, INT64_MIN, INT64_MIN + 1, (int64_t)1 << 60};
	char text[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		memset(text, '#', sizeof(text));
		clock_format(times[i], text, 32);
		CHECK(memchr(text, '\0', 32) != NULL);
		CHECK_INT(text[32], '#');
	}
}

static void
test_clock_mono_never_goes_back(void **state)
{
	uint64_t before = clock_mono_ms();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_mono_ms();

		CHECK(now >= before);
		before = now;
	}
	CHECK(clock_wall_ms() > 1700000000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_clock_format),
	    TEST(test_clock_format_of_absurd_times_fits),
	    TEST(test_clock_mono_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
