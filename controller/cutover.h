/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a job's mailboxes may be locked and switched: at once, when a person says so, or in a
 * window of the day. Until then they are copied and kept in step. Pure.
 */
#ifndef CONTROLLER_CUTOVER_H
#define CONTROLLER_CUTOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

#define CUTOVER_TEXT 16
#define CUTOVER_NOW "now"
#define CUTOVER_GO "go" /* waits for: zmferry job continue */

/* "", "now", "go" or "22:00-05:00" (local time, may go over midnight); out has CUTOVER_TEXT
   bytes, "now" becomes "". False with e: it is none of these. */
MUST_USE bool cutover_parse(const char *text, char *out, struct err *e);
/* May mailboxes be locked at that time of the wall clock? */
bool cutover_is_open(const char *cutover, int64_t wall_ms);
/* What is waited for, for people. */
void cutover_why(const char *cutover, const char *job_id, char *out, size_t size);

#endif
