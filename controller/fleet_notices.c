/* SPDX-License-Identifier: Apache-2.0 */
/* What agents are told without being owed an answer: leases go on, a step ends, look there. */
#include <string.h>

#include "controller/fleet_private.h"
#include "proto/base/clock.h"
#include "proto/frame.h"

#define VERSION_OF_LOOK 2
#define VERSION_OF_SESSIONS 3

/* NULL: it is not connected, and is not told. */
static struct agent *
connected_agent(struct fleet *f, const char *node)
{
	struct agent *a = fleet_agent_find(f, node);

	return a == NULL || a->peer == NULL ? NULL : a;
}

void
agent_ping(struct agent *a)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Ping ping = WIRE__PING__INIT;

	skew_fill_ping(&a->skew, &ping, clock_mono_ms(), clock_wall_ms());
	m.body_case = WIRE__ENVELOPE__BODY_PING;
	m.ping = &ping;
	agent_put(a, &m);
}

void
fleet_renew(struct fleet *f, const char *node, const char *move_id)
{
	struct agent *a = connected_agent(f, node);
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__LeaseRenew renew = WIRE__LEASE_RENEW__INIT;

	if (a == NULL)
		return;
	renew.move_id = frame_bytes(move_id);
	renew.lease_ms = LEASE_MS;
	m.body_case = WIRE__ENVELOPE__BODY_LEASE_RENEW;
	m.lease_renew = &renew;
	agent_put(a, &m);
}

void
fleet_cancel(struct fleet *f, const char *node, const char *move_id, uint32_t step_no)
{
	struct agent *a = connected_agent(f, node);
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepCancel cancel = WIRE__STEP_CANCEL__INIT;

	if (a == NULL)
		return;
	cancel.move_id = frame_bytes(move_id);
	cancel.step_no = step_no;
	m.body_case = WIRE__ENVELOPE__BODY_CANCEL;
	m.cancel = &cancel;
	agent_put(a, &m);
}

void
fleet_let_go(struct fleet *f, const char *node, const char *move_id)
{
	struct agent *a = fleet_agent_find(f, node);

	if (a == NULL || a->peer != NULL)
		return;
	for (struct pending *p = a->pending; p != NULL; p = p->next) {
		if (strcmp(p->ask->move_id, move_id) == 0)
			p->deadline_ms = 0;
	}
}

bool
fleet_look(struct fleet *f, const char *observer, const char *node, uint16_t lmtp_port)
{
	struct agent *a = connected_agent(f, observer);
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Look look = WIRE__LOOK__INIT;

	if (a == NULL || a->version < VERSION_OF_LOOK)
		return false;
	look.node = frame_bytes(node);
	look.lmtp_port = lmtp_port;
	m.body_case = WIRE__ENVELOPE__BODY_LOOK;
	m.look = &look;
	agent_put(a, &m);
	return a->put;
}

bool
fleet_ask_sessions(struct fleet *f, const char *node, uint64_t look, struct err *e)
{
	struct agent *a = connected_agent(f, node);
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Sessions sessions = WIRE__SESSIONS__INIT;

	if (a == NULL)
		return err_set(e, ERR_RETRY, "its agent is not connected");
	if (a->version < VERSION_OF_SESSIONS)
		return err_set(e, ERR_REFUSED,
		    "its agent (version %s) is too old to say who works there; upgrade "
		    "it",
		    a->facts.version);
	sessions.look = look;
	m.body_case = WIRE__ENVELOPE__BODY_SESSIONS;
	m.sessions = &sessions;
	agent_put(a, &m);
	return a->put || err_set(e, ERR_RETRY, "its agent does not keep up");
}
