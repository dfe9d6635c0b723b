/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for leases on a full disk. A node whose disk is full is one that has to be emptied, and
 * nobody is locked there before the lease is written. Small files lie ready; what cannot be
 * written anew is written into one of them. Loop thread, or before it; blocks for an fsync.
 */
#ifndef AGENT_LEASE_SPARE_H
#define AGENT_LEASE_SPARE_H

#include <stdbool.h>
#include <stddef.h>

#define LEASE_SPARES 16
#define LEASE_SPARE_BYTES 8192

/* Makes those that lack in dir; what cannot be made now is made another time. */
void lease_spares_make(const char *dir);
/*
 * Puts data into a spare, followed by zeros, fsyncs it and gives it that path, in one step. False:
 * too long, or none was left; errno says why. What was at the path becomes a spare if it was one.
 */
bool lease_spare_write(const char *dir, const char *path, const void *data, size_t len);
/* Deletes the file at the path; one that was a spare becomes one again. False with errno. */
bool lease_spare_unlink(const char *dir, const char *path);

#endif
