/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as mailboxd writes them, and lines that others make it write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/health/logwatch.h"
#include "tests/unit/check.h"

#define DATE "2026-01-30 12:00:01,123 "
#define OOM "java.lang.OutOfMemoryError: Java heap space\n"
#define MINUTE_MS 60000ull

static char path[] = "/tmp/test_logwatch.XXXXXX";
static const struct probe_def def = {.name = "log:mailbox", .what = "mailbox.log"};

static void
add(const char *text)
{
	FILE *f = fopen(path, "ae");

	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static int
begin(void **state)
{
	int fd;

	(void)state;
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	fd = mkstemp(path);
	return fd < 0 || close(fd) != 0;
}

static int
end(void **state)
{
	(void)state;
	return unlink(path);
}

/* What is thought of the log at that minute. */
static enum severity
look(struct logwatch *w, uint64_t minute, char *text, size_t size)
{
	struct probe_run r = {.def = &def};

	CHECK(logwatch_read(w, path, minute * MINUTE_MS));
	logwatch_judge(&r, w, path);
	snprintf(text, size, "%s", r.text);
	return r.severity;
}

static void
test_which_lines_are_signs(void **state)
{
	static const struct {
		const char *line;
		bool is_one;
	} rows[] = {
	    {DATE "FATAL [main] [] system - out of memory", true},
	    {"java.lang.OutOfMemoryError: Java heap space", true},
	    {"com.zimbra.common.service.ServiceException: system failure: getting "
	     "database connection",
		true},
	    {"com.zimbra.cs.mailbox.MailboxLock$LockFailedException: timeout", true},
	    {"java.io.IOException: Input/output error", true},
	    {DATE "INFO  [qtp1] [] soap - AuthRequest", false},
	    /* a subject, an address, a user agent that somebody chose */
	    {DATE "INFO  [LmtpServer-1] [] lmtp - Subject: java.lang.OutOfMemoryError",
		false},
	    {DATE "INFO  [qtp1] [ua=FATAL;] soap - FATAL system - FATAL", false},
	    {DATE "ERROR [qtp1] [] x - java.io.IOException: Input/output error", false},
	    {" java.lang.OutOfMemoryError", false},
	    {"FATAL", false},
	    {"", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if ((logwatch_sign_of(rows[i].line) >= 0) != rows[i].is_one)
			fail_msg("%s", rows[i].line);
	}
}

static void
test_what_was_there_before_is_not_counted(void **state)
{
	struct logwatch *w = logwatch_new();
	char text[LIMIT_TEXT];

	(void)state;
	add(OOM OOM);
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_OK);
	add(OOM);
	CHECK_INT(look(w, 101, text, sizeof(text)), SEVERITY_FAIL);
	CHECK_HAS(text, "out of memory (1 times in ten minutes)");
	CHECK_HAS(text, path);
	/* It is over when nothing came for ten minutes. */
	CHECK_INT(look(w, 110, text, sizeof(text)), SEVERITY_FAIL);
	CHECK_INT(look(w, 111, text, sizeof(text)), SEVERITY_OK);
	logwatch_free(&w);
}

static void
test_a_line_counts_once_however_it_comes(void **state)
{
	struct logwatch *w = logwatch_new();
	char text[LIMIT_TEXT];
	char *flood = calloc(1, 20001);

	(void)state;
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_OK);
	/* A line as long as somebody likes is one line. */
	memset(flood, 'x', 4095);
	memcpy(flood + 4095, OOM, strlen(OOM));
	add(flood);
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_OK);
	add("java.io.IOException: Input/output error\n");
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_WARN);
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_WARN);
	CHECK_HAS(text, "(1 times");
	free(flood);
	logwatch_free(&w);
}

static void
test_a_rotated_log_is_followed(void **state)
{
	struct logwatch *w = logwatch_new();
	char text[LIMIT_TEXT], old[64];

	(void)state;
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_OK);
	add("java.io.IOException: Input/output error\n");
	snprintf(old, sizeof(old), "%s.1", path);
	CHECK(rename(path, old) == 0);
	CHECK(!logwatch_read(w, path, 100 * MINUTE_MS));
	add("java.io.IOException: Input/output error\n");
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_WARN);
	CHECK_HAS(text, "(2 times");
	CHECK(truncate(path, 0) == 0);
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_WARN);
	add("java.io.IOException: Input/output error\n");
	CHECK_INT(look(w, 100, text, sizeof(text)), SEVERITY_WARN);
	CHECK_HAS(text, "(3 times");
	CHECK(unlink(old) == 0);
	logwatch_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_which_lines_are_signs),
	    cmocka_unit_test_setup_teardown(
		test_what_was_there_before_is_not_counted, begin, end),
	    cmocka_unit_test_setup_teardown(
		test_a_line_counts_once_however_it_comes, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_rotated_log_is_followed, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
