/* SPDX-License-Identifier: Apache-2.0 */
/* Which item of the target is which of record: the nearest takes it, nothing is taken twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/match.h"
#include "tests/unit/check.h"

#define UNREAD (1u << 9)
#define FLAGGED (1u << 5)
#define VERSIONED (1u << 12)

static struct match_item
message(uint32_t id, uint64_t digest, uint32_t folder, uint32_t date, uint32_t flags)
{
	const struct spool_item item = {.id = id,
	    .type = SPOOL_MESSAGE,
	    .digest_hash = digest,
	    .size = 100,
	    .folder_id = folder,
	    .date_s = date,
	    .flags = flags};
	struct match_item out;

	match_describe(&item, NULL, &out);
	return out;
}

static struct match_set
set_of(const struct match_item *items, size_t count)
{
	struct match_set s;

	match_init(&s);
	for (size_t i = 0; i < count; i++)
		match_add(&s, &items[i]);
	match_sort(&s);
	return s;
}

static void
check_claims(struct match_set *s, const struct match_item *want, enum match_grade grade,
    uint32_t expected)
{
	struct match_item *have = match_claim(s, want, grade);

	if (expected == 0)
		CHECK(have == NULL);
	else {
		CHECK(have != NULL);
		CHECK_INT(have->id, expected);
		CHECK(have->claimed);
	}
}

static void
test_grades(void **state)
{
	const struct match_item have[] = {message(1001, 5, 2, 10, 0),
	    message(1002, 5, 2, 10, UNREAD), message(1003, 5, 3, 10, 0),
	    message(1004, 5, 2, 11, 0), message(1005, 6, 2, 10, 0)};
	struct match_set s = set_of(have, 5);
	struct match_item unread = message(301, 5, 2, 10, UNREAD);
	struct match_item flagged = message(302, 5, 2, 10, FLAGGED);
	struct match_item moved = message(303, 5, 9, 10, 0);
	struct match_item later = message(304, 5, 2, 12, 0);
	struct match_item other = message(305, 7, 2, 10, 0);

	(void)state;
	check_claims(&s, &unread, MATCH_SAME, 1002);
	check_claims(&s, &unread, MATCH_SAME, 0); /* once */
	check_claims(&s, &flagged, MATCH_SAME, 0);
	check_claims(&s, &flagged, MATCH_SAME_DATE, 1001);
	check_claims(&s, &later, MATCH_SAME_DATE, 0);
	check_claims(&s, &later, MATCH_IN_FOLDER, 1004);
	check_claims(&s, &moved, MATCH_IN_FOLDER, 0);
	check_claims(&s, &moved, MATCH_ANYWHERE, 1003);
	check_claims(&s, &moved, MATCH_ANYWHERE, 0);
	for (int grade = 0; grade < MATCH_GRADE_COUNT; grade++)
		check_claims(&s, &other, (enum match_grade)grade, 0);
	CHECK(!match_has_copy(&s, &moved));
	CHECK(match_has_copy(&s, &later));
	CHECK(match_by_id(&s, 1005) != NULL && !match_by_id(&s, 1005)->claimed);
	CHECK(match_by_id(&s, 1006) == NULL && match_by_id(&s, 0) == NULL);
	match_fini(&s);
}

static void
test_empty_set(void **state)
{
	struct match_set s = set_of(NULL, 0);
	struct match_item want = message(1, 1, 1, 1, 0);

	(void)state;
	CHECK(match_by_id(&s, 1) == NULL);
	check_claims(&s, &want, MATCH_ANYWHERE, 0);
	CHECK(!match_has_copy(&s, &want));
	match_fini(&s);
}

static void
test_many_copies(void **state)
{
	struct match_item have[500];
	struct match_item want;
	struct match_set s;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		have[i] = message(5000 - i, 5 + i % 3, 2 + i % 2, 10, 0);
	s = set_of(have, 500);
	for (uint32_t i = 0; i < 500; i++) {
		want = message(300 + i, 5 + i % 3, 2 + i % 2, 10, 0);
		CHECK(match_claim(&s, &want, MATCH_SAME) != NULL);
	}
	CHECK(match_claim(&s, &want, MATCH_ANYWHERE) == NULL);
	for (uint32_t id = 4501; id <= 5000; id++)
		CHECK(match_by_id(&s, id)->id == id && match_by_id(&s, id)->claimed);
	match_fini(&s);
}

static void
check_differs(const struct match_item *want, const struct match_item *have, unsigned bits,
    const char *text)
{
	struct buf out;

	buf_init(&out, 0);
	CHECK_INT(match_differs(want, have), bits);
	match_explain(want, have, bits, &out);
	CHECK_STR(buf_str(&out), text);
	buf_fini(&out);
}

static void
test_differences(void **state)
{
	struct match_item want = message(300, 5, 2, 10, UNREAD);
	struct match_item have = message(900, 5, 2, 10, UNREAD);

	(void)state;
	check_differs(&want, &have, 0, "");
	have.flags = FLAGGED;
	check_differs(
	    &want, &have, MATCH_FLAGS, "flags: \"flagged\" added, \"unread\" lost");
	have = message(900, 5, 3, 11, UNREAD | (1u << 25));
	check_differs(&want, &have, MATCH_FLAGS | MATCH_DATE | MATCH_FOLDER,
	    "flags: bits 0x2000000; date: 11 instead of 10; folder: 3 instead of 2");
	have = message(900, 6, 2, 10, UNREAD);
	have.tags = 1;
	check_differs(
	    &want, &have, MATCH_CONTENT | MATCH_TAGS, "tags differ; contents differ");
	/* How the server stores it is no difference. */
	have = message(
	    900, 5, 2, 10, UNREAD | (1u << 4) | (1u << 13) | (1u << 27) | (1u << 30));
	check_differs(&want, &have, 0, "");
}

