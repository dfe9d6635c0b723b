/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan is made of what is to come, then followed: stretches of messages as batches,
 * folders between them by steering, which makes each at its id. Where the counter is not as
 * foretold the plan goes on from where it is: what is passed is left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/mailbox/ids.h"
#include "agent/mailbox/items.h"
#include "agent/mailbox/seed_private.h"
#include "agent/mailbox/seed_text.h"
#include "agent/mailbox/seed_validity.h"
#include "proto/base/xalloc.h"

#define ONE_BY_ONE 20  /* so few need no model of conversations */
#define LOCKED_MOST 50 /* messages under the lock; an import is faster with more */
#define BURN_WITH 1000 /* ids; more are burnt by a request of their own */
#define ROUNDS_MAX 50
#define NEAR_FOLDER 8 /* ids */
#define HEAD_PART 8192

/* Zimbra's flag bits that AddMsg does not take, and an import does: popped, versioned. */
#define FLAGS_NOT_TAKEN ((1u << 14) | (1u << 12))
#define FLAG_DRAFT (1u << 6)
#define FLAG_FROM_ME (1u << 0)

struct adding {
	struct seeding *s;
	struct seed_message *messages;
	size_t count, cap;
	uint64_t *keys;
	size_t key_count, key_cap;
	uint32_t *folders;
	uint64_t *later; /* beside folders: validity_later */
	size_t folder_count;
	size_t to_come; /* messages whose id is not given out yet */
	struct seed_plan plan;
};

/* --- what there is --- */

static bool
adding_may(const struct spool_item *item)
{
	return item->type == SPOOL_MESSAGE && !item->has_calendar_link &&
	       (item->flags & FLAGS_NOT_TAKEN) == 0 && item->digest_hash != 0;
}

static void
adding_take(
    struct adding *a, const struct spool_item *item, const struct seed_entry *entry)
{
	struct seed_message *m;
	uint32_t place;

	if (a->count == a->cap) {
		a->cap = a->cap == 0 ? 256 : a->cap * 2;
		a->messages = xrealloc_array(a->messages, a->cap, sizeof(*a->messages));
	}
	m = &a->messages[a->count++];
	*m = (struct seed_message){.id = item->id,
	    .uid = item->imap_id == item->id ? 0 : item->imap_id,
	    .date_s = item->date_s,
	    .from_me = (item->flags & FLAG_FROM_ME) != 0,
	    .is_draft = (item->flags & FLAG_DRAFT) != 0};
	place = seed_place(a->s->t, item->folder_id);
	if (entry != NULL && entry->state == SEED_HERE) {
		m->here = entry->here;
		m->here_uid = entry->uid;
		place = entry->folder;
	} else {
		a->to_come += item->id > a->s->counter && item->id <= a->s->last;
	}
	m->in_junk = place == SEED_JUNK;
}

static void
adding_collect(struct adding *a)
{
	struct seeding *s = a->s;

	for (size_t i = 0; i < s->record.count; i++) {
		struct spool_item item;
		const struct seed_entry *entry;

		if (s->record.types[i] != SPOOL_MESSAGE ||
		    !spool_find(s->t->spool, s->record.ids[i], &item) ||
		    !adding_may(&item))
			continue;
		entry = seed_index_find(&s->index, item.id);
		if (entry == NULL || entry->state == SEED_HERE ||
		    entry->state == SEED_GONE)
			adding_take(a, &item, entry);
	}
}

static void
adding_collect_folders(struct adding *a)
{
	const struct target *t = a->s->t;

	a->folders = xcalloc(t->source.count + 1, sizeof(*a->folders));
	for (size_t i = 0; i < t->source.count; i++) {
		const Wire__Folder *f = t->source.nodes[i];

		if (!tree_is_system(f) && f->id > a->s->counter && f->id <= a->s->last)
			a->folders[a->folder_count++] = (uint32_t)f->id;
	}
	a->later = xcalloc(a->folder_count + 1, sizeof(*a->later));
	validity_later(&t->source, a->folders, a->folder_count, a->later);
}

/* --- what ties messages together --- */

static bool
adding_read_head(
    struct adding *a, const struct spool_item *item, struct buf *head, struct err *e)
{
	char chunk[HEAD_PART];
	size_t got = 1;

