/* SPDX-License-Identifier: Apache-2.0 */
/* Leases on disk: what is armed is there after a restart, on a full disk, too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lease.h"
#include "agent/lease_spare.h"
#include "proto/frame.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

static char spool_dir[64], dir[80];
static struct agent_conf conf;
static struct agent agent;
static struct err e;

bool
agent_send(struct agent *a, const Wire__Envelope *m)
{
	(void)a;
	(void)m;
	return true;
}

struct soap_client *
agent_soap(const struct agent *a)
{
	(void)a;
	return NULL;
}

static int
begin(void **state)
{
	(void)state;
	scratch_make(spool_dir, sizeof(spool_dir));
	scratch_path(dir, sizeof(dir), spool_dir, "leases");
	conf.spool_dir = spool_dir;
	agent.conf = &conf;
	return leases_open(&agent, &agent.leases, &e) ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	leases_free(&agent.leases);
	scratch_remove(spool_dir);
	return 0;
}

static void
arm(const char *move_id)
{
	Wire__StepRequest step = WIRE__STEP_REQUEST__INIT;
	Wire__OpLease lease = WIRE__OP_LEASE__INIT;
	Wire__Frozen frozen = WIRE__FROZEN__INIT;

	step.move_id = frame_bytes(move_id);
	step.account_id = frame_bytes(move_id); /* another account for each */
	frozen.status = frame_bytes("active");
	lease.frozen = &frozen;
	lease.lease_ms = 60000;
	step.op_case = WIRE__STEP_REQUEST__OP_LEASE;
	step.lease = &lease;
	CHECK(leases_arm(agent.leases, &step, &e));
}

static void
restart(void)
{
	leases_free(&agent.leases);
	CHECK(leases_open(&agent, &agent.leases, &e));
}

static size_t
spares(void)
{
	size_t count = 0;

	for (unsigned i = 0; i < 2 * LEASE_SPARES; i++) {
		char path[120];
		struct stat st;

		snprintf(path, sizeof(path), "%s/.spare%u", dir, i);
		count += stat(path, &st) == 0 && st.st_size == LEASE_SPARE_BYTES;
	}
	return count;
}

/* The same lease in a spare, as it would have been written on a full disk. */
static void
move_into_spare(const char *move_id)
{
	char path[120], bytes[LEASE_SPARE_BYTES];
	size_t len;
	FILE *f;

	scratch_path(path, sizeof(path), dir, move_id);
	f = fopen(path, "re");
	CHECK(f != NULL);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	CHECK(lease_spare_write(dir, path, bytes, len));
	CHECK_INT(scratch_size(dir, move_id), LEASE_SPARE_BYTES);
}

static void
test_what_is_armed_outlives_a_restart(void **state)
{
	(void)state;
	arm("m1");
	arm("m2");
	CHECK(leases_end(agent.leases, "m2", &e));
	restart();
	CHECK(leases_has(agent.leases, "m1"));
	CHECK(!leases_has(agent.leases, "m2"));
}

static void
test_in_a_spare_it_is_the_same(void **state)
{
	(void)state;
	CHECK_INT(spares(), LEASE_SPARES);
	arm("m1");
	move_into_spare("m1");
	CHECK_INT(spares(), LEASE_SPARES - 1);
	restart();
	CHECK(leases_has(agent.leases, "m1"));
	/* Written once more it changes places with another: none is given away. */
	move_into_spare("m1");
	move_into_spare("m1");
	CHECK_INT(spares(), LEASE_SPARES); /* made anew by the restart, and kept */
	CHECK(leases_end(agent.leases, "m1", &e));
	CHECK_INT(spares(), LEASE_SPARES);
	restart();
	CHECK(!leases_has(agent.leases, "m1"));
}

/* Its end gives the spare back where one lacks: on a full disk no other could be made. */
static void
test_a_spare_comes_back(void **state)
{
	char path[120], spare[120];

	(void)state;
	arm("m1");
	move_into_spare("m1");
	CHECK_INT(spares(), LEASE_SPARES - 1);
	scratch_path(path, sizeof(path), dir, "m1");
	CHECK(lease_spare_unlink(dir, path));
	CHECK(access(path, F_OK) != 0);
	CHECK_INT(spares(), LEASE_SPARES);
	/* Half a spare is none, and is made whole. */
	snprintf(spare, sizeof(spare), "%s/.spare3", dir);
	CHECK(truncate(spare, 100) == 0);
	CHECK_INT(spares(), LEASE_SPARES - 1);
	lease_spares_make(dir);
	CHECK_INT(spares(), LEASE_SPARES);
}

static void
test_there_are_only_so_many(void **state)
{
	char path[120], long_one[LEASE_SPARE_BYTES + 1] = "";

	(void)state;
	scratch_path(path, sizeof(path), dir, "m1");
	CHECK(!lease_spare_write(dir, path, long_one, sizeof(long_one)));
	CHECK_INT(errno, ENOSPC);
	for (unsigned i = 0; i < LEASE_SPARES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		scratch_path(path, sizeof(path), dir, name);
		CHECK(lease_spare_write(dir, path, "x", 1));
	}
	scratch_path(path, sizeof(path), dir, "one-more");
	errno = 0;
	CHECK(!lease_spare_write(dir, path, "x", 1));
	CHECK_INT(errno, ENOSPC);
	CHECK(access(path, F_OK) != 0);
}

/* One of an earlier version has no size in its first line, and ends with its file. */
static void
test_of_an_earlier_version(void **state)
{
	char path[120], text[2048], *line_end;
	size_t len;
	FILE *f;

	(void)state;
	arm("m1");
	scratch_path(path, sizeof(path), dir, "m1");
	f = fopen(path, "re");
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	line_end = memchr(text, '\n', len);
	CHECK(line_end != NULL);
	*line_end = '\0';
	f = fopen(path, "we");
	*strrchr(text, ' ') = '\0'; /* the size */
	fprintf(f, "%s\n", text);
	CHECK_INT(fwrite(line_end + 1, 1, len - (size_t)(line_end + 1 - text), f),
	    len - (size_t)(line_end + 1 - text));
	fclose(f);
	restart();
	CHECK(leases_has(agent.leases, "m1"));
	/* One that is shorter than it says was torn. */
	arm("m2");
	scratch_truncate(dir, "m2", scratch_size(dir, "m2") - 1);
	restart();
	CHECK(!leases_has(agent.leases, "m2"));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_what_is_armed_outlives_a_restart),
	    CASE(test_in_a_spare_it_is_the_same),
	    CASE(test_a_spare_comes_back),
	    CASE(test_there_are_only_so_many),
	    CASE(test_of_an_earlier_version),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
