/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a bundle becomes two contexts, engines and streams are made of
 * them. What can go wrong: the bundle is unreadable or of another CA, a certificate is
 * expired or foreign; each is named with what to do. No fallback, no "skip verify".
 */
#include "proto/base/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/tls_private.h"
#include "proto/base/xalloc.h"

#define BUNDLE_MAX (64 * 1024)

bool
tls_err(struct err *e, enum err_kind kind, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	ERR_clear_error();
	return err_set(e, kind, "TLS: %s%s%s", what, reason == NULL ? "" : ": ",
	    reason == NULL ? "" : reason);
}

/* OpenSSL's reasons that an operator meets, and what to do about each. */
static const struct tls_reason {
	int code;
	const char *text;
} tls_reasons[] = {
    {SSL_R_HTTP_REQUEST, "a web browser or HTTP program called this port; only zmferry's "
			 "own programs may"},
    {SSL_R_HTTPS_PROXY_REQUEST, "an HTTP proxy request came to this port; only zmferry's "
				"own programs may call it"},
    {SSL_R_WRONG_VERSION_NUMBER, "the other side does not speak TLS: check address and "
				 "port, something else is there"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "the other side does not speak TLS: check address and "
				   "port, something else is there"},
    {SSL_R_UNEXPECTED_MESSAGE, "the other side does not speak TLS: check address and "
			       "port, something else is there"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the other side does not speak TLS 1.3; only zmferry's "
				 "own programs may call this port"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the other side does not speak TLS 1.3: check "
					 "address and port, something else is there"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
	"the other side showed no certificate; only zmferry's own programs may call this "
	"port"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
	"the other side wants a certificate and got none; set identity_file to what this "
	"wrote: zmferry enroll NODE"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
	"the other side says our certificate is expired; get a new one: zmferry enroll "
	"NODE"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
	"the other side does not know the CA of our certificate; get one from its "
	"controller: zmferry enroll NODE"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "the other side does not accept our certificate; "
				      "get a new one: zmferry enroll NODE"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the other side does not accept our certificate; "
					"get a new one: zmferry enroll NODE"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
	"the other side does not accept our certificate; get a new one: zmferry enroll "
	"NODE"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
	"the other side does not accept our certificate; get a new one: zmferry enroll "
	"NODE"},
};

bool
tls_handshake_err(SSL *ssl, struct err *e)
{
	long verify = SSL_get_verify_result(ssl);
	unsigned long code = ERR_peek_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	ERR_clear_error();
	if (verify == X509_V_ERR_CERT_HAS_EXPIRED ||
	    verify == X509_V_ERR_CERT_NOT_YET_VALID)
		return err_set(e, ERR_PEER,
		    "TLS: the other side's certificate is expired or not valid yet; "
		    "check its clock, or give it a new one: zmferry enroll NODE");
	if (verify != X509_V_OK)
		return err_set(e, ERR_PEER,
		    "TLS: the other side's certificate is not from this controller's CA "
		    "(%s); give it one: zmferry enroll NODE",
		    X509_verify_cert_error_string(verify));
	for (size_t i = 0; i < ARRAY_LEN(tls_reasons); i++) {
		if (code != 0 && ERR_GET_REASON(code) == tls_reasons[i].code)
			return err_set(e, ERR_PEER, "TLS: %s", tls_reasons[i].text);
	}
	return err_set(e, ERR_PEER,
	    "TLS: %s; the other side may have refused our certificate: if it is expired "
	    "or of another CA, run: zmferry enroll NODE",
	    reason == NULL ? "the connection was closed" : reason);
}

void
tls_peer_common_name(SSL *ssl, char out[TLS_NAME_MAX])
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	int length;

	out[0] = '\0';
	if (certificate == NULL)
		return;
	length = X509_NAME_get_text_by_NID(
	    X509_get_subject_name(certificate), NID_commonName, out, TLS_NAME_MAX);
	/* A NUL inside would make two names look like one. */
	if (length < 0 || strlen(out) != (size_t)length)
		out[0] = '\0';
	X509_free(certificate);
}