	for (uint64_t at = 0; got > 0 && at < SEED_HEADER_MAX; at += got) {
		if (!spool_read_data(
			a->s->t->spool, item, at, chunk, sizeof(chunk), &got, e))
			return false;
		if (!buf_add(head, chunk, got))
			return err_set(e, ERR_REFUSED, "message %u", item->id);
		if (strstr(buf_str(head), "\n\r\n") != NULL ||
		    strstr(buf_str(head), "\n\n") != NULL)
			break;
	}
	return true;
}

static bool
adding_read_keys(
    struct adding *a, struct seed_message *m, struct buf *head, struct err *e)
{
	struct spool *spool = a->s->t->spool;
	struct spool_item item;
	struct seed_keys keys;
	char *meta = NULL;
	json_t *root;

	buf_clear(head);
	if (!spool_find(spool, m->id, &item))
		return true;
	if (!spool_read_meta(spool, &item, &meta, e) ||
	    !adding_read_head(a, &item, head, e)) {
		free(meta);
		return false;
	}
	root = json_loads(meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	free(meta);
	seed_keys_read(buf_str(head), head->len,
	    json_string_value(json_object_get(root, "subject")), &keys);
	json_decref(root);
	while (a->key_count + keys.count > a->key_cap) {
		a->key_cap = a->key_cap == 0 ? 1024 : a->key_cap * 2;
		a->keys = xrealloc_array(a->keys, a->key_cap, sizeof(*a->keys));
	}
	memcpy(a->keys + a->key_count, keys.ids, keys.count * sizeof(*keys.ids));
	m->keys_at = a->key_count;
	m->key_count = (uint16_t)keys.count;
	m->subject = keys.subject;
	m->is_reply = keys.is_reply;
	m->in_reply_to = keys.in_reply_to;
	m->refers = keys.refers;
	m->has_id = keys.has_id;
	a->key_count += keys.count;
	return true;
}

static bool
adding_may_come(struct adding *a, uint32_t id, bool *may_out, struct err *e)
{
	struct spool_item item;

	*may_out = false;
	return !spool_find(a->s->t->spool, id, &item) ||
	       seed_message_may(a->s, &item, may_out, e);
}

/* Those that will not come go out of the list: the model must not know of them. */
static bool
adding_read_all_keys(struct adding *a, struct err *e)
{
	struct buf head;
	size_t kept = 0;
	bool ok = true;

	buf_init(&head, 2 * SEED_HEADER_MAX);
	for (size_t i = 0; ok && i < a->count; i++) {
		bool may = true;

		if (a->messages[i].here == 0)
			ok = adding_may_come(a, a->messages[i].id, &may, e);
		if (ok && may) {
			a->messages[kept] = a->messages[i];
			ok = adding_read_keys(a, &a->messages[kept++], &head, e);
		}
		if (ok && a->s->t->stopped())
			ok = err_set(e, ERR_CANCELLED, "stopped");
	}
	buf_fini(&head);
	a->count = ok ? kept : a->count;
	return ok;
}

/* --- following the plan --- */

/* The first gap is the place of the tag by which the change counter is raised. */
bool
seed_burn(struct seeding *s, uint64_t count, struct err *e)
{
	uint32_t id;

	if (count > 0 && !s->bump_tag_made) {
		s->bump_tag_made = true;
		for (size_t i = 0; i < s->t->here.count; i++) {
			if (steer_is_bump_tag(s->t->here.nodes[i]))
				return steer_burn(&s->steer, count, e) &&
				       seed_read_counter(s, e);
		}
		if (!steer_make_bump_tag(s->t, &id, e) || !target_read_here(s->t, e))
			return false;
		count--;
	}
	return steer_burn(&s->steer, count, e) && seed_read_counter(s, e);
}

/* Those up to last; what was passed waits until the lock, and so does a feed. */
static bool
adding_make_folders(struct adding *a, uint64_t last, struct err *e)
{
	struct seeding *s = a->s;
	const struct tree *source = &s->t->source;

	s->steer.refused.count = 0;
	for (size_t i = 0; i < source->count; i++) {
		const Wire__Folder *f = source->nodes[i];

		if (f->id > last || f->id <= s->counter)
			steer_remember(&s->steer.refused, f->id);
	}
	s->steer.last = last;
	return steer_make_all(&s->steer, e) && seed_read_counter(s, e);
}

static bool
adding_wants_number(const struct adding *a, uint32_t id)
{
	const Wire__Folder *f = tree_find(&a->s->t->source, id);
	size_t at = ids_find(a->folders, a->folder_count, id);

	return f != NULL && at < a->folder_count &&
	       validity_is_to_come(a->s, f, a->later[at]);
}

/* One alone, by the change that it was made by; what is burnt before is a change, too. */
static bool
adding_make_numbered(struct adding *a, uint32_t id, struct err *e)
{
	const Wire__Folder *f = tree_find(&a->s->t->source, id);

	if (id - 1 > a->s->counter && !seed_burn(a->s, id - 1 - a->s->counter, e))
		return false;
	return steer_bump_to(a->s->t, f->rev - 1, a->s->options->change_limit, e) &&
	       adding_make_folders(a, id, e);
}

/* From that event on, as many as go together; *at_out: the last of them. */
static bool
adding_folders(struct adding *a, size_t *at, struct err *e)
{
	const struct seed_plan *p = &a->plan;

	if (adding_wants_number(a, p->events[*at].id))
		return adding_make_numbered(a, p->events[*at].id, e);
	while (*at + 1 < p->count && p->events[*at + 1].kind == SEED_FOLDER &&
	       !adding_wants_number(a, p->events[*at + 1].id))
		++*at;
	return adding_make_folders(a, p->events[*at].id, e);
}

static bool
adding_flush(struct adding *a, struct seed_batch *b, bool *again, struct err *e)
{
	bool once_more;

	if (!seed_batch_send(b, &once_more, e))
		return false;
	*again = *again || once_more;
	a->s->t->progress(a->s->t->ctx, a->s->added, a->to_come, a->s->index.bytes,
	    "filling the target's mailbox");
	return true;
}

/* A long way is gone in a request of its own; so is the first gap of all. */
static bool
adding_go_to(
    struct adding *a, struct seed_batch *b, uint32_t id, bool *again, struct err *e)
{
	uint64_t gap = id - 1 - seed_batch_counter(b);

