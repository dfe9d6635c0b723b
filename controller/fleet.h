/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents by node name: who is connected, what they said of themselves, what lies on
 * their nodes, and the requests they still owe an answer. A request survives a
 * reconnect: it is sent again until its deadline. Loop thread only.
 */
#ifndef CONTROLLER_FLEET_H
#define CONTROLLER_FLEET_H

#include <jansson.h>
#include <uv.h>

#include "controller/presence.h"
#include "controller/world.h"
#include "proto/base/tls.h"
#include "proto/messages.pb-c.h"
#include "proto/zimbra/version.h"

struct fleet;

struct fleet_mailbox {		/* 32 bytes: a million of them fit */
	uint8_t account_id[16]; /* the UUID's bytes; other ids are hashed */
	uint64_t size_bytes;
	uint32_t mailbox_id; /* Zimbra's are ints */
	uint32_t last_access_s;
};

struct fleet_probe { /* that fails */
	char name[32];
	char text[LIMIT_TEXT];
};

struct fleet_node {
	char name[WORLD_NAME];
	char address[64]; /* where other agents stream mail to */
	bool connected;
	bool has_inventory;
	bool healthy;
	char note[LIMIT_TEXT]; /* what is wrong, or "" */
	char version[32];
	char zimbra_version[ZIMBRA_VERSION_SIZE]; /* "" = its agent does not say (yet) */
	uint16_t mail_port;
	int64_t heard_ms; /* wall clock */
	uint64_t spool_total_bytes, spool_free_bytes, reserved_bytes;
	bool spool_is_persistent;
	const struct fleet_probe *failing; /* by what its agent last reported */
	size_t failing_count;
	char strained
	    [LIMIT_TEXT]; /* people there wait for answers: by what; "" = they do not */
	bool readable;	  /* its mailboxes can be exported: no fault says otherwise */
	const struct fleet_mailbox *mailboxes;
	size_t mailbox_count;
	uint64_t mailbox_bytes;
};

struct fleet_options {
	uv_loop_t *loop;
	const struct tls_context *tls;
	const char *listen_address;
	uint16_t listen_port;
	const char *controller_id;
	uint64_t epoch;
	void *ctx;
	void (*on_change)(
	    void *ctx, const struct fleet_node *n); /* came, went, new facts */
	void (*on_lease_expired)(
	    void *ctx, const char *node, const char *move_id, const char *text);
	/* What one node's agent saw of another. Agents may say so unasked. */
	void (*on_looked)(void *ctx, const char *observer, const char *node, bool serves,
	    const char *text);
	/* A page of who has a session there. Agents may say so unasked. */
	void (*on_sessions)(
	    void *ctx, const char *node, const struct presence_page *page);
};

MUST_USE bool
fleet_start(const struct fleet_options *options, struct fleet **out, struct err *e);
/* Closes everything; asks still open end with ERR_CANCELLED. The handles end with the loop. */
void fleet_stop(struct fleet **f);

/* Takes an ask that is the agents' (ask_is_agents) and answers it later. */
void fleet_ask(struct fleet *f, struct ask *take_ask);
void fleet_renew(struct fleet *f, const char *node, const char *move_id);
/* Asks observer's agent to look at node; false: it cannot be asked (away, or too old). */
bool
fleet_look(struct fleet *f, const char *observer, const char *node, uint16_t lmtp_port);
/* Asks the node's agent who has a session there; false with e: it cannot be asked. */
MUST_USE bool
fleet_ask_sessions(struct fleet *f, const char *node, uint64_t look, struct err *e);
void
fleet_cancel(struct fleet *f, const char *node, const char *move_id, uint32_t step_no);
/* What waits for the node's agent to connect ends at the next tick, as failed. */
void fleet_let_go(struct fleet *f, const char *node, const char *move_id);

const struct fleet_node *
fleet_find(struct fleet *f, const char *name); /* NULL = never heard */
typedef void (*fleet_each_fn)(const struct fleet_node *n, void *ctx);
/* Nobody expects it any more; it is heard of again when its agent calls. */
void fleet_forget(struct fleet *f, const char *name);
void fleet_each(struct fleet *f, fleet_each_fn fn, void *ctx);
/* The mailbox of an account on a node, NULL = none there. */
const struct fleet_mailbox *
fleet_mailbox(const struct fleet_node *n, const char *account_id);
/* The account's zimbraId, as far as it is a UUID; of another the answer is nobody's. */
#define FLEET_ID_SIZE 37
/* A UUID's 16 bytes; any other id as two FNV-1a hashes. */
void fleet_account_key(const char *id, size_t len, uint8_t out[16]);
void fleet_mailbox_id(const struct fleet_mailbox *m, char out[FLEET_ID_SIZE]);

#endif
