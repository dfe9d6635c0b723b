/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detour: a folder of the right kind is made, the items are imported into it, marked
 * as applied, moved to where they belong, and the folder goes when it is empty. A dead
 * worker's folder is found by its name and finished: what is marked is only moved.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/ids.h"
#include "agent/mailbox/import_private.h"
#include "agent/mailbox/items.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

struct aside {
	struct target *t;
	enum spool_type type; /* SPOOL_TYPE_COUNT: any */
	char name[60];
	uint32_t folder; /* 0: not there */
	size_t moved;
};

static void
aside_find(struct aside *x)
{
	ProtobufCBinaryData name;
	const Wire__Folder *f;

	snprintf(x->name, sizeof(x->name), "zmferry-aside-%s", spool_type_name(x->type));
	name = frame_bytes(x->name);
	f = tree_find_name(&x->t->here, TREE_ROOT, TREE_FOLDER, &name);
	x->folder = f == NULL ? 0 : (uint32_t)f->id;
}

static bool
aside_make(struct aside *x, struct err *e)
{
	static const char *const views[SPOOL_TYPE_COUNT] = {
	    [SPOOL_MESSAGE] = "message",
	    [SPOOL_CONTACT] = "contact",
	    [SPOOL_APPOINTMENT] = "appointment",
	    [SPOOL_TASK] = "task",
	    [SPOOL_DOCUMENT] = "document",
	    [SPOOL_CHAT] = "message",
	};
	struct soap_request *r = target_request(x->t, "CreateFolderRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_open(r, "folder");
	soap_attr_uint(r, "l", TREE_ROOT);
	soap_attr(r, "name", x->name);
	if (views[x->type] != NULL)
		soap_attr(r, "view", views[x->type]);
	soap_close(r);
	ok = target_send(x->t, r, &answer, e);
	x->folder = ok ? target_id_of(soap_child(soap_body(answer), "folder"), "id") : 0;
	soap_answer_free(&answer);
	if (ok && x->folder == 0)
		ok = err_set(e, ERR_PEER, "CreateFolder: the answer has no id");
	return ok && target_read_here(x->t, e);
}

/* --- moving out --- */

struct aside_move {
	uint32_t to;
	uint32_t id;
};

static int
compare_move(const void *a, const void *b)
{
	const struct aside_move *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Ids that lie in the folder, ascending; by Sync, which shows what queries do not. */
static bool
aside_list(struct aside *x, uint32_t **ids_out, size_t *count_out, struct err *e)
{
	struct spool_record_list all;
	char token[64];
	size_t count = 0;

	if (!items_list(x->t->soap, x->t->account_id, &all, token, sizeof(token), e))
		return false;
	*ids_out = xcalloc(all.count + 1, sizeof(**ids_out));
	for (size_t i = 0; i < all.count; i++) {
		if (all.folder_ids[i] == x->folder)
			(*ids_out)[count++] = all.ids[i];
	}
	*count_out = count;
	spool_record_free(&all);
	return true;
}

/* Which of them are applied items of ours, with their destinations. */
static struct aside_move *
aside_moves(struct aside *x, const uint32_t *lying, size_t lying_count, size_t *count_out)
{
	struct spool *s = x->t->spool;
	struct aside_move *moves = xcalloc(lying_count + 1, sizeof(*moves));
	size_t count = 0;

	for (size_t i = 0; i < spool_count(s) && count < lying_count; i++) {
		struct spool_item item;

		if (!spool_find(s, spool_id_at(s, i), &item) ||
		    (x->type != SPOOL_TYPE_COUNT && item.type != x->type) ||
		    item.state == SPOOL_STAGED ||
		    !ids_have(lying, lying_count, item.target_id))
			continue;
		moves[count++] = (struct aside_move){
		    target_place(x->t, item.folder_id), item.target_id};
	}
	qsort(moves, count, sizeof(*moves), compare_move);
	*count_out = count;
	return moves;
}

static bool
aside_move_all(struct aside *x, struct err *e)
{
	struct aside_move *moves;
	uint32_t *lying;
	size_t count, lying_count;
	bool ok = true;

	if (!aside_list(x, &lying, &lying_count, e))
		return false;
	moves = aside_moves(x, lying, lying_count, &count);
	for (size_t from = 0, to; ok && from < count; from = to) {
		uint32_t ids[500];
		char destination[16];

		for (to = from; to < count && moves[to].to == moves[from].to &&
				to - from < ARRAY_LEN(ids);
		     to++)
			ids[to - from] = moves[to].id;
		snprintf(destination, sizeof(destination), "%u", moves[from].to);
		ok = target_action(x->t, "move", ids, to - from, "l", destination, e);
		if (!ok && e->kind == ERR_REFUSED) {
			log_warn(x->t->log, "%zu items stay in folder %s: %s", to - from,
			    x->name, e->text);
			ok = true; /* the verdict names them */
		} else if (ok) {
			x->moved += to - from;
		}
	}
	free(moves);
	free(lying);
	return ok;
}

/* Never deletes a folder that holds anything. */
static bool
aside_remove(struct aside *x, struct err *e)
{
	struct soap_request *r;
	uint32_t *lying;
	size_t left;

	if (!aside_list(x, &lying, &left, e))
		return false;
	free(lying);
	if (left > 0) {
		log_warn(x->t->log,
		    "folder %s keeps %zu items that could not be moved on", x->name,
		    left);
		return true;
	}
	r = target_request(x->t, "FolderActionRequest");
	soap_open(r, "action");
	soap_attr_uint(r, "id", x->folder);
	soap_attr(r, "op", "delete");
	soap_close(r);
	return target_send(x->t, r, NULL, e) && target_read_here(x->t, e);
}

bool
import_aside_finish(struct target *t, enum spool_type type, struct err *e)
{
	struct aside x = {.t = t, .type = type};

	aside_find(&x);
	if (x.folder == 0)
		return true;
	return (aside_move_all(&x, e) && aside_remove(&x, e)) ||
	       err_wrap(e, "folder %s", x.name);
}

static bool
aside_has_children(const struct aside *x)
{
	for (size_t i = 0; i < x->t->here.count; i++) {
		if (tree_kind_of(x->t->here.nodes[i]) != TREE_TAG &&
		    x->t->here.nodes[i]->parent_id == x->folder)
			return true;
	}
	return false;
}

bool
import_empty_stray(struct target *t, uint32_t folder, bool is_ours, struct err *e)
{
	struct aside x = {.t = t, .type = SPOOL_TYPE_COUNT, .folder = folder};

	snprintf(x.name, sizeof(x.name), "%u", folder);
	if (!aside_move_all(&x, e))
		return err_wrap(e, "folder %u", folder);
	if ((x.moved == 0 && !is_ours) || aside_has_children(&x))
		return true;
	return aside_remove(&x, e) || err_wrap(e, "folder %u", folder);
}

static bool
aside_post(struct aside *x, const uint32_t *ids, size_t count, struct err *e)
{
	struct posting p = {.t = x->t,
	    .ids = ids,
	    .count = count,
	    .total = count,
	    .only_path = x->name,
	    .only_folder = x->folder,
	    .what = "importing by a detour"};
	struct arrivals a;
	enum posting_result result = POSTING_CLEAN;
	bool ok;

	arrivals_init(&a, x->t);
	a.folder = x->folder;
	ok = client_ready(&x->t->client, x->t->account_id, e) &&
	     arrivals_note(&a, ids, count, e) && posting_send(&p, &result, e);
	a.unclear = result == POSTING_UNCLEAR;
	ok = ok && arrivals_settle(&a, e);
	if (ok && result == POSTING_UNCLEAR)
		ok = err_set(
		    e, ERR_RETRY, "the import's answer was lost: %s", p.unclear.text);
	arrivals_fini(&a);
	return ok;
}

bool
import_aside(struct target *t, enum spool_type type, const uint32_t *ids, size_t count,
    struct err *e)
{
	struct aside x = {.t = t, .type = type};

	aside_find(&x);
	if (x.folder == 0 && !aside_make(&x, e))
		return err_wrap(e, "folder %s", x.name);
	return (aside_post(&x, ids, count, e) && aside_move_all(&x, e) &&
		   aside_remove(&x, e)) ||
	       err_wrap(
		   e, "%zu items of type %s by a detour", count, spool_type_name(type));
}
