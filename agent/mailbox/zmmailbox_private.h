/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by zmmailbox.c (the process and what is said) and zmmailbox_rest.c (archives). */
#ifndef AGENT_ZMMAILBOX_PRIVATE_H
#define AGENT_ZMMAILBOX_PRIVATE_H

#include <sys/types.h>

#include "agent/mailbox/zmmailbox.h"

struct zmmailbox {
	struct zmmailbox_options o; /* its strings are ours */
	pid_t pid;		    /* 0: none runs */
	int to, from;		    /* its standard input; its output and errors */
	char *dir;		    /* of the named pipes; NULL: not made */
	char *exports, *imports;    /* the pipes */
	char secret[17];	    /* nobody else can know the mark */
	unsigned number;
	char mark[64];	 /* the answer to the command under way ends with it */
	struct buf said; /* since the command was sent; its beginning may be cut off */
	bool done;	 /* all of its answer is in said, and nothing but it */
	uint64_t until_ms;
};

enum zmmailbox_answer { ZMMAILBOX_FINE, ZMMAILBOX_ERROR, ZMMAILBOX_USAGE };

/* Sends a command (NULL: only asks whether it listens). */
MUST_USE bool zmmailbox_say(struct zmmailbox *z, const char *command, struct err *e);
/*
 * Waits, at most pause_ms, for something it says or for fd (-1: none) to be as in events;
 * *seen_out what fd is like. Sees done. False: it ended, it was silent for too long, or we
 * are to stop. There was progress: zmmailbox_went_on.
 */
MUST_USE bool zmmailbox_wait(struct zmmailbox *z, int fd, short events, int pause_ms,
    short *seen_out, struct err *e);
void zmmailbox_went_on(struct zmmailbox *z);
/* What kind of answer; line_out the line that says why it is not fine. */
enum zmmailbox_answer
zmmailbox_answer(const struct zmmailbox *z, char *line_out, size_t size);
/* Ends it; the next use starts another. */
void zmmailbox_stop(struct zmmailbox *z);
/* Sets e: program, account, what, the way out. */
bool zmmailbox_err(struct zmmailbox *z, enum err_kind kind, struct err *e,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
