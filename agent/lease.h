/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases on locked accounts. When nobody renews one and the home is still this node,
 * the account is given back. Kept on disk, so that a restart forgets none; time is the
 * machine's since boot, so that a stopped clock makes none live longer.
 */
#ifndef AGENT_LEASE_H
#define AGENT_LEASE_H

#include "agent/agent.h"

struct leases;

/* Reads spool_dir/leases. */
MUST_USE bool leases_open(struct agent *a, struct leases **out, struct err *e);
void leases_free(struct leases **l);

/* Arms or renews, durably. Refused when this lease already ran out: the account was given back. */
MUST_USE bool leases_arm(struct leases *l, const Wire__StepRequest *step, struct err *e);
void leases_renew(struct leases *l, const char *move_id, uint32_t lease_ms);
/* Forgets the lease; nothing is changed at the account. */
MUST_USE bool leases_end(struct leases *l, const char *move_id, struct err *e);
bool leases_has(const struct leases *l, const char *move_id);
/* Once a second: gives back what ran out. */
void leases_tick(struct leases *l);
/* After a reconnect: tells again what ran out and was not acknowledged by OpUnlease. */
void leases_report(struct leases *l);

#endif
