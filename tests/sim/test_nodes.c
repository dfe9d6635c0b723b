/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that come and go, with the real jobs and the real journal in a small world: a directory
 * that lists servers, a platform with containers, nobody's mailboxes. The controller dies just
 * before and just after every question it asks, and the rest goes on from the journal. At
 * every instant: a container is taken away only when the directory has forgotten its server,
 * none is made twice, and a server that somebody lives on is never deleted.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/job.h"
#include "controller/journal.h"
#include "controller/plan.h"
#include "controller/removal.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define EVENTS 64
#define OLD "mbs1.example.org"
#define OTHER "mbs2.example.org"
#define NEW "mbs3.example.org"

enum death { DIE_NEVER, DIE_BEFORE, DIE_AFTER };

struct event {
	bool used;
	uint64_t at_ms, seq;
	uint32_t life;
	struct ask *ask; /* or fn, or a survey */
	void (*fn)(void *owner, uint32_t number, uint32_t step_no);
	void (*surveyed)(void *owner, uint32_t job_number, const struct plan *plan,
	    const struct err *e);
	enum plan_kind kind;
	char node[WORLD_NAME];
	void *owner;
	uint32_t number, step_no;
};

static struct {
	char dir[200];
	struct journal *journal;
	struct alerts *alerts;
	struct jobs *jobs;
	struct world world;
	struct event events[EVENTS];
	uint64_t now_ms, seq;
	uint32_t life;
	jmp_buf on_death;
	/* the world */
	bool old_listed, old_container, new_container, new_listed, new_agent;
	bool blocked;		      /* the directory names somebody on OLD */
	bool platform_by_hand;	      /* platform = none */
	enum err_kind platform_error; /* ERR_NONE: none; once */
	enum err_kind unlist_error;
	int made, removed, unlisted, forgotten;
	/* what goes wrong */
	enum death death;
	uint32_t die_at, asks;
	uint32_t failures;
	char why[300];
} w;

static void
wrong(const char *why)
{
	if (w.failures++ == 0)
		snprintf(w.why, sizeof(w.why), "%s (ask %u)", why, w.asks);
}

static struct event *
add_event(uint64_t delay_ms)
{
	for (size_t i = 0; i < EVENTS; i++) {
		if (w.events[i].used)
			continue;
		w.events[i] = (struct event){.used = true,
		    .at_ms = w.now_ms + delay_ms,
		    .seq = w.seq++,
		    .life = w.life};
		return &w.events[i];
	}
	BUG("too many events");
}

/* --- what is asked does --- */

static bool
do_platform(struct ask *a)
{
	bool is_new = strcmp(a->in.source, NEW) == 0;

	if (w.platform_error != ERR_NONE) {
		enum err_kind kind = w.platform_error;

		w.platform_error = ERR_NONE;
		return err_set(&a->err, kind, "image zimbra:10 is not on the engine");
	}
	a->out.platform.by_hand = w.platform_by_hand;
	snprintf(a->out.platform.text, sizeof(a->out.platform.text), "%s",
	    w.platform_by_hand ? "do it yourself" : "done");
	if (w.platform_by_hand)
		return true;
	if (a->in.op == PLATFORM_PROVISION) {
		w.made += is_new && !w.new_container;
		w.new_container = true;
	} else if (a->in.op == PLATFORM_DEPROVISION) {
		if (w.old_listed)
			wrong("a container is taken away while its server is listed");
		w.removed += w.old_container;
		w.old_container = false;
	}
	return true;
}

