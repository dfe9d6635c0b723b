/* SPDX-License-Identifier: Apache-2.0 */
/* Folders, search folders, mountpoints and tags, by id, with all that they carry. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/ids.h"
#include "agent/mailbox/seed_validity.h"
#include "agent/mailbox/steer.h"
#include "agent/mailbox/verify_private.h"
#include "proto/frame.h"

/* A mountpoint into a mailbox that is no more: Zimbra refuses to make it anew. */
static bool
tree_owner_is_gone(struct target *t, const Wire__Folder *f)
{
	struct soap_request *r;
	struct err ignored;
	char *owner;

	if (tree_kind_of(f) != TREE_LINK)
		return false;
	owner = frame_string(&f->owner_id);
	r = soap_get_account("id", owner, "zimbraId");
	free(owner);
	return !target_send(t, r, NULL, &ignored) &&
	       strcmp(soap_fault(t->soap), "account.NO_SUCH_ACCOUNT") == 0;
}

/* "folder /Projects: has id 302 now, and unlike: colour" */
static void
tree_describe(struct target *t, const Wire__Folder *f, const Wire__Folder *have,
    unsigned bits, struct buf *out)
{
	struct buf part;
	bool ok;

	buf_init(&part, 0);
	ok = buf_printf(out, "%s: ", tree_label(&t->source, f, &part));
	if (have == NULL)
		ok = ok && buf_add_str(out, "missing");
	else if (have->id != f->id)
		ok = ok && buf_printf(out, "has id %llu now%s",
			       (unsigned long long)have->id, bits == 0 ? "" : ", and ");
	buf_clear(&part);
	steer_explain(bits, &part);
	if (bits != 0)
		ok = ok && buf_printf(out, "unlike: %s", buf_str(&part));
	if (!ok)
		BUG("a folder's differences do not fit their buffer");
	buf_fini(&part);
}

static const char *
tree_excuse(struct target *t, const struct items_changes *changes, const Wire__Folder *f,
    const Wire__Folder *have, uint64_t id)
{
	bool is_persons = have != NULL
			      ? ids_have(changes->folders, changes->folder_count, id)
			      : ids_have(changes->deleted, changes->deleted_count, id);

	if (is_persons)
		return "its owner changed it since the opening";
	if (have == NULL && tree_owner_is_gone(t, f))
		return "it led into a mailbox that no longer exists, and cannot be made "
		       "anew";
	return "";
}

static void
tree_judge_one(struct target *t, const struct items_changes *changes,
    const Wire__Folder *f, struct verify_report *r)
{
	uint64_t id = target_noted(t, (uint32_t)f->id);
	const Wire__Folder *have = id == 0 ? NULL : tree_find(&t->here, id);
	const char *known;
	struct buf what;
	unsigned bits;

	if (have != NULL && tree_kind_of(have) != tree_kind_of(f))
		have = NULL;
	/* Not every release has every system folder; what lay in one is compared itself. */
	if (have == NULL && tree_is_system(f))
		return;
	bits = have == NULL ? 0 : steer_unlike(&t->source, &t->here, f, have);
	r->verdict->folders += !tree_is_system(f);
	if (have != NULL && validity_counts(f)) {
		r->verdict->validities++;
		r->verdict->validities_exact += id == f->id && have->rev == f->rev;
	}
	if (have != NULL && id == f->id && bits == 0) {
		r->verdict->folders_exact += !tree_is_system(f);
		return;
	}
	known = tree_excuse(t, changes, f, have, id);
	buf_init(&what, 0);
	tree_describe(t, f, have, bits, &what);
	report_difference(
	    r, f->id, id, tree_kind_name(tree_kind_of(f)), buf_str(&what), known);
	r->verdict->differing += known[0] == '\0';
	r->verdict->explained += known[0] != '\0';
	buf_fini(&what);
}

void
verify_folders(
    struct target *t, const struct items_changes *changes, struct verify_report *r)
{
	for (size_t i = 0; i < t->source.count; i++)
		tree_judge_one(t, changes, t->source.nodes[i], r);
}
