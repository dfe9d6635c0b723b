/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a message goes into the queue of each way that carries its severity,
 * out at once, and alerts hear that it did. What can go wrong: the server is away (again
 * later, for a day), it refuses (once), the queue is full (the message is offered again when
 * no way takes it). Either is an alert about the way, which that way does not carry.
 */
#include "controller/alert/ways.h"

#include <stdlib.h>
#include <string.h>

#include "controller/alert/way.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/work.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"

#define QUEUE_MAX 64
#define RETRY_FOR_MS (24ull * 3600 * 1000)
#define TRIES_BEFORE_ALERT 2

#define RETRY_FIRST_MS 5000 /* then three times as long, ... */
#define RETRY_MOST_MS 300000

struct delivery {
	struct alert_message *message; /* a reference */
	uint32_t tries;
	uint64_t first_ms, next_ms; /* monotonic */
};

struct way {
	char name[80]; /* "mail:oncall" */
	struct way_target target;
	way_send_fn send;
	enum alert_severity least;
	uint64_t retry_ms;
	struct delivery queue[QUEUE_MAX];
	size_t queued;
	struct way_job *job, *test_job; /* under way; NULL = none */
	uint32_t failures;		/* one after another */
	int64_t at_ms;			/* of the last message; 0 = none yet */
	char text[LIMIT_TEXT];		/* what was wrong with it; "" = nothing */
};

struct way_job {
	struct work work;
	struct ways *owner;
	size_t way;
	struct way_target target;
	way_send_fn send;
	struct delivery delivery;
	char remark[LIMIT_TEXT];
	bool is_test;
};

struct ways {
	uv_loop_t *loop;
	struct alerts *alerts;
	struct way *rows;
	size_t count;
	bool stopping;
	/* the test under way */
	size_t tests_open;
	json_t *test_results;
	ways_test_fn test_done;
	void *test_ctx;
};

/* --- how a way does --- */

static void
way_subject(const struct way *w, char *out, size_t size)
{
	snprintf(out, size, "way:%s", w->name);
}

static void
way_note(struct ways *all, struct way *w, const struct way_job *job)
{
	const struct work *work = &job->work;
	const char *why = work->ok ? job->remark : work->err.text;
	char subject[ALERT_SUBJECT];

	w->at_ms = clock_wall_ms();
	snprintf(w->text, sizeof(w->text), "%s", why);
	w->failures = why[0] == '\0' ? 0 : w->failures + 1;
	way_subject(w, subject, sizeof(subject));
	if (why[0] == '\0') {
		alert_clear(all->alerts, subject);
		return;
	}
	if (w->failures == 1)
		log_warn(NULL, "alerts by %s: %s", w->name, why);
	/* A test says itself how it went; and about alerts about ways nobody is alerted. */
	if (job->is_test || job->delivery.message->is_about_delivery)
		return;
	if (work->ok || work->err.kind == ERR_REFUSED ||
	    w->failures >= TRIES_BEFORE_ALERT)
		alert_raise(all->alerts, ALERT_DELIVERY, subject,
		    ALERT_FACTS("way", w->name, "why", why));
}

/* --- jobs --- */

static bool
job_run(struct work *work)
{
	struct way_job *job = (struct way_job *)(void *)work;

	return job->send(&job->target, job->delivery.message, &work->cancelled,
	    job->remark, &work->err);
}

static void way_pump(struct ways *all, struct way *w);

static void
job_again(struct way *w, struct way_job *job)
{
	struct delivery *d = &w->queue[w->queued++]; /* its place was kept for it */
	uint64_t pause_ms = w->retry_ms;

	for (uint32_t i = 1; i < job->delivery.tries && pause_ms < RETRY_MOST_MS; i++)
		pause_ms *= 3;
	*d = job->delivery;
	d->next_ms =
	    clock_mono_ms() + (pause_ms > RETRY_MOST_MS ? RETRY_MOST_MS : pause_ms);
	job->delivery.message = NULL;
}

static void
job_done(struct work *work)
{
	struct way_job *job = (struct way_job *)(void *)work;
	struct ways *all = job->owner;
	struct way *w = &all->rows[job->way];

	w->job = NULL;
	if (!all->stopping) {
		bool again = !work->ok && work->err.kind != ERR_REFUSED &&
			     clock_mono_ms() - job->delivery.first_ms < RETRY_FOR_MS;

		way_note(all, w, job);
		job->delivery.tries++;
		if (again)
			job_again(w, job);
		else
			alerts_on_sent(all->alerts, job->delivery.message, w->name,
			    work->ok ? NULL : &work->err);
	}
	alert_message_unref(&job->delivery.message);
	free(job);
	if (!all->stopping)
		way_pump(all, w);
}

static struct way_job *
job_new(struct ways *all, const struct way *w, void (*done)(struct work *))
{
	struct way_job *job = XNEW(struct way_job);

	job->work.run = job_run;
	job->work.done = done;
	job->owner = all;
	job->way = (size_t)(w - all->rows);
	job->target = w->target;
	job->send = w->send;
	return job;
}

