/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody wants planned, read from a body; and the plan, shown. Nothing is changed. */
#include "controller/api/plans.h"

#include <stdio.h>
#include <string.h>

#include "controller/api/changes.h"
#include "controller/api/gate.h"
#include "controller/api/view.h"
#include "controller/controller.h"
#include "controller/cutover.h"
#include "controller/moves_copies.h"

#define PLAN_ACCOUNTS_MAX 1000

/* "accounts" of a body: names; false = refused already. */
static bool
plan_accounts(struct api_request *rq, struct plan_request *out)
{
	const json_t *list = json_object_get(rq->body, "accounts");
	struct err e;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name == NULL || name[0] == '\0' || strlen(name) > LIMIT_NAME)
			break;
		plan_request_add(out, name);
	}
	if (out->account_count > 0 && out->account_count == json_array_size(list) &&
	    out->account_count <= PLAN_ACCOUNTS_MAX)
		return true;
	err_set(&e, ERR_REFUSED, "\"accounts\" must be a list of 1 to %d account names",
	    PLAN_ACCOUNTS_MAX);
	api_refuse(rq, &e, "zmferry plan move ACCOUNT --to NODE");
	return false;
}

/* "cutover" of a body; an approval does not carry it, so it would be lost there. */
static bool
plan_cutover(struct api_request *rq, struct plan_request *out)
{
	const json_t *value = json_object_get(rq->body, "cutover");
	struct controller *c = rq->ctx;
	struct err e;

	if (value == NULL || json_is_null(value))
		return true;
	if (!json_is_string(value) ||
	    strlen(json_string_value(value)) != json_string_length(value)) {
		err_set(&e, ERR_REFUSED, "\"cutover\" must be a text");
	} else if (!rq->local && c->conf->api_four_eyes) {
		err_set(&e, ERR_REFUSED,
		    "a cutover is not offered where a second administrator approves");
	} else if (cutover_parse(json_string_value(value), out->cutover, &e)) {
		return true;
	}
	api_refuse(rq, &e, "zmferry evacuate NODE --cutover go");
	return false;
}

/* Not everything is for everybody, wherever he is. next: static. */
static bool
plan_is_offered(const struct api_request *rq, const struct plan_request *wanted,
    const char *node, struct err *e, const char **next)
{
	const struct controller *c = rq->ctx;
	const char *kind = plan_kinds[wanted->kind].name;

	*next = "on the controller's machine: zmferry help";
	/* What destroys is the machine's shell's. Whose rights a move needs is known only
	   when it is planned, so no session begins one. */
	if (wanted->destroy_volumes && !rq->local)
		return err_set(e, ERR_REFUSED,
		    "%s with its volumes is not offered over HTTPS", kind);
	if (wanted->kind == PLAN_MOVE && !gate_is_command(rq))
		return err_set(e, ERR_REFUSED, "%s is not offered over HTTPS", kind);
	if (wanted->kind == PLAN_ADD && !gate_offers_add(rq, e, next))
		return false;
	/* Before anybody is asked about it, or it is written down. */
	if (wanted->kind == PLAN_ADD && !plan_check_new_name(node, e)) {
		*next = "its whole name: mbs4.example.org";
		return false;
	}
	/* An approval does not carry accounts. */
	*next = "zmferry plan evacuate NODE";
	return wanted->kind != PLAN_MOVE || rq->local || !c->conf->api_four_eyes ||
	       err_set(e, ERR_REFUSED,
		   "a move of single accounts is not offered where a second "
		   "administrator approves");
}

