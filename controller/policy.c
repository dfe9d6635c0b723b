/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well nothing is seen and nothing is decided. A fault that stands for its
 * hold time makes a node failing; only then are the interlocks asked, all of them, so that
 * whoever reads the decision sees everything that speaks against it.
 */
#include "controller/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/xalloc.h"

#define MS 1000

/* --- settings --- */

/* "cgroup:" is about all that begins so, where nothing is said of the very name. */
static bool
rule_is_about(const char *rule, const char *name)
{
	size_t len = strlen(rule);

	return len > 0 && rule[len - 1] == ':' && strncasecmp(rule, name, len) == 0;
}

static const struct policy_rule *
rule_find(const struct policy_rule *rules, size_t count, const char *name)
{
	const struct policy_rule *found = NULL;

	for (size_t i = 0; name != NULL && i < count; i++) {
		if (strcasecmp(rules[i].name, name) == 0)
			return &rules[i];
		if (rule_is_about(rules[i].name, name))
			found = &rules[i];
	}
	return found;
}

struct rules { /* that are about one fault on one node; NULL = none */
	const struct policy_rule *node, *fault;
};

static struct rules
rules_of(const struct policy_settings *s, const char *node, const char *probe)
{
	return (struct rules){rule_find(s->node_rules, s->node_rule_count, node),
	    rule_find(s->fault_rules, s->fault_rule_count, probe)};
}

enum policy_mode
policy_mode_of(const struct policy_settings *s, const char *node, const char *probe)
{
	struct rules r = rules_of(s, node, probe);
	bool of_node = r.node != NULL && r.node->has_mode;
	bool of_fault = r.fault != NULL && r.fault->has_mode;

	if (of_node && of_fault)
		return r.node->mode < r.fault->mode ? r.node->mode : r.fault->mode;
	return of_node ? r.node->mode : of_fault ? r.fault->mode : s->mode;
}

uint32_t
policy_hold_of(const struct policy_settings *s, const char *node, const char *probe)
{
	struct rules r = rules_of(s, node, probe);
	bool of_node = r.node != NULL && r.node->has_hold;
	bool of_fault = r.fault != NULL && r.fault->has_hold;

	if (of_node && of_fault)
		return r.node->hold_s > r.fault->hold_s ? r.node->hold_s
							: r.fault->hold_s;
	return of_node ? r.node->hold_s : of_fault ? r.fault->hold_s : s->hold_s;
}

/* --- seeing --- */

void
policy_node_init(struct policy_node *n, const char *name, int64_t now_ms)
{
	memset(n, 0, sizeof(*n));
	snprintf(n->name, sizeof(n->name), "%s", name);
	n->silent_since_ms = n->state_since_ms = now_ms;
	n->state = NODE_SUSPECT; /* until it is heard */
}

void
policy_node_fini(struct policy_node *n)
{
	free(n->faults);
	memset(n, 0, sizeof(*n));
}

static struct policy_standing *
fault_at(struct policy_node *n, const char *probe)
{
	struct policy_standing *f = NULL;

	for (size_t i = 0; i < n->fault_count; i++) {
		if (strcmp(n->faults[i].probe, probe) == 0)
			return &n->faults[i];
	}
	/* One that is over and forgotten by the flapping rule gives way. */
	for (size_t i = 0; i < n->fault_count && n->fault_count == POLICY_STANDING; i++) {
		if (!n->faults[i].stands)
			f = &n->faults[i];
	}
	if (f == NULL && n->fault_count == POLICY_STANDING)
		return NULL;
	if (f == NULL) {
		n->faults =
		    xrealloc_array(n->faults, n->fault_count + 1, sizeof(*n->faults));
		f = &n->faults[n->fault_count++];
	}
	memset(f, 0, sizeof(*f));
	snprintf(f->probe, sizeof(f->probe), "%s", probe);
	return f;
}

static void
fault_begin(struct policy_standing *f, int64_t now_ms)
{
	f->stands = true;
	f->since_ms = now_ms;
	memmove(&f->began_ms[1], &f->began_ms[0],
	    sizeof(f->began_ms) - sizeof(f->began_ms[0]));
	f->began_ms[0] = now_ms;
}

static bool
fault_flaps(const struct policy_standing *f, int64_t now_ms)
{
	int64_t oldest = f->began_ms[POLICY_FLAPS - 1];

	return oldest != 0 && now_ms - oldest < (int64_t)POLICY_FLAP_S * MS;
}

