/* SPDX-License-Identifier: Apache-2.0 */
/* What a person reads on a terminal: short, nothing twice, each advice a real command. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/print.h"
#include "tests/unit/check.h"

typedef void (*print_fn)(FILE *out, const json_t *answer);

/* The caller frees it. */
static char *
printed(print_fn print, json_t *answer)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL || answer == NULL)
		fail_msg("no memory, or JSON that cannot be made");
	print(out, answer);
	fclose(out);
	json_decref(answer);
	return text;
}

static json_t *
parsed(const char *text)
{
	json_error_t e;
	json_t *root = json_loads(text, 0, &e);

	if (root == NULL)
		fail_msg("line %d: %s", e.line, e.text);
	return root;
}

static void
test_a_name_cannot_steer_the_terminal(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	print_safe(out, "a\x1b[2Jb\xc2\x9bm\xc3\xa4\n");
	fclose(out);
	CHECK_STR(text, "a\\x1b[2Jb\\x9bm\xc3\xa4\\x0a");
	free(text);
}

static void
test_nodes(void **state)
{
	char *text = printed(print_nodes,
	    parsed("{\"nodes\": ["
		   "{\"name\": \"mbs1\", \"state\": \"ok\", \"mailboxes\": 20, "
		   "\"bytes\": 2048,"
		   " \"room_bytes\": 4096, \"old_copies\": 20, \"note\": \"\"},"
		   "{\"name\": \"mbs2\", \"state\": \"away\", \"mailboxes\": 3, "
		   "\"bytes\": 10,"
		   " \"room_bytes\": 0, \"note\": \"its agent is not connected\"}]}"));

	(void)state;
	CHECK_STR(text, "NODE  STATE  MAILBOXES       SIZE       ROOM  NOTE\n"
			"mbs1  ok            20     2.0 KB     4.0 KB  20 of them are "
			"old copies, locked out\n"
			"mbs2  away           3       10 B        0 B  its agent is not "
			"connected; look whether "
			"zmferry-agent runs there, its log says why it cannot call\n");
	free(text);
	text = printed(print_nodes, parsed("{\"nodes\": []}"));
	CHECK_HAS(text, "zmferry enroll NODE");
	free(text);
}

static void
test_a_plan_says_first_who_stays(void **state)
{
	char *text = printed(print_plan,
	    parsed(
		"{\"plan\": {\"kind\": \"evacuate\", \"node\": \"mbs1\", \"mailboxes\": "
		"1,"
		"\"bytes\": 1, \"notes\": [], \"targets\": [], \"moves\": ["
		"{\"account\": \"a@b.c\", \"bytes\": 1, \"target\": \"mbs2\"}], "
		"\"refused\": ["
		"{\"account\": \"x@b.c\", \"why\": \"account x@b.c: is odd\", \"next\": "
		"\"do\"},"
		"{\"account\": \"y@b.c\", \"why\": \"is odder\", \"next\": \"do\"}]}}"));

	(void)state;
	CHECK_STR(text,
	    "Plan: evacuate mbs1: 1 mailboxes, 1 B; 2 cannot go and stay, see below\n\n"
	    "Moves\n  a@b.c           1 B  -> mbs2\n\nNodes afterwards\n\n"
	    "Not moved\n  x@b.c: is odd\n  y@b.c: is odder\n      next: do\n");
	free(text);
}

static void
test_a_long_plan_is_shortened(void **state)
{
	json_t *moves = json_array();
	char *text;
	int lines = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		json_array_append_new(moves, json_pack("{sssiss}", "account", "a@b.c",
						 "bytes", 1000 - i, "target", "mbs2"));
	text =
	    printed(print_plan, json_pack("{s{sssssiso}}", "plan", "kind", "evacuate",
				    "node", "mbs1", "mailboxes", 1000, "moves", moves));
	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	CHECK(lines < 45);
	CHECK_HAS(text, "and 970 smaller ones; --json lists all");
	free(text);
}

static void
test_progress(void **state)
{
	char *text = printed(print_progress,
	    parsed("{\"state\": \"paused\", \"moves_done\": 3, \"moves_total\": 21,"
		   "\"bytes_done\": 1048576, \"bytes_total\": 3145728, \"items_per_s\": "
		   "27.6,"
		   "\"eta_s\": 95.0, \"lock_p50_ms\": 1776, \"lock_p99_ms\": 2636,"
		   "\"moves_set_aside\": 2, \"stall\": \"paused; go on with: zmferry job "
		   "resume j1\"}"));

	(void)state;
	CHECK_STR(text,
	    "paused: 3 of 21 mailboxes, 1.0 MB of 3.0 MB, 28 items/s, "
	    "locked 1.8 s (p99 2.6 s), 2 set aside; paused; go on with: zmferry job "
	    "resume j1");
	free(text);
	text = printed(print_progress,
	    parsed("{\"state\": \"moving\", \"moves_total\": 1, \"eta_s\": 95.0}"));
	CHECK_STR(
	    text, "moving: 0 of 1 mailboxes, 0 B of 0 B, 0 items/s, 1 min 35 s left");
	free(text);
}

