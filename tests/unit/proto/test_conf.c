/* SPDX-License-Identifier: Apache-2.0 */
/* What people get wrong in a configuration, and what they are told. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/conf.h"
#include "tests/unit/check.h"

struct settings {
	char *name;
	char *dir;
	char *secret;
	char *peer;
	uint16_t port;
	uint32_t lanes;
	uint32_t timeout_s;
	uint64_t room_bytes;
	uint32_t limit;
	bool careful;
	char **hosts;
	char *needed;
};

#define AT(field) offsetof(struct settings, field)

/* clang-format off */
static const struct conf_def defs[] = {
	{ "name", CONF_STRING, AT(name), "", "a name", 0, 0 },
	{ "dir", CONF_PATH, AT(dir), "/tmp", "a folder", 0, 0 },
	{ "secret_file", CONF_SECRET, AT(secret), "", "a secret", 0, 0 },
	{ "peer", CONF_HOSTPORT, AT(peer), "a:1", "the other side", 0, 0 },
	{ "listen_port", CONF_PORT, AT(port), "7443", "a port", 0, 0 },
	{ "lanes", CONF_UINT, AT(lanes), "4", "lanes", 1, 64 },
	{ "copy_timeout", CONF_DURATION, AT(timeout_s), "6h", "a time", 0, 0 },
	{ "room", CONF_BYTES, AT(room_bytes), "64M", "room", 0, 0 },
	{ "fill_limit", CONF_PERCENT, AT(limit), "85%", "a limit", 0, 0 },
	{ "careful", CONF_BOOL, AT(careful), "no", "care", 0, 0 },
	{ "hosts", CONF_LIST, AT(hosts), "", "hosts", 0, 0 },
	{ "needed", CONF_STRING, AT(needed), NULL, "what is needed", 0, 0 },
};
/* clang-format on */
#define COUNT ARRAY_LEN(defs)

static bool
parse(struct settings *s, const char *text, struct buf *errors, struct err *e)
{
	buf_init(errors, 65536);
	return conf_parse(s, sizeof(*s), defs, COUNT, "a.conf", text, errors, e);
}

/* text with "needed" set; the whole of the errors must be expected. */
static void
check_errors(const char *text, const char *expected)
{
	struct settings s;
	struct buf errors;
	struct err e;
	bool ok = parse(&s, text, &errors, &e);

	CHECK_STR(buf_str(&errors), expected);
	CHECK_INT(ok, expected[0] == '\0');
	if (ok)
		conf_free(&s, defs, COUNT);
	else
		CHECK_INT(e.kind, ERR_REFUSED);
	buf_fini(&errors);
}

static void
test_every_type_is_read(void **state)
{
	struct settings s;
	struct buf errors;
	struct err e;

	(void)state;
	CHECK(parse(&s,
	    "# a comment\nname = 'Ä b' // another\nneeded=x\ndir = /var/lib\npeer = "
	    "\"[::1]:7443\"\n"
	    "listen_port = 1\nlanes = 64\ncopy_timeout = 90s\nroom = 2G\nfill_limit = "
	    "90\n"
	    "careful = yes\nhosts = {\n  \"a=1\",\n  \"b=2\"\n}\n",
	    &errors, &e));
	CHECK_STR(s.name, "Ä b");
	CHECK_STR(s.dir, "/var/lib");
	CHECK_STR(s.peer, "[::1]:7443");
	CHECK_INT(s.port, 1);
	CHECK_INT(s.lanes, 64);
	CHECK_INT(s.timeout_s, 90);
	CHECK_INT(s.room_bytes, 2ull << 30);
	CHECK_INT(s.limit, 90);
	CHECK(s.careful);
	CHECK_STR(s.hosts[0], "a=1");
	CHECK_STR(s.hosts[1], "b=2");
	CHECK(s.hosts[2] == NULL);
	CHECK(s.secret == NULL);
	conf_free(&s, defs, COUNT);
	CHECK(s.name == NULL && s.hosts == NULL);
	buf_fini(&errors);
}

static void
test_defaults_are_used(void **state)
{
	struct settings s;
	struct buf errors;
	struct err e;

	(void)state;
	CHECK(parse(&s, "needed = x", &errors, &e));
	CHECK(s.name == NULL && s.hosts == NULL && !s.careful);
	CHECK_INT(s.timeout_s, 6 * 3600);
	CHECK_INT(s.room_bytes, 64ull << 20);
	CHECK_INT(s.limit, 85);
	conf_free(&s, defs, COUNT);
	buf_fini(&errors);
}

