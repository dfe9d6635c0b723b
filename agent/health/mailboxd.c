/* SPDX-License-Identifier: Apache-2.0 */
/* mailboxd from outside: does its admin SOAP answer with a row of its database. */
#include <string.h>

#include "agent/health/probes.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/zimbra/soap.h"
#include "proto/zimbra/version.h"

#define MS 1000u

/*
 * GetAllMailboxes with one row: mailboxd and its database in one cheap question. Which Zimbra
 * it is is asked each time, too: it may have been started anew as another one.
 */
void
probe_mailboxd(struct probe_run *r)
{
	struct soap_request *request;
	struct soap_answer *answer = NULL;
	uint64_t began_ms;
	struct err e;
	bool ok;

	if (r->soap == NULL)
		r->soap = agent_soap_within(r->agent, r->def->deadline_s * MS - 500);
	request = soap_request_new(SOAP_ADMIN, "GetAllMailboxesRequest");
	soap_attr_uint(request, "limit", 1);
	began_ms = clock_mono_ms();
	ok = soap_call(r->soap, request, &answer, &e);
	r->took_ms = (uint32_t)(clock_mono_ms() - began_ms);
	if (!ok && strstr(soap_fault(r->soap), "AUTH_FAILED") != NULL)
		probe_found(r, SEVERITY_FAIL,
		    "%.300s; were Zimbra's passwords changed? then restart zmferry-agent "
		    "here",
		    e.text);
	else if (!ok)
		probe_found(r, SEVERITY_FAIL, "%s", e.text);
	soap_answer_free(&answer);
	soap_request_free(&request);
	r->zimbra_version[0] = '\0';
	if (ok &&
	    !zimbra_version(r->soap, r->zimbra_version, sizeof(r->zimbra_version), &e))
		log_debug(NULL, "health mailboxd: %s", e.text);
}
