/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What archive imports leave behind: refused messages and invites by AddMsg, other items
 * by a detour, sections of the mailbox's own metadata, UIDs, the touch for clients that
 * ask only for changes; IMAP tracking last (facts: move-protocol 4.7, identity 3, 5).
 */
#ifndef AGENT_MEND_H
#define AGENT_MEND_H

#include "agent/mailbox/import.h"
#include "agent/mailbox/target.h"
#include "proto/base/buf.h"

struct mend_options {
	bool imap_tracking;    /* switch it on at the end */
	bool messages_to_come; /* an import follows: messages are left to it */
};

/* Mends the open target. facts' lists live until the process ends. */
MUST_USE bool mend_run(struct target *t, const struct mend_options *options,
    Wire__ImportFacts *facts, struct err *e);

/* --- pure --- */

/* What AddMsg needs of a metadata entry. False: it cannot be read. */
struct mend_attributes {
	struct buf flags; /* "uf" */
	struct buf tags; /* "red,q1\,2": names, comma-separated, escaped by a backslash */
};
MUST_USE bool mend_read_meta(const char *meta, struct mend_attributes *out);
void mend_attributes_fini(struct mend_attributes *a);

/*
 * The bytes of a message of the spool to the upload service; id_out: its upload id.
 * Errors: rest_upload's, or the spool's where its file cannot be read.
 */
MUST_USE bool mend_upload(struct target *t, const struct spool_item *item, char *id_out,
    size_t id_size, struct err *e);

#endif
