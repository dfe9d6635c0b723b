/* SPDX-License-Identifier: Apache-2.0 */
/* When will a disk be full, if it goes on as in the last hour? Pure. */
#ifndef AGENT_GROWTH_H
#define AGENT_GROWTH_H

#include <stdint.h>

#define GROWTH_SLOTS 13 /* an hour, five minutes apart */

struct growth {
	uint64_t total_bytes; /* a disk of another size begins anew */
	struct {
		uint64_t at_ms, free_bytes;
	} seen[GROWTH_SLOTS]; /* oldest first */
	unsigned count;
};

/* Keeps what is seen now, if it is time for that. now_ms: monotonic. */
void
growth_add(struct growth *g, uint64_t now_ms, uint64_t total_bytes, uint64_t free_bytes);
/* Seconds until nothing is free; UINT64_MAX: it does not grow, or is not known for long enough. */
uint64_t growth_full_in_s(const struct growth *g, uint64_t now_ms, uint64_t free_bytes);

#endif
