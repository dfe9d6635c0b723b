/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches over the nodes: feeds the policy with what the agents say, asks other nodes to
 * look, raises alerts, and begins an evacuation when the policy says so. Loop thread only.
 */
#ifndef CONTROLLER_WATCH_H
#define CONTROLLER_WATCH_H

#include <jansson.h>

#include "controller/cordon.h"
#include "controller/fleet.h"
#include "controller/job.h"
#include "controller/plan.h"
#include "controller/policy.h"
#include "controller/world_live.h"

#define WATCH_WHO "policy" /* who began a job by itself */

struct watch;
struct alerts;

/* What the watch needs of the controller. Functions may be called from watch_tick only. */
struct watch_host {
	void *ctx;
	void (*each_node)(void *ctx, fleet_each_fn fn, void *fn_ctx);
	void (*each_job)(void *ctx, jobs_each_fn fn, void *fn_ctx);
	/* Asks observer's agent; false: it cannot be asked. The answer: watch_looked. */
	bool (*look)(void *ctx, const char *observer, const char *node);
	/* An evacuation of the node, planned; done comes later. */
	void (*survey)(void *ctx, const char *node, survey_done_fn done, void *owner);
	/* Makes the job; the node is cordoned too. */
	bool (*begin)(
	    void *ctx, const struct plan *plan, uint32_t *job_out, struct err *e);
	/* Starts its container again; watch_restarted comes later, never from inside. */
	void (*restart)(void *ctx, const char *node);
	/* Mailboxes of the node that are in other nodes' spools, whole. NULL: nobody knows. */
	uint32_t (*copied)(void *ctx, const char *node);
	struct journal *journal;
	struct alerts *alerts;
	int64_t (*mono_ms)(void);
	int64_t (*wall_ms)(void);
};

/* What is kept of a node over restarts (journal_nodes.c). */
struct watch_record {
	char name[WORLD_NAME];
	int64_t heard_ms; /* wall clock */
	uint64_t mailboxes, bytes;
};
typedef void (*watch_record_fn)(const struct watch_record *row, void *ctx);
MUST_USE bool
journal_nodes_load(struct journal *j, watch_record_fn fn, void *ctx, struct err *e);
MUST_USE bool
journal_node_save(struct journal *j, const struct watch_record *row, struct err *e);
MUST_USE bool journal_node_forget(struct journal *j, const char *name, struct err *e);

/* Takes up the nodes that the journal knows. settings are borrowed. */
MUST_USE bool watch_new(const struct policy_settings *settings,
    const struct watch_host *host, struct watch **out, struct err *e);
void watch_free(struct watch **w);
/* Every few seconds, and when an agent came, went or said something. */
void watch_tick(struct watch *w);
/* What an agent saw of another node; what nobody asked for is passed over. */
void watch_looked(struct watch *w, const char *observer, const char *node, bool serves);
/* How that went; e NULL: well, text says what was done. */
void
watch_restarted(struct watch *w, const char *node, const char *text, const struct err *e);
/*
 * The node is gone for good: nothing more is expected of it. Refused while its agent is
 * connected, or when nobody knows it.
 */
MUST_USE bool watch_forget(struct watch *w, const char *node, struct err *e);

/* GET /v1/policy of docs/openapi.json; node NULL = all of them. New reference. */
json_t *watch_view(struct watch *w, const char *node);
/* "ok", "failing", ...; "" when it is not known. */
const char *watch_state_of(const struct watch *w, const char *node);

#endif
