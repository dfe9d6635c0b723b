/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the API, and the handlers that only show. docs/openapi.json describes the
 * same table; tests/unit/controller/test_api_openapi.c compares them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/alerts.h"
#include "controller/api/approvals.h"
#include "controller/api/changes.h"
#include "controller/api/containers.h"
#include "controller/api/cordons.h"
#include "controller/api/doctor.h"
#include "controller/api/gate.h"
#include "controller/api/operators.h"
#include "controller/api/overview.h"
#include "controller/api/page.h"
#include "controller/api/plans.h"
#include "controller/api/policy.h"
#include "controller/api/purges.h"
#include "controller/api/rehearsal.h"
#include "controller/api/view.h"
#include "controller/api/waits.h"
#include "controller/controller.h"
#include "proto/base/clock.h"

#define EVENTS_SHOWN 200
#define EVENTS_MAX 5000

/* A number in the query, at most max; fallback when it is absent or none. */
static size_t
query_number(const struct api_request *rq, const char *key, size_t fallback, size_t max)
{
	const char *text = api_query(rq, key);
	char *end;
	unsigned long n;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return fallback;
	n = strtoul(text, &end, 10);
	return *end != '\0' ? fallback : n > max ? max : n;
}

static bool
query_is(const struct api_request *rq, const char *key, const char *value)
{
	const char *text = api_query(rq, key);

	return text != NULL && strcmp(text, value) == 0;
}

static void
get_status(struct api_request *rq)
{
	api_reply(rq, 200, view_status(rq->ctx));
}

static void
get_overview(struct api_request *rq)
{
	api_reply(rq, 200, view_overview(rq->ctx));
}

static void
get_nodes(struct api_request *rq)
{
	api_reply(rq, 200, view_nodes(rq->ctx));
}

/* Cuts [offset, offset + limit) out of an array, which it takes; total_out is what there was. */
static json_t *
page_of(json_t *take_rows, const struct api_request *rq, size_t *total_out)
{
	size_t total = json_array_size(take_rows);
	size_t offset = query_number(rq, "offset", 0, total);
	size_t limit = query_number(rq, "limit", total, total);
	json_t *rows;

	*total_out = total;
	if (offset == 0 && limit >= total)
		return take_rows;
	rows = json_array();
	for (size_t i = offset; i < total && i < offset + limit; i++)
		json_array_append(rows, json_array_get(take_rows, i));
	json_decref(take_rows);
	return rows;
}

static void
get_jobs(struct api_request *rq)
{
	size_t total;
	json_t *rows = page_of(view_jobs(rq->ctx, false), rq, &total);

	api_reply(rq, 200, json_pack("{sosI}", "jobs", rows, "total", (json_int_t)total));
}

/* With ?wait=SECONDS what the client knows already is answered when it has changed. */
static void
reply_job_or_wait(struct api_request *rq, const struct job *job)
{
	struct controller *c = rq->ctx;
	size_t seconds = query_number(rq, "wait", 0, WAITS_SECONDS_MAX);
	const char *known = api_header(rq, "If-None-Match");
	char etag[API_ETAG_TEXT];
	json_t *view = waits_view(c, job->number, etag);

	if (seconds == 0 || known == NULL || c->waits == NULL ||
	    strcmp(known, etag) != 0) {
		api_set_etag(rq, etag);
		api_reply(rq, 200, view);
		return;
	}
	json_decref(view);
	waits_add(c->waits, rq, job->number, etag, seconds);
}

static void
get_job(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct job *job = jobs_find(c->jobs, api_number(rq->id, 'j'));
	struct err e;

	if (job == NULL) {
		err_set(&e, ERR_REFUSED, "job %.60s: there is no such job", rq->id);
		api_refuse(rq, &e, "zmferry jobs");
	} else if (query_is(rq, "moves", "0")) {
		reply_job_or_wait(rq, job);
	} else {
		api_reply(rq, 200, view_job_whole(c, job));
	}
}

static void
get_moves(struct api_request *rq)
{
	const char *job = api_query(rq, "job");
	struct move_page page = {
	    .job_number = job == NULL ? 0 : api_number(job, 'j'),
	    .only_failed = query_is(rq, "failed", "1"),
	    .offset = query_number(rq, "offset", 0, SIZE_MAX),
	    .limit = query_number(rq, "limit", SIZE_MAX, SIZE_MAX),
	};
	json_t *rows = view_moves_page(rq->ctx, &page);

	api_reply(
	    rq, 200, json_pack("{sosI}", "moves", rows, "total", (json_int_t)page.total));
}

static void
get_move(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct move *m = moves_find(jobs_moves(c->jobs), api_number(rq->id, 'm'));
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
	size_t limit = query_number(rq, "limit", EVENTS_SHOWN, EVENTS_MAX);

	api_reply(
	    rq, 200, json_pack("{so}", "events", journal_events(c->journal, limit)));
}

static void
get_approvals(struct api_request *rq)
{
	struct controller *c = rq->ctx;

	api_reply(rq, 200,
	    json_pack("{so}", "approvals",
		approvals_view(gate_approvals(c->gate), clock_wall_ms())));
}

