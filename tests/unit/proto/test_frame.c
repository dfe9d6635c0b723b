/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: split anywhere, capped by state, checked before anybody sees them. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/unit/check.h"

static void
put_ping(struct buf *out, uint64_t id)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Ping ping = WIRE__PING__INIT;
	struct err e;

	m.id = id;
	m.body_case = WIRE__ENVELOPE__BODY_PING;
	m.ping = &ping;
	ping.wall_ms = 1769774401123;
	if (!frame_put(out, &m, &e))
		fail_msg("%s", e.text);
}

/* A header that announces length, and so many bytes of value fill. */
static void
put_raw(struct buf *out, size_t length, int fill)
{
	uint8_t header[4] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
	    (uint8_t)(length >> 8), (uint8_t)length};
	uint8_t byte = (uint8_t)fill;

	CHECK(buf_add(out, header, 4));
	for (size_t i = 0; i < length; i++)
		CHECK(buf_add(out, &byte, 1));
}

static void
test_frame_split_anywhere_comes_out_whole(void **state)
{
	struct buf all;
	struct err e;

	(void)state;
	buf_init(&all, 0);
	put_ping(&all, 7);
	put_ping(&all, 8);
	for (size_t cut = 0; cut <= all.len; cut++) {
		struct buf in;
		Wire__Envelope *m = NULL;
		uint64_t next = 7;

		buf_init(&in, 0);
		CHECK(buf_add(&in, all.data, cut));
		while (frame_take(&in, LIMIT_FRAME_NEW, &m, &e) == FRAME_MESSAGE) {
			CHECK_INT(m->id, next++);
			wire__envelope__free_unpacked(m, NULL);
		}
		CHECK_INT(next - 7, cut == all.len ? 2 : cut >= all.len / 2 ? 1 : 0);
		CHECK(buf_add(&in, all.data + cut, all.len - cut));
		while (frame_take(&in, LIMIT_FRAME_NEW, &m, &e) == FRAME_MESSAGE) {
			CHECK_INT(m->id, next++);
			CHECK_INT(m->ping->wall_ms, 1769774401123);
			wire__envelope__free_unpacked(m, NULL);
		}
		CHECK_INT(next, 9);
		CHECK_INT(in.len, 0);
		buf_fini(&in);
	}
	buf_fini(&all);
}

