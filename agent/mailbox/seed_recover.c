/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was sent and whose answer is not known is looked for id by id, when the server has
 * come to rest: a message that is there becomes the first, in the order of sending, that it
 * can be by size, folder and date. What is nowhere never came.
 */
#include <stdlib.h>
#include <time.h>

#include "agent/mailbox/items.h"
#include "agent/mailbox/seed_private.h"
#include "proto/base/xalloc.h"

#define LOOK_IDS 200  /* in one request */
#define QUIET_LOOKS 3 /* seconds without a new id */
#define LONG_LOOKS 15
#define QUIET_WAIT_MAX 120

static bool
recover_wait(struct seeding *s, int looks, struct err *e)
{
	const struct timespec second = {.tv_sec = 1};
	uint64_t before = 0;
	int quiet = 0;

	for (int waited = 0; waited < QUIET_WAIT_MAX; waited++) {
		if (s->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!seed_read_counter(s, e))
			return false;
		quiet = s->counter == before ? quiet + 1 : 0;
		before = s->counter;
		if (quiet >= looks)
			return true;
		nanosleep(&second, NULL);
	}
	return err_set(e, ERR_RETRY,
	    "a request whose answer was lost is still going on after %d s",
	    QUIET_WAIT_MAX);
}

static bool
recover_is_known(const struct seeding *s, uint32_t here)
{
	for (size_t i = 0; i < s->index.count; i++) {
		if (s->index.entries[i].state == SEED_HERE &&
		    s->index.entries[i].here == here)
			return true;
	}
	return false;
}

/* What lies there and nobody knows of. */
struct found {
	uint32_t id, folder;
	uint64_t size, date_ms;
};

struct looking {
	struct found *items;
	size_t count, cap;
};

static bool
recover_can_be(struct seeding *s, const struct seed_entry *n, const struct found *f)
{
	struct spool_item item;

	if (n->state != SEED_SENT || n->folder != f->folder)
		return false;
	/* At its own place it may have come with other bytes. */
	if (n->size != f->size && n->here != f->id)
		return false;
	/* One of our own has the date of its coming. */
	return !spool_find(s->t->spool, n->id, &item) ||
	       n->digest_hash == SEED_TIE_DIGEST ||
	       (uint64_t)(item.date_s < 0 ? 0 : item.date_s) * 1000 == f->date_ms;
}

/* exact: at the id foretold; otherwise the first that it can be, in the order of sending. */
static bool
recover_take(struct seeding *s, struct found *f, bool exact, struct err *e)
{
	for (size_t i = 0; i < s->index.count && f->id != 0; i++) {
		struct seed_entry n = s->index.entries[i];

		if (!recover_can_be(s, &n, f) || (exact && n.here != f->id))
			continue;
		n.here = n.uid = f->id;
		n.state = SEED_HERE;
		if (n.size != f->size) {
			if (!target_action(s->t, "delete", &f->id, 1, NULL, NULL, e))
				return false;
			n.state = SEED_LEFT;
		}
		f->id = 0;
		if (!seed_index_set(&s->index, &n, e))
			return false;
	}
	return true;
}

static void
recover_note(struct seeding *s, struct looking *x, const struct soap_node *m)
{
	struct found f = {.id = target_id_of(m, "id"), .folder = target_id_of(m, "l")};

	if (f.id == 0 || recover_is_known(s, f.id) || !soap_get_uint(m, "s", &f.size) ||
	    !soap_get_uint(m, "d", &f.date_ms))
		return;
	if (x->count == x->cap) {
		x->cap = x->cap == 0 ? 64 : x->cap * 2;
		x->items = xrealloc_array(x->items, x->cap, sizeof(*x->items));
	}
	x->items[x->count++] = f;
}

static bool
recover_look(
    struct seeding *s, struct looking *x, uint32_t from, uint32_t to, struct err *e)
{
	struct soap_request *r = target_batch(s->t, false);
	struct soap_answer *answer = NULL;
	bool ok;

	for (uint32_t id = from; id <= to; id++) {
		soap_batch_add(r, SOAP_MAIL, "GetItemRequest");
		soap_open(r, "item");
		soap_attr_uint(r, "id", id);
		soap_close(r);
	}
	ok = target_send(s->t, r, &answer, e);
	for (const struct soap_node *part = ok ? soap_child(soap_body(answer), NULL)
					       : NULL;
	     part != NULL; part = soap_next(part, NULL)) {
		const struct soap_node *m = soap_child(part, "m");

		if (m != NULL)
			recover_note(s, x, m);
	}
	soap_answer_free(&answer);
	return ok;
}

/* At their places first, so that none takes another's. */
static bool
recover_match(struct seeding *s, struct looking *x, struct err *e)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < x->count; i++) {
			if (!recover_take(s, &x->items[i], pass == 0, e))
				return false;
		}
	}
	return true;
}

/* A message that is nowhere never came. */
static bool
recover_forget(struct seeding *s, struct err *e)
{
	for (size_t i = 0; i < s->index.count; i++) {
		struct seed_entry n = s->index.entries[i];

		if (n.state != SEED_SENT)
			continue;
		n.state = SEED_GONE;
		if (!seed_index_set(&s->index, &n, e))
			return false;
	}
	return seed_index_sync(&s->index, e);
}

static bool
recover_round(struct seeding *s, uint32_t first, struct err *e)
{
	struct looking x = {0};
	bool ok = true;

	for (uint64_t at = first; ok && at <= s->counter; at += LOOK_IDS) {
		uint64_t to = at + LOOK_IDS - 1;

		ok = recover_look(s, &x, (uint32_t)at,
		    (uint32_t)(to < s->counter ? to : s->counter), e);
	}
	ok = ok && recover_match(s, &x, e);
	free(x.items);
	return ok;
}

bool
seed_recover(struct seeding *s, struct err *e)
{
	uint32_t first = UINT32_MAX;
	size_t count = 0;

	for (size_t i = 0; i < s->index.count; i++) {
		if (s->index.entries[i].state != SEED_SENT)
			continue;
		count++;
		if (s->index.entries[i].here < first)
			first = s->index.entries[i].here;
	}
	if (count == 0)
		return true;
	log_info(s->t->log,
	    "%zu messages were sent and their result is not known: looking", count);
	/* A conversation that nobody foretold, or one that was not made, moves them by a few. */
	first = first > STEER_FRESH + count ? first - (uint32_t)count : STEER_FRESH;
	if (!recover_wait(s, QUIET_LOOKS, e) || !recover_round(s, first, e))
		return err_wrap(e, "looking for what was sent");
	/* Not all of it: the server may be at a large one, or was never asked. */
	if (s->index.sent > 0 &&
	    (!recover_wait(
		 s, s->options->when == SEED_EARLY ? LONG_LOOKS : QUIET_LOOKS, e) ||
		!recover_round(s, first, e)))
		return err_wrap(e, "looking for what was sent");
	return recover_forget(s, e);
}
