/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/containers (unix socket only): a node's container described, started, stopped, started again. */
#ifndef API_CONTAINERS_H
#define API_CONTAINERS_H

#include "controller/api/http.h"

void post_container(struct api_request *rq);

#endif
