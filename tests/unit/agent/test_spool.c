/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: what goes in comes out, whatever dies in between. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/mailbox/spool_private.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define MOVE "m-1"
#define RECORD_BYTES 128
#define FILL 5

static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	scratch_make(dir, sizeof(dir));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static struct spool *
opened(bool write)
{
	struct spool *s = NULL;
	struct err e;

	if (!spool_open(dir, MOVE, write, &s, &e))
		fail_msg("%s", e.text);
	return s;
}

/* What item `id` in its nth version holds: sizes from 0 to some hundred bytes. */
static void
content(uint32_t id, unsigned nth, char *meta, char *name, char *data, size_t *len_out)
{
	snprintf(meta, 100, "{\"id\":%u,\"nth\":%u}", id, nth);
	snprintf(name, 100, "%010u-name.eml", id);
	*len_out = (id * 37 + nth * 11) % 300;
	for (size_t i = 0; i < *len_out; i++)
		data[i] = (char)(id + nth + i * 7);
}

static void
put(struct spool *s, uint32_t id, unsigned nth, enum spool_type type, uint16_t revision)
{
	char meta[100], name[100], data[400];
	size_t len;
	struct err e;

	content(id, nth, meta, name, data, &len);
	const struct spool_item item = {.id = id,
	    .folder_id = 2,
	    .flags = nth,
	    .type = type,
	    .date_s = 1000000000 + id,
	    .digest_hash = spool_hash(data, len),
	    .meta_bytes = (uint32_t)strlen(meta),
	    .name_bytes = (uint32_t)strlen(name),
	    .data_bytes = len};

	CHECK(spool_put_begin(s, &item, meta, name, &e));
	CHECK(spool_put_data(s, data, len / 2, &e));
	CHECK(spool_put_data(s, data + len / 2, len - len / 2, &e));
	if (revision != 0)
		spool_put_revision(s, revision);
	CHECK(spool_put_end(s, &e));
}

static void
put_message(struct spool *s, uint32_t id, unsigned nth)
{
	put(s, id, nth, SPOOL_MESSAGE, 0);
}

/* Is the item there, whole and in its nth version? */
static void
check_item(struct spool *s, const struct spool_item *item, unsigned nth)
{
	char meta[100], name[100], data[400], got[400];
	char *text = NULL;
	size_t len, n;
	struct err e;

	content(item->id, nth, meta, name, data, &len);
	CHECK_INT(item->flags, nth);
	CHECK_INT(item->data_bytes, len);
	CHECK(spool_read_meta(s, item, &text, &e));
	CHECK_STR(text, meta);
	free(text);
	CHECK(spool_read_name(s, item, &text, &e));
	CHECK_STR(text, name);
	free(text);
	CHECK(spool_read_data(s, item, 0, got, sizeof(got), &n, &e));
	CHECK_INT(n, len);
	assert_memory_equal(got, data, len);
	CHECK(spool_read_data(s, item, len, got, sizeof(got), &n, &e));
	CHECK_INT(n, 0);
}

static void
check_held(struct spool *s, uint32_t id, unsigned nth)
{
	struct spool_item item;

	if (!spool_find(s, id, &item))
		fail_msg("item %u is not held", id);
	check_item(s, &item, nth);
}

static void
check_not_held(struct spool *s, uint32_t id)
{
	struct spool_item item;

	if (spool_find(s, id, &item))
		fail_msg("item %u is held", id);
}

static void
test_put_and_get(void **state)
{
	struct spool *s = opened(true);
	struct err e;

	(void)state;
	for (uint32_t id = 3000; id > 257; id -= 3)
		put_message(s, id, 1);
	CHECK_INT(spool_count(s), 915);
	CHECK(spool_sync(s, &e));
	for (int round = 0; round < 2; round++) {
		for (uint32_t id = 3000; id > 257; id -= 3)
			check_held(s, id, 1);
		check_not_held(s, 259);
		check_not_held(s, 0);
		for (size_t i = 1; i < spool_count(s); i++)
			CHECK(spool_id_at(s, i - 1) < spool_id_at(s, i));
		CHECK_INT(spool_id_at(s, 0), 258);
		spool_close(&s);
		s = opened(round == 0);
	}
	spool_close(&s);
}

