/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a plan becomes a job and its moves; moves start while lanes are
 * free; when all have ended the gate asks the directory once more and the job is done.
 * What can go wrong: a move fails (three attempts, then it is set aside), accounts are
 * made on the node meanwhile (they are added), the controller dies (jobs_recover).
 */
#include "controller/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/job_private.h"
#include "controller/journal.h"
#include "controller/plan.h"
#include "proto/base/buf.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define TRIES 3
#define RETRY_AFTER_MS 3000
#define STARTS_AT_ONCE 4

struct job *
jobs_at(struct jobs *all, uint32_t number)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->rows[i]->number == number)
			return all->rows[i];
	}
	return NULL;
}

const struct job *
jobs_find(struct jobs *all, uint32_t number)
{
	return jobs_at(all, number);
}

void
jobs_each(struct jobs *all, jobs_each_fn fn, void *ctx)
{
	for (size_t i = 0; i < all->count; i++)
		fn(all->rows[i], ctx);
}

struct moves *
jobs_moves(struct jobs *all)
{
	return all->moves;
}

static void
jobs_keep(struct jobs *all, const struct job *row)
{
	all->rows = xrealloc_array(all->rows, all->count + 1, sizeof(struct job *));
	all->rows[all->count] = XNEW(struct job);
	*all->rows[all->count++] = *row;
}

/* The only function that changes a job's state: journal first, then memory. */
static bool
job_apply(struct jobs *all, struct job *job, enum job_event ev, const char *reason,
    struct err *e)
{
	const struct job_edge *edge = job_edge_find(job->state, ev);
	struct job before = *job;

	if (edge == NULL)
		return err_set(e, ERR_REFUSED, "job %s is %s: there is nothing to %s",
		    job->id, job_states[job->state].name, job_event_name(ev));
	job->state = edge->to;
	snprintf(job->reason, sizeof(job->reason), "%s",
	    reason[0] == '\0' ? edge->why : reason);
	job->ended_ms =
	    job_states[edge->to].is_end ? all->world->wall_ms(all->world->ctx) : 0;
	if (!journal_job_save(all->journal, job, e)) {
		*job = before;
		return err_wrap(e, "job %s", job->id);
	}
	log_info(NULL, "job=%s node=%s %s -> %s: %s", job->id, job->node,
	    job_states[edge->from].name, job_states[edge->to].name, job->reason);
	journal_event(all->journal, "info", job->id, job->reason);
	job->step_no++;
	job->attempts = 0;
	job->asked = false;
	if (job_states[job->state].waits)
		job_tell_waits(all, job);
	else
		alert_clear(all->host.alerts, job->id);
	return true;
}

/* Nothing goes on before a person did something. */
void
job_tell_waits(struct jobs *all, const struct job *job)
{
	alert_raise(all->host.alerts, ALERT_JOB_WAITS, job->id,
	    ALERT_FACTS("job", job->id, "kind", job->kind, "node", job->node, "why",
		job->reason));
}

void
job_event(struct jobs *all, struct job *job, enum job_event ev, const char *reason)
{
	struct err e;

	if (!job_apply(all, job, ev, reason, &e))
		log_error(NULL, "%s", e.text); /* looked at again with the next poke */
}

static void
jobs_on_wake(void *owner, uint32_t number, uint32_t step_no)
{
	(void)number;
	(void)step_no;
	jobs_poke(owner);
}

/* Later, not from inside: the caller is in the middle of its own step. */
void
jobs_wake_soon(struct jobs *all)
{
	all->world->after(all->world->ctx, 0, jobs_on_wake, all, 0, 0);
}

static void
jobs_give_turn(void *ctx, const struct move *m)
{
	(void)m;
	jobs_wake_soon(ctx);
}

/* --- what moves report --- */

/* Cancelled and deleted ones stay; anything else is tried again a little later, three times in all. */
static bool
move_deserves_retry(const struct move *m)
{
	return m->state == MOVE_ABANDONED && m->tries + 1 < TRIES && !m->data.cancelled &&
	       !m->data.gone;
}

