/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <DumpSessionsResponse activeSessions="3"><soap activeSessions="2"><s zid name sid cd ld/>...
 * (Zimbra's DumpSessions.java): ld is the last use, ms. The sum that it tells must be the
 * number of sessions it lists: who is missing would pass for somebody who is not there.
 */
#include "agent/mailbox/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

static bool
sessions_add(struct session_list *list, const struct soap_node *n, const char *kind,
    int64_t wall_ms, struct err *e)
{
	const char *id = soap_get(n, "zid");
	struct session_row *row;
	uint64_t used_ms;

	if (id == NULL || id[0] == '\0' || strlen(id) >= sizeof(row->account_id) ||
	    strlen(kind) >= sizeof(row->kind) || !soap_get_uint(n, "ld", &used_ms))
		return err_set(
		    e, ERR_PEER, "a session without its account or its last use");
	if ((list->count & (list->count - 1)) == 0)
		list->rows = xrealloc_array(
		    list->rows, list->count == 0 ? 1 : list->count * 2, sizeof(*row));
	row = &list->rows[list->count++];
	memset(row, 0, sizeof(*row));
	memcpy(row->account_id, id, strlen(id));
	memcpy(row->kind, kind, strlen(kind));
	utf8_tidy(row->account_id);
	utf8_tidy(row->kind);
	row->idle_ms =
	    used_ms < (uint64_t)wall_ms ? (uint64_t)wall_ms - used_ms : 0; /* just now */
	return true;
}

static int
compare_row(const void *left, const void *right)
{
	const struct session_row *a = left;
	const struct session_row *b = right;
	int order = strcmp(a->account_id, b->account_id);

	return order != 0		 ? order
	       : a->idle_ms < b->idle_ms ? -1
					 : a->idle_ms > b->idle_ms;
}

/* Of each account the first: the one used last. */
static void
sessions_thin(struct session_list *list)
{
	size_t kept = 0;

	if (list->count == 0)
		return;
	qsort(list->rows, list->count, sizeof(*list->rows), compare_row);
	for (size_t i = 1; i < list->count; i++) {
		if (strcmp(list->rows[kept].account_id, list->rows[i].account_id) != 0)
			list->rows[++kept] = list->rows[i];
	}
	list->count = kept + 1;
}

static bool
sessions_read(const struct soap_node *body, int64_t wall_ms, struct session_list *out,
    struct err *e)
{
	uint64_t told, seen = 0;

	if (!soap_get_uint(body, "activeSessions", &told))
		return err_set(
		    e, ERR_PEER, "it does not say how many sessions there are");
	for (const struct soap_node *kind = soap_child(body, NULL); kind != NULL;
	     kind = soap_next(kind, NULL)) {
		bool counts = strcmp(soap_name(kind), "admin") != 0;

		for (const struct soap_node *n = soap_child(kind, "s"); n != NULL;
		     n = soap_next(n, "s")) {
			seen++;
			if (counts && !sessions_add(out, n, soap_name(kind), wall_ms, e))
				return false;
		}
	}
	if (seen != told)
		return err_set(e, ERR_PEER, "%llu sessions are listed of %llu",
		    (unsigned long long)seen, (unsigned long long)told);
	sessions_thin(out);
	return true;
}

bool
sessions_list(
    struct soap_client *c, int64_t wall_ms, struct session_list *out, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "DumpSessionsRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	memset(out, 0, sizeof(*out));
	soap_attr(r, "listSessions", "1");
	ok = soap_call(c, r, &answer, e) &&
	     sessions_read(soap_body(answer), wall_ms, out, e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	if (ok)
		return true;
	sessions_free(out);
	return err_wrap(e, "DumpSessions");
}

void
sessions_free(struct session_list *list)
{
	xfree(&list->rows);
	list->count = 0;
}

/* --- pages --- */

uint32_t
sessions_page_count(const struct session_list *list)
{
	return list->count == 0 ? 1
				: (uint32_t)((list->count + LIMIT_SESSION_PAGE - 1) /
					     LIMIT_SESSION_PAGE);
}

void
sessions_page(
    const struct session_list *list, uint64_t look, uint32_t page, Wire__SessionPage *out)
{
	size_t from = (size_t)page * LIMIT_SESSION_PAGE;
	size_t count = from >= list->count ? 0 : list->count - from;
	Wire__Session *rows;

	if (count > LIMIT_SESSION_PAGE)
		count = LIMIT_SESSION_PAGE;
	wire__session_page__init(out);
	out->look = look;
	out->page = page;
	out->last = page + 1 >= sessions_page_count(list);
	out->n_sessions = count;
	out->sessions = xcalloc(count + 1, sizeof(*out->sessions));
	rows = xcalloc(count + 1, sizeof(*rows));
	out->sessions[0] = rows; /* also of an empty page: sessions_page_free finds it */
	for (size_t i = 0; i < count; i++) {
		const struct session_row *row = &list->rows[from + i];

		wire__session__init(&rows[i]);
		rows[i].account_id = frame_bytes(row->account_id);
		rows[i].kind = frame_bytes(row->kind);
		rows[i].idle_ms = row->idle_ms;
		out->sessions[i] = &rows[i];
	}
}

void
sessions_page_free(Wire__SessionPage *page)
{
	free(page->sessions[0]);
	free(page->sessions);
	page->sessions = NULL;
	page->n_sessions = 0;
}
