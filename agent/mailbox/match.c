/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's items are sorted by content; each item of record claims one. All goes
 * well: everything is claimed in the strictest grade. What can go wrong: copies, moved
 * items, flags that differ; hence grades, run one after the other over all records, so
 * that a near match never takes what a nearer one needs. Not here: reading either side.
 */
#include "agent/mailbox/match.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/metadata.h"
#include "proto/base/xalloc.h"

/* Zimbra's flag bits (Flag.java: 1 << -(id + 1)). */
#define FLAG_COPIED (1u << 4)
#define FLAG_DRAFT (1u << 6)
#define FLAG_UNREAD (1u << 9)
#define FLAG_VERSIONED (1u << 12)
#define FLAG_INDEXING (1u << 13)
#define FLAG_POPPED (1u << 14)
#define FLAG_ATTACHED (1u << 1)
#define FLAG_INVITE (1u << 23)
#define FLAG_ARCHIVED (1u << 27)
/* Facts of the server and not of the item: how its blob is stored, whether it is indexed. */
#define FLAGS_OWN                                                                \
	(FLAG_COPIED | FLAG_INDEXING | FLAG_ARCHIVED | (1u << 28) | (1u << 29) | \
	    (1u << 30))

static const struct {
	uint32_t bit;
	const char *name;
} flag_names[] = {
    {1u << 0, "from me"},
    {FLAG_ATTACHED, "attachment"},
    {1u << 2, "replied"},
    {1u << 3, "forwarded"},
    {1u << 5, "flagged"},
    {FLAG_DRAFT, "draft"},
    {1u << 7, "deleted"},
    {1u << 8, "notified"},
    {FLAG_UNREAD, "unread"},
    {1u << 10, "high priority"},
    {1u << 11, "low priority"},
    {FLAG_VERSIONED, "versioned"},
    {FLAG_POPPED, "popped"},
    {1u << 15, "note"},
    {1u << 16, "priority"},
    {1u << 17, "post"},
    {1u << 18, "muted"},
    {FLAG_INVITE, "invite"},
};

/* What makes an item this item. */
enum identity { BY_BYTES, BY_FIELDS, BY_UID, BY_NAME_AND_BYTES };

/* The rules by type, and why they are as they are. */
static const struct rule {
	enum identity identity;
	uint32_t flags_ignored;
	unsigned ignored; /* bits never compared */
	const char *why;
} rules[] = {
    [SPOOL_MESSAGE] = {BY_BYTES, FLAGS_OWN, 0, NULL},
    [SPOOL_CONTACT] = {BY_FIELDS, FLAGS_OWN | FLAG_ATTACHED, MATCH_DATE,
	"an imported contact has the date of the import and may have another file of its "
	"picture; its fields are compared"},
    [SPOOL_APPOINTMENT] = {BY_UID, FLAGS_OWN | FLAG_ATTACHED | FLAG_INVITE, MATCH_DATE,
	"Zimbra rewrites the calendar text of an imported appointment, so digest, size "
	"and date are not compared; its UID is"},
    [SPOOL_TASK] = {BY_UID, FLAGS_OWN | FLAG_ATTACHED | FLAG_INVITE, MATCH_DATE,
	"Zimbra rewrites the calendar text of an imported task, so digest, size and date "
	"are not compared; its UID is"},
    [SPOOL_DOCUMENT] = {BY_NAME_AND_BYTES, FLAGS_OWN | FLAG_VERSIONED, MATCH_DATE,
	"an import gives later revisions of a document its own date and marks the first "
	"as versioned; name, contents and number of revisions are compared"},
    [SPOOL_CHAT] = {BY_BYTES, FLAGS_OWN, 0, NULL},
    [SPOOL_NOTE] = {BY_BYTES, FLAGS_OWN, MATCH_DATE,
	"an imported note has the date of the import"},
};
static_assert(ARRAY_LEN(rules) == SPOOL_TYPE_COUNT, "a rule for every type");

/* Differences that are known and named, by type, of items that differ in these bits only. */
static const struct exception {
	enum spool_type type;
	unsigned bits;
	bool by_add_msg; /* only of messages that went in by AddMsg */
	const char *sentence;
} exceptions[] = {
    {SPOOL_MESSAGE, MATCH_CONTENT, true,
	"the message has bare line feeds, or 8-bit text in its header, which AddMsg "
	"makes CR LF or re-encodes; the archive import refuses this message"},
};

static uint64_t
match_mix(uint64_t a, uint64_t b)
{
	uint64_t pair[2] = {a, b};

	return spool_hash(pair, sizeof(pair));
}

