/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded pipe between a thread that transfers and the code that reads or writes a tar. */
#ifndef AGENT_ARCHIVE_PRIVATE_H
#define AGENT_ARCHIVE_PRIVATE_H

#include "agent/mailbox/archive.h"

/* Reads a tar from fd and hands items to the sink; stops early without complaint. */
MUST_USE bool archive_read_items(int fd, bool headers_only, const struct archive_sink *sink,
    bool *whole_out, struct err *e);

#endif
