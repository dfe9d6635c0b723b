/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every step at the target shares: the spool with the source's tree, this mailbox's
 * tree as it was read last, which folder is which, and calls on behalf of the account.
 * Blocking, one thread. Nothing here changes the mailbox by itself.
 */
#ifndef AGENT_TARGET_H
#define AGENT_TARGET_H

#include "agent/mailbox/client.h"
#include "agent/mailbox/spool.h"
#include "agent/mailbox/tree.h"
#include "proto/base/log.h"
#include "proto/zimbra/soap.h"

/* A folder or tag of the source that could not get its old id here. */
struct target_pair {
	uint32_t source;
	uint32_t here; /* 0: it could not be made at all */
};

/* Scripts of mail filters as they were read last (filters.h). */
#define FILTER_SCRIPTS 2
struct target_filters {
	char *scripts[FILTER_SCRIPTS]; /* owned; NULL: not read */
	uint64_t read_ms;	       /* monotonic; 0: never */
};
void filters_fini(struct target_filters *f);

struct target {
	/* filled by the caller before target_open */
	struct soap_client *soap;
	struct client client; /* for archives */
	const char *account_id;
	const char *host; /* this server's name: the account's home must be it */
	const char *spool_dir;
	const char *move_id;
	const struct log *log;
	bool lives_elsewhere;  /* the home is not looked at; every call is pinned here */
	bool (*stopped)(void); /* never NULL */
	void (*progress)(
	    void *ctx, uint64_t done, uint64_t total, uint64_t bytes, const char *text);
	void *ctx;
	/* filled by target_open */
	struct spool *spool;
	struct tree source;
	struct tree here;
	Wire__StreamTree *rest;	   /* what else came with the source's tree: sections */
	struct target_pair *pairs; /* ascending source id */
	size_t pair_count;
	struct target_filters filters;
};

/* Refuses when the account's home is not this server: what is written then would land in
   the mailbox at its home. */
MUST_USE bool target_open(struct target *t, struct err *e);
void target_close(struct target *t);
/* Reads the tree of this mailbox afresh. */
MUST_USE bool target_read_here(struct target *t, struct err *e);

/* --- which folder is which --- */

/* The id that steering gave it here, or its own; 0: it could not be made. */
uint32_t target_noted(const struct target *t, uint32_t source_id);
/* Of a folder of the source; 0: it has none here now. */
uint32_t target_folder(const struct target *t, uint32_t source_id);
/* Where an item of that folder goes: there, or into Trash when the folder is no more. */
uint32_t target_place(const struct target *t, uint32_t source_id);
/* Replaces the pairs, on disk too; pairs are copied. */
MUST_USE bool target_set_pairs(
    struct target *t, const struct target_pair *pairs, size_t count, struct err *e);

/* --- notes of the spool --- */

#define NOTE_STEERED \
	"steered" /* "LAST_ID CHANGE": the source's counters, both passed here */
#define NOTE_OPENED "opened" /* Sync token: what changes after it is the person's */
#define NOTE_HERE "here"     /* what this mailbox held at the first such token */
#define NOTE_MENDED \
	"mended" /* "CHANGE LAST_ID" of the end of the first mending: "opened" is final */
#define NOTE_POSTING "posting" /* items whose import's result is not known yet */
#define NOTE_EMPTIED \
	"emptied" /* folders that their owner emptied: "FOLDER AN_ID_THAT_WAS_DELETED" a line */
#define NOTE_WITHHELD \
	"withheld" /* items of such folders: "SOURCE DELETED" a line; or "released" */
#define NOTE_BACK \
	"back" /* the spool of a way back: of what arrived elsewhere meanwhile */
#define NOTE_REFUSED "refused" /* folders that Zimbra would not make: an id a line */
#define NOTE_MADE "made"       /* number of the mailbox that was made here early, empty */
#define NOTE_SEED_SETTLED \
	"seed-settled" /* what was seeded is marked in the index of items */
#define NOTE_FILTERS \
	"filters-kept" /* "1": mail filters as they were at the lock are noted beside it */
#define NOTE_KEEPER "keeper"   /* an account that is to be deleted (keeper.h); or empty */
#define NOTE_FOLDERS "folders" /* "SOURCE HERE" a line */

bool target_read_numbers(
    struct target *t, const char *note, uint64_t *first, uint64_t *second);

/* --- calls --- */

struct soap_request *target_request(const struct target *t, const char *name); /* mail */
/* A batch; each part is opened by soap_batch_add. */
struct soap_request *target_batch(const struct target *t, bool stop_on_error);
/* Sends and frees the request; answer_out NULL: the answer is dropped. */
MUST_USE bool target_send(const struct target *t, struct soap_request *take,
    struct soap_answer **answer_out, struct err *e);
/* "accountId:257" or "257"; 0 = none. */
uint32_t target_id_of(const struct soap_node *n, const char *attr);
/* A part of a batch's answer that is a fault: its sentence; NULL: it is none. */
const char *target_part_fault(const struct soap_node *part, char *out, size_t size);
/* Is it one that may pass by itself: somebody's mailbox is being moved, a server restarts? */
bool target_part_may_pass(const struct soap_node *part);
/* ItemAction with these ids: op and one attribute (NULL = none). */
MUST_USE bool target_action(const struct target *t, const char *op, const uint32_t *ids,
    size_t count, const char *name, const char *value, struct err *e);

#endif
