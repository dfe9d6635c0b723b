/* SPDX-License-Identifier: Apache-2.0 */
/* States of a job and the edges between them; tests/unit/controller/test_job_table.c walks them. */
#include <assert.h>
#include <string.h>

#include "controller/job.h"

/* clang-format off */
const struct job_state_def job_states[JOB_STATE_COUNT] = {
	/*                          name                  end    starts moves */
	[JOB_MOVING]             = { "moving",             false, true  },
	[JOB_PAUSED]             = { "paused",             false, false },
	[JOB_CANCELLING]         = { "cancelling",         false, false },
	[JOB_GATE]               = { "gate",               false, false },
	[JOB_DONE]               = { "done",               true,  false },
	[JOB_DONE_WITH_FAILURES] = { "done_with_failures", true,  false },
	[JOB_CANCELLED]          = { "cancelled",          true,  false },
};

const struct job_edge job_edges[] = {
	{ JOB_MOVING,             JOB_EV_ALL_ENDED, JOB_GATE,               "every move has ended" },
	{ JOB_MOVING,             JOB_EV_PAUSE,     JOB_PAUSED,             "paused by a person" },
	{ JOB_MOVING,             JOB_EV_CANCEL,    JOB_CANCELLING,         "cancelled by a person" },
	{ JOB_PAUSED,             JOB_EV_RESUME,    JOB_MOVING,             "resumed by a person" },
	{ JOB_PAUSED,             JOB_EV_CANCEL,    JOB_CANCELLING,         "cancelled by a person" },
	{ JOB_CANCELLING,         JOB_EV_ALL_ENDED, JOB_CANCELLED,          "what could go back went back, the rest ended" },
	{ JOB_GATE,               JOB_EV_CLEAN,     JOB_DONE,               "the directory names nobody on the node any more" },
	{ JOB_GATE,               JOB_EV_LEFT,      JOB_DONE_WITH_FAILURES, "something is left to do for a person" },
	{ JOB_GATE,               JOB_EV_MORE,      JOB_MOVING,             "accounts were made on the node meanwhile" },
	{ JOB_GATE,               JOB_EV_CANCEL,    JOB_CANCELLED,          "cancelled by a person" },
	{ JOB_DONE_WITH_FAILURES, JOB_EV_RETRY,     JOB_MOVING,             "what failed is tried again" },
	{ JOB_MOVING,             JOB_EV_RETRY,     JOB_MOVING,             "what failed is tried again" },
	{ JOB_CANCELLED,          JOB_EV_RETRY,     JOB_MOVING,             "taken up again by a person" },
};
/* clang-format on */
const size_t job_edge_count = ARRAY_LEN(job_edges);

static const char *const event_names[] = {
    [JOB_EV_ALL_ENDED] = "all_ended",
    [JOB_EV_CLEAN] = "clean",
    [JOB_EV_LEFT] = "left",
    [JOB_EV_MORE] = "more",
    [JOB_EV_PAUSE] = "pause",
    [JOB_EV_RESUME] = "resume",
    [JOB_EV_CANCEL] = "cancel",
    [JOB_EV_RETRY] = "retry",
};
static_assert(ARRAY_LEN(event_names) == JOB_EVENT_COUNT, "name every event");

const char *
job_event_name(enum job_event ev)
{
	return event_names[ev];
}

bool
job_state_parse(const char *name, enum job_state *out)
{
	for (int s = 0; s < JOB_STATE_COUNT; s++) {
		if (strcmp(job_states[s].name, name) == 0) {
			*out = (enum job_state)s;
			return true;
		}
	}
	return false;
}

const struct job_edge *
job_edge_find(enum job_state from, enum job_event ev)
{
	for (size_t i = 0; i < job_edge_count; i++) {
		if (job_edges[i].from == from && job_edges[i].event == ev)
			return &job_edges[i];
	}
	return NULL;
}
