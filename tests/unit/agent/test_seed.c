/* SPDX-License-Identifier: Apache-2.0 */
/* What is foretold of a mailbox that is filled at its old ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/seed_plan.h"
#include "agent/mailbox/seed_text.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/xalloc.h"
#include "tests/unit/check.h"

/* --- how a message may travel --- */

static enum seed_way
way_in_pieces(const char *text, size_t len, size_t piece)
{
	struct seed_text x;

	seed_text_begin(&x);
	for (size_t at = 0; at < len; at += piece)
		seed_text_feed(&x, text + at, at + piece < len ? piece : len - at);
	return seed_text_end(&x);
}

#define HEAD "Subject: x\r\nFrom: a@b\r\n\r\n"
#define TEXT(s) s, sizeof(s) - 1

/* facts: live-preseed 5 */
static void
test_how_a_message_travels(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		enum seed_way way;
	} rows[] = {
	    {TEXT(HEAD "body\r\n"), SEED_INLINE},
	    {TEXT(HEAD "no final newline"), SEED_INLINE},
	    {TEXT(HEAD "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\r\n"), SEED_INLINE},
	    {TEXT("Subject: x\r\n\r\n"), SEED_INLINE},
	    {TEXT("Subject: only a header\r\n"), SEED_INLINE},
	    {TEXT(HEAD "tab\there\r\n"), SEED_INLINE},
	    {TEXT(HEAD "latin-1 \xe9\r\n"), SEED_UPLOAD},
	    {TEXT(HEAD "cut short \xe2\x82"), SEED_UPLOAD},
	    {TEXT(HEAD "overlong \xc0\x80\r\n"), SEED_UPLOAD},
	    {TEXT(HEAD "bell \x07\r\n"), SEED_UPLOAD},
	    {TEXT(HEAD "nul \0 here\r\n"), SEED_UPLOAD},
	    {TEXT(HEAD "no character \xef\xbf\xbe\r\n"), SEED_UPLOAD},
	    {TEXT(HEAD "mixed\nends\r\n"), SEED_UPLOAD},
	    {TEXT(HEAD "bare \r return\r\n"), SEED_UPLOAD},
	    {TEXT(HEAD "return at the end\r"), SEED_UPLOAD},
	    {TEXT("Subject: x\n\nonly LF\n"), SEED_LEAVE},
	    {TEXT("Subject: caf\xc3\xa9\r\n\r\nbody\r\n"), SEED_LEAVE},
	    {TEXT("\r\nno header\r\n"), SEED_LEAVE},
	    {TEXT("no header\r\nat all\r\n"), SEED_LEAVE},
	    {TEXT(""), SEED_LEAVE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t piece = 1; piece < rows[i].len + 2; piece++) {
			enum seed_way way =
			    way_in_pieces(rows[i].text, rows[i].len, piece);

			if (way != rows[i].way)
				fail_msg("row %zu in pieces of %zu: %d and not %d", i,
				    piece, (int)way, (int)rows[i].way);
		}
	}
}

static void
test_a_large_message_is_uploaded(void **state)
{
	char *text = xcalloc(1, SEED_INLINE_MAX + 100);

	(void)state;
	memset(text, 'x', SEED_INLINE_MAX + 100);
	memcpy(text, HEAD, strlen(HEAD));
	CHECK_INT(way_in_pieces(text, SEED_INLINE_MAX, 65536), SEED_INLINE);
	CHECK_INT(way_in_pieces(text, SEED_INLINE_MAX + 1, 65536), SEED_UPLOAD);
	free(text);
}

/* --- what ties messages --- */

static struct seed_keys
keys_of(const char *head, const char *subject)
{
	struct seed_keys k;

	seed_keys_read(head, strlen(head), subject, &k);
	return k;
}

