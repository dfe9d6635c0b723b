/* SPDX-License-Identifier: Apache-2.0 */
/* Each fact that makes an installation unfit is found, by the check that is for it, with a way out. */
#include <stdio.h>
#include <string.h>

#include "controller/doctor.h"
#include "proto/base/xalloc.h"
#include "proto/version.h"
#include "tests/unit/check.h"

#define DAY_S 86400

static void
add_good_server(struct doctor_facts *f, const char *host)
{
	struct doctor_server *s = doctor_add_server(f, host);

	snprintf(s->version, sizeof(s->version), "10.1.0_GA_4655");
	s->accounts = 10;
	s->has_agent = true;
	s->healthy = true;
	snprintf(s->agent_version, sizeof(s->agent_version), "%s", ZMFERRY_VERSION);
	s->spool_is_persistent = true;
	s->mailbox_bytes = 1000000000;
	s->room_bytes = 50000000000;
}

static void
good_facts(struct doctor_facts *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->admin, sizeof(f->admin), "zmferry@example.org");
	f->admin_found = true;
	f->admin_is_global = true;
	f->now_s = 1000000000;
	f->identity_expires_s = f->now_s + 300 * DAY_S;
	f->fill_limit = 85;
	add_good_server(f, "mbs1.example.org");
	add_good_server(f, "mbs2.example.org");
}

static void
test_a_sound_installation_has_nothing_to_mend(void **state)
{
	struct doctor_facts f;
	struct doctor_report r;

	(void)state;
	good_facts(&f);
	doctor_judge(&f, &r);
	assert_int_equal(r.by_level[DOCTOR_FAIL], 0);
	assert_int_equal(r.by_level[DOCTOR_WARN], 0);
	assert_true(r.by_level[DOCTOR_OK] >= 8);
	doctor_report_free(&r);
	doctor_facts_free(&f);
}

/* --- one fact spoiled at a time --- */

static void
spoil_directory(struct doctor_facts *f)
{
	snprintf(f->directory_error, sizeof(f->directory_error), "cannot connect");
	f->server_count = 0;
}

static void
spoil_servers(struct doctor_facts *f)
{
	f->server_count = 1;
}

static void
spoil_admin_found(struct doctor_facts *f)
{
	f->admin_found = false;
}

static void
spoil_admin_rights(struct doctor_facts *f)
{
	f->admin_is_global = false;
}

static void
spoil_journal(struct doctor_facts *f)
{
	f->journal_read_only = true;
}

static void
spoil_identity_soon(struct doctor_facts *f)
{
	f->identity_expires_s = f->now_s + 29 * DAY_S;
}

static void
spoil_identity(struct doctor_facts *f)
{
	f->identity_expires_s = f->now_s - DAY_S;
}

static void
spoil_https_soon(struct doctor_facts *f)
{
	f->has_https = true;
	f->https_expires_s = f->now_s + 29 * DAY_S;
}

static void
spoil_https(struct doctor_facts *f)
{
	f->has_https = true;
	f->https_expires_s = f->now_s - DAY_S;
}

static void
spoil_https_files(struct doctor_facts *f)
{
	f->has_https = true;
	f->https_expires_s = f->now_s + 300 * DAY_S;
	snprintf(f->https_error, sizeof(f->https_error), "they do not fit");
}

static void
spoil_soap(struct doctor_facts *f)
{
	snprintf(f->servers[1].soap_error, LIMIT_TEXT, "connection refused");
}

static void
spoil_lmtp(struct doctor_facts *f)
{
	snprintf(f->servers[1].lmtp_error, LIMIT_TEXT, "port 7025 is open and silent");
}

static void
spoil_quota_answer(struct doctor_facts *f)
{
	f->servers[1].lmtp_permanent_when_over_quota = true;
}

static void
spoil_agent(struct doctor_facts *f)
{
	f->servers[1].has_agent = false;
}

static void
spoil_health(struct doctor_facts *f)
{
	f->servers[1].healthy = false;
	snprintf(f->servers[1].note, LIMIT_TEXT, "disk:store: full");
}

