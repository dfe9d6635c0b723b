/* SPDX-License-Identifier: Apache-2.0 */
/* REST: the URLs we ask for, what an HTTP status means, and the page an import answers with. */
#include <stdlib.h>
#include <string.h>

#include "proto/zimbra/rest.h"
#include "tests/unit/proto/zimbra.h"

static struct err e;

/* --- the import's page, as Zimbra's ArchiveFormatter writes it --- */

#define PAGE(arguments)                                                            \
	"<html>\n<head>\n</head>\n<body onload=\"onLoad()\">\n<script>\nfunction " \
	"onLoad() {\n"                                                             \
	"    window.parent.zmferry(" arguments ");\n}\n</script>\n</body>\n</html>\n"
#define FAULT_JS(code, text)                                                        \
	"{\"Code\":{\"Value\":\"soap:Sender\"},\"Reason\":{\"Text\":\"" text "\"}," \
	"\"Detail\":{\"Error\":{\"Code\":\"" code                                   \
	"\",\"Trace\":\"qtp-1\",\"_jsns\":\"urn:zimbra\"}}}"

static void
test_rest_import_verdicts(void **state)
{
	static const struct {
		const char *page;
		enum rest_import_result result;
		size_t faults;
	} rows[] = {
	    {PAGE("'success'"), REST_IMPORT_SUCCESS, 0},
	    {PAGE("\"success\""), REST_IMPORT_SUCCESS, 0},
	    {PAGE(" 'success' "), REST_IMPORT_SUCCESS, 0},
	    {PAGE("'warn',\n" FAULT_JS("formatter.UNKNOWN_ERROR", "x")), REST_IMPORT_WARN,
		1},
	    {PAGE("'warn',\n" FAULT_JS("a.B", "1") "," FAULT_JS("c.D", "2") "," FAULT_JS(
		 "e.F", "3")),
		REST_IMPORT_WARN, 3},
	    {PAGE("'fail',\n" FAULT_JS("formatter.INVALID_FORMAT", "x")),
		REST_IMPORT_FAIL, 1},
	    {PAGE("'fail'"), REST_IMPORT_FAIL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rest_import_answer a;

		if (!rest_parse_import(rows[i].page, &a, &e))
			fail_msg("%s: %s", rows[i].page, e.text);
		CHECK_INT(a.result, rows[i].result);
		CHECK_INT(a.fault_count, rows[i].faults);
	}
}

static void
test_rest_import_faults_are_for_people(void **state)
{
	struct rest_import_answer a;

	(void)state;
	CHECK(rest_parse_import(
	    PAGE("'warn'," FAULT_JS("mail.QUOTA_EXCEEDED",
		"mailbox \\\"x\\\"\\nfull") "," FAULT_JS("formatter.MISSING_BLOB",
		"\xc3\xa4 \x1b[2J")),
	    &a, &e));
	CHECK_STR(a.first_faults[0], "mail.QUOTA_EXCEEDED: mailbox \"x\" full");
	CHECK_STR(a.first_faults[1], "formatter.MISSING_BLOB: \xc3\xa4  [2J");
}

static void
test_rest_import_counts_more_faults_than_it_keeps(void **state)
{
	struct rest_import_answer a;
	struct buf page;

	(void)state;
	buf_init(&page, 0);
	CHECK(buf_add_str(&page, "<script>window.parent.zmferry('warn'"));
	for (int i = 0; i < 1000; i++)
		CHECK(buf_printf(&page, "," FAULT_JS("code.%d", "%0500d"), i, i));
	CHECK(buf_add_str(&page, ");</script>"));
	CHECK(rest_parse_import(buf_str(&page), &a, &e));
	CHECK_INT(a.fault_count, 1000);
	CHECK(strncmp(a.first_faults[7], "code.7: 0000", 12) == 0);
	buf_fini(&page);
}

static void
test_rest_import_unclear_answers_are_no_verdict(void **state)
{
	static const char *const pages[] = {
	    "",
	    "<html></html>",
	    "success",
	    PAGE("'succes'"),
	    PAGE("'successful'"),
	    PAGE("success"),
	    PAGE("'warning'"),
	    PAGE(""),
	    PAGE("'success\""),
	    "<script>window.parent.zmferry('success');", /* cut */
	    "<script>window.parent.zmferry('succ",
	    "<script>window.parent.zmferry('warn'," FAULT_JS("a.B", "x"),
	    "<script>window.parent.other('success');</script>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		struct rest_import_answer a;

		if (rest_parse_import(pages[i], &a, &e))
			fail_msg("taken: %s", pages[i]);
		CHECK_INT(e.kind, ERR_RETRY);
		CHECK_HAS(e.text, "import: ");
	}
}

/* --- requests --- */

static char seen[4000]; /* the last request */
static int next_status;
static const char *next_body;
static unsigned refuse_first; /* so many requests get 401 */

static void
play(struct server_call *call)
{
	snprintf(seen, sizeof(seen), "%s", call->request);
	if (refuse_first > 0) {
		refuse_first--;
		server_reply(call, 401, "must authenticate");
	} else if (next_status == 0) { /* an export that breaks off */
		static const char half[] =
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntar1\r\n";

		server_send(call, half, strlen(half));
		call->end = true;
	} else {
		server_reply(call, next_status, next_body);
	}
}

static void
begin(int status, const char *body)
{
	next_status = status;
	next_body = body;
	refuse_first = 0;
	memset(&e, 0, sizeof(e));
	zimbra_begin(play);
}

static bool
collect(const void *data, size_t len, void *ctx)
{
	return buf_add(ctx, data, len);
}

static struct buf tar;
static enum rest_status status;

static bool export(
    const char *account_id, const char *query, const char *list, bool headers_only)
{
	const struct rest_export what = {
	    .account_id = account_id,
	    .query = query,
	    .list = list,
	    .headers_only = headers_only,
	};

	buf_fini(&tar);
	buf_init(&tar, 10000);
	return rest_export(zimbra.client, &what, collect, &tar, &status, &e);
}

static void
test_rest_export_asks_as_it_should(void **state)
{
	static const struct {
		const char *account;
		const char *query;
		const char *list;
		bool headers_only;
		const char *line;
	} rows[] = {
	    {"0-1", "is:anywhere", NULL, false,
		"GET /service/home/0-1/?fmt=tar&query=is%3Aanywhere HTTP/1.1\r\n"},
	    {"0-1", NULL, "257,258", false,
		"GET /service/home/0-1/?fmt=tar&list=257,258 HTTP/1.1\r\n"},
	    {"0-1", "is:anywhere", NULL, true,
		"GET /service/home/0-1/?fmt=tar&query=is%3Aanywhere&body=0 HTTP/1.1\r\n"},
	    {"a b/../c?x=1&y#z@ex\xc3\xa4mple.org", NULL, NULL, false,
		"GET "
		"/service/home/a%20b%2F..%2Fc%3Fx%3D1%26y%23z%40ex%C3%A4mple.org/"
		"?fmt=tar HTTP/1.1\r\n"},
	    {"x\r\nX-Evil: 1", NULL, NULL, false,
		"GET /service/home/x%0D%0AX-Evil%3A%201/?fmt=tar HTTP/1.1\r\n"},
	};

	(void)state;
	begin(200, "tarbytes");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!export(rows[i].account, rows[i].query, rows[i].list,
			rows[i].headers_only))
			fail_msg("%s", e.text);
		CHECK_INT(status, REST_OK);
		CHECK_STR(buf_str(&tar), "tarbytes");
		CHECK(strncmp(seen, rows[i].line, strlen(rows[i].line)) == 0);
		CHECK_HAS(seen, "\r\nCookie: ZM_ADMIN_AUTH_TOKEN=TOKEN1\r\n");
		CHECK_HAS(seen, "\r\nX-Zimbra-Hopcount: 3\r\n");
	}
	zimbra_end();
}

