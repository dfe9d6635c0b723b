/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents do, as the real ones promise it: a request received twice is answered
 * once, each looks first at what is already true, leases end by themselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"
#include "tests/sim/sim.h"

#define BYTES_OF_AN_ITEM 1000u
#define LEASE_AGAIN_MS 5000

static void
fill_row(const struct sim_box *box, struct row *out)
{
	memset(out, 0, sizeof(*out));
	out->present = box->present;
	if (!box->present)
		return;
	out->mailbox_id = box->mailbox_id;
	out->item_id = box->item_id;
	out->change = box->change;
	for (size_t i = 0; i < box->count; i++)
		out->size_bytes += box->items[i].deleted ? 0 : BYTES_OF_AN_ITEM;
}

/* --- the source --- */

static void
spool_put(struct sim_spool *spool, const struct sim_item *item, uint64_t *sent)
{
	for (size_t i = 0; i < spool->count; i++) {
		if (spool->items[i].serial != item->serial)
			continue;
		*sent += spool->items[i].rev != item->rev;
		spool->items[i].rev = item->rev;
		return;
	}
	spool->items[spool->count++] =
	    (struct sim_staged){.serial = item->serial, .rev = item->rev};
	++*sent;
}

static void
spool_drop_deleted(struct sim_spool *spool, struct sim_box *box)
{
	size_t kept = 0;

	for (size_t i = 0; i < spool->count; i++) {
		const struct sim_item *item = sim_box_find(box, spool->items[i].serial);

		if (item != NULL && !item->deleted)
			spool->items[kept++] = spool->items[i];
	}
	spool->count = kept;
}

static bool
stage_is_possible(struct sim *s, struct ask *a, int node, int account)
{
	const struct sim_node *target = &s->nodes[sim_node_find(s, a->in.target)];
	const struct sim_spool *spool = &target->spool[account];

	if (!s->accounts[account].exists)
		return err_set(&a->err, ERR_REFUSED, "account.NO_SUCH_ACCOUNT");
	if (sim_cache(s, node, account)->host != node)
		return err_set(
		    &a->err, ERR_REFUSED, "%s is not the account's home", a->in.host);
	if (s->nodes[node].box[account].lockout)
		return err_set(&a->err, ERR_RETRY, "mail.MAINTENANCE");
	if (!target->agent)
		return err_set(&a->err, ERR_RETRY, "%s: its mail port does not answer",
		    target->name);
	if (!spool->present || strcmp(spool->move_id, a->move_id) != 0)
		return err_set(&a->err, ERR_REFUSED, "%s: no such spool", target->name);
	if (s->disk_full[target - s->nodes])
		return err_set(&a->err, ERR_FULL, "%s: the disk is full", target->name);
	return true;
}

static bool
was_brought(const struct sim_spool *out, const struct ask *a, uint32_t serial)
{
	for (size_t i = 0;
	     out->present && strcmp(out->move_id, a->move_id) == 0 && i < out->count;
	     i++) {
		if (out->items[i].serial == serial)
			return true;
	}
	return false;
}

/* The way back: what the node's own spool of the move did not bring there. */
static bool
do_stage_arrived(
    struct sim *s, struct ask *a, int node, int account, struct sim_spool *back)
{
	struct sim_box *box = &s->nodes[node].box[account];
	struct ask_stage *out = &a->out.stage;
	const struct sim_spool *way_out = &s->nodes[node].spool[account];

	if (a->in.last_item_id > 0 &&
	    (!way_out->present || strcmp(way_out->move_id, a->move_id) != 0))
		return err_set(&a->err, ERR_REFUSED, "the spool of the way out is gone");
	back->back = true;
	for (size_t i = 0; i < box->count; i++) {
		if (box->items[i].deleted ||
		    was_brought(&s->nodes[node].spool[account], a, box->items[i].serial))
			continue;
		out->listed++;
		spool_put(back, &box->items[i], &out->sent);
	}
	snprintf(out->token, sizeof(out->token), "%u", box->change);
	out->staged = back->count;
	out->last_item_id = box->item_id;
	out->change = box->change;
	out->lacking_json = xstrdup("[]");
	fill_row(box, &out->row);
	return true;
}

/* A source that was dead: only what the spool lacks; what changed in its back is named. */
static bool
do_stage_left(
    struct sim *s, struct ask *a, int node, int account, struct sim_spool *spool)
{
	struct sim_box *box = &s->nodes[node].box[account];
	struct ask_stage *out = &a->out.stage;

