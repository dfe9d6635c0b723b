/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the directory is read once, then the mailbox servers are asked, a few
 * at a time, then the fleet adds what it knows and the facts are judged. What can go wrong
 * is a fact itself: a server that does not answer is written down and the next is asked.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/controller.h"
#include "controller/doctor.h"
#include "controller/journal_seeding.h"
#include "controller/move_checks.h"
#include "controller/world_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/zimbra/version.h"

#define AT_ONCE 4 /* servers asked at the same time */
#define ANSWER_MS 8000
#define GREETING_MS 3000

struct doctor {
	struct work work; /* the directory's part */
	struct controller *c;
	struct world_live *w;
	struct directory *directory;
	struct doctor_facts facts;
	unsigned *lmtp_ports; /* one a server; owned */
	char (
	    *held)[LIMIT_ID]; /* accounts that moves are under way of, ascending; owned */
	size_t held_count;
	size_t next_server;
	size_t open_visits;
	void (*done)(void *owner, const struct doctor_report *report);
	void *owner;
};

/* One server being asked; the pool thread sees only this. */
struct visit {
	struct work work;
	struct doctor *doctor;
	size_t index;
	unsigned lmtp_port;
	char address[WORLD_NAME];
	struct doctor_server found;
};

/* --- the directory, on the pool --- */

static bool
on_server(const struct server_facts *s, void *ctx)
{
	struct doctor *d = ctx;
	struct doctor_server *row;

	if (!s->has_mailbox)
		return true;
	row = doctor_add_server(&d->facts, s->host);
	row->lmtp_permanent_when_over_quota = s->lmtp_permanent_when_over_quota;
	d->lmtp_ports =
	    xrealloc_array(d->lmtp_ports, d->facts.server_count, sizeof(*d->lmtp_ports));
	d->lmtp_ports[d->facts.server_count - 1] = s->lmtp_port;
	return true;
}

struct census {
	struct doctor *doctor;
	struct doctor_server *row;
	unsigned lmtp_port;
};

