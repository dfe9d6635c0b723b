/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to the whole mailbox. Each looks first whether it is needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/first_sync.h"
#include "agent/mailbox/ids.h"
#include "agent/mailbox/items.h"
#include "agent/mailbox/mend_private.h"
#include "agent/mailbox/seed.h"
#include "agent/mailbox/seed_index.h"
#include "agent/mailbox/steer_private.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define FLAG_FLAGGED (1u << 5)
#define IDS_A_CALL 5000

/* --- what steering could not make --- */

static bool
folder_make(struct target *t, const Wire__Folder *f, uint64_t parent, uint32_t *id_out,
    struct err *e)
{
	struct soap_request *r = target_batch(t, false);
	struct soap_answer *answer = NULL;
	char fault[300];
	bool ok;

	steer_put_create(r, f, parent, NULL);
	ok = target_send(t, r, &answer, e);
	*id_out = 0;
	if (ok) {
		const struct soap_node *part = soap_child(soap_body(answer), NULL);

		if (target_part_fault(part, fault, sizeof(fault)) != NULL)
			log_warn(t->log, "folder %llu still cannot be made: %s",
			    (unsigned long long)f->id, fault);
		else if (part != NULL)
			*id_out = steer_created_id(part);
	}
	soap_answer_free(&answer);
	return ok;
}

static bool
folder_grant(struct target *t, const Wire__Folder *f, uint32_t id, struct err *e)
{
	struct soap_request *r;

	if (f->n_grants == 0)
		return true;
	r = target_batch(t, false);
	steer_put_fix(r, f, id, STEER_GRANTS);
	return target_send(t, r, NULL, e);
}

/* One of that name that is there already is it. */
static bool
folder_find_or_make(struct target *t, const Wire__Folder *f, uint64_t parent,
    uint32_t *id_out, struct err *e)
{
	const Wire__Folder *here =
	    tree_find_name(&t->here, parent, tree_kind_of(f), &f->name);

	*id_out = here == NULL ? 0 : (uint32_t)here->id;
	return here != NULL || (folder_make(t, f, parent, id_out, e) &&
				   (*id_out == 0 || folder_grant(t, f, *id_out, e)));
}

/* Those whose parents are here. */
static bool
folders_round(struct target *t, bool *any_out, struct err *e)
{
	struct target_pair *pairs = xcalloc(t->pair_count + 1, sizeof(*pairs));
	bool any = false;
	bool ok = true;

	if (t->pair_count > 0)
		memcpy(pairs, t->pairs, t->pair_count * sizeof(*pairs));
	for (size_t i = 0; i < t->pair_count && ok; i++) {
		const Wire__Folder *f = tree_find(&t->source, pairs[i].source);
		uint64_t parent;

		if (f == NULL || pairs[i].here != 0)
			continue;
		parent = target_noted(t, (uint32_t)f->parent_id);
		if (tree_kind_of(f) != TREE_TAG && tree_find(&t->here, parent) == NULL)
			continue;
		ok = folder_find_or_make(t, f, parent, &pairs[i].here, e);
		any = any || pairs[i].here != 0;
	}
	ok = ok && (!any || (target_set_pairs(t, pairs, t->pair_count, e) &&
				target_read_here(t, e)));
	free(pairs);
	*any_out = any;
	return ok;
}

bool
mend_folders(struct target *t, struct err *e)
{
	bool any = true;
	bool ok = true;

	while (ok && any)
		ok = folders_round(t, &any, e);
	return ok;
}

/* --- UIDs --- */

/* A UID that a mail client knows as this very message's is as good as a new one. */
static bool
uid_is_dangerous(
    const struct seed_index *seeded, const struct spool_item *item, uint64_t last_id)
{
	const struct seed_entry *n = seed_index_find(seeded, item->id);
	uint32_t uid = n != NULL && n->here == item->target_id ? n->uid : item->target_id;

	return uid <= last_id && uid != item->imap_id;
}

