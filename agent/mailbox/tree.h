/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folders, search folders, mountpoints and tags of one mailbox, by id. Built from
 * the parts of a StreamTree (the spool's, or what the target answers), then read only.
 * Pure: no Zimbra, no files. One thread.
 */
#ifndef AGENT_TREE_H
#define AGENT_TREE_H

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/messages.pb-c.h"

#define TREE_ROOT 1u
#define TREE_TAGS_ROOT 8u
#define TREE_FIRST_USER \
	256u /* lower ids are Zimbra's own; new mailboxes begin with 257 */

enum tree_kind { TREE_FOLDER, TREE_SEARCH, TREE_LINK, TREE_TAG, TREE_KIND_COUNT };

struct tree {
	Wire__Folder **nodes; /* ascending id, owned */
	size_t count;
	size_t cap;
	bool finished;
};

void tree_init(struct tree *t);
void tree_fini(struct tree *t);
/* Moves the folders out of the part, which stays the caller's to free. */
MUST_USE bool tree_take(struct tree *t, Wire__StreamTree *part, struct err *e);
/* Sorts and checks: ids once, known kinds, names, parents present, no cycle. A tree that
   fails is ERR_CORRUPT and must not be used. */
MUST_USE bool tree_finish(struct tree *t, struct err *e);

/* NULL: no such id. */
const Wire__Folder *tree_find(const struct tree *t, uint64_t id);
/* Is the folder that one, or somewhere below it? */
bool tree_lies_in(const struct tree *t, uint64_t id, uint64_t above);
/* By parent, name and kind; names compare as Zimbra does, without regard to ASCII case. */
const Wire__Folder *tree_find_name(const struct tree *t, uint64_t parent,
    enum tree_kind kind, const ProtobufCBinaryData *name);
enum tree_kind tree_kind_of(const Wire__Folder *f); /* checked by tree_finish */
const char *tree_kind_name(enum tree_kind kind);
/* Exists in every fresh mailbox: nothing to create, attributes may differ. */
bool tree_is_system(const Wire__Folder *f);
/* "/Inbox/Ä & Ö"; the root is "/". False: no such folder, or out's max is reached. */
MUST_USE bool tree_path(const struct tree *t, uint64_t id, struct buf *out);
/* "folder /Projects/Ä & Ö", "tag red": for people; buf is cleared first. */
const char *tree_label(const struct tree *t, const Wire__Folder *f, struct buf *out);
/* How many are not system: what steering has to make. */
size_t tree_user_count(const struct tree *t);

bool tree_bytes_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b);

#endif
