/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: an agent dials in, says hello, is welcomed, gets requests and
 * answers them. What can go wrong: it goes away (its requests wait and are sent again
 * after it is back, until their deadline), it is nobody we know, it breaks the rules.
 */
#include "controller/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/fleet_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/peer.h"

#define TICK_MS 1000
#define LINKS_MAX 2048
#define STRANGERS_MAX 512 /* connections without a hello yet */
#define STRANGER_EVERY_MS 600000

struct fleet {
	struct fleet_options o;
	uv_tcp_t listener;
	uv_timer_t tick;
	int open_handles;
	unsigned peers; /* that have not said yet that they are closed */
	bool stopping;
	struct agent *agents;
	struct fleet_index index;
	struct peer **links; /* every live connection, known or not */
	size_t link_count;
	uint64_t next_id;
	uint64_t last_ping_ms;
	uint64_t crowd_ms;    /* when a crowd of them was logged last */
	uint64_t stranger_ms; /* when somebody without a hello was logged last */
	char stranger[LIMIT_TEXT];
	struct log log;
};

static struct agent *
fleet_agent(struct fleet *f, const char *name, bool make)
{
	struct agent *a = fleet_index_find(&f->index, name);

	if (a != NULL || !make)
		return a;
	a = XNEW(struct agent);
	a->fleet = f;
	snprintf(a->facts.name, sizeof(a->facts.name), "%s", name);
	snprintf(a->facts.note, sizeof(a->facts.note), "its agent has not reported yet");
	a->next = f->agents;
	f->agents = a;
	fleet_index_add(&f->index, a);
	return a;
}

static struct agent *
fleet_agent_of(struct fleet *f, const struct peer *p)
{
	for (struct agent *a = f->agents; a != NULL; a = a->next) {
		if (a->peer == p)
			return a;
	}
	return NULL;
}

/* --- requests --- */

void
agent_put(void *ctx, const Wire__Envelope *m)
{
	struct agent *a = ctx;

	enum peer_send_result result = peer_send(a->peer, m);

	a->put = result == PEER_SENT;
	a->unfit = result == PEER_UNFIT;
	if (result == PEER_FULL)
		log_warn(&a->fleet->log, "agent %s: does not keep up; a request waits",
		    a->facts.name);
}

static void
agent_send(struct agent *a, struct pending *p)
{
	struct fleet *f = a->fleet;
	const struct fleet_node *target = NULL;

	if (p->ask->kind == ASK_STAGE) {
		target = fleet_find(f, p->ask->in.target);
		if (target == NULL || target->mail_port == 0)
			return; /* sent when the target's agent is known: see fleet_on_tick */
	}
	fleet_ask_send(p->ask, f->o.epoch, target, p->id, agent_put, a);
	p->unfit = a->unfit;
	p->sent = a->put || a->unfit; /* not taken: once more at the next tick */
}

static void
pending_end(struct pending **at, bool ok)
{
	struct pending *p = *at;

	*at = p->next;
	p->ask->ok = ok;
	p->ask->done(p->ask);
	free(p);
}

void
fleet_ask(struct fleet *f, struct ask *take_ask)
{
	struct agent *a = fleet_agent(f, take_ask->in.host, true);
	struct pending *p = XNEW(struct pending);

	p->ask = take_ask;
	p->id = ++f->next_id;
	p->deadline_ms = clock_mono_ms() + (uint64_t)take_ask->deadline_s * 1000;
	p->next = a->pending;
	a->pending = p;
	if (a->peer != NULL)
		agent_send(a, p);
}

static void
agent_take_result(struct agent *a, uint64_t id, const Wire__StepResult *r)
{
	for (struct pending **at = &a->pending; *at != NULL; at = &(*at)->next) {
		if ((*at)->id != id)
			continue;
		if (!frame_equal(&r->move_id, (*at)->ask->move_id) ||
		    r->step_no != (*at)->ask->step_no ||
		    r->effect_no != (*at)->ask->effect_no) {
			peer_refuse(a->peer, "an answer for another piece of work");
			return;
		}
		fleet_ask_take((*at)->ask, r);
		pending_end(at, (*at)->ask->ok);
		return;
	}
	log_debug(&a->fleet->log, "agent %s: an answer nobody waits for", a->facts.name);
}

