/* SPDX-License-Identifier: Apache-2.0 */
/* The table of requests is whole, its caps fit, and what is done in the agent may run twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lane.h"
#include "agent/lease.h"
#include "agent/mailbox/inventory.h"
#include "agent/mailbox/spool.h"
#include "agent/requests.h"
#include "proto/base/xalloc.h"
#include "proto/check.h"
#include "proto/frame.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define MOVE "m-1"

static char folder[] = "/tmp/test_requests.XXXXXX";
static struct agent_conf conf;
static struct agent agent;

/* The last answer. */
static unsigned answers;
static uint64_t answer_id;
static int answer_kind;
static char answer_text[LIMIT_TEXT];

bool
agent_send(struct agent *a, const Wire__Envelope *m)
{
	(void)a;
	if (m->body_case != WIRE__ENVELOPE__BODY_RESULT)
		return true;
	answers++;
	answer_id = m->id;
	answer_kind = (int)m->result->kind;
	CHECK(frame_copy(&m->result->text, answer_text, sizeof(answer_text)));
	return true;
}

struct soap_client *
agent_soap(const struct agent *a)
{
	(void)a;
	return NULL;
}

static unsigned asked_soon;

void
inventory_soon(struct inventory *v)
{
	(void)v;
	asked_soon++;
}

/* --- the table --- */

/* The number of operations that the message knows, by its own descriptor. */
static size_t
ops_known(Wire__StepRequest__OpCase out[64])
{
	const ProtobufCMessageDescriptor *d = &wire__step_request__descriptor;
	size_t count = 0;

	for (unsigned i = 0; i < d->n_fields; i++) {
		if ((d->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
			out[count++] = (Wire__StepRequest__OpCase)d->fields[i].id;
	}
	return count;
}

static void
test_every_operation_has_one_row(void **state)
{
	Wire__StepRequest__OpCase ops[64];
	size_t count = ops_known(ops);

	(void)state;
	CHECK_INT(count, request_count);
	for (size_t i = 0; i < count; i++) {
		if (request_find(ops[i]) == NULL)
			fail_msg("operation \"%s\" has no row", check_op_name(ops[i]));
	}
	CHECK(request_find(WIRE__STEP_REQUEST__OP__NOT_SET) == NULL);
}

static void
test_every_row_is_done_in_one_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < request_count; i++) {
		const struct request *row = &requests[i];

		CHECK((row->worker == NULL) != (row->handle == NULL));
		CHECK(row->side >= SIDE_SOURCE && row->side <= SIDE_EITHER);
		CHECK(row->at_most > 0 && row->at_most < LIMIT_FRAME);
		CHECK(row->what != NULL && row->what[0] != '\0');
		CHECK(row->worker == NULL || strlen(row->worker) < 16);
		for (size_t j = 0; j < i; j++)
			CHECK(requests[j].op != row->op);
	}
}

/* --- the largest that check.c lets through --- */

static char filling[LIMIT_NAME + 1];

static ProtobufCBinaryData
long_text(size_t len)
{
	ProtobufCBinaryData b = {.len = len, .data = (uint8_t *)filling};

	return b;
}

static void
check_fits(Wire__StepRequest *step, Wire__StepRequest__OpCase op)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	size_t size;
	struct err e;

	step->op_case = op;
	m.id = 1;
	m.body_case = WIRE__ENVELOPE__BODY_STEP;
	m.step = step;
	if (!check_envelope(&m, &e))
		fail_msg("%s: %s", check_op_name(op), e.text);
	size = wire__step_request__get_packed_size(step);
	if (size > request_find(op)->at_most)
		fail_msg("%s: a legal request has %zu bytes, its row takes %zu",
		    check_op_name(op), size, request_find(op)->at_most);
}

static void
step_begin(Wire__StepRequest *step)
{
	wire__step_request__init(step);
	step->move_id = long_text(LIMIT_ID - 1);
	step->account_id = long_text(LIMIT_ID - 1);
	step->account_name = long_text(LIMIT_NAME);
	step->step_no = step->effect_no = UINT32_MAX;
	step->epoch = UINT64_MAX;
	step->deadline_s = 7 * 86400;
}

