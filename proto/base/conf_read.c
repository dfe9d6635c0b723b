/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: libConfuse reads the text once and hands over each value with its
 * line. What can go wrong: it stops at its first error. Then the error is noted, what
 * caused it is taken out (a line blanked, an unknown key allowed) and it reads again,
 * so that a person sees all errors at once.
 */
#include <confuse.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/conf_private.h"
#include "proto/base/xalloc.h"

#define KEY_MAX 64
#define PROBES_MAX 400 /* readings spent on finding where statements begin */

struct conf_reader {
	const struct conf_def *defs;
	size_t def_count;
	char **unknown; /* keys of no def, allowed after they were reported */
	size_t unknown_count;
	struct conf_entry *entries; /* NULL: only whether it can be read */
	struct conf_errors *errors;
	unsigned probes;
	unsigned error_line; /* of the last reading */
	char error[200];
	char error_key[KEY_MAX]; /* set: an unknown key */
};

/* libConfuse's callbacks carry no pointer of ours. */
static _Thread_local struct conf_reader *conf_reader_now;

/* --- errors --- */

void
conf_errors_add(struct conf_errors *errors, unsigned line, const char *fmt, ...)
{
	char text[400];
	va_list args;

	if (errors->count >= CONF_ERRORS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	errors->rows =
	    xrealloc_array(errors->rows, errors->count + 1, sizeof(*errors->rows));
	errors->rows[errors->count].line = line;
	errors->rows[errors->count++].text = xstrdup(text);
}

bool
conf_errors_has_line(const struct conf_errors *errors, unsigned line)
{
	for (size_t i = 0; i < errors->count; i++) {
		if (errors->rows[i].line == line)
			return true;
	}
	return false;
}

void
conf_errors_free(struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->rows[i].text);
	free(errors->rows);
	errors->rows = NULL;
	errors->count = 0;
}

/* --- entries --- */

static void
conf_entry_clear(struct conf_entry *entry)
{
	for (size_t i = 0; i < entry->count; i++)
		free(entry->values[i]);
	xfree(&entry->values);
	entry->count = 0;
}

void
conf_entries_free(struct conf_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		conf_entry_clear(&entries[i]);
}

/* --- one reading --- */

/* Each value, once. The first of an assignment finds the option empty. */
static int
conf_on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct conf_reader *r = conf_reader_now;

	*(const char **)result = value;
	for (size_t i = 0; r->entries != NULL && i < r->def_count; i++) {
		struct conf_entry *entry = &r->entries[i];
		unsigned line = (unsigned)cfg->line;

		if (strcmp(r->defs[i].key, opt->name) != 0)
			continue;
		/* libConfuse makes room for the value first, hence 1. */
		if (cfg_opt_size(opt) <= 1 && entry->line != 0) {
			conf_errors_add(r->errors, line,
			    "%s: set again; it stands on line %u already", opt->name,
			    entry->line);
			conf_entry_clear(entry);
		}
		entry->line = line;
		entry->values = xrealloc_array(
		    entry->values, entry->count + 1, sizeof(*entry->values));
		entry->values[entry->count++] = xstrdup(value);
	}
	return 0;
}

