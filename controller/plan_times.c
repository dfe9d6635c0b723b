/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/plan_times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

/* Measured with make bench, on two cores for everything: 74 s for a mailbox of 8,400 items. */
#define FIXED_MS 500.0
#define PER_ITEM_MS 8.8
#define ENOUGH_ITEMS 500 /* fewer say nothing of the rate */
#define LEAST_PER_ITEM_MS 0.2

/* Of what a node takes in at the same time: a mailboxd imports little faster for it. */
#define AT_ONCE 1.5

void
plan_rates_from(uint64_t moves, uint64_t items, uint64_t lock_ms, struct plan_rates *out)
{
	double variable = (double)lock_ms - (double)moves * FIXED_MS;

	*out = (struct plan_rates){
	    .lock_ms_fixed = FIXED_MS, .lock_ms_per_item = PER_ITEM_MS};
	if (items < ENOUGH_ITEMS)
		return;
	out->measured = true;
	out->lock_ms_per_item = variable / (double)items;
	if (out->lock_ms_per_item < LEAST_PER_ITEM_MS)
		out->lock_ms_per_item = LEAST_PER_ITEM_MS;
}

static int
compare_u64(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

void
plan_times(const struct plan *p, const struct plan_rates *rates, struct plan_times *out)
{
	uint64_t *locks = xcalloc(p->account_count + 1, sizeof(*locks));
	double *busy_ms = xcalloc(p->node_count + 1, sizeof(*busy_ms));
	double longest_ms = 0;
	size_t count = 0;

	memset(out, 0, sizeof(*out));
	out->measured = rates->measured;
	for (size_t i = 0; i < p->account_count; i++) {
		const struct plan_account *a = &p->accounts[i];
		double lock_ms;

		if (a->target < 0)
			continue;
		lock_ms =
		    rates->lock_ms_fixed + (double)a->items * rates->lock_ms_per_item;
		busy_ms[a->target] += lock_ms;
		locks[count++] = (uint64_t)lock_ms;
		if (lock_ms <= longest_ms)
			continue;
		longest_ms = lock_ms;
		snprintf(out->longest, sizeof(out->longest), "%s", a->name);
	}
	for (size_t i = 0; i < p->node_count; i++) {
		double node_ms = busy_ms[i] / AT_ONCE;

		/* The largest alone may take longer than all the others side by side. */
		if (busy_ms[i] > 0 && node_ms < longest_ms)
			node_ms = longest_ms;
		if (node_ms / 1000 + 1 > (double)out->seconds && busy_ms[i] > 0)
			out->seconds = (uint64_t)(node_ms / 1000) + 1;
	}
	out->lock_longest_ms = (uint64_t)longest_ms;
	if (count > 0) {
		qsort(locks, count, sizeof(*locks), compare_u64);
		out->lock_median_ms = locks[(count - 1) / 2];
	}
	free(locks);
	free(busy_ms);
}