static void
jobs_on_retry(void *owner, uint32_t number, uint32_t step_no)
{
	struct jobs *all = owner;
	struct move *m = moves_find(all->moves, number);
	const struct job *job = m == NULL ? NULL : jobs_at(all, m->job_number);
	struct err e;

	/* A job that stands takes it up when it goes on. */
	if (job == NULL || m->step_no != step_no || !move_deserves_retry(m) ||
	    !job_states[job->state].starts_moves)
		return;
	if (!moves_retry(all->moves, number, &e)) {
		log_warn(NULL, "%s; trying again", e.text);
		all->world->after(
		    all->world->ctx, RETRY_AFTER_MS, jobs_on_retry, all, number, step_no);
	}
}

struct job_later {
	struct jobs *all;
	const struct move *move;
};

/* A later move took the account away: what an earlier one said of it is over. */
static void
calm_on_move(struct move *m, void *ctx)
{
	const struct job_later *later = ctx;

	if (m->state == MOVE_ABANDONED && m != later->move &&
	    strcmp(m->account_id, later->move->account_id) == 0)
		alert_clear(later->all->host.alerts, m->id);
}

static void
jobs_move_changed(void *ctx, const struct move *m, enum move_state before)
{
	struct jobs *all = ctx;

	if (m->state == MOVE_SETTLED && before == MOVE_PURGING)
		move_alert(all->host.alerts, m);
	if (m->state == MOVE_DONE)
		alert_clear(all->host.alerts, m->id);
	if (m->state == MOVE_SETTLED)
		moves_each(all->moves, calm_on_move, &(struct job_later){all, m});
	if (move_deserves_retry(m))
		all->world->after(all->world->ctx, RETRY_AFTER_MS, jobs_on_retry, all,
		    m->number, m->step_no);
	else if (m->state == MOVE_ABANDONED && !m->data.cancelled)
		move_alert(all->host.alerts, m);
	jobs_wake_soon(all);
}

/* --- looking for something to do --- */

struct job_look {
	struct jobs *all;
	struct job *job;
	uint32_t unfinished;
	bool source_full;
	const char *full_targets[FULL_TARGETS];
	size_t full_count;
	uint32_t copies; /* moves that wait until an old copy is deleted */
};

static bool
look_is_full(const struct job_look *look, const struct move *m)
{
	if (journal_is_short(look->all->journal) || look->source_full ||
	    look->all->starting >= STARTS_AT_ONCE || look->copies >= STARTS_AT_ONCE)
		return true;
	for (size_t i = 0; i < look->full_count; i++) {
		if (strcmp(look->full_targets[i], m->target) == 0)
			return true;
	}
	return false;
}

static void
look_start(struct job_look *look, struct move *m)
{
	struct jobs *all = look->all;
	bool target_full;

	if (look_is_full(look, m))
		return;
	if (job_copy_is_in_the_way(all, m)) {
		look->copies++;
		return;
	}
	lane_look(all, m, &look->source_full, &target_full);
	if (target_full && look->full_count < FULL_TARGETS)
		look->full_targets[look->full_count++] = m->target;
	if (!target_full && !look->source_full) {
		all->starting++;
		moves_start(all->moves, m->number);
	}
}

static void
look_on_move(struct move *m, void *ctx)
{
	struct job_look *look = ctx;
	bool starts = job_states[look->job->state].starts_moves;
	bool ended = (move_states[m->state].holds & (MOVE_END | ARRIVED)) != 0 ||
		     m->state == MOVE_STUCK;

	if (m->job_number != look->job->number)
		return;
	if (!ended || (move_deserves_retry(m) && starts))
		look->unfinished++;
	if (m->state == MOVE_PLANNED && !m->started && starts)
		look_start(look, m);
}

