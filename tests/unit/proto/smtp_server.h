/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tiny SMTP server in one thread, for tests of our own client: TLS by STARTTLS or from the
 * beginning, AUTH PLAIN, and answers that a test may spoil. One connection after another.
 */
#ifndef TESTS_UNIT_PROTO_SMTP_SERVER_H
#define TESTS_UNIT_PROTO_SMTP_SERVER_H

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define SMTP_SERVER_MAIL (256 * 1024)

struct smtp_server {
	int listener;
	uint16_t port;
	SSL_CTX *tls;	   /* NULL: none is offered */
	bool is_smtps;	   /* TLS from the beginning */
	const char *login; /* the base64 that AUTH PLAIN must bring; NULL: no AUTH */
	const char *greeting, *on_from, *on_end; /* NULL: well */
	const char *bad_to;			 /* an address that is refused */
	const char *bad_to_answer;
	bool hangs;   /* says nothing at all */
	bool endless; /* answers EHLO without end */
	/* what came */
	atomic_uint mails, connections, passwords_in_the_open;
	char mail[SMTP_SERVER_MAIL];
	char from[300];
	char to[1000];
	/* private */
	pthread_t thread;
	_Atomic int fd;
	SSL *ssl;
};

static int
smtp_server_byte(struct smtp_server *s, char *out)
{
	return s->ssl != NULL ? SSL_read(s->ssl, out, 1) : (int)read(s->fd, out, 1);
}

static bool
smtp_server_line(struct smtp_server *s, char *line, size_t size)
{
	size_t length = 0;
	char byte;

	while (smtp_server_byte(s, &byte) == 1) {
		if (byte == '\n') {
			line[length - (length > 0 && line[length - 1] == '\r')] = '\0';
			return true;
		}
		if (length + 1 < size)
			line[length++] = byte;
	}
	return false;
}

static bool
smtp_server_say(struct smtp_server *s, const char *text)
{
	char line[512];
	int length = snprintf(line, sizeof(line), "%s\r\n", text);

	return s->ssl != NULL ? SSL_write(s->ssl, line, length) == length
			      : send(s->fd, line, (size_t)length, MSG_NOSIGNAL) == length;
}

static bool
smtp_server_start_tls(struct smtp_server *s)
{
	s->ssl = SSL_new(s->tls);
	SSL_set_fd(s->ssl, s->fd);
	return SSL_accept(s->ssl) == 1;
}

static void
smtp_server_hello(struct smtp_server *s)
{
	while (s->endless && smtp_server_say(s, "250-one more line of very many words"))
		;
	smtp_server_say(s, "250-smtp.test");
	if (s->tls != NULL && s->ssl == NULL)
		smtp_server_say(s, "250-STARTTLS");
	if (s->login != NULL)
		smtp_server_say(s, "250-AUTH PLAIN");
	smtp_server_say(s, "250 8BITMIME");
}

static void
smtp_server_data(struct smtp_server *s)
{
	char line[2000];
	size_t length = 0;

	smtp_server_say(s, "354 go on");
	while (smtp_server_line(s, line, sizeof(line)) && strcmp(line, ".") != 0) {
		/* A dot in front was doubled for the way. */
		const char *text = line[0] == '.' ? line + 1 : line;

		length += (size_t)snprintf(
		    s->mail + length, sizeof(s->mail) - length, "%s\n", text);
	}
	smtp_server_say(s, s->on_end == NULL ? "250 taken" : s->on_end);
	if (s->on_end == NULL)
		s->mails++;
}

static void
smtp_server_command(struct smtp_server *s, const char *line)
{
	if (strncmp(line, "EHLO", 4) == 0) {
		smtp_server_hello(s);
	} else if (strcmp(line, "STARTTLS") == 0 && s->tls != NULL) {
		smtp_server_say(s, "220 go on");
		if (!smtp_server_start_tls(s))
			shutdown(s->fd, SHUT_RDWR);
	} else if (strncmp(line, "AUTH PLAIN", 10) == 0) {
		char login[2000];

		s->passwords_in_the_open += s->ssl == NULL;
		snprintf(login, sizeof(login), "%s", line[10] == ' ' ? line + 11 : "");
		if (login[0] == '\0') {
			smtp_server_say(s, "334 ");
			smtp_server_line(s, login, sizeof(login));
		}
		smtp_server_say(s, s->login != NULL && strcmp(login, s->login) == 0
				       ? "235 welcome"
				       : "535 5.7.8 wrong password");
	} else if (strncmp(line, "MAIL FROM:", 10) == 0) {
		snprintf(s->from, sizeof(s->from), "%.290s", line + 10);
		s->to[0] = '\0';
		smtp_server_say(s, s->on_from == NULL ? "250 ok" : s->on_from);
	} else if (strncmp(line, "RCPT TO:", 8) == 0) {
		bool bad = s->bad_to != NULL && strstr(line, s->bad_to) != NULL;

		if (!bad)
			snprintf(s->to + strlen(s->to), sizeof(s->to) - strlen(s->to),
			    "%s", line + 8);
		smtp_server_say(s, bad ? s->bad_to_answer : "250 ok");
	} else if (strcmp(line, "DATA") == 0) {
		smtp_server_data(s);
	} else {
		smtp_server_say(s, strcmp(line, "QUIT") == 0 ? "221 bye" : "250 ok");
	}
}

static void *
smtp_server_run(void *ctx)
{
	struct smtp_server *s = ctx;
	char line[2000];
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		s->fd = fd;
		s->ssl = NULL;
		s->connections++;
		if (s->hangs) {
			while (smtp_server_byte(s, line) == 1)
				;
		} else if ((!s->is_smtps || smtp_server_start_tls(s)) &&
			   smtp_server_say(
			       s, s->greeting == NULL ? "220 smtp.test" : s->greeting)) {
			while (smtp_server_line(s, line, sizeof(line)))
				smtp_server_command(s, line);
		}
		SSL_free(s->ssl);
		s->fd = -1;
		close(fd);
	}
	return NULL;
}

/* On a free port of 127.0.0.1; the fields that say how it behaves are set before. */
static void
smtp_server_start(struct smtp_server *s, const char *pem)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	signal(SIGPIPE, SIG_IGN);
	if (pem != NULL) {
		s->tls = SSL_CTX_new(TLS_server_method());
		CHECK_INT(SSL_CTX_use_certificate_file(s->tls, pem, SSL_FILETYPE_PEM), 1);
		CHECK_INT(SSL_CTX_use_PrivateKey_file(s->tls, pem, SSL_FILETYPE_PEM), 1);
	}
	s->fd = -1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(s->listener >= 0);
	CHECK_INT(bind(s->listener, (struct sockaddr *)&address, size), 0);
	CHECK_INT(listen(s->listener, 16), 0);
	CHECK_INT(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
	s->port = ntohs(address.sin_port);
	CHECK_INT(pthread_create(&s->thread, NULL, smtp_server_run, s), 0);
}

static void
smtp_server_stop(struct smtp_server *s)
{
	int fd = s->fd;

	shutdown(s->listener, SHUT_RDWR);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	SSL_CTX_free(s->tls);
	s->tls = NULL;
}

#endif
