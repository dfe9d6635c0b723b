/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking calls on libuv's pool, with a ceiling instead of an endless queue. */
#include "proto/base/work.h"

#include <stdio.h>
#include <stdlib.h>

#define WORK_PER_THREAD 4

static unsigned work_threads = 4;
static unsigned work_count;

void
work_set_threads(unsigned threads)
{
	char text[16];

	work_threads = threads;
	snprintf(text, sizeof(text), "%u", threads);
	setenv("UV_THREADPOOL_SIZE", text, 1);
}

static void
work_run(uv_work_t *request)
{
	struct work *job = request->data;

	/* Asked to stop while it still stood in the queue: the outside need not be touched. */
	if (atomic_load(&job->cancelled))
		job->ok = err_set(
		    &job->err, ERR_CANCELLED, "stopped as asked, before it began");
	else
		job->ok = job->run(job);
}

static void
work_done(uv_work_t *request, int status)
{
	struct work *job = request->data;

	work_count--;
	if (status != 0)
		job->ok = err_set(
		    &job->err, ERR_CANCELLED, "not started: the program is ending");
	else if (job->ok && atomic_load(&job->cancelled))
		job->ok = err_set(
		    &job->err, ERR_CANCELLED, "stopped as asked, after it was done");
	job->done(job);
}

bool
work_submit(uv_loop_t *loop, struct work *job, struct err *e)
{
	int result;

	if (work_count >= work_threads * WORK_PER_THREAD)
		return err_set(e, ERR_RETRY,
		    "busy: %u calls to the outside are under way", work_count);
	job->request.data = job;
	job->ok = false;
	result = uv_queue_work(loop, &job->request, work_run, work_done);
	if (result != 0)
		return err_set(e, ERR_RETRY, "thread pool: %s", uv_strerror(result));
	work_count++;
	return true;
}

void
work_cancel(struct work *job)
{
	atomic_store(&job->cancelled, true);
}

unsigned
work_pending(void)
{
	return work_count;
}
