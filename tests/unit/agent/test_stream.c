/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sender and receiver in two processes over real TLS, and everything that may happen to
 * the bytes between them. Whatever does, the spool holds whole items only, and the next
 * pass brings the rest.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/mailbox/spool.h"
#include "agent/worker/stream.h"
#include "proto/base/xalloc.h"
#include "tests/unit/agent/receiver.h"

#define BIG_BYTES (900u * 1024)

/* --- a mailbox --- */

struct mailbox {
	struct spool_record_list record;
	unsigned nth[2000]; /* version by id - 300 */
	const char *token;
	const uint32_t *stale;
	size_t stale_count;
	bool all_stale;
	Wire__StagePass pass;
	uint32_t bad_id;  /* this one is marked as bad */
	uint32_t worn_id; /* this one lacks an earlier revision */
	uint64_t
	    stop_after; /* items; 0 = never: then the sender goes away without a word */
	/* what a pass saw */
	size_t wanted, sent;
	uint64_t listed, staged, bytes;
	char token_before[64];
};

static enum spool_type
type_of(uint32_t id)
{
	return id % 10 == 1   ? SPOOL_CONTACT
	       : id % 10 == 2 ? SPOOL_DOCUMENT
			      : SPOOL_MESSAGE;
}

static size_t
size_of(uint32_t id)
{
	return type_of(id) == SPOOL_CONTACT ? 0
	       : id % 50 == 7		    ? BIG_BYTES + id
					    : id * 13 % 9000;
}

/* Some of it shrinks, some does not. */
static void
fill_data(uint8_t *data, size_t len, uint32_t id, unsigned nth)
{
	uint32_t x = id * 2654435761u + nth + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		data[i] = id % 2 == 0 ? (uint8_t)("Subject: hello "[i % 15] + (int)nth)
				      : (uint8_t)x;
	}
}

static void
fill_meta(char *out, size_t size, uint32_t id, unsigned nth)
{
	snprintf(out, size,
	    "{\"id\":%u,\"type\":%d,\"folder_id\":7,\"flags\":%u,\"date\":%u}", id,
	    type_of(id) == SPOOL_CONTACT    ? 6
	    : type_of(id) == SPOOL_DOCUMENT ? 8
					    : 5,
	    nth, id);
}

static void
mailbox_init(struct mailbox *b, size_t count)
{
	memset(b, 0, sizeof(*b));
	CHECK(count <= ARRAY_LEN(b->nth));
	for (uint32_t i = 0; i < count; i++)
		spool_record_add(&b->record, 300 + i, 2 + i % 4, type_of(300 + i));
	b->token = "100";
}

static bool
send_one(struct stream *s, const struct mailbox *b, uint32_t id, unsigned nth,
    enum stream_fate fate, struct err *e)
{
	size_t len = size_of(id);
	uint8_t *data = xcalloc(1, len);
	char meta[120], name[60];
	size_t at;
	bool ok;

	CHECK(spool_record_find(&b->record, id, &at));
	fill_data(data, len, id, nth);
	fill_meta(meta, sizeof(meta), id, nth);
	snprintf(name, sizeof(name), id % 3 == 0 ? "%010u-\xff.eml" : "%010u-Öl.eml", id);
	const struct spool_item item = {.id = id,
	    .folder_id = b->record.folder_ids[at],
	    .type = type_of(id),
	    .mtime_s = id,
	    .mode = 0644,
	    .meta_bytes = (uint32_t)strlen(meta),
	    .data_bytes = len};

	ok = stream_send_item(s, &item, meta, name, len > 0, e);
	for (size_t done = 0; ok && done < len; done += 65536)
		ok = stream_send_data(
		    s, data + done, len - done < 65536 ? len - done : 65536, e);
	free(data);
	return ok && stream_send_item_end(s, fate, e);
}

