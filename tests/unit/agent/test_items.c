/* SPDX-License-Identifier: Apache-2.0 */
/* What a mailbox holds, as Sync, GetFolder and GetTag tell it: every form they answer in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/ids.h"
#include "agent/mailbox/items.h"
#include "proto/frame.h"
#include "tests/unit/proto/zimbra.h"

#define ACCOUNT "b1a3b7a2-0000-4000-8000-000000000001"
#define HEADER(change)                                                           \
	"<soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\">" \
	"<soap:Header><context xmlns=\"urn:zimbra\"><change token=\"" change     \
	"\"/></context></soap:Header><soap:Body>"

/* Answers in turn; what was asked is kept. */
static const char *script[8];
static char asked[8][4000];

static void
answer_by_script(struct server_call *call)
{
	static atomic_uint at;
	unsigned now;

	if (call->number <= 2) /* the login is the first, of each test's server */
		at = 0;
	now = atomic_fetch_add(&at, 1);
	snprintf(asked[now], sizeof(asked[now]), "%s", call->body);
	server_reply(call, strstr(script[now], "Fault") != NULL ? 500 : 200, script[now]);
}

static int
set_up(void **state)
{
	(void)state;
	memset(script, 0, sizeof(script));
	zimbra_begin(answer_by_script);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	zimbra_end();
	return 0;
}

static void
test_list(void **state)
{
	struct spool_record_list r;
	char token[64];
	struct err e;

	(void)state;
	script[0] = ENVELOPE(
	    "<SyncResponse xmlns=\"urn:zimbraMail\" token=\"403-7\" md=\"1\">"
	    "<folder id=\"" ACCOUNT ":1\" name=\"USER_ROOT\">"
	    "<folder id=\"2\" name=\"Inbox\"><m ids=\"300,299\"/><c ids=\"-301,310\"/>"
	    "<folder id=\"260\"><m ids=\"305\"/></folder></folder>"
	    "<folder id=\"3\"><m ids=\"\"/></folder>"
	    "<folder id=\"7\"><cn ids=\"" ACCOUNT ":302," ACCOUNT ":303\"/></folder>"
	    "<folder id=\"10\"><appt ids=\"306\"/></folder><folder id=\"15\"><task "
	    "ids=\"307\"/></folder>"
	    "<folder id=\"16\"><doc ids=\"308\"/><w ids=\"309\"/></folder>"
	    "<folder id=\"14\"><chat ids=\"311\"/></folder><folder id=\"261\"><notes "
	    "ids=\"312\"/></folder>"
	    "<search id=\"262\" name=\"unread\"/><link id=\"263\"/></folder>"
	    "<tag id=\"64\" name=\"red\"/></SyncResponse>");
	if (!items_list(zimbra.client, ACCOUNT, &r, token, sizeof(token), &e))
		fail_msg("%s", e.text);
	CHECK_STR(token, "403-7");
	CHECK_INT(r.count, 11);
	static const uint32_t ids[] = {
	    299, 300, 302, 303, 305, 306, 307, 308, 309, 311, 312};
	static const uint32_t folders[] = {2, 2, 7, 7, 260, 10, 15, 16, 16, 14, 261};
	static const enum spool_type types[] = {SPOOL_MESSAGE, SPOOL_MESSAGE,
	    SPOOL_CONTACT, SPOOL_CONTACT, SPOOL_MESSAGE, SPOOL_APPOINTMENT, SPOOL_TASK,
	    SPOOL_DOCUMENT, SPOOL_DOCUMENT, SPOOL_CHAT, SPOOL_NOTE};

	for (size_t i = 0; i < 11; i++) {
		CHECK_INT(r.ids[i], ids[i]);
		CHECK_INT(r.folder_ids[i], folders[i]);
		CHECK_INT(r.types[i], types[i]);
	}
	CHECK_HAS(asked[0], "<SyncRequest");
	CHECK_HAS(asked[0], ACCOUNT);
	CHECK(strstr(asked[0], "token=") == NULL);
	spool_record_free(&r);
}

static void
check_list_refused(const char *answer, enum err_kind kind, const char *part)
{
	struct spool_record_list r;
	char token[64];
	struct err e;

	script[0] = answer;
	CHECK(!items_list(zimbra.client, ACCOUNT, &r, token, sizeof(token), &e));
	CHECK_INT(e.kind, kind);
	CHECK_HAS(e.text, part);
	CHECK(r.ids == NULL && r.count == 0);
}

#define LISTED(ids)                                                         \
	ENVELOPE("<SyncResponse token=\"1\"><folder id=\"2\"><m ids=\"" ids \
		 "\"/></folder></SyncResponse>")

