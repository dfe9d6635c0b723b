/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor over the encoded text. All goes well: values are skipped until the wanted key
 * comes. What goes wrong is text that is no BEncoding: every reader then says false and
 * the caller takes the text as a whole. Depth is bounded, so hostile text costs nothing.
 */
#include "agent/mailbox/metadata.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/utf8.h"

#define METADATA_DEPTH_MAX 32

struct cursor {
	const char *at;
	const char *end;
};

/* Bytes of the next `units` UTF-16 units of UTF-8 text. */
static bool
metadata_take_units(struct cursor *c, size_t units, struct metadata_span *out)
{
	const char *start = c->at;

	while (units > 0) {
		size_t bytes =
		    c->at >= c->end ? 0 : utf8_length(c->at, (size_t)(c->end - c->at));
		size_t cost = bytes == 4 ? 2 : 1;

		if (bytes == 0 || cost > units)
			return false;
		c->at += bytes;
		units -= cost;
	}
	*out = (struct metadata_span){start, (size_t)(c->at - start)};
	return true;
}

static bool
metadata_take_string(struct cursor *c, struct metadata_span *out)
{
	size_t units = 0;

	if (c->at >= c->end || *c->at < '0' || *c->at > '9')
		return false;
	while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
		if (units > SIZE_MAX / 16)
			return false;
		units = units * 10 + (size_t)(*c->at++ - '0');
	}
	if (c->at >= c->end || *c->at++ != ':')
		return false;
	return metadata_take_units(c, units, out);
}

static bool
metadata_skip(struct cursor *c, unsigned depth)
{
	struct metadata_span ignored;
	char kind;

	if (c->at >= c->end || depth > METADATA_DEPTH_MAX)
		return false;
	kind = *c->at;
	if (kind >= '0' && kind <= '9')
		return metadata_take_string(c, &ignored);
	if (kind == 'i') {
		while (c->at < c->end && *c->at != 'e')
			c->at++;
		return c->at++ < c->end;
	}
	if (kind != 'd' && kind != 'l')
		return false;
	c->at++;
	while (c->at < c->end && *c->at != 'e') {
		if (kind == 'd' && !metadata_take_string(c, &ignored))
			return false;
		if (!metadata_skip(c, depth + 1))
			return false;
	}
	return c->at++ < c->end;
}

/* The value at the cursor; a string without its length. */
static bool
metadata_take_value(struct cursor *c, struct metadata_span *out)
{
	const char *start = c->at;

	if (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		return metadata_take_string(c, out);
	if (!metadata_skip(c, 0))
		return false;
	*out = (struct metadata_span){start, (size_t)(c->at - start)};
	return true;
}

static bool
metadata_is(struct metadata_span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

bool
metadata_get(struct metadata_span encoded, const char *key, struct metadata_span *out)
{
	struct cursor c = {encoded.at, encoded.at + encoded.len};
	struct metadata_span name, value;

	if (encoded.len == 0 || *c.at++ != 'd')
		return false;
	while (c.at < c.end && *c.at != 'e') {
		if (!metadata_take_string(&c, &name) || !metadata_take_value(&c, &value))
			return false;
		if (metadata_is(name, key)) {
			*out = value;
			return true;
		}
	}
	return false;
}

/* --- contact groups: fields -> groupMember, itself encoded -> m: [{t, v}, ...] --- */

static size_t
metadata_units(const char *text, size_t len)
{
	size_t units = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte & 0xC0) != 0x80)
			units += byte >= 0xF0 ? 2 : 1;
	}
	return units;
}

static bool
metadata_put_string(struct buf *out, const char *text, size_t len)
{
	return buf_printf(out, "%zu:", metadata_units(text, len)) &&
	       buf_add(out, text, len);
}

/* A string's length ends in ':' before it; what is no string stands right behind its key. */
static bool
metadata_is_string(struct metadata_span value)
{
	return value.at[-1] == ':';
}

