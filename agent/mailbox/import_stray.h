/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People rename and delete folders while the rest of their mail goes in, and an archive names
 * folders by path: a folder that is no longer there is made anew under its old name (facts:
 * identity 3.6). Such a stray is found after the request, its items go where they belong, and
 * it is deleted when that leaves it empty.
 */
#ifndef AGENT_IMPORT_STRAY_H
#define AGENT_IMPORT_STRAY_H

#include "agent/mailbox/target.h"

/*
 * Ids of folders in now that were not there before and stand where, before, another stood
 * that has left since. Deepest first. Returns how many; the caller frees *ids_out. Pure.
 */
size_t
import_stray_find(const struct tree *before, const struct tree *now, uint32_t **ids_out);

/* Reads the tree afresh after a request; are there strays? Before it t->here was fresh too. */
MUST_USE bool
import_stray_look(struct target *t, uint32_t **ids_out, size_t *count_out, struct err *e);
/* Empties and removes them; what was sent must have been looked for (arrive.h). */
MUST_USE bool
import_stray_clear(struct target *t, const uint32_t *ids, size_t count, struct err *e);

#endif
