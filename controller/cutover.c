/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cutover.h"

#include <stdio.h>
#include <string.h>

#include "controller/retention.h"

bool
cutover_parse(const char *text, char *out, struct err *e)
{
	int from_m, until_m;
	struct err why;

	out[0] = '\0';
	if (text[0] == '\0' || strcmp(text, CUTOVER_NOW) == 0)
		return true;
	if (strcmp(text, CUTOVER_GO) != 0 &&
	    (strlen(text) >= CUTOVER_TEXT ||
		!retention_window(text, &from_m, &until_m, &why) || from_m == until_m))
		return err_set(e, ERR_REFUSED,
		    "cutover \"%.40s\": it is now, go (when you say so: zmferry job "
		    "continue) or a window of the day, as in 22:00-05:00",
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
	else
		snprintf(out, size,
		    "copied and kept in step until %.5s (window %s); at once: zmferry "
		    "job "
		    "continue %s",
		    cutover, cutover, job_id);
}
