/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freezing and giving back, against one account that remembers what was set on it. What
 * is inherited stays inherited; what somebody else changed meanwhile stays theirs.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/zimbra/freeze.h"
#include "tests/unit/proto/zimbra.h"

static struct err e;

/* --- one account, two data sources --- */

enum { STATUS, MAIL_STATUS, QUOTA, RECEIVE, VALUE_COUNT };

static const char *const names[VALUE_COUNT] = {
    [STATUS] = "zimbraAccountStatus",
    [MAIL_STATUS] = "zimbraMailStatus",
    [QUOTA] = "zimbraMailQuota",
    [RECEIVE] = "zimbraMailAllowReceiveButNotSendWhenOverQuota",
};

static struct {
	char values[VALUE_COUNT][40]; /* "" = not set on the account */
	struct {
		const char *id; /* NULL: there is none */
		bool enabled;
	} sources[2];
	unsigned modifies; /* ModifyAccount calls */
	char last_modify[2000];
	bool break_modify;	/* the next ones fail */
	unsigned extra_sources; /* more of them, to be too many */
} account;

static void
answer_account(struct server_call *call)
{
	struct buf b;

	CHECK_HAS(call->body, "applyCos=\"0\"");
	CHECK_HAS(call->body, "<account by=\"id\">acc-1</account>");
	buf_init(&b, 0);
	CHECK(buf_add_str(&b, "<E><Body><GetAccountResponse><account id=\"acc-1\" "
			      "name=\"a@example.org\">"));
	for (size_t i = 0; i < VALUE_COUNT; i++) {
		if (account.values[i][0] != '\0')
			CHECK(buf_printf(
			    &b, "<a n=\"%s\">%s</a>", names[i], account.values[i]));
	}
	CHECK(buf_add_str(&b, "</account></GetAccountResponse></Body></E>"));
	server_reply(call, 200, buf_str(&b));
	buf_fini(&b);
}

static void
answer_sources(struct server_call *call)
{
	struct buf b;

	buf_init(&b, 0);
	CHECK(buf_add_str(&b, "<E><Body><GetDataSourcesResponse>"));
	for (size_t i = 0; i < ARRAY_LEN(account.sources); i++) {
		if (account.sources[i].id != NULL)
			CHECK(buf_printf(&b,
			    "<dataSource id=\"%s\"><a "
			    "n=\"zimbraDataSourceEnabled\">%s</a></dataSource>",
			    account.sources[i].id,
			    account.sources[i].enabled ? "TRUE" : "FALSE"));
	}
	for (unsigned i = 0; i < account.extra_sources; i++)
		CHECK(buf_printf(&b,
		    "<dataSource id=\"x%u\"><a "
		    "n=\"zimbraDataSourceEnabled\">TRUE</a></dataSource>",
		    i));
	CHECK(buf_add_str(&b, "</GetDataSourcesResponse></Body></E>"));
	server_reply(call, 200, buf_str(&b));
	buf_fini(&b);
}

static void
answer_modify_source(struct server_call *call)
{
	for (size_t i = 0; i < ARRAY_LEN(account.sources); i++) {
		char key[60];

		if (account.sources[i].id == NULL)
			continue;
		snprintf(
		    key, sizeof(key), "<dataSource id=\"%s\">", account.sources[i].id);
		if (strstr(call->body, key) == NULL)
			continue;
		account.sources[i].enabled = strstr(call->body, ">TRUE</a>") != NULL;
		server_reply(call, 200, ENVELOPE("<ModifyDataSourceResponse/>"));
		return;
	}
	server_reply(call, 500, FAULT("account.NO_SUCH_DATA_SOURCE"));
}

/* Takes <a n="NAME">value</a> and <a n="NAME"/>. */
static void
answer_modify_account(struct server_call *call)
{
	account.modifies++;
	snprintf(account.last_modify, sizeof(account.last_modify), "%s", call->body);
	if (account.break_modify) {
		server_reply(call, 500, FAULT("service.FAILURE"));
		return;
	}
	CHECK_HAS(call->body, "<id>acc-1</id>");
	for (size_t i = 0; i < VALUE_COUNT; i++) {
		char key[80];
		const char *at;

		snprintf(key, sizeof(key), "<a n=\"%s\"", names[i]);
		at = strstr(call->body, key);
		if (at == NULL)
			continue;
		at += strlen(key);
		snprintf(account.values[i], sizeof(account.values[i]), "%.*s",
		    at[0] == '/' ? 0 : (int)strcspn(at + 1, "<"), at + 1);
	}
	server_reply(call, 200, ENVELOPE("<ModifyAccountResponse/>"));
}

