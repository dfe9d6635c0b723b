/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: one transaction per change, committed before anything is done
 * to the world. What can go wrong: the disk is full (a reserve file is given up, so
 * that moves under way can end), a second controller, a restored backup, a damaged
 * file. The few statements of every change are kept, the others prepared when used.
 */
#include "controller/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "controller/journal_data.h"
#include "controller/journal_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/secret.h"
#include "proto/base/xalloc.h"

#define RESTORED_EPOCHS 1000000 /* more starts than there can have been */
#define SLOW_COMMIT_MS 100

static const char schema[] =
#include "journal_sql.inc"
    ;

/* --- small helpers over SQLite --- */

bool
journal_err(struct journal *j, struct err *e, const char *what)
{
	int code = sqlite3_errcode(j->db);
	bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;

	if (code == SQLITE_FULL)
		journal_reserve_give_up(j);

	return err_set(e, damaged ? ERR_CORRUPT : ERR_RETRY, "journal: %s: %s%s", what,
	    sqlite3_errmsg(j->db),
	    code == SQLITE_FULL ? " (free space in state_dir)" : "");
}

bool
journal_prepare(struct journal *j, const char *sql, sqlite3_stmt **out, struct err *e)
{
	return sqlite3_prepare_v2(j->db, sql, -1, out, NULL) == SQLITE_OK ||
	       journal_err(j, e, "prepare");
}

void
bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

const char *
column_text(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text == NULL ? "" : text;
}

bool
journal_step_done(struct journal *j, sqlite3_stmt *s, const char *what, struct err *e)
{
	bool ok = sqlite3_step(s) == SQLITE_DONE;

	if (!ok)
		journal_err(j, e, what);
	sqlite3_finalize(s);
	return ok;
}

bool
journal_kept(struct journal *j, enum kept which, sqlite3_stmt **out, struct err *e)
{
	static const char *const texts[] = {
	    [KEPT_BEGIN] = "BEGIN IMMEDIATE",
	    [KEPT_COMMIT] = "COMMIT",
	    [KEPT_MOVE] = "INSERT OR REPLACE INTO move VALUES"
			  " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    [KEPT_MOVE_EVENT] = "INSERT INTO move_event (move, at_ms, from_state, "
				"to_state, event, why, detail)"
				" VALUES (?, ?, ?, ?, ?, ?, ?)",
	};

	if (j->kept[which] == NULL &&
	    !journal_prepare(j, texts[which], &j->kept[which], e))
		return false;
	*out = j->kept[which];
	return true;
}

bool
journal_step_kept(struct journal *j, sqlite3_stmt *s, const char *what, struct err *e)
{
	bool ok = sqlite3_step(s) == SQLITE_DONE || journal_err(j, e, what);

	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return ok;
}

static bool
journal_run_kept(struct journal *j, enum kept which, const char *what, struct err *e)
{
	sqlite3_stmt *s;

	return journal_kept(j, which, &s, e) && journal_step_kept(j, s, what, e);
}

static bool
journal_exec(struct journal *j, const char *sql, const char *what, struct err *e)
{
	return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
	       journal_err(j, e, what);
}

void
journal_rollback(struct journal *j)
{
	if (!j->batch)
		sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Commits, timed. A full disk costs the reserve file once, then it is tried again. */
bool
journal_commit(struct journal *j, struct err *e)
{
	uint64_t begun = clock_mono_ms();
	bool ok = j->batch || journal_run_kept(j, KEPT_COMMIT, "commit", e);

	/* Full: the reserve is gone now; unless SQLite rolled back, it is tried once more. */
	if (!ok && sqlite3_errcode(j->db) == SQLITE_FULL &&
	    sqlite3_get_autocommit(j->db) == 0)
		ok = journal_run_kept(j, KEPT_COMMIT, "commit", e);
	if (!ok)
		journal_rollback(j);
	if (clock_mono_ms() - begun > SLOW_COMMIT_MS)
		log_warn(NULL, "journal: a commit took %llu ms",
		    (unsigned long long)(clock_mono_ms() - begun));
	return ok;
}

bool
journal_begin(struct journal *j, struct err *e)
{
	if (j->read_only)
		return err_set(e, ERR_REFUSED,
		    "the journal is a restored backup and read-only; if no other "
		    "controller lives, run: zmferry-controller --adopt");
	return j->batch || journal_run_kept(j, KEPT_BEGIN, "begin", e);
}

bool
journal_batch_begin(struct journal *j, struct err *e)
{
	if (!journal_begin(j, e))
		return false;
	j->batch = true;
	return true;
}

bool
journal_batch_end(struct journal *j, bool ok, struct err *e)
{
	j->batch = false;
	if (ok)
		return journal_commit(j, e);
	journal_rollback(j);
	return false;
}

/* --- meta --- */

static bool
journal_meta_get(struct journal *j, const char *key, char *out, size_t size)
{
	sqlite3_stmt *s;
	struct err e;
	bool found;

	out[0] = '\0';
	if (!journal_prepare(j, "SELECT value FROM meta WHERE key = ?", &s, &e))
		return false;
	bind_text(s, 1, key);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found)
		snprintf(out, size, "%s", column_text(s, 0));
	sqlite3_finalize(s);
	return found;
}

static bool
journal_meta_set(struct journal *j, const char *key, const char *value, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j, "INSERT OR REPLACE INTO meta VALUES (?, ?)", &s, e))
		return false;
	bind_text(s, 1, key);
	bind_text(s, 2, value);
	return journal_step_done(j, s, "meta", e);
}

