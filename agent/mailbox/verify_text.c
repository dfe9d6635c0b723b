/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two texts of one message whose digests differ: the spool's and the target's, without
 * regard to how lines end. AddMsg writes bare line feeds as CR LF, and headers with
 * 8-bit text anew (facts: live-preseed 5); anything else is a difference.
 */
#include <stdio.h>

#include "agent/mailbox/archive.h"
#include "agent/mailbox/verify_private.h"

#define CHUNK 65536

static bool
text_begin(void *ctx, const struct spool_item *item, const char *meta, const char *name,
    bool has_data, struct err *e)
{
	(void)item;
	(void)meta;
	(void)name;
	(void)has_data;
	(void)e;
	verify_text_begin(ctx);
	return true;
}

static bool
text_data(void *ctx, const void *bytes, size_t len, struct err *e)
{
	(void)e;
	verify_text_feed(ctx, bytes, len);
	return true;
}

static bool
text_end(void *ctx, bool bad, struct err *e)
{
	(void)ctx;
	(void)bad;
	(void)e;
	return true;
}

static bool
text_of_target(struct target *t, uint32_t id, struct verify_text *out, struct err *e)
{
	const struct archive_sink sink = {text_begin, text_data, text_end, out};
	char list[16];
	const struct rest_export what = {.account_id = t->account_id, .list = list};
	enum rest_status status;
	bool whole;

	snprintf(list, sizeof(list), "%u", id);
	verify_text_begin(out);
	if (!archive_export(&t->client, &what, &sink, &status, &whole, e))
		return err_wrap(e, "reading message %u", id);
	verify_text_end(out);
	return true;
}

static bool
text_of_spool(struct target *t, uint32_t id, struct verify_text *out, struct err *e)
{
	struct spool_item item;
	char chunk[CHUNK];
	size_t got = 1;

	verify_text_begin(out);
	if (!spool_find(t->spool, id, &item))
		return err_set(e, ERR_CORRUPT, "item %u is not in the spool", id);
	for (uint64_t at = 0; got > 0; at += got) {
		if (!spool_read_data(t->spool, &item, at, chunk, sizeof(chunk), &got, e))
			return false;
		verify_text_feed(out, chunk, got);
	}
	verify_text_end(out);
	return true;
}

bool
verify_compare_text(struct target *t, uint32_t id, uint32_t target_id,
    const char **known_out, struct err *e)
{
	struct verify_text want, have;
	const char *known;

	*known_out = "";
	if (!text_of_spool(t, id, &want, e) || !text_of_target(t, target_id, &have, e))
		return false;
	if (want.whole != have.whole &&
	    !(want.in_body && have.in_body && want.body == have.body &&
		want.has_8bit_header))
		return true;
	known = match_exception(SPOOL_MESSAGE, MATCH_CONTENT, true);
	if (known != NULL)
		*known_out = known;
	return true;
}
