/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by move.c (the engine: one move through the tables) and moves.c (all of them). */
#ifndef CONTROLLER_MOVE_PRIVATE_H
#define CONTROLLER_MOVE_PRIVATE_H

#include "controller/move.h"
#include "proto/base/log.h"

struct moves {
	struct journal *journal;
	const struct world *world;
	struct moves_host host;
	struct move **by_number; /* index: number; 0 unused */
	uint32_t count;		 /* highest number + 1 */
	uint32_t capacity;
	bool stopping;
	bool journal_alerted;
	bool purges_full; /* as counted in this round of wakes: thousands may wait */
};

void move_log(struct log *l, const struct move *m);
/* Begins what the present state does; nothing for planned, whose turn jobs decide. */
void move_enter(struct moves *all, struct move *m);
/* Runs the effect that is next, or ends the state. */
void move_run(struct moves *all, struct move *m);
/* Has its turn come? Then its time begins now; otherwise it waits. */
bool move_set_turn(struct moves *all, struct move *m, bool has_turn);
/* An event that must not be lost: when the journal cannot be written, it is tried again. */
void
move_event(struct moves *all, struct move *m, enum move_event ev, const char *detail);
/* A person's wish. Under the lock it is taken when the call under way has ended. */
MUST_USE bool move_wish(struct moves *all, struct move *m, enum move_event ev,
    const char *why, struct err *e);
/* Under the lock an event waits for the answer under way, so that nothing lands behind it. */
MUST_USE bool move_must_wait(const struct move *m);
bool move_holds_lease(const struct move *m);
/* The call under way is the one that lets people in. */
bool move_is_being_given_back(const struct move *m);

/* --- move_retry.c: an effect failed --- */

uint64_t move_backoff_ms(const struct move *m);
/* A cancelled call that is not the process's end may succeed another time. */
bool move_may_work_later(const struct move *m, const struct err *why);
/* While the source serves, a move pauses for as long as a disk is full. */
bool move_has_time_left(struct moves *all, const struct move *m, const struct err *why);
/* After so many tries the move goes on without it. */
uint32_t move_soft_tries(const struct move *m);

/* --- move_alerts.c --- */

/* In one state so long: far beyond what a lock should last. */
#define LOCKED_LONG_MS (5 * 60000)
/* After so many tries somebody waits locked out, or the move waits for ever. */
void move_alert_if_it_lasts(struct moves *all, struct move *m,
    const struct move_effect *effect, const struct err *why);
/* Whoever is asked may say nothing at all: a timer's, LOCKED_LONG_MS after the state's beginning. */
void move_on_locked_long(void *owner, uint32_t number, uint32_t step_no);
/* It gets on: what was told of its waiting is over. */
void move_calm(struct moves *all, struct move *m);
/* A copy of our own that the agent will not delete holds mail that is nowhere else. */
void move_alert_mail_aside(struct moves *all, const struct move *m,
    const struct move_effect *effect, const struct err *why);
/* Subject of the alert that mail is in a copy that nobody sees. */
void move_aside_subject(const struct move *m, char *out, size_t size);

#endif
