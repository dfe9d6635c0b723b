/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: raised, journaled, told at the next tick, told again by schedule, over,
 * told once more, forgotten a week later. What can go wrong: the journal cannot be written
 * (memory goes on), many alerts at once (one message tells of all), nobody takes messages
 * (what is due stays due). Not here: when something is due (schedule.c), how it gets out.
 */
#include "controller/alert/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/journal.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"

#define KEPT_MS (7LL * 24 * 3600 * 1000) /* of what is over: for flapping and silences */
#define AT_ONCE 5			 /* more are told in one message */
#define LISTED 50
#define BUDGET 10 /* messages at once; then one a minute */
#define BUDGET_EVERY_MS 60000

struct alerts {
	struct alerts_options options;
	struct alerts_outlet outlet;
	struct alert **rows;
	size_t count;
	uint64_t next_number;
	uint32_t budget;
	int64_t budget_ms;
	bool unsaved_said;
};

void
alert_free(struct alert **a)
{
	if (*a == NULL)
		return;
	free((*a)->text);
	free((*a)->meaning);
	free((*a)->did);
	free((*a)->next);
	json_decref((*a)->sent);
	xfree(a);
}

static int64_t
alerts_now(const struct alerts *all)
{
	return all->options.wall_ms == NULL ? clock_wall_ms() : all->options.wall_ms();
}

static void
alerts_keep(struct alert *take_row, void *ctx)
{
	struct alerts *all = ctx;

	all->rows = xrealloc_array(all->rows, all->count + 1, sizeof(struct alert *));
	all->rows[all->count++] = take_row;
	if (take_row->number >= all->next_number)
		all->next_number = take_row->number + 1;
}

/* What cannot be journaled is in memory, and told: said once, not for each. */
static void
alerts_save(struct alerts *all, const struct alert *a)
{
	struct err e;

	if (journal_alert_save(all->options.journal, a, &e)) {
		all->unsaved_said = false;
		return;
	}
	if (!all->unsaved_said)
		log_warn(NULL, "alert %s of %s: %s (not journaled)",
		    alert_defs[a->key].name, a->subject, e.text);
	all->unsaved_said = true;
}

/* Subjects hold names from outside: in mails and on terminals they are one line. */
static void
subject_tidy(const char *subject, char out[ALERT_SUBJECT])
{
	snprintf(out, ALERT_SUBJECT, "%s", subject);
	utf8_tidy(out);
}

static struct alert *
alerts_of(const struct alerts *all, const char *name)
{
	char subject[ALERT_SUBJECT];

	subject_tidy(name, subject);
	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->rows[i]->subject, subject) == 0)
			return all->rows[i];
	}
	return NULL;
}

/* --- raised, over --- */

static void
alert_set_text(char **field, const char *text, const char *const *facts)
{
	free(*field);
	*field = alert_render(text, facts);
}

static void
alert_set_texts(struct alert *a, enum alert_key key, const char *const *facts)
{
	const struct alert_def *def = &alert_defs[key];

	a->key = key;
	a->state.severity = def->severity;
	alert_set_text(&a->text, def->what, facts);
	alert_set_text(&a->meaning, def->meaning, facts);
	alert_set_text(&a->did, def->did, facts);
	alert_set_text(&a->next, def->next, facts);
	a->node[0] = '\0';
	for (; facts != NULL && facts[0] != NULL && facts[1] != NULL; facts += 2) {
		if (strcmp(facts[0], "node") == 0 || strcmp(facts[0], "source") == 0)
			subject_tidy(facts[1], a->node);
	}
}

/* Not raised until now, or raised for another reason: somebody should hear of it. */
static void
alert_begin(struct alert *a, bool goes_on, int64_t now)
{
	struct alert_state *s = &a->state;
	bool soon =
	    !s->raised && s->cleared_ms != 0 && now - s->cleared_ms < ALERT_CALM_MS;

	s->at_ms = now;
	if (soon) { /* who has it in hand still has */
		s->returns++;
		s->raised = true;
		return;
	}
	s->raised = true;
	s->returns = 0;
	s->phase = a->done.phase = ALERT_UNTOLD;
	s->acked = false;
	a->acked_by[0] = '\0';
	a->acked_ms = 0;
	if (goes_on)
		return;
	a->told_count = a->done.told_count = 0;
	snprintf(a->thread, sizeof(a->thread), "alert-%llu-%lld",
	    (unsigned long long)a->number, (long long)now);
}

