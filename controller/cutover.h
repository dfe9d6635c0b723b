/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a job's mailboxes may be locked and switched: at once, when a person says so, in a
 * window of the day, or each when its owner is away. Until then they are copied and kept in
 * step. Pure.
 */
#ifndef CONTROLLER_CUTOVER_H
#define CONTROLLER_CUTOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

#define CUTOVER_TEXT 16
#define CUTOVER_NOW "now"
#define CUTOVER_GO "go"	    /* waits for: zmferry job continue */
#define CUTOVER_IDLE "idle" /* "idle:10m": each when its owner did nothing for so long */

/* "", "now", "go", "idle", "idle:15m" (a duration up to a day; idle is idle:10m) or
   "22:00-05:00" (local time, may go over midnight); out has CUTOVER_TEXT bytes, "now"
   becomes "". False with e: it is none of these. */
MUST_USE bool cutover_parse(const char *text, char *out, struct err *e);
/* May mailboxes be locked at that time of the wall clock? Never by this when idle_ms is not 0. */
bool cutover_is_open(const char *cutover, int64_t wall_ms);
/* How long the owner of a mailbox must have done nothing; 0: that is not asked. */
uint64_t cutover_idle_ms(const char *cutover);
/* What is waited for, for people. */
void cutover_why(const char *cutover, const char *job_id, char *out, size_t size);
/* The same of one mailbox that waits for its owner; seen: what is known of him. */
void cutover_idle_why(
    const char *cutover, const char *job_id, const char *seen, char *out, size_t size);

#endif
