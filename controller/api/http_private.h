/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by http.c (requests and answers) and http_listen.c (sockets, the server's life). */
#ifndef API_HTTP_PRIVATE_H
#define API_HTTP_PRIVATE_H

#include <microhttpd.h>
#include <sys/queue.h>

#include "controller/api/http.h"
#include "proto/base/buf.h"

struct api_connection { /* one request on a connection */
	struct api_request request;
	struct api_server *server;
	struct MHD_Connection *http;
	struct MHD_Response *response; /* not NULL: answered */
	unsigned status;
	struct buf body;
	char id[256];
	char
	    etag[API_ETAG_TEXT]; /* of the answer, set by its handler; "" = by its text */
	bool suspended;
	bool handed_over;
	TAILQ_ENTRY(api_connection) link; /* while handed over and not answered */
};

/* A client's socket: how long it has kept us waiting. */
struct api_socket {
	int fd;
	uint64_t since_ms; /* monotonic: it connected, or was answered last */
	bool ours;	   /* a request of it is with us: the client is not to blame */
	LIST_ENTRY(api_socket) link;
};

struct api_server {
	uv_poll_t poll;
	uv_timer_t timer; /* libmicrohttpd's own wish to be run */
	uv_timer_t sweep; /* looks for clients that take too long */
	int open_handles;
	bool stopping;
	bool
	    again; /* libmicrohttpd must run once more: a socket closed, a request was answered */
	struct MHD_Daemon *daemon;
	int fd;
	char *path; /* of the unix socket; NULL = TCP */
	const struct api_route *routes;
	size_t route_count;
	bool (*gate)(struct api_request *rq);
	void *ctx;
	TAILQ_HEAD(, api_connection) waiting;
	LIST_HEAD(, api_socket) sockets;
};

/* For libmicrohttpd: the function that says which certificate is shown. */
void *api_tls_callback(void);
/* Takes what is shown from now on; NULL = nothing. */
void api_tls_show(struct api_identity *take);

/* Lets the loop run the server soon, from wherever we are. */
void api_server_kick(struct api_server *s);
/* The socket's record; NULL when it has none. */
struct api_socket *api_socket_of(struct MHD_Connection *http);

enum MHD_Result api_on_request(void *cls, struct MHD_Connection *http, const char *url,
    const char *method, const char *version, const char *data, size_t *size,
    void **state);
void api_on_completed(void *cls, struct MHD_Connection *http, void **state,
    enum MHD_RequestTerminationCode why);

#endif
