/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appended to, and written anew when most of it is old. A record that is not whole at the
 * end was being written at a crash: nothing had been sent for it yet.
 */
#include "agent/mailbox/seed_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/mailbox/spool_private.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"

#define INDEX_MAGIC 0x5a465345u
#define COMPACT_FROM 4096 /* records */
#define CHUNK 512	  /* records read at once */
#define SYNC_EVERY (CHUNK / 2)

struct seed_header {
	uint32_t magic, version;
	uint64_t mailbox_id;
	uint32_t unused, crc;
};
_Static_assert(sizeof(struct seed_header) == 24, "read by other versions");

struct seed_record {
	uint32_t id, here, uid, folder, flags, size;
	uint64_t tags_hash, digest_hash;
	uint32_t told, state, unused, crc;
};
_Static_assert(sizeof(struct seed_record) == 56, "read by other versions");

/* --- entries --- */

static size_t
index_place(const struct seed_index *x, uint32_t id)
{
	size_t low = 0, high = x->count;

	/* Mostly they come in order. */
	if (x->count > 0 && x->entries[x->count - 1].id < id)
		return x->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (x->entries[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct seed_entry *
seed_index_find(const struct seed_index *x, uint32_t id)
{
	size_t at = index_place(x, id);

	return at < x->count && x->entries[at].id == id ? &x->entries[at] : NULL;
}

static void
index_count(struct seed_index *x, const struct seed_entry *n, int by)
{
	if (n->state == SEED_HERE)
		x->bytes = by > 0 ? x->bytes + n->size : x->bytes - n->size;
	if (n->state == SEED_SENT)
		x->sent = by > 0 ? x->sent + 1 : x->sent - 1;
}

static void
index_put(struct seed_index *x, const struct seed_entry *n)
{
	size_t at = index_place(x, n->id);

	if (at == x->count || x->entries[at].id != n->id) {
		if (x->count == x->cap) {
			x->cap = x->cap == 0 ? 1024 : x->cap * 2;
			x->entries =
			    xrealloc_array(x->entries, x->cap, sizeof(*x->entries));
		}
		memmove(x->entries + at + 1, x->entries + at,
		    (x->count - at) * sizeof(*x->entries));
		x->count++;
	} else {
		index_count(x, &x->entries[at], -1);
	}
	x->entries[at] = *n;
	index_count(x, n, 1);
}

/* --- the file --- */

static uint32_t
record_crc(const struct seed_record *r)
{
	return spool_crc(INDEX_MAGIC, r, offsetof(struct seed_record, crc));
}

static struct seed_record
record_of(const struct seed_entry *n)
{
	struct seed_record r = {n->id, n->here, n->uid, n->folder, n->flags, n->size,
	    n->tags_hash, n->digest_hash, n->told, n->state, 0, 0};

	r.crc = record_crc(&r);
	return r;
}

static bool
index_write_header(struct seed_index *x, struct err *e)
{
	struct seed_header h = {INDEX_MAGIC, 1, x->mailbox_id, 0, 0};

	h.crc = spool_crc(INDEX_MAGIC, &h, offsetof(struct seed_header, crc));
	x->end = sizeof(h);
	if (ftruncate(x->fd, 0) != 0)
		return err_errno(e, ERR_RETRY, errno, "spool: seed");
	return spool_pwrite(x->fd, &h, sizeof(h), 0, "seed", e);
}

static bool
index_is_of(struct seed_index *x)
{
	struct seed_header h;

	return pread(x->fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	       h.magic == INDEX_MAGIC && h.version == 1 &&
	       h.crc == spool_crc(INDEX_MAGIC, &h, offsetof(struct seed_header, crc)) &&
	       h.mailbox_id == x->mailbox_id;
}

static bool
index_load(struct seed_index *x, uint64_t *records_out, struct err *e)
{
	struct seed_record rows[CHUNK];
	uint64_t file_end = (uint64_t)lseek(x->fd, 0, SEEK_END);
	bool whole = true;

	x->end = sizeof(struct seed_header);
	*records_out = 0;
	while (whole) {
		ssize_t n = pread(x->fd, rows, sizeof(rows), (off_t)x->end);

		if (n < 0)
			return err_errno(e, ERR_RETRY, errno, "spool: seed");
		for (size_t i = 0; i < (size_t)n / sizeof(rows[0]); i++) {
			const struct seed_record *r = &rows[i];

			whole = whole && r->crc == record_crc(r) && r->id != 0 &&
				r->state <= SEED_LEFT;
			if (!whole)
				break;
			index_put(x, &(struct seed_entry){r->id, r->here, r->uid,
					 r->folder, r->flags, r->size, r->tags_hash,
					 r->digest_hash, r->told, (uint8_t)r->state});
			x->end += sizeof(*r);
			if (++*records_out > 16ull * LIMIT_ITEMS)
				return err_set(e, ERR_CORRUPT,
				    "spool: seed has more records than it may");
		}
		if ((size_t)n < sizeof(rows))
			break;
	}
	/* One batch of records is written at once; more than that is no crash's doing. */
	return file_end - x->end <= (uint64_t)CHUNK * sizeof(rows[0]) ||
	       err_set(e, ERR_CORRUPT,
		   "spool: seed is damaged at byte %llu of %llu; check the disk; cancel "
		   "the move and start it anew",
		   (unsigned long long)x->end, (unsigned long long)file_end);
}

/* Only the newest of each id, in a file of its own that takes the place. */
static bool
index_compact(struct seed_index *x, const char *dir, struct err *e)
{
	char path[700], fresh[710];
	struct seed_index next = {.mailbox_id = x->mailbox_id};
	bool ok;

	snprintf(path, sizeof(path), "%s/seed", dir);
	snprintf(fresh, sizeof(fresh), "%s/seed.new", dir);
	next.fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (next.fd < 0)
		return err_errno(e, ERR_RETRY, errno, "spool: %s", fresh);
	ok = index_write_header(&next, e);
	for (size_t i = 0; ok && i < x->count; i++) {
		struct seed_record r = record_of(&x->entries[i]);

		if (x->entries[i].state == SEED_GONE)
			continue;
		ok = spool_pwrite(next.fd, &r, sizeof(r), next.end, "seed", e);
		next.end += sizeof(r);
	}
	if (ok && (fsync(next.fd) != 0 || rename(fresh, path) != 0))
		ok = err_errno(e, ERR_RETRY, errno, "spool: %s", path);
	if (!ok) {
		close(next.fd);
		return false;
	}
	close(x->fd);
	x->fd = next.fd;
	x->end = next.end;
	return spool_sync_dir(dir, e);
}

bool
seed_index_open(const char *spool_dir, const char *move_id, uint64_t mailbox_id,
    bool write, struct seed_index *out, struct err *e)
{
	char dir[600], path[700];
	uint64_t records = 0;
	bool ok = true;

	*out = (struct seed_index){.fd = -1, .mailbox_id = mailbox_id};
	snprintf(dir, sizeof(dir), "%s/%s", spool_dir, move_id);
	snprintf(path, sizeof(path), "%s/seed", dir);
	out->fd = open(
	    path, (write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out->fd < 0)
		return (!write && errno == ENOENT) ||
		       err_errno(e, ERR_RETRY, errno, "spool: %s", path);
	out->is_new = !index_is_of(out);
	ok = out->is_new || index_load(out, &records, e);
	if (ok && write && !out->is_new && ftruncate(out->fd, (off_t)out->end) != 0)
		ok = err_errno(e, ERR_RETRY, errno, "spool: %s", path);
	if (ok && write && records > COMPACT_FROM && records > 3 * out->count)
		ok = index_compact(out, dir, e);
	if (!ok)
		seed_index_close(out);
	return ok;
}

bool
seed_index_begin(struct seed_index *x, struct err *e)
{
	return !x->is_new || (index_write_header(x, e) && seed_index_sync(x, e));
}

void
seed_index_close(struct seed_index *x)
{
	if (x->fd >= 0)
		close(x->fd);
	free(x->entries);
	*x = (struct seed_index){.fd = -1};
}

bool
seed_index_set(struct seed_index *x, const struct seed_entry *entry, struct err *e)
{
	struct seed_record r = record_of(entry);

	if (!spool_pwrite(x->fd, &r, sizeof(r), x->end, "seed", e))
		return false;
	x->end += sizeof(r);
	index_put(x, entry);
	return ++x->unsynced < SYNC_EVERY || seed_index_sync(x, e);
}

bool
seed_index_sync(struct seed_index *x, struct err *e)
{
	x->unsynced = 0;
	return fdatasync(x->fd) == 0 || err_errno(e, ERR_RETRY, errno, "spool: seed");
}

bool
seed_row_is_filled(const char *spool_dir, const char *move_id, const Wire__Row *row)
{
	struct seed_index x;
	struct err ignored;
	bool filled;

	if (!row->present ||
	    !seed_index_open(spool_dir, move_id, row->mailbox_id, false, &x, &ignored))
		return false;
	filled = x.fd >= 0 && !x.is_new;
	seed_index_close(&x);
	return filled;
}

bool
seed_may_begin(const Wire__Row *row, bool is_new, uint64_t made)
{
	return !is_new ||
	       (row->contacts == 0 &&
		   (row->size_bytes == 0 || (made != 0 && made == row->mailbox_id)));
}

bool
seed_row_is_ours(const char *spool_dir, const char *move_id, const Wire__Row *row)
{
	struct seed_index x;
	struct err ignored;
	bool ours;

	if (!row->present || row->contacts > 0 ||
	    !seed_index_open(spool_dir, move_id, row->mailbox_id, false, &x, &ignored))
		return false;
	ours = x.count > 0 && x.sent == 0 && row->size_bytes <= x.bytes;
	seed_index_close(&x);
	return ours;
}
