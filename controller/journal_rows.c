/* SPDX-License-Identifier: Apache-2.0 */
/* Moves and jobs as rows, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/journal_data.h"
#include "controller/journal_private.h"
#include "proto/base/xalloc.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

static void
bind_u64(sqlite3_stmt *s, int at, uint64_t value)
{
	sqlite3_bind_int64(s, at, (sqlite3_int64)value);
}

static void
column_copy(sqlite3_stmt *s, int at, char *out, size_t size)
{
	snprintf(out, size, "%s", column_text(s, at));
}

/* --- moves --- */

static bool
journal_add_move_event(struct journal *j, uint32_t move, const char *from, const char *to,
    const char *event, const char *why, const char *detail, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_kept(j, KEPT_MOVE_EVENT, &s, e))
		return false;
	sqlite3_bind_int64(s, 1, move);
	sqlite3_bind_int64(s, 2, clock_wall_ms());
	bind_text(s, 3, from);
	bind_text(s, 4, to);
	bind_text(s, 5, event);
	bind_text(s, 6, why);
	bind_text(s, 7, detail);
	return journal_step_kept(j, s, "move event", e);
}

static bool
journal_put_move(struct journal *j, const struct move *m, struct err *e)
{
	sqlite3_stmt *s;
	char *data;
	bool ok;

	if (!journal_kept(j, KEPT_MOVE, &s, e))
		return false;
	data = move_data_write(&m->data);
	sqlite3_bind_int64(s, 1, m->number);
	sqlite3_bind_int64(s, 2, m->job_number);
	bind_text(s, 3, m->account_id);
	bind_text(s, 4, m->account_name);
	bind_text(s, 5, m->source);
	bind_text(s, 6, m->target);
	bind_u64(s, 7, m->bytes);
	bind_u64(s, 8, m->items);
	bind_text(s, 9, move_states[m->state].name);
	bind_text(s, 10, move_states[m->stuck_from].name);
	sqlite3_bind_int64(s, 11, m->step_no);
	sqlite3_bind_int64(s, 12, m->tries);
	sqlite3_bind_int64(s, 13, m->since_ms);
	sqlite3_bind_blob(s, 14, m->ticket, sizeof(m->ticket), SQLITE_TRANSIENT);
	bind_text(s, 15, m->error);
	bind_text(s, 16, data);
	ok = journal_step_kept(j, s, "move", e);
	free(data);
	return ok;
}

bool
journal_move_save(struct journal *j, const struct move *m,
    const struct journal_move_event *event, struct err *e)
{
	if (!journal_begin(j, e))
		return false;
	if (!journal_put_move(j, m, e) ||
	    (event != NULL &&
		!journal_add_move_event(j, m->number, move_states[event->from].name,
		    move_states[event->to].name, move_event_name(event->event),
		    event->why, event->detail, e))) {
		journal_rollback(j);
		return false;
	}
	return journal_commit(j, e);
}

void
journal_note(struct journal *j, const struct move *m, const char *what, const char *text)
{
	struct err e;

	if (!journal_begin(j, &e)) {
		log_warn(NULL, "move %s: %s: %s (not journaled: %s)", m->id, what, text,
		    e.text);
		return;
	}
	if (!journal_add_move_event(j, m->number, "", "", "note", what, text, &e) ||
	    !journal_commit(j, &e)) {
		journal_rollback(j);
		log_warn(NULL, "move %s: %s: %s (not journaled: %s)", m->id, what, text,
		    e.text);
	}
}

