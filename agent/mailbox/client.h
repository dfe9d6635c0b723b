/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What archives go through: the REST calls that zmmailbox makes, made by ourselves, or
 * zmmailbox itself (setting mailbox_client). Both are asked in the same way. Blocking.
 */
#ifndef AGENT_CLIENT_H
#define AGENT_CLIENT_H

#include "agent/mailbox/zmmailbox.h"
#include "proto/zimbra/rest.h"

struct client { /* both borrowed */
	struct soap_client *soap;
	struct zmmailbox *zmmailbox; /* NULL: REST */
};

/*
 * It can be asked. zmmailbox cannot keep Zimbra from passing a request on to another
 * server, so the account must live here; false also when the tool does not start. Nothing
 * was sent then.
 */
MUST_USE bool client_ready(const struct client *c, const char *account_id, struct err *e);
/* As rest_export. */
MUST_USE bool client_export(const struct client *c, const struct rest_export *what,
    http_sink_fn sink, void *ctx, enum rest_status *status_out, struct err *e);
/* As rest_import, behind client_ready; by zmmailbox the result is REST_IMPORT_UNSAID. */
MUST_USE bool client_import(const struct client *c, const char *account_id,
    http_read_fn read, void *ctx, struct rest_import_answer *answer_out, struct err *e);

#endif
