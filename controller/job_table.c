/* SPDX-License-Identifier: Apache-2.0 */
/* States of a job and the edges between them; tests/unit/controller/test_job_table.c walks them. */
#include <assert.h>
#include <string.h>

#include "controller/job.h"

/* clang-format off */
const struct job_state_def job_states[JOB_STATE_COUNT] = {
	/*                          name                  end    moves  waits  holds turn */
	[JOB_QUEUED]             = { "queued",             false, false, false, false },
	[JOB_PLANNING]           = { "planning",           false, false, false, true  },
	[JOB_MOVING]             = { "moving",             false, true,  false, true  },
	[JOB_PAUSED]             = { "paused",             false, false, false, true  },
	[JOB_CANCELLING]         = { "cancelling",         false, false, false, true  },
	[JOB_GATE]               = { "gate",               false, false, false, true  },
	[JOB_PROVISIONING]       = { "provisioning",       false, false, false, false },
	[JOB_JOINING]            = { "joining",            false, false, false, false },
	[JOB_ADD_HELD]           = { "add_held",           false, false, true,  false },
	[JOB_SAFETY]             = { "safety",             false, false, false, true  },
	[JOB_REMOVE_HELD]        = { "remove_held",        false, false, true,  false },
	[JOB_UNLISTING]          = { "unlisting",          false, false, false, true  },
	[JOB_DISMANTLING]        = { "dismantling",        false, false, false, false },
	[JOB_BY_HAND]            = { "by_hand",            false, false, true,  false },
	[JOB_DONE]               = { "done",               true,  false, false, false },
	[JOB_DONE_WITH_FAILURES] = { "done_with_failures", true,  false, false, false },
	[JOB_CANCELLED]          = { "cancelled",          true,  false, false, false },
};

const struct job_edge job_edges[] = {
	{ JOB_QUEUED,             JOB_EV_TURN,      JOB_PLANNING,           "its turn has come" },
	{ JOB_QUEUED,             JOB_EV_CANCEL,    JOB_CANCELLED,          "cancelled before it began" },
	{ JOB_PLANNING,           JOB_EV_MORE,      JOB_MOVING,             "planned anew" },
	{ JOB_PLANNING,           JOB_EV_OK,        JOB_PROVISIONING,       "a node is to be brought in" },
	{ JOB_PLANNING,           JOB_EV_CANCEL,    JOB_CANCELLED,          "cancelled before it began" },
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
	{ JOB_GATE,               JOB_EV_EMPTY,     JOB_SAFETY,             "the directory names nobody on the node any more" },
	/* a node that comes in */
	{ JOB_PROVISIONING,       JOB_EV_OK,        JOB_JOINING,            "its container runs, or a person starts it" },
	{ JOB_PROVISIONING,       JOB_EV_HOLD,      JOB_ADD_HELD,           "the container could not be made" },
	{ JOB_PROVISIONING,       JOB_EV_CANCEL,    JOB_CANCELLED,          "cancelled by a person; what was made stays" },
	{ JOB_ADD_HELD,           JOB_EV_CONTINUE,  JOB_PROVISIONING,       "a person says: go on" },
	{ JOB_ADD_HELD,           JOB_EV_CANCEL,    JOB_CANCELLED,          "cancelled by a person; what was made stays" },
	{ JOB_JOINING,            JOB_EV_MORE,      JOB_MOVING,             "the node has joined; it gets its share" },
	{ JOB_JOINING,            JOB_EV_CLEAN,     JOB_DONE,               "the node has joined; the nodes are even already" },
	{ JOB_JOINING,            JOB_EV_CONTINUE,  JOB_JOINING,            "looked at once more" },
	{ JOB_JOINING,            JOB_EV_CANCEL,    JOB_CANCELLED,          "cancelled by a person; what was made stays" },
	/* a node that goes */
	{ JOB_SAFETY,             JOB_EV_OK,        JOB_UNLISTING,          "nothing speaks against taking it out" },
	{ JOB_SAFETY,             JOB_EV_HOLD,      JOB_REMOVE_HELD,        "something speaks against taking it out" },
	{ JOB_SAFETY,             JOB_EV_CANCEL,    JOB_CANCELLED,          "cancelled by a person; the node is empty and stays" },
	{ JOB_REMOVE_HELD,        JOB_EV_CONTINUE,  JOB_SAFETY,             "a person says: go on" },
	{ JOB_REMOVE_HELD,        JOB_EV_CANCEL,    JOB_CANCELLED,          "cancelled by a person; the node is empty and stays" },
	{ JOB_UNLISTING,          JOB_EV_OK,        JOB_DISMANTLING,        "the directory does not know it any more" },
	{ JOB_UNLISTING,          JOB_EV_HOLD,      JOB_REMOVE_HELD,        "Zimbra refuses to take it out" },
	{ JOB_DISMANTLING,        JOB_EV_OK,        JOB_DONE,               "the node is out of the cluster" },
	{ JOB_DISMANTLING,        JOB_EV_HOLD,      JOB_REMOVE_HELD,        "the platform refuses to take its container away" },
	{ JOB_DISMANTLING,        JOB_EV_BY_HAND,   JOB_BY_HAND,            "a person takes its container away" },
	{ JOB_BY_HAND,            JOB_EV_CONTINUE,  JOB_DONE,               "a person took the container away" },
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
    [JOB_EV_TURN] = "turn",
    [JOB_EV_OK] = "ok",
    [JOB_EV_EMPTY] = "empty",
    [JOB_EV_HOLD] = "hold",
    [JOB_EV_BY_HAND] = "by_hand",
    [JOB_EV_CONTINUE] = "continue",
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
