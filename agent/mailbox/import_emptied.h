/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who empties Trash or Junk while the rest of the mail goes in does not want to find it full
 * again. Where everything that lay in such a folder is gone at once, what should still go
 * there is withheld: it counts as deleted, stays in the spool, and is put in by a release.
 */
#ifndef AGENT_IMPORT_EMPTIED_H
#define AGENT_IMPORT_EMPTIED_H

#include "agent/mailbox/target.h"

struct emptied_folder {
	uint32_t folder;  /* of the target */
	uint32_t deleted; /* an id of it that was deleted */
};

struct emptied_item {
	uint32_t id;	  /* of the source */
	uint32_t deleted; /* what it counts as: an id of the folder that was deleted */
};

struct emptied {
	struct target *t;
	char token[64];	  /* Sync: looked at up to here; "" = not begun */
	uint32_t seen_id; /* up to this id people have had time to see it */
	struct emptied_folder *folders;
	size_t count;
	struct emptied_item *withheld;
	size_t withheld_count;
	size_t saved; /* noted, and marked as deleted */
	bool is_off;  /* after a release nothing is withheld any more */
};

/* Takes up what an earlier worker found. */
MUST_USE bool emptied_init(struct emptied *x, struct target *t, struct err *e);
void emptied_fini(struct emptied *x);
/* Marks what was sent and has arrived (arrive.h): only then is known whose a deleted id was. */
typedef bool (*emptied_settle_fn)(void *ctx, struct err *e);
/* What was emptied since the last look. Where Sync's token is too old nothing is found. */
MUST_USE bool
emptied_look(struct emptied *x, emptied_settle_fn settle, void *ctx, struct err *e);
/* Withholds the item, if its folder was emptied; says whether. */
bool emptied_pass_over(struct emptied *x, const struct spool_item *item);
/* What was withheld is on disk as such, and counts as deleted. */
MUST_USE bool emptied_save(struct emptied *x, struct err *e);
/* What is withheld is wanted again, once and for all. */
MUST_USE bool emptied_release(struct emptied *x, struct err *e);
/* So many are withheld in this spool. */
size_t emptied_count_withheld(struct target *t);

/* Trash, Junk or a folder in them. Pure. */
bool emptied_is_bin(const struct tree *here, uint32_t folder);

/*
 * Of one folder, what the move had put in: so many are gone, so many that were there then are
 * there still, so many may have come later. Was it emptied? One that is deleted by itself
 * empties nothing, and of a single one nobody can tell. Pure.
 */
bool emptied_is(size_t gone, size_t there, size_t later);

#endif
