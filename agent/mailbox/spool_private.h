/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by spool.c (items), spool_index.c (the index), spool_rows.c (what of it was read) and
 * spool_files.c (the small files).
 */
#ifndef AGENT_SPOOL_PRIVATE_H
#define AGENT_SPOOL_PRIVATE_H

#include "agent/mailbox/spool.h"

/* One record of the file "index"; little-endian, fixed size, checked by its CRC. */
struct spool_record {
	uint32_t magic;
	uint32_t id;
	uint32_t folder_id;
	uint32_t flags;
	uint64_t tags_hash;
	uint64_t digest_hash;
	uint64_t size;
	int64_t date_s;
	uint32_t mod_metadata;
	uint32_t mod_content;
	uint32_t imap_id;
	uint32_t mode;
	int64_t mtime_s;
	uint64_t meta_offset;
	uint64_t data_offset;
	uint64_t data_bytes;
	uint32_t meta_bytes;
	uint32_t name_bytes;
	uint32_t previous;
	uint16_t version;
	uint8_t type;
	uint8_t type_byte;
	uint8_t unread;
	uint8_t has_calendar_link;
	uint8_t gone; /* forgotten: the id is not held from here on */
	uint8_t unused_byte;
	uint32_t content_crc; /* of metadata, name and data */
	uint8_t unused[4];
	uint32_t crc;
};
_Static_assert(sizeof(struct spool_record) == 128, "the index is read by other versions");

/* One cell of the file "state", at the record's number; rewritten in place. */
struct spool_cell {
	uint32_t state;
	uint32_t target_id;
	uint32_t folder_id;
	uint32_t crc;
};
_Static_assert(sizeof(struct spool_cell) == 16, "a cell never straddles a sector");

struct spool_slot {
	uint32_t id;	 /* 0 = free */
	uint32_t record; /* number + 1; 0 = forgotten */
};

struct spool {
	char *dir;
	int lock_fd;
	int items_fd, index_fd, state_fd;
	bool write;
	struct spool_rows *index_rows, *state_rows; /* NULL: somebody else may write */
	uint64_t items_end;			    /* where the next item goes */
	uint32_t record_count;
	struct spool_slot *slots; /* open addressing, power of two */
	size_t slot_count, slots_used, held;
	uint32_t *sorted; /* ids held, ascending; NULL = to be made */
	/* the item being put */
	bool putting;
	struct spool_record next;
	uint64_t put_left;
	uint32_t last_put; /* record number + 1 of what was put last */
	bool dirty;	   /* something is not fsynced yet */
};

MUST_USE bool spool_index_load(struct spool *s, struct err *e);
MUST_USE bool spool_index_append(struct spool *s, struct spool_record *r, struct err *e);
/* Number of the record that holds the id now; false: not held. */
bool spool_index_find(const struct spool *s, uint32_t id, uint32_t *record_out);
MUST_USE bool spool_index_read(
    const struct spool *s, uint32_t record, struct spool_record *out, struct err *e);
MUST_USE bool
spool_cell_read(const struct spool *s, uint32_t record, struct spool_cell *out);
MUST_USE bool spool_cell_write(
    struct spool *s, uint32_t record, struct spool_cell *cell, struct err *e);
/* Those of so many records in a row. */
MUST_USE bool spool_cells_write(struct spool *s, uint32_t first, struct spool_cell *cells,
    size_t count, struct err *e);
/* What spool_crc says, on every processor. */
uint32_t spool_crc_by_table(uint32_t crc, const void *data, size_t len);

/*
 * Rows of a file that nobody else writes, kept in blocks of 32 as they were read or written
 * last, 16,384 of them at most: each step looks at every item several times. fd is borrowed.
 */
struct spool_rows *spool_rows_new(int fd, size_t row_bytes);
void spool_rows_free(struct spool_rows **x);
/* false: the file ends before its end, or cannot be read. */
MUST_USE bool spool_rows_read(struct spool_rows *x, uint32_t row, void *out);
/* It was written so to the file; NULL: nobody knows how. */
void spool_rows_put(struct spool_rows *x, uint32_t row, const void *bytes);

/* Replaces a small file atomically and durably. */
MUST_USE bool spool_file_write(
    const char *dir, const char *name, const void *data, size_t len, struct err *e);
/* How many records are safe on disk; 0 = unknown. */
uint32_t spool_durable_read(const struct spool *s);
MUST_USE bool spool_durable_write(const struct spool *s, struct err *e);
MUST_USE bool spool_check_dir(const char *dir, struct err *e);
MUST_USE bool spool_sync_dir(const char *dir, struct err *e);
MUST_USE bool spool_pwrite(int fd, const void *data, size_t len, uint64_t offset,
    const char *what, struct err *e);

#endif
