/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mailboxes lie on this node: the rows of the local mailboxd, orphans too, told to
 * the controller in pages. Looked at from time to time, told when something changed and
 * after every connect. Loop thread; the question itself runs on the pool.
 */
#ifndef AGENT_INVENTORY_H
#define AGENT_INVENTORY_H

#include "agent/agent.h"

struct inventory;

struct inventory *inventory_new(struct agent *a);
void inventory_free(struct inventory **v); /* after the loop ran dry */
void inventory_tick(struct inventory *v);  /* asks when it is time, sends what has room */
void inventory_restart(struct inventory *v); /* a new link: everything is told again */
void inventory_soon(struct inventory *v);    /* rows of this node are changing just now */

/* --- rows and pages, without a loop --- */

struct inventory_row {
	char account_id[LIMIT_ID];
	uint64_t mailbox_id, size_bytes, item_id, change, contacts, new_messages;
	int64_t last_access_s;
};

struct inventory_list {
	struct inventory_row *rows;
	size_t count;
	size_t refused; /* rows with an id that the wire would not take */
};

void inventory_add(struct inventory_list *list, const Wire__Mailbox *m);
/* By id, each once: a row may come twice when it moved between two of Zimbra's pages. */
void inventory_sort(struct inventory_list *list);
/* Changes when something did that the controller must know. */
uint64_t inventory_hash(const struct inventory_list *list);
uint32_t inventory_page_count(const struct inventory_list *list); /* at least 1 */
/* Page no of the snapshot; free with inventory_page_free. Strings are borrowed from list. */
void inventory_page(const struct inventory_list *list, uint64_t snapshot, uint32_t page,
    Wire__InventoryPage *out);
void inventory_page_free(Wire__InventoryPage *page);
void inventory_list_free(struct inventory_list *list);

#endif
