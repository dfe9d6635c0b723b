/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about the policy, and how their answers are shown. */
#include <stdio.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print_private.h"

static void
print_policy(FILE *out, const json_t *answer)
{
	const json_t *nodes = json_object_get(answer, "nodes");
	int width = column_width(nodes, "node", 4);
	const json_t *node;
	size_t i;

	fprintf(out, "automatic evacuation: %s\n", word_of(answer, "mode"));
	if (json_array_size(nodes) == 0) {
		fputs("no agent has ever reported; for each node: zmferry enroll NODE\n",
		    out);
		return;
	}
	fprintf(
	    out, "%-*s  %-11s  %-8s  %s\n", width, "NODE", "STATE", "DECISION", "WHY");
	json_array_foreach(nodes, i, node)
	{
		print_cell(out, text_of(node, "node"), width);
		fprintf(out, "  %-11s  %-8s  ", word_of(node, "state"),
		    word_of(node, "decision"));
		print_safe(out, text_of(node, "why"));
		fputc('\n', out);
	}
}

static void
print_explained(FILE *out, const json_t *answer)
{
	const json_t *node = json_array_get(json_object_get(answer, "nodes"), 0);
	const json_t *row;
	size_t i;

	print_safe(out, text_of(node, "node"));
	fprintf(out, " is %s since %s: ", word_of(node, "state"), word_of(node, "since"));
	print_safe(out, text_of(node, "why"));
	fprintf(out, "\nautomatic evacuation of it: %s\n", word_of(node, "mode"));
	json_array_foreach(json_object_get(node, "faults"), i, row)
	{
		fputs("fault ", out);
		print_safe(out, text_of(row, "probe"));
		fprintf(out,
		    ", since %s, counts after %lld s, %s%s: ", word_of(row, "since"),
		    integer_of(row, "hold_s"), word_of(row, "mode"),
		    json_is_true(json_object_get(row, "evacuates")) ? ""
		    : json_is_true(json_object_get(row, "unreadable"))
			? ", nothing can be exported meanwhile"
			: ", moving mailboxes away does not cure it");
		print_safe(out, text_of(row, "text"));
		fputc('\n', out);
	}
	json_array_foreach(json_object_get(node, "looks"), i, row)
	{
		fputs("seen from ", out);
		print_safe(out, text_of(row, "observer"));
		fprintf(out, " at %s: it %s\n", word_of(row, "at"),
		    json_is_true(json_object_get(row, "serves")) ? "serves"
								 : "does not serve");
	}
	fprintf(out, "decision: %s%s%s\n", word_of(node, "decision"),
	    text_of(node, "job")[0] == '\0' ? "" : ", job ", word_of(node, "job"));
	json_array_foreach(json_object_get(node, "reasons"), i, row)
	{
		fputs("  because ", out);
		print_safe(out, text_of(row, "text"));
		fputc('\n', out);
	}
}

static void
print_replay(FILE *out, const json_t *answer)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "changes"), i, row)
	{
		fprintf(out, "%7lld s  ", integer_of(row, "at_s"));
		print_safe(out, text_of(row, "node"));
		fprintf(
		    out, " %s, %s: ", word_of(row, "state"), word_of(row, "decision"));
		print_safe(out, text_of(row, "why"));
		if (text_of(row, "reasons")[0] != '\0') {
			fputs("; but ", out);
			print_safe(out, text_of(row, "reasons"));
		}
		fputc('\n', out);
	}
}

int
run_policy(struct options *o)
{
	return command_get(o, "/v1/policy", print_policy);
}

/* One of the nodes, by its whole name or its front up to a dot. */
static json_t *
pick_node(json_t *nodes, const char *name)
{
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
	{
		if (command_node_is(text_of(node, "node"), name))
			return node;
	}
	return NULL;
}

int
run_policy_explain(struct options *o)
{
	json_t *answer, *node, *one;
	struct err e;

	if (!api_call(&o->api, "GET", "/v1/policy", NULL, &answer, &e))
		return command_fail(o, &e);
	node = pick_node(json_object_get(answer, "nodes"), o->argument);
	if (node == NULL) {
		json_decref(answer);
		err_set(&e, ERR_REFUSED, "node %.200s: no agent of it was ever heard",
		    o->argument);
		snprintf(o->api.next, sizeof(o->api.next),
		    "zmferry policy has their names; a new one: zmferry enroll NODE");
		return command_fail(o, &e);
	}
	one = json_pack("{s[O]}", "nodes", node);
	command_show(o, one, print_explained);
	json_decref(one);
	json_decref(answer);
	return 0;
}

int
run_policy_replay(struct options *o)
{
	json_error_t why;
	json_t *history = json_load_file(o->argument, JSON_REJECT_DUPLICATES, &why);
	json_t *answer;
	struct err e;
	bool ok;

	if (!json_is_object(history)) {
		err_set(&e, ERR_REFUSED, "%.200s: line %d: %.200s", o->argument, why.line,
		    history == NULL ? why.text : "an object is expected");
		json_decref(history);
		snprintf(o->api.next, sizeof(o->api.next),
		    "man zmferry, \"policy replay\", shows such a file");
		return command_fail(o, &e);
	}
	ok = api_call(&o->api, "POST", "/v1/policy/replay", history, &answer, &e);
	json_decref(history);
	if (!ok)
		return command_fail(o, &e);
	command_show(o, answer, print_replay);
	json_decref(answer);
	return 0;
}

static void
print_forgotten(FILE *out, const json_t *answer)
{
	print_safe(out, text_of(answer, "node"));
	fputs(" is forgotten: nothing is expected of it any more\n", out);
}

int
run_forget(struct options *o)
{
	return command_post_node(o, "/v1/forget", print_forgotten);
}
