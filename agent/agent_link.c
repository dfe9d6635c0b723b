/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: dial, hello, welcome, then requests and answers, a ping every few
 * seconds. What can go wrong: nobody there, a foreign certificate, an older controller;
 * each is logged once with what to do, and dialled again with growing, jittered pauses.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/health/probes.h"
#include "agent/lane.h"
#include "agent/lease.h"
#include "agent/look.h"
#include "agent/mailbox/inventory.h"
#include "agent/mailbox/spool.h"
#include "agent/requests.h"
#include "agent/session_look.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/check.h"
#include "proto/frame.h"
#include "proto/version.h"

#define REDIAL_BASE_MS 500u
#define REDIAL_CAP_MS 30000u
#define REDIAL_DOUBLINGS 6 /* 500 ms to 32 s */

/* --- the controller obeyed so far: "ID EPOCH\n" --- */

bool
agent_epoch_read(struct agent *a, struct err *e)
{
	char path[600];
	char id[LIMIT_ID];
	unsigned long long epoch;
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%.500s/epoch", a->conf->spool_dir);
	f = fopen(path, "re");
	if (f == NULL)
		return errno == ENOENT || err_errno(e, ERR_REFUSED, errno, "%s", path);
	ok = fscanf(f, "%39s %llu", id, &epoch) == 2;
	fclose(f);
	if (!ok)
		return err_set(e, ERR_CORRUPT,
		    "%s is damaged; if only one controller lives, delete the file and "
		    "start again",
		    path);
	snprintf(a->controller_id, sizeof(a->controller_id), "%s", id);
	a->epoch = epoch;
	return true;
}

static bool
agent_epoch_write(const struct agent *a, struct err *e)
{
	char path[600];
	char fresh[610];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%.500s/epoch", a->conf->spool_dir);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "we");
	ok =
	    f != NULL &&
	    fprintf(f, "%s %llu\n", a->controller_id, (unsigned long long)a->epoch) > 0 &&
	    fflush(f) == 0 && fsync(fileno(f)) == 0;
	if (f != NULL)
		ok = fclose(f) == 0 && ok;
	ok = ok && rename(fresh, path) == 0;
	return ok || err_errno(e, ERR_RETRY, errno, "%s", path);
}

/* --- sending --- */

bool
agent_send(struct agent *a, const Wire__Envelope *m)
{
	return a->link != NULL && a->welcomed && peer_send(a->link, m) == PEER_SENT;
}

struct hello_spools {
	Wire__SpoolOnDisk rows[LIMIT_HELLO_SPOOLS];
	Wire__SpoolOnDisk *pointers[LIMIT_HELLO_SPOOLS];
	char ids[LIMIT_HELLO_SPOOLS][LIMIT_ID];
	size_t count;
};

static void
hello_add_spool(struct hello_spools *s, const char *spool_dir, const char *move_id)
{
	Wire__SpoolOnDisk *row = &s->rows[s->count];
	char path[700];
	struct stat st;

	snprintf(path, sizeof(path), "%.500s/%.100s/items", spool_dir, move_id);
	snprintf(s->ids[s->count], LIMIT_ID, "%.39s", move_id);
	wire__spool_on_disk__init(row);
	row->move_id = frame_bytes(s->ids[s->count]);
	row->bytes = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
	s->pointers[s->count++] = row;
}

/* As many as fit; the controller asks by move anyway. */
static void
hello_find_spools(struct hello_spools *s, const char *spool_dir)
{
	DIR *dir = opendir(spool_dir);
	struct dirent *entry;

	while (dir != NULL && s->count < LIMIT_HELLO_SPOOLS &&
	       (entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (strlen(name) < LIMIT_ID &&
		    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
			strlen(name) &&
		    spool_exists(spool_dir, name))
			hello_add_spool(s, spool_dir, name);
	}
	if (dir != NULL)
		closedir(dir);
}

static void
link_send_hello(struct agent *a)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Hello h = WIRE__HELLO__INIT;
	struct hello_spools spools = {.count = 0};

	hello_find_spools(&spools, a->conf->spool_dir);
	h.version_min = LIMIT_VERSION_MIN;
	h.version_max = LIMIT_VERSION_MAX;
	h.node = frame_bytes(a->node);
	h.program_version = frame_bytes(ZMFERRY_VERSION);
	h.server_id = frame_bytes(a->server_id);
	h.boot_id = a->boot_id;
	h.controller_id = frame_bytes(a->controller_id);
	h.epoch = a->epoch;
	h.mail_port = a->conf->mail_port;
	if (a->conf->mail_address != NULL)
		h.mail_address = frame_bytes(a->conf->mail_address);
	else if (strcmp(a->conf->listen_address, "0.0.0.0") != 0 &&
		 strcmp(a->conf->listen_address, "::") != 0)
		h.mail_address = frame_bytes(a->conf->listen_address);
	h.spools = spools.pointers;
	h.n_spools = spools.count;
	m.body_case = WIRE__ENVELOPE__BODY_HELLO;
	m.hello = &h;
	if (peer_send(a->link, &m) != PEER_SENT)
		peer_close(a->link);
}

