/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a token (from a login when there is none), an envelope, an answer.
 * What can go wrong: the network, a fault, a token that ran out (one new login, then
 * the same call once more).
 */
#include "proto/zimbra/soap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/xalloc.h"
#include "proto/zimbra/soap_private.h"

#define REQUEST_MAX (15u * 1024 * 1024) /* zimbraSoapRequestMaxSize */

#define TIMEOUT_MS 60000

struct soap_client {
	char *host;
	uint16_t admin_port;
	char *admin_name;
	struct secret *password;
	struct http_client *http;
	unsigned timeout_ms;
	uint64_t until_ms; /* of the call under way, its login included */
	char *token;
	char pin[64]; /* "" = none */
	char fault[80];
};

struct soap_client *
soap_client_new(const struct soap_options *o)
{
	struct soap_client *c = XNEW(struct soap_client);
	const struct http_client_options http = {
	    .ca_file = o->ca_file,
	    .resolve = o->resolve,
	    .cancelled = o->cancelled,
	};

	c->host = xstrdup(o->host);
	c->admin_port = o->admin_port;
	c->admin_name = xstrdup(o->admin_name);
	c->password = secret_copy(o->admin_password);
	if (o->token != NULL)
		c->token = xstrdup(secret_reveal(o->token));
	c->timeout_ms = o->timeout_ms == 0 ? TIMEOUT_MS : o->timeout_ms;
	c->http = http_client_new(&http);
	return c;
}

void
soap_client_limit(
    struct soap_client *c, unsigned timeout_ms, const atomic_bool *cancelled)
{
	c->timeout_ms = timeout_ms == 0 ? TIMEOUT_MS : timeout_ms;
	http_client_set_cancelled(c->http, cancelled);
}

void
soap_forget_token(struct soap_client *c)
{
	if (c->token != NULL)
		secret_wipe(c->token, strlen(c->token));
	xfree(&c->token);
}

void
soap_client_free(struct soap_client **c)
{
	if (*c == NULL)
		return;
	soap_forget_token(*c);
	http_client_free(&(*c)->http);
	secret_free(&(*c)->password);
	free((*c)->host);
	free((*c)->admin_name);
	xfree(c);
}

const char *
soap_fault(const struct soap_client *c)
{
	return c->fault;
}

/* Posts once, with what token there is. */
static bool
soap_post(struct soap_client *c, struct soap_request *r, const char *token,
    struct soap_answer **out, struct err *e)
{
	static const char *const headers[] = {
	    "Content-Type: application/soap+xml; charset=utf-8", NULL};
	struct http_answer answer = {0};
	struct buf body;
	char url[400];
	char what[400];
	uint64_t now = clock_mono_ms();
	unsigned left_ms = now < c->until_ms ? (unsigned)(c->until_ms - now) : 0;
	bool ok;

	snprintf(url, sizeof(url), "https://%.300s:%u/service/admin/soap", c->host,
	    c->admin_port);
	snprintf(what, sizeof(what), "%.300s: %s", c->host, r->name);
	c->fault[0] = '\0';
	buf_init(&body, REQUEST_MAX);
	ok = soap_envelope(r, token, &body, e);
	if (ok && left_ms == 0)
		ok = err_set(e, ERR_RETRY, "%s: not sent: its %u ms are over", what,
		    c->timeout_ms);
	if (ok) {
		const struct http_request request = {
		    .method = "POST",
		    .url = url,
		    .headers = headers,
		    .body = body.data,
		    .body_len = body.len,
		    .answer_max = SOAP_ANSWER_MAX,
		    .total_timeout_ms = left_ms,
		    .stall_timeout_ms = left_ms,
		};

		ok = http_client_do(c->http, &request, &answer, e);
		if (!ok)
			err_wrap(e, "%s", what);
		else if (answer.status == 200 || answer.status == 500)
			ok = soap_parse(what, buf_str(&answer.body), answer.body.len, out,
			    c->fault, sizeof(c->fault), e);
		else
			ok = err_set(e, ERR_RETRY, "%s: HTTP %ld", what, answer.status);
	}
	http_answer_fini(&answer);
	secret_wipe(body.data, body.len);
	buf_fini(&body);
	return ok;
}

static bool
soap_login(struct soap_client *c, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "AuthRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_open(r, "name");
	soap_text(r, c->admin_name);
	soap_close(r);
	soap_open(r, "password");
	soap_text(r, secret_reveal(c->password));
	soap_close(r);
	ok = soap_post(c, r, NULL, &answer, e);
	if (ok) {
		const struct soap_node *token =
		    soap_child(soap_body(answer), "authToken");

		soap_forget_token(c);
		c->token = xstrdup(token == NULL ? "" : soap_get_text(token));
		if (c->token[0] == '\0') {
			soap_forget_token(c);
			ok = err_set(
			    e, ERR_PEER, "%s: the login's answer has no token", c->host);
		}
	} else if (c->fault[0] != '\0') {
		err_wrap(e, "login as %s", c->admin_name);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
soap_token(struct soap_client *c, const char **token_out, struct err *e)
{
	c->until_ms = clock_mono_ms() + c->timeout_ms;
	if (c->token == NULL && !soap_login(c, e))
		return false;
	*token_out = c->token;
	return true;
}

static bool
soap_token_is_stale(const struct soap_client *c)
{
	return strcmp(c->fault, "service.AUTH_EXPIRED") == 0 ||
	       strcmp(c->fault, "service.AUTH_REQUIRED") == 0;
}

void
soap_client_pin(struct soap_client *c, const char *server_id)
{
	snprintf(c->pin, sizeof(c->pin), "%s", server_id);
}

bool
soap_call(struct soap_client *c, struct soap_request *r, struct soap_answer **answer_out,
    struct err *e)
{
	bool had_token = c->token != NULL;

	*answer_out = NULL;
	c->until_ms = clock_mono_ms() + c->timeout_ms;
	if (c->pin[0] != '\0')
		soap_pin(r, c->pin);
	if (!had_token && !soap_login(c, e))
		return false;
	if (soap_post(c, r, c->token, answer_out, e))
		return true;
	if (!had_token || !soap_token_is_stale(c) || c->password == NULL)
		return false;
	return soap_login(c, e) && soap_post(c, r, c->token, answer_out, e);
}

bool
soap_call_as(struct soap_client *c, const struct secret *token, struct soap_request *r,
    struct soap_answer **answer_out, struct err *e)
{
	*answer_out = NULL;
	c->until_ms = clock_mono_ms() + c->timeout_ms;
	return soap_post(c, r, secret_reveal(token), answer_out, e);
}

const char *
soap_host(const struct soap_client *c)
{
	return c->host;
}

uint16_t
soap_port(const struct soap_client *c)
{
	return c->admin_port;
}

struct http_client *
soap_http(struct soap_client *c)
{
	return c->http;
}
