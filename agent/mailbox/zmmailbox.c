/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process and what is said to it. It prints a prompt, nothing when a command went
 * well, "ERROR: code (text)" when not, and log lines whenever it likes; so behind every
 * command goes a second one that does not exist, with a name that nobody can know, and
 * the complaint about that name is the end of the answer (output and errors share one
 * pipe, and the tool flushes both, so that their order holds). What can go wrong: it
 * cannot be started, dies, hangs, or says something else; each ends it. Not here: archives.
 */
#include "agent/mailbox/zmmailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/mailbox/zmmailbox_private.h"
#include "proto/base/clock.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"

#define START_MS 120000 /* 5 to 15 s on a loaded server (facts: performance C) */
#define TOOL_TIMEOUT_S \
	"300"		/* its own; an import of many items answers nothing for long */
#define STALL_MS 330000 /* longer, so that its own complaint comes first */
#define SAID_MAX 65536
#define STOP_STEPS 50
#define STOP_STEP_MS 10
#define LOOK_MS 200
#define PLACE ".zmmailbox-"

extern char **environ;

bool
zmmailbox_err(
    struct zmmailbox *z, enum err_kind kind, struct err *e, const char *fmt, ...)
{
	char what[240];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	utf8_tidy(what);
	return err_set(e, kind,
	    "%.100s for %.60s: %s; if it stays so, set mailbox_client = rest in "
	    "agent.conf",
	    z->o.program, z->o.account_name, what);
}

bool
zmmailbox_quote(struct buf *out, const char *text)
{
	bool ok = buf_add_str(out, "\"");

	for (; ok && *text != '\0'; text++) {
		switch (*text) {
		case '\n':
			ok = buf_add_str(out, "\\n");
			break;
		case '\r':
			ok = buf_add_str(out, "\\r");
			break;
		case '\t':
			ok = buf_add_str(out, "\\t");
			break;
		case '"':
		case '\\':
			ok = buf_add_str(out, "\\") && buf_add(out, text, 1);
			break;
		default:
			ok = buf_add(out, text, 1);
		}
	}
	return ok && buf_add_str(out, "\"");
}

/* --- where its named pipes lie --- */

static void
place_remove(const char *dir)
{
	static const char *const names[] = {"export", "import"};
	char path[700];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%.600s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* What workers that were killed have left. */
static void
place_sweep(const char *work_dir)
{
	DIR *dir = opendir(work_dir);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[700];
		pid_t owner;

		if (strncmp(entry->d_name, PLACE, strlen(PLACE)) != 0)
			continue;
		owner = (pid_t)strtol(entry->d_name + strlen(PLACE), NULL, 10);
		if (owner > 0 && owner != getpid() &&
		    (kill(owner, 0) == 0 || errno != ESRCH))
			continue;
		snprintf(path, sizeof(path), "%.400s/%.200s", work_dir, entry->d_name);
		place_remove(path);
	}
	if (dir != NULL)
		closedir(dir);
}

static bool
place_make(struct zmmailbox *z, struct err *e)
{
	if (z->dir != NULL)
		return true;
	place_sweep(z->o.work_dir);
	z->dir = xasprintf("%s/" PLACE "%ld", z->o.work_dir, (long)getpid());
	z->exports = xasprintf("%s/export", z->dir);
	z->imports = xasprintf("%s/import", z->dir);
	if (mkdir(z->dir, 0700) == 0 && mkfifo(z->exports, 0600) == 0 &&
	    mkfifo(z->imports, 0600) == 0)
		return true;
	return err_errno(e, ERR_RETRY, errno, "named pipes in %s", z->dir);
}

static void
place_free(struct zmmailbox *z)
{
	if (z->dir != NULL)
		place_remove(z->dir);
	xfree(&z->dir);
	xfree(&z->exports);
	xfree(&z->imports);
}

/* --- the process --- */

