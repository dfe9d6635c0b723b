/* SPDX-License-Identifier: Apache-2.0 */
/* What may happen to a move, from nothing at all to two dead nodes. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "controller/moves_copies.h"
#include "controller/move_revert.h"
#include "controller/move_spool.h"

/* --- things that happen later --- */

static void
on_wish(struct sim *s, void *arg, uint32_t ev, uint32_t b)
{
	struct err e;

	(void)arg;
	(void)b;
	if (s->jobs == NULL || jobs_find(s->jobs, 1) == NULL)
		sim_at(s, 500, 0, on_wish, NULL, ev, 0, NULL);
	else
		(void)!jobs_change(
		    s->jobs, 1, (enum job_event)ev, &e); /* too late is fine */
}

void
sim_wish(struct sim *s, uint64_t delay_ms, enum job_event ev)
{
	sim_at(s, delay_ms, 0, on_wish, NULL, (uint32_t)ev, 0, NULL);
}

static void
on_node_back(struct sim *s, void *arg, uint32_t node, uint32_t b)
{
	(void)arg;
	(void)b;
	sim_restart_node(s, (int)node);
}

static void
on_link_back(struct sim *s, void *arg, uint32_t node, uint32_t b)
{
	(void)arg;
	(void)b;
	s->link_cut[node] = false;
	sim_leases_tick(s);
}

/* Is this the ask that the scenario waits for, for the first time? */
static bool
first(struct sim *s, const struct ask *a, enum move_state now, enum ask_kind kind,
    enum move_state state)
{
	if (s->hook_count > 0 || a->kind != kind || now != state)
		return false;
	s->hook_count++;
	return true;
}

static void
an_account(struct sim *s)
{
	sim_add_account(s, "anna", 0, 20);
}

/* --- nothing special --- */

static void
setup_plain(struct sim *s)
{
	an_account(s);
	sim_add_account(s, "bert", 0, 0);
}

static void
setup_busy(struct sim *s)
{
	sim_add_account(s, "anna", 0, 30);
	sim_add_account(s, "bert", 0, 3);
	s->mail_every_ms = 150;
	s->act_every_ms = 70;
}

static void
setup_missing_blobs(struct sim *s)
{
	int anna = sim_add_account(s, "anna", 0, 20);

	s->accounts[anna].missing_blobs = 2;
	s->accounts[anna].watched = false;
}

/* --- before the fence --- */

static void
hook_before_fence(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, ASK_FENCE, MOVE_FENCING))
		sim_sneak_mail(s, 0, 0);
}

static void
setup_before_fence(struct sim *s)
{
	an_account(s);
	s->on_ask = hook_before_fence;
}

static void
hook_first_mail(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, ASK_FREEZE_READ, MOVE_LOCKING))
		sim_sneak_mail(s, 0, 0);
}

static void
setup_first_mail(struct sim *s)
{
	sim_add_account(s, "new", 0, 0);
	s->on_ask = hook_first_mail;
}

/* --- no contacts --- */

static void
hook_no_contacts(struct sim *s, const struct ask *a, enum move_state state)
{
	const struct sim_box *box = &s->nodes[0].box[0];

	(void)state;
	for (size_t i = 0; i < box->count; i++) {
		if (box->items[i].serial % 5 == 0)
			return;
	}
	if (a->kind == ASK_IMPORT && a->in.contacts_only)
		sim_fail(s, "%s: asked for contacts, and there are none", a->move_id);
}

static void
setup_no_contacts(struct sim *s)
{
	s->next_serial = 10; /* every fifth is a contact */
	sim_add_account(s, "few", 0, 3);
	s->on_ask = hook_no_contacts;
	s->mail_every_ms = s->act_every_ms = 0;
}

/* --- administrators --- */

static void
hook_admin(struct sim *s, const struct ask *a, enum move_state state)
{
	struct sim_account *x = &s->accounts[0];

	if (!first(s, a, state, ASK_STAGE, MOVE_CATCHING_UP))
		return;
	snprintf(x->now.quota, sizeof(x->now.quota), "7000000000");
	snprintf(x->before.quota, sizeof(x->before.quota), "7000000000");
	x->now.source_exists[2] = x->before.source_exists[2] = false;
	x->now.source_on[1] = x->before.source_on[1] = true;
	sim_cache_load(s, 0, 0);
}

