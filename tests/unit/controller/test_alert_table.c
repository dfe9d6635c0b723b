/* SPDX-License-Identifier: Apache-2.0 */
/* The table of alerts as a table: nobody is woken without being told what to do. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/schedule.h"
#include "controller/cli/commands.h"
#include "tests/unit/check.h"
#include "tests/unit/controller/drawing.h"

static bool
has_fact(const char *facts, const char *name, size_t length)
{
	while (*facts != '\0') {
		size_t n = strcspn(facts, " ");

		if (n == length && strncmp(facts, name, n) == 0)
			return true;
		facts += n + (facts[n] == ' ');
	}
	return false;
}

/* Every {name} in text is a fact of the row. */
static void
check_facts(const struct alert_def *def, const char *text)
{
	for (const char *p = text; (p = strchr(p, '{')) != NULL;) {
		const char *end = strchr(p, '}');

		if (end == NULL)
			fail_msg("%s: \"%s\": a brace has no end", def->name, text);
		if (!has_fact(def->facts, p + 1, (size_t)(end - p) - 1))
			fail_msg("%s: %.*s is not among its facts (%s)", def->name,
			    (int)(end - p) + 1, p, def->facts);
		p = end;
	}
}

static void
test_every_row_says_all(void **state)
{
	(void)state;
	for (int i = 0; i < ALERT_KEY_COUNT; i++) {
		const struct alert_def *def = &alert_defs[i];
		const char *const texts[] = {
		    def->what, def->meaning, def->did, def->next};

		CHECK(def->name != NULL && def->facts != NULL);
		for (size_t n = 0; n < ARRAY_LEN(texts); n++) {
			if (texts[n] == NULL || strlen(texts[n]) < 4)
				fail_msg("%s: its text %zu is missing", def->name, n);
			check_facts(def, texts[n]);
		}
		for (int k = 0; k < i; k++) {
			if (strcmp(alert_defs[k].name, def->name) == 0)
				fail_msg("%s: twice", def->name);
		}
		for (const char *p = def->name; *p != '\0'; p++)
			CHECK(islower((unsigned char)*p) || *p == '_');
		/* Said by a sentence, like what it means. */
		CHECK(def->meaning[strlen(def->meaning) - 1] == '.');
		CHECK(def->did[strlen(def->did) - 1] == '.');
	}
}

/* The command of the CLI that the text after "zmferry " begins with; NULL = none. */
static const struct command *
command_of(const char *said)
{
	for (size_t i = 0; i < command_count; i++) {
		size_t length = strlen(commands[i].words);

		if (strncmp(commands[i].words, said, length) == 0 &&
		    (said[length] == '\0' || strchr(" ;,", said[length]) != NULL))
			return &commands[i];
	}
	return NULL;
}

static void
test_the_next_step_names_a_command_that_there_is(void **state)
{
	(void)state;
	for (int i = 0; i < ALERT_KEY_COUNT; i++) {
		const struct alert_def *def = &alert_defs[i];
		const char *p = def->next;
		size_t named = 0;

		while ((p = strstr(p, "zmferry ")) != NULL) {
			const struct command *c = command_of(p + strlen("zmferry "));

			if (c == NULL)
				fail_msg(
				    "%s: \"%s\": there is no such command", def->name, p);
			p += strlen("zmferry ") + strlen(c->words);
			/* Who runs it as it stands must not be told that something is missing. */
			if (c->argument != NULL && (p[0] != ' ' || p[1] == '\0'))
				fail_msg(
				    "%s: %s needs %s", def->name, c->words, c->argument);
			named++;
		}
		if (named == 0)
			fail_msg("%s: \"%s\" names no command", def->name, def->next);
	}
}

static void
test_names_come_back(void **state)
{
	enum alert_key key;
	enum alert_severity severity;
	enum alert_phase phase;

	(void)state;
	for (int i = 0; i < ALERT_KEY_COUNT; i++) {
		CHECK(alert_key_parse(alert_defs[i].name, &key));
		CHECK_INT(key, i);
	}
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++) {
		CHECK(alert_severity_parse(
		    alert_severity_name((enum alert_severity)i), &severity));
		CHECK_INT(severity, i);
	}
	for (int i = 0; i < ALERT_PHASE_COUNT; i++) {
		CHECK(alert_phase_parse(alert_phase_name((enum alert_phase)i), &phase));
		CHECK_INT(phase, i);
	}
	CHECK(!alert_key_parse("no such", &key));
}

static void
test_facts_are_filled_in_and_tidied(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"plain", "plain"},
	    {"{node} is {why}", "mbs1 is down  again"},
	    {"{nobody} said", "? said"},
	    {"{node", "{node"},
	    {"{bad}", "b?d"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *got = alert_render(rows[i].text,
		    ALERT_FACTS("node", "mbs1", "why", "down\r\nagain", "bad",
			"b\xff"
			"d"));

		CHECK_STR(got, rows[i].want);
		free(got);
	}
}