static struct match_item
described(enum spool_type type, uint64_t digest, uint64_t size, uint32_t date,
    uint32_t flags, const char *meta)
{
	const struct spool_item item = {.id = 1,
	    .type = type,
	    .folder_id = 2,
	    .digest_hash = digest,
	    .size = size,
	    .date_s = date,
	    .flags = flags};
	struct match_item out;

	match_describe(&item, meta, &out);
	return out;
}

#define CONTACT(fields) "{\"metadata\":\"d3:fldd5:email" fields "e1:vi10ee\"}"

/* A contact is its fields, an appointment its UID, a document its name and bytes. */
static void
test_identity_by_type(void **state)
{
	struct match_item a = described(SPOOL_CONTACT, 0, 0, 10, 0, CONTACT("7:a@b.net"));
	struct match_item b =
	    described(SPOOL_CONTACT, 9, 50, 99, 0, CONTACT("7:a@b.net"));
	struct match_item c = described(SPOOL_CONTACT, 0, 0, 10, 0, CONTACT("7:x@b.net"));

	(void)state;
	CHECK(match_needs_meta(SPOOL_CONTACT) && !match_needs_meta(SPOOL_MESSAGE));
	CHECK_INT(match_differs(&a, &b), 0);
	CHECK_INT(match_differs(&a, &c), MATCH_CONTENT);
	a = described(
	    SPOOL_APPOINTMENT, 1, 10, 10, 0, "{\"metadata\":\"d1:u3:uid1:vi10ee\"}");
	b = described(
	    SPOOL_APPOINTMENT, 2, 20, 99, 0, "{\"metadata\":\"d1:u3:uid1:xi11ee\"}");
	c = described(SPOOL_TASK, 1, 10, 10, 0, "{\"metadata\":\"d1:u3:uid1:vi10ee\"}");
	CHECK_INT(match_differs(&a, &b), 0);
	CHECK(a.content != c.content); /* another type is another item */
	a = described(SPOOL_DOCUMENT, 1, 10, 10, 0, "{\"name\":\"a.txt\"}");
	b = described(SPOOL_DOCUMENT, 1, 10, 99, VERSIONED, "{\"name\":\"a.txt\"}");
	c = described(SPOOL_DOCUMENT, 1, 10, 10, 0, "{\"name\":\"b.txt\"}");
	CHECK_INT(match_differs(&a, &b), 0);
	CHECK_INT(match_differs(&a, &c), MATCH_CONTENT);
	b.revisions = 2;
	CHECK_INT(match_differs(&a, &b), MATCH_REVISIONS);
	/* A message with the date of another is another. */
	a = described(SPOOL_MESSAGE, 1, 10, 10, 0, NULL);
	b = described(SPOOL_MESSAGE, 1, 10, 11, 0, NULL);
	CHECK_INT(match_differs(&a, &b), MATCH_DATE);
}

/* The group's members by reference have other numbers on the target. */
static void
test_group_members_renumbered(void **state)
{
	const char *was =
	    "{\"metadata\":\"d3:fldd11:groupMember24:d1:mld1:t1:C1:v3:300eeeee\"}";
	const char *now =
	    "{\"metadata\":\"d3:fldd11:groupMember25:d1:mld1:t1:C1:v4:1300eeeee\"}";
	const char *less = "{\"metadata\":\"d3:fldd11:groupMember7:d1:mleeee\"}";
	struct match_item a = described(SPOOL_CONTACT, 0, 0, 0, 0, was);
	struct match_item b = described(SPOOL_CONTACT, 0, 0, 0, 0, now);
	struct match_item c = described(SPOOL_CONTACT, 0, 0, 0, 0, less);

	(void)state;
	CHECK_INT(match_differs(&a, &b), 0);
	CHECK_INT(match_differs(&a, &c), MATCH_CONTENT);
}

static void
test_broken_metadata(void **state)
{
	static const char *const metas[] = {"", "{", "[]", "{\"metadata\":5}",
	    "{\"metadata\":\"x\"}", "{\"metadata\":\"\"}"};

	(void)state;
	for (int type = 0; type < SPOOL_TYPE_COUNT; type++)
		for (size_t i = 0; i < sizeof(metas) / sizeof(metas[0]); i++) {
			struct match_item a =
			    described((enum spool_type)type, 7, 1, 1, 0, metas[i]);
			struct match_item b =
			    described((enum spool_type)type, 7, 1, 1, 0, metas[i]);

			CHECK_INT(match_differs(&a, &b), 0);
		}
}

static void
test_exceptions(void **state)
{
	(void)state;
	CHECK(match_exception(SPOOL_MESSAGE, MATCH_CONTENT, true) != NULL);
	CHECK(match_exception(SPOOL_MESSAGE, MATCH_CONTENT, false) == NULL);
	CHECK(match_exception(SPOOL_MESSAGE, MATCH_CONTENT | MATCH_FLAGS, true) == NULL);
	for (int type = 0; type < SPOOL_TYPE_COUNT; type++)
		for (unsigned bits = 1; bits < 64; bits++)
			CHECK(
			    match_exception((enum spool_type)type, bits, false) == NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_grades),
	    TEST(test_empty_set),
	    TEST(test_many_copies),
	    TEST(test_differences),
	    TEST(test_identity_by_type),
	    TEST(test_group_members_renumbered),
	    TEST(test_broken_metadata),
	    TEST(test_exceptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
