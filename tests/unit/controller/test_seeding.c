/* SPDX-License-Identifier: Apache-2.0 */
/* Who is seeded and why; what a rehearsal's move teaches; that it is remembered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/conf.h"
#include "controller/journal_private.h"
#include "controller/journal_seeding.h"
#include "proto/base/buf.h"
#include "proto/base/xalloc.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define OLD "10.0.9_GA_4612"
#define NEW "10.1.0_GA_4655"
#define NOVEMBER_30 1796040000000 /* 2026-11-30 12:00 UTC */

static struct err e;

static struct seeding_proof
a_proof(const char *version, bool holds, int64_t at_ms)
{
	struct seeding_proof p = {.holds = holds,
	    .at_ms = at_ms,
	    .source = "mbs1.example.org",
	    .target = "mbs2.example.org",
	    .text = "what was seen"};

	snprintf(p.version, sizeof(p.version), "%s", version);
	return p;
}

/* --- the setting --- */

static void
test_the_setting_is_auto_yes_or_no(void **state)
{
	static const struct {
		const char *text;
		enum seeding_mode mode;
	} rows[] = {
	    {"auto", SEEDING_AUTO},
	    {"yes", SEEDING_YES},
	    {"no", SEEDING_NO},
	    {"on", SEEDING_YES}, /* as of any switch, which it was */
	    {"false", SEEDING_NO},
	};
	static const char *const bad[] = {"", "Auto", "maybe", "1", "auto "};
	enum seeding_mode mode = SEEDING_MODE_COUNT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK(seeding_mode_parse(rows[i].text, &mode, &e));
		CHECK_INT(mode, rows[i].mode);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(!seeding_mode_parse(bad[i], &mode, &e));
		CHECK_INT(e.kind, ERR_REFUSED);
		CHECK_HAS(e.text, bad[i]);
		CHECK_HAS(e.text, "is none of auto");
	}
	CHECK_INT(mode, SEEDING_NO); /* as it was before */
}

static void
read_conf(const char *more, char *seeding, size_t size)
{
	char dir[64];
	char secret[96];
	struct controller_conf conf = {0};
	struct buf errors;
	char *text;

	scratch_make(dir, sizeof(dir));
	scratch_path(secret, sizeof(secret), dir, "secret");
	CHECK(close(open(secret, O_CREAT | O_WRONLY, 0400)) == 0);
	text =
	    xasprintf("ldap_url = \"ldaps://x\"\nldap_password_file = \"%s\"\n"
		      "zimbra_admin = \"a@x\"\nzimbra_admin_password_file = \"%s\"\n%s",
		secret, secret, more);
	buf_init(&errors, 0);
	if (!conf_table_parse(
		&conf, sizeof(conf), &controller_conf_table, "c.conf", text, &errors, &e))
		fail_msg("%s%s", buf_str(&errors), e.text);
	snprintf(seeding, size, "%s", conf.seeding);
	conf_table_free(&conf, &controller_conf_table);
	buf_fini(&errors);
	free(text);
	scratch_remove(dir);
}

static void
test_without_a_setting_it_is_left_to_itself(void **state)
{
	char seeding[16];

	(void)state;
	read_conf("", seeding, sizeof(seeding));
	CHECK_STR(seeding, "auto");
	read_conf("seeding = yes\n", seeding,
	    sizeof(seeding)); /* without quotes, as a switch */
	CHECK_STR(seeding, "yes");
	read_conf("seeding = \"no\"\n", seeding, sizeof(seeding));
	CHECK_STR(seeding, "no");
}

/* --- who is seeded --- */

static void
test_left_to_itself_both_versions_must_be_proven(void **state)
{
	static const struct {
		enum seeding_mode mode;
		bool is_rehearsal;
		const char *source_version, *target_version;
		bool seeds;
		const char *why;
	} rows[] = {
	    {SEEDING_NO, false, NEW, NEW, false, "seeding = no in controller.conf"},
	    {SEEDING_NO, true, NEW, NEW, false, "seeding = no in controller.conf"},
	    {SEEDING_YES, false, "x", "", true, "seeding = yes in controller.conf"},
	    {SEEDING_AUTO, false, NEW, NEW, true,
		"auto: proven on " NEW " on 2026-11-30"},
	    {SEEDING_AUTO, false, OLD, NEW, false,
		"auto: the rehearsal of 2026-11-30 on " OLD ", which a runs, did not "
		"prove it"},
	    {SEEDING_AUTO, false, NEW, OLD, false, "which b runs, did not prove it"},
	    {SEEDING_AUTO, false, NEW, "10.1.1", false,
		"auto: not proven yet on 10.1.1, which b runs; zmferry doctor "
		"--rehearse"},
	    {SEEDING_AUTO, false, "10.1.1", NEW, false, "on 10.1.1, which a runs"},
	    {SEEDING_AUTO, false, NEW, "", false, "which Zimbra b runs is not known yet"},
	    {SEEDING_AUTO, false, "", "", false, "which Zimbra a runs is not known yet"},
	    {SEEDING_AUTO, true, "10.1.1", OLD, true, "auto: a rehearsal tries it"},
	};
	struct seeding_proofs proofs = {.count = 2,
	    .rows = {a_proof(NEW, true, NOVEMBER_30), a_proof(OLD, false, NOVEMBER_30)}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct seeding_case x = {.mode = rows[i].mode,
		    .is_rehearsal = rows[i].is_rehearsal,
		    .source = "a",
		    .target = "b",
		    .source_version = rows[i].source_version,
		    .target_version = rows[i].target_version,
		    .proofs = &proofs};
		char why[SEEDING_WHY] = "";

		CHECK_INT(seeding_decide(&x, why), rows[i].seeds);
		CHECK_HAS(why, rows[i].why);
	}
}

