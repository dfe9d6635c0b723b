/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mailbox as items on the target's disk: SPOOL/MOVE_ID/ with
 *   items      append-only: each item's metadata entry and data entry, as Zimbra's archive has them
 *   index      one fixed-size record an item, in the order of arrival; the newest of an id wins
 *   state      one cell a record, rewritten in place: what became of it on the target
 *   durable    how many records the last fsync covered
 *   record     the list of record: ids and folders that the mailbox must have
 *   tree       folders, search folders, mountpoints and tags (StreamTree)
 *   admission  who may stream in, and how much disk is held
 * Survives kill -9 and power loss: what came after the last fsync is checked against its
 * checksums when opened, and cut off from the first record that is not whole. Damage
 * before it is ERR_CORRUPT and nothing is touched. In memory 11 to 22 bytes an item,
 * and of the one that writes what was read last, 2.3 MB at most. One writer (flock); readers
 * may open beside it.
 */
#ifndef AGENT_SPOOL_H
#define AGENT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/messages.pb-c.h"

struct spool;

enum spool_type {
	SPOOL_MESSAGE,
	SPOOL_CONTACT,
	SPOOL_APPOINTMENT,
	SPOOL_TASK,
	SPOOL_DOCUMENT,
	SPOOL_CHAT,
	SPOOL_NOTE,
	SPOOL_TYPE_COUNT
};
const char *spool_type_name(enum spool_type type);
bool spool_type_parse(const char *name, size_t len, enum spool_type *out);

enum spool_state { SPOOL_STAGED, SPOOL_APPLIED, SPOOL_VERIFIED };

/* One item; what stands below the line is the file's business. */
struct spool_item {
	uint32_t id;
	uint32_t folder_id;   /* of the newest pass; may differ from the metadata's */
	uint32_t target_id;   /* 0 = not applied */
	uint32_t flags;	      /* Zimbra's bitmask */
	uint64_t tags_hash;   /* FNV-1a of the sorted tag names */
	uint64_t digest_hash; /* FNV-1a of blob_digest; 0 = none */
	uint64_t size;	      /* as the metadata says */
	int64_t date_s;
	uint32_t mod_metadata;
	uint32_t mod_content;
	uint32_t imap_id;
	enum spool_type type;
	enum spool_state state;
	bool unread;
	bool has_calendar_link; /* an invite message */
	uint16_t version;	/* document revision, 0 = current */
	/* the data entry's tar header */
	int64_t mtime_s;
	uint32_t mode;
	uint8_t type_byte;
	/* in the file */
	uint64_t meta_offset, data_offset;
	uint32_t meta_bytes, name_bytes;
	uint64_t data_bytes;
	uint32_t content_crc; /* CRC-32C of metadata, name and data */
	uint32_t
	    previous; /* record of an earlier revision of the same id + 1, 0 = none */
};

/* Opens SPOOL_DIR/MOVE_ID; write: makes it when missing and locks it. */
MUST_USE bool spool_open(const char *spool_dir, const char *move_id, bool write,
    struct spool **out, struct err *e);
void spool_close(struct spool **s);
MUST_USE bool spool_sync(struct spool *s, struct err *e); /* fsync of everything */

/* Begins an item; meta and name are borrowed for the call. Then data, then end. */
MUST_USE bool spool_put_begin(struct spool *s, const struct spool_item *item,
    const void *meta, const void *name, struct err *e);
MUST_USE bool
spool_put_data(struct spool *s, const void *data, size_t len, struct err *e);
MUST_USE bool spool_put_end(struct spool *s, struct err *e);
/* Before the end: the item under way is an earlier revision of a document, numbered from
   1. It counts as held only when the current one (no number) follows directly. */
void spool_put_revision(struct spool *s, uint16_t version);
/* CRC-32C of the metadata, name and data put by now. */
uint32_t spool_put_crc(const struct spool *s);
/* Drops an unfinished item. */
void spool_put_abort(struct spool *s);

