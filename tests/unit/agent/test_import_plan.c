/* SPDX-License-Identifier: Apache-2.0 */
/* What travels with what, in which order; paths and names in what is sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/arrive.h"
#include "agent/mailbox/import_plan.h"
#include "agent/mailbox/mend.h"
#include "tests/unit/check.h"

#define MESSAGE(number, in, date, hash)                                              \
	{                                                                            \
		.id = (number), .folder = (in), .date_s = (date), .content = (hash), \
		.kib = 2, .stage = IMPORT_MESSAGES                                   \
	}

/* "1 2 | 3": ids by request */
static const char *
requests(struct import_row *rows, size_t count, const struct import_limits *limits)
{
	static char text[4000];
	size_t at = 0;

	import_plan_sort(rows, count);
	text[0] = '\0';
	for (size_t from = 0; from < count;) {
		size_t to = import_plan_cut(rows, count, from, limits);

		CHECK(to > from && to <= count);
		if (from > 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " |");
		for (; from < to; from++)
			at += (size_t)snprintf(text + at, sizeof(text) - at,
			    at == 0 ? "%u" : " %u", rows[from].id);
	}
	return text;
}

static const struct import_limits wide = {16, 1000, 1 << 20, false};
static const struct import_limits few = {16, 1000, 1 << 20, true};

static void
test_contacts_then_groups_then_calendar_then_documents_then_messages(void **state)
{
	struct import_row rows[] = {MESSAGE(9, 2, 100, 1),
	    {.id = 8, .folder = 16, .stage = IMPORT_DOCUMENTS},
	    {.id = 7, .folder = 10, .stage = IMPORT_CALENDAR},
	    {.id = 6, .folder = 7, .stage = IMPORT_GROUPS},
	    {.id = 5, .folder = 7, .stage = IMPORT_CONTACTS},
	    {.id = 4, .folder = 2, .stage = IMPORT_OTHERS}};

	(void)state;
	CHECK_STR(requests(rows, ARRAY_LEN(rows), &wide), "5 | 6 | 7 | 8 | 4 | 9");
	/* When few are left one request takes all but contacts. */
	CHECK_STR(requests(rows, ARRAY_LEN(rows), &few), "5 | 6 | 7 8 4 9");
	CHECK_INT(import_stage_of(SPOOL_CONTACT, false), IMPORT_CONTACTS);
	CHECK_INT(import_stage_of(SPOOL_CONTACT, true), IMPORT_GROUPS);
	CHECK_INT(import_stage_of(SPOOL_TASK, false), IMPORT_CALENDAR);
	CHECK_INT(import_stage_of(SPOOL_MESSAGE, false), IMPORT_MESSAGES);
}

static void
test_messages_go_newest_first_and_by_folder(void **state)
{
	struct import_row rows[] = {MESSAGE(1, 2, 10, 1), MESSAGE(2, 5, 20, 2),
	    MESSAGE(3, 2, 30, 3), MESSAGE(4, 5, 40, 4)};
	struct import_row *many = calloc(3000, sizeof(*many));

	(void)state;
	CHECK_STR(requests(rows, ARRAY_LEN(rows), &wide), "3 1 4 2");
	/* over more than a stretch the newer come first, whatever their folder */
	for (uint32_t i = 0; i < 3000; i++)
		many[i] = (struct import_row)MESSAGE(i + 1, i % 3 + 2, i, i);
	import_plan_sort(many, 3000);
	for (size_t i = 0; i < 1000; i++)
		CHECK(many[i].date_s >= 2000);
	for (size_t i = 2000; i < 3000; i++)
		CHECK(many[i].date_s < 1000);
	free(many);
}

static void
test_a_request_has_few_folders_items_and_bytes(void **state)
{
	static const struct import_limits few_folders = {2, 1000, 1 << 20, false};
	static const struct import_limits few_items = {16, 2, 1 << 20, false};
	static const struct import_limits few_bytes = {16, 1000, 5, false};
	struct import_row rows[] = {MESSAGE(1, 2, 10, 1), MESSAGE(2, 2, 9, 2),
	    MESSAGE(3, 3, 8, 3), MESSAGE(4, 4, 7, 4), MESSAGE(5, 5, 6, 5)};

	(void)state;
	CHECK_STR(requests(rows, ARRAY_LEN(rows), &few_folders), "1 2 3 | 4 5");
	CHECK_STR(requests(rows, ARRAY_LEN(rows), &few_items), "1 2 | 3 4 | 5");
	CHECK_STR(requests(rows, ARRAY_LEN(rows), &few_bytes), "1 2 | 3 4 | 5");
	rows[0].kib = 100; /* larger than a request may be: alone */
	CHECK_STR(requests(rows, ARRAY_LEN(rows), &few_bytes), "1 | 2 3 | 4 5");
}

