/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a whole request is collected, matched against the routes, passed
 * by the gate, handed over; its connection sleeps until api_reply. What can go wrong: too
 * large, not JSON, no such path, a client that leaves early. Not here: who may do what
 * (gate.c), sockets (http_listen.c).
 */
#include "controller/api/http.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/api/http_private.h"
#include "proto/base/clock.h"
#include "proto/base/secret.h"
#include "proto/base/xalloc.h"

#define CORS_KEPT_S "600"

/* --- answers --- */

/* FNV-1a, twice with different beginnings: equal answers, equal tags. */
static void
api_etag(const char *text, size_t len, char *out, size_t size)
{
	uint64_t a = 14695981039346656037u;
	uint64_t b = 0x9ae16a3b2f90404fu;

	for (size_t i = 0; i < len; i++) {
		a = (a ^ (unsigned char)text[i]) * 1099511628211u;
		b = (b ^ (unsigned char)text[i]) * 0x100000001b3u + (b >> 47);
	}
	snprintf(out, size, "\"%016" PRIx64 "%016" PRIx64 "\"", a, b);
}

void
api_etag_of(const json_t *body, char out[API_ETAG_TEXT])
{
	char *text = json_dumps(body, JSON_COMPACT);

	out[0] = '\0';
	if (text != NULL)
		api_etag(text, strlen(text), out, API_ETAG_TEXT);
	free(text);
}

void
api_set_etag(struct api_request *rq, const char *etag)
{
	snprintf(rq->connection->etag, sizeof(rq->connection->etag), "%s", etag);
}

