/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a node is evacuated without being asked, and above all when not: each interlock
 * alone, then whole histories. How the controller feeds it is test_watch.c.
 */
#include <string.h>

#include "controller/policy.h"
#include "controller/policy_replay.h"
#include "tests/unit/check.h"

#define S(seconds) ((int64_t)(seconds)*1000 + 1)

static struct err e;

static const struct policy_settings automatic = {
    .mode = POLICY_AUTO,
    .hold_s = 60,
    .silent_s = 30,
    .dead_s = 300,
    .start_s = 120,
    .heard_percent = 60,
    .nodes_at_once = 1,
    .per_day = 1,
};
static const struct policy_cluster calm = {
    .started_ms = S(-1000), .known = 5, .heard = 5};
static const struct policy_plan good = {.possible = true};

/* A node whose probe fails since second 0, as it is at second now. */
static struct policy_node
failing(const struct policy_settings *s, const char *probe, int now)
{
	const struct policy_probe row = {probe, "is ill"};
	const struct policy_seen well = {.connected = true};
	const struct policy_seen ill = {
	    .connected = true, .failing = &row, .failing_count = 1};
	struct policy_node n;

	policy_node_init(&n, "mbs1", S(-10));
	(void)policy_see(&n, s, &well, S(-5));
	(void)policy_see(&n, s, &ill, S(0));
	(void)policy_see(&n, s, &ill, S(now));
	return n;
}

static enum policy_decision
decided(const struct policy_settings *s, const struct policy_cluster *c, int now)
{
	struct policy_node n = failing(s, "lmtp", now);
	struct policy_verdict v = policy_decide(&n, s, c, &good, S(now));

	policy_node_fini(&n);
	return v.decision;
}

static void
test_a_fault_that_stands_evacuates(void **state)
{
	(void)state;
	CHECK_INT(decided(&automatic, &calm, 59), DECIDE_WAIT);
	CHECK_INT(decided(&automatic, &calm, 60), DECIDE_EVACUATE);
}

/* Each interlock alone, and the decision that it makes of an evacuation. */
static void
test_each_interlock_alone_holds_it_back(void **state)
{
	static const struct {
		enum policy_reason reason;
		enum policy_decision decision;
	} rows[] = {
	    {REASON_HOLD, DECIDE_WAIT},
	    {REASON_STARTING, DECIDE_WAIT},
	    {REASON_OFF, DECIDE_NOTHING},
	    {REASON_ASK, DECIDE_ASK},
	    {REASON_FAULT, DECIDE_NOTHING},
	    {REASON_UNREADABLE, DECIDE_DECLINE},
	    {REASON_FLAPPING, DECIDE_DECLINE},
	    {REASON_CORDONED, DECIDE_DECLINE},
	    {REASON_READ_ONLY, DECIDE_DECLINE},
	    {REASON_PARTITION, DECIDE_DECLINE},
	    {REASON_OTHERS, DECIDE_DECLINE},
	    {REASON_JOB, DECIDE_DECLINE},
	    {REASON_BUDGET, DECIDE_DECLINE},
	    {REASON_PLAN, DECIDE_DECLINE},
	    {REASON_ROOM, DECIDE_DECLINE},
	};

	(void)state;
	CHECK_INT(ARRAY_LEN(rows), REASON_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum policy_reason reason = rows[i].reason;
		struct policy_settings s = automatic;
		struct policy_cluster c = calm;
		struct policy_plan plan = good;
		const char *probe = reason == REASON_UNREADABLE ? "mailboxd"
				    : reason == REASON_FAULT	? "disk:spool"
								: "lmtp";
		struct policy_node n =
		    failing(&s, probe, reason == REASON_HOLD ? 59 : 100);
		struct policy_verdict v;

		s.mode = reason == REASON_OFF	? POLICY_OFF
			 : reason == REASON_ASK ? POLICY_ASK
						: POLICY_AUTO;
		n.cordoned = reason == REASON_CORDONED;
		for (int k = 0; reason == REASON_FLAPPING && k < POLICY_FLAPS; k++)
			n.faults[0].began_ms[k] = S(0) - k * 1000 - 1000;
		if (reason == REASON_STARTING)
			c.started_ms = S(-19); /* 119 s ago */
		c.read_only = reason == REASON_READ_ONLY;
		c.heard = reason == REASON_PARTITION ? 2 : 3; /* of five: 60 % */
		c.others_sick = reason == REASON_OTHERS;
		c.job_open = reason == REASON_JOB;
		c.begun_today = reason == REASON_BUDGET;
		plan.possible = reason != REASON_PLAN;
		plan.without_room = reason == REASON_ROOM;
		v = policy_decide(&n, &s, &c, &plan, S(reason == REASON_HOLD ? 59 : 100));
		policy_node_fini(&n);
		if (v.decision != rows[i].decision || v.reasons != 1u << reason)
			fail_msg("%s: decision %s, reasons %x",
			    policy_reasons[reason].name,
			    policy_decision_names[v.decision], v.reasons);
	}
}

