/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock goes second by second; the policy is the very one that decides for real. An
 * evacuation that it begins ends after job_s with the node empty.
 */
#include "controller/policy_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

#define MS 1000
#define JOB_S 600
#define DAY_S (24 * 3600)
#define BEGUN_MAX 1024

struct actor {
	struct policy_node node;
	bool connected, cordoned, empty;
	struct policy_probe failing[POLICY_STANDING];
	size_t failing_count;
	struct policy_verdict verdict;
	int64_t job_until_s; /* 0 = none */
	bool changed;	     /* its state, in this second */
};

struct replay {
	const struct policy_settings *settings;
	struct actor *actors;
	size_t count;
	bool room;
	int64_t job_s;
	int64_t now_s;
	int64_t begun_s[BEGUN_MAX];
	size_t begun;
	json_t *changes;
};

static struct actor *
replay_find(struct replay *r, const char *name)
{
	for (size_t i = 0; i < r->count && name != NULL; i++) {
		if (strcmp(r->actors[i].node.name, name) == 0)
			return &r->actors[i];
	}
	return NULL;
}

/* Times begin at 1: 0 means never. */
static int64_t
replay_ms(const struct replay *r)
{
	return r->now_s * MS + 1;
}

static bool
event_take(struct replay *r, const json_t *event, struct err *e)
{
	const char *name = json_string_value(json_object_get(event, "node"));
	const json_t *failing = json_object_get(event, "failing");
	const json_t *looks = json_object_get(event, "looks");
	const json_t *value = json_object_get(event, "connected");
	struct actor *a = replay_find(r, name);
	const char *key;

	if (a == NULL)
		return err_set(e, ERR_REFUSED,
		    "second %lld: node \"%.80s\" is not among \"nodes\"",
		    (long long)r->now_s, name == NULL ? "" : name);
	if (value != NULL)
		a->connected = json_is_true(value);
	value = json_object_get(event, "cordoned");
	if (value != NULL)
		a->cordoned = json_is_true(value);
	if (failing != NULL) {
		a->failing_count = 0;
		json_object_foreach((json_t *)failing, key, value)
		{
			const char *text = json_string_value(value);

			if (a->failing_count == POLICY_STANDING || text == NULL)
				return err_set(e, ERR_REFUSED,
				    "second %lld: \"failing\" of %s must hold at most %d "
				    "sentences",
				    (long long)r->now_s, name, POLICY_STANDING);
			a->failing[a->failing_count++] = (struct policy_probe){key, text};
		}
	}
	json_object_foreach((json_t *)looks, key, value)
	{
		policy_looked(&a->node, key, json_is_true(value), replay_ms(r));
	}
	return true;
}

static struct policy_cluster
replay_cluster(const struct replay *r, const struct actor *of)
{
	struct policy_cluster c = {.started_ms = -(int64_t)DAY_S * MS};

	for (size_t i = 0; i < r->count; i++) {
		const struct actor *a = &r->actors[i];

		c.known += !a->empty;
		c.heard += !a->empty && a->connected;
		c.others_sick += a != of && policy_is_sick(&a->node);
		c.job_open = c.job_open || a->job_until_s != 0;
	}
	for (size_t i = 0; i < r->begun; i++)
		c.begun_today += r->now_s - r->begun_s[i] < DAY_S;
	return c;
}

static void
replay_note(struct replay *r, const struct actor *a)
{
	char why[LIMIT_TEXT], reasons[2 * LIMIT_TEXT];

	policy_why(&a->node, replay_ms(r), why, sizeof(why));
	policy_reasons_text(&a->verdict, reasons, sizeof(reasons));
	json_array_append_new(
	    r->changes, json_pack("{sIssssssssss}", "at_s", (json_int_t)r->now_s, "node",
			    a->node.name, "state", policy_state_names[a->node.state],
			    "decision", policy_decision_names[a->verdict.decision],
			    "reasons", reasons, "why", why));
}

