/* SPDX-License-Identifier: Apache-2.0 */
/* The watch's and the policy's place in the controller: what they need, wired to the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/cordon.h"
#include "controller/move_spool.h"
#include "controller/policy_conf.h"
#include "controller/watch_live.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/zimbra/ports.h"

#define RESTART_S 300

/* The job goes on without it; the gate moves who lands on the node meanwhile. */
static void
on_job_cordoned(void *owner, const json_t *report, const struct err *e)
{
	struct controller *c = owner;
	char text[LIMIT_TEXT];

	if (report != NULL)
		return;
	snprintf(text, sizeof(text),
	    "new accounts are not kept off: %.300s; zmferry cordon NODE", e->text);
	log_warn(NULL, "%s", text);
	journal_event(c->journal, "warn", "cordon", text);
}

bool
controller_begin_job(struct controller *c, const struct plan *plan, const char *who,
    uint32_t *number_out, struct err *e)
{
	return jobs_create(c->jobs, plan, who, number_out, e);
}

/* Who is emptied gets no new accounts, until it is filled again. */
void
controller_job_begun(void *ctx, const struct job *job)
{
	struct controller *c = ctx;
	enum plan_kind kind;

	if (plan_kind_parse(job->kind, &kind) &&
	    (plan_kinds[kind].empties || kind == PLAN_RESTORE))
		cordon_start(
		    c, job->node, plan_kinds[kind].empties, job->who, on_job_cordoned, c);
}

static void
host_each_node(void *ctx, fleet_each_fn fn, void *fn_ctx)
{
	struct controller *c = ctx;

	fleet_each(c->fleet, fn, fn_ctx);
}

static void
host_each_job(void *ctx, jobs_each_fn fn, void *fn_ctx)
{
	struct controller *c = ctx;

	jobs_each(c->jobs, fn, fn_ctx);
}

static bool
host_look(void *ctx, const char *observer, const char *node)
{
	struct controller *c = ctx;

	return fleet_look(c->fleet, observer, node, ZIMBRA_LMTP_PORT);
}

static void
host_survey(void *ctx, const char *node, survey_done_fn done, void *owner)
{
	struct controller *c = ctx;
	struct plan_request rq = {.kind = PLAN_EVACUATE};

	snprintf(rq.node, sizeof(rq.node), "%s", node);
	world_live_survey(c->world, &rq, done, owner, 0);
}

static bool
host_begin(void *ctx, const struct plan *plan, uint32_t *job_out, struct err *e)
{
	return controller_begin_job(ctx, plan, WATCH_WHO, job_out, e);
}

static void
on_restarted(struct ask *a)
{
	struct controller *c = a->owner;
	struct err by_hand;

	if (a->ok && a->out.platform.by_hand)
		err_set(&by_hand, ERR_REFUSED, "%s", a->out.platform.text);
	if (c->watch != NULL && !c->stopping)
		watch_restarted(c->watch, a->in.source, a->out.platform.text,
		    !a->ok		      ? &a->err
		    : a->out.platform.by_hand ? &by_hand
					      : NULL);
	ask_free(&a);
}

static void
host_restart(void *ctx, const char *node)
{
	struct controller *c = ctx;
	const struct world *world = world_live_world(c->world);
	struct ask *a = ask_new(ASK_PLATFORM);

	a->in.op = PLATFORM_RESTART;
	snprintf(a->in.source, sizeof(a->in.source), "%s", node);
	a->deadline_s = RESTART_S;
	a->owner = c;
	a->done = on_restarted;
	world->ask(world->ctx, a);
}

static uint32_t
host_copied(void *ctx, const char *node)
{
	struct controller *c = ctx;

	return moves_copied_from(jobs_moves(c->jobs), node);
}

static int64_t
mono_ms(void)
{
	return (int64_t)clock_mono_ms();
}

bool
watch_live_start(struct controller *c, struct err *e)
{
	const struct watch_host host = {
	    .ctx = c,
	    .each_node = host_each_node,
	    .each_job = host_each_job,
	    .look = host_look,
	    .survey = host_survey,
	    .begin = host_begin,
	    .restart = host_restart,
	    .copied = host_copied,
	    .journal = c->journal,
	    .alerts = c->alerts,
	    .mono_ms = mono_ms,
	    .wall_ms = clock_wall_ms,
	};

	return policy_conf_settings(c->conf, &c->policy, e) &&
	       watch_new(&c->policy, &host, &c->watch, e);
}

void
watch_live_end(struct controller *c)
{
	watch_free(&c->watch);
	policy_conf_free(&c->policy);
}
