/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target is read in parts, chosen by content, so that memory does not grow with the
 * mailbox: each part holds every item of either side that could be each other's. What an
 * export does not show and a Sync lists is asked for by id. Items whose noted id turns
 * up in no part have other contents now: they are asked for by id at the end.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/back.h"
#include "agent/mailbox/ids.h"
#include "agent/mailbox/import_private.h"
#include "agent/mailbox/metadata.h"
#include "agent/mailbox/verify_private.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define PART_ITEMS 100000

struct verifying {
	struct target *t;
	struct verify_report report;
	bool
	    is_back; /* the mailbox holds more than the spool, and its folders are its own */
	struct spool_record_list record;
	struct spool_record_list here; /* of the target, by Sync */
	uint8_t *seen;		       /* by index in here */
	uint32_t *unseen;	       /* not shown by the query */
	size_t unseen_count;
	struct items_changes changes;
	struct verify_changes since;
	size_t parts, part;
	uint64_t last_item_id;
	struct verify_pair *pairs;
	size_t pair_count, pair_cap;
	struct verify_pair *elsewhere;
	size_t elsewhere_count;
	uint64_t claimed;
};

/* --- before --- */

static bool
verifying_look(struct verifying *v, struct err *e)
{
	struct target *t = v->t;
	char token[64], opened[64];
	uint64_t change, opened_id;

	if (!spool_record_read(t->spool, &v->record, e))
		return false;
	/* Changes first: what happens from here on may show as a difference, never as none. */
	if (spool_note_read(t->spool, NOTE_OPENED, opened, sizeof(opened)) &&
	    opened[0] != '\0' &&
	    !items_changes(t->soap, t->account_id, opened, &v->changes, e))
		return false;
	if (v->changes.must_resync)
		log_warn(t->log, "the token of the opening is no longer good: what the "
				 "person changed since cannot be told from a loss");
	if (!items_list(t->soap, t->account_id, &v->here, token, sizeof(token), e))
		return false;
	/* Unknown: then whatever changed since may be the person's. */
	if (!target_read_numbers(t, NOTE_MENDED, &change, &opened_id))
		opened_id = UINT32_MAX;
	v->since = (struct verify_changes){v->changes.changed, v->changes.changed_count,
	    v->changes.deleted, v->changes.deleted_count, v->changes.untouched,
	    v->changes.untouched_count, (uint32_t)opened_id};
	v->seen = xcalloc(v->here.count + 1, 1);
	v->parts =
	    1 + (v->record.count > v->here.count ? v->record.count : v->here.count) /
		    PART_ITEMS;
	if (!target_read_numbers(t, NOTE_STEERED, &v->last_item_id, &change))
		v->last_item_id = 0;
	return true;
}

/* --- one part --- */

static bool
verifying_is_in_part(const struct verifying *v, uint64_t content)
{
	return v->parts == 1 || content % v->parts == v->part;
}

static bool
verifying_keep(void *ctx, const struct match_item *item)
{
	struct verifying *v = ctx;
	size_t at;

	if (spool_record_find(&v->here, item->id, &at))
		v->seen[at] = 1;
	return verifying_is_in_part(v, item->content);
}

static void
verifying_find_unseen(struct verifying *v)
{
	v->unseen = xcalloc(v->here.count + 1, sizeof(*v->unseen));
	for (size_t i = 0; i < v->here.count; i++) {
		if (v->seen[i] == 0)
			v->unseen[v->unseen_count++] = v->here.ids[i];
	}
}

static bool
verifying_read_part(struct verifying *v, struct manifest *m, struct err *e)
{
	const struct manifest_wish wish = {
	    .keep = verifying_keep, .ctx = v, .uids_up_to = v->last_item_id};

	if (!manifest_read(v->t, &wish, m, e))
		return false;
	if (v->part == 0)
		verifying_find_unseen(v);
	return manifest_read_ids(v->t, v->unseen, v->unseen_count, &wish, m, e);
}

