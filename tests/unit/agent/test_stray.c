/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that an import made anew because their owner had just moved them away. */
#include "agent/mailbox/import_emptied.h"
#include "agent/mailbox/import_stray.h"
#include "tests/unit/agent/trees.h"

#define FIND(before, now, out) \
	find(before, ARRAY_LEN(before), now, ARRAY_LEN(now), out, ARRAY_LEN(out))

static size_t
find(const struct row *before_rows, size_t before_count, const struct row *now_rows,
    size_t now_count, uint32_t *out, size_t cap)
{
	struct tree before, now;
	uint32_t *ids;
	size_t count;

	trees_make(&before, before_rows, before_count);
	trees_make(&now, now_rows, now_count);
	count = import_stray_find(&before, &now, &ids);
	CHECK(count <= cap);
	memcpy(out, ids, count * sizeof(*out));
	free(ids);
	tree_fini(&before);
	tree_fini(&now);
	return count;
}

static void
test_a_renamed_folder_that_came_again_is_a_stray(void **state)
{
	static const struct row before[] = {{300, 1, "folder", "Projects"}};
	static const struct row now[] = {
	    {300, 1, "folder", "Old projects"}, {900, 1, "folder", "projects"}};
	uint32_t ids[2];

	(void)state;
	CHECK_INT(FIND(before, now, ids), 1);
	CHECK_INT(ids[0], 900);
}

static void
test_a_folder_moved_to_trash_or_deleted_is_one_too(void **state)
{
	static const struct row before[] = {
	    {300, 1, "folder", "A"}, {301, 1, "folder", "B"}};
	static const struct row now[] = {
	    {300, 3, "folder", "A"}, {900, 1, "folder", "A"}, {901, 1, "folder", "B"}};
	uint32_t ids[2];

	(void)state;
	CHECK_INT(FIND(before, now, ids), 2);
}

/* The deepest first: the one above holds nothing else. */
static void
test_a_stray_above_a_stray_comes_last(void **state)
{
	static const struct row before[] = {
	    {300, 1, "folder", "A"}, {301, 300, "folder", "B"}};
	static const struct row now[] = {{300, 1, "folder", "C"},
	    {301, 300, "folder", "B"}, {900, 1, "folder", "A"},
	    {901, 900, "folder", "B"}};
	uint32_t ids[2];

	(void)state;
	CHECK_INT(FIND(before, now, ids), 2);
	CHECK_INT(ids[0], 901);
	CHECK_INT(ids[1], 900);
}

static void
test_what_people_make_is_no_stray(void **state)
{
	static const struct row before[] = {{300, 1, "folder", "A"}};
	static const struct row now[] = {{300, 1, "folder", "A"},
	    {900, 1, "folder", "New"}, {901, 300, "folder", "Below"},
	    {902, 1, "tag", "A"}};
	uint32_t ids[1];

	(void)state;
	CHECK_INT(FIND(before, now, ids), 0);
}

static void
test_what_lies_in_trash_or_junk_is_in_a_bin(void **state)
{
	static const struct row rows[] = {{300, 3, "folder", "Old"},
	    {301, 300, "folder", "Older"}, {302, 1, "folder", "Projects"}};
	struct tree here;

	(void)state;
	trees_make(&here, rows, 3);
	CHECK(emptied_is_bin(&here, 3));
	CHECK(emptied_is_bin(&here, 301));
	CHECK(!emptied_is_bin(&here, 2));
	CHECK(!emptied_is_bin(&here, 302));
	CHECK(!emptied_is_bin(&here, 999));
	/* one that is deleted by itself empties nothing; of a single one nobody can tell */
	CHECK(emptied_is(2, 0, 0));
	CHECK(!emptied_is(20, 1, 0));
	CHECK(!emptied_is(1, 0, 0));
	CHECK(!emptied_is(0, 0, 0));
	/* some came while it was emptied; or many came and some were deleted */
	CHECK(emptied_is(20, 0, 19));
	CHECK(!emptied_is(5, 0, 40));
	tree_fini(&here);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_renamed_folder_that_came_again_is_a_stray),
	    TEST(test_a_folder_moved_to_trash_or_deleted_is_one_too),
	    TEST(test_a_stray_above_a_stray_comes_last),
	    TEST(test_what_people_make_is_no_stray),
	    TEST(test_what_lies_in_trash_or_junk_is_in_a_bin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
