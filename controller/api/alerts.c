/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the alert is found, whoever asks may change its node (one that is about
 * no node is for global administrators), it is noted, audited by the gate and shown.
 */
#include "controller/api/alerts.h"

#include <stdio.h>
#include <string.h>

#include "controller/alert/ways.h"
#include "controller/api/gate.h"
#include "controller/controller.h"

#define SILENCE_MAX_S (30u * 24 * 3600)

void
get_alerts(struct api_request *rq)
{
	struct controller *c = rq->ctx;

	api_reply(rq, 200,
	    json_pack(
		"{soso}", "alerts", alerts_view(c->alerts), "ways", ways_view(c->ways)));
}

static const struct alert *
find_alert(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct alert *a = alert_find(c->alerts, rq->id);
	struct err e;

	if (a != NULL)
		return a;
	err_set(&e, ERR_REFUSED, "%.100s: there is no such alert, or it is over", rq->id);
	api_refuse(rq, &e, "zmferry alerts");
	return NULL;
}

static void
reply_alert(struct api_request *rq, bool ok, const struct err *e)
{
	struct controller *c = rq->ctx;

	if (!ok)
		api_refuse(rq, e, "zmferry alerts");
	else
		api_reply(rq, 200,
		    json_pack(
			"{so}", "alert", alert_view(alert_find(c->alerts, rq->id))));
}

/* Whoever may empty the node that it is about; all of them, when it is about none. */
static void
ask_alert(struct api_request *rq, const struct alert *a, gate_go_fn go)
{
	const struct session *s = gate_session(rq);

	if (a != NULL && a->node[0] != '\0')
		gate_may(rq, a->node, "", true, go);
	else if (gate_is_command(rq) || (s != NULL && s->is_global))
		go(rq, "", "");
	else
		api_problem(rq, 403, "refused",
		    "this is about no single node: a global administrator may do it",
		    "zmferry alerts");
}

static void
go_ack(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	struct err e;

	(void)node;
	(void)to;
	reply_alert(rq, alert_ack(c->alerts, rq->id, rq->who, &e), &e);
}

void
post_alert_ack(struct api_request *rq)
{
	const struct alert *a = find_alert(rq);

	if (a == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed), "acknowledge %.60s of %.100s",
	    alert_defs[a->key].name, a->subject);
	ask_alert(rq, a, go_ack);
}

/* "seconds" of the body: 0 ends a silence. */
static bool
silence_seconds(struct api_request *rq, uint32_t *out)
{
	const json_t *seconds = json_object_get(rq->body, "seconds");
	json_int_t n = json_integer_value(seconds);
	struct err e;

	*out = (uint32_t)n;
	if (json_is_integer(seconds) && n >= 0 && n <= SILENCE_MAX_S)
		return true;
	err_set(&e, ERR_REFUSED,
	    "a silence needs \"seconds\": 0 ends it, at most %u (30 days)",
	    SILENCE_MAX_S);
	api_refuse(rq, &e, "zmferry alert silence SUBJECT --for 2h");
	return false;
}

static void
go_silence(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	struct err e;
	uint32_t seconds;

	(void)node;
	(void)to;
	if (silence_seconds(rq, &seconds))
		reply_alert(
		    rq, alert_silence(c->alerts, rq->id, seconds, rq->who, &e), &e);
}

void
post_alert_silence(struct api_request *rq)
{
	const struct alert *a = find_alert(rq);
	uint32_t seconds;

	if (a == NULL || !silence_seconds(rq, &seconds))
		return;
	snprintf(rq->deed, sizeof(rq->deed), "silence %.60s of %.80s for %u s",
	    alert_defs[a->key].name, a->subject, seconds);
	ask_alert(rq, a, go_silence);
}

static void
on_tested(void *ctx, json_t *take_results)
{
	api_reply(ctx, 200, json_pack("{so}", "ways", take_results));
}

static void
go_test(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	struct err e;

	(void)node;
	(void)to;
	if (!ways_test(c->ways, rq->who, on_tested, rq, &e))
		api_refuse(rq, &e, "wait a minute, then: zmferry alerts test");
}

void
post_alerts_test(struct api_request *rq)
{
	snprintf(rq->deed, sizeof(rq->deed), "send a test by every way of alerts");
	ask_alert(rq, NULL, go_test);
}
