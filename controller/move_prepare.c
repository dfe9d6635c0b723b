/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the target makes an empty mailbox while the account is its own for an
 * instant, under a lock; then the home is the source again, and the counters are raised while
 * people work, by calls pinned to the target (facts: live-preseed 3, 4). What can go wrong
 * leads back to the source as it was: a mailbox that is made under the lock does as well.
 */
#include "controller/move_prepare.h"

#include <stdio.h>
#include <string.h>

#include "controller/journal.h"
#include "controller/seeding.h"

#define IDS_PER_MS 10 /* given out to nobody */
#define CHANGES_PER_5_MS 4

uint64_t
prepare_counters_ms(uint64_t last_item_id, uint64_t change)
{
	return last_item_id / IDS_PER_MS + change / CHANGES_PER_5_MS * 5;
}

/* Once, and not again in an attempt after one that failed: who knows why it did. */
bool
prepare_wanted(const struct move *m)
{
	return !m->data.no_mailbox && !m->data.prepared && m->tries == 0;
}

bool
prepare_is_made(const struct move *m)
{
	return m->data.prepared && m->data.target_row_made;
}

bool
prepare_steers(const struct move *m)
{
	return prepare_is_made(m) && !m->data.seeding;
}

bool
prepare_seeds(const struct move *m)
{
	return prepare_is_made(m) && m->data.seeding;
}

bool
build_steer_early(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	a->in.last_item_id = m->data.last_item_id;
	a->in.change = m->data.change;
	a->in.early = true;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->target);
	return true;
}

/* While people work, and a last time under the lock. */
bool
build_seed(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	a->in.last_item_id = m->data.last_item_id;
	a->in.change = m->data.change;
	a->in.locked = m->state != MOVE_FOLLOWING;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->target);
	return true;
}

bool
take_seed(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev_out,
    struct err *e)
{
	(void)all;
	(void)ev_out;
	(void)e;
	m->data.seeded = a->out.applied;
	m->data.seeded_exact = a->out.exact;
	return true;
}

static void
prepare_decide_seeding(struct moves *all, struct move *m)
{
	const struct seeding_host *host = moves_host(all)->seeding;
	struct seeding_decision d = {.seeds = false};

	if (host != NULL)
		host->decide(host->ctx, m, &d);
	m->data.seeding = d.seeds;
	memcpy(m->data.seeding_why, d.why, sizeof(m->data.seeding_why));
	memcpy(m->data.source_version, d.source_version, sizeof(m->data.source_version));
	memcpy(m->data.target_version, d.target_version, sizeof(m->data.target_version));
}

/* It was wanted, and cannot be: nothing is to be learnt from that. */
static void
prepare_forgo_seeding(struct move *m, const char *why)
{
	if (m->data.seeding)
		snprintf(m->data.seeding_why, sizeof(m->data.seeding_why),
		    "it was to be, but %.250s", why);
	m->data.seeding = false;
}

/* Is it worth a lock of its own, and may the target be asked for it? */
bool
take_prepare_look(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_preflight *p = &a->out.preflight;
	uint64_t most = moves_host(all)->limits.early_ms;
	struct err why;

	(void)e;
	prepare_decide_seeding(all, m);
	if (journal_is_short(moves_journal(all))) {
		prepare_forgo_seeding(m, JOURNAL_SHORT);
		return true;
	}
	if (!m->data.seeding && (most == 0 || prepare_counters_ms(m->data.last_item_id,
						  m->data.change) <= most))
		return true;
	if (p->healthy && !p->row.present) {
		*ev_out = EV_AGAIN;
		return true;
	}
	err_set(&why, ERR_REFUSED, "node %.200s: %.400s", m->target,
	    p->healthy ? "has a mailbox of the account already" : p->why_unhealthy);
	prepare_forgo_seeding(m, why.text);
	return take_no(m, ev_out, &why);
}

/* After an unclear change the master decides. */
bool
take_prepare_home(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;
	struct err why;

	m->data.prepared = true;
	if (lives_at(account, m->target))
		return take_home(all, m, a, ev_out, e);
	err_set(&why, ERR_RETRY, "the home could not be set to %s", m->target);
	return take_no(m, ev_out, &why);
}

/* The lock to come reads the values afresh. */
bool
take_prepare_restored(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	if (!take_restored(all, m, a, ev_out, e))
		return false;
	m->data.have_saved = false;
	m->data.restored = false;
	return true;
}
