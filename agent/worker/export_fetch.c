/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting items out of Zimbra. When all goes well: one export, or lists of ids, and every
 * wanted item comes. What can go wrong (facts: zimbra 1.5, move-protocol 4.2): an export
 * ends early with HTTP 200; a dead id ends a list; a blob is missing and its item passed
 * over in silence, or does not match and is marked. A list therefore ends with a mark
 * (archive.h): when that came, what did not come was passed over; when not, the first that
 * did not come is asked for alone. So every id gets a fate, and nothing is asked forever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/archive.h"
#include "agent/mailbox/ids.h"
#include "agent/mailbox/items.h"
#include "agent/worker/export_private.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"

#define LIST_IDS_MAX 1000
#define LIST_BYTES_MAX 6000   /* Zimbra's header limit is 8 kB, the cookie is in it */
#define WHOLE_EXPORT_FROM 200 /* wanted ids, and at least a quarter of the mailbox */

static bool
fetching_find(const struct fetching *x, uint32_t id, size_t *at_out)
{
	size_t low = 0;
	size_t high = x->wanted_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->wanted[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	*at_out = low;
	return low < x->wanted_count && x->wanted[low] == id;
}

void
fetching_want(struct fetching *x, uint32_t *take_wanted, size_t count)
{
	uint8_t *fates = xcalloc(count, sizeof(*fates));

	for (size_t i = 0; i < count; i++) {
		size_t at;

		/* What came and is wanted all the same did not arrive: once more. */
		if (fetching_find(x, take_wanted[i], &at) && x->fates[at] != FATE_CAME)
			fates[i] = x->fates[at];
	}
	free(x->wanted);
	free(x->fates);
	x->wanted = take_wanted;
	x->fates = fates;
	x->wanted_count = count;
}

void
fetching_free(struct fetching *x)
{
	xfree(&x->wanted);
	xfree(&x->fates);
	xfree(&x->worn);
	xfree(&x->expected);
}

bool
fetching_has_work(const struct fetching *x)
{
	return x->wanted_count > 0 &&
	       memchr(x->fates, FATE_WANTED, x->wanted_count) != NULL;
}

/* --- items from the archive to the stream --- */

static bool
fetching_settle(struct fetching *x, size_t at, enum stream_fate fate, struct err *e)
{
	if (!stream_send_item_end(x->stream, fate, e))
		return false;
	x->fates[at] = fate == STREAM_BAD ? FATE_BAD : FATE_CAME;
	x->sent += fate == STREAM_BAD ? 0 : 1;
	worker_progress(x->w, x->sent, x->wanted_count, x->sent_bytes, "copying");
	return true;
}

static void
fetching_wear(struct fetching *x, uint32_t id)
{
	x->pending_worn = true;
	for (size_t i = 0; i < x->worn_count; i++) {
		if (x->worn[i] == id)
			return;
	}
	x->worn = xrealloc_array(x->worn, x->worn_count + 1, sizeof(*x->worn));
	x->worn[x->worn_count++] = id;
}

/* The last revision that came: is it the current one, and did all the earlier ones come? */
static bool
fetching_end_document(struct fetching *x, struct err *e)
{
	const struct expected *all = fetching_expected(x, x->pending_id);
	bool lacks = all != NULL && x->pending_earlier + 1 < all->revisions;
	bool is_older = lacks && x->pending_size != all->size;

	if (x->pending_bad || is_older) {
		if (!fetching_settle(x, x->pending_at, STREAM_BAD, e))
			return false;
		if (is_older && !x->pending_bad)
			x->fates[x->pending_at] = FATE_MISSING;
		return true;
	}
	if (lacks)
		fetching_wear(x, x->pending_id);
	return fetching_settle(
	    x, x->pending_at, x->pending_worn ? STREAM_WORN : STREAM_WHOLE, e);
}

/* Something else follows the pending revision, or the next one does. */
static bool
fetching_end_pending(struct fetching *x, bool next_revision, struct err *e)
{
	if (!x->pending)
		return true;
	x->pending = false;
	if (!next_revision)
		return fetching_end_document(x, e);
	if (!x->pending_bad) {
		x->pending_earlier++;
		return stream_send_item_end(x->stream, STREAM_REVISION, e);
	}
	fetching_wear(x, x->pending_id);
	return stream_send_item_end(x->stream, STREAM_BAD, e);
}

/* Of a document's revisions only what follows tells which is the current one, and in a
   whole export something may be missing there; documents are asked for by id. */
static bool
fetching_begin(void *ctx, const struct spool_item *item, const char *meta,
    const char *name, bool has_data, struct err *e)
{
	struct fetching *x = ctx;
	struct spool_item copy = *item;
	bool next_revision = x->pending && x->pending_id == item->id;
	size_t record_at;

	if (worker_is_stopped())
		return err_set(e, ERR_CANCELLED, "stopped");
	if (!fetching_end_pending(x, next_revision, e))
		return false;
	x->last_seen = item->id;
	/* Not by the flag "versioned": a document may have revisions without it. */
	x->is_document = item->type == SPOOL_DOCUMENT;
	x->pending_size = item->size;
	if (!next_revision) {
		x->pending_earlier = 0;
		x->pending_worn = false;
	}
	x->sending = fetching_find(x, item->id, &x->at) &&
		     x->fates[x->at] == FATE_WANTED && (x->is_list || !x->is_document);
	if (!x->sending)
		return true;
	if (item->data_bytes > LIMIT_ITEM_DATA) {
		x->fates[x->at] = FATE_HUGE;
		x->sending = false;
		return true;
	}
	/* The folder of record counts, not the archive's: a move may have come between. */
	if (spool_record_find(x->record, item->id, &record_at))
		copy.folder_id = x->record->folder_ids[record_at];
	return stream_send_item(x->stream, &copy, meta, name, has_data, e);
}

static bool
fetching_data(void *ctx, const void *bytes, size_t len, struct err *e)
{
	struct fetching *x = ctx;

	if (!x->sending)
		return true;
	x->sent_bytes += len;
	return stream_send_data(x->stream, bytes, len, e);
}

static bool
fetching_end(void *ctx, bool bad, struct err *e)
{
	struct fetching *x = ctx;

	if (!x->sending)
		return true;
	x->sending = false;
	if (!x->is_document)
		return fetching_settle(x, x->at, bad ? STREAM_BAD : STREAM_WHOLE, e);
	x->pending = true;
	x->pending_bad = bad;
	x->pending_id = x->wanted[x->at];
	x->pending_at = x->at;
	return true;
}

/* One export. *whole_out: it came to its end. When not, the item it ended in is not bad. */
static bool
fetching_export(struct fetching *x, const struct rest_export *what, bool *whole_out,
    bool *too_long_out, struct err *e)
{
	const struct archive_sink sink = {.begin = fetching_begin,
	    .data = fetching_data,
	    .end = fetching_end,
	    .ctx = x};
	enum rest_status status;
	size_t at;
	bool ok;

	x->last_seen = 0;
	x->is_list = what->list != NULL;
	x->pending = x->sending = false;
	stream_restart_revisions(x->stream);
	ok = archive_export(&x->w->client, what, &sink, &status, whole_out, e);
	*too_long_out = !ok && status == REST_TOO_LONG;
	if (!ok)
		return *too_long_out;
	if (x->pending && !*whole_out)
		x->pending_bad = true;
	if (!fetching_end_pending(x, false, e))
		return false;
	if (!*whole_out && fetching_find(x, x->last_seen, &at) &&
	    x->fates[at] == FATE_BAD)
		x->fates[at] = FATE_WANTED;
	return true;
}

/* --- by id --- */

struct list {
	char text[LIST_BYTES_MAX];
	size_t at[LIST_IDS_MAX]; /* places in wanted */
	size_t count;
};

static void
list_fill(const struct fetching *x, size_t from, size_t most, struct list *l)
{
	size_t length = 0;

	l->count = 0;
	for (size_t i = from; i < x->wanted_count && l->count < most; i++) {
		if (x->fates[i] != FATE_WANTED)
			continue;
		if (length + 24 > sizeof(l->text)) /* this id, the mark, the end */
			break;
		length += (size_t)snprintf(l->text + length, sizeof(l->text) - length,
		    l->count == 0 ? "%u" : ",%u", x->wanted[i]);
		l->at[l->count++] = i;
	}
}

/* What stands before the last that came, and did not come itself, was passed over. */
static void
list_mark_missing(struct fetching *x, const struct list *l, size_t end)
{
	for (size_t i = 0; i < end; i++) {
		if (x->fates[l->at[i]] == FATE_WANTED)
			x->fates[l->at[i]] = FATE_MISSING;
	}
}

bool
fetching_drop_deleted(struct fetching *x, bool *any_out, struct err *e)
{
	struct items_changes changes;

	*any_out = false;
	if (!items_changes(x->w->soap, x->w->account_id, x->token, &changes, e))
		return false;
	for (size_t i = 0; i < x->wanted_count; i++) {
		if (x->fates[i] == FATE_CAME || x->fates[i] == FATE_GONE ||
		    !ids_have(changes.deleted, changes.deleted_count, x->wanted[i]))
			continue;
		x->fates[i] = FATE_GONE;
		*any_out = true;
	}
	items_changes_free(&changes);
	return true;
}

/*
 * The list ended early. Ids that Sync knows as deleted are dropped and the rest is asked
 * again; otherwise *alone_out: what stands first behind the last that came is suspect.
 */
static bool
list_was_cut(struct fetching *x, const struct list *l, bool *alone_out, struct err *e)
{
	size_t seen = 0;
	bool any;

	for (size_t i = 0; i < l->count; i++) {
		if (x->wanted[l->at[i]] == x->last_seen)
			seen = i;
	}
	if (l->count == 1) {
		if (x->fates[l->at[0]] == FATE_WANTED)
			x->fates[l->at[0]] = x->last_seen == 0 ? FATE_DEAD : FATE_BAD;
		*alone_out = false;
		return true;
	}
	list_mark_missing(x, l, seen);
	if (!fetching_drop_deleted(x, &any, e))
		return false;
	*alone_out = !any;
	return true;
}

static bool
fetching_by_id(struct fetching *x, struct err *e)
{
	struct list *l = xcalloc(1, sizeof(*l));
	size_t most = LIST_IDS_MAX;
	bool alone = false;
	bool ok = true;

	while (ok) {
		struct rest_export what = {
		    .account_id = x->w->account_id, .list = l->text};
		bool whole = false;
		bool too_long = false;

		list_fill(x, 0, alone ? 1 : most, l);
		if (l->count == 0)
			break;
		ok = fetching_export(x, &what, &whole, &too_long, e);
		if (ok && too_long) {
			if (l->count == 1)
				ok = err_set(e, ERR_REFUSED,
				    "an export of one id is refused as too long");
			most = (l->count + 1) / 2;
		} else if (ok && whole) {
			list_mark_missing(x, l, l->count);
			alone = false;
		} else if (ok) {
			ok = list_was_cut(x, l, &alone, e);
		}
	}
	free(l);
	return ok;
}

bool
fetching_run(struct fetching *x, struct err *e)
{
	fetching_expect_documents(x);
	if (!x->is_part && x->wanted_count >= WHOLE_EXPORT_FROM &&
	    x->wanted_count * 4 >= x->record->count) {
		const struct rest_export all = {
		    .account_id = x->w->account_id, .query = "is:anywhere"};
		bool whole, too_long;

		if (!fetching_export(x, &all, &whole, &too_long, e))
			return false;
	}
	return fetching_by_id(x, e);
}
