/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UIDVALIDITY of the folders that people made. Zimbra's is the change by which a folder was
 * made, or renamed or moved last (GetFolder's rev), so the change counter is brought to just
 * before it (facts: identity 2). What is missed is another number: mail programs fetch that
 * folder anew, cleanly. Only while the account lives elsewhere.
 */
#ifndef AGENT_SEED_VALIDITY_H
#define AGENT_SEED_VALIDITY_H

#include "agent/mailbox/seed_private.h"

/* Does a mail program see it as a folder of its owner's? */
bool validity_counts(const Wire__Folder *f);
/*
 * The lowest number of those that are made behind each of these folders; ids ascending, all of
 * the tree. Pure. A folder whose own is higher would make them miss theirs.
 */
void validity_later(
    const struct tree *source, const uint32_t *ids, size_t count, uint64_t *lowest_out);

/* Can it be had when the folder is made next? Then the change counter goes to one below it
   first. later: of those made behind it. */
bool validity_is_to_come(const struct seeding *s, const Wire__Folder *f, uint64_t later);
/*
 * Those that are there with another number, of which the account's number is still to come:
 * renamed, and back. None that is shared, feeds itself or is named by mail filters.
 */
MUST_USE bool validity_mend(struct seeding *s, struct err *e);

#endif
