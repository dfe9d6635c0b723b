/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes API. A node that zmferry makes is a StatefulSet of its own, with one pod: only
 * so can any of them be taken away. A node of a StatefulSet with several pods is named
 * "set/ordinal" in "containers"; such a set loses its highest pod first, and that is said
 * instead of taking another. When all goes well: the set is found by its label, or made from
 * the template with the agent's identity as a Secret, and scaled. What can go wrong: the API
 * server is away or busy, somebody else changed the object (again), or it refuses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/platform/kubernetes_private.h"
#include "proto/base/xalloc.h"

#define BUNDLE_MAX (64u * 1024)
#define CONFLICTS 5

static long long
kube_replicas(const struct kube *k)
{
	return (long long)json_integer_value(platform_at(k->found.body, "spec.replicas"));
}

/* --- describing --- */

static bool
kube_describe(struct kube *k, struct platform_answer *out, struct err *e)
{
	char pod[PLATFORM_NAME + 16];
	struct engine_answer a;

	if (k->set[0] == '\0') {
		out->state = PLATFORM_ABSENT;
		snprintf(out->text, sizeof(out->text),
		    "there is no StatefulSet for it in namespace %.60s%s%.150s",
		    k->namespace, k->call->given == NULL ? "" : " by the name of ",
		    k->call->given == NULL ? "" : k->call->given);
		return true;
	}
	snprintf(pod, sizeof(pod), "%.250s-%d", k->set, k->ordinal);
	if (!kube_call(k, "GET", "pods", pod, "", NULL, 404, &a, e))
		return false;
	out->state = a.status == 404 ? PLATFORM_STOPPED : PLATFORM_RUNNING;
	snprintf(out->text, sizeof(out->text),
	    "pod %.100s of StatefulSet %.100s (of %lld) is %.30s", pod, k->set,
	    kube_replicas(k),
	    a.status == 404 ? "not there" : platform_text(a.body, "status.phase"));
	engine_answer_fini(&a);
	return true;
}

/* --- scaling --- */

/* The scale is read and written with its resourceVersion: who changed it meanwhile is not overruled. */
static bool
kube_scale(struct kube *k, long long replicas, struct err *e)
{
	for (int i = 0; i < CONFLICTS; i++) {
		struct engine_answer scale;
		struct engine_answer done;
		bool ok;

		if (!kube_call(
			k, "GET", "statefulsets", k->set, "/scale", NULL, 0, &scale, e))
			return false;
		json_object_set_new(platform_object(scale.body, "spec"), "replicas",
		    json_integer(replicas));
		ok = kube_call(k, "PUT", "statefulsets", k->set, "/scale", scale.body,
		    409, &done, e);
		engine_answer_fini(&scale);
		if (!ok)
			return false;
		engine_answer_fini(&done);
		if (done.status != 409)
			return true;
	}
	return err_set(e, ERR_RETRY,
	    "StatefulSet %.150s: somebody else changes its scale all the time", k->set);
}

static bool
kube_is_there(const struct kube *k, struct err *e)
{
	return k->set[0] != '\0' ||
	       err_set(e, ERR_REFUSED,
		   "there is no StatefulSet for %.150s; name it in \"containers\" of "
		   "controller.conf: \"%.100s=set/ordinal\"",
		   k->call->node, k->call->node);
}

/* A set loses its highest pod, never another. */
static bool
kube_is_highest(const struct kube *k, struct err *e)
{
	long long highest = kube_replicas(k) - 1;

	if (k->ordinal >= highest)
		return true;
	return err_set(e, ERR_REFUSED,
	    "StatefulSet %.100s loses its highest pod first, which is %.100s-%lld, not "
	    "%.100s-%d: take that node out first, or give each node a StatefulSet of its "
	    "own",
	    k->set, k->set, highest, k->set, k->ordinal);
}

/* Would the volumes go with the pods? Then nothing is scaled or deleted without being told so. */
static bool
kube_keeps_volumes(const struct kube *k, const char *when, struct err *e)
{
	char path[80];

	snprintf(
	    path, sizeof(path), "spec.persistentVolumeClaimRetentionPolicy.%s", when);
	if (k->call->destroy_volumes ||
	    strcmp(platform_text(k->found.body, path), "Delete") != 0)
		return true;
	return err_set(e, ERR_REFUSED,
	    "StatefulSet %.100s: %s is \"Delete\", its volumes would go too; make it "
	    "\"Retain\", or say --destroy-volumes",
	    k->set, path);
}

static bool
kube_start(struct kube *k, struct platform_answer *out, struct err *e)
{
	if (!kube_is_there(k, e))
		return false;
	if (kube_replicas(k) < k->ordinal)
		return err_set(e, ERR_REFUSED,
		    "StatefulSet %.100s has %lld pods: start %.100s-%lld first", k->set,
		    kube_replicas(k), k->set, kube_replicas(k));
	return (kube_replicas(k) > k->ordinal || kube_scale(k, k->ordinal + 1, e)) &&
	       kube_describe(k, out, e);
}

