/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents say of themselves. They may lie: nothing here destroys anything, and a
 * snapshot replaces the one before only when it is whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/fleet_private.h"
#include "controller/policy.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define MAILBOXES_MAX 2000000u

void
fleet_account_key(const char *id, size_t len, uint8_t out[16])
{
	uint64_t hash[2] = {14695981039346656037u, 1099511628211u};
	size_t digits = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)id[i];

		if (c >= 'A' && c <= 'F')
			c = (unsigned char)(c - 'A' + 'a');
		hash[0] = (hash[0] ^ c) * 1099511628211u;
		hash[1] = (hash[1] ^ (c + 31u)) * 1099511628211u;
		digits += (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	}
	memcpy(out, hash, 16);
	if (len != 36 || digits != 32)
		return;
	memset(out, 0, 16);
	for (size_t i = 0, n = 0; i < len; i++) {
		char c = id[i];
		int value = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (value < 0)
			continue;
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | value);
		n++;
	}
}

static int
compare_mailbox(const void *left, const void *right)
{
	const struct fleet_mailbox *a = left;
	const struct fleet_mailbox *b = right;

	return memcmp(a->account_id, b->account_id, sizeof(a->account_id));
}

const struct fleet_mailbox *
fleet_mailbox(const struct fleet_node *n, const char *account_id)
{
	struct fleet_mailbox key;

	fleet_account_key(account_id, strlen(account_id), key.account_id);
	if (n->mailbox_count == 0)
		return NULL;
	return bsearch(
	    &key, n->mailboxes, n->mailbox_count, sizeof(key), compare_mailbox);
}

void
fleet_mailbox_id(const struct fleet_mailbox *m, char out[FLEET_ID_SIZE])
{
	const uint8_t *b = m->account_id;

	snprintf(out, FLEET_ID_SIZE,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
	    b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
	    b[13], b[14], b[15]);
}

static void
agent_add_failing(struct agent *a, const Wire__Probe *p)
{
	struct fleet_node *f = &a->facts;
	const struct policy_fault *fault;
	struct fleet_probe *row;

	a->failing =
	    xrealloc_array(a->failing, f->failing_count + 1, sizeof(*a->failing));
	row = &a->failing[f->failing_count++];
	snprintf(row->name, sizeof(row->name), "%.*s", (int)p->name.len, p->name.data);
	snprintf(row->text, sizeof(row->text), "%.*s", (int)p->text.len, p->text.data);
	f->failing = a->failing;
	fault = policy_fault_find(row->name);
	f->healthy = f->healthy && !fault->hinders;
	f->readable = f->readable && !fault->unreadable;
}

void
agent_forget_health(struct agent *a)
{
	xfree(&a->failing);
	a->facts.failing = NULL;
	a->facts.failing_count = 0;
	a->facts.strained[0] = '\0';
	a->facts.zimbra_version[0] = '\0';
	a->facts.readable = true;
}

/* What people feel before anything fails; these warn of nothing else. */
static void
agent_take_strain(struct agent *a, const Wire__Probe *p)
{
	static const char *const felt[] = {"mailboxd", "mariadb", "cgroup:io"};

	for (size_t i = 0; i < ARRAY_LEN(felt) && a->facts.strained[0] == '\0'; i++) {
		if (frame_equal(&p->name, felt[i]))
			snprintf(a->facts.strained, sizeof(a->facts.strained), "%.*s",
			    (int)p->text.len, p->text.data);
	}
}

