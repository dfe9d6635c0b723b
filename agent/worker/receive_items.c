/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: tree, record, then items until the sender has no more. What can go
 * wrong: messages out of turn, sizes and checksums that do not agree, a full disk. Each
 * ends the stream; an item becomes one of the spool's only at its own end, so whatever
 * happens in the middle of one leaves no trace.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "agent/mailbox/archive.h"
#include "agent/worker/receive_private.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define TOKEN_NOTE "token"
#define WORN_NOTE "worn" /* ids of documents whose earlier revisions are not all there */
#define WORN_BYTES (64 * KIB)
#define TOKEN_MAX 64
#define TREE_BYTES_MAX (64u * MIB)
#define SYNC_EVERY \
	(256ull * MIB) /* what a power loss may cost, and what opening checks then */
#define WATCH_EVERY (64ull * MIB)

enum phase { TAKING_TREE, TAKING_RECORD, TAKING_ITEMS, IN_METADATA, IN_DATA, DONE };

struct receiving {
	struct receiving_options o;
	enum phase phase;
	Wire__StreamTree *tree;
	size_t tree_bytes;
	struct spool_record_list record;
	uint32_t *stale;
	size_t stale_count;
	struct aged aged;
	struct reconciled have;
	char token[TOKEN_MAX]; /* that what is held is as new as; "" = unknown */
	/* the item under way */
	struct spool_item item;
	char *meta; /* gathered until whole */
	size_t meta_got;
	char *name;
	ZSTD_DCtx *zstd;
	uint8_t *plain; /* LIMIT_STREAM_CHUNK */
	uint64_t since_sync, since_watch;
};

struct receiving *
receiving_new(const struct receiving_options *options)
{
	struct receiving *r = XNEW(struct receiving);

	r->o = *options;
	r->tree = XNEW(Wire__StreamTree);
	wire__stream_tree__init(r->tree);
	r->zstd = ZSTD_createDCtx();
	if (r->zstd == NULL)
		BUG("zstd is out of memory");
	r->plain = xcalloc(1, LIMIT_STREAM_CHUNK);
	if (!spool_note_read(r->o.spool, TOKEN_NOTE, r->token, sizeof(r->token)))
		r->token[0] = '\0';
	aged_read(r->o.spool, &r->aged);
	r->since_watch = WATCH_EVERY;
	return r;
}

static void
receiving_drop_item(struct receiving *r)
{
	spool_put_abort(r->o.spool);
	xfree(&r->meta);
	xfree(&r->name);
}

void
receiving_free(struct receiving **r)
{
	if (*r == NULL)
		return;
	receiving_drop_item(*r);
	if ((*r)->tree != NULL)
		wire__stream_tree__free_unpacked((*r)->tree, NULL);
	spool_record_free(&(*r)->record);
	free((*r)->stale);
	aged_free(&(*r)->aged);
	free((*r)->have.wanted);
	ZSTD_freeDCtx((*r)->zstd);
	free((*r)->plain);
	xfree(r);
}

bool
receiving_is_done(const struct receiving *r)
{
	return r->phase == DONE;
}

bool
receiving_greet(struct receiving *r, struct err *e)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	Wire__StreamReady ready = WIRE__STREAM_READY__INIT;
	/* What a broken pass did not renew is in the mailbox as it was before that. */
	const char *token =
	    r->o.keeps_held && r->aged.count > 0 ? r->aged.token : r->token;

	ready.staged = spool_count(r->o.spool);
	ready.token = frame_bytes(ready.staged == 0 ? "" : token);
	m.body_case = WIRE__STREAM__BODY_READY;
	m.ready = &ready;
	return r->o.answer(r->o.ctx, &m, e);
}

/* --- tree --- */