/* What two share does not leave both in the same second: the last one is not emptied for it. */
static void
test_others_that_were_sick_until_just_now_count(void **state)
{
	struct policy_node n = failing(&automatic, "lmtp", 200);
	struct policy_verdict v;

	(void)state;
	policy_see_others(&n, &automatic, 1, S(141)); /* its hold time is a minute */
	v = policy_decide(&n, &automatic, &calm, &good, S(200));
	CHECK_INT(v.decision, DECIDE_DECLINE);
	CHECK_INT(v.reasons, 1u << REASON_OTHERS);
	v = policy_decide(&n, &automatic, &calm, &good, S(201));
	CHECK_INT(v.decision, DECIDE_EVACUATE);
	policy_node_fini(&n);
}

static void
test_everything_that_speaks_against_it_is_said(void **state)
{
	struct policy_cluster c = calm;
	struct policy_node n = failing(&automatic, "mailboxd", 100);
	struct policy_verdict v;
	char text[1024];

	(void)state;
	c.job_open = true;
	c.begun_today = 1;
	v = policy_decide(&n, &automatic, &c, NULL, S(100));
	policy_reasons_text(&v, text, sizeof(text));
	CHECK_HAS(text, "nothing can be exported");
	CHECK_HAS(text, "a job moves mail already; as many");
	policy_node_fini(&n);
}

static void
test_of_node_and_fault_the_more_careful_rule_counts(void **state)
{
	static const struct policy_rule nodes[] = {
	    {"mbs1", true, true, POLICY_AUTO, 10}, {"MBS2", true, false, POLICY_OFF, 0}};
	static const struct policy_rule faults[] = {
	    {"lmtp", true, true, POLICY_ASK, 600}};
	struct policy_settings s = automatic;

	(void)state;
	s.mode = POLICY_OFF;
	s.node_rules = nodes;
	s.node_rule_count = 2;
	s.fault_rules = faults;
	s.fault_rule_count = 1;
	CHECK_INT(policy_mode_of(&s, "mbs1", "disk:store"), POLICY_AUTO);
	CHECK_INT(policy_mode_of(&s, "mbs1", "lmtp"), POLICY_ASK);
	CHECK_INT(policy_mode_of(&s, "mbs2", "lmtp"), POLICY_OFF);
	CHECK_INT(policy_mode_of(&s, "mbs3", "lmtp"), POLICY_ASK);
	CHECK_INT(policy_mode_of(&s, "mbs3", NULL), POLICY_OFF);
	CHECK_INT(policy_hold_of(&s, "mbs1", "disk:store"), 10);
	CHECK_INT(policy_hold_of(&s, "mbs1", "lmtp"), 600);
	CHECK_INT(policy_hold_of(&s, "mbs3", "disk:store"), 60);
}

