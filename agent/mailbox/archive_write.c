/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing an import's body: for each item its earlier revisions, then metadata and
 * data, with Zimbra's use of the tar header (group = type name, owner-write cleared = unread; no
 * type byte, see archive.c). Pulled by the transfer, so that memory stays bounded. Each
 * item's checksum is compared before its last bytes go out: Zimbra would believe the
 * digest in the metadata and never notice damage to the spool.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/mailbox/archive.h"
#include "agent/mailbox/archive_private.h"
#include "proto/base/xalloc.h"

#define CHUNK 65536

struct writing {
	struct archive *tar;
	struct archive_entry *entry;
	struct spool *s;
	int fd;
	bool cut; /* nothing goes out any more */
};

static la_ssize_t
writing_out(struct archive *tar, void *ctx, const void *data, size_t len)
{
	struct writing *w = ctx;
	ssize_t n;

	do
		n = w->cut ? -1 : write(w->fd, data, len);
	while (n < 0 && !w->cut && errno == EINTR);
	if (n < 0)
		archive_set_error(
		    tar, w->cut ? ECANCELED : errno, "the transfer ended early");
	return n;
}

static bool
writing_err(struct writing *w, struct err *e)
{
	return err_set(e, ERR_RETRY, "import: %s",
	    archive_error_string(w->tar) == NULL ? "the transfer ended early"
						 : archive_error_string(w->tar));
}

static bool
writing_header(struct writing *w, const char *path, const struct spool_item *item,
    uint64_t size, struct err *e)
{
	archive_entry_clear(w->entry);
	archive_entry_set_pathname(
	    w->entry, path); /* bytes as they are, whatever the locale */
	archive_entry_set_size(w->entry, (la_int64_t)size);
	archive_entry_set_filetype(w->entry, AE_IFREG);
	archive_entry_set_perm(w->entry, (__LA_MODE_T)(item->mode & 0777));
	archive_entry_set_mtime(w->entry, item->mtime_s, 0);
	archive_entry_set_gname(w->entry, spool_type_name(item->type));
	archive_entry_set_uname(w->entry, "");
	return archive_write_header(w->tar, w->entry) >= ARCHIVE_WARN ||
	       writing_err(w, e);
}

static bool
writing_bytes(struct writing *w, const void *data, size_t len, struct err *e)
{
	return len == 0 || archive_write_data(w->tar, data, len) == (la_ssize_t)len ||
	       writing_err(w, e);
}

static bool
writing_damaged(const struct spool_item *item, struct err *e)
{
	return err_set(e, ERR_CORRUPT,
	    "item %u in the spool is damaged on disk; check the disk before anything "
	    "else",
	    item->id);
}

/* crc: of metadata and name. */
static bool
writing_data(
    struct writing *w, const struct spool_item *item, uint32_t crc, struct err *e)
{
	char chunk[CHUNK];
	size_t got;

	for (uint64_t at = 0; at < item->data_bytes; at += got) {
		if (!spool_read_data(w->s, item, at, chunk, sizeof(chunk), &got, e))
			return false;
		crc = spool_crc(crc, chunk, got);
		if (at + got == item->data_bytes && crc != item->content_crc)
			return writing_damaged(item, e);
		if (!writing_bytes(w, chunk, got, e))
			return false;
	}
	return true;
}

static bool
has_suffix(const char *text, const char *suffix)
{
	size_t a = strlen(text);
	size_t b = strlen(suffix);

	return a >= b && strcmp(text + a - b, suffix) == 0;
}

/* Zimbra takes an item's name from its metadata; the entry's must only not mislead it. */
static char *
writing_path(const struct spool_item *item, const char *folder, const char *name)
{
	bool plain =
	    name[0] != '\0' && !has_suffix(name, ".meta") && !has_suffix(name, ".err");

	if (plain && folder[0] == '\0')
		return xstrdup(name);
	if (plain)
		return xasprintf("%s/%s", folder, name);
	return xasprintf("%s%s%010u-%05u", folder, folder[0] == '\0' ? "" : "/", item->id,
	    item->version);
}

