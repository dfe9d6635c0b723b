/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links on a real loop over loopback. Nothing waits: where a deadline is the point, the
 * clock that libuv reads is moved on by hand (clock_gettime below). Every test runs its
 * loop dry and closes it; a handle left open is a failure.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/peer.h"
#include "tests/unit/check.h"

/* --- the world: a clock that jumps, a host with two addresses --- */

static time_t jumped_s;

int
clock_gettime(clockid_t id, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, id, now);

	if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE)
		now->tv_sec += jumped_s;
	return (int)result;
}

static struct addrinfo *
address_of(const char *text, const char *port)
{
	struct addrinfo *a =
	    calloc(1, sizeof(*a) + sizeof(struct sockaddr_in)); /* as glibc does */
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)(a + 1);

	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	inet_pton(AF_INET, text, &in->sin_addr);
	a->ai_family = AF_INET;
	a->ai_socktype = SOCK_STREAM;
	a->ai_addr = (struct sockaddr *)in;
	a->ai_addrlen = sizeof(*in);
	return a;
}

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **out)
{
	int (*real)(
	    const char *, const char *, const struct addrinfo *, struct addrinfo **);
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");

	if (strcmp(host, "two.test") == 0) { /* on the first of them nobody listens */
		*out = address_of("127.0.0.2", port);
		(*out)->ai_next = address_of("127.0.0.1", port);
		return 0;
	}
	memcpy(&real, &symbol, sizeof(real));
	return real(host, port, hints, out);
}

/* --- certificates --- */

static char dir[64];
static struct tls_context *controller;
static struct tls_context *node;
static struct tls_context *stranger; /* the right name, of another CA */

static struct tls_context *
make_identity(const char *ca_dir, const char *name)
{
	struct tls_context *ctx = NULL;
	char path[200];
	struct buf bundle;
	struct err e;
	FILE *f;

	buf_init(&bundle, 0);
	if (!tls_ca_issue(ca_dir, name, 10, &bundle, &e))
		fail_msg("%s", e.text);
	snprintf(path, sizeof(path), "%s/x.pem", ca_dir);
	f = fopen(path, "w");
	CHECK(f != NULL);
	CHECK_INT(fchmod(fileno(f), 0600), 0);
	CHECK_INT(fwrite(bundle.data, 1, bundle.len, f), bundle.len);
	fclose(f);
	if (!tls_context_load(path, &ctx, &e))
		fail_msg("%s", e.text);
	unlink(path);
	buf_fini(&bundle);
	return ctx;
}

static void
drop_ca(const char *ca_dir)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/ca.key", ca_dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/ca.pem", ca_dir);
	unlink(path);
}

static int
make_certificates(void **state)
{
	struct err e;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/test_peer.XXXXXX");
	if (mkdtemp(dir) == NULL || !tls_ca_create(dir, 10, &e))
		return -1;
	controller = make_identity(dir, "controller");
	node = make_identity(dir, "node:mbs1");
	drop_ca(dir);
	if (!tls_ca_create(dir, 10, &e))
		return -1;
	stranger = make_identity(dir, "node:mbs1");
	drop_ca(dir);
	return 0;
}

static int
free_certificates(void **state)
{
	(void)state;
	tls_context_free(&controller);
	tls_context_free(&node);
	tls_context_free(&stranger);
	return rmdir(dir);
}

/* --- two sides on one loop --- */

enum close_at { CLOSE_NEVER, CLOSE_AT_OPEN, CLOSE_AT_MESSAGE, CLOSE_AT_BEGINNING };

struct side {
	struct peer *peer;
	unsigned opened;
	unsigned messages;
	unsigned drained;
	unsigned closed;
	uint64_t last_id;
	struct err why;
	char name[TLS_NAME_MAX];
	char address[64];
	bool greets;  /* sends a hello when open */
	bool knows;   /* sets the link known at the first message */
	bool refuses; /* refuses the first message */
	enum close_at close_at;
};

static uv_loop_t loop;
static uv_tcp_t listener;
static uint16_t port;
static struct side server;
static struct side client;
static const struct tls_context *server_tls;