static int
compare_held(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
held_on_move(struct move *m, void *ctx)
{
	struct doctor *d = ctx;

	if ((move_states[m->state].holds & MOVE_END) != 0)
		return;
	d->held = xrealloc_array(d->held, d->held_count + 1, sizeof(*d->held));
	snprintf(d->held[d->held_count++], sizeof(*d->held), "%s", m->account_id);
}

static void
look_for_frozen(struct census *census, const struct account_facts *a)
{
	const struct doctor *d = census->doctor;

	if (!a->looks_frozen ||
	    (d->held_count > 0 && bsearch(a->id, d->held, d->held_count, sizeof(*d->held),
				      compare_held) != NULL))
		return;
	if (census->row->frozen++ == 0)
		snprintf(census->row->frozen_example, sizeof(census->row->frozen_example),
		    "%s", a->name);
}

static bool
on_account(const struct account_facts *a, void *ctx)
{
	struct census *census = ctx;
	struct move m = {0};
	struct ask_account facts;
	struct err e;

	snprintf(m.account_id, sizeof(m.account_id), "%s", a->id);
	snprintf(m.account_name, sizeof(m.account_name), "%s", a->name);
	snprintf(m.source, sizeof(m.source), "%s", census->row->host);
	live_account_facts(a, &facts);
	facts.source_lmtp_port = census->lmtp_port;
	snprintf(facts.target_id, sizeof(facts.target_id), "any");
	census->row->accounts++;
	look_for_frozen(census, a);
	if (check_account(&m, &facts, census->doctor->w->own_admin_id, &e))
		return true;
	if (census->row->refused++ == 0)
		snprintf(census->row->refused_example,
		    sizeof(census->row->refused_example), "%s", e.text);
	return true;
}

static bool
doctor_run(struct work *work)
{
	struct doctor *d = (struct doctor *)work;
	struct account_facts admin;
	struct err *e = &work->err;
	bool ok = directory_list_servers(d->directory, on_server, d, e) &&
		  directory_find_account(
		      d->directory, d->facts.admin, &d->facts.admin_found, &admin, e);

	if (!ok)
		return false;
	d->facts.admin_is_global = admin.is_admin;
	account_facts_fini(&admin);
	for (size_t i = 0; ok && i < d->facts.server_count; i++) {
		struct census census = {d, &d->facts.servers[i], d->lmtp_ports[i]};

		ok = directory_list_accounts(
		    d->directory, d->facts.servers[i].host, on_account, &census, e);
	}
	return ok;
}

/* --- a server, on the pool --- */

static void
visit_soap(struct visit *v)
{
	struct soap_client *c =
	    live_soap(v->doctor->w, v->found.host, ANSWER_MS, &v->work.cancelled);
	struct err e;

	if (!zimbra_version(c, v->found.version, sizeof(v->found.version), &e))
		snprintf(v->found.soap_error, sizeof(v->found.soap_error), "%s", e.text);
	soap_client_free(&c);
}

static void
visit_lmtp(struct visit *v)
{
	struct pollfd in = {.events = POLLIN};
	char greeting[64] = "";
	struct err e;
	ssize_t n = -1;

	if (!tls_tcp_connect(
		v->address, (uint16_t)v->lmtp_port, GREETING_MS, &in.fd, &e)) {
		snprintf(v->found.lmtp_error, sizeof(v->found.lmtp_error), "%s", e.text);
		return;
	}
	if (poll(&in, 1, GREETING_MS) == 1)
		n = read(in.fd, greeting, sizeof(greeting) - 1);
	close(in.fd);
	if (n <= 0)
		snprintf(v->found.lmtp_error, sizeof(v->found.lmtp_error),
		    "port %u is open and silent", v->lmtp_port);
	else if (strncmp(greeting, "220", 3) != 0)
		snprintf(v->found.lmtp_error, sizeof(v->found.lmtp_error),
		    "port %u greets with something else than 220", v->lmtp_port);
}

static bool
visit_run(struct work *work)
{
	struct visit *v = (struct visit *)work;

	visit_soap(v);
	visit_lmtp(v);
	return true;
}

/* --- on the loop --- */

static void
doctor_on_node(const struct fleet_node *n, void *ctx)
{
	struct doctor *d = ctx;
	uint64_t used = n->spool_total_bytes - n->spool_free_bytes + n->reserved_bytes;
	uint64_t limit = n->spool_total_bytes / 100 * d->w->conf->fill_limit;
	struct doctor_server *s = NULL;

	for (size_t i = 0; i < d->facts.server_count && s == NULL; i++) {
		if (strcasecmp(d->facts.servers[i].host, n->name) == 0)
			s = &d->facts.servers[i];
	}
	if (s == NULL) {
		d->facts.strangers = xrealloc_array(d->facts.strangers,
		    d->facts.stranger_count + 1, sizeof(*d->facts.strangers));
		snprintf(d->facts.strangers[d->facts.stranger_count++], WORLD_NAME, "%s",
		    n->name);
		return;
	}
	s->has_agent = n->connected && n->has_inventory;
	s->healthy = n->healthy;
	snprintf(s->note, sizeof(s->note), "%s", n->note);
	snprintf(s->agent_version, sizeof(s->agent_version), "%s", n->version);
	s->spool_is_persistent = n->spool_is_persistent;
	s->mailbox_bytes = n->mailbox_bytes;
	s->room_bytes = used < limit ? limit - used : 0;
}

static void
doctor_end(struct doctor *d)
{
	struct doctor_report report;

	if (d->facts.directory_error[0] == '\0')
		fleet_each(d->c->fleet, doctor_on_node, d);
	doctor_judge(&d->facts, &report);
	/* At the end nobody waits any more: requests have been answered. */
	if (!d->w->stopping)
		d->done(d->owner, &report);
	doctor_report_free(&report);
	doctor_facts_free(&d->facts);
	free(d->lmtp_ports);
	free(d->held);
	free(d);
}

static void doctor_visit_next(struct doctor *d);

static void
visit_done(struct work *work)
{
	struct visit *v = (struct visit *)work;
	struct doctor *d = v->doctor;
	struct doctor_server *row = &d->facts.servers[v->index];

	memcpy(row->version, v->found.version, sizeof(row->version));
	memcpy(row->soap_error, v->found.soap_error, sizeof(row->soap_error));
	memcpy(row->lmtp_error, v->found.lmtp_error, sizeof(row->lmtp_error));
	free(v);
	d->open_visits--;
	doctor_visit_next(d);
	if (d->open_visits == 0)
		doctor_end(d);
}

/* The next server, if there is one and the pool has room for it. */
static void
doctor_visit_next(struct doctor *d)
{
	while (d->open_visits < AT_ONCE && d->next_server < d->facts.server_count) {
		size_t index = d->next_server++;
		struct doctor_server *row = &d->facts.servers[index];
		struct visit *v = XNEW(struct visit);
		struct err e;

		v->doctor = d;
		v->index = index;
		v->lmtp_port = d->lmtp_ports[index];
		snprintf(v->found.host, sizeof(v->found.host), "%s", row->host);
		live_address(d->w, row->host, v->address, sizeof(v->address));
		v->work.run = visit_run;
		v->work.done = visit_done;
		if (work_submit(d->w->loop, &v->work, &e)) {
			d->open_visits++;
			continue;
		}
		snprintf(row->soap_error, sizeof(row->soap_error), "not asked: %.400s",
		    e.text);
		snprintf(row->lmtp_error, sizeof(row->lmtp_error), "not asked: %.400s",
		    e.text);
		free(v);
	}
}

static void
doctor_directory_done(struct work *work)
{
	struct doctor *d = (struct doctor *)work;

	live_give_directory(d->w, d->directory);
	if (!work->ok) {
		snprintf(d->facts.directory_error, sizeof(d->facts.directory_error), "%s",
		    work->err.text);
		d->facts.server_count = 0;
	}
	if (!d->w->stopping)
		doctor_visit_next(d);
	if (d->open_visits == 0)
		doctor_end(d);
}

void
doctor_start(struct controller *c,
    void (*done)(void *owner, const struct doctor_report *report), void *owner)
{
	struct doctor *d = XNEW(struct doctor);
	struct err e;

	d->c = c;
	d->w = c->world;
	d->done = done;
	d->owner = owner;
	snprintf(d->facts.admin, sizeof(d->facts.admin), "%s", c->conf->zimbra_admin);
	d->facts.journal_read_only = journal_is_read_only(c->journal);
	d->facts.now_s = clock_wall_ms() / 1000;
	d->facts.identity_expires_s = tls_context_expires_s(c->tls);
	d->facts.fill_limit = c->conf->fill_limit;
	d->facts.has_https = c->web != NULL;
	d->facts.https_expires_s = c->certificate.expires_s;
	snprintf(d->facts.https_error, sizeof(d->facts.https_error), "%s",
	    c->certificate.error);
	d->facts.seeding = c->seeding;
	if (!journal_seeding_load(c->journal, &d->facts.rehearsed, &e))
		log_error(NULL, "seeding: %s", e.text);
	moves_each(jobs_moves(c->jobs), held_on_move, d);
	if (d->held_count > 0)
		qsort(d->held, d->held_count, sizeof(*d->held), compare_held);
	d->directory = live_take_directory(c->world);
	d->work.run = doctor_run;
	d->work.done = doctor_directory_done;
	if (work_submit(c->world->loop, &d->work, &e))
		return;
	d->work.ok = false;
	d->work.err = e;
	doctor_directory_done(&d->work);
}
