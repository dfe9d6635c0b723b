/* SPDX-License-Identifier: Apache-2.0 */
/* One journal, one truth: what is written comes back, and who may write is settled. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "controller/journal_private.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

static struct err e;
static char dir[64];

static int
begin(void **state)
{
	(void)state;
	scratch_make(dir, sizeof(dir));
	return 0;
}

static int
end(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static struct journal *
opened(bool adopt)
{
	struct journal *j = NULL;

	if (!journal_open(dir, adopt, &j, &e))
		fail_msg("%s", e.text);
	return j;
}

static void
run_sql(struct journal *j, const char *sql)
{
	if (sqlite3_exec(j->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(j->db));
}

static struct move
a_move(uint32_t number)
{
	struct move m = {.number = number,
	    .job_number = 1,
	    .account_id = "id-1",
	    .account_name = "anna@example.org",
	    .source = "mbs1",
	    .target = "mbs2",
	    .bytes = 5000,
	    .items = 7,
	    .state = MOVE_FENCING,
	    .stuck_from = MOVE_OPENING,
	    .step_no = 9,
	    .tries = 2,
	    .since_ms = 1700000000000,
	    .error = "why \xc3\xa4"};

	snprintf(m.id, sizeof(m.id), "m%u", number);
	memset(m.ticket, 0xa5, sizeof(m.ticket));
	return m;
}

static void
save(struct journal *j, const struct move *m, const struct journal_move_event *event)
{
	if (!journal_move_save(j, m, event, &e))
		fail_msg("%s", e.text);
}

struct loaded {
	struct move rows[4];
	size_t count;
};

static bool
on_move(const struct move *row, void *ctx)
{
	struct loaded *l = ctx;

	CHECK(l->count < ARRAY_LEN(l->rows));
	l->rows[l->count++] = *row;
	return true;
}

static void
loaded_free(struct loaded *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->rows[i].data.verdict_json);
		free(l->rows[i].data.lacking_json);
	}
}

static struct loaded
load(struct journal *j)
{
	struct loaded l = {.count = 0};

	if (!journal_moves_load(j, on_move, &l, &e))
		fail_msg("%s", e.text);
	return l;
}

/* --- rows --- */

static void
fill_data(struct move_data *d)
{
	memset(d, 0, sizeof(*d)); /* to the last byte: they are compared */
	d->have_saved = d->no_mailbox = d->target_row_made = d->tracking_imap = true;
	d->contacts_done = d->restored = d->spool_dropped = d->gone = d->cancelled = true;
	d->last_item_id = 5000000000;
	d->change = 77;
	d->listed = 1;
	d->staged = 2;
	d->sent_bytes = 3;
	d->applied = 4;
	d->locked_at_ms = -5;
	d->lock_ms = 6;
	d->lacking_count = 7;
	d->passes = 8;
	snprintf(d->token, sizeof(d->token), "1234-5");
	snprintf(d->verdict, sizeof(d->verdict), "not clean");
	d->seeding = true;
	snprintf(d->seeding_why, sizeof(d->seeding_why), "auto: a rehearsal tries it");
	snprintf(d->source_version, sizeof(d->source_version), "10.0.9_GA_4612");
	snprintf(d->target_version, sizeof(d->target_version), "10.1.0_GA_4655");
	snprintf(d->source_id, sizeof(d->source_id), "server-1");
	snprintf(d->target_id, sizeof(d->target_id), "server-2");
	snprintf(d->saved.status, sizeof(d->saved.status), "active");
	snprintf(d->saved.mail_status, sizeof(d->saved.mail_status), "enabled");
	snprintf(d->saved.quota, sizeof(d->saved.quota), "5000000000");
	snprintf(
	    d->saved.receive_over_quota, sizeof(d->saved.receive_over_quota), "TRUE");
	d->saved.source_count = 2;
	snprintf(d->saved.source_ids[0], sizeof(d->saved.source_ids[0]), "source-0");
	snprintf(d->saved.source_ids[1], sizeof(d->saved.source_ids[1]), "source-2");
	d->row.present = true;
	d->row.mailbox_id = 11;
	d->row.item_id = 12;
	d->row.change = 13;
	d->row.size_bytes = 14;
	d->row.new_messages = 15;
	d->row.contacts = 16;
	d->verdict_json = strdup("{\"clean\": false}");
	d->lacking_json = strdup("[]");
}