static void
test_the_same_reason_stands_once(void **state)
{
	char *text =
	    printed(print_moves, parsed("{\"moves\": ["
					"{\"id\": \"m1\", \"account\": \"a@b.c\", "
					"\"state\": \"abandoned\", \"lock_ms\": 0,"
					" \"source\": \"mbs1\", \"target\": \"mbs2\", "
					"\"error\": \"account a@b.c: is odd\"},"
					"{\"id\": \"m2\", \"account\": \"x@b.c\", "
					"\"state\": \"abandoned\", \"lock_ms\": 1500,"
					" \"source\": \"mbs1\", \"target\": \"mbs2\", "
					"\"error\": \"account x@b.c: is odd\"}]}"));

	(void)state;
	CHECK_STR(text,
	    "MOVE  ACCOUNT  STATE         LOCKED  FROM -> TO\n"
	    "m1    a@b.c    abandoned          -  mbs1 -> mbs2\n      is odd\n"
	    "m2    x@b.c    abandoned      1.5 s  mbs1 -> mbs2\n      the same\n");
	free(text);
}

static void
test_a_large_job_shows_what_did_not_go_well(void **state)
{
	json_t *moves = json_array();
	char *text;

	(void)state;
	for (int i = 0; i < 100; i++)
		json_array_append_new(
		    moves, json_pack("{ssssssss}", "id", "m1", "account", "good@b.c",
			       "state", "settled", "verdict", "clean"));
	json_array_append_new(moves,
	    json_pack("{ssssss}", "id", "m101", "account", "bad@b.c", "state", "stuck"));
	text = printed(print_job, json_pack("{s{ssss}so}", "job", "id", "j1", "state",
				      "moving", "moves", moves));
	CHECK_HAS(text, "bad@b.c");
	CHECK(strstr(text, "good@b.c") == NULL);
	CHECK_HAS(text,
	    "100 that went well are not shown; all of them: zmferry moves --job j1");
	free(text);
}

static void
test_report(void **state)
{
	static const char job[] =
	    "\"job\": {\"id\": \"j1\", \"kind\": \"evacuate\", \"node\": \"mbs1\", "
	    "\"who\": "
	    "\"uid 0\", \"state\": \"done\", \"created\": \"T1\", \"ended\": \"T2\", "
	    "\"reason\": \"\", \"moves_total\": 2, \"moves_done\": 2, \"moves_clean\": "
	    "1, "
	    "\"moves_set_aside\": 0, \"bytes_total\": 2048, \"lock_p50_ms\": 1500, "
	    "\"lock_p99_ms\": 3000}";
	static const char clean[] =
	    "{\"id\": \"m1\", \"account\": \"a@b.c\", \"target\": \"mbs2\", \"state\": "
	    "\"settled\", \"verdict\": \"clean\", \"error\": \"\", \"lock_ms\": 1500, "
	    "\"verdict_detail\": {\"clean\": true, \"listed\": 7, \"equal\": 6, "
	    "\"explained\": 1}}";
	static const char unclean[] =
	    "{\"id\": \"m2\", \"account\": \"longer@b.c\", \"source\": \"mbs1\", "
	    "\"target\": "
	    "\"mbs3\", \"state\": \"settled\", \"holds\": \"it is there\", \"verdict\": "
	    "\"not clean\", \"error\": \"1 of 3 items are missing\", \"next\": \"zmferry "
	    "job "
	    "retry j1\", \"verdict_detail\": {\"clean\": false, \"listed\": 3, "
	    "\"equal\": 2, "
	    "\"missing\": 1}}";
	char both[4096], one[4096];
	char *text;

	(void)state;
	snprintf(both, sizeof(both), "{%s, \"moves\": [%s, %s]}", job, clean, unclean);
	text = printed(print_report, parsed(both));
	CHECK_HAS(
	    text, "zmferry j1: evacuate mbs1, asked for by uid 0\nfrom T1 to T2: done\n");
	CHECK_HAS(
	    text, "2 mailboxes, 2.0 KB: 2 done, 1 with a clean verdict, 0 set aside\n");
	CHECK_HAS(text,
	    "10 items compared: 8 equal, 1 explained, 1 missing, 0 differing, 0 not "
	    "carried\n");
	CHECK_HAS(text, "not clean\n\nWhat is left\n\nm2  longer@b.c: mbs1 -> mbs3\n");
	CHECK_HAS(text, "next: zmferry job retry j1\n");
	CHECK(strstr(text, "m1  a@b.c") == NULL);
	free(text);
	snprintf(one, sizeof(one), "{%s, \"moves\": [%s]}", job, clean);
	text = printed(print_report, parsed(one));
	CHECK_HAS(text, "clean\n\nNothing is left to do.\n");
	free(text);
}

