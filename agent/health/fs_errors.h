/* SPDX-License-Identifier: Apache-2.0 */
/* The errors that a file system has noted in itself; ext4 tells, others do not. */
#ifndef AGENT_FS_ERRORS_H
#define AGENT_FS_ERRORS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What is remembered between looks. */
struct fs_errors {
	bool known;
	uint64_t total;	  /* ever, until e2fsck forgets them */
	uint64_t rose_ms; /* monotonic; 0 = not while anybody looked */
};

struct probe_run;

/* sys: "/sys". False: nothing is known of the file system on this device. */
bool fs_errors_read(const char *sys, dev_t device, uint64_t *out);
/* Pure, but for what r and s keep. */
void fs_errors_judge(
    struct probe_run *r, struct fs_errors *s, uint64_t total, uint64_t now_ms);

#endif