static void
test_equal_messages_of_a_folder_are_never_parted(void **state)
{
	static const struct import_limits two = {16, 2, 1 << 20, false};
	struct import_row rows[] = {MESSAGE(1, 2, 50, 7), MESSAGE(2, 2, 40, 1),
	    MESSAGE(3, 2, 30, 2), MESSAGE(4, 2, 20, 7), MESSAGE(5, 2, 10, 7),
	    MESSAGE(6, 3, 5, 7)};

	(void)state;
	/* 4 and 5 travel with 1, as new as it; 6 lies elsewhere */
	CHECK_STR(requests(rows, ARRAY_LEN(rows), &two), "1 4 5 | 2 3 | 6");
}

static void
test_equal_messages_at_a_stretchs_end_stay_together(void **state)
{
	static struct import_row rows[1500];
	static const struct import_limits stretch = {16, 1000, 1 << 20, false};

	(void)state;
	for (uint32_t i = 0; i < 1500; i++)
		rows[i] = (struct import_row)MESSAGE(i + 1, 2, 5000, i);
	for (uint32_t i = 990; i < 1010; i++)
		rows[i].content = 990;
	import_plan_sort(rows, 1500);
	for (size_t from = 0; from < 1500;) {
		size_t to = import_plan_cut(rows, 1500, from, &stretch);

		CHECK(to == 1500 || rows[to].content != rows[to - 1].content);
		from = to;
	}
}

static void
test_contacts_of_a_folder_are_never_parted(void **state)
{
	static struct import_row rows[2500];

	(void)state;
	for (uint32_t i = 0; i < 2500; i++)
		rows[i] = (struct import_row){.id = i + 1,
		    .folder = i < 2400 ? 7 : 13,
		    .content = i,
		    .stage = IMPORT_CONTACTS};
	import_plan_sort(rows, 2500);
	CHECK_INT(import_plan_cut(rows, 2500, 0, &wide), 2400);
}

static void
test_a_message_of_today_does_not_wait(void **state)
{
	(void)state;
	CHECK(!import_plan_can_wait(1000000, 1000000));
	CHECK(!import_plan_can_wait(1000000, 1000000 + 86400));
	CHECK(import_plan_can_wait(1000000, 1000000 + 86401));
	CHECK(!import_plan_can_wait(UINT32_MAX, 2000000000)); /* of the future */
}

static void
test_views(void **state)
{
	(void)state;
	CHECK(import_view_takes("", SPOOL_CONTACT));
	CHECK(import_view_takes("message", SPOOL_MESSAGE));
	CHECK(import_view_takes("conversation", SPOOL_MESSAGE));
	CHECK(!import_view_takes("document", SPOOL_MESSAGE));
	CHECK(!import_view_takes("message", SPOOL_CONTACT));
	CHECK(!import_view_takes("appointment", SPOOL_TASK));
	CHECK(import_view_takes("wiki", SPOOL_DOCUMENT));
}

static void
test_long_lines(void **state)
{
	struct import_line line = {0};
	char text[6000];

	(void)state;
	memset(text, 'x', sizeof(text));
	import_line_feed(&line, text, 6000);
	import_line_feed(&line, text, 4240);
	CHECK(!line.too_long);
	import_line_feed(&line, "\n", 1);
	import_line_feed(&line, text, 6000);
	CHECK(!line.too_long);
	import_line_feed(&line, text, 4241);
	CHECK(line.too_long);
}

static void
meta_is(const char *meta, const char *folder, const char *part)
{
	char *text = import_meta(meta, folder, 300);

	CHECK(text != NULL);
	CHECK_HAS(text, part);
	CHECK_HAS(text, "\"folder_id\":300");
	free(text);
}

/* The first tenth always, then as many as fit into the time that is left. */
static void
test_as_many_messages_as_fit_into_the_time(void **state)
{
	(void)state;
	CHECK_INT(import_plan_fit(0, 0, 0, 1000), 100);
	CHECK_INT(import_plan_fit(0, 0, 9000, 1000), 100);
	CHECK_INT(import_plan_fit(100, 600, 2400, 1000), 400);
	CHECK_INT(import_plan_fit(100, 600, 60000, 1000), 1000);
	CHECK_INT(import_plan_fit(100, 0, 1, 1000), 1000);
	CHECK_INT(import_plan_fit(100, 600, 50, 1000), 0);
	CHECK_INT(import_plan_fit(100, 600, 0, 1000), 0);
}

static void
test_the_path_is_rewritten_in_its_own_form(void **state)
{
	(void)state;
	meta_is("{\"id\":5,\"Path\":\"Inbox\"}", "Work/\xc3\x84",
	    "\"Path\":\"Work/\xc3\x84\"");
	meta_is("{\"id\":5,\"Path\":\"/Inbox/\"}", "Work", "\"Path\":\"/Work/\"");
	meta_is("{\"id\":5,\"Path\":\"/Old/notes.txt\",\"name\":\"notes.txt\"}", "New",
	    "\"Path\":\"/New/notes.txt\"");
	/* a folder that ends like the name is no document's path */
	meta_is("{\"id\":5,\"Path\":\"/Old notes\",\"name\":\"notes\"}", "New",
	    "\"Path\":\"/New\"");
	meta_is("{\"id\":5,\"folder_id\":2,\"Path\":\"x\",\"subject\":\"a\\u0000b\"}",
	    "New", "\"subject\":\"a\\u0000b\"");
	CHECK(import_meta("no json", "New", 300) == NULL);
}

