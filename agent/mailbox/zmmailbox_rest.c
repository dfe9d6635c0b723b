/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives through zmmailbox. Its standard output carries prompts and log lines too, so
 * they go through named pipes, which it takes for files: nothing lies on a disk, and both
 * ways stream. When all goes well the pipe's end and the end of its answer come together;
 * either may come first. What can go wrong: it never opens the pipe (the answer says
 * why), closes it early, or neither reads nor writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/mailbox/zmmailbox_private.h"

#define CHUNK 65536
#define COMMAND_MAX 32768 /* less than a pipe holds */
#define LINE_MAX_BYTES 16384
#define PAUSE_MS 1000
#define OPEN_MS 5
#define REQUEST "/?fmt=tar"

/* The path as the tool wants it: not percent-encoded, it does that itself. /service: that
   is where REST is on the admin port; it puts its own /home/NAME behind the URL. */
static bool
command_begin(struct zmmailbox *z, struct buf *out, const char *name)
{
	return buf_printf(out, "%s -u https://%.300s:%u/service", name, z->o.host,
	    (unsigned)z->o.admin_port);
}

static bool
command_export(struct zmmailbox *z, const struct rest_export *what, struct buf *out)
{
	struct buf path;
	bool ok;

	buf_init(&path, COMMAND_MAX);
	ok = buf_add_str(&path, REQUEST) &&
	     (what->query == NULL ||
		 (buf_add_str(&path, "&query=") && buf_add_str(&path, what->query))) &&
	     (what->list == NULL ||
		 (buf_add_str(&path, "&list=") && buf_add_str(&path, what->list))) &&
	     (!what->headers_only || buf_add_str(&path, "&body=0")) &&
	     command_begin(z, out, "getRestURL") && buf_add_str(out, " -o ") &&
	     zmmailbox_quote(out, z->exports) && buf_add_str(out, " ") &&
	     zmmailbox_quote(out, buf_str(&path));
	buf_fini(&path);
	return ok;
}

static bool
command_import(struct zmmailbox *z, struct buf *out)
{
	return command_begin(z, out, "postRestURL") && buf_add_str(out, " ") &&
	       zmmailbox_quote(out, REQUEST "&resolve=skip") && buf_add_str(out, " ") &&
	       zmmailbox_quote(out, z->imports);
}

/* --- export --- */

enum pump { PUMP_ON, PUMP_END, PUMP_FAILED };

static enum pump
export_read(struct zmmailbox *z, int fd, http_sink_fn sink, void *ctx, struct err *e)
{
	static char chunk[CHUNK]; /* one export at a time */
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n > 0) {
		if (!sink(chunk, (size_t)n, ctx)) {
			err_set(e, ERR_RETRY, "export: the transfer ended early");
			return PUMP_FAILED;
		}
		zmmailbox_went_on(z); /* what the sink took is not its silence */
		return PUMP_ON;
	}
	/* Nobody writes: not yet, or never more. */
	if (n == 0)
		return PUMP_END;
	if (errno == EAGAIN || errno == EINTR)
		return PUMP_ON;
	err_errno(e, ERR_RETRY, errno, "%s", z->exports);
	return PUMP_FAILED;
}

static bool
export_pump(struct zmmailbox *z, int fd, http_sink_fn sink, void *ctx, struct err *e)
{
	bool open = true;

	while (open || !z->done) {
		enum pump got = PUMP_ON;
		short seen;

		if (!zmmailbox_wait(z, open ? fd : -1, POLLIN, PAUSE_MS, &seen, e))
			return false;
		if (open && (seen != 0 || z->done))
			got = export_read(z, fd, sink, ctx, e);
		if (got == PUMP_FAILED)
			return false;
		/* Bytes may stand in the pipe when its writer has gone: the end comes behind. */
		if (got == PUMP_END)
			open = false;
	}
	return true;
}

/* "... failed, status=404.  Not Found"; 0: it does not say. */
static long
answer_http_status(const char *line)
{
	const char *at = strstr(line, "status=");

	return at == NULL ? 0 : strtol(at + strlen("status="), NULL, 10);
}

/* Its errors repeat the whole URL, with every id that was asked for; the end tells. */
static const char *
answer_shown(const char *line)
{
	const char *at = strstr(line, "status=");

	return at == NULL || strlen(line) < 160 ? line : at;
}

static bool
export_answer(struct zmmailbox *z, enum rest_status *status_out, struct err *e)
{
	static char line[LINE_MAX_BYTES];
	enum zmmailbox_answer answer = zmmailbox_answer(z, line, sizeof(line));
	long status = answer_http_status(line);

	if (answer == ZMMAILBOX_FINE || (answer == ZMMAILBOX_ERROR && status == 204)) {
		*status_out = answer == ZMMAILBOX_FINE ? REST_OK : REST_EMPTY;
		return true;
	}
	if (answer == ZMMAILBOX_ERROR && status == 414) {
		*status_out = REST_TOO_LONG;
		return err_set(e, ERR_REFUSED,
		    "%s: the list of ids is too long for one request", z->o.host);
	}
	zmmailbox_stop(z); /* whatever it was, the next one logs in anew */
	if (answer == ZMMAILBOX_ERROR && status == 404) {
		*status_out = REST_NOT_FOUND;
		return err_set(e, ERR_RETRY,
		    "%s: REST answered 404: the mailbox is locked out or in maintenance, "
		    "or cannot be opened",
		    z->o.host);
	}
	return zmmailbox_err(z, answer == ZMMAILBOX_USAGE ? ERR_REFUSED : ERR_RETRY, e,
	    "getRestURL: %.160s", answer_shown(line));
}

