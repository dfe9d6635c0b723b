/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Docker Engine API. When all goes well: a container is found by its label or by its name
 * in "containers", or made from the template and given its identity, and then it runs. What can
 * go wrong: the engine is away (again later); it refuses (a person changes something). A
 * container that was made just before a crash has the label and is found again.
 * Paths have no version: every engine speaks its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/platform/docker_files.h"
#include "controller/platform/platform_private.h"
#include "proto/base/http_client.h"
#include "proto/base/xalloc.h"

#define STOP_S 120 /* then the engine kills it */
#define BUNDLE_MAX (64u * 1024)

struct docker {
	const struct platform_call *call;
	struct engine *engine;
	struct engine_answer container; /* inspected; no body: absent */
};

static bool
docker_open(const struct platform_call *call, struct docker *d, struct err *e)
{
	const struct controller_conf *conf = call->platform->conf;
	const struct engine_options options = {
	    .url = conf->docker_url == NULL ? "http://docker" : conf->docker_url,
	    .unix_socket = conf->docker_url == NULL ? conf->docker_socket : NULL,
	    .ca_file = conf->docker_ca_file,
	    .ca_setting = "docker_ca_file",
	    .cert_file = conf->docker_cert_file,
	    .key_file = conf->docker_key_file,
	    .cancelled = call->cancelled,
	};

	memset(d, 0, sizeof(*d));
	d->call = call;
	d->engine = engine_open(&options, e);
	return d->engine != NULL;
}

static void
docker_close(struct docker *d)
{
	engine_answer_fini(&d->container);
	engine_close(&d->engine);
}

/* method path, percent-encoded name in between; 2xx, 304 and `also` are good. */
static bool
docker_call(struct docker *d, const char *method, const char *front, const char *name,
    const char *back, const json_t *body, long also, struct engine_answer *out,
    struct err *e)
{
	struct buf path;
	bool ok;

	buf_init(&path, 4096);
	ok = (buf_add_str(&path, front) && http_escape(&path, name) &&
		 buf_add_str(&path, back)) ||
	     err_set(e, ERR_REFUSED, "%.100s...: the name is too long", name);
	ok = ok && engine_call(d->engine, method, buf_str(&path), body, out, e);
	if (ok && (out->status < 200 || out->status > 299) && out->status != 304 &&
	    out->status != also) {
		ok = engine_refused(out, buf_str(&path), e);
		engine_answer_fini(out);
	}
	buf_fini(&path);
	return ok;
}

static bool
docker_do(struct docker *d, const char *method, const char *front, const char *name,
    const char *back, long also, struct err *e)
{
	struct engine_answer a;
	bool ok;

	if (name[0] == '\0')
		return err_set(
		    e, ERR_PEER, "%s: something in the answer has no name", front);
	ok = docker_call(d, method, front, name, back, NULL, also, &a, e);

	if (ok)
		engine_answer_fini(&a);
	return ok;
}

/* --- finding --- */

/* "label=org.zmferry.node=HOST" as the filters of a listing. */
static char *
docker_filters(const struct docker *d)
{
	json_t *filters = json_pack(
	    "{s[o]}", "label", json_sprintf("%s=%s", PLATFORM_LABEL, d->call->node));
	char *text = json_dumps(filters, JSON_COMPACT);

	json_decref(filters);
	return text;
}

static bool
docker_inspect(struct docker *d, const char *name, struct err *e)
{
	engine_answer_fini(&d->container);
	if (name[0] == '\0')
		return err_set(e, ERR_PEER, "a container in the answer has no name");
	if (!docker_call(
		d, "GET", "/containers/", name, "/json", NULL, 404, &d->container, e))
		return false;
	if (d->container.status == 404)
		engine_answer_fini(&d->container);
	return true;
}

