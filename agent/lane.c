/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which task runs when: queued, running, ended and remembered. What can go wrong: the
 * queue is full, a move is cancelled, the agent stops. A task is freed when its process,
 * its pipes and its timer are closed and newer outcomes push it out.
 */
#include "agent/lane.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lane_private.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define QUEUE_MAX 512
#define REMEMBERED_MAX 1024
#define RECEIVERS_MAX 64
#define STRANGERS_MAX 16 /* of them without a ticket yet */
#define REFUSED_EVERY_MS 60000

static void
lanes_forget_oldest(struct lanes *l)
{
	struct task *t;
	struct task *next;

	for (t = TAILQ_FIRST(&l->tasks); t != NULL && l->remembered > REMEMBERED_MAX;
	     t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->state == TASK_ENDED && t->open_handles == 0 && !t->is_receiver)
			task_free(t);
	}
}
/* Short ones have a place of their own: a fence must not wait for an hour of copying. */
static bool
task_may_start(const struct lanes *l, const struct task *t)
{
	unsigned limit = l->agent->conf->workers;

	if (strcmp(t->worker, "short") == 0)
		limit += 8;
	return l->running < limit;
}

static void
lanes_start_next(struct lanes *l)
{
	struct task *t;
	struct task *next;

	if (l->stopping)
		return;
	for (t = TAILQ_FIRST(&l->tasks); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->state == TASK_QUEUED && task_may_start(l, t))
			task_start(t);
	}
}

void
lanes_go_on(struct lanes *l)
{
	lanes_forget_oldest(l);
	lanes_start_next(l);
}

/* --- requests --- */

static struct task *
lanes_find(struct lanes *l, const Wire__StepRequest *step)
{
	struct task *t;

	TAILQ_FOREACH (t, &l->tasks, link) {
		if (!t->is_receiver && t->step_no == step->step_no &&
		    t->effect_no == step->effect_no && t->epoch == step->epoch &&
		    frame_equal(&step->move_id, t->move_id))
			return t;
	}
	return NULL;
}

static Wire__StepRequest *
step_copy(const Wire__StepRequest *step)
{
	size_t size = wire__step_request__get_packed_size(step);
	uint8_t *bytes = xcalloc(1, size);
	Wire__StepRequest *copy;

	wire__step_request__pack(step, bytes);
	copy = wire__step_request__unpack(NULL, size, bytes);
	free(bytes);
	return copy;
}

void
lanes_submit(struct lanes *l, const Wire__StepRequest *step, uint64_t envelope_id,
    const char *worker)
{
	struct task *t = lanes_find(l, step);

	if (t != NULL && t->state == TASK_ENDED) {
		bool failed = false;
		Wire__Envelope *m = NULL;
		struct buf copy;
		struct err e;

		buf_init(&copy, LIMIT_FRAME * 2);
		if (buf_add(&copy, t->result.data, t->result.len) &&
		    frame_take(&copy, LIMIT_FRAME, &m, &e) == FRAME_MESSAGE) {
			failed = frame_error_may_pass(m->result->kind);
			wire__envelope__free_unpacked(m, NULL);
		}
		buf_fini(&copy);
		/* A failure that may pass is asked again on purpose: do it once more. */
		if (failed && t->open_handles == 0) {
			task_free(t);
			t = NULL;
		}
	}
	if (t != NULL) {
		t->envelope_id = envelope_id;
		if (t->state == TASK_ENDED)
			task_answer(t);
		return;
	}
	t = XNEW(struct task);
	t->lanes = l;
	t->step = step_copy(step);
	t->step_no = step->step_no;
	t->effect_no = step->effect_no;
	t->epoch = step->epoch;
	t->envelope_id = envelope_id;
	snprintf(t->worker, sizeof(t->worker), "%s", worker);
	snprintf(t->move_id, sizeof(t->move_id), "%.*s", (int)step->move_id.len,
	    step->move_id.data);
	buf_init(&t->job, LIMIT_FRAME * 2);
	buf_init(&t->incoming, LIMIT_FRAME * 2);
	buf_init(&t->result, LIMIT_FRAME * 2);
	TAILQ_INSERT_TAIL(&l->tasks, t, link);
	if (l->queued >= QUEUE_MAX) {
		t->state = TASK_ENDED;
		l->remembered++;
		task_set_error(
		    t, WIRE__ERROR_KIND__ERROR_RETRY, "the agent's queue is full");
		task_answer(t);
		return;
	}
	l->queued++;
	lanes_start_next(l);
}

