/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes out, answers in: what is escaped, what is refused, and when we log in again. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/zimbra/soap_private.h"
#include "tests/unit/proto/server.h"

static struct err e;

/* --- envelopes --- */

/* The whole envelope; freed by the next call. */
static const char *
envelope(struct soap_request *r, const char *token)
{
	static struct buf out;

	buf_fini(&out);
	buf_init(&out, 1000000);
	memset(&e, 0, sizeof(e));
	if (!soap_envelope(r, token, &out, &e)) {
		CHECK_INT(e.kind, ERR_REFUSED);
		soap_request_free(&r);
		return NULL;
	}
	soap_request_free(&r);
	return buf_str(&out);
}

static void
test_soap_envelope_as_zimbra_wants_it(void **state)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "ModifyAccountRequest");

	(void)state;
	soap_open(r, "id");
	soap_text(r, "123-abc");
	soap_close(r);
	soap_a(r, "zimbraMailQuota", "1");
	soap_a(r, "zimbraMailHost", "");
	soap_a(r, "zimbraNotes", NULL);
	soap_on_account(r, "acc-1");
	soap_pin(r, "srv-1");
	CHECK_STR(envelope(r, "TOKEN"),
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<soap:Envelope "
	    "xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"><soap:Header>"
	    "<context xmlns=\"urn:zimbra\"><authToken>TOKEN</authToken><nosession/>"
	    "<account by=\"id\">acc-1</account><targetServer>srv-1</targetServer>"
	    "<userAgent name=\"zmferry\"/><format "
	    "type=\"xml\"/></context></soap:Header><soap:Body>"
	    "<ModifyAccountRequest xmlns=\"urn:zimbraAdmin\"><id>123-abc</id>"
	    "<a n=\"zimbraMailQuota\">1</a><a n=\"zimbraMailHost\"/><a "
	    "n=\"zimbraNotes\"/>"
	    "</ModifyAccountRequest></soap:Body></soap:Envelope>\n");
}

static void
test_soap_envelope_without_token_has_none(void **state)
{
	const char *text = envelope(soap_request_new(SOAP_ADMIN, "AuthRequest"), NULL);

	(void)state;
	CHECK(strstr(text, "authToken") == NULL);
}

static void
test_soap_batch(void **state)
{
	struct soap_request *r = soap_batch_new(false);

	(void)state;
	soap_batch_add(r, SOAP_MAIL, "GetFolderRequest");
	soap_attr_uint(r, "depth", 0);
	soap_batch_add(r, SOAP_ACCOUNT, "GetInfoRequest");
	CHECK_HAS(envelope(r, NULL),
	    "<BatchRequest xmlns=\"urn:zimbra\" onerror=\"continue\">"
	    "<GetFolderRequest xmlns=\"urn:zimbraMail\" depth=\"0\"/>"
	    "<GetInfoRequest xmlns=\"urn:zimbraAccount\"/></BatchRequest>");
}

/* Names that people and attackers give; every one must come back unchanged. */
static void
test_soap_hostile_names_survive_the_way(void **state)
{
	static const char *const names[] = {
	    "</name><a n=\"zimbraIsAdminAccount\">TRUE</a>",
	    "<!--",
	    "]]>",
	    "&amp;",
	    "&lt;&#10;",
	    "\"'`",
	    "<![CDATA[x]]>",
	    "<?xml?>",
	    "%s%n",
	    " x ",
	    "a\r\nb\tc\rd\r",
	    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
	    "{json: \"x\"}",
	    "\\",
	    "x\xc2\x85y",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct soap_request *r =
		    soap_request_new(SOAP_MAIL, "CreateFolderRequest");
		struct soap_answer *answer = NULL;
		char fault[80];
		const char *text;

		soap_attr(r, "attribute", names[i]);
		soap_open(r, "name");
		soap_text(r, names[i]);
		soap_close(r);
		text = envelope(r, NULL);
		CHECK(text != NULL);
		if (!soap_parse(
			"test", text, strlen(text), &answer, fault, sizeof(fault), &e))
			fail_msg("%s: %s", names[i], e.text);
		CHECK_STR(soap_get(soap_body(answer), "attribute"), names[i]);
		CHECK_STR(soap_get_text(soap_child(soap_body(answer), "name")), names[i]);
		CHECK(soap_next(soap_child(soap_body(answer), NULL), NULL) == NULL);
		soap_answer_free(&answer);
	}
}

