/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zimbra's own encoding of an item's metadata ("d3:fldd5:email7:a@b.netee"): BEncoding
 * whose string lengths count UTF-16 units while the text is UTF-8. Reads values and
 * rewrites the members of contact groups. Pure.
 */
#ifndef AGENT_METADATA_H
#define AGENT_METADATA_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"

struct metadata_span { /* borrowed from the encoded text */
	const char *at;
	size_t len;
};

/* Value of a key of the outer dictionary: a string's text, or a dictionary or list as it
   stands, encoded. False: not there, or the text is not metadata. */
bool
metadata_get(struct metadata_span encoded, const char *key, struct metadata_span *out);

/* New id of a contact that a group refers to; 0 = unknown. */
typedef uint32_t (*metadata_map_fn)(void *ctx, uint32_t contact_id);

/*
 * Writes the contact's metadata with the group members of type C renumbered by map
 * (facts: zimbra 1.9, references by id are imported as they are). *unknown_out counts
 * members that map does not know; they keep their old number. False: not a contact
 * group, or not readable; out is then undefined.
 */
MUST_USE bool metadata_remap_group(struct metadata_span encoded, metadata_map_fn map,
    void *ctx, size_t *unknown_out, struct buf *out);

/* Is it a contact group with members of type C? */
bool metadata_has_references(struct metadata_span encoded);

#endif
