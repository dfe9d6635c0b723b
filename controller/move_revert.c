/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: mail waits, what reached the copy since the switch is streamed to the
 * spool beside the mailbox that was left, the copy is fenced, the home is set back, people
 * come in, and what was streamed goes in by the ordinary import. The fenced copy is an old
 * copy then, as any other. What can go wrong before the home is set back leads back to stuck;
 * a dead copy is left as it is, and named, and its mail can be fetched later.
 */
#include "controller/move_revert.h"

#include <stdio.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/journal.h"
#include "controller/move_private.h"
#include "controller/move_spool.h"
#include "controller/moves_copies.h"
#include "controller/plan.h"

#define LET_GO_MS 2000
#define ARRIVED_ROOM \
	(256ull << 20) /* mail of hours at most; more is refused by a full disk only */

void
move_turn(struct move *m)
{
	struct move_data *d = &m->data;
	struct row row = d->row;
	char name[WORLD_NAME], id[LIMIT_ID];

	snprintf(name, sizeof(name), "%s", m->source);
	snprintf(m->source, sizeof(m->source), "%s", m->target);
	snprintf(m->target, sizeof(m->target), "%s", name);
	snprintf(id, sizeof(id), "%s", d->source_id);
	snprintf(d->source_id, sizeof(d->source_id), "%s", d->target_id);
	snprintf(d->target_id, sizeof(d->target_id), "%s", id);
	d->row = d->left_row;
	d->left_row = row;
	d->reverted = !d->reverted;
	d->revert_tried = true;
	d->copy_fenced = false;
	/* Where it lives when it is back. */
	snprintf(d->home, sizeof(d->home), "%s", d->reverted ? m->target : "");
	/* Contacts of the way out have no lane any more; of the way back there are none. */
	d->contacts_begun = false;
	d->left_behind = d->left_behind && d->reverted;
	d->contacts_done = d->reverted;
	d->no_mailbox = !d->reverted && !d->row.present;
	d->left = d->withheld = d->listed = d->staged = d->applied = 0;
	d->token[0] = '\0';
	m->fence_rounds = 0;
}

/* --- the wish --- */

static bool
revert_is_late(const struct move *m, struct err *e)
{
	return err_set(e, ERR_REFUSED,
	    "move %s (%s): people work on %s already, so it goes on there; when it is "
	    "settled: "
	    "zmferry move %s --to %s",
	    m->id, m->account_name, m->target, m->account_name, m->source);
}

static bool
move_may_revert(const struct move *m, struct err *e)
{
	enum move_state at = m->state == MOVE_STUCK ? m->stuck_from : m->state;
	char way_on[LIMIT_ID + 24];

	if (m->state == MOVE_SETTLED && m->data.left_behind)
		return true;
	if ((move_states[m->state].holds & TURNS_BACK) != 0)
		return true;
	if (m->data.from_spool)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): %s was given up for dead, so there is no way back; "
		    "the way on is: zmferry %s",
		    m->id, m->account_name, m->source,
		    spool_way_on(m, way_on, sizeof(way_on)));
	if (m->data.reverted && m->state != MOVE_STUCK)
		return err_set(e, ERR_REFUSED, "move %s (%s): is back on %s already",
		    m->id, m->account_name, m->target);
	if (m->state == MOVE_STUCK && at != MOVE_OPENING)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): is stuck while %s; the way on is: zmferry job retry "
		    "j%u",
		    m->id, m->account_name, move_states[at].name, m->job_number);
	if ((move_states[at].holds & (FORWARD_ONLY | ARRIVED)) == 0)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): is %s, where %s still has the mailbox; to stop it: "
		    "zmferry "
		    "job cancel j%u",
		    m->id, m->account_name, move_states[m->state].name, m->source,
		    m->job_number);
	if ((move_states[at].holds & ARRIVED) != 0)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): is %s; a mailbox that has arrived is moved: zmferry "
		    "move %s "
		    "--to %s",
		    m->id, m->account_name, move_states[m->state].name, m->account_name,
		    m->source);
	if (at != MOVE_OPENING || m->data.restored || move_is_being_given_back(m))
		return revert_is_late(m, e);
	return true;
}

bool
revert_is_alone(struct moves *all, const struct move *m, struct err *e)
{
	const struct move *busy = moves_busy(all, m);
	const struct move *later = moves_arrived_last(all, m->account_id);

	if (busy != NULL)
		return err_set(e, ERR_REFUSED,
		    "move %s (%s): the mailbox is being moved just now (%s); when that "
		    "is "
		    "over, and it lives on %s: zmferry move revert %s",
		    m->id, m->account_name, busy->id, m->target, m->id);
	return later == NULL || strcasecmp(later->target, m->target) == 0 ||
	       err_set(e, ERR_REFUSED,
		   "move %s (%s): lives on %s by now (%s); what was left on %s can be "
		   "fetched "
		   "when it lives on %s: zmferry move %s --to %s, then this again",
		   m->id, m->account_name, later->target, later->id, m->source, m->target,
		   m->account_name, m->target);
}

