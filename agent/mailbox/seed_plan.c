/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there already is played to the model of conversations first; then everything to
 * come in the order of ids. A message that cannot have its id is left out: an import puts
 * it in after the switch, behind every old id.
 */
#include "agent/mailbox/seed_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/spool.h"
#include "proto/base/xalloc.h"

#define TIES_MAX 4096
#define TIE_TAKES 2 /* ids behind its own, at most */
#define TIE_ROUNDS 12

/* One thing to come, before it is known whether it can be. */
struct coming {
	uint32_t id;
	uint8_t kind;
	uint32_t at; /* of messages */
};

struct tie {
	uint32_t id;
	uint32_t message;
	bool early;
};

struct planning {
	const struct seed_plan_in *in;
	const struct tie *ties;
	size_t tie_count;
	struct tie *wanted; /* of the next round */
	size_t wanted_count;
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

	p->coming = xcalloc(2 * in->message_count + in->folder_count + p->tie_count + 1,
	    sizeof(*p->coming));
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
	for (size_t i = 0; i < p->tie_count; i++)
		p->coming[p->coming_count++] = (struct coming){p->ties[i].id,
		    p->ties[i].early ? SEED_EARLY_TIE : SEED_TIE, p->ties[i].message};
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
	    .from_me = m->from_me,
	    .refers = m->refers,
	    .date_s = m->date_s,
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
plan_add(struct planning *p, const struct coming *c, uint32_t takes)
{
	p->out->events[p->out->count++] = (struct seed_event){
	    .kind = (enum seed_event_kind)c->kind,
	    .id = c->id,
	    .message = c->at,
	    .takes = takes,
	};
	p->counter = (uint64_t)c->id + takes;
}

/* So many ids that nobody wants, between two; 0: there are none. */
static uint32_t
plan_find_gap(const struct planning *p, uint32_t from, uint32_t end, uint32_t width)
{
	uint32_t at = from + 1;

	if (at <= p->in->counter)
		at = (uint32_t)p->in->counter + 1;
	for (size_t i = 0; i < p->out->count && at + width <= end; i++) {
		const struct seed_event *event = &p->out->events[i];
		uint32_t last = event->id + event->takes;

		if (last < at)
			continue;
		if (event->id >= at + width)
			break;
		at = last + 1;
	}
	for (size_t k = 0; k < p->wanted_count; k++) {
		const struct tie *other = &p->wanted[k];

		/* The next round finds another. */
		if (other->id < at + width && at <= other->id + TIE_TAKES)
			return 0;
	}
	return at + width <= end ? at : 0;
}

/* The message of that id, as the target has it or will have it. */
static size_t
plan_find_message(const struct planning *p, uint32_t here)
{
	const struct seed_message *all = p->in->messages;
	size_t low = 0, high = p->in->message_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (all[mid].id < here)
			low = mid + 1;
		else
			high = mid;
	}
	/* Nearly all have their old ids. */
	if (low < p->in->message_count && all[low].id == here &&
	    (all[low].here == 0 || all[low].here == here))
		return low;
	for (low = 0; low < p->in->message_count; low++) {
		if (all[low].here == here)
			break;
	}
	return low;
}

/* Does it look for a conversation when it comes? */
static bool
message_looks(const struct seed_message *m)
{
	return !m->in_junk &&
	       (m->in_reply_to || m->is_reply || (m->subject != 0 && !m->from_me));
}

static void
plan_tie(struct planning *p, size_t i, const struct seed_threaded *m)
{
	uint32_t first = seed_threads_first(p->threads, m);
	size_t at = plan_find_message(p, first);
	struct tie tie = {.message = (uint32_t)at};

	p->out->in_conflict++;
	if (at == p->in->message_count || !p->in->messages[at].has_id ||
	    p->wanted_count == TIES_MAX)
		return;
	for (size_t k = 0; k < p->wanted_count; k++) {
		if (p->wanted[k].message == at)
			return;
	}
	tie.id = plan_find_gap(p, first, p->coming[i].id, 2);
	if (tie.id == 0 && p->in->messages[at].here == 0 &&
	    message_looks(&p->in->messages[at])) {
		tie.id = plan_find_gap(p, (uint32_t)p->in->counter, first, 3);
		tie.early = true;
	}
	if (tie.id != 0)
		p->wanted[p->wanted_count++] = tie;
}