static void
test_caps_take_the_largest_legal_request(void **state)
{
	Wire__StepRequest step;
	Wire__OpReserve reserve = WIRE__OP_RESERVE__INIT;
	Wire__OpStage stage = WIRE__OP_STAGE__INIT;
	Wire__OpLease lease = WIRE__OP_LEASE__INIT;
	Wire__Frozen frozen = WIRE__FROZEN__INIT;
	Wire__OpFence fence = WIRE__OP_FENCE__INIT;
	Wire__Row row = WIRE__ROW__INIT;
	Wire__OpRoutes routes = WIRE__OP_ROUTES__INIT;
	ProtobufCBinaryData many[256];

	(void)state;
	memset(filling, 'a', LIMIT_NAME);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = long_text(LIMIT_NAME);
	step_begin(&step);
	reserve.source_node = long_text(LIMIT_NAME);
	reserve.ticket = long_text(LIMIT_TICKET);
	reserve.bytes = (uint64_t)1 << 50;
	step.reserve = &reserve;
	check_fits(&step, WIRE__STEP_REQUEST__OP_RESERVE);
	stage.pass = WIRE__STAGE_PASS__PASS_FINAL;
	stage.target_host = stage.target_node = long_text(LIMIT_NAME);
	stage.target_port = 65535;
	stage.ticket = long_text(LIMIT_TICKET);
	stage.token = long_text(63);
	step.stage = &stage;
	check_fits(&step, WIRE__STEP_REQUEST__OP_STAGE);
	row.present = true;
	row.mailbox_id = row.item_id = row.change = row.size_bytes = row.new_messages =
	    row.contacts = UINT64_MAX;
	fence.token = long_text(63);
	fence.row = &row;
	step.fence = &fence;
	check_fits(&step, WIRE__STEP_REQUEST__OP_FENCE);
	routes.names = many;
	routes.n_names = ARRAY_LEN(many);
	step.routes = &routes;
	check_fits(&step, WIRE__STEP_REQUEST__OP_ROUTES);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = long_text(LIMIT_ID - 1);
	frozen.status = frozen.mail_status = long_text(31);
	frozen.quota = long_text(23);
	frozen.receive_over_quota = long_text(7);
	frozen.data_sources = many;
	frozen.n_data_sources = 64;
	lease.frozen = &frozen;
	lease.lease_ms = 60000;
	step.lease = &lease;
	check_fits(&step, WIRE__STEP_REQUEST__OP_LEASE);
}

/* --- taking requests --- */

static void
begin(Wire__StepRequest *step, uint32_t effect_no)
{
	wire__step_request__init(step);
	step->move_id = frame_bytes(MOVE);
	step->account_id = frame_bytes("acc-1");
	step->step_no = 1;
	step->effect_no = effect_no;
	step->epoch = 5;
	step->deadline_s = 60;
}

/* Until the answer with this id is there. */
static void
take(Wire__StepRequest *step, uint64_t id)
{
	unsigned before = answers;

	requests_take(&agent, step, id);
	while (answers == before && uv_run(&agent.loop, UV_RUN_ONCE) != 0)
		continue;
	CHECK_INT(answers, before + 1);
	CHECK_INT(answer_id, id);
}

static void
reserve_step(Wire__StepRequest *step, Wire__OpReserve *op)
{
	static const char ticket[LIMIT_TICKET] = "0123456789012345678901234567890";

	begin(step, 1);
	wire__op_reserve__init(op);
	op->source_node = frame_bytes("mbs1.example.org");
	op->ticket.data = (uint8_t *)(uintptr_t)ticket;
	op->ticket.len = LIMIT_TICKET;
	op->bytes = 4096;
	step->op_case = WIRE__STEP_REQUEST__OP_RESERVE;
	step->reserve = op;
}

static bool
count_admission(const Wire__Admission *a, void *ctx)
{
	CHECK(frame_equal(&a->source_node, "mbs1.example.org"));
	CHECK_INT(a->bytes, 4096);
	++*(int *)ctx;
	return true;
}

static void
test_reserve_and_drop_may_run_twice(void **state)
{
	Wire__StepRequest step;
	Wire__OpReserve reserve;
	Wire__OpDrop drop = WIRE__OP_DROP__INIT;
	int admissions = 0;

	(void)state;
	reserve_step(&step, &reserve);
	for (uint64_t id = 10; id < 12; id++) {
		take(&step, id);
		CHECK_STR(answer_text, "");
		CHECK_INT(answer_kind, WIRE__ERROR_KIND__ERROR_NONE);
	}
	spool_each_admission(folder, count_admission, &admissions);
	CHECK_INT(admissions, 1);
	begin(&step, 2);
	step.op_case = WIRE__STEP_REQUEST__OP_DROP;
	step.drop = &drop;
	asked_soon = 0;
	for (uint64_t id = 12; id < 14; id++) {
		take(&step, id);
		CHECK_STR(answer_text, "");
	}
	CHECK_INT(asked_soon, 2);
	admissions = 0;
	spool_each_admission(folder, count_admission, &admissions);
	CHECK_INT(admissions, 0);
}

