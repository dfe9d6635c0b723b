/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the journal: the handle and small helpers over SQLite. */
#ifndef CONTROLLER_JOURNAL_PRIVATE_H
#define CONTROLLER_JOURNAL_PRIVATE_H

#include <sqlite3.h>

#include "controller/journal.h"

/* Statements of every change: prepared once, kept. */
enum kept { KEPT_BEGIN, KEPT_COMMIT, KEPT_MOVE, KEPT_MOVE_EVENT, KEPT_COUNT };

struct journal {
	sqlite3 *db;
	sqlite3_stmt *kept[KEPT_COUNT];
	char *dir; /* NULL: in memory */
	int lock_fd;
	uint64_t epoch;
	char controller_id[40];
	bool read_only;
	bool is_short;		 /* the reserve is not there */
	struct cordons *cordons; /* as saved; NULL = not read yet */
	bool batch;		 /* begin, commit and rollback are the batch's */
};

/* They are asked for all the time, so they are read once (journal_cordons.c). */
void journal_cordons_forget(struct journal *j);
/* The reserve (journal_reserve.c). Of one in memory there is none. */
void journal_reserve_make(struct journal *j);
void journal_reserve_give_up(struct journal *j);
bool journal_err(struct journal *j, struct err *e, const char *what); /* false */
MUST_USE bool
journal_prepare(struct journal *j, const char *sql, sqlite3_stmt **out, struct err *e);
MUST_USE bool journal_begin(struct journal *j, struct err *e);
/* Commits, timed; rolls back when it fails. */
MUST_USE bool journal_commit(struct journal *j, struct err *e);
/* A kept statement, ready to be bound; run it by journal_step_kept. */
MUST_USE bool
journal_kept(struct journal *j, enum kept which, sqlite3_stmt **out, struct err *e);
MUST_USE bool
journal_step_kept(struct journal *j, sqlite3_stmt *s, const char *what, struct err *e);
/* Runs a statement that yields no rows and finalizes it. */
MUST_USE bool
journal_step_done(struct journal *j, sqlite3_stmt *s, const char *what, struct err *e);
void journal_rollback(struct journal *j);
void bind_text(sqlite3_stmt *s, int at, const char *text);
const char *column_text(sqlite3_stmt *s, int at); /* never NULL */

#endif
