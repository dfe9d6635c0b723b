/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: one HTTP request over the unix socket, one JSON answer.
 * What can go wrong: no controller there, no permission on the socket, a refusal
 * (a JSON object "error"). Not here: what the answers mean.
 */
#include "controller/cli/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/http_client.h"

static enum err_kind
api_kind(const char *name)
{
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
		if (strcmp(err_kind_name((enum err_kind)kind), name) == 0)
			return (enum err_kind)kind;
	}
	return ERR_REFUSED;
}

static bool
api_refusal(struct api *api, const json_t *answer, long status, struct err *e)
{
	const json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, "text"));
	const char *kind = json_string_value(json_object_get(error, "kind"));
	const char *next = json_string_value(json_object_get(error, "next"));

	if (text == NULL)
		return err_set(e, ERR_PEER,
		    "controller answered with HTTP %ld and no reason", status);
	snprintf(api->next, sizeof(api->next), "%s", next == NULL ? "" : next);
	return err_set(e, api_kind(kind == NULL ? "" : kind), "%s", text);
}

static bool
api_reachable(const struct api *api, struct err *e)
{
	if (access(api->socket_path, R_OK | W_OK) == 0)
		return true;
	if (errno == EACCES)
		return err_set(e, ERR_REFUSED,
		    "%s: no permission; run zmferry as root or as a member of group "
		    "zmferry",
		    api->socket_path);
	return err_set(e, ERR_RETRY,
	    "%s: no controller there; start zmferry-controller, or name its socket with "
	    "--socket",
	    api->socket_path);
}

bool
api_call(struct api *api, const char *method, const char *path, json_t *body,
    json_t **answer_out, struct err *e)
{
	struct http_client_options options = {.unix_socket = api->socket_path};
	const char *const headers[] = {"Content-Type: application/json", NULL};
	struct http_client *client = NULL;
	struct http_answer answer = {0};
	char *text = NULL;
	char *url = NULL;
	json_t *root = NULL;
	bool ok = false;

	api->next[0] = '\0';
	if (!api_reachable(api, e))
		return false;
	if (body != NULL)
		text = json_dumps(body, JSON_COMPACT);
	if (asprintf(&url, "http://controller%s", path) < 0)
		BUG("out of memory");
	client = http_client_new(&options);
	struct http_request request = {
	    .method = method,
	    .url = url,
	    .headers = headers,
	    .body = text,
	    .body_len = text == NULL ? 0 : strlen(text),
	    .answer_max = 64u * 1024 * 1024,
	    .total_timeout_ms = 120000,
	};
	if (!http_client_do(client, &request, &answer, e)) {
		err_wrap(e, "controller at %s", api->socket_path);
		/* A socket without a listener is what a killed controller leaves behind. */
		snprintf(api->next, sizeof(api->next),
		    "start zmferry-controller if it does not run; it goes on where it "
		    "was");
		goto out;
	}
	root = json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL);
	if (root == NULL) {
		err_set(e, ERR_PEER, "controller answered with HTTP %ld and no JSON",
		    answer.status);
		goto out;
	}
	if (answer.status < 200 || answer.status > 299) {
		api_refusal(api, root, answer.status, e);
		goto out;
	}
	*answer_out = json_incref(root);
	ok = true;
out:
	json_decref(root);
	http_answer_fini(&answer);
	http_client_free(&client);
	free(text);
	free(url);
	return ok;
}
