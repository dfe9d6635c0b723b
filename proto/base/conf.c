/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the file's values, or the table's fallbacks, become typed fields.
 * What can go wrong is the person's: each error is noted with its line and what would
 * be right, and nothing is used. Reading the text itself: conf_read.c.
 */
#include "proto/base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/conf_private.h"
#include "proto/base/xalloc.h"

#define FILE_MAX_BYTES (256u * 1024)

/* Where each value of a settings struct came from; kept until conf_free. */
struct conf_origin {
	struct conf_origin *next;
	const void *settings;
	char *name;
	unsigned *lines; /* per def, 0 = default */
};

static struct conf_origin *conf_origins;

static void *
conf_field(void *settings, const struct conf_def *def)
{
	return (char *)settings + def->offset;
}

static const void *
conf_const_field(const void *settings, const struct conf_def *def)
{
	return (const char *)settings + def->offset;
}

/* --- values: each parser says in why what is wrong --- */

struct conf_value {
	const struct conf_def *def;
	const char *text;
	char why[300];
};

static bool
value_bad(struct conf_value *v, const char *what)
{
	snprintf(v->why, sizeof(v->why), "\"%.100s\" is not %s", v->text, what);
	return false;
}

/* Digits only, no sign, no spaces; the rest of the text in *rest_out. */
static bool
value_digits(const char *text, uint64_t *out, const char **rest_out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	*rest_out = end;
	return errno == 0;
}

static bool
value_number(struct conf_value *v, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *rest;

	if (!value_digits(v->text, out, &rest) || *rest != '\0')
		return value_bad(v, "a number");
	if (*out >= min && *out <= max)
		return true;
	snprintf(v->why, sizeof(v->why), "%s is not between %llu and %llu", v->text,
	    (unsigned long long)min, (unsigned long long)max);
	return false;
}

static bool
value_port(struct conf_value *v, uint16_t *out)
{
	uint64_t number;
	const char *rest;

	if (!value_digits(v->text, &number, &rest) || *rest != '\0')
		return value_bad(v, "a port (1-65535)");
	if (number < 1 || number > 65535) {
		snprintf(v->why, sizeof(v->why), "%s is not a port (1-65535)", v->text);
		return false;
	}
	*out = (uint16_t)number;
	return true;
}

static bool
value_bytes(struct conf_value *v, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	const char *rest;
	uint64_t number;
	unsigned shift = 0;

	if (!value_digits(v->text, &number, &rest))
		return value_bad(v, "a size (try 512K, 64M, 2G)");
	unit = *rest == '\0' ? NULL : strchr(units, *rest);
	if (unit != NULL)
		shift = 10 * (unsigned)(unit - units + 1);
	if ((*rest != '\0' && (unit == NULL || rest[1] != '\0')) ||
	    number > UINT64_MAX >> shift)
		return value_bad(v, "a size (try 512K, 64M, 2G)");
	*out = number << shift;
	return true;
}

static bool
value_percent(struct conf_value *v, uint32_t *out)
{
	uint64_t number;
	const char *rest;

	if (!value_digits(v->text, &number, &rest) || number > 100 ||
	    (*rest != '\0' && strcmp(rest, "%") != 0))
		return value_bad(v, "a percentage (0% to 100%)");
	*out = (uint32_t)number;
	return true;
}

static bool
value_bool(struct conf_value *v, bool *out)
{
	static const char *const yes[] = {"yes", "true", "on"};
	static const char *const no[] = {"no", "false", "off"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcmp(v->text, yes[i]) == 0 || strcmp(v->text, no[i]) == 0) {
			*out = strcmp(v->text, yes[i]) == 0;
			return true;
		}
	}
	return value_bad(v, "yes or no");
}

static bool
value_hostport(struct conf_value *v)
{
	const char *colon = strrchr(v->text, ':');
	uint64_t port = 0;
	const char *rest = "";

	/* An IPv6 address stands in brackets. */
	if (colon == NULL || colon == v->text || !value_digits(colon + 1, &port, &rest) ||
	    *rest != '\0' || port < 1 || port > 65535 ||
	    (memchr(v->text, ':', (size_t)(colon - v->text)) != NULL &&
		(v->text[0] != '[' || colon[-1] != ']')) ||
	    strpbrk(v->text, " \t/@") != NULL)
		return value_bad(v, "host:port (try controller.example.org:7443)");
	return true;
}