/* Every field: one that is written and not read, or the other way round, shows here. */
static void
check_same_data(const struct move_data *a, const struct move_data *b)
{
	const unsigned char *x = (const unsigned char *)a;
	const unsigned char *y = (const unsigned char *)b;

	for (size_t i = 0; i < sizeof(*a); i++) {
		if (x[i] != y[i])
			fail_msg("byte %zu of struct move_data did not come back", i);
	}
}

static void
test_a_move_comes_back_as_it_was_written(void **state)
{
	struct journal *j = opened(false);
	struct move m = a_move(3);
	struct loaded l;

	(void)state;
	fill_data(&m.data);
	save(j, &m, NULL);
	journal_close(&j);
	j = opened(false);
	l = load(j);
	CHECK_INT(l.count, 1);
	CHECK_STR(l.rows[0].data.verdict_json, m.data.verdict_json);
	CHECK_STR(l.rows[0].data.lacking_json, m.data.lacking_json);
	free(m.data.verdict_json);
	free(m.data.lacking_json);
	m.data.verdict_json = l.rows[0].data.verdict_json;
	m.data.lacking_json = l.rows[0].data.lacking_json;
	check_same_data(&m.data, &l.rows[0].data);
	CHECK_STR(l.rows[0].id, "m3");
	CHECK_STR(l.rows[0].account_name, m.account_name);
	CHECK_STR(l.rows[0].error, m.error);
	CHECK_INT(l.rows[0].state, MOVE_FENCING);
	CHECK_INT(l.rows[0].stuck_from, MOVE_OPENING);
	CHECK_INT(l.rows[0].step_no, 9);
	CHECK_INT(l.rows[0].tries, 2);
	CHECK_INT(l.rows[0].bytes, 5000);
	CHECK(memcmp(l.rows[0].ticket, m.ticket, sizeof(m.ticket)) == 0);
	loaded_free(&l);
	journal_close(&j);
}

/* A row of an earlier version has fewer fields; they were not known then. */
static void
test_fields_that_came_later_are_empty(void **state)
{
	struct journal *j = opened(false);
	struct move m = a_move(1);
	struct loaded l;

	(void)state;
	save(j, &m, NULL);
	run_sql(j, "UPDATE move SET data = '{\"have_saved\": true, \"quota\": \"5\"}'");
	l = load(j);
	CHECK(l.rows[0].data.have_saved);
	CHECK_STR(l.rows[0].data.saved.quota, "5");
	CHECK(!l.rows[0].data.gone);
	journal_close(&j);
}

