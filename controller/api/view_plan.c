/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as the API shows it: who goes where, what it will take, what is good to know. */
#include <jansson.h>
#include <stdio.h>

#include "controller/api/view.h"
#include "controller/controller.h"
#include "controller/json_values.h"
#include "controller/plan_times.h"
#include "controller/removal.h"

static json_t *
plan_targets(const struct plan *p)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < p->node_count; i++) {
		const struct plan_target *t = &p->targets[i];

		if (p->targets == NULL ||
		    (!p->nodes[i].is_target && t->count_before == t->count_after))
			continue;
		json_array_append_new(
		    rows, json_pack("{sosIsIsIsI}", "node", json_text(p->nodes[i].name),
			      "bytes_before", (json_int_t)t->bytes_before, "bytes_after",
			      (json_int_t)t->bytes_after, "count_before",
			      (json_int_t)t->count_before, "count_after",
			      (json_int_t)t->count_after));
	}
	return rows;
}

/* A sentence for people, and a key by which a page finds it in another language. */
static void
plan_note(json_t *notes, json_t *keys, const char *key, const char *sentence)
{
	json_array_append_new(notes, json_text(sentence));
	json_array_append_new(keys, json_string(key));
}

static void
plan_notes_of_moves(json_t *notes, json_t *keys)
{
	plan_note(notes, keys, "lock",
	    "each mailbox is locked for the time its import needs; "
	    "mail sent meanwhile waits in the queue and arrives some minutes later");
	plan_note(notes, keys, "login",
	    "everybody logs in once more; mail clients fetch their folders anew, never "
	    "wrongly");
}

static void
plan_note_of_seeding(const struct plan *p, json_t *notes, json_t *keys)
{
	char key[64];

	if (p->seeded_count + p->unseeded_count == 0)
		return;
	snprintf(key, sizeof(key), "seeded:%llu/%llu",
	    (unsigned long long)p->seeded_count,
	    (unsigned long long)(p->seeded_count + p->unseeded_count));
	plan_note(notes, keys, p->seeded_count == 0 ? "unseeded" : key, p->seeding);
}

static void
plan_notes(const struct plan *p, json_t *notes, json_t *keys)
{
	char line[LIMIT_TEXT];
	char key[40];

	if (p->moved_count > 0)
		plan_notes_of_moves(notes, keys);
	plan_note_of_seeding(p, notes, keys);
	if (plan_kinds[p->kind].empties)
		plan_note(notes, keys, "pool",
		    "the node is cordoned: no new account lands on it, until it is "
		    "filled again "
		    "(zmferry restore) or zmferry uncordon");
	plan_note(notes, keys, "kept",
	    "old copies stay on the node, locked out, until their retention is over or "
	    "they "
	    "are purged");
	if (p->cleared_count > 0) {
		snprintf(key, sizeof(key), "cleared:%llu",
		    (unsigned long long)p->cleared_count);
		snprintf(line, sizeof(line),
		    "old copies that earlier moves left on the targets are deleted "
		    "first: %llu",
		    (unsigned long long)p->cleared_count);
		plan_note(notes, keys, key, line);
	}
	for (size_t i = 0; i < p->account_count; i++) {
		const struct plan_account *a = &p->accounts[i];

		if (a->target < 0 || !a->is_gal_sync)
			continue;
		snprintf(line, sizeof(line),
		    "%.80s keeps a domain's address list (GAL sync); when it has moved, "
		    "there as zimbra: zmgsautil forceSync -a %.80s -n NAME (its names: "
		    "zmprov gds %.80s)",
		    a->name, a->name, a->name);
		plan_note(notes, keys, "gal", line);
	}
	for (size_t i = 0; i < p->node_count; i++) {
		const struct plan_node *n = &p->nodes[i];

		if (!n->is_target || (n->has_agent && n->healthy && !n->cordoned))
			continue;
		snprintf(key, sizeof(key), "unable");
		snprintf(line, sizeof(line), "%.150s takes nothing: %.300s", n->name,
		    n->why_not);
		plan_note(notes, keys, key, line);
	}
	/* Of a node that goes its own findings say more. */
	if (p->orphans > 0 && p->kind != PLAN_REMOVE) {
		snprintf(
		    key, sizeof(key), "orphans:%llu", (unsigned long long)p->orphans);
		snprintf(line, sizeof(line),
		    "mailboxes on the node that belong to accounts living elsewhere (old "
		    "copies) are left alone: %llu",
		    (unsigned long long)p->orphans);
		plan_note(notes, keys, key, line);
	}
	if (p->groups > 0 && p->kind != PLAN_REMOVE) {
		snprintf(key, sizeof(key), "groups:%llu", (unsigned long long)p->groups);
		snprintf(line, sizeof(line),
		    "distribution lists that name the node as their home are left alone: "
		    "%llu",
		    (unsigned long long)p->groups);
		plan_note(notes, keys, key, line);
	}
}

