/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Largest first onto the target that will then be least loaded (LPT), within room.
 * Before that, everything that makes a plan impossible, by name. A mailbox needs about
 * twice its bytes at the target: the spool and the mailbox itself. It loads a node with
 * its bytes and with a little for being there, so that many small ones spread too.
 */
#include "controller/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/removal.h"
#include "proto/base/xalloc.h"

#define SPACE_FACTOR 2
#define SPACE_FLOOR (1024u * 1024)
#define LOAD_OF_A_MAILBOX (1024u * 1024)

/* clang-format off */
const struct plan_kind_def plan_kinds[PLAN_KIND_COUNT] = {
	/*                   name         empties spreads */
	[PLAN_EVACUATE]  = { "evacuate",  true,   false },
	[PLAN_RESTORE]   = { "restore",   false,  false },
	[PLAN_MOVE]      = { "move",      false,  false },
	[PLAN_REBALANCE] = { "rebalance", false,  true  },
	[PLAN_REMOVE]    = { "remove",    true,   false },
	[PLAN_ADD]       = { "add",       false,  true  },
};
/* clang-format on */

bool
plan_kind_parse(const char *name, enum plan_kind *out)
{
	for (int i = 0; i < PLAN_KIND_COUNT; i++) {
		if (strcmp(plan_kinds[i].name, name) == 0) {
			*out = (enum plan_kind)i;
			return true;
		}
	}
	return false;
}

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME_LABEL 63

bool
plan_check_new_name(const char *node, struct err *e)
{
	const char *label = node;
	size_t length = 0;
	bool ok = true;

	for (; ok && *label != '\0'; label += length + (label[length] == '.')) {
		length = strspn(label, NAME_LETTERS "-");
		ok = length > 0 && length <= NAME_LABEL && label[0] != '-' &&
		     label[length - 1] != '-' &&
		     (label[length] == '\0' ||
			 (label[length] == '.' && label[length + 1] != '\0'));
	}
	if (!ok || node[0] == '\0')
		return err_set(e, ERR_REFUSED, "node \"%.150s\": is no host name", node);
	return strchr(node, '.') != NULL ||
	       err_set(e, ERR_REFUSED,
		   "node %.150s: a new node needs its whole name, as its "
		   "zimbraServiceHostname will be",
		   node);
}

void
plan_request_add(struct plan_request *r, const char *account)
{
	if ((r->account_count & (r->account_count - 1)) == 0)
		r->accounts = xrealloc_array(r->accounts,
		    r->account_count == 0 ? 1 : r->account_count * 2,
		    sizeof(*r->accounts));
	r->accounts[r->account_count++] = xstrdup(account);
}

void
plan_request_fini(struct plan_request *r)
{
	for (size_t i = 0; i < r->account_count; i++)
		free(r->accounts[i]);
	xfree(&r->accounts);
	r->account_count = 0;
}

void
plan_request_copy(struct plan_request *to, const struct plan_request *from)
{
	*to = *from;
	to->accounts = NULL;
	to->account_count = 0;
	for (size_t i = 0; i < from->account_count; i++)
		plan_request_add(to, from->accounts[i]);
}

struct plan *
plan_new(enum plan_kind kind, const char *node)
{
	struct plan *p = XNEW(struct plan);

	p->kind = kind;
	snprintf(p->node, sizeof(p->node), "%s", node);
	return p;
}

void
plan_free(struct plan **p)
{
	if (*p == NULL)
		return;
	free((*p)->nodes);
	free((*p)->targets);
	free((*p)->accounts);
	if ((*p)->removal != NULL)
		removal_report_fini((*p)->removal);
	free((*p)->removal);
	xfree(p);
}

/* Arrays grow by doubling; the count says when. */
static void *
plan_grow(void *rows, size_t count, size_t size)
{
	if (count != 0 && (count & (count - 1)) != 0)
		return rows;
	return xrealloc_array(rows, count == 0 ? 1 : count * 2, size);
}

struct plan_node *
plan_add_node(struct plan *p)
{
	p->nodes = plan_grow(p->nodes, p->node_count, sizeof(*p->nodes));
	memset(&p->nodes[p->node_count], 0, sizeof(*p->nodes));
	return &p->nodes[p->node_count++];
}

struct plan_account *
plan_add_account(struct plan *p)
{
	struct plan_account *a;

	p->accounts = plan_grow(p->accounts, p->account_count, sizeof(*p->accounts));
	a = &p->accounts[p->account_count++];
	memset(a, 0, sizeof(*a));
	a->target = -1;
	return a;
}