	if (gap <= BURN_WITH && (a->s->bump_tag_made || gap == 0))
		return true;
	if (!adding_flush(a, b, again, e))
		return false;
	if (id - 1 > a->s->counter && !seed_burn(a->s, id - 1 - a->s->counter, e))
		return false;
	/* The batch begins where the counter is now. */
	return adding_flush(a, b, again, e);
}

static bool
adding_message(struct adding *a, struct seed_batch *b, const struct seed_event *event,
    bool *again, struct err *e)
{
	struct spool_item item;
	bool left;

	if (event->id <= seed_batch_counter(b) ||
	    !spool_find(a->s->t->spool, a->messages[event->message].id, &item))
		return true;
	if (!adding_go_to(a, b, event->id, again, e))
		return false;
	if (*again || event->id <= seed_batch_counter(b))
		return true;
	return seed_batch_message(b, &item, event->id, event->takes > 0, &left, e) &&
	       (!seed_batch_is_full(b) || adding_flush(a, b, again, e));
}

static bool
adding_put_ties(
    struct seed_batch *b, const struct seed_event *event, const char *id, struct err *e)
{
	char own[SEED_TIE_ID_MAX];

	if (event->kind == SEED_TIE)
		return seed_batch_tie(b, event->id, id, true, e);
	snprintf(own, sizeof(own), SEED_TIE_ID, event->id);
	return seed_batch_tie(b, event->id, id, false, e) &&
	       seed_batch_tie(b, event->id + 1, own, true, e);
}

static bool
adding_tie(struct adding *a, struct seed_batch *b, const struct seed_event *event,
    bool *again, struct err *e)
{
	struct spool_item item;
	struct buf head;
	char id[500];
	bool ok = true;

	if (event->id <= seed_batch_counter(b) ||
	    !spool_find(a->s->t->spool, a->messages[event->message].id, &item))
		return true;
	buf_init(&head, 2 * SEED_HEADER_MAX);
	ok = adding_read_head(a, &item, &head, e);
	if (ok && seed_message_id(buf_str(&head), head.len, id, sizeof(id)))
		ok = adding_go_to(a, b, event->id, again, e) &&
		     (event->id <= seed_batch_counter(b) ||
			 adding_put_ties(b, event, id, e));
	buf_fini(&head);
	return ok && (!seed_batch_is_full(b) || adding_flush(a, b, again, e));
}

static bool
adding_uid(struct adding *a, struct seed_batch *b, const struct seed_event *event,
    bool *again, struct err *e)
{
	uint32_t id = a->messages[event->message].id;
	const struct seed_entry *n = seed_index_find(&a->s->index, id);
	bool is_here = n != NULL && n->state == SEED_HERE;

	if (event->id <= seed_batch_counter(b))
		return true;
	/* Its message may be in this very batch; and a conversation that nobody foretold would
	   give it the UID of another. */
	if ((!is_here || seed_batch_count(b) > 0 ||
		event->id - seed_batch_counter(b) > BURN_WITH) &&
	    !adding_flush(a, b, again, e))
		return false;
	if (event->id > seed_batch_counter(b) + BURN_WITH &&
	    (!seed_burn(a->s, event->id - 1 - a->s->counter, e) ||
		!adding_flush(a, b, again, e)))
		return false;
	return seed_batch_uid(b, id, event->id, e) &&
	       (!seed_batch_is_full(b) || adding_flush(a, b, again, e));
}

/*
 * A folder's id must not be passed: shares, filters and mail clients know it. So the last
 * messages before it go one by one, and one too many is seen before it is sent.
 */
static bool
adding_is_near_folder(const struct seed_plan *p, size_t at)
{
	for (size_t i = at + 1;
	     i < p->count && p->events[i].id - p->events[at].id <= NEAR_FOLDER; i++) {
		if (p->events[i].kind == SEED_FOLDER)
			return true;
	}
	return false;
}

static bool
adding_follow(struct adding *a, struct seed_batch *b, bool *again, struct err *e)
{
	const struct seed_plan *p = &a->plan;

	for (size_t i = 0; i < p->count && !*again; i++) {
		const struct seed_event *event = &p->events[i];
		bool ok;

		if (a->s->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (event->kind == SEED_MESSAGE) {
			ok = (!adding_is_near_folder(p, i) ||
				 adding_flush(a, b, again, e)) &&
			     adding_message(a, b, event, again, e);
		} else if (event->kind == SEED_TIE || event->kind == SEED_EARLY_TIE) {
			ok = adding_tie(a, b, event, again, e);
		} else if (event->kind == SEED_UID) {
			ok = adding_uid(a, b, event, again, e);
		} else {
			ok = adding_flush(a, b, again, e) && adding_folders(a, &i, e) &&
			     adding_flush(a, b, again, e);
		}
		if (!ok)
			return false;
	}
	return *again || adding_flush(a, b, again, e);
}

static void
adding_fini(struct adding *a)
{
	free(a->messages);
	free(a->keys);
	free(a->folders);
	free(a->later);
	seed_plan_fini(&a->plan);
	*a = (struct adding){0};
}

/* *again_out: something was refused, and what stood behind it is to be planned anew. */
static bool
adding_round(struct seeding *s, bool *again_out, struct err *e)
{
	struct adding a = {.s = s};
	struct seed_batch *b;
	bool ok = true;

	*again_out = false;
	adding_collect(&a);
	adding_collect_folders(&a);
	if (s->options->when == SEED_LOCKED && a.to_come > LOCKED_MOST) {
		log_info(s->t->log, "%zu messages are left to the import", a.to_come);
		adding_fini(&a);
		return true;
	}
	/* Who waits does not wait until every message was read. */
	s->one_by_one =
	    s->one_by_one || a.to_come <= ONE_BY_ONE || s->options->when == SEED_LOCKED;
	if (!s->one_by_one)
		ok = adding_read_all_keys(&a, e);
	if (ok) {
		seed_plan_make(
		    &(struct seed_plan_in){
			.messages = a.messages,
			.message_count = a.count,
			.keys = a.keys,
			.folders = a.folders,
			.folder_count = a.folder_count,
			.counter = s->counter,
			.last = s->last,
			.threads = !s->one_by_one,
		    },
		    &a.plan);
		b = seed_batch_new(s);
		ok = adding_follow(&a, b, again_out, e);
		seed_batch_free(&b);
		if (ok && (a.plan.passed > 0 || a.plan.in_conflict > 0))
			log_info(s->t->log,
			    "%llu messages whose id was given out already and %llu whose "
			    "conversation would take another's are left to the import",
			    (unsigned long long)a.plan.passed,
			    (unsigned long long)a.plan.in_conflict);
	}
	adding_fini(&a);
	return ok;
}

bool
seed_add_all(struct seeding *s, struct err *e)
{
	bool again = s->options->when != SEED_AFTER;

	for (int round = 0; again && !s->over_quota && round < ROUNDS_MAX; round++) {
		if (!adding_round(s, &again, e))
			return false;
	}
	/* Our own replies: what they made stays. */
	return seed_delete_gone(s, e);
}
