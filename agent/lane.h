/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker processes: started by argv without a shell, fed one job, killed at their
 * deadline. Outcomes are remembered, so that a request received twice is done once.
 * Loop thread only.
 */
#ifndef AGENT_LANE_H
#define AGENT_LANE_H

#include "agent/agent.h"

struct lanes;

struct lanes *lanes_new(struct agent *a);
/* Kills what runs; handles end with the loop, then lanes_free. */
void lanes_stop(struct lanes *l);
void lanes_free(struct lanes **l);

/*
 * Does the step in a worker of that name, or attaches to the one that does it, or
 * answers again what came out. The answer carries envelope_id. Refuses above the queue's ceiling.
 */
void lanes_submit(struct lanes *l, const Wire__StepRequest *step, uint64_t envelope_id,
    const char *worker);
/* Hands an accepted connection to a receive worker; takes the descriptor. */
void lanes_receive(struct lanes *l, int take_fd);
/* Everything of the move up to this step is stopped. */
void lanes_cancel(struct lanes *l, const char *move_id, uint32_t step_no);
bool lanes_busy_with(const struct lanes *l, const char *move_id);

#endif
