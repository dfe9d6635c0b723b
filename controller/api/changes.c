/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: Zimbra is asked whether it is allowed (gate_may), the node is planned
 * again, the plan is still the one that was shown, the job begins. What can go wrong at
 * each of these is the answer. Not here: what a job does.
 */
#include "controller/api/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/approvals.h"
#include "controller/api/gate.h"
#include "controller/api/idempotency.h"
#include "controller/api/plans.h"
#include "controller/api/view.h"
#include "controller/controller.h"
#include "controller/cordon.h"
#include "controller/moves_copies.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/base/xalloc.h"

uint32_t
api_number(const char *id, char prefix)
{
	char *end;
	unsigned long n;

	if (id[0] == prefix)
		id++;
	n = strtoul(id, &end, 10);
	return id[0] < '0' || id[0] > '9' || *end != '\0' || n > UINT32_MAX ? 0
									    : (uint32_t)n;
}

/* --- beginning a job --- */

/* The version of the plan that was shown: If-Match: "v", or "version" in the body. */
static bool
shown_version(const struct api_request *rq, char *out, size_t size)
{
	const char *header = api_header(rq, "If-Match");
	const char *version = json_string_value(json_object_get(rq->body, "version"));
	size_t length;

	if (header != NULL) {
		header += header[0] == '"';
		length = strcspn(header, "\"");
		snprintf(
		    out, size, "%.*s", (int)(length < size ? length : size - 1), header);
		return true;
	}
	snprintf(out, size, "%s", version == NULL ? "" : version);
	return version != NULL;
}

/* Is this plan the one that was shown, and is there something to do? Else it is refused. */
static bool
plan_stands(struct api_request *rq, const struct plan *plan, const struct err *why,
    const char *version)
{
	char next[200];
	struct err e;

	if (plan == NULL) {
		api_refuse(rq, why, plan_advice(why));
		return false;
	}
	if (version[0] != '\0' && plan->targets != NULL &&
	    strcmp(version, plan->version) != 0) {
		err_set(&e, ERR_REFUSED,
		    "node %s: accounts or nodes changed since the plan was shown",
		    plan->node);
		snprintf(next, sizeof(next),
		    "look at the new plan: zmferry plan %s %.150s",
		    plan_kinds[plan->kind].name, plan->node);
		api_refuse(rq, &e, next);
		return false;
	}
	if (plan_has_work(plan, &e))
		return true;
	snprintf(next, sizeof(next), "zmferry plan %s %.150s",
	    plan_kinds[plan->kind].name, plan->node);
	api_refuse(rq, &e, plan->account_count == 0 ? "zmferry status" : next);
	return false;
}

static void
begin_job(struct api_request *rq, const struct plan *plan, const char *who)
{
	struct controller *c = rq->ctx;
	struct err e;
	uint32_t job;

	if (!controller_begin_job(c, plan, who, &job, &e)) {
		api_refuse(rq, &e, "zmferry status");
		return;
	}
	api_reply(
	    rq, 201, json_pack("{so}", "job", view_job(c, jobs_find(c->jobs, job))));
}

static void
ask_for_approval(struct api_request *rq, const struct plan *plan)
{
	struct controller *c = rq->ctx;
	const struct approval *a = approvals_add(gate_approvals(c->gate), plan, plan->to,
	    rq->who, rq->who_id, clock_wall_ms());
	struct err e;

	if (a != NULL) {
		api_reply(rq, 202, json_pack("{so}", "approval", approval_view(a)));
		return;
	}
	err_set(&e, ERR_REFUSED, "too many evacuations wait for approval");
	api_refuse(rq, &e, "approve or refuse some of them");
}

static void
on_plan_for_job(
    void *owner, uint32_t number, const struct plan *plan, const struct err *why)
{
	struct api_request *rq = owner;
	struct controller *c = rq->ctx;
	char version[40];

	(void)number;
	shown_version(rq, version, sizeof(version));
	if (!plan_stands(rq, plan, why, version))
		return;
	snprintf(rq->deed, sizeof(rq->deed), "%s %.100s%s, plan %s",
	    plan_kinds[plan->kind].name, plan->node,
	    plan->destroy_volumes ? " with its volumes" : "", plan->version);
	if (c->conf->api_four_eyes && !rq->local)
		ask_for_approval(rq, plan);
	else
		begin_job(rq, plan, rq->who);
}

static void
go_job(struct api_request *rq, const char *node, const char *to)
{
	survey_of_body(rq, node, to, on_plan_for_job);
}

