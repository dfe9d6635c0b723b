/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sorted array of folders. All goes well: parts are taken, the array is sorted once,
 * every parent is found, lookups are binary searches. What goes wrong is a tree that
 * contradicts itself: an id twice, an orphan, a cycle. Such a tree is refused whole,
 * because steering by it would put folders into the wrong place. Not here: creating
 * anything (steer.c), reading Zimbra's answers (items.c).
 */
#include "agent/mailbox/tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/xalloc.h"
#include "proto/limits.h"

#define TREE_DEPTH_MAX 512

static const char *const kind_names[] = {
    [TREE_FOLDER] = "folder",
    [TREE_SEARCH] = "search",
    [TREE_LINK] = "link",
    [TREE_TAG] = "tag",
};
static_assert(ARRAY_LEN(kind_names) == TREE_KIND_COUNT, "name every kind");

static const char *const kind_labels[] = {
    [TREE_FOLDER] = "folder",
    [TREE_SEARCH] = "search folder",
    [TREE_LINK] = "mountpoint",
    [TREE_TAG] = "tag",
};
static_assert(ARRAY_LEN(kind_labels) == TREE_KIND_COUNT, "label every kind");

bool
tree_bytes_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool
tree_kind_parse(const ProtobufCBinaryData *b, enum tree_kind *kind_out)
{
	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++)
		if (b->len == strlen(kind_names[i]) &&
		    memcmp(b->data, kind_names[i], b->len) == 0) {
			*kind_out = (enum tree_kind)i;
			return true;
		}
	return false;
}

static int
tree_compare(const void *a, const void *b)
{
	uint64_t x = (*(Wire__Folder *const *)a)->id;
	uint64_t y = (*(Wire__Folder *const *)b)->id;

	return (x > y) - (x < y);
}

void
tree_init(struct tree *t)
{
	*t = (struct tree){0};
}

void
tree_fini(struct tree *t)
{
	for (size_t i = 0; i < t->count; i++)
		wire__folder__free_unpacked(t->nodes[i], NULL);
	free(t->nodes);
	*t = (struct tree){0};
}

bool
tree_take(struct tree *t, Wire__StreamTree *part, struct err *e)
{
	if (t->count + part->n_folders > LIMIT_FOLDERS)
		return err_set(e, ERR_REFUSED,
		    "the mailbox has more than %u folders and tags; the agent does not "
		    "move it",
		    LIMIT_FOLDERS);
	if (t->count + part->n_folders > t->cap) {
		t->cap = t->count + part->n_folders + t->cap;
		t->nodes = xrealloc_array(t->nodes, t->cap, sizeof(*t->nodes));
	}
	for (size_t i = 0; i < part->n_folders; i++)
		t->nodes[t->count++] = part->folders[i];
	part->n_folders = 0;
	t->finished = false;
	return true;
}

/* Follows the parents up. A tag's parent is the tag root, which Zimbra does not list. */
static bool
tree_check_ancestors(const struct tree *t, const Wire__Folder *f, struct err *e)
{
	const Wire__Folder *at = f;

	for (unsigned depth = 0; at->id != TREE_ROOT; depth++) {
		if (tree_kind_of(at) == TREE_TAG)
			return true;
		if (depth > TREE_DEPTH_MAX)
			return err_set(e, ERR_CORRUPT,
			    "the folder tree has a cycle at folder %llu",
			    (unsigned long long)f->id);
		if (at->parent_id == TREE_ROOT)
			return true;
		const Wire__Folder *up = tree_find(t, at->parent_id);

		/* Zimbra's hidden roots (1, 8, 9, 11, 12, ...) need not be listed. */
		if (up == NULL && at->parent_id < TREE_FIRST_USER &&
		    at->id < TREE_FIRST_USER)
			return true;
		if (up == NULL || tree_kind_of(up) == TREE_TAG)
			return err_set(e, ERR_CORRUPT,
			    "folder %llu lies in folder %llu, which is not in the tree",
			    (unsigned long long)at->id,
			    (unsigned long long)at->parent_id);
		at = up;
	}
	return true;
}