	for (size_t i = 0; i < spool->count; i++) {
		const struct sim_item *item = sim_box_find(box, spool->items[i].serial);

		out->lacking_count +=
		    item == NULL || item->deleted || item->rev != spool->items[i].rev;
	}
	for (size_t i = 0; i < box->count; i++) {
		if (box->items[i].deleted)
			continue;
		out->listed++;
		if (!was_brought(spool, a, box->items[i].serial))
			spool_put(spool, &box->items[i], &out->sent);
	}
	snprintf(out->token, sizeof(out->token), "%u", box->change);
	out->staged = spool->count;
	out->last_item_id = box->item_id;
	out->change = box->change;
	out->lacking_json = xstrdup("[]");
	fill_row(box, &out->row);
	return true;
}

static bool
do_stage(struct sim *s, struct ask *a, int node, int account, bool half)
{
	struct sim_box *box = &s->nodes[node].box[account];
	struct ask_stage *out = &a->out.stage;
	uint32_t since =
	    a->in.pass == STAGE_DELTA ? (uint32_t)strtoul(a->in.token, NULL, 10) : 0;
	struct sim_spool *spool;

	if (!stage_is_possible(s, a, node, account))
		return false;
	box->loaded = true;
	spool = &s->nodes[sim_node_find(s, a->in.target)].spool[account];
	spool->lacking = 0;
	out->no_contacts = false;
	if (a->in.pass == STAGE_ARRIVED)
		return do_stage_arrived(s, a, node, account, spool);
	if (a->in.pass == STAGE_LEFT)
		return do_stage_left(s, a, node, account, spool);
	out->no_contacts = true;
	for (size_t i = 0; i < box->count; i++) {
		if (half && i > box->count / 2)
			return err_set(&a->err, a->err.kind, "the stream broke");
		if (box->items[i].deleted)
			continue;
		out->listed++;
		out->no_contacts = out->no_contacts && box->items[i].serial % 5 != 0;
		if (i < s->accounts[account].missing_blobs)
			spool->lacking++;
		else if (box->items[i].change > since)
			spool_put(spool, &box->items[i], &out->sent);
	}
	spool_drop_deleted(spool, box);
	snprintf(out->token, sizeof(out->token), "%u", box->change);
	out->staged = spool->count;
	out->sent_bytes = out->sent * BYTES_OF_AN_ITEM;
	out->took_ms = 100;
	out->last_item_id = box->item_id;
	out->change = box->change;
	out->lacking_count = spool->lacking;
	out->tracking_imap = true;
	out->lacking_json = xstrdup("[]");
	out->wrote = since == 0 || s->accounts[account].acted_ms != 0;
	if (since != 0)
		out->wrote_ago_ms = s->now_ms - s->accounts[account].acted_ms;
	fill_row(box, &out->row);
	return true;
}

static bool
do_fence(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_box *box = &s->nodes[node].box[account];

	box->lockout = false;
	fill_row(box, &a->out.row);
	if (!a->in.row.present) {
		a->out.held = !box->present;
		return true;
	}
	a->out.held = a->out.row.item_id == a->in.row.item_id &&
		      a->out.row.size_bytes == a->in.row.size_bytes &&
		      box->change == (uint32_t)strtoul(a->in.token, NULL, 10);
	box->lockout = a->out.held;
	box->loaded = true;
	snprintf(a->out.text, sizeof(a->out.text), "%s",
	    a->out.held ? "" : "something came in");
	return true;
}

/* --- leases --- */

static void
lease_report(struct sim *s, void *arg, uint32_t node, uint32_t account)
{
	struct sim_lease *l = &s->nodes[node].lease[account];

	(void)arg;
	if (s->link_cut[node] || s->jobs == NULL || !l->given_back)
		return;
	l->reported = true;
	moves_on_lease_expired(jobs_moves(s->jobs), s->nodes[node].name, l->move_id,
	    "the account was given back");
}

