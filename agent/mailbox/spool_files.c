/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small files of a spool (record, tree, notes, admission), each replaced atomically,
 * and what is done to a spool without opening it: reserving, deleting, measuring.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/mailbox/spool_private.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define RECORD_FILE "record"
#define FILE_MAX_BYTES (512u * 1024 * 1024)

/* A link in place of a move's folder is not followed, whoever put it there. */
bool
spool_check_dir(const char *dir, struct err *e)
{
	struct stat st;

	if (lstat(dir, &st) != 0)
		return err_errno(e, ERR_RETRY, errno, "spool: %s", dir);
	return S_ISDIR(st.st_mode) ||
	       err_set(e, ERR_REFUSED,
		   "spool: %s is a link or a file, not a folder; nothing is done there, "
		   "move it away",
		   dir);
}

/* A file is there after a power loss only when its folder was fsynced too. */
bool
spool_sync_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return err_errno(e, ERR_RETRY, errno, "spool: %s", dir);
	ok = fsync(fd) == 0 || err_errno(e, ERR_RETRY, errno, "spool: %s", dir);
	close(fd);
	return ok;
}

bool
spool_file_write(
    const char *dir, const char *name, const void *data, size_t len, struct err *e)
{
	char path[700];
	char fresh[710];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, ERR_RETRY, errno, "spool: %s", fresh);
	ok = spool_pwrite(fd, data, len, 0, name, e);
	if (ok && fsync(fd) != 0)
		ok = err_errno(e, ERR_RETRY, errno, "spool: %s", fresh);
	close(fd);
	if (ok && rename(fresh, path) != 0)
		ok = err_errno(e, ERR_RETRY, errno, "spool: %s", path);
	if (!ok)
		unlink(fresh);
	return ok && spool_sync_dir(dir, e);
}

/* The whole file, NUL behind it; NULL: it is not there or too large. */
static char *
file_read(const char *dir, const char *name, size_t *len_out)
{
	char path[700];
	struct stat st;
	char *data = NULL;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size <= FILE_MAX_BYTES) {
		data = xcalloc(1, (size_t)st.st_size + 1);
		*len_out = (size_t)st.st_size;
		if (pread(fd, data, *len_out, 0) != (ssize_t)*len_out)
			xfree(&data);
	}
	close(fd);
	return data;
}

/* --- what is safe on disk --- */

#define DURABLE_MAGIC 0x5a465344u

struct durable {
	uint32_t magic, records, crc;
};

uint32_t
spool_durable_read(const struct spool *s)
{
	struct durable d = {0};
	size_t len = 0;
	char *data = file_read(s->dir, "durable", &len);

	if (data != NULL && len == sizeof(d))
		memcpy(&d, data, sizeof(d));
	free(data);
	return d.magic == DURABLE_MAGIC &&
		       d.crc == spool_crc(d.magic, &d.records, sizeof(d.records))
		   ? d.records
		   : 0;
}

bool
spool_durable_write(const struct spool *s, struct err *e)
{
	struct durable d = {DURABLE_MAGIC, s->record_count, 0};

	d.crc = spool_crc(d.magic, &d.records, sizeof(d.records));
	return spool_file_write(s->dir, "durable", &d, sizeof(d), e);
}

/* --- lists of items: count, CRC, then rows of 12 bytes --- */

struct record_row {
	uint32_t id, folder_id, type;
};

void
spool_record_free(struct spool_record_list *r)
{
	free(r->ids);
	free(r->folder_ids);
	free(r->types);
	memset(r, 0, sizeof(*r));
}

void
spool_record_add(
    struct spool_record_list *r, uint32_t id, uint32_t folder_id, enum spool_type type)
{
	if ((r->count & (r->count - 1)) == 0) {
		size_t cap = r->count == 0 ? 1 : r->count * 2;

		r->ids = xrealloc_array(r->ids, cap, sizeof(*r->ids));
		r->folder_ids =
		    xrealloc_array(r->folder_ids, cap, sizeof(*r->folder_ids));
		r->types = xrealloc_array(r->types, cap, sizeof(*r->types));
	}
	r->ids[r->count] = id;
	r->folder_ids[r->count] = folder_id;
	r->types[r->count++] = (uint8_t)type;
}

static int
compare_row(const void *a, const void *b)
{
	uint32_t left = ((const struct record_row *)a)->id;
	uint32_t right = ((const struct record_row *)b)->id;

	return left < right ? -1 : left > right;
}

void
spool_record_sort(struct spool_record_list *r)
{
	struct record_row *rows = xcalloc(r->count, sizeof(*rows));

	for (size_t i = 0; i < r->count; i++)
		rows[i] = (struct record_row){r->ids[i], r->folder_ids[i], r->types[i]};
	qsort(rows, r->count, sizeof(*rows), compare_row);
	for (size_t i = 0; i < r->count; i++) {
		r->ids[i] = rows[i].id;
		r->folder_ids[i] = rows[i].folder_id;
		r->types[i] = (uint8_t)rows[i].type;
	}
	free(rows);
}

