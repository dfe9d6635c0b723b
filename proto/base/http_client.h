/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small HTTP client over libcurl, blocking: used on the thread pool or in a
 * worker process, never on the loop thread. One client = one connection cache;
 * it belongs to one thread at a time.
 */
#ifndef BASE_HTTP_CLIENT_H
#define BASE_HTTP_CLIENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

struct http_client;

struct http_client_options {
	const char *ca_file;	  /* NULL: the system's */
	const char *ca_setting;	  /* its name, for people; NULL: zimbra_ca_file */
	const char *ca_pem;	  /* instead of ca_file: the certificates as text */
	const char *identity_pem; /* our own key and certificate as text; NULL: none */
	const char *cert_file;	  /* PEM: our own certificate; NULL: none */
	const char *key_file;	  /* its key */
	const char *unix_socket;  /* NULL: TCP */
	const char *const
	    *resolve; /* "host=address", NULL-terminated, before DNS; may be NULL */
	unsigned connect_timeout_ms; /* 0: 5000 */
	bool
	    no_verify_host; /* certificate must be from ca_file, its name is not compared */
	const atomic_bool *cancelled; /* polled while transferring; may be NULL */
};

/* Returns how many bytes were put into data (0 = end), or (size_t)-1 to abort. */
typedef size_t (*http_read_fn)(void *data, size_t size, void *ctx);
/* Takes len bytes; false aborts the transfer. */
typedef bool (*http_sink_fn)(const void *data, size_t len, void *ctx);

struct http_request {
	const char *method; /* "GET", "POST", ... */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const void *body;	    /* or read_fn, or neither */
	size_t body_len;
	http_read_fn read_fn; /* chunked upload */
	void *read_ctx;
	http_sink_fn
	    sink_fn; /* gets the body of a 2xx answer; NULL: goes to answer.body */
	void *sink_ctx;
	size_t answer_max;	   /* bytes kept in answer.body; 0 = 16 MiB */
	unsigned total_timeout_ms; /* 0: none */
	unsigned stall_timeout_ms; /* no byte for so long = failure; 0: 60000 */
};

struct http_answer {
	long status;
	char etag[80];	 /* as it came, with its quotes; "" = none */
	struct buf body; /* also the error page of a non-2xx answer */
	uint64_t bytes;	 /* of the body, as received */
};

/* Starts libcurl, once; any thread. smtp_client.c needs it too. */
void http_client_begin(void);
struct http_client *http_client_new(const struct http_client_options *options);
void http_client_free(struct http_client **c);
/* For the requests to come; NULL: nobody stops them. Borrowed. */
void http_client_set_cancelled(struct http_client *c, const atomic_bool *cancelled);
/* False only when no complete answer came (ERR_RETRY: network, timeout; ERR_CANCELLED;
   ERR_PEER: TLS). A 404 or 500 is true with that status. answer is initialised here. */
MUST_USE bool http_client_do(struct http_client *c, const struct http_request *request,
    struct http_answer *answer, struct err *e);
void http_answer_fini(struct http_answer *answer);
/* Percent-encodes one path segment or query value. */
MUST_USE bool http_escape(struct buf *out, const char *text);

#endif