/* For load balancers: up, and able to write its journal. Says nothing else. */
static void
get_healthz(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	bool well = !journal_is_read_only(c->journal) && !c->stopping;

	api_reply(rq, well ? 200 : 503, json_pack("{sb}", "ok", well));
}

static void
get_metrics(struct api_request *rq)
{
	api_reply_text(
	    rq, "text/plain; version=0.0.4; charset=utf-8", view_metrics(rq->ctx));
}

/* clang-format off */
const struct api_route controller_routes[] = {
	/* method    path                          right      handler */
	{ "GET",    "/v1/status",                 "read",    get_status },
	{ "GET",    "/v1/overview",               "read",    get_overview },
	{ "GET",    "/v1/nodes",                  "read",    get_nodes },
	{ "GET",    "/v1/jobs",                   "read",    get_jobs },
	{ "GET",    "/v1/jobs/{id}",              "read",    get_job },
	{ "GET",    "/v1/moves",                  "read",    get_moves },
	{ "GET",    "/v1/moves/{id}",             "read",    get_move },
	{ "POST",   "/v1/moves/{id}/purge",       "change",  post_purge },
	{ "POST",   "/v1/moves/{id}/release",     "change",  post_release },
	{ "POST",   "/v1/moves/{id}/revert",      "change",  post_revert },
	{ "POST",   "/v1/moves/{id}/from-spool",  "change",  post_from_spool },
	{ "POST",   "/v1/moves/{id}/fetch",       "change",  post_fetch },
	{ "GET",    "/v1/events",                 "read",    get_events },
	{ "GET",    "/v1/alerts",                 "read",    get_alerts },
	{ "POST",   "/v1/alerts/test",            "change",  post_alerts_test },
	{ "POST",   "/v1/alerts/{id}/ack",        "change",  post_alert_ack },
	{ "POST",   "/v1/alerts/{id}/silence",    "change",  post_alert_silence },
	{ "GET",    "/v1/approvals",              "read",    get_approvals },
	{ "GET",    "/v1/cordons",                "read",    get_cordons },
	{ "POST",   "/v1/cordon",                 "change",  post_cordon },
	{ "POST",   "/v1/uncordon",               "change",  post_uncordon },
	{ "GET",    "/v1/policy",                 "read",    get_policy },
	{ "POST",   "/v1/policy/replay",          "read",    post_policy_replay },
	{ "POST",   "/v1/forget",                 "change",  post_forget },
	{ "GET",    "/v1/doctor",                 "read",    get_doctor },
	{ "POST",   "/v1/plans",                  "read",    post_plan },
	{ "POST",   "/v1/jobs",                   "change",  post_job },
	{ "POST",   "/v1/jobs/{id}/pause",        "change",  post_pause },
	{ "POST",   "/v1/jobs/{id}/resume",       "change",  post_resume },
	{ "POST",   "/v1/jobs/{id}/cancel",       "change",  post_cancel },
	{ "POST",   "/v1/jobs/{id}/continue",     "change",  post_continue },
	{ "POST",   "/v1/jobs/{id}/retry",        "change",  post_retry },
	{ "POST",   "/v1/approvals/{id}/approve", "change",  post_approve },
	{ "POST",   "/v1/approvals/{id}/refuse",  "change",  post_refuse },
	{ "POST",   "/v1/rehearsal",              "local",   post_rehearsal },
	{ "POST",   "/v1/rehearsal/work",         "local",   post_rehearsal_work },
	{ "POST",   "/v1/rehearsal/end",          "local",   post_rehearsal_end },
	{ "POST",   "/v1/containers",             "local",   post_container },
	{ "POST",   "/v1/enroll",                 "local",   post_enroll },
	{ "GET",    "/v1/operators",              "local",   get_operators },
	{ "POST",   "/v1/operators",              "local",   post_operator },
	{ "POST",   "/v1/operators/{id}/revoke",  "local",   post_operator_revoke },
	{ "POST",   "/v1/session",                "open",    post_session },
	{ "GET",    "/v1/session",                "read",    get_session },
	{ "DELETE", "/v1/session",                "read",    delete_session },
	{ "GET",    "/healthz",                   "open",    get_healthz },
	{ "GET",    "/metrics",                   "metrics", get_metrics },
	{ "GET",    "/",                          "open",    page_get },
	{ "GET",    "/messages.js",               "open",    page_get },
	{ "GET",    "/zmferry.css",               "open",    page_get },
	{ "GET",    "/zmferry.svg",               "open",    page_get },
	{ "GET",    "/zmferry_core.js",           "open",    page_get },
	{ "GET",    "/zmferry_dom.js",            "open",    page_get },
	{ "GET",    "/zmferry_net.js",            "open",    page_get },
	{ "GET",    "/zmferry_page.js",           "open",    page_get },
	{ "GET",    "/zmferry_view.js",           "open",    page_get },
};
/* clang-format on */
const size_t controller_route_count = ARRAY_LEN(controller_routes);
