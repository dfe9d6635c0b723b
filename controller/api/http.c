/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: libmicrohttpd's epoll descriptor is polled by the loop, a whole
 * request is collected, matched against the routes, handed over; its connection sleeps
 * until api_reply. What can go wrong: too large, not JSON, no such path, a client that
 * leaves early. Not here: what a route does.
 */
#include "controller/api/http.h"

#include <errno.h>
#include <grp.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define IDLE_TIMEOUT_S 30

struct api_connection {
	struct api_request request;
	struct api_server *server;
	struct MHD_Connection *http;
	struct MHD_Response *response; /* not NULL: answered */
	unsigned status;
	struct buf body;
	char id[256];
	bool suspended;
	bool handed_over;
	TAILQ_ENTRY(api_connection) link; /* while handed over and not answered */
};

struct api_server {
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	bool stopping;
	struct MHD_Daemon *daemon;
	int fd;
	char *path;
	const struct api_route *routes;
	size_t route_count;
	void *ctx;
	TAILQ_HEAD(, api_connection) waiting;
};

static void
api_run(struct api_server *s)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (s->stopping)
		return;
	MHD_run(s->daemon);
	if (MHD_get_timeout(s->daemon, &timeout) == MHD_YES)
		uv_timer_start(&s->timer, s->timer.timer_cb, timeout > 60000 ? 60000 : timeout, 0);
	else
		uv_timer_stop(&s->timer);
}

static void
api_on_poll(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	api_run(handle->data);
}

static void
api_on_timer(uv_timer_t *handle)
{
	api_run(handle->data);
}

/* --- answers --- */

static void
api_set_response(struct api_connection *c, unsigned status, json_t *take_body)
{
	char *text = json_dumps(take_body, JSON_COMPACT);
	size_t len;

	json_decref(take_body);
	if (text == NULL)
		text = xstrdup("{\"error\":{\"kind\":\"corrupt\",\"text\":\"an answer was not UTF-8\"}}");
	len = strlen(text);
	c->response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(c->response, "Content-Type", "application/json");
	MHD_add_response_header(c->response, "Cache-Control", "no-store");
	c->status = status;
}

void
api_reply(struct api_request *rq, unsigned status, json_t *take_body)
{
	struct api_connection *c = rq->connection;

	if (c->response != NULL)
		BUG("request answered twice");
	api_set_response(c, status, take_body);
	if (!c->handed_over)
		return;
	TAILQ_REMOVE(&c->server->waiting, c, link);
	c->handed_over = false;
	if (c->suspended) {
		c->suspended = false;
		MHD_resume_connection(c->http);
		/* The reply may come from deep inside a callback: let the loop run MHD. */
		uv_timer_start(&c->server->timer, api_on_timer, 0, 0);
	}
}

void
api_refuse(struct api_request *rq, const struct err *e, const char *next)
{
	static const unsigned statuses[ERR_KIND_COUNT] = {
		[ERR_NONE] = 500,    [ERR_RETRY] = 503,   [ERR_REFUSED] = 409,
		[ERR_PEER] = 502,    [ERR_CORRUPT] = 500, [ERR_CANCELLED] = 409,
	};

	api_reply(rq, statuses[e->kind],
	    json_pack("{s{ssssss}}", "error", "kind", err_kind_name(e->kind), "text", e->text,
	        "next", next == NULL ? "" : next));
}

const char *
api_query(const struct api_request *rq, const char *key)
{
	return MHD_lookup_connection_value(rq->connection->http, MHD_GET_ARGUMENT_KIND, key);
}

/* --- requests --- */

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
	if (length == 0 || length >= id_size || strcmp(path + before + length, mark + 4) != 0)
		return false;
	memcpy(id, path + before, length);
	id[length] = '\0';
	MHD_http_unescape(id);
	return true;
}

static void
api_fail(struct api_connection *c, unsigned status, const char *text)
{
	api_reply(&c->request, status,
	    json_pack("{s{ssssss}}", "error", "kind", "refused", "text", text, "next", ""));
}

static void
api_peer(struct api_connection *c)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c->http, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);

	if (info == NULL ||
	    getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		peer.uid = (uid_t)-1;
	c->request.uid = peer.uid;
	c->request.pid = peer.pid;
}

static void
api_dispatch(struct api_connection *c, const char *method, const char *url)
{
	struct api_server *s = c->server;
	bool path_known = false;

	c->request.ctx = s->ctx;
	c->request.connection = c;
	c->request.method = method;
	api_peer(c);
	if (c->body.len > 0) {
		c->request.body =
		    json_loadb(buf_str(&c->body), c->body.len, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(c->request.body)) {
			api_fail(c, 400, "the body is not a JSON object");
			return;
		}
	}
	for (size_t i = 0; i < s->route_count; i++) {
		const struct api_route *r = &s->routes[i];

		if (!api_match(r->path, url, c->id, sizeof(c->id)))
			continue;
		path_known = true;
		if (strcmp(r->method, method) != 0)
			continue;
		c->request.id = c->id;
		c->handed_over = true;
		TAILQ_INSERT_TAIL(&s->waiting, c, link);
		r->handle(&c->request);
		return;
	}
	api_fail(c, path_known ? 405 : 404, path_known ? "that path does not take this method"
	                                               : "no such path in this API");
}

