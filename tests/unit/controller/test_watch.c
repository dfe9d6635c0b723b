/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch over a cluster played by this file: what is asked of other nodes, when an
 * evacuation begins and that it begins once, what people are told, what a restart keeps.
 */
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/journal.h"
#include "controller/watch.h"
#include "tests/unit/check.h"

#define NODES 3

static struct err e;
static struct journal *journal;
static struct alerts *alerts;
static struct watch *watch;
static int64_t now_ms;
static struct fleet_node nodes[NODES];
static struct fleet_probe probes[NODES];
static struct job job;
static bool has_job;
static char asked[256];		/* "mbs2>mbs1 " each */
static survey_done_fn surveyed; /* a plan is wanted */
static void *surveyed_owner;
static struct plan *plan;
static unsigned begun;
static struct policy_settings settings;

static int64_t
mono(void)
{
	return now_ms;
}

static int64_t
wall(void)
{
	return 1700000000000 + now_ms;
}

static void
each_node(void *ctx, fleet_each_fn fn, void *fn_ctx)
{
	(void)ctx;
	for (size_t i = 0; i < NODES; i++)
		fn(&nodes[i], fn_ctx);
}

static void
each_job(void *ctx, jobs_each_fn fn, void *fn_ctx)
{
	(void)ctx;
	if (has_job)
		fn(&job, fn_ctx);
}

static bool
look(void *ctx, const char *observer, const char *node)
{
	(void)ctx;
	snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%s>%s ", observer,
	    node);
	return true;
}

static void
survey(void *ctx, const char *node, survey_done_fn done, void *owner)
{
	(void)ctx;
	CHECK_STR(node, "mbs1");
	CHECK(surveyed == NULL);
	surveyed = done;
	surveyed_owner = owner;
}

static bool
begin(void *ctx, const struct plan *p, uint32_t *job_out, struct err *why)
{
	(void)ctx;
	(void)why;
	CHECK(p == plan);
	begun++;
	*job_out = 7;
	memset(&job, 0, sizeof(job));
	job.number = 7;
	job.state = JOB_MOVING;
	snprintf(job.kind, sizeof(job.kind), "evacuate");
	snprintf(job.node, sizeof(job.node), "mbs1");
	snprintf(job.who, sizeof(job.who), "policy");
	job.created_ms = wall();
	has_job = true;
	return true;
}

static int restarts;

static void
restart(void *ctx, const char *node)
{
	(void)ctx;
	CHECK_STR(node, "mbs1");
	restarts++;
}

static void
start(void)
{
	const struct watch_host host = {
	    .each_node = each_node,
	    .each_job = each_job,
	    .look = look,
	    .survey = survey,
	    .begin = begin,
	    .restart = restart,
	    .journal = journal,
	    .alerts = alerts,
	    .mono_ms = mono,
	    .wall_ms = wall,
	};

	CHECK(watch_new(&settings, &host, &watch, &e));
}

static int
setup(void **state)
{
	const struct alerts_options options = {.schedule.repeat_s = {0}};
	struct alerts_options with_journal = options;

	(void)state;
	now_ms = 1000000;
	has_job = false;
	begun = 0;
	restarts = 0;
	surveyed = NULL;
	asked[0] = '\0';
	settings = (struct policy_settings){.mode = POLICY_AUTO,
	    .hold_s = 60,
	    .silent_s = 30,
	    .dead_s = 300,
	    .start_s = 0,
	    .heard_percent = 60,
	    .nodes_at_once = 1,
	    .per_day = 1};
	memset(nodes, 0, sizeof(nodes));
	for (size_t i = 0; i < NODES; i++) {
		snprintf(nodes[i].name, sizeof(nodes[i].name), "mbs%zu", i + 1);
		nodes[i].connected = nodes[i].has_inventory = true;
		nodes[i].mailbox_count = 10;
		nodes[i].mailbox_bytes = 5 << 20;
		nodes[i].heard_ms = wall();
	}
	CHECK(journal_open(":memory:", false, &journal, &e));
	with_journal.journal = journal;
	CHECK(alerts_new(&with_journal, &alerts, &e));
	plan = plan_new(PLAN_EVACUATE, "mbs1");
	plan_add_account(plan);
	plan->moved_count = 1;
	start();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	watch_free(&watch);
	alerts_free(&alerts);
	journal_close(&journal);
	plan_free(&plan);
	return 0;
}

/* Time passes in the controller's own steps. */
static void
pass(int seconds)
{
	for (int i = 0; i <= seconds; i += 2) {
		watch_tick(watch);
		now_ms += 2000;
	}
}

static void
sicken(size_t node, const char *probe)
{
	snprintf(probes[node].name, sizeof(probes[node].name), "%s", probe);
	snprintf(probes[node].text, sizeof(probes[node].text), "does not answer");
	nodes[node].failing = &probes[node];
	nodes[node].failing_count = 1;
}

static void
heal(size_t node)
{
	nodes[node].failing_count = 0;
}

