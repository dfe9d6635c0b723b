/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts over a journal and a clock of the test's: raised, told, repeated, over, restarted. */
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/journal_private.h"
#include "proto/base/log.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define MIN 60000LL

static struct err e;
static char dir[64];
static struct journal *journal;
static struct alerts *all;
static int64_t now_ms;

/* What went out, in lines: "raised m1 0". */
static char heard[4096];
static unsigned heard_count;
static bool is_full;
static bool gets_out;
static struct alert_message *last;

static int64_t
test_clock(void)
{
	return now_ms;
}

static bool
on_send(void *ctx, struct alert_message *take_message)
{
	size_t length = strlen(heard);

	(void)ctx;
	if (is_full)
		return false;
	snprintf(heard + length, sizeof(heard) - length, "%s%s %s %u", length ? "; " : "",
	    take_message->event, take_message->subject, take_message->place);
	heard_count++;
	alert_message_unref(&last);
	last = take_message;
	if (gets_out)
		alerts_on_sent(all, take_message, "mail:a", NULL);
	return true;
}

static void
wake(void)
{
	const struct alerts_options options = {.journal = journal,
	    .wall_ms = test_clock,
	    .schedule.repeat_s = {0, 3600, 600}};
	const struct alerts_outlet outlet = {.send = on_send};

	if (!alerts_new(&options, &all, &e))
		fail_msg("%s", e.text);
	alerts_set_outlet(all, &outlet);
}

static void
restart(void)
{
	alerts_free(&all);
	journal_close(&journal);
	if (!journal_open(dir, false, &journal, &e))
		fail_msg("%s", e.text);
	wake();
}

static int
begin(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	scratch_make(dir, sizeof(dir));
	if (!journal_open(dir, false, &journal, &e))
		fail_msg("%s", e.text);
	now_ms = 1700000000000;
	heard[0] = '\0';
	heard_count = 0;
	is_full = false;
	gets_out = true;
	wake();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	alert_message_unref(&last);
	alerts_free(&all);
	journal_close(&journal);
	scratch_remove(dir);
	return 0;
}

/* Ticks for so long, and says what was heard meanwhile. */
static const char *
after(int64_t ms)
{
	static char said[sizeof(heard)];

	for (int64_t left = ms; left > 0; left -= MIN) {
		now_ms += left < MIN ? left : MIN;
		alerts_tick(all);
	}
	alerts_tick(all);
	snprintf(said, sizeof(said), "%s", heard);
	heard[0] = '\0';
	return said;
}

static void
stuck(const char *subject)
{
	alert_raise(all, ALERT_MOVE_STUCK, subject,
	    ALERT_FACTS("account", "anna@example.org", "state", "opening", "why",
		"no room", "move", subject, "job", "j3", "source", "mbs1"));
}

static const char *
shown(size_t index, const char *key)
{
	static json_t *rows;

	json_decref(rows);
	rows = alerts_view(all);
	return json_string_value(json_object_get(json_array_get(rows, index), key));
}

static size_t
count_shown(void)
{
	json_t *rows = alerts_view(all);
	size_t count = json_array_size(rows);

	json_decref(rows);
	return count;
}

static void
test_its_whole_life(void **state)
{
	(void)state;
	stuck("m1");
	CHECK_STR(after(0), "raised m1 0");
	stuck("m1"); /* the same again: nobody is told anew */
	CHECK_STR(after(9 * MIN), "");
	CHECK_STR(after(2 * MIN), "repeated m1 1");
	CHECK_STR(shown(0, "key"), "move_stuck");
	CHECK_STR(shown(0, "severity"), "critical");
	CHECK_STR(shown(0, "text"), "anna@example.org: stuck while opening: no room");
	CHECK_STR(shown(0, "next"),
	    "zmferry explain m1; when the cause is gone: zmferry "
	    "job retry j3; if mbs1 is dead, with what was copied: "
	    "zmferry move m1 --from-spool");
	CHECK_STR(shown(0, "node"), "mbs1");
	alert_clear(all, "m1");
	CHECK_STR(after(0), "over m1 2");
	CHECK_INT(count_shown(), 0);
	CHECK_STR(after(60 * MIN), "");
	alert_clear(all, "m1");
	alert_clear(all, "never raised");
	CHECK_STR(after(0), "");
}