static bool
value_path(struct conf_value *v)
{
	if (v->text[0] == '/')
		return true;
	return value_bad(v, "an absolute path (it begins with /)");
}

static bool
value_file(struct conf_value *v)
{
	struct stat st;
	mode_t mode;

	if (!value_path(v))
		return false;
	if (stat(v->text, &st) != 0 || access(v->text, R_OK) != 0) {
		snprintf(v->why, sizeof(v->why), "%.150s: %s", v->text, strerror(errno));
		return false;
	}
	mode = st.st_mode & 07777;
	if (!S_ISREG(st.st_mode)) {
		snprintf(v->why, sizeof(v->why), "%.150s is not a file", v->text);
		return false;
	}
	if (v->def->type == CONF_SECRET && (mode & ~(mode_t)0640) != 0) {
		snprintf(v->why, sizeof(v->why),
		    "%.100s: mode %04o lets others at a secret; run: chmod 0400 %.100s",
		    v->text, (unsigned)mode, v->text);
		return false;
	}
	return true;
}

/* One value into its field. "" means not set where the field is a pointer. */
static bool
value_store(struct conf_value *v, void *field)
{
	uint64_t number = 0;
	bool ok = true;

	switch (v->def->type) {
	case CONF_STRING:
	case CONF_PATH:
	case CONF_FILE:
	case CONF_SECRET:
	case CONF_HOSTPORT:
		if (v->text[0] == '\0' && v->def->fallback != NULL)
			return true;
		if (v->text[0] == '\0') {
			snprintf(v->why, sizeof(v->why),
			    "is empty; it needs a value (%.200s)", v->def->help);
			return false;
		}
		if (v->def->type == CONF_PATH)
			ok = value_path(v);
		else if (v->def->type == CONF_HOSTPORT)
			ok = value_hostport(v);
		else if (v->def->type != CONF_STRING)
			ok = value_file(v);
		*(char **)field = ok ? xstrdup(v->text) : NULL;
		return ok;
	case CONF_PORT:
		return value_port(v, field);
	case CONF_UINT:
		ok = value_number(v, v->def->min,
		    v->def->min == 0 && v->def->max == 0 ? UINT32_MAX : v->def->max,
		    &number);
		*(uint32_t *)field = ok ? (uint32_t)number : 0;
		return ok;
	case CONF_DURATION:
		return conf_duration_parse(v->text, field) ||
		       value_bad(v, "a duration (try 90s, 15m, 6h)");
	case CONF_BYTES:
		return value_bytes(v, field);
	case CONF_PERCENT:
		return value_percent(v, field);
	case CONF_BOOL:
		return value_bool(v, field);
	case CONF_LIST:
		break;
	}
	BUG("setting %s: a list is stored elsewhere", v->def->key);
}

static void
conf_store_list(char ***field, const struct conf_entry *entry)
{
	if (entry->count == 0)
		return;
	*field = xcalloc(entry->count + 1, sizeof(**field));
	for (size_t i = 0; i < entry->count; i++)
		(*field)[i] = xstrdup(entry->values[i]);
}

/* --- one setting --- */

static void
conf_take(void *settings, const struct conf_def *def, const struct conf_entry *entry,
    struct conf_errors *errors)
{
	struct conf_value v = {.def = def};

	if (def->type == CONF_LIST) {
		conf_store_list(conf_field(settings, def), entry);
		return;
	}
	if (entry->line == 0 && entry->is_list) {
		conf_errors_add(
		    errors, 0, "%s: an empty list is no value for it", def->key);
		return;
	}
	if (entry->count > 1) {
		conf_errors_add(
		    errors, entry->line, "%s: takes one value, not a list", def->key);
		return;
	}
	if (entry->line == 0 && (entry->spoiled || def->fallback == NULL)) {
		if (!entry->spoiled)
			conf_errors_add(errors, 0,
			    "%s: is not set and has no default (%s)", def->key,
			    def->help);
		return;
	}
	v.text = entry->line == 0 ? def->fallback : entry->values[0];
	if (!value_store(&v, conf_field(settings, def)))
		conf_errors_add(errors, entry->line, "%s: %s%s", def->key, v.why,
		    entry->line == 0 ? " (this is the default)" : "");
}

