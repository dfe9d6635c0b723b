/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail and webhooks as controller.conf names them, out of a real loop, to real little
 * servers: what arrives, what does not, and what is said about it.
 */
#include <openssl/hmac.h>
#include <sys/stat.h>

#include "controller/alert/way.h"
#include "controller/alert/ways.h"
#include "controller/journal.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "tests/unit/proto/server.h"
#include "tests/unit/proto/smtp_server.h"
#include "tests/unit/scratch.h"

static char dir[64];
static char pem[160];
static struct err e;
static struct smtp_server smtp;
static struct server http;
static uv_loop_t loop;
static uv_timer_t poke;
static struct journal *journal;
static struct alerts *alerts;
static struct ways *ways;
static struct controller_conf conf;
static uint64_t until_ms;

/* What the HTTP server got. */
static char got[65536];
static atomic_int statuses[8]; /* of its answers, the last for ever */
static atomic_uint calls;

static void
on_http(struct server_call *call)
{
	unsigned i = calls < ARRAY_LEN(statuses) - 1 ? calls : ARRAY_LEN(statuses) - 1;

	while (i > 0 && statuses[i] == 0)
		i--;
	snprintf(got, sizeof(got), "%.60000s", call->request);
	calls++;
	server_reply(call, statuses[i] == 0 ? 200 : statuses[i], "words of the server");
}

static int
begin(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	scratch_make(dir, sizeof(dir));
	server_certificate(dir, "localhost", pem, sizeof(pem));
	scratch_write(dir, "secret", "sesame\n", 7, 0400);
	memset(&smtp, 0, sizeof(smtp));
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		statuses[i] = 0;
	calls = 0;
	got[0] = '\0';
	uv_loop_init(&loop);
	if (!journal_open(":memory:", false, &journal, &e) ||
	    !alerts_new(&(struct alerts_options){.journal = journal}, &alerts, &e))
		fail_msg("%s", e.text);
	return 0;
}

static void
on_poke(uv_timer_t *timer)
{
	(void)timer;
	alerts_tick(alerts);
	ways_tick(ways);
}

/* With these sections in controller.conf. */
static void
configure(const char *sections)
{
	char *text =
	    xasprintf("ldap_url = \"ldaps://x\"\nldap_password_file = \"%s/secret\"\n"
		      "zimbra_admin = \"a@x\"\nzimbra_admin_password_file = "
		      "\"%s/secret\"\n%s",
		dir, dir, sections);
	struct alerts_outlet outlet;
	struct buf errors;

	buf_init(&errors, 0);
	if (!conf_table_parse(&conf, sizeof(conf), &controller_conf_table, "c.conf", text,
		&errors, &e) ||
	    !ways_new(&loop, &conf, alerts, &ways, &e))
		fail_msg("%s%s", buf_str(&errors), e.text);
	buf_fini(&errors);
	free(text);
	ways_set_retry(ways, 20);
	outlet = ways_outlet(ways);
	alerts_set_outlet(alerts, &outlet);
	uv_timer_init(&loop, &poke);
	uv_timer_start(&poke, on_poke, 1, 10);
}

