/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by survey.c (a plan's facts) and survey_level.c (who moves so that nodes become even). */
#ifndef CONTROLLER_SURVEY_PRIVATE_H
#define CONTROLLER_SURVEY_PRIVATE_H

#include "controller/plan.h"
#include "controller/world_private.h"
#include "controller/zimbra/references.h"

/* Somebody who is to move so that nodes become even; indexes of the plan's nodes. */
struct chosen {
	char id[FLEET_ID_SIZE];
	int from;
	int to;
};

struct survey {
	struct work work;
	struct world_live *w;
	struct directory *directory;
	struct plan *plan;
	struct plan_request rq; /* node: as given, then as found */
	survey_done_fn done;
	void *owner;
	uint32_t number;
	struct account_facts *accounts; /* owned copies, aliases not kept */
	size_t account_count;
	struct server_facts *servers;
	size_t server_count;
	size_t groups;
	struct server_standing standing; /* PLAN_REMOVE */
	struct chosen *chosen;		 /* of a plan that spreads */
	size_t chosen_count;
};

/* Keeps a copy; a directory_account_fn. */
bool survey_keep_account(const struct account_facts *a, void *ctx);

/* Loop thread: from the inventories who is to move, into v->chosen. The plan's nodes are
   filled and its targets chosen. */
void survey_level(struct survey *v);
/* On the pool: these in the directory; who does not live where the inventory has him is left out. */
bool survey_run_chosen(struct work *work);

#endif
