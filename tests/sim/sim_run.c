/* SPDX-License-Identifier: Apache-2.0 */
/* A run: accounts are made, a controller starts, dies, starts again; what is left is looked at. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/alert/alert.h"
#include "controller/journal_private.h"
#include "controller/move_checks.h"
#include "controller/move_revert.h"
#include "controller/move_spool.h"
#include "controller/moves_copies.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "tests/sim/sim.h"
#include "tests/unit/check.h"

#define POKE_MS 2000
#define LAZY_POKE_MS 20000 /* of a run that has become long */
#define MAIL_MAY_WAIT_MS (10 * MINUTE_MS)

/* --- logs --- */

static int kept_stderr = -1;
static int silent_fd = -1;

/* A BUG says why on the stderr that is silent here: its last words are shown. */
static void
on_abort(int number)
{
	char words[600];
	off_t end = lseek(silent_fd, 0, SEEK_END);
	ssize_t len;

	lseek(silent_fd, end > 500 ? end - 500 : 0, SEEK_SET);
	len = read(silent_fd, words, sizeof(words));
	(void)number;
	if (len > 0)
		(void)!write(STDOUT_FILENO, words, (size_t)len);
}

/*
 * The controller's errors are wanted here; they would drown what the tests say. So while
 * a run goes on stderr is silent; SIM_LOG=1 shows it. Calls may be nested.
 */
static void
quiet(bool begins)
{
	static int depth;

	if (getenv("SIM_LOG") != NULL) {
		log_set_level(LOG_DEBUG);
		return;
	}
	log_set_level(LOG_ERROR);
	if (silent_fd < 0) {
		FILE *f = tmpfile();

		silent_fd = f == NULL ? open("/dev/null", O_RDWR | O_CLOEXEC) : fileno(f);
		signal(SIGABRT, on_abort);
	}
	depth += begins ? 1 : -1;
	if (depth == 1 && kept_stderr < 0) {
		kept_stderr = dup(STDERR_FILENO);
		(void)!ftruncate(silent_fd, 0);
		dup2(silent_fd, STDERR_FILENO);
	} else if (depth == 0 && kept_stderr >= 0) {
		dup2(kept_stderr, STDERR_FILENO);
		close(kept_stderr);
		kept_stderr = -1;
	}
}

/* --- the world's furniture --- */

struct sim *
sim_new(uint64_t seed)
{
	struct sim *s = XNEW(struct sim);
	struct err e;

	s->random = seed * 2654435761u + 88172645463325252u;
	s->wall_base_ms = 1700000000000;
	s->limits = (struct jobs_limits){.moves_per_source = 4,
	    .moves_per_target = 4,
	    .moves = {.hot_ms = 3000, .early_ms = 1}};
	s->restart_after_ms = 1000;
	for (int n = 0; n < SIM_NODES; n++) {
		snprintf(s->nodes[n].name, sizeof(s->nodes[n].name), "mbs%d.example.org",
		    n + 1);
		snprintf(s->nodes[n].server_id, sizeof(s->nodes[n].server_id),
		    "server-%d", n + 1);
		s->nodes[n].mailboxd = s->nodes[n].agent = true;
	}
	if (!journal_open(":memory:", false, &s->journal, &e))
		BUG("%s", e.text);
	sim_world_init(s);
	return s;
}

void
sim_free(struct sim **sp)
{
	struct sim *s = *sp;

	if (s == NULL)
		return;
	sim_clear(s);
	jobs_free(&s->jobs);
	alerts_free(&s->alerts);
	sqlite3_finalize(s->journaled_state);
	journal_close(&s->journal);
	for (int n = 0; n < SIM_NODES; n++) {
		for (size_t i = 0; i < SIM_REMEMBERED; i++)
			ask_free(&s->nodes[n].remembered[i].answer);
	}
	free(s);
	*sp = NULL;
}

