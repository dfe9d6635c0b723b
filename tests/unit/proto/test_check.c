/* SPDX-License-Identifier: Apache-2.0 */
/* Every message of the control link: one good, and every field of it spoiled in turn. */
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/limits.h"
#include "tests/unit/proto/walk.h"

static struct walk_number numbers[] = {
    {"Hello", "version_min", 0, false},
    {"Hello", "version_min", 2, false}, /* above version_max */
    {"Hello", "version_max", 0, false},
    {"Hello", "version_max", 1001, false},
    {"Hello", "mail_port", 0, false},
    {"Hello", "mail_port", 65536, false},
    {"Welcome", "version", 0, false},
    {"Welcome", "epoch", 0, false},
    {"Welcome", "heartbeat_ms", 0, false},
    {"Welcome", "heartbeat_ms", 86400001, false},
    {"Ping", "wall_ms", (uint64_t)1 << 63, false},
    {"Ping", "held_ms", 86400001, false},
    {"Disk", "free_bytes", 2, false}, /* of 1 */
    {"StepRequest", "epoch", 0, false},
    {"StepRequest", "deadline_s", 0, false},
    {"StepRequest", "deadline_s", 604801, false},
    {"OpReserve", "bytes", (uint64_t)1 << 51, false},
    {"OpStage", "target_port", 0, false},
    {"OpStage", "target_port", 65536, false},
    {"OpLease", "lease_ms", 999, false},
    {"OpLease", "lease_ms", 86400001, false},
    {"OpSteer", "source_last_item_id", (uint64_t)1 << 31, false},
    {"OpSteer", "source_change", (uint64_t)1 << 63, false},
    {"StageFacts", "last_item_id", (uint64_t)1 << 31, false},
    {"StageFacts", "change", (uint64_t)1 << 63, false},
    {"Mailbox", "size_bytes", ((uint64_t)1 << 48) + 1, false},
    {"OpImport", "folder_limit", 0, false},
    {"OpImport", "folder_limit", 17, false},
    {"LeaseRenew", "lease_ms", 0, false},
    {"LeaseRenew", "lease_ms", 86400001, false},
    {"WorkerJob", "fill_limit", 101, false},
    {"Sessions", "look", 0, false},
    {"SessionPage", "look", 0, false},
};

static bool
check_root(const ProtobufCMessage *root, struct err *e)
{
	return check_envelope((const Wire__Envelope *)root, e);
}

static struct walk
walk_new(void)
{
	struct walk w = {
	    .check = check_root,
	    .numbers = numbers,
	    .number_count = ARRAY_LEN(numbers),
	};

	return w;
}

