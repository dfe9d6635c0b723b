/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing an import's body: for each item its earlier revisions, then metadata and
 * data, with Zimbra's use of the tar header (group = type name, devmajor = type byte,
 * owner-write cleared = unread). Pulled by the transfer, so that memory stays bounded.
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
};

static bool
writing_err(struct writing *w, struct err *e)
{
	return err_set(e, ERR_RETRY, "import: %s", archive_error_string(w->tar) == NULL
	        ? "the transfer ended early" : archive_error_string(w->tar));
}

static bool
writing_header(struct writing *w, const char *path, const struct spool_item *item,
    uint64_t size, struct err *e)
{
	archive_entry_clear(w->entry);
	archive_entry_update_pathname_utf8(w->entry, path);
	archive_entry_set_size(w->entry, (la_int64_t)size);
	archive_entry_set_filetype(w->entry, AE_IFREG);
	archive_entry_set_perm(w->entry, (__LA_MODE_T)(item->mode & 0777));
	archive_entry_set_mtime(w->entry, item->mtime_s, 0);
	archive_entry_set_gname(w->entry, spool_type_name(item->type));
	archive_entry_set_uname(w->entry, "");
	archive_entry_set_rdevmajor(w->entry, item->type_byte);
	return archive_write_header(w->tar, w->entry) >= ARCHIVE_WARN || writing_err(w, e);
}

static bool
writing_bytes(struct writing *w, const void *data, size_t len, struct err *e)
{
	return len == 0 || archive_write_data(w->tar, data, len) == (la_ssize_t)len || writing_err(w, e);
}

static bool
writing_data(struct writing *w, const struct spool_item *item, struct err *e)
{
	char chunk[CHUNK];
	size_t got;

	for (uint64_t at = 0; at < item->data_bytes; at += got) {
		if (!spool_read_data(w->s, item, at, chunk, sizeof(chunk), &got, e) ||
		    !writing_bytes(w, chunk, got, e))
			return false;
	}
	return true;
}

/* Metadata and data of one revision. meta is taken. */
static bool
writing_item(struct writing *w, const struct spool_item *item, const char *folder,
    char *take_meta, struct err *e)
{
	char *name = NULL;
	char *path = NULL;
	char *meta_path = NULL;
	bool ok = take_meta != NULL || spool_read_meta(w->s, item, &take_meta, e);

	ok = ok && spool_read_name(w->s, item, &name, e);
	if (ok) {
		if (name[0] == '\0') {
			free(name);
			name = xasprintf("%010u", item->id);
		}
		path = folder[0] == '\0' ? xstrdup(name) : xasprintf("%s/%s", folder, name);
		meta_path = xasprintf("%s.meta", path);
		ok = writing_header(w, meta_path, item, strlen(take_meta), e) &&
		    writing_bytes(w, take_meta, strlen(take_meta), e);
	}
	if (ok && item->data_bytes > 0)
		ok = writing_header(w, path, item, item->data_bytes, e) && writing_data(w, item, e);
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
	struct writing w = { .tar = archive_write_new(), .entry = archive_entry_new(), .s = s };
	bool ok;

	archive_write_set_format_gnutar(w.tar);
	archive_write_set_bytes_in_last_block(w.tar, 1);
	ok = archive_write_open_fd(w.tar, fd) == ARCHIVE_OK || writing_err(&w, e);
	ok = ok && writing_all(&w, next, ctx, e);
	if (ok)
		ok = archive_write_close(w.tar) == ARCHIVE_OK || writing_err(&w, e);
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
archive_import(struct soap_client *c, const char *account_id, struct spool *s,
    archive_next_fn next, void *ctx, struct rest_import_answer *answer_out, struct err *e)
{
	struct building b = { .s = s, .next = next, .ctx = ctx };
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
	ok = rest_import(c, account_id, building_read, &pair[0], answer_out, e);
	close(pair[0]); /* a builder still writing ends with an error now */
	pthread_join(thread, NULL);
	close(pair[1]);
	if (!b.ok && b.err.kind == ERR_CORRUPT) {
		*e = b.err; /* our own spool: worse than anything the server says */
		return false;
	}
	if (ok && !b.ok)
		return err_set(e, ERR_RETRY, "import: the archive was not built to its end: %s", b.err.text);
	return ok;
}