/* Begins the first delivery whose time has come. */
static void
way_pump(struct ways *all, struct way *w)
{
	uint64_t now = clock_mono_ms();
	struct err e;
	size_t i = 0;

	while (i < w->queued && w->queue[i].next_ms > now)
		i++;
	if (w->job != NULL || i == w->queued)
		return;
	w->job = job_new(all, w, job_done);
	w->job->delivery = w->queue[i];
	if (!work_submit(all->loop, &w->job->work, &e)) { /* busy: at the next tick */
		xfree(&w->job);
		return;
	}
	memmove(
	    &w->queue[i], &w->queue[i + 1], (--w->queued - i) * sizeof(struct delivery));
}

void
ways_tick(struct ways *all)
{
	for (size_t i = 0; i < all->count && !all->stopping; i++)
		way_pump(all, &all->rows[i]);
}

/* --- the outlet --- */

static bool
way_carries(const struct way *w, const struct alert_message *m)
{
	return m->severity >= w->least && strcmp(w->name, m->skip_way) != 0;
}

static bool
way_has_room(const struct way *w)
{
	return w->queued + (w->job != NULL) < QUEUE_MAX;
}

/* Always, whatever else there is: journald reads it, with its fields. */
static void
ways_log(const struct alert_message *m)
{
	struct log context;

	log_child(&context, NULL, "alert=%.40s event=%.20s severity=%s", m->key, m->event,
	    alert_severity_name(m->severity));
	if (strcmp(m->event, "over") == 0 || m->severity == ALERT_INFO)
		log_info(&context, "subject=%s %s", m->subject, m->text);
	else if (m->severity == ALERT_WARNING)
		log_warn(
		    &context, "subject=%s %s; next: %s", m->subject, m->text, m->next);
	else
		log_error(
		    &context, "subject=%s %s; next: %s", m->subject, m->text, m->next);
}

static bool
ways_send(void *ctx, struct alert_message *take_message)
{
	struct ways *all = ctx;
	struct alert_message *m = take_message;
	size_t carry = 0;
	size_t taken = 0;

	for (size_t i = 0; i < all->count; i++) {
		carry += way_carries(&all->rows[i], m);
		taken += way_carries(&all->rows[i], m) && way_has_room(&all->rows[i]);
	}
	if (all->stopping || (carry > 0 && taken == 0))
		return false;
	ways_log(m);
	if (carry == 0)
		alerts_on_sent(all->alerts, m, NULL, NULL);
	for (size_t i = 0; i < all->count; i++) {
		struct way *w = &all->rows[i];

		if (!way_carries(w, m))
			continue;
		if (!way_has_room(w)) {
			snprintf(w->text, sizeof(w->text),
			    "%d messages wait already: this one is left out", QUEUE_MAX);
			continue;
		}
		alert_message_ref(m);
		w->queue[w->queued++] =
		    (struct delivery){.message = m, .first_ms = clock_mono_ms()};
		way_pump(all, w);
	}
	alert_message_unref(&m);
	return true;
}

struct alerts_outlet
ways_outlet(struct ways *all)
{
	return (struct alerts_outlet){.ctx = all, .send = ways_send};
}

json_t *
ways_view(const struct ways *all)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < all->count; i++) {
		const struct way *w = &all->rows[i];
		char at[40] = "";

		if (w->at_ms != 0)
			clock_format(w->at_ms, at, sizeof(at));
		json_array_append_new(
		    rows, json_pack("{sssbsssssi}", "name", w->name, "ok",
			      w->text[0] == '\0', "at", at, "text", w->text, "waiting",
			      (int)(w->queued + (w->job != NULL))));
	}
	return rows;
}

/* --- the test --- */

static void
tests_end(struct ways *all)
{
	json_t *results = all->test_results;
	ways_test_fn done = all->test_done;

	all->test_results = NULL;
	all->test_done = NULL;
	if (done != NULL)
		done(all->test_ctx, results);
	else
		json_decref(results);
}

static void
tests_add(struct ways *all, const struct way *w, bool ok, const char *text)
{
	json_array_append_new(all->test_results,
	    json_pack("{sssbss}", "way", w->name, "ok", ok, "text", text));
}

static void
test_done(struct work *work)
{
	struct way_job *job = (struct way_job *)(void *)work;
	struct ways *all = job->owner;
	struct way *w = &all->rows[job->way];

	w->test_job = NULL;
	if (!all->stopping)
		way_note(all, w, job);
	tests_add(all, w, work->ok && job->remark[0] == '\0',
	    !work->ok		     ? work->err.text
	    : job->remark[0] != '\0' ? job->remark
				     : "taken");
	alert_message_unref(&job->delivery.message);
	free(job);
	if (--all->tests_open == 0)
		tests_end(all);
}

static struct alert_message *
test_message(const char *who)
{
	const struct alert_def *def = &alert_defs[ALERT_TEST];
	struct alert_message *m = alert_message_new("test", def->severity);

	free(m->text);
	m->text = alert_render(def->what, ALERT_FACTS("who", who));
	alert_message_set(&m->key, def->name);
	alert_message_set(&m->subject, def->name);
	alert_message_set(&m->meaning, def->meaning);
	alert_message_set(&m->did, def->did);
	alert_message_set(&m->next, def->next);
	m->at_ms = m->now_ms = clock_wall_ms();
	snprintf(m->thread, sizeof(m->thread), "test-%lld", (long long)m->now_ms);
	return m;
}