/* --- what a rehearsal teaches --- */

static struct move
a_rehearsals_move(void)
{
	struct move m = {.state = MOVE_SETTLED, .error = "it broke"};

	snprintf(
	    m.account_name, sizeof(m.account_name), REHEARSAL_PREFIX "1@example.org");
	snprintf(m.data.verdict, sizeof(m.data.verdict), "clean");
	m.data.seeding = true;
	m.data.seeded = 26;
	return m;
}

static void
test_proven_is_what_kept_ids_and_uids_with_a_clean_verdict(void **state)
{
	static const struct {
		const char *detail;
		const char *verdict;
		uint64_t seeded;
		enum seeding_lesson lesson;
	} rows[] = {
	    {"{\"messages\":26,\"ids_exact\":26,\"uids_exact\":26}", "clean", 26,
		SEEDING_PROVEN},
	    {"{\"messages\":20,\"ids_exact\":18,\"uids_exact\":18}", "clean", 20,
		SEEDING_PROVEN},
	    {"{\"messages\":20,\"ids_exact\":17,\"uids_exact\":20}", "clean", 20,
		SEEDING_DISPROVEN},
	    {"{\"messages\":20,\"ids_exact\":20,\"uids_exact\":17}", "clean", 20,
		SEEDING_DISPROVEN},
	    {"{\"messages\":26,\"ids_exact\":26,\"uids_exact\":26}", "not clean", 26,
		SEEDING_DISPROVEN},
	    {"{\"messages\":26,\"ids_exact\":26,\"uids_exact\":26}", "clean", 0,
		SEEDING_DISPROVEN}, /* it was never filled */
	    {"{\"messages\":3,\"ids_exact\":3,\"uids_exact\":3}", "clean", 3,
		SEEDING_DISPROVEN}, /* that says nothing */
	    {"{}", "clean", 26, SEEDING_DISPROVEN},
	    {"no JSON", "clean", 26, SEEDING_DISPROVEN},
	};
	char text[SEEDING_WHY];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct move m = a_rehearsals_move();
		char detail[128];

		snprintf(detail, sizeof(detail), "%s", rows[i].detail);
		snprintf(m.data.verdict, sizeof(m.data.verdict), "%s", rows[i].verdict);
		m.data.verdict_json = detail;
		m.data.seeded = rows[i].seeded;
		CHECK_INT(seeding_judge(&m, MOVE_VERIFYING, text), rows[i].lesson);
		CHECK_HAS(text, rows[i].verdict);
	}
}

static void
spoil_name(struct move *m)
{
	snprintf(m->account_name, sizeof(m->account_name), "anna@example.org");
}

static void
spoil_seeding(struct move *m)
{
	m->data.seeding = false; /* by setting */
}

static void
spoil_turned_back(struct move *m)
{
	m->data.revert_tried = true;
}

static void
spoil_cancelled(struct move *m)
{
	m->state = MOVE_ABANDONED;
	m->data.cancelled = true;
}

static void
spoil_purge(struct move *m)
{
	m->state = MOVE_STUCK; /* with its verdict: its old copy could not be deleted */
}

static void
spoil_on_its_way(struct move *m)
{
	m->state = MOVE_MENDING;
}

static void
test_others_and_what_a_person_ended_teach_nothing(void **state)
{
	static void (*const spoils[])(struct move * m) = {spoil_name, spoil_seeding,
	    spoil_turned_back, spoil_cancelled, spoil_purge, spoil_on_its_way};
	char detail[] = "{\"messages\":26,\"ids_exact\":26,\"uids_exact\":26}";
	char text[SEEDING_WHY];
	struct move m = a_rehearsals_move();

	(void)state;
	m.data.verdict_json = detail;
	CHECK_INT(seeding_judge(&m, MOVE_VERIFYING, text), SEEDING_PROVEN);
	CHECK_INT(seeding_judge(&m, MOVE_PURGING, text), SEEDING_LEARNT_NOTHING);
	for (size_t i = 0; i < ARRAY_LEN(spoils); i++) {
		struct move other = m;

		spoils[i](&other);
		CHECK_INT(
		    seeding_judge(&other, MOVE_VERIFYING, text), SEEDING_LEARNT_NOTHING);
	}
}

