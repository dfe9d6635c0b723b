/* SPDX-License-Identifier: Apache-2.0 */
/* Following a job: one live line on a terminal, a plain line per change otherwise. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "controller/cli/commands.h"

/* Exit code: 0 done, 1 ended otherwise, 130 left by Ctrl-C; survives a restart of the controller. */
int wait_for_job(struct options *o, const char *job_id);

#endif