bool
api_client_is_gone(const struct api_request *rq)
{
	const struct api_socket *socket = api_socket_of(rq->connection->http);
	struct pollfd look = {
	    .fd = socket == NULL ? -1 : socket->fd, .events = POLLRDHUP};

	return poll(&look, 1, 0) > 0 &&
	       (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void
api_add(struct api_connection *c, const char *name, const char *value)
{
	if (MHD_add_response_header(c->response, name, value) != MHD_YES)
		BUG("header %s cannot be set", name);
}

/* Headers that every answer has. */
static void
api_dress(struct api_connection *c)
{
	api_add(c, "X-Content-Type-Options", "nosniff");
	if (c->request.local)
		return;
	api_add(c, "Vary", "Origin");
	api_add(c, "Referrer-Policy", "no-referrer");
	if (c->request.cors_origin != NULL) {
		api_add(c, "Access-Control-Allow-Origin", c->request.cors_origin);
		api_add(c, "Access-Control-Expose-Headers", "ETag, Retry-After");
	}
	if (c->status == 401)
		api_add(c, "WWW-Authenticate", "Bearer");
	if (c->status == 429)
		api_add(c, "Retry-After", "10");
}

/* Takes text (from malloc). */
static void
api_set_response(struct api_connection *c, unsigned status, const char *type, char *text)
{
	const char *known = api_header(&c->request, "If-None-Match");
	char etag[API_ETAG_TEXT] = "";
	size_t len = strlen(text);

	if (status == 200 && c->etag[0] != '\0')
		snprintf(etag, sizeof(etag), "%s", c->etag);
	else if (status == 200 && strcmp(c->request.method, "GET") == 0)
		api_etag(text, len, etag, sizeof(etag));
	if (known != NULL && etag[0] != '\0' && strcmp(known, etag) == 0) {
		status = 304;
		len = 0;
	}
	c->response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	c->status = status;
	if (status != 304)
		api_add(c, "Content-Type", type);
	if (etag[0] != '\0')
		api_add(c, "ETag", etag);
	api_add(c, "Cache-Control", "no-store");
	api_dress(c);
}

/* The answer stands in c->response: it leaves. */
static void
api_release(struct api_connection *c)
{
	struct api_socket *socket = api_socket_of(c->http);

	if (socket != NULL) {
		socket->ours = false;
		socket->since_ms = clock_mono_ms();
	}
	if (!c->handed_over)
		return;
	TAILQ_REMOVE(&c->server->waiting, c, link);
	c->handed_over = false;
	if (c->suspended) {
		c->suspended = false;
		MHD_resume_connection(c->http);
		api_server_kick(c->server);
	}
}

void
api_reply(struct api_request *rq, unsigned status, json_t *take_body)
{
	struct api_connection *c = rq->connection;
	char *text;

	if (c->response != NULL)
		BUG("request answered twice");
	if (rq->on_reply != NULL)
		rq->on_reply(rq, status, take_body);
	text = json_dumps(take_body, JSON_COMPACT);
	json_decref(take_body);
	if (text == NULL)
		text = xstrdup("{\"error\":{\"kind\":\"corrupt\",\"text\":\"an answer "
			       "was not UTF-8\",\"next\":\"\"}}");
	api_set_response(c, status, "application/json", text);
	api_release(c);
}

void
api_problem(struct api_request *rq, unsigned status, const char *kind, const char *text,
    const char *next)
{
	json_t *value = json_string(text);

	api_reply(rq, status,
	    json_pack("{s{sssoss}}", "error", "kind", kind, "text",
		value != NULL ? value : json_string("(not UTF-8)"), "next",
		next == NULL ? "" : next));
}

void
api_refuse(struct api_request *rq, const struct err *e, const char *next)
{
	static const unsigned statuses[ERR_KIND_COUNT] = {
	    [ERR_NONE] = 500,
	    [ERR_RETRY] = 503,
	    [ERR_REFUSED] = 409,
	    [ERR_PEER] = 502,
	    [ERR_CORRUPT] = 500,
	    [ERR_CANCELLED] = 409,
	    [ERR_FULL] = 507,
	};

	api_problem(rq, statuses[e->kind], err_kind_name(e->kind), e->text, next);
}

/* The controller's own page: it may load nothing but its own files and talk to nobody else. */
void
api_reply_file(struct api_request *rq, const char *type, const void *bytes, size_t len)
{
	struct api_connection *c = rq->connection;

	c->response = MHD_create_response_from_buffer(
	    len, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT);
	c->status = 200;
	api_add(c, "Content-Type", type);
	api_add(c, "Cache-Control", "no-cache");
	api_add(c, "X-Frame-Options", "DENY");
	api_add(c, "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
	    "'self'; "
	    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors "
	    "'none'");
	api_dress(c);
	api_release(c);
}

void
api_reply_text(struct api_request *rq, const char *type, char *take_text)
{
	api_set_response(rq->connection, 200, type, take_text);
	api_release(rq->connection);
}

/* --- requests --- */

const char *
api_query(const struct api_request *rq, const char *key)
{
	return MHD_lookup_connection_value(
	    rq->connection->http, MHD_GET_ARGUMENT_KIND, key);
}

const char *
api_header(const struct api_request *rq, const char *name)
{
	return MHD_lookup_connection_value(rq->connection->http, MHD_HEADER_KIND, name);
}

/* Does path match the pattern? The segment at {id} is copied to id. */
static bool
api_match(const char *pattern, const char *path, char *id, size_t id_size)
{
	const char *mark = strstr(pattern, "{id}");
	size_t before = mark == NULL ? 0 : (size_t)(mark - pattern);
	size_t length;

	if (mark == NULL)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, before) != 0)
		return false;
	length = strcspn(path + before, "/");
	if (length == 0 || length >= id_size ||
	    strcmp(path + before + length, mark + 4) != 0)
		return false;
	memcpy(id, path + before, length);
	id[length] = '\0';
	MHD_http_unescape(id);
	return true;
}

static void
api_fail(struct api_connection *c, unsigned status, const char *text)
{
	api_problem(&c->request, status, "refused", text,
	    "the API is described in docs/openapi.json");
}

static void
api_peer(struct api_connection *c)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c->http, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *from =
	    MHD_get_connection_info(c->http, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct api_request *rq = &c->request;
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t size = sizeof(peer);

	rq->local = c->server->path != NULL;
	if (rq->local && (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET,
					      SO_PEERCRED, &peer, &size) != 0))
		peer.uid = (uid_t)-1;
	rq->uid = peer.uid;
	rq->pid = peer.pid;
	if (rq->local || from == NULL || from->client_addr == NULL)
		return;
	if (from->client_addr->sa_family == AF_INET)
		inet_ntop(AF_INET,
		    &((const struct sockaddr_in *)(const void *)from->client_addr)
			 ->sin_addr,
		    rq->address, sizeof(rq->address));
	else if (from->client_addr->sa_family == AF_INET6)
		inet_ntop(AF_INET6,
		    &((const struct sockaddr_in6 *)(const void *)from->client_addr)
			 ->sin6_addr,
		    rq->address, sizeof(rq->address));
}

