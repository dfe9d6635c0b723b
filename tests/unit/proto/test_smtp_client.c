/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP client against a server that behaves well, badly, and not at all. */
#include "proto/base/smtp_client.h"
#include "tests/unit/proto/server.h"
#include "tests/unit/proto/smtp_server.h"
#include "tests/unit/scratch.h"

#define LOGIN "AHptZmVycnkAc2VzYW1l" /* \0zmferry\0sesame */

static char dir[64];
static char pem[160];
static char ca_file[160];
static struct smtp_server server;
static struct smtp_mail mail;
static struct secret *password;
static char remark[SMTP_WORDS];
static struct err e;
static const char *to[] = {"a@example.org", "b@example.org", NULL};

static int
make_dir(void **state)
{
	(void)state;
	scratch_make(dir, sizeof(dir));
	server_certificate(dir, "localhost", pem, sizeof(pem));
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", dir);
	password = secret_new("sesame", 6);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	secret_free(&password);
	scratch_remove(dir);
	return 0;
}

static bool
send_mail(const char *scheme)
{
	static char url[100];
	static const char text[] = "Subject: x\r\n\r\nhello\r\n.dot\r\n";

	snprintf(url, sizeof(url), "%s://localhost:%u", scheme, server.port);
	mail.url = url;
	mail.ca_setting = "ca_file";
	mail.from = "zmferry@example.org";
	mail.to = to;
	mail.message = text;
	mail.message_len = strlen(text);
	e.text[0] = '\0';
	return smtp_send(&mail, remark, &e);
}

static int
fresh(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	memset(&mail, 0, sizeof(mail));
	mail.timeout_ms = 20000;
	mail.ca_file = ca_file;
	return 0;
}

static void
log_in(void)
{
	server.login = LOGIN;
	mail.user = "zmferry";
	mail.password = password;
}

static void
test_over_starttls_with_a_login(void **state)
{
	(void)state;
	log_in();
	mail.start_tls = true;
	smtp_server_start(&server, pem);
	if (!send_mail("smtp"))
		fail_msg("%s", e.text);
	CHECK_STR(remark, "");
	smtp_server_stop(&server);
	CHECK_INT(server.mails, 1);
	CHECK_INT(server.passwords_in_the_open, 0);
	CHECK_STR(server.from, "<zmferry@example.org>");
	CHECK_STR(server.to, "<a@example.org><b@example.org>");
	CHECK_STR(server.mail, "Subject: x\n\nhello\n.dot\n");
}

static void
test_over_smtps(void **state)
{
	(void)state;
	server.is_smtps = true;
	log_in();
	smtp_server_start(&server, pem);
	if (!send_mail("smtps"))
		fail_msg("%s", e.text);
	smtp_server_stop(&server);
	CHECK_INT(server.mails, 1);
	CHECK_INT(server.passwords_in_the_open, 0);
}

/* Signed by nobody we know: nothing is said, least of all the password. */
static void
test_an_unknown_ca(void **state)
{
	char other[64], other_pem[160];

	(void)state;
	scratch_make(other, sizeof(other));
	server_certificate(other, "localhost", other_pem, sizeof(other_pem));
	for (int smtps = 0; smtps < 2; smtps++) {
		fresh(NULL);
		log_in();
		server.is_smtps = smtps;
		mail.start_tls = !smtps;
		smtp_server_start(&server, other_pem);
		CHECK(!send_mail(smtps ? "smtps" : "smtp"));
		if (e.kind != ERR_PEER)
			fail_msg("%s: %s", err_kind_name(e.kind), e.text);
		CHECK_HAS(e.text, "ca_file must name the certificates");
		smtp_server_stop(&server);
		CHECK_INT(server.mails, 0);
		CHECK_STR(server.from, "");
	}
	scratch_remove(other);
}

static void
test_no_starttls_there(void **state)
{
	(void)state;
	log_in();
	mail.start_tls = true;
	smtp_server_start(&server, NULL);
	CHECK(!send_mail("smtp"));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "offers no STARTTLS, so nothing was sent");
	smtp_server_stop(&server);
	CHECK_INT(server.passwords_in_the_open, 0);
	CHECK_STR(server.from, "");
}

static void
test_the_login_is_refused(void **state)
{
	(void)state;
	log_in();
	server.login = "another";
	mail.start_tls = true;
	smtp_server_start(&server, pem);
	CHECK(!send_mail("smtp"));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "the login as zmferry is refused: 535 5.7.8 wrong password");
	smtp_server_stop(&server);
	CHECK_INT(server.mails, 0);
}

