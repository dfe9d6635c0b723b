/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: equality, wiping, and which files are taken. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/secret.h"
#include "tests/unit/check.h"

static char dir[64];
static char path[96];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_secret.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/password", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
put_file(const void *bytes, size_t len, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_INT(write(fd, bytes, len), len);
	close(fd);
	CHECK_INT(chmod(path, mode), 0);
}

/* Loads; the text when it is refused, "" when not. */
static const char *
load(struct secret **out)
{
	static struct err e;

	memset(&e, 0, sizeof(e));
	*out = NULL;
	if (secret_load(path, out, &e)) {
		CHECK(*out != NULL);
		return "";
	}
	CHECK_INT(e.kind, ERR_REFUSED);
	CHECK(*out == NULL);
	return e.text;
}

static void
test_secret_equal_looks_at_every_byte_and_the_length(void **state)
{
	struct secret *a = secret_new("abc\0d", 5);
	struct secret *same = secret_copy(a);
	struct secret *front = secret_new("abc\0e", 5);
	struct secret *shorter = secret_new("abc", 3);
	struct secret *empty = secret_new("", 0);

	(void)state;
	CHECK(secret_equal(a, same));
	CHECK(!secret_equal(a, front));
	CHECK(!secret_equal(a, shorter));
	CHECK(!secret_equal(shorter, a));
	CHECK(!secret_equal(a, empty));
	CHECK(secret_equal(empty, empty));
	CHECK(secret_copy(NULL) == NULL);
	CHECK_INT(secret_len(a), 5);
	secret_free(&a);
	CHECK(a == NULL);
	secret_free(&a);
	secret_free(&same);
	secret_free(&front);
	secret_free(&shorter);
	secret_free(&empty);
}

static void
test_secret_random_differs(void **state)
{
	struct secret *a = secret_random(32);
	struct secret *b = secret_random(32);

	(void)state;
	CHECK_INT(secret_len(a), 32);
	CHECK(!secret_equal(a, b));
	secret_free(&a);
	secret_free(&b);
}

static void
test_secret_wipe_leaves_zeros(void **state)
{
	char bytes[] = "tiger";

	(void)state;
	secret_wipe(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		CHECK_INT(bytes[i], 0);
}

static void
test_secret_file_loses_one_newline(void **state)
{
	struct secret *s;

	(void)state;
	put_file("tiger\n", 6, 0600);
	CHECK_STR(load(&s), "");
	CHECK_STR(secret_reveal(s), "tiger");
	secret_free(&s);
	put_file("ti ger\n\n", 8, 0440);
	CHECK_STR(load(&s), "");
	CHECK_STR(secret_reveal(s), "ti ger\n");
	secret_free(&s);
}

static void
test_secret_file_open_to_others_is_refused_with_the_command(void **state)
{
	struct secret *s;

	(void)state;
	for (mode_t bit = 1; bit <= 4; bit <<= 1) {
		put_file("tiger\n", 6, (mode_t)0600 | bit);
		CHECK_HAS(load(&s), "others may read it; run: chmod o= ");
	}
}

static void
test_secret_file_of_the_wrong_kind_is_refused(void **state)
{
	static const char big[4098];
	char full[4097];
	struct secret *s;

	(void)state;
	put_file("", 0, 0600);
	CHECK_HAS(load(&s), "is empty");
	put_file("\n", 1, 0600);
	CHECK_HAS(load(&s), "is empty");
	put_file(big, sizeof(big), 0600);
	CHECK_HAS(load(&s), "is larger than 4096 bytes");
	put_file("ti\0ger", 6, 0600);
	CHECK_HAS(load(&s), "holds a NUL byte");
	memset(full, 'x', sizeof(full));
	full[4096] = '\n';
	put_file(full, sizeof(full), 0600);
	CHECK_STR(load(&s), "");
	CHECK_INT(secret_len(s), 4096);
	secret_free(&s);
	unlink(path);
	CHECK_HAS(load(&s), "No such file");
	CHECK_INT(mkfifo(path, 0600), 0); /* opening it must not wait for a writer */
	CHECK_HAS(load(&s), "is not a regular file");
	unlink(path);
}

/* No refusal may show what is in the file. */
static void
test_secret_refusals_do_not_show_the_secret(void **state)
{
	struct secret *s;

	(void)state;
	put_file("tiger\0x", 7, 0600);
	CHECK(strstr(load(&s), "tiger") == NULL);
	put_file("tiger", 5, 0644);
	CHECK(strstr(load(&s), "tiger") == NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_secret_equal_looks_at_every_byte_and_the_length),
	    TEST(test_secret_random_differs),
	    TEST(test_secret_wipe_leaves_zeros),
	    TEST(test_secret_file_loses_one_newline),
	    TEST(test_secret_file_open_to_others_is_refused_with_the_command),
	    TEST(test_secret_file_of_the_wrong_kind_is_refused),
	    TEST(test_secret_refusals_do_not_show_the_secret),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
