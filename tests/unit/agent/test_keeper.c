/* SPDX-License-Identifier: Apache-2.0 */
/* A mailbox that is not served is loaded again, and the account made for it goes. */
#include <stdio.h>
#include <string.h>

#include "agent/mailbox/keeper.h"
#include "tests/unit/proto/zimbra.h"

#define OWNER "b1a3b7a2-0000-4000-8000-000000000001"
#define KEEPER "b1a3b7a2-0000-4000-8000-000000000002"
#define NAME "zmferry-keeper-m12@example.com"
#define HERE "mbs1.test"
#define MARK "made by zmferry to load a mailbox; may be deleted"

static struct {
	bool loaded;
	const char *fault;	  /* of the mailbox while it is not */
	const char *make_fault;	  /* of CreateAccount */
	const char *search_fault; /* of the owner's search */
	bool exists;		  /* an account of the keeper's name */
	const char *mark, *host;  /* of that account */
	bool shown;		  /* its inbox */
	unsigned made, deleted, searched;
} node;

static struct err e;

static void
answer_account(struct server_call *call)
{
	char body[600];

	if (strstr(call->body, ">" OWNER "<") != NULL) {
		server_reply(call, 200,
		    ENVELOPE("<GetAccountResponse><account id=\"" OWNER
			     "\" name=\"ann@example.com\"/></GetAccountResponse>"));
		return;
	}
	CHECK_HAS(call->body, ">" NAME "<");
	if (!node.exists) {
		server_reply(call, 500, FAULT("account.NO_SUCH_ACCOUNT"));
		return;
	}
	snprintf(body, sizeof(body),
	    ENVELOPE("<GetAccountResponse><account id=\"" KEEPER "\" name=\"" NAME "\">"
		     "<a n=\"zimbraMailHost\">%s</a><a n=\"description\">%s</a>"
		     "</account></GetAccountResponse>"),
	    node.host, node.mark);
	server_reply(call, 200, body);
}

static void
answer_make(struct server_call *call)
{
	CHECK_HAS(call->body, "<name>" NAME "</name>");
	CHECK_HAS(call->body, "<a n=\"zimbraMailHost\">" HERE "</a>");
	CHECK_HAS(call->body, "<a n=\"zimbraHideInGal\">TRUE</a>");
	CHECK(strstr(call->body, "<password>") == NULL);
	if (node.make_fault != NULL || node.exists) {
		char body[400];

		snprintf(body, sizeof(body), FAULT("%s"),
		    node.make_fault != NULL ? node.make_fault : "account.ACCOUNT_EXISTS");
		server_reply(call, 500, body);
		return;
	}
	node.made++;
	node.exists = true;
	node.mark = MARK;
	node.host = HERE;
	server_reply(call, 200,
	    ENVELOPE("<CreateAccountResponse><account id=\"" KEEPER
		     "\"/></CreateAccountResponse>"));
}

/* The owner's own token, in the keeper's mailbox, and not pinned. */
static void
answer_search(struct server_call *call)
{
	CHECK_HAS(call->body, "<authToken>OWNERS</authToken>");
	CHECK_HAS(call->body, ">" KEEPER "<");
	CHECK(strstr(call->body, "targetServer") == NULL);
	if (node.search_fault != NULL) {
		char body[400];

		snprintf(body, sizeof(body), FAULT("%s"), node.search_fault);
		server_reply(call, 500, body);
		return;
	}
	node.searched++;
	node.loaded = node.exists && node.shown;
	server_reply(call, 200, ENVELOPE("<SearchResponse/>"));
}

static void
answer(struct server_call *call)
{
	if (strstr(call->body, "<GetLastItemIdInMailboxRequest") != NULL) {
		char body[400];

		snprintf(body, sizeof(body), FAULT("%s"), node.fault);
		server_reply(call, node.loaded ? 200 : 500,
		    node.loaded
			? ENVELOPE("<GetLastItemIdInMailboxResponse>"
				   "<id>300</id></GetLastItemIdInMailboxResponse>")
			: body);
	} else if (strstr(call->body, "<GetAccountRequest") != NULL) {
		answer_account(call);
	} else if (strstr(call->body, "<CreateAccountRequest") != NULL) {
		answer_make(call);
	} else if (strstr(call->body, "<FolderActionRequest") != NULL) {
		CHECK_HAS(call->body, ">" KEEPER "<");
		CHECK_HAS(call->body, "gt=\"all\" perm=\"r\"");
		node.shown = true;
		server_reply(call, 200, ENVELOPE("<FolderActionResponse/>"));
	} else if (strstr(call->body, "<DelegateAuthRequest") != NULL) {
		CHECK_HAS(call->body, "<account by=\"id\">" OWNER "</account>");
		server_reply(call, 200,
		    ENVELOPE("<DelegateAuthResponse><authToken>OWNERS</authToken>"
			     "</DelegateAuthResponse>"));
	} else if (strstr(call->body, "<SearchRequest") != NULL) {
		answer_search(call);
	} else {
		CHECK_HAS(call->body, "<DeleteAccountRequest");
		CHECK_HAS(call->body, "<id>" KEEPER "</id>");
		node.deleted++;
		node.exists = false;
		server_reply(call, 200, ENVELOPE("<DeleteAccountResponse/>"));
	}
}