/* Deadlines of requests, whether or not the agent is there. */
static void
agent_expire(struct agent *a, uint64_t now)
{
	for (struct pending **at = &a->pending; *at != NULL;) {
		struct pending *p = *at;

		if (now < p->deadline_ms && !p->unfit) {
			if (!p->sent && a->peer != NULL)
				agent_send(a, p);
			at = &p->next;
			continue;
		}
		if (p->unfit)
			err_set(&p->ask->err, ERR_REFUSED,
			    "node %s: \"%s\" would carry a value that no agent takes; "
			    "the controller's log names it",
			    a->facts.name, ask_name(p->ask->kind));
		else
			err_set(&p->ask->err, ERR_RETRY,
			    a->peer == NULL
				? "node %s: its agent is not connected (%s)"
				: "node %s: its agent did not answer in time (%s)",
			    a->facts.name, ask_name(p->ask->kind));
		pending_end(at, false);
		at = &a->pending; /* the callback may have asked again */
	}
}

/* --- what comes in --- */

static void
fleet_welcome(struct fleet *f, struct peer *p, uint32_t version)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Welcome w = WIRE__WELCOME__INIT;

	w.version = version;
	w.controller_id = frame_bytes(f->o.controller_id);
	w.epoch = f->o.epoch;
	w.heartbeat_ms = WAIT_HEARTBEAT_MS;
	w.wall_ms = clock_wall_ms();
	m.body_case = WIRE__ENVELOPE__BODY_WELCOME;
	m.welcome = &w;
	if (peer_send(p, &m) != PEER_SENT)
		peer_close(p);
}

static void
fleet_on_hello(struct fleet *f, struct peer *p, const Wire__Hello *h)
{
	char name[WORLD_NAME];
	char expected[WORLD_NAME + 8];
	struct agent *a;

	if (!frame_copy(&h->node, name, sizeof(name))) {
		peer_refuse(p, "the node's name is too long");
		return;
	}
	snprintf(expected, sizeof(expected), "node:%s", name);
	if (strcasecmp(expected, peer_name(p)) != 0) {
		peer_refuse(p,
		    "this agent calls itself %s, but its certificate says %s; run: "
		    "zmferry enroll %s",
		    name, peer_name(p), name);
		return;
	}
	if (h->version_min > LIMIT_VERSION_MAX || h->version_max < LIMIT_VERSION_MIN) {
		peer_refuse(p,
		    "this agent speaks protocol %u to %u, the controller %d to %d; "
		    "upgrade the older one",
		    h->version_min, h->version_max, LIMIT_VERSION_MIN, LIMIT_VERSION_MAX);
		return;
	}
	a = fleet_agent(f, name, true);
	if (a->peer != NULL && a->peer != p) {
		struct peer *old = a->peer;

		log_warn(&f->log, "agent %s: a new connection replaces the one from %s",
		    name, peer_address(old));
		a->peer = NULL;
		peer_close(old);
	}
	a->peer = p;
	a->skew = (struct skew_echo){0};
	a->facts.connected = true;
	a->forgotten = false;
	agent_forget_health(a);
	a->facts.healthy = false; /* until it says so itself */
	a->facts.heard_ms = clock_wall_ms();
	a->facts.mail_port = (uint16_t)h->mail_port;
	if (h->mail_address.len == 0 ||
	    !frame_copy(&h->mail_address, a->facts.address, sizeof(a->facts.address)))
		snprintf(
		    a->facts.address, sizeof(a->facts.address), "%s", peer_address(p));
	snprintf(a->facts.version, sizeof(a->facts.version), "%.*s",
	    (int)(h->program_version.len > 30 ? 30 : h->program_version.len),
	    h->program_version.data);
	peer_set_known(p, WAIT_HEARTBEAT_MS * WAIT_HEARTBEATS_MISSED);
	a->version =
	    h->version_max < LIMIT_VERSION_MAX ? h->version_max : LIMIT_VERSION_MAX;
	fleet_welcome(f, p, a->version);
	log_info(&f->log, "agent %s: connected from %s, version %s", name,
	    peer_address(p), a->facts.version);
	snprintf(a->facts.note, sizeof(a->facts.note), "its agent has not reported yet");
	for (struct pending *q = a->pending; q != NULL; q = q->next)
		agent_send(a, q);
	f->o.on_change(f->o.ctx, &a->facts);
}