/* What we have open is none of its business; a stream's end must not wait for it. */
static void
keep_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (fd > STDERR_FILENO)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	if (dir != NULL)
		closedir(dir);
}

/*
 * -z: it logs in with what localconfig has, so that no secret is in its arguments. -A: as
 * the admin, not in the person's name, whose search settings would hide Trash and Junk.
 * -f: without it a line editor comes between, with a history file.
 */
static int
process_spawn(struct zmmailbox *z, const int in[2], const int out[2])
{
	char url[400];
	char *argv[] = {(char *)(uintptr_t)z->o.program, "-z", "-A", "-m",
	    (char *)(uintptr_t)z->o.account_id, "-u", url, "-t", TOOL_TIMEOUT_S, "-f",
	    "/dev/stdin", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int code;

	snprintf(
	    url, sizeof(url), "https://%.300s:%u", z->o.host, (unsigned)z->o.admin_port);
	sigemptyset(&none);
	sigemptyset(&all);
	sigaddset(&all, SIGPIPE);
	sigaddset(&all, SIGTERM);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, out[1], STDERR_FILENO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr,
	    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attr, 0); /* its shells and its Java end together */
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	keep_files();
	code = posix_spawn(&z->pid, z->o.program, &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	if (code != 0)
		z->pid = 0;
	return code;
}

static bool
process_start(struct zmmailbox *z, struct err *e)
{
	int in[2] = {-1, -1};
	int out[2] = {-1, -1};
	int code;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
		code = errno;
		if (in[0] >= 0) {
			close(in[0]);
			close(in[1]);
		}
		return err_errno(e, ERR_RETRY, code, "pipe");
	}
	code = process_spawn(z, in, out);
	close(in[0]);
	close(out[1]);
	z->to = in[1];
	z->from = out[0];
	if (code == 0) {
		fcntl(z->from, F_SETFL, O_NONBLOCK);
		return true;
	}
	zmmailbox_stop(z);
	return zmmailbox_err(z,
	    code == ENOENT || code == EACCES || code == ENOEXEC || code == ENOTDIR
		? ERR_REFUSED
		: ERR_RETRY,
	    e, "cannot be run: %s", strerror(code));
}