bool
zmmailbox_export(struct zmmailbox *z, const struct rest_export *what, http_sink_fn sink,
    void *ctx, enum rest_status *status_out, struct err *e)
{
	struct buf command;
	bool ok;
	int fd;

	*status_out = REST_OTHER;
	if (strcmp(what->account_id, z->o.account_id) != 0)
		BUG("zmmailbox runs for another account");
	if (!zmmailbox_ready(z, e))
		return false;
	buf_init(&command, COMMAND_MAX);
	/* Before it opens its end, which would wait for ours. */
	fd = open(z->exports, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		ok = err_errno(e, ERR_RETRY, errno, "%s", z->exports);
	} else if (!command_export(z, what, &command)) {
		*status_out = REST_TOO_LONG;
		ok = err_set(e, ERR_REFUSED,
		    "%s: the list of ids is too long for one request", z->o.host);
	} else {
		ok = zmmailbox_say(z, buf_str(&command), e) &&
		     export_pump(z, fd, sink, ctx, e);
		if (!ok)
			zmmailbox_stop(z);
		ok = ok && export_answer(z, status_out, e);
	}
	if (fd >= 0)
		close(fd);
	buf_fini(&command);
	return ok;
}

/* --- import --- */

/* Waits until it has opened its end; *fd_out -1: it answered without. */
static bool
import_open(struct zmmailbox *z, int *fd_out, struct err *e)
{
	short seen;

	*fd_out = -1;
	while (!z->done) {
		*fd_out = open(z->imports, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (*fd_out >= 0)
			return true;
		if (errno != ENXIO && errno != EINTR)
			return err_errno(e, ERR_RETRY, errno, "%s", z->imports);
		if (!zmmailbox_wait(z, -1, 0, OPEN_MS, &seen, e))
			return false;
	}
	return true;
}

/* PUMP_END: it reads no more. */
static enum pump
import_write(struct zmmailbox *z, int fd, const char *data, size_t len, struct err *e)
{
	for (size_t sent = 0; sent < len;) {
		ssize_t n = write(fd, data + sent, len - sent);
		bool is_full = n < 0 && (errno == EAGAIN || errno == EINTR);
		short seen;

		if (n > 0) {
			sent += (size_t)n;
			zmmailbox_went_on(z);
			continue;
		}
		if ((n < 0 && errno == EPIPE) || (is_full && z->done))
			return PUMP_END;
		if (!is_full)
			err_errno(e, ERR_RETRY, errno, "%s", z->imports);
		if (!is_full || !zmmailbox_wait(z, fd, POLLOUT, PAUSE_MS, &seen, e))
			return PUMP_FAILED;
	}
	return PUMP_ON;
}

static bool
import_feed(struct zmmailbox *z, int fd, http_read_fn read, void *ctx, struct err *e)
{
	static char chunk[CHUNK]; /* one import at a time */

	for (;;) {
		size_t n = read(chunk, sizeof(chunk), ctx);

		if (n == (size_t)-1)
			return err_set(
			    e, ERR_RETRY, "import: the archive was not built to its end");
		if (n == 0)
			return true;
		switch (import_write(z, fd, chunk, n, e)) {
		case PUMP_ON:
			break;
		case PUMP_END:
			return true;
		case PUMP_FAILED:
			return false;
		}
	}
}

static bool
import_answer(struct zmmailbox *z, struct err *e)
{
	static char line[LINE_MAX_BYTES];
	enum zmmailbox_answer answer = zmmailbox_answer(z, line, sizeof(line));

	if (answer == ZMMAILBOX_FINE)
		return true;
	zmmailbox_stop(z);
	return zmmailbox_err(z, answer == ZMMAILBOX_USAGE ? ERR_REFUSED : ERR_RETRY, e,
	    "postRestURL: %.160s", answer_shown(line));
}

bool
zmmailbox_import(struct zmmailbox *z, http_read_fn read, void *ctx, struct err *e)
{
	struct buf command;
	short seen;
	bool ok;
	int fd = -1;

	if (!zmmailbox_ready(z, e))
		return false;
	buf_init(&command, COMMAND_MAX);
	if (!command_import(z, &command))
		BUG("a path that does not fit");
	ok = zmmailbox_say(z, buf_str(&command), e) && import_open(z, &fd, e);
	if (ok && fd >= 0)
		ok = import_feed(z, fd, read, ctx, e);
	if (!ok)
		zmmailbox_stop(
		    z); /* before the pipe's end, which would end the archive */
	if (fd >= 0)
		close(fd);
	while (ok && !z->done)
		ok = zmmailbox_wait(z, -1, 0, PAUSE_MS, &seen, e);
	if (!ok)
		zmmailbox_stop(z);
	ok = ok && import_answer(z, e);
	buf_fini(&command);
	return ok;
}
