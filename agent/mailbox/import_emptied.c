/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. Each look asks only for what changed since the one before; when something
 * was deleted, the whole list says what of a folder is left. Wrong either way costs: mail
 * that its owner threw away comes back, or mail that is his is not shown; so what is
 * withheld is kept, and named.
 */
#include "agent/mailbox/import_emptied.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/items.h"
#include "proto/base/xalloc.h"

#define TRASH 3u
#define JUNK 4u
#define GONE_LEAST 2
#define NOTE_BYTES (16u << 20)
#define RELEASED "released"

/* --- what is withheld, on disk: "ID DELETED" a line --- */

static void
emptied_withhold(struct emptied *x, uint32_t id, uint32_t deleted)
{
	struct emptied_item *row;

	if ((x->withheld_count & (x->withheld_count - 1)) == 0)
		x->withheld = xrealloc_array(x->withheld,
		    x->withheld_count == 0 ? 1 : x->withheld_count * 2,
		    sizeof(*x->withheld));
	row = &x->withheld[x->withheld_count++];
	*row = (struct emptied_item){id, deleted};
}

static void
emptied_read_withheld(struct emptied *x)
{
	char *text = spool_note_text(x->t->spool, NOTE_WITHHELD);

	if (text != NULL) {
		x->is_off = strncmp(text, RELEASED, strlen(RELEASED)) == 0;
		for (char *p = text; !x->is_off && *p != '\0';) {
			unsigned long id = strtoul(p, &p, 10);
			unsigned long deleted = strtoul(p, &p, 10);

			if (id == 0 || deleted == 0)
				break;
			emptied_withhold(x, (uint32_t)id, (uint32_t)deleted);
		}
	}
	free(text);
}

static bool
emptied_mark(struct emptied *x, struct err *e)
{
	for (; x->saved < x->withheld_count; x->saved++) {
		const struct emptied_item *row = &x->withheld[x->saved];

		if (!spool_set_state(
			x->t->spool, row->id, SPOOL_APPLIED, row->deleted, e))
			return false;
	}
	return true;
}

/* The note first: what is marked and not noted would be gone with the spool. */
bool
emptied_save(struct emptied *x, struct err *e)
{
	struct buf text;
	bool ok = true;

	if (x->saved == x->withheld_count)
		return true;
	buf_init(&text, NOTE_BYTES);
	for (size_t i = 0; i < x->withheld_count && ok; i++)
		ok = buf_printf(
		    &text, "%u %u\n", x->withheld[i].id, x->withheld[i].deleted);
	ok = ok ? spool_note_write(x->t->spool, NOTE_WITHHELD, buf_str(&text), e)
		: err_set(e, ERR_REFUSED, "too many messages are withheld");
	buf_fini(&text);
	return ok && emptied_mark(x, e);
}

/* The states first: a worker that dies between the two does it again. */
bool
emptied_release(struct emptied *x, struct err *e)
{
	bool ok = true;

	if (x->is_off)
		return true;
	for (size_t i = 0; i < x->withheld_count && ok; i++)
		ok = spool_set_state(x->t->spool, x->withheld[i].id, SPOOL_STAGED, 0, e);
	ok = ok && spool_sync(x->t->spool, e) &&
	     spool_note_write(x->t->spool, NOTE_WITHHELD, RELEASED "\n", e);
	if (ok) {
		x->is_off = true;
		x->withheld_count = x->saved = 0;
	}
	return ok;
}

size_t
emptied_count_withheld(struct target *t)
{
	struct emptied x = {.t = t};
	size_t count;

	emptied_read_withheld(&x);
	count = x.withheld_count;
	free(x.withheld);
	return count;
}

/* --- what was emptied, on disk: "FOLDER DELETED" a line --- */

static void
emptied_add(struct emptied *x, uint32_t folder, uint32_t deleted)
{
	x->folders = xrealloc_array(x->folders, x->count + 1, sizeof(*x->folders));
	x->folders[x->count++] = (struct emptied_folder){folder, deleted};
}

static void
emptied_read_folders(struct emptied *x)
{
	char text[4096];

	if (!spool_note_read(x->t->spool, NOTE_EMPTIED, text, sizeof(text)))
		return;
	for (char *p = text; *p != '\0';) {
		unsigned long folder = strtoul(p, &p, 10);
		unsigned long deleted = strtoul(p, &p, 10);

		if (folder == 0 || deleted == 0)
			return;
		emptied_add(x, (uint32_t)folder, (uint32_t)deleted);
	}
}

static bool
emptied_save_folders(const struct emptied *x, struct err *e)
{
	struct buf text;
	bool ok = true;

	buf_init(&text, 4000);
	/* Those that do not fit are found again, or filled. */
	for (size_t i = 0; i < x->count && ok; i++)
		ok = buf_printf(
		    &text, "%u %u\n", x->folders[i].folder, x->folders[i].deleted);
	ok = spool_note_write(x->t->spool, NOTE_EMPTIED, buf_str(&text), e);
	buf_fini(&text);
	return ok;
}

/* --- life --- */

