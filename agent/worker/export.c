/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source's side of staging: what should be there (Sync), what the target lacks
 * (it says so), fetched and sent. One whole export when much lacks, by id otherwise.
 * What Zimbra left out silently is fetched by id, and what cannot be had is named.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/archive.h"
#include "agent/mailbox/items.h"
#include "agent/worker/stream.h"
#include "agent/worker/worker.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define LIST_IDS_MAX 1000
#define LIST_BYTES_MAX 6000
#define WHOLE_EXPORT_FROM 200 /* wanted ids, and at least a quarter of the mailbox */
#define ROUNDS_MAX 4
#define LACKING_MAX 100

struct exporting {
	struct worker *w;
	struct stream *stream;
	struct spool_record_list record;
	struct items_changes changes;
	uint32_t *wanted;       /* ascending; 0 = came */
	size_t wanted_count;
	uint32_t *bad;          /* ids whose blob Zimbra itself marked */
	size_t bad_count;
	uint64_t sent, sent_bytes;
	bool sending;           /* the item under way is wanted */
	uint32_t current;
	uint32_t last_seen;     /* of a list export: the last id that came */
	Wire__StageFacts facts;
	Wire__Row row;
};

static size_t *
wanted_at(const struct exporting *x, uint32_t id, size_t *at)
{
	size_t low = 0;
	size_t high = x->wanted_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		/* Bit 31 marks what came; ids are below it. */
		if ((x->wanted[middle] & INT32_MAX) < id)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return low < x->wanted_count && (x->wanted[low] & INT32_MAX) == id ? at : NULL;
}

/* --- items from the archive to the stream --- */

static bool
on_begin(void *ctx, const struct spool_item *item, const char *meta, const char *name,
    bool has_data, struct err *e)
{
	struct exporting *x = ctx;
	struct spool_item copy = *item;
	size_t record_at;
	size_t at;

	if (worker_is_stopped())
		return err_set(e, ERR_CANCELLED, "stopped");
	x->current = item->id;
	x->last_seen = item->id;
	x->sending = wanted_at(x, item->id, &at) != NULL;
	if (!x->sending)
		return true;
	/* The folder of record counts, not the archive's: a move may have come between. */
	if (spool_record_find(&x->record, item->id, &record_at))
		copy.folder_id = x->record.folder_ids[record_at];
	return stream_send_item(x->stream, &copy, meta, name, has_data, e);
}

static bool
on_data(void *ctx, const void *bytes, size_t len, struct err *e)
{
	struct exporting *x = ctx;

	if (!x->sending)
		return true;
	x->sent_bytes += len;
	return stream_send_data(x->stream, bytes, len, e);
}

static bool
on_end(void *ctx, bool bad, struct err *e)
{
	struct exporting *x = ctx;
	size_t at;

	if (!x->sending)
		return true;
	if (!stream_send_item_end(x->stream, bad, e))
		return false;
	if (bad) {
		x->bad = xrealloc_array(x->bad, x->bad_count + 1, sizeof(*x->bad));
		x->bad[x->bad_count++] = x->current;
	} else if (wanted_at(x, x->current, &at) != NULL) {
		x->wanted[at] |= (uint32_t)1 << 31;
		x->sent++;
	}
	worker_progress(x->w, x->sent, x->wanted_count, x->sent_bytes, "copying");
	return true;
}

static bool
fetch(struct exporting *x, const struct rest_export *what, bool *whole_out, struct err *e)
{
	const struct archive_sink sink = { on_begin, on_data, on_end, x };
	enum rest_status status;

	x->last_seen = 0;
	return archive_export(x->w->soap, what, &sink, &status, whole_out, e);
}

/* The next ids that have not come, as a list; how many are in it. */
static size_t
list_ids(const struct exporting *x, size_t from, char *out, size_t out_size, size_t *next_out)
{
	size_t length = 0;
	size_t count = 0;
	size_t i;

	out[0] = '\0';
	for (i = from; i < x->wanted_count && count < LIST_IDS_MAX && length + 12 < out_size; i++) {
		if ((x->wanted[i] >> 31) != 0)
			continue;
		length += (size_t)snprintf(out + length, out_size - length, count == 0 ? "%u" : ",%u",
		    x->wanted[i]);
		count++;
	}
	*next_out = i;
	return count;
}

/*
 * By id. A dead id ends the archive there, with HTTP 200 (facts: move-protocol 4.2): the
 * first that did not come is passed over and the rest is asked for again.
 */
static bool
fetch_by_id(struct exporting *x, struct err *e)
{
	char list[LIST_BYTES_MAX];
	size_t from = 0;

	while (from < x->wanted_count) {
		size_t next;
		size_t count = list_ids(x, from, list, sizeof(list), &next);
		const struct rest_export what = { .account_id = x->w->account_id, .list = list };
		uint64_t before = x->sent;
		bool whole;
		size_t at;

		if (count == 0)
			return true;
		if (!fetch(x, &what, &whole, e))
			return false;
		if (x->sent - before == count) {
			from = next;
			continue;
		}
		/* Everything behind the last that came is asked again, but for the one that stopped it. */
		if (x->last_seen != 0 && wanted_at(x, x->last_seen, &at) != NULL && at + 1 > from)
			from = at + 1;
		while (from < x->wanted_count && (x->wanted[from] >> 31) != 0)
			from++;
		from++; /* the dead one */
	}
	return true;
}