/* An envelope with every oneof inside chosen in turn: each op, each facts. */
static void
try_body(struct walk *w, const ProtobufCFieldDescriptor *body)
{
	const ProtobufCMessageDescriptor *inner = body->descriptor;
	unsigned tried = 0;

	for (unsigned i = 0; i < inner->n_fields; i++) {
		ProtobufCMessage *root;

		if ((inner->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
			continue;
		root = walk_build(&wire__envelope__descriptor);
		walk_choose(walk_choose(root, body), &inner->fields[i]);
		walk_try(w, root, inner->fields[i].name);
		protobuf_c_message_free_unpacked(root, NULL);
		tried++;
	}
	if (tried == 0) {
		ProtobufCMessage *root = walk_build(&wire__envelope__descriptor);
		ProtobufCMessage *chosen = walk_choose(root, body);

		/* A job holds a step; some op must be in it. */
		if (inner == &wire__worker_job__descriptor)
			walk_choose(&((Wire__WorkerJob *)chosen)->step->base,
			    protobuf_c_message_descriptor_get_field_by_name(
				&wire__step_request__descriptor, "probe"));
		walk_try(w, root, body->name);
		protobuf_c_message_free_unpacked(root, NULL);
	}
}

static void
test_check_every_message_every_field(void **state)
{
	const ProtobufCMessageDescriptor *d = &wire__envelope__descriptor;
	struct walk w = walk_new();

	(void)state;
	for (unsigned i = 0; i < d->n_fields; i++) {
		if ((d->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
			continue;
		try_body(&w, &d->fields[i]);
	}
	walk_check_numbers_seen(&w);
	CHECK(w.spoiled > 500);
}

/* What the walk cannot know: which parts may lack, and what the texts say. */

static Wire__Envelope *
good(const char *body, const char *inner)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field_by_name(
		&wire__envelope__descriptor, body);
	ProtobufCMessage *root = walk_build(&wire__envelope__descriptor);
	ProtobufCMessage *chosen = walk_choose(root, f);

	if (inner != NULL)
		walk_choose(chosen, protobuf_c_message_descriptor_get_field_by_name(
					chosen->descriptor, inner));
	return (Wire__Envelope *)root;
}

/* The refusal's text; NULL when it passes. Frees m. */
static const char *
refusal(Wire__Envelope *m)
{
	static struct err e;
	bool ok = check_envelope(m, &e);

	wire__envelope__free_unpacked(m, NULL);
	return ok ? NULL : e.text;
}

static void
drop_row(Wire__Row **row)
{
	wire__row__free_unpacked(*row, NULL);
	*row = NULL;
}

static void
test_check_empty_oneofs_are_refused(void **state)
{
	Wire__Envelope empty = WIRE__ENVELOPE__INIT;
	struct err e;

	(void)state;
	CHECK(!check_envelope(&empty, &e));
	CHECK_STR(e.text, "an empty message");
	CHECK_STR(refusal(good("step", NULL)), "a step without an operation");
	CHECK(refusal(good("result", NULL)) == NULL); /* most results are only a kind */
}

static void
test_check_unknown_oneof_members_are_refused(void **state)
{
	Wire__Envelope *m = good("ping", NULL);
	struct err e;

	(void)state;
	m->body_case = (Wire__Envelope__BodyCase)999;
	CHECK(!check_envelope(m, &e));
	CHECK_STR(e.text, "a message nobody knows");
	m->body_case = WIRE__ENVELOPE__BODY_PING;
	wire__envelope__free_unpacked(m, NULL);
}

static void
test_check_missing_rows_are_refused(void **state)
{
	Wire__Envelope *m;

	(void)state;
	m = good("step", "fence");
	drop_row(&m->step->fence->row);
	CHECK_STR(refusal(m), "a row is missing");
	m = good("result", "preflight");
	drop_row(&m->result->preflight->row);
	CHECK_STR(refusal(m), "a row is missing");
	m = good("result", "stage");
	drop_row(&m->result->stage->row);
	CHECK_STR(refusal(m), "a row is missing");
	m = good("result", "fence");
	drop_row(&m->result->fence->row);
	CHECK_STR(refusal(m), "a row is missing");
	m = good("step", "purge");
	drop_row(&m->step->purge->row);
	CHECK_STR(refusal(m), "a row is missing");
	m = good("step", "lease");
	wire__frozen__free_unpacked(m->step->lease->frozen, NULL);
	m->step->lease->frozen = NULL;
	CHECK_STR(refusal(m), "a lease without the values to give back");
	m = good("job", NULL); /* the receive worker has no step */
	wire__step_request__free_unpacked(m->job->step, NULL);
	m->job->step = NULL;
	CHECK(refusal(m) == NULL);
}

static void
test_check_a_step_needs_an_id_to_be_answered(void **state)
{
	Wire__Envelope *m = good("step", "verify");

	(void)state;
	m->id = 0;
	CHECK_HAS(refusal(m), "id is 0");
}

static void
set_bytes(ProtobufCBinaryData *b, const char *text, size_t len)
{
	free(b->data);
	*b = walk_copy(text, len);
}

static void
test_check_move_ids(void **state)
{
	static const struct {
		const char *id;
		bool good;
	} rows[] = {
	    {"m1", true},
	    {"m-0123456789", true},
	    {"012345678901234567890123456789012345678", true}, /* 39 */
	    {"0123456789012345678901234567890123456789",
		false}, /* 40: no room for the NUL */
	    {"", false},
	    {"M1", false},
	    {"../m1", false},
	    {"m 1", false},
	    {"m\xc3\xa4", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		Wire__Envelope *m = good("cancel", NULL);

		set_bytes(&m->cancel->move_id, rows[i].id, strlen(rows[i].id));
		if ((refusal(m) == NULL) != rows[i].good)
			fail_msg("move id \"%s\"", rows[i].id);
	}
}

/* Empty where something must stand. */
static void
test_check_empty_names_are_refused(void **state)
{
	Wire__Envelope *m;

	(void)state;
	m = good("hello", NULL);
	set_bytes(&m->hello->node, "", 0);
	CHECK_STR(refusal(m), "node has 0 bytes, 1 to 255 are allowed");
	m = good("step", "reserve");
	set_bytes(&m->step->reserve->ticket, "short", 5);
	CHECK_STR(refusal(m), "ticket has 5 bytes, 32 to 32 are allowed");
	m = good("step", "verify");
	set_bytes(&m->step->account_id, "", 0);
	CHECK_HAS(refusal(m), "account_id has 0 bytes");
}

/* Where "" has a meaning it must pass: inherited values, no token yet. */
static void
test_check_empty_values_that_mean_something_pass(void **state)
{
	Wire__Envelope *m;

	(void)state;
	m = good("step", "lease");
	set_bytes(&m->step->lease->frozen->quota, "", 0);
	set_bytes(&m->step->lease->frozen->receive_over_quota, "", 0);
	CHECK(refusal(m) == NULL);
	m = good("step", "stage");
	set_bytes(&m->step->stage->token, "", 0);
	CHECK(refusal(m) == NULL);
	m = good("hello", NULL);
	set_bytes(&m->hello->server_id, "", 0);
	set_bytes(&m->hello->controller_id, "", 0);
	CHECK(refusal(m) == NULL);
}

static void
test_check_a_hello_fits_the_frame_of_an_unknown_peer(void **state)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__Hello hello = WIRE__HELLO__INIT;
	Wire__SpoolOnDisk spool = WIRE__SPOOL_ON_DISK__INIT;
	Wire__SpoolOnDisk *spools[LIMIT_HELLO_SPOOLS];
	char longest[LIMIT_NAME + 1];
	struct err e = {ERR_NONE, ""};

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[LIMIT_NAME] = '\0';
	spool.move_id = (ProtobufCBinaryData){LIMIT_ID - 1, (uint8_t *)longest};
	spool.bytes = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_LEN(spools); i++)
		spools[i] = &spool;
	hello.version_min = hello.version_max = 1000;
	hello.node = (ProtobufCBinaryData){LIMIT_NAME, (uint8_t *)longest};
	hello.program_version = (ProtobufCBinaryData){30, (uint8_t *)longest};
	hello.server_id = hello.controller_id = spool.move_id;
	hello.boot_id = hello.epoch = UINT64_MAX;
	hello.mail_port = 65535;
	hello.n_spools = ARRAY_LEN(spools);
	hello.spools = spools;
	m.body_case = WIRE__ENVELOPE__BODY_HELLO;
	m.hello = &hello;
	if (!check_envelope(&m, &e))
		fail_msg("%s", e.text);
	CHECK(wire__envelope__get_packed_size(&m) <= LIMIT_FRAME_NEW);
}

static void
test_check_names_of_bodies_and_ops(void **state)
{
	(void)state;
	CHECK_STR(check_body_name(WIRE__ENVELOPE__BODY_LEASE_EXPIRED), "lease_expired");
	CHECK_STR(check_body_name((Wire__Envelope__BodyCase)0), "nothing");
	CHECK_STR(check_op_name(WIRE__STEP_REQUEST__OP_DROP_ROW), "drop_row");
	CHECK_STR(check_op_name((Wire__StepRequest__OpCase)999), "nothing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_check_every_message_every_field),
	    TEST(test_check_empty_oneofs_are_refused),
	    TEST(test_check_unknown_oneof_members_are_refused),
	    TEST(test_check_missing_rows_are_refused),
	    TEST(test_check_a_step_needs_an_id_to_be_answered),
	    TEST(test_check_move_ids),
	    TEST(test_check_empty_names_are_refused),
	    TEST(test_check_empty_values_that_mean_something_pass),
	    TEST(test_check_a_hello_fits_the_frame_of_an_unknown_peer),
	    TEST(test_check_names_of_bodies_and_ops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
