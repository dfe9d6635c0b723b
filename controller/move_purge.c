/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the account lives elsewhere, the copy is the one that was fenced and
 * has not grown, it is deleted, the mailbox at home is still there. What can go wrong: Zimbra
 * deletes only what it has loaded, and a server that was started again has not. It loads a
 * mailbox only at its home, so the home becomes the source for an instant, under a lock, with
 * the old copy locked out the moment it is loaded; then the home is set back, and only then is
 * anything deleted (facts: move-protocol 2.8). What fails there leads back to an open mailbox.
 */
#include "controller/move_purge.h"

#include <stdio.h>
#include <string.h>

#include "controller/journal.h"

/* --- wanted --- */

bool
purge_left(const struct move *m)
{
	return !m->data.purged;
}

bool
purge_account_left(const struct move *m)
{
	return !m->data.gone;
}

bool
purge_home_left(const struct move *m)
{
	return !m->data.gone && m->data.home_row.present;
}

bool
purge_values_left(const struct move *m)
{
	return !m->data.gone && m->data.have_saved && !m->data.restored;
}

bool
purge_home_is_source(const struct move *m)
{
	return m->home_is_source;
}

/* --- build --- */

bool
build_at_home(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->data.home);
	return true;
}

bool
build_purge(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->source);
	a->in.row = m->data.row;
	return true;
}

bool
build_purge_lease(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	m->lease_asked_ms = moves_world(all)->mono_ms(moves_world(all)->ctx);
	return build_at_home(all, m, a, e);
}

/* Not when the lease could end meanwhile: people would be let in to the old copy. */
bool
build_home_to_source(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	uint64_t now = moves_world(all)->mono_ms(moves_world(all)->ctx);

	if (now + LEASE_SWITCH_MIN_MS > m->lease_until_ms)
		return err_set(e, ERR_REFUSED, "too little of the lock's lease is left");
	snprintf(a->in.new_home, sizeof(a->in.new_home), "%s", m->source);
	a->deadline_s = WAIT_SWITCH_MS / 1000;
	return build_at_home(all, m, a, e);
}

/* Sent to the present home; when that does not answer, its own server does it itself: pinned. */
bool
build_home_forth(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	snprintf(a->in.new_home, sizeof(a->in.new_home), "%s", m->data.home);
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->source);
	if (m->attempts % 2 == 1 && strcasecmp(m->data.home, m->target) == 0) {
		snprintf(a->in.host, sizeof(a->in.host), "%s", m->target);
		snprintf(a->in.pin_id, sizeof(a->in.pin_id), "%s", m->data.target_id);
	}
	a->deadline_s = WAIT_SWITCH_MS / 1000;
	return true;
}

/* --- take --- */

/* Where the account lives decides what may be deleted. */
bool
take_purge_account(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;
	struct err why;

	(void)all;
	(void)e;
	m->data.gone = !account->found;
	if (m->data.gone)
		err_set(&why, ERR_REFUSED,
		    "account %.200s: is deleted; its old copy on %.200s is an orphan "
		    "that Zimbra "
		    "does not delete by name",
		    m->account_name, m->source);
	else if (lives_at(account, m->source))
		err_set(&why, ERR_REFUSED,
		    "account %.200s: lives on %.200s again: what is there is the mailbox",
		    m->account_name, m->source);
	else {
		snprintf(m->data.home, sizeof(m->data.home), "%s", account->mail_host);
		snprintf(m->data.source_id, sizeof(m->data.source_id), "%s",
		    account->source_id);
		snprintf(m->data.target_id, sizeof(m->data.target_id), "%s",
		    account->target_id);
		return true;
	}
	return take_no(m, ev_out, &why);
}

bool
take_old_copy(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)ev_out;
	(void)e;
	m->data.purged = !a->out.preflight.row.present;
	return true;
}

bool
take_home_row(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	struct err why;

	(void)all;
	(void)e;
	/* After the detour it is the mailbox of before that must be there. */
	if (!m->data.detoured || !m->data.home_row.present)
		m->data.home_row = a->out.preflight.row;
	if (a->out.preflight.row.present)
		return true;
	err_set(&why, ERR_REFUSED,
	    "account %.200s: has no mailbox on %.200s, where it lives: the old copy is "
	    "all there "
	    "is",
	    m->account_name, m->data.home);
	return take_no(m, ev_out, &why);
}

bool
take_purged(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	struct err why;

	(void)all;
	(void)e;
	m->data.purged = !a->out.held;
	if (m->data.purged || m->state != MOVE_PURGING)
		return true;
	if (!m->data.detoured) {
		m->data.detoured = true; /* once: what fails there too is a person's */
		*ev_out = EV_AGAIN;
		return true;
	}
	err_set(&why, ERR_RETRY,
	    "node %.200s: did not keep the old copy loaded long enough to delete it",
	    m->source);
	return take_no(m, ev_out, &why);
}

bool
take_old_copy_gone(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)m;
	(void)ev_out;
	return !a->out.preflight.row.present ||
	       err_set(e, ERR_RETRY, "node %s: still lists the old copy", m->source);
}

/* What must not have happened, and has in careless hands: the wrong one was deleted. */
bool
take_home_row_again(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct row *now = &a->out.preflight.row;
	struct err why;

	(void)all;
	(void)e;
	if (now->present && now->mailbox_id == m->data.home_row.mailbox_id)
		return true;
	err_set(&why, ERR_CORRUPT,
	    "account %.150s: the mailbox on %.150s is not the one that was there before "
	    "the old "
	    "copy was deleted",
	    m->account_name, m->data.home);
	return take_no(m, ev_out, &why);
}

/* --- the detour --- */

bool
take_detour(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	/* The values of the move itself are given back long since. */
	if (m->data.restored)
		m->data.have_saved = false;
	return take_purge_account(all, m, a, ev_out, e);
}

/* Read again after a crash, a value may be our own lock's: freeze_merge knows. */
bool
take_purge_saved(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)ev_out;
	if (!m->data.have_saved)
		m->data.saved = a->out.saved;
	else if (!freeze_merge(&m->data.saved, &a->out.saved, e))
		return false;
	m->data.have_saved = true;
	m->data.restored = false;
	return true;
}

bool
take_home_is_source(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	struct err why;

	(void)all;
	(void)e;
	if (lives_at(&a->out.account, m->source))
		return true;
	err_set(&why, ERR_RETRY, "the home could not be set to %.200s", m->source);
	return take_no(m, ev_out, &why);
}

/* Somebody else's change of home stays: it is set back only from where we set it. */
bool
take_home_to_return(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;

	(void)all;
	(void)ev_out;
	(void)e;
	m->data.gone = !account->found;
	m->home_is_source = lives_at(account, m->source);
	if (account->found && !m->home_is_source)
		snprintf(m->data.home, sizeof(m->data.home), "%s", account->mail_host);
	return true;
}

bool
take_home_forth(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)a;
	(void)ev_out;
	(void)e;
	m->home_is_source = false;
	return true;
}

/* A change that timed out may take effect late: not before this look is anything deleted or opened. */
bool
take_home_returned(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	(void)all;
	(void)e;
	m->data.gone = !a->out.account.found;
	if (lives_at(&a->out.account, m->source))
		*ev_out = EV_AGAIN;
	return true;
}