static void
test_soap_what_xml_cannot_carry_is_refused(void **state)
{
	static const char *const texts[] = {"\x01", "a\x1b[2J", "a\x0b", "M\xfcller",
	    "\xed\xa0\x80", "\xef\xbf\xbe", "\xc3"};
	static const char long_id[] =
	    "0123456789012345678901234567890123456789012345678901234567890123456789";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct soap_request *r = soap_request_new(SOAP_MAIL, "X");

		soap_text(r, texts[i]);
		CHECK(envelope(r, NULL) == NULL);
		CHECK_STR(e.text,
		    "X: a value holds what XML cannot carry, or an id is too long");
		r = soap_request_new(SOAP_MAIL, "X");
		soap_attr(r, "a", texts[i]);
		CHECK(envelope(r, NULL) == NULL);
		r = soap_request_new(SOAP_MAIL, "X");
		soap_on_account(r, texts[i]);
		CHECK(envelope(r, NULL) == NULL);
	}
	{
		struct soap_request *r = soap_request_new(SOAP_MAIL, "X");

		soap_pin(r, long_id); /* cut short it would be another server */
		CHECK(envelope(r, NULL) == NULL);
	}
}

static void
test_soap_request_above_its_cap_is_refused(void **state)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "X");
	char *large = calloc(1, 1000001);

	(void)state;
	memset(large, 'x', 1000000);
	soap_text(r, large);
	CHECK(envelope(r, NULL) == NULL);
	CHECK_STR(e.text, "X: the request is too large");
	free(large);
}

/* --- answers --- */

#define ENVELOPE(body)                                                                   \
	"<soap:Envelope "                                                                \
	"xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"><soap:Header>"           \
	"<context xmlns=\"urn:zimbra\"><change token=\"4711\"/></context></soap:Header>" \
	"<soap:Body>" body "</soap:Body></soap:Envelope>"

static struct soap_answer *answer;
static char fault[80];

static bool
parse(const char *text)
{
	memset(&e, 0, sizeof(e));
	answer = NULL;
	return soap_parse(
	    "mbs1: X", text, strlen(text), &answer, fault, sizeof(fault), &e);
}

static void
test_soap_answer_is_read(void **state)
{
	uint64_t number = 0;

	(void)state;
	if (!parse(ENVELOPE(
		"<GetAccountResponse xmlns=\"urn:zimbraAdmin\"><account id=\"i\">"
		"<a n=\"x\">1</a><a n=\"y\"><![CDATA[<&>]]> and more</a><a "
		"n=\"x\">2</a><a n=\"e\"/>"
		"</account><other id=\"2\"/><account id=\"3\"/></GetAccountResponse>")))
		fail_msg("%s", e.text);
	struct soap_node *account = soap_child(soap_body(answer), "account");

	CHECK_STR(soap_name(soap_body(answer)), "GetAccountResponse");
	CHECK_INT(soap_change_token(answer), 4711);
	CHECK_STR(soap_get(account, "id"), "i");
	CHECK(soap_get(account, "nothing") == NULL);
	CHECK_STR(soap_get_a(account, "x"), "1");
	CHECK_STR(soap_get_a(account, "y"), "<&> and more");
	CHECK_STR(soap_get_a(account, "e"), "");
	CHECK(soap_get_a(account, "z") == NULL);
	CHECK_STR(soap_name(soap_next(account, NULL)), "other");
	CHECK_STR(soap_get(soap_next(account, "account"), "id"), "3");
	CHECK(soap_next(soap_next(account, "account"), NULL) == NULL);
	CHECK(soap_child(NULL, "x") == NULL);
	CHECK_STR(soap_get_text(NULL), "");
	CHECK(!soap_get_uint(account, "id", &number));
	soap_answer_free(&answer);
	CHECK(answer == NULL);
	soap_answer_free(&answer);
}

