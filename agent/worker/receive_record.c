/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of record against what is held: afterwards the spool holds nothing that the
 * mailbox has not, and knows what it lacks or has too old. May be cut short anywhere: it
 * is done again by the next pass.
 */
#include <stdlib.h>

#include "agent/mailbox/target.h"
#include "agent/worker/receive_private.h"
#include "proto/base/xalloc.h"

/* Collected first, because forgetting changes the order that is walked. */
static uint32_t *
ids_not_of_record(
    struct spool *s, const struct spool_record_list *record, bool all, size_t *count_out)
{
	size_t held = spool_count(s);
	uint32_t *ids = xcalloc(held, sizeof(*ids));
	size_t count = 0;
	size_t at;

	for (size_t i = 0; i < held; i++) {
		uint32_t id = spool_id_at(s, i);

		if (all || !spool_record_find(record, id, &at))
			ids[count++] = id;
	}
	*count_out = count;
	return ids;
}

static bool
forget_all(struct spool *s, const uint32_t *ids, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		if (!spool_forget(s, ids[i], e))
			return false;
	}
	return true;
}

static void
want(struct reconciled *out, uint32_t id)
{
	if ((out->wanted_count & (out->wanted_count - 1)) == 0)
		out->wanted = xrealloc_array(out->wanted,
		    out->wanted_count == 0 ? 1 : out->wanted_count * 2,
		    sizeof(*out->wanted));
	out->wanted[out->wanted_count++] = id;
}

static bool
want_or_place(struct spool *s, const struct spool_record_list *record,
    const struct aged *aged, struct reconciled *out, struct err *e)
{
	for (size_t i = 0; i < record->count; i++) {
		struct spool_item item;
		bool held = spool_find(s, record->ids[i], &item);

		if (!held || aged_is(aged, &item))
			want(out, record->ids[i]);
		if (!held)
			continue;
		out->bytes += item.meta_bytes + item.data_bytes;
		if (item.folder_id != record->folder_ids[i] &&
		    !spool_set_folder(s, item.id, record->folder_ids[i], e))
			return false;
	}
	return true;
}

static bool
tree_has(const Wire__StreamTree *tree, uint64_t id)
{
	for (size_t i = 0; i < tree->n_folders; i++) {
		if (tree->folders[i]->id == id)
			return true;
	}
	return false;
}

bool
receiving_note_folders(struct spool *s, const Wire__StreamTree *tree, struct err *e)
{
	Wire__StreamTree *before;
	char *text;
	bool any = false;
	bool ok;

	if (!spool_tree_read(s, &before, e))
		return false;
	text = spool_note_text(s, NOTE_FOLDERS);
	for (size_t i = 0; i < tree->n_folders; i++) {
		char *more;

		if (tree_has(before, tree->folders[i]->id))
			continue;
		more = xasprintf("%s%llu 0\n", text == NULL ? "" : text,
		    (unsigned long long)tree->folders[i]->id);
		free(text);
		text = more;
		any = true;
	}
	ok = !any || spool_note_write(s, NOTE_FOLDERS, text, e);
	free(text);
	wire__stream_tree__free_unpacked(before, NULL);
	return ok;
}

bool
receiving_keep_held(struct spool *s, struct spool_record_list *record, struct err *e)
{
	size_t held = spool_count(s);
	size_t listed = record->count;

	for (size_t i = 0; i < held; i++) {
		struct spool_item item;
		struct spool_record_list sorted = *record;
		size_t at;

		if (!spool_find(s, spool_id_at(s, i), &item))
			return err_set(e, ERR_CORRUPT,
			    "item %u of the spool is unreadable", spool_id_at(s, i));
		sorted.count = listed; /* what is added comes behind */
		if (spool_record_find(&sorted, item.id, &at))
			record->folder_ids[at] = item.folder_id;
		else
			spool_record_add(record, item.id, item.folder_id, item.type);
	}
	spool_record_sort(record);
	return true;
}

bool
receiving_reconcile(struct spool *s, const struct spool_record_list *record,
    const struct aged *aged, bool all_stale, struct reconciled *out, struct err *e)
{
	uint32_t *gone;
	size_t gone_count;
	bool ok;

	*out = (struct reconciled){0};
	gone = ids_not_of_record(s, record, all_stale, &gone_count);
	ok = forget_all(s, gone, gone_count, e) && want_or_place(s, record, aged, out, e);
	free(gone);
	return ok;
}