static void
plan_message(struct planning *p, size_t i)
{
	const struct coming *c = &p->coming[i];
	struct seed_threaded m = plan_threaded(p, c->at, c->id);
	bool makes = p->in->threads && seed_threads_would(p->threads, &m);

	if (makes && plan_is_taken(p, i + 1, c->id + 1)) {
		plan_tie(p, i, &m);
		return;
	}
	if (p->in->threads)
		(void)seed_threads_add(p->threads, &m);
	p->is_in[c->at] = true;
	plan_add(p, c, makes ? 1 : 0);
}

/* It answers the message, whose conversation has nobody else in it: made by this. */
static void
plan_put_tie(struct planning *p, const struct coming *c)
{
	const struct seed_message *to = &p->in->messages[c->at];
	struct seed_threaded m = {.id = c->id,
	    .in_reply_to = true,
	    .refers = true,
	    .date_s = to->date_s,
	    .ids = p->in->keys + to->keys_at,
	    .count = 1};

	if (p->is_in[c->at] && seed_threads_would(p->threads, &m)) {
		(void)seed_threads_add(p->threads, &m);
		plan_add(p, c, 1);
		p->out->ties++;
	}
}

static uint64_t
tie_key(uint32_t id)
{
	char text[SEED_TIE_ID_MAX];

	snprintf(text, sizeof(text), SEED_TIE_ID, id);
	return spool_hash(text, strlen(text));
}

/* The first refers to the message that is to come; the second answers the first. */
static void
plan_put_early_tie(struct planning *p, const struct coming *c)
{
	const struct seed_message *to = &p->in->messages[c->at];
	const uint64_t first[] = {tie_key(c->id), p->in->keys[to->keys_at]};
	const uint64_t second[] = {tie_key(c->id + 1), first[0]};
	const struct seed_threaded mail = {
	    .id = c->id, .refers = true, .date_s = to->date_s, .ids = first, .count = 2};
	const struct seed_threaded reply = {.id = c->id + 1,
	    .in_reply_to = true,
	    .refers = true,
	    .date_s = to->date_s,
	    .ids = second,
	    .count = 2};

	if (p->is_in[c->at])
		return;
	(void)seed_threads_add(p->threads, &mail);
	(void)seed_threads_add(p->threads, &reply);
	plan_add(p, c, 2);
	p->out->ties++;
}

static void
plan_round(const struct seed_plan_in *in, const struct tie *ties, size_t tie_count,
    struct tie *wanted, size_t *wanted_count, struct seed_plan *out)
{
	struct planning p = {.in = in,
	    .out = out,
	    .ties = ties,
	    .tie_count = tie_count,
	    .wanted = wanted,
	    .counter = in->counter};

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
		else if (c->kind == SEED_TIE)
			plan_put_tie(&p, c);
		else if (c->kind == SEED_EARLY_TIE)
			plan_put_early_tie(&p, c);
		else if (c->kind == SEED_FOLDER || p.is_in[c->at])
			plan_add(&p, c, 0);
	}
	seed_threads_free(&p.threads);
	free(p.is_in);
	free(p.coming);
	*wanted_count = p.wanted_count;
}

/* Each round with the ties that the one before lacked, as long as it gets better. */
void
seed_plan_make(const struct seed_plan_in *in, struct seed_plan *out)
{
	struct tie *ties = xcalloc(TIES_MAX, sizeof(*ties));
	struct tie *wanted = xcalloc(TIES_MAX, sizeof(*wanted));
	size_t tie_count = 0, wanted_count;

	plan_round(in, ties, 0, wanted, &wanted_count, out);
	for (int round = 0; round < TIE_ROUNDS && wanted_count > 0; round++) {
		struct seed_plan next;
		size_t more = tie_count + wanted_count <= TIES_MAX ? wanted_count : 0;

		memcpy(ties + tie_count, wanted, more * sizeof(*ties));
		plan_round(in, ties, tie_count + more, wanted, &wanted_count, &next);
		if (next.in_conflict >= out->in_conflict) {
			seed_plan_fini(&next);
			break;
		}
		seed_plan_fini(out);
		*out = next;
		tie_count += more;
	}
	free(ties);
	free(wanted);
}

void
seed_plan_fini(struct seed_plan *p)
{
	free(p->events);
	*p = (struct seed_plan){0};
}