static bool
send_wanted(
    struct stream *s, struct mailbox *b, const uint32_t *ids, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		unsigned nth = b->nth[ids[i] - 300];
		enum stream_fate fate = ids[i] == b->bad_id    ? STREAM_BAD
					: ids[i] == b->worn_id ? STREAM_WORN
							       : STREAM_WHOLE;

		if (b->stop_after != 0 && b->sent == b->stop_after)
			return err_set(e, ERR_CANCELLED, "stopped by the test");
		stream_restart_revisions(s);
		/* documents have two earlier revisions */
		for (unsigned r = 0; type_of(ids[i]) == SPOOL_DOCUMENT && r < 2; r++) {
			if (!send_one(s, b, ids[i], 1000 + r, STREAM_REVISION, e))
				return false;
		}
		if (!send_one(s, b, ids[i], nth, fate, e))
			return false;
		b->sent++;
	}
	return true;
}

static bool
send_tree(struct stream *s, struct err *e)
{
	Wire__StreamTree tree = WIRE__STREAM_TREE__INIT;
	Wire__Folder *folders = xcalloc(1200, sizeof(*folders));
	Wire__Folder **list = xcalloc(1200, sizeof(Wire__Folder *));
	Wire__Section section = WIRE__SECTION__INIT;
	Wire__Section *sections[] = {&section};
	bool ok;

	section.name = frame_bytes("zwc:implicit");
	for (size_t i = 0; i < 1200; i++) {
		wire__folder__init(&folders[i]);
		folders[i].id = 2 + i;
		folders[i].parent_id = 1;
		folders[i].kind = frame_bytes("folder");
		folders[i].name = frame_bytes("Ä & Ö");
		list[i] = &folders[i];
	}
	tree.folders = list;
	tree.n_folders = 1200;
	tree.sections = sections;
	tree.n_sections = 1;
	ok = stream_send_tree(s, &tree, e);
	free(folders);
	free(list);
	return ok;
}

/* One pass as the export worker makes it, without Zimbra. */
static bool
send_pass(struct sender *sender, struct mailbox *b, struct err *e)
{
	struct stream *s = NULL;
	uint32_t *wanted = NULL;
	size_t count = 0;
	bool ok;

	b->sent = b->wanted = 0;
	if (!stream_dial(&sender->w, &s, e))
		return false;
	snprintf(b->token_before, sizeof(b->token_before), "%s", stream_token(s));
	ok = send_tree(s, e) &&
	     stream_send_record(
		 s, &b->record, b->token, b->stale, b->stale_count, b->all_stale, e) &&
	     stream_receive_want(s, &wanted, &count, e);
	b->wanted = count;
	ok = ok && send_wanted(s, b, wanted, count, e) && stream_send_end(s, b->sent, e);
	free(wanted);
	wanted = NULL;
	ok = ok && stream_receive_want(s, &wanted, &count, e) &&
	     stream_send_end(s, UINT64_MAX, e) &&
	     stream_receive_done(s, &b->listed, &b->staged, &b->bytes, e);
	free(wanted);
	stream_free(&s);
	return ok;
}

/* A whole pass with a receiver of its own. */
static bool
pass(struct mailbox *b, struct err *e)
{
	struct receiver r = {0};
	struct sender sender;
	bool ok;

	receiver_start(&r);
	sender_init(&sender, r.port);
	sender.op.pass = b->pass;
	ok = send_pass(&sender, b, e);
	CHECK_INT(receiver_end(&r), ok ? 0 : 256);
	return ok;
}

static void
must_pass(struct mailbox *b)
{
	struct err e;

	if (!pass(b, &e))
		fail_msg("%s", e.text);
}

/* --- what the spool holds --- */

static void
check_bytes(struct spool *s, const struct spool_item *item, uint32_t id, unsigned nth)
{
	size_t len = size_of(id);
	uint8_t *expected = xcalloc(1, len);
	uint8_t *got = xcalloc(1, len);
	char meta[120];
	char *text;
	struct err e;

	fill_data(expected, len, id, nth);
	fill_meta(meta, sizeof(meta), id, nth);
	CHECK(spool_read_meta(s, item, &text, &e));
	CHECK_STR(text, meta);
	free(text);
	CHECK(spool_read_name(s, item, &text, &e));
	CHECK(id % 3 == 0 ? text[0] == '\0' : strlen(text) > 10);
	free(text);
	CHECK_INT(item->data_bytes, len);
	for (size_t at = 0, n; at < len; at += n)
		CHECK(spool_read_data(s, item, at, got + at, len - at, &n, &e));
	assert_memory_equal(got, expected, len);
	free(expected);
	free(got);
}

