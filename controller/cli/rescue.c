/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmferry rescue NODE: every mailbox that was being moved off a dead node lives on with what
 * had been copied. zmferry fetch NODE: it is back, and what it alone has is put in. Each move is
 * asked about first; what cannot be done is named, and stops nobody else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/commands_private.h"
#include "controller/cli/print_private.h"

struct rescue {
	const char *back; /* of the move's path */
	bool (*is_one)(const json_t *move);
	bool asks; /* the controller says beforehand whether it can be done */
	const char *none, *question;
};

static bool
rescue_post(struct options *o, const struct rescue *r, const json_t *move, bool dry_run,
    struct err *e)
{
	char *path = command_path("/v1/moves/", text_of(move, "id"), r->back);
	json_t *body = json_pack("{sb}", "dry_run", dry_run);
	json_t *answer = NULL;
	bool ok = api_call(&o->api, "POST", path, body, &answer, e);

	json_decref(answer);
	json_decref(body);
	free(path);
	return ok;
}

/* On its way off the node, and copied to the end once. */
static bool
was_copied(const json_t *move)
{
	return text_of(json_object_get(move, "spool"), "as_of")[0] != '\0' &&
	       strcmp(text_of(move, "old_copy"), "none") == 0;
}

static bool
was_rescued(const json_t *move)
{
	return strcmp(text_of(move, "state"), "settled") == 0 &&
	       json_is_true(json_object_get(move, "from_spool"));
}

static void
rescue_name(FILE *out, const json_t *move)
{
	print_safe(out, text_of(move, "id"));
	fputs("  ", out);
	print_safe(out, text_of(move, "account"));
	fputs(": ", out);
}

static void
rescue_show(FILE *out, const json_t *move)
{
	const json_t *spool = json_object_get(move, "spool");

	rescue_name(out, move);
	print_safe(out, text_of(move, "target"));
	fprintf(out, " holds %lld of %lld items, as of ",
	    (long long)integer_of(spool, "held"), (long long)integer_of(spool, "listed"));
	print_safe(out, text_of(spool, "as_of"));
	fputc('\n', out);
}

/* Whose the node is, and can be done; an older move of an account is refused by the newer. */
static json_t *
rescue_choose(struct options *o, const struct rescue *r, const json_t *answer)
{
	json_t *chosen = json_array();
	struct err e;
	size_t i;
	json_t *m;

	json_array_foreach(json_object_get(answer, "moves"), i, m)
	{
		if (!command_node_is(text_of(m, "source"), o->argument) || !r->is_one(m))
			continue;
		if (r->asks && !rescue_post(o, r, m, true, &e)) {
			rescue_name(stderr, m);
			fputs("no: ", stderr);
			print_safe(stderr, e.text);
			fputc('\n', stderr);
			continue;
		}
		if (!o->json)
			rescue_show(stdout, m);
		json_array_append(chosen, m);
	}
	return chosen;
}

static int
rescue_begin(struct options *o, const struct rescue *r, const json_t *chosen)
{
	size_t i, begun = 0;
	json_t *m;
	struct err e;
	int code = 0;

	json_array_foreach(chosen, i, m)
	{
		if (rescue_post(o, r, m, false, &e))
			begun++;
		else
			code = command_fail(o, &e);
	}
	if (!o->json)
		printf("%zu begun; see: zmferry moves\n", begun);
	return code;
}

static int
rescue_run(struct options *o, const struct rescue *r)
{
	json_t *answer = NULL;
	json_t *chosen;
	struct err e;
	int code = 0;

	if (!api_call(&o->api, "GET", "/v1/moves?failed=0", NULL, &answer, &e))
		return command_fail(o, &e);
	chosen = rescue_choose(o, r, answer);
	json_decref(answer);
	if (o->json)
		print_json(stdout, chosen, JSON_SORT_KEYS);
	if (json_array_size(chosen) == 0) {
		err_set(&e, ERR_REFUSED, "node %s: %s", o->argument, r->none);
		code = command_fail(o, &e);
	} else if (!o->dry_run) {
		code = command_confirm(o, r->question, &e) ? rescue_begin(o, r, chosen)
							   : command_fail(o, &e);
	}
	json_decref(chosen);
	return code;
}

int
run_rescue(struct options *o)
{
	static const struct rescue r = {"/from-spool", was_copied, true,
	    "no mailbox of it can live on from a spool; what helps is its "
	    "container, "
	    "its volume or its backup: zmferry policy explain",
	    "Give the node up, and let these live on with what was copied?"};

	return rescue_run(o, &r);
}

int
run_fetch(struct options *o)
{
	static const struct rescue r = {"/fetch", was_rescued, false,
	    "no mailbox that lives elsewhere from a spool has left something "
	    "there: "
	    "zmferry moves",
	    "Lock these for a moment each, and fetch what the node alone has?"};

	return rescue_run(o, &r);
}
