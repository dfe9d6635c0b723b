/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real world: LDAP and SOAP on the thread pool, agents through the fleet. Loop
 * thread only. Connections are kept between calls and belong to one job at a time.
 */
#ifndef CONTROLLER_WORLD_LIVE_H
#define CONTROLLER_WORLD_LIVE_H

#include <uv.h>

#include "controller/conf.h"
#include "controller/fleet.h"
#include "controller/plan.h"
#include "controller/removal.h"
#include "controller/world.h"
#include "controller/zimbra/directory.h"

struct world_live;

/* Reads the password files. conf is borrowed and must outlive it. */
MUST_USE bool world_live_new(uv_loop_t *loop, const struct controller_conf *conf,
    struct world_live **out, struct err *e);
void world_live_set_fleet(struct world_live *w, struct fleet *fleet);
/* Tells plans whether a mailbox is an old copy of our own, which may be deleted. */
typedef bool (*own_copy_fn)(
    void *ctx, const char *account_id, const char *node, uint64_t mailbox_id);
void world_live_set_copies(struct world_live *w, own_copy_fn fn, void *ctx);
/* Tells plans where our own moves brought whom, newest last: inventories are a minute old. */
typedef void (*home_fn)(
    void *ctx, const char *account_id, const char *node, uint64_t bytes);
typedef void (*each_home_fn)(void *ctx, home_fn fn, void *fn_ctx);
void world_live_set_homes(struct world_live *w, each_home_fn fn, void *ctx);
/* Tells plans what the journal knows of a node that is to be taken out. */
typedef void (*removal_ours_fn)(void *ctx, const char *node, struct removal_ours *out);
void world_live_set_ours(struct world_live *w, removal_ours_fn fn, void *ctx);
/* Tells plans whether new mailboxes are kept off a node. */
typedef bool (*cordoned_fn)(void *ctx, const char *node);
void world_live_set_cordons(struct world_live *w, cordoned_fn fn, void *ctx);
/* Tells plans whether their mailboxes are filled before the lock: fills what they say of it. */
typedef void (*seeding_plan_fn)(void *ctx, struct plan *plan);
void world_live_set_seeding(struct world_live *w, seeding_plan_fn fn, void *ctx);
void world_live_free(struct world_live **w); /* after the loop ran dry */
void world_live_stop(struct world_live *w);  /* cancels what runs on the pool */
const struct world *world_live_world(struct world_live *w);

/* Logs in as zimbra_admin at the first mailbox server of the directory. Blocking. */
MUST_USE bool world_live_check_admin(struct world_live *w, struct err *e);
/* Blocking, at start-up only: can LDAP be read, and who is our own administrator? */
MUST_USE bool
world_live_check(struct world_live *w, char *own_admin_id, size_t size, struct err *e);

/*
 * What the directory and the fleet know about a node, made into a plan that is placed.
 * done gets the plan (borrowed) or NULL with the reason. A plan whose node is already
 * empty is a plan with no accounts.
 */
typedef void (*survey_done_fn)(
    void *owner, uint32_t number, const struct plan *plan, const struct err *e);
void world_live_survey(struct world_live *w, const struct plan_request *rq,
    survey_done_fn done, void *owner, uint32_t number);

#endif
