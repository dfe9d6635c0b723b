/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: raised, journaled, told at the next tick, told again by schedule, over,
 * told once more, forgotten a week later. What can go wrong: the journal cannot be written
 * (memory goes on). Not here: when something is due (schedule.c), telling (alert_tell.c).
 */
#include "controller/alert/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert_private.h"
#include "controller/journal.h"
#include "controller/json_values.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"

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

int64_t
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

void
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

/* --- shown --- */

static json_t *
words(const char *text)
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

	json_object_set_new(row, "subject", words(a->subject));
	json_object_set_new(row, "node", words(a->node));
	json_object_set_new(row, "text", words(a->text));
	json_object_set_new(row, "meaning", words(a->meaning));
	json_object_set_new(row, "did", words(a->did));
	json_object_set_new(row, "next", words(a->next));
	json_object_set_new(row, "comes_and_goes", json_boolean(a->state.returns > 0));
	json_object_set_new(row, "acked_by", words(a->acked_by));
	json_object_set_new(row, "acked_at", json_time(a->acked_ms));
	json_object_set_new(row, "silenced_by", words(a->silenced_by));
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
	struct alert_due_row *raised = xcalloc(all->count + 1, sizeof(*raised));
	json_t *rows = json_array();
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++) {
		if (all->rows[i]->state.raised)
			raised[count++].alert = all->rows[i];
	}
	if (count > 0)
		qsort(raised, count, sizeof(*raised), alert_due_compare);
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