/* Every item held is whole and of record; returns how many. */
static size_t
check_spool(const struct mailbox *b, bool complete)
{
	struct spool *s;
	struct spool_item item, before;
	size_t held = 0;
	struct err e;

	if (!spool_open(spool_dir, MOVE, true, &s, &e))
		fail_msg("%s", e.text);
	for (size_t i = 0; i < b->record.count; i++) {
		uint32_t id = b->record.ids[i];

		if (!spool_find(s, id, &item)) {
			CHECK(!complete);
			continue;
		}
		held++;
		CHECK_INT(item.folder_id, b->record.folder_ids[i]);
		check_bytes(s, &item, id, b->nth[id - 300]);
		if (item.type == SPOOL_DOCUMENT) {
			for (unsigned r = 2; r-- > 0; item = before) {
				CHECK(spool_revision(s, &item, &before));
				check_bytes(s, &before, id, 1000 + r);
			}
			CHECK(!spool_revision(s, &item, &before));
		}
	}
	CHECK_INT(complete ? spool_count(s) : held, held);
	spool_close(&s);
	return held;
}

static void
check_tree(void)
{
	Wire__StreamTree *tree = NULL;
	struct spool *s;
	struct err e;

	CHECK(spool_open(spool_dir, MOVE, false, &s, &e));
	CHECK(spool_tree_read(s, &tree, &e));
	CHECK_INT(tree->n_folders, 1200);
	CHECK_INT(tree->folders[1199]->id, 1201);
	CHECK_INT(tree->n_sections, 1);
	wire__stream_tree__free_unpacked(tree, NULL);
	spool_close(&s);
}

/* --- tests: passes --- */

static void
test_full_then_delta(void **state)
{
	static const uint32_t stale[] = {303, 307, 312, 999};
	static struct mailbox b;

	(void)state;
	mailbox_init(&b, 200);
	must_pass(&b);
	CHECK_STR(b.token_before, "");
	CHECK_INT(b.wanted, 200);
	CHECK_INT(b.listed, 200);
	CHECK_INT(b.staged, 200);
	CHECK(b.bytes > 3 * BIG_BYTES);
	CHECK_INT(check_spool(&b, true), 200);
	check_tree();
	/* Nothing new. */
	b.token = "200";
	must_pass(&b);
	CHECK_STR(b.token_before, "100");
	CHECK_INT(b.wanted, 0);
	CHECK_INT(b.staged, 200);
	/* Three changed, one moved, ten deleted, five came. */
	b.token = "300";
	b.stale = stale;
	b.stale_count = ARRAY_LEN(stale);
	b.nth[3] = b.nth[7] = b.nth[12] = 5;
	b.record.count = 190;
	b.record.folder_ids[50] = 260;
	for (uint32_t id = 600; id < 605; id++)
		spool_record_add(&b.record, id, 2, type_of(id));
	must_pass(&b);
	CHECK_STR(b.token_before, "200");
	CHECK_INT(b.wanted, 8);
	CHECK_INT(b.staged, 195);
	CHECK_INT(check_spool(&b, true), 195);
	/* The token is too old for Zimbra: everything once more. */
	b.all_stale = true;
	b.token = "400";
	must_pass(&b);
	CHECK_INT(b.wanted, 195);
	CHECK_INT(check_spool(&b, true), 195);
	spool_record_free(&b.record);
}

/* What is held is in a mailbox by now: nothing of it is forgotten, moved or taken anew. */
static void
test_what_was_left_is_added(void **state)
{
	static const uint32_t stale[] = {303, 307};
	static struct mailbox b;
	struct spool *s;
	struct spool_item item;
	struct err e;

	(void)state;
	mailbox_init(&b, 20);
	must_pass(&b);
	b.token = "200";
	b.pass = WIRE__STAGE_PASS__PASS_LEFT;
	b.stale = stale;
	b.stale_count = ARRAY_LEN(stale);
	b.record.count = 15; /* five are deleted there */
	b.record.folder_ids[2] = 260;
	spool_record_add(&b.record, 600, 2, type_of(600));
	must_pass(&b);
	CHECK_INT(b.wanted, 1);
	CHECK_INT(b.listed, 21);
	CHECK_INT(b.staged, 21);
	/* Once more, as after a crash: nothing lacks, and what changed is asked for as before. */
	b.all_stale = true;
	b.token = "300";
	must_pass(&b);
	CHECK_STR(b.token_before, "100");
	CHECK_INT(b.wanted, 0);
	CHECK_INT(b.staged, 21);
	CHECK(spool_open(spool_dir, MOVE, false, &s, &e));
	CHECK(spool_find(s, 302, &item) && item.folder_id != 260);
	CHECK(spool_find(s, 319, &item) && spool_find(s, 600, &item));
	spool_close(&s);
	spool_record_free(&b.record);
}