static void
give_plan(void)
{
	survey_done_fn done = surveyed;

	CHECK(done != NULL);
	surveyed = NULL;
	done(surveyed_owner, 0, plan, &e);
}

static const char *
raised_of(const char *subject)
{
	static char text[1024];
	const struct alert *a = alert_find(alerts, subject);

	if (a == NULL)
		return "";
	snprintf(
	    text, sizeof(text), "%s: %s | %s", alert_defs[a->key].name, a->text, a->next);
	return text;
}

static const char *
raised(void)
{
	return raised_of("node:mbs1");
}

static void
test_a_failing_node_is_planned_and_evacuated_once(void **state)
{
	(void)state;
	pass(10);
	sicken(0, "lmtp");
	pass(58);
	CHECK(surveyed == NULL);
	CHECK_STR(raised(), "");
	pass(4);
	give_plan();
	CHECK_INT(begun, 1);
	CHECK_HAS(raised(), "evacuation_begun: ");
	CHECK_HAS(raised(), "zmferry job cancel j7");
	pass(600);
	CHECK_INT(begun, 1);
	CHECK(surveyed == NULL);
	CHECK_HAS(raised(), "evacuation_begun: ");
}

static void
test_the_end_of_it_is_told_and_the_budget_is_spent(void **state)
{
	struct cordons cordons = {.count = 1};

	(void)state;
	sicken(0, "lmtp");
	pass(64);
	give_plan();
	job.state = JOB_DONE;
	snprintf(cordons.rows[0].node, WORLD_NAME, "mbs1");
	CHECK(journal_cordons_save(journal, &cordons, &e));
	pass(4);
	CHECK_STR(raised(), "");
	CHECK_STR(watch_state_of(watch, "mbs1"), "empty");
	/* It comes back, and fails again on the same day. */
	cordons.count = 0;
	CHECK(journal_cordons_save(journal, &cordons, &e));
	heal(0);
	pass(4000);
	sicken(0, "lmtp");
	pass(70);
	CHECK(surveyed == NULL);
	CHECK_HAS(raised(), "evacuation_declined: ");
	CHECK_HAS(raised(), "allowed in a day");
	CHECK_INT(begun, 1);
}

static void
test_what_changed_while_it_was_planned_counts(void **state)
{
	(void)state;
	sicken(0, "lmtp");
	pass(64);
	nodes[1].connected = nodes[2].connected = false; /* the net is gone */
	give_plan();
	CHECK_INT(begun, 0);
	CHECK_STR(raised(), "node_failing: node mbs1 is failing: lmtp: does not answer | "
			    "look: zmferry policy explain mbs1; then move its mailboxes "
			    "away: zmferry evacuate mbs1");
	pass(2);
	CHECK_HAS(raised(), "evacuation_declined: ");
	CHECK_HAS(raised(), "too few agents are heard");
}

static void
test_a_plan_without_room_is_declined_and_made_again(void **state)
{
	(void)state;
	sicken(0, "lmtp");
	pass(64);
	plan->no_room_count = 3;
	give_plan();
	pass(2);
	CHECK_INT(begun, 0);
	CHECK_HAS(raised(), "no room for all of its mailboxes");
	pass(50);
	CHECK(surveyed == NULL);
	pass(20);
	CHECK(surveyed != NULL); /* nobody is told anew for each plan */
	CHECK_HAS(raised(), "no room for all of its mailboxes");
	plan->no_room_count = 0;
	give_plan();
	CHECK_INT(begun, 1);
}

static void
test_asked_for_by_default_a_person_decides(void **state)
{
	(void)state;
	settings.mode = POLICY_ASK;
	sicken(0, "disk:store");
	pass(600);
	CHECK(surveyed == NULL);
	CHECK_HAS(raised(), "node_failing: ");
	CHECK_HAS(raised(), "zmferry evacuate mbs1");
	heal(0);
	pass(2);
	CHECK_STR(raised(), "");
}

static void
test_a_silent_node_is_looked_at_from_two_others(void **state)
{
	(void)state;
	pass(2);
	CHECK_STR(asked, "");
	nodes[0].connected = false;
	pass(2);
	CHECK_STR(asked, "mbs2>mbs1 mbs3>mbs1 ");
	watch_looked(watch, "mbs9", "mbs1", true); /* nobody asked it */
	watch_looked(watch, "mbs2", "mbs1", false);
	pass(34);
	CHECK_STR(watch_state_of(watch, "mbs1"), "down");
	CHECK_HAS(raised(), "node_down: ");
	watch_looked(watch, "mbs3", "mbs1", true);
	pass(2);
	CHECK_STR(watch_state_of(watch, "mbs1"), "unreachable");
	CHECK_HAS(raised(), "node_unreachable: ");
	nodes[0].connected = true;
	pass(2);
	CHECK_STR(raised(), "");
}

