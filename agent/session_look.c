/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: one DumpSessions, the pages, nothing kept. What can go wrong:
 * mailboxd does not answer or not wholly (that is told: nobody is idle on a guess), the
 * link is gone or full (the controller misses the last page, and asks again).
 */
#include "agent/session_look.h"

#include "agent/mailbox/sessions.h"
#include "proto/base/clock.h"
#include "proto/base/work.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define ANSWER_MS 20000

struct session_look {
	struct work work; /* first */
	struct agent *agent;
	struct soap_client *soap; /* kept: one login for all */
	struct session_list list;
	uint64_t look; /* the latest question */
	bool running;
};

static bool
session_look_run(struct work *work)
{
	struct session_look *l = (struct session_look *)work;

	return sessions_list(l->soap, clock_wall_ms(), &l->list, &work->err);
}

static bool
session_look_send(struct session_look *l, Wire__SessionPage *page)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;

	m.body_case = WIRE__ENVELOPE__BODY_SESSION_PAGE;
	m.session_page = page;
	return agent_send(l->agent, &m);
}

static void
session_look_tell_failure(struct session_look *l, const struct err *why)
{
	Wire__SessionPage page = WIRE__SESSION_PAGE__INIT;

	page.look = l->look;
	page.last = true;
	page.kind = (Wire__ErrorKind)why->kind;
	page.text = frame_bytes(why->text);
	(void)session_look_send(l, &page);
}

static void
session_look_tell(struct session_look *l)
{
	bool sent = true;

	for (uint32_t n = 0; sent && n < sessions_page_count(&l->list); n++) {
		Wire__SessionPage page;

		sessions_page(&l->list, l->look, n, &page);
		sent = session_look_send(l, &page);
		sessions_page_free(&page);
	}
}

static void
session_look_done(struct work *work)
{
	struct session_look *l = (struct session_look *)work;

	l->running = false;
	if (!l->agent->stopping && work->ok)
		session_look_tell(l);
	else if (!l->agent->stopping)
		session_look_tell_failure(l, &work->err);
	sessions_free(&l->list);
}

void
session_look_begin(struct session_look *l, const Wire__Sessions *wanted)
{
	struct err e;

	l->look = wanted->look;
	if (l->running)
		return;
	if (l->soap == NULL)
		l->soap = agent_soap_within(l->agent, ANSWER_MS);
	l->running = work_submit(&l->agent->loop, &l->work, &e);
	if (!l->running)
		session_look_tell_failure(l, &e);
}

struct session_look *
session_look_new(struct agent *a)
{
	struct session_look *l = XNEW(struct session_look);

	l->agent = a;
	l->work.run = session_look_run;
	l->work.done = session_look_done;
	return l;
}

void
session_look_free(struct session_look **l)
{
	if (*l == NULL)
		return;
	soap_client_free(&(*l)->soap);
	sessions_free(&(*l)->list);
	xfree(l);
}
