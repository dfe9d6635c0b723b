/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a move asks, the versions of both its nodes are what their agents said
 * last, the journal knows them, and it is seeded. What can go wrong only ever means that it is
 * not: an agent that does not say, a journal that cannot be read.
 */
#include "controller/seeding_live.h"

#include <stdio.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/journal_seeding.h"
#include "controller/json_values.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

/* What cannot be read proves nothing. */
static void
seeding_live_proofs(struct controller *c, struct seeding_proofs *out)
{
	struct err e;

	if (!journal_seeding_load(c->journal, out, &e)) {
		log_error(NULL, "seeding: %s", e.text);
		out->count = 0;
	}
}

static const char *
seeding_live_version(struct controller *c, const char *node)
{
	const struct fleet_node *n = fleet_find(c->fleet, node);

	return n == NULL || !n->connected ? "" : n->zimbra_version;
}

static bool
seeding_live_is_seeded(struct controller *c, const struct seeding_proofs *proofs,
    const char *source, const char *target, bool is_rehearsal, char *why)
{
	return seeding_decide(&(struct seeding_case){.mode = c->seeding,
				  .is_rehearsal = is_rehearsal,
				  .source = source,
				  .target = target,
				  .source_version = seeding_live_version(c, source),
				  .target_version = seeding_live_version(c, target),
				  .proofs = proofs},
	    why);
}

static void
seeding_live_decide(void *ctx, const struct move *m, struct seeding_decision *out)
{
	struct controller *c = ctx;
	struct seeding_proofs proofs;

	seeding_live_proofs(c, &proofs);
	snprintf(out->source_version, sizeof(out->source_version), "%s",
	    seeding_live_version(c, m->source));
	snprintf(out->target_version, sizeof(out->target_version), "%s",
	    seeding_live_version(c, m->target));
	out->seeds = seeding_live_is_seeded(
	    c, &proofs, m->source, m->target, seeding_is_rehearsal(m), out->why);
}

/* --- what rehearsals teach --- */

static void
seeding_live_learn(struct controller *c, const struct move *m, const char *version,
    const char *text, bool holds)
{
	struct seeding_proof row = {.holds = holds, .at_ms = clock_wall_ms()};
	char said[LIMIT_TEXT];
	struct err e;

	snprintf(row.version, sizeof(row.version), "%s", version);
	snprintf(row.source, sizeof(row.source), "%s", m->source);
	snprintf(row.target, sizeof(row.target), "%s", m->target);
	snprintf(row.text, sizeof(row.text), "%s", text);
	if (!journal_seeding_save(c->journal, &row, &e)) {
		log_error(NULL,
		    "seeding: what the rehearsal said of Zimbra %s is lost: %s", version,
		    e.text);
		return;
	}
	snprintf(said, sizeof(said), "seeding is %s on Zimbra %.63s by move %s: %s",
	    holds ? "proven" : "not proven", version, m->id, text);
	log_info(NULL, "%s", said);
	journal_event(c->journal, holds ? "info" : "warn", "seeding", said);
}

static void
seeding_live_changed(void *ctx, const struct move *m, enum move_state before)
{
	struct controller *c = ctx;
	const char *source = m->data.source_version;
	const char *target = m->data.target_version;
	char text[SEEDING_WHY];
	enum seeding_lesson lesson = seeding_judge(m, before, text);

	if (lesson == SEEDING_LEARNT_NOTHING)
		return;
	if (source[0] == '\0' || target[0] == '\0') {
		journal_event(c->journal, "warn", "seeding",
		    "nothing is learnt of seeding by this rehearsal: the agents do not "
		    "say which Zimbra their nodes run; install the same version of "
		    "zmferry everywhere");
		return;
	}
	seeding_live_learn(c, m, target, text, lesson == SEEDING_PROVEN);
	if (strcmp(source, target) != 0)
		seeding_live_learn(c, m, source, text, lesson == SEEDING_PROVEN);
}

bool
seeding_live_is_unproven(struct controller *c, const char *zimbra_version)
{
	struct seeding_proofs proofs;
	const struct seeding_proof *p;

	seeding_live_proofs(c, &proofs);
	p = seeding_proof_find(&proofs, zimbra_version);
	return zimbra_version[0] != '\0' && (p == NULL || !p->holds);
}

/* --- for people --- */

/* One sentence about a plan's moves. */
static void
seeding_live_say(struct plan *plan, const char *why, const char *why_not)
{
	size_t size = sizeof(plan->seeding);

	if (plan->unseeded_count == 0)
		snprintf(plan->seeding, size,
		    "seeded: every mailbox is filled before its lock, messages keep "
		    "their ids (%s)",
		    why);
	else if (plan->seeded_count == 0)
		snprintf(plan->seeding, size, "not seeded: messages get new ids (%s)",
		    why_not);
	else
		snprintf(plan->seeding, size,
		    "seeded: %llu of %llu mailboxes, their messages keep their ids; of "
		    "the others they get new ones (%s)",
		    (unsigned long long)plan->seeded_count,
		    (unsigned long long)(plan->seeded_count + plan->unseeded_count),
		    why_not);
}

static void
seeding_live_plan(void *ctx, struct plan *plan)
{
	struct controller *c = ctx;
	struct seeding_proofs proofs;
	char whys[2][SEEDING_WHY] = {"", ""}; /* the first: of those that are not */

	seeding_live_proofs(c, &proofs);
	for (size_t i = 0; i < plan->account_count; i++) {
		const struct plan_account *a = &plan->accounts[i];
		char why[SEEDING_WHY];
		bool seeds;

		if (a->target < 0 || !a->has_mailbox)
			continue;
		seeds = seeding_live_is_seeded(
		    c, &proofs, a->source, plan->nodes[a->target].name, false, why);
		plan->seeded_count += seeds;
		plan->unseeded_count += !seeds;
		if (whys[seeds][0] == '\0')
			memcpy(whys[seeds], why, sizeof(why));
	}
	seeding_live_say(plan, whys[true], whys[false]);
}

json_t *
seeding_live_view(struct controller *c)
{
	struct seeding_proofs proofs;
	json_t *rows = json_array();

	seeding_live_proofs(c, &proofs);
	for (size_t i = 0; i < proofs.count; i++) {
		const struct seeding_proof *p = &proofs.rows[i];

		json_array_append_new(
		    rows, json_pack("{sosbsosososo}", "version", json_text(p->version),
			      "proven", p->holds, "at", json_time(p->at_ms), "source",
			      json_text(p->source), "target", json_text(p->target),
			      "text", json_text(p->text)));
	}
	return json_pack(
	    "{ssso}", "setting", seeding_mode_names[c->seeding], "rehearsed", rows);
}

bool
seeding_live_start(struct controller *c, struct err *e)
{
	if (!seeding_mode_parse(c->conf->seeding, &c->seeding, e))
		return false;
	c->seeding_host = (struct seeding_host){
	    .ctx = c, .decide = seeding_live_decide, .changed = seeding_live_changed};
	world_live_set_seeding(c->world, seeding_live_plan, c);
	return true;
}
