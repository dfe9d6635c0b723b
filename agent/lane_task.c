/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One task: a child process fed one job, read until its end, killed at its deadline.
 * When all goes well: running, ended, answered. What can go wrong: the child dies or
 * hangs; both end as an error of kind retry. Not here: which task runs when, see lane.c.
 */
#include "agent/lane_private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/mailbox/spool.h"
#include "agent/worker/worker.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define RECEIVER_LIFE_S (24 * 3600)

/* --- answers --- */

void
task_answer(struct task *t)
{
	Wire__Envelope *m = NULL;
	struct buf copy;
	struct err e;

	if (t->is_receiver || t->result.len == 0)
		return;
	buf_init(&copy, LIMIT_FRAME * 2);
	if (buf_add(&copy, t->result.data, t->result.len) &&
	    frame_take(&copy, LIMIT_FRAME, &m, &e) == FRAME_MESSAGE) {
		m->id = t->envelope_id;
		agent_send(
		    t->lanes->agent, m); /* not there: asked again after the reconnect */
		wire__envelope__free_unpacked(m, NULL);
	}
	buf_fini(&copy);
}

void
task_set_error(struct task *t, Wire__ErrorKind kind, const char *text)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepResult r = WIRE__STEP_RESULT__INIT;
	struct err e;

	r.move_id = frame_bytes(t->move_id);
	r.step_no = t->step_no;
	r.effect_no = t->effect_no;
	r.kind = kind;
	r.text = frame_bytes(text);
	m.body_case = WIRE__ENVELOPE__BODY_RESULT;
	m.result = &r;
	buf_clear(&t->result);
	if (!frame_put(&t->result, &m, &e))
		BUG("an error that does not fit: %s", e.text);
}

void
task_end_without_result(struct task *t)
{
	char text[200];

	if (t->cancelled)
		snprintf(text, sizeof(text), "worker %s was stopped", t->worker);
	else if (t->timed_out)
		snprintf(text, sizeof(text),
		    "worker %s did not end in time and was killed", t->worker);
	else if (t->exit_signal != 0)
		snprintf(text, sizeof(text), "worker %s died (signal %d)", t->worker,
		    t->exit_signal);
	else
		snprintf(text, sizeof(text),
		    "worker %s ended without a result (exit code %d)", t->worker,
		    (int)t->exit_status);
	task_set_error(t, WIRE__ERROR_KIND__ERROR_RETRY, text);
}

/* --- memory --- */

void
task_free(struct task *t)
{
	TAILQ_REMOVE(&t->lanes->tasks, t, link);
	if (t->state == TASK_ENDED && !t->is_receiver)
		t->lanes->remembered--;
	buf_fini(&t->job);
	buf_fini(&t->incoming);
	buf_fini(&t->result);
	if (t->step != NULL)
		wire__step_request__free_unpacked(t->step, NULL);
	free(t);
}
static void
task_on_closed(uv_handle_t *handle)
{
	struct task *t = handle->data;
	struct lanes *l = t->lanes;

	if (--t->open_handles > 0)
		return;
	/* Process gone, pipes drained: what came is all that comes. */
	if (t->state == TASK_RUNNING) {
		t->state = TASK_ENDED;
		if (t->is_receiver) {
			l->receivers -= !t->cancelled;
			l->strangers -= !t->cancelled && !t->admitted;
		} else {
			l->running--;
			l->remembered++;
			if (t->result.len == 0)
				task_end_without_result(t);
			task_answer(t);
		}
	}
	if (t->is_receiver) {
		task_free(t);
		return;
	}
	if (t->step != NULL) {
		wire__step_request__free_unpacked(t->step, NULL);
		t->step = NULL;
	}
	buf_fini(&t->job);
	buf_fini(&t->incoming);
	lanes_go_on(l);
}

static void
task_close(struct task *t)
{
	uv_handle_t *handles[] = {(uv_handle_t *)&t->process, (uv_handle_t *)&t->job_pipe,
	    (uv_handle_t *)&t->result_pipe, (uv_handle_t *)&t->deadline};

	for (size_t i = 0; i < ARRAY_LEN(handles); i++) {
		if (!uv_is_closing(handles[i]))
			uv_close(handles[i], task_on_closed);
	}
}

/* --- the child --- */