/* A fact as long as somebody likes does not fill a mailbox. */
static void
test_facts_are_bounded(void **state)
{
	char *long_fact = malloc(100000);
	char *got;

	(void)state;
	memset(long_fact, 'x', 99999);
	long_fact[99999] = '\0';
	got = alert_render("{a}{a}{a}{a}{a}{a}", ALERT_FACTS("a", long_fact));
	CHECK(strlen(got) <= 4096);
	CHECK(strlen(got) >= 1000);
	free(got);
	free(long_fact);
}

/* --- when it is told --- */

#define MIN 60000LL
#define NOW (1000 * MIN)

static void
test_when_something_is_due(void **state)
{
	static const struct alert_schedule schedule = {.repeat_s = {0, 3600, 600}};
	static const struct {
		const char *what;
		struct alert_state s;
		enum alert_tell want;
	} rows[] = {
	    {"raised and nobody knows", {.raised = true, .at_ms = NOW},
		ALERT_TELL_RAISED},
	    {"raised, told a minute ago",
		{ALERT_CRITICAL, ALERT_TOLD, true, .told_ms = NOW - MIN},
		ALERT_TELL_NOTHING},
	    {"critical, told ten minutes ago",
		{ALERT_CRITICAL, ALERT_TOLD, true, .told_ms = NOW - 10 * MIN},
		ALERT_TELL_REPEATED},
	    {"a warning is repeated later",
		{ALERT_WARNING, ALERT_TOLD, true, .told_ms = NOW - 10 * MIN},
		ALERT_TELL_NOTHING},
	    {"0 is never", {ALERT_INFO, ALERT_TOLD, true, .told_ms = 0},
		ALERT_TELL_NOTHING},
	    {"acknowledged: no repeats",
		{ALERT_CRITICAL, ALERT_TOLD, true, .acked = true, .told_ms = 0},
		ALERT_TELL_NOTHING},
	    {"silenced: no beginning", {.raised = true, .silenced_until_ms = NOW + 1},
		ALERT_TELL_NOTHING},
	    {"the silence has ended", {.raised = true, .silenced_until_ms = NOW},
		ALERT_TELL_RAISED},
	    {"silenced: its end all the same",
		{.phase = ALERT_TOLD, .silenced_until_ms = NOW + MIN}, ALERT_TELL_OVER},
	    {"acknowledged: its end all the same", {.phase = ALERT_TOLD, .acked = true},
		ALERT_TELL_OVER},
	    {"over before anybody knew", {.phase = ALERT_UNTOLD}, ALERT_TELL_NOTHING},
	    {"over, and told", {.phase = ALERT_OVER}, ALERT_TELL_NOTHING},
	    {"it came back",
		{ALERT_CRITICAL, ALERT_OVER, true, .returns = 1, .at_ms = NOW},
		ALERT_TELL_FLAPPING},
	    {"it came back before its end was told",
		{ALERT_CRITICAL, ALERT_TOLD, true, .returns = 1, .at_ms = NOW,
		    .told_ms = NOW - MIN},
		ALERT_TELL_NOTHING},
	    {"comes and goes: away since a minute",
		{.phase = ALERT_FLAPPING, .cleared_ms = NOW - MIN}, ALERT_TELL_NOTHING},
	    {"comes and goes: here since a minute",
		{ALERT_CRITICAL, ALERT_FLAPPING, true, .returns = 9, .at_ms = NOW - MIN},
		ALERT_TELL_NOTHING},
	    {"it came and went, and stays away",
		{.phase = ALERT_FLAPPING, .cleared_ms = NOW - ALERT_CALM_MS},
		ALERT_TELL_OVER},
	    {"it came and went, and stays",
		{ALERT_CRITICAL, ALERT_FLAPPING, true, .returns = 9,
		    .at_ms = NOW - ALERT_CALM_MS},
		ALERT_TELL_REPEATED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum alert_tell got = alert_due(&rows[i].s, &schedule, NOW);

		if (got != rows[i].want)
			fail_msg("%s: %s, not %s", rows[i].what, alert_tell_name(got),
			    alert_tell_name(rows[i].want));
	}
}

static void
test_the_page_is_drawn_from_the_table(void **state)
{
	(void)state;
	check_drawn("alerts.md", "docs/alerts.md");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_row_says_all),
	    cmocka_unit_test(test_the_next_step_names_a_command_that_there_is),
	    cmocka_unit_test(test_names_come_back),
	    cmocka_unit_test(test_facts_are_filled_in_and_tidied),
	    cmocka_unit_test(test_facts_are_bounded),
	    cmocka_unit_test(test_when_something_is_due),
	    cmocka_unit_test(test_the_page_is_drawn_from_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
