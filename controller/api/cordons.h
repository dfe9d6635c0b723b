/* SPDX-License-Identifier: Apache-2.0 */
/* Cordons over the API. */
#ifndef API_CORDONS_H
#define API_CORDONS_H

#include "controller/api/http.h"

void get_cordons(struct api_request *rq);
void post_cordon(struct api_request *rq);
void post_uncordon(struct api_request *rq);

#endif
