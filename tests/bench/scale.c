/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays the agents of a big cluster for tests/bench/scale.py: each with its own identity and link,
 * a healthy report and an inventory. Redials as an agent does: half a second, doubled each time,
 * half of it random.
 *
 *   scale HOST PORT FILE      FILE: "NODE BUNDLE MAILBOXES" a line
 *
 * Commands on standard input: "drop" (every link is cut, all dial at once), "go on" (each tells its
 * inventory once a minute, in turn, as agents do when something changed). Says on standard output: "known N MS" when all N are welcomed, MS after the start or the drop, and "told N MS"
 * when every inventory has been handed to its link.
 */
#include <inttypes.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <uv.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/peer.h"

#define REDIAL_BASE_MS 500u
#define REDIAL_DOUBLINGS 6
#define QUEUE_MAX \
	(256 * KIB)    /* of pages: what is in flight of a thousand links is memory too */
#define EVERY_MS 60000 /* an agent's inventory */
#define GIB (1024ull * MIB)

struct actor {
	char node[LIMIT_NAME + 1];
	struct tls_context *tls;
	struct peer *link;
	uv_timer_t redial;
	unsigned attempts;
	bool known;
	uint32_t number, mailboxes, next_page;
	uint64_t snapshot;
};

static struct {
	uv_loop_t loop;
	const char *host;
	uint16_t port;
	struct actor *actors;
	size_t count, known, told;
	uint64_t begun_ms;
	uv_timer_t turn;
	size_t next;
	struct log log;
} stage;

static void actor_dial(struct actor *a);

static void
say(const char *what, size_t count)
{
	printf("%s %zu %" PRIu64 "\n", what, count, clock_mono_ms() - stage.begun_ms);
	fflush(stdout);
}

static void
actor_send_health(struct actor *a)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Health h = WIRE__HEALTH__INIT;
	Wire__Probe probe = WIRE__PROBE__INIT;
	Wire__Probe *probes[] = {&probe};
	Wire__Disk disk = WIRE__DISK__INIT;
	Wire__Disk *disks[] = {&disk};

	probe.name = frame_bytes("mailboxd");
	probe.text = frame_bytes("answers");
	probe.took_ms = 3;
	probe.wall_ms = clock_wall_ms();
	disk.role = frame_bytes("spool");
	disk.path = frame_bytes("/opt/zimbra/store");
	disk.total_bytes = 4000 * GIB;
	disk.free_bytes = 3000 * GIB;
	h.probes = probes;
	h.n_probes = 1;
	h.disks = disks;
	h.n_disks = 1;
	h.spool_is_persistent = true;
	m.body_case = WIRE__ENVELOPE__BODY_HEALTH;
	m.health = &h;
	if (peer_send(a->link, &m) != PEER_SENT)
		peer_close(a->link);
}

/* The account ids are those of tests/bench/scale.py. */
static bool
actor_send_page(struct actor *a, uint32_t pages)
{
	uint32_t first = a->next_page * LIMIT_INVENTORY_PAGE;
	uint32_t rest = a->mailboxes - first;
	uint32_t count = rest < LIMIT_INVENTORY_PAGE ? rest : LIMIT_INVENTORY_PAGE;
	Wire__Mailbox *rows = xrealloc_array(NULL, count, sizeof(*rows));
	Wire__Mailbox **pointers = xrealloc_array(NULL, count, sizeof(*pointers));
	char(*ids)[40] = xrealloc_array(NULL, count, sizeof(*ids));
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__InventoryPage page = WIRE__INVENTORY_PAGE__INIT;
	bool sent;

	for (uint32_t i = 0; i < count; i++) {
		wire__mailbox__init(&rows[i]);
		snprintf(ids[i], sizeof(ids[i]), "%08x-0000-4000-8000-%012x", a->number,
		    first + i);
		rows[i].account_id = frame_bytes(ids[i]);
		rows[i].mailbox_id = first + i + 1;
		rows[i].size_bytes = (uint64_t)(first + i + 1) * 9973 % (2 * GIB);
		rows[i].item_id = 40000;
		rows[i].change = 90000;
		pointers[i] = &rows[i];
	}
	page.snapshot = a->snapshot;
	page.page = a->next_page;
	page.last = a->next_page + 1 == pages;
	page.mailboxes = pointers;
	page.n_mailboxes = count;
	m.body_case = WIRE__ENVELOPE__BODY_INVENTORY;
	m.inventory = &page;
	sent = peer_send(a->link, &m) == PEER_SENT;
	free(rows);
	free(pointers);
	free(ids);
	return sent;
}

static void
actor_tell(struct actor *a)
{
	uint32_t pages = (a->mailboxes + LIMIT_INVENTORY_PAGE - 1) / LIMIT_INVENTORY_PAGE;

	while (a->next_page < pages && peer_queued_bytes(a->link) < QUEUE_MAX) {
		if (!actor_send_page(a, pages))
			return;
		if (++a->next_page == pages && ++stage.told == stage.count)
			say("told", stage.count);
	}
}

static void
actor_send_hello(struct actor *a)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Hello h = WIRE__HELLO__INIT;

	h.version_min = LIMIT_VERSION_MIN;
	h.version_max = LIMIT_VERSION_MAX;
	h.node = frame_bytes(a->node);
	h.program_version = frame_bytes("bench");
	h.boot_id = a->number + 1;
	h.mail_port = 7444;
	m.body_case = WIRE__ENVELOPE__BODY_HELLO;
	m.hello = &h;
	if (peer_send(a->link, &m) != PEER_SENT)
		peer_close(a->link);
}

