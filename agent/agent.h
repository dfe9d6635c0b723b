/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as one object: the link to the controller, the lanes of workers, leases,
 * probes and the mail port, on one loop.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <uv.h>

#include "agent/conf.h"
#include "agent/mailbox/localconfig.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/messages.pb-c.h"
#include "proto/limits.h"
#include "proto/peer.h"

struct lanes;
struct leases;
struct probes;

struct agent {
	uv_loop_t loop;
	const struct agent_conf *conf;
	const char *program;           /* our own executable, for workers */
	struct localconfig zimbra;
	char server_id[40];            /* zimbraId of this server, "" until known */
	struct tls_context *tls;
	char node[TLS_NAME_MAX];       /* without "node:" */
	struct peer *link;             /* NULL: not connected */
	bool welcomed;
	uv_timer_t redial;
	unsigned redials;
	uint64_t boot_id;
	uint64_t epoch;                /* highest obeyed; kept in spool_dir/epoch */
	char controller_id[40];
	uv_tcp_t mail_port;
	uv_timer_t tick;
	uv_signal_t sigterm, sigint;
	struct lanes *lanes;
	struct leases *leases;
	struct probes *probes;
	bool stopping;
};

/* Runs until SIGTERM; the process exit code. */
int agent_run(const struct agent_conf *conf, const char *program);

/* Sends to the controller when it is there; false = it is not (callers keep what matters). */
bool agent_send(struct agent *a, const Wire__Envelope *m);

/* A SOAP client for the local mailboxd; owned by the caller. For the pool and workers. */
struct soap_client *agent_soap(const struct agent *a);

#endif