static bool
perform(struct ask *a)
{
	switch ((int)a->kind) { /* the others are moves' */
	case ASK_PLATFORM:
		return do_platform(a);
	case ASK_STANDING:
		a->out.standing = XNEW(struct server_standing);
		a->out.standing->found = w.old_listed;
		a->out.standing->others = 1;
		a->out.standing->accounts = w.blocked;
		snprintf(a->out.standing->account, sizeof(a->out.standing->account),
		    "anna@example.org");
		return true;
	case ASK_UNLIST:
		if (w.blocked)
			wrong("a server is deleted while somebody lives on it");
		if (w.unlist_error != ERR_NONE) {
			enum err_kind kind = w.unlist_error;

			w.unlist_error = ERR_NONE;
			return err_set(&a->err, kind, "this is the log host");
		}
		w.unlisted += w.old_listed;
		w.old_listed = false;
		return true;
	default:
		wrong("an ask that no node needs");
		return false;
	}
}

static void
world_die(void)
{
	w.death = DIE_NEVER;
	longjmp(w.on_death, 1);
}

static void
world_ask(void *ctx, struct ask *a)
{
	struct event *event;

	(void)ctx;
	w.asks++;
	if (w.death != DIE_NEVER && w.asks == w.die_at) {
		if (w.death == DIE_AFTER)
			(void)!perform(a);
		ask_free(&a);
		world_die();
	}
	event = add_event(10);
	event->ask = a;
}

static uint64_t
world_mono_ms(void *ctx)
{
	(void)ctx;
	return w.now_ms;
}

static int64_t
world_wall_ms(void *ctx)
{
	(void)ctx;
	return 1700000000000 + (int64_t)w.now_ms;
}

static void
world_after(void *ctx, uint64_t ms,
    void (*fn)(void *owner, uint32_t number, uint32_t step_no), void *owner,
    uint32_t number, uint32_t step_no)
{
	struct event *event = add_event(ms);

	(void)ctx;
	event->fn = fn;
	event->owner = owner;
	event->number = number;
	event->step_no = step_no;
}

static void
on_survey(void *ctx, const struct plan_request *wanted,
    void (*done)(
	void *owner, uint32_t job_number, const struct plan *plan, const struct err *e),
    void *owner, uint32_t job_number)
{
	struct event *event = add_event(10);

	(void)ctx;
	event->surveyed = done;
	event->kind = wanted->kind;
	snprintf(event->node, sizeof(event->node), "%.200s",
	    wanted->kind == PLAN_REBALANCE ? wanted->to : wanted->node);
	event->owner = owner;
	event->number = job_number;
}

static void
on_begun(void *ctx, const struct job *job)
{
	(void)ctx;
	(void)job;
}

static void
on_forget(void *ctx, const char *node)
{
	(void)ctx;
	if (strcmp(node, OLD) != 0 || w.old_listed)
		wrong("a node is forgotten that is still there");
	w.forgotten++;
}

static bool
is_connected(void *ctx, const char *node)
{
	(void)ctx;
	return strcmp(node, OLD) == 0 && w.old_container;
}

static int64_t
mailboxes_on(void *ctx, const char *node)
{
	(void)ctx;
	(void)node;
	return 0;
}

static void
answer_survey(const struct event *event)
{
	struct plan *p = plan_new(event->kind, event->node);
	struct err e;

	if (event->kind == PLAN_REBALANCE && !(w.new_listed && w.new_agent)) {
		err_set(
		    &e, ERR_REFUSED, "the directory has no mailbox server of that name");
		plan_free(&p);
	}
	event->surveyed(event->owner, event->number, p, &e);
	plan_free(&p);
}

/* --- lives --- */

static void
drop_events(void)
{
	for (size_t i = 0; i < EVENTS; i++) {
		if (w.events[i].used)
			ask_free(&w.events[i].ask);
	}
	memset(w.events, 0, sizeof(w.events));
}

static void
begin_life(void)
{
	const struct alerts_options alerts = {.journal = w.journal};
	const struct jobs_limits limits = {.moves_per_source = 4, .moves_per_target = 4};
	struct jobs_host host = {
	    .survey = on_survey,
	    .begun = on_begun,
	    .forget = on_forget,
	    .is_connected = is_connected,
	    .mailboxes_on = mailboxes_on,
	    .own_admin_id = "own",
	};
	struct err e;

	w.life++;
	if (!alerts_new(&alerts, &w.alerts, &e))
		fail_msg("%s", e.text);
	host.alerts = w.alerts;
	w.jobs = jobs_new(w.journal, &w.world, &limits, &host);
	if (!jobs_load(w.jobs, &e))
		fail_msg("%s", e.text);
	jobs_recover(w.jobs);
}

