/* SPDX-License-Identifier: Apache-2.0 */
/* Two trees and a counter in, the sequence of calls out. */
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/steer.h"
#include "tests/unit/agent/trees.h"
#include "tests/unit/check.h"

/* "burn 43; create 300; create 301 late; place 301" */
static char *
plan_text(const struct row *source_rows, size_t source_count, const struct row *here_rows,
    size_t here_count, uint64_t counter, uint64_t last,
    const struct steer_refused *refused)
{
	struct tree source, here;
	struct steer_plan plan;
	struct buf out;
	char *text;

	trees_make(&source, source_rows, source_count);
	trees_make(&here, here_rows, here_count);
	steer_plan_make(&source, &here, counter, last, refused, &plan);
	buf_init(&out, 0);
	for (size_t i = 0; i < plan.count; i++) {
		const struct steer_step *s = &plan.steps[i];
		static const char *const names[] = {"burn", "create", "place"};
		bool ok = buf_printf(&out, "%s%s %llu%s%s", i == 0 ? "" : "; ",
		    names[s->op],
		    (unsigned long long)(s->op == STEER_BURN ? s->count : s->folder->id),
		    s->temporary ? " temporary" : "", s->late ? " late" : "");

		CHECK(ok);
	}
	steer_plan_free(&plan);
	tree_fini(&source);
	tree_fini(&here);
	text = xstrdup(buf_str(&out));
	buf_fini(&out);
	return text;
}

#define PLAN(source, here_rows, here_count, counter, last, refused, wanted)              \
	do {                                                                             \
		char *text = plan_text(source, ARRAY_LEN(source), here_rows, here_count, \
		    counter, last, refused);                                             \
		CHECK_STR(text, wanted);                                                 \
		free(text);                                                              \
	} while (0)

static void
test_gaps_are_burnt_and_every_kind_takes_its_id(void **state)
{
	static const struct row source[] = {{257, 1, "folder", "Projects"},
	    {258, 8, "tag", "red"}, {300, 257, "folder", "2024"},
	    {301, 1, "search", "unread"}, {310, 1, "link", "theirs"}};

	(void)state;
	PLAN(source, NULL, 0, 256, 400, NULL,
	    "create 257; create 258; burn 41; create 300; create 301; burn 8; create "
	    "310; burn 90");
}

static void
test_a_parent_with_a_higher_id_comes_later(void **state)
{
	static const struct row source[] = {{260, 270, "folder", "child"},
	    {261, 260, "folder", "grandchild"}, {270, 1, "folder", "parent"}};

	(void)state;
	PLAN(source, NULL, 0, 259, 270, NULL,
	    "create 260 temporary; create 261; burn 8; create 270; place 260");
}

static void
test_what_is_there_is_left_alone(void **state)
{
	static const struct row source[] = {
	    {257, 1, "folder", "a"}, {258, 8, "tag", "t"}, {259, 257, "folder", "b"}};

	(void)state;
	PLAN(source, source, ARRAY_LEN(source), 400, 400, NULL, "");
	PLAN(source, source, 2, 258, 400, NULL, "create 259; burn 141");
}

static void
test_an_id_that_was_passed_comes_after_the_last(void **state)
{
	static const struct row source[] = {
	    {257, 1, "folder", "a"}, {258, 257, "folder", "b"}, {280, 1, "folder", "c"}};

	(void)state;
	PLAN(source, NULL, 0, 275, 290, NULL,
	    "burn 4; create 280; burn 10; create 257 late; create 258 late");
	/* the child of a passed parent has its own id still */
	static const struct row mixed[] = {
	    {257, 1, "folder", "a"}, {280, 257, "folder", "b"}};
	PLAN(mixed, NULL, 0, 275, 290, NULL,
	    "burn 4; create 280 temporary; burn 10; create 257 late; place 280");
}

