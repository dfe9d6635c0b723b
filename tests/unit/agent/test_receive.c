/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sender that is admitted and breaks the rules: the receiver says which, ends, and its
 * spool is as if the item under way had never begun.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"
#include "tests/unit/agent/receiver.h"

struct raw {
	struct receiver r;
	struct tls_context *tls;
	struct tls_stream *link;
};

static void
raw_open(struct raw *x)
{
	struct err e;
	int fd;

	receiver_start(&x->r);
	CHECK(tls_context_load(source_pem, &x->tls, &e));
	CHECK(tls_tcp_connect("127.0.0.1", x->r.port, 5000, &fd, &e));
	CHECK(tls_stream_open(x->tls, fd, false, 5000, &x->link, &e));
}

static void
raw_send(struct raw *x, Wire__Stream__BodyCase body, void *content)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	struct buf b;
	struct err e;

	m.body_case = body;
	m.hello = content; /* a oneof: all its members lie here */
	buf_init(&b, 4 * LIMIT_FRAME);
	b.data = xcalloc(1, 4 + wire__stream__get_packed_size(&m));
	b.len = wire__stream__pack(&m, b.data + 4);
	for (int i = 0; i < 4; i++)
		b.data[i] = (uint8_t)(b.len >> (24 - 8 * i));
	CHECK(tls_stream_write(x->link, b.data, b.len + 4, &e));
	free(b.data);
}

static void
raw_hello(struct raw *x)
{
	Wire__StreamHello hello = WIRE__STREAM_HELLO__INIT;
	Wire__Stream *m;
	struct err e;

	hello.version = 1;
	hello.move_id = frame_bytes(MOVE);
	hello.ticket.data = ticket;
	hello.ticket.len = sizeof(ticket);
	raw_send(x, WIRE__STREAM__BODY_HELLO, &hello);
	CHECK(frame_read_tls(x->link, LIMIT_FRAME, &m, &e));
	CHECK_INT(m->body_case, WIRE__STREAM__BODY_READY);
	wire__stream__free_unpacked(m, NULL);
}

static void
raw_record(struct raw *x)
{
	uint64_t ids[] = {300, 301}, folders[] = {2, 2};
	Wire__StreamTree tree = WIRE__STREAM_TREE__INIT;
	Wire__StreamRecord record = WIRE__STREAM_RECORD__INIT;
	Wire__Stream *m;
	struct err e;

	tree.last = true;
	raw_send(x, WIRE__STREAM__BODY_TREE, &tree);
	record.ids = ids;
	record.folder_ids = folders;
	record.n_ids = record.n_folder_ids = 2;
	record.type = frame_bytes("message");
	record.token = frame_bytes("1");
	record.last = true;
	raw_send(x, WIRE__STREAM__BODY_RECORD, &record);
	CHECK(frame_read_tls(x->link, LIMIT_FRAME, &m, &e));
	CHECK_INT(m->body_case, WIRE__STREAM__BODY_WANT);
	CHECK_INT(m->want->n_ids, 2);
	wire__stream__free_unpacked(m, NULL);
}

#define META "{\"id\":300,\"type\":5}"

static void
raw_item(struct raw *x, uint64_t id, uint64_t data_bytes)
{
	Wire__StreamItem item = WIRE__STREAM_ITEM__INIT;

	item.id = id;
	item.folder_id = 2;
	item.type = frame_bytes("message");
	item.meta_bytes = strlen(META);
	item.data_bytes = data_bytes;
	item.has_data = data_bytes > 0;
	raw_send(x, WIRE__STREAM__BODY_ITEM, &item);
}

static void
raw_data(struct raw *x, const char *text, uint32_t raw_bytes)
{
	Wire__StreamData d = WIRE__STREAM_DATA__INIT;

	d.data = frame_bytes(text);
	d.raw_bytes = raw_bytes;
	raw_send(x, WIRE__STREAM__BODY_DATA, &d);
}

static void
raw_item_end(struct raw *x, uint32_t crc)
{
	Wire__StreamItemEnd end = WIRE__STREAM_ITEM_END__INIT;

	end.crc = crc;
	raw_send(x, WIRE__STREAM__BODY_ITEM_END, &end);
}

