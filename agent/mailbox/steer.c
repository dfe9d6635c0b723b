/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan. All goes well: ids ascend, each gap is burnt, each folder created under its
 * parent. A parent with a higher id than its child: the child waits at the root under
 * another name. An id that was passed: the folder comes after the source's last id,
 * where it can take nobody's place. Not here: talking to Zimbra (steer_run.c).
 */
#include "agent/mailbox/steer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/ids.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

void
steer_temporary_name(const Wire__Folder *f, char out[40])
{
	snprintf(out, 40, STEER_TEMPORARY "%llu", (unsigned long long)f->id);
}

/* --- what is there --- */

/* Hidden roots need not be listed: what lies in one is compared by the number. */
static uint64_t
steer_parent_here(
    const struct tree *source, const struct tree *here, const Wire__Folder *f)
{
	const Wire__Folder *parent;

	if (tree_kind_of(f) == TREE_TAG)
		return 0;
	if (f->parent_id < TREE_FIRST_USER)
		return f->parent_id;
	parent = tree_find(source, f->parent_id);
	return parent == NULL ? TREE_ROOT : steer_counterpart(source, here, parent);
}

/* One that could not get its old id and waits under another name, here or at the root. */
static const Wire__Folder *
steer_find_temporary(const struct tree *here, uint64_t parent, const Wire__Folder *f)
{
	char text[40];
	ProtobufCBinaryData name;
	const Wire__Folder *found;

	steer_temporary_name(f, text);
	name = frame_bytes(text);
	found = tree_find_name(here, parent, tree_kind_of(f), &name);
	return found != NULL ? found
			     : tree_find_name(here, TREE_ROOT, tree_kind_of(f), &name);
}

uint64_t
steer_counterpart(
    const struct tree *source, const struct tree *here, const Wire__Folder *f)
{
	enum tree_kind kind = tree_kind_of(f);
	const Wire__Folder *same = tree_find(here, f->id);
	const Wire__Folder *named, *rival;
	uint64_t parent;

	if (same != NULL && tree_kind_of(same) == kind)
		return f->id;
	if (tree_is_system(f))
		return 0;
	parent = steer_parent_here(source, here, f);
	named = tree_find_name(here, parent, kind, &f->name);
	if (named == NULL)
		named = steer_find_temporary(here, parent, f);
	if (named == NULL || tree_is_system(named))
		return 0;
	/* The name may be another's, who has his old id. */
	rival = tree_find(source, named->id);
	return rival != NULL && tree_kind_of(rival) == kind ? 0 : named->id;
}

static bool
steer_is_placed(const struct tree *source, const struct tree *here,
    const Wire__Folder *want, const Wire__Folder *have)
{
	if (!tree_bytes_equal(&want->name, &have->name))
		return false;
	return tree_kind_of(want) == TREE_TAG || tree_is_system(want) ||
	       have->parent_id == steer_parent_here(source, here, want);
}

/* --- the plan --- */

static void
steer_add(struct steer_plan *p, struct steer_step step)
{
	if (p->count == p->cap) {
		p->cap = p->cap == 0 ? 64 : p->cap * 2;
		p->steps = xrealloc_array(p->steps, p->cap, sizeof(*p->steps));
	}
	p->steps[p->count++] = step;
}

void
steer_plan_free(struct steer_plan *p)
{
	free(p->steps);
	*p = (struct steer_plan){0};
}

