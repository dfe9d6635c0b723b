/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: opens identity, Zimbra's configuration, spool and leases, listens
 * for mail streams, dials the controller, looks around once a second, until SIGTERM.
 * What can go wrong at the start ends the process with a sentence. Not here: the link
 * (agent_link.c), what is asked over it (requests.c), the children (lane.c).
 */
#include "agent/agent.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/health/probes.h"
#include "agent/idle.h"
#include "agent/lane.h"
#include "agent/lease.h"
#include "agent/mailbox/inventory.h"
#include "agent/mailbox/spool.h"
#include "agent/session_look.h"
#include "proto/base/work.h"
#include "proto/base/xalloc.h"
#include "proto/version.h"
#include "proto/zimbra/soap.h"

#define TICK_MS 1000
#define LEASE_GRACE_S 20 /* a reconnect and one renewal */
#define TRIM_FIRST_S 5	 /* the start is over */
#define TRIM_EVERY_S 10
#define SOAP_TIMEOUT_MS 60000
#define MAIL_ADDRESS_MAX 63 /* a Hello has room for it (proto/check.c) */
#define MAIL_BACKLOG 64
#define END_WITHIN_MS 8000 /* a container's runtime kills after 10 s */
#define NODE_PREFIX "node:"
/* Every probe may hang at once, and leases must still be given back. */
#define POOL_THREADS 28
static_assert(POOL_THREADS > PROBES_MAX, "some are left when every probe hangs");

/* --- small services --- */

const char *
agent_resolve(const struct agent_conf *conf, const char *host)
{
	size_t len = strlen(host);

	for (size_t i = 0; conf->resolve != NULL && conf->resolve[i] != NULL; i++) {
		if (strncasecmp(conf->resolve[i], host, len) == 0 &&
		    conf->resolve[i][len] == '=')
			return conf->resolve[i] + len + 1;
	}
	return host;
}

struct soap_client *
agent_soap_within(const struct agent *a, unsigned timeout_ms)
{
	const struct soap_options options = {
	    .host = a->zimbra.host,
	    .admin_port = (uint16_t)a->zimbra.admin_port,
	    .admin_name = a->zimbra.admin_name,
	    .admin_password = a->zimbra.admin_password,
	    .ca_file = a->conf->zimbra_ca_file,
	    .resolve = (const char *const *)a->conf->resolve,
	    .timeout_ms = timeout_ms,
	    .cancelled = &a->cancelled,
	};

	return soap_client_new(&options);
}

struct soap_client *
agent_soap(const struct agent *a)
{
	return agent_soap_within(a, SOAP_TIMEOUT_MS);
}

/* --- opening --- */

static bool
agent_open_identity(struct agent *a, struct err *e)
{
	const char *name;

	if (!tls_context_load(a->conf->identity_file, &a->tls, e))
		return err_wrap(e, "identity_file");
	name = tls_context_name(a->tls);
	if (strncasecmp(name, NODE_PREFIX, strlen(NODE_PREFIX)) != 0)
		return err_set(e, ERR_REFUSED,
		    "%s: this identity is of \"%s\", not of an agent; on the controller "
		    "run: zmferry enroll NODE",
		    a->conf->identity_file, name);
	snprintf(a->node, sizeof(a->node), "%s", name + strlen(NODE_PREFIX));
	return true;
}

static bool
agent_open_zimbra(struct agent *a, struct err *e)
{
	if (!localconfig_load(a->conf->localconfig, &a->zimbra, e))
		return false;
	if (strcasecmp(a->zimbra.host, a->node) != 0)
		return err_set(e, ERR_REFUSED,
		    "%s is the identity of node %s, but this is %s (%s); run: zmferry "
		    "enroll %s",
		    a->conf->identity_file, a->node, a->zimbra.host, a->conf->localconfig,
		    a->zimbra.host);
	return true;
}

