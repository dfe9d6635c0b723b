/* SPDX-License-Identifier: Apache-2.0 */
/* What was put in is known afterwards, whatever dies in between. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/mailbox/seed_index.h"
#include "proto/base/log.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define MOVE "m1"
#define BOX 7

static char dir[64];

static int
set_up(void **state)
{
	char path[128];

	(void)state;
	log_set_level(LOG_ERROR);
	scratch_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, MOVE);
	return mkdir(path, 0700);
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static struct seed_index
opened(uint64_t mailbox, bool write)
{
	struct seed_index x;
	struct err e;

	if (!seed_index_open(dir, MOVE, mailbox, write, &x, &e) ||
	    (write && !seed_index_begin(&x, &e)))
		fail_msg("%s", e.text);
	return x;
}

static void
set(struct seed_index *x, uint32_t id, enum seed_state state, uint32_t size)
{
	const struct seed_entry n = {.id = id,
	    .here = id + 1,
	    .uid = id + 2,
	    .folder = 2,
	    .flags = 512,
	    .size = size,
	    .tags_hash = 11,
	    .digest_hash = 12,
	    .state = (uint8_t)state};
	struct err e;

	CHECK(seed_index_set(x, &n, &e));
}

static off_t
file_size(void)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/seed", dir, MOVE);
	CHECK_INT(stat(path, &st), 0);
	return st.st_size;
}

static void
cut(off_t to)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s/seed", dir, MOVE);
	CHECK_INT(truncate(path, to), 0);
}

static void
test_the_newest_of_an_id_wins(void **state)
{
	struct seed_index x = opened(BOX, true);
	const struct seed_entry *n;

	(void)state;
	set(&x, 300, SEED_SENT, 100);
	set(&x, 258, SEED_SENT, 50);
	CHECK_INT(x.bytes, 0);
	CHECK_INT(x.sent, 2);
	set(&x, 300, SEED_HERE, 100);
	set(&x, 258, SEED_GONE, 50);
	set(&x, 260, SEED_LEFT, 70);
	CHECK_INT(x.bytes, 100);
	CHECK_INT(x.sent, 0);
	seed_index_close(&x);

	x = opened(BOX, false);
	CHECK(!x.is_new);
	CHECK_INT(x.count, 3);
	CHECK_INT(x.bytes, 100);
	n = seed_index_find(&x, 300);
	CHECK(n != NULL && n->state == SEED_HERE && n->here == 301 && n->uid == 302);
	CHECK(n->folder == 2 && n->flags == 512 && n->tags_hash == 11 &&
	      n->digest_hash == 12);
	CHECK_INT(seed_index_find(&x, 258)->state, SEED_GONE);
	CHECK(seed_index_find(&x, 259) == NULL);
	seed_index_close(&x);
}

static void
test_of_another_mailbox_it_says_nothing(void **state)
{
	struct seed_index x = opened(BOX, true);
	struct err e;

	(void)state;
	set(&x, 300, SEED_HERE, 100);
	seed_index_close(&x);
	x = opened(BOX + 1, false);
	CHECK_INT(x.count, 0);
	seed_index_close(&x);
	x = opened(BOX, false); /* looking changes nothing */
	CHECK_INT(x.count, 1);
	seed_index_close(&x);
	CHECK(seed_index_open(dir, MOVE, BOX + 1, true, &x, &e) && x.is_new);
	seed_index_close(&x);
	x = opened(BOX, false); /* nor does opening */
	CHECK_INT(x.count, 1);
	seed_index_close(&x);
	x = opened(BOX + 1, true); /* beginning does */
	CHECK_INT(x.count, 0);
	seed_index_close(&x);
	x = opened(BOX, false);
	CHECK_INT(x.count, 0);
	seed_index_close(&x);
}

/* Every length that a crash can leave: what is whole is known. */
static void
test_a_torn_end_is_cut_off(void **state)
{
	struct seed_index x = opened(BOX, true);
	off_t first, end;

	(void)state;
	first = file_size();
	for (uint32_t id = 1; id <= 3; id++)
		set(&x, id, SEED_HERE, 10);
	seed_index_close(&x);
	end = file_size();
	for (off_t at = end - 1; at > first; at--) {
		cut(at);
		x = opened(BOX, true);
		CHECK_INT(x.count, (at - first) / ((end - first) / 3));
		set(&x, 9, SEED_HERE, 10);
		seed_index_close(&x);
		x = opened(BOX, true);
		CHECK(seed_index_find(&x, 9) != NULL);
		seed_index_close(&x);
		cut(at);
	}
}