/* Its sender dies in the middle: what was held is held, until the newer of it has come. */
static void
test_broken_pass_takes_nothing_away(void **state)
{
	static const uint32_t stale[] = {303, 304, 312, 315};
	static struct mailbox b;
	struct err e;

	(void)state;
	mailbox_init(&b, 20);
	must_pass(&b);
	b.token = "200";
	b.stale = stale;
	b.stale_count = ARRAY_LEN(stale);
	b.stop_after = 1;
	CHECK(!pass(&b, &e));
	CHECK_INT(check_spool(&b, true), 20);
	/* What is said of it later is asked from before that pass on. */
	b.pass = WIRE__STAGE_PASS__PASS_LEFT;
	b.stop_after = 0;
	must_pass(&b);
	CHECK_STR(b.token_before, "100");
	CHECK_INT(b.wanted, 0);
	/* The next ordinary one brings what the broken one did not, and says it but once. */
	b.pass = WIRE__STAGE_PASS__PASS_DELTA;
	b.stale_count = 0;
	b.token = "300";
	b.nth[3] = b.nth[4] = b.nth[12] = b.nth[15] = 6;
	must_pass(&b);
	CHECK_STR(b.token_before, "200");
	CHECK_INT(b.wanted, 4);
	CHECK_INT(b.staged, 20);
	CHECK_INT(check_spool(&b, true), 20);
	must_pass(&b);
	CHECK_INT(b.wanted, 0);
	/* Too old for Zimbra, and broken off: nothing is taken away either. */
	b.all_stale = true;
	b.stop_after = 1;
	CHECK(!pass(&b, &e));
	CHECK_INT(check_spool(&b, true), 20);
	spool_record_free(&b.record);
}

static void
test_bad_item_is_dropped(void **state)
{
	static struct mailbox b;

	(void)state;
	mailbox_init(&b, 20);
	b.bad_id =
	    302; /* the current revision of a document: the earlier ones go as well */
	must_pass(&b);
	CHECK_INT(b.listed, 20);
	CHECK_INT(b.staged, 19);
	CHECK_INT(check_spool(&b, false), 19);
	b.bad_id = 0;
	must_pass(&b);
	CHECK_INT(b.wanted, 1);
	CHECK_INT(check_spool(&b, true), 20);
	spool_record_free(&b.record);
}

/* A document that lost history is held, and looked at again by every pass. */
static void
test_worn_document(void **state)
{
	static struct mailbox b;

	(void)state;
	mailbox_init(&b, 20);
	b.worn_id = 302;
	must_pass(&b);
	CHECK_INT(b.staged, 20);
	for (int pass_no = 0; pass_no < 2; pass_no++) {
		must_pass(&b);
		CHECK_INT(b.wanted, 1);
		CHECK_INT(b.staged, 20);
	}
	b.worn_id = 0;
	must_pass(&b);
	CHECK_INT(b.wanted, 1);
	must_pass(&b);
	CHECK_INT(b.wanted, 0);
	CHECK_INT(check_spool(&b, true), 20);
	spool_record_free(&b.record);
}

static void
test_empty_mailbox(void **state)
{
	static struct mailbox b;

	(void)state;
	mailbox_init(&b, 0);
	must_pass(&b);
	CHECK_INT(b.listed, 0);
	CHECK_INT(check_spool(&b, true), 0);
}