static void
close_often(struct peer *p)
{
	peer_close(p);
	peer_close(p);
	CHECK_INT(peer_state(p), PEER_CLOSING);
}

static enum peer_send_result
send_hello(struct peer *p)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Hello hello = WIRE__HELLO__INIT;

	hello.version_min = hello.version_max = 1;
	hello.node = frame_bytes("mbs1");
	hello.program_version = frame_bytes("0");
	hello.mail_port = 7444;
	m.id = 1;
	m.body_case = WIRE__ENVELOPE__BODY_HELLO;
	m.hello = &hello;
	return peer_send(p, &m);
}

static enum peer_send_result
send_ping(struct peer *p, uint64_t id)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Ping ping = WIRE__PING__INIT;

	m.id = id;
	m.body_case = WIRE__ENVELOPE__BODY_PING;
	m.ping = &ping;
	return peer_send(p, &m);
}

/* An inventory of about size bytes. */
static enum peer_send_result
send_large(struct peer *p, uint64_t id, size_t size)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__InventoryPage page = WIRE__INVENTORY_PAGE__INIT;
	static Wire__Mailbox row = WIRE__MAILBOX__INIT;
	static Wire__Mailbox *rows[LIMIT_INVENTORY_PAGE];

	row.account_id = frame_bytes("0123456789-0123456789-0123456789-01234");
	page.n_mailboxes = size / 42;
	page.mailboxes = rows;
	CHECK(page.n_mailboxes <= LIMIT_INVENTORY_PAGE);
	for (size_t i = 0; i < page.n_mailboxes; i++)
		rows[i] = &row;
	m.id = id;
	m.body_case = WIRE__ENVELOPE__BODY_INVENTORY;
	m.inventory = &page;
	return peer_send(p, &m);
}

static void
on_open(struct peer *p, void *ctx)
{
	struct side *s = ctx;

	s->opened++;
	s->peer = p;
	CHECK_INT(peer_state(p), PEER_NEW);
	snprintf(s->name, sizeof(s->name), "%s", peer_name(p));
	snprintf(s->address, sizeof(s->address), "%s", peer_address(p));
	if (s->greets)
		CHECK_INT(send_hello(p), PEER_SENT);
	if (s->close_at == CLOSE_AT_OPEN)
		close_often(p);
}

static void
on_message(struct peer *p, const Wire__Envelope *m, void *ctx)
{
	struct side *s = ctx;

	s->messages++;
	s->last_id = m->id;
	if (s->refuses)
		peer_refuse(p, "node %s is not known here; run: zmferry enroll %s",
		    "mbs1", "mbs1");
	else if (s->knows)
		peer_set_known(p, 15000);
	if (s->close_at == CLOSE_AT_MESSAGE)
		close_often(p);
}

static void
on_drain(struct peer *p, void *ctx)
{
	struct side *s = ctx;

	s->drained++;
	CHECK(peer_queued_bytes(p) < LIMIT_SEND_QUEUE / 3);
}

static void
on_closed(struct peer *p, const struct err *why, void *ctx)
{
	struct side *s = ctx;

	(void)p;
	s->closed++;
	s->why = *why;
	s->peer = NULL;
}

static const struct peer_events events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_drain = on_drain,
    .on_closed = on_closed,
};

static void
on_connection(uv_stream_t *stream, int status)
{
	CHECK_INT(status, 0);
	server.peer = peer_accept(&loop, stream, server_tls, NULL, &events, &server);
	CHECK(server.peer != NULL);
	if (server.close_at == CLOSE_AT_BEGINNING)
		close_often(server.peer);
}

static int
open_loop(void **state)
{
	struct sockaddr_in address;
	int size = sizeof(address);

	(void)state;
	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	server_tls = controller;
	if (uv_loop_init(&loop) != 0 || uv_tcp_init(&loop, &listener) != 0 ||
	    uv_ip4_addr("127.0.0.1", 0, &address) != 0 ||
	    uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0 ||
	    uv_listen((uv_stream_t *)&listener, 8, on_connection) != 0 ||
	    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size) != 0)
		return -1;
	port = ntohs(address.sin_port);
	alarm(60); /* a loop that never gets there */
	return 0;
}

