/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk's past says: when it will be full, and whether its errors are new. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/health/probes.h"
#include "tests/unit/check.h"

#define MINUTE_MS 60000ull
#define GB (1ull << 30)
#define NEVER UINT64_MAX

static const struct probe_def def = {
    .name = "disk:store", .what = "the mail store's disk"};

/* --- growth --- */

/* One look a minute, as the probe does; free falls by so many MB in each of two spells. */
static uint64_t
grown(unsigned minutes, uint64_t first_mb, unsigned then_minutes, uint64_t then_mb)
{
	struct growth g = {0};
	uint64_t free_mb = 100 * 1024, full = NEVER;

	for (unsigned i = 0; i <= minutes + then_minutes; i++) {
		growth_add(&g, (1 + i) * MINUTE_MS, 200 * GB, free_mb << 20);
		full = growth_full_in_s(&g, (1 + i) * MINUTE_MS, free_mb << 20);
		free_mb -= i < minutes ? first_mb : then_mb;
	}
	return full;
}

static void
test_a_disk_that_grows_is_full_at_its_rate(void **state)
{
	uint64_t full;

	(void)state;
	full = grown(60, 500, 60, 500); /* 40 GB are left, and go in 82 minutes */
	CHECK(full > 80 * 60 && full < 86 * 60);
	full = grown(31, 200, 0, 0);
	CHECK(full > 460 * 60 && full < 500 * 60);
}

static void
test_what_is_too_new_or_over_foretells_nothing(void **state)
{
	(void)state;
	CHECK(grown(29, 1000, 0, 0) == NEVER); /* for how long, nobody knows */
	CHECK(grown(120, 0, 0, 0) == NEVER);
	CHECK(grown(40, 1000, 20, 0) == NEVER); /* it has stopped */
	/* It has just begun: the hour counts, not the last minutes. */
	CHECK(grown(55, 0, 5, 1000) > 12 * 3600);
}

static void
test_a_disk_of_another_size_begins_anew(void **state)
{
	struct growth g = {0};

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		growth_add(&g, (1 + i) * MINUTE_MS, 200 * GB, (100 - i) * GB);
	CHECK(growth_full_in_s(&g, 61 * MINUTE_MS, 40 * GB) < 3600);
	growth_add(&g, 62 * MINUTE_MS, 400 * GB, 240 * GB);
	CHECK(growth_full_in_s(&g, 63 * MINUTE_MS, 239 * GB) == NEVER);
}

static void
test_growth_is_a_warning_with_a_time(void **state)
{
	static const struct {
		uint64_t full_in_s;
		enum severity severity;
		const char *text;
	} rows[] = {
	    {UINT64_MAX, SEVERITY_OK, ""},
	    {6 * 3600, SEVERITY_OK, ""},
	    {3 * 3600 + 100, SEVERITY_WARN,
		"is full in about 3 h at the present rate, it is 75 % full now"},
	    {40 * 60, SEVERITY_WARN, "about 40 min"},
	    {0, SEVERITY_WARN, "about 0 min"},
	};
	static const struct disk_facts facts = {.total_bytes = 400, .free_bytes = 100};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_run r = {.def = &def, .path = "/x"};

		disk_judge_growth(&r, &facts, rows[i].full_in_s);
		CHECK_INT(r.severity, rows[i].severity);
		CHECK_HAS(r.text, rows[i].text);
	}
}

/* --- errors of the file system --- */

static void
test_errors_are_read_of_the_right_device(void **state)
{
	static const char *const folders[] = {
	    "dev", "dev/block", "fs", "fs/ext4", "fs/ext4/sda1"};
	char root[] = "/tmp/test_disk.XXXXXX";
	char path[200];
	uint64_t errors = 0;
	FILE *f;

	(void)state;
	CHECK(mkdtemp(root) != NULL);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
		CHECK_INT(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/dev/block/8:1", root);
	CHECK_INT(symlink("../../devices/pci/ata1/block/sda/sda1", path), 0);
	CHECK(!fs_errors_read(root, makedev(8, 1), &errors));
	snprintf(path, sizeof(path), "%s/fs/ext4/sda1/errors_count", root);
	f = fopen(path, "we");
	fprintf(f, "12\n");
	fclose(f);
	CHECK(fs_errors_read(root, makedev(8, 1), &errors));
	CHECK_INT(errors, 12);
	CHECK(!fs_errors_read(root, makedev(8, 2), &errors));
	unlink(path);
	snprintf(path, sizeof(path), "%s/dev/block/8:1", root);
	unlink(path);
	for (size_t i = ARRAY_LEN(folders); i-- > 0;) {
		snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
		rmdir(path);
	}
	CHECK_INT(rmdir(root), 0);
}

/* Old ones are a warning, new ones a failure for an hour. */
static void
test_new_errors_fail(void **state)
{
	static const struct {
		uint64_t minute, errors;
		enum severity severity;
	} rows[] = {{1, 5, SEVERITY_WARN}, {2, 5, SEVERITY_WARN}, {3, 6, SEVERITY_FAIL},
	    {62, 6, SEVERITY_FAIL}, {63, 6, SEVERITY_WARN}, {64, 0, SEVERITY_OK},
	    {65, 1, SEVERITY_FAIL}};
	struct fs_errors s = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_run r = {.def = &def, .path = "/x"};

		fs_errors_judge(&r, &s, rows[i].errors, rows[i].minute * MINUTE_MS);
		if (r.severity != rows[i].severity)
			fail_msg("minute %d: %s", (int)rows[i].minute, r.text);
		if (r.severity != SEVERITY_OK)
			CHECK_HAS(r.text, "look at dmesg");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_disk_that_grows_is_full_at_its_rate),
	    TEST(test_what_is_too_new_or_over_foretells_nothing),
	    TEST(test_a_disk_of_another_size_begins_anew),
	    TEST(test_growth_is_a_warning_with_a_time),
	    TEST(test_errors_are_read_of_the_right_device),
	    TEST(test_new_errors_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
