/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of effects: what each state does to the outside, in order. Building an
 * effect refuses what must not be done now; taking one turns facts into journaled data
 * or into a refusal. Every effect may run twice. Checks live in move_checks.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/journal.h"
#include "controller/move.h"
#include "controller/move_checks.h"
#include "proto/base/xalloc.h"

#define SHORT_PASS_ITEMS 50
#define SHORT_PASS_MS 3000
#define MAX_PASSES 20

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
	a->in.bytes = m->bytes;
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
	/* Counted from before the request leaves: the agent's own end comes later, never earlier. */
	m->lease_until_ms = now_ms(all) + LEASE_MS;
	return at_source(all, m, a, e);
}

static bool
build_fence(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	snprintf(a->in.token, sizeof(a->in.token), "%s", m->data.token);
	a->in.row = m->data.row;
	return at_source(all, m, a, e);
}

static bool
build_switch(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	if (now_ms(all) + LEASE_SWITCH_MIN_MS > m->lease_until_ms)
		return err_set(e, ERR_REFUSED, "too little of the lock's lease is left to switch");
	a->deadline_s = WAIT_SWITCH_MS / 1000;
	snprintf(a->in.new_home, sizeof(a->in.new_home), "%s", m->target);
	return at_source(all, m, a, e);
}

static bool
build_home_back(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	snprintf(a->in.new_home, sizeof(a->in.new_home), "%s", m->source);
	return at_target(all, m, a, e);
}

static bool
build_steer(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.last_item_id = m->data.last_item_id;
	a->in.change = m->data.change;
	return at_target(all, m, a, e);
}

static bool
build_contacts(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.contacts_only = true;
	return at_target(all, m, a, e);
}

static bool
build_mend_last(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.tracking_imap = m->data.tracking_imap;
	return at_target(all, m, a, e);
}

static bool
build_routes(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	a->in.name_count = 1;
	snprintf(a->in.names[0], sizeof(a->in.names[0]), "%s", m->account_name);
	return at_source(all, m, a, e);
}

/* --- take --- */

static bool
take_source_row(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)all;
	(void)ev;
	if (!check_source_node(m, &a->out.preflight, e))
		return false;
	m->data.no_mailbox = !a->out.preflight.row.present;
	return true;
}

static bool
take_target_row(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)all;
	(void)ev;
	return check_target_node(m, &a->out.preflight, e);
}

static bool
take_account(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)ev;
	if (!check_account(m, &a->out.account, moves_host(all)->own_admin_id, e))
		return false;
	if (strcmp(m->account_name, a->out.account.name) != 0) /* renamed: fine, the id is the same */
		snprintf(m->account_name, sizeof(m->account_name), "%s", a->out.account.name);
	return true;
}

static void
take_stage_facts(struct move *m, const struct ask_stage *s)
{
	snprintf(m->data.token, sizeof(m->data.token), "%s", s->token);
	m->data.listed = s->listed;
	m->data.staged = s->staged;
	m->data.sent_bytes += s->sent_bytes;
	m->data.last_item_id = s->last_item_id;
	m->data.change = s->change;
	m->data.row = s->row;
	m->data.tracking_imap = s->tracking_imap;
	m->data.lacking_count = s->lacking_count;
	free(m->data.lacking_json);
	m->data.lacking_json = xstrdup(s->lacking_json);
	m->data.passes++;
}

static bool
take_stage(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)all;
	(void)ev;
	(void)e;
	take_stage_facts(m, &a->out.stage);
	return true;
}

/* A pass that sent much is followed by another; a short one ends the waiting. */
static bool
take_delta(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	const struct ask_stage *s = &a->out.stage;

	(void)all;
	(void)ev;
	(void)e;
	take_stage_facts(m, s);
	if ((s->sent > SHORT_PASS_ITEMS || s->took_ms > SHORT_PASS_MS) && m->data.passes < MAX_PASSES)
		m->effect_no--; /* the same effect once more */
	return true;
}

static bool
take_saved(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)all;
	(void)ev;
	(void)e;
	m->data.saved = a->out.saved;
	m->data.have_saved = true;
	m->data.restored = false;
	/* From here on the account may be locked; the time is journaled before it is. */
	m->data.locked_at_ms = moves_world(all)->wall_ms(moves_world(all)->ctx);
	m->data.lock_ms = 0;
	return true;
}

static bool
take_fence(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)e;
	if (a->out.held)
		return true;
	journal_note(moves_journal(all), m, "fence", a->out.text);
	*ev = EV_AGAIN;
	return true;
}

/* After an unclear switch the master decides. */
static bool
take_home(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	const struct ask_account *account = &a->out.account;

	(void)all;
	if (account->found && strcasecmp(account->mail_host, m->target) == 0) {
		m->data.target_row_made = true;
		return true;
	}
	err_set(e, ERR_REFUSED, "the directory names %s as the home, not %s",
	    account->found ? account->mail_host : "nobody", m->target);
	snprintf(m->error, sizeof(m->error), "%s", e->text);
	*ev = EV_FAILED;
	return true;
}

