/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the moves for each job that is shown. The course of a job over time comes
 * from the moves themselves: when each was settled, and how much it carried.
 */
#include "controller/api/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/approvals.h"
#include "controller/api/gate.h"
#include "controller/api/view.h"
#include "controller/json_values.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/version.h"

#define POINTS 60 /* of the line of progress */
#define ENDED_SHOWN 5
#define TARGETS_MAX 128

/* --- the course of a job --- */

struct course_target {
	char node[WORLD_NAME];
	uint64_t bytes_planned, bytes_done;
	uint64_t moves_planned, moves_done;
};

struct course {
	uint32_t job_number;
	int64_t from_ms, to_ms;
	uint64_t bytes[POINTS + 1];
	struct course_target *targets;
	size_t target_count;
};

static struct course_target *
course_target(struct course *k, const char *node)
{
	for (size_t i = 0; i < k->target_count; i++) {
		if (strcmp(k->targets[i].node, node) == 0)
			return &k->targets[i];
	}
	if (k->target_count == TARGETS_MAX)
		return NULL;
	k->targets = xrealloc_array(k->targets, k->target_count + 1, sizeof(*k->targets));
	memset(&k->targets[k->target_count], 0, sizeof(*k->targets));
	snprintf(k->targets[k->target_count].node, WORLD_NAME, "%s", node);
	return &k->targets[k->target_count++];
}

static void
course_on_move(struct move *m, void *ctx)
{
	struct course *k = ctx;
	struct course_target *target;
	int64_t at;

	if (m->job_number != k->job_number || m->state == MOVE_ABANDONED)
		return;
	target = course_target(k, m->target);
	if (target != NULL) {
		target->bytes_planned += m->bytes;
		target->moves_planned++;
	}
	if ((move_states[m->state].holds & ARRIVED) == 0)
		return;
	if (target != NULL) {
		target->bytes_done += m->bytes;
		target->moves_done++;
	}
	at = m->since_ms < k->from_ms
		 ? 0
		 : (m->since_ms - k->from_ms) * POINTS / (k->to_ms - k->from_ms);
	k->bytes[at >= POINTS ? POINTS : at + 1] += m->bytes;
}

/* Adds "targets" and "progress" to a job's row. */
static void
course_add(struct controller *c, const struct job *job, json_t *row)
{
	struct course k = {.job_number = job->number, .from_ms = job->created_ms};
	json_t *points = json_array();
	json_t *targets = json_array();
	uint64_t sum = 0;

	k.to_ms = job->ended_ms != 0 ? job->ended_ms : clock_wall_ms();
	if (k.to_ms <= k.from_ms)
		k.to_ms = k.from_ms + 1;
	moves_each(jobs_moves(c->jobs), course_on_move, &k);
	for (size_t i = 0; i <= POINTS; i++) {
		sum += k.bytes[i];
		json_array_append_new(points, json_integer((json_int_t)sum));
	}
	for (size_t i = 0; i < k.target_count; i++) {
		const struct course_target *t = &k.targets[i];

		json_array_append_new(
		    targets, json_pack("{sssIsIsIsI}", "node", t->node, "bytes_planned",
				 (json_int_t)t->bytes_planned, "bytes_done",
				 (json_int_t)t->bytes_done, "moves_planned",
				 (json_int_t)t->moves_planned, "moves_done",
				 (json_int_t)t->moves_done));
	}
	free(k.targets);
	json_object_set_new(row, "targets", targets);
	json_object_set_new(row, "progress", json_pack("{so}", "bytes", points));
}

/* --- the overview --- */

struct job_pick {
	struct controller *c;
	json_t *running;
	json_t *ended; /* newest first */
};

static void
pick_on_job(const struct job *job, void *ctx)
{
	struct job_pick *pick = ctx;
	json_t *list = job_states[job->state].is_end ? pick->ended : pick->running;

	json_array_insert_new(list, 0, json_integer((json_int_t)job->number));
}

