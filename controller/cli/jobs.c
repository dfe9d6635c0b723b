/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and jobs: what is shown, asked and started, and a job's course. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print.h"
#include "controller/cli/print_private.h"
#include "controller/cli/wait.h"

/* "A,B" as a list. */
json_t *
command_list_of(const char *text)
{
	json_t *list = json_array();
	char *copy = strdup(text == NULL ? "" : text);
	char *rest = copy;

	for (char *name; (name = strsep(&rest, ",")) != NULL;) {
		if (name[0] != '\0')
			json_array_append_new(list, json_string(name));
	}
	free(copy);
	return list;
}

/* Of a move the argument names accounts, and --to the node; else the argument is the node. */
static json_t *
plan_request(const struct options *o, const char *kind)
{
	bool is_move = strcmp(kind, "move") == 0;
	json_t *body = json_pack("{ssss}", "kind", kind, "node",
	    !is_move && o->argument != NULL ? o->argument
	    : !is_move || o->to == NULL	    ? ""
					    : o->to);

	if (o->destroy_volumes)
		json_object_set_new(body, "destroy_volumes", json_true());
	if (o->cutover != NULL)
		json_object_set_new(body, "cutover", json_string(o->cutover));
	json_object_set_new(body, is_move ? "accounts" : "to",
	    command_list_of(is_move ? o->argument : o->to));
	return body;
}

static int
plan_of_kind(struct options *o, const char *kind)
{
	json_t *body = plan_request(o, kind);
	json_t *answer;
	struct err e;
	bool ok = api_call(&o->api, "POST", "/v1/plans", body, &answer, &e);

	json_decref(body);
	if (!ok)
		return command_fail(o, &e);
	command_show(o, answer, print_plan);
	json_decref(answer);
	return 0;
}

/* Plans, shows, asks, starts; the plan's version goes along so that a stale one is refused. */
static int
start_of_kind(struct options *o, const char *kind)
{
	json_t *body = plan_request(o, kind);
	json_t *plan = NULL;
	json_t *job = NULL;
	struct err e;
	int code = 0;

	if (!api_call(&o->api, "POST", "/v1/plans", body, &plan, &e)) {
		code = command_fail(o, &e);
		goto out;
	}
	if (o->dry_run || !o->json)
		command_show(o, plan, print_plan);
	if (o->dry_run)
		goto out;
	if (!command_confirm(o, "Start?", &e)) {
		code = command_fail(o, &e);
		goto out;
	}
	json_object_set(
	    body, "version", json_object_get(json_object_get(plan, "plan"), "version"));
	if (!api_call(&o->api, "POST", "/v1/jobs", body, &job, &e)) {
		code = command_fail(o, &e);
		goto out;
	}
	const char *id = text_of(json_object_get(job, "job"), "id");

	if (json_object_get(job, "approval") != NULL)
		command_show(o, job, print_asked);
	else if (o->wait)
		code = wait_for_job(o, id);
	else if (o->json)
		command_show(o, job, print_job);
	else
		printf("\njob %s %s; follow it: zmferry job wait %s\n", id,
		    strcmp(text_of(json_object_get(job, "job"), "state"), "queued") == 0
			? "is queued"
			: "started",
		    id);
out:
	json_decref(job);
	json_decref(plan);
	json_decref(body);
	return code;
}

int
run_plan_evacuate(struct options *o)
{
	return plan_of_kind(o, "evacuate");
}

int
run_plan_restore(struct options *o)
{
	return plan_of_kind(o, "restore");
}

/* A node is not guessed. */
static bool
has_target(const struct options *o, struct err *e)
{
	return (o->to != NULL && o->to[0] != '\0' && strchr(o->to, ',') == NULL) ||
	       err_set(e, ERR_REFUSED,
		   "move needs the node to move to, as in: zmferry move ACCOUNT --to "
		   "NODE");
}

int
run_plan_move(struct options *o)
{
	struct err e;

	if (!has_target(o, &e))
		return command_fail(o, &e);
	return plan_of_kind(o, "move");
}

int
run_plan_rebalance(struct options *o)
{
	return plan_of_kind(o, "rebalance");
}

int
run_rebalance(struct options *o)
{
	return start_of_kind(o, "rebalance");
}

int
run_plan_remove(struct options *o)
{
	return plan_of_kind(o, "remove");
}

/* What cannot be undone is asked for by name. */
int
run_remove(struct options *o)
{
	struct err e;

	if (o->destroy_volumes && !o->dry_run &&
	    (o->confirm == NULL || strcasecmp(o->confirm, o->argument) != 0)) {
		err_set(&e, ERR_REFUSED,
		    "--destroy-volumes takes the way back: say --confirm %.150s",
		    o->argument);
		return command_fail(o, &e);
	}
	return start_of_kind(o, "remove");
}

int
run_plan_add(struct options *o)
{
	return plan_of_kind(o, "add");
}

int
run_add(struct options *o)
{
	return start_of_kind(o, "add");
}

int
run_evacuate(struct options *o)
{
	return start_of_kind(o, "evacuate");
}

int
run_restore(struct options *o)
{
	return start_of_kind(o, "restore");
}

int
run_move(struct options *o)
{
	struct err e;

	if (o->from_spool)
		return move_from_spool(o);
	if (!has_target(o, &e))
		return command_fail(o, &e);
	return start_of_kind(o, "move");
}

static int
job_change(struct options *o, const char *suffix)
{
	char *path = command_path("/v1/jobs/", o->argument, suffix);
	json_t *answer;
	struct err e;
	bool ok = api_call(&o->api, "POST", path, NULL, &answer, &e);

	free(path);
	if (!ok)
		return command_fail(o, &e);
	command_show(o, answer, print_job);
	json_decref(answer);
	return o->wait ? wait_for_job(o, o->argument) : 0;
}

int
run_job_pause(struct options *o)
{
	return job_change(o, "/pause");
}

int
run_job_resume(struct options *o)
{
	return job_change(o, "/resume");
}

int
run_job_cancel(struct options *o)
{
	return job_change(o, "/cancel");
}

int
run_job_retry(struct options *o)
{
	return job_change(o, "/retry");
}

int
run_job_continue(struct options *o)
{
	return job_change(o, "/continue");
}

int
run_job_wait(struct options *o)
{
	return wait_for_job(o, o->argument);
}
