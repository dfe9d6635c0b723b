/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMAP and POP3 by their greetings. mailboxd listens on a high port behind a proxy and on
 * the well-known one without; the first that answers is the one. A service that never
 * answered is one that this node does not have. One that answered and now refuses may have been
 * switched off on purpose: it is told, and nobody is moved for it.
 */
#include <string.h>

#include "agent/health/dialogue.h"
#include "agent/health/probes.h"
#include "proto/base/xalloc.h"
#include "proto/zimbra/ports.h"

static const struct access_service {
	const char *probe;
	const char *name;
	uint16_t ports[2]; /* behind a proxy, without */
	const char *good;
	const char *farewell;
} services[] = {
    {"imap", "IMAP", {ZIMBRA_IMAP_PORT, 143}, "* OK", "z LOGOUT\r\n"},
    {"pop", "POP3", {ZIMBRA_POP_PORT, 110}, "+OK", "QUIT\r\n"},
};

static const struct access_service *
access_service_of(const struct probe_run *r)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		if (strcmp(services[i].probe, r->def->name) == 0)
			return &services[i];
	}
	BUG("probe %s is no mail service", r->def->name);
}

static void
access_judge(struct probe_run *r, const struct access_service *s, struct dialogue *d,
    unsigned port)
{
	if (!dialogue_hear(d))
		probe_found(r, SEVERITY_FAIL,
		    "%s takes connections on port %u but does not greet; as zimbra: "
		    "zmmailboxdctl restart",
		    s->name, port);
	else if (strncmp(d->line, s->good, strlen(s->good)) != 0)
		probe_found(r, SEVERITY_FAIL,
		    "%s on port %u greets with \"%.200s\"; as zimbra: zmmailboxdctl "
		    "restart",
		    s->name, port, d->line);
	dialogue_close(d, s->farewell);
}

void
probe_access(struct probe_run *r)
{
	const struct access_service *s = access_service_of(r);
	const char *host = agent_resolve(r->agent->conf, r->agent->zimbra.host);
	unsigned last = r->seen ? r->port_at : ARRAY_LEN(s->ports) - 1;
	struct dialogue d;
	struct err e;

	/* Where the low port is a proxy's, the high one is mailboxd's as soon as it is there. */
	for (unsigned i = 0; i <= last; i++) {
		if (!dialogue_open(
			&d, host, s->ports[i], r->def->fail_ms, &r->agent->cancelled, &e))
			continue;
		r->seen = true;
		r->port_at = i;
		access_judge(r, s, &d, s->ports[i]);
		return;
	}
	r->absent = !r->seen;
	if (!r->absent)
		probe_found(r, SEVERITY_FAIL,
		    "%s, %.250s; as zimbra: zmmailboxdctl restart; if it was switched "
		    "off on purpose: restart zmferry-agent here",
		    s->name, e.text);
}
