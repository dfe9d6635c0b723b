/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client against a server that behaves well, badly, and not at all. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/http_client.h"
#include "tests/unit/proto/server.h"

static char dir[64];
static char pem[128];
static char ca_file[128];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_http.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	server_certificate(dir, "mbs1.test", pem, sizeof(pem));
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	char path[160];

	(void)state;
	snprintf(path, sizeof(path), "%s/ca.key", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/socket", dir);
	unlink(path);
	unlink(ca_file);
	unlink(pem);
	return rmdir(dir);
}

/* --- one request, all in one place --- */

static struct server server;
static struct http_client_options options;
static struct http_request request;
static struct http_answer answer;
static struct err e;
static char url[300];

static void
begin(void (*fn)(struct server_call *))
{
	server_start(&server, NULL, fn, NULL);
	options = (struct http_client_options){0};
	request = (struct http_request){.method = "GET", .url = url};
	memset(&e, 0, sizeof(e));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/x?ids=1,2", server.port);
}

/* One client, one request; the answer stays until end(). */
static bool
ask(void)
{
	struct http_client *c = http_client_new(&options);
	bool ok = http_client_do(c, &request, &answer, &e);

	http_client_free(&c);
	return ok;
}

static void
end(void)
{
	http_answer_fini(&answer);
	server_stop(&server);
}

/* --- answers --- */

static void
answer_by_number(struct server_call *call)
{
	static const int statuses[] = {200, 404, 500, 302, 204};

	server_reply(call, statuses[(call->number - 1) % ARRAY_LEN(statuses)],
	    call->number == 5 ? "" : "the body");
}

/* Every status is an answer; a redirect is one too and is not followed. */
static void
test_http_status_is_an_answer(void **state)
{
	static const int statuses[] = {200, 404, 500, 302};

	(void)state;
	begin(answer_by_number);
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		if (!ask())
			fail_msg("%s", e.text);
		CHECK_INT(answer.status, statuses[i]);
		CHECK_STR(buf_str(&answer.body), "the body");
		CHECK_INT(answer.bytes, 8);
		http_answer_fini(&answer);
	}
	CHECK(ask());
	CHECK_INT(answer.status, 204);
	CHECK_STR(buf_str(&answer.body), "");
	end();
}

static void
answer_echo(struct server_call *call)
{
	server_reply(call, 200, call->request);
}

static void
test_http_request_as_it_goes_out(void **state)
{
	static const char *const headers[] = {"X-Zimbra-Hopcount: 3", NULL};

	(void)state;
	begin(answer_echo);
	request.method = "POST";
	request.headers = headers;
	request.body = "hello";
	request.body_len = 5;
	CHECK(ask());
	CHECK_HAS(buf_str(&answer.body), "POST /x?ids=1,2 HTTP/1.1\r\n");
	CHECK_HAS(buf_str(&answer.body), "X-Zimbra-Hopcount: 3\r\n");
	CHECK_HAS(buf_str(&answer.body), "Content-Length: 5\r\n");
	CHECK_HAS(buf_str(&answer.body), "\r\n\r\nhello");
	CHECK(strstr(buf_str(&answer.body), "Expect:") == NULL);
	http_answer_fini(&answer);
	request.method = "DELETE";
	request.body = NULL;
	CHECK(ask());
	CHECK_HAS(buf_str(&answer.body), "DELETE /x");
	end();
}

/* --- caps --- */

static void
answer_large(struct server_call *call)
{
	static char large[5001];

	memset(large, 'L', 5000);
	server_reply(call, call->number == 1 ? 200 : 500, large);
}

static void
test_http_answer_above_its_cap(void **state)
{
	(void)state;
	begin(answer_large);
	request.answer_max = 4999;
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_PEER);
	CHECK_HAS(e.text, "/x: answer above 4999 bytes");
	CHECK(
	    strstr(e.text, "ids=") == NULL); /* queries are long, and nobody's business */
	http_answer_fini(&answer);
	CHECK(ask()); /* of an error page the front is enough */
	CHECK_INT(answer.status, 500);
	CHECK_INT(answer.body.len, 4999);
	end();
}

struct sink {
	size_t got;
	size_t refuse_at;
};

static bool
take(const void *data, size_t len, void *ctx)
{
	struct sink *s = ctx;

	(void)data;
	s->got += len;
	return s->got < s->refuse_at;
}