static bool
kube_stop(struct kube *k, struct platform_answer *out, struct err *e)
{
	return kube_is_there(k, e) && kube_is_highest(k, e) &&
	       kube_keeps_volumes(k, "whenScaled", e) &&
	       (kube_replicas(k) <= k->ordinal || kube_scale(k, k->ordinal, e)) &&
	       kube_describe(k, out, e);
}

/* The set makes a pod that was deleted anew. */
static bool
kube_restart(struct kube *k, struct platform_answer *out, struct err *e)
{
	char pod[PLATFORM_NAME + 16];

	if (!kube_is_there(k, e))
		return false;
	snprintf(pod, sizeof(pod), "%.250s-%d", k->set, k->ordinal);
	return kube_do(k, "DELETE", "pods", pod, NULL, 404, e) &&
	       kube_describe(k, out, e);
}

/* --- making --- */

static void
kube_label(const struct kube *k, json_t *object)
{
	json_object_set_new(
	    platform_object(platform_object(object, "metadata"), "labels"),
	    PLATFORM_LABEL, json_string(k->call->node));
}

static json_t *
kube_body(const struct kube *k, struct err *e)
{
	json_t *body = platform_template(k->call, e);
	json_t *spec;
	json_t *claim;
	size_t i;

	if (body == NULL)
		return NULL;
	if (strcmp(platform_text(body, "kind"), "StatefulSet") != 0 ||
	    strcmp(platform_text(body, "apiVersion"), "apps/v1") != 0 ||
	    platform_text(body, "metadata.name")[0] == '\0') {
		err_set(e, ERR_REFUSED,
		    "platform_template %.200s: must be an apps/v1 StatefulSet with a "
		    "metadata.name",
		    k->call->platform->conf->platform_template);
		json_decref(body);
		return NULL;
	}
	spec = platform_object(body, "spec");
	json_object_set_new(spec, "replicas", json_integer(1));
	kube_label(k, body);
	kube_label(k, platform_object(spec, "template"));
	json_array_foreach(json_object_get(spec, "volumeClaimTemplates"), i, claim)
	    kube_label(k, claim); /* so that the volumes are found again */
	return body;
}

static bool
kube_check(struct kube *k, struct platform_answer *out, struct err *e)
{
	json_t *body;
	char name[PLATFORM_NAME];

	if (k->set[0] != '\0')
		return kube_describe(k, out, e);
	if (k->call->given != NULL)
		return err_set(e, ERR_REFUSED,
		    "containers names %.150s for %.150s, and there is no such "
		    "StatefulSet",
		    k->call->given, k->call->node);
	body = kube_body(k, e);
	if (body == NULL)
		return false;
	snprintf(name, sizeof(name), "%s", platform_text(body, "metadata.name"));
	json_decref(body);
	if (!kube_read(k, name, e))
		return false;
	out->state = PLATFORM_ABSENT;
	snprintf(out->text, sizeof(out->text),
	    "StatefulSet %.100s will be made in namespace %.60s", name, k->namespace);
	if (k->set[0] == '\0')
		return true;
	k->set[0] = '\0';
	return err_set(e, ERR_REFUSED,
	    "StatefulSet %.100s is there and is not one of ours: delete it, or let "
	    "\"containers\" in controller.conf say \"%.100s=%.100s/0\"",
	    name, k->call->node, name);
}

static void
kube_secret_name(const struct kube *k, char *out, size_t size)
{
	snprintf(out, size, "zmferry-identity-%.200s", k->call->short_name);
}

static bool
kube_bring_identity(struct kube *k, struct err *e)
{
	char name[PLATFORM_NAME];
	struct buf bundle;
	json_t *body;
	bool ok;

	if (k->call->platform->conf->platform_identity == NULL)
		return true;
	kube_secret_name(k, name, sizeof(name));
	buf_init(&bundle, BUNDLE_MAX);
	ok = platform_identity(k->call, &bundle, e);
	body = json_pack("{sssss{ss}sss{ss}}", "apiVersion", "v1", "kind", "Secret",
	    "metadata", "name", name, "type", "Opaque", "stringData", "identity.pem",
	    buf_str(&bundle));
	kube_label(k, body);
	/* One that is there already was made just before a crash, and is as good. */
	ok = ok && kube_do(k, "POST", "secrets", "", body, 409, e);
	json_decref(body);
	buf_wipe(&bundle);
	return ok;
}

static bool
kube_provision(struct kube *k, struct platform_answer *out, struct err *e)
{
	struct platform_answer ignored;
	json_t *body;
	bool ok;

	if (k->set[0] != '\0')
		return kube_start(k, out, e);
	if (!kube_check(k, &ignored, e) || !kube_bring_identity(k, e))
		return false;
	body = kube_body(k, e);
	ok = body != NULL && kube_do(k, "POST", "statefulsets", "", body, 0, e);
	json_decref(body);
	return ok && kube_find(k, e) && kube_is_there(k, e) && kube_describe(k, out, e);
}

