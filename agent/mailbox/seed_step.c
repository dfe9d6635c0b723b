/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed on the source since it was put in. Messages that want the same folder,
 * flags and tags are changed together. What cannot be changed is taken out again: an import
 * puts it in as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/seed_private.h"
#include "proto/base/xalloc.h"

#define IDS_A_CALL 500
#define GROUPS_A_REQUEST 100
#define IDS_TOLD 5000
#define FLAG_FLAGGED (1u << 5)

/* --- out again --- */

bool
seed_take_out(struct seeding *s, const uint32_t *ids, size_t count, struct err *e)
{
	uint32_t here[IDS_A_CALL];

	for (size_t from = 0; from < count;) {
		size_t n = 0, to = from;

		for (; to < count && n < ARRAY_LEN(here); to++) {
			const struct seed_entry *entry =
			    seed_index_find(&s->index, ids[to]);

			if (entry != NULL && entry->state == SEED_HERE)
				here[n++] = entry->here;
		}
		if (n > 0 && !target_action(s->t, "delete", here, n, NULL, NULL, e))
			return false;
		for (size_t i = from; i < to; i++) {
			const struct seed_entry *entry =
			    seed_index_find(&s->index, ids[i]);
			struct seed_entry gone;

			if (entry == NULL)
				continue;
			gone = *entry;
			gone.state = SEED_GONE;
			if (!seed_index_set(&s->index, &gone, e))
				return false;
		}
		from = to;
	}
	return true;
}

static bool
step_is_gone(struct seeding *s, const struct seed_entry *n)
{
	struct spool_item item;
	size_t at;

	return !spool_record_find(&s->record, n->id, &at) ||
	       (spool_find(s->t->spool, n->id, &item) &&
		   (item.digest_hash != n->digest_hash || item.size != n->size ||
		       item.has_calendar_link));
}

/* Refused once with other contents, it may be taken now. */
static bool
step_forget_refused(struct seeding *s, const struct seed_entry *n, struct err *e)
{
	struct seed_entry gone = *n;

	gone.state = SEED_GONE;
	return seed_index_set(&s->index, &gone, e);
}

bool
seed_delete_gone(struct seeding *s, struct err *e)
{
	uint32_t *ids = xcalloc(s->index.count + 1, sizeof(*ids));
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < s->index.count; i++) {
		const struct seed_entry *n = &s->index.entries[i];

		if (n->state != SEED_HERE && n->state != SEED_LEFT)
			continue;
		if (!step_is_gone(s, n))
			continue;
		if (n->state == SEED_HERE)
			ids[count++] = n->id;
		else
			ok = step_forget_refused(s, n, e);
	}
	ok = ok && seed_take_out(s, ids, count, e);
	free(ids);
	return ok || err_wrap(e, "taking out what the source no longer has");
}

/* --- changes --- */

struct change {
	uint32_t id;
	uint32_t folder;
	uint32_t flags;
	uint64_t tags_hash;
};

static int
compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	if (x->flags != y->flags)
		return x->flags < y->flags ? -1 : 1;
	if (x->tags_hash != y->tags_hash)
		return x->tags_hash < y->tags_hash ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static size_t
step_collect(struct seeding *s, struct change *out, uint32_t *junk, size_t *junk_count)
{
	size_t count = 0;

	for (size_t i = 0; i < s->index.count; i++) {
		const struct seed_entry *n = &s->index.entries[i];
		struct spool_item item;
		uint32_t place;

		if (n->state != SEED_HERE || n->digest_hash == SEED_TIE_DIGEST ||
		    !spool_find(s->t->spool, n->id, &item))
			continue;
		place = seed_place(s->t, item.folder_id);
		if (place == 0)
			place = n->folder;
		/* Zimbra would teach its spam filter by it once more. */
		if (place != n->folder &&
		    (place == SEED_JUNK || n->folder == SEED_JUNK)) {
			junk[(*junk_count)++] = n->id;
			continue;
		}
		if (place != n->folder || seed_flags(&item) != n->flags ||
		    item.tags_hash != n->tags_hash)
			out[count++] = (struct change){
			    n->id, place, seed_flags(&item), item.tags_hash};
	}
	qsort(out, count, sizeof(*out), compare_changes);
	return count;
}

static size_t
group_size(const struct change *c, size_t count)
{
	size_t n = 1;

	while (n < count && n < IDS_A_CALL && c[n].folder == c->folder &&
	       c[n].flags == c->flags && c[n].tags_hash == c->tags_hash)
		n++;
	return n;
}

