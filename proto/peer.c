/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: connect or accept, TLS, frames. What can go wrong: silence (one
 * deadline timer, re-armed for what is now awaited), bytes against the rules, a full
 * queue. Every end goes through peer_close and is reported once.
 */
#include "proto/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define READ_CHUNK 65536
#define PLAIN_KEPT 4096
#define LINGER_MS 1000 /* for last words: a refusal, a TLS alert */

struct peer {
	uv_tcp_t tcp;
	uv_timer_t deadline;
	uv_connect_t connecting;
	uv_getaddrinfo_t resolving;
	uv_shutdown_t ending;
	struct addrinfo *addresses; /* while connecting */
	struct addrinfo *untried;
	int open_handles;
	bool looking_up;
	bool handles_closing;
	uv_loop_t *loop;
	enum peer_state state;
	const struct tls_context *tls;
	struct tls_engine *engine;
	struct peer_events events;
	void *ctx;
	uint64_t id;
	struct log log;
	char name[TLS_NAME_MAX];
	char expected[TLS_NAME_MAX]; /* "" = any */
	char address[64];
	char host[256]; /* whom we dial, for texts */
	uint16_t port;
	struct buf plain;
	struct err why;
	size_t queued;
	bool was_full;
	bool is_server;
	unsigned silence_ms;
};

struct peer_write {
	uv_write_t request;
	struct buf bytes;
};

static uint64_t peer_last_id;

static void
peer_fail(struct peer *p, const struct err *why)
{
	if (p->state == PEER_CLOSING)
		return;
	p->why = *why;
	peer_close(p);
}

/* Before the link is up the text must say where it was to go. */

static void
peer_fail_text(struct peer *p, enum err_kind kind, const char *text)
{
	struct err e;

	if (p->state == PEER_CONNECTING)
		err_set(&e, kind, "%s port %u: %s", p->host, p->port, text);
	else
		err_set(&e, kind, "%s", text);
	peer_fail(p, &e);
}

/* --- end of life --- */

static void
peer_on_handle_closed(uv_handle_t *handle)
{
	struct peer *p = handle->data;

	if (--p->open_handles > 0 || p->looking_up)
		return;
	p->events.on_closed(p, &p->why, p->ctx);
	tls_engine_free(&p->engine);
	buf_fini(&p->plain);
	uv_freeaddrinfo(p->addresses);
	free(p);
}

void
peer_close(struct peer *p)
{
	if (p->handles_closing)
		return;
	p->handles_closing = true;
	p->state = PEER_CLOSING;
	if (p->looking_up)
		uv_cancel((uv_req_t *)&p->resolving);
	if (!uv_is_closing((
		uv_handle_t *)&p->tcp)) /* between two addresses it is, see peer_redial */
		uv_close((uv_handle_t *)&p->tcp, peer_on_handle_closed);
	uv_close((uv_handle_t *)&p->deadline, peer_on_handle_closed);
}

static bool peer_try_next(struct peer *p);

static void
peer_on_deadline(uv_timer_t *timer)
{
	static const char *const waits[PEER_STATE_COUNT] = {
	    [PEER_CONNECTING] = "no connection in time",
	    [PEER_HANDSHAKING] = "no TLS in time",
	    [PEER_NEW] = "no hello in time",
	    [PEER_KNOWN] = "no heartbeat",
	    [PEER_CLOSING] = "closing",
	};
	struct peer *p = timer->data;

	if (p->state == PEER_CLOSING) /* the last words had their time */
		peer_close(p);
	else if (p->state != PEER_CONNECTING || !peer_try_next(p))
		peer_fail_text(p, ERR_RETRY, waits[p->state]);
}

static void
peer_await(struct peer *p, unsigned ms)
{
	uv_timer_start(&p->deadline, peer_on_deadline, ms, 0);
}

static void
peer_on_ended(uv_shutdown_t *request, int status)
{
	(void)request;
	(void)status;
}

/* Closes once the other side has read our last words, or had time to: a socket closed
   with unread bytes in it would reset the connection and take the words with it. */
static void
peer_linger(struct peer *p, const struct err *why)
{
	if (p->state == PEER_CLOSING)
		return;
	p->why = *why;
	p->state = PEER_CLOSING;
	if (uv_shutdown(&p->ending, (uv_stream_t *)&p->tcp, peer_on_ended) == 0)
		peer_await(p, LINGER_MS);
	else
		peer_close(p);
}

