/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scratch account with a little of everything in it, which is moved there and back to see
 * how this Zimbra behaves, worked in while it waits for its lock, and deleted. Blocking: for the thread pool.
 */
#ifndef CONTROLLER_REHEARSAL_H
#define CONTROLLER_REHEARSAL_H

#include "controller/move.h"
#include "controller/zimbra/directory.h"
#include "proto/zimbra/soap.h"

/* Its name begins so; nothing else is ever deleted. */

/*
 * Makes the account on the server that c is for (host), hidden from address lists, with folders,
 * a tag, messages that are awkward to move, and a contact, and works in it once. id_out: its
 * zimbraId.
 */
MUST_USE bool rehearsal_make(struct soap_client *c, const char *name, const char *host,
    char *id_out, size_t size, struct err *e);
/*
 * What its owner might do: in a new folder a message is moved and a reply comes in, others are
 * flagged, read, tagged, thrown away and deleted. Where it lives now. Refuses as rehearsal_end.
 */
MUST_USE bool rehearsal_work_in(struct soap_client *c, const char *id, struct err *e);
/* Where the rehearsal's account with that id lives; "" = it is gone. Refuses any other. */
MUST_USE bool rehearsal_find(
    struct directory *d, const char *id, char *host_out, size_t size, struct err *e);
/* Deletes it. Refuses every account whose name is not a rehearsal's; one that is gone is done. */
MUST_USE bool
rehearsal_end(struct soap_client *c, struct directory *d, const char *id, struct err *e);

#endif
