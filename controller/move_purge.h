/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting the old copy: what the purge's effects ask and what their answers mean. The
 * table of effects in move_steps.c says which belongs to what.
 */
#ifndef CONTROLLER_MOVE_PURGE_H
#define CONTROLLER_MOVE_PURGE_H

#include "controller/move_takes.h"

#define MOVE_BUILD(name)    \
	MUST_USE bool name( \
	    struct moves *all, struct move *m, struct ask *a, struct err *e)

bool purge_left(const struct move *m); /* the copy is still there, as far as we know */
bool purge_home_left(const struct move *m);    /* there is an account with a mailbox */
bool purge_account_left(const struct move *m); /* there is an account */
bool purge_values_left(const struct move *m);  /* something to give back */
bool purge_home_is_source(const struct move *m);

MOVE_BUILD(build_at_home);
MOVE_BUILD(build_purge);
MOVE_BUILD(build_purge_lease);
MOVE_BUILD(build_home_to_source);
MOVE_BUILD(build_home_forth);

MOVE_TAKE(take_purge_account);
MOVE_TAKE(take_old_copy);
MOVE_TAKE(take_home_row);
MOVE_TAKE(take_purged);
MOVE_TAKE(take_old_copy_gone);
MOVE_TAKE(take_home_row_again);
MOVE_TAKE(take_detour);
MOVE_TAKE(take_purge_saved);
MOVE_TAKE(take_home_is_source);
MOVE_TAKE(take_home_to_return);
MOVE_TAKE(take_home_forth);
MOVE_TAKE(take_home_returned);

#endif
