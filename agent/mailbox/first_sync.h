/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first Sync of the target's mailbox: it switches Zimbra's tracking on, its token says
 * from when on changes are the person's, and its list is kept in the spool, so that nobody
 * who waits under the lock waits for the whole list twice.
 */
#ifndef AGENT_FIRST_SYNC_H
#define AGENT_FIRST_SYNC_H

#include "agent/mailbox/target.h"

/* Asks and keeps. Behind the counters: old clients' tokens must not be taken for good. */
MUST_USE bool first_sync_take(struct target *t, struct err *e);
/* What the mailbox held then. Where it was not kept: what it holds now. */
MUST_USE bool
first_sync_list(struct target *t, struct spool_record_list *out, struct err *e);
/* The same without what was deleted since. Until the opening only: later the token is another. */
MUST_USE bool
first_sync_list_now(struct target *t, struct spool_record_list *out, struct err *e);

#endif