/* --- what comes in --- */

static void
link_on_welcome(struct agent *a, const Wire__Envelope *m)
{
	const Wire__Welcome *w = m->welcome;
	char id[LIMIT_ID];
	struct err e;

	if (!frame_copy(&w->controller_id, id, sizeof(id)) ||
	    w->version < LIMIT_VERSION_MIN || w->version > LIMIT_VERSION_MAX) {
		peer_refuse(a->link,
		    "the controller wants protocol %u, this agent speaks %d to %d",
		    w->version, LIMIT_VERSION_MIN, LIMIT_VERSION_MAX);
		return;
	}
	if (a->controller_id[0] != '\0' && strcmp(a->controller_id, id) != 0) {
		peer_refuse(a->link,
		    "node %s obeys controller %s and not %s; if that one is gone for "
		    "good: stop the agent, delete %.150s/epoch, start it",
		    a->node, a->controller_id, id, a->conf->spool_dir);
		return;
	}
	if (w->epoch < a->epoch) {
		peer_refuse(a->link,
		    "node %s has seen epoch %llu of this controller, this is epoch %llu: "
		    "a restored or second one; if it is the only one, on it run: "
		    "zmferry-controller --adopt",
		    a->node, (unsigned long long)a->epoch, (unsigned long long)w->epoch);
		return;
	}
	snprintf(a->controller_id, sizeof(a->controller_id), "%s", id);
	if (w->epoch != a->epoch) {
		a->epoch = w->epoch;
		if (!agent_epoch_write(a, &e))
			log_error(NULL,
			    "%s; an older controller could be obeyed after a restart",
			    e.text);
	}
	peer_set_known(a->link, w->heartbeat_ms * WAIT_HEARTBEATS_MISSED);
	a->welcomed = true;
	if (a->redials == 0)
		log_info(NULL, "controller %s: connected, epoch %llu",
		    a->conf->controller, (unsigned long long)w->epoch);
	else
		log_info(NULL,
		    "controller %s: connected, epoch %llu; it was away for %llu s, %u "
		    "attempts",
		    a->conf->controller, (unsigned long long)w->epoch,
		    (unsigned long long)(clock_mono_ms() - a->away_since_ms) / 1000,
		    a->redials);
	a->away_since_ms = 0;
	a->away_why[0] = '\0';
	a->redials = 0;
	leases_report(a->leases);
	probes_report(a->probes);
	inventory_restart(a->inventory);
}

static void
link_on_ping(struct agent *a, const Wire__Envelope *m)
{
	Wire__Envelope answer = WIRE__ENVELOPE__INIT;
	Wire__Pong pong = WIRE__PONG__INIT;

	pong.wall_ms = clock_wall_ms();
	pong.mono_ms = clock_mono_ms();
	(void)skew_on_ping(&a->skew, m->ping, pong.mono_ms, pong.wall_ms);
	answer.id = m->id;
	answer.body_case = WIRE__ENVELOPE__BODY_PONG;
	answer.pong = &pong;
	agent_send(a, &answer);
}

static void
link_on_step(struct agent *a, const Wire__Envelope *m)
{
	requests_take(a, m->step, m->id);
}

static void
link_on_cancel(struct agent *a, const Wire__Envelope *m)
{
	char move_id[LIMIT_ID];

	if (frame_copy(&m->cancel->move_id, move_id, sizeof(move_id)))
		lanes_cancel(a->lanes, move_id, m->cancel->step_no);
}

static void
link_on_renew(struct agent *a, const Wire__Envelope *m)
{
	char move_id[LIMIT_ID];

	if (frame_copy(&m->lease_renew->move_id, move_id, sizeof(move_id)))
		leases_renew(a->leases, move_id, m->lease_renew->lease_ms);
}

static void
link_on_look(struct agent *a, const Wire__Envelope *m)
{
	look_begin(a, m->look);
}

static void
link_on_sessions(struct agent *a, const Wire__Envelope *m)
{
	session_look_begin(a->session_look, m->sessions);
}

