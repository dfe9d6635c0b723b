/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: every minute one GetAllMailboxes, and pages only when a row
 * changed. What can go wrong: mailboxd is away (said once, tried again), the link is
 * full (the rest of the pages waits), or new (everything again).
 */
#include "agent/mailbox/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/spool.h"
#include "proto/base/clock.h"
#include "proto/base/utf8.h"
#include "proto/base/work.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define EVERY_MS 60000
#define AFTER_FAILURE_MS 10000
#define SOON_MS 2000
#define SHARE 50	     /* asking takes at most 1/50 of the time */
#define ROOM_BYTES (1 * MIB) /* of the send queue; results of steps need the rest */

struct inventory_job {
	struct work work;
	struct inventory *owner;
	struct soap_client *soap; /* kept: one login for all */
	char host[256];
	char server_id[LIMIT_ID];
	struct inventory_list list;
	uint64_t began_ms;
	bool running;
};

struct inventory {
	struct agent *agent;
	struct inventory_job job;
	struct inventory_list list; /* being told */
	uint64_t hash;		    /* of list */
	uint64_t snapshot;
	uint32_t next_page;
	uint32_t pages;		/* 0: nothing to tell */
	bool told;		/* this link has all of list */
	uint64_t next_ms;	/* when to ask again */
	uint64_t not_before_ms; /* even when something changes all the time */
	bool failing;
};

/* --- rows and pages --- */

void
inventory_add(struct inventory_list *list, const Wire__Mailbox *m)
{
	struct inventory_row *row;
	char id[LIMIT_ID];

	if (m->account_id.len == 0 || !frame_copy(&m->account_id, id, sizeof(id))) {
		list->refused++;
		return;
	}
	utf8_tidy(id);
	if (!frame_equal(&m->account_id, id)) {
		list->refused++;
		return;
	}
	if ((list->count & (list->count - 1)) == 0)
		list->rows = xrealloc_array(
		    list->rows, list->count == 0 ? 1 : list->count * 2, sizeof(*row));
	row = &list->rows[list->count++];
	memset(row, 0, sizeof(*row));
	memcpy(row->account_id, id, strlen(id));
	row->mailbox_id = m->mailbox_id;
	row->size_bytes = m->size_bytes;
	row->item_id = m->item_id;
	row->change = m->change;
	row->contacts = m->contacts;
	row->new_messages = m->new_messages;
	row->last_access_s = m->last_access_s;
}

static int
compare_row(const void *left, const void *right)
{
	return strcmp(((const struct inventory_row *)left)->account_id,
	    ((const struct inventory_row *)right)->account_id);
}

void
inventory_sort(struct inventory_list *list)
{
	size_t kept = 0;

	if (list->count == 0)
		return;
	qsort(list->rows, list->count, sizeof(*list->rows), compare_row);
	for (size_t i = 1; i < list->count; i++) {
		if (compare_row(&list->rows[kept], &list->rows[i]) != 0)
			list->rows[++kept] = list->rows[i];
	}
	list->count = kept + 1;
}

/* The last access alone is not worth a message. */
uint64_t
inventory_hash(const struct inventory_list *list)
{
	uint64_t hash = spool_hash(&list->count, sizeof(list->count));

	for (size_t i = 0; i < list->count; i++) {
		struct inventory_row row = list->rows[i];

		row.last_access_s = 0;
		hash = hash * 31 + spool_hash(&row, sizeof(row));
	}
	return hash;
}

uint32_t
inventory_page_count(const struct inventory_list *list)
{
	return list->count == 0 ? 1
				: (uint32_t)((list->count + LIMIT_INVENTORY_PAGE - 1) /
					     LIMIT_INVENTORY_PAGE);
}

void
inventory_page(const struct inventory_list *list, uint64_t snapshot, uint32_t page,
    Wire__InventoryPage *out)
{
	size_t from = (size_t)page * LIMIT_INVENTORY_PAGE;
	size_t count = from >= list->count ? 0 : list->count - from;
	Wire__Mailbox *rows;

	if (count > LIMIT_INVENTORY_PAGE)
		count = LIMIT_INVENTORY_PAGE;
	wire__inventory_page__init(out);
	out->snapshot = snapshot;
	out->page = page;
	out->last = page + 1 >= inventory_page_count(list);
	out->n_mailboxes = count;
	out->mailboxes = xcalloc(count + 1, sizeof(*out->mailboxes));
	rows = xcalloc(count + 1, sizeof(*rows));
	out->mailboxes[0] =
	    rows; /* also of an empty page: inventory_page_free finds it */
	for (size_t i = 0; i < count; i++) {
		const struct inventory_row *row = &list->rows[from + i];
		Wire__Mailbox *m = &rows[i];

		wire__mailbox__init(m);
		m->account_id = frame_bytes(row->account_id);
		m->mailbox_id = row->mailbox_id;
		m->size_bytes = row->size_bytes;
		m->item_id = row->item_id;
		m->change = row->change;
		m->contacts = row->contacts;
		m->new_messages = row->new_messages;
		m->last_access_s = row->last_access_s;
		out->mailboxes[i] = m;
	}
}

