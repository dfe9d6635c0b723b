/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that speak OpenSSL. */
#ifndef BASE_TLS_PRIVATE_H
#define BASE_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "proto/base/tls.h"

struct tls_context {
	SSL_CTX *server;
	SSL_CTX *client;
	char name[TLS_NAME_MAX];
	int64_t expires_s;
};

/* OpenSSL's oldest error as ours; the queue is emptied. Returns false. */
bool tls_err(struct err *e, enum err_kind kind, const char *what);
/* Why the handshake failed, in words for an operator. Returns false. */
bool tls_handshake_err(SSL *ssl, struct err *e);
/* Refuses a file with a private key that others may read. */
MUST_USE bool tls_check_mode(const char *path, struct err *e);
/* Common name of the peer's certificate into out; "" when there is none. */
void tls_peer_common_name(SSL *ssl, char out[TLS_NAME_MAX]);

/* When it ends, in seconds of the wall clock; 0: that cannot be read. */
int64_t tls_not_after(const X509 *certificate);
/* How long a read or a write on a blocking socket may wait. */
void tls_set_timeout(int fd, unsigned timeout_ms);

#endif
