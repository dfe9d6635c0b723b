/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS server as clients meet it: whom it shows itself as, and whom it takes them for. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "controller/api/certificate.h"
#include "controller/api/http.h"
#include "proto/base/http_client.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

static char dir[64]; /* two CAs: ca.pem signs the server's, operators.pem people's */
static char other_dir[64]; /* another controller's */
static struct err e;

static char *
file_text(const char *in, const char *name)
{
	char path[512];
	char *text;

	scratch_path(path, sizeof(path), in, name);
	text = certificate_text(path, false, &e);
	if (text == NULL)
		fail_msg("%s", e.text);
	return text;
}

/* The bundle of a new certificate; free() it. */
static char *
issued(const char *in, const char *name, unsigned days)
{
	struct buf bundle;
	char *text;

	buf_init(&bundle, 0);
	if (!tls_ca_issue(in, name, days, &bundle, &e))
		fail_msg("%s", e.text);
	text = strdup(buf_str(&bundle));
	buf_fini(&bundle);
	return text;
}

static int
set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	scratch_make(dir, sizeof(dir));
	scratch_make(other_dir, sizeof(other_dir));
	return tls_ca_create(dir, 30, &e) && tls_ca_create_operators(dir, 30, &e) &&
		       tls_ca_create_operators(other_dir, 30, &e)
		   ? 0
		   : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	scratch_remove(other_dir);
	return 0;
}

/* --- a server, and a client in a thread --- */

static struct {
	uv_loop_t loop;
	uv_async_t done;
	struct api_server *server;
	struct api_identity *next; /* shown from the second request on */
	enum api_shown shown;
	struct api_certificate certificate;
	unsigned requests;
	uint16_t port;
} place;

static void
handle(struct api_request *rq)
{
	api_reply(rq, 200, json_pack("{sb}", "ok", true));
}

static bool
look(struct api_request *rq)
{
	place.requests++;
	place.shown = api_certificate_of(rq, &place.certificate);
	if (place.next != NULL)
		api_server_show(place.server, place.next);
	place.next = NULL;
	return true;
}

static void
on_done(uv_async_t *handle)
{
	api_server_stop(&place.server);
	uv_close((uv_handle_t *)handle, NULL);
}

/* One that nobody has at this moment. */
static uint16_t
free_port(void)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 &&
	      getsockname(fd, (struct sockaddr *)&at, &size) == 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void
serve(void *(*client)(void *), void *arg)
{
	static const struct api_route routes[] = {{"GET", "/", "read", handle}};
	char *bundle = issued(dir, "controller", 10);
	char *ca = file_text(dir, "operators.pem");
	struct api_options options = {.loop = &place.loop,
	    .routes = routes,
	    .route_count = 1,
	    .gate = look,
	    .address = "127.0.0.1",
	    .port = free_port(),
	    .clients_ca_pem = ca};
	pthread_t thread;

	place.requests = 0;
	place.port = options.port;
	uv_loop_init(&place.loop);
	uv_async_init(&place.loop, &place.done, on_done);
	if (!api_identity_new(bundle, bundle, &options.take_identity, &e) ||
	    !api_server_start(&options, &place.server, &e))
		fail_msg("%s", e.text);
	free(bundle);
	free(ca);
	CHECK(pthread_create(&thread, NULL, client, arg) == 0);
	uv_run(&place.loop, UV_RUN_DEFAULT);
	pthread_join(thread, NULL);
	CHECK_INT(uv_loop_close(&place.loop), 0);
}

struct visit {
	const char *identity; /* PEM; NULL: none */
	const char *ca;
	bool ok[2];
	struct err why[2];
	char etag[80];
	size_t times;
};

static void *
visit_run(void *arg)
{
	struct visit *v = arg;
	const struct http_client_options options = {
	    .identity_pem = v->identity, .ca_pem = v->ca, .no_verify_host = true};
	char url[64];

	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", place.port);
	const struct http_request request = {.method = "GET", .url = url};

	for (size_t i = 0; i < v->times; i++) {
		struct http_client *c = http_client_new(&options);
		struct http_answer answer;

		v->ok[i] = http_client_do(c, &request, &answer, &v->why[i]) &&
			   answer.status == 200;
		memcpy(v->etag, answer.etag, sizeof(v->etag));
		http_answer_fini(&answer);
		http_client_free(&c);
	}
	uv_async_send(&place.done);
	return NULL;
}