static void
test_keys_are_read_in_their_order(void **state)
{
	struct seed_keys k = keys_of("References: <a@x> <b@x>\r\n\t<c@x>\r\n"
				     "In-Reply-To: <b@x>\r\nMESSAGE-ID : <m@x>\r\n"
				     "\r\nMessage-ID: <body@x>\r\n",
	    "Re: AW[2]:  Hello ");
	struct seed_keys same = keys_of("Message-ID: <m@x>\r\n\r\n", "hello");
	char id[40];

	(void)state;
	CHECK_INT(k.count, 4); /* <b@x> once, nothing of the body */
	CHECK(k.has_id && k.in_reply_to && k.is_reply);
	CHECK(k.ids[0] == same.ids[0]);
	CHECK(!same.is_reply && !same.in_reply_to);
	CHECK(k.subject == same.subject);
	CHECK(keys_of("", "").subject == 0);
	CHECK(keys_of("", "Regards").subject != 0 && !keys_of("", "Regards").is_reply);
	CHECK(!keys_of("Message-ID: none\r\nIn-Reply-To: <>\r\n", NULL).has_id);
	CHECK(seed_message_id(TEXT("To: <x@y>\r\nMessage-Id:\r\n <m@x>\r\n"), id, 40));
	CHECK_STR(id, "<m@x>");
	CHECK(!seed_message_id(TEXT("Message-Id: <m@x>\r\n"), id, 5));
	CHECK(!seed_message_id(TEXT("To: x\r\n\r\nMessage-Id: <m@x>\r\n"), id, 40));
}

/* --- conversations --- */

static bool
add(struct seed_threads *t, uint32_t id, const uint64_t *ids, size_t count,
    const struct seed_threaded *more)
{
	struct seed_threaded m = more == NULL ? (struct seed_threaded){0} : *more;
	bool would;

	m.id = id;
	m.ids = ids;
	m.count = count;
	would = seed_threads_would(t, &m);
	CHECK_INT(seed_threads_would(t, &m), would);
	CHECK_INT(seed_threads_add(t, &m), would);
	return would;
}

static void
test_the_second_message_makes_the_conversation(void **state)
{
	static const struct seed_threaded reply = {.in_reply_to = true, .subject = 9};
	static const struct seed_threaded plain = {.subject = 9};
	static const struct seed_threaded from_me = {.subject = 9, .from_me = true};
	static const struct seed_threaded in_junk = {
	    .in_reply_to = true, .in_junk = true};
	static const struct seed_threaded draft = {.in_reply_to = true, .is_draft = true};
	static const struct seed_threaded by_subject = {.is_reply = true, .subject = 9};
	static const uint64_t a[] = {1}, b[] = {2, 1}, c[] = {3, 1}, d[] = {4, 5},
			      e[] = {6}, f[] = {7, 6}, g[] = {8, 6, 1};
	struct seed_threads *t = seed_threads_new();

	(void)state;
	CHECK(!add(t, 257, a, 1, &plain));
	CHECK(!add(t, 258, b, 2, &in_junk)); /* neither looks nor is found */
	CHECK(add(t, 258, b, 2, &reply));
	CHECK(!add(t, 260, c, 2, &reply)); /* it is there */
	CHECK(!add(
	    t, 261, d, 2, &from_me)); /* one's own mail does not look for its subject */
	CHECK(!add(t, 262, e, 1, &plain));
	CHECK(add(t, 263, f, 2, &draft)); /* a draft looks, and is not found */
	CHECK(!add(t, 265, (const uint64_t[]){7}, 1, &draft));
	CHECK(!add(t, 266, g, 3, &reply)); /* joins two that are real */
	seed_threads_free(&t);

	t = seed_threads_new();
	CHECK(!add(t, 257, a, 1, &plain));
	CHECK(add(t, 258, e, 1, &by_subject)); /* a "Re:" without anything else */
	CHECK(!add(t, 260, (const uint64_t[]){10}, 1, &by_subject));
	CHECK(!add(t, 261, (const uint64_t[]){11, 12}, 2,
	    &(struct seed_threaded){.is_reply = true, .refers = true, .subject = 9}));
	seed_threads_free(&t);
	seed_threads_free(&t);
}

/* A "Re:" of a month later is of another matter; unless somebody joined meanwhile. */
static void
test_a_subject_is_remembered_for_a_month(void **state)
{
	static const int64_t month = 31 * 86400;
	const struct seed_threaded first = {.subject = 9, .date_s = 1000};
	const struct seed_threaded in_time = {
	    .is_reply = true, .subject = 9, .date_s = 1000 + month};
	const struct seed_threaded late = {
	    .is_reply = true, .subject = 9, .date_s = 1000 + month + 1};
	struct seed_threads *t = seed_threads_new();

	(void)state;
	CHECK(!add(t, 257, (const uint64_t[]){1}, 1, &first));
	CHECK(!add(t, 258, (const uint64_t[]){2}, 1, &late));
	CHECK(add(t, 259, (const uint64_t[]){3}, 1, &late)); /* of the one before */
	CHECK(!add(t, 261, (const uint64_t[]){4}, 1, &in_time));
	CHECK(!add(t, 262, (const uint64_t[]){5}, 1,
	    &(struct seed_threaded){
		.is_reply = true, .subject = 9, .date_s = 1000 + 9 * month}));
	CHECK(seed_threads_first(t, &in_time) == 260);
	seed_threads_free(&t);
}

