/* SPDX-License-Identifier: Apache-2.0 */
/* The mail link's messages, each checked field by field. */
#include "proto/check.h"
#include "proto/check_private.h"
#include "proto/limits.h"

static bool
check_grants(const Wire__Folder *f, struct err *e)
{
	if (!check_count(f->n_grants, "grants", 1000, e))
		return false;
	for (size_t i = 0; i < f->n_grants; i++) {
		const Wire__Grant *g = f->grants[i];

		if (!check_text(&g->grantee_type, "grantee_type", 1, 20, e) ||
		    !check_text(&g->zid, "zid", 0, LIMIT_NAME, e) ||
		    !check_text(&g->display, "display", 0, 1024, e) ||
		    !check_text(&g->perm, "perm", 0, 40, e) ||
		    !check_text(&g->password, "password", 0, 1024, e))
			return false;
	}
	return true;
}

static bool
check_folder(const Wire__Folder *f, struct err *e)
{
	return check_number(f->id, "folder id", 1, INT32_MAX, e) &&
	    check_number(f->parent_id, "parent id", 0, INT32_MAX, e) &&
	    check_text(&f->kind, "kind", 1, 10, e) && check_size(&f->name, "name", 0, 1024, e) &&
	    check_text(&f->view, "view", 0, 40, e) && check_text(&f->flags, "flags", 0, 64, e) &&
	    check_text(&f->rgb, "rgb", 0, 16, e) && check_size(&f->url, "url", 0, 4096, e) &&
	    check_size(&f->query, "query", 0, 64 * KIB, e) &&
	    check_text(&f->search_types, "search types", 0, 256, e) &&
	    check_text(&f->sort_by, "sort by", 0, 40, e) &&
	    check_text(&f->owner_id, "owner id", 0, LIMIT_ID, e) && check_grants(f, e);
}

static bool
check_tree(const Wire__StreamTree *m, struct err *e)
{
	if (!check_count(m->n_folders, "folders", LIMIT_TREE_PART, e))
		return false;
	for (size_t i = 0; i < m->n_folders; i++) {
		if (!check_folder(m->folders[i], e))
			return false;
	}
	return true;
}

static bool
check_ids(const uint64_t *ids, size_t count, const char *what, struct err *e)
{
	if (!check_count(count, what, LIMIT_STREAM_IDS, e))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!check_number(ids[i], what, 1, INT32_MAX, e))
			return false;
	}
	return true;
}

static bool
check_record(const Wire__StreamRecord *m, struct err *e)
{
	if (m->n_ids != m->n_folder_ids)
		return err_set(e, ERR_PEER, "%zu ids with %zu folders", m->n_ids, m->n_folder_ids);
	return check_text(&m->type, "type", 0, 20, e) && check_ids(m->ids, m->n_ids, "ids", e) &&
	    check_ids(m->folder_ids, m->n_folder_ids, "folder ids", e) &&
	    check_ids(m->stale_ids, m->n_stale_ids, "stale ids", e);
}

static bool
check_item(const Wire__StreamItem *m, struct err *e)
{
	return check_number(m->id, "item id", 1, INT32_MAX, e) &&
	    check_number(m->folder_id, "folder id", 1, INT32_MAX, e) &&
	    check_text(&m->type, "type", 1, 20, e) &&
	    check_number(m->meta_bytes, "meta_bytes", 1, LIMIT_ITEM_META, e) &&
	    check_number(m->data_bytes, "data_bytes", 0, LIMIT_ITEM_DATA, e) &&
	    check_size(&m->name, "name", 0, 4096, e) && check_text(&m->version, "version", 0, 10, e) &&
	    (m->has_data || m->data_bytes == 0 || err_set(e, ERR_PEER, "an item without data that has some"));
}

bool
check_stream(const Wire__Stream *m, struct err *e)
{
	switch (m->body_case) {
	case WIRE__STREAM__BODY__NOT_SET:
		return err_set(e, ERR_PEER, "an empty message");
	case WIRE__STREAM__BODY_HELLO:
		return check_number(m->hello->version, "version", 1, 1000, e) &&
		    check_move_id(&m->hello->move_id, e) &&
		    check_size(&m->hello->ticket, "ticket", LIMIT_TICKET, LIMIT_TICKET, e) &&
		    check_number((uint64_t)m->hello->pass, "pass", 0, 2, e);
	case WIRE__STREAM__BODY_READY:
	case WIRE__STREAM__BODY_END:
	case WIRE__STREAM__BODY_DONE:
		return true;
	case WIRE__STREAM__BODY_TREE:
		return check_tree(m->tree, e);
	case WIRE__STREAM__BODY_RECORD:
		return check_record(m->record, e);
	case WIRE__STREAM__BODY_WANT:
		return check_ids(m->want->ids, m->want->n_ids, "ids", e);
	case WIRE__STREAM__BODY_ITEM:
		return check_item(m->item, e);
	case WIRE__STREAM__BODY_DATA:
		return check_size(&m->data->data, "data", 1, LIMIT_STREAM_CHUNK + 4 * KIB, e) &&
		    check_number(m->data->raw_bytes, "raw_bytes", 0, LIMIT_STREAM_CHUNK, e);
	case WIRE__STREAM__BODY_REFUSAL:
		return check_text(&m->refusal->text, "text", 0, LIMIT_TEXT, e);
	}
	return err_set(e, ERR_PEER, "a message nobody knows");
}
