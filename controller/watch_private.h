/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by watch.c (seeing, deciding), watch_alerts.c (telling) and watch_view.c (showing). */
#ifndef CONTROLLER_WATCH_PRIVATE_H
#define CONTROLLER_WATCH_PRIVATE_H

#include "controller/alert/table.h"
#include "controller/watch.h"

struct watched {
	struct policy_node node;
	struct watch_record record;
	bool heard; /* since this controller started */
	bool cordoned;
	bool emptied; /* its last job evacuated all of it */
	struct policy_verdict verdict;
	/* looking from elsewhere */
	char asked[POLICY_OBSERVERS][WORLD_NAME];
	int64_t asked_ms; /* 0 = never */
	/* the last plan, if it speaks against an evacuation */
	struct policy_plan plan;
	int64_t planned_ms; /* 0 = none */
	uint32_t job;	    /* that we began and that is open */
	int64_t restart_ms; /* its container was started again; 0 = never */
	/* telling */
	bool calm; /* nothing of it is raised */
	bool told;
	enum alert_key told_key;
	uint32_t told_reasons;
};

struct watch {
	const struct policy_settings *settings;
	struct watch_host host;
	struct watched **rows; /* by name */
	size_t count;
	struct policy_cluster cluster;
	uint32_t sick;
	struct watched *planning; /* whose plan is being made; NULL = nobody's */
};

#define WATCH_SUBJECT (WORLD_NAME + 10)
/* "node:mbs1": of its alerts and events. */
void watch_subject(const char *node, char out[WATCH_SUBJECT]);
/* "restart:mbs1": of its container's being started again. */
void watch_restart_subject(const char *node, char out[WATCH_SUBJECT]);

struct watched *watch_find(const struct watch *w, const char *name);
/* Raises, changes or ends what is to be told of the node. */
void watch_tell(struct watch *w, struct watched *n);
void watch_tell_begun(struct watch *w, struct watched *n, const char *why);

#endif