static void
end_life(void)
{
	drop_events();
	jobs_free(&w.jobs);
	alerts_free(&w.alerts);
}

static bool
step(void)
{
	struct event *next = NULL;
	struct event event;

	for (size_t i = 0; i < EVENTS; i++) {
		struct event *x = &w.events[i];

		if (x->used && (next == NULL || x->at_ms < next->at_ms ||
				   (x->at_ms == next->at_ms && x->seq < next->seq)))
			next = x;
	}
	if (next == NULL)
		return false;
	event = *next;
	next->used = false;
	next->ask = NULL;
	w.now_ms = event.at_ms;
	if (event.ask != NULL) {
		event.ask->ok = perform(event.ask);
		event.ask->done(event.ask);
	} else if (event.surveyed != NULL) {
		answer_survey(&event);
	} else {
		event.fn(event.owner, event.number, event.step_no);
	}
	return true;
}

static const struct job *
the_job(void)
{
	return jobs_find(w.jobs, 1);
}

static bool
is_over(void *ctx)
{
	(void)ctx;
	return job_states[the_job()->state].is_end;
}

static bool
waits(void *ctx)
{
	(void)ctx;
	return job_states[the_job()->state].waits;
}

/* Until cond, or two hours; the controller may die on the way. */
static bool
run_until(bool (*cond)(void *ctx), void *ctx)
{
	uint64_t until = w.now_ms + 7200000;

	if (setjmp(w.on_death) != 0) {
		end_life();
		begin_life();
	}
	while (!cond(ctx)) {
		if (w.now_ms > until)
			return false;
		if (!step())
			w.now_ms += 2000;
		jobs_poke(w.jobs);
	}
	return true;
}

static void
set_up(void)
{
	struct err e;

	memset(&w, 0, sizeof(w));
	scratch_make(w.dir, sizeof(w.dir));
	w.old_listed = w.old_container = true;
	w.world = (struct world){
	    .ask = world_ask,
	    .mono_ms = world_mono_ms,
	    .wall_ms = world_wall_ms,
	    .after = world_after,
	};
	if (!journal_open(w.dir, false, &w.journal, &e))
		fail_msg("%s", e.text);
	begin_life();
}

static void
tear_down(void)
{
	end_life();
	journal_close(&w.journal);
	scratch_remove(w.dir);
}

static void
begin_job(enum plan_kind kind, const char *node)
{
	struct plan *p = plan_new(kind, node);
	struct err e;
	uint32_t number;

	if (!jobs_create(w.jobs, p, "uid 0", &number, &e))
		fail_msg("%s", e.text);
	plan_free(&p);
}

/* A wish that a person repeats until it is heard. */
static void
must_continue(void)
{
	struct err e;

	if (!jobs_change(w.jobs, 1, JOB_EV_CONTINUE, &e))
		fail_msg("%s", e.text);
}

/* --- the matrix --- */

static void
check_removed(void)
{
	CHECK_INT(the_job()->state, JOB_DONE);
	CHECK_INT(w.unlisted, 1);
	CHECK_INT(w.removed, 1);
	CHECK(!w.old_listed);
	CHECK(!w.old_container);
	CHECK(w.forgotten >= 1);
	if (w.failures > 0)
		fail_msg("%s", w.why);
}

static void
check_added(void)
{
	CHECK_INT(the_job()->state, JOB_DONE);
	CHECK_INT(w.made, 1);
	if (w.failures > 0)
		fail_msg("%s", w.why);
}

