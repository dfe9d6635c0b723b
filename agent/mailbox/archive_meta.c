/* SPDX-License-Identifier: Apache-2.0 */
/* What a metadata entry says: JSON with the keys of facts 1.6. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/archive_private.h"
#include "proto/limits.h"

#define TYPE_FOLDER 1

/* Zimbra's item types by number (MailItem.Type). */
static const struct {
	int number;
	enum spool_type type;
} types[] = {
    {5, SPOOL_MESSAGE},
    {6, SPOOL_CONTACT},
    {8, SPOOL_DOCUMENT},
    {9, SPOOL_NOTE},
    {11, SPOOL_APPOINTMENT},
    {14, SPOOL_DOCUMENT}, /* wiki */
    {15, SPOOL_TASK},
    {16, SPOOL_CHAT},
};

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a:b\:c" -> hash of the sorted names; 0 = none. */
static uint64_t
tags_hash(const char *names)
{
	char *copy;
	char *parts[512];
	size_t count = 0;
	size_t at = 0;
	uint64_t hash;
	char *out;

	if (names == NULL || names[0] == '\0')
		return 0;
	copy = calloc(1, strlen(names) * 2 + 2);
	if (copy == NULL)
		return 0;
	out = copy;
	parts[count++] = out;
	for (const char *p = names; *p != '\0' && count < 512; p++) {
		if (*p == '\\' && p[1] != '\0') {
			*out++ = *++p;
		} else if (*p == ':') {
			*out++ = '\0';
			parts[count++] = out;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	qsort(parts, count, sizeof(parts[0]), compare_text);
	hash = 14695981039346656037u;
	for (size_t i = 0; i < count; i++) {
		if (parts[i][0] == '\0')
			continue;
		at++;
		for (const char *p = parts[i];; p++) {
			hash = (hash ^ (unsigned char)*p) * 1099511628211u;
			if (*p == '\0')
				break;
		}
	}
	free(copy);
	return at == 0 ? 0 : hash;
}

static uint64_t
number_of(const json_t *root, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(root, key));

	return n < 0 ? 0 : (uint64_t)n;
}

/* Flags are a Java int: its highest bit makes it negative. */
static uint32_t
bits_of(const json_t *root, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(root, key));
}

/* Subjects may hold any character, NUL too. */
static json_t *
meta_load(const char *meta, json_error_t *why)
{
	return json_loads(meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, why);
}

bool
archive_meta_is_mark(const char *meta)
{
	json_error_t why;
	json_t *root = meta_load(meta, &why);
	bool is_mark = number_of(root, "type") == TYPE_FOLDER &&
		       number_of(root, "id") == strtoull(ARCHIVE_MARK, NULL, 10);

	json_decref(root);
	return is_mark;
}

bool
archive_parse_meta(const char *meta, struct spool_item *out, struct err *e)
{
	json_error_t why;
	json_t *root = meta_load(meta, &why);
	const char *digest = json_string_value(json_object_get(root, "blob_digest"));
	const char *extra = json_string_value(json_object_get(root, "ExtraStr"));
	uint64_t id = number_of(root, "id");
	uint64_t type = number_of(root, "type");
	bool known = false;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if ((uint64_t)types[i].number == type) {
			out->type = types[i].type;
			known = true;
		}
	}
	if (root == NULL || id == 0 || id > INT32_MAX || !known) {
		err_set(e, ERR_REFUSED, "a metadata entry that is not Zimbra's: %.60s",
		    root == NULL ? why.text : "no item id or a type nobody knows");
		json_decref(root);
		return false;
	}
	out->id = (uint32_t)id;
	out->folder_id = (uint32_t)number_of(root, "folder_id");
	out->flags = bits_of(root, "flags");
	out->size = number_of(root, "size");
	out->date_s = (int64_t)number_of(root, "date");
	out->mod_metadata = (uint32_t)number_of(root, "mod_metadata");
	out->mod_content = (uint32_t)number_of(root, "mod_content");
	out->imap_id = (uint32_t)number_of(root, "imap_id");
	out->unread = number_of(root, "unread") != 0;
	out->tags_hash = tags_hash(json_string_value(json_object_get(root, "TagNames")));
	out->digest_hash =
	    digest == NULL || digest[0] == '\0' ? 0 : spool_hash(digest, strlen(digest));
	out->has_calendar_link = out->type == SPOOL_MESSAGE && extra != NULL &&
				 strstr(extra, "calendar=") != NULL;
	json_decref(root);
	return true;
}
