/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On with what the spool holds, because the source is dead: what the effects ask and what
 * their answers mean. The table of effects in move_steps.c says which belongs to what.
 */
#ifndef CONTROLLER_MOVE_SPOOL_H
#define CONTROLLER_MOVE_SPOOL_H

#include "controller/move_purge.h"

/*
 * A person gives up the source: the target becomes the home with what the spool holds, which
 * is the mailbox as it was at data.in_step_ms. Only before the switch, and only when everything
 * was copied once. Nothing is ever deleted on the source for it. False with e: why not, and
 * what to do instead. Whether the source is dead is looked at afterwards; if it answers, the
 * account is given back to it.
 */
MUST_USE bool moves_from_spool(struct moves *all, uint32_t number, struct err *e);
/*
 * The node that was dead is back: what it holds beyond the spool goes into the mailbox, under
 * a short lock, and its copy becomes an old copy as any other. Also what was left behind by a
 * way back (move_revert.h). False with e: why not.
 */
MUST_USE bool moves_fetch(struct moves *all, uint32_t number, struct err *e);
/* The same question, without doing it. */
MUST_USE bool move_may_from_spool(struct moves *all, uint32_t number, struct err *e);

/* Mailboxes of a node that other nodes' spools hold, of moves that have not switched yet. */
uint32_t moves_copied_from(struct moves *all, const char *node);

/* A dead node's mailboxes go into a target a few at a time: is it this one's turn? It waits else. */
#define SPOOLS_AT_ONCE 4
bool spool_has_turn(struct moves *all, struct move *m);
/* Of the edge into spool_locking: what an attempt before knew is of no use. */
void spool_begin(struct move *m);
/* Of the edge into revert_locking, when nothing is exchanged. */
void spool_begin_fetch(struct move *m);
/* Into m->error, why its verdict is not clean: what the source had beyond, what differs. */
void spool_why_unclean(struct move *m, const struct ask_verdict *v);
/* The same of one whose rest could not be fetched; m->error says why. */
void spool_why_not_fetched(struct move *m);
/* "2026-11-30T19:03:12Z": the spool was the source's mailbox then. */
void spool_as_of(const struct move *m, char *out, size_t size);

/* Of one that lives on from the spool, the command that goes on: "move fetch m1". */
const char *spool_way_on(const struct move *m, char *out, size_t size);

/* What the source may have given out that nobody saw any more. */
uint64_t spool_unseen_ids(const struct move *m, int64_t now_ms);
uint64_t spool_unseen_changes(const struct move *m);

bool spool_is_source(const struct move *m); /* nobody answers at the source */
bool source_is_there(const struct move *m); /* the contrary */

MOVE_BUILD(build_is_source_dead);
MOVE_BUILD(build_pinned_at_target);
MOVE_BUILD(build_spool_home);

MOVE_TAKE(take_source_is_dead);
MOVE_TAKE(take_source_answers);

#endif
