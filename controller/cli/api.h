/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CLI's side of the controller's API: JSON over its unix socket, or from another machine
 * over HTTPS with an operator's certificate.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include <jansson.h>
#include <stdatomic.h>

#include "proto/base/err.h"

#define API_SOCKET_DEFAULT "/run/zmferry/controller.sock"

#define API_ETAG 80

struct api {
	const char *socket_path;
	const char *controller;	      /* "https://host:port"; NULL: the socket */
	const char *certificate;      /* the file for that */
	const atomic_bool *cancelled; /* ends a call that is under way; may be NULL */
	char next[256]; /* the command to run next, from the last refusal; "" = none */

	/* below: api.c's own */
	char *url;	 /* of the controller, checked; NULL = not yet */
	char *identity;	 /* key and certificate of the file, as text */
	char *server_ca; /* what else is in it; NULL: the system's certificates count */
};

/*
 * One call. body may be NULL (borrowed). On success *answer_out is a new reference.
 * A refusal of the controller comes back with its kind and text in e, its advice in
 * api->next; no controller is ERR_RETRY naming the socket or the address.
 */
MUST_USE bool api_call(struct api *api, const char *method, const char *path,
    json_t *body, json_t **answer_out, struct err *e);
/* A GET of what is known by etag ("" = nothing): *answer_out is NULL when it is still so,
   else etag is the new one's. */
MUST_USE bool api_call_if_changed(struct api *api, const char *path, char etag[API_ETAG],
    json_t **answer_out, struct err *e);
void api_fini(struct api *api);

/* --- of the two, what can be said without a network; for tests, too --- */

/* "https://host[:port]" to "https://host:port"; free() it. NULL with e. */
char *api_controller_url(const char *said, struct err *e);
/* An operator's file into its own key and certificate, and the certificates that may sign
   the server's (NULL: none in it); free() both. */
MUST_USE bool api_certificate_split(const char *path, const char *text,
    char **identity_out, char **server_ca_out, struct err *e);

#endif