static void
test_damaged_rows_are_refused_by_name(void **state)
{
	static const char *const damage[][2] = {
	    {"UPDATE move SET data = '{\"have_saved\": 7}'", "no valid \"have_saved\""},
	    {"UPDATE move SET data = 'x'", "no valid \"JSON\""},
	    {"UPDATE move SET data = '{\"data_sources\": [5]}'",
		"no valid \"data_sources\""},
	    {"UPDATE move SET state = 'copying'",
		"is in a state nobody knows: \"copying\""},
	    {"UPDATE move SET ticket = x'00'", "m1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		struct journal *j = opened(false);
		struct move m = a_move(1);
		struct loaded l = {.count = 0};

		save(j, &m, NULL);
		run_sql(j, damage[i][0]);
		CHECK(!journal_moves_load(j, on_move, &l, &e));
		CHECK_INT(e.kind, ERR_CORRUPT);
		CHECK_HAS(e.text, damage[i][1]);
		journal_close(&j);
	}
}

static void
test_a_change_and_its_event_are_one(void **state)
{
	struct journal *j = opened(false);
	struct move m = a_move(1);
	struct journal_move_event event = {
	    MOVE_LOCKING, MOVE_FENCING, EV_OK, "because", "detail"};
	json_t *history;

	(void)state;
	save(j, &m, &event);
	journal_note(j, &m, "fence", "something came in");
	history = journal_move_history(j, 1);
	CHECK_INT(json_array_size(history), 2);
	CHECK_STR(json_string_value(json_object_get(json_array_get(history, 0), "to")),
	    "fencing");
	CHECK_STR(json_string_value(json_object_get(json_array_get(history, 0), "why")),
	    "because");
	CHECK_STR(json_string_value(json_object_get(json_array_get(history, 1), "event")),
	    "note");
	json_decref(history);
	/* Neither of them without the other. */
	run_sql(j, "CREATE TRIGGER no_events BEFORE INSERT ON move_event BEGIN SELECT "
		   "raise(ABORT, 'no'); END");
	m.state = MOVE_SWITCHING;
	CHECK(!journal_move_save(j, &m, &event, &e));
	struct loaded l = load(j);

	CHECK_INT(l.rows[0].state, MOVE_FENCING);
	journal_close(&j);
}

static void
test_jobs_and_events(void **state)
{
	struct journal *j = opened(false);
	struct job job = {.number = 4,
	    .id = "j4",
	    .kind = "evacuate",
	    .node = "mbs1",
	    .to = "mbs2",
	    .who = "uid 0",
	    .state = JOB_PAUSED,
	    .created_ms = 5,
	    .reason = "because"};
	json_t *events;

	(void)state;
	CHECK(journal_job_save(j, &job, &e));
	journal_event(j, "info", "j4", "first");
	journal_event(j, "alert", "m1", "second");
	journal_event(j, "info", "j4", "other");
	events = journal_events(j, 2);
	CHECK_INT(json_array_size(events), 2);
	CHECK_STR(json_string_value(json_object_get(json_array_get(events, 1), "text")),
	    "other");
	json_decref(events);
	journal_close(&j);
}

/* --- who may write --- */

static void
test_the_epoch_rises_with_each_start(void **state)
{
	struct journal *j = opened(false);
	uint64_t first = journal_epoch(j);
	char id[40];

	(void)state;
	snprintf(id, sizeof(id), "%s", journal_controller_id(j));
	CHECK_INT(strlen(id), 32);
	for (uint64_t i = 1; i < 4; i++) {
		journal_close(&j);
		j = opened(false);
		CHECK_INT(journal_epoch(j), first + i);
		CHECK_STR(journal_controller_id(j), id);
		CHECK(!journal_is_read_only(j));
	}
	journal_close(&j);
}

static void
test_a_second_controller_is_refused(void **state)
{
	struct journal *j = opened(false);
	struct journal *second = NULL;
	uint64_t epoch = journal_epoch(j);

	(void)state;
	CHECK(!journal_open(dir, false, &second, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "another zmferry-controller holds this journal");
	CHECK(!journal_open(dir, true, &second, &e)); /* nor by force */
	journal_close(&j);
	j = opened(false);
	CHECK_INT(journal_epoch(j), epoch + 1); /* it changed nothing */
	journal_close(&j);
}

/* The lock goes with the process that held it, however it ended. */
static void
test_a_dead_controller_holds_nothing(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct journal *j = NULL;

		_exit(journal_open(dir, false, &j, &e) ? 7 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	      WEXITSTATUS(status) == 7);
	struct journal *j = opened(false);

	journal_close(&j);
}

static void
backup(const char *to)
{
	static const char *const names[] = {"journal.db", "journal.db-wal"};
	char from[128];
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		scratch_path(from, sizeof(from), dir, names[i]);
		scratch_path(path, sizeof(path), to, names[i]);
		if (access(from, R_OK) == 0)
			scratch_copy_file(from, path);
		else
			unlink(path);
	}
}

static void
restore(const char *from)
{
	char keep[64];

	snprintf(keep, sizeof(keep), "%s", dir);
	snprintf(dir, sizeof(dir), "%s", from);
	backup(keep);
	snprintf(dir, sizeof(dir), "%s", keep);
}

/* Made while the journal is being written, of a controller whose agents have seen much since. */
static void
test_a_backup_is_whole_and_marked(void **state)
{
	struct journal *j = opened(false);
	struct move m = a_move(1);
	char dest[80];
	char keep[64];
	char path[120];
	struct stat st;
	uint64_t seen;

	(void)state;
	snprintf(dest, sizeof(dest), "%s/backup", dir);
	snprintf(path, sizeof(path), "%s/ca.key", dir);
	CHECK(creat(path, 0400) >= 0);
	snprintf(path, sizeof(path), "%s/operators.key", dir);
	CHECK(creat(path, 0400) >= 0);
	save(j, &m, NULL);
	CHECK(journal_backup(dir, dest, &e));
	CHECK(!journal_backup(dir, dest, &e));
	CHECK_HAS(e.text, "is there already");
	for (int i = 0; i < 20; i++) { /* it goes on, and starts often */
		journal_close(&j);
		j = opened(false);
	}
	seen = journal_epoch(j);
	journal_close(&j);
	snprintf(path, sizeof(path), "%s/operators.key", dest);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0400);
	snprintf(path, sizeof(path), "%s/ca.key", dest);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0400);
	CHECK(stat(dest, &st) == 0 && (st.st_mode & 0777) == 0700);
	snprintf(keep, sizeof(keep), "%s", dir);
	snprintf(dir, sizeof(dir), "%.40s/backup", keep);
	j = opened(false);
	CHECK(journal_is_read_only(j));
	CHECK_INT(load(j).count, 1);
	journal_close(&j);
	j = opened(true);
	CHECK(!journal_is_read_only(j));
	CHECK(journal_epoch(j) > seen);
	journal_close(&j);
	j = opened(false); /* adopted for good */
	CHECK(!journal_is_read_only(j));
	journal_close(&j);
	snprintf(dir, sizeof(dir), "%s", keep);
}

