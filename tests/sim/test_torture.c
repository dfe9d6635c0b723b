/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Torture: effect n fails, with each kind of error, with a time-out that hides a success,
 * with one that hides nothing, in part, too late; once, or from then on until a person
 * has mended it. And the journal cannot be written for a while.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "tests/unit/check.h"

#define SHOWN 6
#define SEED 11

static uint32_t runs, failures;

struct way {
	enum sim_fault_kind kind;
	enum err_kind error;
	const char *name;
};

static const struct way ways[] = {
    {FAULT_ERROR, ERR_RETRY, "an error that may pass"},
    {FAULT_ERROR, ERR_REFUSED, "a refusal"},
    {FAULT_ERROR, ERR_PEER, "nonsense"},
    {FAULT_ERROR, ERR_CORRUPT, "damage"},
    {FAULT_ERROR, ERR_CANCELLED, "a cancelled call"},
    {FAULT_ERROR, ERR_FULL, "a full disk"},
    {FAULT_HALF, ERR_RETRY, "half of the work"},
    {FAULT_LOST, ERR_RETRY, "a lost answer"},
    {FAULT_DEAF, ERR_RETRY, "no answer"},
    {FAULT_LATE, ERR_RETRY, "a late effect"},
};

static void
report(struct sim *s)
{
	char why[900];

	runs++;
	if (!sim_finish(&s, why, sizeof(why)) && failures++ < SHOWN)
		printf("  %s\n", why);
}

static uint32_t
effects_of(const struct sim_scenario *x)
{
	struct sim *s = sim_scenario_new(x, SEED);
	uint32_t effects;

	sim_scenario_begin(s);
	sim_run(s, 5 * DAY_MS);
	effects = s->effects;
	report(s);
	return effects;
}

static struct sim *
with_fault(const struct sim_scenario *x, const struct way *w, uint32_t n, bool always)
{
	struct sim *s = sim_scenario_new(x, SEED);

	snprintf(s->doing, sizeof(s->doing), "%s, %s %s effect %u, ", x->name, w->name,
	    always ? "from" : "at", n);
	s->fault = (struct sim_fault){
	    .kind = w->kind, .error = w->error, .at_effect = n, .always = always};
	sim_scenario_begin(s);
	return s;
}

static void
begin(void)
{
	runs = failures = 0;
}

static void
end(const char *what)
{
	printf("%s: %u runs, %u failed\n", what, runs, failures);
	CHECK_INT(failures, 0);
}

/* The first scenarios of the list have every effect there is between them. */
static void
test_an_effect_fails_once(void **state)
{
	static const size_t chosen[] = {0, 4, 16, 27};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(chosen); i++) {
		const struct sim_scenario *x = &sim_scenarios[chosen[i]];
		uint32_t effects = effects_of(x);

		for (uint32_t n = 1; n <= effects; n += SIM_STEP) {
			for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
				struct sim *s = with_fault(x, &ways[w], n, false);

				sim_run(s, 5 * DAY_MS);
				sim_heal(s, 5 * DAY_MS);
				report(s);
			}
		}
	}
	end("torture, once");
}

static bool
job_is_over(struct sim *s)
{
	return job_states[jobs_find(s->jobs, 1)->state].is_end;
}

static void
test_an_effect_fails_until_it_is_mended(void **state)
{
	static const size_t chosen[] = {16, 27};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(chosen); i++) {
		const struct sim_scenario *x = &sim_scenarios[chosen[i]];
		uint32_t effects = effects_of(x);

		for (uint32_t n = 1; n <= effects; n += SIM_STEP) {
			for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
				struct sim *s = with_fault(x, &ways[w], n, true);

				s->accounts[0].watched =
				    w != 8; /* a switch that comes late again and again */
				for (int hours = 0;
				     hours < 26 && !job_is_over(s) && !s->failed; hours++)
					sim_run_for(s, HOUR_MS);
				sim_heal(s, 5 * DAY_MS);
				report(s);
			}
		}
	}
	end("torture, always");
}

static void
test_the_journal_cannot_be_written(void **state)
{
	static const size_t chosen[] = {0, 3, 10, 13, 16, 22};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(chosen); i++) {
		const struct sim_scenario *x = &sim_scenarios[chosen[i]];
		uint32_t effects = effects_of(x);

		for (uint32_t n = 1; n <= effects; n += SIM_STEP) {
			struct sim *s = sim_scenario_new(x, SEED);

			snprintf(s->doing, sizeof(s->doing),
			    "%s, no journal from effect %u on, ", x->name, n);
			s->journal_fails_at = n;
			s->journal_fails_for_ms = n % 2 == 0 ? 12000 : 130000;
			sim_scenario_begin(s);
			sim_run(s, 5 * DAY_MS);
			report(s);
		}
	}
	end("torture, no journal");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_an_effect_fails_once),
	    TEST(test_an_effect_fails_until_it_is_mended),
	    TEST(test_the_journal_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
