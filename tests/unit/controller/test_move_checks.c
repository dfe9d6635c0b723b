/* SPDX-License-Identifier: Apache-2.0 */
/* Each false precondition is refused by name, with the way out. */
#include <stdio.h>
#include <string.h>

#include "controller/move_checks.h"
#include "tests/unit/check.h"

static struct err e;

static struct move
a_move(void)
{
	return (struct move){.account_id = "id-1",
	    .account_name = "anna@example.org",
	    .source = "mbs1.example.org",
	    .target = "mbs2.example.org",
	    .bytes = 1000};
}

static struct ask_account
good_account(void)
{
	return (struct ask_account){.found = true,
	    .name = "anna@example.org",
	    .mail_host = "mbs1.example.org",
	    .transport = "lmtp:mbs1.example.org:7025",
	    .status = "active",
	    .token_validity_enabled = true,
	    .target_id = "server-2",
	    .source_lmtp_port = 7025};
}

static void
refused(const struct ask_account *a, const char *part, const char *way_out)
{
	struct move m = a_move();

	CHECK(!check_account(&m, a, "admin-id", &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, part);
	CHECK_HAS(e.text, way_out);
}

static void
test_a_good_account_passes(void **state)
{
	struct move m = a_move();
	struct ask_account a = good_account();
	static const char *const statuses[] = {
	    "active", "locked", "closed", "pending", "lockout"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		snprintf(a.status, sizeof(a.status), "%s", statuses[i]);
		if (!check_account(&m, &a, "admin-id", &e))
			fail_msg("%s: %s", statuses[i], e.text);
	}
	a.transport[0] = '\0'; /* computed, not set */
	snprintf(a.domain_status, sizeof(a.domain_status), "active");
	CHECK(check_account(&m, &a, "admin-id", &e));
}

static void
test_what_the_directory_says_no_to(void **state)
{
	struct ask_account a = good_account();

	(void)state;
	a.found = false;
	refused(&a, "account anna@example.org: does not exist any more", "");
	a = good_account();
	snprintf(a.mail_host, sizeof(a.mail_host), "mbs3.example.org");
	refused(
	    &a, "lives on mbs3.example.org now, not on mbs1.example.org", "plan again");
	a = good_account();
	a.target_id[0] = '\0';
	refused(&a,
	    "node mbs2.example.org: the directory has no mailbox server of that name",
	    "");
	a = good_account();
	snprintf(a.status, sizeof(a.status), "maintenance");
	refused(&a, "is in maintenance",
	    "zmprov ma anna@example.org zimbraAccountStatus active");
	a = good_account();
	snprintf(a.domain_status, sizeof(a.domain_status), "suspended");
	refused(&a, "its domain is suspended", "set zimbraDomainStatus active");
	a = good_account();
	snprintf(a.transport, sizeof(a.transport), "smtp:archive.example.org");
	refused(&a, "has a transport of its own (smtp:archive.example.org)",
	    "zmprov ma anna@example.org zimbraMailTransport lmtp:mbs1.example.org:7025");
	a = good_account();
	a.export_max_days = 30;
	refused(&a, "exports are limited to 30 days", "zimbraExportMaxDays 0");
	a = good_account();
	a.intercepted = true;
	refused(&a, "is intercepted", "clear zimbraInterceptAddress");
	a = good_account();
	a.token_validity_enabled = false;
	refused(&a, "zimbraAuthTokenValidityValueEnabled is FALSE", "set it TRUE");
	a = good_account();
	a.target_lmtp_permanent = true;
	refused(&a, "mbs2.example.org refuses mail for ever when over quota",
	    "zmprov ms mbs2.example.org zimbraLmtpPermanentFailureWhenOverQuota FALSE");
}

static void
test_our_own_administrator_is_never_moved(void **state)
{
	struct move m = a_move();
	struct ask_account a = good_account();

	(void)state;
	CHECK(!check_account(&m, &a, "id-1", &e));
	CHECK_HAS(e.text, "is zmferry's own administrator and is never moved");
}

static struct ask_preflight
good_node(void)
{
	return (struct ask_preflight){
	    .healthy = true, .spool_is_persistent = true, .spool_free_bytes = 1000000};
}

static void
target_refused(const struct move *m, const struct ask_preflight *p, const char *part)
{
	CHECK(!check_target_node(m, p, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, part);
}

static void
test_what_nodes_say_no_to(void **state)
{
	struct move m = a_move();
	struct ask_preflight p = good_node();

	(void)state;
	CHECK(check_source_node(&m, &p, &e));
	CHECK(check_target_node(&m, &p, &e));
	p.row.present = true;
	target_refused(&m, &p, "still holds an old copy");
	m.data.target_row_made = true; /* its own */
	CHECK(check_target_node(&m, &p, &e));
	p.row.new_messages = 1; /* mail that came in while the home was there */
	target_refused(&m, &p, "holds mail by now");
	p.row.new_messages = 0;
	p = good_node();
	p.spool_is_persistent = false;
	target_refused(&m, &p, "put spool_dir on a volume");
	p = good_node();
	p.spool_free_bytes = 999;
	CHECK(!check_target_node(&m, &p, &e));
	CHECK_INT(e.kind, ERR_FULL); /* somebody may make room */
	CHECK_HAS(e.text, "has room for");
	p = good_node();
	p.healthy = false;
	snprintf(p.why_unhealthy, sizeof(p.why_unhealthy), "mailboxd: does not answer");
	CHECK(!check_target_node(&m, &p, &e));
	CHECK_INT(e.kind, ERR_RETRY); /* it may be back in a moment */
	CHECK_STR(e.text, "node mbs2.example.org: mailboxd: does not answer");
	CHECK(!check_source_node(&m, &p, &e));
	CHECK_INT(e.kind, ERR_RETRY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_good_account_passes),
	    TEST(test_what_the_directory_says_no_to),
	    TEST(test_our_own_administrator_is_never_moved),
	    TEST(test_what_nodes_say_no_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