void
alert_raise(
    struct alerts *all, enum alert_key key, const char *subject, const char *const *facts)
{
	struct alert *a = alerts_of(all, subject);
	char *text;
	bool fresh;

	if (a == NULL) {
		a = XNEW(struct alert);
		subject_tidy(subject, a->subject);
		a->number = all->next_number;
		a->done.number = a->number;
		a->sent = json_object();
		alerts_keep(a, all);
	}
	fresh = !a->state.raised || a->key != key;
	if (!fresh) { /* nothing is written when nothing is new: some raisers look often */
		text = alert_render(alert_defs[key].what, facts);
		fresh = strcmp(text, a->text) != 0;
		free(text);
		if (!fresh)
			return;
		alert_set_texts(a, key, facts);
	} else {
		bool goes_on = a->state.raised;
		bool other = a->text != NULL && a->key != key;

		alert_set_texts(a, key, facts);
		if (other && !goes_on)
			a->state.cleared_ms =
			    0; /* another thing, not the same come back */
		alert_begin(a, goes_on, alerts_now(all));
	}
	alerts_save(all, a);
	journal_event(all->options.journal, "alert", a->subject, a->text);
}

void
alert_clear(struct alerts *all, const char *subject)
{
	struct alert *a = alerts_of(all, subject);

	if (a == NULL || !a->state.raised)
		return;
	a->state.raised = false;
	a->state.cleared_ms = alerts_now(all);
	alerts_save(all, a);
	journal_event(all->options.journal, "info", a->subject, "its alert is over");
}

bool
alert_is_raised(const struct alerts *all, enum alert_key key, const char *subject)
{
	const struct alert *a = alerts_of(all, subject);

	return a != NULL && a->state.raised && a->key == key;
}

/* --- people --- */

const struct alert *
alert_find(const struct alerts *all, const char *name)
{
	const struct alert *a = alerts_of(all, name);
	char *end;
	unsigned long long number;

	if (a != NULL || name[0] < '0' || name[0] > '9')
		return a != NULL && a->state.raised ? a : NULL;
	number = strtoull(name, &end, 10);
	for (size_t i = 0; i < all->count && *end == '\0'; i++) {
		if (all->rows[i]->number == number && all->rows[i]->state.raised)
			return all->rows[i];
	}
	return NULL;
}

static struct alert *
alerts_raised(struct alerts *all, const char *subject, struct err *e)
{
	const struct alert *found = alert_find(all, subject);

	if (found == NULL) {
		err_set(e, ERR_REFUSED, "%.100s: there is no such alert, or it is over",
		    subject);
		return NULL;
	}
	return alerts_of(all, found->subject);
}

bool
alert_ack(struct alerts *all, const char *subject, const char *who, struct err *e)
{
	struct alert *a = alerts_raised(all, subject, e);

	if (a == NULL)
		return false;
	a->state.acked = true;
	a->acked_ms = alerts_now(all);
	snprintf(a->acked_by, sizeof(a->acked_by), "%s", who);
	alerts_save(all, a);
	return true;
}

bool
alert_silence(struct alerts *all, const char *subject, uint32_t seconds, const char *who,
    struct err *e)
{
	struct alert *a = alerts_raised(all, subject, e);

	if (a == NULL)
		return false;
	a->state.silenced_until_ms =
	    seconds == 0 ? 0 : alerts_now(all) + (int64_t)seconds * 1000;
	snprintf(a->silenced_by, sizeof(a->silenced_by), "%s", seconds == 0 ? "" : who);
	alerts_save(all, a);
	return true;
}

/* --- telling --- */

/* The tick's list of what is due. */
struct due {
	struct alert *alert;
	enum alert_tell tell;
	struct alert_state before;
};

static void
message_take_told(struct alert_message *m, const struct due *d, int64_t now)
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
message_of_one(const struct due *d, int64_t now)
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
message_of_many(const struct due *due, size_t count, int64_t now)
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
alerts_send(struct alerts *all, struct alert_message *m, struct due *due, size_t count)
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

static int
due_compare(const void *left, const void *right)
{
	const struct due *a = left;
	const struct due *b = right;

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

	for (size_t i = all->count; i-- > 0;) {
		struct alert *a = all->rows[i];

		if (a->state.raised || now - a->state.cleared_ms < KEPT_MS ||
		    !journal_alert_forget(all->options.journal, a, &e))
			continue;
		alert_free(&all->rows[i]);
		memmove(&all->rows[i], &all->rows[i + 1],
		    (--all->count - i) * sizeof(struct alert *));
	}
}

