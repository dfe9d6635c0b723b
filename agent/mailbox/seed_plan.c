/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there already is played to the model of conversations first; then everything to
 * come in the order of ids. A message that cannot have its id is left out: an import puts
 * it in after the switch, behind every old id.
 */
#include "agent/mailbox/seed_plan.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

/* One thing to come, before it is known whether it can be. */
struct coming {
	uint32_t id;
	uint8_t kind;
	uint32_t at; /* of messages */
};

struct planning {
	const struct seed_plan_in *in;
	struct seed_plan *out;
	struct seed_threads *threads;
	struct coming *coming;
	size_t coming_count;
	bool *is_in; /* by message: there, or planned */
	uint64_t counter;
};

static int
compare_coming(const void *a, const void *b)
{
	const struct coming *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

static void
plan_collect(struct planning *p)
{
	const struct seed_plan_in *in = p->in;

	p->coming =
	    xcalloc(2 * in->message_count + in->folder_count + 1, sizeof(*p->coming));
	for (size_t i = 0; i < in->message_count; i++) {
		const struct seed_message *m = &in->messages[i];

		if (m->here == 0)
			p->coming[p->coming_count++] =
			    (struct coming){m->id, SEED_MESSAGE, (uint32_t)i};
		if (m->uid != 0 && m->here_uid != m->uid)
			p->coming[p->coming_count++] =
			    (struct coming){m->uid, SEED_UID, (uint32_t)i};
	}
	for (size_t i = 0; i < in->folder_count; i++)
		p->coming[p->coming_count++] =
		    (struct coming){in->folders[i], SEED_FOLDER, 0};
	qsort(p->coming, p->coming_count, sizeof(*p->coming), compare_coming);
}

static struct seed_threaded
plan_threaded(const struct planning *p, size_t at, uint32_t id)
{
	const struct seed_message *m = &p->in->messages[at];

	return (struct seed_threaded){
	    .id = id,
	    .is_draft = m->is_draft,
	    .in_junk = m->in_junk,
	    .in_sent = m->in_sent,
	    .is_reply = m->is_reply,
	    .in_reply_to = m->in_reply_to,
	    .ids = p->in->keys + m->keys_at,
	    .count = m->key_count,
	    .subject = m->subject,
	};
}

static int
compare_here(const void *a, const void *b, void *ctx)
{
	const struct seed_message *messages = ctx;
	uint32_t x = messages[*(const uint32_t *)a].here;
	uint32_t y = messages[*(const uint32_t *)b].here;

	return (x > y) - (x < y);
}

/* What is on the target came in the order of its ids there. */
static void
plan_replay(struct planning *p)
{
	const struct seed_plan_in *in = p->in;
	uint32_t *order = xcalloc(in->message_count + 1, sizeof(*order));
	size_t count = 0;

	for (size_t i = 0; i < in->message_count; i++) {
		if (in->messages[i].here == 0)
			continue;
		p->is_in[i] = true;
		order[count++] = (uint32_t)i;
	}
	if (in->threads && count > 0)
		qsort_r(order, count, sizeof(*order), compare_here,
		    (void *)(uintptr_t)in->messages);
	for (size_t i = 0; in->threads && i < count; i++) {
		struct seed_threaded m =
		    plan_threaded(p, order[i], in->messages[order[i]].here);

		(void)seed_threads_add(p->threads, &m);
	}
	free(order);
}

/* A folder, or a message that is wanted at that id. A UID can be given out later. */
static bool
plan_is_taken(const struct planning *p, size_t from, uint32_t id)
{
	for (size_t i = from; i < p->coming_count && p->coming[i].id <= id; i++) {
		if (p->coming[i].id == id && p->coming[i].kind != SEED_UID)
			return true;
	}
	return false;
}

static void
plan_add(struct planning *p, const struct coming *c, bool makes)
{
	p->out->events[p->out->count++] = (struct seed_event){
	    .kind = (enum seed_event_kind)c->kind,
	    .id = c->id,
	    .message = c->at,
	    .makes = makes,
	};
	p->counter = (uint64_t)c->id + (makes ? 1 : 0);
}

static void
plan_message(struct planning *p, size_t i)
{
	const struct coming *c = &p->coming[i];
	struct seed_threaded m = plan_threaded(p, c->at, c->id);
	bool makes = p->in->threads && seed_threads_would(p->threads, &m);

	if (makes && plan_is_taken(p, i + 1, c->id + 1)) {
		p->out->in_conflict++;
		return;
	}
	if (p->in->threads)
		(void)seed_threads_add(p->threads, &m);
	p->is_in[c->at] = true;
	plan_add(p, c, makes);
}

void
seed_plan_make(const struct seed_plan_in *in, struct seed_plan *out)
{
	struct planning p = {.in = in, .out = out, .counter = in->counter};

	*out = (struct seed_plan){0};
	p.threads = seed_threads_new();
	p.is_in = xcalloc(in->message_count + 1, sizeof(*p.is_in));
	plan_collect(&p);
	plan_replay(&p);
	out->events = xcalloc(p.coming_count + 1, sizeof(*out->events));
	for (size_t i = 0; i < p.coming_count && p.coming[i].id <= in->last; i++) {
		const struct coming *c = &p.coming[i];

		if (c->id <= p.counter)
			out->passed += c->kind == SEED_MESSAGE;
		else if (c->kind == SEED_MESSAGE)
			plan_message(&p, i);
		else if (c->kind == SEED_FOLDER || p.is_in[c->at])
			plan_add(&p, c, false);
	}
	seed_threads_free(&p.threads);
	free(p.is_in);
	free(p.coming);
}

void
seed_plan_fini(struct seed_plan *p)
{
	free(p->events);
	*p = (struct seed_plan){0};
}