static json_t *
overview_jobs(struct controller *c)
{
	struct job_pick pick = {c, json_array(), json_array()};
	json_t *rows = json_array();
	json_t *number;
	size_t i;

	jobs_each(c->jobs, pick_on_job, &pick);
	for (i = 0; i < json_array_size(pick.ended) && i < ENDED_SHOWN; i++)
		json_array_append(pick.running, json_array_get(pick.ended, i));
	json_array_foreach(pick.running, i, number)
	{
		const struct job *job =
		    jobs_find(c->jobs, (uint32_t)json_integer_value(number));
		json_t *row = view_job(c, job);

		course_add(c, job, row);
		json_array_append_new(rows, row);
	}
	json_decref(pick.running);
	json_decref(pick.ended);
	return rows;
}

/* Counts of a node: what is on its way from and to it, and the old copies that stay there. */
static void
traffic_count(json_t *counts, const char *what, const char *node)
{
	char key[WORLD_NAME + 16];

	snprintf(key, sizeof(key), "%s %s", what, node);
	json_object_set_new(counts, key,
	    json_integer(json_integer_value(json_object_get(counts, key)) + 1));
}

static void
traffic_on_move(struct move *m, void *ctx)
{
	if (m->state == MOVE_SETTLED && !m->data.no_mailbox)
		traffic_count(ctx, "old_copies", m->source);
	if ((move_states[m->state].holds & MOVE_END) != 0 || m->state == MOVE_STUCK ||
	    (m->state == MOVE_PLANNED && !m->started))
		return;
	traffic_count(ctx, "moves_out", m->source);
	traffic_count(ctx, "moves_in", m->target);
}

static json_t *
overview_nodes(struct controller *c)
{
	static const char *const whats[] = {"moves_out", "moves_in", "old_copies"};
	json_t *counts = json_object();
	json_t *answer = view_nodes(c);
	json_t *rows = json_incref(json_object_get(answer, "nodes"));
	json_t *row;
	size_t i;

	moves_each(jobs_moves(c->jobs), traffic_on_move, counts);
	json_array_foreach(rows, i, row)
	{
		const char *name = json_string_value(json_object_get(row, "name"));

		for (size_t n = 0; n < ARRAY_LEN(whats); n++) {
			char key[WORLD_NAME + 16];

			snprintf(key, sizeof(key), "%s %s", whats[n], name);
			json_object_set_new(row, whats[n],
			    json_integer(
				json_integer_value(json_object_get(counts, key))));
		}
	}
	json_decref(counts);
	json_decref(answer);
	return rows;
}

json_t *
view_overview(struct controller *c)
{
	char started[40];
	json_t *controller;

	clock_format(clock_wall_ms() - (int64_t)(clock_mono_ms() - c->started_ms),
	    started, sizeof(started));
	started[16] = '\0'; /* to the minute: it must not change from answer to answer */
	controller = json_pack("{sssssIsssbsbsbso}", "version", ZMFERRY_VERSION, "id",
	    journal_controller_id(c->journal), "epoch",
	    (json_int_t)journal_epoch(c->journal), "started", started, "read_only",
	    journal_is_read_only(c->journal), "four_eyes", c->conf->api_four_eyes,
	    "add_nodes", c->conf->api_add_nodes, "platform",
	    json_text(c->conf->platform));
	return json_pack("{sososososo}", "controller", controller, "nodes",
	    overview_nodes(c), "jobs", overview_jobs(c), "alerts", alerts_view(c->alerts),
	    "approvals", approvals_view(gate_approvals(c->gate), clock_wall_ms()));
}

/* --- metrics --- */

struct tally {
	struct buf text;
	uint64_t nodes[3]; /* ok, sick, away */
	uint64_t moves[MOVE_STATE_COUNT];
	uint64_t jobs[JOB_STATE_COUNT];
};