static bool
tree_take(struct receiving *r, Wire__StreamTree *part, struct err *e)
{
	Wire__StreamTree *t = r->tree;

	r->tree_bytes += wire__stream_tree__get_packed_size(part);
	if (t->n_folders + part->n_folders > LIMIT_FOLDERS ||
	    t->n_sections + part->n_sections > 16 || r->tree_bytes > TREE_BYTES_MAX)
		return err_set(e, ERR_REFUSED,
		    "more folders than %u, or more than %u MB of them", LIMIT_FOLDERS,
		    TREE_BYTES_MAX / MIB);
	if (part->n_folders > 0)
		t->folders = xrealloc_array(
		    t->folders, t->n_folders + part->n_folders, sizeof(*t->folders));
	for (size_t i = 0; i < part->n_folders; i++)
		t->folders[t->n_folders++] = part->folders[i];
	part->n_folders = 0; /* moved */
	if (part->n_sections > 0)
		t->sections = xrealloc_array(
		    t->sections, t->n_sections + part->n_sections, sizeof(*t->sections));
	for (size_t i = 0; i < part->n_sections; i++)
		t->sections[t->n_sections++] = part->sections[i];
	part->n_sections = 0;
	if (!part->last)
		return true;
	t->last = true;
	if ((r->o.keeps_held && !receiving_note_folders(r->o.spool, t, e)) ||
	    !spool_tree_write(r->o.spool, t, e))
		return false;
	wire__stream_tree__free_unpacked(t, NULL);
	r->tree = NULL;
	r->phase = TAKING_RECORD;
	return true;
}

/* --- record and want --- */

static bool
want_send(struct receiving *r, struct err *e)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	uint64_t *ids = xcalloc(LIMIT_STREAM_IDS, sizeof(*ids));
	size_t at = 0;
	bool ok = true;

	m.body_case = WIRE__STREAM__BODY_WANT;
	do {
		Wire__StreamWant want = WIRE__STREAM_WANT__INIT;

		for (; at < r->have.wanted_count && want.n_ids < LIMIT_STREAM_IDS; at++)
			ids[want.n_ids++] = r->have.wanted[at];
		want.ids = ids;
		want.last = at == r->have.wanted_count;
		m.want = &want;
		ok = r->o.answer(r->o.ctx, &m, e);
	} while (ok && at < r->have.wanted_count);
	free(ids);
	return ok;
}

static bool
record_add(struct receiving *r, const Wire__StreamRecord *m, struct err *e)
{
	enum spool_type type;

	if (r->record.count + m->n_ids > LIMIT_ITEMS ||
	    r->stale_count + m->n_stale_ids > LIMIT_ITEMS)
		return err_set(e, ERR_REFUSED, "more than %u items", LIMIT_ITEMS);
	if (m->n_ids > 0 &&
	    !spool_type_parse((const char *)m->type.data, m->type.len, &type))
		return err_set(e, ERR_PEER, "items of a type nobody knows");
	for (size_t i = 0; i < m->n_ids; i++)
		spool_record_add(
		    &r->record, (uint32_t)m->ids[i], (uint32_t)m->folder_ids[i], type);
	if (m->n_stale_ids > 0)
		r->stale = xrealloc_array(
		    r->stale, r->stale_count + m->n_stale_ids, sizeof(*r->stale));
	for (size_t i = 0; i < m->n_stale_ids; i++)
		r->stale[r->stale_count++] = (uint32_t)m->stale_ids[i];
	return true;
}

static bool
record_is_sane(struct receiving *r, struct err *e)
{
	spool_record_sort(&r->record);
	for (size_t i = 1; i < r->record.count; i++) {
		if (r->record.ids[i] == r->record.ids[i - 1])
			return err_set(
			    e, ERR_PEER, "item %u is listed twice", r->record.ids[i]);
	}
	return true;
}

