/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of this container: processes killed for want of memory, and how much
 * time everything in it waits for memory or for its disks (pressure stall information, cgroup
 * v2 only). Of v1 the kills are read. Where there is no cgroup of its own nothing is told.
 * Sources: the kernel's admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst, accounting/psi.rst.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/health/cgroup.h"
#include "proto/base/clock.h"

#define HOUR_MS (3600 * (uint64_t)1000)

/* Percent of a minute in which nothing in the container got on. */
static const struct {
	double warn, fail;
} memory_stall = {10, 40}, io_stall = {40, 80};

/* --- reading --- */

static FILE *
cgroup_open(const char *dir, const char *file)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return fopen(path, "re");
}

/* "oom_kill 3" in a file of such lines. */
static bool
cgroup_read_key(const char *dir, const char *file, const char *key, uint64_t *out)
{
	char name[64];
	uint64_t value;
	bool found = false;
	FILE *f = cgroup_open(dir, file);

	if (f == NULL)
		return false;
	while (!found && fscanf(f, "%63s %" SCNu64 "\n", name, &value) == 2)
		found = strcmp(name, key) == 0;
	fclose(f);
	if (found)
		*out = value;
	return found;
}

/* "full avg10=0.00 avg60=1.50 avg300=... total=...". */
static bool
cgroup_read_stall(const char *dir, const char *file, double *out)
{
	char line[200];
	bool found = false;
	FILE *f = cgroup_open(dir, file);

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		double avg10, avg60;

		if (sscanf(line, "full avg10=%lf avg60=%lf", &avg10, &avg60) != 2)
			continue;
		found = true;
		*out = avg60;
	}
	fclose(f);
	return found;
}

void
cgroup_read(const char *dir, struct cgroup_facts *out)
{
	*out = (struct cgroup_facts){0};
	out->has_kills =
	    cgroup_read_key(dir, "memory.events", "oom_kill", &out->kills) ||
	    cgroup_read_key(dir, "memory/memory.oom_control", "oom_kill", &out->kills);
	out->has_memory_stall =
	    cgroup_read_stall(dir, "memory.pressure", &out->memory_stall);
	out->has_io_stall = cgroup_read_stall(dir, "io.pressure", &out->io_stall);
}

/* --- judging --- */

static enum severity
stall_judge(double stall, double warn, double fail)
{
	return stall >= fail   ? SEVERITY_FAIL
	       : stall >= warn ? SEVERITY_WARN
			       : SEVERITY_OK;
}

/* Kills of before the agent's start are not counted: nobody knows when they were. */
static unsigned
cgroup_recent_kills(struct cgroup_kills *k, uint64_t kills, uint64_t now_ms)
{
	unsigned recent = 0;

	if (!k->known || kills < k->total)
		k->total = kills; /* a new container counts from nothing */
	k->known = true;
	for (; k->total < kills; k->total++)
		k->at_ms[k->next++ % CGROUP_KILLS] = now_ms;
	for (unsigned i = 0; i < CGROUP_KILLS; i++)
		recent += k->at_ms[i] != 0 && now_ms - k->at_ms[i] < HOUR_MS;
	return recent;
}

void
cgroup_judge_memory(struct probe_run *r, const struct cgroup_facts *f,
    struct cgroup_kills *kills, uint64_t now_ms)
{
	unsigned recent = f->has_kills ? cgroup_recent_kills(kills, f->kills, now_ms) : 0;
	enum severity stalled =
	    stall_judge(f->memory_stall, memory_stall.warn, memory_stall.fail);

	r->absent = !f->has_kills && !f->has_memory_stall;
	if (recent > 0)
		probe_found(r, recent >= CGROUP_KILLS ? SEVERITY_FAIL : SEVERITY_WARN,
		    "%u%s processes of this container were killed in the last hour for "
		    "want of memory; give it more, or find who takes it: dmesg",
		    recent, recent >= CGROUP_KILLS ? " or more" : "");
	if (f->has_memory_stall && stalled != SEVERITY_OK)
		probe_found(r, stalled,
		    "for %.0f %% of the last minute everything in this container waited "
		    "for memory; give it more, or find who takes it",
		    f->memory_stall);
}

void
cgroup_judge_io(struct probe_run *r, const struct cgroup_facts *f)
{
	enum severity stalled = stall_judge(f->io_stall, io_stall.warn, io_stall.fail);

	r->absent = !f->has_io_stall;
	if (f->has_io_stall && stalled != SEVERITY_OK)
		probe_found(r, stalled,
		    "for %.0f %% of the last minute everything in this container waited "
		    "for its disks; look for a failing or an overloaded one: dmesg, "
		    "iostat",
		    f->io_stall);
}

void
probe_cgroup_memory(struct probe_run *r)
{
	struct cgroup_facts f;

	cgroup_read(r->agent->conf->cgroup_dir, &f);
	cgroup_judge_memory(r, &f, &r->kills, clock_mono_ms());
}

void
probe_cgroup_io(struct probe_run *r)
{
	struct cgroup_facts f;

	cgroup_read(r->agent->conf->cgroup_dir, &f);
	cgroup_judge_io(r, &f);
}
