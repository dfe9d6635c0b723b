/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialogue with zmmailbox, against small programs that do what it does, and worse:
 * die, hang, complain, print garbage. What came is whole or an error is told that names
 * program, account and way out, and nothing is left behind.
 */
#include "agent/mailbox/zmmailbox.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "tests/unit/scratch.h"

#define ACCOUNT "b1a3b7a2-0000-4000-8000-000000000001"

static char dir[256];
static char program[300];
static bool is_stopped;

/* What the tool does; between the two stands how it does it. getRestURL -u URL -o PIPE REQUEST,
   postRestURL -u URL REQUEST PIPE. */
static const char before[] = "#!/bin/sh\n"
			     "here=${0%/*}\n"
			     "echo \"$@\" >> \"$here/calls\"\n"
			     "get() { :; }\n"
			     "post() { cat \"$pipe\" > \"$here/posted\"; }\n"
			     "begin() { :; }\n"
			     "echoes=\n";
static const char after[] =
    "\nbegin\n"
    "echo 'mailbox: alice@example.org, size: 1 KB'\n"
    "while printf 'mbox alice@example.org> '; IFS= read -r line; do\n"
    "  eval \"$echoes\"\n"
    "  eval \"set -- $line\"\n"
    "  case $1 in\n"
    "  getRestURL) pipe=$5 asked=$6; echo \"$6\" >> \"$here/asked\"; get ;;\n"
    "  postRestURL) pipe=$5; echo \"$4\" >> \"$here/asked\"; post ;;\n"
    "  *) echo \"ERROR: zclient.CLIENT_ERROR (Unknown command: ($1) Type: 'help "
    "commands' "
    "for a list)\" >&2 ;;\n"
    "  esac\n"
    "done\n";

static bool
stopped(void)
{
	return is_stopped;
}

/* A tool whose getRestURL, postRestURL or beginning is as said. */
static struct zmmailbox *
tool_with(const char *how, unsigned stall_ms)
{
	const struct zmmailbox_options options = {
	    .program = program,
	    .account_id = ACCOUNT,
	    .account_name = "alice@example.org",
	    .host = "mbs1.example.org",
	    .admin_port = 7071,
	    .work_dir = dir,
	    .stopped = stopped,
	    .start_ms = stall_ms,
	    .stall_ms = stall_ms,
	};
	FILE *f;

	scratch_make(dir, sizeof(dir));
	is_stopped = false;
	scratch_path(program, sizeof(program), dir, "tool");
	f = fopen(program, "w");
	CHECK(f != NULL);
	CHECK(fputs(before, f) >= 0 && fputs(how, f) >= 0 && fputs(after, f) >= 0);
	fclose(f);
	CHECK(chmod(program, 0700) == 0);
	return zmmailbox_new(&options);
}

static struct zmmailbox *
tool(const char *how)
{
	return tool_with(how, 20000);
}

static void
tool_end(struct zmmailbox **z)
{
	char path[300];

	zmmailbox_free(z);
	snprintf(path, sizeof(path), "%s/.zmmailbox-%ld", dir, (long)getpid());
	CHECK(access(path, F_OK) != 0);
	scratch_remove(dir);
}

static void
check_file(const char *name, const char *text)
{
	char path[300];
	char data[1000];
	FILE *f;
	size_t n;

	scratch_path(path, sizeof(path), dir, name);
	f = fopen(path, "r");
	CHECK(f != NULL);
	n = fread(data, 1, sizeof(data) - 1, f);
	data[n] = '\0';
	fclose(f);
	CHECK_STR(data, text);
}

static bool
collect(const void *data, size_t len, void *ctx)
{
	return buf_add(ctx, data, len);
}

static bool
refuse(const void *data, size_t len, void *ctx)
{
	(void)data;
	(void)len;
	(void)ctx;
	return false;
}

static bool
export_to(struct zmmailbox *z, struct buf *out, enum rest_status *status, struct err *e)
{
	const struct rest_export what = {.account_id = ACCOUNT, .query = "is:anywhere"};

	buf_init(out, 0);
	memset(e, 0, sizeof(*e));
	return zmmailbox_export(z, &what, collect, out, status, e);
}

/* Exports once; it must fail in this way, and say so. */
static void
check_fails(struct zmmailbox *z, enum err_kind kind, const char *text)
{
	enum rest_status status;
	struct buf got;
	struct err e;

	CHECK(!export_to(z, &got, &status, &e));
	buf_fini(&got);
	CHECK_INT(e.kind, kind);
	CHECK_HAS(e.text, program);
	CHECK_HAS(e.text, "alice@example.org");
	CHECK_HAS(e.text, text);
	CHECK_HAS(e.text, "mailbox_client = rest");
}

