/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by platform.c, docker.c, kubernetes.c and engine.c. */
#ifndef CONTROLLER_PLATFORM_PRIVATE_H
#define CONTROLLER_PLATFORM_PRIVATE_H

#include <jansson.h>

#include "controller/conf.h"
#include "controller/platform/platform.h"
#include "proto/base/buf.h"

#define PLATFORM_LABEL "org.zmferry.node"
#define PLATFORM_NAME 256

struct platform_call {
	const struct platform *platform;
	const char *node;		/* zimbraServiceHostname */
	char short_name[PLATFORM_NAME]; /* its front up to the first dot */
	const char *given; /* its name in "containers"; NULL = made by zmferry */
	bool destroy_volumes;
	const atomic_bool *cancelled;
};

struct platform_driver {
	const char *name;
	/* What cannot work is refused at the start; may be NULL. */
	bool (*check_conf)(const struct controller_conf *conf, struct err *e);
	bool (*run)(const struct platform_call *call, enum platform_op op,
	    struct platform_answer *out, struct err *e);
};

extern const struct platform_driver platform_docker;
extern const struct platform_driver platform_kubernetes;

struct platform {
	const struct controller_conf *conf;
	const struct platform_driver *driver;
};

/*
 * The template of platform_template with %n (short name), %h (host name) and %% in every
 * string filled in. Read anew at each use. NULL with e; a new reference.
 */
json_t *platform_template(const struct platform_call *call, struct err *e);
/* Makes object[key] an object if it is none; borrowed. */
json_t *platform_object(json_t *object, const char *key);
/* object[keys[0]][keys[1]]..., a dot between them; NULL when there is none. Borrowed. */
const json_t *platform_at(const json_t *object, const char *path);
const char *platform_text(const json_t *object, const char *path); /* "" = none */
/* An identity for the agent of the node, from the controller's own CA; PEM with its key. */
MUST_USE bool
platform_identity(const struct platform_call *call, struct buf *out, struct err *e);

/* --- an API of JSON over HTTP (engine.c) --- */

struct engine;
struct engine_options {
	const char *url;	 /* in front of every path, without a / at its end */
	const char *unix_socket; /* NULL: by the URL */
	const char *ca_file, *ca_setting, *cert_file, *key_file;
	const char *token_file; /* sent as a bearer; NULL: none */
	const atomic_bool *cancelled;
};
/* NULL with e: the token cannot be read. */
struct engine *engine_open(const struct engine_options *options, struct err *e);
void engine_close(struct engine **g);
struct engine_answer {
	long status;
	json_t *body;		  /* owned; NULL when there was none */
	char message[LIMIT_TEXT]; /* of a refusal: what it says itself */
};
void engine_answer_fini(struct engine_answer *a);
/* False: no answer came (ERR_RETRY), or it is no JSON. body is borrowed, may be NULL. */
MUST_USE bool engine_call(struct engine *g, const char *method, const char *path,
    const json_t *body, struct engine_answer *out, struct err *e);
MUST_USE bool engine_put_tar(struct engine *g, const char *path, const void *tar,
    size_t size, struct engine_answer *out, struct err *e);
/* The answer was not what it must be: busy (5xx, 429, 409) is ERR_RETRY, else ERR_REFUSED. */
bool engine_refused(const struct engine_answer *a, const char *what, struct err *e);

#endif