static void
test_another_reason_is_told_in_the_same_thread(void **state)
{
	char thread[64];

	(void)state;
	alert_raise(all, ALERT_NODE_FAILING, "node:mbs1",
	    ALERT_FACTS("node", "mbs1", "why", "its disk answers slowly"));
	CHECK_STR(after(0), "raised node:mbs1 0");
	snprintf(thread, sizeof(thread), "%s", last->thread);
	CHECK(alert_ack(all, "node:mbs1", "carl", &e));
	alert_raise(all, ALERT_NODE_DOWN, "node:mbs1",
	    ALERT_FACTS("node", "mbs1", "why", "nothing answers", "since", "12:00"));
	CHECK_STR(after(0), "raised node:mbs1 1");
	CHECK_STR(last->thread, thread);
	CHECK_STR(last->key, "node_down");
	CHECK_INT(count_shown(), 1);
	CHECK_STR(shown(0, "acked_by"), ""); /* that was for the other */
	CHECK(alert_is_raised(all, ALERT_NODE_DOWN, "node:mbs1"));
	CHECK(!alert_is_raised(all, ALERT_NODE_FAILING, "node:mbs1"));
}

static void
test_acknowledged_is_not_repeated(void **state)
{
	(void)state;
	stuck("m1");
	after(0);
	CHECK(alert_ack(all, "m1", "carl@example.org", &e));
	CHECK_STR(after(300 * MIN), "");
	CHECK_STR(shown(0, "acked_by"), "carl@example.org");
	restart();
	CHECK_STR(shown(0, "acked_by"), "carl@example.org");
	CHECK_STR(after(300 * MIN), "");
	alert_clear(all, "m1");
	CHECK_STR(after(0), "over m1 1");
	CHECK(!alert_ack(all, "m1", "carl", &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	/* Long after, it is another one: nobody has that in hand. */
	now_ms += ALERT_CALM_MS;
	stuck("m1");
	CHECK_STR(after(0), "raised m1 0");
	CHECK_STR(shown(0, "acked_by"), "");
}

static void
test_silenced_until(void **state)
{
	(void)state;
	stuck("m1");
	CHECK(alert_silence(all, "m1", 7200, "carl", &e));
	CHECK_STR(after(119 * MIN), "");
	CHECK_STR(shown(0, "silenced_by"), "carl");
	restart();
	CHECK_STR(after(0), "");
	CHECK_STR(after(2 * MIN), "raised m1 0");
	CHECK_STR(shown(0, "silenced_until"), "");
	CHECK(alert_silence(all, "m1", 7200, "carl", &e));
	CHECK_STR(after(60 * MIN), "");
	CHECK(alert_silence(all, "m1", 0, "carl", &e)); /* ends it */
	CHECK_STR(after(0), "repeated m1 1");
	CHECK(!alert_silence(all, "m2", 60, "carl", &e));
	CHECK_HAS(e.text, "m2: there is no such alert");
}

static void
test_by_number_or_subject(void **state)
{
	char number[24];

	(void)state;
	stuck("m1");
	stuck("m2");
	snprintf(number, sizeof(number), "%llu",
	    (unsigned long long)alert_find(all, "m2")->number);
	CHECK(alert_find(all, number) == alert_find(all, "m2"));
	CHECK(alert_find(all, "77") == NULL);
	CHECK(alert_find(all, "m") == NULL);
	CHECK(alert_ack(all, number, "carl", &e));
	CHECK_STR(alert_find(all, "m2")->acked_by, "carl");
}

/* Raised and over twenty times in an hour: its beginning, its end, that it comes and goes. */
static void
test_what_comes_and_goes_is_told_once(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		const char *said;

		stuck("m1");
		said = after(MIN);
		CHECK_STR(said, i == 0	 ? "raised m1 0"
				: i == 1 ? "comes_and_goes m1 2"
					 : "");
		alert_clear(all, "m1");
		said = after(2 * MIN);
		CHECK_STR(said, i == 0 ? "over m1 1" : "");
	}
	CHECK_STR(after(40 * MIN), "over m1 3"); /* it stays away */
	stuck("m1");				 /* and the next time is a first time */
	CHECK_STR(after(0), "raised m1 0");
}

static void
test_what_came_and_stays_is_repeated(void **state)
{
	(void)state;
	stuck("m1");
	after(0);
	alert_clear(all, "m1");
	after(0);
	stuck("m1");
	CHECK_STR(after(0), "comes_and_goes m1 2");
	restart();
	CHECK_STR(after(29 * MIN), "");
	CHECK_STR(after(2 * MIN), "repeated m1 3");
}

/* What was on its way when the controller died is told again, with the same place. */
static void
test_told_is_what_got_out(void **state)
{
	(void)state;
	gets_out = false;
	stuck("m1");
	CHECK_STR(after(0), "raised m1 0");
	CHECK_STR(after(5 * MIN), "");
	restart();
	gets_out = true;
	CHECK_STR(after(0), "raised m1 0");
	restart();
	CHECK_STR(after(0), "");
	CHECK_STR(after(10 * MIN), "repeated m1 1");
}

static void
test_full_ways_get_it_later(void **state)
{
	(void)state;
	is_full = true;
	stuck("m1");
	CHECK_STR(after(5 * MIN), "");
	is_full = false;
	CHECK_STR(after(0), "raised m1 0");
}

static void
test_many_at_once_are_one_message(void **state)
{
	char subject[16];

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(subject, sizeof(subject), "m%d", i);
		stuck(subject);
	}
	CHECK_STR(after(0), "several several 0");
	CHECK_INT(last->told_count, 200);
	CHECK_INT(last->severity, ALERT_CRITICAL);
	CHECK_HAS(last->list, "zmferry explain m7;");
	CHECK_HAS(last->list, "and 150 more");
	CHECK_STR(after(5 * MIN), "");
	for (int i = 0; i < 200; i++) {
		snprintf(subject, sizeof(subject), "m%d", i);
		alert_clear(all, subject);
	}
	CHECK_STR(after(0), "several several 0");
	CHECK_HAS(last->list, "it is over: anna@example.org");
	CHECK_STR(after(0), "");
}

