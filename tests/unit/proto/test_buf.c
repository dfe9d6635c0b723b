/* SPDX-License-Identifier: Apache-2.0 */
/* The buffer keeps its ceiling, its NUL and its bytes. */
#include <string.h>

#include "proto/base/buf.h"
#include "tests/unit/check.h"

static void
test_buf_empty_reads_as_empty_text(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	CHECK_STR(buf_str(&b), "");
	buf_clear(&b);
	buf_drop_front(&b, 0);
	CHECK_INT(b.len, 0);
	buf_fini(&b);
}

static void
test_buf_takes_exactly_its_ceiling(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	CHECK(buf_add(&b, "12345", 5));
	CHECK(!buf_add(&b, "123456", 6));
	CHECK_STR(buf_str(&b), "12345"); /* a refusal changes nothing */
	CHECK(buf_add(&b, "67890", 5));
	CHECK(!buf_add(&b, "x", 1));
	CHECK(buf_add(&b, "", 0));
	CHECK_STR(buf_str(&b), "1234567890");
	buf_fini(&b);
	CHECK_INT(b.max, 10); /* the ceiling outlives the bytes */
}

static void
test_buf_refuses_lengths_that_would_overflow(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	CHECK(buf_add(&b, "a", 1));
	CHECK(!buf_add(&b, "a", SIZE_MAX));
	CHECK(!buf_add(&b, "a", SIZE_MAX - 1));
	CHECK_INT(b.len, 1);
	buf_fini(&b);
}

static void
test_buf_zeroed_is_usable_with_the_default_ceiling(void **state)
{
	struct buf b = {0};

	(void)state;
	CHECK(buf_add_str(&b, "x"));
	CHECK_INT(b.max, 64 * 1024 * 1024);
	buf_fini(&b);
}

static void
test_buf_printf_long_and_short(void **state)
{
	char want[1001];
	struct buf b;

	(void)state;
	memset(want, 'y', 1000);
	want[1000] = '\0';
	buf_init(&b, 1003);
	CHECK(buf_printf(&b, "%d-", 7));
	CHECK(buf_printf(&b, "%s", want));
	CHECK_INT(b.len, 1002);
	CHECK_STR(buf_str(&b) + 2, want);
	CHECK(!buf_printf(&b, "%s", want));
	CHECK(!buf_printf(&b, "ab"));
	CHECK(buf_printf(&b, "c"));
	CHECK_INT(b.len, 1003);
	buf_fini(&b);
}

static void
test_buf_drop_front_keeps_the_rest_and_nul_bytes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	CHECK(buf_add(&b, "ab\0cd", 5));
	buf_drop_front(&b, 2);
	CHECK_INT(b.len, 3);
	CHECK(memcmp(b.data, "\0cd", 4) == 0);
	buf_drop_front(&b, 3);
	CHECK_INT(b.len, 0);
	CHECK_STR(buf_str(&b), "");
	buf_fini(&b);
}

static void
test_buf_clear_keeps_the_memory(void **state)
{
	struct buf b;
	uint8_t *memory;

	(void)state;
	buf_init(&b, 0);
	CHECK(buf_add_str(&b, "abc"));
	memory = b.data;
	buf_clear(&b);
	CHECK_STR(buf_str(&b), "");
	CHECK(buf_add_str(&b, "de"));
	CHECK(b.data == memory);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_buf_empty_reads_as_empty_text),
	    TEST(test_buf_takes_exactly_its_ceiling),
	    TEST(test_buf_refuses_lengths_that_would_overflow),
	    TEST(test_buf_zeroed_is_usable_with_the_default_ceiling),
	    TEST(test_buf_printf_long_and_short),
	    TEST(test_buf_drop_front_keeps_the_rest_and_nul_bytes),
	    TEST(test_buf_clear_keeps_the_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
