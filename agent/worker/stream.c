/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: hello and ticket, tree, list of record, what lacks, items, done.
 * What can go wrong: the target is not who it should be, refuses (its sentence becomes
 * our error), or breaks off; then the pass fails and the next one sends what lacks. Data
 * goes as zstd frames where that makes it shorter.
 */
#include "agent/worker/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define FLUSH_BYTES (128 * KIB)
#define PART_BYTES (512 * KIB) /* of a tree: half of what a frame may have */
#define NAME_BYTES 4096
#define ZSTD_LEVEL 1
#define ZSTD_LEAST 256 /* bytes worth compressing */
#define ZSTD_PAUSE 16  /* chunks that go plain after one that did not shrink */

struct stream {
	struct tls_context *tls;
	struct tls_stream *link;
	char *target; /* for texts */
	struct buf out;
	ZSTD_CCtx *zstd;
	uint8_t *packed; /* room for one compressed chunk */
	size_t packed_size;
	unsigned plain; /* chunks still to go plain */
	char token[64];
	uint32_t item_id; /* begun last */
	uint32_t crc;
	uint32_t revision; /* earlier ones of this item, sent by now */
};

/* --- messages --- */

static bool
stream_take_refusal(struct stream *s, const Wire__StreamRefusal *r, struct err *e)
{
	static const enum err_kind kinds[] = {ERR_PEER, ERR_RETRY, ERR_REFUSED, ERR_PEER,
	    ERR_CORRUPT, ERR_CANCELLED, ERR_FULL};

	/* That the target was stopped does not mean that we were. */
	return err_set(e,
	    r->kind == WIRE__ERROR_KIND__ERROR_CANCELLED ? ERR_RETRY : kinds[r->kind],
	    "%s: %.*s", s->target, (int)r->text.len, (const char *)r->text.data);
}

static bool
stream_read(struct stream *s, Wire__Stream **out, struct err *e)
{
	Wire__Stream *m = NULL;

	if (!frame_read_tls(s->link, LIMIT_FRAME, &m, e))
		return err_wrap(e, "%s", s->target);
	if (m->body_case == WIRE__STREAM__BODY_REFUSAL) {
		stream_take_refusal(s, m->refusal, e);
		wire__stream__free_unpacked(m, NULL);
		return false;
	}
	*out = m;
	return true;
}

/* The receiver speaks only when asked, or to refuse. */
static bool
stream_is_interrupted(struct stream *s, struct err *e)
{
	Wire__Stream *m = NULL;

	if (!tls_stream_has_input(s->link))
		return false;
	if (stream_read(s, &m, e)) {
		wire__stream__free_unpacked(m, NULL);
		err_set(e, ERR_PEER, "%s spoke out of turn", s->target);
	}
	return true;
}

static bool
stream_flush(struct stream *s, struct err *e)
{
	struct err why;

	if (s->out.len == 0)
		return true;
	if (stream_is_interrupted(s, e))
		return false;
	if (tls_stream_write(s->link, s->out.data, s->out.len, e)) {
		buf_clear(&s->out);
		return true;
	}
	/* It may have said why before it went. */
	if (e->kind != ERR_CANCELLED && stream_is_interrupted(s, &why) &&
	    why.kind != ERR_RETRY)
		*e = why;
	return err_wrap(e, "%s", s->target);
}

static bool
stream_put(struct stream *s, const Wire__Stream *m, struct err *e)
{
	if (!frame_put_stream(&s->out, m, e))
		return false;
	return s->out.len < FLUSH_BYTES || stream_flush(s, e);
}

static bool
stream_get(
    struct stream *s, Wire__Stream__BodyCase expected, Wire__Stream **out, struct err *e)
{
	if (!stream_flush(s, e) || !stream_read(s, out, e))
		return false;
	if ((*out)->body_case == expected)
		return true;
	wire__stream__free_unpacked(*out, NULL);
	*out = NULL;
	return err_set(
	    e, ERR_PEER, "%s answered something else than what was asked", s->target);
}

/* --- dialing --- */

static bool
stream_prove(struct stream *s, const ProtobufCBinaryData *node, struct err *e)
{
	char expected[TLS_NAME_MAX];

	snprintf(expected, sizeof(expected), "node:%.*s", (int)node->len,
	    (const char *)node->data);
	return strcmp(tls_stream_peer_name(s->link), expected) == 0 ||
	       err_set(e, ERR_PEER, "%s is %s, not %s; is its address right?", s->target,
		   tls_stream_peer_name(s->link), expected);
}