/* One a tick for hours does not become a mail a tick. */
static void
test_a_stream_of_alerts_is_throttled(void **state)
{
	char subject[16];

	(void)state;
	for (int i = 0; i < 600; i++) {
		snprintf(subject, sizeof(subject), "m%d", i);
		stuck(subject);
		now_ms += 2000;
		alerts_tick(all);
	}
	/* Ten at once, then one a minute of these twenty. */
	CHECK(heard_count <= 31);
	heard[0] = '\0';
	after(2 * MIN);
	heard[0] = '\0';
	CHECK_STR(after(0), "");
	CHECK_INT(count_shown(), 600);
}

static void
test_worst_first(void **state)
{
	uint64_t counts[ALERT_SEVERITY_COUNT];

	(void)state;
	alert_raise(all, ALERT_MOVE_SET_ASIDE, "m1", ALERT_FACTS("account", "a"));
	alert_raise(
	    all, ALERT_MOVE_GONE, "m2", ALERT_FACTS("account", "a", "why", "gone"));
	stuck("m3");
	CHECK_STR(shown(0, "subject"), "m3");
	CHECK_STR(shown(1, "subject"), "m1");
	CHECK_STR(shown(2, "subject"), "m2");
	CHECK_HAS(shown(1, "text"), "it stays on ?: ?"); /* facts that were not given */
	alerts_count(all, counts);
	CHECK_INT(counts[ALERT_CRITICAL], 1);
	CHECK_INT(counts[ALERT_WARNING], 1);
	CHECK_INT(counts[ALERT_INFO], 1);
}

/* The alert that the journal cannot be written is not lost because of that. */
static void
test_without_a_journal_it_is_told_all_the_same(void **state)
{
	(void)state;
	CHECK_INT(
	    sqlite3_exec(journal->db, "PRAGMA query_only = 1", NULL, NULL, NULL), 0);
	log_set_level(LOG_ERROR);
	alert_raise(all, ALERT_JOURNAL, "journal", ALERT_FACTS("why", "no space left"));
	CHECK_STR(after(0), "raised journal 0");
	CHECK_STR(shown(0, "text"), "no space left");
	CHECK_INT(
	    sqlite3_exec(journal->db, "PRAGMA query_only = 0", NULL, NULL, NULL), 0);
	alert_clear(all, "journal");
	CHECK_STR(after(0), "over journal 1");
	restart();
	CHECK_STR(after(0), "");
}

static void
test_what_is_over_is_forgotten_after_a_week(void **state)
{
	(void)state;
	stuck("m1");
	after(0);
	alert_clear(all, "m1");
	after(MIN);
	now_ms += 8LL * 24 * 60 * MIN;
	alerts_tick(all);
	restart();
	stuck("m1");
	CHECK_INT(alert_find(all, "m1")->number, 1); /* numbered anew: nothing was left */
}

