/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many mailboxes may go into a node at once: as many as the settings say while it answers
 * well, half of it and half again while people there have to wait, one more every so often
 * when they have not for a while. In memory; times are monotonic. Loop thread only.
 */
#ifndef CONTROLLER_LANE_LIMITS_H
#define CONTROLLER_LANE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define LANES_DOWN_MS 20000 /* a step down shows its effect in about so long */
#define LANES_UP_MS 30000   /* and well it must have been for so long for a step up */

struct lane_limits;

struct lane_limits *lane_limits_new(void);
void lane_limits_free(struct lane_limits **l);
/* The present limit of that node, 1 to most; strained: people there wait for answers now. */
uint32_t lane_limits_at(struct lane_limits *l, const char *node, uint32_t most,
    bool strained, uint64_t now_ms);

/* One step. Pure. */
uint32_t lane_limits_next(uint32_t now, uint32_t most, bool strained);

#endif
