/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of effects: what each state does to the outside, in order. Building an
 * effect refuses what must not be done now. Every effect may run twice. What an answer
 * means stands in move_takes.c.
 */
#include <stdio.h>
#include <string.h>

#include "controller/move_prepare.h"
#include "controller/move_purge.h"
#include "controller/move_revert.h"
#include "controller/move_spool.h"
#include "controller/move_takes.h"
#include "controller/plan.h"

#define ROUTES_S 120 /* a JVM for each name */

static uint64_t
now_ms(struct moves *all)
{
	return moves_world(all)->mono_ms(moves_world(all)->ctx);
}

/* --- build --- */

static bool
at_source(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->source);
	return true;
}

static bool
at_target(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->target);
	return true;
}

static bool
build_reserve(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.bytes = plan_room_needed(m->bytes);
	return at_target(all, m, a, e);
}

static bool
build_base(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.pass = STAGE_BASE;
	return at_source(all, m, a, e);
}

static bool
build_delta(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.pass = STAGE_DELTA;
	snprintf(a->in.token, sizeof(a->in.token), "%s", m->data.token);
	return at_source(all, m, a, e);
}

static bool
build_final(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.pass = STAGE_FINAL;
	snprintf(a->in.token, sizeof(a->in.token), "%s", m->data.token);
	return at_source(all, m, a, e);
}

static bool
build_lease(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	m->lease_asked_ms = now_ms(all);
	/* In switching a dead source must not use up the lease that is left. */
	if (m->state == MOVE_SWITCHING)
		a->deadline_s = WAIT_CONNECT_MS / 1000;
	return at_source(all, m, a, e);
}

static bool
build_fence(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	snprintf(a->in.token, sizeof(a->in.token), "%s", m->data.token);
	/* None: it must be still so, whatever was read before. */
	if (!m->data.no_mailbox)
		a->in.row = m->data.row;
	return at_source(all, m, a, e);
}

/*
 * A change of home is sent to the account's home; Zimbra passes it on to there from
 * anywhere. When that server does not answer, the other one does it itself: pinned.
 */
static void
at_home_or_other(const struct move *m, bool home_is_source, struct ask *a)
{
	bool pinned = m->attempts % 2 == 1;
	bool source = home_is_source != pinned;

	snprintf(a->in.host, sizeof(a->in.host), "%s", source ? m->source : m->target);
	if (pinned)
		snprintf(a->in.pin_id, sizeof(a->in.pin_id), "%s",
		    source ? m->data.source_id : m->data.target_id);
	a->deadline_s = WAIT_SWITCH_MS / 1000;
}

static bool
build_switch(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	if (now_ms(all) + LEASE_SWITCH_MIN_MS > m->lease_until_ms)
		return err_set(
		    e, ERR_REFUSED, "too little of the lock's lease is left to switch");
	snprintf(a->in.new_home, sizeof(a->in.new_home), "%s", m->target);
	at_home_or_other(m, true, a);
	return true;
}

static bool
build_home_back(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	snprintf(a->in.new_home, sizeof(a->in.new_home), "%s", m->source);
	at_home_or_other(m, false, a);
	return true;
}

static bool
build_steer(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	int64_t now = moves_world(all)->wall_ms(moves_world(all)->ctx);

	a->in.last_item_id = m->data.last_item_id + spool_unseen_ids(m, now);
	a->in.change = m->data.change + spool_unseen_changes(m);
	return at_target(all, m, a, e);
}

static bool
build_contacts(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.contacts_only = true;
	return at_target(all, m, a, e);
}

/* Everything since the lock counts; little is left after a restart, but never nothing. */
static uint32_t
hot_ms_left(struct moves *all, const struct move *m)
{
	int64_t now = moves_world(all)->wall_ms(moves_world(all)->ctx);
	int64_t waited = now - m->data.locked_at_ms;
	int64_t hot = moves_host(all)->limits.hot_ms;

	if (hot == 0)
		return 0;
	if (waited < 0 || waited > hot)
		waited = hot;
	return (uint32_t)(hot - waited < 1 ? 1 : hot - waited);
}