static void
test_list_no_token(void **state)
{
	(void)state;
	check_list_refused(ENVELOPE("<SyncResponse><folder id=\"2\"/></SyncResponse>"),
	    ERR_PEER, "no token");
}

static void
test_list_garbage(void **state)
{
	(void)state;
	check_list_refused(LISTED("300,,301"), ERR_PEER, "no list of ids");
}

static void
test_list_negative(void **state)
{
	(void)state;
	check_list_refused(LISTED("300,-301"), ERR_PEER, "no list of ids");
}

static void
test_list_huge(void **state)
{
	(void)state;
	check_list_refused(LISTED("99999999999"), ERR_PEER, "no list of ids");
}

static void
test_list_locked_out(void **state)
{
	(void)state;
	check_list_refused(FAULT("mail.MAINTENANCE"), ERR_RETRY, "mail.MAINTENANCE");
}

static void
test_changes(void **state)
{
	struct items_changes x;
	struct err e;

	(void)state;
	script[0] = ENVELOPE(
	    "<SyncResponse token=\"500-300\" more=\"1\"><deleted ids=\"310,305\"/>"
	    "<m id=\"" ACCOUNT
	    ":301\" l=\"2\" rev=\"404\" ms=\"404\"/><m id=\"300\" rev=\"404\" "
	    "ms=\"405\"/><c id=\"-300\"/>"
	    "<folder id=\"260\" name=\"x\"><acl/></folder></SyncResponse>");
	script[1] = ENVELOPE(
	    "<SyncResponse token=\"501\"><deleted ids=\"\"/><cn id=\"302\"/>"
	    "<appt id=\"303\"/><doc id=\"299\"/><tag id=\"64\"/></SyncResponse>");
	if (!items_changes(zimbra.client, ACCOUNT, "403", &x, &e))
		fail_msg("%s", e.text);
	CHECK(!x.must_resync);
	CHECK_STR(x.token, "501");
	CHECK_INT(x.changed_count, 5);
	for (uint32_t i = 0; i < 5; i++)
		CHECK_INT(x.changed[i], 299 + i);
	CHECK_INT(x.untouched_count, 1); /* those without the numbers count as touched */
	CHECK_INT(x.untouched[0], 301);
	CHECK_INT(x.deleted_count, 2);
	CHECK_INT(x.deleted[0], 305);
	CHECK_INT(x.folder_count, 2);
	CHECK_HAS(asked[0], "token=\"403\"");
	CHECK_HAS(asked[1], "token=\"500-300\"");
	items_changes_free(&x);
	CHECK(x.changed == NULL && x.deleted == NULL);
}

