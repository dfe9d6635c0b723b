/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as they reach standard error: one write each, context, level, no foreign bytes. */
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/log.h"
#include "proto/base/utf8.h"
#include "tests/unit/check.h"

static int saved_stderr;
static char written[400000];

static int
capture_begin(void **state)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);

	(void)state;
	if (fd < 0)
		return -1;
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	log_set_level(LOG_INFO);
	return 0;
}

/* What was written since capture_begin. */
static const char *
capture_end(void)
{
	ssize_t len = pread(STDERR_FILENO, written, sizeof(written) - 1, 0);

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	saved_stderr = -1;
	written[len < 0 ? 0 : len] = '\0';
	return written;
}

static int
capture_undo(void **state)
{
	(void)state;
	if (saved_stderr >= 0)
		capture_end();
	log_set_tap(NULL, NULL);
	return 0;
}

static void
check_matches(const char *text, const char *pattern)
{
	regex_t re;

	CHECK_INT(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0) {
		regfree(&re);
		fail_msg("\"%s\" does not match %s", text, pattern);
	}
	regfree(&re);
}

static void
test_log_line_has_time_level_context_sentence(void **state)
{
	struct log root;
	struct log move;

	(void)state;
	log_child(&root, NULL, "agent=%s", "mbs3");
	log_child(&move, &root, "move=%d", 42);
	log_info(&move, "%s -> %s", "copying", "fencing");
	check_matches(capture_end(), "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]"
				     "{2}\\.[0-9]{3}Z info agent=mbs3 "
				     "move=42 copying -> fencing\n$");
}

static void
test_log_without_context(void **state)
{
	(void)state;
	log_error(NULL, "help");
	check_matches(capture_end(), "Z error help\n$");
}

static void
test_log_below_the_level_is_silent(void **state)
{
	(void)state;
	log_debug(NULL, "whisper");
	log_set_level(LOG_ERROR);
	log_warn(NULL, "hum");
	CHECK_STR(capture_end(), "");
}

static void
test_log_level_names(void **state)
{
	enum log_level level;

	(void)state;
	CHECK(log_level_parse("debug", &level));
	CHECK_INT(level, LOG_DEBUG);
	CHECK(log_level_parse("error", &level));
	CHECK_INT(level, LOG_ERROR);
	CHECK(!log_level_parse("Info", &level));
	CHECK(!log_level_parse("", &level));
}

static void
test_log_of_hostile_text_stays_one_printable_line(void **state)
{
	const char *text;

	(void)state;
	log_warn(NULL, "%s", "a\n2026-01-01T00:00:00.000Z info forged\x1b[31m\xff");
	text = capture_end();
	CHECK_INT(strchr(text, '\n') - text, strlen(text) - 1);
	CHECK_HAS(text, "warn a 2026-01-01T00:00:00.000Z info forged [31m?\n");
}

static void
test_log_too_long_is_cut_and_ends_its_line(void **state)
{
	char huge[5000];
	struct log deep[20];
	const char *text;

	(void)state;
	memset(huge, 'z', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(deep); i++)
		log_child(&deep[i], i == 0 ? NULL : &deep[i - 1], "%s", huge);
	log_info(&deep[ARRAY_LEN(deep) - 1], "%s", huge);
	text = capture_end();
	CHECK(strlen(text) <= 1200);
	CHECK_INT(text[strlen(text) - 1], '\n');
}

static void
take(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	snprintf(ctx, 100, "%s", line);
}

/* The tap of the event list sees debug lines too, without the time. */
static void
test_log_tap_sees_every_level(void **state)
{
	char seen[100] = "";

	(void)state;
	log_set_tap(take, seen);
	log_debug(NULL, "x=%d", 1);
	log_set_tap(NULL, NULL);
	CHECK_STR(seen, "x=1");
	CHECK_STR(capture_end(), "");
}

static void *
write_many(void *ctx)
{
	struct log l;

	log_child(&l, NULL, "thread=%s", (const char *)ctx);
	for (int i = 0; i < 200; i++)
		log_info(&l, "%s%s%s%s%s%s", (char *)ctx, (char *)ctx, (char *)ctx,
		    (char *)ctx, (char *)ctx, "END");
	return NULL;
}

static void
test_log_lines_of_threads_do_not_mix(void **state)
{
	static char a[] = "aaaaaaaaaaaaaaaa";
	static char b[] = "bbbbbbbbbbbbbbbb";
	pthread_t threads[2];
	size_t lines = 0;
	char *rest;

	(void)state;
	CHECK_INT(pthread_create(&threads[0], NULL, write_many, a), 0);
	CHECK_INT(pthread_create(&threads[1], NULL, write_many, b), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	capture_end();
	for (char *line = strtok_r(written, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		bool has_a = strstr(line, a) != NULL;
		bool has_b = strstr(line, b) != NULL;

		CHECK(has_a != has_b);
		CHECK_STR(line + strlen(line) - 3, "END");
		lines++;
	}
	CHECK_INT(lines, 400);
}

#define CAPTURED(fn) cmocka_unit_test_setup_teardown(fn, capture_begin, capture_undo)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CAPTURED(test_log_line_has_time_level_context_sentence),
	    CAPTURED(test_log_without_context),
	    CAPTURED(test_log_below_the_level_is_silent),
	    CAPTURED(test_log_level_names),
	    CAPTURED(test_log_of_hostile_text_stays_one_printable_line),
	    CAPTURED(test_log_too_long_is_cut_and_ends_its_line),
	    CAPTURED(test_log_tap_sees_every_level),
	    CAPTURED(test_log_lines_of_threads_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
