/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REST tells Zimbra to pass nothing on (X-Zimbra-Hopcount), zmmailbox cannot. Instead the
 * account's home is asked for before each of its requests and after it. What went wrong
 * between the two is told, not undone.
 */
#include "agent/mailbox/client.h"

#include <string.h>
#include <strings.h>

#include "agent/mailbox/account.h"

static bool
client_is_home(
    const struct client *c, const char *account_id, const char *when, struct err *e)
{
	char home[256];

	if (!account_home(c->soap, account_id, home, sizeof(home), e))
		return false;
	return strcasecmp(home, soap_host(c->soap)) == 0 ||
	       err_set(e, ERR_REFUSED,
		   "%s zmmailbox was asked, the account's home was %.200s and not this "
		   "server: it would work on the mailbox there",
		   when, home);
}

bool
client_ready(const struct client *c, const char *account_id, struct err *e)
{
	return c->zmmailbox == NULL || (zmmailbox_ready(c->zmmailbox, e) &&
					   client_is_home(c, account_id, "before", e));
}

bool
client_export(const struct client *c, const struct rest_export *what, http_sink_fn sink,
    void *ctx, enum rest_status *status_out, struct err *e)
{
	if (c->zmmailbox == NULL)
		return rest_export(c->soap, what, sink, ctx, status_out, e);
	*status_out = REST_OTHER;
	return client_ready(c, what->account_id, e) &&
	       zmmailbox_export(c->zmmailbox, what, sink, ctx, status_out, e) &&
	       client_is_home(c, what->account_id, "after", e);
}

bool
client_import(const struct client *c, const char *account_id, http_read_fn read,
    void *ctx, struct rest_import_answer *answer_out, struct err *e)
{
	if (c->zmmailbox == NULL)
		return rest_import(c->soap, account_id, read, ctx, answer_out, e);
	memset(answer_out, 0, sizeof(*answer_out));
	answer_out->result = REST_IMPORT_UNSAID;
	return zmmailbox_import(c->zmmailbox, read, ctx, e) &&
	       client_is_home(c, account_id, "after", e);
}