/* --- context --- */

static SSL_CTX *
tls_make_context(const SSL_METHOD *method, EVP_PKEY *key, X509 *own, X509 *ca)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_use_certificate(ctx, own) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1 ||
	    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

int64_t
tls_not_after(const X509 *certificate)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm);
}

bool
tls_check_mode(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_errno(e, ERR_REFUSED, errno, "%s", path);
	if ((st.st_mode & 077) != 0)
		return err_set(e, ERR_REFUSED,
		    "%s: holds a private key and others may read it; run: chmod 0400 %s",
		    path, path);
	return true;
}

bool
tls_context_load(const char *pem_path, struct tls_context **out, struct err *e)
{
	struct tls_context *ctx = NULL;
	EVP_PKEY *key = NULL;
	X509 *own = NULL;
	X509 *ca = NULL;
	BIO *file;

	if (!tls_check_mode(pem_path, e))
		return false;
	file = BIO_new_file(pem_path, "r");
	if (file == NULL)
		return tls_err(e, ERR_REFUSED, pem_path);
	key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
	own = PEM_read_bio_X509(file, NULL, NULL, NULL);
	ca = PEM_read_bio_X509(file, NULL, NULL, NULL);
	BIO_free(file);
	if (key == NULL || own == NULL || ca == NULL) {
		tls_err(e, ERR_REFUSED, pem_path);
		err_wrap(e, "an identity is a private key, a certificate and its CA's; "
			    "get a whole new file: zmferry enroll NODE");
		goto out;
	}
	if (X509_verify(own, X509_get0_pubkey(ca)) != 1) {
		ERR_clear_error();
		err_set(e, ERR_REFUSED,
		    "%s: the certificate is not from the CA in the same file; get a "
		    "whole new file: zmferry enroll NODE",
		    pem_path);
		goto out;
	}
	ctx = XNEW(struct tls_context);
	ctx->server = tls_make_context(TLS_server_method(), key, own, ca);
	ctx->client = tls_make_context(TLS_client_method(), key, own, ca);
	if (ctx->server == NULL || ctx->client == NULL) {
		tls_err(e, ERR_REFUSED, pem_path);
		tls_context_free(&ctx);
		goto out;
	}
	X509_NAME_get_text_by_NID(
	    X509_get_subject_name(own), NID_commonName, ctx->name, TLS_NAME_MAX);
	ctx->expires_s = tls_not_after(own);
	if (ctx->expires_s < clock_wall_ms() / 1000) {
		err_set(e, ERR_REFUSED,
		    "%s: this certificate of %s is expired; get a new one: zmferry "
		    "enroll NODE",
		    pem_path, ctx->name);
		tls_context_free(&ctx);
	}
out:
	EVP_PKEY_free(key);
	X509_free(own);
	X509_free(ca);
	*out = ctx;
	return ctx != NULL;
}

void
tls_context_free(struct tls_context **ctx)
{
	if (*ctx == NULL)
		return;
	SSL_CTX_free((*ctx)->server);
	SSL_CTX_free((*ctx)->client);
	xfree(ctx);
}

const char *
tls_context_name(const struct tls_context *ctx)
{
	return ctx->name;
}

int64_t
tls_context_expires_s(const struct tls_context *ctx)
{
	return ctx->expires_s;
}

/* --- engine --- */

struct tls_engine {
	SSL *ssl;
	BIO *in; /* from the network; owned by ssl, as is out */
	BIO *out;
	bool ready;
	char peer[TLS_NAME_MAX];
};