static bool
fetch_round(struct exporting *x, bool may_be_whole, struct err *e)
{
	if (may_be_whole && x->wanted_count >= WHOLE_EXPORT_FROM &&
	    x->wanted_count * 4 >= x->record.count) {
		const struct rest_export all = { .account_id = x->w->account_id, .query = "is:anywhere" };
		bool whole;

		if (!fetch(x, &all, &whole, e))
			return false;
	}
	return fetch_by_id(x, e);
}

/* --- what lacks --- */

static const char *
lacking_why(const struct exporting *x, uint32_t id)
{
	for (size_t i = 0; i < x->bad_count; i++) {
		if (x->bad[i] == id)
			return "Zimbra's blob does not match its metadata; look at it there: zmblobchk";
	}
	return "Zimbra lists it but does not export it; its blob is probably missing: zmblobchk";
}

static void
name_lacking(struct exporting *x)
{
	x->facts.lacking = xcalloc(LACKING_MAX, sizeof(*x->facts.lacking));
	for (size_t i = 0; i < x->wanted_count; i++) {
		Wire__Lacking *row;
		size_t at;

		if ((x->wanted[i] >> 31) != 0)
			continue;
		x->facts.lacking_count++;
		if (x->facts.n_lacking == LACKING_MAX)
			continue;
		row = XNEW(Wire__Lacking);
		wire__lacking__init(row);
		row->item_id = x->wanted[i];
		row->type = frame_bytes(spool_record_find(&x->record, x->wanted[i], &at)
		        ? spool_type_name((enum spool_type)x->record.types[at]) : "");
		row->why = frame_bytes(lacking_why(x, x->wanted[i]));
		x->facts.lacking[x->facts.n_lacking++] = row;
	}
}

/* --- the pass --- */

/* Sync first, so that its token is not newer than anything that is fetched afterwards. */
static bool
look_at_mailbox(struct exporting *x, Wire__StreamTree **tree_out, struct err *e)
{
	struct worker *w = x->w;
	char *since = frame_string(&w->step->stage->token);
	static char token[64];
	char later[64];
	bool ok = true;

	if (since[0] != '\0')
		ok = items_changes(w->soap, w->account_id, since, &x->changes, e);
	ok = ok && items_list(w->soap, w->account_id, &x->record, later, sizeof(later), e);
	if (ok) {
		bool use_changes = since[0] != '\0' && !x->changes.must_resync;

		snprintf(token, sizeof(token), "%s", use_changes ? x->changes.token : later);
		x->facts.token = frame_bytes(token);
	}
	free(since);
	return ok && items_tree(w->soap, w->account_id, tree_out, e) &&
	    items_last_id(w->soap, w->account_id, &x->facts.last_item_id, &x->facts.change, e) &&
	    items_tracks_imap(w->soap, w->account_id, &w->result->stage->tracking_imap, e) &&
	    account_row(w->soap, w->account_id, &x->row, e);
}

static bool
receive_wanted(struct exporting *x, struct err *e)
{
	free(x->wanted);
	x->wanted = NULL;
	x->wanted_count = 0;
	return stream_receive_want(x->stream, &x->wanted, &x->wanted_count, e);
}

static bool
run_pass(struct exporting *x, const Wire__StreamTree *tree, struct err *e)
{
	const uint32_t *stale = x->changes.changed;
	uint64_t listed, staged, bytes;

	if (!stream_send_tree(x->stream, tree, e) ||
	    !stream_send_record(x->stream, &x->record, x->changes.must_resync ? NULL : stale,
	        x->changes.must_resync ? 0 : x->changes.changed_count, x->changes.must_resync, e) ||
	    !receive_wanted(x, e))
		return false;
	for (int round = 0; round < ROUNDS_MAX && x->wanted_count > 0; round++) {
		uint64_t before = x->sent;

		if (!fetch_round(x, round == 0, e) || !stream_send_end(x->stream, x->sent, e))
			return false;
		if (!receive_wanted(x, e))
			return false;
		if (x->sent == before)
			break;
	}
	if (!stream_send_end(x->stream, UINT64_MAX, e) ||
	    !stream_receive_done(x->stream, &listed, &staged, &bytes, e))
		return false;
	x->facts.listed = listed;
	x->facts.staged = staged;
	return true;
}

static void
count_types(struct exporting *x, const Wire__StreamTree *tree)
{
	for (size_t i = 0; i < x->record.count; i++) {
		if (x->record.types[i] == SPOOL_MESSAGE)
			x->facts.messages++;
		else if (x->record.types[i] == SPOOL_CONTACT)
			x->facts.contacts++;
		else
			x->facts.others++;
	}
	x->facts.folders = tree->n_folders;
}

bool
worker_export(struct worker *w, struct err *e)
{
	static struct exporting x;
	Wire__StreamTree *tree = NULL;
	uint64_t began = clock_mono_ms();
	bool ok;

	x.w = w;
	wire__stage_facts__init(&x.facts);
	wire__row__init(&x.row);
	w->result->stage = &x.facts;
	ok = look_at_mailbox(&x, &tree, e) && stream_dial(w, &x.stream, e) && run_pass(&x, tree, e);
	if (ok) {
		name_lacking(&x);
		count_types(&x, tree);
		x.facts.row = &x.row;
		x.facts.sent = x.sent;
		x.facts.sent_bytes = x.sent_bytes;
		x.facts.took_ms = (uint32_t)(clock_mono_ms() - began);
		w->result->facts_case = WIRE__STEP_RESULT__FACTS_STAGE;
	}
	stream_free(&x.stream);
	if (tree != NULL)
		wire__stream_tree__free_unpacked(tree, NULL);
	items_changes_free(&x.changes);
	spool_record_free(&x.record);
	free(x.wanted);
	free(x.bad);
	return ok;
}
