/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailboxes, an MTA that resolves late and retries, people with sessions, and the truth
 * beside all servers: what was accepted with 250 and what was acknowledged to somebody.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"
#include "tests/sim/sim.h"
#include "controller/moves_copies.h"

#define MTA_STALE_MS 8000
#define MTA_AGAIN_MS 2000

void
sim_fail(struct sim *s, const char *fmt, ...)
{
	va_list args;
	size_t len;

	if (s->failed)
		return;
	s->failed = true;
	len = (size_t)snprintf(s->why, sizeof(s->why),
	    "%sat %llu ms, life %u, effect %u: ", s->doing, (unsigned long long)s->now_ms,
	    s->life, s->effects);
	va_start(args, fmt);
	vsnprintf(s->why + len, sizeof(s->why) - len, fmt, args);
	va_end(args);
}

int
sim_node_find(struct sim *s, const char *name)
{
	for (int n = 0; n < SIM_NODES; n++) {
		if (strcmp(s->nodes[n].name, name) == 0)
			return n;
	}
	BUG("no node %s", name);
}

int
sim_account_find(struct sim *s, const char *id)
{
	for (int a = 0; a < s->account_count; a++) {
		if (strcmp(s->accounts[a].id, id) == 0)
			return a;
	}
	BUG("no account %s", id);
}

void
sim_cache_load(struct sim *s, int node, int account)
{
	struct sim_cache *c = &s->nodes[node].cache[account];
	const struct sim_account *a = &s->accounts[account];

	c->known = true;
	c->host = a->host;
	c->validity = a->validity;
	memcpy(c->status, a->now.status, sizeof(c->status));
	memcpy(c->quota, a->now.quota, sizeof(c->quota));
}

struct sim_cache *
sim_cache(struct sim *s, int node, int account)
{
	struct sim_cache *c = &s->nodes[node].cache[account];

	if (!c->known)
		sim_cache_load(s, node, account);
	return c;
}

/* --- mailboxes --- */

struct sim_item *
sim_box_find(struct sim_box *box, uint32_t serial)
{
	for (size_t i = 0; i < box->count; i++) {
		if (box->items[i].serial == serial)
			return &box->items[i];
	}
	return NULL;
}

void
sim_box_add(struct sim *s, struct sim_box *box, uint32_t serial, uint32_t rev)
{
	if (box->count == SIM_ITEMS)
		BUG("a mailbox of the model is full");
	if (!box->present) {
		box->present = true;
		box->mailbox_id = ++s->next_serial;
		box->item_id = 256;
	}
	box->loaded = true;
	box->item_id++;
	box->items[box->count++] =
	    (struct sim_item){serial, rev, ++box->change, false, false};
}

static struct sim_item *
truth_find(struct sim_account *a, uint32_t serial)
{
	for (size_t i = 0; i < a->truth_count; i++) {
		if (a->truth[i].serial == serial)
			return &a->truth[i];
	}
	return NULL;
}

static void
truth_add(struct sim_account *a, uint32_t serial)
{
	if (a->truth_count == SIM_ITEMS)
		BUG("the truth of the model is full");
	a->truth[a->truth_count++] = (struct sim_item){.serial = serial};
}

/* --- mail --- */

struct mail {
	uint32_t serial;
	int account;
	int node;
	uint32_t boots;
};

static void
mail_gone(struct sim *s, void *arg)
{
	s->queued_mail--;
	free(arg);
}

static void mail_try(struct sim *s, void *arg, uint32_t a, uint32_t b);

static void
mail_later(struct sim *s, struct mail *m)
{
	sim_at(s, MTA_AGAIN_MS + sim_random(s, 500), 0, mail_try, m, 0, 0, mail_gone);
}

static bool
mail_is_refused(struct sim *s, const struct mail *m)
{
	const struct sim_node *n = &s->nodes[m->node];
	const struct sim_cache *c = sim_cache(s, m->node, m->account);

	return n->box[m->account].lockout || strcmp(c->quota, "1") == 0 ||
	       (strcmp(c->status, "active") != 0 && strcmp(c->status, "locked") != 0);
}

