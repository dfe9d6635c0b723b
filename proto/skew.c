/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the round took r, so the ping was under way for at most r, and the
 * controller's clock now shows its wall_ms and half of r, off by at most the other half. What
 * can go wrong: the round is too long to tell anything, or the numbers are no answer to
 * ours; then nothing is taken.
 */
#include "proto/skew.h"

#define ROUND_MAX_MS 30000 /* half of it could be taken for nothing that matters */
#define TICKS_MS 2	   /* two clocks, each cut to a millisecond */

void
skew_on_pong(struct skew_echo *s, const Wire__Pong *pong, uint64_t mono_ms)
{
	s->pong_ms = pong->mono_ms;
	s->heard_ms = mono_ms;
}

void
skew_fill_ping(
    const struct skew_echo *s, Wire__Ping *ping, uint64_t mono_ms, int64_t wall_ms)
{
	ping->wall_ms = wall_ms;
	ping->pong_ms = s->pong_ms;
	ping->held_ms = s->pong_ms == 0 ? 0 : mono_ms - s->heard_ms;
}

bool
skew_on_ping(struct skew *s, const Wire__Ping *ping, uint64_t mono_ms, int64_t wall_ms)
{
	uint64_t elapsed_ms = mono_ms - ping->pong_ms;
	int64_t round_ms;

	if (ping->pong_ms == 0 || ping->pong_ms > mono_ms ||
	    elapsed_ms + TICKS_MS < ping->held_ms ||
	    elapsed_ms > ping->held_ms + ROUND_MAX_MS)
		return false;
	round_ms = elapsed_ms < ping->held_ms ? 0 : (int64_t)(elapsed_ms - ping->held_ms);
	s->known = true;
	s->offset_ms = wall_ms - (ping->wall_ms + round_ms / 2);
	s->error_ms = round_ms / 2 + TICKS_MS;
	s->at_ms = mono_ms;
	return true;
}

int64_t
skew_certain_ms(const struct skew *s)
{
	if (s->offset_ms > s->error_ms)
		return s->offset_ms - s->error_ms;
	return s->offset_ms < -s->error_ms ? s->offset_ms + s->error_ms : 0;
}
