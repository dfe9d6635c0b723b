/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: one child process of the agent that does one step of one move, blocking.
 * Job on standard input, progress and one result on descriptor 3, log on stderr.
 */
#ifndef AGENT_WORKER_H
#define AGENT_WORKER_H

#include "agent/mailbox/client.h"
#include "agent/mailbox/localconfig.h"
#include "agent/mailbox/target.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/messages.pb-c.h"
#include "proto/zimbra/soap.h"

#define WORKER_RESULT_FD 3
#define WORKER_SOCKET_FD 4 /* receive only: an accepted connection */

struct worker {
	const Wire__WorkerJob *job;
	const Wire__StepRequest *step; /* NULL for receive */
	struct localconfig zimbra;
	struct soap_client *soap; /* local mailboxd */
	struct client client;	  /* its archives */
	char **resolve;		  /* NULL-terminated */
	char *spool_dir;
	char account_id[64];
	char account_name[300];
	char move_id[48];
	struct log log;
	uint64_t last_progress_ms;
	unsigned brought; /* how often the mailbox was loaded again (keeper.h) */
	/* what the result will carry; strings and lists live until the worker ends */
	Wire__StepResult *result;
};

typedef bool (*worker_fn)(struct worker *w, struct err *e);

bool worker_export(struct worker *w, struct err *e);
bool worker_receive(struct worker *w, struct err *e);
bool worker_steer(struct worker *w, struct err *e);
bool worker_seed(struct worker *w, struct err *e);
bool worker_import(struct worker *w, struct err *e);
bool worker_mend(struct worker *w, struct err *e);
bool worker_verify(struct worker *w, struct err *e);
bool
worker_short(struct worker *w, struct err *e); /* preflight, fence, unfence, drop_row */

/* Tells how far it is, at most once a second. */
void worker_progress(
    struct worker *w, uint64_t done, uint64_t total, uint64_t bytes, const char *text);
/* Stopped by SIGTERM: long loops look. */
bool worker_is_stopped(void);

/* What the steps at the target share; target_open is the caller's. */
void worker_target(struct worker *w, struct target *out);
/* Every call from here on is done by the local mailboxd itself, wherever the account lives. */
MUST_USE bool worker_pin(struct worker *w, struct err *e);
/* target_open of a mailbox whose account lives elsewhere; a keeper that a crash left goes. */
MUST_USE bool worker_open_early(struct worker *w, struct target *t, struct err *e);
/* After a pinned call failed with why: the mailbox was not loaded any more, and is now. Then
   what failed may be done again. false: it is something else, or why says what hindered. */
bool worker_bring_back(struct worker *w, struct err *why);

/* The entry, called by main for "zmferry-agent worker NAME". */
int worker_main(int argc, char **argv);

#endif
