/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: each row runs when its period is over, its finding is kept and
 * told. What can go wrong: a run hangs. Then the row fails until the run comes back; it
 * is not started a second time, so a dead disk costs one thread of the pool and no more.
 */
#include "agent/health/logwatch.h"
#include "agent/health/probes.h"

#include <assert.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/spool.h"
#include "proto/base/clock.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/zimbra/soap.h"

#define REPORT_EVERY_MS 30000
#define FAILING_EVERY_MS 5000
#define SLICE_MS 250 /* so that the end of the agent is noticed */

/* clang-format off */
const struct probe_def probe_defs[] = {
	/* name          every  hangs   slow  failing  how           where      what */
	{ "mailboxd",       20,    20,  3000,  15000, probe_mailboxd, NULL,      "mailboxd's admin SOAP" },
	{ "lmtp",           30,    15,  2000,  10000, probe_lmtp,     NULL,      "mailboxd's LMTP" },
	{ "imap",           30,    20,  2000,  10000, probe_access,   NULL,      "IMAP" },
	{ "pop",            30,    20,  2000,  10000, probe_access,   NULL,      "POP3" },
	{ "mariadb",        30,    15,  1000,  10000, probe_mariadb,  NULL,      "MariaDB" },
	{ "disk:spool",     20,    30,  1000,  10000, probe_disk,     NULL,      "the spool's disk" },
	{ "disk:store",     60,    30,  1000,  10000, probe_disk,     "store",   "the mail store's disk" },
	{ "disk:db",        60,    30,  1000,  10000, probe_disk,     "db",      "the database's disk" },
	{ "disk:index",     60,    30,  1000,  10000, probe_disk,     "index",   "the search index's disk" },
	{ "disk:redolog",   60,    30,  1000,  10000, probe_disk,     "redolog", "the redolog's disk" },
	{ "cgroup:memory",  20,    10,     0,      0, probe_cgroup_memory, NULL, "the container's cgroup" },
	{ "cgroup:io",      20,    10,     0,      0, probe_cgroup_io, NULL,     "the container's cgroup" },
	{ "log:mailbox",    20,    30,     0,      0, probe_log,      NULL,      "mailbox.log" },
	{ "zmstat",         60,    30,     0,      0, probe_zmstat,   NULL,      "a look at zmstat's files" },
	{ "clock",          20,    10,     0,      0, probe_clock,    NULL,      "this node's clock" },
	{ "certificate",  3600,    10,     0,      0, probe_certificate, NULL,   "this agent's certificate" },
	{ "certificate:mailboxd", 600, 30, 0,      0, probe_certificate_mailboxd, NULL, "mailboxd's certificate" },
};
/* clang-format on */
const size_t probe_count = ARRAY_LEN(probe_defs);

static_assert(ARRAY_LEN(probe_defs) <= PROBES_MAX, "they are told in one message");

enum probe_state { PROBE_NEVER, PROBE_KNOWN, PROBE_HANGS };

struct probe {
	struct probe_run run;
	struct probes *owner;
	enum probe_state state;
	bool running;
	uint64_t began_ms;
	uint64_t next_ms;
	/* what is told; the run writes only its own fields */
	bool absent;
	enum severity severity;
	char text[LIMIT_TEXT];
	uint32_t took_ms;
	char zimbra_version[ZIMBRA_VERSION_SIZE];
	int64_t wall_ms;
	uint64_t since_ms; /* of this severity */
};

struct probes {
	struct agent *agent;
	struct probe *rows;
	size_t count;
	uint64_t reported_ms;
	bool changed;
};

static const char *const severity_names[] = {
    [SEVERITY_OK] = "well",
    [SEVERITY_WARN] = "warning",
    [SEVERITY_FAIL] = "failing",
};
static_assert(ARRAY_LEN(severity_names) == SEVERITY_COUNT, "name every severity");
static_assert((int)SEVERITY_FAIL == (int)WIRE__SEVERITY__SEVERITY_FAIL, "as on the wire");

const char *
severity_name(enum severity severity)
{
	return severity_names[severity];
}

/* --- for the kinds --- */

