/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocking library call on libuv's thread pool. Embed struct work first in a
 * struct of your own, copy the inputs into it, submit it; run() sees only that
 * struct, done() owns it again on the loop thread.
 */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include <stdatomic.h>
#include <uv.h>

#include "proto/base/err.h"

struct work {
	uv_work_t request;		/* private */
	bool (*run)(struct work *job);	/* pool thread: may touch only *job; fills err */
	void (*done)(struct work *job); /* loop thread: owns and frees *job */
	atomic_bool cancelled;		/* set by work_cancel, polled by run() */
	bool ok;
	struct err err;
};

/* Sets UV_THREADPOOL_SIZE; call once, before the first loop runs. */
void work_set_threads(unsigned threads);

/* Queues the job. Refuses (ERR_RETRY) above threads * 4 jobs; then the caller still owns it. */
MUST_USE bool work_submit(uv_loop_t *loop, struct work *job, struct err *e);

/* Asks a running job to stop soon; done() still comes, ok = false. */
void work_cancel(struct work *job);

unsigned work_pending(void); /* jobs queued or running, loop thread only */

#endif
