/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's end of a mail stream for tests: identities from a CA made for the purpose,
 * and a receive worker in a process of its own, one stream long.
 */
#ifndef TESTS_UNIT_AGENT_RECEIVER_H
#define TESTS_UNIT_AGENT_RECEIVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/mailbox/spool.h"
#include "agent/worker/worker.h"
#include "proto/base/log.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/unit/scratch.h"

#define MOVE "m-1"
#define SOURCE "source.example.org"
#define TARGET "target.example.org"

static char base_dir[64], spool_dir[80], source_pem[80], target_pem[80], stranger_pem[80],
    foreign_pem[80];
static uint8_t ticket[LIMIT_TICKET] = "0123456789abcdef0123456789abcde";

/* The workers' own are in main.c, which is not linked here. */
bool
worker_is_stopped(void)
{
	return false;
}

void
worker_progress(
    struct worker *w, uint64_t done, uint64_t total, uint64_t bytes, const char *text)
{
	(void)w;
	(void)done;
	(void)total;
	(void)bytes;
	(void)text;
}

/* --- identities and folders --- */

static inline void
issue(const char *ca_dir, const char *name, const char *file, char *path, size_t size)
{
	struct buf bundle;
	struct err e;

	buf_init(&bundle, 0);
	CHECK(tls_ca_issue(ca_dir, name, 30, &bundle, &e));
	scratch_write(base_dir, file, bundle.data, bundle.len, 0400);
	scratch_path(path, size, base_dir, file);
	buf_fini(&bundle);
}

static inline int
set_up_all(void **state)
{
	char other[80];
	struct err e;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	scratch_make(base_dir, sizeof(base_dir));
	CHECK(tls_ca_create(base_dir, 30, &e));
	issue(base_dir, "node:" SOURCE, "source.pem", source_pem, sizeof(source_pem));
	issue(base_dir, "node:" TARGET, "target.pem", target_pem, sizeof(target_pem));
	issue(base_dir, "node:stranger.example.org", "stranger.pem", stranger_pem,
	    sizeof(stranger_pem));
	scratch_path(other, sizeof(other), base_dir, "other-ca");
	CHECK(mkdir(other, 0700) == 0 && tls_ca_create(other, 30, &e));
	issue(other, "node:" SOURCE, "foreign.pem", foreign_pem, sizeof(foreign_pem));
	scratch_path(spool_dir, sizeof(spool_dir), base_dir, "spool");
	return 0;
}

static inline int
tear_down_all(void **state)
{
	(void)state;
	scratch_remove(base_dir);
	return 0;
}

static inline int
set_up(void **state)
{
	Wire__Admission a = WIRE__ADMISSION__INIT;
	struct err e;

	(void)state;
	scratch_remove(spool_dir);
	CHECK(mkdir(spool_dir, 0700) == 0);
	a.move_id = frame_bytes(MOVE);
	a.source_node = frame_bytes(SOURCE);
	a.ticket.data = ticket;
	a.ticket.len = sizeof(ticket);
	return spool_reserve(spool_dir, &a, 100, &e) ? 0 : -1;
}

/* --- the receiver: a child process per stream --- */

struct receiver {
	pid_t pid;
	uint16_t port;
	int result_fd; /* its error text, or "ok" */
	rlim_t file_limit;
	uint32_t fill_limit;
	char text[500];
	long max_rss_kb;
};

static inline int
listen_anywhere(uint16_t *port_out)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	      listen(fd, 4) == 0 && getsockname(fd, (struct sockaddr *)&a, &size) == 0);
	*port_out = ntohs(a.sin_port);
	return fd;
}

static inline void
receiver_child(const struct receiver *r, int listener, int result_fd)
{
	Wire__WorkerJob job = WIRE__WORKER_JOB__INIT;
	Wire__Admission a = WIRE__ADMISSION__INIT;
	Wire__Admission *admissions[] = {&a};
	struct worker w = {.job = &job, .spool_dir = spool_dir};
	struct err e;
	int fd = accept(listener, NULL, NULL);
	bool ok;

	if (r->file_limit != 0) {
		const struct rlimit limit = {r->file_limit, r->file_limit};

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
	}
	a.move_id = frame_bytes(MOVE);
	a.source_node = frame_bytes(SOURCE);
	a.ticket.data = ticket;
	a.ticket.len = sizeof(ticket);
	job.identity_file = frame_bytes(target_pem);
	job.admissions = admissions;
	job.n_admissions = 1;
	job.fill_limit = r->fill_limit;
	result_fd = dup2(result_fd, 9);
	if (fd != WORKER_SOCKET_FD) {
		dup2(fd, WORKER_SOCKET_FD);
		close(fd);
	}
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), WORKER_RESULT_FD);
	ok = worker_receive(&w, &e);
	dprintf(result_fd, "%s", ok ? "ok" : e.text);
	_exit(ok ? 0 : 1);
}

static inline void
receiver_start(struct receiver *r)
{
	int listener = listen_anywhere(&r->port);
	int fds[2];

	CHECK(pipe(fds) == 0);
	fflush(NULL);
	r->pid = fork();
	CHECK(r->pid >= 0);
	if (r->pid == 0)
		receiver_child(r, listener, fds[1]);
	close(fds[1]);
	close(listener);
	r->result_fd = fds[0];
}

/* Waits for its end; its exit status. */
static inline int
receiver_end(struct receiver *r)
{
	struct rusage usage;
	int status;
	ssize_t n;

	CHECK(wait4(r->pid, &status, 0, &usage) == r->pid);
	n = read(r->result_fd, r->text, sizeof(r->text) - 1);
	r->text[n < 0 ? 0 : n] = '\0';
	r->max_rss_kb = usage.ru_maxrss;
	close(r->result_fd);
	return status;
}

/* --- the sender --- */

struct sender {
	Wire__WorkerJob job;
	Wire__StepRequest step;
	Wire__OpStage op;
	struct worker w;
};

static inline void
sender_init(struct sender *s, uint16_t port)
{
	memset(s, 0, sizeof(*s));
	wire__worker_job__init(&s->job);
	wire__step_request__init(&s->step);
	wire__op_stage__init(&s->op);
	s->op.target_host = frame_bytes("127.0.0.1");
	s->op.target_port = port;
	s->op.target_node = frame_bytes(TARGET);
	s->op.ticket.data = ticket;
	s->op.ticket.len = sizeof(ticket);
	s->step.move_id = frame_bytes(MOVE);
	s->step.op_case = WIRE__STEP_REQUEST__OP_STAGE;
	s->step.stage = &s->op;
	s->job.identity_file = frame_bytes(source_pem);
	s->job.step = &s->step;
	s->w.job = &s->job;
	s->w.step = &s->step;
}

#endif