/* Whatever is still open is closed; the loop must then end. */
static int
close_loop(void **state)
{
	(void)state;
	if (client.peer != NULL)
		peer_close(client.peer);
	if (server.peer != NULL)
		peer_close(server.peer);
	uv_close((uv_handle_t *)&listener, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	alarm(0);
	if (client.closed > 1 || server.closed > 1)
		return -1;
	return uv_loop_close(&loop);
}

static void
dial(const struct tls_context *tls, const char *host, const char *expected)
{
	client.peer =
	    peer_connect(&loop, tls, host, port, expected, NULL, &events, &client);
	CHECK(client.peer != NULL);
}

/* Runs the loop until the number is there. */
static void
run_until(const unsigned *number, unsigned wanted)
{
	while (*number < wanted)
		uv_run(&loop, UV_RUN_ONCE);
}

static void
jump(time_t seconds)
{
	jumped_s += seconds;
	uv_update_time(&loop);
}

/* Both sides open, a hello at the server, the server knows the client. */
static void
link_up(void)
{
	client.greets = true;
	server.knows = true;
	dial(node, "127.0.0.1", "controller");
	run_until(&server.messages, 1);
	CHECK_INT(client.opened, 1);
	CHECK_INT(peer_state(server.peer), PEER_KNOWN);
}

/* --- all goes well --- */

static void
test_peer_both_know_each_other_and_talk(void **state)
{
	(void)state;
	link_up();
	CHECK_STR(server.name, "node:mbs1");
	CHECK_STR(client.name, "controller");
	CHECK_STR(server.address, "127.0.0.1");
	CHECK(peer_id(server.peer) != peer_id(client.peer));
	CHECK_INT(send_ping(server.peer, 5), PEER_SENT);
	run_until(&client.messages, 1);
	CHECK_INT(client.last_id, 5);
	peer_close(client.peer);
	run_until(&server.closed, 1);
	CHECK_INT(client.why.kind, ERR_NONE);
	CHECK_INT(server.why.kind, ERR_RETRY);
	CHECK_STR(server.why.text, "the other side closed the connection");
}

static void
test_peer_names_are_compared_as_dns_does(void **state)
{
	(void)state;
	dial(node, "127.0.0.1", "Controller");
	run_until(&client.opened, 1);
}

static void
test_peer_known_takes_large_messages(void **state)
{
	(void)state;
	link_up();
	CHECK_INT(send_large(client.peer, 2, 100000), PEER_SENT);
	CHECK_INT(send_large(client.peer, 3, 160000), PEER_SENT);
	run_until(&server.messages, 3);
	CHECK_INT(server.last_id, 3);
}

static void
test_peer_second_address_is_tried(void **state)
{
	(void)state;
	dial(node, "two.test", "controller");
	run_until(&client.opened, 1);
	CHECK_STR(client.address, "127.0.0.1");
}

/* --- who must not come in --- */

static void
test_peer_another_name_is_refused(void **state)
{
	(void)state;
	server_tls = node; /* a node's agent where the controller should be */
	dial(node, "127.0.0.1", "controller");
	run_until(&client.closed, 1);
	CHECK_INT(client.opened, 0);
	CHECK_INT(client.why.kind, ERR_PEER);
	CHECK_STR(client.why.text,
	    "the other side's certificate says \"node:mbs1\", not \"controller\"");
	run_until(&server.closed, 1);
}

static void
test_peer_of_another_ca_learns_why(void **state)
{
	(void)state;
	server_tls = stranger;
	dial(node, "127.0.0.1", "node:mbs1");
	run_until(&client.closed, 1);
	CHECK_HAS(client.why.text, "is not from this controller's CA");
	run_until(&server.closed, 1);
	CHECK_HAS(server.why.text, "zmferry enroll NODE");
	CHECK_INT(server.opened, 0);
}

/* --- deadlines --- */

static void
on_connected(uv_connect_t *request, int status)
{
	CHECK_INT(status, 0);
	++*(unsigned *)request->data;
}

static void
test_peer_without_tls_is_dropped(void **state)
{
	struct sockaddr_in address;
	unsigned connected = 0;
	uv_connect_t request;
	static uv_tcp_t mute; /* closed by the loop when this function has returned */

	(void)state;
	uv_tcp_init(&loop, &mute);
	uv_ip4_addr("127.0.0.1", port, &address);
	request.data = &connected;
	CHECK_INT(
	    uv_tcp_connect(&request, &mute, (struct sockaddr *)&address, on_connected),
	    0);
	while (connected == 0 || server.peer == NULL)
		uv_run(&loop, UV_RUN_ONCE);
	jump(WAIT_HELLO_MS / 1000 - 1);
	uv_run(&loop, UV_RUN_NOWAIT);
	CHECK_INT(server.closed, 0);
	jump(2);
	run_until(&server.closed, 1);
	CHECK_INT(server.why.kind, ERR_RETRY);
	CHECK_STR(server.why.text, "no TLS in time");
	uv_close((uv_handle_t *)&mute, NULL);
}

static void
test_peer_without_hello_is_dropped(void **state)
{
	(void)state;
	dial(node, "127.0.0.1", "controller");
	run_until(&server.opened, 1);
	run_until(&client.opened, 1);
	jump(WAIT_HELLO_MS / 1000 + 1);
	run_until(&server.closed, 1);
	CHECK_STR(server.why.text, "no hello in time");
	run_until(&client.closed, 1);
}

static void
test_peer_silent_too_long_is_dropped_and_talk_keeps_it(void **state)
{
	(void)state;
	link_up();
	for (unsigned i = 0; i < 3; i++) { /* each message begins the wait anew */
		jump(10);
		CHECK_INT(send_ping(client.peer, i + 2), PEER_SENT);
		run_until(&server.messages, i + 2);
		if (client.closed >
		    0) /* the client awaits a welcome, which nobody sends here */
			break;
		peer_set_known(client.peer, 1000000);
	}
	CHECK_INT(server.closed, 0);
	jump(16);
	run_until(&server.closed, 1);
	CHECK_INT(server.why.kind, ERR_RETRY);
	CHECK_STR(server.why.text, "no heartbeat");
	run_until(&client.closed, 1);
}

/* While the name is still being looked up on the pool. */
static void
test_peer_connect_deadline(void **state)
{
	(void)state;
	dial(node, "127.0.0.1", "controller");
	jump(WAIT_CONNECT_MS / 1000 + 1);
	run_until(&client.closed, 1);
	CHECK_INT(client.opened, 0);
	CHECK_INT(client.why.kind, ERR_RETRY);
	CHECK_HAS(client.why.text, "127.0.0.1 port ");
	CHECK_HAS(client.why.text, ": no connection in time");
}

static void
test_peer_nobody_listens(void **state)
{
	char want[80];

	(void)state;
	port = 1;
	dial(node, "127.0.0.1", "controller");
	run_until(&client.closed, 1);
	snprintf(
	    want, sizeof(want), "127.0.0.1 port 1: %s", uv_strerror(UV_ECONNREFUSED));
	CHECK_STR(client.why.text, want);
	CHECK_INT(client.why.kind, ERR_RETRY);
}

static void
test_peer_name_that_does_not_exist(void **state)
{
	(void)state;
	dial(node, "no such host", "controller");
	run_until(&client.closed, 1);
	CHECK_HAS(client.why.text, "no such host port ");
	CHECK_INT(client.why.kind, ERR_RETRY);
}

/* --- rules --- */

static void
test_peer_refusal_carries_its_words(void **state)
{
	static const char words[] =
	    "node mbs1 is not known here; run: zmferry enroll mbs1";

	(void)state;
	server.refuses = true;
	client.greets = true;
	dial(node, "127.0.0.1", "controller");
	run_until(&client.closed, 1);
	CHECK_INT(client.why.kind, ERR_REFUSED);
	CHECK_HAS(client.why.text, "the other side refused: ");
	CHECK_HAS(client.why.text, words);
	run_until(&server.closed, 1);
	CHECK_INT(server.why.kind, ERR_REFUSED);
	CHECK_STR(server.why.text, words);
	CHECK_INT(server.messages, 1);
}

/* A refused client that never hangs up is closed all the same. */
static void
test_peer_refused_that_stays_is_closed(void **state)
{
	(void)state;
	link_up();
	peer_refuse(server.peer, "no");
	CHECK_INT(peer_state(server.peer), PEER_CLOSING);
	CHECK_INT(send_ping(server.peer, 1), PEER_GONE);
	jump(2);
	run_until(&server.closed, 1);
	CHECK_STR(server.why.text, "no");
}

static void
test_peer_unknown_may_send_only_small_frames(void **state)
{
	(void)state;
	dial(node, "127.0.0.1", "controller");
	run_until(&client.opened, 1);
	CHECK_INT(send_large(client.peer, 1, 5000), PEER_SENT);
	run_until(&server.closed, 1);
	CHECK_INT(server.messages, 0);
	CHECK_INT(server.why.kind, ERR_PEER);
	CHECK_HAS(server.why.text, "is above the limit of 4096");
	run_until(&client.closed, 1); /* and is told */
	CHECK_HAS(client.why.text, "is above the limit of 4096");
}

static void
test_peer_message_of_our_own_against_the_rules(void **state)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;

	(void)state;
	link_up();
	/* What one node says must not make the controller drop its link to another. */
	CHECK_INT(peer_send(client.peer, &m), PEER_UNFIT);
	CHECK_INT(send_ping(client.peer, 1), PEER_SENT);
	CHECK_INT(client.closed, 0);
}

