/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once, by chance: each scenario with errors, time-outs, late effects and
 * dying controllers at random. At the end whatever was broken is mended, a person tries
 * again what failed, and everything must be where it belongs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"
#include "tests/unit/check.h"

#define SEEDS (20 / SIM_STEP + 1)
#define SHOWN 6

static void
test_whatever_happens(void **state)
{
	const char *more = getenv("SIM_SEEDS");
	uint64_t seeds = more == NULL ? SEEDS : strtoull(more, NULL, 10);
	uint32_t runs = 0, failures = 0, deaths = 0;
	char why[900];

	(void)state;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		for (size_t i = 0; i < sim_scenario_count; i++) {
			struct sim *s =
			    sim_scenario_new(&sim_scenarios[i], seed * 100 + i);

			snprintf(s->doing, sizeof(s->doing), "%s, seed %llu, ",
			    sim_scenarios[i].name, (unsigned long long)seed);
			s->fault_permille = seed % 3 == 0 ? 80 : 20;
			s->death_permille = seed % 2 == 0 ? 30 : 10;
			s->accounts[0].watched =
			    false; /* sides are; the state's own side may lag behind chance */
			sim_scenario_begin(s);
			sim_run(s, 6 * DAY_MS);
			sim_heal(s, 6 * DAY_MS);
			runs++;
			deaths += s->deaths;
			if (!sim_finish(&s, why, sizeof(why)) && failures++ < SHOWN)
				printf("  %s\n", why);
		}
	}
	printf("chaos: %u runs, %u deaths, %u failed\n", runs, deaths, failures);
	CHECK_INT(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