static void
lease_look(struct sim *s, void *arg, uint32_t node, uint32_t account)
{
	struct sim_node *n = &s->nodes[node];
	struct sim_lease *l = &n->lease[account];
	char kept[LIMIT_TEXT];

	(void)arg;
	if (!l->armed || l->given_back)
		return;
	if (s->now_ms < l->until_ms || !n->agent || !n->mailboxd) {
		sim_at(s,
		    s->now_ms < l->until_ms ? l->until_ms - s->now_ms : LEASE_AGAIN_MS, 0,
		    lease_look, NULL, node, account, NULL);
		return;
	}
	n->cache[account].known = false;
	if (s->accounts[account].exists && s->accounts[account].host == (int)node) {
		n->box[account].lockout = false;
		sim_restore(
		    s, (int)node, (int)account, &l->saved, false, kept, sizeof(kept));
	}
	l->given_back = true;
	sim_at(s, 5, s->life, lease_report, NULL, node, account, NULL);
}

/* After a reconnect agents tell again what ran out. */
void
sim_leases_tick(struct sim *s)
{
	for (uint32_t n = 0; n < SIM_NODES; n++) {
		for (uint32_t a = 0; a < SIM_ACCOUNTS; a++) {
			if (s->nodes[n].lease[a].given_back &&
			    !s->nodes[n].lease[a].reported)
				sim_at(s, 300, s->life, lease_report, NULL, n, a, NULL);
		}
	}
}

/* A request that came late may have armed the lease of a move that is over: it makes room. */
static void
make_room_for_lease(struct sim *s, const struct ask *a, struct sim_lease *l)
{
	const struct move *m = NULL;

	for (uint32_t i = 1; m == NULL || strcmp(m->id, l->move_id) != 0; i++)
		m = moves_find(jobs_moves(s->jobs), i);
	if ((move_states[m->state].holds & MOVE_END) == 0)
		sim_fail(s, "%s still holds the lease of %s for this account", a->in.host,
		    l->move_id);
	memset(l, 0, sizeof(*l));
}

static bool
do_lease(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_lease *l = &s->nodes[node].lease[account];

	if (l->armed && strcmp(l->move_id, a->move_id) != 0)
		make_room_for_lease(s, a, l);
	if (l->armed && l->given_back)
		return err_set(&a->err, ERR_REFUSED, "the lease ran out before");
	if (!l->armed)
		sim_at(s, LEASE_MS, 0, lease_look, NULL, (uint32_t)node,
		    (uint32_t)account, NULL);
	l->armed = true;
	l->until_ms = s->now_ms + LEASE_MS;
	l->saved = a->in.saved;
	snprintf(l->move_id, sizeof(l->move_id), "%s", a->move_id);
	return true;
}

/* --- the target --- */

static bool
import_is_possible(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_cache *c = sim_cache(s, node, account);
	const struct sim_spool *spool = &s->nodes[node].spool[account];

	if (!s->accounts[account].exists)
		return err_set(&a->err, ERR_REFUSED, "account.NO_SUCH_ACCOUNT");
	if (c->host != node)
		return err_set(&a->err, ERR_REFUSED, "service.WRONG_HOST");
	if (s->nodes[node].box[account].lockout)
		return err_set(&a->err, ERR_RETRY, "mail.MAINTENANCE");
	if (!spool->present || strcmp(spool->move_id, a->move_id) != 0)
		return err_set(&a->err, ERR_REFUSED, "%s: no such spool", a->in.host);
	return true;
}

/* As Zimbra makes one: at its home only; what is loaded is served wherever the home is. */
static bool
do_make(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_box *box = &s->nodes[node].box[account];

	if (sim_cache(s, node, account)->host != node)
		return err_set(&a->err, ERR_RETRY, "the home is not %s", a->in.host);
	if (!box->present)
		*box = (struct sim_box){
		    .present = true, .loaded = true, .mailbox_id = ++s->next_serial};
	box->loaded = true;
	return box->count == 0 ||
	       err_set(&a->err, ERR_REFUSED, "it holds something already");
}

static bool
steer_is_possible(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_box *box = &s->nodes[node].box[account];

	if (!a->in.early)
		return import_is_possible(s, a, node, account);
	if (!box->present || !box->loaded)
		return err_set(&a->err, ERR_REFUSED, "service.WRONG_HOST");
	if (box->count > 0)
		sim_fail(
		    s, "%s: steered early, and %s holds items", a->move_id, a->in.host);
	return true;
}

/* Nothing but what the move put in itself? */
static bool
box_is_seed(const struct sim_box *box)
{
	for (size_t i = 0; i < box->count; i++) {
		if (!box->items[i].seed && !box->items[i].deleted)
			return false;
	}
	return box->count > 0;
}

