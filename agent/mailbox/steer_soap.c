/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What steering asks of Zimbra, part by part. Surprises: grants need a zid even for the
 * public; a feed must not be fetched at its creation, or it is rolled back when the feed
 * does not answer; a feed's data source in LDAP carries the folder's id, so a folder
 * made at its old id finds its own and none is added (facts: zimbra 1.11, 1.12).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/ids.h"
#include "agent/mailbox/steer_private.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define GRANT_PUBLIC "99999999-9999-9999-9999-999999999999"
#define GRANT_ALL "00000000-0000-0000-0000-000000000000"
#define BURN_ID "2," /* Inbox: no throw-away item is needed (facts: identity 2) */
#define BUMP_BATCH 2000

static void
put_bytes(struct soap_request *r, const char *name, const ProtobufCBinaryData *b)
{
	char *text;

	if (b->len == 0)
		return;
	text = frame_string(b);
	soap_attr(r, name, text);
	free(text);
}

void
steer_put_burn(struct soap_request *r, uint64_t count)
{
	char *ids = xcalloc(count, strlen(BURN_ID));

	for (uint64_t i = 0; i < count; i++)
		memcpy(ids + i * strlen(BURN_ID), BURN_ID, strlen(BURN_ID));
	ids[count * strlen(BURN_ID) - 1] = '\0';
	soap_batch_add(r, SOAP_MAIL, "ItemActionRequest");
	soap_open(r, "action");
	soap_attr(r, "op", "resetimapuid");
	soap_attr(r, "id", ids);
	soap_close(r);
	free(ids);
}

static void
put_color(struct soap_request *r, const Wire__Folder *f)
{
	if (f->rgb.len > 0)
		put_bytes(r, "rgb", &f->rgb);
	else if (f->color > 0)
		soap_attr_uint(r, "color", (uint64_t)f->color);
}

static void
put_create_attributes(struct soap_request *r, const Wire__Folder *f, enum tree_kind kind)
{
	put_color(r, f);
	if (kind == TREE_TAG)
		return;
	put_bytes(r, "f", &f->flags);
	if (kind == TREE_SEARCH) {
		put_bytes(r, "query", &f->query);
		put_bytes(r, "types", &f->search_types);
		put_bytes(r, "sortBy", &f->sort_by);
		return;
	}
	put_bytes(r, "view", &f->view);
	if (kind == TREE_LINK) {
		put_bytes(r, "zid", &f->owner_id);
		soap_attr_uint(r, "rid", f->remote_id);
		if (f->reminder)
			soap_attr(r, "reminder", "1");
	} else if (f->url.len > 0) {
		put_bytes(r, "url", &f->url);
		soap_attr(r, "sync", "0");
	}
}

void
steer_put_create(
    struct soap_request *r, const Wire__Folder *f, uint64_t parent, const char *name)
{
	static const struct {
		const char *request, *element;
	} calls[] = {
	    [TREE_FOLDER] = {"CreateFolderRequest", "folder"},
	    [TREE_SEARCH] = {"CreateSearchFolderRequest", "search"},
	    [TREE_LINK] = {"CreateMountpointRequest", "link"},
	    [TREE_TAG] = {"CreateTagRequest", "tag"},
	};
	enum tree_kind kind = tree_kind_of(f);

	soap_batch_add(r, SOAP_MAIL, calls[kind].request);
	soap_open(r, calls[kind].element);
	if (name != NULL)
		soap_attr(r, "name", name);
	else
		put_bytes(r, "name", &f->name);
	if (kind != TREE_TAG)
		soap_attr_uint(r, "l", parent == 0 ? TREE_ROOT : parent);
	put_create_attributes(r, f, kind);
	soap_close(r);
}

static void
put_action(struct soap_request *r, const char *request, uint64_t id, const char *op)
{
	soap_batch_add(r, SOAP_MAIL, request);
	soap_open(r, "action");
	soap_attr_uint(r, "id", id);
	soap_attr(r, "op", op);
}

void
steer_put_move(struct soap_request *r, uint64_t id, uint64_t parent)
{
	put_action(r, "FolderActionRequest", id, "move");
	soap_attr_uint(r, "l", parent);
	soap_close(r);
}

static const char *
action_request(const Wire__Folder *f)
{
	return tree_kind_of(f) == TREE_TAG ? "TagActionRequest" : "FolderActionRequest";
}

void
steer_put_rename(
    struct soap_request *r, const Wire__Folder *f, uint64_t id, const char *name)
{
	put_action(r, action_request(f), id, "rename");
	if (name != NULL)
		soap_attr(r, "name", name);
	else
		put_bytes(r, "name", &f->name);
	soap_close(r);
}

/* --- attributes of what is there --- */

