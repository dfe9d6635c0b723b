/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change sent twice is done once: the key of the first, and its answer, are kept for an
 * hour; the second gets that answer. In memory, bounded. Loop thread only.
 */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include "controller/api/http.h"

#define IDEMPOTENCY_KEYS 128
#define IDEMPOTENCY_KEEP_S 3600

struct idempotency;

struct idempotency *idempotency_new(void);
void idempotency_free(struct idempotency **all);
/*
 * True: this is the first with its key (or it has none): go on. False: it was answered, with
 * the first one's answer, or refused because the first is under way or was another request.
 */
bool idempotency_first(struct idempotency *all, struct api_request *rq);
/* Every answer passes here; those of a key are kept, refusals that may pass are not. */
void idempotency_keep(
    struct idempotency *all, struct api_request *rq, unsigned status, const json_t *body);

#endif
