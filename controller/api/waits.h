/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait until what they ask for has changed (a long poll): a GET of a job with
 * ?wait=SECONDS whose If-None-Match is still the answer's ETag. It is answered when that is
 * no more so, and with 304 when the time is over. Loop thread only.
 */
#ifndef API_WAITS_H
#define API_WAITS_H

#include "controller/api/http.h"

#define WAITS_MAX 24 /* of API_CONNECTIONS_MAX; the oldest gives way */
#define WAITS_SECONDS_MAX 30

struct waits;
struct controller;

void waits_begin(struct controller *c);
/* Forgets whoever waits: the server's end answers them. Twice is once. */
void waits_stop(struct controller *c);
/* Takes the request; etag is that of its answer now. */
void waits_add(struct waits *w, struct api_request *rq, uint32_t job_number,
    const char *etag, size_t seconds);
/* The body of one job's GET without its moves, which is what waits are about, and its ETag;
   NULL = no such job. */
json_t *
waits_view(struct controller *c, uint32_t job_number, char etag_out[API_ETAG_TEXT]);

#endif
