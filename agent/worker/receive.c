/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiver's end of a mail stream. When all goes well: TLS, hello, admission, then
 * messages until done. What can go wrong: a stranger (refused before anything is opened),
 * a sender that dies (what came stays), a message against the rules, a full disk. The
 * sender is told why, in words, and the rest of what it sends is read away, because a
 * connection closed on unread bytes would lose those words.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/worker/receive_private.h"
#include "agent/worker/stream.h"
#include "agent/worker/worker.h"
#include "proto/base/clock.h"
#include "proto/base/secret.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define LOCK_WAIT_MS 5000 /* for the stream before this one to notice its end */
#define LOCK_PAUSE_MS 50
#define FAREWELL_MS 10000
#define GREETING_S 10 /* TLS and hello together, however the bytes drip in */

struct connection {
	struct worker *w;
	struct tls_context *tls;
	struct tls_stream *link;
	struct spool *spool;
	struct receiving *receiving;
	const Wire__Admission *admission;
	Wire__StagePass pass;
};

static bool
connection_answer(void *ctx, const Wire__Stream *m, struct err *e)
{
	struct connection *c = ctx;

	return frame_write_tls(c->link, m, e);
}

/* --- who is it? --- */

static bool
ticket_is_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	struct secret *left = secret_new(a->data, a->len);
	struct secret *right = secret_new(b->data, b->len);
	bool equal = secret_equal(left, right);

	secret_free(&left);
	secret_free(&right);
	return equal;
}

static bool
name_is_admitted(const char *peer, const Wire__Admission *a)
{
	return strncmp(peer, "node:", 5) == 0 && frame_equal(&a->source_node, peer + 5);
}

static bool
connection_admit(struct connection *c, const Wire__StreamHello *hello, struct err *e)
{
	const char *peer = tls_stream_peer_name(c->link);
	char *move_id = frame_string(&hello->move_id);
	bool ok;

	for (size_t i = 0; i < c->w->job->n_admissions && c->admission == NULL; i++) {
		const Wire__Admission *a = c->w->job->admissions[i];

		if (frame_equal(&a->move_id, move_id) && name_is_admitted(peer, a) &&
		    ticket_is_equal(&a->ticket, &hello->ticket))
			c->admission = a;
	}
	/* Which of the three did not fit is nothing that a stranger should learn. */
	if (c->admission == NULL)
		ok = err_set(e, ERR_REFUSED,
		    "move %s: this node expects no stream of it from %s with this "
		    "ticket; the controller lets one in when it reserves the disk",
		    move_id, peer);
	else if (hello->version != stream_version(hello->pass))
		ok = err_set(e, ERR_REFUSED,
		    "the sender speaks version %u of the mail stream, this node %u; "
		    "upgrade the older agent",
		    hello->version, STREAM_VERSION_ARRIVED);
	else
		ok = frame_copy(&hello->move_id, c->w->move_id, sizeof(c->w->move_id)) ||
		     err_set(e, ERR_PEER, "a move id that is too long");
	free(move_id);
	return ok;
}

static bool
connection_hello(struct connection *c, struct err *e)
{
	Wire__Stream *m = NULL;
	bool ok;

	if (!frame_read_tls(c->link, LIMIT_FRAME_NEW, &m, e))
		return err_wrap(e, "%s", tls_stream_peer_name(c->link));
	if (m->body_case == WIRE__STREAM__BODY_HELLO)
		c->pass = m->hello->pass;
	ok = m->body_case == WIRE__STREAM__BODY_HELLO
		 ? connection_admit(c, m->hello, e)
		 : err_set(e, ERR_PEER, "no hello came first");
	wire__stream__free_unpacked(m, NULL);
	return ok;
}

/* The agent counts those that it does not know; a pipe that is gone shows at the end. */
static void
connection_report_admitted(struct connection *c)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepProgress p = WIRE__STEP_PROGRESS__INIT;
	struct err e;

	p.move_id = frame_bytes(c->w->move_id);
	m.body_case = WIRE__ENVELOPE__BODY_PROGRESS;
	m.progress = &p;
	(void)!frame_write_fd(WORKER_RESULT_FD, &m, &e);
}

/* --- the stream --- */

