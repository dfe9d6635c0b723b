/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who moves so that nodes become even: whole mailboxes from nodes above the mean load to
 * nodes below it, the largest that fit first, so that few people are touched. Pure; the
 * same facts give the same answer. Loads are plan_load's: bytes and a little per mailbox.
 */
#ifndef CONTROLLER_LEVEL_H
#define CONTROLLER_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nodes that are within so much of the mean are left alone. */
#define LEVEL_BAND_PERCENT 1

struct level_node {
	uint64_t load;	     /* in and out */
	uint32_t weight;     /* percent of what another node should have; 0 = 100 */
	uint64_t room_bytes; /* as plan_room_needed counts; in and out */
	uint64_t mean;	     /* out: what it should have */
	bool gives;	     /* its mailboxes may go; out: it is above the mean */
	bool takes;	     /* mailboxes may come to it; out: it is below the mean */
};

struct level_box { /* a mailbox; 40 bytes, a million of them fit */
	uint8_t id[16];
	uint64_t bytes;
	uint32_t node; /* index of where it is */
	int32_t to;    /* out: index of the node, -1 = stays */
};

/* Sorts boxes by size and sets each one's to. How many move. */
size_t level_choose(
    struct level_node *nodes, size_t node_count, struct level_box *boxes, size_t count);

#endif
