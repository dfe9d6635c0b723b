/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about alerts: looking, acknowledging, silencing, testing the ways out. */
#include <stdlib.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print.h"
#include "proto/base/conf.h"

int
run_alerts(struct options *o)
{
	return command_get(o, "/v1/alerts", print_alerts);
}

static int
alert_change(struct options *o, const char *suffix, json_t *take_body)
{
	char *path = command_path("/v1/alerts/", o->argument, suffix);
	json_t *answer;
	struct err e;
	bool ok = api_call(&o->api, "POST", path, take_body, &answer, &e);

	json_decref(take_body);
	free(path);
	if (!ok)
		return command_fail(o, &e);
	command_show(o, answer, print_alert);
	json_decref(answer);
	return 0;
}

int
run_alert_ack(struct options *o)
{
	return alert_change(o, "/ack", json_object());
}

int
run_alert_silence(struct options *o)
{
	uint32_t seconds;
	struct err e;

	if (o->for_time != NULL && conf_duration_parse(o->for_time, &seconds))
		return alert_change(
		    o, "/silence", json_pack("{sI}", "seconds", (json_int_t)seconds));
	err_set(&e, ERR_REFUSED, "\"%.40s\" is not how long (try --for 2h; 0s ends it)",
	    o->for_time == NULL ? "" : o->for_time);
	return command_fail(o, &e);
}

/* 1 when some way did not take it: scripts ask. */
int
run_alerts_test(struct options *o)
{
	json_t *answer;
	const json_t *row;
	struct err e;
	size_t i;
	int code = 0;

	if (!api_call(&o->api, "POST", "/v1/alerts/test", NULL, &answer, &e))
		return command_fail(o, &e);
	command_show(o, answer, print_alerts_test);
	json_array_foreach(json_object_get(answer, "ways"), i, row)
	{
		if (!json_is_true(json_object_get(row, "ok")))
			code = 1;
	}
	json_decref(answer);
	return code;
}