static const struct sim_staged *
staged_find(const struct sim_spool *spool, uint32_t serial)
{
	for (size_t i = 0; i < spool->count; i++) {
		if (spool->items[i].serial == serial)
			return &spool->items[i];
	}
	return NULL;
}

/* What was put in is made what the spool is by now. */
static void
seed_step(struct sim_box *box, const struct sim_spool *spool)
{
	size_t kept = 0;

	for (size_t i = 0; i < box->count; i++) {
		const struct sim_staged *item = staged_find(spool, box->items[i].serial);

		if (box->items[i].seed && item == NULL)
			continue;
		if (box->items[i].seed)
			box->items[i].rev = item->rev;
		box->items[kept++] = box->items[i];
	}
	box->count = kept;
}

/* Messages only: no contacts, and not what mending is for. */
static bool
do_seed(struct sim *s, struct ask *a, int node, int account, bool half)
{
	struct sim_box *box = &s->nodes[node].box[account];
	const struct sim_spool *spool = &s->nodes[node].spool[account];
	uint64_t change = a->in.change;

	if (!box->present || !box->loaded)
		return err_set(&a->err, ERR_RETRY, "service.WRONG_HOST");
	if (!spool->present || strcmp(spool->move_id, a->move_id) != 0)
		return err_set(&a->err, ERR_REFUSED, "%s: no such spool", a->in.host);
	if (s->accounts[account].exists && s->accounts[account].host == node)
		sim_fail(s, "%s: seeded where it lives", a->move_id);
	if (box->count > 0 && !box->filled)
		return err_set(&a->err, ERR_REFUSED, "something else is in it");
	box->filled = true;
	seed_step(box, spool);
	for (size_t i = 0; i < spool->count; i++) {
		uint32_t serial = spool->items[i].serial;

		if (half && i > spool->count / 2)
			return err_set(&a->err, a->err.kind, "the seeding broke off");
		if (serial % 5 == 0 || serial % 7 == 0)
			continue;
		if (sim_box_find(box, serial) == NULL) {
			sim_box_add(s, box, serial, spool->items[i].rev);
			box->items[box->count - 1].seed = true;
		}
		a->out.applied++;
	}
	a->out.exact = a->out.applied;
	if (box->change < change)
		box->change = (uint32_t)change;
	return true;
}

static bool
do_steer(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_box *box = &s->nodes[node].box[account];

	if (!steer_is_possible(s, a, node, account))
		return false;
	if (!a->in.early && box->filled)
		seed_step(box, &s->nodes[node].spool[account]);
	if (!box->present)
		box->mailbox_id = ++s->next_serial;
	box->present = true;
	if (box->item_id < a->in.last_item_id)
		box->item_id = (uint32_t)a->in.last_item_id;
	if (box->change < a->in.change)
		box->change = (uint32_t)a->in.change;
	return true;
}

/* Every fifth is a contact, every seventh is refused by an import. */
static bool
is_in_this_pass(const struct ask *a, const struct sim_spool *spool, uint32_t serial)
{
	if (a->kind == ASK_MEND) /* contacts wait for their lane */
		return !a->in.messages_to_come && (spool->back || serial % 5 != 0);
	if (spool->back)
		return !a->in.contacts_only && serial % 7 != 0;
	return a->in.contacts_only ? serial % 5 == 0 : serial % 5 != 0 && serial % 7 != 0;
}

/* While people wait only the newer half goes in. */
static bool
is_for_later(const struct ask *a, const struct sim_spool *spool, size_t i)
{
	return a->kind == ASK_IMPORT && a->in.messages_ms > 0 && spool->count > 3 &&
	       i < spool->count / 2;
}

/* Every third of what goes in while people work. */
static bool
is_withheld(struct sim *s, const struct ask *a, int account, uint32_t serial)
{
	return s->accounts[account].empties && a->kind == ASK_IMPORT && !a->in.release &&
	       a->in.messages_ms == 0 && !a->in.contacts_only && serial % 3 == 0;
}

static void
release_withheld(struct sim_spool *spool)
{
	for (size_t i = 0; i < spool->count; i++) {
		spool->items[i].applied &= !spool->items[i].withheld;
		spool->items[i].withheld = false;
	}
}

