/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error type for every part. The kind says what the caller should do,
 * the text says what happened, to a person. Nobody parses the text.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum err_kind {
	ERR_NONE,
	ERR_RETRY,     /* may work later: network, busy, timeout; exit code 4 */
	ERR_REFUSED,   /* a precondition is false, a person decides; exit code 3 */
	ERR_PEER,      /* the other side broke the rules, drop it; exit code 4 */
	ERR_CORRUPT,   /* our own records are wrong, touch nothing; exit code 5 */
	ERR_CANCELLED, /* we were asked to stop; exit code 1 */
	ERR_FULL, /* a disk has no room: may work later, nobody stays locked out for it; 4 */
	ERR_KIND_COUNT
};

struct err {
	enum err_kind kind;
	char text[480]; /* UTF-8, one line, cut at a character when too long */
};

/* Sets kind and text. Returns false, so that failing is one line. */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "outer: " before the text and keeps the kind. Returns false. */
bool err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Same as err_set with ": strerror(code)" behind it; ERR_RETRY of a full disk becomes
   ERR_FULL. Returns false. */
bool err_errno(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* The analyzer sees one file at a time and would think that failing may succeed. */
#ifdef __clang_analyzer__
#define err_set(...) (err_set(__VA_ARGS__), false)
#define err_wrap(...) (err_wrap(__VA_ARGS__), false)
#define err_errno(...) (err_errno(__VA_ARGS__), false)
#endif

/* "retry", "refused", ...: stored and shown, pinned by golden/state-names.txt. */
const char *err_kind_name(enum err_kind kind);

/* Process exit code of the CLI for this kind: 0 to 5 as in the manual. */
int err_exit_code(enum err_kind kind);

/* A broken rule of our own. Logs file, line, text and aborts, in every build. */
#define BUG(...) err_bug(__FILE__, __LINE__, __VA_ARGS__)
void err_bug(const char *file, int line, const char *fmt, ...) __attribute__((noreturn))
PRINTF_LIKE(3, 4);

#endif
