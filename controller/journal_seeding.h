/* SPDX-License-Identifier: Apache-2.0 */
/* What rehearsals said of seeding, one row a version of Zimbra: the last word counts. */
#ifndef CONTROLLER_JOURNAL_SEEDING_H
#define CONTROLLER_JOURNAL_SEEDING_H

#include "controller/journal.h"
#include "controller/seeding.h"

/* The newest first. */
MUST_USE bool
journal_seeding_load(struct journal *j, struct seeding_proofs *out, struct err *e);
/* In place of what was known of that version. */
MUST_USE bool
journal_seeding_save(struct journal *j, const struct seeding_proof *row, struct err *e);

#endif
