/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform says goes back as it is. */
#include "controller/api/containers.h"

#include <stdio.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/json_values.h"

#define DEADLINE_S 300

/* Making and taking away are jobs' business. */
static const enum platform_op offered[] = {
    PLATFORM_DESCRIBE, PLATFORM_START, PLATFORM_STOP, PLATFORM_RESTART};

static bool
op_of(const struct api_request *rq, enum platform_op *out)
{
	const char *name = json_string_value(json_object_get(rq->body, "op"));

	for (size_t i = 0; name != NULL && i < ARRAY_LEN(offered); i++) {
		*out = offered[i];
		if (strcmp(platform_op_names[offered[i]], name) == 0)
			return true;
	}
	return false;
}

static void
on_platform(struct ask *a)
{
	struct api_request *rq = a->owner;
	const struct platform_answer *p = &a->out.platform;

	if (a->ok)
		api_reply(rq, 200,
		    json_pack("{sssssosb}", "node", a->in.source, "state",
			platform_state_names[p->state], "text", json_text(p->text),
			"by_hand", p->by_hand));
	else
		api_refuse(rq, &a->err,
		    a->err.kind == ERR_RETRY
			? "when it answers, once more"
			: "docs/platforms.md, then zmferry-controller -n");
	ask_free(&a);
}

static void
begin_op(struct api_request *rq, const char *node, enum platform_op op)
{
	struct controller *c = rq->ctx;
	const struct world *world = world_live_world(c->world);
	struct ask *a = ask_new(ASK_PLATFORM);

	a->in.op = op;
	snprintf(a->in.source, sizeof(a->in.source), "%s", node);
	a->deadline_s = DEADLINE_S;
	a->owner = rq;
	a->done = on_platform;
	world->ask(world->ctx, a);
}

struct node_search {
	const char *wanted;
	char found[WORLD_NAME];
	size_t count;
};

/* "mbs1" is mbs1.example.org when only one begins so. */
static void
on_known(const struct fleet_node *n, void *ctx)
{
	struct node_search *s = ctx;
	size_t length = strlen(s->wanted);

	if (strncasecmp(n->name, s->wanted, length) != 0 ||
	    (n->name[length] != '\0' && n->name[length] != '.'))
		return;
	snprintf(s->found, sizeof(s->found), "%s", n->name);
	s->count++;
}

void
post_container(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const char *node = json_string_value(json_object_get(rq->body, "node"));
	struct node_search search = {.wanted = node};
	enum platform_op op;
	struct err e;

	if (node == NULL || node[0] == '\0' || strlen(node) > LIMIT_NAME ||
	    !op_of(rq, &op)) {
		err_set(&e, ERR_REFUSED,
		    "a container needs a node and an op: describe, start, stop, restart");
		api_refuse(rq, &e, "zmferry nodes has their names");
		return;
	}
	fleet_each(c->fleet, on_known, &search);
	if (search.count != 1 && strchr(node, '.') == NULL) {
		err_set(&e, ERR_REFUSED, "node %.150s: %s of that name is known", node,
		    search.count == 0 ? "none" : "more than one");
		api_refuse(rq, &e, "give its whole name; zmferry nodes has them");
		return;
	}
	snprintf(rq->deed, sizeof(rq->deed), "%s the container of %.120s",
	    platform_op_names[op], node);
	begin_op(rq, search.count == 1 ? search.found : node, op);
}
