/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver does with the messages of one admitted stream, without the connection:
 * receive.c brings them, tests and fuzzers too.
 */
#ifndef AGENT_RECEIVE_PRIVATE_H
#define AGENT_RECEIVE_PRIVATE_H

#include "agent/mailbox/spool.h"

struct receiving;

typedef bool (*receiving_answer_fn)(void *ctx, const Wire__Stream *m, struct err *e);

struct receiving_options {
	struct spool *spool;   /* opened for writing; borrowed */
	const char *spool_dir; /* whose disk is watched; borrowed */
	uint32_t fill_limit;   /* percent; 0 = the disk is not watched */
	bool
	    keeps_held; /* what is held is in a mailbox by now: only what lacks is taken */
	receiving_answer_fn answer; /* sends one message to the sender */
	void *ctx;
};

struct receiving *receiving_new(const struct receiving_options *options);
void receiving_free(struct receiving **r);
/* The first answer: what is held, and as new as which token. */
MUST_USE bool receiving_greet(struct receiving *r, struct err *e);
/* Takes the next message, from which it may move parts. False: the stream is over, the
   spool is as if the item under way had never begun. */
MUST_USE bool receiving_take(struct receiving *r, Wire__Stream *m, struct err *e);
/* All came and is durable. */
bool receiving_is_done(const struct receiving *r);

/* --- receive_aged.c: what is held and older than the sender's --- */

struct aged {
	char token[64]; /* what is held is as new as this; "": there is none */
	uint32_t *ids;	/* ascending */
	uint64_t *at;	/* where each lies in the spool; NULL: not known yet */
	size_t count;
};

void aged_free(struct aged *a);
/* What a pass that was broken off left; out is the caller's to free. */
void aged_read(struct spool *s, struct aged *out);
/* Adds what is stale by now, as far as it is held and of record; durable afterwards. */
MUST_USE bool
aged_keep(struct spool *s, struct aged *a, const uint32_t *stale, size_t stale_count,
    const struct spool_record_list *record, const char *token, struct err *e);
/* The newer of it has not come yet. */
bool aged_is(const struct aged *a, const struct spool_item *held);
/* A whole pass is over. */
MUST_USE bool aged_end(struct spool *s, struct aged *a, struct err *e);

/* --- receive_record.c: the list of record against what is held --- */

struct reconciled {
	uint32_t *wanted; /* ascending */
	size_t wanted_count;
	uint64_t bytes; /* of what is held and stays */
};

/* Adds to the record what is held and not of it; what is held keeps its folder. record: sorted. */
MUST_USE bool
receiving_keep_held(struct spool *s, struct spool_record_list *record, struct err *e);
/*
 * Of folders that the tree has and the one before had not: they are to be made. What came of
 * it is noted by who makes them (mend_folders).
 */
MUST_USE bool
receiving_note_folders(struct spool *s, const Wire__StreamTree *tree, struct err *e);
/* Forgets what is not of record, gives the rest its folder of record. Wanted: what is not
   held, and what is aged. */
MUST_USE bool receiving_reconcile(struct spool *s, const struct spool_record_list *record,
    const struct aged *aged, bool all_stale, struct reconciled *out, struct err *e);

#endif