/* The receiver says why, ends, and holds nothing. */
static void
raw_refused(struct raw *x, const char *part)
{
	Wire__Stream *m;
	struct spool *s;
	struct err e;

	CHECK(frame_read_tls(x->link, LIMIT_FRAME, &m, &e));
	CHECK_INT(m->body_case, WIRE__STREAM__BODY_REFUSAL);
	char *text = frame_string(&m->refusal->text);

	CHECK_HAS(text, part);
	CHECK(m->refusal->kind != WIRE__ERROR_KIND__ERROR_NONE);
	free(text);
	wire__stream__free_unpacked(m, NULL);
	tls_stream_free(&x->link);
	tls_context_free(&x->tls);
	CHECK_INT(receiver_end(&x->r), 256);
	if (!spool_exists(spool_dir, MOVE))
		return;
	CHECK(spool_open(spool_dir, MOVE, true, &s, &e));
	CHECK_INT(spool_count(s), 0);
	spool_close(&s);
}

static void
test_garbage_frames(void **state)
{
	struct raw x = {0};
	struct err e;

	(void)state;
	raw_open(&x);
	CHECK(tls_stream_write(x.link, "\0\0\0\5hello", 9, &e));
	raw_refused(&x, "no message of ours");
	raw_open(&x);
	CHECK(tls_stream_write(x.link, "GET / HTTP/1.1\r\n\r\n", 18, &e));
	raw_refused(&x, "above the limit");
	raw_open(&x);
	raw_hello(&x);
	CHECK(tls_stream_write(x.link, "\xff\xff\xff\xff", 4, &e));
	raw_refused(&x, "above the limit");
	raw_open(&x);
	raw_hello(&x);
	CHECK(tls_stream_write(x.link, "\0\0\0\0", 4, &e));
	raw_refused(&x, "an empty message");
}

static void
test_out_of_turn(void **state)
{
	Wire__StreamEnd end = WIRE__STREAM_END__INIT;
	Wire__StreamRecord record = WIRE__STREAM_RECORD__INIT;
	struct raw x = {0};

	(void)state;
	raw_open(&x);
	raw_send(&x, WIRE__STREAM__BODY_END, &end);
	raw_refused(&x, "no hello came first");
	raw_open(&x);
	raw_hello(&x);
	raw_send(&x, WIRE__STREAM__BODY_END, &end);
	raw_refused(&x, "out of turn");
	raw_open(&x);
	raw_hello(&x);
	raw_item(&x, 300, 0);
	raw_refused(&x, "out of turn");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_send(&x, WIRE__STREAM__BODY_RECORD, &record);
	raw_refused(&x, "out of turn");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 300, 0);
	raw_item(&x, 301, 0);
	raw_refused(&x, "out of turn");
}

static void
test_items_that_lie(void **state)
{
	struct raw x = {0};

	(void)state;
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 302, 0);
	raw_refused(&x, "item 302 is not of record");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 301, 0);
	raw_data(&x, META, 0);
	raw_refused(&x, "item 301 came with the metadata of message 300");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 300, 3);
	raw_data(&x, META "abcd", 0);
	raw_refused(&x, "more data than it said");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 300, 3);
	raw_data(&x, META "ab", 0);
	raw_item_end(&x, spool_crc(0, META "ab", strlen(META) + 2));
	raw_refused(&x, "lacks 1 bytes");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 300, 3);
	raw_data(&x, META, 0);
	raw_data(&x, "abc", 0);
	raw_item_end(&x, spool_crc(0, META "abd", strlen(META) + 3));
	raw_refused(&x, "checksum");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 300, 3);
	raw_data(&x, "no zstd", 100);
	raw_refused(&x, "does not decompress");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 300, 3);
	raw_item_end(&x, 0);
	raw_refused(&x, "ends inside its metadata");
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 300, (uint64_t)1 << 50);
	raw_refused(&x, "data_bytes");
}

/* An item that would fill the disk above the limit. */
static void
test_fill_limit(void **state)
{
	struct raw x = {.r.fill_limit = 1};
	uint64_t total, free_bytes, reserved, large;
	struct err e;

	(void)state;
	CHECK(spool_disk(spool_dir, &total, &free_bytes, &reserved, &e));
	large = total / 50 < LIMIT_ITEM_DATA ? total / 50 : LIMIT_ITEM_DATA;
	if (total - free_bytes + large < total / 100)
		skip(); /* so large and so empty a disk */
	raw_open(&x);
	raw_hello(&x);
	raw_record(&x);
	raw_item(&x, 300, large);
	raw_refused(&x, "would be filled above 1 %");
}

#define CASE(fn) cmocka_unit_test_setup(fn, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_garbage_frames),
	    CASE(test_out_of_turn),
	    CASE(test_items_that_lie),
	    CASE(test_fill_limit),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