static void
test_damage_before_the_end_is_refused(void **state)
{
	struct seed_index x = opened(BOX, true);
	char path[128];
	struct err e;
	int fd;

	(void)state;
	for (uint32_t id = 1; id <= 2000; id++)
		set(&x, id, SEED_HERE, 10);
	seed_index_close(&x);
	snprintf(path, sizeof(path), "%s/%s/seed", dir, MOVE);
	fd = open(path, O_WRONLY);
	CHECK_INT(pwrite(fd, "x", 1, 1000), 1);
	close(fd);
	CHECK(!seed_index_open(dir, MOVE, BOX, true, &x, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK_HAS(e.text, "damaged at byte");
}

/* Days of changes do not make it grow for ever. */
static void
test_it_is_written_anew(void **state)
{
	struct seed_index x = opened(BOX, true);
	off_t before;

	(void)state;
	for (int round = 0; round < 100; round++) {
		for (uint32_t id = 1; id <= 100; id++)
			set(&x, id, id <= 90 ? SEED_HERE : SEED_GONE, 10);
	}
	seed_index_close(&x);
	before = file_size();
	x = opened(BOX, true);
	CHECK_INT(x.bytes, 900);
	set(&x, 200, SEED_HERE, 5);
	seed_index_close(&x);
	CHECK(file_size() < before / 50);
	x = opened(BOX, false);
	CHECK_INT(x.bytes, 905);
	CHECK_INT(x.count, 91);
	seed_index_close(&x);
}

static void
test_whose_mailbox_it_is(void **state)
{
	struct seed_index x;
	Wire__Row row = WIRE__ROW__INIT;

	(void)state;
	row.present = true;
	row.mailbox_id = BOX;
	CHECK(!seed_row_is_ours(dir, MOVE, &row)); /* nothing is known of it */
	CHECK(!seed_row_is_filled(dir, MOVE, &row));
	x = opened(BOX, true);
	CHECK(!seed_row_is_ours(dir, MOVE, &row));
	CHECK(seed_row_is_filled(dir, MOVE, &row));
	set(&x, 1, SEED_HERE, 100);
	set(&x, 2, SEED_SENT, 10);
	row.size_bytes = 100;
	CHECK(!seed_row_is_ours(dir, MOVE, &row)); /* what was sent may be there or not */
	set(&x, 2, SEED_HERE, 10);
	seed_index_close(&x);
	row.size_bytes = 110;
	CHECK(seed_row_is_ours(dir, MOVE, &row));
	row.size_bytes = 111;
	CHECK(seed_row_is_filled(dir, MOVE, &row));
	CHECK(!seed_row_is_ours(dir, MOVE, &row));
	row.size_bytes = 0;
	row.contacts = 1;
	CHECK(!seed_row_is_ours(dir, MOVE, &row));
	row.contacts = 0;
	row.mailbox_id = BOX + 1;
	CHECK(!seed_row_is_ours(dir, MOVE, &row));
	CHECK(!seed_row_is_filled(dir, MOVE, &row));
	row.mailbox_id = BOX;
	row.present = false;
	CHECK(!seed_row_is_ours(dir, MOVE, &row));
}

/* A mail may come in the moment between the making and the filling. */
static void
test_which_mailbox_may_be_filled(void **state)
{
	Wire__Row row = WIRE__ROW__INIT;

	(void)state;
	row.present = true;
	row.mailbox_id = BOX;
	CHECK(seed_may_begin(&row, true, 0));
	row.size_bytes = 505;
	CHECK(!seed_may_begin(&row, true, 0));
	CHECK(!seed_may_begin(&row, true, BOX + 1));
	CHECK(seed_may_begin(&row, true, BOX));
	CHECK(seed_may_begin(&row, false, 0)); /* begun before */
	row.contacts = 1;
	CHECK(!seed_may_begin(&row, true, BOX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_the_newest_of_an_id_wins, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_of_another_mailbox_it_says_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_a_torn_end_is_cut_off, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_damage_before_the_end_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_it_is_written_anew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_whose_mailbox_it_is, set_up, tear_down),
	    TEST(test_which_mailbox_may_be_filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
