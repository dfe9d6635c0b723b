/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person is told of one move: that it lasts, that it waits for him, what to run next.
 * A raiser gives facts; the sentences stand in alert/table.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/move_private.h"

#define STAY_ALERT_AFTER 3
#define FULL_ALERT_AFTER 8   /* tries: about half a minute */
#define LOCKED_ALERT_AFTER 8 /* tries: about half a minute */

/* Somebody waits locked out, or the move waits for ever: a person should know. */
void
move_alert_if_it_lasts(struct moves *all, struct move *m,
    const struct move_effect *effect, const struct err *why)
{
	bool stays = effect->on_failure == EFFECT_STAY && m->attempts >= STAY_ALERT_AFTER;
	bool locked = (move_states[m->state].holds & LOCKED) != 0 &&
		      m->attempts >= LOCKED_ALERT_AFTER;
	bool full = why->kind == ERR_FULL && m->attempts >= FULL_ALERT_AFTER;

	if (m->alerted || (!stays && !locked && !full))
		return;
	m->alerted = true;
	alert_raise(all->host.alerts,
	    (move_states[m->state].holds & LOCKED) != 0 ? ALERT_MOVE_LOCKED
							: ALERT_MOVE_WAITS,
	    m->id,
	    ALERT_FACTS("account", m->account_name, "state", move_states[m->state].name,
		"step", effect->name, "why", why->text, "move", m->id, "source",
		m->source));
}

/* Whoever is asked may say nothing at all. */
void
move_on_locked_long(void *owner, uint32_t number, uint32_t step_no)
{
	struct moves *all = owner;
	struct move *m = moves_find(all, number);
	char why[LIMIT_TEXT];

	if (all->stopping || m == NULL || m->step_no != step_no || m->alerted)
		return;
	m->alerted = true;
	snprintf(
	    why, sizeof(why), "it has lasted for %d minutes", LOCKED_LONG_MS / 60000);
	alert_raise(all->host.alerts, ALERT_MOVE_LOCKED, m->id,
	    ALERT_FACTS("account", m->account_name, "state", move_states[m->state].name,
		"step", m->doing, "why", why, "move", m->id, "source", m->source));
}

void
move_calm(struct moves *all, struct move *m)
{
	if (!m->alerted)
		return;
	m->alerted = false;
	alert_clear(all->host.alerts, m->id);
}

void
move_aside_subject(const struct move *m, char *out, size_t size)
{
	snprintf(out, size, "%s aside", m->id);
}

/* A copy of our own that the agent will not delete holds mail that is nowhere else. */
void
move_alert_mail_aside(struct moves *all, const struct move *m,
    const struct move_effect *effect, const struct err *why)
{
	char job[LIMIT_ID], subject[LIMIT_ID + 8];

	if (effect->kind != ASK_DROP_ROW || why->kind != ERR_REFUSED ||
	    m->home_is_elsewhere)
		return;
	snprintf(job, sizeof(job), "j%u", m->job_number);
	move_aside_subject(m, subject, sizeof(subject));
	alert_raise(all->host.alerts, ALERT_MOVE_MAIL_ASIDE, subject,
	    ALERT_FACTS("account", m->account_name, "source", m->source, "target",
		m->target, "why", why->text, "move", m->id, "job", job));
}

/* What a person should know of a move in this state; ALERT_KEY_COUNT = nothing. */
static enum alert_key
move_alert_key(const struct move *m)
{
	if (m->state == MOVE_ABANDONED)
		return m->data.gone ? ALERT_MOVE_GONE : ALERT_MOVE_SET_ASIDE;
	if (m->state == MOVE_STUCK && m->stuck_from == MOVE_OPENING && !m->data.restored)
		return ALERT_MOVE_STUCK_LOCKED;
	if (m->state == MOVE_STUCK)
		return (move_states[m->stuck_from].holds & ARRIVED) != 0
			   ? ALERT_MOVE_PURGE_STUCK
			   : ALERT_MOVE_STUCK;
	if (m->state == MOVE_SETTLED && m->data.from_spool)
		return ALERT_MOVE_FROM_SPOOL;
	if (m->state == MOVE_SETTLED && m->data.left_behind)
		return ALERT_MOVE_LEFT_BEHIND;
	if (m->state == MOVE_SETTLED && !m->data.no_mailbox &&
	    strcmp(m->data.verdict, "clean") != 0)
		return ALERT_MOVE_NOT_CLEAN;
	if (m->state == MOVE_SETTLED && !m->data.no_mailbox && m->error[0] != '\0')
		return ALERT_MOVE_COPY_STAYS;
	return ALERT_KEY_COUNT;
}

void
move_next_step(const struct move *m, char *out, size_t size)
{
	enum alert_key key = move_alert_key(m);
	char job[LIMIT_ID];
	char *text;

	out[0] = '\0';
	if (key == ALERT_KEY_COUNT)
		return;
	snprintf(job, sizeof(job), "j%u", m->job_number);
	text = alert_render(alert_defs[key].next,
	    ALERT_FACTS("account", m->account_name, "move", m->id, "job", job, "source",
		m->source, "target", m->target));
	snprintf(out, size, "%s", text);
	free(text);
}

void
move_alert(struct alerts *alerts, const struct move *m)
{
	enum alert_key key = move_alert_key(m);
	const char *why = m->error;
	char self[WORLD_NAME + 16];
	char job[LIMIT_ID];

	if (key == ALERT_KEY_COUNT)
		return;
	snprintf(job, sizeof(job), "j%u", m->job_number);
	/* The reason begins with the account too: once is enough. */
	snprintf(self, sizeof(self), "account %s: ", m->account_name);
	if (key != ALERT_MOVE_GONE && strncmp(why, self, strlen(self)) == 0)
		why += strlen(self);
	alert_raise(alerts, key, m->id,
	    ALERT_FACTS("account", m->account_name, "state",
		move_states[m->stuck_from].name, "why", why, "move", m->id, "job", job,
		"source", m->source, "target", m->target));
}
