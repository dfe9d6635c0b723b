/* SPDX-License-Identifier: Apache-2.0 */
/* What came of it: which folder is which, and what each has unlike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/steer_private.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define MISSES_MAX 100

const char *
steer_reason_of(const struct steering *s, uint64_t id, const char *otherwise)
{
	for (size_t i = s->reason_count; i > 0; i--) {
		if (s->reasons[i - 1].id == id)
			return s->reasons[i - 1].text;
	}
	return otherwise;
}

size_t
steer_times_refused(const struct steering *s, uint64_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < s->reason_count; i++)
		n += s->reasons[i].id == id;
	return n;
}

static void
steer_add_miss(
    struct steering *s, Wire__SteerFacts *facts, const Wire__Folder *f, const char *why)
{
	Wire__Miss *miss;
	struct buf label;
	char *text;

	facts->miss_count++;
	if (facts->n_misses == MISSES_MAX)
		return;
	if (facts->misses == NULL)
		facts->misses = xcalloc(MISSES_MAX, sizeof(*facts->misses));
	buf_init(&label, 8192);
	text = xstrdup(tree_label(&s->t->source, f, &label));
	buf_fini(&label);
	if (strlen(text) > LIMIT_TEXT)
		text[LIMIT_TEXT] = '\0';
	utf8_tidy(text);
	miss = XNEW(Wire__Miss);
	wire__miss__init(miss);
	miss->item_id = f->id;
	miss->what = frame_bytes(text);
	miss->why = frame_bytes(xstrdup(why));
	facts->misses[facts->n_misses++] = miss;
}

static void
steer_judge(struct steering *s, const Wire__Folder *f, struct target_pair *pair,
    bool *moved_out, Wire__SteerFacts *facts)
{
	struct target *t = s->t;
	uint64_t id = steer_counterpart(&t->source, &t->here, f);
	const Wire__Folder *have = tree_find(&t->here, id);
	unsigned bits = have == NULL ? 0 : steer_unlike(&t->source, &t->here, f, have);
	char why[LIMIT_TEXT];
	struct buf what;

	*moved_out = id != f->id;
	*pair = (struct target_pair){(uint32_t)f->id, (uint32_t)id};
	if (id == f->id && bits == 0) {
		facts->exact++;
		return;
	}
	buf_init(&what, 400);
	steer_explain(bits, &what);
	if (id == 0)
		snprintf(why, sizeof(why), "could not be made: %s",
		    steer_reason_of(s, f->id, "its parent could not be made"));
	else if (id != f->id)
		snprintf(why, sizeof(why), "has id %llu now, because %s%s%s",
		    (unsigned long long)id,
		    steer_reason_of(s, f->id, "its old one had been given out already"),
		    bits == 0 ? "" : "; unlike: ", buf_str(&what));
	else
		snprintf(why, sizeof(why), "unlike: %s%s%s", buf_str(&what),
		    steer_times_refused(s, f->id) == 0 ? "" : ": ",
		    steer_reason_of(s, f->id, ""));
	buf_fini(&what);
	steer_add_miss(s, facts, f, why);
}

bool
steer_report(struct steering *s, Wire__SteerFacts *facts, struct err *e)
{
	struct target *t = s->t;
	struct target_pair *pairs = xcalloc(t->source.count + 1, sizeof(*pairs));
	size_t count = 0;
	bool moved, ok;

	for (size_t i = 0; i < t->source.count; i++) {
		if (tree_is_system(t->source.nodes[i]))
			continue;
		facts->wanted++;
		steer_judge(s, t->source.nodes[i], &pairs[count], &moved, facts);
		if (moved)
			count++;
	}
	ok = target_set_pairs(t, pairs, count, e);
	free(pairs);
	return ok;
}
