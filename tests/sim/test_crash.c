/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crash matrix: for every scenario and every effect n the controller dies just before
 * it and just after it, comes back at once or after the lock's lease ran out, and the run
 * goes on from the journal to its end. Then nothing is lost, doubled or resurrected, one
 * side is writable at every instant, and every borrowed value is given back.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "tests/unit/check.h"

#define SHOWN 6
#define SHORT_MS 1000
#define LONG_MS 200000

static uint32_t runs, failures;

static void
report(const char *why)
{
	runs++;
	if (why == NULL)
		return;
	if (failures++ < SHOWN)
		printf("  %s\n", why);
}

static uint32_t
effects_of(const struct sim_scenario *x)
{
	struct sim *s = sim_scenario_new(x, 7);
	uint32_t effects;
	char why[900];

	snprintf(s->doing, sizeof(s->doing), "%s, undisturbed, ", x->name);
	sim_scenario_begin(s);
	sim_run(s, 5 * DAY_MS);
	effects = s->effects;
	report(sim_finish(&s, why, sizeof(why)) ? NULL : why);
	return effects;
}

static void
die_once(const struct sim_scenario *x, uint32_t n, enum sim_death death, uint64_t away_ms)
{
	struct sim *s = sim_scenario_new(x, 7);
	char why[900];

	snprintf(s->doing, sizeof(s->doing), "%s, dead %s effect %u for %llu s, ",
	    x->name, death == DIE_BEFORE ? "before" : "after", n,
	    (unsigned long long)away_ms / 1000);
	s->death = death;
	s->death_at = n;
	s->restart_after_ms = away_ms;
	sim_scenario_begin(s);
	sim_run(s, 5 * DAY_MS);
	report(sim_finish(&s, why, sizeof(why)) ? NULL : why);
}

/* Back at once, or after the lease ran out: in turns, so that each moment meets both. */
static void
die_everywhere(const struct sim_scenario *x)
{
	uint32_t effects = effects_of(x);

	for (uint32_t n = 1; n <= effects; n += SIM_STEP) {
		die_once(x, n, DIE_BEFORE, n % 2 == 0 ? SHORT_MS : LONG_MS);
		die_once(x, n, DIE_AFTER, n % 2 == 0 ? LONG_MS : SHORT_MS);
	}
}

static void
test_it_may_die_at_any_effect(void **state)
{
	(void)state;
	runs = failures = 0;
	for (size_t i = 0; i < sim_scenario_count; i++)
		die_everywhere(&sim_scenarios[i]);
	printf("crash matrix: %zu scenarios, %u runs, %u failed\n", sim_scenario_count,
	    runs, failures);
	CHECK_INT(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_it_may_die_at_any_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
