/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading: entries in pairs, metadata then data; the pair is handed on when its data
 * begins. Zimbra marks a blob that does not match by an ".err" entry behind it, so an item
 * ends when the next entry is seen. What can go wrong: the archive ends early (what came
 * whole is kept, the last item is not trusted), metadata that is none.
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
#define TAR_BLOCK 512

/* What is known of the pair under way. */
struct reading {
	struct archive *tar;
	const struct archive_sink *sink;
	bool headers_only;
	struct spool_item item;
	char *meta;	 /* of an item whose data entry is awaited */
	char *meta_name; /* its entry without ".meta" */
	bool open;	 /* begun at the sink, not ended yet: an .err entry may follow */
	char *open_name;
	bool mark_seen; /* the last entry was the folder that ends a list */
	bool cut;	/* the archive ended inside an entry */
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

/*
 * A metadata entry whose data never came. A contact without a picture has none; what has a
 * digest has a blob, and without it is not whole.
 */
static bool
reading_flush(struct reading *r, struct err *e)
{
	bool ok = true;

	if (r->meta != NULL)
		ok = r->sink->begin(r->sink->ctx, &r->item, r->meta, "", false, e) &&
		     r->sink->end(r->sink->ctx, r->item.digest_hash != 0, e);
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

static bool
reading_take_meta(struct reading *r, const char *path, uint64_t size, struct err *e)
{
	struct err why;

	if (!reading_flush(r, e))
		return false;
	r->mark_seen = false;
	if (size > LIMIT_ITEM_META) {
		log_warn(NULL,
		    "export: %.100s: a metadata entry of %llu bytes is passed over", path,
		    (unsigned long long)size);
		return true; /* shows up as lacking */
	}
	r->meta = xcalloc(1, (size_t)size + 1);
	if (archive_read_data(r->tar, r->meta, (size_t)size) != (la_ssize_t)size) {
		xfree(&r->meta);
		r->cut = true;
		return true;
	}
	if (!archive_parse_meta(r->meta, &r->item, &why)) {
		/* Folders, tags and the like; a broken one shows up as lacking. */
		r->mark_seen = archive_meta_is_mark(r->meta);
		xfree(&r->meta);
		return true;
	}
	r->meta_name = xstrndup(path, strlen(path) - strlen(".meta"));
	r->item.meta_bytes = (uint32_t)size;
	return true;
}

static bool
reading_copy_data(struct reading *r, uint64_t size, struct err *e)
{
	char chunk[CHUNK];

	for (uint64_t left = size; left > 0;) {
		la_ssize_t n =
		    archive_read_data(r->tar, chunk, left < CHUNK ? (size_t)left : CHUNK);

		if (n <= 0) {
			r->cut = true;
			return true;
		}
		left -= (uint64_t)n;
		if (!r->sink->data(r->sink->ctx, chunk, (size_t)n, e))
			return false;
	}
	return true;
}

/* libarchive keeps the device number only of devices, so Zimbra's type byte is 0 here;
   Zimbra takes 0 as "see the metadata". */
static bool
reading_take_data(
    struct reading *r, struct archive_entry *entry, const char *path, struct err *e)
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
	return r->headers_only || reading_copy_data(r, size, e);
}

static bool
has_suffix(const char *text, const char *suffix)
{
	size_t a = strlen(text);
	size_t b = strlen(suffix);

	return a >= b && strcmp(text + a - b, suffix) == 0;
}

static bool
reading_entry(struct reading *r, struct archive_entry *entry, struct err *e)
{
	/* Names travel as the bytes they are: a locale has no say in them. */
	const char *path = archive_entry_pathname(entry);
	size_t open_length = r->open ? strlen(r->open_name) : 0;

	if (path == NULL)
		return true;
	if (r->open && strncmp(path, r->open_name, open_length) == 0 &&
	    strcmp(path + open_length, ".err") == 0)
		return reading_end(r, true, e);
	if (!reading_end(r, false, e))
		return false;
	/* First by its own metadata: a document may itself be called "x.meta". */
	if (r->meta != NULL && strcmp(path, r->meta_name) == 0 &&
	    archive_entry_filetype(entry) == AE_IFREG)
		return reading_take_data(r, entry, path, e);
	if (has_suffix(path, ".meta"))
		return reading_take_meta(r, path, (uint64_t)archive_entry_size(entry), e);
	return reading_flush(r, e); /* data without metadata: nothing we asked for */
}

/* Hands on what comes; *whole_out: the end of the tar was there, it did not just stop. */
static bool
reading_all(struct reading *r, bool *whole_out, struct err *e)
{
	struct archive_entry *entry;
	la_int64_t end = 0;
	int code = ARCHIVE_OK;
	bool any = false;
	bool ok = true;

	while (ok && !r->cut) {
		code = archive_read_next_header(r->tar, &entry);
		if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
			break;
		any = true;
		ok = reading_entry(r, entry, e);
		if (ok && !r->cut && archive_read_data_skip(r->tar) < ARCHIVE_WARN)
			r->cut = true;
		end = archive_filter_bytes(r->tar, 0);
	}
	/* A tar ends with blocks of zeros; one without was cut between two entries. */
	*whole_out = ok && !r->cut && code == ARCHIVE_EOF &&
		     (!any || archive_filter_bytes(r->tar, 0) - end >= TAR_BLOCK);
	return ok;
}

bool
archive_read_items(int fd, bool headers_only, const struct archive_sink *sink,
    bool *whole_out, bool *mark_out, struct err *e)
{
	struct reading r = {
	    .tar = archive_read_new(), .sink = sink, .headers_only = headers_only};
	bool ok = true;

	*whole_out = false;
	archive_read_support_filter_gzip(r.tar);
	archive_read_support_format_tar(r.tar);
	archive_read_support_format_empty(r.tar);
	if (archive_read_open_fd(r.tar, fd, CHUNK) == ARCHIVE_OK)
		ok = reading_all(&r, whole_out, e);
	if (ok && *whole_out) {
		ok = reading_end(&r, false, e) && reading_flush(&r, e);
	} else if (r.open) {
		struct err *at = ok ? e : &(struct err){0};

		ok = reading_end(&r, true, at) && ok;
	}
	*whole_out = ok && *whole_out;
	*mark_out = r.mark_seen;
	free(r.meta);
	free(r.meta_name);
	free(r.open_name);
	archive_read_free(r.tar);
	return ok;
}

bool
archive_read_fd(int fd, bool headers_only, const struct archive_sink *sink,
    bool *whole_out, struct err *e)
{
	bool mark;

	return archive_read_items(fd, headers_only, sink, whole_out, &mark, e);
}

/* --- export: one thread transfers into a socket pair, this one reads the tar --- */

struct transfer {
	const struct client *c;
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
		ssize_t n =
		    send(t->fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);

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