/* --- writing --- */

static void
peer_on_written(uv_write_t *request, int status)
{
	struct peer_write *w = (struct peer_write *)request;
	struct peer *p = request->handle->data;

	p->queued -= w->bytes.len;
	buf_fini(&w->bytes);
	free(w);
	if (p->state == PEER_CLOSING)
		return;
	if (status < 0) {
		peer_fail_text(p, ERR_RETRY, uv_strerror(status));
		return;
	}
	if (p->was_full && p->queued < LIMIT_SEND_QUEUE / 3) {
		p->was_full = false;
		if (p->events.on_drain != NULL)
			p->events.on_drain(p, p->ctx);
	}
}

/* What the engine has for the network goes out. */
static void
peer_flush(struct peer *p)
{
	struct peer_write *w = XNEW(struct peer_write);
	struct err e;
	uv_buf_t b;
	int code;

	buf_init(&w->bytes, LIMIT_SEND_QUEUE + LIMIT_FRAME * 2);
	if (!tls_engine_drain(p->engine, &w->bytes, &e)) {
		peer_fail(p, &e);
		w->bytes.len = 0;
	}
	if (w->bytes.len == 0) {
		buf_fini(&w->bytes);
		free(w);
		return;
	}
	b = uv_buf_init((char *)w->bytes.data, (unsigned)w->bytes.len);
	p->queued += w->bytes.len;
	code = uv_write(&w->request, (uv_stream_t *)&p->tcp, &b, 1, peer_on_written);
	if (code == 0)
		return;
	p->queued -= w->bytes.len;
	buf_fini(&w->bytes);
	free(w);
	peer_fail_text(p, ERR_RETRY, uv_strerror(code));
}

enum peer_send_result
peer_send(struct peer *p, const Wire__Envelope *m)
{
	struct buf plain;
	struct err e;
	bool ok;

	if (p->state != PEER_NEW && p->state != PEER_KNOWN)
		return PEER_GONE;
	if (p->queued > LIMIT_SEND_QUEUE) {
		p->was_full = true;
		return PEER_FULL;
	}
	buf_init(&plain, LIMIT_FRAME + 16);
	if (!frame_put(&plain, m, &e)) {
		buf_fini(&plain);
		log_error(&p->log, "%s", e.text);
		return PEER_UNFIT;
	}
	ok = tls_engine_write(p->engine, plain.data, plain.len, &e);
	buf_fini(&plain);
	if (!ok) {
		peer_fail(p, &e);
		return PEER_GONE;
	}
	peer_flush(p);
	return p->state == PEER_CLOSING ? PEER_GONE : PEER_SENT;
}

/* Says why, then ends. */
static void
peer_refuse_err(struct peer *p, const struct err *why)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Refusal refusal = WIRE__REFUSAL__INIT;

	refusal.text = frame_bytes(why->text);
	m.body_case = WIRE__ENVELOPE__BODY_REFUSAL;
	m.refusal = &refusal;
	(void)!peer_send(p, &m);
	peer_linger(p, why);
}

void
peer_refuse(struct peer *p, const char *fmt, ...)
{
	struct err e;
	char text[LIMIT_TEXT];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(&e, ERR_REFUSED, "%s", text);
	log_warn(&p->log, "refused: %s", e.text);
	peer_refuse_err(p, &e);
}

/* --- reading --- */

static void
peer_take_messages(struct peer *p)
{
	while (p->state == PEER_NEW || p->state == PEER_KNOWN) {
		size_t max = p->state == PEER_NEW ? LIMIT_FRAME_NEW : LIMIT_FRAME;
		Wire__Envelope *m = NULL;
		struct err e;
		enum frame_status status = frame_take(&p->plain, max, &m, &e);

		if (status == FRAME_INCOMPLETE) {
			/* A page is large and seldom: a thousand links must not keep room for one. */
			if (p->plain.len == 0 && p->plain.cap > PLAIN_KEPT)
				buf_fini(&p->plain);
			return;
		}
		if (status == FRAME_BAD) {
			peer_refuse_err(p, &e);
			return;
		}
		if (m->body_case == WIRE__ENVELOPE__BODY_REFUSAL) {
			err_set(&e, ERR_REFUSED, "the other side refused: %.*s",
			    (int)m->refusal->text.len, m->refusal->text.data);
			peer_fail(p, &e);
		} else {
			if (p->state == PEER_KNOWN)
				peer_await(p, p->silence_ms);
			p->events.on_message(p, m, p->ctx);
		}
		wire__envelope__free_unpacked(m, NULL);
	}
}