/* What is held without a token is of unknown age. */
static void
test_held_without_token(void **state)
{
	static struct mailbox b;
	char live[100];

	(void)state;
	mailbox_init(&b, 30);
	must_pass(&b);
	scratch_path(live, sizeof(live), spool_dir, MOVE "/token");
	CHECK(unlink(live) == 0);
	must_pass(&b);
	CHECK_STR(b.token_before, "");
	CHECK_INT(b.wanted, 30);
	CHECK_INT(check_spool(&b, true), 30);
	spool_record_free(&b.record);
}

/* --- tests: deaths --- */

static void
test_sender_goes_away(void **state)
{
	static struct mailbox b;
	struct err e;

	(void)state;
	mailbox_init(&b, 150);
	b.stop_after = 70;
	CHECK(!pass(&b, &e));
	/* What was still gathered at the sender's did not leave it; big ones did. */
	CHECK(check_spool(&b, false) >= 50);
	b.stop_after = 0;
	b.token = "200";
	must_pass(&b);
	CHECK_STR(b.token_before, "100");
	CHECK(b.wanted <= 100 && b.wanted >= 80);
	CHECK_INT(check_spool(&b, true), 150);
	spool_record_free(&b.record);
}

static void
test_receiver_killed(void **state)
{
	static struct mailbox b;
	struct receiver r = {0};
	struct sender sender;
	struct stream *s = NULL;
	uint32_t *wanted;
	size_t count;
	struct err e;
	bool ok = true;

	(void)state;
	mailbox_init(&b, 400);
	receiver_start(&r);
	sender_init(&sender, r.port);
	CHECK(stream_dial(&sender.w, &s, &e) && send_tree(s, &e) &&
	      stream_send_record(s, &b.record, "100", NULL, 0, false, &e) &&
	      stream_receive_want(s, &wanted, &count, &e));
	CHECK(send_wanted(s, &b, wanted, 50, &e));
	CHECK(kill(r.pid, SIGKILL) == 0);
	ok = send_wanted(s, &b, wanted + 50, 350, &e) && stream_send_end(s, 400, &e) &&
	     stream_receive_want(s, &wanted, &count, &e);
	CHECK(!ok);
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "mail port 127.0.0.1:");
	free(wanted);
	stream_free(&s);
	receiver_end(&r);
	check_spool(&b, false);
	must_pass(&b);
	CHECK_INT(check_spool(&b, true), 400);
	spool_record_free(&b.record);
}

static void
test_disk_full(void **state)
{
	static struct mailbox b;
	struct receiver r = {.file_limit = 3 * 1024 * 1024};
	struct sender sender;
	struct err e;

	(void)state;
	mailbox_init(&b, 300);
	receiver_start(&r);
	sender_init(&sender, r.port);
	CHECK(!send_pass(&sender, &b, &e));
	CHECK_INT(receiver_end(&r), 256);
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "spool: items"); /* the receiver's own words */
	CHECK(check_spool(&b, false) > 50);
	must_pass(&b);
	CHECK(b.wanted < 250);
	CHECK_INT(check_spool(&b, true), 300);
	spool_record_free(&b.record);
}

/* --- tests: strangers --- */

static void
check_dial_fails(
    struct sender *sender, struct receiver *r, const char *part, enum err_kind kind)
{
	struct stream *s = NULL;
	struct err e;

	CHECK(!stream_dial(&sender->w, &s, &e));
	CHECK_HAS(e.text, part);
	CHECK_INT(e.kind, kind);
	CHECK_INT(receiver_end(r), 256);
	CHECK(!spool_exists(spool_dir, MOVE)); /* nothing was opened */
}

static void
test_wrong_ticket(void **state)
{
	uint8_t wrong[LIMIT_TICKET];
	struct receiver r = {0};
	struct sender sender;

	(void)state;
	memcpy(wrong, ticket, sizeof(wrong));
	wrong[31] ^= 1;
	receiver_start(&r);
	sender_init(&sender, r.port);
	sender.op.ticket.data = wrong;
	check_dial_fails(
	    &sender, &r, "expects no stream of it from node:" SOURCE, ERR_REFUSED);
}

static void
test_wrong_move(void **state)
{
	struct receiver r = {0};
	struct sender sender;

	(void)state;
	receiver_start(&r);
	sender_init(&sender, r.port);
	sender.step.move_id = frame_bytes("m-2");
	check_dial_fails(&sender, &r, "move m-2", ERR_REFUSED);
}