/* While its agent is away nothing is known of its faults: they stay as they were. */
static void
see_faults(struct policy_node *n, const struct policy_seen *seen, int64_t now_ms)
{
	for (size_t i = 0; i < seen->failing_count; i++) {
		struct policy_standing *f = fault_at(n, seen->failing[i].name);

		if (f == NULL)
			continue;
		snprintf(f->text, sizeof(f->text), "%s", seen->failing[i].text);
		if (!f->stands)
			fault_begin(f, now_ms);
	}
	for (size_t k = 0; k < n->fault_count; k++) {
		bool stands = false;

		for (size_t i = 0; i < seen->failing_count && !stands; i++)
			stands = strcmp(n->faults[k].probe, seen->failing[i].name) == 0;
		n->faults[k].stands = stands;
	}
}

void
policy_looked(struct policy_node *n, const char *observer, bool serves, int64_t now_ms)
{
	struct policy_look *at = &n->looks[0];

	for (size_t i = 0; i < POLICY_OBSERVERS; i++) {
		if (strcasecmp(n->looks[i].observer, observer) == 0) {
			at = &n->looks[i];
			break;
		}
		if (n->looks[i].at_ms < at->at_ms)
			at = &n->looks[i];
	}
	snprintf(at->observer, sizeof(at->observer), "%s", observer);
	at->serves = serves;
	at->at_ms = now_ms;
}

/* How many looked lately, and how many of them saw it serve. */
static size_t
looks_count(const struct policy_node *n, int64_t now_ms, size_t *serving_out)
{
	size_t looked = 0;

	*serving_out = 0;
	for (size_t i = 0; i < POLICY_OBSERVERS; i++) {
		const struct policy_look *l = &n->looks[i];

		if (l->observer[0] == '\0' ||
		    now_ms - l->at_ms > (int64_t)POLICY_LOOK_OLD_S * MS)
			continue;
		looked++;
		*serving_out += l->serves;
	}
	return looked;
}

static const struct policy_standing *
unreadable_fault(const struct policy_node *n)
{
	for (size_t i = 0; i < n->fault_count; i++) {
		if (n->faults[i].stands &&
		    policy_fault_find(n->faults[i].probe)->unreadable)
			return &n->faults[i];
	}
	return NULL;
}

static bool
fault_hinders(const struct policy_node *n)
{
	for (size_t i = 0; i < n->fault_count; i++) {
		if (n->faults[i].stands && policy_fault_find(n->faults[i].probe)->hinders)
			return true;
	}
	return false;
}

bool
policy_is_sick(const struct policy_node *n)
{
	return !n->cordoned && ((n->state == NODE_FAILING && fault_hinders(n)) ||
				   n->state == NODE_UNREACHABLE ||
				   n->state == NODE_DOWN || n->state == NODE_DEAD);
}

bool
policy_wants_looks(const struct policy_node *n)
{
	return !n->empty && (!n->connected || unreadable_fault(n) != NULL);
}

const struct policy_standing *
policy_worst(const struct policy_node *n)
{
	const struct policy_standing *worst = NULL;

	for (size_t i = 0; i < n->fault_count; i++) {
		const struct policy_standing *f = &n->faults[i];
		bool better;

		if (!f->stands)
			continue;
		better = worst == NULL ||
			 (policy_fault_find(f->probe)->evacuates &&
			     !policy_fault_find(worst->probe)->evacuates) ||
			 (policy_fault_find(f->probe)->evacuates ==
				 policy_fault_find(worst->probe)->evacuates &&
			     f->since_ms < worst->since_ms);
		if (better)
			worst = f;
	}
	return worst;
}

static bool
fault_is_held(const struct policy_node *n, const struct policy_settings *s,
    const struct policy_standing *f, int64_t now_ms)
{
	return f->stands &&
	       now_ms - f->since_ms >= (int64_t)policy_hold_of(s, n->name, f->probe) * MS;
}

static bool
any_fault(const struct policy_node *n, const struct policy_settings *s, bool only_held,
    int64_t now_ms)
{
	for (size_t i = 0; i < n->fault_count; i++) {
		if (n->faults[i].stands &&
		    (!only_held || fault_is_held(n, s, &n->faults[i], now_ms)))
			return true;
	}
	return false;
}