/* Worn documents are wanted again by every pass, so that each names them. Any? */
static bool
record_add_worn(struct receiving *r)
{
	char *text = spool_note_text(r->o.spool, WORN_NOTE);
	size_t before = r->stale_count;

	if (text != NULL) {
		for (char *p = text; *p >= '0' && *p <= '9'; p += *p == ',' ? 1 : 0) {
			r->stale = xrealloc_array(
			    r->stale, r->stale_count + 1, sizeof(*r->stale));
			r->stale[r->stale_count++] = (uint32_t)strtoul(p, &p, 10);
		}
	}
	free(text);
	return r->stale_count > before;
}

static bool
worn_add(struct receiving *r, struct err *e)
{
	char *text = spool_note_text(r->o.spool, WORN_NOTE);
	char *more = xasprintf("%s%u,", text == NULL ? "" : text, r->item.id);
	bool ok;

	/* More of them than fit are many enough to be seen. */
	ok = strlen(more) >= WORN_BYTES ||
	     spool_note_write(r->o.spool, WORN_NOTE, more, e);
	free(text);
	free(more);
	return ok;
}

/*
 * Durable first, then the token: it must never promise more than what is held and noted as
 * aged. What is held without a token is of unknown age and fetched again.
 */
static bool
record_settle(struct receiving *r, const char *token, struct err *e)
{
	struct spool *s = r->o.spool;
	bool worn = record_add_worn(r);

	if (!record_is_sane(r, e) ||
	    (r->token[0] != '\0' && !aged_keep(s, &r->aged, r->stale, r->stale_count,
					&r->record, r->token, e)) ||
	    !spool_record_write(s, &r->record, e) ||
	    !receiving_reconcile(
		s, &r->record, &r->aged, r->token[0] == '\0', &r->have, e) ||
	    !spool_sync(s, e) || (worn && !spool_note_write(s, WORN_NOTE, "", e)) ||
	    !spool_note_write(s, TOKEN_NOTE, token, e))
		return false;
	memcpy(r->token, token, strlen(token) + 1);
	return true;
}

/* The token stays: a pass after this one must learn of the same changes. */
static bool
record_settle_beside(struct receiving *r, struct err *e)
{
	struct spool *s = r->o.spool;
	const struct aged none = {0};

	aged_free(&r->aged); /* of no use to this pass, and kept for the next */
	return record_is_sane(r, e) && receiving_keep_held(s, &r->record, e) &&
	       spool_record_write(s, &r->record, e) &&
	       receiving_reconcile(s, &r->record, &none, false, &r->have, e) &&
	       spool_sync(s, e);
}

static bool
record_take(struct receiving *r, const Wire__StreamRecord *m, struct err *e)
{
	char token[TOKEN_MAX];

	if (!record_add(r, m, e))
		return false;
	if (!m->last)
		return true;
	if (m->token.len == 0 || !frame_copy(&m->token, token, sizeof(token)))
		return err_set(e, ERR_PEER, "a list of record without its token");
	if (!(r->o.keeps_held ? record_settle_beside(r, e) : record_settle(r, token, e)))
		return false;
	xfree(&r->stale);
	r->stale_count = 0;
	r->phase = TAKING_ITEMS;
	return want_send(r, e);
}

/* --- items --- */

/* A disk that fills up is noticed before it is full: other things live on it too. */
static bool
disk_has_room(struct receiving *r, uint64_t more, struct err *e)
{
	uint64_t total, free_bytes, reserved;

	r->since_watch += more;
	if (r->o.fill_limit == 0 || r->since_watch < WATCH_EVERY)
		return true;
	r->since_watch = 0;
	if (!spool_disk(r->o.spool_dir, &total, &free_bytes, &reserved, e))
		return false;
	return total - free_bytes + more <= total / 100 * r->o.fill_limit ||
	       err_set(e, ERR_FULL,
		   "%s: the disk would be filled above %u %%; free space there, what "
		   "came is kept",
		   r->o.spool_dir, r->o.fill_limit);
}

