/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true before people come in. */
#include "tests/sim/sim.h"
#include "tests/unit/check.h"

static void
hook_tracking(struct sim *s, const struct ask *a, enum move_state now)
{
	if (now == MOVE_OPENING && (a->kind == ASK_MEND || a->in.mend))
		s->hook_data = a->in.tracking_imap;
	if (now == MOVE_OPENING && a->kind == ASK_RESTORE)
		s->hook_count = (uint32_t)s->hook_data + 1;
}

/* Who moves a message before that keeps its UID, and his mail program never looks for it. */
static void
test_imap_is_tracked_before_people_come_in(void **state)
{
	struct sim *s = sim_new(5);

	(void)state;
	sim_add_account(s, "anna", 0, 20);
	s->on_ask = hook_tracking;
	sim_start(s);
	sim_evacuate(s, 0);
	sim_run(s, HOUR_MS);
	CHECK_INT(s->hook_count, 2);
	sim_done(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_imap_is_tracked_before_people_come_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
