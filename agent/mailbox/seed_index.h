/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this move put into the target's mailbox while the account lived elsewhere: the file
 * "seed" of the spool, one record a change, the newest of an id wins. It belongs to one
 * mailbox, by its number: of another it says nothing. What was sent is written before it
 * is, so that a crash leaves no message that nobody knows of. 56 bytes an item in memory.
 */
#ifndef AGENT_SEED_INDEX_H
#define AGENT_SEED_INDEX_H

#include "agent/mailbox/spool.h"

enum seed_state {
	SEED_GONE, /* not there any more */
	SEED_SENT, /* the answer is not known; here: the id foretold */
	SEED_HERE,
	SEED_LEFT, /* cannot be put in so: an import's work */
};

struct seed_entry {
	uint32_t id;	 /* of the source */
	uint32_t here;	 /* of the target */
	uint32_t uid;	 /* there */
	uint32_t folder; /* of the target */
	uint32_t flags;	 /* FLAG_UNREAD included; as the source had them */
	uint32_t size;	 /* bytes there */
	uint64_t tags_hash;
	uint64_t digest_hash;
	uint32_t told; /* a client whose copy is of this change or older is told of it */
	uint8_t state; /* enum seed_state */
};

struct seed_index {
	int fd;
	uint64_t mailbox_id;
	struct seed_entry *entries; /* ascending id */
	size_t count, cap;
	uint64_t end;	/* where the next record goes */
	uint64_t bytes; /* of all that is there */
	size_t sent;	/* entries whose answer is not known */
	unsigned unsynced;
	bool is_new; /* nothing was known of this mailbox before */
};

/* Opens; of another mailbox's file nothing is taken (is_new). write: makes it if missing, and
   cuts a damaged end off; damage before it is ERR_CORRUPT. */
MUST_USE bool seed_index_open(const char *spool_dir, const char *move_id,
    uint64_t mailbox_id, bool write, struct seed_index *out, struct err *e);
void seed_index_close(struct seed_index *x);
/* Of a new one: the file is this mailbox's from here on. */
MUST_USE bool seed_index_begin(struct seed_index *x, struct err *e);
/* NULL: nothing is known of it. Valid until the next set. */
const struct seed_entry *seed_index_find(const struct seed_index *x, uint32_t id);
/* Not on disk before the sync; but never many of them. */
MUST_USE bool
seed_index_set(struct seed_index *x, const struct seed_entry *entry, struct err *e);
MUST_USE bool seed_index_sync(struct seed_index *x, struct err *e);

/* Is it the mailbox that this move fills? It may hold mail, too, that came by itself. */
bool seed_row_is_filled(const char *spool_dir, const char *move_id, const Wire__Row *row);
/*
 * May the mailbox be filled by the move? made: number of the one that was made for it, empty; 0:
 * not known. Mail whose recipient was accepted in that instant may be in it by now: it stays, and
 * is seen after the switch. Any other mailbox must be empty when it is seen first.
 */
bool seed_may_begin(const Wire__Row *row, bool is_new, uint64_t made);
/* Does the mailbox of that row hold nothing but what this move put into it? */
bool seed_row_is_ours(const char *spool_dir, const char *move_id, const Wire__Row *row);

#endif