/* --- opening --- */

static int
journal_schema_version(struct journal *j)
{
	sqlite3_stmt *s;
	struct err e;
	int version = 0;

	if (!journal_prepare(j, "PRAGMA user_version", &s, &e))
		return -1;
	if (sqlite3_step(s) == SQLITE_ROW)
		version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return version;
}

/* Runs each block of journal.sql that this database has not seen. */
static bool
journal_migrate(struct journal *j, struct err *e)
{
	int have = journal_schema_version(j);
	const char *block = strstr(schema, "--- version ");
	int newest = 0;

	while (block != NULL) {
		const char *next = strstr(block + 4, "--- version ");
		size_t length = next == NULL ? strlen(block) : (size_t)(next - block);
		int version = (int)strtol(block + 12, NULL, 10);

		newest = version;
		if (version > have) {
			char *sql =
			    xasprintf("BEGIN;\n%.*s\nPRAGMA user_version = %d;\nCOMMIT;",
				(int)length, block, version);
			bool ok = journal_exec(j, sql, "migration", e);

			free(sql);
			if (!ok)
				return false;
		}
		block = next;
	}
	if (have > newest)
		return err_set(e, ERR_REFUSED,
		    "journal: written by a newer zmferry (schema %d, this one knows %d); "
		    "install that version",
		    have, newest);
	return true;
}

static void
journal_make_id(char *out, size_t size)
{
	struct secret *bytes = secret_random(16);
	const unsigned char *b = (const unsigned char *)secret_reveal(bytes);

	for (size_t i = 0; i < 16 && i * 2 + 2 < size; i++)
		snprintf(out + i * 2, size - i * 2, "%02x", b[i]);
	secret_free(&bytes);
}

/* The highest epoch this directory has ever seen, beside the database. */
static uint64_t
journal_epoch_file(const struct journal *j)
{
	char path[600];
	char text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/epoch", j->dir);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	return strtoull(text, NULL, 10);
}

static bool
journal_write_epoch_file(const struct journal *j, struct err *e)
{
	char path[600];
	char fresh[620];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/epoch", j->dir);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "we");
	if (f == NULL)
		return err_errno(e, ERR_REFUSED, errno, "%s", fresh);
	ok = fprintf(f, "%llu\n", (unsigned long long)j->epoch) > 0 && fflush(f) == 0 &&
	     fsync(fileno(f)) == 0;
	ok = fclose(f) == 0 && ok;
	if (!ok || rename(fresh, path) != 0)
		return err_errno(e, ERR_RETRY, errno, "%s", path);
	return true;
}

