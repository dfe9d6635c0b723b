/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by import.c (the order), import_post.c (one request) and import_aside.c. */
#ifndef AGENT_IMPORT_PRIVATE_H
#define AGENT_IMPORT_PRIVATE_H

#include "agent/mailbox/import.h"

/* One request's items on their way into an archive. */
struct posting {
	struct target *t;
	const uint32_t *ids;
	size_t count, at;
	const char *only_path; /* everything goes there; NULL: each into its own folder */
	uint32_t only_folder;
	uint64_t bytes;	      /* sent so far, of all requests */
	uint64_t done, total; /* for the progress */
	const char *what;
	struct err unclear; /* why the last POSTING_UNCLEAR */
};

enum posting_result {
	POSTING_CLEAN,
	POSTING_FAULTS,
	POSTING_OVER_QUOTA,
	POSTING_UNCLEAR
};

/* Posts what is noted already; false only when going on makes no sense. */
MUST_USE bool
posting_send(struct posting *p, enum posting_result *result_out, struct err *e);

/* Does the contact refer to others by number? */
MUST_USE bool
import_refers(struct target *t, const struct spool_item *item, bool *out, struct err *e);

/* Has the message a line that an archive import refuses? Reads it. */
MUST_USE bool import_has_long_line(
    struct target *t, const struct spool_item *item, bool *out, struct err *e);

/* New number of a contact (metadata_map_fn, ctx a struct target); 0 = unknown. */
uint32_t import_new_contact(void *ctx, uint32_t contact_id);

/*
 * Items of ours in that folder go where they belong; when that leaves it empty, without a
 * folder in it, it is deleted. Where none of ours was it is somebody's own and stays,
 * unless it is known to be the import's work.
 */
MUST_USE bool
import_empty_stray(struct target *t, uint32_t folder, bool is_ours, struct err *e);

/* Finishes an earlier attempt's folder of this type, if there is one. */
MUST_USE bool import_aside_finish(struct target *t, enum spool_type type, struct err *e);

#endif
