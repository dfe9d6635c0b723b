/* SPDX-License-Identifier: Apache-2.0 */
/* Facts as JSON; names that are not UTF-8 become "?" instead of breaking the answer. */
#include "controller/api/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cordon.h"
#include "controller/json_values.h"
#include "controller/seeding_live.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/version.h"

/* --- nodes --- */

struct node_list {
	struct controller *c;
	json_t *rows;
	struct cordons cordons;
};

static void
on_node(const struct fleet_node *n, void *ctx)
{
	struct node_list *list = ctx;
	uint64_t used = n->spool_total_bytes - n->spool_free_bytes + n->reserved_bytes;
	uint64_t limit = n->spool_total_bytes / 100 * list->c->conf->fill_limit;
	const char *state = !n->connected			? "away"
			    : !n->healthy && n->note[0] != '\0' ? "sick"
								: "ok";
	json_t *row = json_object();

	json_object_set_new(row, "name", json_text(n->name));
	json_object_set_new(row, "state", json_text(state));
	json_object_set_new(row, "connected", json_boolean(n->connected));
	json_object_set_new(row, "inventory", json_boolean(n->has_inventory));
	json_object_set_new(row, "address", json_text(n->address));
	json_object_set_new(row, "version", json_text(n->version));
	json_object_set_new(row, "zimbra_version", json_text(n->zimbra_version));
	json_object_set_new(row, "mailboxes", json_uint(n->mailbox_count));
	json_object_set_new(row, "old_copies", json_uint(0));
	json_object_set_new(
	    row, "cordoned", json_boolean(cordons_has(&list->cordons, n->name)));
	json_object_set_new(row, "bytes", json_uint(n->mailbox_bytes));
	json_object_set_new(
	    row, "room_bytes", json_uint(used < limit ? limit - used : 0));
	json_object_set_new(row, "disk_total_bytes", json_uint(n->spool_total_bytes));
	json_object_set_new(row, "disk_free_bytes", json_uint(n->spool_free_bytes));
	json_object_set_new(row, "heard", json_time(n->heard_ms));
	json_object_set_new(row, "note", json_text(n->note));
	json_array_append_new(list->rows, row);
}

static int
compare_rows(const void *a, const void *b)
{
	return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "name")),
	    json_string_value(json_object_get(*(json_t *const *)b, "name")));
}

/* --- old copies: what a clean move left behind on its source --- */

struct copies {
	const struct move **moves; /* settled, with a mailbox */
	size_t count;
};

static void
copies_on_move(struct move *m, void *ctx)
{
	struct copies *all = ctx;

	if (m->state != MOVE_SETTLED || m->data.no_mailbox)
		return;
	if ((all->count & (all->count - 1)) == 0)
		all->moves = xrealloc_array(all->moves,
		    all->count == 0 ? 1 : all->count * 2, sizeof(*all->moves));
	all->moves[all->count++] = m;
}

/* By account, then in the order of the moves: the last says where the account lives. */
static int
compare_copies(const void *left, const void *right)
{
	const struct move *a = *(const struct move *const *)left;
	const struct move *b = *(const struct move *const *)right;
	int accounts = strcmp(a->account_id, b->account_id);

	return accounts != 0 ? accounts
			     : (a->number > b->number) - (a->number < b->number);
}

static void
copies_count(struct controller *c, const struct move *m, json_t *rows)
{
	const struct fleet_node *n = fleet_find(c->fleet, m->source);
	size_t i;
	json_t *row;

	if (n == NULL || fleet_mailbox(n, m->account_id) == NULL)
		return;
	json_array_foreach(rows, i, row)
	{
		json_t *count = json_object_get(row, "old_copies");

		if (strcmp(json_string_value(json_object_get(row, "name")), n->name) == 0)
			json_integer_set(count, json_integer_value(count) + 1);
	}
}

static void
nodes_old_copies(struct controller *c, json_t *rows)
{
	struct copies all = {0};
	size_t home = 0; /* the last move of the account at i */

	if (c->jobs != NULL)
		moves_each(jobs_moves(c->jobs), copies_on_move, &all);
	if (all.count > 0)
		qsort(all.moves, all.count, sizeof(*all.moves), compare_copies);
	for (size_t i = 0; i < all.count; i++) {
		if (i >= home) {
			for (home = i + 1;
			     home < all.count && strcmp(all.moves[home]->account_id,
						     all.moves[i]->account_id) == 0;)
				home++;
		}
		if (strcmp(all.moves[home - 1]->target, all.moves[i]->source) != 0)
			copies_count(c, all.moves[i], rows);
	}
	free(all.moves);
}

