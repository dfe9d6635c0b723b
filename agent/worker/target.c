/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's things as the steps at the target want them. */
#include <string.h>

#include "agent/worker/worker.h"

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
	out->account_id = w->account_id;
	out->host = w->zimbra.host;
	out->spool_dir = w->spool_dir;
	out->move_id = w->move_id;
	out->log = &w->log;
	out->stopped = worker_is_stopped;
	out->progress = target_progress;
	out->ctx = w;
}
