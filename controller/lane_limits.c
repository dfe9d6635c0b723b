/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/lane_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/xalloc.h"
#include "proto/limits.h"

struct lane_limit {
	struct lane_limit *next;
	char node[LIMIT_NAME + 1];
	uint32_t lanes;
	bool was_strained;  /* ever */
	uint64_t strain_ms; /* when it was seen last */
	uint64_t step_ms;   /* when it was changed last */
};

struct lane_limits {
	struct lane_limit *first;
};

struct lane_limits *
lane_limits_new(void)
{
	return XNEW(struct lane_limits);
}

void
lane_limits_free(struct lane_limits **l)
{
	if (*l == NULL)
		return;
	for (struct lane_limit *row = (*l)->first, *next; row != NULL; row = next) {
		next = row->next;
		free(row);
	}
	xfree(l);
}

uint32_t
lane_limits_next(uint32_t now, uint32_t most, bool strained)
{
	if (now > most)
		now = most;
	if (strained)
		return now > 1 ? now / 2 : 1;
	return now < most ? now + 1 : most;
}

static struct lane_limit *
lane_limits_row(struct lane_limits *l, const char *node, uint32_t most)
{
	struct lane_limit *row = l->first;

	while (row != NULL && strcasecmp(row->node, node) != 0)
		row = row->next;
	if (row != NULL)
		return row;
	row = XNEW(struct lane_limit);
	snprintf(row->node, sizeof(row->node), "%s", node);
	row->lanes = most;
	row->next = l->first;
	l->first = row;
	return row;
}

uint32_t
lane_limits_at(struct lane_limits *l, const char *node, uint32_t most, bool strained,
    uint64_t now_ms)
{
	struct lane_limit *row = lane_limits_row(l, node, most);
	uint64_t well_ms;

	if (strained) {
		if (!row->was_strained || now_ms - row->step_ms >= LANES_DOWN_MS) {
			row->lanes = lane_limits_next(row->lanes, most, true);
			row->step_ms = now_ms;
		}
		row->was_strained = true;
		row->strain_ms = now_ms;
	}
	/* Asked rarely, it makes the steps that it would have made meanwhile. */
	well_ms = row->strain_ms > row->step_ms ? row->strain_ms : row->step_ms;
	while (row->lanes < most && now_ms - well_ms >= LANES_UP_MS) {
		row->lanes = lane_limits_next(row->lanes, most, false);
		row->step_ms = well_ms = well_ms + LANES_UP_MS;
	}
	return row->lanes < most ? row->lanes : most;
}
