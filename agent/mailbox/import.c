/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of what is to go in, sorted, cut into requests, posted, and looked for after
 * several requests. A request that did not say "success" is looked at once, and what of
 * it is not there is sent once more in small requests; what is refused then is left.
 */
#include "agent/mailbox/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/back.h"
#include "agent/mailbox/import_emptied.h"
#include "agent/mailbox/import_private.h"
#include "agent/mailbox/mend_private.h"
#include "agent/mailbox/import_stray.h"
#include "agent/mailbox/manifest.h"
#include "agent/mailbox/seed.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define REQUEST_ITEMS 1000
#define REQUEST_KIB (48u * 1024)
#define FEW_ITEMS 100	 /* left: by one request, whatever they are */
#define OPENED_ITEMS 200 /* people work meanwhile: what they do to folders is seen soon */
#define AGAIN_ITEMS 50
#define LOOK_ITEMS 4000 /* looked for together: one list instead of several */
#define NAMED_MAX 100
#define CHUNK 65536

struct importing {
	struct target *t;
	const struct import_options *options;
	struct arrivals arrivals;
	struct emptied emptied;
	struct import_row *rows;
	size_t row_count, row_cap;
	struct posting posting;
	bool
	    groups; /* of contacts those that refer to others, which must be in by then */
	bool is_second;	  /* the second try */
	bool is_doubtful; /* a request since the last look did not end well */
	bool is_over_quota;
	bool opened;	   /* people work on it */
	uint64_t begun_ms; /* monotonic */
	uint64_t
	    messages_ms;   /* when the first request with messages began; 0: none yet */
	uint64_t messages; /* sent since then */
	size_t left;	   /* for later: the time is over, or nobody waits for it */
	bool is_filled;	   /* before the switch: its newest mail is in, but for a few */
	uint32_t *again;
	size_t again_count;
};

/* --- what is to go in --- */

static bool
importing_wants(
    struct importing *x, const struct spool_item *item, bool *out, struct err *e)
{
	bool refers = false;

	*out = item->state == SPOOL_STAGED &&
	       (item->type == SPOOL_CONTACT) == x->options->contacts_only;
	if (!*out || !x->options->contacts_only)
		return true;
	if (!import_refers(x->t, item, &refers, e))
		return false;
	*out = refers == x->groups;
	return true;
}

/* What an archive must not carry: mend.c's affair. */
static bool
importing_is_for_mend(const struct importing *x, const struct spool_item *item)
{
	const Wire__Folder *f =
	    tree_find(&x->t->here, target_place(x->t, item->folder_id));
	char *view;
	bool takes;

	if (item->has_calendar_link)
		return true;
	if (f == NULL)
		return false;
	view = frame_string(&f->view);
	takes = import_view_takes(view, item->type);
	free(view);
	return !takes;
}

/* What could not be filled in has an id that was passed, and is mostly old. */
static bool
importing_can_wait(const struct importing *x, const struct spool_item *item)
{
	return x->is_filled && x->options->messages_ms > 0 &&
	       item->type == SPOOL_MESSAGE &&
	       import_plan_can_wait((uint32_t)item->date_s, clock_wall_ms() / 1000);
}

static bool
importing_add_row(struct importing *x, const struct spool_item *item, struct err *e)
{
	struct match_item wanted;

	if (!manifest_wanted(
		x->t->spool, item, target_place(x->t, item->folder_id), &wanted, e))
		return false;
	if (x->row_count == x->row_cap) {
		x->row_cap = x->row_cap == 0 ? 256 : x->row_cap + x->row_cap / 2;
		x->rows = xrealloc_array(x->rows, x->row_cap, sizeof(*x->rows));
	}
	x->rows[x->row_count++] = (struct import_row){
	    .id = item->id,
	    .folder = wanted.folder_id,
	    .date_s = wanted.date_s,
	    .content = (uint32_t)wanted.content,
	    .kib = (uint32_t)(item->data_bytes >> 10) + 2,
	    .stage = (uint8_t)import_stage_of(item->type, x->groups),
	};
	return true;
}

