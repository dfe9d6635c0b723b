/* SPDX-License-Identifier: Apache-2.0 */
/* A message, and how it reads: as a line, as a letter, as JSON. */
#include "controller/alert/message.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

#define BODY_MAX (64 * 1024)

struct alert_message *
alert_message_new(const char *event, enum alert_severity severity)
{
	struct alert_message *m = XNEW(struct alert_message);
	char **const fields[] = {
	    &m->key, &m->subject, &m->text, &m->meaning, &m->did, &m->next, &m->list};

	m->event = event;
	m->severity = severity;
	m->users = 1;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		*fields[i] = xstrdup("");
	return m;
}

void
alert_message_ref(struct alert_message *m)
{
	m->users++;
}

void
alert_message_unref(struct alert_message **mp)
{
	struct alert_message *m = *mp;

	*mp = NULL;
	if (m == NULL || --m->users > 0)
		return;
	free(m->key);
	free(m->subject);
	free(m->text);
	free(m->meaning);
	free(m->did);
	free(m->next);
	free(m->list);
	free(m->told);
	free(m);
}

void
alert_message_set(char **field, const char *text)
{
	free(*field);
	*field = xstrdup(text);
}

void
alert_message_add_told(struct alert_message *m, const struct alert_told *told)
{
	m->told = xrealloc_array(m->told, m->told_count + 1, sizeof(*m->told));
	m->told[m->told_count++] = *told;
}

static bool
message_is_over(const struct alert_message *m)
{
	return strcmp(m->event, "over") == 0;
}

char *
alert_message_subject(const struct alert_message *m)
{
	char severity[16];
	size_t i;

	if (message_is_over(m))
		return xasprintf("it is over: %s", m->text);
	snprintf(severity, sizeof(severity), "%s", alert_severity_name(m->severity));
	for (i = 0; severity[i] != '\0'; i++)
		severity[i] = (char)toupper((unsigned char)severity[i]);
	return xasprintf("%s: %s%s", severity, m->text,
	    strcmp(m->event, "repeated") == 0	      ? " (still so)"
	    : strcmp(m->event, "comes_and_goes") == 0 ? " (it comes and goes)"
						      : "");
}

static bool
body_add(struct buf *b, const char *title, const char *text)
{
	return text[0] == '\0' || buf_printf(b, "%s\n  %s\n\n", title, text);
}

char *
alert_message_body(const struct alert_message *m)
{
	char since[40];
	struct buf b;
	char *text;
	bool ok;

	buf_init(&b, BODY_MAX);
	clock_format(m->at_ms, since, sizeof(since));
	ok = message_is_over(m) ? buf_printf(&b, "It is over: %s\n\n", m->text)
				: body_add(&b, "What happened", m->text) &&
				      body_add(&b, "What it means", m->meaning) &&
				      body_add(&b, "What zmferry did", m->did) &&
				      body_add(&b, "What to do next", m->next);
	if (strcmp(m->event, "comes_and_goes") == 0)
		ok = ok && buf_printf(&b,
			       "It was over and came back. You hear of it again "
			       "when it stays, or stays away, for %d minutes.\n\n",
			       ALERT_CALM_MS / 60000);
	if (m->list[0] != '\0')
		ok = ok && buf_printf(&b, "%s\n", m->list);
	ok = ok && buf_printf(&b, "Severity %s, since %s, alert %s of %s.\n",
		       alert_severity_name(m->severity), since, m->key, m->subject);
	if (!message_is_over(m) && m->told_count == 1)
		ok = ok && buf_printf(&b,
			       "You have it in hand: zmferry alert ack %s\n"
			       "Quiet for a while: zmferry alert silence %s --for 2h\n",
			       m->subject, m->subject);
	(void)ok; /* above the ceiling the rest is left out */
	text = xstrdup(buf_str(&b));
	buf_fini(&b);
	return text;
}

json_t *
alert_message_json(const struct alert_message *m)
{
	char at[40];
	char now[40];

	clock_format(m->at_ms, at, sizeof(at));
	clock_format(m->now_ms, now, sizeof(now));
	return json_pack("{si ss ss ss si ss ss ss ss ss ss ss ss ss sI}", "version", 1,
	    "event", m->event, "severity", alert_severity_name(m->severity), "thread",
	    m->thread, "place", (int)m->place, "key", m->key, "subject", m->subject,
	    "text", m->text, "meaning", m->meaning, "did", m->did, "next", m->next,
	    "list", m->list, "at", at, "sent", now, "alerts", (json_int_t)m->told_count);
}