static const struct {
	const char *text;
	const char *errors;
} mistakes[] = {
    {"listen_port = 70000", "listen_port: 70000 is not a port (1-65535)"},
    {"listen_port = https", "listen_port: \"https\" is not a port (1-65535)"},
    {"copy_timeout = \"6x\"",
	"copy_timeout: \"6x\" is not a duration (try 90s, 15m, 6h)"},
    {"copy_timeout = 90", "copy_timeout: \"90\" is not a duration (try 90s, 15m, 6h)"},
    {"copy_timeout = 99999999d",
	"copy_timeout: \"99999999d\" is not a duration (try 90s, 15m, 6h)"},
    {"lanes = 65", "lanes: 65 is not between 1 and 64"},
    {"lanes = -1", "lanes: \"-1\" is not a number"},
    {"lanes = \"\"", "lanes: \"\" is not a number"},
    {"room = 5X", "room: \"5X\" is not a size (try 512K, 64M, 2G)"},
    {"room = 99999999999T", "room: \"99999999999T\" is not a size (try 512K, 64M, 2G)"},
    {"fill_limit = 101%", "fill_limit: \"101%\" is not a percentage (0% to 100%)"},
    {"careful = maybe", "careful: \"maybe\" is not yes or no"},
    {"dir = relative", "dir: \"relative\" is not an absolute path (it begins with /)"},
    {"peer = host", "peer: \"host\" is not host:port (try controller.example.org:7443)"},
    {"peer = \"::1:7443\"",
	"peer: \"::1:7443\" is not host:port (try controller.example.org:7443)"},
    {"secret_file = /nowhere/x", "secret_file: /nowhere/x: No such file or directory"},
    {"lanes = { 1, 2 }", "lanes: takes one value, not a list"},
    {"listen-port = 5", "listen-port: no such setting; did you mean \"listen_port\"?"},
    {"copy_timout = 6h", "copy_timout: no such setting; did you mean \"copy_timeout\"?"},
    {"colour = red", "colour: no such setting; --sample-config prints all there are"},
    {"colour = { red,\n green }",
	"colour: no such setting; --sample-config prints all there are"},
    {"name = b c",
	"nothing is expected before \"c\"; a value with spaces stands in quotes"},
    {"lanes\ncareful = yes", "cannot be read (missing equal sign after option 'lanes'); "
			     "a line is: key = value"},
    {"name = \"abc", "a quote or brace that begins here has no end"},
    {"hosts = { a,", "a quote or brace that begins here has no end"},
    {"}", "cannot be read (unexpected closing brace); a line is: key = value"},
};

static void
test_mistakes_name_the_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		char text[300];
		char expected[400];

		snprintf(
		    text, sizeof(text), "# first\nneeded = x\n%s\n", mistakes[i].text);
		snprintf(
		    expected, sizeof(expected), "a.conf:3: %s\n", mistakes[i].errors);
		check_errors(text, expected);
	}
}

static void
test_all_errors_come_in_one_run(void **state)
{
	struct settings s;
	struct buf errors;
	struct err e;

	(void)state;
	CHECK(!parse(&s,
	    "lanes = 0\nfoo = 1\nneeded x\nlanes = 3\nlisten_port = 0\ndirr = /x\n",
	    &errors, &e));
	CHECK_STR(buf_str(&errors),
	    "a.conf:2: foo: no such setting; --sample-config prints all there are\n"
	    "a.conf:3: cannot be read (missing equal sign after option 'needed'); a line "
	    "is: key = value\n"
	    "a.conf:4: lanes: set again; it stands on line 1 already\n"
	    "a.conf:5: listen_port: 0 is not a port (1-65535)\n"
	    "a.conf:6: dirr: no such setting; did you mean \"dir\"?\n");
	CHECK_STR(e.text, "a.conf: 5 errors");
	buf_fini(&errors);
}

static void
test_doubled_keys_are_errors(void **state)
{
	(void)state;
	check_errors("needed = x\nlanes = 1\nlanes = 1\n",
	    "a.conf:3: lanes: set again; it stands on line 2 already\n");
	check_errors("needed = x\nhosts = { \"a\",\n\"b\" }\nhosts = { \"a\" }\n",
	    "a.conf:4: hosts: set again; it stands on line 3 already\n");
	check_errors("needed = x\nhosts = { \"a\"\n}\n", "");
}

static void
test_what_is_required_is_named(void **state)
{
	(void)state;
	check_errors(
	    "", "a.conf: needed: is not set and has no default (what is needed)\n");
	check_errors("needed = \"\"",
	    "a.conf:1: needed: is empty; it needs a value (what is needed)\n");
	check_errors("needed = x\nlanes = {}\n",
	    "a.conf: lanes: an empty list is no value for it\n");
	check_errors("needed = x\nhosts = {}\n", "");
}

/* libConfuse stops at some texts without a word, and at nothing it can name. */
static void
test_texts_that_are_no_configuration(void **state)
{
	static const char *const texts[] = {
	    "\\\"\n#\n+'", "''\\\n+{{\n\"},\nx}\"\\\n", "}\n{\n}\n", "'\n'\n'\n", "\\"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct settings s;
		struct buf errors;
		struct err e;

		CHECK(!parse(&s, texts[i], &errors, &e));
		CHECK_INT(e.kind, ERR_REFUSED);
		CHECK(errors.len > 0);
		buf_fini(&errors);
	}
}