static void
test_how_each_way_did_is_shown(void **state)
{
	struct err why = {ERR_REFUSED, "550 no such user"};
	json_t *rows;
	const json_t *sent;

	(void)state;
	gets_out = false;
	stuck("m1");
	after(0);
	alerts_on_sent(all, last, "mail:a", &why);
	alerts_on_sent(all, last, "webhook:b", NULL);
	restart();
	rows = alerts_view(all);
	sent = json_object_get(json_array_get(rows, 0), "sent");
	CHECK_INT(json_array_size(sent), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *one = json_array_get(sent, i);
		bool bad =
		    strcmp(json_string_value(json_object_get(one, "way")), "mail:a") == 0;

		CHECK_INT(json_is_true(json_object_get(one, "ok")), !bad);
		if (bad)
			CHECK_STR(json_string_value(json_object_get(one, "text")),
			    "550 no such user");
	}
	json_decref(rows);
}

/* --- a journal of version 1 --- */

static const char version_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE job (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, node TEXT NOT "
    "NULL,"
    " targets TEXT NOT NULL, who TEXT NOT NULL, state TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, reason TEXT NOT NULL);"
    "CREATE TABLE move (number INTEGER PRIMARY KEY, job INTEGER NOT NULL,"
    " account_id TEXT NOT NULL, account_name TEXT NOT NULL, source TEXT NOT NULL,"
    " target TEXT NOT NULL, bytes INTEGER NOT NULL, items INTEGER NOT NULL,"
    " state TEXT NOT NULL, stuck_from TEXT NOT NULL, step_no INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, since_ms INTEGER NOT NULL, ticket BLOB NOT NULL,"
    " error TEXT NOT NULL, data TEXT NOT NULL);"
    "CREATE INDEX move_by_job ON move (job);"
    "CREATE TABLE move_event (seq INTEGER PRIMARY KEY AUTOINCREMENT, move INTEGER NOT "
    "NULL,"
    " at_ms INTEGER NOT NULL, from_state TEXT NOT NULL, to_state TEXT NOT NULL,"
    " event TEXT NOT NULL, why TEXT NOT NULL, detail TEXT NOT NULL);"
    "CREATE INDEX move_event_by_move ON move_event (move);"
    "CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,"
    " level TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE TABLE alert (subject TEXT PRIMARY KEY, at_ms INTEGER NOT NULL,"
    " text TEXT NOT NULL, next TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO alert VALUES ('m7', 2000, 'anna: stuck', 'zmferry explain m7');"
    "INSERT INTO alert VALUES ('m8', 1000, 'bert: gone', '');"
    "PRAGMA user_version = 1;";

static void
test_alerts_of_version_1_are_taken_up(void **state)
{
	char path[100];
	sqlite3 *db;

	(void)state;
	alerts_free(&all);
	journal_close(&journal);
	scratch_remove(dir);
	scratch_make(dir, sizeof(dir));
	scratch_path(path, sizeof(path), dir, "journal.db");
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, version_1, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	if (!journal_open(dir, false, &journal, &e))
		fail_msg("%s", e.text);
	wake();
	CHECK_INT(count_shown(), 2);
	CHECK_STR(shown(0, "subject"), "m8");	       /* the older */
	CHECK_STR(shown(0, "next"), "zmferry status"); /* it had none */
	CHECK_STR(shown(1, "key"), "earlier");
	CHECK_STR(shown(1, "text"), "anna: stuck");
	CHECK_STR(shown(1, "next"), "zmferry explain m7");
	CHECK_HAS(shown(1, "at"), "1970-01-01T00:00:02");
	/* The move is entered again and says it in this version's words. */
	stuck("m7");
	alert_clear(all, "m8");
	restart();
	CHECK_INT(count_shown(), 1);
	CHECK_STR(shown(0, "key"), "move_stuck");
	CHECK_STR(after(0), "raised m7 0");
}

#define ALERTS(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ALERTS(test_its_whole_life),
	    ALERTS(test_another_reason_is_told_in_the_same_thread),
	    ALERTS(test_acknowledged_is_not_repeated),
	    ALERTS(test_silenced_until),
	    ALERTS(test_by_number_or_subject),
	    ALERTS(test_what_comes_and_goes_is_told_once),
	    ALERTS(test_what_came_and_stays_is_repeated),
	    ALERTS(test_told_is_what_got_out),
	    ALERTS(test_full_ways_get_it_later),
	    ALERTS(test_many_at_once_are_one_message),
	    ALERTS(test_a_stream_of_alerts_is_throttled),
	    ALERTS(test_worst_first),
	    ALERTS(test_without_a_journal_it_is_told_all_the_same),
	    ALERTS(test_what_is_over_is_forgotten_after_a_week),
	    ALERTS(test_how_each_way_did_is_shown),
	    ALERTS(test_alerts_of_version_1_are_taken_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
