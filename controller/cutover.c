/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cutover.h"

#include <stdio.h>
#include <string.h>

#include "controller/retention.h"
#include "proto/base/conf.h"

#define IDLE_PREFIX CUTOVER_IDLE ":"
#define IDLE_DEFAULT "10m"
#define IDLE_MAX_S (24 * 3600)

/* "15m" of "idle:15m"; NULL: it does not wait for owners. */
static const char *
cutover_idle_text(const char *text)
{
	if (strcmp(text, CUTOVER_IDLE) == 0)
		return IDLE_DEFAULT;
	if (strncmp(text, IDLE_PREFIX, strlen(IDLE_PREFIX)) != 0)
		return NULL;
	return text + strlen(IDLE_PREFIX);
}

uint64_t
cutover_idle_ms(const char *cutover)
{
	const char *text = cutover_idle_text(cutover);
	uint32_t seconds = 0;

	if (text == NULL || !conf_duration_parse(text, &seconds) || seconds > IDLE_MAX_S)
		return 0;
	return (uint64_t)seconds * 1000;
}

static bool
cutover_parse_idle(const char *text, char *out, struct err *e)
{
	const char *idle = cutover_idle_text(text);

	if (cutover_idle_ms(text) == 0 ||
	    strlen(idle) + sizeof(IDLE_PREFIX) > CUTOVER_TEXT)
		return err_set(e, ERR_REFUSED,
		    "cutover \"%.40s\": how long an owner must have done nothing is from "
		    "1s to 24h, as in idle:15m",
		    text);
	snprintf(out, CUTOVER_TEXT, IDLE_PREFIX "%.9s", idle);
	return true;
}

bool
cutover_parse(const char *text, char *out, struct err *e)
{
	int from_m, until_m;
	struct err why;

	out[0] = '\0';
	if (text[0] == '\0' || strcmp(text, CUTOVER_NOW) == 0)
		return true;
	if (cutover_idle_text(text) != NULL)
		return cutover_parse_idle(text, out, e);
	if (strcmp(text, CUTOVER_GO) != 0 &&
	    (strlen(text) >= CUTOVER_TEXT ||
		!retention_window(text, &from_m, &until_m, &why) || from_m == until_m))
		return err_set(e, ERR_REFUSED,
		    "cutover \"%.40s\": it is now, go (when you say so: zmferry job "
		    "continue), idle or idle:15m (each when its owner has done nothing "
		    "for so long) or a window of the day, as in 22:00-05:00",
		    text);
	memcpy(out, text, strlen(text) + 1);
	return true;
}

bool
cutover_is_open(const char *cutover, int64_t wall_ms)
{
	struct retention window = {0};
	struct err ignored;

	if (cutover[0] == '\0' || strcmp(cutover, CUTOVER_NOW) == 0)
		return true;
	if (strcmp(cutover, CUTOVER_GO) == 0 ||
	    !retention_window(cutover, &window.from_m, &window.until_m, &ignored))
		return false;
	return retention_is_open_at(&window, wall_ms);
}

void
cutover_why(const char *cutover, const char *job_id, char *out, size_t size)
{
	if (strcmp(cutover, CUTOVER_GO) == 0)
		snprintf(out, size,
		    "copied and kept in step until you say so: zmferry job continue %s",
		    job_id);
	else if (cutover_idle_ms(cutover) != 0)
		snprintf(out, size,
		    "copied and kept in step, each until its owner has done nothing for "
		    "%s; at once: zmferry job continue %s",
		    cutover_idle_text(cutover), job_id);
	else
		snprintf(out, size,
		    "copied and kept in step until %.5s (window %s); at once: zmferry "
		    "job "
		    "continue %s",
		    cutover, cutover, job_id);
}

void
cutover_idle_why(
    const char *cutover, const char *job_id, const char *seen, char *out, size_t size)
{
	snprintf(out, size,
	    "waits until its owner is idle for %s: %.300s; at once: zmferry job continue "
	    "%s",
	    cutover_idle_text(cutover), seen, job_id);
}