static bool
build_hot(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.messages_ms = hot_ms_left(all, m);
	a->in.mend = true;
	/* Before anybody is let in: what he moves before it is on keeps its UID, and a mail program
	   that was there before never looks for it (facts: identity 3.8). */
	a->in.tracking_imap = m->data.tracking_imap;
	return at_target(all, m, a, e);
}

static bool
build_release(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.release = true;
	return at_target(all, m, a, e);
}

static bool
build_mend_hot(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.messages_to_come = m->data.left > 0;
	/* Before anybody is let in: what he moves before it is on keeps its UID, and a mail program
	   that was there before never looks for it (facts: identity 3.8). */
	a->in.tracking_imap = m->data.tracking_imap;
	return at_target(all, m, a, e);
}

static bool
build_give_back(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	return m->data.from_spool ? build_pinned_at_target(all, m, a, e)
				  : at_source(all, m, a, e);
}

/* While content still goes in, the quota stays lifted. */
static bool
build_restore(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.keep_quota = m->data.left > 0;
	return at_target(all, m, a, e);
}

static bool
build_mend_last(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.tracking_imap = m->data.tracking_imap;
	return at_target(all, m, a, e);
}

/* The account and its aliases. */
static bool
build_routes(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	const char *rest = m->names == NULL ? m->account_name : m->names;

	while (rest[0] != '\0' && a->in.name_count < ARRAY_LEN(a->in.names)) {
		size_t length = strcspn(rest, "\n");

		snprintf(a->in.names[a->in.name_count++], sizeof(a->in.names[0]), "%.*s",
		    (int)length, rest);
		rest += length + (rest[length] == '\n');
	}
	if (a->deadline_s > ROUTES_S)
		a->deadline_s = ROUTES_S;
	/* What is left behind may be dead. */
	if ((move_states[m->state].holds & (TURNS_BACK | TARGET_WRITES)) != 0)
		return at_target(all, m, a, e);
	return at_source(all, m, a, e);
}

/* --- wanted --- */

static bool
has_mailbox(const struct move *m)
{
	return !m->data.no_mailbox;
}

/* An agent of an earlier version does it by itself only. */
static bool
mend_wanted(const struct move *m)
{
	return !m->data.no_mailbox && !m->mended;
}

static bool
contacts_wanted(const struct move *m)
{
	return !m->data.no_mailbox && !m->data.contacts_done;
}

/* Of what was fetched from a source that was dead; otherwise they are in long since. */
static bool
left_contacts_wanted(const struct move *m)
{
	return revert_has_content(m) && !m->data.contacts_done;
}

static bool
restore_wanted(const struct move *m)
{
	return m->data.have_saved && !m->data.restored;
}

/* Once the account is given back its quota is its own again. */
static bool
quota_must_go(const struct move *m)
{
	return !m->data.no_mailbox && !m->data.restored;
}

/* Values are given back wherever the account is, as long as it is. */
static bool
undo_values_wanted(const struct move *m)
{
	return m->data.have_saved && !m->data.gone;
}

/* On the way back it was done before the opening. */
static bool
routes_left(const struct move *m)
{
	return !m->data.reverted;
}

static bool
quota_lifted(const struct move *m)
{
	return m->data.quota_lifted;
}

static bool
undo_at_source_wanted(const struct move *m)
{
	return !m->data.gone && !m->home_is_elsewhere;
}

/* Who is dead has no fence any more; who was only out of reach may have. */
static bool
undo_at_live_source_wanted(const struct move *m)
{
	return undo_at_source_wanted(m) && source_is_there(m);
}

static bool
undo_at_dead_source_wanted(const struct move *m)
{
	return undo_at_source_wanted(m) && spool_is_source(m);
}

/*
 * The target must know of the quota that the account has again, or nothing can be put in. Where
 * nothing is, it had better not: a delivery that was accepted in that instant is turned away.
 */
static bool
seed_wants_quota(const struct move *m)
{
	return m->data.seeding && undo_at_source_wanted(m);
}

static bool
undo_row_wanted(const struct move *m)
{
	return m->data.target_row_made && !m->data.gone &&
	       !(m->home_is_elsewhere && m->data.switched);
}

static bool
home_is_target(const struct move *m)
{
	return m->home_is_target;
}

static bool
target_row_made(const struct move *m)
{
	return m->data.target_row_made;
}

