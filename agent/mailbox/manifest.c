/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink for the archive reader. Revisions of a document come one after the other with
 * one id, the current one last: so an item is done when the next id begins.
 */
#include "agent/mailbox/manifest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/archive.h"
#include "agent/mailbox/metadata.h"
#include "proto/base/xalloc.h"

#define LIST_IDS_MAX 1000
#define LIST_BYTES_MAX 6000 /* a longer address is refused (facts: move-protocol 4.2) */

struct reading {
	struct target *t;
	const struct manifest_wish *wish;
	struct manifest *out;
	struct match_item pending;
	bool has_pending;
	uint32_t last_seen;
};

void
manifest_init(struct manifest *m)
{
	*m = (struct manifest){0};
	match_init(&m->set);
}

void
manifest_fini(struct manifest *m)
{
	match_fini(&m->set);
	free(m->groups);
	free(m->low_uids);
	*m = (struct manifest){0};
}

/* --- groups --- */

uint64_t
manifest_group_hash(const char *metadata, size_t len)
{
	struct metadata_span span = {metadata, len}, fields;

	if (len == 0 || !metadata_has_references(span) ||
	    !metadata_get(span, "fld", &fields))
		return 0;
	return spool_hash(fields.at, fields.len);
}

static void
manifest_add_group(struct manifest *m, uint32_t id, const char *meta)
{
	json_t *root = json_loads(meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	const json_t *metadata = json_object_get(root, "metadata");
	uint64_t hash = json_is_string(metadata)
			    ? manifest_group_hash(json_string_value(metadata),
				  json_string_length(metadata))
			    : 0;

	json_decref(root);
	if (hash == 0)
		return;
	if ((m->group_count & (m->group_count - 1)) == 0)
		m->groups = xrealloc_array(m->groups,
		    m->group_count == 0 ? 1 : m->group_count * 2, sizeof(*m->groups));
	m->groups[m->group_count++] = (struct manifest_group){id, hash};
}

/* --- the sink --- */

static void
manifest_flush(struct reading *r)
{
	if (r->has_pending &&
	    (r->wish->keep == NULL || r->wish->keep(r->wish->ctx, &r->pending)))
		match_add(&r->out->set, &r->pending);
	r->has_pending = false;
}

static void
manifest_add_low_uid(struct manifest *m, uint32_t id, uint32_t uid)
{
	if ((m->low_uid_count & (m->low_uid_count - 1)) == 0)
		m->low_uids = xrealloc_array(m->low_uids,
		    m->low_uid_count == 0 ? 1 : m->low_uid_count * 2,
		    sizeof(*m->low_uids));
	m->low_uids[m->low_uid_count++] = (struct manifest_uid){id, uid};
}

static bool
manifest_begin(void *ctx, const struct spool_item *item, const char *meta,
    const char *name, bool has_data, struct err *e)
{
	struct reading *r = ctx;
	uint8_t revisions = 0;

	(void)name;
	(void)has_data;
	if (r->t->stopped())
		return err_set(e, ERR_CANCELLED, "stopped");
	r->last_seen = item->id;
	if (item->id <= r->wish->after_id)
		return true;
	if (r->has_pending && r->pending.id == item->id)
		revisions = r->pending.revisions == UINT8_MAX
				? UINT8_MAX
				: (uint8_t)(r->pending.revisions + 1);
	else
		manifest_flush(r);
	match_describe(item, meta, &r->pending);
	r->pending.revisions = revisions;
	if (!r->has_pending || revisions == 0)
		r->out->listed++;
	r->has_pending = true;
	if (item->type == SPOOL_CONTACT)
		manifest_add_group(r->out, item->id, meta);
	if (item->type == SPOOL_MESSAGE && item->imap_id != 0 &&
	    item->imap_id <= r->wish->uids_up_to)
		manifest_add_low_uid(r->out, item->id, item->imap_id);
	return true;
}

static bool
manifest_data(void *ctx, const void *bytes, size_t len, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)len;
	(void)e;
	return true;
}

static bool
manifest_end(void *ctx, bool bad, struct err *e)
{
	(void)ctx;
	(void)bad;
	(void)e;
	return true;
}

