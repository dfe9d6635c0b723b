/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs of trouble in Zimbra's mailbox.log, counted over ten minutes. What people send can
 * stand in a log line, so a line counts by its level and by what its message begins with,
 * and no finding of this probe alone ever moves a mailbox (controller/policy_table.c).
 */
#ifndef AGENT_LOGWATCH_H
#define AGENT_LOGWATCH_H

#include "agent/health/probes.h"

#define LOGWATCH_SIGNS 5
#define LOGWATCH_SLOTS 10 /* minutes */

struct logwatch {
	FILE *f;	/* NULL: not open */
	uint64_t inode; /* of what is open: another one means it was rotated */
	uint32_t counts[LOGWATCH_SIGNS][LOGWATCH_SLOTS];
	uint64_t minute; /* of the newest slot */
	bool partial;	 /* the last line read had no end: the rest is to be skipped */
};

struct logwatch *logwatch_new(void);
void logwatch_free(struct logwatch **w);

/* Counts what was added since the last look; the first looks at nothing that was there. False:
   there is no such file. */
bool logwatch_read(struct logwatch *w, const char *path, uint64_t now_ms);
/* One line, without its end. -1: it is no sign. Pure. */
int logwatch_sign_of(const char *line);
void logwatch_judge(struct probe_run *r, const struct logwatch *w, const char *path);

#endif
