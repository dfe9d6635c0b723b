/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the row is found, the request is not too large and of the
 * controller obeyed, and goes to a worker or a handler. What can go wrong is answered.
 */
#include "agent/requests.h"

#include <string.h>

#include "agent/lane.h"
#include "agent/mailbox/inventory.h"
#include "proto/base/log.h"
#include "proto/check.h"
#include "proto/frame.h"

#define SMALL (1 * KIB)

/* clang-format off */
const struct request requests[] = {
	/* operation                        side         at most   worker    in this process  rows change */
	{ WIRE__STEP_REQUEST__OP_PREFLIGHT,  SIDE_EITHER, SMALL,    "short",  NULL,            false,
	  "looks whether a move may begin" },
	{ WIRE__STEP_REQUEST__OP_RESERVE,    SIDE_TARGET, 2 * KIB,  NULL,     request_reserve, false,
	  "holds disk and lets the source's stream in" },
	{ WIRE__STEP_REQUEST__OP_STAGE,      SIDE_SOURCE, 2 * KIB,  "export", NULL,            false,
	  "exports and streams what the target lacks" },
	{ WIRE__STEP_REQUEST__OP_LEASE,      SIDE_SOURCE, 8 * KIB,  NULL,     request_lease,   false,
	  "gives the account back when nobody renews" },
	{ WIRE__STEP_REQUEST__OP_UNLEASE,    SIDE_SOURCE, SMALL,    NULL,     request_unlease, false,
	  "forgets the lease" },
	{ WIRE__STEP_REQUEST__OP_FENCE,      SIDE_SOURCE, SMALL,    "short",  NULL,            false,
	  "locks the mailbox out when nothing moved" },
	{ WIRE__STEP_REQUEST__OP_UNFENCE,    SIDE_SOURCE, SMALL,    "short",  NULL,            false,
	  "lifts the lockout" },
	{ WIRE__STEP_REQUEST__OP_ROUTES,     SIDE_EITHER, 96 * KIB, "short",  NULL,            false,
	  "purges the proxies' routes" },
	{ WIRE__STEP_REQUEST__OP_STEER,      SIDE_TARGET, SMALL,    "steer",  NULL,            true,
	  "makes folders and tags at their old ids" },
	{ WIRE__STEP_REQUEST__OP_SEED,       SIDE_TARGET, SMALL,    "seed",   NULL,            true,
	  "fills the mailbox made early" },
	{ WIRE__STEP_REQUEST__OP_IMPORT,     SIDE_TARGET, SMALL,    "import", NULL,            true,
	  "puts the spool into the mailbox" },
	{ WIRE__STEP_REQUEST__OP_MEND,       SIDE_TARGET, SMALL,    "mend",   NULL,            false,
	  "adds what an import refused" },
	{ WIRE__STEP_REQUEST__OP_VERIFY,     SIDE_TARGET, SMALL,    "verify", NULL,            false,
	  "compares the mailbox with the spool" },
	{ WIRE__STEP_REQUEST__OP_DROP,       SIDE_TARGET, SMALL,    NULL,     request_drop,    true,
	  "deletes the spool" },
	{ WIRE__STEP_REQUEST__OP_PROBE,      SIDE_EITHER, SMALL,    NULL,     request_probe,   false,
	  "says what is true here of a move" },
	{ WIRE__STEP_REQUEST__OP_DROP_ROW,   SIDE_TARGET, SMALL,    "short",  NULL,            true,
	  "deletes the mailbox that the move itself made" },
	{ WIRE__STEP_REQUEST__OP_LOCKOUT,    SIDE_SOURCE, SMALL,    "short",  NULL,            false,
	  "loads the old copy and locks it out" },
	{ WIRE__STEP_REQUEST__OP_MAKE,       SIDE_TARGET, SMALL,    "short",  NULL,            true,
	  "makes the account's mailbox, empty" },
	{ WIRE__STEP_REQUEST__OP_PURGE,      SIDE_SOURCE, SMALL,    "short",  NULL,            true,
	  "deletes the old copy" },
};
/* clang-format on */
const size_t request_count = ARRAY_LEN(requests);

const struct request *
request_find(Wire__StepRequest__OpCase op)
{
	for (size_t i = 0; i < request_count; i++) {
		if (requests[i].op == op)
			return &requests[i];
	}
	return NULL;
}

void
request_answer(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id,
    const struct err *e)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepResult r = WIRE__STEP_RESULT__INIT;

	r.move_id = step->move_id;
	r.step_no = step->step_no;
	r.effect_no = step->effect_no;
	if (e != NULL) {
		r.kind = (Wire__ErrorKind)e->kind;
		r.text = frame_bytes(e->text);
	}
	m.id = envelope_id;
	m.body_case = WIRE__ENVELOPE__BODY_RESULT;
	m.result = &r;
	agent_send(a, &m); /* not there: asked again after the reconnect */
}

static bool
request_allowed(const struct agent *a, const struct request *row,
    const Wire__StepRequest *step, struct err *e)
{
	size_t size = wire__step_request__get_packed_size(step);

	if (row == NULL)
		return err_set(e, ERR_PEER,
		    "this agent (another version?) does not know the operation \"%s\"",
		    check_op_name(step->op_case));
	if (size > row->at_most)
		return err_set(e, ERR_PEER,
		    "\"%s\" with %zu bytes; at most %zu are taken",
		    check_op_name(step->op_case), size, row->at_most);
	if (step->epoch < a->epoch)
		return err_set(e, ERR_REFUSED,
		    "the request is of epoch %llu, the controller obeyed is at %llu",
		    (unsigned long long)step->epoch, (unsigned long long)a->epoch);
	return true;
}

void
requests_take(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id)
{
	const struct request *row = request_find(step->op_case);
	struct err e;

	if (a->stopping)
		return; /* asked again after the reconnect */
	if (!request_allowed(a, row, step, &e)) {
		log_warn(NULL, "request refused: %s", e.text);
		request_answer(a, step, envelope_id, &e);
		return;
	}
	log_debug(NULL, "move=%.*s step %u.%u: %s", (int)step->move_id.len,
	    step->move_id.data, step->step_no, step->effect_no,
	    check_op_name(step->op_case));
	if (row->changes_rows)
		inventory_soon(a->inventory);
	if (row->worker != NULL)
		lanes_submit(a->lanes, step, envelope_id, row->worker);
	else
		row->handle(a, step, envelope_id);
}