static void
setup_admin(struct sim *s)
{
	an_account(s);
	s->on_ask = hook_admin;
	s->accounts[0].watched = false; /* with that quota mail gets in behind the lock */
	s->mail_every_ms = 400;
}

static void
hook_close(struct sim *s, const struct ask *a, enum move_state state)
{
	struct sim_account *x = &s->accounts[0];

	if (!first(s, a, state, ASK_IMPORT, MOVE_OPENING))
		return;
	snprintf(x->now.status, sizeof(x->now.status), "closed");
	snprintf(x->before.status, sizeof(x->before.status), "closed");
	sim_cache_load(s, x->host, 0);
}

static void
setup_close(struct sim *s)
{
	an_account(s);
	s->accounts[0].watched = false;
	s->on_ask = hook_close;
}

static void
hook_rename(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, ASK_STAGE, MOVE_STAGING))
		snprintf(s->accounts[0].name, sizeof(s->accounts[0].name),
		    "anna.maria@example.org");
}

static void
setup_rename(struct sim *s)
{
	an_account(s);
	s->on_ask = hook_rename;
}

static const struct {
	enum ask_kind kind;
	enum move_state state;
} moments[] = {
    {ASK_STAGE, MOVE_STAGING},
    {ASK_LOCK, MOVE_LOCKING},
    {ASK_SET_HOME, MOVE_SWITCHING},
    {ASK_IMPORT, MOVE_OPENING},
};

static void
hook_delete(struct sim *s, const struct ask *a, enum move_state state)
{
	struct sim_account *x = &s->accounts[0];

	if (!first(s, a, state, moments[s->hook_data].kind, moments[s->hook_data].state))
		return;
	x->exists = false;
	for (int n = 0; n < SIM_NODES; n++)
		s->nodes[n].cache[0].known = false;
}

static void
setup_delete(struct sim *s, int moment)
{
	an_account(s);
	s->accounts[0].watched = false;
	s->on_ask = hook_delete;
	s->hook_data = moment;
}

static void
setup_delete_staging(struct sim *s)
{
	setup_delete(s, 0);
}

static void
setup_delete_locking(struct sim *s)
{
	setup_delete(s, 1);
}

static void
setup_delete_switching(struct sim *s)
{
	setup_delete(s, 2);
}

static void
setup_delete_opening(struct sim *s)
{
	setup_delete(s, 3);
}

/* --- cancelled --- */

static void
hook_cancel(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, a->kind, (enum move_state)s->hook_data))
		sim_wish(s, 1, JOB_EV_CANCEL);
}

static void
setup_cancel(struct sim *s, enum move_state state)
{
	setup_plain(s);
	s->on_ask = hook_cancel;
	s->hook_data = (int)state;
}

static void
setup_cancel_staging(struct sim *s)
{
	setup_cancel(s, MOVE_STAGING);
}

static void
setup_cancel_locking(struct sim *s)
{
	setup_cancel(s, MOVE_LOCKING);
}

static void
setup_cancel_fencing(struct sim *s)
{
	setup_cancel(s, MOVE_FENCING);
}

static void
setup_cancel_opening(struct sim *s)
{
	an_account(s);
	s->on_ask = hook_cancel;
	s->hook_data = MOVE_OPENING;
}

/* --- dead things --- */

static void
setup_unprepared(struct sim *s)
{
	an_account(s);
	s->refuse[ASK_SESSIONS] = 1; /* behind the steering: the target's row is made */
	s->refuse[ASK_DROP_ROW] = 1;
}

static void
setup_row_stays(struct sim *s)
{
	setup_unprepared(s);
	s->refuse[ASK_DROP_ROW] = 4;
}