static bool
agent_check_spool(const struct agent_conf *conf, struct err *e)
{
	struct stat st;

	if (stat(conf->spool_dir, &st) != 0)
		return err_errno(e, ERR_REFUSED, errno, "spool_dir %s", conf->spool_dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(
		    e, ERR_REFUSED, "spool_dir %s is not a folder", conf->spool_dir);
	/* Who can write there can put links in place of spools. */
	if ((st.st_mode & 022) != 0 ||
	    (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0))
		return err_set(e, ERR_REFUSED,
		    "spool_dir %s: others may write there; run: chown zimbra %s; chmod "
		    "0700 "
		    "%s",
		    conf->spool_dir, conf->spool_dir, conf->spool_dir);
	if (access(conf->spool_dir, R_OK | W_OK | X_OK) != 0)
		return err_errno(e, ERR_REFUSED, errno,
		    "spool_dir %s: user %u cannot write there; run: chown zimbra %s",
		    conf->spool_dir, (unsigned)getuid(), conf->spool_dir);
	return true;
}

static bool
agent_open_spool(struct agent *a, struct err *e)
{
	const struct agent_conf *conf = a->conf;

	if (mkdir(conf->spool_dir, 0700) != 0 && errno != EEXIST)
		return err_errno(e, ERR_REFUSED, errno, "spool_dir %s", conf->spool_dir);
	if (!agent_check_spool(conf, e))
		return false;
	/* Folders are often made 0755; whose mail is in here is nobody else's business. */
	if (chmod(conf->spool_dir, 0700) != 0)
		log_warn(NULL, "spool_dir %s: chmod 0700: %s", conf->spool_dir,
		    strerror(errno));
	if (!conf->allow_ephemeral_spool && !spool_is_persistent(conf->spool_dir))
		log_error(NULL,
		    "spool_dir %s is lost with this container; no mailbox is received "
		    "until it lies on a volume",
		    conf->spool_dir);
	return agent_epoch_read(a, e) && leases_open(a, &a->leases, e);
}

bool
agent_check(const struct agent_conf *conf, struct err *e)
{
	struct agent a = {.conf = conf};
	bool ok = agent_open_identity(&a, e) && agent_open_zimbra(&a, e) &&
		  agent_check_spool(conf, e);

	tls_context_free(&a.tls);
	localconfig_fini(&a.zimbra);
	return ok;
}

/* --- the port for other agents' mail --- */

static void
agent_on_stream_handed_on(uv_handle_t *handle)
{
	free(handle);
}

/* The child needs a descriptor of its own; libuv's ends with its handle. */
static void
agent_on_stream(uv_stream_t *listener, int status)
{
	struct agent *a = listener->data;
	uv_tcp_t *tcp;
	uv_os_fd_t fd;

	if (status < 0) {
		log_warn(NULL, "mail port: %s", uv_strerror(status));
		return;
	}
	tcp = XNEW(uv_tcp_t);
	uv_tcp_init(&a->loop, tcp);
	status = uv_accept(listener, (uv_stream_t *)tcp);
	if (status == 0)
		status = uv_fileno((uv_handle_t *)tcp, &fd);
	if (status == 0) {
		int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		if (own >= 0)
			lanes_receive(a->lanes, own);
		else
			log_warn(NULL, "mail port: %s", strerror(errno));
	}
	uv_close((uv_handle_t *)tcp, agent_on_stream_handed_on);
}

static bool
agent_listen(struct agent *a, struct err *e)
{
	const struct agent_conf *conf = a->conf;
	struct sockaddr_storage address;
	int code;

	if (conf->mail_address != NULL && strlen(conf->mail_address) > MAIL_ADDRESS_MAX)
		return err_set(e, ERR_REFUSED,
		    "mail_address \"%.80s\" is longer than %d bytes; give the address "
		    "itself",
		    conf->mail_address, MAIL_ADDRESS_MAX);
	uv_tcp_init(&a->loop, &a->mail_port);
	a->mail_port.data = a;
	if (uv_ip4_addr(conf->listen_address, conf->mail_port,
		(struct sockaddr_in *)&address) != 0 &&
	    uv_ip6_addr(conf->listen_address, conf->mail_port,
		(struct sockaddr_in6 *)&address) != 0)
		return err_set(e, ERR_REFUSED, "listen_address \"%s\" is not an address",
		    conf->listen_address);
	code = uv_tcp_bind(&a->mail_port, (struct sockaddr *)&address, 0);
	if (code == 0)
		code = uv_listen(
		    (uv_stream_t *)&a->mail_port, MAIL_BACKLOG, agent_on_stream);
	if (code != 0)
		return err_set(e, ERR_REFUSED, "%s port %u (mail_port): %s%s",
		    conf->listen_address, conf->mail_port, uv_strerror(code),
		    code == UV_EADDRINUSE ? "; is another zmferry-agent running here?"
					  : "");
	return true;
}

/* --- the loop --- */

static void
agent_on_tick(uv_timer_t *timer)
{
	struct agent *a = timer->data;

	a->ticks++;
	if (a->ticks == TRIM_FIRST_S || a->ticks % TRIM_EVERY_S == 0)
		idle_trim();
	/* On disk stands the end without renewals: a controller that lives may renew first. */
	if (a->ticks > LEASE_GRACE_S)
		leases_tick(a->leases);
	probes_tick(a->probes);
	inventory_tick(a->inventory);
}

static void
agent_stop(struct agent *a)
{
	if (a->stopping)
		return;
	a->stopping = true;
	atomic_store(&a->cancelled, true);
	log_info(NULL, "stopping; what is under way is done again after the next start");
	lanes_stop(a->lanes);
	agent_link_stop(a);
	uv_close((uv_handle_t *)&a->mail_port, NULL);
	uv_close((uv_handle_t *)&a->tick, NULL);
	uv_close((uv_handle_t *)&a->sigterm, NULL);
	uv_close((uv_handle_t *)&a->sigint, NULL);
}

static void
agent_on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	agent_stop(handle->data);
}

