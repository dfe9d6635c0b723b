/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server of the API, inside the controller's loop: on a unix socket, where the
 * peer's uid comes from the kernel, or on TCP with TLS. The only user of libmicrohttpd.
 * Loop thread only.
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <jansson.h>
#include <sys/types.h>
#include <uv.h>

#include "proto/base/err.h"
#include "proto/base/tls.h"

#define API_BODY_MAX (256 * 1024)
#define API_CONNECTIONS_MAX 64
#define API_CONNECTIONS_PER_CLIENT 16
#define API_WHO_ID 64

struct api_server;
struct api_route;

/* One request. Lives until it is answered, also when the client has gone meanwhile. */
struct api_request {
	void *ctx;		       /* of api_options */
	const struct api_route *route; /* NULL: an OPTIONS request */
	const char *method;	       /* "GET" */
	const char *path;	       /* as it came, without the query */
	const char *id;		       /* the {id} of the route, decoded; NULL = none */
	json_t *body;		       /* of a POST; NULL = none */
	bool local; /* over the unix socket: uid and pid are the kernel's word */
	uid_t uid;
	pid_t pid;
	char address[64]; /* of a TCP client */
	bool is_operator; /* came with an operator's certificate; set by the gate */
	char who[64];	  /* "uid 0", or the administrator's name; set by the gate */
	/* The administrator's zimbraId, "operator:NAME"; "" = local or nobody. */
	char who_id[API_WHO_ID];
	const char
	    *cors_origin; /* answers may be read by pages of this origin; NULL = none */
	char deed[200];	  /* what a change does, for the audit; set by its handler */
	/* Sees the answer before it leaves; NULL = nobody. */
	void (*on_reply)(struct api_request *rq, unsigned status, const json_t *body);
	struct api_connection *connection; /* private */
};

struct api_route {
	const char *method;
	const char *path;			/* "/v1/jobs/{id}/pause" */
	const char *right;			/* what the caller must be; gate.h */
	void (*handle)(struct api_request *rq); /* answers now or later, exactly once */
};

struct api_options {
	uv_loop_t *loop;
	const struct api_route *routes;
	size_t route_count;
	void *ctx;
	/* Looks at a request before its handler: true, or it has answered itself. */
	bool (*gate)(struct api_request *rq);
	/* A unix socket (an old socket file there is replaced, anything else refused), ... */
	const char *socket_path;
	const char *socket_group; /* NULL: root only */
	/* ... or TCP with TLS when socket_path is NULL. One such server a process. */
	const char *address;
	uint16_t port;
	struct api_identity *take_identity;
	/* Who signs the certificates that clients may show; borrowed. NULL: they show none. */
	const char *clients_ca_pem;
};

/* What the HTTPS server shows: a certificate, its chain and its key. */
struct api_identity;
/* Refused when they do not belong together. The texts are borrowed for the call. */
MUST_USE bool api_identity_new(const char *certificate_pem, const char *key_pem,
    struct api_identity **out, struct err *e);
void api_identity_free(struct api_identity **i);
int64_t api_identity_expires_s(const struct api_identity *i); /* wall clock, UTC */

MUST_USE bool api_server_start(
    const struct api_options *options, struct api_server **out, struct err *e);
void api_server_stop(struct api_server **server); /* requests not yet answered get 503 */
/* Whoever connects from now on is shown this one; connections that are open go on. */
void api_server_show(struct api_server *server, struct api_identity *take);

/* A client's certificate, as the HTTPS server sees it. */
enum api_shown {
	API_SHOWN_NOTHING,
	API_SHOWN_FOREIGN, /* not signed by clients_ca_pem, or not for clients */
	API_SHOWN_ENDED,   /* signed, but over or not valid yet */
	API_SHOWN_GOOD
};
struct api_certificate {
	char name[TLS_NAME_MAX]; /* common name */
	char fingerprint[TLS_FINGERPRINT_TEXT];
};
/* out is filled for the last two only. */
enum api_shown
api_certificate_of(const struct api_request *rq, struct api_certificate *out);

const char *api_query(const struct api_request *rq, const char *key); /* NULL = absent */
const char *
api_header(const struct api_request *rq, const char *name); /* NULL = absent */

#define API_ETAG_TEXT 40
/* The ETag that a GET's answer with this body carries. */
void api_etag_of(const json_t *body, char out[API_ETAG_TEXT]);
/* The answer will carry this one instead: for a body in which some values change with time
   alone, and those do not count. Before api_reply. */
void api_set_etag(struct api_request *rq, const char *etag);
/* Has the client closed its connection? Then whoever makes it wait need not. */
bool api_client_is_gone(const struct api_request *rq);

/* Answers; takes body. The request is gone afterwards. A GET's answer carries an ETag. */
void api_reply(struct api_request *rq, unsigned status, json_t *take_body);
/* Answers with {"error": {kind, text, next}}; the HTTP status follows from the kind. */
void api_refuse(struct api_request *rq, const struct err *e, const char *next);
/* The same where HTTP has a status of its own for it (401, 403, 428, 429). */
void api_problem(struct api_request *rq, unsigned status, const char *kind,
    const char *text, const char *next);
/* Not JSON: bytes that stay valid while the server runs, or a text that is taken. */
void
api_reply_file(struct api_request *rq, const char *type, const void *bytes, size_t len);
void api_reply_text(struct api_request *rq, const char *type, char *take_text);

#endif