static bool
importing_collect(struct importing *x, struct err *e)
{
	struct spool *s = x->t->spool;
	struct spool_record_list record;
	bool ok = spool_record_read(s, &record, e);

	for (size_t i = 0; ok && i < spool_count(s); i++) {
		struct spool_item item;
		size_t at;
		bool wanted;

		/* What is no longer of record was deleted on the source. */
		if (!spool_find(s, spool_id_at(s, i), &item) ||
		    !spool_record_find(&record, item.id, &at))
			continue;
		ok = importing_wants(x, &item, &wanted, e);
		if (!ok || !wanted || importing_is_for_mend(x, &item))
			continue;
		if (importing_can_wait(x, &item))
			x->left++;
		else
			ok = importing_add_row(x, &item, e);
	}
	spool_record_free(&record);
	import_plan_sort(x->rows, x->row_count);
	return ok;
}

bool
import_has_long_line(
    struct target *t, const struct spool_item *item, bool *out, struct err *e)
{
	struct import_line line = {0};
	char chunk[CHUNK];
	size_t got = 1;

	*out = false;
	if (item->type != SPOOL_MESSAGE || item->data_bytes <= IMPORT_LINE_MAX)
		return true;
	for (uint64_t at = 0; got > 0 && !line.too_long; at += got) {
		if (!spool_read_data(t->spool, item, at, chunk, sizeof(chunk), &got, e))
			return false;
		import_line_feed(&line, chunk, got);
	}
	*out = line.too_long;
	return true;
}

/* --- requests --- */

static void
importing_send_again(struct importing *x, const uint32_t *ids, size_t count)
{
	x->again =
	    xrealloc_array(x->again, x->again_count + count + 1, sizeof(*x->again));
	memcpy(x->again + x->again_count, ids, count * sizeof(*ids));
	x->again_count += count;
}

static bool
importing_look(struct importing *x, struct err *e)
{
	bool was_unclear = x->arrivals.unclear;

	if (!arrivals_settle(&x->arrivals, e))
		return err_wrap(e, "looking for what arrived");
	if (x->t->stopped())
		return err_set(e, ERR_CANCELLED, "stopped");
	if (x->is_over_quota)
		return err_set(e, ERR_RETRY,
		    "the mailbox is over its quota, so the import stopped; its quota "
		    "must be lifted for the import");
	if (was_unclear && x->is_second)
		return err_set(e, ERR_RETRY,
		    "the import's answer was lost twice; look at mailboxd's log on "
		    "%.60s: "
		    "%.300s",
		    x->t->host, x->posting.unclear.text);
	if (x->is_doubtful && !x->is_second)
		importing_send_again(x, x->arrivals.missing, x->arrivals.missing_count);
	x->is_doubtful = false;
	return true;
}

/* What people did to their folders meanwhile; t->here is fresh for the next request. */
static bool
importing_strays(struct importing *x, struct err *e)
{
	uint32_t *ids;
	size_t count;
	bool ok = import_stray_look(x->t, &ids, &count, e);

	if (ok && count > 0)
		ok = importing_look(x, e) && import_stray_clear(x->t, ids, count, e);
	free(ids);
	return ok;
}

static bool
importing_post(struct importing *x, const uint32_t *ids, size_t count, struct err *e)
{
	enum posting_result result;

	if (count == 0)
		return true;
	/* Before anything is noted: what cannot have been sent need not be looked for. */
	if (!client_ready(&x->t->client, x->t->account_id, e) ||
	    !arrivals_note(&x->arrivals, ids, count, e))
		return false;
	x->posting.ids = ids;
	x->posting.count = count;
	if (!posting_send(&x->posting, &result, e))
		return false;
	x->posting.done += count;
	x->arrivals.unclear = x->arrivals.unclear || result == POSTING_UNCLEAR;
	x->is_over_quota = x->is_over_quota || result == POSTING_OVER_QUOTA;
	x->is_doubtful = x->is_doubtful || result != POSTING_CLEAN;
	if (x->is_doubtful || x->t->stopped() || x->arrivals.count >= LOOK_ITEMS) {
		if (!importing_look(x, e))
			return false;
	}
	return !x->opened || importing_strays(x, e);
}

