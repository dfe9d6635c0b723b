/* SPDX-License-Identifier: Apache-2.0 */
/* A history of what was seen, played through the policy: what would it have done? Pure. */
#ifndef CONTROLLER_POLICY_REPLAY_H
#define CONTROLLER_POLICY_REPLAY_H

#include <jansson.h>

#include "controller/policy.h"

#define REPLAY_NODES_MAX 64
#define REPLAY_STEPS_MAX 1000000 /* nodes times seconds: about a second of work */

/*
 * history: {"nodes": ["mbs1", ...], "until_s": 900, "events": [{"at_s", "node", "connected",
 * "failing": {probe: text}, "looks": {observer: serves}, "cordoned"}]}, times rising, what an
 * event does not name stays. "room" false: plans find none; "job_s": an evacuation takes so
 * long (600). settings: in force; automatic_start is over at 0. The answer: {"changes":
 * [{"at_s", "node", "state", "decision", "reasons", "why"}]}, new reference; NULL with e.
 */
json_t *policy_replay(
    const struct policy_settings *settings, const json_t *history, struct err *e);

#endif