/* A rule of a whole kind, and one of the very name, which goes before it. */
static void
test_a_rule_may_be_about_a_kind_of_fault(void **state)
{
	static const struct policy_rule faults[] = {
	    {"cgroup:io", true, false, POLICY_ASK, 0},
	    {"cgroup:", true, true, POLICY_OFF, 600}};
	struct policy_settings s = automatic;

	(void)state;
	s.mode = POLICY_AUTO;
	s.fault_rules = faults;
	s.fault_rule_count = 2;
	CHECK_INT(policy_mode_of(&s, "mbs1", "cgroup:memory"), POLICY_OFF);
	CHECK_INT(policy_hold_of(&s, "mbs1", "cgroup:memory"), 600);
	CHECK_INT(policy_mode_of(&s, "mbs1", "cgroup:io"), POLICY_ASK);
	CHECK_INT(policy_mode_of(&s, "mbs1", "lmtp"), POLICY_AUTO);
}

/* A wrong clock is a human's affair, and no reason to keep mail where a disk dies. */
static void
test_a_wrong_clock_moves_nobody_and_is_in_nobodys_way(void **state)
{
	struct policy_node n = failing(&automatic, "clock", 100);
	struct policy_verdict v = policy_decide(&n, &automatic, &calm, &good, S(100));
	const struct policy_probe both[] = {{"clock", "is wrong"}, {"lmtp", "is ill"}};
	const struct policy_seen seen = {
	    .connected = true, .failing = both, .failing_count = 2};

	(void)state;
	CHECK_INT(n.state, NODE_FAILING); /* it is told */
	CHECK_INT(v.decision, DECIDE_NOTHING);
	CHECK(!policy_is_sick(&n));
	(void)policy_see(&n, &automatic, &seen, S(110));
	(void)policy_see(&n, &automatic, &seen, S(170));
	CHECK(policy_is_sick(&n));
	v = policy_decide(&n, &automatic, &calm, &good, S(170));
	CHECK_INT(v.decision, DECIDE_EVACUATE);
	policy_node_fini(&n);
}

/* Who can write into a log must not move anybody; nor is a node left for what a person can mend. */
static void
test_these_faults_are_told_and_move_nobody(void **state)
{
	static const char *const probes[] = {"log:mailbox", "zmstat", "imap", "pop",
	    "clock", "disk:spool", "certificate", "certificate:mailboxd"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
		struct policy_node n = failing(&automatic, probes[i], 100);
		struct policy_verdict v =
		    policy_decide(&n, &automatic, &calm, &good, S(100));

		CHECK(policy_fault_is_known(policy_fault_find(probes[i])));
		CHECK_INT(n.state, NODE_FAILING);
		CHECK_INT(v.decision, DECIDE_NOTHING);
		policy_node_fini(&n);
	}
}

static void
test_a_probe_of_a_newer_agent_evacuates_nothing(void **state)
{
	struct policy_node n = failing(&automatic, "warp:core", 100);
	struct policy_verdict v = policy_decide(&n, &automatic, &calm, &good, S(100));

	(void)state;
	CHECK_INT(n.state, NODE_FAILING); /* it is told */
	CHECK_INT(v.decision, DECIDE_NOTHING);
	policy_node_fini(&n);
}

static void
test_more_faults_than_there_is_room_for_lose_none_that_stands(void **state)
{
	struct policy_probe rows[POLICY_STANDING + 4];
	char names[ARRAY_LEN(rows)][8];
	struct policy_seen seen = {
	    .connected = true, .failing = rows, .failing_count = ARRAY_LEN(rows)};
	struct policy_node n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(names[i], sizeof(names[i]), "log:%zu", i);
		rows[i] = (struct policy_probe){names[i], "x"};
	}
	policy_node_init(&n, "mbs1", S(0));
	(void)policy_see(&n, &automatic, &seen, S(1));
	(void)policy_see(&n, &automatic, &seen, S(100));
	CHECK_INT(n.fault_count, POLICY_STANDING);
	CHECK_INT(n.state, NODE_FAILING);
	CHECK_INT(n.faults[0].since_ms, S(1));
	policy_node_fini(&n);
}