uint32_t
stream_version(Wire__StagePass pass)
{
	return pass == WIRE__STAGE_PASS__PASS_ARRIVED ||
		       pass == WIRE__STAGE_PASS__PASS_LEFT
		   ? STREAM_VERSION_ARRIVED
		   : STREAM_VERSION;
}

static bool
stream_hello(struct stream *s, struct worker *w, struct err *e)
{
	const Wire__OpStage *op = w->step->stage;
	Wire__Stream m = WIRE__STREAM__INIT;
	Wire__StreamHello hello = WIRE__STREAM_HELLO__INIT;
	Wire__Stream *answer = NULL;

	hello.version = stream_version(op->pass);
	hello.move_id = w->step->move_id;
	hello.ticket = op->ticket;
	hello.pass = op->pass;
	m.body_case = WIRE__STREAM__BODY_HELLO;
	m.hello = &hello;
	if (!stream_put(s, &m, e) || !stream_get(s, WIRE__STREAM__BODY_READY, &answer, e))
		return false;
	bool ok = frame_copy(&answer->ready->token, s->token, sizeof(s->token)) ||
		  err_set(e, ERR_PEER, "%s has a Sync token that is too long", s->target);

	wire__stream__free_unpacked(answer, NULL);
	return ok;
}

bool
stream_dial(struct worker *w, struct stream **out, struct err *e)
{
	const Wire__OpStage *op = w->step->stage;
	char *host = frame_string(&op->target_host);
	char *identity = frame_string(&w->job->identity_file);
	struct stream *s = XNEW(struct stream);
	int fd;
	bool ok;

	s->target = xasprintf("mail port %s:%u", host, op->target_port);
	buf_init(&s->out, FLUSH_BYTES + 2 * LIMIT_FRAME);
	s->packed_size = ZSTD_compressBound(LIMIT_STREAM_CHUNK);
	s->packed = xcalloc(1, s->packed_size);
	s->zstd = ZSTD_createCCtx();
	if (s->zstd == NULL)
		BUG("zstd is out of memory");
	ok = tls_context_load(identity, &s->tls, e) &&
	     tls_tcp_connect(host, (uint16_t)op->target_port, WAIT_CONNECT_MS, &fd, e) &&
	     (tls_stream_open(s->tls, fd, false, WAIT_HELLO_MS, &s->link, e) ||
		 err_wrap(e, "%s", s->target)) &&
	     stream_prove(s, &op->target_node, e) && stream_hello(s, w, e);
	if (ok)
		tls_stream_set_timeout(s->link, WAIT_STREAM_MS);
	else
		stream_free(&s);
	*out = s;
	free(host);
	free(identity);
	return ok;
}

void
stream_free(struct stream **s)
{
	if (*s == NULL)
		return;
	tls_stream_free(&(*s)->link);
	tls_context_free(&(*s)->tls);
	buf_fini(&(*s)->out);
	ZSTD_freeCCtx((*s)->zstd);
	free((*s)->packed);
	free((*s)->target);
	xfree(s);
}

const char *
stream_token(const struct stream *s)
{
	return s->token;
}

/* --- tree and record --- */

bool
stream_send_tree(struct stream *s, const Wire__StreamTree *tree, struct err *e)
{
	size_t at = 0;

	do {
		Wire__Stream m = WIRE__STREAM__INIT;
		Wire__StreamTree part = WIRE__STREAM_TREE__INIT;
		size_t bytes = 0;

		if (at == 0) {
			part.sections = tree->sections;
			part.n_sections = tree->n_sections;
			bytes = wire__stream_tree__get_packed_size(&part);
		}
		part.folders = tree->folders + at;
		while (at < tree->n_folders && part.n_folders < LIMIT_TREE_PART) {
			size_t more = wire__folder__get_packed_size(tree->folders[at]);

			/* One that is too large by itself is refused by frame_put, by name. */
			if (bytes + more > PART_BYTES && part.n_folders > 0)
				break;
			bytes += more;
			part.n_folders++;
			at++;
		}
		part.last = at == tree->n_folders;
		m.body_case = WIRE__STREAM__BODY_TREE;
		m.tree = &part;
		if (!stream_put(s, &m, e))
			return err_wrap(e, "the folder tree");
	} while (at < tree->n_folders);
	return true;
}

