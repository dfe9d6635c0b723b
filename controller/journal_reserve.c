/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that holds room for the journal. When all goes well: it lies there. What can go
 * wrong: the disk is full. Then it is given up, so that moves under way can be written to
 * their end; until it is there again nothing else should begin.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "controller/journal_private.h"
#include "proto/base/log.h"

#define RESERVE_BYTES (4 * 1024 * 1024)
#define ROOM_BYTES \
	(2ull * RESERVE_BYTES) /* as much again is left, or it would go at once */

static void
reserve_path(const struct journal *j, char *out, size_t size)
{
	snprintf(out, size, "%s/reserve", j->dir);
}

void
journal_reserve_give_up(struct journal *j)
{
	char path[600];

	if (j->dir == NULL || j->is_short)
		return;
	j->is_short = true;
	reserve_path(j, path, sizeof(path));
	(void)unlink(path);
	log_error(NULL,
	    "%s: no space left; the reserve is given up so that moves can end; free "
	    "space "
	    "now",
	    j->dir);
}

bool
journal_is_short(const struct journal *j)
{
	return j->is_short;
}

static bool
reserve_has_room(const struct journal *j)
{
	struct statvfs vfs;

	return statvfs(j->dir, &vfs) == 0 &&
	       (uint64_t)vfs.f_bavail * vfs.f_frsize >= ROOM_BYTES;
}

/* Of the life before it may be there, whole or in part. */
void
journal_reserve_make(struct journal *j)
{
	char path[600];
	int fd, code;

	reserve_path(j, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	code = fd < 0 ? errno : posix_fallocate(fd, 0, RESERVE_BYTES);
	if (fd >= 0)
		close(fd);
	j->is_short = code != 0;
	if (code == 0)
		return;
	(void)unlink(path);
	log_warn(NULL, "%s: cannot reserve %d MB for a full disk: %s", path,
	    RESERVE_BYTES >> 20, strerror(code));
}

void
journal_keep_reserve(struct journal *j)
{
	if (!j->is_short || !reserve_has_room(j))
		return;
	journal_reserve_make(j);
	if (!j->is_short)
		log_info(
		    NULL, "%s: there is room again; the reserve is made anew", j->dir);
}
