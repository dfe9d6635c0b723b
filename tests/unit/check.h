/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with names that read as sentences and show both values when they fail. */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CHECK(condition) assert_true(condition)
#define CHECK_INT(actual, expected) assert_int_equal((actual), (expected))
#define CHECK_STR(actual, expected) assert_string_equal((actual), (expected))
/* The text holds the part; prints both when not. */
#define CHECK_HAS(text, part)                                                            \
	do {                                                                             \
		if (strstr((text), (part)) == NULL)                                      \
			fail_msg("\"%s\" does not hold \"%s\"", (text), (part));         \
	} while (0)
#define TEST(fn) cmocka_unit_test(fn)

#endif
