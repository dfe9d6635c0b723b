/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does an LMTP server greet, and does it know who lives here? RCPT makes mailboxd ask LDAP
 * for an address that nobody has: "no such user" is the answer of a healthy one. There is
 * no DATA, so nothing is ever delivered. It logs "rejecting address zmferry-probe@...".
 */
#include "agent/health/lmtp.h"

#include <stdio.h>
#include <string.h>

#include "agent/health/dialogue.h"
#include "agent/health/probes.h"
#include "proto/zimbra/ports.h"

#define FAREWELL "QUIT\r\n"

/* Connects and hears the greeting; on false all is closed. */
static bool
lmtp_open(struct dialogue *d, const char *host, uint16_t port, unsigned limit_ms,
    const atomic_bool *cancelled, struct err *e)
{
	if (!dialogue_open(d, host, port, limit_ms, cancelled, e))
		return false;
	if (!dialogue_hear(d))
		err_set(e, ERR_RETRY, "LMTP on %s port %u does not greet", host, port);
	else if (strncmp(d->line, "220", 3) != 0)
		err_set(e, ERR_PEER, "LMTP on %s port %u greets with \"%.200s\"", host,
		    port, d->line);
	else
		return true;
	dialogue_close(d, FAREWELL);
	return false;
}

bool
lmtp_greets(const char *host, uint16_t port, unsigned limit_ms,
    const atomic_bool *cancelled, struct err *e)
{
	struct dialogue d;

	if (!lmtp_open(&d, host, port, limit_ms, cancelled, e))
		return false;
	dialogue_close(&d, FAREWELL);
	return true;
}

static void
lmtp_address(struct probe_run *r, struct dialogue *d)
{
	const char *host = r->agent->zimbra.host;
	char text[LIMIT_NAME + 80];

	snprintf(text, sizeof(text), "LHLO %s\r\n", host);
	if (!dialogue_ask(d, text)) {
		probe_found(r, SEVERITY_FAIL,
		    "LMTP greets and then does not answer; no mail can be delivered "
		    "here");
		return;
	}
	if (!dialogue_ask(d, "MAIL FROM:<>\r\n") || d->line[0] != '2') {
		/* As somebody may want it: not a failure that moves mailboxes. */
		probe_found(r, SEVERITY_WARN,
		    "LMTP takes no mail at present (\"%.200s\"); is "
		    "zimbraUserServicesEnabled FALSE?",
		    d->line);
		return;
	}
	snprintf(text, sizeof(text), "RCPT TO:<zmferry-probe@%s>\r\n", host);
	if (!dialogue_ask(d, text))
		probe_found(r, SEVERITY_FAIL,
		    "LMTP does not answer whether an address lives here; no mail can be "
		    "delivered");
	else if (d->line[0] != '2' && d->line[0] != '5')
		probe_found(r, SEVERITY_FAIL,
		    "LMTP cannot tell whether an address lives here (\"%.200s\"); does "
		    "mailboxd reach LDAP? no mail can be delivered",
		    d->line);
}

void
probe_lmtp(struct probe_run *r)
{
	const char *host = agent_resolve(r->agent->conf, r->agent->zimbra.host);
	struct dialogue d;
	struct err e;

	if (!lmtp_open(
		&d, host, ZIMBRA_LMTP_PORT, r->def->fail_ms, &r->agent->cancelled, &e)) {
		probe_found(
		    r, SEVERITY_FAIL, "%.350s; no mail can be delivered here", e.text);
		return;
	}
	lmtp_address(r, &d);
	dialogue_close(&d, FAREWELL);
}