static json_t *
nodes_array(struct controller *c)
{
	struct node_list list = {.c = c, .rows = json_array()};
	json_t *sorted = json_array();
	size_t count;
	json_t **rows;
	struct err e;

	if (!journal_cordons_load(c->journal, &list.cordons, &e))
		log_error(NULL, "%s", e.text);
	fleet_each(c->fleet, on_node, &list);
	cordons_fini(&list.cordons);
	nodes_old_copies(c, list.rows);
	count = json_array_size(list.rows);
	rows = calloc(count + 1, sizeof(*rows));
	for (size_t i = 0; rows != NULL && i < count; i++)
		rows[i] = json_array_get(list.rows, i);
	if (rows != NULL)
		qsort(rows, count, sizeof(*rows), compare_rows);
	for (size_t i = 0; rows != NULL && i < count; i++)
		json_array_append(sorted, rows[i]);
	free(rows);
	json_decref(list.rows);
	return sorted;
}

json_t *
view_nodes(struct controller *c)
{
	return json_pack("{so}", "nodes", nodes_array(c));
}

/* --- jobs and moves --- */

json_t *
view_job(struct controller *c, const struct job *job)
{
	struct job_progress p;
	json_t *row = json_object();

	jobs_progress(c->jobs, job->number, &p);
	json_object_set_new(row, "id", json_text(job->id));
	json_object_set_new(row, "kind", json_text(job->kind));
	json_object_set_new(row, "node", json_text(job->node));
	json_object_set_new(row, "who", json_text(job->who));
	json_object_set_new(row, "state", json_text(job_states[job->state].name));
	json_object_set_new(row, "created", json_time(job->created_ms));
	json_object_set_new(row, "ended", json_time(job->ended_ms));
	json_object_set_new(row, "reason", json_text(job->reason));
	json_object_set_new(row, "cutover", json_text(job->cutover));
	json_object_set_new(row, "moves_total", json_uint(p.total));
	json_object_set_new(row, "moves_done", json_uint(p.done));
	json_object_set_new(row, "moves_clean", json_uint(p.clean));
	json_object_set_new(row, "moves_set_aside", json_uint(p.set_aside));
	json_object_set_new(row, "moves_running", json_uint(p.running));
	json_object_set_new(row, "bytes_total", json_uint(p.bytes_total));
	json_object_set_new(row, "bytes_done", json_uint(p.bytes_done));
	json_object_set_new(row, "items_per_s", json_real(p.items_per_s));
	json_object_set_new(row, "eta_s", json_real(p.eta_s));
	json_object_set_new(row, "lock_p50_ms", json_uint(p.lock_p50_ms));
	json_object_set_new(row, "lock_p99_ms", json_uint(p.lock_p99_ms));
	json_object_set_new(row, "stall", json_text(p.stall));
	if (job->state == JOB_DONE_WITH_FAILURES && p.set_aside == 0 && p.clean == p.done)
		json_object_set_new(row, "next",
		    json_sprintf("zmferry plan evacuate %s says who cannot go; when the "
				 "causes are "
				 "gone: zmferry job retry %s",
			job->node, job->id));
	else if (job->state == JOB_DONE_WITH_FAILURES)
		json_object_set_new(row, "next",
		    json_sprintf(
			"zmferry moves --failed --job %s; when the causes are gone: "
			"zmferry job retry %s",
			job->id, job->id));
	else if (job->state == JOB_PAUSED)
		json_object_set_new(
		    row, "next", json_sprintf("zmferry job resume %s", job->id));
	else if (job_states[job->state].waits)
		json_object_set_new(row, "next",
		    json_sprintf("when that is done: zmferry job continue %s", job->id));
	else if (job->state == JOB_CANCELLED)
		json_object_set_new(row, "next",
		    json_sprintf("to take it up again: zmferry job retry %s", job->id));
	return row;
}

struct job_list {
	struct controller *c;
	json_t *rows;
	bool only_running;
};

static void
on_job(const struct job *job, void *ctx)
{
	struct job_list *list = ctx;

	if (list->only_running && job_states[job->state].is_end)
		return;
	json_array_insert_new(list->rows, 0, view_job(list->c, job));
}

json_t *
view_jobs(struct controller *c, bool only_running)
{
	struct job_list list = {c, json_array(), only_running};

	jobs_each(c->jobs, on_job, &list);
	return list.rows;
}

/* What became of the mailbox on the source. */
static const char *
old_copy(const struct move *m)
{
	unsigned holds = move_states[m->state].holds;

	if ((holds & ARRIVED) == 0 || m->data.no_mailbox)
		return "none";
	if (m->data.purged || m->state == MOVE_DONE)
		return "deleted";
	return m->state == MOVE_SETTLED ? "kept" : "being deleted";
}

