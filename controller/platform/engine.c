/* SPDX-License-Identifier: Apache-2.0 */
/* JSON over HTTP as Docker and Kubernetes speak it: both put a sentence into "message". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/platform/platform_private.h"
#include "proto/base/http_client.h"
#include "proto/base/secret.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"

#define ENGINE_MS 240000 /* stopping a mailbox server takes minutes */
#define ENGINE_ANSWER_MAX (8u * 1024 * 1024)

struct engine {
	struct http_client *http;
	char *url;
	char *authorization; /* "Authorization: Bearer ..."; NULL: none */
};

struct engine *
engine_open(const struct engine_options *options, struct err *e)
{
	const struct http_client_options http = {
	    .unix_socket = options->unix_socket,
	    .ca_file = options->ca_file,
	    .ca_setting = options->ca_setting,
	    .cert_file = options->cert_file,
	    .key_file = options->key_file,
	    .cancelled = options->cancelled,
	};
	struct secret *token = NULL;
	struct engine *g;

	if (options->token_file != NULL &&
	    !secret_load_mounted(options->token_file, &token, e))
		return NULL;
	g = XNEW(struct engine);
	g->http = http_client_new(&http);
	g->url = xstrdup(options->url);
	if (token != NULL)
		g->authorization =
		    xasprintf("Authorization: Bearer %s", secret_reveal(token));
	secret_free(&token);
	return g;
}

void
engine_close(struct engine **g)
{
	if (*g == NULL)
		return;
	http_client_free(&(*g)->http);
	free((*g)->url);
	if ((*g)->authorization != NULL)
		explicit_bzero((*g)->authorization, strlen((*g)->authorization));
	free((*g)->authorization);
	xfree(g);
}

void
engine_answer_fini(struct engine_answer *a)
{
	json_decref(a->body);
	a->body = NULL;
}

static bool
engine_send(struct engine *g, const char *method, const char *path, const char *type,
    const void *body, size_t body_len, struct engine_answer *out, struct err *e)
{
	const char *headers[] = {
	    "Accept: application/json", type, g->authorization, NULL};
	char *url = xasprintf("%s%s", g->url, path);
	const struct http_request request = {
	    .method = method,
	    .url = url,
	    .headers = headers,
	    .body = body,
	    .body_len = body_len,
	    .answer_max = ENGINE_ANSWER_MAX,
	    .total_timeout_ms = ENGINE_MS,
	    .stall_timeout_ms = ENGINE_MS,
	};
	struct http_answer answer;
	json_error_t where;
	bool ok;

	memset(out, 0, sizeof(*out));
	ok = http_client_do(g->http, &request, &answer, e);
	free(url);
	if (ok && answer.body.len > 0)
		out->body = json_loadb(buf_str(&answer.body), answer.body.len, 0, &where);
	if (ok) {
		out->status = answer.status;
		snprintf(out->message, sizeof(out->message), "%s",
		    out->body != NULL ? platform_text(out->body, "message")
				      : buf_str(&answer.body));
		utf8_tidy(out->message);
		if (out->body == NULL && answer.body.len > 0 && answer.status < 300)
			ok = err_set(e, ERR_PEER,
			    "%s %.150s: the answer is no JSON: %.100s", method, path,
			    where.text);
	}
	http_answer_fini(&answer);
	return ok;
}

bool
engine_call(struct engine *g, const char *method, const char *path, const json_t *body,
    struct engine_answer *out, struct err *e)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	bool ok = engine_send(g, method, path, "Content-Type: application/json", text,
	    text == NULL ? 0 : strlen(text), out, e);

	free(text);
	return ok;
}

bool
engine_put_tar(struct engine *g, const char *path, const void *tar, size_t size,
    struct engine_answer *out, struct err *e)
{
	return engine_send(
	    g, "PUT", path, "Content-Type: application/x-tar", tar, size, out, e);
}

bool
engine_refused(const struct engine_answer *a, const char *what, struct err *e)
{
	bool busy = a->status >= 500 || a->status == 429 || a->status == 409;

	return err_set(e, busy ? ERR_RETRY : ERR_REFUSED, "%.200s: HTTP %ld%s%.200s",
	    what, a->status, a->message[0] == '\0' ? "" : ": ", a->message);
}