struct group {
	const struct change *changes;
	size_t count;
	bool whole;
	bool in_request;
};

static bool
group_put(struct seeding *s, struct soap_request *r, struct group *g, struct err *e)
{
	struct spool_item item;
	struct buf flags, tags, ids;
	bool ok;

	buf_init(&flags, 0);
	buf_init(&tags, 0);
	buf_init(&ids, 0);
	ok = spool_find(s->t->spool, g->changes->id, &item) &&
	     seed_attributes(s->t, &item, &flags, &tags, &g->whole, e);
	for (size_t i = 0; ok && i < g->count; i++)
		ok = buf_printf(&ids, i == 0 ? "%u" : ",%u",
		    seed_index_find(&s->index, g->changes[i].id)->here);
	if (ok) {
		g->in_request = true;
		soap_batch_add(r, SOAP_MAIL, "ItemActionRequest");
		soap_open(r, "action");
		soap_attr(r, "op", "update");
		soap_attr(r, "id", buf_str(&ids));
		soap_attr_uint(r, "l", g->changes->folder);
		soap_attr(r, "f", buf_str(&flags));
		soap_attr(r, "tn", buf_str(&tags));
		soap_close(r);
	}
	buf_fini(&flags);
	buf_fini(&tags);
	buf_fini(&ids);
	return ok;
}

static bool
group_done(struct seeding *s, const struct group *g, struct err *e)
{
	for (size_t i = 0; i < g->count; i++) {
		const struct change *c = &g->changes[i];
		struct seed_entry n = *seed_index_find(&s->index, c->id);

		n.folder = c->folder;
		n.flags = c->flags;
		n.tags_hash = g->whole ? c->tags_hash : SEED_TAGS_IN_PART(c->tags_hash);
		if (!seed_index_set(&s->index, &n, e))
			return false;
	}
	return true;
}

static bool
group_take_out(struct seeding *s, const struct group *g, struct err *e)
{
	for (size_t i = 0; i < g->count; i++) {
		if (!seed_take_out(s, &g->changes[i].id, 1, e))
			return false;
	}
	return true;
}

static bool
groups_take(struct seeding *s, const struct group *groups, size_t count,
    const struct soap_answer *answer, struct err *e)
{
	const struct soap_node *part =
	    answer == NULL ? NULL : soap_child(soap_body(answer), NULL);
	char fault[300];

	for (size_t i = 0; i < count; i++) {
		bool done = groups[i].in_request && part != NULL &&
			    target_part_fault(part, fault, sizeof(fault)) == NULL;

		if (groups[i].in_request && part != NULL && !done)
			log_info(s->t->log, "%zu messages are left to the import: %s",
			    groups[i].count, fault);
		if (groups[i].in_request && part != NULL)
			part = soap_next(part, NULL);
		if (!(done ? group_done(s, &groups[i], e)
			   : group_take_out(s, &groups[i], e)))
			return false;
	}
	return true;
}

static bool
step_send(struct seeding *s, struct group *groups, size_t count, struct err *e)
{
	struct soap_request *r = target_batch(s->t, false);
	struct soap_answer *answer = NULL;
	bool any = false;
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++) {
		ok = group_put(s, r, &groups[i], e);
		any = any || groups[i].in_request;
	}
	if (ok && any)
		ok = target_send(s->t, r, &answer, e);
	else
		soap_request_free(&r);
	ok = ok && groups_take(s, groups, count, answer, e);
	soap_answer_free(&answer);
	return ok;
}

bool
seed_update(struct seeding *s, struct err *e)
{
	struct change *changes = xcalloc(s->index.count + 1, sizeof(*changes));
	uint32_t *junk = xcalloc(s->index.count + 1, sizeof(*junk));
	size_t junk_count = 0;
	size_t count = step_collect(s, changes, junk, &junk_count);
	bool ok = seed_take_out(s, junk, junk_count, e);

	for (size_t at = 0; ok && at < count;) {
		struct group groups[GROUPS_A_REQUEST] = {{0}};
		size_t n = 0;

		for (; n < ARRAY_LEN(groups) && at < count; n++) {
			groups[n].changes = changes + at;
			groups[n].count = group_size(changes + at, count - at);
			at += groups[n].count;
		}
		if (s->t->stopped())
			ok = err_set(e, ERR_CANCELLED, "stopped");
		ok = ok && step_send(s, groups, n, e);
	}
	free(changes);
	free(junk);
	return ok || err_wrap(e, "what changed on the source");
}

/* --- what mail clients are told --- */

struct telling {
	uint32_t *plain, *flagged; /* ids here */
	uint32_t *told;		   /* of the source */
	size_t plain_count, flagged_count, told_count;
};

