/* SPDX-License-Identifier: Apache-2.0 */
/* Plans over the API. */
#ifndef API_PLANS_H
#define API_PLANS_H

#include "controller/api/http.h"
#include "controller/plan.h"
#include "controller/world_live.h"

/* What the body asks for; false = refused already. The caller frees it in every case. */
MUST_USE bool plan_words(struct api_request *rq, struct plan_request *out);
/* Surveys what the body asks for, with the directory's names in place of what was typed. */
void survey_of_body(
    struct api_request *rq, const char *node, const char *to, survey_done_fn done);
/* No plan: the directory does not answer, or a node is not as it must be. */
const char *plan_advice(const struct err *why);
void post_plan(struct api_request *rq);

#endif
