/* SPDX-License-Identifier: Apache-2.0 */
/* Asking an LMTP server whether it serves; nothing is delivered. */
#ifndef AGENT_LMTP_H
#define AGENT_LMTP_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/base/err.h"

/* Blocking, up to limit_ms after 3 s for the connection; ends early when *cancelled. */
MUST_USE bool lmtp_greets(const char *host, uint16_t port, unsigned limit_ms,
    const atomic_bool *cancelled, struct err *e);

#endif
