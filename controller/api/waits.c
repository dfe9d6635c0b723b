/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: nothing is journaled, so nothing has changed state, and nobody looks;
 * then something is, and a tenth of a second later every job that is waited for is looked
 * at once. Bytes are not journaled: for them everybody's job is looked at now and then. What
 * can go wrong: too many wait (the oldest is answered early), a client that has gone (it is
 * let go), a job so large that looking costs (then it is done less often).
 */
#include "controller/api/waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/view.h"
#include "controller/controller.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

#define LOOK_MS 100
#define PROGRESS_MS 1000
#define COST_FACTOR 20 /* looking takes at most a twentieth of the time */

struct wait {
	struct api_request *rq;
	uint32_t job_number;
	char etag[API_ETAG_TEXT];
	uint64_t until_ms;
};

struct waits {
	struct controller *c;
	uv_timer_t timer;
	struct wait all[WAITS_MAX]; /* oldest first */
	size_t count;
	uint64_t changes;   /* of the journal, when it was looked last */
	uint64_t looked_ms; /* at the jobs */
	uint64_t cost_ms;   /* of that look */
};

/* Rates and what is made of them change with the time: nobody is woken for that. A weak tag:
   two answers that carry it may differ in those. */
static void
waits_tag(const json_t *job, char out[API_ETAG_TEXT])
{
	json_t *lasting = json_copy((json_t *)(uintptr_t)job);
	char tag[API_ETAG_TEXT];

	json_object_del(lasting, "items_per_s");
	json_object_del(lasting, "eta_s");
	api_etag_of(lasting, tag);
	json_decref(lasting);
	snprintf(out, API_ETAG_TEXT, "W/%.37s", tag);
}

json_t *
waits_view(struct controller *c, uint32_t job_number, char etag_out[API_ETAG_TEXT])
{
	const struct job *job = jobs_find(c->jobs, job_number);
	json_t *view = job == NULL ? NULL : view_job(c, job);

	etag_out[0] = '\0';
	if (view == NULL)
		return NULL;
	waits_tag(view, etag_out);
	return json_pack("{so}", "job", view);
}

/* Answers one that waits; the answer is a 304 when it is what the client knows. */
static void
waits_answer(struct waits *w, size_t at)
{
	const struct wait one = w->all[at];
	char etag[API_ETAG_TEXT];
	json_t *view = waits_view(w->c, one.job_number, etag);
	struct err e;

	w->count--;
	memmove(&w->all[at], &w->all[at + 1], (w->count - at) * sizeof(one));
	if (view != NULL) {
		api_set_etag(one.rq, etag);
		api_reply(one.rq, 200, view);
		return;
	}
	err_set(&e, ERR_REFUSED, "job %.60s: there is no such job any more", one.rq->id);
	api_refuse(one.rq, &e, "zmferry jobs");
}

/* Everybody who waits for this job, when it has changed. */
static void
waits_look_at(struct waits *w, uint32_t job_number)
{
	char etag[API_ETAG_TEXT];
	json_t *view = waits_view(w->c, job_number, etag);

	json_decref(view);
	for (size_t i = 0; i < w->count;) {
		if (w->all[i].job_number == job_number &&
		    strcmp(w->all[i].etag, etag) != 0)
			waits_answer(w, i);
		else
			i++;
	}
}

static void
waits_look(struct waits *w, uint64_t now)
{
	uint32_t jobs[WAITS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < w->count; i++) {
		bool again = false;

		for (size_t k = 0; k < count; k++)
			again = again || jobs[k] == w->all[i].job_number;
		if (!again)
			jobs[count++] = w->all[i].job_number;
	}
	for (size_t i = 0; i < count; i++)
		waits_look_at(w, jobs[i]);
	w->looked_ms = clock_mono_ms();
	w->cost_ms = w->looked_ms - now;
}

static void
waits_on_timer(uv_timer_t *timer)
{
	struct waits *w = timer->data;
	uint64_t now = clock_mono_ms();
	uint64_t changes = journal_changes(w->c->journal);
	uint64_t passed = now - w->looked_ms;

	for (size_t i = 0; i < w->count;) {
		if (now >= w->all[i].until_ms || api_client_is_gone(w->all[i].rq))
			waits_answer(w, i);
		else
			i++;
	}
	if (passed >= w->cost_ms * COST_FACTOR &&
	    (changes != w->changes || passed >= PROGRESS_MS)) {
		w->changes = changes;
		waits_look(w, now);
	}
	if (w->count == 0)
		uv_timer_stop(timer);
}

void
waits_add(struct waits *w, struct api_request *rq, uint32_t job_number, const char *etag,
    size_t seconds)
{
	struct wait *one;

	if (w->count == WAITS_MAX)
		waits_answer(w, 0);
	if (w->count == 0) {
		w->changes = journal_changes(w->c->journal);
		w->looked_ms = clock_mono_ms();
		uv_timer_start(&w->timer, waits_on_timer, LOOK_MS, LOOK_MS);
	}
	one = &w->all[w->count++];
	one->rq = rq;
	one->job_number = job_number;
	snprintf(one->etag, sizeof(one->etag), "%s", etag);
	one->until_ms = clock_mono_ms() + seconds * 1000;
}

void
waits_begin(struct controller *c)
{
	struct waits *w = XNEW(struct waits);

	w->c = c;
	uv_timer_init(&c->loop, &w->timer);
	w->timer.data = w;
	c->waits = w;
}

static void
waits_on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
waits_stop(struct controller *c)
{
	struct waits *w = c->waits;

	if (w == NULL)
		return;
	c->waits = NULL;
	uv_close((uv_handle_t *)&w->timer, waits_on_closed);
}