struct tls_engine *
tls_engine_new(const struct tls_context *ctx, bool is_server)
{
	struct tls_engine *t = XNEW(struct tls_engine);

	t->ssl = SSL_new(is_server ? ctx->server : ctx->client);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (t->ssl == NULL || t->in == NULL || t->out == NULL)
		BUG("OpenSSL is out of memory");
	SSL_set_bio(t->ssl, t->in, t->out);
	if (is_server)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	return t;
}

void
tls_engine_free(struct tls_engine **t)
{
	if (*t == NULL)
		return;
	SSL_free((*t)->ssl);
	xfree(t);
}

bool
tls_engine_feed(struct tls_engine *t, const void *data, size_t len, struct err *e)
{
	if (len > INT32_MAX || BIO_write(t->in, data, (int)len) != (int)len)
		return tls_err(e, ERR_PEER, "too many bytes at once");
	return true;
}

enum tls_progress
tls_engine_step(struct tls_engine *t, struct buf *plain_out, struct err *e)
{
	char chunk[16384];

	ERR_clear_error(); /* SSL_get_error looks at the whole queue, old entries too */
	if (!t->ready) {
		int result = SSL_do_handshake(t->ssl);

		if (result != 1) {
			if (SSL_get_error(t->ssl, result) == SSL_ERROR_WANT_READ)
				return TLS_WANT_INPUT;
			tls_handshake_err(t->ssl, e);
			return TLS_FAILED;
		}
		t->ready = true;
		tls_peer_common_name(t->ssl, t->peer);
	}
	for (;;) {
		int length = SSL_read(t->ssl, chunk, sizeof(chunk));
		int error;

		if (length > 0) {
			if (!buf_add(plain_out, chunk, (size_t)length)) {
				err_set(
				    e, ERR_PEER, "more bytes than one message may have");
				return TLS_FAILED;
			}
			continue;
		}
		error = SSL_get_error(t->ssl, length);
		if (error == SSL_ERROR_WANT_READ)
			return TLS_READY;
		if (error == SSL_ERROR_ZERO_RETURN)
			return TLS_CLOSED;
		tls_handshake_err(
		    t->ssl, e); /* in TLS 1.3 a refused certificate shows up here */
		return TLS_FAILED;
	}
}

bool
tls_engine_write(struct tls_engine *t, const void *data, size_t len, struct err *e)
{
	size_t sent = 0;

	while (sent < len) {
		size_t n;

		if (SSL_write_ex(t->ssl, (const char *)data + sent, len - sent, &n) != 1)
			return tls_err(e, ERR_PEER, "writing");
		sent += n;
	}
	return true;
}

bool
tls_engine_drain(struct tls_engine *t, struct buf *wire_out, struct err *e)
{
	char chunk[16384];
	int length;

	while ((length = BIO_read(t->out, chunk, sizeof(chunk))) > 0) {
		if (!buf_add(wire_out, chunk, (size_t)length))
			return err_set(e, ERR_RETRY, "too much is waiting to be sent");
	}
	return true;
}

const char *
tls_engine_peer_name(const struct tls_engine *t)
{
	return t->peer;
}

void
tls_engine_close(struct tls_engine *t)
{
	if (t->ready)
		SSL_shutdown(t->ssl);
	ERR_clear_error();
}

/* --- stream --- */

struct tls_stream {
	SSL *ssl;
	int fd;
	bool heard; /* the other side has sent something: it took our certificate */
	char peer[TLS_NAME_MAX];
};

void
tls_set_timeout(int fd, unsigned timeout_ms)
{
	struct timeval t = {
	    .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* A side that is silent may be busy; a host that is gone shows within two minutes. */
static void
tls_set_keepalive(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, 30},
	    {IPPROTO_TCP, TCP_KEEPINTVL, 15},
	    {IPPROTO_TCP, TCP_KEEPCNT, 6},
	    {IPPROTO_TCP, TCP_USER_TIMEOUT, 120000},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
		    sizeof(int));
}

