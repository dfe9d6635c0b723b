/* SPDX-License-Identifier: Apache-2.0 */
/* What is seen of the nodes and decided about them, as JSON. */
#include <stdio.h>
#include <strings.h>

#include "controller/json_values.h"
#include "controller/watch_private.h"

/* A monotonic time as the wall clock's. */
static json_t *
time_of(const struct watch *w, int64_t mono_ms)
{
	return json_time(
	    mono_ms == 0 ? 0 : w->host.wall_ms() - (w->host.mono_ms() - mono_ms));
}

static json_t *
view_faults(const struct watch *w, const struct policy_node *n)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < n->fault_count; i++) {
		const struct policy_standing *f = &n->faults[i];
		const struct policy_fault *def = policy_fault_find(f->probe);

		if (!f->stands)
			continue;
		json_array_append_new(rows,
		    json_pack("{sosososisbsbss}", "probe", json_text(f->probe), "text",
			json_text(f->text), "since", time_of(w, f->since_ms), "hold_s",
			(int)policy_hold_of(w->settings, n->name, f->probe), "unreadable",
			def->unreadable, "evacuates", def->evacuates, "mode",
			policy_mode_names[policy_mode_of(
			    w->settings, n->name, f->probe)]));
	}
	return rows;
}

static json_t *
view_looks(const struct watch *w, const struct policy_node *n)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < POLICY_OBSERVERS; i++) {
		const struct policy_look *l = &n->looks[i];

		if (l->observer[0] != '\0')
			json_array_append_new(rows,
			    json_pack("{sosbso}", "observer", json_text(l->observer),
				"serves", l->serves, "at", time_of(w, l->at_ms)));
	}
	return rows;
}

static json_t *
view_reasons(const struct policy_verdict *v)
{
	json_t *rows = json_array();

	for (int i = 0; i < REASON_COUNT; i++) {
		char line[LIMIT_TEXT];

		if (!policy_reason_text(v, (enum policy_reason)i, line, sizeof(line)))
			continue;
		json_array_append_new(
		    rows, json_pack("{ssso}", "reason", policy_reasons[i].name, "text",
			      json_text(line)));
	}
	return rows;
}

static json_t *
view_node(const struct watch *w, const struct watched *n)
{
	char why[LIMIT_TEXT];
	char job[24] = "";

	policy_why(&n->node, w->host.mono_ms(), why, sizeof(why));
	if (n->job != 0)
		snprintf(job, sizeof(job), "j%u", n->job);
	return json_pack("{sosssssososssosssososo}", "node", json_text(n->node.name),
	    "state", policy_state_names[n->node.state], "mode",
	    policy_mode_names[policy_mode_of(w->settings, n->node.name, NULL)], "since",
	    time_of(w, n->node.state_since_ms), "why", json_text(why), "decision",
	    n->job != 0 ? "evacuate" : policy_decision_names[n->verdict.decision],
	    "reasons", view_reasons(&n->verdict), "job", job, "faults",
	    view_faults(w, &n->node), "looks", view_looks(w, &n->node), "mailboxes",
	    json_integer((json_int_t)n->record.mailboxes));
}

json_t *
watch_view(struct watch *w, const char *node)
{
	json_t *rows = json_array();
	const struct policy_settings *s = w->settings;

	for (size_t i = 0; i < w->count; i++) {
		if (node == NULL || strcasecmp(w->rows[i]->node.name, node) == 0)
			json_array_append_new(rows, view_node(w, w->rows[i]));
	}
	return json_pack("{sss{sisisisisisisi}so}", "mode", policy_mode_names[s->mode],
	    "settings", "hold_s", (int)s->hold_s, "silent_s", (int)s->silent_s, "dead_s",
	    (int)s->dead_s, "start_s", (int)s->start_s, "heard_percent",
	    (int)s->heard_percent, "nodes_at_once", (int)s->nodes_at_once, "per_day",
	    (int)s->per_day, "nodes", rows);
}