static void
spoil_agent_version(struct doctor_facts *f)
{
	snprintf(
	    f->servers[1].agent_version, sizeof(f->servers[1].agent_version), "0.0.1");
}

static void
spoil_spool(struct doctor_facts *f)
{
	f->servers[1].spool_is_persistent = false;
}

static void
spoil_accounts(struct doctor_facts *f)
{
	f->servers[1].refused = 3;
	snprintf(
	    f->servers[1].refused_example, LIMIT_TEXT, "account x@y: in maintenance");
}

static void
spoil_frozen(struct doctor_facts *f)
{
	f->servers[1].frozen = 2;
	snprintf(f->servers[1].frozen_example, sizeof(f->servers[1].frozen_example),
	    "anna@example.org");
}

static void
spoil_stranger(struct doctor_facts *f)
{
	static char name[1][WORLD_NAME] = {"mbs9.example.org"};

	f->strangers = xrealloc_array(NULL, 1, sizeof(*f->strangers));
	memcpy(f->strangers[0], name[0], WORLD_NAME);
	f->stranger_count = 1;
}

static void
spoil_version(struct doctor_facts *f)
{
	snprintf(f->servers[1].version, sizeof(f->servers[1].version), "9.0.0_GA_4000");
}

static void
spoil_room(struct doctor_facts *f)
{
	f->servers[0].mailbox_bytes = 30000000000;
}

static const struct {
	const char *check;
	enum doctor_level level;
	const char *subject;
	void (*spoil)(struct doctor_facts *f);
} spoils[] = {
    {"directory", DOCTOR_FAIL, "", spoil_directory},
    {"mailbox servers", DOCTOR_FAIL, "", spoil_servers},
    {"administrator", DOCTOR_FAIL, "", spoil_admin_found},
    {"administrator", DOCTOR_FAIL, "", spoil_admin_rights},
    {"journal", DOCTOR_FAIL, "", spoil_journal},
    {"certificate", DOCTOR_WARN, "", spoil_identity_soon},
    {"certificate", DOCTOR_FAIL, "", spoil_identity},
    {"HTTPS certificate", DOCTOR_WARN, "", spoil_https_soon},
    {"HTTPS certificate", DOCTOR_FAIL, "", spoil_https},
    {"HTTPS certificate", DOCTOR_WARN, "", spoil_https_files},
    {"admin SOAP", DOCTOR_FAIL, "mbs2.example.org", spoil_soap},
    {"LMTP", DOCTOR_WARN, "mbs2.example.org", spoil_lmtp},
    {"over quota", DOCTOR_FAIL, "mbs2.example.org", spoil_quota_answer},
    {"agent", DOCTOR_FAIL, "mbs2.example.org", spoil_agent},
    {"agent", DOCTOR_FAIL, "mbs2.example.org", spoil_health},
    {"agent", DOCTOR_WARN, "mbs2.example.org", spoil_agent_version},
    {"spool", DOCTOR_FAIL, "mbs2.example.org", spoil_spool},
    {"accounts", DOCTOR_WARN, "mbs2.example.org", spoil_accounts},
    {"left frozen", DOCTOR_FAIL, "mbs2.example.org", spoil_frozen},
    {"unknown agent", DOCTOR_WARN, "mbs9.example.org", spoil_stranger},
    {"versions", DOCTOR_WARN, "mbs2.example.org", spoil_version},
    {"room", DOCTOR_WARN, "mbs1.example.org", spoil_room},
};

static void
test_each_unfit_fact_is_found_with_a_way_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spoils); i++) {
		struct doctor_facts f;
		struct doctor_report r;
		size_t bad = 0;

		good_facts(&f);
		spoils[i].spoil(&f);
		doctor_judge(&f, &r);
		for (size_t k = 0; k < r.count; k++) {
			const struct doctor_finding *finding = &r.findings[k];

			assert_true(finding->text[0] != '\0');
			if (finding->level == DOCTOR_OK)
				continue;
			bad++;
			assert_true(finding->next[0] != '\0');
			assert_string_equal(finding->check, spoils[i].check);
			assert_string_equal(finding->subject, spoils[i].subject);
			assert_int_equal(finding->level, spoils[i].level);
		}
		assert_int_equal(bad, 1);
		doctor_report_free(&r);
		doctor_facts_free(&f);
	}
}

