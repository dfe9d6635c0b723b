/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: servers and classes of service are read (on the pool), the pools are
 * planned and journaled (on the loop), written by SOAP (on the pool), and what is undone is
 * forgotten. What can go wrong: it stops anywhere. What is journaled is made true by the next
 * cordon, or at the next start; pool_plan knows our own half-done change from somebody else's.
 */
#include "controller/cordon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/plan.h"
#include "controller/world_private.h"
#include "controller/zimbra/admin.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define SOAP_MS 15000

struct cos {
	char id[LIMIT_ID];
	char name[LIMIT_NAME + 1];
	struct pool pool;
	struct pool_record record;
	struct pool_change change;
};

struct cordoning {
	struct work work;
	struct controller *c;
	struct world_live *w;
	struct directory *directory;
	char node[WORLD_NAME];
	bool on;
	char who[64];
	struct plan *names; /* for finding a node by its front */
	struct server_facts *servers;
	size_t server_count;
	struct pool everyone; /* every server of the directory, mailboxes or not */
	struct cos *list;
	size_t cos_count;
	struct cordons cordons;
	char failed_text[LIMIT_TEXT]; /* of a cache that could not be flushed */
	cordon_done_fn done;
	void *owner;
};

static void
cordoning_end(struct cordoning *x, const json_t *report, const struct err *e)
{
	x->c->cordoning = false;
	if (!x->w->stopping)
		x->done(x->owner, report, e);
	plan_free(&x->names);
	cordons_fini(&x->cordons);
	free(x->servers);
	free(x->list);
	free(x);
}

/* --- reading, on the pool --- */

static bool
on_server(const struct server_facts *s, void *ctx)
{
	struct cordoning *x = ctx;

	(void)pool_add(&x->everyone, s->id);
	if (!s->has_mailbox)
		return true;
	x->servers = xrealloc_array(x->servers, x->server_count + 1, sizeof(*x->servers));
	x->servers[x->server_count++] = *s;
	snprintf(plan_add_node(x->names)->name, WORLD_NAME, "%s", s->host);
	return true;
}

static bool
on_cos(const struct cos_facts *f, void *ctx)
{
	struct cordoning *x = ctx;
	struct cos *row;

	x->list = xrealloc_array(x->list, x->cos_count + 1, sizeof(*x->list));
	row = &x->list[x->cos_count++];
	memset(row, 0, sizeof(*row));
	snprintf(row->id, sizeof(row->id), "%s", f->id);
	snprintf(row->name, sizeof(row->name), "%s", f->name);
	for (size_t i = 0; i < f->pool_count; i++)
		(void)pool_add(&row->pool, f->pool[i]);
	return true;
}

static bool
cordon_read(struct work *work)
{
	struct cordoning *x = (struct cordoning *)work;

	return directory_list_servers(x->directory, on_server, x, &work->err) &&
	       directory_list_cos(x->directory, on_cos, x, &work->err);
}

/* --- writing, on the pool --- */

/* A server that is not being emptied answers longest. */
static const char *
writing_host(const struct cordoning *x)
{
	for (size_t i = 0; i < x->server_count; i++) {
		if (!cordons_has(&x->cordons, x->servers[i].host))
			return x->servers[i].host;
	}
	return x->servers[0].host;
}

static bool
cordon_write(struct work *work)
{
	struct cordoning *x = (struct cordoning *)work;
	struct soap_client *c =
	    live_soap(x->w, writing_host(x), SOAP_MS, &work->cancelled);
	bool wrote = false;
	bool ok = true;
	struct err e;

	for (size_t i = 0; ok && i < x->cos_count; i++) {
		struct cos *cos = &x->list[i];
		const char *ids[POOL_MAX];

		if (!cos->change.write)
			continue;
		for (size_t k = 0; k < cos->record.wanted.count; k++)
			ids[k] = cos->record.wanted.ids[k];
		ok =
		    admin_set_pool(c, cos->id, ids, cos->record.wanted.count, &work->err);
		wrote = wrote || ok;
	}
	soap_client_free(&c);
	/* The others know the old pool until they forget it by themselves, minutes later. */
	for (size_t i = 0; ok && wrote && i < x->server_count; i++) {
		c = live_soap(x->w, x->servers[i].host, SOAP_MS, &work->cancelled);
		if (!admin_flush_cos(c, &e))
			snprintf(x->failed_text, sizeof(x->failed_text), "%.150s: %.250s",
			    x->servers[i].host, e.text);
		soap_client_free(&c);
	}
	return ok;
}

