/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/rehearsal makes a scratch account, POST /v1/rehearsal/work does in it what its owner
 * might do while it waits to be moved, POST /v1/rehearsal/end deletes it.
 */
#ifndef API_REHEARSAL_H
#define API_REHEARSAL_H

#include "controller/api/http.h"

void post_rehearsal(struct api_request *rq);
void post_rehearsal_work(struct api_request *rq);
void post_rehearsal_end(struct api_request *rq);

#endif
