/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freezing one account and giving it back, by SOAP: what the controller does at the
 * lock and the source's agent undoes when the lease runs out. Restoring is
 * compare-and-set: what an administrator changed meanwhile stays, and is named.
 * Freeze = data sources off, status locked, quota 1, receive-when-over-quota FALSE,
 * zimbraMailStatus sent along unchanged (facts: move-protocol 2.2, zimbra 4.1).
 */
#ifndef ZIMBRA_FREEZE_H
#define ZIMBRA_FREEZE_H

#include "proto/zimbra/soap.h"

#define FREEZE_SOURCES_MAX 64

/* Old values; "" = not set on the account (inherited). Journaled before the freeze. */
struct freeze_saved {
	char status[32];
	char mail_status[32];
	char quota[24];
	char receive_over_quota[8];
	size_t source_count; /* data sources that were enabled */
	char source_ids[FREEZE_SOURCES_MAX][40];
};

/* Reads the account-level values (GetAccount with applyCos=0, GetDataSources). Refuses
   statuses that cannot be moved (maintenance); "lockout" is saved as "locked". */
MUST_USE bool freeze_read(struct soap_client *c, const char *account_id,
    struct freeze_saved *saved_out, struct err *e);
/* Read again when the freeze may be in force already: what is as the freeze sets it keeps
   its older value, the rest is taken from now; sources that were on at either look stay listed. */
MUST_USE bool
freeze_merge(struct freeze_saved *saved, const struct freeze_saved *now, struct err *e);
/* Idempotent. */
MUST_USE bool freeze_apply(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, struct err *e);
/* Quota 0 for the import, still locked; a quota that is not the freeze's stays. Idempotent. */
MUST_USE bool freeze_allow_import(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, struct err *e);
/*
 * Gives back what is still as we set it; names in kept_out what somebody else changed.
 * keep_quota: the quota stays lifted for an import that goes on while people work; it is
 * given back by freeze_restore_quota.
 */
MUST_USE bool freeze_restore(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, bool keep_quota, char *kept_out, size_t kept_size,
    struct err *e);
MUST_USE bool freeze_restore_quota(struct soap_client *c, const char *account_id,
    const struct freeze_saved *saved, char *kept_out, size_t kept_size, struct err *e);

#endif