static void
play(struct server_call *call)
{
	if (strstr(call->body, "<GetAccountRequest") != NULL)
		answer_account(call);
	else if (strstr(call->body, "<GetDataSourcesRequest") != NULL)
		answer_sources(call);
	else if (strstr(call->body, "<ModifyDataSourceRequest") != NULL)
		answer_modify_source(call);
	else if (strstr(call->body, "<ModifyAccountRequest") != NULL)
		answer_modify_account(call);
	else
		server_reply(call, 500, FAULT("service.UNKNOWN_DOCUMENT"));
}

static int
begin(void **state)
{
	(void)state;
	memset(&account, 0, sizeof(account));
	memset(&e, 0, sizeof(e));
	snprintf(account.values[STATUS], sizeof(account.values[0]), "active");
	snprintf(account.values[MAIL_STATUS], sizeof(account.values[0]), "enabled");
	account.sources[0].id = "src-on";
	account.sources[0].enabled = true;
	account.sources[1].id = "src-off";
	zimbra_begin(play);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	zimbra_end();
	return 0;
}

static void
set(int which, const char *value)
{
	snprintf(account.values[which], sizeof(account.values[which]), "%s", value);
}

static struct freeze_saved
saved_now(void)
{
	struct freeze_saved saved;

	if (!freeze_read(zimbra.client, "acc-1", &saved, &e))
		fail_msg("%s", e.text);
	return saved;
}

static void
freeze(const struct freeze_saved *saved)
{
	if (!freeze_apply(zimbra.client, "acc-1", saved, &e))
		fail_msg("%s", e.text);
}

/* Gives back; the names of what stayed. */
static const char *
restore(const struct freeze_saved *saved)
{
	static char kept[400];

	if (!freeze_restore(zimbra.client, "acc-1", saved, false, kept, sizeof(kept), &e))
		fail_msg("%s", e.text);
	return kept;
}

/* --- reading --- */

static void
test_freeze_reads_what_is_set_and_what_is_inherited(void **state)
{
	struct freeze_saved saved;

	(void)state;
	set(QUOTA, "1073741824");
	saved = saved_now();
	CHECK_STR(saved.status, "active");
	CHECK_STR(saved.mail_status, "enabled");
	CHECK_STR(saved.quota, "1073741824");
	CHECK_STR(saved.receive_over_quota, ""); /* inherited */
	CHECK_INT(saved.source_count, 1);	 /* only the one that was enabled */
	CHECK_STR(saved.source_ids[0], "src-on");
	CHECK_INT(account.modifies, 0); /* reading changes nothing */
}

