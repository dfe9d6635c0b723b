/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs the containers of mailbox nodes: Docker, Kubernetes, or a person. Blocking: for
 * the thread pool; any thread. Every operation may be repeated: one that finds its end
 * already reached has reached it. Containers that zmferry makes carry the label
 * org.zmferry.node=HOST and are found again by it; others are named in "containers".
 */
#ifndef CONTROLLER_PLATFORM_H
#define CONTROLLER_PLATFORM_H

#include <stdatomic.h>

#include "proto/base/err.h"
#include "proto/limits.h"

enum platform_op {
	PLATFORM_DESCRIBE,
	PLATFORM_CHECK_PROVISION,   /* could a container be made? Changes nothing */
	PLATFORM_CHECK_DEPROVISION, /* could it be taken away? Changes nothing */
	PLATFORM_PROVISION,	    /* there is a container, and it runs */
	PLATFORM_START,
	PLATFORM_STOP,
	PLATFORM_RESTART,
	PLATFORM_DEPROVISION, /* there is no container any more */
	PLATFORM_OP_COUNT
};
extern const char *const platform_op_names[PLATFORM_OP_COUNT];

enum platform_state {
	PLATFORM_UNKNOWN, /* nobody tells */
	PLATFORM_ABSENT,
	PLATFORM_STOPPED,
	PLATFORM_RUNNING,
	PLATFORM_STATE_COUNT
};
extern const char *const platform_state_names[PLATFORM_STATE_COUNT];

struct platform_answer {
	enum platform_state state;
	bool by_hand;	       /* a person does it: text says what */
	char text[LIMIT_TEXT]; /* what is there, or what was done */
};

struct platform;
struct controller_conf;

/* conf is borrowed and must outlive it. Reads the template and the secrets. */
MUST_USE bool
platform_new(const struct controller_conf *conf, struct platform **out, struct err *e);
void platform_free(struct platform **p);
const char *platform_name(const struct platform *p); /* "docker", "kubernetes", "none" */

/*
 * ERR_RETRY: it does not answer, or is busy; the same again later. ERR_REFUSED: it will not
 * work before a person changes something, which e names. destroy_volumes: of DEPROVISION.
 */
MUST_USE bool platform_do(const struct platform *p, enum platform_op op, const char *node,
    bool destroy_volumes, const atomic_bool *cancelled, struct platform_answer *out,
    struct err *e);

#endif
