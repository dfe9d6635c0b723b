/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/journal_seeding.h"

#include <stdio.h>
#include <string.h>

#include "controller/journal_private.h"

bool
journal_seeding_load(struct journal *j, struct seeding_proofs *out, struct err *e)
{
	sqlite3_stmt *s;

	memset(out, 0, sizeof(*out));
	if (!journal_prepare(j,
		"SELECT version, holds, at_ms, source, target, text FROM seeding_proof "
		"ORDER BY at_ms DESC, version LIMIT ?",
		&s, e))
		return false;
	sqlite3_bind_int(s, 1, SEEDING_PROOFS_MAX);
	while (out->count < SEEDING_PROOFS_MAX && sqlite3_step(s) == SQLITE_ROW) {
		struct seeding_proof *row = &out->rows[out->count++];

		snprintf(row->version, sizeof(row->version), "%s", column_text(s, 0));
		row->holds = sqlite3_column_int(s, 1) != 0;
		row->at_ms = sqlite3_column_int64(s, 2);
		snprintf(row->source, sizeof(row->source), "%s", column_text(s, 3));
		snprintf(row->target, sizeof(row->target), "%s", column_text(s, 4));
		snprintf(row->text, sizeof(row->text), "%s", column_text(s, 5));
	}
	sqlite3_finalize(s);
	return true;
}

static bool
seeding_insert(struct journal *j, const struct seeding_proof *row, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j,
		"INSERT OR REPLACE INTO seeding_proof (version, holds, at_ms, source, "
		"target, text) VALUES (?, ?, ?, ?, ?, ?)",
		&s, e))
		return false;
	bind_text(s, 1, row->version);
	sqlite3_bind_int(s, 2, row->holds);
	sqlite3_bind_int64(s, 3, row->at_ms);
	bind_text(s, 4, row->source);
	bind_text(s, 5, row->target);
	bind_text(s, 6, row->text);
	return journal_step_done(j, s, "proof of seeding", e);
}

static bool
seeding_forget_oldest(struct journal *j, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j,
		"DELETE FROM seeding_proof WHERE version NOT IN (SELECT version FROM "
		"seeding_proof ORDER BY at_ms DESC, version LIMIT ?)",
		&s, e))
		return false;
	sqlite3_bind_int(s, 1, SEEDING_PROOFS_MAX);
	return journal_step_done(j, s, "proof of seeding", e);
}

bool
journal_seeding_save(struct journal *j, const struct seeding_proof *row, struct err *e)
{
	if (!journal_begin(j, e))
		return false;
	if (seeding_insert(j, row, e) && seeding_forget_oldest(j, e))
		return journal_commit(j, e);
	journal_rollback(j);
	return false;
}