int
sim_add_account(struct sim *s, const char *name, int node, size_t items)
{
	int number = s->account_count++;
	struct sim_account *a = &s->accounts[number];

	a->exists = true;
	a->watched = true;
	a->host = a->mta_host = node;
	snprintf(a->id, sizeof(a->id), "00000000-0000-4000-8000-%012d", number + 1);
	snprintf(a->name, sizeof(a->name), "%s@example.org", name);
	snprintf(a->now.status, sizeof(a->now.status), "active");
	snprintf(a->now.mail_status, sizeof(a->now.mail_status), "enabled");
	snprintf(a->now.quota, sizeof(a->now.quota), "%s",
	    number % 2 == 0 ? "5000000000" : "");
	snprintf(
	    a->now.receive, sizeof(a->now.receive), "%s", number % 3 == 0 ? "TRUE" : "");
	a->now.source_exists[0] = a->now.source_on[0] = number % 2 == 0;
	a->now.source_exists[1] = true;
	a->now.source_exists[2] = a->now.source_on[2] = true;
	a->before = a->now;
	a->bytes = items * 1000;
	sim_cache_load(s, node, number);
	if (sim_random(s, 2) == 0) /* others may have heard of the account too */
		sim_cache_load(s, (node + 1) % SIM_NODES, number);
	for (size_t i = 0; i < items; i++)
		sim_sneak_mail(s, node, number);
	return number;
}

void
sim_crash_node(struct sim *s, int node)
{
	struct sim_node *n = &s->nodes[node];

	n->mailboxd = n->agent = false;
	n->boots++;
	for (int a = 0; a < SIM_ACCOUNTS; a++) {
		n->box[a].lockout = n->box[a].loaded = false;
		n->cache[a].known = false;
	}
}

void
sim_restart_node(struct sim *s, int node)
{
	s->nodes[node].mailboxd = s->nodes[node].agent = true;
	sim_leases_tick(s);
}

/* --- plans --- */

struct survey_request {
	char node[WORLD_NAME];
	char to[1024];
	void (*done)(void *owner, uint32_t job_number, const struct plan *plan,
	    const struct err *e);
	void *owner;
	uint32_t number;
};

static void
plan_account(struct sim *s, struct plan *p, int number, const char *node)
{
	const struct sim_account *x = &s->accounts[number];
	struct plan_account *a = plan_add_account(p);
	struct ask *ask = ask_new(ASK_READ_ACCOUNT);
	struct move m = {.account_name = "", .source = ""};
	struct err e;

	snprintf(a->id, sizeof(a->id), "%s", x->id);
	snprintf(a->name, sizeof(a->name), "%s", x->name);
	snprintf(a->source, sizeof(a->source), "%s", node);
	a->has_mailbox = s->nodes[x->host].box[number].present;
	a->bytes = x->bytes;
	snprintf(m.account_id, sizeof(m.account_id), "%s", x->id);
	snprintf(m.account_name, sizeof(m.account_name), "%s", x->name);
	snprintf(m.source, sizeof(m.source), "%s", node);
	snprintf(ask->account_id, sizeof(ask->account_id), "%s", x->id);
	snprintf(ask->in.source, sizeof(ask->in.source), "%s", node);
	snprintf(ask->in.target, sizeof(ask->in.target), "%s", node);
	if (!sim_perform(s, ask) ||
	    !check_account(&m, &ask->out.account, "own-admin", &e))
		snprintf(a->refused, sizeof(a->refused), "%s", e.text);
	ask_free(&ask);
}

static struct plan *
make_plan(struct sim *s, const char *node, const char *to, struct err *e)
{
	struct plan *p = plan_new(PLAN_EVACUATE, node);

	if (s->cutover != NULL)
		snprintf(p->cutover, sizeof(p->cutover), "%s", s->cutover);
	for (int n = 0; n < SIM_NODES; n++) {
		struct plan_node *row = plan_add_node(p);

		snprintf(row->name, sizeof(row->name), "%s", s->nodes[n].name);
		row->has_agent = s->nodes[n].agent && !s->link_cut[n];
		row->healthy = s->nodes[n].mailboxd;
		row->room_bytes = (uint64_t)1 << 40;
		snprintf(row->why_not, sizeof(row->why_not), "it is dead");
	}
	for (int a = 0; a < s->account_count; a++) {
		if (s->accounts[a].exists &&
		    strcmp(s->nodes[s->accounts[a].host].name, node) == 0)
			plan_account(s, p, a, node);
	}
	if (!plan_choose_targets(p, to, e) || (p->account_count > 0 && !plan_make(p, e)))
		plan_free(&p);
	return p;
}