static void
test_newest_wins(void **state)
{
	struct spool *s = opened(true);
	struct err e;

	(void)state;
	put_message(s, 300, 1);
	put_message(s, 301, 1);
	put_message(s, 300, 2);
	CHECK_INT(spool_count(s), 2);
	CHECK(spool_forget(s, 301, &e));
	CHECK(spool_forget(s, 999, &e));
	CHECK_INT(spool_count(s), 1);
	for (int round = 0; round < 2; round++) {
		check_held(s, 300, 2);
		check_not_held(s, 301);
		CHECK_INT(spool_count(s), 1);
		CHECK_INT(spool_id_at(s, 0), 300);
		spool_close(&s);
		s = opened(true);
	}
	put_message(s, 301, 3); /* comes back */
	check_held(s, 301, 3);
	CHECK_INT(spool_count(s), 2);
	spool_close(&s);
}

static void
test_states_and_folders(void **state)
{
	struct spool *s = opened(true);
	struct spool_item item;
	struct err e;

	(void)state;
	put_message(s, 300, 1);
	put_message(s, 301, 1);
	CHECK(spool_find(s, 300, &item));
	CHECK_INT(item.state, SPOOL_STAGED);
	CHECK_INT(item.folder_id, 2);
	CHECK(spool_set_state(s, 300, SPOOL_APPLIED, 7001, &e));
	CHECK(spool_set_folder(s, 300, 260, &e));
	CHECK(spool_set_state(s, 301, SPOOL_VERIFIED, 7002, &e));
	for (int round = 0; round < 2; round++) {
		CHECK(spool_find(s, 300, &item));
		CHECK_INT(item.state, SPOOL_APPLIED);
		CHECK_INT(item.target_id, 7001);
		CHECK_INT(item.folder_id, 260);
		CHECK(spool_find(s, 301, &item));
		CHECK_INT(item.state, SPOOL_VERIFIED);
		CHECK_INT(item.folder_id, 2);
		spool_close(&s);
		s = opened(true);
	}
	CHECK(!spool_set_state(s, 999, SPOOL_APPLIED, 1, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	put_message(s, 300, 2); /* a newer one is not applied */
	CHECK(spool_find(s, 300, &item));
	CHECK_INT(item.state, SPOOL_STAGED);
	CHECK_INT(item.target_id, 0);
	spool_close(&s);
}

static void
test_revisions(void **state)
{
	struct spool *s = opened(true);
	struct spool_item item, before;

	(void)state;
	put(s, 400, 1, SPOOL_DOCUMENT, 1);
	put(s, 400, 2, SPOOL_DOCUMENT, 2);
	check_not_held(s, 400); /* earlier ones alone are not the document */
	put(s, 400, 3, SPOOL_DOCUMENT, 0);
	put(s, 401, 1, SPOOL_DOCUMENT, 0);
	for (int round = 0; round < 2; round++) {
		check_held(s, 400, 3);
		CHECK(spool_find(s, 400, &item));
		CHECK(spool_revision(s, &item, &before));
		check_item(s, &before, 2);
		item = before;
		CHECK(spool_revision(s, &item, &before));
		check_item(s, &before, 1);
		CHECK(!spool_revision(s, &before, &item));
		CHECK(spool_find(s, 401, &item));
		CHECK(!spool_revision(s, &item, &before));
		spool_close(&s);
		s = opened(true);
	}
	spool_close(&s);
}

/* What an interrupted pass left is not taken for history. */
static void
test_revisions_interrupted(void **state)
{
	struct spool *s = opened(true);
	struct spool_item item, before;

	(void)state;
	put(s, 400, 1, SPOOL_DOCUMENT, 1);
	put(s, 400, 2, SPOOL_DOCUMENT, 2);
	spool_close(&s);
	s = opened(true);
	check_not_held(s, 400);
	put(s, 400, 1, SPOOL_DOCUMENT, 1);
	put(s, 400, 2, SPOOL_DOCUMENT, 0);
	CHECK(spool_find(s, 400, &item));
	check_item(s, &item, 2);
	CHECK(spool_revision(s, &item, &before));
	check_item(s, &before, 1);
	CHECK(!spool_revision(s, &before, &item));
	/* The same within one opening. */
	put(s, 500, 1, SPOOL_DOCUMENT, 1);
	put(s, 500, 1, SPOOL_DOCUMENT, 1);
	put(s, 500, 2, SPOOL_DOCUMENT, 0);
	CHECK(spool_find(s, 500, &item));
	CHECK(spool_revision(s, &item, &before));
	CHECK(!spool_revision(s, &before, &item));
	spool_close(&s);
}

static void
test_wrong_puts(void **state)
{
	struct spool *s = opened(true);
	struct spool_item item = {
	    .id = 300, .meta_bytes = 2, .name_bytes = 1, .data_bytes = 4};
	struct err e;

	(void)state;
	put_message(s, 299, 1);
	CHECK(spool_put_begin(s, &item, "{}", "n", &e));
	CHECK(!spool_put_data(s, "12345", 5, &e));
	CHECK_INT(e.kind, ERR_PEER);
	CHECK(spool_put_data(s, "123", 3, &e));
	CHECK(!spool_put_end(s, &e));
	CHECK_HAS(e.text, "lacks 1 bytes");
	check_not_held(s, 300);
	CHECK(spool_put_begin(s, &item, "{}", "n", &e));
	spool_put_abort(s);
	item.id = 0;
	CHECK(!spool_put_begin(s, &item, "{}", "n", &e));
	check_not_held(s, 300);
	put_message(s, 301, 1);
	check_held(s, 299, 1);
	check_held(s, 301, 1);
	spool_close(&s);
}

/* --- torn tails --- */

/* Items 300.. in order; nothing fsynced. Ends[i] is where item i ends in the file. */
static void
fill(uint64_t ends[FILL])
{
	struct spool *s = opened(true);
	struct spool_item item;

	for (uint32_t i = 0; i < FILL; i++) {
		put_message(s, 300 + i, i);
		CHECK(spool_find(s, 300 + i, &item));
		ends[i] = item.data_offset + item.data_bytes;
	}
	spool_close(&s);
}

static void
check_prefix(size_t expected)
{
	struct spool *s = opened(true);

	CHECK_INT(spool_count(s), expected);
	for (uint32_t i = 0; i < FILL; i++) {
		if (i < expected)
			check_held(s, 300 + i, i);
		else
			check_not_held(s, 300 + i);
	}
	put_message(s, 900, 9); /* it goes on as if nothing had been */
	spool_close(&s);
	s = opened(true);
	CHECK_INT(spool_count(s), expected + 1);
	check_held(s, 900, 9);
	if (expected > 0)
		check_held(s, 300, 0);
	spool_close(&s);
}

static void
test_index_torn_anywhere(void **state)
{
	char saved[80], live[80];
	uint64_t ends[FILL];

	(void)state;
	fill(ends);
	scratch_path(live, sizeof(live), dir, MOVE);
	scratch_path(saved, sizeof(saved), dir, "saved");
	scratch_copy(live, saved);
	for (off_t cut = 0; cut <= FILL * RECORD_BYTES; cut++) {
		scratch_remove(live);
		scratch_copy(saved, live);
		scratch_truncate(live, "index", cut);
		check_prefix((size_t)cut / RECORD_BYTES);
	}
}

static void
test_items_torn_anywhere(void **state)
{
	char saved[80], live[80];
	uint64_t ends[FILL];

	(void)state;
	fill(ends);
	scratch_path(live, sizeof(live), dir, MOVE);
	scratch_path(saved, sizeof(saved), dir, "saved");
	scratch_copy(live, saved);
	for (uint64_t cut = 0; cut <= ends[FILL - 1]; cut++) {
		size_t whole = 0;

		while (whole < FILL && ends[whole] <= cut)
			whole++;
		scratch_remove(live);
		scratch_copy(saved, live);
		scratch_truncate(live, "items", (off_t)cut);
		check_prefix(whole);
	}
}

/* After a power loss bytes may be wrong that no length shows. */
static void
test_unsynced_bytes_wrong(void **state)
{
	char saved[80], live[80];
	uint64_t ends[FILL];

	(void)state;
	fill(ends);
	scratch_path(live, sizeof(live), dir, MOVE);
	scratch_path(saved, sizeof(saved), dir, "saved");
	scratch_copy(live, saved);
	for (uint64_t at = 0; at < ends[FILL - 1]; at += 3) {
		size_t whole = 0;

		while (ends[whole] <= at)
			whole++;
		scratch_remove(live);
		scratch_copy(saved, live);
		scratch_flip(live, "items", (off_t)at);
		check_prefix(whole);
	}
	for (off_t at = 0; at < FILL * RECORD_BYTES; at++) {
		scratch_remove(live);
		scratch_copy(saved, live);
		scratch_flip(live, "index", at);
		check_prefix((size_t)at / RECORD_BYTES);
	}
}

/* What an fsync covered must be there: nothing is cut, a person looks. */
static void
test_synced_damage_is_corrupt(void **state)
{
	char saved[80], live[80];
	struct spool *s = opened(true);
	struct err e;

	(void)state;
	for (uint32_t i = 0; i < FILL; i++)
		put_message(s, 300 + i, i);
	CHECK(spool_sync(s, &e));
	put_message(s, 300 + FILL, 1); /* this one may be lost */
	spool_close(&s);
	scratch_path(live, sizeof(live), dir, MOVE);
	scratch_path(saved, sizeof(saved), dir, "saved");
	scratch_copy(live, saved);
	for (off_t at = 0; at < (FILL + 1) * RECORD_BYTES; at += 5) {
		bool ok;

		scratch_remove(live);
		scratch_copy(saved, live);
		scratch_flip(live, "index", at);
		ok = spool_open(dir, MOVE, true, &s, &e);
		CHECK_INT(ok, at >= FILL * RECORD_BYTES);
		if (ok) {
			CHECK_INT(spool_count(s), FILL);
			spool_close(&s);
			continue;
		}
		CHECK_INT(e.kind, ERR_CORRUPT);
		CHECK_HAS(e.text, "damaged");
		CHECK_INT(scratch_size(live, "index"), (FILL + 1) * RECORD_BYTES);
	}
	scratch_remove(live);
	scratch_copy(saved, live);
	scratch_truncate(live, "items", 10);
	CHECK(!spool_open(dir, MOVE, true, &s, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	CHECK_INT(scratch_size(live, "items"), 10);
}

/* A child puts items until it is killed in the middle of one. */
static void
test_killed_anywhere(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct spool *s;
		int pipe_fds[2];
		int status;
		pid_t pid;
		char byte;

		CHECK(pipe(pipe_fds) == 0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			s = opened(true);
			for (uint32_t id = 300 + (uint32_t)spool_count(s);; id++) {
				put_message(s, id, 1);
				if (write(pipe_fds[1], "x", 1) != 1)
					_exit(1);
			}
		}
		close(pipe_fds[1]);
		for (int i = 0; i < 5 + round * 7; i++)
			CHECK(read(pipe_fds[0], &byte, 1) == 1);
		CHECK(kill(pid, SIGKILL) == 0);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status));
		close(pipe_fds[0]);
		s = opened(true);
		CHECK(spool_count(s) >= (size_t)(5 + round * 7));
		for (size_t i = 0; i < spool_count(s); i++)
			check_held(s, 300 + (uint32_t)i, 1);
		spool_close(&s);
	}
}

static void
test_disk_full(void **state)
{
	struct spool *s = opened(true);
	int status;
	pid_t pid;

	(void)state;
	put_message(s, 300, 1);
	spool_close(&s);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		const struct rlimit limit = {700, 700};
		struct spool_item item = {
		    .id = 301, .meta_bytes = 2, .name_bytes = 1, .data_bytes = 4000};
		char data[4000] = "";
		struct err e;
		bool failed;

		signal(SIGXFSZ, SIG_IGN);
		s = opened(true);
		setrlimit(RLIMIT_FSIZE, &limit);
		failed = !spool_put_begin(s, &item, "{}", "n", &e) ||
			 !spool_put_data(s, data, sizeof(data), &e);
		_exit(failed && e.kind == ERR_RETRY && strstr(e.text, "items") != NULL
			  ? 0
			  : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	s = opened(true);
	CHECK_INT(spool_count(s), 1);
	check_held(s, 300, 1);
	put_message(s, 301, 1);
	check_held(s, 301, 1);
	spool_close(&s);
}

static void
test_one_writer(void **state)
{
	struct spool *s = opened(true);
	struct spool *other = NULL;
	struct err e;

	(void)state;
	put_message(s, 300, 1);
	CHECK(!spool_open(dir, MOVE, true, &other, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "another worker");
	other = opened(false);
	check_held(other, 300, 1);
	spool_close(&other);
	spool_close(&s);
	CHECK(!spool_open(dir, "m-2", false, &other, &e)); /* reading makes nothing */
	CHECK(!spool_exists(dir, "m-2"));
	CHECK(spool_exists(dir, MOVE));
}

/* Who writes reads a row once; and what it has in mind is what the file has, past what it keeps. */
static void
test_who_writes_keeps_what_it_read(void **state)
{
	const uint32_t first = 300, count = 17000;
	struct spool *s = opened(true);
	struct spool *other;
	char live[80];
	struct err e;

	(void)state;
	for (uint32_t i = 0; i < count; i++)
		put_message(s, first + i, 1);
	for (uint32_t i = 0; i < count; i += 3)
		CHECK(spool_set_state(s, first + i, SPOOL_APPLIED, 90000 + i, &e));
	for (uint32_t i = 0; i < count; i += 7)
		CHECK(spool_forget(s, first + i, &e));
	for (uint32_t i = 0; i < count; i += 14)
		put_message(s, first + i, 2);
	for (uint32_t i = 0; i < count; i += 5)
		CHECK(spool_forget(s, first + i, &e));
	other = opened(false);
	CHECK_INT(spool_count(s), spool_count(other));
	for (uint32_t i = 0; i < count; i++) {
		struct spool_item mine, written;
		bool held = spool_find(s, first + i, &mine);

		CHECK_INT(held, spool_find(other, first + i, &written));
		CHECK(!held || memcmp(&mine, &written, sizeof(mine)) == 0);
	}
	spool_close(&other);

	check_held(s, first + 16999, 1);
	scratch_path(live, sizeof(live), dir, MOVE);
	scratch_flip(live, "index", 16999 * 128 + 20);
	check_held(s, first + 16999, 1);
	scratch_flip(live, "index", 16999 * 128 + 20);
	spool_close(&s);
}

/* --- the small files --- */

static void
test_record_list(void **state)
{
	struct spool *s = opened(true);
	struct spool_record_list r = {0};
	struct spool_record_list back;
	char live[80];
	struct err e;
	size_t at;

	(void)state;
	CHECK(!spool_record_read(s, &back, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	for (uint32_t i = 0; i < 1000; i++)
		spool_record_add(&r, 10000 - i * 3, 2 + i % 5,
		    (enum spool_type)(i % SPOOL_TYPE_COUNT));
	spool_record_sort(&r);
	CHECK(spool_record_write(s, &r, &e));
	CHECK(spool_record_read(s, &back, &e));
	CHECK_INT(back.count, 1000);
	for (size_t i = 0; i < 1000; i++) {
		CHECK_INT(back.ids[i], 7003 + i * 3);
		CHECK_INT(back.folder_ids[i], 2 + (999 - i) % 5);
		CHECK_INT(back.types[i], (999 - i) % SPOOL_TYPE_COUNT);
	}
	CHECK(spool_record_find(&back, 7003, &at));
	CHECK_INT(at, 0);
	CHECK(spool_record_find(&back, 10000, &at));
	CHECK_INT(at, 999);
	CHECK(!spool_record_find(&back, 7004, &at));
	CHECK(!spool_record_find(&back, 1, &at));
	CHECK(!spool_record_find(&back, 99999, &at));
	spool_record_free(&back);
	spool_record_free(&r);
	CHECK(spool_record_write(s, &r, &e)); /* an empty one is one */
	CHECK(spool_record_read(s, &back, &e));
	CHECK_INT(back.count, 0);
	spool_record_add(&r, 300, 2, SPOOL_MESSAGE);
	CHECK(spool_record_write(s, &r, &e));
	scratch_path(live, sizeof(live), dir, MOVE);
	scratch_flip(live, "record", 9);
	CHECK(!spool_record_read(s, &back, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	spool_record_free(&r);
	spool_close(&s);
}

static void
test_tree_and_notes(void **state)
{
	struct spool *s = opened(true);
	Wire__StreamTree tree = WIRE__STREAM_TREE__INIT;
	Wire__Folder folder = WIRE__FOLDER__INIT;
	Wire__Folder *folders[] = {&folder};
	Wire__StreamTree *back = NULL;
	char note[20];
	struct err e;

	(void)state;
	CHECK(!spool_tree_read(s, &back, &e));
	folder.id = 257;
	folder.name = frame_bytes("Ä & Ö");
	tree.folders = folders;
	tree.n_folders = 1;
	CHECK(spool_tree_write(s, &tree, &e));
	CHECK(spool_tree_read(s, &back, &e));
	CHECK_INT(back->n_folders, 1);
	CHECK(frame_equal(&back->folders[0]->name, "Ä & Ö"));
	wire__stream_tree__free_unpacked(back, NULL);
	CHECK(!spool_note_read(s, "opened", note, sizeof(note)));
	CHECK(spool_note_write(s, "opened", "12345-678", &e));
	CHECK(spool_note_read(s, "opened", note, sizeof(note)));
	CHECK_STR(note, "12345-678");
	CHECK(!spool_note_read(s, "opened", note, 9)); /* never cut */
	spool_close(&s);
}

static bool
on_admission(const Wire__Admission *a, void *ctx)
{
	uint64_t *sum = ctx;

	*sum += a->bytes;
	return true;
}

static Wire__Admission
admission(const char *move_id, uint64_t bytes)
{
	static uint8_t ticket[LIMIT_TICKET] = "0123456789abcdef0123456789abcde";
	Wire__Admission a = WIRE__ADMISSION__INIT;

	a.move_id = frame_bytes(move_id);
	a.source_node = frame_bytes("mbs1.example.org");
	a.ticket.data = ticket;
	a.ticket.len = LIMIT_TICKET;
	a.bytes = bytes;
	return a;
}

static void
test_reservation(void **state)
{
	Wire__Admission a = admission("m-1", 1000);
	Wire__Admission b = admission("m-2", 1000);
	uint64_t total, free_bytes, reserved, sum = 0;
	struct spool *s;
	struct err e;

	(void)state;
	CHECK(spool_reserve(dir, &a, 100, &e));
	CHECK(spool_reserve(dir, &a, 100, &e)); /* twice is once */
	CHECK(spool_reserve(dir, &b, 100, &e));
	CHECK(spool_disk(dir, &total, &free_bytes, &reserved, &e));
	CHECK_INT(reserved, 2000);
	spool_each_admission(dir, on_admission, &sum);
	CHECK_INT(sum, 2000);
	/* What is used already is no longer held back. */
	s = opened(true);
	put_message(s, 300, 1);
	spool_close(&s);
	CHECK(spool_disk(dir, &total, &free_bytes, &reserved, &e));
	CHECK(reserved < 2000 && reserved >= 1500);
	/* More than there is. */
	a.bytes = total;
	CHECK(!spool_reserve(dir, &a, 85, &e));
	CHECK_INT(e.kind, ERR_FULL);
	CHECK_HAS(e.text, "above 85 %");
	CHECK_HAS(e.text, "choose another node");
	b = admission("m-3", total / 2);
	CHECK(!spool_reserve(dir, &b, 1, &e));
	CHECK(!spool_exists(dir, "m-3"));
	/* A full disk does not hold up what is here already. */
	a.bytes = 0;
	CHECK(spool_reserve(dir, &a, 1, &e));
	CHECK(spool_delete(dir, "m-1", &e));
	CHECK(spool_delete(dir, "m-1", &e));
	CHECK(!spool_exists(dir, "m-1"));
	sum = 0;
	spool_each_admission(dir, on_admission, &sum);
	CHECK_INT(sum, 1000);
}

/* Room that others hold counts as taken. */
static void
test_fill_limit_counts_others(void **state)
{
	uint64_t total, free_bytes, reserved, room;
	Wire__Admission a, b;
	struct err e;

	(void)state;
	CHECK(spool_disk(dir, &total, &free_bytes, &reserved, &e));
	room = total / 100 * 99 - (total - free_bytes);
	a = admission("m-1", room / 2);
	b = admission("m-2", room / 4 * 3);
	CHECK(spool_reserve(dir, &a, 99, &e));
	CHECK(!spool_reserve(dir, &b, 99, &e));
	CHECK_HAS(e.text, "held for other moves");
	CHECK(spool_delete(dir, "m-1", &e));
	CHECK(spool_reserve(dir, &b, 99, &e));
}

/* Some in a row, some not, one put twice; as if marked one by one, here and when read anew. */
static void
test_many_are_marked_at_once(void **state)
{
	const struct spool_mark marks[] = {{1900, 5900}, {300, 4300}, {301, 4301}};
	struct spool_mark most[1400];
	struct spool_item item;
	struct spool *s = opened(true);
	struct err e;

	(void)state;
	for (uint32_t id = 300; id < 2000; id++)
		put_message(s, id, 1);
	put_message(s, 301, 2);
	CHECK(spool_set_folder(s, 300, 77, &e));
	CHECK(spool_mark_applied(s, marks, 3, &e));
	for (uint32_t i = 0; i < ARRAY_LEN(most); i++)
		most[i] = (struct spool_mark){1800 - i, 9000 + i};
	CHECK(spool_mark_applied(s, most, ARRAY_LEN(most), &e));
	CHECK(spool_mark_applied(s, NULL, 0, &e));
	for (int again = 0; again < 2; again++) {
		CHECK(spool_find(s, 300, &item) && item.state == SPOOL_APPLIED);
		CHECK_INT(item.target_id, 4300);
		CHECK_INT(item.folder_id, 77);
		CHECK(spool_find(s, 301, &item) && item.target_id == 4301);
		check_item(s, &item, 2);
		CHECK(spool_find(s, 302, &item) && item.state == SPOOL_STAGED);
		CHECK(spool_find(s, 1900, &item) && item.target_id == 5900);
		CHECK(spool_find(s, 1801, &item) && item.state == SPOOL_STAGED);
		for (uint32_t i = 0; i < ARRAY_LEN(most); i++) {
			CHECK(spool_find(s, 1800 - i, &item));
			CHECK_INT(item.target_id, 9000 + i);
		}
		spool_close(&s);
		s = opened(true);
	}
	CHECK(!spool_mark_applied(s, &(struct spool_mark){99, 1}, 1, &e));
	CHECK_INT(e.kind, ERR_CORRUPT);
	spool_close(&s);
}

static void
test_crc(void **state)
{
	const char *text = "The quick brown fox jumps over the lazy dog";

	(void)state;
	CHECK_INT(
	    spool_crc(0, "123456789", 9), 0xe3069283); /* the standard's check value */
	CHECK_INT(spool_crc_by_table(0, "123456789", 9), 0xe3069283);
	for (size_t i = 0; i <= strlen(text); i++) {
		CHECK_INT(spool_crc(spool_crc(0, text, i), text + i, strlen(text) - i),
		    spool_crc(0, text, strlen(text)));
		CHECK_INT(spool_crc(7, text, i), spool_crc_by_table(7, text, i));
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_put_and_get),
	    CASE(test_newest_wins),
	    CASE(test_states_and_folders),
	    CASE(test_revisions),
	    CASE(test_revisions_interrupted),
	    CASE(test_wrong_puts),
	    CASE(test_index_torn_anywhere),
	    CASE(test_items_torn_anywhere),
	    CASE(test_unsynced_bytes_wrong),
	    CASE(test_synced_damage_is_corrupt),
	    CASE(test_killed_anywhere),
	    CASE(test_disk_full),
	    CASE(test_one_writer),
	    CASE(test_who_writes_keeps_what_it_read),
	    CASE(test_record_list),
	    CASE(test_tree_and_notes),
	    CASE(test_reservation),
	    CASE(test_fill_limit_counts_others),
	    CASE(test_many_are_marked_at_once),
	    TEST(test_crc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
