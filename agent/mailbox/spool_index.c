/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index in memory: id to record number, 8 bytes a slot. What can go wrong: a torn
 * tail after power loss. Behind what the last fsync covered the index is cut at the first
 * record that is not whole, or whose bytes the items file does not have as they were;
 * what is cut counts as not held. Before it nothing may be missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/mailbox/ids.h"
#include "agent/mailbox/spool_private.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"

#define RECORD_MAGIC 0x5a46495au
#define LOAD_CHUNK 512
#define CELL_SEED 0x43454c4cu

bool
spool_pwrite(int fd, const void *data, size_t len, uint64_t offset, const char *what,
    struct err *e)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(
		    fd, (const char *)data + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_RETRY, errno, "spool: %s", what);
		done += (size_t)n;
	}
	return true;
}

/* --- slots --- */

static struct spool_slot *
slot_for(const struct spool *s, uint32_t id)
{
	size_t at = (size_t)(id * 2654435761u) & (s->slot_count - 1);

	while (s->slots[at].id != 0 && s->slots[at].id != id)
		at = (at + 1) & (s->slot_count - 1);
	return &s->slots[at];
}

static void
slots_grow(struct spool *s)
{
	struct spool_slot *old = s->slots;
	size_t old_count = s->slot_count;

	s->slot_count = old_count == 0 ? 1024 : old_count * 2;
	s->slots = xcalloc(s->slot_count, sizeof(*s->slots));
	for (size_t i = 0; i < old_count; i++) {
		if (old[i].id != 0)
			*slot_for(s, old[i].id) = old[i];
	}
	free(old);
}

static void
slots_set(struct spool *s, uint32_t id, uint32_t record_plus_one)
{
	struct spool_slot *slot;

	if (s->slots_used * 4 >= s->slot_count * 3)
		slots_grow(s);
	slot = slot_for(s, id);
	if (slot->id == 0) {
		slot->id = id;
		s->slots_used++;
	}
	s->held += record_plus_one != 0 ? 1 : 0;
	s->held -= slot->record != 0 ? 1 : 0;
	slot->record = record_plus_one;
	xfree(&s->sorted);
}

bool
spool_index_find(const struct spool *s, uint32_t id, uint32_t *record_out)
{
	const struct spool_slot *slot = s->slot_count == 0 ? NULL : slot_for(s, id);

	if (slot == NULL || slot->id == 0 || slot->record == 0)
		return false;
	*record_out = slot->record - 1;
	return true;
}

/* --- records --- */

static uint32_t
record_crc(const struct spool_record *r)
{
	return spool_crc(0, r, offsetof(struct spool_record, crc));
}

/* Its own bytes, and as much of the items file as it speaks of. */
static bool
record_is_whole(const struct spool_record *r, uint64_t items_bytes)
{
	return r->magic == RECORD_MAGIC && r->crc == record_crc(r) &&
	       r->data_bytes <= items_bytes &&
	       r->data_offset <= items_bytes - r->data_bytes &&
	       r->meta_offset <= r->data_offset;
}

/* Are the bytes in the items file those that were put? */
static bool
content_is_whole(const struct spool *s, const struct spool_record *r)
{
	char chunk[65536];
	uint64_t left = r->data_offset + r->data_bytes - r->meta_offset;
	uint64_t at = r->meta_offset;
	uint32_t crc = 0;

	if (r->gone != 0)
		return true;
	while (left > 0) {
		ssize_t n = pread(s->items_fd, chunk,
		    left < sizeof(chunk) ? (size_t)left : sizeof(chunk), (off_t)at);

		if (n <= 0)
			return false;
		crc = spool_crc(crc, chunk, (size_t)n);
		at += (uint64_t)n;
		left -= (uint64_t)n;
	}
	return crc == r->content_crc;
}

static void
index_take(struct spool *s, const struct spool_record *r, uint32_t number)
{
	slots_set(s, r->id, r->gone ? 0 : number + 1);
}

/* Takes records up to the first that is not whole, or to the end. */
static bool
index_read_all(struct spool *s, uint64_t items_bytes, uint32_t durable, bool *torn_out,
    struct err *e)
{
	struct spool_record chunk[LOAD_CHUNK];

	for (;;) {
		ssize_t n = pread(s->index_fd, chunk, sizeof(chunk),
		    (off_t)((uint64_t)s->record_count * sizeof(chunk[0])));
		size_t rows = n < 0 ? 0 : (size_t)n / sizeof(chunk[0]);

		if (n < 0)
			return err_errno(e, ERR_RETRY, errno, "spool %s: index", s->dir);
		if (rows == 0) {
			*torn_out = n > 0;
			return true;
		}
		for (size_t i = 0; i < rows; i++) {
			const struct spool_record *r = &chunk[i];

			if (!record_is_whole(r, items_bytes) ||
			    (s->write && s->record_count >= durable &&
				!content_is_whole(s, r))) {
				*torn_out = true;
				return true;
			}
			if (r->gone == 0 && r->data_offset + r->data_bytes > s->items_end)
				s->items_end = r->data_offset + r->data_bytes;
			index_take(s, r, s->record_count++);
		}
	}
}

