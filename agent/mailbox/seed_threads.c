/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys lead to conversations, conversations are joined: a table of keys and a forest.
 * Zimbra prefers the largest conversation, and finds one by its subject unless its date is
 * a month older.
 */
#include "agent/mailbox/seed_threads.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

#define MONTH_S (31 * 86400)
#define FOREVER INT64_MAX
#define NONE UINT32_MAX

struct thread {		   /* one conversation; joined ones lead to another */
	uint32_t leads_to; /* itself: a root */
	uint32_t size;
	uint32_t label; /* its id; of a single message the message's */
	bool is_real;
	int64_t date_s; /* of its last message; that of a joined one is always new */
};

struct key_slot {
	uint64_t key; /* 0 = free */
	uint32_t thread;
};

struct seed_threads {
	struct thread *threads;
	size_t count, cap;
	struct key_slot *slots;
	size_t slot_count, slots_used;
};

struct seed_threads *
seed_threads_new(void)
{
	struct seed_threads *t = XNEW(struct seed_threads);

	t->slot_count = 1024;
	t->slots = xcalloc(t->slot_count, sizeof(*t->slots));
	return t;
}

void
seed_threads_free(struct seed_threads **t)
{
	if (*t == NULL)
		return;
	free((*t)->threads);
	free((*t)->slots);
	xfree(t);
}

/* --- keys --- */

static struct key_slot *
key_slot(const struct seed_threads *t, uint64_t key)
{
	size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (t->slot_count - 1);

	while (t->slots[at].key != 0 && t->slots[at].key != key)
		at = (at + 1) & (t->slot_count - 1);
	return &t->slots[at];
}

static void
keys_grow(struct seed_threads *t)
{
	struct key_slot *old = t->slots;
	size_t old_count = t->slot_count;

	t->slot_count *= 2;
	t->slots = xcalloc(t->slot_count, sizeof(*t->slots));
	for (size_t i = 0; i < old_count; i++) {
		if (old[i].key != 0)
			*key_slot(t, old[i].key) = old[i];
	}
	free(old);
}

static void
key_set(struct seed_threads *t, uint64_t key, uint32_t thread)
{
	struct key_slot *slot;

	if (t->slots_used * 4 >= t->slot_count * 3)
		keys_grow(t);
	slot = key_slot(t, key);
	t->slots_used += slot->key == 0;
	*slot = (struct key_slot){key, thread};
}

static uint32_t
thread_root(struct seed_threads *t, uint32_t at)
{
	while (t->threads[at].leads_to != at) {
		t->threads[at].leads_to = t->threads[t->threads[at].leads_to].leads_to;
		at = t->threads[at].leads_to;
	}
	return at;
}

static uint32_t
key_thread(struct seed_threads *t, uint64_t key)
{
	const struct key_slot *slot = key_slot(t, key);

	return slot->key == 0 ? NONE : thread_root(t, slot->thread);
}

/* --- looking up --- */

/* The largest first; a real one before a single message; then the older one. */
static bool
thread_is_before(const struct thread *a, const struct thread *b)
{
	if (a->size != b->size)
		return a->size > b->size;
	if (a->is_real != b->is_real)
		return a->is_real;
	return a->label < b->label;
}

/* Roots that the message belongs to; the one that stays comes first. */
static size_t
threads_match(struct seed_threads *t, const struct seed_threaded *m,
    uint32_t out[SEED_KEYS_MAX + 1])
{
	size_t found = 0;

	if (m->in_junk ||
	    (!m->in_reply_to && !m->is_reply && (m->from_me || m->subject == 0)))
		return 0;
	for (size_t i = 0; i < m->count && i < SEED_KEYS_MAX; i++) {
		uint32_t root = key_thread(t, m->ids[i]);
		size_t k = 0;

		while (k < found && out[k] != root)
			k++;
		if (root != NONE && k == found)
			out[found++] = root;
	}
	if (found == 0 && m->is_reply && m->subject != 0 && !m->refers) {
		out[0] = key_thread(t, m->subject);
		found = out[0] != NONE &&
			(t->threads[out[0]].date_s == FOREVER ||
			    m->date_s <= t->threads[out[0]].date_s + MONTH_S);
	}
	for (size_t i = 1; i < found; i++) {
		if (thread_is_before(&t->threads[out[i]], &t->threads[out[0]])) {
			uint32_t first = out[i];

			out[i] = out[0];
			out[0] = first;
		}
	}
	return found;
}

bool
seed_threads_would(struct seed_threads *t, const struct seed_threaded *m)
{
	uint32_t roots[SEED_KEYS_MAX + 1];

	return threads_match(t, m, roots) > 0 && !t->threads[roots[0]].is_real;
}

uint32_t
seed_threads_first(struct seed_threads *t, const struct seed_threaded *m)
{
	uint32_t roots[SEED_KEYS_MAX + 1];

	return threads_match(t, m, roots) == 0 ? 0 : t->threads[roots[0]].label;
}

/* --- adding --- */

static uint32_t
thread_new(struct seed_threads *t, const struct seed_threaded *m)
{
	if (t->count == t->cap) {
		t->cap = t->cap == 0 ? 1024 : t->cap * 2;
		t->threads = xrealloc_array(t->threads, t->cap, sizeof(*t->threads));
	}
	t->threads[t->count] =
	    (struct thread){(uint32_t)t->count, 1, m->id, false, m->date_s};
	return (uint32_t)t->count++;
}

static void
threads_join(struct seed_threads *t, const uint32_t *roots, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		t->threads[roots[i]].leads_to = roots[0];
		t->threads[roots[0]].size += t->threads[roots[i]].size;
	}
}

bool
seed_threads_add(struct seed_threads *t, const struct seed_threaded *m)
{
	uint32_t roots[SEED_KEYS_MAX + 1];
	size_t found = threads_match(t, m, roots);
	bool makes = found > 0 && !t->threads[roots[0]].is_real;
	uint32_t mine;

	if (m->in_junk)
		return false;
	if (found == 0) {
		mine = thread_new(t, m);
	} else {
		mine = roots[0];
		threads_join(t, roots, found);
		t->threads[mine].size++;
		if (!makes)
			t->threads[mine].date_s = FOREVER;
		else if (m->date_s > t->threads[mine].date_s)
			t->threads[mine].date_s = m->date_s;
		if (makes) {
			t->threads[mine].is_real = true;
			t->threads[mine].label = m->id + 1;
		}
	}
	if (m->is_draft)
		return makes;
	for (size_t i = 0; i < m->count; i++)
		key_set(t, m->ids[i], mine);
	if (m->subject != 0)
		key_set(t, m->subject, mine);
	return makes;
}
