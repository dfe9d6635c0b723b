/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailboxd from outside: does its admin SOAP answer with a row of its database, does
 * its LMTP greet. Connections are made anew for LMTP, as the MTA does.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/health/probes.h"
#include "proto/base/clock.h"
#include "proto/zimbra/soap.h"

#define LMTP_PORT 7025	/* zimbraLmtpBindPort */
#define CONNECT_MS 3000 /* within one host */
#define MS 1000u

/* GetAllMailboxes with one row: mailboxd and its database in one cheap question. */
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
}

/* Reads one line; false: silence, or an end before it. */
static bool
lmtp_read_line(const struct probe_run *r, int fd, char *out, size_t size)
{
	uint64_t until_ms = clock_mono_ms() + r->def->fail_ms;
	size_t len = 0;

	while (len + 1 < size) {
		uint64_t now = clock_mono_ms();
		ssize_t n;

		if (now >= until_ms || !probe_wait(r, fd, (unsigned)(until_ms - now)))
			return false;
		n = read(fd, out + len, size - 1 - len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		len += (size_t)n;
		out[len] = '\0';
		if (strchr(out, '\n') != NULL) {
			out[strcspn(out, "\r\n")] = '\0';
			return true;
		}
	}
	return true;
}

void
probe_lmtp(struct probe_run *r)
{
	const char *host = agent_resolve(r->agent->conf, r->agent->zimbra.host);
	char line[256] = "";
	struct err e;
	int fd;

	if (!tls_tcp_connect(host, LMTP_PORT, CONNECT_MS, &fd, &e)) {
		probe_found(
		    r, SEVERITY_FAIL, "%.350s; no mail can be delivered here", e.text);
		return;
	}
	if (!lmtp_read_line(r, fd, line, sizeof(line)))
		probe_found(r, SEVERITY_FAIL,
		    "LMTP on %s port %u does not greet; no mail can be delivered here",
		    host, LMTP_PORT);
	else if (strncmp(line, "220", 3) != 0)
		probe_found(r, SEVERITY_FAIL, "LMTP on %s port %u greets with \"%.200s\"",
		    host, LMTP_PORT, line);
	(void)!send(fd, "QUIT\r\n", 6, MSG_NOSIGNAL);
	close(fd);
}
