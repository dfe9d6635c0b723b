/* SPDX-License-Identifier: Apache-2.0 */
/* The CA, its certificates, engines in memory and streams over sockets; and every way in
   which a stranger comes, with the text an operator reads then. */
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/tls.h"
#include "tests/unit/check.h"

static char dir[64];	   /* our CA */
static char other_dir[64]; /* somebody else's */
static struct tls_context *controller;
static struct tls_context *node;

static struct err e;

/* --- files --- */

static const char *
in_dir(const char *in, const char *name)
{
	static char paths[8][200];
	static unsigned next;
	char *path = paths[next++ % ARRAY_LEN(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", in, name);
	return path;
}

static void
write_file(const char *path, const void *bytes, size_t len, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	CHECK(fd >= 0);
	CHECK_INT(write(fd, bytes, len), len);
	close(fd);
	CHECK_INT(chmod(path, mode), 0);
}

static void
issue(const char *ca_dir, const char *name, unsigned days, const char *path)
{
	struct buf bundle;

	buf_init(&bundle, 0);
	if (!tls_ca_issue(ca_dir, name, days, &bundle, &e))
		fail_msg("%s", e.text);
	write_file(path, bundle.data, bundle.len, 0400);
	buf_fini(&bundle);
}

static struct tls_context *
load(const char *path)
{
	struct tls_context *ctx = NULL;

	if (!tls_context_load(path, &ctx, &e))
		fail_msg("%s", e.text);
	return ctx;
}

/* Why a file is refused. */
static const char *
refusal(const char *path)
{
	struct tls_context *ctx = NULL;

	memset(&e, 0, sizeof(e));
	if (tls_context_load(path, &ctx, &e))
		fail_msg("%s is taken", path);
	CHECK(ctx == NULL);
	CHECK_INT(e.kind, ERR_REFUSED);
	return e.text;
}

static int
set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	snprintf(dir, sizeof(dir), "/tmp/test_tls.XXXXXX");
	snprintf(other_dir, sizeof(other_dir), "/tmp/test_tls.XXXXXX");
	if (mkdtemp(dir) == NULL || mkdtemp(other_dir) == NULL)
		return -1;
	if (!tls_ca_create(dir, 3650, &e) || !tls_ca_create(other_dir, 3650, &e))
		return -1;
	issue(dir, "controller", 365, in_dir(dir, "controller.pem"));
	issue(dir, "node:mbs1", 365, in_dir(dir, "mbs1.pem"));
	controller = load(in_dir(dir, "controller.pem"));
	node = load(in_dir(dir, "mbs1.pem"));
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {
	    "ca.key", "ca.pem", "controller.pem", "mbs1.pem", "x.pem"};

	(void)state;
	tls_context_free(&controller);
	tls_context_free(&node);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		unlink(in_dir(dir, names[i]));
		unlink(in_dir(other_dir, names[i]));
	}
	return rmdir(dir) + rmdir(other_dir);
}

/* --- the CA and what it issues --- */