static void
verifying_add_pair(
    struct verifying *v, const struct match_item *want, const struct spool_item *item)
{
	if (v->pair_count == v->pair_cap) {
		v->pair_cap = v->pair_cap == 0 ? 256 : v->pair_cap + v->pair_cap / 2;
		v->pairs = xrealloc_array(v->pairs, v->pair_cap, sizeof(*v->pairs));
	}
	v->pairs[v->pair_count++] = (struct verify_pair){.want = *want,
	    .target_id = item->state == SPOOL_STAGED ? 0 : item->target_id};
}

/* Staging said why; here it is named again, because it is not on the target either. */
static void
verifying_lacks(struct verifying *v, size_t at)
{
	if (v->part != 0)
		return;
	report_not_carried(&v->report, v->record.ids[at],
	    spool_type_name((enum spool_type)v->record.types[at]),
	    "Zimbra lists it on the source and could not export it");
}

static bool
verifying_collect(struct verifying *v, struct err *e)
{
	v->pair_count = 0;
	for (size_t i = 0; i < v->record.count; i++) {
		struct spool_item item;
		struct match_item want;
		uint32_t place;

		if (!spool_find(v->t->spool, v->record.ids[i], &item)) {
			verifying_lacks(v, i);
			continue;
		}
		place = target_place(v->t, v->record.folder_ids[i]);
		if (!manifest_wanted(v->t->spool, &item, place, &want, e))
			return false;
		if (v->part == 0)
			v->report.verdict->source_bytes += item.data_bytes;
		if (verifying_is_in_part(v, want.content))
			verifying_add_pair(v, &want, &item);
	}
	return true;
}

/* --- groups --- */