/* Only this shape can be renumbered: elsewhere a length around the number would be wrong. */
static bool
metadata_group(struct metadata_span encoded, struct metadata_span *fields,
    struct metadata_span *group, struct metadata_span *members)
{
	return metadata_get(encoded, "fld", fields) && !metadata_is_string(*fields) &&
	       metadata_get(*fields, "groupMember", group) &&
	       metadata_is_string(*group) && metadata_get(*group, "m", members) &&
	       !metadata_is_string(*members) && *members->at == 'l';
}

/* The next of the list; empty when it is no member. */
static bool
metadata_take_member(struct cursor *c, struct metadata_span *out)
{
	bool is_member = c->at < c->end && *c->at == 'd';

	if (!metadata_take_value(c, out))
		return false;
	if (!is_member)
		out->len = 0;
	return true;
}

/* A member of type C: its number, which may stand behind "accountId:" of this mailbox. */
static bool
metadata_reference(
    struct metadata_span member, struct metadata_span *value_out, uint32_t *id_out)
{
	struct metadata_span type, value;
	uint64_t id = 0;

	if (!metadata_get(member, "t", &type) || !metadata_is(type, "C") ||
	    !metadata_get(member, "v", &value) || value.len == 0 || value.len > 10)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return false; /* "owner:id": another person's contact, stays as it is */
		id = id * 10 + (uint64_t)(value.at[i] - '0');
	}
	if (id > UINT32_MAX)
		return false;
	*value_out = value;
	*id_out = (uint32_t)id;
	return true;
}

bool
metadata_has_references(struct metadata_span encoded)
{
	struct metadata_span fields, group, members, member, value;
	struct cursor c;
	uint32_t id;

	if (!metadata_group(encoded, &fields, &group, &members))
		return false;
	c = (struct cursor){members.at + 1, members.at + members.len};
	while (c.at < c.end && *c.at != 'e' && metadata_take_member(&c, &member))
		if (metadata_reference(member, &value, &id))
			return true;
	return false;
}

/* The inner text with its members renumbered. */
static bool
metadata_remap_members(struct metadata_span group, struct metadata_span members,
    metadata_map_fn map, void *ctx, size_t *unknown_out, struct buf *out)
{
	struct cursor c = {members.at + 1, members.at + members.len};
	const char *copied = group.at;
	struct metadata_span member, value;
	uint32_t id, new_id;
	char number[16];

	while (c.at < c.end && *c.at != 'e') {
		const char *before;

		if (!metadata_take_member(&c, &member))
			return false;
		if (!metadata_reference(member, &value, &id))
			continue;
		new_id = map(ctx, id);
		if (new_id == 0) {
			(*unknown_out)++;
			continue;
		}
		/* what stands before the value's length, the new value, go on behind the old */
		before = value.at - 1; /* ':' */
		while (before > member.at && before[-1] >= '0' && before[-1] <= '9')
			before--;
		snprintf(number, sizeof(number), "%u", new_id);
		if (!buf_add(out, copied, (size_t)(before - copied)) ||
		    !metadata_put_string(out, number, strlen(number)))
			return false;
		copied = value.at + value.len;
	}
	return buf_add(out, copied, (size_t)(group.at + group.len - copied));
}

bool
metadata_remap_group(struct metadata_span encoded, metadata_map_fn map, void *ctx,
    size_t *unknown_out, struct buf *out)
{
	struct metadata_span fields, group, members;
	struct buf inner;
	const char *before;
	bool ok;

	*unknown_out = 0;
	if (!metadata_group(encoded, &fields, &group, &members))
		return false;
	buf_init(&inner, 0);
	ok = metadata_remap_members(group, members, map, ctx, unknown_out, &inner);
	before = group.at - 1;
	while (before > encoded.at && before[-1] >= '0' && before[-1] <= '9')
		before--;
	ok = ok && buf_add(out, encoded.at, (size_t)(before - encoded.at)) &&
	     metadata_put_string(out, buf_str(&inner), inner.len) &&
	     buf_add(out, group.at + group.len,
		 (size_t)(encoded.at + encoded.len - (group.at + group.len)));
	buf_fini(&inner);
	return ok;
}