static int
compare_error(const void *left, const void *right)
{
	const struct conf_error *a = left;
	const struct conf_error *b = right;
	/* Errors of the whole file come last. */
	unsigned line_a = a->line == 0 ? UINT32_MAX : a->line;
	unsigned line_b = b->line == 0 ? UINT32_MAX : b->line;

	return line_a < line_b ? -1 : line_a > line_b ? 1 : strcmp(a->text, b->text);
}

void
conf_print_errors(struct conf_errors *errors, struct buf *out)
{
	bool ok = true;

	if (errors->count > 0)
		qsort(errors->rows, errors->count, sizeof(*errors->rows), compare_error);
	for (size_t i = 0; ok && i < errors->count; i++) {
		const struct conf_error *row = &errors->rows[i];

		if (row->line == 0)
			ok = buf_printf(out, "%s: %s\n", errors->name, row->text);
		else
			ok = buf_printf(
			    out, "%s:%u: %s\n", errors->name, row->line, row->text);
	}
}

static void
conf_remember(const void *settings, const struct conf_entry *entries, size_t count,
    const char *name)
{
	struct conf_origin *origin = XNEW(struct conf_origin);

	origin->settings = settings;
	origin->name = xstrdup(name);
	origin->lines = xcalloc(count, sizeof(*origin->lines));
	for (size_t i = 0; i < count; i++)
		origin->lines[i] = entries[i].line;
	origin->next = conf_origins;
	conf_origins = origin;
}

static const struct conf_origin *
conf_origin_of(const void *settings)
{
	const struct conf_origin *origin = conf_origins;

	while (origin != NULL && origin->settings != settings)
		origin = origin->next;
	return origin;
}

unsigned
conf_line_of(
    const void *settings, const struct conf_def *defs, size_t def_count, const char *text)
{
	const struct conf_origin *origin = conf_origin_of(settings);

	for (size_t i = 0; i < def_count && origin != NULL; i++) {
		size_t length = strlen(defs[i].key);

		if (strncmp(defs[i].key, text, length) == 0 && text[length] == ':')
			return origin->lines[i];
	}
	return 0;
}

/* --- public --- */

bool
conf_parse_part(void *settings, size_t settings_size, const struct conf_def *defs,
    size_t def_count, const char *text, struct conf_errors *errors)
{
	struct conf_entry *entries = xcalloc(def_count, sizeof(*entries));
	size_t before = errors->count;

	memset(settings, 0, settings_size);
	conf_read(defs, def_count, text, entries, errors);
	for (size_t i = 0; i < def_count; i++)
		conf_take(settings, &defs[i], &entries[i], errors);
	if (errors->count == before)
		conf_remember(settings, entries, def_count, errors->name);
	else
		conf_free(settings, defs, def_count);
	conf_entries_free(entries, def_count);
	free(entries);
	return errors->count == before;
}

bool
conf_parse(void *settings, size_t settings_size, const struct conf_def *defs,
    size_t def_count, const char *name, const char *text, struct buf *errors_out,
    struct err *e)
{
	const struct conf_table table = {.defs = defs, .def_count = def_count};

	return conf_table_parse(
	    settings, settings_size, &table, name, text, errors_out, e);
}

