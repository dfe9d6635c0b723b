/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything a step may do to the outside, as one struct of functions: directory, SOAP,
 * agents, time. The controller has a live one (world_live.c), the simulation another.
 * Every effect is one ask; each may be repeated. Loop thread only.
 */
#ifndef CONTROLLER_WORLD_H
#define CONTROLLER_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/platform/platform.h"
#include "controller/zimbra/standing.h"
#include "proto/base/err.h"
#include "proto/limits.h"
#include "proto/zimbra/freeze.h"

#define WORLD_NAME (LIMIT_NAME + 1)
#define WORLD_ALIASES 64

enum ask_kind {
	/* directory (LDAP master) */
	ASK_READ_ACCOUNT, /* out.account */
	ASK_STANDING,	  /* of the server in.source: out.standing; and in.op */
	/* Zimbra admin SOAP, sent to in.host */
	ASK_FREEZE_READ,  /* out.saved: the values to give back */
	ASK_LOCK,	  /* in.saved */
	ASK_ALLOW_IMPORT, /* in.saved */
	ASK_RESTORE, /* in.saved, in.keep_quota; out.text: what an administrator changed meanwhile */
	ASK_QUOTA,    /* in.saved: the quota, where it was kept; out.text */
	ASK_SET_HOME, /* in.new_home becomes zimbraMailHost; in.pin_id */
	ASK_FLUSH,    /* account cache of in.host */
	ASK_SESSIONS, /* a new zimbraAuthTokenValidityValue: every session ends */
	ASK_UNLIST, /* the server in.source out of the directory, by in.host; "" = any other */
	/* the platform */
	ASK_PLATFORM, /* in.op on the container of in.source; out.platform */
	/* agent of in.host */
	ASK_PREFLIGHT, /* out.preflight */
	ASK_RESERVE,   /* in.source, in.bytes, in.ticket */
	ASK_STAGE,     /* in.pass, in.target, in.ticket, in.token; out.stage */
	ASK_LEASE,     /* in.saved; arms or renews */
	ASK_UNLEASE,
	ASK_FENCE, /* in.token, in.row; out.held, out.row, out.text */
	ASK_UNFENCE,
	ASK_ROUTES, /* in.names */
	ASK_MAKE,   /* the mailbox, empty */
	ASK_STEER,  /* in.last_item_id, in.change, in.early; out.steer */
	ASK_SEED,   /* in.last_item_id, in.change, in.locked; out.applied, out.exact */
	ASK_IMPORT, /* in.contacts_only, in.messages_ms, in.release, in.mend; out.applied,
			 out.left, out.withheld, out.mended */
	ASK_MEND,   /* in.tracking_imap, in.messages_to_come; out.applied */
	ASK_VERIFY, /* out.verdict */
	ASK_DROP,   /* the spool */
	ASK_DROP_ROW, /* an empty mailbox that this move itself made there */
	ASK_LOCKOUT,  /* loads the mailbox and locks it out */
	ASK_PURGE, /* in.row; deletes the old copy; out.held: not loaded, it is still there */
	ASK_KIND_COUNT
};

enum stage_pass {
	STAGE_BASE,
	STAGE_DELTA,
	STAGE_FINAL,
	STAGE_ARRIVED, /* what the node gave an id above in.last_item_id, and a move did not bring */
	STAGE_LEFT /* what a source that was dead holds beyond the spool, whose last id is in.last_item_id */
};

struct row {
	bool present;
	uint64_t mailbox_id, item_id, change, size_bytes, new_messages, contacts;
};

/* What the directory says of an account; texts are "" when absent. */
struct ask_account {
	bool found;
	char name[WORLD_NAME];
	char mail_host[WORLD_NAME];
	char transport[WORLD_NAME + 96];
	char status[20];
	char domain_status[20];
	int64_t export_max_days;
	bool token_validity_enabled;
	bool intercepted;
	bool source_lmtp_permanent; /* LMTP refuses for ever when over quota */
	bool target_lmtp_permanent;
	char source_id
	    [LIMIT_ID]; /* zimbraId of the source's server; "" = no such server */
	char target_id[LIMIT_ID]; /* of the target's */
	unsigned source_lmtp_port;
	size_t alias_count;
	char aliases[WORLD_ALIASES][WORLD_NAME];
};

