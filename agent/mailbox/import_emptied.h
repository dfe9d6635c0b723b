/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who empties Trash or Junk while the rest of the mail goes in does not want to find it full
 * again. Where something that went into such a folder was deleted since the opening, what
 * should still go there counts as deleted with it; the old copy has it as long as it is kept.
 */
#ifndef AGENT_IMPORT_EMPTIED_H
#define AGENT_IMPORT_EMPTIED_H

#include "agent/mailbox/target.h"

struct emptied_folder {
	uint32_t folder;  /* of the target */
	uint32_t deleted; /* an id of it that was deleted */
};

struct emptied {
	struct target *t;
	char token[64]; /* Sync: looked at up to here; "" = not begun */
	struct emptied_folder *folders;
	size_t count;
};

void emptied_init(struct emptied *x, struct target *t);
void emptied_fini(struct emptied *x);
/* Marks what was sent and has arrived (arrive.h): only then is known whose a deleted id was. */
typedef bool (*emptied_settle_fn)(void *ctx, struct err *e);
/* What was deleted since the last look. Where Sync's token is too old nothing is found. */
MUST_USE bool
emptied_look(struct emptied *x, emptied_settle_fn settle, void *ctx, struct err *e);
/* Counts the item as deleted, if its folder was emptied; *out says whether. */
MUST_USE bool emptied_pass_over(
    struct emptied *x, const struct spool_item *item, bool *out, struct err *e);

/* Trash, Junk or a folder in them. Pure. */
bool emptied_is_bin(const struct tree *here, uint32_t folder);

#endif
