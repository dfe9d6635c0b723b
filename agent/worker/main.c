/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's life: read the job, open what it needs, run, write the result, end. What
 * can go wrong inside run is a result too; only a job that cannot be read ends without.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/worker/worker.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define PROGRESS_EVERY_MS 1000
#define SOAP_TIMEOUT_MS 600000

static const struct {
	const char *name;
	worker_fn run;
	bool needs_zimbra;
	bool needs_step;
} workers[] = {
    {"export", worker_export, true, true},
    {"receive", worker_receive, false, false},
    {"steer", worker_steer, true, true},
    {"seed", worker_seed, true, true},
    {"import", worker_import, true, true},
    {"mend", worker_mend, true, true},
    {"verify", worker_verify, true, true},
    {"short", worker_short, true, true},
};

#define END_AFTER_TERM_S 5 /* later than the agent, if it lives, kills */

static volatile sig_atomic_t worker_stopped;

static void
worker_on_signal(int number)
{
	(void)number;
	worker_stopped = 1;
	/* An agent that died ends nobody who waits for a mailboxd that does not answer; and the
	   spool of who waits is locked. */
	alarm(END_AFTER_TERM_S);
}

bool
worker_is_stopped(void)
{
	return worker_stopped != 0;
}

static bool
worker_send(const Wire__Envelope *m)
{
	struct err e;

	return frame_write_fd(WORKER_RESULT_FD, m, &e);
}

void
worker_progress(
    struct worker *w, uint64_t done, uint64_t total, uint64_t bytes, const char *text)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepProgress p = WIRE__STEP_PROGRESS__INIT;
	uint64_t now = clock_mono_ms();

	if (w->step == NULL || now < w->last_progress_ms + PROGRESS_EVERY_MS)
		return;
	w->last_progress_ms = now;
	p.move_id = w->step->move_id;
	p.step_no = w->step->step_no;
	p.effect_no = w->step->effect_no;
	p.items_done = done;
	p.items_total = total;
	p.bytes_done = bytes;
	p.text = frame_bytes(text);
	m.body_case = WIRE__ENVELOPE__BODY_PROGRESS;
	m.progress = &p;
	(void)!worker_send(&m); /* the agent is gone: the next read or the end notices */
}

/* --- set up --- */

/* It is started when it is asked for something. */
static void
worker_open_zmmailbox(struct worker *w)
{
	char *program = frame_string(&w->job->zmmailbox);
	const struct zmmailbox_options options = {
	    .program = program,
	    .account_id = w->account_id,
	    .account_name = w->account_name,
	    .host = w->zimbra.host,
	    .admin_port = (uint16_t)w->zimbra.admin_port,
	    .work_dir = w->spool_dir,
	    .stopped = worker_is_stopped,
	    .log = &w->log,
	};

	if (program[0] != '\0')
		w->client.zmmailbox = zmmailbox_new(&options);
	free(program);
}

static bool
worker_open(struct worker *w, bool needs_zimbra, struct err *e)
{
	char *path = frame_string(&w->job->localconfig);
	char *ca_file = frame_string(&w->job->zimbra_ca_file);
	bool ok = true;

	w->spool_dir = frame_string(&w->job->spool_dir);
	w->resolve = xcalloc(w->job->n_resolve + 1, sizeof(*w->resolve));
	for (size_t i = 0; i < w->job->n_resolve; i++)
		w->resolve[i] = frame_string(&w->job->resolve[i]);
	if (w->step != NULL)
		ok = (frame_copy(
			  &w->step->account_id, w->account_id, sizeof(w->account_id)) &&
			 frame_copy(&w->step->account_name, w->account_name,
			     sizeof(w->account_name)) &&
			 frame_copy(&w->step->move_id, w->move_id, sizeof(w->move_id))) ||
		     err_set(e, ERR_PEER, "a name in the job is too long");
	log_child(&w->log, NULL, "move=%s account=%.60s", w->move_id, w->account_name);
	if (ok && needs_zimbra)
		ok = localconfig_load(path, &w->zimbra, e);
	if (ok && needs_zimbra) {
		const struct soap_options options = {
		    .host = w->zimbra.host,
		    .admin_port = (uint16_t)w->zimbra.admin_port,
		    .admin_name = w->zimbra.admin_name,
		    .admin_password = w->zimbra.admin_password,
		    .ca_file = ca_file[0] == '\0' ? NULL : ca_file,
		    .resolve = (const char *const *)w->resolve,
		    .timeout_ms = SOAP_TIMEOUT_MS,
		};

		w->soap = soap_client_new(&options);
		w->client.soap = w->soap;
		worker_open_zmmailbox(w);
	}
	free(path);
	free(ca_file);
	return ok;
}

static void
worker_close(struct worker *w)
{
	zmmailbox_free(&w->client.zmmailbox);
	soap_client_free(&w->soap);
	localconfig_fini(&w->zimbra);
	for (size_t i = 0; w->resolve != NULL && w->resolve[i] != NULL; i++)
		free(w->resolve[i]);
	free(w->resolve);
	free(w->spool_dir);
}

/* Facts that are incomplete must not leave: a failed step carries none. */
static int
worker_finish(struct worker *w, bool ok, const struct err *e, uint64_t began_ms)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;

	if (w->step == NULL)
		return 0;
	w->result->move_id = w->step->move_id;
	w->result->step_no = w->step->step_no;
	w->result->effect_no = w->step->effect_no;
	w->result->took_ms = (uint32_t)(clock_mono_ms() - began_ms);
	if (!ok) {
		w->result->kind = (Wire__ErrorKind)e->kind;
		w->result->text = frame_bytes(e->text);
		w->result->facts_case = WIRE__STEP_RESULT__FACTS__NOT_SET;
	}
	m.body_case = WIRE__ENVELOPE__BODY_RESULT;
	m.result = w->result;
	return worker_send(&m) ? 0 : 1;
}

static int
worker_run(size_t which)
{
	Wire__Envelope *m = NULL;
	Wire__StepResult result = WIRE__STEP_RESULT__INIT;
	struct worker w = {.result = &result};
	uint64_t began_ms = clock_mono_ms();
	struct err e;
	bool ok;
	int code;

	if (!frame_read_fd(STDIN_FILENO, LIMIT_FRAME, &m, &e) ||
	    m->body_case != WIRE__ENVELOPE__BODY_JOB ||
	    (workers[which].needs_step && m->job->step == NULL)) {
		log_error(
		    NULL, "worker %s: no job on standard input", workers[which].name);
		return 2;
	}
	w.job = m->job;
	w.step = workers[which].needs_step ? m->job->step : NULL;
	ok = worker_open(&w, workers[which].needs_zimbra, &e) &&
	     workers[which].run(&w, &e);
	if (!ok && e.kind != ERR_CANCELLED)
		log_warn(&w.log, "worker %s: %s", workers[which].name, e.text);
	code = worker_finish(&w, ok, &e, began_ms);
	worker_close(&w);
	/* The result's facts live until here; the process ends and takes them along. */
	wire__envelope__free_unpacked(m, NULL);
	return code;
}

int
worker_main(int argc, char **argv)
{
	struct sigaction stop = {.sa_handler = worker_on_signal};

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &stop, NULL);
	for (size_t i = 0; argc == 3 && i < ARRAY_LEN(workers); i++) {
		if (strcmp(argv[2], workers[i].name) == 0)
			return worker_run(i);
	}
	fprintf(stderr, "zmferry-agent: workers are started by the agent only\n");
	return 2;
}