static void
test_addmsg_gets_flags_and_tags(void **state)
{
	struct mend_attributes a;

	(void)state;
	CHECK(mend_read_meta(
	    "{\"FlagStr\":\"avfr\",\"unread\":1,\"TagNames\":\"red:a\\\\:b,c:\"}", &a));
	CHECK_STR(buf_str(&a.flags), "fru");
	CHECK_STR(buf_str(&a.tags), "red,a:b\\,c");
	mend_attributes_fini(&a);
	CHECK(mend_read_meta("{}", &a));
	CHECK_STR(buf_str(&a.flags), "");
	CHECK_STR(buf_str(&a.tags), "");
	mend_attributes_fini(&a);
}

static void
test_what_its_owner_deleted_is_told_from_what_never_came(void **state)
{
	static const struct arrivals_gone gone[] = {
	    {90, false}, {103, false}, {104, false}, {108, false}, {120, false}};
	static const bool none[4] = {false};
	uint32_t between[] = {102, 0, 0, 105};
	uint32_t half[] = {107, 0, 0, 110};
	uint32_t tail[] = {118, 0};
	uint32_t long_tail[] = {118, 0, 0};
	uint32_t nothing[] = {0, 0};

	(void)state;
	arrivals_find_gone(between, none, 4, 100, gone, 5, false);
	CHECK_INT(between[1], 103);
	CHECK_INT(between[2], 104);
	/* one of two, between two that are there: it cannot be told which */
	arrivals_find_gone(half, none, 4, 100, gone, 5, true);
	CHECK_INT(half[1], 0);
	CHECK_INT(half[2], 0);
	/* at the end: it may never have come, and 120 be a mail of others */
	arrivals_find_gone(tail, none, 2, 100, gone, 5, false);
	CHECK_INT(tail[1], 0);
	/* the server said that all came in */
	arrivals_find_gone(tail, none, 2, 100, gone, 5, true);
	CHECK_INT(tail[1], 120);
	arrivals_find_gone(long_tail, none, 3, 100, gone, 5, true);
	CHECK_INT(long_tail[1], 0);
	arrivals_find_gone(nothing, none, 2, 120, gone, 5, true);
	CHECK_INT(nothing[0], 0);
}

static void
test_a_draft_that_was_saved_anew_has_arrived(void **state)
{
	/* 103 and 121 are drafts with texts that nobody posted. */
	static const struct arrivals_gone gone[] = {
	    {103, true}, {104, false}, {121, true}};
	static const bool draft_first[] = {false, true, false, false};
	static const bool draft_last[] = {false, false, true, false};
	static const bool no_draft[] = {false, false, false, false};
	uint32_t both[] = {102, 0, 0, 105};
	uint32_t other_way[] = {102, 0, 0, 105};
	uint32_t deleted[] = {102, 0, 105};
	uint32_t mail[] = {120, 0};
	uint32_t draft[] = {120, 0};

	(void)state;
	arrivals_find_gone(both, draft_first, 4, 100, gone, 3, false);
	CHECK_INT(both[1], 103);
	CHECK_INT(both[2], 104);
	/* what is a draft was none before: 103 is its owner's new one, and none is certain */
	arrivals_find_gone(other_way, draft_last, 4, 100, gone, 3, false);
	CHECK_INT(other_way[1], 0);
	CHECK_INT(other_way[2], 0);
	/* no draft is missing: 103 is none of them */
	arrivals_find_gone(deleted, no_draft, 3, 100, gone, 3, false);
	CHECK_INT(deleted[1], 104);
	arrivals_find_gone(mail, no_draft, 2, 100, gone, 3, true);
	CHECK_INT(mail[1], 0);
	arrivals_find_gone(draft, draft_first, 2, 100, gone, 3, true);
	CHECK_INT(draft[1], 121);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_contacts_then_groups_then_calendar_then_documents_then_messages),
	    TEST(test_messages_go_newest_first_and_by_folder),
	    TEST(test_a_request_has_few_folders_items_and_bytes),
	    TEST(test_equal_messages_of_a_folder_are_never_parted),
	    TEST(test_equal_messages_at_a_stretchs_end_stay_together),
	    TEST(test_contacts_of_a_folder_are_never_parted),
	    TEST(test_a_message_of_today_does_not_wait),
	    TEST(test_views),
	    TEST(test_long_lines),
	    TEST(test_as_many_messages_as_fit_into_the_time),
	    TEST(test_the_path_is_rewritten_in_its_own_form),
	    TEST(test_addmsg_gets_flags_and_tags),
	    TEST(test_what_its_owner_deleted_is_told_from_what_never_came),
	    TEST(test_a_draft_that_was_saved_anew_has_arrived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