void
post_job(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	char version[40];
	struct plan_request wanted;

	if (!plan_words(rq, &wanted)) {
		plan_request_fini(&wanted);
		return;
	}
	snprintf(rq->deed, sizeof(rq->deed), "%s %.120s", plan_kinds[wanted.kind].name,
	    wanted.node);
	if (!gate_is_command(rq) && (!shown_version(rq, version, sizeof(version)) ||
					api_header(rq, "Idempotency-Key") == NULL)) {
		api_problem(rq, 428, "refused",
		    "a job needs the version of the plan that was shown (If-Match) and "
		    "an "
		    "Idempotency-Key",
		    "POST /v1/plans");
	} else if (idempotency_first(gate_idempotency(c->gate), rq)) {
		gate_may_plan(rq, wanted.kind, wanted.node, wanted.to, false, go_job);
	}
	plan_request_fini(&wanted);
}

/* --- a job's course --- */

static const struct job *
find_job(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct job *job = jobs_find(c->jobs, api_number(rq->id, 'j'));
	struct err e;

	if (job != NULL)
		return job;
	err_set(&e, ERR_REFUSED, "job %.60s: there is no such job", rq->id);
	api_refuse(rq, &e, "zmferry jobs");
	return NULL;
}

/* What can be done with a job that does not take this. */
static const char *
job_advice(const struct job *job, enum job_event ev, char *out, size_t size)
{
	if (job->state == JOB_PAUSED)
		snprintf(out, size, "zmferry job resume %s", job->id);
	else if (!job_states[job->state].is_end)
		snprintf(out, size, "zmferry job wait %s", job->id);
	else if (ev == JOB_EV_RESUME && job->state != JOB_DONE)
		snprintf(out, size, "zmferry job retry %s", job->id);
	else
		snprintf(out, size, "zmferry job show %s", job->id);
	return out;
}

static void
job_wish(struct api_request *rq, enum job_event ev)
{
	char next[60];
	struct controller *c = rq->ctx;
	const struct job *job =
	    find_job(rq); /* looked up anew: Zimbra was asked meanwhile */
	struct err e;

	if (job == NULL)
		return;
	if (!jobs_change(c->jobs, job->number, ev, &e))
		api_refuse(rq, &e, job_advice(job, ev, next, sizeof(next)));
	else
		api_reply(rq, 200,
		    gate_is_command(rq) ? view_job_whole(c, job)
					: json_pack("{so}", "job", view_job(c, job)));
}

#define WISH(name, event)                                                               \
	static void go_##name(struct api_request *rq, const char *node, const char *to) \
	{                                                                               \
		(void)node;                                                             \
		(void)to;                                                               \
		job_wish(rq, event);                                                    \
	}
WISH(pause, JOB_EV_PAUSE)
WISH(resume, JOB_EV_RESUME)
WISH(cancel, JOB_EV_CANCEL)
WISH(retry, JOB_EV_RETRY)
WISH(continue, JOB_EV_CONTINUE)
#undef WISH

/* An addition whose moves have not begun: to continue it is to make the container once more. */
static bool
job_makes_node(const struct job *job)
{
	return strcmp(job->kind, plan_kinds[PLAN_ADD].name) == 0 &&
	       job->state != JOB_MOVING && job->state != JOB_PAUSED &&
	       !job_states[job->state].is_end;
}

/* Stopping needs the right on the source only, going on also those on the targets. An addition
   may be about a node that the directory does not know: then it is asked for as at its start. */
static void
ask_wish(struct api_request *rq, const char *verb, bool only_from, gate_go_fn go)
{
	const struct job *job = find_job(rq);
	enum plan_kind kind;

	if (job == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed), "%s %s (%.100s)", verb, job->id, job->node);
	if (!plan_kind_parse(job->kind, &kind) || kind == PLAN_MOVE ||
	    (kind == PLAN_ADD && !only_from && !job_makes_node(job)))
		kind = PLAN_RESTORE; /* they fill a node, too */
	gate_may_plan(rq, kind, job->node, job->to, only_from, go);
}

void
post_pause(struct api_request *rq)
{
	ask_wish(rq, "pause", true, go_pause);
}

void
post_resume(struct api_request *rq)
{
	ask_wish(rq, "resume", false, go_resume);
}

void
post_cancel(struct api_request *rq)
{
	ask_wish(rq, "cancel", true, go_cancel);
}

void
post_retry(struct api_request *rq)
{
	ask_wish(rq, "retry", false, go_retry);
}

