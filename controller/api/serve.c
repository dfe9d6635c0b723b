/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the socket for the command, HTTPS for browsers. What can go wrong:
 * HTTPS without a certificate, or one that cannot be read.
 */
#include "controller/api/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/api/gate.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define PEM_MAX (256 * 1024)

/* free() it, wiped when it is a key; NULL with e. */
static char *
serve_read(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = xcalloc(1, PEM_MAX + 1);
	size_t length = 0;
	ssize_t got = 0;

	while (fd >= 0 && length < PEM_MAX &&
	       (got = read(fd, text + length, PEM_MAX - length)) > 0)
		length += (size_t)got;
	if (fd < 0 || got < 0)
		err_errno(e, ERR_REFUSED, errno, "%s", path);
	else if (length == PEM_MAX || memchr(text, '\0', length) != NULL)
		err_set(e, ERR_REFUSED, "%s: this is no PEM file", path);
	if (fd >= 0)
		close(fd);
	if (fd < 0 || got < 0 || length == PEM_MAX || strlen(text) != length)
		xfree(&text);
	return text;
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
	char *certificate;
	char *key = NULL;
	bool ok = false;

	if (conf->api_certificate_file == NULL || conf->api_key_file == NULL)
		return err_set(e, ERR_REFUSED,
		    "api_listen_address is set, so api_certificate_file and api_key_file "
		    "must be");
	certificate = serve_read(conf->api_certificate_file, e);
	if (certificate != NULL)
		key = serve_read(conf->api_key_file, e);
	if (key != NULL) {
		options.certificate_pem = certificate;
		options.key_pem = key;
		ok = api_server_start(&options, &c->web, e);
		secret_wipe(key, strlen(key));
	}
	free(certificate);
	free(key);
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

	return gate_new(c, &c->gate, e) && api_server_start(&options, &c->api, e) &&
	       (c->conf->api_listen_address == NULL || serve_start_https(c, e));
}

void
serve_stop(struct controller *c)
{
	api_server_stop(&c->api);
	api_server_stop(&c->web);
}

void
serve_free(struct controller *c)
{
	gate_free(&c->gate);
}
