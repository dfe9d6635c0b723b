/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by kubernetes.c (operations) and kubernetes_api.c (calls, finding). */
#ifndef CONTROLLER_KUBERNETES_PRIVATE_H
#define CONTROLLER_KUBERNETES_PRIVATE_H

#include "controller/platform/platform_private.h"

struct kube {
	const struct platform_call *call;
	struct engine *engine;
	char namespace[64];
	char set[PLATFORM_NAME]; /* the StatefulSet's name; "" = not there */
	int ordinal;		 /* of the node's pod in it */
	bool is_own;		 /* made by zmferry, for this node alone */
	struct engine_answer found;
};

/* Reads the token and where the nodes are; close it whatever came out. */
MUST_USE bool kube_open(const struct platform_call *call, struct kube *k, struct err *e);
void kube_close(struct kube *k);
/* The node's StatefulSet into k->set and k->found; "" when there is none. */
MUST_USE bool kube_find(struct kube *k, struct err *e);
/* The same by its name. */
MUST_USE bool kube_read(struct kube *k, const char *name, struct err *e);

/*
 * kind is "statefulsets", "pods", ...; name and back may be "". A status that is neither 2xx
 * nor also is an error. out is the caller's only when it is true.
 */
MUST_USE bool kube_call(struct kube *k, const char *method, const char *kind,
    const char *name, const char *back, const json_t *body, long also,
    struct engine_answer *out, struct err *e);
/* The same when the answer does not matter; refuses to delete what has no name. */
MUST_USE bool kube_do(struct kube *k, const char *method, const char *kind,
    const char *name, const json_t *body, long also, struct err *e);
/* "?labelSelector=org.zmferry.node%3DHOST"; free() it. */
char *kube_selector(const struct kube *k);

#endif
