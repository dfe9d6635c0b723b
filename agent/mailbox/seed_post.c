/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One BatchRequest: burns and messages in the order of ids, and at its end the counter.
 * Zimbra stops at the first part that it refuses, so what stands behind it was not carried
 * out. Every message is written down as sent before it is; a lost answer is looked up by
 * seed_recover, id by id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/mend.h"
#include "agent/mailbox/seed_private.h"
#include "agent/mailbox/seed_text.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"

#define BATCH_MESSAGES 100
#define BATCH_BYTES (1024u * 1024)
#define BATCH_BURNS 2000 /* so many ids have to be looked at after a lost answer */
#define CHUNK 65536

enum part_kind { PART_BURN, PART_MESSAGE, PART_UID };

struct part {
	enum part_kind kind;
	struct seed_entry entry; /* as it will be */
	uint64_t size;		 /* that it must have */
};

struct seed_batch {
	struct seeding *s;
	struct soap_request *r;
	struct part parts[3 * BATCH_MESSAGES];
	size_t part_count;
	size_t messages;
	uint64_t bytes, burnt;
	uint64_t counter; /* as it should be */
};

struct seed_batch *
seed_batch_new(struct seeding *s)
{
	struct seed_batch *b = XNEW(struct seed_batch);

	b->s = s;
	b->counter = s->counter;
	return b;
}

void
seed_batch_free(struct seed_batch **b)
{
	if (*b == NULL)
		return;
	soap_request_free(&(*b)->r);
	xfree(b);
}

size_t
seed_batch_count(const struct seed_batch *b)
{
	return b->messages;
}

uint64_t
seed_batch_counter(const struct seed_batch *b)
{
	return b->counter;
}

bool
seed_batch_is_full(const struct seed_batch *b)
{
	return b->messages == BATCH_MESSAGES || b->bytes >= BATCH_BYTES ||
	       b->burnt >= BATCH_BURNS || b->part_count + 3 > ARRAY_LEN(b->parts) ||
	       (b->s->one_by_one && b->messages > 0);
}

static void
batch_begin(struct seed_batch *b)
{
	if (b->r == NULL)
		b->r = target_batch(b->s->t, true);
}

static void
batch_burn_to(struct seed_batch *b, uint64_t id)
{
	if (id <= b->counter)
		return;
	steer_put_burn(b->r, id - b->counter);
	b->burnt += id - b->counter;
	b->parts[b->part_count++] = (struct part){.kind = PART_BURN};
	b->counter = id;
}

/* --- a message --- */

/* How its bytes may travel; text_out: all of them when they are few, LF for CR LF. */
static bool
batch_read_text(struct seed_batch *b, const struct spool_item *item,
    enum seed_way *way_out, struct buf *text_out, struct err *e)
{
	struct seed_text scan;
	char chunk[CHUNK];
	size_t got = 1;

	seed_text_begin(&scan);
	for (uint64_t at = 0; got > 0; at += got) {
		if (!spool_read_data(
			b->s->t->spool, item, at, chunk, sizeof(chunk), &got, e))
			return false;
		seed_text_feed(&scan, chunk, got);
		if (item->data_bytes > SEED_INLINE_MAX)
			continue;
		for (size_t i = 0, from = 0; i <= got; i++) {
			if (i < got && chunk[i] != '\r')
				continue;
			if (!buf_add(text_out, chunk + from, i - from))
				return err_set(e, ERR_REFUSED, "item %u", item->id);
			from = i + 1;
		}
	}
	*way_out = seed_text_end(&scan);
	return true;
}

static void
batch_put_message(struct seed_batch *b, const struct seed_entry *n,
    const struct spool_item *item, const struct buf *flags, const struct buf *tags,
    const char *upload_id, const struct buf *text)
{
	struct soap_request *r = b->r;

	soap_batch_add(r, SOAP_MAIL, "AddMsgRequest");
	soap_open(r, "m");
	soap_attr_uint(r, "l", n->folder);
	soap_attr_uint(r, "d", (uint64_t)(item->date_s < 0 ? 0 : item->date_s) * 1000);
	soap_attr(r, "f", buf_str(flags));
	if (tags->len > 0)
		soap_attr(r, "tn", buf_str(tags));
	soap_attr(r, "noICal", "1");
	if (upload_id[0] != '\0') {
		soap_attr(r, "aid", upload_id);
	} else {
		soap_open(r, "content");
		soap_text(r, buf_str(text));
		soap_close(r);
	}
	soap_close(r);
}