/* "; there are A, B, C", as many as fit */
static void
plan_names(const struct plan *p, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->node_count && length + 20 < size; i++) {
		length += (size_t)snprintf(out + length, size - length, "%s%.100s",
		    i == 0 ? "; there are " : ", ", p->nodes[i].name);
	}
}

int
plan_find_node(const struct plan *p, const char *name, struct err *e)
{
	size_t length = strlen(name);
	char names[300];
	int found = -1;

	for (size_t i = 0; i < p->node_count; i++) {
		if (strcasecmp(p->nodes[i].name, name) == 0)
			return (int)i;
		if (strncasecmp(p->nodes[i].name, name, length) == 0 &&
		    p->nodes[i].name[length] == '.') {
			if (found >= 0) {
				err_set(e, ERR_REFUSED,
				    "node %.100s: is it %s or %s? give the whole name",
				    name, p->nodes[found].name, p->nodes[i].name);
				return -1;
			}
			found = (int)i;
		}
	}
	if (found < 0) {
		plan_names(p, names, sizeof(names));
		err_set(e, ERR_REFUSED,
		    "node %.100s: the directory has no mailbox server of that name%s",
		    name, names);
	}
	return found;
}

/* Is its node the only target? */
static bool
plan_fills(const struct plan *p)
{
	return !plan_kinds[p->kind].empties && !plan_kinds[p->kind].spreads;
}

bool
plan_choose_targets(struct plan *p, const char *to, struct err *e)
{
	char *copy = xstrdup(to);
	char *rest = copy;
	bool ok = true;

	for (size_t i = 0; i < p->node_count; i++) {
		bool is_node = strcasecmp(p->nodes[i].name, p->node) == 0;

		p->nodes[i].is_target =
		    plan_fills(p) ? is_node : to[0] == '\0' && !is_node;
	}
	if (plan_fills(p) && to[0] != '\0')
		ok = err_set(e, ERR_REFUSED,
		    "node %s: is the target; another cannot be named", p->node);
	for (char *name; ok && to[0] != '\0' && (name = strsep(&rest, ",")) != NULL;) {
		int index = name[0] == '\0' ? -1 : plan_find_node(p, name, e);

		if (name[0] == '\0')
			continue;
		ok = index >= 0;
		if (ok && plan_kinds[p->kind].empties &&
		    strcasecmp(p->nodes[index].name, p->node) == 0)
			ok = err_set(e, ERR_REFUSED,
			    "node %s: cannot be emptied into itself", p->node);
		if (ok && p->nodes[index].is_target)
			ok = err_set(e, ERR_REFUSED, "node %s: is named twice",
			    p->nodes[index].name);
		if (ok)
			p->nodes[index].is_target = true;
	}
	snprintf(p->to, sizeof(p->to), "%s", to);
	free(copy);
	return ok;
}

uint64_t
plan_room_needed(uint64_t bytes)
{
	return bytes * SPACE_FACTOR + SPACE_FLOOR;
}

uint64_t
plan_load(uint64_t bytes, uint64_t count)
{
	return bytes + count * LOAD_OF_A_MAILBOX;
}

/* As a node of the usual weight would feel it. */
static uint64_t
plan_load_after(const struct plan *p, size_t node)
{
	const struct plan_target *t = &p->targets[node];
	uint32_t weight = p->nodes[node].weight == 0 ? 100 : p->nodes[node].weight;

	return plan_load(t->bytes_after, t->count_after) / weight * 100;
}

/* Largest first; equal sizes by id, so that the order never depends on LDAP's. */
static int
plan_compare(const void *left, const void *right)
{
	const struct plan_account *a = left;
	const struct plan_account *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->id, b->id);
}

static void
plan_hash(uint64_t *hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		*hash = (*hash ^ bytes[i]) * 1099511628211u;
}

