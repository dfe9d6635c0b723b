/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: arrays in, outcomes out. Not here: reading either side (verify_run.c). */
#include "agent/mailbox/verify.h"

#include <string.h>

#include "agent/mailbox/ids.h"

/* Flags, tags and folder are its owner's; what a message says and when it came is nobody's,
   but a draft's. */
static bool
verify_is_persons(const struct verify_pair *p)
{
	return p->newer && (p->want.type != SPOOL_MESSAGE || match_is_draft(&p->want) ||
			       (p->bits & (MATCH_CONTENT | MATCH_DATE)) == 0);
}

/* A message that came after the opening and is as it came; of a draft nobody can tell. */
static bool
verify_came_so(const struct match_item *item, const struct verify_changes *changes)
{
	return item->type == SPOOL_MESSAGE && !match_is_draft(item) &&
	       item->id > changes->opened_id &&
	       ids_have(changes->untouched, changes->untouched_count, item->id);
}

static void
verify_take(struct verify_pair *p, struct match_item *have)
{
	have->claimed = true;
	p->have_id = have->id;
	p->bits = match_differs(&p->want, have);
	/* What an import put in after the opening is nobody's change. */
	p->newer = have->newer && !have->untouched;
	if (p->bits == 0)
		p->outcome = VERIFY_EQUAL;
	else
		p->outcome = verify_is_persons(p) ? VERIFY_PERSON : VERIFY_DIFFERS;
}

static void
verify_by_id(struct verify_pair *p, const struct match_set *set,
    const struct verify_changes *changes, bool whole)
{
	struct match_item *have = match_by_id(set, p->target_id);

	if (have != NULL && !have->claimed)
		verify_take(p, have);
	else if (ids_have(changes->deleted, changes->deleted_count, p->target_id))
		p->outcome = VERIFY_PERSON;
	else
		p->outcome = whole || have != NULL ? VERIFY_MISSING : VERIFY_ELSEWHERE;
}

void
verify_match(struct verify_pair *pairs, size_t count, struct match_set *set,
    const struct verify_changes *changes, bool whole)
{
	for (size_t i = 0; i < set->count; i++) {
		struct match_item *item = &set->items[i];

		item->newer =
		    ids_have(changes->changed, changes->changed_count, item->id);
		item->untouched = verify_came_so(item, changes);
	}
	for (size_t i = 0; i < count; i++) {
		if (pairs[i].outcome == VERIFY_OPEN && pairs[i].target_id != 0)
			verify_by_id(&pairs[i], set, changes, whole);
	}
	for (int grade = 0; grade < MATCH_GRADE_COUNT; grade++) {
		for (size_t i = 0; i < count; i++) {
			struct match_item *have;

			if (pairs[i].outcome != VERIFY_OPEN)
				continue;
			have = match_claim(set, &pairs[i].want, (enum match_grade)grade);
			if (have != NULL)
				verify_take(&pairs[i], have);
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (pairs[i].outcome == VERIFY_OPEN)
			pairs[i].outcome = VERIFY_MISSING;
	}
}

bool
verify_is_double(const struct match_set *set, const struct match_item *item)
{
	const struct match_item *first = item, *last = item;

	if (item->claimed || item->newer)
		return false;
	while (first > set->items && first[-1].content == item->content)
		first--;
	while (last + 1 < set->items + set->count && last[1].content == item->content)
		last++;
	for (const struct match_item *m = first; m <= last; m++) {
		if (m != item && m->claimed && m->folder_id == item->folder_id)
			return true;
	}
	return false;
}

void
verify_explain(
    const struct verify_pair *p, const struct match_item *have, struct buf *out)
{
	const char *word = NULL;

	if (p->outcome == VERIFY_MISSING)
		word = "missing";
	else if (p->outcome == VERIFY_PERSON && p->have_id == 0)
		word = "deleted";
	if (word != NULL) {
		if (!buf_add_str(out, word))
			BUG("a word does not fit its buffer");
		return;
	}
	if (have != NULL && p->bits != 0)
		match_explain(&p->want, have, p->bits, out);
}

/* --- text --- */

static uint64_t
text_hash(uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * 1099511628211u;
}

void
verify_text_begin(struct verify_text *x)
{
	*x = (struct verify_text){.whole = 14695981039346656037u,
	    .body = 14695981039346656037u,
	    .at_line_start = true};
}

static void
text_put(struct verify_text *x, char c)
{
	x->whole = text_hash(x->whole, c);
	if (!x->in_body && (c & 0x80) != 0)
		x->has_8bit_header = true;
	if (x->in_body)
		x->body = text_hash(x->body, c);
	else if (c == '\n' && x->at_line_start)
		x->in_body = true;
	x->at_line_start = c == '\n';
}

void
verify_text_feed(struct verify_text *x, const void *data, size_t len)
{
	const char *p = data;

	for (size_t i = 0; i < len; i++) {
		if (x->has_cr && p[i] != '\n')
			text_put(x, '\r');
		x->has_cr = p[i] == '\r';
		if (!x->has_cr)
			text_put(x, p[i]);
	}
}

void
verify_text_end(struct verify_text *x)
{
	if (x->has_cr)
		text_put(x, '\r');
	x->has_cr = false;
	if (!x->at_line_start)
		text_put(x, '\n');
}
