/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting old copies: what would be deleted is shown and asked for first. And what was withheld. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/commands_private.h"
#include "controller/cli/print_private.h"

static json_t *
purge_body(const struct options *o)
{
	return json_pack("{sbss}", "unclean", o->unclean, "confirm",
	    o->confirm == NULL ? "" : o->confirm);
}

static bool
purge_one(struct options *o, const char *id, json_t **answer_out, struct err *e)
{
	char *path = command_path("/v1/moves/", id, "/purge");
	json_t *body = purge_body(o);
	bool ok = api_call(&o->api, "POST", path, body, answer_out, e);

	json_decref(body);
	free(path);
	return ok;
}

/* Whose old copy is there and may be deleted without more words. */
static json_t *
purge_candidates(const json_t *moves, const char *node)
{
	json_t *wanted = json_array();
	size_t i;
	json_t *m;

	json_array_foreach(json_object_get(moves, "moves"), i, m)
	{
		if (strcmp(text_of(m, "old_copy"), "kept") == 0 &&
		    strcmp(text_of(m, "verdict"), "clean") == 0 &&
		    (node == NULL || command_node_is(text_of(m, "source"), node)))
			json_array_append(wanted, m);
	}
	return wanted;
}

static void
print_candidates(FILE *out, const json_t *wanted)
{
	size_t i;
	const json_t *m;

	json_array_foreach(wanted, i, m)
	{
		print_safe(out, text_of(m, "id"));
		fputs("  the old copy of ", out);
		print_safe(out, text_of(m, "account"));
		fputs(" on ", out);
		print_safe(out, text_of(m, "source"));
		fputc('\n', out);
	}
	fprintf(out, "%zu old copies with a clean verdict\n", json_array_size(wanted));
}

static int
purge_all(struct options *o, const json_t *wanted)
{
	size_t begun = 0;
	size_t i;
	const json_t *m;
	struct err e;
	int code = 0;

	json_array_foreach(wanted, i, m)
	{
		json_t *answer = NULL;

		if (purge_one(o, text_of(m, "id"), &answer, &e))
			begun++;
		else
			code = command_fail(o, &e);
		json_decref(answer);
	}
	if (!o->json)
		printf("%zu begun; see: zmferry moves\n", begun);
	return code;
}

static int
purge_some(struct options *o, const char *path, const char *node)
{
	json_t *moves = NULL;
	json_t *wanted;
	char question[80];
	struct err e;
	int code = 0;

	if (!api_call(&o->api, "GET", path, NULL, &moves, &e))
		return command_fail(o, &e);
	wanted = purge_candidates(moves, node);
	if (o->json)
		print_json(stdout, wanted, JSON_SORT_KEYS);
	else
		print_candidates(stdout, wanted);
	snprintf(question, sizeof(question), "Delete these %zu copies?",
	    json_array_size(wanted));
	if (!o->dry_run && json_array_size(wanted) > 0) {
		if (!command_confirm(o, question, &e))
			code = command_fail(o, &e);
		else
			code = purge_all(o, wanted);
	}
	json_decref(wanted);
	json_decref(moves);
	return code;
}

int
run_purge_node(struct options *o)
{
	return purge_some(o, "/v1/moves?failed=0", o->argument);
}

int
run_purge_job(struct options *o)
{
	char *path = command_path("/v1/moves?failed=0&job=", o->argument, "");
	int code = purge_some(o, path, NULL);

	free(path);
	return code;
}

int
run_purge(struct options *o)
{
	return command_move(o, "Delete the old copy?", "/purge", purge_body(o));
}

int
run_release(struct options *o)
{
	char *path = command_path("/v1/moves/", o->argument, "/release");
	json_t *answer = NULL;
	struct err e;
	int code = 0;

	if (!api_call(&o->api, "POST", path, NULL, &answer, &e))
		code = command_fail(o, &e);
	else if (o->json)
		print_json(stdout, answer, JSON_SORT_KEYS);
	else
		printf("%lld messages are put in; see: zmferry explain %s\n",
		    (long long)integer_of(answer, "count"), o->argument);
	json_decref(answer);
	free(path);
	return code;
}

int
run_move_revert(struct options *o)
{
	return command_move(o,
	    o->leave_mail
		? "Take the mailbox back, and leave on the target what arrived there?"
		: "Take the mailbox back to where it came from?",
	    "/revert", json_pack("{sb}", "leave_mail", o->leave_mail));
}
