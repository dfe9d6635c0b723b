/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and moves as JSON: what scripts and pages rely on. */
#include <stdio.h>
#include <string.h>

#include "controller/api/view.h"
#include "tests/unit/check.h"

static const char *
text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	if (text == NULL)
		fail_msg("no text \"%s\"", key);
	return text;
}

static struct plan *
a_plan(void)
{
	struct plan *p = plan_new(PLAN_EVACUATE, "mbs1");
	struct plan_account *a;
	struct err e;

	for (int i = 1; i <= 2; i++) {
		struct plan_node *n = plan_add_node(p);

		snprintf(n->name, sizeof(n->name), "mbs%d", i);
		n->has_agent = n->healthy = true;
		n->room_bytes = (uint64_t)1 << 40;
	}
	a = plan_add_account(p);
	snprintf(a->id, sizeof(a->id), "id-1");
	snprintf(a->name, sizeof(a->name), "anna@example.org");
	a->bytes = 5000;
	a->has_mailbox = true;
	a = plan_add_account(p);
	snprintf(a->id, sizeof(a->id), "id-2");
	snprintf(a->name, sizeof(a->name), "b\xffrt@example.org"); /* not UTF-8 */
	snprintf(a->refused, sizeof(a->refused), "is intercepted");
	snprintf(a->next, sizeof(a->next), "do that");
	p->orphans = 3;
	if (!plan_choose_targets(p, "", &e) || !plan_make(p, &e))
		fail_msg("%s", e.text);
	return p;
}

static void
test_a_plan_says_who_goes_and_who_does_not(void **state)
{
	struct plan *p = a_plan();
	json_t *answer = view_plan(p);
	const json_t *plan = json_object_get(answer, "plan");
	const json_t *moves = json_object_get(plan, "moves");
	const json_t *refused = json_object_get(plan, "refused");
	const json_t *targets = json_object_get(plan, "targets");
	bool orphans = false;

	(void)state;
	CHECK_STR(text_of(plan, "node"), "mbs1");
	CHECK_STR(text_of(plan, "version"), p->version);
	CHECK_INT(json_integer_value(json_object_get(plan, "mailboxes")), 1);
	CHECK_INT(json_array_size(moves), 1);
	CHECK_STR(text_of(json_array_get(moves, 0), "account"), "anna@example.org");
	CHECK_STR(text_of(json_array_get(moves, 0), "target"), "mbs2");
	CHECK_INT(json_array_size(refused), 1);
	CHECK_STR(text_of(json_array_get(refused, 0), "account"), "?");
	CHECK_STR(text_of(json_array_get(refused, 0), "why"), "is intercepted");
	CHECK_STR(text_of(json_array_get(refused, 0), "next"), "do that");
	CHECK_INT(json_array_size(targets), 1);
	CHECK_INT(json_integer_value(
		      json_object_get(json_array_get(targets, 0), "bytes_after")),
	    5000);
	for (size_t i = 0; i < json_array_size(json_object_get(plan, "notes")); i++)
		orphans = orphans || strstr(json_string_value(json_array_get(
						json_object_get(plan, "notes"), i)),
					 "left alone: 3") != NULL;
	CHECK(orphans);
	json_decref(answer);
	plan_free(&p);
}

/* A node that is empty has a plan without targets, and that is shown too. */
static void
test_an_empty_plan_can_be_shown(void **state)
{
	struct plan *p = plan_new(PLAN_EVACUATE, "mbs1");
	json_t *answer;

	(void)state;
	plan_add_node(p)->is_target = true;
	answer = view_plan(p);
	CHECK_INT(
	    json_array_size(json_object_get(json_object_get(answer, "plan"), "targets")),
	    0);
	json_decref(answer);
	plan_free(&p);
}

static void
test_a_move_says_what_holds_and_what_to_do_next(void **state)
{
	struct move m = {.number = 3,
	    .id = "m3",
	    .job_number = 2,
	    .account_name = "anna@example.org",
	    .source = "mbs1",
	    .target = "mbs2",
	    .state = MOVE_STUCK,
	    .stuck_from = MOVE_OPENING,
	    .error = "the disk is full"};
	json_t *row = view_move(NULL, &m);

	(void)state;
	CHECK_STR(text_of(row, "state"), "stuck");
	CHECK_STR(text_of(row, "job"), "j2");
	CHECK_STR(text_of(row, "error"), "the disk is full");
	CHECK_HAS(text_of(row, "next"), "zmferry job retry j2");
	CHECK_HAS(text_of(row, "next"), "if people cannot wait, back to mbs1");
	CHECK_HAS(text_of(row, "next"), "zmferry move revert m3");
	CHECK(json_is_false(json_object_get(row, "taken_back")));
	json_decref(row);
	m.state = MOVE_SETTLED;
	m.data.reverted = m.data.left_behind = true;
	row = view_move(NULL, &m);
	CHECK(json_is_true(json_object_get(row, "taken_back")));
	CHECK_HAS(text_of(row, "next"), "start mbs1 again, then: zmferry move revert m3");
	json_decref(row);
	m.data.reverted = m.data.left_behind = false;
	m.state = MOVE_SETTLED;
	m.data.no_mailbox = true; /* nothing to compare is nothing amiss */
	row = view_move(NULL, &m);
	CHECK_STR(text_of(row, "verdict"), "clean");
	CHECK_STR(text_of(row, "next"), "");
	json_decref(row);
	m.data.no_mailbox = false;
	snprintf(m.data.verdict, sizeof(m.data.verdict), "not clean");
	row = view_move(NULL, &m);
	CHECK_HAS(text_of(row, "next"), "the old copy is kept on mbs1");
	json_decref(row);
	m.state = MOVE_ABANDONED;
	m.data.gone = true;
	row = view_move(NULL, &m);
	CHECK_HAS(text_of(row, "next"), "the account is deleted");
	json_decref(row);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_plan_says_who_goes_and_who_does_not),
	    TEST(test_an_empty_plan_can_be_shown),
	    TEST(test_a_move_says_what_holds_and_what_to_do_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
