/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's own page: the zimlet's files, compiled in. */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "controller/api/http.h"

/* Answers GET / and GET /NAME with the file of that name. */
void page_get(struct api_request *rq);

#endif