void
probe_found(struct probe_run *r, enum severity severity, const char *fmt, ...)
{
	va_list args;

	if (severity < r->severity || (severity == r->severity && r->text[0] != '\0'))
		return;
	r->severity = severity;
	va_start(args, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, args);
	va_end(args);
	utf8_tidy(r->text);
}

enum severity
probe_judge_time(const struct probe_def *def, uint32_t took_ms)
{
	if (def->fail_ms > 0 && took_ms >= def->fail_ms)
		return SEVERITY_FAIL;
	if (def->warn_ms > 0 && took_ms >= def->warn_ms)
		return SEVERITY_WARN;
	return SEVERITY_OK;
}

bool
probe_wait(int fd, uint64_t until_ms, const atomic_bool *cancelled)
{
	while (!atomic_load(cancelled)) {
		struct pollfd waiting = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_mono_ms();

		if (now >= until_ms)
			return false;
		if (poll(&waiting, 1,
			(int)(until_ms - now < SLICE_MS ? until_ms - now : SLICE_MS)) ==
		    1)
			return true;
	}
	return false;
}

/* --- a run --- */

static bool
probe_run_on_pool(struct work *work)
{
	struct probe_run *r = (struct probe_run *)work;
	uint64_t began_ms = clock_mono_ms();

	r->absent = r->has_disk = false;
	r->severity = SEVERITY_OK;
	r->text[0] = '\0';
	r->took_ms = 0;
	r->def->run(r);
	if (r->took_ms == 0)
		r->took_ms = (uint32_t)(clock_mono_ms() - began_ms);
	if (probe_judge_time(r->def, r->took_ms) != SEVERITY_OK)
		probe_found(r, probe_judge_time(r->def, r->took_ms),
		    "%s took %u ms to answer", r->def->what, r->took_ms);
	return true;
}

/* Logged when it changes: at the beginning and at the end. */
static void
probe_set(struct probe *p, enum severity severity, const char *text, uint32_t took_ms)
{
	uint64_t now = clock_mono_ms();
	bool first = p->state == PROBE_NEVER;

	if (!p->absent && severity != p->severity) {
		if (severity == SEVERITY_OK)
			log_info(NULL, "health %s: well again after %llu s",
			    p->run.def->name,
			    (unsigned long long)(now - p->since_ms) / 1000);
		else
			log_warn(NULL, "health %s: %s: %s", p->run.def->name,
			    severity_name(severity), text);
	}
	if (first || severity != p->severity) {
		p->since_ms = now;
		p->owner->changed = true;
	}
	p->severity = severity;
	snprintf(p->text, sizeof(p->text), "%s", text);
	p->took_ms = took_ms;
	p->wall_ms = clock_wall_ms();
}

static void
probe_set_version(struct probe *p, const char *version)
{
	if (strcmp(p->zimbra_version, version) == 0)
		return;
	snprintf(p->zimbra_version, sizeof(p->zimbra_version), "%s", version);
	p->owner->changed = true;
}

static void
probe_on_done(struct work *work)
{
	struct probe *p = (struct probe *)work;
	uint64_t now = clock_mono_ms();

	p->running = false;
	p->next_ms = now + (uint64_t)p->run.def->period_s * 1000;
	/* How long it lasts matters more than how long it was well. */
	if (p->run.severity == SEVERITY_FAIL && p->next_ms > now + FAILING_EVERY_MS)
		p->next_ms = now + FAILING_EVERY_MS;
	if (p->owner->agent->stopping)
		return;
	p->absent = p->run.absent;
	probe_set_version(p, p->run.zimbra_version);
	probe_set(p, p->run.severity, p->run.text, p->run.took_ms);
	p->state = PROBE_KNOWN;
}

static void
probe_tick(struct probe *p, uint64_t now)
{
	const struct probe_def *def = p->run.def;
	uint64_t ran_ms = now - p->began_ms;
	char text[LIMIT_TEXT];
	struct err e;

	if (p->running && p->state != PROBE_HANGS &&
	    ran_ms > (uint64_t)def->deadline_s * 1000) {
		snprintf(text, sizeof(text), "%s has not answered for %u s: it hangs",
		    def->what, def->deadline_s);
		p->absent = false;
		probe_set_version(p, "");
		probe_set(p, SEVERITY_FAIL, text, (uint32_t)ran_ms);
		p->state = PROBE_HANGS;
	}
	if (p->running || now < p->next_ms)
		return;
	p->began_ms = now;
	p->run.skew = p->owner->agent->skew;
	p->running = work_submit(&p->owner->agent->loop, &p->run.work, &e);
}

