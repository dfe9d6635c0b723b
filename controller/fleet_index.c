/* SPDX-License-Identifier: Apache-2.0 */
/* Agents by node name. With a thousand of them every message and every plan asks for some. */
#include <ctype.h>
#include <strings.h>

#include "controller/fleet_private.h"

static size_t
index_bucket(const char *name)
{
	uint64_t hash = 14695981039346656037u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint64_t)tolower((unsigned char)*name)) * 1099511628211u;
	return (size_t)(hash % FLEET_BUCKETS);
}

struct agent *
fleet_index_find(const struct fleet_index *index, const char *name)
{
	struct agent *a = index->buckets[index_bucket(name)];

	while (a != NULL && strcasecmp(a->facts.name, name) != 0)
		a = a->next_of_bucket;
	return a;
}

void
fleet_index_add(struct fleet_index *index, struct agent *a)
{
	size_t bucket = index_bucket(a->facts.name);

	a->next_of_bucket = index->buckets[bucket];
	index->buckets[bucket] = a;
}

void
fleet_forget(struct fleet *f, const char *name)
{
	struct agent *a = fleet_agent_find(f, name);

	if (a != NULL)
		a->forgotten = true;
}