static void
test_explain(void **state)
{
	char *text = printed(print_explain,
	    parsed("{\"move\": {\"id\": \"m1\", \"account\": \"a@b.c\", \"source\": "
		   "\"mbs1\","
		   "\"target\": \"mbs2\", \"state\": \"settled\", \"holds\": \"it is "
		   "there\","
		   "\"lock_ms\": 1439, \"error\": \"\","
		   "\"next\": \"zmferry explain m1; when the cause is gone: zmferry job "
		   "retry j1\","
		   "\"verdict_detail\": {\"clean\": false, \"listed\": 3, \"equal\": 2, "
		   "\"missing\": 1,"
		   " \"bytes\": 10, \"folders\": 2, \"folders_exact\": 2}},"
		   "\"journal\": [{\"at\": \"T1\", \"from\": \"planned\", \"to\": "
		   "\"staging\","
		   " \"why\": \"fit\", \"detail\": \"account a@b.c: so\"}]}"));

	(void)state;
	CHECK_STR(text,
	    "m1  a@b.c: mbs1 -> mbs2\nsettled: it is there; it was locked for 1.4 s\n\n"
	    "T1  staging            fit (so)\n\n"
	    "Verdict: NOT CLEAN. 3 items, 10 B: 2 equal, 1 MISSING; 2 of 2 folders "
	    "exact\n"
	    "next: when the cause is gone: zmferry job retry j1\n");
	free(text);
}

static void
test_status_shows_the_first_alerts(void **state)
{
	json_t *alerts = json_array();
	char *text;

	(void)state;
	for (int i = 0; i < 9; i++)
		json_array_append_new(
		    alerts, json_pack("{ssssss}", "at", "T", "text", "x", "next", "y"));
	text = printed(print_status, json_pack("{s{ss}s[]s[]so}", "controller", "version",
					 "0", "nodes", "jobs", "alerts", alerts));
	CHECK_HAS(text, "and 4 more: zmferry alerts");
	CHECK_HAS(text, "no job is running");
	free(text);
}

static void
test_an_alert_says_all_there_is_to_say(void **state)
{
	char *text = printed(print_alerts,
	    parsed(
		"{\"alerts\": [{\"severity\": \"critical\", \"at\": \"T\", \"subject\": "
		"\"node:mbs1\", \"text\": \"mbs1 is \\u001b[2Jdown\", \"meaning\": "
		"\"Nobody "
		"reads.\", \"did\": \"Nothing.\", \"next\": \"zmferry nodes\", "
		"\"comes_and_goes\": true, \"acked_by\": \"uid 0\", \"acked_at\": \"A\", "
		"\"silenced_until\": \"S\", \"silenced_by\": \"carl\", \"sent\": "
		"[{\"way\": \"mail:a\", \"at\": \"M\", \"ok\": false, \"text\": \"550 "
		"no\"}]}], \"ways\": [{\"name\": \"mail:a\", \"ok\": false, \"at\": "
		"\"M\", "
		"\"text\": \"550 no\", \"waiting\": 3}]}"));

	(void)state;
	CHECK_HAS(text, "critical T node:mbs1: mbs1 is \\x1b[2Jdown\n");
	CHECK_HAS(text,
	    "      means: Nobody reads.\n      did: Nothing.\n      next: zmferry "
	    "nodes\n");
	CHECK_HAS(text, "acknowledged by uid 0 at A\n");
	CHECK_HAS(text, "silenced until S by carl\n");
	CHECK_HAS(text, "it comes and goes");
	CHECK_HAS(text, "by mail:a at M: FAILED: 550 no\n");
	CHECK_HAS(text,
	    "alerts by mail:a: NOT GETTING OUT: 550 no, last at M, 3 waiting\n"
	    "      next: zmferry alerts test\n");
	free(text);
}

static void
test_without_ways_it_is_said_that_nobody_is_woken(void **state)
{
	char *text = printed(print_alerts, parsed("{\"alerts\": [], \"ways\": []}"));

	(void)state;
	CHECK_HAS(text, "no alerts\n");
	CHECK_HAS(text, "alerts go to the log only: nobody is woken; see alert_mail");
	free(text);
	text = printed(print_alerts_test, parsed("{\"ways\": [{\"way\": \"mail:a\", "
						 "\"ok\": true, \"text\": \"taken\"}]}"));
	CHECK_STR(text, "ok      mail:a: taken\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_name_cannot_steer_the_terminal),
	    cmocka_unit_test(test_an_alert_says_all_there_is_to_say),
	    cmocka_unit_test(test_without_ways_it_is_said_that_nobody_is_woken),
	    cmocka_unit_test(test_nodes),
	    cmocka_unit_test(test_a_plan_says_first_who_stays),
	    cmocka_unit_test(test_a_long_plan_is_shortened),
	    cmocka_unit_test(test_progress),
	    cmocka_unit_test(test_the_same_reason_stands_once),
	    cmocka_unit_test(test_a_large_job_shows_what_did_not_go_well),
	    cmocka_unit_test(test_report),
	    cmocka_unit_test(test_explain),
	    cmocka_unit_test(test_status_shows_the_first_alerts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
