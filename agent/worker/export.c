/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source's side of staging, one pass: what should be there (Sync), what the target
 * lacks (it says so), fetched and sent. What cannot be had is named, not waited for. What
 * the target holds is as new as a token that it keeps beside it, so that a pass after any
 * crash fetches again what changed meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/back.h"
#include "agent/mailbox/ids.h"
#include "agent/mailbox/items.h"
#include "agent/mailbox/seed.h"
#include "agent/worker/export_private.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define ROUNDS_MAX 4
#define LACKING_MAX 100

struct exporting {
	struct worker *w;
	struct spool_record_list record;
	struct items_changes changes;
	char token[64];	   /* what the target holds is as new as this after the pass */
	bool knew;	   /* what was changed since the pass before */
	int64_t looked_ms; /* wall clock, when that was asked */
	/* PASS_LEFT: what was changed or deleted behind the spool's back */
	uint32_t *behind;
	size_t behind_count;
	bool behind_unknown; /* the token is too old for Zimbra */
	struct fetching fetching;
	Wire__StageFacts facts;
	Wire__Row row;
	Wire__Lacking lacking[LACKING_MAX];
	Wire__Lacking *lacking_list[LACKING_MAX];
};

/* --- what lacks --- */

/* clang-format off */
static const char *const fate_texts[] = {
	[FATE_WANTED] = "it was fetched and did not arrive; it is tried again with the next pass",
	[FATE_CAME] = "it was sent and the target does not hold it; it is tried again with the next pass",
	[FATE_BAD] = "Zimbra's blob does not match its metadata; look at it there: zmblobchk",
	[FATE_MISSING] = "Zimbra lists it but does not export it; its blob is probably missing: zmblobchk",
	[FATE_DEAD] = "Zimbra lists it, and its export fails; mailbox.log there says why",
	[FATE_HUGE] = "it is larger than 4 GB",
	[FATE_GONE] = "it was deleted meanwhile",
};
/* clang-format on */
_Static_assert(ARRAY_LEN(fate_texts) == FATE_COUNT, "say why for every fate");

static void
lacking_add(struct exporting *x, uint32_t id, const char *why)
{
	Wire__Lacking *row;
	size_t at;

	x->facts.lacking_count++;
	if (x->facts.n_lacking == LACKING_MAX)
		return;
	row = &x->lacking[x->facts.n_lacking];
	wire__lacking__init(row);
	row->item_id = id;
	row->type =
	    frame_bytes(spool_record_find(&x->record, id, &at)
			    ? spool_type_name((enum spool_type)x->record.types[at])
			    : "");
	row->why = frame_bytes(why);
	x->lacking_list[x->facts.n_lacking++] = row;
}

static bool
name_lacking(struct exporting *x, struct err *e)
{
	const struct fetching *f = &x->fetching;
	bool any;

	x->facts.lacking = x->lacking_list;
	if (f->wanted_count > 0 && !fetching_drop_deleted(&x->fetching, &any, e))
		return false;
	for (size_t i = 0; i < f->wanted_count; i++) {
		if (f->fates[i] != FATE_GONE)
			lacking_add(x, f->wanted[i], fate_texts[f->fates[i]]);
	}
	for (size_t i = 0; i < f->worn_count; i++)
		lacking_add(x, f->worn[i],
		    "an earlier revision of this document is damaged in Zimbra's store "
		    "and is not carried; the current one is");
	return true;
}

/* --- what was left on a source that was dead --- */

static const char behind_text[] =
    "it was changed or deleted on the node that was dead after it had been copied; the "
    "mailbox has it as it was copied";

static const char unknown_text[] =
    "Zimbra cannot say any more what was changed or deleted on the node that was dead "
    "after "
    "it had been copied; look there before the old copy is deleted";

/* Of what the spool may hold; what it lacks is fetched as it is now. */
static void
look_behind(struct exporting *x)
{
	const struct items_changes *c = &x->changes;
	const Wire__OpStage *op = x->w->step->stage;

	if (op->pass != WIRE__STAGE_PASS__PASS_LEFT)
		return;
	x->behind_unknown = c->must_resync;
	x->behind = xcalloc(c->changed_count + c->deleted_count + 1, sizeof(*x->behind));
	for (size_t i = 0; i < c->changed_count; i++) {
		if (c->changed[i] <= op->above)
			x->behind[x->behind_count++] = c->changed[i];
	}
	for (size_t i = 0; i < c->deleted_count; i++) {
		if (c->deleted[i] <= op->above)
			x->behind[x->behind_count++] = c->deleted[i];
	}
}

static void
name_behind(struct exporting *x, const uint32_t *wanted, size_t count)
{
	for (size_t i = 0; i < x->behind_count; i++) {
		if (!ids_have(wanted, count, x->behind[i]))
			lacking_add(x, x->behind[i], behind_text);
	}
	if (x->behind_unknown)
		lacking_add(x, 0, unknown_text);
	x->behind_count = 0;
	x->behind_unknown = false;
}

/* --- the pass --- */

/* Sync first, so that its token is not newer than anything that is fetched afterwards. */
static bool
look_at_items(struct exporting *x, const char *since, struct err *e)
{
	struct worker *w = x->w;
	char later[64];

	x->looked_ms = clock_wall_ms();
	if (since[0] != '\0' &&
	    !items_changes(w->soap, w->account_id, since, &x->changes, e))
		return false;
	if (!items_list(w->soap, w->account_id, &x->record, later, sizeof(later), e))
		return false;
	/* What changed between the two is found by the next pass. */
	memcpy(x->token,
	    since[0] != '\0' && !x->changes.must_resync ? x->changes.token : later,
	    sizeof(x->token));
	x->facts.token = frame_bytes(x->token);
	x->knew = since[0] != '\0' && !x->changes.must_resync;
	return true;
}

