/* SPDX-License-Identifier: Apache-2.0 */
/* A document of which only the first revisions came is known by them. */
#include <stdio.h>
#include <string.h>

#include "agent/mailbox/arrive.h"
#include "proto/base/log.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define FOLDER 275

static char dir[64];
static struct spool *spool;
static struct err e;

static void
put(uint32_t id, const char *name, const char *text, enum spool_type type,
    uint16_t revision)
{
	char meta[100];

	snprintf(meta, sizeof(meta), "{\"name\":\"%s\"}", name);
	const struct spool_item item = {.id = id,
	    .folder_id = 16,
	    .type = type,
	    .digest_hash = spool_hash(text, strlen(text)),
	    .meta_bytes = (uint32_t)strlen(meta),
	    .name_bytes = (uint32_t)strlen(name),
	    .data_bytes = strlen(text)};

	CHECK(spool_put_begin(spool, &item, meta, name, &e));
	CHECK(spool_put_data(spool, text, strlen(text), &e));
	if (revision != 0)
		spool_put_revision(spool, revision);
	CHECK(spool_put_end(spool, &e));
}

static int
set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	scratch_make(dir, sizeof(dir));
	CHECK(spool_open(dir, "m1", true, &spool, &e));
	put(300, "manual", "first", SPOOL_DOCUMENT, 1);
	put(300, "manual", "second", SPOOL_DOCUMENT, 2);
	put(300, "manual", "third", SPOOL_DOCUMENT, 0);
	put(301, "single", "only", SPOOL_DOCUMENT, 0);
	put(302, "mail", "first", SPOOL_MESSAGE, 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	spool_close(&spool);
	scratch_remove(dir);
	return 0;
}

/* What the target has: one item of that name and text. */
static uint32_t
found(uint32_t wanted, uint32_t folder, const char *name, const char *text, bool claimed)
{
	struct spool_item item, there = {.id = 900, .type = SPOOL_DOCUMENT};
	struct match_item have;
	struct match_set set;
	char meta[100];
	uint32_t id = 1;

	there.digest_hash = spool_hash(text, strlen(text));
	snprintf(meta, sizeof(meta), "{\"name\":\"%s\"}", name);
	match_describe(&there, meta, &have);
	have.folder_id = folder;
	have.claimed = claimed;
	match_init(&set);
	match_add(&set, &have);
	match_sort(&set);
	CHECK(spool_find(spool, wanted, &item));
	CHECK(arrivals_find_partial(spool, &item, FOLDER, &set, &id, &e));
	CHECK(id == 0 || (id == 900 && set.items[0].claimed));
	match_fini(&set);
	return id;
}

static void
test_an_earlier_revision_of_that_name_there_is_it(void **state)
{
	(void)state;
	CHECK_INT(found(300, FOLDER, "manual", "first", false), 900);
	CHECK_INT(found(300, FOLDER, "manual", "second", false), 900);
}

/* What somebody else saved there, and what is whole, stays. */
static void
test_anything_else_is_not(void **state)
{
	(void)state;
	CHECK_INT(found(300, FOLDER, "manual", "third", false), 0);
	CHECK_INT(found(300, FOLDER, "manual", "of a colleague", false), 0);
	CHECK_INT(found(300, FOLDER, "other", "first", false), 0);
	CHECK_INT(found(300, 2, "manual", "first", false), 0);
	CHECK_INT(found(300, FOLDER, "manual", "first", true), 0);
	CHECK_INT(found(301, FOLDER, "single", "only", false), 0);
	CHECK_INT(found(302, FOLDER, "mail", "first", false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_an_earlier_revision_of_that_name_there_is_it),
	    TEST(test_anything_else_is_not),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
