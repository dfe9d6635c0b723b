/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmferry move MOVE --from-spool: what the spool holds is shown, and what is lost with the node.
 * zmferry move fetch MOVE: the node is back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "controller/cli/commands_private.h"
#include "controller/cli/print_private.h"

/* Asked only; the controller does nothing. */
static bool
may_from_spool(struct options *o, json_t **answer_out, struct err *e)
{
	char *path = command_path("/v1/moves/", o->argument, "/from-spool");
	json_t *body = json_pack("{sb}", "dry_run", true);
	bool ok = api_call(&o->api, "POST", path, body, answer_out, e);

	json_decref(body);
	free(path);
	return ok;
}

static void
print_spool(FILE *out, const json_t *answer)
{
	const json_t *m = json_object_get(answer, "move");
	const json_t *spool = json_object_get(m, "spool");
	char bytes[32];

	print_safe(out, text_of(m, "id"));
	fputs("  ", out);
	print_safe(out, text_of(m, "account"));
	fputs(": ", out);
	print_safe(out, text_of(m, "target"));
	fprintf(out, " holds %lld of %lld items (%s sent), as ",
	    (long long)integer_of(spool, "held"), (long long)integer_of(spool, "listed"),
	    print_bytes((double)integer_of(spool, "bytes"), bytes, sizeof(bytes)));
	print_safe(out, text_of(m, "source"));
	fputs(" had them at ", out);
	print_safe(out, text_of(spool, "as_of"));
	fputs("\nWhat came to ", out);
	print_safe(out, text_of(m, "source"));
	fputs(" or was changed there after that will be missing; it stays there, nothing "
	      "is "
	      "deleted.\n",
	    out);
}

/* An account's name may begin with that letter, too. */
static bool
is_move(const char *text)
{
	return text[0] == 'm' && text[1] != '\0' &&
	       strspn(text + 1, "0123456789") == strlen(text + 1);
}

/* It is about one move that exists: options that say where and when to move mean something else. */
static bool
options_fit(const struct options *o, struct err *e)
{
	if (o->to != NULL || o->cutover != NULL || o->wait)
		return err_set(e, ERR_REFUSED,
		    "--from-spool goes on with a move that is there, at once: --to, "
		    "--cutover "
		    "and --wait do not go with it");
	return is_move(o->argument) || err_set(e, ERR_REFUSED,
					   "%s: --from-spool wants a move (m12), not an "
					   "account; see: zmferry moves",
					   o->argument);
}

int
move_from_spool(struct options *o)
{
	json_t *answer = NULL;
	struct err e;

	if (!options_fit(o, &e) || !may_from_spool(o, &answer, &e))
		return command_fail(o, &e);
	if (o->dry_run)
		command_show(o, answer, print_spool);
	else if (!o->json)
		print_spool(stdout, answer);
	json_decref(answer);
	return o->dry_run ? 0
			  : command_move(o, "Give the node up and go on with that?",
				"/from-spool", NULL);
}

int
run_move_fetch(struct options *o)
{
	return command_move(
	    o, "Lock the account for a moment, and fetch what was left?", "/fetch", NULL);
}