/* The end of DATA: nobody asks for the host any more. */
static void
mail_data(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	struct mail *m = arg;
	struct sim_node *n = &s->nodes[m->node];

	(void)a;
	(void)b;
	if (!s->accounts[m->account].exists) {
		mail_gone(s, m);
		return;
	}
	if (!n->mailboxd || n->boots != m->boots || mail_is_refused(s, m)) {
		mail_later(s, m);
		return;
	}
	sim_box_add(s, &n->box[m->account], m->serial, 0);
	truth_add(&s->accounts[m->account], m->serial);
	mail_gone(s, m);
}

static void
mail_try(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	struct mail *m = arg;
	struct sim_account *to = &s->accounts[m->account];

	(void)a;
	(void)b;
	if (!to->exists) {
		mail_gone(s, m);
		return;
	}
	if (s->now_ms > to->mta_asked_ms + MTA_STALE_MS || sim_random(s, 4) == 0) {
		to->mta_host = to->host;
		to->mta_asked_ms = s->now_ms;
	}
	m->node = to->mta_host;
	m->boots = s->nodes[m->node].boots;
	if (!s->nodes[m->node].mailboxd ||
	    sim_cache(s, m->node, m->account)->host != m->node || mail_is_refused(s, m)) {
		mail_later(s, m);
		return;
	}
	sim_at(s, sim_random(s, 3) == 0 ? sim_random(s, 2500) : 1, 0, mail_data, m, 0, 0,
	    mail_gone);
}

void
sim_send_mail(struct sim *s, int account)
{
	struct mail *m = XNEW(struct mail);

	m->serial = ++s->next_serial;
	m->account = account;
	s->queued_mail++;
	sim_at(s, 0, 0, mail_try, m, 0, 0, mail_gone);
}

void
sim_sneak_mail(struct sim *s, int node, int account)
{
	uint32_t serial = ++s->next_serial;

	sim_box_add(s, &s->nodes[node].box[account], serial, 0);
	truth_add(&s->accounts[account], serial);
}

/* --- people --- */

static bool
person_logs_in(struct sim *s, int account)
{
	struct sim_account *a = &s->accounts[account];
	const struct sim_cache *c;

	if (a->session)
		return true;
	if (!s->nodes[a->host].mailboxd)
		return false;
	c = sim_cache(s, a->host, account);
	if (c->host != a->host || strcmp(c->status, "active") != 0)
		return false;
	a->session = true;
	a->session_host = a->host;
	a->session_validity = c->validity;
	return true;
}

/* The node where the request ends, -1 = refused. */
static int
person_reaches(struct sim *s, int account)
{
	struct sim_account *a = &s->accounts[account];
	int node = sim_random(s, 2) == 0 ? a->session_host : a->host;

	for (int hops = 0; hops < 2; hops++) {
		const struct sim_cache *c;

		if (!s->nodes[node].mailboxd)
			return -1;
		c = sim_cache(s, node, account);
		if (c->validity != a->session_validity ||
		    strcmp(c->status, "active") != 0) {
			a->session = false;
			return -1;
		}
		if (c->host == node)
			return s->nodes[node].box[account].lockout ? -1 : node;
		node = c->host;
	}
	return -1;
}

static void
person_does(struct sim *s, int account, struct sim_box *box)
{
	struct sim_account *a = &s->accounts[account];
	size_t at = box->count == 0 ? 0 : sim_random(s, (uint32_t)box->count);
	uint32_t what = sim_random(s, 10);
	struct sim_item *item = box->count == 0 ? NULL : &box->items[at];
	struct sim_item *truth;

	if (what < 2 && a->truth_count < SIM_ITEMS / 2) {
		uint32_t serial = ++s->next_serial;

		sim_box_add(s, box, serial, 0);
		truth_add(a, serial);
		return;
	}
	if (item == NULL || item->deleted)
		return;
	truth = truth_find(a, item->serial);
	if (truth == NULL || truth->deleted) {
		sim_fail(s, "%s sees item %u that was deleted or never was", a->name,
		    item->serial);
		return;
	}
	item->change = ++box->change;
	if (what == 2) {
		item->deleted = truth->deleted = true;
	} else {
		item->rev++;
		truth->rev = item->rev;
	}
}

