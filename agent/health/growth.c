/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rate is the smaller of two: over all that is remembered and over the last minutes. So
 * what was written in one go and is over is not drawn on into the future, and what has
 * just begun counts when it has gone on for a while.
 */
#include "agent/health/growth.h"

#include <string.h>

#define MINUTE_MS (60 * (uint64_t)1000)
#define SLOT_MS (5 * MINUTE_MS)
#define LATELY_MS (10 * MINUTE_MS)
#define LEAST_MS (30 * MINUTE_MS) /* of less nothing is foretold */

void
growth_add(struct growth *g, uint64_t now_ms, uint64_t total_bytes, uint64_t free_bytes)
{
	if (total_bytes != g->total_bytes)
		g->count = 0;
	g->total_bytes = total_bytes;
	if (g->count > 0 && now_ms - g->seen[g->count - 1].at_ms < SLOT_MS)
		return;
	if (g->count == GROWTH_SLOTS)
		memmove(&g->seen[0], &g->seen[1], --g->count * sizeof(g->seen[0]));
	g->seen[g->count].at_ms = now_ms;
	g->seen[g->count].free_bytes = free_bytes;
	g->count++;
}

/* Bytes a millisecond since that slot; not above 0: it does not grow. */
static double
growth_rate(const struct growth *g, unsigned slot, uint64_t now_ms, uint64_t free_bytes)
{
	return ((double)g->seen[slot].free_bytes - (double)free_bytes) /
	       (double)(now_ms - g->seen[slot].at_ms);
}

uint64_t
growth_full_in_s(const struct growth *g, uint64_t now_ms, uint64_t free_bytes)
{
	unsigned lately = 0;
	double rate, of_late;

	if (g->count == 0 || now_ms - g->seen[0].at_ms < LEAST_MS)
		return UINT64_MAX;
	while (lately + 1 < g->count && now_ms - g->seen[lately + 1].at_ms >= LATELY_MS)
		lately++;
	rate = growth_rate(g, 0, now_ms, free_bytes);
	of_late = growth_rate(g, lately, now_ms, free_bytes);
	if (of_late < rate)
		rate = of_late;
	/* Below a byte a second it is no growth, and the division has room. */
	if (rate < 0.001)
		return UINT64_MAX;
	return (uint64_t)((double)free_bytes / rate / 1000);
}
