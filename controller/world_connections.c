/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that are kept between asks: under a lock nobody waits for a handshake and a
 * login at each step. One is taken by an ask and given back when it went well; after a
 * failure it is closed, so that a server that was started again is met afresh.
 */
#include <strings.h>

#include "controller/world_private.h"

struct directory *
live_take_directory(struct world_live *w)
{
	const struct directory_options options = {
	    .url = w->conf->ldap_url,
	    .bind_dn = w->conf->ldap_bind_dn,
	    .password = w->ldap_password,
	    .ca_file = w->conf->ldap_ca_file,
	    .start_tls = w->conf->ldap_start_tls,
	};

	if (w->directory_count > 0)
		return w->directories[--w->directory_count];
	return directory_new(&options);
}

void
live_give_directory(struct world_live *w, struct directory *d)
{
	if (w->directory_count == ARRAY_LEN(w->directories)) {
		directory_free(&d);
		return;
	}
	w->directories[w->directory_count++] = d;
}

static unsigned
live_soap_ms(uint64_t limit_ms)
{
	return limit_ms < LIVE_SOAP_MS ? (unsigned)limit_ms : LIVE_SOAP_MS;
}

struct soap_client *
live_soap(struct world_live *w, const char *host, uint64_t limit_ms,
    const atomic_bool *cancelled)
{
	const struct soap_options options = {
	    .host = host,
	    .admin_port = w->conf->zimbra_admin_port,
	    .admin_name = w->conf->zimbra_admin,
	    .admin_password = w->admin_password,
	    .ca_file = w->conf->zimbra_ca_file,
	    .resolve = (const char *const *)w->conf->resolve,
	    .timeout_ms = live_soap_ms(limit_ms),
	    .cancelled = cancelled,
	};

	return soap_client_new(&options);
}

struct soap_client *
live_take_soap(struct world_live *w, const char *host)
{
	for (size_t i = w->soap_count; i > 0; i--) {
		struct soap_client *c = w->soaps[i - 1];

		if (strcasecmp(soap_host(c), host) != 0)
			continue;
		w->soaps[i - 1] = w->soaps[--w->soap_count];
		return c;
	}
	return live_soap(w, host, LIVE_SOAP_MS, NULL);
}

void
live_limit_soap(struct soap_client *c, uint64_t limit_ms, const atomic_bool *cancelled)
{
	soap_client_limit(c, live_soap_ms(limit_ms), cancelled);
}

void
live_give_soap(struct world_live *w, struct soap_client *c, bool went_well)
{
	if (c == NULL)
		return;
	if (!went_well) {
		soap_client_free(&c);
		return;
	}
	/* What stopped its last call is gone. */
	soap_client_limit(c, LIVE_SOAP_MS, NULL);
	if (w->soap_count == ARRAY_LEN(w->soaps)) {
		soap_client_free(&w->soaps[0]);
		w->soaps[0] = w->soaps[--w->soap_count];
	}
	w->soaps[w->soap_count++] = c;
}

void
live_close_idle(struct world_live *w)
{
	while (w->directory_count > 0)
		directory_free(&w->directories[--w->directory_count]);
	while (w->soap_count > 0)
		soap_client_free(&w->soaps[--w->soap_count]);
}
