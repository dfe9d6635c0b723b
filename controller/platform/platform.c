/* SPDX-License-Identifier: Apache-2.0 */
/* Which platform, what its template says for one node, and the platform that is a person. */
#include "controller/platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/platform/platform_private.h"
#include "proto/base/buf.h"
#include "proto/base/tls.h"
#include "proto/base/xalloc.h"

#define TEMPLATE_MAX (256u * 1024)
#define TEMPLATE_DEPTH 40

const char *const platform_op_names[PLATFORM_OP_COUNT] = {
    [PLATFORM_DESCRIBE] = "describe",
    [PLATFORM_CHECK_PROVISION] = "check provision",
    [PLATFORM_CHECK_DEPROVISION] = "check deprovision",
    [PLATFORM_PROVISION] = "provision",
    [PLATFORM_START] = "start",
    [PLATFORM_STOP] = "stop",
    [PLATFORM_RESTART] = "restart",
    [PLATFORM_DEPROVISION] = "deprovision",
};

const char *const platform_state_names[PLATFORM_STATE_COUNT] = {
    [PLATFORM_UNKNOWN] = "unknown",
    [PLATFORM_ABSENT] = "absent",
    [PLATFORM_STOPPED] = "stopped",
    [PLATFORM_RUNNING] = "running",
};

/* --- the template --- */

static char *
template_fill(const char *text, const struct platform_call *call)
{
	struct buf b;
	char *filled;

	buf_init(&b, TEMPLATE_MAX);
	for (const char *p = text; *p != '\0'; p++) {
		bool ok;

		if (p[0] == '%' && p[1] == 'n')
			ok = buf_add_str(&b, call->short_name);
		else if (p[0] == '%' && p[1] == 'h')
			ok = buf_add_str(&b, call->node);
		else
			ok = buf_add(&b, p, 1);
		if (!ok)
			break;
		if (p[0] == '%' && (p[1] == 'n' || p[1] == 'h' || p[1] == '%'))
			p++;
	}
	filled = xstrdup(buf_str(&b));
	buf_fini(&b);
	return filled;
}

static json_t *
template_walk(const json_t *value, const struct platform_call *call, int depth)
{
	json_t *copy;
	const char *key;
	json_t *child;
	size_t i;

	if (depth > TEMPLATE_DEPTH)
		return json_null();
	if (json_is_string(value)) {
		char *text = template_fill(json_string_value(value), call);

		copy = json_string(text);
		free(text);
		return copy;
	}
	if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach((json_t *)(uintptr_t)value, i, child)
		{
			json_array_append_new(
			    copy, template_walk(child, call, depth + 1));
		}
		return copy;
	}
	if (!json_is_object(value))
		return json_deep_copy(value);
	copy = json_object();
	json_object_foreach((json_t *)(uintptr_t)value, key, child)
	{
		char *name = template_fill(key, call);

		json_object_set_new(copy, name, template_walk(child, call, depth + 1));
		free(name);
	}
	return copy;
}

json_t *
platform_template(const struct platform_call *call, struct err *e)
{
	const char *path = call->platform->conf->platform_template;
	json_error_t where;
	json_t *raw;
	json_t *filled;

	if (path == NULL) {
		err_set(e, ERR_REFUSED,
		    "platform_template is not set in controller.conf: the container of "
		    "%s cannot be made",
		    call->node);
		return NULL;
	}
	raw = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
	if (raw == NULL) {
		err_set(e, ERR_REFUSED, "platform_template %.200s: line %d: %.150s", path,
		    where.line, where.text);
		return NULL;
	}
	filled = template_walk(raw, call, 0);
	json_decref(raw);
	if (json_is_object(filled))
		return filled;
	json_decref(filled);
	err_set(e, ERR_REFUSED, "platform_template %.200s: must be a JSON object", path);
	return NULL;
}

json_t *
platform_object(json_t *object, const char *key)
{
	json_t *child = json_object_get(object, key);

	if (!json_is_object(child)) {
		json_object_set_new(object, key, json_object());
		child = json_object_get(object, key);
	}
	return child;
}

const json_t *
platform_at(const json_t *object, const char *path)
{
	char key[64];

	while (object != NULL && path[0] != '\0') {
		size_t length = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		object = json_object_get(object, key);
		path += length + (path[length] == '.');
	}
	return object;
}