static int
end(void **state)
{
	(void)state;
	if (ways != NULL) {
		ways_stop(ways);
		uv_close((uv_handle_t *)&poke, NULL);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	if (smtp.port != 0)
		smtp_server_stop(&smtp);
	if (http.port != 0)
		server_stop(&http);
	http.port = 0;
	ways_free(&ways);
	conf_table_free(&conf, &controller_conf_table);
	alerts_free(&alerts);
	journal_close(&journal);
	CHECK_INT(uv_loop_close(&loop), 0);
	scratch_remove(dir);
	return 0;
}

static json_t *
first_way(void)
{
	static json_t *rows;

	json_decref(rows);
	rows = ways_view(ways);
	return json_array_get(rows, 0);
}

static const char *
way_text(void)
{
	return json_string_value(json_object_get(first_way(), "text"));
}

/* Until the condition holds; fails after a while. */
#define RUN_UNTIL(condition)                                                       \
	do {                                                                       \
		until_ms = clock_mono_ms() + 20000;                                \
		while (!(condition)) {                                             \
			if (clock_mono_ms() > until_ms)                            \
				fail_msg("never: %s; %s", #condition, way_text()); \
			uv_run(&loop, UV_RUN_ONCE);                                \
		}                                                                  \
	} while (0)

static bool
is_idle(void)
{
	return json_integer_value(json_object_get(first_way(), "waiting")) == 0;
}

static void
raise_stuck(const char *subject)
{
	alert_raise(alerts, ALERT_MOVE_STUCK, subject,
	    ALERT_FACTS("account", "j\xc3\xb6rg@example.org", "state", "opening", "why",
		"no room = none", "move", subject, "job", "j3", "source", "mbs1"));
}

static void
configure_mail(const char *more)
{
	char *text =
	    xasprintf("alert_mail \"oncall\" {\n  url = \"smtp://localhost:%u\"\n"
		      "  from = \"zmferry@example.org\"\n"
		      "  to = { \"a@example.org\", \"b@example.org\" }\n%s}\n",
		smtp.port, more);

	configure(text);
	free(text);
}

static void
configure_webhook(const char *more)
{
	char *text = xasprintf(
	    "alert_webhook \"pager\" {\n  url = \"http://127.0.0.1:%u/hook\"\n%s}\n",
	    http.port, more);

	configure(text);
	free(text);
}

/* --- mail --- */

static void
test_a_mail_as_it_arrives(void **state)
{
	char first[200];

	(void)state;
	smtp_server_start(&smtp, NULL);
	configure_mail("  start_tls = no\n");
	raise_stuck("m7");
	RUN_UNTIL(smtp.mails == 1 && is_idle());
	CHECK_HAS(smtp.mail, "From: zmferry <zmferry@example.org>\n");
	CHECK_HAS(smtp.mail, "To: a@example.org,\n b@example.org\n");
	CHECK_HAS(smtp.mail, "Date: ");
	CHECK_HAS(smtp.mail, " +0000\n");
	CHECK_HAS(smtp.mail, "Subject: =?UTF-8?B?W3ptZmVycnldIENSSVRJQ0FMOiBq");
	CHECK_HAS(smtp.mail, "Message-ID: <alert-1-");
	CHECK_HAS(smtp.mail, ".0@example.org>\n");
	CHECK_HAS(smtp.mail, "Auto-Submitted: auto-generated\n");
	CHECK_HAS(smtp.mail, "X-Zmferry-Event: raised\n");
	CHECK_HAS(smtp.mail, "Importance: high\n");
	CHECK(strstr(smtp.mail, "References:") == NULL);
	CHECK_HAS(
	    smtp.mail, "j=C3=B6rg@example.org: stuck while opening: no room =3D none");
	CHECK_HAS(smtp.mail,
	    "zmferry explain m7; when the cause is gone: zmferry job retry j3");
	CHECK_HAS(smtp.mail, "zmferry alert ack m7\n");
	CHECK_INT(sscanf(strstr(smtp.mail, "Message-ID: ") + 12, "%190s", first), 1);
	alert_clear(alerts, "m7");
	RUN_UNTIL(smtp.mails == 2 && is_idle());
	CHECK_HAS(smtp.mail, "It is over: ");
	CHECK_HAS(smtp.mail, first); /* in References: the mails have one thread */
	CHECK_HAS(smtp.mail, "In-Reply-To: <alert-1-");
	CHECK_HAS(smtp.mail, "X-Zmferry-Event: over\n");
	CHECK(strstr(smtp.mail, "Importance") == NULL);
	/* No line is longer than what every server takes. */
	for (const char *p = smtp.mail; *p != '\0'; p += strcspn(p, "\n") + 1)
		CHECK(strcspn(p, "\n") <= 78);
}

/* A header of its own out of somebody's name? */
static void
test_nobody_writes_headers(void **state)
{
	(void)state;
	smtp_server_start(&smtp, NULL);
	configure_mail("  start_tls = no\n");
	alert_raise(alerts, ALERT_NODE_DOWN, "node:x\r\nBcc: all@example.org",
	    ALERT_FACTS("node", "x\r\nBcc: all@example.org\r\n\r\n.\r\nMAIL", "why",
		"\n.\n", "since", "now"));
	RUN_UNTIL(smtp.mails == 1 && is_idle());
	CHECK(strstr(smtp.mail, "\nBcc:") == NULL);
	CHECK_STR(smtp.to, "<a@example.org><b@example.org>");
}

static void
test_later_is_tried_again(void **state)
{
	(void)state;
	smtp.on_from = "451 greylisted";
	smtp_server_start(&smtp, NULL);
	configure_mail("  start_tls = no\n");
	raise_stuck("m7");
	RUN_UNTIL(smtp.connections >= 2 && way_text()[0] != '\0');
	CHECK_HAS(way_text(), "451 greylisted");
	/* The second time it is told: by the other ways, of which there is none, and shown. */
	RUN_UNTIL(alert_is_raised(alerts, ALERT_DELIVERY, "way:mail:oncall"));
	smtp.on_from = NULL;
	RUN_UNTIL(smtp.mails == 1 && is_idle());
	CHECK_STR(way_text(), "");
	CHECK(!alert_is_raised(alerts, ALERT_DELIVERY, "way:mail:oncall"));
	CHECK_HAS(smtp.mail, ".0@example.org>"); /* the same mail */
}

static void
test_a_refusal_is_final_and_shown(void **state)
{
	const json_t *sent;
	json_t *rows;

	(void)state;
	smtp.on_end = "554 no";
	smtp_server_start(&smtp, NULL);
	configure_mail("  start_tls = no\n");
	raise_stuck("m7");
	RUN_UNTIL(
	    alert_is_raised(alerts, ALERT_DELIVERY, "way:mail:oncall") && is_idle());
	CHECK_INT(smtp.connections, 1);
	for (int i = 0; i < 20; i++) /* nothing loops: that alert does not go this way */
		uv_run(&loop, UV_RUN_ONCE);
	CHECK_INT(smtp.connections, 1);
	rows = alerts_view(alerts);
	CHECK_INT(json_array_size(rows), 2);
	sent = json_array_get(json_object_get(json_array_get(rows, 0), "sent"), 0);
	CHECK_STR(json_string_value(json_object_get(sent, "way")), "mail:oncall");
	CHECK(json_is_false(json_object_get(sent, "ok")));
	CHECK_HAS(json_string_value(json_object_get(sent, "text")), "554 no");
	json_decref(rows);
}

static void
test_a_refused_recipient_is_told(void **state)
{
	(void)state;
	smtp.bad_to = "b@";
	smtp.bad_to_answer = "550 gone";
	smtp_server_start(&smtp, NULL);
	configure_mail("  start_tls = no\n");
	raise_stuck("m7");
	RUN_UNTIL(
	    alert_is_raised(alerts, ALERT_DELIVERY, "way:mail:oncall") && is_idle());
	CHECK_INT(smtp.mails, 1);
	CHECK_HAS(way_text(), "not for all of \"to\": 550 gone");
}

static void
test_severities_choose_the_way(void **state)
{
	(void)state;
	smtp_server_start(&smtp, NULL);
	configure_mail("  start_tls = no\n  least = critical\n");
	alert_raise(alerts, ALERT_MOVE_SET_ASIDE, "m1", ALERT_FACTS("account", "a"));
	raise_stuck("m2");
	RUN_UNTIL(smtp.mails == 1 && is_idle());
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_ONCE);
	CHECK_INT(smtp.mails, 1);
	CHECK_HAS(smtp.mail, "zmferry explain m2;");
}

/* A server that takes connections and says nothing holds up nobody but itself. */
static void
test_a_hanging_server_holds_up_only_itself(void **state)
{
	char *text;

	(void)state;
	smtp.hangs = true;
	smtp_server_start(&smtp, NULL);
	server_start(&http, NULL, on_http, NULL);
	text = xasprintf(
	    "alert_mail \"oncall\" { url = \"smtp://localhost:%u\"\n start_tls = no\n"
	    " from = \"z@example.org\"\n to = { \"a@example.org\" } }\n"
	    "alert_webhook \"pager\" { url = \"http://127.0.0.1:%u/\" }\n",
	    smtp.port, http.port);
	configure(text);
	free(text);
	for (int i = 0; i < 200; i++) {
		char subject[16];

		snprintf(subject, sizeof(subject), "m%d", i);
		raise_stuck(subject);
	}
	RUN_UNTIL(calls == 1);
	CHECK_HAS(got, "\"event\":\"several\"");
	CHECK_HAS(got, "\"alerts\":200");
	CHECK_INT(json_integer_value(json_object_get(first_way(), "waiting")), 1);
}

/* --- webhooks --- */

static void
check_signature(void)
{
	const char *header = strstr(got, "X-Zmferry-Signature: sha256=");
	const char *body = strstr(got, "\r\n\r\n");
	unsigned char mac[32];
	unsigned length = 0;
	char hex[65];

	CHECK(header != NULL && body != NULL);
	HMAC(EVP_sha256(), "sesame", 6, (const unsigned char *)body + 4, strlen(body + 4),
	    mac, &length);
	for (size_t i = 0; i < sizeof(mac); i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	CHECK(strncmp(header + strlen("X-Zmferry-Signature: sha256="), hex, 64) == 0);
}

static void
test_a_webhook_as_it_arrives(void **state)
{
	char *more;
	json_t *root;

	(void)state;
	server_start(&http, NULL, on_http, NULL);
	more = xasprintf("  secret_file = \"%s/secret\"\n", dir);
	configure_webhook(more);
	free(more);
	raise_stuck("m7");
	RUN_UNTIL(calls == 1 && is_idle());
	CHECK_HAS(got, "POST /hook HTTP/1.1\r\n");
	CHECK_HAS(got, "Content-Type: application/json\r\n");
	CHECK_HAS(got, "X-Zmferry-Event: raised\r\n");
	check_signature();
	root = json_loads(strstr(got, "\r\n\r\n") + 4, 0, NULL);
	CHECK_STR(json_string_value(json_object_get(root, "key")), "move_stuck");
	CHECK_STR(json_string_value(json_object_get(root, "severity")), "critical");
	CHECK_STR(json_string_value(json_object_get(root, "subject")), "m7");
	CHECK_HAS(json_string_value(json_object_get(root, "next")), "zmferry explain m7");
	CHECK_HAS(json_string_value(json_object_get(root, "thread")), "alert-1-");
	CHECK_INT(json_integer_value(json_object_get(root, "place")), 0);
	json_decref(root);
	alert_clear(alerts, "m7");
	RUN_UNTIL(calls == 2 && is_idle());
	CHECK_HAS(got, "X-Zmferry-Event: over\r\n");
	check_signature();
}

static void
test_http_statuses(void **state)
{
	static const int later[] = {500, 503, 429, 408, 200};

	(void)state;
	server_start(&http, NULL, on_http, NULL);
	configure_webhook("");
	for (size_t i = 0; i < ARRAY_LEN(later); i++)
		statuses[i] = later[i];
	raise_stuck("m7");
	RUN_UNTIL(calls == 5 && is_idle());
	CHECK_STR(way_text(), "");
	statuses[7] = 404; /* of all that come now */
	statuses[5] = statuses[6] = 404;
	raise_stuck("m8");
	RUN_UNTIL(calls == 6 && is_idle());
	CHECK_HAS(way_text(), "HTTP 404: words of the server");
	CHECK(alert_is_raised(alerts, ALERT_DELIVERY, "way:webhook:pager"));
}

static void
on_huge(struct server_call *call)
{
	static char huge[200000];

	memset(huge, 'x', sizeof(huge) - 1);
	calls++;
	server_reply(call, 200, huge);
}

static void
test_a_huge_answer_is_taken_for_what_it_is(void **state)
{
	(void)state;
	server_start(&http, NULL, on_huge, NULL);
	configure_webhook("");
	raise_stuck("m7");
	RUN_UNTIL(calls == 1 && is_idle());
	CHECK_STR(way_text(), "");
}

static void
test_a_webhook_of_an_unknown_ca(void **state)
{
	char other[64], other_pem[160];
	char *text;

	(void)state;
	scratch_make(other, sizeof(other));
	server_certificate(other, "localhost", other_pem, sizeof(other_pem));
	server_start(&http, pem, on_http, NULL);
	text = xasprintf(
	    "alert_webhook \"pager\" { url = \"https://localhost:%u/\"\n}\n", http.port);
	configure(text);
	free(text);
	raise_stuck("m7");
	RUN_UNTIL(way_text()[0] != '\0');
	CHECK_HAS(way_text(), "ca_file of this alert_webhook must name");
	CHECK_INT(calls, 0);
	scratch_remove(other);
}

static void
test_a_webhook_of_our_ca(void **state)
{
	char *text;

	(void)state;
	server_start(&http, pem, on_http, NULL);
	text = xasprintf("alert_webhook \"pager\" { url = \"https://localhost:%u/\"\n"
			 "ca_file = \"%s/ca.pem\" }\n",
	    http.port, dir);
	configure(text);
	free(text);
	raise_stuck("m7");
	RUN_UNTIL(calls == 1 && is_idle());
	CHECK_STR(way_text(), "");
}

/* --- the test --- */

static json_t *results;

static void
on_results(void *ctx, json_t *take_results)
{
	CHECK(ctx == &results);
	results = take_results;
}

static void
test_a_test_by_every_way(void **state)
{
	char *text;

	(void)state;
	smtp.on_from = "550 not you";
	smtp_server_start(&smtp, NULL);
	server_start(&http, NULL, on_http, NULL);
	text = xasprintf(
	    "alert_mail \"oncall\" { url = \"smtp://localhost:%u\"\n start_tls = no\n"
	    " least = critical\n"
	    " from = \"z@example.org\"\n to = { \"a@example.org\" } }\n"
	    "alert_webhook \"pager\" { url = \"http://127.0.0.1:%u/\" }\n",
	    smtp.port, http.port);
	configure(text);
	free(text);
	results = NULL;
	CHECK(ways_test(ways, "uid 0", on_results, &results, &e));
	CHECK(!ways_test(ways, "uid 0", on_results, &results, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	RUN_UNTIL(results != NULL);
	CHECK_INT(json_array_size(results), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *row = json_array_get(results, i);
		const char *way = json_string_value(json_object_get(row, "way"));
		bool is_mail = strcmp(way, "mail:oncall") == 0;

		CHECK(is_mail || strcmp(way, "webhook:pager") == 0);
		CHECK_INT(json_is_true(json_object_get(row, "ok")), !is_mail);
		CHECK_HAS(json_string_value(json_object_get(row, "text")),
		    is_mail ? "550 not you" : "taken");
	}
	json_decref(results);
	CHECK_HAS(got, "\"event\":\"test\"");
	/* A test says itself how it went. */
	CHECK(!alert_is_raised(alerts, ALERT_DELIVERY, "way:mail:oncall"));
	CHECK_HAS(way_text(), "550 not you");
}

static void
test_a_test_without_ways(void **state)
{
	(void)state;
	configure("");
	results = NULL;
	CHECK(ways_test(ways, "uid 0", on_results, &results, &e));
	CHECK_INT(json_array_size(results), 0);
	json_decref(results);
}

/* The program ends while a server does not answer: nothing waits for it. */
static void
test_the_end_waits_for_nobody(void **state)
{
	uint64_t began;

	(void)state;
	smtp.hangs = true;
	smtp_server_start(&smtp, NULL);
	configure_mail("  start_tls = no\n");
	raise_stuck("m7");
	RUN_UNTIL(smtp.connections == 1);
	results = NULL;
	CHECK(ways_test(ways, "uid 0", on_results, &results, &e));
	began = clock_mono_ms();
	ways_stop(ways);
	uv_timer_stop(&poke);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(clock_mono_ms() - began < 10000);
	CHECK(results == NULL); /* who asked was answered otherwise */
}

static void
test_a_way_that_is_gone_has_no_alert(void **state)
{
	(void)state;
	alert_raise(alerts, ALERT_DELIVERY, "way:mail:former",
	    ALERT_FACTS("way", "mail:former", "why", "x"));
	configure("");
	CHECK(!alert_is_raised(alerts, ALERT_DELIVERY, "way:mail:former"));
}

/* --- the configuration --- */

static void
test_errors_name_the_line_and_the_fix(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"alert_mail \"a\" {\n url = \"http://x\"\n from = \"a@b\"\n to = { \"c@d\" "
	     "}\n}\n",
		"c.conf:6: alert_mail \"a\": url: \"http://x\" is no mail server (try "
		"smtp://"},
	    {"alert_mail \"a\" {\n url = \"smtp://x\"\n to = { \"c@d\" }\n}\n",
		"c.conf:5: alert_mail \"a\": from: is not set"},
	    {"alert_mail \"a\" {\n url = \"smtp://x\"\n from = \"a@b\"\n to = { \"c\" "
	     "}\n}\n",
		"c.conf:8: alert_mail \"a\": to: \"c\" is not a bare address"},
	    {"alert_mail \"a\" {\n url = \"smtp://x\"\n from = \"a@b\"\n}\n",
		"alert_mail \"a\": to: names nobody"},
	    {"alert_mail \"a\" {\n url = \"smtp://x\"\n from = \"a@b\"\n to = { \"c@d\" "
	     "}\n"
	     " least = bad\n}\n",
		"c.conf:9: alert_mail \"a\": least: \"bad\" is none of info, warning, "
		"critical"},
	    {"alert_mail \"a\" {\n url = \"smtp://x\"\n from = \"a@b\"\n to = { \"c@d\" "
	     "}\n"
	     " user = \"u\"\n}\n",
		"user and password_file go together"},
	    {"alert_mail \"a\" {\n frm = \"x\"\n}\n",
		"c.conf:6: alert_mail \"a\": frm: no such setting; did you mean "
		"\"from\"?"},
	    {"alert_webhook \"p\" { url = \"http://pager.example.org/\" }\n",
		"c.conf:5: alert_webhook \"p\": url: \"http://pager.example.org/\" is "
		"not "
		"https://"},
	    {"alert_webhook {\n url = \"https://x\"\n}\n",
		"c.conf:5: alert_webhook: is a section: alert_webhook \"pager\" { ... }"},
	    {"alert_webhook \"p\" {\n url = \"https://x\"\n",
		"c.conf:5: alert_webhook \"p\": its brace has no end"},
	    {"alert_webhook \"p\" { url = \"https://x\" }\n"
	     "alert_webhook \"p\" { url = \"https://y\" }\n",
		"c.conf:6: alert_webhook \"p\": there is one of that name"},
	    {"alert_repeat_critical = 4 hours\n", "c.conf:5:"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = xasprintf("ldap_url = \"ldaps://x\"\nldap_password_file = "
				       "\"%s/secret\"\nzimbra_admin = \"a@x\"\n"
				       "zimbra_admin_password_file = \"%s/secret\"\n%s",
		    dir, dir, rows[i].text);
		struct buf errors;

		buf_init(&errors, 0);
		if (conf_table_parse(&conf, sizeof(conf), &controller_conf_table,
			"c.conf", text, &errors, &e))
			fail_msg("passed: %s", rows[i].text);
		if (strstr(buf_str(&errors), rows[i].want) == NULL)
			fail_msg("%s\nhas not: %s", buf_str(&errors), rows[i].want);
		buf_fini(&errors);
		free(text);
	}
}

#define WAYS(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WAYS(test_a_mail_as_it_arrives),
	    WAYS(test_nobody_writes_headers),
	    WAYS(test_later_is_tried_again),
	    WAYS(test_a_refusal_is_final_and_shown),
	    WAYS(test_a_refused_recipient_is_told),
	    WAYS(test_severities_choose_the_way),
	    WAYS(test_a_hanging_server_holds_up_only_itself),
	    WAYS(test_a_webhook_as_it_arrives),
	    WAYS(test_http_statuses),
	    WAYS(test_a_huge_answer_is_taken_for_what_it_is),
	    WAYS(test_a_webhook_of_an_unknown_ca),
	    WAYS(test_a_webhook_of_our_ca),
	    WAYS(test_a_test_by_every_way),
	    WAYS(test_a_test_without_ways),
	    WAYS(test_the_end_waits_for_nobody),
	    WAYS(test_a_way_that_is_gone_has_no_alert),
	    WAYS(test_errors_name_the_line_and_the_fix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
