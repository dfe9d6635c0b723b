/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by seed_run.c (the order), seed_add.c (messages that come in), seed_post.c (one
 * request of them), seed_step.c (what changed on the source) and seed_settle.c (after the
 * switch).
 */
#ifndef AGENT_SEED_PRIVATE_H
#define AGENT_SEED_PRIVATE_H

#include "agent/mailbox/seed.h"
#include "agent/mailbox/seed_index.h"
#include "agent/mailbox/seed_plan.h"
#include "agent/mailbox/steer_private.h"

#define SEED_INBOX 2u
#define SEED_JUNK 4u

struct seeding {
	struct target *t;
	const struct seed_options *options;
	struct seed_index index;
	struct spool_record_list record;
	struct steer_limits limits;
	struct steering steer; /* makes the folders */
	uint64_t last;	       /* no id above it is given out */
	uint64_t counter;      /* the target's last id */
	uint64_t total;	       /* messages of record */
	uint64_t added;	       /* by this run */
	uint64_t unforeseen;   /* times that the counter was not where it should be */
	bool is_ours; /* there is a mailbox, and it is the one that this move fills */
	bool bump_tag_made;
	bool one_by_one;    /* a request as a whole was refused */
	bool over_quota;    /* the import after the switch has none */
	uint64_t row_bytes; /* of the mailbox, when it was looked at */
	bool
	    has_strangers; /* mail that was under way when the account lived here for an instant */
};

/* Where an item of that folder belongs on the target; 0: the folder is not there. */
uint32_t seed_place(const struct target *t, uint32_t source_folder);
/* FLAG_UNREAD included. */
uint32_t seed_flags(const struct spool_item *item);
/* "sf", and the tags that are there: "a,q1\\,2"; *whole_out false: one is not there yet. */
MUST_USE bool seed_attributes(struct target *t, const struct spool_item *item,
    struct buf *flags_out, struct buf *tags_out, bool *whole_out, struct err *e);
#define SEED_TIE_BIT 0x80000000u /* in its id in the index: above every item's */
#define SEED_TIE_DIGEST 1u /* in the index: a reply of ours, no item of the source */
/* The hash of tags that were set in part: another than that of all of them. */
#define SEED_TAGS_IN_PART(hash) (~(hash))

/* --- messages --- */

/* Looks what became of messages whose answer is not known. */
MUST_USE bool seed_recover(struct seeding *s, struct err *e);
/* Everything whose id is to come, and the folders between. */
MUST_USE bool seed_add_all(struct seeding *s, struct err *e);
/* Ids up to there (exclusive of what comes next) are given out to nobody. */
MUST_USE bool seed_burn(struct seeding *s, uint64_t count, struct err *e);
MUST_USE bool seed_read_counter(struct seeding *s, struct err *e);

/* Can it be put in as it is? If not it is written down as left. */
MUST_USE bool seed_message_may(
    struct seeding *s, const struct spool_item *item, bool *may_out, struct err *e);

/* One request on its way. */
struct seed_batch;
struct seed_batch *seed_batch_new(struct seeding *s);
void seed_batch_free(struct seed_batch **b);
size_t seed_batch_count(const struct seed_batch *b); /* messages in it */
bool seed_batch_is_full(const struct seed_batch *b);
/* The counter as it should stand after it. */
uint64_t seed_batch_counter(const struct seed_batch *b);
/* Adds a message that is to get this id; makes: and a conversation. *left_out: it cannot
   be put in so. */
MUST_USE bool seed_batch_message(struct seed_batch *b, const struct spool_item *item,
    uint32_t id, bool makes, bool *left_out, struct err *e);
/* A mail of ours that goes again at the end. is_reply: it answers the one with that
   Message-ID and makes its conversation; otherwise it refers to it. */
MUST_USE bool seed_batch_tie(struct seed_batch *b, uint32_t id, const char *message_id,
    bool is_reply, struct err *e);
MUST_USE bool
seed_batch_uid(struct seed_batch *b, uint32_t item_id, uint32_t uid, struct err *e);
/* Sends; nothing in it: nothing is sent. *again_out: not all of it was carried out. */
MUST_USE bool seed_batch_send(struct seed_batch *b, bool *again_out, struct err *e);

/* --- what changed --- */

/* Takes out what the source no longer has, or has with other contents. */
MUST_USE bool seed_delete_gone(struct seeding *s, struct err *e);
/* Folders, flags and tags. */
MUST_USE bool seed_update(struct seeding *s, struct err *e);
/*
 * Messages that were changed on the source since they came are changed here once more, and
 * back: by then the change counter is past the source's, so a mail client that keeps a
 * state of the source is told of them, whatever it is (facts: identity 3.1).
 * *any_out: there was one.
 */
MUST_USE bool seed_tell(struct seeding *s, bool *any_out, struct err *e);
/* Folders that the source no longer has; none that holds something. */
MUST_USE bool seed_delete_folders(struct seeding *s, struct err *e);
/* Deletes these on the target and forgets them; ids of the source. */
MUST_USE bool
seed_take_out(struct seeding *s, const uint32_t *ids, size_t count, struct err *e);

#endif
