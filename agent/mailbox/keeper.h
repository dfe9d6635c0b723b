/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mailbox that mailboxd has dropped from its memory is served to nobody while its account
 * lives elsewhere: service.WRONG_HOST. Its owner's search in a folder of somebody who lives
 * here loads it again (facts: live-preseed 3, A2). That somebody is the keeper: an account
 * with an empty mailbox and no password, made for this and deleted after it. Blocking.
 */
#ifndef AGENT_KEEPER_H
#define AGENT_KEEPER_H

#include "proto/base/err.h"
#include "proto/zimbra/soap.h"

struct keeper {
	struct soap_client *soap; /* an administrator's, pinned to this server */
	const char *account_id;	  /* whose mailbox is wanted */
	const char *host;	  /* this server's name */
	const char *move_id;	  /* the keeper's name comes from it */
};

#define KEEPER_NAME_SIZE 330

/* Is there a mailbox of the account that is not served? Asks. */
bool keeper_is_wanted(const struct keeper *k);
/* "zmferry-keeper-m12@example.com", in the account's own domain. */
MUST_USE bool
keeper_name(const struct keeper *k, char out[KEEPER_NAME_SIZE], struct err *e);
/* Makes the keeper, or takes one that a crash left, and searches as the mailbox's owner. */
MUST_USE bool keeper_load(const struct keeper *k, const char *name, struct err *e);
/* Deletes the account of that name if it is a keeper; none is fine. */
MUST_USE bool keeper_remove(const struct keeper *k, const char *name, struct err *e);

#endif