static void
check_import(struct sim *s, const struct ask *a, int account, uint32_t serial)
{
	const char *quota = s->accounts[account].now.quota;

	if (a->kind == ASK_MEND && serial % 7 != 0)
		sim_fail(s, "%s: item %u would go in by an import, and is mended",
		    a->move_id, serial);
	/* What is released goes in within the quota, as what its owner puts there himself. */
	if (!a->in.release && strcmp(quota, "0") != 0 &&
	    strcmp(quota, a->in.saved.quota) == 0)
		sim_fail(s, "%s: content goes in, and its quota is given back already",
		    a->move_id);
}

/* What was put in before the switch is not put in again. */
static void
seed_settle(struct sim_box *box, struct sim_spool *spool)
{
	for (size_t i = 0; i < spool->count; i++) {
		const struct sim_item *item = sim_box_find(box, spool->items[i].serial);

		spool->items[i].applied |= item != NULL && item->seed;
	}
}

static bool
do_import(struct sim *s, struct ask *a, int node, int account, bool half)
{
	struct sim_box *box = &s->nodes[node].box[account];
	struct sim_spool *spool = &s->nodes[node].spool[account];

	if (!import_is_possible(s, a, node, account))
		return false;
	if (strcmp(sim_cache(s, node, account)->quota, "1") == 0)
		return err_set(&a->err, ERR_RETRY, "the import stopped at the quota");
	if (a->in.release)
		release_withheld(spool);
	seed_settle(box, spool);
	for (size_t i = 0; i < spool->count; i++) {
		struct sim_staged *item = &spool->items[i];

		if (half && i > spool->count / 2)
			return err_set(&a->err, a->err.kind, "the import broke off");
		if (!item->applied && is_in_this_pass(a, spool, item->serial) &&
		    is_withheld(s, a, account, item->serial))
			item->applied = item->withheld = true;
		if (!item->applied && is_in_this_pass(a, spool, item->serial) &&
		    is_for_later(a, spool, i)) {
			a->out.left++;
		} else if (!item->applied && is_in_this_pass(a, spool, item->serial)) {
			check_import(s, a, account, item->serial);
			sim_box_add(s, box, item->serial, item->rev);
			item->applied = true;
		}
		a->out.applied += item->applied;
		a->out.withheld += item->withheld;
		a->out.refused += !item->applied && !a->in.contacts_only;
	}
	return true;
}

/* People wait for both. */
static bool
do_import_and_mend(struct sim *s, struct ask *a, int node, int account, bool half)
{
	uint64_t left;
	bool ok = do_import(s, a, node, account, half);

	if (!ok || !a->in.mend || s->earlier_agents)
		return ok;
	left = a->out.left;
	a->out.applied = a->out.withheld = a->out.refused = 0;
	a->kind = ASK_MEND;
	a->in.messages_to_come = left > 0;
	ok = do_import(s, a, node, account, false);
	a->kind = ASK_IMPORT;
	a->out.left = left;
	a->out.mended = ok;
	return ok;
}

static bool
do_verify(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_box *box = &s->nodes[node].box[account];
	const struct sim_spool *spool = &s->nodes[node].spool[account];
	struct ask_verdict *v = &a->out.verdict;

	if (!import_is_possible(s, a, node, account))
		return false;
	for (size_t i = 0; i < spool->count; i++) {
		const struct sim_item *item = sim_box_find(box, spool->items[i].serial);

		v->listed++;
		if (item == NULL && !spool->items[i].withheld) /* withheld: as deleted */
			v->missing++;
		else if (item != NULL && !item->deleted &&
			 item->rev < spool->items[i].rev)
			v->differing++;
		else
			v->equal++;
	}
	v->clean = v->missing == 0 && v->differing == 0;
	v->json = xstrdup("{}");
	return true;
}

static bool
do_drop(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_spool *spool = &s->nodes[node].spool[account];
	struct sim_account *x = &s->accounts[account];

	for (size_t i = 0; spool->present && i < spool->count; i++) {
		if (x->exists && sim_box_find(&s->nodes[x->host].box[account],
				     spool->items[i].serial) == NULL)
			sim_fail(s,
			    "the spool of %s is dropped, but item %u is not at home",
			    a->move_id, spool->items[i].serial);
	}
	memset(spool, 0, sizeof(*spool));
	s->drops++;
	return true;
}

