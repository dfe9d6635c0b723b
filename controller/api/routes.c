/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the API and its handlers. The unix socket is for root and the socket's
 * group; both may do everything, and what they change is written down with their uid.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/view.h"
#include "controller/controller.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/base/xalloc.h"

#define EVENTS_SHOWN 200
#define ENROLL_DAYS 365

static uint32_t
id_number(const char *id, char prefix)
{
	char *end;
	unsigned long n;

	if (id[0] == prefix)
		id++;
	n = strtoul(id, &end, 10);
	return id[0] < '0' || id[0] > '9' || *end != '\0' || n > UINT32_MAX ? 0 : (uint32_t)n;
}

static void
get_status(struct api_request *rq)
{
	api_reply(rq, 200, view_status(rq->ctx));
}

static void
get_nodes(struct api_request *rq)
{
	api_reply(rq, 200, view_nodes(rq->ctx));
}

static void
get_jobs(struct api_request *rq)
{
	api_reply(rq, 200, json_pack("{so}", "jobs", view_jobs(rq->ctx, false)));
}

static const struct job *
find_job(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct job *job = jobs_find(c->jobs, id_number(rq->id, 'j'));
	struct err e;

	if (job != NULL)
		return job;
	err_set(&e, ERR_REFUSED, "job %.60s: there is no such job", rq->id);
	api_refuse(rq, &e, "zmferry jobs");
	return NULL;
}

static void
get_job(struct api_request *rq)
{
	const struct job *job = find_job(rq);

	if (job != NULL)
		api_reply(rq, 200, view_job_whole(rq->ctx, job));
}

static void
get_moves(struct api_request *rq)
{
	const char *failed = api_query(rq, "failed");
	const char *job = api_query(rq, "job");

	api_reply(rq, 200,
	    json_pack("{so}", "moves",
	        view_moves(rq->ctx, job == NULL ? 0 : id_number(job, 'j'),
	            failed != NULL && strcmp(failed, "1") == 0)));
}

static void
get_move(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct move *m = moves_find(jobs_moves(c->jobs), id_number(rq->id, 'm'));
	struct err e;

	if (m != NULL) {
		api_reply(rq, 200, view_move_whole(c, m));
		return;
	}
	err_set(&e, ERR_REFUSED, "move %.60s: there is no such move", rq->id);
	api_refuse(rq, &e, "zmferry moves");
}

static void
get_events(struct api_request *rq)
{
	struct controller *c = rq->ctx;

	api_reply(rq, 200, json_pack("{so}", "events", journal_events(c->journal, EVENTS_SHOWN)));
}

static void
get_alerts(struct api_request *rq)
{
	struct controller *c = rq->ctx;

	api_reply(rq, 200, json_pack("{so}", "alerts", journal_alerts(c->journal)));
}

/* --- plans and jobs --- */

/* "node" and "to" of a body; false = refused already. */
static bool
plan_words(struct api_request *rq, const char **node_out, char *to, size_t to_size)
{
	const json_t *list = json_object_get(rq->body, "to");
	const char *kind = json_string_value(json_object_get(rq->body, "kind"));
	size_t length = 0;
	struct err e;

	to[0] = '\0';
	*node_out = json_string_value(json_object_get(rq->body, "node"));
	if (*node_out == NULL || kind == NULL || strcmp(kind, "evacuate") != 0) {
		err_set(&e, ERR_REFUSED, "a plan needs kind \"evacuate\" and a node");
		api_refuse(rq, &e, "zmferry plan evacuate NODE");
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name == NULL || length + strlen(name) + 2 > to_size) {
			err_set(&e, ERR_REFUSED, "\"to\" must be a list of node names");
			api_refuse(rq, &e, "");
			return false;
		}
		length += (size_t)snprintf(to + length, to_size - length, "%s%s", length == 0 ? "" : ",", name);
	}
	return true;
}

static void
on_plan(void *owner, uint32_t number, const struct plan *plan, const struct err *e)
{
	struct api_request *rq = owner;

	(void)number;
	if (plan == NULL)
		api_refuse(rq, e, "zmferry nodes");
	else
		api_reply(rq, 200, view_plan(plan));
}

static void
post_plan(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	char to[1024];
	const char *node;

	if (plan_words(rq, &node, to, sizeof(to)))
		world_live_survey(c->world, node, to, on_plan, rq, 0);
}

