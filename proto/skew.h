/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far an agent's wall clock is off the controller's. Each Pong carries the agent's
 * monotonic time, the next Ping brings it back with how long the controller held it: what is
 * left of the round is the way, and no slow link is taken for a wrong clock. Pure.
 */
#ifndef PROTO_SKEW_H
#define PROTO_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/messages.pb-c.h"

/* The controller's side: the newest Pong of one agent. Zeroed: none on this connection. */
struct skew_echo {
	uint64_t pong_ms; /* the agent's monotonic clock, as it said */
	uint64_t heard_ms;
};
void skew_on_pong(struct skew_echo *s, const Wire__Pong *pong, uint64_t mono_ms);
void skew_fill_ping(
    const struct skew_echo *s, Wire__Ping *ping, uint64_t mono_ms, int64_t wall_ms);

/* The agent's side. Zeroed: not known. */
struct skew {
	bool known;
	int64_t offset_ms; /* own wall clock less the controller's */
	int64_t error_ms;  /* it is off by at most this */
	uint64_t at_ms;	   /* monotonic */
};
/* False: that ping tells nothing, and *s is as it was. */
bool
skew_on_ping(struct skew *s, const Wire__Ping *ping, uint64_t mono_ms, int64_t wall_ms);
/* What is certain of the offset, nearer to 0: 0 where the error is larger. */
int64_t skew_certain_ms(const struct skew *s);

#endif
