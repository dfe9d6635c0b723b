/* SPDX-License-Identifier: Apache-2.0 */
/* People with a certificate: what the journal keeps of them, and what the command makes of
   an address and a file. */
#include <stdlib.h>
#include <string.h>

#include "controller/api/approvals.h"
#include "controller/cli/api.h"
#include "controller/journal_operators.h"
#include "tests/unit/check.h"

static struct err e;

/* --- the journal --- */

static void
count(const struct operator_row *row, void *ctx)
{
	(void)row;
	(*(size_t *)ctx)++;
}

static void
test_one_row_a_name(void **state)
{
	struct operator_row row = {.name = "alice@example.org",
	    .fingerprint = "aa",
	    .made_ms = 5,
	    .ends_ms = 7,
	    .made_by = "uid 0"};
	struct operator_row got;
	struct journal *j;
	size_t rows = 0;

	(void)state;
	CHECK(journal_open(":memory:", false, &j, &e));
	CHECK(!journal_operator_find(j, "alice@example.org", &got));
	CHECK(journal_operator_save(j, &row, &e));
	CHECK(journal_operator_find(j, "alice@example.org", &got));
	CHECK_STR(got.fingerprint, "aa");
	CHECK_STR(got.made_by, "uid 0");
	CHECK(got.made_ms == 5 && got.ends_ms == 7);
	snprintf(row.fingerprint, sizeof(row.fingerprint), "bb");
	CHECK(journal_operator_save(j, &row, &e)); /* the one before is over */
	CHECK(journal_operator_find(j, "alice@example.org", &got));
	CHECK_STR(got.fingerprint, "bb");
	CHECK(journal_operators_each(j, count, &rows, &e));
	CHECK_INT(rows, 1);
	CHECK(!journal_operator_find(j, "Alice@example.org", &got));
	CHECK(!journal_operator_find(j, "' OR 1=1 --", &got));
	CHECK(journal_operator_forget(j, "alice@example.org", &e));
	CHECK(!journal_operator_find(j, "alice@example.org", &got));
	journal_close(&j);
}

/* What a long poll goes by. */
static void
test_every_row_is_a_change(void **state)
{
	const struct operator_row row = {.name = "bob"};
	struct operator_row got;
	struct journal *j;
	uint64_t before;

	(void)state;
	CHECK(journal_open(":memory:", false, &j, &e));
	before = journal_changes(j);
	CHECK(!journal_operator_find(j, "bob", &got));
	CHECK_INT(journal_changes(j), before);
	CHECK(journal_operator_save(j, &row, &e));
	CHECK(journal_changes(j) > before);
	journal_close(&j);
}

/* --- four eyes are two people's --- */

static void
test_one_person_with_two_ways_is_one(void **state)
{
	const struct approval a = {.who = "alice@example.org", .who_id = "id-1"};
	const struct approval b = {
	    .who = "operator:alice@example.org", .who_id = "operator:alice@example.org"};

	(void)state;
	CHECK(approval_is_of(&a, "alice@example.org", "id-1"));
	CHECK(approval_is_of(&a, "renamed@example.org", "id-1"));
	CHECK(approval_is_of(
	    &a, "operator:Alice@example.org", "operator:Alice@example.org"));
	CHECK(approval_is_of(&b, "alice@example.org", "id-1"));
	CHECK(
	    !approval_is_of(&a, "operator:bob@example.org", "operator:bob@example.org"));
	CHECK(!approval_is_of(&b, "bob@example.org", "id-2"));
}

/* --- the command's address --- */

static void
check_url(const char *said, const char *wanted)
{
	char *url = api_controller_url(said, &e);

	if (wanted == NULL && url != NULL)
		fail_msg("\"%s\" was taken as %s", said, url);
	if (wanted != NULL && url == NULL)
		fail_msg("%s", e.text);
	if (wanted == NULL) {
		CHECK_HAS(e.text, "is no address");
		CHECK_INT(e.kind, ERR_REFUSED);
	} else {
		CHECK_STR(url, wanted);
	}
	free(url);
}

static void
test_addresses(void **state)
{
	(void)state;
	check_url("https://zmferry.example.org:7440", "https://zmferry.example.org:7440");
	check_url("https://zmferry.example.org", "https://zmferry.example.org:7440");
	check_url("https://10.0.0.5:443/", "https://10.0.0.5:443");
	check_url("https://[2001:db8::1]", "https://[2001:db8::1]:7440");
	check_url("https://[::1]:1", "https://[::1]:1");
	check_url("http://zmferry.example.org:7440", NULL);
	check_url("zmferry.example.org:7440", NULL);
	check_url("https://", NULL);
	check_url("https://:7440", NULL);
	check_url("https://h:", NULL);
	check_url("https://h:123456", NULL);
	check_url("https://h:7440/v1", NULL);
	check_url("https://user@h:7440", NULL);
	check_url("https://h?x", NULL);
	check_url("https://[::1", NULL);
	check_url("https://[", NULL);
	check_url("https://[x]", NULL);
	check_url("https://h\n", NULL);
	check_url("", NULL);
}

/* --- the command's file --- */

#define KEY "-----BEGIN PRIVATE KEY-----\nk\n-----END PRIVATE KEY-----\n"
#define CERT(x) "-----BEGIN CERTIFICATE-----\n" x "\n-----END CERTIFICATE-----\n"

static void
test_a_file_comes_apart(void **state)
{
	char *identity = NULL;
	char *ca = NULL;

	(void)state;
	CHECK(api_certificate_split(
	    "f", KEY CERT("own") CERT("operators"), &identity, &ca, &e));
	CHECK_STR(identity, KEY CERT("own"));
	CHECK(ca == NULL);
	free(identity);
	CHECK(api_certificate_split("f",
	    "a remark\n" KEY CERT("own") CERT("operators") CERT("site") CERT("root"),
	    &identity, &ca, &e));
	CHECK_STR(identity, KEY CERT("own"));
	CHECK_STR(ca, CERT("site") CERT("root"));
	free(identity);
	free(ca);
}

static void
test_a_file_that_is_none(void **state)
{
	static const char *const none[] = {"", "x", KEY, CERT("a"), KEY CERT("own"),
	    CERT("own") KEY CERT("ca"), KEY KEY CERT("ca"), CERT("a") CERT("b") CERT("c"),
	    KEY CERT("own") KEY, "-----BEGIN CERTIFICATE-----"};
	char *identity;
	char *ca;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		if (api_certificate_split("f.pem", none[i], &identity, &ca, &e))
			fail_msg("this was taken: %s", none[i]);
		CHECK(identity == NULL && ca == NULL);
		CHECK_HAS(e.text, "f.pem");
		CHECK_HAS(e.text, "zmferry operator enroll NAME");
	}
	CHECK(!api_certificate_split(
	    "f.pem", KEY CERT("own") CERT("ca") KEY, &identity, &ca, &e));
	CHECK_HAS(e.text, "something else");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_one_row_a_name),
	    TEST(test_every_row_is_a_change),
	    TEST(test_one_person_with_two_ways_is_one),
	    TEST(test_addresses),
	    TEST(test_a_file_comes_apart),
	    TEST(test_a_file_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