/* Two observers: its agent (silent, or saying so itself) and another node. */
static bool
is_down(const struct policy_node *n, const struct policy_settings *s, int64_t now_ms)
{
	const struct policy_standing *f = unreadable_fault(n);
	size_t serving;
	bool own_word = n->connected
			    ? f != NULL && fault_is_held(n, s, f, now_ms)
			    : now_ms - n->silent_since_ms >= (int64_t)s->silent_s * MS;

	return own_word && looks_count(n, now_ms, &serving) > 0 && serving == 0;
}

static enum policy_state
state_of(struct policy_node *n, const struct policy_settings *s, int64_t now_ms)
{
	if (n->empty)
		return NODE_EMPTY;
	if (!is_down(n, s, now_ms))
		n->down_since_ms = 0;
	else if (n->down_since_ms == 0)
		n->down_since_ms = now_ms;
	if (n->down_since_ms != 0)
		return now_ms - n->down_since_ms >= (int64_t)s->dead_s * MS ? NODE_DEAD
									    : NODE_DOWN;
	if (!n->connected)
		return now_ms - n->silent_since_ms < (int64_t)s->silent_s * MS
			   ? NODE_SUSPECT
			   : NODE_UNREACHABLE;
	if (n->cordoned)
		return NODE_MAINTENANCE;
	if (any_fault(n, s, true, now_ms))
		return NODE_FAILING;
	return any_fault(n, s, false, now_ms) ? NODE_SUSPECT : NODE_OK;
}

bool
policy_see(struct policy_node *n, const struct policy_settings *s,
    const struct policy_seen *seen, int64_t now_ms)
{
	enum policy_state state;

	if (n->connected && !seen->connected)
		n->silent_since_ms = now_ms;
	n->connected = seen->connected;
	n->cordoned = seen->cordoned;
	n->empty = seen->empty;
	if (seen->connected)
		see_faults(n, seen, now_ms);
	state = state_of(n, s, now_ms);
	if (state == n->state)
		return false;
	n->state = state;
	n->state_since_ms = now_ms;
	return true;
}

void
policy_why(const struct policy_node *n, int64_t now_ms, char *out, size_t size)
{
	const struct policy_standing *f = policy_worst(n);
	size_t serving;
	size_t looked = looks_count(n, now_ms, &serving);

	if (!n->connected && looked == 0)
		snprintf(out, size,
		    "its agent is not connected, and no other node could look at it");
	else if (!n->connected)
		snprintf(out, size,
		    "its agent is not connected; of %zu other nodes that looked %zu saw "
		    "it serve",
		    looked, serving);
	else if (f != NULL)
		snprintf(out, size, "%s: %.400s", f->probe, f->text);
	else
		snprintf(out, size, "nothing is wrong");
}

/* --- deciding --- */

static uint32_t
bit(enum policy_reason reason)
{
	return (uint32_t)1 << reason;
}

/* What holds this node back, whatever the others are like. */
static uint32_t
reasons_of_node(const struct policy_node *n, const struct policy_settings *s,
    const struct policy_standing *f, int64_t now_ms)
{
	enum policy_mode mode = policy_mode_of(s, n->name, f->probe);
	uint32_t reasons = 0;

	if (!fault_is_held(n, s, f, now_ms))
		reasons |= bit(REASON_HOLD);
	if (mode != POLICY_AUTO)
		reasons |= bit(mode == POLICY_OFF ? REASON_OFF : REASON_ASK);
	if (unreadable_fault(n) != NULL)
		reasons |= bit(REASON_UNREADABLE);
	else if (!policy_fault_find(f->probe)->evacuates)
		reasons |= bit(REASON_FAULT);
	if (fault_flaps(f, now_ms))
		reasons |= bit(REASON_FLAPPING);
	if (n->cordoned)
		reasons |= bit(REASON_CORDONED);
	return reasons;
}

static bool
others_are_too_many(const struct policy_settings *s, uint32_t others_sick)
{
	return others_sick + 1 > s->nodes_at_once;
}

void
policy_see_others(struct policy_node *n, const struct policy_settings *s,
    uint32_t others_sick, int64_t now_ms)
{
	if (others_are_too_many(s, others_sick))
		n->others_sick_ms = now_ms;
}