static void
test_the_same_request_under_way_is_answered_once_to_the_latest(void **state)
{
	Wire__StepRequest step;
	Wire__OpReserve reserve;
	unsigned before = answers;

	(void)state;
	reserve_step(&step, &reserve);
	requests_take(&agent, &step, 20);
	requests_take(&agent, &step, 21);
	uv_run(&agent.loop, UV_RUN_DEFAULT);
	CHECK_INT(answers, before + 1);
	CHECK_INT(answer_id, 21);
	CHECK(agent.local_jobs == NULL);
}

static void
test_a_spool_that_dies_with_the_container_takes_nothing(void **state)
{
	Wire__StepRequest step;
	Wire__OpReserve reserve;

	(void)state;
	reserve_step(&step, &reserve);
	conf.allow_ephemeral_spool = spool_is_persistent(folder);
	if (!conf.allow_ephemeral_spool) { /* /tmp is a tmpfs or an overlay here */
		take(&step, 30);
		CHECK_INT(answer_kind, WIRE__ERROR_KIND__ERROR_REFUSED);
		CHECK_HAS(answer_text, "lost with the container");
	}
	conf.allow_ephemeral_spool = true;
}

static void
test_lease_and_unlease_may_run_twice(void **state)
{
	Wire__StepRequest step;
	Wire__OpLease lease = WIRE__OP_LEASE__INIT;
	Wire__Frozen frozen = WIRE__FROZEN__INIT;
	Wire__OpUnlease unlease = WIRE__OP_UNLEASE__INIT;

	(void)state;
	frozen.status = frame_bytes("active");
	lease.frozen = &frozen;
	lease.lease_ms = 60000;
	begin(&step, 3);
	step.op_case = WIRE__STEP_REQUEST__OP_LEASE;
	step.lease = &lease;
	for (uint64_t id = 40; id < 42; id++) {
		take(&step, id);
		CHECK_STR(answer_text, "");
		CHECK(leases_has(agent.leases, MOVE));
	}
	begin(&step, 4);
	step.op_case = WIRE__STEP_REQUEST__OP_UNLEASE;
	step.unlease = &unlease;
	for (uint64_t id = 42; id < 44; id++) {
		take(&step, id);
		CHECK_STR(answer_text, "");
		CHECK(!leases_has(agent.leases, MOVE));
	}
}

static void
test_what_must_not_be_done_is_answered(void **state)
{
	Wire__StepRequest step;
	Wire__OpUnlease unlease = WIRE__OP_UNLEASE__INIT;
	char name[2 * KIB];

	(void)state;
	begin(&step, 5);
	step.op_case = WIRE__STEP_REQUEST__OP_UNLEASE;
	step.unlease = &unlease;
	step.epoch = 4;
	take(&step, 50);
	CHECK_INT(answer_kind, WIRE__ERROR_KIND__ERROR_REFUSED);
	CHECK_STR(
	    answer_text, "the request is of epoch 4, the controller obeyed is at 5");
	step.epoch = 6;
	take(&step, 51);
	CHECK_STR(answer_text, "");
	memset(name, 'x', sizeof(name));
	step.account_name.data = (uint8_t *)name;
	step.account_name.len = sizeof(name);
	take(&step, 52);
	CHECK_INT(answer_kind, WIRE__ERROR_KIND__ERROR_PEER);
	CHECK_HAS(answer_text, "\"unlease\" with ");
	step.op_case = (Wire__StepRequest__OpCase)99;
	take(&step, 53);
	CHECK_HAS(answer_text, "does not know the operation");
}

static int
set_up(void **state)
{
	struct err e;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	conf.spool_dir = folder;
	conf.allow_ephemeral_spool = true;
	conf.fill_limit = 100;
	conf.workers = 1;
	agent.conf = &conf;
	agent.epoch = 5;
	log_set_level(LOG_ERROR);
	uv_loop_init(&agent.loop);
	agent.lanes = lanes_new(&agent);
	return leases_open(&agent, &agent.leases, &e) ? 0 : -1;
}

static int
tear_down(void **state)
{
	char path[100];
	struct err e;

	(void)state;
	lanes_free(&agent.lanes);
	leases_free(&agent.leases);
	if (uv_loop_close(&agent.loop) != 0 || !spool_delete(folder, MOVE, &e))
		return -1;
	snprintf(path, sizeof(path), "%s/leases", folder);
	scratch_remove(path);
	return rmdir(folder) == 0 ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_every_operation_has_one_row),
	    TEST(test_every_row_is_done_in_one_place),
	    TEST(test_caps_take_the_largest_legal_request),
	    TEST(test_reserve_and_drop_may_run_twice),
	    TEST(test_the_same_request_under_way_is_answered_once_to_the_latest),
	    TEST(test_a_spool_that_dies_with_the_container_takes_nothing),
	    TEST(test_lease_and_unlease_may_run_twice),
	    TEST(test_what_must_not_be_done_is_answered),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