static void
replay_decide(struct replay *r, struct actor *a)
{
	const struct policy_plan plan = {.possible = true, .without_room = !r->room};
	struct policy_cluster c = replay_cluster(r, a);
	struct policy_verdict v;

	policy_see_others(&a->node, r->settings, c.others_sick, replay_ms(r));
	v = policy_decide(&a->node, r->settings, &c, NULL, replay_ms(r));
	if (a->job_until_s != 0)
		v = a->verdict;
	else if (v.decision == DECIDE_PLAN)
		v = policy_decide(&a->node, r->settings, &c, &plan, replay_ms(r));
	a->changed = a->changed || v.decision != a->verdict.decision ||
		     v.reasons != a->verdict.reasons;
	a->verdict = v;
	if (a->changed)
		replay_note(r, a);
	if (v.decision != DECIDE_EVACUATE || a->job_until_s != 0)
		return;
	a->job_until_s = r->now_s + r->job_s;
	a->cordoned = true;
	if (r->begun < BEGUN_MAX)
		r->begun_s[r->begun++] = r->now_s;
}

static void
replay_second(struct replay *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct actor *a = &r->actors[i];

		if (a->job_until_s != 0 && r->now_s >= a->job_until_s) {
			a->job_until_s = 0;
			a->empty = true;
			a->verdict.decision = DECIDE_NOTHING;
			a->verdict.reasons = 0;
		}
		const struct policy_seen seen = {.connected = a->connected,
		    .cordoned = a->cordoned,
		    .empty = a->empty,
		    .failing = a->failing,
		    .failing_count = a->failing_count};

		a->changed = policy_see(&a->node, r->settings, &seen, replay_ms(r));
	}
	/* Only now: what one decides depends on how the others are. */
	for (size_t i = 0; i < r->count; i++)
		replay_decide(r, &r->actors[i]);
}

static bool
replay_open(struct replay *r, const json_t *history, struct err *e)
{
	const json_t *nodes = json_object_get(history, "nodes");
	const json_t *job_s = json_object_get(history, "job_s");
	const json_t *name;
	size_t i;

	if (json_array_size(nodes) == 0 || json_array_size(nodes) > REPLAY_NODES_MAX)
		return err_set(e, ERR_REFUSED,
		    "\"nodes\" must be a list of 1 to %d names", REPLAY_NODES_MAX);
	r->actors = xcalloc(json_array_size(nodes), sizeof(*r->actors));
	r->room = !json_is_false(json_object_get(history, "room"));
	r->job_s = json_is_integer(job_s) && json_integer_value(job_s) > 0
		       ? json_integer_value(job_s)
		       : JOB_S;
	json_array_foreach(nodes, i, name)
	{
		const char *text = json_string_value(name);

		if (text == NULL || text[0] == '\0' || strlen(text) > LIMIT_NAME ||
		    replay_find(r, text) != NULL)
			return err_set(e, ERR_REFUSED,
			    "\"nodes\": entry %zu is no name, or one twice", i + 1);
		policy_node_init(&r->actors[i].node, text, replay_ms(r));
		r->actors[i].connected = true;
		r->count++;
	}
	return true;
}

static bool
replay_run(struct replay *r, const json_t *history, struct err *e)
{
	const json_t *events = json_object_get(history, "events");
	const json_t *until = json_object_get(history, "until_s");
	int64_t until_s = json_integer_value(until);
	size_t next = 0;

	int64_t most_s = REPLAY_STEPS_MAX / (int64_t)r->count;

	if (!json_is_integer(until) || until_s < 1 || until_s > most_s)
		return err_set(e, ERR_REFUSED,
		    "\"until_s\" must be 1 to %lld seconds for %zu nodes",
		    (long long)most_s, r->count);
	for (r->now_s = 0; r->now_s <= until_s; r->now_s++) {
		for (; next < json_array_size(events); next++) {
			const json_t *event = json_array_get(events, next);
			const json_t *at = json_object_get(event, "at_s");

			if (!json_is_integer(at) || json_integer_value(at) < r->now_s)
				return err_set(e, ERR_REFUSED,
				    "event %zu: \"at_s\" must be a second, none before "
				    "the one of the event in front of it",
				    next + 1);
			if (json_integer_value(at) > r->now_s)
				break;
			if (!event_take(r, event, e))
				return false;
		}
		replay_second(r);
	}
	return true;
}

json_t *
policy_replay(
    const struct policy_settings *settings, const json_t *history, struct err *e)
{
	struct replay *r = XNEW(struct replay);
	json_t *answer = NULL;

	r->settings = settings;
	r->changes = json_array();
	if (replay_open(r, history, e) && replay_run(r, history, e))
		answer = json_pack("{sO}", "changes", r->changes);
	json_decref(r->changes);
	for (size_t i = 0; i < r->count; i++)
		policy_node_fini(&r->actors[i].node);
	free(r->actors);
	free(r);
	return answer;
}
