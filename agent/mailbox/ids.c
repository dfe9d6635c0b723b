/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mailbox/ids.h"

#include <stdlib.h>

static int
compare_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void
ids_sort(uint32_t *ids, size_t count)
{
	if (count > 0)
		qsort(ids, count, sizeof(*ids), compare_id);
}

size_t
ids_find(const uint32_t *sorted, size_t count, uint64_t id)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (sorted[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < count && sorted[low] == id ? low : count;
}

bool
ids_have(const uint32_t *sorted, size_t count, uint64_t id)
{
	return ids_find(sorted, count, id) < count;
}