bool
tree_finish(struct tree *t, struct err *e)
{
	enum tree_kind kind;

	if (t->count > 0)
		qsort(t->nodes, t->count, sizeof(*t->nodes), tree_compare);
	for (size_t i = 0; i < t->count; i++) {
		const Wire__Folder *f = t->nodes[i];

		if (f->id == 0 || f->id > UINT32_MAX)
			return err_set(e, ERR_CORRUPT,
			    "the tree has a folder with id %llu",
			    (unsigned long long)f->id);
		if (i > 0 && t->nodes[i - 1]->id == f->id)
			return err_set(e, ERR_CORRUPT, "the tree has id %llu twice",
			    (unsigned long long)f->id);
		if (!tree_kind_parse(&f->kind, &kind))
			return err_set(e, ERR_CORRUPT, "folder %llu is of unknown kind",
			    (unsigned long long)f->id);
		if (f->name.len == 0 && f->id != TREE_ROOT)
			return err_set(e, ERR_CORRUPT, "folder %llu has no name",
			    (unsigned long long)f->id);
	}
	t->finished = true;
	for (size_t i = 0; i < t->count; i++)
		if (!tree_check_ancestors(t, t->nodes[i], e))
			return false;
	return true;
}

const Wire__Folder *
tree_find(const struct tree *t, uint64_t id)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->nodes[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->count && t->nodes[low]->id == id ? t->nodes[low] : NULL;
}

bool
tree_lies_in(const struct tree *t, uint64_t id, uint64_t above)
{
	const Wire__Folder *f = tree_find(t, id);

	for (int depth = 0; f != NULL && depth <= TREE_DEPTH_MAX; depth++) {
		if (f->id == above)
			return true;
		f = f->parent_id == TREE_ROOT ? NULL : tree_find(t, f->parent_id);
	}
	return false;
}

const Wire__Folder *
tree_find_name(const struct tree *t, uint64_t parent, enum tree_kind kind,
    const ProtobufCBinaryData *name)
{
	for (size_t i = 0; i < t->count; i++) {
		const Wire__Folder *f = t->nodes[i];

		if (tree_kind_of(f) != kind || f->name.len != name->len ||
		    (kind != TREE_TAG && f->parent_id != parent))
			continue;
		if (strncasecmp((const char *)f->name.data, (const char *)name->data,
			name->len) == 0)
			return f;
	}
	return NULL;
}

enum tree_kind
tree_kind_of(const Wire__Folder *f)
{
	enum tree_kind kind;

	if (!tree_kind_parse(&f->kind, &kind))
		BUG("folder %llu was not checked", (unsigned long long)f->id);
	return kind;
}

const char *
tree_kind_name(enum tree_kind kind)
{
	return kind_labels[kind];
}

bool
tree_is_system(const Wire__Folder *f)
{
	return f->id < TREE_FIRST_USER;
}

size_t
tree_user_count(const struct tree *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->count; i++)
		n += !tree_is_system(t->nodes[i]);
	return n;
}

bool
tree_path(const struct tree *t, uint64_t id, struct buf *out)
{
	const Wire__Folder *chain[TREE_DEPTH_MAX + 2];
	size_t depth = 0;

	for (uint64_t at = id; at != TREE_ROOT;) {
		const Wire__Folder *f = tree_find(t, at);

		if (f == NULL || depth == ARRAY_LEN(chain))
			return false;
		chain[depth++] = f;
		/* system folders whose hidden parent is not listed hang below the root */
		at = tree_find(t, f->parent_id) == NULL ? TREE_ROOT : f->parent_id;
	}
	if (depth == 0)
		return buf_add_str(out, "/");
	while (depth-- > 0)
		if (!buf_add_str(out, "/") ||
		    !buf_add(out, chain[depth]->name.data, chain[depth]->name.len))
			return false;
	return true;
}

const char *
tree_label(const struct tree *t, const Wire__Folder *f, struct buf *out)
{
	enum tree_kind kind = tree_kind_of(f);
	bool ok;

	buf_clear(out);
	ok = buf_printf(out, "%s ", kind_labels[kind]);
	if (kind == TREE_TAG)
		ok = ok && buf_add(out, f->name.data, f->name.len);
	else
		ok = ok && tree_path(t, f->id, out);
	return ok ? buf_str(out) : kind_labels[kind];
}
