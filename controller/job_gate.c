/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: when every move of a job has ended, the directory is asked once more. Nobody
 * on the node: done. Somebody new: he goes too. Somebody who could not go: left, and said.
 * Not here: moves while they are under way, see job.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/job_private.h"
#include "controller/journal.h"
#include "controller/plan.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define GATE_AGAIN_MS 10000

/* --- who has a move already --- */

struct id_list {
	uint32_t job_number;
	const char **ids; /* borrowed from the moves */
	size_t count;
};

static void
id_on_move(struct move *m, void *ctx)
{
	struct id_list *list = ctx;

	if (m->job_number != list->job_number)
		return;
	if ((list->count & (list->count - 1)) == 0)
		list->ids = xrealloc_array(
		    list->ids, list->count == 0 ? 1 : list->count * 2, sizeof(char *));
	list->ids[list->count++] = m->account_id;
}

/*
 * Of a stuck move what is not in the mailbox yet is in a spool beside it, and its values
 * are those of the freeze: moved on like that the account would lose both.
 */
static void
id_on_stuck(struct move *m, void *ctx)
{
	struct id_list *list = ctx;

	if (m->state == MOVE_STUCK && m->job_number != list->job_number) {
		list->ids = xrealloc_array(list->ids, list->count + 1, sizeof(char *));
		list->ids[list->count++] = m->account_id;
	}
}

static bool
job_leaves_stuck(struct jobs *all, const struct job *job, const struct plan_account *a,
    const struct id_list *stuck)
{
	char text[LIMIT_TEXT];

	for (size_t i = 0; i < stuck->count; i++) {
		if (strcmp(stuck->ids[i], a->id) != 0)
			continue;
		snprintf(text, sizeof(text),
		    "%.200s is left where it is: an earlier move of it is stuck; see: "
		    "zmferry moves --failed",
		    a->name);
		log_warn(NULL, "job=%s %s", job->id, text);
		journal_event(all->journal, "warn", job->id, text);
		return true;
	}
	return false;
}

