/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof: every item of record against what is on the target, one by one, and every
 * folder, search folder, mountpoint and tag. What differs is named; what the owner did
 * since the opening is the owner's and no loss. Known exceptions are tables (match.c).
 */
#ifndef AGENT_VERIFY_H
#define AGENT_VERIFY_H

#include "agent/mailbox/match.h"
#include "agent/mailbox/target.h"
#include "proto/messages.pb-c.h"

enum verify_outcome {
	VERIFY_OPEN,
	VERIFY_EQUAL,
	VERIFY_EXPLAINED, /* unlike, as a known exception says */
	VERIFY_PERSON,	  /* changed or deleted by its owner since the opening */
	VERIFY_DIFFERS,
	VERIFY_MISSING,
	VERIFY_ELSEWHERE, /* its id is not in this part of the target: asked for by id */
};

struct verify_pair {
	struct match_item want;
	uint32_t target_id; /* as the import noted it; 0 = it does not know */
	uint32_t have_id;   /* 0 = none */
	unsigned bits;	    /* MATCH_*: what is unlike */
	bool newer;	    /* something of it changed since the opening */
	enum verify_outcome outcome;
};

/* Since the opening, by Sync; each ascending. */
struct verify_changes {
	const uint32_t *changed;
	size_t changed_count;
	const uint32_t *deleted;
	size_t deleted_count;
	const uint32_t
	    *untouched; /* of the changed: nothing was changed without the content */
	size_t untouched_count;
	uint32_t
	    opened_id; /* the last id at the opening: what has a higher one came later */
};

/*
 * Finds each pair's item in the target's set and judges it. An item whose new id is
 * noted is looked up by that and by nothing else; the others by content. whole: the set
 * is all there is. Pure.
 */
void verify_match(struct verify_pair *pairs, size_t count, struct match_set *set,
    const struct verify_changes *changes, bool whole);
/* An item that nobody of record claims, older than the opening, and equal to one that is
   claimed in the same folder: it was put in twice. After verify_match. Pure. */
bool verify_is_double(const struct match_set *set, const struct match_item *item);
/* "missing", "flags: \"unread\" lost": appended to out. */
void verify_explain(
    const struct verify_pair *p, const struct match_item *have, struct buf *out);

/* --- a message's text, whatever its line ends --- */

struct verify_text {
	uint64_t whole,
	    body; /* hashes without the CR of a line end; body: behind the first empty line */
	bool in_body, at_line_start, has_cr;
	bool has_8bit_header;
};
void verify_text_begin(struct verify_text *x);
void verify_text_feed(struct verify_text *x, const void *data, size_t len);
/* Ends it; a last line without an end counts as one with. */
void verify_text_end(struct verify_text *x);

/* --- doing it --- */

/*
 * Verifies the open target; verdict's lists live until the process ends. moved_out: the
 * verdict is not clean, and something changed while it was compared: compare once more.
 */
MUST_USE bool
verify_run(struct target *t, Wire__Verdict *verdict, bool *moved_out, struct err *e);

#endif