void
sim_act(struct sim *s, int account)
{
	struct sim_account *a = &s->accounts[account];
	int node;

	if (!a->exists || !person_logs_in(s, account))
		return;
	node = person_reaches(s, account);
	if (node < 0)
		return;
	if (node != a->session_host)
		sim_fail(s,
		    "a session of %s's old home acts on %s: its ids hit other items",
		    a->name, s->nodes[node].name);
	a->acted_ms = s->now_ms;
	person_does(s, account, &s->nodes[node].box[account]);
}

static void
life_mail(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	(void)arg;
	(void)a;
	(void)b;
	if (s->world_quiet)
		return;
	int account = (int)sim_random(s, (uint32_t)s->account_count);

	if (s->accounts[account].truth_count < SIM_ITEMS / 2 && s->queued_mail < 40)
		sim_send_mail(s, account);
	sim_at(s, s->mail_every_ms / 2 + sim_random(s, (uint32_t)s->mail_every_ms), 0,
	    life_mail, NULL, 0, 0, NULL);
}

static void
life_act(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	(void)arg;
	(void)a;
	(void)b;
	if (s->world_quiet)
		return;
	sim_act(s, (int)sim_random(s, (uint32_t)s->account_count));
	sim_at(s, s->act_every_ms / 2 + sim_random(s, (uint32_t)s->act_every_ms), 0,
	    life_act, NULL, 0, 0, NULL);
}

void
sim_begin_life(struct sim *s)
{
	if (s->mail_every_ms != 0)
		sim_at(s, 1, 0, life_mail, NULL, 0, 0, NULL);
	if (s->act_every_ms != 0)
		sim_at(s, 1, 0, life_act, NULL, 0, 0, NULL);
}

/* --- what must hold --- */

static bool
side_is_writable(struct sim *s, int node, int account)
{
	const struct sim_node *n = &s->nodes[node];
	const struct sim_account *a = &s->accounts[account];
	const struct sim_cache *c = &n->cache[account];
	const char *status = c->known ? c->status : a->now.status;
	const char *quota = c->known ? c->quota : a->now.quota;
	bool people = strcmp(status, "active") == 0;
	bool mail = strcmp(quota, "1") != 0 && (people || strcmp(status, "locked") == 0);

	return n->mailboxd && !n->box[account].lockout &&
	       (c->known ? c->host : a->host) == node && (people || mail);
}

void
sim_check_sides(struct sim *s)
{
	for (int a = 0; a < s->account_count; a++) {
		const struct sim_account *account = &s->accounts[a];
		const struct move *m = s->jobs == NULL ? NULL : sim_move_of(s, a);
		int writable = -1;

		if (!account->exists)
			continue;
		for (int n = 0; n < SIM_NODES; n++) {
			if (!side_is_writable(s, n, a))
				continue;
			if (writable >= 0)
				sim_fail(s, "%s is writable on %s and on %s",
				    account->name, s->nodes[writable].name,
				    s->nodes[n].name);
			writable = n;
		}
		/* While an old copy is deleted nobody may write for a moment. */
		if (m == NULL || !account->watched ||
		    moves_tidying(jobs_moves(s->jobs), account->id) != NULL)
			continue;
		unsigned holds = move_states[m->state].holds;
		const char *side = (holds & SOURCE_WRITES) != 0	  ? m->source
				   : (holds & TARGET_WRITES) != 0 ? m->target
								  : NULL;

		if (side != NULL && (holds & LOCKED) == 0 &&
		    (writable < 0 || strcmp(s->nodes[writable].name, side) != 0))
			sim_fail(s, "%s should be writable on %s while %s, but is on %s",
			    account->name, side, move_states[m->state].name,
			    writable < 0 ? "none" : s->nodes[writable].name);
	}
}

