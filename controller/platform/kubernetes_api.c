/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the API server, and finding a node's StatefulSet. What is done with it: kubernetes.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/platform/kubernetes_private.h"
#include "proto/base/http_client.h"
#include "proto/base/xalloc.h"

#define NAMESPACE_FILE "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

/* --- calling --- */

/* kind is "statefulsets", "pods", ...; name and back may be "". */
bool
kube_call(struct kube *k, const char *method, const char *kind, const char *name,
    const char *back, const json_t *body, long also, struct engine_answer *out,
    struct err *e)
{
	bool is_set = strcmp(kind, "statefulsets") == 0;
	struct buf path;
	bool ok;

	buf_init(&path, 4096);
	ok = (buf_add_str(
		  &path, is_set ? "/apis/apps/v1/namespaces/" : "/api/v1/namespaces/") &&
		 http_escape(&path, k->namespace) && buf_add_str(&path, "/") &&
		 buf_add_str(&path, kind) &&
		 (name[0] == '\0' ||
		     (buf_add_str(&path, "/") && http_escape(&path, name))) &&
		 buf_add_str(&path, back)) ||
	     err_set(e, ERR_REFUSED, "%.100s...: the name is too long", name);
	ok = ok && engine_call(k->engine, method, buf_str(&path), body, out, e);
	if (ok && (out->status < 200 || out->status > 299) && out->status != also) {
		ok = engine_refused(out, buf_str(&path), e);
		engine_answer_fini(out);
	}
	buf_fini(&path);
	return ok;
}

bool
kube_do(struct kube *k, const char *method, const char *kind, const char *name,
    const json_t *body, long also, struct err *e)
{
	struct engine_answer a;
	bool ok;

	/* Without a name DELETE would mean all of them. */
	if (strcmp(method, "DELETE") == 0 && name[0] == '\0')
		return err_set(
		    e, ERR_PEER, "%s: an object in the answer has no name", kind);
	ok = kube_call(k, method, kind, name, "", body, also, &a, e);

	if (ok)
		engine_answer_fini(&a);
	return ok;
}

#define LABEL_MAX 63 /* of a label's value, by Kubernetes */

/* "?labelSelector=org.zmferry.node%3DHOST" */
char *
kube_selector(const struct kube *k)
{
	struct buf b;
	char *text;

	buf_init(&b, 2048);
	if (!buf_add_str(&b, "?labelSelector=" PLATFORM_LABEL "%3D") ||
	    !http_escape(&b, k->call->node))
		buf_clear(&b);
	text = xstrdup(buf_str(&b));
	buf_fini(&b);
	return text;
}

/* --- opening and finding --- */

bool
kube_open(const struct platform_call *call, struct kube *k, struct err *e)
{
	const struct controller_conf *conf = call->platform->conf;
	const struct engine_options options = {
	    .url = conf->kubernetes_url,
	    .ca_file = conf->kubernetes_ca_file,
	    .ca_setting = "kubernetes_ca_file",
	    .token_file = conf->kubernetes_token_file,
	    .cancelled = call->cancelled,
	};
	FILE *file;

	memset(k, 0, sizeof(*k));
	k->call = call;
	if (conf->kubernetes_namespace != NULL) {
		snprintf(
		    k->namespace, sizeof(k->namespace), "%s", conf->kubernetes_namespace);
	} else {
		file = fopen(NAMESPACE_FILE, "re");
		if (file == NULL ||
		    fgets(k->namespace, sizeof(k->namespace), file) == NULL)
			k->namespace[0] = '\0';
		if (file != NULL)
			fclose(file);
		k->namespace[strcspn(k->namespace, "\n")] = '\0';
		if (k->namespace[0] == '\0')
			return err_set(e, ERR_REFUSED,
			    "set kubernetes_namespace: %s cannot be read",
			    NAMESPACE_FILE);
	}
	k->engine = engine_open(&options, e);
	return k->engine != NULL;
}

void
kube_close(struct kube *k)
{
	engine_answer_fini(&k->found);
	engine_close(&k->engine);
}

bool
kube_read(struct kube *k, const char *name, struct err *e)
{
	engine_answer_fini(&k->found);
	k->set[0] = '\0';
	if (!kube_call(k, "GET", "statefulsets", name, "", NULL, 404, &k->found, e))
		return false;
	if (k->found.status == 404)
		engine_answer_fini(&k->found);
	else
		snprintf(k->set, sizeof(k->set), "%s",
		    platform_text(k->found.body, "metadata.name"));
	return true;
}

static bool
kube_found(struct kube *k, const json_t *item, struct err *e)
{
	const char *name = platform_text(item, "metadata.name");

	return name[0] == '\0'
		   ? err_set(e, ERR_PEER, "a StatefulSet in the answer has no name")
		   : kube_read(k, name, e);
}

/* "set/3" */
static bool
kube_given(struct kube *k, struct err *e)
{
	const char *slash = strchr(k->call->given, '/');
	char name[PLATFORM_NAME];
	char *end;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(k->call->given, "/"),
	    k->call->given);
	if (slash != NULL)
		k->ordinal = (int)strtol(slash + 1, &end, 10);
	if (slash != NULL && (end == slash + 1 || *end != '\0' || k->ordinal < 0))
		return err_set(e, ERR_REFUSED,
		    "containers: \"%.150s\" must be a StatefulSet, or \"set/ordinal\"",
		    k->call->given);
	return kube_read(k, name, e);
}

bool
kube_find(struct kube *k, struct err *e)
{
	struct engine_answer list;
	const json_t *items;
	char *selector;
	bool ok;

	if (k->call->given != NULL)
		return kube_given(k, e);
	if (strlen(k->call->node) > LABEL_MAX)
		return err_set(e, ERR_REFUSED,
		    "node %.150s: its name is longer than %d characters, too long for a "
		    "label; make its StatefulSet by hand and name it in \"containers\"",
		    k->call->node, LABEL_MAX);
	selector = kube_selector(k);
	ok = kube_call(k, "GET", "statefulsets", "", selector, NULL, 0, &list, e);
	free(selector);
	if (!ok)
		return false;
	items = json_object_get(list.body, "items");
	if (json_array_size(items) > 1)
		ok = err_set(e, ERR_REFUSED,
		    "%zu StatefulSets have the label %s=%.150s; delete the wrong ones",
		    json_array_size(items), PLATFORM_LABEL, k->call->node);
	else if (json_array_size(items) == 1)
		ok = kube_found(k, json_array_get(items, 0), e);
	k->is_own = k->set[0] != '\0';
	engine_answer_fini(&list);
	return ok;
}
