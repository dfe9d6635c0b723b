/* SPDX-License-Identifier: Apache-2.0 */
/* A heap of events by time, then by order of arrival; and chance from a seed. */
#include <stdlib.h>

#include "proto/base/xalloc.h"
#include "tests/sim/sim.h"

struct sim_event {
	uint64_t at_ms, seq;
	uint32_t life;
	sim_fn fn;
	void *arg;
	uint32_t a, b;
	void (*drop)(struct sim *s, void *arg);
};

static bool
event_before(const struct sim_event *x, const struct sim_event *y)
{
	return x->at_ms != y->at_ms ? x->at_ms < y->at_ms : x->seq < y->seq;
}

static void
heap_swap(struct sim *s, size_t i, size_t k)
{
	struct sim_event *t = s->heap[i];

	s->heap[i] = s->heap[k];
	s->heap[k] = t;
}

void
sim_at(struct sim *s, uint64_t delay_ms, uint32_t life, sim_fn fn, void *arg, uint32_t a,
    uint32_t b, void (*drop)(struct sim *s, void *arg))
{
	struct sim_event *e = XNEW(struct sim_event);
	size_t i = s->heap_count;

	*e = (struct sim_event){
	    s->now_ms + delay_ms, ++s->next_seq, life, fn, arg, a, b, drop};
	if (s->heap_count == s->heap_capacity) {
		s->heap_capacity = s->heap_capacity == 0 ? 64 : s->heap_capacity * 2;
		s->heap = xrealloc_array(s->heap, s->heap_capacity, sizeof(*s->heap));
	}
	s->heap[s->heap_count++] = e;
	for (; i > 0 && event_before(s->heap[i], s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap_swap(s, i, (i - 1) / 2);
}

static struct sim_event *
heap_take(struct sim *s)
{
	struct sim_event *e = s->heap[0];
	size_t i = 0;

	s->heap[0] = s->heap[--s->heap_count];
	for (;;) {
		size_t least = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < s->heap_count; k++) {
			if (event_before(s->heap[k], s->heap[least]))
				least = k;
		}
		if (least == i)
			return e;
		heap_swap(s, i, least);
		i = least;
	}
}

bool
sim_step(struct sim *s)
{
	struct sim_event e;
	struct sim_event *taken;

	if (s->heap_count == 0)
		return false;
	taken = heap_take(s);
	e = *taken;
	free(taken); /* fn may leave by longjmp when the controller dies */
	if (e.at_ms > s->now_ms)
		s->now_ms = e.at_ms;
	if (e.life != 0 && e.life != s->life) {
		if (e.drop != NULL)
			e.drop(s, e.arg);
		return true;
	}
	e.fn(s, e.arg, e.a, e.b);
	return true;
}

void
sim_clear(struct sim *s)
{
	while (s->heap_count > 0) {
		struct sim_event *e = heap_take(s);

		if (e->drop != NULL)
			e->drop(s, e->arg);
		free(e);
	}
	free(s->heap);
	s->heap = NULL;
	s->heap_capacity = 0;
}

uint32_t
sim_random(struct sim *s, uint32_t below)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return below == 0 ? 0 : (uint32_t)(s->random >> 11) % below;
}
