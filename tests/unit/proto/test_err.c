/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: one line, valid UTF-8, never cut inside a character; kinds have names and exit codes. */
#include <errno.h>
#include <string.h>

#include "proto/base/err.h"
#include "proto/base/utf8.h"
#include "tests/unit/check.h"

static void
check_is_utf8(const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		size_t length = utf8_length(text, left);

		if (length == 0)
			fail_msg("\"%s\" is not UTF-8", text);
		text += length;
		left -= length;
	}
}

static void
test_err_set_answers_false_and_keeps_kind_and_text(void **state)
{
	struct err e = {ERR_NONE, ""};

	(void)state;
	CHECK(
	    !err_set(&e, ERR_REFUSED, "account %s: already moving (move %d)", "a@b", 42));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_STR(e.text, "account a@b: already moving (move 42)");
}

static void
test_err_wrap_puts_the_outer_before_and_keeps_the_kind(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_RETRY, "refused");
	CHECK(!err_wrap(&e, "move %s", "m1"));
	CHECK_STR(e.text, "move m1: refused");
	CHECK_INT(e.kind, ERR_RETRY);
}

static void
test_err_errno_names_the_reason(void **state)
{
	struct err e;

	(void)state;
	CHECK(!err_errno(&e, ERR_RETRY, ENOENT, "%s", "/x"));
	CHECK_STR(e.text, "/x: No such file or directory");
	CHECK_INT(e.kind, ERR_RETRY);
	err_errno(&e, ERR_RETRY, ENOSPC, "%s", "/x");
	CHECK_INT(e.kind, ERR_FULL); /* whoever asked did not think of it */
	err_errno(&e, ERR_RETRY, EDQUOT, "%s", "/x");
	CHECK_INT(e.kind, ERR_FULL);
	err_errno(&e, ERR_CORRUPT, ENOSPC, "%s", "/x");
	CHECK_INT(e.kind, ERR_CORRUPT);
}

static void
test_err_is_one_line_without_terminal_commands(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_PEER,
	    "a\r\nb\tc\x1b[2J\x7f"
	    "d\xc2\x9b"
	    "e");
	CHECK_STR(e.text, "a  b c [2J d  e");
}

static void
test_err_from_foreign_bytes_is_utf8(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_PEER, "M\xfcller \xed\xa0\x80 \xc0\x80");
	CHECK_STR(e.text, "M?ller ??? ??");
}

static void
test_err_too_long_is_cut_at_a_character(void **state)
{
	struct err e;

	(void)state;
	/* Each start lets the end of the buffer fall on another byte of the character. */
	for (size_t start = 0; start < 4; start++) {
		char text[900];

		memset(text, 'x', sizeof(text));
		for (size_t i = start; i + 5 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 4);
		text[sizeof(text) - 1] = '\0';
		err_set(&e, ERR_RETRY, "%s", text);
		CHECK(strlen(e.text) > sizeof(e.text) - 6);
		check_is_utf8(e.text);
		CHECK(strchr(e.text, '?') == NULL);
		err_wrap(&e, "%s", text);
		check_is_utf8(e.text);
		CHECK(strchr(e.text, '?') == NULL);
		CHECK_HAS(e.text, ": ");
	}
}

static void
test_err_may_be_built_from_itself(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_RETRY, "inner");
	err_set(&e, ERR_REFUSED, "outer (%s)", e.text);
	CHECK_STR(e.text, "outer (inner)");
}

/* The manual of the command line tool lists these numbers. */
static void
test_err_kinds_have_names_and_exit_codes(void **state)
{
	static const struct {
		enum err_kind kind;
		const char *name;
		int code;
	} rows[] = {
	    {ERR_NONE, "none", 0},
	    {ERR_RETRY, "retry", 4},
	    {ERR_REFUSED, "refused", 3},
	    {ERR_PEER, "peer", 4},
	    {ERR_CORRUPT, "corrupt", 5},
	    {ERR_CANCELLED, "cancelled", 1},
	    {ERR_FULL, "full", 4},
	};

	(void)state;
	CHECK_INT(ARRAY_LEN(rows), ERR_KIND_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_STR(err_kind_name(rows[i].kind), rows[i].name);
		CHECK_INT(err_exit_code(rows[i].kind), rows[i].code);
	}
}

static void
test_utf8_length_is_strict(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} rows[] = {
	    {"a", 1},
	    {"\xc3\xa4", 2},
	    {"\xe2\x82\xac", 3},
	    {"\xf0\x9f\x98\x80", 4},
	    {"\xf4\x8f\xbf\xbf", 4},
	    {"\x80", 0},	     /* a continuation alone */
	    {"\xc3", 0},	     /* cut */
	    {"\xc3(", 0},	     /* no continuation */
	    {"\xc0\xaf", 0},	     /* overlong */
	    {"\xe0\x80\xaf", 0},     /* overlong */
	    {"\xf0\x80\x80\xaf", 0}, /* overlong */
	    {"\xed\xa0\x80", 0},     /* surrogate */
	    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
	    {"\xf5\x80\x80\x80", 0},
	    {"\xff", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(
		    utf8_length(rows[i].bytes, strlen(rows[i].bytes)), rows[i].length);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_err_set_answers_false_and_keeps_kind_and_text),
	    TEST(test_err_wrap_puts_the_outer_before_and_keeps_the_kind),
	    TEST(test_err_errno_names_the_reason),
	    TEST(test_err_is_one_line_without_terminal_commands),
	    TEST(test_err_from_foreign_bytes_is_utf8),
	    TEST(test_err_too_long_is_cut_at_a_character),
	    TEST(test_err_may_be_built_from_itself),
	    TEST(test_err_kinds_have_names_and_exit_codes),
	    TEST(test_utf8_length_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
