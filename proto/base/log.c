/* SPDX-License-Identifier: Apache-2.0 */
/* A line is built in memory and written with one write(2), so that threads do not mix. */
#include "proto/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/utf8.h"

#define LINE_MAX_BYTES 1200

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};
_Static_assert(ARRAY_LEN(level_names) == LOG_LEVEL_COUNT, "name every level");

static atomic_int log_threshold = LOG_INFO;
static void (*log_tap)(enum log_level, const char *, void *);
static void *log_tap_ctx;

void
log_set_level(enum log_level level)
{
	atomic_store(&log_threshold, (int)level);
}

bool
log_level_parse(const char *name, enum log_level *level_out)
{
	for (int level = 0; level < LOG_LEVEL_COUNT; level++) {
		if (strcmp(level_names[level], name) == 0) {
			*level_out = (enum log_level)level;
			return true;
		}
	}
	return false;
}

void
log_set_tap(void (*tap)(enum log_level, const char *, void *), void *ctx)
{
	log_tap = tap;
	log_tap_ctx = ctx;
}

void
log_child(struct log *l, const struct log *parent, const char *fmt, ...)
{
	va_list args;

	l->parent = parent;
	va_start(args, fmt);
	vsnprintf(l->context, sizeof(l->context), fmt, args);
	va_end(args);
}

static size_t
log_context(const struct log *l, char *out, size_t size)
{
	size_t len;

	if (l == NULL)
		return 0;
	len = log_context(l->parent, out, size);
	if (l->context[0] == '\0' || len + strlen(l->context) + 2 > size)
		return len;
	return len + (size_t)snprintf(out + len, size - len, "%s ", l->context);
}

static void log_line(enum log_level, const struct log *, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

static void
log_line(enum log_level level, const struct log *l, const char *fmt, va_list args)
{
	char line[LINE_MAX_BYTES];
	size_t len;
	size_t text;
	int added;

	if ((int)level > atomic_load(&log_threshold) && log_tap == NULL)
		return;
	clock_format(clock_wall_ms(), line, sizeof(line));
	len = strlen(line);
	len +=
	    (size_t)snprintf(line + len, sizeof(line) - len, " %s ", level_names[level]);
	text = len;
	len += log_context(l, line + len, 400);
	added = vsnprintf(line + len, sizeof(line) - len - 1, fmt, args);
	if (added > 0)
		len = len + (size_t)added < sizeof(line) - 2 ? len + (size_t)added
							     : sizeof(line) - 2;
	line[len] = '\0';
	utf8_tidy(line + text);
	len = strlen(line);
	if (log_tap != NULL)
		log_tap(level, line + text, log_tap_ctx);
	if ((int)level > atomic_load(&log_threshold))
		return;
	line[len++] = '\n';
	(void)!write(STDERR_FILENO, line, len);
}

#define LOG_FUNCTION(function, level)                            \
	void function(const struct log *l, const char *fmt, ...) \
	{                                                        \
		va_list args;                                    \
                                                                 \
		va_start(args, fmt);                             \
		log_line(level, l, fmt, args);                   \
		va_end(args);                                    \
	}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)
