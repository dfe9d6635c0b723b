/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who moves so that nodes become even is chosen from the inventories, not by asking the
 * directory for everybody: a million accounts would not fit. Only the chosen are looked up.
 * An inventory is up to a minute old and lists old copies too, so where our own moves
 * brought somebody, their word goes before it.
 */
#include <stdlib.h>
#include <string.h>

#include "controller/level.h"
#include "controller/survey_private.h"
#include "proto/base/xalloc.h"

/* Where a move of ours brought somebody. */
struct home {
	uint8_t id[16];
	uint64_t bytes;
	size_t order; /* later ones count */
	int node;     /* index of the plan's node; -1 = gone */
};

struct levelling {
	struct survey *v;
	struct home *homes; /* sorted by id, one each */
	size_t home_count;
	struct level_node *nodes;
	struct level_box *boxes;
	size_t box_count;
};

static int
level_node_index(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->node_count; i++) {
		if (strcasecmp(p->nodes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static void
level_on_home(void *ctx, const char *account_id, const char *node, uint64_t bytes)
{
	struct levelling *l = ctx;
	struct home *home;

	if ((l->home_count & (l->home_count - 1)) == 0)
		l->homes = xrealloc_array(l->homes,
		    l->home_count == 0 ? 1 : l->home_count * 2, sizeof(*l->homes));
	home = &l->homes[l->home_count];
	fleet_account_key(account_id, strlen(account_id), home->id);
	home->bytes = bytes;
	home->order = l->home_count++;
	home->node = level_node_index(l->v->plan, node);
}

static int
compare_homes(const void *left, const void *right)
{
	const struct home *a = left;
	const struct home *b = right;
	int order = memcmp(a->id, b->id, sizeof(a->id));

	if (order != 0)
		return order;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int
compare_home_ids(const void *key, const void *row)
{
	return memcmp(key, ((const struct home *)row)->id, 16);
}

static void
level_gather_homes(struct levelling *l)
{
	size_t kept = 0;

	l->v->w->each_home(l->v->w->each_home_ctx, level_on_home, l);
	if (l->home_count == 0)
		return;
	qsort(l->homes, l->home_count, sizeof(*l->homes), compare_homes);
	for (size_t i = 0; i < l->home_count; i++) {
		if (i + 1 == l->home_count ||
		    memcmp(l->homes[i].id, l->homes[i + 1].id, 16) != 0)
			l->homes[kept++] = l->homes[i];
	}
	l->home_count = kept;
}

static void
level_add_box(struct levelling *l, const uint8_t id[16], uint64_t bytes, int node)
{
	struct level_box *box = &l->boxes[l->box_count++];

	memcpy(box->id, id, sizeof(box->id));
	box->bytes = bytes;
	box->node = (uint32_t)node;
	l->nodes[node].load += plan_load(bytes, 1);
}

/* Of everything on a node what lives there, as far as is known here. */
static void
level_add_node(struct levelling *l, int node)
{
	const struct plan_node *n = &l->v->plan->nodes[node];
	const struct fleet_node *f = fleet_find(l->v->w->fleet, n->name);

	if (!n->has_agent || !n->healthy || n->cordoned)
		return;
	l->nodes[node].room_bytes = n->room_bytes;
	l->nodes[node].weight = n->weight;
	l->nodes[node].gives = true;
	l->nodes[node].takes = n->is_target;
	if (f == NULL)
		return; /* it is to be */
	for (size_t i = 0; i < f->mailbox_count; i++) {
		const struct fleet_mailbox *m = &f->mailboxes[i];
		struct home *home = l->home_count == 0
					? NULL
					: bsearch(m->account_id, l->homes, l->home_count,
					      sizeof(*l->homes), compare_home_ids);

		if (home != NULL && home->node != node)
			continue;
		if (home != NULL)
			home->node = -1; /* it is counted */
		level_add_box(l, m->account_id, m->size_bytes, node);
	}
}

static void
level_keep(struct levelling *l, size_t moved)
{
	struct survey *v = l->v;

	v->chosen = xcalloc(moved + 1, sizeof(*v->chosen));
	for (size_t i = 0; i < l->box_count; i++) {
		struct fleet_mailbox m = {.size_bytes = l->boxes[i].bytes};
		struct chosen *one = &v->chosen[v->chosen_count];

		if (l->boxes[i].to < 0)
			continue;
		memcpy(m.account_id, l->boxes[i].id, sizeof(m.account_id));
		fleet_mailbox_id(&m, one->id);
		one->from = (int)l->boxes[i].node;
		one->to = l->boxes[i].to;
		v->chosen_count++;
	}
}

void
survey_level(struct survey *v)
{
	const struct plan *p = v->plan;
	struct levelling l = {.v = v};
	size_t total = 0;

	level_gather_homes(&l);
	for (size_t i = 0; i < p->node_count; i++)
		total += p->nodes[i].count;
	l.nodes = xcalloc(p->node_count + 1, sizeof(*l.nodes));
	l.boxes = xcalloc(total + l.home_count + 1, sizeof(*l.boxes));
	for (size_t i = 0; i < p->node_count; i++)
		level_add_node(&l, (int)i);
	/* Who arrived after the last inventory. */
	for (size_t i = 0; i < l.home_count; i++) {
		if (l.homes[i].node >= 0 && l.nodes[l.homes[i].node].gives)
			level_add_box(
			    &l, l.homes[i].id, l.homes[i].bytes, l.homes[i].node);
	}
	level_keep(&l, level_choose(l.nodes, p->node_count, l.boxes, l.box_count));
	free(l.homes);
	free(l.nodes);
	free(l.boxes);
}

bool
survey_run_chosen(struct work *work)
{
	struct survey *v = (struct survey *)work;
	size_t kept = 0;

	for (size_t i = 0; i < v->chosen_count; i++) {
		const struct chosen one = v->chosen[i];
		struct account_facts facts;
		bool found;

		if (!directory_read_account(
			v->directory, one.id, &found, &facts, &work->err))
			return false;
		if (!found)
			continue;
		if (strcasecmp(facts.mail_host, v->plan->nodes[one.from].name) == 0) {
			(void)survey_keep_account(&facts, v);
			v->chosen[kept++] = one; /* the same index as its account */
		}
		account_facts_fini(&facts);
	}
	v->chosen_count = kept;
	return true;
}
