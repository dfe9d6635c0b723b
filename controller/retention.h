/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Old copies whose time is over are deleted by themselves: a few at a time, in the window of
 * the day that is set, never while a job moves mail, never when the wall clock has jumped.
 */
#ifndef CONTROLLER_RETENTION_H
#define CONTROLLER_RETENTION_H

#include "controller/job.h"

struct retention {
	uint32_t days;	     /* 0: never by itself */
	int from_m, until_m; /* minutes of the day, local time; equal: always */
	/* below: kept between looks */
	bool looked;
	int64_t wall_ms;
	uint64_t mono_ms;
	uint64_t suspended_until_ms; /* monotonic */
};

/* "01:00-05:00", "" = always. False with e: it is none. */
MUST_USE bool
retention_window(const char *text, int *from_m_out, int *until_m_out, struct err *e);
/* Is that minute of the day in the window? It may go over midnight. */
bool retention_is_open(const struct retention *r, int minute);
/* The same of a moment, by this machine's local time. */
bool retention_is_open_at(const struct retention *r, int64_t wall_ms);
/* Once a minute or so. How many purges it began. */
uint32_t
retention_look(struct retention *r, struct jobs *jobs, int64_t wall_ms, uint64_t mono_ms);

#endif