static void
fleet_on_looked(struct fleet *f, const struct agent *a, const Wire__Looked *looked)
{
	char node[WORLD_NAME];
	char text[LIMIT_TEXT];

	if (f->o.on_looked == NULL || !frame_copy(&looked->node, node, sizeof(node)))
		return;
	snprintf(text, sizeof(text), "%.*s", (int)looked->text.len, looked->text.data);
	f->o.on_looked(f->o.ctx, a->facts.name, node, looked->serves, text);
}

static void
fleet_on_known(struct fleet *f, struct agent *a, const Wire__Envelope *m)
{
	char text[LIMIT_TEXT];
	char move_id[LIMIT_ID];

	a->facts.heard_ms = clock_wall_ms();
	if (m->body_case == WIRE__ENVELOPE__BODY_HEALTH) {
		agent_take_health(a, m->health);
		f->o.on_change(f->o.ctx, &a->facts);
	} else if (m->body_case == WIRE__ENVELOPE__BODY_INVENTORY) {
		agent_take_inventory(a, m->inventory);
		if (m->inventory->last)
			f->o.on_change(f->o.ctx, &a->facts);
	} else if (m->body_case == WIRE__ENVELOPE__BODY_RESULT) {
		agent_take_result(a, m->id, m->result);
	} else if (m->body_case == WIRE__ENVELOPE__BODY_LEASE_EXPIRED) {
		if (frame_copy(&m->lease_expired->move_id, move_id, sizeof(move_id))) {
			snprintf(text, sizeof(text), "%.*s",
			    (int)m->lease_expired->text.len, m->lease_expired->text.data);
			f->o.on_lease_expired(f->o.ctx, a->facts.name, move_id, text);
		}
	} else if (m->body_case == WIRE__ENVELOPE__BODY_LOOKED) {
		fleet_on_looked(f, a, m->looked);
	} else if (m->body_case == WIRE__ENVELOPE__BODY_SESSION_PAGE) {
		if (f->o.on_sessions != NULL)
			agent_take_sessions(
			    a, m->session_page, f->o.on_sessions, f->o.ctx);
	} else if (m->body_case == WIRE__ENVELOPE__BODY_PONG) {
		skew_on_pong(&a->skew, m->pong, clock_mono_ms());
	} else if (m->body_case != WIRE__ENVELOPE__BODY_PROGRESS) {
		peer_refuse(a->peer, "an agent must not send this");
	}
}

static void
on_message(struct peer *p, const Wire__Envelope *m, void *ctx)
{
	struct fleet *f = ctx;
	struct agent *a = fleet_agent_of(f, p);

	if (a != NULL)
		fleet_on_known(f, a, m);
	else if (m->body_case == WIRE__ENVELOPE__BODY_HELLO)
		fleet_on_hello(f, p, m->hello);
	else
		peer_refuse(p, "a hello must come first");
}

static void
on_open(struct peer *p, void *ctx)
{
	(void)ctx;
	if (strncmp(peer_name(p), "node:", 5) != 0)
		peer_refuse(p,
		    "certificate \"%s\" is not an agent's; run: zmferry enroll NODE",
		    peer_name(p));
}

static void
fleet_forget_link(struct fleet *f, const struct peer *p)
{
	for (size_t i = 0; i < f->link_count; i++) {
		if (f->links[i] == p) {
			f->links[i] = f->links[--f->link_count];
			return;
		}
	}
}

