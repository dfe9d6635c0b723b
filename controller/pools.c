/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/pools.h"

#include <stdio.h>
#include <string.h>

bool
pool_has(const struct pool *p, const char *id)
{
	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->ids[i], id) == 0)
			return true;
	}
	return false;
}

bool
pool_add(struct pool *p, const char *id)
{
	if (pool_has(p, id))
		return true;
	if (p->count == POOL_MAX || strlen(id) >= LIMIT_ID)
		return false;
	snprintf(p->ids[p->count++], LIMIT_ID, "%s", id);
	return true;
}

void
pool_keep(struct pool *p, const struct pool *among)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->count; i++) {
		if (!pool_has(among, p->ids[i]))
			continue;
		if (kept != i)
			memcpy(p->ids[kept], p->ids[i], sizeof(p->ids[kept]));
		kept++;
	}
	p->count = kept;
}

bool
pool_equal(const struct pool *a, const struct pool *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!pool_has(b, a->ids[i]))
			return false;
	}
	return true;
}

static void
pool_subtract(const struct pool *from, const struct pool *what, struct pool *out)
{
	out->count = 0;
	for (size_t i = 0; i < from->count; i++) {
		if (!pool_has(what, from->ids[i]))
			(void)pool_add(out, from->ids[i]);
	}
}

bool
pool_without(const struct pool *base, const struct pool *cordoned,
    const struct pool *all_servers, struct pool *out)
{
	pool_subtract(base, cordoned, out);
	if (out->count == 0)
		pool_subtract(all_servers, cordoned, out);
	return out->count > 0;
}

void
pool_write(const struct pool *p, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->count && length < size; i++)
		length += (size_t)snprintf(
		    out + length, size - length, "%s%s", i == 0 ? "" : " ", p->ids[i]);
}

bool
pool_read(const char *text, struct pool *out)
{
	out->count = 0;
	while (*text != '\0') {
		size_t length = strcspn(text, " ");
		char id[LIMIT_ID];

		if (length == 0 || length >= sizeof(id))
			return false;
		snprintf(id, sizeof(id), "%.*s", (int)length, text);
		if (!pool_add(out, id))
			return false;
		text += length + (text[length] == ' ');
	}
	return true;
}

bool
pool_plan(const struct pool *now, const struct pool_record *record,
    const struct pool *cordoned, const struct pool *all_servers,
    struct pool_record *record_out, struct pool_change *out)
{
	/* Our change, or the state before it when we died over it: not somebody else's doing. */
	bool ours = record != NULL && (pool_equal(now, &record->wanted) ||
					  pool_equal(now, &record->before));

	memset(out, 0, sizeof(*out));
	out->by_others = record != NULL && !ours;
	record_out->base = ours ? record->base : *now;
	record_out->before = *now;
	out->remember = cordoned->count > 0;
	if (cordoned->count == 0)
		record_out->wanted = record_out->base;
	else if (!pool_without(
		     &record_out->base, cordoned, all_servers, &record_out->wanted))
		return false;
	out->write = !pool_equal(now, &record_out->wanted);
	return true;
}