static void
test_tls_ca_is_never_overwritten(void **state)
{
	struct stat st;

	(void)state;
	CHECK(!tls_ca_create(dir, 10, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "is there already; a new CA would shut out every agent");
	CHECK_INT(stat(in_dir(dir, "ca.key"), &st), 0);
	CHECK_INT(st.st_mode & 0777, 0400);
}

/* A new key beside an old certificate would sign what nobody trusts. */
static void
test_tls_ca_half_there_leaves_no_new_key(void **state)
{
	char half[] = "/tmp/test_tls.XXXXXX";

	(void)state;
	CHECK(mkdtemp(half) != NULL);
	write_file(in_dir(half, "ca.pem"), "x", 1, 0444);
	CHECK(!tls_ca_create(half, 10, &e));
	CHECK_HAS(e.text, "ca.pem: is there already");
	CHECK_INT(access(in_dir(half, "ca.key"), F_OK), -1);
	unlink(in_dir(half, "ca.pem"));
	rmdir(half);
}

static void
test_tls_ca_of_two_backups_is_refused(void **state)
{
	char mixed[] = "/tmp/test_tls.XXXXXX";
	struct buf bundle;
	char text[4000];
	FILE *f;
	size_t len;

	(void)state;
	CHECK(mkdtemp(mixed) != NULL);
	CHECK(tls_ca_create(mixed, 10, &e));
	f = fopen(in_dir(other_dir, "ca.pem"), "r");
	CHECK(f != NULL);
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	write_file(in_dir(mixed, "ca.pem"), text, len, 0444);
	buf_init(&bundle, 0);
	CHECK(!tls_ca_issue(mixed, "node:a", 10, &bundle, &e));
	CHECK_HAS(e.text,
	    "does not belong to the ca.key beside it; restore both from one backup");
	buf_fini(&bundle);
	chmod(in_dir(mixed, "ca.key"), 0444);
	CHECK(!tls_ca_issue(mixed, "node:a", 10, &bundle, &e));
	CHECK_HAS(e.text, "others may read it; run: chmod 0400");
	unlink(in_dir(mixed, "ca.key"));
	CHECK(!tls_ca_issue(mixed, "node:a", 10, &bundle, &e));
	CHECK_HAS(e.text, "no certificate authority (run: zmferry-controller init)");
	unlink(in_dir(mixed, "ca.pem"));
	rmdir(mixed);
}

static void
test_tls_issued_certificate_has_its_name_and_time(void **state)
{
	int64_t left = tls_context_expires_s(node) - (int64_t)time(NULL);

	(void)state;
	CHECK_STR(tls_context_name(node), "node:mbs1");
	CHECK(left > 364 * 86400 && left <= 365 * 86400);
}

static void
test_tls_names_are_bounded(void **state)
{
	struct buf bundle;

	(void)state;
	buf_init(&bundle, 0);
	CHECK(!tls_ca_issue(dir,
	    "node:a-name-of-a-host-that-is-much-too-long.for.a.certificate.example.org",
	    10, &bundle, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "at most 64 characters");
	buf_fini(&bundle);
}

static void
test_tls_identity_files_that_are_refused(void **state)
{
	const char *path = in_dir(dir, "x.pem");
	char text[8000];
	size_t len;
	FILE *f;

	(void)state;
	unlink(path);
	CHECK_HAS(refusal(path), "No such file");
	write_file(path, "hello", 5, 0400);
	CHECK_HAS(refusal(path), "get a whole new file: zmferry enroll NODE");
	issue(dir, "node:x", 10, path);
	chmod(path, 0440);
	CHECK_HAS(refusal(path), "others may read it; run: chmod 0400");

	/* Key and certificate of one CA, with the certificate of another behind. */
	f = fopen(path, "r");
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	text[len] = '\0';
	len = (size_t)(strstr(strstr(text, "-----BEGIN CERTIFICATE") + 1,
			   "-----BEGIN CERTIFICATE") -
		       text);
	write_file(path, text, len, 0400); /* first without any */
	CHECK_HAS(refusal(path), "get a whole new file");
	f = fopen(in_dir(other_dir, "ca.pem"), "r");
	len += fread(text + len, 1, sizeof(text) - len, f);
	fclose(f);
	write_file(path, text, len, 0400);
	CHECK_HAS(refusal(path), "the certificate is not from the CA in the same file");
}

/* --- engines in memory --- */

struct pair {
	struct tls_engine *server;
	struct tls_engine *client;
	struct buf server_plain;
	struct buf client_plain;
	enum tls_progress server_state;
	enum tls_progress client_state;
	struct err server_err;
	struct err client_err;
};

static void
pair_init(
    struct pair *p, const struct tls_context *server, const struct tls_context *client)
{
	memset(p, 0, sizeof(*p));
	p->server = tls_engine_new(server, true);
	p->client = tls_engine_new(client, false);
	buf_init(&p->server_plain, 100000);
	buf_init(&p->client_plain, 100000);
}

static void
pair_fini(struct pair *p)
{
	tls_engine_free(&p->server);
	tls_engine_free(&p->client);
	buf_fini(&p->server_plain);
	buf_fini(&p->client_plain);
}

/* Everything from one engine to the other, in pieces of step bytes. */
static void
carry(struct tls_engine *from, struct tls_engine *to, size_t step)
{
	struct buf wire;

	buf_init(&wire, 0);
	CHECK(tls_engine_drain(from, &wire, &e));
	for (size_t i = 0; i < wire.len; i += step)
		CHECK(tls_engine_feed(
		    to, wire.data + i, i + step > wire.len ? wire.len - i : step, &e));
	buf_fini(&wire);
}

/* Until neither side has anything to say; a side that failed is not asked again. */
static void
pair_run(struct pair *p)
{
	for (int round = 0; round < 6; round++) {
		if (p->client_state != TLS_FAILED)
			p->client_state =
			    tls_engine_step(p->client, &p->client_plain, &p->client_err);
		carry(p->client, p->server, 17);
		if (p->server_state != TLS_FAILED)
			p->server_state =
			    tls_engine_step(p->server, &p->server_plain, &p->server_err);
		carry(p->server, p->client, 17);
	}
}

static void
test_tls_engines_talk_and_know_each_other(void **state)
{
	struct pair p;
	char big[50000];

	(void)state;
	pair_init(&p, controller, node);
	CHECK_STR(tls_engine_peer_name(p.server), "");
	pair_run(&p);
	CHECK_INT(p.server_state, TLS_READY);
	CHECK_INT(p.client_state, TLS_READY);
	CHECK_STR(tls_engine_peer_name(p.server), "node:mbs1");
	CHECK_STR(tls_engine_peer_name(p.client), "controller");
	memset(big, 'b', sizeof(big));
	CHECK(tls_engine_write(p.client, big, sizeof(big), &e));
	CHECK(tls_engine_write(p.server, "x", 1, &e));
	pair_run(&p);
	CHECK_INT(p.server_plain.len, sizeof(big));
	CHECK(memcmp(p.server_plain.data, big, sizeof(big)) == 0);
	CHECK_STR(buf_str(&p.client_plain), "x");
	tls_engine_close(p.client);
	pair_run(&p);
	CHECK_INT(p.server_state, TLS_CLOSED);
	pair_fini(&p);
}

static void
test_tls_engine_keeps_the_ceiling_of_its_owner(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, controller, node);
	pair_run(&p);
	p.server_plain.max = 10;
	CHECK(tls_engine_write(p.client, "12345678901", 11, &e));
	pair_run(&p);
	CHECK_INT(p.server_state, TLS_FAILED);
	CHECK_INT(p.server_err.kind, ERR_PEER);
	CHECK_STR(p.server_err.text, "more bytes than one message may have");
	pair_fini(&p);
}

/* Renewal: a second certificate for the same name, while the first still serves. */
static void
test_tls_renewed_certificate_is_taken_beside_the_old(void **state)
{
	struct tls_context *renewed;
	struct pair p;

	(void)state;
	issue(dir, "node:mbs1", 400, in_dir(dir, "x.pem"));
	renewed = load(in_dir(dir, "x.pem"));
	CHECK(tls_context_expires_s(renewed) > tls_context_expires_s(node));
	pair_init(&p, controller, renewed);
	pair_run(&p);
	CHECK_INT(p.server_state, TLS_READY);
	CHECK_STR(tls_engine_peer_name(p.server), "node:mbs1");
	pair_fini(&p);
	pair_init(&p, controller, node);
	pair_run(&p);
	CHECK_INT(p.server_state, TLS_READY);
	pair_fini(&p);
	tls_context_free(&renewed);
}

static void
test_tls_of_another_ca_is_refused_on_both_sides(void **state)
{
	struct tls_context *stranger;
	struct pair p;

	(void)state;
	issue(other_dir, "node:mbs1", 10, in_dir(dir, "x.pem"));
	stranger = load(in_dir(dir, "x.pem"));

	/* A stranger's client: it likes our certificate no better than we like its. */
	pair_init(&p, controller, stranger);
	pair_run(&p);
	CHECK_INT(p.client_state, TLS_FAILED);
	CHECK_INT(p.client_err.kind, ERR_PEER);
	CHECK_HAS(p.client_err.text, "is not from this controller's CA");
	CHECK_HAS(p.client_err.text, "zmferry enroll NODE");
	CHECK_INT(p.server_state, TLS_FAILED);
	CHECK_HAS(p.server_err.text, "the other side does not");
	CHECK_HAS(p.server_err.text, "zmferry enroll NODE");
	CHECK_STR(tls_engine_peer_name(p.server), "");
	pair_fini(&p);
	tls_context_free(&stranger);
}

/* --- clients that only OpenSSL itself can play --- */

struct raw {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in;
	BIO *out;
};

static void
raw_init(struct raw *r, const char *pem, int max_version)
{
	r->ctx = SSL_CTX_new(TLS_client_method());
	if (pem != NULL) {
		CHECK_INT(SSL_CTX_use_PrivateKey_file(r->ctx, pem, SSL_FILETYPE_PEM), 1);
		CHECK_INT(SSL_CTX_use_certificate_file(r->ctx, pem, SSL_FILETYPE_PEM), 1);
	}
	SSL_CTX_set_max_proto_version(r->ctx, max_version);
	r->ssl = SSL_new(r->ctx);
	r->in = BIO_new(BIO_s_mem());
	r->out = BIO_new(BIO_s_mem());
	SSL_set_bio(r->ssl, r->in, r->out);
	SSL_set_connect_state(r->ssl);
}

/* The raw client against our server; what our server says in the end. */
static const char *
raw_against_server(struct raw *r)
{
	struct tls_engine *server = tls_engine_new(controller, true);
	enum tls_progress progress = TLS_WANT_INPUT;
	struct buf plain;
	char chunk[16384];

	memset(&e, 0, sizeof(e));
	buf_init(&plain, 1000);
	for (int round = 0; round < 4 && progress == TLS_WANT_INPUT; round++) {
		struct buf wire;
		int n;

		SSL_do_handshake(r->ssl);
		while ((n = BIO_read(r->out, chunk, sizeof(chunk))) > 0)
			CHECK(tls_engine_feed(server, chunk, (size_t)n, &e));
		progress = tls_engine_step(server, &plain, &e);
		buf_init(&wire, 0);
		CHECK(tls_engine_drain(server, &wire, &(struct err){0}));
		if (wire.len > 0)
			BIO_write(r->in, wire.data, (int)wire.len);
		buf_fini(&wire);
	}
	CHECK_INT(progress, TLS_FAILED);
	CHECK_INT(e.kind, ERR_PEER);
	CHECK_STR(tls_engine_peer_name(server), "");
	tls_engine_free(&server);
	buf_fini(&plain);
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	return e.text;
}

static void
test_tls_client_without_certificate(void **state)
{
	struct raw r;

	(void)state;
	raw_init(&r, NULL, 0);
	CHECK_STR(raw_against_server(&r),
	    "TLS: the other side showed no certificate; only "
	    "zmferry's own programs may call this port");
}

static void
test_tls_client_of_another_ca(void **state)
{
	struct raw r;

	(void)state;
	issue(other_dir, "node:mbs1", 10, in_dir(dir, "x.pem"));
	raw_init(&r, in_dir(dir, "x.pem"), 0);
	CHECK_HAS(raw_against_server(&r), "is not from this controller's CA");
	CHECK_HAS(e.text, "zmferry enroll NODE");
}

static void
test_tls_client_of_an_older_protocol(void **state)
{
	struct raw r;

	(void)state;
	raw_init(&r, in_dir(dir, "mbs1.pem"), TLS1_2_VERSION);
	CHECK_HAS(raw_against_server(&r), "does not speak TLS 1.3");
}

/* A certificate of our own CA as our own CA would never make it. */
static void
make_certificate(
    const char *path, const char *name, size_t name_len, int from_day, int to_day)
{
	FILE *f = fopen(in_dir(dir, "ca.key"), "r");
	EVP_PKEY *ca_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *c = X509_new();
	X509 *ca;

	fclose(f);
	f = fopen(in_dir(dir, "ca.pem"), "r");
	ca = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	X509_set_version(c, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c), 77);
	X509_time_adj_ex(X509_getm_notBefore(c), from_day, 0, NULL);
	X509_time_adj_ex(X509_getm_notAfter(c), to_day, 0, NULL);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, (int)name_len, -1, 0);
	X509_set_issuer_name(c, X509_get_subject_name(ca));
	X509_set_pubkey(c, key);
	CHECK(X509_sign(c, ca_key, EVP_sha256()) > 0);
	unlink(path);
	f = fopen(path, "w");
	CHECK(f != NULL);
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	PEM_write_X509(f, c);
	PEM_write_X509(f, ca);
	fclose(f);
	CHECK_INT(chmod(path, 0400), 0);
	X509_free(c);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

