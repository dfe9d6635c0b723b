/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates end on a day that has been known for a year. This agent's own, and the one
 * that mailboxd shows on its admin port. That mailboxd is not there says another probe; of
 * its certificate then counts what was seen last.
 */
#include <stdio.h>

#include "agent/health/probes.h"
#include "proto/base/clock.h"
#include "proto/base/tls.h"

#define DAY_S (24 * 3600)
#define EXPIRES_SOON_S (14 * DAY_S)
#define LOOK_MS 4000

void
certificate_judge(struct probe_run *r, int64_t left_s, const char *way_out)
{
	if (left_s <= 0)
		probe_found(r, SEVERITY_FAIL, "%s is expired; %s", r->def->what, way_out);
	else if (left_s < EXPIRES_SOON_S)
		probe_found(r, SEVERITY_WARN, "%s ends in %lld days; %s", r->def->what,
		    (long long)left_s / DAY_S, way_out);
}

void
probe_certificate(struct probe_run *r)
{
	char way_out[TLS_NAME_MAX + 40];

	snprintf(way_out, sizeof(way_out), "run: zmferry enroll %s", r->agent->node);
	certificate_judge(
	    r, tls_context_expires_s(r->agent->tls) - clock_wall_ms() / 1000, way_out);
}

void
probe_certificate_mailboxd(struct probe_run *r)
{
	const struct localconfig *zimbra = &r->agent->zimbra;
	int64_t expires_s;
	struct err e;

	if (tls_peer_expires(agent_resolve(r->agent->conf, zimbra->host), zimbra->host,
		(uint16_t)zimbra->admin_port, LOOK_MS, &expires_s, &e))
		r->expires_s = expires_s;
	r->absent = r->expires_s == 0;
	if (!r->absent)
		certificate_judge(r, r->expires_s - clock_wall_ms() / 1000,
		    "on the node, as zimbra, look: zmcertmgr viewdeployedcrt mailboxd; "
		    "deploy a new one: zmcertmgr deploycrt; then: zmmailboxdctl restart");
}
