/* SPDX-License-Identifier: Apache-2.0 */
/* Each difference must be found, each exception excused, the owner's changes told apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/verify.h"
#include "tests/unit/check.h"

#define UNREAD (1u << 9)
#define FLAGGED (1u << 5)
#define DRAFT (1u << 6)

static struct match_item
item(uint32_t id, uint64_t content, uint32_t folder)
{
	return (struct match_item){.id = id,
	    .content = content,
	    .folder_id = folder,
	    .date_s = 1000,
	    .type = SPOOL_MESSAGE};
}

static struct verify_pair
pair(struct match_item want, uint32_t target_id)
{
	return (struct verify_pair){.want = want, .target_id = target_id};
}

static const struct verify_changes none = {NULL, 0, NULL, 0, NULL, 0, 0};

/* One item of record, one on the target; what is said of it. */
static enum verify_outcome
judge(struct match_item want, struct match_item have, uint32_t target_id,
    const struct verify_changes *changes, char *text, size_t size)
{
	struct match_set set;
	struct verify_pair p = pair(want, target_id);
	struct buf what;

	match_init(&set);
	match_add(&set, &have);
	match_sort(&set);
	verify_match(&p, 1, &set, changes, true);
	buf_init(&what, 0);
	verify_explain(&p, match_by_id(&set, p.have_id), &what);
	snprintf(text, size, "%s", buf_str(&what));
	buf_fini(&what);
	match_fini(&set);
	return p.outcome;
}

/* Who flags a message does not change what it says: that is a loss, whoever touched it. */
static void
test_what_a_message_says_is_nobodys_to_change(void **state)
{
	static const uint32_t touched[] = {905};
	const struct verify_changes since = {touched, 1, NULL, 0, NULL, 0, 0};
	struct match_item want = item(5, 77, 2), have = item(905, 78, 2);
	char text[200];

	(void)state;
	have.flags = FLAGGED;
	CHECK_INT(judge(want, have, 905, &since, text, sizeof(text)), VERIFY_DIFFERS);
	have = item(905, 77, 2);
	have.date_s = 2000;
	CHECK_INT(judge(want, have, 905, &since, text, sizeof(text)), VERIFY_DIFFERS);
	have = item(905, 78, 2); /* a draft is written anew under its id */
	want.flags = DRAFT;
	CHECK_INT(judge(want, have, 905, &since, text, sizeof(text)), VERIFY_PERSON);
	want.flags = 0;
	want.type = have.type = SPOOL_CONTACT;
	CHECK_INT(judge(want, have, 905, &since, text, sizeof(text)), VERIFY_PERSON);
}

static void
test_equal_is_equal_whatever_its_new_id(void **state)
{
	char text[200];

	(void)state;
	CHECK_INT(judge(item(5, 77, 2), item(905, 77, 2), 905, &none, text, sizeof(text)),
	    VERIFY_EQUAL);
	CHECK_INT(judge(item(5, 77, 2), item(905, 77, 2), 0, &none, text, sizeof(text)),
	    VERIFY_EQUAL);
}

static void
test_each_difference_is_named(void **state)
{
	struct match_item have;
	char text[200];

	(void)state;
	have = item(905, 77, 2);
	have.flags = FLAGGED;
	struct match_item want = item(5, 77, 2);
	want.flags = UNREAD;
	CHECK_INT(judge(want, have, 905, &none, text, sizeof(text)), VERIFY_DIFFERS);
	CHECK_STR(text, "flags: \"flagged\" added, \"unread\" lost");
	have = item(905, 77, 2);
	have.tags = 9;
	CHECK_INT(
	    judge(item(5, 77, 2), have, 905, &none, text, sizeof(text)), VERIFY_DIFFERS);
	CHECK_STR(text, "tags differ");
	have = item(905, 77, 3);
	CHECK_INT(
	    judge(item(5, 77, 2), have, 905, &none, text, sizeof(text)), VERIFY_DIFFERS);
	CHECK_STR(text, "folder: 3 instead of 2");
	have = item(905, 77, 2);
	have.date_s = 1001;
	CHECK_INT(
	    judge(item(5, 77, 2), have, 905, &none, text, sizeof(text)), VERIFY_DIFFERS);
	CHECK_STR(text, "date: 1001 instead of 1000");
	have = item(905, 78, 2);
	CHECK_INT(
	    judge(item(5, 77, 2), have, 905, &none, text, sizeof(text)), VERIFY_DIFFERS);
	CHECK_STR(text, "contents differ");
	have = item(906, 77, 2);
	have.revisions = 1;
	want = item(5, 77, 2);
	want.revisions = 2;
	want.type = have.type = SPOOL_DOCUMENT;
	CHECK_INT(judge(want, have, 906, &none, text, sizeof(text)), VERIFY_DIFFERS);
	CHECK_STR(text, "earlier revisions: 1 instead of 2");
}