void
alerts_tick(struct alerts *all)
{
	struct due *due = xcalloc(all->count + 1, sizeof(*due));
	int64_t now = alerts_now(all);
	size_t count = 0;

	alerts_refill(all, now);
	alerts_forget_old(all, now);
	for (size_t i = 0; i < all->count && all->outlet.send != NULL; i++) {
		enum alert_tell tell =
		    alert_due(&all->rows[i]->state, &all->options.schedule, now);

		if (tell != ALERT_TELL_NOTHING)
			due[count++] = (struct due){.alert = all->rows[i], .tell = tell};
	}
	if (count > 0)
		qsort(due, count, sizeof(*due), due_compare);
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

static struct alert *
alerts_by_number(struct alerts *all, uint64_t number)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->rows[i]->number == number)
			return all->rows[i];
	}
	return NULL;
}

void
alerts_on_sent(struct alerts *all, const struct alert_message *message, const char *way,
    const struct err *why)
{
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
}

/* --- shown --- */

static json_t *
json_time(int64_t at_ms)
{
	char text[40] = "";

	if (at_ms != 0)
		clock_format(at_ms, text, sizeof(text));
	return json_string(text);
}

static json_t *
json_text(const char *text)
{
	json_t *value = json_string(text);

	return value != NULL ? value : json_string("(not UTF-8)");
}

json_t *
alert_view(const struct alert *a)
{
	json_t *row = json_pack("{sIsssssoso}", "id", (json_int_t)a->number, "key",
	    alert_defs[a->key].name, "severity", alert_severity_name(a->state.severity),
	    "at", json_time(a->state.at_ms), "sent", json_array());
	const char *way;
	json_t *sent;

	json_object_set_new(row, "subject", json_text(a->subject));
	json_object_set_new(row, "node", json_text(a->node));
	json_object_set_new(row, "text", json_text(a->text));
	json_object_set_new(row, "meaning", json_text(a->meaning));
	json_object_set_new(row, "did", json_text(a->did));
	json_object_set_new(row, "next", json_text(a->next));
	json_object_set_new(row, "comes_and_goes", json_boolean(a->state.returns > 0));
	json_object_set_new(row, "acked_by", json_text(a->acked_by));
	json_object_set_new(row, "acked_at", json_time(a->acked_ms));
	json_object_set_new(row, "silenced_by", json_text(a->silenced_by));
	json_object_set_new(row, "silenced_until", json_time(a->state.silenced_until_ms));
	json_object_foreach(a->sent, way, sent)
	{
		json_t *copy = json_copy(sent);

		json_object_set_new(copy, "way", json_string(way));
		json_array_append_new(json_object_get(row, "sent"), copy);
	}
	return row;
}

json_t *
alerts_view(const struct alerts *all)
{
	struct due *raised = xcalloc(all->count + 1, sizeof(*raised));
	json_t *rows = json_array();
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++) {
		if (all->rows[i]->state.raised)
			raised[count++].alert = all->rows[i];
	}
	if (count > 0)
		qsort(raised, count, sizeof(*raised), due_compare);
	for (size_t i = 0; i < count; i++) {
		struct alert *a = raised[i].alert;

		/* A silence that is over is none. */
		if (a->state.silenced_until_ms != 0 &&
		    a->state.silenced_until_ms <= alerts_now(all)) {
			a->state.silenced_until_ms = 0;
			a->silenced_by[0] = '\0';
		}
		json_array_append_new(rows, alert_view(a));
	}
	free(raised);
	return rows;
}

void
alerts_count(const struct alerts *all, uint64_t counts_out[ALERT_SEVERITY_COUNT])
{
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++)
		counts_out[i] = 0;
	for (size_t i = 0; i < all->count; i++)
		counts_out[all->rows[i]->state.severity] += all->rows[i]->state.raised;
}

/* --- life --- */

bool
alerts_new(const struct alerts_options *options, struct alerts **out, struct err *e)
{
	struct alerts *all = XNEW(struct alerts);

	all->options = *options;
	all->next_number = 1;
	all->budget = BUDGET;
	*out = all;
	if (journal_alerts_load(options->journal, alerts_keep, all, e))
		return true;
	alerts_free(out);
	return false;
}

void
alerts_free(struct alerts **all)
{
	if (*all == NULL)
		return;
	for (size_t i = 0; i < (*all)->count; i++)
		alert_free(&(*all)->rows[i]);
	free((*all)->rows);
	xfree(all);
}

void
alerts_set_outlet(struct alerts *all, const struct alerts_outlet *outlet)
{
	all->outlet = *outlet;
}