static void
lanes_say_refused(struct lanes *l, const char *text)
{
	uint64_t now = clock_mono_ms();

	if (l->refused_ms != 0 && now < l->refused_ms + REFUSED_EVERY_MS)
		return; /* a flood must not fill the log too */
	l->refused_ms = now;
	log_warn(NULL, "mail port: %s; let only mailbox nodes reach port %u", text,
	    l->agent->conf->mail_port);
}

/*
 * Connections that say nothing must not keep mail out: of those without a ticket the
 * oldest gives way; a sender shows its own within milliseconds.
 */
static void
lanes_make_room(struct lanes *l)
{
	struct task *t;

	if (l->strangers < STRANGERS_MAX)
		return;
	lanes_say_refused(
	    l, "too many connections say nothing, the oldest of them are closed");
	TAILQ_FOREACH (t, &l->tasks, link) {
		if (!t->is_receiver || t->admitted || t->cancelled || t->exited ||
		    t->state != TASK_RUNNING)
			continue;
		t->cancelled = true; /* and not counted any more */
		l->receivers--;
		l->strangers--;
		uv_process_kill(&t->process, SIGKILL);
		return;
	}
}

void
lanes_receive(struct lanes *l, int take_fd)
{
	struct task *t = XNEW(struct task);
	struct err e;

	t->lanes = l;
	t->is_receiver = true;
	snprintf(t->worker, sizeof(t->worker), "receive");
	buf_init(&t->job, LIMIT_FRAME * 2);
	buf_init(&t->incoming, LIMIT_FRAME * 2);
	lanes_make_room(l);
	TAILQ_INSERT_TAIL(&l->tasks, t, link);
	if (l->receivers >= RECEIVERS_MAX || l->stopping) {
		lanes_say_refused(
		    l, "as many streams as may be are open, one more is refused");
		close(take_fd);
		task_free(t);
		return;
	}
	l->receivers++;
	l->strangers++;
	if (!task_receive(t, take_fd, &e)) {
		log_warn(NULL, "mail port: %s", e.text);
		if (t->state == TASK_QUEUED) { /* no child, so nobody else frees it */
			l->receivers--;
			l->strangers--;
			task_free(t);
		}
	}
	close(take_fd);
}

void
lanes_cancel(struct lanes *l, const char *move_id, uint32_t step_no)
{
	struct task *t;

	TAILQ_FOREACH (t, &l->tasks, link) {
		if (t->is_receiver || strcmp(t->move_id, move_id) != 0 ||
		    t->step_no > step_no)
			continue;
		if (t->state == TASK_RUNNING && !t->exited) {
			task_stop(t);
		} else if (t->state == TASK_QUEUED) {
			l->queued--;
			l->remembered++;
			t->state = TASK_ENDED;
			t->cancelled = true;
			task_end_without_result(t);
			task_answer(t);
		}
	}
}

bool
lanes_busy_with(const struct lanes *l, const char *move_id)
{
	const struct task *t;

	TAILQ_FOREACH (t, &l->tasks, link) {
		if (t->state == TASK_RUNNING && strcmp(t->move_id, move_id) == 0)
			return true;
	}
	return false;
}

/* --- life --- */

struct lanes *
lanes_new(struct agent *a)
{
	struct lanes *l = XNEW(struct lanes);

	l->agent = a;
	TAILQ_INIT(&l->tasks);
	return l;
}

void
lanes_stop(struct lanes *l)
{
	struct task *t;

	l->stopping = true;
	TAILQ_FOREACH (t, &l->tasks, link) {
		if (t->state == TASK_RUNNING && !t->exited)
			uv_process_kill(&t->process, SIGKILL);
	}
}

void
lanes_free(struct lanes **l)
{
	if (*l == NULL)
		return;
	for (struct task *t; (t = TAILQ_FIRST(&(*l)->tasks)) != NULL;)
		task_free(t);
	xfree(l);
}