static void
test_wrong_name(void **state)
{
	struct receiver r = {0};
	struct sender sender;

	(void)state;
	receiver_start(&r);
	sender_init(&sender, r.port);
	sender.job.identity_file = frame_bytes(stranger_pem);
	check_dial_fails(&sender, &r, "from node:stranger.example.org", ERR_REFUSED);
}

static void
test_foreign_ca(void **state)
{
	struct receiver r = {0};
	struct sender sender;

	(void)state;
	receiver_start(&r);
	sender_init(&sender, r.port);
	sender.job.identity_file = frame_bytes(foreign_pem);
	check_dial_fails(&sender, &r, "zmferry enroll", ERR_PEER);
	CHECK_HAS(r.text, "TLS");
}

static void
test_target_is_another(void **state)
{
	struct receiver r = {0};
	struct sender sender;

	(void)state;
	receiver_start(&r);
	sender_init(&sender, r.port);
	sender.op.target_node = frame_bytes("elsewhere.example.org");
	check_dial_fails(
	    &sender, &r, "is node:" TARGET ", not node:elsewhere.example.org", ERR_PEER);
}

static void
test_nobody_listens(void **state)
{
	struct stream *s = NULL;
	struct sender sender;
	uint16_t port;
	struct err e;

	(void)state;
	close(listen_anywhere(&port));
	sender_init(&sender, port);
	CHECK(!stream_dial(&sender.w, &s, &e));
	CHECK_INT(e.kind, ERR_RETRY);
}

/* --- tests: the wire between --- */

/* Passes bytes both ways; to the receiver's side byte `at` is flipped, or the last. */
static void
wire_child(int listener, uint16_t port, uint64_t at, bool flip)
{
	char chunk[16384];
	int in = accept(listener, NULL, NULL);
	uint64_t passed = 0;
	struct err e;
	int out;

	if (!tls_tcp_connect("127.0.0.1", port, 5000, &out, &e))
		_exit(1);
	for (;;) {
		struct pollfd fds[] = {
		    {.fd = in, .events = POLLIN}, {.fd = out, .events = POLLIN}};

		poll(fds, 2, -1);
		for (int i = 0; i < 2; i++) {
			ssize_t n = fds[i].revents == 0
					? -2
					: read(fds[i].fd, chunk, sizeof(chunk));

			if (n == 0 || n == -1)
				_exit(0);
			if (n < 0)
				continue;
			if (i == 0 && passed <= at && at < passed + (uint64_t)n) {
				if (!flip) {
					(void)!write(out, chunk, at - passed);
					_exit(0);
				}
				chunk[at - passed] ^= 0x04;
			}
			passed += i == 0 ? (uint64_t)n : 0;
			for (ssize_t done = 0, m; done < n; done += m) {
				struct pollfd room = {
				    .fd = fds[1 - i].fd, .events = POLLOUT};

				poll(&room, 1, -1);
				m = write(
				    fds[1 - i].fd, chunk + done, (size_t)(n - done));
				if (m < 0)
					_exit(0);
			}
		}
	}
}

static void
spoil_at(struct mailbox *b, uint64_t at, bool flip)
{
	struct receiver r = {0};
	struct sender sender;
	uint16_t port;
	int listener = listen_anywhere(&port);
	int status;
	struct err e;
	pid_t wire;

	receiver_start(&r);
	fflush(NULL);
	wire = fork();
	CHECK(wire >= 0);
	if (wire == 0)
		wire_child(listener, r.port, at, flip);
	close(listener);
	sender_init(&sender, port);
	if (send_pass(&sender, b, &e))
		fail_msg(
		    "a pass went through with byte %llu spoiled", (unsigned long long)at);
	receiver_end(&r);
	CHECK(waitpid(wire, &status, 0) == wire);
	/* Nothing that is there is wrong. */
	if (spool_exists(spool_dir, MOVE))
		check_spool(b, false);
}

