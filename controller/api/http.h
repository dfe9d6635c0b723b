/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server of the API on a unix socket, inside the controller's loop. The peer's
 * uid comes from the kernel. The only user of libmicrohttpd. Loop thread only.
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <jansson.h>
#include <sys/types.h>
#include <uv.h>

#include "proto/base/err.h"

#define API_BODY_MAX (256 * 1024)
#define API_CONNECTIONS_MAX 64

struct api_server;

/* One request. Lives until it is answered, also when the client has gone meanwhile. */
struct api_request {
	void *ctx;            /* of api_route_fn */
	const char *method;   /* "GET" */
	const char *id;       /* the {id} of the route, decoded; NULL = none */
	json_t *body;         /* of a POST; NULL = none */
	uid_t uid;
	pid_t pid;
	struct api_connection *connection; /* private */
};

struct api_route {
	const char *method;
	const char *path;     /* "/v1/jobs/{id}/pause" */
	const char *right;    /* what the caller must be: "read" or "change" */
	void (*handle)(struct api_request *rq); /* answers now or later, exactly once */
};

/* Takes the socket path (an old socket file there is replaced, anything else refused). */
MUST_USE bool api_server_start(uv_loop_t *loop, const char *socket_path, const char *group,
    const struct api_route *routes, size_t route_count, void *ctx, struct api_server **out,
    struct err *e);
void api_server_stop(struct api_server **server); /* requests not yet answered get 503 */

const char *api_query(const struct api_request *rq, const char *key); /* NULL = absent */
/* Answers; takes body. The request is gone afterwards. */
void api_reply(struct api_request *rq, unsigned status, json_t *take_body);
/* Answers with {"error": {kind, text, next}}; the HTTP status follows from the kind. */
void api_refuse(struct api_request *rq, const struct err *e, const char *next);

#endif