static void
test_missing_is_missing(void **state)
{
	char text[200];

	(void)state;
	CHECK_INT(judge(item(5, 77, 2), item(905, 78, 2), 0, &none, text, sizeof(text)),
	    VERIFY_MISSING);
	CHECK_STR(text, "missing");
	/* its noted id is gone: another with its contents is not it */
	CHECK_INT(judge(item(5, 77, 2), item(906, 77, 2), 905, &none, text, sizeof(text)),
	    VERIFY_MISSING);
}

static void
test_what_a_type_cannot_keep_is_not_compared(void **state)
{
	static const enum spool_type undated[] = {
	    SPOOL_CONTACT, SPOOL_APPOINTMENT, SPOOL_TASK, SPOOL_DOCUMENT};
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(undated); i++) {
		struct match_item want = item(5, 77, 2), have = item(905, 77, 2);

		want.type = have.type = (uint8_t)undated[i];
		have.date_s = 5000;
		CHECK_INT(
		    judge(want, have, 905, &none, text, sizeof(text)), VERIFY_EQUAL);
		have.flags = FLAGGED; /* but this is */
		CHECK_INT(
		    judge(want, have, 905, &none, text, sizeof(text)), VERIFY_DIFFERS);
	}
	CHECK(match_exception(SPOOL_MESSAGE, MATCH_CONTENT, true) != NULL);
	CHECK(match_exception(SPOOL_MESSAGE, MATCH_CONTENT, false) == NULL);
	CHECK(match_exception(SPOOL_MESSAGE, MATCH_CONTENT | MATCH_FLAGS, true) == NULL);
	CHECK(match_exception(SPOOL_CONTACT, MATCH_CONTENT, true) == NULL);
}

static void
test_what_the_owner_did_is_no_loss(void **state)
{
	static const uint32_t changed[] = {905};
	static const uint32_t deleted[] = {906};
	const struct verify_changes changes = {changed, 1, deleted, 1, NULL, 0, 0};
	struct match_item have = item(905, 77, 3);
	char text[200];

	(void)state;
	CHECK_INT(judge(item(5, 77, 2), have, 905, &changes, text, sizeof(text)),
	    VERIFY_PERSON);
	CHECK_STR(text, "folder: 3 instead of 2");
	/* changed, and equal still */
	CHECK_INT(
	    judge(item(5, 77, 2), item(905, 77, 2), 905, &changes, text, sizeof(text)),
	    VERIFY_EQUAL);
	CHECK_INT(
	    judge(item(6, 80, 2), item(905, 77, 2), 906, &changes, text, sizeof(text)),
	    VERIFY_PERSON);
	CHECK_STR(text, "deleted");
}

/* What an import put in after the opening counts as new to Sync, and is nobody's change. */
static void
test_what_came_after_the_opening_must_be_as_it_was(void **state)
{
	static const uint32_t came[] = {905};
	struct verify_changes untouched = {came, 1, NULL, 0, came, 1, 900};
	const struct verify_changes touched = {came, 1, NULL, 0, NULL, 0, 0};
	struct match_item have = item(905, 77, 3);
	char text[200];

	(void)state;
	CHECK_INT(judge(item(5, 77, 2), have, 905, &untouched, text, sizeof(text)),
	    VERIFY_DIFFERS);
	CHECK_INT(judge(item(5, 77, 2), have, 905, &touched, text, sizeof(text)),
	    VERIFY_PERSON);
	CHECK_INT(judge(item(5, 77, 3), have, 905, &untouched, text, sizeof(text)),
	    VERIFY_EQUAL);
	/* It was there at the opening, and has other contents: a draft saved again, say. */
	untouched.opened_id = 905;
	CHECK_INT(judge(item(5, 77, 2), have, 905, &untouched, text, sizeof(text)),
	    VERIFY_PERSON);
	untouched.opened_id = 900;
	have.flags = 1u << 6;
	CHECK_INT(judge(item(5, 77, 2), have, 905, &untouched, text, sizeof(text)),
	    VERIFY_PERSON);
}

