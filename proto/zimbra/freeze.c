/* SPDX-License-Identifier: Apache-2.0 */
/* Four attributes and the data sources; see the header for why these. */
#include "proto/zimbra/freeze.h"

#include <stdio.h>
#include <string.h>

#define FROZEN_STATUS "locked"
#define FROZEN_QUOTA "1"
#define IMPORT_QUOTA "0"
#define FROZEN_RECEIVE "FALSE"

static bool
freeze_send(struct soap_client *c, struct soap_request *r, struct err *e)
{
	struct soap_answer *answer = NULL;
	bool ok = soap_call(c, r, &answer, e);

	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static struct soap_request *
freeze_modify(const char *account_id)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "ModifyAccountRequest");

	soap_open(r, "id");
	soap_text(r, account_id);
	soap_close(r);
	return r;
}

static bool
freeze_copy(const struct soap_node *account, const char *name, char *out, size_t size,
    struct err *e)
{
	const char *value = soap_get_a(account, name);

	if (value == NULL)
		value = "";
	if (strlen(value) >= size)
		return err_set(
		    e, ERR_REFUSED, "%s has a value nobody expects: %.60s", name, value);
	memcpy(out, value, strlen(value) + 1);
	return true;
}

static bool
freeze_get(struct soap_client *c, const char *account_id, struct freeze_saved *out,
    struct err *e)
{
	struct soap_request *r = soap_get_account("id", account_id,
	    "zimbraAccountStatus,zimbraMailStatus,zimbraMailQuota,"
	    "zimbraMailAllowReceiveButNotSendWhenOverQuota");
	struct soap_answer *answer = NULL;
	const struct soap_node *account;
	bool ok;

