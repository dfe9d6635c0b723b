/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People who use zmferry from other machines, over HTTPS with a certificate: who they are,
 * making one, ending one, and whether the one that a request comes with counts.
 */
#ifndef API_OPERATORS_H
#define API_OPERATORS_H

#include "controller/api/http.h"

struct controller;

void get_operators(struct api_request *rq);
void post_operator(struct api_request *rq);
void post_operator_revoke(struct api_request *rq);

/* Says whose certificate ends soon; from the loop, often: it looks once an hour. */
void operators_tick(struct controller *c);

/* Whose request this is. No name: not an operator's, and text says why not and next what to
   do; text is "" as well when nothing was shown, which is a browser's usual case. */
struct operator_answer {
	char name[TLS_NAME_MAX]; /* "operator:NAME"; "" = not one of ours */
	char text[480];
	char next[160];
};
void operators_look(const struct api_request *rq, struct operator_answer *out);

#endif