/* A cancelled job's moves go back as long as they can; after a restart too. */
static void
cancel_on_move(struct move *m, void *ctx)
{
	struct job_look *look = ctx;
	struct err e;

	if (m->job_number == look->job->number &&
	    (move_states[m->state].holds & MAY_CANCEL) != 0 &&
	    !moves_cancel(look->all->moves, m->number, &e))
		log_warn(NULL, "%s", e.text); /* looked at again with the next poke */
}

/* One job moves mail at a time; one that waits for a node or for a person is in nobody's way. */
const struct job *
jobs_turn_of(const struct jobs *all, const struct job *asks)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct job *job = all->rows[i];
		bool before = asks == NULL || job->number < asks->number;

		if (job != asks && (job_states[job->state].holds_turn ||
				       (job->state == JOB_QUEUED && before)))
			return job;
	}
	return NULL;
}

/* What it found when it was asked for is old: it is planned anew. */
static void
job_begin_turn(struct jobs *all, struct job *job)
{
	job_event(all, job, JOB_EV_TURN, "");
	if (job->state != JOB_PLANNING)
		return;
	all->host.begun(all->host.ctx, job);
	if (job_kind(job) == PLAN_ADD)
		job_event(all, job, JOB_EV_OK, "");
}

void
job_survey(struct jobs *all, struct job *job, enum plan_kind kind, const char *node,
    const char *to,
    void (*done)(
	void *owner, uint32_t job_number, const struct plan *plan, const struct err *e))
{
	struct plan_request rq = {.kind = kind};
	char *names = xstrdup(kind == PLAN_MOVE ? job->accounts : "");
	char *rest = names;

	snprintf(rq.node, sizeof(rq.node), "%s", node);
	snprintf(rq.to, sizeof(rq.to), "%s", to);
	rq.destroy_volumes = job->destroy_volumes;
	for (char *name; (name = strsep(&rest, ",")) != NULL;) {
		if (name[0] != '\0')
			plan_request_add(&rq, name);
	}
	all->host.survey(all->host.ctx, &rq, done, all, job->number);
	plan_request_fini(&rq);
	free(names);
}

void
jobs_poke(struct jobs *all)
{
	if (all->stopping || journal_is_read_only(all->journal))
		return;
	all->starting = 0;
	for (size_t i = 0; i < all->count; i++) {
		struct job *job = all->rows[i];
		struct job_look look = {.all = all, .job = job};

		if (job_states[job->state].is_end)
			continue;
		if (job->state == JOB_QUEUED && jobs_turn_of(all, job) == NULL)
			job_begin_turn(all, job);
		if (job->state == JOB_CANCELLING)
			moves_each(all->moves, cancel_on_move, &look);
		moves_each(all->moves, look_on_move, &look);
		if (look.unfinished == 0 &&
		    (job->state == JOB_MOVING || job->state == JOB_CANCELLING))
			job_event(all, job, JOB_EV_ALL_ENDED, "");
		job_node_look(all, job);
		if (job->state == JOB_GATE && job_fills(job)) {
			job_take_arrival(all, job);
		} else if (job->state == JOB_GATE && !all->gate_asked) {
			all->gate_asked = true;
			job_survey(
			    all, job, PLAN_EVACUATE, job->node, job->to, jobs_on_survey);
		}
	}
	jobs_wake_moves(all);
}

/* --- people's wishes --- */

static bool
jobs_check_free(struct jobs *all, const char *node, struct err *e)
{
	const struct job *job = jobs_turn_of(all, NULL);

	return job == NULL ||
	       err_set(e, ERR_REFUSED,
		   "%s%s%sjob %s (%s%s%s) is not over; one job moves mail at a time: "
		   "zmferry job wait %s",
		   node[0] == '\0' ? "" : "node ", node, node[0] == '\0' ? "" : ": ",
		   job->id, job->kind, job->node[0] == '\0' ? "" : " ", job->node,
		   job->id);
}