static bool
do_drop_row(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_box *box = &s->nodes[node].box[account];

	if (s->accounts[account].exists && s->accounts[account].host == node)
		return err_set(
		    &a->err, ERR_REFUSED, "%s is the account's home", a->in.host);
	for (size_t i = 0; i < box->count; i++) {
		if (box->items[i].deleted || box_is_seed(box))
			continue;
		/* Where an administrator lifted the quota under the lock mail got in. */
		if (s->accounts[account].watched)
			sim_fail(s, "%s should be deleted on %s, and holds item %u",
			    a->account_name, a->in.host, box->items[i].serial);
		return err_set(
		    &a->err, ERR_REFUSED, "%s: the mailbox is not empty", a->in.host);
	}
	s->row_drops += box->present;
	memset(box, 0, sizeof(*box));
	return true;
}

/* Loads the mailbox, which is done at its home only. */
static bool
do_lockout(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_box *box = &s->nodes[node].box[account];

	if (!box->loaded && sim_cache(s, node, account)->host != node)
		return err_set(&a->err, ERR_REFUSED, "service.WRONG_HOST");
	box->loaded = true;
	box->lockout = true;
	return true;
}

/* Everything in the copy must be at home by now, or have been deleted there. */
static void
check_copy_is_needless(struct sim *s, const struct ask *a, int node, int account)
{
	const struct sim_account *x = &s->accounts[account];
	const struct sim_box *box = &s->nodes[node].box[account];

	if (!x->exists)
		return;
	if (x->host == node)
		sim_fail(s, "the mailbox of %s is deleted where it lives", x->name);
	for (size_t i = 0; i < box->count; i++) {
		if (!box->items[i].deleted &&
		    sim_box_find(&s->nodes[x->host].box[account], box->items[i].serial) ==
			NULL)
			sim_fail(s,
			    "the old copy of %s is deleted on %s, and item %u is not at "
			    "home",
			    x->name, a->in.host, box->items[i].serial);
	}
}

static bool
do_purge(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_box *box = &s->nodes[node].box[account];

	if (!box->present)
		return true;
	if (s->accounts[account].host == node)
		return err_set(
		    &a->err, ERR_REFUSED, "%s is the account's home", a->in.host);
	if (box->mailbox_id != a->in.row.mailbox_id || box->item_id > a->in.row.item_id)
		return err_set(&a->err, ERR_REFUSED, "%s: another mailbox", a->in.host);
	box->lockout = false;
	a->out.held = !box->loaded;
	if (!box->loaded)
		return true;
	check_copy_is_needless(s, a, node, account);
	s->purges++;
	memset(box, 0, sizeof(*box));
	return true;
}

static bool
do_reserve(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_spool *spool = &s->nodes[node].spool[account];

	if (s->disk_full[node])
		return err_set(&a->err, ERR_FULL, "%s: the disk is full", a->in.host);
	if (strcmp(spool->move_id, a->move_id) != 0)
		memset(spool, 0, sizeof(*spool));
	spool->present = true;
	snprintf(spool->move_id, sizeof(spool->move_id), "%s", a->move_id);
	return true;
}

static bool
do_preflight(struct sim *s, struct ask *a, int node, int account)
{
	struct ask_preflight *p = &a->out.preflight;

	fill_row(&s->nodes[node].box[account], &p->row);
	p->spool_free_bytes = (uint64_t)1 << 40;
	p->spool_is_persistent = true;
	p->healthy = s->nodes[node].mailboxd;
	p->row_is_seed = s->nodes[node].box[account].filled;
	snprintf(p->why_unhealthy, sizeof(p->why_unhealthy), "mailboxd does not answer");
	return true;
}

/* --- one request --- */