static struct keeper
begin(void)
{
	memset(&node, 0, sizeof(node));
	node.fault = "service.WRONG_HOST";
	zimbra_begin(answer);
	soap_client_pin(zimbra.client, "server-1");
	return (struct keeper){
	    .soap = zimbra.client, .account_id = OWNER, .host = HERE, .move_id = "m12"};
}

static void
exists(const char *host, const char *mark)
{
	node.exists = true;
	node.host = host;
	node.mark = mark;
}

static void
test_a_mailbox_is_loaded_again(void **state)
{
	const struct keeper k = begin();
	char name[KEEPER_NAME_SIZE];

	(void)state;
	CHECK(keeper_is_wanted(&k));
	CHECK(keeper_name(&k, name, &e));
	CHECK_STR(name, NAME);
	CHECK(keeper_load(&k, name, &e));
	CHECK(!keeper_is_wanted(&k));
	CHECK_INT(node.searched, 1);
	CHECK(keeper_remove(&k, name, &e));
	CHECK(!node.exists);
	CHECK_INT(node.deleted, 1);
	CHECK(keeper_remove(&k, name, &e));
	CHECK_INT(node.deleted, 1);
	zimbra_end();
}

static void
test_other_failures_want_no_keeper(void **state)
{
	const struct keeper k = begin();

	(void)state;
	node.fault = "mail.NO_SUCH_MBOX";
	CHECK(!keeper_is_wanted(&k));
	zimbra_end();
	CHECK(!keeper_is_wanted(&(struct keeper){
	    .soap = (begin(), server_stop(&zimbra.server), zimbra.client),
	    .account_id = OWNER}));
	soap_client_free(&zimbra.client);
}

static void
test_one_that_a_crash_left_serves(void **state)
{
	const struct keeper k = begin();

	(void)state;
	exists(HERE, MARK);
	CHECK(keeper_load(&k, NAME, &e));
	CHECK(node.loaded);
	CHECK_INT(node.made, 0);
	zimbra_end();
}

static void
test_somebody_elses_account_is_left_alone(void **state)
{
	static const struct {
		const char *host, *mark, *said;
	} rows[] = {
	    {HERE, "a person", "not zmferry's own"},
	    {"mbs2.test", MARK, "lives on mbs2.test"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct keeper k = begin();

		exists(rows[i].host, rows[i].mark);
		CHECK(!keeper_load(&k, NAME, &e));
		CHECK_INT(e.kind, ERR_REFUSED);
		CHECK_HAS(e.text, rows[i].said);
		CHECK(!keeper_remove(&k, NAME, &e));
		CHECK_INT(e.kind, ERR_REFUSED);
		CHECK(node.exists && !node.shown);
		CHECK_INT(node.deleted, 0);
		zimbra_end();
	}
}

static void
test_what_hinders_is_said(void **state)
{
	struct keeper k = begin();

	(void)state;
	node.make_fault = "account.ACCOUNT_EXISTS"; /* a distribution list's name */
	CHECK(!keeper_load(&k, NAME, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "no account");
	CHECK(!node.shown);
	CHECK_INT(node.searched, 0);
	node.make_fault = "account.TOO_MANY_ACCOUNTS";
	CHECK(!keeper_load(&k, NAME, &e));
	CHECK_HAS(e.text, "making the account " NAME);
	CHECK_INT(node.searched, 0);
	zimbra_end();
	k = begin();
	node.search_fault = "service.PERM_DENIED";
	CHECK(!keeper_load(&k, NAME, &e));
	CHECK_HAS(e.text, "by a search in that of " NAME);
	CHECK(!node.loaded && node.exists);
	CHECK(keeper_remove(&k, NAME, &e));
	CHECK(!node.exists);
	zimbra_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_mailbox_is_loaded_again),
	    TEST(test_other_failures_want_no_keeper),
	    TEST(test_one_that_a_crash_left_serves),
	    TEST(test_somebody_elses_account_is_left_alone),
	    TEST(test_what_hinders_is_said),
	};

	return cmocka_run_group_tests(tests, zimbra_make_dir, zimbra_remove_dir);
}
