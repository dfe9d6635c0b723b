/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this node well? One table of probes: name, period, deadline, thresholds. Each runs
 * on the pool; one that does not end in time is itself a finding. What was found goes to
 * the controller as Health: when something changed, after a connect, every half minute.
 */
#ifndef AGENT_PROBES_H
#define AGENT_PROBES_H

#include "agent/agent.h"
#include "agent/health/fs_errors.h"
#include "agent/health/growth.h"
#include "proto/base/work.h"
#include "proto/skew.h"
#include "proto/zimbra/version.h"

enum severity { SEVERITY_OK, SEVERITY_WARN, SEVERITY_FAIL, SEVERITY_COUNT };
const char *severity_name(enum severity severity);

struct probe_run;

struct probe_def {
	const char *name;
	unsigned period_s;
	unsigned deadline_s; /* silence for so long is a failure */
	uint32_t warn_ms;    /* slower than this; 0 = time does not count */
	uint32_t fail_ms;
	void (*run)(struct probe_run *r);
	const char *folder; /* disk probes: below zimbra_home; NULL: spool_dir */
	const char *what;   /* "the local mailboxd": for texts */
};

extern const struct probe_def probe_defs[];
extern const size_t probe_count;
#define PROBES_MAX \
	24 /* told in one message, of disks fewer; each may hang on the pool at once */

#define CGROUP_KILLS 3 /* within an hour they are a failure */

/* When processes were killed for want of memory. */
struct cgroup_kills {
	bool known;
	uint64_t total; /* as the kernel counts */
	uint64_t at_ms[CGROUP_KILLS];
	unsigned next;
};
struct logwatch;

/* One probe's state; the pool thread touches only this, and of agent what does not change. */
struct probe_run {
	struct work work; /* first */
	const struct probe_def *def;
	const struct agent *agent;
	struct soap_client *soap; /* mailboxd: kept, one login for all */
	bool seen;		  /* it was there once: disks, imap, pop */
	unsigned port_at;	  /* imap, pop: the port that answered */
	struct cgroup_kills kills;
	struct logwatch *log; /* owned */
	int64_t expires_s;    /* certificate:mailboxd: as seen last; 0 = never */
	struct growth growth; /* disks */
	struct fs_errors fs_errors;
	struct skew skew; /* clock: the agent's, copied before each run */
	/* found by the run */
	bool absent; /* there is no such thing on this node: not told */
	enum severity severity;
	char text[LIMIT_TEXT]; /* one sentence: thing, fact, way out */
	uint32_t took_ms;      /* of the thing measured; 0 = the whole run */
	char zimbra_version[ZIMBRA_VERSION_SIZE]; /* mailboxd: "" = it does not say */
	bool has_disk;
	char path[512];
	uint64_t total_bytes, free_bytes, reserved_bytes;
	bool is_persistent;
};

/* Says what was found; the worst of several calls stays. */
void probe_found(struct probe_run *r, enum severity severity, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* By the row's warn_ms and fail_ms. */
enum severity probe_judge_time(const struct probe_def *def, uint32_t took_ms);

/* Waits for bytes until then (monotonic); false: none came, or the agent is ending. */
bool probe_wait(int fd, uint64_t until_ms, const atomic_bool *cancelled);

/* The kinds (a file each). Blocking. */
void probe_mailboxd(struct probe_run *r);
void probe_lmtp(struct probe_run *r);
void probe_mariadb(struct probe_run *r);
void probe_disk(struct probe_run *r);
void probe_cgroup_memory(struct probe_run *r);
void probe_cgroup_io(struct probe_run *r);
void probe_log(struct probe_run *r);
void probe_access(struct probe_run *r);
void probe_clock(struct probe_run *r);
void probe_zmstat(struct probe_run *r);
void probe_certificate(struct probe_run *r);
void probe_certificate_mailboxd(struct probe_run *r);

/* What a disk says of itself, and what to think of it. */
struct disk_facts {
	uint64_t total_bytes, free_bytes;
	uint64_t total_inodes, free_inodes; /* 0 = the file system counts none */
	bool read_only;
};
/* limit_percent: the spool's fill limit, 0 for other disks. */
void disk_judge(struct probe_run *r, const struct disk_facts *f, uint32_t limit_percent);
/* full_in_s as growth_full_in_s says. Only ever a warning: it is a guess. */
void
disk_judge_growth(struct probe_run *r, const struct disk_facts *f, uint64_t full_in_s);

/* left_s until the row's certificate ends; not above 0: it has. */
void certificate_judge(struct probe_run *r, int64_t left_s, const char *way_out);

struct probes *probes_new(struct agent *a);
/* With a table of one's own: for tests. */
struct probes *probes_new_of(struct agent *a, const struct probe_def *defs, size_t count);
void probes_free(struct probes **p); /* after the loop ran dry */
void probes_tick(struct probes *p);
void probes_report(struct probes *p); /* now, if every probe has run once */

#endif