/* An export without order may show an item twice when others change meanwhile. */
static void
manifest_sort(struct match_set *set)
{
	size_t kept = 0, dropped = 0;

	match_sort(set);
	for (size_t i = 1; i < set->count; i++) {
		struct match_item *before = &set->items[set->by_id[i - 1]];

		if (set->items[set->by_id[i]].id != before->id)
			continue;
		set->items[set->by_id[i]].claimed |= before->claimed;
		before->id = 0;
		dropped++;
	}
	if (dropped == 0)
		return;
	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i].id != 0)
			set->items[kept++] = set->items[i];
	}
	set->count = kept;
	match_sort(set);
}

static bool
manifest_export(struct reading *r, const struct rest_export *what, struct err *e)
{
	const struct archive_sink sink = {manifest_begin, manifest_data, manifest_end, r};
	enum rest_status status;
	bool whole = false;

	r->last_seen = 0;
	if (!archive_export(&r->t->client, what, &sink, &status, &whole, e))
		return err_wrap(e, "looking at what is on the target");
	manifest_flush(r);
	/* A list that ends early has a dead id in it; its rest is asked for again. */
	return whole || status == REST_EMPTY || what->list != NULL ||
	       err_set(e, ERR_RETRY,
		   "looking at what is on the target: the list ended early");
}

bool
manifest_read(struct target *t, const struct manifest_wish *wish, struct manifest *out,
    struct err *e)
{
	struct reading r = {.t = t, .wish = wish, .out = out};
	char query[80];
	struct rest_export what = {.account_id = t->account_id, .headers_only = true};
	bool ok;

	if (wish->in_folder != 0)
		snprintf(query, sizeof(query), "inid:%u", wish->in_folder);
	else if (wish->since_change != 0)
		snprintf(query, sizeof(query), "is:anywhere modseq:>%llu",
		    (unsigned long long)wish->since_change);
	else
		snprintf(query, sizeof(query), "is:anywhere");
	what.query = query;
	ok = manifest_export(&r, &what, e);
	manifest_sort(&out->set);
	return ok;
}

/* --- by id --- */

static size_t
manifest_list(const uint32_t *ids, size_t count, char *out, size_t size)
{
	size_t length = 0;
	size_t n = 0;

	for (; n < count && n < LIST_IDS_MAX && length + 12 < size; n++)
		length += (size_t)snprintf(
		    out + length, size - length, n == 0 ? "%u" : ",%u", ids[n]);
	return n;
}

/*
 * Asks for ids[0..count) and leaves in it those passed over. A dead id ends the archive
 * where it stands, with HTTP 200 (facts: move-protocol 4.2), and so may an error within
 * Zimbra: the first that did not come is passed over, the rest is asked for again.
 */
static bool
manifest_round(struct reading *r, uint32_t *ids, size_t *count, struct err *e)
{
	char list[LIST_BYTES_MAX];
	size_t passed_over = 0;

	for (size_t from = 0; from < *count;) {
		size_t n = manifest_list(ids + from, *count - from, list, sizeof(list));
		const struct rest_export what = {
		    .account_id = r->t->account_id, .list = list, .headers_only = true};
		size_t to = from;

		if (!manifest_export(r, &what, e))
			return false;
		while (to < from + n && ids[to] <= r->last_seen)
			to++;
		if (to < from + n)
			ids[passed_over++] = ids[to++];
		from = to;
	}
	*count = passed_over;
	return true;
}

bool
manifest_read_ids(struct target *t, const uint32_t *ids, size_t count,
    const struct manifest_wish *wish, struct manifest *out, struct err *e)
{
	struct reading r = {.t = t, .wish = wish, .out = out};
	uint32_t *left = xcalloc(count + 1, sizeof(*left));
	size_t before = count + 1;
	bool ok = true;

	memcpy(left, ids, count * sizeof(*ids));
	while (ok && count > 0 && count < before) {
		before = count;
		ok = manifest_round(&r, left, &count, e);
	}
	free(left);
	manifest_sort(&out->set);
	return ok;
}

/* --- the other side --- */

bool
manifest_wanted(struct spool *s, const struct spool_item *item, uint32_t folder,
    struct match_item *out, struct err *e)
{
	struct spool_item at = *item, before;
	char *meta = NULL;
	unsigned revisions = 0;

	if (match_needs_meta(item->type) && !spool_read_meta(s, item, &meta, e))
		return false;
	match_describe(item, meta, out);
	free(meta);
	while (revisions < UINT8_MAX && spool_revision(s, &at, &before)) {
		at = before;
		revisions++;
	}
	out->revisions = (uint8_t)revisions;
	out->folder_id = folder;
	return true;
}
