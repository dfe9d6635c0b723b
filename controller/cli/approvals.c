/* SPDX-License-Identifier: Apache-2.0 */
/* Four eyes: what one person asked for over HTTPS, and another approves or refuses. */
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print.h"
#include "controller/cli/print_private.h"
#include "controller/cli/wait.h"

static void
print_approval(FILE *out, const json_t *a)
{
	const char *where = text_of(a, "node")[0] != '\0' ? "node" : "to";
	char size[24];

	print_safe(out, text_of(a, "id"));
	fputs("  ", out);
	print_safe(out, text_of(a, "kind"));
	fputc(' ', out);
	print_safe(out, text_of(a, where));
	fprintf(out, ": %lld mailboxes, %s, asked for by ", integer_of(a, "mailboxes"),
	    print_bytes(number_of(a, "bytes"), size, sizeof(size)));
	print_safe(out, text_of(a, "who"));
	fputs(" at ", out);
	print_safe(out, text_of(a, "at"));
	fputc('\n', out);
}

void
print_asked(FILE *out, const json_t *answer)
{
	const json_t *a = json_object_get(answer, "approval");

	fputs("somebody else must approve this (api_four_eyes), within a day:\n", out);
	print_approval(out, a);
	fputs("another operator: zmferry approve ", out);
	print_safe(out, text_of(a, "id"));
	fputs("; an administrator: the console or the controller's page\n", out);
}

static void
print_approvals(FILE *out, const json_t *answer)
{
	const json_t *rows = json_object_get(answer, "approvals");
	const json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		fputs("nothing waits for a second person\n", out);
	json_array_foreach(rows, i, row) print_approval(out, row);
}

int
run_approvals(struct options *o)
{
	return command_get(o, "/v1/approvals", print_approvals);
}

/* What waits under this id; NULL with e. A new reference. */
static json_t *
find_approval(struct options *o, struct err *e)
{
	json_t *answer;
	json_t *found = NULL;
	const json_t *row;
	size_t i;

	if (!api_call(&o->api, "GET", "/v1/approvals", NULL, &answer, e))
		return NULL;
	json_array_foreach(json_object_get(answer, "approvals"), i, row)
	{
		if (strcmp(text_of(row, "id"), o->argument) == 0)
			found = json_deep_copy(row);
	}
	json_decref(answer);
	if (found == NULL)
		err_set(e, ERR_REFUSED,
		    "%.60s: nothing of that name waits for approval (zmferry approvals)",
		    o->argument);
	return found;
}

/* The second person sees the plan that is there now; the controller refuses another one. */
static bool
show_plan(struct options *o, const json_t *approval, struct err *e)
{
	json_t *to = command_list_of(text_of(approval, "to"));
	json_t *body = json_pack("{sssssO}", "kind", text_of(approval, "kind"), "node",
	    text_of(approval, "node"), "to", to);
	json_t *plan;
	bool ok = api_call(&o->api, "POST", "/v1/plans", body, &plan, e);

	json_decref(to);
	json_decref(body);
	if (!ok)
		return false;
	if (!o->json)
		command_show(o, plan, print_plan);
	json_decref(plan);
	return true;
}

static int
decide(struct options *o, const char *how, json_t **answer_out)
{
	char *path = command_path("/v1/approvals/", o->argument, how);
	json_t *body = json_object();
	struct err e;
	bool ok = api_call(&o->api, "POST", path, body, answer_out, &e);

	json_decref(body);
	free(path);
	return ok ? 0 : command_fail(o, &e);
}

int
run_approve(struct options *o)
{
	struct err e;
	json_t *approval = find_approval(o, &e);
	json_t *answer = NULL;
	int code;

	if (approval == NULL)
		return command_fail(o, &e);
	if (!o->json)
		print_approval(stdout, approval);
	code = show_plan(o, approval, &e) && command_confirm(o, "Approve?", &e)
		   ? decide(o, "/approve", &answer)
		   : command_fail(o, &e);
	json_decref(approval);
	if (code == 0 && o->wait)
		code = wait_for_job(o, text_of(json_object_get(answer, "job"), "id"));
	else if (code == 0)
		command_show(o, answer, print_job);
	json_decref(answer);
	return code;
}

int
run_refuse(struct options *o)
{
	json_t *answer = NULL;
	int code = decide(o, "/refuse", &answer);

	if (code == 0 && o->json)
		print_json(stdout, answer, JSON_SORT_KEYS);
	else if (code == 0)
		printf("refused; nothing was begun\n");
	json_decref(answer);
	return code;
}