static void
survey_answer(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	struct survey_request rq = *(struct survey_request *)arg;
	struct err e;

	(void)a;
	(void)b;
	free(arg);
	s->surveying = make_plan(s, rq.node, rq.to, &e);
	rq.done(rq.owner, rq.number, s->surveying, &e);
	plan_free(&s->surveying);
}

static void
survey_drop(struct sim *s, void *arg)
{
	(void)s;
	free(arg);
}

static void
on_survey(void *ctx, const struct plan_request *wanted,
    void (*done)(
	void *owner, uint32_t job_number, const struct plan *plan, const struct err *e),
    void *owner, uint32_t job_number)
{
	struct sim *s = ctx;
	struct survey_request *rq = XNEW(struct survey_request);

	snprintf(rq->node, sizeof(rq->node), "%s", wanted->node);
	snprintf(rq->to, sizeof(rq->to), "%s", wanted->to);
	rq->done = done;
	rq->owner = owner;
	rq->number = job_number;
	sim_at(s, 50, s->life, survey_answer, rq, 0, 0, survey_drop);
}

static void
on_begun(void *ctx, const struct job *job)
{
	struct sim *s = ctx;

	(void)job;
	s->jobs_begun++;
}

/* --- who has a session --- */

static void
sessions_answer(struct sim *s, void *arg, uint32_t node, uint32_t b)
{
	struct presence_row rows[SIM_ACCOUNTS];
	struct presence_page page = {
	    .look = s->look[node], .last = true, .why_not = s->look_fails, .rows = rows};

	(void)arg;
	(void)b;
	for (int a = 0; a < s->account_count; a++) {
		const struct sim_account *x = &s->accounts[a];

		if (!x->session || x->session_host != (int)node)
			continue;
		snprintf(
		    rows[page.count].account_id, sizeof(rows[0].account_id), "%s", x->id);
		snprintf(rows[page.count].kind, sizeof(rows[0].kind), "imap");
		rows[page.count++].idle_ms = s->now_ms - x->acted_ms;
	}
	jobs_take_sessions(s->jobs, s->nodes[node].name, &page);
}

static bool
on_is_strained(void *ctx, const char *node, char *why, size_t size)
{
	struct sim *s = ctx;

	snprintf(why, size, "mailboxd answers late");
	return s->strained[sim_node_find(s, node)];
}

static bool
on_ask_sessions(void *ctx, const char *node, uint64_t look, struct err *e)
{
	struct sim *s = ctx;
	int at = sim_node_find(s, node);

	if (!s->nodes[at].agent || s->link_cut[at])
		return err_set(e, ERR_RETRY, "its agent is not connected");
	s->look[at] = look;
	s->looks++;
	sim_at(s, 20, s->life, sessions_answer, NULL, (uint32_t)at, 0, NULL);
	return true;
}

/* --- the controller's lives --- */

static void
on_poke(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	(void)arg;
	(void)a;
	(void)b;
	sim_at(s, s->now_ms < 10 * MINUTE_MS ? POKE_MS : LAZY_POKE_MS, s->life, on_poke,
	    NULL, 0, 0, NULL);
	jobs_poke(s->jobs);
}

struct alerts *
sim_alerts(struct sim *s)
{
	const struct alerts_options options = {.journal = s->journal};
	struct err e;

	alerts_free(&s->alerts);
	if (!alerts_new(&options, &s->alerts, &e))
		BUG("%s", e.text);
	return s->alerts;
}