static void
test_tls_expired_certificate(void **state)
{
	const char *path = in_dir(dir, "x.pem");
	struct raw r;

	(void)state;
	make_certificate(path, "node:mbs1", 9, -2, -1);
	CHECK_HAS(refusal(path), "this certificate of node:mbs1 is expired; get a new "
				 "one: zmferry enroll NODE");
	raw_init(&r, path, 0);
	CHECK_HAS(raw_against_server(&r), "is expired or not valid yet; check its clock");
	CHECK_HAS(e.text, "zmferry enroll NODE");
	make_certificate(path, "node:mbs1", 9, 1, 2);
	raw_init(&r, path, 0);
	CHECK_HAS(raw_against_server(&r), "is expired or not valid yet; check its clock");
}

static void
test_tls_plain_bytes_on_the_port(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} rows[] = {
	    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"TLS: a web browser or HTTP program called this port; only zmferry's own "
		"programs may"},
	    {"EHLO mail.example.org\r\n",
		"TLS: the other side does not speak TLS: check address and port"},
	    {"\x16\x03\x01\xff\xff"
	     "garbage garbage garbage",
		"TLS: the other side does not speak TLS"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_engine *server = tls_engine_new(controller, true);
		struct buf plain;

		memset(&e, 0, sizeof(e));
		buf_init(&plain, 1000);
		CHECK(tls_engine_feed(server, rows[i].bytes, strlen(rows[i].bytes), &e));
		CHECK_INT(tls_engine_step(server, &plain, &e), TLS_FAILED);
		CHECK_INT(e.kind, ERR_PEER);
		CHECK_HAS(e.text, rows[i].text);
		tls_engine_free(&server);
		buf_fini(&plain);
	}
}

