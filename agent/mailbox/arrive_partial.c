/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zimbra imports a document revision by revision. One whose import broke off lies there with
 * the contents of an earlier revision: under its name, so that it can neither be sent again
 * nor come from elsewhere. It is ours, and it is in the spool whole.
 */
#include <stdlib.h>

#include "agent/mailbox/arrive.h"
#include "agent/mailbox/manifest.h"

bool
arrivals_find_partial(struct spool *s, const struct spool_item *item, uint32_t folder,
    struct match_set *set, uint32_t *id_out, struct err *e)
{
	struct spool_item at = *item, before;

	*id_out = 0;
	while (item->type == SPOOL_DOCUMENT && spool_revision(s, &at, &before)) {
		struct match_item want;

		/* Of the revision, not of the item: its name and bytes. */
		if (!manifest_wanted(s, &before, folder, &want, e))
			return false;
		for (size_t i = 0; i < set->count; i++) {
			struct match_item *have = &set->items[i];

			if (have->claimed || have->type != want.type ||
			    have->folder_id != folder || have->content != want.content)
				continue;
			have->claimed = true;
			*id_out = have->id;
			return true;
		}
		at = before;
	}
	return true;
}