static void
test_soap_numbers_out_of_range(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t value;
	} rows[] = {
	    {"0", true, 0},
	    {"18446744073709551615", true, UINT64_MAX},
	    {"18446744073709551616", false, 0},
	    {"99999999999999999999999", false, 0},
	    {"-1", false, 0},
	    {"+1", false, 0},
	    {" 1", false, 0},
	    {"1 ", false, 0},
	    {"1.5", false, 0},
	    {"0x10", false, 0},
	    {"", false, 0},
	    {"NaN", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[300];
		uint64_t value = 77;

		snprintf(text, sizeof(text), ENVELOPE("<R n=\"%s\"/>"), rows[i].text);
		CHECK(parse(text));
		if (soap_get_uint(soap_body(answer), "n", &value) != rows[i].good)
			fail_msg("\"%s\"", rows[i].text);
		CHECK_INT(value, rows[i].good ? rows[i].value : 77);
		CHECK(!soap_get_uint(soap_body(answer), "absent", &value));
		soap_answer_free(&answer);
	}
}

#define FAULT(code, reason)                                                             \
	ENVELOPE(                                                                       \
	    "<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code>"   \
	    "<soap:Reason><soap:Text>" reason "</soap:Text></soap:Reason><soap:Detail>" \
	    "<Error xmlns=\"urn:zimbra\"><Code>" code "</Code><Trace>t</Trace></Error>" \
	    "</soap:Detail></soap:Fault>")

static void
test_soap_fault_has_code_reason_and_kind(void **state)
{
	(void)state;
	CHECK(!parse(FAULT("account.NO_SUCH_ACCOUNT", "no such account: x")));
	CHECK_STR(fault, "account.NO_SUCH_ACCOUNT");
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_STR(e.text, "mbs1: X: no such account: x (account.NO_SUCH_ACCOUNT)");
	CHECK(!parse(FAULT("mail.MAINTENANCE", "locked")));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK(!parse(FAULT("service.WRONG_HOST", "elsewhere")));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK(!parse(ENVELOPE("<soap:Fault/>")));
	CHECK_STR(fault, "unknown");
	CHECK(parse(ENVELOPE("<R/>"))); /* the code of an old fault is gone */
	CHECK_STR(fault, "");
	soap_answer_free(&answer);
}

static void
test_soap_what_is_no_answer(void **state)
{
	static const char *const texts[] = {
	    "",
	    "<html><body>503 Service Unavailable</body></html>",
	    "{\"Body\":{}}",
	    "<soap:Envelope xmlns:soap=\"s\">",
	    ENVELOPE(""),
	    "<soap:Envelope xmlns:soap=\"s\"><soap:Body/></soap:Envelope>",
	    ENVELOPE("<R>&undefined;</R>"),
	    ENVELOPE("<R>\xff</R>"),
	    ENVELOPE("<R>") "\x01",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (parse(texts[i]))
			fail_msg("taken: %s", texts[i]);
		CHECK(answer == NULL);
		CHECK_INT(e.kind, ERR_RETRY);
		CHECK_HAS(e.text, "mbs1: X: the answer is no ");
	}
}

static void
test_soap_dtd_and_entities_are_refused(void **state)
{
	static const char *const dtds[] = {
	    "<!DOCTYPE x>",
	    "<!DOCTYPE x [<!ENTITY a \"b\">]>",
	    "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">",
	    "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dtds); i++) {
		char text[600];

		snprintf(text, sizeof(text), "%s%s", dtds[i], ENVELOPE("<R>&a;</R>"));
		CHECK(!parse(text));
		snprintf(text, sizeof(text), "%s%s", dtds[i], ENVELOPE("<R/>"));
		CHECK(!parse(text));
	}
}

