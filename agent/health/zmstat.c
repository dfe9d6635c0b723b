/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zimbra's own statistics as a pulse: zmstat's daemons write their files every half minute,
 * mailboxd writes its own. Midnight takes all of them away for a moment. A node where they
 * have not been written for days runs no zmstat, and that may be so (facts: zimbra 11).
 */
#include <stdio.h>
#include <sys/stat.h>

#include "agent/health/probes.h"
#include "proto/base/clock.h"

#define STOPPED_S (10 * 60)
#define MAILBOXD_HANGS_S (5 * 60)
#define OFF_S (7 * 24 * 3600)

static const char *const of_daemons[] = {
    "cpu.csv", "fd.csv", "io.csv", "proc.csv", "vm.csv"};
static const char *const of_mailboxd[] = {"mailboxd.csv"};

/* Seconds since the newest of these was written; -1: there is none. */
static int64_t
zmstat_age_s(const char *folder, const char *const *names, size_t count)
{
	int64_t newest_s = -1;
	int64_t now_s = clock_wall_ms() / 1000;
	char path[600];
	struct stat st;

	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (stat(path, &st) == 0 && (int64_t)st.st_mtime > newest_s)
			newest_s = (int64_t)st.st_mtime;
	}
	if (newest_s < 0)
		return -1;
	return newest_s > now_s ? 0 : now_s - newest_s;
}

void
probe_zmstat(struct probe_run *r)
{
	int64_t daemons_s, mailboxd_s;

	snprintf(r->path, sizeof(r->path), "%.400s/zmstat", r->agent->conf->zimbra_home);
	daemons_s = zmstat_age_s(r->path, of_daemons, ARRAY_LEN(of_daemons));
	mailboxd_s = zmstat_age_s(r->path, of_mailboxd, ARRAY_LEN(of_mailboxd));
	if (daemons_s > OFF_S)
		daemons_s = -1;
	if (mailboxd_s > OFF_S)
		mailboxd_s = -1;
	r->absent = daemons_s < 0 && mailboxd_s < 0;
	if (daemons_s >= STOPPED_S)
		probe_found(r, SEVERITY_WARN,
		    "zmstat has written nothing into %s for %lld min: it has stopped; on "
		    "the node, as zimbra: zmstatctl restart",
		    r->path, (long long)daemons_s / 60);
	if (mailboxd_s >= MAILBOXD_HANGS_S)
		probe_found(r, SEVERITY_WARN,
		    "mailboxd has written nothing into %s/mailboxd.csv for %lld min: it "
		    "may hang; on the node, as zimbra: zmthrdump, then zmmailboxdctl "
		    "restart",
		    r->path, (long long)mailboxd_s / 60);
}
