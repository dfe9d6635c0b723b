/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a page of the list, or the controller's own, sends a bearer that is
 * known for that origin. No cookies are looked at, so no other site can use a session; nor a
 * certificate, which counts only for what no page sends. What can go wrong: too many
 * requests, a foreign origin, no session, a certificate that is over, a right missing.
 */
#include "controller/api/gate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/approvals.h"
#include "controller/api/idempotency.h"
#include "controller/api/operators.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define BUCKETS 256
#define REQUESTS_PER_S 20
#define REQUESTS_AT_ONCE 120
#define LOGINS_PER_MIN 10
#define LOGINS_AT_ONCE 30

/* Tokens that come back with time; addresses that share a bucket share its rate. */
struct bucket {
	uint64_t at_ms;
	double requests;
	double logins;
};

struct gate {
	struct controller *c;
	struct sessions *sessions;
	struct idempotency *idempotency;
	struct approvals *approvals;
	struct secret *metrics_token;
	struct bucket buckets[BUCKETS];
	uint64_t answered;
	uint64_t refused;
};

/* --- origins --- */

/* Exactly "https://host" or "https://host:port", as a browser sends it. */
static bool
gate_check_origin(const char *origin, struct err *e)
{
	const char *rest = strncmp(origin, "https://", 8) == 0 ? origin + 8 : NULL;
	size_t host =
	    rest == NULL ? 0 : strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789.-[]:");

	if (host == 0 || rest[host] != '\0' || strlen(origin) >= 300)
		return err_set(e, ERR_REFUSED,
		    "api_origins: \"%.200s\" is not an origin (try "
		    "https://console.example.org:7071: "
		    "lower case, no path, no *)",
		    origin);
	return true;
}

/* A page of the controller itself says the host that it asks, or, in a GET, nothing. */
static bool
gate_is_own_page(const struct api_request *rq, const char *origin)
{
	const char *host = api_header(rq, "Host");
	char own[320];

	if (origin == NULL)
		return true;
	if (host == NULL)
		return false;
	snprintf(own, sizeof(own), "https://%.300s", host);
	return strcasecmp(own, origin) == 0;
}

const char *
gate_origin(const struct api_request *rq)
{
	const struct controller *c = rq->ctx;
	const char *origin = api_header(rq, "Origin");

	if (gate_is_own_page(rq, origin))
		return "";
	for (char **o = c->conf->api_origins; o != NULL && *o != NULL; o++) {
		if (strcmp(*o, origin) == 0)
			return *o;
	}
	return NULL;
}

/* --- rates --- */

static double
refill(double now, double add, double most)
{
	return now + add > most ? most : now + add;
}

