/* SPDX-License-Identifier: Apache-2.0 */
/* Zimbra's encoding of an item's metadata: read, and contact groups renumbered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/metadata.h"
#include "tests/unit/check.h"

static struct metadata_span
span(const char *text)
{
	return (struct metadata_span){text, strlen(text)};
}

static void
check_get(const char *encoded, const char *key, const char *expected)
{
	struct metadata_span out;
	bool found = metadata_get(span(encoded), key, &out);

	if (expected == NULL) {
		if (found)
			fail_msg(
			    "%s: %s is there: %.*s", encoded, key, (int)out.len, out.at);
		return;
	}
	if (!found)
		fail_msg("%s: no %s", encoded, key);
	CHECK_INT(out.len, strlen(expected));
	assert_memory_equal(out.at, expected, out.len);
}

static void
test_get(void **state)
{
	(void)state;
	check_get("d3:fld5:hello1:vi10ee", "fld", "hello");
	check_get("d3:fld5:hello1:vi10ee", "v", "i10e");
	check_get("d3:fld5:hello1:vi10ee", "x", NULL);
	check_get("d3:fldd5:email7:a@b.nete1:l3:onee", "fld", "d5:email7:a@b.nete");
	check_get("d3:fldd5:email7:a@b.nete1:l3:onee", "l", "one");
	check_get("d3:fldd5:email7:a@b.nete1:l3:onee", "email", NULL); /* an inner one */
	check_get("d1:ll1:ai-5edee1:z0:e", "l", "l1:ai-5edee");
	check_get("d1:ll1:ai-5edee1:z0:e", "z", "");
	check_get("de", "a", NULL);
}

/* Lengths count UTF-16 units: "é" is one, an emoji two. */
static void
test_units(void **state)
{
	(void)state;
	check_get("d1:a3:éàü1:b1:xe", "b", "x");
	check_get("d1:a2:😀1:b1:xe", "a", "😀");
	check_get("d1:a2:😀1:b1:xe", "b", "x");
	check_get("d1:a1:😀1:b1:xe", "b", NULL); /* half a character */
	check_get("d2:日本3:abc1:b1:xe", "日本", "abc");
}

static void
test_hostile(void **state)
{
	static const char *const wrong[] = {"", "d", "e", "l1:ae", "i5e", "d1:a", "d1:ae",
	    "d5:a1:be", "d1:a99999999999999999999:xe", "d18446744073709551615:a1:be",
	    "d1:a-1:xe", "d1:a1xe", "d1:ai5", "di5e1:ae", "d1:al1:b", "5:hello",
	    "dd1:a1:be1:ce"};
	struct metadata_span out;
	struct buf result;
	size_t unknown;
	char deep[400];

	(void)state;
	buf_init(&result, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		check_get(wrong[i], "zz", NULL);
		CHECK(!metadata_has_references(span(wrong[i])));
		CHECK(
		    !metadata_remap_group(span(wrong[i]), NULL, NULL, &unknown, &result));
	}
	/* Depth is bounded. */
	memset(deep, 'l', sizeof(deep));
	memcpy(deep, "d1:a", 4);
	CHECK(!metadata_get((struct metadata_span){deep, sizeof(deep)}, "b", &out));
	buf_fini(&result);
}

/* --- contact groups --- */

static uint32_t
map_by_hundred(void *ctx, uint32_t contact_id)
{
	(void)ctx;
	return contact_id == 404 ? 0 : contact_id + 1000;
}

/* The whole of a contact whose group has these members, each "1:t1:C1:v3:300". */
static void
make_group(char *out, size_t size, const char *const *types, const char *const *values,
    size_t count)
{
	char members[600] = "";
	char group[800];
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(members + len, sizeof(members) - len,
		    "d1:t%zu:%s1:v%zu:%se", strlen(types[i]), types[i], strlen(values[i]),
		    values[i]);
	snprintf(group, sizeof(group), "d1:ml%see", members);
	snprintf(out, size,
	    "d3:fldd6:fileAs5:Group11:groupMember%zu:%s8:nicknam23:abce1:vi10ee",
	    strlen(group), group);
}

