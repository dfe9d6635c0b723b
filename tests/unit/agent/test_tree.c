/* SPDX-License-Identifier: Apache-2.0 */
/* The folder tree: what contradicts itself is refused, what is odd but true is not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/tree.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "tests/unit/check.h"

struct row {
	uint64_t id, parent;
	const char *kind, *name;
};

static ProtobufCBinaryData
own(const char *text)
{
	ProtobufCBinaryData b = {strlen(text), (uint8_t *)xstrdup(text)};

	return b;
}

/* In two parts, as they come from the wire. */
static void
take(struct tree *t, const struct row *rows, size_t count)
{
	struct err e;

	tree_init(t);
	for (size_t from = 0; from < count; from += (count + 1) / 2) {
		Wire__StreamTree *part = XNEW(Wire__StreamTree);
		size_t until =
		    from + (count + 1) / 2 < count ? from + (count + 1) / 2 : count;

		wire__stream_tree__init(part);
		part->folders = xcalloc(until - from, sizeof(*part->folders));
		for (size_t i = from; i < until; i++) {
			Wire__Folder *f = XNEW(Wire__Folder);

			wire__folder__init(f);
			f->id = rows[i].id;
			f->parent_id = rows[i].parent;
			f->kind = own(rows[i].kind);
			f->name = own(rows[i].name);
			part->folders[part->n_folders++] = f;
		}
		CHECK(tree_take(t, part, &e));
		CHECK_INT(part->n_folders, 0); /* moved */
		wire__stream_tree__free_unpacked(part, NULL);
	}
}

static const struct row mailbox[] = {
    {1, 11, "folder", "USER_ROOT"},
    {300, 257, "folder", "B"},
    {2, 1, "folder", "Inbox"},
    {3, 1, "folder", "Trash"},
    {257, 1, "folder", "Ä & Ö"},
    {301, 300, "folder", "C.d"},
    {302, 1, "search", "unread"},
    {303, 257, "link", "theirs"},
    {64, 8, "tag", "red"},
    {65, 8, "tag", "Inbox"},
    {304, 3, "folder", "inbox"},
};

static void
check_path(const struct tree *t, uint64_t id, const char *expected)
{
	struct buf out;

	buf_init(&out, 0);
	CHECK(tree_path(t, id, &out));
	CHECK_STR(buf_str(&out), expected);
	buf_fini(&out);
}

static void
test_paths_and_labels(void **state)
{
	struct buf out;
	struct tree t;
	struct err e;

	(void)state;
	take(&t, mailbox, sizeof(mailbox) / sizeof(mailbox[0]));
	CHECK(tree_finish(&t, &e));
	check_path(&t, 1, "/");
	check_path(&t, 2, "/Inbox");
	check_path(&t, 301, "/Ä & Ö/B/C.d");
	check_path(&t, 303, "/Ä & Ö/theirs");
	buf_init(&out, 0);
	CHECK(!tree_path(&t, 999, &out));
	CHECK_STR(tree_label(&t, tree_find(&t, 302), &out), "search folder /unread");
	CHECK_STR(tree_label(&t, tree_find(&t, 303), &out), "mountpoint /Ä & Ö/theirs");
	CHECK_STR(tree_label(&t, tree_find(&t, 64), &out), "tag red");
	buf_fini(&out);
	tree_fini(&t);
}

static void
test_find(void **state)
{
	ProtobufCBinaryData inbox = frame_bytes("INBOX"), red = frame_bytes("Red"),
			    umlaut = frame_bytes("ä & ö");
	struct tree t;
	struct err e;

	(void)state;
	take(&t, mailbox, sizeof(mailbox) / sizeof(mailbox[0]));
	CHECK(tree_finish(&t, &e));
	CHECK(tree_find(&t, 256) == NULL);
	CHECK_INT(tree_find(&t, 304)->parent_id, 3);
	CHECK_INT(tree_find_name(&t, 1, TREE_FOLDER, &inbox)->id, 2);
	CHECK_INT(tree_find_name(&t, 3, TREE_FOLDER, &inbox)->id, 304);
	CHECK(tree_find_name(&t, 2, TREE_FOLDER, &inbox) == NULL);
	CHECK_INT(tree_find_name(&t, 0, TREE_TAG, &inbox)->id, 65);
	CHECK_INT(tree_find_name(&t, 0, TREE_TAG, &red)->id, 64);
	CHECK(tree_find_name(&t, 1, TREE_FOLDER, &umlaut) == NULL); /* ASCII case only */
	CHECK_INT(tree_kind_of(tree_find(&t, 303)), TREE_LINK);
	CHECK(tree_is_system(tree_find(&t, 2)) && !tree_is_system(tree_find(&t, 257)));
	tree_fini(&t);
}

static void
check_refused(const struct row *rows, size_t count, const char *part)
{
	struct tree t;
	struct err e;

	take(&t, rows, count);
	CHECK(!tree_finish(&t, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK_HAS(e.text, part);
	tree_fini(&t);
}

static void
test_contradictions(void **state)
{
	static const struct row twice[] = {{2, 1, "folder", "a"}, {2, 1, "folder", "b"}};
	static const struct row orphan[] = {{300, 299, "folder", "a"}};
	static const struct row cycle[] = {
	    {300, 301, "folder", "a"}, {301, 300, "folder", "b"}};
	static const struct row self[] = {{300, 300, "folder", "a"}};
	static const struct row in_tag[] = {
	    {64, 8, "tag", "red"}, {300, 64, "folder", "a"}};
	static const struct row kind[] = {{300, 1, "Folder", "a"}};
	static const struct row nameless[] = {{300, 1, "folder", ""}};
	static const struct row zero[] = {{0, 1, "folder", "a"}};

	(void)state;
	check_refused(twice, 2, "id 2 twice");
	check_refused(orphan, 1, "not in the tree");
	check_refused(cycle, 2, "cycle");
	check_refused(self, 1, "cycle");
	check_refused(in_tag, 2, "not in the tree");
	check_refused(kind, 1, "unknown kind");
	check_refused(nameless, 1, "no name");
	check_refused(zero, 1, "id 0");
}

/* A parent may have a higher id than its child, and a system folder a parent not shown. */
static void
test_odd_but_true(void **state)
{
	static const struct row rows[] = {{260, 300, "folder", "child"},
	    {300, 1, "folder", "parent"}, {17, 9, "folder", "Comments"}};
	struct tree t;
	struct err e;

	(void)state;
	take(&t, rows, 3);
	CHECK(tree_finish(&t, &e));
	check_path(&t, 260, "/parent/child");
	check_path(&t, 17, "/Comments");
	CHECK_INT(tree_user_count(&t), 2);
	tree_fini(&t);
	tree_init(&t);
	CHECK(tree_finish(&t, &e)); /* nothing at all */
	tree_fini(&t);
}

static void
test_deep(void **state)
{
	static struct row rows[400];
	struct buf out;
	struct tree t;
	struct err e;

	(void)state;
	for (size_t i = 0; i < 400; i++)
		rows[i] = (struct row){300 + i, i == 0 ? 1 : 299 + i, "folder", "x"};
	take(&t, rows, 400);
	CHECK(tree_finish(&t, &e));
	buf_init(&out, 0);
	CHECK(tree_path(&t, 699, &out));
	CHECK_INT(out.len, 800);
	buf_fini(&out);
	tree_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_paths_and_labels),
	    TEST(test_find),
	    TEST(test_contradictions),
	    TEST(test_odd_but_true),
	    TEST(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
