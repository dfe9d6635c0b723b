/* SPDX-License-Identifier: Apache-2.0 */
/* Each fact that speaks against taking a node out is found, with a way out. */
#include <stdio.h>
#include <string.h>

#include "controller/removal.h"
#include "tests/unit/check.h"

static struct server_standing standing;
static struct removal_ours ours;
static struct server_reference refs[2];
static struct removal_report report;

static void
begin(void)
{
	memset(&standing, 0, sizeof(standing));
	memset(&ours, 0, sizeof(ours));
	memset(refs, 0, sizeof(refs));
	standing.found = true;
	standing.others = 2;
	standing.refs = refs;
}

static void
judge(void)
{
	removal_report_fini(&report);
	removal_judge("mbs1.example.org", &standing, &ours, &report);
	for (size_t i = 0; i < report.count; i++) {
		const struct removal_finding *f = &report.findings[i];

		if (f->level == REMOVAL_BLOCKS || f->level == REMOVAL_AFTER)
			CHECK(f->next[0] != '\0');
	}
}

/* The finding of that check at that level; the test fails when there is none. */
static const struct removal_finding *
found(const char *check, enum removal_level level)
{
	for (size_t i = 0; i < report.count; i++) {
		if (strcmp(report.findings[i].check, check) == 0 &&
		    report.findings[i].level == level)
			return &report.findings[i];
	}
	fail_msg("no finding of %s", check);
}

static void
test_nothing_speaks_against_a_plain_empty_node(void **state)
{
	char text[LIMIT_TEXT];

	(void)state;
	begin();
	judge();
	CHECK_INT(report.by_level[REMOVAL_BLOCKS], 0);
	removal_blocks_text(&report, text, sizeof(text));
	CHECK_STR(text, "");
}

static void
test_the_last_server_stays(void **state)
{
	(void)state;
	begin();
	standing.others = 0;
	judge();
	CHECK_HAS(found("last_server", REMOVAL_BLOCKS)->text, "the only mailbox server");
}

static void
test_accounts_block_but_not_before_they_were_moved(void **state)
{
	(void)state;
	begin();
	standing.accounts = 3;
	snprintf(standing.account, sizeof(standing.account), "anna@example.org");
	judge();
	CHECK_HAS(found("accounts", REMOVAL_BLOCKS)->text, "anna@example.org");
	ours.planned = true;
	judge();
	CHECK_INT(report.by_level[REMOVAL_BLOCKS], 0);
}

static void
test_what_may_be_only_there_blocks(void **state)
{
	(void)state;
	begin();
	ours.stuck = 1;
	ours.unclean = 2;
	ours.tidying = 3;
	judge();
	CHECK_HAS(found("purges", REMOVAL_BLOCKS)->text, "just being deleted");
	CHECK_HAS(found("stuck", REMOVAL_BLOCKS)->next, "moves --failed");
	CHECK_HAS(found("verdicts", REMOVAL_BLOCKS)->text, "2 mailboxes");
}

/* Old copies stay in volumes that are kept; they are in the way of destroying them only. */
static void
test_volumes_are_destroyed_only_when_nothing_is_in_them(void **state)
{
	(void)state;
	begin();
	ours.kept_copies = 5;
	ours.strange_copies = 2;
	ours.unknown = true;
	judge();
	CHECK_INT(report.by_level[REMOVAL_BLOCKS], 0);
	CHECK_HAS(found("old_copies", REMOVAL_NOTE)->text, "5 old copies stay");
	found("strangers", REMOVAL_NOTE);
	ours.destroy_volumes = true;
	judge();
	CHECK_HAS(found("old_copies", REMOVAL_BLOCKS)->next,
	    "zmferry purge node mbs1.example.org");
	found("strangers", REMOVAL_BLOCKS);
	CHECK_HAS(found("contents", REMOVAL_BLOCKS)->text, "not connected");
}

static void
test_a_server_that_does_more_stays(void **state)
{
	(void)state;
	begin();
	snprintf(standing.services, sizeof(standing.services), "mta, proxy");
	standing.provisions = true;
	judge();
	CHECK_HAS(found("services", REMOVAL_BLOCKS)->text, "mta, proxy");
	CHECK_HAS(found("services", REMOVAL_BLOCKS)->next, "zmprov ms mbs1.example.org");
	found("autoprov", REMOVAL_BLOCKS);
}

static void
test_references_are_cured_or_said_with_the_command(void **state)
{
	(void)state;
	begin();
	standing.ref_count = 2;
	refs[0] = (struct server_reference){.attr = "zimbraMtaAuthHost",
	    .owner = "mta1.example.org",
	    .value = "mbs1.example.org",
	    .others = true,
	    .cured = true};
	refs[1] = (struct server_reference){
	    .attr = "zimbraLogHostname", .value = "mbs1.example.org"};
	judge();
	CHECK_HAS(found("references", REMOVAL_DOES)->text, "mta1.example.org");
	CHECK_HAS(found("references", REMOVAL_BLOCKS)->next,
	    "zmprov mcf zimbraLogHostname ANOTHER");
}

static void
test_what_is_left_to_do_is_said(void **state)
{
	(void)state;
	begin();
	standing.is_lookup_target = true;
	judge();
	CHECK_HAS(found("proxies", REMOVAL_AFTER)->next, "zmproxyctl restart");
	found("addresses", REMOVAL_AFTER);
}

/* However many there are: the sentence fits, and says that there are more. */
static void
test_many_reasons_make_one_sentence(void **state)
{
	char text[300];

	(void)state;
	begin();
	standing.others = 0;
	standing.accounts = 3;
	standing.provisions = true;
	ours.stuck = ours.unclean = 1;
	snprintf(standing.services, sizeof(standing.services), "mta");
	judge();
	removal_blocks_text(&report, text, sizeof(text));
	CHECK_HAS(text, "the only mailbox server");
	CHECK_HAS(text, "more");
	CHECK(strlen(text) < sizeof(text));
	removal_report_fini(&report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_nothing_speaks_against_a_plain_empty_node),
	    TEST(test_the_last_server_stays),
	    TEST(test_accounts_block_but_not_before_they_were_moved),
	    TEST(test_what_may_be_only_there_blocks),
	    TEST(test_volumes_are_destroyed_only_when_nothing_is_in_them),
	    TEST(test_a_server_that_does_more_stays),
	    TEST(test_references_are_cured_or_said_with_the_command),
	    TEST(test_what_is_left_to_do_is_said),
	    TEST(test_many_reasons_make_one_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