/* --- whole histories --- */

/* The changes as "second node state decision" lines. */
static const char *
played(const struct policy_settings *s, const char *history)
{
	static char out[8192];
	size_t length = 0;
	json_error_t why;
	json_t *in = json_loads(history, 0, &why);
	json_t *answer;
	const json_t *row;
	size_t i;

	if (in == NULL)
		fail_msg("%s at column %d", why.text, why.column);
	answer = policy_replay(s, in, &e);
	json_decref(in);
	if (answer == NULL)
		return e.text;
	out[0] = '\0';
	json_array_foreach(json_object_get(answer, "changes"), i, row)
	{
		length += (size_t)snprintf(out + length, sizeof(out) - length,
		    "%lld %s %s %s\n",
		    (long long)json_integer_value(json_object_get(row, "at_s")),
		    json_string_value(json_object_get(row, "node")),
		    json_string_value(json_object_get(row, "state")),
		    json_string_value(json_object_get(row, "decision")));
	}
	json_decref(answer);
	return out;
}

#define THREE "\"nodes\": [\"a\", \"b\", \"c\"], "

static void
test_a_failing_node_is_emptied(void **state)
{
	(void)state;
	CHECK_STR(played(&automatic,
		      "{" THREE "\"until_s\": 400, \"job_s\": 100, \"events\": ["
		      "{\"at_s\": 10, \"node\": \"b\", \"failing\": {\"disk:store\": "
		      "\"read-only\"}}]}"),
	    "0 a ok nothing\n0 b ok nothing\n0 c ok nothing\n"
	    "10 b suspect wait\n70 b failing evacuate\n71 b maintenance evacuate\n"
	    "170 b empty nothing\n");
}

/* At every period below the hold time nothing ever begins, and it is not forgotten too early. */
static void
test_a_fault_that_comes_and_goes_never_evacuates(void **state)
{
	(void)state;
	for (int period = 2; period <= 240; period += 7) {
		json_t *events = json_array();
		json_t *in = json_pack(
		    "{s[ss]sis o}", "nodes", "a", "b", "until_s", 3000, "events", events);
		json_t *answer;
		const json_t *row;
		size_t i;

		for (int at = 5; at < 2900; at += period)
			json_array_append_new(events,
			    json_pack("{siss s{ss}}", "at_s", at, "node", "a", "failing",
				(at - 5) / period % 2 == 0 ? "lmtp" : "certificate",
				"x"));
		answer = policy_replay(&automatic, in, &e);
		CHECK(answer != NULL);
		json_array_foreach(json_object_get(answer, "changes"), i, row)
		{
			const char *decision =
			    json_string_value(json_object_get(row, "decision"));
			long long at =
			    (long long)json_integer_value(json_object_get(row, "at_s"));

			/* The first and the second time may have stood long enough. */
			if (strcmp(decision, "evacuate") == 0 &&
			    (period < 60 || at > 5 + 4 * period))
				fail_msg("period %d: evacuated at %lld", period, at);
		}
		json_decref(answer);
		json_decref(in);
	}
}

/* Silence alone says nothing of the node; another node must have looked, and nobody seen it. */
static void
test_silence_is_not_death(void **state)
{
	(void)state;
	CHECK_STR(played(&automatic,
		      "{" THREE "\"until_s\": 60, \"events\": ["
		      "{\"at_s\": 10, \"node\": \"a\", \"connected\": false},"
		      "{\"at_s\": 45, \"node\": \"a\", \"looks\": {\"b\": true, \"c\": "
		      "false}},"
		      "{\"at_s\": 50, \"node\": \"a\", \"looks\": {\"b\": false}}]}"),
	    "0 a ok nothing\n0 b ok nothing\n0 c ok nothing\n"
	    "10 a suspect nothing\n40 a unreachable nothing\n50 a down nothing\n");
}