static const struct api_route *
api_route_find(
    struct api_connection *c, const char *method, const char *url, bool *path_known)
{
	const struct api_server *s = c->server;

	*path_known = false;
	for (size_t i = 0; i < s->route_count; i++) {
		if (!api_match(s->routes[i].path, url, c->id, sizeof(c->id)))
			continue;
		*path_known = true;
		if (strcmp(s->routes[i].method, method) == 0)
			return &s->routes[i];
	}
	return NULL;
}

/* A browser asks whether a page of another origin may send what it wants to send. */
static void
api_preflight(struct api_connection *c)
{
	if (!c->server->gate(&c->request))
		return;
	c->response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	c->status = 204;
	api_add(c, "Access-Control-Allow-Methods", "GET, POST, DELETE");
	api_add(c, "Access-Control-Allow-Headers",
	    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key");
	api_add(c, "Access-Control-Max-Age", CORS_KEPT_S);
	api_dress(c);
}

static bool
api_read_body(struct api_connection *c)
{
	const char *type = api_header(&c->request, "Content-Type");

	if (!c->request.local && strcmp(c->request.method, "POST") == 0 &&
	    (type == NULL || strncmp(type, "application/json", 16) != 0)) {
		api_fail(c, 415, "a POST takes Content-Type: application/json");
		return false;
	}
	if (c->body.len == 0)
		return true;
	c->request.body =
	    json_loadb(buf_str(&c->body), c->body.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(c->request.body))
		return true;
	api_fail(c, 400, "the body is not a JSON object");
	return false;
}

static void
api_dispatch(struct api_connection *c)
{
	struct api_request *rq = &c->request;
	bool path_known;

	if (!rq->local && strcmp(rq->method, "OPTIONS") == 0) {
		api_preflight(c);
		return;
	}
	rq->route = api_route_find(c, rq->method, rq->path, &path_known);
	rq->id = c->id;
	if (rq->route == NULL) {
		api_fail(c, path_known ? 405 : 404,
		    path_known ? "that path does not take this method"
			       : "no such path in this API");
		return;
	}
	if (!c->server->gate(rq) || !api_read_body(c))
		return;
	c->handed_over = true;
	TAILQ_INSERT_TAIL(&c->server->waiting, c, link);
	rq->route->handle(rq);
}

/* The first call for a request: its headers are there. */
static struct api_connection *
api_begin(struct api_server *s, struct MHD_Connection *http, const char *url,
    const char *method)
{
	struct api_connection *c = XNEW(struct api_connection);

	c->server = s;
	c->http = http;
	c->request.connection = c;
	c->request.ctx = s->ctx;
	c->request.method = method;
	c->request.path = url;
	buf_init(&c->body, API_BODY_MAX);
	api_peer(c);
	return c;
}

enum MHD_Result
api_on_request(void *cls, struct MHD_Connection *http, const char *url,
    const char *method, const char *version, const char *data, size_t *size, void **state)
{
	struct api_connection *c = *state;
	struct api_socket *socket;

	(void)version;
	if (c == NULL) {
		*state = api_begin(cls, http, url, method);
		return MHD_YES;
	}
	if (*size > 0) {
		if (c->response == NULL && !buf_add(&c->body, data, *size))
			api_fail(c, 413, "the body is too large");
		*size = 0;
		return MHD_YES;
	}
	socket = api_socket_of(http);
	if (c->response == NULL) {
		if (socket != NULL)
			socket->ours = true;
		api_dispatch(c);
	}
	if (c->response != NULL) {
		if (socket != NULL) {
			socket->ours = false;
			socket->since_ms = clock_mono_ms();
		}
		return MHD_queue_response(http, c->status, c->response);
	}
	c->suspended = true;
	MHD_suspend_connection(http);
	return MHD_YES;
}

void
api_on_completed(void *cls, struct MHD_Connection *http, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct api_connection *c = *state;
	struct api_socket *socket = api_socket_of(http);

	(void)cls;
	(void)why;
	if (socket != NULL)
		socket->since_ms = clock_mono_ms();
	if (c == NULL)
		return;
	if (c->handed_over)
		TAILQ_REMOVE(&c->server->waiting, c, link);
	if (c->response != NULL)
		MHD_destroy_response(c->response);
	json_decref(c->request.body);
	if (c->body.data != NULL) /* a password or token may have been in it */
		secret_wipe(c->body.data, c->body.len);
	buf_fini(&c->body);
	free(c);
	*state = NULL;
}
