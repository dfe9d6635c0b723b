/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /sys/fs/ext4/DEVICE/errors_count outlives a restart: what it says at the first look may be
 * years old and is a warning. New ones are a failure for an hour. Of an overlay, and where
 * /sys is not mounted, nothing is known. Source: the kernel's admin-guide/ext4.rst.
 */
#include "agent/health/fs_errors.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/health/probes.h"

#define HOUR_MS (3600 * (uint64_t)1000)

bool
fs_errors_read(const char *sys, dev_t device, uint64_t *out)
{
	char path[PATH_MAX];
	char target[PATH_MAX];
	const char *name;
	ssize_t length;
	bool found;
	FILE *f;

	/* "../../devices/.../sda/sda1" */
	snprintf(
	    path, sizeof(path), "%s/dev/block/%u:%u", sys, major(device), minor(device));
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return false;
	target[length] = '\0';
	name = strrchr(target, '/');
	if (snprintf(path, sizeof(path), "%s/fs/ext4/%s/errors_count", sys,
		name == NULL ? target : name + 1) >= (int)sizeof(path))
		return false;
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	found = fscanf(f, "%" SCNu64, out) == 1;
	fclose(f);
	return found;
}

void
fs_errors_judge(struct probe_run *r, struct fs_errors *s, uint64_t total, uint64_t now_ms)
{
	if (s->known && total > s->total)
		s->rose_ms = now_ms;
	s->known = true;
	s->total = total;
	if (s->rose_ms != 0 && now_ms - s->rose_ms < HOUR_MS)
		probe_found(r, SEVERITY_FAIL,
		    "%s (%s): its file system noted errors within the last hour, %llu in "
		    "all; look at dmesg, replace the disk or move mailboxes away",
		    r->def->what, r->path, (unsigned long long)total);
	else if (total > 0)
		probe_found(r, SEVERITY_WARN,
		    "%s (%s): its file system has noted %llu errors before; look at "
		    "dmesg, and run e2fsck when it can be unmounted",
		    r->def->what, r->path, (unsigned long long)total);
}