/* --- closing, from everywhere, often --- */

static void
test_peer_close_before_anything(void **state)
{
	(void)state;
	dial(node, "127.0.0.1", "controller");
	close_often(client.peer);
	run_until(&client.closed, 1);
	CHECK_INT(client.why.kind, ERR_NONE);
	CHECK_INT(client.opened, 0);
}

static void
test_peer_close_between_two_addresses(void **state)
{
	(void)state;
	dial(node, "two.test", "controller");
	for (int i = 0; i < 3; i++) /* name, first address refused, handle closing */
		uv_run(&loop, UV_RUN_NOWAIT);
	close_often(client.peer);
	run_until(&client.closed, 1);
	CHECK_INT(client.why.kind, ERR_NONE);
}

static void
test_peer_close_in_every_callback(void **state)
{
	(void)state;
	for (enum close_at at = CLOSE_AT_OPEN; at <= CLOSE_AT_BEGINNING; at++) {
		memset(&server, 0, sizeof(server));
		memset(&client, 0, sizeof(client));
		client.greets = true;
		server.close_at = at;
		dial(node, "127.0.0.1", "controller");
		run_until(&server.closed, 1);
		run_until(&client.closed, 1);
		CHECK_INT(server.closed, 1);
		CHECK_INT(server.why.kind, ERR_NONE);
		CHECK_INT(client.why.kind, ERR_RETRY);
	}
}

