/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: every two seconds each node is seen as its agent last described it,
 * and nothing follows. What can go wrong: an agent falls silent (other nodes are asked to
 * look), a fault stands (the node is planned, and evacuated if every interlock agrees),
 * the plan cannot be made (that is a reason, and the plan is made again a little later).
 */
#include "controller/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controller/alert/alert.h"
#include "controller/journal.h"
#include "controller/watch_private.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define MS 1000
#define LOOK_EVERY_S 15
#define PLAN_OLD_S 60
#define DAY_MS (24LL * 3600 * MS)
#define PROBES_SEEN 16

/* --- nodes by name --- */

static size_t
watch_place(const struct watch *w, const char *name, bool *found_out)
{
	size_t low = 0, high = w->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcasecmp(w->rows[middle]->node.name, name);

		if (order == 0) {
			*found_out = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found_out = false;
	return low;
}

struct watched *
watch_find(const struct watch *w, const char *name)
{
	bool found;
	size_t at = watch_place(w, name, &found);

	return found ? w->rows[at] : NULL;
}

static struct watched *
watch_add(struct watch *w, const char *name)
{
	bool found;
	size_t at = watch_place(w, name, &found);
	struct watched *n;

	if (found)
		return w->rows[at];
	n = XNEW(struct watched);
	policy_node_init(&n->node, name, w->host.mono_ms());
	snprintf(n->record.name, sizeof(n->record.name), "%s", name);
	w->rows = xrealloc_array(w->rows, w->count + 1, sizeof(struct watched *));
	memmove(
	    &w->rows[at + 1], &w->rows[at], (w->count - at) * sizeof(struct watched *));
	w->rows[at] = n;
	w->count++;
	return n;
}

const char *
watch_state_of(const struct watch *w, const char *node)
{
	const struct watched *n = watch_find(w, node);

	return n == NULL ? "" : policy_state_names[n->node.state];
}

static void
watched_save(const struct watch *w, const struct watched *n)
{
	struct err e;

	if (!journal_is_read_only(w->host.journal) &&
	    !journal_node_save(w->host.journal, &n->record, &e))
		log_warn(NULL, "node %s: %s", n->node.name, e.text);
}

/* --- seeing --- */

static void
see_node(const struct fleet_node *f, void *ctx)
{
	struct watch *w = ctx;
	struct watched *n = watch_find(w, f->name);
	struct policy_probe probes[PROBES_SEEN];
	struct policy_seen seen = {.connected = f->connected, .failing = probes};
	bool news = n == NULL || n->node.connected != f->connected ||
		    (n->record.mailboxes == 0 && f->mailbox_count > 0);

	if (n == NULL && !f->connected)
		return; /* a name that somebody asked for, and that was never heard */
	if (n == NULL)
		n = watch_add(w, f->name);
	n->heard = true;
	for (size_t i = 0; i < f->failing_count && i < PROBES_SEEN; i++) {
		probes[i].name = f->failing[i].name;
		probes[i].text = f->failing[i].text;
		seen.failing_count++;
	}
	seen.cordoned = n->cordoned;
	seen.empty = n->cordoned && n->emptied;
	n->record.heard_ms = f->heard_ms;
	if (f->has_inventory) {
		n->record.mailboxes = f->mailbox_count;
		n->record.bytes = f->mailbox_bytes;
	}
	(void)policy_see(&n->node, w->settings, &seen, w->host.mono_ms());
	if (news)
		watched_save(w, n);
}

/* Those that the fleet does not know: silent since the start. */
static void
see_unheard(struct watch *w, struct watched *n)
{
	struct policy_seen seen = {.cordoned = n->node.cordoned, .empty = n->node.empty};

	if (!n->heard)
		(void)policy_see(&n->node, w->settings, &seen, w->host.mono_ms());
}

static void
see_job(const struct job *job, void *ctx)
{
	struct watch *w = ctx;
	bool open = job_states[job->state].holds_turn || job->state == JOB_QUEUED;
	bool ours = strcmp(job->who, WATCH_WHO) == 0;
	struct watched *n = watch_find(w, job->node);

	w->cluster.job_open = w->cluster.job_open || open;
	if (ours && w->host.wall_ms() - job->created_ms < DAY_MS)
		w->cluster.begun_today++;
	if (n == NULL || strcmp(job->kind, "move") == 0)
		return;
	n->emptied = job->state == JOB_DONE && strcmp(job->kind, "evacuate") == 0;
	if (ours && open)
		n->job = job->number;
}

/* What jobs and cordons say, before the nodes are seen. */
static void
watch_see_marks(struct watch *w)
{
	struct cordons cordons;
	struct err e;

	w->cluster.job_open = false;
	w->cluster.begun_today = 0;
	for (size_t i = 0; i < w->count; i++) {
		w->rows[i]->job = 0;
		w->rows[i]->emptied = false;
	}
	w->host.each_job(w->host.ctx, see_job, w);
	if (!journal_cordons_load(w->host.journal, &cordons, &e)) {
		log_error(NULL, "%s", e.text); /* as they were */
		return;
	}
	for (size_t i = 0; i < w->count; i++)
		w->rows[i]->cordoned = cordons_has(&cordons, w->rows[i]->node.name);
	cordons_fini(&cordons);
}

static void
watch_see(struct watch *w)
{
	watch_see_marks(w);
	w->host.each_node(w->host.ctx, see_node, w);
	w->cluster.read_only = journal_is_read_only(w->host.journal);
	w->cluster.known = w->cluster.heard = w->sick = 0;
	for (size_t i = 0; i < w->count; i++) {
		struct watched *n = w->rows[i];

		see_unheard(w, n);
		if (n->node.empty)
			continue;
		w->cluster.known++;
		w->cluster.heard += n->node.connected;
		w->sick += policy_is_sick(&n->node);
	}
}

/* --- looking from elsewhere --- */

static void
watch_ask_looks(struct watch *w, size_t at)
{
	struct watched *n = w->rows[at];
	int64_t now = w->host.mono_ms();
	size_t asked = 0;

	if (!policy_wants_looks(&n->node) ||
	    (n->asked_ms != 0 && now - n->asked_ms < (int64_t)LOOK_EVERY_S * MS))
		return;
	n->asked_ms = now;
	memset(n->asked, 0, sizeof(n->asked));
	for (size_t i = 1; i < w->count && asked < POLICY_OBSERVERS; i++) {
		const struct watched *other = w->rows[(at + i) % w->count];

		if (other->node.connected &&
		    w->host.look(w->host.ctx, other->node.name, n->node.name))
			snprintf(n->asked[asked++], WORLD_NAME, "%s", other->node.name);
	}
}

void
watch_looked(struct watch *w, const char *observer, const char *node, bool serves)
{
	struct watched *n = watch_find(w, node);
	int64_t now = w->host.mono_ms();

	if (n == NULL || now - n->asked_ms > (int64_t)POLICY_LOOK_OLD_S * MS)
		return;
	for (size_t i = 0; i < POLICY_OBSERVERS; i++) {
		if (n->asked[i][0] != '\0' && strcasecmp(n->asked[i], observer) == 0)
			policy_looked(&n->node, observer, serves, now);
	}
}

/* --- deciding --- */

void
watch_subject(const char *node, char out[WATCH_SUBJECT])
{
	snprintf(out, WATCH_SUBJECT, "node:%s", node);
}

void
watch_restart_subject(const char *node, char out[WATCH_SUBJECT])
{
	snprintf(out, WATCH_SUBJECT, "restart:%s", node);
}

static void
watch_note(struct watch *w, const struct watched *n, const char *what, const char *why)
{
	char subject[WATCH_SUBJECT];
	char text[2 * LIMIT_TEXT];

	watch_subject(n->node.name, subject);
	snprintf(text, sizeof(text), "policy: %s: %.600s", what, why);
	log_info(NULL, "node %s: %s", n->node.name, text);
	if (!journal_is_read_only(w->host.journal))
		journal_event(w->host.journal, "info", subject, text);
}

static void
watch_count_others(struct watch *w, struct watched *n, int64_t now)
{
	w->cluster.others_sick = w->sick - policy_is_sick(&n->node);
	policy_see_others(&n->node, w->settings, w->cluster.others_sick, now);
}

/* plan NULL: the last one, while it is fresh and speaks against it. */
static struct policy_verdict
watch_judge(struct watch *w, struct watched *n, const struct policy_plan *plan)
{
	int64_t now = w->host.mono_ms();

	if (plan == NULL && n->planned_ms != 0 &&
	    now - n->planned_ms < (int64_t)PLAN_OLD_S * MS)
		plan = &n->plan;
	watch_count_others(w, n, now);
	return policy_decide(&n->node, w->settings, &w->cluster, plan, now);
}

/* Every change of mind goes to the log of decisions. */
static void
watch_keep(struct watch *w, struct watched *n, const struct policy_verdict *v)
{
	char why[LIMIT_TEXT], reasons[LIMIT_TEXT], text[2 * LIMIT_TEXT + 16];
	bool same =
	    n->verdict.decision == v->decision && n->verdict.reasons == v->reasons;

	n->verdict = *v;
	if (same)
		return;
	policy_why(&n->node, w->host.mono_ms(), why, sizeof(why));
	policy_reasons_text(v, reasons, sizeof(reasons));
	snprintf(text, sizeof(text), "%s%s%s", why, reasons[0] == '\0' ? "" : "; but ",
	    reasons);
	watch_note(w, n, policy_decision_names[v->decision], text);
}

/* A plan that speaks against it counts for a while; a good one is used now or made anew. */
static void
watch_keep_plan(struct watch *w, struct watched *n, const struct policy_plan *plan)
{
	n->plan = *plan;
	n->planned_ms = plan->possible && plan->without_room == 0 ? 0 : w->host.mono_ms();
}

static void
watch_begin(struct watch *w, struct watched *n, const struct plan *plan)
{
	struct policy_plan failed = {.possible = false};
	char why[LIMIT_TEXT];
	struct err e;

	policy_why(&n->node, w->host.mono_ms(), why, sizeof(why));
	if (!w->host.begin(w->host.ctx, plan, &n->job, &e)) {
		snprintf(failed.why, sizeof(failed.why), "%s", e.text);
		watch_keep_plan(w, n, &failed);
		return;
	}
	w->cluster.job_open = true;
	w->cluster.begun_today++;
	watch_tell_begun(w, n, why);
}

static void
on_plan(void *owner, uint32_t number, const struct plan *plan, const struct err *e)
{
	struct watch *w = owner;
	struct watched *n = w->planning;
	struct policy_plan facts = {.possible = false};
	struct policy_verdict v;
	struct err why;

	(void)number;
	w->planning = NULL;
	facts.possible = plan != NULL && plan_has_work(plan, &why);
	snprintf(facts.why, sizeof(facts.why), "%s",
	    plan == NULL     ? e->text
	    : facts.possible ? ""
			     : why.text);
	facts.without_room = plan == NULL ? 0 : plan->no_room_count;
	watch_keep_plan(w, n, &facts);
	/* Time has passed: everything is asked once more. */
	watch_see(w);
	v = watch_judge(w, n, &facts);
	watch_keep(w, n, &v);
	if (v.decision == DECIDE_EVACUATE)
		watch_begin(w, n, plan);
}

static void
watch_decide(struct watch *w, struct watched *n)
{
	struct policy_verdict v;

	if (n->job != 0 || n == w->planning)
		return;
	v = watch_judge(w, n, NULL);
	watch_keep(w, n, &v);
	if (v.decision == DECIDE_PLAN && w->planning == NULL) {
		w->planning = n;
		w->host.survey(w->host.ctx, n->node.name, on_plan, w);
	}
}

static void
watch_restart(struct watch *w, struct watched *n)
{
	int64_t now = w->host.mono_ms();
	char why[LIMIT_TEXT];

	watch_count_others(w, n, now);
	if (!policy_restart_due(&n->node, w->settings, &w->cluster, n->restart_ms, now))
		return;
	n->restart_ms = now;
	policy_why(&n->node, now, why, sizeof(why));
	watch_note(w, n, "its container is started again", why);
	w->host.restart(w->host.ctx, n->node.name);
}

void
watch_restarted(struct watch *w, const char *node, const char *text, const struct err *e)
{
	struct watched *n = watch_find(w, node);
	char subject[WATCH_SUBJECT];

	if (n == NULL)
		return;
	watch_note(w, n,
	    e == NULL ? "its container was started again"
		      : "its container could not be started again",
	    e == NULL ? text : e->text);
	watch_restart_subject(node, subject);
	alert_raise(w->host.alerts,
	    e == NULL ? ALERT_NODE_RESTARTED : ALERT_NODE_RESTART_FAILED, subject,
	    ALERT_FACTS("node", node, "why", e == NULL ? text : e->text));
}

void
watch_tick(struct watch *w)
{
	watch_see(w);
	for (size_t i = 0; i < w->count; i++) {
		watch_ask_looks(w, i);
		watch_restart(w, w->rows[i]);
		watch_decide(w, w->rows[i]);
		watch_tell(w, w->rows[i]);
	}
}

/* --- life --- */

bool
watch_forget(struct watch *w, const char *node, struct err *e)
{
	struct watched *n;
	size_t at;
	bool found;

	watch_see(w); /* its agent may have gone since the last look */
	at = watch_place(w, node, &found);
	if (!found)
		return err_set(e, ERR_REFUSED, "node %.200s: nobody knows it", node);
	n = w->rows[at];
	if (n->node.connected)
		return err_set(e, ERR_REFUSED,
		    "node %.200s: its agent is connected; stop zmferry-agent there first",
		    node);
	if (n == w->planning || n->job != 0)
		return err_set(
		    e, ERR_REFUSED, "node %.200s: it is just being evacuated", node);
	if (!journal_node_forget(w->host.journal, n->node.name, e))
		return false;
	n->node.empty = true;
	n->node.state = NODE_EMPTY;
	watch_tell(w, n); /* what was raised of it is over */
	policy_node_fini(&n->node);
	free(n);
	w->count--;
	memmove(
	    &w->rows[at], &w->rows[at + 1], (w->count - at) * sizeof(struct watched *));
	return true;
}

static void
watch_take_record(const struct watch_record *row, void *ctx)
{
	watch_add(ctx, row->name)->record = *row;
}

bool
watch_new(const struct policy_settings *settings, const struct watch_host *host,
    struct watch **out, struct err *e)
{
	struct watch *w = XNEW(struct watch);

	w->settings = settings;
	w->host = *host;
	w->cluster.started_ms = host->mono_ms();
	*out = w;
	return journal_nodes_load(host->journal, watch_take_record, w, e);
}

void
watch_free(struct watch **w)
{
	if (*w == NULL)
		return;
	for (size_t i = 0; i < (*w)->count; i++) {
		policy_node_fini(&(*w)->rows[i]->node);
		free((*w)->rows[i]);
	}
	free((*w)->rows);
	xfree(w);
}
