/* SPDX-License-Identifier: Apache-2.0 */
/* What a dashboard shows in one answer, and the figures for Prometheus. */
#ifndef API_OVERVIEW_H
#define API_OVERVIEW_H

#include <jansson.h>

#include "controller/controller.h"

/* Controller, nodes, jobs (running, and the last that ended) with their course, alerts. */
json_t *view_overview(struct controller *c);
/* Prometheus' text format; free() it. */
char *view_metrics(struct controller *c);

#endif