/* Twice the same would be a mistake, not a queue. */
static bool
jobs_check_new(struct jobs *all, const struct plan *plan, struct err *e)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct job *job = all->rows[i];

		if (!job_states[job->state].is_end && plan->kind != PLAN_MOVE &&
		    strcmp(job->kind, plan_kinds[plan->kind].name) == 0 &&
		    strcasecmp(job->node, plan->node) == 0)
			return err_set(e, ERR_REFUSED,
			    "%s%s%sjob %s is just that, and is not over: zmferry job "
			    "show %s",
			    plan->node[0] == '\0' ? "" : "node ", plan->node,
			    plan->node[0] == '\0' ? "" : ": ", job->id, job->id);
	}
	return true;
}

/* "anna@example.org,bert@example.org" */
static char *
plan_account_names(const struct plan *plan)
{
	struct buf b;
	char *text;

	buf_init(&b, 0);
	for (size_t i = 0; i < plan->account_count; i++) {
		if (!buf_add_str(&b, i == 0 ? "" : ",") ||
		    !buf_add_str(&b, plan->accounts[i].name))
			break;
	}
	text = xstrdup(buf_str(&b));
	buf_fini(&b);
	return text;
}

bool
jobs_create(struct jobs *all, const struct plan *plan, const char *who,
    uint32_t *number_out, struct err *e)
{
	bool queued = jobs_turn_of(all, NULL) != NULL;
	bool later = queued || plan->kind == PLAN_ADD; /* its moves are planned then */
	struct job job = {.state = queued  ? JOB_QUEUED
				   : later ? JOB_PROVISIONING
					   : JOB_MOVING,
	    .destroy_volumes = plan->destroy_volumes};
	uint32_t before = moves_next_number(all->moves);
	uint32_t added = 0;

	if (journal_is_short(all->journal))
		return err_set(e, ERR_FULL, "nothing begins now: " JOURNAL_SHORT);
	if (!jobs_check_new(all, plan, e))
		return false;
	job.number = all->count == 0 ? 1 : all->rows[all->count - 1]->number + 1;
	snprintf(job.id, sizeof(job.id), "j%u", job.number);
	snprintf(job.kind, sizeof(job.kind), "%s", plan_kinds[plan->kind].name);
	snprintf(job.node, sizeof(job.node), "%s", plan->node);
	snprintf(job.to, sizeof(job.to), "%s", plan->to);
	snprintf(job.who, sizeof(job.who), "%s", who);
	snprintf(job.cutover, sizeof(job.cutover), "%s", plan->cutover);
	job.created_ms = all->world->wall_ms(all->world->ctx);
	job.accounts = plan->kind == PLAN_MOVE ? plan_account_names(plan) : NULL;
	/* All or nothing, and one commit however many moves there are. */
	if (!journal_batch_begin(all->journal, e)) {
		free(job.accounts);
		return false;
	}
	if (!journal_batch_end(all->journal,
		journal_job_save(all->journal, &job, e) &&
		    (later || job_add_moves(all, &job, plan, &added, e)),
		e)) {
		moves_drop_from(all->moves, before);
		free(job.accounts);
		return err_wrap(e, "job %s", job.id);
	}
	jobs_keep(all, &job);
	*number_out = job.number;

	log_info(NULL, "job=%s node=%s %s %s by %s: %u mailboxes", job.id, job.node,
	    job.kind, queued ? "queued" : "started", who, added);
	journal_event(all->journal, "info", job.id, queued ? "queued" : "started");
	if (!queued)
		all->host.begun(all->host.ctx, jobs_at(all, job.number));
	jobs_wake_soon(all);
	return true;
}

/* What failed, is stuck or was not clean is tried again, with fresh attempts. */
static void
retry_on_move(struct move *m, void *ctx)
{
	struct job_look *look = ctx;
	uint32_t tries = m->tries;
	struct err e;

	if (m->job_number != look->job->number || m->data.gone ||
	    (m->state != MOVE_STUCK && m->state != MOVE_ABANDONED &&
		!(m->state == MOVE_SETTLED && strcmp(m->data.verdict, "clean") != 0 &&
		    !m->data.no_mailbox)))
		return;
	m->tries = 0;
	if (!moves_retry(look->all->moves, m->number, &e)) {
		m->tries = tries;
		log_warn(NULL, "%s", e.text);
	}
}