static void
test_remap(void **state)
{
	static const char *const types[] = {"C", "I", "C", "G", "C", "C"};
	static const char *const before[] = {
	    "300", "a@b.net", "99", "uid=x,ou=y", "other-account:300", "404"};
	static const char *const after[] = {
	    "1300", "a@b.net", "1099", "uid=x,ou=y", "other-account:300", "404"};
	char encoded[1200], expected[1200];
	struct buf out;
	size_t unknown;

	(void)state;
	make_group(encoded, sizeof(encoded), types, before, 6);
	make_group(expected, sizeof(expected), types, after, 6);
	buf_init(&out, 0);
	CHECK(metadata_has_references(span(encoded)));
	CHECK(metadata_remap_group(span(encoded), map_by_hundred, NULL, &unknown, &out));
	CHECK_STR(buf_str(&out), expected);
	CHECK_INT(unknown, 1);
	/* Its own result can be read again. */
	CHECK(metadata_has_references(span(buf_str(&out))));
	buf_fini(&out);
}

static void
test_no_references(void **state)
{
	static const char *const types[] = {"I", "G"};
	static const char *const values[] = {"a@b.net", "uid=x"};
	char encoded[1200];
	struct buf out;
	size_t unknown;

	(void)state;
	make_group(encoded, sizeof(encoded), types, values, 2);
	CHECK(!metadata_has_references(span(encoded)));
	buf_init(&out, 0);
	CHECK(metadata_remap_group(span(encoded), map_by_hundred, NULL, &unknown, &out));
	CHECK_STR(buf_str(&out), encoded); /* as it was */
	CHECK_INT(unknown, 0);
	CHECK(!metadata_has_references(span("d3:fldd5:email7:a@b.netee")));
	CHECK(!metadata_remap_group(
	    span("d3:fldd5:email7:a@b.netee"), map_by_hundred, NULL, &unknown, &out));
	make_group(encoded, sizeof(encoded), types, values, 0);
	CHECK(!metadata_has_references(span(encoded)));
	buf_fini(&out);
}

/* A group of another shape than Zimbra's is nobody's to renumber. */
static void
test_groups_of_another_shape(void **state)
{
	static const char *const odd[] = {
	    "d3:fldd11:groupMemberd1:mld1:t1:C1:v3:300eeeee", /* not encoded in itself */
	    "d3:fld42:d11:groupMember23:d1:mld1:t1:C1:v3:300eeeee", /* fields as a text */
	    "d3:fldd11:groupMember26:d1:m18:ld1:t1:C1:v3:300eeeee", /* list as a text */
	};
	static const char text_member[] =
	    "d3:fldd11:groupMember26:d1:ml16:d1:t1:C1:v3:300eeeee";
	struct buf out;
	size_t unknown;

	(void)state;
	buf_init(&out, 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		CHECK(!metadata_has_references(span(odd[i])));
		CHECK(!metadata_remap_group(
		    span(odd[i]), map_by_hundred, NULL, &unknown, &out));
	}
	CHECK(!metadata_has_references(span(text_member)));
	CHECK(metadata_remap_group(
	    span(text_member), map_by_hundred, NULL, &unknown, &out));
	CHECK_STR(buf_str(&out), text_member);
	buf_fini(&out);
}

/* Every text that is cut short is no metadata, or has lost nothing that was asked for. */
static void
test_cut_anywhere(void **state)
{
	static const char *const types[] = {"C", "C"};
	static const char *const values[] = {"300", "301"};
	char encoded[1200];
	size_t unknown;

	(void)state;
	make_group(encoded, sizeof(encoded), types, values, 2);
	for (size_t cut = 0; cut < strlen(encoded); cut++) {
		char *copy = malloc(cut + 1); /* so that a byte too far is seen */
		struct metadata_span part = {copy, cut}, out;
		struct buf result;

		memcpy(copy, encoded, cut);
		buf_init(&result, 0);
		if (!metadata_get(part, "v", &out))
			metadata_has_references(part);
		if (metadata_remap_group(part, map_by_hundred, NULL, &unknown, &result))
			CHECK(metadata_get(part, "fld", &out));
		buf_fini(&result);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_get),
	    TEST(test_units),
	    TEST(test_hostile),
	    TEST(test_remap),
	    TEST(test_no_references),
	    TEST(test_groups_of_another_shape),
	    TEST(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
