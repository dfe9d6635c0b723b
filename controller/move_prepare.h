/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the target's mailbox before the switch: what the effects ask and what their answers
 * mean. The table of effects in move_steps.c says which belongs to what.
 */
#ifndef CONTROLLER_MOVE_PREPARE_H
#define CONTROLLER_MOVE_PREPARE_H

#include "controller/move_takes.h"

bool prepare_wanted(const struct move *m); /* not tried yet, and there is a mailbox */
bool prepare_is_made(const struct move *m);
bool prepare_steers(const struct move *m); /* made, and its counters are to be raised */
bool prepare_seeds(const struct move *m);  /* made, and filled */

MUST_USE bool
build_steer_early(struct moves *all, struct move *m, struct ask *a, struct err *e);

MUST_USE bool build_seed(struct moves *all, struct move *m, struct ask *a, struct err *e);

MOVE_TAKE(take_prepare_look);
MOVE_TAKE(take_prepare_home);
MOVE_TAKE(take_prepare_restored);
MOVE_TAKE(take_seed);

/* What raising the counters would take under the lock (facts: identity 2). */
uint64_t prepare_counters_ms(uint64_t last_item_id, uint64_t change);

#endif
