/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes where: even, within room, the same every time; and who cannot go, by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/plan.h"
#include "proto/base/clock.h"
#include "tests/unit/check.h"

#define GB (1024ull * 1024 * 1024)
#define MB (1024ull * 1024)

static struct err e;

/* mbs1 is emptied; the others have agents, health and a terabyte. */
static struct plan *
plan_of_nodes(int count)
{
	struct plan *p = plan_new(PLAN_EVACUATE, "mbs1.example.org");

	for (int i = 1; i <= count; i++) {
		struct plan_node *n = plan_add_node(p);

		snprintf(n->name, sizeof(n->name), "mbs%d.example.org", i);
		n->has_agent = n->healthy = true;
		n->room_bytes = 1024 * GB;
	}
	return p;
}

static void
add(struct plan *p, int number, uint64_t bytes)
{
	struct plan_account *a = plan_add_account(p);

	snprintf(a->id, sizeof(a->id), "id-%06d", number);
	snprintf(a->name, sizeof(a->name), "user%d@example.org", number);
	a->bytes = bytes;
	a->has_mailbox = true;
}

static void
make(struct plan *p)
{
	if (!plan_choose_targets(p, "", &e) || !plan_make(p, &e))
		fail_msg("%s", e.text);
}

static const struct plan_account *
find(const struct plan *p, int number)
{
	char id[40];

	snprintf(id, sizeof(id), "id-%06d", number);
	for (size_t i = 0; i < p->account_count; i++) {
		if (strcmp(p->accounts[i].id, id) == 0)
			return &p->accounts[i];
	}
	fail_msg("no %s", id);
}

static uint64_t
any_size(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % 1000 * 3 * MB;
}

static uint64_t
difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* --- even --- */

static void
test_mailboxes_spread_evenly_by_bytes_and_count(void **state)
{
	struct plan *p = plan_of_nodes(4);
	uint32_t seed = 3;

	(void)state;
	for (int i = 0; i < 300; i++)
		add(p, i, any_size(&seed));
	make(p);
	CHECK_INT(p->moved_count, 300);
	for (size_t i = 2; i < 4; i++) {
		CHECK(difference(p->targets[i].bytes_after, p->targets[1].bytes_after) <
		      20 * MB);
		CHECK(difference(p->targets[i].count_after, p->targets[1].count_after) <
		      15);
	}
	CHECK_INT(p->targets[0].count_after, 0);
	plan_free(&p);
}

static void
test_a_node_that_holds_more_gets_less(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	p->nodes[1].bytes = 10 * GB;
	p->nodes[1].count = 10;
	for (int i = 0; i < 30; i++)
		add(p, i, GB);
	make(p);
	CHECK_INT(p->targets[1].count_after - p->targets[1].count_before, 10);
	CHECK_INT(p->targets[2].count_after, 20);
	CHECK_INT(p->targets[1].bytes_after, p->targets[2].bytes_after);
	plan_free(&p);
}

/* Accounts that never logged in weigh nothing, and must not all land on one node. */
static void
test_empty_mailboxes_spread_by_count(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	p->nodes[1].bytes = 5 * MB;
	for (int i = 0; i < 100; i++)
		add(p, i, 0);
	make(p);
	CHECK(difference(p->targets[1].count_after, p->targets[2].count_after) <= 6);
	plan_free(&p);
}

static void
test_the_largest_go_first(void **state)
{
	struct plan *p = plan_of_nodes(2);

	(void)state;
	add(p, 1, 5 * MB);
	add(p, 2, 9 * MB);
	add(p, 3, 7 * MB);
	make(p);
	CHECK_STR(p->accounts[0].id, "id-000002");
	CHECK_STR(p->accounts[2].id, "id-000001");
	plan_free(&p);
}

/* Zimbra's own accounts are accounts: deleteServer asks for them too. */
static void
test_system_accounts_go_too(void **state)
{
	struct plan *p = plan_of_nodes(2);

	(void)state;
	add(p, 1, MB);
	snprintf(p->accounts[0].name, sizeof(p->accounts[0].name), "spam.x7@example.org");
	make(p);
	CHECK_INT(find(p, 1)->target, 1);
	plan_free(&p);
}