static void
test_freeze_refuses_what_cannot_be_moved(void **state)
{
	struct freeze_saved saved;

	(void)state;
	set(STATUS, "maintenance");
	CHECK(!freeze_read(zimbra.client, "acc-1", &saved, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_STR(e.text, "the account is in maintenance; set it active first");
	set(STATUS,
	    "lockout"); /* too many wrong passwords: what it was before is not known */
	CHECK_STR(saved_now().status, "locked");
	set(STATUS, "closed");
	CHECK_STR(saved_now().status, "closed");
}

static void
test_freeze_refuses_values_that_do_not_fit(void **state)
{
	struct freeze_saved saved;

	(void)state;
	set(QUOTA, "123456789012345678901234567890");
	CHECK(!freeze_read(zimbra.client, "acc-1", &saved, &e));
	CHECK_HAS(e.text, "zimbraMailQuota has a value nobody expects");
	set(QUOTA, "");
	account.extra_sources = FREEZE_SOURCES_MAX;
	CHECK(!freeze_read(zimbra.client, "acc-1", &saved, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK_HAS(e.text, "more than 64 data sources");
	account.extra_sources = FREEZE_SOURCES_MAX - 1;
	CHECK_INT(saved_now().source_count, FREEZE_SOURCES_MAX);
}

/* --- freezing --- */

static void
test_freeze_sets_everything_in_one_change_and_twice_is_once(void **state)
{
	struct freeze_saved saved = saved_now();

	(void)state;
	for (int i = 0; i < 2; i++) {
		freeze(&saved);
		CHECK_STR(account.values[STATUS], "locked");
		CHECK_STR(account.values[MAIL_STATUS],
		    "enabled"); /* sent along, or Zimbra would set it */
		CHECK_STR(account.values[QUOTA], "1");
		CHECK_STR(account.values[RECEIVE], "FALSE");
		CHECK(!account.sources[0].enabled);
		CHECK_INT(account.modifies, i + 1);
	}
	CHECK(freeze_allow_import(zimbra.client, "acc-1", &saved, &e));
	CHECK_STR(account.values[QUOTA], "0");
	CHECK_STR(account.values[STATUS], "locked");
}

static void
test_freeze_fails_with_the_step_named(void **state)
{
	struct freeze_saved saved = saved_now();

	(void)state;
	account.break_modify = true;
	CHECK(!freeze_apply(zimbra.client, "acc-1", &saved, &e));
	CHECK_HAS(e.text,
	    "locking: mbs1.test: ModifyAccountRequest: because (service.FAILURE)");
	account.break_modify = false;
	account.sources[0].id = NULL;
	CHECK(!freeze_apply(zimbra.client, "acc-1", &saved, &e));
	CHECK_HAS(e.text, "data source src-on: ");
	CHECK_STR(account.values[STATUS],
	    "active"); /* sources come first, so nothing was locked */
}

static void
test_freeze_leaves_a_quota_that_an_administrator_set_meanwhile(void **state)
{
	struct freeze_saved saved = saved_now();

	(void)state;
	freeze(&saved);
	set(QUOTA, "7000000000"); /* lifted to 0, it could not be told from ours later */
	CHECK(freeze_allow_import(zimbra.client, "acc-1", &saved, &e));
	CHECK_STR(account.values[QUOTA], "7000000000");
}

/* After a crash the values are read again, and may be our own freeze. */
static void
test_freeze_read_again_keeps_what_was_before_it(void **state)
{
	struct freeze_saved saved;
	struct freeze_saved again;

	(void)state;
	set(QUOTA, "5000000000");
	saved = saved_now();
	freeze(&saved);
	again = saved_now();
	CHECK_INT(again.source_count, 0);
	CHECK(freeze_merge(&saved, &again, &e));
	CHECK_STR(saved.status, "active");
	CHECK_STR(saved.mail_status, "enabled");
	CHECK_STR(saved.quota, "5000000000");
	CHECK_STR(saved.receive_over_quota, "");
	CHECK_INT(saved.source_count, 1);
	/* What somebody changed in between is newer. */
	set(QUOTA, "7000000000");
	account.sources[1].enabled = true;
	again = saved_now();
	CHECK(freeze_merge(&saved, &again, &e));
	CHECK_STR(saved.quota, "7000000000");
	CHECK_STR(saved.status, "active");
	CHECK_INT(saved.source_count, 2);
	account.extra_sources = FREEZE_SOURCES_MAX - 1;
	account.sources[1].enabled = false;
	again = saved_now();
	CHECK(!freeze_merge(&saved, &again, &e));
	CHECK_INT(e.kind, ERR_REFUSED);
}

/* --- giving back --- */

static void
test_freeze_restore_gives_back_the_inherited(void **state)
{
	struct freeze_saved saved = saved_now();

	(void)state;
	freeze(&saved);
	CHECK_STR(restore(&saved), "");
	CHECK_STR(account.values[STATUS], "active");
	CHECK_STR(account.values[QUOTA], "");
	CHECK_STR(account.values[RECEIVE], "");
	CHECK(account.sources[0].enabled);
	CHECK(!account.sources[1].enabled); /* was off before */
	CHECK_HAS(account.last_modify,
	    "<a n=\"zimbraMailQuota\"/>"); /* unset, not set empty-handed */
}

static void
test_freeze_restore_gives_back_what_was_set(void **state)
{
	struct freeze_saved saved;

	(void)state;
	set(STATUS, "closed");
	set(MAIL_STATUS, "disabled");
	set(QUOTA, "500");
	set(RECEIVE, "TRUE");
	saved = saved_now();
	freeze(&saved);
	CHECK(freeze_allow_import(
	    zimbra.client, "acc-1", &saved, &e)); /* also from there */
	CHECK_STR(restore(&saved), "");
	CHECK_STR(account.values[STATUS], "closed");
	CHECK_STR(account.values[MAIL_STATUS], "disabled"); /* not enabled by the way */
	CHECK_STR(account.values[QUOTA], "500");
	CHECK_STR(account.values[RECEIVE], "TRUE");
}

static void
test_freeze_restore_twice_changes_nothing_more(void **state)
{
	struct freeze_saved saved = saved_now();
	unsigned modifies;

	(void)state;
	freeze(&saved);
	restore(&saved);
	modifies = account.modifies;
	CHECK_STR(restore(&saved), "");
	CHECK_INT(account.modifies, modifies);
}

static void
test_freeze_restore_keeps_what_an_administrator_changed(void **state)
{
	struct freeze_saved saved = saved_now();

	(void)state;
	freeze(&saved);
	set(STATUS, "closed"); /* while the move ran */
	set(QUOTA, "777");
	account.sources[0].id = NULL; /* and the source was deleted */
	CHECK_STR(restore(&saved), "zimbraMailQuota=777, zimbraAccountStatus=closed");
	CHECK_STR(account.values[STATUS], "closed");
	CHECK_STR(account.values[QUOTA], "777");
	CHECK_STR(account.values[RECEIVE], ""); /* this one was ours and goes back */
	CHECK(strstr(account.last_modify, "zimbraAccountStatus") == NULL);
	CHECK(strstr(account.last_modify, "zimbraMailStatus") == NULL);
}

static void
test_freeze_restore_names_what_was_unset(void **state)
{
	struct freeze_saved saved;

	(void)state;
	set(QUOTA, "500");
	saved = saved_now();
	freeze(&saved);
	set(QUOTA, "");
	CHECK_STR(restore(&saved), "zimbraMailQuota=(inherited)");
	CHECK_STR(account.values[QUOTA], "");
	CHECK_STR(account.values[STATUS], "active");
}

/* People are let in while content still goes in; the quota follows when it is all there. */
static void
test_freeze_gives_the_quota_back_by_itself(void **state)
{
	struct freeze_saved saved;
	char kept[100];

	(void)state;
	set(QUOTA, "5000000000");
	saved = saved_now();
	freeze(&saved);
	CHECK(freeze_allow_import(zimbra.client, "acc-1", &saved, &e));
	CHECK(
	    freeze_restore(zimbra.client, "acc-1", &saved, true, kept, sizeof(kept), &e));
	CHECK_STR(account.values[STATUS], "active");
	CHECK_STR(account.values[QUOTA], "0");
	/* An administrator closes the account meanwhile: that stays. */
	set(STATUS, "closed");
	for (int i = 0; i < 2; i++) {
		CHECK(freeze_restore_quota(
		    zimbra.client, "acc-1", &saved, kept, sizeof(kept), &e));
		CHECK_STR(account.values[QUOTA], "5000000000");
		CHECK_STR(kept, "");
	}
	CHECK_STR(account.values[STATUS], "closed");
	set(QUOTA, "7");
	CHECK(
	    freeze_restore_quota(zimbra.client, "acc-1", &saved, kept, sizeof(kept), &e));
	CHECK_STR(account.values[QUOTA], "7");
	CHECK_STR(kept, "zimbraMailQuota=7");
}

static void
test_freeze_restore_that_fails_says_so(void **state)
{
	struct freeze_saved saved = saved_now();
	char kept[100];

	(void)state;
	freeze(&saved);
	account.break_modify = true;
	CHECK(!freeze_restore(
	    zimbra.client, "acc-1", &saved, false, kept, sizeof(kept), &e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "giving the account back: ");
	CHECK_STR(account.values[STATUS], "locked");
}

#define ON_ACCOUNT(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_ACCOUNT(test_freeze_reads_what_is_set_and_what_is_inherited),
	    ON_ACCOUNT(test_freeze_refuses_what_cannot_be_moved),
	    ON_ACCOUNT(test_freeze_refuses_values_that_do_not_fit),
	    ON_ACCOUNT(test_freeze_sets_everything_in_one_change_and_twice_is_once),
	    ON_ACCOUNT(test_freeze_fails_with_the_step_named),
	    ON_ACCOUNT(test_freeze_leaves_a_quota_that_an_administrator_set_meanwhile),
	    ON_ACCOUNT(test_freeze_read_again_keeps_what_was_before_it),
	    ON_ACCOUNT(test_freeze_restore_gives_back_the_inherited),
	    ON_ACCOUNT(test_freeze_restore_gives_back_what_was_set),
	    ON_ACCOUNT(test_freeze_restore_twice_changes_nothing_more),
	    ON_ACCOUNT(test_freeze_restore_keeps_what_an_administrator_changed),
	    ON_ACCOUNT(test_freeze_restore_names_what_was_unset),
	    ON_ACCOUNT(test_freeze_gives_the_quota_back_by_itself),
	    ON_ACCOUNT(test_freeze_restore_that_fails_says_so),
	};

	return cmocka_run_group_tests(tests, zimbra_make_dir, zimbra_remove_dir);
}
