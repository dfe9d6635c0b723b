/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a handshake, the date, good-bye. Nothing is asked of the other side and
 * nothing that it says is believed but the date on what it shows to everybody; so its
 * certificate is not checked, which is what an expired one would fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <unistd.h>

#include "proto/base/tls_private.h"

static bool
tls_look(SSL *ssl, const char *name, int fd, int64_t *expires_s_out, struct err *e)
{
	X509 *certificate;

	if (SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1)
		return tls_err(e, ERR_RETRY, "OpenSSL");
	errno = 0;
	if (SSL_connect(ssl) != 1) {
		if (errno == EAGAIN)
			return err_set(e, ERR_RETRY, "TLS: no answer to a greeting");
		return tls_err(e, ERR_PEER, "greeting");
	}
	certificate = SSL_get1_peer_certificate(ssl);
	if (certificate == NULL)
		return err_set(e, ERR_PEER, "TLS: it shows no certificate");
	*expires_s_out = tls_not_after(certificate);
	X509_free(certificate);
	SSL_shutdown(ssl);
	ERR_clear_error();
	return true;
}

bool
tls_peer_expires(const char *host, const char *name, uint16_t port, unsigned timeout_ms,
    int64_t *expires_s_out, struct err *e)
{
	SSL_CTX *ctx = NULL;
	SSL *ssl = NULL;
	bool ok;
	int fd;

	if (!tls_tcp_connect(host, port, timeout_ms, &fd, e))
		return false;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	tls_set_timeout(fd, timeout_ms);
	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_client_method());
	ssl = ctx == NULL ? NULL : SSL_new(ctx);
	ok = ssl == NULL ? tls_err(e, ERR_RETRY, "OpenSSL")
			 : tls_look(ssl, name, fd, expires_s_out, e);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	return ok || err_wrap(e, "%s port %u", host, port);
}