static void conf_on_error(cfg_t *cfg, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static void
conf_on_error(cfg_t *cfg, const char *fmt, va_list args)
{
	struct conf_reader *r = conf_reader_now;
	const char *quote;

	r->error_line = cfg->line > 0 ? (unsigned)cfg->line : 1;
	vsnprintf(r->error, sizeof(r->error), fmt, args);
	quote = strchr(r->error, '\'');
	if (strncmp(r->error, "no such option", 14) == 0 && quote != NULL) {
		snprintf(r->error_key, sizeof(r->error_key), "%s", quote + 1);
		r->error_key[strcspn(r->error_key, "'")] = '\0';
	}
}

/* True: read to its end. Otherwise error_line, error and error_key say what stopped it. */
static bool
conf_reader_pass(struct conf_reader *r, const char *text)
{
	size_t count = r->def_count + r->unknown_count;
	cfg_opt_t *opts = xcalloc(count + 1, sizeof(*opts));
	cfg_opt_t end = CFG_END();
	cfg_t *cfg;
	bool ok;

	for (size_t i = 0; i < count; i++) {
		const char *key =
		    i < r->def_count ? r->defs[i].key : r->unknown[i - r->def_count];
		cfg_opt_t one = CFG_STR_LIST(NULL, NULL, CFGF_NODEFAULT);

		one.name = key;
		one.parsecb = conf_on_value;
		opts[i] = one;
	}
	opts[count] = end;
	r->error_key[0] = r->error[0] = '\0';
	r->error_line = 0;
	conf_reader_now = r;
	cfg = cfg_init(opts, CFGF_NONE);
	cfg_set_error_function(cfg, conf_on_error);
	ok = cfg_parse_buf(cfg, text) == CFG_SUCCESS;
	if (!ok && r->error_line == 0) { /* it stops at some texts without a word */
		r->error_line = cfg->line > 0 ? (unsigned)cfg->line : 1;
		snprintf(r->error, sizeof(r->error), "not understood");
	}
	for (size_t i = 0; ok && r->entries != NULL && i < r->def_count; i++) {
		cfg_opt_t *opt = cfg_getopt(cfg, r->defs[i].key);

		r->entries[i].is_list = opt != NULL && (opt->flags & CFGF_MODIFIED) != 0;
	}
	cfg_free(cfg);
	free(opts);
	conf_reader_now = NULL;
	return ok;
}

/* --- lines --- */

/* Beginning of a line, 1 = the first; NULL = behind the end. */
static char *
conf_line(char *text, unsigned line)
{
	while (text != NULL && line > 1) {
		text = strchr(text, '\n');
		if (text != NULL)
			text++;
		line--;
	}
	return text;
}

/* libConfuse may count lines behind the end: those are the last one. */
static unsigned
conf_line_within(const char *text, unsigned line)
{
	unsigned last = 1;

	for (; *text != '\0'; text++)
		last += *text == '\n';
	return line < last ? line : last;
}

static bool
conf_line_is_blank(const char *line)
{
	line += strspn(line, " \t\r");
	return *line == '\0' || *line == '\n';
}

static void
conf_first_word(const char *line, char out[KEY_MAX])
{
	size_t len;

	line += strspn(line, " \t");
	len = strcspn(line, " \t\r\n=+{");
	snprintf(out, KEY_MAX, "%.*s", (int)len, line);
}

static void
conf_blank(char *line)
{
	for (; *line != '\0' && *line != '\n'; line++)
		*line = ' ';
}

/* Comments become spaces: libConfuse 3.3 counts their lines twice. */
void
conf_blank_comments(char *text, struct conf_errors *errors)
{
	unsigned line = 1;
	char before = '\n';
	char quote = '\0';

	for (char *p = text; *p != '\0'; before = *p++) {
		bool starts_token = strchr(" \t\r\n=,{}\"'", before) != NULL;

		line += *p == '\n';
		if (quote != '\0') {
			if (*p == '\\' && p[1] != '\0')
				p++;
			else if (*p == quote)
				quote = '\0';
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '#' || (starts_token && p[0] == '/' && p[1] == '/')) {
			conf_blank(p);
		} else if (starts_token && p[0] == '/' && p[1] == '*') {
			char *end = strstr(p + 2, "*/");

			if (end == NULL)
				conf_errors_add(errors, line,
				    "a comment that begins here has no end");
			for (char *c = p; *c != '\0' && (end == NULL || c < end + 2); c++)
				*c = *c == '\n' ? '\n' : ' ';
		}
	}
}

/*
 * The longest beginning that can be read ends above the statement that cannot. When too
 * many had to be tried, the line that libConfuse named has to do.
 */
static unsigned
conf_statement_line(struct conf_reader *r, const char *text, unsigned line)
{
	struct conf_reader probe = *r;
	const char *end = conf_line((char *)(uintptr_t)text, line);
	unsigned good = line - 1; /* its end is end */

	probe.entries = NULL;
	for (; good > 0; good--) {
		const char *start = end - 1;
		char *part;
		bool ok;

		while (start > text && start[-1] != '\n')
			start--;
		/* A blank line at the end changes nothing: ask without it. */
		if (!conf_line_is_blank(start)) {
			if (r->probes++ >= PROBES_MAX)
				return line;
			part = xstrdup(text);
			part[end - text] = '\0';
			ok = conf_reader_pass(&probe, part);
			free(part);
			if (ok)
				break;
		}
		end = start;
	}
	for (good++; good < line && conf_line_is_blank(end); good++)
		end = strchr(end, '\n') + 1;
	return good;
}

/* --- unknown keys --- */

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, case and - for _ not counted. */
static size_t
conf_distance(const char *a, const char *b)
{
	size_t row[KEY_MAX + 1];
	size_t length = least(strlen(b), KEY_MAX);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			int left =
			    a[i - 1] == '-' ? '_' : tolower((unsigned char)a[i - 1]);
			size_t other =
			    diagonal + (left != tolower((unsigned char)b[j - 1]));

			diagonal = row[j];
			row[j] = least(least(row[j] + 1, row[j - 1] + 1), other);
		}
	}
	return row[length];
}

