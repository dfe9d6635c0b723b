/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: libmicrohttpd's epoll descriptor is polled by the loop. What can go
 * wrong: the address is taken, a client that keeps its request to itself: its socket is shut.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/api/http_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define IDLE_TIMEOUT_S 30
#define SLOW_MS 40000 /* from connecting, or the last answer, to a whole request */
#define SWEEP_MS 5000
#define HANDLES 3

static void api_on_timer(uv_timer_t *handle);

static void
api_run(struct api_server *s)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (s->stopping)
		return;
	s->again = false;
	MHD_run(s->daemon);
	if (s->again)
		uv_timer_start(&s->timer, api_on_timer, 0, 0);
	else if (MHD_get_timeout(s->daemon, &timeout) == MHD_YES)
		uv_timer_start(
		    &s->timer, api_on_timer, timeout > 60000 ? 60000 : timeout, 0);
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

void
api_server_kick(struct api_server *s)
{
	/* From within a handler of another request api_run sets the timer once more. */
	s->again = true;
	if (!s->stopping)
		uv_timer_start(&s->timer, api_on_timer, 0, 0);
}

/* --- clients that take too long --- */

static void
api_on_socket(void *cls, struct MHD_Connection *http, void **socket_context,
    enum MHD_ConnectionNotificationCode what)
{
	struct api_server *s = cls;
	struct api_socket *k = *socket_context;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (k != NULL) {
			LIST_REMOVE(k, link);
			free(k);
		}
		/* At its limit it stops listening, and begins anew only in a later run,
		   which nothing else would cause. */
		s->again = true;
		*socket_context = NULL;
		return;
	}
	info = MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD);
	k = XNEW(struct api_socket);
	k->fd = info == NULL ? -1 : info->connect_fd;
	k->since_ms = clock_mono_ms();
	LIST_INSERT_HEAD(&s->sockets, k, link);
	*socket_context = k;
}

struct api_socket *
api_socket_of(struct MHD_Connection *http)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

static void
api_on_sweep(uv_timer_t *timer)
{
	struct api_server *s = timer->data;
	uint64_t now = clock_mono_ms();
	struct api_socket *k;

	LIST_FOREACH (k, &s->sockets, link) {
		if (!k->ours && k->fd >= 0 && now - k->since_ms > SLOW_MS)
			shutdown(k->fd,
			    SHUT_RDWR); /* libmicrohttpd sees an end and cleans up */
	}
}

/* --- listening --- */

static bool
api_listen_unix(struct api_server *s, const char *group, struct err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(s->path) >= sizeof(address.sun_path))
		return err_set(e, ERR_REFUSED, "%s: a socket path has at most %zu bytes",
		    s->path, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, s->path, strlen(s->path));
	if (lstat(s->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return err_set(
			    e, ERR_REFUSED, "%s: is there and is not a socket", s->path);
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
		log_warn(NULL, "%s: cannot give it to group %s: %s", s->path, group,
		    strerror(errno));
	return true;
}

static bool
api_listen_tcp(struct api_server *s, const char *address, uint16_t port, struct err *e)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	int yes = 1;

	if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return err_set(e, ERR_REFUSED,
		    "api_listen_address \"%s\" is not an address (try 0.0.0.0 or ::)",
		    address);
	s->fd = socket(
	    is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return err_errno(e, ERR_RETRY, errno, "socket");
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(s->fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		is_v4 ? sizeof(v4) : sizeof(v6)) != 0 ||
	    listen(s->fd, API_CONNECTIONS_MAX) != 0)
		return err_errno(
		    e, ERR_REFUSED, errno, "API on %s port %u", address, port);
	return true;
}

