/* SPDX-License-Identifier: Apache-2.0 */
/* Drawn from the tables themselves, so that no page can say anything else. */
#include "tests/unit/controller/drawing.h"

#include <stdlib.h>
#include <string.h>

#include "controller/alert/table.h"
#include "controller/job.h"
#include "controller/move.h"
#include "proto/base/err.h"
#include "tests/unit/check.h"

/* --- pictures --- */

static const char *
colour_of(unsigned holds)
{
	if ((holds & TARGET_WRITES) != 0)
		return "palegreen";
	if ((holds & SOURCE_WRITES) != 0)
		return "lightblue";
	return "lightyellow";
}

static void
draw_move_dot(FILE *out)
{
	fputs("digraph move {\n\trankdir=TB;\n\tnode [shape=box, style=filled];\n", out);
	for (int s = 0; s < MOVE_STATE_COUNT; s++)
		fprintf(out, "\t%s [fillcolor=%s%s];\n", move_states[s].name,
		    colour_of(move_states[s].holds),
		    (move_states[s].holds & MOVE_END) != 0 ? ", peripheries=2" : "");
	for (size_t i = 0; i < move_edge_count; i++)
		fprintf(out, "\t%s -> %s [label=\"%s\"];\n",
		    move_states[move_edges[i].from].name,
		    move_states[move_edges[i].to].name,
		    move_event_name(move_edges[i].event));
	fputs("}\n", out);
}

static void
draw_job_dot(FILE *out)
{
	fputs("digraph job {\n\tnode [shape=box];\n", out);
	for (int s = 0; s < JOB_STATE_COUNT; s++)
		fprintf(out, "\t%s%s;\n", job_states[s].name,
		    job_states[s].is_end ? " [peripheries=2]" : "");
	for (size_t i = 0; i < job_edge_count; i++)
		fprintf(out, "\t%s -> %s [label=\"%s\"];\n",
		    job_states[job_edges[i].from].name, job_states[job_edges[i].to].name,
		    job_event_name(job_edges[i].event));
	fputs("}\n", out);
}

/* --- names: what is stored in journals and shown in answers --- */

static void
draw_names(FILE *out)
{
	for (int s = 0; s < MOVE_STATE_COUNT; s++)
		fprintf(out, "move state %s\n", move_states[s].name);
	for (int ev = 0; ev < MOVE_EVENT_COUNT; ev++)
		fprintf(out, "move event %s\n", move_event_name((enum move_event)ev));
	for (int s = 0; s < JOB_STATE_COUNT; s++)
		fprintf(out, "job state %s\n", job_states[s].name);
	for (int ev = 0; ev < JOB_EVENT_COUNT; ev++)
		fprintf(out, "job event %s\n", job_event_name((enum job_event)ev));
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++)
		fprintf(out, "error %s\n", err_kind_name((enum err_kind)kind));
	for (int i = 0; i < ALERT_KEY_COUNT; i++)
		fprintf(out, "alert %s\n", alert_defs[i].name);
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++)
		fprintf(out, "alert severity %s\n",
		    alert_severity_name((enum alert_severity)i));
}

/* --- the page --- */

static void
draw_deadline(FILE *out, uint32_t seconds)
{
	if (seconds == 0)
		fputs("none", out);
	else if (seconds % 3600 == 0)
		fprintf(out, "%u h", seconds / 3600);
	else
		fprintf(out, "%u min", seconds / 60);
}

static const char *
who_writes(unsigned holds)
{
	if ((holds & TARGET_WRITES) != 0)
		return (holds & LOCKED) != 0 ? "target (mail only)" : "target";
	return (holds & SOURCE_WRITES) != 0 ? "source" : "nobody";
}

static void
draw_states(FILE *out)
{
	fputs("| state | writes | what holds | gives up after | cancel "
	      "|\n|---|---|---|---|---|\n",
	    out);
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		fprintf(out, "| `%s` | %s | %s | ", move_states[s].name,
		    who_writes(move_states[s].holds), move_states[s].sentence);
		draw_deadline(out, move_states[s].give_up_s);
		fprintf(out, " | %s |\n",
		    (move_states[s].holds & MAY_CANCEL) != 0 ? "yes" : "");
	}
}