bool
job_has_moves(struct jobs *all, const struct job *job)
{
	struct id_list have = {.job_number = job->number};

	moves_each(all->moves, id_on_move, &have);
	free(have.ids);
	return have.count > 0;
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
job_add_move(struct jobs *all, const struct job *job, const struct plan *plan,
    const struct plan_account *a, struct err *e)
{
	struct move m = {.job_number = job->number, .bytes = a->bytes, .items = a->items};
	uint32_t number;

	snprintf(m.account_id, sizeof(m.account_id), "%s", a->id);
	snprintf(m.account_name, sizeof(m.account_name), "%s", a->name);
	snprintf(m.source, sizeof(m.source), "%s", a->source);
	snprintf(m.target, sizeof(m.target), "%s", plan->nodes[a->target].name);
	return moves_add(all->moves, &m, &number, e);
}

bool
job_add_moves(struct jobs *all, const struct job *job, const struct plan *plan,
    uint32_t *added_out, struct err *e)
{
	struct id_list have = {.job_number = job->number};
	struct id_list stuck = {.job_number = job->number};
	bool ok = true;

	*added_out = 0;
	moves_each(all->moves, id_on_move, &have);
	moves_each(all->moves, id_on_stuck, &stuck);
	if (have.count > 0)
		qsort(have.ids, have.count, sizeof(char *), compare_ids);
	for (size_t i = 0; ok && i < plan->account_count; i++) {
		const char *id = plan->accounts[i].id;

		if (plan->accounts[i].target < 0 ||
		    (have.count > 0 && bsearch(&id, have.ids, have.count, sizeof(char *),
					   compare_ids) != NULL) ||
		    job_leaves_stuck(all, job, &plan->accounts[i], &stuck))
			continue;
		ok = job_add_move(all, job, plan, &plan->accounts[i], e);
		*added_out += ok;
	}
	free(have.ids);
	free(stuck.ids);
	return ok;
}

/* --- the answer --- */

static void
jobs_on_gate_again(void *owner, uint32_t number, uint32_t step_no)
{
	struct jobs *all = owner;

	(void)step_no;
	all->gate_asked = false;
	if (jobs_at(all, number) != NULL)
		jobs_poke(all);
}

/* The gate has an answer: what does it mean for the job? */
static void
job_take_gate(struct jobs *all, struct job *job, const struct plan *plan, uint32_t added)
{
	struct job_progress p;
	char text[LIMIT_TEXT];

	jobs_progress(all, job->number, &p);
	if (p.total > p.done + p.set_aside) { /* added now, or just before a crash */
		snprintf(text, sizeof(text),
		    "%u accounts were made on %s meanwhile; they go too",
		    added == 0 ? p.total - p.done - p.set_aside : added, job->node);
		job_event(all, job, JOB_EV_MORE, text);
	} else if (plan->account_count > 0) {
		snprintf(text, sizeof(text),
		    "%zu accounts are left on %.100s; see: zmferry moves --failed and "
		    "zmferry plan evacuate %.100s",
		    plan->account_count, job->node, job->node);
		job_event(all, job, JOB_EV_LEFT, text);
	} else if (p.stuck > 0) {
		snprintf(text, sizeof(text),
		    "%u moves are stuck and wait for a person; see: zmferry moves "
		    "--failed",
		    p.stuck);
		job_event(all, job, JOB_EV_LEFT, text);
	} else if (p.clean < p.done) {
		snprintf(text, sizeof(text),
		    "%s is empty, but %u verdicts are not clean; see: zmferry moves "
		    "--failed",
		    job->node, p.done - p.clean);
		job_event(all, job, JOB_EV_LEFT, text);
	} else {
		snprintf(text, sizeof(text),
		    "%s is empty: the directory names nobody on it; old copies are kept",
		    job->node);
		job_event(all, job,
		    job_kind(job) == PLAN_REMOVE ? JOB_EV_EMPTY : JOB_EV_CLEAN, text);
	}
}

enum plan_kind
job_kind(const struct job *job)
{
	enum plan_kind kind = PLAN_EVACUATE;

	(void)plan_kind_parse(job->kind, &kind); /* the journal has only these */
	return kind;
}

bool
job_fills(const struct job *job)
{
	return !plan_kinds[job_kind(job)].empties;
}

/* Nobody new can have come: what the plan named has arrived, or it has not. */
void
job_take_arrival(struct jobs *all, struct job *job)
{
	const char *where =
	    job->node[0] == '\0' ? "the nodes chosen for them" : job->node;
	struct job_progress p;
	char text[LIMIT_TEXT];

	jobs_progress(all, job->number, &p);
	if (p.set_aside > 0)
		snprintf(text, sizeof(text),
		    "%u of %u mailboxes did not get to %.150s; see: zmferry moves "
		    "--failed",
		    p.set_aside, p.total, where);
	else if (p.clean < p.done)
		snprintf(text, sizeof(text),
		    "all are on %.150s, but %u verdicts are not clean; see: zmferry "
		    "moves --failed",
		    where, p.done - p.clean);
	else
		snprintf(text, sizeof(text), "%u mailboxes are on %.200s", p.done, where);
	job_event(all, job,
	    p.set_aside > 0 || p.clean < p.done ? JOB_EV_LEFT : JOB_EV_CLEAN, text);
}

void
jobs_on_survey(
    void *owner, uint32_t job_number, const struct plan *plan, const struct err *why)
{
	struct jobs *all = owner;
	struct job *job = jobs_at(all, job_number);
	uint32_t added = 0;
	uint32_t before;
	struct err e;

	if (job == NULL || job->state != JOB_GATE) {
		all->gate_asked = false;
		return;
	}
	if (plan == NULL) {
		snprintf(job->reason, sizeof(job->reason),
		    "the gate could not be asked, trying again: %.300s", why->text);
		all->world->after(all->world->ctx, GATE_AGAIN_MS, jobs_on_gate_again, all,
		    job_number, 0);
		return;
	}
	all->gate_asked = false;
	if (!journal_batch_begin(all->journal, &e)) {
		log_error(NULL, "job %s: %s", job->id, e.text);
		return;
	}
	before = moves_next_number(all->moves);
	if (!journal_batch_end(
		all->journal, job_add_moves(all, job, plan, &added, &e), &e)) {
		moves_drop_from(all->moves, before);
		log_error(NULL, "job %s: %s", job->id, e.text);
		return;
	}
	job_take_gate(all, job, plan, added);
	jobs_wake_soon(all);
}