static void
hook_target_dies(struct sim *s, const struct ask *a, enum move_state state)
{
	if (!first(s, a, state, s->hook_data == 0 ? ASK_STEER : ASK_IMPORT,
		s->hook_data == 0 ? MOVE_STEERING : MOVE_OPENING))
		return;
	int node = sim_node_find(s, a->in.target);

	sim_crash_node(s, node);
	sim_at(s, 3 * MINUTE_MS, 0, on_node_back, NULL, (uint32_t)node, 0, NULL);
}

static void
setup_target_dies(struct sim *s)
{
	an_account(s);
	s->accounts[0].watched = false;
	s->on_ask = hook_target_dies;
	s->hook_data = 1;
}

static void
setup_target_dies_early(struct sim *s)
{
	setup_target_dies(s);
	s->hook_data = 0;
}

static void
hook_source_dies(struct sim *s, const struct ask *a, enum move_state state)
{
	if (!first(s, a, state, ASK_LEASE, MOVE_SWITCHING))
		return;
	sim_crash_node(s, 0);
	sim_at(s, 5 * MINUTE_MS, 0, on_node_back, NULL, 0, 0, NULL);
}

static void
setup_source_dies(struct sim *s)
{
	an_account(s);
	s->accounts[0].watched = false;
	s->on_ask = hook_source_dies;
}

static void
hook_link_cut(struct sim *s, const struct ask *a, enum move_state state)
{
	if (!first(s, a, state, s->hook_data == 0 ? ASK_STAGE : ASK_FENCE,
		s->hook_data == 0 ? MOVE_CATCHING_UP : MOVE_FENCING))
		return;
	s->link_cut[0] = true;
	sim_at(s, 100000, 0, on_link_back, NULL, 0, 0, NULL);
}

static void
setup_link_cut(struct sim *s)
{
	an_account(s);
	s->on_ask = hook_link_cut;
	s->mail_every_ms = 300;
}

static void
setup_link_cut_fencing(struct sim *s)
{
	setup_link_cut(s);
	s->hook_data = 1;
}

/* Mail is on its way into the source when its mailboxd starts again behind the fence. */
static void
hook_fence_lost(struct sim *s, const struct ask *a, enum move_state state)
{
	if (!first(s, a, state, ASK_SET_HOME, MOVE_SWITCHING))
		return;
	sim_crash_node(s, 0);
	sim_restart_node(s, 0);
	sim_sneak_mail(s, 0, 0);
}

static void
setup_fence_lost(struct sim *s)
{
	an_account(s);
	s->accounts[0].watched = false;
	s->on_ask = hook_fence_lost;
}

/* The switch seemed to fail, and is done after all while the account is given back. */
static void
hook_late_switch(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, ASK_UNFENCE, MOVE_UNLOCKING))
		sim_set_home(s, 0, 0, sim_node_find(s, a->in.target));
}

static void
setup_late_switch(struct sim *s)
{
	an_account(s);
	s->refuse[ASK_SET_HOME] = 1;
	s->on_ask = hook_late_switch;
}

static void
hook_new_account(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, ASK_VERIFY, MOVE_VERIFYING))
		sim_add_account(s, "newcomer", 0, 5);
}

static void
setup_new_account(struct sim *s)
{
	an_account(s);
	s->on_ask = hook_new_account;
}

/* --- the old copy --- */

/*
 * A person's wish, as soon as it can be fulfilled; given up when it cannot any more. Comes
 * again until then: the controller may die over it.
 */
static void
on_purge(struct sim *s, void *arg, uint32_t restart, uint32_t b)
{
	const struct move *m = s->jobs == NULL ? NULL : sim_move_of(s, 0);
	const struct job *job = s->jobs == NULL ? NULL : jobs_find(s->jobs, 1);
	bool settled = m != NULL && m->state == MOVE_SETTLED;
	struct err e;

	(void)arg;
	(void)b;
	if ((settled && m->error[0] != '\0') ||
	    (m != NULL && !settled && job != NULL &&
		((move_states[m->state].holds & ARRIVED) != 0 ||
		    job_states[job->state].is_end))) {
		s->wishes--;
		return;
	}
	sim_at(s, 500, 0, on_purge, NULL, settled ? 0 : restart, 0, NULL);
	if (!settled)
		return;
	if (restart > 0) {
		sim_crash_node(s, 0);
		sim_restart_node(s, 0);
	}
	(void)!moves_purge(
	    jobs_moves(s->jobs), m->number, false, &e); /* too early is fine */
}

