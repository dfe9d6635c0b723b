/* SPDX-License-Identifier: Apache-2.0 */
/* One request each; what is surprising about it stands beside it. */
#include "agent/mailbox/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"

#define PAGE 1000
#define OVERLAP \
	200 /* rows before it deleted meanwhile push a row out of the page to come */

static bool
account_send(struct soap_client *c, struct soap_request *r, struct err *e)
{
	struct soap_answer *answer = NULL;
	bool ok = soap_call(c, r, &answer, e);

	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
account_flush(struct soap_client *c, const char *account_id, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "FlushCacheRequest");

	soap_open(r, "cache");
	soap_attr(r, "type", "account");
	soap_attr(r, "allServers", "0");
	soap_open(r, "entry");
	soap_attr(r, "by", "id");
	soap_text(r, account_id);
	soap_close(r);
	soap_close(r);
	return account_send(c, r, e) || err_wrap(e, "flushing the account cache");
}

bool
account_home(
    struct soap_client *c, const char *account_id, char *out, size_t size, struct err *e)
{
	struct soap_request *r;
	struct soap_answer *answer = NULL;
	const char *home = NULL;
	bool ok;

	if (!account_flush(c, account_id, e))
		return false;
	r = soap_get_account("id", account_id, "zimbraMailHost");
	ok = soap_call(c, r, &answer, e);
	if (ok) {
		const struct soap_node *account =
		    soap_child(soap_body(answer), "account");

		home = account == NULL ? NULL : soap_get_a(account, "zimbraMailHost");
		if (home == NULL || strlen(home) >= size)
			ok = err_set(
			    e, ERR_PEER, "GetAccount: the answer has no zimbraMailHost");
		else
			memcpy(out, home, strlen(home) + 1);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static struct soap_request *
account_lockout_request(const char *op, const char *account_id)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "LockoutMailboxRequest");

	soap_attr(r, "op", op);
	soap_open(r, "account");
	soap_attr(r, "by", "id");
	soap_text(r, account_id);
	soap_close(r);
	return r;
}

/* Facts: a second end answers service.NOT_FOUND. */
bool
account_lift_lockout(struct soap_client *c, const char *account_id, struct err *e)
{
	return account_send(c, account_lockout_request("end", account_id), e) ||
	       strcmp(soap_fault(c), "service.NOT_FOUND") == 0 ||
	       err_wrap(e, "ending the lockout");
}

/* Facts: a second start answers mail.MAINTENANCE. */
bool
account_lockout(struct soap_client *c, const char *account_id, struct err *e)
{
	return account_send(c, account_lockout_request("start", account_id), e) ||
	       strcmp(soap_fault(c), "mail.MAINTENANCE") == 0 || err_wrap(e, "lockout");
}

static uint64_t
row_number(const struct soap_node *n, const char *name)
{
	uint64_t value = 0;

	return soap_get_uint(n, name, &value) ? value : 0;
}

static bool
account_page(struct soap_client *c, size_t offset, account_row_fn fn, void *ctx,
    bool *more_out, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "GetAllMailboxesRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_attr_uint(r, "limit", PAGE);
	soap_attr_uint(r, "offset", offset);
	ok = soap_call(c, r, &answer, e);
	*more_out = false;
	if (ok) {
		const char *more = soap_get(soap_body(answer), "more");
		const struct soap_node *n = soap_child(soap_body(answer), "mbox");

		*more_out =
		    more != NULL && (strcmp(more, "1") == 0 || strcmp(more, "true") == 0);
		for (; ok && n != NULL; n = soap_next(n, "mbox")) {
			Wire__Mailbox m = WIRE__MAILBOX__INIT;
			const char *id = soap_get(n, "accountId");

			m.account_id = frame_bytes(id == NULL ? "" : id);
			m.mailbox_id = row_number(n, "id");
			m.size_bytes = row_number(n, "sizeCheckPoint");
			m.item_id = row_number(n, "itemIdCheckPoint");
			m.change = row_number(n, "changeCheckPoint");
			m.contacts = row_number(n, "contactCount");
			m.new_messages = row_number(n, "newMessages");
			m.last_access_s =
			    (int64_t)(row_number(n, "lastSoapAccess") / 1000);
			if (id != NULL && !fn(&m, ctx)) {
				*more_out = false;
				break;
			}
		}
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
account_each_row(struct soap_client *c, account_row_fn fn, void *ctx, struct err *e)
{
	bool more = true;

	for (size_t offset = 0; more; offset += PAGE) {
		if (!account_page(c, offset, fn, ctx, &more, e))
			return err_wrap(e, "GetAllMailboxes");
	}
	return true;
}

struct row_search {
	const char *account_id;
	Wire__Row *row;
};

static bool
on_row(const Wire__Mailbox *m, void *ctx)
{
	struct row_search *s = ctx;

	if (!frame_equal(&m->account_id, s->account_id))
		return true;
	s->row->present = true;
	s->row->mailbox_id = m->mailbox_id;
	s->row->item_id = m->item_id;
	s->row->change = m->change;
	s->row->size_bytes = m->size_bytes;
	s->row->new_messages = m->new_messages;
	s->row->contacts = m->contacts;
	return false;
}

bool
account_row(struct soap_client *c, const char *account_id, Wire__Row *row, struct err *e)
{
	struct row_search search = {account_id, row};
	bool more = true;

	wire__row__init(row);
	for (size_t offset = 0; more; offset += PAGE - OVERLAP) {
		if (!account_page(c, offset, on_row, &search, &more, e))
			return err_wrap(e, "GetAllMailboxes");
	}
	return true;
}

bool
account_server_id(
    struct soap_client *c, const char *host, char *out, size_t size, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "GetServerRequest");
	struct soap_answer *answer = NULL;
	const char *id = NULL;
	bool ok;

	soap_attr(r, "attrs", "zimbraId");
	soap_open(r, "server");
	soap_attr(r, "by", "name");
	soap_text(r, host);
	soap_close(r);
	ok = soap_call(c, r, &answer, e);
	if (ok) {
		const struct soap_node *server = soap_child(soap_body(answer), "server");

		id = server == NULL ? NULL : soap_get(server, "id");
		if (id == NULL || strlen(id) >= size)
			ok = err_set(
			    e, ERR_PEER, "GetServer %s: the answer has no id", host);
		else
			memcpy(out, id, strlen(id) + 1);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}
