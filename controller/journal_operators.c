/* SPDX-License-Identifier: Apache-2.0 */
/* The people with a certificate, as rows, and back. */
#include "controller/journal_operators.h"

#include <stdio.h>

#include "controller/journal_private.h"
#include "proto/base/log.h"

#define COLUMNS "SELECT name, fingerprint, made_ms, ends_ms, made_by FROM operator "

static void
operator_take(sqlite3_stmt *s, struct operator_row *out)
{
	*out = (struct operator_row){
	    .made_ms = sqlite3_column_int64(s, 2), .ends_ms = sqlite3_column_int64(s, 3)};
	snprintf(out->name, sizeof(out->name), "%s", column_text(s, 0));
	snprintf(out->fingerprint, sizeof(out->fingerprint), "%s", column_text(s, 1));
	snprintf(out->made_by, sizeof(out->made_by), "%s", column_text(s, 4));
}

bool
journal_operator_save(struct journal *j, const struct operator_row *row, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j,
		"INSERT OR REPLACE INTO operator (name, fingerprint, made_ms, ends_ms, "
		"made_by) VALUES (?, ?, ?, ?, ?)",
		&s, e))
		return false;
	bind_text(s, 1, row->name);
	bind_text(s, 2, row->fingerprint);
	sqlite3_bind_int64(s, 3, row->made_ms);
	sqlite3_bind_int64(s, 4, row->ends_ms);
	bind_text(s, 5, row->made_by);
	return journal_step_done(j, s, "operator", e);
}

bool
journal_operator_find(struct journal *j, const char *name, struct operator_row *out)
{
	sqlite3_stmt *s;
	struct err e;
	bool found;

	if (!journal_prepare(j, COLUMNS "WHERE name = ?", &s, &e)) {
		log_error(NULL, "%s", e.text);
		return false;
	}
	bind_text(s, 1, name);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found)
		operator_take(s, out);
	sqlite3_finalize(s);
	return found;
}

bool
journal_operator_forget(struct journal *j, const char *name, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j, "DELETE FROM operator WHERE name = ?", &s, e))
		return false;
	bind_text(s, 1, name);
	return journal_step_done(j, s, "operator", e);
}

bool
journal_operators_each(
    struct journal *j, journal_operator_fn fn, void *ctx, struct err *e)
{
	struct operator_row row;
	sqlite3_stmt *s;

	if (!journal_prepare(j, COLUMNS "ORDER BY name", &s, e))
		return false;
	while (sqlite3_step(s) == SQLITE_ROW) {
		operator_take(s, &row);
		fn(&row, ctx);
	}
	sqlite3_finalize(s);
	return true;
}