static void
on_decide_seeding(void *ctx, const struct move *m, struct seeding_decision *out)
{
	struct sim *s = ctx;

	(void)m;
	out->seeds = s->seeding;
	snprintf(out->why, sizeof(out->why), "the simulation's");
}

static void
on_seeding_changed(void *ctx, const struct move *m, enum move_state before)
{
	(void)ctx;
	(void)m;
	(void)before;
}

static void
on_start(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	const struct jobs_host host = {.ctx = s,
	    .survey = on_survey,
	    .begun = on_begun,
	    .ask_sessions = on_ask_sessions,
	    .is_strained = on_is_strained,
	    .own_admin_id = "own-admin",
	    .seeding = &s->seeding_host,
	    .alerts = sim_alerts(s)};
	struct err e;

	s->seeding_host = (struct seeding_host){s, on_decide_seeding, on_seeding_changed};
	(void)arg;
	(void)a;
	(void)b;
	if (s->jobs != NULL)
		return;
	s->life++;
	journal_reborn(s->journal);
	s->epoch = journal_epoch(s->journal);
	s->jobs = jobs_new(s->journal, &s->world, &s->limits, &host);
	if (!jobs_load(s->jobs, &e)) {
		sim_fail(s, "the journal cannot be read again: %s", e.text);
		return;
	}
	sim_at(s, 1, s->life, on_poke, NULL, 0, 0, NULL);
	sim_leases_tick(s);
	jobs_recover(s->jobs);
}

void
sim_start(struct sim *s)
{
	sim_at(s, 0, 0, on_start, NULL, 0, 0, NULL);
	sim_run_for(s, 0);
}

static void
after_death(struct sim *s)
{
	ask_free(&s->answering);
	plan_free(&s->surveying);
	jobs_free(&s->jobs);
	s->life++; /* what it still awaited is nobody's */
	sim_at(s, s->restart_after_ms, 0, on_start, NULL, 0, 0, NULL);
}

void
sim_stop(struct sim *s, bool gently)
{
	quiet(true);
	if (gently) {
		jobs_stop(s->jobs);
		/* As the fleet does it at the end: what is open ends as cancelled. */
		for (uint32_t life = s->life; life == s->life && s->asks_open > 0;) {
			if (!sim_step(s))
				break;
		}
	}
	jobs_free(&s->jobs);
	s->life++;
	quiet(false);
}

/* --- running --- */

static bool
sim_one(struct sim *s)
{
	if (s->heap_count == 0)
		return false;
	if (setjmp(s->on_death) == 0)
		sim_step(s);
	else
		after_death(s);
	sim_check_sides(s);
	return true;
}

static void
on_nothing(struct sim *s, void *arg, uint32_t a, uint32_t b)
{
	(void)s;
	(void)a;
	(void)b;
	*(bool *)arg = true;
}

void
sim_run_for(struct sim *s, uint64_t ms)
{
	bool over = false;

	quiet(true);
	sim_at(s, ms, 0, on_nothing, &over, 0, 0, NULL);
	while (!over && !s->failed && sim_one(s))
		continue;
	quiet(false);
	if (!over)
		sim_clear(s); /* nothing may point to our variable any more */
}

static void
count_open(const struct job *job, void *ctx)
{
	*(int *)ctx += !job_states[job->state].is_end;
}

static bool
is_tidying(struct sim *s, int account)
{
	const struct move *m =
	    moves_tidying(jobs_moves(s->jobs), s->accounts[account].id);

	return m != NULL && m->state != MOVE_STUCK;
}

static bool
sim_is_over(struct sim *s)
{
	int open = 0;

	if (s->jobs == NULL)
		return false;
	jobs_each(s->jobs, count_open, &open);
	open += (int)s->wishes;
	for (int a = 0; a < s->account_count; a++)
		open += is_tidying(s, a);
	if (open > 0) {
		s->ended_ms = 0;
		return false;
	}
	if (s->ended_ms == 0)
		s->ended_ms = s->now_ms;
	s->world_quiet = true;
	return s->asks_open == 0 && s->now_ms > s->ended_ms + 200 &&
	       (s->queued_mail == 0 || s->now_ms > s->ended_ms + MAIL_MAY_WAIT_MS);
}

