/* SPDX-License-Identifier: Apache-2.0 */
/* Whose owner is away: a table of what is known, and how seldom it is asked for. */
#include <stdio.h>
#include <string.h>

#include "controller/presence.h"
#include "tests/unit/check.h"

#define MINUTE 60000ull
#define NOW (1000 * MINUTE)
#define IDLE (10 * MINUTE)
#define FIRST 40

static struct {
	unsigned count;
	uint64_t look;
	char node[64];
	const char *refused; /* why it cannot be asked */
} asked;

static bool
on_ask(void *ctx, const char *node, uint64_t look, struct err *e)
{
	(void)ctx;
	asked.count++;
	asked.look = look;
	snprintf(asked.node, sizeof(asked.node), "%s", node);
	return asked.refused == NULL || err_set(e, ERR_RETRY, "%s", asked.refused);
}

static struct presence *
begin(void)
{
	memset(&asked, 0, sizeof(asked));
	return presence_new(&(struct presence_host){NULL, on_ask}, FIRST);
}

static bool
judge(struct presence *p, const char *account, uint64_t wrote_ago, uint64_t now,
    enum presence_age age, char *why)
{
	const struct presence_question q = {
	    .node = "mbs1",
	    .account_id = account,
	    .wrote_ms = wrote_ago == 0 ? 0 : now - wrote_ago,
	    .idle_ms = IDLE,
	    .now_ms = now,
	    .age = age,
	};

	return presence_is_away(p, &q, why, 200);
}

static bool
answer(struct presence *p, uint32_t page, bool last, const struct presence_row *rows,
    size_t count, uint64_t now)
{
	const struct presence_page x = {
	    .look = asked.look, .page = page, .last = last, .rows = rows, .count = count};

	return presence_take(p, "MBS1", &x, now);
}

static const struct presence_row people[] = {
    {"carl", "soap", 9 * MINUTE + 58000},
    {"anna", "imap", 3 * MINUTE},
    {"bert", "soap", 10 * MINUTE},
};

static void
test_what_is_known_decides(void **state)
{
	static const struct {
		const char *account;
		uint64_t wrote_ago, later;
		enum presence_age age;
		const char *why; /* NULL: away */
	} rows[] = {
	    {"dora", 0, 0, PRESENCE_FRESH, NULL}, /* no session at all */
	    {"dora", 10 * MINUTE, 0, PRESENCE_FRESH, NULL},
	    {"dora", 4 * MINUTE, 0, PRESENCE_FRESH, "seen at rest for 4 min"},
	    {"anna", 0, 0, PRESENCE_FRESH, "last seen 3 min ago by imap"},
	    {"ANNA", 0, 0, PRESENCE_FRESH, "last seen 3 min ago by imap"},
	    {"anna", 0, 59000, PRESENCE_RECENT, "last seen 3 min ago by imap"},
	    {"bert", 0, 0, PRESENCE_FRESH, NULL}, /* it lingers, and nobody used it */
	    {"carl", 0, 1000, PRESENCE_FRESH, "last seen 9 min ago by soap"},
	    {"carl", 0, 2000, PRESENCE_RECENT, NULL},
	    /* As it was just now, and not a minute ago, before somebody is locked. */
	    {"dora", 0, 1999, PRESENCE_FRESH, NULL},
	    {"dora", 0, 2000, PRESENCE_FRESH, "is being asked who is there"},
	    {"dora", 0, 59999, PRESENCE_RECENT, NULL},
	    {"dora", 0, 60000, PRESENCE_RECENT, "is being asked who is there"},
	};
	char why[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct presence *p = begin();
		bool away;

		CHECK(!judge(p, "dora", 0, NOW, PRESENCE_RECENT, why));
		CHECK(answer(p, 0, true, people, ARRAY_LEN(people), NOW));
		away = judge(p, rows[i].account, rows[i].wrote_ago, NOW + rows[i].later,
		    rows[i].age, why);
		if (away != (rows[i].why == NULL))
			fail_msg("row %zu: away %d, %s", i, away, why);
		if (!away)
			CHECK_HAS(why, rows[i].why);
		presence_free(&p);
	}
}

