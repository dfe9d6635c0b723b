/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by archive.c (reading), archive_write.c and archive_meta.c. */
#ifndef AGENT_ARCHIVE_PRIVATE_H
#define AGENT_ARCHIVE_PRIVATE_H

#include "agent/mailbox/archive.h"

/*
 * A list of ids is asked with the Inbox behind it: its entry comes exactly when no dead id
 * ended the archive before (facts: move-protocol 4.2).
 */
#define ARCHIVE_MARK "2"
bool archive_meta_is_mark(const char *meta);

/* Reads a tar from fd and hands items to the sink; stops early without complaint.
   *mark_out: the mark was its last entry. */
MUST_USE bool archive_read_items(int fd, bool headers_only,
    const struct archive_sink *sink, bool *whole_out, bool *mark_out, struct err *e);

#endif
