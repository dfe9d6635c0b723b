/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No new mailbox lands on a cordoned node: it is taken out of every COS's zimbraMailHostPool,
 * and put back exactly when the cordon ends. Journaled before anything is changed.
 */
#ifndef CONTROLLER_CORDON_H
#define CONTROLLER_CORDON_H

#include <jansson.h>

#include "controller/pools.h"
#include "controller/world.h"

#define CORDONS_MAX 64

struct controller;
struct journal;

struct cordon {
	char node[WORLD_NAME];
	char server_id[LIMIT_ID];
	char who[64];
	int64_t at_ms;
};

struct cordons { /* as journaled */
	struct cordon rows[CORDONS_MAX];
	size_t count;
	struct pool_record *pools; /* owned */
	size_t pool_count;
};

MUST_USE bool journal_cordons_load(struct journal *j, struct cordons *out, struct err *e);
/* Everything at once: nothing of it is true before. */
MUST_USE bool
journal_cordons_save(struct journal *j, const struct cordons *all, struct err *e);
void cordons_fini(struct cordons *all);
bool cordons_has(const struct cordons *all, const char *node);

/*
 * Cordons the node, or ends its cordon; node "" = only makes true what is journaled. done
 * comes later: what was changed ({"node", "cordoned", "pools"}, borrowed), or NULL with e.
 */
typedef void (*cordon_done_fn)(void *owner, const json_t *report, const struct err *e);
void cordon_start(struct controller *c, const char *node, bool on, const char *who,
    cordon_done_fn done, void *owner);

#endif
