/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: a typed table over libConfuse. All errors of a file come in one
 * run, each as "file:line: what, and what would be right".
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stddef.h>
#include <stdio.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

enum conf_type {
	CONF_STRING,   /* char *            */
	CONF_PATH,     /* char *, absolute  */
	CONF_FILE,     /* char *, absolute, must exist and be readable */
	CONF_SECRET,   /* char * path of a file, mode 0400/0600/0440/0640 */
	CONF_HOSTPORT, /* char *, "host:port" */
	CONF_PORT,     /* uint16_t          */
	CONF_UINT,     /* uint32_t, min..max */
	CONF_DURATION, /* uint32_t seconds: 90s 15m 6h 2d */
	CONF_BYTES,    /* uint64_t: 512K 64M 2G */
	CONF_PERCENT,  /* uint32_t: 85% or 85 */
	CONF_BOOL,     /* bool: true false yes no on off */
	CONF_LIST,     /* char **, NULL-terminated: { "a", "b" } */
};

struct conf_def {
	const char *key;
	enum conf_type type;
	size_t offset; /* of the field in the settings struct */
	const char
	    *fallback; /* NULL: the setting is required; "" with a pointer type: NULL */
	const char *help;  /* one line, for the sample file and the manual */
	uint32_t min, max; /* CONF_UINT only; both 0 = no bounds */
};

/*
 * Parses text (named name in errors) into the struct at settings, which is zeroed
 * first. On failure every error stands in errors_out, one per line, and e has the
 * count. conf_free frees what the pointers in settings own.
 */
MUST_USE bool conf_parse(void *settings, size_t settings_size,
    const struct conf_def *defs, size_t def_count, const char *name, const char *text,
    struct buf *errors_out, struct err *e);
MUST_USE bool conf_load(void *settings, size_t settings_size, const struct conf_def *defs,
    size_t def_count, const char *path, struct buf *errors_out, struct err *e);
void conf_free(void *settings, const struct conf_def *defs, size_t def_count);

/*
 * Sections, each of a kind any number of times: word "name" { key = value ... }. A row of
 * settings begins with char *name.
 */
struct conf_section {
	const char *word;
	const struct conf_def *defs;
	size_t def_count;
	size_t row_size;
	size_t offset; /* of the struct conf_rows in the settings struct */
	const char *help;
	const char *sample_name;
	/* What the table cannot say of a row; e begins with the key: "to: names nobody". */
	bool (*check)(const void *row, struct err *e);
};

struct conf_rows {
	void *rows; /* owned: count times row_size */
	size_t count;
};

#define CONF_SECTION_ROWS_MAX 32

/* What a file may hold: settings and sections. */
struct conf_table {
	const struct conf_def *defs;
	size_t def_count;
	const struct conf_section *const *sections;
	size_t section_count;
};

MUST_USE bool
conf_table_parse(void *settings, size_t settings_size, const struct conf_table *table,
    const char *name, const char *text, struct buf *errors_out, struct err *e);
MUST_USE bool
conf_table_load(void *settings, size_t settings_size, const struct conf_table *table,
    const char *path, struct buf *errors_out, struct err *e);
void conf_table_free(void *settings, const struct conf_table *table);
void conf_table_print(FILE *out, const void *settings, const struct conf_table *table);
void conf_table_print_sample(FILE *out, const struct conf_table *table);
/* Row i of a kind of sections. */
void *conf_row(const struct conf_rows *rows, const struct conf_section *kind, size_t i);

/* What is in force and where each value came from ("file" or "default"). */
void conf_print(
    FILE *out, const void *settings, const struct conf_def *defs, size_t def_count);
/* The sample file: every key with its help, commented out where it has a fallback. */
void conf_print_sample(FILE *out, const struct conf_def *defs, size_t def_count);

MUST_USE bool conf_duration_parse(const char *text, uint32_t *seconds_out);

#endif
