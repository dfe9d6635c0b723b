/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 with certificates on both sides, from the controller's own CA. Two uses:
 * an engine over memory (for libuv, see peer.h) and a blocking stream (for workers).
 * Also makes the CA and issues certificates. The only user of OpenSSL besides secret.c.
 *
 * A certificate's common name is "controller" or "node:NAME"; the name is what the
 * other side checks, addresses mean nothing. People with a certificate are "operator:NAME",
 * and those are of another CA: neither's certificates get through the other's handshake.
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

#define TLS_NAME_MAX 160
#define TLS_IDENTITY_DAYS 365 /* how long an agent's identity is good */
#define TLS_OPERATOR \
	"operator:" /* before a person's name; never issued by the agents' CA */
#define TLS_OPERATOR_DAYS 90
#define TLS_CA_DAYS 3650
#define TLS_FINGERPRINT_TEXT 65 /* SHA-256 of a certificate as hexadecimal digits */

struct tls_context; /* keys and CA; one per process, shared, read-only after load */

/* One PEM file with private key, own certificate and the CA certificate. */
MUST_USE bool
tls_context_load(const char *pem_path, struct tls_context **out, struct err *e);
void tls_context_free(struct tls_context **ctx);
const char *tls_context_name(const struct tls_context *ctx);  /* own common name */
int64_t tls_context_expires_s(const struct tls_context *ctx); /* wall clock, UTC */

/* --- engine: bytes in, bytes out, no sockets --- */
struct tls_engine;
enum tls_progress { TLS_WANT_INPUT, TLS_READY, TLS_CLOSED, TLS_FAILED };

struct tls_engine *tls_engine_new(const struct tls_context *ctx, bool is_server);
void tls_engine_free(struct tls_engine **t);
/* Feeds bytes from the network; takes all of them. */
MUST_USE bool
tls_engine_feed(struct tls_engine *t, const void *data, size_t len, struct err *e);
/* Drives handshake and reading: plain bytes are appended to plain_out (up to its max). */
enum tls_progress
tls_engine_step(struct tls_engine *t, struct buf *plain_out, struct err *e);
/* Encrypts; only after TLS_READY. */
MUST_USE bool
tls_engine_write(struct tls_engine *t, const void *data, size_t len, struct err *e);
/* Moves what must go to the network into wire_out. */
MUST_USE bool tls_engine_drain(struct tls_engine *t, struct buf *wire_out, struct err *e);
/* Peer's common name, "" before TLS_READY. */
const char *tls_engine_peer_name(const struct tls_engine *t);
void tls_engine_close(struct tls_engine *t); /* queues close_notify for drain */

/* --- stream: blocking, for worker processes; takes the fd in every case. The process
   ignores SIGPIPE. --- */
struct tls_stream;
MUST_USE bool tls_stream_open(const struct tls_context *ctx, int take_fd, bool is_server,
    unsigned timeout_ms, struct tls_stream **out, struct err *e);
void tls_stream_free(struct tls_stream **s);
const char *tls_stream_peer_name(const struct tls_stream *s);
/* How long a read or a write may wait from now on; a host that vanished is noticed earlier. */
void tls_stream_set_timeout(struct tls_stream *s, unsigned timeout_ms);
/* Would a read find something at once? Then the other side has spoken, or has gone. */
bool tls_stream_has_input(struct tls_stream *s);
MUST_USE bool tls_stream_read(
    struct tls_stream *s, void *data, size_t len, struct err *e); /* all of len */
MUST_USE bool
tls_stream_write(struct tls_stream *s, const void *data, size_t len, struct err *e);
/* TCP connect with a deadline; *fd_out is for tls_stream_open. host may be an address. */
MUST_USE bool tls_tcp_connect(
    const char *host, uint16_t port, unsigned timeout_ms, int *fd_out, struct err *e);

/* --- looking: when does the certificate end that is shown there? --- */
/* Any TLS server; name is what it is called. Blocking, every wait up to timeout_ms. */
MUST_USE bool tls_peer_expires(const char *host, const char *name, uint16_t port,
    unsigned timeout_ms, int64_t *expires_s_out, struct err *e);

/* --- certificate authority (controller only) --- */
/* Creates ca.key (0400) and ca.pem in dir; refuses when they exist. */
MUST_USE bool tls_ca_create(const char *dir, unsigned days, struct err *e);
/* The same for people: operators.key and operators.pem. */
MUST_USE bool tls_ca_create_operators(const char *dir, unsigned days, struct err *e);
/* Issues a bundle (key, certificate, CA) for the common name into bundle_out; the name
   says which CA does. */
MUST_USE bool tls_ca_issue(const char *dir, const char *common_name, unsigned days,
    struct buf *bundle_out, struct err *e);
/* Of the first certificate in a PEM text: its fingerprint, and when it ends (UTC). */
MUST_USE bool tls_bundle_look(const char *pem, char fingerprint_out[TLS_FINGERPRINT_TEXT],
    int64_t *expires_s_out, struct err *e);

#endif
