/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three sorts. First equal messages of a folder get the date of the newest of them, then
 * everything goes by stage and date, then stretches of messages go by folder, so that a
 * request holds few folders and the newest stretch still comes first.
 */
#include "agent/mailbox/import_plan.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

#define FIT_LEAST 10 /* messages: each request costs by itself */
#define NEW_S 86400  /* a day: what people look for first */
#define STRETCH 1000 /* messages that are regrouped by folder */

enum import_stage
import_stage_of(enum spool_type type, bool refers)
{
	switch (type) {
	case SPOOL_CONTACT:
		return refers ? IMPORT_GROUPS : IMPORT_CONTACTS;
	case SPOOL_APPOINTMENT:
	case SPOOL_TASK:
		return IMPORT_CALENDAR;
	case SPOOL_DOCUMENT:
		return IMPORT_DOCUMENTS;
	case SPOOL_CHAT:
	case SPOOL_NOTE:
		return IMPORT_OTHERS;
	case SPOOL_MESSAGE:
	case SPOOL_TYPE_COUNT:
		break;
	}
	return IMPORT_MESSAGES;
}

/* --- order --- */

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

static int
compare_equal_together(const void *a, const void *b)
{
	const struct import_row *x = a, *y = b;

	COMPARE(x->stage, y->stage);
	COMPARE(x->folder, y->folder);
	COMPARE(x->content, y->content);
	COMPARE(y->date_s, x->date_s);
	return 0;
}

static int
compare_in_folder(const void *a, const void *b)
{
	const struct import_row *x = a, *y = b;

	COMPARE(x->folder, y->folder);
	COMPARE(y->date_s, x->date_s);
	COMPARE(x->content, y->content);
	COMPARE(x->id, y->id);
	return 0;
}

static int
compare_newest_first(const void *a, const void *b)
{
	const struct import_row *x = a, *y = b;

	COMPARE(x->stage, y->stage);
	if (x->stage != IMPORT_MESSAGES) {
		COMPARE(x->folder, y->folder);
		COMPARE(x->id, y->id);
		return 0;
	}
	COMPARE(y->date_s, x->date_s);
	return compare_in_folder(a, b);
}

static bool
are_equal(const struct import_row *x, const struct import_row *y)
{
	return x->stage == y->stage && x->folder == y->folder && x->content == y->content;
}

static void
sort_stretches(struct import_row *rows, size_t count)
{
	for (size_t from = 0; from < count;) {
		size_t to = from + STRETCH < count ? from + STRETCH : count;

		while (to < count && are_equal(&rows[to - 1], &rows[to]))
			to++;
		qsort(rows + from, to - from, sizeof(*rows), compare_in_folder);
		from = to;
	}
}

void
import_plan_sort(struct import_row *rows, size_t count)
{
	size_t first = 0;

	if (count == 0)
		return;
	qsort(rows, count, sizeof(*rows), compare_equal_together);
	for (size_t i = 1; i < count; i++) {
		if (are_equal(&rows[i - 1], &rows[i]))
			rows[i].date_s = rows[i - 1].date_s;
	}
	qsort(rows, count, sizeof(*rows), compare_newest_first);
	while (first < count && rows[first].stage != IMPORT_MESSAGES)
		first++;
	sort_stretches(rows + first, count - first);
}

/* --- cutting --- */

/* Contacts have a lane of their own, and what refers to them comes when they are in. */
static bool
may_go_on(const struct import_row *x, const struct import_row *y, bool mixed)
{
	return x->stage == y->stage || (mixed && x->stage > IMPORT_GROUPS);
}

static bool
must_stay_together(const struct import_row *x, const struct import_row *y)
{
	if (x->stage != y->stage || x->folder != y->folder)
		return false;
	/* Contacts count as equal by name and address, which the row does not tell. */
	return x->stage == IMPORT_CONTACTS || x->stage == IMPORT_GROUPS ||
	       are_equal(x, y);
}

