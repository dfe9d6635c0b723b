/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with names that read as sentences and show both values when they fail. */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's own do not say that they do not come back, which compilers and analyzers ask. */
#undef fail_msg
#define fail_msg(format, ...)                                      \
	do {                                                       \
		print_error("ERROR: " format "\n", ##__VA_ARGS__); \
		_fail(__FILE__, __LINE__);                         \
		__builtin_unreachable();                           \
	} while (0)
#define CHECK(condition)                                                 \
	do {                                                             \
		if (!(condition)) {                                      \
			_assert_true(0, #condition, __FILE__, __LINE__); \
			__builtin_unreachable();                         \
		}                                                        \
	} while (0)
#define CHECK_INT(actual, expected) assert_int_equal((actual), (expected))
#define CHECK_STR(actual, expected) assert_string_equal((actual), (expected))
/* The text holds the part; prints both when not. */
#define CHECK_HAS(text, part)                                                    \
	do {                                                                     \
		if (strstr((text), (part)) == NULL)                              \
			fail_msg("\"%s\" does not hold \"%s\"", (text), (part)); \
	} while (0)
#define TEST(fn) cmocka_unit_test(fn)

#endif
