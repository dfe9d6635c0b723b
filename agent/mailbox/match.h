/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which item of the target is which item of record, and how the two differ. An item's
 * identity depends on its type (an import rewrites what it likes: facts move-protocol
 * 4.7, zimbra 1.9); the rules and the known exceptions are one table in match.c. Pure.
 */
#ifndef AGENT_MATCH_H
#define AGENT_MATCH_H

#include "agent/mailbox/spool.h"
#include "proto/base/buf.h"

/* One item of either side, 32 bytes. */
struct match_item {
	uint64_t
	    content; /* what it is, without its folder: equal = the same item or a copy */
	uint32_t id;
	uint32_t folder_id; /* in the target's numbering */
	uint32_t date_s;
	uint32_t flags;	    /* Zimbra's bitmask, FLAG_UNREAD included */
	uint32_t tags;	    /* hash of the sorted tag names */
	uint8_t type;	    /* enum spool_type */
	uint8_t revisions;  /* earlier ones, 255 = so many or more */
	bool claimed : 1;   /* belongs to an item of record */
	bool newer : 1;	    /* came or changed since the opening */
	bool untouched : 1; /* came since, and is as it came */
};

/* What two matched items have unlike; bits. */
enum {
	MATCH_FLAGS = 1,
	MATCH_TAGS = 2,
	MATCH_DATE = 4,
	MATCH_FOLDER = 8,
	MATCH_REVISIONS = 16,
	MATCH_CONTENT = 32,
};

/*
 * Fills all but the bits of the target's side. meta is the metadata entry; messages,
 * chats and notes need none (NULL). folder_id, revisions are the caller's.
 */
void
match_describe(const struct spool_item *item, const char *meta, struct match_item *out);
/* Is it a message that its owner may still write on? */
bool match_is_draft(const struct match_item *item);
/* Does the type's identity stand in the metadata entry? */
bool match_needs_meta(enum spool_type type);

/* --- the target's items --- */

struct match_set {
	struct match_item *items; /* after match_sort: by content, folder, date */
	uint32_t *by_id;	  /* indexes into items, ascending id */
	size_t count;
	size_t cap;
};

void match_init(struct match_set *s);
void match_fini(struct match_set *s);
void match_add(struct match_set *s, const struct match_item *item);
void match_sort(struct match_set *s);
struct match_item *match_by_id(const struct match_set *s, uint32_t id); /* NULL: none */

/* How near an unclaimed item must come to be taken, the strictest first. */
enum match_grade {
	MATCH_SAME,	 /* folder, date, flags, tags */
	MATCH_SAME_DATE, /* folder and date */
	MATCH_IN_FOLDER,
	MATCH_ANYWHERE, /* somebody moved it meanwhile */
	MATCH_GRADE_COUNT
};

/* Claims one; NULL: none that near. Run all records through one grade before the next. */
struct match_item *
match_claim(struct match_set *s, const struct match_item *want, enum match_grade grade);
/* Is there a copy in the same folder, claimed or not? Then an import would skip this one. */
bool match_has_copy(const struct match_set *s, const struct match_item *want);

/* Bits of what is unlike in what the type's rule compares; 0 = equal. */
unsigned match_differs(const struct match_item *want, const struct match_item *have);
/* "flags: FLAG_UNREAD lost; tags differ": appended to out. */
void match_explain(const struct match_item *want, const struct match_item *have,
    unsigned bits, struct buf *out);
/* The sentence why this type may differ in these bits; NULL: nothing excuses it. */
const char *match_exception(enum spool_type type, unsigned bits, bool by_add_msg);

#endif
