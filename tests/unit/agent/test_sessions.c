/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a session, as DumpSessions tells it: what is not whole is no list. */
#include <stdio.h>
#include <string.h>

#include "agent/mailbox/sessions.h"
#include "proto/frame.h"
#include "tests/unit/proto/zimbra.h"

#define ANNA "b1a3b7a2-0000-4000-8000-000000000001"
#define BERT "b1a3b7a2-0000-4000-8000-000000000002"
#define NOW 1700000000000

static const char *script;

static void
answer_by_script(struct server_call *call)
{
	CHECK_HAS(call->body, "<DumpSessionsRequest");
	CHECK_HAS(call->body, "listSessions=\"1\"");
	server_reply(call, strstr(script, "Fault") != NULL ? 500 : 200, script);
}

static int
set_up(void **state)
{
	(void)state;
	zimbra_begin(answer_by_script);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	zimbra_end();
	return 0;
}

static void
test_who_is_there(void **state)
{
	struct session_list list;
	struct err e;

	(void)state;
	script = ENVELOPE(
	    "<DumpSessionsResponse xmlns=\"urn:zimbraAdmin\" activeSessions=\"5\">"
	    "<soap activeAccounts=\"2\" activeSessions=\"3\">"
	    "<s zid=\"" BERT "\" name=\"bert\" sid=\"11\" cd=\"1\" "
	    "ld=\"1699999940000\"/>"
	    "<s zid=\"" ANNA "\" name=\"anna\" sid=\"12\" cd=\"1\" "
	    "ld=\"1699999400000\" push=\"1\"/>"
	    "<s zid=\"" ANNA "\" name=\"anna\" sid=\"13\" cd=\"1\" "
	    "ld=\"1699999700000\"/></soap>"
	    "<imap activeAccounts=\"1\" activeSessions=\"1\"><s zid=\"" ANNA
	    "\" name=\"anna\" sid=\"21\" cd=\"1\" ld=\"1700000000500\"><imap "
	    "paged=\"1\"/></s></imap>"
	    "<admin activeAccounts=\"1\" activeSessions=\"1\"><s zid=\"x\" sid=\"31\" "
	    "cd=\"1\" ld=\"2\"/></admin></DumpSessionsResponse>");
	if (!sessions_list(zimbra.client, NOW, &list, &e))
		fail_msg("%s", e.text);
	CHECK_INT(list.count, 2);
	CHECK_STR(list.rows[0].account_id, ANNA);
	CHECK_STR(list.rows[0].kind, "imap");
	CHECK_INT(list.rows[0].idle_ms, 0); /* between our look at the clock and its */
	CHECK_STR(list.rows[1].kind, "soap");
	CHECK_INT(list.rows[1].idle_ms, 60000);
	sessions_free(&list);
	CHECK(list.rows == NULL);
}

static void
test_nobody_is_there(void **state)
{
	struct session_list list;
	Wire__SessionPage page;
	struct err e;

	(void)state;
	script = ENVELOPE("<DumpSessionsResponse activeSessions=\"0\"/>");
	CHECK(sessions_list(zimbra.client, NOW, &list, &e));
	CHECK_INT(list.count, 0);
	sessions_page(&list, 7, 0, &page);
	CHECK(page.last && page.look == 7 && page.n_sessions == 0);
	sessions_page_free(&page);
	sessions_free(&list);
}

static void
test_what_is_not_whole_is_no_list(void **state)
{
	static const struct {
		const char *answer, *part;
	} rows[] = {
	    {ENVELOPE("<DumpSessionsResponse/>"), "how many"},
	    {ENVELOPE("<DumpSessionsResponse activeSessions=\"2\"><soap><s zid=\"" ANNA
		      "\" ld=\"5\"/></soap></DumpSessionsResponse>"),
		"1 sessions are listed of 2"},
	    {ENVELOPE("<DumpSessionsResponse activeSessions=\"1\"><soap><s zid=\"" ANNA
		      "\"/></soap></DumpSessionsResponse>"),
		"its last use"},
	    {ENVELOPE("<DumpSessionsResponse activeSessions=\"1\"><soap><s zid=\"" ANNA
		      "\" ld=\"now\"/></soap></DumpSessionsResponse>"),
		"its last use"},
	    {ENVELOPE("<DumpSessionsResponse activeSessions=\"1\"><imap><s "
		      "ld=\"5\"/></imap></DumpSessionsResponse>"),
		"without its account"},
	    {FAULT("service.PERM_DENIED"), "service.PERM_DENIED"},
	};
	struct session_list list;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		script = rows[i].answer;
		CHECK(!sessions_list(zimbra.client, NOW, &list, &e));
		CHECK_HAS(e.text, rows[i].part);
		CHECK_HAS(e.text, "DumpSessions");
		CHECK(list.rows == NULL);
	}
}

/* Every account is on exactly one page, the last one says so, each fits a frame. */
static void
test_pages(void **state)
{
	static struct session_row rows[2 * LIMIT_SESSION_PAGE + 1];
	struct session_list list = {rows, ARRAY_LEN(rows)};
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < list.count; i++) {
		snprintf(rows[i].account_id, sizeof(rows[i].account_id),
		    "%08x-1111-2222-3333-444455556666", (unsigned)i);
		memcpy(rows[i].kind, "synclistener", 13);
		rows[i].idle_ms = UINT64_MAX;
	}
	CHECK_INT(sessions_page_count(&list), 3);
	for (uint32_t n = 0; n < 3; n++) {
		Wire__Envelope m = WIRE__ENVELOPE__INIT;
		Wire__SessionPage page;
		struct buf frame;
		struct err e;

		sessions_page(&list, 9, n, &page);
		CHECK_INT(page.last, n == 2);
		for (size_t i = 0; i < page.n_sessions; i++)
			CHECK(frame_equal(
			    &page.sessions[i]->account_id, rows[seen + i].account_id));
		seen += page.n_sessions;
		m.body_case = WIRE__ENVELOPE__BODY_SESSION_PAGE;
		m.session_page = &page;
		buf_init(&frame, LIMIT_FRAME);
		if (!frame_put(&frame, &m, &e))
			fail_msg("%s", e.text);
		buf_fini(&frame);
		sessions_page_free(&page);
	}
	CHECK_INT(seen, list.count);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_who_is_there),
	    CASE(test_nobody_is_there),
	    CASE(test_what_is_not_whole_is_no_list),
	    TEST(test_pages),
	};

	return cmocka_run_group_tests(tests, zimbra_make_dir, zimbra_remove_dir);
}
