/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. The ids that the move gave out are in its spool's index. */
#include "agent/mailbox/back.h"

#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/arrive.h"
#include "agent/mailbox/ids.h"
#include "agent/mailbox/mend_private.h"
#include "agent/mailbox/seed.h"
#include "agent/mailbox/seed_index.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define INBOX 2u
#define CALENDAR 10u
#define TASKS 15u

/* --- at the copy --- */

/* Ids that the move put in; ascending. */
static uint32_t *
ids_brought(struct target *t, size_t *count_out)
{
	size_t held = spool_count(t->spool);
	uint32_t *ids = xcalloc(held + 1, sizeof(*ids));
	size_t count = 0;

	for (size_t i = 0; i < held; i++) {
		struct spool_item item;

		if (spool_find(t->spool, spool_id_at(t->spool, i), &item) &&
		    item.target_id != 0)
			ids[count++] = item.target_id;
	}
	ids_sort(ids, count);
	*count_out = count;
	return ids;
}

/* Ids that the move put in before the switch; ascending. */
static bool
ids_seeded(struct target *t, uint32_t **ids_out, size_t *count_out, struct err *e)
{
	struct seed_index index;
	size_t count = 0;

	if (!seed_index_of(t, &index, e))
		return false;
	*ids_out = xcalloc(index.count + 1, sizeof(**ids_out));
	for (size_t i = 0; i < index.count; i++) {
		if (index.entries[i].state == SEED_HERE)
			(*ids_out)[count++] = index.entries[i].here;
	}
	ids_sort(*ids_out, count);
	*count_out = count;
	seed_index_close(&index);
	return true;
}

/* A folder that could not have its old id here is named by the old one. */
static uint32_t
folder_of_source(const struct target *t, uint32_t here)
{
	for (size_t i = 0; i < t->pair_count; i++) {
		if (t->pairs[i].here == here)
			return t->pairs[i].source;
	}
	return here;
}

bool
back_keep_arrived(
    struct target *t, uint64_t above, struct spool_record_list *record, struct err *e)
{
	struct arrivals arrivals;
	uint32_t *brought, *seeded;
	size_t brought_count, seeded_count, kept = 0;
	bool ok;

	arrivals_init(&arrivals, t);
	ok = arrivals_recover(&arrivals, e);
	arrivals_fini(&arrivals);
	if (!ok)
		return false;
	if (!ids_seeded(t, &seeded, &seeded_count, e))
		return false;
	brought = ids_brought(t, &brought_count);
	for (size_t i = 0; i < record->count; i++) {
		/* Mail came in at any id while it was being filled. */
		if ((seeded_count == 0 && record->ids[i] <= above) ||
		    ids_have(seeded, seeded_count, record->ids[i]) ||
		    ids_have(brought, brought_count, record->ids[i]))
			continue;
		record->ids[kept] = record->ids[i];
		record->types[kept] = record->types[i];
		record->folder_ids[kept++] = folder_of_source(t, record->folder_ids[i]);
	}
	record->count = kept;
	free(seeded);
	free(brought);
	return true;
}

/* --- where the mailbox was all along --- */

bool
back_is(const struct target *t)
{
	char text[16];

	return spool_note_read(t->spool, NOTE_BACK, text, sizeof(text));
}

static uint32_t
folder_instead(const Wire__Folder *f)
{
	if (frame_equal(&f->view, "appointment"))
		return CALENDAR;
	return frame_equal(&f->view, "task") ? TASKS : INBOX;
}

static bool
back_pair_folders(struct target *t, struct err *e)
{
	struct target_pair *pairs = xcalloc(t->source.count + 1, sizeof(*pairs));
	size_t count = 0;
	bool ok;

	for (size_t i = 0; i < t->source.count; i++) {
		const Wire__Folder *f = t->source.nodes[i];

		if (tree_kind_of(f) == TREE_FOLDER &&
		    target_folder(t, (uint32_t)f->id) == 0)
			pairs[count++] =
			    (struct target_pair){(uint32_t)f->id, folder_instead(f)};
	}
	ok = target_set_pairs(t, pairs, count, e);
	free(pairs);
	return ok;
}

bool
back_begin(struct target *t, struct err *e)
{
	char text[64];

	if (spool_note_read(t->spool, NOTE_MENDED, text, sizeof(text)))
		return true;
	return back_pair_folders(t, e) && mend_note_opening(t, e);
}