static void
test_http_sink_gets_only_good_bodies(void **state)
{
	struct sink s = {0, SIZE_MAX};

	(void)state;
	begin(answer_large);
	request.sink_fn = take;
	request.sink_ctx = &s;
	request.answer_max = 100; /* does not bound what goes to the sink */
	CHECK(ask());
	CHECK_INT(s.got, 5000);
	CHECK_INT(answer.body.len, 0);
	CHECK_INT(answer.bytes, 5000);
	http_answer_fini(&answer);
	CHECK(ask());
	CHECK_INT(answer.status, 500);
	CHECK_INT(s.got, 5000);
	CHECK_INT(answer.body.len, 100);
	end();
}

static void
test_http_sink_may_refuse(void **state)
{
	struct sink s = {0, 1};

	(void)state;
	begin(answer_large);
	request.sink_fn = take;
	request.sink_ctx = &s;
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "our side could not take more");
	end();
}

/* --- lies and silence --- */

static void
answer_cut(struct server_call *call)
{
	static const char by_length[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
	static const char by_chunk[] =
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
	static const char no_http[] = "220 mbs1 ESMTP\r\n";
	static const char *const cuts[] = {by_length, by_chunk, no_http, ""};
	const char *text = cuts[(call->number - 1) % ARRAY_LEN(cuts)];

	server_send(call, text, strlen(text));
	call->end = true;
}

static void
test_http_cut_answers_are_no_answers(void **state)
{
	(void)state;
	begin(answer_cut);
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_RETRY);
	http_answer_fini(&answer);
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_RETRY);
	http_answer_fini(&answer);
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_PEER);
	http_answer_fini(&answer);
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_RETRY);
	end();
}

static void
answer_half_and_hang(struct server_call *call)
{
	static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";

	server_send(call, half, strlen(half));
	server_hang(call);
}

static void
test_http_silence_ends_at_the_stall_timeout(void **state)
{
	(void)state;
	begin(answer_half_and_hang);
	request.stall_timeout_ms = 100;
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "no byte for 100 ms");
	end();
}

static void
test_http_total_timeout(void **state)
{
	(void)state;
	begin(answer_half_and_hang);
	request.total_timeout_ms = 100;
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "timed out");
	end();
}

static atomic_bool cancelled;

static void
answer_cancel_and_hang(struct server_call *call)
{
	atomic_store(&cancelled, true);
	server_hang(call);
}

static void
test_http_cancel_stops_a_hanging_request(void **state)
{
	(void)state;
	begin(answer_cancel_and_hang);
	options.cancelled = &cancelled;
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_CANCELLED);
	CHECK_HAS(e.text, "stopped as asked");
	end();
}

static void
test_http_nobody_listens(void **state)
{
	(void)state;
	begin(answer_echo);
	server_stop(&server);
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, url[0] == 'h' ? "127.0.0.1" : "");
	http_answer_fini(&answer);
}

/* --- uploads --- */

struct upload {
	unsigned parts;
	unsigned fail_at; /* 0: never */
};

static size_t
give(void *data, size_t size, void *ctx)
{
	struct upload *u = ctx;

	if (u->fail_at != 0 && u->parts == u->fail_at)
		return (size_t)-1;
	if (u->parts == 3)
		return 0;
	u->parts++;
	CHECK(size >= 4);
	memcpy(data, "part", 4);
	return 4;
}

static void
test_http_chunked_upload(void **state)
{
	struct upload u = {0, 0};

	(void)state;
	begin(answer_echo);
	request.method = "POST";
	request.read_fn = give;
	request.read_ctx = &u;
	if (!ask())
		fail_msg("%s", e.text);
	CHECK_HAS(buf_str(&answer.body), "Transfer-Encoding: chunked\r\n");
	CHECK_HAS(
	    buf_str(&answer.body), "4\r\npart\r\n4\r\npart\r\n4\r\npart\r\n0\r\n\r\n");
	end();
}

static void
test_http_upload_given_up_by_us(void **state)
{
	struct upload u = {0, 2};

	(void)state;
	begin(answer_echo);
	request.method = "POST";
	request.read_fn = give;
	request.read_ctx = &u;
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "our side stopped sending");
	CHECK_INT(server.requests, 0); /* the server never saw a whole request */
	end();
}

/* --- kept connections --- */

/* The second request finds its connection dead: the work may have been done. */
static void
answer_once_then_hang_up(struct server_call *call)
{
	if (call->number == 2)
		call->end = true;
	else
		server_reply(call, 200, "ok");
}