struct seen {
	uint64_t moves, items, fill_ms;
};

static void
seen_on_move(struct move *m, void *ctx)
{
	struct seen *seen = ctx;

	if ((move_states[m->state].holds & ARRIVED) == 0 || m->data.no_mailbox ||
	    m->data.fill_ms == 0)
		return;
	seen->moves++;
	seen->items += m->data.listed;
	seen->fill_ms += m->data.fill_ms;
}

json_t *
view_expected(struct controller *c, const struct plan *p)
{
	struct seen seen = {0};
	struct plan_rates rates;
	struct plan_times t;

	moves_each(jobs_moves(c->jobs), seen_on_move, &seen);
	plan_rates_from(
	    seen.moves, seen.items, seen.fill_ms, c->conf->hot_time_s * 1000, &rates);
	plan_times(p, &rates, &t);
	return json_pack("{sbsosososo}", "measured", t.measured, "seconds",
	    json_uint(t.seconds), "lock_median_ms", json_uint(t.lock_median_ms),
	    "lock_longest_ms", json_uint(t.lock_longest_ms), "longest",
	    json_text(t.longest));
}

json_t *
view_removal(const struct removal_report *r)
{
	json_t *rows = json_array();

	for (size_t i = 0; r != NULL && i < r->count; i++) {
		const struct removal_finding *f = &r->findings[i];

		json_array_append_new(
		    rows, json_pack("{sssssoso}", "check", f->check, "level",
			      removal_level_names[f->level], "text", json_text(f->text),
			      "next", json_text(f->next)));
	}
	return rows;
}

json_t *
view_plan(const struct plan *p)
{
	json_t *moves = json_array();
	json_t *refused = json_array();
	json_t *plan = json_object();
	json_t *notes = json_array();
	json_t *keys = json_array();

	for (size_t i = 0; i < p->account_count; i++) {
		const struct plan_account *a = &p->accounts[i];

		if (a->target >= 0)
			json_array_append_new(
			    moves, json_pack("{sososIsosb}", "account",
				       json_text(a->name), "account_id", json_text(a->id),
				       "bytes", (json_int_t)a->bytes, "target",
				       json_text(p->nodes[a->target].name), "has_mailbox",
				       a->has_mailbox));
		else
			json_array_append_new(refused,
			    json_pack("{sososo}", "account", json_text(a->name), "why",
				json_text(a->refused), "next", json_text(a->next)));
	}
	json_object_set_new(plan, "kind", json_text(plan_kinds[p->kind].name));
	json_object_set_new(plan, "node", json_text(p->node));
	json_object_set_new(plan, "version", json_text(p->version));
	json_object_set_new(plan, "mailboxes", json_uint(p->moved_count));
	json_object_set_new(plan, "bytes", json_uint(p->moved_bytes));
	json_object_set_new(plan, "moves", moves);
	json_object_set_new(plan, "refused", refused);
	json_object_set_new(
	    plan, "targets", p->targets == NULL ? json_array() : plan_targets(p));
	plan_notes(p, notes, keys);
	json_object_set_new(plan, "platform", json_text(p->platform));
	json_object_set_new(plan, "removal", view_removal(p->removal));
	json_object_set_new(plan, "notes", notes);
	json_object_set_new(plan, "note_keys", keys);
	return json_pack("{so}", "plan", plan);
}
