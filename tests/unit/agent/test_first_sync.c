/* SPDX-License-Identifier: Apache-2.0 */
/* The first Sync's list is kept: it is not asked for twice, and is not taken for newer than it is. */
#include <stdlib.h>

#include "agent/mailbox/first_sync.h"
#include "tests/unit/proto/zimbra.h"

static struct {
	struct target target;
	char dir[64];
	atomic_uint whole, since; /* requests without a token, and with one */
	const char *changes;	  /* the answer to the latter */
} box;

static struct err e;

static void
answer(struct server_call *call)
{
	if (strstr(call->request, " token=\"7\"") != NULL) {
		atomic_fetch_add(&box.since, 1);
		server_reply(
		    call, strstr(box.changes, "Fault") == NULL ? 200 : 500, box.changes);
		return;
	}
	atomic_fetch_add(&box.whole, 1);
	server_reply(call, 200,
	    ENVELOPE("<SyncResponse token=\"7\"><folder id=\"1\"><folder id=\"2\">"
		     "<m ids=\"300,257\"/></folder><folder id=\"10\"><appt ids=\"260\"/>"
		     "</folder></folder></SyncResponse>"));
}

static void
begin(const char *changes)
{
	memset(&box, 0, sizeof(box));
	box.changes = changes;
	snprintf(box.dir, sizeof(box.dir), "/tmp/test_first_sync.XXXXXX");
	CHECK(mkdtemp(box.dir) != NULL);
	zimbra_begin(answer);
	box.target.soap = zimbra.client;
	box.target.account_id = "acc-1";
	CHECK(spool_open(box.dir, "m1", true, &box.target.spool, &e));
}

static void
end(void)
{
	spool_close(&box.target.spool);
	CHECK(spool_delete(box.dir, "m1", &e));
	CHECK(rmdir(box.dir) == 0);
	zimbra_end();
}

static void
test_what_is_kept_is_not_asked_for_again(void **state)
{
	struct spool_record_list list;
	char token[16];

	(void)state;
	begin(ENVELOPE("<SyncResponse token=\"9\"><m id=\"acc-1:301\" l=\"2\"/>"
		       "<deleted ids=\"300\"><m ids=\"300\"/></deleted></SyncResponse>"));
	CHECK(first_sync_take(&box.target, &e));
	CHECK(spool_note_read(box.target.spool, NOTE_OPENED, token, sizeof(token)));
	CHECK_STR(token, "7");
	CHECK(first_sync_list(&box.target, &list, &e));
	CHECK_INT(list.count, 3);
	CHECK_INT(list.ids[1], 260);
	CHECK_INT(list.types[1], SPOOL_APPOINTMENT);
	spool_record_free(&list);
	CHECK_INT(box.since, 0);

	/* What was deleted since is not there. */
	CHECK(first_sync_list_now(&box.target, &list, &e));
	CHECK_INT(list.count, 2);
	CHECK_INT(list.ids[0], 257);
	CHECK_INT(list.ids[1], 260);
	CHECK_INT(list.folder_ids[1], 10);
	spool_record_free(&list);
	CHECK_INT(box.whole, 1);
	CHECK_INT(box.since, 1);
	end();
}

static void
test_where_nothing_is_kept_the_mailbox_is_asked(void **state)
{
	struct spool_record_list list;

	(void)state;
	begin(FAULT("mail.MUST_RESYNC"));
	CHECK(first_sync_list(&box.target, &list, &e));
	CHECK_INT(list.count, 3);
	spool_record_free(&list);
	CHECK(first_sync_list_now(&box.target, &list, &e));
	CHECK_INT(list.count, 3);
	spool_record_free(&list);
	CHECK_INT(box.whole, 2);

	/* The token is too old: nobody knows what was deleted. */
	CHECK(first_sync_take(&box.target, &e));
	CHECK(first_sync_list_now(&box.target, &list, &e));
	CHECK_INT(list.count, 3);
	spool_record_free(&list);
	CHECK_INT(box.whole, 4);
	CHECK_INT(box.since, 1);
	end();
}

static void
test_a_failure_is_no_empty_mailbox(void **state)
{
	struct spool_record_list list;

	(void)state;
	begin(FAULT("service.FAILURE"));
	CHECK(first_sync_take(&box.target, &e));
	CHECK(!first_sync_list_now(&box.target, &list, &e));
	CHECK_INT(e.kind, ERR_RETRY);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_what_is_kept_is_not_asked_for_again),
	    TEST(test_where_nothing_is_kept_the_mailbox_is_asked),
	    TEST(test_a_failure_is_no_empty_mailbox),
	};

	return cmocka_run_group_tests(tests, zimbra_make_dir, zimbra_remove_dir);
}