size_t spool_count(const struct spool *s); /* ids held, deleted ones not */
MUST_USE bool
spool_find(struct spool *s, uint32_t id, struct spool_item *out); /* false: not held */
/* The nth id in ascending order. */
uint32_t spool_id_at(struct spool *s, size_t n);
MUST_USE bool spool_revision(struct spool *s, const struct spool_item *item,
    struct spool_item *out); /* the revision before; false = none */
/* Makes sure that the item is refetched: it counts as not held. */
MUST_USE bool spool_forget(struct spool *s, uint32_t id, struct err *e);
MUST_USE bool
spool_set_folder(struct spool *s, uint32_t id, uint32_t folder_id, struct err *e);
MUST_USE bool spool_set_state(struct spool *s, uint32_t id, enum spool_state state,
    uint32_t target_id, struct err *e);
/* SPOOL_APPLIED for many at once; every id must be held. Any order. */
struct spool_mark {
	uint32_t id, target_id;
};
MUST_USE bool spool_mark_applied(
    struct spool *s, const struct spool_mark *marks, size_t count, struct err *e);
/* The metadata entry, NUL-terminated; free() it. */
MUST_USE bool spool_read_meta(
    struct spool *s, const struct spool_item *item, char **out, struct err *e);
MUST_USE bool spool_read_name(
    struct spool *s, const struct spool_item *item, char **out, struct err *e);
/* Bytes of the data entry; *got_out 0 at its end. */
MUST_USE bool spool_read_data(struct spool *s, const struct spool_item *item,
    uint64_t offset, void *out, size_t size, size_t *got_out, struct err *e);

/* --- the list of record --- */
struct spool_record_list {
	uint32_t *ids; /* ascending */
	uint32_t *folder_ids;
	uint8_t *types;
	size_t count;
};
void spool_record_free(struct spool_record_list *r);
void spool_record_add(
    struct spool_record_list *r, uint32_t id, uint32_t folder_id, enum spool_type type);
void spool_record_sort(struct spool_record_list *r);
MUST_USE bool
spool_record_write(struct spool *s, const struct spool_record_list *r, struct err *e);
MUST_USE bool
spool_record_read(struct spool *s, struct spool_record_list *out, struct err *e);
bool spool_record_find(const struct spool_record_list *r, uint32_t id, size_t *at_out);
/* Another list of the same form, in a file of its own; false: it is not there, or damaged. */
MUST_USE bool spool_list_write(
    struct spool *s, const char *name, const struct spool_record_list *r, struct err *e);
MUST_USE bool
spool_list_read(struct spool *s, const char *name, struct spool_record_list *out);

/* --- the tree --- */
MUST_USE bool
spool_tree_write(struct spool *s, const Wire__StreamTree *tree, struct err *e);
MUST_USE bool spool_tree_read(struct spool *s, Wire__StreamTree **out, struct err *e);
/* Small remarks of the target's workers ("opened" = Sync token at the opening). */
MUST_USE bool
spool_note_write(struct spool *s, const char *name, const char *text, struct err *e);
bool spool_note_read(struct spool *s, const char *name, char *out, size_t size);
/* One of any length; free() it. NULL: there is none. */
char *spool_note_text(struct spool *s, const char *name);

/* --- without opening --- */
/* Makes the folder, holds the disk; refused when the fill limit would be passed. */
MUST_USE bool spool_reserve(const char *spool_dir, const Wire__Admission *admission,
    uint32_t fill_limit, struct err *e);
typedef bool (*spool_admission_fn)(const Wire__Admission *a, void *ctx);
void spool_each_admission(const char *spool_dir, spool_admission_fn fn, void *ctx);
MUST_USE bool spool_delete(const char *spool_dir, const char *move_id, struct err *e);
bool spool_exists(const char *spool_dir, const char *move_id);
/* Is spool_dir on something that outlives the container? */
bool spool_is_persistent(const char *spool_dir);
/* Bytes of the disk, free, and held by reservations not used up yet. */
MUST_USE bool spool_disk(const char *spool_dir, uint64_t *total, uint64_t *free_bytes,
    uint64_t *reserved, struct err *e);

uint64_t spool_hash(const void *data, size_t len);		/* FNV-1a, never 0 */
uint32_t spool_crc(uint32_t crc, const void *data, size_t len); /* CRC-32C, 0 at first */

#endif
