/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the target's mailbox holds, item by item, without the contents: an export with
 * body=0 gives metadata, digest and size. A query leaves out what is marked \Deleted, and
 * an export may end early in silence; so what a Sync lists besides is asked for by id.
 */
#ifndef AGENT_MANIFEST_H
#define AGENT_MANIFEST_H

#include "agent/mailbox/match.h"
#include "agent/mailbox/target.h"

/* A contact group: the hash of its fields with its members' numbers as they are. */
struct manifest_group {
	uint32_t id;
	uint64_t fields;
};

/* A message and its IMAP UID. */
struct manifest_uid {
	uint32_t id, uid;
};

struct manifest {
	struct match_set set; /* sorted */
	struct manifest_group *groups;
	size_t group_count;
	struct manifest_uid
	    *low_uids; /* messages whose UID was given out on the source already */
	size_t low_uid_count;
	uint64_t listed; /* items that came, kept or not */
};

/* What is wanted of it. */
struct manifest_wish {
	uint64_t since_change; /* only what changed after it; 0 = all */
	uint32_t after_id;     /* only ids above it */
	uint32_t in_folder;    /* only what lies there; 0 = everywhere */
	uint64_t uids_up_to;   /* fill low_uids; 0 = do not */
	bool (*keep)(void *ctx, const struct match_item *item); /* NULL = all */
	void *ctx;
};

void manifest_init(struct manifest *m);
void manifest_fini(struct manifest *m);
MUST_USE bool manifest_read(struct target *t, const struct manifest_wish *wish,
    struct manifest *out, struct err *e);
/* Adds these (ascending) by id; what is not there is left out. Sorts again. */
MUST_USE bool manifest_read_ids(struct target *t, const uint32_t *ids, size_t count,
    const struct manifest_wish *wish, struct manifest *out, struct err *e);

/* Hash of a group's fields as in manifest_group; 0: no group. */
uint64_t manifest_group_hash(const char *metadata, size_t len);

/* --- the other side of the comparison --- */

/* An item of the spool as it should be here; folder: of the target. */
MUST_USE bool manifest_wanted(struct spool *s, const struct spool_item *item,
    uint32_t folder, struct match_item *out, struct err *e);

#endif