static void
test_a_dead_node_is_called_dead_and_never_evacuated(void **state)
{
	(void)state;
	CHECK_STR(
	    played(&automatic,
		"{" THREE "\"until_s\": 380, \"events\": ["
		"{\"at_s\": 0, \"node\": \"a\", \"failing\": {\"mailboxd\": \"gone\"}},"
		"{\"at_s\": 58, \"node\": \"a\", \"looks\": {\"b\": false}},"
		"{\"at_s\": 100, \"node\": \"a\", \"looks\": {\"b\": false}},"
		"{\"at_s\": 140, \"node\": \"a\", \"looks\": {\"b\": false}},"
		"{\"at_s\": 180, \"node\": \"a\", \"looks\": {\"b\": false}},"
		"{\"at_s\": 220, \"node\": \"a\", \"looks\": {\"b\": false}},"
		"{\"at_s\": 260, \"node\": \"a\", \"looks\": {\"b\": false}},"
		"{\"at_s\": 300, \"node\": \"a\", \"looks\": {\"b\": false}},"
		"{\"at_s\": 340, \"node\": \"a\", \"looks\": {\"b\": false}}]}"),
	    "0 a suspect wait\n0 b ok nothing\n0 c ok nothing\n"
	    "60 a down decline\n360 a dead decline\n");
}

static void
test_two_sick_nodes_at_once_are_left_alone(void **state)
{
	(void)state;
	CHECK_STR(played(&automatic,
		      "{" THREE "\"until_s\": 300, \"events\": ["
		      "{\"at_s\": 0, \"node\": \"a\", \"failing\": {\"lmtp\": \"x\"}},"
		      "{\"at_s\": 0, \"node\": \"b\", \"failing\": {\"lmtp\": \"x\"}}]}"),
	    "0 a suspect wait\n0 b suspect wait\n0 c ok nothing\n"
	    "60 a failing decline\n60 b failing decline\n");
}

static void
test_histories_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *history;
		const char *why;
	} rows[] = {
	    {"{}", "\"nodes\""},
	    {"{\"nodes\": [\"a\", \"a\"], \"until_s\": 5}", "one twice"},
	    {"{\"nodes\": [\"a\"]}", "\"until_s\""},
	    {"{\"nodes\": [\"a\"], \"until_s\": 1000001}", "1000000 seconds"},
	    {"{\"nodes\": [\"a\"], \"until_s\": 5, \"events\": [{\"at_s\": 3, "
	     "\"node\": \"z\"}]}",
		"second 3: node \"z\""},
	    {"{\"nodes\": [\"a\"], \"until_s\": 5, \"events\": [{\"at_s\": 3, "
	     "\"node\": \"a\"}, {\"at_s\": 2, \"node\": \"a\"}]}",
		"event 2"},
	    {"{\"nodes\": [\"a\"], \"until_s\": 5, \"events\": [{\"at_s\": 3, "
	     "\"node\": \"a\", \"failing\": {\"lmtp\": 1}}]}",
		"sentences"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_HAS(played(&automatic, rows[i].history), rows[i].why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_fault_that_stands_evacuates),
	    TEST(test_each_interlock_alone_holds_it_back),
	    TEST(test_others_that_were_sick_until_just_now_count),
	    TEST(test_everything_that_speaks_against_it_is_said),
	    TEST(test_of_node_and_fault_the_more_careful_rule_counts),
	    TEST(test_a_rule_may_be_about_a_kind_of_fault),
	    TEST(test_a_wrong_clock_moves_nobody_and_is_in_nobodys_way),
	    TEST(test_these_faults_are_told_and_move_nobody),
	    TEST(test_a_probe_of_a_newer_agent_evacuates_nothing),
	    TEST(test_more_faults_than_there_is_room_for_lose_none_that_stands),
	    TEST(test_a_failing_node_is_emptied),
	    TEST(test_a_fault_that_comes_and_goes_never_evacuates),
	    TEST(test_silence_is_not_death),
	    TEST(test_a_dead_node_is_called_dead_and_never_evacuated),
	    TEST(test_two_sick_nodes_at_once_are_left_alone),
	    TEST(test_histories_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
