/* SPDX-License-Identifier: Apache-2.0 */
/* The policy over the API: what it sees and decides, what it would have. */
#ifndef API_POLICY_H
#define API_POLICY_H

#include "controller/api/http.h"

void get_policy(struct api_request *rq);
void post_policy_replay(struct api_request *rq);
/* A node that is gone for good. */
void post_forget(struct api_request *rq);

#endif
