/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks for the job and says what it knows of it: the controller answers when that has
 * changed. A controller that is away for a while is waited for (up to five minutes), since it
 * goes on where it was.
 */
#include "controller/cli/wait.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

#define WAIT_POLL_MS 500  /* at least, between two questions */
#define WAIT_ASKED_S "25" /* the controller may wait so long for a change */
#define WAIT_CONTROLLER_MS 300000
#define WAIT_LINE_MS 5000 /* between two lines that are no terminal's */
#define EXIT_INTERRUPTED 130

static void
wait_pause(void)
{
	struct timespec pause = {.tv_nsec = WAIT_POLL_MS * 1000000L};

	nanosleep(&pause, NULL);
}

static bool
wait_is_over(const char *state)
{
	return strncmp(state, "done", 4) == 0 || strcmp(state, "cancelled") == 0 ||
	       strcmp(state, "failed") == 0;
}

static atomic_bool wait_interrupted; /* also ends a question that is under way */

static void
on_interrupt(int number)
{
	(void)number;
	atomic_store(&wait_interrupted, true);
}

static void
wait_catch_interrupt(void)
{
	struct sigaction action = {.sa_handler = on_interrupt};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL); /* no SA_RESTART: it ends the pause as well */
}

/* Whoever presses Ctrl-C must know that nothing was stopped by that. */
static int
wait_leave(const char *job_id)
{
	fprintf(stderr,
	    "%sjob %s goes on. Follow it: zmferry job wait %s; hold it: zmferry job "
	    "pause %s; "
	    "end it: zmferry job cancel %s\n",
	    isatty(STDOUT_FILENO) ? "\n" : "", job_id, job_id, job_id, job_id);
	return EXIT_INTERRUPTED;
}

/* What was shown last. */
struct shown {
	char line[1024];
	char state[32];
	uint64_t at_ms;
	bool said_away;
};

/* A line that is longer than the terminal would stay behind when it is overwritten. */
static size_t
wait_columns(void)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
		return SIZE_MAX;
	return size.ws_col - 1u;
}

static void
wait_print(const char *line, const char *state, struct shown *last)
{
	uint64_t now = clock_mono_ms();

	if (strcmp(line, last->line) == 0)
		return;
	if (isatty(STDOUT_FILENO)) {
		size_t columns = wait_columns();

		printf("\r\033[K%.*s",
		    columns > strlen(line) ? (int)strlen(line) : (int)columns, line);
	} else if (last->line[0] == '\0' || strcmp(state, last->state) != 0 ||
		   now - last->at_ms >= WAIT_LINE_MS) {
		printf("%s\n", line);
	} else {
		return; /* a log wants no two lines a second */
	}
	fflush(stdout);
	snprintf(last->line, sizeof(last->line), "%s", line);
	snprintf(last->state, sizeof(last->state), "%s", state);
	last->at_ms = now;
}

static void
wait_show(const struct options *o, const json_t *job, struct shown *last)
{
	const char *state = json_string_value(json_object_get(job, "state"));
	char *line = NULL;
	size_t size = 0;
	FILE *memory;

	last->said_away = false;
	if (o->json)
		return;
	memory = open_memstream(&line, &size);
	if (memory == NULL)
		return;
	print_progress(memory, job);
	fclose(memory);
	wait_print(line, state == NULL ? "" : state, last);
	free(line);
}

/* The job is over: says how it ended, and with what exit code. */
static int
wait_end(const struct options *o, const json_t *answer)
{
	const json_t *job = json_object_get(answer, "job");
	const char *state = json_string_value(json_object_get(job, "state"));
	const char *reason = json_string_value(json_object_get(job, "reason"));
	int code = strcmp(state, "done") == 0 ? 0 : 1;

	if (o->json) {
		print_json(stdout, answer, JSON_SORT_KEYS);
		return code;
	}
	if (isatty(STDOUT_FILENO))
		putchar('\n');
	if (code != 0) {
		print_job(stdout, answer);
	} else if (reason != NULL) {
		print_safe(stdout, reason);
		putchar('\n');
	}
	return code;
}

/* The controller does not answer: -1 = wait for it, else the exit code. */
static int
wait_away(
    const struct options *o, const struct err *e, uint64_t heard_ms, struct shown *last)
{
	if (wait_interrupted)
		return -1;
	if (e->kind != ERR_RETRY || clock_mono_ms() - heard_ms > WAIT_CONTROLLER_MS)
		return command_fail(o, e);
	if (!last->said_away)
		fprintf(stderr,
		    "%sthe controller does not answer; waiting up to 5 minutes for it, "
		    "the job goes "
		    "on when it is back\n",
		    isatty(STDOUT_FILENO) ? "\n" : "");
	last->said_away = true;
	return -1;
}

/* The whole job, with its moves, as it ended. */
static int
wait_end_whole(struct options *o, const char *path, json_t *known)
{
	json_t *answer;
	struct err e;
	int code;

	if (!api_call(&o->api, "GET", path, NULL, &answer, &e))
		return wait_end(o, known); /* it ended, whatever became of the rest */
	code = wait_end(o, answer);
	json_decref(answer);
	return code;
}

int
wait_for_job(struct options *o, const char *job_id)
{
	uint64_t heard = clock_mono_ms();
	struct shown last = {.line = ""};
	char *path = command_path("/v1/jobs/", job_id, "");
	char *question = xasprintf("%s?moves=0&wait=" WAIT_ASKED_S, path);
	char etag[API_ETAG] = "";
	json_t *answer;
	struct err e;
	int code = -1;

	wait_catch_interrupt();
	o->api.cancelled = &wait_interrupted;
	while (code < 0 && !wait_interrupted) {
		if (!api_call_if_changed(&o->api, question, etag, &answer, &e)) {
			code = wait_away(o, &e, heard, &last);
			if (code < 0)
				wait_pause();
			continue;
		}
		heard = clock_mono_ms();
		if (answer != NULL) {
			const json_t *job = json_object_get(answer, "job");
			const char *state =
			    json_string_value(json_object_get(job, "state"));

			wait_show(o, job, &last);
			if (state != NULL && wait_is_over(state))
				code = wait_end_whole(o, path, answer);
		}
		if (code < 0)
			wait_pause();
		json_decref(answer);
	}
	free(question);
	free(path);
	return code < 0 ? wait_leave(job_id) : code;
}
