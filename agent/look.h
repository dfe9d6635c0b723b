/* SPDX-License-Identifier: Apache-2.0 */
/* Another node, seen from this one: its own agent may be silent for other reasons. */
#ifndef AGENT_LOOK_H
#define AGENT_LOOK_H

#include "agent/agent.h"

/* Looks on the pool and answers with Looked. More than a few at once are passed over. */
void look_begin(struct agent *a, const Wire__Look *wanted);

#endif