	t->ok = client_export(t->c, t->what, transfer_sink, t, &t->status, &t->err);
	shutdown(t->fd, SHUT_WR);
	return NULL;
}

/* Reads what the thread transfers. */
static bool
export_read(struct transfer *t, int fd, const struct archive_sink *sink, bool *whole_out,
    bool *mark_out, struct err *e)
{
	bool ok =
	    archive_read_items(fd, t->what->headers_only, sink, whole_out, mark_out, e);
	char rest[4096];

	/* After the tar's end there may be padding; on failure the transfer is cut. */
	while (ok && read(fd, rest, sizeof(rest)) > 0)
		continue;
	return ok;
}

bool
archive_export(const struct client *c, const struct rest_export *what,
    const struct archive_sink *sink, enum rest_status *status_out, bool *whole_out,
    struct err *e)
{
	struct rest_export asked = *what;
	struct transfer t = {.c = c, .what = &asked};
	char *list =
	    what->list == NULL ? NULL : xasprintf("%s," ARCHIVE_MARK, what->list);
	bool mark = false;
	pthread_t thread;
	int pair[2];
	bool ok;

	asked.list = list;
	*status_out = REST_OTHER;
	*whole_out = false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		free(list);
		return err_errno(e, ERR_RETRY, errno, "socketpair");
	}
	t.fd = pair[1];
	ok = pthread_create(&thread, NULL, transfer_run, &t) == 0;
	if (ok) {
		ok = export_read(&t, pair[0], sink, whole_out, &mark, e);
		shutdown(pair[0], SHUT_RDWR);
		pthread_join(thread, NULL);
	} else {
		err_set(e, ERR_RETRY, "cannot start a thread");
	}
	close(pair[0]);
	close(pair[1]);
	free(list);
	*status_out = t.status;
	if (ok && !t.ok) {
		*e =
		    t.err; /* what came whole was handed on; the caller fetches the rest */
		ok = false;
	}
	*whole_out = ok && *whole_out && (what->list == NULL || mark);
	return ok;
}
