/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of mailboxes: found in any page, and deleted only where nothing but us put them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/account.h"
#include "agent/worker/worker.h"
#include "proto/base/buf.h"
#include "proto/frame.h"
#include "tests/unit/proto/zimbra.h"

#define ACCOUNT "b1a3b7a2-0000-4000-8000-000000000001"
#define HERE "mbs1.test"
#define THERE "mbs2.test"

static struct {
	const char *home;
	bool present;
	unsigned size, recent, contacts;
	unsigned deleted;
	const char *changes; /* since the last delta, as Sync tells them */
	unsigned lockouts, lifted;
	bool not_loaded; /* mailboxd was started again */
	bool is_full;	 /* no account may be made */
	unsigned keepers_made, keepers_deleted;
	/* of a large node */
	unsigned rows_before; /* mailboxes listed before this one */
	unsigned vanish;      /* so many of them are deleted after the first page */
	unsigned pages;
} node;

static struct err e;

static void
reply_rows(struct server_call *call)
{
	const char *text = strstr(call->body, "offset=\"");
	unsigned offset = text == NULL ? 0 : (unsigned)strtoul(text + 8, NULL, 10);
	unsigned before =
	    node.pages++ == 0 ? node.rows_before : node.rows_before - node.vanish;
	unsigned total = before + node.present;
	struct buf b;

	buf_init(&b, 0);
	CHECK(buf_printf(&b, "<Envelope><Body><GetAllMailboxesResponse more=\"%d\">",
	    total > offset + 1000));
	for (unsigned i = offset; i < total && i < offset + 1000; i++) {
		if (i < before)
			CHECK(buf_printf(
			    &b, "<mbox id=\"%u\" accountId=\"other-%u\"/>", i + 1, i));
		else
			CHECK(buf_printf(&b,
			    "<mbox id=\"9999\" accountId=\"" ACCOUNT
			    "\" itemIdCheckPoint=\"300\" sizeCheckPoint=\"%u\" "
			    "newMessages=\"%u\" contactCount=\"%u\"/>",
			    node.size, node.recent, node.contacts));
	}
	CHECK(buf_add_str(&b, "</GetAllMailboxesResponse></Body></Envelope>"));
	server_reply(call, 200, buf_str(&b));
	buf_fini(&b);
}

/* What the keeper's calls are for (test_keeper.c has them one by one). */
static bool
reply_to_keeper(struct server_call *call)
{
	if (strstr(call->body, "<GetLastItemIdInMailboxRequest") != NULL &&
	    node.not_loaded)
		server_reply(call, 500, FAULT("service.WRONG_HOST"));
	else if (strstr(call->body, "zmferry-keeper-") != NULL &&
		 strstr(call->body, "<GetAccountRequest") != NULL)
		server_reply(call, 200,
		    ENVELOPE("<GetAccountResponse><account id=\"keeper\">"
			     "<a n=\"zimbraMailHost\">" HERE "</a>"
			     "<a n=\"description\">made by zmferry to load a mailbox; "
			     "may be deleted</a></account></GetAccountResponse>"));
	else if (strstr(call->body, "<CreateAccountRequest") != NULL && node.is_full)
		server_reply(call, 500, FAULT("account.TOO_MANY_ACCOUNTS"));
	else if (strstr(call->body, "<CreateAccountRequest") != NULL)
		server_reply(call, 200,
		    ENVELOPE("<CreateAccountResponse><account id=\"keeper\"/>"
			     "</CreateAccountResponse>"));
	else if (strstr(call->body, "<DelegateAuthRequest") != NULL)
		server_reply(call, 200,
		    ENVELOPE("<DelegateAuthResponse><authToken>OWNERS</authToken>"
			     "</DelegateAuthResponse>"));
	else if (strstr(call->body, "<SearchRequest") != NULL)
		server_reply(call, 200, ENVELOPE("<SearchResponse/>"));
	else if (strstr(call->body, "<DeleteAccountRequest") != NULL)
		server_reply(call, 200, ENVELOPE("<DeleteAccountResponse/>"));
	else
		return false;
	node.keepers_made += strstr(call->body, "<CreateAccountRequest") != NULL;
	node.keepers_deleted += strstr(call->body, "<DeleteAccountRequest") != NULL;
	if (strstr(call->body, "<SearchRequest") != NULL)
		node.not_loaded = false;
	return true;
}

