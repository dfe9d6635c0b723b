/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by mend.c (the order), mend_add.c (messages) and mend_rest.c (all the others). */
#ifndef AGENT_MEND_PRIVATE_H
#define AGENT_MEND_PRIVATE_H

#include "agent/mailbox/arrive.h"
#include "agent/mailbox/mend.h"

/* Adds one message and marks it; *refused_out: Zimbra will not have it, it is named. */
MUST_USE bool mend_add_message(struct target *t, struct arrivals *a,
    const struct spool_item *item, bool *refused_out, struct err *e);
#define MEND_REFUSED_IN_A_ROW 20 /* then it is the server and not the message */

/* Folders, links and tags that steering could not make: once more, at any id. */
MUST_USE bool mend_folders(struct target *t, struct err *e);
/* UIDs that the source had given out already to somebody: new ones. */
MUST_USE bool mend_uids(struct target *t, struct err *e);
/* Folders whose highest change is not past the source's: one flag set and taken back. */
MUST_USE bool mend_touch(struct target *t, struct err *e);
MUST_USE bool mend_sections(struct target *t, struct err *e);
MUST_USE bool mend_track_imap(struct target *t, struct err *e);

/* Notes the change counter: later changes are the person's. */
MUST_USE bool mend_note_opening(struct target *t, struct err *e);

#endif