static void
test_frame_above_the_cap_is_refused_from_its_header(void **state)
{
	static const struct {
		size_t length;
		size_t cap;
		bool bad;
	} rows[] = {
	    {LIMIT_FRAME_NEW + 1, LIMIT_FRAME_NEW, true},
	    {LIMIT_FRAME_NEW, LIMIT_FRAME_NEW, false},
	    {LIMIT_FRAME_NEW + 1, LIMIT_FRAME, false},
	    {LIMIT_FRAME, LIMIT_FRAME, false},
	    {LIMIT_FRAME + 1, LIMIT_FRAME, true},
	    {0xffffffff, LIMIT_FRAME, true},
	    {0x80000000, LIMIT_FRAME, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t header[4] = {(uint8_t)(rows[i].length >> 24),
		    (uint8_t)(rows[i].length >> 16), (uint8_t)(rows[i].length >> 8),
		    (uint8_t)rows[i].length};
		Wire__Envelope *m = NULL;
		Wire__Stream *s = NULL;
		struct buf in;
		struct err e;

		buf_init(&in, 0);
		CHECK(buf_add(&in, header, 4));
		CHECK_INT(frame_take(&in, rows[i].cap, &m, &e),
		    rows[i].bad ? FRAME_BAD : FRAME_INCOMPLETE);
		CHECK_INT(frame_take_stream(&in, rows[i].cap, &s, &e),
		    rows[i].bad ? FRAME_BAD : FRAME_INCOMPLETE);
		if (rows[i].bad) {
			CHECK_INT(e.kind, ERR_PEER);
			CHECK_HAS(e.text, "is above the limit of");
		}
		CHECK(m == NULL && s == NULL);
		buf_fini(&in);
	}
}

static void
test_frame_that_is_no_message_is_refused(void **state)
{
	static const struct {
		size_t length;
		int fill;
		const char *text;
	} rows[] = {
	    {0, 0, "an empty message"},
	    {10, 0, "10 bytes that are no message of ours"},
	    {10, 0xff, "10 bytes that are no message of ours"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		Wire__Envelope *m = NULL;
		Wire__Stream *s = NULL;
		struct buf in;
		struct err e;

		buf_init(&in, 0);
		put_raw(&in, rows[i].length, rows[i].fill);
		CHECK_INT(frame_take(&in, LIMIT_FRAME, &m, &e), FRAME_BAD);
		CHECK_INT(e.kind, ERR_PEER);
		CHECK_STR(e.text, rows[i].text);
		put_raw(&in, rows[i].length, rows[i].fill);
		CHECK_INT(frame_take_stream(&in, LIMIT_FRAME, &s, &e), FRAME_BAD);
		CHECK_STR(e.text, rows[i].text);
		buf_fini(&in);
	}
}

/* HTTP on the port: its first letters are a length above every cap. */
static void
test_frame_of_another_protocol_is_refused_at_once(void **state)
{
	Wire__Envelope *m = NULL;
	struct buf in;
	struct err e;

	(void)state;
	buf_init(&in, 0);
	CHECK(buf_add_str(&in, "GET / HTTP/1.1\r\n"));
	CHECK_INT(frame_take(&in, LIMIT_FRAME, &m, &e), FRAME_BAD);
	buf_fini(&in);
}

/* protobuf-c lets this through; the check must have the last word. */
static void
test_frame_with_a_bad_message_never_reaches_the_caller(void **state)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepCancel cancel = WIRE__STEP_CANCEL__INIT;
	Wire__Envelope *out = NULL;
	uint8_t packed[100];
	struct buf in;
	struct err e;
	size_t length;

	(void)state;
	m.body_case = WIRE__ENVELOPE__BODY_CANCEL;
	m.cancel = &cancel;
	cancel.move_id = (ProtobufCBinaryData){4, (uint8_t *)(uintptr_t) "m1\0x"};
	length = wire__envelope__pack(&m, packed);
	buf_init(&in, 0);
	CHECK(buf_add(&in, (uint8_t[]){0, 0, 0, (uint8_t)length}, 4));
	CHECK(buf_add(&in, packed, length));
	CHECK_INT(frame_take(&in, LIMIT_FRAME, &out, &e), FRAME_BAD);
	CHECK(out == NULL);
	CHECK_HAS(e.text, "move_id holds a character other than");
	buf_fini(&in);
}

/* What the other side would drop the link for is refused on this side, and named. */
static void
test_frame_of_our_own_against_the_rules_is_not_sent(void **state)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Refusal refusal = WIRE__REFUSAL__INIT;
	Wire__Stream s = WIRE__STREAM__INIT;
	struct buf out;
	struct err e;

	(void)state;
	buf_init(&out, 0);
	m.body_case = WIRE__ENVELOPE__BODY_REFUSAL;
	m.refusal = &refusal;
	refusal.text = frame_bytes("two\nlines");
	CHECK(!frame_put(&out, &m, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text,
	    "a message of our own is against the rules: text holds a control character");
	CHECK(!frame_put_stream(&out, &s, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_INT(out.len, 0);
	buf_fini(&out);
}

static void
test_frame_put_keeps_the_ceiling_of_the_buffer(void **state)
{
	struct buf out;
	struct err e;
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Pong pong = WIRE__PONG__INIT;

	(void)state;
	m.body_case = WIRE__ENVELOPE__BODY_PONG;
	m.pong = &pong;
	buf_init(&out, 5);
	CHECK(!frame_put(&out, &m, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	buf_fini(&out);
}

/* --- pipes --- */

static void
test_frame_over_a_pipe(void **state)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepProgress progress = WIRE__STEP_PROGRESS__INIT;
	Wire__Envelope *got = NULL;
	struct err e;
	int fds[2];

	(void)state;
	CHECK_INT(pipe(fds), 0);
	m.id = 3;
	m.body_case = WIRE__ENVELOPE__BODY_PROGRESS;
	m.progress = &progress;
	progress.move_id = frame_bytes("m1");
	progress.text = frame_bytes("exporting");
	if (!frame_write_fd(fds[1], &m, &e) ||
	    !frame_read_fd(fds[0], LIMIT_FRAME, &got, &e))
		fail_msg("%s", e.text);
	CHECK_INT(got->id, 3);
	CHECK(frame_equal(&got->progress->text, "exporting"));
	wire__envelope__free_unpacked(got, NULL);

	/* A worker that dies in the middle of a message. */
	CHECK_INT(write(fds[1], "\0\0\0\5ab", 6), 6);
	close(fds[1]);
	got = NULL;
	CHECK(!frame_read_fd(fds[0], LIMIT_FRAME, &got, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_STR(e.text, "the other side ended");
	CHECK(!frame_read_fd(fds[0], LIMIT_FRAME, &got, &e));
	CHECK(got == NULL);
	close(fds[0]);
}

static void
test_frame_over_a_pipe_is_capped(void **state)
{
	Wire__Envelope *got = NULL;
	struct err e;
	int fds[2];

	(void)state;
	CHECK_INT(pipe(fds), 0);
	CHECK_INT(write(fds[1], "\xff\xff\xff\xff", 4), 4);
	CHECK(!frame_read_fd(fds[0], LIMIT_FRAME, &got, &e));
	CHECK_INT(e.kind, ERR_PEER);
	CHECK_HAS(e.text, "4294967295 bytes is above the limit");
	close(fds[0]);
	close(fds[1]);
}

static void
test_frame_into_a_closed_pipe_is_an_error(void **state)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Pong pong = WIRE__PONG__INIT;
	struct err e;
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	CHECK_INT(pipe(fds), 0);
	close(fds[0]);
	m.body_case = WIRE__ENVELOPE__BODY_PONG;
	m.pong = &pong;
	CHECK(!frame_write_fd(fds[1], &m, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	close(fds[1]);
}

/* --- bytes fields --- */

static void
test_frame_bytes_and_strings(void **state)
{
	ProtobufCBinaryData b = frame_bytes("abc");
	char out[4];
	char *copy;

	(void)state;
	CHECK_INT(b.len, 3);
	CHECK(
	    frame_equal(&b, "abc") && !frame_equal(&b, "ab") && !frame_equal(&b, "abcd"));
	CHECK(frame_copy(&b, out, sizeof(out)));
	CHECK_STR(out, "abc");
	CHECK(!frame_copy(&b, out, 3));
	copy = frame_string(&b);
	CHECK_STR(copy, "abc");
	free(copy);
	b = frame_bytes(NULL);
	CHECK_INT(b.len, 0);
	CHECK(frame_equal(&b, ""));
	CHECK(frame_copy(&b, out, 1));
	CHECK_STR(out, "");
	copy = frame_string(&b);
	CHECK_STR(copy, "");
	free(copy);
}

/* Both sides go by this: what the controller asks again the agent must do again. */
static void
test_frame_errors_that_may_pass(void **state)
{
	(void)state;
	CHECK(frame_error_may_pass(WIRE__ERROR_KIND__ERROR_RETRY));
	CHECK(frame_error_may_pass(WIRE__ERROR_KIND__ERROR_PEER));
	CHECK(frame_error_may_pass(WIRE__ERROR_KIND__ERROR_CANCELLED));
	CHECK(frame_error_may_pass(WIRE__ERROR_KIND__ERROR_FULL));
	CHECK(!frame_error_may_pass(WIRE__ERROR_KIND__ERROR_NONE));
	CHECK(!frame_error_may_pass(WIRE__ERROR_KIND__ERROR_REFUSED));
	CHECK(!frame_error_may_pass(WIRE__ERROR_KIND__ERROR_CORRUPT));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_frame_errors_that_may_pass),
	    TEST(test_frame_split_anywhere_comes_out_whole),
	    TEST(test_frame_above_the_cap_is_refused_from_its_header),
	    TEST(test_frame_that_is_no_message_is_refused),
	    TEST(test_frame_of_another_protocol_is_refused_at_once),
	    TEST(test_frame_with_a_bad_message_never_reaches_the_caller),
	    TEST(test_frame_of_our_own_against_the_rules_is_not_sent),
	    TEST(test_frame_put_keeps_the_ceiling_of_the_buffer),
	    TEST(test_frame_over_a_pipe),
	    TEST(test_frame_over_a_pipe_is_capped),
	    TEST(test_frame_into_a_closed_pipe_is_an_error),
	    TEST(test_frame_bytes_and_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