static bool
batch_leave(
    struct seed_batch *b, const struct seed_entry *entry, bool *left_out, struct err *e)
{
	struct seed_entry n = *entry;

	n.state = SEED_LEFT;
	*left_out = true;
	return seed_index_set(&b->s->index, &n, e);
}

/* Where its folder is not there yet it waits in Inbox (facts: live-preseed 5). */
static struct seed_entry
entry_of(const struct seeding *s, const struct spool_item *item, uint32_t id)
{
	uint32_t place = seed_place(s->t, item->folder_id);

	return (struct seed_entry){
	    .id = item->id,
	    .here = id,
	    .uid = id,
	    .folder = place == 0 ? SEED_INBOX : place,
	    .flags = seed_flags(item),
	    .size = (uint32_t)item->size,
	    .tags_hash = item->tags_hash,
	    .digest_hash = item->digest_hash,
	    .state = SEED_SENT,
	};
}

static bool
batch_take(struct seed_batch *b, const struct spool_item *item, struct part *part,
    struct buf *text, struct buf *flags, struct buf *tags, bool *left_out, struct err *e)
{
	struct seed_entry *n = &part->entry;
	char upload_id[200] = "";
	bool whole;
	enum seed_way way;

	if (!batch_read_text(b, item, &way, text, e) ||
	    !seed_attributes(b->s->t, item, flags, tags, &whole, e))
		return false;
	if (way == SEED_LEAVE || item->size > UINT32_MAX)
		return batch_leave(b, n, left_out, e);
	if (!whole)
		n->tags_hash = SEED_TAGS_IN_PART(n->tags_hash);
	if (way == SEED_UPLOAD &&
	    !mend_upload(b->s->t, item, upload_id, sizeof(upload_id), e)) {
		if (e->kind != ERR_REFUSED)
			return false;
		return batch_leave(b, n, left_out, e);
	}
	batch_begin(b);
	batch_burn_to(b, (uint64_t)n->here - 1);
	batch_put_message(b, n, item, flags, tags, upload_id, text);
	b->parts[b->part_count++] = *part;
	b->messages++;
	b->bytes += way == SEED_INLINE ? item->data_bytes : 0;
	return true;
}

/* A plan must not count on what will not come. */
bool
seed_message_may(
    struct seeding *s, const struct spool_item *item, bool *may_out, struct err *e)
{
	struct seed_batch b = {.s = s};
	struct buf text;
	enum seed_way way;
	bool left = false;
	bool ok;

	buf_init(&text, 2 * SEED_INLINE_MAX);
	ok = batch_read_text(&b, item, &way, &text, e);
	if (ok && way == SEED_LEAVE) {
		struct seed_entry n = entry_of(s, item, item->id);

		ok = batch_leave(&b, &n, &left, e);
	}
	*may_out = !left;
	buf_fini(&text);
	return ok || err_wrap(e, "message %u", item->id);
}

bool
seed_batch_message(struct seed_batch *b, const struct spool_item *item, uint32_t id,
    bool makes, bool *left_out, struct err *e)
{
	struct part part = {
	    .kind = PART_MESSAGE, .entry = entry_of(b->s, item, id), .size = item->size};
	struct buf text, flags, tags;
	bool ok;

	*left_out = false;
	buf_init(&text, 2 * SEED_INLINE_MAX);
	buf_init(&flags, 0);
	buf_init(&tags, 0);
	ok = batch_take(b, item, &part, &text, &flags, &tags, left_out, e);
	buf_fini(&text);
	buf_fini(&flags);
	buf_fini(&tags);
	if (ok && !*left_out)
		b->counter = (uint64_t)id + (makes ? 1 : 0);
	return ok || err_wrap(e, "message %u", item->id);
}

/* Its entry has an id that nobody has: so it is taken out like all that is not of record. */
bool
seed_batch_tie(struct seed_batch *b, uint32_t id, const char *message_id, bool is_reply,
    struct err *e)
{
	struct part part = {.kind = PART_MESSAGE};
	char text[700];
	size_t lines = 0;

