/* SPDX-License-Identifier: Apache-2.0 */
/* Between conf.c (types, values, printing) and conf_read.c (libConfuse, lines, syntax). */
#ifndef BASE_CONF_PRIVATE_H
#define BASE_CONF_PRIVATE_H

#include "proto/base/conf.h"

#define CONF_ERRORS_MAX 100 /* enough for one reading */

/* Errors of one file, printed by line. */
struct conf_errors {
	const char *name; /* of the file, borrowed */
	struct conf_error {
		unsigned line; /* 0 = of the whole file */
		char *text;
	} * rows;
	size_t count;
};

void conf_errors_add(struct conf_errors *errors, unsigned line, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
bool conf_errors_has_line(const struct conf_errors *errors, unsigned line);
void conf_errors_free(struct conf_errors *errors);

/* What the file says of one key of the table. */
struct conf_entry {
	unsigned line; /* of its value; 0 = not in the file */
	bool spoiled;  /* it stood on a line that could not be read */
	bool is_list;  /* an empty list counts as set */
	char **values;
	size_t count;
};

/* Fills entries, one for each def. Syntax errors, unknown and doubled keys go to errors. */
void conf_read(const struct conf_def *defs, size_t def_count, const char *text,
    struct conf_entry *entries, struct conf_errors *errors);
void conf_entries_free(struct conf_entry *entries, size_t count);

/* Comments become spaces, line for line; one without an end is an error. */
void conf_blank_comments(char *text, struct conf_errors *errors);

/* Reads settings into a struct that it zeroes; on errors it frees what it stored. */
bool conf_parse_part(void *settings, size_t settings_size, const struct conf_def *defs,
    size_t def_count, const char *text, struct conf_errors *errors);
/* The line of the setting that text begins with; 0 = default, or none. */
unsigned conf_line_of(const void *settings, const struct conf_def *defs, size_t def_count,
    const char *text);
void conf_print_errors(struct conf_errors *errors, struct buf *out);
/* The whole file; NULL with e. free() it. */
char *conf_file_text(const char *path, struct err *e);

#endif
