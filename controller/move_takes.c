/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well an answer's facts go into the move and the next effect follows.
 * What can go wrong: the facts say no. Then the answer is a refusal by name, or an
 * event where the table of states has a way for it.
 */
#include "controller/move_takes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/journal.h"
#include "controller/move_checks.h"
#include "controller/move_prepare.h"
#include "controller/move_private.h"
#include "controller/move_spool.h"
#include "proto/base/xalloc.h"

#define SHORT_PASS_ITEMS 50
#define SHORT_PASS_MS 3000
#define SEEDED_PASS_ITEMS 5 /* as many are put in one by one under the lock */
#define MAX_PASSES 20
#define MAX_FENCE_ROUNDS 8
#define PRISTINE_ID 256 /* the last id of a mailbox just made (facts: identity 2) */

bool
take_no(struct move *m, enum move_event *ev_out, const struct err *why)
{
	snprintf(m->error, sizeof(m->error), "%s", why->text);
	*ev_out = EV_FAILED;
	return true;
}

bool
lives_at(const struct ask_account *account, const char *node)
{
	return account->found && strcasecmp(account->mail_host, node) == 0;
}

/* --- looking before --- */

bool
take_account(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;

	(void)ev_out;
	m->data.gone = !account->found;
	if (!check_account(m, account, moves_host(all)->own_admin_id, e))
		return false;
	if (strcmp(m->account_name, account->name) !=
	    0) /* renamed: fine, the id is the same */
		snprintf(m->account_name, sizeof(m->account_name), "%s", account->name);
	snprintf(m->data.source_id, sizeof(m->data.source_id), "%s", account->source_id);
	snprintf(m->data.target_id, sizeof(m->data.target_id), "%s", account->target_id);
	return true;
}

bool
take_source_row(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)ev_out;
	if (!check_source_node(m, &a->out.preflight, e))
		return false;
	/* Moved without its mail an account would look as one that never logged in. */
	if (!a->out.preflight.row.present && m->data.row.present)
		return err_set(e, ERR_RETRY,
		    "node %s: does not list the mailbox any more that was copied from it",
		    m->source);
	m->data.no_mailbox = !a->out.preflight.row.present;
	return true;
}

/* As Zimbra makes it: nothing ever happened in it. */
static bool
row_is_pristine(const struct row *row)
{
	return row->item_id <= PRISTINE_ID && row->change <= 1 && row->size_bytes == 0 &&
	       row->new_messages == 0 && row->contacts == 0;
}

bool
take_target_row(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct row *row = &a->out.preflight.row;

	(void)all;
	(void)ev_out;
	/* A call of an attempt before that was carried out late makes such a one. */
	if (row->present && m->tries > 0 && row_is_pristine(row))
		m->data.target_row_made = true;
	return check_target_node(m, &a->out.preflight, e);
}

/* --- staging --- */

/* Of what was before the first pass of this controller's life nothing is known. */
static void
take_who_wrote(struct moves *all, struct move *m, const struct ask_stage *s)
{
	uint64_t now = moves_world(all)->mono_ms(moves_world(all)->ctx);
	uint64_t at = s->wrote_ago_ms < now ? now - s->wrote_ago_ms : 1;

	if (s->wrote && at > m->wrote_ms)
		m->wrote_ms = at;
	else if (m->wrote_ms == 0)
		m->wrote_ms = now;
}

void
take_lacking(struct move *m, const struct ask_stage *s)
{
	m->data.lacking_count = s->lacking_count;
	free(m->data.lacking_json);
	m->data.lacking_json = xstrdup(s->lacking_json);
}

static void
take_stage_facts(struct moves *all, struct move *m, const struct ask_stage *s)
{
	take_who_wrote(all, m, s);
	snprintf(m->data.token, sizeof(m->data.token), "%s", s->token);
	m->data.listed = s->listed;
	m->data.staged = s->staged;
	m->data.sent_bytes += s->sent_bytes;
	m->data.last_item_id = s->last_item_id;
	m->data.change = s->change;
	m->data.row = s->row;
	m->data.tracking_imap = s->tracking_imap;
	take_lacking(m, s);
	m->data.in_step_ms =
	    moves_world(all)->wall_ms(moves_world(all)->ctx) - (int64_t)s->took_ms;
	m->data.passes++;
}

/* Under the lock this list is the last: who has no contacts needs no lane for them. */
bool
take_stage(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)ev_out;
	(void)e;
	take_stage_facts(all, m, &a->out.stage);
	m->data.contacts_done = m->state == MOVE_CATCHING_UP && a->out.stage.no_contacts;
	if (m->data.contacts_done)
		moves_host(all)->give_turn(moves_host(all)->ctx, m);
	return true;
}

