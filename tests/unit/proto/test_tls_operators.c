/* SPDX-License-Identifier: Apache-2.0 */
/* The second CA: people's certificates and agents' ones are each nothing at the other's door. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/base/clock.h"
#include "proto/base/tls.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

static char dir[64];
static struct err e;

static int
set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	scratch_make(dir, sizeof(dir));
	return tls_ca_create(dir, 30, &e) && tls_ca_create_operators(dir, 30, &e) ? 0
										  : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static struct tls_context *
issued(const char *name)
{
	struct tls_context *ctx = NULL;
	char path[512];
	struct buf bundle;

	buf_init(&bundle, 0);
	if (!tls_ca_issue(dir, name, 30, &bundle, &e))
		fail_msg("%s: %s", name, e.text);
	scratch_write(dir, "x.pem", bundle.data, bundle.len, 0400);
	buf_fini(&bundle);
	scratch_path(path, sizeof(path), dir, "x.pem");
	if (!tls_context_load(path, &ctx, &e))
		fail_msg("%s: %s", name, e.text);
	unlink(path);
	return ctx;
}

/* Bytes from one to the other. */
static void
carry(struct tls_engine *from, struct tls_engine *to)
{
	struct buf wire;
	struct err why;

	buf_init(&wire, 0);
	CHECK(tls_engine_drain(from, &wire, &why));
	if (wire.len > 0)
		CHECK(tls_engine_feed(to, wire.data, wire.len, &why));
	buf_fini(&wire);
}

/* Does a handshake of these two come to its end on both sides? */
static bool
they_meet(const char *server_name, const char *client_name)
{
	struct tls_context *server_ctx = issued(server_name);
	struct tls_context *client_ctx = issued(client_name);
	struct tls_engine *server = tls_engine_new(server_ctx, true);
	struct tls_engine *client = tls_engine_new(client_ctx, false);
	enum tls_progress a = TLS_WANT_INPUT;
	enum tls_progress b = TLS_WANT_INPUT;
	struct buf plain;

	buf_init(&plain, 0);
	for (int i = 0; i < 6; i++) {
		if (b != TLS_FAILED)
			b = tls_engine_step(client, &plain, &e);
		carry(client, server);
		if (a != TLS_FAILED)
			a = tls_engine_step(server, &plain, &e);
		carry(server, client);
	}
	buf_fini(&plain);
	tls_engine_free(&server);
	tls_engine_free(&client);
	tls_context_free(&server_ctx);
	tls_context_free(&client_ctx);
	return a == TLS_READY && b == TLS_READY;
}

static void
test_an_operator_is_no_agent_and_no_controller(void **state)
{
	(void)state;
	CHECK(they_meet("controller", "node:mbs1"));
	CHECK(!they_meet("controller", "operator:alice"));
	CHECK(!they_meet("node:mbs1", "operator:alice"));
	CHECK(!they_meet("operator:alice", "node:mbs1"));
}

/* Even where somebody trusts their CA: they are for clients, never for servers. */
static void
test_an_operator_cannot_play_a_server(void **state)
{
	(void)state;
	CHECK(!they_meet("operator:alice", "operator:bob"));
	CHECK_HAS(e.text, "certificate");
}

static void
test_what_is_journaled_of_it(void **state)
{
	char first[TLS_FINGERPRINT_TEXT];
	char again[TLS_FINGERPRINT_TEXT];
	int64_t ends_s = 0;
	struct buf bundle;

	(void)state;
	buf_init(&bundle, 0);
	CHECK(tls_ca_issue(dir, "operator:alice", TLS_OPERATOR_DAYS, &bundle, &e));
	CHECK(tls_bundle_look(buf_str(&bundle), first, &ends_s, &e));
	CHECK_INT(strlen(first), TLS_FINGERPRINT_TEXT - 1);
	CHECK_INT(strspn(first, "0123456789abcdef"), TLS_FINGERPRINT_TEXT - 1);
	CHECK((ends_s - clock_wall_ms() / 1000 + 60) / 86400 == TLS_OPERATOR_DAYS);
	buf_clear(&bundle);
	CHECK(tls_ca_issue(dir, "operator:alice", TLS_OPERATOR_DAYS, &bundle, &e));
	CHECK(tls_bundle_look(buf_str(&bundle), again, &ends_s, &e));
	CHECK(strcmp(first, again) != 0);
	buf_fini(&bundle);
	CHECK(!tls_bundle_look("no PEM", again, &ends_s, &e));
}

static void
test_its_ca_is_made_once_and_named_when_it_is_missing(void **state)
{
	char path[512];
	struct stat st;
	struct buf bundle;

	(void)state;
	CHECK(!tls_ca_create_operators(dir, 30, &e));
	CHECK_HAS(e.text, "operators.key: is there already");
	CHECK_HAS(e.text, "every operator");
	scratch_path(path, sizeof(path), dir, "operators.key");
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0400);
	buf_init(&bundle, 0);
	unlink(path);
	CHECK(!tls_ca_issue(dir, "operator:alice", 30, &bundle, &e));
	CHECK_HAS(e.text, "operators.key");
	CHECK(tls_ca_issue(dir, "node:mbs1", 30, &bundle, &e));
	buf_fini(&bundle);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_an_operator_is_no_agent_and_no_controller),
	    TEST(test_an_operator_cannot_play_a_server),
	    TEST(test_what_is_journaled_of_it),
	    TEST(test_its_ca_is_made_once_and_named_when_it_is_missing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