/* Ten entities, each ten times the one before, in an attribute: 10^10 bytes if expanded. */
static void
test_soap_billion_laughs_cost_nothing(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	CHECK(buf_add_str(&text, "<!DOCTYPE x [<!ENTITY l0 \"lol\">"));
	for (int i = 1; i < 11; i++) {
		CHECK(buf_printf(&text, "<!ENTITY l%d \"", i));
		for (int k = 0; k < 10; k++)
			CHECK(buf_printf(&text, "&l%d;", i - 1));
		CHECK(buf_add_str(&text, "\">"));
	}
	CHECK(buf_add_str(&text, "]>" ENVELOPE("<R a=\"&l10;\">&l10;</R>")));
	CHECK(!parse(buf_str(&text)));
	buf_fini(&text);
}

static void
test_soap_answer_above_its_cap(void **state)
{
	static const char front[] = ENVELOPE("<R>");

	(void)state;
	/* Never looked at: only its length counts. */
	CHECK(!soap_parse("mbs1: X", front, (size_t)SOAP_ANSWER_MAX + 1, &answer, fault,
	    sizeof(fault), &e));
	CHECK_INT(e.kind, ERR_RETRY);
}

static void
test_soap_deep_answers_do_not_end_the_process(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	CHECK(buf_add_str(&text, "<E><Body>"));
	for (int i = 0; i < 200000; i++)
		CHECK(buf_add_str(&text, "<x>"));
	CHECK(!parse(buf_str(&text)));
	buf_fini(&text);
}

/* --- calls over HTTPS --- */

static char dir[64];
static char pem[128];
static char ca_file[128];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_soap.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	server_certificate(dir, "mbs1.test", pem, sizeof(pem));
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	char path[100];

	(void)state;
	envelope(soap_request_new(SOAP_MAIL, "X"), NULL);
	snprintf(path, sizeof(path), "%s/ca.key", dir);
	unlink(path);
	unlink(ca_file);
	unlink(pem);
	return rmdir(dir);
}

/* What the server does with everything but a login. */
static struct script {
	int status;
	const char *body;
	unsigned expire_first; /* so many calls answer AUTH_EXPIRED */
	bool refuse_login;
	bool slow_login, hang;
	atomic_uint logins;
	atomic_uint calls;
	char last[4000];
} script;

static void
play(struct server_call *call)
{
	CHECK_HAS(call->request, "POST /service/admin/soap HTTP/1.1\r\n");
	if (strstr(call->request, "<AuthRequest") != NULL) {
		char body[600];

		script.logins++;
		if (script.slow_login)
			poll(NULL, 0, 600);
		CHECK(strstr(call->body, "<authToken>") == NULL);
		CHECK_HAS(
		    call->body, "<name>admin</name><password>p&lt;&amp;w</password>");
		if (script.refuse_login) {
			server_reply(call, 500,
			    FAULT("account.AUTH_FAILED",
				"authentication failed for [admin]"));
			return;
		}
		snprintf(body, sizeof(body),
		    ENVELOPE(
			"<AuthResponse><authToken>TOKEN%u</authToken></AuthResponse>"),
		    script.logins);
		server_reply(call, 200, body);
		return;
	}
	script.calls++;
	snprintf(script.last, sizeof(script.last), "%s", call->body);
	if (script.hang)
		server_hang(call);
	else if (script.calls <= script.expire_first)
		server_reply(call, 500,
		    FAULT("service.AUTH_EXPIRED", "auth credentials have expired"));
	else
		server_reply(call, script.status, script.body);
}

static struct server server;
static struct soap_client *client;

static struct soap_client *
client_with(unsigned timeout_ms)
{
	static const char *const resolve[] = {"mbs1.test=127.0.0.1", NULL};
	struct secret *password = secret_new("p<&w", 4);
	const struct soap_options options = {
	    .host = "mbs1.test",
	    .admin_name = "admin",
	    .admin_password = password,
	    .ca_file = ca_file,
	    .resolve = resolve,
	    .admin_port = server.port,
	    .timeout_ms = timeout_ms,
	};
	struct soap_client *made = soap_client_new(&options);

	secret_free(&password);
	return made;
}