/* One message: ids of one type from the list, or stale ids. Arrays have LIMIT_STREAM_IDS. */
struct part {
	Wire__StreamRecord m;
	uint64_t *ids, *folder_ids;
};

static bool
part_send(struct stream *s, struct part *p, struct err *e)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	bool ok;

	m.body_case = WIRE__STREAM__BODY_RECORD;
	m.record = &p->m;
	ok = stream_put(s, &m, e);
	wire__stream_record__init(&p->m);
	return ok;
}

static bool
record_send_type(struct stream *s, struct part *p, const struct spool_record_list *r,
    enum spool_type type, struct err *e)
{
	for (size_t i = 0; i <= r->count; i++) {
		if (p->m.n_ids == LIMIT_STREAM_IDS || (i == r->count && p->m.n_ids > 0)) {
			p->m.ids = p->ids;
			p->m.folder_ids = p->folder_ids;
			p->m.n_folder_ids = p->m.n_ids;
			p->m.type = frame_bytes(spool_type_name(type));
			if (!part_send(s, p, e))
				return false;
		}
		if (i == r->count || r->types[i] != type)
			continue;
		p->ids[p->m.n_ids] = r->ids[i];
		p->folder_ids[p->m.n_ids++] = r->folder_ids[i];
	}
	return true;
}

static bool
record_send_stale(
    struct stream *s, struct part *p, const uint32_t *ids, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		p->ids[p->m.n_stale_ids++] = ids[i];
		if (p->m.n_stale_ids < LIMIT_STREAM_IDS && i + 1 < count)
			continue;
		p->m.stale_ids = p->ids;
		if (!part_send(s, p, e))
			return false;
	}
	return true;
}

bool
stream_send_record(struct stream *s, const struct spool_record_list *r, const char *token,
    const uint32_t *stale, size_t stale_count, bool all_stale, struct err *e)
{
	struct part p = {WIRE__STREAM_RECORD__INIT,
	    xcalloc(LIMIT_STREAM_IDS, sizeof(*p.ids)),
	    xcalloc(LIMIT_STREAM_IDS, sizeof(*p.folder_ids))};
	bool ok = true;

	for (int type = 0; ok && type < SPOOL_TYPE_COUNT; type++)
		ok = record_send_type(s, &p, r, (enum spool_type)type, e);
	ok = ok && record_send_stale(s, &p, all_stale ? r->ids : stale,
		       all_stale ? r->count : stale_count, e);
	if (ok) {
		p.m.last = true;
		p.m.token = frame_bytes(token);
		ok = part_send(s, &p, e);
	}
	free(p.ids);
	free(p.folder_ids);
	return ok;
}

static bool
want_add(const Wire__StreamWant *m, uint32_t **ids, size_t *count, struct err *e)
{
	uint32_t before = *count == 0 ? 0 : (*ids)[*count - 1];

	if (*count + m->n_ids > LIMIT_ITEMS)
		return err_set(
		    e, ERR_PEER, "more items are wanted than a mailbox may have");
	*ids = xrealloc_array(*ids, *count + m->n_ids, sizeof(**ids));
	for (size_t i = 0; i < m->n_ids; i++) {
		if (m->ids[i] <= before)
			return err_set(e, ERR_PEER, "the wanted ids do not rise");
		before = (*ids)[(*count)++] = (uint32_t)m->ids[i];
	}
	return true;
}

bool
stream_receive_want(
    struct stream *s, uint32_t **ids_out, size_t *count_out, struct err *e)
{
	bool ok = true;
	bool last = false;

	*ids_out = NULL;
	*count_out = 0;
	while (ok && !last) {
		Wire__Stream *m = NULL;

		ok = stream_get(s, WIRE__STREAM__BODY_WANT, &m, e);
		if (!ok)
			break;
		last = m->want->last;
		if (m->want->n_ids > 0)
			ok = want_add(m->want, ids_out, count_out, e);
		wire__stream__free_unpacked(m, NULL);
	}
	if (!ok) {
		xfree(ids_out);
		*count_out = 0;
	}
	return ok;
}

/* --- items --- */

