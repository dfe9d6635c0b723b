/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An early steering saw an older tree. What is placed otherwise on the source by now waits at
 * the root under a name of ours, so that no two folders want one name and nothing is deleted
 * with its parent; then what the source no longer has is deleted. All of it is empty.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/filters.h"
#include "agent/mailbox/steer_private.h"
#include "proto/base/xalloc.h"

#define PARTS_MAX 200
#define ROUNDS_MAX 100

/* Nothing may be in it that is nobody else's: mail that got in by itself stays with its folder. */
static bool
tidy_may(struct target *t, bool *out, struct err *e)
{
	char text[64];
	Wire__Row row;

	*out = false;
	if (spool_note_read(t->spool, NOTE_MENDED, text, sizeof(text)))
		return true;
	if (!account_row(t->soap, t->account_id, &row, e))
		return false;
	*out = row.size_bytes == 0 && row.new_messages == 0 && row.contacts == 0;
	return true;
}

static bool
tidy_is_misplaced(const struct target *t, const Wire__Folder *have)
{
	const Wire__Folder *want = tree_find(&t->source, have->id);
	char name[40];

	if (tree_is_system(have) || want == NULL ||
	    tree_kind_of(want) != tree_kind_of(have) ||
	    (steer_unlike(&t->source, &t->here, want, have) & STEER_PLACED) == 0)
		return false;
	steer_temporary_name(want, name);
	return have->name.len != strlen(name) ||
	       memcmp(have->name.data, name, have->name.len) != 0;
}

/* One that could not get its old id stands behind the source's last. */
static bool
tidy_is_gone(const struct target *t, const Wire__Folder *have, uint64_t last)
{
	const Wire__Folder *same = tree_find(&t->source, have->id);

	return !tree_is_system(have) && have->id <= last && !steer_is_bump_tag(have) &&
	       (same == NULL || tree_kind_of(same) != tree_kind_of(have));
}

/* What fails is seen by the plan that follows, or named in the report. */
static bool
tidy_send(struct target *t, struct soap_request *take, size_t parts, struct err *e)
{
	if (parts > 0)
		return target_send(t, take, NULL, e) && target_read_here(t, e);
	soap_request_free(&take);
	return true;
}

/* One round; what Zimbra refuses comes again each time. */
typedef bool (*tidy_round_fn)(
    struct target *t, void *ctx, size_t *parts_out, struct err *e);

static bool
tidy_rounds(struct target *t, tidy_round_fn round, void *ctx, struct err *e)
{
	size_t parts = PARTS_MAX;

	for (int i = 0; i < ROUNDS_MAX && parts == PARTS_MAX; i++) {
		if (!round(t, ctx, &parts, e))
			return err_wrap(e, "folders that were made early");
	}
	return true;
}

static bool
tidy_loosen(struct target *t, void *ctx, size_t *parts_out, struct err *e)
{
	struct soap_request *r = target_batch(t, false);
	size_t parts = 0;

	(void)ctx;
	for (size_t i = 0; i < t->here.count && parts < PARTS_MAX; i++) {
		const Wire__Folder *have = t->here.nodes[i];
		char name[40];
		bool may;

		if (!tidy_is_misplaced(t, have))
			continue;
		if (!filters_may_change(t, have, &may, e)) {
			soap_request_free(&r);
			return false;
		}
		if (!may)
			continue;
		steer_temporary_name(have, name);
		steer_put_rename(r, have, have->id, name);
		if (tree_kind_of(have) != TREE_TAG && have->parent_id != TREE_ROOT)
			steer_put_move(r, have->id, TREE_ROOT);
		parts++;
	}
	*parts_out = parts;
	return tidy_send(t, r, parts, e);
}

bool
steer_loosen(struct target *t, struct err *e)
{
	return tidy_rounds(t, tidy_loosen, NULL, e);
}

struct deleting {
	uint64_t last;
	bool (*may)(void *ctx, const Wire__Folder *have);
	void *ctx;
};

static bool
tidy_delete(struct target *t, void *ctx, size_t *parts_out, struct err *e)
{
	const struct deleting *d = ctx;
	struct soap_request *r = target_batch(t, false);
	size_t parts = 0;

	for (size_t i = 0; i < t->here.count && parts < PARTS_MAX; i++) {
		const Wire__Folder *have = t->here.nodes[i];
		bool may;

		if (!tidy_is_gone(t, have, d->last) ||
		    (d->may != NULL && !d->may(d->ctx, have)))
			continue;
		if (!filters_may_change(t, have, &may, e)) {
			soap_request_free(&r);
			return false;
		}
		if (!may)
			continue;
		steer_put_delete(r, have);
		parts++;
	}
	*parts_out = parts;
	return tidy_send(t, r, parts, e);
}

bool
steer_delete_gone(struct target *t, uint64_t last,
    bool (*may)(void *ctx, const Wire__Folder *have), void *ctx, struct err *e)
{
	struct deleting d = {last, may, ctx};

	return tidy_rounds(t, tidy_delete, &d, e);
}

bool
steer_tidy(struct target *t, uint64_t last, struct err *e)
{
	bool may;

	if (!tidy_may(t, &may, e))
		return false;
	return !may || (steer_loosen(t, e) && steer_delete_gone(t, last, NULL, NULL, e));
}