	(void)e;
	snprintf(text, sizeof(text),
	    "Message-ID: " SEED_TIE_ID "\n%s: %.500s\n"
	    "MIME-Version: 1.0\nContent-Type: text/plain\n\n",
	    id, is_reply ? "In-Reply-To" : "References", message_id);
	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	part.size = strlen(text) + lines;
	part.entry = (struct seed_entry){.id = id | SEED_TIE_BIT,
	    .here = id,
	    .uid = id,
	    .folder = SEED_INBOX,
	    .size = (uint32_t)part.size,
	    .digest_hash = SEED_TIE_DIGEST,
	    .state = SEED_SENT};
	batch_begin(b);
	batch_burn_to(b, (uint64_t)id - 1);
	soap_batch_add(b->r, SOAP_MAIL, "AddMsgRequest");
	soap_open(b->r, "m");
	soap_attr_uint(b->r, "l", SEED_INBOX);
	soap_attr(b->r, "f", "");
	soap_attr(b->r, "noICal", "1");
	soap_open(b->r, "content");
	soap_text(b->r, text);
	soap_close(b->r);
	soap_close(b->r);
	b->parts[b->part_count++] = part;
	b->messages++;
	b->counter = (uint64_t)id + (is_reply ? 1 : 0);
	return true;
}

/* The message's UID is the last of the numbers that are asked for. */
bool
seed_batch_uid(struct seed_batch *b, uint32_t item_id, uint32_t uid, struct err *e)
{
	const struct seed_entry *n = seed_index_find(&b->s->index, item_id);
	struct part part = {.kind = PART_UID};
	char id[16];

	(void)e;
	if (n == NULL || n->state != SEED_HERE || uid <= b->counter)
		return true;
	batch_begin(b);
	batch_burn_to(b, (uint64_t)uid - 1);
	snprintf(id, sizeof(id), "%u", n->here);
	soap_batch_add(b->r, SOAP_MAIL, "ItemActionRequest");
	soap_open(b->r, "action");
	soap_attr(b->r, "op", "resetimapuid");
	soap_attr(b->r, "id", id);
	soap_close(b->r);
	part.entry = *n;
	part.entry.uid = uid;
	b->parts[b->part_count++] = part;
	b->counter = uid;
	return true;
}

/* --- the answer --- */

static bool
batch_note_sent(struct seed_batch *b, struct err *e)
{
	for (size_t i = 0; i < b->part_count; i++) {
		if (b->parts[i].kind == PART_MESSAGE &&
		    !seed_index_set(&b->s->index, &b->parts[i].entry, e))
			return false;
	}
	return seed_index_sync(&b->s->index, e);
}

/* It came with other bytes: out again, an import does better. */
static bool
batch_take_message(struct seed_batch *b, const struct part *p,
    const struct soap_node *part, struct err *e)
{
	const struct soap_node *m = soap_child(part, "m");
	struct seed_entry n = p->entry;
	uint64_t size = 0;

	n.here = n.uid = target_id_of(m, "id");
	n.state = SEED_HERE;
	if (n.here == 0)
		return err_set(e, ERR_PEER, "AddMsg: the answer has no id");
	if (soap_get_uint(m, "s", &size) && size != p->size) {
		log_info(b->s->t->log,
		    "message %u: has %llu bytes there and not %llu: left to the import",
		    n.id, (unsigned long long)size, (unsigned long long)p->size);
		if (!target_action(b->s->t, "delete", &n.here, 1, NULL, NULL, e))
			return false;
		n.state = SEED_LEFT;
	} else {
		b->s->added++;
	}
	return seed_index_set(&b->s->index, &n, e);
}

static bool
batch_refuse(struct seed_batch *b, size_t at, const char *why, struct err *e)
{
	struct seed_entry n = b->parts[at].entry;

	if (strstr(why, "QUOTA_EXCEEDED") != NULL) {
		log_info(
		    b->s->t->log, "what is not in yet is left to the import: %s", why);
		b->s->over_quota = true;
		n.state = SEED_GONE;
	} else if (b->parts[at].kind == PART_UID) {
		n.state =
		    SEED_GONE; /* something old may be purged by its age, here too */
	} else {
		log_info(b->s->t->log, "message %u is left to the import: %s", n.id, why);
		n.state = SEED_LEFT;
	}
	return b->parts[at].kind == PART_BURN || seed_index_set(&b->s->index, &n, e);
}