json_t *
view_move(struct controller *c, const struct move *m)
{
	char next[LIMIT_TEXT];
	json_t *row = json_object();

	(void)c;
	move_next_step(m, next, sizeof(next));
	json_object_set_new(row, "id", json_text(m->id));
	json_object_set_new(row, "job", json_sprintf("j%u", m->job_number));
	json_object_set_new(row, "account", json_text(m->account_name));
	json_object_set_new(row, "account_id", json_text(m->account_id));
	json_object_set_new(row, "source", json_text(m->source));
	json_object_set_new(row, "target", json_text(m->target));
	json_object_set_new(row, "state", json_text(move_states[m->state].name));
	json_object_set_new(row, "holds", json_text(move_states[m->state].sentence));
	json_object_set_new(row, "since", json_time(m->since_ms));
	json_object_set_new(row, "doing", json_text(m->doing));
	json_object_set_new(row, "waiting", json_boolean(m->waiting));
	json_object_set_new(row, "bytes", json_uint(m->bytes));
	json_object_set_new(row, "items", json_uint(m->data.listed));
	json_object_set_new(row, "left", json_uint(m->data.left));
	json_object_set_new(
	    row, "withheld", json_uint(m->data.spool_dropped ? 0 : m->data.withheld));
	json_object_set_new(row, "seeding", json_boolean(m->data.seeding));
	json_object_set_new(row, "seeding_why", json_text(m->data.seeding_why));
	json_object_set_new(row, "seeded", json_uint(m->data.seeded));
	json_object_set_new(row, "seeded_exact", json_uint(m->data.seeded_exact));
	json_object_set_new(row, "lock_ms", json_uint(m->data.lock_ms));
	json_object_set_new(row, "old_copy", json_text(old_copy(m)));
	json_object_set_new(row, "taken_back", json_boolean(m->data.reverted));
	json_object_set_new(row, "left_behind", json_boolean(m->data.left_behind));
	json_object_set_new(row, "from_spool", json_boolean(m->data.from_spool));
	json_object_set_new(row, "spool",
	    json_pack("{sosososo}", "held", json_uint(m->data.staged), "listed",
		json_uint(m->data.listed), "bytes", json_uint(m->data.sent_bytes),
		"as_of", json_time(m->data.in_step_ms)));
	json_object_set_new(row, "verdict",
	    json_text((move_states[m->state].holds & ARRIVED) != 0 && m->data.no_mailbox
			  ? "clean"
			  : m->data.verdict));
	json_object_set_new(row, "error", json_text(m->error));
	json_object_set_new(row, "next", json_text(next));
	return row;
}

struct move_list {
	struct controller *c;
	json_t *rows;
	struct move_page *page;
};

static void
on_move(struct move *m, void *ctx)
{
	struct move_list *list = ctx;
	struct move_page *page = list->page;
	bool failed = m->state == MOVE_STUCK || m->state == MOVE_ABANDONED ||
		      (m->state == MOVE_SETTLED && !m->data.no_mailbox &&
			  strcmp(m->data.verdict, "clean") != 0);

	if ((page->job_number != 0 && page->job_number != m->job_number) ||
	    (page->only_failed && !failed))
		return;
	if (page->total >= page->offset && page->total - page->offset < page->limit)
		json_array_append_new(list->rows, view_move(list->c, m));
	page->total++;
}

json_t *
view_moves_page(struct controller *c, struct move_page *page)
{
	struct move_list list = {c, json_array(), page};

	page->total = 0;
	moves_each(jobs_moves(c->jobs), on_move, &list);
	return list.rows;
}

json_t *
view_moves(struct controller *c, uint32_t job_number, bool only_failed)
{
	struct move_page page = {
	    .job_number = job_number, .only_failed = only_failed, .limit = SIZE_MAX};

	return view_moves_page(c, &page);
}

json_t *
view_job_whole(struct controller *c, const struct job *job)
{
	return json_pack("{soso}", "job", view_job(c, job), "moves",
	    view_moves(c, job->number, false));
}

json_t *
view_move_whole(struct controller *c, const struct move *m)
{
	json_t *row = view_move(c, m);

	if (m->data.verdict_json != NULL)
		json_object_set_new(
		    row, "verdict_detail", json_loads(m->data.verdict_json, 0, NULL));
	if (m->data.lacking_json != NULL)
		json_object_set_new(
		    row, "not_exported", json_loads(m->data.lacking_json, 0, NULL));
	return json_pack("{soso}", "move", row, "journal",
	    journal_move_history(c->journal, m->number));
}

json_t *
view_status(struct controller *c)
{
	json_t *controller = json_pack("{sssssIsfsb}", "version", ZMFERRY_VERSION, "id",
	    journal_controller_id(c->journal), "epoch",
	    (json_int_t)journal_epoch(c->journal), "uptime_s",
	    (double)(clock_mono_ms() - c->started_ms) / 1000.0, "read_only",
	    journal_is_read_only(c->journal));

	return json_pack("{sosososososo}", "controller", controller, "nodes",
	    nodes_array(c), "jobs", view_jobs(c, true), "alerts", alerts_view(c->alerts),
	    "ways", ways_view(c->ways), "seeding", seeding_live_view(c));
}