static bool
api_start_daemon(struct api_server *s, const struct api_options *o, struct err *e)
{
	const struct MHD_OptionItem trust = {
	    MHD_OPTION_HTTPS_MEM_TRUST, 0, (void *)(uintptr_t)o->clients_ca_pem};
	const struct MHD_OptionItem end = {MHD_OPTION_END, 0, NULL};
	const struct MHD_OptionItem tls[] = {
	    {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, api_tls_callback()},
	    {MHD_OPTION_HTTPS_PRIORITIES, 0,
		(void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
	    {MHD_OPTION_PER_IP_CONNECTION_LIMIT, API_CONNECTIONS_PER_CLIENT, NULL},
	    /* Asked for, never insisted on: browsers have none. */
	    o->clients_ca_pem == NULL ? end : trust,
	    end,
	};
	const struct MHD_OptionItem none[] = {end};
	bool is_tls = o->socket_path == NULL;
	unsigned flags =
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (is_tls ? MHD_USE_TLS : 0u);

	s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, api_on_request, s,
	    MHD_OPTION_LISTEN_SOCKET, s->fd, MHD_OPTION_NOTIFY_COMPLETED,
	    api_on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, api_on_socket, s,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_ARRAY,
	    is_tls ? tls : none, MHD_OPTION_END);
	if (s->daemon == NULL && is_tls)
		return err_set(e, ERR_REFUSED,
		    "HTTPS does not start: the certificate of the operators' authority "
		    "cannot be used; restore operators.pem in state_dir from a backup");
	if (s->daemon == NULL)
		BUG("libmicrohttpd does not start");
	return true;
}

static void
api_on_handle_closed(uv_handle_t *handle)
{
	struct api_server *s = handle->data;

	if (--s->open_handles > 0)
		return;
	MHD_stop_daemon(s->daemon);
	if (s->path != NULL)
		unlink(s->path);
	else
		api_tls_show(NULL);
	free(s->path);
	free(s);
}

bool
api_server_start(const struct api_options *o, struct api_server **out, struct err *e)
{
	struct api_server *s = XNEW(struct api_server);
	const union MHD_DaemonInfo *info;

	s->routes = o->routes;
	s->route_count = o->route_count;
	s->gate = o->gate;
	s->ctx = o->ctx;
	s->path = xstrdup(o->socket_path);
	s->fd = -1;
	if (s->path == NULL)
		api_tls_show(o->take_identity);
	TAILQ_INIT(&s->waiting);
	LIST_INIT(&s->sockets);
	if (!(s->path != NULL ? api_listen_unix(s, o->socket_group, e)
			      : api_listen_tcp(s, o->address, o->port, e)) ||
	    !api_start_daemon(s, o, e)) {
		if (s->fd >= 0)
			close(s->fd);
		if (s->path == NULL)
			api_tls_show(NULL);
		free(s->path);
		free(s);
		return false;
	}
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		BUG("libmicrohttpd has no epoll");
	uv_poll_init(o->loop, &s->poll, info->epoll_fd);
	uv_timer_init(o->loop, &s->timer);
	uv_timer_init(o->loop, &s->sweep);
	s->poll.data = s->timer.data = s->sweep.data = s;
	s->open_handles = HANDLES;
	uv_poll_start(&s->poll, UV_READABLE, api_on_poll);
	uv_timer_start(&s->timer, api_on_timer, 0, 0);
	uv_timer_start(&s->sweep, api_on_sweep, SWEEP_MS, SWEEP_MS);
	*out = s;
	return true;
}

void
api_server_show(struct api_server *server, struct api_identity *take)
{
	if (server->path != NULL)
		BUG("a unix socket shows no certificate");
	api_tls_show(take);
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
	err_set(&gone, ERR_RETRY,
	    "the controller is shutting down; try again when it is back");
	while ((c = TAILQ_FIRST(&s->waiting)) != NULL)
		api_refuse(
		    &c->request, &gone, "wait until it runs, then: zmferry status");
	MHD_run(s->daemon);
	s->stopping = true;
	uv_close((uv_handle_t *)&s->poll, api_on_handle_closed);
	uv_close((uv_handle_t *)&s->timer, api_on_handle_closed);
	uv_close((uv_handle_t *)&s->sweep, api_on_handle_closed);
}
