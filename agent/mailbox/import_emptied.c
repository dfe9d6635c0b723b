/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Each look asks only for what changed since the one before. */
#include "agent/mailbox/import_emptied.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/items.h"
#include "proto/base/xalloc.h"

#define TRASH 3u
#define JUNK 4u
#define DEPTH_MAX 1000

void
emptied_init(struct emptied *x, struct target *t)
{
	*x = (struct emptied){.t = t};
}

void
emptied_fini(struct emptied *x)
{
	free(x->folders);
	*x = (struct emptied){0};
}

bool
emptied_is_bin(const struct tree *here, uint32_t folder)
{
	const Wire__Folder *f = tree_find(here, folder);

	for (int depth = 0; f != NULL && depth < DEPTH_MAX; depth++) {
		if (f->id == TRASH || f->id == JUNK)
			return true;
		f = f->parent_id == TREE_ROOT ? NULL : tree_find(here, f->parent_id);
	}
	return false;
}

static struct emptied_folder *
emptied_find(struct emptied *x, uint32_t folder)
{
	for (size_t i = 0; i < x->count; i++) {
		if (x->folders[i].folder == folder)
			return &x->folders[i];
	}
	return NULL;
}

static int
compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Which of the deleted were ours, in Trash or Junk? */
static void
emptied_take(struct emptied *x, const struct items_changes *changes)
{
	struct spool *s = x->t->spool;

	for (size_t i = 0; changes->deleted_count > 0 && i < spool_count(s); i++) {
		struct spool_item item;
		uint32_t folder;

		if (!spool_find(s, spool_id_at(s, i), &item) ||
		    item.type != SPOOL_MESSAGE || item.state == SPOOL_STAGED ||
		    bsearch(&item.target_id, changes->deleted, changes->deleted_count,
			sizeof(item.target_id), compare_u32) == NULL)
			continue;
		folder = target_place(x->t, item.folder_id);
		if (!emptied_is_bin(&x->t->here, folder) ||
		    emptied_find(x, folder) != NULL)
			continue;
		x->folders =
		    xrealloc_array(x->folders, x->count + 1, sizeof(*x->folders));
		x->folders[x->count++] = (struct emptied_folder){folder, item.target_id};
	}
}

bool
emptied_look(struct emptied *x, emptied_settle_fn settle, void *ctx, struct err *e)
{
	struct items_changes changes;
	bool ok = true;

	if (x->token[0] == '\0' &&
	    !spool_note_read(x->t->spool, NOTE_OPENED, x->token, sizeof(x->token)))
		return true;
	if (!items_changes(x->t->soap, x->t->account_id, x->token, &changes, e))
		return err_wrap(e, "looking for emptied folders");
	if (!changes.must_resync) {
		ok = changes.deleted_count == 0 || settle(ctx, e);
		if (ok)
			emptied_take(x, &changes);
		snprintf(x->token, sizeof(x->token), "%s", changes.token);
	}
	items_changes_free(&changes);
	return ok;
}

bool
emptied_pass_over(
    struct emptied *x, const struct spool_item *item, bool *out, struct err *e)
{
	const struct emptied_folder *f =
	    x->count == 0 || item->type != SPOOL_MESSAGE
		? NULL
		: emptied_find(x, target_place(x->t, item->folder_id));

	*out = f != NULL;
	return f == NULL ||
	       spool_set_state(x->t->spool, item->id, SPOOL_APPLIED, f->deleted, e);
}
