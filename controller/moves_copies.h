/* SPDX-License-Identifier: Apache-2.0 */
/* Old copies: what settled moves left on their sources. Loop thread only. */
#ifndef CONTROLLER_MOVES_COPIES_H
#define CONTROLLER_MOVES_COPIES_H

#include "controller/move.h"

/* Deletes the old copy that a settled move left; unclean: although the verdict is not clean. */
MUST_USE bool
moves_purge(struct moves *all, uint32_t number, bool unclean, struct err *e);
/* Fewer than so many old copies are being deleted: may this move's be, too? */
#define PURGES_AT_ONCE 4
bool moves_purge_is_free(struct moves *all, const struct move *m);
/* May it? False with e: why not, and what to do. */
MUST_USE bool
moves_may_purge(struct moves *all, uint32_t number, bool unclean, struct err *e);
/* The settled move that left the account's copy on that node, as far as a move did: NULL = none. */
struct move *moves_left_copy(struct moves *all, const char *account_id, const char *node);
/* Adds everybody who was moved away from rq->node, which may be a name's front up to a dot. */
struct plan_request;
void moves_left_from(struct moves *all, struct plan_request *rq);
/* The node was taken out of the cluster: nobody can delete an old copy there any more. */
void moves_node_gone(struct moves *all, const char *node);
/* Puts in what a settled move withheld because its owner emptied the folder; *count_out: so many. */
MUST_USE bool
moves_release(struct moves *all, uint32_t number, uint64_t *count_out, struct err *e);
/* Another move of the account that is under way: NULL = none. */
struct move *moves_busy(struct moves *all, const struct move *m);
/* The newest move of the account that has arrived: NULL = none. */
struct move *moves_arrived_last(struct moves *all, const char *account_id);
/* A move of the account whose old copy is being deleted: NULL = none. */
struct move *moves_tidying(struct moves *all, const char *account_id);

#endif