bool
spool_index_load(struct spool *s, struct err *e)
{
	uint32_t durable = spool_durable_read(s);
	struct stat st;
	bool torn = false;

	if (fstat(s->items_fd, &st) != 0)
		return err_errno(e, ERR_RETRY, errno, "spool %s", s->dir);
	if (!index_read_all(s, (uint64_t)st.st_size, durable, &torn, e))
		return false;
	if (s->record_count < durable)
		return err_set(e, ERR_CORRUPT,
		    "spool %s: record %u of %u that were safe on disk is damaged; check "
		    "the disk; if the account is still served by its old node, cancel "
		    "the move and start it anew",
		    s->dir, s->record_count, durable);
	if (!s->write)
		return true; /* what seems torn may be under way at this moment */
	if (torn)
		log_warn(NULL,
		    "spool %s: what came last was not whole and is cut after %u records; "
		    "what lacks is fetched again",
		    s->dir, s->record_count);
	if (torn && ftruncate(s->index_fd, (off_t)((uint64_t)s->record_count *
						   sizeof(struct spool_record))) != 0)
		return err_errno(e, ERR_RETRY, errno, "spool %s: index", s->dir);
	if ((uint64_t)st.st_size > s->items_end &&
	    ftruncate(s->items_fd, (off_t)s->items_end) != 0)
		return err_errno(e, ERR_RETRY, errno, "spool %s: items", s->dir);
	s->dirty = s->record_count > durable;
	return true;
}

static bool
row_read(int fd, struct spool_rows *kept, uint32_t row, void *out, size_t size)
{
	if (kept != NULL)
		return spool_rows_read(kept, row, out);
	return pread(fd, out, size, (off_t)((uint64_t)row * size)) == (ssize_t)size;
}

static bool
row_write(int fd, struct spool_rows *kept, uint32_t row, const void *bytes, size_t size,
    const char *what, struct err *e)
{
	bool ok = spool_pwrite(fd, bytes, size, (uint64_t)row * size, what, e);

	if (kept != NULL)
		spool_rows_put(kept, row, ok ? bytes : NULL);
	return ok;
}

bool
spool_index_append(struct spool *s, struct spool_record *r, struct err *e)
{
	struct spool_cell cell = {.folder_id = r->folder_id};

	if (s->record_count >= LIMIT_ITEMS)
		return err_set(e, ERR_REFUSED, "spool %s: more than %u records", s->dir,
		    LIMIT_ITEMS);
	r->magic = RECORD_MAGIC;
	r->crc = record_crc(r);
	s->dirty = true;
	if (!spool_cell_write(s, s->record_count, &cell, e) ||
	    !row_write(
		s->index_fd, s->index_rows, s->record_count, r, sizeof(*r), "index", e))
		return false;
	index_take(s, r, s->record_count++);
	return true;
}

bool
spool_index_read(
    const struct spool *s, uint32_t record, struct spool_record *out, struct err *e)
{
	bool there = row_read(s->index_fd, s->index_rows, record, out, sizeof(*out));

	if (!there || out->magic != RECORD_MAGIC || out->crc != record_crc(out))
		return err_set(e, ERR_CORRUPT, "spool %s: index record %u is damaged",
		    s->dir, record);
	return true;
}

/* --- cells --- */

bool
spool_cell_read(const struct spool *s, uint32_t record, struct spool_cell *out)
{
	return row_read(s->state_fd, s->state_rows, record, out, sizeof(*out)) &&
	       out->crc == spool_crc(CELL_SEED, out, offsetof(struct spool_cell, crc));
}

bool
spool_cell_write(struct spool *s, uint32_t record, struct spool_cell *cell, struct err *e)
{
	cell->crc = spool_crc(CELL_SEED, cell, offsetof(struct spool_cell, crc));
	s->dirty = true;
	return row_write(
	    s->state_fd, s->state_rows, record, cell, sizeof(*cell), "state", e);
}

bool
spool_cells_write(struct spool *s, uint32_t first, struct spool_cell *cells, size_t count,
    struct err *e)
{
	bool ok;

	for (size_t i = 0; i < count; i++)
		cells[i].crc =
		    spool_crc(CELL_SEED, &cells[i], offsetof(struct spool_cell, crc));
	s->dirty = true;
	ok = spool_pwrite(s->state_fd, cells, count * sizeof(*cells),
	    (uint64_t)first * sizeof(*cells), "state", e);
	for (size_t i = 0; i < count && s->state_rows != NULL; i++)
		spool_rows_put(s->state_rows, first + (uint32_t)i, ok ? &cells[i] : NULL);
	return ok;
}

/* --- looking --- */

uint32_t
spool_id_at(struct spool *s, size_t n)
{
	if (n >= s->held)
		BUG("item %zu of %zu", n, s->held);
	if (s->sorted == NULL) {
		size_t count = 0;

		s->sorted = xcalloc(s->held, sizeof(*s->sorted));
		for (size_t i = 0; i < s->slot_count; i++) {
			if (s->slots[i].id != 0 && s->slots[i].record != 0)
				s->sorted[count++] = s->slots[i].id;
		}
		ids_sort(s->sorted, count);
	}
	return s->sorted[n];
}

size_t
spool_count(const struct spool *s)
{
	return s->held;
}