void
sim_run(struct sim *s, uint64_t at_most_ms)
{
	uint64_t until_ms = s->now_ms + at_most_ms;

	quiet(true);
	while (!s->failed && !sim_is_over(s)) {
		if (s->now_ms > until_ms) {
			const struct move *m = s->jobs == NULL ? NULL : sim_move_of(s, 0);

			sim_fail(s,
			    "it does not end; the first account's move is %s, doing "
			    "\"%s\"",
			    m == NULL ? "none" : move_states[m->state].name,
			    m == NULL ? "" : m->doing);
		} else if (!sim_one(s)) {
			sim_fail(s, "nothing happens any more, and it is not over");
		}
	}
	quiet(false);
}

bool
sim_run_to_state(struct sim *s, int account, enum move_state state, uint64_t at_most_ms)
{
	uint64_t until_ms = s->now_ms + at_most_ms;
	bool reached = false;

	quiet(true);
	for (;;) {
		const struct move *m = s->jobs == NULL ? NULL : sim_move_of(s, account);

		reached = m != NULL && m->state == state;
		if (reached || s->failed || s->now_ms > until_ms || !sim_one(s))
			break;
	}
	quiet(false);
	return reached;
}

struct move *
sim_move_of(struct sim *s, int account)
{
	struct move *newest = NULL;

	for (uint32_t i = 1;; i++) {
		struct move *m = moves_find(jobs_moves(s->jobs), i);

		if (m == NULL)
			return newest;
		if (strcmp(m->account_id, s->accounts[account].id) == 0)
			newest = m;
	}
}

uint32_t
sim_evacuate(struct sim *s, int node)
{
	uint32_t number = sim_evacuate_to(s, node, "");

	if (number == 0)
		sim_fail(s, "no job");
	return number;
}

uint32_t
sim_evacuate_to(struct sim *s, int node, const char *to)
{
	struct err e;
	struct plan *p = make_plan(s, s->nodes[node].name, to, &e);
	uint32_t number = 0;

	if (p != NULL && !jobs_create(s->jobs, p, "uid 0", &number, &e))
		number = 0;
	plan_free(&p);
	return number;
}

bool
sim_has_alert(struct sim *s, const char *subject, const char *part)
{
	json_t *alerts = alerts_view(s->alerts);
	bool found = false;

	for (size_t i = 0; i < json_array_size(alerts); i++) {
		const json_t *row = json_array_get(alerts, i);

		found =
		    found || (strcmp(json_string_value(json_object_get(row, "subject")),
				  subject) == 0 &&
				 strstr(json_string_value(json_object_get(row, "text")),
				     part) != NULL);
	}
	json_decref(alerts);
	return found;
}

void
sim_must_be_well(struct sim *s)
{
	if (s->failed)
		fail_msg("%s", s->why);
}

/* What is withheld a person wants to have, where it has not been put in yet. */
static void
release_all(struct sim *s, uint64_t at_most_ms)
{
	bool open = false;
	uint64_t count;
	struct err e;

	quiet(true);
	for (uint32_t i = 1; !s->failed && moves_find(jobs_moves(s->jobs), i) != NULL;
	     i++)
		open = moves_release(jobs_moves(s->jobs), i, &count, &e) || open;
	quiet(false);
	if (open)
		sim_run(s, at_most_ms);
}

/* What was left on a copy when somebody was taken back: an alert says how to fetch it. */
static void
fetch_all(struct sim *s, uint64_t at_most_ms)
{
	bool any = false;
	struct err e;

	quiet(true);
	for (uint32_t i = 1; !s->failed && moves_find(jobs_moves(s->jobs), i) != NULL;
	     i++) {
		const struct move *m = moves_find(jobs_moves(s->jobs), i);

		if (m->state == MOVE_SETTLED &&
		    (m->data.left_behind || m->data.from_spool) &&
		    moves_fetch(jobs_moves(s->jobs), i, &e))
			any = true;
	}
	quiet(false);
	if (any)
		sim_run(s, at_most_ms);
}