bool
spool_record_find(const struct spool_record_list *r, uint32_t id, size_t *at_out)
{
	size_t low = 0;
	size_t high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	*at_out = low;
	return low < r->count && r->ids[low] == id;
}

bool
spool_list_write(
    struct spool *s, const char *name, const struct spool_record_list *r, struct err *e)
{
	size_t len = 8 + r->count * sizeof(struct record_row);
	uint32_t *words = xcalloc(1, len);
	struct record_row *rows = (struct record_row *)(words + 2);
	bool ok;

	for (size_t i = 0; i < r->count; i++)
		rows[i] = (struct record_row){r->ids[i], r->folder_ids[i], r->types[i]};
	words[0] = (uint32_t)r->count;
	words[1] = spool_crc(0, rows, len - 8);
	ok = spool_file_write(s->dir, name, words, len, e);
	free(words);
	return ok;
}

bool
spool_list_read(struct spool *s, const char *name, struct spool_record_list *out)
{
	size_t len = 0;
	char *data = file_read(s->dir, name, &len);
	const uint32_t *words = (const uint32_t *)(const void *)data;
	const struct record_row *rows;

	memset(out, 0, sizeof(*out));
	if (data == NULL || len < 8 || len != 8 + (size_t)words[0] * sizeof(*rows) ||
	    words[1] != spool_crc(0, words + 2, len - 8)) {
		free(data);
		return false;
	}
	rows = (const struct record_row *)(words + 2);
	for (uint32_t i = 0; i < words[0]; i++) {
		if (rows[i].type >= SPOOL_TYPE_COUNT)
			continue;
		spool_record_add(
		    out, rows[i].id, rows[i].folder_id, (enum spool_type)rows[i].type);
	}
	free(data);
	return true;
}

bool
spool_record_write(struct spool *s, const struct spool_record_list *r, struct err *e)
{
	return spool_list_write(s, RECORD_FILE, r, e);
}

bool
spool_record_read(struct spool *s, struct spool_record_list *out, struct err *e)
{
	return spool_list_read(s, RECORD_FILE, out) ||
	       err_set(e, ERR_CORRUPT,
		   "spool %s: the list of record is missing or damaged", s->dir);
}

/* --- the tree --- */

bool
spool_tree_write(struct spool *s, const Wire__StreamTree *tree, struct err *e)
{
	size_t len = wire__stream_tree__get_packed_size(tree);
	uint8_t *data = xcalloc(1, len);
	bool ok;

	wire__stream_tree__pack(tree, data);
	ok = spool_file_write(s->dir, "tree", data, len, e);
	free(data);
	return ok;
}

bool
spool_tree_read(struct spool *s, Wire__StreamTree **out, struct err *e)
{
	size_t len = 0;
	char *data = file_read(s->dir, "tree", &len);

	*out = data == NULL ? NULL
			    : wire__stream_tree__unpack(NULL, len, (const uint8_t *)data);
	free(data);
	return *out != NULL ||
	       err_set(e, ERR_CORRUPT, "spool %s: the folder tree is missing or damaged",
		   s->dir);
}

bool
spool_note_write(struct spool *s, const char *name, const char *text, struct err *e)
{
	return spool_file_write(s->dir, name, text, strlen(text), e);
}

bool
spool_note_read(struct spool *s, const char *name, char *out, size_t size)
{
	size_t len = 0;
	char *data = file_read(s->dir, name, &len);
	bool ok = data != NULL && len < size;

	if (ok)
		memcpy(out, data, len + 1);
	free(data);
	return ok;
}

char *
spool_note_text(struct spool *s, const char *name)
{
	size_t len = 0;

	return file_read(s->dir, name, &len);
}

/* --- without opening --- */

static char *
spool_path(const char *spool_dir, const ProtobufCBinaryData *move_id)
{
	return xasprintf("%s/%.*s", spool_dir, (int)move_id->len, move_id->data);
}

