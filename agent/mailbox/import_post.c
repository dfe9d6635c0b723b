/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One archive: items from the spool, each with the Path that its folder has now, groups
 * with their members' new numbers, documents with their revisions, oldest first. Pulled
 * by the transfer in a thread of its own; nobody else touches the spool meanwhile.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/archive.h"
#include "agent/mailbox/import_private.h"
#include "agent/mailbox/metadata.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"

#define REVISIONS_MAX 1000
#define PART \
	500 /* items of a folder under one path, as Zimbra writes them (facts: 1.6) */

struct building {
	struct posting *p;
	char *path;	  /* of path_folder */
	char *entry_path; /* the same with "!N" */
	uint32_t path_folder;
	size_t in_folder;
	struct spool_item *chain; /* revisions of the document under way, oldest last */
	size_t chain_left;
};

/* --- groups --- */

static struct metadata_span
metadata_of(json_t *root)
{
	const json_t *value = json_object_get(root, "metadata");

	if (!json_is_string(value))
		return (struct metadata_span){"", 0};
	return (struct metadata_span){
	    json_string_value(value), json_string_length(value)};
}

bool
import_refers(struct target *t, const struct spool_item *item, bool *out, struct err *e)
{
	char *meta;
	json_t *root;

	*out = false;
	if (item->type != SPOOL_CONTACT)
		return true;
	if (!spool_read_meta(t->spool, item, &meta, e))
		return false;
	root = json_loads(meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	*out = metadata_has_references(metadata_of(root));
	json_decref(root);
	free(meta);
	return true;
}

uint32_t
import_new_contact(void *ctx, uint32_t contact_id)
{
	struct target *t = ctx;
	struct spool_item item;

	if (!spool_find(t->spool, contact_id, &item) || item.state == SPOOL_STAGED)
		return 0;
	return item.target_id;
}

/* Replaces *meta when it is a group's. */
static void
remap_group(struct target *t, uint32_t id, char **meta)
{
	json_t *root = json_loads(*meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	struct metadata_span metadata = metadata_of(root);
	struct buf out;
	size_t unknown = 0;

	buf_init(&out, 0);
	if (metadata_has_references(metadata) &&
	    metadata_remap_group(metadata, import_new_contact, t, &unknown, &out)) {
		char *fresh = import_meta_replace(*meta, buf_str(&out), out.len);

		if (fresh != NULL) {
			free(*meta);
			*meta = fresh;
		}
		if (unknown > 0)
			log_warn(t->log,
			    "contact group %u: %zu members are none of the contacts that "
			    "were imported",
			    id, unknown);
	}
	buf_fini(&out);
	json_decref(root);
}

/* --- paths --- */

static bool
building_set_folder(struct building *b, uint32_t folder)
{
	struct buf path;
	bool ok = true;

	if (b->path != NULL && b->path_folder == folder)
		return true;
	xfree(&b->path);
	buf_init(&path, 65536);
	if (b->p->only_path == NULL)
		ok = tree_path(&b->p->t->here, folder, &path);
	else
		ok = buf_add_str(&path, b->p->only_path);
	if (ok)
		b->path = xstrdup(buf_str(&path) + (buf_str(&path)[0] == '/'));
	buf_fini(&path);
	b->path_folder = folder;
	b->in_folder = 0;
	return ok;
}

static void
building_set_entry_path(struct building *b)
{
	size_t part = b->in_folder++ / PART;

	free(b->entry_path);
	b->entry_path = part == 0 ? xstrdup(b->path) : xasprintf("%s!%zu", b->path, part);
}

/* --- items --- */

/* The revisions of a document from the current one back to the first. */
static void
building_load_chain(struct building *b, const struct spool_item *item)
{
	struct spool_item before;
	size_t cap = 0;

	b->chain_left = 0;
	xfree(&b->chain);
	for (struct spool_item at = *item; b->chain_left < REVISIONS_MAX; at = before) {
		if (b->chain_left == cap) {
			cap = cap == 0 ? 4 : cap * 2;
			b->chain = xrealloc_array(b->chain, cap, sizeof(*b->chain));
		}
		b->chain[b->chain_left++] = at;
		if (!spool_revision(b->p->t->spool, &at, &before))
			return;
	}
}

/* The next item whose revisions are to be written; false: none is left. */
static bool
building_next_item(struct building *b)
{
	struct posting *p = b->p;

	while (p->at < p->count) {
		struct spool_item item;
		uint32_t folder;

		if (p->t->stopped())
			return false; /* the archive ends here, whole; the rest is for later */
		if (!spool_find(p->t->spool, p->ids[p->at++], &item))
			continue;
		folder = p->only_folder != 0 ? p->only_folder
					     : target_place(p->t, item.folder_id);
		if (!building_set_folder(b, folder))
			continue;
		building_load_chain(b, &item);
		return true;
	}
	return false;
}

static bool
building_next(void *ctx, struct archive_entry_in *out)
{
	struct building *b = ctx;
	struct posting *p = b->p;
	struct err ignored;

	for (;;) {
		struct spool_item *item;
		char *meta;

		if (b->chain_left == 0 && !building_next_item(b))
			return false;
		item = &b->chain[--b->chain_left];
		if (!spool_read_meta(p->t->spool, item, &meta, &ignored))
			continue; /* it does not arrive, is looked for, and named */
		if (item->type == SPOOL_CONTACT)
			remap_group(p->t, item->id, &meta);
		out->take_meta = import_meta(meta, b->path, b->path_folder);
		free(meta);
		if (out->take_meta == NULL)
			continue;
		building_set_entry_path(b);
		out->item = *item;
		out->item.previous = 0; /* the revisions come one by one from here */
		out->folder_path = b->entry_path;
		p->bytes += item->data_bytes;
		p->t->progress(p->t->ctx, p->done + p->at, p->total, p->bytes, p->what);
		return true;
	}
}

/* --- the request --- */

static bool
answer_is_over_quota(const struct rest_import_answer *answer)
{
	for (size_t i = 0; i < answer->fault_count && i < ARRAY_LEN(answer->first_faults);
	     i++) {
		if (strstr(answer->first_faults[i], "QUOTA_EXCEEDED") != NULL)
			return true;
	}
	return false;
}

static enum posting_result
take_answer(struct posting *p, const struct rest_import_answer *answer)
{
	static const char *const words[] = {
	    [REST_IMPORT_SUCCESS] = "success",
	    [REST_IMPORT_WARN] = "warn",
	    [REST_IMPORT_FAIL] = "fail",
	    [REST_IMPORT_UNSAID] = "unsaid",
	};

	if (answer->result == REST_IMPORT_SUCCESS && answer->fault_count == 0)
		return POSTING_CLEAN;
	for (size_t i = 0; i < answer->fault_count && i < ARRAY_LEN(answer->first_faults);
	     i++) {
		char text[200];

		snprintf(text, sizeof(text), "%s", answer->first_faults[i]);
		utf8_tidy(text);
		log_info(p->t->log, "import of %zu items: %s: %s", p->count,
		    words[answer->result], text);
	}
	return answer_is_over_quota(answer) ? POSTING_OVER_QUOTA : POSTING_FAULTS;
}

bool
posting_send(struct posting *p, enum posting_result *result_out, struct err *e)
{
	struct building b = {.p = p};
	struct rest_import_answer answer;
	struct err why;
	bool ok;

	p->at = 0;
	ok = archive_import(&p->t->client, p->t->account_id, p->t->spool, building_next,
	    &b, &answer, &why);
	free(b.path);
	free(b.entry_path);
	free(b.chain);
	*result_out = ok ? take_answer(p, &answer) : POSTING_UNCLEAR;
	if (!ok && (why.kind == ERR_CORRUPT || why.kind == ERR_REFUSED)) {
		*e = why;
		return false;
	}
	if (ok)
		return true;
	p->unclear = why;
	log_warn(p->t->log, "import of %zu items: %s; what arrived is looked up",
	    p->count, why.text);
	return true;
}
