/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of the verdict, bounded as the wire wants them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/verify_private.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define DIFFERENCES_MAX 200
#define NOT_CARRIED_MAX 100

static ProtobufCBinaryData
report_text(const char *text)
{
	char *copy = xstrndup(text, LIMIT_TEXT - 1);

	utf8_tidy(copy);
	return frame_bytes(copy);
}

void
report_difference(struct verify_report *r, uint64_t item_id, uint64_t target_id,
    const char *type, const char *what, const char *known)
{
	Wire__Difference ***list = known[0] == '\0' ? &r->plain : &r->known;
	size_t *count = known[0] == '\0' ? &r->plain_count : &r->known_count;
	Wire__Difference *d;

	if (*count == DIFFERENCES_MAX)
		return;
	if (*list == NULL)
		*list = xcalloc(DIFFERENCES_MAX, sizeof(**list));
	d = XNEW(Wire__Difference);
	wire__difference__init(d);
	d->item_id = item_id;
	d->target_id = target_id;
	d->type = report_text(type);
	d->what = report_text(what);
	d->known = report_text(known);
	(*list)[(*count)++] = d;
}

void
report_not_carried(
    struct verify_report *r, uint64_t item_id, const char *type, const char *why)
{
	Wire__Verdict *v = r->verdict;
	Wire__Lacking *row;

	v->not_carried_count++;
	if (v->n_not_carried == NOT_CARRIED_MAX)
		return;
	if (v->not_carried == NULL)
		v->not_carried = xcalloc(NOT_CARRIED_MAX, sizeof(*v->not_carried));
	row = XNEW(Wire__Lacking);
	wire__lacking__init(row);
	row->item_id = item_id;
	row->type = report_text(type);
	row->why = report_text(why);
	v->not_carried[v->n_not_carried++] = row;
}

void
report_finish(struct verify_report *r)
{
	Wire__Verdict *v = r->verdict;

	v->differences = xcalloc(DIFFERENCES_MAX, sizeof(*v->differences));
	for (size_t i = 0; i < r->plain_count; i++)
		v->differences[v->n_differences++] = r->plain[i];
	for (size_t i = 0; i < r->known_count && v->n_differences < DIFFERENCES_MAX; i++)
		v->differences[v->n_differences++] = r->known[i];
}