static void
wish_purge(struct sim *s, bool restart)
{
	s->wishes++;
	sim_at(s, 1000, 0, on_purge, NULL, restart, 0, NULL);
}

static void
setup_purge(struct sim *s)
{
	an_account(s);
	wish_purge(s, false);
}

static void
setup_purge_detour(struct sim *s)
{
	an_account(s);
	s->mail_every_ms = 3000;
	s->act_every_ms = 1100;
	wish_purge(s, true);
}

/* The home dies while the old copy is being loaded, and comes back. */
static void
hook_home_dies(struct sim *s, const struct ask *a, enum move_state state)
{
	int home;

	if (!first(s, a, state, ASK_LOCKOUT, MOVE_PURGE_LOADING))
		return;
	home = sim_node_find(s, a->in.target);
	sim_crash_node(s, home);
	sim_at(s, 40000, 0, on_node_back, NULL, (uint32_t)home, 0, NULL);
}

static void
setup_purge_home_dies(struct sim *s)
{
	an_account(s);
	s->accounts[0].watched = false;
	s->on_ask = hook_home_dies;
	wish_purge(s, true);
}

/* The home changes late, when it seemed that it could not be changed. */
static void
hook_late_home(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, ASK_READ_ACCOUNT, MOVE_PURGE_OPENING))
		sim_set_home(s, 1, 0, 0);
}

static void
setup_purge_late_home(struct sim *s)
{
	an_account(s);
	s->accounts[0].watched = false;
	s->on_ask = hook_late_home;
	wish_purge(s, true);
}

/* --- what was withheld --- */

/* A person's wish, again until it is fulfilled or there is nothing to wish for. */
static void
on_release(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	const struct move *m = s->jobs == NULL ? NULL : sim_move_of(s, 0);
	const struct job *job = s->jobs == NULL ? NULL : jobs_find(s->jobs, 1);
	uint64_t count;
	struct err e;

	(void)arg;
	(void)a;
	(void)b;
	if (m != NULL && job != NULL && job_states[job->state].is_end &&
	    (m->state == MOVE_ABANDONED || m->state == MOVE_STUCK ||
		(m->state == MOVE_SETTLED && m->data.withheld == 0))) {
		s->wishes--;
		return;
	}
	sim_at(s, 500, 0, on_release, NULL, 0, 0, NULL);
	if (m != NULL && m->state == MOVE_SETTLED)
		(void)!moves_release(jobs_moves(s->jobs), m->number, &count, &e);
}

static void
setup_release(struct sim *s)
{
	an_account(s);
	s->accounts[0].empties = true;
	s->mail_every_ms = 400;
	s->wishes++;
	sim_at(s, 1000, 0, on_release, NULL, 0, 0, NULL);
}

/* --- taken back after the switch --- */

/* A person's wish, as soon as it can be fulfilled; again until nothing is left of it to do. */
static void
on_revert(struct sim *s, void *arg, uint32_t leave_mail, uint32_t b)
{
	const struct move *m = s->jobs == NULL ? NULL : sim_move_of(s, 0);
	const struct job *job = s->jobs == NULL ? NULL : jobs_find(s->jobs, 1);
	struct err e;

	(void)arg;
	(void)b;
	if (m != NULL && job != NULL && job_states[job->state].is_end &&
	    (m->state == MOVE_ABANDONED ||
		(m->state == MOVE_STUCK && m->stuck_from != MOVE_OPENING) ||
		(m->state == MOVE_SETTLED && !m->data.left_behind))) {
		s->wishes--; /* stuck elsewhere: a retry's affair */
		return;
	}
	sim_at(s, 500, 0, on_revert, NULL, leave_mail, 0, NULL);
	if (m == NULL)
		return;
	if (m->state == MOVE_SETTLED)
		(void)!moves_revert(jobs_moves(s->jobs), m->number, false, &e);
	else if (m->state == MOVE_STUCK || (m->state == MOVE_OPENING && s->hook_data > 0))
		(void)!moves_revert(jobs_moves(s->jobs), m->number, leave_mail != 0, &e);
}