static uint32_t
remove_once(enum death death, uint32_t at)
{
	uint32_t asks;

	set_up();
	w.death = death;
	w.die_at = at;
	begin_job(PLAN_REMOVE, OLD);
	CHECK(run_until(is_over, NULL));
	check_removed();
	asks = w.asks;
	tear_down();
	return asks;
}

static void
test_a_removal_may_die_anywhere(void **state)
{
	uint32_t asks = remove_once(DIE_NEVER, 0);

	(void)state;
	CHECK(asks >= 3);
	for (uint32_t n = 1; n <= asks; n++) {
		(void)remove_once(DIE_BEFORE, n);
		(void)remove_once(DIE_AFTER, n);
	}
}

static bool
is_joining(void *ctx)
{
	(void)ctx;
	return the_job()->state == JOB_JOINING && the_job()->attempts > 2;
}

static uint32_t
add_once(enum death death, uint32_t at)
{
	uint32_t asks;

	set_up();
	w.death = death;
	w.die_at = at;
	begin_job(PLAN_ADD, NEW);
	CHECK(run_until(is_joining, NULL));
	CHECK_HAS(the_job()->reason, "no mailbox server of that name");
	CHECK(w.new_container);
	w.new_listed = true;
	w.new_agent = true;
	CHECK(run_until(is_over, NULL));
	check_added();
	asks = w.asks;
	tear_down();
	return asks;
}

static void
test_an_addition_may_die_anywhere(void **state)
{
	uint32_t asks = add_once(DIE_NEVER, 0);

	(void)state;
	CHECK(asks >= 1);
	for (uint32_t n = 1; n <= asks; n++) {
		(void)add_once(DIE_BEFORE, n);
		(void)add_once(DIE_AFTER, n);
	}
}

/* --- what stands in the way --- */

static void
test_what_speaks_against_it_is_said_and_waited_for(void **state)
{
	(void)state;
	set_up();
	w.blocked = true;
	begin_job(PLAN_REMOVE, OLD);
	CHECK(run_until(waits, NULL));
	CHECK_INT(the_job()->state, JOB_REMOVE_HELD);
	CHECK_HAS(the_job()->reason, "anna@example.org");
	CHECK(w.old_listed);
	must_continue(); /* nothing was mended: the same again */
	CHECK(run_until(waits, NULL));
	w.blocked = false;
	must_continue();
	CHECK(run_until(is_over, NULL));
	check_removed();
	tear_down();
}

static void
test_a_removal_can_be_cancelled_before_it_destroys(void **state)
{
	struct err e;

	(void)state;
	set_up();
	w.blocked = true;
	begin_job(PLAN_REMOVE, OLD);
	CHECK(run_until(waits, NULL));
	CHECK(jobs_change(w.jobs, 1, JOB_EV_CANCEL, &e));
	CHECK_INT(the_job()->state, JOB_CANCELLED);
	CHECK(w.old_listed);
	CHECK(w.old_container);
	tear_down();
}

static void
test_zimbra_may_refuse(void **state)
{
	(void)state;
	set_up();
	w.unlist_error = ERR_REFUSED;
	begin_job(PLAN_REMOVE, OLD);
	CHECK(run_until(waits, NULL));
	CHECK_HAS(the_job()->reason, "this is the log host");
	CHECK(w.old_container);
	must_continue();
	CHECK(run_until(is_over, NULL));
	check_removed();
	tear_down();
}

static void
test_what_may_work_later_is_tried_again(void **state)
{
	(void)state;
	set_up();
	w.unlist_error = ERR_RETRY;
	w.platform_error = ERR_RETRY;
	begin_job(PLAN_REMOVE, OLD);
	CHECK(run_until(is_over, NULL));
	check_removed();
	tear_down();
}

