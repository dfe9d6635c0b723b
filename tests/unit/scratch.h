/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for one test, in memory where there is room, and files in it to be spoiled. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check.h"

static inline void
scratch_path(char *out, size_t size, const char *dir, const char *name)
{
	CHECK(snprintf(out, size, "%s/%s", dir, name) < (int)size);
}

static inline void
scratch_make(char *out, size_t size)
{
	const char *base = getenv("TMPDIR");

	if (base == NULL || base[0] == '\0')
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	CHECK(snprintf(out, size, "%s/zmferry-XXXXXX", base) < (int)size);
	CHECK(mkdtemp(out) != NULL);
}

/* Removes it and what is in it. */
static inline void
scratch_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		char path[512];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%.200s/%.200s", dir, entry->d_name);
		if (unlink(path) != 0)
			scratch_remove(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

static inline void
scratch_copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char chunk[4096];
	ssize_t n;

	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, chunk, sizeof(chunk))) > 0)
		CHECK(write(out, chunk, (size_t)n) == n);
	close(in);
	close(out);
}

/* The files of a folder into a new one. */
static inline void
scratch_copy(const char *from, const char *to)
{
	DIR *d = opendir(from);
	struct dirent *entry;

	CHECK(d != NULL && mkdir(to, 0700) == 0);
	while ((entry = readdir(d)) != NULL) {
		char source[512], target[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(source, sizeof(source), "%.200s/%.200s", from, entry->d_name);
		snprintf(target, sizeof(target), "%.200s/%.200s", to, entry->d_name);
		scratch_copy_file(source, target);
	}
	closedir(d);
}

static inline void
scratch_truncate(const char *dir, const char *name, off_t size)
{
	char path[512];

	scratch_path(path, sizeof(path), dir, name);
	CHECK(truncate(path, size) == 0);
}

static inline off_t
scratch_size(const char *dir, const char *name)
{
	char path[512];
	struct stat st;

	scratch_path(path, sizeof(path), dir, name);
	CHECK(stat(path, &st) == 0);
	return st.st_size;
}

/* One bit of one byte becomes another. */
static inline void
scratch_flip(const char *dir, const char *name, off_t at)
{
	char path[512];
	unsigned char byte;
	int fd;

	scratch_path(path, sizeof(path), dir, name);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0 && pread(fd, &byte, 1, at) == 1);
	byte ^= 0x10;
	CHECK(pwrite(fd, &byte, 1, at) == 1);
	close(fd);
}

static inline void
scratch_write(
    const char *dir, const char *name, const void *data, size_t len, mode_t mode)
{
	char path[512];
	int fd;

	scratch_path(path, sizeof(path), dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	close(fd);
}

#endif