static bool
agent_does(struct sim *s, struct ask *a, int node, int account, bool half)
{
	struct sim_node *n = &s->nodes[node];
	struct sim_lease *lease = &n->lease[account];

	switch (a->kind) {
	case ASK_PREFLIGHT:
		return do_preflight(s, a, node, account);
	case ASK_RESERVE:
		return do_reserve(s, a, node, account);
	case ASK_STAGE:
		return do_stage(s, a, node, account, half);
	case ASK_LEASE:
		return do_lease(s, a, node, account);
	case ASK_UNLEASE:
		if (strcmp(lease->move_id, a->move_id) == 0)
			memset(lease, 0, sizeof(*lease));
		return true;
	case ASK_FENCE:
		return do_fence(s, a, node, account);
	case ASK_UNFENCE:
		n->box[account].lockout = false;
		return true;
	case ASK_ROUTES:
		s->routes_names += (uint32_t)a->in.name_count;
		return true;
	case ASK_MAKE:
		return do_make(s, a, node, account);
	case ASK_STEER:
		return do_steer(s, a, node, account);
	case ASK_SEED:
		return do_seed(s, a, node, account, half);
	case ASK_IMPORT:
		return do_import_and_mend(s, a, node, account, half);
	case ASK_MEND:
		return do_import(s, a, node, account, half);
	case ASK_VERIFY:
		return do_verify(s, a, node, account);
	case ASK_DROP:
		return do_drop(s, a, node, account);
	case ASK_DROP_ROW:
		return do_drop_row(s, a, node, account);
	case ASK_LOCKOUT:
		return do_lockout(s, a, node, account);
	case ASK_PURGE:
		return do_purge(s, a, node, account);
	case ASK_READ_ACCOUNT:
	case ASK_STANDING:
	case ASK_UNLIST:
	case ASK_PLATFORM:
	case ASK_FREEZE_READ:
	case ASK_LOCK:
	case ASK_ALLOW_IMPORT:
	case ASK_RESTORE:
	case ASK_QUOTA:
	case ASK_SET_HOME:
	case ASK_FLUSH:
	case ASK_SESSIONS:
	case ASK_KIND_COUNT:
		break;
	}
	BUG("not an agent's: %s", ask_name(a->kind));
}

static void
copy_answer(struct ask *to, const struct ask *from)
{
	to->ok = from->ok;
	to->err = from->err;
	to->out = from->out;
	to->out.stage.lacking_json = xstrdup(from->out.stage.lacking_json);
	to->out.verdict.json = xstrdup(from->out.verdict.json);
}

static struct sim_outcome *
outcome_find(struct sim_node *n, const struct ask *a, uint64_t epoch)
{
	for (size_t i = 0; i < SIM_REMEMBERED; i++) {
		struct sim_outcome *o = &n->remembered[i];

		if (o->answer != NULL && o->move_number == a->move_number &&
		    o->step_no == a->step_no && o->effect_no == a->effect_no &&
		    o->epoch == epoch)
			return o;
	}
	return NULL;
}

/* Same request, same outcome; only what failed and may pass is done once more. */
bool
sim_perform_agent(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_node *n = &s->nodes[node];
	struct sim_outcome *o = outcome_find(n, a, s->epoch);

	if (o != NULL && o->kind != a->kind)
		sim_fail(s, "%s is asked to \"%s\" under the number of \"%s\"", n->name,
		    ask_name(a->kind), ask_name(o->kind));
	if (o != NULL && (o->answer->ok || (o->answer->err.kind != ERR_RETRY &&
					       o->answer->err.kind != ERR_FULL))) {
		copy_answer(a, o->answer);
		return a->ok;
	}
	if (!n->mailboxd && a->kind != ASK_PREFLIGHT && a->kind != ASK_RESERVE &&
	    a->kind != ASK_DROP && a->kind != ASK_LEASE && a->kind != ASK_UNLEASE &&
	    a->kind != ASK_ROUTES)
		a->ok = err_set(
		    &a->err, ERR_RETRY, "node %s: mailboxd does not answer", n->name);
	else
		a->ok = agent_does(s, a, node, account, false);
	if (o == NULL) {
		o = &n->remembered[n->remembered_next++ % SIM_REMEMBERED];
		ask_free(&o->answer);
	} else {
		ask_free(&o->answer);
	}
	*o = (struct sim_outcome){a->move_number, a->step_no, a->effect_no, s->epoch,
	    a->kind, ask_new(a->kind)};
	copy_answer(o->answer, a);
	return a->ok;
}

/* Part of the work, then the error that is in a->err already. */
bool
sim_perform_half(struct sim *s, struct ask *a)
{
	int account = sim_account_find(s, a->account_id);

	if (a->kind == ASK_STAGE || a->kind == ASK_IMPORT || a->kind == ASK_MEND) {
		int node = sim_node_find(s, a->in.host);

		if (s->nodes[node].mailboxd)
			(void)!agent_does(s, a, node, account, true);
	} else if (a->kind == ASK_LOCK && a->in.saved.source_count > 0) {
		s->accounts[account].now.source_on[a->in.saved.source_ids[0][7] - '0'] =
		    false;
	}
	return false;
}
