/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back after the switch: what its effects ask and what their answers mean. The table
 * of effects in move_steps.c says which belongs to what. While a move turns back its source
 * is the copy that is left (what was the target) and its target is where the mailbox was all
 * along.
 */
#ifndef CONTROLLER_MOVE_REVERT_H
#define CONTROLLER_MOVE_REVERT_H

#include "controller/move_purge.h"

/*
 * A person wants the mailbox back where it came from. Only while nobody has worked on the
 * target: in opening, or stuck there. leave_mail: without what reached the target since the
 * switch, because the target is dead. Of a move that came back so, once more: what was left
 * is fetched. False with e: why not, and what to do instead.
 */
MUST_USE bool
moves_revert(struct moves *all, uint32_t number, bool leave_mail, struct err *e);

/* What a later move did, or does just now, is not undone under its feet. */
MUST_USE bool revert_is_alone(struct moves *all, const struct move *m, struct err *e);

/* Exchanges source and target, and what is known of each; once more: as it was before. */
void move_turn(struct move *m);

bool revert_copies(const struct move *m);   /* what arrived is fetched */
bool revert_leaves(const struct move *m);   /* it is left, and the account was not open */
bool revert_is_first(const struct move *m); /* the account was not open meanwhile */
bool revert_is_again(const struct move *m); /* it was */
bool revert_first_home(const struct move *m); /* as above, and the home is the copy */
bool revert_again_home(const struct move *m);
bool revert_was_tried(const struct move *m);
bool revert_gives_up(const struct move *m);
bool revert_lets_mail_in(const struct move *m);
bool revert_holds_mail(const struct move *m);  /* mail must be told to wait */
bool revert_has_content(const struct move *m); /* there is something to put in */
bool revert_lifts_quota(const struct move *m);

MOVE_BUILD(build_arrived_room);
MOVE_BUILD(build_arrived);
MOVE_BUILD(build_revert_restore);
MOVE_BUILD(build_home_to_left);

MOVE_TAKE(take_revert_account);
MOVE_TAKE(take_arrived);
MOVE_TAKE(take_left_row);
MOVE_TAKE(take_revert_again);
MOVE_TAKE(take_copy_node);
MOVE_TAKE(take_arrived_fence);
MOVE_TAKE(take_home_is_left);
MOVE_TAKE(take_revert_undo);
MOVE_TAKE(take_revert_where);

#endif