struct giving {
	const char *text;
	size_t left; /* of it, so often */
	unsigned given;
};

static size_t
give(void *data, size_t size, void *ctx)
{
	struct giving *g = ctx;
	size_t len = strlen(g->text);

	CHECK(size >= len);
	if (g->left == 0)
		return 0;
	g->left--;
	g->given++;
	memcpy(data, g->text, len);
	return len;
}

/* --- quoting --- */

static void
check_quoted(const char *text, const char *quoted)
{
	struct buf out;

	buf_init(&out, 0);
	CHECK(zmmailbox_quote(&out, text));
	CHECK_STR(buf_str(&out), quoted);
	buf_fini(&out);
}

static void
test_zmmailbox_quotes_what_its_command_line_would_take_apart(void **state)
{
	(void)state;
	check_quoted("", "\"\"");
	check_quoted("/?fmt=tar", "\"/?fmt=tar\"");
	check_quoted("a b'c", "\"a b'c\"");
	check_quoted("say \"x\"", "\"say \\\"x\\\"\"");
	check_quoted("C:\\n\\", "\"C:\\\\n\\\\\"");
	check_quoted("one\ntwo\tthree\r", "\"one\\ntwo\\tthree\\r\"");
	check_quoted("Ärger", "\"Ärger\"");
}

/* --- exports --- */

static void
test_zmmailbox_exports_several_times_in_one_process(void **state)
{
	struct zmmailbox *z =
	    tool("get() { printf 'bytes of %s' \"$asked\" > \"$pipe\"; }");
	const struct rest_export list = {
	    .account_id = ACCOUNT, .list = "257,258", .headers_only = true};
	const struct rest_export query = {
	    .account_id = ACCOUNT, .query = "is:anywhere modseq:>7"};
	enum rest_status status;
	struct buf got;
	struct err e;

	(void)state;
	buf_init(&got, 0);
	CHECK(zmmailbox_export(z, &list, collect, &got, &status, &e));
	CHECK_INT(status, REST_OK);
	CHECK_STR(buf_str(&got), "bytes of /?fmt=tar&list=257,258&body=0");
	buf_clear(&got);
	CHECK(zmmailbox_export(z, &query, collect, &got, &status, &e));
	CHECK_STR(buf_str(&got), "bytes of /?fmt=tar&query=is:anywhere modseq:>7");
	buf_fini(&got);
	check_file("calls", "-z -A -m " ACCOUNT
			    " -u https://mbs1.example.org:7071 -t 300 -f /dev/stdin\n");
	tool_end(&z);
}

static void
test_zmmailbox_streams_more_than_a_pipe_holds(void **state)
{
	struct zmmailbox *z =
	    tool("get() { dd if=/dev/zero bs=1000 count=3000 status=none > \"$pipe\"; }");
	enum rest_status status;
	struct buf got;
	struct err e;

	(void)state;
	CHECK(export_to(z, &got, &status, &e));
	CHECK_INT(got.len, 3000000);
	buf_fini(&got);
	tool_end(&z);
}

static void
check_status(const char *text, bool ok, enum rest_status wanted)
{
	char *how =
	    xasprintf("get() { : > \"$pipe\"; echo 'ERROR: service.FAILURE (system "
		      "failure: GET from https://x/home/a/?fmt=tar&list=status "
		      "failed, %s)' >&2; }",
		text);
	struct zmmailbox *z = tool(how);
	enum rest_status status;
	struct buf got;
	struct err e;

	CHECK_INT(export_to(z, &got, &status, &e), ok);
	CHECK_INT(status, wanted);
	if (!ok)
		CHECK(e.text[0] != '\0');
	buf_fini(&got);
	free(how);
	tool_end(&z);
}

static void
test_zmmailbox_tells_the_status_from_the_complaint(void **state)
{
	(void)state;
	check_status("status=204.  No Content", true, REST_EMPTY);
	check_status("status=404.  Not Found", false, REST_NOT_FOUND);
	check_status("status=414.  URI Too Long", false, REST_TOO_LONG);
	check_status("status=500.  Server Error", false, REST_OTHER);
}

static void
test_zmmailbox_passes_over_log_lines_and_echoes(void **state)
{
	struct zmmailbox *z =
	    tool("echoes='echo \"$line\"'\n"
		 "get() { echo '[] INFO: hello'; printf 'a\\000b\\377\\n'; echo whole > "
		 "\"$pipe\"; echo '[] ERROR: nobody asked' >&2; }");
	enum rest_status status;
	struct buf got;
	struct err e;

	(void)state;
	CHECK(export_to(z, &got, &status, &e));
	CHECK_INT(status, REST_OK);
	CHECK_STR(buf_str(&got), "whole\n");
	buf_fini(&got);
	tool_end(&z);
}

