/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file with sections: each section is cut out and read as a small file of its own, with
 * the line numbers it had; what is left is read as ever. So errors come all in one run, and
 * libConfuse's first error in one section does not hide the others.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/conf_private.h"
#include "proto/base/xalloc.h"

#define TITLE_MAX 40

/* One section as it stands in the text. */
struct conf_cut {
	const struct conf_section *kind;
	char name[TITLE_MAX + 1];
	unsigned line;
	char *text; /* owned: the body behind as many line ends as there are above it */
};

struct conf_cuts {
	struct conf_cut *rows;
	size_t count;
};

static struct conf_rows *
conf_rows_of(void *settings, const struct conf_section *kind)
{
	return (struct conf_rows *)(void *)((char *)settings + kind->offset);
}

void *
conf_row(const struct conf_rows *rows, const struct conf_section *kind, size_t i)
{
	return (char *)rows->rows + i * kind->row_size;
}

/* --- cutting --- */

/* The kind whose word stands at p, as a word of its own; NULL = none. */
static const struct conf_section *
section_at(const struct conf_table *table, const char *p)
{
	for (size_t i = 0; i < table->section_count; i++) {
		size_t length = strlen(table->sections[i]->word);

		if (strncmp(p, table->sections[i]->word, length) == 0 &&
		    strchr(" \t\r\n\"'{=", p[length]) != NULL && p[length] != '\0')
			return table->sections[i];
	}
	return NULL;
}

/* Behind the brace that ends what began at p, which is behind the first; NULL = none. */
static char *
section_end(char *p)
{
	unsigned depth = 1;
	char quote = '\0';

	for (; *p != '\0'; p++) {
		if (quote != '\0') {
			if (*p == '\\' && p[1] != '\0')
				p++;
			else if (*p == quote)
				quote = '\0';
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '{') {
			depth++;
		} else if (*p == '}' && --depth == 0) {
			return p + 1;
		}
	}
	return NULL;
}

/* Reads "name" { at p; the place behind the brace, or NULL. */
static char *
section_head(char *p, char name[TITLE_MAX + 1])
{
	char quote;
	size_t length;

	p += strspn(p, " \t\r\n");
	quote = *p;
	if (quote != '"' && quote != '\'')
		return NULL;
	for (length = 0; p[1 + length] != quote; length++) {
		unsigned char c = (unsigned char)p[1 + length];

		if (length == TITLE_MAX || (!isalnum(c) && strchr("-_.", c) == NULL) ||
		    c == '\0')
			return NULL;
	}
	if (length == 0)
		return NULL;
	memcpy(name, p + 1, length);
	name[length] = '\0';
	p += length + 2;
	p += strspn(p, " \t\r\n");
	return *p == '{' ? p + 1 : NULL;
}

static void
blank_until(char *p, const char *end)
{
	for (; p < end; p++)
		*p = *p == '\n' ? '\n' : ' ';
}

static bool
cuts_have(const struct conf_cuts *cuts, const struct conf_cut *cut)
{
	for (size_t i = 0; i < cuts->count; i++) {
		if (cuts->rows[i].kind == cut->kind &&
		    strcmp(cuts->rows[i].name, cut->name) == 0)
			return true;
	}
	return false;
}

static char *
body_with_lines(const char *body, size_t length, unsigned line)
{
	char *text = xcalloc(1, line + length + 1);

	memset(text, '\n', line - 1);
	memcpy(text + line - 1, body, length);
	return text;
}

static unsigned
line_of(const char *text, const char *p)
{
	unsigned line = 1;

	for (; text < p; text++)
		line += *text == '\n';
	return line;
}

/* Takes the section at p out of text; the place to go on from. */
static char *
cut_section(struct conf_cuts *cuts, const struct conf_section *kind, char *text, char *p,
    struct conf_errors *errors)
{
	struct conf_cut cut = {.kind = kind, .line = line_of(text, p)};
	char *body = section_head(p + strlen(kind->word), cut.name);
	char *end = body == NULL ? NULL : section_end(body);
	char *to = end != NULL ? end : p + strcspn(p, "\n");

