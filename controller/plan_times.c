/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/plan_times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

/* Measured with make bench, on two cores for everything: 74 s for a mailbox of 8,400 items. */
#define FIXED_MS 500.0
#define PER_ITEM_MS 8.8
#define COUNTERS_MS 2.0 /* of it, before anything goes in: no hot time makes it shorter */
#define FIRST_ITEMS 100.0 /* go in whatever the time (agent/mailbox/import_plan.h) */
#define ENOUGH_ITEMS 500  /* fewer say nothing of the rate */
#define LEAST_PER_ITEM_MS 0.2

/* Of what a node takes in at the same time: a mailboxd imports little faster for it. */
#define AT_ONCE 1.5

void
plan_rates_from(uint64_t moves, uint64_t items, uint64_t fill_ms, uint32_t hot_ms,
    struct plan_rates *out)
{
	double variable = (double)fill_ms - (double)moves * FIXED_MS;

	*out = (struct plan_rates){
	    .fixed_ms = FIXED_MS, .per_item_ms = PER_ITEM_MS, .hot_ms = hot_ms};
	if (items < ENOUGH_ITEMS)
		return;
	out->measured = true;
	out->per_item_ms = variable / (double)items;
	if (out->per_item_ms < LEAST_PER_ITEM_MS)
		out->per_item_ms = LEAST_PER_ITEM_MS;
}

/* Counters first, then at least the newest mail, more while the hot time lasts. */
static double
plan_lock_ms(const struct plan_rates *rates, uint64_t items)
{
	double all = (double)items * rates->per_item_ms;
	double counters_per_item =
	    COUNTERS_MS < rates->per_item_ms ? COUNTERS_MS : rates->per_item_ms;
	double first = (double)items < FIRST_ITEMS ? (double)items : FIRST_ITEMS;
	double least = (double)items * counters_per_item +
		       first * (rates->per_item_ms - counters_per_item);

	if (rates->hot_ms == 0 || all <= rates->hot_ms)
		return rates->fixed_ms + all;
	return rates->fixed_ms + (least > rates->hot_ms ? least : rates->hot_ms);
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
	double longest_ms = 0, slowest_ms = 0;
	size_t count = 0;

	memset(out, 0, sizeof(*out));
	out->measured = rates->measured;
	for (size_t i = 0; i < p->account_count; i++) {
		const struct plan_account *a = &p->accounts[i];
		double fill_ms, lock_ms;

		if (a->target < 0)
			continue;
		fill_ms = rates->fixed_ms + (double)a->items * rates->per_item_ms;
		lock_ms = plan_lock_ms(rates, a->items);
		busy_ms[a->target] += fill_ms;
		locks[count++] = (uint64_t)lock_ms;
		if (fill_ms > slowest_ms)
			slowest_ms = fill_ms;
		if (lock_ms <= longest_ms)
			continue;
		longest_ms = lock_ms;
		snprintf(out->longest, sizeof(out->longest), "%s", a->name);
	}
	for (size_t i = 0; i < p->node_count; i++) {
		double node_ms = busy_ms[i] / AT_ONCE;

		/* The largest alone may take longer than all the others side by side. */
		if (busy_ms[i] > 0 && node_ms < slowest_ms)
			node_ms = slowest_ms;
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
