/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In what order a mailbox comes into being at its old ids. Every message, folder and tag
 * takes the counter's next id, and so does a conversation that a message makes; an IMAP
 * UID can be given out likewise. So all of it is done in ascending order, and gaps are
 * burnt (facts: identity 2, 5). Where early members of a conversation are gone, it would
 * be made by a later one and take an id that is another's: then a reply of our own makes
 * it before, where two ids are free (identity 4); where none are left between, two of ours
 * do before its first member comes. Pure: lists and a counter in, events out.
 */
#ifndef AGENT_SEED_PLAN_H
#define AGENT_SEED_PLAN_H

#include "agent/mailbox/seed_threads.h"

struct seed_message {
	uint32_t id;	   /* on the source */
	uint32_t uid;	   /* its IMAP UID there, where it is another and not 0; else 0 */
	uint32_t here;	   /* its id on the target; 0: it is not there yet */
	uint32_t here_uid; /* 0: not there yet */
	size_t keys_at;	   /* of its Message-IDs in the plan's keys */
	uint16_t key_count;
	uint64_t subject;
	int64_t date_s;
	bool is_draft, in_junk, from_me, is_reply, in_reply_to, refers;
	bool has_id; /* the first of its keys is its own Message-ID */
};

enum seed_event_kind {
	SEED_MESSAGE, /* it comes in, its id is the event's */
	SEED_FOLDER,  /* a folder or tag of that id is made by steering */
	SEED_UID,     /* the message gets that UID */
	SEED_TIE, /* a reply to the message, of ours: it makes its conversation, and goes again */
	SEED_EARLY_TIE, /* a mail of ours that refers to the message to come, and a reply to it */
};

struct seed_event {
	enum seed_event_kind kind;
	uint32_t id;	/* what the counter gives out */
	size_t message; /* its place in the list */
	uint32_t takes; /* and so many behind it: a conversation's, a second reply's */
};

struct seed_plan_in {
	const struct seed_message *messages; /* ascending id */
	size_t message_count;
	const uint64_t *keys;
	const uint32_t *folders; /* ids of those to be made, ascending */
	size_t folder_count;
	uint64_t counter; /* the target's last id */
	uint64_t last;	  /* nothing above it */
	bool threads;	  /* keys are known; otherwise nothing is foretold */
};

struct seed_plan {
	struct seed_event *events; /* ascending id */
	size_t count;
	uint64_t passed;      /* messages whose id was given out already */
	uint64_t in_conflict; /* messages whose conversation would take another's id */
	uint64_t ties;
};

void seed_plan_make(const struct seed_plan_in *in, struct seed_plan *out);
void seed_plan_fini(struct seed_plan *p);
/* "<...>": the Message-ID of the mail of ours that has this id. */
#define SEED_TIE_ID "<zmferry-tie-%u@zmferry.invalid>"
#define SEED_TIE_ID_MAX 64

#endif
