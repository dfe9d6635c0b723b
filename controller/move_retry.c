/* SPDX-License-Identifier: Apache-2.0 */
/* An effect failed: whether it is tried again, how soon, and how often. Decides only. */
#include "controller/move_private.h"
#include "controller/move_table.h"
#include "controller/world.h"

#define RETRY_BASE_MS 200
#define RETRY_CAP_MS 15000
#define SOFT_TRIES 2
#define SOFT_TRIES_UNHURRIED 12 /* a mailboxd that starts again has two minutes for it */

uint64_t
move_backoff_ms(const struct move *m)
{
	uint64_t ms = RETRY_BASE_MS;

	for (uint32_t i = 1; i < m->attempts && ms < RETRY_CAP_MS; i++)
		ms *= 2;
	/* Jitter from the number: spread, and the same in every simulation. */
	return (ms > RETRY_CAP_MS ? RETRY_CAP_MS : ms) +
	       (m->number * 37u + m->attempts * 101u) % 100;
}

/* A cancelled call that is not the process's end may succeed another time. */
bool
move_may_work_later(const struct move *m, const struct err *why)
{
	unsigned holds = move_states[m->state].holds;
	bool way_back = (holds & LOCKED) != 0 && (holds & FORWARD_ONLY) == 0;

	/* Making room takes a person's time: nobody stays locked out for it. */
	return why->kind == ERR_RETRY || why->kind == ERR_CANCELLED ||
	       (why->kind == ERR_FULL && !way_back);
}

/* While the source serves, a move pauses for as long as a disk is full. */
bool
move_has_time_left(struct moves *all, const struct move *m, const struct err *why)
{
	return m->deadline_ms == 0 ||
	       all->world->mono_ms(all->world->ctx) < m->deadline_ms ||
	       (why->kind == ERR_FULL &&
		   (move_states[m->state].holds & SOURCE_WRITES) != 0);
}

/* While the mailbox is followed nobody waits, and the next step is a lock. */
uint32_t
move_soft_tries(const struct move *m)
{
	return m->state == MOVE_FOLLOWING ? SOFT_TRIES_UNHURRIED : SOFT_TRIES;
}