static void
test_peer_close_with_unsent_bytes(void **state)
{
	(void)state;
	link_up();
	for (int i = 0; i < 60; i++)
		(void)!send_large(client.peer, 2, 100000);
	close_often(client.peer);
	run_until(&client.closed, 1);
	CHECK_INT(client.why.kind, ERR_NONE);
	run_until(&server.closed, 1);
}

/* --- backpressure --- */

/* A client that greets and then does not read until it is told to. */
struct slow {
	sem_t go;
	unsigned wanted; /* messages to read after go */
	unsigned got;
	bool in_order;
};

static bool
slow_read_frame(struct tls_stream *s, struct buf *bytes)
{
	uint8_t header[4];
	struct err e;
	size_t length;

	if (!tls_stream_read(s, header, 4, &e))
		return false;
	length = (size_t)header[0] << 24 | (size_t)header[1] << 16 |
		 (size_t)header[2] << 8 | header[3];
	buf_clear(bytes);
	while (bytes->len < length) {
		char chunk[4096];
		size_t n = length - bytes->len > sizeof(chunk) ? sizeof(chunk)
							       : length - bytes->len;

		if (!tls_stream_read(s, chunk, n, &e) || !buf_add(bytes, chunk, n))
			return false;
	}
	return true;
}

static void *
slow_client(void *ctx)
{
	struct slow *slow = ctx;
	struct tls_stream *s = NULL;
	struct buf bytes;
	struct err e;
	int fd;

	if (!tls_tcp_connect("127.0.0.1", port, 5000, &fd, &e) ||
	    !tls_stream_open(node, fd, false, 30000, &s, &e))
		return NULL;
	sem_wait(&slow->go);
	buf_init(&bytes, 0);
	slow->in_order = true;
	while (slow->got < slow->wanted && slow_read_frame(s, &bytes)) {
		Wire__Envelope *m = wire__envelope__unpack(NULL, bytes.len, bytes.data);

		slow->in_order = slow->in_order && m != NULL && m->id == slow->got + 1;
		slow->got++;
		if (m != NULL)
			wire__envelope__free_unpacked(m, NULL);
	}
	buf_fini(&bytes);
	tls_stream_free(&s);
	return NULL;
}

