/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: an item's bytes are appended, then its record. A record exists
 * only when its bytes are there; an item is held only when its newest record is that of
 * a whole, current item. What can go wrong: disk full, two writers, a damaged file.
 */
#include "agent/mailbox/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/mailbox/spool_private.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"

#define MARK_CELLS 512 /* in one write */

static const char *const type_names[] = {
    [SPOOL_MESSAGE] = "message",
    [SPOOL_CONTACT] = "contact",
    [SPOOL_APPOINTMENT] = "appointment",
    [SPOOL_TASK] = "task",
    [SPOOL_DOCUMENT] = "document",
    [SPOOL_CHAT] = "chat",
    [SPOOL_NOTE] = "note",
};
static_assert(ARRAY_LEN(type_names) == SPOOL_TYPE_COUNT, "name every type");

const char *
spool_type_name(enum spool_type type)
{
	return type_names[type];
}

bool
spool_type_parse(const char *name, size_t len, enum spool_type *out)
{
	for (int t = 0; t < SPOOL_TYPE_COUNT; t++) {
		if (strlen(type_names[t]) == len &&
		    strncmp(type_names[t], name, len) == 0) {
			*out = (enum spool_type)t;
			return true;
		}
	}
	return false;
}

uint64_t
spool_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 1099511628211u;
	return hash == 0 ? 1 : hash;
}

/* --- opening --- */

static bool
spool_open_file(struct spool *s, const char *name, int *fd_out, struct err *e)
{
	char path[700];
	int flags = s->write ? O_RDWR | O_CREAT : O_RDWR;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	*fd_out = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return *fd_out >= 0 || err_errno(e, ERR_RETRY, errno, "spool: %s", path);
}

static bool
spool_lock(struct spool *s, struct err *e)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/lock", s->dir);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		return err_errno(e, ERR_RETRY, errno, "spool: %s", path);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(
		    e, ERR_RETRY, "spool %s: another worker writes it just now", s->dir);
	return true;
}

bool
spool_open(const char *spool_dir, const char *move_id, bool write, struct spool **out,
    struct err *e)
{
	struct spool *s = XNEW(struct spool);

	s->dir = xasprintf("%s/%s", spool_dir, move_id);
	s->lock_fd = s->items_fd = s->index_fd = s->state_fd = -1;
	s->write = write;
	if (write && mkdir(s->dir, 0700) != 0 && errno != EEXIST) {
		err_errno(e, ERR_RETRY, errno, "spool: %s", s->dir);
		goto fail;
	}
	if (!spool_check_dir(s->dir, e))
		goto fail;
	if ((write && (!spool_sync_dir(spool_dir, e) || !spool_lock(s, e))) ||
	    !spool_open_file(s, "items", &s->items_fd, e) ||
	    !spool_open_file(s, "index", &s->index_fd, e) ||
	    !spool_open_file(s, "state", &s->state_fd, e) || !spool_index_load(s, e))
		goto fail;
	if (write) {
		s->index_rows = spool_rows_new(s->index_fd, sizeof(struct spool_record));
		s->state_rows = spool_rows_new(s->state_fd, sizeof(struct spool_cell));
	}
	*out = s;
	return true;
fail:
	spool_close(&s);
	return false;
}

static void
spool_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
spool_close(struct spool **s)
{
	if (*s == NULL)
		return;
	spool_rows_free(&(*s)->index_rows);
	spool_rows_free(&(*s)->state_rows);
	spool_close_fd((*s)->items_fd);
	spool_close_fd((*s)->index_fd);
	spool_close_fd((*s)->state_fd);
	spool_close_fd((*s)->lock_fd);
	free((*s)->dir);
	free((*s)->slots);
	free((*s)->sorted);
	xfree(s);
}

/* Items before the index: a record on disk must never point at bytes that are not. */
bool
spool_sync(struct spool *s, struct err *e)
{
	if (!s->dirty)
		return true;
	if (fsync(s->items_fd) != 0 || fsync(s->state_fd) != 0 || fsync(s->index_fd) != 0)
		return err_errno(e, ERR_RETRY, errno, "spool %s: fsync", s->dir);
	if (!spool_durable_write(s, e))
		return false;
	s->dirty = false;
	return true;
}

/* --- putting --- */

static void
record_from_item(struct spool_record *r, const struct spool_item *item)
{
	memset(r, 0, sizeof(*r));
	r->id = item->id;
	r->folder_id = item->folder_id;
	r->flags = item->flags;
	r->tags_hash = item->tags_hash;
	r->digest_hash = item->digest_hash;
	r->size = item->size;
	r->date_s = item->date_s;
	r->mod_metadata = item->mod_metadata;
	r->mod_content = item->mod_content;
	r->imap_id = item->imap_id;
	r->mode = item->mode;
	r->mtime_s = item->mtime_s;
	r->data_bytes = item->data_bytes;
	r->version = item->version;
	r->type = (uint8_t)item->type;
	r->type_byte = item->type_byte;
	r->unread = item->unread;
	r->has_calendar_link = item->has_calendar_link;
}

