/* SPDX-License-Identifier: Apache-2.0 */
/* Two clocks and a way between them, played: what the heartbeats make of it. */
#include <stdlib.h>

#include "proto/base/err.h"
#include "proto/skew.h"
#include "tests/unit/check.h"

/* Both sides at one true time: monotonic clocks that began at other times, walls that differ. */
#define WALL 1769774401000
#define MONO_OF_AGENT 5000000u
#define MONO_OF_CONTROLLER 77000u

struct scene {
	struct skew_echo echo;
	struct skew skew;
	uint64_t now_ms;  /* of the world */
	int64_t ahead_ms; /* the agent's wall */
};

static Wire__Pong
pong_sent(const struct scene *s)
{
	Wire__Pong pong = WIRE__PONG__INIT;

	pong.mono_ms = MONO_OF_AGENT + s->now_ms;
	return pong;
}

static void
pong_arrives(struct scene *s, const Wire__Pong *pong)
{
	skew_on_pong(&s->echo, pong, MONO_OF_CONTROLLER + s->now_ms);
}

static Wire__Ping
ping_sent(const struct scene *s)
{
	Wire__Ping ping = WIRE__PING__INIT;

	skew_fill_ping(
	    &s->echo, &ping, MONO_OF_CONTROLLER + s->now_ms, WALL + (int64_t)s->now_ms);
	return ping;
}

static bool
ping_arrives(struct scene *s, const Wire__Ping *ping)
{
	return skew_on_ping(&s->skew, ping, MONO_OF_AGENT + s->now_ms,
	    WALL + (int64_t)s->now_ms + s->ahead_ms);
}

static void
test_the_way_is_not_taken_for_an_offset(void **state)
{
	static const struct {
		unsigned there_ms, back_ms; /* pong and ping under way */
		int64_t ahead_ms;
	} rows[] = {
	    {0, 0, 0},
	    {1, 1, 0},
	    {0, 10000, 0},
	    {10000, 0, 0},
	    {10000, 10000, 0},
	    {0, 0, 7000},
	    {300, 300, -7000},
	    {0, 8000, 90000},
	    {8000, 0, -90000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s = {.now_ms = 1000, .ahead_ms = rows[i].ahead_ms};
		Wire__Pong pong = pong_sent(&s);
		Wire__Ping ping;
		int64_t certain;

		s.now_ms += rows[i].there_ms;
		pong_arrives(&s, &pong);
		s.now_ms += 4321; /* held */
		ping = ping_sent(&s);
		s.now_ms += rows[i].back_ms;
		CHECK(ping_arrives(&s, &ping));
		certain = skew_certain_ms(&s.skew);
		/* What is said is never more than what is true, and tells of it. */
		CHECK(llabs(certain) <= llabs(rows[i].ahead_ms));
		CHECK(llabs(s.skew.offset_ms - rows[i].ahead_ms) <= s.skew.error_ms);
		CHECK(llabs(certain) + 8100 >= llabs(rows[i].ahead_ms));
		CHECK(certain == 0 || (certain > 0) == (rows[i].ahead_ms > 0));
	}
}

/* A slow pong crosses the next ping: that one brings back the pong before, and says so. */
static void
test_a_ping_that_crosses_a_pong_is_no_answer_to_it(void **state)
{
	struct scene s = {.now_ms = 1000, .ahead_ms = 0};
	Wire__Pong first = pong_sent(&s), second;
	Wire__Ping ping;

	(void)state;
	pong_arrives(&s, &first);
	s.now_ms += 5000;
	second = pong_sent(&s);
	s.now_ms += 10;
	ping = ping_sent(&s);
	s.now_ms += 10;
	pong_arrives(&s, &second);
	CHECK(ping_arrives(&s, &ping));
	CHECK(s.skew.error_ms < 20);
	CHECK_INT(skew_certain_ms(&s.skew), 0);
}

static void
test_what_tells_nothing_changes_nothing(void **state)
{
	struct scene s = {.now_ms = 100000, .ahead_ms = 7000};
	Wire__Ping ping =
	    ping_sent(&s); /* before any pong; an older controller's is the same */

	(void)state;
	CHECK_INT(ping.pong_ms, 0);
	CHECK(!ping_arrives(&s, &ping));
	ping.pong_ms = MONO_OF_AGENT + s.now_ms + 1; /* not sent yet */
	CHECK(!ping_arrives(&s, &ping));
	ping.pong_ms = MONO_OF_AGENT + s.now_ms - 5000;
	ping.held_ms = 6000; /* held for longer than it is old */
	CHECK(!ping_arrives(&s, &ping));
	ping.pong_ms = MONO_OF_AGENT + s.now_ms - 40000;
	ping.held_ms = 5000; /* 35 s under way */
	CHECK(!ping_arrives(&s, &ping));
	CHECK(!s.skew.known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_way_is_not_taken_for_an_offset),
	    TEST(test_a_ping_that_crosses_a_pong_is_no_answer_to_it),
	    TEST(test_what_tells_nothing_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
