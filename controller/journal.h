/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one journal: jobs, moves, what happened, alerts. SQLite in WAL mode with
 * synchronous=FULL; a commit precedes the act. Loop thread only. The only user of SQLite.
 */
#ifndef CONTROLLER_JOURNAL_H
#define CONTROLLER_JOURNAL_H

#include <jansson.h>

#include "controller/job.h"
#include "controller/move.h"

struct journal;

/*
 * Opens or makes state_dir/journal.db (":memory:" for tests), runs missing migrations,
 * raises the epoch. Refused: a second controller, a newer schema. A journal older than
 * the epoch file beside it is a restored backup: it opens read-only unless adopt.
 */
MUST_USE bool
journal_open(const char *state_dir, bool adopt, struct journal **out, struct err *e);
/*
 * Copies journal, certificate authority and identity into dest, a folder that it makes; the
 * controller may run. A controller that starts with the copy is read-only until --adopt.
 */
MUST_USE bool journal_backup(const char *state_dir, const char *dest, struct err *e);
void journal_close(struct journal **j);
uint64_t journal_epoch(const struct journal *j);
const char *journal_controller_id(const struct journal *j);
bool journal_is_read_only(const struct journal *j);
/* Grows with every row that is written: what it was, nothing changed its state since. */
uint64_t journal_changes(const struct journal *j);
/*
 * The disk is full and the reserve is given up: what is under way can be written to its end,
 * and nothing else should begin. keep_reserve, every few seconds: made anew once there is room.
 */
bool journal_is_short(const struct journal *j);
void journal_keep_reserve(struct journal *j);
#define JOURNAL_SHORT "there is no room for the journal: free space in state_dir"
/* Tests: the same database goes on under a new epoch, as after a restart. */
void journal_reborn(struct journal *j);

/* From begin to end everything saved is one transaction; ok false takes it back. */
MUST_USE bool journal_batch_begin(struct journal *j, struct err *e);
MUST_USE bool journal_batch_end(struct journal *j, bool ok, struct err *e);

struct journal_move_event {
	enum move_state from, to;
	enum move_event event;
	const char *why;
	const char *detail;
};

/* Inserts or updates the move, with its event if there is one, in one transaction. */
MUST_USE bool journal_move_save(struct journal *j, const struct move *m,
    const struct journal_move_event *event, struct err *e);
/* A remark on a move's history; a failure is logged, not returned. */
void
journal_note(struct journal *j, const struct move *m, const char *what, const char *text);
/* Strings inside row->data are given to the callback. */
typedef bool (*journal_move_fn)(const struct move *row, void *ctx);
MUST_USE bool
journal_moves_load(struct journal *j, journal_move_fn fn, void *ctx, struct err *e);
/* [{"at","from","to","why","detail"}], oldest first; new reference. */
json_t *journal_move_history(struct journal *j, uint32_t move_number);

MUST_USE bool journal_job_save(struct journal *j, const struct job *job, struct err *e);
/* row->accounts is the callback's. */
typedef bool (*journal_job_fn)(const struct job *row, void *ctx);
MUST_USE bool
journal_jobs_load(struct journal *j, journal_job_fn fn, void *ctx, struct err *e);

/* What happened, for people: [{"at","level","subject","text"}], newest last. */
void journal_event(
    struct journal *j, const char *level, const char *subject, const char *text);
json_t *journal_events(struct journal *j, size_t limit);

/* Alerts (alert/alert.h): the whole row, by its number. */
struct alert;
MUST_USE bool journal_alert_save(struct journal *j, const struct alert *a, struct err *e);
MUST_USE bool
journal_alert_forget(struct journal *j, const struct alert *a, struct err *e);
typedef void (*journal_alert_fn)(struct alert *take_row, void *ctx);
MUST_USE bool
journal_alerts_load(struct journal *j, journal_alert_fn fn, void *ctx, struct err *e);

#endif