static void
test_rest_export_statuses(void **state)
{
	static const struct {
		int http;
		const char *body;
		bool ok;
		enum rest_status status;
		enum err_kind kind;
		const char *text;
	} rows[] = {
	    {204, "", true, REST_EMPTY, ERR_NONE, ""},
	    {404, "no such item", false, REST_NOT_FOUND, ERR_RETRY,
		"mbs1.test: REST answered 404"},
	    {414, "", false, REST_TOO_LONG, ERR_REFUSED, "too long for one request"},
	    {500, "system failure: TOO_MANY_HOPS", false, REST_NOT_LOCAL, ERR_REFUSED,
		"homed elsewhere"},
	    {503, "<h1>busy</h1>", false, REST_OTHER, ERR_RETRY,
		"mbs1.test: HTTP 503: <h1>busy</h1>"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(rows[i].http, rows[i].body);
		CHECK_INT(export("0-1", NULL, NULL, false), rows[i].ok);
		CHECK_INT(status, rows[i].status);
		CHECK_INT(e.kind, rows[i].kind);
		CHECK_HAS(e.text, rows[i].text);
		CHECK_INT(tar.len, 0); /* an error page is no archive */
		zimbra_end();
	}
}

static void
test_rest_export_that_breaks_off_is_an_error(void **state)
{
	(void)state;
	begin(0, "");
	CHECK(!export("0-1", NULL, NULL, false));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "mbs1.test: export: ");
	CHECK_INT(status, REST_OTHER);
	zimbra_end();
}