/* Before the account is given back: where is it? Elsewhere by somebody else = hands off. */
static bool
take_home_for_undo(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev, struct err *e)
{
	const struct ask_account *account = &a->out.account;

	(void)all;
	(void)ev;
	if (!account->found)
		return err_set(e, ERR_REFUSED, "account %s: was deleted meanwhile; its copy on %s is an orphan",
		    m->account_name, m->source);
	m->home_is_target = strcasecmp(account->mail_host, m->target) == 0;
	if (m->home_is_target) {
		m->data.target_row_made = true;
		return true;
	}
	if (strcasecmp(account->mail_host, m->source) == 0)
		return true;
	return err_set(e, ERR_REFUSED, "account %s: somebody moved it to %s meanwhile", m->account_name,
	    account->mail_host);
}

static bool
take_import(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)all;
	(void)ev;
	(void)e;
	m->data.applied = a->out.applied;
	return true;
}

static bool
take_contacts(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)ev;
	(void)e;
	m->data.applied = a->out.applied;
	m->data.contacts_done = true;
	moves_host(all)->give_turn(moves_host(all)->ctx, m);
	return true;
}

static bool
take_restored(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)ev;
	(void)e;
	m->data.restored = true;
	if (a->out.text[0] != '\0')
		journal_note(moves_journal(all), m, "kept as an administrator set it", a->out.text);
	return true;
}

static bool
take_verdict(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	const struct ask_verdict *v = &a->out.verdict;
	bool clean = v->clean && m->data.lacking_count == 0;

	(void)ev;
	(void)e;
	snprintf(m->data.verdict, sizeof(m->data.verdict), "%s", clean ? "clean" : "not clean");
	free(m->data.verdict_json);
	m->data.verdict_json = xstrdup(v->json);
	if (clean) {
		m->error[0] = '\0';
		moves_host(all)->calm(moves_host(all)->ctx, m->id);
		return true;
	}
	char next[200];

	snprintf(m->error, sizeof(m->error),
	    "%llu of %llu items are missing, %llu differ, %llu could not be exported",
	    (unsigned long long)v->missing, (unsigned long long)v->listed,
	    (unsigned long long)v->differing, (unsigned long long)m->data.lacking_count);
	snprintf(next, sizeof(next), "zmferry explain %s", m->id);
	char text[LIMIT_TEXT];

	snprintf(text, sizeof(text), "%.120s: moved, but the verdict is not clean: %.200s; the old copy is kept",
	    m->account_name, m->error);
	moves_host(all)->alert(moves_host(all)->ctx, m->id, text, next);
	return true;
}

static bool
take_dropped(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)all;
	(void)a;
	(void)ev;
	(void)e;
	m->data.spool_dropped = true;
	return true;
}

static bool
take_home_back(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev,
    struct err *e)
{
	(void)all;
	(void)a;
	(void)ev;
	(void)e;
	m->home_is_target = false;
	return true;
}

/* --- wanted --- */

static bool
has_mailbox(const struct move *m)
{
	return !m->data.no_mailbox;
}

static bool
contacts_wanted(const struct move *m)
{
	return !m->data.contacts_done;
}

static bool
has_saved(const struct move *m)
{
	return m->data.have_saved;
}

static bool
restore_wanted(const struct move *m)
{
	return m->data.have_saved && !m->data.restored;
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
	return !m->data.spool_dropped && strcmp(m->data.verdict, "clean") == 0;
}