/* Something old may have been purged by its age meanwhile. */
static bool
uid_of_stranger(struct target *t, uint32_t id, struct err *e)
{
	return target_action(t, "resetimapuid", &id, 1, NULL, NULL, e) ||
	       strncmp(soap_fault(t->soap), "mail.NO_SUCH_", 13) == 0;
}

/* Mail that came by itself while the mailbox was being filled, at an id of the source's. */
static bool
uids_of_strangers(
    struct target *t, const struct seed_index *seeded, uint64_t last_id, struct err *e)
{
	struct spool_record_list here = {0};
	uint32_t *known = xcalloc(seeded->count + 1, sizeof(*known));
	size_t count = 0;
	/* What came behind the first Sync has an id above the source's last. */
	bool ok = first_sync_list(t, &here, e);

	for (size_t i = 0; i < seeded->count; i++) {
		if (seeded->entries[i].state == SEED_HERE)
			known[count++] = seeded->entries[i].here;
	}
	ids_sort(known, count);
	for (size_t i = 0; ok && i < here.count && here.ids[i] <= last_id; i++) {
		if (here.types[i] == SPOOL_MESSAGE &&
		    !ids_have(known, count, here.ids[i]))
			ok = uid_of_stranger(t, here.ids[i], e);
	}
	spool_record_free(&here);
	free(known);
	return ok;
}

/*
 * A new item's UID is its id, and steering raised the counter past every old one. Only
 * an id below that is dangerous: a mail client may know it as another message's.
 */
bool
mend_uids(struct target *t, struct err *e)
{
	uint64_t last_id, change;
	uint32_t ids[IDS_A_CALL];
	struct seed_index seeded;
	size_t count = 0;
	bool ok = true;

	if (!target_read_numbers(t, NOTE_STEERED, &last_id, &change))
		return true;
	if (!seed_index_of(t, &seeded, e))
		return false;
	for (size_t i = 0; ok && i < spool_count(t->spool); i++) {
		struct spool_item item;

		if (!spool_find(t->spool, spool_id_at(t->spool, i), &item) ||
		    item.type != SPOOL_MESSAGE || item.state == SPOOL_STAGED ||
		    !uid_is_dangerous(&seeded, &item, last_id))
			continue;
		ids[count++] = item.target_id;
		if (count < ARRAY_LEN(ids))
			continue;
		ok = target_action(t, "resetimapuid", ids, count, NULL, NULL, e);
		count = 0;
	}
	if (ok && seeded.count > 0)
		ok = uids_of_strangers(t, &seeded, last_id, e);
	seed_index_close(&seeded);
	return ok && (count == 0 ||
			 target_action(t, "resetimapuid", ids, count, NULL, NULL, e));
}

/* --- the touch --- */

struct touching {
	uint32_t *folders; /* ascending: not past the source's change, and not empty */
	size_t folder_count;
	uint32_t *plain; /* one unflagged message of each; 0 = none found */
	uint32_t *flagged;
};

static void
touch_take_folder(struct touching *x, const struct soap_node *f, uint64_t change)
{
	uint64_t highest = 0, items = 0;

	for (const struct soap_node *c = soap_child(f, "folder"); c != NULL;
	     c = soap_next(c, "folder"))
		touch_take_folder(x, c, change);
	if (!soap_get_uint(f, "i4ms", &highest) || !soap_get_uint(f, "n", &items) ||
	    items == 0 || highest > change)
		return;
	x->folders = xrealloc_array(x->folders, x->folder_count + 1, sizeof(*x->folders));
	x->folders[x->folder_count++] = target_id_of(f, "id");
}

static void
touch_choose(struct touching *x, struct target *t)
{
	for (size_t i = 0; i < spool_count(t->spool); i++) {
		struct spool_item item;
		uint32_t place;
		size_t at;

		if (!spool_find(t->spool, spool_id_at(t->spool, i), &item) ||
		    item.type != SPOOL_MESSAGE || item.state == SPOOL_STAGED)
			continue;
		place = target_place(t, item.folder_id);
		at = ids_find(x->folders, x->folder_count, place);
		if (at == x->folder_count)
			continue;
		if ((item.flags & FLAG_FLAGGED) == 0)
			x->plain[at] = item.target_id;
		else
			x->flagged[at] = item.target_id;
	}
}

