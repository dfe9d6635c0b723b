/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer means: each takes facts into journaled data, may name an event
 * (*ev_out, default: the next effect), or returns false with e: the effect failed.
 * The table of effects in move_steps.c says which belongs to what.
 */
#ifndef CONTROLLER_MOVE_TAKES_H
#define CONTROLLER_MOVE_TAKES_H

#include "controller/move.h"

#define MOVE_TAKE(name)                                                            \
	MUST_USE bool name(struct moves *all, struct move *m, const struct ask *a, \
	    enum move_event *ev_out, struct err *e)

/* The event FAILED, though the call itself went well. */
MUST_USE bool take_no(struct move *m, enum move_event *ev_out, const struct err *why);

bool lives_at(const struct ask_account *account, const char *node);
/* The account and its aliases, for the proxies' routes. */
void take_names(struct move *m, const struct ask_account *account);

/* What could not be staged, and why. */
void take_lacking(struct move *m, const struct ask_stage *s);

MOVE_TAKE(take_account);
MOVE_TAKE(take_source_row);
MOVE_TAKE(take_target_row);
MOVE_TAKE(take_stage);
MOVE_TAKE(take_delta);
MOVE_TAKE(take_saved);
MOVE_TAKE(take_lease);
MOVE_TAKE(take_fence);
MOVE_TAKE(take_home);
MOVE_TAKE(take_aliases);
MOVE_TAKE(take_fenced_row);
MOVE_TAKE(take_import);
MOVE_TAKE(take_released);
MOVE_TAKE(take_mended);
MOVE_TAKE(take_contacts);
MOVE_TAKE(take_restored);
MOVE_TAKE(take_quota);
MOVE_TAKE(take_verdict);
MOVE_TAKE(take_dropped);
MOVE_TAKE(take_dropped_row);
MOVE_TAKE(take_home_for_undo);
MOVE_TAKE(take_home_back);
MOVE_TAKE(take_home_once_more);
MOVE_TAKE(take_undone);

#endif
