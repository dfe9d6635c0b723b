/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent's findings make of its node: may mail go there, can it be read. */
#include <stdio.h>
#include <string.h>

#include "controller/fleet_private.h"
#include "proto/frame.h"
#include "tests/unit/check.h"

static void
take(struct agent *a, const char *probe, Wire__Severity severity)
{
	Wire__Probe row = WIRE__PROBE__INIT;
	Wire__Probe *rows[] = {&row};
	Wire__Health h = WIRE__HEALTH__INIT;

	row.name = frame_bytes(probe);
	row.severity = severity;
	row.text = frame_bytes("is ill");
	h.probes = rows;
	h.n_probes = 1;
	agent_take_health(a, &h);
}

static void
test_a_finding_is_told_and_hinders_as_its_fault_says(void **state)
{
	static const struct {
		const char *probe;
		Wire__Severity severity;
		bool healthy, readable;
		size_t failing;
	} rows[] = {
	    {"lmtp", WIRE__SEVERITY__SEVERITY_OK, true, true, 0},
	    {"lmtp", WIRE__SEVERITY__SEVERITY_WARN, true, true, 0},
	    {"lmtp", WIRE__SEVERITY__SEVERITY_FAIL, false, true, 1},
	    {"mailboxd", WIRE__SEVERITY__SEVERITY_FAIL, false, false, 1},
	    {"warp:core", WIRE__SEVERITY__SEVERITY_FAIL, false, true, 1},
	    {"clock", WIRE__SEVERITY__SEVERITY_WARN, true, true, 0},
	    {"clock", WIRE__SEVERITY__SEVERITY_FAIL, true, true, 1},
	};
	struct agent a = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char note[128];

		take(&a, rows[i].probe, rows[i].severity);
		CHECK_INT(a.facts.healthy, rows[i].healthy);
		CHECK_INT(a.facts.readable, rows[i].readable);
		CHECK_INT(a.facts.failing_count, rows[i].failing);
		snprintf(note, sizeof(note), "%s: is ill", rows[i].probe);
		CHECK_STR(a.facts.note,
		    rows[i].severity == WIRE__SEVERITY__SEVERITY_OK ? "" : note);
	}
	agent_forget_health(&a);
}

static void
test_what_people_feel_is_strain_until_it_is_over(void **state)
{
	struct agent a = {0};

	(void)state;
	take(&a, "mailboxd", WIRE__SEVERITY__SEVERITY_WARN);
	CHECK_STR(a.facts.strained, "is ill");
	take(&a, "mailboxd", WIRE__SEVERITY__SEVERITY_OK);
	CHECK_STR(a.facts.strained, "");
	take(&a, "cgroup:io", WIRE__SEVERITY__SEVERITY_WARN);
	CHECK_STR(a.facts.strained, "is ill");
	/* it may warn for weeks of what nobody waits for */
	take(&a, "zmstat", WIRE__SEVERITY__SEVERITY_WARN);
	CHECK_STR(a.facts.strained, "");
	take(&a, "lmtp", WIRE__SEVERITY__SEVERITY_WARN);
	CHECK_STR(a.facts.strained, "");
	agent_forget_health(&a);
}

static void
take_version(struct agent *a, const char *version)
{
	Wire__Health h = WIRE__HEALTH__INIT;

	h.zimbra_version = frame_bytes(version);
	agent_take_health(a, &h);
}

/* As it said last: one that says nothing any more runs nobody knows what. */
static void
test_a_nodes_zimbra_is_what_its_agent_said_last(void **state)
{
	struct agent a = {0};

	(void)state;
	take_version(&a, "10.1.0_GA_4655");
	CHECK_STR(a.facts.zimbra_version, "10.1.0_GA_4655");
	take_version(&a, "10.1.1_GA_4700");
	CHECK_STR(a.facts.zimbra_version, "10.1.1_GA_4700");
	take(&a, "mailboxd", WIRE__SEVERITY__SEVERITY_FAIL);
	CHECK_STR(a.facts.zimbra_version, "");
	take_version(&a, "10.1.1_GA_4700");
	agent_forget_health(&a); /* its connection broke */
	CHECK_STR(a.facts.zimbra_version, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_what_people_feel_is_strain_until_it_is_over),
	    TEST(test_a_finding_is_told_and_hinders_as_its_fault_says),
	    TEST(test_a_nodes_zimbra_is_what_its_agent_said_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