static void
conf_report_unknown(struct conf_reader *r, unsigned line, const char *key)
{
	size_t best = SIZE_MAX;
	const char *meant = NULL;

	for (size_t i = 0; i < r->def_count; i++) {
		size_t distance = conf_distance(key, r->defs[i].key);

		if (distance < best) {
			best = distance;
			meant = r->defs[i].key;
		}
	}
	if (meant != NULL && best <= 1 + strlen(key) / 4)
		conf_errors_add(r->errors, line,
		    "%s: no such setting; did you mean \"%s\"?", key, meant);
	else
		conf_errors_add(r->errors, line,
		    "%s: no such setting; --sample-config prints all there are", key);
}

/* --- all readings --- */

static bool
conf_reader_knows(const struct conf_reader *r, const char *key)
{
	for (size_t i = 0; i < r->unknown_count; i++) {
		if (strcmp(r->unknown[i], key) == 0)
			return true;
	}
	return false;
}

/* Notes the error of the last pass and takes out its cause. False: nothing is left to take. */
static bool
conf_take_out(struct conf_reader *r, char *text)
{
	unsigned line = conf_line_within(text, r->error_line);
	char error[sizeof(r->error)];
	char word[KEY_MAX];
	char *at = conf_line(text, line);

	conf_first_word(at == NULL ? "" : at, word);
	if (r->error_key[0] != '\0' && strcmp(word, r->error_key) == 0 &&
	    !conf_reader_knows(r, word)) {
		conf_report_unknown(r, line, word);
		r->unknown =
		    xrealloc_array(r->unknown, r->unknown_count + 1, sizeof(*r->unknown));
		r->unknown[r->unknown_count++] = xstrdup(word);
		return true;
	}
	snprintf(error, sizeof(error), "%s", r->error);
	if (r->error_key[0] != '\0') {
		if (!conf_errors_has_line(r->errors, line))
			conf_errors_add(r->errors, line,
			    "nothing is expected before \"%s\"; a value with spaces "
			    "stands in quotes",
			    r->error_key);
	} else {
		line = conf_statement_line(r, text, line);
		at = conf_line(text, line);
		conf_first_word(at == NULL ? "" : at, word);
		if (conf_errors_has_line(r->errors, line))
			;
		else if (strstr(error, "premature end") != NULL)
			conf_errors_add(r->errors, line,
			    "a quote or brace that begins here has no end");
		else
			conf_errors_add(r->errors, line,
			    "cannot be read (%s); a line is: key = value", error);
	}
	for (size_t i = 0; i < r->def_count; i++)
		r->entries[i].spoiled |= strcmp(r->defs[i].key, word) == 0;
	if (at == NULL || conf_line_is_blank(at))
		return false;
	conf_blank(at);
	return true;
}

void
conf_read(const struct conf_def *defs, size_t def_count, const char *text,
    struct conf_entry *entries, struct conf_errors *errors)
{
	struct conf_reader r = {.defs = defs, .def_count = def_count, .errors = errors};
	char *own = xasprintf("%s\n", text);
	struct conf_errors doubled = {.name = errors->name};
	bool whole = false;

	conf_blank_comments(own, errors);
	/* The doubled keys of the last reading count; earlier readings did not reach the end. */
	for (int pass = 0; pass < CONF_ERRORS_MAX * 2 && !whole; pass++) {
		for (size_t i = 0; i < def_count; i++) {
			conf_entry_clear(&entries[i]);
			entries[i].line = 0;
		}
		conf_errors_free(&doubled);
		r.entries = entries;
		r.errors = &doubled;
		whole = conf_reader_pass(&r, own);
		r.errors = errors;
		if (!whole && !conf_take_out(&r, own))
			break;
	}
	for (size_t i = 0; i < doubled.count; i++)
		conf_errors_add(errors, doubled.rows[i].line, "%s", doubled.rows[i].text);
	conf_errors_free(&doubled);
	for (size_t i = 0; i < r.unknown_count; i++)
		free(r.unknown[i]);
	free(r.unknown);
	free(own);
}
