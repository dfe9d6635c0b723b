/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item's metadata: Zimbra's encoding by itself, and the JSON entry around it. What has
 * been renumbered can be read again and has the same members.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/archive.h"
#include "agent/mailbox/match.h"
#include "agent/mailbox/metadata.h"
#include "proto/base/xalloc.h"
#include "tests/fuzz/fuzz.h"

static uint32_t
map_one_up(void *ctx, uint32_t contact_id)
{
	(*(size_t *)ctx)++;
	return contact_id % 3 == 0 ? 0 : contact_id % 1000000 + 7;
}

static void
encoded(struct metadata_span text)
{
	struct metadata_span fields, again;
	size_t asked = 0, asked_again = 0, unknown = 0;
	struct buf out, twice;

	buf_init(&out, 0);
	buf_init(&twice, 0);
	metadata_get(text, "u", &fields);
	if (metadata_remap_group(text, map_one_up, &asked, &unknown, &out)) {
		MUST(metadata_get(text, "fld", &fields));
		MUST(unknown <= asked);
		again = (struct metadata_span){buf_str(&out), out.len};
		MUST(metadata_has_references(text) == (asked > 0));
		MUST(metadata_remap_group(
		    again, map_one_up, &asked_again, &unknown, &twice));
		MUST(asked == asked_again);
	}
	buf_fini(&out);
	buf_fini(&twice);
}

static void
entry(const char *text)
{
	struct spool_item item;
	struct match_item match;
	struct err e;

	if (!archive_parse_meta(text, &item, &e))
		return;
	MUST(item.id != 0 && item.id <= INT32_MAX && item.type < SPOOL_TYPE_COUNT);
	for (int type = 0; type < SPOOL_TYPE_COUNT; type++) {
		item.type = (enum spool_type)type;
		match_describe(&item, text, &match);
		MUST(match_differs(&match, &match) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text =
	    xcalloc(1, size + 1); /* exactly so long, that a byte too far is seen */

	memcpy(text, data, size);
	encoded((struct metadata_span){text, size});
	entry(text);
	free(text);
	return 0;
}
