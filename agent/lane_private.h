/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by lane.c (which task runs when) and lane_task.c (one task and its child). */
#ifndef AGENT_LANE_PRIVATE_H
#define AGENT_LANE_PRIVATE_H

#include <sys/queue.h>

#include "agent/lane.h"
#include "proto/base/buf.h"

#define KILL_AFTER_TERM_MS 3000

enum task_state { TASK_QUEUED, TASK_RUNNING, TASK_ENDED };

struct task {
	TAILQ_ENTRY(task) link;
	struct lanes *lanes;
	enum task_state state;
	bool is_receiver;
	bool admitted; /* a receiver: its sender showed a ticket that fits */
	char worker[16];
	char move_id[LIMIT_ID];
	uint32_t step_no, effect_no;
	uint64_t epoch;
	uint64_t envelope_id;	 /* of the latest request: where the answer goes */
	Wire__StepRequest *step; /* own copy while queued or running */
	uv_process_t process;
	uv_pipe_t job_pipe;    /* to its standard input */
	uv_pipe_t result_pipe; /* from its descriptor 3 */
	uv_timer_t deadline;
	uv_write_t write;
	struct buf job;
	struct buf incoming;
	struct buf result; /* framed Envelope{result}; empty until ended */
	int open_handles;
	int64_t exit_status;
	int exit_signal;
	bool exited;
	bool cancelled;
	bool timed_out;
};

struct lanes {
	struct agent *agent;
	TAILQ_HEAD(task_list, task) tasks;
	unsigned running;
	unsigned queued;
	unsigned receivers;
	unsigned strangers;  /* of them, not admitted yet */
	uint64_t refused_ms; /* when too many were logged last */
	unsigned remembered;
	bool stopping;
	/* What a child says is read into this and taken at once; a thousand outcomes that are
	   remembered have none of their own. */
	char chunk[16384];
};

/* Sends the outcome to the controller when it is there; it asks again after a reconnect. */
void task_answer(struct task *t);
/* The outcome is this error. */
void task_set_error(struct task *t, Wire__ErrorKind kind, const char *text);
/* The outcome says how the child ended without telling one. */
void task_end_without_result(struct task *t);
/* Out of the list, memory and all; its handles are closed. */
void task_free(struct task *t);
/* From queued to running, or to ended with the reason. */
void task_start(struct task *t);
/* Asks the child to end, kills it KILL_AFTER_TERM_MS later. */
void task_stop(struct task *t);
/* Starts a receiver on the connection, which stays the caller's. */
MUST_USE bool task_receive(struct task *t, int socket_fd, struct err *e);
/* A task has ended: old outcomes are forgotten, the next may start. */
void lanes_go_on(struct lanes *l);

#endif