/* Metadata and data of one revision. meta is taken. */
static bool
writing_item(struct writing *w, const struct spool_item *item, const char *folder,
    char *take_meta, struct err *e)
{
	char *meta = NULL;
	char *name = NULL;
	char *path = NULL;
	char *meta_path = NULL;
	bool ok = spool_read_meta(w->s, item, &meta, e) &&
		  spool_read_name(w->s, item, &name, e);

	if (ok) {
		uint32_t crc = spool_crc(
		    spool_crc(0, meta, item->meta_bytes), name, item->name_bytes);
		const char *text = take_meta != NULL ? take_meta : meta;

		path = writing_path(item, folder, name);
		meta_path = xasprintf("%s.meta", path);
		if (item->data_bytes == 0 && crc != item->content_crc)
			ok = writing_damaged(item, e);
		ok = ok && writing_header(w, meta_path, item, strlen(text), e) &&
		     writing_bytes(w, text, strlen(text), e);
		if (ok && item->data_bytes > 0)
			ok = writing_header(w, path, item, item->data_bytes, e) &&
			     writing_data(w, item, crc, e);
	}
	free(meta);
	free(name);
	free(path);
	free(meta_path);
	free(take_meta);
	return ok;
}

static bool
writing_revisions(struct writing *w, const struct archive_entry_in *in, struct err *e)
{
	struct spool_item chain[64];
	struct spool_item at = in->item;
	size_t count = 0;

	while (count < ARRAY_LEN(chain) && spool_revision(w->s, &at, &chain[count]))
		at = chain[count++];
	while (count > 0) {
		if (!writing_item(w, &chain[--count], in->folder_path, NULL, e))
			return false;
	}
	return true;
}

static bool
writing_all(struct writing *w, archive_next_fn next, void *ctx, struct err *e)
{
	struct archive_entry_in in;

	memset(&in, 0, sizeof(in));
	while (next(ctx, &in)) {
		if (!writing_revisions(w, &in, e)) {
			free(in.take_meta);
			return false;
		}
		if (!writing_item(w, &in.item, in.folder_path, in.take_meta, e))
			return false;
		memset(&in, 0, sizeof(in));
	}
	return true;
}

bool
archive_write_fd(int fd, struct spool *s, archive_next_fn next, void *ctx, struct err *e)
{
	struct writing w = {
	    .tar = archive_write_new(), .entry = archive_entry_new(), .s = s, .fd = fd};
	bool ok;

	archive_write_set_format_gnutar(w.tar);
	archive_write_set_bytes_per_block(w.tar, CHUNK);
	archive_write_set_bytes_in_last_block(w.tar, 1);
	ok = archive_write_open(w.tar, &w, NULL, writing_out, NULL) == ARCHIVE_OK ||
	     writing_err(&w, e);
	ok = ok && writing_all(&w, next, ctx, e);
	if (ok)
		ok = archive_write_close(w.tar) == ARCHIVE_OK || writing_err(&w, e);
	/* On failure freeing would fill up the item with zeros and end the archive properly. */
	w.cut = true;
	archive_entry_free(w.entry);
	archive_write_free(w.tar);
	return ok;
}

/* --- import: one thread builds the tar into a socket pair, this one posts it --- */

struct building {
	int fd;
	struct spool *s;
	archive_next_fn next;
	void *ctx;
	bool ok;
	struct err err;
};

static void *
building_run(void *ctx)
{
	struct building *b = ctx;

	b->ok = archive_write_fd(b->fd, b->s, b->next, b->ctx, &b->err);
	shutdown(b->fd, SHUT_WR);
	return NULL;
}

static size_t
building_read(void *data, size_t size, void *ctx)
{
	int fd = *(int *)ctx;
	ssize_t n;

	do
		n = read(fd, data, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? (size_t)-1 : (size_t)n;
}

bool
archive_import(const struct client *c, const char *account_id, struct spool *s,
    archive_next_fn next, void *ctx, struct rest_import_answer *answer_out, struct err *e)
{
	struct building b = {.s = s, .next = next, .ctx = ctx};
	pthread_t thread;
	int pair[2];
	bool ok;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_errno(e, ERR_RETRY, errno, "socketpair");
	b.fd = pair[1];
	if (pthread_create(&thread, NULL, building_run, &b) != 0) {
		close(pair[0]);
		close(pair[1]);
		return err_set(e, ERR_RETRY, "cannot start a thread");
	}
	ok = client_import(c, account_id, building_read, &pair[0], answer_out, e);
	close(pair[0]); /* a builder still writing ends with an error now */
	pthread_join(thread, NULL);
	close(pair[1]);
	if (!b.ok && b.err.kind == ERR_CORRUPT) {
		*e = b.err; /* our own spool: worse than anything the server says */
		return false;
	}
	if (ok && !b.ok)
		return err_set(e, ERR_RETRY,
		    "import: the archive was not built to its end: %s", b.err.text);
	return ok;
}
