/* SPDX-License-Identifier: Apache-2.0 */
/* States of a mailbox move, what holds in each, and the edges between them: move_table.c. */
#ifndef CONTROLLER_MOVE_TABLE_H
#define CONTROLLER_MOVE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names are what is stored and shown; golden/state-names.txt pins them. */
enum move_state {
	MOVE_PLANNED,
	MOVE_STAGING,
	MOVE_PREPARING,
	MOVE_PREPARE_LOCKING, /* the detour that makes the target's mailbox early */
	MOVE_PREPARE_MAKING,
	MOVE_PREPARE_RETURNING,
	MOVE_PREPARE_OPENING,
	MOVE_FOLLOWING,
	MOVE_LOCKING,
	MOVE_CATCHING_UP,
	MOVE_FENCING,
	MOVE_SWITCHING,
	MOVE_SPOOL_LOCKING, /* the source is dead: on with what the spool holds */
	MOVE_SPOOL_SWITCHING,
	MOVE_STEERING,
	MOVE_OPENING,
	MOVE_BACKFILLING,
	MOVE_MENDING,
	MOVE_VERIFYING,
	MOVE_SETTLED,
	MOVE_RELEASING,
	MOVE_PURGING,
	MOVE_PURGE_LOCKING, /* the detour, when the source has to load the old copy first */
	MOVE_PURGE_LOADING,
	MOVE_PURGE_RETURNING,
	MOVE_PURGE_DELETING,
	MOVE_PURGE_OPENING,
	MOVE_DONE,
	MOVE_REVERT_LOCKING, /* what was left on the target's copy is fetched later */
	MOVE_REVERT_HOMING,
	MOVE_REVERT_FETCHING, /* the way back after the switch: source and target are exchanged */
	MOVE_REVERT_FENCING,
	MOVE_REVERT_SWITCHING,
	MOVE_REVERT_OPENING,
	MOVE_REVERT_RETURNING,
	MOVE_UNLOCKING,
	MOVE_UNPREPARING,
	MOVE_ABANDONED,
	MOVE_STUCK,
	MOVE_STATE_COUNT
};

enum move_event {
	EV_OK,
	EV_FAILED,
	EV_AGAIN,
	EV_CANCEL,
	EV_RETRY,
	EV_PURGE, /* a person's wish, the retention's, or that of a mailbox coming home */
	EV_RELEASE,    /* a person wants back what was withheld */
	EV_NODE_GONE,  /* the source was taken out of the cluster */
	EV_REVERT,     /* a person wants the mailbox back where it came from */
	EV_FROM_SPOOL, /* a person wants what the spool holds: the source is dead */
	MOVE_EVENT_COUNT
};

/* What holds in a state. */
enum {
	MOVE_START = 1 << 0,
	MOVE_END = 1 << 1,
	SOURCE_WRITES = 1 << 2, /* people and mail reach the source */
	TARGET_WRITES = 1 << 3, /* people and mail reach the target */
	FORWARD_ONLY = 1 << 4,	/* no way back in this version */
	LOCKED = 1 << 5,	/* nobody logs in; mail waits */
	MAY_CANCEL = 1 << 6,
	ARRIVED =
	    1 << 7, /* the mailbox is where it should be; what follows is tidying up */
	TURNS_BACK = 1 << 8, /* on its way to where it came from */
};

struct move_state_def {
	const char *name;
	unsigned holds;
	uint32_t give_up_s;   /* deadline of the state; 0: none */
	const char *sentence; /* what holds here, for people */
};

struct move_edge {
	enum move_state from;
	enum move_event event;
	enum move_state to;
	const char *why; /* log line, explain line and label of the drawing */
};

extern const struct move_state_def move_states[MOVE_STATE_COUNT];
extern const struct move_edge move_edges[];
extern const size_t move_edge_count;
const char *move_event_name(enum move_event ev);
bool move_state_parse(const char *name, enum move_state *out);
/* stuck_from chooses among the edges that leave stuck. */
const struct move_edge *
move_edge_find(enum move_state from, enum move_event ev, enum move_state stuck_from);

#endif