static void
setup_revert(struct sim *s, bool leave_mail)
{
	an_account(s);
	s->mail_every_ms = 300;
	s->act_every_ms = 170;
	s->wishes++;
	sim_at(s, 500, 0, on_revert, NULL, leave_mail, 0, NULL);
}

static void
setup_revert_empty(struct sim *s)
{
	setup_revert(s, false);
	s->refuse[ASK_IMPORT] = 1;
}

static void
setup_revert_full(struct sim *s)
{
	setup_revert(s, false);
	s->earlier_agents = true;
	s->refuse[ASK_MEND] = 1;
}

/* Without waiting until it is stuck. */
static void
setup_revert_running(struct sim *s)
{
	setup_revert(s, false);
	s->hook_data = 1;
	s->slow_ms[ASK_IMPORT] = 4000;
}

static void
hook_mail_while_fetched(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, ASK_FENCE, MOVE_REVERT_FENCING))
		sim_sneak_mail(s, sim_node_find(s, a->in.source), 0);
}

static void
setup_revert_late_mail(struct sim *s)
{
	setup_revert_full(s);
	s->on_ask = hook_mail_while_fetched;
}

/* The copy cannot be fenced: it is stuck as before, and a second wish succeeds. */
static void
hook_fence_refused(struct sim *s, const struct ask *a, enum move_state state)
{
	if (first(s, a, state, ASK_STAGE, MOVE_REVERT_FETCHING))
		s->refuse[ASK_FENCE] = 1;
}

static void
setup_revert_refused(struct sim *s)
{
	setup_revert_full(s);
	s->on_ask = hook_fence_refused;
}

/* The target dies with mail in it that nobody has seen, and comes back in an hour. */
static void
hook_copy_dies(struct sim *s, const struct ask *a, enum move_state state)
{
	int node;

	if (!first(s, a, state, ASK_MEND, MOVE_OPENING))
		return;
	node = sim_node_find(s, a->in.target);
	sim_sneak_mail(s, node, 0);
	sim_crash_node(s, node);
	sim_at(s, HOUR_MS, 0, on_node_back, NULL, (uint32_t)node, 0, NULL);
}

static void
setup_revert_dead(struct sim *s)
{
	setup_revert(s, true);
	s->earlier_agents = true;
	s->accounts[0].watched = false;
	s->on_ask = hook_copy_dies;
	s->hook_data = 1;
}

/* The target lives, is left all the same, and keeps what it remembers of the account. */
static void
hook_copy_is_deaf(struct sim *s, const struct ask *a, enum move_state state)
{
	if (a->kind == ASK_FLUSH && strcmp(a->in.host, a->in.source) == 0 &&
	    first(s, a, state, ASK_FLUSH, MOVE_REVERT_SWITCHING))
		s->refuse[ASK_FLUSH] = 1;
}

static void
setup_revert_deaf(struct sim *s)
{
	setup_revert(s, true);
	s->hook_data = 1;
	s->slow_ms[ASK_IMPORT] = 4000;
	s->on_ask = hook_copy_is_deaf;
}

/* --- the source is dead --- */

/* A person's wish, again until there is nothing left of it to do. */
static void
on_from_spool(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	const struct move *m = s->jobs == NULL ? NULL : sim_move_of(s, 0);
	const struct job *job = s->jobs == NULL ? NULL : jobs_find(s->jobs, 1);
	struct err e;

	(void)arg;
	(void)a;
	(void)b;
	if (m != NULL && job != NULL && job_states[job->state].is_end &&
	    ((m->state == MOVE_SETTLED && !m->data.from_spool) || s->hook_count == 0 ||
		(m->state == MOVE_ABANDONED && m->data.in_step_ms == 0) ||
		(m->state == MOVE_STUCK && m->stuck_from != MOVE_UNLOCKING))) {
		s->wishes--;
		return;
	}
	sim_at(s, 500, 0, on_from_spool, NULL, 0, 0, NULL);
	if (m == NULL || s->hook_count == 0)
		return;
	if (m->state != MOVE_SETTLED)
		(void)!moves_from_spool(jobs_moves(s->jobs), m->number, &e);
	else if (s->nodes[0].mailboxd)
		(void)!moves_fetch(jobs_moves(s->jobs), m->number, &e);
}