/* What failed while the job stood is taken up again when it goes on, or at a start. */
static void
resume_on_move(struct move *m, void *ctx)
{
	struct jobs *all = ctx;

	if (move_deserves_retry(m))
		all->world->after(all->world->ctx, RETRY_AFTER_MS, jobs_on_retry, all,
		    m->number, m->step_no);
}

bool
jobs_change(struct jobs *all, uint32_t number, enum job_event ev, struct err *e)
{
	struct job *job = jobs_at(all, number);
	struct job_look look = {.all = all, .job = job};
	bool done = false;

	if (job == NULL)
		return err_set(e, ERR_REFUSED,
		    "job j%u: there is no such job; see: zmferry jobs", number);
	if (ev == JOB_EV_RETRY && job_states[job->state].is_end &&
	    !jobs_check_free(all, job->node, e))
		return false;
	if (ev == JOB_EV_CONTINUE && !job_cut_over(all, job, &done, e))
		return false;
	if (done) {
		jobs_wake_soon(all);
		return true;
	}
	if (ev == JOB_EV_CONTINUE && !job_node_continue(all, job, e))
		return false;
	if (!job_apply(all, job, ev, "", e))
		return false;
	if (ev == JOB_EV_RETRY)
		moves_each(all->moves, retry_on_move, &look);
	else if (ev == JOB_EV_RESUME)
		moves_each(all->moves, resume_on_move, all);
	else if (job->state == JOB_CANCELLING)
		moves_each(all->moves, cancel_on_move, &look);
	jobs_wake_soon(all);
	return true;
}

/* --- life --- */

struct jobs *
jobs_new(struct journal *journal, const struct world *world,
    const struct jobs_limits *limits, const struct jobs_host *host)
{
	struct jobs *all = XNEW(struct jobs);
	struct moves_host moves_host = {
	    .ctx = all,
	    .take_turn = jobs_take_turn,
	    .take_contact_lane = jobs_take_contact_lane,
	    .give_turn = jobs_give_turn,
	    .changed = jobs_move_changed,
	    .alerts = host->alerts,
	    .own_admin_id = host->own_admin_id,
	    .seeding = host->seeding,
	    .limits = limits->moves,
	};

	all->journal = journal;
	all->world = world;
	all->limits = *limits;
	all->host = *host;
	all->moves = moves_new(journal, world, &moves_host);
	all->lane_limits = lane_limits_new();
	all->presence =
	    presence_new(&(struct presence_host){host->ctx, host->ask_sessions},
		(uint64_t)world->wall_ms(world->ctx));
	return all;
}

void
jobs_free(struct jobs **all)
{
	if (*all == NULL)
		return;
	moves_free(&(*all)->moves);
	presence_free(&(*all)->presence);
	lane_limits_free(&(*all)->lane_limits);
	for (size_t i = 0; i < (*all)->count; i++) {
		free((*all)->rows[i]->accounts);
		free((*all)->rows[i]);
	}
	free((*all)->rows);
	xfree(all);
}

void
jobs_stop(struct jobs *all)
{
	all->stopping = true;
	moves_stop(all->moves);
}

static bool
jobs_on_row(const struct job *row, void *ctx)
{
	jobs_keep(ctx, row);
	return true;
}

bool
jobs_load(struct jobs *all, struct err *e)
{
	return journal_jobs_load(all->journal, jobs_on_row, all, e) &&
	       moves_load(all->moves, e);
}

void
jobs_recover(struct jobs *all)
{
	moves_recover(all->moves);
	moves_each(
	    all->moves, resume_on_move, all); /* a next attempt may have been due */
	jobs_wake_soon(all);
}