static bool
touch_pair(struct target *t, const uint32_t *ids, size_t count, const char *first,
    const char *second, struct err *e)
{
	return count == 0 || (target_action(t, first, ids, count, NULL, NULL, e) &&
				 target_action(t, second, ids, count, NULL, NULL, e));
}

static bool
touch_all(struct touching *x, struct target *t, struct err *e)
{
	size_t plain = 0, flagged = 0;

	ids_sort(x->folders, x->folder_count);
	x->plain = xcalloc(x->folder_count, sizeof(*x->plain));
	x->flagged = xcalloc(x->folder_count, sizeof(*x->flagged));
	touch_choose(x, t);
	for (size_t i = 0; i < x->folder_count; i++) {
		uint32_t one = x->plain[i], other = x->flagged[i];

		if (one != 0)
			x->plain[plain++] = one;
		else if (other != 0)
			x->flagged[flagged++] = other;
	}
	return touch_pair(t, x->plain, plain, "flag", "!flag", e) &&
	       touch_pair(t, x->flagged, flagged, "!flag", "flag", e);
}

bool
mend_touch(struct target *t, struct err *e)
{
	struct touching x = {0};
	struct soap_answer *answer = NULL;
	uint64_t last_id, change;
	bool ok;

	/* change 0: the counter did not pass the source's, and a touch would not help */
	if (!target_read_numbers(t, NOTE_STEERED, &last_id, &change) || change == 0)
		return true;
	ok = target_send(t, target_request(t, "GetFolderRequest"), &answer, e);
	if (ok)
		touch_take_folder(&x, soap_child(soap_body(answer), "folder"), change);
	soap_answer_free(&answer);
	if (ok && x.folder_count > 0)
		ok = touch_all(&x, t, e);
	free(x.folders);
	free(x.plain);
	free(x.flagged);
	return ok;
}

/* --- sections of the mailbox's metadata --- */

static bool
section_set(struct target *t, const Wire__Section *section, struct err *e)
{
	struct soap_request *r = target_request(t, "SetMailboxMetadataRequest");
	char *text = frame_string(&section->name);

	soap_open(r, "meta");
	soap_attr(r, "section", text);
	free(text);
	for (size_t i = 0; i < section->n_pairs; i++) {
		char *name = frame_string(&section->pairs[i]->name);

		text = frame_string(&section->pairs[i]->value);
		soap_a(r, name, text);
		free(name);
		free(text);
	}
	soap_close(r);
	return target_send(t, r, NULL, e) || err_wrap(e, "mailbox metadata");
}

/* The section here is the newer one when there is one. */
bool
mend_sections(struct target *t, struct err *e)
{
	Wire__StreamTree here = WIRE__STREAM_TREE__INIT;
	bool ok;

	if (t->rest->n_sections == 0)
		return true;
	ok = items_sections(t->soap, t->account_id, &here, e);
	for (size_t i = 0; ok && i < t->rest->n_sections; i++) {
		bool found = false;

		for (size_t k = 0; k < here.n_sections; k++)
			found = found || tree_bytes_equal(&here.sections[k]->name,
					     &t->rest->sections[i]->name);
		if (!found)
			ok = section_set(t, t->rest->sections[i], e);
	}
	for (size_t i = 0; i < here.n_sections; i++)
		wire__section__free_unpacked(here.sections[i], NULL);
	free(here.sections);
	return ok;
}

bool
mend_track_imap(struct target *t, struct err *e)
{
	bool tracks;

	if (!items_tracks_imap(t->soap, t->account_id, &tracks, e))
		return false;
	return tracks ||
	       target_send(t, target_request(t, "BeginTrackingIMAPRequest"), NULL, e);
}