static uint32_t
reasons_of_cluster(const struct policy_node *n, const struct policy_settings *s,
    const struct policy_cluster *c, int64_t now_ms)
{
	uint32_t reasons = 0;

	if (now_ms - c->started_ms < (int64_t)s->start_s * MS)
		reasons |= bit(REASON_STARTING);
	if (c->read_only)
		reasons |= bit(REASON_READ_ONLY);
	if ((uint64_t)c->heard * 100 < (uint64_t)c->known * s->heard_percent)
		reasons |= bit(REASON_PARTITION);
	/* What they share does not leave all of them in the same second. */
	if (others_are_too_many(s, c->others_sick) ||
	    (n->others_sick_ms != 0 &&
		now_ms - n->others_sick_ms < (int64_t)s->hold_s * MS))
		reasons |= bit(REASON_OTHERS);
	if (c->job_open)
		reasons |= bit(REASON_JOB);
	if (c->begun_today >= s->per_day)
		reasons |= bit(REASON_BUDGET);
	return reasons;
}

static enum policy_decision
decision_of(uint32_t reasons)
{
	/* A fault that no evacuation cures is an alert and no decision. */
	if ((reasons & bit(REASON_FAULT)) != 0)
		return DECIDE_NOTHING;
	if ((reasons & bit(REASON_OFF)) != 0)
		return DECIDE_NOTHING;
	if ((reasons & (bit(REASON_HOLD) | bit(REASON_STARTING))) != 0)
		return DECIDE_WAIT;
	if ((reasons & bit(REASON_ASK)) != 0)
		return DECIDE_ASK;
	return reasons != 0 ? DECIDE_DECLINE : DECIDE_EVACUATE;
}

struct policy_verdict
policy_decide(const struct policy_node *n, const struct policy_settings *s,
    const struct policy_cluster *c, const struct policy_plan *plan, int64_t now_ms)
{
	struct policy_verdict v = {.decision = DECIDE_NOTHING};
	const struct policy_standing *f = policy_worst(n);

	if (n->empty || !n->connected || f == NULL)
		return v;
	v.reasons =
	    reasons_of_node(n, s, f, now_ms) | reasons_of_cluster(n, s, c, now_ms);
	if (v.reasons == 0 && plan == NULL) {
		v.decision = DECIDE_PLAN;
		return v;
	}
	if (plan != NULL && !plan->possible) {
		v.reasons |= bit(REASON_PLAN);
		snprintf(v.plan_why, sizeof(v.plan_why), "%s", plan->why);
	} else if (plan != NULL && plan->without_room > 0) {
		v.reasons |= bit(REASON_ROOM);
	}
	v.decision = decision_of(v.reasons);
	return v;
}

bool
policy_restart_due(const struct policy_node *n, const struct policy_settings *s,
    const struct policy_cluster *c, int64_t last_ms, int64_t now_ms)
{
	uint32_t held = bit(REASON_STARTING) | bit(REASON_READ_ONLY) |
			bit(REASON_PARTITION) | bit(REASON_OTHERS);

	return s->restart && (n->state == NODE_DOWN || n->state == NODE_DEAD) &&
	       now_ms - n->down_since_ms >= (int64_t)s->restart_s * 1000 &&
	       (last_ms == 0 ||
		   now_ms - last_ms >= (int64_t)POLICY_RESTART_AGAIN_S * 1000) &&
	       (reasons_of_cluster(n, s, c, now_ms) & held) == 0;
}

bool
policy_reason_text(
    const struct policy_verdict *v, enum policy_reason reason, char *out, size_t size)
{
	if ((v->reasons & bit(reason)) == 0)
		return false;
	snprintf(out, size, "%s%s%.200s", policy_reasons[reason].text,
	    reason == REASON_PLAN ? ": " : "", reason == REASON_PLAN ? v->plan_why : "");
	return true;
}

void
policy_reasons_text(const struct policy_verdict *v, char *out, size_t size)
{
	char line[LIMIT_TEXT];
	size_t length = 0;

	out[0] = '\0';
	for (int i = 0; i < REASON_COUNT && length + 1 < size; i++) {
		if (policy_reason_text(v, (enum policy_reason)i, line, sizeof(line)))
			length += (size_t)snprintf(out + length, size - length, "%s%s",
			    length == 0 ? "" : "; ", line);
	}
}