struct ask_preflight {
	struct row row;
	uint64_t spool_free_bytes;
	bool spool_is_persistent;
	bool healthy;
	char why_unhealthy[LIMIT_TEXT];
	bool row_is_seed; /* it is the one that this move fills */
};

struct ask_stage {
	char token[64];
	uint64_t listed, staged, sent, sent_bytes, last_item_id, change;
	uint64_t lacking_count;
	uint32_t took_ms;
	bool tracking_imap;
	bool no_contacts; /* it is known that there are none */
	bool
	    wrote; /* it was changed by more than mail coming in, or that cannot be told */
	uint64_t wrote_ago_ms;
	struct row row;
	char *lacking_json; /* [{"item","type","why"}], owned by the ask */
};

struct ask_verdict {
	bool clean;
	uint64_t listed, equal, missing, differing;
	char *json; /* the whole verdict, owned by the ask */
};

struct ask {
	enum ask_kind kind;
	/* who asks: a late answer is recognised by these */
	uint32_t move_number; /* 0: not for a move */
	uint32_t step_no;
	uint32_t
	    effect_no; /* of asks within the step; the same number is the same piece of work */
	char move_id[LIMIT_ID];
	char account_id[LIMIT_ID];
	char account_name[WORLD_NAME];
	uint32_t deadline_s;
	struct {
		char host[WORLD_NAME]; /* where it is done */
		char source[WORLD_NAME];
		char target[WORLD_NAME];
		char new_home[WORLD_NAME];
		char pin_id
		    [LIMIT_ID]; /* SOAP: done by in.host itself, not passed on to the home */
		struct freeze_saved saved;
		enum stage_pass pass;
		uint8_t ticket[LIMIT_TICKET];
		uint64_t bytes;
		char token[64];
		struct row row;
		uint64_t last_item_id, change;
		bool early;  /* before the switch */
		bool locked; /* people wait */
		bool contacts_only;
		uint32_t messages_ms; /* time for messages; 0 = for all of them */
		bool release;	      /* what was withheld, too */
		bool
		    mend; /* and what imports refuse, with messages to come if any are left */
		bool messages_to_come;
		bool keep_quota; /* lifted as it is for the import */
		enum platform_op op;
		bool destroy_volumes;
		bool tracking_imap;
		size_t name_count;
		char names[WORLD_ALIASES + 1][WORLD_NAME];
	} in;
	struct {
		struct ask_account account;
		struct freeze_saved saved;
		struct ask_preflight preflight;
		struct ask_stage stage;
		struct ask_verdict verdict;
		struct row row;
		bool held;
		uint64_t applied, refused, misses;
		uint64_t exact;	   /* of the applied: at their old ids */
		uint64_t left;	   /* messages that wait for the next import */
		uint64_t withheld; /* of folders that were emptied */
		bool mended;	   /* as it was asked; an earlier agent does not */
		char text[LIMIT_TEXT];
		struct server_standing *standing; /* owned by the ask */
		struct platform_answer platform;
	} out;
	bool ok;
	struct err err;
	void (*done)(struct ask *a); /* loop thread; owns a again, frees it by ask_free */
	void *owner;
};

struct world {
	void *ctx;
	/* Starts; a->done comes later, exactly once, never from inside. */
	void (*ask)(void *ctx, struct ask *a);
	uint64_t (*mono_ms)(void *ctx);
	int64_t (*wall_ms)(void *ctx);
	/* Calls fn(owner, number, step_no) once after ms. Cannot be taken back: fn looks. */
	void (*after)(void *ctx, uint64_t ms,
	    void (*fn)(void *owner, uint32_t number, uint32_t step_no), void *owner,
	    uint32_t number, uint32_t step_no);
	/* Tells the agent of host that the lease goes on. */
	void (*renew)(void *ctx, const char *host, const char *move_id);
	/* Tells the agents of source and target to stop what they do for the move. */
	void (*stop)(void *ctx, const char *source, const char *target,
	    const char *move_id, uint32_t step_no);
	/* What is asked of host for the move ends as failed, if its agent is not connected:
	   whoever asked does not wait until it comes back. */
	void (*let_go)(void *ctx, const char *host, const char *move_id);
};

struct ask *ask_new(enum ask_kind kind);
void ask_free(struct ask **a);
const char *ask_name(enum ask_kind kind);
bool ask_is_agents(enum ask_kind kind); /* done by an agent, not by directory or SOAP */

#endif
