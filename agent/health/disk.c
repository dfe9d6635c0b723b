/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk: space, inodes, whether it is read-only, when it will be full, errors that its file
 * system noted, and how long a small write takes to be safe. The write goes into a file without
 * a name, so that nothing is ever left behind; where the file system has none of these, only
 * the spool's own folder is written to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/health/probes.h"
#include "agent/mailbox/spool.h"
#include "proto/base/clock.h"

#define WRITE_BYTES 4096
#define FULL_SOON_S (6 * 3600)

/* Percent in use at which to worry. */
static const struct {
	unsigned warn, fail;
} space = {90, 97}, inodes = {90, 98};

static unsigned
used_percent(uint64_t total, uint64_t free_count)
{
	return total == 0
		   ? 0
		   : (unsigned)((double)(total - free_count) * 100.0 / (double)total);
}

static enum severity
judge_percent(unsigned used, unsigned warn, unsigned fail)
{
	return used >= fail ? SEVERITY_FAIL : used >= warn ? SEVERITY_WARN : SEVERITY_OK;
}

void
disk_judge(struct probe_run *r, const struct disk_facts *f, uint32_t limit_percent)
{
	unsigned used = used_percent(f->total_bytes, f->free_bytes);
	unsigned used_inodes = used_percent(f->total_inodes, f->free_inodes);
	enum severity severity = judge_percent(used, space.warn, space.fail);

	if (f->read_only)
		probe_found(r, SEVERITY_FAIL,
		    "%s (%s) is read-only; after an I/O error the kernel does this: look "
		    "at dmesg",
		    r->def->what, r->path);
	if (severity != SEVERITY_OK)
		probe_found(r, severity,
		    "%s (%s) is %u %% full, %llu MB are left; free space or move "
		    "mailboxes away",
		    r->def->what, r->path, used,
		    (unsigned long long)(f->free_bytes >> 20));
	else if (limit_percent > 0 && used >= limit_percent)
		probe_found(r, SEVERITY_WARN,
		    "%s (%s) is %u %% full, above fill_limit (%u %%): no mailbox is "
		    "taken in",
		    r->def->what, r->path, used, limit_percent);
	severity = judge_percent(used_inodes, inodes.warn, inodes.fail);
	if (severity != SEVERITY_OK)
		probe_found(r, severity,
		    "%s (%s) has used %u %% of its inodes, %llu are left", r->def->what,
		    r->path, used_inodes, (unsigned long long)f->free_inodes);
}

void
disk_judge_growth(struct probe_run *r, const struct disk_facts *f, uint64_t full_in_s)
{
	unsigned minutes = (unsigned)(full_in_s / 60);

	if (full_in_s >= FULL_SOON_S)
		return;
	probe_found(r, SEVERITY_WARN,
	    "%s (%s) is full in about %u %s at the present rate, it is %u %% full now; "
	    "find out what grows there, free space or move mailboxes away",
	    r->def->what, r->path, minutes >= 120 ? minutes / 60 : minutes,
	    minutes >= 120 ? "h" : "min", used_percent(f->total_bytes, f->free_bytes));
}

static bool
disk_write(int fd)
{
	static const char zeros[WRITE_BYTES];

	return write(fd, zeros, sizeof(zeros)) == (ssize_t)sizeof(zeros) &&
	       fsync(fd) == 0;
}

/* Opens something to write to; -1 with errno 0: this file system offers nothing harmless. */
static int
disk_open(const struct probe_run *r)
{
	char path[600];
	int fd = open(r->path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	if (r->def->folder != NULL) {
		errno = 0;
		return -1;
	}
	snprintf(path, sizeof(path), "%s/.probe", r->path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static void
disk_time_write(struct probe_run *r)
{
	uint64_t began_ms = clock_mono_ms();
	int fd = disk_open(r);

	if (fd < 0 && (errno == 0 || errno == EACCES || errno == EPERM)) {
		r->took_ms = 1; /* not ours to write to: only space and inodes count */
		return;
	}
	if (fd < 0 || !disk_write(fd))
		probe_found(r, SEVERITY_FAIL, "%s (%s): a write failed: %s", r->def->what,
		    r->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	r->took_ms = (uint32_t)(clock_mono_ms() - began_ms);
	if (probe_judge_time(r->def, r->took_ms) != SEVERITY_OK)
		probe_found(r, probe_judge_time(r->def, r->took_ms),
		    "%s (%s): a write of 4 KiB took %u ms", r->def->what, r->path,
		    r->took_ms);
}

static void
disk_look_at_spool(struct probe_run *r)
{
	const struct agent_conf *conf = r->agent->conf;
	uint64_t total, free_bytes;
	struct err e;

	r->is_persistent =
	    conf->allow_ephemeral_spool || spool_is_persistent(conf->spool_dir);
	if (!spool_disk(conf->spool_dir, &total, &free_bytes, &r->reserved_bytes, &e))
		probe_found(r, SEVERITY_FAIL, "%s", e.text);
	if (!r->is_persistent)
		probe_found(r, SEVERITY_WARN,
		    "%s is lost with the container: no mailbox is taken in; put "
		    "spool_dir on a volume that outlives it",
		    r->path);
}

static void
disk_look_back(struct probe_run *r, const struct disk_facts *f)
{
	uint64_t now = clock_mono_ms();
	uint64_t errors;
	struct stat st;

	growth_add(&r->growth, now, f->total_bytes, f->free_bytes);
	disk_judge_growth(r, f, growth_full_in_s(&r->growth, now, f->free_bytes));
	if (stat(r->path, &st) == 0 && fs_errors_read("/sys", st.st_dev, &errors))
		fs_errors_judge(r, &r->fs_errors, errors, now);
}

void
probe_disk(struct probe_run *r)
{
	const struct agent_conf *conf = r->agent->conf;
	bool is_spool = r->def->folder == NULL;
	struct disk_facts facts;
	struct statvfs vfs;

	if (is_spool)
		snprintf(r->path, sizeof(r->path), "%s", conf->spool_dir);
	else
		snprintf(r->path, sizeof(r->path), "%.400s/%s", conf->zimbra_home,
		    r->def->folder);
	if (statvfs(r->path, &vfs) != 0) {
		r->absent = errno == ENOENT && !is_spool && !r->seen;
		if (!r->absent)
			probe_found(r, SEVERITY_FAIL, "%s (%s): %s", r->def->what,
			    r->path, strerror(errno));
		return;
	}
	r->seen = true;
	facts.total_bytes = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	facts.free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	facts.total_inodes = vfs.f_files;
	facts.free_inodes = vfs.f_favail;
	facts.read_only = (vfs.f_flag & ST_RDONLY) != 0;
	r->has_disk = facts.free_bytes <= facts.total_bytes;
	r->total_bytes = facts.total_bytes;
	r->free_bytes = facts.free_bytes;
	disk_judge(r, &facts, is_spool ? conf->fill_limit : 0);
	disk_look_back(r, &facts);
	if (is_spool)
		disk_look_at_spool(r);
	if (!facts.read_only)
		disk_time_write(r);
}
