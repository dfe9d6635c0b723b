/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list before the token: who finds a token finds the list that belongs to it, for an
 * attempt that ends between the two steers once more. A spool of an earlier version has no
 * list, and the mailbox is asked.
 */
#include "agent/mailbox/first_sync.h"

#include "agent/mailbox/ids.h"
#include "agent/mailbox/items.h"

#define TOKEN_MAX 64

bool
first_sync_take(struct target *t, struct err *e)
{
	struct spool_record_list here;
	char token[TOKEN_MAX];
	bool ok;

	if (!items_list(t->soap, t->account_id, &here, token, sizeof(token), e))
		return err_wrap(e, "the first Sync");
	ok = spool_list_write(t->spool, NOTE_HERE, &here, e) &&
	     spool_note_write(t->spool, NOTE_OPENED, token, e);
	spool_record_free(&here);
	return ok;
}

bool
first_sync_list(struct target *t, struct spool_record_list *out, struct err *e)
{
	char token[TOKEN_MAX];

	return spool_list_read(t->spool, NOTE_HERE, out) ||
	       items_list(t->soap, t->account_id, out, token, sizeof(token), e);
}

static void
first_sync_drop(struct spool_record_list *list, const struct items_changes *x)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (ids_have(x->deleted, x->deleted_count, list->ids[i]))
			continue;
		list->ids[kept] = list->ids[i];
		list->folder_ids[kept] = list->folder_ids[i];
		list->types[kept++] = list->types[i];
	}
	list->count = kept;
}

bool
first_sync_list_now(struct target *t, struct spool_record_list *out, struct err *e)
{
	struct items_changes x;
	char token[TOKEN_MAX];
	bool resync;

	if (!spool_note_read(t->spool, NOTE_OPENED, token, sizeof(token)) ||
	    !spool_list_read(t->spool, NOTE_HERE, out))
		return items_list(t->soap, t->account_id, out, token, sizeof(token), e);
	if (!items_changes(t->soap, t->account_id, token, &x, e)) {
		spool_record_free(out);
		return false;
	}
	resync = x.must_resync;
	first_sync_drop(out, &x);
	items_changes_free(&x);
	if (!resync)
		return true;
	spool_record_free(out);
	return items_list(t->soap, t->account_id, out, token, sizeof(token), e);
}