/* --- on the loop --- */

static json_t *
pool_names(const struct cordoning *x, const struct pool *p)
{
	json_t *names = json_array();

	for (size_t i = 0; i < p->count; i++) {
		const char *name = p->ids[i];

		for (size_t k = 0; k < x->server_count; k++) {
			if (strcmp(x->servers[k].id, p->ids[i]) == 0)
				name = x->servers[k].host;
		}
		json_array_append_new(names, json_string(name));
	}
	return names;
}

static json_t *
cordon_report(const struct cordoning *x)
{
	json_t *pools = json_array();

	for (size_t i = 0; i < x->cos_count; i++) {
		const struct cos *cos = &x->list[i];

		if (cos->change.write || cos->change.by_others)
			json_array_append_new(
			    pools, json_pack("{sssososb}", "cos", cos->name, "before",
				       pool_names(x, &cos->record.before), "now",
				       pool_names(x, &cos->record.wanted),
				       "changed_by_others", cos->change.by_others));
	}
	return json_pack("{sssbsoss}", "node", x->node, "cordoned",
	    cordons_has(&x->cordons, x->node), "pools", pools, "not_flushed",
	    x->failed_text);
}

static void
cordon_written(struct work *work)
{
	struct cordoning *x = (struct cordoning *)work;
	json_t *report;
	struct err e;

	if (!work->ok) {
		e = work->err;
		cordoning_end(x, NULL, &e);
		return;
	}
	/* Written, so what is not needed any more may be forgotten. */
	if (x->cordons.count == 0)
		x->cordons.pool_count = 0;
	if (!journal_cordons_save(x->c->journal, &x->cordons, &e)) {
		cordoning_end(x, NULL, &e);
		return;
	}
	report = cordon_report(x);
	log_info(NULL, "cordon: %s%s; %zu pools changed",
	    x->node[0] == '\0' ? "all of them" : x->node,
	    x->node[0] == '\0' ? " looked through"
	    : x->on	       ? " on"
			       : " ended",
	    json_array_size(json_object_get(report, "pools")));
	cordoning_end(x, report, NULL);
	json_decref(report);
}

static const struct pool_record *
record_of(const struct cordons *all, const char *cos_id)
{
	for (size_t i = 0; i < all->pool_count; i++) {
		if (strcmp(all->pools[i].cos_id, cos_id) == 0)
			return &all->pools[i];
	}
	return NULL;
}

/* A server that was taken out of the directory is cordoned no more, and in nobody's pool. */
static void
cordon_drop_gone(struct cordoning *x)
{
	struct cordons *all = &x->cordons;
	size_t kept = 0;

	if (x->everyone.count == POOL_MAX)
		return; /* not all of them are known here: nothing is dropped on a guess */
	for (size_t i = 0; i < all->count; i++) {
		if (pool_has(&x->everyone, all->rows[i].server_id))
			all->rows[kept++] = all->rows[i];
	}
	all->count = kept;
	for (size_t i = 0; i < all->pool_count; i++) {
		pool_keep(&all->pools[i].base, &x->everyone);
		pool_keep(&all->pools[i].before, &x->everyone);
		pool_keep(&all->pools[i].wanted, &x->everyone);
	}
}

