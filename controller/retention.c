/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is deleted here: a purge is begun, and its own states look at everything first. */
#include "controller/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/journal.h"
#include "proto/base/log.h"
#include "controller/moves_copies.h"

#define AT_ONCE 2
#define DAY_MS (24 * 3600 * (int64_t)1000)
#define JUMP_MS 60000
#define SUSPENDED_MS (uint64_t) DAY_MS

bool
retention_window(const char *text, int *from_m_out, int *until_m_out, struct err *e)
{
	int from_h, from_m, until_h, until_m;
	int end = 0;

	*from_m_out = *until_m_out = 0;
	if (text[0] == '\0')
		return true;
	if (sscanf(text, "%2d:%2d-%2d:%2d%n", &from_h, &from_m, &until_h, &until_m,
		&end) != 4 ||
	    text[end] != '\0' || from_h < 0 || from_h > 23 || until_h < 0 ||
	    until_h > 24 || from_m < 0 || from_m > 59 || until_m < 0 || until_m > 59)
		return err_set(e, ERR_REFUSED,
		    "\"%.40s\" is no window of the day, as in \"01:00-05:00\"", text);
	*from_m_out = from_h * 60 + from_m;
	*until_m_out = until_h * 60 + until_m;
	return true;
}

bool
retention_is_open(const struct retention *r, int minute)
{
	if (r->from_m == r->until_m)
		return true;
	if (r->from_m < r->until_m)
		return minute >= r->from_m && minute < r->until_m;
	return minute >= r->from_m || minute < r->until_m;
}

bool
retention_is_open_at(const struct retention *r, int64_t wall_ms)
{
	time_t now = (time_t)(wall_ms / 1000);
	struct tm local;

	return localtime_r(&now, &local) != NULL &&
	       retention_is_open(r, local.tm_hour * 60 + local.tm_min);
}

/* A clock that was wrong would make everything old at once. */
static bool
clock_jumped(struct retention *r, int64_t wall_ms, uint64_t mono_ms)
{
	int64_t off = (wall_ms - r->wall_ms) - (int64_t)(mono_ms - r->mono_ms);
	bool jumped = r->looked && (off > JUMP_MS || off < -JUMP_MS);

	r->looked = true;
	r->wall_ms = wall_ms;
	r->mono_ms = mono_ms;
	return jumped;
}

struct retention_look {
	const struct retention *r;
	struct jobs *jobs;
	int64_t wall_ms;
	uint32_t busy, begun;
	bool job_open;
};

static void
on_job(const struct job *job, void *ctx)
{
	struct retention_look *look = ctx;

	look->job_open = look->job_open || job_states[job->state].holds_turn;
}

static void
count_busy(struct move *m, void *ctx)
{
	struct retention_look *look = ctx;
	unsigned holds = move_states[m->state].holds;

	look->busy += (holds & ARRIVED) != 0 && (holds & MOVE_END) == 0;
}

static void
begin_purge(struct move *m, void *ctx)
{
	struct retention_look *look = ctx;
	struct err e;

	if (m->state != MOVE_SETTLED || m->data.no_mailbox ||
	    strcmp(m->data.verdict, "clean") != 0 ||
	    look->busy + look->begun >= AT_ONCE ||
	    look->wall_ms - m->since_ms < look->r->days * DAY_MS)
		return;
	if (moves_purge(jobs_moves(look->jobs), m->number, false, &e))
		look->begun++;
	else
		log_debug(NULL, "%s", e.text); /* busy just now: another time */
}

uint32_t
retention_look(struct retention *r, struct jobs *jobs, int64_t wall_ms, uint64_t mono_ms)
{
	struct retention_look look = {.r = r, .jobs = jobs, .wall_ms = wall_ms};

	if (clock_jumped(r, wall_ms, mono_ms)) {
		r->suspended_until_ms = mono_ms + SUSPENDED_MS;
		log_warn(NULL, "the wall clock jumped: no old copy is deleted by itself "
			       "for a day; look "
			       "whether it is right: timedatectl");
		journal_event(moves_journal(jobs_moves(jobs)), "warn", "retention",
		    "the wall clock jumped: no old copy is deleted by itself for a day");
	}
	if (r->days == 0 || mono_ms < r->suspended_until_ms ||
	    !retention_is_open_at(r, wall_ms))
		return 0;
	jobs_each(jobs, on_job, &look);
	if (look.job_open)
		return 0;
	moves_each(jobs_moves(jobs), count_busy, &look);
	moves_each(jobs_moves(jobs), begin_purge, &look);
	return look.begun;
}
