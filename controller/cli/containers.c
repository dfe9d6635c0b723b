/* SPDX-License-Identifier: Apache-2.0 */
/* A node's container: what is there, start, stop, restart. */
#include <string.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print.h"
#include "controller/cli/print_private.h"

static void
print_container(FILE *out, const json_t *answer)
{
	print_safe(out, text_of(answer, "node"));
	fputs(
	    json_is_true(json_object_get(answer, "by_hand")) ? ": do it by hand: " : ": ",
	    out);
	print_safe(out, text_of(answer, "text"));
	fputc('\n', out);
}

static int
container_op(struct options *o, const char *op)
{
	json_t *body = json_pack("{ssss}", "node", o->argument, "op", op);
	json_t *answer;
	struct err e;
	bool ok = api_call(&o->api, "POST", "/v1/containers", body, &answer, &e);

	json_decref(body);
	if (!ok)
		return command_fail(o, &e);
	command_show(o, answer, print_container);
	json_decref(answer);
	return 0;
}

int
run_container(struct options *o)
{
	return container_op(o, "describe");
}

int
run_start(struct options *o)
{
	return container_op(o, "start");
}

/* People are on it. */
static int
interrupt(struct options *o, const char *op)
{
	struct err e;

	if (!command_confirm(o, "Everybody who lives on it is interrupted. Do it?", &e))
		return command_fail(o, &e);
	return container_op(o, op);
}

int
run_stop(struct options *o)
{
	return interrupt(o, "stop");
}

int
run_restart(struct options *o)
{
	return interrupt(o, "restart");
}
