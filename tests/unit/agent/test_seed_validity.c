/* SPDX-License-Identifier: Apache-2.0 */
/* Which folder may have its number when it is made, and must not cost others theirs. */
#include <string.h>

#include "agent/mailbox/seed_validity.h"
#include "proto/frame.h"
#include "tests/unit/agent/trees.h"
#include "tests/unit/check.h"

static void
test_the_lowest_behind(void **state)
{
	static const uint32_t ids[] = {300, 310, 320, 330, 340};
	static const uint64_t numbers[] = {5000, 900, 10, 1200, 20};
	static const struct row rows[] = {
	    {300, 1, "folder", "renamed late"},
	    {310, 1, "folder", "early"},
	    {320, 1, "search", "no folder"},
	    {330, 1, "folder", "later"},
	    {340, 8, "tag", "no folder either"},
	};
	uint64_t lowest[5];
	struct tree t;

	(void)state;
	trees_make(&t, rows, ARRAY_LEN(rows));
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		for (size_t k = 0; k < t.count; k++) {
			if (t.nodes[k]->id == ids[i])
				t.nodes[k]->rev = numbers[i];
		}
	}
	validity_later(&t, ids, 5, lowest);
	CHECK(lowest[0] == 900);  /* it would jump past 310's and 330's */
	CHECK(lowest[1] == 1200); /* and 310 past nobody's */
	CHECK(lowest[2] == 1200);
	CHECK(lowest[3] == UINT64_MAX);
	CHECK(lowest[4] == UINT64_MAX);
	tree_fini(&t);
}

static void
test_which_folders_count(void **state)
{
	Wire__Folder f = WIRE__FOLDER__INIT;

	(void)state;
	f.kind = frame_bytes("folder");
	f.id = 300;
	f.rev = 10;
	CHECK(validity_counts(&f));
	f.view = frame_bytes("message");
	CHECK(validity_counts(&f));
	f.view = frame_bytes("contact");
	CHECK(!validity_counts(&f));
	f.view = frame_bytes("message");
	f.id = 5;
	CHECK(!validity_counts(&f)); /* Zimbra's own are 1 for ever */
	f.id = 300;
	f.rev = 0;
	CHECK(!validity_counts(&f));
	f.rev = 10;
	f.kind = frame_bytes("search");
	CHECK(!validity_counts(&f));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_lowest_behind),
	    TEST(test_which_folders_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