static void
test_zmmailbox_bears_any_amount_of_garbage(void **state)
{
	struct zmmailbox *z =
	    tool("get() { dd if=/dev/zero bs=1000 count=300 status=none; echo; echo x > "
		 "\"$pipe\"; }");
	enum rest_status status;
	struct buf got;
	struct err e;

	(void)state;
	CHECK(export_to(z, &got, &status, &e));
	CHECK_STR(buf_str(&got), "x\n");
	buf_fini(&got);
	tool_end(&z);
}

static void
test_zmmailbox_tells_an_error_and_starts_anew(void **state)
{
	struct zmmailbox *z = tool(
	    "get() { [ -e \"$here/twice\" ] && { echo fine > \"$pipe\"; return; }; : > "
	    "\"$here/twice\"; echo 'ERROR: service.AUTH_EXPIRED (auth credentials have "
	    "expired)' >&2; }");
	enum rest_status status;
	struct buf got;
	struct err e;

	(void)state;
	check_fails(z, ERR_RETRY, "ERROR: service.AUTH_EXPIRED");
	CHECK(export_to(z, &got, &status, &e));
	CHECK_STR(buf_str(&got), "fine\n");
	buf_fini(&got);
	tool_end(&z);
}

static void
test_zmmailbox_that_does_not_know_the_command_is_refused(void **state)
{
	struct zmmailbox *z =
	    tool("get() { printf 'usage:\\n\\n  getRestURL(gru)\\n'; }");

	(void)state;
	check_fails(z, ERR_REFUSED, "usage:");
	tool_end(&z);
}

static void
test_zmmailbox_dies_in_an_export(void **state)
{
	struct zmmailbox *z = tool(
	    "get() { printf half > \"$pipe\"; echo 'java.lang.OutOfMemoryError' >&2; "
	    "exit 3; }");

	(void)state;
	check_fails(z, ERR_RETRY, "ended (exit code 3): java.lang.OutOfMemoryError");
	tool_end(&z);
	z = tool("get() { kill -9 $$; }");
	check_fails(z, ERR_RETRY, "died (signal 9)");
	tool_end(&z);
}

static void
test_zmmailbox_hangs_in_an_export(void **state)
{
	struct zmmailbox *z = tool_with("get() { sleep 1000 > \"$pipe\"; }", 300);
	uint64_t began_ms = clock_mono_ms();

	(void)state;
	check_fails(z, ERR_RETRY, "hung and was ended");
	CHECK(clock_mono_ms() - began_ms < 10000);
	tool_end(&z);
}

static void
test_zmmailbox_does_not_start(void **state)
{
	struct zmmailbox *z =
	    tool("begin() { echo 'ERROR: account.AUTH_FAILED (no)' >&2; "
		 "exit 2; }");

	(void)state;
	check_fails(z, ERR_RETRY, "ended (exit code 2): ERROR: account.AUTH_FAILED (no)");
	tool_end(&z);
	z = tool_with("begin() { exec sleep 1000; }", 300);
	check_fails(z, ERR_RETRY, "hung and was ended");
	tool_end(&z);
	z = tool("");
	CHECK(unlink(program) == 0);
	check_fails(z, ERR_REFUSED, "cannot be run");
	tool_end(&z);
}

static void
test_zmmailbox_that_died_between_two_commands_is_started_again(void **state)
{
	struct zmmailbox *z = tool("get() { echo some > \"$pipe\"; }\n"
				   "begin() { echo $$ > \"$here/pid\"; }");
	enum rest_status status;
	char path[300];
	struct buf got;
	struct err e;
	long pid = 0;
	FILE *f;

	(void)state;
	CHECK(zmmailbox_ready(z, &e));
	scratch_path(path, sizeof(path), dir, "pid");
	f = fopen(path, "r");
	CHECK(f != NULL && fscanf(f, "%ld", &pid) == 1 && pid > 1);
	fclose(f);
	CHECK(kill((pid_t)pid, SIGKILL) == 0);
	usleep(100000);
	CHECK(export_to(z, &got, &status, &e));
	CHECK_STR(buf_str(&got), "some\n");
	buf_fini(&got);
	tool_end(&z);
}

static void
test_zmmailbox_ends_when_we_are_to_stop(void **state)
{
	struct zmmailbox *z = tool("get() { sleep 1000 > \"$pipe\"; }");
	enum rest_status status;
	struct buf got;
	struct err e;

	(void)state;
	CHECK(zmmailbox_ready(z, &e));
	is_stopped = true;
	CHECK(!export_to(z, &got, &status, &e));
	CHECK_INT(e.kind, ERR_CANCELLED);
	buf_fini(&got);
	tool_end(&z);
}

