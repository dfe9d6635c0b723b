/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin calls the controller makes, beyond freezing (proto/zimbra/freeze.h).
 * Blocking: for the thread pool. Each client is for one mailbox server.
 */
#ifndef CONTROLLER_ADMIN_H
#define CONTROLLER_ADMIN_H

#include "proto/zimbra/soap.h"

/* One call whose answer does not matter; frees r. */
MUST_USE bool admin_send(struct soap_client *c, struct soap_request *r, struct err *e);
/*
 * zimbraMailHost becomes new_home. The server the client is for passes it on to the
 * account's present home; a client that is pinned (soap_client_pin) has it done by itself.
 */
MUST_USE bool admin_set_home(
    struct soap_client *c, const char *account_id, const char *new_home, struct err *e);
/* Account cache of this one server. */
MUST_USE bool
admin_flush_account(struct soap_client *c, const char *account_id, struct err *e);
/* A new zimbraAuthTokenValidityValue: every token of the account is void from now on. */
MUST_USE bool
admin_end_sessions(struct soap_client *c, const char *account_id, struct err *e);
/* zimbraId of the account the client logs in as. */
MUST_USE bool admin_own_id(
    struct soap_client *c, const char *name, char *out, size_t size, struct err *e);
/* zimbraMailHostPool becomes exactly these zimbraIds of servers; none: empty. */
MUST_USE bool admin_set_pool(struct soap_client *c, const char *cos_id,
    const char *const *ids, size_t count, struct err *e);
/* Cache of classes of service of this one server. */
MUST_USE bool admin_flush_cos(struct soap_client *c, struct err *e);
/* One attribute of a server's entry, or of the global configuration; "-name" takes value away. */
MUST_USE bool admin_set_server(struct soap_client *c, const char *server_id,
    const char *attr, const char *value, struct err *e);
MUST_USE bool admin_set_config(
    struct soap_client *c, const char *attr, const char *value, struct err *e);
/* zimbraMailHost of a distribution list. */
MUST_USE bool admin_set_group_home(
    struct soap_client *c, const char *group_id, const char *host, struct err *e);
/*
 * Zimbra passes it on to that server, and does it here when it is away. It refuses while an
 * account lives there or it is the log host: ERR_REFUSED. One that is gone already is done.
 */
MUST_USE bool
admin_delete_server(struct soap_client *c, const char *server_id, struct err *e);

#endif