static void
test_a_late_one_is_known_again_by_its_name(void **state)
{
	static const struct row source[] = {
	    {257, 1, "folder", "a"}, {258, 257, "folder", "b"}};
	static const struct row here[] = {
	    {291, 1, "folder", "a"}, {292, 291, "folder", "b"}};
	static const struct row waiting[] = {
	    {291, 1, "folder", "a"}, {292, 1, "folder", "zmferry-258"}};

	(void)state;
	PLAN(source, here, 2, 292, 290, NULL, "");
	PLAN(source, waiting, 2, 292, 290, NULL, "place 258");
}

static void
test_a_name_that_is_anothers_is_not_taken(void **state)
{
	/* 258 is to be "x"; the "x" that is there has id 257, which is the source's own "x" in
	   another place that was renamed meanwhile */
	static const struct row source[] = {
	    {257, 2, "folder", "x"}, {258, 1, "folder", "x"}};
	static const struct row here[] = {{257, 1, "folder", "x"}};

	(void)state;
	PLAN(source, here, 1, 257, 258, NULL, "create 258; place 257");
}

static void
test_the_same_id_of_another_kind_is_not_it(void **state)
{
	static const struct row source[] = {{257, 1, "folder", "a"}};
	static const struct row here[] = {{257, 8, "tag", "a"}};

	(void)state;
	PLAN(source, here, 1, 257, 260, NULL, "burn 3; create 257 late");
}

static void
test_a_refused_one_is_left_out_and_its_child_waits_at_the_root(void **state)
{
	static const struct row source[] = {
	    {257, 1, "folder", "a"}, {258, 257, "folder", "b"}};
	uint64_t ids[] = {257};
	const struct steer_refused refused = {ids, 1};

	(void)state;
	PLAN(source, NULL, 0, 256, 258, &refused, "burn 1; create 258 temporary");
}

static void
test_the_counter_ends_past_the_sources(void **state)
{
	static const struct row source[] = {{257, 1, "folder", "a"}};

	(void)state;
	PLAN(source, NULL, 0, 256, 256, NULL, "create 257");
	PLAN(source, source, 1, 257, 9000, NULL, "burn 8743");
	PLAN(source, source, 1, 9001, 9000, NULL, "");
}

/* --- what is unlike --- */

static Wire__Grant *
grant(const char *type, const char *zid, const char *perm)
{
	Wire__Grant *g = XNEW(Wire__Grant);

	wire__grant__init(g);
	g->grantee_type = trees_own(type);
	g->zid = trees_own(zid);
	g->perm = trees_own(perm);
	return g;
}

static void
give(Wire__Folder *f, Wire__Grant *take)
{
	f->grants = xrealloc_array(f->grants, f->n_grants + 1, sizeof(*f->grants));
	f->grants[f->n_grants++] = take;
}

static void
test_unlike_attributes_are_named(void **state)
{
	static const struct row rows[] = {{257, 1, "folder", "a"}};
	struct tree source, here;
	struct buf text;

	(void)state;
	trees_make(&source, rows, 1);
	trees_make(&here, rows, 1);
	Wire__Folder *want = (Wire__Folder *)(uintptr_t)tree_find(&source, 257);
	Wire__Folder *have = (Wire__Folder *)(uintptr_t)tree_find(&here, 257);

	CHECK_INT(steer_unlike(&source, &here, want, have), 0);
	have->color = 0; /* none and the standard colour are one */
	have->flags = trees_own("u");
	CHECK_INT(steer_unlike(&source, &here, want, have), 0);
	want->rgb = trees_own("#112233");
	want->flags = trees_own("#*");
	give(want, grant("usr", "z1", "rw"));
	CHECK_INT(steer_unlike(&source, &here, want, have),
	    STEER_COLOR | STEER_FLAGS | STEER_GRANTS);
	give(have, grant("usr", "z1", "r"));
	CHECK((steer_unlike(&source, &here, want, have) & STEER_GRANTS) != 0);
	have->grants[0]->perm.data[0] = 'r';
	free(have->grants[0]->perm.data);
	have->grants[0]->perm = trees_own("rw");
	CHECK_INT(steer_unlike(&source, &here, want, have) & STEER_GRANTS, 0);
	/* the public's number may be shown or not */
	give(want, grant("pub", "", "r"));
	give(have, grant("pub", "99999999-9999-9999-9999-999999999999", "r"));
	CHECK_INT(steer_unlike(&source, &here, want, have) & STEER_GRANTS, 0);
	have->parent_id = 2;
	CHECK((steer_unlike(&source, &here, want, have) & STEER_PLACED) != 0);
	buf_init(&text, 0);
	steer_explain(STEER_COLOR | STEER_PLACED, &text);
	CHECK_STR(buf_str(&text), "colour, name or place");
	buf_fini(&text);
	tree_fini(&source);
	tree_fini(&here);
}