static void
answer(struct server_call *call)
{
	char body[400];

	if (reply_to_keeper(call))
		return;
	if (strstr(call->body, "<GetAllMailboxesRequest") != NULL) {
		reply_rows(call);
	} else if (strstr(call->body, "<GetAccountRequest") != NULL) {
		snprintf(body, sizeof(body),
		    ENVELOPE("<GetAccountResponse><account id=\"" ACCOUNT
			     "\" name=\"ann@example.com\"><a "
			     "n=\"zimbraMailHost\">%s</a></account>"
			     "</GetAccountResponse>"),
		    node.home);
		server_reply(call, 200, body);
	} else if (strstr(call->body, "<DeleteMailboxRequest") != NULL) {
		CHECK_HAS(call->body, "<targetServer>server-1</targetServer>");
		if (node.not_loaded) {
			server_reply(call, 500,
			    ENVELOPE(
				"<Fault><Code><Value>soap:Sender</Value></"
				"Code><Reason><Text>"
				"wrong host</Text></Reason><Detail><Error><Code>"
				"service.WRONG_HOST</Code></Error></Detail></Fault>"));
			return;
		}
		node.deleted++;
		node.present = false;
		server_reply(call, 200, ENVELOPE("<DeleteMailboxResponse/>"));
	} else if (strstr(call->body, "<GetMailboxRequest") != NULL) {
		CHECK_HAS(call->body, "<targetServer>server-1</targetServer>");
		node.present = true;
		server_reply(call, 200, ENVELOPE("<GetMailboxResponse/>"));
	} else if (strstr(call->body, "<SyncRequest") != NULL) {
		snprintf(body, sizeof(body),
		    ENVELOPE("<SyncResponse token=\"78\">%s</SyncResponse>"),
		    node.changes);
		server_reply(call, 200, body);
	} else if (strstr(call->body, "<LockoutMailboxRequest") != NULL) {
		node.lockouts += strstr(call->body, "op=\"start\"") != NULL;
		node.lifted += strstr(call->body, "op=\"end\"") != NULL;
		server_reply(call, 200, ENVELOPE("<LockoutMailboxResponse/>"));
	} else {
		server_reply(call, 200, ENVELOPE("<FlushCacheResponse/>"));
	}
}

static void
begin(const char *home)
{
	memset(&node, 0, sizeof(node));
	node.home = home;
	node.present = true;
	zimbra_begin(answer);
}

static bool
drop_row(void)
{
	Wire__StepResult result = WIRE__STEP_RESULT__INIT;
	Wire__WorkerJob job = WIRE__WORKER_JOB__INIT;
	Wire__StepRequest step = WIRE__STEP_REQUEST__INIT;
	Wire__OpDropRow op = WIRE__OP_DROP_ROW__INIT;
	struct worker w = {.job = &job, .step = &step, .result = &result};

	op.only_if_empty = true;
	step.op_case = WIRE__STEP_REQUEST__OP_DROP_ROW;
	step.drop_row = &op;
	job.server_id = frame_bytes("server-1");
	w.soap = zimbra.client;
	snprintf(w.zimbra.host, sizeof(w.zimbra.host), "%s", HERE);
	snprintf(w.account_id, sizeof(w.account_id), "%s", ACCOUNT);
	return worker_short(&w, &e);
}

static bool
make_row(void)
{
	Wire__StepResult result = WIRE__STEP_RESULT__INIT;
	Wire__WorkerJob job = WIRE__WORKER_JOB__INIT;
	Wire__StepRequest step = WIRE__STEP_REQUEST__INIT;
	Wire__OpMake op = WIRE__OP_MAKE__INIT;
	struct worker w = {.job = &job,
	    .step = &step,
	    .result = &result,
	    .spool_dir = "/nonexistent",
	    .move_id = "m1"};

	step.op_case = WIRE__STEP_REQUEST__OP_MAKE;
	step.make = &op;
	job.server_id = frame_bytes("server-1");
	w.soap = zimbra.client;
	snprintf(w.zimbra.host, sizeof(w.zimbra.host), "%s", HERE);
	snprintf(w.account_id, sizeof(w.account_id), "%s", ACCOUNT);
	return worker_short(&w, &e);
}

