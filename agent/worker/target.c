/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's things as the steps at the target want them. */
#include <stdlib.h>
#include <string.h>

#include "agent/worker/worker.h"
#include "proto/frame.h"

static void
target_progress(
    void *ctx, uint64_t done, uint64_t total, uint64_t bytes, const char *text)
{
	worker_progress(ctx, done, total, bytes, text);
}

void
worker_target(struct worker *w, struct target *out)
{
	memset(out, 0, sizeof(*out));
	out->soap = w->soap;
	out->client = w->client;
	out->account_id = w->account_id;
	out->host = w->zimbra.host;
	out->spool_dir = w->spool_dir;
	out->move_id = w->move_id;
	out->log = &w->log;
	out->stopped = worker_is_stopped;
	out->progress = target_progress;
	out->ctx = w;
}

bool
worker_pin(struct worker *w, struct err *e)
{
	char *server_id = frame_string(&w->job->server_id);
	bool known = server_id[0] != '\0';

	if (known)
		soap_client_pin(w->soap, server_id);
	free(server_id);
	return known || err_set(e, ERR_RETRY, "this server's zimbraId is not known yet");
}
