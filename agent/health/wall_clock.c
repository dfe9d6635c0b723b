/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's wall clock beside the controller's, as the heartbeats tell it (proto/skew.h).
 * Only what is certain of the offset counts. Which of the two is wrong nobody knows here: when
 * every node says so it is the controller's.
 */
#include <stdlib.h>

#include "agent/health/probes.h"
#include "proto/base/clock.h"

#define WARN_MS 5000
#define FAIL_MS 60000
#define OLD_MS (10 * 60 * (uint64_t)1000) /* not heard for so long: not known */

void
probe_clock(struct probe_run *r)
{
	int64_t offset_ms = skew_certain_ms(&r->skew);

	r->absent = !r->skew.known || clock_mono_ms() - r->skew.at_ms > OLD_MS;
	if (r->absent || llabs(offset_ms) < WARN_MS)
		return;
	probe_found(r, llabs(offset_ms) < FAIL_MS ? SEVERITY_WARN : SEVERITY_FAIL,
	    "this node's clock is %lld s %s the controller's; look at chronyc tracking "
	    "on "
	    "the hosts of both, and set the wrong one: chronyc makestep",
	    (llabs(offset_ms) + 500) / 1000, offset_ms > 0 ? "ahead of" : "behind");
}