static struct metadata_span
match_json_span(const json_t *root, const char *key)
{
	const json_t *value = json_object_get(root, key);

	if (!json_is_string(value))
		return (struct metadata_span){"", 0};
	return (struct metadata_span){
	    json_string_value(value), json_string_length(value)};
}

static uint32_t
match_same_member(void *ctx, uint32_t contact_id)
{
	(void)ctx;
	(void)contact_id;
	return 1;
}

/* The contact's fields; members by reference count as members, whatever their number. */
static uint64_t
match_hash_contact(struct metadata_span metadata)
{
	struct metadata_span fields = metadata;
	struct buf neutral;
	size_t unknown;
	uint64_t hash;

	buf_init(&neutral, 0);
	if (metadata_has_references(metadata) &&
	    metadata_remap_group(metadata, match_same_member, NULL, &unknown, &neutral))
		metadata = (struct metadata_span){buf_str(&neutral), neutral.len};
	if (!metadata_get(metadata, "fld", &fields))
		fields = metadata;
	hash = spool_hash(fields.at, fields.len);
	buf_fini(&neutral);
	return hash;
}

bool
match_is_draft(const struct match_item *item)
{
	return item->type == SPOOL_MESSAGE && (item->flags & FLAG_DRAFT) != 0;
}

bool
match_needs_meta(enum spool_type type)
{
	return rules[type].identity != BY_BYTES;
}

static uint64_t
match_identity(const struct spool_item *item, const json_t *root)
{
	struct metadata_span metadata = match_json_span(root, "metadata"), span;

	switch (rules[item->type].identity) {
	case BY_BYTES:
		return match_mix(item->digest_hash, item->size);
	case BY_FIELDS:
		return match_hash_contact(metadata);
	case BY_UID:
		if (metadata_get(metadata, "u", &span) && span.len > 0)
			return spool_hash(span.at, span.len);
		span = match_json_span(root, "subject");
		return match_mix(item->digest_hash, spool_hash(span.at, span.len));
	case BY_NAME_AND_BYTES:
		span = match_json_span(root, "name");
		return match_mix(item->digest_hash, spool_hash(span.at, span.len));
	}
	BUG("identity of type %d", (int)item->type);
}

void
match_describe(const struct spool_item *item, const char *meta, struct match_item *out)
{
	json_t *root = NULL;

	if (meta != NULL && match_needs_meta(item->type))
		root = json_loads(meta, JSON_REJECT_DUPLICATES, NULL);
	*out = (struct match_item){
	    .content = match_mix(match_identity(item, root), (uint64_t)item->type + 1),
	    .id = item->id,
	    .folder_id = item->folder_id,
	    .date_s = item->date_s < 0 ? 0 : (uint32_t)item->date_s,
	    .flags = item->flags | (item->unread ? FLAG_UNREAD : 0),
	    .tags = (uint32_t)(item->tags_hash ^ (item->tags_hash >> 32)),
	    .type = (uint8_t)item->type,
	};
	json_decref(root);
}

/* --- the set --- */

void
match_init(struct match_set *s)
{
	*s = (struct match_set){0};
}

void
match_fini(struct match_set *s)
{
	free(s->items);
	free(s->by_id);
	*s = (struct match_set){0};
}

void
match_add(struct match_set *s, const struct match_item *item)
{
	if (s->count == s->cap) {
		s->cap = s->cap == 0 ? 256 : s->cap + s->cap / 2;
		s->items = xrealloc_array(s->items, s->cap, sizeof(*s->items));
	}
	s->items[s->count++] = *item;
}

static int
match_compare(const void *a, const void *b)
{
	const struct match_item *x = a, *y = b;

	if (x->content != y->content)
		return x->content < y->content ? -1 : 1;
	if (x->folder_id != y->folder_id)
		return x->folder_id < y->folder_id ? -1 : 1;
	if (x->date_s != y->date_s)
		return x->date_s < y->date_s ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int
match_compare_id(const void *a, const void *b, void *ctx)
{
	const struct match_item *items = ctx;
	uint32_t x = items[*(const uint32_t *)a].id;
	uint32_t y = items[*(const uint32_t *)b].id;

	return (x > y) - (x < y);
}

void
match_sort(struct match_set *s)
{
	if (s->count == 0)
		return;
	qsort(s->items, s->count, sizeof(*s->items), match_compare);
	s->by_id = xrealloc_array(s->by_id, s->count, sizeof(*s->by_id));
	for (size_t i = 0; i < s->count; i++)
		s->by_id[i] = (uint32_t)i;
	qsort_r(s->by_id, s->count, sizeof(*s->by_id), match_compare_id, s->items);
}

struct match_item *
match_by_id(const struct match_set *s, uint32_t id)
{
	size_t low = 0, high = s->by_id == NULL ? 0 : s->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->items[s->by_id[mid]].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	if (s->by_id == NULL || low == s->count || s->items[s->by_id[low]].id != id)
		return NULL;
	return &s->items[s->by_id[low]];
}

/* Index of the first item with this content. */
static size_t
match_first(const struct match_set *s, uint64_t content)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->items[mid].content < content)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
match_is_near(
    const struct match_item *want, const struct match_item *have, enum match_grade grade)
{
	switch (grade) {
	case MATCH_SAME:
		return match_differs(want, have) == 0;
	case MATCH_SAME_DATE:
		return want->folder_id == have->folder_id && want->date_s == have->date_s;
	case MATCH_IN_FOLDER:
		return want->folder_id == have->folder_id;
	case MATCH_ANYWHERE:
		return true;
	case MATCH_GRADE_COUNT:
		break;
	}
	return false;
}