static void
test_a_restored_backup_is_read_only_until_it_is_adopted(void **state)
{
	struct journal *j = opened(false);
	struct move m = a_move(1);
	char old[64];
	uint64_t newest;

	(void)state;
	scratch_make(old, sizeof(old));
	journal_close(&j);
	backup(old);
	j = opened(false);
	save(j, &m, NULL);
	newest = journal_epoch(j);
	journal_close(&j);
	restore(old);
	j = opened(false);
	CHECK(journal_is_read_only(j));
	CHECK(!journal_move_save(j, &m, NULL, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "zmferry-controller --adopt");
	CHECK_INT(load(j).count, 0);
	journal_event(j, "info", "j1", "not written");
	journal_close(&j);
	j = opened(false); /* still */
	CHECK(journal_is_read_only(j));
	journal_close(&j);
	j = opened(true);
	CHECK(!journal_is_read_only(j));
	CHECK(journal_epoch(j) > newest); /* agents obey the highest they have seen */
	save(j, &m, NULL);
	journal_close(&j);
	j = opened(false);
	CHECK(!journal_is_read_only(j));
	journal_close(&j);
	scratch_remove(old);
}

/* --- schema --- */

static void
test_a_newer_schema_is_refused(void **state)
{
	struct journal *j = opened(false);

	(void)state;
	run_sql(j, "PRAGMA user_version = 99");
	journal_close(&j);
	CHECK(!journal_open(dir, false, &j, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "written by a newer zmferry (schema 99");
}

static void
test_migrations_run_once(void **state)
{
	struct journal *j = opened(false);
	struct move m = a_move(1);

	(void)state;
	save(j, &m, NULL);
	journal_close(&j);
	for (int i = 0; i < 2; i++) {
		j = opened(false);
		struct loaded l = load(j);

		CHECK_INT(l.count, 1);
		journal_close(&j);
	}
}

static void
test_a_file_that_is_no_journal_is_refused(void **state)
{
	struct journal *j = NULL;
	char path[128];
	FILE *f;

	(void)state;
	scratch_path(path, sizeof(path), dir, "journal.db");
	f = fopen(path, "we");
	CHECK(f != NULL &&
	      fputs("this is a letter to a friend and not a database at all", f) >= 0);
	fclose(f);
	CHECK(!journal_open(dir, false, &j, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
}

/* --- a full disk --- */

static int64_t
pages(struct journal *j)
{
	sqlite3_stmt *s;
	int64_t count;

	CHECK(journal_prepare(j, "PRAGMA page_count", &s, &e));
	CHECK_INT(sqlite3_step(s), SQLITE_ROW);
	count = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return count;
}

static void
test_the_reserve_is_given_up_when_the_disk_is_full(void **state)
{
	struct journal *j = opened(false);
	struct move m = a_move(1);
	char sql[80];
	char path[128];
	bool ok = true;

	(void)state;
	scratch_path(path, sizeof(path), dir, "reserve");
	CHECK_INT(scratch_size(dir, "reserve"), 4 * 1024 * 1024);
	snprintf(
	    sql, sizeof(sql), "PRAGMA max_page_count = %lld", (long long)pages(j) + 1);
	run_sql(j, sql);
	for (uint32_t i = 1; i < 1000 && ok; i++) {
		m.number = i;
		ok = journal_move_save(j, &m, NULL, &e);
	}
	CHECK(!ok);
	CHECK_INT(e.kind, ERR_RETRY); /* room was made: once more may do */
	CHECK_HAS(e.text, "free space in state_dir");
	CHECK(access(path, F_OK) != 0);
	CHECK(journal_is_short(j));
	/* What was written before is whole, and writing goes on when there is room. */
	run_sql(j, "PRAGMA max_page_count = 1000000");
	save(j, &m, NULL);
	journal_close(&j);
	j = opened(false);
	CHECK_INT(scratch_size(dir, "reserve"), 4 * 1024 * 1024); /* made anew */
	CHECK(!journal_is_short(j));
	journal_reserve_give_up(j);
	CHECK(journal_is_short(j) && access(path, F_OK) != 0);
	journal_keep_reserve(j); /* there is room here; without a restart, too */
	CHECK_INT(scratch_size(dir, "reserve"), 4 * 1024 * 1024);
	CHECK(!journal_is_short(j));
	journal_close(&j);
}

static void
test_what_fails_leaves_no_transaction_behind(void **state)
{
	struct journal *j = opened(false);
	struct move m = a_move(1);

	(void)state;
	run_sql(j, "PRAGMA query_only = 1");
	CHECK(!journal_move_save(j, &m, NULL, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	journal_event(j, "info", "j1", "lost, and said so in the log");
	CHECK_INT(sqlite3_get_autocommit(j->db), 1);
	run_sql(j, "PRAGMA query_only = 0");
	save(j, &m, NULL);
	journal_close(&j);
}

#define IN_DIR(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_DIR(test_a_move_comes_back_as_it_was_written),
	    IN_DIR(test_fields_that_came_later_are_empty),
	    IN_DIR(test_damaged_rows_are_refused_by_name),
	    IN_DIR(test_a_change_and_its_event_are_one),
	    IN_DIR(test_jobs_and_events),
	    IN_DIR(test_the_epoch_rises_with_each_start),
	    IN_DIR(test_a_second_controller_is_refused),
	    IN_DIR(test_a_dead_controller_holds_nothing),
	    IN_DIR(test_a_backup_is_whole_and_marked),
	    IN_DIR(test_a_restored_backup_is_read_only_until_it_is_adopted),
	    IN_DIR(test_a_newer_schema_is_refused),
	    IN_DIR(test_migrations_run_once),
	    IN_DIR(test_a_file_that_is_no_journal_is_refused),
	    IN_DIR(test_the_reserve_is_given_up_when_the_disk_is_full),
	    IN_DIR(test_what_fails_leaves_no_transaction_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
