/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of Zimbra's threading, algorithm "references": a message that matches a single
 * one that was in no conversation yet makes it real, and that takes the id after its own
 * (facts: identity 4). So it can be told before which ids the target will give out. Pure.
 */
#ifndef AGENT_SEED_THREADS_H
#define AGENT_SEED_THREADS_H

#include "agent/mailbox/seed_text.h"

struct seed_threads;

/* What of a message matters beside its keys. */
struct seed_threaded {
	uint32_t id; /* of the target */
	bool is_draft;
	bool in_junk;
	bool from_me; /* is found as a reply only */
	bool refers;  /* to somebody by a Message-ID: not found by its subject */
	int64_t date_s;
	bool is_reply, in_reply_to;
	const uint64_t *ids; /* borrowed for the call */
	size_t count;
	uint64_t subject;
};

struct seed_threads *seed_threads_new(void);
void seed_threads_free(struct seed_threads **t);
/* Would the message make a conversation? Changes nothing. */
bool seed_threads_would(struct seed_threads *t, const struct seed_threaded *m);
/* Of that conversation: the id of the single message that is in it so far. */
uint32_t seed_threads_first(struct seed_threads *t, const struct seed_threaded *m);
/* It comes into the mailbox; true: and makes a conversation, which has the next id. */
bool seed_threads_add(struct seed_threads *t, const struct seed_threaded *m);

#endif