/* A label's value: names from outside must not end it. */
static void
metric_label(struct buf *out, const char *value)
{
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
			continue;
		if (!buf_add(out, p, 1))
			return;
	}
}

static void
metric_of_node(struct tally *t, const char *metric, const char *node, uint64_t value)
{
	if (!buf_printf(&t->text, "zmferry_node_%s{node=\"", metric))
		return;
	metric_label(&t->text, node);
	if (!buf_printf(&t->text, "\"} %" PRIu64 "\n", value))
		return;
}

static void
tally_on_node(const struct fleet_node *n, void *ctx)
{
	struct tally *t = ctx;

	t->nodes[!n->connected ? 2 : !n->healthy ? 1 : 0]++;
	metric_of_node(t, "connected", n->name, n->connected);
	metric_of_node(t, "healthy", n->name, n->connected && n->healthy);
	metric_of_node(t, "mailboxes", n->name, n->mailbox_count);
	metric_of_node(t, "mailbox_bytes", n->name, n->mailbox_bytes);
	metric_of_node(t, "disk_total_bytes", n->name, n->spool_total_bytes);
	metric_of_node(t, "disk_free_bytes", n->name, n->spool_free_bytes);
}

static void
tally_on_move(struct move *m, void *ctx)
{
	((struct tally *)ctx)->moves[m->state]++;
}

static void
tally_on_job(const struct job *job, void *ctx)
{
	((struct tally *)ctx)->jobs[job->state]++;
}

char *
view_metrics(struct controller *c)
{
	struct tally t = {0};
	uint64_t alerts[ALERT_SEVERITY_COUNT];
	uint64_t answered;
	uint64_t refused;
	bool ok = true;
	char *text;

	buf_init(&t.text, 4 * 1024 * 1024);
	fleet_each(c->fleet, tally_on_node, &t);
	moves_each(jobs_moves(c->jobs), tally_on_move, &t);
	jobs_each(c->jobs, tally_on_job, &t);
	gate_counts(c->gate, &answered, &refused);
	alerts_count(c->alerts, alerts);
	for (int s = 0; s < MOVE_STATE_COUNT; s++)
		ok =
		    ok && buf_printf(&t.text, "zmferry_moves{state=\"%s\"} %" PRIu64 "\n",
			      move_states[s].name, t.moves[s]);
	for (int s = 0; s < JOB_STATE_COUNT; s++)
		ok = ok && buf_printf(&t.text, "zmferry_jobs{state=\"%s\"} %" PRIu64 "\n",
			       job_states[s].name, t.jobs[s]);
	for (int s = 0; s < ALERT_SEVERITY_COUNT; s++)
		ok = ok &&
		     buf_printf(&t.text, "zmferry_alerts{severity=\"%s\"} %" PRIu64 "\n",
			 alert_severity_name((enum alert_severity)s), alerts[s]);
	ok = ok && buf_printf(&t.text,
		       "zmferry_nodes{state=\"ok\"} %" PRIu64
		       "\nzmferry_nodes{state=\"sick\"} %" PRIu64
		       "\nzmferry_nodes{state=\"away\"} %" PRIu64 "\n"
		       "zmferry_read_only %d\nzmferry_epoch %" PRIu64
		       "\nzmferry_uptime_seconds %.1f\n"
		       "zmferry_api_sessions %zu\nzmferry_api_answers_total %" PRIu64
		       "\nzmferry_api_refused_at_the_gate_total %" PRIu64 "\n",
		       t.nodes[0], t.nodes[1], t.nodes[2],
		       journal_is_read_only(c->journal), journal_epoch(c->journal),
		       (double)(clock_mono_ms() - c->started_ms) / 1000.0,
		       sessions_count(gate_sessions(c->gate)), answered, refused);
	(void)ok; /* above 4 MiB the rest is left out */
	text = xstrdup(buf_str(&t.text));
	buf_fini(&t.text);
	return text;
}
