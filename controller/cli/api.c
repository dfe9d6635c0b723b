/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: one HTTP request over the unix socket or HTTPS, one JSON answer.
 * What can go wrong: no controller there, no permission on the socket, a file that is no
 * certificate, a server that nobody vouches for, a refusal (a JSON object "error"). Not
 * here: what the answers mean.
 */
#include "controller/cli/api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/http_client.h"
#include "proto/base/xalloc.h"

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

/* --- from another machine --- */

#define CONTROLLER_PORT "7440"
#define CERTIFICATE_MAX 262144
#define PEM_BEGIN "-----BEGIN "
#define PEM_CERTIFICATE "-----BEGIN CERTIFICATE-----"

char *
api_controller_url(const char *said, struct err *e)
{
	const char *host =
	    strncmp(said, "https://", 8) == 0 ? said + 8 : NULL; /* nothing less */
	size_t name = host == NULL ? 0
		      : host[0] == '['
			  ? strcspn(host, "]") + 1
			  : strspn(host, "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
	const char *port = host == NULL || name > strlen(host) ? "" : host + name;
	size_t digits = port[0] == ':' ? strspn(port + 1, "0123456789") : 0;
	const char *end = port[0] == ':' ? port + 1 + digits : port;

	if (end[0] == '/')
		end++;
	if (name < 1 || name > 255 || name > strlen(host) || end[0] != '\0' ||
	    (port[0] == ':' && (digits < 1 || digits > 5)) ||
	    (host[0] == '[' &&
		(name < 4 || strspn(host + 1, "0123456789abcdefABCDEF:.") != name - 2))) {
		err_set(e, ERR_REFUSED,
		    "controller \"%.200s\" is no address (try "
		    "https://zmferry.example.org:" CONTROLLER_PORT
		    ": https, nothing behind the port)",
		    said);
		return NULL;
	}
	return digits > 0 ? xasprintf("https://%.*s:%.*s", (int)name, host, (int)digits,
				port + 1)
			  : xasprintf("https://%.*s:" CONTROLLER_PORT, (int)name, host);
}

/* From its "-----BEGIN" to the next one's; NULL = there is none. */
static const char *
pem_next(const char *text)
{
	return strstr(text, PEM_BEGIN);
}

bool
api_certificate_split(const char *path, const char *text, char **identity_out,
    char **server_ca_out, struct err *e)
{
	const char *key = pem_next(text);
	const char *own = key == NULL ? NULL : pem_next(key + 1);
	const char *ca = own == NULL ? NULL : pem_next(own + 1);
	const char *more = ca == NULL ? NULL : pem_next(ca + 1);

	*identity_out = *server_ca_out = NULL;
	if (ca == NULL || strstr(key, "PRIVATE KEY-----") == NULL ||
	    strstr(key, "PRIVATE KEY-----") > own ||
	    strncmp(own, PEM_CERTIFICATE, sizeof(PEM_CERTIFICATE) - 1) != 0 ||
	    strncmp(ca, PEM_CERTIFICATE, sizeof(PEM_CERTIFICATE) - 1) != 0)
		return err_set(e, ERR_REFUSED,
		    "%s: is no operator's certificate, which begins with a private key, "
		    "a certificate and its CA's; get one on the controller's machine: "
		    "zmferry operator enroll NAME",
		    path);
	for (const char *p = more; p != NULL; p = pem_next(p + 1)) {
		if (strncmp(p, PEM_CERTIFICATE, sizeof(PEM_CERTIFICATE) - 1) != 0)
			return err_set(e, ERR_REFUSED,
			    "%s: behind the operator's certificate only certificates of "
			    "CAs may stand; there is something else",
			    path);
	}
	/* The operators' CA signs no server: it is left out of both. */
	*identity_out = xasprintf("%.*s", (int)(ca - key), key);
	*server_ca_out = more == NULL ? NULL : xstrdup(more);
	return true;
}

static bool
remote_load(struct api *api, struct err *e)
{
	char *text;
	ssize_t got = 0;
	size_t length = 0;
	struct stat st;
	bool ok = false;
	int fd;

	if (api->certificate == NULL)
		return err_set(e, ERR_REFUSED,
		    "a controller at an address needs --certificate FILE (or "
		    "ZMFERRY_CERTIFICATE); get one on its machine: zmferry operator "
		    "enroll NAME");
	fd = open(api->certificate, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		err_errno(e, ERR_REFUSED, errno, "certificate %s", api->certificate);
		if (fd >= 0)
			close(fd);
		return false;
	}
	text = xcalloc(1, CERTIFICATE_MAX + 1);
	while (length < CERTIFICATE_MAX &&
	       (got = read(fd, text + length, CERTIFICATE_MAX - length)) > 0)
		length += (size_t)got;
	if (got < 0)
		err_errno(e, ERR_REFUSED, errno, "certificate %s", api->certificate);
	else if ((st.st_mode & 077) != 0)
		err_set(e, ERR_REFUSED,
		    "%s: holds a private key and others may read it; run: chmod 0400 %s",
		    api->certificate, api->certificate);
	else
		ok = api_certificate_split(
			 api->certificate, text, &api->identity, &api->server_ca, e) &&
		     (api->url = api_controller_url(api->controller, e)) != NULL;
	explicit_bzero(text, CERTIFICATE_MAX);
	free(text);
	close(fd);
	return ok;
}

/* Opens nothing yet: which way it is, and everything that it needs. */
static bool
api_begin(struct api *api, struct http_client_options *out, struct err *e)
{
	*out = (struct http_client_options){.cancelled = api->cancelled};
	if (api->controller == NULL) {
		out->unix_socket = api->socket_path;
		return api_reachable(api, e);
	}
	if (api->url == NULL && !remote_load(api, e))
		return false;
	out->identity_pem = api->identity;
	out->ca_pem = api->server_ca;
	out->ca_setting = "the certificate file, or this machine's certificates,";
	return true;
}

/* No answer: what else is there to try? */
static bool
api_unreachable(struct api *api, struct err *e)
{
	err_wrap(e, "controller at %s",
	    api->controller == NULL ? api->socket_path : api->controller);
	/* A socket without a listener is what a killed controller leaves behind. */
	snprintf(api->next, sizeof(api->next), "%s",
	    api->controller == NULL
		? "start zmferry-controller if it does not run; it goes on where it was"
	    : e->kind == ERR_PEER
		? "append the CA of the API's certificate to the file of --certificate"
		: "does it run, with api_listen_address set, and is its port open here?");
	return false;
}

static bool
api_send(struct api *api, const char *method, const char *path, const char *body,
    const char *etag, struct http_answer *answer, struct err *e)
{
	struct http_client_options options;
	char known[API_ETAG + 32];
	const char *const headers[] = {"Content-Type: application/json",
	    etag == NULL || etag[0] == '\0' ? NULL : known, NULL};
	struct http_client *client;
	char *url = NULL;
	bool ok;

	api->next[0] = '\0';
	if (!api_begin(api, &options, e))
		return false;
	if (asprintf(&url, "%s%s", api->url == NULL ? "http://controller" : api->url,
		path) < 0)
		BUG("out of memory");
	snprintf(known, sizeof(known), "If-None-Match: %.*s", API_ETAG,
	    etag == NULL ? "" : etag);
	client = http_client_new(&options);
	struct http_request request = {
	    .method = method,
	    .url = url,
	    .headers = headers,
	    .body = body,
	    .body_len = body == NULL ? 0 : strlen(body),
	    .answer_max = 64u * 1024 * 1024,
	    .total_timeout_ms = 120000,
	};
	ok = http_client_do(client, &request, answer, e);
	if (!ok) {
		http_answer_fini(answer);
		api_unreachable(api, e);
	}
	http_client_free(&client);
	free(url);
	return ok;
}

/* JSON, or a refusal in JSON. Ends the answer. */
static bool
api_take(struct api *api, struct http_answer *answer, json_t **answer_out, struct err *e)
{
	json_t *root = json_loadb(buf_str(&answer->body), answer->body.len, 0, NULL);
	bool ok = false;

	if (root == NULL)
		err_set(e, ERR_PEER, "controller answered with HTTP %ld and no JSON",
		    answer->status);
	else if (answer->status < 200 || answer->status > 299)
		api_refusal(api, root, answer->status, e);
	else
		ok = true;
	if (ok)
		*answer_out = json_incref(root);
	json_decref(root);
	http_answer_fini(answer);
	return ok;
}

bool
api_call(struct api *api, const char *method, const char *path, json_t *body,
    json_t **answer_out, struct err *e)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	struct http_answer answer;
	bool ok = api_send(api, method, path, text, NULL, &answer, e) &&
		  api_take(api, &answer, answer_out, e);

	free(text);
	return ok;
}

bool
api_call_if_changed(struct api *api, const char *path, char etag[API_ETAG],
    json_t **answer_out, struct err *e)
{
	struct http_answer answer;

	*answer_out = NULL;
	if (!api_send(api, "GET", path, NULL, etag, &answer, e))
		return false;
	if (answer.status == 304) {
		http_answer_fini(&answer);
		return true;
	}
	snprintf(etag, API_ETAG, "%s", answer.etag);
	return api_take(api, &answer, answer_out, e);
}

void
api_fini(struct api *api)
{
	if (api->identity != NULL)
		explicit_bzero(api->identity, strlen(api->identity));
	xfree(&api->identity);
	xfree(&api->server_ca);
	xfree(&api->url);
}
