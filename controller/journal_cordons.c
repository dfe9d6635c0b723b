/* SPDX-License-Identifier: Apache-2.0 */
/* Cordons and the pools they changed, as rows, and back. */
#include <stdlib.h>
#include <string.h>

#include "controller/cordon.h"
#include "controller/journal_private.h"
#include "proto/base/xalloc.h"

#define POOL_TEXT (POOL_MAX * LIMIT_ID)

void
cordons_fini(struct cordons *all)
{
	xfree(&all->pools);
	all->pool_count = all->count = 0;
}

bool
cordons_has(const struct cordons *all, const char *node)
{
	for (size_t i = 0; i < all->count; i++) {
		if (strcasecmp(all->rows[i].node, node) == 0)
			return true;
	}
	return false;
}

static bool
pool_take(sqlite3_stmt *s, struct pool_record *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->cos_id, sizeof(out->cos_id), "%s", column_text(s, 0));
	snprintf(out->cos_name, sizeof(out->cos_name), "%s", column_text(s, 1));
	return (pool_read(column_text(s, 2), &out->base) &&
		   pool_read(column_text(s, 3), &out->before) &&
		   pool_read(column_text(s, 4), &out->wanted)) ||
	       err_set(e, ERR_CORRUPT, "journal: the pool of COS %s is no list of ids",
		   out->cos_name);
}

static bool
pools_load(struct journal *j, struct cordons *out, struct err *e)
{
	sqlite3_stmt *s;
	bool ok = journal_prepare(j,
	    "SELECT cos_id, cos_name, base, before, wanted FROM cordon_pool ORDER BY "
	    "cos_id",
	    &s, e);

	if (!ok)
		return false;
	while (ok && sqlite3_step(s) == SQLITE_ROW) {
		out->pools =
		    xrealloc_array(out->pools, out->pool_count + 1, sizeof(*out->pools));
		ok = pool_take(s, &out->pools[out->pool_count], e);
		out->pool_count += ok;
	}
	sqlite3_finalize(s);
	return ok;
}

static bool
cordons_read(struct journal *j, struct cordons *out, struct err *e)
{
	sqlite3_stmt *s;

	memset(out, 0, sizeof(*out));
	if (!journal_prepare(
		j, "SELECT node, server_id, who, at_ms FROM cordon ORDER BY node", &s, e))
		return false;
	while (sqlite3_step(s) == SQLITE_ROW && out->count < CORDONS_MAX) {
		struct cordon *row = &out->rows[out->count++];

		snprintf(row->node, sizeof(row->node), "%s", column_text(s, 0));
		snprintf(row->server_id, sizeof(row->server_id), "%s", column_text(s, 1));
		snprintf(row->who, sizeof(row->who), "%s", column_text(s, 2));
		row->at_ms = sqlite3_column_int64(s, 3);
	}
	sqlite3_finalize(s);
	if (pools_load(j, out, e))
		return true;
	cordons_fini(out);
	return false;
}

void
journal_cordons_forget(struct journal *j)
{
	if (j->cordons != NULL)
		cordons_fini(j->cordons);
	xfree(&j->cordons);
}

bool
journal_cordons_load(struct journal *j, struct cordons *out, struct err *e)
{
	if (j->cordons == NULL) {
		j->cordons = XNEW(struct cordons);
		if (!cordons_read(j, j->cordons, e)) {
			journal_cordons_forget(j);
			memset(out, 0, sizeof(*out));
			return false;
		}
	}
	*out = *j->cordons;
	out->pools = NULL;
	if (out->pool_count > 0) {
		out->pools = xcalloc(out->pool_count, sizeof(*out->pools));
		memcpy(
		    out->pools, j->cordons->pools, out->pool_count * sizeof(*out->pools));
	}
	return true;
}

static bool
cordon_insert(struct journal *j, const struct cordon *row, struct err *e)
{
	sqlite3_stmt *s;

	if (!journal_prepare(j,
		"INSERT INTO cordon (node, server_id, who, at_ms) VALUES (?, ?, ?, ?)",
		&s, e))
		return false;
	bind_text(s, 1, row->node);
	bind_text(s, 2, row->server_id);
	bind_text(s, 3, row->who);
	sqlite3_bind_int64(s, 4, row->at_ms);
	return journal_step_done(j, s, "cordon", e);
}

static bool
pool_insert(struct journal *j, const struct pool_record *r, struct err *e)
{
	char *text = xcalloc(3, POOL_TEXT);
	sqlite3_stmt *s;
	bool ok = journal_prepare(j,
	    "INSERT INTO cordon_pool (cos_id, cos_name, base, before, wanted) "
	    "VALUES (?, ?, ?, ?, ?)",
	    &s, e);

	if (ok) {
		pool_write(&r->base, text, POOL_TEXT);
		pool_write(&r->before, text + POOL_TEXT, POOL_TEXT);
		pool_write(&r->wanted, text + 2 * POOL_TEXT, POOL_TEXT);
		bind_text(s, 1, r->cos_id);
		bind_text(s, 2, r->cos_name);
		bind_text(s, 3, text);
		bind_text(s, 4, text + POOL_TEXT);
		bind_text(s, 5, text + 2 * POOL_TEXT);
		ok = journal_step_done(j, s, "cordon", e);
	}
	free(text);
	return ok;
}

static bool
cordons_write(struct journal *j, const struct cordons *all, struct err *e)
{
	sqlite3_stmt *s;
	bool ok = journal_prepare(j, "DELETE FROM cordon", &s, e) &&
		  journal_step_done(j, s, "cordon", e) &&
		  journal_prepare(j, "DELETE FROM cordon_pool", &s, e) &&
		  journal_step_done(j, s, "cordon", e);

	for (size_t i = 0; ok && i < all->count; i++)
		ok = cordon_insert(j, &all->rows[i], e);
	for (size_t i = 0; ok && i < all->pool_count; i++)
		ok = pool_insert(j, &all->pools[i], e);
	return ok;
}

bool
journal_cordons_save(struct journal *j, const struct cordons *all, struct err *e)
{
	if (!journal_begin(j, e))
		return false;
	journal_cordons_forget(j);
	if (cordons_write(j, all, e))
		return journal_commit(j, e);
	journal_rollback(j);
	return false;
}
