/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node that comes in or goes: what a job does besides moving mailboxes. Each state asks one
 * question; its answer is an event of the table. Everything asked may be asked again, so after
 * a crash the state is simply entered once more: a container that was made is found again, a
 * server that was deleted is not there. What can go wrong: the platform or the directory does
 * not answer (asked again), or refuses (a person is asked).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/job_private.h"
#include "controller/journal.h"
#include "controller/moves_copies.h"
#include "controller/removal.h"
#include "proto/base/log.h"

#define AGAIN_MS 3000
#define TOLD_AFTER 5 /* attempts that a person need not know of */
#define JOINING_TOLD_AFTER \
	600 /* setting up a mailbox server takes a while: half an hour */
#define DEADLINE_S 300

/* --- what the journal says of a node that is to go --- */

struct ours_search {
	const char *node;
	struct removal_ours *out;
};

static void
ours_on_move(struct move *m, void *ctx)
{
	const struct ours_search *s = ctx;
	bool from = strcasecmp(m->source, s->node) == 0;

	if (from && (move_states[m->state].holds & (ARRIVED | TURNS_BACK)) != 0 &&
	    (move_states[m->state].holds & MOVE_END) == 0)
		s->out->tidying++;
	if (m->state == MOVE_STUCK && (from || strcasecmp(m->target, s->node) == 0))
		s->out->stuck++;
	if (m->state != MOVE_SETTLED || !from || m->data.no_mailbox)
		return;
	if (strcmp(m->data.verdict, "clean") == 0)
		s->out->kept_copies++;
	else
		s->out->unclean++;
}

void
jobs_removal_ours(struct jobs *all, const char *node, struct removal_ours *out)
{
	struct ours_search s = {.node = node, .out = out};
	int64_t there = all->host.mailboxes_on(all->host.ctx, node);
	uint64_t known;

	out->stuck = out->tidying = out->unclean = 0;
	out->kept_copies = out->strange_copies = 0;
	moves_each(all->moves, ours_on_move, &s);
	known = out->unclean + out->kept_copies;
	out->unknown = there < 0;
	if (there > 0 && (uint64_t)there > known)
		out->strange_copies = (uint64_t)there - known;
}

/* --- asking --- */

static void
node_on_again(void *owner, uint32_t number, uint32_t step_no)
{
	struct jobs *all = owner;
	struct job *job = jobs_at(all, number);

	if (job == NULL || job->step_no != step_no)
		return;
	job->asked = false;
	jobs_poke(all);
}

/* It stands: why is shown, and it is tried again by itself. */
static void
node_try_again(struct jobs *all, struct job *job, const char *why)
{
	job->attempts++;
	snprintf(job->reason, sizeof(job->reason), "%.430s; trying again", why);
	if (job->attempts ==
	    (job->state == JOB_JOINING ? JOINING_TOLD_AFTER : TOLD_AFTER))
		job_tell_waits(all, job);
	all->world->after(
	    all->world->ctx, AGAIN_MS, node_on_again, all, job->number, job->step_no);
}

static void
node_failed(struct jobs *all, struct job *job, const struct err *why)
{
	if (why->kind == ERR_REFUSED)
		job_event(all, job, JOB_EV_HOLD, why->text);
	else
		node_try_again(all, job, why->text);
}

/* --- taking the answers --- */

static void
take_provisioned(struct jobs *all, struct job *job, struct ask *a)
{
	job_event(all, job, JOB_EV_OK, a->out.platform.text);
}

static void
take_standing(struct jobs *all, struct job *job, struct ask *a)
{
	struct removal_ours ours = {.destroy_volumes = job->destroy_volumes};
	struct removal_report report;
	char text[LIMIT_TEXT];

	jobs_removal_ours(all, job->node, &ours);
	removal_judge(job->node, a->out.standing, &ours, &report);
	if (report.by_level[REMOVAL_BLOCKS] == 0) {
		job_event(all, job, JOB_EV_OK, "");
	} else {
		removal_blocks_text(&report, text, sizeof(text));
		job_event(all, job, JOB_EV_HOLD, text);
	}
	removal_report_fini(&report);
}

static void
take_unlisted(struct jobs *all, struct job *job, struct ask *a)
{
	(void)a;
	job_event(all, job, JOB_EV_OK, "");
}

/* Before the job ends: what is not done then is never done. */
static void
node_is_out(struct jobs *all, const struct job *job)
{
	moves_node_gone(all->moves, job->node);
	all->host.forget(all->host.ctx, job->node);
}

static void
take_dismantled(struct jobs *all, struct job *job, struct ask *a)
{
	char text[LIMIT_TEXT];

	if (a->out.platform.by_hand) {
		snprintf(text, sizeof(text), "%.380s; then: zmferry job continue %s",
		    a->out.platform.text, job->id);
		job_event(all, job, JOB_EV_BY_HAND, text);
		return;
	}
	if (all->host.is_connected(all->host.ctx, job->node)) {
		node_try_again(all, job, "its agent is still connected");
		return;
	}
	node_is_out(all, job);
	snprintf(text, sizeof(text),
	    "%.150s is out of the cluster: %.200s; on each proxy: zmproxyctl restart",
	    job->node, a->out.platform.text);
	job_event(all, job, JOB_EV_OK, text);
}