static bool
importing_settle(void *ctx, struct err *e)
{
	return importing_look(ctx, e);
}

/* Rows from..to as one request; those with too long lines stay behind. */
static bool
importing_post_rows(struct importing *x, size_t from, size_t to, struct err *e)
{
	uint32_t *ids = xcalloc(to - from, sizeof(*ids));
	size_t count = 0, passed = 0;
	bool ok = !x->opened || emptied_look(&x->emptied, importing_settle, x, e);

	for (size_t i = from; i < to && ok; i++) {
		struct spool_item item;
		bool too_long;

		if (!spool_find(x->t->spool, x->rows[i].id, &item))
			continue;
		if (emptied_pass_over(&x->emptied, &item)) {
			passed++;
			continue;
		}
		ok = import_has_long_line(x->t, &item, &too_long, e);
		if (ok && !too_long)
			ids[count++] = item.id;
	}
	if (passed > 0)
		log_info(x->t->log,
		    "%zu messages are withheld: their owner emptied the folder", passed);
	ok = ok && emptied_save(&x->emptied, e);
	ok = ok && importing_post(x, ids, count, e);
	free(ids);
	return ok;
}

/* Items of the request that begins here; 0: people wait no longer for what is left. */
static size_t
importing_request_size(struct importing *x, const struct import_row *row)
{
	uint64_t now = clock_mono_ms();
	uint64_t until = x->begun_ms + x->options->messages_ms;

	if (row->stage != IMPORT_MESSAGES)
		return REQUEST_ITEMS;
	if (x->options->messages_ms == 0)
		return x->opened ? OPENED_ITEMS : REQUEST_ITEMS;
	if (x->messages_ms == 0)
		x->messages_ms = now;
	return import_plan_fit(x->messages, now - x->messages_ms,
	    until > now ? until - now : 0, REQUEST_ITEMS);
}

static bool
importing_first(struct importing *x, struct err *e)
{
	struct import_limits limits = {
	    .folders = x->options->folder_limit, .kib = REQUEST_KIB};

	for (size_t from = 0; from < x->row_count;) {
		size_t to;

		limits.items = importing_request_size(x, &x->rows[from]);
		limits.mixed = x->row_count - from <= FEW_ITEMS;
		if (limits.items == 0) {
			x->left += x->row_count - from;
			break;
		}
		to = import_plan_cut(x->rows, x->row_count, from, &limits);
		if (x->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!importing_post_rows(x, from, to, e))
			return false;
		x->messages += x->messages_ms == 0 ? 0 : to - from;
		from = to;
	}
	return importing_look(x, e);
}

static bool
importing_second(struct importing *x, struct err *e)
{
	if (x->again_count > 0)
		log_info(x->t->log, "%zu items did not arrive and are sent once more",
		    x->again_count);
	x->is_second = true;
	for (size_t from = 0; from < x->again_count; from += AGAIN_ITEMS) {
		size_t count = x->again_count - from;

		if (!importing_post(
			x, x->again + from, count > AGAIN_ITEMS ? AGAIN_ITEMS : count, e))
			return false;
	}
	return importing_look(x, e);
}

/* --- contacts that were refused --- */