/* --- taking away --- */

static bool
kube_destroy_volumes(struct kube *k, size_t *count, struct err *e)
{
	char *selector = kube_selector(k);
	struct engine_answer list;
	const json_t *items;
	bool ok = kube_call(
	    k, "GET", "persistentvolumeclaims", "", selector, NULL, 0, &list, e);

	free(selector);
	if (!ok)
		return false;
	items = json_object_get(list.body, "items");
	for (size_t i = 0; ok && i < json_array_size(items); i++) {
		ok = kube_do(k, "DELETE", "persistentvolumeclaims",
		    platform_text(json_array_get(items, i), "metadata.name"), NULL, 404,
		    e);
		*count += ok;
	}
	engine_answer_fini(&list);
	return ok;
}

static bool
kube_delete_own(struct kube *k, struct err *e)
{
	json_t *options = json_pack("{ssssss}", "apiVersion", "v1", "kind",
	    "DeleteOptions", "propagationPolicy", "Foreground");
	bool ok = kube_keeps_volumes(k, "whenDeleted", e) &&
		  kube_do(k, "DELETE", "statefulsets", k->set, options, 404, e);

	json_decref(options);
	return ok;
}

/* Said before the node is emptied, not after it has left the directory. */
static bool
kube_check_gone(struct kube *k, struct platform_answer *out, struct err *e)
{
	if (k->set[0] != '\0' &&
	    !(k->is_own
		    ? kube_keeps_volumes(k, "whenDeleted", e)
		    : kube_is_highest(k, e) && kube_keeps_volumes(k, "whenScaled", e)))
		return false;
	return kube_describe(k, out, e);
}

static bool
kube_deprovision(struct kube *k, struct platform_answer *out, struct err *e)
{
	struct platform_answer ignored;
	char secret[PLATFORM_NAME];
	bool own = k->call->given == NULL;
	size_t volumes = 0;

	kube_secret_name(k, secret, sizeof(secret));
	if (k->set[0] != '\0' &&
	    !(k->is_own ? kube_delete_own(k, e) : kube_stop(k, &ignored, e)))
		return false;
	if (own &&
	    (!kube_do(k, "DELETE", "secrets", secret, NULL, 404, e) ||
		(k->call->destroy_volumes && !kube_destroy_volumes(k, &volumes, e))))
		return false;
	out->state = PLATFORM_ABSENT;
	snprintf(out->text, sizeof(out->text), "%s%.120s%s",
	    k->set[0] == '\0' ? "" : "StatefulSet ",
	    k->set[0] == '\0' ? "it was gone already" : k->set,
	    k->set[0] == '\0' ? ""
	    : k->is_own	      ? " is deleted"
			      : " has one pod less");
	if (!k->call->destroy_volumes)
		snprintf(out->text + strlen(out->text),
		    sizeof(out->text) - strlen(out->text), ", its claims are kept");
	else if (own)
		snprintf(out->text + strlen(out->text),
		    sizeof(out->text) - strlen(out->text), ", and %zu claims with it",
		    volumes);
	else
		snprintf(out->text + strlen(out->text),
		    sizeof(out->text) - strlen(out->text),
		    "; it was made by hand, its claims are left: kubectl get pvc");
	return true;
}

static bool
kube_op(struct kube *k, enum platform_op op, struct platform_answer *out, struct err *e)
{
	switch (op) {
	case PLATFORM_CHECK_PROVISION:
		return kube_check(k, out, e);
	case PLATFORM_PROVISION:
		return kube_provision(k, out, e);
	case PLATFORM_START:
		return kube_start(k, out, e);
	case PLATFORM_STOP:
		return kube_stop(k, out, e);
	case PLATFORM_RESTART:
		return kube_restart(k, out, e);
	case PLATFORM_DEPROVISION:
		return kube_deprovision(k, out, e);
	case PLATFORM_CHECK_DEPROVISION:
		return kube_check_gone(k, out, e);
	case PLATFORM_DESCRIBE:
	case PLATFORM_OP_COUNT:
		break;
	}
	return kube_describe(k, out, e);
}

static bool
kube_run(const struct platform_call *call, enum platform_op op,
    struct platform_answer *out, struct err *e)
{
	struct kube k;
	bool ok = kube_open(call, &k, e);

	if (ok)
		ok = kube_find(&k, e) && kube_op(&k, op, out, e);
	kube_close(&k);
	return ok;
}

static bool
kube_check_conf(const struct controller_conf *conf, struct err *e)
{
	return strncmp(conf->kubernetes_url, "https://", 8) == 0 ||
	       err_set(e, ERR_REFUSED,
		   "kubernetes_url \"%.150s\": must begin with https://",
		   conf->kubernetes_url);
}

const struct platform_driver platform_kubernetes = {
    .name = "kubernetes",
    .check_conf = kube_check_conf,
    .run = kube_run,
};
