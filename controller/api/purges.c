/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/moves/{id}/release: what was withheld goes in.
 * POST /v1/moves/{id}/revert: back where it came from, while nobody has worked on the target.
 * POST /v1/moves/{id}/fetch: what a source that was dead holds beyond the spool goes in.
 * POST /v1/moves/{id}/from-spool: on with what the spool holds, because the source is dead.
 * POST /v1/moves/{id}/purge: the old copy of a settled move. One whose verdict is not clean
 * is deleted only when the account is typed out, so that nobody does it in passing.
 */
#include "controller/api/purges.h"

#include <stdio.h>
#include <string.h>

#include "controller/api/changes.h"
#include "controller/api/gate.h"
#include "controller/api/view.h"
#include "controller/controller.h"
#include "controller/move_revert.h"
#include "controller/move_spool.h"
#include "controller/moves_copies.h"

/* NULL: there is none, and the request is refused. */
static const struct move *
move_of_request(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct move *m = moves_find(jobs_moves(c->jobs), api_number(rq->id, 'm'));
	struct err e;

	if (m != NULL)
		return m;
	err_set(&e, ERR_REFUSED, "move %.60s: there is no such move", rq->id);
	api_refuse(rq, &e, "zmferry moves");
	return NULL;
}

/* The move as it is now, or why not. */
static void
answer_move(struct api_request *rq, bool ok, const struct err *e)
{
	struct controller *c = rq->ctx;
	char next[80];

	snprintf(next, sizeof(next), "zmferry explain %.40s", rq->id);
	if (!ok) {
		api_refuse(rq, e, next);
		return;
	}
	api_reply(rq, 200,
	    json_pack("{so}", "move",
		view_move(c, moves_find(jobs_moves(c->jobs), api_number(rq->id, 'm')))));
}

static void
go_purge(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	uint32_t number = api_number(rq->id, 'm');
	bool unclean = json_is_true(json_object_get(rq->body, "unclean"));
	const char *confirm = json_string_value(json_object_get(rq->body, "confirm"));
	const struct move *m = moves_find(jobs_moves(c->jobs), number);
	struct err e;
	bool ok;

	(void)node;
	(void)to;
	if (unclean &&
	    (m == NULL || confirm == NULL || strcmp(confirm, m->account_name) != 0))
		ok = err_set(&e, ERR_REFUSED,
		    "the verdict is not clean: what is deleted may be nowhere else; the "
		    "account's "
		    "name must be given to confirm it");
	else
		ok = moves_purge(jobs_moves(c->jobs), number, unclean, &e);
	answer_move(rq, ok, &e);
}

void
post_purge(struct api_request *rq)
{
	const struct move *m = move_of_request(rq);

	if (m == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed),
	    "purge %.40s: the old copy of %.60s on %.60s", m->id, m->account_name,
	    m->source);
	gate_may(rq, m->source, "", true, go_purge);
}

static void
go_release(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	uint32_t number = api_number(rq->id, 'm');
	char next[80];
	uint64_t count;
	struct err e;

	(void)node;
	(void)to;
	snprintf(next, sizeof(next), "zmferry explain %.40s", rq->id);
	if (!moves_release(jobs_moves(c->jobs), number, &count, &e)) {
		api_refuse(rq, &e, next);
		return;
	}
	api_reply(rq, 200,
	    json_pack("{sosI}", "move",
		view_move(c, moves_find(jobs_moves(c->jobs), number)), "count",
		(json_int_t)count));
}

void
post_release(struct api_request *rq)
{
	const struct move *m = move_of_request(rq);

	if (m == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed),
	    "release %.40s: what was withheld of %.60s on %.60s", m->id, m->account_name,
	    m->target);
	gate_may(rq, m->source, m->target, false, go_release);
}

static void
go_revert(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	bool leave_mail = json_is_true(json_object_get(rq->body, "leave_mail"));
	struct err e;

	(void)node;
	(void)to;
	answer_move(rq,
	    moves_revert(jobs_moves(c->jobs), api_number(rq->id, 'm'), leave_mail, &e),
	    &e);
}

void
post_revert(struct api_request *rq)
{
	const struct move *m = move_of_request(rq);

	if (m == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed), "revert %.40s: %.50s from %.40s to %.40s",
	    m->id, m->account_name, m->data.reverted ? m->source : m->target,
	    m->data.reverted ? m->target : m->source);
	gate_may(rq, m->source, m->target, false, go_revert);
}

/* Who can be asked may have more than the spool holds. */
static bool
source_is_dead(struct controller *c, const struct move *m, struct err *e)
{
	const struct fleet_node *n = fleet_find(c->fleet, m->source);

	return n == NULL || !n->connected || !n->healthy ||
	       err_set(e, ERR_REFUSED,
		   "node %s: its agent says that it is well, so its mailboxes are there "
		   "and "
		   "are moved as they are; if they cannot be read, stop the node first: "
		   "zmferry stop %s",
		   m->source, m->source);
}

static void
go_from_spool(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	struct moves *moves = jobs_moves(c->jobs);
	uint32_t number = api_number(rq->id, 'm');
	const json_t *dry = json_object_get(rq->body, "dry_run");
	bool dry_run = json_is_true(dry);
	struct err e;
	bool ok;

	(void)node;
	(void)to;
	/* "true" in quotes must not do it in earnest. */
	ok = dry == NULL || json_is_boolean(dry) ||
	     err_set(&e, ERR_REFUSED, "dry_run: is not true or false");
	ok = ok && move_may_from_spool(moves, number, &e) &&
	     source_is_dead(c, moves_find(moves, number), &e) &&
	     (dry_run || moves_from_spool(moves, number, &e));
	answer_move(rq, ok, &e);
}

void
post_from_spool(struct api_request *rq)
{
	const struct move *m = move_of_request(rq);

	if (m == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed),
	    "from-spool %.40s: %.50s on %.40s without %.40s", m->id, m->account_name,
	    m->target, m->source);
	gate_may(rq, m->source, m->target, false, go_from_spool);
}

static void
go_fetch(struct api_request *rq, const char *node, const char *to)
{
	struct controller *c = rq->ctx;
	struct err e;

	(void)node;
	(void)to;
	answer_move(
	    rq, moves_fetch(jobs_moves(c->jobs), api_number(rq->id, 'm'), &e), &e);
}

void
post_fetch(struct api_request *rq)
{
	const struct move *m = move_of_request(rq);

	if (m == NULL)
		return;
	snprintf(rq->deed, sizeof(rq->deed), "fetch %.40s: %.50s, what was left on %.40s",
	    m->id, m->account_name, m->source);
	gate_may(rq, m->source, m->target, false, go_fetch);
}