static void
test_refusals_say_whether_time_helps(void **state)
{
	static const struct {
		const char *greeting, *on_from, *bad_to, *bad_to_answer, *on_end;
		enum err_kind kind;
		const char *words;
	} rows[] = {
	    {"421 too busy", NULL, NULL, NULL, NULL, ERR_RETRY, "421 too busy"},
	    {"554 not you", NULL, NULL, NULL, NULL, ERR_REFUSED, "554 not you"},
	    {NULL, "451 later", NULL, NULL, NULL, ERR_RETRY, "451 later"},
	    {NULL, "550 no such sender", NULL, NULL, NULL, ERR_REFUSED, "550 no such"},
	    {NULL, NULL, "@", "450 greylisted", NULL, ERR_RETRY, "450 greylisted"},
	    {NULL, NULL, "@", "550 nobody", NULL, ERR_REFUSED, "550 nobody"},
	    {NULL, NULL, NULL, NULL, "452 disk full", ERR_RETRY, "452 disk full"},
	    {NULL, NULL, NULL, NULL, "554 spam\x1b[31m", ERR_REFUSED, "554 spam [31m"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fresh(NULL);
		server.greeting = rows[i].greeting;
		server.on_from = rows[i].on_from;
		server.bad_to = rows[i].bad_to;
		server.bad_to_answer = rows[i].bad_to_answer;
		server.on_end = rows[i].on_end;
		smtp_server_start(&server, NULL);
		if (send_mail("smtp"))
			fail_msg("%s: was sent", rows[i].words);
		if (e.kind != rows[i].kind || strstr(e.text, rows[i].words) == NULL)
			fail_msg("row %zu: %s: %s", i, err_kind_name(e.kind), e.text);
		smtp_server_stop(&server);
		CHECK_INT(server.mails, 0);
	}
}

/* One address that is gone does not keep the others asleep, and is named. */
static void
test_one_recipient_is_refused(void **state)
{
	(void)state;
	server.bad_to = "b@";
	server.bad_to_answer = "550 5.1.1 no b here";
	smtp_server_start(&server, NULL);
	if (!send_mail("smtp"))
		fail_msg("%s", e.text);
	CHECK_STR(remark, "550 5.1.1 no b here");
	smtp_server_stop(&server);
	CHECK_INT(server.mails, 1);
	CHECK_STR(server.to, "<a@example.org>");
}

static void
test_a_server_that_says_nothing(void **state)
{
	(void)state;
	server.hangs = true;
	mail.timeout_ms = 300;
	smtp_server_start(&server, NULL);
	CHECK(!send_mail("smtp"));
	CHECK_INT(e.kind, ERR_RETRY);
	smtp_server_stop(&server);
}

static void
test_answers_without_end(void **state)
{
	(void)state;
	server.endless = true;
	smtp_server_start(&server, NULL);
	CHECK(!send_mail("smtp"));
	CHECK(e.kind == ERR_PEER || e.kind == ERR_RETRY);
	smtp_server_stop(&server);
	CHECK_INT(server.mails, 0);
}

static void
test_nobody_there(void **state)
{
	(void)state;
	smtp_server_start(&server, NULL);
	smtp_server_stop(&server);
	CHECK(!send_mail("smtp"));
	CHECK_INT(e.kind, ERR_RETRY);
}

static void
test_stopped_as_asked(void **state)
{
	atomic_bool cancelled = true;

	(void)state;
	server.hangs = true;
	mail.cancelled = &cancelled;
	smtp_server_start(&server, NULL);
	CHECK(!send_mail("smtp"));
	CHECK_INT(e.kind, ERR_CANCELLED);
	smtp_server_stop(&server);
}

static void
test_addresses(void **state)
{
	static const char *const good[] = {"a@b", "on-call+x@mail.example.org"};
	static const char *const bad[] = {"", "a", "@b", "a@", "a b@c",
	    "a@b\r\nRCPT TO:c", "<a@b>", "a@b,c@d", "a@b@c", "\xc3\xa4@b", "a@b;c"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(smtp_address_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (smtp_address_ok(bad[i]))
			fail_msg("\"%s\" passed", bad[i]);
	}
}

#define FRESH(fn) cmocka_unit_test_setup(fn, fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FRESH(test_over_starttls_with_a_login),
	    FRESH(test_over_smtps),
	    FRESH(test_an_unknown_ca),
	    FRESH(test_no_starttls_there),
	    FRESH(test_the_login_is_refused),
	    FRESH(test_refusals_say_whether_time_helps),
	    FRESH(test_one_recipient_is_refused),
	    FRESH(test_a_server_that_says_nothing),
	    FRESH(test_answers_without_end),
	    FRESH(test_nobody_there),
	    FRESH(test_stopped_as_asked),
	    FRESH(test_addresses),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
