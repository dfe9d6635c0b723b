/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as one object: the link to the controller, the lanes of workers, leases,
 * probes and the mail port, on one loop.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdatomic.h>
#include <uv.h>

#include "agent/conf.h"
#include "agent/mailbox/localconfig.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/messages.pb-c.h"
#include "proto/limits.h"
#include "proto/peer.h"
#include "proto/skew.h"

struct lanes;
struct leases;
struct probes;
struct inventory;
struct session_look;
struct local_job;

struct agent {
	uv_loop_t loop;
	const struct agent_conf *conf;
	const char *program; /* our own executable, for workers */
	struct localconfig zimbra;
	char server_id[40]; /* zimbraId of this server, "" until known */
	struct tls_context *tls;
	char node[TLS_NAME_MAX]; /* without "node:" */
	struct peer *link;	 /* NULL: not connected */
	bool welcomed;
	struct skew skew; /* of this node's wall clock */
	uv_timer_t redial;
	unsigned redials;	   /* attempts since the last welcome */
	uint64_t away_since_ms;	   /* monotonic; 0 = welcomed */
	char away_why[LIMIT_TEXT]; /* as logged last */
	uint64_t boot_id;
	uint64_t epoch; /* highest obeyed; kept in spool_dir/epoch */
	char controller_id[40];
	uv_tcp_t mail_port;
	uv_timer_t tick;
	uint64_t ticks; /* seconds of life */
	uv_signal_t sigterm, sigint;
	struct lanes *lanes;
	struct leases *leases;
	struct probes *probes;
	struct inventory *inventory;
	struct session_look *session_look;
	struct local_job
	    *local_jobs; /* requests done in this process, under way on the pool */
	unsigned looks;	 /* at other nodes, under way on the pool (look.c) */
	bool stopping;
	atomic_bool
	    cancelled; /* polled by SOAP calls under way: the end waits for none */
};

/* Reads what conf names (identity, Zimbra's local configuration, spool) and changes nothing. */
MUST_USE bool agent_check(const struct agent_conf *conf, struct err *e);
/* Runs until SIGTERM; the process exit code. */
int agent_run(const struct agent_conf *conf, const char *program);

/* Sends to the controller when it is there; false = it is not (callers keep what matters). */
bool agent_send(struct agent *a, const Wire__Envelope *m);

/*
 * A SOAP client for the local mailboxd; owned by the caller. For the pool. Reads only what
 * does not change while the agent runs. timeout_ms of one call; agent_soap: a minute.
 */
struct soap_client *agent_soap(const struct agent *a);
struct soap_client *agent_soap_within(const struct agent *a, unsigned timeout_ms);
/* Address that conf's resolve gives this host, otherwise the host itself. Borrowed. */
const char *agent_resolve(const struct agent_conf *conf, const char *host);

/* The link to the controller (agent_link.c). Dials now; after that it looks after itself. */
void agent_link_start(struct agent *a);
void agent_link_stop(struct agent *a);
/* spool_dir/epoch: the controller obeyed so far. Missing: nobody yet. */
MUST_USE bool agent_epoch_read(struct agent *a, struct err *e);

#endif
