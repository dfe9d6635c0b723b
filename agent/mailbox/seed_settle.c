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
#include "agent/mailbox/items.h"
#include "agent/mailbox/seed_index.h"
#include "proto/base/xalloc.h"

bool
seed_is_there(struct target *t, bool *out, struct err *e)
{
	struct seed_index index;
	bool ok = seed_index_of(t, &index, e);

	*out = ok && index.fd >= 0 && !index.is_new;
	seed_index_close(&index);
	return ok;
}

bool
seed_index_of(struct target *t, struct seed_index *out, struct err *e)
{
	char *path = xasprintf("%s/%s/seed", t->spool_dir, t->move_id);
	bool none = access(path, F_OK) != 0;
	Wire__Row row;

	free(path);
	*out = (struct seed_index){.fd = -1};
	return none || (account_row(t->soap, t->account_id, &row, e) &&
			   (!row.present || seed_index_open(t->spool_dir, t->move_id,
						row.mailbox_id, false, out, e)));
}

static bool
settle_one(struct target *t, const struct seed_entry *n,
    const struct spool_record_list *record, const struct spool_record_list *here,
    struct err *e)
{
	struct spool_item item;
	size_t at;

	if (n->state != SEED_HERE || !spool_record_find(record, n->id, &at) ||
	    !spool_record_find(here, n->here, &at) ||
	    !spool_find(t->spool, n->id, &item) || item.state != SPOOL_STAGED ||
	    item.digest_hash != n->digest_hash)
		return true;
	return spool_set_state(t->spool, n->id, SPOOL_APPLIED, n->here, e);
}

bool
seed_settle(struct target *t, struct err *e)
{
	struct spool_record_list record = {0}, here = {0};
	struct seed_index index;
	char token[64];
	bool ok;

	if (spool_note_read(t->spool, NOTE_SEED_SETTLED, token, sizeof(token)))
		return true;
	if (!seed_index_of(t, &index, e))
		return false;
	ok = index.count == 0 ||
	     (spool_record_read(t->spool, &record, e) &&
		 items_list(t->soap, t->account_id, &here, token, sizeof(token), e));
	for (size_t i = 0; ok && i < index.count; i++)
		ok = settle_one(t, &index.entries[i], &record, &here, e);
	ok = ok && spool_sync(t->spool, e) &&
	     spool_note_write(t->spool, NOTE_SEED_SETTLED, "1\n", e);
	seed_index_close(&index);
	spool_record_free(&record);
	spool_record_free(&here);
	return ok || err_wrap(e, "what was put in before the switch");
}
