/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/zimbra/version.h"

#include <stdio.h>
#include <string.h>

bool
zimbra_version(struct soap_client *c, char *out, size_t size, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "GetVersionInfoRequest");
	struct soap_answer *answer = NULL;
	bool ok = soap_call(c, r, &answer, e);

	if (ok) {
		const struct soap_node *info = soap_child(soap_body(answer), "info");
		const char *version = info == NULL ? NULL : soap_get(info, "version");

		if (version == NULL || version[0] == '\0' || strlen(version) >= size)
			ok = err_set(e, ERR_PEER,
			    "GetVersionInfo: the answer has no version that fits");
		else
			snprintf(out, size, "%s", version);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}