const char *
platform_text(const json_t *object, const char *path)
{
	const char *text = json_string_value(platform_at(object, path));

	return text == NULL ? "" : text;
}

bool
platform_identity(const struct platform_call *call, struct buf *out, struct err *e)
{
	char name[TLS_NAME_MAX];

	snprintf(name, sizeof(name), "node:%s", call->node);
	return tls_ca_issue(
	    call->platform->conf->state_dir, name, TLS_IDENTITY_DAYS, out, e);
}

/* --- a person --- */

/* clang-format off */
static const char *const by_hand[PLATFORM_OP_COUNT] = {
	[PLATFORM_DESCRIBE]    = "its container is run by hand (platform = \"none\")",
	[PLATFORM_CHECK_PROVISION]       = "its container is made by hand (platform = \"none\")",
	[PLATFORM_CHECK_DEPROVISION] = "its container is taken away by hand (platform = \"none\")",
	[PLATFORM_PROVISION]   = ("make the container: a mailbox server that joins your Zimbra as %h, "
	                          "with zmferry-agent and the identity of: zmferry enroll %h"),
	[PLATFORM_START]       = "start the container of %h",
	[PLATFORM_STOP]        = "stop the container of %h",
	[PLATFORM_RESTART]     = "restart the container of %h",
	[PLATFORM_DEPROVISION] = "stop the container of %h and remove it",
};
/* clang-format on */

static bool
none_run(const struct platform_call *call, enum platform_op op,
    struct platform_answer *out, struct err *e)
{
	char *text = template_fill(by_hand[op], call);

	(void)e;
	out->by_hand = op != PLATFORM_DESCRIBE && op != PLATFORM_CHECK_PROVISION &&
		       op != PLATFORM_CHECK_DEPROVISION;
	snprintf(out->text, sizeof(out->text), "%s", text);
	free(text);
	return true;
}

static const struct platform_driver platform_none = {.name = "none", .run = none_run};

static const struct platform_driver *const drivers[] = {
    &platform_none,
    &platform_docker,
    &platform_kubernetes,
};

/* --- life --- */

static bool
containers_are_pairs(char *const *containers, struct err *e)
{
	for (char *const *row = containers; row != NULL && *row != NULL; row++) {
		const char *equals = strchr(*row, '=');

		if (equals == NULL || equals == *row || equals[1] == '\0')
			return err_set(e, ERR_REFUSED,
			    "containers: \"%.150s\" must be \"host=container\"", *row);
	}
	return true;
}

bool
platform_new(const struct controller_conf *conf, struct platform **out, struct err *e)
{
	struct platform *p;

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
		if (strcmp(drivers[i]->name, conf->platform) != 0)
			continue;
		if (!containers_are_pairs(conf->containers, e) ||
		    (drivers[i]->check_conf != NULL && !drivers[i]->check_conf(conf, e)))
			return false;
		p = XNEW(struct platform);
		p->conf = conf;
		p->driver = drivers[i];
		*out = p;
		return true;
	}
	return err_set(e, ERR_REFUSED,
	    "platform \"%.60s\": must be \"none\", \"docker\" or \"kubernetes\"",
	    conf->platform);
}

void
platform_free(struct platform **p)
{
	xfree(p);
}

const char *
platform_name(const struct platform *p)
{
	return p->driver->name;
}

bool
platform_do(const struct platform *p, enum platform_op op, const char *node,
    bool destroy_volumes, const atomic_bool *cancelled, struct platform_answer *out,
    struct err *e)
{
	struct platform_call call = {
	    .platform = p,
	    .node = node,
	    .destroy_volumes = destroy_volumes,
	    .cancelled = cancelled,
	};
	size_t length = strlen(node);

	memset(out, 0, sizeof(*out));
	snprintf(call.short_name, sizeof(call.short_name), "%.*s",
	    (int)strcspn(node, "."), node);
	for (char **row = p->conf->containers; row != NULL && *row != NULL; row++) {
		if (strncasecmp(*row, node, length) == 0 && (*row)[length] == '=')
			call.given = *row + length + 1;
	}
	return p->driver->run(&call, op, out, e) || err_wrap(e, "%s", p->driver->name);
}
