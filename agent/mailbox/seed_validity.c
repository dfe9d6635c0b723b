/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well each request takes the changes that it is said to take. What can go wrong
 * is seen afterwards only, and costs nothing: the folder has another number.
 */
#include "agent/mailbox/seed_validity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/filters.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

bool
validity_counts(const Wire__Folder *f)
{
	return tree_kind_of(f) == TREE_FOLDER && !tree_is_system(f) && f->rev > 0 &&
	       (f->view.len == 0 || frame_equal(&f->view, "message"));
}

void
validity_later(
    const struct tree *source, const uint32_t *ids, size_t count, uint64_t *lowest_out)
{
	uint64_t lowest = UINT64_MAX;

	for (size_t i = count; i-- > 0;) {
		const Wire__Folder *f = tree_find(source, ids[i]);

		lowest_out[i] = lowest;
		if (f != NULL && validity_counts(f) && f->rev < lowest)
			lowest = f->rev;
	}
}

bool
validity_is_to_come(const struct seeding *s, const Wire__Folder *f, uint64_t later)
{
	const Wire__Folder *up = tree_find(&s->t->source, f->parent_id);

	/* Without its parent it comes into its place later, by another change. */
	return s->options->when == SEED_EARLY && validity_counts(f) && f->rev < later &&
	       f->rev <= s->options->change && f->rev > s->steer.change && up != NULL &&
	       steer_counterpart(&s->t->source, &s->t->here, up) != 0;
}

/* --- what is there already --- */

static int
compare_numbers(const void *a, const void *b)
{
	const Wire__Folder *x = *(Wire__Folder *const *)a;
	const Wire__Folder *y = *(Wire__Folder *const *)b;

	return (x->rev > y->rev) - (x->rev < y->rev);
}

/* A share's entry in LDAP goes when its folder is renamed where it is not granted. */
static bool
validity_is_shared(const struct tree *source, const Wire__Folder *f)
{
	for (size_t i = 0; i < source->count; i++) {
		const Wire__Folder *g = source->nodes[i];

		if (g->n_grants > 0 &&
		    (g->id == f->id || tree_lies_in(source, g->id, f->id)))
			return true;
	}
	return false;
}

static bool
validity_may_mend(struct seeding *s, const Wire__Folder *f, bool *may_out, struct err *e)
{
	const struct target *t = s->t;
	const Wire__Folder *have = tree_find(&t->here, f->id);

	*may_out = false;
	if (!validity_counts(f) || f->url.len > 0 || have == NULL ||
	    tree_kind_of(have) != TREE_FOLDER || have->rev == f->rev ||
	    f->rev <= s->steer.change + 1 || f->rev > s->options->change ||
	    (steer_unlike(&t->source, &t->here, f, have) & STEER_PLACED) != 0 ||
	    validity_is_shared(&t->source, f))
		return true;
	return filters_may_change(s->t, have, may_out, e);
}

/* To another name, and back: its number is the second's. */
static bool
validity_rename(struct seeding *s, const Wire__Folder *f, struct err *e)
{
	struct soap_request *r = target_batch(s->t, true);
	char name[40];

	steer_temporary_name(f, name);
	steer_put_rename(r, f, f->id, name);
	steer_put_rename(r, f, f->id, NULL);
	return target_send(s->t, r, NULL, e);
}

static bool
validity_mend_one(struct seeding *s, const Wire__Folder *f, bool *any, struct err *e)
{
	bool may;

	if (!steer_read_counter(&s->steer, e) || !validity_may_mend(s, f, &may, e))
		return false;
	if (!may)
		return true;
	if (!steer_bump_to(s->t, f->rev - 2, s->options->change_limit, e) ||
	    !steer_read_counter(&s->steer, e))
		return false;
	if (s->steer.change != f->rev - 2)
		return true;
	*any = true;
	return validity_rename(s, f, e);
}

bool
validity_mend(struct seeding *s, struct err *e)
{
	const struct tree *source = &s->t->source;
	const Wire__Folder **folders;
	size_t count = 0;
	bool ok = true, any = false;

	if (s->options->when != SEED_EARLY)
		return true;
	folders = xcalloc(source->count + 1, sizeof(*folders));
	for (size_t i = 0; i < source->count; i++) {
		if (validity_counts(source->nodes[i]))
			folders[count++] = source->nodes[i];
	}
	qsort(folders, count, sizeof(*folders), compare_numbers);
	for (size_t i = 0; ok && i < count; i++) {
		const Wire__Folder *have = tree_find(&s->t->here, folders[i]->id);

		if (s->t->stopped())
			ok = err_set(e, ERR_CANCELLED, "stopped");
		else if (have != NULL && have->rev != folders[i]->rev)
			ok = validity_mend_one(s, folders[i], &any, e);
	}
	free(folders);
	return ok && (!any || target_read_here(s->t, e));
}
