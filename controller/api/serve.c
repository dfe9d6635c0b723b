/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the socket for the command, HTTPS for browsers. What can go wrong:
 * HTTPS without a certificate, or one that cannot be read.
 */
#include "controller/api/serve.h"

#include <stdlib.h>
#include <unistd.h>

#include "controller/api/certificate.h"
#include "controller/api/gate.h"
#include "controller/api/waits.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/base/xalloc.h"

/* Made at the first start with HTTPS. NULL with e; free() it. */
static char *
serve_operators_ca(const char *state_dir, struct err *e)
{
	char *key = xasprintf("%s/operators.key", state_dir);
	char *path = xasprintf("%s/operators.pem", state_dir);
	char *pem = NULL;

	if (access(key, F_OK) == 0 || tls_ca_create_operators(state_dir, TLS_CA_DAYS, e))
		pem = certificate_text(path, false, e);
	free(key);
	free(path);
	return pem;
}

static bool
serve_start_https(struct controller *c, struct err *e)
{
	const struct controller_conf *conf = c->conf;
	struct api_options options = {
	    .loop = &c->loop,
	    .routes = controller_routes,
	    .route_count = controller_route_count,
	    .ctx = c,
	    .gate = gate_pass,
	    .address = conf->api_listen_address,
	    .port = conf->api_port,
	};
	char *ca;
	bool ok;

	if (!certificate_begin(c, &options.take_identity, e))
		return false;
	ca = serve_operators_ca(conf->state_dir, e);
	if (ca == NULL) {
		api_identity_free(&options.take_identity);
		return false;
	}
	options.clients_ca_pem = ca;
	ok = api_server_start(&options, &c->web, e);
	free(ca);
	if (ok)
		log_info(NULL, "API over HTTPS on %s port %u", conf->api_listen_address,
		    conf->api_port);
	return ok;
}

bool
serve_start(struct controller *c, struct err *e)
{
	const struct api_options options = {
	    .loop = &c->loop,
	    .routes = controller_routes,
	    .route_count = controller_route_count,
	    .ctx = c,
	    .gate = gate_pass,
	    .socket_path = c->conf->socket,
	    .socket_group = c->conf->socket_group,
	};

	if (!gate_new(c, &c->gate, e))
		return false;
	waits_begin(c);
	return api_server_start(&options, &c->api, e) &&
	       (c->conf->api_listen_address == NULL || serve_start_https(c, e));
}

void
serve_stop(struct controller *c)
{
	waits_stop(c);
	api_server_stop(&c->api);
	api_server_stop(&c->web);
}

void
serve_free(struct controller *c)
{
	gate_free(&c->gate);
}