/* Thousands, so that tables grow. */
static void
test_many_conversations(void **state)
{
	struct seed_threads *t = seed_threads_new();
	uint32_t id = 257, made = 0;

	(void)state;
	for (uint64_t thread = 1; thread <= 3000; thread++) {
		const uint64_t first[] = {thread * 8},
			       second[] = {thread * 8 + 1, thread * 8};

		CHECK(!add(t, id++, first, 1, &(struct seed_threaded){.subject = 1}));
		made +=
		    add(t, id, second, 2, &(struct seed_threaded){.in_reply_to = true});
		id += 2;
	}
	CHECK_INT(made, 3000);
	seed_threads_free(&t);
}

/* --- the plan --- */

struct plan_row {
	uint32_t id, uid, here;
	uint64_t keys[3];
	bool reply;
};

/* "257; folder 260; tie 300 to 257; 310+; uid 400 of 257; passed 1; conflict 1" */
static char *
plan_text(const struct plan_row *rows, size_t count, const uint32_t *folders,
    size_t folder_count, uint64_t counter, uint64_t last)
{
	static const char *const names[] = {"", "folder ", "uid ", "tie ", "early tie "};
	struct seed_message *messages = xcalloc(count, sizeof(*messages));
	uint64_t *keys = xcalloc(3 * count, sizeof(*keys));
	struct seed_plan plan;
	struct buf out;
	char *text;
	bool ok = true;

	for (size_t i = 0; i < count; i++) {
		messages[i] = (struct seed_message){.id = rows[i].id,
		    .uid = rows[i].uid,
		    .here = rows[i].here,
		    .here_uid = rows[i].here,
		    .keys_at = 3 * i,
		    .in_reply_to = rows[i].reply,
		    .has_id = rows[i].keys[0] != 0};
		for (size_t k = 0; k < 3 && rows[i].keys[k] != 0; k++)
			keys[3 * i + messages[i].key_count++] = rows[i].keys[k];
	}
	seed_plan_make(&(struct seed_plan_in){messages, count, keys, folders,
			   folder_count, counter, last, true},
	    &plan);
	buf_init(&out, 0);
	for (size_t i = 0; i < plan.count && ok; i++) {
		const struct seed_event *event = &plan.events[i];

		ok = buf_printf(&out, "%s%s%u%s", i == 0 ? "" : "; ", names[event->kind],
		    event->id,
		    event->takes > 0 && event->kind == SEED_MESSAGE ? "+" : "");
		if (ok && event->kind >= SEED_UID)
			ok = buf_printf(&out, "%s%u",
			    event->kind == SEED_UID ? " of " : " to ",
			    rows[event->message].id);
	}
	ok = ok &&
	     (plan.passed == 0 || buf_printf(&out, "; passed %u", (unsigned)plan.passed));
	ok = ok && (plan.in_conflict == 0 ||
		       buf_printf(&out, "; conflict %u", (unsigned)plan.in_conflict));
	CHECK(ok);
	seed_plan_fini(&plan);
	free(messages);
	free(keys);
	text = xstrdup(buf_str(&out));
	buf_fini(&out);
	return text;
}

#define PLAN(rows, folders, folder_count, counter, last, wanted)                  \
	do {                                                                      \
		char *text = plan_text(                                           \
		    rows, ARRAY_LEN(rows), folders, folder_count, counter, last); \
		CHECK_STR(text, wanted);                                          \
		free(text);                                                       \
	} while (0)

static void
test_everything_in_the_order_of_ids(void **state)
{
	static const struct plan_row rows[] = {{.id = 258}, {.id = 262, .uid = 270},
	    {.id = 265}, {.id = 271, .uid = 262}, {.id = 290}};
	static const uint32_t folders[] = {257, 263, 280};

	(void)state;
	PLAN(rows, folders, 3, 256, 285,
	    "folder 257; 258; 262; folder 263; 265; uid 270 of 262; 271; folder 280");
}