void
post_continue(struct api_request *rq)
{
	const struct job *job = find_job(rq);
	const char *next;
	struct err e;

	if (job == NULL)
		return;
	if (job_makes_node(job) && !gate_is_command(rq) &&
	    !gate_offers_add(rq, &e, &next))
		api_refuse(rq, &e, next);
	else
		ask_wish(rq, "continue", false, go_continue);
}

/* --- a second administrator --- */

static const struct approval *
find_approval(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct approval *a =
	    approvals_find(gate_approvals(c->gate), rq->id, clock_wall_ms());
	struct err e;

	if (a != NULL)
		return a;
	err_set(
	    &e, ERR_REFUSED, "%.20s: nothing of that name waits for approval", rq->id);
	api_refuse(rq, &e, "ask for the evacuation again");
	return NULL;
}

static void
on_plan_approved(
    void *owner, uint32_t number, const struct plan *plan, const struct err *why)
{
	struct api_request *rq = owner;
	struct controller *c = rq->ctx;
	const struct approval *a = find_approval(rq);
	char who[sizeof(rq->who)];

	(void)number;
	if (a == NULL || !plan_stands(rq, plan, why, a->version))
		return;
	snprintf(rq->deed, sizeof(rq->deed),
	    "approve %s %.60s asked for by %.40s, plan %s", plan_kinds[plan->kind].name,
	    plan->node, a->who, plan->version);
	snprintf(who, sizeof(who), "%.30s and %.28s", a->who, rq->who);
	approvals_drop(gate_approvals(c->gate), a->number);
	begin_job(rq, plan, who);
}

static void
go_approve(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;

	const struct approval *a = find_approval(rq);
	struct plan_request wanted = {.kind = a == NULL ? PLAN_EVACUATE : a->kind};

	if (a == NULL)
		return;
	snprintf(wanted.node, sizeof(wanted.node), "%s", node);
	snprintf(wanted.to, sizeof(wanted.to), "%s", to);
	if (wanted.kind == PLAN_RESTORE)
		moves_left_from(jobs_moves(c->jobs), &wanted);
	world_live_survey(c->world, &wanted, on_plan_approved, rq, 0);
	plan_request_fini(&wanted);
}

void
post_approve(struct api_request *rq)
{
	const struct approval *a = find_approval(rq);
	const char *next;
	struct err e;

	if (a == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed), "approve %s (%s %.100s)", a->id,
	    plan_kinds[a->kind].name, a->node);
	/* Who approves begins it. */
	if (a->kind == PLAN_ADD && !gate_offers_add(rq, &e, &next))
		api_refuse(rq, &e, next);
	else if (!rq->local && approval_is_of(a, rq->who, rq->who_id))
		api_problem(rq, 403, "refused", "the one who asked cannot approve",
		    "another administrator approves");
	else
		gate_may_plan(rq, a->kind, a->node, a->to, false, go_approve);
}

static void
go_refuse(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	const struct approval *a = find_approval(rq);

	(void)node;
	(void)to;
	if (a == NULL)
		return;
	approvals_drop(gate_approvals(c->gate), a->number);
	api_reply(rq, 200, json_object());
}

void
post_refuse(struct api_request *rq)
{
	const struct approval *a = find_approval(rq);

	if (a == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed), "refuse %s (%s %.100s)", a->id,
	    plan_kinds[a->kind].name, a->node);
	gate_may_plan(rq, a->kind, a->node, a->to, true, go_refuse);
}

/* --- agents --- */

void
post_enroll(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const char *node = json_string_value(json_object_get(rq->body, "node"));
	char name[TLS_NAME_MAX];
	struct buf bundle;
	struct err e;

	if (node == NULL || node[0] == '\0' || strlen(node) > 150 ||
	    strspn(node,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") !=
		strlen(node)) {
		err_set(&e, ERR_REFUSED,
		    "enroll needs the mailbox server's name, as in "
		    "zimbraServiceHostname");
		api_refuse(rq, &e, "zmprov gas mailbox");
		return;
	}
	snprintf(rq->deed, sizeof(rq->deed), "an identity for %.150s", node);
	snprintf(name, sizeof(name), "node:%s", node);
	buf_init(&bundle, 1024 * 1024);
	if (!tls_ca_issue(c->conf->state_dir, name, TLS_IDENTITY_DAYS, &bundle, &e))
		api_refuse(rq, &e, "zmferry-controller init");
	else
		api_reply(rq, 201,
		    json_pack("{ssss}", "node", node, "bundle", buf_str(&bundle)));
	buf_fini(&bundle);
}