static bool
tls_stream_err(struct tls_stream *s, int result, const char *what, struct err *e)
{
	int saved = errno;
	int problem = SSL_get_error(s->ssl, result);

	/* It has spoken, so no certificate was refused: it died, or bytes were changed on the way. */
	if (problem == SSL_ERROR_SSL && s->heard) {
		const char *reason = ERR_reason_error_string(ERR_peek_error());

		err_set(e, ERR_RETRY, "the stream broke while %s: %s", what,
		    reason == NULL ? "closed" : reason);
		ERR_clear_error();
		return false;
	}

	/* Only a signal that asks a worker to stop interrupts it. */
	if (saved == EINTR && problem != SSL_ERROR_SSL)
		return err_set(e, ERR_CANCELLED, "stopped while %s", what);
	switch (problem) {
	case SSL_ERROR_ZERO_RETURN:
		return err_set(
		    e, ERR_RETRY, "the other side closed the stream while %s", what);
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return err_set(e, ERR_RETRY,
		    "the other side was silent for too long while %s", what);
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return err_set(e, ERR_RETRY, "the stream broke while %s: %s", what,
		    saved == 0 ? "closed" : strerror(saved));
	default: /* in TLS 1.3 a refused certificate may show up at the first read */
		return tls_handshake_err(s->ssl, e);
	}
}

bool
tls_stream_open(const struct tls_context *ctx, int take_fd, bool is_server,
    unsigned timeout_ms, struct tls_stream **out, struct err *e)
{
	struct tls_stream *s = XNEW(struct tls_stream);
	int flags = fcntl(take_fd, F_GETFL);
	int result;

	s->fd = take_fd;
	fcntl(take_fd, F_SETFL, flags & ~O_NONBLOCK);
	tls_set_timeout(take_fd, timeout_ms);
	tls_set_keepalive(take_fd);
	s->ssl = SSL_new(is_server ? ctx->server : ctx->client);
	if (s->ssl == NULL || SSL_set_fd(s->ssl, take_fd) != 1)
		BUG("OpenSSL is out of memory");
	ERR_clear_error();
	errno = 0;
	result = is_server ? SSL_accept(s->ssl) : SSL_connect(s->ssl);
	if (result != 1) {
		tls_stream_err(s, result, "greeting", e);
		tls_stream_free(&s);
		return false;
	}
	SSL_clear_mode(s->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	tls_peer_common_name(s->ssl, s->peer);
	*out = s;
	return true;
}

void
tls_stream_free(struct tls_stream **s)
{
	if (*s == NULL)
		return;
	tls_set_timeout((*s)->fd, 1000); /* the farewell is not worth more */
	SSL_shutdown((*s)->ssl);
	ERR_clear_error();
	SSL_free((*s)->ssl);
	close((*s)->fd);
	xfree(s);
}

const char *
tls_stream_peer_name(const struct tls_stream *s)
{
	return s->peer;
}

void
tls_stream_set_timeout(struct tls_stream *s, unsigned timeout_ms)
{
	tls_set_timeout(s->fd, timeout_ms);
}

bool
tls_stream_has_input(struct tls_stream *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};

	return SSL_has_pending(s->ssl) == 1 || poll(&p, 1, 0) > 0;
}

bool
tls_stream_read(struct tls_stream *s, void *data, size_t len, struct err *e)
{
	for (size_t got = 0; got < len;) {
		size_t n;
		int result;

		ERR_clear_error();
		errno = 0;
		result = SSL_read_ex(s->ssl, (char *)data + got, len - got, &n);
		if (result != 1)
			return tls_stream_err(s, result, "reading", e);
		s->heard = true;
		got += n;
	}
	return true;
}

bool
tls_stream_write(struct tls_stream *s, const void *data, size_t len, struct err *e)
{
	size_t n;
	int result;

	if (len == 0)
		return true;
	ERR_clear_error();
	errno = 0;
	result = SSL_write_ex(s->ssl, data, len, &n);
	return result == 1 || tls_stream_err(s, result, "writing", e);
}
