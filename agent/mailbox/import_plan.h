/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which order items go in, and which travel together. Pure. Why it is as it is: the
 * server keeps the digests of 16 folders in mind while an archive is read; of two equal
 * items in one folder the second of two requests counts as there already; groups name
 * contacts by number, invites need their appointment (facts: zimbra 1.8, identity 3).
 */
#ifndef AGENT_IMPORT_PLAN_H
#define AGENT_IMPORT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/mailbox/spool.h"

enum import_stage {
	IMPORT_CONTACTS,
	IMPORT_GROUPS,	 /* contacts that refer to others */
	IMPORT_CALENDAR, /* appointments and tasks */
	IMPORT_DOCUMENTS,
	IMPORT_OTHERS,	 /* chats and notes */
	IMPORT_MESSAGES, /* newest first */
	IMPORT_STAGE_COUNT
};

struct import_row {
	uint32_t id;
	uint32_t folder; /* of the target */
	uint32_t date_s;
	uint32_t content; /* equal: perhaps the same bytes */
	uint32_t kib;
	uint8_t stage; /* enum import_stage */
};

struct import_limits {
	size_t folders; /* in one request */
	size_t items;
	uint64_t kib;
	bool
	    mixed; /* what is no contact may travel together: for few a request costs most */
};

enum import_stage import_stage_of(enum spool_type type, bool refers);

/* Into the order in which they go in. */
void import_plan_sort(struct import_row *rows, size_t count);
/* One past the last row of the request that begins at from. At least one row; equal ones
   of a folder, and all contacts of a folder, stay together whatever the limits say. */
size_t import_plan_cut(const struct import_row *rows, size_t count, size_t from,
    const struct import_limits *limits);

/*
 * How many messages fit into the time that is left, by what those so far took. The first
 * tenth of a request goes in whatever the time, to learn it from and so that people find
 * their newest mail; 0: so few that it is not worth a request.
 */
size_t import_plan_fit(uint64_t done, uint64_t took_ms, uint64_t left_ms, size_t most);

/* Of a mailbox that was filled before the switch: nobody waits for a message so old. */
bool import_plan_can_wait(uint32_t date_s, int64_t now_s);

/* May an archive put this type into a folder of this view ("" = none)? What may not goes
   in another way. */
bool import_view_takes(const char *view, enum spool_type type);

/* Looks for a line above what an archive import takes; fed piece by piece. */
#define IMPORT_LINE_MAX 10240
struct import_line {
	size_t length;
	bool too_long;
};
void import_line_feed(struct import_line *l, const void *data, size_t len);

/* The metadata entry with its Path in that folder ("Inbox", "Projects/Ä"); the form of
   Path is kept. NULL: it cannot be read. The caller frees it. */
char *import_meta(const char *meta, const char *folder_path, uint32_t folder_id);
/* The same with the value of "metadata" replaced. */
char *import_meta_replace(const char *meta, const char *metadata, size_t len);

#endif
