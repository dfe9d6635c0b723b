/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account lives here now, and the mailbox can be asked what it holds. What the index
 * says is there and is not (something old may have been purged by its age) is left to the
 * imports.
 */
#include "agent/mailbox/seed.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/first_sync.h"
#include "agent/mailbox/seed_index.h"
#include "proto/base/xalloc.h"

bool
seed_was_begun(const struct target *t)
{
	char *path = xasprintf("%s/%s/seed", t->spool_dir, t->move_id);
	bool begun = access(path, F_OK) == 0;

	free(path);
	return begun;
}

bool
seed_index_of(struct target *t, struct seed_index *out, struct err *e)
{
	Wire__Row row;

	*out = (struct seed_index){.fd = -1};
	return !seed_was_begun(t) ||
	       (account_row(t->soap, t->account_id, &row, e) &&
		   (!row.present || seed_index_open(t->spool_dir, t->move_id,
					row.mailbox_id, false, out, e)));
}

static bool
settle_is_here(struct target *t, const struct seed_entry *n,
    const struct spool_record_list *record, const struct spool_record_list *here)
{
	struct spool_item item;
	size_t at;

	return n->state == SEED_HERE && spool_record_find(record, n->id, &at) &&
	       spool_record_find(here, n->here, &at) &&
	       spool_find(t->spool, n->id, &item) && item.state == SPOOL_STAGED &&
	       item.digest_hash == n->digest_hash;
}

static bool
settle_all(struct target *t, const struct seed_index *index,
    const struct spool_record_list *record, const struct spool_record_list *here,
    struct err *e)
{
	struct spool_mark *marks = xcalloc(index->count + 1, sizeof(*marks));
	size_t count = 0;
	bool ok;

	for (size_t i = 0; i < index->count; i++) {
		const struct seed_entry *n = &index->entries[i];

		if (settle_is_here(t, n, record, here))
			marks[count++] = (struct spool_mark){n->id, n->here};
	}
	ok = spool_mark_applied(t->spool, marks, count, e);
	free(marks);
	return ok;
}

bool
seed_settle(struct target *t, struct err *e)
{
	struct spool_record_list record = {0}, here = {0};
	struct seed_index index;
	char text[64];
	bool ok;

	if (spool_note_read(t->spool, NOTE_SEED_SETTLED, text, sizeof(text)))
		return true;
	if (!seed_index_of(t, &index, e))
		return false;
	ok = index.count == 0 || (spool_record_read(t->spool, &record, e) &&
				     first_sync_list_now(t, &here, e));
	ok = ok && settle_all(t, &index, &record, &here, e) && spool_sync(t->spool, e) &&
	     spool_note_write(t->spool, NOTE_SEED_SETTLED, "1\n", e);
	seed_index_close(&index);
	spool_record_free(&record);
	spool_record_free(&here);
	return ok || err_wrap(e, "what was put in before the switch");
}