static void
test_peer_full_then_drained(void **state)
{
	enum peer_send_result result;
	struct slow slow = {.wanted = 0};
	pthread_t thread;
	unsigned sent = 0;

	(void)state;
	sem_init(&slow.go, 0, 0);
	CHECK_INT(pthread_create(&thread, NULL, slow_client, &slow), 0);
	run_until(&server.opened, 1);
	peer_set_known(server.peer, 1000000);
	do { /* the kernel takes some megabytes first */
		server.drained = 0;
		while (send_large(server.peer, sent + 1, 150000) == PEER_SENT)
			sent++;
		for (int i = 0; i < 3; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
	} while (server.drained > 0);
	while ((result = send_large(server.peer, sent + 1, 150000)) == PEER_SENT)
		sent++;
	CHECK_INT(result, PEER_FULL);
	CHECK(peer_queued_bytes(server.peer) > LIMIT_SEND_QUEUE);
	CHECK(peer_queued_bytes(server.peer) < LIMIT_SEND_QUEUE + LIMIT_FRAME);
	CHECK_INT(send_ping(server.peer, 1), PEER_FULL); /* small ones wait too */
	CHECK_INT(peer_state(server.peer), PEER_KNOWN);	 /* full is not gone */

	slow.wanted = sent + 1;
	sem_post(&slow.go);
	run_until(&server.drained, 1);
	CHECK_INT(send_ping(server.peer, sent + 1), PEER_SENT);
	run_until(&server.closed, 1); /* the client hangs up when it has all */
	pthread_join(thread, NULL);
	CHECK_INT(slow.got, sent + 1);
	CHECK(slow.in_order);
	CHECK_INT(server.drained, 1);
	sem_destroy(&slow.go);
}

#define ON_LOOP(fn) cmocka_unit_test_setup_teardown(fn, open_loop, close_loop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_LOOP(test_peer_both_know_each_other_and_talk),
	    ON_LOOP(test_peer_names_are_compared_as_dns_does),
	    ON_LOOP(test_peer_known_takes_large_messages),
	    ON_LOOP(test_peer_second_address_is_tried),
	    ON_LOOP(test_peer_another_name_is_refused),
	    ON_LOOP(test_peer_of_another_ca_learns_why),
	    ON_LOOP(test_peer_without_tls_is_dropped),
	    ON_LOOP(test_peer_without_hello_is_dropped),
	    ON_LOOP(test_peer_silent_too_long_is_dropped_and_talk_keeps_it),
	    ON_LOOP(test_peer_connect_deadline),
	    ON_LOOP(test_peer_nobody_listens),
	    ON_LOOP(test_peer_name_that_does_not_exist),
	    ON_LOOP(test_peer_refusal_carries_its_words),
	    ON_LOOP(test_peer_refused_that_stays_is_closed),
	    ON_LOOP(test_peer_unknown_may_send_only_small_frames),
	    ON_LOOP(test_peer_message_of_our_own_against_the_rules),
	    ON_LOOP(test_peer_close_before_anything),
	    ON_LOOP(test_peer_close_between_two_addresses),
	    ON_LOOP(test_peer_close_in_every_callback),
	    ON_LOOP(test_peer_close_with_unsent_bytes),
	    ON_LOOP(test_peer_full_then_drained),
	};

	return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