	if (body == NULL) {
		conf_errors_add(errors, cut.line,
		    "%s: is a section: %s \"%s\" { ... }, its name of letters, digits, "
		    "\"-\", \"_\" and \".\"",
		    kind->word, kind->word, kind->sample_name);
		/* Its lines would only bring errors that are none. */
		if (strchr(p, '{') != NULL && strchr(p, '{') < to &&
		    section_end(strchr(p, '{') + 1) != NULL)
			to = section_end(strchr(p, '{') + 1);
	} else if (end == NULL) {
		conf_errors_add(errors, cut.line, "%s \"%s\": its brace has no end",
		    kind->word, cut.name);
		to = p + strlen(p);
	} else if (cuts_have(cuts, &cut)) {
		conf_errors_add(errors, cut.line, "%s \"%s\": there is one of that name",
		    kind->word, cut.name);
	} else {
		cut.text =
		    body_with_lines(body, (size_t)(end - 1 - body), line_of(text, body));
		cuts->rows =
		    xrealloc_array(cuts->rows, cuts->count + 1, sizeof(*cuts->rows));
		cuts->rows[cuts->count++] = cut;
	}
	blank_until(p, to);
	return to;
}

/* Sections stand at the beginning of a line; values that look like one do not. */
static void
cut_sections(struct conf_cuts *cuts, const struct conf_table *table, char *text,
    struct conf_errors *errors)
{
	bool fresh = true;
	char quote = '\0';

	for (char *p = text; *p != '\0';) {
		const struct conf_section *kind =
		    fresh && quote == '\0' ? section_at(table, p) : NULL;

		if (kind != NULL) {
			p = cut_section(cuts, kind, text, p, errors);
			continue;
		}
		if (quote == '\0' && (*p == '"' || *p == '\''))
			quote = *p;
		else if (*p == quote)
			quote = '\0';
		else if (quote != '\0' && *p == '\\' && p[1] != '\0')
			p++;
		fresh = *p == '\n' || (fresh && (*p == ' ' || *p == '\t'));
		p++;
	}
}

/* --- reading --- */

/* Errors of a section say which; those of all of it stand at its line. */
static void
name_errors(struct conf_errors *errors, size_t from, const struct conf_cut *cut)
{
	for (size_t i = from; i < errors->count; i++) {
		struct conf_error *row = &errors->rows[i];
		char *text =
		    xasprintf("%s \"%s\": %s", cut->kind->word, cut->name, row->text);

		free(row->text);
		row->text = text;
		if (row->line == 0)
			row->line = cut->line;
	}
}

static void
read_sections(void *settings, const struct conf_section *kind,
    const struct conf_cuts *cuts, struct conf_errors *errors)
{
	struct conf_rows *rows = conf_rows_of(settings, kind);
	size_t wanted = 0;
	struct err e;

	for (size_t i = 0; i < cuts->count; i++)
		wanted += cuts->rows[i].kind == kind;
	if (wanted == 0)
		return;
	rows->rows = xcalloc(wanted, kind->row_size); /* rows keep their place */
	for (size_t i = 0; i < cuts->count; i++) {
		const struct conf_cut *cut = &cuts->rows[i];
		size_t before = errors->count;
		void *row;

		if (cut->kind != kind)
			continue;
		if (rows->count == CONF_SECTION_ROWS_MAX) {
			conf_errors_add(errors, cut->line, "%s: there may be %d",
			    kind->word, CONF_SECTION_ROWS_MAX);
			return;
		}
		row = conf_row(rows, kind, rows->count);
		if (!conf_parse_part(row, kind->row_size, kind->defs, kind->def_count,
			cut->text, errors)) {
			name_errors(errors, before, cut);
			continue;
		}
		*(char **)row = xstrdup(cut->name);
		rows->count++;
		if (kind->check != NULL && !kind->check(row, &e)) {
			conf_errors_add(errors,
			    conf_line_of(row, kind->defs, kind->def_count, e.text), "%s",
			    e.text);
			name_errors(errors, before, cut);
		}
	}
}