static bool
journal_raise_epoch(struct journal *j, bool adopt, struct err *e)
{
	uint64_t beside = j->dir == NULL ? 0 : journal_epoch_file(j);
	bool restored;
	char mark[4];
	char text[32];

	if (!journal_meta_get(
		j, "controller_id", j->controller_id, sizeof(j->controller_id)))
		journal_make_id(j->controller_id, sizeof(j->controller_id));
	journal_meta_get(j, "epoch", text, sizeof(text));
	j->epoch = strtoull(text, NULL, 10);
	restored = journal_meta_get(j, "restored", mark, sizeof(mark)) && mark[0] == '1';
	if ((restored || beside > j->epoch) && !adopt) {
		j->read_only = true;
		return true;
	}
	/* The controller of before may have started often after the backup: agents know. */
	if (restored)
		j->epoch += RESTORED_EPOCHS;
	if (beside > j->epoch)
		j->epoch = beside;
	j->epoch++;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)j->epoch);
	if (!journal_begin(j, e))
		return false;
	if (!journal_meta_set(j, "controller_id", j->controller_id, e) ||
	    !journal_meta_set(j, "epoch", text, e) ||
	    (restored && !journal_meta_set(j, "restored", "0", e))) {
		journal_rollback(j);
		return false;
	}
	return journal_commit(j, e) && (j->dir == NULL || journal_write_epoch_file(j, e));
}

static bool
journal_lock(struct journal *j, struct err *e)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/lock", j->dir);
	j->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->lock_fd < 0)
		return err_errno(e, ERR_REFUSED, errno,
		    errno == ENOENT ? "state_dir %s (first run: zmferry-controller init)"
				    : "%s",
		    errno == ENOENT ? j->dir : path);
	if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(e, ERR_REFUSED,
		    "%s: another zmferry-controller holds this journal; there must be "
		    "only one",
		    j->dir);
	return true;
}

bool
journal_open(const char *state_dir, bool adopt, struct journal **out, struct err *e)
{
	struct journal *j = XNEW(struct journal);
	bool memory = strcmp(state_dir, ":memory:") == 0;
	char path[600];

	j->lock_fd = -1;
	j->dir = memory ? NULL : xstrdup(state_dir);
	snprintf(path, sizeof(path), memory ? "%s" : "%s/journal.db", state_dir);
	if (!memory && !journal_lock(j, e))
		goto fail;
	if (sqlite3_open_v2(path, &j->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK) {
		journal_err(j, e, path);
		goto fail;
	}
	sqlite3_busy_timeout(j->db, 2000);
	if (!journal_exec(j,
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
		"foreign_keys=ON",
		path, e) ||
	    !journal_migrate(j, e) || !journal_raise_epoch(j, adopt, e))
		goto fail;
	if (!memory)
		journal_reserve_make(j);
	*out = j;
	return true;
fail:
	journal_close(&j);
	return false;
}

void
journal_close(struct journal **j)
{
	if (*j == NULL)
		return;
	for (size_t i = 0; i < KEPT_COUNT; i++)
		sqlite3_finalize((*j)->kept[i]);
	journal_cordons_forget(*j);
	sqlite3_close((*j)->db);
	if ((*j)->lock_fd >= 0)
		close((*j)->lock_fd);
	free((*j)->dir);
	xfree(j);
}

uint64_t
journal_epoch(const struct journal *j)
{
	return j->epoch;
}

const char *
journal_controller_id(const struct journal *j)
{
	return j->controller_id;
}

uint64_t
journal_changes(const struct journal *j)
{
	return (uint64_t)sqlite3_total_changes(j->db);
}

bool
journal_is_read_only(const struct journal *j)
{
	return j->read_only;
}

void
journal_reborn(struct journal *j)
{
	j->epoch++;
}
