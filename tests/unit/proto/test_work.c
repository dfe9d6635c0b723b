/* SPDX-License-Identifier: Apache-2.0 */
/* Work items on a real loop and pool: results come back, cancelling works, the queue is bounded. */
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/work.h"
#include "tests/unit/check.h"

#define THREADS 2
#define CEILING (THREADS * 4)

struct job {
	struct work work;
	sem_t *started; /* run() posts it, may be NULL */
	sem_t *go;	/* run() waits for it, may be NULL */
	bool was_run;
	bool was_done;
};

static bool
job_run(struct work *work)
{
	struct job *j = (struct job *)work;

	j->was_run = true;
	if (j->started != NULL)
		sem_post(j->started);
	if (j->go != NULL)
		sem_wait(j->go);
	return true;
}

static bool
job_run_fails(struct work *work)
{
	return err_set(&work->err, ERR_RETRY, "no answer");
}

/* As curl's progress callback does: looks again and again. */
static bool
job_run_until_cancelled(struct work *work)
{
	struct job *j = (struct job *)work;

	j->was_run = true;
	sem_post(j->started);
	while (!atomic_load(&work->cancelled))
		;
	return err_set(&work->err, ERR_CANCELLED, "stopped");
}

static void
job_done(struct work *work)
{
	((struct job *)work)->was_done = true;
}

static void
job_init(struct job *j, bool (*run)(struct work *))
{
	memset(j, 0, sizeof(*j));
	j->work.run = run;
	j->work.done = job_done;
}

static uv_loop_t loop;

static void
submit(struct job *j)
{
	struct err e = {ERR_NONE, ""};

	if (!work_submit(&loop, &j->work, &e))
		fail_msg("%s", e.text);
}

static void
test_work_result_comes_back(void **state)
{
	struct job good;
	struct job bad;

	(void)state;
	job_init(&good, job_run);
	job_init(&bad, job_run_fails);
	submit(&good);
	submit(&bad);
	CHECK_INT(work_pending(), 2);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(good.was_done && good.work.ok);
	CHECK(bad.was_done && !bad.work.ok);
	CHECK_STR(bad.work.err.text, "no answer");
	CHECK_INT(work_pending(), 0);
}

static void
test_work_running_stops_when_cancelled(void **state)
{
	sem_t started;
	struct job j;

	(void)state;
	sem_init(&started, 0, 0);
	job_init(&j, job_run_until_cancelled);
	j.started = &started;
	submit(&j);
	sem_wait(&started);
	work_cancel(&j.work);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(j.was_done && !j.work.ok);
	CHECK_INT(j.work.err.kind, ERR_CANCELLED);
	sem_destroy(&started);
}

/* All threads are held, so what is behind them has not begun; it must not begin later. */
static void
test_work_cancelled_in_the_queue_never_runs(void **state)
{
	struct job held[THREADS];
	struct job waiting;
	sem_t started;
	sem_t go;

	(void)state;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	for (int i = 0; i < THREADS; i++) {
		job_init(&held[i], job_run);
		held[i].started = &started;
		held[i].go = &go;
		submit(&held[i]);
	}
	for (int i = 0; i < THREADS; i++)
		sem_wait(&started);
	job_init(&waiting, job_run);
	submit(&waiting);
	work_cancel(&waiting.work);
	for (int i = 0; i < THREADS; i++)
		sem_post(&go);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(!waiting.was_run);
	CHECK(waiting.was_done && !waiting.work.ok);
	CHECK_INT(waiting.work.err.kind, ERR_CANCELLED);
	sem_destroy(&started);
	sem_destroy(&go);
}

static void
test_work_done_in_spite_of_cancel_is_not_ok(void **state)
{
	sem_t started;
	sem_t go;
	struct job j;

	(void)state;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	job_init(&j, job_run);
	j.started = &started;
	j.go = &go;
	submit(&j);
	sem_wait(&started);
	work_cancel(&j.work);
	sem_post(&go);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(j.was_run && j.was_done && !j.work.ok);
	CHECK_INT(j.work.err.kind, ERR_CANCELLED);
	sem_destroy(&started);
	sem_destroy(&go);
}

static void
test_work_refuses_above_the_ceiling_and_takes_again_below(void **state)
{
	struct job jobs[CEILING];
	struct job extra;
	struct err e = {ERR_NONE, ""};
	sem_t go;

	(void)state;
	sem_init(&go, 0, 0);
	for (int i = 0; i < CEILING; i++) {
		job_init(&jobs[i], job_run);
		jobs[i].go = &go;
		submit(&jobs[i]);
	}
	job_init(&extra, job_run);
	CHECK(!work_submit(&loop, &extra.work, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_STR(e.text, "busy: 8 calls to the outside are under way");
	for (int i = 0; i < CEILING; i++)
		sem_post(&go);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (int i = 0; i < CEILING; i++)
		CHECK(jobs[i].was_done && jobs[i].work.ok);
	CHECK(!extra.was_done);
	submit(&extra);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(extra.was_done);
	sem_destroy(&go);
}

static int
open_loop(void **state)
{
	(void)state;
	return uv_loop_init(&loop);
}

static int
close_loop(void **state)
{
	(void)state;
	return uv_loop_close(&loop);
}

#define ON_LOOP(fn) cmocka_unit_test_setup_teardown(fn, open_loop, close_loop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_LOOP(test_work_result_comes_back),
	    ON_LOOP(test_work_running_stops_when_cancelled),
	    ON_LOOP(test_work_cancelled_in_the_queue_never_runs),
	    ON_LOOP(test_work_done_in_spite_of_cancel_is_not_ok),
	    ON_LOOP(test_work_refuses_above_the_ceiling_and_takes_again_below),
	};

	work_set_threads(THREADS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
