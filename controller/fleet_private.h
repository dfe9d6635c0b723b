/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by fleet.c (links, requests), fleet_facts.c (what agents say) and fleet_ask.c (messages). */
#ifndef CONTROLLER_FLEET_PRIVATE_H
#define CONTROLLER_FLEET_PRIVATE_H

#include "controller/fleet.h"
#include "proto/peer.h"
#include "proto/skew.h"

struct pending {
	struct pending *next;
	struct ask *ask;
	uint64_t id;	      /* of the envelope */
	uint64_t deadline_ms; /* monotonic */
	bool unfit;	      /* its message is against the rules */
	bool sent;	      /* on the present connection, as far as its queue took it */
};

struct agent {
	struct agent *next;
	struct agent *next_of_bucket;
	struct fleet *fleet;
	struct fleet_node facts;
	bool forgotten;	   /* taken out of the cluster; not listed until it calls again */
	struct peer *peer; /* NULL: not connected, or not yet known */
	uint32_t version;  /* of the protocol, both know it */
	struct pending *pending;
	bool unfit; /* was that message against the rules? */
	bool put;   /* did the link take the last message? */
	struct skew_echo skew;
	uint64_t snapshot; /* of the inventory being received */
	struct fleet_mailbox *fresh;
	size_t fresh_count;
	struct fleet_mailbox *kept;  /* facts.mailboxes */
	struct fleet_probe *failing; /* facts.failing */
};

/* Agents by name, in any case (fleet_index.c). Agents are never taken out: they end with the fleet. */
#define FLEET_BUCKETS 4096
struct fleet_index {
	struct agent *buckets[FLEET_BUCKETS];
};
struct agent *fleet_index_find(const struct fleet_index *index, const char *name);
void fleet_index_add(struct fleet_index *index, struct agent *a);

struct agent *
fleet_agent_find(struct fleet *f, const char *name); /* NULL = never heard */
/* Sends on the agent's link; a->put says whether it was taken. ctx: the agent. */
void agent_put(void *ctx, const Wire__Envelope *m);

/* The heartbeat, to an agent that is connected (fleet_notices.c). */
void agent_ping(struct agent *a);
/* Answers of agents and their facts (fleet_facts.c). */
void agent_take_health(struct agent *a, const Wire__Health *h);
/* What it said before a break in the connection is no news any more. */
void agent_forget_health(struct agent *a);
void agent_take_inventory(struct agent *a, const Wire__InventoryPage *page);
/* Tells fn a page of who has a session; borrowed for the call. */
void agent_take_sessions(const struct agent *a, const Wire__SessionPage *m,
    void (*fn)(void *ctx, const char *node, const struct presence_page *page), void *ctx);
/* The request as a message (fleet_ask.c): calls send with a message borrowed for the call. */
void fleet_ask_send(const struct ask *a, uint64_t epoch, const struct fleet_node *target,
    uint64_t id, void (*send)(void *ctx, const Wire__Envelope *m), void *ctx);
/* Fills a->out, a->ok, a->err from the answer. */
void fleet_ask_take(struct ask *a, const Wire__StepResult *r);

#endif
