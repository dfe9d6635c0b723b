/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With api_four_eyes: jobs that one administrator asked for and another has to
 * approve. In memory, for a day; a restart forgets them and nothing has happened.
 */
#ifndef API_APPROVALS_H
#define API_APPROVALS_H

#include <jansson.h>

#include "controller/api/http.h"
#include "controller/plan.h"

#define APPROVALS_MAX 32
#define APPROVAL_KEEP_MS (24 * 3600 * 1000)

struct approval {
	uint32_t number;
	char id[16]; /* "a1" */
	enum plan_kind kind;
	char node[WORLD_NAME];
	char to[1024];
	char version[20]; /* of the plan that was shown */
	char who[64];
	char who_id[API_WHO_ID];
	uint64_t mailboxes, bytes;
	int64_t at_ms; /* wall clock */
};

struct approvals;

struct approvals *approvals_new(void);
void approvals_free(struct approvals **all);
/* One a node and kind: asking again replaces what was asked. NULL = there are too many. */
const struct approval *approvals_add(struct approvals *all, const struct plan *plan,
    const char *to, const char *who, const char *who_id, int64_t now_ms);
const struct approval *
approvals_find(struct approvals *all, const char *id, int64_t now_ms);
/* Did this person ask for it? A name that has both a session and a certificate is one. */
bool approval_is_of(const struct approval *a, const char *who, const char *who_id);
void approvals_drop(struct approvals *all, uint32_t number);
json_t *approval_view(const struct approval *a);
json_t *approvals_view(struct approvals *all, int64_t now_ms); /* an array */

#endif
