/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mailbox goes when its node stays at or above the mean without it and the emptiest
 * taker stays at or below the mean with it: no node crosses the mean, so nothing is ever
 * sent to and fro, and a second look finds nothing left to do.
 */
#include "controller/level.h"

#include <stdlib.h>
#include <string.h>

#include "controller/plan.h"

/* Largest first; equal sizes by id, so that the order never depends on where they came from. */
static int
level_compare(const void *left, const void *right)
{
	const struct level_box *a = left;
	const struct level_box *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return memcmp(a->id, b->id, sizeof(a->id));
}

static uint32_t
level_weight(const struct level_node *n)
{
	return n->weight == 0 ? 100 : n->weight;
}

/* What each should have: the whole, by weight. */
static void
level_set_means(struct level_node *nodes, size_t count)
{
	uint64_t sum = 0;
	uint64_t weights = 0;

	for (size_t i = 0; i < count; i++) {
		if (!nodes[i].gives && !nodes[i].takes)
			continue;
		sum += nodes[i].load;
		weights += level_weight(&nodes[i]);
	}
	for (size_t i = 0; i < count; i++)
		nodes[i].mean =
		    weights == 0 ? 0 : sum / weights * level_weight(&nodes[i]);
}

/* Who is near the mean to begin with is left alone. */
static void
level_take_part(struct level_node *nodes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t band = nodes[i].mean / 100 * LEVEL_BAND_PERCENT;

		nodes[i].gives = nodes[i].gives && nodes[i].load > nodes[i].mean + band;
		nodes[i].takes = nodes[i].takes && nodes[i].load + band < nodes[i].mean;
	}
}

/* The taker that lacks most, has room and stays at or below the mean; -1 = none. */
static int
level_taker(const struct level_node *nodes, size_t count, const struct level_box *box)
{
	int best = -1;

	for (size_t i = 0; i < count; i++) {
		const struct level_node *n = &nodes[i];

		if (!n->takes || n->load + plan_load(box->bytes, 1) > n->mean ||
		    n->room_bytes < plan_room_needed(box->bytes))
			continue;
		/* The one that lacks most. */
		if (best < 0 || n->mean - n->load > nodes[best].mean - nodes[best].load)
			best = (int)i;
	}
	return best;
}

size_t
level_choose(
    struct level_node *nodes, size_t node_count, struct level_box *boxes, size_t count)
{
	size_t moved = 0;

	level_set_means(nodes, node_count);
	level_take_part(nodes, node_count);
	if (count > 0)
		qsort(boxes, count, sizeof(*boxes), level_compare);
	for (size_t i = 0; i < count; i++) {
		struct level_box *box = &boxes[i];
		struct level_node *from = &nodes[box->node];
		uint64_t load = plan_load(box->bytes, 1);

		box->to = -1;
		if (!from->gives || from->load < from->mean + load)
			continue;
		box->to = level_taker(nodes, node_count, box);
		if (box->to < 0)
			continue;
		from->load -= load;
		nodes[box->to].load += load;
		nodes[box->to].room_bytes -= plan_room_needed(box->bytes);
		moved++;
	}
	return moved;
}
