/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation in lines with a mail service, all of it within one deadline. */
#ifndef AGENT_DIALOGUE_H
#define AGENT_DIALOGUE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

struct dialogue {
	int fd;
	uint64_t until_ms; /* monotonic */
	const atomic_bool *cancelled;
	char line[256]; /* as heard last, its end cut off */
	/* not for callers */
	char heard[1024];
	size_t length;
};

/* Connects within 3 s; what follows may take limit_ms. Ends early when *cancelled. Blocking. */
MUST_USE bool dialogue_open(struct dialogue *d, const char *host, uint16_t port,
    unsigned limit_ms, const atomic_bool *cancelled, struct err *e);
/* The next line into d->line; false: silence, or an end before it. */
MUST_USE bool dialogue_hear(struct dialogue *d);
/* Says text, which ends in CR LF; then the answer, of which "250-..." lines are passed over. */
MUST_USE bool dialogue_ask(struct dialogue *d, const char *text);
/* Says farewell and waits for nothing. */
void dialogue_close(struct dialogue *d, const char *farewell);

#endif