void
sim_heal(struct sim *s, uint64_t at_most_ms)
{
	struct err e;
	bool open = false;

	s->fault = (struct sim_fault){.kind = FAULT_NONE};
	s->fault_permille = s->death_permille = 0;
	s->directory_down = false;
	for (int n = 0; n < SIM_NODES; n++)
		s->link_cut[n] = s->disk_full[n] = false;
	if (s->failed || s->jobs == NULL)
		return;
	if (!sim_is_over(s)) {
		sim_run(s, at_most_ms);
		open = true;
	}
	quiet(true);
	for (uint32_t job = 1; !s->failed && jobs_find(s->jobs, job) != NULL; job++) {
		if (jobs_change(s->jobs, job, JOB_EV_RETRY, &e))
			open = true;
	}
	for (uint32_t i = 1; !s->failed && moves_find(jobs_moves(s->jobs), i) != NULL;
	     i++) {
		const struct move *m = moves_find(jobs_moves(s->jobs), i);

		if (m->state == MOVE_STUCK &&
		    (move_states[m->stuck_from].holds & ARRIVED) != 0 &&
		    moves_purge(jobs_moves(s->jobs), i, false, &e))
			open = true;
	}
	quiet(false);
	if (open)
		sim_run(s, at_most_ms);
	release_all(s, at_most_ms);
	fetch_all(s, at_most_ms);
}

/* --- the end --- */

static void
check_move_end(struct sim *s, int account, const struct move *m)
{
	struct sim_account *a = &s->accounts[account];
	int source = sim_node_find(s, m->source);
	bool arrived = (move_states[m->state].holds & ARRIVED) != 0;
	int home = arrived ? sim_node_find(s, m->target) : source;
	const struct sim_lease *lease = &s->nodes[source].lease[account];

	if (m->state == MOVE_STUCK) {
		sim_check_nothing_lost(s, account);
		return;
	}
	if ((move_states[m->state].holds & MOVE_END) == 0) {
		sim_fail(s, "%s is left in state %s", m->id, move_states[m->state].name);
		return;
	}
	sim_check_end(s, account);
	if (a->exists && a->watched && a->host != home)
		sim_fail(s, "%s is %s, but %s lives on %s", m->id,
		    move_states[m->state].name, a->name, s->nodes[a->host].name);
	if (a->exists && s->nodes[a->host].box[account].lockout)
		sim_fail(s, "%s is still locked out at home", a->name);
	if (m->state == MOVE_ABANDONED && lease->armed && s->nodes[source].agent &&
	    strcmp(lease->move_id, m->id) == 0)
		sim_fail(s, "%s is abandoned, and its lease still runs", m->id);
	if (m->state == MOVE_DONE && s->nodes[source].box[account].present)
		sim_fail(s, "%s is done, and its old copy is still there", m->id);
	if (arrived && !m->data.no_mailbox && a->watched &&
	    strcmp(m->data.verdict, a->missing_blobs > 0 ? "not clean" : "clean") != 0)
		sim_fail(s, "%s is settled, verdict \"%s\"", m->id, m->data.verdict);
}

bool
sim_finish(struct sim **sp, char *why, size_t why_size)
{
	struct sim *s = *sp;
	bool failed;

	for (int a = 0; a < s->account_count && !s->failed; a++) {
		const struct move *m = s->jobs == NULL ? NULL : sim_move_of(s, a);

		if (m != NULL)
			check_move_end(s, a, m);
		else if (s->accounts[a].exists)
			sim_check_end(s, a);
	}
	failed = s->failed;
	snprintf(why, why_size, "%s", s->why);
	sim_free(sp);
	return !failed;
}

void
sim_done(struct sim *s)
{
	char why[sizeof(s->why)];
	bool ok = sim_finish(&s, why, sizeof(why));

	if (!ok)
		fail_msg("%s", why);
}