static bool
docker_find(struct docker *d, struct err *e)
{
	struct engine_answer list;
	char *filters;
	bool ok;

	if (d->call->given != NULL)
		return docker_inspect(d, d->call->given, e);
	filters = docker_filters(d);
	ok = docker_call(d, "GET", "/containers/json?all=true&filters=", filters, "",
	    NULL, 0, &list, e);
	free(filters);
	if (!ok)
		return false;
	if (json_array_size(list.body) > 1)
		ok = err_set(e, ERR_REFUSED,
		    "%zu containers have the label %s=%.150s; remove the wrong ones",
		    json_array_size(list.body), PLATFORM_LABEL, d->call->node);
	else if (json_array_size(list.body) == 1)
		ok = docker_inspect(
		    d, platform_text(json_array_get(list.body, 0), "Id"), e);
	engine_answer_fini(&list);
	return ok;
}

static const char *
docker_id(const struct docker *d)
{
	return platform_text(d->container.body, "Id");
}

/* Inspect says "/name". */
static const char *
docker_name(const struct docker *d)
{
	const char *name = platform_text(d->container.body, "Name");

	return name + (name[0] == '/');
}

static bool
docker_runs(const struct docker *d)
{
	return json_is_true(platform_at(d->container.body, "State.Running"));
}

/* --- describing --- */

static bool
docker_describe(struct docker *d, struct platform_answer *out)
{
	const json_t *body = d->container.body;

	if (body == NULL) {
		out->state = PLATFORM_ABSENT;
		snprintf(out->text, sizeof(out->text),
		    "there is no container for it%s%.200s",
		    d->call->given == NULL ? "" : " by the name of ",
		    d->call->given == NULL ? "" : d->call->given);
		return true;
	}
	out->state = docker_runs(d) ? PLATFORM_RUNNING : PLATFORM_STOPPED;
	snprintf(out->text, sizeof(out->text),
	    "container %.100s (%.150s) is %.20s%s%.20s", docker_name(d),
	    platform_text(body, "Config.Image"), platform_text(body, "State.Status"),
	    platform_at(body, "State.Health") == NULL ? "" : ", ",
	    platform_text(body, "State.Health.Status"));
	return true;
}

/* --- making --- */

/* Volumes that the engine makes with the container get the label too: they are found again. */
static void
label_volumes(const struct docker *d, json_t *template)
{
	json_t *mounts =
	    json_object_get(json_object_get(template, "HostConfig"), "Mounts");
	json_t *mount;
	size_t i;

	json_array_foreach(mounts, i, mount)
	{
		if (strcmp(platform_text(mount, "Type"), "volume") != 0)
			continue;
		json_object_set_new(
		    platform_object(platform_object(mount, "VolumeOptions"), "Labels"),
		    PLATFORM_LABEL, json_string(d->call->node));
	}
}

static json_t *
docker_body(const struct docker *d, struct err *e)
{
	json_t *body = platform_template(d->call, e);

	if (body == NULL)
		return NULL;
	if (platform_text(body, "Image")[0] == '\0') {
		json_decref(body);
		err_set(e, ERR_REFUSED, "platform_template %.200s: \"Image\" is missing",
		    d->call->platform->conf->platform_template);
		return NULL;
	}
	if (json_object_get(body, "Hostname") == NULL)
		json_object_set_new(body, "Hostname", json_string(d->call->node));
	json_object_set_new(
	    platform_object(body, "Labels"), PLATFORM_LABEL, json_string(d->call->node));
	label_volumes(d, body);
	return body;
}

/* Could it be made? The image is there, the name is free. */
static bool
docker_check(struct docker *d, struct platform_answer *out, struct err *e)
{
	struct engine_answer image;
	json_t *body;
	const char *name;
	bool ok;

	if (d->container.body != NULL)
		return docker_describe(d, out);
	if (d->call->given != NULL)
		return err_set(e, ERR_REFUSED,
		    "containers names %.150s for %.150s, and there is no such container",
		    d->call->given, d->call->node);
	body = docker_body(d, e);
	if (body == NULL)
		return false;
	name = platform_text(body, "Image");
	ok = docker_call(d, "GET", "/images/", name, "/json", NULL, 404, &image, e);
	if (ok && image.status == 404)
		ok = err_set(e, ERR_REFUSED,
		    "image %.150s is not on the engine: docker pull %.150s, or mend "
		    "platform_template",
		    name, name);
	else if (ok)
		snprintf(out->text, sizeof(out->text),
		    "container %.100s will be made from %.150s", d->call->short_name,
		    name);
	if (ok)
		engine_answer_fini(&image);
	json_decref(body);
	out->state = PLATFORM_ABSENT;
	if (!ok || !docker_inspect(d, d->call->short_name, e))
		return false;
	return d->container.body == NULL ||
	       err_set(e, ERR_REFUSED,
		   "a container %.100s is there that is not one of ours: remove it, or "
		   "let \"containers\" in controller.conf say \"%.100s=%.100s\"",
		   d->call->short_name, d->call->node, d->call->short_name);
}

