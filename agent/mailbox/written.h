/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a mailbox was changed last by more than mail coming in, as the elements of a Sync
 * delta tell it. In doubt it was its owner. Pure.
 */
#ifndef AGENT_WRITTEN_H
#define AGENT_WRITTEN_H

#include "proto/zimbra/soap.h"

struct written {
	int64_t at_s; /* wall clock of mailboxd; 0: nothing but mail came in */
	bool
	    undated; /* something may be as young as the answer: deletions have no date */
	/* below: until written_end */
	uint64_t since;
	uint64_t *came; /* change numbers under which mail came in */
	size_t came_count;
	struct written_touch
	    *touched; /* messages that may have changed under one of them */
	size_t touched_count;
};

void written_begin(struct written *w, const char *token);
/* A message, another item, a folder or a tag of a delta. */
void written_add_message(struct written *w, const struct soap_node *n);
void written_add_other(struct written *w, const struct soap_node *n);
void written_add_deleted(struct written *w);
/* All pages are in: at_s and undated hold from here on. Repeatable. */
void written_end(struct written *w);

#endif
