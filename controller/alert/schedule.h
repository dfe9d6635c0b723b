/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a person is told of an alert: at its beginning, again after a while, at its end; of
 * one that comes and goes once. Pure: what is known goes in, what to tell comes out.
 */
#ifndef ALERT_SCHEDULE_H
#define ALERT_SCHEDULE_H

#include <stdint.h>

#include "controller/alert/table.h"

/* Raised again so soon after it was over, it comes and goes; so long the same, it stays. */
#define ALERT_CALM_MS (30 * 60 * 1000)

/* What was told last. */
enum alert_phase {
	ALERT_UNTOLD,
	ALERT_TOLD,
	ALERT_FLAPPING, /* that it comes and goes */
	ALERT_OVER,
	ALERT_PHASE_COUNT
};

enum alert_tell {
	ALERT_TELL_NOTHING,
	ALERT_TELL_RAISED,
	ALERT_TELL_REPEATED,
	ALERT_TELL_FLAPPING,
	ALERT_TELL_OVER,
	ALERT_TELL_COUNT
};

struct alert_state {
	enum alert_severity severity;
	enum alert_phase phase;
	bool raised; /* else it is over */
	bool acked;
	uint32_t returns;	   /* how often it came back while it comes and goes */
	int64_t at_ms;		   /* raised, the last time; wall clock, as all here */
	int64_t cleared_ms;	   /* over, the last time */
	int64_t told_ms;	   /* the last time */
	int64_t silenced_until_ms; /* 0 = not */
};

struct alert_schedule {
	uint32_t repeat_s[ALERT_SEVERITY_COUNT]; /* 0 = told once */
};

enum alert_tell alert_due(
    const struct alert_state *s, const struct alert_schedule *schedule, int64_t now_ms);
/* What was told last, after this. */
enum alert_phase alert_phase_after(enum alert_phase before, enum alert_tell tell);
const char *alert_tell_name(enum alert_tell tell);
const char *alert_phase_name(enum alert_phase phase);
bool alert_phase_parse(const char *name, enum alert_phase *out);

#endif