static void
draw_edges(FILE *out)
{
	fputs("| from | event | to | why |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < move_edge_count; i++)
		fprintf(out, "| `%s` | %s | `%s` | %s |\n",
		    move_states[move_edges[i].from].name,
		    move_event_name(move_edges[i].event),
		    move_states[move_edges[i].to].name, move_edges[i].why);
}

static void
draw_effects(FILE *out)
{
	static const char *const classes[] = {
	    [EFFECT_MUST] = "tried again while that may help, then the event failed",
	    [EFFECT_SOFT] =
		"tried twice (while following for two minutes), then noted and left",
	    [EFFECT_STAY] = "tried again for ever, with an alert",
	};

	fputs("| state | effect | asked of | when it fails |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < move_effect_count; i++) {
		const struct move_effect *x = &move_effects[i];

		fprintf(out, "| `%s` | %s | %s | %s |\n", move_states[x->state].name,
		    x->name,
		    x->kind == ASK_READ_ACCOUNT ? "LDAP"
		    : ask_is_agents(x->kind)	? "an agent"
						: "Zimbra, by SOAP",
		    classes[x->on_failure]);
	}
}

static void
draw_mermaid(FILE *out)
{
	fputs("```mermaid\nstateDiagram-v2\n    [*] --> planned\n", out);
	for (size_t i = 0; i < move_edge_count; i++)
		fprintf(out, "    %s --> %s: %s\n", move_states[move_edges[i].from].name,
		    move_states[move_edges[i].to].name,
		    move_event_name(move_edges[i].event));
	fputs("```\n", out);
}

static void
draw_page(FILE *out)
{
	fputs("# States of a move and of a job\n\n"
	      "Drawn from `controller/move_table.c`, `controller/move_steps.c` and "
	      "`controller/job_table.c` by\n"
	      "`make docs/state-machine.md`; do not edit. What is not in these tables "
	      "does not happen.\n\n"
	      "## A move\n\n",
	    out);
	draw_states(out);
	fputs("\nFrom `opening` on there is no way back in this version.\n\n### The "
	      "edges\n\n"
	      "From `stuck` a person's retry leads to where it got stuck, and nowhere "
	      "else.\n\n",
	    out);
	draw_edges(out);
	fputs("\n", out);
	draw_mermaid(out);
	fputs("\n### What each state does, in order\n\n"
	      "Every effect may run twice: after a crash the state's effects begin "
	      "anew.\n\n",
	    out);
	draw_effects(out);
	fputs("\n## A job\n\n| from | event | to | why |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < job_edge_count; i++)
		fprintf(out, "| `%s` | %s | `%s` | %s |\n",
		    job_states[job_edges[i].from].name,
		    job_event_name(job_edges[i].event), job_states[job_edges[i].to].name,
		    job_edges[i].why);
}

static void
draw_alerts(FILE *out)
{
	fputs(
	    "# Alerts\n\nEvery alert there is, drawn from `controller/alert/table.c` by "
	    "`make drawn`. `{...}` is filled in.\n",
	    out);
	for (int i = 0; i < ALERT_KEY_COUNT; i++) {
		const struct alert_def *def = &alert_defs[i];

		fprintf(out,
		    "\n## %s\n\nSeverity %s.\n\n- **What happened:** %s\n- **What it "
		    "means:** %s\n- **What zmferry did:** %s\n- **What to do next:** "
		    "%s\n",
		    def->name, alert_severity_name(def->severity), def->what,
		    def->meaning, def->did, def->next);
	}
}

bool
draw(const char *what, FILE *out)
{
	static const struct {
		const char *name;
		void (*fn)(FILE *out);
	} drawings[] = {
	    {"move.dot", draw_move_dot},
	    {"job.dot", draw_job_dot},
	    {"state-names.txt", draw_names},
	    {"state-machine.md", draw_page},
	    {"alerts.md", draw_alerts},
	};

	for (size_t i = 0; i < ARRAY_LEN(drawings); i++) {
		if (strcmp(drawings[i].name, what) == 0) {
			drawings[i].fn(out);
			return true;
		}
	}
	return false;
}

void
check_drawn(const char *what, const char *path)
{
	char *drawn = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&drawn, &size);
	FILE *in = fopen(path, "re");
	char want[1024];
	const char *at;
	int line = 0;

	CHECK(out != NULL && draw(what, out) && fclose(out) == 0);
	if (in == NULL)
		fail_msg("%s: not there; run: make %s", path, path);
	at = drawn;
	while (fgets(want, sizeof(want), in) != NULL) {
		size_t len = strcspn(at, "\n");

		line++;
		if (strlen(want) != len + 1 || strncmp(at, want, len) != 0)
			fail_msg("%s:%d: is \"%.*s\", the tables say \"%.*s\"; if that "
				 "is meant: make drawn",
			    path, line, (int)strcspn(want, "\n"), want, (int)len, at);
		at += len + 1;
	}
	if (at[0] != '\0')
		fail_msg("%s:%d: ends, the tables go on; if that is meant: make drawn",
		    path, line);
	fclose(in);
	free(drawn);
}
