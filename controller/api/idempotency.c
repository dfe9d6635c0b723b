/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of rows; the oldest is overwritten. A key belongs to the person who sent it. */
#include "controller/api/idempotency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

struct row {
	char key[80];
	char who[64];
	char *request; /* method, path and body: the same key must mean the same */
	uint64_t at_ms;
	unsigned status; /* 0 = under way */
	json_t *answer;
	const struct api_request *rq; /* while under way */
};

struct idempotency {
	struct row rows[IDEMPOTENCY_KEYS];
	size_t next;
};

struct idempotency *
idempotency_new(void)
{
	return XNEW(struct idempotency);
}

static void
row_clear(struct row *r)
{
	free(r->request);
	json_decref(r->answer);
	memset(r, 0, sizeof(*r));
}

void
idempotency_free(struct idempotency **all)
{
	if (*all == NULL)
		return;
	for (size_t i = 0; i < IDEMPOTENCY_KEYS; i++)
		row_clear(&(*all)->rows[i]);
	xfree(all);
}

static const char *
owner_of(const struct api_request *rq)
{
	return rq->who_id[0] != '\0' ? rq->who_id : rq->who;
}

static struct row *
row_find(struct idempotency *all, const struct api_request *rq, const char *key)
{
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < IDEMPOTENCY_KEYS; i++) {
		struct row *r = &all->rows[i];

		if (r->request != NULL && r->status != 0 &&
		    now - r->at_ms > IDEMPOTENCY_KEEP_S * 1000u)
			row_clear(r);
		if (r->request != NULL && strcmp(r->key, key) == 0 &&
		    strcmp(r->who, owner_of(rq)) == 0)
			return r;
	}
	return NULL;
}

static char *
request_text(const struct api_request *rq)
{
	char *body =
	    rq->body == NULL ? NULL : json_dumps(rq->body, JSON_COMPACT | JSON_SORT_KEYS);
	char *text =
	    xasprintf("%s %s %s", rq->method, rq->path, body == NULL ? "" : body);

	free(body);
	return text;
}

bool
idempotency_first(struct idempotency *all, struct api_request *rq)
{
	const char *key = api_header(rq, "Idempotency-Key");
	char *text;
	struct row *r;
	bool equal;

	if (key == NULL)
		return true;
	if (key[0] == '\0' || strlen(key) >= sizeof(r->key)) {
		api_problem(rq, 400, "refused", "Idempotency-Key has 1 to 79 characters",
		    "send a random one, such as 32 hexadecimal digits");
		return false;
	}
	text = request_text(rq);
	r = row_find(all, rq, key);
	if (r == NULL) {
		r = &all->rows[all->next++ % IDEMPOTENCY_KEYS];
		row_clear(r);
		snprintf(r->key, sizeof(r->key), "%s", key);
		snprintf(r->who, sizeof(r->who), "%s", owner_of(rq));
		r->request = text;
		r->at_ms = clock_mono_ms();
		r->rq = rq;
		return true;
	}
	equal = strcmp(r->request, text) == 0;
	free(text);
	if (!equal)
		api_problem(rq, 422, "refused",
		    "this Idempotency-Key was used for another request", "use a new key");
	else if (r->status == 0)
		api_problem(rq, 409, "retry", "the same request is being worked on",
		    "wait for it");
	else
		api_reply(rq, r->status, json_incref(r->answer));
	return false;
}

void
idempotency_keep(
    struct idempotency *all, struct api_request *rq, unsigned status, const json_t *body)
{
	for (size_t i = 0; i < IDEMPOTENCY_KEYS; i++) {
		struct row *r = &all->rows[i];

		if (r->rq != rq)
			continue;
		if (status >= 200 && status < 300) {
			r->status = status;
			r->answer = json_deep_copy(body);
			r->rq = NULL;
		} else {
			row_clear(r); /* nothing was done: the same key may try again */
		}
		return;
	}
}
