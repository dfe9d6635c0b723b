/* SPDX-License-Identifier: Apache-2.0 */
/* What the container's cgroup tells, and what to think of it. */
#ifndef AGENT_CGROUP_H
#define AGENT_CGROUP_H

#include "agent/health/probes.h"

struct cgroup_facts {
	bool has_kills, has_memory_stall, has_io_stall;
	uint64_t kills;		       /* since the container's start */
	double memory_stall, io_stall; /* percent of the last minute, "full" */
};

/* Reads what is there of cgroup v2 or v1 below dir. */
void cgroup_read(const char *dir, struct cgroup_facts *out);
/* Pure, but for what r and kills keep. */
void cgroup_judge_memory(struct probe_run *r, const struct cgroup_facts *f,
    struct cgroup_kills *kills, uint64_t now_ms);
void cgroup_judge_io(struct probe_run *r, const struct cgroup_facts *f);

#endif