/* Pinned: asked of this server and made by it, never where the account lives by now. */
static void
test_a_mailbox_is_made_at_its_home_only(void **state)
{
	(void)state;
	begin(THERE);
	node.present = false;
	CHECK(!make_row());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK(!node.present);
	zimbra_end();
	begin(HERE);
	node.present = false;
	CHECK(make_row());
	CHECK(make_row());
	CHECK(node.present);
	node.size = 1;
	CHECK(!make_row());
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "holds something already");
	zimbra_end();
}

static void
test_an_empty_copy_of_our_own_is_deleted_once(void **state)
{
	(void)state;
	begin(THERE);
	CHECK(drop_row());
	CHECK(drop_row());
	CHECK_INT(node.deleted, 1);
	zimbra_end();
}

static void
test_the_mailbox_at_its_home_is_never_deleted(void **state)
{
	(void)state;
	begin(HERE);
	CHECK(!drop_row());
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_INT(node.deleted, 0);
	zimbra_end();
}

/* Mail that got in while the home was here is nowhere else. */
static void
test_a_copy_that_holds_anything_is_never_deleted(void **state)
{
	unsigned *const what[] = {&node.size, &node.recent, &node.contacts};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		begin(THERE);
		*what[i] = 1;
		CHECK(!drop_row());
		CHECK_INT(e.kind, ERR_REFUSED);
		CHECK_HAS(e.text, "holds mail by now");
		CHECK_INT(node.deleted, 0);
		zimbra_end();
	}
}

/* --- the old copy --- */

static Wire__PurgeFacts purge_facts;

/* The mailbox as it was fenced: number 9999, item 300, of that size. */
static bool
purge(uint64_t mailbox_id, uint64_t size)
{
	Wire__StepResult result = WIRE__STEP_RESULT__INIT;
	Wire__WorkerJob job = WIRE__WORKER_JOB__INIT;
	Wire__StepRequest step = WIRE__STEP_REQUEST__INIT;
	Wire__OpPurge op = WIRE__OP_PURGE__INIT;
	Wire__Row row = WIRE__ROW__INIT;
	struct worker w = {.job = &job, .step = &step, .result = &result};
	bool ok;

	row.present = true;
	row.mailbox_id = mailbox_id;
	row.item_id = 300;
	row.size_bytes = size;
	op.row = &row;
	step.op_case = WIRE__STEP_REQUEST__OP_PURGE;
	step.purge = &op;
	job.server_id = frame_bytes("server-1");
	w.soap = zimbra.client;
	snprintf(w.zimbra.host, sizeof(w.zimbra.host), "%s", HERE);
	snprintf(w.account_id, sizeof(w.account_id), "%s", ACCOUNT);
	ok = worker_short(&w, &e);
	if (ok)
		purge_facts = *result.purge;
	return ok;
}

static void
test_the_old_copy_is_deleted_once_and_its_lockout_ends_first(void **state)
{
	(void)state;
	begin(THERE);
	node.size = 5000;
	CHECK(purge(9999, 5000));
	CHECK(purge_facts.gone);
	CHECK_INT(node.lifted, 1);
	CHECK(purge(9999, 5000));
	CHECK(purge_facts.gone);
	CHECK_INT(node.deleted, 1);
	zimbra_end();
}

static void
test_an_old_copy_that_is_not_loaded_stays_and_is_said(void **state)
{
	(void)state;
	begin(THERE);
	node.not_loaded = true;
	node.is_full = true;
	CHECK(purge(9999, 0));
	CHECK(!purge_facts.gone);
	CHECK_INT(node.deleted, 0);
	zimbra_end();
}

