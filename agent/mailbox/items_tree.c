/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree as Zimbra shows it: GetFolder with grants, colours, views, flags; search
 * folders and mountpoints as their own kinds; tags by GetTag.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/items.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"

struct growing {
	Wire__StreamTree *tree;
	size_t cap;
};

static ProtobufCBinaryData
own_bytes(const char *text)
{
	ProtobufCBinaryData b = {0, NULL};

	if (text == NULL || text[0] == '\0')
		return b;
	b.len = strlen(text);
	b.data = (uint8_t *)xstrdup(text);
	return b;
}

static uint64_t
number_of(const struct soap_node *n, const char *attr)
{
	const char *text = soap_get(n, attr);
	const char *colon = text == NULL ? NULL : strrchr(text, ':');

	return text == NULL ? 0 : strtoull(colon == NULL ? text : colon + 1, NULL, 10);
}

static void
take_grants(const struct soap_node *n, Wire__Folder *f)
{
	const struct soap_node *acl = soap_child(n, "acl");
	size_t count = 0;

	for (const struct soap_node *g = soap_child(acl, "grant"); g != NULL;
	     g = soap_next(g, "grant"))
		count++;
	if (count == 0)
		return;
	f->grants = xcalloc(count, sizeof(*f->grants));
	for (const struct soap_node *g = soap_child(acl, "grant"); g != NULL;
	     g = soap_next(g, "grant")) {
		Wire__Grant *grant = XNEW(Wire__Grant);
		const char *expiry = soap_get(g, "expiry");

		wire__grant__init(grant);
		grant->grantee_type = own_bytes(soap_get(g, "gt"));
		grant->zid = own_bytes(soap_get(g, "zid"));
		grant->display = own_bytes(soap_get(g, "d"));
		grant->perm = own_bytes(soap_get(g, "perm"));
		grant->password = own_bytes(
		    soap_get(g, "pw") != NULL ? soap_get(g, "pw") : soap_get(g, "key"));
		grant->expiry_ms = expiry == NULL ? 0 : strtoll(expiry, NULL, 10);
		f->grants[f->n_grants++] = grant;
	}
}

static void
take_policy(const struct soap_node *n, bool purge, Wire__Folder *f)
{
	Wire__Policy *policy = XNEW(Wire__Policy);

	wire__policy__init(policy);
	policy->purge = purge;
	policy->type = own_bytes(soap_get(n, "type"));
	policy->id = own_bytes(soap_get(n, "id"));
	policy->lifetime = own_bytes(soap_get(n, "lifetime"));
	f->policies =
	    xrealloc_array(f->policies, f->n_policies + 1, sizeof(*f->policies));
	f->policies[f->n_policies++] = policy;
}

static void
take_policies(const struct soap_node *n, Wire__Folder *f)
{
	const struct soap_node *all = soap_child(n, "retentionPolicy");

	for (const struct soap_node *list = soap_child(all, NULL); list != NULL;
	     list = soap_next(list, NULL)) {
		bool purge = strcmp(soap_name(list), "purge") == 0;

		for (const struct soap_node *p = soap_child(list, "policy");
		     p != NULL && f->n_policies < 64; p = soap_next(p, "policy"))
			take_policy(p, purge, f);
	}
}

static bool
is_true(const char *text)
{
	return text != NULL && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0);
}

static Wire__Folder *
grow(struct growing *g)
{
	Wire__Folder *f = XNEW(Wire__Folder);

	if (g->tree->n_folders == g->cap) {
		g->cap = g->cap == 0 ? 64 : g->cap * 2;
		g->tree->folders =
		    xrealloc_array(g->tree->folders, g->cap, sizeof(*g->tree->folders));
	}
	wire__folder__init(f);
	g->tree->folders[g->tree->n_folders++] = f;
	return f;
}

static void
take_common(const struct soap_node *n, uint64_t parent, const char *kind, Wire__Folder *f)
{
	const char *color = soap_get(n, "color");

	f->id = number_of(n, "id");
	f->parent_id = soap_get(n, "l") == NULL ? parent : number_of(n, "l");
	f->kind = own_bytes(kind);
	f->name = own_bytes(soap_get(n, "name"));
	f->view = own_bytes(soap_get(n, "view"));
	f->flags = own_bytes(soap_get(n, "f"));
	f->rgb = own_bytes(soap_get(n, "rgb"));
	f->color = color == NULL ? -1 : (int32_t)strtol(color, NULL, 10);
	f->rev = number_of(n, "rev");
	f->offline_days = (uint32_t)number_of(n, "webOfflineSyncDays");
	f->no_activesync = is_true(soap_get(n, "activesyncdisabled"));
	take_policies(n, f);
}

static bool take_folder(struct growing *g, const struct soap_node *n, uint64_t parent,
    const char *kind, int depth, struct err *e);