static void
hook_dies_in_step(struct sim *s, const struct ask *a, enum move_state state)
{
	(void)state;
	if (s->hook_count > 0 || a->kind != ASK_STAGE ||
	    a->in.pass != (s->hook_data == 0 ? STAGE_DELTA : STAGE_FINAL))
		return;
	s->hook_count++;
	sim_sneak_mail(s, 0, 0);
	sim_crash_node(s, 0);
	sim_at(s, 12 * HOUR_MS, 0, on_node_back, NULL, 0, 0, NULL);
}

static void
setup_from_spool(struct sim *s)
{
	an_account(s);
	s->accounts[0].watched = false;
	s->on_done = hook_dies_in_step;
	s->wishes++;
	sim_at(s, 500, 0, on_from_spool, NULL, 0, 0, NULL);
}

static void
setup_from_spool_locked(struct sim *s)
{
	setup_from_spool(s);
	s->hook_data = 1;
}

/* Everybody comes back to the node that was emptied. */
static void
on_home(struct sim *s, void *arg, uint32_t restart, uint32_t b)
{
	const struct job *job = s->jobs == NULL ? NULL : jobs_find(s->jobs, 1);

	(void)arg;
	(void)b;
	if (job != NULL && job_states[job->state].is_end) {
		if (restart > 0) {
			sim_crash_node(s, 0);
			sim_restart_node(s, 0);
		}
		(void)sim_evacuate_to(s, s->accounts[0].host, s->nodes[0].name);
		s->wishes--;
		return;
	}
	sim_at(s, 500, 0, on_home, NULL, restart, 0, NULL);
}

static void
setup_home(struct sim *s, bool restart)
{
	an_account(s);
	s->mail_every_ms = 400;
	s->act_every_ms = 170;
	s->wishes++;
	sim_at(s, 1000, 0, on_home, NULL, restart, 0, NULL);
}

static void
setup_comes_home(struct sim *s)
{
	setup_home(s, false);
}

static void
setup_comes_home_after_restart(struct sim *s)
{
	setup_home(s, true);
}

