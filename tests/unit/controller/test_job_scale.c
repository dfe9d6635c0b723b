/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten thousand mailboxes in one job: made in one piece, looked at often, in times that do
 * not grow with the square. The world here never answers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "controller/alert/alert.h"
#include "controller/job.h"
#include "controller/journal_private.h"
#include "controller/plan.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define MAILBOXES 10000
#define POKES 100

static struct ask *asked[64];
static size_t ask_count;

static void
world_ask(void *ctx, struct ask *a)
{
	(void)ctx;
	CHECK(ask_count < ARRAY_LEN(asked));
	asked[ask_count++] = a;
}

static uint64_t
world_mono_ms(void *ctx)
{
	(void)ctx;
	return 1000;
}

static int64_t
world_wall_ms(void *ctx)
{
	(void)ctx;
	return 1000;
}

static void
world_after(void *ctx, uint64_t ms,
    void (*fn)(void *owner, uint32_t number, uint32_t step_no), void *owner,
    uint32_t number, uint32_t step_no)
{
	(void)ctx;
	(void)ms;
	(void)fn;
	(void)owner;
	(void)number;
	(void)step_no;
}

static const struct world world = {
    .ask = world_ask,
    .mono_ms = world_mono_ms,
    .wall_ms = world_wall_ms,
    .after = world_after,
};

static struct plan *
a_plan(void)
{
	struct plan *p = plan_new(PLAN_EVACUATE, "mbs1");
	struct err e;

	for (int i = 1; i <= 4; i++) {
		struct plan_node *n = plan_add_node(p);

		snprintf(n->name, sizeof(n->name), "mbs%d", i);
		n->has_agent = n->healthy = true;
		n->room_bytes = (uint64_t)1 << 50;
	}
	for (int i = 0; i < MAILBOXES; i++) {
		struct plan_account *a = plan_add_account(p);

		snprintf(a->id, sizeof(a->id), "id-%06d", i);
		snprintf(a->name, sizeof(a->name), "user%d@example.org", i);
		a->bytes = 1000;
	}
	if (!plan_choose_targets(p, "", &e) || !plan_make(p, &e))
		fail_msg("%s", e.text);
	return p;
}

static struct alerts *alerts;

static void
on_begun(void *ctx, const struct job *job)
{
	(void)ctx;
	(void)job;
}

static struct jobs *
begin(struct journal *j)
{
	const struct jobs_limits limits = {.moves_per_source = 4, .moves_per_target = 4};
	const struct alerts_options options = {.journal = j};
	struct err e;

	alerts_free(&alerts);
	if (!alerts_new(&options, &alerts, &e))
		fail_msg("%s", e.text);
	const struct jobs_host host = {
	    .begun = on_begun, .own_admin_id = "admin", .alerts = alerts};

	return jobs_new(j, &world, &limits, &host);
}

static void
test_ten_thousand_mailboxes_in_one_job(void **state)
{
	struct plan *p = a_plan();
	struct journal *j = NULL;
	struct job_progress progress;
	struct jobs *jobs;
	uint64_t began = clock_mono_ms();
	uint64_t made, poked;
	uint32_t number;
	char dir[64];
	struct err e;

	(void)state;
	log_set_level(LOG_ERROR);
	scratch_make(dir, sizeof(dir));
	if (!journal_open(dir, false, &j, &e))
		fail_msg("%s", e.text);
	jobs = begin(j);
	began = clock_mono_ms();
	if (!jobs_create(jobs, p, "uid 0", &number, &e))
		fail_msg("%s", e.text);
	made = clock_mono_ms();
	for (int i = 0; i < POKES; i++)
		jobs_poke(jobs);
	poked = clock_mono_ms();
	CHECK_INT(ask_count, 4); /* the lanes of the source */
	jobs_free(&jobs);
	jobs = begin(j);
	CHECK(jobs_load(jobs, &e));
	printf("job of %d mailboxes: made in %llu ms, %d looks in %llu ms, read again in "
	       "%llu ms\n",
	    MAILBOXES, (unsigned long long)(made - began), POKES,
	    (unsigned long long)(poked - made),
	    (unsigned long long)(clock_mono_ms() - poked));
	jobs_progress(jobs, number, &progress);
	CHECK_INT(progress.total, MAILBOXES);
	/* Quadratic ways took minutes here. */
	CHECK(poked - began < 20000);
	while (ask_count > 0)
		ask_free(&asked[--ask_count]);
	jobs_free(&jobs);
	alerts_free(&alerts);
	journal_close(&j);
	plan_free(&p);
	scratch_remove(dir);
}

static void
refuse_from(struct journal *j, int number)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
	    "CREATE TRIGGER full BEFORE INSERT ON move WHEN new.number >= %d BEGIN "
	    "SELECT raise(ABORT, 'no'); END",
	    number);
	CHECK_INT(sqlite3_exec(j->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static bool
on_job(const struct job *row, void *ctx)
{
	free(row->accounts);
	++*(int *)ctx;
	return true;
}

/* When the journal cannot take all of it there is no job, and none of its moves. */
static void
test_a_job_is_made_whole_or_not_at_all(void **state)
{
	struct plan *p = a_plan();
	struct journal *j = NULL;
	struct jobs *jobs;
	uint32_t number;
	int count = 0;
	struct err e;

	(void)state;
	if (!journal_open(":memory:", false, &j, &e))
		fail_msg("%s", e.text);
	jobs = begin(j);
	refuse_from(j, 7000);
	CHECK(!jobs_create(jobs, p, "uid 0", &number, &e));
	CHECK(jobs_find(jobs, 1) == NULL);
	CHECK_INT(moves_next_number(jobs_moves(jobs)), 1);
	CHECK(journal_jobs_load(j, on_job, &count, &e));
	CHECK_INT(count, 0);
	CHECK_INT(sqlite3_exec(j->db, "DROP TRIGGER full", NULL, NULL, NULL), SQLITE_OK);
	CHECK(jobs_create(jobs, p, "uid 0", &number, &e));
	CHECK_INT(moves_next_number(jobs_moves(jobs)), MAILBOXES + 1);
	jobs_free(&jobs);
	alerts_free(&alerts);
	journal_close(&j);
	plan_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_ten_thousand_mailboxes_in_one_job),
	    TEST(test_a_job_is_made_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