/* Put in before the first start, and never in its environment or its description. */
static bool
docker_bring_identity(struct docker *d, struct err *e)
{
	const struct controller_conf *conf = d->call->platform->conf;
	struct engine_answer a;
	struct buf bundle;
	struct buf tar;
	struct buf path;
	bool ok;

	if (conf->platform_identity == NULL)
		return true;
	buf_init(&bundle, BUNDLE_MAX);
	buf_init(&tar, 2 * BUNDLE_MAX);
	buf_init(&path, 1024);
	ok = platform_identity(d->call, &bundle, e) &&
	     docker_file_tar(conf->platform_identity, conf->platform_identity_owner,
		 buf_str(&bundle), bundle.len, &tar, e);
	if (ok &&
	    (!buf_add_str(&path, "/containers/") || !http_escape(&path, docker_id(d)) ||
		!buf_add_str(&path, "/archive?path=%2F&copyUIDGID=1")))
		BUG("a container's id does not fit");
	ok = ok &&
	     engine_put_tar(d->engine, buf_str(&path), buf_str(&tar), tar.len, &a, e);
	if (ok && a.status != 200)
		ok = engine_refused(&a, "putting the identity into the container", e);
	else if (ok)
		engine_answer_fini(&a);
	buf_wipe(&bundle);
	buf_wipe(&tar);
	buf_fini(&path);
	return ok;
}

static bool
docker_create(struct docker *d, struct err *e)
{
	struct platform_answer ignored;
	struct engine_answer a;
	json_t *body;
	bool ok;

	if (!docker_check(d, &ignored, e))
		return false;
	body = docker_body(d, e);
	ok = body != NULL &&
	     docker_call(d, "POST", "/containers/create?name=", d->call->short_name, "",
		 body, 0, &a, e);
	json_decref(body);
	if (!ok)
		return false;
	engine_answer_fini(&a);
	return docker_find(d, e);
}

/* One that never ran has no identity yet: a crash may have come in between. */
static bool
docker_never_ran(const struct docker *d)
{
	return strcmp(platform_text(d->container.body, "State.Status"), "created") == 0;
}

static bool
docker_provision(struct docker *d, struct platform_answer *out, struct err *e)
{
	if (d->container.body == NULL && !docker_create(d, e))
		return false;
	if (d->container.body == NULL)
		return err_set(e, ERR_RETRY, "the container is gone again");
	if (d->call->given == NULL && docker_never_ran(d) && !docker_bring_identity(d, e))
		return false;
	return docker_do(d, "POST", "/containers/", docker_id(d), "/start", 0, e) &&
	       docker_inspect(d, docker_id(d), e) && docker_describe(d, out);
}

/* --- taking away --- */

static bool
docker_destroy_volumes(struct docker *d, size_t *count, struct err *e)
{
	char *filters = docker_filters(d);
	struct engine_answer list;
	const json_t *volumes;
	bool ok =
	    docker_call(d, "GET", "/volumes?filters=", filters, "", NULL, 0, &list, e);

	free(filters);
	*count = 0;
	if (!ok)
		return false;
	volumes = json_object_get(list.body, "Volumes");
	for (size_t i = 0; ok && i < json_array_size(volumes); i++) {
		ok = docker_do(d, "DELETE", "/volumes/",
		    platform_text(json_array_get(volumes, i), "Name"), "", 404, e);
		*count += ok;
	}
	engine_answer_fini(&list);
	return ok;
}