static void
test_a_rehearsal_that_ends_before_its_verdict_proves_nothing_of_it(void **state)
{
	struct move m = a_rehearsals_move();
	char text[SEEDING_WHY];

	(void)state;
	m.data.verdict[0] = '\0';
	m.state = MOVE_STUCK;
	CHECK_INT(seeding_judge(&m, MOVE_OPENING, text), SEEDING_DISPROVEN);
	CHECK_STR(text, "its move was given up while opening: it broke");
	m.state = MOVE_ABANDONED;
	CHECK_INT(seeding_judge(&m, MOVE_UNPREPARING, text), SEEDING_DISPROVEN);
}

/* --- remembered --- */

static struct journal *
opened(const char *dir)
{
	struct journal *j = NULL;

	if (!journal_open(dir, false, &j, &e))
		fail_msg("%s", e.text);
	return j;
}

static void
save(struct journal *j, const char *version, bool holds, int64_t at_ms)
{
	struct seeding_proof p = a_proof(version, holds, at_ms);

	if (!journal_seeding_save(j, &p, &e))
		fail_msg("%s", e.text);
}

static struct seeding_proofs
load(struct journal *j)
{
	struct seeding_proofs all;

	if (!journal_seeding_load(j, &all, &e))
		fail_msg("%s", e.text);
	return all;
}

static void
test_the_last_word_on_a_version_survives_a_restart(void **state)
{
	char dir[64];
	struct journal *j;
	struct seeding_proofs all;

	(void)state;
	scratch_make(dir, sizeof(dir));
	j = opened(dir);
	CHECK_INT(load(j).count, 0);
	save(j, OLD, true, 1000);
	save(j, NEW, true, 2000);
	save(j, OLD, false, 3000);
	journal_close(&j);
	j = opened(dir);
	all = load(j);
	CHECK_INT(all.count, 2);
	CHECK_STR(all.rows[0].version, OLD);
	CHECK(!all.rows[0].holds);
	CHECK_INT(all.rows[0].at_ms, 3000);
	CHECK(seeding_proof_find(&all, NEW)->holds);
	CHECK_STR(seeding_proof_find(&all, NEW)->source, "mbs1.example.org");
	CHECK_STR(seeding_proof_find(&all, NEW)->target, "mbs2.example.org");
	CHECK_STR(seeding_proof_find(&all, NEW)->text, "what was seen");
	CHECK(seeding_proof_find(&all, "10.1") == NULL); /* no front of one */
	journal_close(&j);
	scratch_remove(dir);
}

static void
test_of_many_versions_the_oldest_word_is_forgotten(void **state)
{
	struct journal *j = opened(":memory:");
	struct seeding_proofs all;
	char version[32];

	(void)state;
	for (int i = 0; i < SEEDING_PROOFS_MAX + 3; i++) {
		snprintf(version, sizeof(version), "10.1.%d", i);
		save(j, version, true, 1000 + i);
	}
	all = load(j);
	CHECK_INT(all.count, SEEDING_PROOFS_MAX);
	CHECK(seeding_proof_find(&all, "10.1.2") == NULL);
	CHECK(seeding_proof_find(&all, "10.1.3") != NULL);
	journal_close(&j);
}

static void
run_sql(struct journal *j, const char *sql)
{
	if (sqlite3_exec(j->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(j->db));
}

/* Of the version before, which knew nothing of it: its moves stay, and have no reason. */
static void
test_a_journal_of_before_learns_it(void **state)
{
	char dir[64];
	struct journal *j;

	(void)state;
	scratch_make(dir, sizeof(dir));
	j = opened(dir);
	run_sql(j, "DROP TABLE seeding_proof; PRAGMA user_version = 7;");
	journal_close(&j);
	j = opened(dir);
	CHECK_INT(load(j).count, 0);
	save(j, NEW, true, 1000);
	CHECK_INT(load(j).count, 1);
	journal_close(&j);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_setting_is_auto_yes_or_no),
	    TEST(test_without_a_setting_it_is_left_to_itself),
	    TEST(test_left_to_itself_both_versions_must_be_proven),
	    TEST(test_proven_is_what_kept_ids_and_uids_with_a_clean_verdict),
	    TEST(test_others_and_what_a_person_ended_teach_nothing),
	    TEST(test_a_rehearsal_that_ends_before_its_verdict_proves_nothing_of_it),
	    TEST(test_the_last_word_on_a_version_survives_a_restart),
	    TEST(test_of_many_versions_the_oldest_word_is_forgotten),
	    TEST(test_a_journal_of_before_learns_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
