/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is held, and older than the sender's. It stays until the newer of it has come: the
 * sender may die in the middle, and then what is held is all there is. A note beside the
 * spool says which these are, and as of when the spool was the whole truth.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/ids.h"
#include "agent/worker/receive_private.h"
#include "proto/base/xalloc.h"

#define AGED_NOTE "aged" /* "TOKEN ID ID ...", or nothing */

void
aged_free(struct aged *a)
{
	free(a->ids);
	free(a->at);
	*a = (struct aged){0};
}

void
aged_read(struct spool *s, struct aged *out)
{
	char *text = spool_note_text(s, AGED_NOTE);
	size_t cap = 0;
	char *p;

	*out = (struct aged){0};
	if (text == NULL || sscanf(text, "%63s", out->token) != 1) {
		free(text);
		return;
	}
	for (p = text + strlen(out->token); *p == ' ';) {
		if (out->count == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			out->ids = xrealloc_array(out->ids, cap, sizeof(*out->ids));
		}
		out->ids[out->count++] = (uint32_t)strtoul(p + 1, &p, 10);
	}
	free(text);
}

static bool
aged_write(struct spool *s, const struct aged *a, struct err *e)
{
	size_t size = sizeof(a->token) + a->count * 11 + 1;
	char *text = xcalloc(1, size);
	size_t len = (size_t)snprintf(text, size, "%s", a->token);
	bool ok;

	for (size_t i = 0; i < a->count; i++)
		len += (size_t)snprintf(text + len, size - len, " %u", a->ids[i]);
	ok = spool_note_write(s, AGED_NOTE, a->count == 0 ? "" : text, e);
	free(text);
	return ok;
}

/* Sorted, once each, of record and held; and where each lies, to tell when it is renewed. */
static void
aged_sift(struct spool *s, struct aged *a, const struct spool_record_list *record)
{
	size_t count = 0;

	ids_sort(a->ids, a->count);
	free(a->at);
	a->at = xcalloc(a->count + 1, sizeof(*a->at));
	for (size_t i = 0; i < a->count; i++) {
		struct spool_item item;
		size_t at;

		if ((count > 0 && a->ids[count - 1] == a->ids[i]) ||
		    !spool_record_find(record, a->ids[i], &at) ||
		    !spool_find(s, a->ids[i], &item))
			continue;
		a->ids[count] = item.id;
		a->at[count++] = item.meta_offset;
	}
	a->count = count;
}

bool
aged_keep(struct spool *s, struct aged *a, const uint32_t *stale, size_t stale_count,
    const struct spool_record_list *record, const char *token, struct err *e)
{
	bool was_none = a->count == 0;

	if (was_none)
		snprintf(a->token, sizeof(a->token), "%s", token);
	if (stale_count > 0) {
		a->ids = xrealloc_array(a->ids, a->count + stale_count, sizeof(*a->ids));
		memcpy(a->ids + a->count, stale, stale_count * sizeof(*stale));
		a->count += stale_count;
	}
	aged_sift(s, a, record);
	return (was_none && a->count == 0) || aged_write(s, a, e);
}

bool
aged_is(const struct aged *a, const struct spool_item *held)
{
	size_t at = ids_find(a->ids, a->count, held->id);

	return at < a->count && (a->at == NULL || a->at[at] == held->meta_offset);
}

bool
aged_end(struct spool *s, struct aged *a, struct err *e)
{
	if (a->count > 0 && !spool_note_write(s, AGED_NOTE, "", e))
		return false;
	aged_free(a);
	return true;
}