static void
test_what_was_passed_is_left_out(void **state)
{
	static const struct plan_row rows[] = {
	    {.id = 258, .here = 258}, {.id = 262, .uid = 270}, {.id = 275}};

	(void)state;
	PLAN(rows, NULL, 0, 265, 300, "275; passed 1");
}

static void
test_a_conversation_has_its_place(void **state)
{
	static const struct plan_row rows[] = {
	    {.id = 258, .keys = {1}},
	    {.id = 260, .keys = {2, 1}, .reply = true},
	    {.id = 262, .keys = {3, 1}, .reply = true},
	    {.id = 263, .keys = {9}},
	};

	(void)state;
	PLAN(rows, NULL, 0, 256, 300, "258; 260+; 262; 263");
}

/* The second of them is gone from the source; its place is free for a reply of ours. */
static void
test_a_conversation_in_anothers_place_is_made_before(void **state)
{
	static const struct plan_row rows[] = {
	    {.id = 258, .keys = {1}},
	    {.id = 262, .keys = {3, 1}, .reply = true},
	    {.id = 263, .keys = {9}},
	};
	static const struct plan_row there[] = {
	    {.id = 258, .here = 258, .keys = {1}},
	    {.id = 262, .keys = {3, 1}, .reply = true},
	    {.id = 263, .keys = {9}},
	};
	static const struct plan_row full[] = {
	    {.id = 258, .keys = {1}},
	    {.id = 260, .keys = {8}},
	    {.id = 262, .keys = {3, 1}, .reply = true},
	    {.id = 263, .keys = {9}},
	};
	static const struct plan_row folder_behind[] = {
	    {.id = 258, .keys = {1}},
	    {.id = 262, .keys = {3, 1}, .reply = true},
	};
	static const struct plan_row room_before[] = {
	    {.id = 260, .keys = {1}, .reply = true},
	    {.id = 261, .keys = {3, 1}, .reply = true},
	    {.id = 262, .keys = {9}},
	};
	static const struct plan_row first_does_not_look[] = {
	    {.id = 260, .keys = {1}},
	    {.id = 261, .keys = {3, 1}, .reply = true},
	    {.id = 262, .keys = {9}},
	};
	static const uint32_t folders[] = {263};

	(void)state;
	PLAN(rows, NULL, 0, 256, 300, "258; tie 259 to 258; 262; 263");
	PLAN(there, NULL, 0, 259, 300, "tie 260 to 258; 262; 263");
	PLAN(there, NULL, 0, 260, 300, "263; conflict 1");
	PLAN(full, NULL, 0, 256, 300, "258; 260; 263; conflict 1");
	PLAN(room_before, NULL, 0, 256, 300, "early tie 257 to 260; 260; 261; 262");
	PLAN(room_before, NULL, 0, 257, 300, "260; 262; conflict 1");
	PLAN(first_does_not_look, NULL, 0, 256, 300, "260; 262; conflict 1");
	PLAN(folder_behind, folders, 1, 256, 300, "258; tie 259 to 258; 262; folder 263");
}

/* Two conversations want the same gap: one gets it, the other the next. */
static void
test_gaps_are_shared(void **state)
{
	static const struct plan_row rows[] = {
	    {.id = 257, .keys = {1}},
	    {.id = 258, .keys = {2}},
	    {.id = 264, .keys = {3, 1}, .reply = true},
	    {.id = 265, .keys = {4, 2}, .reply = true},
	    {.id = 266, .keys = {9}},
	};

	(void)state;
	PLAN(rows, NULL, 0, 256, 300,
	    "257; 258; tie 259 to 257; tie 261 to 258; 264; 265; 266");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_how_a_message_travels),
	    TEST(test_a_large_message_is_uploaded),
	    TEST(test_keys_are_read_in_their_order),
	    TEST(test_the_second_message_makes_the_conversation),
	    TEST(test_a_subject_is_remembered_for_a_month),
	    TEST(test_many_conversations),
	    TEST(test_everything_in_the_order_of_ids),
	    TEST(test_what_was_passed_is_left_out),
	    TEST(test_a_conversation_has_its_place),
	    TEST(test_a_conversation_in_anothers_place_is_made_before),
	    TEST(test_gaps_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