/* What the group's fields should be, with the members' new numbers; 0: it is none. */
static bool
group_wanted(struct target *t, uint32_t id, uint64_t *hash_out, struct err *e)
{
	struct spool_item item;
	char *meta;
	json_t *root;
	const json_t *value;
	struct buf out;
	size_t unknown;

	*hash_out = 0;
	if (!spool_find(t->spool, id, &item))
		return true;
	if (!spool_read_meta(t->spool, &item, &meta, e))
		return false;
	root = json_loads(meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	value = json_object_get(root, "metadata");
	buf_init(&out, 0);
	if (json_is_string(value)) {
		const struct metadata_span span = {
		    json_string_value(value), json_string_length(value)};

		if (metadata_has_references(span) &&
		    metadata_remap_group(span, import_new_contact, t, &unknown, &out))
			*hash_out = manifest_group_hash(buf_str(&out), out.len);
	}
	buf_fini(&out);
	json_decref(root);
	free(meta);
	return true;
}

static uint64_t
group_here(const struct manifest *m, uint32_t id)
{
	for (size_t i = 0; i < m->group_count; i++) {
		if (m->groups[i].id == id)
			return m->groups[i].fields;
	}
	return 0;
}

/* Members are neutral in the comparison by content; here their numbers count. */
static bool
verifying_check_group(
    struct verifying *v, struct verify_pair *p, const struct manifest *m, struct err *e)
{
	const struct match_item *have;
	uint64_t wanted;

	if (p->want.type != SPOOL_CONTACT || p->outcome != VERIFY_EQUAL)
		return true;
	if (!group_wanted(v->t, p->want.id, &wanted, e))
		return false;
	if (wanted == 0 || wanted == group_here(m, p->have_id))
		return true;
	have = match_by_id(&m->set, p->have_id);
	p->bits = MATCH_CONTENT;
	p->outcome = have != NULL && have->newer && !have->untouched ? VERIFY_PERSON
								     : VERIFY_DIFFERS;
	return true;
}

/* --- judging --- */

static bool
verifying_excuse(
    struct verifying *v, struct verify_pair *p, const char **known_out, struct err *e)
{
	unsigned others = p->bits & ~(unsigned)MATCH_CONTENT;

	*known_out = "";
	if (p->outcome == VERIFY_PERSON) {
		*known_out = "its owner changed it since the opening";
		return true;
	}
	/* Beside its bytes it may be unlike in what its owner did since. */
	if (p->newer)
		others &= ~(unsigned)(MATCH_FLAGS | MATCH_TAGS | MATCH_FOLDER);
	if (p->outcome != VERIFY_DIFFERS || p->want.type != SPOOL_MESSAGE ||
	    (p->bits & MATCH_CONTENT) == 0 || others != 0)
		return true;
	if (!verify_compare_text(v->t, p->want.id, p->have_id, known_out, e))
		return false;
	if ((*known_out)[0] != '\0')
		p->outcome = VERIFY_EXPLAINED;
	return true;
}

static bool
verifying_judge(struct verifying *v, struct verify_pair *p, const struct match_item *have,
    struct err *e)
{
	Wire__Verdict *verdict = v->report.verdict;
	const char *known;
	struct buf what;

	if (!verifying_excuse(v, p, &known, e))
		return false;
	v->claimed += p->have_id != 0;
	verdict->messages += p->have_id != 0 && p->want.type == SPOOL_MESSAGE;
	verdict->ids_exact += p->have_id == p->want.id && p->want.type == SPOOL_MESSAGE;
	verdict->equal += p->outcome == VERIFY_EQUAL;
	verdict->explained +=
	    p->outcome == VERIFY_EXPLAINED || p->outcome == VERIFY_PERSON;
	verdict->missing += p->outcome == VERIFY_MISSING;
	verdict->differing += p->outcome == VERIFY_DIFFERS;
	if (p->outcome != VERIFY_MISSING && p->outcome != VERIFY_DIFFERS &&
	    !spool_set_state(v->t->spool, p->want.id, SPOOL_VERIFIED,
		p->have_id != 0 ? p->have_id : p->target_id, e))
		return false;
	if (p->outcome == VERIFY_EQUAL)
		return true;
	buf_init(&what, 0);
	verify_explain(p, have, &what);
	report_difference(&v->report, p->want.id, p->have_id,
	    spool_type_name((enum spool_type)p->want.type), buf_str(&what), known);
	buf_fini(&what);
	return true;
}

static bool
verifying_judge_all(struct verifying *v, struct verify_pair *pairs, size_t count,
    const struct manifest *m, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		if (v->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (pairs[i].outcome == VERIFY_ELSEWHERE) {
			v->elsewhere = xrealloc_array(
			    v->elsewhere, v->elsewhere_count + 1, sizeof(*v->elsewhere));
			v->elsewhere[v->elsewhere_count++] = pairs[i];
			continue;
		}
		if (!verifying_check_group(v, &pairs[i], m, e) ||
		    !verifying_judge(
			v, &pairs[i], match_by_id(&m->set, pairs[i].have_id), e))
			return false;
		v->t->progress(
		    v->t->ctx, v->report.verdict->equal, v->record.count, 0, "comparing");
	}
	return true;
}

static void
verifying_doubles(struct verifying *v, const struct manifest *m)
{
	for (size_t i = 0; i < m->set.count && !v->is_back; i++) {
		const struct match_item *item = &m->set.items[i];

		if (!verify_is_double(&m->set, item))
			continue;
		v->report.verdict->differing++;
		report_difference(&v->report, 0, item->id,
		    spool_type_name((enum spool_type)item->type),
		    "is there twice: it was put in once too often", "");
	}
}

/* The very message that had this UID on the source: clients know it so. */
static bool
verifying_uid_is_its_own(struct verifying *v, const struct manifest_uid *low)
{
	struct spool_item item;

	/* Only what was put in at its old id can have an old UID of its own. */
	return spool_find(v->t->spool, low->id, &item) && item.state != SPOOL_STAGED &&
	       item.target_id == low->id && item.imap_id == low->uid;
}

/* An old UID that means another message now shows wrong mail in clients. */
static void
verifying_uids(struct verifying *v, const struct manifest *m)
{
	if (v->part != 0)
		return;
	for (size_t i = 0; i < m->low_uid_count; i++) {
		if (verifying_uid_is_its_own(v, &m->low_uids[i])) {
			v->report.verdict->uids_exact++;
			continue;
		}
		v->report.verdict->differing++;
		report_difference(&v->report, 0, m->low_uids[i].id, "message",
		    "its IMAP UID is one that the source gave out already; mend it: "
		    "zmferry job retry",
		    "");
	}
}

static bool
verifying_part(struct verifying *v, struct err *e)
{
	struct manifest m;
	bool ok;

	manifest_init(&m);
	ok = verifying_read_part(v, &m, e) && verifying_collect(v, e);
	if (ok) {
		verify_match(v->pairs, v->pair_count, &m.set, &v->since, v->parts == 1);
		ok = verifying_judge_all(v, v->pairs, v->pair_count, &m, e);
	}
	if (ok) {
		verifying_doubles(v, &m);
		verifying_uids(v, &m);
	}
	manifest_fini(&m);
	return ok;
}

/* Those that are in no part under their content: other contents, or gone. */
static bool
verifying_elsewhere(struct verifying *v, struct err *e)
{
	const struct manifest_wish wish = {0};
	uint32_t *ids = xcalloc(v->elsewhere_count + 1, sizeof(*ids));
	struct manifest m;
	bool ok;

	manifest_init(&m);
	for (size_t i = 0; i < v->elsewhere_count; i++) {
		ids[i] = v->elsewhere[i].target_id;
		v->elsewhere[i].outcome = VERIFY_OPEN;
	}
	ids_sort(ids, v->elsewhere_count);
	ok = manifest_read_ids(v->t, ids, v->elsewhere_count, &wish, &m, e);
	if (ok) {
		verify_match(v->elsewhere, v->elsewhere_count, &m.set, &v->since, true);
		ok = verifying_judge_all(v, v->elsewhere, v->elsewhere_count, &m, e);
	}
	manifest_fini(&m);
	free(ids);
	return ok;
}

/* --- all of it --- */

static void
verifying_finish(struct verifying *v)
{
	Wire__Verdict *verdict = v->report.verdict;

	verdict->listed = v->record.count;
	verdict->extra = v->here.count > v->claimed ? v->here.count - v->claimed : 0;
	verdict->clean = verdict->missing == 0 && verdict->differing == 0 &&
			 verdict->not_carried_count == 0;
	report_finish(&v->report);
}

/* Has anything changed while it was compared? Then a difference may be that. */
static bool
verifying_moved(struct verifying *v, bool *out, struct err *e)
{
	struct items_changes x;

	*out = false;
	if (v->report.verdict->clean || v->changes.token[0] == '\0')
		return true;
	if (!items_changes(v->t->soap, v->t->account_id, v->changes.token, &x, e))
		return false;
	*out = x.changed_count > 0 || x.deleted_count > 0 || x.folder_count > 0;
	items_changes_free(&x);
	return true;
}

bool
verify_run(struct target *t, Wire__Verdict *verdict, bool *moved_out, struct err *e)
{
	struct verifying v = {.t = t, .report.verdict = verdict, .is_back = back_is(t)};
	bool ok = verifying_look(&v, e);

	for (v.part = 0; ok && v.part < v.parts; v.part++)
		ok = verifying_part(&v, e);
	ok = ok && (v.elsewhere_count == 0 || verifying_elsewhere(&v, e));
	if (ok) {
		if (!v.is_back)
			verify_folders(t, &v.changes, &v.report);
		ok = spool_sync(t->spool, e);
		verifying_finish(&v);
	}
	ok = ok && verifying_moved(&v, moved_out, e);
	items_changes_free(&v.changes);
	spool_record_free(&v.record);
	spool_record_free(&v.here);
	free(v.seen);
	free(v.unseen);
	free(v.pairs);
	free(v.elsewhere);
	free(v.report.plain);
	free(v.report.known);
	return ok;
}