	ok = soap_call(c, r, &answer, e);
	account = ok ? soap_child(soap_body(answer), "account") : NULL;
	if (ok && account == NULL)
		ok = err_set(e, ERR_PEER, "GetAccount: the answer has no account");
	ok = ok &&
	     freeze_copy(
		 account, "zimbraAccountStatus", out->status, sizeof(out->status), e) &&
	     freeze_copy(account, "zimbraMailStatus", out->mail_status,
		 sizeof(out->mail_status), e) &&
	     freeze_copy(account, "zimbraMailQuota", out->quota, sizeof(out->quota), e) &&
	     freeze_copy(account, "zimbraMailAllowReceiveButNotSendWhenOverQuota",
		 out->receive_over_quota, sizeof(out->receive_over_quota), e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

/* --- data sources --- */

static bool
freeze_sources(struct soap_client *c, const char *account_id, struct freeze_saved *out,
    struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "GetDataSourcesRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_open(r, "id");
	soap_text(r, account_id);
	soap_close(r);
	ok = soap_call(c, r, &answer, e);
	for (const struct soap_node *n = ok ? soap_child(soap_body(answer), NULL) : NULL;
	     ok && n != NULL; n = soap_next(n, NULL)) {
		const char *enabled = soap_get_a(n, "zimbraDataSourceEnabled");
		const char *id = soap_get(n, "id");

		if (id == NULL || enabled == NULL || strcmp(enabled, "TRUE") != 0)
			continue;
		if (out->source_count == FREEZE_SOURCES_MAX ||
		    strlen(id) >= sizeof(out->source_ids[0]))
			ok = err_set(e, ERR_REFUSED,
			    "more than %d data sources, or one with an odd id",
			    FREEZE_SOURCES_MAX);
		else
			memcpy(out->source_ids[out->source_count++], id, strlen(id) + 1);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static bool
freeze_set_source(struct soap_client *c, const char *account_id, const char *source_id,
    const char *enabled, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "ModifyDataSourceRequest");

	soap_open(r, "id");
	soap_text(r, account_id);
	soap_close(r);
	soap_open(r, "dataSource");
	soap_attr(r, "id", source_id);
	soap_a(r, "zimbraDataSourceEnabled", enabled);
	soap_close(r);
	return freeze_send(c, r, e) || err_wrap(e, "data source %s", source_id);
}

/* --- the four steps --- */

bool
freeze_read(struct soap_client *c, const char *account_id, struct freeze_saved *saved_out,
    struct err *e)
{
	memset(saved_out, 0, sizeof(*saved_out));
	if (!freeze_get(c, account_id, saved_out, e) ||
	    !freeze_sources(c, account_id, saved_out, e))
		return false;
	if (strcmp(saved_out->status, "maintenance") == 0)
		return err_set(
		    e, ERR_REFUSED, "the account is in maintenance; set it active first");
	/* What a lockout was before cannot be known; a locked account is its nearest. */
	if (strcmp(saved_out->status, "lockout") == 0)
		snprintf(saved_out->status, sizeof(saved_out->status), FROZEN_STATUS);
	return true;
}

static bool
freeze_merge_sources(
    struct freeze_saved *saved, const struct freeze_saved *now, struct err *e)
{
	for (size_t i = 0; i < now->source_count; i++) {
		bool known = false;

		for (size_t k = 0; k < saved->source_count; k++)
			known = known ||
				strcmp(saved->source_ids[k], now->source_ids[i]) == 0;
		if (known)
			continue;
		if (saved->source_count == FREEZE_SOURCES_MAX)
			return err_set(e, ERR_REFUSED, "more than %d data sources",
			    FREEZE_SOURCES_MAX);
		memcpy(saved->source_ids[saved->source_count++], now->source_ids[i],
		    sizeof(now->source_ids[0]));
	}
	return true;
}

bool
freeze_merge(struct freeze_saved *saved, const struct freeze_saved *now, struct err *e)
{
	if (strcmp(now->status, FROZEN_STATUS) != 0) {
		memcpy(saved->status, now->status, sizeof(saved->status));
		memcpy(saved->mail_status, now->mail_status, sizeof(saved->mail_status));
	}
	if (strcmp(now->quota, FROZEN_QUOTA) != 0)
		memcpy(saved->quota, now->quota, sizeof(saved->quota));
	if (strcmp(now->receive_over_quota, FROZEN_RECEIVE) != 0)
		memcpy(saved->receive_over_quota, now->receive_over_quota,
		    sizeof(saved->receive_over_quota));
	/* Sources go off one by one before the account is locked. */
	return freeze_merge_sources(saved, now, e);
}

bool
freeze_apply(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, struct err *e)
{
	struct soap_request *r;

	for (size_t i = 0; i < saved->source_count; i++) {
		if (!freeze_set_source(c, account_id, saved->source_ids[i], "FALSE", e))
			return false;
	}
	r = freeze_modify(account_id);
	soap_a(r, "zimbraAccountStatus", FROZEN_STATUS);
	soap_a(r, "zimbraMailStatus", saved->mail_status);
	soap_a(r, "zimbraMailQuota", FROZEN_QUOTA);
	soap_a(r, "zimbraMailAllowReceiveButNotSendWhenOverQuota", FROZEN_RECEIVE);
	return freeze_send(c, r, e) || err_wrap(e, "locking");
}

bool
freeze_allow_import(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, struct err *e)
{
	struct freeze_saved now;
	struct soap_request *r;

	(void)saved;
	memset(&now, 0, sizeof(now));
	if (!freeze_get(c, account_id, &now, e))
		return false;
	/* What an administrator set meanwhile stays: it could not be given back later. */
	if (strcmp(now.quota, FROZEN_QUOTA) != 0)
		return true;
	r = freeze_modify(account_id);
	soap_a(r, "zimbraMailQuota", IMPORT_QUOTA);
	return freeze_send(c, r, e) || err_wrap(e, "lifting the quota");
}

static void
freeze_keep(char *kept, size_t size, const char *name, const char *value)
{
	size_t len = strlen(kept);

	snprintf(kept + len, size - len, "%s%s=%s", len == 0 ? "" : ", ", name,
	    value[0] == '\0' ? "(inherited)" : value);
}

/* A source that somebody deleted or enabled meanwhile stays as it is. */
static bool
freeze_restore_sources(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, struct err *e)
{
	for (size_t i = 0; i < saved->source_count; i++) {
		if (!freeze_set_source(c, account_id, saved->source_ids[i], "TRUE", e) &&
		    strcmp(soap_fault(c), "account.NO_SUCH_DATA_SOURCE") != 0)
			return false;
	}
	return true;
}

/* Adds it to the request; false: there is nothing to give back. */
static bool
freeze_put_quota(struct soap_request *r, const struct freeze_saved *saved,
    const struct freeze_saved *now, char *kept_out, size_t kept_size)
{
	if (strcmp(now->quota, FROZEN_QUOTA) == 0 ||
	    strcmp(now->quota, IMPORT_QUOTA) == 0) {
		soap_a(r, "zimbraMailQuota", saved->quota);
		return true;
	}
	if (strcmp(now->quota, saved->quota) != 0)
		freeze_keep(kept_out, kept_size, "zimbraMailQuota", now->quota);
	return false;
}

bool
freeze_restore_quota(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, char *kept_out, size_t kept_size, struct err *e)
{
	struct freeze_saved now;
	struct soap_request *r;

	kept_out[0] = '\0';
	memset(&now, 0, sizeof(now));
	if (!freeze_get(c, account_id, &now, e))
		return false;
	r = freeze_modify(account_id);
	if (freeze_put_quota(r, saved, &now, kept_out, kept_size))
		return freeze_send(c, r, e) || err_wrap(e, "giving the quota back");
	soap_request_free(&r);
	return true;
}

bool
freeze_restore(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, bool keep_quota, char *kept_out, size_t kept_size,
    struct err *e)
{
	struct freeze_saved now;
	struct soap_request *r;
	bool change;

	kept_out[0] = '\0';
	memset(&now, 0, sizeof(now));
	if (!freeze_get(c, account_id, &now, e))
		return false;
	r = freeze_modify(account_id);
	change = !keep_quota && freeze_put_quota(r, saved, &now, kept_out, kept_size);
	if (strcmp(now.receive_over_quota, FROZEN_RECEIVE) == 0) {
		soap_a(r, "zimbraMailAllowReceiveButNotSendWhenOverQuota",
		    saved->receive_over_quota);
		change = true;
	} else if (strcmp(now.receive_over_quota, saved->receive_over_quota) != 0) {
		freeze_keep(kept_out, kept_size,
		    "zimbraMailAllowReceiveButNotSendWhenOverQuota",
		    now.receive_over_quota);
	}
	if (strcmp(now.status, FROZEN_STATUS) == 0) {
		soap_a(r, "zimbraAccountStatus", saved->status);
		soap_a(r, "zimbraMailStatus", saved->mail_status);
		change = true;
	} else if (strcmp(now.status, saved->status) != 0) {
		freeze_keep(kept_out, kept_size, "zimbraAccountStatus", now.status);
	}
	if (!change)
		soap_request_free(&r);
	else if (!freeze_send(c, r, e))
		return err_wrap(e, "giving the account back");
	return freeze_restore_sources(c, account_id, saved, e);
}