static bool
process_has_ended(struct zmmailbox *z, int *status_out)
{
	const struct timespec step = {.tv_nsec = STOP_STEP_MS * 1000000L};

	for (int i = 0; i < STOP_STEPS; i++) {
		if (waitpid(z->pid, status_out, WNOHANG) == z->pid)
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

void
zmmailbox_stop(struct zmmailbox *z)
{
	int status;

	if (z->to >= 0)
		close(z->to);
	if (z->from >= 0)
		close(z->from);
	z->to = z->from = -1;
	if (z->pid == 0)
		return;
	kill(-z->pid, SIGTERM);
	if (!process_has_ended(z, &status)) {
		kill(-z->pid, SIGKILL);
		waitpid(z->pid, &status, 0);
	}
	z->pid = 0;
}

/* --- what it says --- */

/* Behind the prompts that a line may begin with. */
static const char *
line_behind_prompt(const char *line, const char *end)
{
	while (strncmp(line, "mbox", 4) == 0) {
		const char *at = strstr(line, "> ");

		if (at == NULL || at >= end)
			break;
		line = at + 2;
	}
	return line;
}

/* The last line that has anything in it; indented ones are where Java was, not why. */
static void
said_last_line(const struct zmmailbox *z, char *out, size_t size)
{
	const char *line = buf_str(&z->said);

	out[0] = '\0';
	for (;;) {
		const char *end = line + strcspn(line, "\r\n");
		const char *from = line_behind_prompt(line, end);

		if (end - from > 0 && from[0] != '\t' && from[0] != ' ')
			snprintf(out, size, "%.*s", (int)(end - from), from);
		if (*end == '\0')
			return;
		line = end + 1;
	}
}

/* It has closed its output: what became of it? */
static bool
said_end(struct zmmailbox *z, struct err *e)
{
	char line[160];
	int status;
	bool ended = process_has_ended(z, &status);

	said_last_line(z, line, sizeof(line));
	if (ended)
		z->pid = 0;
	zmmailbox_stop(z);
	if (!ended)
		return zmmailbox_err(
		    z, ERR_RETRY, e, "closed its output and did not end: %s", line);
	if (WIFSIGNALED(status))
		return zmmailbox_err(
		    z, ERR_RETRY, e, "died (signal %d): %s", WTERMSIG(status), line);
	return zmmailbox_err(
	    z, ERR_RETRY, e, "ended (exit code %d): %s", WEXITSTATUS(status), line);
}

/* The complaint about the mark, "...ERROR: ... (MARK) ...", and everything behind it goes. */
static void
said_look(struct zmmailbox *z)
{
	char *text = (char *)z->said.data;
	char *at = text == NULL ? NULL : strstr(text, z->mark);
	char *cut = NULL;

	if (at == NULL)
		return;
	for (char *p = text; (p = strstr(p, "ERROR: ")) != NULL && p < at; p++)
		cut = p;
	if (cut == NULL)
		cut = at;
	*cut = '\0';
	z->said.len = (size_t)(cut - text);
	z->done = true;
}

static bool
said_read(struct zmmailbox *z, struct err *e)
{
	char chunk[4096];
	ssize_t n = read(z->from, chunk, sizeof(chunk));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ||
		       err_errno(e, ERR_RETRY, errno, "%s", z->o.program);
	if (n == 0)
		return said_end(z, e);
	for (ssize_t i = 0; i < n; i++)
		chunk[i] = chunk[i] == '\0' ? ' ' : chunk[i];
	if (z->said.len + (size_t)n > SAID_MAX)
		buf_drop_front(&z->said, z->said.len / 2);
	if (!buf_add(&z->said, chunk, (size_t)n))
		BUG("a chunk that does not fit");
	said_look(z);
	return true;
}

void
zmmailbox_went_on(struct zmmailbox *z)
{
	z->until_ms = clock_mono_ms() + z->o.stall_ms;
}

bool
zmmailbox_wait(struct zmmailbox *z, int fd, short events, int pause_ms, short *seen_out,
    struct err *e)
{
	struct pollfd fds[2] = {
	    {.fd = z->done ? -1 : z->from, .events = POLLIN},
	    {.fd = fd, .events = events},
	};
	int n = poll(fds, ARRAY_LEN(fds), pause_ms < LOOK_MS ? pause_ms : LOOK_MS);

	*seen_out = n > 0 ? fds[1].revents : 0;
	if (z->o.stopped != NULL && z->o.stopped())
		return err_set(e, ERR_CANCELLED, "stopped");
	if (n > 0 && fds[0].revents != 0 && !said_read(z, e))
		return false;
	if (n <= 0 && clock_mono_ms() > z->until_ms) {
		char line[160];

		said_last_line(z, line, sizeof(line));
		return zmmailbox_err(z, ERR_RETRY, e, "hung and was ended: %s",
		    line[0] == '\0' ? "it said nothing" : line);
	}
	return true;
}

bool
zmmailbox_say(struct zmmailbox *z, const char *command, struct err *e)
{
	char *text;
	short seen;
	size_t len;
	bool ok;

	snprintf(z->mark, sizeof(z->mark), "(zmferry-%s-%u)", z->secret, ++z->number);
	buf_clear(&z->said);
	z->done = false;
	text = xasprintf("%s%s%.*s\n", command == NULL ? "" : command,
	    command == NULL ? "" : "\n", (int)strlen(z->mark) - 2, z->mark + 1);
	len = strlen(text);
	/* Far less than a pipe holds, and it has read all before: this never waits. */
	ok = write(z->to, text, len) == (ssize_t)len;
	free(text);
	zmmailbox_went_on(z);
	/* It listens no more; why, it may have said before. */
	while (!ok) {
		if (!zmmailbox_wait(z, -1, 0, LOOK_MS, &seen, e))
			return false;
	}
	return true;
}

/* Errors stand at a line's beginning, or behind a prompt; in log lines they do not. */
static const char *
answer_error(const char *text)
{
	for (const char *p = text; (p = strstr(p, "ERROR: ")) != NULL; p++) {
		if (p == text || p[-1] == '\n' || (p - text >= 2 && p[-2] == '>'))
			return p;
	}
	return NULL;
}

enum zmmailbox_answer
zmmailbox_answer(const struct zmmailbox *z, char *line_out, size_t size)
{
	const char *text = buf_str(&z->said);
	const char *line = answer_error(text);
	enum zmmailbox_answer answer = ZMMAILBOX_ERROR;

	if (line == NULL) {
		line = strstr(text, "usage:");
		answer = line == NULL ? ZMMAILBOX_FINE : ZMMAILBOX_USAGE;
	}
	line_out[0] = '\0';
	if (line != NULL)
		snprintf(line_out, size, "%.*s", (int)strcspn(line, "\r\n"), line);
	return answer;
}

/* --- its life --- */

struct zmmailbox *
zmmailbox_new(const struct zmmailbox_options *options)
{
	struct zmmailbox *z = XNEW(struct zmmailbox);
	uint64_t mark = 0;

	/* Not even then is it in anything that the tool may say. */
	if (getrandom(&mark, sizeof(mark), 0) != sizeof(mark))
		mark = (uint64_t)clock_wall_ms();
	z->o = *options;
	z->o.program = xstrdup(options->program);
	z->o.account_id = xstrdup(options->account_id);
	z->o.account_name = xstrdup(options->account_name);
	z->o.host = xstrdup(options->host);
	z->o.work_dir = xstrdup(options->work_dir);
	if (z->o.start_ms == 0)
		z->o.start_ms = START_MS;
	if (z->o.stall_ms == 0)
		z->o.stall_ms = STALL_MS;
	z->to = z->from = -1;
	snprintf(z->secret, sizeof(z->secret), "%016llx", (unsigned long long)mark);
	buf_init(&z->said, 2 * SAID_MAX);
	return z;
}

void
zmmailbox_free(struct zmmailbox **z)
{
	if (*z == NULL)
		return;
	zmmailbox_stop(*z);
	place_free(*z);
	buf_fini(&(*z)->said);
	free((char *)(uintptr_t)(*z)->o.program);
	free((char *)(uintptr_t)(*z)->o.account_id);
	free((char *)(uintptr_t)(*z)->o.account_name);
	free((char *)(uintptr_t)(*z)->o.host);
	free((char *)(uintptr_t)(*z)->o.work_dir);
	xfree(z);
}

static bool
ready_first_answer(struct zmmailbox *z, struct err *e)
{
	uint64_t began_ms = clock_mono_ms();
	short seen;

	if (!zmmailbox_say(z, NULL, e))
		return false;
	z->until_ms = began_ms + z->o.start_ms;
	while (!z->done) {
		if (!zmmailbox_wait(z, -1, 0, LOOK_MS, &seen, e))
			return false;
	}
	log_debug(z->o.log, "%s answers after %llu ms", z->o.program,
	    (unsigned long long)(clock_mono_ms() - began_ms));
	return true;
}

bool
zmmailbox_ready(struct zmmailbox *z, struct err *e)
{
	struct pollfd fd = {.fd = z->from, .events = POLLIN};

	/* Between commands it says nothing; its output's end is its own end. */
	if (z->pid != 0 && poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP) != 0)
		zmmailbox_stop(z);
	if (z->pid != 0)
		return true;
	if (place_make(z, e) && process_start(z, e) && ready_first_answer(z, e))
		return true;
	zmmailbox_stop(z);
	return false;
}