/* A mailbox loaded anew: its counter is rounded up past folders that are not made yet. */
static void
test_a_folder_that_was_passed_is_seen(void **state)
{
	static const struct row source[] = {{200, 1, "folder", "older than any"},
	    {257, 1, "folder", "Projects"}, {258, 8, "tag", "red"},
	    {300, 1, "search", "unread"}};
	uint64_t refused_id = 257;
	const struct steer_refused refused = {&refused_id, 1};
	struct tree from, bare, begun, late;

	(void)state;
	trees_make(&from, source, ARRAY_LEN(source));
	trees_make(&bare, NULL, 0);
	trees_make(&begun, source + 1, 1);
	trees_make(&late,
	    (const struct row[]){{257, 1, "folder", "Projects"}, {301, 8, "tag", "red"}},
	    2);
	CHECK(steer_passed(&from, &bare, 256, NULL) == NULL);
	CHECK_INT(steer_passed(&from, &bare, 259, NULL)->id, 257);
	/* What Zimbra refused is not missed. */
	CHECK_INT(steer_passed(&from, &bare, 259, &refused)->id, 258);
	CHECK(steer_passed(&from, &begun, 257, NULL) == NULL);
	CHECK_INT(steer_passed(&from, &begun, 279, NULL)->id, 258);
	CHECK_INT(steer_passed(&from, &late, 301, NULL)->id, 300);
	CHECK(steer_passed(&from, &late, 299, NULL) == NULL);
	tree_fini(&from);
	tree_fini(&bare);
	tree_fini(&begun);
	tree_fini(&late);
}

/* Ids are given out early up to a reserve below the last one, and below a feed without source. */
static void
test_how_far_ids_go_early(void **state)
{
	static const struct row rows[] = {
	    {300, 1, "folder", "Plain"}, {900, 1, "folder", "Feed"}};
	struct tree source;
	Wire__Folder *feed;

	(void)state;
	trees_make(&source, rows, 2);
	CHECK_INT(steer_early_last(&source, 5000, NULL, 0), 5000 - STEER_RESERVE);
	CHECK_INT(steer_early_last(&source, 30, NULL, 0), 0);
	feed = (Wire__Folder *)(uintptr_t)tree_find(&source, 900);
	feed->url = trees_own("https://feeds.example.org/a.xml");
	CHECK_INT(steer_early_last(&source, 5000, NULL, 0), 899 - STEER_RESERVE);
	CHECK_INT(steer_early_last(&source, 880, NULL, 0), 880 - STEER_RESERVE);
	CHECK_INT(steer_feed_last(&source, 5000, (const uint32_t[]){300, 901}, 2), 899);
	/* With a data source of its own it is no obstacle. */
	CHECK_INT(steer_feed_last(&source, 5000, (const uint32_t[]){900}, 1), 5000);
	tree_fini(&source);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_how_far_ids_go_early),
	    TEST(test_gaps_are_burnt_and_every_kind_takes_its_id),
	    TEST(test_a_parent_with_a_higher_id_comes_later),
	    TEST(test_what_is_there_is_left_alone),
	    TEST(test_an_id_that_was_passed_comes_after_the_last),
	    TEST(test_a_late_one_is_known_again_by_its_name),
	    TEST(test_a_name_that_is_anothers_is_not_taken),
	    TEST(test_the_same_id_of_another_kind_is_not_it),
	    TEST(test_a_refused_one_is_left_out_and_its_child_waits_at_the_root),
	    TEST(test_the_counter_ends_past_the_sources),
	    TEST(test_unlike_attributes_are_named),
	    TEST(test_a_folder_that_was_passed_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