static void
peer_on_ready(struct peer *p)
{
	snprintf(p->name, sizeof(p->name), "%s", tls_engine_peer_name(p->engine));
	if (p->expected[0] != '\0' && strcasecmp(p->expected, p->name) != 0) {
		struct err e;

		err_set(&e, ERR_PEER,
		    "the other side's certificate says \"%s\", not \"%s\"", p->name,
		    p->expected);
		peer_fail(p, &e);
		return;
	}
	p->state = PEER_NEW;
	peer_await(p, WAIT_HELLO_MS);
	p->events.on_open(p, p->ctx);
}

static void
peer_step(struct peer *p)
{
	struct err e;
	enum tls_progress progress = tls_engine_step(p->engine, &p->plain, &e);

	peer_flush(p);
	if (p->state == PEER_CLOSING)
		return;
	if (progress == TLS_FAILED) {
		peer_linger(p, &e); /* the alert tells the other side why */
		return;
	}
	if (progress != TLS_WANT_INPUT && p->state == PEER_HANDSHAKING)
		peer_on_ready(p);
	if (p->state != PEER_CLOSING)
		peer_take_messages(p);
	if (progress == TLS_CLOSED && p->state != PEER_CLOSING)
		peer_fail_text(p, ERR_RETRY, "the other side closed the connection");
}

static void
peer_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	/*
	 * One for all links, which live on the one loop: what was read is taken before anything
	 * else is read. Not thread-local: then each thread of the pool has one, all touched.
	 */
	static char chunk[READ_CHUNK];

	(void)handle;
	(void)suggested;
	*out = uv_buf_init(chunk, sizeof(chunk));
}

static void
peer_on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *b)
{
	struct peer *p = stream->data;
	struct err e;

	if (length < 0 && p->state == PEER_CLOSING)
		peer_close(p); /* they have read all there was */
	if (length == 0 || p->state == PEER_CLOSING)
		return;
	if (length < 0) {
		peer_fail_text(p, ERR_RETRY,
		    length == UV_EOF ? "the other side closed the connection"
				     : uv_strerror((int)length));
		return;
	}
	if (!tls_engine_feed(p->engine, b->base, (size_t)length, &e)) {
		peer_fail(p, &e);
		return;
	}
	peer_step(p);
}

/* --- beginning --- */

static void
peer_set_address(struct peer *p)
{
	struct sockaddr_storage address;
	int size = sizeof(address);

	if (uv_tcp_getpeername(&p->tcp, (struct sockaddr *)&address, &size) != 0)
		return;
	if (address.ss_family == AF_INET)
		uv_ip4_name(
		    (struct sockaddr_in *)&address, p->address, sizeof(p->address));
	else
		uv_ip6_name(
		    (struct sockaddr_in6 *)&address, p->address, sizeof(p->address));
}

static void
peer_begin_tls(struct peer *p, bool is_server)
{
	int code;

	peer_set_address(p);
	uv_tcp_nodelay(&p->tcp, 1);
	uv_tcp_keepalive(&p->tcp, 1, 30);
	p->engine = tls_engine_new(p->tls, is_server);
	p->state = PEER_HANDSHAKING;
	peer_await(p, WAIT_HELLO_MS);
	code = uv_read_start((uv_stream_t *)&p->tcp, peer_on_alloc, peer_on_read);
	if (code != 0)
		peer_fail_text(p, ERR_RETRY, uv_strerror(code));
	else if (!is_server)
		peer_step(p); /* the client speaks first */
}

static struct peer *
peer_new(uv_loop_t *loop, const struct tls_context *tls, const struct log *log,
    const struct peer_events *events, void *ctx)
{
	struct peer *p = XNEW(struct peer);

	p->loop = loop;
	p->tls = tls;
	p->events = *events;
	p->ctx = ctx;
	p->id = ++peer_last_id;
	buf_init(&p->plain, LIMIT_FRAME + READ_CHUNK * 2);
	uv_tcp_init(loop, &p->tcp);
	uv_timer_init(loop, &p->deadline);
	p->tcp.data = p->deadline.data = p;
	p->open_handles = 2;
	log_child(&p->log, log, "link=%llu", (unsigned long long)p->id);
	return p;
}