size_t
import_plan_cut(const struct import_row *rows, size_t count, size_t from,
    const struct import_limits *limits)
{
	size_t folders = 1;
	uint64_t kib = rows[from].kib;
	size_t to = from + 1;

	for (; to < count && may_go_on(&rows[from], &rows[to], limits->mixed); to++) {
		bool bound = must_stay_together(&rows[to - 1], &rows[to]);

		folders += rows[to].folder != rows[to - 1].folder;
		kib += rows[to].kib;
		if (!bound && (folders > limits->folders || to - from >= limits->items ||
				  kib > limits->kib))
			break;
	}
	return to;
}

size_t
import_plan_fit(uint64_t done, uint64_t took_ms, uint64_t left_ms, size_t most)
{
	uint64_t fit;

	if (done == 0)
		return most / 10;
	fit = took_ms == 0 ? most : left_ms * done / took_ms;
	if (fit < FIT_LEAST)
		return 0;
	return fit < most ? (size_t)fit : most;
}

bool
import_plan_can_wait(uint32_t date_s, int64_t now_s)
{
	return (int64_t)date_s + NEW_S < now_s;
}

/* --- views --- */

bool
import_view_takes(const char *view, enum spool_type type)
{
	static const char *const takes[SPOOL_TYPE_COUNT][4] = {
	    [SPOOL_MESSAGE] = {"message", "conversation"},
	    [SPOOL_CONTACT] = {"contact"},
	    [SPOOL_APPOINTMENT] = {"appointment"},
	    [SPOOL_TASK] = {"task"},
	    [SPOOL_DOCUMENT] = {"document", "wiki"},
	    [SPOOL_CHAT] = {"message", "conversation", "chat"},
	    [SPOOL_NOTE] = {"note"},
	};

	if (view[0] == '\0' || strcmp(view, "unknown") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(takes[type]) && takes[type][i] != NULL; i++) {
		if (strcmp(takes[type][i], view) == 0)
			return true;
	}
	return false;
}

void
import_line_feed(struct import_line *l, const void *data, size_t len)
{
	const char *p = data;
	const char *end = p + len;

	while (p < end && !l->too_long) {
		const char *feed = memchr(p, '\n', (size_t)(end - p));

		l->length += (size_t)((feed == NULL ? end : feed) - p);
		l->too_long = l->length > IMPORT_LINE_MAX;
		if (feed == NULL)
			return;
		l->length = 0;
		p = feed + 1;
	}
}

/* --- metadata entries --- */

/* "/Old/notes.txt" in folder "New" -> "/New/notes.txt"; "Inbox/" -> "New/". */
static char *
meta_path(const char *path, const char *name, const char *folder)
{
	size_t path_len = strlen(path), name_len = strlen(name);
	const char *lead = path[0] == '/' ? "/" : "";
	bool named = name_len > 0 && path_len > name_len &&
		     path[path_len - name_len - 1] == '/' &&
		     strcmp(path + path_len - name_len, name) == 0;

	if (named)
		return folder[0] == '\0' ? xasprintf("%s%s", lead, name)
					 : xasprintf("%s%s/%s", lead, folder, name);
	return xasprintf(
	    "%s%s%s", lead, folder, path_len > 1 && path[path_len - 1] == '/' ? "/" : "");
}

static const char *
meta_text(const json_t *root, const char *key)
{
	const char *text = json_string_value(json_object_get(root, key));

	return text == NULL ? "" : text;
}

char *
import_meta(const char *meta, const char *folder_path, uint32_t folder_id)
{
	json_t *root = json_loads(meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	char *path;
	char *text;

	if (!json_is_object(root)) {
		json_decref(root);
		return NULL;
	}
	path = meta_path(meta_text(root, "Path"), meta_text(root, "name"), folder_path);
	json_object_set_new(root, "Path", json_string(path));
	json_object_set_new(root, "folder_id", json_integer(folder_id));
	text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(root);
	free(path);
	return text;
}

char *
import_meta_replace(const char *meta, const char *metadata, size_t len)
{
	json_t *root = json_loads(meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	char *text = NULL;

	if (json_is_object(root)) {
		json_object_set_new(root, "metadata", json_stringn(metadata, len));
		text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER);
	}
	json_decref(root);
	return text;
}