static void
test_rest_export_list_too_long_is_refused_here(void **state)
{
	char *list = calloc(1, 20000);

	(void)state;
	memset(list, '1', 19999);
	begin(200, "x");
	CHECK(!export("0-1", NULL, list, false));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_INT(zimbra.server.requests, 1); /* only the login */
	free(list);
	zimbra_end();
}

/* A token that ran out is forgotten, so that the retry helps. */
static void
test_rest_logs_in_again_after_401(void **state)
{
	(void)state;
	begin(200, "tarbytes");
	refuse_first = 1;
	CHECK(!export("0-1", NULL, NULL, false));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "the admin token ran out");
	CHECK(export("0-1", NULL, NULL, false));
	CHECK_HAS(seen, "Cookie: ZM_ADMIN_AUTH_TOKEN=TOKEN2\r\n");
	CHECK_INT(zimbra.logins, 2);
	zimbra_end();
}

static size_t
give_once(void *data, size_t size, void *ctx)
{
	unsigned *given = ctx;

	if ((*given)++ > 0)
		return 0;
	CHECK(size >= 3);
	memcpy(data, "tar", 3);
	return 3;
}

static bool
import(const char *account_id, struct rest_import_answer *a)
{
	unsigned given = 0;

	return rest_import(zimbra.client, account_id, give_once, &given, a, &e);
}

static void
test_rest_import_posts_the_archive_and_reads_the_page(void **state)
{
	static const char line[] =
	    "POST /service/home/0%2F1/?fmt=tar&resolve=skip&callback=zmferry "
	    "HTTP/1.1\r\n";
	struct rest_import_answer a;

	(void)state;
	begin(200, PAGE("'warn'," FAULT_JS("formatter.INVALID_TYPE", "x")));
	if (!import("0/1", &a))
		fail_msg("%s", e.text);
	CHECK_INT(a.result, REST_IMPORT_WARN);
	CHECK_INT(a.fault_count, 1);
	CHECK(strncmp(seen, line, strlen(line)) == 0);
	CHECK_HAS(seen, "\r\nContent-Type: application/x-tar\r\n");
	CHECK_HAS(seen, "\r\nX-Zimbra-Hopcount: 3\r\n");
	CHECK_HAS(seen, "\r\n\r\n3\r\ntar\r\n0\r\n\r\n");
	zimbra_end();
}

static void
test_rest_import_without_a_page_is_unclear(void **state)
{
	static const struct {
		int http;
		const char *body;
		const char *text;
	} rows[] = {
	    {200, "",
		"what happened is unclear"}, /* what Zimbra says without callback= */
	    {204, "", "HTTP 204"},
	    {404, "", "REST answered 404"},
	    {500, "formatter.INVALID_FORMAT", "HTTP 500: formatter.INVALID_FORMAT"},
	    {0, "", "mbs1.test: import: "},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rest_import_answer a;

		begin(rows[i].http, rows[i].body);
		CHECK(!import("0-1", &a));
		CHECK_INT(e.kind, ERR_RETRY);
		CHECK_HAS(e.text, rows[i].text);
		zimbra_end();
	}
}

static int
tear_down(void **state)
{
	buf_fini(&tar);
	return zimbra_remove_dir(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_rest_import_verdicts),
	    TEST(test_rest_import_faults_are_for_people),
	    TEST(test_rest_import_counts_more_faults_than_it_keeps),
	    TEST(test_rest_import_unclear_answers_are_no_verdict),
	    TEST(test_rest_export_asks_as_it_should),
	    TEST(test_rest_export_statuses),
	    TEST(test_rest_export_that_breaks_off_is_an_error),
	    TEST(test_rest_export_list_too_long_is_refused_here),
	    TEST(test_rest_logs_in_again_after_401),
	    TEST(test_rest_import_posts_the_archive_and_reads_the_page),
	    TEST(test_rest_import_without_a_page_is_unclear),
	};

	return cmocka_run_group_tests(tests, zimbra_make_dir, tear_down);
}