/* Who never came to a hello, and why. The same again is said every ten minutes. */
static void
fleet_log_stranger(struct fleet *f, const struct peer *p, const struct err *why)
{
	uint64_t now = clock_mono_ms();
	char line[LIMIT_TEXT];

	if (f->stopping || why->kind == ERR_NONE ||
	    why->kind == ERR_REFUSED) /* said already */
		return;
	snprintf(line, sizeof(line), "a connection from %s%s%s: %.300s", peer_address(p),
	    peer_name(p)[0] == '\0' ? "" : " as ", peer_name(p), why->text);
	if (now < f->stranger_ms + STRANGER_EVERY_MS && strcmp(line, f->stranger) == 0)
		return;
	if (now < f->stranger_ms + TICK_MS)
		return; /* a scanner must not fill the log */
	f->stranger_ms = now;
	snprintf(f->stranger, sizeof(f->stranger), "%s", line);
	log_warn(&f->log, "%s%s", line,
	    why->kind == ERR_PEER ? "; an agent with another controller's identity? then "
				    "here: zmferry enroll NODE"
				  : "");
}

static void
fleet_on_lost(struct fleet *f, struct peer *p, const struct err *why)
{
	struct agent *a = fleet_agent_of(f, p);

	fleet_forget_link(f, p);
	if (a == NULL) {
		fleet_log_stranger(f, p, why);
		return;
	}
	a->peer = NULL;
	a->facts.connected = false;
	snprintf(a->facts.note, sizeof(a->facts.note),
	    "its agent is not connected%s%.300s", why->kind == ERR_NONE ? "" : ": ",
	    why->kind == ERR_NONE ? "" : why->text);
	log_warn(&f->log, "agent %s: gone: %s", a->facts.name,
	    why->kind == ERR_NONE ? "closed" : why->text);
	for (struct pending *q = a->pending; q != NULL; q = q->next)
		q->sent = false;
	if (!f->stopping)
		f->o.on_change(f->o.ctx, &a->facts);
}

/* The last handle and the last connection take the fleet along. */
static void
fleet_release(struct fleet *f)
{
	if (f->open_handles > 0 || f->peers > 0)
		return;
	while (f->agents != NULL) {
		struct agent *a = f->agents;

		f->agents = a->next;
		free(a->kept);
		free(a->fresh);
		free(a->failing);
		free(a);
	}
	free(f->links);
	free(f);
}

static void
on_closed(struct peer *p, const struct err *why, void *ctx)
{
	struct fleet *f = ctx;

	fleet_on_lost(f, p, why);
	f->peers--;
	fleet_release(f);
}

static const struct peer_events peer_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_closed = on_closed,
};

/*
 * A flood of connections that say nothing must not keep agents out, so the oldest gives
 * way; an agent is through in milliseconds. Descriptors run short for everything else.
 */
static void
fleet_make_room(struct fleet *f)
{
	struct peer *oldest = NULL;
	uint64_t now = clock_mono_ms();
	size_t strangers = 0;

	for (size_t i = 0; i < f->link_count; i++) {
		struct peer *p = f->links[i];
		bool known = peer_state(p) == PEER_KNOWN;

		strangers += !known;
		if (!known && (oldest == NULL || peer_id(p) < peer_id(oldest)))
			oldest = p;
	}
	if (strangers < STRANGERS_MAX)
		return;
	if (f->crowd_ms == 0 || now > f->crowd_ms + STRANGER_EVERY_MS)
		log_warn(&f->log, "%d connections say nothing, the oldest (%s) is closed",
		    STRANGERS_MAX, peer_address(oldest));
	f->crowd_ms = now;
	fleet_forget_link(f, oldest);
	peer_close(oldest);
}