static void
check_values(struct sim *s, const struct sim_account *a)
{
	const struct sim_values *x = &a->now;
	const struct sim_values *y = &a->before;

	if (strcmp(x->status, y->status) != 0 ||
	    strcmp(x->mail_status, y->mail_status) != 0 ||
	    strcmp(x->quota, y->quota) != 0 || strcmp(x->receive, y->receive) != 0)
		sim_fail(s,
		    "%s has status %s/%s quota \"%s\" receive \"%s\", not %s/%s \"%s\" "
		    "\"%s\"",
		    a->name, x->status, x->mail_status, x->quota, x->receive, y->status,
		    y->mail_status, y->quota, y->receive);
	for (int i = 0; i < SIM_SOURCES; i++) {
		if (y->source_exists[i] && x->source_on[i] != y->source_on[i])
			sim_fail(s, "%s: data source %d is %s", a->name, i,
			    x->source_on[i] ? "on" : "off");
	}
}

static bool
is_somewhere(struct sim *s, int account, uint32_t serial)
{
	for (int n = 0; n < SIM_NODES; n++) {
		const struct sim_item *item =
		    sim_box_find(&s->nodes[n].box[account], serial);
		const struct sim_spool *spool = &s->nodes[n].spool[account];

		if (item != NULL && !item->deleted)
			return true;
		for (size_t i = 0; spool->present && i < spool->count; i++) {
			if (spool->items[i].serial == serial)
				return true;
		}
	}
	return false;
}

/* Nobody sees it, but somebody was told. */
static bool
mail_is_told_of(struct sim *s, int account)
{
	const char *id = sim_move_of(s, account)->id;
	char subject[64];

	snprintf(subject, sizeof(subject), "%s aside", id);
	return sim_has_alert(s, subject, "its owner does not see") ||
	       sim_has_alert(s, id, "with what had been copied");
}

void
sim_check_end(struct sim *s, int account)
{
	struct sim_account *a = &s->accounts[account];
	struct sim_box *box = &s->nodes[a->host].box[account];

	uint32_t lacking = 0;

	if (!a->exists)
		return;
	for (size_t i = 0; i < a->truth_count; i++) {
		uint32_t live = 0;

		for (size_t k = 0; k < box->count; k++) {
			if (box->items[k].serial != a->truth[i].serial ||
			    box->items[k].deleted)
				continue;
			live++;
			if (box->items[k].rev != a->truth[i].rev)
				sim_fail(s,
				    "%s: item %u has flags of revision %u, not %u",
				    a->name, a->truth[i].serial, box->items[k].rev,
				    a->truth[i].rev);
		}
		if (a->truth[i].deleted && live > 0)
			sim_fail(
			    s, "%s: item %u is resurrected", a->name, a->truth[i].serial);
		else if (!a->truth[i].deleted && live == 0 && a->missing_blobs > 0 &&
			 is_somewhere(s, account, a->truth[i].serial))
			lacking++;
		else if (!a->truth[i].deleted && live == 0 && !a->watched &&
			 is_somewhere(s, account, a->truth[i].serial) &&
			 mail_is_told_of(s, account))
			continue;
		else if (!a->truth[i].deleted && live == 0)
			sim_fail(s, "%s: item %u is lost (home %s)", a->name,
			    a->truth[i].serial, s->nodes[a->host].name);
		else if (live > 1)
			sim_fail(
			    s, "%s: item %u is doubled", a->name, a->truth[i].serial);
	}
	if (lacking > a->missing_blobs)
		sim_fail(s, "%s: %u items are lost, only %u could not be exported",
		    a->name, lacking, a->missing_blobs);
	check_values(s, a);
}

void
sim_check_nothing_lost(struct sim *s, int account)
{
	struct sim_account *a = &s->accounts[account];

	for (size_t i = 0; a->exists && i < a->truth_count; i++) {
		if (!a->truth[i].deleted && !is_somewhere(s, account, a->truth[i].serial))
			sim_fail(s, "%s: item %u is nowhere any more", a->name,
			    a->truth[i].serial);
	}
}