static void
test_a_key_too_long_is_said_once(void **state)
{
	char text[200];
	struct settings s;
	struct buf errors;
	struct err e;

	(void)state;
	snprintf(text, sizeof(text), "needed = x\n%0100d = 1\n", 7);
	CHECK(!parse(&s, text, &errors, &e));
	CHECK_STR(e.text, "a.conf: 1 error");
	buf_fini(&errors);
}

static void
test_comments_do_not_move_lines(void **state)
{
	(void)state;
	check_errors("# a\n// b\n/* c\n\"d */ needed = 'x # y' # "
		     "'z\n\n#\nname=ldaps://x//y\nlanes = 0\n",
	    "a.conf:8: lanes: 0 is not between 1 and 64\n");
	check_errors("needed = x\n/* never\nends",
	    "a.conf:2: a comment that begins here has no end\n");
}

static void
test_a_hundred_errors_are_enough(void **state)
{
	struct settings s;
	struct buf errors;
	struct buf text;
	struct err e;

	(void)state;
	buf_init(&text, 65536);
	for (int i = 0; i < 300; i++)
		CHECK(buf_printf(&text, "key%d = 1\n", i));
	CHECK(!parse(&s, buf_str(&text), &errors, &e));
	CHECK_STR(e.text, "a.conf: 100 errors");
	buf_fini(&text);
	buf_fini(&errors);
}

static void
test_secrets_must_be_private(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX";
	int fd = mkstemp(path);
	char text[200];
	char expected[300];

	(void)state;
	close(fd);
	snprintf(text, sizeof(text), "needed = x\nsecret_file = \"%s\"\n", path);
	CHECK_INT(chmod(path, 0640), 0);
	check_errors(text, "");
	CHECK_INT(chmod(path, 0644), 0);
	snprintf(expected, sizeof(expected),
	    "a.conf:2: secret_file: %s: mode 0644 lets others at a secret; run: chmod "
	    "0400 %s\n",
	    path, path);
	check_errors(text, expected);
	unlink(path);
}

static char *
printed(const struct settings *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (s == NULL)
		conf_print_sample(out, defs, COUNT);
	else
		conf_print(out, s, defs, COUNT);
	fclose(out);
	return text;
}

static void
test_print_says_where_values_came_from(void **state)
{
	struct settings s;
	struct settings again;
	struct buf errors;
	struct err e;
	char *text;

	(void)state;
	CHECK(parse(
	    &s, "needed = 'a \"b\" \\\\'\n\nlanes = 7\nhosts = { x, y }", &errors, &e));
	text = printed(&s);
	CHECK_HAS(text, "lanes = 7  # a.conf:3\n");
	CHECK_HAS(text, "copy_timeout = 21600s  # default\n");
	CHECK_HAS(text, "hosts = { \"x\", \"y\" }  # a.conf:4\n");
	/* What is printed can be read again. */
	CHECK(conf_parse(&again, sizeof(again), defs, COUNT, "again", text, &errors, &e));
	CHECK_STR(again.needed, s.needed);
	CHECK_INT(again.room_bytes, s.room_bytes);
	free(text);
	conf_free(&s, defs, COUNT);
	conf_free(&again, defs, COUNT);
	buf_fini(&errors);
}

static void
test_the_sample_lacks_only_what_is_required(void **state)
{
	char *text = printed(NULL);

	(void)state;
	CHECK_HAS(text, "# lanes\n#lanes = 4\n");
	CHECK_HAS(text, "# what is needed\nneeded = \"\"\n");
	check_errors(
	    text, "a.conf:35: needed: is empty; it needs a value (what is needed)\n");
	free(text);
}

static void
test_a_file_that_is_not_there(void **state)
{
	struct settings s;
	struct buf errors;
	struct err e;

	(void)state;
	buf_init(&errors, 0);
	CHECK(!conf_load(&s, sizeof(s), defs, COUNT, "/nowhere/a.conf", &errors, &e));
	CHECK_STR(e.text, "/nowhere/a.conf (--sample-config prints one to fill in): No "
			  "such file or directory");
	CHECK(!conf_load(&s, sizeof(s), defs, COUNT, "/dev/zero", &errors, &e));
	CHECK_HAS(e.text, "is this a configuration?");
	buf_fini(&errors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_every_type_is_read),
	    TEST(test_defaults_are_used),
	    TEST(test_mistakes_name_the_line),
	    TEST(test_all_errors_come_in_one_run),
	    TEST(test_doubled_keys_are_errors),
	    TEST(test_what_is_required_is_named),
	    TEST(test_texts_that_are_no_configuration),
	    TEST(test_a_key_too_long_is_said_once),
	    TEST(test_comments_do_not_move_lines),
	    TEST(test_a_hundred_errors_are_enough),
	    TEST(test_secrets_must_be_private),
	    TEST(test_print_says_where_values_came_from),
	    TEST(test_the_sample_lacks_only_what_is_required),
	    TEST(test_a_file_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