/* What the server takes somebody with this for; the request is answered in every case. */
static enum api_shown
taken_for(const char *identity)
{
	char *ca = file_text(dir, "ca.pem");
	struct visit v = {.identity = identity, .ca = ca, .times = 1};

	serve(visit_run, &v);
	free(ca);
	if (!v.ok[0])
		fail_msg("it was not answered: %s", v.why[0].text);
	CHECK(v.etag[0] == '"');
	return place.shown;
}

static void
test_a_browser_has_none_and_is_served(void **state)
{
	(void)state;
	CHECK_INT(taken_for(NULL), API_SHOWN_NOTHING);
}

static void
test_an_operator_is_known_by_name_and_fingerprint(void **state)
{
	char *mine = issued(dir, "operator:alice@example.org", 10);
	char fingerprint[TLS_FINGERPRINT_TEXT];
	int64_t ends_s;

	(void)state;
	CHECK_INT(taken_for(mine), API_SHOWN_GOOD);
	CHECK_STR(place.certificate.name, "operator:alice@example.org");
	CHECK(tls_bundle_look(mine, fingerprint, &ends_s, &e));
	CHECK_STR(place.certificate.fingerprint, fingerprint);
	free(mine);
}

static void
test_strangers_are_foreign(void **state)
{
	char *agent = issued(dir, "node:mbs1", 10);
	char *controller = issued(dir, "controller", 10);
	char *other = issued(other_dir, "operator:alice@example.org", 10);

	(void)state;
	CHECK_INT(taken_for(agent), API_SHOWN_FOREIGN);
	CHECK_INT(taken_for(controller), API_SHOWN_FOREIGN);
	CHECK_INT(taken_for(other), API_SHOWN_FOREIGN);
	CHECK_STR(place.certificate.name, "");
	free(agent);
	free(controller);
	free(other);
}

static void
test_one_that_is_over_is_said_to_be(void **state)
{
	char *mine = issued(dir, "operator:alice", 0);

	(void)state;
	sleep(2); /* it ended with the second it was made in */
	CHECK_INT(taken_for(mine), API_SHOWN_ENDED);
	CHECK_STR(place.certificate.name, "operator:alice");
	free(mine);
}

static void
test_a_replaced_certificate_is_shown_to_the_next(void **state)
{
	char *ca = file_text(dir, "ca.pem");
	char *bundle = issued(other_dir, "operator:x", 10); /* of a CA that ca is not */
	struct visit v = {.ca = ca, .times = 2};

	(void)state;
	CHECK(api_identity_new(bundle, bundle, &place.next, &e));
	serve(visit_run, &v);
	CHECK(v.ok[0]);
	CHECK(!v.ok[1]);
	CHECK_INT(v.why[1].kind, ERR_PEER);
	CHECK_INT(place.requests, 1);
	free(ca);
	free(bundle);
}

static void
test_a_pair_that_cannot_be_shown(void **state)
{
	char *bundle = issued(dir, "controller", 10);
	char *another = issued(dir, "controller", 10);
	struct api_identity *identity = NULL;

	(void)state;
	CHECK(!api_identity_new(bundle, another, &identity, &e));
	CHECK_HAS(e.text, "do not belong together");
	CHECK(!api_identity_new("", bundle, &identity, &e));
	CHECK_HAS(e.text, "the certificate cannot be used");
	CHECK(!api_identity_new(bundle, "", &identity, &e));
	CHECK_HAS(e.text, "the key cannot be used");
	CHECK(!api_identity_new(
	    "-----BEGIN CERTIFICATE-----\nAAAA\n", bundle, &identity, &e));
	CHECK(identity == NULL);
	free(bundle);
	free(another);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_browser_has_none_and_is_served),
	    TEST(test_an_operator_is_known_by_name_and_fingerprint),
	    TEST(test_strangers_are_foreign),
	    TEST(test_one_that_is_over_is_said_to_be),
	    TEST(test_a_replaced_certificate_is_shown_to_the_next),
	    TEST(test_a_pair_that_cannot_be_shown),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