static bool
docker_deprovision(struct docker *d, struct platform_answer *out, struct err *e)
{
	char name[PLATFORM_NAME] = "";
	char stop[40];
	size_t volumes = 0;

	snprintf(stop, sizeof(stop), "/stop?t=%d", STOP_S);
	if (d->container.body != NULL) {
		snprintf(name, sizeof(name), "%s", docker_name(d));
		if (!docker_do(d, "POST", "/containers/", docker_id(d), stop, 404, e) ||
		    !docker_do(d, "DELETE", "/containers/", docker_id(d), "", 404, e))
			return false;
	}
	if (d->call->destroy_volumes && d->call->given == NULL &&
	    !docker_destroy_volumes(d, &volumes, e))
		return false;
	out->state = PLATFORM_ABSENT;
	snprintf(out->text, sizeof(out->text), "%s%.100s%s",
	    name[0] == '\0' ? "" : "container ",
	    name[0] == '\0' ? "its container was gone already" : name,
	    name[0] == '\0' ? "" : " is removed");
	if (d->call->destroy_volumes && d->call->given != NULL)
		snprintf(out->text + strlen(out->text),
		    sizeof(out->text) - strlen(out->text),
		    "; it was made by hand, its volumes are left: docker volume ls");
	else if (d->call->destroy_volumes)
		snprintf(out->text + strlen(out->text),
		    sizeof(out->text) - strlen(out->text), ", and %zu volumes with it",
		    volumes);
	else
		snprintf(out->text + strlen(out->text),
		    sizeof(out->text) - strlen(out->text), ", its volumes are kept");
	return true;
}

static bool
docker_switch(
    struct docker *d, const char *verb, struct platform_answer *out, struct err *e)
{
	char back[60];

	if (d->container.body == NULL)
		return err_set(e, ERR_REFUSED,
		    "there is no container for %.150s; name it in \"containers\" of "
		    "controller.conf",
		    d->call->node);
	snprintf(back, sizeof(back), "/%s%s", verb,
	    strcmp(verb, "start") == 0 ? "" : "?t=120");
	return docker_do(d, "POST", "/containers/", docker_id(d), back, 0, e) &&
	       docker_inspect(d, docker_id(d), e) && docker_describe(d, out);
}

static bool
docker_op(
    struct docker *d, enum platform_op op, struct platform_answer *out, struct err *e)
{
	switch (op) {
	case PLATFORM_CHECK_PROVISION:
		return docker_check(d, out, e);
	case PLATFORM_PROVISION:
		return docker_provision(d, out, e);
	case PLATFORM_START:
		return docker_switch(d, "start", out, e);
	case PLATFORM_STOP:
		return docker_switch(d, "stop", out, e);
	case PLATFORM_RESTART:
		return docker_switch(d, "restart", out, e);
	case PLATFORM_DEPROVISION:
		return docker_deprovision(d, out, e);
	case PLATFORM_CHECK_DEPROVISION:
	case PLATFORM_DESCRIBE:
	case PLATFORM_OP_COUNT:
		break;
	}
	return docker_describe(d, out);
}

static bool
docker_run(const struct platform_call *call, enum platform_op op,
    struct platform_answer *out, struct err *e)
{
	struct docker d;
	bool ok;

	if (!docker_open(call, &d, e))
		return false;
	ok = docker_find(&d, e) && docker_op(&d, op, out, e);
	docker_close(&d);
	return ok;
}

static bool
docker_check_conf(const struct controller_conf *conf, struct err *e)
{
	if (conf->docker_url == NULL)
		return true;
	if (strncmp(conf->docker_url, "https://", 8) != 0)
		return err_set(e, ERR_REFUSED,
		    "docker_url \"%.150s\": must begin with https://; whoever reaches a "
		    "Docker Engine is root on it",
		    conf->docker_url);
	return (conf->docker_cert_file != NULL && conf->docker_key_file != NULL) ||
	       err_set(e, ERR_REFUSED,
		   "docker_url: needs docker_cert_file and docker_key_file");
}

const struct platform_driver platform_docker = {
    .name = "docker",
    .check_conf = docker_check_conf,
    .run = docker_run,
};
