/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the controller names a node, its LMTP is asked for a greeting, what
 * was seen is told. What can go wrong: it hangs (a few seconds, then that is the answer),
 * the link is gone meanwhile (the controller asks again).
 */
#include "agent/look.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/health/lmtp.h"
#include "proto/base/work.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define GREETING_MS 5000
#define AT_ONCE 4

struct look {
	struct work work; /* first */
	struct agent *agent;
	char node[LIMIT_NAME + 1];
	const char *address; /* of agent->conf, or node */
	uint16_t port;
};

static bool
look_run(struct work *work)
{
	struct look *l = (struct look *)work;

	return lmtp_greets(
	    l->address, l->port, GREETING_MS, &l->agent->cancelled, &work->err);
}

static void
look_done(struct work *work)
{
	struct look *l = (struct look *)work;
	struct agent *a = l->agent;
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Looked looked = WIRE__LOOKED__INIT;

	a->looks--;
	if (!a->stopping) {
		looked.node = frame_bytes(l->node);
		looked.serves = work->ok;
		looked.text = frame_bytes(work->ok ? "its LMTP greets" : work->err.text);
		m.body_case = WIRE__ENVELOPE__BODY_LOOKED;
		m.looked = &looked;
		(void)agent_send(a, &m); /* not there: it asks again */
	}
	free(l);
}

void
look_begin(struct agent *a, const Wire__Look *wanted)
{
	struct look *l;
	struct err e;

	if (a->looks >= AT_ONCE)
		return;
	l = XNEW(struct look);
	l->work.run = look_run;
	l->work.done = look_done;
	l->agent = a;
	l->port = (uint16_t)wanted->lmtp_port;
	if (!frame_copy(&wanted->node, l->node, sizeof(l->node)))
		BUG("a checked node name that is too long");
	l->address = agent_resolve(a->conf, l->node);
	if (work_submit(&a->loop, &l->work, &e))
		a->looks++;
	else
		free(l);
}