static void
on_plan_for_job(void *owner, uint32_t number, const struct plan *plan, const struct err *why)
{
	struct api_request *rq = owner;
	struct controller *c = rq->ctx;
	const char *version = json_string_value(json_object_get(rq->body, "version"));
	char who[64];
	struct err e;
	uint32_t job;

	(void)number;
	if (plan == NULL) {
		api_refuse(rq, why, "zmferry nodes");
		return;
	}
	if (version != NULL && plan->targets != NULL && strcmp(version, plan->version) != 0) {
		err_set(&e, ERR_REFUSED, "node %s: accounts or nodes changed since the plan was shown", plan->node);
		api_refuse(rq, &e, "look at the new plan: zmferry plan evacuate");
		return;
	}
	snprintf(who, sizeof(who), "uid %u", (unsigned)rq->uid);
	if (!jobs_create(c->jobs, plan, who, &job, &e)) {
		api_refuse(rq, &e, "zmferry jobs");
		return;
	}
	api_reply(rq, 201, json_pack("{so}", "job", view_job(c, jobs_find(c->jobs, job))));
}

static void
post_job(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	char to[1024];
	const char *node;

	if (plan_words(rq, &node, to, sizeof(to)))
		world_live_survey(c->world, node, to, on_plan_for_job, rq, 0);
}

static void
job_wish(struct api_request *rq, enum job_event ev)
{
	struct controller *c = rq->ctx;
	const struct job *job = find_job(rq);
	char text[120];
	struct err e;

	if (job == NULL)
		return;
	if (!jobs_change(c->jobs, job->number, ev, &e)) {
		api_refuse(rq, &e, "zmferry jobs");
		return;
	}
	snprintf(text, sizeof(text), "%s asked for by uid %u", job_event_name(ev), (unsigned)rq->uid);
	journal_event(c->journal, "info", job->id, text);
	api_reply(rq, 200, view_job_whole(c, job));
}

static void
post_pause(struct api_request *rq)
{
	job_wish(rq, JOB_EV_PAUSE);
}

static void
post_resume(struct api_request *rq)
{
	job_wish(rq, JOB_EV_RESUME);
}

static void
post_cancel(struct api_request *rq)
{
	job_wish(rq, JOB_EV_CANCEL);
}

static void
post_retry(struct api_request *rq)
{
	job_wish(rq, JOB_EV_RETRY);
}

static void
post_enroll(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const char *node = json_string_value(json_object_get(rq->body, "node"));
	char name[TLS_NAME_MAX];
	struct buf bundle;
	struct err e;

	if (node == NULL || node[0] == '\0' || strlen(node) > 150 || strspn(node, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != strlen(node)) {
		err_set(&e, ERR_REFUSED, "enroll needs the mailbox server's name, as in zimbraServiceHostname");
		api_refuse(rq, &e, "zmprov gas mailbox");
		return;
	}
	snprintf(name, sizeof(name), "node:%s", node);
	buf_init(&bundle, 1024 * 1024);
	if (!tls_ca_issue(c->conf->state_dir, name, ENROLL_DAYS, &bundle, &e)) {
		api_refuse(rq, &e, "zmferry-controller init");
	} else {
		journal_event(c->journal, "info", name, "an identity was issued");
		log_info(NULL, "an identity for %s was issued to uid %u", name, (unsigned)rq->uid);
		api_reply(rq, 201,
		    json_pack("{ssss}", "node", node, "bundle", buf_str(&bundle)));
	}
	buf_fini(&bundle);
}

/* clang-format off */
const struct api_route controller_routes[] = {
	/* method  path                       right     handler */
	{ "GET",  "/v1/status",              "read",   get_status },
	{ "GET",  "/v1/nodes",               "read",   get_nodes },
	{ "GET",  "/v1/jobs",                "read",   get_jobs },
	{ "GET",  "/v1/jobs/{id}",           "read",   get_job },
	{ "GET",  "/v1/moves",               "read",   get_moves },
	{ "GET",  "/v1/moves/{id}",          "read",   get_move },
	{ "GET",  "/v1/events",              "read",   get_events },
	{ "GET",  "/v1/alerts",              "read",   get_alerts },
	{ "POST", "/v1/plans",               "read",   post_plan },
	{ "POST", "/v1/jobs",                "change", post_job },
	{ "POST", "/v1/jobs/{id}/pause",     "change", post_pause },
	{ "POST", "/v1/jobs/{id}/resume",    "change", post_resume },
	{ "POST", "/v1/jobs/{id}/cancel",    "change", post_cancel },
	{ "POST", "/v1/jobs/{id}/retry",     "change", post_retry },
	{ "POST", "/v1/enroll",              "change", post_enroll },
};
/* clang-format on */
const size_t controller_route_count = ARRAY_LEN(controller_routes);
