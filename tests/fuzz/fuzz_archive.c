/* SPDX-License-Identifier: Apache-2.0 */
/* A tar or tgz that may be anything: items begin and end in turn, sizes are what was said. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/mailbox/archive.h"
#include "proto/base/log.h"
#include "tests/fuzz/fuzz.h"

#define BYTES_MAX (1u << 20) /* sparse files are gigabytes at once */

struct seen {
	bool open;
	uint64_t said, got, all;
};

static bool
on_begin(void *ctx, const struct spool_item *item, const char *meta, const char *name,
    bool has_data, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	MUST(!s->open);
	MUST(item->id != 0 && item->type < SPOOL_TYPE_COUNT);
	MUST(strlen(name) == item->name_bytes && strchr(name, '/') == NULL);
	MUST(meta[item->meta_bytes] == '\0');
	s->open = true;
	s->said = has_data ? item->data_bytes : 0;
	s->got = 0;
	return true;
}

static bool
on_data(void *ctx, const void *bytes, size_t len, struct err *e)
{
	struct seen *s = ctx;

	(void)bytes;
	MUST(s->open);
	s->got += len;
	s->all += len;
	return s->all < BYTES_MAX || err_set(e, ERR_CANCELLED, "enough");
}

static bool
on_end(void *ctx, bool bad, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	MUST(s->open);
	s->open = false;
	MUST(bad || s->got == s->said);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen seen = {0};
	const struct archive_sink sink = {
	    .begin = on_begin, .data = on_data, .end = on_end, .ctx = &seen};
	struct err e;
	bool whole, ok;
	int fd;

	if (size < 1)
		return 0;
	log_set_level(LOG_ERROR);
	fd = memfd_create("archive", 0);
	MUST(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	ok = archive_read_fd(fd, data[0] % 2 != 0, &sink, &whole, &e);
	MUST(ok || !whole);
	MUST(!ok || !seen.open);
	close(fd);
	return 0;
}
