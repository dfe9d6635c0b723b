/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Not here: moving the items (import_aside.c). */
#include "agent/mailbox/import_stray.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/mailbox/import_private.h"
#include "proto/base/xalloc.h"

#define PATH_MAX_BYTES 65536

struct stray {
	uint32_t id;
	size_t depth;
};

static size_t
stray_depth(const char *path)
{
	size_t depth = 0;

	for (; *path != '\0'; path++)
		depth += *path == '/';
	return depth;
}

/* Did another folder stand there before, and has it left? */
static bool
stray_has_left(const struct tree *before, const struct tree *now, const char *path)
{
	struct buf was, is;
	bool left = false;

	buf_init(&was, PATH_MAX_BYTES);
	buf_init(&is, PATH_MAX_BYTES);
	for (size_t i = 0; i < before->count && !left; i++) {
		const Wire__Folder *f = before->nodes[i];

		if (tree_kind_of(f) != TREE_FOLDER)
			continue;
		buf_clear(&was);
		if (!tree_path(before, f->id, &was) ||
		    strcasecmp(buf_str(&was), path) != 0)
			continue;
		buf_clear(&is);
		left = tree_find(now, f->id) == NULL || !tree_path(now, f->id, &is) ||
		       strcasecmp(buf_str(&is), path) != 0;
	}
	buf_fini(&was);
	buf_fini(&is);
	return left;
}

static int
compare_depth(const void *a, const void *b)
{
	const struct stray *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth > y->depth ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

size_t
import_stray_find(const struct tree *before, const struct tree *now, uint32_t **ids_out)
{
	struct stray *found = NULL;
	struct buf path;
	size_t count = 0;

	buf_init(&path, PATH_MAX_BYTES);
	for (size_t i = 0; i < now->count; i++) {
		const Wire__Folder *f = now->nodes[i];

		if (tree_kind_of(f) != TREE_FOLDER || tree_is_system(f) ||
		    tree_find(before, f->id) != NULL)
			continue;
		buf_clear(&path);
		if (!tree_path(now, f->id, &path) ||
		    !stray_has_left(before, now, buf_str(&path)))
			continue;
		found = xrealloc_array(found, count + 1, sizeof(*found));
		found[count++] =
		    (struct stray){(uint32_t)f->id, stray_depth(buf_str(&path))};
	}
	buf_fini(&path);
	if (count > 0)
		qsort(found, count, sizeof(*found), compare_depth);
	*ids_out = xcalloc(count + 1, sizeof(**ids_out));
	for (size_t i = 0; i < count; i++)
		(*ids_out)[i] = found[i].id;
	free(found);
	return count;
}

bool
import_stray_look(struct target *t, uint32_t **ids_out, size_t *count_out, struct err *e)
{
	struct tree before = t->here;
	bool ok;

	*ids_out = NULL;
	*count_out = 0;
	tree_init(&t->here);
	ok = target_read_here(t, e);
	if (ok)
		*count_out = import_stray_find(&before, &t->here, ids_out);
	tree_fini(&before);
	return ok;
}

bool
import_stray_clear(struct target *t, const uint32_t *ids, size_t count, struct err *e)
{
	uint64_t emptied = 0; /* the folder of the one that was removed last */

	for (size_t i = 0; i < count; i++) {
		struct buf label;
		const Wire__Folder *f = tree_find(&t->here, ids[i]);
		uint64_t parent;

		if (f == NULL)
			continue;
		buf_init(&label, PATH_MAX_BYTES);
		log_info(t->log,
		    "%s was made anew by the import, while its owner moved the folder of "
		    "that name: emptying it",
		    tree_label(&t->here, f, &label));
		buf_fini(&label);
		parent = f->parent_id;
		/* One above another was made for that one's sake. */
		if (!import_empty_stray(t, ids[i], ids[i] == emptied, e))
			return false;
		if (tree_find(&t->here, ids[i]) == NULL)
			emptied = parent;
	}
	return true;
}