/* The one before may still be at its end: a dead sender is dialed again at once. */
static bool
connection_open_spool(struct connection *c, struct err *e)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
	uint64_t until = clock_mono_ms() + LOCK_WAIT_MS;

	while (!spool_open(c->w->spool_dir, c->w->move_id, true, &c->spool, e)) {
		if (e->kind != ERR_RETRY || clock_mono_ms() > until ||
		    worker_is_stopped())
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static bool
connection_take_all(struct connection *c, struct err *e)
{
	while (!receiving_is_done(c->receiving)) {
		Wire__Stream *m = NULL;
		bool ok;

		if (worker_is_stopped())
			return err_set(e, ERR_CANCELLED, "this node's agent is stopping");
		if (!frame_read_tls(c->link, LIMIT_FRAME, &m, e))
			return false;
		ok = receiving_take(c->receiving, m, e);
		wire__stream__free_unpacked(m, NULL);
		if (!ok)
			return false;
	}
	return true;
}

/* Of a lock that is over: what mail filters were then is of no use. */
static bool
connection_forget_filters(struct connection *c, struct err *e)
{
	char kept[8];

	return c->pass == WIRE__STAGE_PASS__PASS_ARRIVED ||
	       c->pass == WIRE__STAGE_PASS__PASS_LEFT ||
	       !spool_note_read(c->spool, NOTE_FILTERS, kept, sizeof(kept)) ||
	       kept[0] == '\0' || spool_note_write(c->spool, NOTE_FILTERS, "", e);
}

static bool
connection_run(struct connection *c, struct err *e)
{
	if (!connection_hello(c, e))
		return false;
	alarm(0);
	connection_report_admitted(c);
	log_child(&c->w->log, NULL, "move=%s", c->w->move_id);
	tls_stream_set_timeout(c->link, WAIT_STREAM_MS);
	if (!connection_open_spool(c, e) ||
	    (c->pass == WIRE__STAGE_PASS__PASS_ARRIVED &&
		!spool_note_write(c->spool, NOTE_BACK, "1\n", e)))
		return false;

	if (!connection_forget_filters(c, e))
		return false;

	const struct receiving_options options = {
	    .spool = c->spool,
	    .spool_dir = c->w->spool_dir,
	    .fill_limit = c->w->job->fill_limit,
	    .keeps_held = c->pass == WIRE__STAGE_PASS__PASS_LEFT,
	    .answer = connection_answer,
	    .ctx = c,
	};

	c->receiving = receiving_new(&options);
	return receiving_greet(c->receiving, e) && connection_take_all(c, e);
}

/* Says why, and reads away what is under way until the sender has read it. */
static void
connection_refuse(struct connection *c, const struct err *why)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	Wire__StreamRefusal refusal = WIRE__STREAM_REFUSAL__INIT;
	uint64_t until = clock_mono_ms() + FAREWELL_MS;
	char *away;
	struct err e;

	refusal.text = frame_bytes(why->text);
	refusal.kind = (Wire__ErrorKind)why->kind;
	m.body_case = WIRE__STREAM__BODY_REFUSAL;
	m.refusal = &refusal;
	alarm(2 * FAREWELL_MS / 1000);
	tls_stream_set_timeout(c->link, FAREWELL_MS);
	if (!frame_write_tls(c->link, &m, &e))
		return;
	away = xcalloc(1, 4 * KIB);
	while (clock_mono_ms() < until && tls_stream_read(c->link, away, 4 * KIB, &e))
		continue;
	free(away);
}

bool
worker_receive(struct worker *w, struct err *e)
{
	char *identity = frame_string(&w->job->identity_file);
	struct connection c = {.w = w};
	bool ok = tls_context_load(identity, &c.tls, e);

	/* Timeouts of a socket begin anew with each byte; this one ends the process. */
	alarm(GREETING_S);

	if (ok)
		ok = tls_stream_open(
		    c.tls, WORKER_SOCKET_FD, true, WAIT_HELLO_MS, &c.link, e);
	else
		close(WORKER_SOCKET_FD);
	if (ok) {
		ok = connection_run(&c, e);
		/* The spool is free for the next stream before this one says good-bye. */
		receiving_free(&c.receiving);
		spool_close(&c.spool);
		if (!ok)
			connection_refuse(&c, e);
	}
	tls_stream_free(&c.link);
	tls_context_free(&c.tls);
	free(identity);
	return ok;
}