/* --- the states --- */

/* clang-format off */
static const struct node_step {
	enum job_state state;
	enum ask_kind ask;
	enum platform_op op; /* of ASK_PLATFORM */
	void (*take)(struct jobs *all, struct job *job, struct ask *a);
} node_steps[] = {
	{ JOB_PROVISIONING, ASK_PLATFORM, PLATFORM_PROVISION,   take_provisioned },
	{ JOB_SAFETY,       ASK_STANDING, PLATFORM_CHECK_DEPROVISION, take_standing },
	{ JOB_UNLISTING,    ASK_UNLIST,   PLATFORM_DESCRIBE,    take_unlisted },
	{ JOB_DISMANTLING,  ASK_PLATFORM, PLATFORM_DEPROVISION, take_dismantled },
};
/* clang-format on */

static const struct node_step *
node_step_of(enum job_state state)
{
	for (size_t i = 0; i < ARRAY_LEN(node_steps); i++) {
		if (node_steps[i].state == state)
			return &node_steps[i];
	}
	return NULL;
}

static void
node_on_answer(struct ask *a)
{
	struct jobs *all = a->owner;
	struct job *job = jobs_at(all, a->effect_no);
	const struct node_step *step;

	if (all->stopping || job == NULL || job->step_no != a->step_no) {
		ask_free(&a);
		return;
	}
	step = node_step_of(job->state);
	if (a->ok)
		step->take(all, job, a);
	else
		node_failed(all, job, &a->err);
	ask_free(&a);
	jobs_wake_soon(all);
}

static void
node_ask(struct jobs *all, struct job *job, const struct node_step *step)
{
	struct ask *a = ask_new(step->ask);

	a->effect_no = job->number;
	a->step_no = job->step_no;
	a->deadline_s = DEADLINE_S;
	a->in.op = step->op;
	a->in.destroy_volumes = job->destroy_volumes;
	snprintf(a->in.source, sizeof(a->in.source), "%s", job->node);
	a->owner = all;
	a->done = node_on_answer;
	all->world->ask(all->world->ctx, a);
}

/* --- who goes is looked at: when a node has joined, when a job's turn has come --- */

static void
jobs_on_planned(
    void *owner, uint32_t job_number, const struct plan *plan, const struct err *why)
{
	struct jobs *all = owner;
	struct job *job = jobs_at(all, job_number);
	uint32_t added = 0;
	uint32_t before;
	struct err e;

	if (job == NULL || (job->state != JOB_JOINING && job->state != JOB_PLANNING))
		return;
	if (plan == NULL) {
		node_try_again(all, job, why->text);
		return;
	}
	/* It has joined; but two jobs could disagree about a mailbox. */
	if (job->state == JOB_JOINING && jobs_turn_of(all, job) != NULL) {
		node_try_again(all, job, "it has joined; another job moves mail");
		return;
	}
	before = moves_next_number(all->moves);
	if (!journal_batch_begin(all->journal, &e) ||
	    !journal_batch_end(
		all->journal, job_add_moves(all, job, plan, &added, &e), &e)) {
		moves_drop_from(all->moves, before);
		node_try_again(all, job, e.text);
		return;
	}
	/* Some may have been added just before a crash. The gate says whether it is over. */
	job_event(all, job,
	    job->state == JOB_PLANNING || added > 0 || job_has_moves(all, job)
		? JOB_EV_MORE
		: JOB_EV_CLEAN,
	    "");
	jobs_wake_soon(all);
}

bool
job_is_about_a_node(const struct job *job)
{
	return job->state == JOB_JOINING || job->state == JOB_PLANNING ||
	       job_states[job->state].waits || node_step_of(job->state) != NULL;
}

void
job_node_look(struct jobs *all, struct job *job)
{
	const struct node_step *step = node_step_of(job->state);

	if (job->asked ||
	    (step == NULL && job->state != JOB_JOINING && job->state != JOB_PLANNING))
		return;
	job->asked = true;
	if (step != NULL)
		node_ask(all, job, step);
	else if (job->state == JOB_JOINING)
		job_survey(all, job, PLAN_REBALANCE, "", job->node, jobs_on_planned);
	else
		job_survey(all, job, job_kind(job), job->node, job->to, jobs_on_planned);
}

bool
job_node_continue(struct jobs *all, struct job *job, struct err *e)
{
	if (job->state != JOB_BY_HAND)
		return true;
	if (all->host.is_connected(all->host.ctx, job->node))
		return err_set(e, ERR_REFUSED,
		    "job %s: the agent of %s is connected: its container still runs",
		    job->id, job->node);
	node_is_out(all, job);
	return true;
}
