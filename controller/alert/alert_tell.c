/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: what is due becomes messages, the outlet takes them, and says when they
 * got out. What can go wrong: many at once (one message tells of all), too many an hour (they
 * wait for each other), nobody takes messages (what is due stays due).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert_private.h"
#include "controller/journal.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define KEPT_MS (7LL * 24 * 3600 * 1000) /* of what is over: for flapping and silences */
#define AT_ONCE 5			 /* more are told in one message */
#define LISTED 50
#define FORGOTTEN_AT_ONCE 20 /* each is a commit */
#define BUDGET_EVERY_MS 60000

static void
message_take_told(struct alert_message *m, const struct alert_due_row *d, int64_t now)
{
	const struct alert_told told = {
	    .number = d->alert->number,
	    .phase = alert_phase_after(d->alert->state.phase, d->tell),
	    .told_ms = now,
	    .told_count = d->alert->told_count + 1,
	};

	alert_message_add_told(m, &told);
}

static struct alert_message *
message_of_one(const struct alert_due_row *d, int64_t now)
{
	const struct alert *a = d->alert;
	struct alert_message *m =
	    alert_message_new(alert_tell_name(d->tell), a->state.severity);

	alert_message_set(&m->key, alert_defs[a->key].name);
	alert_message_set(&m->subject, a->subject);
	alert_message_set(&m->text, a->text);
	alert_message_set(&m->meaning, a->meaning);
	alert_message_set(&m->did, a->did);
	alert_message_set(&m->next, a->next);
	snprintf(m->thread, sizeof(m->thread), "%s", a->thread);
	m->place = a->told_count;
	m->at_ms = a->state.at_ms;
	m->now_ms = now;
	m->is_about_delivery = a->key == ALERT_DELIVERY;
	if (m->is_about_delivery && strncmp(a->subject, "way:", 4) == 0)
		snprintf(m->skip_way, sizeof(m->skip_way), "%s", a->subject + 4);
	message_take_told(m, d, now);
	return m;
}

static struct alert_message *
message_of_many(const struct alert_due_row *due, size_t count, int64_t now)
{
	struct alert_message *m = alert_message_new("several", ALERT_INFO);
	char *text = xasprintf("%zu alerts at once", count);
	struct buf list;
	bool ok = true;

	buf_init(&list, 48 * 1024);
	snprintf(m->thread, sizeof(m->thread), "several-%lld", (long long)now);
	m->at_ms = m->now_ms = now;
	alert_message_set(&m->key, "several");
	alert_message_set(&m->subject, "several");
	alert_message_set(&m->text, text);
	alert_message_set(&m->meaning, "Each of them stands below with what to do.");
	alert_message_set(&m->did, "zmferry tells of them in one message.");
	alert_message_set(&m->next, "zmferry alerts");
	for (size_t i = 0; i < count; i++) {
		const struct alert *a = due[i].alert;

		message_take_told(m, &due[i], now);
		if (due[i].tell != ALERT_TELL_OVER && a->state.severity > m->severity)
			m->severity = a->state.severity;
		if (i < LISTED && ok)
			ok = due[i].tell == ALERT_TELL_OVER
				 ? buf_printf(&list, "it is over: %s\n\n", a->text)
				 : buf_printf(&list, "%s: %s\n  next: %s\n\n",
				       alert_severity_name(a->state.severity), a->text,
				       a->next);
	}
	if (count > LISTED && ok)
		ok = buf_printf(&list, "and %zu more\n", count - LISTED);
	(void)ok; /* above the ceiling the rest is left out; zmferry alerts has all */
	alert_message_set(&m->list, buf_str(&list));
	buf_fini(&list);
	free(text);
	return m;
}

/* Offers it; what is taken counts as told from now on, and is journaled when it got out. */
static bool
alerts_send(
    struct alerts *all, struct alert_message *m, struct alert_due_row *due, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct alert_state *s = &due[i].alert->state;

		due[i].before = *s;
		s->phase = alert_phase_after(s->phase, due[i].tell);
		s->told_ms = m->now_ms;
		due[i].alert->told_count++;
	}
	if (all->outlet.send(all->outlet.ctx, m)) {
		all->budget--;
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		due[i].alert->state = due[i].before;
		due[i].alert->told_count--;
	}
	alert_message_unref(&m);
	return false;
}

