/* SPDX-License-Identifier: Apache-2.0 */
/* What is read by people: a move's history, events. Losing one is logged, not fatal. */
#include <stdio.h>
#include <string.h>

#include "controller/journal_private.h"
#include "controller/json_values.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

static json_t *
column_json(sqlite3_stmt *s, int at)
{
	json_t *text = json_string(column_text(s, at));

	return text != NULL ? text : json_string("(not UTF-8)");
}

/* The first column is a time, the others are texts of these names. */
static json_t *
journal_rows(
    struct journal *j, const char *sql, sqlite3_int64 argument, const char *const *names)
{
	json_t *rows = json_array();
	sqlite3_stmt *s;
	struct err e;

	if (!journal_prepare(j, sql, &s, &e)) {
		log_warn(NULL, "%s", e.text);
		return rows;
	}
	if (sqlite3_bind_parameter_count(s) > 0)
		sqlite3_bind_int64(s, 1, argument);
	while (sqlite3_step(s) == SQLITE_ROW) {
		json_t *row = json_object();

		json_object_set_new(row, "at", json_time(sqlite3_column_int64(s, 0)));
		for (int i = 0; names[i] != NULL; i++)
			json_object_set_new(row, names[i], column_json(s, i + 1));
		json_array_append_new(rows, row);
	}
	sqlite3_finalize(s);
	return rows;
}

json_t *
journal_move_history(struct journal *j, uint32_t move_number)
{
	static const char *const names[] = {"from", "to", "event", "why", "detail", NULL};

	return journal_rows(j,
	    "SELECT at_ms, from_state, to_state, event, why, detail FROM move_event"
	    " WHERE move = ? ORDER BY seq",
	    move_number, names);
}

json_t *
journal_events(struct journal *j, size_t limit)
{
	static const char *const names[] = {"level", "subject", "text", NULL};

	return journal_rows(j,
	    "SELECT at_ms, level, subject, text FROM"
	    " (SELECT * FROM event ORDER BY seq DESC LIMIT ?) ORDER BY seq",
	    (sqlite3_int64)limit, names);
}

/* One statement with up to four texts behind the time, in a transaction of its own. */
static void
journal_write(
    struct journal *j, const char *sql, const char *const *texts, bool with_time)
{
	sqlite3_stmt *s;
	struct err e;
	int at = 1;

	if (!journal_begin(j, &e)) {
		log_warn(NULL, "%s", e.text);
		return;
	}
	if (journal_prepare(j, sql, &s, &e)) {
		if (with_time)
			sqlite3_bind_int64(s, at++, clock_wall_ms());
		for (; *texts != NULL; texts++)
			bind_text(s, at++, *texts);
		if (journal_step_done(j, s, "event", &e) && journal_commit(j, &e))
			return;
	}
	journal_rollback(j);
	log_warn(NULL, "%s", e.text);
}

void
journal_event(struct journal *j, const char *level, const char *subject, const char *text)
{
	const char *const texts[] = {level, subject, text, NULL};
	const char *const none[] = {NULL};

	journal_write(j,
	    "INSERT INTO event (at_ms, level, subject, text) VALUES (?, ?, ?, ?)", texts,
	    true);
	if (sqlite3_last_insert_rowid(j->db) % 1000 == 0)
		journal_write(j,
		    "DELETE FROM event WHERE seq < (SELECT max(seq) FROM event) - 20000",
		    none, false);
}
