/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small questions about one account, asked of the local mailboxd. Blocking. Rows come
 * from GetAllMailboxes, which lists orphans too and is asked without a session, since
 * its answer is cached per session.
 */
#ifndef AGENT_ACCOUNT_H
#define AGENT_ACCOUNT_H

#include "proto/messages.pb-c.h"
#include "proto/zimbra/freeze.h"
#include "proto/zimbra/soap.h"

/* What this server remembers of the account is forgotten. */
MUST_USE bool account_flush(struct soap_client *c, const char *account_id, struct err *e);
/* zmbraMailHost as this server sees it after a flush of its cache. */
MUST_USE bool account_home(
    struct soap_client *c, const char *account_id, char *out, size_t size, struct err *e);
/* Ends LockoutMailbox; not locked out is fine. */
MUST_USE bool
account_lift_lockout(struct soap_client *c, const char *account_id, struct err *e);
MUST_USE bool
account_lockout(struct soap_client *c, const char *account_id, struct err *e);
/* The row of the account on this server; row->present says whether there is one. */
MUST_USE bool
account_row(struct soap_client *c, const char *account_id, Wire__Row *row, struct err *e);
/* Every row of this server, paged. */
typedef bool (*account_row_fn)(const Wire__Mailbox *m, void *ctx);
MUST_USE bool
account_each_row(struct soap_client *c, account_row_fn fn, void *ctx, struct err *e);
/* zimbraId of the server with this host name. */
MUST_USE bool account_server_id(
    struct soap_client *c, const char *host, char *out, size_t size, struct err *e);

/* The wire's frozen values as freeze.h wants them (lease.c). */
void frozen_to_saved(const Wire__Frozen *f, struct freeze_saved *out);

#endif