static void
tell_collect(struct seeding *s, struct telling *x)
{
	for (size_t i = 0; i < s->index.count; i++) {
		const struct seed_entry *n = &s->index.entries[i];
		struct spool_item item;

		if (n->state != SEED_HERE || n->digest_hash == SEED_TIE_DIGEST ||
		    !spool_find(s->t->spool, n->id, &item) ||
		    item.mod_metadata <= item.mod_content || item.mod_metadata <= n->told)
			continue;
		x->told[x->told_count++] = n->id;
		if ((n->flags & FLAG_FLAGGED) != 0)
			x->flagged[x->flagged_count++] = n->here;
		else
			x->plain[x->plain_count++] = n->here;
	}
}

/* Something old may have been purged by its age, here and not there yet. */
static bool
tell_forget(struct seeding *s, uint32_t here, struct err *e)
{
	for (size_t i = 0; i < s->index.count; i++) {
		struct seed_entry n = s->index.entries[i];

		if (n.state != SEED_HERE || n.here != here)
			continue;
		n.state = SEED_GONE;
		return seed_index_set(&s->index, &n, e);
	}
	return true;
}

/* All of them, or by halves those that are there. */
static bool
tell_some(struct seeding *s, const uint32_t *ids, size_t count, const char *first,
    const char *second, struct err *e)
{
	size_t half = count / 2;

	if (s->t->stopped())
		return err_set(e, ERR_CANCELLED, "stopped");
	if (target_action(s->t, first, ids, count, NULL, NULL, e))
		return target_action(s->t, second, ids, count, NULL, NULL, e);
	if (strncmp(soap_fault(s->t->soap), "mail.NO_SUCH_", 13) != 0)
		return false;
	if (count == 1)
		return tell_forget(s, ids[0], e);
	return tell_some(s, ids, half, first, second, e) &&
	       tell_some(s, ids + half, count - half, first, second, e);
}

static bool
tell_pair(struct seeding *s, const uint32_t *ids, size_t count, const char *first,
    const char *second, struct err *e)
{
	for (size_t at = 0; at < count; at += IDS_TOLD) {
		size_t n = count - at < IDS_TOLD ? count - at : IDS_TOLD;

		if (!tell_some(s, ids + at, n, first, second, e))
			return false;
	}
	return true;
}

static bool
tell_note(struct seeding *s, const struct telling *x, struct err *e)
{
	for (size_t i = 0; i < x->told_count; i++) {
		struct seed_entry n = *seed_index_find(&s->index, x->told[i]);
		struct spool_item item;

		if (!spool_find(s->t->spool, n.id, &item))
			continue;
		n.told = item.mod_metadata;
		if (!seed_index_set(&s->index, &n, e))
			return false;
	}
	return true;
}

bool
seed_tell(struct seeding *s, bool *any_out, struct err *e)
{
	size_t most = s->index.count + 1;
	struct telling x = {.plain = xcalloc(most, sizeof(uint32_t)),
	    .flagged = xcalloc(most, sizeof(uint32_t)),
	    .told = xcalloc(most, sizeof(uint32_t))};
	bool ok;

	tell_collect(s, &x);
	*any_out = x.told_count > 0;
	ok = tell_pair(s, x.plain, x.plain_count, "flag", "!flag", e) &&
	     tell_pair(s, x.flagged, x.flagged_count, "!flag", "flag", e) &&
	     tell_note(s, &x, e);
	free(x.plain);
	free(x.flagged);
	free(x.told);
	return ok || err_wrap(e, "what mail clients are told");
}

/* --- folders --- */

/* With it would go whatever lies in it or below it. */
static bool
step_is_empty(void *ctx, const Wire__Folder *have)
{
	const struct seeding *s = ctx;
	const struct target *t = s->t;

	for (size_t i = 0; i < t->here.count; i++) {
		uint64_t id = t->here.nodes[i]->id;

		if (id != have->id && tree_lies_in(&t->here, id, have->id) &&
		    tree_find(&t->source, id) != NULL)
			return false;
	}
	for (size_t i = 0; i < s->index.count; i++) {
		if (s->index.entries[i].state == SEED_HERE &&
		    tree_lies_in(&t->here, s->index.entries[i].folder, have->id))
			return false;
	}
	return true;
}

bool
seed_delete_folders(struct seeding *s, struct err *e)
{
	/* What came by itself may lie anywhere. */
	return s->has_strangers ||
	       steer_delete_gone(s->t, s->options->last_item_id, step_is_empty, s, e);
}