static void
put_grant(struct soap_request *r, const Wire__Grant *g)
{
	bool is_public = frame_equal(&g->grantee_type, "pub");
	bool is_all = frame_equal(&g->grantee_type, "all");

	soap_open(r, "grant");
	put_bytes(r, "gt", &g->grantee_type);
	put_bytes(r, "perm", &g->perm);
	if (is_public || is_all)
		soap_attr(r, "zid", is_public ? GRANT_PUBLIC : GRANT_ALL);
	else if (g->zid.len > 0)
		put_bytes(r, "zid", &g->zid);
	else
		put_bytes(r, "zid", &g->display); /* guests are known by their address */
	put_bytes(r, "d", &g->display);
	if (frame_equal(&g->grantee_type, "key"))
		put_bytes(r, "key", &g->password);
	else
		put_bytes(r, "pw", &g->password);
	if (g->expiry_ms != 0)
		soap_attr_uint(r, "expiry", (uint64_t)g->expiry_ms);
	soap_close(r);
}

static void
put_policies(struct soap_request *r, const Wire__Folder *f)
{
	static const char *const lists[] = {"keep", "purge"};

	soap_open(r, "retentionPolicy");
	for (size_t list = 0; list < 2; list++) {
		soap_open(r, lists[list]);
		for (size_t i = 0; i < f->n_policies; i++) {
			const Wire__Policy *p = f->policies[i];

			if ((p->purge ? 1u : 0u) != list)
				continue;
			soap_open(r, "policy");
			put_bytes(r, "type", &p->type);
			put_bytes(r, "id", &p->id);
			put_bytes(r, "lifetime", &p->lifetime);
			soap_close(r);
		}
		soap_close(r);
	}
	soap_close(r);
}

static void
put_update(struct soap_request *r, const Wire__Folder *f, unsigned bit)
{
	char *flags;

	switch (bit) {
	case STEER_COLOR:
		if (f->rgb.len > 0)
			put_bytes(r, "rgb", &f->rgb);
		else
			soap_attr_uint(r, "color", f->color < 0 ? 0 : (uint64_t)f->color);
		break;
	case STEER_FLAGS:
		flags = frame_string(&f->flags);
		soap_attr(r, "f", flags);
		free(flags);
		break;
	case STEER_GRANTS:
		soap_open(r, "acl");
		for (size_t i = 0; i < f->n_grants; i++)
			put_grant(r, f->grants[i]);
		soap_close(r);
		break;
	default:
		BUG("attribute %u is not set by an update", bit);
	}
}

void
steer_put_fix(struct soap_request *r, const Wire__Folder *f, uint64_t id, unsigned bit)
{
	if (bit == STEER_POLICIES) {
		put_action(r, action_request(f), id, "retentionpolicy");
		put_policies(r, f);
	} else if (bit == STEER_OFFLINE) {
		put_action(r, action_request(f), id, "webofflinesyncdays");
		soap_attr_uint(r, "numDays", f->offline_days);
	} else if (bit == STEER_ACTIVESYNC) {
		put_action(r, action_request(f), id,
		    f->no_activesync ? "disableactivesync" : "!disableactivesync");
	} else {
		put_action(r, action_request(f), id, "update");
		put_update(r, f, bit);
	}
	soap_close(r);
}

void
steer_put_delete(struct soap_request *r, const Wire__Folder *f)
{
	put_action(r, action_request(f), f->id, "delete");
	soap_close(r);
}

uint32_t
steer_created_id(const struct soap_node *part)
{
	return target_id_of(soap_child(part, NULL), "id");
}

/* --- feeds --- */

bool
steer_read_feeds(struct target *t, uint32_t **ids_out, size_t *count_out, struct err *e)
{
	struct soap_answer *answer = NULL;
	uint32_t *ids = NULL;
	size_t count = 0;
	bool any = false;

	*ids_out = NULL;
	*count_out = 0;
	for (size_t i = 0; i < t->source.count; i++)
		any = any || t->source.nodes[i]->url.len > 0;
	if (!any)
		return true;
	if (!target_send(t, target_request(t, "GetDataSourcesRequest"), &answer, e))
		return err_wrap(e, "looking for feeds");
	for (const struct soap_node *n = soap_child(soap_body(answer), NULL); n != NULL;
	     n = soap_next(n, NULL)) {
		ids = xrealloc_array(ids, count + 1, sizeof(*ids));
		ids[count++] = target_id_of(n, "l");
	}
	soap_answer_free(&answer);
	ids_sort(ids, count);
	*ids_out = ids;
	*count_out = count;
	return true;
}

/* --- the change counter: one change a request, none jumps (facts: identity 2) --- */