bool
conf_table_parse(void *settings, size_t settings_size, const struct conf_table *table,
    const char *name, const char *text, struct buf *errors_out, struct err *e)
{
	struct conf_errors errors = {.name = name};
	struct conf_cuts cuts = {NULL, 0};
	char *own = xstrdup(text);
	size_t count;
	bool ok;

	if (table->section_count > 0) {
		conf_blank_comments(own, &errors);
		cut_sections(&cuts, table, own, &errors);
	}
	ok = conf_parse_part(
	    settings, settings_size, table->defs, table->def_count, own, &errors);
	for (size_t i = 0; i < table->section_count; i++)
		read_sections(settings, table->sections[i], &cuts, &errors);
	count = errors.count;
	conf_print_errors(&errors, errors_out);
	if (count > 0) {
		const struct conf_table left = {
		    .defs = ok ? table->defs : NULL, /* else it is freed already */
		    .def_count = ok ? table->def_count : 0,
		    .sections = table->sections,
		    .section_count = table->section_count,
		};

		conf_table_free(settings, &left);
	}
	conf_errors_free(&errors);
	for (size_t i = 0; i < cuts.count; i++)
		free(cuts.rows[i].text);
	free(cuts.rows);
	free(own);
	return count == 0 || err_set(e, ERR_REFUSED, "%s: %zu error%s", name, count,
				 count == 1 ? "" : "s");
}

bool
conf_table_load(void *settings, size_t settings_size, const struct conf_table *table,
    const char *path, struct buf *errors_out, struct err *e)
{
	char *text = conf_file_text(path, e);
	bool ok;

	memset(settings, 0, settings_size);
	if (text == NULL)
		return false;
	ok = conf_table_parse(settings, settings_size, table, path, text, errors_out, e);
	free(text);
	return ok;
}

void
conf_table_free(void *settings, const struct conf_table *table)
{
	for (size_t k = 0; k < table->section_count; k++) {
		const struct conf_section *kind = table->sections[k];
		struct conf_rows *rows = conf_rows_of(settings, kind);

		for (size_t i = 0; i < rows->count; i++) {
			void *row = conf_row(rows, kind, i);

			xfree((char **)row);
			conf_free(row, kind->defs, kind->def_count);
		}
		xfree(&rows->rows);
		rows->count = 0;
	}
	if (table->defs != NULL)
		conf_free(settings, table->defs, table->def_count);
}

/* --- printing --- */

void
conf_table_print(FILE *out, const void *settings, const struct conf_table *table)
{
	conf_print(out, settings, table->defs, table->def_count);
	for (size_t k = 0; k < table->section_count; k++) {
		const struct conf_section *kind = table->sections[k];
		const struct conf_rows *rows =
		    (const struct conf_rows *)(const void *)((const char *)settings +
							     kind->offset);

		for (size_t i = 0; i < rows->count; i++) {
			const void *row = conf_row(rows, kind, i);

			fprintf(
			    out, "%s \"%s\" {\n", kind->word, *(const char *const *)row);
			conf_print(out, row, kind->defs, kind->def_count);
			fputs("}\n", out);
		}
	}
}

/* Sections are all commented out: none is needed. */
void
conf_table_print_sample(FILE *out, const struct conf_table *table)
{
	conf_print_sample(out, table->defs, table->def_count);
	for (size_t k = 0; k < table->section_count; k++) {
		const struct conf_section *kind = table->sections[k];

		fprintf(out, "\n# %s\n#%s \"%s\" {\n", kind->help, kind->word,
		    kind->sample_name);
		for (size_t i = 0; i < kind->def_count; i++) {
			const struct conf_def *def = &kind->defs[i];

			fprintf(out, "#\t# %s\n#\t%s = ", def->help, def->key);
			if (def->type == CONF_LIST)
				fputs("{ }\n", out);
			else
				fprintf(out, "\"%s\"\n",
				    def->fallback == NULL ? "" : def->fallback);
		}
		fputs("#}\n", out);
	}
}
