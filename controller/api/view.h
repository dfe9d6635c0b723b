/* SPDX-License-Identifier: Apache-2.0 */
/* What the API shows, as JSON. Every function returns a new reference. */
#ifndef API_VIEW_H
#define API_VIEW_H

#include <jansson.h>

#include "controller/controller.h"
#include "controller/plan.h"

json_t *view_status(struct controller *c);
json_t *view_nodes(struct controller *c);
/* A list of findings; NULL: none. */
struct removal_report;
json_t *view_removal(const struct removal_report *r);
/* {"seconds", "lock_median_ms", ...} of a plan that may become a job. */
struct controller;
json_t *view_expected(struct controller *c, const struct plan *p);
json_t *view_plan(const struct plan *p);
json_t *view_job(struct controller *c, const struct job *job);
json_t *view_jobs(struct controller *c, bool only_running);
json_t *view_job_whole(struct controller *c, const struct job *job);
json_t *view_move(struct controller *c, const struct move *m);
/* A part of the moves; total is set to how many there are. */
struct move_page {
	uint32_t job_number; /* 0 = of every job */
	bool only_failed;
	size_t offset, limit;
	size_t total;
};
json_t *view_moves_page(struct controller *c, struct move_page *page);
json_t *view_moves(struct controller *c, uint32_t job_number, bool only_failed);
json_t *view_move_whole(struct controller *c, const struct move *m);

#endif