bool
ways_test(struct ways *all, const char *who, ways_test_fn done, void *ctx, struct err *e)
{
	struct alert_message *m;

	if (all->test_results != NULL)
		return err_set(e, ERR_RETRY, "a test of the ways is under way");
	all->test_results = json_array();
	all->test_done = done;
	all->test_ctx = ctx;
	all->tests_open = 1; /* ours, so that it does not end before all have begun */
	m = test_message(who);
	for (size_t i = 0; i < all->count; i++) {
		struct way *w = &all->rows[i];
		struct err busy;

		w->test_job = job_new(all, w, test_done);
		w->test_job->is_test = true;
		w->test_job->delivery.message = m;
		if (work_submit(all->loop, &w->test_job->work, &busy)) {
			alert_message_ref(m);
			all->tests_open++;
			continue;
		}
		xfree(&w->test_job);
		tests_add(all, w, false, busy.text);
	}
	ways_log(m);
	alert_message_unref(&m);
	if (--all->tests_open == 0)
		tests_end(all);
	return true;
}

/* --- life --- */

static bool
way_least(const char *least, struct way *w, struct err *e)
{
	w->retry_ms = RETRY_FIRST_MS;
	return alert_severity_parse(least, &w->least) ||
	       err_set(e, ERR_REFUSED, "least: \"%.40s\" is no severity", least);
}

static bool
way_add_mail(const struct alert_mail_conf *conf, struct way *w, struct err *e)
{
	snprintf(w->name, sizeof(w->name), "mail:%.60s", conf->name);
	w->target.mail = conf;
	w->send = mail_send;
	return way_least(conf->least, w, e) &&
	       (conf->password_file == NULL ||
		   secret_load(conf->password_file, &w->target.secret, e));
}

static bool
way_add_webhook(const struct alert_webhook_conf *conf, struct way *w, struct err *e)
{
	snprintf(w->name, sizeof(w->name), "webhook:%.60s", conf->name);
	w->target.webhook = conf;
	w->send = webhook_send;
	return way_least(conf->least, w, e) &&
	       (conf->secret_file == NULL ||
		   secret_load(conf->secret_file, &w->target.secret, e));
}

/* A way that is configured no more has nothing to say. */
static void
ways_forget_others(struct ways *all)
{
	json_t *rows = alerts_view(all->alerts);
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *subject = json_string_value(json_object_get(row, "subject"));
		bool found = strncmp(subject, "way:", 4) != 0;

		for (size_t n = 0; n < all->count && !found; n++)
			found = strcmp(all->rows[n].name, subject + 4) == 0;
		if (!found)
			alert_clear(all->alerts, subject);
	}
	json_decref(rows);
}

bool
ways_new(uv_loop_t *loop, const struct controller_conf *conf, struct alerts *alerts,
    struct ways **out, struct err *e)
{
	struct ways *all = XNEW(struct ways);
	bool ok = true;

	all->loop = loop;
	all->alerts = alerts;
	all->rows = xcalloc(
	    conf->alert_mail.count + conf->alert_webhook.count + 1, sizeof(*all->rows));
	*out = all;
	for (size_t i = 0; i < conf->alert_mail.count && ok; i++) {
		struct way *w = &all->rows[all->count++];

		ok = way_add_mail(
			 conf_row(&conf->alert_mail, &alert_mail_section, i), w, e) ||
		     err_wrap(e, "alert_mail \"%.60s\"", w->name + strlen("mail:"));
	}
	for (size_t i = 0; i < conf->alert_webhook.count && ok; i++) {
		struct way *w = &all->rows[all->count++];

		ok = way_add_webhook(
			 conf_row(&conf->alert_webhook, &alert_webhook_section, i), w,
			 e) ||
		     err_wrap(e, "alert_webhook \"%.60s\"", w->name + strlen("webhook:"));
	}
	if (ok)
		ways_forget_others(all);
	else
		ways_free(out);
	return ok;
}

void
ways_stop(struct ways *all)
{
	all->stopping = true;
	all->test_done = NULL;
	for (size_t i = 0; i < all->count; i++) {
		if (all->rows[i].job != NULL)
			work_cancel(&all->rows[i].job->work);
		if (all->rows[i].test_job != NULL)
			work_cancel(&all->rows[i].test_job->work);
	}
}

void
ways_free(struct ways **all)
{
	if (*all == NULL)
		return;
	for (size_t i = 0; i < (*all)->count; i++) {
		struct way *w = &(*all)->rows[i];

		while (w->queued > 0)
			alert_message_unref(&w->queue[--w->queued].message);
		secret_free(&w->target.secret);
	}
	free((*all)->rows);
	xfree(all);
}

void
ways_set_retry(struct ways *all, uint64_t first_ms)
{
	for (size_t i = 0; i < all->count; i++)
		all->rows[i].retry_ms = first_ms;
}
