/* SPDX-License-Identifier: Apache-2.0 */
/* The completion as a real bash runs it, with a zmferry that answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/completion.h"
#include "tests/unit/check.h"

static char script[] = "/tmp/test_completion.XXXXXX";

static int
begin(void **state)
{
	int fd = mkstemp(script);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	(void)state;
	if (f == NULL)
		return 1;
	print_completion(f, false);
	fputs("zmferry() { case $1 in\n"
	      "nodes) printf '{\"nodes\":[\\n{\"name\": \"mbs1.example.org\",\\n"
	      "\"probes\": [{\"name\": \"mailboxd\"}]},\\n"
	      "{\"name\": \"mbs2.example.org\"}]}' ;;\n"
	      "jobs) printf '{\"jobs\":[{\"id\": \"j7\"}]}' ;;\n"
	      "moves) printf '{\"moves\":[{\"account_id\": \"x\", \"id\": \"m3\"}]}' ;;\n"
	      "esac; }\n"
	      "COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _zmferry\n"
	      "printf '%s ' \"${COMPREPLY[@]}\"\n",
	    f);
	return fclose(f);
}

static int
end(void **state)
{
	(void)state;
	return unlink(script);
}

/* What is offered when these words stand there; the last is the one being typed, _ = nothing yet. */
static const char *
offered(const char *words)
{
	static char out[4000];
	char copy[200], *rest = copy;
	char *argv[16] = {"bash", script, "zmferry"};
	size_t argc = 3, length = 0;
	ssize_t got = 1;
	int ends[2], status;
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word; (word = strsep(&rest, " ")) != NULL && argc < 15;)
		argv[argc++] = strcmp(word, "_") == 0 ? "" : word;
	CHECK(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	while (got > 0 && length < sizeof(out) - 1) {
		got = read(ends[0], out + length, sizeof(out) - 1 - length);
		length += got > 0 ? (size_t)got : 0;
	}
	out[length] = '\0';
	close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return out;
}

static void
test_commands(void **state)
{
	(void)state;
	CHECK_STR(offered("ev"), "evacuate events ");
	CHECK_STR(offered("plan re"), "restore rebalance remove ");
	CHECK_STR(offered("job c"), "cancel continue ");
	CHECK_HAS(offered("_"), "status nodes plan ");
	CHECK_HAS(offered("purge _"), "m3 ");
	CHECK_HAS(offered("purge _"), "node ");
	CHECK_STR(offered("nonsense _"), " ");
}

static void
test_values_that_the_controller_knows(void **state)
{
	(void)state;
	CHECK_STR(offered("evacuate _"), "mbs1.example.org mbs2.example.org ");
	CHECK_STR(offered("--json evacuate mbs2"), "mbs2.example.org ");
	CHECK_STR(offered("evacuate mbs1.example.org --to mbs2"), "mbs2.example.org ");
	CHECK_STR(offered("job show _"), "j7 ");
	CHECK_STR(offered("moves --job _"), "j7 ");
	CHECK_STR(offered("explain _"), "m3 ");
}

static void
test_options_are_the_commands_own(void **state)
{
	(void)state;
	CHECK_STR(offered("evacuate mbs1 --cu"), "--cutover ");
	CHECK_STR(offered("evacuate mbs1 --c"), "--controller --certificate --cutover ");
	CHECK_STR(offered("operator _"), "enroll revoke ");
	CHECK_STR(offered("operator enroll alice --s"), "--socket --server-ca ");
	CHECK_STR(offered("operator enroll alice --o"), "--out ");
	CHECK_STR(offered("evacuate mbs1 --cutover g"), "go ");
	CHECK_STR(offered("evacuate mbs1 --cutover i"), "idle ");
	CHECK_STR(offered("remove --to mbs2 mbs1 --d"), "--dry-run --destroy-volumes ");
	CHECK_STR(
	    offered("status --"), "--json --socket --controller --certificate --help ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_commands),
	    TEST(test_values_that_the_controller_knows),
	    TEST(test_options_are_the_commands_own),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