static bool
item_begin(struct receiving *r, const Wire__StreamItem *m, struct err *e)
{
	size_t at;

	if (!spool_record_find(&r->record, (uint32_t)m->id, &at))
		return err_set(e, ERR_PEER, "item %u is not of record", (uint32_t)m->id);
	if (!disk_has_room(r, m->meta_bytes + m->data_bytes, e))
		return false;
	memset(&r->item, 0, sizeof(r->item));
	r->item.id = (uint32_t)m->id;
	r->item.folder_id = (uint32_t)m->folder_id;
	if (!spool_type_parse((const char *)m->type.data, m->type.len, &r->item.type))
		return err_set(
		    e, ERR_PEER, "item %u is of a type nobody knows", r->item.id);
	r->item.meta_bytes = (uint32_t)m->meta_bytes;
	r->item.name_bytes = (uint32_t)m->name.len;
	r->item.data_bytes = m->data_bytes;
	r->item.mtime_s = m->mtime_s;
	r->item.mode = m->mode;
	r->item.type_byte = (uint8_t)m->type_byte;
	r->name = frame_string(&m->name);
	r->meta = xcalloc(1, (size_t)m->meta_bytes + 1);
	r->meta_got = 0;
	r->phase = IN_METADATA;
	return true;
}

/* The metadata is whole: what it says, and what the sender says of it. */
static bool
item_put_begin(struct receiving *r, struct err *e)
{
	struct spool_item item;

	if (!archive_parse_meta(r->meta, &item, e))
		return err_wrap(e, "item %u", r->item.id);
	if (item.id != r->item.id || item.type != r->item.type)
		return err_set(e, ERR_PEER, "item %u came with the metadata of %s %u",
		    r->item.id, spool_type_name(item.type), item.id);
	item.folder_id = r->item.folder_id;
	item.meta_bytes = r->item.meta_bytes;
	item.name_bytes = r->item.name_bytes;
	item.data_bytes = r->item.data_bytes;
	item.mtime_s = r->item.mtime_s;
	item.mode = r->item.mode;
	item.type_byte = r->item.type_byte;
	if (!spool_put_begin(r->o.spool, &item, r->meta, r->name, e))
		return false;
	xfree(&r->meta);
	r->phase = IN_DATA;
	return true;
}

static bool
item_bytes(struct receiving *r, const uint8_t *data, size_t len, struct err *e)
{
	if (r->phase == IN_METADATA) {
		size_t left = r->item.meta_bytes - r->meta_got;
		size_t n = len < left ? len : left;

		memcpy(r->meta + r->meta_got, data, n);
		r->meta_got += n;
		data += n;
		len -= n;
		if (r->meta_got == r->item.meta_bytes && !item_put_begin(r, e))
			return false;
	}
	return len == 0 || spool_put_data(r->o.spool, data, len, e);
}

static bool
item_data(struct receiving *r, const Wire__StreamData *m, struct err *e)
{
	size_t n;

	if (m->raw_bytes == 0)
		return m->data.len <= LIMIT_STREAM_CHUNK
			   ? item_bytes(r, m->data.data, m->data.len, e)
			   : err_set(e, ERR_PEER, "a chunk of %zu bytes", m->data.len);
	n = ZSTD_decompressDCtx(
	    r->zstd, r->plain, m->raw_bytes, m->data.data, m->data.len);
	if (ZSTD_isError(n) || n != m->raw_bytes)
		return err_set(e, ERR_PEER,
		    "item %u: a chunk does not decompress to its %u bytes", r->item.id,
		    m->raw_bytes);
	return item_bytes(r, r->plain, n, e);
}

