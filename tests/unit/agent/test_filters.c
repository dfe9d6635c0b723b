/* SPDX-License-Identifier: Apache-2.0 */
/* Which folders and tags a mail filter names: rather one too many than one too few. */
#include <stdio.h>

#include "agent/mailbox/filters.h"
#include "tests/unit/check.h"

static const char script[] =
    "require [\"fileinto\", \"tag\"];\n"
    "# lists\n"
    "if anyof (header :contains \"subject\" \"[dev]\") {\n"
    "    fileinto \"/Lists/Dev \\\"core\\\"\";\n"
    "    tag \"red\";\n"
    "    stop;\n"
    "}\n"
    "disabled_if anyof (header :is \"from\" \"x\\\\y\") { fileinto \"Archive\"; }\n";

static void
test_paths(void **state)
{
	(void)state;
	CHECK(filters_name_path(script, "/Lists"));
	CHECK(filters_name_path(script, "/Lists/Dev"));
	CHECK(filters_name_path(script, "/Lists/Dev \"core\""));
	CHECK(!filters_name_path(script, "/Lists/Dev \"core\"s"));
	/* Zimbra compares beginnings, and adds the slash that lacks. */
	CHECK(filters_name_path(script, "/Arch"));
	CHECK(filters_name_path(script, "/archive"));
	CHECK(!filters_name_path(script, "/Archives"));
	CHECK(!filters_name_path(script, "/Dev"));
	CHECK(!filters_name_path("", "/Lists"));
	/* Cut in the middle of a string. */
	CHECK(filters_name_path("fileinto \"/Lists", "/Li"));
	CHECK(filters_name_path("fileinto \"/a\\", "/a\\"));
}

static void
test_tags(void **state)
{
	(void)state;
	CHECK(filters_name_tag(script, "red"));
	CHECK(filters_name_tag(script, "Red"));
	CHECK(!filters_name_tag(script, "re"));
	CHECK(!filters_name_tag(script, "blue"));
	CHECK(filters_name_tag(script, "x\\y"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_paths),
	    TEST(test_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
