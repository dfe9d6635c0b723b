/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by world_live.c (asks), world_connections.c and survey.c (plans). */
#ifndef CONTROLLER_WORLD_PRIVATE_H
#define CONTROLLER_WORLD_PRIVATE_H

#include "controller/world_live.h"
#include "controller/zimbra/directory.h"
#include "proto/base/secret.h"
#include "proto/base/work.h"
#include "proto/zimbra/soap.h"

#define LIVE_SOAP_MS 30000 /* most for one call */

struct world_live {
	struct world world;
	uv_loop_t *loop;
	const struct controller_conf *conf;
	struct fleet *fleet;
	struct platform *platform;
	cordoned_fn cordoned;
	void *cordoned_ctx;
	seeding_plan_fn seeding; /* NULL: nothing is told */
	void *seeding_ctx;
	each_home_fn each_home;
	void *each_home_ctx;
	removal_ours_fn ours;
	void *ours_ctx;
	own_copy_fn own_copy;
	void *own_copy_ctx;
	struct secret *ldap_password;
	struct secret *admin_password;
	struct directory *directories[8]; /* idle ones */
	size_t directory_count;
	struct soap_client *soaps[32]; /* idle ones, of any server */
	size_t soap_count;
	char own_admin_id[LIMIT_ID]; /* set by world_live_check */
	bool stopping;
};

struct directory *live_take_directory(struct world_live *w);
void live_give_directory(struct world_live *w, struct directory *d);
/* A client of one mailbox server, which must outlive host; free it. */
struct soap_client *live_soap(struct world_live *w, const char *host, uint64_t limit_ms,
    const atomic_bool *cancelled);
/*
 * A client of that server, logged in already if one is idle; loop thread only. While it is
 * out another thread may use it; it is given back for the next, or closed if a call failed
 * (c NULL: nothing).
 */
struct soap_client *live_take_soap(struct world_live *w, const char *host);
void
live_limit_soap(struct soap_client *c, uint64_t limit_ms, const atomic_bool *cancelled);
void live_give_soap(struct world_live *w, struct soap_client *c, bool went_well);
void live_close_idle(struct world_live *w);
/* The directory's words as a move's checks want them; of the servers nothing is known yet. */
void live_account_facts(const struct account_facts *a, struct ask_account *out);
/* Where host is: the resolve setting goes before DNS. */
void live_address(const struct world_live *w, const char *host, char *out, size_t size);

#endif