static bool
spool_is_move(const char *name)
{
	return name[0] != '.' && strcmp(name, "leases") != 0 &&
	       strcmp(name, "epoch") != 0 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

void
spool_each_admission(const char *spool_dir, spool_admission_fn fn, void *ctx)
{
	DIR *dir = opendir(spool_dir);
	struct dirent *entry;
	bool more = true;

	if (dir == NULL)
		return;
	while (more && (entry = readdir(dir)) != NULL) {
		Wire__Admission *a;
		char path[700];
		size_t len = 0;
		char *data;

		if (!spool_is_move(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%.400s/%.200s", spool_dir, entry->d_name);
		data = file_read(path, "admission", &len);
		a = data == NULL
			? NULL
			: wire__admission__unpack(NULL, len, (const uint8_t *)data);
		free(data);
		if (a == NULL)
			continue;
		if (a->ticket.len == LIMIT_TICKET &&
		    frame_equal(&a->move_id, entry->d_name))
			more = fn(a, ctx);
		wire__admission__free_unpacked(a, NULL);
	}
	closedir(dir);
}

bool
spool_exists(const char *spool_dir, const char *move_id)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/%s/index", spool_dir, move_id);
	return access(path, F_OK) == 0;
}

/* The admission goes first: what is half deleted lets nobody in and holds no disk. */
bool
spool_delete(const char *spool_dir, const char *move_id, struct err *e)
{
	char path[700];
	char file[1000];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", spool_dir, move_id);
	if (access(path, F_OK) == 0 && !spool_check_dir(path, e))
		return false;
	snprintf(file, sizeof(file), "%s/admission", path);
	if (unlink(file) != 0 && errno != ENOENT)
		return err_errno(e, ERR_RETRY, errno, "spool: %s", file);
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT ||
		       err_errno(e, ERR_RETRY, errno, "spool: %s", path);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (unlink(file) != 0) {
			closedir(dir);
			return err_errno(e, ERR_RETRY, errno, "spool: %s", file);
		}
	}
	closedir(dir);
	return rmdir(path) == 0 || err_errno(e, ERR_RETRY, errno, "spool: %s", path);
}

bool
spool_is_persistent(const char *spool_dir)
{
	struct statfs fs;

	return statfs(spool_dir, &fs) == 0 && fs.f_type != OVERLAYFS_SUPER_MAGIC &&
	       fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC;
}

struct held {
	const char *spool_dir;
	const ProtobufCBinaryData
	    *without; /* this move's own is not counted; may be NULL */
	uint64_t bytes;
};

/* What a reservation holds beyond what its items already take. */
static uint64_t
held_by(const char *spool_dir, const Wire__Admission *a)
{
	char *path =
	    xasprintf("%s/%.*s/items", spool_dir, (int)a->move_id.len, a->move_id.data);
	struct stat st;
	uint64_t used = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;

	free(path);
	return a->bytes > used ? a->bytes - used : 0;
}

static bool
held_on_admission(const Wire__Admission *a, void *ctx)
{
	struct held *held = ctx;

	if (held->without == NULL || a->move_id.len != held->without->len ||
	    memcmp(a->move_id.data, held->without->data, a->move_id.len) != 0)
		held->bytes += held_by(held->spool_dir, a);
	return true;
}

static bool
disk_measure(struct held *held, uint64_t *total, uint64_t *free_bytes, struct err *e)
{
	struct statvfs vfs;

	if (statvfs(held->spool_dir, &vfs) != 0)
		return err_errno(e, ERR_RETRY, errno, "%s", held->spool_dir);
	*total = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	*free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	spool_each_admission(held->spool_dir, held_on_admission, held);
	return true;
}

bool
spool_disk(const char *spool_dir, uint64_t *total, uint64_t *free_bytes,
    uint64_t *reserved, struct err *e)
{
	struct held held = {spool_dir, NULL, 0};
	bool ok = disk_measure(&held, total, free_bytes, e);

	*reserved = held.bytes;
	return ok;
}

bool
spool_reserve(const char *spool_dir, const Wire__Admission *admission,
    uint32_t fill_limit, struct err *e)
{
	char *dir = spool_path(spool_dir, &admission->move_id);
	struct held held = {spool_dir, &admission->move_id, 0};
	size_t len = wire__admission__get_packed_size(admission);
	uint8_t *data = xcalloc(1, len);
	uint64_t total, free_bytes, more = held_by(spool_dir, admission);
	bool ok = disk_measure(&held, &total, &free_bytes, e);

	/* What is here already may stay: a full disk must not hold up a move under its lock. */
	if (ok && more > 0 &&
	    total - free_bytes + held.bytes + more > total / 100 * fill_limit)
		ok = err_set(e, ERR_FULL,
		    "%s: %llu MB more would fill the disk above %u %% (%llu MB free, "
		    "%llu MB held for other moves); free space or choose another node",
		    spool_dir, (unsigned long long)(more >> 20), fill_limit,
		    (unsigned long long)(free_bytes >> 20),
		    (unsigned long long)(held.bytes >> 20));
	if (ok && mkdir(dir, 0700) != 0 && errno != EEXIST)
		ok = err_errno(e, ERR_RETRY, errno, "spool: %s", dir);
	wire__admission__pack(admission, data);
	ok = ok && spool_check_dir(dir, e) && spool_sync_dir(spool_dir, e) &&
	     spool_file_write(dir, "admission", data, len, e);
	free(data);
	free(dir);
	return ok;
}