static bool
look_at_mailbox(
    struct exporting *x, const char *since, Wire__StreamTree **tree_out, struct err *e)
{
	struct worker *w = x->w;
	bool tracks = false;
	bool ok = look_at_items(x, since, e) &&
		  items_tree(w->soap, w->account_id, tree_out, e) &&
		  items_sections(w->soap, w->account_id, *tree_out, e) &&
		  items_last_id(w->soap, w->account_id, &x->facts.last_item_id,
		      &x->facts.change, e) &&
		  items_tracks_imap(w->soap, w->account_id, &tracks, e) &&
		  account_row(w->soap, w->account_id, &x->row, e);

	x->facts.tracking_imap = tracks;
	return ok;
}

/* On the way back: only what arrived here. The spool is that of the way out, if it had one. */
static bool
look_at_arrived(struct exporting *x, struct err *e)
{
	const Wire__OpStage *op = x->w->step->stage;
	struct worker *w = x->w;
	struct target t;
	bool ok;

	if (op->pass != WIRE__STAGE_PASS__PASS_ARRIVED)
		return true;
	if (!spool_exists(w->spool_dir, w->move_id))
		return op->above ==
			   0 || /* a mailbox that never was: nothing was brought */
		       err_set(e, ERR_REFUSED,
			   "the spool of the way out is not here any more: what arrived "
			   "cannot "
			   "be told from what was brought");
	worker_target(w, &t);
	/* What was put in before the switch did not arrive. */
	ok = target_open(&t, e) && seed_settle(&t, e) &&
	     back_keep_arrived(&t, op->above, &x->record, e);
	target_close(&t);
	return ok;
}

static bool
receive_wanted(struct exporting *x, struct err *e)
{
	uint32_t *wanted;
	size_t count;

	if (!stream_receive_want(x->fetching.stream, &wanted, &count, e))
		return false;
	name_behind(x, wanted, count);
	fetching_want(&x->fetching, wanted, count);
	return true;
}

static bool
send_items(struct exporting *x, struct err *e)
{
	struct fetching *f = &x->fetching;
	uint64_t bytes;

	if (!receive_wanted(x, e))
		return false;
	for (int round = 0; round < ROUNDS_MAX && fetching_has_work(f); round++) {
		if (!fetching_run(f, e) || !stream_send_end(f->stream, f->sent, e) ||
		    !receive_wanted(x, e))
			return false;
	}
	return stream_send_end(f->stream, UINT64_MAX, e) &&
	       stream_receive_done(
		   f->stream, &x->facts.listed, &x->facts.staged, &bytes, e);
}

static bool
run_pass(struct exporting *x, const Wire__StreamTree *tree, struct err *e)
{
	struct stream *s = x->fetching.stream;

	look_behind(x);
	if (!stream_send_tree(s, tree, e) ||
	    !stream_send_record(s, &x->record, x->token, x->changes.changed,
		x->changes.changed_count, x->changes.must_resync, e))
		return false;
	items_changes_free(&x->changes);
	return send_items(x, e) && name_lacking(x, e);
}

/* What is not known, or has no date, counts as done when this pass looked. */
static void
look_who_wrote(struct exporting *x)
{
	const struct written *w = &x->changes.written;
	bool in_doubt = !x->knew || w->undated;
	int64_t at_ms = in_doubt ? x->looked_ms : (w->at_s + 1) * 1000;
	int64_t ago = clock_wall_ms() - at_ms;

	x->facts.wrote = in_doubt || w->at_s != 0;
	x->facts.wrote_ago_ms = x->facts.wrote && ago > 0 ? (uint64_t)ago : 0;
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
	/* What the result carries lives until the process ends. */
	static struct exporting x;
	Wire__StreamTree *tree = NULL;
	uint64_t began = clock_mono_ms();
	bool ok;

	x = (struct exporting){.w = w};
	x.fetching = (struct fetching){.w = w,
	    .record = &x.record,
	    .token = x.token,
	    .is_part = w->step->stage->pass == WIRE__STAGE_PASS__PASS_ARRIVED};
	wire__stage_facts__init(&x.facts);
	wire__row__init(&x.row);
	ok = stream_dial(w, &x.fetching.stream, e) &&
	     look_at_mailbox(&x, stream_token(x.fetching.stream), &tree, e) &&
	     look_at_arrived(&x, e) && run_pass(&x, tree, e);
	if (ok) {
		count_types(&x, tree);
		look_who_wrote(&x);
		x.facts.row = &x.row;
		x.facts.sent = x.fetching.sent;
		x.facts.sent_bytes = x.fetching.sent_bytes;
		x.facts.took_ms = (uint32_t)(clock_mono_ms() - began);
		w->result->stage = &x.facts;
		w->result->facts_case = WIRE__STEP_RESULT__FACTS_STAGE;
	}
	stream_free(&x.fetching.stream);
	if (tree != NULL)
		wire__stream_tree__free_unpacked(tree, NULL);
	items_changes_free(&x.changes);
	spool_record_free(&x.record);
	fetching_free(&x.fetching);
	free(x.behind);
	return ok;
}