/* What stands behind a refused part was not carried out. */
static bool
batch_forget(struct seed_batch *b, size_t from, struct err *e)
{
	for (size_t i = from; i < b->part_count; i++) {
		struct seed_entry n = b->parts[i].entry;

		n.state = SEED_GONE;
		if (b->parts[i].kind == PART_MESSAGE &&
		    !seed_index_set(&b->s->index, &n, e))
			return false;
	}
	return true;
}

static bool
batch_take_answer(struct seed_batch *b, const struct soap_answer *answer, bool *again_out,
    struct err *e)
{
	const struct soap_node *part = soap_child(soap_body(answer), NULL);
	char fault[300];
	size_t i = 0;

	for (; i < b->part_count && part != NULL; i++, part = soap_next(part, NULL)) {
		bool ok = true;

		if (target_part_fault(part, fault, sizeof(fault)) != NULL) {
			/* Of the mailbox or the server, and not of this message. */
			if (target_part_may_pass(part) ||
			    strstr(fault, "(service.FAILURE)") != NULL)
				return batch_forget(b, i, e) &&
				       err_set(e, ERR_RETRY, "%s", fault);
			*again_out = true;
			return batch_refuse(b, i, fault, e) && batch_forget(b, i + 1, e);
		}
		if (b->parts[i].kind == PART_MESSAGE)
			ok = batch_take_message(b, &b->parts[i], part, e);
		else if (b->parts[i].kind == PART_UID)
			ok = seed_index_set(&b->s->index, &b->parts[i].entry, e);
		if (!ok)
			return false;
	}
	/* An answer that is shorter than the question: looked up by the next run. */
	return i == b->part_count ||
	       err_set(e, ERR_RETRY, "the answer lacks %zu of %zu parts",
		   b->part_count - i, b->part_count);
}

/* A request that is refused as a whole has one message in it that is to blame. */
static bool
batch_is_refused(struct seed_batch *b, bool *again_out, struct err *e)
{
	struct seeding *s = b->s;
	struct err why = *e;

	if (why.kind != ERR_REFUSED && why.kind != ERR_PEER)
		return false;
	if (strcmp(soap_fault(s->t->soap), "service.PARSE_ERROR") != 0 &&
	    strcmp(soap_fault(s->t->soap), "service.INVALID_REQUEST") != 0)
		return false;
	*again_out = true;
	if (b->messages == 1) {
		for (size_t i = 0; i < b->part_count; i++) {
			if (!batch_refuse(b, i, why.text, e))
				return false;
		}
		return true;
	}
	s->one_by_one = true;
	return batch_forget(b, 0, e);
}

/* Which number each of them got is not known: they get new ones after the switch. */
static bool
batch_doubt_uids(struct seed_batch *b, struct err *e)
{
	for (size_t i = 0; i < b->part_count; i++) {
		struct seed_entry n = b->parts[i].entry;

		n.uid = 0;
		if (b->parts[i].kind == PART_UID && !seed_index_set(&b->s->index, &n, e))
			return false;
	}
	return true;
}

bool
seed_batch_send(struct seed_batch *b, bool *again_out, struct err *e)
{
	struct seeding *s = b->s;
	struct soap_answer *answer = NULL;
	struct soap_request *take = b->r;
	bool ok;

	*again_out = false;
	if (b->part_count == 0) {
		b->counter = s->counter; /* somebody else may have moved it */
		return true;
	}
	b->r = NULL;
	if (!batch_note_sent(b, e)) {
		soap_request_free(&take);
		return false;
	}
	ok = target_send(s->t, take, &answer, e)
		 ? batch_take_answer(b, answer, again_out, e)
		 : batch_is_refused(b, again_out, e);
	soap_answer_free(&answer);
	if (ok)
		ok = seed_read_counter(s, e);
	if (ok && !*again_out && s->counter != b->counter) {
		s->unforeseen += !s->one_by_one;
		ok = batch_doubt_uids(b, e);
	}
	b->part_count = b->messages = 0;
	b->bytes = b->burnt = 0;
	b->counter = s->counter;
	return ok;
}
