/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by job.c and job_progress.c. */
#ifndef CONTROLLER_JOB_PRIVATE_H
#define CONTROLLER_JOB_PRIVATE_H

#include "controller/job.h"

struct jobs {
	struct journal *journal;
	const struct world *world;
	struct jobs_limits limits;
	struct jobs_host host;
	struct moves *moves;
	struct job **rows;
	size_t count;
	uint32_t starting; /* in this look */
	bool gate_asked;
	bool stopping;
};

struct job *jobs_at(struct jobs *all, uint32_t number);

#endif