/* --- telling --- */

static bool
probes_all_known(const struct probes *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->rows[i].state == PROBE_NEVER)
			return false;
	}
	return true;
}

static void
health_add_probe(Wire__Health *h, Wire__Probe *row, const struct probe *p)
{
	wire__probe__init(row);
	row->name = frame_bytes(p->run.def->name);
	row->severity = (Wire__Severity)p->severity;
	row->text = frame_bytes(p->text);
	row->took_ms = p->took_ms;
	row->wall_ms = p->wall_ms;
	h->probes[h->n_probes++] = row;
}

/* While a run is under way its fields belong to the pool: the disk is told the next time. */
static void
health_add_disk(Wire__Health *h, Wire__Disk *row, const struct probe *p)
{
	const char *role = strchr(p->run.def->name, ':');

	if (p->running || role == NULL || !p->run.has_disk)
		return;
	wire__disk__init(row);
	row->role = frame_bytes(role + 1);
	row->path = frame_bytes(p->run.path);
	row->total_bytes = p->run.total_bytes;
	row->free_bytes = p->run.free_bytes;
	h->disks[h->n_disks++] = row;
	if (p->run.def->folder == NULL) {
		h->reserved_bytes = p->run.reserved_bytes;
		h->spool_is_persistent = p->run.is_persistent;
	}
}

void
probes_report(struct probes *p)
{
	Wire__Probe rows[PROBES_MAX];
	Wire__Probe *row_pointers[PROBES_MAX];
	Wire__Disk disks[PROBES_MAX];
	Wire__Disk *disk_pointers[PROBES_MAX];
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Health h = WIRE__HEALTH__INIT;

	if (!probes_all_known(p))
		return;
	h.probes = row_pointers;
	h.disks = disk_pointers;
	for (size_t i = 0; i < p->count; i++) {
		if (!p->rows[i].absent)
			health_add_probe(&h, &rows[i], &p->rows[i]);
		health_add_disk(&h, &disks[h.n_disks], &p->rows[i]);
		if (p->rows[i].zimbra_version[0] != '\0')
			h.zimbra_version = frame_bytes(p->rows[i].zimbra_version);
	}
	m.body_case = WIRE__ENVELOPE__BODY_HEALTH;
	m.health = &h;
	if (!agent_send(p->agent, &m))
		return;
	p->changed = false;
	p->reported_ms = clock_mono_ms();
}

void
probes_tick(struct probes *p)
{
	uint64_t now = clock_mono_ms();

	if (p->agent->stopping)
		return;
	for (size_t i = 0; i < p->count; i++)
		probe_tick(&p->rows[i], now);
	if (p->changed || now >= p->reported_ms + REPORT_EVERY_MS)
		probes_report(p);
}

/* --- life --- */

struct probes *
probes_new_of(struct agent *a, const struct probe_def *defs, size_t count)
{
	struct probes *p = XNEW(struct probes);

	if (count > PROBES_MAX)
		BUG("%zu probes", count);
	p->agent = a;
	p->count = count;
	p->rows = xcalloc(count, sizeof(*p->rows));
	for (size_t i = 0; i < count; i++) {
		struct probe *row = &p->rows[i];

		row->owner = p;
		row->run.def = &defs[i];
		row->run.agent = a;
		row->run.work.run = probe_run_on_pool;
		row->run.work.done = probe_on_done;
	}
	return p;
}

struct probes *
probes_new(struct agent *a)
{
	return probes_new_of(a, probe_defs, probe_count);
}

void
probes_free(struct probes **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; i < (*p)->count; i++) {
		soap_client_free(&(*p)->rows[i].run.soap);
		logwatch_free(&(*p)->rows[i].run.log);
	}
	free((*p)->rows);
	xfree(p);
}
