/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent does when the controller asks: one row an operation. Each is safe to
 * receive twice: a worker's by lane.c, one done here because doing it again changes
 * nothing. Loop thread only.
 */
#ifndef AGENT_REQUESTS_H
#define AGENT_REQUESTS_H

#include "agent/agent.h"

enum request_side { SIDE_SOURCE = 1, SIDE_TARGET = 2, SIDE_EITHER = 3 };

struct request {
	Wire__StepRequest__OpCase op;
	enum request_side side;
	size_t at_most;	    /* bytes of the packed request */
	const char *worker; /* done by this child; NULL: by handle, in this process */
	void (*handle)(
	    struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id);
	bool changes_rows; /* of this node's mailboxes: the inventory is looked at soon */
	const char *what;
};

extern const struct request requests[];
extern const size_t request_count;

const struct request *request_find(Wire__StepRequest__OpCase op); /* NULL: no row */

/* Takes one checked request; an answer with this envelope id follows, sooner or later. */
void requests_take(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id);

/* Answers at once: e NULL = it succeeded. */
void request_answer(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id,
    const struct err *e);

/* Rows done in this process (requests_local.c). */
void
request_reserve(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id);
void request_lease(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id);
void
request_unlease(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id);
void request_drop(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id);
void request_probe(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id);

#endif
