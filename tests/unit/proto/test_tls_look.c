/* SPDX-License-Identifier: Apache-2.0 */
/* When does the certificate end that a server shows: good, expired, old TLS, no TLS, silence. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/tls.h"
#include "tests/unit/check.h"

#define DAY_S 86400

enum manner { SPEAKS_TLS, SPEAKS_SMTP, SAYS_NOTHING, GOES_AWAY };

struct server {
	enum manner manner;
	SSL_CTX *ctx;
	int listener;
	uint16_t port;
	pthread_t thread;
	char asked_name[100];
};

static SSL_CTX *
context(int64_t left_s, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -400L * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(x), (long)left_s);
	X509_set_pubkey(x, key);
	CHECK(X509_sign(x, key, EVP_sha256()) > 0);
	CHECK_INT(SSL_CTX_use_certificate(ctx, x), 1);
	CHECK_INT(SSL_CTX_use_PrivateKey(ctx, key), 1);
	CHECK_INT(SSL_CTX_set_max_proto_version(ctx, version), 1);
	X509_free(x);
	EVP_PKEY_free(key);
	return ctx;
}

static void *
server_run(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->listener, NULL, NULL);
	SSL *ssl = NULL;
	char byte;

	if (s->manner == SPEAKS_TLS) {
		const char *name;

		ssl = SSL_new(s->ctx);
		SSL_set_fd(ssl, fd);
		SSL_accept(ssl);
		name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		if (name != NULL && strlen(name) < sizeof(s->asked_name))
			memcpy(s->asked_name, name, strlen(name) + 1);
	} else if (s->manner == SPEAKS_SMTP) {
		(void)!send(fd, "220 mbs1 ESMTP\r\n", 16, MSG_NOSIGNAL);
	}
	while (s->manner != GOES_AWAY && recv(fd, &byte, 1, 0) > 0)
		continue;
	SSL_free(ssl);
	close(fd);
	return NULL;
}

static void
server_start(struct server *s)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(s->listener, (struct sockaddr *)&address, size), 0);
	CHECK_INT(listen(s->listener, 4), 0);
	getsockname(s->listener, (struct sockaddr *)&address, &size);
	s->port = ntohs(address.sin_port);
	CHECK_INT(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void
server_stop(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listener);
	SSL_CTX_free(s->ctx);
}

static void
test_the_date_is_read_whatever_it_says(void **state)
{
	static const struct {
		int64_t left_s;
		int version;
	} rows[] = {{30 * DAY_S, TLS1_3_VERSION}, {-5 * DAY_S, TLS1_3_VERSION},
	    {9 * DAY_S, TLS1_2_VERSION}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server s = {.ctx = context(rows[i].left_s, rows[i].version)};
		int64_t expires_s = 0, off;
		struct err e;

		server_start(&s);
		if (!tls_peer_expires(
			"127.0.0.1", "mbs1.example.org", s.port, 5000, &expires_s, &e))
			fail_msg("%s", e.text);
		off = expires_s - clock_wall_ms() / 1000 - rows[i].left_s;
		CHECK(off > -10 && off < 10);
		server_stop(&s);
		CHECK_STR(s.asked_name, "mbs1.example.org");
	}
}

static void
test_what_is_no_tls_server_tells_nothing_and_holds_nobody(void **state)
{
	static const struct {
		enum manner manner;
		const char *text;
	} rows[] = {{SPEAKS_SMTP, "TLS: greeting"}, {SAYS_NOTHING, "no answer"},
	    {GOES_AWAY, "TLS: greeting"}};
	int64_t expires_s = 77;
	struct server s;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t began_ms = clock_mono_ms();

		s = (struct server){.manner = rows[i].manner};
		server_start(&s);
		CHECK(
		    !tls_peer_expires("127.0.0.1", "mbs1", s.port, 200, &expires_s, &e));
		CHECK(clock_mono_ms() - began_ms < 5000);
		CHECK_HAS(e.text, rows[i].text);
		CHECK_HAS(e.text, "127.0.0.1 port ");
		CHECK_INT(expires_s, 77);
		server_stop(&s);
	}
	CHECK(!tls_peer_expires("127.0.0.1", "mbs1", s.port, 200, &expires_s, &e));
	CHECK_HAS(e.text, "Connection refused");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_date_is_read_whatever_it_says),
	    TEST(test_what_is_no_tls_server_tells_nothing_and_holds_nobody),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