static void
test_a_dead_node_is_named_with_what_was_on_it(void **state)
{
	(void)state;
	pass(2);
	nodes[0].connected = false;
	for (int i = 0; i < 30; i++) {
		pass(14);
		watch_looked(watch, "mbs2", "mbs1", false);
	}
	CHECK_STR(watch_state_of(watch, "mbs1"), "dead");
	CHECK_HAS(raised(), "10 mailboxes, 5 MB when it was last heard");
	CHECK_INT(begun, 0);
}

/* mbs1 is silent, and mbs2 sees that it does not serve, for so many looks of 14 s. */
static void
die_slowly(int looks)
{
	nodes[0].connected = false;
	for (int i = 0; i < looks; i++) {
		pass(14);
		watch_looked(watch, "mbs2", "mbs1", false);
	}
}

static void
test_a_container_is_started_again_once(void **state)
{
	(void)state;
	settings.restart = true;
	settings.restart_s = 120;
	pass(2);
	die_slowly(5);
	CHECK_INT(restarts, 0); /* not for long enough */
	die_slowly(8);
	CHECK_INT(restarts, 1);
	watch_restarted(watch, "mbs1", "container mbs1 is running", NULL);
	CHECK_HAS(raised_of("restart:mbs1"), "node_restarted: ");
	die_slowly(60);
	CHECK_INT(restarts, 1); /* it did not help: not again and again */
	nodes[0].connected = true;
	pass(4);
	CHECK_STR(raised(), "");
	CHECK_STR(raised_of("restart:mbs1"), "");
}

static void
test_a_restart_that_fails_is_said(void **state)
{
	struct err why;

	(void)state;
	settings.restart = true;
	settings.restart_s = 60;
	pass(2);
	die_slowly(12);
	CHECK_INT(restarts, 1);
	err_set(&why, ERR_REFUSED, "there is no container for mbs1");
	watch_restarted(watch, "mbs1", "", &why);
	CHECK_HAS(raised_of("restart:mbs1"), "node_restart_failed: ");
	CHECK_HAS(raised_of("restart:mbs1"), "there is no container");
}

/* Nobody sees that it does not serve; or others are sick too; or it is not wanted. */
static void
test_nothing_is_started_again_on_a_guess(void **state)
{
	(void)state;
	settings.restart = true;
	settings.restart_s = 60;
	pass(2);
	nodes[0].connected = false;
	pass(400);
	CHECK_STR(watch_state_of(watch, "mbs1"), "unreachable");
	CHECK_INT(restarts, 0);
	nodes[1].connected = false;
	die_slowly(20);
	CHECK_INT(restarts, 0);
	settings.restart = false;
	nodes[1].connected = true;
	die_slowly(20);
	CHECK_INT(restarts, 0);
}

static void
test_a_node_that_is_down_at_the_start_is_missed(void **state)
{
	json_t *view;

	(void)state;
	pass(2);
	watch_free(&watch);
	memset(nodes[0].name, 0, sizeof(nodes[0].name)); /* the fleet never heard it */
	snprintf(nodes[0].name, sizeof(nodes[0].name), "mbs2");
	start();
	pass(34);
	CHECK_STR(watch_state_of(watch, "mbs1"), "unreachable");
	view = watch_view(watch, "mbs1");
	CHECK_INT(json_array_size(json_object_get(view, "nodes")), 1);
	json_decref(view);
	if (!watch_forget(watch, "mbs1", &e))
		fail_msg("%s", e.text);
	CHECK_STR(raised(), "");
	CHECK(!watch_forget(watch, "mbs1", &e));
	CHECK_HAS(e.text, "nobody knows it");
	CHECK(!watch_forget(watch, "mbs2", &e));
	CHECK_HAS(e.text, "is connected");
	watch_free(&watch);
	start();
	CHECK_STR(watch_state_of(watch, "mbs1"), "");
}

static void
test_after_a_restart_its_own_job_is_known(void **state)
{
	(void)state;
	sicken(0, "lmtp");
	pass(64);
	give_plan();
	watch_free(&watch);
	start();
	pass(100);
	CHECK_INT(begun, 1);
	CHECK_HAS(raised(), "evacuation_begun: ");
	job.state = JOB_DONE;
	heal(0);
	pass(2);
	CHECK_STR(raised(), "");
}

#define WATCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WATCHED(test_a_failing_node_is_planned_and_evacuated_once),
	    WATCHED(test_the_end_of_it_is_told_and_the_budget_is_spent),
	    WATCHED(test_what_changed_while_it_was_planned_counts),
	    WATCHED(test_a_plan_without_room_is_declined_and_made_again),
	    WATCHED(test_asked_for_by_default_a_person_decides),
	    WATCHED(test_a_silent_node_is_looked_at_from_two_others),
	    WATCHED(test_a_dead_node_is_named_with_what_was_on_it),
	    WATCHED(test_a_container_is_started_again_once),
	    WATCHED(test_a_restart_that_fails_is_said),
	    WATCHED(test_nothing_is_started_again_on_a_guess),
	    WATCHED(test_a_node_that_is_down_at_the_start_is_missed),
	    WATCHED(test_after_a_restart_its_own_job_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