bool
plan_words(struct api_request *rq, struct plan_request *out)
{
	struct controller *c = rq->ctx;
	const json_t *list = json_object_get(rq->body, "to");
	const char *kind = json_string_value(json_object_get(rq->body, "kind"));
	const char *node = json_string_value(json_object_get(rq->body, "node"));
	size_t to_size = sizeof(out->to);
	char *to = out->to;
	size_t length = 0;
	const char *next;
	struct err e;

	memset(out, 0, sizeof(*out));
	if (kind == NULL || !plan_kind_parse(kind, &out->kind)) {
		err_set(&e, ERR_REFUSED,
		    "a plan needs a kind: evacuate, restore, move, rebalance, remove, "
		    "add");
		api_refuse(rq, &e, "zmferry plan evacuate NODE");
		return false;
	}
	if (out->kind == PLAN_REBALANCE && (node == NULL || node[0] == '\0')) {
		node = "";
	} else if (out->kind == PLAN_REBALANCE || node == NULL || node[0] == '\0' ||
		   strlen(node) >= sizeof(out->node)) {
		err_set(&e, ERR_REFUSED,
		    out->kind == PLAN_REBALANCE
			? "%s is about all nodes; those to fill stand in \"to\""
			: "%s needs a node",
		    kind);
		api_refuse(rq, &e, "zmferry plan evacuate NODE");
		return false;
	}
	out->destroy_volumes = json_is_true(json_object_get(rq->body, "destroy_volumes"));
	if (!plan_is_offered(rq, out, node, &e, &next)) {
		api_refuse(rq, &e, next);
		return false;
	}
	if (!plan_cutover(rq, out))
		return false;
	snprintf(out->node, sizeof(out->node), "%s", node);
	if (out->kind == PLAN_RESTORE)
		moves_left_from(jobs_moves(c->jobs), out);
	if (out->kind == PLAN_MOVE && !plan_accounts(rq, out))
		return false;
	/* Of another type it would be passed over, and the mailboxes would go anywhere. */
	if (list != NULL && !json_is_null(list) && !json_is_array(list)) {
		err_set(&e, ERR_REFUSED, "\"to\" must be a list of node names");
		api_refuse(rq, &e, "zmferry nodes has their names");
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name == NULL || name[0] == '\0' || strchr(name, ',') != NULL ||
		    length + strlen(name) + 2 > to_size) {
			err_set(&e, ERR_REFUSED, "\"to\" must be a list of node names");
			api_refuse(rq, &e, "zmferry nodes has their names");
			return false;
		}
		length += (size_t)snprintf(
		    to + length, to_size - length, "%s%s", length == 0 ? "" : ",", name);
	}
	return true;
}

const char *
plan_advice(const struct err *why)
{
	return why->kind == ERR_RETRY ? "the LDAP master must answer (on it, as zimbra: "
					"ldap status); then again"
				      : "zmferry nodes";
}

static void
reply_plan(struct api_request *rq, const struct plan *plan)
{
	json_t *answer = view_plan(plan);

	json_object_set_new(
	    json_object_get(answer, "plan"), "expected", view_expected(rq->ctx, plan));
	api_reply(rq, 200, answer);
}

static void
on_plan(void *owner, uint32_t number, const struct plan *plan, const struct err *e)
{
	struct api_request *rq = owner;
	struct err nothing;

	(void)number;
	if (plan == NULL)
		api_refuse(rq, e, plan_advice(e));
	else if (plan->account_count == 0 && !plan_has_work(plan, &nothing))
		api_refuse(rq, &nothing, "zmferry status");
	else
		reply_plan(rq, plan);
}

void
survey_of_body(
    struct api_request *rq, const char *node, const char *to, survey_done_fn done)
{
	struct controller *c = rq->ctx;
	struct plan_request wanted;

	if (plan_words(rq, &wanted)) {
		snprintf(wanted.node, sizeof(wanted.node), "%s", node);
		snprintf(wanted.to, sizeof(wanted.to), "%s", to);
		world_live_survey(c->world, &wanted, done, rq, 0);
	}
	plan_request_fini(&wanted);
}

static void
go_plan(struct api_request *rq, const char *node, const char *to)
{
	survey_of_body(rq, node, to, on_plan);
}

/* A plan names every account of the node: who may empty it may see it. One of an addition
   says what the machine would make: that is for whom it would be made. */
void
post_plan(struct api_request *rq)
{
	struct plan_request wanted;

	if (plan_words(rq, &wanted))
		gate_may_plan(rq, wanted.kind, wanted.node, wanted.to,
		    wanted.kind != PLAN_ADD, go_plan);
	plan_request_fini(&wanted);
}