/* The node among the cordoned, or out of them. */
static bool
cordon_set(struct cordoning *x, struct err *e)
{
	struct cordons *all = &x->cordons;
	int index;

	if (x->node[0] == '\0')
		return true;
	index = plan_find_node(x->names, x->node, e);
	if (index < 0)
		return false;
	snprintf(x->node, sizeof(x->node), "%s", x->servers[index].host);
	if (x->on == cordons_has(all, x->node))
		return true;
	if (x->on) {
		struct cordon *row = &all->rows[all->count];

		if (all->count == CORDONS_MAX)
			return err_set(e, ERR_REFUSED,
			    "node %s: %d nodes are cordoned already", x->node,
			    CORDONS_MAX);
		memset(row, 0, sizeof(*row));
		snprintf(row->node, sizeof(row->node), "%s", x->node);
		snprintf(
		    row->server_id, sizeof(row->server_id), "%s", x->servers[index].id);
		snprintf(row->who, sizeof(row->who), "%s", x->who);
		row->at_ms = clock_wall_ms();
		all->count++;
		return true;
	}
	for (size_t i = 0; i < all->count; i++) {
		if (strcasecmp(all->rows[i].node, x->node) == 0)
			all->rows[i] = all->rows[--all->count];
	}
	return true;
}

static bool
cordon_plan(struct cordoning *x, struct err *e)
{
	struct cordons *all = &x->cordons;
	struct pool_record *records;
	struct pool cordoned = {0};
	struct pool servers = {0};
	size_t kept = 0;

	for (size_t i = 0; i < all->count; i++)
		(void)pool_add(&cordoned, all->rows[i].server_id);
	for (size_t i = 0; i < x->server_count; i++)
		(void)pool_add(&servers, x->servers[i].id);
	records = xrealloc_array(NULL, x->cos_count + 1, sizeof(*records));
	for (size_t i = 0; i < x->cos_count; i++) {
		struct cos *cos = &x->list[i];

		snprintf(cos->record.cos_id, sizeof(cos->record.cos_id), "%s", cos->id);
		snprintf(
		    cos->record.cos_name, sizeof(cos->record.cos_name), "%s", cos->name);
		if (!pool_plan(&cos->pool, record_of(all, cos->id), &cordoned, &servers,
			&cos->record, &cos->change)) {
			free(records);
			return err_set(e, ERR_REFUSED,
			    "node %s: no server would be left for new mailboxes of COS "
			    "%s; end "
			    "another cordon first",
			    x->node, cos->name);
		}
		if (cos->change.write || cos->change.remember)
			records[kept++] = cos->record;
	}
	free(all->pools);
	all->pools = records;
	all->pool_count = kept;
	return true;
}

static void
cordon_have_read(struct work *work)
{
	struct cordoning *x = (struct cordoning *)work;
	struct err e = work->err;

	live_give_directory(x->w, x->directory);
	x->directory = NULL;
	if (work->ok)
		cordon_drop_gone(x);
	if (!work->ok || x->w->stopping || x->server_count == 0 || !cordon_set(x, &e) ||
	    !cordon_plan(x, &e) ||
	    !journal_cordons_save(x->c->journal, &x->cordons, &e)) {
		if (work->ok && x->server_count == 0)
			err_set(&e, ERR_REFUSED, "the directory has no mailbox server");
		cordoning_end(x, NULL, &e);
		return;
	}
	x->work.run = cordon_write;
	x->work.done = cordon_written;
	if (!work_submit(x->w->loop, &x->work, &e))
		cordoning_end(x, NULL, &e);
}

void
cordon_start(struct controller *c, const char *node, bool on, const char *who,
    cordon_done_fn done, void *owner)
{
	struct cordoning *x = XNEW(struct cordoning);
	struct err e;

	x->c = c;
	x->w = c->world;
	x->on = on;
	x->done = done;
	x->owner = owner;
	x->names = plan_new(PLAN_EVACUATE, "");
	snprintf(x->node, sizeof(x->node), "%s", node);
	snprintf(x->who, sizeof(x->who), "%s", who);
	if (c->cordoning) {
		err_set(&e, ERR_RETRY, "another cordon is being set just now");
		done(owner, NULL, &e);
		plan_free(&x->names);
		free(x);
		return;
	}
	c->cordoning = true;
	if (!journal_cordons_load(c->journal, &x->cordons, &e)) {
		cordoning_end(x, NULL, &e);
		return;
	}
	x->directory = live_take_directory(c->world);
	x->work.run = cordon_read;
	x->work.done = cordon_have_read;
	if (work_submit(c->world->loop, &x->work, &e))
		return;
	live_give_directory(c->world, x->directory);
	cordoning_end(x, NULL, &e);
}