static void
peer_on_connected(uv_connect_t *request, int status)
{
	struct peer *p = request->data;

	if (p->state == PEER_CLOSING || uv_is_closing((uv_handle_t *)&p->tcp))
		return;
	if (status == 0)
		peer_begin_tls(p, false);
	else if (!peer_try_next(p))
		peer_fail_text(p, ERR_RETRY, uv_strerror(status));
}

/* Dials the address whose turn it is. */
static void
peer_dial(struct peer *p)
{
	const struct addrinfo *to = p->untried;
	int code;

	p->untried = to->ai_next;
	peer_await(p, WAIT_CONNECT_MS);
	code = uv_tcp_connect(&p->connecting, &p->tcp, to->ai_addr, peer_on_connected);
	if (code != 0 && !peer_try_next(p))
		peer_fail_text(p, ERR_RETRY, uv_strerror(code));
}

/* The handle of the address before is gone; a new one takes its place. */
static void
peer_redial(uv_handle_t *handle)
{
	struct peer *p = handle->data;

	if (p->handles_closing) {
		peer_on_handle_closed(handle);
		return;
	}
	uv_tcp_init(p->loop, &p->tcp);
	p->tcp.data = p;
	peer_dial(p);
}

/* A host may have an address that nobody listens on; false: no more of them. */
static bool
peer_try_next(struct peer *p)
{
	if (p->untried == NULL)
		return false;
	if (!uv_is_closing((uv_handle_t *)&p->tcp))
		uv_close((uv_handle_t *)&p->tcp, peer_redial);
	return true;
}

static void
peer_on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct peer *p = request->data;

	p->looking_up = false;
	p->addresses = p->untried = list;
	if (p->open_handles == 0) { /* closed meanwhile, and only waited for this */
		p->open_handles = 1;
		peer_on_handle_closed((uv_handle_t *)&p->tcp);
	} else if (p->state != PEER_CLOSING && status != 0) {
		peer_fail_text(p, ERR_RETRY, uv_strerror(status));
	} else if (p->state != PEER_CLOSING) {
		peer_dial(p);
	}
}

struct peer *
peer_connect(uv_loop_t *loop, const struct tls_context *tls, const char *host,
    uint16_t port, const char *expected_name, const struct log *log,
    const struct peer_events *events, void *ctx)
{
	struct peer *p = peer_new(loop, tls, log, events, ctx);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char service[8];

	snprintf(p->expected, sizeof(p->expected), "%s", expected_name);
	snprintf(p->host, sizeof(p->host), "%s", host);
	snprintf(service, sizeof(service), "%u", port);
	p->port = port;
	p->state = PEER_CONNECTING;
	p->connecting.data = p->resolving.data = p;
	peer_await(p, WAIT_CONNECT_MS);
	p->looking_up = uv_getaddrinfo(loop, &p->resolving, peer_on_resolved, host,
			    service, &hints) == 0;
	if (!p->looking_up)
		peer_await(p, 0); /* reported from the loop, as every other failure */
	return p;
}

static void
peer_on_nobody_closed(struct peer *p, const struct err *why, void *ctx)
{
	(void)p;
	(void)why;
	(void)ctx;
}

struct peer *
peer_accept(uv_loop_t *loop, uv_stream_t *listener, const struct tls_context *tls,
    const struct log *log, const struct peer_events *events, void *ctx)
{
	struct peer *p = peer_new(loop, tls, log, events, ctx);
	int code = uv_accept(listener, (uv_stream_t *)&p->tcp);

	p->is_server = true;
	if (code != 0) {
		log_warn(log, "accept: %s", uv_strerror(code));
		p->events.on_closed =
		    peer_on_nobody_closed; /* the caller never knew it */
		peer_close(p);
		return NULL;
	}
	peer_begin_tls(p, true);
	return p;
}

const char *
peer_name(const struct peer *p)
{
	return p->name;
}

const char *
peer_address(const struct peer *p)
{
	return p->address;
}

uint64_t
peer_id(const struct peer *p)
{
	return p->id;
}

enum peer_state
peer_state(const struct peer *p)
{
	return p->state;
}

void
peer_set_known(struct peer *p, unsigned silence_ms)
{
	if (p->state != PEER_NEW)
		return;
	p->state = PEER_KNOWN;
	p->silence_ms = silence_ms;
	peer_await(p, silence_ms);
}

size_t
peer_queued_bytes(const struct peer *p)
{
	return p->queued;
}