static bool
importing_contacts_aside(struct importing *x, struct err *e)
{
	struct spool *s = x->t->spool;
	struct spool_record_list record;
	uint32_t *ids = NULL;
	size_t count = 0;
	bool ok;

	if (!x->options->contacts_only)
		return true;
	if (!import_aside_finish(x->t, SPOOL_CONTACT, e) ||
	    !spool_record_read(s, &record, e))
		return false;
	ok = true;
	for (size_t i = 0; i < record.count && ok; i++) {
		struct spool_item item;
		bool wanted;

		if (record.types[i] != SPOOL_CONTACT ||
		    !spool_find(s, record.ids[i], &item))
			continue;
		ok = importing_wants(x, &item, &wanted, e);
		if (!ok || !wanted)
			continue;
		ids = xrealloc_array(ids, count + 1, sizeof(*ids));
		ids[count++] = item.id;
	}
	spool_record_free(&record);
	ok = ok && (count == 0 || import_aside(x->t, SPOOL_CONTACT, ids, count, e));
	free(ids);
	return ok;
}

/* --- facts --- */

static void
import_name(Wire__ImportFacts *facts, const struct spool_item *item, const char *why)
{
	Wire__Lacking *row;

	facts->refused_count++;
	if (facts->n_refused == NAMED_MAX)
		return;
	if (facts->refused == NULL)
		facts->refused = xcalloc(NAMED_MAX, sizeof(*facts->refused));
	row = XNEW(Wire__Lacking);
	wire__lacking__init(row);
	row->item_id = item->id;
	row->type = frame_bytes(spool_type_name(item->type));
	row->why = frame_bytes(why);
	facts->refused[facts->n_refused++] = row;
}

bool
import_count(struct target *t, bool contacts_only, size_t left, Wire__ImportFacts *facts,
    struct err *e)
{
	struct spool_record_list record;

	if (!spool_record_read(t->spool, &record, e))
		return false;
	for (size_t i = 0; i < record.count; i++) {
		struct spool_item item;

		if (!spool_find(t->spool, record.ids[i], &item))
			continue; /* staging named it */
		if (item.state != SPOOL_STAGED) {
			facts->applied++;
			facts->bytes += item.data_bytes;
		} else if (!contacts_only || item.type == SPOOL_CONTACT) {
			import_name(facts, &item,
			    "an archive import does not take it; it goes in by itself");
		}
	}
	spool_record_free(&record);
	facts->left = left;
	facts->withheld = emptied_count_withheld(t);
	/* Which of them were not even sent yet is not asked: nothing is refused by name. */
	if (left > 0) {
		facts->refused_count -=
		    left < facts->refused_count ? left : facts->refused_count;
		facts->n_refused = 0;
	}
	return true;
}

/* Everything wanted, or of the contacts one half. */
static bool
importing_round(struct importing *x, struct err *e)
{
	bool ok;

	x->is_second = false;
	x->row_count = x->again_count = x->left = 0;
	ok = importing_collect(x, e);
	x->posting.done = 0;
	x->posting.total = x->row_count;
	return ok && importing_first(x, e) && importing_second(x, e) &&
	       importing_contacts_aside(x, e);
}

bool
import_run(struct target *t, const struct import_options *options,
    Wire__ImportFacts *facts, struct err *e)
{
	struct importing x = {.t = t,
	    .options = options,
	    .posting = {.t = t,
		.what = options->contacts_only ? "importing contacts" : "importing"}};
	char text[64];
	bool ok;

	x.begun_ms = clock_mono_ms();
	if (back_is(t) && !back_begin(t, e))
		return false;
	x.is_filled = seed_was_begun(t);
	x.opened = spool_note_read(t->spool, NOTE_MENDED, text, sizeof(text));
	/* What goes into folders of a source that was dead, made there behind the spool's back. */
	if (x.opened && !mend_folders(t, e))
		return false;
	arrivals_init(&x.arrivals, t);
	ok = seed_settle(t, e) && emptied_init(&x.emptied, t, e) &&
	     (!options->release || emptied_release(&x.emptied, e)) &&
	     arrivals_recover(&x.arrivals, e) && importing_round(&x, e);
	x.groups = true;
	if (ok && options->contacts_only)
		ok = importing_round(&x, e);
	ok = ok && import_count(t, options->contacts_only, x.left, facts, e);
	arrivals_fini(&x.arrivals);
	emptied_fini(&x.emptied);
	free(x.rows);
	free(x.again);
	return ok;
}
