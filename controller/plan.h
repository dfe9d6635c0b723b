/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who goes where. Pure: facts in, placements, order and refusals out; the same facts
 * give the same plan. Even by bytes, then by count, over the targets that have room.
 */
#ifndef CONTROLLER_PLAN_H
#define CONTROLLER_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "controller/cutover.h"
#include "controller/world.h"

#define PLAN_COPY_NODES 64

enum plan_kind {
	PLAN_EVACUATE, /* everybody who lives on the node */
	PLAN_RESTORE, /* who was moved away from the node and lives elsewhere, back to it */
	PLAN_MOVE,    /* those accounts, to the node */
	PLAN_REBALANCE, /* from the nodes above the mean to those below it */
	PLAN_REMOVE,	/* as PLAN_EVACUATE; then the node is taken out of the cluster */
	PLAN_ADD,	/* the node is brought in; then as PLAN_REBALANCE to it */
	PLAN_KIND_COUNT
};

struct plan_kind_def {
	const char *name;
	bool
	    empties; /* everybody on the node goes; it may be sick while it can be read */
	bool
	    spreads; /* no node is emptied or filled: who goes where is chosen by level.h */
};
extern const struct plan_kind_def plan_kinds[PLAN_KIND_COUNT];
bool plan_kind_parse(const char *name, enum plan_kind *out);

/* What somebody wants planned. */
struct plan_request {
	enum plan_kind kind;
	char node[WORLD_NAME]; /* whole, or its front up to a dot; spreads: "" */
	char to[1024];	       /* empties, spreads: "A,B"; "" = all others */
	char **accounts; /* PLAN_MOVE: names; PLAN_RESTORE: ids. Owned, as is each */
	size_t account_count;
	bool destroy_volumes;	    /* PLAN_REMOVE */
	char cutover[CUTOVER_TEXT]; /* of the job (cutover.h) */
};
void plan_request_fini(struct plan_request *r);
void plan_request_add(struct plan_request *r, const char *account);
/* A deep copy. */
void plan_request_copy(struct plan_request *to, const struct plan_request *from);

struct plan_node {
	char name[WORLD_NAME];
	bool has_agent; /* connected, with an inventory */
	bool healthy;
	bool absent;	     /* PLAN_ADD: not in the directory yet */
	bool unreadable;     /* nothing can be exported from it, whatever else is wrong */
	bool cordoned;	     /* no target */
	bool is_target;	     /* the person's choice, or all others */
	uint32_t weight;     /* percent of what another gets; 0 = 100 */
	uint64_t room_bytes; /* below the fill limit, reservations taken off */
	uint64_t bytes;	     /* of mailboxes there now */
	uint64_t count;
	char why_not[LIMIT_TEXT]; /* of !has_agent or !healthy */
};

struct plan_account {
	char id[LIMIT_ID];
	char name[WORLD_NAME];
	char source[WORLD_NAME]; /* where it lives */
	uint64_t bytes;
	uint64_t items;
	bool has_mailbox;
	bool is_gal_sync;
	char refused[LIMIT_TEXT]; /* a false precondition known now; "" = none */
	char next[LIMIT_TEXT];
	int target; /* index of the node, -1 = not moved; out, but of one that spreads */
	uint64_t
	    old_copies; /* bit i: nodes[i] has a mailbox of it already; the first 64 */
	uint64_t own_copies; /* as above; left there by a move, deleted before it comes */
};

struct plan_target { /* a node as it will be */
	uint64_t bytes_before, bytes_after, count_before, count_after;
};

struct plan {
	enum plan_kind kind;
	char node[WORLD_NAME]; /* the one that is emptied, or filled; spreads: "" */
	char to[1024];
	char version[20]; /* hash of everything that decides; a stale plan has another */
	struct plan_node *nodes;     /* owned, as are the next two */
	struct plan_target *targets; /* same index */
	size_t node_count;
	struct plan_account *accounts; /* in the order in which they will go */
	size_t account_count;
	uint64_t moved_count, moved_bytes, moved_items, refused_count;
	uint64_t no_room_count; /* refused for want of room alone */
	uint64_t cleared_count; /* old copies of our own that are deleted first */
	uint64_t orphans;	/* mailboxes on the node whose account lives elsewhere */
	uint64_t groups;	/* distribution lists that name the node as home */
	bool destroy_volumes;
	char cutover[CUTOVER_TEXT];
	uint64_t seeded_count, unseeded_count; /* of those moved that have a mailbox */
	char seeding[LIMIT_TEXT];	/* are they filled before the lock, and why? */
	char platform[LIMIT_TEXT];	/* what is there of its container, or would be */
	struct removal_report *removal; /* PLAN_REMOVE; owned */
};

struct plan *plan_new(enum plan_kind kind, const char *node);
void plan_free(struct plan **p);
struct plan_node *plan_add_node(struct plan *p);
struct plan_account *plan_add_account(struct plan *p);

/* What so many mailboxes of so many bytes in all weigh on a node: its bytes, and a little
   for each being there, so that many small ones spread too. */
uint64_t plan_load(uint64_t bytes, uint64_t count);
/* What a mailbox of so many bytes takes of a target's disk: the spool, the mailbox, its index. */
uint64_t plan_room_needed(uint64_t bytes);
/* Refused when there is nobody to move, or nobody that can be moved. */
MUST_USE bool plan_has_work(const struct plan *p, struct err *e);
/* Places every account that is not refused. False: nothing can be planned at all. */
MUST_USE bool plan_make(struct plan *p, struct err *e);

/* Is this the whole host name of a node that may come in? It goes into a container's template. */
MUST_USE bool plan_check_new_name(const char *node, struct err *e);
/* "mbs1" finds "mbs1.example.org" when only one begins so; the index, or -1 with e. */
int plan_find_node(const struct plan *p, const char *name, struct err *e);
/* Can the emptied node be read, and is there anybody to take mailboxes? */
MUST_USE bool plan_check_nodes(const struct plan *p, struct err *e);
/* Marks the nodes named in "A,B" as targets; "" = all but the emptied one. */
MUST_USE bool plan_choose_targets(struct plan *p, const char *to, struct err *e);

#endif