static void
test_spoiled_anywhere(void **state)
{
	static struct mailbox b;

	(void)state;
	mailbox_init(&b, 60);
	for (int flip = 0; flip < 2; flip++) {
		for (uint64_t at = 0; at < 60000; at += at < 4000 ? 611 : 4099) {
			set_up(NULL);
			spoil_at(&b, at, flip != 0);
		}
		/* Again and again the same spool, further each time. */
		set_up(NULL);
		for (uint64_t at = 30000; at < 600000; at += 60000) {
			struct spool *s;
			struct err e;

			spoil_at(&b, at, flip != 0);
			CHECK(spool_open(spool_dir, MOVE, true, &s, &e));
			if (spool_count(s) >= 50)
				at = 600000;
			spool_close(&s);
		}
		must_pass(&b);
		CHECK_INT(check_spool(&b, true), 60);
	}
	spool_record_free(&b.record);
}

/* --- memory --- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURES_MEMORY 0
#else
#define MEASURES_MEMORY 1
#endif

/* Sender and receiver of 200,000 small items and one large. */
static void
test_memory(void **state)
{
	enum { COUNT = 200000, LARGE = 64 << 20 };
	struct spool_record_list record = {0};
	struct receiver r = {0};
	struct sender sender;
	struct stream *s = NULL;
	struct rusage usage;
	uint64_t listed, staged, bytes;
	uint32_t *wanted = NULL;
	size_t count;
	char data[4096] = "";
	struct err e;

	(void)state;
	if (!MEASURES_MEMORY)
		skip();
	for (uint32_t i = 0; i < COUNT; i++)
		spool_record_add(&record, 300 + i, 2, SPOOL_MESSAGE);
	receiver_start(&r);
	sender_init(&sender, r.port);
	CHECK(stream_dial(&sender.w, &s, &e) && send_tree(s, &e) &&
	      stream_send_record(s, &record, "1", NULL, 0, false, &e) &&
	      stream_receive_want(s, &wanted, &count, &e));
	CHECK_INT(count, COUNT);
	for (size_t i = 0; i < count; i++) {
		uint64_t len = i == 5 ? LARGE : 40;
		char meta[60];

		snprintf(meta, sizeof(meta), "{\"id\":%u,\"type\":5}", wanted[i]);
		const struct spool_item item = {.id = wanted[i],
		    .folder_id = 2,
		    .meta_bytes = (uint32_t)strlen(meta),
		    .data_bytes = len};

		CHECK(stream_send_item(s, &item, meta, "n", true, &e));
		for (uint64_t at = 0; at < len; at += sizeof(data)) {
			size_t n =
			    len - at < sizeof(data) ? (size_t)(len - at) : sizeof(data);

			CHECK(stream_send_data(s, data, n, &e));
		}
		CHECK(stream_send_item_end(s, STREAM_WHOLE, &e));
	}
	CHECK(stream_send_end(s, UINT64_MAX, &e) &&
	      stream_receive_done(s, &listed, &staged, &bytes, &e));
	CHECK_INT(staged, COUNT);
	free(wanted);
	spool_record_free(&record);
	stream_free(&s);
	CHECK_INT(receiver_end(&r), 0);
	if (r.max_rss_kb > 32 * 1024)
		fail_msg("the receiver took %ld kB", r.max_rss_kb);
	getrusage(RUSAGE_SELF, &usage);
	if (usage.ru_maxrss > 32 * 1024)
		fail_msg("the sender took %ld kB", usage.ru_maxrss);
}

#define CASE(fn) cmocka_unit_test_setup(fn, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_memory), /* first: a peak is never forgotten */
	    CASE(test_full_then_delta),
	    CASE(test_what_was_left_is_added),
	    CASE(test_broken_pass_takes_nothing_away),
	    CASE(test_bad_item_is_dropped),
	    CASE(test_worn_document),
	    CASE(test_empty_mailbox),
	    CASE(test_held_without_token),
	    CASE(test_sender_goes_away),
	    CASE(test_receiver_killed),
	    CASE(test_disk_full),
	    CASE(test_wrong_ticket),
	    CASE(test_wrong_move),
	    CASE(test_wrong_name),
	    CASE(test_foreign_ca),
	    CASE(test_target_is_another),
	    CASE(test_nobody_listens),
	    CASE(test_spoiled_anywhere),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