static void
on_open(struct peer *p, void *ctx)
{
	(void)p;
	actor_send_hello(ctx);
}

static void
actor_on_welcome(struct actor *a, const Wire__Welcome *w)
{
	peer_set_known(a->link, w->heartbeat_ms * WAIT_HEARTBEATS_MISSED);
	a->known = true;
	a->attempts = 0;
	a->snapshot++;
	a->next_page = 0;
	if (++stage.known == stage.count)
		say("known", stage.count);
	actor_send_health(a);
	actor_tell(a);
}

static void
on_message(struct peer *p, const Wire__Envelope *m, void *ctx)
{
	struct actor *a = ctx;
	Wire__Envelope answer = WIRE__ENVELOPE__INIT;
	Wire__Pong pong = WIRE__PONG__INIT;

	if (m->body_case == WIRE__ENVELOPE__BODY_WELCOME) {
		actor_on_welcome(a, m->welcome);
		return;
	}
	if (m->body_case != WIRE__ENVELOPE__BODY_PING)
		return;
	pong.wall_ms = clock_wall_ms();
	answer.id = m->id;
	answer.body_case = WIRE__ENVELOPE__BODY_PONG;
	answer.pong = &pong;
	if (peer_send(p, &answer) != PEER_SENT)
		peer_close(p);
	else
		actor_tell(a);
}

static void
on_drain(struct peer *p, void *ctx)
{
	(void)p;
	actor_tell(ctx);
}

static void
on_redial(uv_timer_t *timer)
{
	actor_dial(timer->data);
}

static void
on_closed(struct peer *p, const struct err *why, void *ctx)
{
	struct actor *a = ctx;
	unsigned pause;
	uint32_t noise = 0;

	(void)p;
	(void)why;
	a->link = NULL;
	stage.known -= a->known;
	a->known = false;
	pause = REDIAL_BASE_MS << (a->attempts < REDIAL_DOUBLINGS ? a->attempts
								  : REDIAL_DOUBLINGS);
	a->attempts++;
	(void)!getrandom(&noise, sizeof(noise), 0);
	uv_timer_start(&a->redial, on_redial, pause / 2 + noise % (pause / 2), 0);
}

static const struct peer_events events = {on_open, on_message, on_drain, on_closed};

static void
actor_dial(struct actor *a)
{
	a->link = peer_connect(&stage.loop, a->tls, stage.host, stage.port, "controller",
	    &stage.log, &events, a);
}

static void
on_turn(uv_timer_t *timer)
{
	struct actor *a = &stage.actors[stage.next++ % stage.count];

	(void)timer;
	if (!a->known)
		return;
	a->snapshot++;
	a->next_page = 0;
	actor_tell(a);
}

static void
on_command(uv_stream_t *in, ssize_t n, const uv_buf_t *data)
{
	if (n < 0) {
		uv_stop(&stage.loop);
		uv_close((uv_handle_t *)in, NULL);
		return;
	}
	if (n > 0 && data->base[0] == 'g') {
		uv_timer_start(&stage.turn, on_turn, 0,
		    EVERY_MS / stage.count > 0 ? EVERY_MS / stage.count : 1);
		return;
	}
	stage.begun_ms = clock_mono_ms();
	stage.told = 0;
	for (size_t i = 0; i < stage.count; i++) {
		if (stage.actors[i].link != NULL)
			peer_close(stage.actors[i].link);
	}
}

static void
on_room(uv_handle_t *h, size_t wanted, uv_buf_t *out)
{
	static char room[256];

	(void)h;
	(void)wanted;
	*out = uv_buf_init(room, sizeof(room));
}

static bool
read_actors(const char *path, struct err *e)
{
	FILE *f = fopen(path, "re");
	char bundle[512];
	struct actor row = {0};

	if (f == NULL)
		return err_set(e, ERR_REFUSED, "%s cannot be read", path);
	while (fscanf(f, "%255s %511s %" SCNu32, row.node, bundle, &row.mailboxes) == 3) {
		if (!tls_context_load(bundle, &row.tls, e)) {
			fclose(f);
			return false;
		}
		row.number = (uint32_t)stage.count;
		stage.actors =
		    xrealloc_array(stage.actors, stage.count + 1, sizeof(*stage.actors));
		stage.actors[stage.count++] = row;
	}
	fclose(f);
	return stage.count > 0 || err_set(e, ERR_REFUSED, "%s names no node", path);
}

int
main(int argc, char **argv)
{
	uv_pipe_t in;
	struct err e;

	if (argc != 4) {
		fprintf(stderr, "usage: scale HOST PORT FILE\n");
		return 2;
	}
	stage.host = argv[1];
	stage.port = (uint16_t)strtoul(argv[2], NULL, 10);
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&stage.loop);
	if (!read_actors(argv[3], &e)) {
		fprintf(stderr, "scale: %s\n", e.text);
		return 1;
	}
	uv_timer_init(&stage.loop, &stage.turn);
	uv_pipe_init(&stage.loop, &in, 0);
	uv_pipe_open(&in, STDIN_FILENO);
	uv_read_start((uv_stream_t *)&in, on_room, on_command);
	stage.begun_ms = clock_mono_ms();
	for (size_t i = 0; i < stage.count; i++) {
		uv_timer_init(&stage.loop, &stage.actors[i].redial);
		stage.actors[i].redial.data = &stage.actors[i];
		actor_dial(&stage.actors[i]);
	}
	uv_run(&stage.loop, UV_RUN_DEFAULT);
	return 0;
}
