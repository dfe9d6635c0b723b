/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by export.c (the pass) and export_fetch.c (getting items out of Zimbra). */
#ifndef AGENT_EXPORT_PRIVATE_H
#define AGENT_EXPORT_PRIVATE_H

#include "agent/worker/stream.h"
#include "agent/worker/worker.h"

/* What became of an item that the target lacks. */
enum fate {
	FATE_WANTED, /* not asked for yet, or to be asked for again */
	FATE_CAME,
	FATE_BAD,     /* Zimbra marked its blob, or the archive was cut inside it */
	FATE_MISSING, /* asked for, passed over in silence */
	FATE_DEAD,    /* asked for alone, it still ended the archive */
	FATE_HUGE,
	FATE_GONE, /* deleted meanwhile */
	FATE_COUNT
};

/* A document with earlier revisions, as Zimbra says before it is exported. */
struct expected {
	uint32_t id;
	uint32_t revisions; /* all of them */
	uint64_t size;	    /* of the current one */
};

struct fetching {
	struct worker *w;
	struct stream *stream;
	const struct spool_record_list *record;
	const char *token; /* of Sync, from before anything was fetched */
	uint32_t *wanted;  /* ascending */
	uint8_t *fates;	   /* enum fate, beside wanted */
	size_t wanted_count;
	bool is_part; /* the record is of a small part of the mailbox */
	uint64_t sent, sent_bytes;
	uint32_t *worn; /* documents whose earlier revisions are not all whole */
	size_t worn_count;
	struct expected *expected; /* ascending id */
	size_t expected_count;
	/* the item under way */
	uint32_t last_seen; /* the last that began, wanted or not; 0 = none */
	size_t at;	    /* its place in wanted */
	bool sending;
	bool is_document;
	bool is_list; /* asked by id: nothing but a mark can follow the last */
	/* a document's revision whose end waits for what comes next */
	bool pending, pending_bad;
	uint32_t pending_id;
	size_t pending_at;
	uint64_t pending_size;	  /* as its metadata says */
	uint32_t pending_earlier; /* whole revisions before it */
	bool pending_worn;	  /* some were not whole, or did not come */
};

/* Takes over what the receiver wants now; what is known of each id stays known. */
void fetching_want(struct fetching *x, uint32_t *take_wanted, size_t count);
void fetching_free(struct fetching *x);
/* Is there anything left that can be asked for? */
bool fetching_has_work(const struct fetching *x);
/* One export of everything when much lacks, by id what then still lacks. */
MUST_USE bool fetching_run(struct fetching *x, struct err *e);
/* Looks what was deleted since the token. */
MUST_USE bool fetching_drop_deleted(struct fetching *x, bool *any_out, struct err *e);

/* --- export_documents.c --- */

/* Asks for the revisions of the documents wanted; to be called outside an export. */
void fetching_expect_documents(struct fetching *x);
/* NULL: it has none but the current one, or it is not known. */
const struct expected *fetching_expected(const struct fetching *x, uint32_t id);

#endif
