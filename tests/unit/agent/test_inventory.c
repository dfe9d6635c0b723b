/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of mailboxes into pages: nothing lost, nothing twice, every page fits. */
#include <stdio.h>
#include <string.h>

#include "agent/mailbox/inventory.h"
#include "proto/frame.h"
#include "tests/unit/check.h"

static void
add(struct inventory_list *list, const char *id, uint64_t size_bytes)
{
	Wire__Mailbox m = WIRE__MAILBOX__INIT;

	m.account_id = frame_bytes(id);
	m.size_bytes = size_bytes;
	inventory_add(list, &m);
}

static void
fill(struct inventory_list *list, size_t count)
{
	char id[64];

	for (size_t i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "%08zx-1111-2222-3333-444455556666",
		    (i * 7919) % count);
		add(list, id, i);
	}
	inventory_sort(list);
}

/* Every row is on exactly one page, the last page says so, each fits a frame. */
static void
check_pages(size_t count, uint32_t pages)
{
	struct inventory_list list = {0};
	size_t seen = 0;
	char last_id[LIMIT_ID] = "";

	fill(&list, count);
	CHECK_INT(list.count, count);
	CHECK_INT(inventory_page_count(&list), pages);
	for (uint32_t n = 0; n < pages; n++) {
		Wire__Envelope m = WIRE__ENVELOPE__INIT;
		Wire__InventoryPage page;
		struct buf frame;
		struct err e;

		inventory_page(&list, 42, n, &page);
		CHECK_INT(page.snapshot, 42);
		CHECK_INT(page.page, n);
		CHECK_INT(page.last, n + 1 == pages);
		for (size_t i = 0; i < page.n_mailboxes; i++) {
			char id[LIMIT_ID];

			CHECK(frame_copy(&page.mailboxes[i]->account_id, id, sizeof(id)));
			CHECK(strcmp(last_id, id) < 0);
			memcpy(last_id, id, sizeof(id));
		}
		seen += page.n_mailboxes;
		m.body_case = WIRE__ENVELOPE__BODY_INVENTORY;
		m.inventory = &page;
		buf_init(&frame, LIMIT_FRAME);
		CHECK(frame_put(&frame, &m, &e));
		buf_fini(&frame);
		inventory_page_free(&page);
	}
	CHECK_INT(seen, count);
	inventory_list_free(&list);
}

static void
test_pages_hold_every_row_once(void **state)
{
	(void)state;
	check_pages(0, 1);
	check_pages(1, 1);
	check_pages(LIMIT_INVENTORY_PAGE, 1);
	check_pages(LIMIT_INVENTORY_PAGE + 1, 2);
	check_pages(3 * LIMIT_INVENTORY_PAGE, 3);
}

static void
test_a_page_behind_the_end_is_empty(void **state)
{
	struct inventory_list list = {0};
	Wire__InventoryPage page;

	(void)state;
	fill(&list, 3);
	inventory_page(&list, 1, 5, &page);
	CHECK_INT(page.n_mailboxes, 0);
	CHECK(page.last);
	inventory_page_free(&page);
	inventory_list_free(&list);
}

static void
test_a_row_that_came_twice_is_told_once(void **state)
{
	struct inventory_list list = {0};

	(void)state;
	add(&list, "b", 1);
	add(&list, "a", 2);
	add(&list, "b", 1);
	add(&list, "a", 2);
	inventory_sort(&list);
	CHECK_INT(list.count, 2);
	CHECK_STR(list.rows[0].account_id, "a");
	CHECK_STR(list.rows[1].account_id, "b");
	CHECK_INT(list.rows[1].size_bytes, 1);
	inventory_list_free(&list);
}

static void
test_ids_that_the_wire_refuses_are_left_out(void **state)
{
	struct inventory_list list = {0};

	(void)state;
	add(&list, "", 1);
	add(&list, "0123456789012345678901234567890123456789", 1); /* one too long */
	add(&list, "a\nb", 1);
	add(&list, "a\xff", 1);
	CHECK_INT(list.count, 0);
	CHECK_INT(list.refused, 4);
	add(&list, "012345678901234567890123456789012345678", 1);
	CHECK_INT(list.count, 1);
	inventory_list_free(&list);
}

static void
test_the_hash_sees_changes_but_not_mere_access(void **state)
{
	struct inventory_list list = {0};
	uint64_t before;

	(void)state;
	fill(&list, 100);
	before = inventory_hash(&list);
	list.rows[7].last_access_s = 12345;
	CHECK(inventory_hash(&list) == before);
	list.rows[7].size_bytes++;
	CHECK(inventory_hash(&list) != before);
	list.rows[7].size_bytes--;
	CHECK(inventory_hash(&list) == before);
	list.count--;
	CHECK(inventory_hash(&list) != before);
	inventory_list_free(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_pages_hold_every_row_once),
	    TEST(test_a_page_behind_the_end_is_empty),
	    TEST(test_a_row_that_came_twice_is_told_once),
	    TEST(test_ids_that_the_wire_refuses_are_left_out),
	    TEST(test_the_hash_sees_changes_but_not_mere_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