static void
test_zmmailbox_ends_when_nobody_wants_the_rest(void **state)
{
	struct zmmailbox *z =
	    tool("get() { dd if=/dev/zero bs=1000 count=9000 status=none > \"$pipe\"; }");
	const struct rest_export what = {.account_id = ACCOUNT, .query = "is:anywhere"};
	enum rest_status status;
	struct err e;

	(void)state;
	CHECK(!zmmailbox_export(z, &what, refuse, NULL, &status, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	tool_end(&z);
}

/* --- imports --- */

static void
test_zmmailbox_imports_through_a_pipe(void **state)
{
	struct zmmailbox *z = tool("");
	struct giving some = {"an archive", 1, 0};
	struct giving more = {"another one", 1, 0};
	struct err e;

	(void)state;
	CHECK(zmmailbox_import(z, give, &some, &e));
	check_file("posted", "an archive");
	CHECK(zmmailbox_import(z, give, &more, &e));
	check_file("posted", "another one");
	check_file("asked", "/?fmt=tar&resolve=skip\n/?fmt=tar&resolve=skip\n");
	tool_end(&z);
}

static void
check_import_fails(const char *how, unsigned stall_ms, const char *text)
{
	static char much[40000];
	struct zmmailbox *z = tool_with(how, stall_ms);
	struct giving g = {much, 100, 0};
	struct err e;

	memset(much, 'x', sizeof(much) - 1);
	CHECK(!zmmailbox_import(z, give, &g, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, text);
	tool_end(&z);
}

static void
test_zmmailbox_import_that_is_not_read_to_its_end(void **state)
{
	(void)state;
	check_import_fails(
	    "post() { echo 'ERROR: service.FAILURE (system failure: POST failed, "
	    "status=500 500)' >&2; }",
	    20000, "postRestURL: ERROR: service.FAILURE");
	check_import_fails("post() { head -c 1000 \"$pipe\" > /dev/null; echo 'ERROR: "
			   "zclient.IO_ERROR (Broken pipe)' >&2; }",
	    20000, "zclient.IO_ERROR");
	check_import_fails("post() { head -c 1000 \"$pipe\" > /dev/null; exit 1; }",
	    20000, "exit code 1");
	check_import_fails("post() { exec 3< \"$pipe\"; sleep 1000; }", 300, "hung");
	check_import_fails("post() { sleep 1000; }", 300, "hung");
	check_import_fails(
	    "post() { cat \"$pipe\" > /dev/null; sleep 1000; }", 300, "hung");
}

/* --- what killed ones leave --- */

static void
test_zmmailbox_takes_away_what_killed_workers_left(void **state)
{
	struct zmmailbox *z = tool("");
	char theirs[300], ours[300], file[400];
	struct err e;

	(void)state;
	scratch_path(theirs, sizeof(theirs), dir, ".zmmailbox-999999999");
	scratch_path(ours, sizeof(ours), dir, ".zmmailbox-1");
	CHECK(mkdir(theirs, 0700) == 0 && mkdir(ours, 0700) == 0);
	snprintf(file, sizeof(file), "%s/export", theirs);
	CHECK(mkfifo(file, 0600) == 0);
	CHECK(zmmailbox_ready(z, &e));
	CHECK(access(theirs, F_OK) != 0);
	CHECK(access(ours, F_OK) == 0); /* somebody of that number lives */
	tool_end(&z);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_zmmailbox_quotes_what_its_command_line_would_take_apart),
	    TEST(test_zmmailbox_exports_several_times_in_one_process),
	    TEST(test_zmmailbox_streams_more_than_a_pipe_holds),
	    TEST(test_zmmailbox_tells_the_status_from_the_complaint),
	    TEST(test_zmmailbox_passes_over_log_lines_and_echoes),
	    TEST(test_zmmailbox_bears_any_amount_of_garbage),
	    TEST(test_zmmailbox_tells_an_error_and_starts_anew),
	    TEST(test_zmmailbox_that_does_not_know_the_command_is_refused),
	    TEST(test_zmmailbox_dies_in_an_export),
	    TEST(test_zmmailbox_hangs_in_an_export),
	    TEST(test_zmmailbox_does_not_start),
	    TEST(test_zmmailbox_that_died_between_two_commands_is_started_again),
	    TEST(test_zmmailbox_ends_when_we_are_to_stop),
	    TEST(test_zmmailbox_ends_when_nobody_wants_the_rest),
	    TEST(test_zmmailbox_imports_through_a_pipe),
	    TEST(test_zmmailbox_import_that_is_not_read_to_its_end),
	    TEST(test_zmmailbox_takes_away_what_killed_workers_left),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
