/* SPDX-License-Identifier: Apache-2.0 */
/* When mailboxes may be locked: what a person may say, and what it means. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/cutover.h"
#include "tests/unit/check.h"

#define AT(hour, minute) ((((int64_t)19675 * 24 + (hour)) * 60 + (minute)) * 60000)

static void
test_what_a_person_may_say(void **state)
{
	static const struct {
		const char *said, *taken;
	} rows[] = {{"", ""}, {"now", ""}, {"go", "go"}, {"22:00-05:00", "22:00-05:00"},
	    {"idle", "idle:10m"}, {"idle:15m", "idle:15m"}, {"idle:5s", "idle:5s"},
	    {"idle:24h", "idle:24h"}};
	static const char *const wrong[] = {"tonight", "22:00", "25:00-26:00",
	    "22:00-22:00", "22:00-05:00 and more", "GO"};
	char out[CUTOVER_TEXT];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK(cutover_parse(rows[i].said, out, &e));
		CHECK_STR(out, rows[i].taken);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CHECK(!cutover_parse(wrong[i], out, &e));
		CHECK_INT(e.kind, ERR_REFUSED);
		CHECK_HAS(e.text, "as in 22:00-05:00");
	}
}

static void
test_how_long_an_owner_is_waited_for(void **state)
{
	static const char *const wrong[] = {"idle:", "idle:0s", "idle:25h", "idle:10",
	    "idle:ten", "idle:10m and more", "idle:0000000000010m"};
	char out[CUTOVER_TEXT];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CHECK(!cutover_parse(wrong[i], out, &e));
		CHECK_INT(e.kind, ERR_REFUSED);
		CHECK_HAS(e.text, "as in idle:15m");
	}
	CHECK(!cutover_parse("idler", out, &e));
	CHECK_INT(cutover_idle_ms("idle:15m"), 15 * 60000);
	CHECK_INT(cutover_idle_ms("idle:5s"), 5000);
	CHECK_INT(cutover_idle_ms("idle"), 600000);
	CHECK_INT(cutover_idle_ms(""), 0);
	CHECK_INT(cutover_idle_ms("go"), 0);
	CHECK_INT(cutover_idle_ms("22:00-05:00"), 0);
	CHECK(!cutover_is_open("idle:15m", AT(12, 0)));
}

static void
test_when_it_is_open(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	CHECK(cutover_is_open("", AT(12, 0)));
	CHECK(cutover_is_open(CUTOVER_NOW, AT(12, 0)));
	CHECK(!cutover_is_open(CUTOVER_GO, AT(12, 0)));
	CHECK(!cutover_is_open("22:00-05:00", AT(21, 59)));
	CHECK(cutover_is_open("22:00-05:00", AT(22, 0)));
	CHECK(cutover_is_open("22:00-05:00", AT(4, 59)));
	CHECK(!cutover_is_open("22:00-05:00", AT(5, 0)));
}

static void
test_what_is_waited_for_is_said(void **state)
{
	char text[200];

	(void)state;
	cutover_why(CUTOVER_GO, "j7", text, sizeof(text));
	CHECK_HAS(text, "zmferry job continue j7");
	cutover_why("22:00-05:00", "j7", text, sizeof(text));
	CHECK_HAS(text, "until 22:00");
	CHECK_HAS(text, "zmferry job continue j7");
	cutover_why("idle:15m", "j7", text, sizeof(text));
	CHECK_HAS(text, "done nothing for 15m");
	CHECK_HAS(text, "zmferry job continue j7");
	cutover_idle_why(
	    "idle:15m", "j7", "last seen 3 min ago by imap", text, sizeof(text));
	CHECK_STR(text, "waits until its owner is idle for 15m: last seen 3 min ago by "
			"imap; at once: "
			"zmferry job continue j7");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_what_a_person_may_say),
	    TEST(test_how_long_an_owner_is_waited_for),
	    TEST(test_when_it_is_open),
	    TEST(test_what_is_waited_for_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