static bool
drop_wanted(const struct move *m)
{
	return !m->data.spool_dropped && m->data.withheld == 0 &&
	       strcmp(m->data.verdict, "clean") == 0;
}

/* Of a way back, done or not, there is a spool on the other side, too. */
static bool
drop_both_wanted(const struct move *m)
{
	return m->data.revert_tried && drop_wanted(m);
}

/* Together with the old copy goes what was withheld, too. */
static bool
drop_at_last(const struct move *m)
{
	return !m->data.spool_dropped && !m->data.no_mailbox &&
	       strcmp(m->data.verdict, "clean") == 0;
}

/* clang-format off */
const struct move_effect move_effects[] = {
	/* state            name                               ask                on failure   wanted, build, take */
	{ MOVE_PLANNED,     "read the account",                ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_account },
	{ MOVE_PLANNED,     "look at the source",              ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_source, take_source_row },
	{ MOVE_PLANNED,     "look at the target",              ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_target, take_target_row },

	/* Where it cannot be deleted (its server was started again) it can once it was home anew. */
	{ MOVE_STAGING,     "clear what an attempt before left", ASK_DROP_ROW,     EFFECT_SOFT, target_row_made, at_target, take_dropped_row },
	{ MOVE_STAGING,     "reserve disk at the target",      ASK_RESERVE,       EFFECT_MUST, has_mailbox, build_reserve, NULL },
	{ MOVE_STAGING,     "copy everything into the spool",  ASK_STAGE,         EFFECT_MUST, has_mailbox, build_base, take_stage },

	{ MOVE_PREPARING,   "look whether the target can make its mailbox early", ASK_PREFLIGHT, EFFECT_MUST, prepare_wanted, at_target, take_prepare_look },

	{ MOVE_PREPARE_LOCKING, "read the account again",      ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_account },
	{ MOVE_PREPARE_LOCKING, "read the values to give back", ASK_FREEZE_READ,  EFFECT_MUST, NULL, at_source, take_purge_saved },
	{ MOVE_PREPARE_LOCKING, "arm the lease",               ASK_LEASE,         EFFECT_MUST, NULL, build_lease, take_lease },
	{ MOVE_PREPARE_LOCKING, "lock the account",            ASK_LOCK,          EFFECT_MUST, NULL, at_source, NULL },

	{ MOVE_PREPARE_MAKING, "renew the lease",              ASK_LEASE,         EFFECT_MUST, NULL, build_lease, take_lease },
	{ MOVE_PREPARE_MAKING, "home to the target for an instant", ASK_SET_HOME, EFFECT_SOFT, NULL, build_switch, NULL },
	{ MOVE_PREPARE_MAKING, "read the home",                ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_prepare_home },
	{ MOVE_PREPARE_MAKING, "flush the target's cache",     ASK_FLUSH,         EFFECT_MUST, NULL, at_target, NULL },
	{ MOVE_PREPARE_MAKING, "make its mailbox there",       ASK_MAKE,          EFFECT_MUST, NULL, at_target, NULL },

	{ MOVE_PREPARE_RETURNING, "read where the account is", ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home_for_undo },
	{ MOVE_PREPARE_RETURNING, "home back to the source",   ASK_SET_HOME,      EFFECT_STAY, home_is_target, build_home_back, take_home_back },
	{ MOVE_PREPARE_RETURNING, "flush the source's cache",  ASK_FLUSH,         EFFECT_STAY, undo_at_source_wanted, at_source, NULL },
	{ MOVE_PREPARE_RETURNING, "flush the target's cache",  ASK_FLUSH,         EFFECT_SOFT, undo_at_source_wanted, at_target, NULL },
	{ MOVE_PREPARE_RETURNING, "read the home once more",   ASK_READ_ACCOUNT,  EFFECT_STAY, undo_at_source_wanted, NULL, take_home_once_more },

	{ MOVE_PREPARE_OPENING, "read the home once more",     ASK_READ_ACCOUNT,  EFFECT_STAY, undo_at_source_wanted, NULL, take_home_once_more },
	{ MOVE_PREPARE_OPENING, "give the account back",       ASK_RESTORE,       EFFECT_STAY, undo_values_wanted, at_source, take_prepare_restored },
	{ MOVE_PREPARE_OPENING, "flush the target's cache",   ASK_FLUSH,         EFFECT_SOFT, seed_wants_quota, at_target, NULL },
	{ MOVE_PREPARE_OPENING, "end the lease",               ASK_UNLEASE,       EFFECT_SOFT, NULL, at_source, NULL },
	{ MOVE_PREPARE_OPENING, "purge proxy routes",          ASK_ROUTES,        EFFECT_SOFT, NULL, build_routes, NULL },

	{ MOVE_FOLLOWING,   "raise the target's counters",     ASK_STEER,         EFFECT_SOFT, prepare_steers, build_steer_early, NULL },
	{ MOVE_FOLLOWING,   "fill the target's mailbox",       ASK_SEED,          EFFECT_SOFT, prepare_seeds, build_seed, take_seed },
	{ MOVE_FOLLOWING,   "let the source's stream in",      ASK_RESERVE,       EFFECT_MUST, has_mailbox, build_reserve, NULL },
	{ MOVE_FOLLOWING,   "fetch what changed",              ASK_STAGE,         EFFECT_MUST, has_mailbox, build_delta, take_delta },

	{ MOVE_UNPREPARING, "delete what was made early",      ASK_DROP_ROW,      EFFECT_SOFT, target_row_made, at_target, take_dropped_row },

	{ MOVE_LOCKING,     "read the account again",          ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_account },
	{ MOVE_LOCKING,     "look at the source again",        ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_source, take_source_row },
	{ MOVE_LOCKING,     "look at the target again",        ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_target, take_target_row },
	{ MOVE_LOCKING,     "read the values to give back",    ASK_FREEZE_READ,   EFFECT_MUST, NULL, at_source, take_saved },
	{ MOVE_LOCKING,     "arm the lease",                   ASK_LEASE,         EFFECT_MUST, NULL, build_lease, take_lease },
	{ MOVE_LOCKING,     "lock the account",                ASK_LOCK,          EFFECT_MUST, NULL, at_source, NULL },

	{ MOVE_CATCHING_UP, "renew the lease",                 ASK_LEASE,         EFFECT_MUST, NULL, build_lease, take_lease },
	{ MOVE_CATCHING_UP, "let the source's stream in",      ASK_RESERVE,       EFFECT_MUST, has_mailbox, build_reserve, NULL },
	{ MOVE_CATCHING_UP, "fetch the last changes",          ASK_STAGE,         EFFECT_MUST, has_mailbox, build_final, take_stage },
	{ MOVE_CATCHING_UP, "fill the target's mailbox with them", ASK_SEED,    EFFECT_SOFT, prepare_seeds, build_seed, take_seed },

	{ MOVE_FENCING,     "renew the lease",                 ASK_LEASE,         EFFECT_MUST, NULL, build_lease, take_lease },
	{ MOVE_FENCING,     "fence the source",                ASK_FENCE,         EFFECT_MUST, NULL, build_fence, take_fence },

	{ MOVE_SWITCHING,   "renew the lease",                 ASK_LEASE,         EFFECT_SOFT, NULL, build_lease, take_lease },
	{ MOVE_SWITCHING,   "switch the home",                 ASK_SET_HOME,      EFFECT_SOFT, NULL, build_switch, NULL },
	{ MOVE_SWITCHING,   "read the home",                   ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home },
	{ MOVE_SWITCHING,   "flush the source's cache",        ASK_FLUSH,         EFFECT_SOFT, NULL, at_source, NULL },
	{ MOVE_SWITCHING,   "flush the target's cache",        ASK_FLUSH,         EFFECT_MUST, NULL, at_target, NULL },

	{ MOVE_SPOOL_LOCKING, "read where the account is",     ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_home_for_undo },
	{ MOVE_SPOOL_LOCKING, "home back to the source",       ASK_SET_HOME,      EFFECT_MUST, home_is_target, build_home_back, take_home_back },
	{ MOVE_SPOOL_LOCKING, "read the account again",        ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_account },
	{ MOVE_SPOOL_LOCKING, "see whether the source's agent answers", ASK_PREFLIGHT, EFFECT_SOFT, NULL, build_is_source_dead, take_source_is_dead },
	{ MOVE_SPOOL_LOCKING, "see whether the source answers", ASK_FLUSH,        EFFECT_SOFT, NULL, build_is_source_dead, take_source_answers },
	{ MOVE_SPOOL_LOCKING, "look at the target again",      ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_target, take_target_row },
	{ MOVE_SPOOL_LOCKING, "flush the target's cache",      ASK_FLUSH,         EFFECT_MUST, NULL, at_target, NULL },
	{ MOVE_SPOOL_LOCKING, "read the values to give back",  ASK_FREEZE_READ,   EFFECT_MUST, NULL, build_pinned_at_target, take_saved },
	{ MOVE_SPOOL_LOCKING, "lock the account",              ASK_LOCK,          EFFECT_MUST, NULL, build_pinned_at_target, NULL },
	{ MOVE_SPOOL_LOCKING, "fill the target's mailbox",     ASK_SEED,          EFFECT_SOFT, prepare_seeds, build_seed, take_seed },

	/* Filling may have taken minutes. */
	{ MOVE_SPOOL_SWITCHING, "see whether the source answers by now", ASK_FLUSH, EFFECT_SOFT, NULL, build_is_source_dead, take_source_answers },
	{ MOVE_SPOOL_SWITCHING, "switch the home",             ASK_SET_HOME,      EFFECT_SOFT, NULL, build_spool_home, NULL },
	{ MOVE_SPOOL_SWITCHING, "read the home",               ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home },
	{ MOVE_SPOOL_SWITCHING, "flush the target's cache",    ASK_FLUSH,         EFFECT_MUST, NULL, at_target, NULL },
	/* A node that came back meanwhile may have given back a lock that it died under. */
	{ MOVE_SPOOL_SWITCHING, "lock the account once more",  ASK_LOCK,          EFFECT_MUST, NULL, build_pinned_at_target, NULL },

	{ MOVE_STEERING,    "look behind the fence once more", ASK_PREFLIGHT,     EFFECT_SOFT, source_is_there, at_source, take_fenced_row },
	{ MOVE_STEERING,    "end the lease",                   ASK_UNLEASE,       EFFECT_SOFT, source_is_there, at_source, NULL },
	{ MOVE_STEERING,    "make folders at their old ids",   ASK_STEER,         EFFECT_MUST, has_mailbox, build_steer, NULL },
	{ MOVE_STEERING,    "end every session",               ASK_SESSIONS,      EFFECT_MUST, NULL, at_target, NULL },
	{ MOVE_STEERING,    "flush the source's cache",        ASK_FLUSH,         EFFECT_SOFT, source_is_there, at_source, NULL },

	{ MOVE_OPENING,     "lift the fence of a way back that failed", ASK_UNFENCE, EFFECT_MUST, revert_was_tried, at_target, NULL },
	{ MOVE_OPENING,     "lift the quota for the import",   ASK_ALLOW_IMPORT,  EFFECT_MUST, quota_must_go, at_target, NULL },
	{ MOVE_OPENING,     "import contacts",                 ASK_IMPORT,        EFFECT_MUST, contacts_wanted, build_contacts, take_contacts },
	{ MOVE_OPENING,     "import all but older mail",      ASK_IMPORT,        EFFECT_MUST, has_mailbox, build_hot, take_import },
	{ MOVE_OPENING,     "put in what imports refuse",      ASK_MEND,          EFFECT_MUST, mend_wanted, build_mend_hot, take_mended },
	{ MOVE_OPENING,     "give the account back",           ASK_RESTORE,       EFFECT_MUST, restore_wanted, build_restore, take_restored },
	{ MOVE_OPENING,     "flush the target's cache",        ASK_FLUSH,         EFFECT_SOFT, NULL, at_target, NULL },

	/* zmproxypurge starts a JVM, for which nobody is locked out; a route leads to a closed door until then, as the lock did. */
	{ MOVE_BACKFILLING, "read the account's aliases",      ASK_READ_ACCOUNT,  EFFECT_SOFT, routes_left, NULL, take_aliases },
	{ MOVE_BACKFILLING, "purge proxy routes",              ASK_ROUTES,        EFFECT_SOFT, routes_left, build_routes, NULL },
	{ MOVE_BACKFILLING, "import contacts that were left",  ASK_IMPORT,        EFFECT_MUST, left_contacts_wanted, build_contacts, take_contacts },
	{ MOVE_BACKFILLING, "import what is not in yet",       ASK_IMPORT,        EFFECT_MUST, revert_has_content, at_target, take_import },
	{ MOVE_MENDING,     "put in what imports refuse",      ASK_MEND,          EFFECT_MUST, revert_has_content, build_mend_last, take_mended },
	{ MOVE_MENDING,     "give the quota back",             ASK_QUOTA,         EFFECT_MUST, quota_lifted, at_target, take_quota },
	{ MOVE_VERIFYING,   "compare every item",              ASK_VERIFY,        EFFECT_MUST, revert_has_content, at_target, take_verdict },
	{ MOVE_SETTLED,     "drop the other way's spool",   ASK_DROP,          EFFECT_SOFT, drop_both_wanted, at_source, NULL },
	{ MOVE_SETTLED,     "drop the spool",                  ASK_DROP,          EFFECT_SOFT, drop_wanted, at_target, take_dropped },

	{ MOVE_DONE,        "drop the spool",                  ASK_DROP,          EFFECT_SOFT, drop_at_last, at_target, take_dropped },

	{ MOVE_RELEASING,   "put in what was withheld",        ASK_IMPORT,        EFFECT_MUST, has_mailbox, build_release, take_released },

	{ MOVE_PURGING,     "read where the account lives",    ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_purge_account },
	{ MOVE_PURGING,     "look at the old copy",            ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_source, take_old_copy },
	{ MOVE_PURGING,     "look at the mailbox at home",     ASK_PREFLIGHT,     EFFECT_MUST, NULL, build_at_home, take_home_row },
	{ MOVE_PURGING,     "delete the old copy",             ASK_PURGE,         EFFECT_MUST, purge_left, build_purge, take_purged },
	{ MOVE_PURGING,     "see that it is gone",             ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_source, take_old_copy_gone },
	{ MOVE_PURGING,     "see that the mailbox is whole",   ASK_PREFLIGHT,     EFFECT_MUST, purge_home_left, build_at_home, take_home_row_again },

	{ MOVE_PURGE_LOCKING, "read where the account lives",  ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_detour },
	{ MOVE_PURGE_LOCKING, "read the values to give back",  ASK_FREEZE_READ,   EFFECT_MUST, NULL, build_at_home, take_purge_saved },
	{ MOVE_PURGE_LOCKING, "arm the lease",                 ASK_LEASE,         EFFECT_MUST, NULL, build_purge_lease, take_lease },
	{ MOVE_PURGE_LOCKING, "lock the account",              ASK_LOCK,          EFFECT_MUST, NULL, build_at_home, NULL },

	{ MOVE_PURGE_LOADING, "renew the lease",               ASK_LEASE,         EFFECT_MUST, NULL, build_purge_lease, take_lease },
	{ MOVE_PURGE_LOADING, "home to the source for an instant", ASK_SET_HOME,  EFFECT_SOFT, NULL, build_home_to_source, NULL },
	{ MOVE_PURGE_LOADING, "read the home",                 ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home_is_source },
	{ MOVE_PURGE_LOADING, "flush the source's cache",      ASK_FLUSH,         EFFECT_MUST, NULL, at_source, NULL },
	{ MOVE_PURGE_LOADING, "load the old copy, locked out", ASK_LOCKOUT,       EFFECT_MUST, NULL, at_source, NULL },

	{ MOVE_PURGE_RETURNING, "read where the account lives", ASK_READ_ACCOUNT, EFFECT_STAY, NULL, NULL, take_home_to_return },
	{ MOVE_PURGE_RETURNING, "home to where it lives",      ASK_SET_HOME,      EFFECT_STAY, purge_home_is_source, build_home_forth, take_home_forth },
	{ MOVE_PURGE_RETURNING, "flush the home's cache",      ASK_FLUSH,         EFFECT_SOFT, purge_account_left, build_at_home, NULL },
	{ MOVE_PURGE_RETURNING, "flush the source's cache",    ASK_FLUSH,         EFFECT_SOFT, purge_account_left, at_source, NULL },
	{ MOVE_PURGE_RETURNING, "read the home once more",     ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home_returned },

	{ MOVE_PURGE_DELETING, "delete the old copy",          ASK_PURGE,         EFFECT_MUST, purge_account_left, build_purge, take_purged },

	{ MOVE_PURGE_OPENING, "read the home once more",       ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home_returned },
	{ MOVE_PURGE_OPENING, "give the account back",         ASK_RESTORE,       EFFECT_STAY, purge_values_left, build_at_home, take_restored },
	{ MOVE_PURGE_OPENING, "flush the home's cache",        ASK_FLUSH,         EFFECT_SOFT, purge_account_left, build_at_home, NULL },
	{ MOVE_PURGE_OPENING, "end the lease",                 ASK_UNLEASE,       EFFECT_SOFT, NULL, build_at_home, NULL },

	{ MOVE_REVERT_LOCKING, "read where the account lives", ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_revert_again },
	{ MOVE_REVERT_LOCKING, "look at the copy",             ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_source, take_copy_node },
	/* Of a lock that it died under: it would give back what it knew then, while this one lasts. */
	{ MOVE_REVERT_LOCKING, "end the lease of before",      ASK_UNLEASE,       EFFECT_MUST, spool_is_source, at_source, NULL },
	{ MOVE_REVERT_LOCKING, "read the values to give back", ASK_FREEZE_READ,   EFFECT_MUST, NULL, at_target, take_purge_saved },
	{ MOVE_REVERT_LOCKING, "arm the lease",                ASK_LEASE,         EFFECT_MUST, NULL, build_purge_lease, take_lease },
	{ MOVE_REVERT_LOCKING, "lock the account",             ASK_LOCK,          EFFECT_MUST, NULL, at_target, NULL },

	{ MOVE_REVERT_HOMING, "renew the lease",               ASK_LEASE,         EFFECT_MUST, NULL, build_purge_lease, take_lease },
	{ MOVE_REVERT_HOMING, "home to the copy for a moment", ASK_SET_HOME,      EFFECT_SOFT, NULL, build_home_to_source, NULL },
	{ MOVE_REVERT_HOMING, "read the home",                 ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home_is_source },
	{ MOVE_REVERT_HOMING, "flush the copy's cache",        ASK_FLUSH,         EFFECT_MUST, NULL, at_source, NULL },
	{ MOVE_REVERT_HOMING, "flush the other's cache",       ASK_FLUSH,         EFFECT_MUST, NULL, at_target, NULL },

	{ MOVE_REVERT_FETCHING, "read the account",            ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_revert_account },
	{ MOVE_REVERT_FETCHING, "look at the mailbox that was left", ASK_PREFLIGHT, EFFECT_MUST, NULL, at_target, take_left_row },
	/* Run out behind the home's return it would give back the quota, too, and content still goes in. */
	{ MOVE_REVERT_FETCHING, "end the lease",               ASK_UNLEASE,       EFFECT_MUST, revert_is_again, at_target, NULL },
	{ MOVE_REVERT_FETCHING, "let mail wait",               ASK_LOCK,          EFFECT_MUST, revert_holds_mail, at_source, NULL },
	{ MOVE_REVERT_FETCHING, "let the stream in",           ASK_RESERVE,       EFFECT_MUST, revert_copies, build_arrived_room, NULL },
	/* A fence that held and whose answer was lost. */
	{ MOVE_REVERT_FETCHING, "lift the copy's fence",       ASK_UNFENCE,       EFFECT_MUST, revert_copies, at_source, NULL },
	{ MOVE_REVERT_FETCHING, "fetch what arrived since the switch", ASK_STAGE, EFFECT_MUST, revert_copies, build_arrived, take_arrived },

	{ MOVE_REVERT_FENCING, "fence the copy",               ASK_FENCE,         EFFECT_MUST, revert_copies, build_fence, take_arrived_fence },
	/* One that lives goes on with what it remembers of the account when it cannot be told. */
	{ MOVE_REVERT_FENCING, "close the copy, if it answers", ASK_LOCKOUT,      EFFECT_SOFT, revert_leaves, at_source, NULL },

	{ MOVE_REVERT_SWITCHING, "read where the account lives", ASK_READ_ACCOUNT, EFFECT_STAY, NULL, NULL, take_revert_where },
	{ MOVE_REVERT_SWITCHING, "set the home back",          ASK_SET_HOME,      EFFECT_SOFT, revert_first_home, build_home_to_left, NULL },
	{ MOVE_REVERT_SWITCHING, "set the home back",          ASK_SET_HOME,      EFFECT_STAY, revert_again_home, build_home_to_left, NULL },
	{ MOVE_REVERT_SWITCHING, "read the home",              ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home_is_left },
	{ MOVE_REVERT_SWITCHING, "flush the copy's cache",     ASK_FLUSH,         EFFECT_SOFT, NULL, at_source, NULL },
	{ MOVE_REVERT_SWITCHING, "flush the home's cache",     ASK_FLUSH,         EFFECT_STAY, NULL, at_target, NULL },
	{ MOVE_REVERT_SWITCHING, "purge proxy routes",         ASK_ROUTES,        EFFECT_SOFT, NULL, build_routes, NULL },

	/* Fetched later it was open all the time: a lockout there is somebody else's. */
	{ MOVE_REVERT_OPENING, "lift the fence",               ASK_UNFENCE,       EFFECT_MUST, revert_is_first, at_target, NULL },
	{ MOVE_REVERT_OPENING, "lift the quota for the import", ASK_ALLOW_IMPORT, EFFECT_MUST, revert_lifts_quota, at_target, NULL },
	{ MOVE_REVERT_OPENING, "give the account back",        ASK_RESTORE,       EFFECT_MUST, restore_wanted, build_revert_restore, take_restored },
	{ MOVE_REVERT_OPENING, "flush the home's cache",       ASK_FLUSH,         EFFECT_SOFT, NULL, at_target, NULL },
	{ MOVE_REVERT_OPENING, "end the lease",                ASK_UNLEASE,       EFFECT_SOFT, NULL, at_target, NULL },

	{ MOVE_REVERT_RETURNING, "read where the account lives", ASK_READ_ACCOUNT, EFFECT_STAY, NULL, NULL, take_revert_undo },
	{ MOVE_REVERT_RETURNING, "lift the copy's fence",      ASK_UNFENCE,       EFFECT_SOFT, revert_gives_up, at_source, NULL },
	{ MOVE_REVERT_RETURNING, "let mail in again",          ASK_ALLOW_IMPORT,  EFFECT_SOFT, revert_lets_mail_in, at_source, NULL },

	{ MOVE_UNLOCKING,   "read where the account is",       ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home_for_undo },
	{ MOVE_UNLOCKING,   "home back to the source",         ASK_SET_HOME,      EFFECT_MUST, home_is_target, build_home_back, take_home_back },
	{ MOVE_UNLOCKING,   "flush the source's cache",        ASK_FLUSH,         EFFECT_SOFT, undo_at_source_wanted, at_source, NULL },
	{ MOVE_UNLOCKING,   "flush the target's cache",        ASK_FLUSH,         EFFECT_SOFT, undo_at_source_wanted, at_target, NULL },
	{ MOVE_UNLOCKING,   "lift the fence",                  ASK_UNFENCE,       EFFECT_MUST, undo_at_live_source_wanted, at_source, NULL },
	{ MOVE_UNLOCKING,   "lift the dead node's fence",      ASK_UNFENCE,       EFFECT_SOFT, undo_at_dead_source_wanted, build_is_source_dead, NULL },
	{ MOVE_UNLOCKING,   "delete what the target held",     ASK_DROP_ROW,      EFFECT_SOFT, undo_row_wanted, at_target, take_dropped_row },
	{ MOVE_UNLOCKING,   "read the home once more",         ASK_READ_ACCOUNT,  EFFECT_STAY, undo_at_source_wanted, NULL, take_home_once_more },
	{ MOVE_UNLOCKING,   "give the account back",           ASK_RESTORE,       EFFECT_MUST, undo_values_wanted, build_give_back, take_restored },
	{ MOVE_UNLOCKING,   "end the lease",                   ASK_UNLEASE,       EFFECT_MUST, source_is_there, at_source, take_undone },
	{ MOVE_UNLOCKING,   "end the dead node's lease",       ASK_UNLEASE,       EFFECT_SOFT, spool_is_source, build_is_source_dead, take_undone },
};
/* clang-format on */
const size_t move_effect_count = ARRAY_LEN(move_effects);