/* On its way back already, and the copy does not give what arrived there. */
static bool
revert_may_do_without(const struct move *m, bool leave_mail)
{
	return leave_mail && !m->data.left_behind && !m->data.again &&
	       (m->state == MOVE_REVERT_FETCHING || m->state == MOVE_REVERT_FENCING);
}

/* Whose agent is away does not answer, and people wait. */
static void
revert_on_waiting(void *owner, uint32_t number, uint32_t step_no)
{
	struct moves *all = owner;
	struct move *m = moves_find(all, number);

	if (all->stopping || m == NULL || m->step_no != step_no || m->wish != EV_REVERT)
		return;
	all->world->let_go(all->world->ctx, m->source, m->id);
	all->world->let_go(all->world->ctx, m->target, m->id);
	all->world->after(
	    all->world->ctx, LET_GO_MS, revert_on_waiting, all, number, step_no);
}

bool
moves_revert(struct moves *all, uint32_t number, bool leave_mail, struct err *e)
{
	struct move *m = moves_find(all, number);
	struct move_data before;

	if (m == NULL)
		return err_set(e, ERR_REFUSED, "move m%u: there is no such move", number);
	if (m->wish == EV_REVERT && m->data.left_behind == leave_mail)
		return true;
	if (((move_states[m->state].holds & TURNS_BACK) != 0 &&
		!revert_may_do_without(m, leave_mail)))
		return true;
	if (!move_may_revert(m, e))
		return false;
	if (m->state == MOVE_SETTLED) {
		if (!revert_is_alone(all, m, e))
			return false;
		if (leave_mail)
			return err_set(e, ERR_REFUSED,
			    "move %s (%s): its mail was left on %s already; without "
			    "--leave-mail it is fetched",
			    m->id, m->account_name, m->source);
		return move_apply(all, m, EV_REVERT, "", e);
	}
	before = m->data;
	m->data.left_behind = leave_mail;
	/* Journaled if it has to wait: the controller may die meanwhile. */
	m->data.revert_wanted = move_must_wait(m);
	if ((m->data.revert_wanted && !journal_move_save(all->journal, m, NULL, e)) ||
	    !move_wish(all, m, EV_REVERT,
		leave_mail ? "taken back without what arrived since" : "taken back", e)) {
		m->data = before;
		return false;
	}
	alert_clear(all->host.alerts, m->id);
	revert_on_waiting(all, number, m->step_no);
	return true;
}

/* --- wanted --- */

bool
revert_copies(const struct move *m)
{
	return !m->data.left_behind || m->data.again;
}

bool
revert_leaves(const struct move *m)
{
	return !revert_copies(m);
}

bool
revert_is_first(const struct move *m)
{
	return !m->data.again;
}

bool
revert_is_again(const struct move *m)
{
	return m->data.again;
}

bool
revert_first_home(const struct move *m)
{
	return !m->data.again && m->home_is_source;
}

bool
revert_again_home(const struct move *m)
{
	return m->data.again && m->home_is_source;
}

bool
revert_was_tried(const struct move *m)
{
	return m->data.revert_tried && !m->data.no_mailbox;
}

bool
revert_gives_up(const struct move *m)
{
	return !m->data.again && !m->data.gone;
}

/* Undone: mail is to arrive at the copy again as while it was filled. */
bool
revert_lets_mail_in(const struct move *m)
{
	return revert_gives_up(m) && !m->data.restored;
}

/* Where it is fetched later that was done under its own lock. */
bool
revert_holds_mail(const struct move *m)
{
	return revert_copies(m) && !m->data.again;
}

bool
revert_has_content(const struct move *m)
{
	return !m->data.no_mailbox && !m->data.left_behind;
}

bool
revert_lifts_quota(const struct move *m)
{
	return revert_has_content(m) && !m->data.restored;
}

/* --- build --- */

bool
build_arrived_room(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	a->in.bytes = plan_room_needed(ARRIVED_ROOM);
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->target);
	return true;
}

bool
build_arrived(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	a->in.pass = m->data.from_spool ? STAGE_LEFT : STAGE_ARRIVED;
	a->in.last_item_id = m->data.last_item_id;
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->source);
	return true;
}

/* Content still goes in: the quota stays lifted. */
bool
build_revert_restore(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	(void)all;
	(void)e;
	a->in.keep_quota = revert_has_content(m);
	snprintf(a->in.host, sizeof(a->in.host), "%s", m->target);
	return true;
}

/* As the purge sends it forth; from a dead copy by the other itself, at once. */
bool
build_home_to_left(struct moves *all, struct move *m, struct ask *a, struct err *e)
{
	if (!build_home_forth(all, m, a, e))
		return false;
	if (!revert_copies(m)) {
		snprintf(a->in.host, sizeof(a->in.host), "%s", m->target);
		snprintf(a->in.pin_id, sizeof(a->in.pin_id), "%s", m->data.target_id);
	}
	return true;
}

/* --- take --- */