static void
begin(int status, const char *body)
{
	memset(&script, 0, sizeof(script));
	script.status = status;
	script.body = body;
	server_start(&server, pem, play, NULL);
	client = client_with(10000);
}

static void
end(void)
{
	soap_client_free(&client);
	server_stop(&server);
}

static bool
call(void)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "NoOpRequest");
	bool ok;

	memset(&e, 0, sizeof(e));
	ok = soap_call(client, r, &answer, &e);
	soap_request_free(&r);
	return ok;
}

static void
test_soap_call_logs_in_once_and_carries_the_token(void **state)
{
	(void)state;
	begin(200, ENVELOPE("<NoOpResponse/>"));
	for (int i = 0; i < 3; i++) {
		if (!call())
			fail_msg("%s", e.text);
		CHECK_STR(soap_name(soap_body(answer)), "NoOpResponse");
		soap_answer_free(&answer);
		CHECK_HAS(script.last, "<authToken>TOKEN1</authToken>");
	}
	CHECK_INT(script.logins, 1);
	CHECK_INT(server.connections, 1);
	end();
}

static void
test_soap_call_logs_in_again_when_the_token_ran_out(void **state)
{
	(void)state;
	begin(200, ENVELOPE("<NoOpResponse/>"));
	CHECK(call());
	soap_answer_free(&answer);
	script.expire_first = script.calls + 1;
	if (!call())
		fail_msg("%s", e.text);
	soap_answer_free(&answer);
	CHECK_INT(script.logins, 2);
	CHECK_HAS(script.last, "<authToken>TOKEN2</authToken>");

	/* Again and again is somebody's fault, not the clock's. */
	script.expire_first = UINT32_MAX;
	CHECK(!call());
	CHECK_INT(script.logins, 3);
	CHECK_STR(soap_fault(client), "service.AUTH_EXPIRED");
	CHECK_INT(e.kind, ERR_RETRY);

	/* REST was refused: the next call begins with a login. */
	script.expire_first = 0;
	soap_forget_token(client);
	CHECK(call());
	soap_answer_free(&answer);
	CHECK_INT(script.logins, 4);
	end();
}

static void
test_soap_call_login_refused_names_who_and_hides_the_password(void **state)
{
	(void)state;
	begin(200, ENVELOPE("<NoOpResponse/>"));
	script.refuse_login = true;
	CHECK(!call());
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(
	    e.text, "login as admin: mbs1.test: AuthRequest: authentication failed");
	CHECK(strstr(e.text, "p<&w") == NULL && strstr(e.text, "p&lt;") == NULL);
	CHECK_INT(script.calls, 0);
	end();
}

static void
test_soap_call_fault_comes_with_http_500(void **state)
{
	(void)state;
	begin(500, FAULT("mail.NO_SUCH_FOLDER", "no such folder id: 2"));
	CHECK(!call());
	CHECK_STR(soap_fault(client), "mail.NO_SUCH_FOLDER");
	CHECK_STR(
	    e.text, "mbs1.test: NoOpRequest: no such folder id: 2 (mail.NO_SUCH_FOLDER)");
	CHECK(answer == NULL);
	script.status = 200;
	script.body = ENVELOPE("<NoOpResponse/>");
	CHECK(call());
	CHECK_STR(soap_fault(client), "");
	soap_answer_free(&answer);
	end();
}