static void
test_what_is_not_loaded_is_loaded_and_deleted(void **state)
{
	(void)state;
	begin(THERE);
	node.not_loaded = true;
	CHECK(purge(9999, 0));
	CHECK(purge_facts.gone);
	CHECK_INT(node.deleted, 1);
	CHECK_INT(node.keepers_made, 1);
	CHECK_INT(node.keepers_deleted, 1);
	zimbra_end();
	begin(THERE);
	node.not_loaded = true;
	CHECK(drop_row());
	CHECK_INT(node.deleted, 1);
	CHECK_INT(node.keepers_deleted, 1);
	zimbra_end();
	begin(THERE);
	node.not_loaded = true;
	node.is_full = true;
	CHECK(!drop_row());
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_INT(node.deleted, 0);
	zimbra_end();
}

static void
test_a_mailbox_at_home_another_one_and_one_that_grew_are_never_purged(void **state)
{
	(void)state;
	begin(HERE);
	CHECK(!purge(9999, 0));
	CHECK_HAS(e.text, "the account's home");
	CHECK_INT(node.deleted, 0);
	zimbra_end();
	begin(THERE);
	CHECK(!purge(9998, 0));
	CHECK_HAS(e.text, "number 9999, not number 9998");
	node.size = 5001;
	CHECK(!purge(9999, 5000));
	CHECK_HAS(e.text, "has grown");
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_INT(node.deleted, 0);
	zimbra_end();
}

/* Rows move up when others are deleted between two pages; none may be passed over. */
static void
test_a_row_is_found_while_others_are_deleted(void **state)
{
	Wire__Row row;

	(void)state;
	begin(HERE);
	node.rows_before = 1003;
	node.vanish = 20;
	CHECK(account_row(zimbra.client, ACCOUNT, &row, &e));
	CHECK(row.present);
	CHECK_INT(row.item_id, 300);
	node.present = false;
	CHECK(account_row(zimbra.client, ACCOUNT, &row, &e));
	CHECK(!row.present);
	zimbra_end();
}

static bool
fence_holds(const char *changes)
{
	Wire__StepResult result = WIRE__STEP_RESULT__INIT;
	Wire__StepRequest step = WIRE__STEP_REQUEST__INIT;
	Wire__OpFence op = WIRE__OP_FENCE__INIT;
	Wire__Row row = WIRE__ROW__INIT;
	struct worker w = {.step = &step, .result = &result};

	begin(HERE);
	node.changes = changes;
	row.present = true;
	row.item_id = 300;
	op.row = &row;
	op.token = frame_bytes("77");
	step.op_case = WIRE__STEP_REQUEST__OP_FENCE;
	step.fence = &op;
	w.soap = zimbra.client;
	snprintf(w.account_id, sizeof(w.account_id), "%s", ACCOUNT);
	if (!worker_short(&w, &e))
		fail_msg("%s", e.text);
	CHECK_INT(node.lockouts, result.fence->held);
	zimbra_end();
	return result.fence->held;
}

/* Whoever shares a folder of it works on while its owner is locked out. */
static void
test_the_fence_holds_only_when_nothing_changed(void **state)
{
	(void)state;
	CHECK(fence_holds(""));
	CHECK(!fence_holds("<m id=\"299\"/>"));
	CHECK(!fence_holds("<deleted ids=\"299\"/>"));
	CHECK(!fence_holds("<folder id=\"290\" name=\"renamed\" l=\"1\"/>"));
	CHECK(!fence_holds("<tag id=\"291\" name=\"renamed\"/>"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_mailbox_is_made_at_its_home_only),
	    TEST(test_an_empty_copy_of_our_own_is_deleted_once),
	    TEST(test_the_mailbox_at_its_home_is_never_deleted),
	    TEST(test_a_copy_that_holds_anything_is_never_deleted),
	    TEST(test_the_old_copy_is_deleted_once_and_its_lockout_ends_first),
	    TEST(test_an_old_copy_that_is_not_loaded_stays_and_is_said),
	    TEST(test_what_is_not_loaded_is_loaded_and_deleted),
	    TEST(test_a_mailbox_at_home_another_one_and_one_that_grew_are_never_purged),
	    TEST(test_a_row_is_found_while_others_are_deleted),
	    TEST(test_the_fence_holds_only_when_nothing_changed),
	};

	return cmocka_run_group_tests(tests, zimbra_make_dir, zimbra_remove_dir);
}