static enum MHD_Result
api_on_request(void *cls, struct MHD_Connection *http, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state)
{
	struct api_connection *c = *state;

	(void)version;
	if (c == NULL) {
		c = XNEW(struct api_connection);
		c->server = cls;
		c->http = http;
		buf_init(&c->body, API_BODY_MAX);
		*state = c;
		return MHD_YES;
	}
	if (*size > 0) {
		if (c->response == NULL && !buf_add(&c->body, data, *size))
			api_fail(c, 413, "the body is too large");
		*size = 0;
		return MHD_YES;
	}
	if (c->response == NULL && c->request.connection == NULL)
		api_dispatch(c, method, url);
	if (c->response != NULL)
		return MHD_queue_response(http, c->status, c->response);
	c->suspended = true;
	MHD_suspend_connection(http);
	return MHD_YES;
}

static void
api_on_completed(void *cls, struct MHD_Connection *http, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct api_connection *c = *state;

	(void)cls;
	(void)http;
	(void)why;
	if (c == NULL)
		return;
	if (c->handed_over)
		TAILQ_REMOVE(&c->server->waiting, c, link);
	if (c->response != NULL)
		MHD_destroy_response(c->response);
	json_decref(c->request.body);
	buf_fini(&c->body);
	free(c);
	*state = NULL;
}

/* --- life --- */

static bool
api_listen(struct api_server *s, const char *group, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;

	if (strlen(s->path) >= sizeof(address.sun_path))
		return err_set(e, ERR_REFUSED, "%s: a socket path has at most %zu bytes", s->path,
		    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, s->path, strlen(s->path));
	if (lstat(s->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return err_set(e, ERR_REFUSED, "%s: is there and is not a socket", s->path);
		unlink(s->path);
	}
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return err_errno(e, ERR_RETRY, errno, "socket");
	mode_t mask = umask(0117);
	int result = bind(s->fd, (struct sockaddr *)&address, sizeof(address));

	umask(mask);
	if (result != 0 || listen(s->fd, API_CONNECTIONS_MAX) != 0)
		return err_errno(e, ERR_REFUSED, errno, "%s", s->path);
	const struct group *g = group == NULL ? NULL : getgrnam(group);

	if (g != NULL && chown(s->path, (uid_t)-1, g->gr_gid) != 0)
		log_warn(NULL, "%s: cannot give it to group %s: %s", s->path, group, strerror(errno));
	return true;
}

static void
api_on_handle_closed(uv_handle_t *handle)
{
	struct api_server *s = handle->data;

	if (--s->open_handles > 0)
		return;
	MHD_stop_daemon(s->daemon);
	unlink(s->path);
	free(s->path);
	free(s);
}

bool
api_server_start(uv_loop_t *loop, const char *socket_path, const char *group,
    const struct api_route *routes, size_t route_count, void *ctx, struct api_server **out,
    struct err *e)
{
	struct api_server *s = XNEW(struct api_server);
	const union MHD_DaemonInfo *info;

	s->loop = loop;
	s->routes = routes;
	s->route_count = route_count;
	s->ctx = ctx;
	s->path = xstrdup(socket_path);
	s->fd = -1;
	TAILQ_INIT(&s->waiting);
	if (!api_listen(s, group, e)) {
		if (s->fd >= 0)
			close(s->fd);
		free(s->path);
		free(s);
		return false;
	}
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
	    api_on_request, s, MHD_OPTION_LISTEN_SOCKET, s->fd, MHD_OPTION_NOTIFY_COMPLETED,
	    api_on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_END);
	info = s->daemon == NULL ? NULL : MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		BUG("libmicrohttpd does not start with epoll");
	uv_poll_init(loop, &s->poll, info->epoll_fd);
	uv_timer_init(loop, &s->timer);
	s->poll.data = s;
	s->timer.data = s;
	s->open_handles = 2;
	uv_poll_start(&s->poll, UV_READABLE, api_on_poll);
	uv_timer_start(&s->timer, api_on_timer, 0, 0);
	*out = s;
	return true;
}

void
api_server_stop(struct api_server **server)
{
	struct api_server *s = *server;
	struct api_connection *c;
	struct err gone;

	if (s == NULL)
		return;
	*server = NULL;
	err_set(&gone, ERR_RETRY, "the controller is shutting down; try again when it is back");
	while ((c = TAILQ_FIRST(&s->waiting)) != NULL)
		api_refuse(&c->request, &gone, "");
	MHD_run(s->daemon);
	s->stopping = true;
	uv_close((uv_handle_t *)&s->poll, api_on_handle_closed);
	uv_close((uv_handle_t *)&s->timer, api_on_handle_closed);
}