/* Thousands who wait at one node are one question, and not a question a second. */
static void
test_it_is_asked_once_for_all(void **state)
{
	struct presence *p = begin();
	char why[200];

	(void)state;
	for (int i = 0; i < 1000; i++)
		CHECK(!judge(p, "dora", 0, NOW, PRESENCE_RECENT, why));
	CHECK_INT(asked.count, 1);
	CHECK_STR(asked.node, "mbs1");
	CHECK(asked.look > FIRST);
	CHECK(answer(p, 0, true, people, ARRAY_LEN(people), NOW));
	for (uint64_t s = 0; s < 60; s++)
		(void)judge(p, "anna", 0, NOW + s * 1000, PRESENCE_RECENT, why);
	CHECK_INT(asked.count, 1);
	(void)judge(p, "anna", 0, NOW + MINUTE, PRESENCE_RECENT, why);
	CHECK_INT(asked.count, 2);
	/* A list that is whole in parts only is none: the old one stays, and grows old. */
	CHECK(!answer(p, 0, false, people, 2, NOW + MINUTE));
	CHECK(answer(p, 2, true, people, 1, NOW + MINUTE));
	CHECK(!judge(p, "dora", 0, NOW + MINUTE, PRESENCE_RECENT, why));
	CHECK_HAS(why, "not whole");
	CHECK_INT(asked.count, 2);
	(void)judge(p, "dora", 0, NOW + MINUTE + 2000, PRESENCE_RECENT, why);
	CHECK_INT(asked.count, 3);
	CHECK(!answer(p, 0, false, people, 2, NOW + MINUTE + 2100));
	CHECK(answer(p, 1, true, people + 2, 1, NOW + MINUTE + 2100));
	CHECK(judge(p, "dora", 0, NOW + MINUTE + 2200, PRESENCE_FRESH, why));
	presence_free(&p);
}

/* A session is swept after a while: it says nothing more, and what it said holds. */
static void
test_who_was_seen_stays_seen(void **state)
{
	static const struct presence_row later[] = {{"bert", "soap", 12 * MINUTE}};
	struct presence *p = begin();
	char why[200];

	(void)state;
	CHECK(!judge(p, "anna", 0, NOW, PRESENCE_RECENT, why));
	CHECK(answer(p, 0, true, people, ARRAY_LEN(people), NOW));
	for (uint64_t m = 1; m <= 6; m++) {
		(void)judge(p, "anna", 0, NOW + m * MINUTE, PRESENCE_RECENT, why);
		CHECK(answer(p, 0, true, later, m % 2, NOW + m * MINUTE));
	}
	CHECK(!judge(p, "anna", 0, NOW + 6 * MINUTE, PRESENCE_FRESH, why));
	CHECK_HAS(why, "last seen 9 min ago by imap");
	CHECK(judge(p, "bert", 0, NOW + 6 * MINUTE, PRESENCE_FRESH, why));
	(void)judge(p, "anna", 0, NOW + 7 * MINUTE, PRESENCE_FRESH, why);
	CHECK(answer(p, 0, true, NULL, 0, NOW + 7 * MINUTE));
	CHECK(judge(p, "anna", 0, NOW + 7 * MINUTE, PRESENCE_FRESH, why));
	presence_free(&p);
}

static void
test_what_nobody_tells_is_said(void **state)
{
	struct presence *p = begin();
	struct presence_page page = {.last = true, .why_not = "DumpSessions: a fault"};
	char why[200];

	(void)state;
	asked.refused = "its agent is not connected";
	CHECK(!judge(p, "dora", 0, NOW, PRESENCE_RECENT, why));
	CHECK_HAS(why, "cannot be told: node mbs1: its agent is not connected");
	asked.refused = NULL;
	CHECK(!judge(p, "dora", 0, NOW + 3000, PRESENCE_RECENT, why));
	page.look = asked.look;
	CHECK(presence_take(p, "mbs1", &page, NOW + 3000));
	CHECK(!judge(p, "dora", 0, NOW + 3000, PRESENCE_RECENT, why));
	CHECK_HAS(why, "DumpSessions: a fault");
	CHECK(!judge(p, "dora", 0, NOW + 6000, PRESENCE_RECENT, why));
	CHECK_INT(asked.count, 3);
	page.look = asked.look - 1; /* what an earlier one asked for */
	page.why_not = NULL;
	CHECK(!presence_take(p, "mbs1", &page, NOW + 6000));
	CHECK(!judge(p, "dora", 0, NOW + 35999, PRESENCE_RECENT, why));
	CHECK_INT(asked.count, 3);
	CHECK(!judge(p, "dora", 0, NOW + 36000, PRESENCE_RECENT, why));
	CHECK_HAS(why, "did not answer in time");
	presence_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_what_is_known_decides),
	    TEST(test_it_is_asked_once_for_all),
	    TEST(test_who_was_seen_stays_seen),
	    TEST(test_what_nobody_tells_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
