/* SPDX-License-Identifier: Apache-2.0 */
/* A handful of requests; what they do to Zimbra's caches is in the facts beside each. */
#include "controller/zimbra/admin.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/clock.h"

bool
admin_send(struct soap_client *c, struct soap_request *r, struct err *e)
{
	struct soap_answer *answer = NULL;
	bool ok = soap_call(c, r, &answer, e);

	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static struct soap_request *
admin_of_id(const char *request, const char *id)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, request);

	soap_open(r, "id");
	soap_text(r, id);
	soap_close(r);
	return r;
}

static struct soap_request *
admin_modify(const char *account_id)
{
	return admin_of_id("ModifyAccountRequest", account_id);
}

/*
 * zimbraMailTransport follows by Zimbra's own callback; it must not stand in the request.
 * Not pinned, the request is passed on to the account's present home, which may be dead.
 */
bool
admin_set_home(
    struct soap_client *c, const char *account_id, const char *new_home, struct err *e)
{
	struct soap_request *r = admin_modify(account_id);

	soap_a(r, "zimbraMailHost", new_home);
	return admin_send(c, r, e) || err_wrap(e, "setting zimbraMailHost");
}

/* One server a call: with allServers Zimbra skips unreachable ones without a word. */
bool
admin_flush_account(struct soap_client *c, const char *account_id, struct err *e)
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
	return admin_send(c, r, e) || err_wrap(e, "flushing the account cache");
}

bool
admin_end_sessions(struct soap_client *c, const char *account_id, struct err *e)
{
	struct soap_request *r = admin_modify(account_id);
	char value[24];

	/* Any number that it was not before; seconds fit Zimbra's integer. */
	snprintf(value, sizeof(value), "%lld",
	    (long long)(clock_wall_ms() / 100 % 2000000000));
	soap_a(r, "zimbraAuthTokenValidityValue", value);
	return admin_send(c, r, e) || err_wrap(e, "ending sessions");
}

bool
admin_own_id(
    struct soap_client *c, const char *name, char *out, size_t size, struct err *e)
{
	struct soap_request *r = soap_get_account("name", name, "zimbraId");
	struct soap_answer *answer = NULL;
	const char *id = NULL;
	bool ok;

	ok = soap_call(c, r, &answer, e);
	if (ok) {
		const struct soap_node *account =
		    soap_child(soap_body(answer), "account");

		id = account == NULL ? NULL : soap_get(account, "id");
		if (id == NULL || strlen(id) >= size)
			ok = err_set(
			    e, ERR_PEER, "GetAccount of %s: the answer has no id", name);
		else
			memcpy(out, id, strlen(id) + 1);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
admin_set_server(struct soap_client *c, const char *server_id, const char *attr,
    const char *value, struct err *e)
{
	struct soap_request *r = admin_of_id("ModifyServerRequest", server_id);

	soap_a(r, attr, value);
	return admin_send(c, r, e);
}

bool
admin_set_config(
    struct soap_client *c, const char *attr, const char *value, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "ModifyConfigRequest");

	soap_a(r, attr, value);
	return admin_send(c, r, e);
}

bool
admin_set_group_home(
    struct soap_client *c, const char *group_id, const char *host, struct err *e)
{
	struct soap_request *r = admin_of_id("ModifyDistributionListRequest", group_id);

	soap_a(r, "zimbraMailHost", host);
	return admin_send(c, r, e);
}

bool
admin_delete_server(struct soap_client *c, const char *server_id, struct err *e)
{
	struct soap_request *r = admin_of_id("DeleteServerRequest", server_id);

	return admin_send(c, r, e) ||
	       strcmp(soap_fault(c), "account.NO_SUCH_SERVER") == 0 ||
	       err_wrap(e, "deleting the server from the directory");
}

bool
admin_set_pool(struct soap_client *c, const char *cos_id, const char *const *ids,
    size_t count, struct err *e)
{
	struct soap_request *r = admin_of_id("ModifyCosRequest", cos_id);

	for (size_t i = 0; i < count; i++)
		soap_a(r, "zimbraMailHostPool", ids[i]);
	if (count == 0)
		soap_a(r, "zimbraMailHostPool", NULL);
	return admin_send(c, r, e) || err_wrap(e, "setting zimbraMailHostPool");
}

bool
admin_flush_cos(struct soap_client *c, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "FlushCacheRequest");

	soap_open(r, "cache");
	soap_attr(r, "type", "cos");
	soap_attr(r, "allServers", "0");
	soap_close(r);
	return admin_send(c, r, e) ||
	       err_wrap(e, "flushing the cache of classes of service");
}
