/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the keeper is made, everybody may read its empty inbox, and the owner
 * of the mailbox searches there with a token of its own. What can go wrong: an account of
 * that name is there (one that a crash left is used, anybody else's is left alone), the
 * domain is full, the token is refused. Nothing here changes the mailbox that is wanted.
 */
#include "agent/mailbox/keeper.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/mailbox/items.h"

#define KEEPER_MARK "made by zmferry to load a mailbox; may be deleted"
#define ID_SIZE 64

bool
keeper_is_wanted(const struct keeper *k)
{
	uint64_t last_id, change;
	struct err ignored;

	return !items_last_id(k->soap, k->account_id, &last_id, &change, &ignored) &&
	       strcmp(soap_fault(k->soap), "service.WRONG_HOST") == 0;
}

bool
keeper_name(const struct keeper *k, char out[KEEPER_NAME_SIZE], struct err *e)
{
	struct soap_request *r = soap_get_account("id", k->account_id, "zimbraId");
	struct soap_answer *answer = NULL;
	const char *name = NULL, *domain = NULL;
	bool ok = soap_call(k->soap, r, &answer, e);

	if (ok)
		name = soap_get(soap_child(soap_body(answer), "account"), "name");
	if (name != NULL)
		domain = strrchr(name, '@');
	if (ok)
		ok = (domain != NULL &&
			 snprintf(out, KEEPER_NAME_SIZE, "zmferry-keeper-%s%s",
			     k->move_id, domain) < KEEPER_NAME_SIZE) ||
		     err_set(e, ERR_PEER, "GetAccount of %s: the answer has no name",
			 k->account_id);
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

/* id_out "": there is none. */
static bool
keeper_find(const struct keeper *k, const char *name, char id_out[ID_SIZE], struct err *e)
{
	struct soap_request *r =
	    soap_get_account("name", name, "zimbraId,zimbraMailHost,description");
	struct soap_answer *answer = NULL;
	const struct soap_node *account;
	const char *id, *mark, *host;
	bool ok = soap_call(k->soap, r, &answer, e);

	id_out[0] = '\0';
	soap_request_free(&r);
	if (!ok)
		return strcmp(soap_fault(k->soap), "account.NO_SUCH_ACCOUNT") == 0;
	account = soap_child(soap_body(answer), "account");
	id = soap_get(account, "id");
	mark = soap_get_a(account, "description");
	host = soap_get_a(account, "zimbraMailHost");
	if (id == NULL || strlen(id) >= ID_SIZE)
		ok = err_set(e, ERR_PEER, "GetAccount of %s: the answer has no id", name);
	else if (mark == NULL || strcmp(mark, KEEPER_MARK) != 0)
		ok = err_set(e, ERR_REFUSED,
		    "account %s is not zmferry's own: it is left alone", name);
	else if (host == NULL || strcasecmp(host, k->host) != 0)
		ok = err_set(e, ERR_REFUSED, "account %s lives on %s and not on %s", name,
		    host == NULL ? "no server" : host, k->host);
	else
		snprintf(id_out, ID_SIZE, "%s", id);
	soap_answer_free(&answer);
	return ok;
}

/* Without a password nobody logs in. */
static bool
keeper_make(const struct keeper *k, const char *name, char id_out[ID_SIZE], struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "CreateAccountRequest");
	struct soap_answer *answer = NULL;
	const char *id = NULL;
	bool ok;

	soap_open(r, "name");
	soap_text(r, name);
	soap_close(r);
	soap_a(r, "zimbraMailHost", k->host);
	soap_a(r, "zimbraHideInGal", "TRUE");
	soap_a(r, "zimbraIsSystemResource", "TRUE");
	soap_a(r, "description", KEEPER_MARK);
	ok = soap_call(k->soap, r, &answer, e);
	if (!ok && strcmp(soap_fault(k->soap), "account.ACCOUNT_EXISTS") == 0) {
		/* A list or a resource has the name: without an id we would act on ourselves. */
		ok = keeper_find(k, name, id_out, e) &&
		     (id_out[0] != '\0' || err_set(e, ERR_REFUSED,
					       "%s is the name of something that is no "
					       "account: it is left alone",
					       name));
	} else if (ok) {
		id = soap_get(soap_child(soap_body(answer), "account"), "id");
		ok = (id != NULL && snprintf(id_out, ID_SIZE, "%s", id) < ID_SIZE) ||
		     err_set(e, ERR_PEER, "CreateAccount: the answer has no id");
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

/* Its mailbox is made by this, too. */
static bool
keeper_show_inbox(const struct keeper *k, const char *id, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "FolderActionRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_on_account(r, id);
	soap_open(r, "action");
	soap_attr(r, "op", "grant");
	soap_attr(r, "id", "2");
	soap_open(r, "grant");
	soap_attr(r, "gt", "all");
	soap_attr(r, "perm", "r");
	soap_close(r);
	soap_close(r);
	ok = soap_call(k->soap, r, &answer, e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static bool
owner_token(const struct keeper *k, struct secret **token_out, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "DelegateAuthRequest");
	struct soap_answer *answer = NULL;
	const char *text = "";
	bool ok;

	*token_out = NULL;
	soap_open(r, "account");
	soap_attr(r, "by", "id");
	soap_text(r, k->account_id);
	soap_close(r);
	ok = soap_call(k->soap, r, &answer, e);
	if (ok)
		text = soap_get_text(soap_child(soap_body(answer), "authToken"));
	if (ok && text[0] == '\0')
		ok = err_set(e, ERR_PEER, "DelegateAuth: the answer has no token");
	if (ok)
		*token_out = secret_new(text, strlen(text));
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

/* Finds nothing: what matters is that the owner's own mailbox is loaded for it. */
static bool
search_as_owner(const struct keeper *k, const char *keeper_id, struct err *e)
{
	struct soap_request *r;
	struct soap_answer *answer = NULL;
	struct secret *token;
	bool ok;

	if (!owner_token(k, &token, e))
		return false;
	r = soap_request_new(SOAP_MAIL, "SearchRequest");
	soap_on_account(r, keeper_id);
	soap_attr(r, "types", "message");
	soap_attr(r, "limit", "1");
	soap_open(r, "query");
	soap_text(r, "inid:2");
	soap_close(r);
	ok = soap_call_as(k->soap, token, r, &answer, e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	secret_free(&token);
	return ok;
}

static bool
keeper_delete(const struct keeper *k, const char *id, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "DeleteAccountRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_open(r, "id");
	soap_text(r, id);
	soap_close(r);
	ok = soap_call(k->soap, r, &answer, e) ||
	     strcmp(soap_fault(k->soap), "account.NO_SUCH_ACCOUNT") == 0;
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
keeper_remove(const struct keeper *k, const char *name, struct err *e)
{
	char id[ID_SIZE];

	return keeper_find(k, name, id, e) && (id[0] == '\0' || keeper_delete(k, id, e));
}

bool
keeper_load(const struct keeper *k, const char *name, struct err *e)
{
	char id[ID_SIZE];

	if (!keeper_make(k, name, id, e))
		return err_wrap(e, "making the account %s", name);
	return (keeper_show_inbox(k, id, e) && search_as_owner(k, id, e)) ||
	       err_wrap(e, "loading the mailbox by a search in that of %s", name);
}