static void
on_connection(uv_stream_t *listener, int status)
{
	struct fleet *f = listener->data;
	struct peer *p;

	if (status < 0) {
		log_warn(&f->log, "accept: %s", uv_strerror(status));
		return;
	}
	p = peer_accept(f->o.loop, listener, f->o.tls, &f->log, &peer_events, f);
	if (p == NULL)
		return;
	f->peers++;
	fleet_make_room(f);
	if (f->link_count >= LINKS_MAX) {
		log_warn(&f->log, "more than %d connections; %s is refused", LINKS_MAX,
		    peer_address(p));
		peer_close(p);
	}
	f->links = xrealloc_array(f->links, f->link_count + 1, sizeof(struct peer *));
	f->links[f->link_count++] = p;
}

static void
fleet_ping(struct fleet *f, uint64_t now)
{
	if (now < f->last_ping_ms + WAIT_HEARTBEAT_MS)
		return;
	f->last_ping_ms = now;
	for (struct agent *a = f->agents; a != NULL; a = a->next) {
		if (a->peer != NULL)
			agent_ping(a);
	}
}

static void
on_tick(uv_timer_t *timer)
{
	struct fleet *f = timer->data;
	uint64_t now = clock_mono_ms();

	fleet_ping(f, now);
	for (struct agent *a = f->agents; a != NULL; a = a->next)
		agent_expire(a, now);
}

/* --- looking --- */

struct agent *
fleet_agent_find(struct fleet *f, const char *name)
{
	return fleet_agent(f, name, false);
}

const struct fleet_node *
fleet_find(struct fleet *f, const char *name)
{
	struct agent *a = fleet_agent(f, name, false);

	return a == NULL ? NULL : &a->facts;
}

void
fleet_each(struct fleet *f, fleet_each_fn fn, void *ctx)
{
	for (struct agent *a = f->agents; a != NULL; a = a->next) {
		if (!a->forgotten)
			fn(&a->facts, ctx);
	}
}

/* --- life --- */

bool
fleet_start(const struct fleet_options *options, struct fleet **out, struct err *e)
{
	struct fleet *f = XNEW(struct fleet);
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	const struct sockaddr *address = (const struct sockaddr *)&v4;
	int code;

	f->o = *options;
	log_child(&f->log, NULL, "fleet");
	uv_tcp_init(f->o.loop, &f->listener);
	uv_timer_init(f->o.loop, &f->tick);
	f->listener.data = f->tick.data = f;
	f->open_handles = 2;
	if (uv_ip4_addr(options->listen_address, options->listen_port, &v4) != 0) {
		if (uv_ip6_addr(options->listen_address, options->listen_port, &v6) !=
		    0) {
			*out = f;
			return err_set(e, ERR_REFUSED,
			    "listen_address \"%s\" is not an address",
			    options->listen_address);
		}
		address = (const struct sockaddr *)&v6;
	}
	*out = f;
	code = uv_tcp_bind(&f->listener, address, 0);
	if (code == 0)
		code = uv_listen((uv_stream_t *)&f->listener, 512, on_connection);
	if (code != 0)
		return err_set(e, ERR_REFUSED, "%s port %u: %s", options->listen_address,
		    options->listen_port, uv_strerror(code));
	uv_timer_start(&f->tick, on_tick, TICK_MS, TICK_MS);
	return true;
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct fleet *f = handle->data;

	f->open_handles--;
	fleet_release(f);
}

void
fleet_stop(struct fleet **fp)
{
	struct fleet *f = *fp;

	if (f == NULL)
		return;
	*fp = NULL;
	f->stopping = true;
	while (f->link_count > 0) {
		struct peer *p = f->links[--f->link_count];

		peer_close(p);
	}
	for (struct agent *a = f->agents; a != NULL; a = a->next) {
		while (a->pending != NULL) {
			err_set(&a->pending->ask->err, ERR_CANCELLED,
			    "the controller is shutting down");
			pending_end(&a->pending, false);
		}
	}
	uv_close((uv_handle_t *)&f->listener, on_handle_closed);
	uv_close((uv_handle_t *)&f->tick, on_handle_closed);
}