/* --- seeding: one sentence a version of Zimbra --- */

static void
rehearse(struct doctor_facts *f, const char *version, bool holds)
{
	struct seeding_proof *p = &f->rehearsed.rows[f->rehearsed.count++];

	snprintf(p->version, sizeof(p->version), "%s", version);
	snprintf(p->source, sizeof(p->source), "mbs1.example.org");
	snprintf(p->target, sizeof(p->target), "mbs2.example.org");
	snprintf(p->text, sizeof(p->text), "of 26 messages 0 have their old id");
	p->holds = holds;
	p->at_ms = 1796040000000; /* 2026-11-30 */
}

static void
test_what_holds_of_seeding_is_told_of_each_version(void **state)
{
	static const struct {
		enum seeding_mode mode;
		int rehearsed; /* 0: never, 1: proven, -1: not */
		enum doctor_level level;
		const char *text;
	} rows[] = {
	    {SEEDING_NO, 1, DOCTOR_OK, "seeding: no, by setting"},
	    {SEEDING_AUTO, 0, DOCTOR_WARN,
		"seeding: auto, not yet proven on 10.1.0_GA_4655"},
	    {SEEDING_AUTO, 1, DOCTOR_OK,
		"seeding: auto; proven on 10.1.0_GA_4655 on 2026-11-30"},
	    {SEEDING_AUTO, -1, DOCTOR_WARN, "did not prove it: of 26 messages 0"},
	    {SEEDING_YES, 0, DOCTOR_WARN, "seeding: yes, by setting; nobody has tried"},
	    {SEEDING_YES, 1, DOCTOR_OK, "seeding: yes; proven on 10.1.0_GA_4655"},
	    {SEEDING_YES, -1, DOCTOR_WARN, "though the rehearsal of 2026-11-30"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct doctor_facts f;
		struct doctor_report r;
		size_t said = 0;

		good_facts(&f);
		f.seeding = rows[i].mode;
		if (rows[i].rehearsed != 0)
			rehearse(&f, "10.1.0_GA_4655", rows[i].rehearsed > 0);
		doctor_judge(&f, &r);
		for (size_t k = 0; k < r.count; k++) {
			if (strcmp(r.findings[k].check, "seeding") != 0)
				continue;
			said++;
			CHECK_INT(r.findings[k].level, rows[i].level);
			CHECK_HAS(r.findings[k].text, rows[i].text);
			CHECK_INT(
			    r.findings[k].next[0] != '\0', rows[i].level != DOCTOR_OK);
		}
		CHECK_INT(said, 1); /* of two servers of one version */
		doctor_report_free(&r);
		doctor_facts_free(&f);
	}
}

static void
test_a_second_version_is_told_of_by_itself(void **state)
{
	struct doctor_facts f;
	struct doctor_report r;
	size_t ok = 0, warn = 0;

	(void)state;
	good_facts(&f);
	f.seeding = SEEDING_AUTO;
	spoil_version(&f);
	rehearse(&f, "10.1.0_GA_4655", true);
	doctor_judge(&f, &r);
	for (size_t k = 0; k < r.count; k++) {
		if (strcmp(r.findings[k].check, "seeding") != 0)
			continue;
		ok += r.findings[k].level == DOCTOR_OK;
		warn += r.findings[k].level == DOCTOR_WARN;
	}
	CHECK_INT(ok, 1);
	CHECK_INT(warn, 1);
	doctor_report_free(&r);
	doctor_facts_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_sound_installation_has_nothing_to_mend),
	    cmocka_unit_test(test_each_unfit_fact_is_found_with_a_way_out),
	    cmocka_unit_test(test_what_holds_of_seeding_is_told_of_each_version),
	    cmocka_unit_test(test_a_second_version_is_told_of_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