static bool
gate_has_rate(struct gate *g, const char *address, bool is_login)
{
	uint64_t now = clock_mono_ms();
	uint32_t hash = 2166136261u;
	struct bucket *b;
	double passed_s;

	for (const char *p = address; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	b = &g->buckets[hash % BUCKETS];
	if (b->at_ms == 0) {
		b->at_ms = now;
		b->requests = REQUESTS_AT_ONCE;
		b->logins = LOGINS_AT_ONCE;
	}
	passed_s = (double)(now - b->at_ms) / 1000.0;
	b->at_ms = now;
	b->requests = refill(b->requests, passed_s * REQUESTS_PER_S, REQUESTS_AT_ONCE);
	b->logins = refill(b->logins, passed_s * LOGINS_PER_MIN / 60.0, LOGINS_AT_ONCE);
	if (b->requests < 1 || (is_login && b->logins < 1))
		return false;
	b->requests -= 1;
	b->logins -= is_login ? 1 : 0;
	return true;
}

/* --- the gate --- */

static bool
gate_refuse(struct gate *g, struct api_request *rq, unsigned status, const char *kind,
    const char *text, const char *next)
{
	g->refused++;
	api_problem(rq, status, kind, text, next);
	return false;
}

static const char *
gate_bearer(const struct api_request *rq)
{
	const char *header = api_header(rq, "Authorization");

	return header != NULL && strncasecmp(header, "Bearer ", 7) == 0 ? header + 7
									: NULL;
}

const struct session *
gate_session(const struct api_request *rq)
{
	const struct controller *c = rq->ctx;
	const char *bearer = rq->local ? NULL : gate_bearer(rq);
	const char *origin = bearer == NULL ? NULL : gate_origin(rq);

	return origin == NULL
		   ? NULL
		   : sessions_find(c->gate->sessions, bearer, origin, clock_mono_ms());
}

static bool
gate_has_metrics_token(const struct gate *g, const struct api_request *rq)
{
	const char *bearer = gate_bearer(rq);
	struct secret *given;
	bool equal;

	if (g->metrics_token == NULL || bearer == NULL || bearer[0] == '\0')
		return false;
	given = secret_new(bearer, strlen(bearer));
	equal = secret_equal(given, g->metrics_token);
	secret_free(&given);
	return equal;
}

static bool
gate_right(struct gate *g, struct api_request *rq)
{
	const char *right = rq->route->right;
	struct operator_answer operator;
	const struct session *s;

	if (strcmp(right, "open") == 0)
		return true;
	if (strcmp(right, "local") == 0)
		return gate_refuse(g, rq, 403, "refused",
		    "this is for the command on the controller's machine only",
		    "zmferry help");
	if (strcmp(right, "metrics") == 0 && gate_has_metrics_token(g, rq))
		return true;
	operators_look(rq, &operator);
	if (operator.name[0] != '\0') {
		rq->is_operator = true;
		snprintf(rq->who, sizeof(rq->who), "%.63s", operator.name);
		snprintf(rq->who_id, sizeof(rq->who_id), "%.63s", operator.name);
		return true;
	}
	if (operator.text[0] != '\0')
		return gate_refuse(g, rq, 401, "refused", operator.text, operator.next);
	s = gate_session(rq);
	if (s == NULL)
		return gate_refuse(g, rq, 401, "session",
		    "there is no session, or it is over, or it belongs to another page",
		    "exchange a token anew: POST /v1/session");
	snprintf(rq->who, sizeof(rq->who), "%.63s", s->name);
	snprintf(rq->who_id, sizeof(rq->who_id), "%s", s->id);
	return true;
}

bool
gate_is_command(const struct api_request *rq)
{
	return rq->local || rq->is_operator;
}

bool
gate_offers_add(const struct api_request *rq, struct err *e, const char **next_out)
{
	const struct controller *c = rq->ctx;

	*next_out = "on the controller's machine: zmferry add NODE";
	if (rq->local)
		return true;
	if (rq->is_operator)
		return err_set(e, ERR_REFUSED,
		    "add is not offered over HTTPS to the command, only to a global "
		    "administrator's session");
	if (c->conf->api_add_nodes)
		return true;
	*next_out = "set api_add_nodes = yes in controller.conf; or on the controller's "
		    "machine: zmferry add NODE";
	return err_set(e, ERR_REFUSED,
	    "add is not offered over HTTPS, because api_add_nodes in controller.conf is "
	    "no");
}

/* What was changed, or was not: by whom, from where, with what plan. */
static void
gate_audit(struct api_request *rq, unsigned status, const json_t *body)
{
	struct controller *c = rq->ctx;
	const char *refusal =
	    json_string_value(json_object_get(json_object_get(body, "error"), "text"));
	const char *job =
	    json_string_value(json_object_get(json_object_get(body, "job"), "id"));
	const char *origin = api_header(rq, "Origin");
	char text[LIMIT_TEXT];

	c->gate->answered++;
	idempotency_keep(c->gate->idempotency, rq, status, body);
	if (rq->who[0] == '\0') /* nobody: not the journal's business */
		return;
	if ((strcmp(rq->route->right, "change") != 0 &&
		strcmp(rq->route->right, "local") != 0) ||
	    strcmp(rq->method, "GET") == 0)
		return;
	snprintf(text, sizeof(text), "%.63s%s%.60s%s%.80s: %.150s: %s%.200s", rq->who,
	    rq->local ? " on the controller's machine" : " at ",
	    rq->local ? "" : rq->address, origin == NULL || rq->local ? "" : " via ",
	    origin == NULL || rq->local ? "" : origin,
	    rq->deed[0] == '\0' ? rq->path : rq->deed,
	    refusal == NULL ? "done" : "refused: ", refusal == NULL ? "" : refusal);
	journal_event(c->journal, "audit",
	    job != NULL		? job
	    : rq->id[0] != '\0' ? rq->id
				: "api",
	    text);
	log_info(NULL, "audit: %s", text);
}

bool
gate_pass(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	struct gate *g = c->gate;
	const char *origin;

	if (rq->route != NULL)
		rq->on_reply = gate_audit;
	if (rq->local) {
		snprintf(rq->who, sizeof(rq->who), "uid %u", (unsigned)rq->uid);
		return true;
	}
	origin = gate_origin(rq);
	if (origin == NULL)
		return gate_refuse(g, rq, 403, "refused",
		    "pages of this origin may not use the controller",
		    "add the console's origin to api_origins in controller.conf");
	rq->cors_origin = origin[0] == '\0' ? NULL : origin;
	if (!gate_has_rate(g, rq->address,
		rq->route != NULL && strcmp(rq->route->path, "/v1/session") == 0 &&
		    strcmp(rq->method, "POST") == 0))
		return gate_refuse(g, rq, 429, "retry",
		    "too many requests from this address", "wait some seconds");
	return rq->route == NULL || gate_right(g, rq);
}

/* --- asking afresh --- */

struct gate_question {
	struct api_request *rq;
	gate_go_fn go;
};

static void
on_checked(
    void *owner, const struct rights_wish *wish, const struct err *e, const char *next)
{
	struct gate_question *q = owner;
	struct api_request *rq = q->rq;
	gate_go_fn go = q->go;
	struct err why;

	free(q);
	if (e == NULL) {
		go(rq, wish->node, wish->to);
	} else if (e->kind == ERR_REFUSED) {
		api_problem(rq, 403, "refused", e->text, next);
	} else {
		why = *e;
		err_wrap(&why, "nothing is changed, because Zimbra cannot be asked "
			       "whether it is allowed");
		api_problem(rq, 503, "retry", why.text, next);
	}
}

void
gate_may(struct api_request *rq, const char *node, const char *to, bool only_from,
    gate_go_fn go)
{
	gate_may_plan(rq, PLAN_EVACUATE, node, to, only_from, go);
}

void
gate_may_plan(struct api_request *rq, enum plan_kind kind, const char *node,
    const char *to, bool only_from, gate_go_fn go)
{
	struct rights_wish wish = {.kind = kind, .only_from = only_from};
	struct gate_question *q;

	if (gate_is_command(rq)) {
		go(rq, node, to);
		return;
	}
	if (strlen(node) >= sizeof(wish.node) || strlen(to) >= sizeof(wish.to)) {
		api_problem(rq, 400, "refused", "a node's name is too long",
		    "zmferry nodes has their names");
		return;
	}
	snprintf(wish.admin_id, sizeof(wish.admin_id), "%.39s", rq->who_id);
	snprintf(wish.admin_name, sizeof(wish.admin_name), "%s", rq->who);
	snprintf(wish.node, sizeof(wish.node), "%s", node);
	snprintf(wish.to, sizeof(wish.to), "%s", to);
	q = XNEW(struct gate_question);
	q->rq = rq;
	q->go = go;
	rights_check(rq->ctx, &wish, on_checked, q);
}

/* --- life --- */

bool
gate_new(struct controller *c, struct gate **out, struct err *e)
{
	struct gate *g = XNEW(struct gate);

	g->c = c;
	g->sessions = sessions_new(c->conf->api_session_s);
	g->idempotency = idempotency_new();
	g->approvals = approvals_new();
	*out = g;
	for (char **o = c->conf->api_origins; o != NULL && *o != NULL; o++) {
		if (!gate_check_origin(*o, e)) {
			gate_free(out);
			return false;
		}
	}
	if (c->conf->api_metrics_token_file != NULL &&
	    !secret_load(c->conf->api_metrics_token_file, &g->metrics_token, e)) {
		gate_free(out);
		return false;
	}
	return true;
}

void
gate_free(struct gate **g)
{
	if (*g == NULL)
		return;
	sessions_free(&(*g)->sessions);
	idempotency_free(&(*g)->idempotency);
	approvals_free(&(*g)->approvals);
	secret_free(&(*g)->metrics_token);
	xfree(g);
}

struct sessions *
gate_sessions(struct gate *g)
{
	return g->sessions;
}

struct idempotency *
gate_idempotency(struct gate *g)
{
	return g->idempotency;
}

struct approvals *
gate_approvals(struct gate *g)
{
	return g->approvals;
}

void
gate_counts(const struct gate *g, uint64_t *answered_out, uint64_t *refused_out)
{
	*answered_out = g->answered;
	*refused_out = g->refused;
}
