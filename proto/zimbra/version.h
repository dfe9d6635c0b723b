/* SPDX-License-Identifier: Apache-2.0 */
/* Which Zimbra is it? As the running server says, not as the directory has it of its set-up. */
#ifndef ZIMBRA_VERSION_H
#define ZIMBRA_VERSION_H

#include "proto/zimbra/soap.h"

#define ZIMBRA_VERSION_SIZE 64

/* "10.1.0_GA_4655", by an administrator's client. Blocking: for the thread pool. */
MUST_USE bool
zimbra_version(struct soap_client *c, char *out, size_t size, struct err *e);

#endif
