/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of each changed item Sync says the change number under which it was saved (rev) and that
 * under which it was touched last (ms), with the second of that (md). Mail that comes in is
 * saved and not touched since. It touches others in the same change: the messages of its
 * thread get another parent.
 */
#include "agent/mailbox/written.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

/* Zimbra's own folders that nobody delivers to. */
#define FOLDER_TRASH 3
#define FOLDER_SENT 5
#define FOLDER_DRAFTS 6
#define DATE_LEAST 946684800u /* 2000-01-01: what is less is no date */

struct written_touch {
	uint64_t change;
	uint64_t at_s; /* 0: it does not say */
};

static void
written_note(struct written *w, uint64_t at_s)
{
	if (at_s < DATE_LEAST || at_s > UINT32_MAX)
		w->undated = true;
	else if ((int64_t)at_s > w->at_s)
		w->at_s = (int64_t)at_s;
}

static uint64_t
number_of(const struct soap_node *n, const char *name)
{
	uint64_t value = 0;

	return soap_get_uint(n, name, &value) ? value : 0;
}

/* "accountId:2" or "2". */
static uint64_t
folder_of(const struct soap_node *n)
{
	const char *text = soap_get(n, "l");
	const char *colon = text == NULL ? NULL : strrchr(text, ':');

	return text == NULL ? 0 : strtoull(colon == NULL ? text : colon + 1, NULL, 10);
}

void
written_begin(struct written *w, const char *token)
{
	memset(w, 0, sizeof(*w));
	w->since = strtoull(token, NULL, 10); /* "403" or "403-7" */
}

/* Mail that a filter files somewhere else cannot be told from an IMAP client's APPEND. */
static bool
is_mail_come_in(const struct soap_node *n)
{
	uint64_t saved = number_of(n, "rev");
	uint64_t folder = folder_of(n);

	return saved != 0 && saved == number_of(n, "ms") && folder != 0 &&
	       folder != FOLDER_TRASH && folder != FOLDER_SENT && folder != FOLDER_DRAFTS;
}

void
written_add_message(struct written *w, const struct soap_node *n)
{
	struct written_touch *touch;

	if (is_mail_come_in(n)) {
		if ((w->came_count & (w->came_count - 1)) == 0)
			w->came = xrealloc_array(w->came,
			    w->came_count == 0 ? 1 : w->came_count * 2, sizeof(*w->came));
		w->came[w->came_count++] = number_of(n, "ms");
		return;
	}
	if ((w->touched_count & (w->touched_count - 1)) == 0)
		w->touched = xrealloc_array(w->touched,
		    w->touched_count == 0 ? 1 : w->touched_count * 2,
		    sizeof(*w->touched));
	touch = &w->touched[w->touched_count++];
	touch->change = number_of(n, "ms");
	touch->at_s = number_of(n, "md");
}

/* On behalf of an account every folder is listed when one has changed. */
void
written_add_other(struct written *w, const struct soap_node *n)
{
	uint64_t change = number_of(n, "ms");

	if (change == 0 || change > w->since)
		written_note(w, number_of(n, "md"));
}

void
written_add_deleted(struct written *w)
{
	w->undated = true;
}

static int
compare_u64(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

void
written_end(struct written *w)
{
	if (w->came_count > 0)
		qsort(w->came, w->came_count, sizeof(*w->came), compare_u64);
	for (size_t i = 0; i < w->touched_count; i++) {
		const struct written_touch *t = &w->touched[i];

		if (w->came_count == 0 || bsearch(&t->change, w->came, w->came_count,
					      sizeof(*w->came), compare_u64) == NULL)
			written_note(w, t->at_s);
	}
	xfree(&w->came);
	xfree(&w->touched);
	w->came_count = w->touched_count = 0;
}
