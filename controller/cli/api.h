/* SPDX-License-Identifier: Apache-2.0 */
/* The CLI's side of the controller's API: JSON over its unix socket. */
#ifndef CLI_API_H
#define CLI_API_H

#include <jansson.h>

#include "proto/base/err.h"

#define API_SOCKET_DEFAULT "/run/zmferry/controller.sock"

struct api {
	const char *socket_path;
	char next[256]; /* the command to run next, from the last refusal; "" = none */
};

/*
 * One call. body may be NULL (borrowed). On success *answer_out is a new reference.
 * A refusal of the controller comes back with its kind and text in e, its advice in
 * api->next; no controller is ERR_RETRY naming the socket.
 */
MUST_USE bool api_call(struct api *api, const char *method, const char *path,
    json_t *body, json_t **answer_out, struct err *e);

#endif
