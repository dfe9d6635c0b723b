/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded trees of cgroup v2 and v1, and what is thought of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/health/cgroup.h"
#include "tests/unit/check.h"

#define MINUTE_MS 60000ull

static char folder[] = "/tmp/test_cgroup.XXXXXX";
static const struct probe_def def = {.name = "cgroup:memory", .what = "the cgroup"};

/* Rewrites one file of the tree. */
static void
put(const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void
drop(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)remove(path);
}

static int
begin(void **state)
{
	(void)state;
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	return mkdtemp(folder) == NULL;
}

static int
end(void **state)
{
	static const char *const names[] = {"memory.events", "memory.pressure",
	    "io.pressure", "memory/memory.oom_control", "memory", ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		drop(names[i]);
	return 0;
}

static void
test_where_there_is_no_cgroup_nothing_is_told(void **state)
{
	struct probe_run memory = {.def = &def}, io = {.def = &def};
	struct cgroup_facts f;

	(void)state;
	cgroup_read(folder, &f);
	cgroup_judge_memory(&memory, &f, &memory.kills, 1000);
	cgroup_judge_io(&io, &f);
	CHECK(memory.absent && io.absent);
	CHECK_INT(memory.severity, SEVERITY_OK);
}

static void
test_v2_is_read(void **state)
{
	struct cgroup_facts f;

	(void)state;
	put("memory.events",
	    "low 0\nhigh 12\nmax 34\noom 5\noom_kill 4\noom_group_kill 0\n");
	put("memory.pressure", "some avg10=9.00 avg60=8.00 avg300=7.00 total=1\n"
			       "full avg10=0.00 avg60=12.50 avg300=0.10 total=2\n");
	put("io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
			   "full avg10=0.00 avg60=81.00 avg300=0.00 total=0\n");
	cgroup_read(folder, &f);
	CHECK(f.has_kills && f.has_memory_stall && f.has_io_stall);
	CHECK_INT(f.kills, 4);
	CHECK(f.memory_stall > 12.4 && f.memory_stall < 12.6);
	CHECK(f.io_stall > 80.9);
}

static void
test_v1_tells_its_kills(void **state)
{
	char path[200];
	struct cgroup_facts f;

	(void)state;
	snprintf(path, sizeof(path), "%s/memory", folder);
	CHECK(mkdir(path, 0700) == 0);
	put("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
	cgroup_read(folder, &f);
	CHECK(f.has_kills && !f.has_memory_stall && !f.has_io_stall);
	CHECK_INT(f.kills, 7);
}

static void
test_nonsense_is_nothing(void **state)
{
	struct cgroup_facts f;

	(void)state;
	put("memory.events", "oom_kill\noom_kill many\n");
	put("memory.pressure", "full avg10=x avg60=y\n\n\n");
	put("io.pressure", "");
	cgroup_read(folder, &f);
	CHECK(!f.has_kills && !f.has_memory_stall && !f.has_io_stall);
}

/* What was before the agent's start is not counted; one is a warning, three in an hour a failure. */
static void
test_kills_are_counted_over_an_hour(void **state)
{
	static const struct {
		uint64_t minute, kills;
		enum severity severity;
	} rows[] = {{1, 5, SEVERITY_OK}, {2, 5, SEVERITY_OK}, {3, 6, SEVERITY_WARN},
	    {30, 6, SEVERITY_WARN}, {31, 8, SEVERITY_FAIL}, {62, 8, SEVERITY_FAIL},
	    {64, 8, SEVERITY_WARN}, {92, 8, SEVERITY_OK}, {93, 0, SEVERITY_OK},
	    {94, 1, SEVERITY_WARN}, {95, 100, SEVERITY_FAIL}};
	struct cgroup_kills kills = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_run r = {.def = &def};
		const struct cgroup_facts f = {.has_kills = true, .kills = rows[i].kills};

		cgroup_judge_memory(&r, &f, &kills, rows[i].minute * MINUTE_MS);
		if (r.severity != rows[i].severity)
			fail_msg("minute %d: %s", (int)rows[i].minute, r.text);
		if (r.severity != SEVERITY_OK)
			CHECK_HAS(r.text, "give it more");
	}
}

static void
test_waiting_is_judged(void **state)
{
	static const struct {
		double memory, io;
		enum severity for_memory, for_io;
	} rows[] = {{0, 0, SEVERITY_OK, SEVERITY_OK}, {9.9, 39, SEVERITY_OK, SEVERITY_OK},
	    {10, 40, SEVERITY_WARN, SEVERITY_WARN},
	    {40, 80, SEVERITY_FAIL, SEVERITY_FAIL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_run memory = {.def = &def}, io = {.def = &def};
		const struct cgroup_facts f = {.has_memory_stall = true,
		    .has_io_stall = true,
		    .memory_stall = rows[i].memory,
		    .io_stall = rows[i].io};

		cgroup_judge_memory(&memory, &f, &memory.kills, MINUTE_MS);
		cgroup_judge_io(&io, &f);
		CHECK_INT(memory.severity, rows[i].for_memory);
		CHECK_INT(io.severity, rows[i].for_io);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_where_there_is_no_cgroup_nothing_is_told, begin, end),
	    cmocka_unit_test_setup_teardown(test_v2_is_read, begin, end),
	    cmocka_unit_test_setup_teardown(test_v1_tells_its_kills, begin, end),
	    cmocka_unit_test_setup_teardown(test_nonsense_is_nothing, begin, end),
	    TEST(test_kills_are_counted_over_an_hour),
	    TEST(test_waiting_is_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
