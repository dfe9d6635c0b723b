/* SPDX-License-Identifier: Apache-2.0 */
/* What is thought of a clock that differs from the controller's. */
#include <string.h>

#include "agent/health/probes.h"
#include "proto/base/clock.h"
#include "tests/unit/check.h"

static const struct probe_def def = {.name = "clock", .what = "this node's clock"};

static struct probe_run
judged(bool known, int64_t offset_ms, int64_t error_ms, uint64_t ago_ms)
{
	struct probe_run r = {
	    .def = &def, .skew = {known, offset_ms, error_ms, clock_mono_ms() - ago_ms}};

	probe_clock(&r);
	return r;
}

static void
test_an_offset_is_judged(void **state)
{
	static const struct {
		int64_t offset_ms, error_ms;
		enum severity severity;
		const char *text;
	} rows[] = {
	    {0, 2, SEVERITY_OK, ""}, {5001, 2, SEVERITY_OK, ""},
	    {95004, 2, SEVERITY_FAIL, "is 95 s ahead of the controller's"},
	    {5002, 2, SEVERITY_WARN, "is 5 s ahead of the controller's"},
	    {-61000, 1001, SEVERITY_WARN, "is 60 s behind the controller's"},
	    {-61000, 1000, SEVERITY_FAIL, "is 60 s behind the controller's"},
	    {7200000, 10, SEVERITY_FAIL, "chronyc makestep"},
	    {9000, 9000, SEVERITY_OK, ""}, /* it may be the way */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_run r =
		    judged(true, rows[i].offset_ms, rows[i].error_ms, 5000);

		CHECK(!r.absent);
		CHECK_INT(r.severity, rows[i].severity);
		CHECK_HAS(r.text, rows[i].text);
	}
}

static void
test_what_was_not_heard_for_long_is_not_told(void **state)
{
	(void)state;
	CHECK(judged(false, 0, 0, 0).absent);
	CHECK(!judged(true, 90000, 2, 599000).absent);
	CHECK(judged(true, 90000, 2, 601000).absent);
	CHECK_INT(judged(true, 90000, 2, 601000).severity, SEVERITY_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_an_offset_is_judged),
	    TEST(test_what_was_not_heard_for_long_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
