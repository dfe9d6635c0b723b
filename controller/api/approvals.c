/* SPDX-License-Identifier: Apache-2.0 */
/* A small array without gaps, oldest first. */
#include "controller/api/approvals.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

struct approvals {
	struct approval rows[APPROVALS_MAX];
	size_t count;
	uint32_t last_number;
};

struct approvals *
approvals_new(void)
{
	return XNEW(struct approvals);
}

void
approvals_free(struct approvals **all)
{
	if (*all != NULL)
		xfree(all);
}

static void
approvals_remove(struct approvals *all, size_t at)
{
	all->count--;
	memmove(
	    &all->rows[at], &all->rows[at + 1], (all->count - at) * sizeof(all->rows[0]));
}

static void
approvals_expire(struct approvals *all, int64_t now_ms)
{
	while (all->count > 0 && now_ms - all->rows[0].at_ms > APPROVAL_KEEP_MS)
		approvals_remove(all, 0);
}

const struct approval *
approvals_add(struct approvals *all, const struct plan *plan, const char *to,
    const char *who, const char *who_id, int64_t now_ms)
{
	struct approval *a;

	approvals_expire(all, now_ms);
	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->rows[i].node, plan->node) == 0 &&
		    all->rows[i].kind == plan->kind)
			approvals_remove(all, i--);
	}
	if (all->count == APPROVALS_MAX)
		return NULL;
	a = &all->rows[all->count++];
	memset(a, 0, sizeof(*a));
	a->number = ++all->last_number;
	snprintf(a->id, sizeof(a->id), "a%u", a->number);
	a->kind = plan->kind;
	snprintf(a->node, sizeof(a->node), "%s", plan->node);
	snprintf(a->to, sizeof(a->to), "%s", to);
	snprintf(a->version, sizeof(a->version), "%s", plan->version);
	snprintf(a->who, sizeof(a->who), "%s", who);
	snprintf(a->who_id, sizeof(a->who_id), "%s", who_id);
	a->mailboxes = plan->moved_count;
	a->bytes = plan->moved_bytes;
	a->at_ms = now_ms;
	return a;
}

const struct approval *
approvals_find(struct approvals *all, const char *id, int64_t now_ms)
{
	approvals_expire(all, now_ms);
	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->rows[i].id, id) == 0)
			return &all->rows[i];
	}
	return NULL;
}

static const char *
bare_name(const char *who)
{
	size_t length = sizeof(TLS_OPERATOR) - 1;

	return strncmp(who, TLS_OPERATOR, length) == 0 ? who + length : who;
}

bool
approval_is_of(const struct approval *a, const char *who, const char *who_id)
{
	return strcmp(a->who_id, who_id) == 0 ||
	       strcasecmp(bare_name(a->who), bare_name(who)) == 0;
}

void
approvals_drop(struct approvals *all, uint32_t number)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->rows[i].number == number) {
			approvals_remove(all, i);
			return;
		}
	}
}

json_t *
approval_view(const struct approval *a)
{
	char at[40];

	clock_format(a->at_ms, at, sizeof(at));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "id",
	    a->id, "kind", plan_kinds[a->kind].name, "node", a->node, "to", a->to,
	    "version", a->version, "who", a->who, "who_id", a->who_id, "at", at,
	    "mailboxes", (json_int_t)a->mailboxes, "bytes", (json_int_t)a->bytes);
}

json_t *
approvals_view(struct approvals *all, int64_t now_ms)
{
	json_t *rows = json_array();

	approvals_expire(all, now_ms);
	for (size_t i = 0; i < all->count; i++)
		json_array_append_new(rows, approval_view(&all->rows[i]));
	return rows;
}
