/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan's facts: accounts and servers from LDAP (on the pool), sizes, health and room
 * from the fleet (on the loop). Preconditions that the directory shows already now are
 * refusals in the plan; the rest is looked at by each move.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/move_checks.h"
#include "controller/policy_conf.h"
#include "controller/survey_private.h"
#include "proto/base/xalloc.h"
#include "proto/zimbra/ports.h"

#define ITEM_BYTES_GUESS 30000

/* --- on the pool --- */

static bool
on_server(const struct server_facts *s, void *ctx)
{
	struct survey *v = ctx;

	v->servers = xrealloc_array(v->servers, v->server_count + 1, sizeof(*v->servers));
	v->servers[v->server_count++] = *s;
	return true;
}

bool
survey_keep_account(const struct account_facts *a, void *ctx)
{
	struct survey *v = ctx;

	if ((v->account_count & (v->account_count - 1)) == 0)
		v->accounts = xrealloc_array(v->accounts,
		    v->account_count == 0 ? 1 : v->account_count * 2,
		    sizeof(*v->accounts));
	v->accounts[v->account_count] = *a;
	v->accounts[v->account_count].aliases = NULL;
	v->accounts[v->account_count++].alias_count = 0;
	return true;
}

static int
compare_ids(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Of everybody on a server only those that are asked for. */
static bool
on_restored(const struct account_facts *a, void *ctx)
{
	struct survey *v = ctx;
	const char *id = a->id;

	return bsearch(&id, v->rq.accounts, v->rq.account_count, sizeof(char *),
		   compare_ids) == NULL ||
	       survey_keep_account(a, v);
}

static bool
survey_restored(struct survey *v, struct err *e)
{
	bool ok = true;

	if (v->rq.account_count == 0)
		return true;
	qsort(v->rq.accounts, v->rq.account_count, sizeof(char *), compare_ids);
	for (size_t i = 0; ok && i < v->plan->node_count; i++) {
		if (strcasecmp(v->plan->nodes[i].name, v->plan->node) != 0)
			ok = directory_list_accounts(
			    v->directory, v->plan->nodes[i].name, on_restored, v, e);
	}
	return ok;
}

static bool
survey_named(struct survey *v, struct err *e)
{
	for (size_t i = 0; i < v->rq.account_count; i++) {
		struct account_facts facts;
		bool found;

		if (!directory_find_account(
			v->directory, v->rq.accounts[i], &found, &facts, e))
			return false;
		if (!found)
			return err_set(e, ERR_REFUSED,
			    "account %.200s: the directory has none of that name",
			    v->rq.accounts[i]);
		(void)survey_keep_account(&facts, v);
		account_facts_fini(&facts);
	}
	return true;
}

static bool
survey_platform(struct survey *v, enum platform_op op, struct err *e)
{
	struct platform_answer answer;

	if (!platform_do(v->w->platform, op, v->rq.node, v->rq.destroy_volumes,
		&v->work.cancelled, &answer, e))
		return false;
	snprintf(v->plan->platform, sizeof(v->plan->platform), "%s", answer.text);
	return true;
}

static bool
survey_removed(struct survey *v, struct err *e)
{
	if (!directory_server_standing(v->directory, v->rq.node, &v->standing, e))
		return false;
	if (v->standing.others == 0)
		return err_set(e, ERR_REFUSED,
		    "node %.150s: is the only mailbox server, nobody could take over; "
		    "add "
		    "one first: zmferry add NODE",
		    v->rq.node);
	return survey_platform(v, PLATFORM_CHECK_DEPROVISION, e);
}

/* The directory need not know it yet. */
static bool
survey_added(struct survey *v, struct err *e)
{
	struct plan_node *n;

	if (!plan_check_new_name(v->rq.node, e))
		return false;
	snprintf(v->rq.to, sizeof(v->rq.to), "%s", v->rq.node);
	for (size_t i = 0; i < v->plan->node_count; i++) {
		if (strcasecmp(v->plan->nodes[i].name, v->rq.node) == 0)
			return survey_platform(v, PLATFORM_CHECK_PROVISION, e);
	}
	n = plan_add_node(v->plan);
	n->absent = true;
	snprintf(n->name, sizeof(n->name), "%s", v->rq.node);
	return survey_platform(v, PLATFORM_CHECK_PROVISION, e);
}

static bool
survey_run(struct work *work)
{
	struct survey *v = (struct survey *)work;
	struct err *e = &work->err;
	int index;

	if (!directory_list_servers(v->directory, on_server, v, e))
		return false;
	for (size_t i = 0; i < v->server_count; i++) {
		if (v->servers[i].has_mailbox)
			snprintf(plan_add_node(v->plan)->name, WORLD_NAME, "%s",
			    v->servers[i].host);
	}
	if (v->rq.kind == PLAN_ADD)
		return survey_added(v, e);
	if (plan_kinds[v->rq.kind].spreads)
		return true; /* who goes is chosen on the loop, then looked up */
	index = plan_find_node(v->plan, v->rq.node, e);
	if (index < 0)
		return false;
	snprintf(v->rq.node, sizeof(v->rq.node), "%s", v->plan->nodes[index].name);
	snprintf(v->plan->node, sizeof(v->plan->node), "%s", v->rq.node);
	if (v->rq.kind == PLAN_REMOVE && !survey_removed(v, e))
		return false;
	if (v->rq.kind == PLAN_RESTORE)
		return survey_restored(v, e);
	if (v->rq.kind == PLAN_MOVE)
		return survey_named(v, e);
	return directory_list_accounts(
		   v->directory, v->rq.node, survey_keep_account, v, e) &&
	       directory_count_groups(v->directory, v->rq.node, &v->groups, e);
}

/* --- on the loop --- */

static void
survey_node(struct survey *v, struct plan_node *n)
{
	const struct fleet_node *f = fleet_find(v->w->fleet, n->name);
	const struct policy_rule_conf *rule = policy_conf_node(v->w->conf, n->name);
	uint64_t limit;

	n->weight = rule == NULL ? 100 : rule->weight;

	/* As it will be. How large its disk is nobody knows yet. */
	if (v->rq.kind == PLAN_ADD && strcasecmp(n->name, v->rq.node) == 0 &&
	    (n->absent || f == NULL || !f->connected)) {
		n->has_agent = n->healthy = true;
		n->room_bytes = UINT64_MAX / 4;
		return;
	}
	if (f == NULL || !f->connected || !f->has_inventory) {
		snprintf(n->why_not, sizeof(n->why_not),
		    "no agent of it is connected; start zmferry-agent there (new node: "
		    "zmferry enroll %.200s)",
		    n->name);
		return;
	}
	n->has_agent = true;
	n->healthy = f->healthy;
	n->unreadable = !f->readable;
	if (!n->healthy)
		snprintf(n->why_not, sizeof(n->why_not), "%s", f->note);
	/* A restore ends the cordon of the node that it fills. */
	n->cordoned =
	    (v->rq.kind != PLAN_RESTORE || strcasecmp(n->name, v->rq.node) != 0) &&
	    v->w->cordoned(v->w->cordoned_ctx, n->name);
	if (n->cordoned && n->why_not[0] == '\0')
		snprintf(n->why_not, sizeof(n->why_not),
		    "it is cordoned; zmferry uncordon %.200s", n->name);
	if (rule != NULL && !rule->target) {
		n->cordoned = true; /* of it, too, nobody is taken to make others even */
		snprintf(n->why_not, sizeof(n->why_not),
		    "target = no for it in controller.conf");
	}
	n->bytes = f->mailbox_bytes;
	n->count = f->mailbox_count;
	limit = f->spool_total_bytes / 100 * v->w->conf->fill_limit;
	if (f->spool_total_bytes - f->spool_free_bytes + f->reserved_bytes < limit)
		n->room_bytes = limit - (f->spool_total_bytes - f->spool_free_bytes) -
				f->reserved_bytes;
}

static void
survey_source(const struct survey *v, const char *node, struct ask_account *out)
{
	out->source_lmtp_port = ZIMBRA_LMTP_PORT;
	for (size_t i = 0; i < v->server_count; i++) {
		if (strcasecmp(v->servers[i].host, node) != 0)
			continue;
		out->source_lmtp_port = v->servers[i].lmtp_port;
		out->source_lmtp_permanent = v->servers[i].lmtp_permanent_when_over_quota;
	}
}

/* The same checks as a move's own, with what the directory shows; the target is not chosen yet. */
static void
survey_check(struct survey *v, const struct account_facts *a, struct plan_account *p)
{
	struct move m = {0};
	struct ask_account facts;
	struct err e;

	snprintf(m.account_id, sizeof(m.account_id), "%s", a->id);
	snprintf(m.account_name, sizeof(m.account_name), "%s", a->name);
	snprintf(m.source, sizeof(m.source), "%s", p->source);
	live_account_facts(a, &facts);
	snprintf(facts.target_id, sizeof(facts.target_id), "any");
	survey_source(v, p->source, &facts);
	if (check_account(&m, &facts, v->w->own_admin_id, &e))
		return;
	snprintf(p->refused, sizeof(p->refused), "%s", e.text);
	snprintf(p->next, sizeof(p->next), "do that, then: zmferry plan %s %.200s",
	    plan_kinds[v->rq.kind].name, v->rq.kind == PLAN_MOVE ? p->name : v->rq.node);
}

/* A mailbox where the account does not live is an old copy: no target, Zimbra would open it again. */
static void
survey_old_copies(struct survey *v, struct plan_account *p)
{
	for (size_t i = 0; i < v->plan->node_count && i < PLAN_COPY_NODES; i++) {
		const struct fleet_node *f =
		    fleet_find(v->w->fleet, v->plan->nodes[i].name);

		const struct fleet_mailbox *copy =
		    f == NULL || strcasecmp(f->name, p->source) == 0
			? NULL
			: fleet_mailbox(f, p->id);

		if (copy == NULL)
			continue;
		if (v->w->own_copy(v->w->own_copy_ctx, p->id, f->name, copy->mailbox_id))
			p->own_copies |= (uint64_t)1 << i;
		else
			p->old_copies |= (uint64_t)1 << i;
	}
}

/* Of an evacuation the source is looked at once, by the plan itself. */
static void
survey_its_node(struct survey *v, const struct fleet_node *f, struct plan_account *p)
{
	if (plan_kinds[v->rq.kind].empties || p->refused[0] != '\0')
		return;
	if (strcasecmp(p->source, v->rq.node) == 0) {
		snprintf(
		    p->refused, sizeof(p->refused), "lives on %.200s already", p->source);
		snprintf(p->next, sizeof(p->next), "zmferry nodes");
	} else if (f == NULL || !f->connected || !f->has_inventory || !f->readable) {
		snprintf(p->refused, sizeof(p->refused),
		    "node %.150s, where it lives: %.250s", p->source,
		    f == NULL || !f->connected || !f->has_inventory
			? "no agent of it is connected"
			: f->note);
		snprintf(p->next, sizeof(p->next), "zmferry nodes");
	}
}

static void
survey_account(struct survey *v, const struct account_facts *a, int target)
{
	const struct fleet_node *f = fleet_find(v->w->fleet, a->mail_host);
	struct plan_account *p = plan_add_account(v->plan);
	const struct fleet_mailbox *box = f == NULL ? NULL : fleet_mailbox(f, a->id);

	snprintf(p->id, sizeof(p->id), "%s", a->id);
	snprintf(p->name, sizeof(p->name), "%s", a->name);
	snprintf(p->source, sizeof(p->source), "%s", a->mail_host);
	p->target = target;
	p->has_mailbox = box != NULL;
	p->is_gal_sync = a->is_gal_sync;
	p->bytes = box == NULL ? 0 : box->size_bytes;
	p->items = box == NULL ? 0 : box->size_bytes / ITEM_BYTES_GUESS + 1;
	survey_old_copies(v, p);
	survey_check(v, a, p);
	survey_its_node(v, f, p);
}

static void
survey_fill(struct survey *v)
{
	const struct fleet_node *f = fleet_find(v->w->fleet, v->rq.node);
	size_t with_mailbox = 0;

	if (v->chosen == NULL) {
		for (size_t i = 0; i < v->plan->node_count; i++)
			survey_node(v, &v->plan->nodes[i]);
	}
	for (size_t i = 0; i < v->account_count; i++) {
		survey_account(
		    v, &v->accounts[i], v->chosen == NULL ? -1 : v->chosen[i].to);
		with_mailbox += v->plan->accounts[i].has_mailbox;
	}
	v->plan->groups = v->groups;
	if (v->rq.kind == PLAN_REMOVE) {
		struct removal_ours ours = {
		    .planned = true, .destroy_volumes = v->rq.destroy_volumes};

		v->w->ours(v->w->ours_ctx, v->rq.node, &ours);
		v->plan->removal = XNEW(struct removal_report);
		removal_judge(v->rq.node, &v->standing, &ours, v->plan->removal);
	}
	if (plan_kinds[v->rq.kind].empties && f != NULL &&
	    f->mailbox_count > with_mailbox)
		v->plan->orphans = f->mailbox_count - with_mailbox;
}

/* --- the end, or the second half --- */

/* False: nothing more to ask, or it could not be asked (work.err). */
static bool
survey_goes_on(struct survey *v, struct err *e)
{
	const struct fleet_node *f = fleet_find(v->w->fleet, v->rq.node);

	if (v->rq.kind == PLAN_ADD && f != NULL && f->connected && f->healthy)
		return err_set(e, ERR_REFUSED,
		    "node %.150s: is in the cluster already; to give it a share: zmferry "
		    "rebalance --to %.150s",
		    v->rq.node, v->rq.node);
	for (size_t i = 0; i < v->plan->node_count; i++)
		survey_node(v, &v->plan->nodes[i]);
	if (!plan_choose_targets(v->plan, v->rq.to, e) || !plan_check_nodes(v->plan, e))
		return false;
	survey_level(v);
	v->work.run = survey_run_chosen;
	return work_submit(v->w->loop, &v->work, e);
}

static void
survey_done(struct work *work)
{
	struct survey *v = (struct survey *)work;
	struct err e = work->err;
	bool ok = work->ok;

	if (ok && plan_kinds[v->rq.kind].spreads && v->chosen == NULL &&
	    !v->w->stopping) {
		if (survey_goes_on(v, &e))
			return;
		ok = false;
	}
	live_give_directory(v->w, v->directory);
	if (ok) {
		survey_fill(v);
		ok = plan_choose_targets(v->plan, v->rq.to, &e);
		/* An empty node needs no targets: the gate asks this. */
		ok = ok && (v->account_count == 0 || plan_make(v->plan, &e));
		if (ok && v->w->seeding != NULL)
			v->w->seeding(v->w->seeding_ctx, v->plan);
	}
	/* At the end nobody waits any more: requests have been answered, jobs go on at the next start. */
	if (!v->w->stopping)
		v->done(v->owner, v->number, ok ? v->plan : NULL, &e);
	plan_free(&v->plan);
	plan_request_fini(&v->rq);
	free(v->accounts);
	free(v->servers);
	free(v->chosen);
	server_standing_fini(&v->standing);
	free(v);
}

void
world_live_set_seeding(struct world_live *w, seeding_plan_fn fn, void *ctx)
{
	w->seeding = fn;
	w->seeding_ctx = ctx;
}

void
world_live_survey(struct world_live *w, const struct plan_request *rq,
    survey_done_fn done, void *owner, uint32_t number)
{
	struct survey *v = XNEW(struct survey);
	struct err e;

	v->w = w;
	v->plan = plan_new(rq->kind, rq->node);
	v->plan->destroy_volumes = rq->destroy_volumes;
	memcpy(v->plan->cutover, rq->cutover, sizeof(v->plan->cutover));
	plan_request_copy(&v->rq, rq);
	v->done = done;
	v->owner = owner;
	v->number = number;
	v->directory = live_take_directory(w);
	v->work.run = survey_run;
	v->work.done = survey_done;
	if (work_submit(w->loop, &v->work, &e))
		return;
	live_give_directory(w, v->directory);
	done(owner, number, NULL, &e);
	plan_free(&v->plan);
	plan_request_fini(&v->rq);
	free(v);
}