/* --- room --- */

static void
test_no_target_is_filled_above_its_limit(void **state)
{
	struct plan *p = plan_of_nodes(3);
	uint64_t taken = 0;

	(void)state;
	p->nodes[1].room_bytes = 10 * GB;
	for (int i = 0; i < 40; i++)
		add(p, i, GB);
	make(p);
	CHECK_INT(p->refused_count, 0);
	for (size_t i = 0; i < p->account_count; i++)
		taken += p->accounts[i].target == 1
			     ? plan_room_needed(p->accounts[i].bytes)
			     : 0;
	CHECK(taken <= 10 * GB);
	CHECK_INT(
	    p->targets[1].count_after, 4); /* spool and mailbox: twice their bytes */
	plan_free(&p);
}

static void
test_who_finds_no_room_is_refused_by_name(void **state)
{
	struct plan *p = plan_of_nodes(2);

	(void)state;
	p->nodes[1].room_bytes = 3 * GB;
	add(p, 1, GB);
	add(p, 2, 50 * GB);
	make(p);
	CHECK_INT(find(p, 1)->target, 1);
	CHECK_INT(find(p, 2)->target, -1);
	CHECK_STR(
	    find(p, 2)->refused, "no target has 102401 MB free below its fill limit");
	CHECK_HAS(find(p, 2)->next, "zmferry plan evacuate mbs1.example.org");
	CHECK_INT(p->refused_count, 1);
	CHECK_INT(p->moved_count, 1);
	plan_free(&p);
}

static void
test_refused_accounts_are_left_alone(void **state)
{
	struct plan *p = plan_of_nodes(2);

	(void)state;
	add(p, 1, GB);
	add(p, 2, GB);
	snprintf(p->accounts[1].refused, sizeof(p->accounts[1].refused),
	    "exports are limited");
	make(p);
	CHECK_INT(find(p, 2)->target, -1);
	CHECK_STR(find(p, 2)->refused, "exports are limited");
	CHECK_INT(p->moved_bytes, GB);
	plan_free(&p);
}

/* --- what makes a plan impossible --- */

