/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One control link: TLS over TCP on the loop, frames in and out, deadlines, back-
 * pressure. The same code at both ends; what is said over it is the owner's business.
 * Loop thread only. A peer frees itself after peer_close, when on_closed has run.
 */
#ifndef PROTO_PEER_H
#define PROTO_PEER_H

#include <uv.h>

#include "proto/base/err.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/messages.pb-c.h"

struct peer;

enum peer_state {
	PEER_CONNECTING,
	PEER_HANDSHAKING,
	PEER_NEW,
	PEER_KNOWN,
	PEER_CLOSING,
	PEER_STATE_COUNT
};
/* PEER_UNFIT: the other side would refuse it (logged); the link is as it was. */
enum peer_send_result { PEER_SENT, PEER_FULL, PEER_UNFIT, PEER_GONE };

struct peer_events {
	/* TLS is up; peer_name() is proven. State PEER_NEW: frames up to LIMIT_FRAME_NEW. */
	void (*on_open)(struct peer *p, void *ctx);
	/* One checked message, borrowed for the call. */
	void (*on_message)(struct peer *p, const Wire__Envelope *m, void *ctx);
	/* The queue fell to a third after PEER_FULL. May be NULL. */
	void (*on_drain)(struct peer *p, void *ctx);
	/* Last call; why->kind ERR_NONE = we closed it. The peer is gone afterwards. */
	void (*on_closed)(struct peer *p, const struct err *why, void *ctx);
};

/* Dials; the certificate's name must be expected_name ("controller"). Never NULL. */
struct peer *peer_connect(uv_loop_t *loop, const struct tls_context *tls,
    const char *host, uint16_t port, const char *expected_name, const struct log *log,
    const struct peer_events *events, void *ctx);
/* Takes a connection from a listening handle; NULL when accept failed (logged). */
struct peer *
peer_accept(uv_loop_t *loop, uv_stream_t *listener, const struct tls_context *tls,
    const struct log *log, const struct peer_events *events, void *ctx);

const char *peer_name(const struct peer *p);	/* certificate's common name */
const char *peer_address(const struct peer *p); /* "10.0.0.5" */
uint64_t peer_id(const struct peer *p);		/* never reused in a process */
enum peer_state peer_state(const struct peer *p);

/* hello/welcome went well: bigger frames, and silence_ms without a frame closes the link. */
void peer_set_known(struct peer *p, unsigned silence_ms);
MUST_USE enum peer_send_result peer_send(struct peer *p, const Wire__Envelope *m);
size_t peer_queued_bytes(const struct peer *p);
/* Sends Refusal with the text, then closes. */
void peer_refuse(struct peer *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void peer_close(struct peer *p); /* from anywhere, any number of times */

#endif
