/* SPDX-License-Identifier: Apache-2.0 */
/* The watch's place in the controller. */
#ifndef CONTROLLER_WATCH_LIVE_H
#define CONTROLLER_WATCH_LIVE_H

#include "proto/base/err.h"

struct controller;

/* Journal, alerts, jobs and fleet must be there. */
MUST_USE bool watch_live_start(struct controller *c, struct err *e);
void watch_live_end(struct controller *c);

#endif