static void
test_a_node_without_agent_is_refused_by_name(void **state)
{
	struct plan *p = plan_of_nodes(2);

	(void)state;
	add(p, 1, GB);
	p->nodes[0].has_agent = false;
	snprintf(p->nodes[0].why_not, sizeof(p->nodes[0].why_not),
	    "no agent of it is connected");
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(!plan_make(p, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_STR(e.text,
	    "node mbs1.example.org: cannot be emptied: no agent of it is connected");
	plan_free(&p);
}

static void
test_no_target_at_all_is_refused(void **state)
{
	struct plan *p = plan_of_nodes(2);

	(void)state;
	p->nodes[1].healthy = false;
	snprintf(p->nodes[1].why_not, sizeof(p->nodes[1].why_not), "disk: full");
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(!plan_make(p, &e));
	CHECK_HAS(e.text, "no other node can take its mailboxes");
	CHECK_HAS(e.text, "disk: full");
	plan_free(&p);
	p = plan_of_nodes(1);
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(!plan_make(p, &e));
	CHECK_HAS(e.text, "add one first");
	plan_free(&p);
}

/* A disk that fails is the reason to leave, and no reason to stay. */
static void
test_a_sick_node_is_emptied_while_it_can_be_read(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	p->nodes[0].healthy = false;
	snprintf(p->nodes[0].why_not, LIMIT_TEXT, "disk:store: read-only");
	add(p, 1, GB);
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(plan_make(p, &e));
	CHECK_INT(p->moved_count, 1);
	plan_free(&p);
	p = plan_of_nodes(3);
	p->nodes[0].healthy = false;
	p->nodes[0].unreadable = true;
	snprintf(p->nodes[0].why_not, LIMIT_TEXT, "mailboxd: no answer");
	add(p, 1, GB);
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(!plan_make(p, &e));
	CHECK_HAS(e.text, "cannot be emptied: mailboxd: no answer");
	plan_free(&p);
}

static void
test_mailboxes_without_room_are_counted(void **state)
{
	struct plan *p = plan_of_nodes(2);

	(void)state;
	p->nodes[1].room_bytes = 0;
	add(p, 1, GB);
	add(p, 2, GB);
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(plan_make(p, &e));
	CHECK_INT(p->no_room_count, 2);
	plan_free(&p);
}

static void
test_a_named_target_must_be_able(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	p->nodes[2].healthy = false;
	snprintf(p->nodes[2].why_not, sizeof(p->nodes[2].why_not), "lmtp: no banner");
	CHECK(plan_choose_targets(p, "mbs2,mbs3", &e));
	CHECK(!plan_make(p, &e));
	CHECK_STR(
	    e.text, "node mbs3.example.org: cannot take mailboxes: lmtp: no banner");
	plan_free(&p);
}

/* Zimbra would open the old copy again: another target, or refused with the reason. */
static void
test_an_old_copy_is_no_target(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	add(p, 1, GB);
	add(p, 2, GB);
	p->accounts[0].old_copies = (uint64_t)1 << 1;
	p->accounts[1].old_copies = (uint64_t)1 << 1 | (uint64_t)1 << 2;
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(plan_make(p, &e));
	CHECK_INT(find(p, 1)->target, 2);
	CHECK_INT(find(p, 2)->target, -1);
	CHECK_HAS(find(p, 2)->refused, "mbs2.example.org still holds an old copy");
	CHECK_HAS(find(p, 2)->next, "stale copy");
	CHECK_INT(p->refused_count, 1);
	plan_free(&p);
}

/* Our own old copy is deleted first: that node is a target, though not the first choice. */
static void
test_an_old_copy_of_our_own_is_cleared(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	add(p, 1, GB);
	p->accounts[0].own_copies = (uint64_t)1 << 1;
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(plan_make(p, &e));
	CHECK_INT(find(p, 1)->target, 2);
	CHECK_INT(p->cleared_count, 0);
	plan_free(&p);
	p = plan_of_nodes(3);
	add(p, 1, GB);
	p->accounts[0].own_copies = (uint64_t)1 << 1;
	CHECK(plan_choose_targets(p, "mbs2", &e));
	CHECK(plan_make(p, &e));
	CHECK_INT(find(p, 1)->target, 1);
	CHECK_INT(p->cleared_count, 1);
	plan_free(&p);
}

static void
test_a_cordoned_node_is_no_target_and_can_be_emptied(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	add(p, 1, GB);
	p->nodes[0].cordoned = true;
	p->nodes[1].cordoned = true;
	snprintf(p->nodes[1].why_not, LIMIT_TEXT, "it is cordoned");
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(plan_make(p, &e));
	CHECK_INT(find(p, 1)->target, 2);
	CHECK(plan_choose_targets(p, "mbs2", &e));
	CHECK(!plan_make(p, &e));
	CHECK_HAS(e.text, "cannot take mailboxes: it is cordoned");
	plan_free(&p);
}

/* Of two targets the one of three times the weight gets three of four. */
static void
test_weights_are_kept(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	p->nodes[2].weight = 300;
	for (int i = 0; i < 400; i++)
		add(p, i, 10 * MB);
	make(p);
	CHECK(p->targets[2].count_after >= 296 && p->targets[2].count_after <= 304);
	CHECK_INT(p->targets[1].count_after + p->targets[2].count_after, 400);
	plan_free(&p);
}

/* A node is filled: it is the only target, and whose node is dead is for others to say. */
static void
test_a_node_is_filled(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	p->kind = PLAN_RESTORE;
	p->nodes[1].has_agent = false;
	add(p, 1, GB);
	add(p, 2, 2 * GB);
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(plan_make(p, &e));
	CHECK_INT(find(p, 1)->target, 0);
	CHECK_INT(find(p, 2)->target, 0);
	CHECK_INT(p->moved_count, 2);
	CHECK(!plan_choose_targets(p, "mbs3", &e));
	CHECK_HAS(e.text, "is the target");
	plan_free(&p);
	p = plan_of_nodes(2);
	p->kind = PLAN_MOVE;
	p->nodes[0].healthy = false;
	snprintf(p->nodes[0].why_not, LIMIT_TEXT, "disk:store: full");
	add(p, 1, GB);
	CHECK(plan_choose_targets(p, "", &e));
	CHECK(!plan_make(p, &e));
	CHECK_HAS(e.text, "cannot take mailboxes: disk:store: full");
	plan_free(&p);
}

static void
test_nobody_to_move_is_said_for_each_kind(void **state)
{
	static const char *const parts[PLAN_KIND_COUNT] = {
	    [PLAN_EVACUATE] = "names nobody on it",
	    [PLAN_RESTORE] = "nothing to bring back",
	    [PLAN_MOVE] = "no account is named",
	    [PLAN_REBALANCE] = "even already",
	};
	enum plan_kind parsed;

	(void)state;
	for (int kind = 0; kind < PLAN_KIND_COUNT; kind++) {
		struct plan *p = plan_of_nodes(2);

		p->kind = (enum plan_kind)kind;
		/* A node can go or come with nobody on it. */
		CHECK_INT(plan_has_work(p, &e), parts[kind] == NULL);
		if (parts[kind] != NULL)
			CHECK_HAS(e.text, parts[kind]);
		CHECK(plan_kind_parse(plan_kinds[kind].name, &parsed));
		CHECK_INT(parsed, kind);
		plan_free(&p);
	}
	CHECK(!plan_kind_parse("destroy", &parsed));
}

static void
test_targets_are_chosen_by_name(void **state)
{
	struct plan *p = plan_of_nodes(3);

	(void)state;
	add(p, 1, GB);
	add(p, 2, GB);
	CHECK(plan_choose_targets(p, "mbs3", &e));
	CHECK(plan_make(p, &e));
	CHECK_INT(find(p, 1)->target, 2);
	CHECK_INT(find(p, 2)->target, 2);
	CHECK(!plan_choose_targets(p, "mbs1", &e));
	CHECK_STR(e.text, "node mbs1.example.org: cannot be emptied into itself");
	CHECK(!plan_choose_targets(p, "mbs2,mbs3,mbs2.example.org", &e));
	CHECK_STR(e.text, "node mbs2.example.org: is named twice");
	CHECK(!plan_choose_targets(p, "mbs9", &e));
	CHECK_HAS(
	    e.text, "no mailbox server of that name; there are mbs1.example.org, mbs2");
	snprintf(p->nodes[1].name, sizeof(p->nodes[1].name), "mbs3.example.net");
	CHECK(!plan_choose_targets(p, "mbs3", &e));
	CHECK_HAS(e.text, "give the whole name");
	plan_free(&p);
}

static void
test_nobody_to_move_is_said(void **state)
{
	struct plan *p = plan_of_nodes(2);

	(void)state;
	CHECK(!plan_has_work(p, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_STR(e.text, "node mbs1.example.org: the directory names nobody on it; "
			  "there is nothing to move");
	add(p, 1, GB);
	snprintf(
	    p->accounts[0].refused, sizeof(p->accounts[0].refused), "is intercepted");
	make(p);
	CHECK(!plan_has_work(p, &e));
	CHECK_HAS(e.text, "user1@example.org: is intercepted");
	add(p, 2, GB);
	plan_free(&p);
}

/* --- the same every time --- */

static void
test_the_same_facts_give_the_same_plan(void **state)
{
	struct plan *a = plan_of_nodes(5);
	struct plan *b = plan_of_nodes(5);

	(void)state;
	for (int i = 0; i < 200; i++)
		add(a, i, MB * (unsigned)(i % 7));
	for (int i = 199; i >= 0; i--)
		add(b, i, MB * (unsigned)(i % 7));
	make(a);
	make(b);
	CHECK_STR(a->version, b->version);
	for (size_t i = 0; i < 200; i++) {
		CHECK_STR(a->accounts[i].id, b->accounts[i].id);
		CHECK_INT(a->accounts[i].target, b->accounts[i].target);
	}
	plan_free(&a);
	plan_free(&b);
}

/* A plan that was shown is stale when who goes changed; mail that came meanwhile does not matter. */
static void
test_the_version_follows_who_goes(void **state)
{
	struct plan *plans[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		plans[i] = plan_of_nodes(3);
		add(plans[i], 1, i == 1 ? 5 * GB : GB);
		add(plans[i], i == 2 ? 3 : 2, GB);
		if (i == 3)
			snprintf(plans[i]->accounts[0].refused,
			    sizeof(plans[i]->accounts[0].refused), "no");
		make(plans[i]);
	}
	CHECK_STR(plans[0]->version, plans[1]->version);
	CHECK(strcmp(plans[0]->version, plans[2]->version) != 0);
	CHECK(strcmp(plans[0]->version, plans[3]->version) != 0);
	for (int i = 0; i < 4; i++)
		plan_free(&plans[i]);
}

/* Printed, not held against a limit: it depends on the machine. */
static void
test_ten_thousand_mailboxes_over_fifty_nodes(void **state)
{
	struct plan *p = plan_of_nodes(51);
	uint32_t seed = 1;
	uint64_t began;

	(void)state;
	for (int i = 0; i < 10000; i++)
		add(p, i, any_size(&seed));
	began = clock_mono_ms();
	make(p);
	printf("plan of 10000 mailboxes over 50 nodes: %llu ms\n",
	    (unsigned long long)(clock_mono_ms() - began));
	CHECK_INT(p->moved_count, 10000);
	plan_free(&p);
}

static void
test_a_new_node_needs_a_host_name(void **state)
{
	static const char *const good[] = {
	    "mbs4.example.org", "MBS4.Example.ORG", "a.b", "1-2.x--y.z"};
	static const char *const bad[] = {"", ".", "..", "a..b", ".a.b", "a.b.", "-a.b",
	    "a-.b", "a.-b", "a.b-", "a b.c", "a_b.c", "../etc.d", "a/b.c", "a.b,c.d",
	    "<img src=x onerror=alert(1)>.example.org", "%n.example.org", "a\".b",
	    "a.b\n", "m\xc3\xbc.example.org", "$(id).example.org", "*.example.org"};
	char label[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (!plan_check_new_name(good[i], &e))
			fail_msg("\"%s\": %s", good[i], e.text);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (plan_check_new_name(bad[i], &e))
			fail_msg("\"%s\" was taken for a host name", bad[i]);
		CHECK(e.kind == ERR_REFUSED && strstr(e.text, "is no host name") != NULL);
	}
	CHECK(!plan_check_new_name("mbs4", &e));
	CHECK(strstr(e.text, "needs its whole name") != NULL);
	memset(label, 'a', 63);
	snprintf(label + 63, sizeof(label) - 63, ".b");
	CHECK(plan_check_new_name(label, &e));
	label[63] = 'a';
	label[64] = '.';
	label[65] = 'b';
	label[66] = '\0';
	CHECK(!plan_check_new_name(label, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_mailboxes_spread_evenly_by_bytes_and_count),
	    TEST(test_a_node_that_holds_more_gets_less),
	    TEST(test_empty_mailboxes_spread_by_count),
	    TEST(test_the_largest_go_first),
	    TEST(test_system_accounts_go_too),
	    TEST(test_no_target_is_filled_above_its_limit),
	    TEST(test_who_finds_no_room_is_refused_by_name),
	    TEST(test_refused_accounts_are_left_alone),
	    TEST(test_a_node_without_agent_is_refused_by_name),
	    TEST(test_no_target_at_all_is_refused),
	    TEST(test_a_sick_node_is_emptied_while_it_can_be_read),
	    TEST(test_mailboxes_without_room_are_counted),
	    TEST(test_a_named_target_must_be_able),
	    TEST(test_an_old_copy_is_no_target),
	    TEST(test_an_old_copy_of_our_own_is_cleared),
	    TEST(test_a_cordoned_node_is_no_target_and_can_be_emptied),
	    TEST(test_weights_are_kept),
	    TEST(test_a_node_is_filled),
	    TEST(test_nobody_to_move_is_said_for_each_kind),
	    TEST(test_targets_are_chosen_by_name),
	    TEST(test_nobody_to_move_is_said),
	    TEST(test_the_same_facts_give_the_same_plan),
	    TEST(test_the_version_follows_who_goes),
	    TEST(test_ten_thousand_mailboxes_over_fifty_nodes),
	    TEST(test_a_new_node_needs_a_host_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