static void
task_on_exit(uv_process_t *process, int64_t status, int signal)
{
	struct task *t = process->data;

	t->exit_status = status;
	t->exit_signal = signal;
	t->exited = true;
	/* The result may still be in the pipe: its end of file closes the rest. */
	if (uv_is_closing((uv_handle_t *)&t->result_pipe))
		task_close(t);
}

static void
task_take_frames(struct task *t)
{
	Wire__Envelope *m;
	struct err e;

	for (;;) {
		size_t before = t->incoming.len;
		enum frame_status status = frame_take(&t->incoming, LIMIT_FRAME, &m, &e);

		(void)before;
		if (status == FRAME_INCOMPLETE)
			return;
		if (status == FRAME_BAD) {
			task_set_error(t, WIRE__ERROR_KIND__ERROR_RETRY, e.text);
			buf_clear(&t->incoming);
			return;
		}
		if (m->body_case == WIRE__ENVELOPE__BODY_RESULT) {
			buf_clear(&t->result);
			if (!frame_put(&t->result, m, &e))
				task_set_error(t, WIRE__ERROR_KIND__ERROR_RETRY, e.text);
		} else if (m->body_case == WIRE__ENVELOPE__BODY_PROGRESS &&
			   t->is_receiver) {
			/* A receiver's only one: the sender's ticket fits. */
			t->lanes->strangers -= !t->cancelled && !t->admitted;
			t->admitted = true;
		} else if (m->body_case == WIRE__ENVELOPE__BODY_PROGRESS) {
			m->id = t->envelope_id;
			agent_send(t->lanes->agent, m);
		}
		wire__envelope__free_unpacked(m, NULL);
	}
}

static void
task_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct task *t = handle->data;

	(void)suggested;
	*out = uv_buf_init(t->lanes->chunk, sizeof(t->lanes->chunk));
}

static void
task_on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *b)
{
	struct task *t = stream->data;

	if (length > 0) {
		if (buf_add(&t->incoming, b->base, (size_t)length))
			task_take_frames(t);
		return;
	}
	if (length == 0)
		return;
	uv_close((uv_handle_t *)stream, task_on_closed);
	if (t->exited)
		task_close(t);
}

static void
task_on_deadline(uv_timer_t *timer)
{
	struct task *t = timer->data;

	if (t->timed_out || t->cancelled) {
		uv_process_kill(&t->process, SIGKILL);
		return;
	}
	t->timed_out = true;
	uv_process_kill(&t->process, SIGTERM);
	uv_timer_start(timer, task_on_deadline, KILL_AFTER_TERM_MS, 0);
}

static void
task_on_written(uv_write_t *request, int status)
{
	struct task *t = request->handle->data;

	(void)status; /* a child that died early is reported by its end */
	if (!uv_is_closing((uv_handle_t *)&t->job_pipe))
		uv_close((uv_handle_t *)&t->job_pipe, task_on_closed);
}

struct admission_list {
	Wire__Admission **rows;
	size_t count;
};

static bool
on_admission(const Wire__Admission *a, void *ctx)
{
	struct admission_list *list = ctx;
	size_t size = wire__admission__get_packed_size(a);
	uint8_t *bytes = xcalloc(1, size);

	wire__admission__pack(a, bytes);
	list->rows = xrealloc_array(list->rows, list->count + 1, sizeof(*list->rows));
	list->rows[list->count++] = wire__admission__unpack(NULL, size, bytes);
	free(bytes);
	return list->count < 512;
}

/* The job as the worker will read it. */
static bool
task_write_job(struct task *t, struct err *e)
{
	const struct agent *a = t->lanes->agent;
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__WorkerJob job = WIRE__WORKER_JOB__INIT;
	struct admission_list admissions = {NULL, 0};
	ProtobufCBinaryData *resolve = NULL;
	size_t resolve_count = 0;
	bool ok;

	while (a->conf->resolve != NULL && a->conf->resolve[resolve_count] != NULL)
		resolve_count++;
	resolve = xcalloc(resolve_count, sizeof(*resolve));
	for (size_t i = 0; i < resolve_count; i++)
		resolve[i] = frame_bytes(a->conf->resolve[i]);
	if (t->is_receiver)
		spool_each_admission(a->conf->spool_dir, on_admission, &admissions);
	job.step = t->step;
	job.spool_dir = frame_bytes(a->conf->spool_dir);
	job.identity_file = frame_bytes(a->conf->identity_file);
	job.localconfig = frame_bytes(a->conf->localconfig);
	job.zimbra_ca_file =
	    frame_bytes(a->conf->zimbra_ca_file == NULL ? "" : a->conf->zimbra_ca_file);
	job.server_id = frame_bytes(a->server_id);
	job.zimbra_home = frame_bytes(a->conf->zimbra_home);
	job.zmmailbox =
	    frame_bytes(agent_conf_uses_zmmailbox(a->conf) ? a->conf->zmmailbox : "");
	job.fill_limit = a->conf->fill_limit;
	job.allow_ephemeral_spool = a->conf->allow_ephemeral_spool;
	job.resolve = resolve;
	job.n_resolve = resolve_count;
	job.admissions = admissions.rows;
	job.n_admissions = admissions.count;
	m.id = 1;
	m.body_case = WIRE__ENVELOPE__BODY_JOB;
	m.job = &job;
	ok = frame_put(&t->job, &m, e);
	for (size_t i = 0; i < admissions.count; i++)
		wire__admission__free_unpacked(admissions.rows[i], NULL);
	free(admissions.rows);
	free(resolve);
	return ok;
}

