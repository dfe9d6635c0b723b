/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading: entries in pairs, metadata then data; the pair is handed on when its data
 * begins. Zimbra marks a blob that does not match by an ".err" entry behind it. What
 * can go wrong: the archive ends early (what came whole is kept), metadata that is none.
 */
#include "agent/mailbox/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/mailbox/archive_private.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"

#define CHUNK 65536

/* What is known of the pair under way. */
struct reading {
	struct archive *tar;
	const struct archive_sink *sink;
	bool headers_only;
	struct spool_item item;
	char *meta;          /* of an item whose data entry is awaited */
	char *meta_name;     /* its entry without ".meta" */
	bool open;           /* begun at the sink, not ended yet: an .err entry may follow */
	char *open_name;
};

static bool
reading_end(struct reading *r, bool bad, struct err *e)
{
	bool ok = true;

	if (r->open)
		ok = r->sink->end(r->sink->ctx, bad, e);
	r->open = false;
	xfree(&r->open_name);
	return ok;
}

/* A metadata entry whose data never came: folders and tags have none, items may. */
static bool
reading_flush(struct reading *r, struct err *e)
{
	bool ok = true;

	if (r->meta != NULL && r->item.id != 0)
		ok = r->sink->begin(r->sink->ctx, &r->item, r->meta, "", false, e) &&
		    r->sink->end(r->sink->ctx, false, e);
	xfree(&r->meta);
	xfree(&r->meta_name);
	return ok;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Revisions before the current one carry "-00001" style versions in their names (facts 1.6). */
static bool
reading_take_meta(struct reading *r, const char *path, uint64_t size, struct err *e)
{
	struct err why;
	size_t length = strlen(path) - strlen(".meta");
	ssize_t got;

	if (!reading_flush(r, e))
		return false;
	if (size > LIMIT_ITEM_META)
		return err_set(e, ERR_REFUSED, "a metadata entry of %llu bytes", (unsigned long long)size);
	r->meta = xcalloc(1, (size_t)size + 1);
	got = archive_read_data(r->tar, r->meta, (size_t)size);
	if (got != (ssize_t)size) {
		xfree(&r->meta);
		return true; /* cut: the caller sees the end next */
	}
	r->meta_name = xstrndup(path, length);
	if (!archive_parse_meta(r->meta, &r->item, &why)) {
		/* Folders, tags and the like; a broken one shows up as lacking. */
		r->item.id = 0;
		xfree(&r->meta);
		xfree(&r->meta_name);
		return true;
	}
	r->item.meta_bytes = (uint32_t)size;
	return true;
}

static bool
reading_copy_data(struct reading *r, uint64_t size, bool *cut_out, struct err *e)
{
	char chunk[CHUNK];
	uint64_t left = size;

	*cut_out = false;
	while (left > 0) {
		ssize_t n = archive_read_data(r->tar, chunk, left < CHUNK ? (size_t)left : CHUNK);

		if (n <= 0) {
			*cut_out = true;
			return true;
		}
		left -= (uint64_t)n;
		if (!r->sink->data(r->sink->ctx, chunk, (size_t)n, e))
			return false;
	}
	return true;
}

static bool
reading_take_data(struct reading *r, struct archive_entry *entry, const char *path,
    bool *cut_out, struct err *e)
{
	uint64_t size = (uint64_t)archive_entry_size(entry);
	const char *name = base_name(path);

	r->item.mtime_s = archive_entry_mtime(entry);
	r->item.mode = (uint32_t)archive_entry_perm(entry);
	r->item.type_byte = (uint8_t)archive_entry_rdevmajor(entry);
	r->item.name_bytes = (uint32_t)strlen(name);
	r->item.data_bytes = r->headers_only ? 0 : size;
	if (!r->sink->begin(r->sink->ctx, &r->item, r->meta, name, !r->headers_only, e))
		return false;
	r->open = true;
	r->open_name = xstrdup(path);
	xfree(&r->meta);
	xfree(&r->meta_name);
	return r->headers_only || reading_copy_data(r, size, cut_out, e);
}

static bool
has_suffix(const char *text, const char *suffix)
{
	size_t a = strlen(text);
	size_t b = strlen(suffix);

	return a >= b && strcmp(text + a - b, suffix) == 0;
}

/* One entry; *cut_out: the archive ended inside it. */
static bool
reading_entry(struct reading *r, struct archive_entry *entry, bool *cut_out, struct err *e)
{
	const char *path = archive_entry_pathname_utf8(entry);

	if (path == NULL)
		path = archive_entry_pathname(entry);
	if (path == NULL)
		return true;
	if (r->open && has_suffix(path, ".err") &&
	    strncmp(path, r->open_name, strlen(r->open_name)) == 0)
		return reading_end(r, true, e);
	if (!reading_end(r, false, e))
		return false;
	if (has_suffix(path, ".meta"))
		return reading_take_meta(r, path, (uint64_t)archive_entry_size(entry), e);
	if (r->meta != NULL)
		return reading_take_data(r, entry, path, cut_out, e);
	return true; /* data of an entry without metadata: nothing we asked for */
}

bool
archive_read_items(int fd, bool headers_only, const struct archive_sink *sink,
    bool *whole_out, struct err *e)
{
	struct reading r = { .tar = archive_read_new(), .sink = sink, .headers_only = headers_only };
	struct archive_entry *entry;
	bool cut = false;
	bool ok = true;
	int code = ARCHIVE_OK;

	*whole_out = false;
	archive_read_support_format_tar(r.tar);
	archive_read_support_format_empty(r.tar);
	if (archive_read_open_fd(r.tar, fd, CHUNK) != ARCHIVE_OK)
		code = ARCHIVE_FATAL;
	while (ok && !cut && code == ARCHIVE_OK) {
		code = archive_read_next_header(r.tar, &entry);
		if (code == ARCHIVE_WARN)
			code = ARCHIVE_OK;
		if (code == ARCHIVE_OK)
			ok = reading_entry(&r, entry, &cut, e);
	}
	if (ok && !cut && code == ARCHIVE_EOF) {
		ok = reading_end(&r, false, e) && reading_flush(&r, e);
		*whole_out = ok;
	} else if (r.open) {
		struct err ignored;

		if (!reading_end(&r, true, &ignored) && ok)
			ok = err_set(e, ignored.kind, "%s", ignored.text);
	}
	free(r.meta);
	free(r.meta_name);
	free(r.open_name);
	archive_read_free(r.tar);
	return ok;
}

bool
archive_read_fd(int fd, bool headers_only, const struct archive_sink *sink, bool *whole_out,
    struct err *e)
{
	return archive_read_items(fd, headers_only, sink, whole_out, e);
}

/* --- export: one thread transfers into a socket pair, this one reads the tar --- */

struct transfer {
	struct soap_client *c;
	const struct rest_export *what;
	int fd;
	enum rest_status status;
	bool ok;
	struct err err;
};

static bool
transfer_sink(const void *data, size_t len, void *ctx)
{
	struct transfer *t = ctx;

	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(t->fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false; /* the reader gave up */
		sent += (size_t)n;
	}
	return true;
}

static void *
transfer_run(void *ctx)
{
	struct transfer *t = ctx;

	t->ok = rest_export(t->c, t->what, transfer_sink, t, &t->status, &t->err);
	shutdown(t->fd, SHUT_WR);
	return NULL;
}

bool
archive_export(struct soap_client *c, const struct rest_export *what,
    const struct archive_sink *sink, enum rest_status *status_out, bool *whole_out,
    struct err *e)
{
	struct transfer t = { .c = c, .what = what };
	pthread_t thread;
	int pair[2];
	bool ok;

	*status_out = REST_OTHER;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_errno(e, ERR_RETRY, errno, "socketpair");
	t.fd = pair[1];
	if (pthread_create(&thread, NULL, transfer_run, &t) != 0) {
		close(pair[0]);
		close(pair[1]);
		return err_set(e, ERR_RETRY, "cannot start a thread");
	}
	ok = archive_read_items(pair[0], what->headers_only, sink, whole_out, e);
	if (ok) { /* after the tar's end there may be padding; on failure the transfer is cut */
		char rest[4096];

		while (read(pair[0], rest, sizeof(rest)) > 0)
			continue;
	}
	close(pair[0]);
	pthread_join(thread, NULL);
	close(pair[1]);
	*status_out = t.status;
	if (!ok)
		return false;
	if (!t.ok) {
		*whole_out = false;
		*e = t.err; /* what came whole was handed on; the caller fetches the rest */
		return false;
	}
	return true;
}