/* FNV-1a over who goes where: mail that arrives meanwhile does not make a plan stale. */
static void
plan_set_version(struct plan *p)
{
	uint64_t hash = 14695981039346656037u;

	plan_hash(&hash, &p->kind, sizeof(p->kind));
	plan_hash(&hash, p->node, strlen(p->node));
	for (size_t i = 0; i < p->node_count; i++) {
		plan_hash(&hash, p->nodes[i].name, strlen(p->nodes[i].name));
		plan_hash(&hash, &p->nodes[i].is_target, sizeof(bool));
	}
	/* The order of accounts changes with sizes; their set does not. */
	uint64_t set = 0;

	for (size_t i = 0; i < p->account_count; i++) {
		uint64_t one = 14695981039346656037u;
		bool refused = p->accounts[i].refused[0] != '\0';

		plan_hash(&one, p->accounts[i].id, strlen(p->accounts[i].id));
		plan_hash(&one, p->accounts[i].source, strlen(p->accounts[i].source));
		plan_hash(&one, &refused, sizeof(refused));
		set += one;
	}
	plan_hash(&hash, &set, sizeof(set));
	snprintf(p->version, sizeof(p->version), "%016" PRIx64, hash);
}

bool
plan_check_nodes(const struct plan *p, struct err *e)
{
	size_t targets = 0;
	const char *last = "";

	for (size_t i = 0; i < p->node_count; i++) {
		const struct plan_node *n = &p->nodes[i];
		bool is_source =
		    plan_kinds[p->kind].empties && strcasecmp(n->name, p->node) == 0;

		/* What is to be emptied may be sick, as long as it can be read. */
		if (!n->has_agent || (is_source ? n->unreadable : !n->healthy) ||
		    (n->cordoned && !is_source)) {
			if (is_source)
				return err_set(e, ERR_REFUSED,
				    "node %s: cannot be emptied: %.300s%s", n->name,
				    n->why_not,
				    n->has_agent
					? "; mend that first, there is nothing to "
					  "export from a node that does not serve"
					: "");
			if (n->is_target && (p->to[0] != '\0' || plan_fills(p)))
				return err_set(e, ERR_REFUSED,
				    "node %s: cannot take mailboxes: %.300s", n->name,
				    n->why_not);
			if (n->is_target)
				last = n->why_not;
			continue;
		}
		targets += n->is_target;
	}
	if (targets == 0 && p->node[0] == '\0')
		return err_set(e, ERR_REFUSED,
		    "no node can take mailboxes%s%.250s; zmferry nodes",
		    last[0] == '\0' ? "" : ": ", last);
	if (targets == 0)
		return err_set(e, ERR_REFUSED,
		    "node %s: no other node can take its mailboxes%s%.250s", p->node,
		    last[0] == '\0' ? "; add one first" : ": ", last);
	return true;
}

static bool
plan_has_old_copy(const struct plan_account *a, size_t node)
{
	return node < PLAN_COPY_NODES && (a->old_copies >> node & 1) != 0;
}

static bool
plan_has_own_copy(const struct plan_account *a, size_t node)
{
	return node < PLAN_COPY_NODES && (a->own_copies >> node & 1) != 0;
}

/* No target: is it for an old copy, or for want of room? */
static void
plan_refuse(struct plan *p, struct plan_account *a, const uint64_t *room)
{
	for (size_t i = 0; i < p->node_count; i++) {
		if (!p->nodes[i].is_target || !plan_has_old_copy(a, i) ||
		    !p->nodes[i].has_agent || !p->nodes[i].healthy ||
		    room[i] < plan_room_needed(a->bytes))
			continue;
		snprintf(a->refused, sizeof(a->refused),
		    "node %.100s still holds an old copy of this mailbox, importing "
		    "would bring deleted mail back",
		    p->nodes[i].name);
		snprintf(a->next, sizeof(a->next),
		    "another target, or read \"stale copy\" in docs/operations.md");
		return;
	}
	p->no_room_count++;
	snprintf(a->refused, sizeof(a->refused),
	    "no target has %" PRIu64 " MB free below its fill limit",
	    plan_room_needed(a->bytes) >> 20);
	if (plan_kinds[p->kind].empties)
		snprintf(a->next, sizeof(a->next),
		    "free space on a target or add a node, then: zmferry plan evacuate "
		    "%s",
		    p->node);
	else
		snprintf(a->next, sizeof(a->next),
		    "free space on %.200s, or a higher fill_limit, then again",
		    p->node[0] == '\0' ? "the targets" : p->node);
}

