/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mail stream from an admitted sender that has lost its mind, into a real spool. What
 * the spool holds afterwards can be read, whatever came.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/mailbox/spool.h"
#include "agent/worker/receive_private.h"
#include "proto/base/log.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

static char dir[64];

static bool
on_answer(void *ctx, const Wire__Stream *m, struct err *e)
{
	struct buf out;
	bool ok;

	(void)ctx;
	buf_init(&out, 0);
	ok = frame_put_stream(&out, m, e); /* our own must be within the rules */
	MUST(ok);
	buf_fini(&out);
	return ok;
}

static void
remove_dir(void)
{
	struct err e;

	MUST(spool_delete(dir, "m", &e));
	rmdir(dir);
}

static void
set_up(void)
{
	if (dir[0] != '\0')
		return;
	log_set_level(LOG_ERROR);
	snprintf(dir, sizeof(dir), "%s/zmferry-fuzz-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(dir) != NULL);
	atexit(remove_dir);
}

static void
check_held(struct spool *s)
{
	for (size_t i = 0; i < spool_count(s); i++) {
		struct spool_item item;
		char *text = NULL;
		uint32_t crc;
		struct err e;

		if (!spool_find(s, spool_id_at(s, i), &item))
			continue; /* earlier revisions alone */
		MUST(spool_read_meta(s, &item, &text, &e));
		crc = spool_crc(0, text, item.meta_bytes);
		free(text);
		MUST(spool_read_name(s, &item, &text, &e));
		crc = spool_crc(crc, text, item.name_bytes);
		free(text);
		for (uint64_t at = 0; at < item.data_bytes;) {
			char chunk[4096];
			size_t got;

			MUST(spool_read_data(
			    s, &item, at, chunk, sizeof(chunk), &got, &e));
			crc = spool_crc(crc, chunk, got);
			at += got;
		}
		MUST(crc == item.content_crc);
	}
}

static void
receive(struct spool *s, struct buf *in)
{
	const struct receiving_options options = {
	    .spool = s, .spool_dir = dir, .answer = on_answer};
	struct receiving *r = receiving_new(&options);
	Wire__Stream *m;
	struct err e;

	MUST(receiving_greet(r, &e));
	while (!receiving_is_done(r) &&
	       frame_take_stream(in, LIMIT_FRAME, &m, &e) == FRAME_MESSAGE) {
		bool ok = receiving_take(r, m, &e);

		MUST(ok || e.kind != ERR_NONE);
		wire__stream__free_unpacked(m, NULL);
	}
	receiving_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spool *s;
	struct buf in;
	struct err e;

	set_up();
	MUST(spool_delete(dir, "m", &e));
	MUST(spool_open(dir, "m", true, &s, &e));
	buf_init(&in, 0);
	MUST(buf_add(&in, data, size));
	receive(s, &in);
	check_held(s);
	spool_close(&s);
	MUST(spool_open(dir, "m", true, &s, &e)); /* as after a crash */
	receive(s, &in);
	check_held(s);
	spool_close(&s);
	buf_fini(&in);
	return 0;
}
