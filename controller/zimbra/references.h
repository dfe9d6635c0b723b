/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything in Zimbra's directory that names one mailbox server, and its way out of there.
 * Blocking: for the thread pool. Reading is LDAP's, changing is SOAP's.
 * Source: facts of Zimbra's deleteServer: what it refuses, what it cleans, what it leaves.
 */
#ifndef CONTROLLER_REFERENCES_H
#define CONTROLLER_REFERENCES_H

#include "controller/zimbra/directory.h"
#include "controller/zimbra/standing.h"
#include "proto/zimbra/soap.h"

MUST_USE bool directory_server_standing(
    struct directory *d, const char *host, struct server_standing *out, struct err *e);

/*
 * Takes the server out: groups get the home of the server that c is for (named by host and
 * id), references are taken away, the entry is deleted. Repeatable; a server that is not there any more is
 * done. ERR_REFUSED: a person must do something first.
 */
MUST_USE bool unlist_server(struct soap_client *c, const char *host, const char *id,
    const struct server_standing *s, struct err *e);

#endif