char *
conf_file_text(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;
	size_t len = 0;
	ssize_t n = 0;
	bool ok = true;

	if (fd < 0) {
		err_errno(e, ERR_REFUSED, errno, "%s%s", path,
		    errno == ENOENT ? " (--sample-config prints one to fill in)" : "");
		return NULL;
	}
	text = xcalloc(1, FILE_MAX_BYTES + 2);
	while (len <= FILE_MAX_BYTES &&
	       (n = read(fd, text + len, FILE_MAX_BYTES + 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		ok = err_errno(e, ERR_REFUSED, errno, "%s", path);
	else if (len > FILE_MAX_BYTES || strlen(text) != len)
		ok = err_set(e, ERR_REFUSED,
		    "%s: is too long or holds a NUL byte; is this a configuration?",
		    path);
	close(fd);
	if (!ok)
		xfree(&text);
	return text;
}

bool
conf_load(void *settings, size_t settings_size, const struct conf_def *defs,
    size_t def_count, const char *path, struct buf *errors_out, struct err *e)
{
	const struct conf_table table = {.defs = defs, .def_count = def_count};

	return conf_table_load(settings, settings_size, &table, path, errors_out, e);
}

static bool
conf_is_pointer(enum conf_type type)
{
	return type == CONF_STRING || type == CONF_PATH || type == CONF_FILE ||
	       type == CONF_SECRET || type == CONF_HOSTPORT;
}

void
conf_free(void *settings, const struct conf_def *defs, size_t def_count)
{
	struct conf_origin **at = &conf_origins;

	for (size_t i = 0; i < def_count; i++) {
		void *field = conf_field(settings, &defs[i]);

		if (conf_is_pointer(defs[i].type)) {
			xfree((char **)field);
		} else if (defs[i].type == CONF_LIST) {
			char **list = *(char ***)field;

			for (size_t n = 0; list != NULL && list[n] != NULL; n++)
				free(list[n]);
			xfree((char ***)field);
		}
	}
	while (*at != NULL && (*at)->settings != settings)
		at = &(*at)->next;
	if (*at != NULL) {
		struct conf_origin *origin = *at;

		*at = origin->next;
		free(origin->name);
		free(origin->lines);
		free(origin);
	}
}

/* --- printing --- */

static void
print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void
print_list(FILE *out, char *const *list)
{
	fputc('{', out);
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		fputs(i == 0 ? " " : ", ", out);
		print_quoted(out, list[i]);
	}
	fputs(list == NULL ? "}" : " }", out);
}

static void
print_value(FILE *out, const struct conf_def *def, const void *field)
{
	const char *text;

	switch (def->type) {
	case CONF_STRING:
	case CONF_PATH:
	case CONF_FILE:
	case CONF_SECRET:
	case CONF_HOSTPORT:
		text = *(const char *const *)field;
		print_quoted(out, text == NULL ? "" : text);
		return;
	case CONF_PORT:
		fprintf(out, "%u", *(const uint16_t *)field);
		return;
	case CONF_UINT:
		fprintf(out, "%u", *(const uint32_t *)field);
		return;
	case CONF_DURATION:
		fprintf(out, "%us", *(const uint32_t *)field);
		return;
	case CONF_PERCENT:
		fprintf(out, "%u%%", *(const uint32_t *)field);
		return;
	case CONF_BYTES:
		fprintf(out, "%llu", (unsigned long long)*(const uint64_t *)field);
		return;
	case CONF_BOOL:
		fputs(*(const bool *)field ? "yes" : "no", out);
		return;
	case CONF_LIST:
		print_list(out, *(char *const *const *)field);
		return;
	}
}

void
conf_print(FILE *out, const void *settings, const struct conf_def *defs, size_t def_count)
{
	const struct conf_origin *origin = conf_origin_of(settings);

	for (size_t i = 0; i < def_count; i++) {
		fprintf(out, "%s = ", defs[i].key);
		print_value(out, &defs[i], conf_const_field(settings, &defs[i]));
		if (origin != NULL && origin->lines[i] != 0)
			fprintf(out, "  # %s:%u\n", origin->name, origin->lines[i]);
		else
			fputs("  # default\n", out);
	}
}

void
conf_print_sample(FILE *out, const struct conf_def *defs, size_t def_count)
{
	for (size_t i = 0; i < def_count; i++) {
		const struct conf_def *def = &defs[i];

		fprintf(out, "%s# %s\n", i == 0 ? "" : "\n", def->help);
		fprintf(out, "%s%s = ", def->fallback == NULL ? "" : "#", def->key);
		if (def->type == CONF_LIST)
			fputs("{ }\n", out);
		else if (def->fallback == NULL || conf_is_pointer(def->type)) {
			print_quoted(out, def->fallback == NULL ? "" : def->fallback);
			fputc('\n', out);
		} else
			fprintf(out, "%s\n", def->fallback);
	}
}
