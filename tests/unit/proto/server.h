/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tiny HTTP server in threads, for tests of our own client: TCP, TLS or a unix socket.
 * What it answers is a function of the test; it may also answer nothing, or half.
 */
#ifndef TESTS_UNIT_PROTO_SERVER_H
#define TESTS_UNIT_PROTO_SERVER_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/tls.h"
#include "tests/unit/check.h"

#define SERVER_CALLS 64
#define SERVER_REQUEST_MAX (4 * 1024 * 1024)

struct server;

struct server_call {
	struct server *server;
	unsigned number; /* of the request, from 1, over all connections */
	char *request;	 /* head and body as they came, NUL-terminated */
	size_t request_len;
	const char *body; /* in request, chunks as they came */
	int fd;
	SSL *ssl;
	bool end; /* set: the connection is closed after this answer */
};

struct server {
	int listener;
	uint16_t port;
	SSL_CTX *tls; /* NULL: plain */
	void (*answer)(struct server_call *call);
	void *ctx; /* the test's */
	pthread_t accepting;
	pthread_t threads[SERVER_CALLS];
	int fds[SERVER_CALLS];
	atomic_uint connections;
	atomic_uint requests;
	pthread_mutex_t lock;
};

static int
server_read(struct server_call *call, char *to, size_t size)
{
	ssize_t n = call->ssl != NULL ? SSL_read(call->ssl, to, (int)size)
				      : read(call->fd, to, size);

	return n < 0 ? 0 : (int)n;
}

static void
server_send(struct server_call *call, const void *bytes, size_t len)
{
	for (size_t sent = 0; sent < len;) {
		ssize_t n = call->ssl != NULL
				? SSL_write(call->ssl, (const char *)bytes + sent,
				      (int)(len - sent))
				: send(call->fd, (const char *)bytes + sent, len - sent,
				      MSG_NOSIGNAL);

		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

static inline void
server_reply(struct server_call *call, int status, const char *body)
{
	char head[200];

	snprintf(head, sizeof(head), "HTTP/1.1 %d Said so\r\nContent-Length: %zu\r\n\r\n",
	    status, strlen(body));
	server_send(call, head, strlen(head));
	server_send(call, body, strlen(body));
}

/* Until the client hangs up: what a server does that has lost its mind. */
static inline void
server_hang(struct server_call *call)
{
	char byte;

	while (server_read(call, &byte, 1) > 0)
		;
	call->end = true;
}

/* Is the request whole? Chunked bodies end with an empty chunk. */
static bool
server_is_whole(struct server_call *call)
{
	char *end = strstr(call->request, "\r\n\r\n");
	const char *length;

	if (end == NULL)
		return false;
	call->body = end + 4;
	length = strcasestr(call->request, "\r\nContent-Length:");
	if (length != NULL && length < end)
		return call->request_len - (size_t)(call->body - call->request) >=
		       strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	if (strcasestr(call->request, "\r\nTransfer-Encoding: chunked") != NULL)
		return strstr(call->body, "0\r\n\r\n") == call->body ||
		       strstr(call->body, "\r\n0\r\n\r\n") != NULL;
	return true;
}

static bool
server_next_request(struct server_call *call)
{
	call->request_len = 0;
	call->request[0] = '\0';
	do {
		int n = server_read(call, call->request + call->request_len,
		    SERVER_REQUEST_MAX - 1 - call->request_len);

		if (n <= 0)
			return false;
		call->request_len += (size_t)n;
		call->request[call->request_len] = '\0';
	} while (!server_is_whole(call));
	call->number = atomic_fetch_add(&call->server->requests, 1) + 1;
	return true;
}

static void *
server_serve(void *ctx)
{
	struct server_call *call = ctx;

	call->request = malloc(SERVER_REQUEST_MAX);
	if (call->server->tls != NULL) {
		call->ssl = SSL_new(call->server->tls);
		SSL_set_fd(call->ssl, call->fd);
	}
	if (call->ssl == NULL || SSL_accept(call->ssl) == 1) {
		while (!call->end && server_next_request(call))
			call->server->answer(call);
	}
	SSL_free(call->ssl);
	shutdown(call->fd,
	    SHUT_RDWR); /* closed by server_stop, so that its number stays ours */
	free(call->request);
	free(call);
	return NULL;
}

static void *
server_accept(void *ctx)
{
	struct server *s = ctx;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		/* Head and body go apart: without this each answer waits 40 ms for an ACK. */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		struct server_call *call = calloc(1, sizeof(*call));

		call->server = s;
		call->fd = fd;
		s->fds[s->connections] = fd;
		pthread_create(&s->threads[s->connections], NULL, server_serve, call);
		s->connections++;
	}
	return NULL;
}

static void
server_start_on(struct server *s, const struct sockaddr *address, socklen_t size)
{
	signal(SIGPIPE, SIG_IGN); /* as the daemons do */
	s->listener = socket(address->sa_family, SOCK_STREAM, 0);
	CHECK(s->listener >= 0);
	CHECK_INT(bind(s->listener, address, size), 0);
	CHECK_INT(listen(s->listener, 16), 0);
	CHECK_INT(pthread_create(&s->accepting, NULL, server_accept, s), 0);
}

/* On a free port of loopback; pem: key and certificate for TLS, or NULL. */
static inline void
server_start(
    struct server *s, const char *pem, void (*answer)(struct server_call *), void *ctx)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	memset(s, 0, sizeof(*s));
	s->answer = answer;
	s->ctx = ctx;
	if (pem != NULL) {
		s->tls = SSL_CTX_new(TLS_server_method());
		CHECK_INT(SSL_CTX_use_certificate_file(s->tls, pem, SSL_FILETYPE_PEM), 1);
		CHECK_INT(SSL_CTX_use_PrivateKey_file(s->tls, pem, SSL_FILETYPE_PEM), 1);
	}
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server_start_on(s, (struct sockaddr *)&address, sizeof(address));
	CHECK_INT(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
	s->port = ntohs(address.sin_port);
}

static inline void
server_stop(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->accepting, NULL);
	for (unsigned i = 0; i < s->connections; i++) {
		shutdown(s->fds[i], SHUT_RDWR);
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
	close(s->listener);
	SSL_CTX_free(s->tls);
}

/* A CA in dir and a bundle for common_name in pem_out. */
static inline void
server_certificate(const char *dir, const char *common_name, char *pem_out, size_t size)
{
	struct buf bundle;
	struct err e;
	FILE *f;

	buf_init(&bundle, 0);
	if (!tls_ca_create(dir, 30, &e) ||
	    !tls_ca_issue(dir, common_name, 30, &bundle, &e))
		fail_msg("%s", e.text);
	snprintf(pem_out, size, "%s/%s.pem", dir, common_name);
	f = fopen(pem_out, "w");
	CHECK(f != NULL);
	CHECK_INT(fwrite(bundle.data, 1, bundle.len, f), bundle.len);
	fclose(f);
	buf_fini(&bundle);
}

#endif