struct match_item *
match_claim(struct match_set *s, const struct match_item *want, enum match_grade grade)
{
	for (size_t i = match_first(s, want->content);
	     i < s->count && s->items[i].content == want->content; i++) {
		struct match_item *have = &s->items[i];

		if (have->claimed || !match_is_near(want, have, grade))
			continue;
		have->claimed = true;
		return have;
	}
	return NULL;
}

bool
match_has_copy(const struct match_set *s, const struct match_item *want)
{
	for (size_t i = match_first(s, want->content);
	     i < s->count && s->items[i].content == want->content; i++)
		if (s->items[i].folder_id == want->folder_id)
			return true;
	return false;
}

/* --- differences --- */

unsigned
match_differs(const struct match_item *want, const struct match_item *have)
{
	const struct rule *rule = &rules[want->type];
	unsigned bits = 0;

	if (want->content != have->content)
		bits |= MATCH_CONTENT;
	if (want->folder_id != have->folder_id)
		bits |= MATCH_FOLDER;
	if (((want->flags ^ have->flags) & ~rule->flags_ignored) != 0)
		bits |= MATCH_FLAGS;
	if (want->tags != have->tags)
		bits |= MATCH_TAGS;
	if (want->date_s != have->date_s)
		bits |= MATCH_DATE;
	if (want->revisions != have->revisions)
		bits |= MATCH_REVISIONS;
	return bits & ~rule->ignored;
}

static bool
match_explain_flags(
    const struct match_item *want, const struct match_item *have, struct buf *out)
{
	uint32_t unlike = (want->flags ^ have->flags) & ~rules[want->type].flags_ignored;
	bool ok = buf_add_str(out, "flags:");
	const char *comma = " ";

	for (size_t i = 0; i < ARRAY_LEN(flag_names) && ok; i++) {
		if ((unlike & flag_names[i].bit) == 0)
			continue;
		ok = buf_printf(out, "%s\"%s\" %s", comma, flag_names[i].name,
		    (want->flags & flag_names[i].bit) != 0 ? "lost" : "added");
		comma = ", ";
		unlike &= ~flag_names[i].bit;
	}
	return ok && (unlike == 0 || buf_printf(out, "%sbits %#x", comma, unlike));
}

void
match_explain(const struct match_item *want, const struct match_item *have, unsigned bits,
    struct buf *out)
{
	bool ok = true;

	for (unsigned bit = 1; bit <= MATCH_CONTENT && ok; bit <<= 1) {
		if ((bits & bit) == 0)
			continue;
		if (out->len > 0)
			ok = buf_add_str(out, "; ");
		switch (bit) {
		case MATCH_FLAGS:
			ok = ok && match_explain_flags(want, have, out);
			break;
		case MATCH_TAGS:
			ok = ok && buf_add_str(out, "tags differ");
			break;
		case MATCH_DATE:
			ok = ok && buf_printf(out, "date: %u instead of %u", have->date_s,
				       want->date_s);
			break;
		case MATCH_FOLDER:
			ok = ok && buf_printf(out, "folder: %u instead of %u",
				       have->folder_id, want->folder_id);
			break;
		case MATCH_REVISIONS:
			ok = ok && buf_printf(out, "earlier revisions: %u instead of %u",
				       have->revisions, want->revisions);
			break;
		case MATCH_CONTENT:
			ok = ok && buf_add_str(out, "contents differ");
			break;
		default:
			break;
		}
	}
	if (!ok)
		BUG("a difference does not fit its buffer");
}

const char *
match_exception(enum spool_type type, unsigned bits, bool by_add_msg)
{
	for (size_t i = 0; i < ARRAY_LEN(exceptions); i++) {
		const struct exception *x = &exceptions[i];

		if (x->type == type && (bits & ~x->bits) == 0 &&
		    (!x->by_add_msg || by_add_msg))
			return x->sentence;
	}
	return bits == 0 ? rules[type].why : NULL;
}