/* socket_fd: for a receiver, -1 otherwise. Stays the caller's. */
static bool
task_spawn(struct task *t, int socket_fd, unsigned life_s, struct err *e)
{
	struct lanes *l = t->lanes;
	char *argv[] = {(char *)(uintptr_t)l->agent->program, "worker", t->worker, NULL};
	uv_stdio_container_t stdio[5] = {0};
	uv_process_options_t options = {.file = l->agent->program,
	    .args = argv,
	    .exit_cb = task_on_exit,
	    .stdio = stdio,
	    .stdio_count = socket_fd < 0 ? 4 : 5};
	uv_buf_t b;
	int code;

	uv_pipe_init(&l->agent->loop, &t->job_pipe, 0);
	uv_pipe_init(&l->agent->loop, &t->result_pipe, 0);
	uv_timer_init(&l->agent->loop, &t->deadline);
	t->process.data = t->job_pipe.data = t->result_pipe.data = t->deadline.data = t;
	stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
	stdio[0].data.stream = (uv_stream_t *)&t->job_pipe;
	stdio[1].flags = UV_IGNORE;
	stdio[2].flags = UV_INHERIT_FD;
	stdio[2].data.fd = STDERR_FILENO;
	stdio[3].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
	stdio[3].data.stream = (uv_stream_t *)&t->result_pipe;
	stdio[4].flags = UV_INHERIT_FD;
	stdio[4].data.fd = socket_fd;
	t->state = TASK_RUNNING;
	t->open_handles = 4;
	code = uv_spawn(&l->agent->loop, &t->process, &options);
	if (code != 0) {
		err_set(e, ERR_RETRY, "cannot start worker %s: %s", t->worker,
		    uv_strerror(code));
		t->exited = true; /* pid 0: a signal to it would hit us all */
		task_close(t);
		return false;
	}
	uv_read_start((uv_stream_t *)&t->result_pipe, task_on_alloc, task_on_read);
	b = uv_buf_init((char *)t->job.data, (unsigned)t->job.len);
	if (uv_write(&t->write, (uv_stream_t *)&t->job_pipe, &b, 1, task_on_written) != 0)
		uv_close((uv_handle_t *)&t->job_pipe, task_on_closed);
	uv_timer_start(&t->deadline, task_on_deadline, (uint64_t)life_s * 1000, 0);
	return true;
}

void
task_start(struct task *t)
{
	struct lanes *l = t->lanes;
	struct err e;

	l->queued--;
	l->running++;
	if (task_write_job(t, &e)) {
		if (task_spawn(t, -1, t->step->deadline_s, &e))
			return;
		task_set_error(t, WIRE__ERROR_KIND__ERROR_RETRY, e.text);
		return;
	}
	l->running--;
	l->remembered++;
	t->state = TASK_ENDED;
	task_set_error(t, WIRE__ERROR_KIND__ERROR_REFUSED, e.text);
	task_answer(t);
}

void
task_stop(struct task *t)
{
	t->cancelled = true;
	uv_process_kill(&t->process, SIGTERM);
	uv_timer_start(&t->deadline, task_on_deadline, KILL_AFTER_TERM_MS, 0);
}

bool
task_receive(struct task *t, int socket_fd, struct err *e)
{
	return task_write_job(t, e) && task_spawn(t, socket_fd, RECEIVER_LIFE_S, e);
}
