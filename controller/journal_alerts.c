/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts as rows, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/journal_private.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define COLUMNS                                                                         \
	"number, key, subject, node, text, meaning, did, next, raised, at_ms, "         \
	"cleared_ms, phase, told_ms, told_count, thread, returns, acked_by, acked_ms, " \
	"silenced_by, silenced_until_ms, sent"

static void
alert_bind(sqlite3_stmt *s, const struct alert *a)
{
	char *sent = json_dumps(a->sent, JSON_COMPACT | JSON_SORT_KEYS);

	sqlite3_bind_int64(s, 1, (sqlite3_int64)a->number);
	bind_text(s, 2, alert_defs[a->key].name);
	bind_text(s, 3, a->subject);
	bind_text(s, 4, a->node);
	bind_text(s, 5, a->text);
	bind_text(s, 6, a->meaning);
	bind_text(s, 7, a->did);
	bind_text(s, 8, a->next);
	sqlite3_bind_int(s, 9, a->state.raised);
	sqlite3_bind_int64(s, 10, a->state.at_ms);
	sqlite3_bind_int64(s, 11, a->state.cleared_ms);
	/* What is on its way has not got out: after a restart it is told again. */
	bind_text(s, 12, alert_phase_name(a->done.phase));
	sqlite3_bind_int64(s, 13, a->done.told_ms);
	sqlite3_bind_int64(s, 14, a->done.told_count);
	bind_text(s, 15, a->thread);
	sqlite3_bind_int64(s, 16, a->state.returns);
	bind_text(s, 17, a->acked_by);
	sqlite3_bind_int64(s, 18, a->acked_ms);
	bind_text(s, 19, a->silenced_by);
	sqlite3_bind_int64(s, 20, a->state.silenced_until_ms);
	bind_text(s, 21, sent == NULL ? "{}" : sent);
	free(sent);
}

bool
journal_alert_save(struct journal *j, const struct alert *a, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_begin(j, e))
		return false;
	if (journal_prepare(j,
		"INSERT OR REPLACE INTO alert (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, "
		"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		&s, e)) {
		alert_bind(s, a);
		if (journal_step_done(j, s, "alert", e))
			return journal_commit(j, e);
	}
	journal_rollback(j);
	return false;
}

bool
journal_alert_forget(struct journal *j, const struct alert *a, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_begin(j, e))
		return false;
	if (journal_prepare(j, "DELETE FROM alert WHERE number = ?", &s, e)) {
		sqlite3_bind_int64(s, 1, (sqlite3_int64)a->number);
		if (journal_step_done(j, s, "alert", e))
			return journal_commit(j, e);
	}
	journal_rollback(j);
	return false;
}

static struct alert *
alert_take_row(sqlite3_stmt *s)
{
	struct alert *a = XNEW(struct alert);

	a->number = (uint64_t)sqlite3_column_int64(s, 0);
	/* A key that this version does not know: its texts are in the row, so it is shown. */
	if (!alert_key_parse(column_text(s, 1), &a->key))
		a->key = ALERT_EARLIER;
	snprintf(a->subject, sizeof(a->subject), "%s", column_text(s, 2));
	snprintf(a->node, sizeof(a->node), "%s", column_text(s, 3));
	a->text = xstrdup(column_text(s, 4));
	a->meaning = xstrdup(column_text(s, 5));
	a->did = xstrdup(column_text(s, 6));
	a->next = xstrdup(column_text(s, 7));
	a->state.severity = alert_defs[a->key].severity;
	a->state.raised = sqlite3_column_int(s, 8) != 0;
	a->state.at_ms = sqlite3_column_int64(s, 9);
	a->state.cleared_ms = sqlite3_column_int64(s, 10);
	if (!alert_phase_parse(column_text(s, 11), &a->state.phase))
		a->state.phase = ALERT_UNTOLD;
	a->state.told_ms = sqlite3_column_int64(s, 12);
	a->told_count = (uint32_t)sqlite3_column_int64(s, 13);
	snprintf(a->thread, sizeof(a->thread), "%s", column_text(s, 14));
	a->state.returns = (uint32_t)sqlite3_column_int64(s, 15);
	snprintf(a->acked_by, sizeof(a->acked_by), "%s", column_text(s, 16));
	a->state.acked = a->acked_by[0] != '\0';
	a->acked_ms = sqlite3_column_int64(s, 17);
	snprintf(a->silenced_by, sizeof(a->silenced_by), "%s", column_text(s, 18));
	a->state.silenced_until_ms = sqlite3_column_int64(s, 19);
	a->sent = json_loads(column_text(s, 20), 0, NULL);
	if (!json_is_object(a->sent)) {
		json_decref(a->sent);
		a->sent = json_object();
	}
	a->done = (struct alert_told){
	    a->number, a->state.phase, a->state.told_ms, a->told_count};
	return a;
}

bool
journal_alerts_load(struct journal *j, journal_alert_fn fn, void *ctx, struct err *e)
{
	sqlite3_stmt *s;
	int code;

	if (!journal_prepare(j, "SELECT " COLUMNS " FROM alert ORDER BY number", &s, e))
		return false;
	while ((code = sqlite3_step(s)) == SQLITE_ROW)
		fn(alert_take_row(s), ctx);
	sqlite3_finalize(s);
	return code == SQLITE_DONE || journal_err(j, e, "reading alerts");
}