static bool
take_children(
    struct growing *g, const struct soap_node *n, uint64_t id, int depth, struct err *e)
{
	for (const struct soap_node *c = soap_child(n, NULL); c != NULL;
	     c = soap_next(c, NULL)) {
		const char *name = soap_name(c);

		if (strcmp(name, "folder") == 0 || strcmp(name, "search") == 0 ||
		    strcmp(name, "link") == 0) {
			if (!take_folder(g, c, id, name, depth + 1, e))
				return false;
		}
	}
	return true;
}

static bool
take_folder(struct growing *g, const struct soap_node *n, uint64_t parent,
    const char *kind, int depth, struct err *e)
{
	Wire__Folder *f;
	if (depth > 200 || g->tree->n_folders >= LIMIT_FOLDERS)
		return err_set(
		    e, ERR_REFUSED, "GetFolder: more folders, or deeper, than is sane");
	f = grow(g);
	take_common(n, parent, kind, f);
	f->url = own_bytes(soap_get(n, "url"));
	f->query = own_bytes(soap_get(n, "query"));
	f->search_types = own_bytes(soap_get(n, "types"));
	f->sort_by = own_bytes(soap_get(n, "sortBy"));
	f->owner_id = own_bytes(soap_get(n, "zid"));
	f->remote_id = number_of(n, "rid");
	f->reminder = is_true(soap_get(n, "reminder"));
	take_grants(n, f);
	if (f->id == 0)
		return err_set(e, ERR_PEER, "GetFolder: a folder without an id");
	/* What lies below a mountpoint is the owner's. */
	return strcmp(kind, "link") == 0 || take_children(g, n, f->id, depth, e);
}

static bool
tree_folders(
    struct soap_client *c, const char *account_id, struct growing *g, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "GetFolderRequest");
	struct soap_answer *answer = NULL;
	const struct soap_node *root;
	bool ok;

	soap_on_account(r, account_id);
	ok = soap_call(c, r, &answer, e);
	root = ok ? soap_child(soap_body(answer), "folder") : NULL;
	if (ok && root == NULL)
		ok = err_set(e, ERR_PEER, "GetFolder: the answer has no root");
	ok = ok && take_folder(g, root, 0, "folder", 0, e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static bool
tree_tags(struct soap_client *c, const char *account_id, struct growing *g, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "GetTagRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_on_account(r, account_id);
	ok = soap_call(c, r, &answer, e);
	for (const struct soap_node *n = ok ? soap_child(soap_body(answer), "tag") : NULL;
	     n != NULL; n = soap_next(n, "tag"))
		take_common(n, 0, "tag", grow(g));
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
items_tree(
    struct soap_client *c, const char *account_id, Wire__StreamTree **out, struct err *e)
{
	struct growing g = {XNEW(Wire__StreamTree), 0};

	wire__stream_tree__init(g.tree);
	if (tree_folders(c, account_id, &g, e) && tree_tags(c, account_id, &g, e)) {
		*out = g.tree;
		return true;
	}
	wire__stream_tree__free_unpacked(g.tree, NULL);
	return false;
}

/* Sections that Zimbra's own clients keep; it lists none, so they are known by name. */
static const char *const section_names[] = {"zwc:implicit"};

static void
take_pairs(const struct soap_node *meta, Wire__Section *section)
{
	for (const struct soap_node *a = soap_child(meta, "a");
	     a != NULL && section->n_pairs < 4096; a = soap_next(a, "a")) {
		Wire__Pair *pair = XNEW(Wire__Pair);

		wire__pair__init(pair);
		pair->name = own_bytes(soap_get(a, "n"));
		pair->value = own_bytes(soap_get_text(a));
		section->pairs = xrealloc_array(
		    section->pairs, section->n_pairs + 1, sizeof(*section->pairs));
		section->pairs[section->n_pairs++] = pair;
	}
}

static bool
take_section(struct soap_client *c, const char *account_id, const char *name,
    Wire__StreamTree *tree, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "GetMailboxMetadataRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_on_account(r, account_id);
	soap_open(r, "meta");
	soap_attr(r, "section", name);
	soap_close(r);
	ok = soap_call(c, r, &answer, e);
	if (ok) {
		Wire__Section *section = XNEW(Wire__Section);

		wire__section__init(section);
		section->name = own_bytes(name);
		take_pairs(soap_child(soap_body(answer), "meta"), section);
		if (section->n_pairs == 0) {
			wire__section__free_unpacked(section, NULL);
		} else {
			tree->sections = xrealloc_array(tree->sections,
			    tree->n_sections + 1, sizeof(*tree->sections));
			tree->sections[tree->n_sections++] = section;
		}
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
items_sections(
    struct soap_client *c, const char *account_id, Wire__StreamTree *tree, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(section_names); i++) {
		if (!take_section(c, account_id, section_names[i], tree, e))
			return false;
	}
	return true;
}