static void
test_soap_call_answers_that_are_none(void **state)
{
	static const struct {
		int status;
		const char *body;
		const char *text;
	} rows[] = {
	    {503, "<html>busy</html>", "mbs1.test: NoOpRequest: HTTP 503"},
	    {404, ENVELOPE("<NoOpResponse/>"), "mbs1.test: NoOpRequest: HTTP 404"},
	    {200, "<html>welcome</html>",
		"mbs1.test: NoOpRequest: the answer is no SOAP envelope"},
	    {500, "java.lang.OutOfMemoryError",
		"mbs1.test: NoOpRequest: the answer is no XML of Zimbra's"},
	    {200, "", "mbs1.test: NoOpRequest: the answer is no XML of Zimbra's"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(rows[i].status, rows[i].body);
		CHECK(!call());
		CHECK_INT(e.kind, ERR_RETRY);
		CHECK_STR(e.text, rows[i].text);
		end();
	}
}

/* A switch of home must not take longer than its limit, login and all. */
static void
test_soap_call_has_its_time_in_all(void **state)
{
	uint64_t began;

	(void)state;
	begin(200, ENVELOPE("<NoOpResponse/>"));
	soap_client_free(&client);
	client = client_with(800);
	script.slow_login = script.hang = true;
	began = clock_mono_ms();
	CHECK(!call());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK(clock_mono_ms() - began < 1300);
	CHECK_INT(script.calls, 1);
	end();

	/* Nothing is sent when the login used up all of it. */
	begin(200, ENVELOPE("<NoOpResponse/>"));
	soap_client_free(&client);
	client = client_with(300);
	script.slow_login = true;
	CHECK(!call());
	CHECK_INT(script.calls, 0);
	end();
}

/* One that is kept neither logs in again nor keeps the limit of the call before. */
static void
test_soap_client_that_is_kept_takes_new_limits(void **state)
{
	atomic_bool stop = true;
	uint64_t began;

	(void)state;
	begin(200, ENVELOPE("<NoOpResponse/>"));
	CHECK(call());
	soap_answer_free(&answer);
	soap_client_limit(client, 0, &stop);
	CHECK(!call());
	CHECK_INT(e.kind, ERR_CANCELLED);

	soap_client_limit(client, 300, NULL);
	CHECK(call());
	soap_answer_free(&answer);
	script.hang = true;
	began = clock_mono_ms();
	CHECK(!call());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK(clock_mono_ms() - began < 800);
	CHECK_INT(script.logins, 1);
	end();
}

static void
test_soap_token_for_rest(void **state)
{
	const char *token;

	(void)state;
	begin(200, ENVELOPE("<NoOpResponse/>"));
	CHECK(soap_token(client, &token, &e));
	CHECK_STR(token, "TOKEN1");
	CHECK(soap_token(client, &token, &e));
	CHECK_INT(script.logins, 1);
	CHECK_STR(soap_host(client), "mbs1.test");
	CHECK_INT(soap_port(client), server.port);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_soap_envelope_as_zimbra_wants_it),
	    TEST(test_soap_envelope_without_token_has_none),
	    TEST(test_soap_batch),
	    TEST(test_soap_hostile_names_survive_the_way),
	    TEST(test_soap_what_xml_cannot_carry_is_refused),
	    TEST(test_soap_request_above_its_cap_is_refused),
	    TEST(test_soap_answer_is_read),
	    TEST(test_soap_numbers_out_of_range),
	    TEST(test_soap_fault_has_code_reason_and_kind),
	    TEST(test_soap_what_is_no_answer),
	    TEST(test_soap_dtd_and_entities_are_refused),
	    TEST(test_soap_billion_laughs_cost_nothing),
	    TEST(test_soap_answer_above_its_cap),
	    TEST(test_soap_deep_answers_do_not_end_the_process),
	    TEST(test_soap_call_logs_in_once_and_carries_the_token),
	    TEST(test_soap_call_logs_in_again_when_the_token_ran_out),
	    TEST(test_soap_call_login_refused_names_who_and_hides_the_password),
	    TEST(test_soap_call_fault_comes_with_http_500),
	    TEST(test_soap_call_answers_that_are_none),
	    TEST(test_soap_call_has_its_time_in_all),
	    TEST(test_soap_client_that_is_kept_takes_new_limits),
	    TEST(test_soap_token_for_rest),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