static bool
journal_take_move(sqlite3_stmt *s, struct move *m, struct err *e)
{
	memset(m, 0, sizeof(*m));
	m->number = (uint32_t)sqlite3_column_int64(s, 0);
	snprintf(m->id, sizeof(m->id), "m%u", m->number);
	m->job_number = (uint32_t)sqlite3_column_int64(s, 1);
	column_copy(s, 2, m->account_id, sizeof(m->account_id));
	column_copy(s, 3, m->account_name, sizeof(m->account_name));
	column_copy(s, 4, m->source, sizeof(m->source));
	column_copy(s, 5, m->target, sizeof(m->target));
	m->bytes = (uint64_t)sqlite3_column_int64(s, 6);
	m->items = (uint64_t)sqlite3_column_int64(s, 7);
	m->step_no = (uint32_t)sqlite3_column_int64(s, 10);
	m->tries = (uint32_t)sqlite3_column_int64(s, 11);
	m->since_ms = sqlite3_column_int64(s, 12);
	column_copy(s, 14, m->error, sizeof(m->error));
	if (!move_state_parse(column_text(s, 8), &m->state) ||
	    !move_state_parse(column_text(s, 9), &m->stuck_from) ||
	    sqlite3_column_bytes(s, 13) != (int)sizeof(m->ticket))
		return err_set(e, ERR_CORRUPT,
		    "journal: move %s is in a state nobody knows: \"%s\"", m->id,
		    column_text(s, 8));
	memcpy(m->ticket, sqlite3_column_blob(s, 13), sizeof(m->ticket));
	return move_data_read(column_text(s, 15), &m->data, e) ||
	       err_wrap(e, "move %s", m->id);
}

bool
journal_moves_load(struct journal *j, journal_move_fn fn, void *ctx, struct err *e)
{
	sqlite3_stmt *s;
	struct move m;
	int code;

	if (!journal_prepare(j, "SELECT * FROM move ORDER BY number", &s, e))
		return false;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		if (!journal_take_move(s, &m, e) || !fn(&m, ctx)) {
			sqlite3_finalize(s);
			return false;
		}
	}
	sqlite3_finalize(s);
	return code == SQLITE_DONE || journal_err(j, e, "reading moves");
}

/* --- jobs --- */

bool
journal_job_save(struct journal *j, const struct job *job, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_begin(j, e))
		return false;
	if (!journal_prepare(j,
		"INSERT OR REPLACE INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		&s, e))
		goto fail;
	sqlite3_bind_int64(s, 1, job->number);
	bind_text(s, 2, job->kind);
	bind_text(s, 3, job->node);
	bind_text(s, 4, job->to);
	bind_text(s, 5, job->who);
	bind_text(s, 6, job_states[job->state].name);
	sqlite3_bind_int64(s, 7, job->created_ms);
	sqlite3_bind_int64(s, 8, job->ended_ms);
	bind_text(s, 9, job->reason);
	sqlite3_bind_int(s, 10, job->destroy_volumes);
	bind_text(s, 11, job->accounts == NULL ? "" : job->accounts);
	bind_text(s, 12, job->cutover);
	if (!journal_step_done(j, s, "job", e))
		goto fail;
	return journal_commit(j, e);
fail:
	journal_rollback(j);
	return false;
}

bool
journal_jobs_load(struct journal *j, journal_job_fn fn, void *ctx, struct err *e)
{
	sqlite3_stmt *s;
	int code;

	if (!journal_prepare(j, "SELECT * FROM job ORDER BY number", &s, e))
		return false;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct job job = {.number = (uint32_t)sqlite3_column_int64(s, 0)};

		snprintf(job.id, sizeof(job.id), "j%u", job.number);
		column_copy(s, 1, job.kind, sizeof(job.kind));
		column_copy(s, 2, job.node, sizeof(job.node));
		column_copy(s, 3, job.to, sizeof(job.to));
		column_copy(s, 4, job.who, sizeof(job.who));
		job.created_ms = sqlite3_column_int64(s, 6);
		job.ended_ms = sqlite3_column_int64(s, 7);
		column_copy(s, 8, job.reason, sizeof(job.reason));
		job.destroy_volumes = sqlite3_column_int(s, 9) != 0;
		column_copy(s, 11, job.cutover, sizeof(job.cutover));
		if (column_text(s, 10)[0] != '\0')
			job.accounts = xstrdup(column_text(s, 10));
		if (!job_state_parse(column_text(s, 5), &job.state)) {
			err_set(e, ERR_CORRUPT,
			    "journal: job %s is in a state nobody knows: \"%s\"", job.id,
			    column_text(s, 5));
			sqlite3_finalize(s);
			return false;
		}
		if (!fn(&job, ctx)) {
			sqlite3_finalize(s);
			return false;
		}
	}
	sqlite3_finalize(s);
	return code == SQLITE_DONE || journal_err(j, e, "reading jobs");
}
