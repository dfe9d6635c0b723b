/* SPDX-License-Identifier: Apache-2.0 */
/* How far a job is: counted afresh from its moves when somebody asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cutover.h"
#include "controller/job_private.h"
#include "controller/journal.h"
#include "proto/base/xalloc.h"

struct counting {
	struct jobs *all;
	uint32_t job_number;
	struct job_progress *out;
	uint64_t *locks;
	size_t lock_count;
	uint32_t waiting_retry;
};

/* Bytes count half when staged and whole when applied, so that a bar moves all the time. */
static void
count_on_move(struct move *m, void *ctx)
{
	struct counting *c = ctx;
	struct job_progress *p = c->out;

	if (m->job_number != c->job_number)
		return;
	p->total++;
	p->bytes_total += m->bytes;
	if (m->data.reverted && (move_states[m->state].holds & MOVE_END) != 0) {
		p->set_aside++; /* it is where it was */
	} else if ((move_states[m->state].holds & ARRIVED) != 0) {
		p->done++;
		p->bytes_done += m->bytes;
		p->items_done += m->data.applied;
		p->clean += strcmp(m->data.verdict, "clean") == 0 || m->data.no_mailbox;
	} else if (m->state == MOVE_ABANDONED || m->state == MOVE_STUCK) {
		p->set_aside++;
		p->stuck += m->state == MOVE_STUCK;
	} else if (m->state != MOVE_PLANNED || m->started) {
		p->running++;
		p->waiting += m->waiting;
		p->bytes_done += m->data.staged > 0 ? m->bytes / 2 : 0;
		p->items_done += m->data.applied;
		if (m->attempts > 2 && p->stall[0] == '\0')
			snprintf(p->stall, sizeof(p->stall), "%.100s: %.300s",
			    m->account_name, m->doing);
	}
	if (m->data.lock_ms > 0) {
		c->locks = xrealloc_array(c->locks, c->lock_count + 1, sizeof(*c->locks));
		c->locks[c->lock_count++] = m->data.lock_ms;
	}
}

static int
compare_u64(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static uint64_t
percentile(const uint64_t *sorted, size_t count, unsigned percent)
{
	return count == 0 ? 0
			  : sorted[(count * percent + 99) / 100 - 1]; /* nearest rank */
}

void
jobs_progress(struct jobs *all, uint32_t number, struct job_progress *out)
{
	const struct job *job = jobs_at(all, number);
	struct counting c = {.all = all, .job_number = number, .out = out};
	double seconds;

	memset(out, 0, sizeof(*out));
	if (job == NULL)
		return;
	moves_each(all->moves, count_on_move, &c);
	if (c.lock_count > 0) {
		qsort(c.locks, c.lock_count, sizeof(*c.locks), compare_u64);
		out->lock_p50_ms = percentile(c.locks, c.lock_count, 50);
		out->lock_p99_ms = percentile(c.locks, c.lock_count, 99);
	}
	free(c.locks);
	seconds = (double)((job->ended_ms != 0 ? job->ended_ms
					       : all->world->wall_ms(all->world->ctx)) -
			   job->created_ms) /
		  1000.0;
	if (seconds > 0)
		out->items_per_s = (double)out->items_done / seconds;
	if (job->ended_ms == 0 && out->bytes_done > 0 &&
	    out->bytes_total > out->bytes_done)
		out->eta_s = seconds * (double)(out->bytes_total - out->bytes_done) /
			     (double)out->bytes_done;
	if (job->state == JOB_QUEUED)
		snprintf(out->stall, sizeof(out->stall),
		    "waits until the jobs before it are over; out of the queue: zmferry "
		    "job "
		    "cancel %s",
		    job->id);
	if (job->state == JOB_MOVING && out->waiting > 0 &&
	    !cutover_is_open(job->cutover, all->world->wall_ms(all->world->ctx)))
		cutover_why(job->cutover, job->id, out->stall, sizeof(out->stall));
	if (job_is_about_a_node(job))
		snprintf(out->stall, sizeof(out->stall), "%s", job->reason);
	if (job->state == JOB_MOVING && journal_is_short(all->journal))
		snprintf(out->stall, sizeof(out->stall), JOURNAL_SHORT);
	if (job->state == JOB_PAUSED)
		snprintf(out->stall, sizeof(out->stall),
		    "paused; go on with: zmferry job resume %s", job->id);
}