static bool
item_end(struct receiving *r, const Wire__StreamItemEnd *m, struct err *e)
{
	uint64_t bytes = r->item.meta_bytes + r->item.data_bytes;

	if (m->bad) {
		receiving_drop_item(r);
		r->phase = TAKING_ITEMS;
		return true;
	}
	if (r->phase != IN_DATA)
		return err_set(
		    e, ERR_PEER, "item %u ends inside its metadata", r->item.id);
	if (m->crc != spool_put_crc(r->o.spool))
		return err_set(e, ERR_PEER,
		    "item %u: checksum %08x came, its bytes have %08x", r->item.id,
		    m->crc, spool_put_crc(r->o.spool));
	if (m->revision != 0)
		spool_put_revision(r->o.spool, (uint16_t)m->revision);
	if (!spool_put_end(r->o.spool, e) || (m->worn && !worn_add(r, e)))
		return false;
	receiving_drop_item(r);
	r->phase = TAKING_ITEMS;
	r->have.bytes += bytes;
	r->since_sync += bytes;
	if (r->since_sync < SYNC_EVERY)
		return true;
	r->since_sync = 0;
	return spool_sync(r->o.spool, e);
}

/* --- ends --- */

/* What still lacks of what lacked. */
static void
want_again(struct receiving *r)
{
	size_t count = 0;
	struct spool_item item;

	for (size_t i = 0; i < r->have.wanted_count; i++) {
		if (!spool_find(r->o.spool, r->have.wanted[i], &item) ||
		    aged_is(&r->aged, &item))
			r->have.wanted[count++] = r->have.wanted[i];
	}
	r->have.wanted_count = count;
}

static bool
done_send(struct receiving *r, struct err *e)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	Wire__StreamDone done = WIRE__STREAM_DONE__INIT;

	done.listed = r->record.count;
	done.staged = r->record.count - r->have.wanted_count;
	done.bytes = r->have.bytes;
	m.body_case = WIRE__STREAM__BODY_DONE;
	m.done = &done;
	r->phase = DONE;
	return r->o.answer(r->o.ctx, &m, e);
}

static bool
end_take(struct receiving *r, const Wire__StreamEnd *m, struct err *e)
{
	want_again(r);
	if (m->items != UINT64_MAX)
		return spool_sync(r->o.spool, e) && want_send(r, e);
	/* Of a document whose current revision never came the earlier ones are no use. What is
	   aged and does not come is not what the mailbox has. */
	for (size_t i = 0; i < r->have.wanted_count; i++) {
		if (!spool_forget(r->o.spool, r->have.wanted[i], e))
			return false;
	}
	return spool_sync(r->o.spool, e) && aged_end(r->o.spool, &r->aged, e) &&
	       done_send(r, e);
}

static bool
receiving_dispatch(struct receiving *r, Wire__Stream *m, struct err *e)
{
	bool in_item = r->phase == IN_METADATA || r->phase == IN_DATA;

	if (m->body_case == WIRE__STREAM__BODY_TREE && r->phase == TAKING_TREE)
		return tree_take(r, m->tree, e);
	if (m->body_case == WIRE__STREAM__BODY_RECORD && r->phase == TAKING_RECORD)
		return record_take(r, m->record, e);
	if (m->body_case == WIRE__STREAM__BODY_ITEM && r->phase == TAKING_ITEMS)
		return item_begin(r, m->item, e);
	if (m->body_case == WIRE__STREAM__BODY_DATA && in_item)
		return item_data(r, m->data, e);
	if (m->body_case == WIRE__STREAM__BODY_ITEM_END && in_item)
		return item_end(r, m->item_end, e);
	if (m->body_case == WIRE__STREAM__BODY_END && r->phase == TAKING_ITEMS)
		return end_take(r, m->end, e);
	if (m->body_case == WIRE__STREAM__BODY_REFUSAL)
		return err_set(e, ERR_RETRY, "the sender gave up: %.*s",
		    (int)m->refusal->text.len, (const char *)m->refusal->text.data);
	return err_set(e, ERR_PEER, "a message that is out of turn");
}

bool
receiving_take(struct receiving *r, Wire__Stream *m, struct err *e)
{
	if (receiving_dispatch(r, m, e))
		return true;
	receiving_drop_item(r);
	r->phase = DONE; /* nothing more is taken */
	return false;
}