/*
 * What this pass brought is filled in by the next, or under the lock; and a mailbox that
 * waited for days had many passes by then.
 */
static bool
pass_is_short(const struct move *m, const struct ask_stage *s)
{
	bool seeds = prepare_seeds(m);

	if ((seeds ? m->passes_in_row : m->data.passes) >= MAX_PASSES)
		return true;
	return s->sent <= (seeds ? SEEDED_PASS_ITEMS : SHORT_PASS_ITEMS) &&
	       s->took_ms <= SHORT_PASS_MS;
}

/* A pass that sent much is followed by another; a short one ends the waiting. */
bool
take_delta(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_stage *s = &a->out.stage;

	(void)e;
	take_stage_facts(all, m, s);
	m->passes_in_row++;
	if (!pass_is_short(m, s))
		*ev_out = EV_AGAIN;
	return true;
}

/* --- lock and fence --- */

/* Read again after a crash, a value may be our own lock's: freeze_merge knows. */
bool
take_saved(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)ev_out;
	if (!m->data.have_saved)
		m->data.saved = a->out.saved;
	else if (!freeze_merge(&m->data.saved, &a->out.saved, e))
		return false;
	m->data.have_saved = true;
	m->data.restored = false;
	/* From here on the account may be locked; the time is journaled before it is. */
	if (m->data.locked_at_ms == 0)
		m->data.locked_at_ms = moves_world(all)->wall_ms(moves_world(all)->ctx);
	m->data.lock_ms = m->data.fill_ms = 0;
	return true;
}

/* Counted from before the request left: the agent's own end comes later, never earlier. */
bool
take_lease(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)a;
	(void)ev_out;
	(void)e;
	m->lease_until_ms = m->lease_asked_ms + LEASE_MS;
	return true;
}

bool
take_fence(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	struct err why;

	(void)e;
	if (a->out.held) {
		m->data.row = a->out.row;
		return true;
	}
	journal_note(moves_journal(all), m, "fence", a->out.text);
	m->data.no_mailbox = m->data.no_mailbox && !a->out.row.present;
	if (++m->fence_rounds < MAX_FENCE_ROUNDS) {
		*ev_out = EV_AGAIN;
		return true;
	}
	err_set(&why, ERR_RETRY,
	    "the source does not come to rest though it is locked: %s", a->out.text);
	return take_no(m, ev_out, &why);
}

/* --- the switch --- */

void
take_names(struct move *m, const struct ask_account *account)
{
	char *names = xstrdup(account->name);

	for (size_t i = 0; i < account->alias_count; i++) {
		char *longer = xasprintf("%s\n%s", names, account->aliases[i]);

		free(names);
		names = longer;
	}
	free(m->names);
	m->names = names;
}

bool
take_aliases(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)ev_out;
	(void)e;
	if (a->out.account.found)
		take_names(m, &a->out.account);
	return true;
}

/* After an unclear switch the master decides. */
bool
take_home(struct moves *all, struct move *m, const struct ask *a, enum move_event *ev_out,
    struct err *e)
{
	const struct ask_account *account = &a->out.account;
	char aside[LIMIT_ID + 8];
	struct err why;

	(void)e;
	if (lives_at(account, m->target)) {
		m->data.target_row_made = true;
		m->data.switched = m->data.switched || m->state == MOVE_SWITCHING ||
				   m->state == MOVE_SPOOL_SWITCHING;
		m->data.switched_at_ms = moves_world(all)->wall_ms(moves_world(all)->ctx);
		move_aside_subject(m, aside, sizeof(aside));
		if (m->data.switched)
			alert_clear(moves_host(all)->alerts, aside);
		take_names(m, account);
		return true;
	}
	err_set(&why, ERR_RETRY, "the directory names %s as the home, not %s",
	    account->found ? account->mail_host : "nobody", m->target);
	return take_no(m, ev_out, &why);
}

/*
 * A lockout lives in memory only. If the source was restarted between fence and switch,
 * mail may have got in behind the fence: then everything is on the source and nothing on
 * the target, so back.
 */
bool
take_fenced_row(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct row *now = &a->out.preflight.row;
	const struct row *then = &m->data.row;
	struct err why;

	(void)all;
	(void)e;
	if (!now->present ||
	    (then->present && now->mailbox_id == then->mailbox_id &&
		now->item_id == then->item_id && now->change == then->change &&
		now->size_bytes == then->size_bytes))
		return true;
	err_set(&why, ERR_RETRY,
	    "node %s: something came into the mailbox behind the fence", m->source);
	return take_no(m, ev_out, &why);
}

/* --- content --- */

bool
take_import(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)ev_out;
	(void)e;
	m->data.applied = a->out.applied;
	m->mended = a->out.mended;
	m->data.left = a->out.left;
	m->data.withheld = a->out.withheld;
	return true;
}

