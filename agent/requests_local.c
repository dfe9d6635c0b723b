/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests too small for a child. Leases are the loop's own; what touches the spool's
 * disk runs on the pool, one job a piece of work: the same request again attaches to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lane.h"
#include "agent/lease.h"
#include "agent/mailbox/account.h"
#include "agent/mailbox/spool.h"
#include "agent/requests.h"
#include "proto/base/work.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

struct local_job {
	struct work work;
	struct local_job *next;
	struct agent *agent;
	Wire__StepRequest *step; /* own copy */
	char move_id[LIMIT_ID];
	uint64_t envelope_id; /* of the latest request: where the answer goes */
	/* inputs, unchanged while the agent runs */
	const struct agent_conf *conf;
	struct soap_client *soap; /* probe only */
	/* results */
	Wire__ProbeFacts facts;
	Wire__Row row;
	bool has_facts;
};

/* --- on the pool --- */

static bool
local_reserve(struct work *work)
{
	struct local_job *j = (struct local_job *)work;
	const Wire__OpReserve *op = j->step->reserve;
	Wire__Admission admission = WIRE__ADMISSION__INIT;

	if (!j->conf->allow_ephemeral_spool && !spool_is_persistent(j->conf->spool_dir))
		return err_set(&work->err, ERR_REFUSED,
		    "%s is lost with the container; put spool_dir on a volume that "
		    "outlives it",
		    j->conf->spool_dir);
	admission.move_id = j->step->move_id;
	admission.source_node = op->source_node;
	admission.ticket = op->ticket;
	admission.bytes = op->bytes;
	return spool_reserve(
	    j->conf->spool_dir, &admission, j->conf->fill_limit, &work->err);
}

static bool
local_drop(struct work *work)
{
	struct local_job *j = (struct local_job *)work;

	return spool_delete(j->conf->spool_dir, j->move_id, &work->err);
}

static bool
local_count_spool(struct local_job *j, struct err *e)
{
	struct spool *s = NULL;

	if (!spool_exists(j->conf->spool_dir, j->move_id))
		return true;
	if (!spool_open(j->conf->spool_dir, j->move_id, false, &s, e))
		return false;
	j->facts.spool = true;
	j->facts.staged = spool_count(s);
	for (size_t i = 0; i < spool_count(s); i++) {
		struct spool_item item;

		if (!spool_find(s, spool_id_at(s, i), &item))
			continue;
		j->facts.applied +=
		    item.state == SPOOL_APPLIED || item.state == SPOOL_VERIFIED;
		j->facts.verified += item.state == SPOOL_VERIFIED;
	}
	spool_close(&s);
	return true;
}

static bool
local_probe(struct work *work)
{
	struct local_job *j = (struct local_job *)work;
	char account_id[64];

	if (!frame_copy(&j->step->account_id, account_id, sizeof(account_id)))
		return err_set(&work->err, ERR_PEER, "the account's id is too long");
	if (!local_count_spool(j, &work->err) ||
	    !account_row(j->soap, account_id, &j->row, &work->err))
		return false;
	j->facts.row = &j->row;
	return true;
}

/* --- on the loop --- */

static void
local_forget(struct local_job *j)
{
	struct local_job **at = &j->agent->local_jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	wire__step_request__free_unpacked(j->step, NULL);
	soap_client_free(&j->soap);
	free(j);
}

static void
local_answer_facts(struct local_job *j)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepResult r = WIRE__STEP_RESULT__INIT;

	j->facts.busy = lanes_busy_with(j->agent->lanes, j->move_id);
	j->facts.leased = leases_has(j->agent->leases, j->move_id);
	r.move_id = j->step->move_id;
	r.step_no = j->step->step_no;
	r.effect_no = j->step->effect_no;
	r.facts_case = WIRE__STEP_RESULT__FACTS_PROBE;
	r.probe = &j->facts;
	m.id = j->envelope_id;
	m.body_case = WIRE__ENVELOPE__BODY_RESULT;
	m.result = &r;
	agent_send(j->agent, &m);
}

static void
local_done(struct work *work)
{
	struct local_job *j = (struct local_job *)work;

	if (work->ok && j->has_facts)
		local_answer_facts(j);
	else
		request_answer(
		    j->agent, j->step, j->envelope_id, work->ok ? NULL : &work->err);
	local_forget(j);
}

static struct local_job *
local_find(struct agent *a, const Wire__StepRequest *step)
{
	struct local_job *j = a->local_jobs;

	while (j != NULL && (j->step->step_no != step->step_no ||
				j->step->effect_no != step->effect_no ||
				j->step->op_case != step->op_case ||
				!frame_equal(&step->move_id, j->move_id)))
		j = j->next;
	return j;
}

static Wire__StepRequest *
local_copy(const Wire__StepRequest *step)
{
	size_t size = wire__step_request__get_packed_size(step);
	uint8_t *bytes = xcalloc(1, size);
	Wire__StepRequest *copy;

	wire__step_request__pack(step, bytes);
	copy = wire__step_request__unpack(NULL, size, bytes);
	free(bytes);
	if (copy == NULL)
		BUG("a request that packs but does not unpack");
	return copy;
}

static void
local_submit(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id,
    bool (*run)(struct work *))
{
	struct local_job *j = local_find(a, step);
	struct err e;

	if (j != NULL) {
		j->envelope_id = envelope_id;
		return;
	}
	j = XNEW(struct local_job);
	j->work.run = run;
	j->work.done = local_done;
	j->agent = a;
	j->conf = a->conf;
	j->step = local_copy(step);
	j->envelope_id = envelope_id;
	wire__probe_facts__init(&j->facts);
	wire__row__init(&j->row);
	if (!frame_copy(&step->move_id, j->move_id, sizeof(j->move_id)))
		BUG("a checked move id that is too long");
	if (run == local_probe) {
		j->soap = agent_soap(a);
		j->has_facts = true;
	}
	j->next = a->local_jobs;
	a->local_jobs = j;
	if (work_submit(&a->loop, &j->work, &e))
		return;
	request_answer(a, step, envelope_id, &e);
	local_forget(j);
}

void
request_reserve(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id)
{
	local_submit(a, step, envelope_id, local_reserve);
}

void
request_drop(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id)
{
	char move_id[LIMIT_ID];
	struct err e;

	if (frame_copy(&step->move_id, move_id, sizeof(move_id)) &&
	    lanes_busy_with(a->lanes, move_id)) {
		err_set(&e, ERR_RETRY,
		    "a worker of this move still runs; its spool is not deleted yet");
		request_answer(a, step, envelope_id, &e);
		return;
	}
	local_submit(a, step, envelope_id, local_drop);
}

void
request_probe(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id)
{
	local_submit(a, step, envelope_id, local_probe);
}

void
request_lease(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id)
{
	struct err e;
	bool ok = leases_arm(a->leases, step, &e);

	request_answer(a, step, envelope_id, ok ? NULL : &e);
}

void
request_unlease(struct agent *a, const Wire__StepRequest *step, uint64_t envelope_id)
{
	char move_id[LIMIT_ID];
	struct err e;
	bool ok = frame_copy(&step->move_id, move_id, sizeof(move_id))
		      ? leases_end(a->leases, move_id, &e)
		      : err_set(&e, ERR_PEER, "the move's id is too long");

	request_answer(a, step, envelope_id, ok ? NULL : &e);
}