bool
emptied_init(struct emptied *x, struct target *t, struct err *e)
{
	uint64_t last_id = 0, change;

	*x = (struct emptied){.t = t};
	emptied_read_folders(x);
	emptied_read_withheld(x);
	if (!emptied_mark(x, e)) /* a worker may have died between note and mark */
		return false;
	/* Not noted: nobody works on it yet. */
	if (!spool_note_read(t->spool, NOTE_OPENED, x->token, sizeof(x->token)))
		x->token[0] = '\0';
	if (x->token[0] != '\0' &&
	    !items_last_id(t->soap, t->account_id, &last_id, &change, e))
		return err_wrap(e, "looking for emptied folders");
	x->seen_id = (uint32_t)last_id;
	return true;
}

void
emptied_fini(struct emptied *x)
{
	free(x->folders);
	free(x->withheld);
	*x = (struct emptied){0};
}

bool
emptied_is_bin(const struct tree *here, uint32_t folder)
{
	return tree_lies_in(here, folder, TRASH) || tree_lies_in(here, folder, JUNK);
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

/* --- looking --- */

struct bin {
	uint32_t folder, deleted;
	size_t gone, there, later;
};

struct bins {
	struct bin *rows;
	size_t count;
};

bool
emptied_is(size_t gone, size_t there, size_t later)
{
	return gone >= GONE_LEAST && there == 0 && gone > later;
}

static struct bin *
bins_of(struct bins *b, uint32_t folder)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->rows[i].folder == folder)
			return &b->rows[i];
	}
	b->rows = xrealloc_array(b->rows, b->count + 1, sizeof(*b->rows));
	b->rows[b->count] = (struct bin){.folder = folder};
	return &b->rows[b->count++];
}

/* The bin that the item went into; NULL: none. */
static struct bin *
bins_of_item(struct bins *b, struct emptied *x, const struct spool_item *item)
{
	uint32_t folder;

	if (item->type != SPOOL_MESSAGE || item->state == SPOOL_STAGED)
		return NULL;
	folder = target_place(x->t, item->folder_id);
	return emptied_is_bin(&x->t->here, folder) ? bins_of(b, folder) : NULL;
}

/*
 * What people took out of the folder is neither there nor gone. What came since the last look,
 * and after all that are gone, may have come after the emptying.
 */
static void
bins_count(struct bins *b, struct emptied *x, const struct spool_record_list *here)
{
	struct spool *s = x->t->spool;
	struct spool_item item;
	struct bin *bin;
	size_t at;

	for (size_t i = 0; i < spool_count(s); i++) {
		if (!spool_find(s, spool_id_at(s, i), &item) ||
		    (bin = bins_of_item(b, x, &item)) == NULL ||
		    spool_record_find(here, item.target_id, &at))
			continue;
		bin->gone++;
		if (item.target_id > bin->deleted)
			bin->deleted = item.target_id;
	}
	for (size_t i = 0; i < spool_count(s); i++) {
		if (!spool_find(s, spool_id_at(s, i), &item) ||
		    (bin = bins_of_item(b, x, &item)) == NULL ||
		    !spool_record_find(here, item.target_id, &at))
			continue;
		if (here->folder_ids[at] != bin->folder)
			continue;
		if (item.target_id <= x->seen_id || item.target_id < bin->deleted)
			bin->there++;
		else
			bin->later++;
	}
}

static bool
emptied_judge(struct emptied *x, struct err *e)
{
	struct spool_record_list here;
	struct bins bins = {0};
	size_t before = x->count;
	char token[64];

	if (!items_list(x->t->soap, x->t->account_id, &here, token, sizeof(token), e))
		return false;
	bins_count(&bins, x, &here);
	for (size_t i = 0; i < bins.count; i++) {
		const struct bin *b = &bins.rows[i];

		if (emptied_is(b->gone, b->there, b->later) &&
		    emptied_find(x, b->folder) == NULL)
			emptied_add(x, b->folder, b->deleted);
	}
	free(bins.rows);
	spool_record_free(&here);
	return x->count == before || emptied_save_folders(x, e);
}

bool
emptied_look(struct emptied *x, emptied_settle_fn settle, void *ctx, struct err *e)
{
	struct items_changes changes;
	uint64_t last_id, change;
	bool ok = true;

	if (x->is_off || x->token[0] == '\0')
		return true;
	if (!items_last_id(x->t->soap, x->t->account_id, &last_id, &change, e) ||
	    !items_changes(x->t->soap, x->t->account_id, x->token, &changes, e))
		return err_wrap(e, "looking for emptied folders");
	if (!changes.must_resync) {
		if (changes.deleted_count > 0)
			ok = settle(ctx, e) && emptied_judge(x, e);
		snprintf(x->token, sizeof(x->token), "%s", changes.token);
		x->seen_id = (uint32_t)last_id;
	}
	items_changes_free(&changes);
	return ok;
}

bool
emptied_pass_over(struct emptied *x, const struct spool_item *item)
{
	const struct emptied_folder *f =
	    x->count == 0 || x->is_off || item->type != SPOOL_MESSAGE
		? NULL
		: emptied_find(x, target_place(x->t, item->folder_id));

	if (f != NULL)
		emptied_withhold(x, item->id, f->deleted);
	return f != NULL;
}