static void
agent_start(struct agent *a)
{
	uv_timer_init(&a->loop, &a->tick);
	uv_signal_init(&a->loop, &a->sigterm);
	uv_signal_init(&a->loop, &a->sigint);
	a->tick.data = a->sigterm.data = a->sigint.data = a;
	uv_timer_start(&a->tick, agent_on_tick, 0, TICK_MS);
	uv_signal_start(&a->sigterm, agent_on_signal, SIGTERM);
	uv_signal_start(&a->sigint, agent_on_signal, SIGINT);
	log_info(NULL, "zmferry-agent %s for node %s, mail awaited on %s port %u",
	    ZMFERRY_VERSION, a->node, a->conf->listen_address, a->conf->mail_port);
	agent_link_start(a);
}

static void
agent_report_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	log_error(NULL, "left open at the end: a %s", uv_handle_type_name(handle->type));
}

/* A call that hangs in the kernel (a dead disk) would keep the process for ever. */
static void
agent_on_end_overdue(uv_timer_t *timer)
{
	(void)timer;
	log_error(NULL, "a call to a disk or to mailboxd hangs; ending without it");
	_exit(1);
}

static int
agent_end(struct agent *a)
{
	uv_timer_t overdue;
	int left;

	uv_timer_init(&a->loop, &overdue);
	uv_timer_start(&overdue, agent_on_end_overdue, END_WITHIN_MS, 0);
	uv_unref((uv_handle_t *)&overdue);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&overdue, NULL);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	left = uv_loop_close(&a->loop);
	if (left != 0)
		uv_walk(&a->loop, agent_report_handle, NULL);
	inventory_free(&a->inventory);
	session_look_free(&a->session_look);
	probes_free(&a->probes);
	lanes_free(&a->lanes);
	leases_free(&a->leases);
	localconfig_fini(&a->zimbra);
	tls_context_free(&a->tls);
	return left == 0 ? 0 : 1;
}

int
agent_run(const struct agent_conf *conf, const char *program)
{
	struct agent *a = XNEW(struct agent);
	struct err e;
	int code;

	a->conf = conf;
	a->program = program;
	signal(SIGPIPE, SIG_IGN);
	work_set_threads(POOL_THREADS);
	uv_loop_init(&a->loop);
	while (a->boot_id == 0 && getrandom(&a->boot_id, sizeof(a->boot_id), 0) < 0 &&
	       errno == EINTR)
		continue;
	if (!agent_open_identity(a, &e) || !agent_open_zimbra(a, &e) ||
	    !agent_open_spool(a, &e) || !agent_listen(a, &e)) {
		log_error(NULL, "%s", e.text);
		return err_exit_code(e.kind);
	}
	a->lanes = lanes_new(a);
	a->probes = probes_new(a);
	a->inventory = inventory_new(a);
	a->session_look = session_look_new(a);
	agent_start(a);
	/* Returns when agent_stop has closed everything and nothing is under way. */
	while (!a->stopping)
		uv_run(&a->loop, UV_RUN_ONCE);
	code = agent_end(a);
	free(a);
	return code;
}