static void
test_the_platform_may_refuse_a_container(void **state)
{
	(void)state;
	set_up();
	w.platform_error = ERR_REFUSED;
	begin_job(PLAN_ADD, NEW);
	CHECK(run_until(waits, NULL));
	CHECK_INT(the_job()->state, JOB_ADD_HELD);
	CHECK_HAS(the_job()->reason, "is not on the engine");
	w.new_listed = w.new_agent = true;
	must_continue();
	CHECK(run_until(is_over, NULL));
	check_added();
	tear_down();
}

/* platform = none: said, waited for, and not believed while the agent is there. */
static void
test_a_person_takes_the_container_away(void **state)
{
	struct err e;

	(void)state;
	set_up();
	w.platform_by_hand = true;
	begin_job(PLAN_REMOVE, OLD);
	CHECK(run_until(waits, NULL));
	CHECK_INT(the_job()->state, JOB_BY_HAND);
	CHECK_HAS(the_job()->reason, "do it yourself; then: zmferry job continue j1");
	CHECK(!jobs_change(w.jobs, 1, JOB_EV_CONTINUE, &e));
	CHECK_HAS(e.text, "still runs");
	end_life();
	begin_life();
	CHECK_INT(the_job()->state, JOB_BY_HAND);
	w.old_container = false;
	must_continue();
	CHECK_INT(the_job()->state, JOB_DONE);
	CHECK_INT(w.forgotten, 1);
	tear_down();
}

static void
test_a_wait_is_an_alert_until_it_is_over(void **state)
{
	json_t *alerts;

	(void)state;
	set_up();
	w.blocked = true;
	begin_job(PLAN_REMOVE, OLD);
	CHECK(run_until(waits, NULL));
	alerts = alerts_view(w.alerts);
	CHECK_INT(json_array_size(alerts), 1);
	CHECK_STR(json_string_value(json_object_get(json_array_get(alerts, 0), "key")),
	    "job_waits");
	json_decref(alerts);
	w.blocked = false;
	must_continue();
	CHECK(run_until(is_over, NULL));
	alerts = alerts_view(w.alerts);
	CHECK_INT(json_array_size(alerts), 0);
	json_decref(alerts);
	tear_down();
}

/* One that waits for a person or for a node is in nobody's way; what moves mail is alone. */
static void
test_who_waits_does_not_block(void **state)
{
	const struct job *paused;
	struct plan *p = plan_new(PLAN_EVACUATE, OTHER);
	uint32_t number;
	struct err e;

	(void)state;
	set_up();
	begin_job(PLAN_ADD, NEW);
	CHECK(run_until(is_joining, NULL));
	CHECK(jobs_create(w.jobs, p, "uid 0", &number, &e));
	plan_free(&p);
	paused = jobs_find(w.jobs, number);
	CHECK_INT(paused->state, JOB_MOVING); /* not queued behind the one that waits */
	CHECK(jobs_change(w.jobs, number, JOB_EV_PAUSE, &e));
	w.new_listed = w.new_agent = true;
	for (int i = 0; i < 40; i++) {
		if (!step())
			w.now_ms += 2000;
		jobs_poke(w.jobs);
	}
	CHECK_INT(the_job()->state, JOB_JOINING);
	CHECK_HAS(the_job()->reason, "another job moves mail");
	CHECK(jobs_change(w.jobs, number, JOB_EV_RESUME, &e));
	CHECK(run_until(is_over, NULL));
	CHECK_INT(the_job()->state, JOB_DONE);
	CHECK_INT(paused->state, JOB_DONE);
	tear_down();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_removal_may_die_anywhere),
	    TEST(test_an_addition_may_die_anywhere),
	    TEST(test_what_speaks_against_it_is_said_and_waited_for),
	    TEST(test_a_removal_can_be_cancelled_before_it_destroys),
	    TEST(test_zimbra_may_refuse),
	    TEST(test_what_may_work_later_is_tried_again),
	    TEST(test_the_platform_may_refuse_a_container),
	    TEST(test_a_person_takes_the_container_away),
	    TEST(test_a_wait_is_an_alert_until_it_is_over),
	    TEST(test_who_waits_does_not_block),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