bool
steer_is_bump_tag(const Wire__Folder *have)
{
	return tree_kind_of(have) == TREE_TAG && frame_equal(&have->name, STEER_BUMP_TAG);
}

/* One of an earlier attempt may be there still. */
static uint32_t
bump_find_tag(const struct target *t)
{
	for (size_t i = 0; i < t->here.count; i++) {
		const Wire__Folder *f = t->here.nodes[i];

		if (steer_is_bump_tag(f))
			return (uint32_t)f->id;
	}
	return 0;
}

bool
steer_make_bump_tag(struct target *t, uint32_t *id_out, struct err *e)
{
	struct soap_request *r = target_request(t, "CreateTagRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_open(r, "tag");
	soap_attr(r, "name", STEER_BUMP_TAG);
	soap_close(r);
	ok = target_send(t, r, &answer, e);
	*id_out = ok ? steer_created_id(soap_body(answer)) : 0;
	if (ok && *id_out == 0)
		ok = err_set(e, ERR_PEER, "CreateTag: the answer has no id");
	soap_answer_free(&answer);
	return ok;
}

static bool
bump_batch(struct target *t, uint32_t tag, uint64_t count, uint64_t *color,
    uint64_t *change, struct err *e)
{
	struct soap_request *r = target_batch(t, true);
	struct soap_answer *answer = NULL;
	bool ok;

	for (uint64_t i = 0; i < count; i++) {
		put_action(r, "TagActionRequest", tag, "color");
		/* never the colour that it has: the change would not count */
		*color = *color % 2 + 1;
		soap_attr_uint(r, "color", *color);
		soap_close(r);
	}
	ok = target_send(t, r, &answer, e);
	if (ok)
		*change = soap_change_token(answer);
	soap_answer_free(&answer);
	return ok;
}

static bool
bump_remove_tag(struct target *t, uint32_t tag, struct err *e)
{
	struct soap_request *r = target_request(t, "TagActionRequest");

	soap_open(r, "action");
	soap_attr_uint(r, "id", tag);
	soap_attr(r, "op", "delete");
	soap_close(r);
	return target_send(t, r, NULL, e);
}

static bool
bump_read(struct target *t, uint64_t *change_out, struct err *e)
{
	struct soap_answer *answer = NULL;
	bool ok = target_send(
	    t, target_request(t, "GetLastItemIdInMailboxRequest"), &answer, e);

	if (ok)
		*change_out = soap_change_token(answer);
	if (ok && *change_out == 0)
		ok = err_set(e, ERR_PEER, "the answers do not tell the change counter");
	soap_answer_free(&answer);
	return ok;
}

static bool
bump_run(struct target *t, uint32_t tag, uint64_t now, uint64_t change, struct err *e)
{
	uint64_t color = 0;

	for (uint64_t first = now, before; now <= change;) {
		/* at least two: one may be the colour that an old tag has */
		uint64_t count = change + 2 - now;

		before = now;
		if (t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!bump_batch(
			t, tag, count > BUMP_BATCH ? BUMP_BATCH : count, &color, &now, e))
			return false;
		if (now <= before)
			return err_set(e, ERR_PEER, "the change counter stays at %llu",
			    (unsigned long long)now);
		t->progress(t->ctx, now - first, change + 1 - first, 0,
		    "raising the change counter");
	}
	return true;
}

bool
steer_bump(struct target *t, uint64_t change, uint64_t limit, bool keep_tag,
    bool *passed_out, struct err *e)
{
	uint32_t tag = bump_find_tag(t);
	uint64_t now;

	if (!bump_read(t, &now, e))
		return false;
	*passed_out = now > change;
	if (now <= change && change - now < limit) {
		/* Who keeps it finds it in the tree. */
		if ((tag == 0 && (!steer_make_bump_tag(t, &tag, e) ||
				     (keep_tag && !target_read_here(t, e)))) ||
		    !bump_run(t, tag, now, change, e))
			return err_wrap(e, "raising the change counter");
		*passed_out = true;
	}
	return tag == 0 || keep_tag || bump_remove_tag(t, tag, e);
}

bool
steer_bump_to(struct target *t, uint64_t change, uint64_t limit, struct err *e)
{
	uint32_t tag = bump_find_tag(t);
	uint64_t now, color = 0;

	if (tag == 0)
		return true;
	if (!bump_read(t, &now, e))
		return false;
	/* One more round for a colour that the tag had already. */
	for (int spare = 1; now < change && change - now < limit;) {
		uint64_t count = change - now > BUMP_BATCH ? BUMP_BATCH : change - now;
		uint64_t before = now;

		if (t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!bump_batch(t, tag, count, &color, &now, e))
			return err_wrap(e, "raising the change counter");
		if (now <= before && spare-- == 0)
			return true;
	}
	return true;
}