/* clang-format off */
const struct sim_scenario sim_scenarios[] = {
	{ "a plain move, and one of an account that never logged in", setup_plain,             MOVE_SETTLED,   JOB_DONE },
	{ "mail arrives and people work",                             setup_busy,              MOVE_SETTLED,   JOB_DONE },
	{ "items that cannot be exported",                            setup_missing_blobs,     MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
	{ "mail gets in before the fence",                            setup_before_fence,      MOVE_SETTLED,   JOB_DONE },
	{ "the first mail ever comes while the account is locked",    setup_first_mail,        MOVE_SETTLED,   JOB_DONE },
	{ "an administrator changes values meanwhile",                setup_admin,             MOVE_SETTLED,   JOB_DONE },
	{ "an administrator closes the account meanwhile",            setup_close,             MOVE_SETTLED,   JOB_DONE },
	{ "renamed while it is staged",                               setup_rename,            MOVE_SETTLED,   JOB_DONE },
	{ "deleted while it is staged",                               setup_delete_staging,    MOVE_ABANDONED, JOB_DONE },
	{ "deleted while it is locked",                               setup_delete_locking,    MOVE_ABANDONED, JOB_DONE },
	{ "deleted at the switch",                                    setup_delete_switching,  MOVE_ABANDONED, JOB_DONE },
	{ "deleted while it is opened",                               setup_delete_opening,    MOVE_STUCK,     JOB_DONE_WITH_FAILURES },
	{ "cancelled while it is staged",                             setup_cancel_staging,    MOVE_ABANDONED, JOB_CANCELLED },
	{ "cancelled while it is locked",                             setup_cancel_locking,    MOVE_ABANDONED, JOB_CANCELLED },
	{ "cancelled at the fence",                                   setup_cancel_fencing,    MOVE_ABANDONED, JOB_CANCELLED },
	{ "cancelled too late",                                       setup_cancel_opening,    MOVE_SETTLED,   JOB_CANCELLED },
	{ "the target cannot be prepared, and its row not deleted",     setup_unprepared,     MOVE_SETTLED,   JOB_DONE },
	{ "the empty copy of an attempt before cannot be deleted",    setup_row_stays,         MOVE_SETTLED,   JOB_DONE },
	{ "the target dies after the switch",                         setup_target_dies_early, MOVE_SETTLED,   JOB_DONE },
	{ "the target dies while it is filled",                       setup_target_dies,       MOVE_SETTLED,   JOB_DONE },
	{ "the source dies behind the fence",                         setup_source_dies,       MOVE_SETTLED,   JOB_DONE },
	{ "the source's agent is cut off under the lock",             setup_link_cut,          MOVE_SETTLED,   JOB_DONE },
	{ "the source's agent is cut off at the fence",               setup_link_cut_fencing,  MOVE_SETTLED,   JOB_DONE },
	{ "the source starts again behind the fence",                 setup_fence_lost,        MOVE_SETTLED,   JOB_DONE },
	{ "the switch takes effect late",                             setup_late_switch,       MOVE_SETTLED,   JOB_DONE },
	{ "an account is made on the node meanwhile",                 setup_new_account,       MOVE_SETTLED,   JOB_DONE },
	{ "the old copy is deleted",                                  setup_purge,             MOVE_DONE,      JOB_DONE },
	{ "the old copy has to be loaded before it is deleted",       setup_purge_detour,      MOVE_DONE,      JOB_DONE },
	{ "the home dies while the old copy is loaded",               setup_purge_home_dies,   MOVE_DONE,      JOB_DONE },
	{ "the home changes late while the old copy is deleted",      setup_purge_late_home,   MOVE_DONE,      JOB_DONE },
	{ "what was withheld is released",                            setup_release,           MOVE_SETTLED,   JOB_DONE },
	{ "taken back from a target that takes nothing",              setup_revert_empty,      MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
	{ "taken back from a target that was filled almost",          setup_revert_full,       MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
	{ "taken back while it is filled",                            setup_revert_running,    MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
	{ "mail gets in while it is taken back",                      setup_revert_late_mail,  MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
	{ "it cannot be taken back at first",                         setup_revert_refused,    MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
	{ "taken back from a dead target, and its mail fetched later", setup_revert_dead,      MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
	{ "its node dies, and it lives on from the spool",            setup_from_spool,        MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
	{ "its node dies under the lock, and it lives on from the spool", setup_from_spool_locked, MOVE_SETTLED, JOB_DONE_WITH_FAILURES },
	{ "a mailbox comes home over its old copy",                   setup_comes_home,        MOVE_SETTLED,   JOB_DONE },
	{ "a mailbox comes home to a node that was started again",    setup_comes_home_after_restart, MOVE_SETTLED, JOB_DONE },
	{ "a mailbox without contacts needs no lane for them",        setup_no_contacts,       MOVE_SETTLED,   JOB_DONE },
	{ "taken back, and left, from a target that cannot be told",  setup_revert_deaf,       MOVE_SETTLED,   JOB_DONE_WITH_FAILURES },
};
/* clang-format on */
const size_t sim_scenario_count = ARRAY_LEN(sim_scenarios);

struct sim *
sim_scenario_new(const struct sim_scenario *x, uint64_t seed)
{
	struct sim *s = sim_new(seed);

	/* Every second one with a target that is filled before the lock. */
	s->seeding = ((size_t)(x - sim_scenarios) + seed / 100) % 2 == 1;
	x->setup(s);
	return s;
}

void
sim_scenario_begin(struct sim *s)
{
	sim_begin_life(s);
	sim_start(s);
	sim_evacuate(s, 0);
}
