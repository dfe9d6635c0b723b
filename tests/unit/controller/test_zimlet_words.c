/* SPDX-License-Identifier: Apache-2.0 */
/* Every state of the tables has words in the console, in each of its languages. */
#include <stdio.h>
#include <string.h>

#include "controller/job.h"
#include "controller/move.h"
#include "tests/unit/check.h"

static const char *const files[] = {
    "zimlet/com_zmferry.properties", "zimlet/com_zmferry_de.properties"};

/* Is there a line "key = something"? */
static bool
has_words(const char *path, const char *key)
{
	size_t length = strlen(key);
	char line[2000];
	bool found = false;
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("%s: cannot be opened", path);
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, key, length) == 0 &&
			strncmp(line + length, " = ", 3) == 0 && line[length + 3] != '\n';
	fclose(f);
	return found;
}

static void
check_words(const char *front, const char *name)
{
	char key[100];

	snprintf(key, sizeof(key), "%s_%s", front, name);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (!has_words(files[i], key))
			fail_msg("%s: no words for %s", files[i], key);
	}
}

static void
test_states_of_moves(void **state)
{
	(void)state;
	for (size_t i = 0; i < MOVE_STATE_COUNT; i++)
		check_words("move", move_states[i].name);
}

static void
test_states_of_jobs(void **state)
{
	(void)state;
	for (size_t i = 0; i < JOB_STATE_COUNT; i++)
		check_words("job", job_states[i].name);
}

static void
test_it_would_be_missed(void **state)
{
	(void)state;
	CHECK(!has_words(files[0], "move_no_such_state"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_states_of_moves),
	    TEST(test_states_of_jobs),
	    TEST(test_it_would_be_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