static void
test_copies_are_counted_one_by_one(void **state)
{
	struct match_item have[] = {item(901, 77, 2), item(902, 77, 2), item(903, 77, 5)};
	struct verify_pair pairs[] = {pair(item(1, 77, 2), 0), pair(item(2, 77, 2), 0),
	    pair(item(3, 77, 5), 0), pair(item(4, 77, 2), 0)};
	struct match_set set;

	(void)state;
	have[1].flags = UNREAD;
	pairs[0].want.flags = UNREAD;
	match_init(&set);
	for (size_t i = 0; i < ARRAY_LEN(have); i++)
		match_add(&set, &have[i]);
	match_sort(&set);
	verify_match(pairs, ARRAY_LEN(pairs), &set, &none, true);
	CHECK_INT(pairs[0].have_id, 902); /* its flags decide */
	CHECK_INT(pairs[0].outcome, VERIFY_EQUAL);
	CHECK_INT(pairs[1].have_id, 901);
	CHECK_INT(pairs[2].have_id, 903);
	CHECK_INT(pairs[3].outcome, VERIFY_MISSING);
	match_fini(&set);
}

static void
test_an_item_put_in_twice_is_found(void **state)
{
	static const uint32_t changed[] = {903};
	const struct verify_changes changes = {changed, 1, NULL, 0, NULL, 0, 0};
	struct match_item have[] = {item(901, 77, 2), item(902, 77, 2), item(903, 77, 2),
	    item(904, 77, 5), item(905, 99, 2)};
	struct verify_pair p = pair(item(1, 77, 2), 901);
	struct match_set set;

	(void)state;
	match_init(&set);
	for (size_t i = 0; i < ARRAY_LEN(have); i++)
		match_add(&set, &have[i]);
	match_sort(&set);
	verify_match(&p, 1, &set, &changes, true);
	CHECK(!verify_is_double(&set, match_by_id(&set, 901)));
	CHECK(verify_is_double(&set, match_by_id(&set, 902)));
	CHECK(!verify_is_double(&set, match_by_id(&set, 903))); /* the owner copied it */
	CHECK(!verify_is_double(&set, match_by_id(&set, 904))); /* another folder */
	CHECK(!verify_is_double(&set, match_by_id(&set, 905))); /* new mail */
	match_fini(&set);
}

static void
test_in_a_part_an_absent_id_is_asked_for_later(void **state)
{
	struct match_set set;
	struct verify_pair pairs[] = {pair(item(1, 77, 2), 901), pair(item(2, 78, 2), 0)};

	(void)state;
	match_init(&set);
	match_sort(&set);
	verify_match(pairs, 2, &set, &none, false);
	CHECK_INT(pairs[0].outcome, VERIFY_ELSEWHERE);
	CHECK_INT(pairs[1].outcome, VERIFY_MISSING);
	match_fini(&set);
}

/* --- texts --- */

static struct verify_text
text_of(const char *text)
{
	struct verify_text x;
	size_t half = strlen(text) / 2;

	verify_text_begin(&x);
	verify_text_feed(&x, text, half);
	verify_text_feed(&x, text + half, strlen(text) - half);
	verify_text_end(&x);
	return x;
}

static void
test_line_ends_do_not_matter_and_all_else_does(void **state)
{
	struct verify_text lf = text_of("A: b\nC: d\n\nbody\nmore");
	struct verify_text crlf = text_of("A: b\r\nC: d\r\n\r\nbody\r\nmore\r\n");
	struct verify_text lost = text_of("A: b\r\nC: d\r\n\r\nbody\r\n");
	struct verify_text header = text_of("A: \xc3\xa4\r\n\r\nbody\r\n");
	struct verify_text encoded = text_of("A: =?utf-8?q?=C3=A4?=\r\n\r\nbody\r\n");
	struct verify_text bare = text_of("A: b\r\nC: d\r\n\r\nbo\rdy\r\nmore\r\n");

	(void)state;
	CHECK(lf.whole == crlf.whole);
	CHECK(lf.whole != lost.whole);
	CHECK(lf.body != lost.body);
	CHECK(bare.whole != crlf.whole);
	CHECK(header.whole != encoded.whole);
	CHECK(header.body == encoded.body);
	CHECK(header.has_8bit_header && !encoded.has_8bit_header);
	CHECK(!lf.has_8bit_header);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_equal_is_equal_whatever_its_new_id),
	    TEST(test_what_a_message_says_is_nobodys_to_change),
	    TEST(test_each_difference_is_named),
	    TEST(test_missing_is_missing),
	    TEST(test_what_a_type_cannot_keep_is_not_compared),
	    TEST(test_what_the_owner_did_is_no_loss),
	    TEST(test_what_came_after_the_opening_must_be_as_it_was),
	    TEST(test_copies_are_counted_one_by_one),
	    TEST(test_an_item_put_in_twice_is_found),
	    TEST(test_in_a_part_an_absent_id_is_asked_for_later),
	    TEST(test_line_ends_do_not_matter_and_all_else_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
