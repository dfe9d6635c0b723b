/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by rights.c (who somebody is) and rights_check.c (may he do this, now). */
#ifndef API_RIGHTS_PRIVATE_H
#define API_RIGHTS_PRIVATE_H

#include "controller/api/rights.h"
#include "controller/world_private.h"
#include "controller/zimbra/directory.h"
#include "proto/base/work.h"
#include "proto/zimbra/soap.h"

struct host_list {
	char (*names)[WORLD_NAME];
	size_t count;
};

struct rights_job {
	struct work work;
	struct controller *c;
	struct directory *directory;
	struct host_list hosts;
	/* exchange */
	enum credential_kind kind;
	char *name;
	struct secret *secret;
	struct rights_person person;
	rights_exchange_fn exchanged;
	/* check */
	struct rights_wish wish;
	char next[400];
	rights_check_fn checked;
	void *owner;
};

struct rights_job *rights_job_new(struct controller *c, void *owner);
void rights_submit(struct rights_job *job);
void rights_job_free(struct rights_job *job);
/* On the pool. Every mailbox server of the directory into job->hosts. */
MUST_USE bool rights_hosts(struct rights_job *job, struct err *e);
/* The account as the directory has it: there, active, and who it is. */
MUST_USE bool rights_account(struct rights_job *job, const char *id, char *name,
    size_t size, bool *is_global, struct err *e);
/* What the directory's word about the person means for this wish; next gets what to do. */
MUST_USE bool rights_judge_person(
    const struct rights_wish *w, bool is_global, char *next, size_t size, struct err *e);
/* The controller's own session at one server. */
struct soap_client *rights_own_client(const struct rights_job *job, const char *host);
MUST_USE bool rights_may(struct soap_client *own, const char *admin_id,
    const char *server, const char *right, bool *allowed_out, struct err *e);

#endif