static bool
name_is_fit(const char *name)
{
	size_t length = strlen(name);

	if (length > NAME_BYTES)
		return false;
	for (size_t i = 0; i < length;) {
		size_t n = utf8_length(name + i, length - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

static bool
stream_send_chunk(struct stream *s, const void *data, size_t len, struct err *e)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	Wire__StreamData d = WIRE__STREAM_DATA__INIT;

	d.data.data = (uint8_t *)(uintptr_t)data;
	d.data.len = len;
	if (s->plain > 0) {
		s->plain--;
	} else if (len >= ZSTD_LEAST) {
		size_t n = ZSTD_compressCCtx(
		    s->zstd, s->packed, s->packed_size, data, len, ZSTD_LEVEL);

		if (!ZSTD_isError(n) && n < len - len / 16) {
			d.data.data = s->packed;
			d.data.len = n;
			d.raw_bytes = (uint32_t)len;
		} else {
			s->plain = ZSTD_PAUSE;
		}
	}
	m.body_case = WIRE__STREAM__BODY_DATA;
	m.data = &d;
	return stream_put(s, &m, e);
}

static bool
stream_send_bytes(struct stream *s, const void *data, size_t len, struct err *e)
{
	for (size_t at = 0; at < len; at += LIMIT_STREAM_CHUNK) {
		size_t n = len - at < LIMIT_STREAM_CHUNK ? len - at : LIMIT_STREAM_CHUNK;

		if (!stream_send_chunk(s, (const char *)data + at, n, e))
			return false;
	}
	s->crc = spool_crc(s->crc, data, len);
	return true;
}

bool
stream_send_item(struct stream *s, const struct spool_item *item, const char *meta,
    const char *name, bool has_data, struct err *e)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	Wire__StreamItem i = WIRE__STREAM_ITEM__INIT;
	const char *fit = name_is_fit(name) ? name : "";

	if (item->id != s->item_id)
		s->revision = 0;
	s->item_id = item->id;
	s->crc = 0;
	i.id = item->id;
	i.folder_id = item->folder_id;
	i.type = frame_bytes(spool_type_name(item->type));
	i.meta_bytes = item->meta_bytes;
	i.data_bytes = has_data ? item->data_bytes : 0;
	i.has_data = has_data;
	i.name = frame_bytes(fit);
	i.mtime_s = item->mtime_s;
	i.type_byte = item->type_byte;
	i.mode = item->mode;
	m.body_case = WIRE__STREAM__BODY_ITEM;
	m.item = &i;
	if (!stream_put(s, &m, e) || !stream_send_bytes(s, meta, item->meta_bytes, e))
		return false;
	s->crc = spool_crc(s->crc, fit, strlen(fit));
	return true;
}

bool
stream_send_data(struct stream *s, const void *data, size_t len, struct err *e)
{
	return stream_send_bytes(s, data, len, e);
}

bool
stream_send_item_end(struct stream *s, enum stream_fate fate, struct err *e)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	Wire__StreamItemEnd end = WIRE__STREAM_ITEM_END__INIT;

	if (fate == STREAM_REVISION && s->revision == UINT16_MAX)
		return err_set(e, ERR_REFUSED, "document %u has more than %u revisions",
		    s->item_id, UINT16_MAX);
	end.crc = s->crc;
	end.bad = fate == STREAM_BAD;
	end.worn = fate == STREAM_WORN;
	end.revision = fate == STREAM_REVISION ? ++s->revision : 0;
	m.body_case = WIRE__STREAM__BODY_ITEM_END;
	m.item_end = &end;
	return stream_put(s, &m, e);
}

void
stream_restart_revisions(struct stream *s)
{
	s->item_id = 0;
}

bool
stream_send_end(struct stream *s, uint64_t items, struct err *e)
{
	Wire__Stream m = WIRE__STREAM__INIT;
	Wire__StreamEnd end = WIRE__STREAM_END__INIT;

	end.items = items;
	m.body_case = WIRE__STREAM__BODY_END;
	m.end = &end;
	return stream_put(s, &m, e) && stream_flush(s, e);
}

bool
stream_receive_done(
    struct stream *s, uint64_t *listed, uint64_t *staged, uint64_t *bytes, struct err *e)
{
	Wire__Stream *m = NULL;

	if (!stream_get(s, WIRE__STREAM__BODY_DONE, &m, e))
		return false;
	*listed = m->done->listed;
	*staged = m->done->staged;
	*bytes = m->done->bytes;
	wire__stream__free_unpacked(m, NULL);
	return true;
}