int
alert_due_compare(const void *left, const void *right)
{
	const struct alert_due_row *a = left;
	const struct alert_due_row *b = right;

	if (a->alert->state.severity != b->alert->state.severity)
		return a->alert->state.severity > b->alert->state.severity ? -1 : 1;
	return a->alert->number < b->alert->number   ? -1
	       : a->alert->number > b->alert->number ? 1
						     : 0;
}

static void
alerts_refill(struct alerts *all, int64_t now)
{
	int64_t steps = all->budget_ms == 0 || now < all->budget_ms
			    ? BUDGET
			    : (now - all->budget_ms) / BUDGET_EVERY_MS;

	if (steps <= 0)
		return;
	all->budget_ms = now;
	all->budget = steps >= BUDGET || all->budget + steps > BUDGET
			  ? BUDGET
			  : all->budget + (uint32_t)steps;
}

static void
alerts_forget_old(struct alerts *all, int64_t now)
{
	struct err e;

	for (size_t i = all->count, some = FORGOTTEN_AT_ONCE; i-- > 0 && some > 0;) {
		struct alert *a = all->rows[i];

		if (a->state.raised || now - a->state.cleared_ms < KEPT_MS ||
		    !journal_alert_forget(all->options.journal, a, &e))
			continue;
		some--;
		alert_free(&all->rows[i]);
		memmove(&all->rows[i], &all->rows[i + 1],
		    (--all->count - i) * sizeof(struct alert *));
	}
}

void
alerts_tick(struct alerts *all)
{
	struct alert_due_row *due = xcalloc(all->count + 1, sizeof(*due));
	int64_t now = alerts_now(all);
	size_t count = 0;

	alerts_refill(all, now);
	alerts_forget_old(all, now);
	for (size_t i = 0; i < all->count && all->outlet.send != NULL; i++) {
		enum alert_tell tell =
		    alert_due(&all->rows[i]->state, &all->options.schedule, now);

		if (tell != ALERT_TELL_NOTHING)
			due[count++] =
			    (struct alert_due_row){.alert = all->rows[i], .tell = tell};
	}
	if (count > 0)
		qsort(due, count, sizeof(*due), alert_due_compare);
	if (count > AT_ONCE || count > all->budget) {
		if (all->budget > 0 &&
		    !alerts_send(all, message_of_many(due, count, now), due, count))
			log_debug(NULL, "%zu alerts wait: the ways out are full", count);
	} else {
		for (size_t i = 0; i < count; i++) {
			if (!alerts_send(all, message_of_one(&due[i], now), &due[i], 1))
				break;
		}
	}
	free(due);
}

/* Rows stand in the order of their numbers. */
static struct alert *
alerts_by_number(struct alerts *all, uint64_t number)
{
	size_t low = 0;
	size_t high = all->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all->rows[middle]->number == number)
			return all->rows[middle];
		if (all->rows[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void
alerts_on_sent(struct alerts *all, const struct alert_message *message, const char *way,
    const struct err *why)
{
	struct err e;
	/* Of many, one commit: each waits for the disk, on the loop thread. */
	bool batch =
	    message->told_count > 1 && journal_batch_begin(all->options.journal, &e);
	char at[40];

	clock_format(alerts_now(all), at, sizeof(at));
	for (size_t i = 0; i < message->told_count; i++) {
		const struct alert_told *told = &message->told[i];
		struct alert *a = alerts_by_number(all, told->number);

		if (a == NULL)
			continue;
		if (way != NULL)
			json_object_set_new(a->sent, way,
			    json_pack("{sssbss}", "at", at, "ok", why == NULL, "text",
				why == NULL ? message->event : why->text));
		/* A later beginning is not told by an earlier message. */
		if (told->told_count > a->done.told_count &&
		    told->told_ms >= a->state.at_ms)
			a->done = *told;
		alerts_save(all, a);
	}
	if (batch && !journal_batch_end(all->options.journal, true, &e))
		log_warn(NULL, "what was told of is not journaled: %s", e.text);
}