/* What a delta says of when it was changed by more than mail coming in. */
static void
test_who_wrote(void **state)
{
#define DELTA(body) ENVELOPE("<SyncResponse token=\"9\">" body "</SyncResponse>")
	static const struct {
		const char *answer;
		int64_t at_s;
		bool undated;
	} rows[] = {
	    {DELTA(""), 0, false},
	    {DELTA("<m id=\"300\" l=\"2\" rev=\"404\" ms=\"404\" md=\"1700000001\"/>"), 0,
		false}, /* a mail */
	    {DELTA("<m id=\"300\" l=\"2\" rev=\"404\" ms=\"405\" md=\"1700000001\"/>"),
		1700000001, false}, /* a mail, read */
	    {DELTA("<m id=\"300\" l=\"" ACCOUNT
		   ":6\" rev=\"404\" ms=\"404\" md=\"1700000001\"/>"),
		1700000001, false}, /* a draft */
	    {DELTA("<m id=\"300\" l=\"2\" rev=\"404\" ms=\"405\" md=\"1700000001\"/>"
		   "<m id=\"301\" l=\"2\" rev=\"406\" ms=\"406\" md=\"1700000002\"/>"
		   "<m id=\"299\" l=\"5\" rev=\"12\" ms=\"406\" md=\"1700000002\"/>"),
		1700000001, false}, /* the answer in a thread touches what it answers */
	    {DELTA("<cn id=\"302\" l=\"7\" rev=\"404\" ms=\"404\" md=\"1700000001\"/>"),
		1700000001, false},
	    {DELTA("<folder id=\"2\" ms=\"7\" md=\"1700000009\"/>"
		   "<folder id=\"260\" ms=\"404\" md=\"1700000001\"/>"),
		1700000001, false}, /* all are listed on behalf: one has changed */
	    {DELTA("<deleted ids=\"300\"/>"), 0, true},
	    {DELTA("<deleted/>"), 0, false},
	    {DELTA("<m id=\"300\" rev=\"404\" ms=\"405\"/>"), 0, true},
	    {DELTA("<m id=\"300\"/>"), 0, true},
	    {DELTA("<m id=\"300\" rev=\"404\" ms=\"405\" md=\"405\"/>"), 0, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct items_changes x;
		struct err e;

		tear_down(NULL);
		set_up(NULL);
		script[0] = rows[i].answer;
		if (!items_changes(zimbra.client, ACCOUNT, "403-7", &x, &e))
			fail_msg("%s", e.text);
		CHECK(x.written.at_s == rows[i].at_s);
		CHECK_INT(x.written.undated, rows[i].undated);
		items_changes_free(&x);
	}
}

static void
test_changes_must_resync(void **state)
{
	struct items_changes x;
	struct err e;

	(void)state;
	script[0] = FAULT("mail.MUST_RESYNC");
	CHECK(items_changes(zimbra.client, ACCOUNT, "1", &x, &e));
	CHECK(x.must_resync);
	CHECK_INT(x.changed_count, 0);
	items_changes_free(&x);
}

static void
test_changes_fault(void **state)
{
	struct items_changes x;
	struct err e;

	(void)state;
	script[0] = ENVELOPE(
	    "<SyncResponse token=\"2\" more=\"1\"><m id=\"300\"/></SyncResponse>");
	script[1] = FAULT("account.NO_SUCH_ACCOUNT");
	CHECK(!items_changes(zimbra.client, ACCOUNT, "1", &x, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK(x.changed == NULL);
}

static const Wire__Folder *
find(const Wire__StreamTree *t, uint64_t id)
{
	for (size_t i = 0; i < t->n_folders; i++) {
		if (t->folders[i]->id == id)
			return t->folders[i];
	}
	fail_msg("no folder %u", (unsigned)id);
}

static void
test_tree(void **state)
{
	Wire__StreamTree *t = NULL;
	const Wire__Folder *f;
	struct err e;

	(void)state;
	script[0] = ENVELOPE(
	    "<GetFolderResponse><folder id=\"1\" name=\"USER_ROOT\" l=\"11\">"
	    "<folder id=\"2\" name=\"Inbox\" l=\"1\" f=\"u*\" view=\"message\" rev=\"1\">"
	    "<acl><grant gt=\"usr\" zid=\"z1\" d=\"bob@example.org\" perm=\"rwidx\"/>"
	    "<grant gt=\"guest\" zid=\"x@y.net\" perm=\"r\" pw=\"se &amp; cret\" "
	    "expiry=\"1700000000000\"/></acl>"
	    "<folder id=\"" ACCOUNT
	    ":300\" name=\"&#196; &amp; &#214;\" l=\"2\" color=\"5\" "
	    "rgb=\"#aabbcc\" rev=\"77\"/></folder>"
	    "<folder id=\"301\" name=\"feed\" url=\"https://x.test/rss?a=1&amp;b=2\"/>"
	    "<search id=\"302\" name=\"unread\" query=\"is:unread\" types=\"message\" "
	    "sortBy=\"dateDesc\"/>"
	    "<link id=\"303\" name=\"theirs\" zid=\"z2\" rid=\"10\" reminder=\"1\" "
	    "view=\"appointment\">"
	    "<folder id=\"z2:999\" name=\"below\"/></link></folder></GetFolderResponse>");
	script[1] =
	    ENVELOPE("<GetTagResponse><tag id=\"64\" name=\"red\" color=\"5\"/>"
		     "<tag id=\"65\" name=\"b\" rgb=\"#010203\"/></GetTagResponse>");
	if (!items_tree(zimbra.client, ACCOUNT, &t, &e))
		fail_msg("%s", e.text);
	CHECK_INT(t->n_folders, 8); /* what lies below a mountpoint is another's */
	f = find(t, 2);
	CHECK_INT(f->parent_id, 1);
	CHECK(frame_equal(&f->flags, "u*") && frame_equal(&f->view, "message"));
	CHECK_INT(f->color, -1);
	CHECK_INT(f->n_grants, 2);
	CHECK(frame_equal(&f->grants[0]->perm, "rwidx"));
	CHECK(frame_equal(&f->grants[1]->password, "se & cret"));
	CHECK(f->grants[1]->expiry_ms == 1700000000000);
	f = find(t, 300);
	CHECK_INT(f->parent_id, 2);
	CHECK(frame_equal(&f->name, "Ä & Ö") && frame_equal(&f->rgb, "#aabbcc"));
	CHECK_INT(f->color, 5);
	CHECK_INT(f->rev, 77);
	f = find(t, 301);
	CHECK_INT(f->parent_id, 1);
	CHECK(frame_equal(&f->url, "https://x.test/rss?a=1&b=2"));
	f = find(t, 302);
	CHECK(frame_equal(&f->kind, "search") && frame_equal(&f->query, "is:unread") &&
	      frame_equal(&f->search_types, "message") &&
	      frame_equal(&f->sort_by, "dateDesc"));
	f = find(t, 303);
	CHECK(frame_equal(&f->kind, "link") && frame_equal(&f->owner_id, "z2"));
	CHECK(f->remote_id == 10 && f->reminder);
	f = find(t, 65);
	CHECK(frame_equal(&f->kind, "tag") && frame_equal(&f->rgb, "#010203"));
	wire__stream_tree__free_unpacked(t, NULL);
}

static void
test_tree_without_root(void **state)
{
	Wire__StreamTree *t = NULL;
	struct err e;

	(void)state;
	script[0] = ENVELOPE("<GetFolderResponse/>");
	CHECK(!items_tree(zimbra.client, ACCOUNT, &t, &e));
	CHECK_INT(e.kind, ERR_PEER);
}

/* A tree may be hostile: depth is bounded. */
static void
test_tree_too_deep(void **state)
{
	static char deep[60000];
	Wire__StreamTree *t = NULL;
	size_t len = 0;
	struct err e;

	(void)state;
	len +=
	    (size_t)snprintf(deep, sizeof(deep), "<Envelope><Body><GetFolderResponse>");
	for (int i = 0; i < 230; i++)
		len += (size_t)snprintf(
		    deep + len, sizeof(deep) - len, "<folder id=\"%d\">", i + 1);
	for (int i = 0; i < 230; i++)
		len += (size_t)snprintf(deep + len, sizeof(deep) - len, "</folder>");
	snprintf(
	    deep + len, sizeof(deep) - len, "</GetFolderResponse></Body></Envelope>");
	script[0] = deep;
	CHECK(!items_tree(zimbra.client, ACCOUNT, &t, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
}

static void
test_counters(void **state)
{
	uint64_t id, change;
	bool tracks;
	struct err e;

	(void)state;
	script[0] =
	    HEADER("77") "<GetLastItemIdInMailboxResponse><id>12345</id>"
			 "</GetLastItemIdInMailboxResponse></soap:Body></soap:Envelope>";
	script[1] = HEADER("78") "<GetLastItemIdInMailboxResponse id=\"12346\"/>"
				 "</soap:Body></soap:Envelope>";
	script[2] = ENVELOPE("<GetLastItemIdInMailboxResponse/>");
	script[3] = ENVELOPE(
	    "<GetInfoResponse><isTrackingIMAP>true</isTrackingIMAP></GetInfoResponse>");
	script[4] = ENVELOPE(
	    "<GetInfoResponse><isTrackingIMAP>0</isTrackingIMAP></GetInfoResponse>");
	script[5] = ENVELOPE("<GetInfoResponse/>");
	CHECK(items_last_id(zimbra.client, ACCOUNT, &id, &change, &e));
	CHECK(id == 12345 && change == 77);
	CHECK(items_last_id(zimbra.client, ACCOUNT, &id, &change, &e));
	CHECK(id == 12346 && change == 78);
	CHECK(!items_last_id(zimbra.client, ACCOUNT, &id, &change, &e));
	CHECK_INT(e.kind, ERR_PEER);
	CHECK(items_tracks_imap(zimbra.client, ACCOUNT, &tracks, &e) && tracks);
	CHECK(items_tracks_imap(zimbra.client, ACCOUNT, &tracks, &e) && !tracks);
	CHECK(items_tracks_imap(zimbra.client, ACCOUNT, &tracks, &e) && !tracks);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static void
test_ids_are_sorted_and_found(void **state)
{
	uint32_t ids[] = {300, 257, UINT32_MAX, 301, 0};

	(void)state;
	ids_sort(ids, 5);
	CHECK_INT(ids[0], 0);
	CHECK(ids[4] == UINT32_MAX);
	CHECK_INT(ids_find(ids, 5, 300), 2);
	CHECK_INT(ids_find(ids, 5, 258), 5);
	CHECK(ids_have(ids, 5, 0));
	CHECK(ids_have(ids, 5, UINT32_MAX));
	CHECK(!ids_have(ids, 5, (uint64_t)UINT32_MAX + 1));
	ids_sort(NULL, 0);
	CHECK(!ids_have(NULL, 0, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_ids_are_sorted_and_found),
	    CASE(test_list),
	    CASE(test_list_no_token),
	    CASE(test_list_garbage),
	    CASE(test_list_negative),
	    CASE(test_list_huge),
	    CASE(test_list_locked_out),
	    CASE(test_changes),
	    CASE(test_who_wrote),
	    CASE(test_changes_must_resync),
	    CASE(test_changes_fault),
	    CASE(test_tree),
	    CASE(test_tree_without_root),
	    CASE(test_tree_too_deep),
	    CASE(test_counters),
	};

	return cmocka_run_group_tests(tests, zimbra_make_dir, zimbra_remove_dir);
}
