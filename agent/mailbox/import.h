/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the spool into the mailbox by archive imports. Each item is sent exactly once: an
 * unclear result is settled by looking (arrive.h). What an archive import refuses is left
 * for mend.h and named. While people wait locked out only the newest messages go in, up to a
 * time; the rest goes in when they work already, and follows what they do to their folders.
 */
#ifndef AGENT_IMPORT_H
#define AGENT_IMPORT_H

#include "agent/mailbox/arrive.h"
#include "agent/mailbox/import_plan.h"
#include "agent/mailbox/target.h"

struct import_options {
	size_t folder_limit;
	bool
	    contacts_only; /* contacts and groups, and nothing else; otherwise all but these */
	bool release;	   /* what was withheld, too */
	uint32_t
	    messages_ms; /* no request with messages begins that would end later; 0 = all */
};

/* Imports what is not in yet into the open target. facts' lists live until the end. */
MUST_USE bool import_run(struct target *t, const struct import_options *options,
    Wire__ImportFacts *facts, struct err *e);

/* --- for mend.c --- */

/* Applied and staged items; names up to 100 that are staged still. left: of these for later. */
MUST_USE bool import_count(struct target *t, bool contacts_only, size_t left,
    Wire__ImportFacts *facts, struct err *e);

/*
 * Items that may not be imported into their folder, or whose copy lies there already: by
 * way of a folder of their own kind that is made for this and removed again, then moved.
 * All of one type.
 */
MUST_USE bool import_aside(struct target *t, enum spool_type type, const uint32_t *ids,
    size_t count, struct err *e);

#endif
