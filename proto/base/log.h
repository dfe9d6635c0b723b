/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event on stderr: UTC with milliseconds, level, context, sentence.
 * Context comes from a chain of struct log. No secrets, no message contents.
 * Thread-safe: one write(2) per line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "proto/base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };

struct log {
	const struct log *parent; /* borrowed, may be NULL */
	char context[96];	  /* "move=42" */
};

void log_set_level(enum log_level level);
bool log_level_parse(const char *name, enum log_level *level_out);
/* Where lines go besides stderr; NULL for nowhere. Used by tests and the event list. */
void log_set_tap(void (*tap)(enum log_level, const char *line, void *ctx), void *ctx);

void log_child(struct log *l, const struct log *parent, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* error = an operator must act, warn = we cope, info = a state changed. l may be NULL. */
void log_error(const struct log *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warn(const struct log *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_info(const struct log *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_debug(const struct log *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