void
inventory_page_free(Wire__InventoryPage *page)
{
	free(page->mailboxes[0]);
	free(page->mailboxes);
	page->mailboxes = NULL;
	page->n_mailboxes = 0;
}

void
inventory_list_free(struct inventory_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}

/* --- telling --- */

static void
inventory_send(struct inventory *v)
{
	struct agent *a = v->agent;

	while (v->next_page < v->pages && a->welcomed &&
	       peer_queued_bytes(a->link) < ROOM_BYTES) {
		Wire__Envelope m = WIRE__ENVELOPE__INIT;
		Wire__InventoryPage page;
		bool sent;

		inventory_page(&v->list, v->snapshot, v->next_page, &page);
		m.body_case = WIRE__ENVELOPE__BODY_INVENTORY;
		m.inventory = &page;
		sent = agent_send(a, &m);
		inventory_page_free(&page);
		if (!sent)
			return;
		v->next_page++;
	}
	if (v->pages == 0 || v->next_page < v->pages)
		return;
	log_debug(NULL, "inventory: %zu mailboxes told", v->list.count);
	v->pages = 0;
	v->told = true;
	inventory_list_free(&v->list);
}

/* --- asking --- */

static bool
inventory_on_row(const Wire__Mailbox *m, void *ctx)
{
	inventory_add(ctx, m);
	return true;
}

static bool
inventory_run(struct work *work)
{
	struct inventory_job *j = (struct inventory_job *)work;

	if (j->server_id[0] == '\0' && !account_server_id(j->soap, j->host, j->server_id,
					   sizeof(j->server_id), &work->err))
		return false;
	if (!account_each_row(j->soap, inventory_on_row, &j->list, &work->err))
		return false;
	inventory_sort(&j->list);
	return true;
}

static void
inventory_take(struct inventory *v, struct inventory_list *list)
{
	uint64_t hash = inventory_hash(list);

	if (list->refused > 0 && hash != v->hash)
		log_warn(NULL,
		    "inventory: %zu rows have account ids that are none; they are not "
		    "told",
		    list->refused);
	if (v->told && hash == v->hash)
		return;
	inventory_list_free(&v->list);
	v->list = *list;
	memset(list, 0, sizeof(*list));
	v->hash = hash;
	v->told = false;
	v->snapshot++;
	v->next_page = 0;
	v->pages = inventory_page_count(&v->list);
	inventory_send(v);
}

static void
inventory_done(struct work *work)
{
	struct inventory_job *j = (struct inventory_job *)work;
	struct inventory *v = j->owner;
	uint64_t now = clock_mono_ms();
	uint64_t took = now - j->began_ms;

	j->running = false;
	if (v->agent->stopping) {
		inventory_list_free(&j->list);
		return;
	}
	if (work->ok) {
		if (v->failing)
			log_info(NULL, "inventory: mailboxd answers again");
		v->failing = false;
		memcpy(v->agent->server_id, j->server_id, sizeof(j->server_id));
		v->not_before_ms = now + took * SHARE;
		v->next_ms = now + EVERY_MS;
		if (v->next_ms < v->not_before_ms)
			v->next_ms = v->not_before_ms;
		inventory_take(v, &j->list);
	} else {
		if (!v->failing)
			log_warn(NULL, "inventory: %s; trying again", work->err.text);
		v->failing = true;
		v->next_ms = now + AFTER_FAILURE_MS;
	}
	inventory_list_free(&j->list);
}

void
inventory_tick(struct inventory *v)
{
	uint64_t now = clock_mono_ms();
	struct err e;

	inventory_send(v);
	if (v->job.running || now < v->next_ms || v->agent->stopping)
		return;
	if (v->job.soap == NULL)
		v->job.soap = agent_soap(v->agent);
	v->job.began_ms = now;
	v->job.running = work_submit(&v->agent->loop, &v->job.work, &e);
}

void
inventory_restart(struct inventory *v)
{
	v->told = false;
	v->next_page = 0;
	if (v->pages > 0)
		v->snapshot++;
	else
		v->next_ms = 0; /* the rows were given up after telling: ask anew */
	inventory_tick(v);
}

void
inventory_soon(struct inventory *v)
{
	uint64_t soon = clock_mono_ms() + SOON_MS;

	if (soon < v->not_before_ms)
		soon = v->not_before_ms;
	if (soon < v->next_ms && !v->failing)
		v->next_ms = soon;
}

/* --- life --- */

struct inventory *
inventory_new(struct agent *a)
{
	struct inventory *v = XNEW(struct inventory);

	v->agent = a;
	v->job.owner = v;
	v->job.work.run = inventory_run;
	v->job.work.done = inventory_done;
	memcpy(v->job.host, a->zimbra.host, sizeof(v->job.host));
	/* Rises across restarts too. */
	v->snapshot = (uint64_t)clock_wall_ms();
	return v;
}

void
inventory_free(struct inventory **v)
{
	if (*v == NULL)
		return;
	soap_client_free(&(*v)->job.soap);
	inventory_list_free(&(*v)->list);
	inventory_list_free(&(*v)->job.list);
	xfree(v);
}
