/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it safe to take a node out of the cluster? Facts of the directory and of the journal are
 * judged by a table of checks. Pure.
 */
#ifndef CONTROLLER_REMOVAL_H
#define CONTROLLER_REMOVAL_H

#include "controller/world.h"
#include "controller/zimbra/standing.h"

enum removal_level {
	REMOVAL_BLOCKS, /* first something must be done: next */
	REMOVAL_DOES,	/* zmferry does it when the node is taken out */
	REMOVAL_AFTER,	/* something to do when it is out: next */
	REMOVAL_NOTE,
	REMOVAL_LEVEL_COUNT
};
extern const char *const removal_level_names[REMOVAL_LEVEL_COUNT];

struct removal_ours { /* what the journal knows */
	bool planned; /* before the evacuation: who lives there is about to move */
	bool destroy_volumes;
	uint64_t stuck;	      /* moves from it or to it that wait for a person */
	uint64_t tidying;     /* old copies on it that are just being deleted */
	uint64_t unclean;     /* moves from it whose verdict is not clean */
	uint64_t kept_copies; /* old copies on it of clean moves */
	bool unknown;	      /* its agent is away: nobody tells what is on it */
	uint64_t
	    strange_copies; /* mailboxes on it of people who live elsewhere, not ours */
};

struct removal_finding {
	const char *check; /* name in the table */
	enum removal_level level;
	char text[2 * LIMIT_TEXT];
	char next[LIMIT_TEXT]; /* "" only of a note or of what zmferry does */
};

struct removal_report {
	struct removal_finding *findings; /* owned */
	size_t count;
	size_t by_level[REMOVAL_LEVEL_COUNT];
};

void removal_judge(const char *node, const struct server_standing *s,
    const struct removal_ours *ours, struct removal_report *out);
void removal_report_fini(struct removal_report *r);
/* The first that block, in a sentence or two; "" = none. */
void removal_blocks_text(const struct removal_report *r, char *out, size_t size);

#endif