/* clang-format off */
const struct move_effect move_effects[] = {
	/* state            name                               ask                on failure   wanted, build, take */
	{ MOVE_PLANNED,     "read the account",                ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_account },
	{ MOVE_PLANNED,     "look at the source",              ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_source, take_source_row },
	{ MOVE_PLANNED,     "look at the target",              ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_target, take_target_row },

	{ MOVE_STAGING,     "reserve disk at the target",      ASK_RESERVE,       EFFECT_MUST, has_mailbox, build_reserve, NULL },
	{ MOVE_STAGING,     "copy everything into the spool",  ASK_STAGE,         EFFECT_MUST, has_mailbox, build_base, take_stage },

	{ MOVE_FOLLOWING,   "let the source's stream in",      ASK_RESERVE,       EFFECT_MUST, has_mailbox, build_reserve, NULL },
	{ MOVE_FOLLOWING,   "fetch what changed",              ASK_STAGE,         EFFECT_MUST, has_mailbox, build_delta, take_delta },

	{ MOVE_LOCKING,     "read the account again",          ASK_READ_ACCOUNT,  EFFECT_MUST, NULL, NULL, take_account },
	{ MOVE_LOCKING,     "look at the source again",        ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_source, take_source_row },
	{ MOVE_LOCKING,     "look at the target again",        ASK_PREFLIGHT,     EFFECT_MUST, NULL, at_target, take_target_row },
	{ MOVE_LOCKING,     "read the values to give back",    ASK_FREEZE_READ,   EFFECT_MUST, NULL, at_source, take_saved },
	{ MOVE_LOCKING,     "arm the lease",                   ASK_LEASE,         EFFECT_MUST, NULL, build_lease, NULL },
	{ MOVE_LOCKING,     "lock the account",                ASK_LOCK,          EFFECT_MUST, NULL, at_source, NULL },

	{ MOVE_CATCHING_UP, "renew the lease",                 ASK_LEASE,         EFFECT_MUST, NULL, build_lease, NULL },
	{ MOVE_CATCHING_UP, "let the source's stream in",      ASK_RESERVE,       EFFECT_MUST, has_mailbox, build_reserve, NULL },
	{ MOVE_CATCHING_UP, "fetch the last changes",          ASK_STAGE,         EFFECT_MUST, has_mailbox, build_final, take_stage },

	{ MOVE_FENCING,     "renew the lease",                 ASK_LEASE,         EFFECT_MUST, NULL, build_lease, NULL },
	{ MOVE_FENCING,     "fence the source",                ASK_FENCE,         EFFECT_MUST, NULL, build_fence, take_fence },

	{ MOVE_SWITCHING,   "renew the lease",                 ASK_LEASE,         EFFECT_SOFT, NULL, build_lease, NULL },
	{ MOVE_SWITCHING,   "switch the home",                 ASK_SET_HOME,      EFFECT_SOFT, NULL, build_switch, NULL },
	{ MOVE_SWITCHING,   "read the home",                   ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home },
	{ MOVE_SWITCHING,   "flush the source's cache",        ASK_FLUSH,         EFFECT_SOFT, NULL, at_source, NULL },
	{ MOVE_SWITCHING,   "flush the target's cache",        ASK_FLUSH,         EFFECT_MUST, NULL, at_target, NULL },
	{ MOVE_SWITCHING,   "purge proxy routes",              ASK_ROUTES,        EFFECT_SOFT, NULL, build_routes, NULL },

	{ MOVE_STEERING,    "end the lease",                   ASK_UNLEASE,       EFFECT_SOFT, NULL, at_source, NULL },
	{ MOVE_STEERING,    "make folders at their old ids",   ASK_STEER,         EFFECT_MUST, has_mailbox, build_steer, NULL },
	{ MOVE_STEERING,    "end every session",               ASK_SESSIONS,      EFFECT_MUST, NULL, at_target, NULL },
	{ MOVE_STEERING,    "flush the source's cache",        ASK_FLUSH,         EFFECT_SOFT, NULL, at_source, NULL },

	{ MOVE_OPENING,     "lift the quota for the import",   ASK_ALLOW_IMPORT,  EFFECT_MUST, has_mailbox, at_target, NULL },
	{ MOVE_OPENING,     "import contacts",                 ASK_IMPORT,        EFFECT_MUST, contacts_wanted, build_contacts, take_contacts },
	{ MOVE_OPENING,     "import everything else",          ASK_IMPORT,        EFFECT_MUST, has_mailbox, at_target, take_import },
	{ MOVE_OPENING,     "put in what imports refuse",      ASK_MEND,          EFFECT_MUST, has_mailbox, at_target, take_import },
	{ MOVE_OPENING,     "give the account back",           ASK_RESTORE,       EFFECT_MUST, restore_wanted, at_target, take_restored },
	{ MOVE_OPENING,     "flush the target's cache",        ASK_FLUSH,         EFFECT_SOFT, NULL, at_target, NULL },

	{ MOVE_BACKFILLING, "import what is not in yet",       ASK_IMPORT,        EFFECT_MUST, has_mailbox, at_target, take_import },
	{ MOVE_MENDING,     "put in what imports refuse",      ASK_MEND,          EFFECT_MUST, has_mailbox, build_mend_last, take_import },
	{ MOVE_VERIFYING,   "compare every item",              ASK_VERIFY,        EFFECT_MUST, has_mailbox, at_target, take_verdict },
	{ MOVE_SETTLED,     "drop the spool",                  ASK_DROP,          EFFECT_SOFT, drop_wanted, at_target, take_dropped },

	{ MOVE_UNLOCKING,   "read where the account is",       ASK_READ_ACCOUNT,  EFFECT_STAY, NULL, NULL, take_home_for_undo },
	{ MOVE_UNLOCKING,   "home back to the source",         ASK_SET_HOME,      EFFECT_MUST, home_is_target, build_home_back, take_home_back },
	{ MOVE_UNLOCKING,   "flush the source's cache",        ASK_FLUSH,         EFFECT_SOFT, NULL, at_source, NULL },
	{ MOVE_UNLOCKING,   "flush the target's cache",        ASK_FLUSH,         EFFECT_SOFT, NULL, at_target, NULL },
	{ MOVE_UNLOCKING,   "lift the fence",                  ASK_UNFENCE,       EFFECT_MUST, NULL, at_source, NULL },
	{ MOVE_UNLOCKING,   "delete what the target held",     ASK_DROP_ROW,      EFFECT_SOFT, target_row_made, at_target, NULL },
	{ MOVE_UNLOCKING,   "give the account back",           ASK_RESTORE,       EFFECT_MUST, has_saved, at_source, take_restored },
	{ MOVE_UNLOCKING,   "end the lease",                   ASK_UNLEASE,       EFFECT_SOFT, NULL, at_source, NULL },
};
/* clang-format on */
const size_t move_effect_count = ARRAY_LEN(move_effects);
