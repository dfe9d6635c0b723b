/* SPDX-License-Identifier: Apache-2.0 */
/* Who may empty a node may cordon it. */
#include "controller/api/cordons.h"

#include <stdio.h>
#include <string.h>

#include "controller/api/gate.h"
#include "controller/controller.h"
#include "controller/cordon.h"

static void
on_cordoned(void *owner, const json_t *report, const struct err *e)
{
	struct api_request *rq = owner;

	if (report == NULL)
		api_refuse(rq, e,
		    e->kind == ERR_RETRY
			? "when it answers, once more; what was begun is "
			  "remembered: zmferry cordons"
			: "zmferry nodes");
	else
		api_reply(rq, 200, json_deep_copy(report));
}

static void
go_cordon(struct api_request *rq, const char *node, const char *to)
{
	(void)to;
	cordon_start(rq->ctx, node, true, rq->who, on_cordoned, rq);
}

static void
go_uncordon(struct api_request *rq, const char *node, const char *to)
{
	(void)to;
	cordon_start(rq->ctx, node, false, rq->who, on_cordoned, rq);
}

static void
cordon_wish(struct api_request *rq, const char *verb, gate_go_fn go)
{
	const char *node = json_string_value(json_object_get(rq->body, "node"));
	struct err e;

	if (node == NULL || node[0] == '\0' || strlen(node) > LIMIT_NAME) {
		err_set(&e, ERR_REFUSED, "%s needs a node", verb);
		api_refuse(rq, &e, "zmferry nodes has their names");
		return;
	}
	snprintf(rq->deed, sizeof(rq->deed), "%s %.150s", verb, node);
	gate_may(rq, node, "", true, go);
}

void
post_cordon(struct api_request *rq)
{
	cordon_wish(rq, "cordon", go_cordon);
}

void
post_uncordon(struct api_request *rq)
{
	cordon_wish(rq, "uncordon", go_uncordon);
}

void
get_cordons(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	json_t *rows = json_array();
	struct cordons all;
	struct err e;

	if (!journal_cordons_load(c->journal, &all, &e)) {
		json_decref(rows);
		api_refuse(rq, &e, "zmferry status");
		return;
	}
	for (size_t i = 0; i < all.count; i++)
		json_array_append_new(rows, json_pack("{ssss}", "node", all.rows[i].node,
						"who", all.rows[i].who));
	api_reply(rq, 200,
	    json_pack("{sosI}", "cordons", rows, "pools", (json_int_t)all.pool_count));
	cordons_fini(&all);
}
