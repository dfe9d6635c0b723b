/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that were ever heard, as rows: one that is down at a start is missed all the same. */
#include <stdio.h>

#include "controller/journal_private.h"
#include "controller/watch.h"

bool
journal_nodes_load(struct journal *j, watch_record_fn fn, void *ctx, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j,
		"SELECT name, heard_ms, mailboxes, bytes FROM node ORDER BY name", &s, e))
		return false;
	while (sqlite3_step(s) == SQLITE_ROW) {
		struct watch_record row = {.heard_ms = sqlite3_column_int64(s, 1),
		    .mailboxes = (uint64_t)sqlite3_column_int64(s, 2),
		    .bytes = (uint64_t)sqlite3_column_int64(s, 3)};

		snprintf(row.name, sizeof(row.name), "%s", column_text(s, 0));
		fn(&row, ctx);
	}
	sqlite3_finalize(s);
	return true;
}

bool
journal_node_save(struct journal *j, const struct watch_record *row, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j,
		"INSERT OR REPLACE INTO node (name, heard_ms, mailboxes, bytes) "
		"VALUES (?, ?, ?, ?)",
		&s, e))
		return false;
	bind_text(s, 1, row->name);
	sqlite3_bind_int64(s, 2, row->heard_ms);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)row->mailboxes);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)row->bytes);
	return journal_step_done(j, s, "node", e);
}

bool
journal_node_forget(struct journal *j, const char *name, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j, "DELETE FROM node WHERE name = ?", &s, e))
		return false;
	bind_text(s, 1, name);
	return journal_step_done(j, s, "node", e);
}
