/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting old copies over the API. */
#ifndef API_PURGES_H
#define API_PURGES_H

#include "controller/api/http.h"

void post_purge(struct api_request *rq);
void post_release(struct api_request *rq);
void post_revert(struct api_request *rq);

#endif