static void
item_from_record(struct spool_item *out, const struct spool_record *r)
{
	memset(out, 0, sizeof(*out));
	out->id = r->id;
	out->folder_id = r->folder_id;
	out->flags = r->flags;
	out->tags_hash = r->tags_hash;
	out->digest_hash = r->digest_hash;
	out->size = r->size;
	out->date_s = r->date_s;
	out->mod_metadata = r->mod_metadata;
	out->mod_content = r->mod_content;
	out->imap_id = r->imap_id;
	out->mode = r->mode;
	out->mtime_s = r->mtime_s;
	out->data_bytes = r->data_bytes;
	out->version = r->version;
	out->type = (enum spool_type)r->type;
	out->type_byte = r->type_byte;
	out->unread = r->unread != 0;
	out->has_calendar_link = r->has_calendar_link != 0;
	out->meta_offset = r->meta_offset;
	out->data_offset = r->data_offset;
	out->meta_bytes = r->meta_bytes;
	out->name_bytes = r->name_bytes;
	out->content_crc = r->content_crc;
	out->previous = r->previous;
}

/*
 * A document's revisions come oldest first and without a gap: each remembers the one
 * before. What an interrupted pass left of them is not linked to.
 */
static uint32_t
spool_previous(struct spool *s)
{
	const struct spool_record *r = &s->next;
	struct spool_record before;
	struct err e;

	if (r->type != SPOOL_DOCUMENT || s->last_put == 0 ||
	    !spool_index_read(s, s->last_put - 1, &before, &e) || before.id != r->id ||
	    before.version == 0 || (r->version != 0 && before.version >= r->version))
		return 0;
	return s->last_put;
}

bool
spool_put_begin(struct spool *s, const struct spool_item *item, const void *meta,
    const void *name, struct err *e)
{
	if (!s->write || s->putting)
		BUG("spool: putting twice, or into one that is only read");
	if (item->id == 0 || item->id > INT32_MAX)
		return err_set(e, ERR_PEER, "spool: %u is no item id", item->id);
	record_from_item(&s->next, item);
	s->next.meta_bytes = item->meta_bytes;
	s->next.name_bytes = item->name_bytes;
	s->next.meta_offset = s->items_end;
	s->next.data_offset = s->items_end + item->meta_bytes + item->name_bytes;
	s->put_left = item->data_bytes;
	if (!spool_pwrite(
		s->items_fd, meta, item->meta_bytes, s->items_end, "items", e) ||
	    !spool_pwrite(s->items_fd, name, item->name_bytes,
		s->items_end + item->meta_bytes, "items", e))
		return false;
	s->next.content_crc =
	    spool_crc(spool_crc(0, meta, item->meta_bytes), name, item->name_bytes);
	s->putting = true;
	return true;
}

bool
spool_put_data(struct spool *s, const void *data, size_t len, struct err *e)
{
	if (!s->putting)
		BUG("spool: data without an item");
	if (len > s->put_left)
		return err_set(
		    e, ERR_PEER, "item %u has more data than it said", s->next.id);
	if (!spool_pwrite(s->items_fd, data, len,
		s->next.data_offset + s->next.data_bytes - s->put_left, "items", e))
		return false;
	s->next.content_crc = spool_crc(s->next.content_crc, data, len);
	s->put_left -= len;
	return true;
}

void
spool_put_revision(struct spool *s, uint16_t version)
{
	if (!s->putting)
		BUG("spool: a revision without an item");
	s->next.version = version;
}

uint32_t
spool_put_crc(const struct spool *s)
{
	return s->next.content_crc;
}

bool
spool_put_end(struct spool *s, struct err *e)
{
	if (!s->putting)
		BUG("spool: end without an item");
	s->putting = false;
	if (s->put_left != 0)
		return err_set(e, ERR_PEER, "item %u lacks %llu bytes of its data",
		    s->next.id, (unsigned long long)s->put_left);
	s->next.previous = spool_previous(s);
	if (!spool_index_append(s, &s->next, e))
		return false;
	s->items_end = s->next.data_offset + s->next.data_bytes;
	s->last_put = s->record_count;
	return true;
}

void
spool_put_abort(struct spool *s)
{
	s->putting = false;
}

/* --- looking and marking --- */

static bool
spool_load_item(struct spool *s, uint32_t record, struct spool_item *out)
{
	struct spool_record r;
	struct spool_cell cell;
	struct err e;

	if (!spool_index_read(s, record, &r, &e))
		return false;
	item_from_record(out, &r);
	if (spool_cell_read(s, record, &cell)) {
		out->state = (enum spool_state)cell.state;
		out->target_id = cell.target_id;
		out->folder_id = cell.folder_id;
	}
	return true;
}

/* Earlier revisions alone are not the item. */
bool
spool_find(struct spool *s, uint32_t id, struct spool_item *out)
{
	uint32_t record;

	return spool_index_find(s, id, &record) && spool_load_item(s, record, out) &&
	       out->version == 0;
}

