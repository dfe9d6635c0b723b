/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy sees and decides is for everybody who may look. */
#include "controller/api/policy.h"

#include <stdio.h>
#include <string.h>

#include "controller/api/gate.h"
#include "controller/controller.h"
#include "controller/policy_replay.h"

void
get_policy(struct api_request *rq)
{
	struct controller *c = rq->ctx;

	api_reply(rq, 200, watch_view(c->watch, api_query(rq, "node")));
}

void
post_policy_replay(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	struct err e;
	json_t *answer = policy_replay(&c->policy, rq->body, &e);

	if (answer == NULL)
		api_refuse(rq, &e, "man zmferry, \"policy replay\", shows such a file");
	else
		api_reply(rq, 200, answer);
}

static void
go_forget(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	char text[LIMIT_TEXT];
	struct err e;

	(void)to;
	if (!watch_forget(c->watch, node, &e)) {
		api_refuse(rq, &e, "zmferry policy");
		return;
	}
	snprintf(text, sizeof(text), "node %.200s: forgotten, by %.80s", node, rq->who);
	journal_event(c->journal, "info", "policy", text);
	api_reply(rq, 200, json_pack("{ss}", "node", node));
}

void
post_forget(struct api_request *rq)
{
	const char *node = json_string_value(json_object_get(rq->body, "node"));
	struct err e;

	if (node == NULL || node[0] == '\0' || strlen(node) > LIMIT_NAME) {
		err_set(&e, ERR_REFUSED, "forget needs a node");
		api_refuse(rq, &e, "zmferry policy has their names");
		return;
	}
	snprintf(rq->deed, sizeof(rq->deed), "forget %.150s", node);
	gate_may(rq, node, "", true, go_forget);
}