static void
test_http_kept_connection_that_dies(void **state)
{
	struct http_client *c;

	(void)state;
	begin(answer_once_then_hang_up);
	c = http_client_new(&options);
	request.method = "POST";
	request.body = "x";
	request.body_len = 1;
	CHECK(http_client_do(c, &request, &answer, &e));
	http_answer_fini(&answer);
	CHECK(!http_client_do(c, &request, &answer, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "the request may have been carried out");
	CHECK_INT(server.requests, 2); /* it was not sent again in silence */
	http_answer_fini(&answer);
	CHECK(http_client_do(c, &request, &answer, &e));
	http_client_free(&c);
	end();
}

static void
test_http_reading_may_be_repeated(void **state)
{
	struct http_client *c;

	(void)state;
	begin(answer_once_then_hang_up);
	c = http_client_new(&options);
	CHECK(http_client_do(c, &request, &answer, &e));
	http_answer_fini(&answer);
	if (!http_client_do(c, &request, &answer, &e))
		fail_msg("%s", e.text);
	CHECK_STR(buf_str(&answer.body), "ok");
	CHECK_INT(server.requests, 3);
	CHECK_INT(server.connections, 2);
	http_client_free(&c);
	end();
}

/* --- other roads --- */

static void
test_http_unix_socket(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	memset(&server, 0, sizeof(server));
	server.answer = answer_echo;
	server_start_on(&server, (struct sockaddr *)&address, sizeof(address));
	options = (struct http_client_options){.unix_socket = path};
	request =
	    (struct http_request){.method = "GET", .url = "http://localhost/v1/status"};
	if (!ask())
		fail_msg("%s", e.text);
	CHECK_HAS(buf_str(&answer.body), "GET /v1/status HTTP/1.1\r\n");
	end();
}

static void
begin_tls(const char *host, const char *ca)
{
	static char resolve[100];
	static const char *list[2];

	server_start(&server, pem, answer_echo, NULL);
	snprintf(resolve, sizeof(resolve), "%s=127.0.0.1", host);
	list[0] = resolve;
	options = (struct http_client_options){.ca_file = ca, .resolve = list};
	request = (struct http_request){.method = "GET", .url = url};
	memset(&e, 0, sizeof(e));
	snprintf(url, sizeof(url), "https://%s:%u/x", host, server.port);
}

static void
test_http_tls_by_name_before_dns(void **state)
{
	(void)state;
	begin_tls("mbs1.test", ca_file);
	if (!ask())
		fail_msg("%s", e.text);
	CHECK_HAS(buf_str(&answer.body), "Host: mbs1.test:");
	end();
}

static void
test_http_tls_of_an_unknown_ca_names_the_setting(void **state)
{
	(void)state;
	begin_tls("mbs1.test", NULL);
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_PEER);
	CHECK_HAS(e.text, "https://mbs1.test:");
	CHECK_HAS(
	    e.text, "zimbra_ca_file must name the certificates that sign this server's");
	end();
}

static void
test_http_tls_of_another_name(void **state)
{
	(void)state;
	begin_tls("mbs2.test", ca_file);
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_PEER);
	CHECK_HAS(e.text, "mbs2.test");
	http_answer_fini(&answer);
	options.no_verify_host = true; /* localhost: any name, but never any CA */
	CHECK(ask());
	http_answer_fini(&answer);
	options.ca_file = NULL;
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_PEER);
	end();
}

static void
test_http_tls_without_its_ca_file(void **state)
{
	(void)state;
	begin_tls("mbs1.test", "/nonexistent/ca.pem");
	CHECK(!ask());
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "/nonexistent/ca.pem: no certificates can be read from it");
	end();
}

static void
test_http_escape(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	CHECK(http_escape(&b, "a-Z_0.9~/?&=%\xc3\xa4 \"'\r\n+@"));
	CHECK_STR(buf_str(&b), "a-Z_0.9~%2F%3F%26%3D%25%C3%A4%20%22%27%0D%0A%2B%40");
	buf_fini(&b);
	buf_init(&b, 2);
	CHECK(!http_escape(&b, "/"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_http_status_is_an_answer),
	    TEST(test_http_request_as_it_goes_out),
	    TEST(test_http_answer_above_its_cap),
	    TEST(test_http_sink_gets_only_good_bodies),
	    TEST(test_http_sink_may_refuse),
	    TEST(test_http_cut_answers_are_no_answers),
	    TEST(test_http_silence_ends_at_the_stall_timeout),
	    TEST(test_http_total_timeout),
	    TEST(test_http_cancel_stops_a_hanging_request),
	    TEST(test_http_nobody_listens),
	    TEST(test_http_chunked_upload),
	    TEST(test_http_upload_given_up_by_us),
	    TEST(test_http_kept_connection_that_dies),
	    TEST(test_http_reading_may_be_repeated),
	    TEST(test_http_unix_socket),
	    TEST(test_http_tls_by_name_before_dns),
	    TEST(test_http_tls_of_an_unknown_ca_names_the_setting),
	    TEST(test_http_tls_of_another_name),
	    TEST(test_http_tls_without_its_ca_file),
	    TEST(test_http_escape),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
