/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order: what a dead worker had under way, then messages, then the other types, then
 * what belongs to the whole mailbox. The first time this ends is the opening: a Sync
 * token taken then says from when on changes are the person's.
 */
#include "agent/mailbox/mend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/import_private.h"
#include "agent/mailbox/items.h"
#include "agent/mailbox/mend_private.h"
#include "proto/base/xalloc.h"

#define TRASH 3u

struct mending {
	struct target *t;
	struct arrivals arrivals;
	uint32_t *left[SPOOL_TYPE_COUNT]; /* staged and not applied, ascending ids */
	size_t counts[SPOOL_TYPE_COUNT];
};

static bool
mend_collect(struct mending *m, struct err *e)
{
	struct spool_record_list record;

	if (!spool_record_read(m->t->spool, &record, e))
		return false;
	for (size_t i = 0; i < record.count; i++) {
		struct spool_item item;
		size_t *count;

		if (!spool_find(m->t->spool, record.ids[i], &item) ||
		    item.state != SPOOL_STAGED)
			continue;
		count = &m->counts[item.type];
		if ((*count & (*count - 1)) == 0)
			m->left[item.type] = xrealloc_array(m->left[item.type],
			    *count == 0 ? 1 : *count * 2, sizeof(*m->left[item.type]));
		m->left[item.type][(*count)++] = item.id;
	}
	spool_record_free(&record);
	return true;
}

/*
 * Messages that only lie in the wrong folder, or beside their like: by the detour, which
 * keeps every byte, as AddMsg does not.
 */
static bool
mend_messages_aside(struct mending *m, struct err *e)
{
	struct target *t = m->t;
	uint32_t *ids = xcalloc(m->counts[SPOOL_MESSAGE] + 1, sizeof(*ids));
	size_t count = 0;
	bool ok = import_aside_finish(t, SPOOL_MESSAGE, e);

	for (size_t i = 0; i < m->counts[SPOOL_MESSAGE] && ok; i++) {
		struct spool_item item;
		bool too_long;

		if (!spool_find(t->spool, m->left[SPOOL_MESSAGE][i], &item) ||
		    item.state != SPOOL_STAGED || item.has_calendar_link ||
		    /* Moving into Trash marks as read. */
		    tree_lies_in(&t->here, target_place(t, item.folder_id), TRASH))
			continue;
		ok = import_has_long_line(t, &item, &too_long, e);
		if (ok && !too_long)
			ids[count++] = item.id;
	}
	ok = ok && (count == 0 || import_aside(t, SPOOL_MESSAGE, ids, count, e));
	free(ids);
	return ok;
}

static bool
mend_messages(struct mending *m, struct err *e)
{
	size_t refused_in_a_row = 0;

	for (size_t i = 0; i < m->counts[SPOOL_MESSAGE]; i++) {
		struct spool_item item;
		bool refused = false;

		if (m->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!spool_find(m->t->spool, m->left[SPOOL_MESSAGE][i], &item) ||
		    item.state != SPOOL_STAGED)
			continue;
		if (!mend_add_message(m->t, &m->arrivals, &item, &refused, e))
			return false;
		refused_in_a_row = refused ? refused_in_a_row + 1 : 0;
		if (refused_in_a_row == MEND_REFUSED_IN_A_ROW)
			return err_wrap(e, "%zu messages in a row", refused_in_a_row);
		m->t->progress(m->t->ctx, i + 1, m->counts[SPOOL_MESSAGE], 0,
		    "adding what imports refuse");
	}
	return true;
}

/* Contacts wait for their lane: the import of contacts does this for them. */
static bool
mend_others(struct mending *m, struct err *e)
{
	for (int type = 0; type < SPOOL_TYPE_COUNT; type++) {
		if (type == SPOOL_MESSAGE || type == SPOOL_CONTACT)
			continue;
		if (m->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!import_aside_finish(m->t, (enum spool_type)type, e))
			return false;
		if (m->counts[type] > 0 && !import_aside(m->t, (enum spool_type)type,
					       m->left[type], m->counts[type], e))
			return false;
	}
	return true;
}

/* Once only: later changes are the person's. A Sync token is the change counter's value. */
bool
mend_note_opening(struct target *t, struct err *e)
{
	uint64_t last_id, change;
	char token[32], text[64];

	if (!items_last_id(t->soap, t->account_id, &last_id, &change, e))
		return false;
	if (change == 0)
		return err_set(e, ERR_PEER, "the answers do not tell the change counter");
	snprintf(token, sizeof(token), "%llu", (unsigned long long)change);
	snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)change,
	    (unsigned long long)last_id);
	return spool_note_write(t->spool, NOTE_OPENED, token, e) &&
	       spool_note_write(t->spool, NOTE_MENDED, text, e);
}

bool
mend_run(struct target *t, const struct mend_options *options, Wire__ImportFacts *facts,
    struct err *e)
{
	struct mending m = {.t = t};
	char text[64];
	bool opened = spool_note_read(t->spool, NOTE_MENDED, text, sizeof(text));
	bool ok;

	arrivals_init(&m.arrivals, t);
	ok = arrivals_recover(&m.arrivals, e) && mend_folders(t, e) &&
	     mend_collect(&m, e) &&
	     (options->messages_to_come ||
		 (mend_messages_aside(&m, e) && mend_messages(&m, e))) &&
	     mend_others(&m, e);
	if (ok && !opened)
		ok = mend_sections(t, e) && mend_uids(t, e) && mend_touch(t, e) &&
		     mend_note_opening(t, e);
	if (ok && options->imap_tracking)
		ok = mend_track_imap(t, e);
	ok = ok && import_count(t, false,
		       options->messages_to_come ? m.counts[SPOOL_MESSAGE] : 0, facts, e);
	for (int type = 0; type < SPOOL_TYPE_COUNT; type++)
		free(m.left[type]);
	arrivals_fini(&m.arrivals);
	return ok;
}