/* We dialled a port where something else answers. */
static void
test_tls_client_meets_another_server(void **state)
{
	struct tls_engine *client = tls_engine_new(node, false);
	struct buf plain;

	(void)state;
	buf_init(&plain, 1000);
	CHECK_INT(tls_engine_step(client, &plain, &e), TLS_WANT_INPUT);
	CHECK(tls_engine_feed(client, "220 mbs1 ESMTP ready\r\n", 22, &e));
	CHECK_INT(tls_engine_step(client, &plain, &e), TLS_FAILED);
	CHECK_HAS(e.text, "does not speak TLS: check address and port");
	tls_engine_free(&client);
	buf_fini(&plain);
}

/* C would see "controller" in it. */
static void
test_tls_names_with_a_nul_inside_are_nobody(void **state)
{
	const char *path = in_dir(dir, "x.pem");
	struct tls_context *ctx;
	struct pair p;

	(void)state;
	make_certificate(path, "controller\0.evil", 16, -1, 10);
	ctx = load(path);
	pair_init(&p, controller, ctx);
	pair_run(&p);
	CHECK_INT(p.server_state, TLS_READY);
	CHECK_STR(tls_engine_peer_name(p.server), "");
	pair_fini(&p);
	tls_context_free(&ctx);
}

/* --- streams --- */