void
agent_take_health(struct agent *a, const Wire__Health *h)
{
	struct fleet_node *f = &a->facts;

	f->healthy = true;
	f->note[0] = '\0';
	agent_forget_health(a);
	for (size_t i = 0; i < h->n_probes; i++) {
		const Wire__Probe *p = h->probes[i];

		if (p->severity == WIRE__SEVERITY__SEVERITY_OK)
			continue;
		if (p->severity == WIRE__SEVERITY__SEVERITY_FAIL)
			agent_add_failing(a, p);
		agent_take_strain(a, p);
		if (f->note[0] == '\0')
			snprintf(f->note, sizeof(f->note), "%.*s: %.*s", (int)p->name.len,
			    p->name.data, (int)p->text.len, p->text.data);
	}
	for (size_t i = 0; i < h->n_disks; i++) {
		if (!frame_equal(&h->disks[i]->role, "spool"))
			continue;
		f->spool_total_bytes = h->disks[i]->total_bytes;
		f->spool_free_bytes = h->disks[i]->free_bytes;
	}
	(void)!frame_copy(
	    &h->zimbra_version, f->zimbra_version, sizeof(f->zimbra_version));
	f->reserved_bytes = h->reserved_bytes;
	f->spool_is_persistent = h->spool_is_persistent;
}

static void
agent_keep_snapshot(struct agent *a)
{
	qsort(a->fresh, a->fresh_count, sizeof(*a->fresh), compare_mailbox);
	free(a->kept);
	a->kept = a->fresh;
	a->facts.mailboxes = a->kept;
	a->facts.mailbox_count = a->fresh_count;
	a->facts.mailbox_bytes = 0;
	for (size_t i = 0; i < a->fresh_count; i++)
		a->facts.mailbox_bytes += a->kept[i].size_bytes;
	a->facts.has_inventory = true;
	a->fresh = NULL;
	a->fresh_count = 0;
}

void
agent_take_inventory(struct agent *a, const Wire__InventoryPage *page)
{
	if (page->page == 0 || page->snapshot != a->snapshot) {
		free(a->fresh);
		a->fresh = NULL;
		a->fresh_count = 0;
		a->snapshot = page->snapshot;
		if (page->page != 0)
			return; /* its beginning was lost with a connection */
	}
	if (a->fresh_count + page->n_mailboxes > MAILBOXES_MAX)
		return;
	a->fresh = xrealloc_array(
	    a->fresh, a->fresh_count + page->n_mailboxes, sizeof(*a->fresh));
	for (size_t i = 0; i < page->n_mailboxes; i++) {
		const Wire__Mailbox *m = page->mailboxes[i];
		struct fleet_mailbox *row = &a->fresh[a->fresh_count++];

		memset(row, 0, sizeof(*row));
		fleet_account_key(
		    (const char *)m->account_id.data, m->account_id.len, row->account_id);
		row->size_bytes = m->size_bytes;
		row->mailbox_id = (uint32_t)m->mailbox_id;
		row->last_access_s = (uint32_t)m->last_access_s;
	}
	if (page->last)
		agent_keep_snapshot(a);
}

void
agent_take_sessions(const struct agent *a, const Wire__SessionPage *m,
    void (*fn)(void *ctx, const char *node, const struct presence_page *page), void *ctx)
{
	struct presence_row *rows = xcalloc(m->n_sessions + 1, sizeof(*rows));
	char why_not[LIMIT_TEXT + 1];
	struct presence_page page = {.look = m->look,
	    .page = m->page,
	    .last = m->last,
	    .rows = rows,
	    .count = m->n_sessions};

	snprintf(why_not, sizeof(why_not), "%.*s", (int)m->text.len, m->text.data);
	if (m->kind != WIRE__ERROR_KIND__ERROR_NONE)
		page.why_not = why_not;
	for (size_t i = 0; i < m->n_sessions; i++) {
		const Wire__Session *s = m->sessions[i];
		struct presence_row *row = &rows[i];

		row->idle_ms = s->idle_ms;
		if (!frame_copy(
			&s->account_id, row->account_id, sizeof(row->account_id)) ||
		    !frame_copy(&s->kind, row->kind, sizeof(row->kind)))
			page.why_not = "its agent's answer names nobody";
	}
	fn(ctx, a->facts.name, &page);
	free(rows);
}
