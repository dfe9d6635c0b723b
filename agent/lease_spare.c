/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the spares lie there and nobody needs them. What can go wrong: the disk
 * is full. Then a spare is overwritten, which takes no room, and changes places with the file
 * that it replaces, so that its blocks are never given away. Zeros are written, not reserved:
 * a reserved block may need room when it is written for the first time.
 */
#include "agent/lease_spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
spare_path(const char *dir, unsigned number, char *out, size_t size)
{
	snprintf(out, size, "%s/.spare%u", dir, number);
}

/* By its size: a file that was written anew is as long as what is in it. */
static bool
spare_is_one(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == LEASE_SPARE_BYTES;
}

static bool
spare_put(const char *path, int flags, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	char block[LEASE_SPARE_BYTES] = "";
	int saved;
	bool ok;

	if (fd < 0)
		return false;
	if (len > 0)
		memcpy(block, data, len);
	errno = ENOSPC; /* when only a part goes in */
	ok = pwrite(fd, block, sizeof(block), 0) == (ssize_t)sizeof(block) &&
	     fsync(fd) == 0;
	saved = errno;
	close(fd);
	errno = saved;
	return ok;
}

void
lease_spares_make(const char *dir)
{
	char path[600];

	for (unsigned i = 0; i < LEASE_SPARES; i++) {
		spare_path(dir, i, path, sizeof(path));
		if (spare_is_one(path))
			continue;
		if (!spare_put(path, O_CREAT | O_TRUNC, NULL, 0)) {
			(void)unlink(path); /* half a spare is none */
			return;
		}
	}
}

/* The other way round where the file system cannot exchange: then a spare is lost. */
static bool
spare_change_places(const char *spare, const char *path)
{
	return (spare_is_one(path) &&
		   renameat2(AT_FDCWD, spare, AT_FDCWD, path, RENAME_EXCHANGE) == 0) ||
	       rename(spare, path) == 0;
}

bool
lease_spare_write(const char *dir, const char *path, const void *data, size_t len)
{
	char spare[600];

	errno = ENOSPC;
	if (len > LEASE_SPARE_BYTES)
		return false;
	for (unsigned i = 0; i < LEASE_SPARES; i++) {
		spare_path(dir, i, spare, sizeof(spare));
		if (spare_is_one(spare))
			return spare_put(spare, 0, data, len) &&
			       spare_change_places(spare, path);
	}
	errno = ENOSPC;
	return false;
}

bool
lease_spare_unlink(const char *dir, const char *path)
{
	char spare[600];

	for (unsigned i = 0; spare_is_one(path) && i < LEASE_SPARES; i++) {
		spare_path(dir, i, spare, sizeof(spare));
		if (!spare_is_one(spare) && rename(path, spare) == 0)
			return true;
	}
	return unlink(path) == 0;
}
