/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks for the job twice a second. A controller that is away for a while is waited
 * for (up to five minutes), since it goes on where it was.
 */
#include "controller/cli/wait.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/cli/print.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/http_client.h"

#define WAIT_POLL_MS 500
#define WAIT_CONTROLLER_MS 300000

static void
wait_pause(void)
{
	struct timespec pause = { .tv_nsec = WAIT_POLL_MS * 1000000L };

	nanosleep(&pause, NULL);
}

static bool
wait_is_over(const char *state)
{
	return strncmp(state, "done", 4) == 0 || strcmp(state, "cancelled") == 0 ||
	    strcmp(state, "failed") == 0;
}

static void
wait_show(const struct options *o, const json_t *job, char *last, size_t last_size)
{
	char *line = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&line, &size);

	if (memory == NULL)
		return;
	print_progress(memory, job);
	fclose(memory);
	if (strcmp(line, last) != 0 && !o->json) {
		if (isatty(STDOUT_FILENO))
			printf("\r\033[K%s", line);
		else
			printf("%s\n", line);
		fflush(stdout);
		snprintf(last, last_size, "%s", line);
	}
	free(line);
}

int
wait_for_job(struct options *o, const char *job_id)
{
	uint64_t heard = clock_mono_ms();
	char last[512] = "";
	json_t *answer;
	struct err e;
	struct buf path;
	int code = -1;

	buf_init(&path, 512);
	if (!buf_add_str(&path, "/v1/jobs/") || !http_escape(&path, job_id))
		buf_clear(&path);
	while (code < 0) {
		if (!api_call(&o->api, "GET", buf_str(&path), NULL, &answer, &e)) {
			if (e.kind != ERR_RETRY || clock_mono_ms() - heard > WAIT_CONTROLLER_MS)
				code = command_fail(o, &e);
			else
				wait_pause();
			continue;
		}
		heard = clock_mono_ms();
		const json_t *job = json_object_get(answer, "job");
		const char *state = json_string_value(json_object_get(job, "state"));

		wait_show(o, job, last, sizeof(last));
		if (state != NULL && wait_is_over(state)) {
			code = strcmp(state, "done") == 0 ? 0 : 1;
			if (o->json)
				json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
			else if (isatty(STDOUT_FILENO))
				putchar('\n');
			if (code != 0 && !o->json)
				print_job(stdout, answer);
		} else {
			wait_pause();
		}
		json_decref(answer);
	}
	buf_fini(&path);
	return code;
}
