/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting of errors. A text that is too long is cut at a character, never in
 * the middle of one; line breaks and control characters become spaces and foreign
 * bytes question marks, so that an error from outside stays one line in the log and
 * one valid text on the wire.
 */
#include "proto/base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/utf8.h"

#undef err_set
#undef err_wrap
#undef err_errno

static const char *const kind_names[] = {
    [ERR_NONE] = "none",
    [ERR_RETRY] = "retry",
    [ERR_REFUSED] = "refused",
    [ERR_PEER] = "peer",
    [ERR_CORRUPT] = "corrupt",
    [ERR_CANCELLED] = "cancelled",
    [ERR_FULL] = "full",
};
static_assert(ARRAY_LEN(kind_names) == ERR_KIND_COUNT, "name every kind");

static void err_format(struct err *e, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static const int exit_codes[] = {
    [ERR_NONE] = 0,
    [ERR_RETRY] = 4,
    [ERR_REFUSED] = 3,
    [ERR_PEER] = 4,
    [ERR_CORRUPT] = 5,
    [ERR_CANCELLED] = 1,
    [ERR_FULL] = 4,
};
static_assert(ARRAY_LEN(exit_codes) == ERR_KIND_COUNT, "an exit code for every kind");

/* Formatted aside first: an argument may be the old text. */
static void
err_format(struct err *e, const char *fmt, va_list args)
{
	char text[sizeof(e->text)];

	vsnprintf(text, sizeof(text), fmt, args);
	memcpy(e->text, text, sizeof(text));
}

bool
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err_format(e, fmt, args);
	va_end(args);
	e->kind = kind;
	utf8_tidy(e->text);
	return false;
}

bool
err_wrap(struct err *e, const char *fmt, ...)
{
	char outer[201];
	char inner[271];
	va_list args;

	va_start(args, fmt);
	vsnprintf(outer, sizeof(outer), fmt, args);
	va_end(args);
	snprintf(inner, sizeof(inner), "%.270s", e->text);
	utf8_tidy(outer);
	utf8_tidy(inner);
	snprintf(e->text, sizeof(e->text), "%s: %s", outer, inner);
	return false;
}

bool
err_errno(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
{
	char reason[128];
	size_t len;
	va_list args;

	va_start(args, fmt);
	err_format(e, fmt, args);
	va_end(args);
	e->kind =
	    kind == ERR_RETRY && (code == ENOSPC || code == EDQUOT) ? ERR_FULL : kind;
	len = strlen(e->text);
	snprintf(e->text + len, sizeof(e->text) - len, ": %s",
	    strerror_r(code, reason, sizeof(reason)));
	utf8_tidy(e->text);
	return false;
}

const char *
err_kind_name(enum err_kind kind)
{
	if ((unsigned)kind >= ERR_KIND_COUNT)
		BUG("error kind %d", (int)kind);
	return kind_names[kind];
}

int
err_exit_code(enum err_kind kind)
{
	if ((unsigned)kind >= ERR_KIND_COUNT)
		BUG("error kind %d", (int)kind);
	return exit_codes[kind];
}

void
err_bug(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: BUG: ", file, line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}
