/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of one move over the API: its old copy deleted, what was withheld,
 * the way back, the way on when the source is dead. */
#ifndef API_PURGES_H
#define API_PURGES_H

#include "controller/api/http.h"

void post_purge(struct api_request *rq);
void post_release(struct api_request *rq);
void post_revert(struct api_request *rq);
void post_from_spool(struct api_request *rq);
void post_fetch(struct api_request *rq);

#endif
