/* SPDX-License-Identifier: Apache-2.0 */
/* What the API shows, as JSON. Every function returns a new reference. */
#ifndef API_VIEW_H
#define API_VIEW_H

#include <jansson.h>

#include "controller/controller.h"
#include "controller/plan.h"

json_t *view_status(struct controller *c);
json_t *view_nodes(struct controller *c);
json_t *view_plan(const struct plan *p);
json_t *view_job(struct controller *c, const struct job *job);
json_t *view_jobs(struct controller *c, bool only_running);
json_t *view_job_whole(struct controller *c, const struct job *job);
json_t *view_move(struct controller *c, const struct move *m);
json_t *view_moves(struct controller *c, uint32_t job_number, bool only_failed);
json_t *view_move_whole(struct controller *c, const struct move *m);

#endif
