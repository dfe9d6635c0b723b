/* SPDX-License-Identifier: Apache-2.0 */
/* Folder trees for tests, from rows. */
#ifndef TESTS_UNIT_AGENT_TREES_H
#define TESTS_UNIT_AGENT_TREES_H

#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/tree.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "tests/unit/check.h"

struct row {
	uint64_t id, parent;
	const char *kind, *name;
};

static inline ProtobufCBinaryData
trees_own(const char *text)
{
	ProtobufCBinaryData b = {strlen(text), (uint8_t *)xstrdup(text)};

	return b;
}

static inline Wire__Folder *
trees_folder(const struct row *row)
{
	Wire__Folder *f = XNEW(Wire__Folder);

	wire__folder__init(f);
	f->id = row->id;
	f->parent_id = row->parent;
	f->kind = trees_own(row->kind);
	f->name = trees_own(row->name);
	f->color = -1;
	return f;
}

/* The rows and what every mailbox has. */
static inline void
trees_make(struct tree *t, const struct row *rows, size_t count)
{
	static const struct row common[] = {{1, 11, "folder", "USER_ROOT"},
	    {2, 1, "folder", "Inbox"}, {3, 1, "folder", "Trash"},
	    {10, 1, "folder", "Calendar"}};
	Wire__StreamTree *part = XNEW(Wire__StreamTree);
	struct err e;

	wire__stream_tree__init(part);
	part->n_folders = ARRAY_LEN(common) + count;
	part->folders = xcalloc(part->n_folders, sizeof(*part->folders));
	for (size_t i = 0; i < part->n_folders; i++)
		part->folders[i] = trees_folder(
		    i < ARRAY_LEN(common) ? &common[i] : &rows[i - ARRAY_LEN(common)]);
	tree_init(t);
	CHECK(tree_take(t, part, &e));
	CHECK(tree_finish(t, &e));
	wire__stream_tree__free_unpacked(part, NULL);
}

#endif
