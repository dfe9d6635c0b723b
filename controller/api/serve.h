/* SPDX-License-Identifier: Apache-2.0 */
/* The API's two servers, the unix socket and HTTPS, and what they share. */
#ifndef API_SERVE_H
#define API_SERVE_H

#include "controller/controller.h"

/* HTTPS only when api_listen_address says so. */
MUST_USE bool serve_start(struct controller *c, struct err *e);
void serve_stop(struct controller *c); /* every open request is answered */
void serve_free(struct controller *c); /* after the loop ran dry */

#endif
