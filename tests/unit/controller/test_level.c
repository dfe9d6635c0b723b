/* SPDX-License-Identifier: Apache-2.0 */
/* Who moves so that nodes become even: few people, nobody to and fro, never past the mean. */
#include <stdlib.h>
#include <string.h>

#include "controller/level.h"
#include "controller/plan.h"
#include "tests/unit/check.h"

#define MB (1024ull * 1024)
#define GB (1024 * MB)
#define NODES 6
#define BOXES 4000

static struct level_node nodes[NODES];
static struct level_box boxes[BOXES];
static size_t node_count, box_count;

static void
begin(size_t count)
{
	memset(nodes, 0, sizeof(nodes));
	memset(boxes, 0, sizeof(boxes));
	node_count = count;
	box_count = 0;
	for (size_t i = 0; i < count; i++)
		nodes[i] = (struct level_node){
		    .gives = true, .takes = true, .room_bytes = 1000 * GB};
}

static void
add(uint32_t node, uint64_t bytes)
{
	struct level_box *box = &boxes[box_count];

	box->bytes = bytes;
	box->node = node;
	memcpy(box->id, &box_count, sizeof(box_count));
	box_count++;
	nodes[node].load += plan_load(bytes, 1);
}

static size_t
choose(void)
{
	return level_choose(nodes, node_count, boxes, box_count);
}

/* What the boxes say must be what the loads say. */
static void
check_loads(void)
{
	uint64_t loads[NODES] = {0};

	for (size_t i = 0; i < box_count; i++)
		loads[boxes[i].to < 0 ? boxes[i].node : (uint32_t)boxes[i].to] +=
		    plan_load(boxes[i].bytes, 1);
	for (size_t i = 0; i < node_count; i++)
		CHECK_INT(loads[i], nodes[i].load);
}

static void
fill_any(uint32_t seed, size_t count, size_t on)
{
	for (size_t i = 0; i < count; i++) {
		seed = seed * 1664525u + 1013904223u;
		add((uint32_t)(i % on), (seed >> 8) % 1000 * MB);
	}
}

/* Three full nodes and a new one: within two percent, as the sizes allow. */
static void
test_a_new_node_gets_its_share(void **state)
{
	uint64_t mean = 0;

	(void)state;
	begin(4);
	fill_any(7, 2000, 3);
	for (size_t i = 0; i < 3; i++) {
		nodes[i].takes = false;
		mean += nodes[i].load / 4;
	}
	CHECK(choose() > 100);
	check_loads();
	for (size_t i = 0; i < 4; i++) {
		CHECK(nodes[i].load > mean / 100 * 98);
		CHECK(nodes[i].load < mean / 100 * 102);
	}
}

/* After it was done there is nothing to do: nobody is sent to and fro. */
static void
test_a_second_look_finds_nothing(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 20; seed++) {
		begin(NODES);
		fill_any(seed, 1500, 2);
		CHECK(choose() > 0);
		check_loads();
		for (size_t i = 0; i < box_count; i++) {
			if (boxes[i].to >= 0)
				boxes[i].node = (uint32_t)boxes[i].to;
		}
		CHECK_INT(choose(), 0);
	}
}

/* A node of twice the weight gets twice as much. */
static void
test_a_heavier_node_gets_more(void **state)
{
	(void)state;
	begin(3);
	fill_any(11, 2000, 1);
	nodes[0].takes = false;
	nodes[2].weight = 200;
	CHECK(choose() > 100);
	check_loads();
	CHECK(nodes[2].load > nodes[1].load / 100 * 195);
	CHECK(nodes[2].load < nodes[1].load / 100 * 205);
}

static void
test_nobody_crosses_the_mean(void **state)
{
	uint64_t before[NODES];
	uint64_t mean = 0;

	(void)state;
	begin(3);
	fill_any(3, 900, 2);
	for (size_t i = 0; i < 3; i++) {
		before[i] = nodes[i].load;
		mean += nodes[i].load;
	}
	mean /= 3;
	CHECK(choose() > 0);
	for (size_t i = 0; i < 3; i++) {
		CHECK(before[i] > mean || nodes[i].load <= mean);
		CHECK(before[i] <= mean || nodes[i].load >= mean);
	}
	for (size_t i = 0; i < box_count; i++) {
		if (boxes[i].to >= 0)
			CHECK(before[boxes[i].node] > mean && before[boxes[i].to] < mean);
	}
}

/* The largest that fits goes: few people are touched. */
static void
test_few_people_are_touched(void **state)
{
	(void)state;
	begin(2);
	for (int i = 0; i < 100; i++)
		add(0, 10 * MB);
	add(0, 600 * MB);
	add(0, 900 * MB);
	CHECK(choose() < 40); /* and not half of the 102 */
	check_loads();
}

static void
test_who_takes_no_part_is_left_alone(void **state)
{
	(void)state;
	begin(3);
	fill_any(1, 300, 1);
	nodes[1].gives = nodes[1].takes = false;
	CHECK(choose() > 0);
	for (size_t i = 0; i < box_count; i++)
		CHECK(boxes[i].to != 1);
	begin(2);
	fill_any(1, 300, 1);
	nodes[1].room_bytes = plan_room_needed(0) - 1;
	CHECK_INT(choose(), 0);
	begin(2);
	fill_any(1, 300, 1);
	nodes[0].gives = false;
	CHECK_INT(choose(), 0);
	begin(0);
	CHECK_INT(choose(), 0);
}

/* One mailbox that is the whole difference: there and back for ever would be the alternative. */
static void
test_what_cannot_be_halved_stays(void **state)
{
	(void)state;
	begin(2);
	add(0, GB);
	CHECK_INT(choose(), 0);
	CHECK_INT(boxes[0].to, -1);
}

static void
test_the_order_of_the_inventory_does_not_matter(void **state)
{
	static struct level_box other[BOXES];
	struct level_node same[NODES];
	size_t moved;

	(void)state;
	begin(3);
	for (int i = 0; i < 200; i++)
		add(0, (uint64_t)(i % 7) * 50 * MB);
	memcpy(same, nodes, sizeof(nodes));
	for (size_t i = 0; i < box_count; i++)
		other[i] = boxes[box_count - 1 - i];
	moved = choose();
	CHECK_INT(level_choose(same, node_count, other, box_count), moved);
	for (size_t i = 0; i < box_count; i++) {
		CHECK_INT(other[i].to, boxes[i].to);
		CHECK(memcmp(other[i].id, boxes[i].id, sizeof(boxes[i].id)) == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_new_node_gets_its_share),
	    TEST(test_a_second_look_finds_nothing),
	    TEST(test_a_heavier_node_gets_more),
	    TEST(test_nobody_crosses_the_mean),
	    TEST(test_few_people_are_touched),
	    TEST(test_who_takes_no_part_is_left_alone),
	    TEST(test_what_cannot_be_halved_stays),
	    TEST(test_the_order_of_the_inventory_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