bool
spool_revision(struct spool *s, const struct spool_item *item, struct spool_item *out)
{
	return item->previous != 0 && spool_load_item(s, item->previous - 1, out);
}

bool
spool_forget(struct spool *s, uint32_t id, struct err *e)
{
	struct spool_record r = {.id = id, .gone = 1};
	uint32_t record;

	s->last_put = 0;
	return !spool_index_find(s, id, &record) || spool_index_append(s, &r, e);
}

static bool
spool_change_cell(struct spool *s, uint32_t id, const enum spool_state *state,
    const uint32_t *target_id, const uint32_t *folder_id, struct err *e)
{
	struct spool_item item;
	struct spool_cell cell;
	uint32_t record;

	if (!spool_index_find(s, id, &record) || !spool_load_item(s, record, &item))
		return err_set(
		    e, ERR_CORRUPT, "spool %s: item %u is not held", s->dir, id);
	cell.state = state == NULL ? (uint32_t)item.state : (uint32_t)*state;
	cell.target_id = target_id == NULL ? item.target_id : *target_id;
	cell.folder_id = folder_id == NULL ? item.folder_id : *folder_id;
	return spool_cell_write(s, record, &cell, e);
}

bool
spool_set_folder(struct spool *s, uint32_t id, uint32_t folder_id, struct err *e)
{
	return spool_change_cell(s, id, NULL, NULL, &folder_id, e);
}

bool
spool_set_state(struct spool *s, uint32_t id, enum spool_state state, uint32_t target_id,
    struct err *e)
{
	return spool_change_cell(s, id, &state, &target_id, NULL, e);
}

struct marked {
	uint32_t record;
	struct spool_cell cell;
};

static int
compare_marked(const void *a, const void *b)
{
	const struct marked *x = a, *y = b;

	return (x->record > y->record) - (x->record < y->record);
}

static bool
marked_find(
    struct spool *s, const struct spool_mark *mark, struct marked *out, struct err *e)
{
	struct spool_item item;

	if (!spool_index_find(s, mark->id, &out->record) ||
	    !spool_load_item(s, out->record, &item))
		return err_set(
		    e, ERR_CORRUPT, "spool %s: item %u is not held", s->dir, mark->id);
	out->cell = (struct spool_cell){.state = SPOOL_APPLIED,
	    .target_id = mark->target_id,
	    .folder_id = item.folder_id};
	return true;
}

/* Records in a row are one write. */
static bool
marked_write(struct spool *s, const struct marked *all, size_t count, struct err *e)
{
	struct spool_cell cells[MARK_CELLS];

	for (size_t from = 0, n; from < count; from += n) {
		for (n = 0; n < ARRAY_LEN(cells) && from + n < count &&
			    all[from + n].record == all[from].record + n;
		     n++)
			cells[n] = all[from + n].cell;
		if (!spool_cells_write(s, all[from].record, cells, n, e))
			return false;
	}
	return true;
}

bool
spool_mark_applied(
    struct spool *s, const struct spool_mark *marks, size_t count, struct err *e)
{
	struct marked *all = xcalloc(count + 1, sizeof(*all));
	bool ok = true;

	for (size_t i = 0; i < count && ok; i++)
		ok = marked_find(s, &marks[i], &all[i], e);
	qsort(all, count, sizeof(*all), compare_marked);
	ok = ok && marked_write(s, all, count, e);
	free(all);
	return ok;
}

/* --- reading --- */

static bool
spool_read_at(struct spool *s, uint64_t offset, size_t len, char **out, struct err *e)
{
	char *text = xcalloc(1, len + 1);
	ssize_t n = pread(s->items_fd, text, len, (off_t)offset);

	if (n == (ssize_t)len) {
		*out = text;
		return true;
	}
	free(text);
	return err_set(e, ERR_CORRUPT, "spool %s: items end before byte %llu", s->dir,
	    (unsigned long long)(offset + len));
}

bool
spool_read_meta(struct spool *s, const struct spool_item *item, char **out, struct err *e)
{
	return spool_read_at(s, item->meta_offset, item->meta_bytes, out, e);
}

bool
spool_read_name(struct spool *s, const struct spool_item *item, char **out, struct err *e)
{
	return spool_read_at(
	    s, item->meta_offset + item->meta_bytes, item->name_bytes, out, e);
}

bool
spool_read_data(struct spool *s, const struct spool_item *item, uint64_t offset,
    void *out, size_t size, size_t *got_out, struct err *e)
{
	uint64_t left = offset >= item->data_bytes ? 0 : item->data_bytes - offset;
	size_t want = left < size ? (size_t)left : size;
	ssize_t n;

	*got_out = 0;
	if (want == 0)
		return true;
	n = pread(s->items_fd, out, want, (off_t)(item->data_offset + offset));
	if (n <= 0)
		return err_set(e, ERR_CORRUPT, "spool %s: item %u ends before its data",
		    s->dir, item->id);
	*got_out = (size_t)n;
	return true;
}