/* Whoever was let in meanwhile may have worked there: then it is too late. */
bool
take_revert_account(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;
	struct err why;

	(void)all;
	(void)e;
	if (!lives_at(account, m->source))
		err_set(&why, ERR_REFUSED,
		    "account %.200s: lives on %.200s and not on %.200s", m->account_name,
		    account->found ? account->mail_host : "no node", m->source);
	else if (strcmp(account->status, "active") == 0)
		err_set(&why, ERR_REFUSED,
		    "account %.200s: was given back on %.200s meanwhile; it goes on "
		    "there",
		    m->account_name, m->source);
	else {
		m->data.copy_fenced = false; /* it is read anew */
		return true;
	}
	return take_no(m, ev_out, &why);
}

/* What is known of the way out stays: it may be gone on with. */
bool
take_arrived(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_stage *s = &a->out.stage;

	(void)all;
	(void)ev_out;
	(void)e;
	snprintf(m->data.token, sizeof(m->data.token), "%s", s->token);
	m->data.listed = s->listed;
	m->data.staged = s->staged;
	m->data.row = s->row;
	if (m->data.from_spool) {
		take_lacking(m, s);
		m->data.contacts_begun = m->data.contacts_done = false;
	}
	return true;
}

/* Nothing but the very mailbox that was fenced; what got into it since is there, in view. */
bool
take_left_row(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct row *now = &a->out.preflight.row;
	const struct row *then = &m->data.left_row;
	struct err why;

	(void)all;
	(void)e;
	if (!then->present || (now->present && now->mailbox_id == then->mailbox_id))
		return true;
	err_set(&why, ERR_REFUSED,
	    "account %.200s: the mailbox that it left on %.200s is not there any more",
	    m->account_name, m->target);
	return take_no(m, ev_out, &why);
}

bool
take_revert_again(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;
	struct err why;

	(void)all;
	(void)e;
	m->data.again = true;
	/* The values of the move itself are given back long since. */
	if (m->data.restored)
		m->data.have_saved = false;
	if (lives_at(account, m->target))
		return true;
	err_set(&why, ERR_REFUSED, "account %.200s: lives on %.200s and not on %.200s",
	    m->account_name, account->found ? account->mail_host : "no node", m->target);
	return take_no(m, ev_out, &why);
}

/* Before anybody is locked out: is it there, and can it be read? */
bool
take_copy_node(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_preflight *p = &a->out.preflight;
	struct err why;

	(void)all;
	(void)e;
	if (p->healthy && p->row.present)
		return true;
	err_set(&why, ERR_RETRY, "node %.200s: %.300s", m->source,
	    p->healthy ? "has no copy of the mailbox any more" : p->why_unhealthy);
	return take_no(m, ev_out, &why);
}

bool
take_home_is_left(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	struct err why;

	(void)all;
	(void)e;
	/* Of one that people use it is given back wherever somebody else moved it to. */
	if (lives_at(&a->out.account, m->target) ||
	    (m->data.again && a->out.account.found &&
		!lives_at(&a->out.account, m->source))) {
		take_names(m, &a->out.account);
		m->data.switched_at_ms = moves_world(all)->wall_ms(moves_world(all)->ctx);
		return true;
	}
	err_set(&why, ERR_RETRY, "the home could not be set to %.200s", m->target);
	return take_no(m, ev_out, &why);
}

/* What is behind the fence is all there is of it, and it is in the spool. */
bool
take_arrived_fence(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	if (!take_fence(all, m, a, ev_out, e))
		return false;
	if (a->out.held) {
		m->data.left_behind = false;
		m->data.from_spool = false;
		m->data.copy_fenced = true;
	}
	return true;
}

/*
 * Where it was open meanwhile, or where the home is changed already, it goes back whatever
 * happened; then what was not fetched and fenced is left behind, and named.
 */
bool
take_revert_undo(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;

	(void)all;
	(void)e;
	m->data.gone = !account->found;
	if (m->data.gone) {
		snprintf(m->error, sizeof(m->error),
		    "account %.200s: was deleted meanwhile; its copies on %.100s and "
		    "%.100s are "
		    "orphans",
		    m->account_name, m->source, m->target);
		return true;
	}
	if (!m->data.again && !lives_at(account, m->target))
		return true;
	m->data.left_behind = m->data.left_behind || !m->data.copy_fenced;
	*ev_out = EV_AGAIN;
	return true;
}

/* Somebody else's change of home stays: it is set back only from where we set it. */
bool
take_revert_where(struct moves *all, struct move *m, const struct ask *a,
    enum move_event *ev_out, struct err *e)
{
	const struct ask_account *account = &a->out.account;
	struct err why;

	(void)all;
	(void)e;
	m->data.gone = !account->found;
	m->home_is_source = lives_at(account, m->source);
	if (account->found)
		return true;
	err_set(
	    &why, ERR_REFUSED, "account %.200s: was deleted meanwhile", m->account_name);
	return take_no(m, ev_out, &why);
}