bool
take_released(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	if (!take_import(all, m, a, ev_out, e))
		return false;
	m->error[0] = '\0';
	return true;
}

bool
take_mended(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)ev_out;
	(void)e;
	m->data.applied = a->out.applied;
	return true;
}

bool
take_contacts(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)ev_out;
	(void)e;
	m->data.applied = a->out.applied;
	m->data.contacts_done = true;
	moves_host(all)->give_turn(moves_host(all)->ctx, m);
	return true;
}

bool
take_restored(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)ev_out;
	(void)e;
	m->data.restored = true;
	m->data.quota_lifted = a->in.keep_quota;
	if (a->out.text[0] != '\0')
		journal_note(moves_journal(all), m, "kept as an administrator set it",
		    a->out.text);
	return true;
}

bool
take_quota(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)ev_out;
	(void)e;
	m->data.quota_lifted = false;
	if (a->out.text[0] != '\0')
		journal_note(moves_journal(all), m, "kept as an administrator set it",
		    a->out.text);
	return true;
}

static void
take_unclean(struct moves *all, struct move *m, const struct ask_verdict *v)
{
	char job[LIMIT_ID];

	if (m->data.from_spool) { /* told of when it is settled, whatever else differs */
		spool_why_unclean(m, v);
		return;
	}
	snprintf(job, sizeof(job), "j%u", m->job_number);
	snprintf(m->error, sizeof(m->error),
	    "%llu of %llu items are missing, %llu differ, %llu could not be exported",
	    (unsigned long long)v->missing, (unsigned long long)v->listed,
	    (unsigned long long)v->differing, (unsigned long long)m->data.lacking_count);
	alert_raise(moves_host(all)->alerts, ALERT_MOVE_NOT_CLEAN, m->id,
	    ALERT_FACTS("account", m->account_name, "why", m->error, "move", m->id, "job",
		job, "source", m->source, "target", m->target));
}

bool
take_verdict(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_verdict *v = &a->out.verdict;
	/* Taken back it lives where what could not be exported lies. */
	bool clean = v->clean && !m->data.from_spool &&
		     (m->data.lacking_count == 0 || m->data.reverted);

	(void)ev_out;
	(void)e;
	snprintf(m->data.verdict, sizeof(m->data.verdict), "%s",
	    clean ? "clean" : "not clean");
	free(m->data.verdict_json);
	m->data.verdict_json = xstrdup(v->json);
	if (clean) {
		m->error[0] = '\0';
		alert_clear(moves_host(all)->alerts, m->id);
	} else {
		take_unclean(all, m, v);
	}
	return true;
}

bool
take_dropped(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)a;
	(void)ev_out;
	(void)e;
	m->data.spool_dropped = true;
	return true;
}

/* --- undoing --- */

bool
take_dropped_row(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)a;
	(void)ev_out;
	(void)e;
	m->data.target_row_made = false;
	return true;
}

/*
 * Before the account is given back: where is it? Deleted: nothing is left to give back.
 * Elsewhere by somebody else: the home is not ours to change, but our lock is.
 */
bool
take_home_for_undo(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;

	(void)all;
	(void)ev_out;
	(void)e;
	m->data.gone = !account->found;
	m->home_is_target = lives_at(account, m->target);
	m->home_is_elsewhere = account->found && !m->home_is_target &&
			       strcasecmp(account->mail_host, m->source) != 0;
	if (m->home_is_target) {
		m->data.target_row_made = true;
		m->data.switched = m->data.switched || m->state == MOVE_UNLOCKING;
	}
	if (m->data.gone)
		snprintf(m->error, sizeof(m->error),
		    "account %.200s: was deleted meanwhile; its copy on %.200s is an "
		    "orphan",
		    m->account_name, m->source);
	if (m->home_is_elsewhere)
		snprintf(m->error, sizeof(m->error),
		    "account %.120s: somebody moved it to %.120s meanwhile; its mail is "
		    "still on %.120s",
		    m->account_name, account->mail_host, m->source);
	return true;
}

bool
take_home_back(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)a;
	(void)ev_out;
	(void)e;
	m->home_is_target = false;
	return true;
}

/* A switch that timed out may take effect late: not before this look is people let in. */
bool
take_home_once_more(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;

	(void)all;
	(void)e;
	m->data.gone = !account->found;
	if (lives_at(account, m->target)) {
		m->data.target_row_made = true;
		*ev_out = EV_AGAIN;
	}
	return true;
}

/* After the switch an account that lives elsewhere is a person's to sort out. */
bool
take_undone(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)a;
	(void)e;
	if (m->home_is_elsewhere && m->data.switched)
		*ev_out = EV_FAILED;
	return true;
}
