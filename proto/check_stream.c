/* SPDX-License-Identifier: Apache-2.0 */
/* The mail link's messages, each checked field by field. */
#include "proto/check.h"

#include <string.h>

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
		    !check_name(&g->display, "display", 0, 1024, e) ||
		    !check_text(&g->perm, "perm", 0, 40, e) ||
		    !check_name(&g->password, "password", 0, 1024, e))
			return false;
	}
	return true;
}

static bool
check_policies(const Wire__Folder *f, struct err *e)
{
	if (!check_count(f->n_policies, "policies", 64, e))
		return false;
	for (size_t i = 0; i < f->n_policies; i++) {
		if (!check_text(&f->policies[i]->type, "policy's type", 0, 20, e) ||
		    !check_text(&f->policies[i]->id, "policy's id", 0, LIMIT_NAME, e) ||
		    !check_text(&f->policies[i]->lifetime, "policy's lifetime", 0, 40, e))
			return false;
	}
	return true;
}

static bool
check_folder(const Wire__Folder *f, struct err *e)
{
	return check_number(f->id, "folder id", 1, INT32_MAX, e) &&
	       check_number(f->parent_id, "parent id", 0, INT32_MAX, e) &&
	       check_text(&f->kind, "kind", 1, 10, e) &&
	       check_name(&f->name, "name", 0, 1024, e) &&
	       check_text(&f->view, "view", 0, 40, e) &&
	       check_text(&f->flags, "flags", 0, 64, e) &&
	       check_text(&f->rgb, "rgb", 0, 16, e) &&
	       check_name(&f->url, "url", 0, 4096, e) &&
	       check_name(&f->query, "query", 0, 64 * KIB, e) &&
	       check_text(&f->search_types, "search types", 0, 256, e) &&
	       check_text(&f->sort_by, "sort by", 0, 40, e) &&
	       check_text(&f->owner_id, "owner id", 0, LIMIT_ID - 1, e) &&
	       check_grants(f, e) && check_policies(f, e);
}

static bool
check_sections(const Wire__StreamTree *m, struct err *e)
{
	if (!check_count(m->n_sections, "sections", 16, e))
		return false;
	for (size_t i = 0; i < m->n_sections; i++) {
		const Wire__Section *s = m->sections[i];

		if (!check_text(&s->name, "section", 1, LIMIT_NAME, e) ||
		    !check_count(s->n_pairs, "pairs", 4096, e))
			return false;
		for (size_t k = 0; k < s->n_pairs; k++) {
			if (!check_name(&s->pairs[k]->name, "pair's name", 1, 1024, e) ||
			    !check_name(
				&s->pairs[k]->value, "pair's value", 0, 64 * KIB, e))
				return false;
		}
	}
	return true;
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
	return check_sections(m, e);
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
		return err_set(
		    e, ERR_PEER, "%zu ids with %zu folders", m->n_ids, m->n_folder_ids);
	return check_text(&m->type, "type", 0, 20, e) &&
	       check_text(&m->token, "token", 0, 63, e) &&
	       check_ids(m->ids, m->n_ids, "ids", e) &&
	       check_ids(m->folder_ids, m->n_folder_ids, "folder ids", e) &&
	       check_ids(m->stale_ids, m->n_stale_ids, "stale ids", e);
}

/* The base name of an archive's entry: a slash would put the item elsewhere. */
static bool
check_item_name(const ProtobufCBinaryData *b, struct err *e)
{
	if (!check_name(b, "name", 0, 4096, e))
		return false;
	if (b->len > 0 && memchr(b->data, '/', b->len) != NULL)
		return err_set(e, ERR_PEER, "the name of an item holds a slash");
	return true;
}

static bool
check_item(const Wire__StreamItem *m, struct err *e)
{
	return check_number(m->id, "item id", 1, INT32_MAX, e) &&
	       check_number(m->folder_id, "folder id", 1, INT32_MAX, e) &&
	       check_text(&m->type, "type", 1, 20, e) &&
	       check_number(m->meta_bytes, "meta_bytes", 1, LIMIT_ITEM_META, e) &&
	       check_number(m->data_bytes, "data_bytes", 0, LIMIT_ITEM_DATA, e) &&
	       check_item_name(&m->name, e) &&
	       (m->has_data || m->data_bytes == 0 ||
		   err_set(e, ERR_PEER, "an item without data that has some"));
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
		       check_size(
			   &m->hello->ticket, "ticket", LIMIT_TICKET, LIMIT_TICKET, e) &&
		       check_number((uint64_t)m->hello->pass, "pass", 0, 4, e);
	case WIRE__STREAM__BODY_READY:
		return check_text(&m->ready->token, "token", 0, 63, e);
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
		return check_size(
			   &m->data->data, "data", 1, LIMIT_STREAM_CHUNK + 4 * KIB, e) &&
		       check_number(
			   m->data->raw_bytes, "raw_bytes", 0, LIMIT_STREAM_CHUNK, e);
	case WIRE__STREAM__BODY_ITEM_END:
		return check_number(m->item_end->revision, "revision", 0, UINT16_MAX, e);
	case WIRE__STREAM__BODY_REFUSAL:
		return check_number(
			   (uint64_t)m->refusal->kind, "kind", 0, LIMIT_ERROR_KIND, e) &&
		       check_text(&m->refusal->text, "text", 0, LIMIT_TEXT, e);
	}
	return err_set(e, ERR_PEER, "a message nobody knows");
}
