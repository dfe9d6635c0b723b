/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by steer_run.c (the order of things) and steer_soap.c (what is asked of Zimbra). */
#ifndef AGENT_STEER_PRIVATE_H
#define AGENT_STEER_PRIVATE_H

#include "agent/mailbox/steer.h"

/* Opens the request of one step in a batch. parent: id here; 0 = the root. name: NULL =
   its own. */
void steer_put_burn(struct soap_request *r, uint64_t count);
void steer_put_create(
    struct soap_request *r, const Wire__Folder *f, uint64_t parent, const char *name);
void steer_put_move(struct soap_request *r, uint64_t id, uint64_t parent);
void steer_put_rename(
    struct soap_request *r, const Wire__Folder *f, uint64_t id, const char *name);
/* One attribute of a folder that is there. bit: one of STEER_*. */
void
steer_put_fix(struct soap_request *r, const Wire__Folder *f, uint64_t id, unsigned bit);
/* Id of what a Create...Response made. */
uint32_t steer_created_id(const struct soap_node *part);

/* --- counters and the first Sync --- */

/* Raises the change counter above change; *passed_out false: more than limit would be needed. */
MUST_USE bool steer_bump(
    struct target *t, uint64_t change, uint64_t limit, bool *passed_out, struct err *e);

#endif