size_t
steer_refused_place(const struct steer_refused *refused, uint64_t id)
{
	size_t low = 0, high = refused->count;

	/* Mostly they come in order. */
	if (high > 0 && refused->ids[high - 1] < id)
		return high;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (refused->ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
steer_is_refused(const struct steer_refused *refused, uint64_t id)
{
	size_t at = refused == NULL ? 0 : steer_refused_place(refused, id);

	return refused != NULL && at < refused->count && refused->ids[at] == id;
}

/* What becomes of each folder of the source, while the plan is made. */
enum fate { FATE_ABSENT, FATE_THERE, FATE_MADE, FATE_TEMPORARY, FATE_REFUSED };

struct planning {
	const struct tree *source;
	const struct tree *here;
	struct steer_plan *plan;
	uint8_t *fates; /* by index in source */
	uint64_t counter;
};

static bool
steer_index(const struct tree *t, uint64_t id, size_t *out)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->nodes[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	*out = low;
	return low < t->count && t->nodes[low]->id == id;
}

static bool
steer_has_parent(const struct planning *x, const Wire__Folder *f)
{
	size_t at;

	if (tree_kind_of(f) == TREE_TAG || f->parent_id < TREE_FIRST_USER)
		return true;
	if (!steer_index(x->source, f->parent_id, &at))
		return false;
	return x->fates[at] != FATE_ABSENT && x->fates[at] != FATE_REFUSED;
}

static void
steer_burn_to(struct planning *x, uint64_t id)
{
	if (id <= x->counter)
		return;
	steer_add(
	    x->plan, (struct steer_step){.op = STEER_BURN, .count = id - x->counter});
	x->counter = id;
}

static void
steer_create(struct planning *x, size_t i, bool late)
{
	const Wire__Folder *f = x->source->nodes[i];
	bool temporary = !steer_has_parent(x, f);

	steer_add(x->plan,
	    (struct steer_step){
		.op = STEER_CREATE, .folder = f, .temporary = temporary, .late = late});
	x->fates[i] = temporary ? FATE_TEMPORARY : FATE_MADE;
	x->counter++;
}

static void
steer_look(struct planning *x, const struct steer_refused *refused)
{
	for (size_t i = 0; i < x->source->count; i++) {
		const Wire__Folder *f = x->source->nodes[i];
		bool is_there;

		if (tree_is_system(f))
			is_there = true;
		else if (f->id >
			 x->counter) /* nothing comes under another id before its own */
			is_there = false;
		else
			is_there = steer_counterpart(x->source, x->here, f) != 0;
		if (is_there)
			x->fates[i] = FATE_THERE;
		else if (steer_is_refused(refused, f->id))
			x->fates[i] = FATE_REFUSED;
	}
}

/* Those whose id is to come, in its order. */
static void
steer_plan_exact(struct planning *x)
{
	for (size_t i = 0; i < x->source->count; i++) {
		if (x->fates[i] != FATE_ABSENT || x->source->nodes[i]->id <= x->counter)
			continue;
		steer_burn_to(x, x->source->nodes[i]->id - 1);
		steer_create(x, i, false);
	}
}

/* Those whose id is gone, parents first; one whose parent never comes waits at the root. */
static void
steer_plan_late(struct planning *x)
{
	bool forced = false;

	for (bool more = true; more;) {
		bool moved = false;

		more = false;
		for (size_t i = 0; i < x->source->count; i++) {
			if (x->fates[i] != FATE_ABSENT)
				continue;
			if (!forced && !steer_has_parent(x, x->source->nodes[i])) {
				more = true;
				continue;
			}
			steer_create(x, i, true);
			moved = true;
		}
		forced = !moved;
	}
}

static void
steer_plan_places(struct planning *x)
{
	for (size_t i = 0; i < x->source->count; i++) {
		const Wire__Folder *f = x->source->nodes[i];
		const Wire__Folder *have = NULL;

		if (tree_is_system(f))
			continue;
		if (x->fates[i] == FATE_THERE)
			have =
			    tree_find(x->here, steer_counterpart(x->source, x->here, f));
		if (x->fates[i] == FATE_TEMPORARY ||
		    (have != NULL && !steer_is_placed(x->source, x->here, f, have)))
			steer_add(
			    x->plan, (struct steer_step){.op = STEER_PLACE, .folder = f});
	}
}

/* A folder that waits for a parent that cannot be made stays where it is: no endless plan. */
static void
steer_drop_hopeless(struct planning *x)
{
	size_t kept = 0;

	for (size_t i = 0; i < x->plan->count; i++) {
		const struct steer_step *step = &x->plan->steps[i];

		if (step->op == STEER_PLACE && !steer_has_parent(x, step->folder))
			continue;
		x->plan->steps[kept++] = *step;
	}
	x->plan->count = kept;
}

void
steer_plan_make(const struct tree *source, const struct tree *here, uint64_t counter,
    uint64_t last, const struct steer_refused *refused, struct steer_plan *out)
{
	struct planning x = {
	    .source = source, .here = here, .plan = out, .counter = counter};

	*out = (struct steer_plan){0};
	x.fates = xcalloc(source->count + 1, 1);
	steer_look(&x, refused);
	steer_plan_exact(&x);
	steer_burn_to(&x, last);
	steer_plan_late(&x);
	steer_plan_places(&x);
	steer_drop_hopeless(&x);
	free(x.fates);
}

const Wire__Folder *
steer_passed(const struct tree *source, const struct tree *here, uint64_t counter,
    const struct steer_refused *refused)
{
	for (size_t i = 0; i < source->count; i++) {
		const Wire__Folder *f = source->nodes[i];

		if (f->id > counter)
			return NULL;
		if (!tree_is_system(f) && f->id > STEER_FRESH &&
		    !steer_is_refused(refused, f->id) &&
		    steer_counterpart(source, here, f) == 0)
			return f;
	}
	return NULL;
}

uint64_t
steer_feed_last(
    const struct tree *source, uint64_t last, const uint32_t *fed, size_t fed_count)
{
	for (size_t i = 0; i < source->count; i++) {
		const Wire__Folder *f = source->nodes[i];

		if (!tree_is_system(f) && f->url.len > 0 && f->id <= last &&
		    !ids_have(fed, fed_count, f->id))
			last = f->id - 1;
	}
	return last;
}

uint64_t
steer_early_last(
    const struct tree *source, uint64_t last, const uint32_t *fed, size_t fed_count)
{
	last = steer_feed_last(source, last, fed, fed_count);
	return last > STEER_RESERVE ? last - STEER_RESERVE : 0;
}

/* --- what is unlike --- */

static bool
steer_same_flags(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	bool has[2][256] = {{false}};

	for (size_t i = 0; i < a->len; i++)
		has[0][a->data[i]] = true;
	for (size_t i = 0; i < b->len; i++)
		has[1][b->data[i]] = true;
	/* "u": there is something unread in it, which is its content's affair */
	has[0]['u'] = has[1]['u'] = false;
	return memcmp(has[0], has[1], sizeof(has[0])) == 0;
}

static bool
steer_same_color(const Wire__Folder *a, const Wire__Folder *b)
{
	int32_t left = a->color < 0 ? 0 : a->color;
	int32_t right = b->color < 0 ? 0 : b->color;

	if (a->rgb.len > 0 || b->rgb.len > 0)
		return tree_bytes_equal(&a->rgb, &b->rgb);
	return left == right;
}

static bool
steer_is_zid(const Wire__Grant *g, const Wire__Grant *other)
{
	if (frame_equal(&g->grantee_type, "pub") || frame_equal(&g->grantee_type, "all"))
		return true; /* one number each, shown or not */
	return tree_bytes_equal(&g->zid, &other->zid);
}

static bool
steer_has_grant(const Wire__Folder *f, const Wire__Grant *g)
{
	for (size_t i = 0; i < f->n_grants; i++) {
		const Wire__Grant *have = f->grants[i];

		if (tree_bytes_equal(&g->grantee_type, &have->grantee_type) &&
		    steer_is_zid(g, have) && tree_bytes_equal(&g->perm, &have->perm) &&
		    tree_bytes_equal(&g->password, &have->password) &&
		    g->expiry_ms == have->expiry_ms)
			return true;
	}
	return false;
}

static bool
steer_same_grants(const Wire__Folder *a, const Wire__Folder *b)
{
	bool same = a->n_grants == b->n_grants;

	for (size_t i = 0; i < a->n_grants && same; i++)
		same = steer_has_grant(b, a->grants[i]);
	return same;
}

static bool
steer_same_policies(const Wire__Folder *a, const Wire__Folder *b)
{
	bool same = a->n_policies == b->n_policies;

	for (size_t i = 0; i < a->n_policies && same; i++) {
		const Wire__Policy *x = a->policies[i];

		same = false;
		for (size_t k = 0; k < b->n_policies && !same; k++) {
			const Wire__Policy *y = b->policies[k];

			same = x->purge == y->purge &&
			       tree_bytes_equal(&x->type, &y->type) &&
			       tree_bytes_equal(&x->id, &y->id) &&
			       tree_bytes_equal(&x->lifetime, &y->lifetime);
		}
	}
	return same;
}

unsigned
steer_unlike(const struct tree *source, const struct tree *here, const Wire__Folder *want,
    const Wire__Folder *have)
{
	unsigned bits = 0;

	if (!steer_is_placed(source, here, want, have))
		bits |= STEER_PLACED;
	if (!steer_same_color(want, have))
		bits |= STEER_COLOR;
	if (!steer_same_flags(&want->flags, &have->flags) ||
	    want->reminder != have->reminder)
		bits |= STEER_FLAGS;
	if (!steer_same_grants(want, have))
		bits |= STEER_GRANTS;
	if (!steer_same_policies(want, have))
		bits |= STEER_POLICIES;
	if (want->offline_days != have->offline_days)
		bits |= STEER_OFFLINE;
	if (want->no_activesync != have->no_activesync)
		bits |= STEER_ACTIVESYNC;
	if (!tree_bytes_equal(&want->view, &have->view) ||
	    !tree_bytes_equal(&want->url, &have->url) ||
	    !tree_bytes_equal(&want->query, &have->query) ||
	    !tree_bytes_equal(&want->owner_id, &have->owner_id) ||
	    want->remote_id != have->remote_id)
		bits |= STEER_CONTENT;
	return bits;
}

void
steer_explain(unsigned bits, struct buf *out)
{
	static const char *const words[] = {"colour", "flags", "grants",
	    "retention policy", "offline days", "ActiveSync switch",
	    "view, address, query or owner", "name or place"};
	bool ok = true;

	for (size_t i = 0; i < ARRAY_LEN(words) && ok; i++) {
		if ((bits >> i & 1) != 0)
			ok = (out->len == 0 || buf_add_str(out, ", ")) &&
			     buf_add_str(out, words[i]);
	}
	if (!ok)
		BUG("a difference does not fit its buffer");
}