/* The usable target that is least loaded with this mailbox on it; -1 = none has room. */
static int
plan_best(const struct plan *p, const struct plan_account *a, const uint64_t *room)
{
	int best = -1;

	for (size_t i = 0; i < p->node_count; i++) {
		if (plan_kinds[p->kind].spreads && a->target != (int)i)
			continue; /* chosen before, with everybody else in view */
		if (!p->nodes[i].is_target || !p->nodes[i].has_agent ||
		    !p->nodes[i].healthy || p->nodes[i].cordoned ||
		    room[i] < plan_room_needed(a->bytes) || plan_has_old_copy(a, i))
			continue;
		/* An old copy of ours is deleted first: no harm, but work. */
		if (best < 0 ||
		    plan_load_after(p, i) < plan_load_after(p, (size_t)best) ||
		    (plan_load_after(p, i) == plan_load_after(p, (size_t)best) &&
			plan_has_own_copy(a, (size_t)best) && !plan_has_own_copy(a, i)))
			best = (int)i;
	}
	return best;
}

/* Where it lives now has less afterwards. */
static void
plan_leaves(struct plan *p, const struct plan_account *a)
{
	for (size_t i = 0; i < p->node_count; i++) {
		struct plan_target *t = &p->targets[i];

		if (strcasecmp(p->nodes[i].name, a->source) != 0 || t->count_after == 0)
			continue;
		t->count_after--;
		t->bytes_after -= a->bytes < t->bytes_after ? a->bytes : t->bytes_after;
	}
}

static void
plan_place(struct plan *p, struct plan_account *a, uint64_t *room)
{
	if (a->refused[0] == '\0') {
		a->target = plan_best(p, a, room);
		if (a->target < 0)
			plan_refuse(p, a, room);
	} else {
		a->target = -1;
	}
	if (a->target < 0) {
		p->refused_count++;
		return;
	}
	if (plan_kinds[p->kind].spreads)
		plan_leaves(p, a);
	room[a->target] -= plan_room_needed(a->bytes);
	p->targets[a->target].bytes_after += a->bytes;
	p->targets[a->target].count_after++;
	p->cleared_count += plan_has_own_copy(a, (size_t)a->target);
	p->moved_count++;
	p->moved_bytes += a->bytes;
	p->moved_items += a->items;
}

bool
plan_make(struct plan *p, struct err *e)
{
	uint64_t *room;

	if (!plan_check_nodes(p, e))
		return false;
	room = xcalloc(p->node_count, sizeof(*room));
	p->targets = xcalloc(p->node_count, sizeof(*p->targets));
	for (size_t i = 0; i < p->node_count; i++) {
		room[i] = p->nodes[i].room_bytes;
		p->targets[i].bytes_before = p->targets[i].bytes_after =
		    p->nodes[i].bytes;
		p->targets[i].count_before = p->targets[i].count_after =
		    p->nodes[i].count;
	}
	plan_set_version(p);
	qsort(p->accounts, p->account_count, sizeof(*p->accounts), plan_compare);
	for (size_t i = 0; i < p->account_count; i++)
		plan_place(p, &p->accounts[i], room);
	free(room);
	return true;
}

static bool
plan_has_nobody(const struct plan *p, struct err *e)
{
	switch (p->kind) {
	case PLAN_EVACUATE:
		return err_set(e, ERR_REFUSED,
		    "node %s: the directory names nobody on it; there is nothing to move",
		    p->node);
	case PLAN_RESTORE:
		return err_set(e, ERR_REFUSED,
		    "node %s: nobody who was moved away from it lives elsewhere; there "
		    "is "
		    "nothing to bring back",
		    p->node);
	case PLAN_REBALANCE:
		return err_set(e, ERR_REFUSED,
		    "the nodes are even already, as far as whole mailboxes can make "
		    "them; there is nothing to move");
	case PLAN_MOVE:
	case PLAN_REMOVE:
	case PLAN_ADD:
	case PLAN_KIND_COUNT:
		break;
	}
	return err_set(e, ERR_REFUSED, "node %s: no account is named", p->node);
}

bool
plan_has_work(const struct plan *p, struct err *e)
{
	/* An empty node can be taken out, and one brought in that then gets nothing. */
	if (p->account_count == 0 && (p->kind == PLAN_REMOVE || p->kind == PLAN_ADD))
		return true;
	if (p->account_count == 0)
		return plan_has_nobody(p, e);
	if (p->moved_count == 0)
		return err_set(e, ERR_REFUSED,
		    "%s%s%snone of %zu accounts can be moved; %s: %.250s",
		    p->node[0] == '\0' ? "" : "node ", p->node,
		    p->node[0] == '\0' ? "" : ": ", p->account_count, p->accounts[0].name,
		    p->accounts[0].refused);
	return true;
}
