/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told of a node: by its state, and by what the policy makes of that. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/watch_private.h"
#include "proto/base/clock.h"

#define MS 1000

struct told {
	char subject[WATCH_SUBJECT];
	char why[LIMIT_TEXT];
	char since[40];
	char holds[160];
	char way[2 * LIMIT_NAME + 80];
	char reasons[2 * LIMIT_TEXT];
};

/* What helps: moving the mailboxes away while that works, else the fault's own way out. */
static void
way_out(const struct watched *n, char *out, size_t size)
{
	const struct policy_standing *f = policy_worst(&n->node);
	const struct policy_fault *fault = f == NULL ? NULL : policy_fault_find(f->probe);
	bool unreadable = (n->verdict.reasons & (uint32_t)1 << REASON_UNREADABLE) != 0;

	for (size_t i = 0; unreadable && i < n->node.fault_count; i++) {
		if (n->node.faults[i].stands &&
		    policy_fault_find(n->node.faults[i].probe)->unreadable)
			fault = policy_fault_find(n->node.faults[i].probe);
	}
	/* An expired one makes mailboxd unreadable: a restart would not help. */
	for (size_t i = 0; unreadable && i < n->node.fault_count; i++) {
		if (n->node.faults[i].stands &&
		    strcmp(n->node.faults[i].probe, "certificate:mailboxd") == 0)
			fault = policy_fault_find(n->node.faults[i].probe);
	}
	if (fault != NULL && fault->evacuates && !unreadable)
		snprintf(out, size, "then move its mailboxes away: zmferry evacuate %s",
		    n->node.name);
	else
		snprintf(out, size, "then %s",
		    fault == NULL ? "zmferry nodes" : fault->way_out);
}

/* Who was being moved off it may be had from elsewhere. */
static void
tell_copied(const struct watch *w, const struct watched *n, struct told *t)
{
	uint32_t count =
	    w->host.copied == NULL ? 0 : w->host.copied(w->host.ctx, n->node.name);
	size_t len = strlen(t->holds);

	if (count > 0)
		snprintf(t->holds + len, sizeof(t->holds) - len,
		    "; %" PRIu32 " copied to other nodes' spools", count);
}

static void
told_fill(const struct watch *w, const struct watched *n, struct told *t)
{
	int64_t now = w->host.mono_ms();
	int64_t since_ms =
	    n->node.connected ? n->node.state_since_ms : n->node.silent_since_ms;

	watch_subject(n->node.name, t->subject);
	policy_why(&n->node, now, t->why, sizeof(t->why));
	clock_format(w->host.wall_ms() - (now - since_ms), t->since, sizeof(t->since));
	policy_reasons_text(&n->verdict, t->reasons, sizeof(t->reasons));
	way_out(n, t->way, sizeof(t->way));
	if (n->record.heard_ms == 0)
		snprintf(t->holds, sizeof(t->holds), "it is not known what");
	else
		snprintf(t->holds, sizeof(t->holds),
		    "%" PRIu64 " mailboxes, %" PRIu64 " MB when it was last heard",
		    n->record.mailboxes, n->record.bytes >> 20);
	tell_copied(w, n, t);
}

static void
tell(struct watch *w, struct watched *n, enum alert_key key, const struct told *t)
{
	if (n->told && n->told_key == key && n->told_reasons == n->verdict.reasons)
		return;
	n->told = true;
	n->told_key = key;
	n->told_reasons = n->verdict.reasons;
	n->calm = false;
	alert_raise(w->host.alerts, key, t->subject,
	    ALERT_FACTS("node", n->node.name, "why", t->why, "since", t->since, "holds",
		t->holds, "reasons", t->reasons, "way", t->way));
}

static void
calm(struct watch *w, struct watched *n)
{
	char subject[WATCH_SUBJECT];
	char restart[WATCH_SUBJECT];

	if (n->calm)
		return;
	n->calm = true;
	n->told = false;
	watch_subject(n->node.name, subject);
	alert_clear(w->host.alerts, subject);
	watch_restart_subject(n->node.name, restart);
	alert_clear(w->host.alerts, restart);
}

void
watch_tell_begun(struct watch *w, struct watched *n, const char *why)
{
	char subject[WATCH_SUBJECT];
	char job[24];

	watch_subject(n->node.name, subject);
	snprintf(job, sizeof(job), "j%u", n->job);
	n->calm = false;
	n->told = true;
	n->told_key = ALERT_EVACUATION_BEGUN;
	alert_raise(w->host.alerts, ALERT_EVACUATION_BEGUN, subject,
	    ALERT_FACTS("node", n->node.name, "why", why, "job", job));
}

void
watch_tell(struct watch *w, struct watched *n)
{
	struct told t;

	/* While it is evacuated by itself, that is what is told of it. */
	if (n->job != 0 && n->node.state != NODE_DOWN && n->node.state != NODE_DEAD)
		return;
	told_fill(w, n, &t);
	switch (n->node.state) {
	case NODE_OK:
	case NODE_MAINTENANCE:
	case NODE_EMPTY:
		calm(w, n);
		return;
	case NODE_SUSPECT: /* what was told stands until it is well */
		return;
	case NODE_FAILING:
		/* Looked at once more: until that is known, what was told stands. */
		if (n->verdict.decision == DECIDE_PLAN && n->told &&
		    n->told_key == ALERT_EVACUATION_DECLINED)
			return;
		tell(w, n,
		    n->verdict.decision == DECIDE_DECLINE ? ALERT_EVACUATION_DECLINED
							  : ALERT_NODE_FAILING,
		    &t);
		return;
	case NODE_UNREACHABLE:
		tell(w, n, ALERT_NODE_UNREACHABLE, &t);
		return;
	case NODE_DOWN:
		tell(w, n, ALERT_NODE_DOWN, &t);
		return;
	case NODE_DEAD:
		tell(w, n, ALERT_NODE_DEAD, &t);
		return;
	case NODE_STATE_COUNT:
		break;
	}
}