struct end {
	const struct tls_context *ctx;
	int fd;
	bool ok;
	struct err e;
	char got[1000];
};

/* The server's side: greets, echoes 5 bytes, closes. */
static void *
stream_server(void *ctx)
{
	struct end *s = ctx;
	struct tls_stream *stream = NULL;

	s->ok = tls_stream_open(s->ctx, s->fd, true, 5000, &stream, &s->e) &&
		tls_stream_read(stream, s->got, 5, &s->e) &&
		tls_stream_write(stream, s->got, 5, &s->e);
	if (stream != NULL)
		snprintf(s->got, sizeof(s->got), "%s", tls_stream_peer_name(stream));
	tls_stream_free(&stream);
	return NULL;
}

static void
test_tls_stream_carries_and_ends(void **state)
{
	struct tls_stream *stream = NULL;
	struct end s = {.ctx = controller};
	pthread_t thread;
	char got[6] = "";
	int fds[2];

	(void)state;
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s.fd = fds[0];
	CHECK_INT(pthread_create(&thread, NULL, stream_server, &s), 0);
	if (!tls_stream_open(node, fds[1], false, 5000, &stream, &e))
		fail_msg("%s", e.text);
	CHECK_STR(tls_stream_peer_name(stream), "controller");
	CHECK(tls_stream_write(stream, "", 0, &e));
	CHECK(tls_stream_write(stream, "hello", 5, &e));
	CHECK(tls_stream_read(stream, got, 5, &e));
	CHECK_STR(got, "hello");
	CHECK(!tls_stream_read(stream, got, 1, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "the other side closed the stream while reading");
	pthread_join(thread, NULL);
	CHECK(s.ok);
	CHECK_STR(s.got, "node:mbs1");
	tls_stream_free(&stream);
}

static void
test_tls_stream_of_a_stranger_is_refused(void **state)
{
	struct tls_stream *stream = NULL;
	struct tls_context *stranger;
	struct end s = {.ctx = controller};
	pthread_t thread;
	int fds[2];

	(void)state;
	issue(other_dir, "node:mbs1", 10, in_dir(dir, "x.pem"));
	stranger = load(in_dir(dir, "x.pem"));
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s.fd = fds[0];
	CHECK_INT(pthread_create(&thread, NULL, stream_server, &s), 0);
	CHECK(!tls_stream_open(stranger, fds[1], false, 5000, &stream, &e));
	CHECK_INT(e.kind, ERR_PEER);
	CHECK_HAS(e.text, "is not from this controller's CA");
	CHECK(stream == NULL);
	pthread_join(thread, NULL);
	CHECK(!s.ok);
	CHECK_INT(s.e.kind, ERR_PEER);
	CHECK_HAS(s.e.text, "zmferry enroll NODE");
	tls_context_free(&stranger);
}

static void
test_tls_stream_silence_is_not_forever(void **state)
{
	struct tls_stream *stream = NULL;
	int fds[2];

	(void)state;
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK(!tls_stream_open(node, fds[1], false, 50, &stream, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_STR(e.text, "the other side was silent for too long while greeting");
	close(fds[0]);
}

static void
test_tls_stream_of_a_dead_peer(void **state)
{
	struct tls_stream *stream = NULL;
	int fds[2];

	(void)state;
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	close(fds[0]);
	CHECK(!tls_stream_open(node, fds[1], false, 5000, &stream, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "while greeting");
}

/* Killed in the middle it is no matter of certificates: nobody needs a new one, it is tried again. */
static void
test_tls_stream_whose_peer_is_killed(void **state)
{
	struct tls_stream *stream = NULL;
	char got[2];
	int fds[2];
	pid_t child;

	(void)state;
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	child = fork();
	if (child == 0) {
		struct tls_stream *peer = NULL;
		bool ok = tls_stream_open(controller, fds[0], true, 5000, &peer, &e) &&
			  tls_stream_write(peer, "x", 1, &e);

		_exit(ok ? 0 : 1); /* no farewell, as after SIGKILL */
	}
	close(fds[0]);
	CHECK(tls_stream_open(node, fds[1], false, 5000, &stream, &e));
	CHECK(tls_stream_read(stream, got, 1, &e));
	CHECK(!tls_stream_read(stream, got + 1, 1, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "the stream broke while reading");
	tls_stream_free(&stream);
	CHECK_INT(waitpid(child, NULL, 0), child);
}

static void
test_tls_tcp_connect_to_nobody(void **state)
{
	int fd = -1;

	(void)state;
	CHECK(!tls_tcp_connect("127.0.0.1", 1, 1000, &fd, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "127.0.0.1 port 1: Connection refused");
	CHECK(!tls_tcp_connect("no such host", 1, 1000, &fd, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "no such host: ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_tls_ca_is_never_overwritten),
	    TEST(test_tls_ca_half_there_leaves_no_new_key),
	    TEST(test_tls_ca_of_two_backups_is_refused),
	    TEST(test_tls_issued_certificate_has_its_name_and_time),
	    TEST(test_tls_names_are_bounded),
	    TEST(test_tls_identity_files_that_are_refused),
	    TEST(test_tls_engines_talk_and_know_each_other),
	    TEST(test_tls_engine_keeps_the_ceiling_of_its_owner),
	    TEST(test_tls_renewed_certificate_is_taken_beside_the_old),
	    TEST(test_tls_of_another_ca_is_refused_on_both_sides),
	    TEST(test_tls_client_without_certificate),
	    TEST(test_tls_client_of_another_ca),
	    TEST(test_tls_client_of_an_older_protocol),
	    TEST(test_tls_expired_certificate),
	    TEST(test_tls_plain_bytes_on_the_port),
	    TEST(test_tls_client_meets_another_server),
	    TEST(test_tls_names_with_a_nul_inside_are_nobody),
	    TEST(test_tls_stream_carries_and_ends),
	    TEST(test_tls_stream_of_a_stranger_is_refused),
	    TEST(test_tls_stream_silence_is_not_forever),
	    TEST(test_tls_stream_of_a_dead_peer),
	    TEST(test_tls_stream_whose_peer_is_killed),
	    TEST(test_tls_tcp_connect_to_nobody),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
