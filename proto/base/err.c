/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting of errors. A text that is too long is cut at a character, never in
 * the middle of one; line breaks and control characters become spaces, so that an
 * error from outside stays one line in the log.
 */
#include "proto/base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [ERR_NONE] = "none",
    [ERR_RETRY] = "retry",
    [ERR_REFUSED] = "refused",
    [ERR_PEER] = "peer",
    [ERR_CORRUPT] = "corrupt",
    [ERR_CANCELLED] = "cancelled",
};
static_assert(ARRAY_LEN(kind_names) == ERR_KIND_COUNT, "name every kind");

static const int exit_codes[] = {
    [ERR_NONE] = 0,
    [ERR_RETRY] = 4,
    [ERR_REFUSED] = 3,
    [ERR_PEER] = 4,
    [ERR_CORRUPT] = 5,
    [ERR_CANCELLED] = 1,
};
static_assert(ARRAY_LEN(exit_codes) == ERR_KIND_COUNT, "an exit code for every kind");

/* One line, whole characters. */
static void
err_tidy(char *text, size_t size)
{
	size_t len = strlen(text);

	for (char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	}
	if (len + 1 < size)
		return;
	while (len > 0 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
		len--;
	if (len > 0 && (unsigned char)text[len - 1] >= 0xc0)
		text[len - 1] = '\0';
}

bool
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	e->kind = kind;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	err_tidy(e->text, sizeof(e->text));
	return false;
}

bool
err_wrap(struct err *e, const char *fmt, ...)
{
	char outer[sizeof(e->text)];
	char inner[sizeof(e->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(outer, sizeof(outer), fmt, args);
	va_end(args);
	memcpy(inner, e->text, sizeof(inner));
	snprintf(e->text, sizeof(e->text), "%.200s: %.270s", outer, inner);
	err_tidy(e->text, sizeof(e->text));
	return false;
}

bool
err_errno(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
{
	char reason[128];
	size_t len;
	va_list args;

	e->kind = kind;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof(e->text) - len, ": %s",
	    strerror_r(code, reason, sizeof(reason)));
	err_tidy(e->text, sizeof(e->text));
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
