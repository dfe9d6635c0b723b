/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which servers of a COS's zimbraMailHostPool are left when some are cordoned. Pure. An empty
 * pool means: any server (facts: zimbra.md 7.4), so it must be filled with the others.
 */
#ifndef CONTROLLER_POOLS_H
#define CONTROLLER_POOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/err.h"
#include "proto/limits.h"

#define POOL_MAX 256

struct pool { /* zimbraIds of servers; order means nothing */
	size_t count;
	char ids[POOL_MAX][LIMIT_ID];
};

bool pool_has(const struct pool *p, const char *id);
/* False: it is full. One that is there already is no second. */
bool pool_add(struct pool *p, const char *id);
/* Takes out whoever is not in among. */
void pool_keep(struct pool *p, const struct pool *among);
bool pool_equal(const struct pool *a, const struct pool *b);
/*
 * base without the cordoned; an empty base, or one of which nothing is left, becomes all the
 * other servers. False: no server is left at all.
 */
bool pool_without(const struct pool *base, const struct pool *cordoned,
    const struct pool *all_servers, struct pool *out);

/* Space-separated, as journaled. */
void pool_write(const struct pool *p, char *out, size_t size);
bool pool_read(const char *text, struct pool *out);

/* What is remembered of a COS while anything is cordoned. */
struct pool_record {
	char cos_id[LIMIT_ID];
	char cos_name[LIMIT_NAME + 1];
	struct pool base;   /* as the administrator had it */
	struct pool before; /* before our last change */
	struct pool wanted; /* our last change */
};

struct pool_change {
	bool write;    /* wanted must be set */
	bool remember; /* the record is kept; false: forget it once the pool is written */
	bool by_others; /* somebody changed the pool meanwhile: that is the base now */
};

/*
 * One COS: what there is, what is remembered (NULL: nothing), who is cordoned. record_out is
 * filled for what is to be written and remembered. False: no server would be left.
 */
bool pool_plan(const struct pool *now, const struct pool_record *record,
    const struct pool *cordoned, const struct pool *all_servers,
    struct pool_record *record_out, struct pool_change *out);

#endif