static const struct link_message {
	Wire__Envelope__BodyCase body;
	bool welcomed; /* taken when this is so */
	void (*handle)(struct agent *a, const Wire__Envelope *m);
} link_messages[] = {
    {WIRE__ENVELOPE__BODY_WELCOME, false, link_on_welcome},
    {WIRE__ENVELOPE__BODY_PING, true, link_on_ping},
    {WIRE__ENVELOPE__BODY_STEP, true, link_on_step},
    {WIRE__ENVELOPE__BODY_CANCEL, true, link_on_cancel},
    {WIRE__ENVELOPE__BODY_LEASE_RENEW, true, link_on_renew},
    {WIRE__ENVELOPE__BODY_LOOK, true, link_on_look},
    {WIRE__ENVELOPE__BODY_SESSIONS, true, link_on_sessions},
};

static void
link_on_message(struct peer *p, const Wire__Envelope *m, void *ctx)
{
	struct agent *a = ctx;

	for (size_t i = 0; i < ARRAY_LEN(link_messages); i++) {
		const struct link_message *row = &link_messages[i];

		if (row->body != m->body_case || row->welcomed != a->welcomed)
			continue;
		row->handle(a, m);
		return;
	}
	peer_refuse(p, "a controller must not send %s %s the welcome",
	    check_body_name(m->body_case), a->welcomed ? "after" : "before");
}

/* --- dialling --- */

static void
link_on_open(struct peer *p, void *ctx)
{
	(void)p;
	link_send_hello(ctx);
}

static void
link_on_drain(struct peer *p, void *ctx)
{
	struct agent *a = ctx;

	(void)p;
	inventory_tick(a->inventory);
}

static void link_dial(uv_timer_t *timer);

/* Half of the pause is random: a thousand agents must not come back at the same moment. */
static unsigned
link_pause_ms(unsigned attempt)
{
	unsigned doublings = attempt < REDIAL_DOUBLINGS ? attempt : REDIAL_DOUBLINGS;
	unsigned pause = REDIAL_BASE_MS << doublings;
	uint32_t noise = 0;

	(void)!getrandom(&noise, sizeof(noise), 0);
	if (pause > REDIAL_CAP_MS)
		pause = REDIAL_CAP_MS;
	return pause / 2 + noise % (pause / 2);
}

/* What a person can do about it, when waiting alone does not help. */
static void
link_say_why(const struct agent *a, enum err_kind kind)
{
	if (kind == ERR_PEER)
		log_warn(NULL,
		    "controller %s: %s; is %s (node %s) from this controller? if not, on "
		    "it run: zmferry enroll %s",
		    a->conf->controller, a->away_why, a->conf->identity_file, a->node,
		    a->node);
	else
		log_warn(NULL, "controller %s: %s; trying again", a->conf->controller,
		    a->away_why);
}

static void
link_on_closed(struct peer *p, const struct err *why, void *ctx)
{
	struct agent *a = ctx;
	const char *text = why->kind == ERR_NONE ? "closed" : why->text;
	bool person_needed = why->kind == ERR_REFUSED || why->kind == ERR_PEER;

	(void)p;
	a->link = NULL;
	a->welcomed = false;
	if (a->stopping)
		return;
	if (a->away_since_ms == 0)
		a->away_since_ms = clock_mono_ms();
	/* Said at the beginning and when the reason changes; the end is said by the welcome. */
	if (strcmp(a->away_why, text) != 0) {
		snprintf(a->away_why, sizeof(a->away_why), "%s", text);
		link_say_why(a, why->kind);
	}
	/* Where a person must act first, asking every second only fills logs. */
	uv_timer_start(&a->redial, link_dial,
	    link_pause_ms(person_needed ? REDIAL_DOUBLINGS : a->redials), 0);
	a->redials++;
}

static const struct peer_events link_events = {
    .on_open = link_on_open,
    .on_message = link_on_message,
    .on_drain = link_on_drain,
    .on_closed = link_on_closed,
};

static void
link_dial(uv_timer_t *timer)
{
	struct agent *a = timer->data;
	char host[LIMIT_NAME + 1];
	const char *colon = strrchr(a->conf->controller, ':');
	const char *from = a->conf->controller;
	size_t len = (size_t)(colon - from);

	if (from[0] == '[') { /* [::1]:7443 */
		from++;
		len -= 2;
	}
	snprintf(host, sizeof(host), "%.*s", (int)len, from);
	a->link = peer_connect(&a->loop, a->tls, agent_resolve(a->conf, host),
	    (uint16_t)strtoul(colon + 1, NULL, 10), "controller", NULL, &link_events, a);
}

void
agent_link_start(struct agent *a)
{
	uv_timer_init(&a->loop, &a->redial);
	a->redial.data = a;
	a->away_since_ms = clock_mono_ms();
	uv_timer_start(&a->redial, link_dial, 0, 0);
}

void
agent_link_stop(struct agent *a)
{
	uv_close((uv_handle_t *)&a->redial, NULL);
	if (a->link != NULL)
		peer_close(a->link);
}
